/*-------------------------------------------------------------------------
 *
 * api/envelope.c
 *		What an answer says of itself, beside its results.
 *
 * Owns the names that deny success; what tells of further elements is
 * json/pages.c's.  Must not know which call was answered.
 *
 *-------------------------------------------------------------------------
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/envelope.h"
#include "base/paging.h"
#include "json/value.h"
#include "json/walk.h"

#define LENGTH_OF(array)	(sizeof(array) / sizeof((array)[0]))

/* Statuses of an object of the API's that are no success. */
static const char *const failures[] = {
	"error", "fail", "failed", "failure", "errored", "badrequest", "denied",
	"forbidden", "unauthorized", "rejected", "invalid", "notfound",
	"permissiondenied", "accessdenied", "unauthenticated",
};

static bool read_all(MpJsonCursor *cursor, MpEnvelope *envelope);
static void judge(MpEnvelope *envelope);
static bool note_member(MpEnvelope *envelope, const MpJsonString *name,
						const MpJsonValue *value);
static bool is_of_account(const MpJsonString *name, const MpJsonValue *value);
static void note_status(MpEnvelope *envelope, const MpJsonValue *value);
static void note_denial(MpEnvelope *envelope, const char *name,
						const MpJsonValue *value);
static void note_outcome_of_all(MpEnvelope *envelope, const char *name,
								const MpJsonValue *value);
static bool is_failure(const MpJsonValue *value);
static bool is_id(const char *name);
static bool is_failed_status(int64_t number);
static bool is_yes(const MpJsonValue *value);
static bool note_results(MpEnvelope *envelope, const MpJsonString *name,
						 const MpJsonValue *value);
static bool note_result(void *context, const MpJsonString *name,
						const MpJsonValue *value);
static bool note_outcome(void *context, const MpJsonString *name,
						 const MpJsonValue *value);
bool
mp_envelope_read(const char *text, size_t length, MpEnvelope *envelope)
{
	MpJsonCursor cursor;
	MpJsonMember *members = mp_walk_members(length);
	bool		fine;

	memset(envelope, 0, sizeof(*envelope));
	mp_pages_begin(&envelope->pages);
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
	mp_pages_finish(&envelope->pages);
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
 * failure counts.
 */
static void
judge(MpEnvelope *envelope)
{
	bool		is_bare = envelope->id != 0 && !envelope->has_results;

	envelope->says_error = envelope->denies ||
		(is_bare ? envelope->is_failure :
		 envelope->is_no_success || envelope->has_failed ||
		 (envelope->is_undone && !envelope->has_results));
}

/*
 * One member of the outermost object: does it deny success, name an account,
 * or tell of more pages?  False if there is no memory.
 */
static bool
note_member(MpEnvelope *envelope, const MpJsonString *name,
			const MpJsonValue *value)
{
	char		folded[MP_PAGING_NAME];

	if (is_of_account(name, value))
		return true;
	mp_walk_fold(name, folded);
	note_denial(envelope, folded, value);
	note_outcome_of_all(envelope, folded, value);
	if (is_id(folded) && !note_outcome(envelope, name, value))
		return false;
	if (strcmp(folded, "id") == 0 && !envelope->has_results)
		envelope->id = mp_value_number(value) > 0 ? mp_value_number(value) : 0;

	return mp_words_note(&envelope->words, name, value) &&
		note_results(envelope, name, value) &&
		mp_pages_note(&envelope->pages, name, value);
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
		"failure", "failures", "exception", "rejected", "err", "errno",
		"errcode", "fault", "failedids", "faileditems", "failedcount",
		"failedentries", "failedentrycount", "unprocessed", "unprocessedids",
		"unprocesseditems", "invalidids",
	};
	static const char *const verdicts[] = {
		"success", "ok", "successful", "issuccess", "issuccessful", "isok",
		"succeeded",
	};

	if (strcmp(name, "status") == 0)
		note_status(envelope, value);
	else if (strcmp(name, "error") == 0 || strcmp(name, "errors") == 0)
		envelope->denies |= mp_value_is_something(value);
	else if (mp_value_is_any_of(name, errors, LENGTH_OF(errors)))
		envelope->has_failed |= is_yes(value);
	else if (mp_value_is_any_of(name, verdicts, LENGTH_OF(verdicts)))
	{
		envelope->denies |= mp_value_is_false(value);
		envelope->affirms |= is_yes(value);
	}
	else if (strcmp(name, "code") == 0 || strcmp(name, "statuscode") == 0 ||
			 strcmp(name, "httpstatus") == 0 ||
			 strcmp(name, "httpcode") == 0)
		envelope->denies |= is_failed_status(mp_value_number(value)) ||
			is_failure(value);
	else if (strcmp(name, "result") == 0)
		envelope->denies |= value->kind == MP_JSON_FALSE || is_failure(value);
}

