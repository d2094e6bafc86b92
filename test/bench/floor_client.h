/*-------------------------------------------------------------------------
 *
 * floor_client.h
 *		What the floor programs share: libcurl handles, a clock, the report.
 *
 * A floor program does the work of a statement with libcurl and jansson alone,
 * without a database.  It is as plain as such a program is usually written:
 * errors end it.  It takes the API's root and login from the environment:
 * BENCH_BASE_URL, BENCH_LOGIN (user:secret), BENCH_CA_FILE (optional).
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLOOR_CLIENT_H
#define FLOOR_CLIENT_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#define FLOOR_LIST	"/organizations/123/service-accounts"

/* Bytes of an answer, growing. */
typedef struct FloorBody
{
	char	   *data;
	size_t		length;
	size_t		size;
} FloorBody;

/* Print a message to the error output and end with status 1. */
extern void floor_fail(const char *format,...)
			__attribute__((format(printf, 1, 2), noreturn));

/* A handle with the login; the caller frees it. */
extern CURL *floor_handle(void);

/* Point it at a path below BENCH_BASE_URL.  The method is GET or DELETE. */
extern void floor_aim(CURL *handle, const char *method, const char *path);

/* Append an answer's bytes to a body: a callback for libcurl. */
extern size_t floor_append(char *bytes, size_t size, size_t count,
						   void *body);

/* Fail unless the transfer ended well with a status of 2xx. */
extern void floor_check(CURL *handle, CURLcode code);

/* One blocking request, its answer into the body (emptied first). */
extern void floor_get(CURL *handle, const char *path, FloorBody *body);

/*
 * The measured part.  The report is a line "ms=... rows=... growth=...": wall
 * time, and by how many kB the peak of memory has grown since the beginning.
 */
extern void floor_begin(void);
extern void floor_report(long rows);

#endif							/* FLOOR_CLIENT_H */
