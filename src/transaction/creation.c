/*-------------------------------------------------------------------------
 *
 * transaction/creation.c
 *		Service accounts that this transaction has created: made at once,
 *		deleted again where the transaction does not commit.
 *
 * A create is sent once.  Where its outcome cannot be known from the answer,
 * the accounts are listed and the error says what is likely.
 *
 * Undoing runs inside an abort: it must not throw, allocates nothing in the
 * server that could fail, and is bounded in time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "catalog/option.h"
#include "remote/error.h"
#include "remote/fetch.h"
#include "remote/session.h"
#include "transaction/changeset.h"
#include "transaction/creation.h"

#define UNDO_TIME 10000			/* ms for all of one abort */
#define CLOCK_SKEW 60			/* s that the API's clock may differ by */

typedef struct Creation
{
	uint16		target;
	int			level;
	CommandId	cid;
	int64		id;				/* 0: not known */
	char	   *username;		/* for warnings; NULL: nothing to warn of */
	MpCall	   *call;			/* while the answer is awaited, then while the
								 * deletion is under way */
} Creation;

/* In creation order, so that a subtransaction's are at the end; lives in
 * TopTransactionContext. */
static Creation *creations = NULL;
static int	creation_count = 0;
static int	creation_size = 0;

/* The answer that the caller has not forgotten yet, and what it says. */
static MpCall *answer = NULL;
static MpRecord answer_record;

/* Undoing that came to no end: ms, in which statement, and since when. */
static long undo_wasted = 0;
static TimestampTz undo_statement = 0;
static TimestampTz undo_begun = 0;

static Creation *push_creation(uint16 target, CommandId cid,
							   const char *username);
static bool is_refusal(const MpCall *call);
static bool has_secret(const MpRecord *record);
MP_NORETURN static void raise_no_secret(const Creation *creation,
										const char *title);
MP_NORETURN static void raise_unknown(Creation *creation,
									  const MpNewAccount *account,
									  const char *table, TimestampTz start);
MP_NORETURN static void raise_spoilt(const MpError *error, const char *name,
									 int64 id);
static char *say_found(const char *name, int64 id, int count);
static int64 look_for(const MpSettings *settings,
					  const MpNewAccount *account, TimestampTz start,
					  int *count);
static int64 find_likely(const MpSettings *settings,
						 const MpNewAccount *account, TimestampTz start,
						 int *count);
static bool is_candidate(const MpRecord *record, const MpNewAccount *account,
						 TimestampTz start);
static bool is_known(const MpSettings *settings, int64 id);
static bool same_text(const MpValue *value, const char *text);
static TimestampTz begin_undo(void);
static void end_undo(TimestampTz deadline);
static void settle_answers(int first, TimestampTz deadline);
static bool answers_pending(int first);
static void take_answer(Creation *creation);
static void start_deletions(int first);
static void await_deletions(int first, TimestampTz deadline);
static void warn_of_rest(int first);
static void warn_of(const Creation *creation);

