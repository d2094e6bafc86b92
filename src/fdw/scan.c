/*-------------------------------------------------------------------------
 *
 * fdw/scan.c
 *		The executor's scan: begin, iterate, rescan, end.
 *
 * Rows come from a fetch; what this transaction has queued is laid over them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "catalog/option.h"
#include "catalog/setting.h"
#include "fdw/plan.h"
#include "fdw/scan.h"
#include "remote/fetch_wait.h"

static void read_private(MpScan *scan, ForeignScan *plan);
static void begin_lookup(ForeignScanState *node);
static bool is_wide(const MpScan *scan);
static void end_lookup(MpScan *scan);
static MpFetchState next_row(ForeignScanState *node);
static MpFetchState next_new_row(ForeignScanState *node);
static MpFetchState next_base_row(ForeignScanState *node);
static bool fill_row(ForeignScanState *node, const MpRecord *record);
static bool fill_membership(ForeignScanState *node, const MpRecord *record);
static void note_other_grant(ForeignScanState *node, const MpRecord *record);
static void note_own_account(ForeignScanState *node, const MpRecord *record);
static bool fill_added(MpScan *scan, TupleTableSlot *slot);
static bool fill_created(MpScan *scan, TupleTableSlot *slot);

void
mixpanelBeginForeignScan(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	Relation	rel = node->ss.ss_currentRelation;
	MpScan	   *scan = palloc0(sizeof(MpScan));

	mp_setting_require();
	node->fdw_state = scan;
	read_private(scan, plan);
	scan->table = mp_relation_open(rel);
	scan->key_exprs = plan->fdw_exprs;
	scan->key_states = ExecInitExprList(plan->fdw_exprs, (PlanState *) node);
	scan->lookup_context = AllocSetContextCreate(CurrentMemoryContext,
												 "mixpanel_sa_fdw lookup",
												 ALLOCSET_SMALL_SIZES);
	scan->spare_context = AllocSetContextCreate(CurrentMemoryContext,
												"mixpanel_sa_fdw rescan",
												ALLOCSET_SMALL_SIZES);
	mp_scan_cache_init(node, eflags);
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0)
		scan->settings = mp_option_resolve_public(RelationGetRelid(rel),
												  InvalidOid);
	else
	{
		scan->settings = mp_option_resolve(RelationGetRelid(rel), InvalidOid,
										   MP_SCAN_USER(node));
		scan->statement =
			mp_snapshot_of_statement(node->ss.ps.state->es_query_cxt);
	}
}

TupleTableSlot *
mixpanelIterateForeignScan(ForeignScanState *node)
{
	MpScan	   *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	for (;;)
	{
		switch (next_row(node))
		{
			case MP_FETCH_ROW:
				if (scan->system)
					mp_relation_show_system(slot);
				return slot;
			case MP_FETCH_DONE:
				return ExecClearTuple(slot);
			case MP_FETCH_WAIT:
				scan->would_wait = scan->async;
				if (scan->async)
					return ExecClearTuple(slot);
				mp_fetch_wait(scan->fetch);
				break;
		}
	}
}

/* Parameters may have changed; they have no values before the next row. */
void
mixpanelReScanForeignScan(ForeignScanState *node)
{
	MpScan	   *scan = node->fdw_state;

	scan->rescanned = true;
	if (!scan->keep)
		end_lookup(scan);
}

void
mixpanelEndForeignScan(ForeignScanState *node)
{
	MpScan	   *scan = node->fdw_state;

	if (scan == NULL || scan->lookup_context == NULL)
		return;
	end_lookup(scan);
	MemoryContextReset(scan->spare_context);
}

void
mp_scan_gather(ForeignScanState *node, int64 *ids, int count)
{
	MpScan	   *scan = node->fdw_state;

	scan->gathered.pinned = true;
	scan->gathered.ids = ids;
	scan->gathered.count = count;
}

void
mp_scan_tally(const MpScan *scan, MpTally *tally)
{
	*tally = scan->tally;
	if (scan->fetch != NULL)
		mp_fetch_add_tally(scan->fetch, tally);
}

int64
mp_scan_shared(const MpScan *scan)
{
	return scan->shared +
		(scan->fetch != NULL ? mp_fetch_shared(scan->fetch) : 0);
}

bool
mp_scan_is_own_account(ForeignScanState *node, int64 account)
{
	MpScan	   *scan = node->fdw_state;
	ListCell   *cell;

	foreach(cell, scan->own_accounts)
	{
		if (*(int64 *) lfirst(cell) == account)
			return true;
	}
	return false;
}

bool
mp_scan_has_other_grant(ForeignScanState *node, int64 account, int64 project)
{
	MpScan	   *scan = node->fdw_state;
	MpPair		pair = {.account = account,.project = project};

	return scan->other_grants != NULL &&
		hash_search(scan->other_grants, &pair, HASH_FIND, NULL) != NULL;
}

