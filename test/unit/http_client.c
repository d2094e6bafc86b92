/*-------------------------------------------------------------------------
 *
 * http_client.c
 *		What the tests of http.h share: a pool, a server, and how to wait.
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http_client.h"

#define PATIENCE	20000.0		/* ms */

MpHttp	   *http;
Server	   *server;
MpSettings	settings;
int			client_runs;

static char base_url[64];

void
client_begin(void)
{
	static const MpSettings plain = {
		.server_id = 1,
		.server_name = "first",
		.base_url = base_url,
		.connect_timeout = 5000,
		.request_timeout = 5000,
		.max_retries = 3,
		.max_retry_wait = 20,
		.max_concurrency = 8,
		.username = "robot",
		.secret = "s3cr3t",
	};

	settings = plain;
	server = server_start();
	http = mp_http_create();
	if (server == NULL || http == NULL)
	{
		perror("no server or no pool");
		exit(2);
	}
	snprintf(base_url, sizeof(base_url), "http://127.0.0.1:%d/api",
			 server_port(server));
	client_runs = 0;
}

void
client_end(void)
{
	mp_http_destroy(http);
	server_stop(server);
}

MpRequest *
client_start(MpMethod method, const char *path)
{
	MpRequestSpec spec = {
		.settings = &settings,
		.method = method,
		.path = path,
	};

	if (method == MP_METHOD_POST)
	{
		spec.body = "{\"a\":1}";
		spec.body_length = strlen(spec.body);
	}
	return mp_http_start(http, &spec);
}

MpRequest *
client_stream(const char *path)
{
	MpRequestSpec spec = {
		.settings = &settings,
		.method = MP_METHOD_GET,
		.path = path,
		.streamed = true,
	};

	return mp_http_start(http, &spec);
}

void
client_step(int timeout)
{
	struct pollfd wait = {
		.fd = mp_http_descriptor(http),.events = POLLIN,
	};

	poll(&wait, 1, timeout);
	mp_http_run(http);
	client_runs++;
}

MpOutcome
client_finish(MpRequest *request)
{
	double		deadline = client_ms() + PATIENCE;

	while (mp_http_answer(request)->outcome == MP_OUTCOME_PENDING &&
		   client_ms() < deadline)
		client_step(1000);
	return mp_http_answer(request)->outcome;
}

MpOutcome
client_do(MpMethod method, const char *path)
{
	MpRequest  *request = client_start(method, path);
	MpOutcome	outcome = client_finish(request);

	mp_http_free(request);
	return outcome;
}

void
client_reply(const char *bytes, ReplyEnd end)
{
	Reply		reply = {.bytes = bytes,.end = end};

	server_push(server, reply);
}

void
client_reply_long(const char *bytes, size_t filler, ReplyEnd end)
{
	Reply		reply = {.bytes = bytes,.filler = filler,.end = end};

	server_push(server, reply);
}

void
client_reply_always(const char *bytes, ReplyEnd end)
{
	Reply		reply = {.bytes = bytes,.end = end};

	server_default(server, reply);
}

double
client_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double) time.tv_sec * 1000.0 + (double) time.tv_nsec / 1e6;
}
