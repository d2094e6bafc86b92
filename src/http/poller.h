/*-------------------------------------------------------------------------
 *
 * http/poller.h
 *		Many sockets and one timer behind one pollable descriptor.
 *
 * epoll with a timerfd, so Linux only.  Knows nothing of libcurl, HTTP or
 * PostgreSQL.  No function blocks or throws.
 *
 * A request is short, and a call of the kernel may cost as much as all else
 * that a request does here.  So the kernel is told late: of the timer when
 * somebody is about to wait, and not at all where it would be told otherwise
 * before that; and of a socket that nobody watches any more when it is ready,
 * since most are watched again for the next request.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_HTTP_POLLER_H
#define MP_HTTP_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#define MP_POLLER_READ	1
#define MP_POLLER_WRITE 2
#define MP_POLLER_ERROR 4		/* reported, never asked for */

#define MP_POLLER_NEVER INT64_MAX	/* no time is due */

typedef struct MpPoller MpPoller;

typedef struct MpPollerEvent
{
	int			fd;
	int			events;			/* MP_POLLER_* bits */
} MpPollerEvent;

/* A new poller, or NULL with errno set.  The caller destroys it. */
extern MpPoller *mp_poller_create(void);

/* Closes the descriptor; watched sockets stay open.  NULL is allowed. */
extern void mp_poller_destroy(MpPoller *poller);

/*
 * The descriptor that is readable while any watched socket is ready or the
 * timer has run out; once in a while it is so for nothing, until
 * mp_poller_take() is called.  It stays the poller's and never changes.
 */
extern int	mp_poller_descriptor(const MpPoller *poller);

/*
 * To be called before a wait on the descriptor: else it does not tell of the
 * timer.  False with errno set if the kernel refuses.
 */
extern bool mp_poller_arm(MpPoller *poller);

/*
 * Watch fd for MP_POLLER_READ and/or MP_POLLER_WRITE, level-triggered;
 * replaces what was asked before; 0 stops watching (no error if it was not
 * watched or is closed already).  False with errno set if the kernel refuses.
 */
extern bool mp_poller_watch(MpPoller *poller, int fd, int events);

/*
 * Has a socket been watched for writing since the last mp_poller_take()?  It
 * may be ready at once, as it does not depend on an answer.
 */
extern bool mp_poller_may_write(const MpPoller *poller);

/*
 * The timer runs out when CLOCK_MONOTONIC shows `due` milliseconds, and stays
 * so until it is set anew; 0: at once; MP_POLLER_NEVER: not at all.
 */
extern void mp_poller_set_timer(MpPoller *poller, int64_t due);

/*
 * Up to `max` events of watched sockets that are there now; returns how many,
 * fewer than `max` (of which 64 count) only if there are no others.
 * That the timer has run out is none: the caller has a clock.
 */
extern int	mp_poller_take(MpPoller *poller, MpPollerEvent *events, int max);

#endif							/* MP_HTTP_POLLER_H */
