/*-------------------------------------------------------------------------
 *
 * json_cursor_test.c
 *		Tests of json/cursor.c and json/string.c.
 *
 * jansson is the oracle: what it accepts with JSON_REJECT_DUPLICATES, the
 * cursor accepts, and the other way round, but for some differences on
 * purpose: jansson refuses numbers that its own types cannot hold, takes a raw
 * NUL after the value for the end, and accepts nestings of up to 2048.
 *
 *-------------------------------------------------------------------------
 */
#include "json/cursor.h"
#include "tap.h"

#include <jansson.h>
#include <stdlib.h>

#define TEXT_LIMIT	(256 * 1024)
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static MpJsonMember members[MP_JSON_MEMBERS(TEXT_LIMIT)];

/* Walk over a text in memory of exactly its size, for ASan to guard. */
static bool
walk(const char *text, size_t length, MpJsonCursor *cursor)
{
	MpJsonValue value;
	char	   *exact = malloc(length + (length == 0));
	bool		valid;

	memcpy(exact, text, length);
	mp_json_cursor_open(cursor, exact, length, MP_JSON_DEPTH_LIMIT, members);
	valid = mp_json_cursor_value(cursor, &value) &&
		mp_json_cursor_finish(cursor);
	free(exact);
	return valid;
}

/* Do the cursor and jansson say the same? */
static bool
agrees(const char *text, size_t length)
{
	MpJsonCursor cursor;
	json_error_t error;
	json_t	   *tree = json_loadb(text, length,
								  JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
								  &error);
	bool		expected = tree != NULL;
	bool		valid = walk(text, length, &cursor);

	json_decref(tree);
	if (valid == expected)
		return true;
	if (valid && json_error_code(&error) == json_error_numeric_overflow)
		return true;
	if (!valid && memchr(text, '\0', length) != NULL)
		return true;
	diag("the cursor %s \"%.*s\"", valid ? "accepts" : "refuses",
		 (int) (length < 200 ? length : 200), text);
	return false;
}

static const char *const valid_texts[] = {
	"null", "true", "false", "0", "-0", "-1", "1.5", "1e5", "1E+5", "1.0e-5",
	"123456789012345678901234567890", "1e400", "-0.0", "\"\"", "\"a\"",
	" \t\r\n1 \t\r\n", "[]", "{}", "[[]]", "[1,2,[3]]", "{\"\":1}",
	"{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}",
	"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\ud83d\\uDE00\"",
	"\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"",
	"\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"",
	"[ 1 , 2 ]", "{ \"a\" : 1 , \"b\" : 2 }",
};

static void
test_valid(void)
{
	for (size_t i = 0; i < COUNT(valid_texts); i++)
	{
		const char *text = valid_texts[i];
		MpJsonCursor cursor;

		ok(walk(text, strlen(text), &cursor), "accepts %.40s",
		   strchr(text, '\n') == NULL ? text : "white space");
		ok(agrees(text, strlen(text)), "as jansson does");
	}
}

typedef struct Wrong
{
	const char *text;
	const char *error;
	size_t		position;
} Wrong;

