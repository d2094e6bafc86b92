/*-------------------------------------------------------------------------
 *
 * http/paging.c
 *		What the headers of an answer tell of further pages.
 *
 *		Link: <...>; rel="next"			RFC 8288
 *		Content-Range: items 0-2/250	RFC 9110, 14.4; here of any status
 *		X-Total-Count, X-Next-Page ...	of no standard
 *
 * Must not know what a page holds.
 *
 *-------------------------------------------------------------------------
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "http/http_state.h"

static const char *find_header(CURL *easy, const char *name, size_t i);
static bool is_next_link(const char *value);
static bool has_relation_next(const char *parameters, const char *end);
static void read_range(const char *value, MpAnswer *answer);
static int64_t read_number(const char *text);

void
mp_http_paging_read(CURL *easy, MpAnswer *answer)
{
	static const char *const next[] = {
		"X-Next-Page", "X-Next-Cursor", "X-Next", "X-Has-More",
		"X-Continuation-Token",
	};
	static const char *const totals[] = {
		"X-Total-Count", "X-Total", "X-Total-Results",
	};
	const char *value;
	size_t		i;

	for (i = 0; (value = find_header(easy, "Link", i)) != NULL; i++)
		answer->says_more |= is_next_link(value);
	for (i = 0; i < sizeof(next) / sizeof(next[0]); i++)
	{
		value = find_header(easy, next[i], 0);
		if (value == NULL)
			continue;
		value += strspn(value, " \t\r\n");
		answer->says_more |= *value != '\0' &&
			strcasecmp(value, "false") != 0 && strcasecmp(value, "null") != 0;
	}
	for (i = 0; i < sizeof(totals) / sizeof(totals[0]); i++)
	{
		value = find_header(easy, totals[i], 0);
		if (value != NULL && read_number(value) > answer->total)
			answer->total = read_number(value);
	}
	value = find_header(easy, "Content-Range", 0);
	if (value != NULL)
		read_range(value, answer);
}

/* The i-th header of that name, or NULL. */
static const char *
find_header(CURL *easy, const char *name, size_t i)
{
	struct curl_header *header;

	if (curl_easy_header(easy, name, i, CURLH_HEADER, -1, &header)
		!= CURLHE_OK)
		return NULL;
	return header->value;
}

/* Addresses in angle brackets, each with its parameters. */
static bool
is_next_link(const char *value)
{
	while (*value != '\0')
	{
		const char *end;

		if (*value == '<')
			value += strcspn(value, ">");
		end = value + strcspn(value, "<");
		if (has_relation_next(value, end))
			return true;
		value = end;
	}
	return false;
}

/* rel=next, or rel="prev next" */
static bool
has_relation_next(const char *parameters, const char *end)
{
	static const char separators[] = " \t;,=\"'>";
	bool		in_relation = false;

	while (parameters < end)
	{
		size_t		length = strcspn(parameters, separators);

		if (length > (size_t) (end - parameters))
			length = (size_t) (end - parameters);
		if (length == 3 && strncasecmp(parameters, "rel", 3) == 0)
			in_relation = true;
		else if (in_relation && length == 4 &&
				 strncasecmp(parameters, "next", 4) == 0)
			return true;
		parameters += length;
		if (parameters < end)
		{
			if (*parameters == ';' || *parameters == ',')
				in_relation = false;
			parameters++;
		}
	}
	return false;
}

/* "items 0-2/250": a unit, the first and the last, and the total or "*". */
static void
read_range(const char *value, MpAnswer *answer)
{
	const char *slash = strchr(value, '/');
	const char *first = value + strcspn(value, "0123456789*/");

	if (strncasecmp(value, "bytes", 5) == 0 || slash == NULL)
		return;
	if (read_number(slash + 1) > answer->total)
		answer->total = read_number(slash + 1);
	/* What does not begin at the beginning is not all. */
	if (isdigit((unsigned char) *first) && *first != '0')
		answer->says_more = true;
}

/* -1 if it is none. */
static int64_t
read_number(const char *text)
{
	int64_t		number = 0;

	text += strspn(text, " \t");
	if (!isdigit((unsigned char) *text))
		return -1;
	for (; isdigit((unsigned char) *text); text++)
	{
		if (number < INT64_MAX / 100)
			number = number * 10 + (*text - '0');
	}
	return number;
}
