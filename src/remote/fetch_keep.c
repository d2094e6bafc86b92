/*-------------------------------------------------------------------------
 *
 * remote/fetch_keep.c
 *		How a fetch keeps what it reads, and reads what was kept.
 *
 * The unit is the answer of a call.  The same row may be read by several
 * calls: so a list that was read whole answers a lookup in it, and memberships
 * that were all read by one way are not read again by the other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "remote/fetch_keep.h"

#define PROJECT_IDS (2 * sizeof(int64))

static MpWay kept_choice(const MpFetch *fetch);
static MpCallState next_followed(MpFetch *fetch, MpParentList *list,
								 bool projects);
static bool keeps_children(const MpFetch *fetch);
static MpKept *find(const MpFetch *fetch, MpCallKind call, int64 parent);
static bool keep(MpFetch *fetch, MpKept *kept, const MpCall *call,
				 MpRecord *record);
static bool as_read_before(MpFetch *fetch, const MpCall *call,
						   MpRecord *record);
static MpCallKind child_call(MpWay way);
static MpRecordKind child_record(MpWay way);
static bool was_all_read(const MpFetch *fetch, MpWay way);
static void add_element(MpKept *kept, const MpRecord *record);
static void add_project(MpKept *kept, const MpRecord *record);
static void read_project(const MpText *element, MpRecord *record);
static void decode(MpRecordKind kind, uint32 wanted, const MpText *element,
				   MpRecord *record);

MpWay
mp_fetch_kept_way(MpFetch *fetch, MpWay way)
{
	if (fetch->snapshot == NULL)
		return way;
	if (way == MP_WAY_GETS && find(fetch, MP_CALL_LIST_ACCOUNTS, 0) != NULL)
		return MP_WAY_LIST;
	if (way == MP_WAY_CHOICE)
		return kept_choice(fetch);
	if (way == MP_WAY_BY_PROJECT && !was_all_read(fetch, way) &&
		was_all_read(fetch, MP_WAY_BY_ACCOUNT))
		return MP_WAY_BY_ACCOUNT;
	/* a project's list may leave out the name that something is decided on */
	if (way == MP_WAY_BY_ACCOUNT && !was_all_read(fetch, way) &&
		!mp_way_needs_names(way, &fetch->lookup) &&
		was_all_read(fetch, MP_WAY_BY_PROJECT))
		return MP_WAY_BY_PROJECT;
	return way;
}

void
mp_fetch_begin_list(MpFetch *fetch, MpParentList *list, MpCallKind kind)
{
	MpReplay	replay = {0};

	Assert(list->call == NULL && list->kept == NULL);
	list->replay = replay;
	list->kind = kind;
	if (fetch->snapshot != NULL)
	{
		list->replay.kept = find(fetch, kind, 0);
		if (list->replay.kept != NULL)
		{
			fetch->shared++;
			return;
		}
		list->follows = mp_snapshot_find_filling(fetch->snapshot,
												 fetch->settings, kind, 0);
		if (list->follows != NULL)
			return;
		list->kept = mp_snapshot_begin(fetch->snapshot, fetch->settings, kind,
									   0);
	}
	mp_fetch_ask_list(fetch, list, kind);
}

void
mp_fetch_keep_list(MpFetch *fetch, MpParentList *list, MpCallKind kind)
{
	if (fetch->snapshot == NULL)
		return;
	Assert(list->call != NULL && list->kept == NULL);
	list->kept = mp_snapshot_begin(fetch->snapshot, fetch->settings, kind, 0);
	mp_snapshot_set_source(list->kept, list->call);
}

MpCallState
mp_fetch_next_parent(MpFetch *fetch, MpParentList *list, bool projects)
{
	MpRecord   *record = &fetch->parent_record;
	MpText		element;
	MpCallState state;

	if (list->follows != NULL)
		return next_followed(fetch, list, projects);
	mp_snapshot_catch_up(list->kept, &list->replay);
	if (list->replay.kept != NULL && mp_snapshot_read(&list->replay, &element))
	{
		if (projects)
			read_project(&element, record);
		else
			decode(MP_RECORD_ACCOUNT, MP_FIELD_MEMBERS, &element, record);
		return MP_CALL_RECORD;
	}
	if (list->call == NULL)
	{
		list->replay.kept = NULL;
		return MP_CALL_DONE;
	}
	do
	{
		state = mp_call_next(list->call, record);
	} while (state == MP_CALL_RECORD &&
			 !keep(fetch, list->kept, list->call, record));
	mp_snapshot_skip(&list->replay);
	return state;
}

