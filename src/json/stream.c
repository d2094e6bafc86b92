/*-------------------------------------------------------------------------
 *
 * json/stream.c
 *		An answer's bytes in, the elements of its results out as they arrive.
 *
 * Owns the envelope of an answer.  Must not know what the elements mean.
 *
 * One push-down automaton runs over all of the answer: `state` says what may
 * come next, `objects` which of the containers around it are objects, and
 * `place` what becomes of the bytes.  In an element they are left in the
 * input, and copied only where the input ends before the element does; around
 * the results they are kept, but for white space; between elements they are
 * dropped.
 *
 *-------------------------------------------------------------------------
 */
#include "json/stream.h"

#include "base/buffer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define ERROR_TEXT		96

typedef enum State
{
	EXPECT_ANSWER,
	EXPECT_VALUE,
	EXPECT_VALUE_OR_END,
	EXPECT_NAME,
	EXPECT_NAME_OR_END,
	EXPECT_COLON,
	EXPECT_COMMA_OR_END,
	EXPECT_NOTHING,
	IN_STRING,
	IN_ESCAPE,
	IN_LITERAL,
	IN_NUMBER,
} State;

/* What the next byte belongs to. */
typedef enum Place
{
	AROUND_RESULTS,				/* the envelope, or nothing at all */
	BETWEEN_ELEMENTS,
	IN_ELEMENT,
} Place;

struct MpJsonStream
{
	State		state;
	Place		place;
	MpJsonShape shape;			/* as far as is known */
	int			depth;
	uint64_t	objects;		/* bit 0: is the innermost container one? */
	bool		in_name;		/* the string is the name of a member */
	bool		results_next;	/* the next value is that of "results" */
	const char *literal;		/* what is left of true, false or null */

	/* the input, during a call */
	const char *chunk;
	const char *at;
	const char *end;
	int64_t		consumed;		/* bytes before the chunk */

	/* the element */
	const char *mark;			/* where its part of the chunk begins */
	MpBuffer	element;		/* what earlier chunks had of it */
	int			element_depth;	/* of what contains it */
	int64_t		element_position;
	bool		lent;			/* the buffer was handed out */
	const char *ready;			/* to be handed out, else NULL */
	size_t		ready_length;
	int64_t		count;

	/* the envelope */
	MpBuffer	envelope;
	size_t		name_start;		/* of the last name in it, after its quote */

	bool		broken;
	char		error[ERROR_TEXT];
};

static void step(MpJsonStream *stream);
static void take_answer(MpJsonStream *stream, char byte);
static void take_value(MpJsonStream *stream, char byte);
static void take_name(MpJsonStream *stream, char byte);
static void take_colon(MpJsonStream *stream, char byte);
static void take_comma(MpJsonStream *stream, char byte);
static void take_string(MpJsonStream *stream);
static void take_escape(MpJsonStream *stream);
static void take_literal(MpJsonStream *stream);
static void take_number(MpJsonStream *stream);

static void open_container(MpJsonStream *stream);
static void close_container(MpJsonStream *stream);
static void open_string(MpJsonStream *stream, bool is_name);
static void close_string(MpJsonStream *stream);
static void end_value(MpJsonStream *stream);

static void note_results(MpJsonStream *stream);
static void begin_results(MpJsonStream *stream, char byte);
static void begin_element(MpJsonStream *stream);
static void end_element(MpJsonStream *stream);
static void buffer_element(MpJsonStream *stream);
static size_t element_bytes(const MpJsonStream *stream);

static bool skip_space(MpJsonStream *stream);
static bool is_in_number(char byte);
static void take_byte(MpJsonStream *stream);
static void keep(MpJsonStream *stream, const char *from, size_t length);
static void add_envelope(MpJsonStream *stream, const char *from,
						 size_t length);
static void fail(MpJsonStream *stream, const char *error);
static void fail_as(MpJsonStream *stream, const char *format,...)
			__attribute__((format(printf, 2, 3)));

MpJsonStream *
mp_json_stream_create(void)
{
	return calloc(1, sizeof(MpJsonStream));
}

void
mp_json_stream_free(MpJsonStream *stream)
{
	if (stream == NULL)
		return;
	mp_buffer_free(&stream->element);
	mp_buffer_free(&stream->envelope);
	free(stream);
}

void
mp_json_stream_reset(MpJsonStream *stream)
{
	mp_buffer_free(&stream->element);
	mp_buffer_free(&stream->envelope);
	memset(stream, 0, sizeof(MpJsonStream));
}

