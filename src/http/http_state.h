/*-------------------------------------------------------------------------
 *
 * http/http_state.h
 *		What the files behind http.h share.
 *
 *	http.c			the pool, each server's window, the states of a request
 *	http/request.c	one request: what is asked, what is read of the answer
 *	http/transfer.c	one HTTP request on one libcurl handle, and how it ended
 *	http/encoding.c	which encodings of a body are asked for, and allowed
 *	http/lane.c		a libcurl multi handle with its connections
 *	http/retry.c	what is sent again, and when
 *	http/redirect.c	where a redirect leads, and whether it may be followed
 *	http/tally.c	counters and reports
 *	http/list.c		requests in order
 *	http/buffer.c	bytes that are wiped before their memory is given back
 *
 * Included by these files only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_HTTP_HTTP_STATE_H
#define MP_HTTP_HTTP_STATE_H

#include <curl/curl.h>

#include "http/http.h"
#include "http/poller.h"

#if LIBCURL_VERSION_NUM < 0x075500
#error "libcurl 7.85 or later is needed"
#endif

#define MP_HTTP_NEVER	INT64_MAX	/* a time that does not come */

/* Unread bytes data[start .. end).  All zero is empty. */
typedef struct MpHttpBuffer
{
	char	   *data;
	size_t		start;
	size_t		end;
	size_t		size;
} MpHttpBuffer;

/* Requests in order; a request is in one list at most. */
typedef struct MpHttpList
{
	MpRequest  *first;
	MpRequest  *last;
} MpHttpList;

/* Connections, and the transfers on them. */
typedef struct MpHttpLane
{
	CURLM	   *multi;
	MpPoller   *poller;			/* the pool's */
	int			active;			/* transfers under way */
	bool		renew;			/* connections are not to be used again */
} MpHttpLane;

typedef enum MpHttpLaneName
{
	MP_HTTP_LANE_SHARED,		/* one connection may carry many requests */
	MP_HTTP_LANE_SINGLE,		/* each carries one at a time (HTTP/1.1) */
	MP_HTTP_LANE_COUNT,
} MpHttpLaneName;

/* One server's window and totals; lives as long as the pool. */
typedef struct MpHttpServer
{
	uint32_t	id;
	char	   *name;			/* as at its last request */
	int			limit;			/* max_concurrency at its last request */
	int			in_flight;		/* requests on the wire */
	MpHttpList	queue;			/* waiting for room, oldest first */
	MpTally		tally;
	struct MpHttpServer *next;
} MpHttpServer;

/* One HTTP request on the wire: a redirect hop or a retry is a new one. */
typedef struct MpHttpTransfer
{
	CURL	   *easy;			/* NULL: none under way */
	MpHttpLane *lane;
	int			socket;			/* the last one watched; -1: none yet */
	int64_t		began;			/* microseconds */
	int64_t		last_byte;		/* ms: byte received, or the request sent */
	bool		sent;			/* connected: the request goes out */
	bool		paused;
	bool		resume;			/* to be resumed by the next run */
	int			status;			/* once its headers are complete */
	size_t		header_bytes;
	int			encodings;		/* of the body; more than 1: refused */
	size_t		body_bytes;		/* kept, decompressed */
	MpOutcome	fault;			/* noted by a callback; PENDING: none */
	int64_t		counted_bytes;	/* already in the tallies */
	int64_t		counted_connections;
	char		error[CURL_ERROR_SIZE];
} MpHttpTransfer;

typedef enum MpHttpState
{
	MP_HTTP_QUEUED,				/* in its server's queue */
	MP_HTTP_ON_WIRE,			/* in MpHttp.on_wire; has a slot */
	MP_HTTP_BACKING_OFF,		/* in MpHttp.backing_off until `due` */
	MP_HTTP_DONE,				/* in no list */
} MpHttpState;

/* A retained report; its strings are in one block. */
typedef struct MpHttpRecord
{
	MpReport	report;
	char	   *strings;
} MpHttpRecord;

#define MP_HTTP_REPORTS 1024

