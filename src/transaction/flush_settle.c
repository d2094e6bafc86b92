/*-------------------------------------------------------------------------
 *
 * transaction/flush_settle.c
 *		What to do about a membership call that was refused.
 *
 * A refused call was applied to nothing.  Some refusals have a remedy: the
 * server lacks the bulk calls (or the single ones), something to be removed
 * is gone already, or a member must be removed before it can be added with
 * another role.  The rest is an error that names the culprit, found by
 * reading, never by sending halves of an add.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "transaction/flush_state.h"

static void settle_add(MpFlush *flush, MpUnit *unit, int status);
static void settle_removal(MpFlush *flush, MpUnit *unit, int status);
static void settle_last_removal(MpFlush *flush, MpUnit *unit, int status);
static MpRoutes *unit_routes(const MpUnit *unit);
static bool may_lack_bulk(const MpUnit *unit);
static void fall_back(MpFlush *flush, MpUnit *unit);
static void split_unit(MpFlush *flush, MpUnit *unit);
static void probe_removal(MpFlush *flush, MpUnit *unit);
static void finish_unit(MpFlush *flush, MpUnit *unit);
static bool any_replaces(const MpFlush *flush, const MpUnit *unit);
static void replace_members(MpFlush *flush, MpUnit *unit);
static int	keep_removed(const MpFlush *flush, int *finals, int count);
static bool remove_members(MpFlush *flush, MpUnit *unit, const int *finals,
						   int count);
static void restore_members(MpFlush *flush, MpUnit *unit, const int *finals,
							int count);
static const char *original_role(const MpChange *change);
static MpCallState run_side_call(MpFlush *flush, MpCall *call);
static void drop_side_call(MpFlush *flush);
static void raise_culprit(MpFlush *flush, MpUnit *unit, int final,
						  bool project);
static void raise_refusal(MpFlush *flush, MpUnit *unit);

void
mp_flush_settle(MpFlush *flush, MpUnit *unit)
{
	int			status = mp_error_status(unit->call);

	if (unit->kind == MP_CALL_ADD_MEMBERSHIPS ||
		unit->kind == MP_CALL_ADD_MEMBERSHIP)
		settle_add(flush, unit, status);
	else
		settle_removal(flush, unit, status);
}

/* Nobody is removed before all else is ruled out. */
static void
settle_add(MpFlush *flush, MpUnit *unit, int status)
{
	int			missing = -1;
	bool		unreadable = false;

	if (status == 405)
	{
		if (!may_lack_bulk(unit))
			raise_refusal(flush, unit);
		fall_back(flush, unit);
		return;
	}
	if (status != 409)
		missing = mp_flush_missing_account(flush, unit);
	if (missing >= 0)
		raise_culprit(flush, unit, missing, false);
	if (status != 409)
		missing = mp_flush_missing_project(flush, unit, &unreadable);
	if (missing >= 0)
		raise_culprit(flush, unit, missing, true);

	/*
	 * All that is named exists, or the server cannot tell: is it the call?
	 * Where it could tell but did not, single calls might carry out a part of
	 * what was refused as a whole.
	 */
	if (status == 404 && may_lack_bulk(unit) && !unreadable)
		fall_back(flush, unit);
	else if (status != 404 && any_replaces(flush, unit))
		replace_members(flush, unit);
	else
		raise_refusal(flush, unit);
}

/*
 * Being gone is no error.  Where the server refuses a whole set because of it,
 * the set is halved until what was there is removed.
 */
static void
settle_removal(MpFlush *flush, MpUnit *unit, int status)
{
	if (status == 405)
	{
		if (!may_lack_bulk(unit))
			raise_refusal(flush, unit);
		fall_back(flush, unit);
	}
	else if (unit->count == 1)
		settle_last_removal(flush, unit, status);
	else if (status == 404 && may_lack_bulk(unit) && !unit->probed)
		probe_removal(flush, unit);
	else
		split_unit(flush, unit);
}

static void
settle_last_removal(MpFlush *flush, MpUnit *unit, int status)
{
	const MpRoutes *routes = unit_routes(unit);
	bool		bulk = unit->kind == MP_CALL_REMOVE_MEMBERSHIPS;
	bool		known;

	/* a call that is known to work says of a 404 that it is gone */
	if (status == 404 &&
		(bulk ? routes->bulk_remove : routes->single_remove) ==
		MP_ROUTE_PRESENT)
		finish_unit(flush, unit);
	else if (mp_flush_is_member(flush, unit, &known))
	{
		if (status != 404 || !may_lack_bulk(unit))
			raise_refusal(flush, unit);
		fall_back(flush, unit);
	}
	else if (known || status == 404)
		finish_unit(flush, unit);
	else
		raise_refusal(flush, unit);
}

