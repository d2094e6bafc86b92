/*-------------------------------------------------------------------------
 *
 * transaction/flush_unit.c
 *		Units of a COMMIT, their calls, and what is known of each change.
 *
 * The rules for what an answer proves of a change stand here: a lattice of
 * fates, and the evidence that leads from one to another.  What may have been
 * carried out once stays in doubt, whatever a later attempt is answered.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "catalog/array.h"
#include "transaction/creation.h"
#include "transaction/flush_state.h"

#define MAX_LAG 10000			/* ms until the API shows a new account */
#define LAG_WAIT 300			/* ms between attempts until then */

/* Must not happen: a change that is applied is not sent again, and only what
 * was removed can be given back. */
#define NEVER UINT8_MAX

/* The fate that follows on a piece of evidence. */
static const uint8 next_fates[MP_FATE_COUNT][MP_EVIDENCE_COUNT] = {
	[MP_FATE_NOT_SENT] = {
		[MP_EVIDENCE_ACCEPTED] = MP_FATE_ACCEPTED,
		[MP_EVIDENCE_APPLIED] = MP_FATE_APPLIED,
		[MP_EVIDENCE_REFUSED] = MP_FATE_REFUSED,
		[MP_EVIDENCE_PARTLY] = MP_FATE_PARTLY,
		[MP_EVIDENCE_LOST] = MP_FATE_IN_DOUBT,
		[MP_EVIDENCE_REMOVED] = NEVER,
		[MP_EVIDENCE_REMOVAL_LOST] = NEVER,
		[MP_EVIDENCE_RESTORED] = NEVER,
		[MP_EVIDENCE_SEEN_RESTORED] = NEVER,
		[MP_EVIDENCE_SEEN_DONE] = NEVER,
		[MP_EVIDENCE_SEEN_UNDONE] = NEVER,
	},
	[MP_FATE_REFUSED] = {
		[MP_EVIDENCE_ACCEPTED] = MP_FATE_ACCEPTED,
		[MP_EVIDENCE_APPLIED] = MP_FATE_APPLIED,
		[MP_EVIDENCE_REFUSED] = MP_FATE_REFUSED,
		[MP_EVIDENCE_PARTLY] = MP_FATE_PARTLY,
		[MP_EVIDENCE_LOST] = MP_FATE_IN_DOUBT,
		[MP_EVIDENCE_REMOVED] = MP_FATE_REMOVED,
		[MP_EVIDENCE_REMOVAL_LOST] = MP_FATE_REPLACING,
		[MP_EVIDENCE_RESTORED] = NEVER,
		[MP_EVIDENCE_SEEN_RESTORED] = NEVER,
		[MP_EVIDENCE_SEEN_DONE] = MP_FATE_APPLIED,
		[MP_EVIDENCE_SEEN_UNDONE] = MP_FATE_SEEN_UNDONE,
	},
	[MP_FATE_ACCEPTED] = {
		[MP_EVIDENCE_ACCEPTED] = MP_FATE_ACCEPTED,
		[MP_EVIDENCE_APPLIED] = MP_FATE_APPLIED,
		[MP_EVIDENCE_REFUSED] = NEVER,
		[MP_EVIDENCE_PARTLY] = NEVER,
		[MP_EVIDENCE_LOST] = NEVER,
		[MP_EVIDENCE_REMOVED] = NEVER,
		[MP_EVIDENCE_REMOVAL_LOST] = NEVER,
		[MP_EVIDENCE_RESTORED] = NEVER,
		[MP_EVIDENCE_SEEN_RESTORED] = NEVER,
		[MP_EVIDENCE_SEEN_DONE] = MP_FATE_APPLIED,
		[MP_EVIDENCE_SEEN_UNDONE] = MP_FATE_SEEN_UNDONE,
	},
	[MP_FATE_APPLIED] = {
		[MP_EVIDENCE_ACCEPTED] = MP_FATE_APPLIED,
		[MP_EVIDENCE_APPLIED] = MP_FATE_APPLIED,
		[MP_EVIDENCE_REFUSED] = NEVER,
		[MP_EVIDENCE_PARTLY] = NEVER,
		[MP_EVIDENCE_LOST] = NEVER,
		[MP_EVIDENCE_REMOVED] = NEVER,
		[MP_EVIDENCE_REMOVAL_LOST] = NEVER,
		[MP_EVIDENCE_RESTORED] = NEVER,
		[MP_EVIDENCE_SEEN_RESTORED] = NEVER,
		[MP_EVIDENCE_SEEN_DONE] = MP_FATE_APPLIED,
		[MP_EVIDENCE_SEEN_UNDONE] = MP_FATE_SEEN_UNDONE,
	},
	[MP_FATE_PARTLY] = {
		[MP_EVIDENCE_ACCEPTED] = MP_FATE_ACCEPTED,
		[MP_EVIDENCE_APPLIED] = MP_FATE_APPLIED,
		[MP_EVIDENCE_REFUSED] = MP_FATE_PARTLY,
		[MP_EVIDENCE_PARTLY] = MP_FATE_PARTLY,
		[MP_EVIDENCE_LOST] = MP_FATE_IN_DOUBT,
		[MP_EVIDENCE_REMOVED] = MP_FATE_REMOVED,
		[MP_EVIDENCE_REMOVAL_LOST] = MP_FATE_REPLACING,
		[MP_EVIDENCE_RESTORED] = NEVER,
		[MP_EVIDENCE_SEEN_RESTORED] = NEVER,
		[MP_EVIDENCE_SEEN_DONE] = MP_FATE_APPLIED,
		[MP_EVIDENCE_SEEN_UNDONE] = MP_FATE_SEEN_UNDONE,
	},
	[MP_FATE_IN_DOUBT] = {
		[MP_EVIDENCE_ACCEPTED] = MP_FATE_ACCEPTED,
		[MP_EVIDENCE_APPLIED] = MP_FATE_APPLIED,
		[MP_EVIDENCE_REFUSED] = MP_FATE_IN_DOUBT,
		[MP_EVIDENCE_PARTLY] = MP_FATE_IN_DOUBT,
		[MP_EVIDENCE_LOST] = MP_FATE_IN_DOUBT,
		[MP_EVIDENCE_REMOVED] = MP_FATE_REMOVED,
		[MP_EVIDENCE_REMOVAL_LOST] = MP_FATE_REPLACING,
		[MP_EVIDENCE_RESTORED] = NEVER,
		[MP_EVIDENCE_SEEN_RESTORED] = NEVER,
		[MP_EVIDENCE_SEEN_DONE] = MP_FATE_APPLIED,
		[MP_EVIDENCE_SEEN_UNDONE] = MP_FATE_SEEN_UNDONE,
	},
	[MP_FATE_REMOVED] = {
		[MP_EVIDENCE_ACCEPTED] = MP_FATE_ACCEPTED,
		[MP_EVIDENCE_APPLIED] = MP_FATE_APPLIED,
		[MP_EVIDENCE_REFUSED] = MP_FATE_REMOVED,
		[MP_EVIDENCE_PARTLY] = MP_FATE_REPLACING,
		[MP_EVIDENCE_LOST] = MP_FATE_REPLACING,
		[MP_EVIDENCE_REMOVED] = MP_FATE_REMOVED,
		[MP_EVIDENCE_REMOVAL_LOST] = MP_FATE_REPLACING,
		[MP_EVIDENCE_RESTORED] = MP_FATE_RESTORED,
		[MP_EVIDENCE_SEEN_RESTORED] = NEVER,
		[MP_EVIDENCE_SEEN_DONE] = MP_FATE_APPLIED,
		[MP_EVIDENCE_SEEN_UNDONE] = MP_FATE_REMOVED,
	},
	[MP_FATE_REPLACING] = {
		[MP_EVIDENCE_ACCEPTED] = MP_FATE_ACCEPTED,
		[MP_EVIDENCE_APPLIED] = MP_FATE_APPLIED,
		[MP_EVIDENCE_REFUSED] = MP_FATE_REPLACING,
		[MP_EVIDENCE_PARTLY] = MP_FATE_REPLACING,
		[MP_EVIDENCE_LOST] = MP_FATE_REPLACING,
		[MP_EVIDENCE_REMOVED] = MP_FATE_REMOVED,
		[MP_EVIDENCE_REMOVAL_LOST] = MP_FATE_REPLACING,
		[MP_EVIDENCE_RESTORED] = MP_FATE_REPLACING,
		[MP_EVIDENCE_SEEN_RESTORED] = MP_FATE_RESTORED,
		[MP_EVIDENCE_SEEN_DONE] = MP_FATE_APPLIED,
		[MP_EVIDENCE_SEEN_UNDONE] = MP_FATE_REPLACING,
	},
	[MP_FATE_RESTORED] = {
		[MP_EVIDENCE_ACCEPTED] = NEVER,
		[MP_EVIDENCE_APPLIED] = NEVER,
		[MP_EVIDENCE_REFUSED] = NEVER,
		[MP_EVIDENCE_PARTLY] = NEVER,
		[MP_EVIDENCE_LOST] = NEVER,
		[MP_EVIDENCE_REMOVED] = NEVER,
		[MP_EVIDENCE_REMOVAL_LOST] = NEVER,
		[MP_EVIDENCE_RESTORED] = MP_FATE_RESTORED,
		[MP_EVIDENCE_SEEN_RESTORED] = MP_FATE_RESTORED,
		[MP_EVIDENCE_SEEN_DONE] = NEVER,
		[MP_EVIDENCE_SEEN_UNDONE] = NEVER,
	},
	[MP_FATE_SEEN_UNDONE] = {
		[MP_EVIDENCE_ACCEPTED] = MP_FATE_ACCEPTED,
		[MP_EVIDENCE_APPLIED] = MP_FATE_APPLIED,
		[MP_EVIDENCE_REFUSED] = MP_FATE_SEEN_UNDONE,
		[MP_EVIDENCE_PARTLY] = MP_FATE_PARTLY,
		[MP_EVIDENCE_LOST] = MP_FATE_IN_DOUBT,
		[MP_EVIDENCE_REMOVED] = MP_FATE_REMOVED,
		[MP_EVIDENCE_REMOVAL_LOST] = MP_FATE_REPLACING,
		[MP_EVIDENCE_RESTORED] = NEVER,
		[MP_EVIDENCE_SEEN_RESTORED] = NEVER,
		[MP_EVIDENCE_SEEN_DONE] = MP_FATE_APPLIED,
		[MP_EVIDENCE_SEEN_UNDONE] = MP_FATE_SEEN_UNDONE,
	},
};

