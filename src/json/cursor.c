/*-------------------------------------------------------------------------
 *
 * json/cursor.c
 *		A strict walk over one complete JSON text, without building a tree.
 *
 * Owns the grammar of RFC 8259 but for its strings.  Knows nothing of answers,
 * elements and fields.
 *
 * Every object is walked by the same two functions, nested ones by recursion,
 * which the depth limit bounds.  After an error the cursor stands where the
 * text is wrong, and every call returns false.
 *
 *-------------------------------------------------------------------------
 */
#include "json/cursor.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*
 * Up to so many members of an object, each name is compared with all before
 * it.  If there are more, all are sorted when the object ends: a text made to
 * be slow costs n log n, not n squared.
 */
#define COMPARED_MEMBERS	32

static const char second_member[] = "a second member of the same name";

static bool fail(MpJsonCursor *cursor, const char *at, const char *error);
static void skip_space(MpJsonCursor *cursor);
static bool is_next(const MpJsonCursor *cursor, char wanted);

static bool open_container(MpJsonCursor *cursor);
static bool next_entry(MpJsonCursor *cursor, char closing, bool first);
static bool note_member(MpJsonCursor *cursor, const MpJsonString *name);
static uint32_t sketch_name(const MpJsonString *name);
static bool check_members(MpJsonCursor *cursor, size_t base);
static bool is_same_name(const MpJsonMember *one, const MpJsonMember *other);
static int	compare_names(const void *one, const void *other);

static bool pass_object(MpJsonCursor *cursor);
static bool pass_array(MpJsonCursor *cursor);
static bool pass_string(MpJsonCursor *cursor, MpJsonString *string);
static bool pass_literal(MpJsonCursor *cursor, const char *literal);
static bool pass_number(MpJsonCursor *cursor);
static bool pass_digits(MpJsonCursor *cursor);

void
mp_json_cursor_open(MpJsonCursor *cursor, const char *text, size_t length,
					int depth_limit, MpJsonMember *members)
{
	cursor->start = text;
	cursor->at = text;
	cursor->end = text + length;
	cursor->error = NULL;
	cursor->members = members;
	cursor->member_count = 0;
	cursor->depth = 0;
	cursor->depth_limit = depth_limit;
}

bool
mp_json_cursor_enter(MpJsonCursor *cursor)
{
	if (cursor->error != NULL)
		return false;
	skip_space(cursor);
	return is_next(cursor, '{') && open_container(cursor);
}

bool
mp_json_cursor_member(MpJsonCursor *cursor, MpJsonString *name)
{
	size_t		base = cursor->bases[cursor->depth - 1];

	if (!next_entry(cursor, '}', cursor->member_count == base))
	{
		if (cursor->error == NULL && check_members(cursor, base))
			cursor->depth--;
		return false;
	}
	if (!is_next(cursor, '"'))
		return fail(cursor, cursor->at, "no name of a member");
	if (!pass_string(cursor, name) || !note_member(cursor, name))
		return false;
	skip_space(cursor);
	if (!is_next(cursor, ':'))
		return fail(cursor, cursor->at, "no colon after a member's name");
	cursor->at++;
	return true;
}

bool
mp_json_cursor_enter_array(MpJsonCursor *cursor)
{
	if (cursor->error != NULL)
		return false;
	skip_space(cursor);
	return is_next(cursor, '[') && open_container(cursor);
}

bool
mp_json_cursor_item(MpJsonCursor *cursor, bool first)
{
	if (next_entry(cursor, ']', first))
		return true;
	if (cursor->error == NULL)
		cursor->depth--;
	return false;
}

