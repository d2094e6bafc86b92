/*-------------------------------------------------------------------------
 *
 * fdw/explain.h
 *		What EXPLAIN shows: the calls before they are made, and what they cost.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_FDW_EXPLAIN_H
#define MP_FDW_EXPLAIN_H

#include "postgres.h"

#include "catalog/compat.h"

/*
 * Called after BeginForeignScan or BeginForeignModify: with ANALYZE, when all
 * rows are done and before the End callbacks; without, when no parameter has a
 * value and a modification has no state.  They ask nothing and change nothing.
 */
extern void mixpanelExplainForeignScan(ForeignScanState *node,
									   struct ExplainState *es);
extern void mixpanelExplainForeignModify(ModifyTableState *mtstate,
										 ResultRelInfo *rinfo,
										 List *fdw_private, int subplan_index,
										 struct ExplainState *es);

#endif							/* MP_FDW_EXPLAIN_H */
