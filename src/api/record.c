/*-------------------------------------------------------------------------
 *
 * api/record.c
 *		One JSON element of an answer -> a record of typed fields.
 *
 * Owns the spellings of the API's fields and what values they may have.  Must
 * not know who asks for a record and what becomes of it.
 *
 * An element is walked once, and of each field the best spelling is noted;
 * only then are the values converted, the id first, so that whatever is wrong
 * can be said of an element that has a name.  A record that is used again and
 * again allocates nothing once it has met the longest element.
 *
 *-------------------------------------------------------------------------
 */
#include "api/record.h"

#include "api/attrs.h"
#include "json/cursor.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define IN_ACCOUNT			(1 << MP_RECORD_ACCOUNT)
#define IN_ACCOUNT_PROJECT	(1 << MP_RECORD_ACCOUNT_PROJECT)
#define IN_PROJECT_ACCOUNT	(1 << MP_RECORD_PROJECT_ACCOUNT)
#define IN_PROJECT			(1 << MP_RECORD_PROJECT | \
							 1 << MP_RECORD_NAMED_PROJECT)
#define IN_ACCOUNTS			(IN_ACCOUNT | IN_PROJECT_ACCOUNT)
#define IN_MEMBERSHIPS		(IN_ACCOUNT_PROJECT | IN_PROJECT_ACCOUNT)

#define SPELLING(name, field, kinds) {name, sizeof(name) - 1, field, kinds}

#define FIRST_MEMBERS		64	/* places for names in a new record */

typedef struct Rule
{
	MpValueType type;
	int64_t		lowest;			/* of an integer */
} Rule;

typedef struct Spelling
{
	const char *name;
	size_t		length;
	MpField		field;
	unsigned	kinds;			/* the kinds of element that have it */
} Spelling;

/* Of one field, the best member of the element. */
typedef struct Candidate
{
	const Spelling *spelling;
	MpJsonValue value;
} Candidate;

/* One call of mp_record_decode(). */
typedef struct Reading
{
	MpRecordKind kind;
	MpRecord   *record;
	MpFault    *fault;
	MpJsonCursor cursor;
	uint32_t	seen;			/* which candidates there are */
	Candidate	candidates[MP_FIELD_COUNT];
	int64_t		id;				/* 0 until it is read */
} Reading;

static const Rule rules[MP_FIELD_COUNT] = {
	[MP_FIELD_ID] = {MP_VALUE_INTEGER, 1},
	[MP_FIELD_USERNAME] = {MP_VALUE_TEXT, 0},
	[MP_FIELD_NAME] = {MP_VALUE_TEXT, 0},
	[MP_FIELD_ROLE] = {MP_VALUE_TEXT, 0},
	[MP_FIELD_EXPIRES] = {MP_VALUE_TIME, 0},
	[MP_FIELD_CREATED] = {MP_VALUE_TIME, 0},
	[MP_FIELD_LAST_USED] = {MP_VALUE_TIME, 0},
	[MP_FIELD_CREATOR] = {MP_VALUE_INTEGER, 0},
	[MP_FIELD_CREATOR_NAME] = {MP_VALUE_TEXT, 0},
	[MP_FIELD_CREATOR_EMAIL] = {MP_VALUE_TEXT, 0},
	[MP_FIELD_USER_ID] = {MP_VALUE_INTEGER, 0},
	[MP_FIELD_ORGANIZATION_ID] = {MP_VALUE_INTEGER, 0},
	[MP_FIELD_SECRET] = {MP_VALUE_TEXT, 0},
	[MP_FIELD_PROJECT_ID] = {MP_VALUE_INTEGER, 1},
	[MP_FIELD_PROJECT_NAME] = {MP_VALUE_TEXT, 0},
	[MP_FIELD_GRANT_TYPE] = {MP_VALUE_TEXT, 0},
	[MP_FIELD_HAS_SENSITIVE_ACCESS] = {MP_VALUE_BOOLEAN, 0},
	[MP_FIELD_DOMAIN] = {MP_VALUE_TEXT, 0},
	[MP_FIELD_PROJECTS] = {MP_VALUE_JSON, 0},
	[MP_FIELD_ATTRS] = {MP_VALUE_JSON, 0},
};

