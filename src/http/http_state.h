/*-------------------------------------------------------------------------
 *
 * http/http_state.h
 *		What the files of this folder share.
 *
 * Each field names the file that writes it: the one in the comment above, or
 * its own.  The files in order; each calls those above it only:
 *
 *	http/encoding.c	which encodings of a body are asked for, and allowed
 *	http/paging.c	what headers tell of further pages
 *	http/list.c		requests in order
 *	http/clock.c	time
 *	http/place.c	what each base URL and organization allow
 *	http/http_state.c	the one function that moves a request from state to
 *					state
 *	http/settings.c	the settings that requests share
 *	http/server.c	each server's window
 *	http/redirect.c	where a redirect leads, and whether it may be followed
 *	http/tally.c	counters and reports
 *	http/outcome.c	how a transfer has ended, as one outcome and in words
 *	http/lane.c		a libcurl multi handle with its connections
 *	http/retry.c	what is sent again, and when
 *	http/transfer.c	one HTTP request on one libcurl handle
 *	http/attempt.c	what follows from how a transfer ended
 *	http/http.c		the pool, and what its descriptor wakes it for
 *	http/request.c	one request: what is asked, what is read of the answer
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_HTTP_HTTP_STATE_H
#define MP_HTTP_HTTP_STATE_H

#include <assert.h>
#include <signal.h>

#include <curl/curl.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "http/http.h"
#include "http/poller.h"

#if LIBCURL_VERSION_NUM < 0x075500
#error "libcurl 7.85 or later is needed"
#endif

#define MP_HTTP_NEVER	INT64_MAX	/* a time that does not come */

/* Requests in order; a request is in one list at most.  list.c writes it. */
typedef struct MpHttpList
{
	MpRequest  *first;
	MpRequest  *last;
} MpHttpList;

/* Connections, and the transfers on them.  lane.c writes it. */
typedef struct MpHttpLane
{
	CURLM	   *multi;
	MpPoller   *poller;			/* the pool's */
	int			active;			/* transfers under way */
	bool		renew;			/* connections are not to be used again */
} MpHttpLane;

/* A file of CA certificates as it was read; authority.c writes it. */
typedef struct MpHttpBundle
{
	int			references;		/* freed with the last */
	struct stat status;			/* of the file, as it was read */
	bool		settled;		/* a change would show in the status */
	MpBuffer	bytes;
} MpHttpBundle;

typedef enum MpHttpLaneName
{
	MP_HTTP_LANE_SHARED,		/* one connection may carry many requests */
	MP_HTTP_LANE_SINGLE,		/* each carries one at a time (HTTP/1.1) */
	MP_HTTP_LANE_COUNT,
} MpHttpLaneName;

/*
 * A base URL and an organization; lives as long as the pool.  place.c writes
 * it, but for what names another file.
 */
typedef struct MpHttpPlace
{
	struct MpHttpPlace *next;
	char	   *base_url;		/* behind the struct, in the same block */
	int64_t		organization_id;
	const MpBudgetKeeper *keeper;
	void	   *kept;			/* keeper's; NULL: the budget is `own` */
	MpBudget	own;
	MpBudgetPart own_part;
	MpBudgetSeat own_seat;
	int			in_flight;
	int			queued;			/* http_state.c */
	int			width;			/* how many may be in flight: grows from 1
								 * after a refusal */
	int			credits;		/* answers since it has grown */
	MpBudgetVerdict verdict;	/* why those that are queued are not sent; GO:
								 * not because of the budget */
	int64_t		due;			/* ms: when to ask again */
	bool		asked;			/* a token may be reserved, or a place in the
								 * line */
	int			waiting;		/* as the budget knows it */
} MpHttpPlace;

/*
 * What a request keeps of MpSettings: a copy that requests with equal settings
 * share.  settings.c writes it.  Strings are NULL where there is none.
 */
typedef struct MpHttpSettings
{
	int			references;		/* freed with the last */
	struct MpHttpServer *server;
	MpHttpPlace *place;
	MpBudgetLimits limits;
	char	   *base_url;
	char	   *login;			/* "username:secret"; wiped */
	char	   *authorization;	/* the whole header; wiped */
	char	   *ca_file;
	char	   *proxy;			/* wiped: it may name a password */
	int			connect_timeout;
	int			request_timeout;
	int			max_retries;
	int			max_retry_wait;
	MpHttpBundle *bundle;		/* authority.c: ca_file as it was read last;
								 * NULL: not yet */
} MpHttpSettings;

