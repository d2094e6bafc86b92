/*-------------------------------------------------------------------------
 *
 * transaction/flush.c
 *		Sends what a transaction has queued, at COMMIT.
 *
 * flush_plan.c groups the folded changes into units, one call each.  Units of
 * a phase run at once as far as the server's window allows.  A refusal that
 * may have a remedy waits until the calls on the wire have ended, then
 * flush_settle.c looks at it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "transaction/flush_state.h"

#define MAX_RUNNING 128			/* units with a call, of all servers */

/* The COMMIT under way; NULL: none. */
static MpFlush *current = NULL;

static MpFlush *begin_flush(void);
static void end_flush(MpFlush *flush);
static void free_calls(void *arg);
static void send_phases(MpFlush *flush);
static void run_units(MpFlush *flush);
static bool run_batch(MpFlush *flush);
static int	start_units(MpFlush *flush, MpUnit **running, int count);
static int	count_running(MpUnit **running, int count, uint32 server_id);
static bool check_unit(MpFlush *flush, MpUnit *unit);
static void unit_done(MpFlush *flush, MpUnit *unit);
static void judge_failure(MpFlush *flush, MpUnit *unit);
static int	withdraw_units(MpFlush *flush, MpUnit **running, int count);
static void put_back_waiting(MpFlush *flush, int from);
static void settle_refusals(MpFlush *flush, int from, int to);
static void raise_failure(MpFlush *flush, int from, int to);
static void rethrow_with_report(MpFlush *flush, MemoryContext context);

void
mp_flush_send(void)
{
	MpFlush    *flush = begin_flush();
	MemoryContext old = MemoryContextSwitchTo(flush->context);

	current = flush;
	PG_TRY();
	{
		send_phases(flush);
	}
	PG_CATCH();
	{
		current = NULL;
		rethrow_with_report(flush, old);
	}
	PG_END_TRY();
	flush->complete = true;
	MemoryContextSwitchTo(old);
}

/* The memory goes with the transaction's. */
void
mp_flush_end(void)
{
	current = NULL;
}

/* Its calls end here: they would stand in the way of those that undo. */
void
mp_flush_abort(void)
{
	MpFlush    *flush = current;

	current = NULL;
	if (flush == NULL)
		return;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 flush->complete ?
			 errmsg("the transaction was rolled back after its changes had been sent to Mixpanel") :
			 errmsg("COMMIT was cut short while changes were being sent to Mixpanel"),
			 errdetail("%s", mp_flush_report(flush))));
	end_flush(flush);
}

const MpChange *
mp_flush_change(const MpFlush *flush, int final)
{
	return mp_changeset_get(flush->finals[final].change);
}

MpUnit *
mp_flush_add_unit(MpFlush *flush, MpCallKind kind, const MpUnit *like,
				  const int *finals, int count)
{
	MemoryContext old = MemoryContextSwitchTo(flush->context);
	MpUnit	   *unit = palloc(sizeof(MpUnit));

	*unit = *like;
	unit->kind = kind;
	unit->state = MP_UNIT_WAITING;
	unit->call = NULL;
	unit->count = count;
	unit->finals = memcpy(palloc(sizeof(int) * (Size) count), finals,
						  sizeof(int) * (Size) count);
	if (flush->unit_count == flush->unit_size)
	{
		flush->unit_size = Max(64, 2 * flush->unit_size);
		flush->units = flush->units == NULL ?
			palloc(sizeof(MpUnit *) * (Size) flush->unit_size) :
			repalloc_huge(flush->units,
						  sizeof(MpUnit *) * (Size) flush->unit_size);
	}
	flush->units[flush->unit_count++] = unit;
	MemoryContextSwitchTo(old);
	return unit;
}

/*
 * The call for some changes: all of a full rectangle for a bulk add, any set
 * for a bulk removal, else one.
 */
