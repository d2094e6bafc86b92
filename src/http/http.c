/*-------------------------------------------------------------------------
 *
 * http/http.c
 *		The pool, and what its descriptor wakes it for.
 *
 * Each run takes what sockets and timers have brought, and starts what there
 * is room for.  Must not know how a request is put on the wire, nor what may
 * be sent again.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <stdlib.h>

#include "http/http_state.h"

#define EVENTS_AT_ONCE	64
#define MAX_ROUNDS		32		/* of one mp_http_run() */
#define LATE			500		/* ms after the timer has run out */
#define POLLER_DESCRIPTORS 2	/* at most: epoll and a timerfd */

static bool initialise_curl(void);
static bool open_pool(MpHttp *http);
static MpPoller *open_poller(void);
static bool append_header(struct curl_slist **list, const char *header);
static bool make_headers(MpHttp *http);
static bool act_on_sockets(MpHttp *http);
static void act_on_socket(MpHttp *http, const MpPollerEvent *event);
static void act_on_timers(MpHttp *http);
static void end_finished(MpHttp *http);
static void end_silent(MpHttp *http);
static void end_backoffs(MpHttp *http);
static bool fill_windows(MpHttp *http);
static bool fill_window(MpHttp *http, MpHttpServer *server);
static bool start_or_refuse(MpRequest *request);
static void unbound_paused(MpHttp *http, const MpHttpServer *server);
static void resume_paused(MpHttp *http);
static int64_t lanes_due(const MpHttp *http, int64_t now);
static void arm_timer(MpHttp *http);

/* ---- the pool ---- */

MpHttp *
mp_http_create(void)
{
	MpHttp	   *http;
	int			saved_errno;
	sigset_t	saved;

	if (!initialise_curl() || (http = calloc(1, sizeof(MpHttp))) == NULL)
	{
		errno = ENOMEM;
		return NULL;
	}
	errno = 0;
	mp_http_block_signals(&saved);
	if (!open_pool(http))
	{
		saved_errno = errno != 0 ? errno : ENOMEM;
		mp_http_destroy(http);
		http = NULL;
		errno = saved_errno;
	}
	mp_http_unblock_signals(&saved);
	return http;
}

void
mp_http_destroy(MpHttp *http)
{
	sigset_t	saved;
	int			i;

	if (http == NULL)
		return;
	assert(http->on_wire.first == NULL && http->backing_off.first == NULL);
	mp_http_block_signals(&saved);
	for (i = 0; i < MP_HTTP_LANE_COUNT; i++)
		mp_http_lane_close(&http->lanes[i]);
	curl_share_cleanup(http->share);
	mp_http_unblock_signals(&saved);
	/* The list of every request is the tail of the other. */
	if (http->body_headers != NULL)
		curl_slist_free_all(http->body_headers);
	else
		curl_slist_free_all(http->headers);
	if (http->poller != NULL)
		mp_http_descriptor_give_back(POLLER_DESCRIPTORS);
	mp_poller_destroy(http->poller);
	mp_http_server_free_all(http);
	mp_http_place_free_all(http);
	mp_http_tally_free(http);
	free(http);
}

void
mp_http_set_trace(MpHttp *http, MpHttpTrace trace, void *context)
{
	http->trace = trace;
	http->trace_context = context;
}

int
mp_http_descriptor(MpHttp *http)
{
	(void) mp_poller_arm(http->poller);
	http->waited = true;
	return mp_poller_descriptor(http->poller);
}

/*
 * Sockets come before deadlines: to a caller that was away for long, bytes may
 * have come in time.  They are looked at again only if there may be more, or
 * one can be written to: an answer that comes meanwhile ends the next wait.
 * Where nothing is on the wire, only a wait can have ended for one, an idle
 * connection's.
 */
void
mp_http_run(MpHttp *http)
{
	int			round;
	bool		ready = http->on_wire.first != NULL || http->waited;
	bool		full;
	bool		more = true;

	http->running = true;
	http->late = http->due < mp_http_now() - LATE && http->due > 0;
	http->waited = false;
	for (round = 0; more && round < MAX_ROUNDS; round++)
	{
		resume_paused(http);
		full = ready && act_on_sockets(http);
		act_on_timers(http);
		end_finished(http);
		if (!full)
			end_silent(http);
		end_backoffs(http);
		ready = full || mp_poller_may_write(http->poller);
		more = fill_windows(http) || full ||
			lanes_due(http, mp_http_now()) <= mp_http_now();
	}
	arm_timer(http);
	http->running = false;
	mp_http_unmask_run(http);
}

