/*-------------------------------------------------------------------------
 *
 * json_stream_test.c
 *		Tests of json/stream.c and buffer.h.
 *
 * What comes out of an answer is written down as a transcript, one line an
 * element, which must be the same wherever the answer is cut.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

/* buffer.h as this file includes it: is all that it frees wiped? */
static size_t freed_bytes;
static size_t unwiped_bytes;
static void checking_free(void *data, size_t size);

#include "base/wipe.h"

#define malloc(size) calloc(1, (size))
#define free(data) checking_free((data), buffer->capacity)
#include "base/buffer.h"
#undef malloc
#undef free

#include "json/stream.h"
#include "tap.h"

#define MIB			(1024 * 1024)
#define SECRET		'\x15'		/* what stands for a secret byte */
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

typedef struct Text
{
	char	   *data;
	size_t		length;
	size_t		capacity;
} Text;

typedef struct Case
{
	const char *answer;
	const char *transcript;
} Case;

static void
checking_free(void *data, size_t size)
{
	const char *bytes = data;

	for (size_t i = 0; i < size; i++)
		unwiped_bytes += bytes[i] == SECRET;
	freed_bytes += size;
	free(data);
}

static void
add(Text *text, const char *bytes, size_t length)
{
	if (text->length + length + 1 > text->capacity)
	{
		text->capacity = 2 * (text->length + length + 1);
		text->data = realloc(text->data, text->capacity);
	}
	if (length > 0)
		memcpy(text->data + text->length, bytes, length);
	text->length += length;
	text->data[text->length] = '\0';
}

static void
add_line(Text *text, const char *line)
{
	add(text, line, strlen(line));
	add(text, "\n", 1);
}

/* Feed one chunk, in memory of exactly its size; false when it is bad. */
static bool
feed(MpJsonStream *stream, const char *bytes, size_t length, Text *transcript)
{
	char	   *chunk = malloc(length + (length == 0));
	const char *at = chunk;
	const char *element;
	size_t		element_length;
	MpJsonEvent event;

	memcpy(chunk, bytes, length);
	while ((event = mp_json_stream_next(stream, &at, &length, &element,
										&element_length)) == MP_JSON_ELEMENT)
	{
		add(transcript, element, element_length);
		add(transcript, "\n", 1);
	}
	free(chunk);
	if (event == MP_JSON_MORE && length != 0)
		add_line(transcript, "wants more, but did not use what it had");
	return event == MP_JSON_MORE;
}

/* After the last chunk. */
static void
finish(MpJsonStream *stream, Text *transcript)
{
	static const char *const shapes[] = {
		[MP_JSON_SHAPE_ARRAY] = "array",
		[MP_JSON_SHAPE_RESULTS_ARRAY] = "results array",
		[MP_JSON_SHAPE_RESULTS_OBJECT] = "results object",
		[MP_JSON_SHAPE_RESULTS_OTHER] = "results other",
		[MP_JSON_SHAPE_OBJECT] = "object",
	};
	const char *envelope;
	size_t		length;

	if (!mp_json_stream_finish(stream))
	{
		add(transcript, "! ", 2);
		add_line(transcript, mp_json_stream_error(stream));
		return;
	}
	envelope = mp_json_stream_envelope(stream, &length);
	add(transcript, "= ", 2);
	add(transcript, shapes[mp_json_stream_shape(stream)],
		strlen(shapes[mp_json_stream_shape(stream)]));
	add(transcript, " ", 1);
	add(transcript, envelope, length);
	add(transcript, "\n", 1);
}

/* The transcript of an answer cut at `first`, then after each `step` bytes. */
static Text
transcribe(const char *answer, size_t length, size_t first, size_t step)
{
	MpJsonStream *stream = mp_json_stream_create();
	Text		transcript = {NULL, 0, 0};
	size_t		at = 0;
	size_t		piece = first;
	bool		good = true;

	add(&transcript, "", 0);
	while (good && at < length)
	{
		if (piece > length - at)
			piece = length - at;
		good = feed(stream, answer + at, piece, &transcript);
		at += piece;
		piece = step;
	}
	finish(stream, &transcript);
	if (!good && feed(stream, "[]", 2, &transcript))
		add_line(&transcript, "bad, but not for good");
	mp_json_stream_free(stream);
	return transcript;
}

