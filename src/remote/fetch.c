/*-------------------------------------------------------------------------
 *
 * remote/fetch.c
 *		A lookup -> records.
 *
 * Every read has one shape: parents (ids that the query pins, ids from an
 * option, or those of a list that is still arriving), and one call for each
 * parent, several at once.  Reading all accounts is the case of one parent
 * without an id.  The calls' order does not matter, so whichever has a record
 * ready is read.
 *
 * What a 404 or a 405 means is decided in fetch_route.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "catalog/array.h"
#include "catalog/option.h"
#include "remote/error.h"
#include "remote/fetch_state.h"

/*
 * Ids read ahead of the calls for them.  A list that waits to be read on keeps
 * its place in the window, which the calls for its ids then lack; so all but
 * the longest lists are read at once.
 */
#define PARENT_BACKLOG 65536

static void free_calls(void *arg);
static void begin_way(MpFetch *fetch);
static void begin_parents(MpFetch *fetch);
static bool needs_names(MpWay way, const MpLookup *lookup);
static void set_fixed(MpFetch *fetch);
static bool is_to_visit(MpFetch *fetch, int64 id);
static void read_parents(MpFetch *fetch);
static void push_parent(MpFetch *fetch, int64 id, const MpValue *label);
static bool start_calls(MpFetch *fetch);
static MpCall *start_child(MpFetch *fetch, const MpParent *parent);
static MpFetchState read_slots(MpFetch *fetch, bool *progress);
static MpFetchState read_slot(MpFetch *fetch, MpSlot *slot, bool *progress);
static void complete_record(MpFetch *fetch, const MpSlot *slot);
static bool all_read(const MpFetch *fetch);
static MpFetchState next_trusted(MpFetch *fetch);
static void report_progress(MpFetch *fetch);

MpFetch *
mp_fetch_begin(const MpSettings *settings, const MpLookup *lookup,
			   uint32 wanted)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "mixpanel_sa_fdw fetch",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MpFetch    *fetch = palloc0(sizeof(MpFetch));

	fetch->context = context;
	fetch->settings = settings;
	fetch->lookup = *lookup;
	fetch->wanted = wanted;
	fetch->callback.func = free_calls;
	fetch->callback.arg = fetch;
	MemoryContextRegisterResetCallback(context, &fetch->callback);
	mp_record_init(&fetch->record);
	mp_record_init(&fetch->parent_record);
	fetch->next_notice = GetCurrentTimestamp();

	if (lookup->nothing)
		fetch->parents_done = true;
	else
	{
		mp_option_require(settings, true);
		(void) mp_session_routes(settings);
		fetch->http = mp_session_http();
		fetch->slot_count = 2 * settings->max_concurrency;
		fetch->slots = palloc0(sizeof(MpSlot) * (Size) fetch->slot_count);
		fetch->way = mp_fetch_first_way(settings, lookup);
		begin_way(fetch);
		/* on the wire now, rather than by way of a wait that ends at once */
		mp_session_run();
	}
	MemoryContextSwitchTo(old);
	return fetch;
}

void
mp_fetch_end(MpFetch *fetch)
{
	MemoryContextDelete(fetch->context);
}

bool
mp_fetch_next_wait(MpFetch *fetch, const MpRecord **record)
{
	for (;;)
	{
		MpFetchState state = mp_fetch_next(fetch, record);

		if (state != MP_FETCH_WAIT)
			return state == MP_FETCH_ROW;
		mp_fetch_wait(fetch);
	}
}

bool
mp_fetch_ready(const MpFetch *fetch)
{
	if (fetch->parents != NULL && mp_call_ready(fetch->parents))
		return true;
	for (int i = 0; i < fetch->slot_count; i++)
		if (fetch->slots[i].call != NULL &&
			mp_call_ready(fetch->slots[i].call))
			return true;
	return false;
}

/* The time is charged to any call that is under way. */
void
mp_fetch_wait(MpFetch *fetch)
{
	MpCall	   *call = fetch->parents;

	for (int i = 0; i < fetch->slot_count && call == NULL; i++)
		call = fetch->slots[i].call;
	mp_session_wait(call);
}

