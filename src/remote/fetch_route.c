/*-------------------------------------------------------------------------
 *
 * remote/fetch_route.c
 *		Which way memberships are read, and what a 404, 405 or 410 means for a
 *		read.
 *
 * The API's documents name two routes to memberships, by account and by
 * project, and no document names both.  So a 404 has three meanings: what is
 * named by the path is gone; the server has no such route; or nothing at all,
 * because the base URL leads elsewhere, or because something in between has
 * answered.
 *
 * A row is left out only if what it belongs to is shown to be gone.  A 404 for
 * an account shows that where this session has had a proper answer of the
 * place; where it has not, the list of accounts is asked once, after all else,
 * and decides.  For memberships the parent is asked for.  A call that has
 * worked is not thought to be missing because of one answer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/ids.h"
#include "catalog/array.h"
#include "remote/error.h"
#include "remote/fetch_choice.h"
#include "remote/fetch_route.h"
#include "remote/fetch_unlisted.h"
#include "remote/project.h"

static bool means_missing(int status);
static bool is_refusal(int status);
static bool is_gone(const MpCall *call);
static MpVerdict leave_projects(MpFetch *fetch, MpSlot *slot);
static void note_read_project(MpFetch *fetch, int64 id);
static void note_answer(MpFetch *fetch);
static void list_by_me(MpFetch *fetch, int status);
static void warn_of_me(const MpSettings *settings);
static void doubt_account(MpFetch *fetch, const MpSlot *slot);
static bool is_doubtful(const MpFetch *fetch, int64 id);
static void ask_parent(MpFetch *fetch, MpSlot *slot);
static MpVerdict settle_account(MpFetch *fetch, MpSlot *slot,
								MpCallState state);
static MpVerdict settle_project(MpFetch *fetch, MpSlot *slot,
								MpCallState state);
static void note_project(MpFetch *fetch, MpSlot *slot);
static MpVerdict project_not_seen(MpFetch *fetch, MpSlot *slot);
static MpVerdict settle_witness(MpFetch *fetch, MpSlot *slot,
								MpCallState state);
static MpVerdict parent_exists(MpFetch *fetch, MpSlot *slot);
static MpVerdict route_missing(MpFetch *fetch, MpSlot *slot, bool proven);
static MpRoute *route_of(const MpFetch *fetch);
MP_NORETURN static void raise_contradiction(const MpFetch *fetch,
											int64 parent, int status);
MP_NORETURN static void raise_other_region(const MpFetch *fetch,
										   int64 project);
MP_NORETURN static void raise_unproven(int64 project);
MP_NORETURN static void raise_no_way(const MpFetch *fetch);

void
mp_fetch_child_done(MpFetch *fetch, MpSlot *slot)
{
	MpRoute    *route = route_of(fetch);

	if (route != NULL)
		mp_routes_note(mp_session_routes(fetch->settings), route,
					   MP_ROUTE_PRESENT);
	/* a project's path does not name the organization */
	if (fetch->way != MP_WAY_BY_PROJECT)
		note_answer(fetch);
	if (fetch->way == MP_WAY_LIST)
		mp_routes_note_number(&mp_session_routes(fetch->settings)->accounts,
							  slot->records);
	if (fetch->chosen)
		note_read_project(fetch, slot->parent.id);
	mp_fetch_finish_slot(fetch, slot);
}

/* What was kept is read; it tells nothing new. */
void
mp_fetch_replay_done(MpFetch *fetch, MpSlot *slot)
{
	if (fetch->chosen)
		note_read_project(fetch, slot->parent.id);
	mp_fetch_finish_slot(fetch, slot);
}

