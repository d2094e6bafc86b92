/*-------------------------------------------------------------------------
 *
 * http_test.c
 *		Requests, connections, windows, counters and reports.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "http_client.h"
#include "tap.h"

static void
test_request(void)
{
	MpRequest  *request;
	const char *bytes;
	const char *sent;

	client_begin();
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	request = client_start(MP_METHOD_POST, "/me?x=y");
	is_int(mp_http_answer(request)->outcome, MP_OUTCOME_PENDING, "pending");
	is_int(mp_http_peek(request, &bytes), 0, "nothing to read yet");
	is_int(client_finish(request), MP_OUTCOME_OK, "POST answered");
	is_int(mp_http_answer(request)->status, 200, "status");
	is_int(mp_http_answer(request)->attempts, 1, "one attempt");
	ok(mp_http_answer(request)->maybe_sent, "was sent");
	is_str(mp_http_answer(request)->detail, "", "no detail");
	is_int(mp_http_answer(request)->retry_after, -1, "no Retry-After");
	is_int(mp_http_peek(request, &bytes), 2, "body length");
	ok(memcmp(bytes, "{}", 2) == 0, "body");
	mp_http_consume(request, 1);
	is_int(mp_http_peek(request, &bytes), 1, "one byte is read");
	mp_http_consume(request, 99);
	is_int(mp_http_peek(request, &bytes), 0, "no more than there is");
	mp_http_free(request);
	mp_http_free(NULL);

	sent = server_request(server, 0);
	ok(strncmp(sent, "POST /api/me?x=y HTTP/1.1\r\n", 27) == 0,
	   "method and path; http_proxy of the process is not used");
	ok(strstr(sent, "\r\nAuthorization: Basic cm9ib3Q6czNjcjN0\r\n") != NULL,
	   "credentials");
	ok(strstr(sent, "\r\nContent-Type: application/json\r\n") != NULL &&
	   strstr(sent, "\r\nAccept: application/json\r\n") != NULL &&
	   strstr(sent, "\r\nUser-Agent: mixpanel_sa_fdw\r\n") != NULL &&
	   strstr(sent, "Expect") == NULL, "headers");
	ok(strstr(sent, "\r\n\r\n{\"a\":1}") != NULL, "body was sent");

	is_int(client_do(MP_METHOD_DELETE, "/x"), MP_OUTCOME_OK, "DELETE");
	sent = server_request(server, 1);
	ok(strncmp(sent, "DELETE /api/x HTTP/1.1\r\n", 24) == 0, "its line");
	ok(strstr(sent, "Content-") == NULL, "it has no body");
	unsetenv("http_proxy");
	client_end();
}

static void
test_base64(void)
{
	static const char *const cases[][2] = {
		{"a", "Basic YTo="}, {"ab", "Basic YWI6"}, {"abc", "Basic YWJjOg=="},
		{"\xc3\xbf~", "Basic w79+Og=="},
	};
	size_t		i;

	client_begin();
	settings.secret = "";
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		settings.username = cases[i][0];
		client_do(MP_METHOD_GET, "/");
		ok(strstr(server_request(server, (int) i), cases[i][1]) != NULL,
		   "base64 of %zu bytes", strlen(cases[i][0]) + 1);
	}
	settings.username = NULL;
	client_do(MP_METHOD_GET, "/");
	ok(strstr(server_request(server, (int) i), "Authorization") == NULL,
	   "no user name, no header");
	client_end();
}

static void
test_proxy(void)
{
	char		proxy[64];

	client_begin();
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d",
			 server_port(server));
	settings.proxy = proxy;
	settings.base_url = "http://mixpanel.invalid/api";
	is_int(client_do(MP_METHOD_GET, "/me"), MP_OUTCOME_OK, "by a proxy");
	ok(strncmp(server_request(server, 0),
			   "GET http://mixpanel.invalid/api/me HTTP/1.1", 43) == 0,
	   "which is given the whole address");

	client_reply(EMPTY("407 Proxy Authentication Required"), REPLY_CLOSE);
	settings.max_retries = 0;
	settings.base_url = "https://mixpanel.invalid/api";
	is_int(client_do(MP_METHOD_POST, "/me"), MP_OUTCOME_UNREACHABLE,
		   "a proxy that makes no tunnel");
	ok(strncmp(server_request(server, 1), "CONNECT mixpanel.invalid:443 ",
			   29) == 0, "was asked for one");
	ok(strstr(server_request(server, 1), "Authorization") == NULL,
	   "and is not told the credentials");
	client_end();
}

static void
test_connections(void)
{
	const MpTally *tally;
	const char *name;
	int			i;

	client_begin();
	for (i = 0; i < 5; i++)
		client_do(MP_METHOD_GET, "/a");
	is_int(server_connections(server), 1, "five GETs, one connection");
	client_do(MP_METHOD_POST, "/a");
	is_int(server_connections(server), 2, "a POST has its own");
	client_do(MP_METHOD_POST, "/a");
	is_int(server_connections(server), 3, "so has the next");
	client_do(MP_METHOD_DELETE, "/a");
	is_int(server_connections(server), 3, "a DELETE uses the first");

	mp_http_close_idle(http);
	ok(server_await_idle(server), "idle connections are closed on demand");
	client_do(MP_METHOD_GET, "/a");
	is_int(server_connections(server), 4, "then there is a new one");

	tally = mp_http_server_tally(http, 0, &name);
	is_str(name, "first", "totals of the server");
	is_int(tally->requests, 9, "requests");
	is_int(tally->connections, 4, "connections");
	is_int(tally->bytes_received, 9 * 40, "bytes");
	ok(mp_http_server_tally(http, 1, &name) == NULL, "there is but one");
	client_end();
}

/* While a request is under way, its connection cannot be closed yet. */
static void
test_close_busy(void)
{
	MpRequest  *busy;
	Reply		held = {.bytes = EMPTY("200 OK"),.hold = true};

	client_begin();
	server_push(server, held);
	busy = client_start(MP_METHOD_GET, "/a");
	client_step(0);
	while (server_requests(server) < 1)
		client_step(1);
	mp_http_close_idle(http);
	is_int(client_do(MP_METHOD_GET, "/b"), MP_OUTCOME_OK, "another request");
	is_int(client_do(MP_METHOD_GET, "/b"), MP_OUTCOME_OK, "and another");
	is_int(server_connections(server), 3, "each on a new connection");
	server_release(server, 1);
	is_int(client_finish(busy), MP_OUTCOME_OK, "the busy one ends well");
	ok(server_await_idle(server), "then all are closed");
	mp_http_free(busy);
	client_end();
}