MpJsonEvent
mp_json_stream_next(MpJsonStream *stream, const char **bytes, size_t *length,
					const char **element, size_t *element_length)
{
	if (stream->broken)
		return MP_JSON_BAD;
	if (stream->lent)
		mp_buffer_wipe(&stream->element);
	stream->lent = false;
	if (*length == 0)
		return MP_JSON_MORE;

	stream->chunk = stream->at = stream->mark = *bytes;
	stream->end = *bytes + *length;
	stream->ready = NULL;
	while (stream->at < stream->end && stream->ready == NULL &&
		   !stream->broken)
		step(stream);
	if (stream->place == IN_ELEMENT && !stream->broken)
		buffer_element(stream);

	stream->consumed += stream->at - stream->chunk;
	*length = (size_t) (stream->end - stream->at);
	*bytes = stream->at;
	if (stream->broken)
		return MP_JSON_BAD;
	if (stream->ready == NULL)
		return MP_JSON_MORE;
	*element = stream->ready;
	*element_length = stream->ready_length;
	stream->count++;
	return MP_JSON_ELEMENT;
}

bool
mp_json_stream_finish(MpJsonStream *stream)
{
	if (stream->broken)
		return false;
	if (stream->state == EXPECT_NOTHING)
		return true;
	if (stream->state == EXPECT_ANSWER)
		fail_as(stream, "nothing in it");
	else
		fail_as(stream, "an early end after %" PRId64 " bytes",
				stream->consumed);
	return false;
}

MpJsonShape
mp_json_stream_shape(const MpJsonStream *stream)
{
	return stream->shape;
}

const char *
mp_json_stream_envelope(const MpJsonStream *stream, size_t *length)
{
	*length = stream->envelope.length;
	return stream->envelope.length > 0 ? stream->envelope.data : "";
}

const char *
mp_json_stream_error(const MpJsonStream *stream)
{
	return stream->error;
}

int64_t
mp_json_stream_count(const MpJsonStream *stream)
{
	return stream->count;
}

/*
 * Take a token, or what there is of it.  What is most often next (a value
 * after its name) is taken at once by whoever took what was before it.
 */
static void
step(MpJsonStream *stream)
{
	char		byte;

	if (stream->state < IN_STRING && !skip_space(stream))
		return;
	byte = *stream->at;
	switch (stream->state)
	{
		case EXPECT_ANSWER:
			take_answer(stream, byte);
			break;
		case EXPECT_VALUE:
		case EXPECT_VALUE_OR_END:
			take_value(stream, byte);
			break;
		case EXPECT_NAME:
		case EXPECT_NAME_OR_END:
			take_name(stream, byte);
			break;
		case EXPECT_COLON:
			take_colon(stream, byte);
			break;
		case EXPECT_COMMA_OR_END:
			take_comma(stream, byte);
			break;
		case EXPECT_NOTHING:
			fail(stream, "something after its end");
			break;
		case IN_STRING:
			take_string(stream);
			break;
		case IN_ESCAPE:
			take_escape(stream);
			break;
		case IN_LITERAL:
			take_literal(stream);
			break;
		case IN_NUMBER:
			take_number(stream);
			break;
	}
}

static void
take_answer(MpJsonStream *stream, char byte)
{
	bool		is_list = byte == '[';

	if (is_list || byte == '{')
	{
		stream->shape = is_list ? MP_JSON_SHAPE_ARRAY : MP_JSON_SHAPE_OBJECT;
		stream->place = is_list ? BETWEEN_ELEMENTS : AROUND_RESULTS;
		open_container(stream);
	}
	else
		fail(stream, "neither an object nor an array");
}

/* The first byte of a value, or the end of an empty array */
static void
take_value(MpJsonStream *stream, char byte)
{
	if (byte == ']' && stream->state == EXPECT_VALUE_OR_END)
	{
		close_container(stream);
		return;
	}
	if (stream->place == BETWEEN_ELEMENTS)
		begin_element(stream);
	else if (stream->results_next)
		begin_results(stream, byte);

	if (byte == '"')
		open_string(stream, false);
	else if (byte == '{' || byte == '[')
		open_container(stream);
	else if (byte == '-' || (byte >= '0' && byte <= '9'))
	{
		stream->state = IN_NUMBER;
		take_number(stream);
	}
	else
	{
		stream->state = IN_LITERAL;
		stream->literal = byte == 't' ? "true" : "null";
		if (byte == 'f')
			stream->literal = "false";
		take_literal(stream);
	}
}

