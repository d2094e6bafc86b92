/*-------------------------------------------------------------------------
 *
 * http_trust_test.c
 *		Bundles of certificates: the system's is read once, as that takes long;
 *		another is read by us, and libcurl never opens it.
 *
 * fopen and open are this file's: they count how often a bundle is opened.
 *
 *-------------------------------------------------------------------------
 */
#include <curl/curl.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http_client.h"
#include "tap.h"

#define CONNECTIONS 3

typedef FILE *(*Opener) (const char *path, const char *mode);

static const char *watched = "";	/* a path */
static int	opened;				/* by fopen */
static int	opened_by_us;

static FILE *
open_by(const char *name, const char *path, const char *mode)
{
	Opener		opener;
	void	   *symbol = dlsym(RTLD_NEXT, name);

	memcpy(&opener, &symbol, sizeof(symbol));
	if (strcmp(path, watched) == 0)
		opened++;
	return opener(path, mode);
}

FILE *
fopen(const char *path, const char *mode)
{
	return open_by("fopen", path, mode);
}

FILE *
fopen64(const char *path, const char *mode)
{
	return open_by("fopen64", path, mode);
}

int
open(const char *path, int flags,...)
{
	int			(*opener) (const char *, int,...);
	void	   *symbol = dlsym(RTLD_NEXT, "open");
	va_list		rest;
	int			mode;

	memcpy(&opener, &symbol, sizeof(symbol));
	va_start(rest, flags);
	mode = (flags & O_CREAT) != 0 ? va_arg(rest, int) : 0;
	va_end(rest);
	opened_by_us += strcmp(path, watched) == 0;
	return opener(path, flags, mode);
}

/* How often a bundle is opened for some connections, one after another. */
static int
count_opened(const char *bundle, const char *ca_file)
{
	char		base_url[64];
	int			i;

	client_begin();
	snprintf(base_url, sizeof(base_url), "https://127.0.0.1:%d",
			 server_port(server));
	settings.base_url = base_url;
	settings.ca_file = ca_file;
	watched = bundle;
	opened = 0;
	for (i = 0; i < CONNECTIONS; i++)
	{
		MpRequest  *request = client_start(MP_METHOD_GET, "/");
		int			steps;

		for (steps = 0; steps < 1000 && server_connections(server) <= i;
			 steps++)
			client_step(10);
		client_step(10);
		mp_http_free(request);
	}
	is_int(server_connections(server), CONNECTIONS, "connections");
	watched = "";
	client_end();
	return opened;
}

static void
test_system(void)
{
	CURL	   *easy = curl_easy_init();
	char	   *path = NULL;
	char	   *bundle;
	struct stat status;

	curl_easy_getinfo(easy, CURLINFO_CAINFO, &path);
	bundle = strdup(path != NULL ? path : "");
	curl_easy_cleanup(easy);
	if (stat(bundle, &status) != 0)
		ok(true, "no bundle of the system here # SKIP");
#if LIBCURL_VERSION_NUM >= 0x075700
	else
		is_int(count_opened(bundle, NULL), 1, "the system's: once");
#endif
	free(bundle);
}

static void
test_own(void)
{
	char		path[] = "/tmp/http_trust_test.XXXXXX";
	int			fd = mkstemp(path);

	ok(fd >= 0, "an own bundle");
	close(fd);
	opened_by_us = 0;
	is_int(count_opened(path, path), 0, "an own: not by libcurl");
	ok(opened_by_us >= CONNECTIONS, "but by us, each time");
	unlink(path);
}

int
main(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	test_system();
	test_own();
	return done_testing();
}