enum
{
	QUEUED = 20
};

static void
test_window(void)
{
	MpRequest  *requests[QUEUED];
	Reply		held = {.bytes = EMPTY("200 OK"),.hold = true};
	char		path[16];
	int			i;
	bool		in_order = true;

	client_begin();
	settings.max_concurrency = 3;
	server_default(server, held);
	for (i = 0; i < QUEUED; i++)
	{
		snprintf(path, sizeof(path), "/%02d", i);
		requests[i] = client_start(MP_METHOD_GET, path);
	}
	while (server_requests(server) < 3)
		client_step(10);
	is_int(mp_http_in_flight(http, 1), 3, "three in flight");
	is_int(mp_http_in_flight(http, 2), 0, "none of a server unknown");

	/* One after the other, so that the order is certain. */
	for (i = 0; i < QUEUED; i++)
	{
		server_release(server, 1);
		while (server_requests(server) < (i + 4 < QUEUED ? i + 4 : QUEUED))
			client_step(10);
	}
	for (i = 0; i < QUEUED; i++)
	{
		is_int(client_finish(requests[i]), MP_OUTCOME_OK, "request %d", i);
		mp_http_free(requests[i]);
	}
	for (i = 3; i < QUEUED; i++)
	{
		snprintf(path, sizeof(path), "GET /api/%02d ", i);
		in_order = in_order &&
			strncmp(server_request(server, i), path, 12) == 0;
	}
	ok(in_order, "in order");
	is_int(server_most_at_once(server), 3, "never more than three");
	is_int(server_connections(server), 3, "three connections");
	is_int(mp_http_in_flight(http, 1), 0, "none left");
	client_end();
}