bool
mp_json_cursor_value(MpJsonCursor *cursor, MpJsonValue *value)
{
	bool		valid;

	if (cursor->error != NULL)
		return false;
	skip_space(cursor);
	value->text.data = cursor->at;
	value->text.escaped = false;
	switch (cursor->at < cursor->end ? *cursor->at : '\0')
	{
		case '"':
			value->kind = MP_JSON_STRING;
			return pass_string(cursor, &value->text);
		case '{':
			value->kind = MP_JSON_OBJECT;
			valid = pass_object(cursor);
			break;
		case '[':
			value->kind = MP_JSON_ARRAY;
			valid = pass_array(cursor);
			break;
		case 'n':
			value->kind = MP_JSON_NULL;
			valid = pass_literal(cursor, "null");
			break;
		case 't':
			value->kind = MP_JSON_TRUE;
			valid = pass_literal(cursor, "true");
			break;
		case 'f':
			value->kind = MP_JSON_FALSE;
			valid = pass_literal(cursor, "false");
			break;
		default:
			value->kind = MP_JSON_NUMBER;
			valid = pass_number(cursor);
			break;
	}
	value->text.length = (size_t) (cursor->at - value->text.data);
	return valid;
}

bool
mp_json_cursor_finish(MpJsonCursor *cursor)
{
	if (cursor->error != NULL)
		return false;
	skip_space(cursor);
	return cursor->at == cursor->end ||
		fail(cursor, cursor->at, "something after the value");
}

size_t
mp_json_cursor_position(const MpJsonCursor *cursor)
{
	return (size_t) (cursor->at - cursor->start) + 1;
}

static bool
fail(MpJsonCursor *cursor, const char *at, const char *error)
{
	assert(at >= cursor->start && at <= cursor->end);
	cursor->at = at;
	cursor->error = at < cursor->end ? error : "an early end";
	return false;
}

static void
skip_space(MpJsonCursor *cursor)
{
	while (cursor->at < cursor->end &&
		   (*cursor->at == ' ' || *cursor->at == '\n' ||
			*cursor->at == '\r' || *cursor->at == '\t'))
		cursor->at++;
}

static bool
is_next(const MpJsonCursor *cursor, char wanted)
{
	return cursor->at < cursor->end && *cursor->at == wanted;
}

/* Past a bracket or brace. */
static bool
open_container(MpJsonCursor *cursor)
{
	if (cursor->depth == cursor->depth_limit)
		return fail(cursor, cursor->at, "too deep a nesting");
	cursor->bases[cursor->depth++] = cursor->member_count;
	cursor->at++;
	return true;
}

/*
 * To the next entry of a container: past a comma, unless it is the first.
 * False at its end, which is passed, or on error.
 */
static bool
next_entry(MpJsonCursor *cursor, char closing, bool first)
{
	if (cursor->error != NULL)
		return false;
	skip_space(cursor);
	if (is_next(cursor, closing))
	{
		cursor->at++;
		return false;
	}
	if (first)
		return true;
	if (!is_next(cursor, ','))
		return fail(cursor, cursor->at, "no comma or closing bracket");
	cursor->at++;
	skip_space(cursor);
	return true;
}

/* Remember a name; refuse it if its object has it already. */
static bool
note_member(MpJsonCursor *cursor, const MpJsonString *name)
{
	size_t		base = cursor->bases[cursor->depth - 1];
	MpJsonMember *member = &cursor->members[cursor->member_count];

	assert(cursor->depth > 0 && base <= cursor->member_count);
	/* There is room for as many names as the text can have. */
	assert(cursor->member_count <
		   MP_JSON_MEMBERS((size_t) (cursor->end - cursor->start)));
	member->data = name->data;
	member->length = (uint32_t) name->length;
	member->sketch = sketch_name(name);
	if (cursor->member_count - base < COMPARED_MEMBERS)
		for (size_t i = base; i < cursor->member_count; i++)
			if (is_same_name(&cursor->members[i], member))
				return fail(cursor, name->data, second_member);
	cursor->member_count++;
	return true;
}

/* The same for equal names without escapes; never 0 for these. */
static uint32_t
sketch_name(const MpJsonString *name)
{
	if (name->escaped)
		return 0;
	if (name->length == 0)
		return 1;
	return (uint32_t) name->length << 16 |
		(uint32_t) (unsigned char) name->data[0] << 8 |
		(unsigned char) name->data[name->length - 1];
}

