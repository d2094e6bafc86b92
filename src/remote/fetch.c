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

#include "base/ids.h"
#include "catalog/option.h"
#include "remote/error.h"
#include "remote/fetch_choice.h"
#include "remote/fetch_keep.h"
#include "remote/fetch_route.h"
#include "remote/fetch_scope.h"
#include "remote/fetch_wait.h"

/*
 * Ids read ahead of the calls for them.  A list that waits to be read on keeps
 * its place in the window, which the calls for its ids then lack; so all but
 * the longest lists are read at once.
 */
#define PARENT_BACKLOG 65536

static void keep_answers(MpFetch *fetch);
static MpFetchState step(MpFetch *fetch, bool *progress);
static void follow(MpFetch *fetch, MpVerdict verdict);
static void restart(MpFetch *fetch, MpWay way);
static void free_calls(void *arg);
static void begin_way(MpFetch *fetch, MpWay way);
static void begin_parents(MpFetch *fetch);
static void begin_choice(MpFetch *fetch);
static bool choose(MpFetch *fetch);
static void read_parents(MpFetch *fetch);
static void finish(MpFetch *fetch);
static bool start_calls(MpFetch *fetch);
static void begin_child(MpFetch *fetch, MpSlot *slot);
static MpCall *start_child(MpFetch *fetch, const MpParent *parent);
static MpFetchState read_slots(MpFetch *fetch, bool *progress);
static MpFetchState read_slot(MpFetch *fetch, MpSlot *slot, bool *progress);
static MpFetchState follow_slot(MpFetch *fetch, MpSlot *slot, bool *progress);
static MpFetchState replay_slot(MpFetch *fetch, MpSlot *slot, bool *progress);
static MpFetchState read_judge(MpFetch *fetch, bool *progress);

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
		keep_answers(fetch);
		if (lookup->repeats > 0)
			mp_fetch_learn_accounts(fetch);
		begin_way(fetch, mp_fetch_kept_way(fetch,
										   mp_way_first(settings, lookup)));
		/* on the wire now, rather than by way of a wait that ends at once */
		mp_session_run();
	}
	MemoryContextSwitchTo(old);
	return fetch;
}

/*
 * Where answers are kept: a transaction above READ COMMITTED keeps all that
 * its statements read, another one for each statement what it may read again.
 */
