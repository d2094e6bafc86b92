/*-------------------------------------------------------------------------
 *
 * fdw/scan.h
 *		The executor's scan of a foreign table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_FDW_SCAN_H
#define MP_FDW_SCAN_H

#include "postgres.h"

#include "foreign/fdwapi.h"
#include "nodes/execnodes.h"
#include "utils/tuplestore.h"

#include "catalog/compat.h"
#include "catalog/relation.h"
#include "remote/fetch.h"
#include "transaction/changeset.h"

/* ForeignScanState.fdw_state; lives in the query's context. */
typedef struct MpScan
{
	MpTable    *table;
	MpSettings *settings;		/* without credentials under EXPLAIN */
	uint32		wanted;
	uint32		filtered;		/* those that something is decided on */
	int			target;			/* MpScanTarget */
	bool		by_keys;		/* a DELETE that looks at the keys only */
	bool		system;			/* rows have xmin and its kin */
	double		tuples;			/* the planner's guess at the table's size */

	List	   *key_states;		/* ExprState of each key */
	List	   *key_exprs;		/* the plan's, parallel */
	List	   *fields;
	List	   *arrays;
	List	   *groups;

	int			gathered_field; /* MpField that a lookup join pins; -1: none */
	MpIds		gathered;		/* to these, set before a rescan */
	int			expected;		/* how many the planner thought of */
	double		repeats;		/* executions that the planner expects of a
								 * scan with parameters; 0: not looked at */

	MemoryContext lookup_context;	/* the lookup, the fetch and the cache */
	MemoryContext spare_context;	/* for the lookup of a rescan, until it is
									 * known whether it is another */
	MpSnapshot *statement;		/* what this execution's scans have read; NULL
								 * under EXPLAIN */
	MpLookup	lookup;
	MpFetch    *fetch;			/* NULL: not begun or over */
	MpOverlay  *overlay;
	bool		begun;
	bool		rescanned;		/* look at the keys' values anew */
	bool		keep;			/* rows may be asked for again */
	Tuplestorestate *cache;		/* rows of this lookup so far, where kept */
	TupleTableSlot *cache_slot;
	bool		base_done;		/* rows of the API are read, those added by
								 * this transaction follow */
	MpTally		tally;			/* of fetches that are over */
	int64		shared;			/* answers that they have shared */
	HTAB	   *other_grants;	/* of a DELETE or UPDATE: the pairs (MpPair)
								 * read with a grant that is not individual;
								 * NULL: none yet */
	List	   *own_accounts;	/* of a DELETE: ids (int64 *) of the rows read
								 * whose account the requests authenticate
								 * with */

	bool		async;			/* below an Append: do not wait */
	bool		would_wait;		/* the empty slot means only that */
} MpScan;

/*
 * The callbacks, as core calls them:
 *
 * BeginForeignScan, once for each scan of an execution, also under EXPLAIN
 * (then no credentials are looked for and nothing is asked).  Makes the state
 * in the query's context; asks nothing yet, as parameters have no values.
 * IterateForeignScan, in a context that is reset for each row: one row, or an
 * empty slot at the end; may be called again after the end.  Conditions of the
 * plan are checked by core afterwards.
 * ReScanForeignScan, before any row or after some; parameters may have
 * changed.  EndForeignScan, once, when all has gone well, at any row; after an
 * error not at all: what the scan has under way hangs on memory contexts,
 * which cancel it.
 */
extern void mixpanelBeginForeignScan(ForeignScanState *node, int eflags);
extern TupleTableSlot *mixpanelIterateForeignScan(ForeignScanState *node);
extern void mixpanelReScanForeignScan(ForeignScanState *node);
extern void mixpanelEndForeignScan(ForeignScanState *node);

/*
 * Rows of a lookup that may be asked for again; scan_cache.c.  A scan below
 * the inner side of a loop or in a correlated sub-select is rescanned, often
 * with the same keys: what was read once in a statement is not asked for
 * again.
 */
extern void mp_scan_cache_init(ForeignScanState *node, int eflags);
extern void mp_scan_cache_begin(MpScan *scan);
extern void mp_scan_cache_rewind(MpScan *scan);
extern bool mp_scan_cache_read(MpScan *scan, TupleTableSlot *slot);
extern void mp_scan_cache_add(MpScan *scan, TupleTableSlot *slot);

/* Do two lookups ask for the same rows?  Wide: or for some of what the second
 * has read for all accounts? */
extern bool mp_scan_same_lookup(const MpLookup *a, const MpLookup *b,
								bool wide);

/* How often the planner expects a scan with parameters to be executed. */
extern double mp_scan_repeats(const ForeignScanState *node);

/*
 * Append's asynchronous protocol; scan_async.c.
 *
 * ForeignAsyncRequest, when the Append wants a row of a scan that has none on
 * its way: gives a row, the end, or a promise (callback_pending).
 * ForeignAsyncConfigureWait, before each wait of the Append, for each scan
 * that has promised; adds one event at most.
 * ForeignAsyncNotify, when that event came, which does not mean that there is
 * a row.
 */
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

/* Of a scan for DELETE or UPDATE: has it read a row of this pair that is no
 * grant to the account itself? */
extern bool mp_scan_has_other_grant(ForeignScanState *node, int64 account,
									int64 project);

/* Of a scan for DELETE: is this a row it has read, of the account that its
 * requests authenticate with? */
extern bool mp_scan_is_own_account(ForeignScanState *node, int64 account);

/* What the scan has cost so far. */
extern void mp_scan_tally(const MpScan *scan, MpTally *tally);

/* How many answers it has taken from what others have asked for. */
extern int64 mp_scan_shared(const MpScan *scan);

#endif							/* MP_FDW_SCAN_H */