/* Of the spellings of one field in one kind, an earlier one goes first. */
static const Spelling spellings[] = {
	SPELLING("id", MP_FIELD_ID, IN_ACCOUNTS),
	SPELLING("serviceAccountId", MP_FIELD_ID, IN_PROJECT_ACCOUNT),
	SPELLING("service_account_id", MP_FIELD_ID, IN_PROJECT_ACCOUNT),
	SPELLING("username", MP_FIELD_USERNAME, IN_ACCOUNTS),
	SPELLING("name", MP_FIELD_NAME, IN_ACCOUNTS),
	SPELLING("role", MP_FIELD_ROLE, IN_ACCOUNTS | IN_MEMBERSHIPS),
	SPELLING("expires", MP_FIELD_EXPIRES, IN_ACCOUNTS),
	SPELLING("expiresAt", MP_FIELD_EXPIRES, IN_ACCOUNTS),
	SPELLING("expires_at", MP_FIELD_EXPIRES, IN_ACCOUNTS),
	SPELLING("created", MP_FIELD_CREATED, IN_ACCOUNTS),
	SPELLING("createdAt", MP_FIELD_CREATED, IN_ACCOUNTS),
	SPELLING("created_at", MP_FIELD_CREATED, IN_ACCOUNTS),
	SPELLING("last_used", MP_FIELD_LAST_USED, IN_ACCOUNTS),
	SPELLING("lastUsed", MP_FIELD_LAST_USED, IN_ACCOUNTS),
	SPELLING("last_used_at", MP_FIELD_LAST_USED, IN_ACCOUNTS),
	SPELLING("creator", MP_FIELD_CREATOR, IN_ACCOUNTS),
	SPELLING("creatorId", MP_FIELD_CREATOR, IN_ACCOUNTS),
	SPELLING("creator_name", MP_FIELD_CREATOR_NAME, IN_ACCOUNTS),
	SPELLING("creatorName", MP_FIELD_CREATOR_NAME, IN_ACCOUNTS),
	SPELLING("creator_email", MP_FIELD_CREATOR_EMAIL, IN_ACCOUNTS),
	SPELLING("creatorEmail", MP_FIELD_CREATOR_EMAIL, IN_ACCOUNTS),
	SPELLING("user", MP_FIELD_USER_ID, IN_ACCOUNTS),
	SPELLING("user_id", MP_FIELD_USER_ID, IN_ACCOUNTS),
	SPELLING("userId", MP_FIELD_USER_ID, IN_ACCOUNTS),
	SPELLING("organizationId", MP_FIELD_ORGANIZATION_ID,
			 IN_ACCOUNTS | IN_PROJECT),
	SPELLING("organization_id", MP_FIELD_ORGANIZATION_ID,
			 IN_ACCOUNTS | IN_PROJECT),
	SPELLING("token", MP_FIELD_SECRET, IN_ACCOUNT | IN_MEMBERSHIPS),
	SPELLING("secret", MP_FIELD_SECRET, IN_ACCOUNT | IN_MEMBERSHIPS),
	SPELLING("projectId", MP_FIELD_PROJECT_ID, IN_ACCOUNT_PROJECT),
	SPELLING("project_id", MP_FIELD_PROJECT_ID, IN_ACCOUNT_PROJECT),
	SPELLING("id", MP_FIELD_PROJECT_ID, IN_ACCOUNT_PROJECT | IN_PROJECT),
	SPELLING("projectName", MP_FIELD_PROJECT_NAME, IN_MEMBERSHIPS),
	SPELLING("project_name", MP_FIELD_PROJECT_NAME, IN_MEMBERSHIPS),
	SPELLING("name", MP_FIELD_PROJECT_NAME, IN_ACCOUNT_PROJECT | IN_PROJECT),
	SPELLING("domain", MP_FIELD_DOMAIN, IN_PROJECT),
	SPELLING("target_type", MP_FIELD_GRANT_TYPE, IN_MEMBERSHIPS),
	SPELLING("targetType", MP_FIELD_GRANT_TYPE, IN_MEMBERSHIPS),
	SPELLING("hasSensitiveAccess", MP_FIELD_HAS_SENSITIVE_ACCESS,
			 IN_MEMBERSHIPS),
	SPELLING("has_sensitive_access", MP_FIELD_HAS_SENSITIVE_ACCESS,
			 IN_MEMBERSHIPS),
};

