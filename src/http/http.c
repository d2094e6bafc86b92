/*-------------------------------------------------------------------------
 *
 * http/http.c
 *		The pool: the window of each server and the states of a request.
 *
 *				start				window has room
 *		(new) ---------> QUEUED ----------------> ON_WIRE -----> DONE
 *							^						|
 *							+----- BACKING_OFF <----+
 *
 * A redirect is followed within ON_WIRE.  A request that backs off gives its
 * slot back and is first in line when its time has come, as it is older than
 * whatever has not been started yet.
 *
 * Must not know how a request is put on the wire, nor what may be sent again.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "http/http_state.h"

#define EVENTS_AT_ONCE	64
#define MAX_ROUNDS		32		/* of one mp_http_run() */
#define CONNECT_GRACE	100		/* ms, so that libcurl tells the reason */
#define LATE			500		/* ms after the timer has run out */

static bool initialise_curl(void);
static bool open_pool(MpHttp *http);
static bool append_header(struct curl_slist **list, const char *header);
static bool make_headers(MpHttp *http);
static void block_signals(sigset_t *saved);
static void unblock_signals(const sigset_t *saved);
static bool act_on_sockets(MpHttp *http);
static void act_on_socket(MpHttp *http, const MpPollerEvent *event);
static void act_on_timers(MpHttp *http);
static void end_finished(MpHttp *http);
static void end_silent(MpHttp *http);
static void end_attempt(MpRequest *request, CURLcode code);
static MpOutcome follow_redirect(MpRequest *request);
static void begin_backoff(MpRequest *request, int64_t wait);
static void finish(MpRequest *request, MpOutcome outcome);
static void end_backoffs(MpHttp *http);
static bool fill_windows(MpHttp *http);
static void begin_attempt(MpRequest *request);
static void relieve(MpHttp *http, const MpHttpServer *server);
static void resume_paused(MpHttp *http);
static int64_t deadline_of(const MpRequest *request);
static int64_t lanes_due(const MpHttp *http, int64_t now);
static void arm_timer(MpHttp *http);
static void set_timer(MpHttp *http, int64_t due);

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
	block_signals(&saved);
	if (!open_pool(http))
	{
		saved_errno = errno != 0 ? errno : ENOMEM;
		mp_http_destroy(http);
		http = NULL;
		errno = saved_errno;
	}
	unblock_signals(&saved);
	return http;
}

void
mp_http_destroy(MpHttp *http)
{
	sigset_t	saved;
	int			i;

	if (http == NULL)
		return;
	block_signals(&saved);
	for (i = 0; i < MP_HTTP_LANE_COUNT; i++)
		mp_http_lane_close(&http->lanes[i]);
	curl_share_cleanup(http->share);
	unblock_signals(&saved);
	/* The list of every request is the tail of the other. */
	if (http->body_headers != NULL)
		curl_slist_free_all(http->body_headers);
	else
		curl_slist_free_all(http->headers);
	mp_poller_destroy(http->poller);
	mp_http_tally_free(http);
	free(http);
}

int
mp_http_descriptor(const MpHttp *http)
{
	return mp_poller_descriptor(http->poller);
}

/*
 * Sockets come before deadlines: to a caller that was away for long, bytes may
 * have come in time.
 */
void
mp_http_run(MpHttp *http)
{
	sigset_t	saved;
	int			round;
	bool		more = true;

	block_signals(&saved);
	http->late = http->armed < mp_http_now() - LATE && http->armed > 0;
	for (round = 0; more && round < MAX_ROUNDS; round++)
	{
		resume_paused(http);
		more = act_on_sockets(http);
		act_on_timers(http);
		end_finished(http);
		if (!more)
			end_silent(http);
		end_backoffs(http);
		if (fill_windows(http) ||
			lanes_due(http, mp_http_now()) <= mp_http_now())
			more = true;
	}
	arm_timer(http);
	unblock_signals(&saved);
}

void
mp_http_close_idle(MpHttp *http)
{
	sigset_t	saved;
	int			i;

	block_signals(&saved);
	for (i = 0; i < MP_HTTP_LANE_COUNT; i++)
		mp_http_lane_renew(&http->lanes[i]);
	unblock_signals(&saved);
}

int
mp_http_in_flight(const MpHttp *http, uint32_t server_id)
{
	const MpHttpServer *server = http->servers;

	while (server != NULL && server->id != server_id)
		server = server->next;
	return server != NULL ? server->in_flight : 0;
}

int64_t
mp_http_microseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t) time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