MpRecord *
mp_creation_create(uint16 target, CommandId cid, const MpNewAccount *account,
				   const char *table)
{
	const MpSettings *settings = mp_changeset_target(target);
	TimestampTz start = GetCurrentTimestamp();
	MpRecord   *record = &answer_record;
	Creation   *creation;
	MpCallState state;
	char	   *name;

	mp_creation_forget_answer(NULL);
	creation = push_creation(target, cid, account->username != NULL ?
							 account->username : account->name);
	/* nameless, there is nothing to warn of, should there be no request */
	name = creation->username;
	creation->username = NULL;
	creation->call = mp_api_create_account(mp_session_http(), settings,
										   account);
	mp_session_started(creation->call);
	creation->username = name;
	while ((state = mp_call_next(creation->call, record)) == MP_CALL_WAIT)
		mp_session_wait(creation->call);

	if (state == MP_CALL_RECORD)
	{
		creation->id = record->values[MP_FIELD_ID].as.integer;
		answer = creation->call;
		creation->call = NULL;
		if (!has_secret(record))
			raise_no_secret(creation, mp_call_title(answer));
		return record;
	}
	mp_record_release(record);
	if (is_refusal(creation->call))
	{
		MpError		error;

		mp_error_describe(creation->call, settings, &error);
		mp_call_free(creation->call);
		creation_count--;
		mp_error_throw(&error);
	}
	raise_unknown(creation, account, table, start);
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

bool
mp_creation_is_later(const MpSettings *settings, int64 account,
					 CommandId curcid)
{
	for (int i = creation_count - 1; i >= 0; i--)
	{
		const MpSettings *its = mp_changeset_target(creations[i].target);

		/* a function's command may stand before that of its caller */
		if (creations[i].id == account && creations[i].cid >= curcid &&
			mp_option_same_place(its, settings))
			return true;
	}
	return false;
}

bool
mp_creation_any(void)
{
	return creation_count > 0;
}

void
mp_creation_release(int level)
{
	int			i = creation_count;

	while (i > 0 && creations[i - 1].level >= level)
		creations[--i].level = level - 1;
}

/*
 * Delete what was created at this level or deeper.  An answer still awaited is
 * awaited first, for the account may exist; a second interrupt ends the wait.
 */
void
mp_creation_undo(int level)
{
	bool		cancelled = QueryCancelPending;
	TimestampTz deadline;
	int			first = creation_count;

	mp_creation_forget_answer(NULL);
	while (first > 0 && creations[first - 1].level >= level)
		first--;
	if (first == creation_count)
		return;
	QueryCancelPending = false;
	deadline = begin_undo();
	settle_answers(first, deadline);
	start_deletions(first);
	await_deletions(first, deadline);
	end_undo(deadline);
	warn_of_rest(first);
	creation_count = first;
	QueryCancelPending |= cancelled;
}

void
mp_creation_end(void)
{
	mp_creation_forget_answer(NULL);
	for (int i = 0; i < creation_count; i++)
		mp_call_free(creations[i].call);
	creations = NULL;
	creation_count = creation_size = 0;
}

/* The entry comes before the request, so that nothing can be created that is
 * not noted. */
static Creation *
push_creation(uint16 target, CommandId cid, const char *username)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	char	   *copy = mp_error_text(username);
	Creation   *creation;

	if (creation_count == creation_size)
	{
		int			size = Max(16, 2 * creation_size);

		if (creations == NULL)
			creations = palloc(sizeof(Creation) * (Size) size);
		else
			creations = repalloc_huge(creations,
									  sizeof(Creation) * (Size) size);
		creation_size = size;
	}
	MemoryContextSwitchTo(old);
	creation = &creations[creation_count++];
	memset(creation, 0, sizeof(*creation));
	creation->target = target;
	creation->level = GetCurrentTransactionNestLevel();
	creation->cid = cid;
	creation->username = copy;
	return creation;
}

/* The account was certainly not created. */
static bool
is_refusal(const MpCall *call)
{
	const MpProblem *problem = mp_call_problem(call);

	return problem->kind == MP_PROBLEM_ERROR_BODY ||
		(problem->kind == MP_PROBLEM_HTTP &&
		 !mp_http_may_be_done(mp_call_request(call)));
}

static bool
has_secret(const MpRecord *record)
{
	const MpValue *secret = &record->values[MP_FIELD_SECRET];

	return secret->present && secret->as.text.length > 0;
}

/* The rollback deletes the account: nobody could ever use it. */
static void
raise_no_secret(const Creation *creation, const char *title)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
			 errmsg("the answer to %s is not what the API documents", title),
			 errdetail("Record 1 (id " INT64_FORMAT "), field \"secret\": is missing, and so is \"token\".\n"
					   "The new service account is deleted again.",
					   creation->id)));
}

/*
 * The request went out and no usable answer came.  Sending it again could
 * create a second account, so only look.  Should that be cut short, the entry
 * still stands, and the abort warns of it.
 */
