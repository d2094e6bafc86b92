/*-------------------------------------------------------------------------
 *
 * transaction/creation.c
 *		Creates a service account at once.
 *
 * A create is sent once, and noted before it is sent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "remote/error.h"
#include "transaction/creation_state.h"

/* The answer that the caller has not forgotten yet, and what it says. */
static MpCall *answer = NULL;
static MpRecord answer_record;

MP_NORETURN static void raise_failure(MpCreation *creation,
									  MpCreationSought *sought);
MP_NORETURN static void raise_both(MpCreation *creation);
MP_NORETURN static void raise_no_secret(MpCreation *creation,
										MpCreationSought *sought,
										MpRecord *record);

MpRecord *
mp_creation_create(uint16 target, CommandId cid, const MpNewAccount *account,
				   const char *table)
{
	const MpSettings *settings = mp_changeset_target(target);
	MpCreationSought sought = {account, table, GetCurrentTimestamp(), 0};
	MpRecord   *record = &answer_record;
	MpCreation *creation;
	MpCallState state;

	mp_creation_forget_answer(NULL);
	creation = mp_creation_push(target, cid, account->username != NULL ?
								account->username : account->name);
	mp_creation_send(creation, mp_api_create_account(mp_session_http(),
													 settings, account));
	while ((state = mp_call_next(creation->create, record)) == MP_CALL_WAIT)
		mp_session_wait_for_client(creation->create);

	if (state != MP_CALL_RECORD)
	{
		mp_record_release(record);
		raise_failure(creation, &sought);
	}
	if (!mp_call_brings_secret(record))
		raise_no_secret(creation, &sought, record);
	answer = mp_creation_note_made(creation,
								   record->values[MP_FIELD_ID].as.integer);
	mp_session_check_client();
	return record;
}

void
mp_creation_forget_answer(MpTally *tally)
{
	if (answer != NULL && tally != NULL)
		mp_http_add_tally(tally, mp_call_tally(answer));
	mp_record_release(&answer_record);
	mp_call_free(answer);
	answer = NULL;
}

/* A refusal in its own words; else nobody knows. */
static void
raise_failure(MpCreation *creation, MpCreationSought *sought)
{
	const MpProblem *problem = mp_call_problem(creation->create);
	MpError		error;

	if (problem->kind == MP_PROBLEM_ERROR_BODY && problem->fault.id > 0)
		raise_both(creation);
	if (!mp_creation_is_refusal(creation->create))
		mp_creation_raise_unknown(creation, sought);
	mp_error_describe(creation->create, mp_changeset_target(creation->target),
					  &error);
	mp_creation_end_create(creation, MP_CREATION_REFUSED);
	mp_error_throw(&error);
}

/* The answer holds an account and an error: there is an account, but no saying
 * what is wrong with it.  The rollback deletes it. */
static void
raise_both(MpCreation *creation)
{
	int64		id = mp_call_problem(creation->create)->fault.id;
	MpError		error;

	mp_error_describe(creation->create, mp_changeset_target(creation->target),
					  &error);
	error.detail = psprintf("%s%sThe answer also holds the new service account " INT64_FORMAT "; it is deleted again.",
							error.detail != NULL ? error.detail : "",
							error.detail != NULL ? "\n" : "", id);
	mp_call_free(mp_creation_note_made(creation, id));
	mp_error_throw(&error);
}

/*
 * Nobody could ever use it, so it is deleted again; but an answer without a
 * secret may as well name an account that was there before, as where the
 * username is taken.  The list of accounts tells.
 */
static void
raise_no_secret(MpCreation *creation, MpCreationSought *sought,
				MpRecord *record)
{
	const MpValue *secret = &record->values[MP_FIELD_SECRET];
	MpError		error = {.sqlstate = ERRCODE_FDW_INVALID_DATA_TYPE};

	sought->named = record->values[MP_FIELD_ID].as.integer;
	error.message = psprintf("the answer to %s is not what the API documents",
							 mp_call_title(creation->create));
	error.detail = psprintf(secret->present && secret->as.text.length > 0 ?
							"Record 1 (id " INT64_FORMAT "), field \"secret\": is masked." :
							"Record 1 (id " INT64_FORMAT "), field \"secret\": is missing, and so is \"token\".",
							sought->named);
	mp_record_release(record);
	mp_creation_raise_unsure(creation, sought, &error);
}