MpFetchState
mp_fetch_next(MpFetch *fetch, const MpRecord **record)
{
	MemoryContext old = MemoryContextSwitchTo(fetch->context);
	MpFetchState state = MP_FETCH_WAIT;

	CHECK_FOR_INTERRUPTS();
	*record = &fetch->record;
	while (state == MP_FETCH_WAIT)
	{
		bool		progress;

		if (fetch->way == MP_WAY_TRUST)
		{
			state = next_trusted(fetch);
			break;
		}
		read_parents(fetch);
		progress = start_calls(fetch);
		state = read_slots(fetch, &progress);
		if (state == MP_FETCH_WAIT && all_read(fetch))
			state = MP_FETCH_DONE;
		else if (!progress)
			break;
	}
	if (state == MP_FETCH_ROW)
		fetch->rows++;
	else if (state == MP_FETCH_WAIT && mp_progress_interval > 0)
		report_progress(fetch);
	MemoryContextSwitchTo(old);
	return state;
}

void
mp_fetch_add_tally(const MpFetch *fetch, MpTally *tally)
{
	mp_http_add_tally(tally, &fetch->tally);
	if (fetch->parents != NULL)
		mp_http_add_tally(tally, mp_call_tally(fetch->parents));
	for (int i = 0; i < fetch->slot_count; i++)
		if (fetch->slots[i].call != NULL)
			mp_http_add_tally(tally, mp_call_tally(fetch->slots[i].call));
}

