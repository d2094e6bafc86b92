/*-------------------------------------------------------------------------
 *
 * base_url_fuzz.c
 *		Any text as base_url and as proxy: what is accepted is an address that
 *		libcurl understands, and understands as we do, whatever path comes
 *		behind it.
 *
 * Sources: catalog/option_value.c http/redirect.c canned_copy.c
 * Libraries: libcurl
 * Dictionary: url
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <strings.h>

#include "catalog/option_value.h"
#include "http/http_state.h"

#define PATH	"/organizations/3/service-accounts"

static char *
part(CURLU *url, CURLUPart what)
{
	char	   *text = NULL;

	curl_url_get(url, what, &text, 0);
	return text;
}

static void
require_absent(CURLU *url, CURLUPart what)
{
	char	   *text = part(url, what);

	require(text == NULL);
	curl_free(text);
}

/* The very machine that we run on, by a name that nobody else can give. */
static bool
is_loopback(const char *host)
{
	struct in_addr v4;

	return strcasecmp(host, "localhost") == 0 ||
		strcmp(host, "[::1]") == 0 ||
		(inet_pton(AF_INET, host, &v4) == 1 &&
		 (ntohl(v4.s_addr) >> 24) == 127);
}

static void
check_base_url(const char *text, MpUrlFault verdict)
{
	size_t		length = strlen(text);
	char	   *whole = malloc(length + sizeof(PATH));
	CURLU	   *url = curl_url();
	char	   *scheme;
	char	   *host;
	char	   *path;

	/* option_resolve.c takes off the slash at the end */
	memcpy(whole, text, length + 1);
	while (length > 0 && whole[length - 1] == '/')
		length--;
	memcpy(whole + length, PATH, sizeof(PATH));

	require(strpbrk(text, "@?# \t\r\n\\") == NULL);
	require(curl_url_set(url, CURLUPART_URL, whole, CURLU_PATH_AS_IS)
			== CURLUE_OK);
	scheme = part(url, CURLUPART_SCHEME);
	host = part(url, CURLUPART_HOST);
	path = part(url, CURLUPART_PATH);
	require(strcasecmp(scheme, "https") == 0 ||
			strcasecmp(scheme, "http") == 0);
	if (strcasecmp(scheme, "http") == 0 && verdict == MP_URL_FINE)
		require(is_loopback(host));
	length = strlen(path);
	require(length >= strlen(PATH) &&
			strcmp(path + length - strlen(PATH), PATH) == 0);
	require_absent(url, CURLUPART_USER);
	require_absent(url, CURLUPART_PASSWORD);
	require_absent(url, CURLUPART_QUERY);
	require_absent(url, CURLUPART_FRAGMENT);
	require(whole[mp_http_redirect_origin(whole)] == '/');
	curl_free(scheme);
	curl_free(host);
	curl_free(path);
	curl_url_cleanup(url);
	free(whole);
}

static void
check_proxy(const char *text)
{
	CURLU	   *url = curl_url();
	char	   *host;

	require(strpbrk(text, "@?# \t\r\n\\") == NULL);
	require(curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME)
			== CURLUE_OK);
	host = part(url, CURLUPART_HOST);
	require(host != NULL && host[0] != '\0');
	require_absent(url, CURLUPART_USER);
	require_absent(url, CURLUPART_PASSWORD);
	require_absent(url, CURLUPART_QUERY);
	curl_free(host);
	curl_url_cleanup(url);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = copy_string(data, size);
	MpUrlFault	verdict = mp_value_check_base_url(text);

	if (verdict != MP_URL_BAD)
		check_base_url(text, verdict);
	if (mp_value_check_proxy(text))
		check_proxy(text);
	free(text);
	return 0;
}
