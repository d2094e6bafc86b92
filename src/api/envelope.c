/*-------------------------------------------------------------------------
 *
 * api/envelope.c
 *		What an answer says of itself, beside its results.
 *
 * Owns the names that deny success, and what the values say of those that tell
 * of further elements (base/paging.h).  Must not know which call was answered.
 *
 *-------------------------------------------------------------------------
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/envelope.h"
#include "api/walk.h"
#include "base/paging.h"

#define LENGTH_OF(array)	(sizeof(array) / sizeof((array)[0]))
#define MAX_DEPTH			3	/* of objects that tell of pages */
#define MAX_DIGITS			18

/* Statuses of an object of the API's that are no success. */
static const char *const failures[] = {
	"error", "fail", "failed", "failure", "errored", "badrequest", "denied",
	"forbidden", "unauthorized", "rejected", "invalid", "notfound",
};

typedef struct Visit
{
	MpEnvelope *envelope;
	int			depth;
	bool		is_about_pages;
} Visit;

/* An element of a list of links. */
typedef struct Link
{
	bool		is_other;		/* to the next or the previous page */
	bool		is_empty;		/* it leads nowhere */
} Link;

static bool read_all(MpJsonCursor *cursor, MpEnvelope *envelope);
static void judge(MpEnvelope *envelope);
static bool note_member(MpEnvelope *envelope, const MpJsonString *name,
						const MpJsonValue *value);
static bool is_of_account(const MpJsonString *name, const MpJsonValue *value);
static void note_status(MpEnvelope *envelope, const MpJsonValue *value);
static void note_denial(MpEnvelope *envelope, const char *name,
						const MpJsonValue *value);
static bool note_results(MpEnvelope *envelope, const MpJsonString *name,
						 const MpJsonValue *value);
static bool note_result(void *context, const MpJsonString *name,
						const MpJsonValue *value);
static bool note_outcome(void *context, const MpJsonString *name,
						 const MpJsonValue *value);
static bool note_paging(void *context, const MpJsonString *name,
						const MpJsonValue *value);
static bool note_link(MpEnvelope *envelope, const MpJsonValue *link);
static bool note_relation(void *context, const MpJsonString *name,
						  const MpJsonValue *value);
static void note_page(MpEnvelope *envelope, MpPagingName kind,
					  const MpJsonValue *value);
static void note_page_number(MpEnvelope *envelope, MpPagingName kind,
							 int64_t number);
static bool note_total_of(void *context, const MpJsonString *name,
						  const MpJsonValue *value);
static void note_more(MpEnvelope *envelope, MpPagingName kind,
					  const MpJsonValue *value);
static bool is_plain(const char *name);
static bool is_any_of(const char *name, const char *const *names,
					  size_t count);
static bool is_false(const MpJsonValue *value);
static bool is_something(const MpJsonValue *value);
static bool is_nothing(void *context, const MpJsonString *name,
					   const MpJsonValue *value);
static int64_t number_of(const MpJsonValue *value);
static int64_t amount_of(const MpJsonValue *value);