static void
read_private(MpScan *scan, ForeignScan *plan)
{
	List	   *private = plan->fdw_private;

	scan->fields = list_nth(private, MP_SCAN_FIELDS);
	scan->arrays = list_nth(private, MP_SCAN_ARRAYS);
	scan->groups = list_nth(private, MP_SCAN_GROUPS);
	scan->wanted = (uint32) intVal(list_nth(private, MP_SCAN_WANTED));
	scan->filtered = (uint32) intVal(list_nth(private, MP_SCAN_FILTERED));
	scan->target = intVal(list_nth(private, MP_SCAN_TARGET));
	scan->tuples = intVal(list_nth(private, MP_SCAN_TUPLES));
	scan->gathered_field = intVal(list_nth(private, MP_SCAN_GATHERED));
	scan->expected = intVal(list_nth(private, MP_SCAN_EXPECTED));
	scan->by_keys = intVal(list_nth(private, MP_SCAN_BY_KEYS)) != 0;
	scan->system = intVal(list_nth(private, MP_SCAN_SYSTEM)) != 0;
}

/*
 * Evaluate the keys.  After a rescan that gives the same lookup, go on with
 * the one there is, from its first row.
 */
static void
begin_lookup(ForeignScanState *node)
{
	MpScan	   *scan = node->fdw_state;
	MemoryContext spare = scan->spare_context;
	MemoryContext old = MemoryContextSwitchTo(spare);
	uint32		decoded = scan->wanted;
	MpLookup	lookup;

	/* tells the account that one authenticates with; fills no column */
	if (scan->target == MP_SCAN_FOR_DELETE)
		decoded |= MP_FIELD_BIT(MP_FIELD_USERNAME);
	mp_scan_make_lookup(node, &lookup, false);
	scan->rescanned = false;
	if (scan->begun &&
		mp_scan_same_lookup(&lookup, &scan->lookup, is_wide(scan)))
	{
		MemoryContextSwitchTo(old);
		MemoryContextReset(spare);
		mp_scan_cache_rewind(scan);
		return;
	}
	end_lookup(scan);
	scan->spare_context = scan->lookup_context;
	scan->lookup_context = spare;
	scan->lookup = lookup;
	mp_scan_cache_begin(scan);
	scan->overlay = mp_overlay_begin(scan->settings,
									 node->ss.ps.state->es_snapshot->curcid);
	/* which grant a row is, and so whether changes are of that row */
	if (scan->target != MP_SCAN_FOR_SELECT || scan->overlay != NULL)
		decoded |= MP_FIELD_BIT(MP_FIELD_GRANT_TYPE);
	scan->fetch = mp_fetch_begin(scan->settings, &scan->lookup, decoded);
	scan->begun = true;
	MemoryContextSwitchTo(old);
}

/* Has it read what the lookups of later rescans ask for? */
static bool
is_wide(const MpScan *scan)
{
	return scan->fetch != NULL && scan->cache != NULL &&
		mp_fetch_is_wide(scan->fetch);
}

static void
end_lookup(MpScan *scan)
{
	Assert(scan->begun || (scan->fetch == NULL && scan->cache == NULL));
	if (scan->fetch != NULL)
	{
		mp_fetch_add_tally(scan->fetch, &scan->tally);
		scan->shared += mp_fetch_shared(scan->fetch);
	}
	scan->fetch = NULL;
	scan->overlay = NULL;
	/* a temporary file is not the context's */
	if (scan->cache != NULL)
		tuplestore_end(scan->cache);
	scan->cache = NULL;
	scan->begun = false;
	scan->base_done = false;
	MemoryContextReset(scan->lookup_context);
}

/* The next row into the scan's slot. */
static MpFetchState
next_row(ForeignScanState *node)
{
	MpScan	   *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	MpFetchState state;

	if (!scan->begun || scan->rescanned)
		begin_lookup(node);
	if (scan->cache == NULL)
		return next_new_row(node);
	if (mp_scan_cache_read(scan, slot))
		return MP_FETCH_ROW;
	state = next_new_row(node);
	if (state == MP_FETCH_ROW)
		mp_scan_cache_add(scan, slot);
	return state;
}

/*
 * The next row: first those that the API gives, then those that the
 * transaction has added.
 */
static MpFetchState
next_new_row(ForeignScanState *node)
{
	MpScan	   *scan = node->fdw_state;

	if (!scan->base_done)
	{
		MpFetchState state = next_base_row(node);

		if (state != MP_FETCH_DONE)
			return state;
		scan->base_done = true;
	}
	if (scan->overlay == NULL || scan->lookup.nothing)
		return MP_FETCH_DONE;
	if (scan->lookup.relation == MP_RELATION_MEMBERSHIPS ?
		fill_added(scan, node->ss.ss_ScanTupleSlot) :
		fill_created(scan, node->ss.ss_ScanTupleSlot))
		return MP_FETCH_ROW;
	return MP_FETCH_DONE;
}

static MpFetchState
next_base_row(ForeignScanState *node)
{
	MpScan	   *scan = node->fdw_state;

	for (;;)
	{
		const MpRecord *record;
		MpFetchState state = mp_fetch_next(scan->fetch, &record);

		if (state != MP_FETCH_ROW || fill_row(node, record))
			return state;
	}
}

