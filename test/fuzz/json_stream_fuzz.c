/*-------------------------------------------------------------------------
 *
 * json_stream_fuzz.c
 *		Any bytes, cut anywhere, to the stream: what comes out does not depend
 *		on the cuts, and is what jansson finds in the whole.
 *
 * The first two bytes of an input say how it is cut, the rest is the answer.
 *
 * Sources: json/stream.c json/cursor.c json/string.c
 * Libraries: jansson
 * Dictionary: json
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <jansson.h>

#include "json/stream.h"

/* What came out of an answer. */
typedef struct Outcome
{
	bool		complete;
	size_t		count;
	size_t		places;			/* of the two arrays */
	char	  **elements;
	size_t	   *lengths;
	char	   *envelope;
	size_t		envelope_length;
	MpJsonShape shape;
	char		error[128];
} Outcome;

static void
keep(Outcome *outcome, const char *element, size_t length)
{
	if (outcome->count == outcome->places)
	{
		outcome->places = outcome->places * 2 + 8;
		outcome->elements = realloc(outcome->elements,
									outcome->places * sizeof(char *));
		outcome->lengths = realloc(outcome->lengths,
								   outcome->places * sizeof(size_t));
	}
	outcome->elements[outcome->count] = copy_bytes(element, length);
	outcome->lengths[outcome->count++] = length;
}

static bool
feed(MpJsonStream *stream, const char *bytes, size_t length, Outcome *outcome)
{
	char	   *chunk = copy_bytes(bytes, length);
	const char *at = chunk;
	const char *element;
	size_t		element_length;
	MpJsonEvent event;

	while ((event = mp_json_stream_next(stream, &at, &length, &element,
										&element_length)) == MP_JSON_ELEMENT)
		keep(outcome, element, element_length);
	require(event == MP_JSON_BAD || length == 0);
	free(chunk);
	return event == MP_JSON_MORE;
}

static Outcome *
run(const char *answer, size_t size, size_t first, size_t step)
{
	MpJsonStream *stream = mp_json_stream_create();
	Outcome    *outcome = calloc(1, sizeof(Outcome));
	const char *envelope;
	size_t		at = 0;
	size_t		piece = first;

	for (bool good = true; good && at < size; piece = step)
	{
		if (piece > size - at)
			piece = size - at;
		good = feed(stream, answer + at, piece, outcome);
		at += piece;
	}
	outcome->complete = mp_json_stream_finish(stream);
	require(mp_json_stream_count(stream) == (int64_t) outcome->count);
	outcome->shape = mp_json_stream_shape(stream);
	envelope = mp_json_stream_envelope(stream, &outcome->envelope_length);
	outcome->envelope = copy_bytes(envelope, outcome->envelope_length);
	strcpy(outcome->error, mp_json_stream_error(stream));
	require(outcome->complete == (outcome->error[0] == '\0'));
	mp_json_stream_free(stream);
	return outcome;
}

static void
discard(Outcome *outcome)
{
	for (size_t i = 0; i < outcome->count; i++)
		free(outcome->elements[i]);
	free(outcome->elements);
	free(outcome->lengths);
	free(outcome->envelope);
	free(outcome);
}

static void
compare(const Outcome *one, const Outcome *other)
{
	require(one->complete == other->complete);
	require(strcmp(one->error, other->error) == 0);
	require(one->count == other->count);
	for (size_t i = 0; i < one->count; i++)
		require(one->lengths[i] == other->lengths[i] &&
				memcmp(one->elements[i], other->elements[i],
					   one->lengths[i]) == 0);
	if (!one->complete)
		return;
	require(one->shape == other->shape);
	require(one->envelope_length == other->envelope_length);
	require(memcmp(one->envelope, other->envelope,
				   one->envelope_length) == 0);
}

static void
check_element(const Outcome *outcome, size_t number, json_t *expected)
{
	json_t	   *element = json_loadb(outcome->elements[number],
									 outcome->lengths[number],
									 JSON_DECODE_ANY, NULL);

	require(element != NULL);
	require(json_equal(element, expected));
	json_decref(element);
}

/* How deep it is nested. */
static int
depth_of(const json_t *tree)
{
	int			deepest = 0;
	const char *key;
	json_t	   *value;
	size_t		i;

	json_array_foreach(tree, i, value)
	{
		int			depth = depth_of(value);

		if (depth > deepest)
			deepest = depth;
	}
	json_object_foreach((json_t *) tree, key, value)
	{
		int			depth = depth_of(value);

		if (depth > deepest)
			deepest = depth;
	}
	return deepest + (json_is_array(tree) || json_is_object(tree));
}

/* jansson has read the answer; the stream must have read the same. */
static void
check_tree(const Outcome *outcome, json_t *tree)
{
	json_t	   *results = json_object_get(tree, "results");
	json_t	   *list = json_is_array(tree) ? tree : results;
	json_t	   *envelope;

	require(depth_of(tree) <= MP_JSON_DEPTH_LIMIT);
	if (json_is_array(list))
	{
		require(outcome->count == json_array_size(list));
		for (size_t i = 0; i < outcome->count; i++)
			check_element(outcome, i, json_array_get(list, i));
	}
	else if (results == NULL || json_is_object(results))
	{
		require(outcome->count == 1);
		check_element(outcome, 0, results != NULL ? results : tree);
	}
	else
		require(outcome->count == 0);

	if (json_is_array(tree))
	{
		require(outcome->envelope_length == 0);
		return;
	}
	if (json_is_array(results) || json_is_object(results))
		json_object_set_new(tree, "results", json_null());
	envelope = json_loadb(outcome->envelope, outcome->envelope_length, 0,
						  NULL);
	require(json_equal(envelope, tree));
	json_decref(envelope);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *answer = (const char *) data + 2;
	Outcome    *whole;
	Outcome    *cut;
	json_t	   *tree;

	if (size < 2)
		return 0;
	size -= 2;
	whole = run(answer, size, size, size);
	cut = run(answer, size, size > 0 ? data[0] % size : 0, 1 + data[1] % 32);
	compare(whole, cut);

	tree = json_loadb(answer, size, JSON_REJECT_DUPLICATES, NULL);
	if (tree != NULL && whole->complete)
		check_tree(whole, tree);
	else if (tree != NULL)
		require(memchr(answer, '\0', size) != NULL ||
				(strncmp(whole->error, "too deep a nesting", 18) == 0 &&
				 depth_of(tree) > MP_JSON_DEPTH_LIMIT));
	json_decref(tree);
	discard(whole);
	discard(cut);
	return 0;
}