int
mp_fetch_calls(const MpSettings *settings, const MpLookup *lookup,
			   MpCallKind calls[2])
{
	MpWay		way = mp_fetch_first_way(settings, lookup);
	int			count = 0;

	bool		named = needs_names(way, lookup);

	if (way == MP_WAY_BY_ACCOUNT && (named || !lookup->accounts.pinned))
		calls[count++] = MP_CALL_LIST_ACCOUNTS;
	if (way == MP_WAY_BY_PROJECT &&
		(named || (!lookup->projects.pinned && settings->project_count == 0)))
		calls[count++] = MP_CALL_ME;
	if (way == MP_WAY_LIST)
		calls[count++] = MP_CALL_LIST_ACCOUNTS;
	else if (way == MP_WAY_GETS)
		calls[count++] = MP_CALL_GET_ACCOUNT;
	else
		calls[count++] = way == MP_WAY_BY_PROJECT ?
			MP_CALL_PROJECT_ACCOUNTS : MP_CALL_ACCOUNT_PROJECTS;
	return count;
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

/* Nothing was handed out yet: cancel what is under way and begin otherwise. */
void
mp_fetch_restart(MpFetch *fetch, MpWay way)
{
	mp_fetch_drop_call(fetch, &fetch->parents);
	for (int i = 0; i < fetch->slot_count; i++)
	{
		mp_fetch_drop_call(fetch, &fetch->slots[i].call);
		fetch->slots[i].verifying = false;
	}
	fetch->queue_used = fetch->queue_read = 0;
	fetch->children_started = fetch->children_done = 0;
	fetch->way = way;
	fetch->switched = true;
	begin_way(fetch);
}

/* Runs when the context goes, on ERROR as well: must not throw. */
static void
free_calls(void *arg)
{
	MpFetch    *fetch = arg;

	mp_call_free(fetch->parents);
	for (int i = 0; i < fetch->slot_count; i++)
		mp_call_free(fetch->slots[i].call);
	mp_record_release(&fetch->record);
	mp_record_release(&fetch->parent_record);
}

static void
begin_way(MpFetch *fetch)
{
	fetch->parents_done = false;
	switch (fetch->way)
	{
		case MP_WAY_LIST:
		case MP_WAY_TRUST:
			push_parent(fetch, 0, NULL);
			fetch->parents_done = true;
			break;
		case MP_WAY_GETS:
		case MP_WAY_BY_ACCOUNT:
		case MP_WAY_BY_PROJECT:
			begin_parents(fetch);
			break;
	}
	if (fetch->way != MP_WAY_TRUST)
		start_calls(fetch);
}

/*
 * Ids that are known now; else, or where a condition looks at what only a
 * list tells of them (an account's username, a project's name), that list.
 */
static void
begin_parents(MpFetch *fetch)
{
	const MpSettings *settings = fetch->settings;
	bool		named = needs_names(fetch->way, &fetch->lookup);

	set_fixed(fetch);
	fetch->listed = NULL;
	fetch->parents_done = fetch->fixed.pinned && !named;
	if (fetch->parents_done)
	{
		for (int i = 0; i < fetch->fixed.count; i++)
			push_parent(fetch, fetch->fixed.ids[i], NULL);
		return;
	}
	if (fetch->fixed.pinned)
		fetch->listed = palloc0(sizeof(bool) *
								(Size) Max(fetch->fixed.count, 1));
	if (fetch->way == MP_WAY_BY_PROJECT)
		fetch->parents = mp_api_me(fetch->http, settings);
	else
		fetch->parents =
			mp_api_list_accounts(fetch->http, settings,
								 MP_FIELD_BIT(MP_FIELD_ID) |
								 (fetch->wanted &
								  MP_FIELD_BIT(MP_FIELD_USERNAME)));
	mp_session_started(fetch->parents);
}

static bool
needs_names(MpWay way, const MpLookup *lookup)
{
	MpField		name = way == MP_WAY_BY_PROJECT ?
		MP_FIELD_PROJECT_NAME : MP_FIELD_USERNAME;

	return lookup->relation == MP_RELATION_MEMBERSHIPS &&
		(lookup->filtered & MP_FIELD_BIT(name)) != 0;
}

/* What the query pins, else what option project_ids says. */
static void
set_fixed(MpFetch *fetch)
{
	const MpSettings *settings = fetch->settings;
	bool		by_project = fetch->way == MP_WAY_BY_PROJECT;

	fetch->fixed = by_project ?
		fetch->lookup.projects : fetch->lookup.accounts;
	if (!by_project || fetch->fixed.pinned || settings->project_count == 0)
		return;
	fetch->fixed.pinned = true;
	fetch->fixed.count = (int) settings->project_count;
	fetch->fixed.ids = palloc(sizeof(int64) * settings->project_count);
	for (size_t i = 0; i < settings->project_count; i++)
		fetch->fixed.ids[i] = settings->project_ids[i];
}

/* Those that the list did not name: it may not show all that there are. */
void
mp_fetch_push_rest(MpFetch *fetch)
{
	for (int i = 0; fetch->listed != NULL && i < fetch->fixed.count; i++)
		if (!fetch->listed[i])
			push_parent(fetch, fetch->fixed.ids[i], NULL);
	fetch->parents_done = true;
}

/* Is a listed id one to visit?  Notes it. */
static bool
is_to_visit(MpFetch *fetch, int64 id)
{
	if (fetch->listed == NULL)
		return true;
	for (int i = 0; i < fetch->fixed.count; i++)
	{
		if (fetch->fixed.ids[i] != id)
			continue;
		fetch->listed[i] = true;
		return true;
	}
	return false;
}

/* A list is read only as far ahead as the calls for its ids can use. */
static void
read_parents(MpFetch *fetch)
{
	bool		by_project = fetch->way == MP_WAY_BY_PROJECT;
	MpField		key = by_project ? MP_FIELD_PROJECT_ID : MP_FIELD_ID;
	MpField		label = by_project ? MP_FIELD_PROJECT_NAME : MP_FIELD_USERNAME;

	while (!fetch->parents_done &&
		   fetch->queue_used - fetch->queue_read < PARENT_BACKLOG)
	{
		MpRecord   *record = &fetch->parent_record;
		const MpValue *values = record->values;

		switch (mp_call_next(fetch->parents, record))
		{
			case MP_CALL_WAIT:
				return;
			case MP_CALL_FAILED:
				mp_fetch_parents_failed(fetch);
				return;
			case MP_CALL_DONE:
				mp_fetch_drop_call(fetch, &fetch->parents);
				mp_fetch_push_rest(fetch);
				return;
			case MP_CALL_RECORD:
				/* /me may show projects of other organizations */
				if (by_project && values[MP_FIELD_ORGANIZATION_ID].present &&
					values[MP_FIELD_ORGANIZATION_ID].as.integer !=
					fetch->settings->organization_id)
					break;
				if (is_to_visit(fetch, values[key].as.integer))
					push_parent(fetch, values[key].as.integer,
								&values[label]);
				break;
		}
	}
}

static void
push_parent(MpFetch *fetch, int64 id, const MpValue *label)
{
	MpParent   *parent;

	if (fetch->queue_used == fetch->queue_size &&
		fetch->queue_read >= fetch->queue_size / 2)
	{
		fetch->queue_used -= fetch->queue_read;
		if (fetch->queue_used > 0)
			memmove(fetch->queue, fetch->queue + fetch->queue_read,
					sizeof(MpParent) * (Size) fetch->queue_used);
		fetch->queue_read = 0;
	}
	if (fetch->queue_used == fetch->queue_size)
		fetch->queue = mp_array_grow(fetch->queue, &fetch->queue_size,
									 sizeof(MpParent));
	parent = &fetch->queue[fetch->queue_used++];
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

/* True if a call was started. */
static bool
start_calls(MpFetch *fetch)
{
	bool		started = false;

	for (int i = 0; i < fetch->slot_count &&
		 fetch->queue_read < fetch->queue_used; i++)
	{
		MpSlot	   *slot = &fetch->slots[i];

		if (slot->call != NULL)
			continue;
		if (slot->parent.label != NULL)
			pfree(slot->parent.label);
		slot->parent = fetch->queue[fetch->queue_read++];
		slot->call = mp_session_started(start_child(fetch, &slot->parent));
		fetch->children_started++;
		started = true;
	}
	return started;
}

static MpCall *
start_child(MpFetch *fetch, const MpParent *parent)
{
	switch (fetch->way)
	{
		case MP_WAY_LIST:
			return mp_api_list_accounts(fetch->http, fetch->settings,
										fetch->wanted);
		case MP_WAY_GETS:
			return mp_api_get_account(fetch->http, fetch->settings,
									  parent->id, fetch->wanted);
		case MP_WAY_BY_PROJECT:
			return mp_api_project_accounts(fetch->http, fetch->settings,
										   parent->id, fetch->wanted);
		case MP_WAY_BY_ACCOUNT:
		case MP_WAY_TRUST:
			break;
	}
	return mp_api_account_projects(fetch->http, fetch->settings, parent->id,
								   fetch->wanted);
}

/*
 * Look for a record among the calls, beginning where the last was found, so
 * that one call is emptied before the next and paused ones are few.
 */
static MpFetchState
read_slots(MpFetch *fetch, bool *progress)
{
	int			count = fetch->slot_count;

	for (int i = 0; i < count; i++)
	{
		int			at = (fetch->current_slot + i) % count;
		MpFetchState state;

		if (fetch->slots[at].call == NULL)
			continue;
		state = read_slot(fetch, &fetch->slots[at], progress);
		if (state == MP_FETCH_ROW)
		{
			fetch->current_slot = at;
			return state;
		}
	}
	return MP_FETCH_WAIT;
}

static MpFetchState
read_slot(MpFetch *fetch, MpSlot *slot, bool *progress)
{
	MpCallState state = mp_call_next(slot->call, &fetch->record);

	if (state == MP_CALL_WAIT)
		return MP_FETCH_WAIT;
	*progress = true;
	if (slot->verifying)
		mp_fetch_verified(fetch, slot, state);
	else if (state == MP_CALL_FAILED)
		mp_fetch_child_failed(fetch, slot);
	else if (state == MP_CALL_RECORD)
	{
		complete_record(fetch, slot);
		return MP_FETCH_ROW;
	}
	else
		mp_fetch_child_done(fetch, slot);
	return MP_FETCH_WAIT;
}

/* What the element does not say because the request said it. */
static void
complete_record(MpFetch *fetch, const MpSlot *slot)
{
	MpRecord   *record = &fetch->record;
	bool		by_project = fetch->way == MP_WAY_BY_PROJECT;
	MpField		label = by_project ? MP_FIELD_PROJECT_NAME : MP_FIELD_USERNAME;

	if (fetch->way == MP_WAY_BY_ACCOUNT)
		mp_record_set_integer(record, MP_FIELD_ID, slot->parent.id);
	else if (by_project)
		mp_record_set_integer(record, MP_FIELD_PROJECT_ID, slot->parent.id);
	if (slot->parent.label != NULL && !record->values[label].present)
	{
		mp_record_set_text(record, label, slot->parent.label,
						   slot->parent.label_length);
	}
	if (!record->values[MP_FIELD_ORGANIZATION_ID].present)
		mp_record_set_integer(record, MP_FIELD_ORGANIZATION_ID,
							  fetch->settings->organization_id);
}

static bool
all_read(const MpFetch *fetch)
{
	if (!fetch->parents_done || fetch->queue_read < fetch->queue_used)
		return false;
	for (int i = 0; i < fetch->slot_count; i++)
		if (fetch->slots[i].call != NULL)
			return false;
	return true;
}

/* Every pair of the pinned accounts and projects. */
static MpFetchState
next_trusted(MpFetch *fetch)
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

static void
report_progress(MpFetch *fetch)
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
					fetch->children_started +
					(fetch->queue_used - fetch->queue_read))));
}