/* False where this transaction has hidden the row. */
static bool
fill_row(ForeignScanState *node, const MpRecord *record)
{
	MpScan	   *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	int64		account = record->values[MP_FIELD_ID].as.integer;

	if (scan->lookup.relation == MP_RELATION_MEMBERSHIPS)
		return fill_membership(node, record);
	if (scan->target == MP_SCAN_FOR_DELETE)
		note_own_account(node, record);
	if (scan->overlay != NULL &&
		mp_overlay_account(scan->overlay, account) == MP_SIGHT_HIDDEN)
		return false;
	mp_relation_fill(scan->table, scan->wanted, record, slot);
	return true;
}

/*
 * A pair may have several rows: one for the account itself, which this
 * transaction may have changed, and others that come from teams or from the
 * organization, which no call changes.
 */
static bool
fill_membership(ForeignScanState *node, const MpRecord *record)
{
	MpScan	   *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	bool		individual = mp_record_is_individual(record);
	int64		account = record->values[MP_FIELD_ID].as.integer;
	int64		project = record->values[MP_FIELD_PROJECT_ID].as.integer;
	const char *role = NULL;
	MpSight		sight = MP_SIGHT_AS_IS;

	if (!individual && scan->target != MP_SCAN_FOR_SELECT)
		note_other_grant(node, record);
	if (scan->overlay != NULL && individual)
		sight = mp_overlay_membership(scan->overlay, account, project, &role);
	else if (scan->overlay != NULL)
		sight = mp_overlay_account(scan->overlay, account);
	if (sight == MP_SIGHT_HIDDEN)
		return false;
	if (sight == MP_SIGHT_ROLE)
	{
		MpRecord	changed = *record;

		mp_record_set_text(&changed, MP_FIELD_ROLE, role, strlen(role));
		mp_relation_fill(scan->table, scan->wanted, &changed, slot);
		mp_relation_show_role(scan->table, slot, role);
	}
	else
		mp_relation_fill(scan->table, scan->wanted, record, slot);
	return true;
}

/* Note the pair of a row that cannot be changed. */
static void
note_other_grant(ForeignScanState *node, const MpRecord *record)
{
	MpScan	   *scan = node->fdw_state;
	MpPair		pair = {
		.account = record->values[MP_FIELD_ID].as.integer,
		.project = record->values[MP_FIELD_PROJECT_ID].as.integer,
	};
	HASHCTL		control = {
		.keysize = sizeof(MpPair),
		.entrysize = sizeof(MpPair),
		.hcxt = node->ss.ps.state->es_query_cxt,
	};

	if (scan->other_grants == NULL)
		scan->other_grants = hash_create("mixpanel_sa_fdw grants", 64,
										 &control, HASH_ELEM | HASH_BLOBS |
										 HASH_CONTEXT);
	hash_search(scan->other_grants, &pair, HASH_ENTER, NULL);
}

/*
 * Note an account that has the name which the scan's own requests
 * authenticate with: its deletion is refused.
 */
static void
note_own_account(ForeignScanState *node, const MpRecord *record)
{
	MpScan	   *scan = node->fdw_state;
	const MpValue *username = &record->values[MP_FIELD_USERNAME];
	int64		account = record->values[MP_FIELD_ID].as.integer;
	const char *own = scan->settings->username;
	MemoryContext old;

	if (!username->present || own == NULL ||
		username->as.text.length != strlen(own) ||
		memcmp(username->as.text.data, own, strlen(own)) != 0 ||
		mp_scan_is_own_account(node, account))
		return;
	old = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	scan->own_accounts = lappend(scan->own_accounts,
								 memcpy(palloc(sizeof(int64)), &account,
										sizeof(int64)));
	MemoryContextSwitchTo(old);
}

/* A membership that this transaction has added. */
static bool
fill_added(MpScan *scan, TupleTableSlot *slot)
{
	MpLookup	lookup = scan->lookup;
	MpAdded		added;
	MpRecord	record = {0};

	if (is_wide(scan))
		lookup.accounts.pinned = false;
	if (!mp_overlay_next_added(scan->overlay, &lookup, &added))
		return false;
	mp_record_set_integer(&record, MP_FIELD_ID, added.account);
	mp_record_set_integer(&record, MP_FIELD_PROJECT_ID, added.project);
	mp_record_set_integer(&record, MP_FIELD_ORGANIZATION_ID,
						  scan->settings->organization_id);
	mp_record_set_text(&record, MP_FIELD_ROLE, added.role,
					   strlen(added.role));
	mp_relation_fill(scan->table, scan->wanted, &record, slot);
	return true;
}

/* An account that this transaction has created and the API does not show. */
static bool
fill_created(MpScan *scan, TupleTableSlot *slot)
{
	const MpRecord *record = mp_overlay_next_created(scan->overlay,
													 &scan->lookup);

	if (record == NULL)
		return false;
	mp_relation_fill(scan->table, scan->wanted, record, slot);
	return true;
}