/* The same, but an element of a list may have such members without being one
 * that failed. */
static void
note_outcome_of_all(MpEnvelope *envelope, const char *name,
					const MpJsonValue *value)
{
	static const char *const deeds[] = {
		"deleted", "removed", "added", "acknowledged", "applied", "processed",
	};

	if (strcmp(name, "state") == 0 || strcmp(name, "outcome") == 0)
		envelope->has_failed |= is_failure(value);
	else if (mp_value_is_any_of(name, deeds, LENGTH_OF(deeds)))
		envelope->is_undone |= value->kind == MP_JSON_FALSE;
}

/* A word for a failure. */
static bool
is_failure(const MpJsonValue *value)
{
	char		folded[MP_PAGING_NAME];

	if (value->kind != MP_JSON_STRING)
		return false;
	mp_walk_fold(&value->text, folded);
	return mp_value_is_any_of(folded, failures, LENGTH_OF(failures));
}

static bool
is_id(const char *name)
{
	return *name != '\0' && name[strspn(name, "0123456789")] == '\0';
}

static bool
is_failed_status(int64_t number)
{
	return number >= 400 && number < 600;
}

static bool
is_yes(const MpJsonValue *value)
{
	return mp_value_is_something(value) && !mp_value_is_false(value);
}

/* A success is ok or success, or a number from 200 to 299. */
static void
note_status(MpEnvelope *envelope, const MpJsonValue *value)
{
	static const char *const successes[] = {"ok", "success"};
	int64_t		number = mp_value_number(value);
	bool		fine = number >= 200 && number <= 299;
	char		folded[MP_PAGING_NAME];

	if (value->kind == MP_JSON_NULL || value->kind == MP_JSON_TRUE)
		return;
	if (value->kind == MP_JSON_STRING && number < 0)
	{
		mp_walk_fold(&value->text, folded);
		fine = mp_value_is_any_of(folded, successes, LENGTH_OF(successes));
		envelope->is_failure = mp_value_is_any_of(folded, failures,
												  LENGTH_OF(failures));
	}
	else
		envelope->is_failure = value->kind == MP_JSON_FALSE ||
			is_failed_status(number);
	envelope->is_no_success = !fine;
	envelope->affirms |= fine;
}

/* The results, under their name or another: each may tell what became of
 * it. */
static bool
note_results(MpEnvelope *envelope, const MpJsonString *name,
			 const MpJsonValue *value)
{
	static const char *const others[] = {
		"result", "data", "response", "responses", "outcomes", "meta",
	};
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
	if (mp_value_is_any_of(folded, others, LENGTH_OF(others)))
		return mp_walk(value, note_outcome, envelope);
	return true;
}

/* A member of the results, of an account or of /me. */
static bool
note_result(void *context, const MpJsonString *name,
			const MpJsonValue *value)
{
	MpEnvelope *envelope = context;

	if (is_of_account(name, value))
		return true;
	if (mp_json_string_equals(name, "projects", 8))
		envelope->projects = *value;
	else if (mp_json_string_equals(name, "id", 2) && mp_value_number(value) > 0)
		envelope->id = mp_value_number(value);
	return note_outcome(envelope, name, value) &&
		mp_pages_note(&envelope->pages, name, value);
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
	MpEnvelope	inner = {0};
	char		folded[MP_PAGING_NAME];

	if (name == NULL)
		return mp_walk(value, note_outcome, envelope);
	mp_walk_fold(name, folded);
	note_denial(&inner, folded, value);
	/* {"5": {"status": "error"}}, {"5": "error"}, {"5": false} */
	if (is_id(folded) && value->kind == MP_JSON_OBJECT)
		return mp_walk(value, note_outcome, envelope);
	if (is_id(folded))
		inner.denies = value->kind == MP_JSON_FALSE || is_failure(value);
	if (!inner.denies && !inner.is_failure && !inner.has_failed)
		return true;
	envelope->denies = true;
	return mp_words_note(&envelope->words, name, value);
}
