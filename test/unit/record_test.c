/*-------------------------------------------------------------------------
 *
 * record_test.c
 *		Tests of record.c and rfc3339.c.
 *
 * jansson reads the same elements another way, to compare with.
 *
 *-------------------------------------------------------------------------
 */
#include "api/record.h"
#include "json/cursor.h"
#include "tap.h"

#include <jansson.h>

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define ACCOUNT			MP_RECORD_ACCOUNT
#define ACCOUNT_PROJECT	MP_RECORD_ACCOUNT_PROJECT
#define PROJECT_ACCOUNT	MP_RECORD_PROJECT_ACCOUNT
#define PROJECT			MP_RECORD_PROJECT

#define DAY				(INT64_C(86400) * 1000000)

static MpRecord record;
static MpFault fault;

/* Decode in memory of exactly the element's size, kept until the next. */
static bool
decode_bytes(MpRecordKind kind, uint32_t wanted, const char *element,
			 size_t length)
{
	static char *exact;
	MpText		text;

	free(exact);
	exact = malloc(length + (length == 0));
	memcpy(exact, element, length);
	memset(&fault, 0x7f, sizeof(fault));
	text.data = exact;
	text.length = length;
	return mp_record_decode(kind, wanted, &text, &record, &fault);
}

static bool
decode(MpRecordKind kind, const char *element)
{
	return decode_bytes(kind, MP_FIELD_ALL, element, strlen(element));
}

/* A value as text: "-" if it is not there. */
static const char *
show(MpField field)
{
	static char text[200];
	const MpValue *value = &record.values[field];

	if (!value->present)
		return "-";
	switch (mp_record_type(field))
	{
		case MP_VALUE_INTEGER:
			snprintf(text, sizeof(text), "%" PRId64, value->as.integer);
			break;
		case MP_VALUE_TEXT:
			snprintf(text, sizeof(text), "%.*s", (int) value->as.text.length,
					 value->as.text.data);
			break;
		case MP_VALUE_TIME:
			mp_record_format_time(value->as.time, text);
			break;
		case MP_VALUE_BOOLEAN:
			snprintf(text, sizeof(text), "%s",
					 value->as.boolean ? "true" : "false");
			break;
		case MP_VALUE_JSON:
			snprintf(text, sizeof(text), "%.*s", (int) record.raw.length,
					 record.raw.data);
			break;
	}
	return text;
}

typedef struct Good
{
	MpRecordKind kind;
	const char *element;
	MpField		field;
	const char *expected;
} Good;