/* Is the transcript this, in one piece and cut anywhere? */
static void
check(const char *answer, size_t length, const char *expected)
{
	Text		whole = transcribe(answer, length, length, length);
	char		name[61] = "";
	int			wrong = 0;

	for (size_t i = 0; i < length && i < sizeof(name) - 1; i++)
		/* cppcheck-suppress arrayIndexOutOfBounds; i < length */
		name[i] = answer[i] >= ' ' ? answer[i] : '.';
	is_str(whole.data, expected, "%s", name);
	for (size_t first = 0; first <= length && wrong == 0; first++)
	{
		Text		two = transcribe(answer, length, first, length);
		Text		small = transcribe(answer, length, first, 1 + first % 7);

		wrong += strcmp(two.data, whole.data) != 0;
		wrong += strcmp(small.data, whole.data) != 0;
		if (wrong > 0)
			diag("cut at %zu: %s%s", first, two.data, small.data);
		free(two.data);
		free(small.data);
	}
	is_int(wrong, 0, "the same wherever it is cut");
	free(whole.data);
}

static const Case good_cases[] = {
	{"[]", "= array \n"},
	{" [ ] ", "= array \n"},
	{"[{\"id\":1},{\"id\":2}]", "{\"id\":1}\n{\"id\":2}\n= array \n"},
	{"[ {\"id\" : 1} , {} ]\n", "{\"id\" : 1}\n{}\n= array \n"},
	{"[null,true,false,1,-1.5e+3,\"a\",[1,[2]],{}]",
	"null\ntrue\nfalse\n1\n-1.5e+3\n\"a\"\n[1,[2]]\n{}\n= array \n"},
	{"[1 ,2]", "1\n2\n= array \n"},
	{"[\"a]b\",\"c\\\"]\",\"\\\\\"]", "\"a]b\"\n\"c\\\"]\"\n\"\\\\\"\n= array \n"},
	{"[\"\xe2\x82\xac\",\"\xf0\x9f\x98\x80 \xc3\xa9\"]",
	"\"\xe2\x82\xac\"\n\"\xf0\x9f\x98\x80 \xc3\xa9\"\n= array \n"},
	{"{}", "{}\n= object {}\n"},
	{"{ \"a\" : [ 1 , { \"results\" : [ 2 ] } ] , \"b\" : \" x \" }",
		"{\"a\":[1,{\"results\":[2]}],\"b\":\" x \"}\n"
	"= object {\"a\":[1,{\"results\":[2]}],\"b\":\" x \"}\n"},
	{"{\"results\":[]}", "= results array {\"results\":null}\n"},
	{"{\"status\":\"ok\",\"results\":[{\"id\":1}]}",
	"{\"id\":1}\n= results array {\"status\":\"ok\",\"results\":null}\n"},
	{"{ \"results\" : [ 1 , 2 ] , \"next\" : null, \"page\": { \"n\": 1 } }",
		"1\n2\n= results array "
	"{\"results\":null,\"next\":null,\"page\":{\"n\":1}}\n"},
	{"{\"r\\u0065sults\":[1],\"a\":true}",
	"1\n= results array {\"r\\u0065sults\":null,\"a\":true}\n"},
	{"{\"a\":1,\"results\":{\"id\":1,\"results\":[2]},\"b\":[3]}",
		"{\"id\":1,\"results\":[2]}\n"
	"= results object {\"a\":1,\"results\":null,\"b\":[3]}\n"},
	{"{\"results\": { } }", "{ }\n= results object {\"results\":null}\n"},
	{"{\"results\":null}", "= results other {\"results\":null}\n"},
	{"{\"results\" : 12 , \"a\":1}", "= results other {\"results\":12,\"a\":1}\n"},
	{"{\"results\":\"[1]\"}", "= results other {\"results\":\"[1]\"}\n"},
	{"{\"result\":[1],\"resultsx\":[2],\"Results\":[3]}",
		"{\"result\":[1],\"resultsx\":[2],\"Results\":[3]}\n"
	"= object {\"result\":[1],\"resultsx\":[2],\"Results\":[3]}\n"},
	{"{\"a\":\"results\",\"b\":[\"results\",[0]]}",
		"{\"a\":\"results\",\"b\":[\"results\",[0]]}\n"
	"= object {\"a\":\"results\",\"b\":[\"results\",[0]]}\n"},
	/* left to whoever takes the element or the envelope */
	{"[\"\\x\",1-2,{\"a\":1,\"a\":2},\"\x80\"]",
	"\"\\x\"\n1-2\n{\"a\":1,\"a\":2}\n\"\x80\"\n= array \n"},
	{"{\"a\":1,\"a\":\"\\ud800\",\"results\":[]}",
	"= results array {\"a\":1,\"a\":\"\\ud800\",\"results\":null}\n"},
	{"[\"a\nb\",\"\\\x01\"]", "\"a\nb\"\n\"\\\x01\"\n= array \n"},
	{"[{\"a\tb\":1}]", "{\"a\tb\":1}\n= array \n"},
	{"{\"a\":\"\x1f\"}", "{\"a\":\"\x1f\"}\n= object {\"a\":\"\x1f\"}\n"},
};

