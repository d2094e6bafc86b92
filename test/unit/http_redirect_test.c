/*-------------------------------------------------------------------------
 *
 * http_redirect_test.c
 *		Redirects: which are followed, and what is sent again.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "http/http_state.h"
#include "http_client.h"
#include "tap.h"

static char reply_text[8][512];

/* The next reply redirects to this place. */
static void
redirect(int i, const char *status, const char *location)
{
	snprintf(reply_text[i], sizeof(reply_text[i]),
			 "HTTP/1.1 %s\r\nLocation: %s\r\nContent-Length: 5\r\n\r\nmoved",
			 status, location);
	client_reply(reply_text[i], REPLY_KEEP);
}

static void
check_request(int i, const char *line)
{
	const char *request = server_request(server, i);

	ok(strncmp(request, line, strlen(line)) == 0, "request %d is %s", i,
	   line);
}

static void
test_followed(void)
{
	MpRequest  *request;
	MpReport	report;
	const char *bytes;
	char		absolute[128];

	client_begin();
	mp_http_keep_reports(http, true);
	redirect(0, "301 Moved", "/api/x/");
	redirect(1, "307 Moved", "../y?q=a%20b#part");
	snprintf(absolute, sizeof(absolute), "HTTP://127.0.0.1:%d/elsewhere",
			 server_port(server));
	redirect(2, "302 Moved", absolute);
	snprintf(absolute, sizeof(absolute), "//127.0.0.1:%d/a b",
			 server_port(server));
	redirect(3, "308 Moved", absolute);
	request = client_start(MP_METHOD_POST, "/x");
	is_int(client_finish(request), MP_OUTCOME_OK, "POST, four redirects");
	check_request(0, "POST /api/x HTTP/1.1");
	check_request(1, "POST /api/x/ HTTP/1.1");
	check_request(2, "POST /api/y?q=a%20b HTTP/1.1");
	check_request(3, "POST /elsewhere HTTP/1.1");
	check_request(4, "POST /a%20b HTTP/1.1");
	ok(strstr(server_request(server, 4), "\r\n\r\n{\"a\":1}") != NULL &&
	   strstr(server_request(server, 4), "cm9ib3Q6czNjcjN0") != NULL,
	   "with the body and the credentials");
	is_int(mp_http_answer(request)->attempts, 1, "one attempt");
	is_int(mp_http_tally(request)->requests, 5, "five requests");
	is_int(mp_http_tally(request)->retries, 0, "no retry");
	ok(mp_http_peek(request, &bytes) == 2 && memcmp(bytes, "{}", 2) == 0,
	   "the last body alone");
	mp_http_free(request);

	ok(mp_http_next_report(http, &report) && report.status == 301,
	   "the first is reported");
	is_str(report.path, "/x", "its path");
	ok(mp_http_next_report(http, &report) &&
	   mp_http_next_report(http, &report), "the third");
	is_str(report.path, "/y?q=a%20b", "path under base_url");
	ok(mp_http_next_report(http, &report), "the fourth");
	is_str(report.path, "/elsewhere", "path beside base_url");
	is_int(server_connections(server), 5, "each POST on its own connection");
	client_end();
}

/* A redirect may repeat what was sent: robo and s3cr3t. */
static void
test_echo(void)
{
	MpReport	report;

	client_begin();
	mp_http_keep_reports(http, true);
	redirect(0, "301 Moved",
			 "/api/y/s3cr3t?a=cm9ib3Q6czNjcjN0&b=%733cr3t&c=czNjcjN0");
	is_int(client_do(MP_METHOD_GET, "/x"), MP_OUTCOME_OK, "redirected");
	check_request(1, "GET /api/y/s3cr3t?a=cm9ib3Q6czNjcjN0&b=%733cr3t&c=cz");
	ok(mp_http_next_report(http, &report) &&
	   mp_http_next_report(http, &report), "the second report");
	is_str(report.path, "/y/*?a=*&b=*&c=*", "does not");
	client_end();
}

/* A retry begins where the request began. */
static void
test_retry(void)
{
	client_begin();
	redirect(0, "301 Moved", "/api/x/");
	client_reply(EMPTY("502 No"), REPLY_KEEP);
	redirect(1, "301 Moved", "/api/x/");
	is_int(client_do(MP_METHOD_DELETE, "/x"), MP_OUTCOME_OK,
		   "redirect, failure, redirect, success");
	check_request(1, "DELETE /api/x/ ");
	check_request(2, "DELETE /api/x ");
	check_request(3, "DELETE /api/x/ ");
	is_int(server_connections(server), 1, "on one connection");
	client_end();
}