static void
keep_answers(MpFetch *fetch)
{
	if (!fetch->lookup.kept)
		return;
	fetch->snapshot = mp_snapshot_of_transaction();
	if (fetch->snapshot == NULL)
		fetch->snapshot = fetch->lookup.statement;
	if (fetch->snapshot != NULL)
		fetch->snapshot_number = mp_snapshot_number(fetch->snapshot);
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

MpFetchState
mp_fetch_next(MpFetch *fetch, const MpRecord **record)
{
	MemoryContext old = MemoryContextSwitchTo(fetch->context);
	MpFetchState state = MP_FETCH_WAIT;

	CHECK_FOR_INTERRUPTS();
	*record = &fetch->record;
	while (state == MP_FETCH_WAIT)
	{
		bool		progress = false;

		if (fetch->way == MP_WAY_TRUST)
			state = mp_fetch_next_trusted(fetch);
		else
			state = step(fetch, &progress);
		if (!progress)
			break;
	}
	if (state == MP_FETCH_ROW)
		fetch->rows++;
	else if (state == MP_FETCH_WAIT && mp_progress_interval > 0)
		mp_fetch_report(fetch);
	MemoryContextSwitchTo(old);
	return state;
}

void
mp_fetch_add_tally(const MpFetch *fetch, MpTally *tally)
{
	mp_http_add_tally(tally, &fetch->tally);
	if (fetch->list.call != NULL)
		mp_http_add_tally(tally, mp_call_tally(fetch->list.call));
	if (fetch->rival.call != NULL)
		mp_http_add_tally(tally, mp_call_tally(fetch->rival.call));
	if (fetch->judge != NULL)
		mp_http_add_tally(tally, mp_call_tally(fetch->judge));
	for (int i = 0; i < fetch->slot_count; i++)
		if (fetch->slots[i].call != NULL)
			mp_http_add_tally(tally, mp_call_tally(fetch->slots[i].call));
}

bool
mp_fetch_is_wide(const MpFetch *fetch)
{
	return fetch->widened;
}

int64
mp_fetch_shared(const MpFetch *fetch)
{
	return fetch->shared;
}

/*
 * Take what has arrived and start what can be started.  *progress: something
 * has changed, so that it is worth another look.  A change of the way is such:
 * its parents may be kept already, and then nothing is asked for whose answer
 * would wake the reader.
 */
static MpFetchState
step(MpFetch *fetch, bool *progress)
{
	bool		counts = mp_fetch_choice_counts(fetch);
	MpWay		way = fetch->way;
	MpFetchState state;
	MpVerdict	verdict;
	int			absent;

	read_parents(fetch);
	if (!choose(fetch))
	{
		/* accounts that were not read for the sake of memory now are */
		*progress = !counts && mp_fetch_choice_counts(fetch);
		return MP_FETCH_WAIT;
	}
	*progress = fetch->way != way;
	if (start_calls(fetch))
		*progress = true;
	state = read_slots(fetch, progress);
	if (state == MP_FETCH_WAIT && fetch->judge != NULL)
		state = read_judge(fetch, progress);
	if (state != MP_FETCH_WAIT || fetch->judge != NULL ||
		!mp_fetch_is_all_read(fetch))
		return state;
	if (fetch->way == MP_WAY_BY_PROJECT && !mp_fetch_choice_read_rest(fetch))
		return MP_FETCH_WAIT;
	verdict = mp_fetch_conclude_projects(fetch);
	if (verdict != MP_VERDICT_GO_ON)
	{
		follow(fetch, verdict);
		*progress = true;
		return MP_FETCH_WAIT;
	}
	absent = fetch->doubtful_count;
	mp_fetch_conclude(fetch);
	if (fetch->judge == NULL && !(fetch->left && fetch->chosen))
	{
		mp_fetch_keep_absence(fetch, fetch->doubtful, absent);
		finish(fetch);
		return MP_FETCH_DONE;
	}
	if (fetch->judge == NULL)
		restart(fetch, MP_WAY_BY_ACCOUNT);
	*progress = true;
	return MP_FETCH_WAIT;
}

/* All was read. */
static void
finish(MpFetch *fetch)
{
	const MpLookup *lookup = &fetch->lookup;

	mp_fetch_keep_all(fetch);
	if (lookup->relation != MP_RELATION_MEMBERSHIPS || lookup->nothing ||
		lookup->accounts.pinned || lookup->projects.pinned || fetch->left ||
		fetch->fixed.pinned)
		return;
	mp_routes_note_number(&mp_session_routes(fetch->settings)->memberships,
						  fetch->records);
}

/* Carry out what the judgement of an answer has decided */
static void
follow(MpFetch *fetch, MpVerdict verdict)
{
	switch (verdict)
	{
		case MP_VERDICT_GO_ON:
		case MP_VERDICT_ROW:
			break;
		case MP_VERDICT_OTHER_WAY:
			Assert(fetch->way == MP_WAY_BY_ACCOUNT ||
				   fetch->way == MP_WAY_BY_PROJECT);
			restart(fetch, fetch->way == MP_WAY_BY_PROJECT ?
					MP_WAY_BY_ACCOUNT : MP_WAY_BY_PROJECT);
			break;
		case MP_VERDICT_TRUST:
			Assert(fetch->lookup.trusted);
			restart(fetch, MP_WAY_TRUST);
			break;
	}
}

/*
 * Cancel what is under way and begin otherwise.  Nothing was handed out yet
 * but what is of projects that were read whole.  Who leaves the project-wise
 * way, having chosen it, has not tried another way first.
 */
static void
restart(MpFetch *fetch, MpWay way)
{
	Assert(fetch->rows == 0 || fetch->left);
	elog(DEBUG1, "read begins anew: %s instead of %s", mp_way_name(way),
		 mp_way_name(fetch->way));
	mp_fetch_keep_end(fetch);
	mp_fetch_drop_call(fetch, &fetch->list.call);
	fetch->list.follows = NULL;
	mp_fetch_choice_end(fetch);
	mp_fetch_clear(fetch);
	mp_fetch_forget_doubts(fetch);
	fetch->switched = !fetch->chosen;
	/* it may be for another account by now */
	if (fetch->widened)
		fetch->lookup.accounts.pinned = false;
	if (fetch->left)
		fetch->read_projects.count = mp_ids_sort(fetch->read_projects.ids,
												 fetch->read_projects.count);
	else
		fetch->read_projects.count = 0;
	begin_way(fetch, way);
}

/* Runs when the context goes, on ERROR as well: must not throw. */
static void
free_calls(void *arg)
{
	MpFetch    *fetch = arg;

	mp_fetch_keep_end(fetch);
	mp_call_free(fetch->list.call);
	mp_call_free(fetch->rival.call);
	mp_call_free(fetch->judge);
	for (int i = 0; i < fetch->slot_count; i++)
		mp_call_free(fetch->slots[i].call);
	mp_record_release(&fetch->record);
	mp_record_release(&fetch->parent_record);
}

/* Start reading in the way that was chosen */
static void
begin_way(MpFetch *fetch, MpWay way)
{
	fetch->parents_done = false;
	mp_fetch_set_way(fetch, way, way == MP_WAY_BY_PROJECT &&
					 !fetch->switched &&
					 mp_way_is_free(fetch->settings, &fetch->lookup));
	fetch->widened |= fetch->chosen && fetch->lookup.repeats > 0;
	switch (fetch->way)
	{
		case MP_WAY_LIST:
		case MP_WAY_TRUST:
			mp_fetch_push_parent(&fetch->queue, 0, NULL);
			fetch->parents_done = true;
			break;
		case MP_WAY_GETS:
		case MP_WAY_BY_ACCOUNT:
		case MP_WAY_BY_PROJECT:
			begin_parents(fetch);
			break;
		case MP_WAY_CHOICE:
			begin_choice(fetch);
			return;
	}
	if (fetch->way != MP_WAY_TRUST)
		start_calls(fetch);
}

/* The lists that tell by which way it is. */
static void
begin_choice(MpFetch *fetch)
{
	mp_fetch_choice_begin(fetch);
	fetch->accounts_listed = mp_way_lists_accounts(fetch->settings,
												   &fetch->lookup);
	if (fetch->accounts_listed)
		begin_parents(fetch);
	else
		fetch->parents_done = true;
}

/* False while it is not known which way it is. */
static bool
choose(MpFetch *fetch)
{
	MpWay		way;

	if (fetch->way == MP_WAY_BY_PROJECT)
		(void) mp_fetch_choice_read_rest(fetch);
	if (fetch->way != MP_WAY_CHOICE)
		return true;
	mp_fetch_choice_read(fetch);
	way = mp_fetch_choice_made(fetch);
	if (way == MP_WAY_CHOICE)
		return false;
	if (way == MP_WAY_BY_PROJECT)
	{
		mp_fetch_choose_projects(fetch);
		fetch->widened = fetch->lookup.repeats > 0;
		return true;
	}
	if (fetch->way == MP_WAY_CHOICE)
		mp_fetch_choose_accounts(fetch);
	if (!fetch->accounts_listed)
		begin_way(fetch, fetch->way);
	return true;
}

/*
 * Ids that are known now; else, or where only a list tells something of them
 * (a condition looks at an account's username or a project's name; it is not
 * known whose a project is), that list.
 */
static void
begin_parents(MpFetch *fetch)
{
	const MpSettings *settings = fetch->settings;
	MpCallKind	list = MP_CALL_LIST_ACCOUNTS;
	bool		named = mp_way_needs_names(fetch->way, &fetch->lookup);

	mp_fetch_set_fixed(fetch, fetch->way == MP_WAY_BY_PROJECT);
	fetch->owners_only = !named && mp_fetch_needs_owners(fetch);
	fetch->parents_done = fetch->fixed.pinned && !named &&
		!fetch->owners_only;
	if (fetch->parents_done)
	{
		for (int i = 0; i < fetch->fixed.count; i++)
			mp_fetch_push_parent(&fetch->queue, fetch->fixed.ids[i],
								 NULL);
		mp_fetch_expect(fetch);
		return;
	}
	mp_fetch_expect_names(fetch);
	if (fetch->way == MP_WAY_BY_PROJECT)
		list = mp_way_project_list(settings, !fetch->fixed.pinned);
	fetch->list.count = 0;
	mp_fetch_begin_list(fetch, &fetch->list, list);
}

/*
 * Queue the accounts or projects to be asked for, as far ahead as is useful,
 * as their list comes in.
 */
static void
read_parents(MpFetch *fetch)
{
	bool		projects = fetch->way == MP_WAY_BY_PROJECT;

	while (!fetch->parents_done &&
		   (mp_fetch_queued(fetch) < PARENT_BACKLOG ||
			mp_fetch_choice_counts(fetch)))
	{
		MpVerdict	verdict;

		switch (mp_fetch_next_parent(fetch, &fetch->list, projects))
		{
			case MP_CALL_WAIT:
				return;
			case MP_CALL_FAILED:
				mp_fetch_list_broken(&fetch->list);
				verdict = mp_fetch_parents_failed(fetch);
				/* another list may be read in its place */
				fetch->parents_done = fetch->list.call == NULL;
				if (!fetch->parents_done)
					mp_fetch_keep_list(fetch, &fetch->list, MP_CALL_ME);
				follow(fetch, verdict);
				return;
			case MP_CALL_DONE:
				fetch->parents_done = true;
				mp_fetch_list_whole(&fetch->list);
				mp_fetch_parents_done(fetch);
				return;
			case MP_CALL_RECORD:
				fetch->list.count++;
				mp_fetch_take_listed(fetch);
				break;
		}
	}
}

/* True if a call was started. */
static bool
start_calls(MpFetch *fetch)
{
	bool		started = false;

	for (int i = 0; i < fetch->slot_count && mp_fetch_queued(fetch) > 0; i++)
	{
		MpSlot	   *slot = &fetch->slots[i];

		if (slot->state != MP_SLOT_FREE)
			continue;
		mp_fetch_take_parent(fetch, slot);
		begin_child(fetch, slot);
		started = true;
	}
	return started;
}

static void
begin_child(MpFetch *fetch, MpSlot *slot)
{
	if (!mp_fetch_slot_kept(fetch, slot))
		mp_fetch_set_slot(fetch, slot, MP_SLOT_READING,
						  start_child(fetch, &slot->parent));
	else if (mp_snapshot_is_complete(slot->replay.kept))
		mp_fetch_set_replay(fetch, slot);
	else
		mp_fetch_set_following(fetch, slot);
}

/* Start the request for one account or project */
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
		case MP_WAY_CHOICE:
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

		if (fetch->slots[at].state == MP_SLOT_FREE)
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

/* Read on in one slot; a row is in fetch->record */
static MpFetchState
read_slot(MpFetch *fetch, MpSlot *slot, bool *progress)
{
	MpCallState state;

	if (slot->state == MP_SLOT_REPLAYING)
		return replay_slot(fetch, slot, progress);
	if (slot->state == MP_SLOT_FOLLOWING)
		return follow_slot(fetch, slot, progress);
	state = slot->state == MP_SLOT_READING ?
		mp_fetch_next_child(fetch, slot) :
		mp_call_next(slot->call, &fetch->record);
	if (state == MP_CALL_WAIT)
		return MP_FETCH_WAIT;
	*progress = true;
	if (slot->state != MP_SLOT_READING)
		follow(fetch, mp_fetch_child_asked(fetch, slot, state));
	else if (state == MP_CALL_FAILED)
		follow(fetch, mp_fetch_child_failed(fetch, slot));
	else if (state == MP_CALL_RECORD)
	{
		slot->records++;
		fetch->records++;
		mp_fetch_complete_record(fetch, &slot->parent);
		return mp_fetch_is_in_scope(fetch) ? MP_FETCH_ROW : MP_FETCH_WAIT;
	}
	else
	{
		mp_snapshot_complete(slot->kept);
		slot->kept = NULL;
		mp_fetch_child_done(fetch, slot);
	}
	return MP_FETCH_WAIT;
}

/* A slot whose answer another read is asking for. */
static MpFetchState
follow_slot(MpFetch *fetch, MpSlot *slot, bool *progress)
{
	if (mp_fetch_follow(fetch, slot->replay.kept) != MP_CALL_WAIT)
	{
		begin_child(fetch, slot);
		*progress = true;
	}
	return MP_FETCH_WAIT;
}

/* The rows of a slot whose answer was kept. */
static MpFetchState
replay_slot(MpFetch *fetch, MpSlot *slot, bool *progress)
{
	*progress = true;
	if (!mp_fetch_next_kept(fetch, slot))
	{
		mp_fetch_replay_done(fetch, slot);
		return MP_FETCH_WAIT;
	}
	fetch->records++;
	mp_fetch_complete_record(fetch, &slot->parent);
	return mp_fetch_is_in_scope(fetch) ? MP_FETCH_ROW : MP_FETCH_WAIT;
}

/* The list of accounts that tells which of those answered 404 are there. */
static MpFetchState
read_judge(MpFetch *fetch, bool *progress)
{
	static const MpParent none;
	MpCallState state = mp_call_next(fetch->judge, &fetch->record);
	MpVerdict	verdict;

	if (state == MP_CALL_WAIT)
		return MP_FETCH_WAIT;
	*progress = true;
	verdict = mp_fetch_judged(fetch, state);
	follow(fetch, verdict);
	if (verdict != MP_VERDICT_ROW)
		return MP_FETCH_WAIT;
	mp_fetch_complete_record(fetch, &none);
	return MP_FETCH_ROW;
}
