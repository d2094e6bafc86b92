/*-------------------------------------------------------------------------
 *
 * transaction/flush_replace.c
 *		Members that must be removed before they can have another role.
 *
 * Some servers do not add whom they have already.  Such members are removed
 * and added again; where that fails, those that were removed are given back
 * the roles that they had.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "transaction/flush_state.h"

static int	find_members(const MpFlush *flush, const MpUnit *unit,
						 int *finals);
static bool remove_members(MpFlush *flush, MpUnit *removal);
static bool remove_one_by_one(MpFlush *flush, const MpUnit *removal);
static bool run_removal(MpFlush *flush, const MpUnit *removal, bool *refused);
static void add_again(MpFlush *flush, MpUnit *unit);
static void restore_members(MpFlush *flush, const MpUnit *unit);
static void restore_member(MpFlush *flush, const MpUnit *unit,
						   const MpGrant *grant);
static const char *original_role(const MpChange *change);

bool
mp_flush_any_replaces(const MpFlush *flush, const MpUnit *unit)
{
	for (int i = 0; i < unit->count; i++)
		if (flush->finals[unit->finals[i]].replaces)
			return true;
	return false;
}

void
mp_flush_replace_members(MpFlush *flush, MpUnit *unit)
{
	int		   *finals = palloc(sizeof(int) * (Size) unit->count);
	MpUnit		removal = *unit;
	MpError		error;

	Assert(unit->state == MP_UNIT_REFUSED);
	removal.kind = unit->kind == MP_CALL_ADD_MEMBERSHIPS ?
		MP_CALL_REMOVE_MEMBERSHIPS : MP_CALL_REMOVE_MEMBERSHIP;
	removal.finals = finals;
	removal.count = find_members(flush, unit, finals);
	elog(DEBUG1, "mixpanel_sa_fdw: %s was refused with status %d: removing %d members first",
		 mp_call_title(unit->call), mp_error_status(unit->call),
		 removal.count);
	if (remove_members(flush, &removal))
	{
		add_again(flush, unit);
		return;
	}
	mp_error_describe(flush->side_call, mp_changeset_target(unit->target),
					  &error);
	restore_members(flush, unit);
	mp_flush_raise(flush, &error);
}

/* The changes of those who may be members already; returns how many. */
static int
find_members(const MpFlush *flush, const MpUnit *unit, int *finals)
{
	int			count = 0;

	for (int i = 0; i < unit->count; i++)
		if (flush->finals[unit->finals[i]].replaces)
			finals[count++] = unit->finals[i];
	return count;
}

/* False if a removal fails; one by one where all of them are refused. */
static bool
remove_members(MpFlush *flush, MpUnit *removal)
{
	bool		refused;

	if (removal->kind == MP_CALL_REMOVE_MEMBERSHIP || removal->count == 1)
		return remove_one_by_one(flush, removal);
	if (run_removal(flush, removal, &refused))
		return true;
	return refused && remove_one_by_one(flush, removal);
}

/*
 * A member whose removal is refused is gone already, or the addition will
 * tell.
 */
static bool
remove_one_by_one(MpFlush *flush, const MpUnit *removal)
{
	for (int i = 0; i < removal->count; i++)
	{
		MpUnit		one = *removal;
		bool		refused;

		one.finals = &removal->finals[i];
		one.count = 1;
		if (!run_removal(flush, &one, &refused) && !refused)
			return false;
	}
	return true;
}

/* *refused: by a status that may only mean that somebody is gone already. */
static bool
run_removal(MpFlush *flush, const MpUnit *removal, bool *refused)
{
	int			status;

	*refused = false;
	if (mp_flush_run_change(flush, removal, MP_EVIDENCE_REMOVAL_LOST))
	{
		mp_flush_note(flush, removal->finals, removal->count,
					  MP_EVIDENCE_REMOVED);
		return true;
	}
	status = mp_error_status(flush->side_call);
	*refused = status == 400 || status == 404;
	return false;
}

static void
add_again(MpFlush *flush, MpUnit *unit)
{
	MpError		error;

	if (mp_flush_run_change(flush, unit, MP_EVIDENCE_LOST))
	{
		mp_flush_accept_unit(flush, unit);
		return;
	}
	mp_error_describe(flush->side_call, mp_changeset_target(unit->target),
					  &error);
	if (!mp_flush_may_be_applied(flush->side_call))
		restore_members(flush, unit);
	mp_flush_raise(flush, &error);
}

/* Those that were removed; one call each: old roles need form no rectangle. */
static void
restore_members(MpFlush *flush, const MpUnit *unit)
{
	for (int i = 0; i < unit->count; i++)
	{
		const MpChange *change = mp_flush_change(flush, unit->finals[i]);
		MpGrant		grant = {change->project, original_role(change)};
		MpUnit		one = *unit;

		if (grant.role == NULL ||
			flush->fates[unit->finals[i]] != MP_FATE_REMOVED)
			continue;
		one.finals = &unit->finals[i];
		one.count = 1;
		restore_member(flush, &one, &grant);
	}
}

static void
restore_member(MpFlush *flush, const MpUnit *unit, const MpGrant *grant)
{
	const MpSettings *settings = mp_changeset_target(unit->target);
	int64		account = mp_flush_change(flush, unit->finals[0])->account;
	MpBlock		block = {&account, 1, grant, 1};
	MpCall	   *call;

	if (unit->kind == MP_CALL_ADD_MEMBERSHIPS)
		call = mp_api_add_memberships(mp_session_http(), settings, &block);
	else
		call = mp_api_add_membership(mp_session_http(), settings, account,
									 grant);
	if (mp_flush_run_call(flush, call, unit, MP_EVIDENCE_LOST))
		mp_flush_note(flush, unit->finals, unit->count,
					  MP_EVIDENCE_RESTORED);
}

/* The role before the transaction; NULL: not known. */
static const char *
original_role(const MpChange *change)
{
	while (change->previous >= 0)
		change = mp_changeset_get(change->previous);
	return change->old_role;
}
