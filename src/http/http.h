/*-------------------------------------------------------------------------
 *
 * http/http.h
 *		HTTP requests of one session on one libcurl multi handle.
 *
 * Owns connections, the per-server window (max_concurrency), retries, backoff,
 * timeouts, redirects, body limits and counters.  Knows nothing of Mixpanel,
 * JSON or PostgreSQL: it builds and is tested without the server.
 *
 * Nothing here blocks or throws.  Memory is malloc'ed; a failure of malloc is
 * an outcome.  The caller waits on mp_http_descriptor() by its own means, then
 * calls mp_http_run().
 *
 * What is sent again (max_retries times, waits from 250 ms, doubled, with
 * jitter, or what Retry-After says):
 *	 GET, DELETE	no connection, connection lost, body cut off,
 *					request_timeout, 429, 500, 502, 503, 504
 *	 POST			no connection (nothing was sent), 429, 503 with Retry-After
 * A wait longer than max_retry_wait is not begun: the answer is final at once.
 * A 429 does not use up a retry where others of the same base URL and
 * organization were answered since the request's last one: then the server is
 * giving out what it has, and the request's turn comes.
 *
 * What a 429, or a 503 with Retry-After, says of when to come again is meant
 * for all requests of its base URL and organization; see base/budget.h.  After
 * a 429 they begin one by one, and one more at once each time that as many as
 * there may be have been answered.
 *
 * A TLS certificate that does not verify is final at once.
 *
 * A request for which no descriptor is left waits for those of others that are
 * on the wire, and takes the place of idle connections; by itself it fails.
 *
 * A POST goes out on a connection of its own: libcurl by itself sends a
 * request again when a reused connection dies before the first byte of the
 * answer, which would carry out a POST twice.
 *
 * Redirects (301, 302, 307, 308) are followed with method and body kept, at
 * most MP_HTTP_REDIRECTS times, to the same scheme, host and port only.
 *
 * Of the body of an answer other than 2xx, as much is read as a message can
 * need; what goes on behind that is not waited for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_HTTP_H
#define MP_HTTP_H

#include "base/budget.h"
#include "base/settings.h"
#include "json/pages.h"

#define MP_HTTP_REDIRECTS		5
#define MP_HTTP_BODY_LIMIT		(16 * 1024 * 1024)	/* bytes, decompressed */
#define MP_HTTP_HEADER_LIMIT	(256 * 1024)	/* bytes, of one answer */
#define MP_HTTP_CA_LIMIT		(4 * 1024 * 1024)	/* bytes of a ca_file */
#define MP_HTTP_BACKLOG			(64 * 1024) /* unread bytes that pause a
											 * streamed body */

typedef struct MpHttp MpHttp;
typedef struct MpRequest MpRequest;

typedef enum MpMethod
{
	MP_METHOD_GET,
	MP_METHOD_POST,
	MP_METHOD_DELETE,
} MpMethod;

typedef enum MpOutcome
{
	MP_OUTCOME_PENDING,			/* not finished */
	MP_OUTCOME_OK,				/* 2xx and the whole body */
	MP_OUTCOME_STATUS,			/* any other status, final */
	MP_OUTCOME_UNREACHABLE,		/* resolve, connect, proxy or TLS failed */
	MP_OUTCOME_LOST,			/* connection lost or body cut off */
	MP_OUTCOME_TIMEOUT,			/* request_timeout without a byte */
	MP_OUTCOME_REDIRECT_REFUSED,	/* to another scheme, host or port */
	MP_OUTCOME_REDIRECT_LOOP,	/* more than MP_HTTP_REDIRECTS, or no target */
	MP_OUTCOME_TOO_LARGE,		/* body or headers above the limit */
	MP_OUTCOME_BAD_ENCODING,	/* Content-Encoding that cannot be undone */
	MP_OUTCOME_NO_MEMORY,
	MP_OUTCOME_NO_DESCRIPTOR,	/* the process or the system has none left */
} MpOutcome;

