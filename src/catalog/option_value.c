/*-------------------------------------------------------------------------
 *
 * catalog/option_value.c
 *		The text of an option -> its value.
 *
 * Pure functions, apart from option.c so that they can be tested and fuzzed
 * without the server.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "catalog/option_value.h"

#define HOST_SIZE 256

/* The parts of a URL that the checks look at. */
typedef struct UrlParts
{
	char		scheme[10];
	char		host[HOST_SIZE];	/* without brackets */
	const char *path;			/* "" or from the slash on */
} UrlParts;

/* What may stand behind the number of a rate; its milliseconds. */
typedef struct RateUnit
{
	const char *unit;
	int			period;
} RateUnit;

static bool split_url(const char *url, UrlParts *parts);
static const char *split_authority(const char *authority, UrlParts *parts);
static bool is_port(const char *text, size_t length);
static bool is_plain(const char *text);
static bool is_host(const char *host);
static bool is_loopback(const char *host);
static const char *skip_space(const char *text);

bool
mp_value_parse_id(const char *text, int64_t *id)
{
	int64_t		value = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
	{
		int			digit = *text - '0';

		if (digit < 0 || digit > 9 || value > (INT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*id = value;
	return value > 0;
}

int
mp_value_parse_ids(const char *text, int64_t *ids, int max)
{
	int			count = 0;

	for (;;)
	{
		char		word[24];
		int64_t		id;
		size_t		length;

		text = skip_space(text);
		length = strspn(text, "0123456789");
		if (length >= sizeof(word) || count == INT_MAX)
			return -1;
		memcpy(word, text, length);
		word[length] = '\0';
		if (!mp_value_parse_id(word, &id))
			return -1;
		if (count < max)
			ids[count] = id;
		count++;
		text = skip_space(text + length);
		if (*text == '\0')
			return count;
		if (*text++ != ',')
			return -1;
	}
}

bool
mp_value_parse_duration(const char *text, int *milliseconds)
{
	static const struct
	{
		const char *unit;
		int64_t		factor;
	}			units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"min", 60000}};
	size_t		digits = strspn(text, "0123456789");
	int64_t		value = 0;
	size_t		i;

	if (digits == 0 || digits > 10)
		return false;
	for (i = 0; i < digits; i++)
		value = value * 10 + (text[i] - '0');
	text = skip_space(text + digits);
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		if (strcmp(text, units[i].unit) != 0)
			continue;
		if (value < 1 || value > INT_MAX / units[i].factor)
			return false;
		*milliseconds = (int) (value * units[i].factor);
		return true;
	}
	return false;
}

bool
mp_value_parse_rate(const char *text, MpRate *rate)
{
	static const RateUnit units[] = {
		{"/s", 1000}, {"/min", 60000}, {"/h", 3600000},
	};
	size_t		digits = strspn(text, "0123456789");
	char		number[sizeof("1000000")];
	size_t		i;

	if (digits >= sizeof(number))
		return false;
	memcpy(number, text, digits);
	number[digits] = '\0';
	if (!mp_value_parse_int(number, 1, 1000000, &rate->number))
		return false;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		if (strcmp(text + digits, units[i].unit) != 0)
			continue;
		rate->period = units[i].period;
		return true;
	}
	return false;
}

bool
mp_value_parse_int(const char *text, int min, int max, int *value)
{
	int64_t		number = 0;
	bool		zero = strcmp(text, "0") == 0;

	if ((!zero && !mp_value_parse_id(text, &number)) ||
		number < min || number > max)
		return false;
	*value = (int) number;
	return true;
}

MpUrlFault
mp_value_check_base_url(const char *url)
{
	UrlParts	parts;

	if (!split_url(url, &parts))
		return MP_URL_BAD;
	if (strcasecmp(parts.scheme, "https") == 0)
		return MP_URL_FINE;
	if (strcasecmp(parts.scheme, "http") != 0)
		return MP_URL_BAD;
	return is_loopback(parts.host) ? MP_URL_FINE : MP_URL_INSECURE;
}

bool
mp_value_check_proxy(const char *url)
{
	static const char *const schemes[] = {
		"http", "https", "socks4", "socks4a", "socks5", "socks5h",
	};
	UrlParts	parts;
	size_t		i;

	if (!split_url(url, &parts) ||
		(parts.path[0] != '\0' && strcmp(parts.path, "/") != 0))
		return false;
	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strcasecmp(parts.scheme, schemes[i]) == 0)
			return true;
	return false;
}

/*
 * scheme://host[:port][/path], nothing else.  libcurl's URL parser would be
 * worth less than it costs here.  It also takes user names, queries, fragments
 * and escaped hosts, and makes 127.0.0.1 of 0177.0.0.1; to refuse these takes
 * a look at the text as given, which is all that there is to this.  And this
 * file would need libcurl, to which only the wire speaks.
 */
static bool
split_url(const char *url, UrlParts *parts)
{
	const char *end = strstr(url, "://");
	size_t		length;

	if (end == NULL || !is_plain(url))
		return false;
	length = (size_t) (end - url);
	if (length == 0 || length >= sizeof(parts->scheme))
		return false;
	memcpy(parts->scheme, url, length);
	parts->scheme[length] = '\0';
	parts->path = split_authority(end + 3, parts);
	return parts->path != NULL && is_host(parts->host);
}

/* Returns where the path begins, or NULL if host or port are wrong. */
static const char *
split_authority(const char *authority, UrlParts *parts)
{
	size_t		whole = strcspn(authority, "/");
	const char *host = authority;
	size_t		host_length;
	size_t		used;

	if (*authority == '[')
	{
		const char *close = memchr(authority, ']', whole);

		if (close == NULL)
			return NULL;
		host++;
		host_length = (size_t) (close - host);
		used = host_length + 2;
	}
	else
	{
		const char *colon = memchr(authority, ':', whole);

		host_length = colon != NULL ? (size_t) (colon - authority) : whole;
		used = host_length;
	}
	if (host_length == 0 || host_length >= sizeof(parts->host))
		return NULL;
	memcpy(parts->host, host, host_length);
	parts->host[host_length] = '\0';
	if (*authority == '[' && strchr(parts->host, ':') == NULL)
		return NULL;
	if (used < whole &&
		(authority[used] != ':' ||
		 !is_port(authority + used + 1, whole - used - 1)))
		return NULL;
	return authority + whole;
}

static bool
is_port(const char *text, size_t length)
{
	int			port = 0;
	size_t		i;

	if (length == 0 || length > 5)
		return false;
	for (i = 0; i < length; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return false;
		port = port * 10 + (text[i] - '0');
	}
	return port >= 1 && port <= 65535;
}

/* Printable ASCII without what would begin user info, query or fragment. */
static bool
is_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text >= 0x7f || strchr("@?#\\\"<>^`{|}", *text))
			return false;
	return true;
}

/* A name, an IPv4 address, or (with a colon) an IPv6 address. */
static bool
is_host(const char *host)
{
	struct in6_addr v6;

	if (strchr(host, ':') != NULL)
		return inet_pton(AF_INET6, host, &v6) == 1;
	return host[strspn(host, "abcdefghijklmnopqrstuvwxyz"
					   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")] == '\0';
}

/* A name is never resolved here: "127.0.0.1.example.org" is not loopback. */
static bool
is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return (ntohl(v4.s_addr) >> 24) == 127;
	if (inet_pton(AF_INET6, host, &v6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&v6);
	return false;
}

static const char *
skip_space(const char *text)
{
	return text + strspn(text, " \t\r\n");
}
