/*-------------------------------------------------------------------------
 *
 * api/envelope.c
 *		What an answer says of itself, beside its results.
 *
 * Owns the names that deny success or tell of further elements.  Names are
 * compared without regard to case and to what stands between their words:
 * "nextPage", "next_page" and "@odata.next-page" say the same.  Must not know
 * which call was answered.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/envelope.h"
#include "api/walk.h"

#define LENGTH_OF(array)	(sizeof(array) / sizeof((array)[0]))
#define NAME_SIZE			48	/* more of a name is not looked at */
#define MAX_DEPTH			3	/* of objects that tell of pages */

/* Objects that tell of pages. */
static const char *const page_objects[] = {
	"meta", "metadata", "links", "pagination", "paging", "page", "pages",
	"pageinfo", "resultinfo", "resultset", "responsemetadata", "cursor",
	"cursors", "info",
};

/* The number of all elements. */
static const char *const total_names[] = {
	"total", "count", "totalcount", "totalresults", "totalitems",
	"totalrecords", "totalelements", "totalentries", "totalrows",
	"totalhits", "totalsize", "totalobjects", "totalnumber",
	"totalaccounts", "totalserviceaccounts", "totalmembers",
	"totalmemberships", "totalprojects", "countall", "numtotal",
	"resultcount", "itemcount", "recordcount", "odatacount", "numfound",
};

/* The number of all pages, or of the last. */
static const char *const page_totals[] = {
	"totalpages", "pagecount", "numpages", "pages", "lastpage", "pagetotal",
};

/* Statuses of an object of the API's that are no success. */
static const char *const failures[] = {
	"error", "fail", "failed", "failure", "errored", "badrequest", "denied",
	"forbidden", "unauthorized", "rejected", "invalid", "notfound",
};

typedef struct Visit
{
	MpEnvelope *envelope;
	int			depth;
} Visit;

static bool read_all(MpJsonCursor *cursor, MpEnvelope *envelope);
static void judge(MpEnvelope *envelope);
static bool note_member(MpEnvelope *envelope, const MpJsonString *name,
						const MpJsonValue *value);
static void note_status(MpEnvelope *envelope, const MpJsonValue *value);
static bool note_results(MpEnvelope *envelope, const MpJsonString *name,
						 const MpJsonValue *value);
static bool note_result(void *context, const MpJsonString *name,
						const MpJsonValue *value);
static bool note_paging(void *context, const MpJsonString *name,
						const MpJsonValue *value);
static bool note_link(MpEnvelope *envelope, const MpJsonValue *link);
static bool note_relation(void *context, const MpJsonString *name,
						  const MpJsonValue *value);
static bool note_page_number(MpEnvelope *envelope, const char *name,
							 const MpJsonValue *value);
static void note_total(MpEnvelope *envelope, const MpJsonValue *value);
static bool note_total_of(void *context, const MpJsonString *name,
						  const MpJsonValue *value);
static bool says_more(const char *name, const MpJsonValue *value);
static void fold(const MpJsonString *name, char *folded);
static bool is_any_of(const char *name, const char *const *names,
					  size_t count);
static bool is_false(const MpJsonValue *value);
static bool is_something(const MpJsonValue *value);
static bool is_nothing(void *context, const MpJsonString *name,
					   const MpJsonValue *value);
static int64_t number_of(const MpJsonValue *value);

bool
mp_envelope_read(const char *text, size_t length, MpEnvelope *envelope)
{
	MpJsonCursor cursor;
	MpJsonMember *members = mp_walk_members(length);
	bool		fine;

	memset(envelope, 0, sizeof(*envelope));
	envelope->total = -1;
	envelope->projects.kind = MP_JSON_NULL;
	envelope->no_memory = members == NULL;
	if (members == NULL)
		return false;
	mp_json_cursor_open(&cursor, text, length, MP_JSON_DEPTH_LIMIT, members);
	fine = read_all(&cursor, envelope);
	envelope->no_memory = !fine;
	if (fine && !mp_json_cursor_finish(&cursor))
	{
		snprintf(envelope->reason, sizeof(envelope->reason),
				 "it is not valid JSON: %s at byte %zu", cursor.error,
				 mp_json_cursor_position(&cursor));
		fine = false;
	}
	free(members);
	mp_words_finish(&envelope->words);
	judge(envelope);
	return fine;
}

