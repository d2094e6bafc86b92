/*-------------------------------------------------------------------------
 *
 * http/http_state.c
 *		The states of a request.
 *
 *				start				window has room
 *		NEW -----------> QUEUED ----------------> ON_WIRE -----> DONE
 *							^						|
 *							+----- BACKING_OFF <----+
 *
 * Any of them may become DONE when its owner gives the request up.  A redirect
 * is followed within ON_WIRE.  A request that backs off gives its slot back
 * and is first in line when its time has come, as it is older than whatever
 * has not been started yet.
 *
 * Must not know why a state changes.
 *
 *-------------------------------------------------------------------------
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/http_state.h"

#ifndef NDEBUG
static bool is_step(MpHttpState from, MpHttpState to);
#endif
static const char *state_name(MpHttpState state);

void
mp_http_set_timer(MpHttp *http, int64_t due)
{
	mp_poller_set_timer(http->poller, due);
	http->due = due;
}

void
mp_http_wake(MpHttp *http)
{
	mp_http_set_timer(http, 0);
}

void
mp_http_block_signals(sigset_t *saved)
{
	sigset_t	all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, saved);
}

void
mp_http_mask_run(MpHttp *http)
{
	assert(http->running);
	if (!http->masked)
		mp_http_block_signals(&http->mask);
	http->masked = true;
}

void
mp_http_unmask_run(MpHttp *http)
{
	if (http->masked)
		mp_http_unblock_signals(&http->mask);
	http->masked = false;
}

void
mp_http_unblock_signals(const sigset_t *saved)
{
	pthread_sigmask(SIG_SETMASK, saved, NULL);
}

void
mp_http_set_state(MpRequest *request, MpHttpState state, int64_t due)
{
	MpHttp	   *http = request->http;
	MpHttpPlace *place = request->settings->place;
	MpHttpState before = request->state;

	assert(is_step(before, state));
	assert((request->list == NULL) == (before == MP_HTTP_NEW));
	if (request->list != NULL)
		mp_http_list_remove(request);
	if (before == MP_HTTP_ON_WIRE)
	{
		request->server->in_flight--;
		mp_http_place_leave(place);
	}
	if (before == MP_HTTP_QUEUED)
		place->queued--;
	assert(request->server->in_flight >= 0 && place->queued >= 0);

	request->state = state;
	request->due = due;
	switch (state)
	{
		case MP_HTTP_QUEUED:
			mp_http_list_insert(&request->server->queue, request);
			place->queued++;
			mp_http_wake(http);
			break;
		case MP_HTTP_ON_WIRE:
			mp_http_list_append(&http->on_wire, request);
			request->server->in_flight++;
			break;
		case MP_HTTP_BACKING_OFF:
			mp_http_list_append(&http->backing_off, request);
			break;
		case MP_HTTP_NEW:
		case MP_HTTP_DONE:
		case MP_HTTP_STATE_COUNT:
			break;
	}
	if (http->trace != NULL)
		http->trace(http->trace_context, request->url, state_name(before),
					state_name(state));
}

const char *
mp_http_method_name(MpMethod method)
{
	switch (method)
	{
		case MP_METHOD_GET:
			return "GET";
		case MP_METHOD_POST:
			return "POST";
		case MP_METHOD_DELETE:
			return "DELETE";
	}
	return "?";
}

const char *
mp_http_url(const MpRequest *request)
{
	return request->hop_url != NULL ? request->hop_url : request->url;
}

bool
mp_http_uses_tls(const MpRequest *request)
{
	return strncasecmp(request->url, "https:", 6) == 0;
}

char *
mp_http_copy(const char *text)
{
	size_t		size;
	char	   *copy;

	if (text == NULL)
		return NULL;
	size = strlen(text) + 1;
	copy = malloc(size);
	if (copy != NULL)
		memcpy(copy, text, size);
	return copy;
}

void
mp_http_explain(MpRequest *request, const char *text)
{
	char	   *copy = text[0] != '\0' ? mp_http_copy(text) : NULL;

	free(request->detail);
	request->detail = copy;
	request->answer.detail = copy != NULL ? copy : "";
}

#ifndef NDEBUG
/* QUEUED to QUEUED is a request that has become urgent. */
static bool
is_step(MpHttpState from, MpHttpState to)
{
	static const bool steps[MP_HTTP_STATE_COUNT][MP_HTTP_STATE_COUNT] = {
		[MP_HTTP_NEW] = {
			[MP_HTTP_QUEUED] = true,
		},
		[MP_HTTP_QUEUED] = {
			[MP_HTTP_QUEUED] = true,
			[MP_HTTP_ON_WIRE] = true,
			[MP_HTTP_DONE] = true,
		},
		[MP_HTTP_ON_WIRE] = {
			[MP_HTTP_BACKING_OFF] = true,
			[MP_HTTP_DONE] = true,
		},
		[MP_HTTP_BACKING_OFF] = {
			[MP_HTTP_QUEUED] = true,
			[MP_HTTP_DONE] = true,
		},
	};

	return steps[from][to];
}
#endif

static const char *
state_name(MpHttpState state)
{
	static const char *const names[MP_HTTP_STATE_COUNT] = {
		[MP_HTTP_NEW] = "new",
		[MP_HTTP_QUEUED] = "queued",
		[MP_HTTP_ON_WIRE] = "on the wire",
		[MP_HTTP_BACKING_OFF] = "backing off",
		[MP_HTTP_DONE] = "done",
	};

	return names[state];
}
