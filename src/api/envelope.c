/*-------------------------------------------------------------------------
 *
 * api/envelope.c
 *		What an answer says of itself, beside its results.
 *
 * Owns the names that say "error", carry a message or point to further pages.
 * Must not know which call was answered.
 *
 *-------------------------------------------------------------------------
 */
#include "api/envelope.h"

#include "base/buffer.h"

#include <stdio.h>

#define LENGTH_OF(array)	(sizeof(array) / sizeof((array)[0]))

/* Where an error's words are; an earlier name goes first. */
static const char *const message_names[] = {"error", "message", "detail"};

/* The names that paged APIs give to the way to the rest. */
static const char *const page_names[] = {
	"next", "next_page", "nextPage", "next_url", "nextUrl", "next_cursor",
	"nextCursor", "next_page_token", "nextPageToken", "cursor", "page",
	"paging", "pagination", "has_more", "hasMore", "has_next", "hasNext",
};
static const char *const link_names[] = {"links", "_links"};

static bool read_all(MpJsonCursor *cursor, MpEnvelope *envelope);
static bool note_member(MpEnvelope *envelope, const MpJsonString *name,
						const MpJsonValue *value);
static bool note_message(MpEnvelope *envelope, const MpJsonString *name,
						 const MpJsonValue *value);
static bool note_projects(MpEnvelope *envelope, const MpJsonString *name,
						  const MpJsonValue *value);
static bool find_member(const MpJsonValue *object, const char *wanted,
						MpJsonValue *found);
static bool is_named(const MpJsonString *name, const char *text);
static bool is_something(const MpJsonValue *value);
static void keep_message(MpEnvelope *envelope, const MpJsonString *string);
static void blank_controls(char *text);
static MpJsonMember *make_members(size_t length);

bool
mp_envelope_read(const char *text, size_t length, MpEnvelope *envelope)
{
	MpJsonCursor cursor;
	MpJsonMember *members = make_members(length);
	bool		fine;

	memset(envelope, 0, sizeof(*envelope));
	envelope->message_rank = LENGTH_OF(message_names);
	envelope->projects.kind = MP_JSON_NULL;
	envelope->no_memory = members == NULL;
	if (members == NULL)
		return false;
	mp_json_cursor_open(&cursor, text, length, MP_JSON_DEPTH_LIMIT, members);
	fine = read_all(&cursor, envelope);
	envelope->no_memory = !fine;
	if (fine && !mp_json_cursor_finish(&cursor))
	{
		snprintf(envelope->reason, sizeof(envelope->reason),
				 "it is not valid JSON: %s at byte %zu", cursor.error,
				 mp_json_cursor_position(&cursor));
		fine = false;
	}
	free(members);
	return fine;
}

/* False when out of memory; an error of the text is the cursor's. */
static bool
read_all(MpJsonCursor *cursor, MpEnvelope *envelope)
{
	MpJsonString name;
	MpJsonValue value;

	envelope->is_object = mp_json_cursor_enter(cursor);
	if (!envelope->is_object)
		(void) mp_json_cursor_value(cursor, &value);
	else
		while (mp_json_cursor_member(cursor, &name) &&
			   mp_json_cursor_value(cursor, &value))
			if (!note_member(envelope, &name, &value))
				return false;
	return true;
}

static bool
note_member(MpEnvelope *envelope, const MpJsonString *name,
			const MpJsonValue *value)
{
	MpJsonValue next;

	if (is_named(name, "status") && value->kind == MP_JSON_STRING &&
		is_named(&value->text, "error"))
		envelope->says_error = true;
	if (is_named(name, "error") && is_something(value))
		envelope->says_error = true;
	for (size_t i = 0; i < LENGTH_OF(page_names); i++)
		if (is_named(name, page_names[i]) && is_something(value))
			envelope->says_more = true;
	for (size_t i = 0; i < LENGTH_OF(link_names); i++)
	{
		if (!is_named(name, link_names[i]))
			continue;
		if (!find_member(value, "next", &next))
			return false;
		if (is_something(&next))
			envelope->says_more = true;
	}
	return note_message(envelope, name, value) &&
		note_projects(envelope, name, value);
}

