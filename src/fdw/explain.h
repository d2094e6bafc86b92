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

extern void mixpanelExplainForeignScan(ForeignScanState *node,
									   struct ExplainState *es);
extern void mixpanelExplainForeignModify(ModifyTableState *mtstate,
										 ResultRelInfo *rinfo,
										 List *fdw_private, int subplan_index,
										 struct ExplainState *es);

#endif							/* MP_FDW_EXPLAIN_H */