static const Case bad_cases[] = {
	{"", "! nothing in it\n"},
	{" \n", "! nothing in it\n"},
	{"\xef\xbb\xbf[]", "! neither an object nor an array at byte 1\n"},
	{"null", "! neither an object nor an array at byte 1\n"},
	{" 12", "! neither an object nor an array at byte 2\n"},
	{"\"results\"", "! neither an object nor an array at byte 1\n"},
	{"<html>", "! neither an object nor an array at byte 1\n"},
	{"[", "! an early end after 1 bytes\n"},
	{"[1", "! an early end after 2 bytes\n"},
	{"[{\"a\":1}", "{\"a\":1}\n! an early end after 8 bytes\n"},
	{"{\"results\":[1,2]", "1\n2\n! an early end after 16 bytes\n"},
	{"{\"results\":[1,2],", "1\n2\n! an early end after 17 bytes\n"},
	{"{\"results\":{}", "{}\n! an early end after 13 bytes\n"},
	{"{\"a\":\"b", "! an early end after 7 bytes\n"},
	{"[] []", "! something after its end at byte 4\n"},
	{"[1]]", "1\n! something after its end at byte 4\n"},
	{"{}{}", "{}\n! something after its end at byte 3\n"},
	{"[]x", "! something after its end at byte 3\n"},
	{"[1 2]", "1\n! no comma or closing bracket at byte 4\n"},
	{"[1,]", "1\n! no value at byte 4\n"},
	{"[,1]", "! no value at byte 2\n"},
	{"[1,,2]", "1\n! no value at byte 4\n"},
	{"[{}{}]", "{}\n! no comma or closing bracket at byte 4\n"},
	{"[1}", "1\n! no comma or closing bracket at byte 3\n"},
	{"[{\"a\":1]]", "! no comma or closing bracket at byte 8\n"},
	{"[{\"a\":[1}]", "! no comma or closing bracket at byte 9\n"},
	{"[{\"a\":1,}]", "! no name of a member at byte 9\n"},
	{"[{,}]", "! no name of a member at byte 3\n"},
	{"[{a:1}]", "! no name of a member at byte 3\n"},
	{"[{\"a\" 1}]", "! no colon after a member's name at byte 7\n"},
	{"[{\"a\":}]", "! no value at byte 7\n"},
	{"{\"results\":}", "! no value at byte 12\n"},
	{"{\"results\":[1],}", "1\n! no name of a member at byte 16\n"},
	{"{\"results\":[1] \"a\":2}", "1\n! no comma or closing bracket at byte 16\n"},
	{"{\"results\":[1],\"a\"}", "1\n! no colon after a member's name at byte 19\n"},
	{"{\"results\":[1],\"results\":[2]}",
	"1\n! a second \"results\" at byte 24\n"},
	{"{\"results\":[1],\"\\u0072esults\":2}",
	"1\n! a second \"results\" at byte 29\n"},
	{"{\"results\":null,\"results\":[2]}", "! a second \"results\" at byte 25\n"},
	{"{\"results\":{},\"results\":{}}",
	"{}\n! a second \"results\" at byte 23\n"},
	{"{\"r\\x65sults\":[1]}", "! an invalid name of a member at byte 13\n"},
	{"{\"\xff\":[1]}", "! an invalid name of a member at byte 4\n"},
	{"// c\n[]", "! neither an object nor an array at byte 1\n"},
	{"[/* c */1]", "! no value at byte 2\n"},
	{"[NaN]", "! no value at byte 2\n"},
	{"[nan]", "! no value at byte 3\n"},
	{"[-Infinity]", "-\n! no comma or closing bracket at byte 3\n"},
	{"[nul]", "! no value at byte 5\n"},
	{"[True]", "! no value at byte 2\n"},
	{"['a']", "! no value at byte 2\n"},
	{"{\"a\tb\":1}", "! an invalid name of a member at byte 6\n"},
	{"[\v]", "! no value at byte 2\n"},
};