static bool
note_message(MpEnvelope *envelope, const MpJsonString *name,
			 const MpJsonValue *value)
{
	MpJsonValue words = *value;

	for (int i = 0; i < (int) LENGTH_OF(message_names); i++)
	{
		if (i >= envelope->message_rank || !is_named(name, message_names[i]))
			continue;
		if (value->kind == MP_JSON_OBJECT &&
			!find_member(value, "message", &words))
			return false;
		if (words.kind == MP_JSON_STRING)
		{
			keep_message(envelope, &words.text);
			envelope->message_rank = i;
		}
	}
	return true;
}

static bool
note_projects(MpEnvelope *envelope, const MpJsonString *name,
			  const MpJsonValue *value)
{
	if (is_named(name, "results"))
	{
		envelope->has_results = true;
		return find_member(value, "projects", &envelope->projects);
	}
	if (is_named(name, "projects") && !envelope->has_results)
		envelope->projects = *value;
	return true;
}

/*
 * A member of a value that was checked; null if the value is no object or has
 * none of that name.  False when out of memory.
 */
static bool
find_member(const MpJsonValue *object, const char *wanted, MpJsonValue *found)
{
	MpJsonCursor cursor;
	MpJsonString name;
	MpJsonValue value;
	MpJsonMember *members;

	found->kind = MP_JSON_NULL;
	if (object->kind != MP_JSON_OBJECT)
		return true;
	members = make_members(object->text.length);
	if (members == NULL)
		return false;
	mp_json_cursor_open(&cursor, object->text.data, object->text.length,
						MP_JSON_DEPTH_LIMIT, members);
	if (mp_json_cursor_enter(&cursor))
		while (mp_json_cursor_member(&cursor, &name) &&
			   mp_json_cursor_value(&cursor, &value))
			if (is_named(&name, wanted))
				*found = value;
	free(members);
	return true;
}

static bool
is_named(const MpJsonString *name, const char *text)
{
	return mp_json_string_equals(name, text, strlen(text));
}

/* Neither absent nor null, false, "" nor zero. */
static bool
is_something(const MpJsonValue *value)
{
	switch (value->kind)
	{
		case MP_JSON_NULL:
		case MP_JSON_FALSE:
			return false;
		case MP_JSON_STRING:
			return value->text.length > 0;
		case MP_JSON_NUMBER:
			for (size_t i = 0; i < value->text.length; i++)
			{
				char		byte = value->text.data[i];

				if (byte == 'e' || byte == 'E')
					return false;
				if (byte >= '1' && byte <= '9')
					return true;
			}
			return false;
		case MP_JSON_TRUE:
		case MP_JSON_ARRAY:
		case MP_JSON_OBJECT:
			break;
	}
	return true;
}

/* As much as there is room for, if there is memory to unescape it. */
static void
keep_message(MpEnvelope *envelope, const MpJsonString *string)
{
	MpBuffer	text = {0};
	size_t		length;

	if (!mp_buffer_reserve(&text, string->length + 1) || text.data == NULL)
		return;
	text.length = mp_json_string_unescape(string, text.data);
	length = text.length;
	if (length >= sizeof(envelope->message))
		length = sizeof(envelope->message) - 1;
	/* do not cut a character in two */
	while (length > 0 && length < text.length &&
		   ((unsigned char) text.data[length] & 0xC0) == 0x80)
		length--;
	if (length > 0)
		memcpy(envelope->message, text.data, length);
	envelope->message[length] = '\0';
	blank_controls(envelope->message);
	mp_buffer_free(&text);
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

/* Zeroed, for what others left in the memory is not ours to give back. */
static MpJsonMember *
make_members(size_t length)
{
	return calloc(MP_JSON_MEMBERS(length), sizeof(MpJsonMember));
}