#define SPELLING_COUNT	(sizeof(spellings) / sizeof(spellings[0]))

static bool prepare(Reading *reading, const char *element, size_t length);
static bool make_member_places(MpRecord *record, size_t places);
static bool read_members(Reading *reading);
static const Spelling *find_spelling(Reading *reading,
									 const MpJsonString *name, size_t number);
static bool is_spelled(const Spelling *spelling, MpRecordKind kind,
					   const MpJsonString *name);
static void note_candidate(Reading *reading, const Spelling *spelling,
						   const MpJsonValue *value);
static void note_secret(MpRecord *record, const MpJsonValue *value);

static MpField key_field(MpRecordKind kind);
static bool convert_key(Reading *reading);
static bool convert_wanted(Reading *reading, uint32_t wanted);
static bool convert(Reading *reading, MpField field);
static const char *convert_integer(const MpJsonValue *value, int64_t lowest,
								   int64_t *integer);
static const char *convert_text(MpRecord *record, const MpJsonValue *value,
								MpText *text);
static const char *convert_time(MpRecord *record, const MpJsonValue *value,
								int64_t *time);
static const char *convert_boolean(const MpJsonValue *value, bool *boolean);

static bool fail_json(Reading *reading, const MpJsonString *name);
static bool check_attrs(Reading *reading, uint32_t wanted);
static bool fail(Reading *reading, const char *field, const char *reason);
static bool is_word(const MpJsonString *name);

MpValueType
mp_record_type(MpField field)
{
	return rules[field].type;
}

void
mp_record_init(MpRecord *record)
{
	memset(record, 0, sizeof(MpRecord));
}

void
mp_record_release(MpRecord *record)
{
	mp_buffer_free(&record->buffer);
	free(record->members);
	mp_record_init(record);
}

bool
mp_record_decode(MpRecordKind kind, uint32_t wanted, const MpText *element,
				 MpRecord *record, MpFault *fault)
{
	Reading		reading;

	reading.kind = kind;
	reading.record = record;
	reading.fault = fault;
	reading.seen = 0;
	reading.id = 0;
	return prepare(&reading, element->data, element->length) &&
		read_members(&reading) &&
		convert_key(&reading) &&
		convert_wanted(&reading, wanted) &&
		check_attrs(&reading, wanted);
}

void
mp_record_set_integer(MpRecord *record, MpField field, int64_t integer)
{
	record->values[field].present = true;
	record->values[field].as.integer = integer;
}

void
mp_record_set_text(MpRecord *record, MpField field, const char *data,
				   size_t length)
{
	record->values[field].present = true;
	record->values[field].as.text.data = data;
	record->values[field].as.text.length = length;
}

int64_t
mp_record_key(MpRecordKind kind, const MpRecord *record)
{
	return record->values[key_field(kind)].as.integer;
}

bool
mp_record_is_individual(const MpRecord *record)
{
	static const char individual[] = "individual";
	const MpValue *type = &record->values[MP_FIELD_GRANT_TYPE];

	return !type->present ||
		(type->as.text.length == sizeof(individual) - 1 &&
		 memcmp(type->as.text.data, individual, sizeof(individual) - 1) == 0);
}

bool
mp_record_is_text(const MpValue *value, const char *text)
{
	return value->present && value->as.text.length == strlen(text) &&
		memcmp(value->as.text.data, text, value->as.text.length) == 0;
}