static void
test_cases(void)
{
	for (size_t i = 0; i < COUNT(good_cases); i++)
		check(good_cases[i].answer, strlen(good_cases[i].answer),
			  good_cases[i].transcript);
	for (size_t i = 0; i < COUNT(bad_cases); i++)
		check(bad_cases[i].answer, strlen(bad_cases[i].answer),
			  bad_cases[i].transcript);
	check("[\0]", 3, "! no value at byte 2\n");
	check("[]\0", 3, "! something after its end at byte 3\n");
}

static void
test_depth(void)
{
	char		text[2 * MP_JSON_DEPTH_LIMIT + 16];
	char		expected[2 * MP_JSON_DEPTH_LIMIT + 80];
	int			limit = MP_JSON_DEPTH_LIMIT;
	char		brackets[2 * MP_JSON_DEPTH_LIMIT + 2];

	/* `limit` deep: so many brackets in an array */
	memset(brackets, '[', (size_t) limit);
	memset(brackets + limit, ']', (size_t) limit);
	snprintf(text, sizeof(text), "%.*s", 2 * limit, brackets);
	snprintf(expected, sizeof(expected), "%.*s\n= array \n", 2 * limit - 2,
			 brackets + 1);
	check(text, strlen(text), expected);

	snprintf(text, sizeof(text), "[%.*s]", 2 * limit, brackets);
	snprintf(expected, sizeof(expected), "! too deep a nesting at byte %d\n",
			 limit + 1);
	check(text, strlen(text), expected);

	/* the envelope counts, and what is not kept of it */
	snprintf(text, sizeof(text), "{\"results\":[%.*s]}", 2 * limit - 4,
			 brackets + 2);
	snprintf(expected, sizeof(expected),
			 "%.*s\n= results array {\"results\":null}\n", 2 * limit - 4,
			 brackets + 2);
	check(text, strlen(text), expected);
	snprintf(text, sizeof(text), "{\"results\":[%.*s]}", 2 * limit - 2,
			 brackets + 1);
	snprintf(expected, sizeof(expected), "! too deep a nesting at byte %d\n",
			 limit + 11);
	check(text, strlen(text), expected);
}

typedef struct Limit
{
	const char *before;
	const char *open;			/* with `close`, what is limited */
	const char *close;
	const char *after;
	const char *error;
} Limit;

#define TOO_LONG	"! an element of more than 1048576 bytes at byte "
#define TOO_MUCH	"! more than 1048576 bytes around its results\n"

static const Limit limits[] = {
	{"[", "\"", "\"", "]", TOO_LONG "2\n"},
	{"[", "{\"a\":\"", "\"}", "]", TOO_LONG "2\n"},
	{"[ ", "[", "]", "]", TOO_LONG "3\n"},
	{"[", "", "", "]", TOO_LONG "2\n"},
	{"{\"results\":[", "", "", "]}", TOO_LONG "13\n"},
	{"{\"results\":", "{\"a\":", "}", "}", TOO_LONG "12\n"},
	{"", "{\"a\":", "}", "", TOO_MUCH},
	{" ", "{\"a\": ", "}", "", NULL},
	{"", "{\"a\":\"", "\",\"results\":null}", "", TOO_MUCH},
	{"{\"results\": [  ] ", ",\"a\":\"", "\"                 }", "", NULL},
};

/* What is limited with `more` bytes above the limit, in pieces of `step`. */
static Text
transcribe_limit(const Limit *limit, size_t more, size_t step)
{
	size_t		filled = MP_JSON_ELEMENT_LIMIT + more -
		strlen(limit->open) - strlen(limit->close);
	char	   *filler = malloc(filled);
	Text		text = {NULL, 0, 0};
	Text		transcript;

	memset(filler, '1', filled);
	add(&text, limit->before, strlen(limit->before));
	add(&text, limit->open, strlen(limit->open));
	add(&text, filler, filled);
	add(&text, limit->close, strlen(limit->close));
	add(&text, limit->after, strlen(limit->after));
	transcript = transcribe(text.data, text.length, step, step);
	free(filler);
	free(text.data);
	return transcript;
}