static void
test_loop(void)
{
	MpRequest  *request;

	client_begin();
	client_reply_always(EMPTY_WITH("302 Again", "Location: ?a=1"), REPLY_KEEP);
	request = client_start(MP_METHOD_GET, "/x");
	is_int(client_finish(request), MP_OUTCOME_REDIRECT_LOOP, "a loop");
	is_int(server_requests(server), 1 + MP_HTTP_REDIRECTS, "requests");
	is_int(mp_http_answer(request)->status, 302, "its status");
	ok(strstr(mp_http_answer(request)->detail, "/api/x") != NULL &&
	   strchr(mp_http_answer(request)->detail, '?') == NULL,
	   "the target without its query");
	mp_http_free(request);

	client_reply_always(EMPTY("302 Nowhere"), REPLY_KEEP);
	is_int(client_do(MP_METHOD_GET, "/x"), MP_OUTCOME_REDIRECT_LOOP,
		   "no target");
	client_reply_always(EMPTY_WITH("302 Bad", "Location: http://[/"), REPLY_KEEP);
	is_int(client_do(MP_METHOD_GET, "/x"), MP_OUTCOME_REDIRECT_LOOP,
		   "an impossible target");
	client_end();
}

static void
test_refused(void)
{
	static const struct
	{
		const char *location;
		const char *shown;
	}			cases[] = {
		{"http://example.invalid/a?token=1#x", "http://example.invalid/a"},
		{"https://127.0.0.1:1/a", "https://127.0.0.1:1/a"},
		{"http://127.0.0.1/a", "http://127.0.0.1/a"},
		{"http://127.0.0.1:1/a", "http://127.0.0.1:1/a"},
		{"//example.invalid", "http://example.invalid/"},
		{"ftp://127.0.0.1/a", "ftp://127.0.0.1/a"},
		{"file:///etc/passwd", NULL},
		{"http://user:secret@example.invalid/", "http://example.invalid/"},
	};
	MpRequest  *request;
	size_t		i;

	client_begin();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		redirect((int) i, "307 Go", cases[i].location);
		request = client_start(MP_METHOD_POST, "/x");
		is_int(client_finish(request), MP_OUTCOME_REDIRECT_REFUSED,
			   "refused: %s", cases[i].location);
		is_int(mp_http_answer(request)->status, 307, "its status");
		if (cases[i].shown != NULL)
			is_str(mp_http_answer(request)->detail, cases[i].shown, "shown");
		is_int(server_requests(server), i + 1, "no other request");
		mp_http_free(request);
	}
	client_end();
}

static void
check(const char *base_url, const char *location, MpHttpRedirect wanted,
	  const char *wanted_target)
{
	char		from[128];
	char	   *target;
	char	   *shown;

	snprintf(from, sizeof(from), "%s/x?y=z", base_url);
	is_int(mp_http_redirect_resolve(base_url, from, location, &target,
									&shown), wanted,
		   "%s, %s", base_url, location);
	is_str(target, wanted_target, "its target");
	free(target);
	free(shown);
}

static void
test_resolve(void)
{
	MpHttpRedirect go = MP_HTTP_REDIRECT_FOLLOW;
	MpHttpRedirect no = MP_HTTP_REDIRECT_REFUSE;

	check("https://m.test/api", "https://M.TEST:443/a", go,
		  "https://m.test/a");
	check("https://m.test:443/api", "https://m.test/a?b", go,
		  "https://m.test:443/a?b");
	check("http://m.test", "http://m.test:80", go, "http://m.test/");
	check("http://[::1]:8/api", "http://[::1]:8/a", go, "http://[::1]:8/a");
	check("https://m.test/api", "y", go, "https://m.test/api/y");
	check("https://m.test/api", "?n=1", go, "https://m.test/api/x?n=1");
	check("https://m.test/api", "/../../a/./b", go, "https://m.test/a/b");
	check("https://m.test/api", "https://m.test:8443/a", no, NULL);
	check("https://m.test/api", "http://m.test/a", no, NULL);
	check("https://m.test/api", "http://m.test:443/a", no, NULL);
	check("https://m.test/api", "https://m.test.evil.test/a", no, NULL);
	check("https://m.test/api", "https://m.test@evil.test/a", no, NULL);
	check("https://m.test/api", "https://u:p@m.test/a", no, NULL);
	check("https://m.test/api", "https://u@m.test/a", no, NULL);
	check("https://m.test/api", "//evil.test/a", no, NULL);
	check("https://m.test/api", "https://m.test\\@evil.test/", no, NULL);
}

int
main(void)
{
	test_followed();
	test_echo();
	test_retry();
	test_loop();
	test_refused();
	test_resolve();
	return done_testing();
}
