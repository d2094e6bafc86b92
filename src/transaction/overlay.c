/*-------------------------------------------------------------------------
 *
 * transaction/overlay.c
 *		What a statement sees of the changes that its transaction has queued.
 *
 * A change is seen by commands that come after it, as rows of an ordinary
 * table would be: its command id is below that of the scan's snapshot.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/bitmapset.h"

#include "base/ids.h"
#include "transaction/changeset_state.h"
#include "catalog/option.h"
#include "transaction/creation.h"
#include "transaction/creation_row.h"

/* An account that an earlier command of the transaction has created. */
typedef struct Created
{
	int64		id;
	int			row;			/* index of mp_creation_row_get() */
	bool		seen;			/* the API has shown it */
	Bitmapset  *grants_seen;	/* of its row's grants, by index */
} Created;

struct MpOverlay
{
	const MpSettings *settings;
	int			place;			/* -1: nothing queued */
	CommandId	curcid;
	MemoryContext context;		/* of what it allocates: rows come and go */
	Bitmapset  *seen;			/* indexes of changes that a row of the API
								 * has shown */
	int			next;			/* of the queue, for added rows */
	Created    *created;		/* ascending by id */
	int			created_count;
	int			next_created;
	int			next_grant;		/* of created[next_created] */
};

static void find_created(MpOverlay *overlay);
static int	compare_created(const void *a, const void *b);
static Created *find_account(const MpOverlay *overlay, int64 account);
static void note_seen(MpOverlay *overlay, int64 account);
static void note_grant_seen(MpOverlay *overlay, int64 account, int64 project);
static bool next_given(MpOverlay *overlay, const MpLookup *lookup,
					   MpAdded *added);
static bool is_given(const MpOverlay *overlay, const MpLookup *lookup,
					 const Created *created, int grant);
static const MpChange *visible_change(const MpOverlay *overlay, int64 account,
									  int64 project, int *index);
static bool is_deleted(const MpOverlay *overlay, int64 account);
static bool has_id(const MpIds *ids, int64 id);

MpOverlay *
mp_overlay_begin(const MpSettings *settings, CommandId curcid)
{
	MpOverlay  *overlay;
	int			place = mp_changeset_place(settings);

	Assert(place >= -1);
	if (place < 0 && !mp_creation_any())
		return NULL;
	overlay = palloc0(sizeof(MpOverlay));
	overlay->settings = settings;
	overlay->place = place;
	overlay->curcid = curcid;
	overlay->context = CurrentMemoryContext;
	find_created(overlay);
	return overlay;
}

MpSight
mp_overlay_account(MpOverlay *overlay, int64 account)
{
	note_seen(overlay, account);
	if (is_deleted(overlay, account) ||
		mp_creation_is_later(overlay->settings, account, overlay->curcid))
		return MP_SIGHT_HIDDEN;
	return MP_SIGHT_AS_IS;
}

MpSight
mp_overlay_membership(MpOverlay *overlay, int64 account, int64 project,
					  const char **role)
{
	int			index;
	const MpChange *change = visible_change(overlay, account, project, &index);
	MemoryContext old;

	if (mp_overlay_account(overlay, account) == MP_SIGHT_HIDDEN)
		return MP_SIGHT_HIDDEN;
	note_grant_seen(overlay, account, project);
	if (change == NULL)
		return MP_SIGHT_AS_IS;
	if (change->kind == MP_CHANGE_REMOVE)
		return MP_SIGHT_HIDDEN;
	Assert(change->role != NULL);
	old = MemoryContextSwitchTo(overlay->context);
	overlay->seen = bms_add_member(overlay->seen, index);
	MemoryContextSwitchTo(old);
	*role = change->role;
	return MP_SIGHT_ROLE;
}

const MpRecord *
mp_overlay_next_created(MpOverlay *overlay, const MpLookup *lookup)
{
	Assert(lookup->relation == MP_RELATION_ACCOUNTS);
	while (overlay->next_created < overlay->created_count)
	{
		const Created *created = &overlay->created[overlay->next_created++];

		if (!created->seen && has_id(&lookup->accounts, created->id) &&
			!is_deleted(overlay, created->id))
			return &mp_creation_row_get(created->row)->record;
	}
	return NULL;
}

bool
mp_overlay_next_added(MpOverlay *overlay, const MpLookup *lookup,
					  MpAdded *added)
{
	while (overlay->next < mp_changeset_count())
	{
		int			at = overlay->next++;
		const MpChange *change = mp_changeset_get(at);
		int			index;

		if (change->cid >= overlay->curcid || change->role == NULL ||
			mp_changeset_place_of(change) != overlay->place ||
			!has_id(&lookup->accounts, change->account) ||
			!has_id(&lookup->projects, change->project) ||
			bms_is_member(at, overlay->seen))
			continue;
		visible_change(overlay, change->account, change->project, &index);
		if (index != at || is_deleted(overlay, change->account))
			continue;
		added->account = change->account;
		added->project = change->project;
		added->role = change->role;
		return true;
	}
	return next_given(overlay, lookup, added);
}

