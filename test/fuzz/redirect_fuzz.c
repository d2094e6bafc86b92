/*-------------------------------------------------------------------------
 *
 * redirect_fuzz.c
 *		Any text as Location: the credentials go to base_url's own scheme, host
 *		and port, as libcurl reads them, or nowhere; and what is shown of the
 *		place holds neither query nor user.
 *
 * Lines of an input: Location; the path that was asked for; base_url, if it is
 * to be other than the usual ones.
 *
 * Sources: http/redirect.c catalog/option_value.c canned_copy.c
 * Libraries: libcurl
 * Dictionary: url
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <curl/curl.h>
#include <strings.h>

#include "catalog/option_value.h"
#include "http/http_state.h"

/* `location`, if it is not NULL, as seen from `text`. */
static CURLU *
parse(const char *text, const char *location)
{
	CURLU	   *url = curl_url();

	if (curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
		(location == NULL ||
		 curl_url_set(url, CURLUPART_URL, location, CURLU_URLENCODE)
		 == CURLUE_OK))
		return url;
	curl_url_cleanup(url);
	return NULL;
}

static void
require_same(CURLU *one, CURLU *other, CURLUPart part)
{
	char	   *left = NULL;
	char	   *right = NULL;

	require(curl_url_get(one, part, &left, CURLU_DEFAULT_PORT) == CURLUE_OK);
	require(curl_url_get(other, part, &right, CURLU_DEFAULT_PORT)
			== CURLUE_OK);
	require(strcasecmp(left, right) == 0);
	curl_free(left);
	curl_free(right);
}

static void
require_absent(CURLU *url, CURLUPart part)
{
	char	   *text = NULL;

	curl_url_get(url, part, &text, 0);
	require(text == NULL);
	curl_free(text);
}

static void
require_origin(CURLU *url, const char *base_url)
{
	CURLU	   *base = parse(base_url, NULL);

	require(base != NULL && url != NULL);
	require_same(base, url, CURLUPART_SCHEME);
	require_same(base, url, CURLUPART_HOST);
	require_same(base, url, CURLUPART_PORT);
	require_absent(url, CURLUPART_USER);
	require_absent(url, CURLUPART_PASSWORD);
	curl_url_cleanup(base);
	curl_url_cleanup(url);
}

/* As libcurl will read it when it is sent there. */
static void
check_target(const char *target)
{
	CURLU	   *url = parse(target, NULL);

	require(url != NULL);
	require_absent(url, CURLUPART_FRAGMENT);
	curl_url_cleanup(url);
	for (const char *at = target; *at != '\0'; at++)
		require((unsigned char) *at > ' ' && *at != 0x7f);
}

static void
check_shown(const char *shown)
{
	CURLU	   *url = curl_url();

	require(strchr(shown, '?') == NULL && strchr(shown, '#') == NULL);
	if (curl_url_set(url, CURLUPART_URL, shown, CURLU_NON_SUPPORT_SCHEME)
		== CURLUE_OK)
	{
		require_absent(url, CURLUPART_USER);
		require_absent(url, CURLUPART_PASSWORD);
	}
	curl_url_cleanup(url);
}

/* base_url is accepted as an option, and asks for an address. */
static char *
make_from(const char *base_url, const char *path)
{
	size_t		size = strlen(base_url) + strlen(path) + 2;
	char	   *from = malloc(size);

	snprintf(from, size, "%s/%s", base_url, path);
	return from;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const usual[] = {
		"https://mixpanel.com/api/app", "http://127.0.0.1:8080/api",
		"https://[2001:db8::1]:8443", "http://localhost",
	};
	char	   *location = take_line(&data, &size);
	char	   *path = take_line(&data, &size);
	char	   *given = take_line(&data, &size);
	const char *base_url = usual[strlen(path) % 4];
	char	   *from;
	char	   *target;
	char	   *shown;
	MpHttpRedirect verdict;

	if (mp_value_check_base_url(given) != MP_URL_BAD)
		base_url = given;
	from = make_from(base_url, path);
	verdict = mp_http_redirect_resolve(base_url, from, location, &target,
									   &shown);
	require((verdict == MP_HTTP_REDIRECT_FOLLOW) == (target != NULL));
	require(verdict != MP_HTTP_REDIRECT_NO_MEMORY);
	if (target != NULL)
	{
		check_target(target);
		require_origin(parse(target, NULL), base_url);
		require_origin(parse(from, location), base_url);
	}
	if (shown != NULL)
		check_shown(shown);
	free(target);
	free(shown);
	free(from);
	free(given);
	free(path);
	free(location);
	return 0;
}
