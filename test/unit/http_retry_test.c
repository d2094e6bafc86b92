/*-------------------------------------------------------------------------
 *
 * http_retry_test.c
 *		Failures of every kind: what they are called, and what is sent again.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_client.h"
#include "tap.h"

#define GZIP_HEAD \
	"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 49\r\n\r\n"
#define GZIP_BODY \
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x2a\x4a\x2d\x2e\xcd" \
	"\x29\x29\x56\xb2\x8a\xae\x56\xca\x4c\x51\xb2\x32\xac\xd5\x81\x30\x8c" \
	"\x60\x0c\xe3\xda\xd8\x5a\x00\xbf\x6b\xb7\x5b\x28\x00\x00\x00"

#define PATIENCE 10000			/* ms: less than what is not to be waited for,
								 * more than a busy machine takes */

/* One reply for all attempts, and what must come of it. */
typedef struct Case
{
	const char *name;
	const char *reply;
	ReplyEnd	end;
	MpOutcome	outcome;
	int			status;
	int			gets;			/* requests seen when it is a GET */
	int			posts;			/* ... or a POST */
} Case;

static const Case cases[] = {
	{"200", EMPTY("200 OK"), REPLY_KEEP, MP_OUTCOME_OK, 200, 1, 1},
	{"201", EMPTY("201 Made"), REPLY_KEEP, MP_OUTCOME_OK, 201, 1, 1},
	{"204", "HTTP/1.1 204 None\r\n\r\n", REPLY_KEEP,
	MP_OUTCOME_OK, 204, 1, 1},
	{"205", EMPTY("205 Reset"), REPLY_KEEP, MP_OUTCOME_OK, 205, 1, 1},
	{"up to the end of connection", "HTTP/1.0 200 OK\r\n\r\n{}",
	REPLY_CLOSE, MP_OUTCOME_OK, 200, 1, 1},
	{"1xx before", "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
		"HTTP/1.1 100 Go\r\n\r\n" EMPTY("200 OK"), REPLY_KEEP,
	MP_OUTCOME_OK, 200, 1, 1},
	{"303", EMPTY_WITH("303 See", "Location: /x"), REPLY_KEEP,
	MP_OUTCOME_STATUS, 303, 1, 1},
	{"304", "HTTP/1.1 304 Same\r\n\r\n", REPLY_KEEP,
	MP_OUTCOME_STATUS, 304, 1, 1},
	{"400", EMPTY("400 Bad"), REPLY_KEEP, MP_OUTCOME_STATUS, 400, 1, 1},
	{"401", EMPTY("401 No"), REPLY_KEEP, MP_OUTCOME_STATUS, 401, 1, 1},
	{"404", EMPTY("404 No"), REPLY_KEEP, MP_OUTCOME_STATUS, 404, 1, 1},
	{"408", EMPTY("408 No"), REPLY_CLOSE, MP_OUTCOME_STATUS, 408, 1, 1},
	{"409", EMPTY("409 No"), REPLY_KEEP, MP_OUTCOME_STATUS, 409, 1, 1},
	{"429", EMPTY("429 Slow"), REPLY_KEEP, MP_OUTCOME_STATUS, 429, 3, 3},
	{"429 at once", EMPTY_WITH("429 Slow", "Retry-After: 0"), REPLY_KEEP,
	MP_OUTCOME_STATUS, 429, 3, 3},
	{"429 too late", EMPTY_WITH("429 Slow", "Retry-After: 1"), REPLY_KEEP,
	MP_OUTCOME_STATUS, 429, 1, 1},
	{"500", EMPTY("500 No"), REPLY_KEEP, MP_OUTCOME_STATUS, 500, 3, 1},
	{"501", EMPTY("501 No"), REPLY_KEEP, MP_OUTCOME_STATUS, 501, 1, 1},
	{"502", EMPTY("502 No"), REPLY_KEEP, MP_OUTCOME_STATUS, 502, 3, 1},
	{"503", EMPTY("503 No"), REPLY_KEEP, MP_OUTCOME_STATUS, 503, 3, 1},
	{"503 at once", EMPTY_WITH("503 No", "Retry-After: 0"), REPLY_KEEP,
	MP_OUTCOME_STATUS, 503, 3, 3},
	{"503 by a date", EMPTY_WITH("503 No",
								 "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT"),
	REPLY_KEEP, MP_OUTCOME_STATUS, 503, 3, 3},
	{"503 some time", EMPTY_WITH("503 No", "Retry-After: soon"), REPLY_KEEP,
	MP_OUTCOME_STATUS, 503, 3, 1},
	{"503 negative", EMPTY_WITH("503 No", "Retry-After: -1"), REPLY_KEEP,
	MP_OUTCOME_STATUS, 503, 3, 1},
	{"504", EMPTY("504 No"), REPLY_KEEP, MP_OUTCOME_STATUS, 504, 3, 1},

	{"closed without an answer", "", REPLY_CLOSE,
	MP_OUTCOME_LOST, 0, 3, 1},
	{"reset without an answer", "", REPLY_RESET, MP_OUTCOME_LOST, 0, 3, 1},
	{"no HTTP", "SSH-2.0-OpenSSH\r\n", REPLY_CLOSE,
	MP_OUTCOME_LOST, 0, 3, 1},
	{"headers cut", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n",
	REPLY_CLOSE, MP_OUTCOME_LOST, 0, 3, 1},
	{"header line cut", "HTTP/1.1 200 OK\r\nContent-Ty", REPLY_CLOSE,
	MP_OUTCOME_LOST, 0, 3, 1},
	{"Content-Length cut", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
	REPLY_CLOSE, MP_OUTCOME_LOST, 200, 3, 1},
	{"Content-Length, no body",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
	REPLY_CLOSE, MP_OUTCOME_LOST, 200, 3, 1},
	{"Content-Length reset",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
	REPLY_RESET, MP_OUTCOME_LOST, 200, 3, 1},
	{"chunks whole", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	"2\r\n{}\r\n0\r\n\r\n", REPLY_KEEP, MP_OUTCOME_OK, 200, 1, 1},
	{"chunks without an end",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
	REPLY_CLOSE, MP_OUTCOME_LOST, 200, 3, 1},
	{"chunk cut", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	"9\r\n{}", REPLY_CLOSE, MP_OUTCOME_LOST, 200, 3, 1},
	{"no chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	"zz\r\n{}", REPLY_CLOSE, MP_OUTCOME_LOST, 200, 3, 1},
	{"unknown encoding", "HTTP/1.1 200 OK\r\nContent-Encoding: rot13\r\n"
		"Content-Length: 2\r\n\r\n{}", REPLY_KEEP,
	MP_OUTCOME_BAD_ENCODING, 200, 1, 1},
	{"not gzip at all", GZIP_HEAD
		"_________________________________________________",
	REPLY_KEEP, MP_OUTCOME_BAD_ENCODING, 200, 1, 1},
	{"refusal cut", "HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\n{}",
	REPLY_CLOSE, MP_OUTCOME_STATUS, 403, 1, 1},
	{"refusal reset", "HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\n{}",
	REPLY_RESET, MP_OUTCOME_STATUS, 403, 1, 1},
};

static void
check_case(const Case *wanted, MpMethod method)
{
	Reply		reply = {.bytes = wanted->reply,.end = wanted->end};
	MpRequest  *request;
	const MpAnswer *answer;
	const char *name = mp_http_method_name(method);
	int			requests = wanted->gets;

	if (method == MP_METHOD_POST)
		requests = wanted->posts;
	client_begin();
	settings.max_retries = 2;
	server_default(server, reply);
	request = client_start(method, "/x");
	client_finish(request);
	answer = mp_http_answer(request);
	is_int(answer->outcome, wanted->outcome, "%s %s: outcome", name,
		   wanted->name);
	/* What a reset leaves of an answer that was sent is left to chance. */
	if (wanted->end != REPLY_RESET)
		is_int(answer->status, wanted->status, "its status");
	is_int(answer->attempts, requests, "its attempts");
	is_int(server_requests(server), requests, "requests that came");
	is_int(mp_http_tally(request)->requests, requests, "requests counted");
	ok(answer->maybe_sent, "known to have been sent");
	ok((answer->detail[0] != '\0') ==
	   (wanted->outcome != MP_OUTCOME_OK &&
		wanted->outcome != MP_OUTCOME_STATUS) ||
	   wanted->outcome == MP_OUTCOME_STATUS, "detail: %s", answer->detail);
	mp_http_free(request);
	client_end();
}

static void
test_cases(void)
{
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		check_case(&cases[i], MP_METHOD_GET);
		check_case(&cases[i], MP_METHOD_POST);
	}
	check_case(&cases[0], MP_METHOD_DELETE);
}

