/*-------------------------------------------------------------------------
 *
 * http_server.h
 *		An HTTP/1.1 server on a loopback port that answers as it is told.
 *
 * Each request takes the next reply of the script, in order of arrival; when
 * the script is used up, the default reply.  Runs in threads of the test's own
 * process.  Knows nothing of the client that is tested.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_HTTP_SERVER_H
#define MP_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Server Server;

typedef enum ReplyEnd
{
	REPLY_KEEP,					/* wait for the next request */
	REPLY_CLOSE,				/* close the connection in order */
	REPLY_RESET,				/* reset the connection */
	REPLY_HANG,					/* say no more until the client closes */
} ReplyEnd;

typedef struct Reply
{
	const char *bytes;			/* as they go on the wire; NULL: none.  Must
								 * outlive the server. */
	size_t		length;			/* of bytes; 0: up to the NUL */
	size_t		filler;			/* then so many bytes of 'x' */
	int			drip;			/* ms before each byte of `bytes` */
	bool		early;			/* before the request's body is read */
	bool		hold;			/* when server_release() lets it */
	ReplyEnd	end;
} Reply;

/* NULL if there is no port or thread. */
extern Server *server_start(void);

/* Ends every connection and frees all. */
extern void server_stop(Server *server);

extern int	server_port(const Server *server);

extern void server_push(Server *server, Reply reply);
extern void server_default(Server *server, Reply reply);

/* Let n replies go that are, or will be, held. */
extern void server_release(Server *server, int n);

/* Reset the next n connections as soon as they are accepted. */
extern void server_refuse(Server *server, int n);

/* Reset a connection when a further request begins to arrive on it. */
extern void server_reset_reused(Server *server, bool reset);

/* Wait, at most 10 s, until so many requests have come; false: too few. */
extern bool server_await(Server *server, int requests);

/* Wait, at most 10 s, until no connection is open. */
extern bool server_await_idle(Server *server);

/* What has come so far. */
extern int	server_requests(Server *server);
extern int	server_connections(Server *server);
extern int	server_most_at_once(Server *server);	/* requests in service */
extern size_t server_sent(Server *server);	/* bytes */

/* The i-th request, from its first line to the end of its body; "" if there is
 * none.  Lives until server_stop(). */
extern const char *server_request(Server *server, int i);

#endif							/* MP_HTTP_SERVER_H */