MpVerdict
mp_fetch_child_failed(MpFetch *fetch, MpSlot *slot)
{
	int			status = mp_error_status(slot->call);
	const MpRoute *route = route_of(fetch);

	if (is_gone(slot->call) && fetch->way != MP_WAY_LIST)
		mp_fetch_finish_slot(fetch, slot);
	else if (fetch->chosen && !means_missing(status) && slot->records == 0 &&
			 mp_fetch_is_left_for(slot->call))
		return leave_projects(fetch, slot);
	else if (fetch->way == MP_WAY_GETS && status == 404)
	{
		doubt_account(fetch, slot);
		mp_fetch_finish_slot(fetch, slot);
	}
	else if (route == NULL || !means_missing(status))
		mp_error_raise(slot->call, fetch->settings);
	else if (status == 404)
	{
		bool		foreign = mp_error_is_foreign(slot->call);

		ask_parent(fetch, slot);
		slot->foreign = foreign;
	}
	else if (*route == MP_ROUTE_PRESENT && fetch->chosen)
		return leave_projects(fetch, slot);
	else if (*route == MP_ROUTE_PRESENT)
		raise_contradiction(fetch, slot->parent.id, status);
	else
		return route_missing(fetch, slot, true);
	return MP_VERDICT_GO_ON;
}

/* A child is left to the account-wise read. */
static MpVerdict
leave_projects(MpFetch *fetch, MpSlot *slot)
{
	elog(DEBUG1, "project " INT64_FORMAT " cannot be read by itself: memberships are read by account",
		 slot->parent.id);
	Assert(fetch->chosen);
	mp_fetch_note_refused(fetch);
	if (fetch->rows == 0)
		return MP_VERDICT_OTHER_WAY;
	/* those under way are read to their end, no further one is begun */
	fetch->left = true;
	fetch->queue.used = fetch->queue.read = 0;
	mp_fetch_finish_slot(fetch, slot);
	return MP_VERDICT_GO_ON;
}

/* All of its memberships were handed out. */
static void
note_read_project(MpFetch *fetch, int64 id)
{
	MpIds	   *read = &fetch->read_projects;

	if (read->count == fetch->read_projects_size)
		read->ids = mp_array_grow(read->ids, &fetch->read_projects_size,
								  sizeof(int64));
	read->ids[read->count++] = id;
}

void
mp_fetch_parents_done(MpFetch *fetch)
{
	MpCallKind	kind = fetch->list.call == NULL ? MP_CALL_COUNT :
		mp_call_kind(fetch->list.call);
	MpRoutes   *routes = mp_session_routes(fetch->settings);

	if (kind == MP_CALL_LIST_ACCOUNTS || kind == MP_CALL_ORGANIZATION_PROJECTS)
		note_answer(fetch);
	if (kind == MP_CALL_LIST_ACCOUNTS)
		mp_routes_note_number(&routes->accounts, fetch->list.count);
	if (kind == MP_CALL_ORGANIZATION_PROJECTS)
	{
		mp_routes_note(routes, &routes->organization_projects,
					   MP_ROUTE_PRESENT);
		mp_routes_note_number(&routes->projects, fetch->list.count);
	}
	if (kind == MP_CALL_ME && !fetch->fixed.pinned)
		warn_of_me(fetch->settings);
	mp_fetch_drop_call(fetch, &fetch->list.call);
	mp_fetch_push_rest(fetch);
}

MpVerdict
mp_fetch_parents_failed(MpFetch *fetch)
{
	MpCallKind	kind = mp_call_kind(fetch->list.call);
	int			status = mp_error_status(fetch->list.call);

	/* by project only if all of them are named */
	if (fetch->chosen && !fetch->fixed.pinned &&
		mp_fetch_is_left_for(fetch->list.call))
	{
		mp_fetch_note_refused(fetch);
		mp_fetch_drop_call(fetch, &fetch->list.call);
		return MP_VERDICT_OTHER_WAY;
	}
	if (kind == MP_CALL_ORGANIZATION_PROJECTS &&
		(means_missing(status) || status == 403))
	{
		list_by_me(fetch, status);
		return MP_VERDICT_GO_ON;
	}
	if (kind != MP_CALL_ME ||
		!(means_missing(status) ||
		  (fetch->owners_only && is_refusal(status))))
		mp_error_raise(fetch->list.call, fetch->settings);
	mp_fetch_drop_call(fetch, &fetch->list.call);
	/* without a list there is no telling which projects to visit */
	if (!fetch->fixed.pinned)
		return route_missing(fetch, NULL, false);
	mp_fetch_push_rest(fetch);
	return MP_VERDICT_GO_ON;
}