int64_t
mp_http_now(void)
{
	return mp_http_microseconds() / 1000;
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

static bool
open_pool(MpHttp *http)
{
	int			i;

	http->armed = MP_HTTP_NEVER;
	http->random = (uint64_t) mp_http_microseconds() ^
		((uint64_t) getpid() << 32) ^ (uint64_t) (uintptr_t) http;
	http->random |= 1;
	http->poller = mp_poller_create();
	http->share = curl_share_init();
	if (http->poller == NULL || http->share == NULL || !make_headers(http))
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

/*
 * libcurl resolves names in threads, which inherit the signal mask of the
 * moment they are made: the program's handlers must never run in them.
 */
static void
block_signals(sigset_t *saved)
{
	sigset_t	all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, saved);
}

static void
unblock_signals(const sigset_t *saved)
{
	pthread_sigmask(SIG_SETMASK, saved, NULL);
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
	{
		if (events[i].fd >= 0)
			act_on_socket(http, &events[i]);
		else
			http->armed = MP_HTTP_NEVER;
	}
	return count == EVENTS_AT_ONCE;
}

static void
act_on_socket(MpHttp *http, const MpPollerEvent *event)
{
	MpRequest  *request;
	int			i;

	for (i = 0; i < MP_HTTP_LANE_COUNT; i++)
		mp_http_lane_touch(&http->lanes[i], event);
	if (!(event->events & MP_POLLER_READ))
		return;
	for (request = http->on_wire.first; request; request = request->next)
		mp_http_transfer_hear(request, event->fd);
}

static void
act_on_timers(MpHttp *http)
{
	int64_t		now = mp_http_now();
	int			i;

	for (i = 0; i < MP_HTTP_LANE_COUNT; i++)
	{
		if (mp_http_lane_due(&http->lanes[i], now) <= now)
			mp_http_lane_tick(&http->lanes[i]);
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
			end_attempt(request, code);
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
		if (deadline_of(request) > now)
			continue;
		mp_http_transfer_time_out(request);
		end_attempt(request, CURLE_OPERATION_TIMEDOUT);
	}
}

/*
 * libcurl watches connect_timeout, but not for a request that waits to see
 * whether another one's connection will carry it.  Once it is sent, a byte has
 * to come now and then; while it is paused, nobody waits for one.
 */
static int64_t
deadline_of(const MpRequest *request)
{
	const MpHttpTransfer *transfer = &request->transfer;

	if (transfer->paused)
		return MP_HTTP_NEVER;
	if (!transfer->sent)
		return transfer->began / 1000 + request->connect_timeout +
			CONNECT_GRACE;
	return transfer->last_byte + request->request_timeout;
}

/* ---- from state to state ---- */

void
mp_http_enqueue(MpRequest *request)
{
	request->state = MP_HTTP_QUEUED;
	mp_http_list_insert(&request->server->queue, request);
	mp_http_kick(request->http);
}

/* Out of whatever state it is in, for good. */
void
mp_http_leave(MpRequest *request)
{
	sigset_t	saved;

	if (request->state == MP_HTTP_DONE)
		return;
	mp_http_list_remove(request);
	if (request->state == MP_HTTP_ON_WIRE)
	{
		request->server->in_flight--;
		block_signals(&saved);
		mp_http_transfer_cancel(request);
		unblock_signals(&saved);
		mp_http_kick(request->http);
	}
	request->state = MP_HTTP_DONE;
}

/* Where the request goes now. */
const char *
mp_http_url(const MpRequest *request)
{
	return request->hop_url != NULL ? request->hop_url : request->url;
}

/* Start what the windows have room for, oldest first. */
static bool
fill_windows(MpHttp *http)
{
	MpHttpServer *server;
	bool		started = false;

	for (server = http->servers; server != NULL; server = server->next)
	{
		while (server->queue.first != NULL &&
			   mp_http_has_room(server->queue.first))
		{
			begin_attempt(server->queue.first);
			started = true;
		}
		if (server->queue.first != NULL)
			relieve(http, server);
	}
	return started;
}

static void
begin_attempt(MpRequest *request)
{
	mp_http_list_remove(request);
	mp_http_list_append(&request->http->on_wire, request);
	request->state = MP_HTTP_ON_WIRE;
	request->server->in_flight++;

	request->answer.attempts++;
	if (request->answer.attempts > 1)
		mp_http_tally_retry(request);
	request->answer.status = 0;
	request->answer.maybe_sent = false;
	request->answer.retry_after = -1;
	request->hops = 0;
	free(request->hop_url);
	request->hop_url = NULL;
	if (!mp_http_transfer_begin(request))
		finish(request, MP_OUTCOME_NO_MEMORY);
}

static void
end_attempt(MpRequest *request, CURLcode code)
{
	MpOutcome	outcome = mp_http_transfer_end(request, code);
	int64_t		wait;

	request->lost |= outcome == MP_OUTCOME_LOST;

	/*
	 * Between connecting and sending, libcurl needs to be run: if the caller
	 * did not, it is nobody's failure.
	 */
	if (outcome == MP_OUTCOME_UNREACHABLE && request->http->late &&
		code == CURLE_OPERATION_TIMEDOUT && !request->answer.maybe_sent &&
		mp_http_transfer_begin(request))
		return;
	if (outcome == MP_OUTCOME_STATUS &&
		mp_http_redirect_applies(request->answer.status))
	{
		outcome = follow_redirect(request);
		if (outcome == MP_OUTCOME_PENDING)
			return;
	}
	wait = mp_http_retry_wait(request, outcome);
	if (wait >= 0)
		begin_backoff(request, wait);
	else
		finish(request, outcome);
}

/* PENDING: the next hop is under way, in the same slot. */
static MpOutcome
follow_redirect(MpRequest *request)
{
	MpOutcome	outcome = MP_OUTCOME_REDIRECT_LOOP;
	char	   *target = NULL;
	char	   *shown = NULL;

	if (request->location != NULL)
		outcome = mp_http_redirect_resolve(request->base_url,
										   mp_http_url(request),
										   request->location,
										   &target, &shown);
	if (outcome == MP_OUTCOME_PENDING &&
		++request->hops > MP_HTTP_REDIRECTS)
		outcome = MP_OUTCOME_REDIRECT_LOOP;
	mp_http_request_explain(request, shown != NULL ? shown : "");
	free(shown);
	if (outcome != MP_OUTCOME_PENDING)
	{
		free(target);
		return outcome;
	}

	free(request->hop_url);
	request->hop_url = target;
	mp_http_buffer_clear(&request->unread);
	if (!mp_http_transfer_begin(request))
		return MP_OUTCOME_NO_MEMORY;
	return MP_OUTCOME_PENDING;
}

static void
begin_backoff(MpRequest *request, int64_t wait)
{
	if (mp_http_is_success(request->answer.status) &&
		request->transfer.body_bytes > 0)
		request->restarts++;
	mp_http_buffer_clear(&request->unread);

	mp_http_list_remove(request);
	request->server->in_flight--;
	request->due = mp_http_now() + wait;
	request->state = MP_HTTP_BACKING_OFF;
	mp_http_list_append(&request->http->backing_off, request);
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
		mp_http_list_remove(request);
		mp_http_enqueue(request);
	}
}