MpCall *
mp_flush_start_call(MpFlush *flush, MpCallKind kind, uint16 target,
					const int *finals, int count)
{
	const MpSettings *settings = mp_changeset_target(target);
	MpHttp	   *http = mp_session_http();
	const MpChange *first = mp_flush_change(flush, finals[0]);
	MpPair	   *pairs = palloc(sizeof(MpPair) * (Size) count);
	MpGrant    *grants = palloc(sizeof(MpGrant) * (Size) count);
	int64	   *accounts = palloc(sizeof(int64) * (Size) count);
	int			account_count = 0;
	int			grant_count = 0;
	MpBlock		block = {.accounts = accounts,.grants = grants};
	MpCall	   *call = NULL;

	/* a rectangle comes ordered by account, then by grant */
	for (int i = 0; i < count; i++)
	{
		const MpChange *change = mp_flush_change(flush, finals[i]);

		pairs[i].account = change->account;
		pairs[i].project = change->project;
		if (i == 0 || change->account != accounts[account_count - 1])
			accounts[account_count++] = change->account;
		if (change->account == first->account)
		{
			grants[grant_count].project = change->project;
			grants[grant_count++].role = change->role;
		}
	}
	block.account_count = (size_t) account_count;
	block.grant_count = (size_t) grant_count;
	if (kind == MP_CALL_DELETE_ACCOUNT)
		call = mp_api_delete_account(http, settings, first->account);
	else if (kind == MP_CALL_ADD_MEMBERSHIPS)
		call = mp_api_add_memberships(http, settings, &block);
	else if (kind == MP_CALL_ADD_MEMBERSHIP)
		call = mp_api_add_membership(http, settings, first->account, grants);
	else if (kind == MP_CALL_REMOVE_MEMBERSHIPS)
	{
		qsort(pairs, (size_t) count, sizeof(MpPair), mp_flush_compare_pairs);
		call = mp_api_remove_memberships(http, settings, pairs,
										 (size_t) count);
	}
	else
		call = mp_api_remove_membership(http, settings, pairs);
	pfree(pairs);
	pfree(grants);
	pfree(accounts);
	return mp_session_started(call);
}

void
mp_flush_set_fates(MpFlush *flush, const int *finals, int count, MpFate fate)
{
	for (int i = 0; i < count; i++)
		flush->fates[finals[i]] = (uint8) fate;
}

/* Whether a call that failed, or was given up, may have been carried out. */
bool
mp_flush_may_be_applied(const MpCall *call)
{
	return mp_http_may_be_done(mp_call_request(call));
}