/* Another read is asking for it. */
static MpCallState
next_followed(MpFetch *fetch, MpParentList *list, bool projects)
{
	MpCallState state = mp_fetch_follow(fetch, list->follows);

	if (state == MP_CALL_WAIT)
		return state;
	list->follows = NULL;
	mp_fetch_begin_list(fetch, list, list->kind);
	return list->follows != NULL ?
		MP_CALL_WAIT : mp_fetch_next_parent(fetch, list, projects);
}

void
mp_fetch_list_whole(MpParentList *list)
{
	mp_snapshot_complete(list->kept);
	list->kept = NULL;
}

void
mp_fetch_list_broken(MpParentList *list)
{
	mp_snapshot_abandon(list->kept);
	list->kept = NULL;
}

bool
mp_fetch_slot_kept(MpFetch *fetch, MpSlot *slot)
{
	MpReplay	replay = {
		.buffer = slot->replay.buffer,
		.buffer_size = slot->replay.buffer_size,
	};
	MpCallKind	call = child_call(fetch->way);
	int64		parent = slot->parent.id;

	slot->replay = replay;
	if (!keeps_children(fetch))
		return false;
	slot->replay.kept = find(fetch, call, parent);
	if (slot->replay.kept == NULL)
		slot->replay.kept = mp_snapshot_find_filling(fetch->snapshot,
													 fetch->settings, call,
													 parent);
	if (slot->replay.kept != NULL)
		return true;
	slot->kept = mp_snapshot_begin(fetch->snapshot, fetch->settings, call,
								   parent);
	return false;
}

/*
 * The other read may not come to its own end for long, as its rows are not
 * wanted now; so the answer is read here, on its behalf.
 */
MpCallState
mp_fetch_follow(MpFetch *fetch, MpKept *kept)
{
	MpCall	   *call = mp_snapshot_source(kept);
	MpRecord   *record = &fetch->parent_record;
	MpCallState state;

	if (mp_snapshot_is_complete(kept))
		return MP_CALL_DONE;
	if (call == NULL)
		return MP_CALL_FAILED;
	mp_snapshot_read_ahead(kept);
	while ((state = mp_call_next(call, record)) == MP_CALL_RECORD)
		(void) keep(fetch, kept, call, record);
	if (state == MP_CALL_DONE)
		mp_snapshot_complete(kept);
	/* whose call it is will find out what that means */
	if (state == MP_CALL_FAILED)
		mp_snapshot_set_source(kept, NULL);
	return state;
}

void
mp_fetch_learn_accounts(MpFetch *fetch)
{
	MpNumber   *accounts = &mp_session_routes(fetch->settings)->accounts;
	MpKept	   *kept;

	if (fetch->snapshot == NULL || accounts->known)
		return;
	kept = mp_snapshot_find_filling(fetch->snapshot, fetch->settings,
									MP_CALL_LIST_ACCOUNTS, 0);
	while (kept != NULL && mp_fetch_follow(fetch, kept) == MP_CALL_WAIT)
		mp_session_wait(mp_snapshot_source(kept));
	kept = find(fetch, MP_CALL_LIST_ACCOUNTS, 0);
	if (kept == NULL)
		return;
	accounts->known = true;
	accounts->count = mp_snapshot_count(kept);
}

bool
mp_fetch_follow_ready(const MpKept *kept)
{
	const MpCall *call = mp_snapshot_source(kept);

	return call == NULL || mp_call_ready(call);
}

MpCallState
mp_fetch_next_child(MpFetch *fetch, MpSlot *slot)
{
	MpText		element;
	MpCallState state;

	mp_snapshot_catch_up(slot->kept, &slot->replay);
	if (slot->replay.kept != NULL && mp_snapshot_read(&slot->replay, &element))
	{
		decode(child_record(fetch->way), fetch->wanted, &element,
			   &fetch->record);
		return MP_CALL_RECORD;
	}
	do
	{
		state = mp_call_next(slot->call, &fetch->record);
	} while (state == MP_CALL_RECORD &&
			 !keep(fetch, slot->kept, slot->call, &fetch->record));
	mp_snapshot_skip(&slot->replay);
	return state;
}

void
mp_fetch_expect(const MpFetch *fetch)
{
	const MpParentQueue *queue = &fetch->queue;
	int			count = 0;

	for (int i = queue->read; i < queue->used; i++)
	{
		MpCallKind	call = child_call(fetch->way);
		int64		parent = queue->parents[i].id;

		if (!keeps_children(fetch) ||
			(find(fetch, call, parent) == NULL &&
			 mp_snapshot_find_filling(fetch->snapshot, fetch->settings, call,
									  parent) == NULL))
			count++;
	}
	mp_session_expect(count);
}