static const Wrong wrong_texts[] = {
	{"", "an early end", 1},
	{"  ", "an early end", 3},
	{"nul", "an early end", 4},
	{"nulL", "no value", 4},
	{"NaN", "no value", 1},
	{"Infinity", "no value", 1},
	{"-Infinity", "no value", 2},
	{"-", "an early end", 2},
	{"+1", "no value", 1},
	{"01", "something after the value", 2},
	{"-01", "something after the value", 3},
	{"1.", "an early end", 3},
	{".5", "no value", 1},
	{"1.e5", "no value", 3},
	{"1e", "an early end", 3},
	{"1e+", "an early end", 4},
	{"0x1F", "something after the value", 2},
	{"1 2", "something after the value", 3},
	{"{}{}", "something after the value", 3},
	{"[1,]", "no value", 4},
	{"[,1]", "no value", 2},
	{"[1 2]", "no comma or closing bracket", 4},
	{"[1}", "no comma or closing bracket", 3},
	{"[1", "an early end", 3},
	{"{\"a\":1,}", "no name of a member", 8},
	{"{,}", "no name of a member", 2},
	{"{a:1}", "no name of a member", 2},
	{"{'a':1}", "no name of a member", 2},
	{"{1:1}", "no name of a member", 2},
	{"{\"a\" 1}", "no colon after a member's name", 6},
	{"{\"a\",1}", "no colon after a member's name", 5},
	{"{\"a\":}", "no value", 6},
	{"{\"a\":1]", "no comma or closing bracket", 7},
	{"{\"a\":1 \"b\":2}", "no comma or closing bracket", 8},
	{"[1]]", "something after the value", 4},
	{"// c\n1", "no value", 1},
	{"1 /* c */", "something after the value", 3},
	{"\xef\xbb\xbf{}", "no value", 1},
	{"\"a", "an early end", 3},
	{"\"\t\"", "a control character in a string", 2},
	{"\"a\nb\"", "a control character in a string", 3},
	{"\"\x1f\"", "a control character in a string", 2},
	{"\"\\x41\"", "an invalid escape", 2},
	{"\"\\'\"", "an invalid escape", 2},
	{"\"\\U0041\"", "an invalid escape", 2},
	{"\"\\u00g0\"", "an invalid escape", 2},
	{"\"\\u004\"", "an invalid escape", 2},
	{"\"\\u", "an invalid escape", 2},
	{"\"\\", "an invalid escape", 2},
	{"\"\\u0000\"", "an escaped NUL", 2},
	{"{\"\\u0000\":1}", "an escaped NUL", 3},
	{"\"\\ud800\"", "a lone surrogate", 2},
	{"\"\\udc00\"", "a lone surrogate", 2},
	{"\"\\ud800\\ud800\"", "a lone surrogate", 2},
	{"\"\\ud800x\"", "a lone surrogate", 2},
	{"\"\\ud800\\u0041\"", "a lone surrogate", 2},
	{"\"\\udc00\\ud800\"", "a lone surrogate", 2},
	{"\"\x80\"", "invalid UTF-8", 2},
	{"\"\xbf\"", "invalid UTF-8", 2},
	{"\"\xc0\x80\"", "invalid UTF-8", 2},
	{"\"\xc1\xbf\"", "invalid UTF-8", 2},
	{"\"\xe0\x9f\xbf\"", "invalid UTF-8", 2},
	{"\"\xed\xa0\x80\"", "invalid UTF-8", 2},
	{"\"\xed\xbf\xbf\"", "invalid UTF-8", 2},
	{"\"\xf0\x8f\xbf\xbf\"", "invalid UTF-8", 2},
	{"\"\xf4\x90\x80\x80\"", "invalid UTF-8", 2},
	{"\"\xf5\x80\x80\x80\"", "invalid UTF-8", 2},
	{"\"\xff\"", "invalid UTF-8", 2},
	{"\"\xe2\x82\"", "invalid UTF-8", 2},
	{"\"\xe2\x82", "invalid UTF-8", 2},
	{"\"\xe2(\xa1\"", "invalid UTF-8", 2},
	{"{\"a\":1,\"a\":2}", "a second member of the same name", 9},
	{"{\"a\":1,\"\\u0061\":2}", "a second member of the same name", 9},
	{"{\"\\u00e9\":1,\"\xc3\xa9\":2}", "a second member of the same name", 14},
	{"{\"\":1,\"\":2}", "a second member of the same name", 8},
	{"[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]",
	"a second member of the same name", 21},
};

