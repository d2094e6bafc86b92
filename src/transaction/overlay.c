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

#include "transaction/changeset_state.h"
#include "transaction/creation.h"

struct MpOverlay
{
	const MpSettings *settings;
	int			place;			/* -1: nothing queued */
	CommandId	curcid;
	MemoryContext context;		/* of what it allocates: rows come and go */
	Bitmapset  *seen;			/* indexes of changes that a row of the API
								 * has shown */
	int			next;			/* of the queue, for added rows */
};

static const MpChange *visible_change(const MpOverlay *overlay, int64 account,
									  int64 project, int *index);
static bool is_deleted(const MpOverlay *overlay, int64 account);
static bool has_id(const MpIds *ids, int64 id);

MpOverlay *
mp_overlay_begin(const MpSettings *settings, CommandId curcid)
{
	MpOverlay  *overlay;
	int			place = mp_changeset_place(settings);

	if (place < 0 && !mp_creation_any())
		return NULL;
	overlay = palloc0(sizeof(MpOverlay));
	overlay->settings = settings;
	overlay->place = place;
	overlay->curcid = curcid;
	overlay->context = CurrentMemoryContext;
	return overlay;
}

MpSight
mp_overlay_account(MpOverlay *overlay, int64 account)
{
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
	if (change == NULL)
		return MP_SIGHT_AS_IS;
	if (change->kind == MP_CHANGE_REMOVE)
		return MP_SIGHT_HIDDEN;
	old = MemoryContextSwitchTo(overlay->context);
	overlay->seen = bms_add_member(overlay->seen, index);
	MemoryContextSwitchTo(old);
	*role = change->role;
	return MP_SIGHT_ROLE;
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
	return false;
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
		i = mp_changeset_get(i)->previous;
	*index = i;
	return i >= 0 ? mp_changeset_get(i) : NULL;
}

static bool
is_deleted(const MpOverlay *overlay, int64 account)
{
	int			index;

	return visible_change(overlay, account, 0, &index) != NULL;
}

/* ids ascend. */
static bool
has_id(const MpIds *ids, int64 id)
{
	int			low = 0;
	int			high = ids->count;

	if (!ids->pinned)
		return true;
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (ids->ids[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ids->count && ids->ids[low] == id;
}