/* What to ask.  Everything is copied; nothing need outlive mp_http_start(). */
typedef struct MpRequestSpec
{
	const MpSettings *settings; /* base_url, credentials, times, limits */
	MpMethod	method;
	const char *path;			/* appended to base_url: "/me?x=y" */
	const char *body;			/* JSON, or NULL for none */
	size_t		body_length;
	bool		streamed;		/* body is read while it arrives: paused above
								 * MP_HTTP_BACKLOG unread bytes, no total
								 * limit.  Else kept whole up to
								 * MP_HTTP_BODY_LIMIT. */
} MpRequestSpec;

/* How it ended.  Strings belong to the request. */
typedef struct MpAnswer
{
	MpOutcome	outcome;
	int			status;			/* of the last answer; 0: none came */
	bool		maybe_sent;		/* a byte of the last attempt's request may
								 * have reached the server */
	bool		elsewhere;		/* a redirect to another path led to it; a
								 * slash at the end is no other path */
	int			attempts;		/* tries, without redirect hops */
	int64_t		retry_after;	/* ms the last answer asked for; -1: absent or
								 * not understood */
	MpPages		pages;			/* do headers tell of further elements? */
	MpBudgetVerdict held;		/* why it was not sent: status is 429, and
								 * retry_after how long it would have to wait.
								 * GO: it was. */
	const char *detail;			/* libcurl's or the system's words, "" if
								 * none; for redirects the target less its
								 * query */
} MpAnswer;

/* What one request, or one server in this session, has cost so far. */
typedef struct MpTally
{
	int64_t		requests;		/* HTTP requests sent, retries and redirect
								 * hops included */
	int64_t		retries;
	int64_t		failures;		/* requests that ended other than OK, 404
								 * excepted */
	int64_t		connections;	/* opened */
	int64_t		bytes_received; /* headers and body as they came over the
								 * wire, before decompression */
	double		wait_ms;		/* added by mp_http_add_wait() */
	double		quota_ms;		/* of it, while the budget held requests of
								 * its place back */
} MpTally;

/* One attempt that has ended, for a log line.  Strings belong to the report
 * and live until the next mp_http_next_report(). */
typedef struct MpReport
{
	const char *server_name;
	MpMethod	method;
	const char *path;			/* with the query */
	int			status;			/* 0: no answer */
	int			attempt;		/* from 1 */
	double		elapsed_ms;
	int64_t		bytes_received;
} MpReport;

/* ---- the session's pool ---- */

/*
 * The descriptors of all pools, sockets and those of libcurl included: take()
 * is called before each is opened, and false means that it must not be;
 * give_back() once it is closed.  Both are called within callbacks of libcurl,
 * with signals blocked: they must not throw, nor wait.  NULL: nobody counts.
 */
typedef bool (*MpHttpTake) (void);
typedef void (*MpHttpGiveBack) (void);
extern void mp_http_count_descriptors(MpHttpTake take,
									  MpHttpGiveBack give_back);

/* A new pool, or NULL when out of memory or descriptors (errno set).  The
 * first call initialises libcurl. */
extern MpHttp *mp_http_create(void);

/* Cancels what is under way, closes all.  Its requests must be freed first. */
extern void mp_http_destroy(MpHttp *http);

/*
 * Readable whenever mp_http_run() has something to do, timers included.
 * Always the same, but asked for before each wait: that is how the pool knows
 * of the wait.
 */
extern int	mp_http_descriptor(MpHttp *http);

/* Make the descriptor readable: for one that shares it and has work left. */
extern void mp_http_wake(MpHttp *http);

/*
 * Who keeps budgets, so that others than this pool may share them.  None of
 * the three may throw or wait; all may be called at any time.
 */
typedef struct MpBudgetKeeper
{
	/* The budget of a place, kept as long as the pool; NULL: out of memory. */
	void	   *(*open) (const char *base_url, int64_t organization_id);

	/*
	 * Nobody else changes it until unlock(), which wakes whom seat->wake
	 * names.
	 */
	MpBudgetSeat *(*lock) (void *budget);
	void		(*unlock) (void *budget);
} MpBudgetKeeper;

/* Before the first request.  Without one, each place has its own budget. */
extern void mp_http_set_keeper(MpHttp *http, const MpBudgetKeeper *keeper);