static void
test_gzip(void)
{
	static const char whole[] = GZIP_HEAD GZIP_BODY;
	Reply		reply = {.bytes = whole,.length = sizeof(whole) - 1};
	MpRequest  *request;
	const char *bytes;
	size_t		cut;
	int			bad = 0;

	client_begin();
	server_push(server, reply);
	request = client_start(MP_METHOD_GET, "/");
	is_int(client_finish(request), MP_OUTCOME_OK, "gzip");
	is_int(mp_http_peek(request, &bytes), 40, "decompressed");
	is_int(mp_http_tally(request)->bytes_received, sizeof(whole) - 1,
		   "counted as it came");
	mp_http_free(request);

	settings.max_retries = 0;
	reply.end = REPLY_CLOSE;
	for (cut = 1; cut <= 49; cut++)
	{
		reply.length = sizeof(whole) - 1 - cut;
		server_push(server, reply);
		if (client_do(MP_METHOD_GET, "/") != MP_OUTCOME_LOST)
			bad++;
	}
	is_int(bad, 0, "cut off anywhere it is lost");
	client_end();
}

/* A retry that is asked for later waits so long, and not much longer. */
static void
test_waits(void)
{
	double		began;
	MpRequest  *request;

	client_begin();
	settings.max_retry_wait = 2000;
	client_reply(EMPTY_WITH("429 Slow", "Retry-After: 1"), REPLY_KEEP);
	began = client_ms();
	is_int(client_do(MP_METHOD_POST, "/"), MP_OUTCOME_OK, "after a second");
	ok(client_ms() - began >= 999 && client_ms() - began < PATIENCE,
	   "it took %d ms", (int) (client_ms() - began));
	ok(client_runs < 40, "%d runs, so nothing spins", client_runs);

	client_reply(EMPTY("500 No"), REPLY_KEEP);
	client_reply(EMPTY("500 No"), REPLY_KEEP);
	began = client_ms();
	is_int(client_do(MP_METHOD_GET, "/"), MP_OUTCOME_OK, "after two waits");
	ok(client_ms() - began >= 374 && client_ms() - began < PATIENCE,
	   "it took %d ms", (int) (client_ms() - began));

	settings.max_retry_wait = 1000;
	client_reply(EMPTY_WITH("503 No", "Retry-After: 61"), REPLY_KEEP);
	request = client_start(MP_METHOD_GET, "/");
	is_int(client_finish(request), MP_OUTCOME_STATUS, "too long a wait");
	is_int(mp_http_answer(request)->retry_after, 61000, "is told");
	mp_http_free(request);
	client_end();
}

