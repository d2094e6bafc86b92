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
	if (!fetch->keeps)
		return way;
	if (way == MP_WAY_GETS &&
		mp_snapshot_find(fetch->settings, MP_CALL_LIST_ACCOUNTS, 0) != NULL)
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

bool
mp_fetch_list_kept(MpFetch *fetch, MpParentList *list, MpCallKind call)
{
	MpReplay	replay = {0};

	if (!fetch->keeps)
		return false;
	list->replay = replay;
	list->replay.kept = mp_snapshot_find(fetch->settings, call, 0);
	if (list->replay.kept == NULL)
	{
		Assert(list->kept == NULL);
		list->kept = mp_snapshot_begin(fetch->settings, call, 0);
	}
	return list->replay.kept != NULL;
}

MpCallState
mp_fetch_next_parent(MpFetch *fetch, MpParentList *list, bool projects)
{
	MpRecord   *record = &fetch->parent_record;
	MpText		element;

	if (list->replay.kept == NULL)
		return mp_call_next(list->call, record);
	if (!mp_snapshot_read(&list->replay, &element))
	{
		list->replay.kept = NULL;
		return MP_CALL_DONE;
	}
	if (projects)
		read_project(&element, record);
	else
		decode(MP_RECORD_ACCOUNT, MP_FIELD_MEMBERS, &element, record);
	return MP_CALL_RECORD;
}

void
mp_fetch_keep_parent(MpFetch *fetch, MpParentList *list, bool projects)
{
	if (list->kept == NULL)
		return;
	if (projects)
		add_project(list->kept, &fetch->parent_record);
	else
		add_element(list->kept, &fetch->parent_record);
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
	MpReplay	replay = {0};
	MpCallKind	call = child_call(fetch->way);

	if (!fetch->keeps)
		return false;
	replay.kept = mp_snapshot_find(fetch->settings, call, slot->parent.id);
	if (replay.kept == NULL)
	{
		slot->kept = mp_snapshot_begin(fetch->settings, call,
									   slot->parent.id);
		return false;
	}
	replay.buffer = slot->replay.buffer;
	replay.buffer_size = slot->replay.buffer_size;
	slot->replay = replay;
	return true;
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

bool
mp_fetch_keep_record(MpFetch *fetch, MpSlot *slot)
{
	MpReplay	replay = {0};
	MpText		element;

	if (!fetch->keeps)
		return true;
	if (fetch->way == MP_WAY_LIST)
		replay.kept =
			mp_snapshot_find(fetch->settings, MP_CALL_GET_ACCOUNT,
							 fetch->record.values[MP_FIELD_ID].as.integer);
	if (replay.kept != NULL)
	{
		if (!mp_snapshot_read(&replay, &element))
			return false;
		decode(MP_RECORD_ACCOUNT, fetch->wanted, &element, &fetch->record);
	}
	add_element(slot->kept, &fetch->record);
	return true;
}

void
mp_fetch_keep_all(MpFetch *fetch)
{
	bool		by_project = fetch->way == MP_WAY_BY_PROJECT;
	const MpIds *pinned = by_project ?
		&fetch->lookup.projects : &fetch->lookup.accounts;

	if (fetch->keeps && !pinned->pinned &&
		(by_project || fetch->way == MP_WAY_BY_ACCOUNT))
		mp_snapshot_complete(mp_snapshot_begin(fetch->settings,
											   child_call(fetch->way), 0));
}

void
mp_fetch_keep_absence(MpFetch *fetch, const int64 *ids, int count)
{
	if (!fetch->keeps)
		return;
	Assert(count == 0 || fetch->way == MP_WAY_GETS ||
		   fetch->way == MP_WAY_BY_ACCOUNT);
	for (int i = 0; i < count; i++)
		mp_snapshot_complete(mp_snapshot_begin(fetch->settings,
											   child_call(fetch->way),
											   ids[i]));
}

void
mp_fetch_keep_end(MpFetch *fetch)
{
	if (!fetch->keeps || fetch->epoch != mp_snapshot_epoch())
		return;
	mp_fetch_list_broken(&fetch->list);
	mp_fetch_list_broken(&fetch->rival);
	for (int i = 0; i < fetch->slot_count; i++)
	{
		mp_snapshot_abandon(fetch->slots[i].kept);
		fetch->slots[i].kept = NULL;
	}
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
	return mp_snapshot_has(MP_CALL_ACCOUNT_PROJECTS) ?
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
	return mp_snapshot_find(fetch->settings, child_call(way), 0) != NULL;
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
