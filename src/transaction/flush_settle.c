/*-------------------------------------------------------------------------
 *
 * transaction/flush_settle.c
 *		What to do about a membership call that was refused.
 *
 * Some refusals have a remedy: the server lacks the bulk calls (or the single
 * ones), something to be removed is gone already, a member must be removed
 * before it can be added with another role, or the API does not show an
 * account yet that this transaction has created.  The rest is an error that
 * names the culprit, found by reading, never by sending halves of an add.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "remote/project.h"
#include "transaction/creation.h"
#include "transaction/flush_state.h"

static void settle_deletions(MpFlush *flush, MpUnit **units,
							 const int *finals, int count);
static void settle_deletion(MpFlush *flush, MpUnit *unit, bool there);
static void settle_add(MpFlush *flush, MpUnit *unit, int status);
static void settle_removal(MpFlush *flush, MpUnit *unit, int status);
static void settle_last_removal(MpFlush *flush, MpUnit *unit, int status);
static bool has_own_account(const MpFlush *flush, const MpUnit *unit);
static bool is_unshown(MpFlush *flush, const MpUnit *unit);
static bool is_known_to_work(const MpUnit *unit);
static void finish_seen(MpFlush *flush, MpUnit *unit);
static bool may_lack_bulk(const MpUnit *unit);
static void fall_back(MpFlush *flush, MpUnit *unit);
static void add_singles(MpFlush *flush, const MpUnit *unit, const int *finals,
						int count);
static void split_unit(MpFlush *flush, MpUnit *unit, MpUnitOrigin origin);
static void probe_removal(MpFlush *flush, MpUnit *unit);
MP_NORETURN static void raise_culprits(MpFlush *flush, MpUnit *unit,
									   const MpCulprits *culprits);
MP_NORETURN static void raise_region(MpFlush *flush, MpUnit *unit);
static int64 foreign_project(const MpFlush *flush, const MpUnit *unit);
static bool names_number(const char *text, int64 number);
MP_NORETURN static void raise_refusal(MpFlush *flush, MpUnit *unit,
									  const char *what);
static char *add_line(const char *text, const char *line);

void
mp_flush_settle(MpFlush *flush, MpUnit *unit)
{
	int			status = mp_error_status(unit->call);

	Assert(unit->state == MP_UNIT_REFUSED);
	Assert(unit->kind != MP_CALL_DELETE_ACCOUNT);
	if (mp_error_is_region(unit->call))
		raise_region(flush, unit);
	if (unit->kind == MP_CALL_ADD_MEMBERSHIPS ||
		unit->kind == MP_CALL_ADD_MEMBERSHIP)
		settle_add(flush, unit, status);
	else
		settle_removal(flush, unit, status);
}

void
mp_flush_settle_deletions(MpFlush *flush, int from, int to)
{
	int		   *finals = palloc_extended(sizeof(int) * (Size) (to - from + 1),
										 MCXT_ALLOC_HUGE);
	MpUnit	  **units = palloc_extended(sizeof(MpUnit *) *
										(Size) (to - from + 1),
										MCXT_ALLOC_HUGE);

	/* what is settled is DONE, so each target is looked at once */
	for (int i = from; i < to; i++)
	{
		uint16		target = flush->units[i]->target;
		int			count = 0;

		for (int j = i; j < to; j++)
		{
			MpUnit	   *unit = flush->units[j];

			if (unit->kind != MP_CALL_DELETE_ACCOUNT ||
				unit->state != MP_UNIT_REFUSED || unit->target != target)
				continue;
			units[count] = unit;
			finals[count++] = unit->finals[0];
		}
		if (count > 0)
			settle_deletions(flush, units, finals, count);
	}
	pfree(finals);
	pfree(units);
}

/* Accounts of one target whose deletion was answered 404. */
static void
settle_deletions(MpFlush *flush, MpUnit **units, const int *finals, int count)
{
	bool	   *there = palloc(sizeof(bool) * (Size) count);
	char	   *why = NULL;

	if (!mp_flush_look_accounts(flush, finals, count, there, &why))
		raise_refusal(flush, units[0],
					  psprintf("Whether service account " INT64_FORMAT " is gone cannot be seen: %s.",
							   mp_flush_change(flush, finals[0])->account,
							   why));
	for (int i = 0; i < count; i++)
		if (there[i])
			mp_flush_note(flush, &finals[i], 1, MP_EVIDENCE_SEEN_UNDONE);
	for (int i = 0; i < count; i++)
		settle_deletion(flush, units[i], there[i]);
	pfree(there);
}