/* One server's window and totals; lives as long as the pool. */
typedef struct MpHttpServer
{
	/* server.c */
	uint32_t	id;
	char	   *name;			/* as at its last request */
	int			limit;			/* max_concurrency at its last request */
	int			narrow;			/* requests on the wire that there are
								 * descriptors for; 0: no lack is known */
	struct MpHttpServer *next;

	/* settings.c */
	MpHttpSettings *settings;	/* the last copy that a request still has, or
								 * NULL */

	/* http_state.c */
	int			in_flight;		/* requests on the wire */
	MpHttpList	queue;			/* waiting for room, oldest first */

	/* tally.c */
	MpTally		tally;
} MpHttpServer;

/* While a name is resolved: a pair to be told with, and a file or socket. */
#define MP_RESOLVER_DESCRIPTORS 3

/*
 * One HTTP request on the wire: a redirect hop or a retry is a new one.
 * transfer.c writes it.
 */
typedef struct MpHttpTransfer
{
	CURL	   *easy;			/* NULL: none under way */
	MpHttpLane *lane;
	int64_t		began;			/* microseconds */
	int64_t		last_byte;		/* ms: byte received, or the request sent */
	bool		sent;			/* connected: the request goes out */
	bool		repeated;		/* libcurl has sent it once more by itself */
	bool		paused;
	bool		resume;			/* to be resumed by the next run */
	int			status;			/* once its headers are complete */
	size_t		header_bytes;
	int			encodings;		/* of the body; more than 1: refused */
	size_t		body_bytes;		/* kept, decompressed */
	MpOutcome	fault;			/* noted by a callback; OK: none */
	bool		lacked;			/* a descriptor could not be had */
	int			set_aside;		/* descriptors taken for resolving a name */
	int			resolver[MP_RESOLVER_DESCRIPTORS];	/* their numbers, as far
													 * as can be foreseen */
	MpHttpBundle *bundle;		/* what CA certificates it may see; NULL: the
								 * system's */
	int64_t		counted_bytes;	/* already in the tallies */
	int64_t		counted_connections;
	char		error[CURL_ERROR_SIZE];
} MpHttpTransfer;

typedef enum MpHttpState
{
	MP_HTTP_NEW,				/* in no list, and never was */
	MP_HTTP_QUEUED,				/* in its server's queue */
	MP_HTTP_ON_WIRE,			/* in MpHttp.on_wire; has a slot */
	MP_HTTP_BACKING_OFF,		/* in MpHttp.backing_off until `due` */
	MP_HTTP_DONE,				/* in no list any more */
	MP_HTTP_STATE_COUNT,
} MpHttpState;

/* A retained report; its strings are in one block.  tally.c writes it. */
typedef struct MpHttpRecord
{
	MpReport	report;
	char	   *strings;
} MpHttpRecord;

#define MP_HTTP_REPORTS 1024

struct MpHttp
{
	/* http.c */
	MpPoller   *poller;
	bool		late;			/* this run comes long after `due` */
	bool		waited;			/* for the descriptor, since the last run */
	bool		running;
	bool		masked;			/* this run has blocked signals */
	sigset_t	mask;			/* as it was before that */
	MpHttpLane	lanes[MP_HTTP_LANE_COUNT];
	CURLSH	   *share;			/* names resolved, TLS sessions */
	struct curl_slist *headers; /* of every request */
	struct curl_slist *body_headers;	/* of one with a body */
	MpHttpTrace trace;			/* NULL: nobody wants to know */
	void	   *trace_context;

	/* http_state.c */
	int64_t		due;			/* ms: what the timer is set to; 0: at once */
	MpHttpList	on_wire;
	MpHttpList	backing_off;

	MpHttpServer *servers;		/* server.c */

	/* place.c */
	const MpBudgetKeeper *keeper;	/* NULL: none */
	MpHttpPlace *places;

	uint64_t	births;			/* request.c: requests begun */
	uint64_t	random;			/* retry.c: state of the jitter */

	/* tally.c */
	bool		keep_reports;
	MpHttpRecord *reports;		/* a ring; NULL until first needed */
	int			first_report;
	int			report_count;
	MpHttpRecord taken;			/* the one handed out last */
};