/* False when out of memory; an error of the text is the cursor's. */
static bool
read_all(MpJsonCursor *cursor, MpEnvelope *envelope)
{
	MpJsonString name;
	MpJsonValue value;

	envelope->is_object = mp_json_cursor_enter(cursor);
	if (!envelope->is_object)
		(void) mp_json_cursor_value(cursor, &value);
	else
		while (mp_json_cursor_member(cursor, &name) &&
			   mp_json_cursor_value(cursor, &value))
			if (!note_member(envelope, &name, &value))
				return false;
	return true;
}

/*
 * A bare account has a status of its own, such as active: there only that of a
 * failure counts.  A first page of which nothing says that it is the only one
 * may have others behind it.
 */
static void
judge(MpEnvelope *envelope)
{
	bool		is_bare = envelope->id != 0 && !envelope->has_results;

	envelope->says_error = envelope->denies ||
		(is_bare ? envelope->is_failure : envelope->is_no_success);
	if (envelope->is_first_page && !envelope->is_only_page &&
		envelope->total < 0)
		envelope->says_more = true;
}

/*
 * One member of the outermost object: does it deny success, name an account,
 * or tell of more pages?  False if there is no memory.
 */
static bool
note_member(MpEnvelope *envelope, const MpJsonString *name,
			const MpJsonValue *value)
{
	Visit		visit = {envelope, 0};
	char		folded[NAME_SIZE];

	fold(name, folded);
	if (strcmp(folded, "status") == 0)
		note_status(envelope, value);
	else if (strcmp(folded, "error") == 0 || strcmp(folded, "errors") == 0)
		envelope->denies |= is_something(value);
	else if (strcmp(folded, "success") == 0 || strcmp(folded, "ok") == 0 ||
			 strcmp(folded, "successful") == 0 ||
			 strcmp(folded, "issuccess") == 0)
		envelope->denies |= is_false(value);
	else if (strcmp(folded, "code") == 0 || strcmp(folded, "statuscode") == 0)
		envelope->denies |= number_of(value) >= 400 && number_of(value) < 600;
	else if (strcmp(folded, "id") == 0 && !envelope->has_results)
		envelope->id = number_of(value) > 0 ? number_of(value) : 0;

	return mp_words_note(&envelope->words, name, value) &&
		note_results(envelope, name, value) &&
		note_paging(&visit, name, value);
}

/* A success is ok or success, or a number from 200 to 299. */
static void
note_status(MpEnvelope *envelope, const MpJsonValue *value)
{
	static const char *const successes[] = {"ok", "success"};
	int64_t		number = number_of(value);
	bool		fine = number >= 200 && number <= 299;
	char		folded[NAME_SIZE];

	if (value->kind == MP_JSON_NULL || value->kind == MP_JSON_TRUE)
		return;
	if (value->kind == MP_JSON_STRING && number < 0)
	{
		fold(&value->text, folded);
		fine = is_any_of(folded, successes, LENGTH_OF(successes));
		envelope->is_failure = is_any_of(folded, failures,
										 LENGTH_OF(failures));
	}
	else
		envelope->is_failure = value->kind == MP_JSON_FALSE ||
			(number >= 400 && number < 600);
	envelope->is_no_success = !fine;
}

