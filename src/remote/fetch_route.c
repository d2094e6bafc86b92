/*-------------------------------------------------------------------------
 *
 * remote/fetch_route.c
 *		Which way memberships are read, and what a 404 or a 405 means.
 *
 * The API's documents name two routes to memberships, by account and by
 * project, and no document names both.  A 404 may mean that the account or
 * the project is gone, or that the server has no such route; the parent is
 * asked for to find out.  A row is left out only if its parent is shown to be
 * gone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "remote/error.h"
#include "remote/fetch_state.h"

static bool is_route_missing(MpWay way, const MpSettings *settings);
static bool means_missing(int status);
static void finish_child(MpFetch *fetch, MpSlot *slot);
static void verify_parent(MpFetch *fetch, MpSlot *slot);
static void settle_account(MpFetch *fetch, MpSlot *slot, MpCallState state);
static void settle_project(MpFetch *fetch, MpSlot *slot, MpCallState state);
static void note_project(MpFetch *fetch, MpSlot *slot);
static void project_not_seen(MpFetch *fetch, MpSlot *slot);
static void settle_witness(MpFetch *fetch, MpSlot *slot, MpCallState state);
static void parent_exists(MpFetch *fetch, MpSlot *slot);
static void route_missing(MpFetch *fetch, bool proven);
static MpRoute *route_of(MpFetch *fetch);
static void raise_no_way(MpFetch *fetch);

MpWay
mp_fetch_first_way(const MpSettings *settings, const MpLookup *lookup)
{
	MpWay		way = MP_WAY_BY_ACCOUNT;

	if (lookup->relation == MP_RELATION_ACCOUNTS)
		return lookup->accounts.pinned && !lookup->prefer_list ?
			MP_WAY_GETS : MP_WAY_LIST;
	if (settings->membership_read == MP_MEMBERSHIP_READ_ACCOUNT)
		return MP_WAY_BY_ACCOUNT;
	if (settings->membership_read == MP_MEMBERSHIP_READ_PROJECT)
		return MP_WAY_BY_PROJECT;
	if (!lookup->accounts.pinned && lookup->projects.pinned)
		way = MP_WAY_BY_PROJECT;
	if (is_route_missing(way, settings))
		way = way == MP_WAY_BY_PROJECT ? MP_WAY_BY_ACCOUNT : MP_WAY_BY_PROJECT;
	if (is_route_missing(way, settings) && lookup->trusted)
		way = MP_WAY_TRUST;
	return way;
}

void
mp_fetch_child_done(MpFetch *fetch, MpSlot *slot)
{
	MpRoute    *route = route_of(fetch);

	if (route != NULL)
		*route = MP_ROUTE_PRESENT;
	finish_child(fetch, slot);
}

void
mp_fetch_child_failed(MpFetch *fetch, MpSlot *slot)
{
	int			status = mp_error_status(slot->call);

	if (fetch->way == MP_WAY_GETS && status == 404)
		finish_child(fetch, slot);
	else if (route_of(fetch) == NULL || !means_missing(status))
		mp_error_raise(slot->call, fetch->settings);
	else if (status == 405)
		route_missing(fetch, true);
	else
		verify_parent(fetch, slot);
}

/* The list of parents could not be read. */
void
mp_fetch_parents_failed(MpFetch *fetch)
{
	if (fetch->way != MP_WAY_BY_PROJECT ||
		!means_missing(mp_error_status(fetch->parents)))
		mp_error_raise(fetch->parents, fetch->settings);
	/* without /me there is no telling which projects to visit */
	if (!fetch->fixed.pinned)
		route_missing(fetch, false);
	else
	{
		mp_fetch_drop_call(fetch, &fetch->parents);
		mp_fetch_push_rest(fetch);
	}
}

void
mp_fetch_verified(MpFetch *fetch, MpSlot *slot, MpCallState state)
{
	if (fetch->way == MP_WAY_BY_PROJECT)
		settle_project(fetch, slot, state);
	else
		settle_account(fetch, slot, state);
}

static bool
is_route_missing(MpWay way, const MpSettings *settings)
{
	const MpRoutes *routes = mp_session_routes(settings);

	return (way == MP_WAY_BY_PROJECT ? routes->project_accounts :
			routes->account_projects) == MP_ROUTE_MISSING;
}

static bool
means_missing(int status)
{
	return status == 404 || status == 405;
}

static void
finish_child(MpFetch *fetch, MpSlot *slot)
{
	mp_fetch_drop_call(fetch, &slot->call);
	slot->verifying = false;
	fetch->children_done++;
}

