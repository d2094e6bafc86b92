/*-------------------------------------------------------------------------
 *
 * http_cancel_test.c
 *		Giving a request up at any moment: at once, and leaving nothing behind.
 *
 * getaddrinfo is this file's: it shows what the thread that resolves a name
 * looks like, and lets it hang.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_client.h"
#include "tap.h"

#define AT_ONCE 2000.0			/* ms: what it might wait for takes 5 s */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int	resolving;			/* threads in getaddrinfo */
static bool may_resolve;
static bool signals_blocked;

typedef int (*Resolver) (const char *node, const char *service,
						 const struct addrinfo *hints,
						 struct addrinfo **result);

static bool
read_flag(const bool *flag)
{
	bool		value;

	pthread_mutex_lock(&lock);
	value = *flag;
	pthread_mutex_unlock(&lock);
	return value;
}

static void
allow_resolving(bool allow)
{
	pthread_mutex_lock(&lock);
	may_resolve = allow;
	pthread_mutex_unlock(&lock);
}

static int
count_resolving(void)
{
	int			count;

	pthread_mutex_lock(&lock);
	count = resolving;
	pthread_mutex_unlock(&lock);
	return count;
}

/* A name of .invalid hangs until may_resolve; late.invalid is a name then. */
int
getaddrinfo(const char *node, const char *service,
			const struct addrinfo *hints, struct addrinfo **result)
{
	Resolver	system_resolver;
	void	   *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
	sigset_t	mask;
	int			i;

	memcpy(&system_resolver, &symbol, sizeof(symbol));
	if (node == NULL || strstr(node, ".invalid") == NULL)
		return system_resolver(node, service, hints, result);

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	pthread_mutex_lock(&lock);
	signals_blocked = sigismember(&mask, SIGINT) &&
		sigismember(&mask, SIGTERM) && sigismember(&mask, SIGALRM) &&
		sigismember(&mask, SIGUSR1) && sigismember(&mask, SIGQUIT);
	resolving++;
	pthread_mutex_unlock(&lock);
	for (i = 0; i < 20000 && !read_flag(&may_resolve); i++)
		poll(NULL, 0, 1);
	pthread_mutex_lock(&lock);
	resolving--;
	pthread_mutex_unlock(&lock);
	if (strcmp(node, "late.invalid") == 0)
		return system_resolver("127.0.0.1", service, hints, result);
	return EAI_NONAME;
}

static int
count_descriptors(void)
{
	DIR		   *directory = opendir("/proc/self/fd");
	int			count = 0;

	while (directory != NULL && readdir(directory) != NULL)
		count++;
	if (directory != NULL)
		closedir(directory);
	return count;
}

/* Wait, at most 10 s, until so many descriptors are open. */
static bool
await_descriptors(int wanted)
{
	int			i;

	for (i = 0; i < 10000 && count_descriptors() != wanted; i++)
		poll(NULL, 0, 1);
	return count_descriptors() == wanted;
}

static void
check_free(MpRequest *request, const char *phase)
{
	double		began = client_ms();

	mp_http_free(request);
	ok(client_ms() - began < AT_ONCE, "%s: given up in %.2f ms", phase,
	   client_ms() - began);
	is_int(mp_http_in_flight(http, 1), 0, "its slot is free");
}

static void
test_resolving(void)
{
	MpRequest  *request;
	int			before;
	int			threads;
	sigset_t	mask;
	double		began;
	int			i;

	client_begin();
	before = count_descriptors();
	settings.base_url = "http://mixpanel.invalid";
	request = client_start(MP_METHOD_POST, "/");
	for (i = 0; i < 10000 && count_resolving() == 0; i++)
		client_step(1);
	/* libcurl 8.20 and later asks for IPv4 and IPv6 in a thread each */
	ok(count_resolving() > 0, "a thread is resolving");
	ok(read_flag(&signals_blocked), "it has all signals blocked");
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	ok(!sigismember(&mask, SIGINT), "we have not");
	check_free(request, "resolving");

	threads = count_resolving();
	request = client_start(MP_METHOD_GET, "/");
	for (i = 0; i < 10000 && count_resolving() <= threads; i++)
		client_step(1);
	settings.connect_timeout = 50;
	settings.max_retries = 0;
	began = client_ms();
	is_int(client_do(MP_METHOD_GET, "/"), MP_OUTCOME_UNREACHABLE,
		   "connect_timeout while resolving");
	ok(client_ms() - began < 1000, "in time");
	check_free(request, "resolving for two");

	began = client_ms();
	mp_http_destroy(http);
	ok(client_ms() - began < AT_ONCE, "the pool goes at once, too");
	allow_resolving(true);
	for (i = 0; i < 10000 && count_resolving() > 0; i++)
		poll(NULL, 0, 1);
	http = mp_http_create();
	ok(await_descriptors(before), "no descriptor is left behind");
	client_end();
}

/* A caller that comes back after connect_timeout was not there to connect. */
static void
test_away(void)
{
	MpRequest  *request;
	char		base_url[64];
	int			i;

	client_begin();
	snprintf(base_url, sizeof(base_url), "http://late.invalid:%d",
			 server_port(server));
	settings.base_url = base_url;
	settings.connect_timeout = 50;
	settings.max_retries = 0;
	allow_resolving(false);
	request = client_start(MP_METHOD_GET, "/");
	client_step(0);
	for (i = 0; i < 10000 && count_resolving() == 0; i++)
		poll(NULL, 0, 1);
	allow_resolving(true);
	poll(NULL, 0, 800);
	client_finish(request);
	is_int(mp_http_answer(request)->outcome, MP_OUTCOME_OK,
		   "away while connecting: %s", mp_http_answer(request)->detail);
	is_int(mp_http_answer(request)->attempts, 1, "at the first attempt");
	mp_http_free(request);
	client_end();
}

