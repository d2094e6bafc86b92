/*-------------------------------------------------------------------------
 *
 * http_stream_test.c
 *		Bodies read while they arrive, and how large anything may be.
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <stdlib.h>

#include "http_client.h"
#include "tap.h"

#define MEGABYTE ((size_t) 1024 * 1024)

/* Read all of a body, in parts of at most `part` bytes; its length. */
static size_t
drain(MpRequest *request, size_t part, size_t *most)
{
	const char *bytes;
	size_t		length;
	size_t		total = 0;
	double		deadline = client_ms() + 60000;

	*most = 0;
	while (client_ms() < deadline)
	{
		length = mp_http_peek(request, &bytes);
		if (length > *most)
			*most = length;
		if (length > part)
			length = part;
		mp_http_consume(request, length);
		total += length;
		if (length > 0)
			continue;
		if (mp_http_answer(request)->outcome != MP_OUTCOME_PENDING)
			break;
		client_step(1000);
	}
	return total;
}

static void
test_backpressure(void)
{
	static const char head[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\n";
	MpRequest  *request;
	const char *bytes;
	size_t		most;
	size_t		sent;
	int			i;

	client_begin();
	settings.request_timeout = 1000;
	client_reply_long(head, 50 * MEGABYTE, REPLY_KEEP);
	request = client_stream("/list");
	while (mp_http_peek(request, &bytes) < MP_HTTP_BACKLOG / 2)
		client_step(100);

	/* A reader that does not read, for longer than request_timeout. */
	client_runs = 0;
	for (i = 0; i < 6; i++)
		client_step(200);
	ok(mp_http_peek(request, &bytes) <= MP_HTTP_BACKLOG, "it is paused");
	is_int(mp_http_answer(request)->outcome, MP_OUTCOME_PENDING,
		   "silence while paused is none");
	sent = server_sent(server);
	client_step(50);
	ok(server_sent(server) == sent && sent < 20 * MEGABYTE,
	   "the server cannot send on");

	is_int(drain(request, 10000, &most), 50 * MEGABYTE, "all of it is read");
	ok(most <= MP_HTTP_BACKLOG, "never more than %zu bytes at once", most);
	is_int(mp_http_answer(request)->outcome, MP_OUTCOME_OK, "complete");
	is_int(mp_http_restarts(request), 0, "at the first try");
	is_int(mp_http_tally(request)->bytes_received,
		   50 * MEGABYTE + sizeof(head) - 1, "bytes counted");
	mp_http_free(request);
	is_int(client_do(MP_METHOD_GET, "/"), MP_OUTCOME_OK, "one more");
	is_int(server_connections(server), 1, "on the same connection");
	client_end();
}

static void
test_speed(void)
{
	MpRequest  *request;
	size_t		most;
	double		began;

	client_begin();
	client_reply_long("HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n",
					  200 * MEGABYTE, REPLY_KEEP);
	began = client_ms();
	request = client_stream("/list");
	is_int(drain(request, MEGABYTE, &most), 200 * MEGABYTE, "200 MB");
	diag("in %d ms, %d runs", (int) (client_ms() - began), client_runs);
	mp_http_free(request);
	client_end();
}

/* One slot, held by a body whose reader first wants another answer. */
static void
test_nested(void)
{
	MpRequest  *outer;
	MpRequest  *inner;
	const char *bytes;
	size_t		most;

	client_begin();
	settings.max_concurrency = 1;
	client_reply_long("HTTP/1.1 200 OK\r\nContent-Length: 5242880\r\n\r\n",
					  5 * MEGABYTE, REPLY_KEEP);
	outer = client_stream("/list");
	while (mp_http_peek(outer, &bytes) < MP_HTTP_BACKLOG / 2)
		client_step(100);
	inner = client_start(MP_METHOD_GET, "/one");
	is_int(client_finish(inner), MP_OUTCOME_OK, "the inner one is answered");
	is_int(server_most_at_once(server), 1, "the window was kept");
	is_int(drain(outer, MEGABYTE, &most), 5 * MEGABYTE, "the outer one too");
	mp_http_free(inner);
	mp_http_free(outer);
	client_end();
}

/* A list cut off in its middle begins anew. */
static void
test_restart(void)
{
	static const char head[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
	Reply		held = {.bytes = head,.filler = 100000,.hold = true};
	MpRequest  *request;
	const char *bytes;
	size_t		most;

	client_begin();
	client_reply_long(head, 10000, REPLY_CLOSE);
	client_reply(head, REPLY_CLOSE);
	server_push(server, held);
	request = client_stream("/list");
	while (server_requests(server) < 3)
		client_step(10);
	is_int(mp_http_restarts(request), 1,
		   "a beginning without bytes is no beginning");
	is_int(mp_http_peek(request, &bytes), 0, "what was cut off is gone");
	server_release(server, 1);
	is_int(drain(request, 3333, &most), 100000, "the whole of it");
	is_int(mp_http_answer(request)->outcome, MP_OUTCOME_OK, "complete");
	is_int(mp_http_answer(request)->attempts, 3, "attempts");
	mp_http_free(request);
	client_end();
}

/* Nothing of an answer that will be retried is shown. */
static void
test_hidden(void)
{
	MpRequest  *request;
	const char *bytes;

	client_begin();
	settings.max_retries = 1;
	client_reply_long("HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\n",
					  50, REPLY_HANG);
	client_reply_long("HTTP/1.1 500 No\r\nContent-Length: 200000\r\n\r\n",
					  200000, REPLY_KEEP);
	settings.request_timeout = 60;
	request = client_stream("/list");
	while (server_requests(server) < 2)
	{
		client_step(5);
		if (mp_http_peek(request, &bytes) != 0)
			break;
	}
	is_int(client_finish(request), MP_OUTCOME_STATUS, "500 twice");
	is_int(mp_http_peek(request, &bytes), 65536,
		   "the beginning of the final answer's body");
	is_int(mp_http_restarts(request), 0, "no restart");
	is_int(server_requests(server), 2, "two requests");
	mp_http_free(request);
	client_end();
}

static void
test_body_limit(void)
{
	static const char at_limit[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n";
	static const char above[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 16777217\r\n\r\n";
	MpRequest  *request;
	const char *bytes;

	client_begin();
	client_reply_long(at_limit, MP_HTTP_BODY_LIMIT, REPLY_KEEP);
	request = client_start(MP_METHOD_GET, "/");
	is_int(client_finish(request), MP_OUTCOME_OK, "a body at the limit");
	is_int(mp_http_peek(request, &bytes), MP_HTTP_BODY_LIMIT, "kept whole");
	mp_http_free(request);
	client_reply_long(above, MP_HTTP_BODY_LIMIT + 1, REPLY_KEEP);
	request = client_start(MP_METHOD_GET, "/");
	is_int(client_finish(request), MP_OUTCOME_TOO_LARGE, "a byte more");
	ok(strstr(mp_http_answer(request)->detail, "body") != NULL,
	   "detail: %s", mp_http_answer(request)->detail);
	is_int(server_requests(server), 2, "not asked again");
	mp_http_free(request);
	client_end();
}

/* `lines` header lines of `length` bytes each. */
static char *
many_headers(int lines, int length)
{
	char	   *text = malloc((size_t) (lines * length) + 100);
	char	   *at = text;
	int			i;

	at += sprintf(at, "HTTP/1.1 200 OK\r\n");
	for (i = 0; i < lines; i++)
	{
		at += sprintf(at, "X-%06d: ", i);
		memset(at, 'y', (size_t) length - 12);
		at += length - 12;
		at += sprintf(at, "\r\n");
	}
	sprintf(at, "Content-Length: 0\r\n\r\n");
	return text;
}

static void
test_header_limit(void)
{
	static const struct
	{
		int			lines;
		int			length;
		MpOutcome	outcome;
	}			cases[] = {
		{200, 1000, MP_OUTCOME_OK},
		{270, 1000, MP_OUTCOME_TOO_LARGE},
		{3000, 100, MP_OUTCOME_TOO_LARGE},
		{1, 250000, MP_OUTCOME_TOO_LARGE},
	};
	MpRequest  *request;
	char	   *text;
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		client_begin();
		text = many_headers(cases[i].lines, cases[i].length);
		client_reply(text, REPLY_KEEP);
		request = client_start(MP_METHOD_GET, "/");
		client_finish(request);
		is_int(mp_http_answer(request)->outcome, cases[i].outcome,
			   "%d header lines of %d: %s", cases[i].lines, cases[i].length,
			   mp_http_answer(request)->detail);
		is_int(server_requests(server), 1, "one request");
		mp_http_free(request);
		client_end();
		free(text);
	}
}

/* Interim answers without end are headers without end. */
static void
test_interim(void)
{
	char	   *text = malloc(600000);
	char	   *at = text;
	int			i;

	for (i = 0; i < 20000; i++)
		at += sprintf(at, "HTTP/1.1 100 Go\r\n\r\n");
	client_begin();
	client_reply(text, REPLY_HANG);
	is_int(client_do(MP_METHOD_GET, "/"), MP_OUTCOME_TOO_LARGE,
		   "interim answers without end");
	client_end();
	free(text);
}

int
main(void)
{
	test_backpressure();
	test_speed();
	test_nested();
	test_restart();
	test_hidden();
	test_body_limit();
	test_header_limit();
	test_interim();
	return done_testing();
}
