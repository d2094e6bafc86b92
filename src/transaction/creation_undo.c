/*-------------------------------------------------------------------------
 *
 * transaction/creation_undo.c
 *		Accounts that were created under what is rolled back: deleted again.
 *
 * Runs inside an abort: it must not throw, allocates nothing in the server
 * that could fail, and is bounded in time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"

#include "remote/error.h"
#include "transaction/creation_state.h"

#define UNDO_TIME 10000			/* ms for all of one abort */
#define FIRST_WAIT 250			/* ms before a deletion is sent again */
#define MAX_WAIT 2000

/* Undoing that came to no end: ms, in which statement, and since when. */
static long undo_wasted = 0;
static TimestampTz undo_statement = 0;
static TimestampTz undo_begun = 0;

static int	first_of_level(int level);
static TimestampTz begin_undo(void);
static void end_undo(TimestampTz deadline);
static void settle_answers(int first, TimestampTz deadline);
static bool answers_pending(int first);
static void take_answer(MpCreation *creation);
static void delete_accounts(int first, TimestampTz deadline);
static bool any_absent(int first);
static bool nap(TimestampTz until);
static void start_deletions(int first, MpCreationState state);
static void await_deletions(int first, TimestampTz deadline);
static bool deletions_pending(int first);
static MpCreationState judge_deletion(const MpCreation *creation);
static void warn_of_rest(int first);
static void warn_of(const MpCreation *creation);

/*
 * An answer still awaited is awaited first, for the account may exist; a
 * second interrupt ends the wait.
 */
void
mp_creation_undo(int level)
{
	bool		cancelled = QueryCancelPending;
	int			first = first_of_level(level);
	TimestampTz deadline;

	if (first == mp_creation_count())
		return;
	QueryCancelPending = false;
	deadline = begin_undo();
	settle_answers(first, deadline);
	delete_accounts(first, deadline);
	end_undo(deadline);
	warn_of_rest(first);
	mp_creation_drop(first);
	Assert(mp_creation_count() == first);
	QueryCancelPending |= cancelled;
}

/* Levels ascend. */
static int
first_of_level(int level)
{
	int			first = mp_creation_count();

	while (first > 0 && mp_creation_get(first - 1)->level >= level)
		first--;
	Assert(first == 0 || mp_creation_get(first - 1)->level < level);
	return first;
}

/*
 * One abort may undo level by level; those that have run out of time leave
 * less for the others.
 */
static TimestampTz
begin_undo(void)
{
	if (undo_statement != GetCurrentStatementStartTimestamp())
		undo_wasted = 0;
	undo_statement = GetCurrentStatementStartTimestamp();
	undo_begun = GetCurrentTimestamp();
	return TimestampTzPlusMilliseconds(undo_begun,
									   Max(UNDO_TIME - undo_wasted, 0));
}

static void
end_undo(TimestampTz deadline)
{
	TimestampTz now = GetCurrentTimestamp();

	if (now >= deadline)
		undo_wasted += TimestampDifferenceMilliseconds(undo_begun, now);
}

/*
 * Creates whose answer had not come when the transaction failed.  One that
 * waits to be sent, for the first time or again, is not let go any more.
 */
static void
settle_answers(int first, TimestampTz deadline)
{
	while (answers_pending(first) && !QueryCancelPending &&
		   mp_session_wait_until(deadline))
		continue;
}

/*
 * Take the answers of creates that were under way when the transaction
 * failed; is one still to come?
 */
static bool
answers_pending(int first)
{
	bool		pending = false;

	for (int i = first; i < mp_creation_count(); i++)
	{
		MpCreation *creation = mp_creation_get(i);

		if (creation->state == MP_CREATION_SENT)
			take_answer(creation);
		if (creation->state != MP_CREATION_SENT)
			continue;
		if (mp_http_may_be_done(mp_call_request(creation->create)))
			pending = true;
		else
			mp_creation_end_create(creation, MP_CREATION_REFUSED);
	}
	return pending;
}

/*
 * Has the create been answered?  Then what became of it is known, or known to
 * be unknown.
 */
static void
take_answer(MpCreation *creation)
{
	MpRecord	record;
	bool		refused;
	int64		id;

	mp_record_init(&record);
	switch (mp_call_next(creation->create, &record))
	{
		case MP_CALL_WAIT:
			break;
		case MP_CALL_RECORD:
			if (!mp_call_brings_secret(&record))
			{
				/* perhaps of an account that was there before */
				mp_creation_end_create(creation, MP_CREATION_UNKNOWN);
				break;
			}
			id = record.values[MP_FIELD_ID].as.integer;
			mp_call_free(mp_creation_note_made(creation, id));
			break;
		case MP_CALL_DONE:
		case MP_CALL_FAILED:
			id = mp_call_problem(creation->create)->fault.id;
			if (mp_call_problem(creation->create)->kind ==
				MP_PROBLEM_ERROR_BODY && id > 0)
			{
				mp_call_free(mp_creation_note_made(creation, id));
				break;
			}
			refused = mp_creation_is_refusal(creation->create);
			mp_creation_end_create(creation, refused ?
								   MP_CREATION_REFUSED : MP_CREATION_UNKNOWN);
			break;
	}
	mp_record_release(&record);
}