/* A listener whose queue is full. */
static void
test_connecting(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t	length = sizeof(address);
	int			listener = socket(AF_INET, SOCK_STREAM, 0);
	int			fillers[8];
	char		base_url[64];
	MpRequest  *request;
	int			before;
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
	before = count_descriptors();
	request = client_start(MP_METHOD_GET, "/");
	for (i = 0; i < 5; i++)
		client_step(10);
	is_int(mp_http_in_flight(http, 1), 1, "connecting");
	check_free(request, "connecting");
	ok(await_descriptors(before), "no descriptor is left behind");
	client_end();
	for (i = 0; i < 8; i++)
		close(fillers[i]);
	close(listener);
}

/* Somebody who listens but speaks no TLS. */
static void
test_handshake(void)
{
	char		base_url[64];
	MpRequest  *request;
	int			before;
	int			i;

	client_begin();
	before = count_descriptors();
	snprintf(base_url, sizeof(base_url), "https://127.0.0.1:%d",
			 server_port(server));
	settings.base_url = base_url;
	request = client_start(MP_METHOD_GET, "/");
	for (i = 0; i < 100 && server_connections(server) == 0; i++)
		client_step(10);
	client_step(10);
	check_free(request, "TLS handshake");
	ok(server_await_idle(server) && await_descriptors(before),
	   "no descriptor is left behind");
	client_end();
}

static void
test_under_way(void)
{
	static const char *const replies[] = {
		"", "HTTP/1.1 200 OK\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
		"HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\n{",
	};
	MpMethod	methods[] = {MP_METHOD_GET, MP_METHOD_POST};
	MpRequest  *request;
	const MpTally *tally;
	const char *name;
	int			before;
	int			i;

	client_begin();
	before = count_descriptors();
	for (i = 0; i < 8; i++)
	{
		client_reply(replies[i / 2], REPLY_HANG);
		request = client_start(methods[i % 2], "/");
		ok(!mp_http_answer(request)->maybe_sent, "not sent yet");
		while (server_requests(server) <= i)
			client_step(10);
		client_step(5);
		ok(mp_http_answer(request)->maybe_sent,
		   "sent, as is said before it has ended");
		check_free(request, replies[i / 2][0] ? "receiving" : "waiting");
	}
	ok(server_await_idle(server) && await_descriptors(before),
	   "no descriptor is left behind");
	tally = mp_http_server_tally(http, 0, &name);
	is_int(tally->requests, 8, "they count as sent");
	is_int(tally->failures, 0, "but not as failed");
	is_int(client_do(MP_METHOD_GET, "/"), MP_OUTCOME_OK, "one more");
	client_end();
}

static void
test_paused(void)
{
	MpRequest  *request;
	MpReport	report;
	const char *bytes;
	int			before;
	int			i;

	client_begin();
	mp_http_keep_reports(http, true);
	before = count_descriptors();
	client_reply_long("HTTP/1.1 200 OK\r\n\r\n", (size_t) 1 << 30, REPLY_KEEP);
	request = client_stream("/");
	for (i = 0; i < 100 && mp_http_peek(request, &bytes) <= 32768; i++)
		client_step(10);
	client_step(10);
	ok(mp_http_tally(request)->bytes_received > 32768,
	   "bytes are counted before the end");
	check_free(request, "paused");
	ok(mp_http_next_report(http, &report) && report.status == 200 &&
	   report.bytes_received > 32768, "is reported");

	client_reply_long("HTTP/1.1 200 OK\r\n\r\n", (size_t) 1 << 30, REPLY_KEEP);
	request = client_stream("/");
	for (i = 0; i < 100 && mp_http_peek(request, &bytes) <= 32768; i++)
		client_step(10);
	mp_http_consume(request, 40000);
	check_free(request, "about to go on");
	client_step(0);
	ok(server_await_idle(server) && await_descriptors(before),
	   "no descriptor is left behind");
	client_end();
}

static void
test_waiting(void)
{
	MpRequest  *first;
	MpRequest  *second;
	int			before;

	client_begin();
	before = count_descriptors();
	settings.max_concurrency = 1;
	settings.max_retry_wait = 10000;
	client_reply(EMPTY_WITH("503 No", "Retry-After: 9"), REPLY_CLOSE);
	first = client_start(MP_METHOD_GET, "/");
	while (server_requests(server) < 1 || mp_http_in_flight(http, 1) > 0)
		client_step(10);
	check_free(first, "backing off");

	client_reply("", REPLY_HANG);
	first = client_start(MP_METHOD_GET, "/1");
	second = client_start(MP_METHOD_GET, "/2");
	while (server_requests(server) < 2)
		client_step(10);
	mp_http_free(second);
	second = client_start(MP_METHOD_GET, "/3");
	check_free(first, "holding the only slot");
	is_int(client_finish(second), MP_OUTCOME_OK, "which the next one takes");
	ok(strncmp(server_request(server, 2), "GET /api/3 ", 11) == 0,
	   "the one that was given up in the queue never came");
	mp_http_free(second);
	mp_http_close_idle(http);
	ok(server_await_idle(server) && await_descriptors(before),
	   "no descriptor is left behind");
	client_end();
}

int
main(void)
{
	int			before = count_descriptors();

	test_resolving();
	test_away();
	test_connecting();
	test_handshake();
	test_under_way();
	test_paused();
	test_waiting();
	ok(await_descriptors(before), "no descriptor is left behind at all");
	return done_testing();
}
