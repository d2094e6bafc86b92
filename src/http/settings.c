/*-------------------------------------------------------------------------
 *
 * http/settings.c
 *		The settings that requests share.
 *
 * A request keeps what it was begun with, whatever happens to the options
 * meanwhile; a thousand requests of one statement keep it once.  Owns the
 * credentials, the Authorization header among them: they are wiped with the
 * last request that needs them.  Must not know what a setting is for.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http_state.h"

static bool are_same(const MpHttpSettings *copy, const MpSettings *settings);
static bool is_same_rate(const MpRate *one, const MpRate *other);
static bool is_same_text(const char *one, const char *other);
static bool is_same_login(const char *login, const MpSettings *settings);
static MpHttpSettings *make_copy(const MpSettings *settings);
static bool copy_optional(char **copy, const char *text);
static bool has_credentials(const MpSettings *settings);
static bool make_login(MpHttpSettings *copy, const MpSettings *settings);
static char *make_authorization(const char *login);
static void encode_base64(char *out, const unsigned char *in, size_t length);
static void free_copy(MpHttpSettings *copy);

MpHttpSettings *
mp_http_settings_take(MpHttp *http, MpHttpServer *server,
					  const MpSettings *settings)
{
	MpHttpPlace *place = mp_http_place_take(http, settings);
	MpHttpSettings *copy = server->settings;

	if (place == NULL)
		return NULL;
	if (copy == NULL || copy->place != place || !are_same(copy, settings))
	{
		copy = make_copy(settings);
		if (copy == NULL)
			return NULL;
		copy->server = server;
		copy->place = place;
		server->settings = copy;
	}
	assert(copy->server == server && copy->references >= 0);
	copy->references++;
	return copy;
}

void
mp_http_settings_release(MpHttpSettings *settings)
{
	if (settings == NULL)
		return;
	assert(settings->references > 0);
	if (--settings->references > 0)
		return;
	if (settings->server->settings == settings)
		settings->server->settings = NULL;
	free_copy(settings);
}

static bool
are_same(const MpHttpSettings *copy, const MpSettings *settings)
{
	return copy->connect_timeout == settings->connect_timeout &&
		copy->request_timeout == settings->request_timeout &&
		copy->max_retries == settings->max_retries &&
		copy->max_retry_wait == settings->max_retry_wait &&
		is_same_rate(&copy->limits.rate, &settings->rate_limit) &&
		copy->limits.concurrency == settings->shared_concurrency &&
		is_same_text(copy->base_url, settings->base_url) &&
		is_same_text(copy->ca_file, settings->ca_file) &&
		is_same_text(copy->proxy, settings->proxy) &&
		is_same_login(copy->login, settings);
}

static bool
is_same_rate(const MpRate *one, const MpRate *other)
{
	return one->number == other->number && one->period == other->period;
}

static bool
is_same_text(const char *one, const char *other)
{
	if (one == NULL || other == NULL)
		return one == other;
	return strcmp(one, other) == 0;
}

static bool
is_same_login(const char *login, const MpSettings *settings)
{
	size_t		length;

	if (login == NULL || !has_credentials(settings))
		return login == NULL && !has_credentials(settings);
	length = strlen(settings->username);
	return strncmp(login, settings->username, length) == 0 &&
		login[length] == ':' &&
		strcmp(login + length + 1, settings->secret) == 0;
}

/* NULL when out of memory. */
static MpHttpSettings *
make_copy(const MpSettings *settings)
{
	MpHttpSettings *copy = calloc(1, sizeof(MpHttpSettings));

	if (copy == NULL)
		return NULL;
	copy->connect_timeout = settings->connect_timeout;
	copy->request_timeout = settings->request_timeout;
	copy->max_retries = settings->max_retries;
	copy->max_retry_wait = settings->max_retry_wait;
	copy->limits.rate = settings->rate_limit;
	copy->limits.concurrency = settings->shared_concurrency;
	copy->base_url = mp_http_copy(settings->base_url);
	if (copy->base_url != NULL &&
		copy_optional(&copy->ca_file, settings->ca_file) &&
		copy_optional(&copy->proxy, settings->proxy) &&
		(!has_credentials(settings) || make_login(copy, settings)))
		return copy;
	free_copy(copy);
	return NULL;
}

static bool
copy_optional(char **copy, const char *text)
{
	*copy = mp_http_copy(text);
	return text == NULL || *copy != NULL;
}

static bool
has_credentials(const MpSettings *settings)
{
	return settings->username != NULL && settings->secret != NULL;
}

/* Kept beside the header to be looked for in what the other side says. */
static bool
make_login(MpHttpSettings *copy, const MpSettings *settings)
{
	size_t		size = strlen(settings->username) +
		strlen(settings->secret) + 2;

	copy->login = malloc(size);
	if (copy->login == NULL)
		return false;
	snprintf(copy->login, size, "%s:%s", settings->username,
			 settings->secret);
	copy->authorization = make_authorization(copy->login);
	return copy->authorization != NULL;
}

/*
 * The header of HTTP's Basic authentication (RFC 7617).  Made here rather than
 * by libcurl, whose copies of the password would not be wiped.
 */
static char *
make_authorization(const char *login)
{
	static const char scheme[] = "Authorization: Basic ";
	size_t		length = strlen(login);
	char	   *header = malloc(sizeof(scheme) + (length + 2) / 3 * 4);

	if (header == NULL)
		return NULL;
	memcpy(header, scheme, sizeof(scheme) - 1);
	encode_base64(header + sizeof(scheme) - 1, (const unsigned char *) login,
				  length);
	return header;
}

/* RFC 4648, 4, with padding and a final NUL. */
static void
encode_base64(char *out, const unsigned char *in, size_t length)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t		i;

	for (i = 0; i < length; i += 3)
	{
		size_t		rest = length - i;
		uint32_t	bits = (uint32_t) in[i] << 16;

		if (rest > 1)
			bits |= (uint32_t) in[i + 1] << 8;
		if (rest > 2)
			bits |= in[i + 2];
		*out++ = digits[bits >> 18];
		*out++ = digits[bits >> 12 & 63];
		*out++ = rest > 1 ? digits[bits >> 6 & 63] : '=';
		*out++ = rest > 2 ? digits[bits & 63] : '=';
	}
	*out = '\0';
}

static void
free_copy(MpHttpSettings *copy)
{
	mp_wipe_string(copy->login);
	mp_wipe_string(copy->authorization);
	mp_wipe_string(copy->proxy);
	mp_http_authority_release(copy->bundle);
	free(copy->base_url);
	free(copy->ca_file);
	free(copy);
}
