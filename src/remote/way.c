/*-------------------------------------------------------------------------
 *
 * remote/way.c
 *		The ways to the rows of a lookup: what each costs, and which one a
 *		read goes.
 *
 * All memberships can be read account by account or project by project.  The
 * first is always right.  The second is as good where the organization itself
 * lists its projects, and cheaper where they are fewer.  Asks nothing; takes
 * what the session has learnt.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "remote/session.h"
#include "remote/way.h"

/* Sizes of what was neither read nor analyzed. */
#define DEFAULT_ACCOUNTS 1000.0
#define DEFAULT_PROJECTS 20.0
#define MEMBERSHIPS_OF_ACCOUNT 5.0

static double repeated_count(const MpLookup *lookup, const MpSizes *sizes);
static bool can_list_projects(const MpSettings *settings);
static MpWay first_of_free(const MpSettings *settings,
						   const MpLookup *lookup);
static bool is_project_wise(const MpSettings *settings,
							const MpLookup *lookup);
static double count_projects(const MpSettings *settings,
							 const MpLookup *lookup, const MpSizes *sizes,
							 bool *listed);

MpWay
mp_way_first(const MpSettings *settings, const MpLookup *lookup)
{
	MpWay		way = MP_WAY_BY_ACCOUNT;

	if (lookup->relation == MP_RELATION_ACCOUNTS)
		return lookup->accounts.pinned && !lookup->prefer_list ?
			MP_WAY_GETS : MP_WAY_LIST;
	if (settings->membership_read == MP_MEMBERSHIP_READ_ACCOUNT)
		return MP_WAY_BY_ACCOUNT;
	if (settings->membership_read == MP_MEMBERSHIP_READ_PROJECT)
		return MP_WAY_BY_PROJECT;
	if (mp_way_is_free(settings, lookup))
		return first_of_free(settings, lookup);
	if (lookup->projects.pinned &&
		(!lookup->accounts.pinned || lookup->prefer_projects))
		way = MP_WAY_BY_PROJECT;
	if (mp_way_is_missing(way, settings))
		way = way == MP_WAY_BY_PROJECT ? MP_WAY_BY_ACCOUNT : MP_WAY_BY_PROJECT;
	if (lookup->trusted && (mp_way_is_missing(way, settings) ||
							mp_session_routes(settings)->no_way))
		way = MP_WAY_TRUST;
	return way;
}

MpWay
mp_way_expected(const MpSettings *settings, const MpLookup *lookup,
				MpWayReason *reason)
{
	MpWay		way = mp_way_first(settings, lookup);
	MpSizes		sizes;

	*reason = MP_WAY_ONLY;
	if (lookup->relation != MP_RELATION_MEMBERSHIPS ||
		settings->membership_read != MP_MEMBERSHIP_READ_AUTO)
		return way;
	if (!mp_way_is_free(settings, lookup))
	{
		if (!lookup->accounts.pinned && !lookup->projects.pinned &&
			way == MP_WAY_BY_ACCOUNT && !can_list_projects(settings))
			*reason = MP_WAY_UNLISTED;
		return way;
	}
	/* a few accounts are never more than one round trip */
	if (way == MP_WAY_BY_ACCOUNT && lookup->accounts.pinned &&
		lookup->accounts.count <= settings->max_concurrency &&
		lookup->repeats == 0)
		return way;
	*reason = MP_WAY_CHEAPER;
	if (way != MP_WAY_CHOICE)
		return way;
	if (!mp_session_routes(settings)->projects.known ||
		mp_way_lists_accounts(settings, lookup))
		*reason = MP_WAY_TO_BE_SEEN;
	if (mp_way_seems_small(settings, lookup))
		return MP_WAY_BY_ACCOUNT;
	mp_way_sizes(settings, lookup->memberships, &sizes);
	return mp_way_prefers_projects(settings, lookup, &sizes) ?
		MP_WAY_BY_PROJECT : MP_WAY_BY_ACCOUNT;
}

