/*-------------------------------------------------------------------------
 *
 * remote/fetch_choice.c
 *		Memberships by account or by project: the lists tell which.
 *
 * The organization's own list of projects is short, so it is there before much
 * of a long list of accounts is.  As soon as one of them is known to be the
 * longer, the read goes by the other.  Whether the list of projects can be had
 * at all is seen on the way: it is in none of the API's documents.  Where it
 * cannot, or does not say all, the read goes by account as if it had not been
 * asked for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "remote/error.h"
#include "remote/fetch_choice.h"
#include "remote/fetch_keep.h"
#include "remote/project.h"

/* Accounts beyond those that decide are counted up to here. */
#define COUNTED_ACCOUNTS 65536

static void ask_for_projects(MpFetch *fetch);
static void take_project(MpFetch *fetch);
static void give_up(MpFetch *fetch);

void
mp_fetch_choice_begin(MpFetch *fetch)
{
	Assert(fetch->way == MP_WAY_CHOICE);
	fetch->rival_deferred = mp_way_seems_small(fetch->settings,
											   &fetch->lookup);
	if (!fetch->rival_deferred)
		ask_for_projects(fetch);
}

static void
ask_for_projects(MpFetch *fetch)
{
	fetch->rival_deferred = false;
	fetch->rival_arrives = true;
	mp_fetch_begin_list(fetch, &fetch->rival, MP_CALL_ORGANIZATION_PROJECTS);
}

void
mp_fetch_choice_read(MpFetch *fetch)
{
	MpRoutes   *routes;

	if (fetch->rival_deferred && fetch->list.count > MP_WAY_FEW_ACCOUNTS)
		ask_for_projects(fetch);
	while (fetch->rival_arrives)
	{
		switch (mp_fetch_next_parent(fetch, &fetch->rival, true))
		{
			case MP_CALL_WAIT:
				return;
			case MP_CALL_FAILED:
				give_up(fetch);
				return;
			case MP_CALL_DONE:
				routes = mp_session_routes(fetch->settings);
				mp_routes_note_answer(routes);
				mp_routes_note(routes, &routes->organization_projects,
							   MP_ROUTE_PRESENT);
				mp_routes_note_number(&routes->projects, fetch->rival.count);
				mp_fetch_list_whole(&fetch->rival);
				mp_fetch_drop_call(fetch, &fetch->rival.call);
				fetch->rival_arrives = false;
				return;
			case MP_CALL_RECORD:
				take_project(fetch);
				break;
		}
	}
}

MpWay
mp_fetch_choice_made(const MpFetch *fetch)
{
	const MpLookup *lookup = &fetch->lookup;
	MpSizes		sizes;
	bool		accounts_known;
	bool		by_project;

	if (fetch->way != MP_WAY_CHOICE)
		return fetch->way;
	if (fetch->rival_deferred)
		return fetch->parents_done ? MP_WAY_BY_ACCOUNT : MP_WAY_CHOICE;
	mp_way_sizes(fetch->settings, lookup->memberships, &sizes);
	sizes.projects = (double) fetch->rival.count;
	/* the list of accounts that is being read counts for more */
	if (fetch->accounts_listed)
		sizes.accounts = (double) fetch->list.count;
	accounts_known = lookup->accounts.pinned || fetch->parents_done;
	by_project = mp_way_prefers_projects(fetch->settings, lookup, &sizes);
	if (by_project && !fetch->rival_arrives)
		return MP_WAY_BY_PROJECT;
	/* so far it is not cheaper, and there will be no fewer projects */
	if (!by_project && accounts_known)
		return MP_WAY_BY_ACCOUNT;
	return MP_WAY_CHOICE;
}

bool
mp_fetch_choice_counts(const MpFetch *fetch)
{
	return fetch->way == MP_WAY_CHOICE && !fetch->rival_arrives &&
		!fetch->rival_deferred;
}

void
mp_fetch_choose_projects(MpFetch *fetch)
{
	MpParentQueue none = {0};
	MpParentList nothing = {0};

	Assert(fetch->way == MP_WAY_CHOICE && !fetch->rival_arrives);
	elog(DEBUG1, "memberships are read by project: " INT64_FORMAT " projects, " INT64_FORMAT " accounts so far",
		 fetch->rival.count, fetch->lookup.accounts.pinned ?
		 (int64) fetch->lookup.accounts.count : fetch->list.count);
	mp_fetch_set_way(fetch, MP_WAY_BY_PROJECT, true);
	fetch->fixed.pinned = false;
	fetch->listed = NULL;
	fetch->queue = fetch->rivals;
	fetch->rivals = none;
	fetch->rival = fetch->list;
	fetch->rival_arrives = !fetch->parents_done;
	fetch->list = nothing;
	fetch->parents_done = true;
	mp_fetch_expect(fetch);
}

