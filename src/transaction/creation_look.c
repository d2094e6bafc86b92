/*-------------------------------------------------------------------------
 *
 * transaction/creation_look.c
 *		Creates whose outcome no answer told.
 *
 * Sending such a create again could make a second account, so the accounts are
 * listed, and the error says what has appeared.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "remote/attempt.h"
#include "remote/error.h"
#include "remote/fetch.h"
#include "transaction/creation_state.h"

#define CLOCK_SKEW 60			/* s that the API's clock may differ by */

/* A look for an account, for mp_attempt(). */
typedef struct Look
{
	const MpSettings *settings;
	const MpNewAccount *account;
	TimestampTz start;
	int			count;			/* of those found */
	int64		id;				/* the last of them */
} Look;

MP_NORETURN static void raise_spoilt(const MpError *error, const char *name,
									 int64 id);
static char *say_found(const char *name, int64 id, int count);
static void look_once(void *arg);
static int64 look_for(const MpSettings *settings,
					  const MpNewAccount *account, TimestampTz start,
					  int *count);
static int64 find_likely(const MpSettings *settings,
						 const MpNewAccount *account, TimestampTz start,
						 int *count);
static bool is_candidate(const MpRecord *record, const MpNewAccount *account,
						 TimestampTz start);
static bool same_text(const MpValue *value, const char *text);

/* Should it be cut short, the entry still stands, and the abort warns of
 * it. */
void
mp_creation_raise_unknown(MpCreation *creation, const MpNewAccount *account,
						  const char *table, TimestampTz start)
{
	const MpSettings *settings = mp_changeset_target(creation->target);
	const MpProblem *problem = mp_call_problem(creation->create);
	int64		named = problem->kind == MP_PROBLEM_BODY ?
		problem->fault.id : 0;
	const char *title = pstrdup(mp_call_title(creation->create));
	char	   *name = pstrdup(creation->username);
	MpError		error;
	char	   *found;
	int64		id;
	int			count;

	mp_error_describe(creation->create, settings, &error);
	mp_creation_end_create(creation, MP_CREATION_UNKNOWN);
	id = look_for(settings, account, start, &count);

	if (count == 1 && id == named)
	{
		(void) mp_creation_note_made(creation, id);
		raise_spoilt(&error, name, id);
	}
	mp_creation_pop(creation);
	error.message = psprintf("the outcome of %s is unknown: %s", title,
							 error.message);
	found = say_found(name, id, count);
	if (error.sqlstate != ERRCODE_FDW_INVALID_DATA_TYPE)
	{
		error.sqlstate = ERRCODE_CONNECTION_FAILURE;
		error.detail = NULL;
	}
	error.detail = error.detail == NULL ? found :
		psprintf("%s\n%s", error.detail, found);
	error.hint = count == 1 ?
		psprintf("To remove it: DELETE FROM %s WHERE id = " INT64_FORMAT ";",
				 table, id) :
		psprintf("To look for it: SELECT id, username, created FROM %s WHERE username = %s;",
				 table, quote_literal_cstr(name));
	mp_error_throw(&error);
}

/*
 * The one account that has appeared is also the one that the answer names, so
 * it is certain what was created, and the rollback deletes it.
 */
static void
raise_spoilt(const MpError *error, const char *name, int64 id)
{
	MpError		own = *error;

	own.detail = psprintf("%s\nService account " INT64_FORMAT " with the name \"%s\" has appeared; it is deleted again.",
						  error->detail, id, name);
	own.hint = NULL;
	mp_error_throw(&own);
}

/* What the list of accounts tells, as look_for() has it. */
static char *
say_found(const char *name, int64 id, int count)
{
	if (count < 0)
		return psprintf("The accounts could not be listed, so it is not known whether one with the name \"%s\" was created.",
						name);
	if (count == 0)
		return psprintf("The accounts were listed: none with the name \"%s\" has appeared, so it was probably not created.",
						name);
	if (count == 1)
		return psprintf("Service account " INT64_FORMAT " with the name \"%s\" has appeared: it was probably created by this statement, and its secret is lost.",
						id, name);
	return psprintf("%d service accounts with the name \"%s\" have appeared; one of them was probably created by this statement, and its secret is lost.",
					count, name);
}

/* As find_likely(), but a failure to list is no error: *count is -1. */
static int64
look_for(const MpSettings *settings, const MpNewAccount *account,
		 TimestampTz start, int *count)
{
	Look		look = {
		.settings = settings,.account = account,.start = start,
	};

	*count = mp_attempt(look_once, &look) == NULL ? look.count : -1;
	return look.id;
}

static void
look_once(void *arg)
{
	Look	   *look = arg;

	look->id = find_likely(look->settings, look->account, look->start,
						   &look->count);
}

/* The accounts of that name that are new: *count of them, and the last. */
static int64
find_likely(const MpSettings *settings, const MpNewAccount *account,
			TimestampTz start, int *count)
{
	MpLookup	lookup = {.relation = MP_RELATION_ACCOUNTS};
	MpFetch    *fetch = mp_fetch_begin(settings, &lookup,
									   MP_FIELD_BIT(MP_FIELD_ID) |
									   MP_FIELD_BIT(MP_FIELD_USERNAME) |
									   MP_FIELD_BIT(MP_FIELD_NAME) |
									   MP_FIELD_BIT(MP_FIELD_CREATED));
	const MpRecord *record;
	int64		id = 0;
	int			found = 0;

	while (mp_fetch_next_wait(fetch, &record))
	{
		if (!is_candidate(record, account, start) ||
			mp_creation_is_own(settings,
							   record->values[MP_FIELD_ID].as.integer))
			continue;
		id = record->values[MP_FIELD_ID].as.integer;
		found++;
	}
	mp_fetch_end(fetch);
	*count = found;
	return id;
}

/* Of that name, and not older than the request by the API's clock. */
static bool
is_candidate(const MpRecord *record, const MpNewAccount *account,
			 TimestampTz start)
{
	const MpValue *values = record->values;

	if (account->username != NULL ?
		!same_text(&values[MP_FIELD_USERNAME], account->username) :
		!same_text(&values[MP_FIELD_NAME], account->name) &&
		!same_text(&values[MP_FIELD_USERNAME], account->name))
		return false;
	return !values[MP_FIELD_CREATED].present ||
		values[MP_FIELD_CREATED].as.time >=
		start - CLOCK_SKEW * USECS_PER_SEC;
}

static bool
same_text(const MpValue *value, const char *text)
{
	return value->present && value->as.text.length == strlen(text) &&
		memcmp(value->as.text.data, text, value->as.text.length) == 0;
}