/* A request that backed off comes before those not yet started. */
static void
test_retry_first(void)
{
	MpRequest  *requests[3];
	int			i;

	client_begin();
	settings.max_concurrency = 1;
	client_reply(EMPTY_WITH("503 No", "Retry-After: 0"), REPLY_KEEP);
	requests[0] = client_start(MP_METHOD_GET, "/0");
	requests[1] = client_start(MP_METHOD_GET, "/1");
	requests[2] = client_start(MP_METHOD_GET, "/2");
	for (i = 0; i < 3; i++)
	{
		is_int(client_finish(requests[i]), MP_OUTCOME_OK, "finished %d", i);
		mp_http_free(requests[i]);
	}
	ok(strncmp(server_request(server, 1), "GET /api/0 ", 11) == 0,
	   "the retry was first in line");
	is_int(server_requests(server), 4, "four requests in all");
	client_end();
}

static void
test_two_servers(void)
{
	MpRequest  *first;
	MpRequest  *second;
	Reply		held = {.bytes = EMPTY("200 OK"),.hold = true};
	const MpTally *tally;
	const char *name;

	client_begin();
	settings.max_concurrency = 1;
	server_push(server, held);
	first = client_start(MP_METHOD_GET, "/1");
	while (server_requests(server) < 1)
		client_step(10);
	settings.server_id = 2;
	settings.server_name = "second";
	second = client_start(MP_METHOD_GET, "/2");
	is_int(client_finish(second), MP_OUTCOME_OK, "has its own window");
	server_release(server, 1);
	is_int(client_finish(first), MP_OUTCOME_OK, "so has the first");

	mp_http_add_wait(second, 2.5);
	tally = mp_http_server_tally(http, 1, &name);
	is_str(name, "second", "second server");
	ok(tally->requests == 1 && tally->wait_ms > 2.4, "its totals");
	ok(mp_http_tally(second)->wait_ms > 2.4, "the request's own");
	settings.server_name = "renamed";
	client_do(MP_METHOD_GET, "/3");
	tally = mp_http_server_tally(http, 1, &name);
	is_str(name, "renamed", "a new name is taken over");
	is_int(tally->requests, 2, "its totals go on");
	mp_http_reset_tallies(http);
	is_int(tally->requests, 0, "reset");
	mp_http_free(first);
	mp_http_free(second);
	client_end();
}

static void
test_failures(void)
{
	const MpTally *tally;
	const char *name;

	client_begin();
	client_reply(EMPTY("404 Not Found"), REPLY_KEEP);
	is_int(client_do(MP_METHOD_GET, "/"), MP_OUTCOME_STATUS, "404");
	client_reply(EMPTY("403 Forbidden"), REPLY_KEEP);
	is_int(client_do(MP_METHOD_GET, "/"), MP_OUTCOME_STATUS, "403");
	client_reply(EMPTY("500 No"), REPLY_KEEP);
	is_int(client_do(MP_METHOD_GET, "/"), MP_OUTCOME_OK, "500, then 200");
	tally = mp_http_server_tally(http, 0, &name);
	is_int(tally->failures, 1, "a 404 and a mended 500 are no failures");
	is_int(tally->retries, 1, "one retry");
	is_int(tally->requests, 4, "four requests");
	client_end();
}