static void
test_no_connection(void)
{
	char		base_url[64];
	MpRequest  *request;
	MpMethod	methods[] = {MP_METHOD_GET, MP_METHOD_POST};
	size_t		i;

	client_begin();
	snprintf(base_url, sizeof(base_url), "http://127.0.0.1:%d",
			 server_port(server));
	client_end();

	/* Nobody listens there any more. */
	client_begin();
	settings.base_url = base_url;
	for (i = 0; i < 2; i++)
	{
		request = client_start(methods[i], "/");
		client_finish(request);
		is_int(mp_http_answer(request)->outcome, MP_OUTCOME_UNREACHABLE,
			   "refused: %s", mp_http_answer(request)->detail);
		ok(!mp_http_answer(request)->maybe_sent, "not sent");
		is_int(mp_http_answer(request)->attempts, 4, "tried again");
		is_int(mp_http_tally(request)->requests, 0, "no request counted");
		is_int(mp_http_tally(request)->retries, 3, "but the retries");
		is_int(mp_http_tally(request)->failures, 1, "one failure");
		mp_http_free(request);
	}
	client_end();
}

/* No TLS is spoken here. */
static void
test_no_tls(void)
{
	char		base_url[64];
	MpRequest  *request;

	client_begin();
	client_reply_always("HTTP/1.1 400 Bad\r\n\r\n", REPLY_CLOSE);
	snprintf(base_url, sizeof(base_url), "https://127.0.0.1:%d",
			 server_port(server));
	settings.base_url = base_url;
	settings.connect_timeout = 100;
	settings.max_retries = 1;
	request = client_start(MP_METHOD_POST, "/");
	client_finish(request);
	is_int(mp_http_answer(request)->outcome, MP_OUTCOME_UNREACHABLE,
		   "no TLS: %s", mp_http_answer(request)->detail);
	is_int(mp_http_answer(request)->attempts, 2, "tried again");
	ok(!mp_http_answer(request)->maybe_sent, "not sent");
	mp_http_free(request);
	client_end();
}