bool
mp_record_is_username(const MpValue *value, const char *name)
{
	static const char suffix[] = ".mp-service-account";
	const MpText *text = &value->as.text;
	size_t		length = strlen(name);
	size_t		tail = sizeof(suffix) - 1;

	if (mp_record_is_text(value, name))
		return true;
	return value->present && text->length >= length + tail &&
		memcmp(text->data, name, length) == 0 && text->data[length] == '.' &&
		memcmp(text->data + text->length - tail, suffix, tail) == 0;
}

bool
mp_record_parse_time(const char *text, size_t length, int64_t *time)
{
	return mp_rfc3339_parse(text, length, time);
}

bool
mp_record_format_time(int64_t time, char *buffer)
{
	return mp_rfc3339_format(time, buffer);
}

static bool
prepare(Reading *reading, const char *element, size_t length)
{
	MpRecord   *record = reading->record;

	memset(record->values, 0, sizeof(record->values));
	memset(record->secrets, 0, sizeof(record->secrets));
	record->nulls = 0;
	record->raw.data = element;
	record->raw.length = length;
	mp_buffer_wipe(&record->buffer);
	if (length > UINT32_MAX)
		return fail(reading, "", "is too long");
	if (!make_member_places(record, MP_JSON_MEMBERS(length)))
		return fail(reading, "", "does not fit into memory");
	mp_json_cursor_open(&reading->cursor, element, length,
						MP_RECORD_DEPTH_LIMIT, record->members);
	return true;
}

static bool
make_member_places(MpRecord *record, size_t places)
{
	size_t		grown = FIRST_MEMBERS;

	if (places <= record->member_places)
		return true;
	while (grown < places)
		grown *= 2;
	free(record->members);
	record->member_places = 0;
	record->members = malloc(grown * sizeof(MpJsonMember));
	if (record->members == NULL)
		return false;
	record->member_places = grown;
	return true;
}

/*
 * Pick the members that a column stands for; of several spellings of one
 * field the better one counts.
 */
static bool
read_members(Reading *reading)
{
	MpJsonCursor *cursor = &reading->cursor;
	MpJsonString name = {"", 0, false};
	MpJsonValue value;

	if (!mp_json_cursor_enter(cursor))
		return fail(reading, "", "is not an object");
	for (size_t i = 0; mp_json_cursor_member(cursor, &name); i++)
	{
		const Spelling *spelling = find_spelling(reading, &name, i);

		if (!mp_json_cursor_value(cursor, &value))
			return fail_json(reading, &name);
		if (spelling != NULL && value.kind != MP_JSON_NULL)
			note_candidate(reading, spelling, &value);
		else if (spelling != NULL)
			reading->record->nulls |= MP_FIELD_BIT(spelling->field);
		name.length = 0;
	}
	reading->record->nulls &= ~reading->seen;
	return mp_json_cursor_finish(cursor) || fail_json(reading, &name);
}

/*
 * NULL if the name is none of the kind's.  The elements of one list spell
 * alike and in the same order, so look first at what the member of the same
 * number was in the element before.
 */
static const Spelling *
find_spelling(Reading *reading, const MpJsonString *name, size_t number)
{
	uint8_t    *guess = &reading->record->guesses[number % MP_RECORD_GUESSES];

	if (is_spelled(&spellings[*guess], reading->kind, name))
		return &spellings[*guess];
	for (size_t i = 0; i < SPELLING_COUNT; i++)
		if (is_spelled(&spellings[i], reading->kind, name))
		{
			*guess = (uint8_t) i;
			return &spellings[i];
		}
	return NULL;
}

static bool
is_spelled(const Spelling *spelling, MpRecordKind kind,
		   const MpJsonString *name)
{
	return (spelling->kinds & (1u << kind)) != 0 &&
		mp_json_string_equals(name, spelling->name, spelling->length);
}

static void
note_candidate(Reading *reading, const Spelling *spelling,
			   const MpJsonValue *value)
{
	Candidate  *candidate = &reading->candidates[spelling->field];
	uint32_t	bit = MP_FIELD_BIT(spelling->field);

	if (spelling->field == MP_FIELD_SECRET)
		note_secret(reading->record, value);
	/* a membership has none that could be read */
	if (spelling->field == MP_FIELD_SECRET &&
		reading->kind != MP_RECORD_ACCOUNT)
		return;
	if ((reading->seen & bit) == 0 || spelling < candidate->spelling)
	{
		candidate->spelling = spelling;
		candidate->value = *value;
		reading->seen |= bit;
	}
}

