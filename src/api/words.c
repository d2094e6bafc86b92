/*-------------------------------------------------------------------------
 *
 * api/words.c
 *		The API's own words for an error, in whatever shape they come.
 *
 * A text; a list of texts or objects; an object with a message, or with a
 * field for each thing that is wrong:
 *		"error": "no such role"
 *		"errors": [{"message": "no such role"}]
 *		"detail": [{"loc": ["body", "role"], "msg": "no such role"}]
 *		"error": {"role": ["no such role"]}
 * Owns the names under which they come.  Must not know what is an error.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "api/words.h"
#include "base/buffer.h"
#include "json/walk.h"

#define LENGTH_OF(array)	(sizeof(array) / sizeof((array)[0]))
#define MAX_DEPTH			6

/* Where an error's words are, folded (base/paging.h); an earlier name goes
 * first. */
static const char *const word_names[] = {
	"error", "errors", "message", "messages", "msg", "faultstring", "detail",
	"errordescription", "errormessage", "errormessages", "errormsg",
	"details", "errordetail", "errordetails", "description", "fault",
	"statusmessage", "exception", "reason", "title",
};

static const char *const request_names[] = {
	"requestid", "requestuuid", "correlationid",
};

/* An object of words that is being read. */
typedef struct Search
{
	MpWords    *words;
	int			depth;
	int			rank;			/* of `best`, from 1; 0: nothing found */
	MpJsonValue best;
	MpJsonValue place;			/* "loc": where it is wrong */
} Search;

static bool take_words(MpWords *words, const MpJsonValue *value, int rank);
static int	rank_of(const char *folded);
static bool add_words(MpWords *words, const MpJsonValue *value, int depth);
static bool add_placed(MpWords *words, const Search *search);
static bool visit_element(void *context, const MpJsonString *name,
						  const MpJsonValue *value);
static bool visit_member(void *context, const MpJsonString *name,
						 const MpJsonValue *value);
static bool visit_field(void *context, const MpJsonString *name,
						const MpJsonValue *value);
static bool visit_place(void *context, const MpJsonString *name,
						const MpJsonValue *value);
static bool add_text(char *to, size_t size, const char *separator,
					 const MpJsonString *string);
static bool add_plain(char *to, size_t size, const char *separator,
					  const char *text);
static bool is_request(const char *folded, const MpWords *words,
					   const MpJsonValue *value);
static bool is_any_of(const char *folded, const char *const *names,
					  size_t count);

bool
mp_words_note(MpWords *words, const MpJsonString *name,
			  const MpJsonValue *value)
{
	char		folded[MP_PAGING_NAME];
	int			rank;

	mp_walk_fold(name, folded);
	if (is_request(folded, words, value))
		return add_text(words->request, sizeof(words->request), "",
						&value->text);
	rank = rank_of(folded);
	if (rank == 0 || (words->rank != 0 && words->rank <= rank))
		return true;
	return take_words(words, value, rank);
}

void
mp_words_finish(MpWords *words)
{
	size_t		length = strlen(words->text);

	if (length > 0 && words->request[0] != '\0' &&
		length + strlen(words->request) + 15 < sizeof(words->text))
		snprintf(words->text + length, sizeof(words->text) - length,
				 " (request id %s)", words->request);
}

/* Those of a member take the place of others, if there are any. */
static bool
take_words(MpWords *words, const MpJsonValue *value, int rank)
{
	MpWords		found = {0};

	if (!add_words(&found, value, 0))
		return false;
	if (found.text[0] != '\0')
	{
		memcpy(words->text, found.text, sizeof(words->text));
		words->rank = rank;
	}
	if (words->request[0] == '\0')
		memcpy(words->request, found.request, sizeof(words->request));
	mp_wipe(&found, sizeof(found));
	return true;
}

/* From 1; 0: no words come under that name. */
static int
rank_of(const char *folded)
{
	for (size_t i = 0; i < LENGTH_OF(word_names); i++)
	{
		if (strcmp(folded, word_names[i]) == 0)
			return (int) i + 1;
	}
	return 0;
}

/* False when out of memory.  What is nested too deep says nothing. */
static bool
add_words(MpWords *words, const MpJsonValue *value, int depth)
{
	Search		search = {.words = words,.depth = depth + 1};

	if (depth == MAX_DEPTH)
		return true;
	if (value->kind == MP_JSON_STRING)
		return add_text(words->text, sizeof(words->text), "; ", &value->text);
	if (value->kind == MP_JSON_ARRAY)
		return mp_walk(value, visit_element, &search);
	if (value->kind != MP_JSON_OBJECT)
		return true;
	if (!mp_walk(value, visit_member, &search))
		return false;
	if (search.rank == 0)
		return mp_walk(value, visit_field, &search);
	if (search.place.kind == MP_JSON_ARRAY)
		return add_placed(words, &search);
	return add_words(words, &search.best, depth + 1);
}

