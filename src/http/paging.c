/*-------------------------------------------------------------------------
 *
 * http/paging.c
 *		What the headers of an answer tell of further pages.
 *
 *		Link: <...>; rel="next"			RFC 8288
 *		Content-Range: items 0-2/250	RFC 9110, 14.4; here of any status
 *		X-Total-Count, X-Next-Page ...	of no standard: see base/paging.h
 *
 * Must not know what a page holds.
 *
 *-------------------------------------------------------------------------
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/paging.h"
#include "http/http_state.h"

static void read_header(const char *name, const char *value,
						MpAnswer *answer);
static void read_named(MpPagingName kind, const char *value,
					   MpAnswer *answer);
static bool is_denial(const char *value);
static bool is_page_link(const char *value);
static bool has_page_relation(const char *parameters, const char *end);
static void read_range(const char *value, MpAnswer *answer);
static int64_t read_number(const char *text);

void
mp_http_paging_read(CURL *easy, MpAnswer *answer)
{
	struct curl_header *header = NULL;

	/* those that came behind the body count as well */
	while ((header = curl_easy_nextheader(easy, CURLH_HEADER | CURLH_TRAILER,
										  -1, header)) != NULL)
		read_header(header->name, header->value, answer);
}

static void
read_header(const char *name, const char *value, MpAnswer *answer)
{
	char		folded[MP_PAGING_NAME];

	if (strcasecmp(name, "Link") == 0)
		answer->says_more |= is_page_link(value);
	else if (strcasecmp(name, "Content-Range") == 0)
		read_range(value, answer);
	else
	{
		mp_paging_fold(name, strlen(name), folded);
		read_named(mp_paging_header(folded), value, answer);
	}
}

/* A page or an offset by itself says nothing of what comes behind. */
static void
read_named(MpPagingName kind, const char *value, MpAnswer *answer)
{
	int64_t		number = read_number(value);

	switch (kind)
	{
		case MP_PAGING_MORE:
		case MP_PAGING_CURSOR:
		case MP_PAGING_BEFORE:
			answer->says_more |= !is_denial(value);
			break;
		case MP_PAGING_END:
			answer->says_more |= strncasecmp(value, "false", 5) == 0;
			break;
		case MP_PAGING_TOTAL:
		case MP_PAGING_COUNT:
			if (number > answer->total)
				answer->total = number;
			break;
		case MP_PAGING_PAGES:
		case MP_PAGING_PAGE:
			answer->says_more |= number > 1;
			break;
		case MP_PAGING_OFFSET:
			answer->says_more |= number > 0;
			break;
		case MP_PAGING_NOTHING:
		case MP_PAGING_BEGIN:
		case MP_PAGING_SIZE:
		case MP_PAGING_LIMIT:
		case MP_PAGING_REST:
			break;
	}
}

/* Empty, or a word or number that says no. */
static bool
is_denial(const char *value)
{
	static const char *const denials[] = {
		"", "false", "null", "none", "no", "0", "\"\"", "{}", "[]",
	};
	size_t		length;

	value += strspn(value, " \t\r\n");
	length = strcspn(value, " \t\r\n");
	for (size_t i = 0; i < sizeof(denials) / sizeof(denials[0]); i++)
		if (strlen(denials[i]) == length &&
			strncasecmp(value, denials[i], length) == 0)
			return true;
	return false;
}

/* Addresses in angle brackets, each with its parameters. */
static bool
is_page_link(const char *value)
{
	while (*value != '\0')
	{
		const char *end;

		if (*value == '<')
			value += strcspn(value, ">");
		end = value + strcspn(value, "<");
		if (has_page_relation(value, end))
			return true;
		value = end;
	}
	return false;
}

/* rel=next, or rel="last prev": of a part */
static bool
has_page_relation(const char *parameters, const char *end)
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
		else if (in_relation &&
				 ((length == 4 && strncasecmp(parameters, "next", 4) == 0) ||
				  (length == 4 && strncasecmp(parameters, "prev", 4) == 0) ||
				  (length == 8 && strncasecmp(parameters, "previous", 8) == 0)))
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

/* -1 if it is none; "1,250" is one. */
static int64_t
read_number(const char *text)
{
	int64_t		number = 0;

	text += strspn(text, " \t");
	if (!isdigit((unsigned char) *text))
		return -1;
	for (; isdigit((unsigned char) *text) || *text == ','; text++)
	{
		if (*text != ',' && number < INT64_MAX / 100)
			number = number * 10 + (*text - '0');
	}
	return number;
}
