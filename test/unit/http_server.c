/*-------------------------------------------------------------------------
 *
 * http_server.c
 *		An HTTP/1.1 server on a loopback port that answers as it is told.
 *
 * One thread accepts, one more serves each connection.  Whatever waits also
 * watches a pipe whose closing ends the server.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_server.h"

#define MAX_REQUESTS	512
#define MAX_CONNECTIONS	512
#define MAX_SCRIPT		512
#define MAX_REQUEST		(1024 * 1024)
#define PATIENCE		10		/* seconds */

typedef struct Connection
{
	Server	   *server;
	int			fd;
	pthread_t	thread;
	char	   *request;		/* so far; MAX_REQUEST + 1 bytes */
	size_t		length;
} Connection;

struct Server
{
	int			listener;
	int			port;
	int			stop[2];		/* a pipe */
	pthread_t	acceptor;

	pthread_mutex_t lock;		/* of all below */
	pthread_cond_t changed;
	Reply		script[MAX_SCRIPT];
	int			script_length;
	int			script_used;
	Reply		fallback;
	int			releases;
	int			refusals;
	bool		reset_reused;

	Connection	connections[MAX_CONNECTIONS];
	int			connection_count;
	int			open_count;
	char	   *requests[MAX_REQUESTS];
	int			request_count;
	int			in_service;
	int			most_at_once;
	size_t		sent;
};

static const char ok_reply[] =
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

static char filler[65536];		/* 'x' throughout */

static void *accept_all(void *context);
static void *serve(void *context);
static bool serve_one(Connection *connection, bool first);
static bool read_request(Connection *connection, bool first, Reply *reply);
static bool read_more(Connection *connection);
static size_t body_length(const char *head);
static Reply take_reply(Server *server);
static void note_request(Connection *connection);
static bool send_reply(Connection *connection, const Reply *reply);
static bool send_bytes(Connection *connection, const char *bytes,
					   size_t length);
static bool wait_for(Connection *connection, short events, int timeout);
static bool wait_release(Connection *connection);
static void wait_close(Connection *connection);
static void reset_on_close(int fd);
static void set_deadline(struct timespec *deadline);

Server *
server_start(void)
{
	Server	   *server = calloc(1, sizeof(Server));
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t	length = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memset(filler, 'x', sizeof(filler));
	server->fallback.bytes = ok_reply;
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->changed, NULL);
	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (server->listener < 0 || pipe(server->stop) != 0 ||
		bind(server->listener, (struct sockaddr *) &address, length) != 0 ||
		listen(server->listener, 128) != 0 ||
		getsockname(server->listener, (struct sockaddr *) &address,
					&length) != 0 ||
		pthread_create(&server->acceptor, NULL, accept_all, server) != 0)
	{
		free(server);
		return NULL;
	}
	server->port = ntohs(address.sin_port);
	return server;
}

void
server_stop(Server *server)
{
	int			i;

	close(server->stop[1]);
	pthread_mutex_lock(&server->lock);
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
	pthread_join(server->acceptor, NULL);
	for (i = 0; i < server->connection_count; i++)
		pthread_join(server->connections[i].thread, NULL);
	for (i = 0; i < server->request_count; i++)
		free(server->requests[i]);
	close(server->stop[0]);
	close(server->listener);
	pthread_mutex_destroy(&server->lock);
	pthread_cond_destroy(&server->changed);
	free(server);
}

int
server_port(const Server *server)
{
	return server->port;
}

void
server_push(Server *server, Reply reply)
{
	pthread_mutex_lock(&server->lock);
	if (server->script_length < MAX_SCRIPT)
		server->script[server->script_length++] = reply;
	pthread_mutex_unlock(&server->lock);
}

void
server_default(Server *server, Reply reply)
{
	pthread_mutex_lock(&server->lock);
	server->fallback = reply;
	pthread_mutex_unlock(&server->lock);
}

void
server_release(Server *server, int n)
{
	pthread_mutex_lock(&server->lock);
	server->releases += n;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
}

void
server_refuse(Server *server, int n)
{
	pthread_mutex_lock(&server->lock);
	server->refusals = n;
	pthread_mutex_unlock(&server->lock);
}

void
server_reset_reused(Server *server, bool reset)
{
	pthread_mutex_lock(&server->lock);
	server->reset_reused = reset;
	pthread_mutex_unlock(&server->lock);
}

