/*-------------------------------------------------------------------------
 *
 * api_answer_test.c
 *		Bodies that no API should send, for every call that reads one: the
 *		right records, or a failure that names the record and the field.
 *
 * A body that is no JSON is told by the byte; an element by its id where that
 * can be read, else by its place.  Each body arrives at once and in pieces,
 * and must read the same.  What stands in the fields is api_field_test.c's.
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
refuse(const char *text, const char *pattern)
{
	Body		body = {0};

	body_add(&body, text);
	refuse_bytes(body, pattern, text);
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
give(const char *text, int64_t count)
{
	Body		body = {0};

	body_add(&body, text);
	give_bytes(body, count, count > 0 ? current->good_text : NULL, text);
}

/* ---- what is no JSON text ---- */

/* What a good answer becomes: something around it, or another for a part. */
typedef struct Breach
{
	const char *name;
	const char *before;
	size_t		before_size;	/* 0: as long as a string */
	const char *after;
	size_t		after_size;
	const char *part;			/* the first one is replaced; NULL: none */
	const char *replaced;
	size_t		replaced_size;
} Breach;

static const Breach breaches[] = {
	{"a form feed", "\f", 0, "", 0, NULL, "", 0},
	{"a no-break space", "\xc2\xa0", 0, "", 0, NULL, "", 0},
	{"garbage behind", "", 0, " x", 0, NULL, "", 0},
	{"a bracket behind", "", 0, "]", 0, NULL, "", 0},
	{"a comma behind", "", 0, ",", 0, NULL, "", 0},
	{"a document behind", "", 0, "{\"status\":\"ok\"}", 0, NULL, "", 0},
	{"a line of it behind", "", 0, "\n{\"status\":\"ok\"}\n", 0, NULL, "", 0},
	{"a comment in front", "/* all */", 0, "", 0, NULL, "", 0},
	{"a comment behind", "", 0, " // all", 0, NULL, "", 0},
	{"a comment inside", "", 0, "", 0, ":", ": /* x */ ", 0},
	{"NaN", "", 0, "", 0, "\"ok\"", "NaN", 0},
	{"Infinity", "", 0, "", 0, "\"ok\"", "-Infinity", 0},
	{"a word for a value", "", 0, "", 0, "\"ok\"", "True", 0},
	{"single quotes", "", 0, "", 0, "\"ok\"", "'ok'", 0},
	{"a name without quotes", "", 0, "", 0, "\"status\"", "status", 0},
	{"a member without a colon", "", 0, "", 0, ":", " ", 0},
	{"a BOM", "\xef\xbb\xbf", 0, "", 0, NULL, "", 0},
	{"NUL in front", "\0", 1, "", 0, NULL, "", 0},
	{"NUL behind", "", 0, "\0", 1, NULL, "", 0},
	{"NUL inside", "", 0, "", 0, ":", ":\0", 2},
};

#define BREACHES (sizeof(breaches) / sizeof(breaches[0]))

static size_t
size_of(const char *bytes, size_t size)
{
	return size > 0 ? size : strlen(bytes);
}

/* What breaks within a bare account is told by the record. */
static const char *
body_pattern(void)
{
	return current->is_bare ? "^(Body|Record 1)" : "^Body: [^ ]";
}

static void
test_breaches(void)
{
	for (size_t i = 0; i < BREACHES; i++)
	{
		const Breach *breach = &breaches[i];
		Body		good = body_good_answer();
		Body		bad = {0};
		const char *part = breach->part == NULL ? NULL :
			strstr(good.data, breach->part);

		if (breach->part == NULL || part != NULL)
		{
			body_add_bytes(&bad, breach->before,
						   size_of(breach->before, breach->before_size));
			if (part != NULL)
			{
				body_add_bytes(&bad, good.data, (size_t) (part - good.data));
				body_add_bytes(&bad, breach->replaced,
							   size_of(breach->replaced,
									   breach->replaced_size));
				body_add(&bad, part + strlen(breach->part));
			}
			else
				body_add(&bad, good.data);
			body_add_bytes(&bad, breach->after,
						   size_of(breach->after, breach->after_size));
			refuse_bytes(bad, body_pattern(), breach->name);
		}
		body_drop(&good);
	}
}

/* The text in two or four bytes a letter. */
static Body
widen(const Body *text, size_t width, size_t place, const char *mark)
{
	Body		wide = {0};

	body_add_bytes(&wide, mark, strlen(mark));
	for (size_t i = 0; i < text->size; i++)
		for (size_t j = 0; j < width; j++)
			body_add_bytes(&wide, j == place ? text->data + i : "\0", 1);
	return wide;
}

static Body
first_bytes(const Body *text, size_t size)
{
	Body		cut = {0};

	body_add_bytes(&cut, text->data, size);
	return cut;
}