void
mp_http_close_idle(MpHttp *http)
{
	sigset_t	saved;
	int			i;

	mp_http_block_signals(&saved);
	for (i = 0; i < MP_HTTP_LANE_COUNT; i++)
		mp_http_lane_renew(&http->lanes[i]);
	mp_http_unblock_signals(&saved);
}

/* Once in a process, and never undone: others may use libcurl too. */
static bool
initialise_curl(void)
{
	static bool initialised;

	if (!initialised)
		initialised = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
	return initialised;
}

/*
 * The parts of a pool: what waits for its sockets, what its connections
 * share, and its lanes.
 */
static bool
open_pool(MpHttp *http)
{
	int			i;

	mp_http_retry_seed(http, mp_http_microseconds());
	http->poller = open_poller();
	if (http->poller == NULL)
		return false;
	http->share = curl_share_init();
	if (http->share == NULL || !make_headers(http))
		return false;
	curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
	curl_share_setopt(http->share, CURLSHOPT_SHARE,
					  CURL_LOCK_DATA_SSL_SESSION);
	for (i = 0; i < MP_HTTP_LANE_COUNT; i++)
	{
		if (!mp_http_lane_open(&http->lanes[i], http->poller))
			return false;
	}
	return true;
}

static MpPoller *
open_poller(void)
{
	MpPoller   *poller;

	if (!mp_http_descriptor_take(POLLER_DESCRIPTORS))
		return NULL;
	poller = mp_poller_create();
	if (poller == NULL)
		mp_http_descriptor_give_back(POLLER_DESCRIPTORS);
	return poller;
}

/* Expect is suppressed: waiting for a 100 costs a round trip. */
static bool
make_headers(MpHttp *http)
{
	struct curl_slist *type = NULL;

	if (!append_header(&http->headers, "Accept: application/json") ||
		!append_header(&http->headers, "Expect:") ||
		!append_header(&type, "Content-Type: application/json"))
		return false;
	type->next = http->headers;
	http->body_headers = type;
	return true;
}

static bool
append_header(struct curl_slist **list, const char *header)
{
	struct curl_slist *longer = curl_slist_append(*list, header);

	if (longer == NULL)
		return false;
	*list = longer;
	return true;
}

/* ---- what has happened ---- */

/* True if there may be more to take. */
static bool
act_on_sockets(MpHttp *http)
{
	MpPollerEvent events[EVENTS_AT_ONCE];
	int			count = mp_poller_take(http->poller, events, EVENTS_AT_ONCE);
	int			i;

	for (i = 0; i < count; i++)
		act_on_socket(http, &events[i]);
	return count == EVENTS_AT_ONCE;
}

static void
act_on_socket(MpHttp *http, const MpPollerEvent *event)
{
	MpRequest  *request;
	int			i;

	for (i = 0; i < MP_HTTP_LANE_COUNT; i++)
		mp_http_lane_act_on_socket(&http->lanes[i], event);
	if (!(event->events & MP_POLLER_READ))
		return;
	for (request = http->on_wire.first; request; request = request->next)
		mp_http_transfer_note_readable(request, event->fd);
}

static void
act_on_timers(MpHttp *http)
{
	int64_t		now = mp_http_now();
	int			i;

	for (i = 0; i < MP_HTTP_LANE_COUNT; i++)
	{
		if (mp_http_lane_due(&http->lanes[i], now) <= now)
			mp_http_lane_act_on_timer(&http->lanes[i]);
	}
}

static void
end_finished(MpHttp *http)
{
	CURL	   *easy;
	CURLcode	code;
	MpRequest  *request;
	int			i;

	for (i = 0; i < MP_HTTP_LANE_COUNT; i++)
	{
		while ((easy = mp_http_lane_ended(&http->lanes[i], &code)) != NULL)
		{
			curl_easy_getinfo(easy, CURLINFO_PRIVATE, &request);
			assert(request->transfer.easy == easy);
			mp_http_attempt_end(request, code);
		}
	}
}

/* Count bytes; end what has had no connection, or no byte, for too long. */
static void
end_silent(MpHttp *http)
{
	int64_t		now = mp_http_now();
	MpRequest  *request;
	MpRequest  *next;

	for (request = http->on_wire.first; request != NULL; request = next)
	{
		next = request->next;
		mp_http_transfer_account(request);
		if (mp_http_transfer_deadline(request) > now)
			continue;
		mp_http_transfer_time_out(request);
		mp_http_attempt_end(request, CURLE_OPERATION_TIMEDOUT);
	}
}

