/*-------------------------------------------------------------------------
 *
 * schema.c
 *	  Strict reading of JSON: every field known, of the right type, in place.
 *
 * Owns the wording of what is wrong with a body.  Must not know which call
 * the body belongs to.
 *
 *-------------------------------------------------------------------------
 */
#include "schema.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"

#define PATH_SIZE 128

static bool check_object(SimSchema *schema, const SimField *fields,
						 json_t *value, const char *path);

static bool
refuse(SimSchema *schema, const char *path, const char *reason)
{
	if (path[0] == '\0')
		snprintf(schema->error, sizeof(schema->error), "the body %s", reason);
	else
		snprintf(schema->error, sizeof(schema->error), "field \"%s\" %s",
				 path, reason);
	return false;
}

static bool
check_string(SimSchema *schema, const json_t *value, const char *path)
{
	if (!json_is_string(value))
		return refuse(schema, path, "must be a string");
	if (json_string_length(value) == 0)
		return refuse(schema, path, "must not be empty");
	return true;
}

static bool
check_role(SimSchema *schema, const json_t *value, const char *path)
{
	if (!check_string(schema, value, path))
		return false;
	if (schema->roles == NULL)
		return true;
	for (const char *const *role = schema->roles; *role != NULL; role++)
		if (strcmp(*role, json_string_value(value)) == 0)
			return true;
	return refuse(schema, path, "is not a known role");
}

static bool
check_time(SimSchema *schema, const json_t *value, const char *path)
{
	int64_t		ignored;

	if (!check_string(schema, value, path))
		return false;
	if (!sim_clock_parse(json_string_value(value), &ignored))
		return refuse(schema, path, "must be an RFC 3339 date-time");
	return true;
}

static bool
check_integer(SimSchema *schema, const json_t *value, const char *path,
			  json_int_t minimum)
{
	if (!json_is_integer(value))
		return refuse(schema, path, "must be an integer");
	if (json_integer_value(value) < minimum)
		return refuse(schema, path, "is out of range");
	return true;
}

static bool
check_array(SimSchema *schema, const json_t *value, const char *path)
{
	if (!json_is_array(value))
		return refuse(schema, path, "must be an array");
	if (json_array_size(value) == 0)
		return refuse(schema, path, "must not be empty");
	return true;
}

/* Notes an element, or its id; false if it was noted before. */
static bool
note_once(json_t *noted, const json_t *element)
{
	char		key[32];

	if (json_is_object(element))
		element = json_object_get(element, "id");
	if (element == NULL)
		return true;
	snprintf(key, sizeof(key), "%lld",
			 (long long) json_integer_value(element));
	if (json_object_get(noted, key) != NULL)
		return false;
	json_object_set_new(noted, key, json_true());
	return true;
}

static bool
check_element(SimSchema *schema, const SimField *field, json_t *element,
			  const char *path)
{
	if (field->kind == SIM_FIELD_IDS)
		return check_integer(schema, element, path, 1);
	return check_object(schema, field->items, element, path);
}

static bool
check_elements(SimSchema *schema, const SimField *field, json_t *value,
			   const char *path)
{
	json_t	   *noted;
	bool		good = true;

	if (!check_array(schema, value, path))
		return false;
	noted = json_pack("{}");
	for (size_t i = 0; good && i < json_array_size(value); i++)
	{
		json_t	   *element = json_array_get(value, i);
		char		place[PATH_SIZE];

		snprintf(place, sizeof(place), "%.96s[%zu]", path, i);
		good = check_element(schema, field, element, place);
		if (good && !note_once(noted, element))
			good = refuse(schema, place, "is there twice");
	}
	json_decref(noted);
	return good;
}

static bool
check_strings(SimSchema *schema, json_t *value, const char *path)
{
	const char *name;
	json_t	   *member;

	if (!json_is_object(value))
		return refuse(schema, path, "must be an object");
	json_object_foreach(value, name, member)
	{
		if (!json_is_string(member))
			return refuse(schema, path, "must hold only strings");
	}
	return true;
}

static bool
check_value(SimSchema *schema, const SimField *field, json_t *value,
			const char *path)
{
	switch (field->kind)
	{
		case SIM_FIELD_STRING:
			return check_string(schema, value, path);
		case SIM_FIELD_ROLE:
			return check_role(schema, value, path);
		case SIM_FIELD_TIME_OR_NULL:
			if (json_is_null(value))
				return true;
			return check_time(schema, value, path);
		case SIM_FIELD_TIME:
			return check_time(schema, value, path);
		case SIM_FIELD_ID:
			return check_integer(schema, value, path, 1);
		case SIM_FIELD_COUNT:
			return check_integer(schema, value, path, 0);
		case SIM_FIELD_BOOLEAN:
			return json_is_boolean(value) ||
				refuse(schema, path, "must be a boolean");
		case SIM_FIELD_IDS:
		case SIM_FIELD_RECORDS:
			return check_elements(schema, field, value, path);
		case SIM_FIELD_STRINGS:
			return check_strings(schema, value, path);
		case SIM_FIELD_ANY:
			return true;
	}
	return false;
}

static void
join_path(char *joined, const char *path, const char *name)
{
	snprintf(joined, PATH_SIZE, "%.64s%s%.56s", path,
			 path[0] == '\0' ? "" : ".", name);
}

static const SimField *
find_field(const SimField *fields, const char *name)
{
	for (; fields->name != NULL; fields++)
		if (strcmp(fields->name, name) == 0)
			return fields;
	return NULL;
}

static bool
check_required(SimSchema *schema, const SimField *fields, const json_t *value,
			   const char *path)
{
	char		place[PATH_SIZE];

	for (; fields->name != NULL; fields++)
	{
		if (!fields->required || json_object_get(value, fields->name) != NULL)
			continue;
		join_path(place, path, fields->name);
		return refuse(schema, place, "is required");
	}
	return true;
}

static bool
check_object(SimSchema *schema, const SimField *fields, json_t *value,
			 const char *path)
{
	const char *name;
	json_t	   *member;
	char		place[PATH_SIZE];

	if (!json_is_object(value))
		return refuse(schema, path, "must be an object");
	json_object_foreach(value, name, member)
	{
		const SimField *field = find_field(fields, name);

		join_path(place, path, name);
		if (field == NULL)
			return refuse(schema, place, "is not known");
		if (!check_value(schema, field, member, place))
			return false;
	}
	return check_required(schema, fields, value, path);
}

bool
sim_schema_check(SimSchema *schema, json_t *value)
{
	return check_object(schema, schema->fields, value, "");
}