static void
test_other_texts(void)
{
	Body		good = body_good_answer();
	Body		body = {0};

	body_add(&body, "");
	refuse_bytes(body, body_pattern(), "nothing");
	memset(&body, 0, sizeof(body));
	body_add_bytes(&body, "\0", 1);
	refuse_bytes(body, body_pattern(), "NUL in the place of a body");
	refuse(" \t\r\n ", body_pattern());
	refuse("<html><body>Sign in</body></html>", body_pattern());
	refuse("done", body_pattern());
	refuse("[}", body_pattern());
	refuse_bytes(widen(&good, 2, 0, ""), body_pattern(), "UTF-16LE");
	refuse_bytes(widen(&good, 2, 1, ""), body_pattern(), "UTF-16BE");
	refuse_bytes(widen(&good, 2, 1, "\xfe\xff"), body_pattern(),
				 "UTF-16 with a BOM");
	refuse_bytes(widen(&good, 4, 0, ""), body_pattern(), "UTF-32");
	for (size_t size = 1; size < good.size; size++)
		refuse_bytes(first_bytes(&good, size), body_pattern(), "cut off");
	memset(&body, 0, sizeof(body));
	body_repeat(&body, "[", 100000);
	refuse_bytes(body, body_pattern(), "arrays in arrays");
	memset(&body, 0, sizeof(body));
	body_repeat(&body, "{\"a\":", 100000);
	refuse_bytes(body, body_pattern(), "objects in objects");
	memset(&body, 0, sizeof(body));
	body_add(&body, " \r\n\t");
	body_add(&body, good.data);
	body_add(&body, "\n ");
	give_bytes(body, 1, current->good_text, "in white space");
	give_bytes(good, 1, current->good_text, "as it should be");
}

/* ---- JSON of another shape ---- */

static Body
around(const char *before, const char *after)
{
	Body		body = {0};

	body_add(&body, before);
	body_add_element(&body, current->members, "", NULL);
	body_add(&body, after);
	return body;
}

static void
refuse_around(const char *before, const char *after, const char *pattern)
{
	refuse_bytes(around(before, after), pattern, before);
}

static void
give_around(const char *before, const char *after)
{
	give_bytes(around(before, after), 1, current->good_text, before);
}

/* Every text of a list that ends with NULL. */
static void
refuse_each(const char *const *texts, const char *pattern)
{
	for (; *texts != NULL; texts++)
		refuse(*texts, pattern);
}

static void
test_shape_of_me(void)
{
	static const char *const without[] = {
		"{}", "[]", "{\"results\":null}", "{\"results\":[]}",
		"{\"results\":\"x\"}", "{\"results\":1}", "{\"results\":{}}",
		"{\"results\":{\"projects\":null}}",
		"{\"results\":{\"projects\":true}}",
		"{\"results\":{\"projects\":1}}",
		"{\"results\":{\"projects\":\"x\"}}", NULL,
	};

	refuse_each(without, "^Body: it has no \"projects\"");
	refuse_around("[", "]", "^Body: it has no \"projects\"");
	give_around("{\"projects\":[", "]}");
	give_around("{\"results\":{\"projects\":[", "]}}");
	give("{\"results\":{\"projects\":[]}}", 0);
	give("{\"results\":{\"projects\":{}}}", 0);
}

/* The name of a project in an object is its id, if it has none. */
static void
test_names_of_me(void)
{
	static const char *const no_id[] = {
		"{\"projects\":{\"\":{\"name\":\"P\"}}}",
		"{\"projects\":{\"0\":{\"name\":\"P\"}}}",
		"{\"projects\":{\"-5\":{\"name\":\"P\"}}}",
		"{\"projects\":{\"1e3\":{\"name\":\"P\"}}}",
		"{\"projects\":{\"9223372036854775808\":{\"name\":\"P\"}}}",
		"{\"projects\":{\"P\":{\"id\":null,\"name\":\"P\"}}}", NULL,
	};

	give("{\"projects\":{\"1001\":{\"name\":\"P\"}}}", 1);
	give("{\"projects\":{\"1001\":{\"id\":null,\"name\":\"P\"}}}", 1);
	give("{\"projects\":{\"9223372036854775807\":{\"name\":\"P\"}}}", 1);
	give("{\"projects\":{\"what\":{\"id\":1001,\"name\":\"P\"}}}", 1);
	refuse_each(no_id, "^Record 1, field \"id\": is missing, and the");
	refuse("{\"projects\":[{\"name\":\"P\"}]}",
		   "^Record 1, field \"id\": is missing");
}

static void
test_shape_of_list(void)
{
	static const char *const no_array[] = {
		"{\"results\":null}", "{\"results\":true}", "{\"results\":1}",
		"{\"results\":\"x\"}", "{\"results\":{}}", NULL,
	};
	static const char *const without[] = {
		"{}", "{\"status\":\"ok\"}", "{\"Results\":[]}", NULL,
	};

	refuse_each(no_array, "^Body: \"results\" is not an array");
	refuse_around("{\"results\":", "}", "^Body: \"results\" is not an array");
	refuse_each(without, "^Body: it has no \"results\"");
	refuse_around("", "", "^Body: it has no \"results\"");
	refuse_around("{\"results\":[],\"results\":[", "]}",
				  "^Body: a second \"results\"");
	give("[]", 0);
	give("{\"results\":[]}", 0);
	give_around("[", "]");
}