static void
finish(MpRequest *request, MpOutcome outcome)
{
	bool		not_found = outcome == MP_OUTCOME_STATUS &&
		request->answer.status == 404;

	mp_http_list_remove(request);
	request->server->in_flight--;
	request->state = MP_HTTP_DONE;
	request->answer.outcome = outcome;
	if (outcome != MP_OUTCOME_OK && !not_found)
		mp_http_tally_failure(request);
}

/*
 * The window is full and others wait for a slot.  If every slot is held by a
 * paused body, they might wait forever: its reader may read on only after the
 * waiting request has been answered, as in a nested loop.  Then the paused
 * ones must go on, and grow to whatever size they have.
 */
static void
relieve(MpHttp *http, const MpHttpServer *server)
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
		request->boundless = true;
		request->transfer.resume = true;
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

/* Make the descriptor readable, so that the next run comes soon. */
void
mp_http_kick(MpHttp *http)
{
	set_timer(http, 0);
}

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
	MpRequest  *request;

	for (request = http->on_wire.first; request; request = request->next)
	{
		if (request->transfer.resume)
			due = 0;
		else if (deadline_of(request) < due)
			due = deadline_of(request);
	}
	for (request = http->backing_off.first; request; request = request->next)
	{
		if (request->due < due)
			due = request->due;
	}
	set_timer(http, due);
}

static void
set_timer(MpHttp *http, int64_t due)
{
	int64_t		now = mp_http_now();
	int64_t		delay = due > now ? due - now : 0;

	if (due == http->armed)
		return;
	if (due == MP_HTTP_NEVER)
		delay = -1;
	if (mp_poller_set_timer(http->poller, delay))
		http->armed = due;
}