bool
mp_way_seems_small(const MpSettings *settings, const MpLookup *lookup)
{
	const MpRoutes *routes = mp_session_routes(settings);

	return !lookup->accounts.pinned && !routes->accounts.known &&
		routes->organization_projects == MP_ROUTE_UNKNOWN &&
		lookup->memberships <= MP_WAY_FEW_ACCOUNTS;
}

const char *
mp_way_name(MpWay way)
{
	switch (way)
	{
		case MP_WAY_LIST:
			return "all accounts by one list";
		case MP_WAY_GETS:
			return "accounts one by one";
		case MP_WAY_BY_ACCOUNT:
			return "memberships of each account";
		case MP_WAY_BY_PROJECT:
			return "memberships of each project";
		case MP_WAY_CHOICE:
			return "memberships of each account or of each project";
		case MP_WAY_TRUST:
			return "no request";
	}
	return "";
}

int
mp_way_calls(const MpSettings *settings, const MpLookup *lookup,
			 MpCallKind calls[MP_WAY_CALLS])
{
	bool		chosen = mp_way_first(settings, lookup) == MP_WAY_CHOICE &&
		!mp_way_seems_small(settings, lookup);
	MpWayReason reason;
	MpWay		way = mp_way_expected(settings, lookup, &reason);
	bool		named = mp_way_needs_names(way, lookup);
	bool		listed;
	int			count = 0;

	if (chosen)
		calls[count++] = MP_CALL_ORGANIZATION_PROJECTS;
	if ((way == MP_WAY_BY_ACCOUNT && (named || !lookup->accounts.pinned)) ||
		(chosen && mp_way_lists_accounts(settings, lookup)))
		calls[count++] = MP_CALL_LIST_ACCOUNTS;
	if (way == MP_WAY_BY_PROJECT && !chosen)
	{
		(void) count_projects(settings, lookup, NULL, &listed);
		if (named || listed)
			calls[count++] = mp_way_project_list(settings, listed);
	}
	if (way == MP_WAY_LIST)
		calls[count++] = MP_CALL_LIST_ACCOUNTS;
	else if (way == MP_WAY_GETS)
		calls[count++] = MP_CALL_GET_ACCOUNT;
	else
		calls[count++] = way == MP_WAY_BY_PROJECT ?
			MP_CALL_PROJECT_ACCOUNTS : MP_CALL_ACCOUNT_PROJECTS;
	Assert(count <= MP_WAY_CALLS);
	return count;
}

bool
mp_way_needs_names(MpWay way, const MpLookup *lookup)
{
	MpField		name = way == MP_WAY_BY_PROJECT ?
		MP_FIELD_PROJECT_NAME : MP_FIELD_USERNAME;

	return lookup->relation == MP_RELATION_MEMBERSHIPS &&
		(lookup->filtered & MP_FIELD_BIT(name)) != 0;
}

MpCallKind
mp_way_project_list(const MpSettings *settings, bool all)
{
	const MpRoutes *routes = mp_session_routes(settings);

	if (routes->organization_projects == MP_ROUTE_PRESENT)
		return MP_CALL_ORGANIZATION_PROJECTS;
	return all && routes->organization_projects == MP_ROUTE_UNKNOWN ?
		MP_CALL_ORGANIZATION_PROJECTS : MP_CALL_ME;
}

bool
mp_way_is_missing(MpWay way, const MpSettings *settings)
{
	const MpRoutes *routes = mp_session_routes(settings);

	return (way == MP_WAY_BY_PROJECT ? routes->project_accounts :
			routes->account_projects) == MP_ROUTE_MISSING;
}

