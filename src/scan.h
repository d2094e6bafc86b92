/*-------------------------------------------------------------------------
 *
 * scan.h
 *		The executor's scan of a foreign table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_SCAN_H
#define MP_SCAN_H

#include "postgres.h"

#include "foreign/fdwapi.h"
#include "nodes/execnodes.h"

#include "changeset.h"
#include "compat.h"
#include "fetch.h"
#include "relation.h"

/* ForeignScanState.fdw_state; lives in the query's context. */
typedef struct MpScan
{
	MpTable    *table;
	MpSettings *settings;		/* without credentials under EXPLAIN */
	uint32		wanted;
	int			target;			/* MpScanTarget */
	double		tuples;			/* the planner's guess at the table's size */

	List	   *key_states;		/* ExprState of each key */
	List	   *key_exprs;		/* the plan's, parallel */
	List	   *fields;
	List	   *arrays;
	List	   *groups;

	int			gathered_field; /* MpField that a lookup join pins; -1: none */
	MpIds		gathered;		/* to these, set before a rescan */

	MemoryContext lookup_context;	/* the lookup and the fetch; reset by
									 * rescan */
	MpLookup	lookup;
	MpFetch    *fetch;			/* NULL: not begun or over */
	MpOverlay  *overlay;
	bool		begun;
	bool		base_done;		/* rows of the API are read, those added by
								 * this transaction follow */
	MpTally		tally;			/* of fetches that are over */

	bool		async;			/* below an Append: do not wait */
	bool		would_wait;		/* the empty slot means only that */
	int			async_descriptor;	/* own copy of the pool's; -1: none */
	MemoryContextCallback close_descriptor;
} MpScan;

extern void mixpanelBeginForeignScan(ForeignScanState *node, int eflags);
extern TupleTableSlot *mixpanelIterateForeignScan(ForeignScanState *node);
extern void mixpanelReScanForeignScan(ForeignScanState *node);
extern void mixpanelEndForeignScan(ForeignScanState *node);

/* Append's asynchronous protocol; scan_async.c. */
extern void mixpanelForeignAsyncRequest(AsyncRequest *areq);
extern void mixpanelForeignAsyncConfigureWait(AsyncRequest *areq);
extern void mixpanelForeignAsyncNotify(AsyncRequest *areq);

/*
 * The lookup that the keys' values give; evaluates them.  only_constants: what
 * is not a constant is left unknown (pinned, with no id), for EXPLAIN.
 */
extern void mp_scan_make_lookup(ForeignScanState *node, MpLookup *lookup,
								bool only_constants);

/*
 * For a lookup join: the ids that the next rescan reads; ascending, distinct,
 * and the caller's to keep until then.
 */
extern void mp_scan_gather(ForeignScanState *node, int64 *ids, int count);

/* What the scan has cost so far. */
extern void mp_scan_tally(const MpScan *scan, MpTally *tally);

#endif							/* MP_SCAN_H */