/* The organization's projects cannot be listed: those that the credentials
 * see can.  Whoever may not list them says nothing of the server. */
static void
list_by_me(MpFetch *fetch, int status)
{
	MpRoutes   *routes = mp_session_routes(fetch->settings);

	elog(DEBUG1, "projects are listed by GET /me: the organization's are answered with status %d",
		 status);
	if (means_missing(status))
		mp_routes_note(routes, &routes->organization_projects,
					   MP_ROUTE_MISSING);
	mp_fetch_drop_call(fetch, &fetch->list.call);
	fetch->list.kind = MP_CALL_ME;
	fetch->list.call = mp_session_started(mp_api_me(fetch->http,
													fetch->settings));
}

/* Once for each place in a session. */
static void
warn_of_me(const MpSettings *settings)
{
	if (!mp_routes_warn_of_me(mp_session_routes(settings)))
		return;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("memberships are read only for the projects that GET /me shows"),
			 errdetail("It shows the projects that service account \"%s\" may see; server \"%s\" has no call that lists all projects of the organization.",
					   mp_error_text(settings->username),
					   settings->server_name),
			 errhint("Name the projects in the server's option \"project_ids\", or set \"membership_read\" to \"account\".")));
}

MpVerdict
mp_fetch_child_asked(MpFetch *fetch, MpSlot *slot, MpCallState state)
{
	Assert(state != MP_CALL_WAIT);
	if (slot->state == MP_SLOT_ASKING_WITNESS)
		return settle_witness(fetch, slot, state);
	Assert(slot->state == MP_SLOT_ASKING_PARENT);
	if (fetch->way == MP_WAY_BY_PROJECT)
		return settle_project(fetch, slot, state);
	return settle_account(fetch, slot, state);
}

void
mp_fetch_conclude(MpFetch *fetch)
{
	bool		answered;

	if (fetch->doubtful_count == 0)
		return;
	answered = mp_session_routes(fetch->settings)->answered;
	if (answered && !fetch->doubt_stays)
	{
		fetch->doubtful_count = 0;
		return;
	}
	elog(DEBUG1, "%d service accounts were answered 404, which proves nothing %s: the list of accounts is asked",
		 fetch->doubtful_count, answered ?
		 "as it did not come from the API" :
		 "before the organization has answered anything");
	fetch->doubtful_count = mp_ids_sort(fetch->doubtful,
										fetch->doubtful_count);
	fetch->judge_found = false;
	fetch->judge =
		mp_session_started(mp_api_list_accounts(fetch->http, fetch->settings,
												fetch->wanted));
}

MpVerdict
mp_fetch_conclude_projects(MpFetch *fetch)
{
	MpUnlisted *unlisted = &fetch->unlisted;

	if (fetch->way != MP_WAY_BY_PROJECT || fetch->chosen ||
		unlisted->count == 0)
		return MP_VERDICT_GO_ON;
	if (*route_of(fetch) != MP_ROUTE_PRESENT)
		return route_missing(fetch, NULL, false);
	if (unlisted->foreign != 0)
		raise_unproven(unlisted->foreign);
	mp_fetch_warn_of_unlisted(fetch);
	unlisted->count = 0;
	return MP_VERDICT_GO_ON;
}

/* An account that is listed after all is a row, or its memberships are to be
 * read in another way. */
MpVerdict
mp_fetch_judged(MpFetch *fetch, MpCallState state)
{
	if (state == MP_CALL_FAILED)
		mp_error_raise(fetch->judge, fetch->settings);
	if (state == MP_CALL_RECORD)
	{
		if (!is_doubtful(fetch,
						 fetch->record.values[MP_FIELD_ID].as.integer))
			return MP_VERDICT_GO_ON;
		if (fetch->way == MP_WAY_GETS)
			return MP_VERDICT_ROW;
		fetch->judge_found = true;
		return MP_VERDICT_GO_ON;
	}
	Assert(state == MP_CALL_DONE);
	note_answer(fetch);
	mp_fetch_drop_call(fetch, &fetch->judge);
	fetch->doubtful_count = 0;
	fetch->doubt_stays = false;
	return fetch->judge_found ?
		route_missing(fetch, NULL, false) : MP_VERDICT_GO_ON;
}