/* A name that comes twice is an error, so there is a place for each. */
static void
note_secret(MpRecord *record, const MpJsonValue *value)
{
	MpText	   *place = &record->secrets[record->secrets[0].length > 0];

	if (value->kind != MP_JSON_STRING)
		return;
	place->data = value->text.data;
	place->length = value->text.length;
}

bool
mp_record_parse_id(const char *text, size_t length, int64_t *id)
{
	int64_t		number = 0;

	for (size_t i = 0; i < length; i++)
	{
		int			digit = text[i] - '0';

		if (digit < 0 || digit > 9 || number > (INT64_MAX - digit) / 10)
			return false;
		number = 10 * number + digit;
	}
	*id = number;
	return number > 0;
}

static MpField
key_field(MpRecordKind kind)
{
	return kind == MP_RECORD_ACCOUNT || kind == MP_RECORD_PROJECT_ACCOUNT ?
		MP_FIELD_ID : MP_FIELD_PROJECT_ID;
}

static bool
convert_key(Reading *reading)
{
	MpField		field = key_field(reading->kind);

	if ((reading->seen & MP_FIELD_BIT(field)) == 0)
	{
		if (reading->kind == MP_RECORD_NAMED_PROJECT)
			return true;
		return fail(reading, reading->kind == MP_RECORD_ACCOUNT_PROJECT ?
					"project_id" : "id", "is missing");
	}
	if (!convert(reading, field))
		return false;
	reading->id = reading->record->values[field].as.integer;
	return true;
}

/* The key has its value already, and only has to be hidden if not wanted. */
static bool
convert_wanted(Reading *reading, uint32_t wanted)
{
	MpValue    *values = reading->record->values;
	MpField		key = key_field(reading->kind);
	uint32_t	left = reading->seen & wanted & ~MP_FIELD_BIT(key);

	for (int field = 0; left != 0; field++, left >>= 1)
		if ((left & 1) != 0 && !convert(reading, (MpField) field))
			return false;
	values[key].present = (reading->seen & wanted & MP_FIELD_BIT(key)) != 0;
	values[MP_FIELD_ATTRS].present =
		(wanted & MP_FIELD_BIT(MP_FIELD_ATTRS)) != 0;
	return true;
}

/* The chosen member's value, checked, as the field's type */
static bool
convert(Reading *reading, MpField field)
{
	const Rule *rule = &rules[field];
	const Candidate *candidate = &reading->candidates[field];
	MpRecord   *record = reading->record;
	MpValue    *value = &record->values[field];
	const char *wrong = NULL;

	switch (rule->type)
	{
		case MP_VALUE_INTEGER:
			wrong = convert_integer(&candidate->value, rule->lowest,
									&value->as.integer);
			break;
		case MP_VALUE_TEXT:
			wrong = convert_text(record, &candidate->value, &value->as.text);
			break;
		case MP_VALUE_TIME:
			wrong = convert_time(record, &candidate->value, &value->as.time);
			break;
		case MP_VALUE_BOOLEAN:
			wrong = convert_boolean(&candidate->value, &value->as.boolean);
			break;
		case MP_VALUE_JSON:
			break;				/* no member of an element is one */
	}
	value->present = wrong == NULL;
	return wrong == NULL ||
		fail(reading, candidate->spelling->name, wrong);
}