struct MpRequest
{
	/* request.c: what is asked; copies, NULL where there is none */
	MpHttp	   *http;
	MpHttpServer *server;
	MpHttpSettings *settings;
	uint64_t	birth;			/* orders a queue */
	bool		urgent;
	bool		streamed;
	MpMethod	method;
	char	   *url;
	char	   *body;			/* wiped */
	size_t		body_length;
	struct curl_slist authorization_header; /* points to the settings' header
											 * and on to the pool's */

	/* list.c */
	MpHttpList *list;			/* the one it is in, or NULL */
	MpRequest  *previous;
	MpRequest  *next;

	/* http_state.c */
	MpHttpState state;
	int64_t		due;			/* ms: end of backing off */
	char	   *detail;			/* answer.detail, unless that is "" */

	/* attempt.c */
	int			hops;			/* redirects followed by this attempt */
	bool		starved;		/* idle connections were closed for it */
	char	   *hop_url;		/* where they led; NULL: url */
	bool		lost;			/* an attempt lost its connection: the others
								 * of its time may be as dead */
	bool		doubtful;		/* an attempt that failed may have been
								 * carried out */
	int			refusals;		/* 429s */
	int			spared;			/* attempts that use up no retry */
	int64_t		answers;		/* of its place, at the last refusal */

	/* transfer.c */
	MpHttpTransfer transfer;
	MpBuffer	unread;
	char	   *location;		/* where the last answer points */
	bool		hopeless;		/* a failure that trying again cannot mend */
	bool		boundless;		/* must not be paused: others wait for it */
	int			restarts;		/* of a body that was being read */

	int			socket;			/* lane.c: the last one watched for it; -1:
								 * none yet */
	MpTally		tally;			/* tally.c */
	MpAnswer	answer;			/* outcome and attempts: attempt.c; detail:
								 * http_state.c; the rest: transfer.c */
};

static inline bool
mp_http_is_success(int status)
{
	return status >= 200 && status <= 299;
}

/* ---- http/clock.c ---- */

extern int64_t mp_http_now(void);	/* milliseconds */

/* ---- http/place.c ---- */

/* The place of these settings; NULL when out of memory. */
extern MpHttpPlace *mp_http_place_take(MpHttp *http,
									   const MpSettings *settings);
extern void mp_http_place_free_all(MpHttp *http);

/* May one more of the place be on the wire, after a refusal? */
extern bool mp_http_place_has_room(const MpRequest *request);

/*
 * Ask the budget whether a request that is queued may go on the wire.  GO: it
 * must.  Else *wait: how long it may not (ms).
 */
extern MpBudgetVerdict mp_http_place_enter(const MpRequest *request,
										   int64_t *wait);

/* A request has been let in and leaves the wire. */
extern void mp_http_place_leave(MpHttpPlace *place);

/* It is sent once more: it was redirected. */
extern void mp_http_place_charge(MpHttpPlace *place);

/* The server has answered one, but for its number. */
extern void mp_http_place_note_answer(MpHttpPlace *place);

/*
 * It has asked all to wait so long (ms).  `refused`: because there were too
 * many.
 */
extern void mp_http_place_hold(MpHttpPlace *place, bool refused,
							   int64_t wait);

/* How many were answered so far, by whomever they were asked. */
extern int64_t mp_http_place_answers(MpHttpPlace *place);

/* Forget why those that are queued are not sent: they will be asked for. */
extern void mp_http_place_ask_anew(MpHttpPlace *place);

/* Tell the budget how many wait for it; if none is queued, that none does. */
extern void mp_http_place_tell(const MpHttp *http, MpHttpPlace *place);

/* ---- http/http_state.c ---- */

/* Make the pool's descriptor readable at `due` (ms); NEVER takes that back. */
extern void mp_http_set_timer(MpHttp *http, int64_t due);

/*
 * libcurl resolves names in threads, which inherit the signal mask of the
 * moment they are made: the program's handlers must never run in them.  A run
 * of the pool, which most often resolves none, blocks signals only once
 * libcurl says that it is about to, and then until it ends.
 */
extern void mp_http_block_signals(sigset_t *saved);
extern void mp_http_unblock_signals(const sigset_t *saved);
extern void mp_http_mask_run(MpHttp *http);
extern void mp_http_unmask_run(MpHttp *http);

/*
 * The only function that changes a request's state: into another list, in or
 * out of its server's window.  `due` counts for BACKING_OFF only.
 */
extern void mp_http_set_state(MpRequest *request, MpHttpState state,
							  int64_t due);

/* Where the request goes now. */
extern const char *mp_http_url(const MpRequest *request);

