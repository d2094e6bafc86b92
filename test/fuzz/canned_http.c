/*-------------------------------------------------------------------------
 *
 * canned_http.c
 *		http.h with an answer out of a can, for what stands upon it.
 *
 *-------------------------------------------------------------------------
 */
#include "canned_http.h"

#include <stdlib.h>
#include <string.h>

struct MpRequest
{
	Delivery	delivery;
	size_t		arrived;
	size_t		consumed;
	char	   *unread;			/* a copy of what lies between; NULL: none */
	int			restarts;
	MpAnswer	answer;
	MpTally		tally;
};

/* The unread bytes have changed: those handed out are no longer valid. */
static void
refresh(MpRequest *request)
{
	size_t		length = request->arrived - request->consumed;

	free(request->unread);
	request->unread = malloc(length + (length == 0));
	if (length > 0)
		memcpy(request->unread, request->delivery.body + request->consumed,
			   length);
}

MpRequest *
mp_http_start(MpHttp *http, const MpRequestSpec *spec)
{
	MpRequest  *request = calloc(1, sizeof(MpRequest));

	canned_clear(http);
	http->method = spec->method;
	http->path = strdup(spec->path);
	if (spec->body != NULL)
	{
		http->body = malloc(spec->body_length + 1);
		memcpy(http->body, spec->body, spec->body_length);
		http->body[spec->body_length] = '\0';
		http->body_length = spec->body_length;
	}
	request->answer.retry_after = -1;
	mp_pages_begin(&request->answer.pages);
	request->answer.attempts = 1;
	request->answer.detail = "";
	refresh(request);
	return request;
}

void
mp_http_free(MpRequest *request)
{
	if (request == NULL)
		return;
	free(request->unread);
	free(request);
}

const MpAnswer *
mp_http_answer(const MpRequest *request)
{
	return &request->answer;
}

size_t
mp_http_peek(const MpRequest *request, const char **bytes)
{
	*bytes = request->unread;
	return request->arrived - request->consumed;
}

void
mp_http_consume(MpRequest *request, size_t n)
{
	if (n == 0)
		return;
	if (n > request->arrived - request->consumed)
		abort();
	request->consumed += n;
	refresh(request);
}

int
mp_http_restarts(const MpRequest *request)
{
	return request->restarts;
}

const MpTally *
mp_http_tally(const MpRequest *request)
{
	return &request->tally;
}

const char *
mp_http_method_name(MpMethod method)
{
	static const char *const names[] = {"GET", "POST", "DELETE"};

	return names[method];
}

void
canned_set(MpRequest *request, const Delivery *delivery)
{
	request->delivery = *delivery;
}

/* The body of any answer but a success is there only when it is final. */
bool
canned_arrive(MpRequest *request)
{
	Delivery   *delivery = &request->delivery;
	size_t		rest = delivery->size - request->arrived;
	size_t		piece = delivery->step;

	if (request->answer.outcome != MP_OUTCOME_PENDING)
		return false;
	if (request->arrived == 0)
		piece = delivery->first;
	if (piece == 0)
		piece = 1;
	if (piece > rest || delivery->outcome != MP_OUTCOME_OK)
		piece = rest;

	request->answer.status = delivery->status;
	request->answer.pages.says_more = delivery->says_more;
	request->answer.pages.total = delivery->total > 0 ? delivery->total : -1;
	if (delivery->break_at > 0 &&
		request->arrived + piece >= delivery->break_at)
	{
		delivery->break_at = 0;
		request->arrived = 0;
		request->consumed = 0;
		request->restarts++;
		request->answer.attempts++;
	}
	else
	{
		request->arrived += piece;
		if (request->arrived == delivery->size)
			request->answer.outcome = delivery->outcome;
	}
	refresh(request);
	return true;
}

void
canned_clear(MpHttp *http)
{
	free(http->path);
	free(http->body);
	memset(http, 0, sizeof(*http));
}