static void
raise_unknown(Creation *creation, const MpNewAccount *account,
			  const char *table, TimestampTz start)
{
	const MpSettings *settings = mp_changeset_target(creation->target);
	const MpProblem *problem = mp_call_problem(creation->call);
	int64		named = problem->kind == MP_PROBLEM_BODY ?
		problem->fault.id : 0;
	const char *title = pstrdup(mp_call_title(creation->call));
	char	   *name = pstrdup(creation->username);
	MpError		error;
	char	   *found;
	int64		id;
	int			count;

	mp_error_describe(creation->call, settings, &error);
	mp_call_free(creation->call);
	creation->call = NULL;
	id = look_for(settings, account, start, &count);

	if (count == 1 && id == named)
	{
		creation->id = id;
		raise_spoilt(&error, name, id);
	}
	creation_count--;
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
	MemoryContext context = CurrentMemoryContext;
	volatile int64 id = 0;

	*count = -1;
	PG_TRY();
	{
		id = find_likely(settings, account, start, count);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	return id;
}

/* The accounts of that name that are new; *count of them, and the last. */
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
			is_known(settings, record->values[MP_FIELD_ID].as.integer))
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
is_known(const MpSettings *settings, int64 id)
{
	for (int i = 0; i < creation_count; i++)
		if (creations[i].id == id &&
			mp_option_same_place(mp_changeset_target(creations[i].target),
								 settings))
			return true;
	return false;
}

static bool
same_text(const MpValue *value, const char *text)
{
	return value->present && value->as.text.length == strlen(text) &&
		memcmp(value->as.text.data, text, value->as.text.length) == 0;
}

/* ---- inside an abort ---- */

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

static bool
answers_pending(int first)
{
	bool		pending = false;

	for (int i = first; i < creation_count; i++)
	{
		Creation   *creation = &creations[i];

		if (creation->call == NULL)
			continue;
		take_answer(creation);
		if (creation->call == NULL)
			continue;
		if (mp_http_may_be_done(mp_call_request(creation->call)))
			pending = true;
		else
		{
			mp_call_free(creation->call);
			creation->call = NULL;
			creation->username = NULL;
		}
	}
	return pending;
}

static void
take_answer(Creation *creation)
{
	MpRecord	record;
	MpCallState state;

	mp_record_init(&record);
	state = mp_call_next(creation->call, &record);
	if (state == MP_CALL_RECORD)
		creation->id = record.values[MP_FIELD_ID].as.integer;
	if (state == MP_CALL_FAILED && is_refusal(creation->call))
		creation->username = NULL;
	mp_record_release(&record);
	if (state == MP_CALL_WAIT)
		return;
	mp_call_free(creation->call);
	creation->call = NULL;
}

static void
start_deletions(int first)
{
	for (int i = first; i < creation_count; i++)
	{
		Creation   *creation = &creations[i];

		/* an answer that never came */
		mp_call_free(creation->call);
		creation->call = NULL;
		if (creation->id == 0)
			continue;
		creation->call =
			mp_api_delete_account(mp_session_http_if_any(),
								  mp_changeset_target(creation->target),
								  creation->id);
		/* reads that were cut short may still fill the window */
		if (creation->call != NULL)
			mp_http_hurry(mp_call_request(creation->call));
	}
}

static void
await_deletions(int first, TimestampTz deadline)
{
	bool		pending = true;

	while (pending)
	{
		pending = false;
		for (int i = first; i < creation_count; i++)
		{
			MpCall	   *call = creations[i].call;

			if (call == NULL)
				continue;
			if (mp_call_next(call, NULL) == MP_CALL_WAIT)
				pending = true;
			else if (mp_call_next(call, NULL) == MP_CALL_DONE ||
					 mp_error_status(call) == 404)
				creations[i].username = NULL;
		}
		if (pending && !mp_session_wait_until(deadline))
			break;
	}
}

/* Whatever still has its name was not seen to be gone. */
static void
warn_of_rest(int first)
{
	for (int i = first; i < creation_count; i++)
	{
		if (creations[i].username != NULL)
			warn_of(&creations[i]);
		mp_call_free(creations[i].call);
		creations[i].call = NULL;
	}
}

static void
warn_of(const Creation *creation)
{
	const MpSettings *settings = mp_changeset_target(creation->target);

	if (creation->id == 0)
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
				 errhint("Delete the row with id " INT64_FORMAT " from the foreign table of service accounts.",
						 creation->id)));
}