void
mp_way_sizes(const MpSettings *settings, double analyzed, MpSizes *sizes)
{
	const MpRoutes *routes = mp_session_routes(settings);

	sizes->accounts = routes->accounts.known ?
		(double) routes->accounts.count : DEFAULT_ACCOUNTS;
	sizes->projects = routes->projects.known ?
		(double) routes->projects.count : DEFAULT_PROJECTS;
	if (routes->memberships.known)
		sizes->memberships = (double) routes->memberships.count;
	else if (analyzed >= 0)
		sizes->memberships = analyzed;
	else
		sizes->memberships = sizes->accounts * MEMBERSHIPS_OF_ACCOUNT;
}

double
mp_way_table_size(const MpSettings *settings, MpRelationKind relation,
				  double analyzed)
{
	MpSizes		sizes;

	mp_way_sizes(settings, analyzed, &sizes);
	if (relation == MP_RELATION_MEMBERSHIPS)
		return sizes.memberships;
	if (mp_session_routes(settings)->accounts.known || analyzed < 0)
		return sizes.accounts;
	return analyzed;
}

void
mp_way_cost(const MpSettings *settings, const MpLookup *lookup, MpWay way,
			const MpSizes *sizes, MpWayCost *cost)
{
	bool		listed = !lookup->accounts.pinned;
	double		parents = listed ? sizes->accounts :
		repeated_count(lookup, sizes);
	double		all_parents = sizes->accounts;
	int			lists;

	Assert(way == MP_WAY_BY_ACCOUNT || way == MP_WAY_BY_PROJECT);
	if (way == MP_WAY_BY_PROJECT)
	{
		parents = count_projects(settings, lookup, sizes, &listed);
		all_parents = sizes->projects;
	}
	lists = listed || mp_way_needs_names(way, lookup) ? 1 : 0;
	cost->first = lists + 1;
	cost->requests = parents + lists;
	cost->round_trips = ceil(parents / settings->max_concurrency) + lists;
	if (way == MP_WAY_BY_ACCOUNT && !listed && lookup->repeats > 0)
		cost->round_trips = Max(cost->round_trips,
								Min(lookup->repeats, parents));
	cost->tuples = sizes->memberships *
		Min(1.0, parents / Max(all_parents, 1.0));
}

double
mp_way_price(const MpSettings *settings, const MpWayCost *cost, double row)
{
	return cost->round_trips * settings->round_trip_cost +
		cost->requests * MP_REQUEST_COST + cost->tuples * row;
}

bool
mp_way_prefers_projects(const MpSettings *settings, const MpLookup *lookup,
						const MpSizes *sizes)
{
	MpWayCost	by_account;
	MpWayCost	by_project;

	mp_way_cost(settings, lookup, MP_WAY_BY_ACCOUNT, sizes, &by_account);
	mp_way_cost(settings, lookup, MP_WAY_BY_PROJECT, sizes, &by_project);
	return mp_way_price(settings, &by_project, settings->tuple_cost) <
		mp_way_price(settings, &by_account, settings->tuple_cost);
}

/*
 * A condition on a username needs the list of accounts: what a project's list
 * says of its members may leave the name out.
 */
bool
mp_way_is_free(const MpSettings *settings, const MpLookup *lookup)
{
	if (!lookup->either_way || lookup->nothing ||
		lookup->relation != MP_RELATION_MEMBERSHIPS ||
		settings->membership_read != MP_MEMBERSHIP_READ_AUTO ||
		(lookup->filtered & MP_FIELD_BIT(MP_FIELD_USERNAME)) != 0 ||
		mp_way_is_missing(MP_WAY_BY_ACCOUNT, settings) ||
		mp_way_is_missing(MP_WAY_BY_PROJECT, settings))
		return false;
	if (lookup->projects.pinned)
		return lookup->accounts.pinned && is_project_wise(settings, lookup);
	return can_list_projects(settings);
}

bool
mp_way_lists_accounts(const MpSettings *settings, const MpLookup *lookup)
{
	MpSizes		sizes;

	if (lookup->accounts.pinned)
		return false;
	mp_way_sizes(settings, lookup->memberships, &sizes);
	return !mp_session_routes(settings)->accounts.known ||
		!mp_way_prefers_projects(settings, lookup, &sizes);
}