static void
test_wrong(void)
{
	for (size_t i = 0; i < COUNT(wrong_texts); i++)
	{
		const Wrong *wrong = &wrong_texts[i];
		size_t		length = strlen(wrong->text);
		MpJsonCursor cursor;
		MpJsonValue value;

		ok(!walk(wrong->text, length, &cursor), "refuses text %zu", i);
		is_str(cursor.error, wrong->error, "for this reason");
		is_int(mp_json_cursor_position(&cursor), wrong->position, "there");
		ok(!mp_json_cursor_value(&cursor, &value) &&
		   !mp_json_cursor_enter(&cursor) && !mp_json_cursor_finish(&cursor),
		   "for good");
		ok(agrees(wrong->text, length), "as jansson does");
	}
	ok(agrees("\"a\0b\"", 5) && agrees("\0", 1) && agrees("1\0", 2),
	   "a raw NUL is refused");
}

/* Every text of up to five characters of the grammar. */
static void
test_exhaustively(void)
{
	static const char alphabet[] = "[]{},:\"1-.e ";
	char		text[5];
	int			wrong = 0;

	for (size_t length = 1; length <= 5; length++)
	{
		long		texts = 1;

		for (size_t i = 0; i < length; i++)
			texts *= (long) strlen(alphabet);
		for (long number = 0; number < texts; number++)
		{
			long		left = number;

			for (size_t i = 0; i < length; i++)
			{
				text[i] = alphabet[left % (long) strlen(alphabet)];
				left /= (long) strlen(alphabet);
			}
			wrong += !agrees(text, length);
		}
		is_int(wrong, 0, "all texts of %zu characters", length);
	}
}

/* One byte of a text replaced by each other, left out, or the last. */
static void
test_mutations(void)
{
	static const char sample[] =
		"{\"id\": 1, \"name\":\"J\\u00fcrgen \\ud83d\\ude00 \xe2\x82\xac\","
		"\"x\":[true,false,null,-1.5e+10,{\"x\":\"\"}], \"y\":{}}";
	size_t		length = strlen(sample);
	char		text[sizeof(sample)];
	int			wrong = 0;

	for (size_t i = 0; i < length; i++)
	{
		memcpy(text, sample, length);
		for (int byte = 0; byte < 256; byte++)
		{
			text[i] = (char) byte;
			wrong += !agrees(text, length);
		}
		memmove(text + i, sample + i + 1, length - i - 1);
		wrong += !agrees(text, length - 1);
		wrong += !agrees(sample, i);
	}
	is_int(wrong, 0, "every change of one byte");
}

