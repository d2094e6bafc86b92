/*-------------------------------------------------------------------------
 *
 * json/cursor.h
 *		A strict walk over one complete JSON text, without building a tree.
 *
 * A caller opens a cursor on a text, enters its object, and takes member by
 * member: a name, then a value, which is checked to its last byte and passed,
 * whatever it is; or enters an array, and takes value by value.  What is
 * accepted is RFC 8259, and of that not:
 *		strings that json/string.h refuses (NUL, lone surrogates)
 *		two members of one object with the same name, escaped or not
 *		more than the given depth
 * Numbers are checked as text and never converted.  No memory is allocated
 * and nothing is copied: tokens lie in the text.  Knows nothing of answers
 * and of fields.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_JSON_CURSOR_H
#define MP_JSON_CURSOR_H

#include "json/string.h"

/* Nesting of one answer; the outermost value is at depth 1. */
#define MP_JSON_DEPTH_LIMIT		64

typedef enum MpJsonKind
{
	MP_JSON_NULL,
	MP_JSON_FALSE,
	MP_JSON_TRUE,
	MP_JSON_NUMBER,
	MP_JSON_STRING,
	MP_JSON_ARRAY,
	MP_JSON_OBJECT,
} MpJsonKind;

typedef struct MpJsonValue
{
	MpJsonKind	kind;
	MpJsonString text;			/* of anything but a string: all of it */
} MpJsonValue;

/* A name seen in an object that has not ended yet. */
typedef struct MpJsonMember
{
	const char *data;
	uint32_t	length;
	uint32_t	sketch;			/* tells most names apart; 0 if escaped */
} MpJsonMember;

/*
 * Members that a text of so many bytes can have open at once: each takes at
 * least 4, as in {"":{"":
 */
#define MP_JSON_MEMBERS(length)	((length) / 4 + 1)

typedef struct MpJsonCursor
{
	const char *start;
	const char *at;
	const char *end;
	const char *error;			/* what is wrong, in words; else NULL */
	MpJsonMember *members;		/* of all objects that have not ended yet */
	size_t		member_count;
	size_t		bases[MP_JSON_DEPTH_LIMIT]; /* where those of a depth begin */
	int			depth;
	int			depth_limit;
} MpJsonCursor;

/*
 * `members` is the caller's, with MP_JSON_MEMBERS(length) places; depth_limit
 * is at most MP_JSON_DEPTH_LIMIT.  The text has less than 4 GiB.
 */
extern void mp_json_cursor_open(MpJsonCursor *cursor,
								const char *text, size_t length,
								int depth_limit, MpJsonMember *members);

/* Into the object that comes next.  False without error: it is no object. */
extern bool mp_json_cursor_enter(MpJsonCursor *cursor);

/*
 * The name of the object's next member; its value must be taken before the
 * next one.  False at the object's end, which is passed, or on error.
 */
extern bool mp_json_cursor_member(MpJsonCursor *cursor, MpJsonString *name);

/* Into the array that comes next.  False without error: it is no array. */
extern bool mp_json_cursor_enter_array(MpJsonCursor *cursor);

/*
 * To the array's next item, which must be taken before the next one; `first`
 * says that none was.  False at the array's end, which is passed, or on error.
 */
extern bool mp_json_cursor_item(MpJsonCursor *cursor, bool first);

/* Check and pass any value. */
extern bool mp_json_cursor_value(MpJsonCursor *cursor, MpJsonValue *value);

/* Is there nothing but white space left?  Sets the error if not. */
extern bool mp_json_cursor_finish(MpJsonCursor *cursor);

/* Where the cursor, or its error, is: the text's first byte is 1. */
extern size_t mp_json_cursor_position(const MpJsonCursor *cursor);

#endif							/* MP_JSON_CURSOR_H */
