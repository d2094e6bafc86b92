/*-------------------------------------------------------------------------
 *
 * remote/fetch_state.c
 *		The parents and the slots of a fetch.
 *
 * Knows neither which calls are made nor what their answers mean.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/ids.h"
#include "catalog/array.h"
#include "remote/fetch_state.h"
#include "remote/project.h"

static bool is_named_before(MpFetch *fetch, int64 id);
static void drop_kept(MpSlot *slot);
static const char *slot_state_name(MpSlotState state);
pg_attribute_unused() static bool is_step(MpSlotState from, MpSlotState to);

void
mp_fetch_set_way(MpFetch *fetch, MpWay way, bool chosen)
{
	Assert(!chosen || way == MP_WAY_BY_PROJECT);
	/* nothing was handed out, but of projects that were read whole */
	Assert(fetch->rows == 0 || fetch->left);
	fetch->way = way;
	fetch->chosen = chosen;
}

void
mp_fetch_set_fixed(MpFetch *fetch, bool by_project)
{
	const MpSettings *settings = fetch->settings;

	fetch->listed = NULL;
	fetch->fixed = by_project ?
		fetch->lookup.projects : fetch->lookup.accounts;
	if (!by_project || fetch->fixed.pinned || fetch->chosen ||
		settings->project_count == 0)
		return;
	fetch->fixed.pinned = true;
	fetch->fixed.count = (int) settings->project_count;
	fetch->fixed.ids = palloc(sizeof(int64) * settings->project_count);
	memcpy(fetch->fixed.ids, settings->project_ids,
		   sizeof(int64) * settings->project_count);
	/* one that is named twice is visited once */
	fetch->fixed.count = mp_ids_sort(fetch->fixed.ids, fetch->fixed.count);
}

void
mp_fetch_expect_names(MpFetch *fetch)
{
	if (fetch->fixed.pinned)
		fetch->listed = palloc0(sizeof(bool) *
								(Size) Max(fetch->fixed.count, 1));
}

bool
mp_fetch_is_to_visit(MpFetch *fetch, int64 id)
{
	int			at;
	bool		again;

	if (!fetch->fixed.pinned)
		return !is_named_before(fetch, id);
	Assert(fetch->listed != NULL);
	at = mp_ids_find(fetch->fixed.ids, fetch->fixed.count, id);
	if (at < 0)
		return false;
	again = fetch->listed[at];
	fetch->listed[at] = true;
	return !again;
}

/*
 * A list may name a parent twice: a project that a user has by two ways, an
 * account that moved while the list was made.  Its rows are there once.
 */