static void
test_reports(void)
{
	MpReport	report;
	int			i;

	client_begin();
	client_do(MP_METHOD_GET, "/before");
	mp_http_keep_reports(http, true);
	ok(!mp_http_next_report(http, &report), "none unless wanted");
	client_reply(EMPTY("502 No"), REPLY_KEEP);
	client_do(MP_METHOD_DELETE, "/x?q=1");
	ok(mp_http_next_report(http, &report), "a report");
	is_str(report.server_name, "first", "server");
	is_str(report.path, "/x?q=1", "path");
	ok(report.method == MP_METHOD_DELETE && report.status == 502 &&
	   report.attempt == 1 && report.elapsed_ms > 0 &&
	   report.bytes_received == (int64_t) strlen(EMPTY("502 No")),
	   "the rest of it");
	ok(mp_http_next_report(http, &report) && report.status == 200 &&
	   report.attempt == 2, "the retry's report");
	ok(!mp_http_next_report(http, &report), "no more");

	for (i = 0; i < 1030; i++)
	{
		char		path[16];

		snprintf(path, sizeof(path), "/%d", i);
		client_do(MP_METHOD_GET, path);
	}
	for (i = 0; mp_http_next_report(http, &report); i++)
	{
		if (i == 0)
			is_str(report.path, "/6", "the oldest are dropped");
	}
	is_int(i, 1024, "a bounded number is kept");
	client_do(MP_METHOD_GET, "/y");
	mp_http_keep_reports(http, false);
	ok(!mp_http_next_report(http, &report), "none when switched off");
	client_end();
}