/* An account that this transaction has created may only not be shown yet. */
static void
settle_deletion(MpFlush *flush, MpUnit *unit, bool there)
{
	int64		account = mp_flush_change(flush, unit->finals[0])->account;
	bool		own = mp_creation_is_own(mp_changeset_target(unit->target),
										 account);

	if (own && mp_flush_try_later(flush, unit))
		return;
	if (there || own)
		raise_refusal(flush, unit,
					  psprintf(there ?
							   "Service account " INT64_FORMAT " is still there." :
							   "Service account " INT64_FORMAT " was created by this transaction, and the API does not show it.",
							   account));
	finish_seen(flush, unit);
}

/*
 * Nobody is removed before all else is ruled out, nor because of the words of
 * something in between.
 */
static void
settle_add(MpFlush *flush, MpUnit *unit, int status)
{
	MpCulprits	culprits = {-1, -1, false, false};
	int		   *replaced = palloc_extended(sizeof(int) * (Size) unit->count,
										   MCXT_ALLOC_HUGE);
	int			count = mp_flush_find_replaced(flush, unit, replaced);

	if (status == 405)
	{
		if (!may_lack_bulk(unit))
			raise_refusal(flush, unit, NULL);
		fall_back(flush, unit);
		return;
	}
	if (status != 409)
		mp_flush_find_culprits(flush, unit, &culprits);
	if (culprits.account >= 0 || culprits.project >= 0)
		raise_culprits(flush, unit, &culprits);
	if (culprits.own_account ||
		(status == 404 && has_own_account(flush, unit) &&
		 !may_lack_bulk(unit)))
	{
		if (mp_flush_try_later(flush, unit))
			return;
	}

	/*
	 * All that is named exists, or the server cannot tell: is it the call?
	 * Where it could tell but did not, single calls might carry out a part of
	 * what was refused as a whole.
	 */
	if (status == 404 && may_lack_bulk(unit) && !culprits.unreadable)
		fall_back(flush, unit);
	else if (status != 404 && count > 0 && !mp_error_is_foreign(unit->call))
	{
		mp_flush_replace_members(flush, unit, replaced, count);
		mp_flush_replace_unit(unit);
	}
	else
		raise_refusal(flush, unit, NULL);
	pfree(replaced);
}

