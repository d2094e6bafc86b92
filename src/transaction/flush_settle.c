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
static bool may_lack_bulk(const MpUnit *unit);
static void fall_back(MpFlush *flush, MpUnit *unit);
static void add_singles(MpFlush *flush, const MpUnit *unit, const int *finals,
						int count);
static void split_unit(MpFlush *flush, MpUnit *unit, MpUnitOrigin origin);
static void probe_removal(MpFlush *flush, MpUnit *unit);
static void raise_culprit(MpFlush *flush, MpUnit *unit, int final,
						  bool project);
static void raise_refusal(MpFlush *flush, MpUnit *unit);

void
mp_flush_settle(MpFlush *flush, MpUnit *unit)
{
	int			status = mp_error_status(unit->call);

	Assert(unit->state == MP_UNIT_REFUSED);
	Assert(unit->kind != MP_CALL_DELETE_ACCOUNT);
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
	else if (status != 404 && mp_flush_any_replaces(flush, unit))
		mp_flush_replace_members(flush, unit);
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
	else if (status == 404 && may_lack_bulk(unit) &&
			 unit->origin != MP_ORIGIN_PROBED)
		probe_removal(flush, unit);
	else
		split_unit(flush, unit, unit->origin);
}

static void
settle_last_removal(MpFlush *flush, MpUnit *unit, int status)
{
	const MpRoutes *routes = mp_flush_routes(unit);
	bool		bulk = unit->kind == MP_CALL_REMOVE_MEMBERSHIPS;
	bool		known;

	/* a call that is known to work says of a 404 that it is gone */
	if (status == 404 &&
		(bulk ? routes->bulk_remove : routes->single_remove) ==
		MP_ROUTE_PRESENT)
		mp_flush_accept_unit(flush, unit);
	else if (mp_flush_is_member(flush, unit, &known))
	{
		if (status != 404 || !may_lack_bulk(unit))
			raise_refusal(flush, unit);
		fall_back(flush, unit);
	}
	else if (known || status == 404)
		mp_flush_accept_unit(flush, unit);
	else
		raise_refusal(flush, unit);
}

/* A bulk call that this session has not seen succeed, and may do without. */
static bool
may_lack_bulk(const MpUnit *unit)
{
	const MpSettings *settings = mp_changeset_target(unit->target);
	const MpRoutes *routes = mp_flush_routes(unit);

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
	elog(DEBUG1, "mixpanel_sa_fdw: the server seems to lack %s: %d single calls in its place",
		 mp_call_title(unit->call), unit->count);
	add_singles(flush, unit, unit->finals, unit->count);
	mp_flush_replace_unit(unit);
}

static void
add_singles(MpFlush *flush, const MpUnit *unit, const int *finals, int count)
{
	MpUnit		like = *unit;

	like.kind = unit->kind == MP_CALL_ADD_MEMBERSHIPS ?
		MP_CALL_ADD_MEMBERSHIP : MP_CALL_REMOVE_MEMBERSHIP;
	like.origin = MP_ORIGIN_FALLBACK;
	for (int i = 0; i < count; i++)
		mp_flush_add_unit(flush, &like, &finals[i], 1);
}

static void
split_unit(MpFlush *flush, MpUnit *unit, MpUnitOrigin origin)
{
	MpUnit		like = *unit;
	int			half = unit->count / 2;

	Assert(unit->count > 1);
	elog(DEBUG1, "mixpanel_sa_fdw: %s was refused with status %d: %d changes are sent in halves",
		 mp_call_title(unit->call), mp_error_status(unit->call),
		 unit->count);
	like.origin = origin;
	mp_flush_add_unit(flush, &like, unit->finals, half);
	mp_flush_add_unit(flush, &like, unit->finals + half, unit->count - half);
	mp_flush_replace_unit(unit);
}

/*
 * A 404 for a whole set: either one of it is gone, or the server lacks the
 * bulk call.  Removing the first by a single call tells, and is wanted anyway.
 */
static void
probe_removal(MpFlush *flush, MpUnit *unit)
{
	MpUnit		first = *unit;

	Assert(unit->count > 1);
	first.kind = MP_CALL_REMOVE_MEMBERSHIP;
	first.count = 1;
	if (!mp_flush_run_change(flush, &first, MP_EVIDENCE_LOST))
	{
		split_unit(flush, unit, MP_ORIGIN_PROBED);
		return;
	}
	elog(DEBUG1, "mixpanel_sa_fdw: the server lacks %s, but has single calls",
		 mp_call_title(unit->call));
	mp_flush_note(flush, first.finals, 1, MP_EVIDENCE_ACCEPTED);
	mp_flush_routes(unit)->bulk_remove = MP_ROUTE_MISSING;
	add_singles(flush, unit, unit->finals + 1, unit->count - 1);
	mp_flush_replace_unit(unit);
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