bool
server_await(Server *server, int requests)
{
	struct timespec deadline;
	bool		enough;
	int			error = 0;

	set_deadline(&deadline);
	pthread_mutex_lock(&server->lock);
	while (server->request_count < requests && error == 0)
		error = pthread_cond_timedwait(&server->changed, &server->lock,
									   &deadline);
	enough = server->request_count >= requests;
	pthread_mutex_unlock(&server->lock);
	return enough;
}

bool
server_await_idle(Server *server)
{
	struct timespec deadline;
	bool		idle;
	int			error = 0;

	set_deadline(&deadline);
	pthread_mutex_lock(&server->lock);
	while (server->open_count > 0 && error == 0)
		error = pthread_cond_timedwait(&server->changed, &server->lock,
									   &deadline);
	idle = server->open_count == 0;
	pthread_mutex_unlock(&server->lock);
	return idle;
}

static void
set_deadline(struct timespec *deadline)
{
	clock_gettime(CLOCK_REALTIME, deadline);
	deadline->tv_sec += PATIENCE;
}

/* One number, read under the lock. */
static int
read_count(Server *server, const int *count)
{
	int			value;

	pthread_mutex_lock(&server->lock);
	value = *count;
	pthread_mutex_unlock(&server->lock);
	return value;
}

int
server_requests(Server *server)
{
	return read_count(server, &server->request_count);
}

int
server_connections(Server *server)
{
	return read_count(server, &server->connection_count);
}

int
server_most_at_once(Server *server)
{
	return read_count(server, &server->most_at_once);
}

size_t
server_sent(Server *server)
{
	size_t		sent;

	pthread_mutex_lock(&server->lock);
	sent = server->sent;
	pthread_mutex_unlock(&server->lock);
	return sent;
}

const char *
server_request(Server *server, int i)
{
	const char *request = "";

	pthread_mutex_lock(&server->lock);
	if (i < server->request_count)
		request = server->requests[i];
	pthread_mutex_unlock(&server->lock);
	return request;
}

/* ---- threads ---- */

static void *
accept_all(void *context)
{
	Server	   *server = context;
	Connection *connection;
	struct pollfd waits[2] = {
		{.fd = server->listener,.events = POLLIN},
		{.fd = server->stop[0],.events = POLLIN},
	};
	int			fd;

	while (poll(waits, 2, -1) > 0 && waits[1].revents == 0)
	{
		fd = accept(server->listener, NULL, NULL);
		if (fd < 0)
			continue;
		pthread_mutex_lock(&server->lock);
		if (server->refusals > 0 ||
			server->connection_count == MAX_CONNECTIONS)
		{
			server->refusals--;
			reset_on_close(fd);
			close(fd);
		}
		else
		{
			connection = &server->connections[server->connection_count++];
			connection->server = server;
			connection->fd = fd;
			server->open_count++;
			pthread_create(&connection->thread, NULL, serve, connection);
		}
		pthread_mutex_unlock(&server->lock);
	}
	return NULL;
}

static void *
serve(void *context)
{
	Connection *connection = context;
	bool		first = true;

	fcntl(connection->fd, F_SETFL, O_NONBLOCK);
	connection->request = malloc(MAX_REQUEST + 1);
	while (serve_one(connection, first))
		first = false;
	free(connection->request);
	close(connection->fd);
	pthread_mutex_lock(&connection->server->lock);
	connection->server->open_count--;
	pthread_cond_broadcast(&connection->server->changed);
	pthread_mutex_unlock(&connection->server->lock);
	return NULL;
}

/* One request; false: the connection is to be closed. */
static bool
serve_one(Connection *connection, bool first)
{
	Server	   *server = connection->server;
	Reply		reply;
	bool		sent;

	if (!read_request(connection, first, &reply))
		return false;
	sent = (!reply.hold || wait_release(connection)) &&
		send_reply(connection, &reply);
	pthread_mutex_lock(&server->lock);
	server->in_service--;
	pthread_mutex_unlock(&server->lock);
	if (sent && reply.end == REPLY_HANG)
		wait_close(connection);
	if (reply.end == REPLY_RESET)
		reset_on_close(connection->fd);
	return sent && reply.end == REPLY_KEEP;
}