/* Each conversion below returns NULL, or what is wrong with the value. */
static const char *
convert_integer(const MpJsonValue *value, int64_t lowest, int64_t *integer)
{
	const char *at = value->text.data;
	const char *end = at + value->text.length;
	bool		negative = value->kind == MP_JSON_NUMBER && *at == '-';
	bool		too_large = false;
	int64_t		number = 0;

	if (value->kind != MP_JSON_NUMBER)
		return "is not an integer";
	for (at += negative; at < end; at++)
	{
		int			digit = *at - '0';

		if (digit < 0 || digit > 9)
			return "is not an integer";
		if (number > (INT64_MAX - digit) / 10)
			too_large = true;
		else
			number = number * 10 + digit;
	}
	if (too_large || (negative && number > 0) || number < lowest)
		return "is out of range";
	*integer = number;
	return NULL;
}

/*
 * The unescaped texts of an element are no longer than the element, so that
 * much is made room for at once: the texts before must not move.
 */
static const char *
convert_text(MpRecord *record, const MpJsonValue *value, MpText *text)
{
	MpBuffer   *buffer = &record->buffer;

	if (value->kind != MP_JSON_STRING)
		return "is not a string";
	text->data = value->text.data;
	text->length = value->text.length;
	if (!value->text.escaped)
		return NULL;
	if (!mp_buffer_reserve(buffer, record->raw.length - buffer->length))
		return "does not fit into memory";
	text->data = buffer->data + buffer->length;
	text->length = mp_json_string_unescape(&value->text,
										   buffer->data + buffer->length);
	buffer->length += text->length;
	/* Had the buffer moved, the texts before would point to freed memory. */
	assert(buffer->length <= record->raw.length);
	return NULL;
}

static const char *
convert_time(MpRecord *record, const MpJsonValue *value, int64_t *time)
{
	MpText		text;
	const char *wrong = convert_text(record, value, &text);

	if (wrong != NULL)
		return wrong;
	if (!mp_rfc3339_parse(text.data, text.length, time))
		return "is not an RFC 3339 timestamp";
	return NULL;
}

static const char *
convert_boolean(const MpJsonValue *value, bool *boolean)
{
	if (value->kind != MP_JSON_TRUE && value->kind != MP_JSON_FALSE)
		return "is not a boolean";
	*boolean = value->kind == MP_JSON_TRUE;
	return NULL;
}

/*
 * The element is no JSON from the cursor's place on.  The id, if it stands
 * before that, still tells which element it is.
 */
static bool
fail_json(Reading *reading, const MpJsonString *name)
{
	Candidate  *key = &reading->candidates[key_field(reading->kind)];
	char		reason[sizeof(reading->fault->reason)];
	char		field[sizeof(reading->fault->field)] = "";

	if ((reading->seen & MP_FIELD_BIT(key_field(reading->kind))) != 0 &&
		convert_integer(&key->value, 1, &reading->id) != NULL)
		reading->id = 0;
	if (is_word(name))
		snprintf(field, sizeof(field), "%.*s", (int) name->length, name->data);
	snprintf(reason, sizeof(reason),
			 "is not valid JSON: %s at byte %zu of the element",
			 reading->cursor.error, mp_json_cursor_position(&reading->cursor));
	return fail(reading, field, reason);
}

/* Not all that is a number in JSON is one in the database. */
static bool
check_attrs(Reading *reading, uint32_t wanted)
{
	const MpText *raw = &reading->record->raw;

	return (wanted & MP_FIELD_BIT(MP_FIELD_ATTRS)) == 0 ||
		mp_attrs_fits(raw->data, raw->length) ||
		fail(reading, "attrs", "holds a number that is out of range");
}

static bool
fail(Reading *reading, const char *field, const char *reason)
{
	MpFault    *fault = reading->fault;

	snprintf(fault->field, sizeof(fault->field), "%s", field);
	snprintf(fault->reason, sizeof(fault->reason), "%s", reason);
	fault->id = reading->id;
	return false;
}

/* Can the name be shown?  Only what looks like the name of a member. */
static bool
is_word(const MpJsonString *name)
{
	for (size_t i = 0; i < name->length; i++)
	{
		char		byte = name->data[i];

		if ((byte < 'a' || byte > 'z') && (byte < 'A' || byte > 'Z') &&
			(byte < '0' || byte > '9') && byte != '_')
			return false;
	}
	return name->length < sizeof(((MpFault *) NULL)->field);
}
