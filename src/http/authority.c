/*-------------------------------------------------------------------------
 *
 * http/authority.c
 *		Whose certificates are trusted: those that ca_file names and no others,
 *		or the system's.
 *
 * The file is read here, and again once it has changed, rather than by
 * libcurl.  libcurl uses a connection again, or resumes a TLS session, where
 * the certificates to be trusted are the same bytes; of a file it compares the
 * name.  So trust that is withdrawn counts from the next request on.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "http/http_state.h"

/* s for which a file whose status is the same may have been written again:
 * clocks of file systems are coarse. */
#define UNSETTLED	2

static void trust_system(const MpRequest *request, CURL *easy);
static bool read_bundle(MpRequest *request);
static bool is_current(const MpHttpBundle *bundle, const char *path);
static MpHttpBundle *make_bundle(MpRequest *request);
static MpFileVerdict read_file(const char *path, MpHttpBundle *bundle);
static int	open_file(const char *path, int flags);
static void note_fault(MpRequest *request, MpFileVerdict verdict, int error);
static void replace(MpHttpBundle **place, MpHttpBundle *bundle);
static bool trust_bundle(const MpRequest *request, CURL *easy);
static bool trust_path(const char *path, CURL *easy);

bool
mp_http_authority_set(MpRequest *request, CURL *easy)
{
	if (request->settings->ca_file == NULL)
	{
		trust_system(request, easy);
		return true;
	}
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
	return read_bundle(request) && trust_bundle(request, easy);
}

void
mp_http_authority_release(MpHttpBundle *bundle)
{
	if (bundle == NULL)
		return;
	assert(bundle->references > 0);
	if (--bundle->references > 0)
		return;
	mp_buffer_free(&bundle->bytes);
	free(bundle);
}

/*
 * libcurl keeps a bundle that it has read, but not where it is to look into a
 * folder too; and to read the system's bundle for each connection takes longer
 * than all the rest of a request.
 */
static void
trust_system(const MpRequest *request, CURL *easy)
{
	char	   *bundle = NULL;
	struct stat status;

	/* certificates are looked at on no other way */
	if (request->settings->proxy == NULL &&
		!mp_http_uses_tls(request))
		return;
	curl_easy_getinfo(easy, CURLINFO_CAINFO, &bundle);
	if (bundle == NULL || stat(bundle, &status) != 0 || status.st_size == 0)
		return;
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
}

/* Give the transfer a reference to the file's bytes as they are now. */
static bool
read_bundle(MpRequest *request)
{
	MpHttpSettings *settings = request->settings;
	MpHttpBundle *bundle;

	if (!is_current(settings->bundle, settings->ca_file))
	{
		bundle = make_bundle(request);
		if (bundle == NULL)
			return false;
		replace(&settings->bundle, bundle);
		mp_http_authority_release(bundle);
	}
	replace(&request->transfer.bundle, settings->bundle);
	return true;
}

static bool
is_current(const MpHttpBundle *bundle, const char *path)
{
	struct stat now;

	return bundle != NULL && bundle->settled && stat(path, &now) == 0 &&
		now.st_dev == bundle->status.st_dev &&
		now.st_ino == bundle->status.st_ino &&
		now.st_size == bundle->status.st_size &&
		now.st_mtime == bundle->status.st_mtime &&
		now.st_ctime == bundle->status.st_ctime;
}

/* NULL where it cannot be read; *request says why. */
static MpHttpBundle *
make_bundle(MpRequest *request)
{
	MpHttpBundle *bundle = calloc(1, sizeof(MpHttpBundle));
	MpFileVerdict verdict;

	if (bundle == NULL)
		return NULL;
	bundle->references = 1;
	verdict = read_file(request->settings->ca_file, bundle);
	if (verdict == MP_FILE_READ && bundle->bytes.length <= MP_HTTP_CA_LIMIT)
		return bundle;
	note_fault(request, verdict, errno);
	mp_http_authority_release(bundle);
	return NULL;
}

static MpFileVerdict
read_file(const char *path, MpHttpBundle *bundle)
{
	MpFileVerdict verdict;
	struct stat *status = &bundle->status;

	if (!mp_http_descriptor_take(1))
		return MP_FILE_NOT_OPENED;
	verdict = mp_file_read(path, open_file, MP_HTTP_CA_LIMIT + 1,
						   &bundle->bytes, status);
	mp_http_descriptor_give_back(1);
	bundle->settled = verdict == MP_FILE_READ &&
		time(NULL) > status->st_ctime + UNSETTLED;
	return verdict;
}

static int
open_file(const char *path, int flags)
{
	return open(path, flags);
}

/*
 * Say why the ca_file cannot be used, where the request keeps libcurl's
 * words.
 */
static void
note_fault(MpRequest *request, MpFileVerdict verdict, int error)
{
	char	   *text = request->transfer.error;
	size_t		size = sizeof(request->transfer.error);
	const char *path = request->settings->ca_file;

	request->transfer.lacked = verdict == MP_FILE_NOT_OPENED &&
		mp_http_descriptor_is_lack(error);
	switch (verdict)
	{
		case MP_FILE_READ:
			snprintf(text, size, "ca_file \"%.150s\" is too large", path);
			break;
		case MP_FILE_NOT_REGULAR:
			snprintf(text, size, "ca_file \"%.150s\" is not a regular file",
					 path);
			break;
		case MP_FILE_NOT_OPENED:
		case MP_FILE_UNREADABLE:
			snprintf(text, size, "could not read ca_file \"%.150s\": %s",
					 path, strerror(error));
			break;
		case MP_FILE_NO_MEMORY:
			break;
	}
}

/* One reference more to the bundle, one less to what was there. */
static void
replace(MpHttpBundle **place, MpHttpBundle *bundle)
{
	bundle->references++;
	mp_http_authority_release(*place);
	*place = bundle;
}

/* False when out of memory. */
static bool
trust_bundle(const MpRequest *request, CURL *easy)
{
	MpBuffer   *bytes = &request->transfer.bundle->bytes;
	static char nothing[] = "\n";	/* libcurl 8.20 takes no empty bundle */
	struct curl_blob blob = {
		.data = bytes->length > 0 ? bytes->data : nothing,
		.len = bytes->length > 0 ? bytes->length : 1,
		.flags = CURL_BLOB_NOCOPY,
	};
	CURLcode	code = curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);

	if (code == CURLE_NOT_BUILT_IN || code == CURLE_UNKNOWN_OPTION)
		return trust_path(request->settings->ca_file, easy);
	return code == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO_BLOB, &blob)
		!= CURLE_OUT_OF_MEMORY;
}

/*
 * libcurl's TLS library takes names of files only: nothing that was trusted
 * before is used again.
 */
static bool
trust_path(const char *path, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
	return curl_easy_setopt(easy, CURLOPT_CAINFO, path) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, path)
		!= CURLE_OUT_OF_MEMORY;
}
