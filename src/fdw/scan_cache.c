/*-------------------------------------------------------------------------
 *
 * fdw/scan_cache.c
 *		Rows of a lookup that may be asked for again.
 *
 * As a Materialize node does: rows are kept as they are read, a rescan gives
 * them from the start and goes on reading where they end.  What is beyond
 * work_mem goes to a temporary file.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/rel.h"

#include "fdw/scan.h"

static bool same_ids(const MpIds *a, const MpIds *b);

/* Keep rows where the plan's parameters may change, or it may be rewound. */
void
mp_scan_cache_init(ForeignScanState *node, int eflags)
{
	MpScan	   *scan = node->fdw_state;

	scan->keep = !bms_is_empty(node->ss.ps.plan->extParam) ||
		(eflags & (EXEC_FLAG_REWIND | EXEC_FLAG_BACKWARD |
				   EXEC_FLAG_MARK)) != 0;
	if (!scan->keep)
		return;
	scan->cache_slot =
		ExecInitExtraTupleSlot(node->ss.ps.state,
							   RelationGetDescr(node->ss.ss_currentRelation),
							   &TTSOpsMinimalTuple);
}

/* In the lookup's context, which is the current one. */
void
mp_scan_cache_begin(MpScan *scan)
{
	if (scan->keep)
		scan->cache = tuplestore_begin_heap(false, false, work_mem);
}

void
mp_scan_cache_rewind(MpScan *scan)
{
	tuplestore_rescan(scan->cache);
}

/* False where the kept rows end.  The row's values lie in the cache's slot
 * until the next one is read. */
bool
mp_scan_cache_read(MpScan *scan, TupleTableSlot *slot)
{
	TupleTableSlot *kept = scan->cache_slot;
	Size		count = (Size) slot->tts_tupleDescriptor->natts;
	MemoryContext old;
	bool		found;

	if (tuplestore_ateof(scan->cache))
		return false;
	/* a tuple read back from a file must outlive the executor's row */
	old = MemoryContextSwitchTo(kept->tts_mcxt);
	found = tuplestore_gettupleslot(scan->cache, true, false, kept);
	MemoryContextSwitchTo(old);
	if (!found)
		return false;
	slot_getallattrs(kept);
	ExecClearTuple(slot);
	memcpy(slot->tts_values, kept->tts_values, count * sizeof(Datum));
	memcpy(slot->tts_isnull, kept->tts_isnull, count * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	return true;
}

void
mp_scan_cache_add(MpScan *scan, TupleTableSlot *slot)
{
	tuplestore_puttupleslot(scan->cache, slot);
}

bool
mp_scan_same_lookup(const MpLookup *a, const MpLookup *b, bool wide)
{
	return a->nothing == b->nothing && a->prefer_list == b->prefer_list &&
		(wide || same_ids(&a->accounts, &b->accounts)) &&
		same_ids(&a->projects, &b->projects);
}

static bool
same_ids(const MpIds *a, const MpIds *b)
{
	return a->pinned == b->pinned && a->count == b->count &&
		(a->count == 0 ||
		 memcmp(a->ids, b->ids, (Size) a->count * sizeof(int64)) == 0);
}
