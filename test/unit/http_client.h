/*-------------------------------------------------------------------------
 *
 * http_client.h
 *		What the tests of http.h share: a pool, a server, and how to wait.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_HTTP_CLIENT_H
#define MP_HTTP_CLIENT_H

#include "http/http.h"
#include "http_server.h"

#define EMPTY(status) \
	"HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"
#define EMPTY_WITH(status, header) \
	"HTTP/1.1 " status "\r\n" header "\r\nContent-Length: 0\r\n\r\n"

extern MpHttp *http;
extern Server *server;
extern MpSettings settings;		/* of that server; short waits */
extern int	client_runs;		/* calls of mp_http_run() in this test */

/* A pool and a server, anew for each test. */
extern void client_begin(void);
extern void client_end(void);

extern MpRequest *client_start(MpMethod method, const char *path);
extern MpRequest *client_stream(const char *path);

/* Wait once, for so many ms at most, and run. */
extern void client_step(int timeout);

/* Run until it is final (20 s at most); the outcome. */
extern MpOutcome client_finish(MpRequest *request);

/* Start, finish and free one; the outcome. */
extern MpOutcome client_do(MpMethod method, const char *path);

/* The next reply: these bytes, then so many of 'x', then this. */
extern void client_reply(const char *bytes, ReplyEnd end);
extern void client_reply_long(const char *bytes, size_t filler, ReplyEnd end);

/* The reply when there is no other. */
extern void client_reply_always(const char *bytes, ReplyEnd end);

extern double client_ms(void);	/* a clock */

#endif							/* MP_HTTP_CLIENT_H */
