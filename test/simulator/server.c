/*-------------------------------------------------------------------------
 *
 * server.c
 *	  The HTTP server: requests in, answers out.
 *
 * Owns the MHD daemon and the life of every request: its headers, its body,
 * the wait that latency or a fault imposes, its processing.  Everything runs
 * in one thread, so a request is processed in one go.  Must not know what the
 * calls of the API are.
 *
 *-------------------------------------------------------------------------
 */
#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "api.h"
#include "clock.h"
#include "control.h"
#include "delivery.h"
#include "memory.h"
#include "request.h"
#include "route.h"

#define MAX_CONNECTIONS 20000
#define BACKLOG 4096
#define MAX_BODY (64 * 1024 * 1024)

static struct MHD_Daemon *daemon_handle;
static SimWorld *world;
static SimRequest *requests;
static SimWatch daemon_watch;

/* Splits the URI into the call's path and query, and tells whose it is. */
static void
read_uri(SimRequest *request, const char *uri)
{
	size_t		length = strcspn(uri, "?");
	size_t		base = strlen(SIM_SERVER_BASE);
	SimCall    *call = &request->call;

	request->uri = sim_memory_copy(uri);
	request->path = sim_memory_copy(uri);
	request->path[length] = '\0';
	call->query = uri[length] == '?' ? request->uri + length + 1 : "";
	call->path = request->path;
	request->is_control =
		strncmp(uri, SIM_CONTROL_PATH, strlen(SIM_CONTROL_PATH)) == 0;
	if (strncmp(request->path, SIM_SERVER_BASE "/", base + 1) == 0)
	{
		call->below_base = true;
		call->path += base;
	}
}

/* MHD's first word of a request; what it returns is later the *slot. */
static void *
begin_request(void *cls, const char *uri, struct MHD_Connection *connection)
{
	SimRequest *request = sim_memory_new(sizeof(*request));

	(void) cls;
	request->connection = connection;
	request->call.world = world;
	read_uri(request, uri);
	request->next = requests;
	if (requests != NULL)
		requests->previous = request;
	requests = request;
	return request;
}

static void
forget_request(SimRequest *request)
{
	if (request->previous != NULL)
		request->previous->next = request->next;
	else
		requests = request->next;
	if (request->next != NULL)
		request->next->previous = request->previous;
}

static void
end_request(void *cls, struct MHD_Connection *connection, void **slot,
			enum MHD_RequestTerminationCode code)
{
	SimRequest *request = *slot;

	(void) cls;
	(void) connection;
	(void) code;
	*slot = NULL;
	if (request == NULL)
		return;
	sim_timer_stop(&request->timer);
	sim_loop_remove(&request->watch);
	if (request->entry != NULL)
		sim_journal_end(&world->journal, request->entry);
	forget_request(request);
	sim_fault_release(request->fault);
	sim_answer_clear(&request->answer);
	sim_text_free(&request->body);
	json_decref(request->call.body);
	free(request->uri);
	free(request->path);
	free(request);
}

/* Each connection carries the journal's mark by which it is counted once. */
static void
track_connection(void *cls, struct MHD_Connection *connection, void **mark,
				 enum MHD_ConnectionNotificationCode code)
{
	(void) cls;
	(void) connection;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*mark = sim_memory_new(sizeof(unsigned));
	else
		free(*mark);
}

static unsigned *
mark_of(SimRequest *request)
{
	const union MHD_ConnectionInfo *info;

	info = MHD_get_connection_info(request->connection,
								   MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info->socket_context;
}

static void
read_headers(SimRequest *request, const char *method)
{
	SimCall    *call = &request->call;
	const char *label = NULL;

	call->method = method;
	call->authorization =
		MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
									MHD_HTTP_HEADER_AUTHORIZATION);
	call->content_type =
		MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
									MHD_HTTP_HEADER_CONTENT_TYPE);
	if (request->is_control)
		return;
	if (call->below_base)
		label = sim_route_label(call->path, NULL);
	request->entry = sim_journal_begin(&world->journal, call, label,
									   mark_of(request));
}