/* What is wrong, after where. */
static bool
add_placed(MpWords *words, const Search *search)
{
	MpWords		place = {0};
	MpWords		said = {0};

	if (!mp_walk(&search->place, visit_place, &place) ||
		!add_words(&said, &search->best, search->depth))
		return false;
	return add_plain(place.text, sizeof(place.text), ": ", said.text) &&
		add_plain(words->text, sizeof(words->text), "; ", place.text);
}

static bool
visit_element(void *context, const MpJsonString *name,
			  const MpJsonValue *value)
{
	Search	   *search = context;

	(void) name;
	return add_words(search->words, value, search->depth);
}

/* The member of an object that has its words, and what else it tells. */
static bool
visit_member(void *context, const MpJsonString *name,
			 const MpJsonValue *value)
{
	static const char *const place_names[] = {"loc", "location", "field"};
	Search	   *search = context;
	MpWords    *words = search->words;
	char		folded[MP_PAGING_NAME];
	int			rank;

	mp_walk_fold(name, folded);
	rank = rank_of(folded);
	if (is_request(folded, words, value))
		return add_text(words->request, sizeof(words->request), "",
						&value->text);
	if (is_any_of(folded, place_names, LENGTH_OF(place_names)))
		search->place = *value;
	if (rank > 0 && (search->rank == 0 || rank < search->rank) &&
		(value->kind == MP_JSON_STRING || value->kind == MP_JSON_ARRAY ||
		 value->kind == MP_JSON_OBJECT))
	{
		search->rank = rank;
		search->best = *value;
	}
	return true;
}

/* A member whose name says what its words are about. */
static bool
visit_field(void *context, const MpJsonString *name,
			const MpJsonValue *value)
{
	Search	   *search = context;
	MpWords		field = {0};
	MpWords		said = {0};
	char		folded[MP_PAGING_NAME];

	mp_walk_fold(name, folded);
	if (is_any_of(folded, request_names, LENGTH_OF(request_names)) ||
		value->kind == MP_JSON_NUMBER)
		return true;
	if (!add_words(&said, value, search->depth))
		return false;
	if (said.text[0] == '\0')
		return true;
	return add_text(field.text, sizeof(field.text), "", name) &&
		add_plain(field.text, sizeof(field.text), ": ", said.text) &&
		add_plain(search->words->text, sizeof(search->words->text), "; ",
				  field.text);
}

/* Parts of a place: "body", "role" to "body: role". */
static bool
visit_place(void *context, const MpJsonString *name,
			const MpJsonValue *value)
{
	MpWords    *place = context;

	(void) name;
	if (value->kind != MP_JSON_STRING && value->kind != MP_JSON_NUMBER)
		return true;
	return add_text(place->text, sizeof(place->text), ": ", &value->text);
}

/*
 * As much of the string as there is room for, after the separator unless it is
 * the first.  False when out of memory.
 */
static bool
add_text(char *to, size_t size, const char *separator,
		 const MpJsonString *string)
{
	MpBuffer	text = {0};
	size_t		used = strlen(to);
	size_t		length;

	if (string->length == 0)
		return true;
	if (!mp_buffer_reserve(&text, string->length))
		return false;
	if (string->escaped)
		text.length = mp_json_string_unescape(string, text.data);
	else
		(void) mp_buffer_append(&text, string->data, string->length);

	if (used > 0 && used + strlen(separator) < size)
	{
		memcpy(to + used, separator, strlen(separator) + 1);
		used += strlen(separator);
	}
	length = text.length < size - 1 - used ? text.length : size - 1 - used;
	/* do not cut a character in two */
	while (length > 0 && length < text.length &&
		   ((unsigned char) text.data[length] & 0xC0) == 0x80)
		length--;
	memcpy(to + used, text.data, length);
	to[used + length] = '\0';
	mp_buffer_free(&text);
	return true;
}

/* The same of a text that was put together here. */
static bool
add_plain(char *to, size_t size, const char *separator, const char *text)
{
	const MpJsonString string = {text, strlen(text), false};

	return add_text(to, size, separator, &string);
}

/* The first number by which the API knows the request */
static bool
is_request(const char *folded, const MpWords *words,
		   const MpJsonValue *value)
{
	return value->kind == MP_JSON_STRING && words->request[0] == '\0' &&
		is_any_of(folded, request_names, LENGTH_OF(request_names));
}

static bool
is_any_of(const char *folded, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		if (strcmp(folded, names[i]) == 0)
			return true;
	}
	return false;
}
