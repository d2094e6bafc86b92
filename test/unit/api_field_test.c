/*-------------------------------------------------------------------------
 *
 * api_field_test.c
 *		Values that no field should have, in the answer to every call that
 *		reads one: a failure that names the record and the field.
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include "canned_case.h"

/* The read is refused, with such a detail; the body is the callee's. */
static void
refuse_bytes(Body body, const char *pattern, const char *name)
{
	const char *fault = case_refused(body, pattern);

	if (!ok(fault == NULL, "%s: refused: %s", current->name, name))
		diag("%s", fault);
}

static void
refuse_member(const char *name, const char *value, const char *pattern)
{
	char		title[200];

	snprintf(title, sizeof(title), "\"%.60s\": %.60s", name,
			 value != NULL ? value : "left out");
	refuse_bytes(body_answer_with(name, value), pattern, title);
}

/* The read gives so many records, the last of which shows that. */
static void
give_bytes(Body body, int64_t count, const char *shown, const char *name)
{
	const char *fault = case_given(body, count, shown);

	if (!ok(fault == NULL, "%s: read: %s", current->name, name))
		diag("%s", fault);
}

static void
give_member(const char *name, const char *value, const char *shown)
{
	char		title[200];

	snprintf(title, sizeof(title), "\"%.60s\": %.60s", name,
			 value != NULL ? value : "left out");
	give_bytes(body_answer_with(name, value), 1,
			   shown != NULL ? shown : current->good_text, title);
}

static size_t
size_of(const char *bytes, size_t size)
{
	return size > 0 ? size : strlen(bytes);
}

/* ---- numbers ---- */

static const char *const no_integers[] = {
	"\"2\"", "\"\"", "\"x\"", "true", "false", "[]", "[2]", "{}", "{\"id\":2}",
	"1.0", "1.5", "1e3", "1E+2", "2e0", "1e400", "1e-400", "-1.5", "0.0",
	"10000000000000000000000000000000000000000.5", NULL,
};
static const char *const out_of_range[] = {
	"-1", "9223372036854775808", "18446744073709551618",
	"-9223372036854775808", "-9223372036854775809",
	"100000000000000000000000000000000000000000",
	"-100000000000000000000000000000000000000000", NULL,
};
static const char *const no_json[] = {
	"01", "2.", "1e", "1e+", "1.e1", "--1", "1-1", "-", "00", NULL,
};
static const char *const no_beginning[] = {
	"+2", ".5", "NaN", "Infinity", "0x2", "2a", NULL,
};

static void
refuse_values(const char *field, const char *const *values,
			  const char *pattern)
{
	for (; *values != NULL; values++)
		refuse_member(field, *values, pattern);
}

static void
test_integer(const char *field, const char *record)
{
	char		pattern[200];

	snprintf(pattern, sizeof(pattern), "^%s, field \"%s\": is not an integer",
			 record, field);
	refuse_values(field, no_integers, pattern);
	snprintf(pattern, sizeof(pattern), "^%s, field \"%s\": is out of range",
			 record, field);
	refuse_values(field, out_of_range, pattern);
	/* behind a number that ends too early, it is nobody's field */
	refuse_values(field, no_json, current->is_me ? "^Body: it is not valid" :
				  "^(Record 1|Body).*: .*is not valid JSON");
	refuse_values(field, no_beginning, "^(Body|Record 1)");
}

static void
test_numbers(void)
{
	char		pattern[200];
	const char *called = strcmp(current->id, "projectId") == 0 ?
		"project_id" : current->id;

	if (current->is_bare)
		return;
	test_integer(current->id, "Record 1");
	snprintf(pattern, sizeof(pattern), "^Record 1, field \"%s\": is out of",
			 current->id);
	refuse_member(current->id, "0", pattern);
	refuse_member(current->id, "-0", pattern);
	snprintf(pattern, sizeof(pattern), "^Record 1, field \"%s\": is missing",
			 called);
	/* a project of /me has its id in its own name */
	if (!current->is_me)
	{
		refuse_member(current->id, NULL, pattern);
		refuse_member(current->id, "null", pattern);
	}
	if (current->is_list)
		give_member(current->id, "9223372036854775807", NULL);
	if (current->asking.record == MP_RECORD_ACCOUNT)
	{
		test_integer("creator", "Record 1 \\(id 2\\)");
		test_integer("user", "Record 1 \\(id 2\\)");
		give_member("creator", "null", NULL);
		give_member("user", "0", NULL);
	}
	if (current->is_me)
	{
		test_integer("organization_id", "Record 1 \\(id 2\\)");
		give_member("organization_id", "null", NULL);
	}
}

/* ---- strings ---- */

typedef struct BadString
{
	const char *name;
	const char *bytes;
	size_t		size;			/* 0: as long as a string */
} BadString;

