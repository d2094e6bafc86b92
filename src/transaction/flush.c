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

#include "transaction/creation.h"
#include "transaction/flush_state.h"
#include "transaction/journal_commit.h"

#define MAX_RUNNING 128			/* units with a call, of all servers */

/* The COMMIT under way; NULL: none. */
static MpFlush *current = NULL;

static void send_phases(MpFlush *flush);
static int	count_deletions(const MpFlush *flush);
static void run_units(MpFlush *flush);
static bool run_batch(MpFlush *flush);
static bool stops_others(const MpUnit *unit);
static int	start_units(MpFlush *flush, MpUnit **running, int count);
static int	count_running(MpUnit **running, int count, uint32 server_id);
static bool check_unit(MpFlush *flush, MpUnit *unit);
static void accept_unit(MpFlush *flush, MpUnit *unit);
static void judge_failure(MpFlush *flush, MpUnit *unit);
static int	withdraw_units(MpFlush *flush, MpUnit **running, int count);
static void put_back_waiting(MpFlush *flush, int from);
static void settle_refusals(MpFlush *flush, int from, int to);
static void raise_failure(MpFlush *flush, int from, int to);
static void rethrow_with_report(MpFlush *flush, MemoryContext context);

void
mp_flush_send(void)
{
	MpFlush    *flush = mp_flush_open();
	MemoryContext old = MemoryContextSwitchTo(flush->context);

	Assert(current == NULL);
	mp_journal_note_changes(flush->finals, flush->final_count);
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
	Assert(flush->next_unit == flush->unit_count);
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
	mp_flush_close(flush);
}

/* Deletions come last: they take memberships along and cannot be undone. */
static void
send_phases(MpFlush *flush)
{
	mp_flush_plan_memberships(flush);
	mp_session_expect_commit(flush->unit_count + count_deletions(flush));
	run_units(flush);
	mp_flush_verify_additions(flush);
	flush->next_unit = flush->unit_count;
	mp_flush_plan_deletions(flush);
	run_units(flush);
}

static int
count_deletions(const MpFlush *flush)
{
	int			count = 0;

	for (int i = 0; i < flush->final_count; i++)
		if (flush->finals[i].kind == MP_CHANGE_DELETE)
			count++;
	return count;
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
		}
		settle_refusals(flush, from, flush->next_unit);
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
			fine = fine && !stops_others(running[i]);
			running[i--] = running[--count];
		}
		if (!fine)
			count = withdraw_units(flush, running, count);
		if (!progress && count > 0)
			mp_session_wait(running[0]->call);
	}
}

/* Deletions that are answered 404 are looked at together in the end. */
static bool
stops_others(const MpUnit *unit)
{
	return unit->state == MP_UNIT_FAILED ||
		(unit->state == MP_UNIT_REFUSED &&
		 unit->kind != MP_CALL_DELETE_ACCOUNT);
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
		Assert(unit->state == MP_UNIT_WAITING);
		mp_flush_start_unit(flush, unit);
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
			accept_unit(flush, unit);
			break;
		case MP_CALL_FAILED:
			judge_failure(flush, unit);
			break;
	}
	return true;
}

/* Success also tells which calls the server has. */
static void
accept_unit(MpFlush *flush, MpUnit *unit)
{
	MpRoutes   *routes = mp_flush_routes(unit);
	bool		fallback = unit->origin == MP_ORIGIN_FALLBACK;

	mp_flush_accept_unit(flush, unit);
	if (unit->kind == MP_CALL_DELETE_ACCOUNT)
		mp_creation_note_gone(mp_changeset_target(unit->target),
							  mp_flush_change(flush,
											  unit->finals[0])->account);
	if (unit->kind == MP_CALL_ADD_MEMBERSHIPS)
		mp_routes_note(routes, &routes->bulk_add, MP_ROUTE_PRESENT);
	else if (unit->kind == MP_CALL_REMOVE_MEMBERSHIPS)
		mp_routes_note(routes, &routes->bulk_remove, MP_ROUTE_PRESENT);
	else if (unit->kind == MP_CALL_ADD_MEMBERSHIP && fallback)
		mp_routes_note(routes, &routes->bulk_add, MP_ROUTE_MISSING);
	else if (unit->kind == MP_CALL_REMOVE_MEMBERSHIP)
	{
		mp_routes_note(routes, &routes->single_remove, MP_ROUTE_PRESENT);
		if (fallback)
			mp_routes_note(routes, &routes->bulk_remove, MP_ROUTE_MISSING);
	}
}

static void
judge_failure(MpFlush *flush, MpUnit *unit)
{
	int			status = mp_error_status(unit->call);
	bool		deletion = unit->kind == MP_CALL_DELETE_ACCOUNT;

	if (deletion && status == 410 && !mp_error_is_foreign(unit->call))
		accept_unit(flush, unit);
	else if (status == 404 ||
			 (!deletion && (status == 400 || status == 405 ||
							status == 409 || status == 410)))
		mp_flush_refuse_unit(flush, unit);
	else
		mp_flush_fail_unit(flush, unit);
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
		mp_flush_withdraw_unit(flush, unit);
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
	mp_flush_settle_deletions(flush, from, to);
	for (int i = from; i < to; i++)
	{
		MpUnit	   *unit = flush->units[i];

		if (unit->state == MP_UNIT_REFUSED)
			mp_flush_settle(flush, unit);
		Assert(unit->state == MP_UNIT_DONE);
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
		if (mp_flush_is_answering(unit->call))
			mp_flush_read_back(flush, unit->target);
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
	mp_flush_close(flush);
	ReThrowError(error);
}