void
mp_fetch_forget_doubts(MpFetch *fetch)
{
	mp_fetch_drop_call(fetch, &fetch->judge);
	fetch->doubtful_count = 0;
	fetch->doubt_stays = false;
}

static bool
means_missing(int status)
{
	return status == 404 || status == 405;
}

/* An answer that is not going to change, to credentials that may be good for
 * other calls. */
static bool
is_refusal(int status)
{
	return status == 400 || status == 403 || status == 410;
}

/* 410 says so by itself, if it is the API that says it. */
static bool
is_gone(const MpCall *call)
{
	return mp_error_status(call) == 410 && !mp_error_is_foreign(call);
}

/* The place has given a proper answer to a call that names the
 * organization. */
static void
note_answer(MpFetch *fetch)
{
	mp_routes_note_answer(mp_session_routes(fetch->settings));
}

/* A call that names an account, which is the slot's parent, has answered
 * 404. */
static void
doubt_account(MpFetch *fetch, const MpSlot *slot)
{
	if (fetch->doubtful_count == fetch->doubtful_size)
		fetch->doubtful = mp_array_grow(fetch->doubtful, &fetch->doubtful_size,
										sizeof(int64));
	fetch->doubtful[fetch->doubtful_count++] = slot->parent.id;
	fetch->doubt_stays |= mp_error_is_foreign(slot->call);
}

static bool
is_doubtful(const MpFetch *fetch, int64 id)
{
	return mp_ids_find(fetch->doubtful, fetch->doubtful_count, id) >= 0;
}

/* Ask for the parent in place of its memberships. */
static void
ask_parent(MpFetch *fetch, MpSlot *slot)
{
	const MpSettings *settings = fetch->settings;
	MpCall	   *call;

	if (fetch->way != MP_WAY_BY_PROJECT)
		call = mp_api_get_account(fetch->http, settings, slot->parent.id, 0);
	else if (mp_session_routes(settings)->organization_projects ==
			 MP_ROUTE_PRESENT)
		call = mp_api_organization_projects(fetch->http, settings);
	else
		call = mp_api_me(fetch->http, settings);
	mp_fetch_set_slot(fetch, slot, MP_SLOT_ASKING_PARENT, call);
}

/*
 * A 404 for an account's projects, and the account was then asked for: is the
 * account gone, or is the route missing?
 */
static MpVerdict
settle_account(MpFetch *fetch, MpSlot *slot, MpCallState state)
{
	if (state == MP_CALL_RECORD)
		slot->exists = true;
	else if (state == MP_CALL_DONE)
	{
		note_answer(fetch);
		return parent_exists(fetch, slot);
	}
	else if (is_gone(slot->call))
		mp_fetch_finish_slot(fetch, slot);
	else if (mp_error_status(slot->call) == 404)
	{
		doubt_account(fetch, slot);
		mp_fetch_finish_slot(fetch, slot);
	}
	else
		mp_error_raise(slot->call, fetch->settings);
	return MP_VERDICT_GO_ON;
}

/*
 * A list of projects tells: of the organization's, or of those that the
 * credentials see.  Where the route is known to work, a 404 of the API's own
 * was about the project; another says nothing of a project that no list has.
 * Where there is no list, other projects of the read tell whether it works.
 */
