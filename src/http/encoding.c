/*-------------------------------------------------------------------------
 *
 * http/encoding.c
 *		Which encodings of a body are asked for, and which are allowed.
 *
 * gzip turns a byte into a thousand at most.  Other encodings, and gzip on
 * gzip, know no such bound, and what one read from the network becomes is in
 * memory at once.  libcurl undoes each encoding that it knows, asked for or
 * not, and one after another; so the headers are looked at before the body.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>
#include <strings.h>

#include "http/http_state.h"

#define SEPARATORS	", \t\r\n"

static const char *after_name(const char *line, const char *end,
							  const char *name);
static int	weight(const char *start, const char *end);
static bool is_word(const char *start, const char *end, const char *word);

bool
mp_http_encoding_ask(CURL *easy)
{
	if (!(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_LIBZ))
		return true;
	return curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip")
		== CURLE_OK;
}

int
mp_http_encoding_count(int count, const char *line, size_t length)
{
	const char *end = line + length;
	const char *value = after_name(line, end, "Content-Encoding:");
	const char *start;

	if (after_name(line, end, "HTTP/") != NULL)
		return 0;
	if (value == NULL)
		value = after_name(line, end, "Transfer-Encoding:");
	while (value != NULL && value < end)
	{
		start = value;
		while (value < end && strchr(SEPARATORS, *value) == NULL)
			value++;
		count += weight(start, value);
		if (value == start)
			value++;
	}
	return count;
}

/* What follows the name, or NULL if that is another. */
static const char *
after_name(const char *line, const char *end, const char *name)
{
	size_t		length = strlen(name);

	if ((size_t) (end - line) < length ||
		strncasecmp(line, name, length) != 0)
		return NULL;
	return line + length;
}

/* One gzip is allowed; anything else counts as too many. */
static int
weight(const char *start, const char *end)
{
	if (start == end || is_word(start, end, "identity") ||
		is_word(start, end, "chunked"))
		return 0;
	if (is_word(start, end, "gzip") || is_word(start, end, "x-gzip"))
		return 1;
	return 2;
}

static bool
is_word(const char *start, const char *end, const char *word)
{
	return (size_t) (end - start) == strlen(word) &&
		strncasecmp(start, word, strlen(word)) == 0;
}