static void
test_refused(void)
{
	client_begin();
	server_refuse(server, 2);
	is_int(client_do(MP_METHOD_GET, "/"), MP_OUTCOME_OK,
		   "a GET survives two resets before it was read");
	is_int(server_requests(server), 1, "one request came through");
	client_end();
}

/* A keep-alive connection that dies when it is used again. */
static void
test_reused(void)
{
	Reply		early_reset = {.early = true,.end = REPLY_RESET};
	MpRequest  *request;

	client_begin();
	client_do(MP_METHOD_GET, "/");
	server_reset_reused(server, true);
	request = client_start(MP_METHOD_GET, "/");
	is_int(client_finish(request), MP_OUTCOME_OK, "a GET is repeated");
	mp_http_free(request);

	is_int(server_requests(server), 2, "two requests were read");
	is_int(client_do(MP_METHOD_POST, "/"), MP_OUTCOME_OK,
		   "a POST is not concerned");
	is_int(server_requests(server), 3, "it came once");

	client_reply("", REPLY_RESET);
	is_int(client_do(MP_METHOD_POST, "/"), MP_OUTCOME_LOST,
		   "a POST whose connection is reset");
	is_int(server_requests(server), 4, "came once");
	server_push(server, early_reset);
	is_int(client_do(MP_METHOD_POST, "/"), MP_OUTCOME_LOST,
		   "a POST whose connection is reset while it is sent");
	is_int(server_requests(server), 5, "came once");
	client_end();
}

static void
test_silence(void)
{
	MpMethod	methods[] = {MP_METHOD_GET, MP_METHOD_POST};
	static const char *const replies[] = {
		"", "HTTP/1.1 200 OK\r\nContent-Le",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
		"HTTP/1.1 100 Go\r\n\r\n",
	};
	MpRequest  *request;
	double		began;
	size_t		i;

	for (i = 0; i < 8; i++)
	{
		client_begin();
		settings.request_timeout = 60;
		settings.max_retries = 2;
		client_reply_always(replies[i / 2], REPLY_HANG);
		began = client_ms();
		request = client_start(methods[i % 2], "/");
		client_finish(request);
		is_int(mp_http_answer(request)->outcome, MP_OUTCOME_TIMEOUT,
			   "silence: %s", mp_http_answer(request)->detail);
		server_await(server, i % 2 == 0 ? 3 : 1);
		is_int(server_requests(server), i % 2 == 0 ? 3 : 1, "requests");
		ok(mp_http_answer(request)->maybe_sent, "was sent");
		ok(client_ms() - began < PATIENCE, "it took %d ms",
		   (int) (client_ms() - began));
		ok(client_runs < 60, "%d runs, so nothing spins", client_runs);
		mp_http_free(request);
		client_end();
	}
}

