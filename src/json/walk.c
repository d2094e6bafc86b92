/*-------------------------------------------------------------------------
 *
 * json/walk.c
 *		A visit to each member of an object, or element of an array.
 *
 * Must not know what it visits.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "json/walk.h"

static bool walk_object(MpJsonCursor *cursor, MpVisit visit, void *context);
static bool walk_array(MpJsonCursor *cursor, MpVisit visit, void *context);

bool
mp_walk(const MpJsonValue *container, MpVisit visit, void *context)
{
	MpJsonCursor cursor;
	MpJsonMember *members;
	bool		whole;

	if (container->kind != MP_JSON_OBJECT && container->kind != MP_JSON_ARRAY)
		return true;
	members = mp_walk_members(container->text.length);
	if (members == NULL)
		return false;
	mp_json_cursor_open(&cursor, container->text.data, container->text.length,
						MP_JSON_DEPTH_LIMIT, members);
	if (container->kind == MP_JSON_OBJECT)
		whole = walk_object(&cursor, visit, context);
	else
		whole = walk_array(&cursor, visit, context);
	free(members);
	return whole;
}

void
mp_walk_fold(const MpJsonString *name, char folded[MP_PAGING_NAME])
{
	char		text[MP_PAGING_NAME * 6];
	size_t		length = 0;

	if (name->length < sizeof(text))
		length = mp_json_string_unescape(name, text);
	mp_paging_fold(text, length, folded);
}

/* Zeroed, for what others left in the memory is not ours to give back. */
MpJsonMember *
mp_walk_members(size_t length)
{
	return calloc(MP_JSON_MEMBERS(length), sizeof(MpJsonMember));
}

static bool
walk_object(MpJsonCursor *cursor, MpVisit visit, void *context)
{
	MpJsonString name;
	MpJsonValue value;

	if (!mp_json_cursor_enter(cursor))
		return true;
	while (mp_json_cursor_member(cursor, &name) &&
		   mp_json_cursor_value(cursor, &value))
	{
		if (!visit(context, &name, &value))
			return false;
	}
	return true;
}

static bool
walk_array(MpJsonCursor *cursor, MpVisit visit, void *context)
{
	MpJsonValue value;
	bool		first = true;

	if (!mp_json_cursor_enter_array(cursor))
		return true;
	for (; mp_json_cursor_item(cursor, first); first = false)
	{
		if (!mp_json_cursor_value(cursor, &value))
			return true;
		if (!visit(context, NULL, &value))
			return false;
	}
	return true;
}
