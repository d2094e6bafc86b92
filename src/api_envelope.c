/*-------------------------------------------------------------------------
 *
 * api_envelope.c
 *		What stands around the results of an answer.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "api_envelope.h"

static bool is_something(const json_t *value);
static void blank_controls(char *text);

bool
mp_envelope_is_error(const json_t *envelope)
{
	const json_t *status = json_object_get(envelope, "status");

	return (json_is_string(status) &&
			strcmp(json_string_value(status), "error") == 0) ||
		is_something(json_object_get(envelope, "error"));
}

/* The names that paged APIs give to the way to the rest. */
bool
mp_envelope_has_more(const json_t *envelope)
{
	static const char *const names[] = {
		"next", "next_page", "nextPage", "next_url", "nextUrl", "next_cursor",
		"nextCursor", "next_page_token", "nextPageToken", "cursor", "page",
		"paging", "pagination", "has_more", "hasMore", "has_next", "hasNext",
	};
	static const char *const links[] = {"links", "_links"};
	size_t		i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_something(json_object_get(envelope, names[i])))
			return true;
	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (is_something(json_object_get(json_object_get(envelope, links[i]),
										 "next")))
			return true;
	return false;
}

void
mp_envelope_message(const json_t *envelope, char *message, size_t size)
{
	static const char *const names[] = {"error", "message", "detail"};
	const char *text = NULL;
	size_t		length;
	size_t		i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]) && text == NULL; i++)
	{
		const json_t *value = json_object_get(envelope, names[i]);

		if (json_is_object(value))
			value = json_object_get(value, "message");
		text = json_string_value(value);
	}
	if (text == NULL)
		return;
	length = strlen(text);
	if (length >= size)
		length = size - 1;
	/* do not cut a character in two */
	while (length > 0 && text[length] != '\0' &&
		   ((unsigned char) text[length] & 0xC0) == 0x80)
		length--;
	memcpy(message, text, length);
	message[length] = '\0';
	blank_controls(message);
}

/* Neither absent nor null, false, "" nor zero. */
static bool
is_something(const json_t *value)
{
	if (json_is_string(value))
		return json_string_length(value) > 0;
	if (json_is_number(value))
		return json_number_value(value) != 0;
	return value != NULL && !json_is_null(value) && !json_is_false(value);
}

/*
 * C0, DEL and C1, the last being two bytes of UTF-8: a terminal that a message
 * is shown on would obey them.
 */
static void
blank_controls(char *text)
{
	for (; *text != '\0'; text++)
	{
		unsigned char byte = (unsigned char) *text;
		unsigned char next = (unsigned char) text[1];
		bool		c1 = byte == 0xc2 && next >= 0x80 && next < 0xa0;

		if (c1)
			*text++ = ' ';
		if (c1 || byte < 0x20 || byte == 0x7f)
			*text = ' ';
	}
}
