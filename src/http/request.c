/*-------------------------------------------------------------------------
 *
 * http/request.c
 *		One request: what is asked, and what is read of the answer.
 *
 * Owns the copies of what was asked, the Authorization header among them.
 * Must not decide what happens to the request.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http_state.h"

static bool copy_spec(MpRequest *request, const MpRequestSpec *spec);
static bool copy_optional(char **copy, const char *text);
static bool make_login(MpRequest *request, const MpSettings *settings);
static char *make_authorization(const char *login);
static void encode_base64(char *out, const unsigned char *in, size_t length);
static bool has_body(const MpRequest *request);

MpRequest *
mp_http_start(MpHttp *http, const MpRequestSpec *spec)
{
	MpRequest  *request = calloc(1, sizeof(MpRequest));

	if (request == NULL)
		return NULL;
	request->http = http;
	request->state = MP_HTTP_DONE;
	request->answer.retry_after = -1;
	request->answer.detail = "";
	request->server = mp_http_tally_server(http, spec->settings);
	if (request->server == NULL || !copy_spec(request, spec))
	{
		mp_http_free(request);
		return NULL;
	}
	request->birth = ++http->births;
	mp_http_enqueue(request);
	return request;
}

void
mp_http_hurry(MpRequest *request)
{
	mp_http_list_remove(request);
	request->urgent = true;
	request->birth = 0;
	mp_http_enqueue(request);
}

void
mp_http_free(MpRequest *request)
{
	if (request == NULL)
		return;
	mp_http_leave(request);
	mp_http_buffer_clear(&request->unread);
	mp_http_wipe_string(request->login);
	mp_http_wipe_string(request->authorization);
	mp_http_wipe_string(request->proxy);
	if (request->body != NULL)
		mp_http_wipe(request->body, request->body_length);
	free(request->body);
	free(request->base_url);
	free(request->url);
	free(request->ca_file);
	free(request->hop_url);
	free(request->location);
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
	if (!offered || mp_http_buffer_length(&request->unread) == 0)
		return 0;
	*bytes = request->unread.data + request->unread.start;
	return mp_http_buffer_length(&request->unread);
}

/*
 * A paused transfer is resumed by the next run, not here: libcurl would
 * deliver bytes, and call others of its callbacks, within this call.
 */
void
mp_http_consume(MpRequest *request, size_t n)
{
	MpHttpTransfer *transfer = &request->transfer;

	mp_http_buffer_consume(&request->unread, n);
	if (transfer->paused &&
		mp_http_buffer_length(&request->unread) < MP_HTTP_BACKLOG / 2)
	{
		transfer->resume = true;
		mp_http_kick(request->http);
	}
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

bool
mp_http_has_room(const MpRequest *request)
{
	const MpRequest *other;
	int			urgent = 0;

	if (!request->urgent)
		return request->server->in_flight < request->server->limit;
	for (other = request->http->on_wire.first; other; other = other->next)
		urgent += other->urgent && other->server == request->server;
	return urgent < request->server->limit;
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
mp_http_request_explain(MpRequest *request, const char *text)
{
	free(request->detail);
	request->detail = NULL;
	request->answer.detail = "";
	if (text[0] == '\0')
		return;
	request->detail = mp_http_copy(text);
	if (request->detail != NULL)
		request->answer.detail = request->detail;
}

/* False when out of memory: what was copied is freed with the request. */
static bool
copy_spec(MpRequest *request, const MpRequestSpec *spec)
{
	const MpSettings *settings = spec->settings;
	size_t		size = strlen(settings->base_url) + strlen(spec->path) + 1;

	request->method = spec->method;
	request->streamed = spec->streamed;
	request->connect_timeout = settings->connect_timeout;
	request->request_timeout = settings->request_timeout;
	request->max_retries = settings->max_retries;
	request->max_retry_wait = settings->max_retry_wait;

	request->base_url = mp_http_copy(settings->base_url);
	request->url = malloc(size);
	if (request->base_url == NULL || request->url == NULL ||
		!copy_optional(&request->ca_file, settings->ca_file) ||
		!copy_optional(&request->proxy, settings->proxy))
		return false;
	snprintf(request->url, size, "%s%s", settings->base_url, spec->path);

	if (spec->body != NULL)
	{
		/* One byte at least, so that NULL means out of memory. */
		request->body = malloc(spec->body_length + 1);
		if (request->body == NULL)
			return false;
		memcpy(request->body, spec->body, spec->body_length);
		request->body_length = spec->body_length;
	}

	request->authorization_header.next = request->http->headers;
	if (has_body(request))
		request->authorization_header.next = request->http->body_headers;
	if (settings->username == NULL || settings->secret == NULL)
		return true;
	if (!make_login(request, settings))
		return false;
	request->authorization = make_authorization(request->login);
	request->authorization_header.data = request->authorization;
	return request->authorization != NULL;
}

static bool
has_body(const MpRequest *request)
{
	return request->body != NULL || request->method == MP_METHOD_POST;
}

static bool
copy_optional(char **copy, const char *text)
{
	*copy = mp_http_copy(text);
	return text == NULL || *copy != NULL;
}

/* Kept beside the header to be looked for in what the other side says. */
static bool
make_login(MpRequest *request, const MpSettings *settings)
{
	size_t		size = strlen(settings->username) +
		strlen(settings->secret) + 2;

	request->login = malloc(size);
	if (request->login == NULL)
		return false;
	snprintf(request->login, size, "%s:%s", settings->username,
			 settings->secret);
	return true;
}

/*
 * The header of HTTP's Basic authentication (RFC 7617).  Made here rather than
 * by libcurl, whose copies of the password would not be wiped.
 */
static char *
make_authorization(const char *login)
{
	static const char scheme[] = "Authorization: Basic ";
	size_t		length = strlen(login);
	char	   *header = malloc(sizeof(scheme) + (length + 2) / 3 * 4);

	if (header == NULL)
		return NULL;
	memcpy(header, scheme, sizeof(scheme) - 1);
	encode_base64(header + sizeof(scheme) - 1, (const unsigned char *) login,
				  length);
	return header;
}

/* RFC 4648, 4, with padding and a final NUL. */
static void
encode_base64(char *out, const unsigned char *in, size_t length)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t		i;

	for (i = 0; i < length; i += 3)
	{
		size_t		rest = length - i;
		uint32_t	bits = (uint32_t) in[i] << 16;

		if (rest > 1)
			bits |= (uint32_t) in[i + 1] << 8;
		if (rest > 2)
			bits |= in[i + 2];
		*out++ = digits[bits >> 18];
		*out++ = digits[bits >> 12 & 63];
		*out++ = rest > 1 ? digits[bits >> 6 & 63] : '=';
		*out++ = rest > 2 ? digits[bits & 63] : '=';
	}
	*out = '\0';
}