static void
test_drip(void)
{
	Reply		drip = {.bytes = EMPTY("200 OK"),.drip = 40};
	double		began = client_ms();

	client_begin();
	settings.request_timeout = 1000;
	settings.max_retries = 0;
	server_push(server, drip);
	is_int(client_do(MP_METHOD_GET, "/"), MP_OUTCOME_OK,
		   "a byte now and then is no silence");
	ok(client_ms() - began > 1000, "although it took %d ms",
	   (int) (client_ms() - began));
	client_end();
}

/* Who comes back late finds what came in time. */
static void
test_away(void)
{
	MpRequest  *request;
	int			i;

	client_begin();
	settings.request_timeout = 500;
	settings.max_retries = 0;
	request = client_start(MP_METHOD_GET, "/");
	while (server_requests(server) < 1)
		client_step(1);
	for (i = 0; i < 10000 && server_sent(server) == 0; i++)
		poll(NULL, 0, 1);
	poll(NULL, 0, 1000);
	is_int(client_finish(request), MP_OUTCOME_OK, "away for long");
	mp_http_free(request);
	client_end();
}

/* All wait for the first one's connection, and give up with it. */
static void
check_fan_out(int port)
{
	MpRequest  *requests[8];
	char		base_url[64];
	double		began = client_ms();
	int			i;

	snprintf(base_url, sizeof(base_url), "https://127.0.0.1:%d", port);
	settings.base_url = base_url;
	settings.connect_timeout = 1000;
	settings.max_retries = 0;
	for (i = 0; i < 8; i++)
		requests[i] = client_start(MP_METHOD_GET, "/");
	for (i = 0; i < 8; i++)
	{
		is_int(client_finish(requests[i]), MP_OUTCOME_UNREACHABLE,
			   "waiting for a connection");
		mp_http_free(requests[i]);
	}
	ok(client_ms() - began < 4 * settings.connect_timeout, "it took %d ms",
	   (int) (client_ms() - began));
}

/* A listener whose queue is full answers no attempt to connect. */
static void
test_connect_timeout(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t	length = sizeof(address);
	int			listener = socket(AF_INET, SOCK_STREAM, 0);
	int			fillers[8];
	char		base_url[64];
	MpRequest  *request;
	int			i;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ok(bind(listener, (struct sockaddr *) &address, length) == 0 &&
	   listen(listener, 0) == 0 &&
	   getsockname(listener, (struct sockaddr *) &address, &length) == 0,
	   "a listener that never accepts");
	for (i = 0; i < 8; i++)
	{
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void) connect(fillers[i], (struct sockaddr *) &address, length);
	}
	client_begin();
	snprintf(base_url, sizeof(base_url), "http://127.0.0.1:%d",
			 ntohs(address.sin_port));
	settings.base_url = base_url;
	settings.connect_timeout = 50;
	settings.max_retries = 1;
	request = client_start(MP_METHOD_POST, "/");
	client_finish(request);
	is_int(mp_http_answer(request)->outcome, MP_OUTCOME_UNREACHABLE,
		   "no answer: %s", mp_http_answer(request)->detail);
	is_int(mp_http_answer(request)->attempts, 2, "tried again");
	ok(!mp_http_answer(request)->maybe_sent, "not sent");
	mp_http_free(request);
	check_fan_out(ntohs(address.sin_port));
	client_end();
	for (i = 0; i < 8; i++)
		close(fillers[i]);
	close(listener);
}