bool
mp_fetch_next_kept(MpFetch *fetch, MpSlot *slot)
{
	MpText		element;

	if (!mp_snapshot_read(&slot->replay, &element))
		return false;
	decode(child_record(fetch->way), fetch->wanted, &element, &fetch->record);
	return true;
}

void
mp_fetch_keep_all(MpFetch *fetch)
{
	bool		by_project = fetch->way == MP_WAY_BY_PROJECT;
	const MpIds *pinned = by_project ?
		&fetch->lookup.projects : &fetch->lookup.accounts;

	if (fetch->snapshot != NULL && !pinned->pinned &&
		(by_project || fetch->way == MP_WAY_BY_ACCOUNT) &&
		keeps_children(fetch))
		mp_snapshot_complete(mp_snapshot_begin(fetch->snapshot,
											   fetch->settings,
											   child_call(fetch->way), 0));
}

void
mp_fetch_keep_absence(MpFetch *fetch, const int64 *ids, int count)
{
	if (!keeps_children(fetch))
		return;
	Assert(count == 0 || fetch->way == MP_WAY_GETS ||
		   fetch->way == MP_WAY_BY_ACCOUNT);
	for (int i = 0; i < count; i++)
		mp_snapshot_complete(mp_snapshot_begin(fetch->snapshot,
											   fetch->settings,
											   child_call(fetch->way),
											   ids[i]));
}

void
mp_fetch_keep_end(MpFetch *fetch)
{
	if (fetch->snapshot == NULL ||
		!mp_snapshot_lives(fetch->snapshot, fetch->snapshot_number))
		return;
	mp_fetch_list_broken(&fetch->list);
	mp_fetch_list_broken(&fetch->rival);
	for (int i = 0; i < fetch->slot_count; i++)
	{
		mp_snapshot_abandon(fetch->slots[i].kept);
		fetch->slots[i].kept = NULL;
	}
}

/*
 * A statement with one reader, which is rescanned, keeps what later lookups
 * need: lists.
 */
static bool
keeps_children(const MpFetch *fetch)
{
	return fetch->snapshot != NULL &&
		(mp_snapshot_is_binding(fetch->snapshot) ||
		 mp_snapshot_readers(fetch->snapshot) > 1 ||
		 fetch->way == MP_WAY_LIST || fetch->chosen);
}

static MpKept *
find(const MpFetch *fetch, MpCallKind call, int64 parent)
{
	return mp_snapshot_find(fetch->snapshot, fetch->settings, call, parent);
}

/* Keep a record that has come.  False: it is none. */
static bool
keep(MpFetch *fetch, MpKept *kept, const MpCall *call, MpRecord *record)
{
	MpCallKind	kind = mp_call_kind(call);

	/* what its list names is the organization's, though it may not say so */
	if (kind == MP_CALL_ORGANIZATION_PROJECTS &&
		!record->values[MP_FIELD_ORGANIZATION_ID].present)
		mp_record_set_integer(record, MP_FIELD_ORGANIZATION_ID,
							  fetch->settings->organization_id);
	if (kept == NULL)
		return true;
	if (kind == MP_CALL_ORGANIZATION_PROJECTS || kind == MP_CALL_ME)
		add_project(kept, record);
	else if (as_read_before(fetch, call, record))
		add_element(kept, record);
	else
		return false;
	return true;
}

/*
 * False where the same account was read by itself before, and was not there;
 * if it was, the record is what it was then.
 */
static bool
as_read_before(MpFetch *fetch, const MpCall *call, MpRecord *record)
{
	MpReplay	replay = {0};
	MpText		element;

	if (mp_call_kind(call) != MP_CALL_LIST_ACCOUNTS)
		return true;
	replay.kept = find(fetch, MP_CALL_GET_ACCOUNT,
					   record->values[MP_FIELD_ID].as.integer);
	if (replay.kept == NULL)
		return true;
	if (!mp_snapshot_read(&replay, &element))
		return false;
	decode(MP_RECORD_ACCOUNT, fetch->wanted, &element, record);
	return true;
}