static bool
has_own_account(const MpFlush *flush, const MpUnit *unit)
{
	const MpSettings *settings = mp_changeset_target(unit->target);

	for (int i = 0; i < unit->count; i++)
	{
		int64		account =
			mp_flush_change(flush, unit->finals[i])->account;

		if (mp_creation_is_own(settings, account))
			return true;
	}
	return false;
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
			raise_refusal(flush, unit, NULL);
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

/*
 * Only a read tells that a member is gone.  Where the server cannot list
 * memberships, a 404 of the API's own from a call that is known to work is as
 * good.
 */
static void
settle_last_removal(MpFlush *flush, MpUnit *unit, int status)
{
	const MpChange *change = mp_flush_change(flush, unit->finals[0]);
	bool		falls_back = status == 404 && may_lack_bulk(unit);
	MpSeen		seen = MP_SEEN_NOTHING;
	char	   *why = NULL;

	if (!mp_flush_look(flush, unit->finals, 1, &seen, &why))
		seen = MP_SEEN_NOTHING;
	if (seen == MP_SEEN_ABSENT && is_unshown(flush, unit))
	{
		if (mp_flush_try_later(flush, unit))
			return;
		seen = MP_SEEN_NOTHING;
	}
	if (seen == MP_SEEN_ABSENT ||
		(seen == MP_SEEN_NOTHING && why == NULL && status == 404 &&
		 !mp_error_is_foreign(unit->call) && is_known_to_work(unit)))
		finish_seen(flush, unit);
	else if (falls_back)
		fall_back(flush, unit);
	else if (seen == MP_SEEN_NOTHING)
		raise_refusal(flush, unit,
					  psprintf("Whether service account " INT64_FORMAT " is still in project " INT64_FORMAT " cannot be seen%s%s.",
							   change->account, change->project,
							   why != NULL ? ": " : "",
							   why != NULL ? why : ""));
	else
	{
		mp_flush_note(flush, unit->finals, 1, MP_EVIDENCE_SEEN_UNDONE);
		raise_refusal(flush, unit,
					  psprintf("Service account " INT64_FORMAT " is still in project " INT64_FORMAT ".",
							   change->account, change->project));
	}
}

/* An account of this transaction that the API does not show yet? */
static bool
is_unshown(MpFlush *flush, const MpUnit *unit)
{
	bool		there = true;
	char	   *why;

	return has_own_account(flush, unit) &&
		mp_flush_look_accounts(flush, unit->finals, 1, &there, &why) &&
		!there;
}

static bool
is_known_to_work(const MpUnit *unit)
{
	const MpRoutes *routes = mp_flush_routes(unit);

	return (unit->kind == MP_CALL_REMOVE_MEMBERSHIPS ?
			routes->bulk_remove : routes->single_remove) == MP_ROUTE_PRESENT;
}

/* A read has shown that there is nothing left to do. */
static void
finish_seen(MpFlush *flush, MpUnit *unit)
{
	elog(DEBUG1, "mixpanel_sa_fdw: %s was refused with status %d, but there is nothing left to remove",
		 mp_call_title(unit->call), mp_error_status(unit->call));
	mp_flush_note(flush, unit->finals, unit->count, MP_EVIDENCE_SEEN_DONE);
	mp_flush_replace_unit(unit);
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
	MpRoutes   *routes;

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
	mp_flush_note_accepted(flush, first.finals, 1);
	routes = mp_flush_routes(unit);
	mp_routes_note(routes, &routes->bulk_remove, MP_ROUTE_MISSING);
	add_singles(flush, unit, unit->finals + 1, unit->count - 1);
	mp_flush_replace_unit(unit);
}

/* They name an account, or a project, or both, that are not there. */
static void
raise_culprits(MpFlush *flush, MpUnit *unit, const MpCulprits *culprits)
{
	const MpSettings *settings = mp_changeset_target(unit->target);
	char	   *account = NULL;
	char	   *project = NULL;
	MpError		error;

	if (culprits->account >= 0)
		account = psprintf("Service account " INT64_FORMAT " does not exist.",
						   mp_flush_change(flush,
										   culprits->account)->account);
	if (culprits->project >= 0)
		project = psprintf("Project " INT64_FORMAT " does not exist, or service account \"%s\" cannot see it.",
						   mp_flush_change(flush,
										   culprits->project)->project,
						   mp_error_text(settings->username));
	mp_error_describe(unit->call, settings, &error);
	if (account != NULL && project != NULL)
	{
		error.hint = psprintf("%s %s", account, project);
		error.detail = add_line(error.detail, error.hint);
	}
	else
		error.hint = account != NULL ? account : project;
	mp_flush_read_back(flush, unit->target);
	mp_flush_raise(flush, &error);
}

/* Which of its projects lies in another region? */
static void
raise_region(MpFlush *flush, MpUnit *unit)
{
	const MpSettings *settings = mp_changeset_target(unit->target);
	int64		project = foreign_project(flush, unit);
	MpCulprits	culprits;
	MpError		error;

	mp_error_describe(unit->call, settings, &error);
	if (project == 0)
	{
		/* the list of projects may tell */
		mp_flush_find_culprits(flush, unit, &culprits);
		project = foreign_project(flush, unit);
	}
	error.hint = mp_error_region_hint(settings, project, true);
	mp_flush_read_back(flush, unit->target);
	mp_flush_raise(flush, &error);
}

/*
 * The only one; else the one that the API's words name, or whose region a list
 * has told.  0: it is not known.
 */
static int64
foreign_project(const MpFlush *flush, const MpUnit *unit)
{
	const MpSettings *settings = mp_changeset_target(unit->target);
	const char *words = mp_call_problem(unit->call)->message;
	int64		only = mp_flush_change(flush, unit->finals[0])->project;

	for (int i = 0; i < unit->count; i++)
	{
		int64		project = mp_flush_change(flush, unit->finals[i])->project;

		if (mp_project_domain(settings, project) != NULL ||
			names_number(words, project))
			return project;
		if (project != only)
			only = 0;
	}
	return only;
}

/* Among the numbers of a text? */
static bool
names_number(const char *text, int64 number)
{
	while (*text != '\0')
	{
		char	   *end;

		text += strcspn(text, "0123456789");
		if (*text != '\0' && strtoll(text, &end, 10) == number)
			return true;
		text += strspn(text, "0123456789");
	}
	return false;
}

/* In Mixpanel's own words, and what else is known, if anything. */
static void
raise_refusal(MpFlush *flush, MpUnit *unit, const char *what)
{
	MpError		error;

	mp_error_describe(unit->call, mp_changeset_target(unit->target), &error);
	if (what != NULL)
		error.detail = add_line(error.detail, what);
	mp_flush_read_back(flush, unit->target);
	mp_flush_raise(flush, &error);
}

static char *
add_line(const char *text, const char *line)
{
	return text == NULL ? pstrdup(line) : psprintf("%s\n%s", text, line);
}