static void
test_limits(void)
{
	static const size_t steps[] = {3 * MIB, 65536, 4099};

	for (size_t i = 0; i < COUNT(limits) * COUNT(steps); i++)
	{
		const Limit *limit = &limits[i / COUNT(steps)];
		size_t		step = steps[i % COUNT(steps)];
		Text		at_limit = transcribe_limit(limit, 0, step);
		Text		above = transcribe_limit(limit, 1, step);

		ok(at_limit.data[0] != '!' && strstr(at_limit.data, "= ") != NULL,
		   "%s%s...%s%s at the limit", limit->before, limit->open,
		   limit->close, limit->after);
		if (limit->error != NULL)
			is_str(above.data, limit->error, "and above it");
		else
			ok(above.data[0] != '!', "white space is not counted");
		free(at_limit.data);
		free(above.data);
	}
}

/* 5 MB of white space wherever there may be some. */
static void
test_space(void)
{
	static const char *const parts[] = {"", "{", "\"a\"", ":", "1", ",",
		"\"results\"", ":", "[", "2", ",", "{}", "]", ",", "\"b\"", ":", "[",
	"]", "}", ""};
	Text		space = {NULL, 0, 0};
	Text		text = {NULL, 0, 0};
	Text		transcript;

	for (int i = 0; i < 5 * MIB / 4; i++)
		add(&space, " \t\r\n", 4);
	for (size_t i = 0; i < COUNT(parts); i++)
	{
		add(&text, parts[i], strlen(parts[i]));
		if (i % 3 == 0)
			add(&text, space.data, space.length);
	}
	transcript = transcribe(text.data, text.length, 65536, 65536);
	is_str(transcript.data,
		   "2\n{}\n= results array {\"a\":1,\"results\":null,\"b\":[]}\n",
		   "white space between tokens is dropped");
	free(transcript.data);

	text.length = 0;
	add(&text, "[{", 2);
	add(&text, space.data, space.length);
	add(&text, "}]", 2);
	transcript = transcribe(text.data, text.length, 65536, 65536);
	is_str(transcript.data, TOO_LONG "2\n", "but in an element it counts");
	free(transcript.data);
	free(text.data);
	free(space.data);
}

/* A longer answer, cut at random. */
static void
test_random_cuts(void)
{
	Text		text = {NULL, 0, 0};
	Text		whole;
	uint32_t	random = 1;
	char		element[80];
	int			wrong = 0;

	add(&text, "{\"status\":\"ok\", \"results\": [", 28);
	for (int i = 0; i < 200; i++)
	{
		snprintf(element, sizeof(element),
				 "%s{\"id\": %d, \"x\": [\"\\\\\", \"\\\"]\", {\"y\":null}]}",
				 i == 0 ? "" : ", ", i);
		add(&text, element, strlen(element));
	}
	add(&text, "], \"n\": [[], {}]}", 17);
	whole = transcribe(text.data, text.length, text.length, 1);
	for (int round = 0; round < 200; round++)
	{
		MpJsonStream *stream = mp_json_stream_create();
		Text		cut = {NULL, 0, 0};
		size_t		at = 0;

		while (at < text.length)
		{
			size_t		piece;

			random = random * 1664525 + 1013904223;
			piece = (random >> 8) % (2 + (size_t) round);
			if (piece > text.length - at)
				piece = text.length - at;
			feed(stream, text.data + at, piece, &cut);
			at += piece;
		}
		finish(stream, &cut);
		wrong += strcmp(cut.data, whole.data) != 0;
		wrong += mp_json_stream_count(stream) != 200;
		mp_json_stream_free(stream);
		free(cut.data);
	}
	is_int(wrong, 0, "cuts at random");
	free(whole.data);
	free(text.data);
}