static MpVerdict
settle_project(MpFetch *fetch, MpSlot *slot, MpCallState state)
{
	if (state == MP_CALL_RECORD)
		note_project(fetch, slot);
	else if (state == MP_CALL_DONE && slot->exists)
	{
		if (!fetch->chosen &&
			mp_project_domain(fetch->settings, slot->parent.id) != NULL)
			raise_other_region(fetch, slot->parent.id);
		return parent_exists(fetch, slot);
	}
	else if (state == MP_CALL_FAILED && fetch->chosen &&
			 mp_fetch_is_left_for(slot->call))
		return leave_projects(fetch, slot);
	else if (state == MP_CALL_FAILED &&
			 !means_missing(mp_error_status(slot->call)))
		mp_error_raise(slot->call, fetch->settings);
	else if (*route_of(fetch) == MP_ROUTE_PRESENT && slot->foreign)
		raise_unproven(slot->parent.id);
	else if (state == MP_CALL_FAILED && fetch->chosen &&
			 *route_of(fetch) != MP_ROUTE_PRESENT)
		return route_missing(fetch, slot, false);
	else if (state == MP_CALL_FAILED ||
			 *route_of(fetch) == MP_ROUTE_PRESENT)
	{
		if (mp_call_kind(slot->call) != MP_CALL_ORGANIZATION_PROJECTS)
			mp_fetch_note_unlisted(fetch, slot);
		mp_fetch_finish_slot(fetch, slot);
	}
	else
		return project_not_seen(fetch, slot);
	return MP_VERDICT_GO_ON;
}

static void
note_project(MpFetch *fetch, MpSlot *slot)
{
	const MpValue *values = fetch->record.values;
	int64		id = values[MP_FIELD_PROJECT_ID].as.integer;

	mp_project_note_domain(fetch->settings, id, &values[MP_FIELD_DOMAIN]);
	if (id == slot->parent.id)
		slot->exists = true;
	else if (!values[MP_FIELD_ORGANIZATION_ID].present ||
			 values[MP_FIELD_ORGANIZATION_ID].as.integer ==
			 fetch->settings->organization_id)
		slot->witness = id;
}

/*
 * That a project is not listed proves nothing while the route is unknown.  The
 * account-wise way gives the true answer; where that is closed, a project that
 * is listed tells whether the server has the route.
 */
static MpVerdict
project_not_seen(MpFetch *fetch, MpSlot *slot)
{
	bool		only_way = fetch->switched ||
		fetch->settings->membership_read == MP_MEMBERSHIP_READ_PROJECT;

	mp_fetch_note_unlisted(fetch, slot);
	if ((!only_way && !fetch->chosen) || slot->witness == 0)
		return route_missing(fetch, slot, false);
	mp_fetch_set_slot(fetch, slot, MP_SLOT_ASKING_WITNESS,
					  mp_api_project_accounts(fetch->http, fetch->settings,
											  slot->witness, 0));
	return MP_VERDICT_GO_ON;
}

static MpVerdict
settle_witness(MpFetch *fetch, MpSlot *slot, MpCallState state)
{
	if (state == MP_CALL_DONE && slot->foreign)
		raise_unproven(slot->parent.id);
	else if (state == MP_CALL_DONE)
		mp_fetch_child_done(fetch, slot);
	else if (state == MP_CALL_FAILED)
	{
		int			status = mp_error_status(slot->call);

		if (!means_missing(status))
			mp_error_raise(slot->call, fetch->settings);
		if (*route_of(fetch) == MP_ROUTE_PRESENT)
			raise_contradiction(fetch, slot->witness, status);
		return route_missing(fetch, slot, true);
	}
	return MP_VERDICT_GO_ON;
}

/* A 404 for the memberships of a parent that is there. */
static MpVerdict
parent_exists(MpFetch *fetch, MpSlot *slot)
{
	if (*route_of(fetch) == MP_ROUTE_PRESENT && fetch->chosen)
		return leave_projects(fetch, slot);
	if (*route_of(fetch) == MP_ROUTE_PRESENT)
		raise_contradiction(fetch, slot->parent.id, 404);
	return route_missing(fetch, slot, true);
}

/*
 * The server lacks the route: go the other way.  proven: remember it for the
 * session.  slot: whose read has shown it, or NULL.  Where no way is left,
 * nothing that was learnt is believed any more: the next read begins from the
 * start.
 */
