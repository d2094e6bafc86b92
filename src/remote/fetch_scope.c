/*-------------------------------------------------------------------------
 *
 * remote/fetch_scope.c
 *		Which parents and records of a read are the organization's.
 *
 * Asks nothing; takes what the list of parents and the records tell.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/ids.h"
#include "remote/fetch_scope.h"
#include "remote/fetch_unlisted.h"
#include "remote/project.h"

static bool is_known_ours(MpFetch *fetch, const MpParent *parent);
static bool is_left_out(const MpFetch *fetch, int64 project);
static bool has_id(const MpIds *ids, int64 id);
static MpProjectOwner listed_owner(const MpFetch *fetch);

/*
 * Is there one among the fixed projects of which it was not asked whose it is?
 * A key chooses requests, but it does not widen the relation: of a project
 * that is another organization's there is no row.
 */
bool
mp_fetch_needs_owners(const MpFetch *fetch)
{
	/* accounts that are pinned with the projects are known to be ours */
	if (fetch->way != MP_WAY_BY_PROJECT || !fetch->fixed.pinned ||
		fetch->lookup.prefer_projects)
		return false;
	for (int i = 0; i < fetch->fixed.count; i++)
		if (mp_project_owner(fetch->settings, fetch->fixed.ids[i]) ==
			MP_PROJECT_NOT_ASKED)
			return true;
	return false;
}

/* Queue what the list has named, if it is to be visited. */
void
mp_fetch_take_listed(MpFetch *fetch)
{
	const MpValue *values = fetch->parent_record.values;
	bool		by_project = fetch->way == MP_WAY_BY_PROJECT;
	int64		id = values[by_project ? MP_FIELD_PROJECT_ID :
							MP_FIELD_ID].as.integer;
	MpProjectOwner owner = by_project ? listed_owner(fetch) : MP_PROJECT_OURS;

	if (by_project)
		mp_project_note_domain(fetch->settings, id, &values[MP_FIELD_DOMAIN]);
	if (!mp_fetch_is_to_visit(fetch, id))
		return;
	if (by_project)
		mp_project_note(fetch->settings, id, owner);
	if (owner != MP_PROJECT_OTHERS)
		mp_fetch_push_parent(&fetch->queue, id,
							 &values[by_project ? MP_FIELD_PROJECT_NAME :
									 MP_FIELD_USERNAME]);
}

/* What the element does not say because the request said it. */
void
mp_fetch_complete_record(MpFetch *fetch, const MpParent *parent)
{
	MpRecord   *record = &fetch->record;
	bool		by_project = fetch->way == MP_WAY_BY_PROJECT;
	MpField		label = by_project ? MP_FIELD_PROJECT_NAME : MP_FIELD_USERNAME;

	if (fetch->way == MP_WAY_BY_ACCOUNT)
	{
		mp_record_set_integer(record, MP_FIELD_ID, parent->id);
		mp_fetch_learn_of_unlisted(fetch);
	}
	else if (by_project)
		mp_record_set_integer(record, MP_FIELD_PROJECT_ID, parent->id);
	if (parent->label != NULL && !record->values[label].present)
	{
		mp_record_set_text(record, label, parent->label,
						   parent->label_length);
	}
	if (!record->values[MP_FIELD_ORGANIZATION_ID].present &&
		is_known_ours(fetch, parent))
		mp_record_set_integer(record, MP_FIELD_ORGANIZATION_ID,
							  fetch->settings->organization_id);
}

MpFetchState
mp_fetch_next_trusted(MpFetch *fetch)
{
	const MpIds *accounts = &fetch->lookup.accounts;
	const MpIds *projects = &fetch->lookup.projects;
	int64		at = fetch->trusted_pairs++;

	if (at >= (int64) accounts->count * projects->count)
		return MP_FETCH_DONE;
	memset(fetch->record.values, 0, sizeof(fetch->record.values));
	fetch->record.raw.data = NULL;
	mp_record_set_integer(&fetch->record, MP_FIELD_ID,
						  accounts->ids[at / projects->count]);
	mp_record_set_integer(&fetch->record, MP_FIELD_PROJECT_ID,
						  projects->ids[at % projects->count]);
	mp_record_set_integer(&fetch->record, MP_FIELD_ORGANIZATION_ID,
						  fetch->settings->organization_id);
	return MP_FETCH_ROW;
}

/*
 * Is it known that the record is the organization's?  Every path but a
 * project's names the organization.  A project that an account of ours is in
 * is ours, which later reads need not ask.
 */
static bool
is_known_ours(MpFetch *fetch, const MpParent *parent)
{
	const MpValue *project = &fetch->record.values[MP_FIELD_PROJECT_ID];

	if (fetch->way == MP_WAY_BY_PROJECT)
		return mp_project_owner(fetch->settings, parent->id) ==
			MP_PROJECT_OURS;
	if (fetch->way == MP_WAY_BY_ACCOUNT && project->present)
		mp_project_note(fetch->settings, project->as.integer,
						MP_PROJECT_OURS);
	return true;
}

/*
 * A membership that says that it is another organization's is no row, nor is
 * one of a project that the organization's own list does not name: a read of
 * all would not have it either.  Nor is one of an account that is not asked
 * for, or of a project that was read already, by the other way.
 */
bool
mp_fetch_is_in_scope(const MpFetch *fetch)
{
	const MpValue *values = fetch->record.values;
	const MpValue *value = &values[MP_FIELD_ORGANIZATION_ID];

	if (fetch->lookup.relation != MP_RELATION_MEMBERSHIPS)
		return true;
	if (value->present &&
		value->as.integer != fetch->settings->organization_id)
		return false;
	if (!value->present && fetch->way == MP_WAY_BY_PROJECT &&
		is_left_out(fetch, values[MP_FIELD_PROJECT_ID].as.integer))
		return false;
	if (fetch->way == MP_WAY_BY_PROJECT && fetch->lookup.accounts.pinned &&
		!fetch->widened &&
		!has_id(&fetch->lookup.accounts, values[MP_FIELD_ID].as.integer))
		return false;
	return fetch->way != MP_WAY_BY_ACCOUNT ||
		!has_id(&fetch->read_projects,
				values[MP_FIELD_PROJECT_ID].as.integer);
}

/* A project that was visited although the list of them all does not name it:
 * so that its refusal is an error, and not an empty table. */
static bool
is_left_out(const MpFetch *fetch, int64 project)
{
	int			at;

	if (fetch->listed == NULL ||
		fetch->list.kind != MP_CALL_ORGANIZATION_PROJECTS)
		return false;
	at = mp_ids_find(fetch->fixed.ids, fetch->fixed.count, project);
	return at >= 0 && !fetch->listed[at];
}

static bool
has_id(const MpIds *ids, int64 id)
{
	return ids->count > 0 && mp_ids_find(ids->ids, ids->count, id) >= 0;
}

/* /me may show projects of other organizations. */
static MpProjectOwner
listed_owner(const MpFetch *fetch)
{
	const MpValue *value =
		&fetch->parent_record.values[MP_FIELD_ORGANIZATION_ID];

	if (!value->present)
		return MP_PROJECT_NOT_TOLD;
	return value->as.integer == fetch->settings->organization_id ?
		MP_PROJECT_OURS : MP_PROJECT_OTHERS;
}