static void
take_name(MpJsonStream *stream, char byte)
{
	if (byte == '"')
		open_string(stream, true);
	else if (byte == '}' && stream->state == EXPECT_NAME_OR_END)
		close_container(stream);
	else
		fail(stream, "no name of a member");
}

static void
take_colon(MpJsonStream *stream, char byte)
{
	if (byte == ':')
	{
		take_byte(stream);
		stream->state = EXPECT_VALUE;
		if (skip_space(stream))
			take_value(stream, *stream->at);
	}
	else
		fail(stream, "no colon after a member's name");
}

static void
take_comma(MpJsonStream *stream, char byte)
{
	bool		in_object = stream->objects & 1;

	if (byte == ',')
	{
		take_byte(stream);
		stream->state = in_object ? EXPECT_NAME : EXPECT_VALUE;
	}
	else if (byte == (in_object ? '}' : ']'))
		close_container(stream);
	else
		fail(stream, "no comma or closing bracket");
}

static void
take_string(MpJsonStream *stream)
{
	const char *from = stream->at;

	stream->at = mp_json_string_skip(from, stream->end);
	keep(stream, from, (size_t) (stream->at - from));
	if (stream->at == stream->end)
		return;
	if (*stream->at == '"')
		close_string(stream);
	else if (*stream->at == '\\')
	{
		take_byte(stream);
		stream->state = IN_ESCAPE;
	}
	else						/* a control character: see the header */
		take_byte(stream);
}

/* A quote after a backslash does not end the string. */
static void
take_escape(MpJsonStream *stream)
{
	stream->state = IN_STRING;
	if (*stream->at == '"' || *stream->at == '\\')
		take_byte(stream);
}

static void
take_literal(MpJsonStream *stream)
{
	while (stream->at < stream->end && *stream->literal != '\0')
	{
		if (*stream->at != *stream->literal)
		{
			fail(stream, "no value");
			return;
		}
		take_byte(stream);
		stream->literal++;
	}
	if (*stream->literal == '\0')
		end_value(stream);
}

/* A number ends before the first byte that cannot be part of one. */
static void
take_number(MpJsonStream *stream)
{
	const char *from = stream->at;

	while (stream->at < stream->end && is_in_number(*stream->at))
		stream->at++;
	keep(stream, from, (size_t) (stream->at - from));
	if (stream->at < stream->end)
		end_value(stream);
}

static void
open_container(MpJsonStream *stream)
{
	bool		is_object = *stream->at == '{';

	if (stream->depth == MP_JSON_DEPTH_LIMIT)
	{
		fail(stream, "too deep a nesting");
		return;
	}
	take_byte(stream);
	stream->depth++;
	stream->objects = stream->objects << 1 | is_object;
	stream->state = is_object ? EXPECT_NAME_OR_END : EXPECT_VALUE_OR_END;
}

static void
close_container(MpJsonStream *stream)
{
	take_byte(stream);
	stream->depth--;
	stream->objects >>= 1;
	if (stream->place == BETWEEN_ELEMENTS)
		stream->place = AROUND_RESULTS;
	end_value(stream);
}

static void
open_string(MpJsonStream *stream, bool is_name)
{
	take_byte(stream);
	stream->name_start = stream->envelope.length;
	stream->in_name = is_name;
	stream->state = IN_STRING;
	take_string(stream);
}

static void
close_string(MpJsonStream *stream)
{
	if (stream->in_name)
	{
		if (stream->depth == 1 && stream->place == AROUND_RESULTS)
			note_results(stream);
		take_byte(stream);
		stream->state = EXPECT_COLON;
		if (skip_space(stream))
			take_colon(stream, *stream->at);
	}
	else
	{
		take_byte(stream);
		end_value(stream);
	}
}

/* After any value; `at` is behind it. */
static void
end_value(MpJsonStream *stream)
{
	stream->state = EXPECT_COMMA_OR_END;
	if (stream->depth == 0)
	{
		stream->state = EXPECT_NOTHING;
		if (stream->shape == MP_JSON_SHAPE_OBJECT && !stream->broken)
		{
			stream->ready = stream->envelope.data;
			stream->ready_length = stream->envelope.length;
		}
	}
	else if (stream->place == IN_ELEMENT &&
			 stream->depth == stream->element_depth)
		end_element(stream);
}