/*
 * Called whenever a request goes from one state to another, with its address
 * and the names of both.  It must not throw, nor call anything of this file.
 */
typedef void (*MpHttpTrace) (void *context, const char *url,
							 const char *from, const char *to);
extern void mp_http_set_trace(MpHttp *http, MpHttpTrace trace, void *context);

/* Does all that can be done without waiting. */
extern void mp_http_run(MpHttp *http);

/* Is nothing on the wire, but something held back by a budget? */
extern bool mp_http_is_held(const MpHttp *http);

/* Closes idle connections (after a change of options or credentials). */
extern void mp_http_close_idle(MpHttp *http);

/* ---- one request ---- */

/*
 * Queue a request; it starts at once if the server's window has room (the
 * next mp_http_run() sends it).  NULL only when out of memory.  The caller
 * owns the result and frees it, finished or not.
 */
extern MpRequest *mp_http_start(MpHttp *http, const MpRequestSpec *spec);

/*
 * Of a request that has just been started.  Urgent requests are sent before
 * all others of their server, and do not count in its window: they have one of
 * their own, of the same width.
 */
extern void mp_http_make_urgent(MpRequest *request);

/* Cancel if under way, wipe and free.  NULL is allowed. */
extern void mp_http_free(MpRequest *request);

/*
 * The answer so far; ->outcome is PENDING until it is final.  A streamed
 * request may be final with bytes still unread.
 */
extern const MpAnswer *mp_http_answer(const MpRequest *request);

/* Is it on the wire?  Not so while it waits for room in the window or to be
 * sent again, nor when its answer is final. */
extern bool mp_http_on_wire(const MpRequest *request);

/* May what was asked have been carried out, by any attempt so far?  Says
 * nothing about a request that ended OK. */
extern bool mp_http_may_be_done(const MpRequest *request);

/*
 * The unread body bytes that are there now: the body of a 2xx answer while it
 * arrives, and of whatever answer is final.  Nothing of an answer that will be
 * retried is ever offered, except the beginning of a 2xx body that is then cut
 * off: mp_http_restarts() counts how often such a body began anew.  The bytes
 * stay valid until the next call for this request or mp_http_run(); those of
 * an answer that is final, until they are consumed.
 */
extern size_t mp_http_peek(const MpRequest *request, const char **bytes);

/* Mark the first n peeked bytes as read; resumes a paused transfer. */
extern void mp_http_consume(MpRequest *request, size_t n);

extern int	mp_http_restarts(const MpRequest *request);

/* This request's own costs; connections and wait_ms included. */
extern const MpTally *mp_http_tally(const MpRequest *request);

/* *sum += *tally */
extern void mp_http_add_tally(MpTally *sum, const MpTally *tally);

/* Add time that the caller spent waiting for this request. */
extern void mp_http_add_wait(MpRequest *request, double ms);

/* Time since some fixed moment, the same for all processes. */
extern int64_t mp_http_microseconds(void);

/* libcurl's version, as it runs. */
extern const char *mp_http_library_version(void);

/* "GET", "POST", "DELETE" */
extern const char *mp_http_method_name(MpMethod method);

/* ---- counters and reports ---- */

/*
 * The i-th server's totals in this session, or NULL past the end.  *name is
 * the server's name as it was at its last request.
 */
extern const MpTally *mp_http_server_tally(const MpHttp *http, int i,
										   const char **name);
extern void mp_http_reset_tallies(MpHttp *http);

/* Keep a report of each attempt from now on (off at first); bounded: the
 * oldest go when nobody takes them. */
extern void mp_http_keep_reports(MpHttp *http, bool keep);
extern bool mp_http_next_report(MpHttp *http, MpReport *report);

/* Requests of this server that are on the wire now; for tests. */
extern int	mp_http_in_flight(const MpHttp *http, uint32_t server_id);

/*
 * Retry-After (RFC 9110, 10.2.3): delay-seconds or an HTTP date.  Milliseconds
 * from `now` (seconds since 1970), 0 for a date that is past, -1 if it is
 * neither.  Public for its unit test.
 */
extern int64_t mp_http_parse_retry_after(const char *value, int64_t now);

#endif							/* MP_HTTP_H */