static const BadString bad_strings[] = {
	{"NUL", "a\0b", 3},
	{"NUL, escaped", "a\\u0000b", 0},
	{"a control character", "a\x1f" "b", 0},
	{"a line feed", "a\nb", 0},
	{"an overlong slash", "\xc0\xaf", 0},
	{"an overlong NUL", "\xc0\x80", 0},
	{"an overlong form of three bytes", "\xe0\x80\xaf", 0},
	{"an overlong form of four bytes", "\xf0\x80\x80\xaf", 0},
	{"two bytes, truncated", "a\xc3", 0},
	{"three bytes, truncated", "\xe2\x82", 0},
	{"four bytes, truncated", "\xf0\x9f\x98", 0},
	{"truncated, then a letter", "\xe2\x82" "a", 0},
	{"a lone continuation", "a\x80" "b", 0},
	{"bytes of a high surrogate", "\xed\xa0\x80", 0},
	{"bytes of a low surrogate", "\xed\xbf\xbf", 0},
	{"bytes of a pair of surrogates", "\xed\xa0\xbd\xed\xb8\x80", 0},
	{"beyond U+10FFFF", "\xf4\x90\x80\x80", 0},
	{"five bytes", "\xf8\x88\x80\x80\x80", 0},
	{"0xFF", "a\xff" "b", 0},
	{"Latin-1", "caf\xe9 ", 0},
	{"a lone high surrogate", "\\ud83d", 0},
	{"a lone low surrogate", "\\ude00", 0},
	{"a high surrogate and a letter", "\\ud83dx", 0},
	{"a high surrogate and a line feed", "\\ud83d\\n", 0},
	{"two high surrogates", "\\ud83d\\ud83d", 0},
	{"surrogates the wrong way round", "\\ude00\\ud83d", 0},
	{"an escape that is none", "a\\x41", 0},
	{"an escaped quote of another kind", "\\'", 0},
	{"an escape cut off", "\\u12", 0},
	{"an escape with a letter too far", "\\u12g4", 0},
};

#define BAD_STRINGS (sizeof(bad_strings) / sizeof(bad_strings[0]))

/* An element at whose end such a string stands, between these. */
static Body
answer_holding(const BadString *bad, const char *before, const char *after)
{
	Body		body = {0};

	body_add(&body, current->before);
	body_add(&body, "{");
	body_add(&body, current->members);
	body_add(&body, before);
	body_add_bytes(&body, bad->bytes, size_of(bad->bytes, bad->size));
	body_add(&body, after);
	body_add(&body, "}");
	body_add(&body, current->after);
	return body;
}

static void
test_bad_strings(void)
{
	char		pattern[200];

	for (size_t i = 0; i < BAD_STRINGS; i++)
	{
		const BadString *bad = &bad_strings[i];

		refuse_bytes(answer_holding(bad, ",\"zzz\":[{\"a\":\"", "\"}]"),
					 current->is_me ? "^Body: it is not valid JSON: .* at "
					 "byte [0-9]" : "^Record 1 \\(id 2\\), field \"zzz\": is "
					 "not valid JSON: [^ ]", bad->name);
		/* the name of a member is no word to be shown */
		refuse_bytes(answer_holding(bad, ",\"a", "\":1"),
					 "^(Record 1 \\(id 2\\)|Body): .*at byte [0-9]",
					 bad->name);
		if (bad->size > 0)
			continue;
		snprintf(pattern, sizeof(pattern), "\"%s\"", bad->bytes);
		refuse_member(current->text, pattern, current->is_me ?
					  "^Body: it is not valid JSON: " :
					  "^Record 1 \\(id 2\\), field \"(username|role|name)\": is "
					  "not valid JSON: ");
	}
}

static void
test_strings(void)
{
	static const char *const no_strings[] = {
		"7", "1.5", "true", "false", "[]", "{}", "[\"x\"]", NULL,
	};
	char		pattern[200];

	test_bad_strings();
	snprintf(pattern, sizeof(pattern),
			 "^Record 1 \\(id 2\\), field \"%s\": is not a string",
			 current->text);
	refuse_values(current->text, no_strings, pattern);
	give_member(current->text, "\"\"", "");
	give_member(current->text, "\"\\u0041\\\"\\\\\\/ \\ud83d\\ude00\"",
				"A\"\\/ \xf0\x9f\x98\x80");
	give_member(current->text, "\"\xf4\x8f\xbf\xbd\xed\x9f\xbf\xc2\x80\"",
				"\xf4\x8f\xbf\xbd\xed\x9f\xbf\xc2\x80");
	give_member(current->text, "\"a\x7f" "b\"", "a\x7f" "b");
}

/* ---- what is not asked for ---- */

static void
test_unknown_members(void)
{
	static const char *const values[] = {
		"null", "true", "false", "0", "-0", "1.5", "-1e-7", "1e400",
		"100000000000000000000000000000000000000000", "\"s\"", "\"\"",
		"\"\\ud83d\\ude00\"", "[]", "{}", "[[{\"a\":[null]}]]",
		"{\"id\":\"x\",\"username\":7}", "1e131071", "-1E-16383",
	};
	static const char *const beyond[] = {
		"1e200000", "-1E+999999999999", "[{\"a\":1e-20000}]", NULL,
	};

	/* of others, ids and names alone are read */
	if (!current->is_me && strstr(current->name, "organization") == NULL)
		refuse_values("zzz", beyond,
					  "^Record 1 .*field \"attrs\": holds a number that is out of range");
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		Body		good = body_good_answer();
		Body		body = {0};

		give_member("zzz", values[i], NULL);
		body_add(&body, "{\"yyy\":");
		body_add(&body, values[i]);
		body_add(&body, ",");
		body_add(&body, good.data + 1);
		give_bytes(body, 1, current->good_text, "in front");
		memset(&body, 0, sizeof(body));
		body_add_bytes(&body, good.data, good.size - 1);
		body_add(&body, ",\"yyy\":");
		body_add(&body, values[i]);
		body_add(&body, "}");
		give_bytes(body, 1, current->good_text, "behind");
		body_drop(&good);
	}
}

int
main(void)
{
	for (size_t i = 0; i < READS; i++)
	{
		current = &reads[i];
		test_numbers();
		test_strings();
		test_unknown_members();
	}
	return done_testing();
}