/* Accounts that are pinned, by this lookup and by those that repeat it. */
static double
repeated_count(const MpLookup *lookup, const MpSizes *sizes)
{
	double		count = lookup->accounts.count;

	return lookup->repeats > 0 ?
		Min(lookup->repeats * Max(count, 1), sizes->accounts) : count;
}

static bool
can_list_projects(const MpSettings *settings)
{
	const MpRoutes *routes = mp_session_routes(settings);

	/* the planner does not know whose mapping it will be */
	return routes->organization_projects != MP_ROUTE_MISSING &&
		(routes->project_wise_refused == 0 ||
		 (settings->mapping_id != 0 &&
		  routes->project_wise_refused != settings->mapping_id));
}

/*
 * Is it worth the list of projects?  Where the sizes are known they tell;
 * where they are not, the list of accounts is asked for at the same time, so
 * that the first round trip brings both.
 */
static MpWay
first_of_free(const MpSettings *settings, const MpLookup *lookup)
{
	const MpRoutes *routes = mp_session_routes(settings);
	MpSizes		sizes;

	if (lookup->projects.pinned)
		return MP_WAY_BY_PROJECT;
	mp_way_sizes(settings, lookup->memberships, &sizes);
	if (lookup->repeats > 0 &&
		repeated_count(lookup, &sizes) <= MP_WAY_FEW_ACCOUNTS)
		return MP_WAY_BY_ACCOUNT;
	if (!lookup->accounts.pinned)
	{
		/*
		 * One round trip at most could be saved, and no request; or too few
		 * to find out for whether projects can be listed.
		 */
		if (routes->accounts.known &&
			(routes->accounts.count <= settings->max_concurrency ||
			 (routes->accounts.count <= MP_WAY_FEW_ACCOUNTS &&
			  routes->organization_projects == MP_ROUTE_UNKNOWN)))
			return MP_WAY_BY_ACCOUNT;
		if (!routes->accounts.known || !routes->projects.known)
			return MP_WAY_CHOICE;
	}
	return mp_way_prefers_projects(settings, lookup, &sizes) ?
		MP_WAY_CHOICE : MP_WAY_BY_ACCOUNT;
}

/*
 * Both keys pinned: are the members of the projects read sooner?  Accounts
 * that share one round trip are read by themselves: no row is in vain.
 */
static bool
is_project_wise(const MpSettings *settings, const MpLookup *lookup)
{
	const MpRoutes *routes = mp_session_routes(settings);
	MpSizes		sizes;

	if (routes->project_wise_refused != 0 &&
		(settings->mapping_id == 0 ||
		 routes->project_wise_refused == settings->mapping_id))
		return false;
	mp_way_sizes(settings, lookup->memberships, &sizes);
	if (lookup->accounts.count <= settings->max_concurrency &&
		(lookup->repeats == 0 ||
		 repeated_count(lookup, &sizes) <= MP_WAY_FEW_ACCOUNTS))
		return false;
	return mp_way_prefers_projects(settings, lookup, &sizes);
}

/*
 * The projects that a project-wise read visits; *listed: they must be listed
 * first.  Option project_ids is for those who read by project only.  sizes
 * NULL: only *listed is asked for.
 */
static double
count_projects(const MpSettings *settings, const MpLookup *lookup,
			   const MpSizes *sizes, bool *listed)
{
	/*
	 * of those that are chosen to be read it may have to be asked whose they
	 * are
	 */
	*listed = lookup->projects.pinned && lookup->accounts.pinned &&
		sizes != NULL;
	if (lookup->projects.pinned)
		return lookup->projects.count;
	if (settings->project_count > 0 && !mp_way_is_free(settings, lookup))
		return (double) settings->project_count;
	*listed = true;
	return sizes != NULL ? sizes->projects : 0;
}
