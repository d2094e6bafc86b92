/*-------------------------------------------------------------------------
 *
 * remote/fetch_unlisted.c
 *		Projects that were answered 404, and that no list has named.
 *
 * GET /me shows the projects that its user may see, and may be missing.  So a
 * project that it does not show may be gone, may lie in another region, or the
 * server may lack the call that was answered 404.  Where the call has worked
 * for another project, there is no row of it; but whoever has named it in
 * option project_ids takes it to be there, and is told.  Where a read by
 * account shows a member of it, the server lacks the call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/array.h"
#include "remote/error.h"
#include "remote/fetch_unlisted.h"

void
mp_fetch_note_unlisted(MpFetch *fetch, const MpSlot *slot)
{
	MpUnlisted *unlisted = &fetch->unlisted;

	if (slot->foreign)
		unlisted->foreign = slot->parent.id;
	if (unlisted->count == unlisted->size)
		unlisted->ids = mp_array_grow(unlisted->ids, &unlisted->size,
									  sizeof(int64));
	unlisted->ids[unlisted->count++] = slot->parent.id;
}

void
mp_fetch_learn_of_unlisted(const MpFetch *fetch)
{
	const MpUnlisted *unlisted = &fetch->unlisted;
	int64		project = fetch->record.values[MP_FIELD_PROJECT_ID].as.integer;
	MpRoutes   *routes;

	if (!fetch->switched || unlisted->foreign != 0)
		return;
	routes = mp_session_routes(fetch->settings);
	for (int i = 0; i < unlisted->count; i++)
		if (unlisted->ids[i] == project &&
			routes->project_accounts == MP_ROUTE_UNKNOWN)
		{
			elog(DEBUG1, "memberships cannot be read by project: project " INT64_FORMAT " exists, and was answered with status 404",
				 project);
			mp_routes_note(routes, &routes->project_accounts,
						   MP_ROUTE_MISSING);
		}
}

/* Once for each place in a session. */
void
mp_fetch_warn_of_unlisted(MpFetch *fetch)
{
	const MpSettings *settings = fetch->settings;
	MpRoutes   *routes = mp_session_routes(settings);
	int			others = fetch->unlisted.count - 1;
	int64		project;

	if (fetch->lookup.projects.pinned || others < 0 ||
		!mp_routes_warn_of_unlisted(routes))
		return;
	project = fetch->unlisted.ids[0];
	for (int i = 1; i <= others; i++)
		project = Min(project, fetch->unlisted.ids[i]);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 others == 0 ?
			 errmsg("no memberships are read of project " INT64_FORMAT,
					project) :
			 errmsg("no memberships are read of project " INT64_FORMAT " and %d others",
					project, others),
			 errdetail("Option \"project_ids\" of server \"%s\" names it, but Mixpanel answered its memberships with status 404, and no list of projects shows it.",
					   settings->server_name),
			 errhint("If it is not gone: %s",
					 mp_error_region_hint(settings, project, false))));
}