/* What is said to one request is meant for all, and is not forgotten. */
static void
test_shared_refusal(void)
{
	MpRequest  *first;
	MpRequest  *second;
	double		start;

	client_begin();
	settings.max_concurrency = 1;
	settings.max_retry_wait = 2000;
	client_reply(EMPTY_WITH("429 Slow", "Retry-After: 1"), REPLY_KEEP);
	client_reply_always(EMPTY("200 OK"), REPLY_KEEP);
	start = client_ms();
	first = client_start(MP_METHOD_GET, "/1");
	second = client_start(MP_METHOD_GET, "/2");
	is_int(client_finish(second), MP_OUTCOME_OK, "the second is answered");
	ok(client_ms() - start >= 999, "but not before the first may try again");
	is_int(mp_http_answer(second)->attempts, 1, "with one attempt");
	is_int(client_finish(first), MP_OUTCOME_OK, "the first as well");
	mp_http_free(first);
	mp_http_free(second);
	client_end();

	/* One that may not wait so long is not sent. */
	client_begin();
	settings.max_concurrency = 1;
	settings.max_retry_wait = 3000;
	client_reply(EMPTY_WITH("429 Slow", "Retry-After: 2"), REPLY_KEEP);
	client_reply_always(EMPTY("200 OK"), REPLY_KEEP);
	first = client_start(MP_METHOD_GET, "/3");
	settings.max_retry_wait = 100;
	second = client_start(MP_METHOD_GET, "/4");
	is_int(client_finish(second), MP_OUTCOME_STATUS, "a later one is refused");
	is_int(mp_http_answer(second)->status, 429, "in the same way");
	is_int(mp_http_answer(second)->attempts, 0, "without being sent");
	ok(mp_http_answer(second)->retry_after > 1000, "and is told for how long");
	ok(!mp_http_may_be_done(second), "it was certainly not carried out");
	is_int(client_finish(first), MP_OUTCOME_OK, "the first is sent again");
	mp_http_free(first);
	mp_http_free(second);
	client_end();

	/* The server's clock is ten minutes before ours, or years behind. */
	client_begin();
	settings.max_retry_wait = 500;
	client_reply(EMPTY_WITH("429 Slow",
							"Date: Sun, 06 Nov 1994 08:49:30 GMT\r\n"
							"Retry-After: Sun, 06 Nov 1994 08:49:37 GMT"),
				 REPLY_KEEP);
	first = client_start(MP_METHOD_GET, "/5");
	client_finish(first);
	is_int(mp_http_answer(first)->retry_after, 7000, "by the answer's Date");
	mp_http_free(first);
	client_end();
}

/* Notes "from > to" for each step. */
static void
note_step(void *context, const char *url, const char *from, const char *to)
{
	char	   *steps = context;
	size_t		length = strlen(steps);

	if (strcmp(url + strlen(url) - 6, "/steps") == 0)
		snprintf(steps + length, 400 - length, "%s > %s; ", from, to);
}

static void
test_trace(void)
{
	char		steps[400] = "";
	MpRequest  *request;

	client_begin();
	mp_http_set_trace(http, note_step, steps);
	client_reply(EMPTY_WITH("503 Busy", "Retry-After: 0"), REPLY_KEEP);
	client_reply(EMPTY("200 OK"), REPLY_KEEP);
	client_do(MP_METHOD_GET, "/steps");
	is_str(steps, "new > queued; queued > on the wire; "
		   "on the wire > backing off; backing off > queued; "
		   "queued > on the wire; on the wire > done; ",
		   "the steps of a request that is sent twice");
	steps[0] = '\0';
	request = client_start(MP_METHOD_GET, "/steps");
	mp_http_make_urgent(request);
	mp_http_free(request);
	is_str(steps, "new > queued; queued > queued; queued > done; ",
		   "those of one that is given up before it is sent");
	client_end();
}

int
main(void)
{
	test_cases();
	test_gzip();
	test_waits();
	test_no_connection();
	test_no_tls();
	test_refused();
	test_reused();
	test_silence();
	test_drip();
	test_away();
	test_connect_timeout();
	test_shared_refusal();
	test_trace();
	return done_testing();
}