static MpVerdict
route_missing(MpFetch *fetch, MpSlot *slot, bool proven)
{
	MpWay		other = fetch->way == MP_WAY_BY_PROJECT ?
		MP_WAY_BY_ACCOUNT : MP_WAY_BY_PROJECT;
	MpRoutes   *routes = mp_session_routes(fetch->settings);

	elog(DEBUG1, "memberships cannot be read by %s%s",
		 fetch->way == MP_WAY_BY_PROJECT ? "project" : "account",
		 proven ? ": the server lacks the call" : " for now");
	if (proven)
	{
		Assert(*route_of(fetch) != MP_ROUTE_PRESENT);
		mp_routes_note(routes, route_of(fetch), MP_ROUTE_MISSING);
	}
	if (fetch->chosen && slot != NULL)
		return leave_projects(fetch, slot);
	if (fetch->rows == 0 && !fetch->switched &&
		fetch->settings->membership_read == MP_MEMBERSHIP_READ_AUTO &&
		!mp_way_is_missing(other, fetch->settings))
		return MP_VERDICT_OTHER_WAY;
	if (fetch->rows == 0 && fetch->lookup.trusted)
	{
		mp_routes_note_no_way(routes);
		return MP_VERDICT_TRUST;
	}
	mp_routes_forget_ways(routes);
	raise_no_way(fetch);
}

/* NULL where the way is not one of the two. */
static MpRoute *
route_of(const MpFetch *fetch)
{
	MpRoutes   *routes = mp_session_routes(fetch->settings);

	if (fetch->way == MP_WAY_BY_ACCOUNT)
		return &routes->account_projects;
	if (fetch->way == MP_WAY_BY_PROJECT)
		return &routes->project_accounts;
	return NULL;
}

/*
 * One of two answers is wrong, and it cannot be told which.  Nothing is
 * learnt.
 */
static void
raise_contradiction(const MpFetch *fetch, int64 parent, int status)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_UNABLE_TO_CREATE_REPLY),
			 status == 404 ?
			 errmsg("Mixpanel has no memberships of %s " INT64_FORMAT ", which exists",
					fetch->way == MP_WAY_BY_PROJECT ?
					"project" : "service account", parent) :
			 errmsg("Mixpanel answered the memberships of %s " INT64_FORMAT " with status %d",
					fetch->way == MP_WAY_BY_PROJECT ?
					"project" : "service account", parent, status),
			 errdetail("The same call has worked for others in this session."),
			 fetch->way == MP_WAY_BY_PROJECT ?
			 errhint("Run the statement again. %s",
					 mp_error_region_hint(fetch->settings, parent, false)) :
			 errhint("Run the statement again.")));
}

/* The API does not say it, but a list of projects does. */
static void
raise_other_region(const MpFetch *fetch, int64 project)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_UNABLE_TO_CREATE_REPLY),
			 errmsg("Mixpanel answered the memberships of project " INT64_FORMAT " with status 404",
					project),
			 errhint("%s", mp_error_region_hint(fetch->settings, project,
												false))));
}

/* The call works, and a list of projects says nothing of this one. */
static void
raise_unproven(int64 project)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_UNABLE_TO_CREATE_REPLY),
			 errmsg("something other than Mixpanel's API answered the memberships of project " INT64_FORMAT " with status 404",
					project),
			 errdetail("Whether the project is there cannot be seen."),
			 errhint("Run the statement again.")));
}

static void
raise_no_way(const MpFetch *fetch)
{
	bool		fixed = fetch->settings->membership_read !=
		MP_MEMBERSHIP_READ_AUTO;

	ereport(ERROR,
			(errcode(ERRCODE_FDW_UNABLE_TO_CREATE_REPLY),
			 errmsg("Mixpanel offers no way to read project memberships"),
			 fixed ?
			 errdetail("It does not have the call that option \"membership_read\" of server \"%s\" names.",
					   fetch->settings->server_name) :
			 errdetail("It answered 404 or 405 to both GET .../service-accounts/{id}/projects and GET /projects/{id}/service-accounts (with GET /me)."),
			 fixed ?
			 errhint("Set \"membership_read\" to \"auto\".") :
			 errhint("If it is only GET /me that is missing, name the projects in option \"project_ids\".")));
}
