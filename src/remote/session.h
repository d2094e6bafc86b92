/*-------------------------------------------------------------------------
 *
 * remote/session.h
 *		This backend's one pool of connections, and waiting for it.
 *
 * The pool is made at the first request and lives as long as the backend; it
 * survives errors.  What was learnt at each place (remote/routes.h) is kept
 * here too.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_SESSION_H
#define MP_REMOTE_SESSION_H

#include "postgres.h"

#include "utils/timestamp.h"

#include "api/api.h"
#include "remote/routes.h"

/* GUCs, defined in mixpanel_sa_fdw.c. */
extern bool mp_log_requests;
extern int	mp_max_deletes;
extern int	mp_max_membership_changes;
extern int	mp_max_requests;
extern bool mp_allow_unreturned_secret;
extern int	mp_progress_interval;

/* Once, when the library is loaded. */
extern void mp_session_init(void);

/* The pool; made if need be.  Raises 53200 or 53000. */
extern MpHttp *mp_session_http(void);

/* The pool if there is one, else NULL. */
extern MpHttp *mp_session_http_if_any(void);

/*
 * Raise 54000 if the statement would make more than mp_max_requests requests
 * with `count` more, of which none has been made yet.
 */
extern void mp_session_expect(int count);

/*
 * The requests of a COMMIT count by themselves.  Raises 54000 if it needs more
 * than mp_max_requests; from then on they are not counted, as a COMMIT that
 * has begun should not be cut off.
 */
extern void mp_session_expect_commit(int count);

/*
 * Raise 53200 if a call could not be made, 54000 if it is one too many; else
 * return it.
 */
extern MpCall *mp_session_started(MpCall *call);

/*
 * Wait until the pool has something to do, and do it.  Acts on interrupts:
 * may raise 57014, or end the process.  The time is charged to `call`, which
 * may be NULL.
 */
extern void mp_session_wait(MpCall *call);

/* Wait until then, and do what the pool has to do meanwhile; acts on
 * interrupts. */
extern void mp_session_nap(TimestampTz until);

/*
 * Wait for an answer that only the client can use: the same, and looks every
 * second whether the client is still there.
 */
extern void mp_session_wait_for_client(MpCall *call);

/* Ends the process (08006) where the client has closed the connection, as far
 * as the operating system says so, whatever client_connection_check_interval
 * is. */
extern void mp_session_check_client(void);

/* Wait as mp_session_wait() without acting on interrupts, for an abort: false
 * once `deadline` is past. */
extern bool mp_session_wait_until(TimestampTz deadline);

/*
 * The descriptor that is readable when mp_session_run() has work; asked for
 * anew when a wait is prepared and whatever has been begun since.
 */
extern int	mp_session_descriptor(void);
extern void mp_session_run(void);
extern void mp_session_make_readable(void);

/*
 * What is known of the place that the settings lead to; valid until the next
 * call of a function of this file.  Called before requests are made with
 * settings: from then on, a change of their server or user mapping closes idle
 * connections, and one of the server forgets what was learnt.
 */
extern MpRoutes *mp_session_routes(const MpSettings *settings);

#endif							/* MP_REMOTE_SESSION_H */