static bool
is_named_before(MpFetch *fetch, int64 id)
{
	bool		found;

	if (fetch->named == NULL)
	{
		HASHCTL		control = {
			.keysize = sizeof(int64),
			.entrysize = sizeof(int64),
			.hcxt = fetch->context,
		};

		fetch->named = hash_create("mixpanel_sa_fdw parents", 64, &control,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	hash_search(fetch->named, &id, HASH_ENTER, &found);
	return found;
}

void
mp_fetch_push_rest(MpFetch *fetch)
{
	for (int i = 0; fetch->listed != NULL && i < fetch->fixed.count; i++)
	{
		if (fetch->listed[i])
			continue;
		/* what the organization's own list leaves out is asked for again */
		if (fetch->way == MP_WAY_BY_PROJECT &&
			fetch->list.kind != MP_CALL_ORGANIZATION_PROJECTS)
			mp_project_note(fetch->settings, fetch->fixed.ids[i],
							MP_PROJECT_NOT_TOLD);
		mp_fetch_push_parent(&fetch->queue, fetch->fixed.ids[i], NULL);
	}
}

/* What was read is dropped once it is half of the queue. */
void
mp_fetch_push_parent(MpParentQueue *queue, int64 id, const MpValue *label)
{
	MpParent   *parent;

	if (queue->used == queue->size && queue->read >= queue->size / 2)
	{
		queue->used -= queue->read;
		if (queue->used > 0)
			memmove(queue->parents, queue->parents + queue->read,
					sizeof(MpParent) * (Size) queue->used);
		queue->read = 0;
	}
	if (queue->used == queue->size)
		queue->parents = mp_array_grow(queue->parents, &queue->size,
									   sizeof(MpParent));
	Assert(queue->used < queue->size);
	parent = &queue->parents[queue->used++];
	parent->id = id;
	parent->label = NULL;
	parent->label_length = 0;
	if (label != NULL && label->present)
	{
		parent->label_length = label->as.text.length;
		parent->label = memcpy(palloc(parent->label_length + 1),
							   label->as.text.data, parent->label_length);
	}
}

int
mp_fetch_queued(const MpFetch *fetch)
{
	Assert(fetch->queue.read <= fetch->queue.used);
	return fetch->queue.used - fetch->queue.read;
}

void
mp_fetch_ask_list(MpFetch *fetch, MpParentList *list, MpCallKind kind)
{
	MpCall	   *call;

	if (kind == MP_CALL_ME)
		call = mp_api_me(fetch->http, fetch->settings);
	else if (kind == MP_CALL_ORGANIZATION_PROJECTS)
		call = mp_api_organization_projects(fetch->http, fetch->settings);
	else
		call = mp_api_list_accounts(fetch->http, fetch->settings,
									MP_FIELD_BIT(MP_FIELD_ID) |
									(fetch->wanted &
									 MP_FIELD_BIT(MP_FIELD_USERNAME)));
	list->call = mp_session_started(call);
	mp_snapshot_set_source(list->kept, list->call);
}

void
mp_fetch_take_parent(MpFetch *fetch, MpSlot *slot)
{
	Assert(slot->state == MP_SLOT_FREE && slot->call == NULL);
	Assert(mp_fetch_queued(fetch) > 0);
	if (slot->parent.label != NULL)
		pfree(slot->parent.label);
	slot->parent = fetch->queue.parents[fetch->queue.read++];
	slot->records = 0;
	slot->exists = false;
	slot->foreign = false;
	slot->witness = 0;
	fetch->children_started++;
}

void
mp_fetch_set_slot(MpFetch *fetch, MpSlot *slot, MpSlotState state,
				  MpCall *call)
{
	Assert(is_step(slot->state, state) && state != MP_SLOT_FREE);
	if (state != MP_SLOT_READING)
		elog(DEBUG2, "read of parent " INT64_FORMAT ": %s, then %s",
			 slot->parent.id, slot_state_name(slot->state),
			 slot_state_name(state));
	if (state != MP_SLOT_READING)
		drop_kept(slot);
	mp_fetch_drop_call(fetch, &slot->call);
	slot->call = mp_session_started(call);
	if (state == MP_SLOT_READING)
		mp_snapshot_set_source(slot->kept, slot->call);
	slot->state = state;
}

void
mp_fetch_set_following(MpFetch *fetch pg_attribute_unused(), MpSlot *slot)
{
	Assert(is_step(slot->state, MP_SLOT_FOLLOWING));
	Assert(slot->call == NULL && slot->replay.kept != NULL);
	slot->state = MP_SLOT_FOLLOWING;
}

void
mp_fetch_set_replay(MpFetch *fetch, MpSlot *slot)
{
	Assert(is_step(slot->state, MP_SLOT_REPLAYING));
	Assert(slot->call == NULL && slot->replay.kept != NULL);
	fetch->shared++;
	slot->state = MP_SLOT_REPLAYING;
}

void
mp_fetch_finish_slot(MpFetch *fetch, MpSlot *slot)
{
	Assert(is_step(slot->state, MP_SLOT_FREE));
	drop_kept(slot);
	mp_fetch_drop_call(fetch, &slot->call);
	slot->state = MP_SLOT_FREE;
	fetch->children_done++;
	Assert(fetch->children_done <= fetch->children_started);
}

void
mp_fetch_drop_call(MpFetch *fetch, MpCall **call)
{
	if (*call == NULL)
		return;
	mp_http_add_tally(&fetch->tally, mp_call_tally(*call));
	mp_call_free(*call);
	*call = NULL;
}

void
mp_fetch_clear(MpFetch *fetch)
{
	for (int i = 0; i < fetch->slot_count; i++)
	{
		drop_kept(&fetch->slots[i]);
		mp_fetch_drop_call(fetch, &fetch->slots[i].call);
		fetch->slots[i].state = MP_SLOT_FREE;
	}
	if (fetch->named != NULL)
		hash_destroy(fetch->named);
	fetch->named = NULL;
	fetch->queue.used = fetch->queue.read = 0;
	fetch->children_started = fetch->children_done = 0;
}

bool
mp_fetch_is_all_read(const MpFetch *fetch)
{
	if (!fetch->parents_done || mp_fetch_queued(fetch) > 0)
		return false;
	for (int i = 0; i < fetch->slot_count; i++)
		if (fetch->slots[i].state != MP_SLOT_FREE)
			return false;
	return true;
}

void
mp_fetch_report(MpFetch *fetch)
{
	TimestampTz now = GetCurrentTimestamp();

	if (fetch->children_started < 2)
		return;
	if (!TimestampDifferenceExceeds(fetch->next_notice, now,
									mp_progress_interval))
		return;
	fetch->next_notice = now;
	ereport(NOTICE,
			(errmsg("%s: " INT64_FORMAT " of " INT64_FORMAT " requests done",
					mp_relation_get(fetch->lookup.relation)->name,
					fetch->children_done,
					fetch->children_started + mp_fetch_queued(fetch))));
}

/* What was kept of an answer that has not ended well. */
static void
drop_kept(MpSlot *slot)
{
	mp_snapshot_abandon(slot->kept);
	slot->kept = NULL;
}

/* May a slot go from one state to another? */
static bool
is_step(MpSlotState from, MpSlotState to)
{
	switch (from)
	{
		case MP_SLOT_FREE:
		case MP_SLOT_FOLLOWING:
			return to == MP_SLOT_READING || to == MP_SLOT_FOLLOWING ||
				to == MP_SLOT_REPLAYING;
		case MP_SLOT_READING:
			return to == MP_SLOT_FREE || to == MP_SLOT_ASKING_PARENT;
		case MP_SLOT_ASKING_PARENT:
			return to == MP_SLOT_FREE || to == MP_SLOT_ASKING_WITNESS;
		case MP_SLOT_REPLAYING:
		case MP_SLOT_ASKING_WITNESS:
			return to == MP_SLOT_FREE;
	}
	return false;
}

/* For the trace. */
static const char *
slot_state_name(MpSlotState state)
{
	switch (state)
	{
		case MP_SLOT_FREE:
			return "free";
		case MP_SLOT_READING:
			return "reading";
		case MP_SLOT_FOLLOWING:
			return "waiting for another read";
		case MP_SLOT_REPLAYING:
			return "reading what was kept";
		case MP_SLOT_ASKING_PARENT:
			return "asking for the parent itself";
		case MP_SLOT_ASKING_WITNESS:
			return "asking for the memberships of another project";
	}
	return "";
}
