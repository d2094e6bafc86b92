/*-------------------------------------------------------------------------
 *
 * http/server.c
 *		Each server's window.
 *
 * A server is known from its first request until the pool goes.  Must not know
 * how a request gets on the wire.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "http/http_state.h"

static bool rename_server(MpHttpServer *server, const char *name);

MpHttpServer *
mp_http_server_take(MpHttp *http, const MpSettings *settings)
{
	MpHttpServer **place = &http->servers;
	const char *name = settings->server_name;
	MpHttpServer *server;

	if (name == NULL)
		name = "";
	/* A new one goes to the end: the order is that of first use. */
	while (*place != NULL && (*place)->id != settings->server_id)
		place = &(*place)->next;
	server = *place;
	if (server == NULL)
	{
		server = calloc(1, sizeof(MpHttpServer));
		if (server == NULL)
			return NULL;
		server->id = settings->server_id;
	}
	if (!rename_server(server, name))
	{
		if (*place == NULL)
			free(server);
		return NULL;
	}
	server->limit = settings->max_concurrency;
	if (server->limit < 1)
		server->limit = 1;
	*place = server;
	return server;
}

/* Takes over the name if it has changed.  False when out of memory. */
static bool
rename_server(MpHttpServer *server, const char *name)
{
	char	   *copy;

	if (server->name != NULL && strcmp(server->name, name) == 0)
		return true;
	copy = mp_http_copy(name);
	if (copy == NULL)
		return false;
	free(server->name);
	server->name = copy;
	return true;
}

void
mp_http_server_free_all(MpHttp *http)
{
	MpHttpServer *server;

	while ((server = http->servers) != NULL)
	{
		assert(server->in_flight == 0 && server->queue.first == NULL);
		assert(server->settings == NULL);
		http->servers = server->next;
		free(server->name);
		free(server);
	}
}

void
mp_http_server_narrow(MpHttpServer *server)
{
	server->narrow = server->in_flight > 0 ? server->in_flight : 1;
}

/* Urgent requests have a window of their own, as wide as the other. */
bool
mp_http_server_has_room(const MpRequest *request)
{
	const MpHttpServer *server = request->server;
	const MpRequest *other;
	int			urgent = 0;

	assert(server->limit > 0);
	if (server->narrow > 0 && server->in_flight >= server->narrow)
		return false;
	if (!request->urgent)
		return server->in_flight < server->limit;
	for (other = request->http->on_wire.first; other; other = other->next)
		urgent += other->urgent && other->server == server;
	return urgent < server->limit;
}

int
mp_http_in_flight(const MpHttp *http, uint32_t server_id)
{
	const MpHttpServer *server = http->servers;

	while (server != NULL && server->id != server_id)
		server = server->next;
	return server != NULL ? server->in_flight : 0;
}