static const char *const fate_names[MP_FATE_COUNT] = {
	[MP_FATE_NOT_SENT] = "not sent",
	[MP_FATE_REFUSED] = "refused",
	[MP_FATE_ACCEPTED] = "accepted",
	[MP_FATE_APPLIED] = "applied",
	[MP_FATE_PARTLY] = "partly refused",
	[MP_FATE_IN_DOUBT] = "in doubt",
	[MP_FATE_REMOVED] = "removed",
	[MP_FATE_REPLACING] = "replacing",
	[MP_FATE_RESTORED] = "restored",
	[MP_FATE_SEEN_UNDONE] = "seen undone",
};

static const char *const state_names[] = {
	[MP_UNIT_WAITING] = "waiting",
	[MP_UNIT_RUNNING] = "running",
	[MP_UNIT_DONE] = "done",
	[MP_UNIT_REFUSED] = "refused",
	[MP_UNIT_FAILED] = "failed",
};

static void free_calls(void *arg);
static void set_state(MpUnit *unit, MpUnitState state);
pg_attribute_unused() static bool is_step(MpUnitState from, MpUnitState to);
static void end_call(MpUnit *unit);
static MpEvidence refusal_tells(const MpUnit *unit);
static MpEvidence failure_tells(const MpCall *call, int count);
static void set_fate(MpFlush *flush, int final, MpEvidence evidence);
static MpCall *start_call(const MpFlush *flush, const MpUnit *unit);
static MpCall *start_bulk_add(const MpFlush *flush, const MpUnit *unit);
static MpCall *start_bulk_removal(const MpFlush *flush, const MpUnit *unit);