/* ---- what there is room for ---- */

/* Start what the windows and the budgets have room for, oldest first. */
static bool
fill_windows(MpHttp *http)
{
	MpHttpServer *server;
	MpHttpPlace *place;
	bool		started = false;

	for (place = http->places; place != NULL; place = place->next)
		mp_http_place_ask_anew(place);
	for (server = http->servers; server != NULL; server = server->next)
		started |= fill_window(http, server);
	for (place = http->places; place != NULL; place = place->next)
		mp_http_place_tell(http, place);
	return started;
}

/* True if any was started, or refused because it would wait for too long. */
static bool
fill_window(MpHttp *http, MpHttpServer *server)
{
	MpRequest  *request;
	MpRequest  *next;
	bool		started = false;
	bool		full = false;

	for (request = server->queue.first; request != NULL; request = next)
	{
		next = request->next;
		/* an urgent one does not wait for what holds up the others */
		if (request->settings->place->verdict != MP_BUDGET_GO &&
			!request->urgent)
			continue;
		if (!mp_http_server_has_room(request))
		{
			full = true;
			break;
		}
		if (!mp_http_place_has_room(request))
			full = true;
		else if (start_or_refuse(request))
			started = true;
		else
			full |= request->settings->place->verdict == MP_BUDGET_NO_SLOT;
	}
	if (full)
		unbound_paused(http, server);
	return started;
}

/* False: it waits. */
static bool
start_or_refuse(MpRequest *request)
{
	MpHttpPlace *place = request->settings->place;
	int64_t		wait;
	MpBudgetVerdict verdict = mp_http_place_enter(request, &wait);

	if (verdict == MP_BUDGET_GO)
	{
		mp_http_attempt_begin(request);
		return true;
	}
	if (verdict == MP_BUDGET_NO_SLOT ||
		wait <= request->settings->max_retry_wait)
		return false;
	mp_http_attempt_refuse(request, verdict, wait);
	mp_http_place_ask_anew(place);
	return true;
}

static void
end_backoffs(MpHttp *http)
{
	int64_t		now = mp_http_now();
	MpRequest  *request;
	MpRequest  *next;

	for (request = http->backing_off.first; request != NULL; request = next)
	{
		next = request->next;
		if (request->due > now)
			continue;
		mp_http_set_state(request, MP_HTTP_QUEUED, 0);
	}
}

/*
 * The window is full and others wait for a slot.  If every slot is held by a
 * paused body, they might wait forever: its reader may read on only after the
 * waiting request has been answered, as in a nested loop.  Then the paused
 * ones must go on, and grow to whatever size they have.
 */
static void
unbound_paused(MpHttp *http, const MpHttpServer *server)
{
	MpRequest  *request;

	for (request = http->on_wire.first; request; request = request->next)
	{
		if (request->server == server && !request->transfer.paused)
			return;
	}
	for (request = http->on_wire.first; request; request = request->next)
	{
		if (request->server != server)
			continue;
		mp_http_transfer_unbound(request);
	}
}

static void
resume_paused(MpHttp *http)
{
	MpRequest  *request;

	for (request = http->on_wire.first; request; request = request->next)
	{
		if (request->transfer.resume)
			mp_http_transfer_resume(request);
	}
}

/* ---- time ---- */

static int64_t
lanes_due(const MpHttp *http, int64_t now)
{
	int64_t		due = MP_HTTP_NEVER;
	int64_t		lane_due;
	int			i;

	for (i = 0; i < MP_HTTP_LANE_COUNT; i++)
	{
		lane_due = mp_http_lane_due(&http->lanes[i], now);
		if (lane_due < due)
			due = lane_due;
	}
	return due;
}

/* The next moment at which there is something to do whatever sockets say. */
static void
arm_timer(MpHttp *http)
{
	int64_t		due = lanes_due(http, mp_http_now());
	MpHttpPlace *place;
	MpRequest  *request;

	for (request = http->on_wire.first; request; request = request->next)
	{
		if (request->transfer.resume)
			due = 0;
		else if (mp_http_transfer_deadline(request) < due)
			due = mp_http_transfer_deadline(request);
	}
	for (request = http->backing_off.first; request; request = request->next)
	{
		if (request->due < due)
			due = request->due;
	}
	for (place = http->places; place != NULL; place = place->next)
	{
		if (place->verdict != MP_BUDGET_GO && place->due < due)
			due = place->due;
	}
	mp_http_set_timer(http, due);
}
