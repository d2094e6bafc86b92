/*-------------------------------------------------------------------------
 *
 * floor_client.c
 *		What the floor programs share: libcurl handles, a clock, the report.
 *
 *-------------------------------------------------------------------------
 */
#include "floor_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static double begun;			/* ms */
static long peak_at_begin;		/* kB */

static const char *
setting(const char *name)
{
	const char *value = getenv(name);

	if (value == NULL)
		floor_fail("%s is not set", name);
	return value;
}

static double
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

static long
peak_kb(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

void
floor_fail(const char *format,...)
{
	va_list		arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

CURL *
floor_handle(void)
{
	const char *ca_file = getenv("BENCH_CA_FILE");
	CURL	   *handle = curl_easy_init();

	if (handle == NULL)
		floor_fail("out of memory");
	curl_easy_setopt(handle, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
	curl_easy_setopt(handle, CURLOPT_USERPWD, setting("BENCH_LOGIN"));
	curl_easy_setopt(handle, CURLOPT_PROXY, "");
	curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
	/* wait for a connection that can be shared, where that may be */
	curl_easy_setopt(handle, CURLOPT_PIPEWAIT,
					 (long) (strncmp(setting("BENCH_BASE_URL"), "https:",
									 6) == 0));
	curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, 256L * 1024);
	if (ca_file != NULL && *ca_file != '\0')
		curl_easy_setopt(handle, CURLOPT_CAINFO, ca_file);
	return handle;
}

void
floor_aim(CURL *handle, const char *method, const char *path)
{
	char		url[1024];

	snprintf(url, sizeof(url), "%s%s", setting("BENCH_BASE_URL"), path);
	curl_easy_setopt(handle, CURLOPT_URL, url);
	curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method);
}

size_t
floor_append(char *bytes, size_t size, size_t count, void *body)
{
	FloorBody  *into = body;
	size_t		length = size * count;

	while (into->length + length > into->size)
	{
		into->size = into->size == 0 ? 16384 : 2 * into->size;
		into->data = realloc(into->data, into->size);
		if (into->data == NULL)
			floor_fail("out of memory");
	}
	memcpy(into->data + into->length, bytes, length);
	into->length += length;
	return length;
}

void
floor_check(CURL *handle, CURLcode code)
{
	long		status = 0;

	if (code != CURLE_OK)
		floor_fail("%s", curl_easy_strerror(code));
	curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
	if (status / 100 != 2)
		floor_fail("status %ld", status);
}

void
floor_get(CURL *handle, const char *path, FloorBody *body)
{
	body->length = 0;
	floor_aim(handle, "GET", path);
	curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, floor_append);
	curl_easy_setopt(handle, CURLOPT_WRITEDATA, body);
	floor_check(handle, curl_easy_perform(handle));
}

void
floor_begin(void)
{
	peak_at_begin = peak_kb();
	begun = now_ms();
}

void
floor_report(long rows)
{
	printf("ms=%.3f rows=%ld growth=%ld\n", now_ms() - begun, rows,
		   peak_kb() - peak_at_begin);
}