/* By https?  No redirect leads to another scheme. */
extern bool mp_http_uses_tls(const MpRequest *request);

/* A copy of text, or NULL when out of memory or text is NULL. */
extern char *mp_http_copy(const char *text);

/* Makes answer.detail; text may be "". */
extern void mp_http_explain(MpRequest *request, const char *text);

/* ---- http/settings.c ---- */

/* A reference, to be released; NULL when out of memory. */
extern MpHttpSettings *mp_http_settings_take(MpHttp *http,
											 MpHttpServer *server,
											 const MpSettings *settings);

/* NULL is allowed. */
extern void mp_http_settings_release(MpHttpSettings *settings);

/* ---- http/server.c ---- */

/* The server of these settings; NULL when out of memory. */
extern MpHttpServer *mp_http_server_take(MpHttp *http,
										 const MpSettings *settings);
extern void mp_http_server_free_all(MpHttp *http);

/* Has the window room for the request? */
extern bool mp_http_server_has_room(const MpRequest *request);

/* There are descriptors for no more requests than are on the wire now. */
extern void mp_http_server_narrow(MpHttpServer *server);

/* ---- http/attempt.c ---- */

/*
 * End a request that is queued: it would have to wait longer than it may (ms),
 * for the reason that the verdict gives.
 */
extern void mp_http_attempt_refuse(MpRequest *request, MpBudgetVerdict verdict,
								   int64_t wait);

/* Put a request that is queued on the wire. */
extern void mp_http_attempt_begin(MpRequest *request);

/* Its transfer has ended, by libcurl with `code` or by our decision. */
extern void mp_http_attempt_end(MpRequest *request, CURLcode code);

/* Out of whatever state it is in, for good; frees what is attempt.c's. */
extern void mp_http_attempt_give_up(MpRequest *request);

/* ---- http/transfer.c ---- */

/* Of a new request. */
extern void mp_http_transfer_init(MpRequest *request);

/* The answer of a request that is not sent: a status and a Retry-After. */
extern void mp_http_transfer_refuse(MpRequest *request, int status,
									int64_t retry_after);

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

/* The body so far is of no use: another will take its place. */
extern void mp_http_transfer_discard(MpRequest *request);

/* The first so many unread bytes have been read. */
extern void mp_http_transfer_consume(MpRequest *request, size_t length);

/* Never to be paused again, and resumed by the next run. */
extern void mp_http_transfer_unbound(MpRequest *request);

/* Let a paused transfer go on; it may deliver bytes at once. */
extern void mp_http_transfer_resume(MpRequest *request);

/* Bring the tallies and the time of the last byte up to date. */
extern void mp_http_transfer_account(MpRequest *request);

/* Bytes have come on this socket. */
extern void mp_http_transfer_note_readable(MpRequest *request, int fd);

/* When it has had no connection, or no byte, for too long: ms, or NEVER. */
extern int64_t mp_http_transfer_deadline(const MpRequest *request);

/* Free what is transfer.c's. */
extern void mp_http_transfer_free(MpRequest *request);

/* ---- http/outcome.c ---- */

/* How a transfer that libcurl or we have ended with `code` has ended. */
extern MpOutcome mp_http_outcome(const MpHttpTransfer *transfer,
								 CURLcode code);

/* The outcome of a transfer that was never begun. */
extern MpOutcome mp_http_outcome_of_none(const MpHttpTransfer *transfer);

/* A certificate that does not verify; an address or file that is no good. */
extern bool mp_http_outcome_is_hopeless(CURLcode code);

/* What is known beyond the outcome; "" if nothing. */
extern const char *mp_http_outcome_words(const MpHttpTransfer *transfer,
										 MpOutcome outcome, CURLcode code);

/* ---- http/descriptor.c ---- */

/* As many as `count`, or none (errno set): they may be opened. */
extern bool mp_http_descriptor_take(int count);

/* So many are closed, or were not opened.  Keeps errno. */
extern void mp_http_descriptor_give_back(int count);

/* As socket(2); -1 with errno. */
extern int	mp_http_descriptor_open_socket(int family, int type,
										   int protocol);

/* libcurl's CURLOPT_CLOSESOCKETFUNCTION; needs no context. */
extern int	mp_http_descriptor_close_socket(void *context, curl_socket_t fd);

/* Does errno mean that there are too many? */
extern bool mp_http_descriptor_is_lack(int error);

/* Could one more be opened? */
extern bool mp_http_descriptor_is_left(const MpHttp *http);