static bool
note_results(MpEnvelope *envelope, const MpJsonString *name,
			 const MpJsonValue *value)
{
	if (mp_json_string_equals(name, "results", 7))
	{
		envelope->has_results = true;
		envelope->projects.kind = MP_JSON_NULL;
		return value->kind != MP_JSON_OBJECT ||
			mp_walk(value, note_result, envelope);
	}
	if (mp_json_string_equals(name, "projects", 8) && !envelope->has_results)
		envelope->projects = *value;
	return true;
}

static bool
note_result(void *context, const MpJsonString *name,
			const MpJsonValue *value)
{
	MpEnvelope *envelope = context;

	if (mp_json_string_equals(name, "projects", 8))
		envelope->projects = *value;
	else if (mp_json_string_equals(name, "id", 2) && number_of(value) > 0)
		envelope->id = number_of(value);
	return true;
}

/* ---- further elements ---- */

/* Also for the elements of a list of links, which have no name. */
static bool
note_paging(void *context, const MpJsonString *name,
			const MpJsonValue *value)
{
	Visit	   *visit = context;
	Visit		inner = {visit->envelope, visit->depth + 1};
	MpEnvelope *envelope = visit->envelope;
	char		folded[NAME_SIZE];

	if (name == NULL)
		return note_link(envelope, value);
	fold(name, folded);
	if (says_more(folded, value))
		envelope->says_more = true;
	if (is_any_of(folded, total_names, LENGTH_OF(total_names)))
	{
		note_total(envelope, value);
		return mp_walk(value, note_total_of, envelope);
	}
	if (note_page_number(envelope, folded, value))
		return true;
	if (!is_any_of(folded, page_objects, LENGTH_OF(page_objects)) ||
		inner.depth > MAX_DEPTH)
		return true;
	return mp_walk(value, note_paging, &inner);
}

/* {"rel": "next", "href": …} */
static bool
note_link(MpEnvelope *envelope, const MpJsonValue *link)
{
	if (link->kind != MP_JSON_OBJECT)
		return true;
	return mp_walk(link, note_relation, envelope);
}

static bool
note_relation(void *context, const MpJsonString *name,
			  const MpJsonValue *value)
{
	MpEnvelope *envelope = context;
	char		folded[NAME_SIZE];

	if (value->kind != MP_JSON_STRING ||
		!mp_json_string_equals(name, "rel", 3))
		return true;
	fold(&value->text, folded);
	if (strcmp(folded, "next") == 0)
		envelope->says_more = true;
	return true;
}

/*
 * "page": 2 is not the first, which may be 0 or 1; an "offset" is where a part
 * begins.  True if it was such a number.
 */
static bool
note_page_number(MpEnvelope *envelope, const char *name,
				 const MpJsonValue *value)
{
	int64_t		number = number_of(value);

	if (number < 0)
		return false;
	if (is_any_of(name, page_totals, LENGTH_OF(page_totals)))
	{
		if (number > 1)
			envelope->says_more = true;
		envelope->is_only_page |= number == 1;
		return true;
	}
	if (strcmp(name, "page") == 0 || strcmp(name, "currentpage") == 0 ||
		strcmp(name, "pagenumber") == 0)
	{
		if (number > 1)
			envelope->says_more = true;
		else
			envelope->is_first_page |= number == 1;
		return true;
	}
	if (strcmp(name, "offset") == 0 && number > 0)
		envelope->says_more = true;
	return false;
}

static void
note_total(MpEnvelope *envelope, const MpJsonValue *value)
{
	int64_t		number = number_of(value);

	if (number > envelope->total)
		envelope->total = number;
}

/* {"value": 250, "relation": "eq"} */
static bool
note_total_of(void *context, const MpJsonString *name,
			  const MpJsonValue *value)
{
	if (name != NULL && (mp_json_string_equals(name, "value", 5) ||
						 mp_json_string_equals(name, "count", 5)))
		note_total(context, value);
	return true;
}

/*
 * A name that says next, more, or that something is missing, and a value that
 * does not deny it.
 */
