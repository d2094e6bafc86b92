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

/* What is looked for, and what was found. */
typedef struct MpLook
{
	const MpSettings *settings;
	const MpNewAccount *account;
	TimestampTz start;			/* of the request */
	int64		id;				/* of the last that was found */
	int			count;			/* -1: the accounts could not be listed */
} MpLook;

MP_NORETURN static void raise_spoilt(const MpError *error, const char *name,
									 int64 id);
static char *say_found(const char *name, int64 id, int count);
static void find_likely(void *arg);
static bool is_candidate(const MpRecord *record, const MpNewAccount *account,
						 TimestampTz start);

/* Should it be cut short, the entry still stands, and the abort warns of
 * it. */
void
mp_creation_raise_unknown(MpCreation *creation, MpCreationSought *sought)
{
	const MpProblem *problem = mp_call_problem(creation->create);
	MpError		error;

	sought->named = problem->kind == MP_PROBLEM_BODY ? problem->fault.id : 0;
	mp_error_describe(creation->create,
					  mp_changeset_target(creation->target), &error);
	mp_creation_raise_unsure(creation, sought, &error);
}

/* A redirect keeps its own SQLSTATE, and the hint that goes with it. */
void
mp_creation_raise_unsure(MpCreation *creation,
						 MpCreationSought *sought, MpError *error)
{
	const MpSettings *settings = mp_changeset_target(creation->target);
	bool		redirected =
		mp_error_is_redirect(creation->create);
	const char *title = pstrdup(mp_call_title(creation->create));
	char	   *name = pstrdup(creation->username);
	char	   *found;
	MpLook		look = {settings, sought->account, sought->start, 0, 0};

	mp_creation_end_create(creation, MP_CREATION_UNKNOWN);
	if (mp_attempt(find_likely, &look) != NULL)
		look.count = -1;
	if (look.count == 1 && look.id == sought->named)
	{
		(void) mp_creation_note_made(creation, look.id);
		raise_spoilt(error, name, look.id);
	}
	mp_creation_pop(creation);
	error->message = psprintf("the outcome of %s is unknown: %s", title,
							  error->message);
	found = say_found(name, look.id, look.count);
	if (error->sqlstate != ERRCODE_FDW_INVALID_DATA_TYPE && !redirected)
	{
		error->sqlstate = ERRCODE_CONNECTION_FAILURE;
		error->detail = NULL;
	}
	error->detail = error->detail == NULL ? found :
		psprintf("%s\n%s", error->detail, found);
	if (look.count == 1)
		error->hint = psprintf("To remove it: DELETE FROM %s WHERE id = " INT64_FORMAT ";",
							   sought->table, look.id);
	else if (!redirected || error->hint == NULL)
		error->hint = psprintf("To look for it: SELECT id, username, created FROM %s WHERE starts_with(username, %s);",
							   sought->table, quote_literal_cstr(name));
	mp_error_throw(error);
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
		return psprintf("The accounts were listed: none with the name \"%s\" has appeared so far; it may appear later.",
						name);
	if (count == 1)
		return psprintf("Service account " INT64_FORMAT " with the name \"%s\" has appeared: it was probably created by this statement, and its secret is lost.",
						id, name);
	return psprintf("%d service accounts with the name \"%s\" have appeared; one of them was probably created by this statement, and its secret is lost.",
					count, name);
}

/* An MpLook *: the accounts of that name that are new. */
static void
find_likely(void *arg)
{
	MpLook	   *look = arg;
	MpLookup	lookup = {.relation = MP_RELATION_ACCOUNTS};
	MpFetch    *fetch = mp_fetch_begin(look->settings, &lookup,
									   MP_FIELD_BIT(MP_FIELD_ID) |
									   MP_FIELD_BIT(MP_FIELD_USERNAME) |
									   MP_FIELD_BIT(MP_FIELD_NAME) |
									   MP_FIELD_BIT(MP_FIELD_CREATED));
	const MpRecord *record;

	while (mp_fetch_next_wait(fetch, &record))
	{
		int64		id = record->values[MP_FIELD_ID].as.integer;

		if (!is_candidate(record, look->account, look->start) ||
			mp_creation_is_own(look->settings, id))
			continue;
		look->id = id;
		look->count++;
	}
	mp_fetch_end(fetch);
}

/* Of that name, and not older than the request by the API's clock. */
static bool
is_candidate(const MpRecord *record, const MpNewAccount *account,
			 TimestampTz start)
{
	const MpValue *values = record->values;

	if (account->username != NULL ?
		!mp_record_is_username(&values[MP_FIELD_USERNAME], account->username) :
		!mp_record_is_text(&values[MP_FIELD_NAME], account->name) &&
		!mp_record_is_username(&values[MP_FIELD_USERNAME], account->name))
		return false;
	return !values[MP_FIELD_CREATED].present ||
		values[MP_FIELD_CREATED].as.time >=
		start - CLOCK_SKEW * USECS_PER_SEC;
}