/* The call that reads the rows of one parent. */
static MpCallKind
child_call(MpWay way)
{
	switch (way)
	{
		case MP_WAY_LIST:
			return MP_CALL_LIST_ACCOUNTS;
		case MP_WAY_GETS:
			return MP_CALL_GET_ACCOUNT;
		case MP_WAY_BY_PROJECT:
			return MP_CALL_PROJECT_ACCOUNTS;
		case MP_WAY_BY_ACCOUNT:
			return MP_CALL_ACCOUNT_PROJECTS;
		case MP_WAY_CHOICE:
		case MP_WAY_TRUST:
			break;
	}
	Assert(false);
	return MP_CALL_ACCOUNT_PROJECTS;
}

/*
 * A membership that was read by one way is not to be read by the other, which
 * would ask for it again.
 */
static MpWay
kept_choice(const MpFetch *fetch)
{
	if (was_all_read(fetch, MP_WAY_BY_ACCOUNT))
		return MP_WAY_BY_ACCOUNT;
	if (was_all_read(fetch, MP_WAY_BY_PROJECT))
		return MP_WAY_BY_PROJECT;
	return mp_snapshot_is_binding(fetch->snapshot) &&
		mp_snapshot_has(fetch->snapshot, MP_CALL_ACCOUNT_PROJECTS) ?
		MP_WAY_BY_ACCOUNT : MP_WAY_CHOICE;
}

/* What its elements are. */
static MpRecordKind
child_record(MpWay way)
{
	if (way == MP_WAY_BY_PROJECT)
		return MP_RECORD_PROJECT_ACCOUNT;
	return way == MP_WAY_BY_ACCOUNT ?
		MP_RECORD_ACCOUNT_PROJECT : MP_RECORD_ACCOUNT;
}

/* Has a read of all memberships gone this way?  It is noted as an answer
 * without a parent, which no call has. */
static bool
was_all_read(const MpFetch *fetch, MpWay way)
{
	return find(fetch, child_call(way), 0) != NULL;
}

/* Should an answer hold a secret, it is not to lie in a file. */
static void
add_element(MpKept *kept, const MpRecord *record)
{
	char	   *masked;

	if (kept == NULL)
		return;
	masked = memcpy(palloc(record->raw.length), record->raw.data,
					record->raw.length);
	for (int i = 0; i < MP_RECORD_SECRETS; i++)
		if (record->secrets[i].length > 0)
			memset(masked + (record->secrets[i].data - record->raw.data), '*',
				   record->secrets[i].length);
	mp_snapshot_add(kept, masked, record->raw.length);
	pfree(masked);
}

/*
 * A project of a list is kept as what a parent needs of it: two ids and the
 * name.  Its element does not tell the id where the list is an object whose
 * members' names are the ids.
 */
static void
add_project(MpKept *kept, const MpRecord *record)
{
	const MpValue *organization = &record->values[MP_FIELD_ORGANIZATION_ID];
	const MpValue *name = &record->values[MP_FIELD_PROJECT_NAME];
	Size		length = name->present ? name->as.text.length : 0;
	char	   *bytes = palloc(PROJECT_IDS + length);
	int64		ids[2] = {
		record->values[MP_FIELD_PROJECT_ID].as.integer,
		organization->present ? organization->as.integer : 0,
	};

	memcpy(bytes, ids, PROJECT_IDS);
	if (length > 0)
		memcpy(bytes + PROJECT_IDS, name->as.text.data, length);
	mp_snapshot_add(kept, bytes, PROJECT_IDS + length);
	pfree(bytes);
}

static void
read_project(const MpText *element, MpRecord *record)
{
	int64		ids[2];

	Assert(element->length >= PROJECT_IDS);
	memcpy(ids, element->data, PROJECT_IDS);
	memset(record->values, 0, sizeof(record->values));
	mp_record_set_integer(record, MP_FIELD_PROJECT_ID, ids[0]);
	if (ids[1] != 0)
		mp_record_set_integer(record, MP_FIELD_ORGANIZATION_ID, ids[1]);
	if (element->length > PROJECT_IDS)
		mp_record_set_text(record, MP_FIELD_PROJECT_NAME,
						   element->data + PROJECT_IDS,
						   element->length - PROJECT_IDS);
}

/* It was decoded before, but perhaps for fewer fields. */
static void
decode(MpRecordKind kind, uint32 wanted, const MpText *element,
	   MpRecord *record)
{
	MpFault		fault;

	if (!mp_record_decode(kind, wanted, element, record, &fault))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
				 errmsg("invalid answer from Mixpanel, read earlier in this transaction"),
				 errdetail("Record " INT64_FORMAT ", field \"%s\": it %s.",
						   fault.id, fault.field, fault.reason)));
}