static MpRoutes *
unit_routes(const MpUnit *unit)
{
	return mp_session_routes(mp_changeset_target(unit->target));
}

/* A bulk call that this session has not seen succeed, and may do without. */
static bool
may_lack_bulk(const MpUnit *unit)
{
	const MpSettings *settings = mp_changeset_target(unit->target);
	const MpRoutes *routes = unit_routes(unit);

	if (settings->membership_write != MP_MEMBERSHIP_WRITE_AUTO)
		return false;
	if (unit->kind == MP_CALL_ADD_MEMBERSHIPS)
		return routes->bulk_add != MP_ROUTE_PRESENT;
	if (unit->kind == MP_CALL_REMOVE_MEMBERSHIPS)
		return routes->bulk_remove != MP_ROUTE_PRESENT;
	return false;
}

/* Single calls in place of the bulk call. */
static void
fall_back(MpFlush *flush, MpUnit *unit)
{
	MpCallKind	kind = unit->kind == MP_CALL_ADD_MEMBERSHIPS ?
		MP_CALL_ADD_MEMBERSHIP : MP_CALL_REMOVE_MEMBERSHIP;

	unit->state = MP_UNIT_DONE;
	for (int i = 0; i < unit->count; i++)
		mp_flush_add_unit(flush, kind, unit, &unit->finals[i], 1)->fallback =
			true;
}

static void
split_unit(MpFlush *flush, MpUnit *unit)
{
	int			half = unit->count / 2;

	unit->state = MP_UNIT_DONE;
	mp_flush_add_unit(flush, unit->kind, unit, unit->finals, half);
	mp_flush_add_unit(flush, unit->kind, unit, unit->finals + half,
					  unit->count - half);
}

/*
 * A 404 for a whole set: either one of it is gone, or the server lacks the
 * bulk call.  Removing the first by a single call tells, and is wanted anyway.
 */
static void
probe_removal(MpFlush *flush, MpUnit *unit)
{
	MpCallState state;
	MpUnit		rest = *unit;

	state = run_side_call(flush,
						  mp_flush_start_call(flush, MP_CALL_REMOVE_MEMBERSHIP,
											  unit->target, unit->finals, 1));
	if (state == MP_CALL_DONE)
	{
		mp_flush_set_fates(flush, unit->finals, 1, MP_FATE_APPLIED);
		unit_routes(unit)->bulk_remove = MP_ROUTE_MISSING;
		rest.finals++;
		rest.count--;
		fall_back(flush, &rest);
		unit->state = MP_UNIT_DONE;
	}
	else
	{
		unit->probed = true;
		split_unit(flush, unit);
	}
	drop_side_call(flush);
}

static void
finish_unit(MpFlush *flush, MpUnit *unit)
{
	mp_flush_set_fates(flush, unit->finals, unit->count, MP_FATE_APPLIED);
	unit->state = MP_UNIT_DONE;
}

static bool
any_replaces(const MpFlush *flush, const MpUnit *unit)
{
	for (int i = 0; i < unit->count; i++)
		if (flush->finals[unit->finals[i]].replaces)
			return true;
	return false;
}

/*
 * The API will not add whom it has already: remove them, add again; if that
 * fails, give them back the role they had.
 */
static void
replace_members(MpFlush *flush, MpUnit *unit)
{
	int		   *replaced = palloc(sizeof(int) * (Size) unit->count);
	int			count = 0;
	MpError		error;

	for (int i = 0; i < unit->count; i++)
		if (flush->finals[unit->finals[i]].replaces)
			replaced[count++] = unit->finals[i];
	if (!remove_members(flush, unit, replaced, count))
	{
		mp_error_describe(flush->side_call, mp_changeset_target(unit->target),
						  &error);
		restore_members(flush, unit, replaced, count);
		mp_flush_raise(flush, &error);
	}
	count = keep_removed(flush, replaced, count);
	mp_flush_set_fates(flush, unit->finals, unit->count, MP_FATE_UNKNOWN);
	mp_flush_set_fates(flush, replaced, count, MP_FATE_REPLACING);
	if (run_side_call(flush,
					  mp_flush_start_call(flush, unit->kind, unit->target,
										  unit->finals, unit->count)) ==
		MP_CALL_DONE)
	{
		drop_side_call(flush);
		finish_unit(flush, unit);
		return;
	}
	mp_error_describe(flush->side_call, mp_changeset_target(unit->target),
					  &error);
	if (!mp_flush_may_be_applied(flush->side_call))
	{
		mp_flush_set_fates(flush, unit->finals, unit->count,
						   MP_FATE_NOT_APPLIED);
		mp_flush_set_fates(flush, replaced, count, MP_FATE_REMOVED);
		restore_members(flush, unit, replaced, count);
	}
	drop_side_call(flush);
	mp_flush_raise(flush, &error);
}

