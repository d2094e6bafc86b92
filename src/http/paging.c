/*-------------------------------------------------------------------------
 *
 * http/paging.c
 *		What the headers of an answer tell of further pages.
 *
 *		Link: <...>; rel="next"			RFC 8288
 *		Content-Range: items 0-2/250	RFC 9110, 14.4; here of any status
 *		X-Total-Count, X-Next-Page ...	of no standard: see base/paging.h
 *		X-Pagination: {"TotalCount": 250, ...}	the same as in a body
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
static const char *read_parameter(const char *text, bool *is_page);
static const char *find_quote(const char *text, char quote);
static bool has_page_relation(const char *words, const char *end);
static void read_pages(const char *value, MpPages *pages);
static void read_pairs(const char *text, MpPages *pages);
static void read_pair(const char *name, const char *sign, const char *end,
					  MpPages *pages);
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
		answer->pages.says_more |= is_page_link(value);
	else if (strcasecmp(name, "Content-Range") == 0)
		read_range(value, answer);
	else
	{
		mp_paging_fold(name, strlen(name), folded);
		if (mp_paging_header_has_object(folded, *(value + strspn(value, " \t"))))
			read_pages(value, &answer->pages);
		else
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
		case MP_PAGING_MISSING:
		case MP_PAGING_CURSOR:
		case MP_PAGING_BEFORE:
			answer->pages.says_more |= !is_denial(value);
			break;
		case MP_PAGING_END:
			answer->pages.says_more |= strncasecmp(value, "false", 5) == 0;
			break;
		case MP_PAGING_TOTAL:
		case MP_PAGING_COUNT:
			if (number > answer->pages.total)
				answer->pages.total = number;
			break;
		case MP_PAGING_PAGES:
		case MP_PAGING_PAGE:
			answer->pages.says_more |= number > 1;
			break;
		case MP_PAGING_OFFSET:
		case MP_PAGING_REST:
			answer->pages.says_more |= number > 0;
			break;
		case MP_PAGING_NOTHING:
		case MP_PAGING_BEGIN:
		case MP_PAGING_SIZE:
		case MP_PAGING_LIMIT:
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
	bool		is_page = false;

	while (*value != '\0' && !is_page)
	{
		if (*value == '<')
			value += strcspn(value, ">");
		if (*value == ';')
			value = read_parameter(value + 1, &is_page);
		else if (*value != '\0')
			value++;
	}
	return is_page;
}

/* name=value or name="value"; returns what comes behind it. */
static const char *
read_parameter(const char *text, bool *is_page)
{
	const char *name = text + strspn(text, " \t");
	size_t		length = strcspn(name, " \t=;,<");
	const char *value = name + length;
	const char *end;

	value += strspn(value, " \t");
	if (*value != '=')
		return value;
	value++;
	value += strspn(value, " \t");
	if (*value == '"' || *value == '\'')
	{
		end = find_quote(value + 1, *value);
		value++;
	}
	else
		end = value + strcspn(value, ";,<");
	*is_page = length == 3 && strncasecmp(name, "rel", 3) == 0 &&
		has_page_relation(value, end);
	return end;
}

/* The one that closes, which no backslash is in front of; or the end. */
static const char *
find_quote(const char *text, char quote)
{
	for (; *text != '\0' && *text != quote; text++)
		if (*text == '\\' && text[1] != '\0')
			text++;
	return text;
}

/* rel=next, or rel="last prev": of a part */
static bool
has_page_relation(const char *words, const char *end)
{
	static const char *const others[] = {"next", "prev", "previous"};

	while (words < end)
	{
		size_t		length = strcspn(words, " \t\"'");

		if (length > (size_t) (end - words))
			length = (size_t) (end - words);
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			if (length == strlen(others[i]) &&
				strncasecmp(words, others[i], length) == 0)
				return true;
		words += length + 1;
	}
	return false;
}

/*
 * {"TotalCount": 250, …}, or total=250; page=1.  An object that cannot be read
 * may have told of more.
 */
static void
read_pages(const char *value, MpPages *pages)
{
	MpPages		told;

	value += strspn(value, " \t");
	if (*value == '{')
	{
		if (!mp_pages_read(value, strlen(value), &told))
			told.says_more = true;
	}
	else
		read_pairs(value, &told);
	pages->says_more |= told.says_more;
	if (told.total > pages->total)
		pages->total = told.total;
	if (told.page_size > 0)
		pages->page_size = told.page_size;
}

static void
read_pairs(const char *text, MpPages *pages)
{
	static const char separators[] = ";,&";

	mp_pages_begin(pages);
	while (*text != '\0')
	{
		size_t		length = strcspn(text, separators);
		const char *sign = memchr(text, '=', length);

		if (sign != NULL)
			read_pair(text, sign, text + length, pages);
		text += length;
		text += strspn(text, separators);
	}
	mp_pages_finish(pages);
}

/* Without quotes and blanks around the value. */
static void
read_pair(const char *name, const char *sign, const char *end, MpPages *pages)
{
	static const char around[] = " \t\"'";
	MpJsonString word = {name, (size_t) (sign - name), false};
	MpJsonValue value = {MP_JSON_STRING, {sign + 1, 0, false}};

	while (value.text.data < end && strchr(around, *value.text.data) != NULL)
		value.text.data++;
	while (end > value.text.data && strchr(around, end[-1]) != NULL)
		end--;
	value.text.length = (size_t) (end - value.text.data);
	if (!mp_pages_note(pages, &word, &value))
		pages->says_more = true;
}

/* "items 0-2/250": a unit, the first and the last, and the total or "*". */
static void
read_range(const char *value, MpAnswer *answer)
{
	const char *slash = strchr(value, '/');
	const char *first = value + strcspn(value, "0123456789*/");

	if (strncasecmp(value, "bytes", 5) == 0 || slash == NULL)
		return;
	if (read_number(slash + 1) > answer->pages.total)
		answer->pages.total = read_number(slash + 1);
	/* What does not begin at the beginning is not all. */
	if (isdigit((unsigned char) *first) && *first != '0')
		answer->pages.says_more = true;
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
