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

#define FATE(fate) (1u << (MP_FATE_##fate))

static bool remove_members(MpFlush *flush, const MpUnit *removal);
static bool remove_one_by_one(MpFlush *flush, const MpUnit *removal);
static bool run_removal(MpFlush *flush, const MpUnit *removal, bool *refused);
static void add_again(MpFlush *flush, MpUnit *unit);
static void restore_members(MpFlush *flush, const MpUnit *unit,
							uint32 fates);
static void restore_member(MpFlush *flush, const MpUnit *unit,
						   const MpGrant *grant);
static void look_at_restored(MpFlush *flush, const MpUnit *unit);
static MpEvidence restored_tells(const MpFlush *flush, int final, MpSeen seen,
								 const char *original);
static const char *original_role(const MpFlush *flush, int final);

int
mp_flush_find_replaced(const MpFlush *flush, const MpUnit *unit, int *finals)
{
	int			count = 0;

	for (int i = 0; i < unit->count; i++)
		if (flush->finals[unit->finals[i]].replaces)
			finals[count++] = unit->finals[i];
	return count;
}

void
mp_flush_replace_members(MpFlush *flush, MpUnit *unit, const int *finals,
						 int count)
{
	MpUnit		removal = *unit;
	MpError		error;
	bool		answering;

	Assert(unit->state == MP_UNIT_REFUSED || unit->state == MP_UNIT_WAITING);
	removal.kind = unit->kind == MP_CALL_ADD_MEMBERSHIPS ?
		MP_CALL_REMOVE_MEMBERSHIPS : MP_CALL_REMOVE_MEMBERSHIP;
	removal.finals = finals;
	removal.count = count;
	elog(DEBUG1, "mixpanel_sa_fdw: %d additions are made after %d members are removed",
		 unit->count, count);
	if (count == 0 || remove_members(flush, &removal))
	{
		add_again(flush, unit);
		flush->replaced = true;
		return;
	}
	mp_error_describe(flush->side_call, mp_changeset_target(unit->target),
					  &error);
	answering = mp_flush_is_answering(flush->side_call);
	restore_members(flush, unit, FATE(REMOVED));
	if (answering)
		mp_flush_read_back(flush, unit->target);
	mp_flush_raise(flush, &error);
}

/* False if a removal fails; one by one where all of them are refused. */
static bool
remove_members(MpFlush *flush, const MpUnit *removal)
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

/*
 * A refusal of it gives those that were removed, or may have been, their roles
 * back; where no answer came, it may still be carried out.
 */
static void
add_again(MpFlush *flush, MpUnit *unit)
{
	MpError		error;
	int			status;
	bool		answering;

	if (mp_flush_run_change(flush, unit, MP_EVIDENCE_LOST))
	{
		mp_flush_note_accepted(flush, unit->finals, unit->count);
		return;
	}
	mp_error_describe(flush->side_call, mp_changeset_target(unit->target),
					  &error);
	status = mp_error_status(flush->side_call);
	answering = mp_flush_is_answering(flush->side_call);
	if (!mp_flush_may_be_applied(flush->side_call) ||
		(status >= 400 && status < 500))
		restore_members(flush, unit, FATE(REMOVED) | FATE(REPLACING));
	if (answering)
		mp_flush_read_back(flush, unit->target);
	mp_flush_raise(flush, &error);
}

/* Those with one of these fates; one call each: old roles need form no
 * rectangle. */
static void
restore_members(MpFlush *flush, const MpUnit *unit, uint32 fates)
{
	for (int i = 0; i < unit->count; i++)
	{
		int			final = unit->finals[i];
		const MpChange *change = mp_flush_change(flush, final);
		MpGrant		grant = {change->project, original_role(flush, final)};
		MpUnit		one = *unit;

		if (grant.role == NULL || (fates & (1u << flush->fates[final])) == 0)
			continue;
		one.finals = &unit->finals[i];
		one.count = 1;
		restore_member(flush, &one, &grant);
	}
	look_at_restored(flush, unit);
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

/*
 * Did it help?  Where no answer told of the addition before, it may have been
 * carried out, and the server may keep what it added.
 */
static void
look_at_restored(MpFlush *flush, const MpUnit *unit)
{
	int		   *finals = palloc_extended(sizeof(int) * (Size) unit->count,
										 MCXT_ALLOC_HUGE);
	const char **originals = palloc_extended(sizeof(char *) *
											 (Size) unit->count,
											 MCXT_ALLOC_HUGE);
	MpSeen	   *seen = palloc_extended(sizeof(MpSeen) * (Size) unit->count,
									   MCXT_ALLOC_HUGE);
	int			count = 0;
	char	   *why;

	for (int i = 0; i < unit->count; i++)
	{
		int			final = unit->finals[i];

		if (flush->fates[final] != MP_FATE_REPLACING)
			continue;
		originals[count] = original_role(flush, final);
		finals[count++] = final;
	}
	if (count > 0 && mp_flush_look(flush, finals, count, seen, &why))
		for (int i = 0; i < count; i++)
			mp_flush_note(flush, &finals[i], 1,
						  restored_tells(flush, finals[i], seen[i],
										 originals[i]));
	pfree(finals);
	pfree(originals);
	pfree(seen);
}

/* Whoever is not there may yet be, where an answer was lost. */
static MpEvidence
restored_tells(const MpFlush *flush, int final, MpSeen seen,
			   const char *original)
{
	const char *role = flush->roles[final];

	if (seen == MP_SEEN_NOTHING || seen == MP_SEEN_ABSENT)
		return MP_EVIDENCE_SEEN_UNDONE;
	if (original != NULL && role != NULL && strcmp(role, original) == 0)
		return MP_EVIDENCE_SEEN_RESTORED;
	return seen == MP_SEEN_MEMBER ?
		MP_EVIDENCE_SEEN_DONE : MP_EVIDENCE_REMOVAL_LOST;
}

/* The role before the transaction, as it was read last; NULL: not known. */
static const char *
original_role(const MpFlush *flush, int final)
{
	const MpChange *change = mp_flush_change(flush, final);

	if (flush->roles != NULL && flush->roles[final] != NULL)
		return flush->roles[final];
	while (change->previous >= 0)
		change = mp_changeset_get(change->previous);
	return change->old_role;
}