bool
mp_envelope_read(const char *text, size_t length, MpEnvelope *envelope)
{
	MpJsonCursor cursor;
	MpJsonMember *members = mp_walk_members(length);
	bool		fine;

	memset(envelope, 0, sizeof(*envelope));
	envelope->total = -1;
	envelope->page_size = -1;
	envelope->projects.kind = MP_JSON_NULL;
	envelope->no_memory = envelope->is_cut = members == NULL;
	if (members == NULL)
		return false;
	mp_json_cursor_open(&cursor, text, length, MP_JSON_DEPTH_LIMIT, members);
	fine = read_all(&cursor, envelope);
	envelope->no_memory = envelope->is_cut = !fine;
	if (fine && !mp_json_cursor_finish(&cursor))
	{
		snprintf(envelope->reason, sizeof(envelope->reason),
				 "it is not valid JSON: %s at byte %zu", cursor.error,
				 mp_json_cursor_position(&cursor));
		envelope->is_cut = mp_json_cursor_position(&cursor) > length &&
			(*text == '{' || *text == '[');
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

	envelope->is_container = mp_json_cursor_enter(cursor);
	if (!envelope->is_container)
	{
		if (!mp_json_cursor_value(cursor, &value))
			return true;
		envelope->is_container = value.kind == MP_JSON_ARRAY;
		envelope->denies = value.kind == MP_JSON_FALSE;
		if (value.kind == MP_JSON_STRING)
			note_status(envelope, &value);
		envelope->is_no_success = envelope->is_failure;
		return value.kind != MP_JSON_ARRAY ||
			mp_walk(&value, note_outcome, envelope);
	}
	while (mp_json_cursor_member(cursor, &name) &&
		   mp_json_cursor_value(cursor, &value))
		if (!note_member(envelope, &name, &value))
			return false;
	return true;
}

/*
 * A bare account has a status of its own, such as active: there only that of a
 * failure counts.  A first page of which nothing says that it is the only one
 * may have others behind it, and so may one that is full.
 */
static void
judge(MpEnvelope *envelope)
{
	bool		is_bare = envelope->id != 0 && !envelope->has_results;

	envelope->says_error = envelope->denies ||
		(is_bare ? envelope->is_failure :
		 envelope->is_no_success || envelope->has_failed);
	if (envelope->is_first_page && !envelope->is_last_page &&
		envelope->total < 0)
		envelope->says_more = true;
	/* a limit by itself may be one of something else */
	if (envelope->is_last_page || envelope->has_total || !envelope->is_paged)
		envelope->page_size = -1;
}

/*
 * One member of the outermost object: does it deny success, name an account,
 * or tell of more pages?  False if there is no memory.
 */
static bool
note_member(MpEnvelope *envelope, const MpJsonString *name,
			const MpJsonValue *value)
{
	Visit		visit = {envelope, 0, true};
	char		folded[MP_PAGING_NAME];

	if (is_of_account(name, value))
		return true;
	mp_walk_fold(name, folded);
	note_denial(envelope, folded, value);
	if (strcmp(folded, "id") == 0 && !envelope->has_results)
		envelope->id = number_of(value) > 0 ? number_of(value) : 0;

	return mp_words_note(&envelope->words, name, value) &&
		note_results(envelope, name, value) &&
		note_paging(&visit, name, value);
}

/*
 * One of the members that nearly every account has, and nothing else?  None of
 * them says anything of the answer; to find that out of each name would take
 * longer than all else that is done with an answer of one account.
 */
static bool
is_of_account(const MpJsonString *name, const MpJsonValue *value)
{
	static const char *const names[] = {
		"name", "role", "created", "creator", "expires", "user_id", "username",
		"last_used", "creator_name", "creator_email", "organization_id",
	};

	if (value->kind == MP_JSON_OBJECT || value->kind == MP_JSON_ARRAY)
		return false;
	for (size_t i = 0; i < LENGTH_OF(names); i++)
		if (name->length == strlen(names[i]) &&
			memcmp(name->data, names[i], name->length) == 0)
		{
			assert(mp_paging_name(names[i]) == MP_PAGING_NOTHING);
			return true;
		}
	return false;
}

/* A member that says of what stands around it that it is a failure, or that it
 * is not: an error, a verdict, a status or the number of one. */
static void
note_denial(MpEnvelope *envelope, const char *name, const MpJsonValue *value)
{
	static const char *const errors[] = {
		"errorcode", "errormessage", "errormsg",
		"errordescription", "haserror", "haserrors", "iserror", "failed",
		"failure", "failures", "exception", "rejected",
	};
	static const char *const verdicts[] = {
		"success", "ok", "successful", "issuccess", "issuccessful", "isok",
		"succeeded",
	};

	if (strcmp(name, "status") == 0)
		note_status(envelope, value);
	else if (strcmp(name, "error") == 0 || strcmp(name, "errors") == 0)
		envelope->denies |= is_something(value);
	else if (is_any_of(name, errors, LENGTH_OF(errors)))
		envelope->has_failed |= is_something(value) && !is_false(value);
	else if (is_any_of(name, verdicts, LENGTH_OF(verdicts)))
	{
		envelope->denies |= is_false(value);
		envelope->affirms |= !is_false(value) && is_something(value);
	}
	else if (strcmp(name, "code") == 0 || strcmp(name, "statuscode") == 0 ||
			 strcmp(name, "httpstatus") == 0 ||
			 strcmp(name, "httpcode") == 0)
		envelope->denies |= number_of(value) >= 400 && number_of(value) < 600;
	else if (strcmp(name, "result") == 0 && value->kind <= MP_JSON_FALSE)
		envelope->denies |= value->kind == MP_JSON_FALSE;
	else if (strcmp(name, "result") == 0 && value->kind == MP_JSON_STRING)
	{
		char		folded[MP_PAGING_NAME];

		mp_walk_fold(&value->text, folded);
		envelope->denies |= is_any_of(folded, failures, LENGTH_OF(failures));
	}
}

/* A success is ok or success, or a number from 200 to 299. */
static void
note_status(MpEnvelope *envelope, const MpJsonValue *value)
{
	static const char *const successes[] = {"ok", "success"};
	int64_t		number = number_of(value);
	bool		fine = number >= 200 && number <= 299;
	char		folded[MP_PAGING_NAME];

	if (value->kind == MP_JSON_NULL || value->kind == MP_JSON_TRUE)
		return;
	if (value->kind == MP_JSON_STRING && number < 0)
	{
		mp_walk_fold(&value->text, folded);
		fine = is_any_of(folded, successes, LENGTH_OF(successes));
		envelope->is_failure = is_any_of(folded, failures,
										 LENGTH_OF(failures));
	}
	else
		envelope->is_failure = value->kind == MP_JSON_FALSE ||
			(number >= 400 && number < 600);
	envelope->is_no_success = !fine;
	envelope->affirms |= fine;
}

/* The results, under their name or another: each may tell what became of
 * it. */
static bool
note_results(MpEnvelope *envelope, const MpJsonString *name,
			 const MpJsonValue *value)
{
	char		folded[MP_PAGING_NAME];

	if (mp_json_string_equals(name, "results", 7))
	{
		envelope->has_results = true;
		envelope->projects.kind = MP_JSON_NULL;
		if (value->kind == MP_JSON_FALSE)
			envelope->denies = true;
		if (value->kind == MP_JSON_ARRAY)
			return mp_walk(value, note_outcome, envelope);
		return mp_walk(value, note_result, envelope);
	}
	if (mp_json_string_equals(name, "projects", 8) && !envelope->has_results)
		envelope->projects = *value;
	mp_walk_fold(name, folded);
	if (strcmp(folded, "result") == 0 || strcmp(folded, "data") == 0 ||
		strcmp(folded, "response") == 0)
		return mp_walk(value, note_outcome, envelope);
	return true;
}

/* A member of the results, of an account or of /me. */
static bool
note_result(void *context, const MpJsonString *name,
			const MpJsonValue *value)
{
	MpEnvelope *envelope = context;
	Visit		visit = {envelope, 0, true};

	if (is_of_account(name, value))
		return true;
	if (mp_json_string_equals(name, "projects", 8))
		envelope->projects = *value;
	else if (mp_json_string_equals(name, "id", 2) && number_of(value) > 0)
		envelope->id = number_of(value);
	return note_outcome(envelope, name, value) &&
		note_paging(&visit, name, value);
}

/*
 * A member of an object of results, or an element of a list of them, which
 * tells of each what became of it.
 */
static bool
note_outcome(void *context, const MpJsonString *name,
			 const MpJsonValue *value)
{
	MpEnvelope *envelope = context;
	MpEnvelope	inner = {.total = -1};
	char		folded[MP_PAGING_NAME];

	if (name == NULL)
		return mp_walk(value, note_outcome, envelope);
	mp_walk_fold(name, folded);
	note_denial(&inner, folded, value);
	if (!inner.denies && !inner.is_failure && !inner.has_failed)
		return true;
	envelope->denies = true;
	return mp_words_note(&envelope->words, name, value);
}

/* ---- further elements ---- */

/* Also for the elements of a list of links, which have no name. */
static bool
note_paging(void *context, const MpJsonString *name,
			const MpJsonValue *value)
{
	Visit	   *visit = context;
	Visit		inner = {visit->envelope, visit->depth + 1, false};
	MpEnvelope *envelope = visit->envelope;
	char		folded[MP_PAGING_NAME];
	MpPagingName kind;

	if (name == NULL)
	{
		inner.is_about_pages = true;
		return note_link(envelope, value) &&
			(value->kind != MP_JSON_OBJECT || inner.depth > MAX_DEPTH ||
			 mp_walk(value, note_paging, &inner));
	}
	mp_walk_fold(name, folded);
	kind = mp_paging_name(folded);
	if (visit->is_about_pages || (kind == MP_PAGING_MORE && is_plain(folded)))
		note_page(envelope, kind, value);
	if (inner.depth > MAX_DEPTH ||
		(value->kind != MP_JSON_OBJECT && value->kind != MP_JSON_ARRAY) ||
		strcmp(folded, "results") == 0 || strcmp(folded, "projects") == 0)
		return true;
	if (kind == MP_PAGING_TOTAL || kind == MP_PAGING_COUNT)
		return mp_walk(value, note_total_of, envelope);
	inner.is_about_pages = visit->is_about_pages &&
		mp_paging_is_object(folded);
	if (value->kind == MP_JSON_ARRAY && !inner.is_about_pages)
		return true;
	return mp_walk(value, note_paging, &inner);
}

/* Says next or more, and nothing else: in whatever object. */
static bool
is_plain(const char *name)
{
	static const char *const names[] = {
		"next", "nextpage", "nexturl", "nextlink", "nextcursor", "nexttoken",
		"nextpagetoken", "nextpageurl", "hasnext", "hasnextpage", "hasmore",
		"truncated", "istruncated", "incompleteresults",
	};

	return is_any_of(name, names, LENGTH_OF(names));
}

/* {"rel": "next", "href": …}; what has a previous page is a part as well. */
static bool
note_link(MpEnvelope *envelope, const MpJsonValue *value)
{
	Link		link = {false, false};

	if (value->kind != MP_JSON_OBJECT)
		return true;
	if (!mp_walk(value, note_relation, &link))
		return false;
	envelope->says_more |= link.is_other && !link.is_empty;
	return true;
}

static bool
note_relation(void *context, const MpJsonString *name,
			  const MpJsonValue *value)
{
	Link	   *link = context;
	char		folded[MP_PAGING_NAME];

	mp_walk_fold(name, folded);
	if (strcmp(folded, "href") == 0 || strcmp(folded, "url") == 0 ||
		strcmp(folded, "uri") == 0)
		link->is_empty = !is_something(value);
	else if (strcmp(folded, "rel") == 0 && value->kind == MP_JSON_STRING)
	{
		mp_walk_fold(&value->text, folded);
		link->is_other = strcmp(folded, "next") == 0 ||
			strcmp(folded, "prev") == 0 || strcmp(folded, "previous") == 0;
	}
	return true;
}

/* What a value says under a name about pages. */
static void
note_page(MpEnvelope *envelope, MpPagingName kind, const MpJsonValue *value)
{
	int64_t		number = amount_of(value);

	switch (kind)
	{
		case MP_PAGING_NOTHING:
			break;
		case MP_PAGING_MORE:
		case MP_PAGING_CURSOR:
		case MP_PAGING_END:
		case MP_PAGING_BEFORE:
		case MP_PAGING_BEGIN:
			note_more(envelope, kind, value);
			break;
		case MP_PAGING_TOTAL:
		case MP_PAGING_COUNT:
			envelope->has_total |= kind == MP_PAGING_TOTAL && number >= 0;
			if (number > envelope->total)
				envelope->total = number;
			break;
		case MP_PAGING_PAGES:
		case MP_PAGING_PAGE:
		case MP_PAGING_OFFSET:
		case MP_PAGING_SIZE:
		case MP_PAGING_LIMIT:
		case MP_PAGING_REST:
			note_page_number(envelope, kind, number);
			/* "last_page" */
			envelope->says_more |= kind == MP_PAGING_PAGES &&
				value->kind == MP_JSON_FALSE;
			break;
	}
}

/*
 * "page": 2 is not the first, which may be 0 or 1; an "offset" is where a part
 * begins.
 */
static void
note_page_number(MpEnvelope *envelope, MpPagingName kind, int64_t number)
{
	if (number < 0)
		return;
	envelope->is_paged |= kind != MP_PAGING_REST && kind != MP_PAGING_LIMIT;
	if (kind == MP_PAGING_SIZE || kind == MP_PAGING_LIMIT)
	{
		envelope->page_size = number > 0 ? number : -1;
		return;
	}
	if (kind == MP_PAGING_PAGES)
		envelope->is_last_page |= number == 1;
	envelope->is_first_page |= kind == MP_PAGING_PAGE && number == 1;
	envelope->says_more |= number >
		(kind == MP_PAGING_PAGE || kind == MP_PAGING_PAGES ? 1 : 0);
}

/* {"value": 250, "relation": "eq"} */
static bool
note_total_of(void *context, const MpJsonString *name,
			  const MpJsonValue *value)
{
	char		folded[MP_PAGING_NAME];
	MpPagingName kind;

	if (name == NULL)
		return true;
	mp_walk_fold(name, folded);
	kind = strcmp(folded, "value") == 0 ? MP_PAGING_TOTAL :
		mp_paging_name(folded);
	if (kind == MP_PAGING_TOTAL || kind == MP_PAGING_COUNT)
		note_page(context, kind, value);
	return true;
}

/*
 * A name that says next, more, or that something is missing, and a value that
 * does not deny it; or one that says that this is the end, and is false.
 */
static void
note_more(MpEnvelope *envelope, MpPagingName kind, const MpJsonValue *value)
{
	bool		says_no = !is_something(value) || is_false(value);

	if (kind == MP_PAGING_CURSOR)
		envelope->says_more |= value->kind == MP_JSON_STRING && !says_no;
	else if (kind == MP_PAGING_BEFORE)
		envelope->says_more |= !says_no;
	else if (kind == MP_PAGING_BEGIN)
		envelope->says_more |= value->kind == MP_JSON_FALSE;
	else if (kind == MP_PAGING_MORE)
	{
		envelope->says_more |= !says_no;
		envelope->is_last_page |= says_no;
	}
	else if (value->kind == MP_JSON_FALSE ||
			 (value->kind == MP_JSON_STRING && is_false(value)))
		envelope->says_more = true;
	else if (value->kind == MP_JSON_TRUE)
		envelope->is_last_page = true;
}

/* ---- names and values ---- */

static bool
is_any_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (*name == *names[i] && strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* false, 0, or a text that says so. */
static bool
is_false(const MpJsonValue *value)
{
	static const char *const denials[] = {"false", "no", "0", "none", "null"};
	char		folded[MP_PAGING_NAME];

	if (value->kind == MP_JSON_NUMBER)
		return !is_something(value);
	if (value->kind != MP_JSON_STRING)
		return value->kind == MP_JSON_FALSE;
	mp_walk_fold(&value->text, folded);
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
		value->text.length == 0 || value->text.length > MAX_DIGITS)
		return -1;
	for (size_t i = 0; i < value->text.length; i++)
	{
		if (value->text.data[i] < '0' || value->text.data[i] > '9')
			return -1;
		number = number * 10 + (value->text.data[i] - '0');
	}
	return number;
}

/*
 * The same of a number of elements or pages, however it is written: 250.0,
 * "1,250", "250+".  A fraction counts as one more.
 */
static int64_t
amount_of(const MpJsonValue *value)
{
	const char *text = value->text.data;
	const char *end = text + value->text.length;
	char		plain[MAX_DIGITS + 8];
	size_t		used = 0;
	double		amount;

	if (value->kind != MP_JSON_NUMBER && value->kind != MP_JSON_STRING)
		return -1;
	for (; text < end && used < sizeof(plain) - 1; text++)
	{
		bool		digit = *text >= '0' && *text <= '9';

		if (digit || (used > 0 && strchr(".eE+-", *text) != NULL) ||
			*text == '-')
			plain[used++] = *text;
		else if (strchr(" ,_'<>=~", *text) == NULL)
			break;
	}
	plain[used] = '\0';
	if (used == 0 || plain[0] == '-')
		return -1;
	amount = strtod(plain, NULL);
	if (!(amount < 1e18))
		return INT64_MAX;
	return (int64_t) amount + ((double) (int64_t) amount < amount);
}