static void
test_retry_after(void)
{
	static const struct
	{
		const char *value;
		int64_t		wait;
	}			cases[] = {
		{"0", 0}, {"120", 120000}, {" 7 ", 7000}, {"", -1}, {"-1", -1},
		{"+1", -1}, {"1.5", -1}, {"1 2", -1}, {"soon", -1}, {"1s", -1},
		{"Sun, 06 Nov 1994 08:49:37 GMT", 7000},
		{"Sun, 06 Nov 1994 08:49:30 GMT", 0},
		{"Sun, 06 Nov 1994 08:49:29 GMT", 0},
		{"Sun, 06 Nov 1994 08:49:37 GMT ", 7000},
		{"Sunday, 06-Nov-94 08:49:37 GMT", 7000},
		{"Sun Nov  6 08:49:37 1994", 7000},
		{"Mon, 07 Nov 1994 00:00:00 GMT", INT64_C(54630000)},
		{"Sun, 06 Nov 1994 09:49:37 +0100", 7000},
		{"Sun, 06 Nov 1994 08:49:37", 7000},
		{"Sun, 06 Foo 1994 08:49:37 GMT", -1},
		{"Sun, 32 Nov 1994 08:49:37 GMT", -1},
		{"Sun, 06 Nov 1994 24:49:37 GMT", -1},
		{"Sun, 06 Nov 1994 08:60:37 GMT", -1},
		{"Sun, 06 Nov 1994 08:49:37 GMT soon", 7000},
		{"Thu, 29 Feb 1996 00:00:00 GMT", INT64_C(41440230000)},
		{"Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(252618189029000)},
	};
	const int64_t now = 784111770;	/* Sun, 06 Nov 1994 08:49:30 GMT */
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_int(mp_http_parse_retry_after(cases[i].value, now), cases[i].wait,
			   "Retry-After: %s", cases[i].value);
	ok(mp_http_parse_retry_after("99999999999999999999999999", now) >
	   INT64_C(1000000000000), "absurdly long is very long");
}

/* A header, and what it tells. */
typedef struct PagingCase
{
	const char *header;
	bool		says_more;
	int			total;
} PagingCase;

static const PagingCase words_and_links[] = {
	{"Link: <https://x/?page=2>; rel=\"next\"", true, -1},
	{"link: </1>; rel=first, </2>; rel=next", true, -1},
	{"Link: </2>; title=\"x\"; rel=\"prev next\"", true, -1},
	{"Link: </a?rel=next>; rel=\"self\"", false, -1},
	{"Link: </2>; rel=\"self\"; title=\"next\"", false, -1},
	{"Link: </2>; rel=nextish", false, -1},
	{"X-Next-Page: 2", true, -1}, {"X-Next-Page: ", false, -1},
	{"X-Next-Cursor: abc", true, -1}, {"X-Has-More: false", false, -1},
	{"X-Total-Count: 250", false, 250}, {"X-Total-Count: x", false, -1},
	{"Content-Range: items 0-2/250", false, 250},
	{"Content-Range: items 3-5/*", true, -1},
	{"Content-Range: bytes 0-2/250", false, -1},
	{"Accept-Ranges: items", false, -1},
	{"Link: </2>; rel='next'", true, -1},
	{"LINK: </2>;rel=\"last next\"", true, -1},
	{"Link: </2>; REL = NEXT", true, -1},
	{"Link: </1>; rel=prev\r\nLink: </3>; rel=next", true, -1},
	{"Link: </2>; rel=\"next-hop\"", false, -1},
	{"Link: </x.css>; rel=preload", false, -1},
	{"x-next-page-token: abc", true, -1}, {"Next-Page: 2", true, -1},
	{"X-Pagination-Next: /2", true, -1}, {"X-HasNext: true", true, -1},
	{"X-Next-Page: null", false, -1}, {"X-Next-Page: 0", false, -1},
	{"X-Truncated: true", true, -1}, {"X-Truncated: false", false, -1},
	{"X-Page: 2", true, -1}, {"X-Page: 1", false, -1},
	{"X-Total-Pages: 84", true, -1}, {"X-Total-Pages: 1", false, -1},
	{"X-Complete: false", true, -1}, {"X-Offset: 3", true, -1},
	{"Total-Count: 250", false, 250}, {"X-Total-Results: 250", false, 250},
	{"X-Pagination-Total-Count: 250", false, 250},
	{"X-Total: 1,250", false, 1250}, {"X-Total-Count:250", false, 250},
	{"Content-Range: 0-2/250", false, 250},
	{"Content-Range: accounts */250", false, 250},
	{"content-range: items 0-2/*", false, -1},
	{"Link: </1>; rel=\"prev\"", true, -1}, {"X-Prev-Page: 1", true, -1},
	{"Link: </1>; rel=\"first\"", false, -1}, {"X-Prev-Page:", false, -1},
	{"Link: </x>; rel=\"preview\"", false, -1},
	{"X-Nextjs-Cache: HIT", false, -1}, {"X-Middleware-Next: 1", false, -1},
	{"X-Total-Time: 250", false, -1}, {"X-RateLimit-Limit: 60", false, -1},
	{"X-RateLimit-Remaining: 59", false, -1}, {"X-Per-Page: 3", false, -1},
	{"X-Pagination: {\"TotalPages\":1}", false, -1},
	{"X-Request-Count: 5000", false, -1},
};

static const PagingCase objects_and_others[] = {
	{"X-Pagination: {\"TotalCount\":250,\"HasNext\":false}", false, 250},
	{"X-Pagination: {\"TotalPages\":84}", true, -1},
	{"X-Pagination: {\"pagination\":{\"next\":\"/2\"}}", true, -1},
	{"x-pagination:{\"next\":null,\"total\":\"2\"}", false, 2},
	{"Paging-Headers: {\"nextPage\":\"Yes\"}", true, -1},
	{"Paging-Headers: {\"nextPage\":\"No\"}", false, -1},
	{"X-Page-Info: {\"hasNextPage\":true}", true, -1},
	{"X-Meta: {\"total\":250}", false, 250},
	{"Acme-Pagination: {\"total\":250}", false, 250},
	{"X-Pagination: {\"total\":1}\r\nX-Pagination: {\"total\":250}",
	false, 250},
	{"X-Pagination: {\"total\":250", true, 250},
	{"X-Pagination: {\"cursor\":\"a\",\"has_more\":false}", false, -1},
	{"X-Pagination: {\"cursor\":\"a\"}", true, -1},
	{"X-Pagination: none", false, -1}, {"X-Pagination:", false, -1},
	{"X-Pagination: total=250; page=1", false, 250},
	{"X-Pagination: page=\"2\", per_page=3", true, -1},
	{"X-Pagination: total=2; next=\"\"", false, 2},
	{"X-App-Usage: {\"call_count\":28,\"total\":250}", false, -1},
	{"X-Account-Usage: {\"total\":250}", false, -1},
	{"NEL: {\"total\":250,\"next\":\"a\"}", false, -1},
	{"X-WP-Total: 250", false, 250}, {"X-WP-TotalPages: 84", true, -1},
	{"x-ms-continuation: abc", true, -1},
	{"X-Cursor-Next: abc", true, -1},
	{"X-Remaining-Items: 247", true, -1},
	{"X-Remaining-Items: 0", false, -1}, {"X-Remaining: 9", false, -1},
	{"Link: </2>; title=\"a; b\"; rel=\"next\"", true, -1},
	{"Link: </1>; title=\"rel=next\"; rel=\"help\"", false, -1},
	{"Link: </1>; title=\"a\\\"; rel=next\"; rel=help", false, -1},
	{"Link: </2?ids=1,2;rel=x>; rel=\"next\"", true, -1},
	{"Link: /2; rel=\"next\"", true, -1},
	{"Link: </1>; rev=\"next\"; rel=\"alternate\"", false, -1},
	{"Link: </1>; rel", false, -1}, {"Link: </1>; rel=\"", false, -1},
};

static void
check_paging(const PagingCase *cases, size_t count)
{
	char		reply[300];

	for (size_t i = 0; i < count; i++)
	{
		MpRequest  *request;

		snprintf(reply, sizeof(reply),
				 "HTTP/1.1 200 OK\r\n%s\r\nContent-Length: 0\r\n\r\n",
				 cases[i].header);
		client_reply(reply, REPLY_KEEP);
		request = client_start(MP_METHOD_GET, "/list");
		client_finish(request);
		is_int(mp_http_answer(request)->pages.says_more, cases[i].says_more,
			   "further pages: %s", cases[i].header);
		is_int(mp_http_answer(request)->pages.total, cases[i].total,
			   "how many: %s", cases[i].header);
		mp_http_free(request);
	}
}

/* What headers tell of further pages. */
static void
test_paging(void)
{
	client_begin();
	check_paging(words_and_links,
				 sizeof(words_and_links) / sizeof(words_and_links[0]));
	check_paging(objects_and_others,
				 sizeof(objects_and_others) / sizeof(objects_and_others[0]));
	client_end();
}

/* Headers that come before the answer, and behind its body. */
static void
test_other_headers(void)
{
	static const struct
	{
		const char *name;
		const char *reply;
		int			status;
		bool		says_more;
		int			total;
	}			cases[] = {
		{"early hints are not the answer",
			"HTTP/1.1 103 Early Hints\r\nLink: </2>; rel=next\r\n"
			"X-Total-Count: 250\r\n\r\n"
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", 200, false, -1},
		{"trailers belong to it",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
			"Trailer: X-Total-Count\r\n\r\n2\r\n[]\r\n0\r\n"
		"X-Total-Count: 250\r\n\r\n", 200, false, 250},
		{"a link in a trailer",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"2\r\n[]\r\n0\r\nLink: </2>; rel=next\r\n\r\n", 200, true, -1},
		{"what is behind a 204 is no body",
			"HTTP/1.1 204 No Content\r\nX-Total: 5\r\n\r\n"
		"{\"success\":false}", 204, false, 5},
	};

	client_begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		MpRequest  *request;
		const char *bytes;

		client_reply(cases[i].reply, REPLY_CLOSE);
		request = client_start(MP_METHOD_GET, "/list");
		client_finish(request);
		is_int(mp_http_answer(request)->outcome, MP_OUTCOME_OK, "%s",
			   cases[i].name);
		is_int(mp_http_answer(request)->status, cases[i].status, "status");
		is_int(mp_http_answer(request)->pages.says_more, cases[i].says_more,
			   "further pages");
		is_int(mp_http_answer(request)->pages.total, cases[i].total, "how many");
		is_int((int64_t) mp_http_peek(request, &bytes),
			   cases[i].status == 204 ? 0 : 2, "bytes of the body");
		mp_http_free(request);
	}
	client_end();
}

int
main(void)
{
	test_request();
	test_base64();
	test_proxy();
	test_connections();
	test_close_busy();
	test_window();
	test_retry_first();
	test_two_servers();
	test_failures();
	test_reports();
	test_retry_after();
	test_paging();
	test_other_headers();
	is_str(mp_http_method_name(MP_METHOD_DELETE), "DELETE", "method name");
	return done_testing();
}