struct MpHttp
{
	MpPoller   *poller;
	int64_t		armed;			/* ms: what the timer is set to; 0: at once */
	bool		late;			/* this run comes long after that */
	MpHttpLane	lanes[MP_HTTP_LANE_COUNT];
	CURLSH	   *share;			/* names resolved, TLS sessions */
	struct curl_slist *headers; /* of every request */
	struct curl_slist *body_headers;	/* of one with a body */
	MpHttpServer *servers;
	MpHttpList	on_wire;
	MpHttpList	backing_off;
	uint64_t	births;			/* requests begun */
	uint64_t	random;			/* state of the jitter */

	bool		keep_reports;
	MpHttpRecord *reports;		/* a ring; NULL until first needed */
	int			first_report;
	int			report_count;
	MpHttpRecord taken;			/* the one handed out last */
};

struct MpRequest
{
	MpHttp	   *http;
	MpHttpServer *server;
	MpHttpList *list;
	MpRequest  *previous;
	MpRequest  *next;
	MpHttpState state;
	uint64_t	birth;			/* orders a queue */
	bool		urgent;

	/* what is asked: copies, NULL where there is none */
	MpMethod	method;
	char	   *base_url;
	char	   *url;
	char	   *login;			/* "username:secret"; wiped */
	char	   *authorization;	/* the whole header; wiped */
	char	   *body;			/* wiped */
	size_t		body_length;
	bool		streamed;
	char	   *ca_file;
	char	   *proxy;			/* wiped: it may name a password */
	int			connect_timeout;
	int			request_timeout;
	int			max_retries;
	int			max_retry_wait;
	struct curl_slist authorization_header; /* points to authorization and on
											 * to the pool's headers */

	/* how far it is */
	int			hops;			/* redirects followed by this attempt */
	char	   *hop_url;		/* where they led; NULL: url */
	char	   *location;		/* where the last answer points */
	bool		lost;			/* an attempt lost its connection: the others
								 * of its time may be as dead */
	bool		hopeless;		/* a failure that trying again cannot mend */
	bool		doubtful;		/* an attempt that failed may have been
								 * carried out */
	bool		boundless;		/* must not be paused: others wait for it */
	int64_t		due;			/* ms: end of backing off */
	int			restarts;
	MpHttpTransfer transfer;
	MpHttpBuffer unread;
	MpTally		tally;
	MpAnswer	answer;
	char	   *detail;			/* answer.detail, unless that is "" */
};

/* ---- http.c ---- */

/* Time since some fixed moment. */
extern int64_t mp_http_microseconds(void);
extern int64_t mp_http_now(void);	/* milliseconds */

extern void mp_http_enqueue(MpRequest *request);
extern void mp_http_leave(MpRequest *request);
extern const char *mp_http_url(const MpRequest *request);

static inline bool
mp_http_is_success(int status)
{
	return status >= 200 && status <= 299;
}

/* ---- http/request.c ---- */

/* May it go on the wire? */
extern bool mp_http_has_room(const MpRequest *request);

/* A copy of text, or NULL when out of memory or text is NULL. */
extern char *mp_http_copy(const char *text);

/* Makes answer.detail; text may be "". */
extern void mp_http_request_explain(MpRequest *request, const char *text);

/* ---- http/transfer.c ---- */

/* Put the request on the wire.  False when out of memory. */
extern bool mp_http_transfer_begin(MpRequest *request);

/*
 * Take it off the wire, ended by libcurl with `code` or by our decision.
 * Fills in the answer but for its outcome, which is returned.
 */
extern MpOutcome mp_http_transfer_end(MpRequest *request, CURLcode code);

/* Note that its end will be a timeout. */
extern void mp_http_transfer_time_out(MpRequest *request);

/* Take it off the wire, whatever it is doing.  Does not block. */
extern void mp_http_transfer_cancel(MpRequest *request);

/* Let a paused transfer go on; it may deliver bytes at once. */
extern void mp_http_transfer_resume(MpRequest *request);

/* Bring the tallies and the time of the last byte up to date. */
extern void mp_http_transfer_account(MpRequest *request);

/* libcurl watches this socket for the transfer. */
extern void mp_http_transfer_use(CURL *easy, int fd);