/* Ask for the parent in place of its memberships. */
static void
verify_parent(MpFetch *fetch, MpSlot *slot)
{
	mp_fetch_drop_call(fetch, &slot->call);
	slot->verifying = true;
	slot->exists = slot->on_witness = false;
	slot->witness = 0;
	if (fetch->way == MP_WAY_BY_PROJECT)
		slot->call = mp_api_me(fetch->http, fetch->settings);
	else
		slot->call = mp_api_get_account(fetch->http, fetch->settings,
										slot->parent.id, 0);
	mp_session_started(slot->call);
}

static void
settle_account(MpFetch *fetch, MpSlot *slot, MpCallState state)
{
	if (state == MP_CALL_RECORD)
		slot->exists = true;
	else if (state == MP_CALL_DONE)
		parent_exists(fetch, slot);
	else if (mp_error_status(slot->call) == 404)
		finish_child(fetch, slot);
	else
		mp_error_raise(slot->call, fetch->settings);
}

/*
 * /me lists the projects that the credentials see.  Where the route is known
 * to work, a 404 was about the project.
 */
static void
settle_project(MpFetch *fetch, MpSlot *slot, MpCallState state)
{
	if (slot->on_witness)
		settle_witness(fetch, slot, state);
	else if (state == MP_CALL_RECORD)
		note_project(fetch, slot);
	else if (state == MP_CALL_DONE && slot->exists)
		parent_exists(fetch, slot);
	else if (state == MP_CALL_FAILED &&
			 !means_missing(mp_error_status(slot->call)))
		mp_error_raise(slot->call, fetch->settings);
	else if (*route_of(fetch) == MP_ROUTE_PRESENT)
		finish_child(fetch, slot);
	else if (state == MP_CALL_FAILED)
		route_missing(fetch, true);
	else
		project_not_seen(fetch, slot);
}

static void
note_project(MpFetch *fetch, MpSlot *slot)
{
	const MpValue *values = fetch->record.values;
	int64		id = values[MP_FIELD_PROJECT_ID].as.integer;

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
static void
project_not_seen(MpFetch *fetch, MpSlot *slot)
{
	bool		only_way = fetch->switched ||
		fetch->settings->membership_read == MP_MEMBERSHIP_READ_PROJECT;

	if (!only_way || slot->witness == 0)
	{
		route_missing(fetch, false);
		return;
	}
	mp_fetch_drop_call(fetch, &slot->call);
	slot->on_witness = true;
	slot->call = mp_api_project_accounts(fetch->http, fetch->settings,
										 slot->witness, 0);
	mp_session_started(slot->call);
}

static void
settle_witness(MpFetch *fetch, MpSlot *slot, MpCallState state)
{
	if (state == MP_CALL_RECORD)
		return;
	if (state == MP_CALL_DONE)
		mp_fetch_child_done(fetch, slot);
	else if (means_missing(mp_error_status(slot->call)))
		route_missing(fetch, true);
	else
		mp_error_raise(slot->call, fetch->settings);
}

/* A 404 for the memberships of a parent that is there. */
static void
parent_exists(MpFetch *fetch, MpSlot *slot)
{
	bool		by_project = fetch->way == MP_WAY_BY_PROJECT;

	if (*route_of(fetch) != MP_ROUTE_PRESENT)
	{
		route_missing(fetch, true);
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_UNABLE_TO_CREATE_REPLY),
			 errmsg("Mixpanel has no memberships of %s " INT64_FORMAT ", which exists",
					by_project ? "project" : "service account",
					slot->parent.id),
			 errdetail("The call answered 404 for it but not for others."),
			 errhint("Run the statement again.")));
}

/*
 * The server lacks the route: go the other way.  proven: remember it for the
 * session.
 */
static void
route_missing(MpFetch *fetch, bool proven)
{
	MpWay		other = fetch->way == MP_WAY_BY_PROJECT ?
		MP_WAY_BY_ACCOUNT : MP_WAY_BY_PROJECT;

	if (proven)
		*route_of(fetch) = MP_ROUTE_MISSING;
	if (fetch->rows == 0 && !fetch->switched &&
		fetch->settings->membership_read == MP_MEMBERSHIP_READ_AUTO &&
		!is_route_missing(other, fetch->settings))
		mp_fetch_restart(fetch, other);
	else if (fetch->rows == 0 && fetch->lookup.trusted)
		mp_fetch_restart(fetch, MP_WAY_TRUST);
	else
		raise_no_way(fetch);
}

/* NULL where the way is not one of the two. */
static MpRoute *
route_of(MpFetch *fetch)
{
	MpRoutes   *routes = mp_session_routes(fetch->settings);

	if (fetch->way == MP_WAY_BY_ACCOUNT)
		return &routes->account_projects;
	if (fetch->way == MP_WAY_BY_PROJECT)
		return &routes->project_accounts;
	return NULL;
}

static void
raise_no_way(MpFetch *fetch)
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
