/*-------------------------------------------------------------------------
 *
 * http_secret_test.c
 *		No memory is given back with a secret in it.
 *
 * The linker lets every free() of the wire's files come by here first
 * (--wrap=free), where the memory is searched.  libcurl's own buffers are out
 * of reach.
 *
 *-------------------------------------------------------------------------
 */
#include "http_client.h"
#include "tap.h"

static const char *const secrets[] = {
	"s3cr3t", "cm9ib3Q6czNjcjN0", "sent-token", "received-token", "pr0xy-pw",
};

#include "freed.h"

/* A request that sends a token. */
static MpRequest *
start(const char *path, bool streamed)
{
	MpRequestSpec spec = {
		.settings = &settings,
		.method = MP_METHOD_POST,
		.path = path,
		.body = "{\"token\":\"sent-token\"}",
		.body_length = 22,
		.streamed = streamed,
	};

	return mp_http_start(http, &spec);
}

/* Of this thread only: the server's memory is its own affair. */
static void
free_watched(MpRequest *request)
{
	watching = true;
	mp_http_free(request);
	watching = false;
}

static void
test_watch(void)
{
	/* Through a pointer, so that the compiler sees no copy to leave out. */
	char	   *(*volatile duplicate) (const char *) = strdup;
	char	   *copy = duplicate("xx received-token xx");

	watching = true;
	free(copy);
	watching = false;
	is_int(found, 1, "a secret is found in what is freed");
	found = 0;
}

static void
test_answers(void)
{
	static const char head[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
		"{\"token\":\"received-token\"}";
	static const char *const others[] = {
		"HTTP/1.1 503 No\r\nRetry-After: 0\r\nContent-Length: 14\r\n\r\n"
		"received-token",
		"HTTP/1.1 307 Go\r\nLocation: /y\r\nContent-Length: 14\r\n\r\n"
		"received-token",
	};
	MpRequest  *request;
	const char *bytes;
	size_t		i;

	client_begin();
	for (i = 0; i < 2; i++)
		client_reply(others[i], REPLY_KEEP);
	client_reply_long(head, 100000 - 26, REPLY_KEEP);
	request = start("/x", false);
	client_finish(request);
	is_int(server_requests(server), 3, "retry, redirect, a long answer");
	is_int(mp_http_peek(request, &bytes), 100000, "its body");
	free_watched(request);

	client_reply(head, REPLY_HANG);
	request = start("/x", true);
	while (mp_http_peek(request, &bytes) == 0)
		client_step(100);
	mp_http_consume(request, 26);
	free_watched(request);
	is_int(found, 0, "no secret is left in what is freed");
	client_end();
}

/* While it grows, is read and begins anew, memory is freed in run. */
static void
test_run(void)
{
	static const char head[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"
		"{\"token\":\"received-token\"}";
	MpRequest  *request;
	MpRequestSpec spec = {
		.settings = &settings,
		.method = MP_METHOD_GET,
		.path = "/x",
	};

	client_begin();
	client_reply_long(head, 200000, REPLY_CLOSE);
	client_reply_long(head, 300000 - 26, REPLY_KEEP);
	watching = true;
	settings.proxy = NULL;
	request = mp_http_start(http, &spec);
	is_int(client_finish(request), MP_OUTCOME_OK, "cut off, then whole");
	mp_http_free(request);
	settings.proxy = "http://user:pr0xy-pw@127.0.0.1:1";
	settings.max_retries = 0;
	request = mp_http_start(http, &spec);
	is_int(client_finish(request), MP_OUTCOME_UNREACHABLE, "no proxy there");
	ok(strstr(mp_http_answer(request)->detail, "pr0xy") == NULL,
	   "its password is not told");
	mp_http_free(request);
	watching = false;
	is_int(found, 0, "no secret is left in what is freed");
	client_end();
}

int
main(void)
{
	test_watch();
	test_answers();
	test_run();
	return done_testing();
}
