/*-------------------------------------------------------------------------
 *
 * remote/routes.c
 *		What was learnt at one place.
 *
 * Owns the fields of MpRoutes.  Must not know which answer has shown what.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "remote/routes.h"

static const char *name_of(const MpRoutes *routes, const MpRoute *route);

void
mp_routes_note(MpRoutes *routes, MpRoute *route, MpRoute found)
{
	const char *name = name_of(routes, route);

	Assert(found != MP_ROUTE_UNKNOWN);
	if (*route == found || *route == MP_ROUTE_PRESENT)
		return;
	*route = found;
	if (found == MP_ROUTE_PRESENT && (route == &routes->account_projects ||
									  route == &routes->project_accounts))
		routes->no_way = false;
	elog(DEBUG1, "mixpanel_sa_fdw: learnt of the server: %s: %s", name,
		 found == MP_ROUTE_PRESENT ? "yes" : "no");
}

void
mp_routes_note_answer(MpRoutes *routes)
{
	routes->answered = true;
}

void
mp_routes_note_number(MpNumber *number, int64 count)
{
	Assert(count >= 0);
	number->known = true;
	number->count = count;
}

void
mp_routes_refuse_projects(MpRoutes *routes, uint32 mapping)
{
	routes->project_wise_refused = mapping;
}

bool
mp_routes_warn_of_me(MpRoutes *routes)
{
	bool		first = !routes->warned_of_me;

	routes->warned_of_me = true;
	return first;
}

bool
mp_routes_warn_of_unlisted(MpRoutes *routes)
{
	bool		first = !routes->warned_of_unlisted;

	routes->warned_of_unlisted = true;
	return first;
}

void
mp_routes_note_no_way(MpRoutes *routes)
{
	routes->no_way = routes->account_projects != MP_ROUTE_PRESENT &&
		routes->project_accounts != MP_ROUTE_PRESENT &&
		(routes->account_projects == MP_ROUTE_MISSING ||
		 routes->project_accounts == MP_ROUTE_MISSING);
}

void
mp_routes_forget_ways(MpRoutes *routes)
{
	routes->no_way = false;
	routes->account_projects = MP_ROUTE_UNKNOWN;
	routes->project_accounts = MP_ROUTE_UNKNOWN;
}

void
mp_routes_forget(MpRoutes *routes)
{
	static const MpRoutes unknown;

	*routes = unknown;
}

void
mp_routes_forget_refusal(MpRoutes *routes)
{
	routes->project_wise_refused = 0;
}

/* For those who read the trace */
static const char *
name_of(const MpRoutes *routes, const MpRoute *route)
{
	if (route == &routes->account_projects)
		return "memberships by account";
	if (route == &routes->project_accounts)
		return "memberships by project";
	if (route == &routes->organization_projects)
		return "list of projects";
	if (route == &routes->bulk_add)
		return "bulk addition";
	if (route == &routes->bulk_remove)
		return "bulk removal";
	if (route == &routes->single_remove)
		return "single removal";
	Assert(route == &routes->role_by_adding);
	return "addition that changes a role";
}