static bool
says_more(const char *name, const MpJsonValue *value)
{
	if (!is_something(value) || is_false(value))
		return false;
	if (strstr(name, "next") != NULL || strstr(name, "truncated") != NULL ||
		strstr(name, "partial") != NULL || strstr(name, "incomplete") != NULL)
		return true;
	if (strstr(name, "hasmore") != NULL || strcmp(name, "more") == 0 ||
		strncmp(name, "moreresults", 11) == 0 ||
		strcmp(name, "moreavailable") == 0 || strcmp(name, "moreitems") == 0)
		return true;
	return (strcmp(name, "cursor") == 0 || strcmp(name, "paging") == 0 ||
			strcmp(name, "pagination") == 0 ||
			strcmp(name, "continuationtoken") == 0 ||
			strcmp(name, "continue") == 0 ||
			strcmp(name, "scrollid") == 0) &&
		value->kind == MP_JSON_STRING;
}

/* ---- names and values ---- */

/* Letters and digits in lower case; "" for what is too long. */
static void
fold(const MpJsonString *name, char *folded)
{
	char		text[NAME_SIZE * 6];
	size_t		length = 0;
	size_t		used = 0;

	if (name->length < sizeof(text))
		length = mp_json_string_unescape(name, text);
	for (size_t i = 0; i < length && used < NAME_SIZE - 1; i++)
	{
		char		byte = text[i];

		if (byte >= 'A' && byte <= 'Z')
			byte = (char) (byte - 'A' + 'a');
		if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9'))
			folded[used++] = byte;
	}
	folded[used] = '\0';
}

static bool
is_any_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* false, 0, or a text that says so. */
static bool
is_false(const MpJsonValue *value)
{
	static const char *const denials[] = {"false", "no", "0", "none", "null"};
	char		folded[NAME_SIZE];

	if (value->kind == MP_JSON_NUMBER)
		return !is_something(value);
	if (value->kind != MP_JSON_STRING)
		return value->kind == MP_JSON_FALSE;
	fold(&value->text, folded);
	return is_any_of(folded, denials, LENGTH_OF(denials));
}

/* Neither absent nor null, false, "", zero, nor a container of such. */
static bool
is_something(const MpJsonValue *value)
{
	switch (value->kind)
	{
		case MP_JSON_NULL:
		case MP_JSON_FALSE:
			return false;
		case MP_JSON_STRING:
			return value->text.length > 0;
		case MP_JSON_NUMBER:
			for (size_t i = 0; i < value->text.length; i++)
			{
				char		byte = value->text.data[i];

				if (byte == 'e' || byte == 'E')
					return false;
				if (byte >= '1' && byte <= '9')
					return true;
			}
			return false;
		case MP_JSON_TRUE:
			return true;
		case MP_JSON_ARRAY:
		case MP_JSON_OBJECT:
			break;
	}
	/* Out of memory counts as something: it is found where it matters. */
	return !mp_walk(value, is_nothing, NULL);
}

/* Containers are not looked into any deeper: one that is not empty counts. */
static bool
is_nothing(void *context, const MpJsonString *name, const MpJsonValue *value)
{
	(void) context;
	(void) name;
	if (value->kind == MP_JSON_ARRAY || value->kind == MP_JSON_OBJECT)
		return value->text.length <= 2;
	return !is_something(value);
}

/* A number without a sign, fraction or exponent, also as a text; else -1. */
static int64_t
number_of(const MpJsonValue *value)
{
	int64_t		number = 0;

	if ((value->kind != MP_JSON_NUMBER && value->kind != MP_JSON_STRING) ||
		value->text.length == 0 || value->text.length > 18)
		return -1;
	for (size_t i = 0; i < value->text.length; i++)
	{
		if (value->text.data[i] < '0' || value->text.data[i] > '9')
			return -1;
		number = number * 10 + (value->text.data[i] - '0');
	}
	return number;
}
