/*-------------------------------------------------------------------------
 *
 * http/redirect.c
 *		Where a redirect leads, and whether it may be followed.
 *
 * The request carries credentials, so it goes to base_url's own scheme, host
 * and port or nowhere.  Addresses are taken apart by libcurl's URL API, as a
 * parser of our own might see another host than the one libcurl connects to.
 * Must not touch the wire.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/http_state.h"

static size_t path_of(const char *url, const char **path);
static CURLU *parse(const char *from, const char *location);
static bool same_part(CURLU *one, CURLU *other, CURLUPart part,
					  unsigned int flags);
static bool has_user(CURLU *url);
static char *without_query(CURLU *url);
static char *at_origin(const char *base_url, CURLU *url);

/*
 * 303 would turn the request into a GET, which is another request; 300, 304
 * and 305 name no place to go to.
 */
bool
mp_http_redirect_applies(int status)
{
	return status == 301 || status == 302 || status == 307 || status == 308;
}

MpHttpRedirect
mp_http_redirect_resolve(const char *base_url, const char *from,
						 const char *location, char **target, char **shown)
{
	CURLU	   *base = parse(base_url, NULL);
	CURLU	   *url = parse(from, location);
	MpHttpRedirect verdict = MP_HTTP_REDIRECT_NOWHERE;

	*target = NULL;
	*shown = NULL;
	if (base != NULL && url != NULL)
	{
		verdict = MP_HTTP_REDIRECT_REFUSE;
		*shown = without_query(url);
		if (!has_user(url) &&
			same_part(base, url, CURLUPART_SCHEME, 0) &&
			same_part(base, url, CURLUPART_HOST, 0) &&
			same_part(base, url, CURLUPART_PORT, CURLU_DEFAULT_PORT))
		{
			*target = at_origin(base_url, url);
			verdict = *target != NULL ? MP_HTTP_REDIRECT_FOLLOW :
				MP_HTTP_REDIRECT_NO_MEMORY;
		}
	}
	curl_url_cleanup(base);
	curl_url_cleanup(url);
	assert((verdict == MP_HTTP_REDIRECT_FOLLOW) == (*target != NULL));
	return verdict;
}

size_t
mp_http_redirect_origin(const char *url)
{
	const char *host = strstr(url, "://");

	if (host == NULL)
		return 0;
	host += 3;
	return (size_t) (host - url) + strcspn(host, "/?#");
}

bool
mp_http_redirect_leads_away(const char *from, const char *target)
{
	const char *before;
	const char *after;
	size_t		length = path_of(from, &before);

	return path_of(target, &after) != length ||
		memcmp(before, after, length) != 0;
}

/* Its length, without slashes at the end. */
static size_t
path_of(const char *url, const char **path)
{
	size_t		length;

	*path = url + mp_http_redirect_origin(url);
	length = strcspn(*path, "?#");
	while (length > 0 && (*path)[length - 1] == '/')
		length--;
	return length;
}

/* `location` as seen from `from`; NULL if either is no address. */
static CURLU *
parse(const char *from, const char *location)
{
	CURLU	   *url = curl_url();

	if (url != NULL &&
		curl_url_set(url, CURLUPART_URL, from, 0) == CURLUE_OK &&
		(location == NULL ||
		 curl_url_set(url, CURLUPART_URL, location,
					  CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE)
		 == CURLUE_OK))
		return url;
	curl_url_cleanup(url);
	return NULL;
}

static bool
same_part(CURLU *one, CURLU *other, CURLUPart part, unsigned int flags)
{
	char	   *left = NULL;
	char	   *right = NULL;
	bool		same;

	curl_url_get(one, part, &left, flags);
	curl_url_get(other, part, &right, flags);
	same = left != NULL && right != NULL && strcasecmp(left, right) == 0;
	curl_free(left);
	curl_free(right);
	return same;
}

static bool
has_user(CURLU *url)
{
	char	   *user = NULL;
	char	   *password = NULL;
	bool		found;

	curl_url_get(url, CURLUPART_USER, &user, 0);
	curl_url_get(url, CURLUPART_PASSWORD, &password, 0);
	found = user != NULL || password != NULL;
	curl_free(user);
	curl_free(password);
	return found;
}

/* For a message: what may be secret is left out. */
static char *
without_query(CURLU *url)
{
	CURLU	   *copy = curl_url_dup(url);
	char	   *text = NULL;
	char	   *shown = NULL;

	if (copy == NULL)
		return NULL;
	curl_url_set(copy, CURLUPART_USER, NULL, 0);
	curl_url_set(copy, CURLUPART_PASSWORD, NULL, 0);
	curl_url_set(copy, CURLUPART_QUERY, NULL, 0);
	curl_url_set(copy, CURLUPART_FRAGMENT, NULL, 0);
	if (curl_url_get(copy, CURLUPART_URL, &text, 0) == CURLUE_OK)
		shown = mp_http_copy(text);
	curl_free(text);
	curl_url_cleanup(copy);
	return shown;
}

/* The path and query of url, at base_url's scheme, host and port. */
static char *
at_origin(const char *base_url, CURLU *url)
{
	int			origin = (int) mp_http_redirect_origin(base_url);
	char	   *path = NULL;
	char	   *query = NULL;
	char	   *target = NULL;
	size_t		size;

	if (curl_url_get(url, CURLUPART_QUERY, &query, 0)
		!= CURLUE_OUT_OF_MEMORY &&
		curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK)
	{
		size = (size_t) origin + strlen(path) + 2;
		if (query != NULL)
			size += strlen(query);
		target = malloc(size);
		if (target != NULL)
			snprintf(target, size, "%.*s%s%s%s", origin, base_url, path,
					 query != NULL ? "?" : "", query != NULL ? query : "");
	}
	curl_free(path);
	curl_free(query);
	return target;
}
