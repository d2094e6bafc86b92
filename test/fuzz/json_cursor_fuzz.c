/*-------------------------------------------------------------------------
 *
 * json_cursor_fuzz.c
 *		Any bytes to the cursor: it accepts what jansson accepts, and reads the
 *		same out of it.
 *
 * Sources: json/cursor.c json/string.c
 * Libraries: jansson
 * Dictionary: json
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <jansson.h>

#include "json/cursor.h"

static void check_value(const MpJsonValue *value, const json_t *tree,
						int depth);

/* The walk over an object meets each of the tree's members once. */
static void
check_object(const MpJsonValue *value, const json_t *tree, int depth)
{
	MpJsonMember *members = malloc(MP_JSON_MEMBERS(value->text.length) *
								   sizeof(MpJsonMember));
	char	   *key = malloc(value->text.length + 1);
	MpJsonCursor cursor;
	MpJsonString name;
	MpJsonValue member;
	size_t		count = 0;

	mp_json_cursor_open(&cursor, value->text.data, value->text.length,
						MP_JSON_DEPTH_LIMIT - depth, members);
	require(mp_json_cursor_enter(&cursor));
	while (mp_json_cursor_member(&cursor, &name))
	{
		const json_t *expected;

		key[mp_json_string_unescape(&name, key)] = '\0';
		require(mp_json_string_equals(&name, key, strlen(key)));
		expected = json_object_get(tree, key);
		require(expected != NULL);
		require(mp_json_cursor_value(&cursor, &member));
		check_value(&member, expected, depth + 1);
		count++;
	}
	require(mp_json_cursor_finish(&cursor));
	require(count == json_object_size(tree));
	free(key);
	free(members);
}

static void
check_string(const MpJsonString *string, const json_t *tree)
{
	char	   *text = malloc(string->length + 1);
	size_t		length = mp_json_string_unescape(string, text);

	require(length <= string->length);
	require(length == json_string_length(tree));
	require(memcmp(text, json_string_value(tree), length) == 0);
	require(mp_json_string_equals(string, text, length));
	free(text);
}

static void
check_value(const MpJsonValue *value, const json_t *tree, int depth)
{
	switch (value->kind)
	{
		case MP_JSON_NULL:
			require(json_is_null(tree));
			break;
		case MP_JSON_FALSE:
			require(json_is_false(tree));
			break;
		case MP_JSON_TRUE:
			require(json_is_true(tree));
			break;
		case MP_JSON_NUMBER:
			require(json_is_number(tree));
			break;
		case MP_JSON_STRING:
			require(json_is_string(tree));
			check_string(&value->text, tree);
			break;
		case MP_JSON_ARRAY:
			require(json_is_array(tree));
			break;
		case MP_JSON_OBJECT:
			require(json_is_object(tree));
			check_object(value, tree, depth);
			break;
	}
}

/*
 * Differences on purpose: see json_cursor_test.c.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = copy_bytes(data, size);
	MpJsonMember *members = malloc(MP_JSON_MEMBERS(size) *
								   sizeof(MpJsonMember));
	MpJsonCursor cursor;
	MpJsonValue value;
	json_error_t error;
	json_t	   *tree;
	bool		valid;

	mp_json_cursor_open(&cursor, text, size, MP_JSON_DEPTH_LIMIT, members);
	valid = mp_json_cursor_value(&cursor, &value) &&
		mp_json_cursor_finish(&cursor);
	require(valid == (cursor.error == NULL));
	require(mp_json_cursor_position(&cursor) <= size + 1);

	tree = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
					  &error);
	if (valid && tree == NULL)
		require(json_error_code(&error) == json_error_numeric_overflow);
	else if (!valid && tree != NULL)
		require(memchr(text, '\0', size) != NULL ||
				strcmp(cursor.error, "too deep a nesting") == 0);
	else if (valid)
		check_value(&value, tree, 0);
	json_decref(tree);
	free(members);
	free(text);
	return 0;
}