void
mp_fetch_choose_accounts(MpFetch *fetch)
{
	MpParentQueue none = {0};

	elog(DEBUG1, "memberships are read by account");
	mp_fetch_list_broken(&fetch->rival);
	fetch->rival.replay.kept = fetch->rival.follows = NULL;
	mp_fetch_drop_call(fetch, &fetch->rival.call);
	fetch->rival_arrives = false;
	fetch->rivals = none;
	mp_fetch_set_way(fetch, MP_WAY_BY_ACCOUNT, false);
}

void
mp_fetch_choice_end(MpFetch *fetch)
{
	mp_fetch_drop_call(fetch, &fetch->rival.call);
	fetch->rival.follows = NULL;
	fetch->rival_arrives = false;
	fetch->rival_deferred = false;
}

bool
mp_fetch_choice_read_rest(MpFetch *fetch)
{
	MpParentList *list = &fetch->rival;

	while (fetch->rival_arrives)
	{
		MpCallState state = mp_fetch_next_parent(fetch, list, false);

		if (state == MP_CALL_WAIT)
			return list->kept == NULL;
		if (state == MP_CALL_RECORD)
		{
			list->count++;
			if (list->kept != NULL || list->count < COUNTED_ACCOUNTS)
				continue;
		}
		else if (state == MP_CALL_DONE)
		{
			MpRoutes   *routes = mp_session_routes(fetch->settings);

			mp_routes_note_number(&routes->accounts, list->count);
			mp_fetch_list_whole(list);
		}
		mp_fetch_list_broken(list);
		mp_fetch_drop_call(fetch, &list->call);
		fetch->rival_arrives = false;
	}
	return true;
}

bool
mp_fetch_is_left_for(const MpCall *call)
{
	const MpProblem *problem = mp_call_problem(call);
	int			status = mp_error_status(call);

	switch (problem->kind)
	{
		case MP_PROBLEM_HTTP:
			break;
		case MP_PROBLEM_BODY:
		case MP_PROBLEM_ERROR_BODY:
		case MP_PROBLEM_PAGES:
		case MP_PROBLEM_CHANGED:
			return true;
		case MP_PROBLEM_NO_MEMORY:
			return false;
	}
	if (problem->answer->outcome != MP_OUTCOME_STATUS)
		return problem->answer->outcome == MP_OUTCOME_REDIRECT_REFUSED ||
			problem->answer->outcome == MP_OUTCOME_REDIRECT_LOOP ||
			problem->answer->outcome == MP_OUTCOME_TOO_LARGE;
	return status < 500 && status != 408 && status != 425 && status != 429;
}

void
mp_fetch_note_refused(const MpFetch *fetch)
{
	mp_routes_refuse_projects(mp_session_routes(fetch->settings),
							  fetch->settings->mapping_id);
}

static void
take_project(MpFetch *fetch)
{
	const MpRecord *record = &fetch->parent_record;
	int64		owner = record->values[MP_FIELD_ORGANIZATION_ID].as.integer;
	int64		id = record->values[MP_FIELD_PROJECT_ID].as.integer;

	if (owner != fetch->settings->organization_id)
		return;
	fetch->rival.count++;
	mp_project_note(fetch->settings, id, MP_PROJECT_OURS);
	mp_fetch_push_parent(&fetch->rivals, id,
						 &record->values[MP_FIELD_PROJECT_NAME]);
}

/*
 * There is no list of projects, or not for these credentials, or it does not
 * come: the other way does not need it.  What concerns all requests alike ends
 * the read.
 */
static void
give_up(MpFetch *fetch)
{
	const MpCall *call = fetch->rival.call;
	MpRoutes   *routes = mp_session_routes(fetch->settings);
	int			status = mp_error_status(call);
	MpOutcome	outcome = mp_call_problem(call)->answer->outcome;

	if (status == 401 || status == 429 || outcome == MP_OUTCOME_UNREACHABLE ||
		mp_call_problem(call)->kind == MP_PROBLEM_NO_MEMORY)
		mp_error_raise(call, fetch->settings);
	elog(DEBUG1, "the organization's projects cannot be listed: status %d",
		 status);
	if (status != 404 && status != 405)
		mp_fetch_note_refused(fetch);
	else if (routes->organization_projects == MP_ROUTE_UNKNOWN)
		mp_routes_note(routes, &routes->organization_projects,
					   MP_ROUTE_MISSING);
	else
		mp_fetch_note_refused(fetch);
	mp_fetch_choose_accounts(fetch);
}