/* At an object's end: compare what was not compared yet, and forget all. */
static bool
check_members(MpJsonCursor *cursor, size_t base)
{
	MpJsonMember *names = &cursor->members[base];
	size_t		count = cursor->member_count - base;

	assert(base <= cursor->member_count);
	cursor->member_count = base;
	if (count <= COMPARED_MEMBERS)
		return true;
	qsort(names, count, sizeof(MpJsonMember), compare_names);
	for (size_t i = 1; i < count; i++)
		if (is_same_name(&names[i - 1], &names[i]))
			return fail(cursor, names[i].data, second_member);
	return true;
}

static bool
is_same_name(const MpJsonMember *one, const MpJsonMember *other)
{
	if (one->sketch != other->sketch && one->sketch != 0 && other->sketch != 0)
		return false;
	return compare_names(one, other) == 0;
}

/* By code point, which is by byte where nothing is escaped. */
static int
compare_names(const void *one, const void *other)
{
	const MpJsonMember *a = one;
	const MpJsonMember *b = other;
	const MpJsonString string_a = {a->data, a->length, a->sketch == 0};
	const MpJsonString string_b = {b->data, b->length, b->sketch == 0};
	int			order;

	if (string_a.escaped || string_b.escaped)
		return mp_json_string_compare(&string_a, &string_b);
	order = memcmp(a->data, b->data,
				   a->length < b->length ? a->length : b->length);
	if (order != 0)
		return order;
	return (a->length > b->length) - (a->length < b->length);
}

static bool
pass_object(MpJsonCursor *cursor)
{
	MpJsonString name;
	MpJsonValue value;

	if (!open_container(cursor))
		return false;
	while (mp_json_cursor_member(cursor, &name))
		if (!mp_json_cursor_value(cursor, &value))
			return false;
	return cursor->error == NULL;
}

static bool
pass_array(MpJsonCursor *cursor)
{
	MpJsonValue value;
	bool		first = true;

	if (!open_container(cursor))
		return false;
	for (; mp_json_cursor_item(cursor, first); first = false)
		if (!mp_json_cursor_value(cursor, &value))
			return false;
	return cursor->error == NULL;
}

static bool
pass_string(MpJsonCursor *cursor, MpJsonString *string)
{
	const char *error;
	const char *at = mp_json_string_check(cursor->at + 1, cursor->end,
										  string, &error);

	if (error != NULL || at == cursor->end)
		return fail(cursor, at, error);
	cursor->at = at + 1;
	return true;
}

static bool
pass_literal(MpJsonCursor *cursor, const char *literal)
{
	const char *at = cursor->at;

	for (; *literal != '\0'; literal++, at++)
		if (at == cursor->end || *at != *literal)
			return fail(cursor, at, "no value");
	cursor->at = at;
	return true;
}

/* Pass a number; false if it is not one */
static bool
pass_number(MpJsonCursor *cursor)
{
	if (is_next(cursor, '-'))
		cursor->at++;
	if (is_next(cursor, '0'))
		cursor->at++;
	else if (!pass_digits(cursor))
		return false;
	if (is_next(cursor, '.'))
	{
		cursor->at++;
		if (!pass_digits(cursor))
			return false;
	}
	if (is_next(cursor, 'e') || is_next(cursor, 'E'))
	{
		cursor->at++;
		if (is_next(cursor, '+') || is_next(cursor, '-'))
			cursor->at++;
		return pass_digits(cursor);
	}
	return true;
}

/* One or more. */
static bool
pass_digits(MpJsonCursor *cursor)
{
	const char *from = cursor->at;

	while (cursor->at < cursor->end &&
		   *cursor->at >= '0' && *cursor->at <= '9')
		cursor->at++;
	return cursor->at > from || fail(cursor, from, "no value");
}