/* Bytes have come on this socket. */
extern void mp_http_transfer_hear(MpRequest *request, int fd);

/* ---- http/encoding.c ---- */

/* Ask for what is allowed.  False when out of memory. */
extern bool mp_http_encoding_ask(CURL *easy);

/*
 * How many encodings the header lines so far have named, given how many the
 * lines before this one have.  More than one, or one that was not asked for,
 * is more than 1; a status line begins anew.
 */
extern int	mp_http_encoding_count(int count, const char *line,
								   size_t length);

/* ---- http/lane.c ---- */

extern bool mp_http_lane_open(MpHttpLane *lane, MpPoller *poller);
extern void mp_http_lane_close(MpHttpLane *lane);

/* Give a transfer to libcurl; take it back. */
extern bool mp_http_lane_enter(MpHttpLane *lane, CURL *easy);
extern void mp_http_lane_leave(MpHttpLane *lane, CURL *easy);

/* A socket is ready; the timer has run out. */
extern void mp_http_lane_touch(MpHttpLane *lane, const MpPollerEvent *event);
extern void mp_http_lane_tick(MpHttpLane *lane);

/* When libcurl wants the next tick: ms, or MP_HTTP_NEVER. */
extern int64_t mp_http_lane_due(const MpHttpLane *lane, int64_t now);

/* A transfer that libcurl has ended, or NULL. */
extern CURL *mp_http_lane_ended(MpHttpLane *lane, CURLcode *code);

/* Close idle connections, and those in use when they become idle. */
extern void mp_http_lane_renew(MpHttpLane *lane);

/* ---- http/retry.c ---- */

/*
 * How long to wait before this request, whose attempt ended with `outcome`,
 * is tried again: ms; -1: it is final.
 */
extern int64_t mp_http_retry_wait(MpRequest *request, MpOutcome outcome);

/* ---- http/redirect.c ---- */

extern bool mp_http_redirect_applies(int status);

/*
 * Where `location`, in the answer to `from`, leads.  PENDING: to *target, of
 * base_url's scheme, host and port; otherwise how the request ends.  *shown is
 * the target without its query and user info.  Both are malloc'ed or NULL.
 */
extern MpOutcome mp_http_redirect_resolve(const char *base_url,
										  const char *from,
										  const char *location,
										  char **target, char **shown);

/* The length of "scheme://host:port" at the beginning of a URL. */
extern size_t mp_http_redirect_origin(const char *url);

/* ---- http/tally.c ---- */

/* The server of these settings; NULL when out of memory. */
extern MpHttpServer *mp_http_tally_server(MpHttp *http,
										  const MpSettings *settings);
extern void mp_http_tally_free(MpHttp *http);
extern void mp_http_tally_sent(MpRequest *request);
extern void mp_http_tally_retry(MpRequest *request);
extern void mp_http_tally_failure(MpRequest *request);
extern void mp_http_tally_traffic(MpRequest *request, int64_t bytes,
								  int64_t connections);

/* Keep a report of the transfer that has just ended, if they are kept. */
extern void mp_http_tally_report(MpRequest *request);

/* ---- http/list.c ---- */

extern void mp_http_list_append(MpHttpList *list, MpRequest *request);

/* Into a list that is in order of birth. */
extern void mp_http_list_insert(MpHttpList *list, MpRequest *request);

/* Out of the list it is in. */
extern void mp_http_list_remove(MpRequest *request);

/* ---- http/buffer.c ---- */

extern void mp_http_wipe(void *bytes, size_t length);

/* Wipe and free a string; NULL is allowed. */
extern void mp_http_wipe_string(char *text);

/* False when out of memory. */
extern bool mp_http_buffer_append(MpHttpBuffer *buffer, const char *bytes,
								  size_t length);
extern size_t mp_http_buffer_length(const MpHttpBuffer *buffer);
extern void mp_http_buffer_consume(MpHttpBuffer *buffer, size_t length);

/* Wipe and free; the buffer is empty then. */
extern void mp_http_buffer_clear(MpHttpBuffer *buffer);

#endif							/* MP_HTTP_HTTP_STATE_H */