static MpFlush *
begin_flush(void)
{
	MemoryContext context = AllocSetContextCreate(TopTransactionContext,
												  "mixpanel_sa_fdw commit",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MpFlush    *flush = palloc0(sizeof(MpFlush));

	flush->context = context;
	flush->callback.func = free_calls;
	flush->callback.arg = flush;
	MemoryContextRegisterResetCallback(context, &flush->callback);
	flush->finals = mp_changeset_fold(&flush->final_count);
	flush->fates = palloc_extended((Size) Max(flush->final_count, 1),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	MemoryContextSwitchTo(old);
	return flush;
}

static void
end_flush(MpFlush *flush)
{
	MemoryContextDelete(flush->context);
}

/* Runs when the context goes, on ERROR as well: must not throw. */
static void
free_calls(void *arg)
{
	MpFlush    *flush = arg;

	for (int i = 0; i < flush->unit_count; i++)
		mp_call_free(flush->units[i]->call);
	mp_call_free(flush->side_call);
	mp_record_release(&flush->side_record);
}

/* Deletions come last: they take memberships along and cannot be undone. */
static void
send_phases(MpFlush *flush)
{
	mp_flush_plan_memberships(flush);
	run_units(flush);
	mp_flush_plan_deletions(flush);
	run_units(flush);
}

/* Until all units are done; settling a refusal may add new ones. */
static void
run_units(MpFlush *flush)
{
	while (flush->next_unit < flush->unit_count)
	{
		int			from = flush->next_unit;
		bool		fine = run_batch(flush);

		if (!fine)
		{
			put_back_waiting(flush, from);
			raise_failure(flush, from, flush->next_unit);
			settle_refusals(flush, from, flush->next_unit);
		}
	}
}

/*
 * False when a call is refused or fails.  Then those on the wire are awaited
 * and nothing is sent any more.
 */
static bool
run_batch(MpFlush *flush)
{
	MpUnit	   *running[MAX_RUNNING];
	int			count = 0;
	bool		fine = true;

	for (;;)
	{
		bool		progress = false;

		if (fine)
			count = start_units(flush, running, count);
		if (count == 0)
			return fine;
		for (int i = 0; i < count; i++)
		{
			if (!check_unit(flush, running[i]))
				continue;
			progress = true;
			fine = fine && running[i]->state == MP_UNIT_DONE;
			running[i--] = running[--count];
		}
		if (!fine)
			count = withdraw_units(flush, running, count);
		if (!progress && count > 0)
			mp_session_wait(running[0]->call);
	}
}

/* No more than the window takes: what it holds back could not be called back
 * before the next answer lets it go. */
static int
start_units(MpFlush *flush, MpUnit **running, int count)
{
	while (count < MAX_RUNNING && flush->next_unit < flush->unit_count)
	{
		MpUnit	   *unit = flush->units[flush->next_unit];
		const MpSettings *settings = mp_changeset_target(unit->target);

		if (count_running(running, count, settings->server_id) >=
			settings->max_concurrency)
			break;
		unit->call = mp_flush_start_call(flush, unit->kind, unit->target,
										 unit->finals, unit->count);
		unit->state = MP_UNIT_RUNNING;
		running[count++] = unit;
		flush->next_unit++;
	}
	return count;
}

static int
count_running(MpUnit **running, int count, uint32 server_id)
{
	int			found = 0;

	for (int i = 0; i < count; i++)
		found += mp_changeset_target(running[i]->target)->server_id ==
			server_id;
	return found;
}

/* True if its call has ended. */
static bool
check_unit(MpFlush *flush, MpUnit *unit)
{
	switch (mp_call_next(unit->call, NULL))
	{
		case MP_CALL_WAIT:
		case MP_CALL_RECORD:
			return false;
		case MP_CALL_DONE:
			unit_done(flush, unit);
			break;
		case MP_CALL_FAILED:
			judge_failure(flush, unit);
			break;
	}
	return true;
}

/* Success also tells which calls the server has. */
static void
unit_done(MpFlush *flush, MpUnit *unit)
{
	const MpSettings *settings = mp_changeset_target(unit->target);
	MpRoutes   *routes = mp_session_routes(settings);

	mp_flush_set_fates(flush, unit->finals, unit->count, MP_FATE_APPLIED);
	unit->state = MP_UNIT_DONE;
	mp_call_free(unit->call);
	unit->call = NULL;
	if (unit->kind == MP_CALL_ADD_MEMBERSHIPS)
		routes->bulk_add = MP_ROUTE_PRESENT;
	else if (unit->kind == MP_CALL_REMOVE_MEMBERSHIPS)
		routes->bulk_remove = MP_ROUTE_PRESENT;
	else if (unit->kind == MP_CALL_ADD_MEMBERSHIP && unit->fallback)
		routes->bulk_add = MP_ROUTE_MISSING;
	else if (unit->kind == MP_CALL_REMOVE_MEMBERSHIP)
	{
		routes->single_remove = MP_ROUTE_PRESENT;
		if (unit->fallback)
			routes->bulk_remove = MP_ROUTE_MISSING;
	}
}

static void
judge_failure(MpFlush *flush, MpUnit *unit)
{
	int			status = mp_error_status(unit->call);

	if (unit->kind == MP_CALL_DELETE_ACCOUNT && status == 404)
		unit_done(flush, unit);
	else if (unit->kind != MP_CALL_DELETE_ACCOUNT &&
			 (status == 400 || status == 404 || status == 405 ||
			  status == 409))
		unit->state = MP_UNIT_REFUSED;
	else
	{
		unit->state = MP_UNIT_FAILED;
		if (mp_flush_may_be_applied(unit->call))
			mp_flush_set_fates(flush, unit->finals, unit->count,
							   MP_FATE_UNKNOWN);
	}
}

/* Give up calls that wait for the window or to be sent again. */
static int
withdraw_units(MpFlush *flush, MpUnit **running, int count)
{
	for (int i = 0; i < count; i++)
	{
		MpUnit	   *unit = running[i];

		if (mp_http_on_wire(mp_call_request(unit->call)))
			continue;
		if (mp_flush_may_be_applied(unit->call))
			mp_flush_set_fates(flush, unit->finals, unit->count,
							   MP_FATE_UNKNOWN);
		mp_call_free(unit->call);
		unit->call = NULL;
		unit->state = MP_UNIT_WAITING;
		running[i--] = running[--count];
	}
	return count;
}

/* Units that were withdrawn are next in line, should it go on. */
static void
put_back_waiting(MpFlush *flush, int from)
{
	int			to = flush->next_unit;

	while (from < to)
	{
		MpUnit	   *unit = flush->units[from];

		if (unit->state != MP_UNIT_WAITING)
			from++;
		else
		{
			flush->units[from] = flush->units[--to];
			flush->units[to] = unit;
		}
	}
	flush->next_unit = to;
}

static void
settle_refusals(MpFlush *flush, int from, int to)
{
	for (int i = from; i < to; i++)
	{
		MpUnit	   *unit = flush->units[i];

		if (unit->state != MP_UNIT_REFUSED)
			continue;
		mp_flush_settle(flush, unit);
		mp_call_free(unit->call);
		unit->call = NULL;
	}
}

static void
raise_failure(MpFlush *flush, int from, int to)
{
	for (int i = from; i < to; i++)
	{
		MpUnit	   *unit = flush->units[i];
		MpError		error;

		if (unit->state != MP_UNIT_FAILED)
			continue;
		mp_error_describe(unit->call, mp_changeset_target(unit->target),
						  &error);
		mp_flush_raise(flush, &error);
	}
}

/*
 * A cancelled COMMIT must say as much as a failed one.  Errors that
 * mp_flush_raise() made have their report already.
 */
static void
rethrow_with_report(MpFlush *flush, MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	if (!flush->reported)
	{
		char	   *report = mp_flush_report(flush);

		error->detail = error->detail == NULL ? report :
			psprintf("%s\n%s", error->detail, report);
	}
	FlushErrorState();
	end_flush(flush);
	ReThrowError(error);
}
