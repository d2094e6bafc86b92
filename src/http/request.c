/*-------------------------------------------------------------------------
 *
 * http/request.c
 *		One request: what is asked, and what is read of the answer.
 *
 * Owns the copies of what was asked.  Must not decide what happens to the
 * request.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http_state.h"

static bool copy_spec(MpRequest *request, const MpRequestSpec *spec);
static bool has_body(const MpRequest *request);

MpRequest *
mp_http_start(MpHttp *http, const MpRequestSpec *spec)
{
	MpRequest  *request = calloc(1, sizeof(MpRequest));

	if (request == NULL)
		return NULL;
	request->http = http;
	mp_http_explain(request, "");
	mp_http_transfer_init(request);
	request->server = mp_http_server_take(http, spec->settings);
	if (request->server == NULL || !copy_spec(request, spec))
	{
		mp_http_free(request);
		return NULL;
	}
	request->birth = ++http->births;
	mp_http_set_state(request, MP_HTTP_QUEUED, 0);
	return request;
}

void
mp_http_make_urgent(MpRequest *request)
{
	assert(request->state == MP_HTTP_QUEUED);
	assert(request->answer.attempts == 0);
	request->urgent = true;
	request->birth = 0;
	mp_http_set_state(request, MP_HTTP_QUEUED, 0);
}

void
mp_http_free(MpRequest *request)
{
	if (request == NULL)
		return;
	mp_http_attempt_give_up(request);
	mp_http_transfer_free(request);
	mp_http_settings_release(request->settings);
	if (request->body != NULL)
		mp_wipe(request->body, request->body_length);
	free(request->body);
	free(request->url);
	free(request->detail);
	free(request);
}

const MpAnswer *
mp_http_answer(const MpRequest *request)
{
	return &request->answer;
}

bool
mp_http_on_wire(const MpRequest *request)
{
	return request->state == MP_HTTP_ON_WIRE;
}

size_t
mp_http_peek(const MpRequest *request, const char **bytes)
{
	bool		offered = request->state == MP_HTTP_DONE ||
		(request->state == MP_HTTP_ON_WIRE &&
		 mp_http_is_success(request->transfer.status));

	*bytes = "";
	if (!offered || mp_buffer_unread(&request->unread) == 0)
		return 0;
	*bytes = request->unread.data + request->unread.start;
	return mp_buffer_unread(&request->unread);
}

void
mp_http_consume(MpRequest *request, size_t n)
{
	mp_http_transfer_consume(request, n);
}

int
mp_http_restarts(const MpRequest *request)
{
	return request->restarts;
}

const char *
mp_http_library_version(void)
{
	return curl_version_info(CURLVERSION_NOW)->version;
}

/* False when out of memory: what was copied is freed with the request. */
static bool
copy_spec(MpRequest *request, const MpRequestSpec *spec)
{
	const char *base_url = spec->settings->base_url;
	size_t		size = strlen(base_url) + strlen(spec->path) + 1;

	assert(spec->path[0] == '/');
	request->method = spec->method;
	request->streamed = spec->streamed;
	request->settings = mp_http_settings_take(request->http, request->server,
											  spec->settings);
	request->url = malloc(size);
	if (request->settings == NULL || request->url == NULL)
		return false;
	snprintf(request->url, size, "%s%s", base_url, spec->path);

	if (spec->body != NULL)
	{
		/* One byte at least, so that NULL means out of memory. */
		request->body = malloc(spec->body_length + 1);
		if (request->body == NULL)
			return false;
		memcpy(request->body, spec->body, spec->body_length);
		request->body_length = spec->body_length;
	}

	request->authorization_header.data = request->settings->authorization;
	request->authorization_header.next = request->http->headers;
	if (has_body(request))
		request->authorization_header.next = request->http->body_headers;
	return true;
}

static bool
has_body(const MpRequest *request)
{
	return request->body != NULL || request->method == MP_METHOD_POST;
}
