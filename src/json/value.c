/*-------------------------------------------------------------------------
 *
 * json/value.c
 *		What a JSON value says where a yes, a no or a number is expected.
 *
 * APIs write them in many ways: false, 0, "no", null, "", [].
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "json/value.h"
#include "json/walk.h"

#define LENGTH_OF(array)	(sizeof(array) / sizeof((array)[0]))
#define MAX_DIGITS			18

static bool is_nothing(void *context, const MpJsonString *name,
					   const MpJsonValue *value);

bool
mp_value_is_any_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (*name == *names[i] && strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* false, 0, or a text that says so. */
bool
mp_value_is_false(const MpJsonValue *value)
{
	static const char *const denials[] = {"false", "no", "0", "none", "null"};
	char		folded[MP_PAGING_NAME];

	if (value->kind == MP_JSON_NUMBER)
		return !mp_value_is_something(value);
	if (value->kind != MP_JSON_STRING)
		return value->kind == MP_JSON_FALSE;
	mp_walk_fold(&value->text, folded);
	return mp_value_is_any_of(folded, denials, LENGTH_OF(denials));
}

/* Neither absent nor null, false, "", zero, nor a container of such. */
bool
mp_value_is_something(const MpJsonValue *value)
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
			return true;
		case MP_JSON_ARRAY:
		case MP_JSON_OBJECT:
			break;
	}
	/* Out of memory counts as something: it is found where it matters. */
	return !mp_walk(value, is_nothing, NULL);
}

/* Containers are not looked into any deeper: one that is not empty counts. */
static bool
is_nothing(void *context, const MpJsonString *name, const MpJsonValue *value)
{
	(void) context;
	(void) name;
	if (value->kind == MP_JSON_ARRAY || value->kind == MP_JSON_OBJECT)
		return value->text.length <= 2;
	return !mp_value_is_something(value);
}

/* A number without a sign, fraction or exponent, also as a text; else -1. */
int64_t
mp_value_number(const MpJsonValue *value)
{
	int64_t		number = 0;

	if ((value->kind != MP_JSON_NUMBER && value->kind != MP_JSON_STRING) ||
		value->text.length == 0 || value->text.length > MAX_DIGITS)
		return -1;
	for (size_t i = 0; i < value->text.length; i++)
	{
		if (value->text.data[i] < '0' || value->text.data[i] > '9')
			return -1;
		number = number * 10 + (value->text.data[i] - '0');
	}
	return number;
}
