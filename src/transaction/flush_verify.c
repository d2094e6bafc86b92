/*-------------------------------------------------------------------------
 *
 * transaction/flush_verify.c
 *		Additions that were accepted: were they carried out?
 *
 * Public clients of the API have seen a 2xx and the old role kept.  Such
 * members are removed and added again.  It is not looked for where the account
 * is the transaction's own, where this session has seen the server change a
 * role by an addition, or where option membership_verify is off.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "transaction/flush_state.h"

#define FIRST_WAIT	300			/* ms until a list is read again; each wait is
								 * twice as long as the one before */
#define LAST_WAIT	2400

static int	find_accepted(const MpFlush *flush, int target, int *finals);
static void verify_target(MpFlush *flush, uint16 target, int *finals,
						  int count);
static bool wait_for_list(int *wait);
static int	keep_wrong(MpFlush *flush, int *finals, int count,
					   const MpSeen *seen);
static void learn(const MpFlush *flush, int final);
static void mend(MpFlush *flush, uint16 target, const int *finals,
				 int count);
static int	find_members(const MpFlush *flush, const MpUnit *unit,
						 int *finals);
static void warn_unseen(const MpFlush *flush, const int *finals, int count,
						const char *why);
MP_NORETURN static void raise_wrong(MpFlush *flush, int final);

void
mp_flush_verify_additions(MpFlush *flush)
{
	int		   *finals = palloc_extended(sizeof(int) *
										 (Size) (flush->final_count + 1),
										 MCXT_ALLOC_HUGE);
	int			target_end = -1;

	for (int i = 0; i < flush->final_count; i++)
		target_end = Max(target_end, mp_flush_change(flush, i)->target);
	for (int target = 0; target <= target_end; target++)
	{
		int			count = find_accepted(flush, target, finals);

		if (count > 0)
			verify_target(flush, (uint16) target, finals, count);
	}
	pfree(finals);
}

/* Those that are worth a read; returns how many. */
static int
find_accepted(const MpFlush *flush, int target, int *finals)
{
	int			count = 0;

	for (int i = 0; i < flush->final_count; i++)
		if (flush->fates[i] == MP_FATE_ACCEPTED &&
			mp_flush_change(flush, i)->target == target)
			finals[count++] = i;
	return count;
}

/*
 * Read additions back on a server that may keep an old role; a role that was
 * kept is replaced once, and must then be right.  What is read may be behind
 * what was done, so before that ends the COMMIT it is read for some seconds.
 */
static void
verify_target(MpFlush *flush, uint16 target, int *finals, int count)
{
	MpSeen	   *seen;
	char	   *why;
	int			wait = FIRST_WAIT;

	if (!mp_flush_is_verified(target))
	{
		/* learnt since they were sent */
		mp_flush_note(flush, finals, count, MP_EVIDENCE_APPLIED);
		return;
	}
	seen = palloc_extended(sizeof(MpSeen) * (Size) count, MCXT_ALLOC_HUGE);
	for (int round = 0; count > 0; round++)
	{
		if (!mp_flush_look(flush, finals, count, seen, &why))
		{
			warn_unseen(flush, finals, count, why);
			break;
		}
		count = keep_wrong(flush, finals, count, seen);
		if (count > 0 && round == 0)
			mend(flush, target, finals, count);
		else if (count > 0 && !wait_for_list(&wait))
			raise_wrong(flush, finals[0]);
	}
	pfree(seen);
}

/* False where it has been waited for long enough. */
static bool
wait_for_list(int *wait)
{
	if (*wait > LAST_WAIT)
		return false;
	mp_session_nap(TimestampTzPlusMilliseconds(GetCurrentTimestamp(), *wait));
	*wait *= 2;
	return true;
}

/* Notes what was seen, and keeps those that are not as they should be. */
static int
keep_wrong(MpFlush *flush, int *finals, int count, const MpSeen *seen)
{
	int			kept = 0;

	for (int i = 0; i < count; i++)
	{
		if (seen[i] == MP_SEEN_NOTHING)
		{
			mp_flush_note(flush, &finals[i], 1, MP_EVIDENCE_APPLIED);
			continue;
		}
		if (seen[i] == MP_SEEN_MEMBER)
		{
			mp_flush_note(flush, &finals[i], 1, MP_EVIDENCE_SEEN_DONE);
			learn(flush, finals[i]);
			continue;
		}
		mp_flush_note(flush, &finals[i], 1, MP_EVIDENCE_SEEN_UNDONE);
		if (seen[i] == MP_SEEN_ABSENT)
			flush->roles[finals[i]] = NULL;
		finals[kept++] = finals[i];
	}
	return kept;
}

/* A member who has another role than before has it by the addition alone. */
static void
learn(const MpFlush *flush, int final)
{
	const MpChange *change = mp_flush_change(flush, final);
	const char *before = mp_flush_role_before(change);
	MpRoutes   *routes;

	if (flush->replaced || before == NULL || flush->roles[final] == NULL ||
		strcmp(before, flush->roles[final]) == 0)
		return;
	routes = mp_session_routes(mp_changeset_target(change->target));
	mp_routes_note(routes, &routes->role_by_adding, MP_ROUTE_PRESENT);
}

/* Remove those who are members with another role, and add all once more. */
static void
mend(MpFlush *flush, uint16 target, const int *finals, int count)
{
	int		   *members = palloc_extended(sizeof(int) * (Size) count,
										  MCXT_ALLOC_HUGE);
	int			from = flush->unit_count;

	elog(DEBUG1, "mixpanel_sa_fdw: %d additions were accepted but not carried out: they are made again",
		 count);
	mp_flush_plan_additions(flush, target, finals, count);
	for (int i = from; i < flush->unit_count; i++)
	{
		MpUnit	   *unit = flush->units[i];

		mp_flush_replace_members(flush, unit, members,
								 find_members(flush, unit, members));
		mp_flush_replace_unit(unit);
	}
	pfree(members);
}

static int
find_members(const MpFlush *flush, const MpUnit *unit, int *finals)
{
	int			count = 0;

	for (int i = 0; i < unit->count; i++)
		if (flush->roles[unit->finals[i]] != NULL)
			finals[count++] = unit->finals[i];
	return count;
}

static void
warn_unseen(const MpFlush *flush, const int *finals, int count,
			const char *why)
{
	const MpSettings *settings =
		mp_changeset_target(mp_flush_change(flush, finals[0])->target);

	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("memberships were added on server \"%s\", but could not be read back",
					settings->server_name),
			 errdetail("Not seen: %s.\nThe read failed: %s.",
					   mp_flush_name_changes(flush, finals, count), why),
			 errhint("Check these memberships and their roles.")));
}

static void
raise_wrong(MpFlush *flush, int final)
{
	const MpChange *change = mp_flush_change(flush, final);
	const char *role = flush->roles[final];
	MpError		error = {.sqlstate = ERRCODE_FDW_UNABLE_TO_CREATE_REPLY};

	error.message = psprintf("Mixpanel accepted service account " INT64_FORMAT " in project " INT64_FORMAT " as %s, but did not carry it out",
							 change->account, change->project,
							 mp_error_text(change->role));
	if (role != NULL)
		error.detail = psprintf("It was read back, removed, added again and read back: the role is %s.",
								mp_error_text(role));
	else
		error.detail = pstrdup("It was read back, added again and read back: it is not a member.");
	mp_flush_raise(flush, &error);
}