static bool
read_request(Connection *connection, bool first, Reply *reply)
{
	Server	   *server = connection->server;
	char	   *end;
	size_t		wanted;
	bool		reset;

	connection->length = 0;
	connection->request[0] = '\0';
	if (!wait_for(connection, POLLIN, -1))
		return false;
	pthread_mutex_lock(&server->lock);
	reset = server->reset_reused && !first;
	pthread_mutex_unlock(&server->lock);
	if (reset)
	{
		reset_on_close(connection->fd);
		return false;
	}
	while ((end = strstr(connection->request, "\r\n\r\n")) == NULL)
	{
		if (!read_more(connection))
			return false;
	}
	*reply = take_reply(server);
	wanted = (size_t) (end + 4 - connection->request) +
		body_length(connection->request);
	while (!reply->early && connection->length < wanted)
	{
		if (!read_more(connection))
			return false;
	}
	note_request(connection);
	return true;
}

static bool
read_more(Connection *connection)
{
	ssize_t		got;

	if (!wait_for(connection, POLLIN, -1))
		return false;
	got = recv(connection->fd, connection->request + connection->length,
			   MAX_REQUEST - connection->length, 0);
	if (got <= 0)
		return got < 0 && errno == EAGAIN;
	connection->length += (size_t) got;
	connection->request[connection->length] = '\0';
	return true;
}

static size_t
body_length(const char *head)
{
	const char *line = strcasestr(head, "\r\nContent-Length:");

	return line != NULL ? strtoul(line + 17, NULL, 10) : 0;
}

static Reply
take_reply(Server *server)
{
	Reply		reply;

	pthread_mutex_lock(&server->lock);
	reply = server->fallback;
	if (server->script_used < server->script_length)
		reply = server->script[server->script_used++];
	pthread_mutex_unlock(&server->lock);
	return reply;
}

static void
note_request(Connection *connection)
{
	Server	   *server = connection->server;

	pthread_mutex_lock(&server->lock);
	if (server->request_count < MAX_REQUESTS)
		server->requests[server->request_count++] =
			strdup(connection->request);
	server->in_service++;
	if (server->in_service > server->most_at_once)
		server->most_at_once = server->in_service;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
}

/* The reply's bytes, then its filler. */
static bool
send_reply(Connection *connection, const Reply *reply)
{
	size_t		left = reply->filler;
	size_t		length = reply->length;
	size_t		i;

	if (reply->bytes != NULL && length == 0)
		length = strlen(reply->bytes);
	if (reply->drip == 0 && !send_bytes(connection, reply->bytes, length))
		return false;
	for (i = 0; reply->drip > 0 && i < length; i++)
	{
		/* Readable is the end: the client sends nothing meanwhile. */
		if (wait_for(connection, POLLIN, reply->drip) ||
			!send_bytes(connection, reply->bytes + i, 1))
			return false;
	}
	while (left > 0)
	{
		size_t		part = left < sizeof(filler) ? left : sizeof(filler);

		if (!send_bytes(connection, filler, part))
			return false;
		left -= part;
	}
	return true;
}

static bool
send_bytes(Connection *connection, const char *bytes, size_t length)
{
	ssize_t		sent;

	while (length > 0)
	{
		sent = send(connection->fd, bytes, length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN)
		{
			if (!wait_for(connection, POLLOUT, -1))
				return false;
			continue;
		}
		if (sent < 0)
			return false;
		bytes += sent;
		length -= (size_t) sent;
		pthread_mutex_lock(&connection->server->lock);
		connection->server->sent += (size_t) sent;
		pthread_mutex_unlock(&connection->server->lock);
	}
	return true;
}

/* False after `timeout` ms (-1: never) or when the server ends. */
static bool
wait_for(Connection *connection, short events, int timeout)
{
	struct pollfd waits[2] = {
		{.fd = connection->fd,.events = events},
		{.fd = connection->server->stop[0],.events = POLLIN},
	};

	return poll(waits, 2, timeout) > 0 && waits[1].revents == 0 &&
		waits[0].revents != 0;
}

/* Until it is let go, or the client closes. */
static bool
wait_release(Connection *connection)
{
	Server	   *server = connection->server;
	bool		released = false;

	while (!released)
	{
		pthread_mutex_lock(&server->lock);
		if (server->releases > 0)
		{
			server->releases--;
			released = true;
		}
		pthread_mutex_unlock(&server->lock);
		if (released)
			break;
		if (wait_for(connection, POLLIN, 2))
			return false;
		if (!wait_for(connection, POLLOUT, 0))
			return false;
	}
	return true;
}

static void
wait_close(Connection *connection)
{
	(void) wait_for(connection, POLLIN, -1);
}

static void
reset_on_close(int fd)
{
	struct linger now = {.l_onoff = 1,.l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}