static void
parse_body(SimRequest *request)
{
	SimCall    *call = &request->call;
	json_error_t error;

	call->body_size = request->body.size;
	if (request->body.size == 0)
		return;
	call->body = json_loadb(request->body.data, request->body.size,
							JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (call->body == NULL)
		snprintf(call->body_error, sizeof(call->body_error), "%s",
				 error.text);
	if (request->entry != NULL && call->body != NULL)
		sim_journal_body(request->entry, call->body);
}

/* A fault's pattern sees the path below the base, and the query. */
static SimFault *
find_fault(const SimRequest *request)
{
	const char *tail = request->uri;

	if (request->is_control)
		return NULL;
	if (request->call.below_base)
		tail += strlen(SIM_SERVER_BASE);
	return sim_fault_match(&world->faults, request->call.method, tail);
}

static void
note_outcome(SimRequest *request)
{
	SimEntry   *entry = request->entry;

	if (entry == NULL)
		return;
	if (request->call.username[0] != '\0')
		entry->user = sim_memory_copy(request->call.username);
	if (request->answer.error[0] != '\0')
		entry->error = sim_memory_copy(request->answer.error);
}

static bool
is_unprocessed(const SimFault *fault)
{
	if (fault->after)
		return false;
	return fault->has_answer ||
		fault->delivery == SIM_DELIVERY_RESET_BEFORE ||
		fault->delivery == SIM_DELIVERY_CLOSE_BEFORE ||
		fault->delivery == SIM_DELIVERY_HANG_HEADERS;
}

static void
apply_fault(SimAnswer *answer, const SimFault *fault)
{
	const SimAnswer *replaced = &fault->answer;

	if (fault->has_answer)
	{
		sim_answer_clear(answer);
		answer->status = replaced->status;
		answer->payload = sim_payload_hold(replaced->payload);
	}
	if (replaced->headers == NULL)
		return;
	if (answer->headers == NULL)
		answer->headers = json_pack("{}");
	json_object_update(answer->headers, replaced->headers);
}

/*
 * Whatever waits, for a delay or for its client to go, is dropped; so is what
 * has only begun to arrive, which was meant for the state that was.
 */
static void
drop_waiting(void)
{
	for (SimRequest *request = requests; request; request = request->next)
	{
		if (!request->is_control && request->state == SIM_REQUEST_RECEIVING)
			request->state = SIM_REQUEST_DROPPED;
		if (!request->suspended)
			continue;
		request->state = SIM_REQUEST_DROPPED;
		sim_timer_stop(&request->timer);
		sim_request_wake(request);
	}
}

/* A delayed write of one test must not reach the state of the next. */
static void
process_control(SimRequest *request)
{
	unsigned	seedings = world->seedings;

	sim_control_answer(&request->call, &request->answer);
	if (world->seedings != seedings)
		drop_waiting();
}

static enum MHD_Result
process(SimRequest *request)
{
	if (request->is_control)
		process_control(request);
	else if (request->fault == NULL || !is_unprocessed(request->fault))
		sim_api_answer(&request->call, &request->answer);
	note_outcome(request);
	if (request->fault != NULL)
		apply_fault(&request->answer, request->fault);
	return sim_delivery_send(request);
}

static enum MHD_Result
finish_receiving(SimRequest *request)
{
	int64_t		delay_ms = request->is_control ? 0 : world->config.latency_ms;

	parse_body(request);
	request->fault = find_fault(request);
	if (request->fault != NULL)
		delay_ms += request->fault->delay_ms;
	if (delay_ms == 0)
		return process(request);
	request->state = SIM_REQUEST_DELAYED;
	sim_request_sleep(request, delay_ms * 1000);
	return MHD_YES;
}

/* A body without end is no test's business: the connection is closed. */
static enum MHD_Result
receive(SimRequest *request, const char *bytes, size_t *size)
{
	sim_text_append(&request->body, bytes, *size);
	*size = 0;
	return request->body.size <= MAX_BODY ? MHD_YES : MHD_NO;
}

/* MHD calls this for the headers, each piece of body, the end, and a wake. */
static enum MHD_Result
handle_request(void *cls, struct MHD_Connection *connection, const char *url,
			   const char *method, const char *version, const char *bytes,
			   size_t *size, void **slot)
{
	SimRequest *request = *slot;

	(void) cls;
	(void) connection;
	(void) url;
	(void) version;
	if (request->call.method == NULL)
	{
		read_headers(request, method);
		return MHD_YES;
	}
	if (*size > 0)
		return receive(request, bytes, size);
	switch (request->state)
	{
		case SIM_REQUEST_RECEIVING:
			return finish_receiving(request);
		case SIM_REQUEST_DELAYED:
			return process(request);
		case SIM_REQUEST_ANSWERED:
		case SIM_REQUEST_HUNG:
		case SIM_REQUEST_DROPPED:
			return MHD_NO;
	}
	return MHD_NO;
}

static void
ignore_ready(void *owner, uint32_t events)
{
	(void) owner;
	(void) events;
}

bool
sim_server_start(SimWorld *served, uint16_t port)
{
	struct sockaddr_in address;

	world = served;
	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	daemon_handle =
		MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
						 MHD_USE_SUPPRESS_DATE_NO_CLOCK, port,
						 NULL, NULL, handle_request, NULL,
						 MHD_OPTION_SOCK_ADDR, &address,
						 MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS,
						 MHD_OPTION_LISTEN_BACKLOG_SIZE, BACKLOG,
						 MHD_OPTION_URI_LOG_CALLBACK, begin_request, NULL,
						 MHD_OPTION_NOTIFY_COMPLETED, end_request, NULL,
						 MHD_OPTION_NOTIFY_CONNECTION, track_connection, NULL,
						 MHD_OPTION_END);
	if (daemon_handle == NULL)
		return false;
	daemon_watch.fd = MHD_get_daemon_info(daemon_handle,
										  MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	daemon_watch.ready = ignore_ready;
	return sim_loop_add(&daemon_watch, EPOLLIN);
}

uint16_t
sim_server_port(void)
{
	return MHD_get_daemon_info(daemon_handle,
							   MHD_DAEMON_INFO_BIND_PORT)->port;
}

/*
 * A connection that was resumed by the handler of another one is looked at in
 * the next run only, and nothing else may ask for one.
 */
void
sim_server_run(void)
{
	do
		MHD_run(daemon_handle);
	while (sim_request_take_resumed());
}

int
sim_server_wait(void)
{
	MHD_UNSIGNED_LONG_LONG wait;
	int			timer = sim_timer_wait();

	if (MHD_get_timeout(daemon_handle, &wait) != MHD_YES)
		return timer;
	return timer >= 0 && (MHD_UNSIGNED_LONG_LONG) timer < wait ?
		timer : (int) wait;
}

/* MHD refuses to stop while a connection is suspended. */
void
sim_server_stop(void)
{
	drop_waiting();
	MHD_run(daemon_handle);
	sim_loop_remove(&daemon_watch);
	MHD_stop_daemon(daemon_handle);
}