/* Memberships that the creates of the transaction gave along, and the API does
 * not show. */
static bool
next_given(MpOverlay *overlay, const MpLookup *lookup, MpAdded *added)
{
	for (; overlay->next_created < overlay->created_count;
		 overlay->next_created++)
	{
		const Created *created = &overlay->created[overlay->next_created];
		const MpCreationRow *row = mp_creation_row_get(created->row);

		while (overlay->next_grant < row->grant_count)
		{
			int			grant = overlay->next_grant++;

			if (!is_given(overlay, lookup, created, grant))
				continue;
			added->account = created->id;
			added->project = row->grants[grant].project;
			added->role = row->grants[grant].role;
			return true;
		}
		overlay->next_grant = 0;
	}
	return false;
}

/* One that is queued to be changed is a change's. */
static bool
is_given(const MpOverlay *overlay, const MpLookup *lookup,
		 const Created *created, int grant)
{
	int64		project =
		mp_creation_row_get(created->row)->grants[grant].project;
	int			index;

	return !bms_is_member(grant, created->grants_seen) &&
		has_id(&lookup->accounts, created->id) &&
		has_id(&lookup->projects, project) &&
		!is_deleted(overlay, created->id) &&
		visible_change(overlay, created->id, project, &index) == NULL;
}

/* Those of the place, by commands before the scan's. */
static void
find_created(MpOverlay *overlay)
{
	int			count = mp_creation_row_count();

	overlay->created = palloc_extended(sizeof(Created) * (Size) Max(count, 1),
									   MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
	{
		const MpCreationRow *row = mp_creation_row_get(i);
		Created    *created = &overlay->created[overlay->created_count];

		if (row->cid >= overlay->curcid ||
			!mp_option_same_place(mp_changeset_target(row->target),
								  overlay->settings))
			continue;
		created->id = row->record.values[MP_FIELD_ID].as.integer;
		created->row = i;
		created->seen = false;
		created->grants_seen = NULL;
		overlay->created_count++;
	}
	qsort(overlay->created, (size_t) overlay->created_count, sizeof(Created),
		  compare_created);
}

static int
compare_created(const void *a, const void *b)
{
	int64		one = ((const Created *) a)->id;
	int64		other = ((const Created *) b)->id;

	return (one > other) - (one < other);
}

/* NULL: it is not the transaction's. */
static Created *
find_account(const MpOverlay *overlay, int64 account)
{
	const Created key = {.id = account};

	return bsearch(&key, overlay->created, (size_t) overlay->created_count,
				   sizeof(Created), compare_created);
}

static void
note_seen(MpOverlay *overlay, int64 account)
{
	Created    *created = find_account(overlay, account);

	if (created != NULL)
		created->seen = true;
}

static void
note_grant_seen(MpOverlay *overlay, int64 account, int64 project)
{
	Created    *created = find_account(overlay, account);
	MemoryContext old = MemoryContextSwitchTo(overlay->context);
	const MpCreationRow *row = created == NULL ? NULL :
		mp_creation_row_get(created->row);

	for (int i = 0; row != NULL && i < row->grant_count; i++)
		if (row->grants[i].project == project)
			created->grants_seen = bms_add_member(created->grants_seen, i);
	MemoryContextSwitchTo(old);
}

/* The last change of a key that the scan sees; NULL and -1: none. */
static const MpChange *
visible_change(const MpOverlay *overlay, int64 account, int64 project,
			   int *index)
{
	int32		i = -1;

	if (overlay->place >= 0)
		i = mp_changeset_last(overlay->place, account, project);
	while (i >= 0 && mp_changeset_get(i)->cid >= overlay->curcid)
	{
		/* each key's changes lead back in time */
		Assert(mp_changeset_get(i)->previous < i);
		i = mp_changeset_get(i)->previous;
	}
	*index = i;
	return i >= 0 ? mp_changeset_get(i) : NULL;
}

static bool
is_deleted(const MpOverlay *overlay, int64 account)
{
	int			index;

	return visible_change(overlay, account, 0, &index) != NULL;
}

/* Is an id in the lookup's scope? */
static bool
has_id(const MpIds *ids, int64 id)
{
	return !ids->pinned || mp_ids_find(ids->ids, ids->count, id) >= 0;
}