static const Good good[] = {
	{ACCOUNT, "{\"id\":1}", MP_FIELD_ID, "1"},
	{ACCOUNT, "{\"id\":9223372036854775807}", MP_FIELD_ID,
	"9223372036854775807"},
	{ACCOUNT, " { \"\\u0069d\" : 7 } ", MP_FIELD_ID, "7"},
	{ACCOUNT, "{\"id\":1}", MP_FIELD_USERNAME, "-"},
	{ACCOUNT, "{\"id\":1}", MP_FIELD_ATTRS, "{\"id\":1}"},
	{ACCOUNT, "{\"id\":1}", MP_FIELD_PROJECTS, "-"},
	{ACCOUNT, "{\"id\":1,\"projects\":[1]}", MP_FIELD_PROJECTS, "-"},
	{ACCOUNT, "{\"id\":1,\"username\":null}", MP_FIELD_USERNAME, "-"},
	{ACCOUNT, "{\"id\":1,\"username\":\"\"}", MP_FIELD_USERNAME, ""},
	{ACCOUNT, "{\"id\":1,\"username\":\"bot\"}", MP_FIELD_USERNAME, "bot"},
	{ACCOUNT, "{\"id\":1,\"username\":\"a\\n\\u20ac\\ud83d\\ude00\"}",
	MP_FIELD_USERNAME, "a\n\xe2\x82\xac\xf0\x9f\x98\x80"},
	{ACCOUNT, "{\"id\":1,\"name\":\"n\"}", MP_FIELD_NAME, "n"},
	{ACCOUNT, "{\"id\":1,\"role\":\"owner\"}", MP_FIELD_ROLE, "owner"},
	{ACCOUNT, "{\"id\":1,\"expires\":\"2025-12-31T23:59:59Z\"}",
	MP_FIELD_EXPIRES, "2025-12-31T23:59:59Z"},
	{ACCOUNT, "{\"id\":1,\"expiresAt\":\"2025-12-31T23:59:59Z\"}",
	MP_FIELD_EXPIRES, "2025-12-31T23:59:59Z"},
	{ACCOUNT, "{\"id\":1,\"expires_at\":\"2025-12-31T23:59:59\\u002b01:00\"}",
	MP_FIELD_EXPIRES, "2025-12-31T22:59:59Z"},
	{ACCOUNT, "{\"id\":1,\"created\":\"2025-01-01T00:00:00Z\"}",
	MP_FIELD_CREATED, "2025-01-01T00:00:00Z"},
	{ACCOUNT, "{\"id\":1,\"createdAt\":\"2025-01-01T00:00:00Z\"}",
	MP_FIELD_CREATED, "2025-01-01T00:00:00Z"},
	{ACCOUNT, "{\"id\":1,\"created_at\":\"2025-01-01T00:00:00Z\"}",
	MP_FIELD_CREATED, "2025-01-01T00:00:00Z"},
	{ACCOUNT, "{\"id\":1,\"last_used\":null}", MP_FIELD_LAST_USED, "-"},
	{ACCOUNT, "{\"id\":1,\"lastUsed\":\"2025-01-01T00:00:00Z\"}",
	MP_FIELD_LAST_USED, "2025-01-01T00:00:00Z"},
	{ACCOUNT, "{\"id\":1,\"last_used_at\":\"2025-01-01T00:00:00Z\"}",
	MP_FIELD_LAST_USED, "2025-01-01T00:00:00Z"},
	{ACCOUNT, "{\"id\":1,\"creator\":0}", MP_FIELD_CREATOR, "0"},
	{ACCOUNT, "{\"id\":1,\"creatorId\":-0}", MP_FIELD_CREATOR, "0"},
	{ACCOUNT, "{\"id\":1,\"creatorName\":\"c\"}", MP_FIELD_CREATOR_NAME, "c"},
	{ACCOUNT, "{\"id\":1,\"creator_name\":\"c\"}", MP_FIELD_CREATOR_NAME, "c"},
	{ACCOUNT, "{\"id\":1,\"creatorEmail\":\"c\"}", MP_FIELD_CREATOR_EMAIL, "c"},
	{ACCOUNT, "{\"id\":1,\"creator_email\":\"c\"}", MP_FIELD_CREATOR_EMAIL,
	"c"},
	{ACCOUNT, "{\"id\":1,\"user\":2}", MP_FIELD_USER_ID, "2"},
	{ACCOUNT, "{\"id\":1,\"user_id\":2}", MP_FIELD_USER_ID, "2"},
	{ACCOUNT, "{\"id\":1,\"userId\":2}", MP_FIELD_USER_ID, "2"},
	{ACCOUNT, "{\"id\":1,\"organizationId\":3}", MP_FIELD_ORGANIZATION_ID, "3"},
	{ACCOUNT, "{\"id\":1,\"organization_id\":3}", MP_FIELD_ORGANIZATION_ID,
	"3"},
	{ACCOUNT, "{\"id\":1,\"token\":\"t\"}", MP_FIELD_SECRET, "t"},
	{ACCOUNT, "{\"id\":1,\"secret\":\"t\"}", MP_FIELD_SECRET, "t"},
	{ACCOUNT, "{\"id\":1,\"projectId\":2}", MP_FIELD_PROJECT_ID, "-"},
	{ACCOUNT, "{\"id\":1,\"target_type\":\"x\"}", MP_FIELD_GRANT_TYPE, "-"},

	{ACCOUNT_PROJECT, "{\"projectId\":5}", MP_FIELD_PROJECT_ID, "5"},
	{ACCOUNT_PROJECT, "{\"project_id\":5}", MP_FIELD_PROJECT_ID, "5"},
	{ACCOUNT_PROJECT, "{\"id\":5}", MP_FIELD_PROJECT_ID, "5"},
	{ACCOUNT_PROJECT, "{\"id\":5}", MP_FIELD_ID, "-"},
	{ACCOUNT_PROJECT, "{\"id\":5,\"projectId\":6}", MP_FIELD_PROJECT_ID, "6"},
	{ACCOUNT_PROJECT, "{\"id\":5,\"projectName\":\"p\"}",
	MP_FIELD_PROJECT_NAME, "p"},
	{ACCOUNT_PROJECT, "{\"id\":5,\"project_name\":\"p\"}",
	MP_FIELD_PROJECT_NAME, "p"},
	{ACCOUNT_PROJECT, "{\"id\":5,\"name\":\"p\"}", MP_FIELD_PROJECT_NAME, "p"},
	{ACCOUNT_PROJECT, "{\"id\":5,\"name\":\"p\"}", MP_FIELD_NAME, "-"},
	{ACCOUNT_PROJECT, "{\"id\":5,\"role\":\"admin\"}", MP_FIELD_ROLE, "admin"},
	{ACCOUNT_PROJECT, "{\"id\":5,\"targetType\":\"team\"}",
	MP_FIELD_GRANT_TYPE, "team"},
	{ACCOUNT_PROJECT, "{\"id\":5,\"hasSensitiveAccess\":true}",
	MP_FIELD_HAS_SENSITIVE_ACCESS, "true"},
	{ACCOUNT_PROJECT, "{\"id\":5,\"secret\":\"s\"}", MP_FIELD_SECRET, "-"},
	{ACCOUNT_PROJECT, "{\"id\":5,\"organization_id\":6}",
	MP_FIELD_ORGANIZATION_ID, "-"},
	{PROJECT, "{\"id\":5}", MP_FIELD_PROJECT_ID, "5"},
	{PROJECT, "{\"id\":5,\"projectId\":6}", MP_FIELD_PROJECT_ID, "5"},
	{PROJECT, "{\"id\":5,\"name\":\"p\"}", MP_FIELD_PROJECT_NAME, "p"},
	{PROJECT, "{\"id\":5,\"organization_id\":6}", MP_FIELD_ORGANIZATION_ID,
	"6"},
	{PROJECT, "{\"id\":5,\"organizationId\":6}", MP_FIELD_ORGANIZATION_ID, "6"},
	{PROJECT, "{\"id\":5,\"role\":\"admin\"}", MP_FIELD_ROLE, "-"},

	{PROJECT_ACCOUNT, "{\"id\":8}", MP_FIELD_ID, "8"},
	{PROJECT_ACCOUNT, "{\"serviceAccountId\":8}", MP_FIELD_ID, "8"},
	{PROJECT_ACCOUNT, "{\"service_account_id\":8}", MP_FIELD_ID, "8"},
	{PROJECT_ACCOUNT, "{\"service_account_id\":9,\"id\":8}", MP_FIELD_ID, "8"},
	{PROJECT_ACCOUNT, "{\"service_account_id\":9,\"id\":null}", MP_FIELD_ID,
	"9"},
	{PROJECT_ACCOUNT, "{\"id\":8,\"username\":\"u\"}", MP_FIELD_USERNAME, "u"},
	{PROJECT_ACCOUNT, "{\"id\":8,\"role\":\"admin\"}", MP_FIELD_ROLE, "admin"},
	{PROJECT_ACCOUNT, "{\"id\":8,\"projectName\":\"p\"}",
	MP_FIELD_PROJECT_NAME, "p"},
	{PROJECT_ACCOUNT, "{\"id\":8,\"project_name\":\"p\"}",
	MP_FIELD_PROJECT_NAME, "p"},
	{PROJECT_ACCOUNT, "{\"id\":8,\"name\":\"n\"}", MP_FIELD_PROJECT_NAME, "-"},
	{PROJECT_ACCOUNT, "{\"id\":8,\"target_type\":\"individual\"}",
	MP_FIELD_GRANT_TYPE, "individual"},
	{PROJECT_ACCOUNT, "{\"id\":8,\"has_sensitive_access\":false}",
	MP_FIELD_HAS_SENSITIVE_ACCESS, "false"},
	{PROJECT_ACCOUNT, "{\"id\":8,\"token\":\"s\"}", MP_FIELD_SECRET, "-"},

	/* precedence, whatever the order of the members */
	{ACCOUNT, "{\"id\":1,\"user\":2,\"userId\":3}", MP_FIELD_USER_ID, "2"},
	{ACCOUNT, "{\"id\":1,\"userId\":3,\"user\":2}", MP_FIELD_USER_ID, "2"},
	{ACCOUNT, "{\"id\":1,\"user\":null,\"userId\":3}", MP_FIELD_USER_ID, "3"},
	{ACCOUNT, "{\"id\":1,\"userId\":\"x\",\"user\":2}", MP_FIELD_USER_ID, "2"},
	{ACCOUNT, "{\"id\":1,\"secret\":\"s\",\"token\":\"t\"}", MP_FIELD_SECRET,
	"t"},
	{ACCOUNT, "{\"id\":1,\"createdAt\":\"x\",\"created\":"
	"\"2025-01-01T00:00:00Z\"}", MP_FIELD_CREATED, "2025-01-01T00:00:00Z"},

	/* what is unknown is checked, and left */
	{ACCOUNT, "{\"x\":{\"id\":2,\"y\":[1e400]},\"id\":1}", MP_FIELD_ID, "1"},
	{ACCOUNT, "{\"Id\":2,\"ID\":3,\"id\":1,\"i\":4}", MP_FIELD_ID, "1"},
};