static void
test_calls(void)
{
	static const char text[] = "[{\"a\":1},{\"b\":2}]";
	MpJsonStream *stream = mp_json_stream_create();
	const char *at = text;
	size_t		length = strlen(text);
	const char *element;
	size_t		element_length;

	is_int(mp_json_stream_next(stream, &at, &length, &element,
							   &element_length), MP_JSON_ELEMENT, "an element");
	ok(element == text + 1 && element_length == 7, "lies in the input");
	ok(at == text + 8 && length == strlen(text) - 8, "which is used so far");
	is_int(mp_json_stream_count(stream), 1, "and counted");
	is_int(mp_json_stream_shape(stream), MP_JSON_SHAPE_ARRAY,
		   "the shape is known by then");
	mp_json_stream_next(stream, &at, &length, &element, &element_length);
	ok(element == text + 9 && element_length == 7, "so does the next");
	ok(!mp_json_stream_finish(stream), "the end is not there yet");
	is_int(mp_json_stream_next(stream, &at, &length, &element,
							   &element_length), MP_JSON_BAD,
		   "finish() was the end");

	mp_json_stream_reset(stream);
	is_int(mp_json_stream_count(stream), 0, "a reset counts anew");
	at = text;
	length = 3;
	is_int(mp_json_stream_next(stream, &at, &length, &element,
							   &element_length), MP_JSON_MORE,
		   "and begins anew");
	mp_json_stream_reset(stream);
	at = "{}";
	length = 2;
	is_int(mp_json_stream_next(stream, &at, &length, &element,
							   &element_length), MP_JSON_ELEMENT,
		   "also within an element");
	ok(mp_json_stream_finish(stream), "up to the end");
	is_str(mp_json_stream_error(stream), "", "without an error");
	mp_json_stream_free(stream);
	mp_json_stream_free(NULL);
}

static void
test_buffer(void)
{
	MpBuffer	buffer = {0};
	char		secret[700];

	memset(secret, SECRET, sizeof(secret));
	for (int i = 0; i < 20; i++)
		ok(mp_buffer_append(&buffer, secret, sizeof(secret)), "append");
	is_int(buffer.length, 20 * sizeof(secret), "all is there");
	ok(memcmp(buffer.data + 19 * sizeof(secret), secret, sizeof(secret)) == 0,
	   "and kept");
	ok(freed_bytes > 0, "the buffer has grown");
	mp_buffer_wipe(&buffer);
	ok(buffer.length == 0 && buffer.data[0] == '\0', "wiped");
	mp_buffer_append(&buffer, secret, 1);
	mp_buffer_free(&buffer);
	ok(buffer.data == NULL && buffer.capacity == 0, "freed");
	is_int(unwiped_bytes, 0, "nothing was freed that was not wiped");
}

/* Whatever is appended and consumed, in which steps: what is unread is right,
 * and nothing of what was read is left behind. */
static void
test_buffer_consume(void)
{
	MpBuffer	buffer = {0};
	char		chunk[300];
	size_t		appended = 0;
	size_t		consumed = 0;
	bool		fine = true;
	bool		clean = true;

	for (int i = 0; i < 400; i++)
	{
		size_t		length = (size_t) (i * 37 % 300);

		for (size_t k = 0; k < length; k++)
			chunk[k] = (char) ('A' + (appended + k) % 23);
		mp_buffer_append(&buffer, chunk, length);
		appended += length;
		length = (size_t) (i * 53 % 310);
		if (length > appended - consumed)
			length = appended - consumed;
		mp_buffer_consume(&buffer, length);
		consumed += length;

		fine = fine && mp_buffer_unread(&buffer) == appended - consumed;
		for (size_t k = buffer.start; k < buffer.length; k++)
			fine = fine && buffer.data[k] == (char)
				('A' + (consumed + k - buffer.start) % 23);
		for (size_t k = buffer.length; k < buffer.capacity; k++)
			clean = clean && buffer.data[k] == '\0';
	}
	ok(fine, "what is unread is what was appended last");
	ok(clean, "and nothing lies behind it");
	mp_buffer_consume(&buffer, SIZE_MAX);
	is_int(mp_buffer_unread(&buffer), 0, "no more is consumed than there is");
	mp_buffer_free(&buffer);
	is_int(unwiped_bytes, 0, "all was wiped");
}

int
main(void)
{
	test_cases();
	test_depth();
	test_limits();
	test_space();
	test_random_cuts();
	test_calls();
	test_buffer();
	test_buffer_consume();
	return done_testing();
}