static void
test_shape_of_one(void)
{
	static const char *const no_object[] = {
		"{\"results\":null}", "{\"results\":true}", "{\"results\":1}",
		"{\"results\":\"x\"}", "{\"results\":[]}", NULL,
	};
	static const char *const no_id[] = {
		"{}", "{\"results\":{}}", "{\"status\":\"ok\"}", "[{}]", NULL,
	};
	static const char *const other[] = {
		"[null]", "[7]", "[\"x\"]", "[[]]", NULL,
	};

	refuse_each(no_object, "^Body: [^ ]");
	refuse_around("[{\"id\":2},", "]", "^Body: [^ ]");
	refuse_each(no_id, "^Record 1, field \"id\": is missing");
	refuse_each(other, "^Record 1: is not an object");
	give_around("[", "]");
	give_around("{\"results\":[", "]}");
}

static void
test_shapes(void)
{
	static const char *const no_container[] = {
		"null", "true", "7", "\"x\"", NULL,
	};

	refuse_each(no_container, "^Body: [^ ]");
	if (current->is_me)
	{
		test_shape_of_me();
		test_names_of_me();
	}
	else if (current->is_list)
		test_shape_of_list();
	else
		test_shape_of_one();
}

/* A good element and then this one. */
static Body
second_item(const char *item)
{
	Body		body = {0};

	body_add(&body, current->before);
	body_add_element(&body, current->members, "", NULL);
	body_add(&body, current->is_me ? ",\"1002\":" : ",");
	body_add(&body, item);
	body_add(&body, current->after);
	return body;
}

static void
test_items(void)
{
	static const char *const no_object[] = {
		"null", "true", "7", "-1.5", "\"x\"", "[]", "\"{\\\"id\\\":3}\"",
		"\"\"", "[{\"id\":3}]",
	};
	static const char *const twice[] = {
		"{\"id\":3,\"id\":3}", "{\"id\":3,\"\\u0069d\":3}",
		"{\"projectId\":3,\"\\u0070rojectId\":3}",
		"{\"id\":3,\"projectId\":3,\"x\":[{\"a\":1,\"a\":1}]}",
	};

	if (!current->is_list)
		return;
	for (size_t i = 0; i < sizeof(no_object) / sizeof(no_object[0]); i++)
		refuse_bytes(second_item(no_object[i]), "^Record 2: is not an object",
					 no_object[i]);
	if (!current->is_me)
		refuse_bytes(second_item("{}"),
					 "^Record 2, field \"(id|project_id)\": is missing", "{}");
	for (size_t i = 0; i < sizeof(twice) / sizeof(twice[0]); i++)
		refuse_bytes(second_item(twice[i]), current->is_me ?
					 "^Body.*second member" : "^Record 2.*second member",
					 twice[i]);
}

/* ---- much of it ---- */

static void
test_white_space(void)
{
	Body		body = {0};
	Body		good = body_good_answer();

	body_add(&body, "{");
	body_repeat(&body, " \t\r\n", 1024 * 320);
	body_add(&body, good.data + 1);
	body_repeat(&body, " \t\r\n", 1024 * 320);
	give_bytes(body, 1, current->good_text, "much white space");
	memset(&body, 0, sizeof(body));
	body_add(&body, good.data);
	body_repeat(&body, " ", 1024 * 1024);
	body_add(&body, "x");
	refuse_bytes(body, "^Body: .*something after", "something behind it");
	body_drop(&good);
}

static void
test_long_string(void)
{
	Body		value = {0};

	body_add(&value, "\"");
	body_repeat(&value, "\\u00e9", 20000);
	body_add(&value, "\"");
	give_bytes(body_answer_with(current->text, value.data), 1, NULL,
			   "20000 escaped letters");
	body_drop(&value);
}

static void
test_long_list(void)
{
	Body		body = {0};
	Reading		reading;
	char		element[32];

	body_add(&body, "{\"results\":[{\"id\":1}");
	for (int id = 2; id <= 2000; id++)
	{
		snprintf(element, sizeof(element), ",{\"id\":%d}", id);
		body_add(&body, element);
	}
	body_add(&body, ",{\"id\":0}]}");
	reading = canned_read(&reads[0].asking, body.data, body.size);
	is_str(reading.detail,
		   "Record 2001, field \"id\": is out of range.", "the last one bad");
	is_int(reading.count, 2000, "all before it");
	is_int(reading.sum, 2001000, "each of them");
	canned_release(&reading);
	body_drop(&body);
}

int
main(void)
{
	for (size_t i = 0; i < READS; i++)
	{
		current = &reads[i];
		test_breaches();
		test_other_texts();
		test_shapes();
		test_items();
		test_white_space();
		test_long_string();
	}
	test_long_list();
	return done_testing();
}