static void
test_utf8(void)
{
	static const unsigned char edges[] = {0x22, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
	unsigned char text[6] = {'"', 0, 0, 0, 0, '"'};
	int			wrong = 0;

	for (int first = 0x80; first < 256; first++)
		for (int second = 0; second < 256; second++)
			for (size_t i = 0; i < COUNT(edges) * COUNT(edges); i++)
			{
				text[1] = (unsigned char) first;
				text[2] = (unsigned char) second;
				text[3] = edges[i % COUNT(edges)];
				text[4] = edges[i / COUNT(edges)];
				wrong += !agrees((const char *) text, sizeof(text));
			}
	is_int(wrong, 0, "every beginning of a character in UTF-8");
}

/* Does a string unescape to what jansson makes of it? */
static bool
unescapes(const char *text)
{
	MpJsonCursor cursor;
	MpJsonValue value;
	json_t	   *tree = json_loads(text, JSON_DECODE_ANY, NULL);
	size_t		length = json_string_length(tree);
	const char *expected = json_string_value(tree);
	char		buffer[256];
	bool		same;

	mp_json_cursor_open(&cursor, text, strlen(text), 1, members);
	same = mp_json_cursor_value(&cursor, &value) == (tree != NULL);
	if (same && tree != NULL)
		same = mp_json_string_unescape(&value.text, buffer) == length &&
			memcmp(buffer, expected, length) == 0 &&
			mp_json_string_equals(&value.text, expected, length) &&
			!mp_json_string_equals(&value.text, expected, length - 1);
	json_decref(tree);
	return same;
}

static void
test_escapes(void)
{
	static const unsigned codes[] = {0x0041, 0xd7ff, 0xd800, 0xd83d, 0xdbff,
	0xdc00, 0xde00, 0xdfff, 0xe000, 0xffff, 0x0000};
	char		text[64];
	int			wrong = 0;

	for (unsigned code = 0; code <= 0xffff; code++)
	{
		snprintf(text, sizeof(text), "\"\\u%04x\"", code);
		wrong += !unescapes(text);
		snprintf(text, sizeof(text), "\"ab\\u%04Xcd\"", code);
		wrong += !unescapes(text);
	}
	is_int(wrong, 0, "every escape of four digits");
	for (size_t i = 0; i < COUNT(codes) * COUNT(codes); i++)
	{
		snprintf(text, sizeof(text), "\"\\u%04x\\u%04x\"",
				 codes[i % COUNT(codes)], codes[i / COUNT(codes)]);
		wrong += !unescapes(text);
	}
	is_int(wrong, 0, "pairs of them");
	for (int byte = 1; byte < 256; byte++)
	{
		snprintf(text, sizeof(text), "\"\\%c\"", byte);
		wrong += !agrees(text, strlen(text));
	}
	is_int(wrong, 0, "every escape of one character");
	ok(unescapes("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u20ac plain \\ud83d\\ude00!\""),
	   "all in one");
}

/* The items of an array, one by one, and what is no array. */
static void
test_items(void)
{
	const char *text = " [1, {\"a\":[2]} ,[]]";
	MpJsonCursor cursor;
	MpJsonValue value = {0};
	int			count = 0;

	mp_json_cursor_open(&cursor, text, strlen(text), 3, members);
	ok(mp_json_cursor_enter_array(&cursor), "an array");
	while (mp_json_cursor_item(&cursor, count == 0) &&
		   mp_json_cursor_value(&cursor, &value))
		count++;
	is_int(count, 3, "its items");
	is_int(value.kind, MP_JSON_ARRAY, "the last of them");
	ok(mp_json_cursor_finish(&cursor), "its end");

	mp_json_cursor_open(&cursor, "[]", 2, 1, members);
	ok(mp_json_cursor_enter_array(&cursor), "an empty array");
	ok(!mp_json_cursor_item(&cursor, true), "has no item");
	ok(mp_json_cursor_finish(&cursor), "but an end");

	mp_json_cursor_open(&cursor, "[1,]", 4, 1, members);
	ok(mp_json_cursor_enter_array(&cursor) &&
	   mp_json_cursor_item(&cursor, true) &&
	   mp_json_cursor_value(&cursor, &value) &&
	   mp_json_cursor_item(&cursor, false), "a comma promises an item");
	ok(!mp_json_cursor_value(&cursor, &value), "that is not there");
	ok(!mp_json_cursor_item(&cursor, false), "and then there is none");

	mp_json_cursor_open(&cursor, "{}", 2, 1, members);
	ok(!mp_json_cursor_enter_array(&cursor) && cursor.error == NULL,
	   "an object is no array");
	ok(mp_json_cursor_enter(&cursor), "but can be entered as what it is");
}

static void
test_depth(void)
{
	char		text[2 * (MP_JSON_DEPTH_LIMIT + 1) + 1];
	MpJsonCursor cursor;
	MpJsonValue value;

	for (int depth = MP_JSON_DEPTH_LIMIT; depth <= MP_JSON_DEPTH_LIMIT + 1;
		 depth++)
	{
		memset(text, '[', (size_t) depth);
		memset(text + depth, ']', (size_t) depth);
		is_int(walk(text, 2 * (size_t) depth, &cursor),
			   depth == MP_JSON_DEPTH_LIMIT, "arrays, %d deep", depth);
	}
	is_str(cursor.error, "too deep a nesting", "which it says");
	is_int(mp_json_cursor_position(&cursor), MP_JSON_DEPTH_LIMIT + 1, "there");

	mp_json_cursor_open(&cursor, "{\"a\":{}}", 8, 1, members);
	ok(!mp_json_cursor_value(&cursor, &value), "a smaller limit");
	mp_json_cursor_open(&cursor, "{\"a\":{}}", 8, 2, members);
	ok(mp_json_cursor_value(&cursor, &value), "is a limit to the nesting");
}

/* An object of `count` members, one more of the same name as the first. */
static size_t
write_object(char *text, int count, const char *again)
{
	size_t		length = 1;

	text[0] = '{';
	for (int i = 0; i < count; i++)
		length += (size_t) sprintf(text + length, "\"m%d\":0,", i * 7919 % count);
	return length + (size_t) sprintf(text + length, "\"%s\":0}", again);
}

static void
test_members(void)
{
	static const int counts[] = {2, 31, 32, 33, 34, 100, 20000};
	static char text[TEXT_LIMIT];
	MpJsonCursor cursor;
	size_t		length;

	for (size_t i = 0; i < COUNT(counts); i++)
	{
		length = write_object(text, counts[i], "m");
		ok(walk(text, length, &cursor), "%d members", counts[i]);
		length = write_object(text, counts[i], "m1");
		ok(!walk(text, length, &cursor), "and one of them again");
		length = write_object(text, counts[i], "\\u006d\\u0030");
		ok(!walk(text, length, &cursor), "and one of them again, escaped");
		is_str(cursor.error, "a second member of the same name",
			   "for this reason");
	}

	/* As many names open at once as the text can have. */
	length = 0;
	for (int i = 0; i < MP_JSON_DEPTH_LIMIT; i++)
		length += (size_t) sprintf(text + length, "{\"\":");
	ok(!walk(text, length, &cursor), "objects cut off");
	is_int(cursor.member_count, MP_JSON_DEPTH_LIMIT, "names");
	ok(cursor.member_count <= MP_JSON_MEMBERS(length), "which have places");
	memset(text + length, '{', 1);
	ok(!walk(text, length + 1, &cursor), "one object more");
}

static void
test_walk(void)
{
	static const char text[] = " { \"a\" : [1, 2] , \"b\":\"x\\ny\" } ";
	MpJsonCursor cursor;
	MpJsonString name;
	MpJsonValue value;

	mp_json_cursor_open(&cursor, text, strlen(text), 2, members);
	ok(mp_json_cursor_enter(&cursor), "into an object");
	ok(mp_json_cursor_member(&cursor, &name), "its first member");
	ok(mp_json_string_equals(&name, "a", 1), "has this name");
	ok(mp_json_cursor_value(&cursor, &value), "and a value");
	is_int(value.kind, MP_JSON_ARRAY, "of this kind");
	ok(value.text.length == 6 && memcmp(value.text.data, "[1, 2]", 6) == 0,
	   "with this text");
	ok(mp_json_cursor_member(&cursor, &name), "its second member");
	ok(mp_json_cursor_value(&cursor, &value), "has a value");
	is_int(value.kind, MP_JSON_STRING, "of this kind");
	ok(value.text.escaped && value.text.length == 4, "with an escape");
	ok(!mp_json_cursor_member(&cursor, &name), "there are no more");
	ok(mp_json_cursor_finish(&cursor), "and nothing is left");

	mp_json_cursor_open(&cursor, "[1]", 3, 2, members);
	ok(!mp_json_cursor_enter(&cursor) && cursor.error == NULL,
	   "an array is no object, but not wrong");
	mp_json_cursor_open(&cursor, "", 0, 2, members);
	ok(!mp_json_cursor_enter(&cursor) && cursor.error == NULL, "nor is nothing");
}

int
main(void)
{
	test_valid();
	test_wrong();
	test_exhaustively();
	test_mutations();
	test_utf8();
	test_escapes();
	test_items();
	test_depth();
	test_members();
	test_walk();
	return done_testing();
}