/*
 * A 404 does not prove that an account is gone which the API may not show yet:
 * it is asked to delete it again while the time lasts.
 */
static void
delete_accounts(int first, TimestampTz deadline)
{
	long		wait = FIRST_WAIT;
	MpCreationState state = MP_CREATION_MADE;
	TimestampTz until;

	do
	{
		start_deletions(first, state);
		state = MP_CREATION_ABSENT;
		await_deletions(first, deadline);
		until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), wait);
		wait = Min(2 * wait, MAX_WAIT);
	} while (any_absent(first) && until < deadline && nap(until));
}

static bool
any_absent(int first)
{
	for (int i = first; i < mp_creation_count(); i++)
		if (mp_creation_get(i)->state == MP_CREATION_ABSENT)
			return true;
	return false;
}

/* False if an interrupt ends it. */
static bool
nap(TimestampTz until)
{
	while (!QueryCancelPending && mp_session_wait_until(until))
		continue;
	return !QueryCancelPending;
}

/* Send a deletion for each creation in the given state */
static void
start_deletions(int first, MpCreationState state)
{
	for (int i = first; i < mp_creation_count(); i++)
	{
		MpCreation *creation = mp_creation_get(i);
		MpCall	   *deletion;

		/* an answer that never came */
		if (creation->state == MP_CREATION_SENT)
			mp_creation_end_create(creation, MP_CREATION_UNKNOWN);
		if (creation->state != state)
			continue;
		deletion = mp_api_delete_account(mp_session_http_if_any(),
										 mp_changeset_target(creation->target),
										 creation->id);
		if (deletion == NULL)
			continue;
		/* reads that were cut short may still fill the window */
		mp_http_make_urgent(mp_call_request(deletion));
		mp_creation_delete(creation, deletion);
	}
}

static void
await_deletions(int first, TimestampTz deadline)
{
	while (deletions_pending(first) && mp_session_wait_until(deadline))
		continue;
}

/* Take the answers of deletions; is one still to come? */
static bool
deletions_pending(int first)
{
	bool		pending = false;

	for (int i = first; i < mp_creation_count(); i++)
	{
		MpCreation *creation = mp_creation_get(i);
		MpCallState state;

		if (creation->state != MP_CREATION_DELETING)
			continue;
		state = mp_call_next(creation->deletion, NULL);
		if (state == MP_CALL_WAIT)
			pending = true;
		else if (state == MP_CALL_DONE)
			mp_creation_end_deletion(creation, MP_CREATION_GONE);
		else
			mp_creation_end_deletion(creation, judge_deletion(creation));
	}
	return pending;
}

/* What a deletion that failed says of the account. */
static MpCreationState
judge_deletion(const MpCreation *creation)
{
	const MpProblem *problem = mp_call_problem(creation->deletion);
	int			status = mp_error_status(creation->deletion);

	if (problem->kind != MP_PROBLEM_HTTP)
		return MP_CREATION_MADE;
	if (status == 410 && !mp_error_is_foreign(creation->deletion))
		return MP_CREATION_GONE;
	return status == 404 ? MP_CREATION_ABSENT : MP_CREATION_MADE;
}

/* Name every account that was, or may have been, created and is not known to
 * be deleted. */
static void
warn_of_rest(int first)
{
	for (int i = first; i < mp_creation_count(); i++)
	{
		MpCreationState state = mp_creation_get(i)->state;

		if (state != MP_CREATION_NOTED && state != MP_CREATION_REFUSED &&
			state != MP_CREATION_GONE)
		{
			mp_journal_kept(mp_creation_get(i)->journal);
			warn_of(mp_creation_get(i));
		}
		else if (mp_creation_get(i)->shown)
			ereport(NOTICE,
					(errmsg("service account " INT64_FORMAT " was deleted again, and its secret is no longer valid",
							mp_creation_get(i)->id),
					 errdetail("The transaction that created it was rolled back.")));
	}
}

/* Name an account that may have stayed */
static void
warn_of(const MpCreation *creation)
{
	const MpSettings *settings = mp_changeset_target(creation->target);

	if (creation->state == MP_CREATION_UNKNOWN)
		ereport(WARNING,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("service account \"%s\" may have been created on server \"%s\" although the transaction was rolled back",
						creation->username, settings->server_name),
				 errdetail("The answer to its creation did not come in time."),
				 errhint("Look for it among the service accounts of organization " INT64_FORMAT " and delete it.",
						 settings->organization_id)));
	else
		ereport(WARNING,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("service account " INT64_FORMAT " (\"%s\") on server \"%s\" could not be deleted although the transaction that created it was rolled back",
						creation->id, creation->username,
						settings->server_name),
				 creation->state == MP_CREATION_ABSENT ?
				 errdetail("Each attempt was answered with status 404: the account is gone, or the API did not show it yet.") : 0,
				 errhint("Delete the row with id " INT64_FORMAT " from the foreign table of service accounts.",
						 creation->id)));
}