/* Of these, keep those that were removed; returns how many they are. */
static int
keep_removed(const MpFlush *flush, int *finals, int count)
{
	int			kept = 0;

	for (int i = 0; i < count; i++)
		if (flush->fates[finals[i]] == MP_FATE_REMOVED)
			finals[kept++] = finals[i];
	return kept;
}

/*
 * False if a removal fails; one by one where one of them is refused.  A member
 * whose removal is refused is gone already, or the addition will tell.
 */
static bool
remove_members(MpFlush *flush, MpUnit *unit, const int *finals, int count)
{
	bool		bulk = unit->kind == MP_CALL_ADD_MEMBERSHIPS;
	bool		single = !bulk;

	for (int i = 0; i < count;)
	{
		int			step = single ? 1 : count;
		int			status;

		/* so it is, should the wait be cut short */
		mp_flush_set_fates(flush, &finals[i], step, MP_FATE_REPLACING);
		if (run_side_call(flush,
						  mp_flush_start_call(flush, bulk ?
											  MP_CALL_REMOVE_MEMBERSHIPS :
											  MP_CALL_REMOVE_MEMBERSHIP,
											  unit->target, &finals[i],
											  step)) == MP_CALL_FAILED)
		{
			status = mp_error_status(flush->side_call);
			if (!mp_flush_may_be_applied(flush->side_call))
				mp_flush_set_fates(flush, &finals[i], step,
								   MP_FATE_NOT_APPLIED);
			if (status != 400 && status != 404)
				return false;
			if (step > 1)
			{
				single = true;
				continue;
			}
		}
		else
			mp_flush_set_fates(flush, &finals[i], step, MP_FATE_REMOVED);
		i += step;
	}
	return true;
}

/* Those that were removed; one call each: old roles need form no rectangle. */
static void
restore_members(MpFlush *flush, MpUnit *unit, const int *finals, int count)
{
	const MpSettings *settings = mp_changeset_target(unit->target);

	for (int i = 0; i < count; i++)
	{
		const MpChange *change = mp_flush_change(flush, finals[i]);
		MpGrant		grant = {change->project, original_role(change)};
		MpBlock		block = {&change->account, 1, &grant, 1};
		MpCall	   *call;

		if (grant.role == NULL ||
			flush->fates[finals[i]] != MP_FATE_REMOVED)
			continue;
		if (unit->kind == MP_CALL_ADD_MEMBERSHIPS)
			call = mp_api_add_memberships(mp_session_http(), settings,
										  &block);
		else
			call = mp_api_add_membership(mp_session_http(), settings,
										 change->account, &grant);
		mp_flush_set_fates(flush, &finals[i], 1, MP_FATE_REPLACING);
		if (run_side_call(flush, mp_session_started(call)) == MP_CALL_DONE)
			mp_flush_set_fates(flush, &finals[i], 1, MP_FATE_NOT_APPLIED);
		else if (!mp_flush_may_be_applied(flush->side_call))
			mp_flush_set_fates(flush, &finals[i], 1, MP_FATE_REMOVED);
	}
}

/* The role before the transaction; NULL: not known. */
static const char *
original_role(const MpChange *change)
{
	while (change->previous >= 0)
		change = mp_changeset_get(change->previous);
	return change->old_role;
}

/* Wait for a call that is made while nothing else is under way. */
static MpCallState
run_side_call(MpFlush *flush, MpCall *call)
{
	MpCallState state;

	drop_side_call(flush);
	flush->side_call = call;
	while ((state = mp_call_next(call, NULL)) == MP_CALL_WAIT)
		mp_session_wait(call);
	return state;
}

static void
drop_side_call(MpFlush *flush)
{
	mp_call_free(flush->side_call);
	flush->side_call = NULL;
}

/* `final` names an account, or a project, that is not there. */
static void
raise_culprit(MpFlush *flush, MpUnit *unit, int final, bool project)
{
	const MpChange *change = mp_flush_change(flush, final);
	MpError		error;

	mp_error_describe(unit->call, mp_changeset_target(unit->target), &error);
	if (project)
		error.hint = psprintf("Project " INT64_FORMAT " does not exist, or service account \"%s\" cannot see it.",
							  change->project,
							  mp_changeset_target(unit->target)->username);
	else
		error.hint = psprintf("Service account " INT64_FORMAT " does not exist.",
							  change->account);
	mp_flush_raise(flush, &error);
}

static void
raise_refusal(MpFlush *flush, MpUnit *unit)
{
	MpError		error;

	mp_error_describe(unit->call, mp_changeset_target(unit->target), &error);
	mp_flush_raise(flush, &error);
}