static void
test_good(void)
{
	for (size_t i = 0; i < COUNT(good); i++)
	{
		const Good *test = &good[i];
		MpField		key = test->kind == ACCOUNT_PROJECT ||
			test->kind == PROJECT ? MP_FIELD_PROJECT_ID : MP_FIELD_ID;

		ok(decode(test->kind, test->element), "%s", test->element);
		is_str(show(test->field), test->expected, "field %d", test->field);
		is_int(mp_record_key(test->kind, &record),
			   record.values[key].as.integer,
			   "its key");
	}
}

/* Where secrets stand in the element, whatever kind it is and is wanted. */
static void
test_secrets(void)
{
	static const struct
	{
		MpRecordKind kind;
		const char *element;
		const char *first;
		const char *second;
	}			cases[] = {
		{ACCOUNT, "{\"id\":1}", "", ""},
		{ACCOUNT, "{\"id\":1,\"token\":\"abc\"}", "abc", ""},
		{ACCOUNT, "{\"s\\u0065cret\":\"a\\\"c\",\"id\":1}", "a\\\"c", ""},
		{ACCOUNT, "{\"token\":\"\",\"secret\":\"b\",\"id\":1}", "b", ""},
		{ACCOUNT, "{\"token\":\"a\",\"secret\":\"b\",\"id\":1}", "a", "b"},
		{ACCOUNT_PROJECT, "{\"id\":5,\"secret\":\"s\"}", "s", ""},
		{PROJECT_ACCOUNT, "{\"id\":8,\"token\":\"s\"}", "s", ""},
		{PROJECT_ACCOUNT, "{\"id\":8,\"token\":5}", "", ""},
		{ACCOUNT, "{\"id\":1,\"x\":{\"token\":\"abc\"}}", "", ""},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
	{
		const MpText *secrets = record.secrets;

		ok(decode(cases[i].kind, cases[i].element) &&
		   secrets[0].length == strlen(cases[i].first) &&
		   memcmp(cases[i].first, secrets[0].data != NULL ?
				  secrets[0].data : "", secrets[0].length) == 0 &&
		   secrets[1].length == strlen(cases[i].second) &&
		   memcmp(cases[i].second, secrets[1].data != NULL ?
				  secrets[1].data : "", secrets[1].length) == 0,
		   "secrets of %s", cases[i].element);
	}
}

typedef struct Bad
{
	MpRecordKind kind;
	const char *element;
	const char *field;
	const char *reason;
	int64_t		id;
} Bad;

#define NOT_JSON	"is not valid JSON: "

static const Bad bad[] = {
	{ACCOUNT, "", "", "is not an object", 0},
	{ACCOUNT, "null", "", "is not an object", 0},
	{ACCOUNT, "12", "", "is not an object", 0},
	{ACCOUNT, "[{\"id\":1}]", "", "is not an object", 0},
	{ACCOUNT, "{}", "id", "is missing", 0},
	{ACCOUNT, "{\"id\":null}", "id", "is missing", 0},
	{ACCOUNT, "{\"serviceAccountId\":1}", "id", "is missing", 0},
	{ACCOUNT_PROJECT, "{\"name\":\"p\"}", "project_id", "is missing", 0},
	{PROJECT_ACCOUNT, "{\"projectId\":1}", "id", "is missing", 0},
	{PROJECT, "{\"projectId\":1}", "id", "is missing", 0},
	{PROJECT, "{\"name\":1,\"id\":5}", "name", "is not a string", 5},
	{ACCOUNT, "{\"id\":0}", "id", "is out of range", 0},
	{ACCOUNT, "{\"id\":-0}", "id", "is out of range", 0},
	{ACCOUNT, "{\"id\":-1}", "id", "is out of range", 0},
	{ACCOUNT, "{\"id\":9223372036854775808}", "id", "is out of range", 0},
	{ACCOUNT, "{\"id\":18446744073709551617}", "id", "is out of range", 0},
	{ACCOUNT, "{\"id\":100000000000000000000000000000000000000001}", "id",
	"is out of range", 0},
	{ACCOUNT, "{\"id\":-9223372036854775809}", "id", "is out of range", 0},
	{ACCOUNT, "{\"id\":1.0}", "id", "is not an integer", 0},
	{ACCOUNT, "{\"id\":1e3}", "id", "is not an integer", 0},
	{ACCOUNT, "{\"id\":1e400}", "id", "is not an integer", 0},
	{ACCOUNT, "{\"id\":\"1\"}", "id", "is not an integer", 0},
	{ACCOUNT, "{\"id\":\"\"}", "id", "is not an integer", 0},
	{ACCOUNT, "{\"id\":true}", "id", "is not an integer", 0},
	{ACCOUNT, "{\"id\":{}}", "id", "is not an integer", 0},
	{ACCOUNT, "{\"id\":[1]}", "id", "is not an integer", 0},
	{ACCOUNT_PROJECT, "{\"projectId\":0,\"id\":5}", "projectId",
	"is out of range", 0},
	{ACCOUNT, "{\"id\":12,\"creator\":{\"id\":1}}", "creator",
	"is not an integer", 12},
	{ACCOUNT, "{\"creatorId\":-1,\"id\":12}", "creatorId", "is out of range",
	12},
	{ACCOUNT, "{\"userId\":1.5,\"id\":12}", "userId", "is not an integer", 12},
	{ACCOUNT, "{\"username\":1,\"id\":12}", "username", "is not a string", 12},
	{ACCOUNT, "{\"username\":true,\"id\":12}", "username", "is not a string",
	12},
	{ACCOUNT, "{\"u\\u0073ername\":[],\"id\":12}", "username",
	"is not a string", 12},
	{ACCOUNT, "{\"secret\":1,\"id\":12}", "secret", "is not a string", 12},
	{ACCOUNT, "{\"id\":12,\"expires\":1735689600}", "expires",
	"is not a string", 12},
	{ACCOUNT, "{\"id\":12,\"expires\":\"never\"}", "expires",
	"is not an RFC 3339 timestamp", 12},
	{ACCOUNT, "{\"id\":12,\"expiresAt\":\"\"}", "expiresAt",
	"is not an RFC 3339 timestamp", 12},
	{PROJECT_ACCOUNT, "{\"id\":12,\"hasSensitiveAccess\":1}",
	"hasSensitiveAccess", "is not a boolean", 12},
	{PROJECT_ACCOUNT, "{\"id\":12,\"hasSensitiveAccess\":\"true\"}",
	"hasSensitiveAccess", "is not a boolean", 12},

	{ACCOUNT, "{", "", NOT_JSON "an early end at byte 2 of the element", 0},
	{ACCOUNT, "{\"id\":1", "",
	NOT_JSON "an early end at byte 8 of the element", 1},
	{ACCOUNT, "{\"id\":1}x", "",
	NOT_JSON "something after the value at byte 9 of the element", 1},
	{ACCOUNT, "{\"id\":1,}", "",
	NOT_JSON "no name of a member at byte 9 of the element", 1},
	{ACCOUNT, "{\"id\":1,\"id\":2}", "id",
	NOT_JSON "a second member of the same name at byte 10 of the element", 1},
	{ACCOUNT, "{\"id\":3,\"a\":{\"b\":1,\"\\u0062\":1}}", "a",
	NOT_JSON "a second member of the same name at byte 21 of the element", 3},
	{ACCOUNT, "{\"id\":01}", "",
	NOT_JSON "no comma or closing bracket at byte 8 of the element", 0},
	{ACCOUNT, "{\"name\":\"\\u0000\",\"id\":4}", "name",
	NOT_JSON "an escaped NUL at byte 10 of the element", 0},
	{ACCOUNT, "{\"id\":4,\"name\":\"\\ud800\"}", "name",
	NOT_JSON "a lone surrogate at byte 17 of the element", 4},
	{ACCOUNT, "{\"id\":4,\"avatar\":\"\xc0\x80\"}", "avatar",
	NOT_JSON "invalid UTF-8 at byte 19 of the element", 4},
	{ACCOUNT, "{\"id\":4,\"s p\":nope}", "",
	NOT_JSON "no value at byte 16 of the element", 4},
	{ACCOUNT, "{\"id\":4,\"<\\n>\":nope}", "",
	NOT_JSON "no value at byte 17 of the element", 4},
	{ACCOUNT, "{\"id\":x,\"name\":\"n\"}", "id",
	NOT_JSON "no value at byte 7 of the element", 0},
	{ACCOUNT, "{\"id\":\"a\",\"name\":x}", "name",
	NOT_JSON "no value at byte 18 of the element", 0},
};

static void
test_bad(void)
{
	for (size_t i = 0; i < COUNT(bad); i++)
	{
		const Bad  *test = &bad[i];

		ok(!decode(test->kind, test->element), "element %zu is refused", i);
		is_str(fault.field, test->field, "for this field");
		is_str(fault.reason, test->reason, "for this reason");
		is_int(fault.id, test->id, "with this id");
	}
	ok(!decode_bytes(ACCOUNT, 0, "{\"id\":1,\"x\":\"\0\"}", 16),
	   "a raw NUL in a string");
	ok(!decode_bytes(ACCOUNT, 0, "{\"id\":1}\0", 9), "a raw NUL at the end");
}

/* What is not wanted is not converted, but still has to be JSON. */
static void
test_wanted(void)
{
	static const char element[] = "{\"id\":1,\"username\":1,\"role\":\"r\","
	"\"expires\":\"x\",\"creator\":\"x\"}";
	uint32_t	wanted = MP_FIELD_BIT(MP_FIELD_ROLE);
	size_t		length = strlen(element);

	ok(decode_bytes(ACCOUNT, wanted, element, length), "only the role");
	is_str(show(MP_FIELD_ROLE), "r", "is there");
	is_str(show(MP_FIELD_USERNAME), "-", "the others are not");
	is_str(show(MP_FIELD_ATTRS), "-", "nor the whole element");
	is_str(show(MP_FIELD_ID), "-", "nor the id");
	is_int(mp_record_key(ACCOUNT, &record), 1, "but it is the key");
	ok(decode_bytes(ACCOUNT, 0, element, length), "nothing");
	ok(!decode_bytes(ACCOUNT, 0, "{\"id\":\"1\"}", 10), "the id is checked");
	ok(!decode_bytes(ACCOUNT, 0, element, length - 1), "so is the JSON");
	ok(!decode_bytes(ACCOUNT, wanted | MP_FIELD_BIT(MP_FIELD_CREATOR),
					 element, length), "one that is wrong");
	is_str(fault.field, "creator", "is a fault");
	wanted = MP_FIELD_BIT(MP_FIELD_ID) | MP_FIELD_BIT(MP_FIELD_ATTRS);
	ok(decode_bytes(ACCOUNT, wanted, element, length), "the id and all of it");
	is_str(show(MP_FIELD_ID), "1", "the id");
	is_str(show(MP_FIELD_ATTRS), element, "all of it");
	is_str(show(MP_FIELD_ROLE), "-", "nothing else");
}

/* MP_RECORD_DEPTH_LIMIT, and one more. */
static void
test_depth(void)
{
	char		element[200];

	for (int more = 0; more < 2; more++)
	{
		int			nested = MP_RECORD_DEPTH_LIMIT - 1 + more;
		int			length = sprintf(element, "{\"id\":1,\"x\":");

		memset(element + length, '[', (size_t) nested);
		memset(element + length + nested, ']', (size_t) nested);
		strcpy(element + length + 2 * nested, "}");
		is_int(decode(ACCOUNT, element), more == 0, "%d deep", nested + 1);
	}
	is_str(fault.reason,
		   NOT_JSON "too deep a nesting at byte 74 of the element", "a fault");
	is_int(fault.id, 1, "with the id");
	is_int(MP_RECORD_DEPTH_LIMIT, MP_JSON_DEPTH_LIMIT - 2,
		   "what an answer has left");
}

/* Long texts, many members, and one record for elements of all sizes. */
static void
test_size(void)
{
	static const size_t sizes[] = {10, 1000000, 20, 300000, 4000000, 1};

	for (size_t i = 0; i < COUNT(sizes); i++)
	{
		size_t		size = sizes[i];
		char	   *element = malloc(size * 2 + 100);
		size_t		length = (size_t) sprintf(element, "{\"username\":\"");

		for (size_t j = 0; j < size; j++)
			length += (size_t) sprintf(element + length, j % 9 ? "x" : "\\n");
		sprintf(element + length, "\",\"id\":%zu,\"name\":\"\\u00e9\"}", size);
		ok(decode(ACCOUNT, element), "a name of %zu characters", size);
		is_int(record.values[MP_FIELD_USERNAME].as.text.length, size,
			   "has its length");
		is_int(record.values[MP_FIELD_USERNAME].as.text.data[0], '\n',
			   "and is still there");
		is_str(show(MP_FIELD_NAME), "\xc3\xa9", "with another one");
		free(element);
	}
}

/* An element, cut and changed everywhere, is read or refused as by jansson. */
static void
test_against_jansson(void)
{
	static const char sample[] = "{\"id\":71,\"username\":\"a\\u00e9\\n\","
	"\"x\":[{\"id\":1},-1.5e3],\"name\":\"\xe2\x82\xac\",\"user\":3}";
	size_t		length = strlen(sample);
	char		text[sizeof(sample)];
	int			wrong = 0;
	int			accepted = 0;

	for (size_t i = 0; i < length * 255; i++)
	{
		json_t	   *tree;
		bool		valid;

		memcpy(text, sample, sizeof(sample));
		text[i / 255] = (char) (1 + i % 255);
		tree = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
		valid = decode_bytes(ACCOUNT, MP_FIELD_ALL, text, length);
		wrong += valid && tree == NULL;
		if (valid && tree != NULL)
		{
			const char *username =
				json_string_value(json_object_get(tree, "username"));

			accepted++;
			wrong += strcmp(show(MP_FIELD_USERNAME),
							username != NULL ? username : "-") != 0;
			wrong += mp_record_key(ACCOUNT, &record) !=
				json_integer_value(json_object_get(tree, "id"));
		}
		json_decref(tree);
	}
	is_int(wrong, 0, "reads what jansson reads");
	ok(accepted > 1000, "of %d elements", accepted);
}

typedef struct Time
{
	const char *text;
	const char *utc;			/* NULL: refused */
} Time;

static const Time times[] = {
	{"2000-01-01T00:00:00Z", "2000-01-01T00:00:00Z"},
	{"2025-12-31t23:59:59z", "2025-12-31T23:59:59Z"},
	{"2025-12-31 23:59:59Z", "2025-12-31T23:59:59Z"},
	{"2025-12-31T23:59:59+00:00", "2025-12-31T23:59:59Z"},
	{"2025-12-31T23:59:59-00:00", "2025-12-31T23:59:59Z"},
	{"2025-12-31T23:59:59-01:30", "2026-01-01T01:29:59Z"},
	{"2025-01-01T00:00:00+23:59", "2024-12-31T00:01:00Z"},
	{"2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z"},
	{"2000-02-29T12:00:00Z", "2000-02-29T12:00:00Z"},
	{"2025-12-31T23:59:60Z", "2026-01-01T00:00:00Z"},
	{"2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500000Z"},
	{"2025-01-01T00:00:00.1Z", "2025-01-01T00:00:00.100000Z"},
	{"2025-01-01T00:00:00.000Z", "2025-01-01T00:00:00Z"},
	{"2025-01-01T00:00:00.123456Z", "2025-01-01T00:00:00.123456Z"},
	{"2025-01-01T00:00:00.1234564999999999999999999Z",
	"2025-01-01T00:00:00.123456Z"},
	{"2025-01-01T00:00:00.1234565Z", "2025-01-01T00:00:00.123457Z"},
	{"2025-12-31T23:59:59.9999995Z", "2026-01-01T00:00:00Z"},
	{"2025-12-31T23:59:59.9999994Z", "2025-12-31T23:59:59.999999Z"},
	{"1999-12-31T23:59:59.999999Z", "1999-12-31T23:59:59.999999Z"},
	{"1582-10-10T00:00:00Z", "1582-10-10T00:00:00Z"},
	{"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
	{"0001-01-01T01:00:00+01:00", "0001-01-01T00:00:00Z"},
	{"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
	{"9999-12-31T22:59:59-01:00", "9999-12-31T23:59:59Z"},
	{"0001-01-01T00:59:59+01:00", NULL},
	{"9999-12-31T23:59:59.9999995Z", NULL},
	{"9999-12-31T23:59:60Z", NULL},
	{"9999-12-31T23:59:59-00:01", NULL},
	{"0000-12-31T23:59:59Z", NULL},
	{"2025-02-29T00:00:00Z", NULL},
	{"1900-02-29T00:00:00Z", NULL},
	{"2025-00-01T00:00:00Z", NULL},
	{"2025-13-01T00:00:00Z", NULL},
	{"2025-01-00T00:00:00Z", NULL},
	{"2025-04-31T00:00:00Z", NULL},
	{"2025-01-32T00:00:00Z", NULL},
	{"2025-01-01T24:00:00Z", NULL},
	{"2025-01-01T23:60:00Z", NULL},
	{"2025-01-01T23:59:61Z", NULL},
	{"2025-01-01T23:59:59", NULL},
	{"2025-01-01T23:59:59+24:00", NULL},
	{"2025-01-01T23:59:59+00:60", NULL},
	{"2025-01-01T23:59:59+0000", NULL},
	{"2025-01-01T23:59:59+00", NULL},
	{"2025-01-01T23:59:59+00:00Z", NULL},
	{"2025-01-01T23:59:59ZZ", NULL},
	{"2025-01-01T23:59:59.Z", NULL},
	{"2025-01-01T23:59:59,5Z", NULL},
	{"2025-01-01T23:59:59.5", NULL},
	{"2025-01-01T23:59Z", NULL},
	{"2025-01-01", NULL},
	{"20250101T235959Z", NULL},
	{"2025-1-01T23:59:59Z", NULL},
	{"02025-01-01T23:59:59Z", NULL},
	{"-025-01-01T23:59:59Z", NULL},
	{"+2025-01-01T23:59:59Z", NULL},
	{" 2025-01-01T23:59:59Z", NULL},
	{"2025-01-01T23:59:59Z ", NULL},
	{"2025-01-01_23:59:59Z", NULL},
	{"2025/01/01T23:59:59Z", NULL},
	{"2025-01-01T23:59:59 UTC", NULL},
	{"2025-01-01T 3:59:59Z", NULL},
	{"1735689600", NULL},
	{"now", NULL},
	{"infinity", NULL},
	{"", NULL},
};

static void
test_times(void)
{
	char		text[MP_TIME_TEXT];
	int64_t		time;
	int			wrong = 0;

	for (size_t i = 0; i < COUNT(times); i++)
	{
		const Time *test = &times[i];
		size_t		length = strlen(test->text);

		is_int(mp_record_parse_time(test->text, length, &time),
			   test->utc != NULL, "\"%s\"", test->text);
		if (test->utc == NULL)
			continue;
		ok(mp_record_format_time(time, text), "has a text");
		is_str(text, test->utc, "which is this");
		for (size_t cut = 0; cut < length; cut++)
			wrong += mp_record_parse_time(test->text, cut, &time);
	}
	is_int(wrong, 0, "no time that is cut off is one");
	mp_record_parse_time("2000-01-01T00:00:00.000001Z", 27, &time);
	is_int(time, 1, "counted from 2000 in microseconds");

	for (int64_t day = -730119; day < 2921940; day += 29)
	{
		int64_t		instant = day * DAY + (day & 1) * 12345678;

		wrong += !mp_record_format_time(instant, text) ||
			!mp_record_parse_time(text, strlen(text), &time) ||
			time != instant;
	}
	is_int(wrong, 0, "there and back");
	ok(!mp_record_format_time(-730119 * DAY - 1, text), "before year 1");
	is_str(text, "", "there is no text");
	ok(!mp_record_format_time(2921940 * DAY, text), "nor after year 9999");
	ok(!mp_record_format_time(INT64_MIN, text) &&
	   !mp_record_format_time(INT64_MAX, text), "nor for infinity");
}

int
main(void)
{
	mp_record_init(&record);
	test_good();
	test_secrets();
	test_bad();
	test_wanted();
	test_depth();
	test_size();
	test_against_jansson();
	test_times();
	mp_record_release(&record);
	ok(record.buffer.data == NULL && record.members == NULL, "released");
	return done_testing();
}