/* Is the envelope's name that ends here "results"? */
static void
note_results(MpJsonStream *stream)
{
	const char *name = stream->envelope.data + stream->name_start;
	const char *end = stream->envelope.data + stream->envelope.length;
	MpJsonString string;
	const char *error;

	mp_json_string_check(name, end, &string, &error);
	if (error != NULL)
		fail(stream, "an invalid name of a member");
	else if (mp_json_string_equals(&string, "results", strlen("results")))
	{
		if (stream->shape != MP_JSON_SHAPE_OBJECT)
			fail(stream, "a second \"results\"");
		stream->shape = MP_JSON_SHAPE_RESULTS_OTHER;
		stream->results_next = true;
	}
}

/* `byte` is the first of the results. */
static void
begin_results(MpJsonStream *stream, char byte)
{
	stream->results_next = false;
	if (byte != '[' && byte != '{')
		return;
	keep(stream, "null", strlen("null"));
	if (byte == '{')
	{
		stream->shape = MP_JSON_SHAPE_RESULTS_OBJECT;
		begin_element(stream);
	}
	else
	{
		stream->shape = MP_JSON_SHAPE_RESULTS_ARRAY;
		stream->place = BETWEEN_ELEMENTS;
	}
}

static void
begin_element(MpJsonStream *stream)
{
	stream->place = IN_ELEMENT;
	stream->mark = stream->at;
	stream->element_depth = stream->depth;
	stream->element_position = stream->consumed +
		(stream->at - stream->chunk) + 1;
}

static void
end_element(MpJsonStream *stream)
{
	size_t		length = element_bytes(stream);

	stream->ready = stream->mark;
	if (length > MP_JSON_ELEMENT_LIMIT || stream->element.length > 0)
	{
		buffer_element(stream);
		stream->ready = stream->element.data;
		stream->lent = true;
	}
	stream->ready_length = length;
	stream->place = BETWEEN_ELEMENTS;
	if (stream->shape == MP_JSON_SHAPE_RESULTS_OBJECT)
		stream->place = AROUND_RESULTS;
}

/* Copy what the input has of an element, because the input goes away. */
static void
buffer_element(MpJsonStream *stream)
{
	size_t		length = (size_t) (stream->at - stream->mark);

	if (element_bytes(stream) > MP_JSON_ELEMENT_LIMIT)
		fail(stream, "");
	else if (!mp_buffer_append(&stream->element, stream->mark, length))
		fail_as(stream, "no memory left for it");
}

static size_t
element_bytes(const MpJsonStream *stream)
{
	return stream->element.length + (size_t) (stream->at - stream->mark);
}

/* Is anything left behind it? */
static bool
skip_space(MpJsonStream *stream)
{
	const char *at = stream->at;

	while (at < stream->end &&
		   (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	stream->at = at;
	return at < stream->end;
}

static bool
is_in_number(char byte)
{
	return (byte >= '0' && byte <= '9') || byte == '-' || byte == '+' ||
		byte == '.' || byte == 'e' || byte == 'E';
}

static inline void
take_byte(MpJsonStream *stream)
{
	keep(stream, stream->at, 1);
	stream->at++;
}

/* Add to the envelope, if these bytes are of it. */
static inline void
keep(MpJsonStream *stream, const char *from, size_t length)
{
	if (stream->place == AROUND_RESULTS)
		add_envelope(stream, from, length);
}

static void
add_envelope(MpJsonStream *stream, const char *from, size_t length)
{
	if (length > MP_JSON_ELEMENT_LIMIT - stream->envelope.length)
		fail_as(stream, "more than %d bytes around its results",
				MP_JSON_ELEMENT_LIMIT);
	else if (!mp_buffer_append(&stream->envelope, from, length))
		fail_as(stream, "no memory left for it");
}

/*
 * What is wrong at `at`.  An element that is too long is too long whatever
 * comes after, as it would have been had the input been cut there.
 */
static void
fail(MpJsonStream *stream, const char *error)
{
	if (stream->place == IN_ELEMENT &&
		element_bytes(stream) >= MP_JSON_ELEMENT_LIMIT)
		fail_as(stream, "an element of more than %d bytes at byte %" PRId64,
				MP_JSON_ELEMENT_LIMIT, stream->element_position);
	else
		fail_as(stream, "%s at byte %" PRId64, error,
				stream->consumed + (stream->at - stream->chunk) + 1);
}

/* The first error is the one that counts. */
static void
fail_as(MpJsonStream *stream, const char *format,...)
{
	va_list		args;

	if (stream->broken)
		return;
	stream->broken = true;
	va_start(args, format);
	vsnprintf(stream->error, ERROR_TEXT, format, args);
	va_end(args);
}