/* The numbers of those that are opened next; and that they are not for
 * programs that are executed. */
extern void mp_http_descriptor_foresee(const MpPoller *poller, int *numbers,
									   int count);
extern void mp_http_descriptor_do_not_inherit(const int *numbers, int count);

/* ---- http/authority.c ---- */

/*
 * Tell libcurl which certificates the request is to trust.  False: they could
 * not be read, and transfer.error says why, or when out of memory.
 */
extern bool mp_http_authority_set(MpRequest *request, CURL *easy);

/* NULL is allowed. */
extern void mp_http_authority_release(MpHttpBundle *bundle);

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

/* ---- http/paging.c ---- */

/* What the headers of an answer tell of further pages. */
extern void mp_http_paging_read(CURL *easy, MpAnswer *answer);

/* ---- http/lane.c ---- */

extern bool mp_http_lane_open(MpHttpLane *lane, MpPoller *poller);
extern void mp_http_lane_close(MpHttpLane *lane);

/* Give the request's transfer to libcurl; take it back. */
extern bool mp_http_lane_add(MpHttpLane *lane, MpRequest *request);
extern void mp_http_lane_remove(MpHttpLane *lane, MpRequest *request);

/* A socket is ready; the timer has run out. */
extern void mp_http_lane_act_on_socket(MpHttpLane *lane,
									   const MpPollerEvent *event);
extern void mp_http_lane_act_on_timer(MpHttpLane *lane);

/* When libcurl wants the timer: ms, or MP_HTTP_NEVER. */
extern int64_t mp_http_lane_due(const MpHttpLane *lane, int64_t now);

/* A transfer that libcurl has ended, or NULL. */
extern CURL *mp_http_lane_ended(MpHttpLane *lane, CURLcode *code);

/* Close idle connections, and those in use when they become idle. */
extern void mp_http_lane_renew(MpHttpLane *lane);

/* ---- http/retry.c ---- */

/* Of a new pool; `now` is some number that others do not have. */
extern void mp_http_retry_seed(MpHttp *http, int64_t now);

/*
 * How long to wait before this request, whose attempt ended with `outcome`,
 * is tried again: ms; -1: it is final.
 */
extern int64_t mp_http_retry_wait(const MpRequest *request,
								  MpOutcome outcome);

/* May an attempt that ended so have been carried out? */
extern bool mp_http_retry_is_doubtful(const MpAnswer *answer,
									  MpOutcome outcome);

/* ---- http/redirect.c ---- */

typedef enum MpHttpRedirect
{
	MP_HTTP_REDIRECT_FOLLOW,	/* to the target */
	MP_HTTP_REDIRECT_REFUSE,	/* another scheme, host or port */
	MP_HTTP_REDIRECT_NOWHERE,	/* no address */
	MP_HTTP_REDIRECT_NO_MEMORY,
} MpHttpRedirect;

extern bool mp_http_redirect_applies(int status);

/*
 * Where `location`, in the answer to `from`, leads.  *target is set for FOLLOW
 * only: it is of base_url's scheme, host and port.  *shown is where it leads
 * without its query and user info.  Both are malloc'ed or NULL.
 */
extern MpHttpRedirect mp_http_redirect_resolve(const char *base_url,
											   const char *from,
											   const char *location,
											   char **target, char **shown);

/* The length of "scheme://host:port" at the beginning of a URL. */
extern size_t mp_http_redirect_origin(const char *url);

/* Does the target of a redirect have another path?  One that differs by a
 * slash at its end is the same. */
extern bool mp_http_redirect_leads_away(const char *from, const char *target);

/* ---- http/tally.c ---- */

extern void mp_http_tally_sent(MpRequest *request);
extern void mp_http_tally_retry(MpRequest *request);
extern void mp_http_tally_failure(MpRequest *request);
extern void mp_http_tally_traffic(MpRequest *request, int64_t bytes,
								  int64_t connections);

/* Keep a report of the transfer that has just ended, if they are kept. */
extern void mp_http_tally_report(MpRequest *request);

/* Free the reports. */
extern void mp_http_tally_free(MpHttp *http);

/* ---- http/list.c ---- */

extern void mp_http_list_append(MpHttpList *list, MpRequest *request);

/* Into a list that is in order of birth. */
extern void mp_http_list_insert(MpHttpList *list, MpRequest *request);

/* Out of the list it is in. */
extern void mp_http_list_remove(MpRequest *request);

#endif							/* MP_HTTP_HTTP_STATE_H */
