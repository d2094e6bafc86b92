/*-------------------------------------------------------------------------
 *
 * remote/fetch_wait.c
 *		What a read waits for, and whether it need not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "remote/fetch_keep.h"
#include "remote/fetch_state.h"
#include "remote/fetch_wait.h"

static bool is_list_ready(const MpParentList *list);
static MpCall *list_call(const MpParentList *list);
static bool is_slot_ready(const MpSlot *slot);
static MpCall *any_call(const MpFetch *fetch);

bool
mp_fetch_ready(const MpFetch *fetch)
{
	if (is_list_ready(&fetch->list) || is_list_ready(&fetch->rival))
		return true;
	if (fetch->judge != NULL && mp_call_ready(fetch->judge))
		return true;
	for (int i = 0; i < fetch->slot_count; i++)
		if (is_slot_ready(&fetch->slots[i]))
			return true;
	return false;
}

/* What others have read ahead of a call waits in what is kept. */
static bool
is_list_ready(const MpParentList *list)
{
	if (list->follows != NULL)
		return mp_fetch_follow_ready(list->follows);
	return list->call != NULL &&
		(mp_snapshot_is_behind(list->kept, &list->replay) ||
		 mp_call_ready(list->call));
}

static MpCall *
list_call(const MpParentList *list)
{
	return list->follows != NULL ?
		mp_snapshot_source(list->follows) : list->call;
}

static bool
is_slot_ready(const MpSlot *slot)
{
	if (slot->state == MP_SLOT_FOLLOWING)
		return mp_fetch_follow_ready(slot->replay.kept);
	return slot->state == MP_SLOT_REPLAYING ||
		(slot->call != NULL &&
		 (mp_snapshot_is_behind(slot->kept, &slot->replay) ||
		  mp_call_ready(slot->call)));
}

/* The time is charged to any call that is under way. */
void
mp_fetch_wait(MpFetch *fetch)
{
	mp_session_wait(any_call(fetch));
}

bool
mp_fetch_has_call(const MpFetch *fetch)
{
	return any_call(fetch) != NULL;
}

static MpCall *
any_call(const MpFetch *fetch)
{
	MpCall	   *call = list_call(&fetch->list);

	for (int i = 0; i < fetch->slot_count && call == NULL; i++)
		call = fetch->slots[i].state == MP_SLOT_FOLLOWING ?
			mp_snapshot_source(fetch->slots[i].replay.kept) :
			fetch->slots[i].call;
	if (call == NULL)
		call = list_call(&fetch->rival);
	return call != NULL ? call : fetch->judge;
}