/* ---- a COMMIT ---- */

MpFlush *
mp_flush_open(void)
{
	MemoryContext context = AllocSetContextCreate(TopTransactionContext,
												  "mixpanel_sa_fdw commit",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MpFlush    *flush = palloc0(sizeof(MpFlush));

	StaticAssertStmt(MP_FATE_NOT_SENT == 0, "zeroed fates are not sent");
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

void
mp_flush_close(MpFlush *flush)
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

const MpChange *
mp_flush_change(const MpFlush *flush, int final)
{
	Assert(final >= 0 && final < flush->final_count);
	return mp_changeset_get(flush->finals[final].change);
}

/* ---- units ---- */

MpRoutes *
mp_flush_routes(const MpUnit *unit)
{
	return mp_session_routes(mp_changeset_target(unit->target));
}

MpUnit *
mp_flush_add_unit(MpFlush *flush, const MpUnit *like, const int *finals,
				  int count)
{
	MemoryContext old = MemoryContextSwitchTo(flush->context);
	MpUnit	   *unit = palloc(sizeof(MpUnit));
	Size		size = sizeof(int) * (Size) count;

	Assert(count > 0);
	*unit = *like;
	unit->state = MP_UNIT_WAITING;
	unit->call = NULL;
	unit->count = count;
	unit->finals = memcpy(palloc_extended(size, MCXT_ALLOC_HUGE), finals,
						  size);
	if (flush->unit_count == flush->unit_size)
		flush->units = mp_array_grow(flush->units, &flush->unit_size,
									 sizeof(MpUnit *));
	flush->units[flush->unit_count++] = unit;
	MemoryContextSwitchTo(old);
	return unit;
}

void
mp_flush_start_unit(MpFlush *flush, MpUnit *unit)
{
	Assert(flush->side_finals == NULL);
	unit->call = mp_session_started(start_call(flush, unit));
	set_state(unit, MP_UNIT_RUNNING);
}

void
mp_flush_accept_unit(MpFlush *flush, MpUnit *unit)
{
	mp_flush_note_accepted(flush, unit->finals, unit->count);
	set_state(unit, MP_UNIT_DONE);
	end_call(unit);
}

void
mp_flush_refuse_unit(MpFlush *flush, MpUnit *unit)
{
	mp_flush_note(flush, unit->finals, unit->count, refusal_tells(unit));
	set_state(unit, MP_UNIT_REFUSED);
}

void
mp_flush_fail_unit(MpFlush *flush, MpUnit *unit)
{
	mp_flush_note(flush, unit->finals, unit->count, refusal_tells(unit));
	set_state(unit, MP_UNIT_FAILED);
}

void
mp_flush_withdraw_unit(MpFlush *flush, MpUnit *unit)
{
	if (mp_flush_may_be_applied(unit->call))
		mp_flush_note(flush, unit->finals, unit->count, MP_EVIDENCE_LOST);
	set_state(unit, MP_UNIT_WAITING);
	end_call(unit);
}

void
mp_flush_replace_unit(MpUnit *unit)
{
	set_state(unit, MP_UNIT_DONE);
	end_call(unit);
}

bool
mp_flush_try_later(MpFlush *flush, MpUnit *unit)
{
	TimestampTz now = GetCurrentTimestamp();

	if (flush->lag_end == 0)
		flush->lag_end = TimestampTzPlusMilliseconds(now, MAX_LAG);
	if (now >= flush->lag_end)
		return false;
	elog(DEBUG1, "mixpanel_sa_fdw: %s was refused with status %d for an account that was only just created: it is sent again",
		 mp_call_title(unit->call), mp_error_status(unit->call));
	mp_session_nap(Min(TimestampTzPlusMilliseconds(now, LAG_WAIT),
					   flush->lag_end));
	mp_flush_add_unit(flush, unit, unit->finals, unit->count);
	mp_flush_replace_unit(unit);
	return true;
}

void
mp_flush_give_up(MpFlush *flush)
{
	for (int i = 0; i < flush->unit_count; i++)
	{
		MpUnit	   *unit = flush->units[i];

		if (unit->state == MP_UNIT_RUNNING)
			mp_flush_withdraw_unit(flush, unit);
	}
	if (flush->side_finals != NULL &&
		mp_flush_may_be_applied(flush->side_call))
		mp_flush_note(flush, flush->side_finals, flush->side_count,
					  flush->side_loss);
	flush->side_finals = NULL;
}

static void
set_state(MpUnit *unit, MpUnitState state)
{
	Assert(is_step(unit->state, state));
	elog(DEBUG2, "mixpanel_sa_fdw: %s, %d changes: %s -> %s",
		 unit->call != NULL ? mp_call_title(unit->call) : "no call",
		 unit->count, state_names[unit->state], state_names[state]);
	unit->state = state;
}

static bool
is_step(MpUnitState from, MpUnitState to)
{
	switch (from)
	{
		case MP_UNIT_WAITING:
			return to == MP_UNIT_RUNNING || to == MP_UNIT_DONE;
		case MP_UNIT_RUNNING:
			return to != MP_UNIT_RUNNING;
		case MP_UNIT_REFUSED:
			return to == MP_UNIT_DONE;
		case MP_UNIT_DONE:
		case MP_UNIT_FAILED:
			break;
	}
	return false;
}

static void
end_call(MpUnit *unit)
{
	Assert(unit->state == MP_UNIT_DONE || unit->state == MP_UNIT_WAITING);
	mp_call_free(unit->call);
	unit->call = NULL;
}

/* ---- fates ---- */

void
mp_flush_note(MpFlush *flush, const int *finals, int count,
			  MpEvidence evidence)
{
	for (int i = 0; i < count; i++)
		set_fate(flush, finals[i], evidence);
}

/* Whom the transaction has created can have had no other role. */
void
mp_flush_note_accepted(MpFlush *flush, const int *finals, int count)
{
	for (int i = 0; i < count; i++)
	{
		const MpChange *change = mp_flush_change(flush, finals[i]);
		const MpSettings *settings = mp_changeset_target(change->target);

		set_fate(flush, finals[i],
				 change->role != NULL &&
				 mp_flush_is_verified(change->target) &&
				 !mp_creation_is_own(settings, change->account) ?
				 MP_EVIDENCE_ACCEPTED : MP_EVIDENCE_APPLIED);
	}
}

bool
mp_flush_is_verified(uint16 target)
{
	const MpSettings *settings = mp_changeset_target(target);

	return settings->membership_verify &&
		mp_session_routes(settings)->role_by_adding != MP_ROUTE_PRESENT;
}

static void
set_fate(MpFlush *flush, int final, MpEvidence evidence)
{
	uint8		from = flush->fates[final];
	uint8		to = next_fates[from][evidence];

	Assert(final >= 0 && final < flush->final_count);
	Assert(to != NEVER);
	if (to == from || to == NEVER)
		return;
	elog(DEBUG2, "mixpanel_sa_fdw: service account " INT64_FORMAT ", project " INT64_FORMAT ": %s -> %s",
		 mp_flush_change(flush, final)->account,
		 mp_flush_change(flush, final)->project,
		 fate_names[from], fate_names[to]);
	flush->fates[final] = to;
}

/*
 * What the failure of a call tells of its changes.  Only the API's own refusal
 * tells that they were not carried out, and of a set only one that comes
 * before the set is looked at.
 */
static MpEvidence
failure_tells(const MpCall *call, int count)
{
	int			status = mp_error_status(call);

	if (mp_flush_may_be_applied(call))
		return MP_EVIDENCE_LOST;
	/* never sent, or a 503 that says when to come again */
	if (status == 0 || status >= 500)
		return MP_EVIDENCE_REFUSED;
	if (mp_error_is_foreign(call))
		return MP_EVIDENCE_LOST;
	switch (status)
	{
		case 401:
		case 405:
		case 413:
		case 415:
		case 429:
			return MP_EVIDENCE_REFUSED;
		case 400:
		case 403:
		case 404:
		case 409:
		case 410:
		case 422:
			return count > 1 ? MP_EVIDENCE_PARTLY : MP_EVIDENCE_REFUSED;
		case 408:
		case 425:
		case 499:
			return MP_EVIDENCE_LOST;
		default:

			/*
			 * a redirect may lead to what was made of it; and others of 4xx
			 * are not known to come from the API
			 */
			return status < 400 ? MP_EVIDENCE_LOST : MP_EVIDENCE_PARTLY;
	}
}

/* The same of a unit: what is to be removed and is not found may be gone. */
static MpEvidence
refusal_tells(const MpUnit *unit)
{
	MpEvidence	evidence = failure_tells(unit->call, unit->count);
	int			status = mp_error_status(unit->call);
	bool		removes = unit->kind == MP_CALL_DELETE_ACCOUNT ||
		unit->kind == MP_CALL_REMOVE_MEMBERSHIP ||
		unit->kind == MP_CALL_REMOVE_MEMBERSHIPS;

	if (evidence == MP_EVIDENCE_REFUSED && removes &&
		(status == 404 || status == 410))
		return MP_EVIDENCE_PARTLY;
	return evidence;
}

bool
mp_flush_may_be_applied(const MpCall *call)
{
	return mp_http_may_be_done(mp_call_request(call));
}

/* ---- calls ---- */

bool
mp_flush_run_change(MpFlush *flush, const MpUnit *unit, MpEvidence loss)
{
	return mp_flush_run_call(flush,
							 mp_session_started(start_call(flush, unit)),
							 unit, loss);
}

bool
mp_flush_run_call(MpFlush *flush, MpCall *call, const MpUnit *unit,
				  MpEvidence loss)
{
	MpCallState state;

	mp_flush_begin_read(flush, call);
	flush->side_finals = unit->finals;
	flush->side_count = unit->count;
	flush->side_loss = loss;
	while ((state = mp_call_next(call, NULL)) == MP_CALL_WAIT)
		mp_session_wait(call);
	flush->side_finals = NULL;
	if (state == MP_CALL_FAILED &&
		failure_tells(call, unit->count) != MP_EVIDENCE_REFUSED)
		mp_flush_note(flush, unit->finals, unit->count, loss);
	return state != MP_CALL_FAILED;
}

void
mp_flush_begin_read(MpFlush *flush, MpCall *call)
{
	Assert(flush->side_finals == NULL);
	mp_call_free(flush->side_call);
	flush->side_call = NULL;
	flush->side_call = mp_session_started(call);
}

/* Start the unit's request */
static MpCall *
start_call(const MpFlush *flush, const MpUnit *unit)
{
	const MpSettings *settings = mp_changeset_target(unit->target);
	const MpChange *first = mp_flush_change(flush, unit->finals[0]);
	MpHttp	   *http = mp_session_http();
	MpGrant		grant = {first->project, first->role};
	MpPair		pair = {first->account, first->project};

	if (unit->kind == MP_CALL_ADD_MEMBERSHIPS)
		return start_bulk_add(flush, unit);
	if (unit->kind == MP_CALL_REMOVE_MEMBERSHIPS)
		return start_bulk_removal(flush, unit);
	Assert(unit->count == 1);
	if (unit->kind == MP_CALL_DELETE_ACCOUNT)
		return mp_api_delete_account(http, settings, first->account);
	if (unit->kind == MP_CALL_ADD_MEMBERSHIP)
		return mp_api_add_membership(http, settings, first->account, &grant);
	Assert(unit->kind == MP_CALL_REMOVE_MEMBERSHIP);
	return mp_api_remove_membership(http, settings, &pair);
}

/* A full rectangle, ordered by account, then by grant. */
static MpCall *
start_bulk_add(const MpFlush *flush, const MpUnit *unit)
{
	int			count = unit->count;
	int64		first = mp_flush_change(flush, unit->finals[0])->account;
	MpGrant    *grants = palloc(sizeof(MpGrant) * (Size) count);
	int64	   *accounts = palloc(sizeof(int64) * (Size) count);
	int			account_count = 0;
	MpBlock		block = {.accounts = accounts,.grants = grants};
	MpCall	   *call;

	for (int i = 0; i < count; i++)
	{
		const MpChange *change = mp_flush_change(flush, unit->finals[i]);

		if (i == 0 || change->account != accounts[account_count - 1])
			accounts[account_count++] = change->account;
		if (change->account == first)
		{
			grants[block.grant_count].project = change->project;
			grants[block.grant_count++].role = change->role;
		}
	}
	block.account_count = (size_t) account_count;
	Assert(block.account_count * block.grant_count == (size_t) count);
	call = mp_api_add_memberships(mp_session_http(),
								  mp_changeset_target(unit->target), &block);
	pfree(grants);
	pfree(accounts);
	return call;
}

/* Any set. */
static MpCall *
start_bulk_removal(const MpFlush *flush, const MpUnit *unit)
{
	size_t		count = (size_t) unit->count;
	MpPair	   *pairs = palloc(sizeof(MpPair) * count);
	MpCall	   *call;

	for (size_t i = 0; i < count; i++)
	{
		const MpChange *change = mp_flush_change(flush, unit->finals[i]);

		pairs[i].account = change->account;
		pairs[i].project = change->project;
	}
	qsort(pairs, count, sizeof(MpPair), mp_flush_compare_pairs);
	call = mp_api_remove_memberships(mp_session_http(),
									 mp_changeset_target(unit->target),
									 pairs, count);
	pfree(pairs);
	return call;
}

int
mp_flush_compare_pairs(const void *a, const void *b)
{
	const MpPair *one = a;
	const MpPair *other = b;

	if (one->project != other->project)
		return one->project < other->project ? -1 : 1;
	return (one->account > other->account) - (one->account < other->account);
}
