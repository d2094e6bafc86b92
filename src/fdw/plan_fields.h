/*-------------------------------------------------------------------------
 *
 * fdw/plan_fields.h
 *		Which fields of its records a scan reads, and what for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_FDW_PLAN_FIELDS_H
#define MP_FDW_PLAN_FIELDS_H

#include "postgres.h"

#include "nodes/pathnodes.h"

#include "catalog/relation.h"

/*
 * The fields to decode, a set of MP_FIELD_BITs: what the query reads, the
 * keys (the transaction's own changes are found by them) and the role (which
 * they may change).  `clauses` are the scan's conditions.
 */
extern uint32 mp_plan_wanted_fields(const RelOptInfo *rel,
									const MpTable *table, List *clauses);

/* Does the query read a system column that only a heap tuple has? */
extern bool mp_plan_wants_system(const RelOptInfo *rel, List *clauses);

/*
 * The fields that something is decided on: the scan's conditions, those of
 * joins, and whatever else of the query is evaluated before its final target
 * list.
 */
extern uint32 mp_plan_filtered_fields(PlannerInfo *root,
									  const RelOptInfo *rel,
									  const MpTable *table, List *clauses);

/* Does a condition look at ctid, or the query do more with it than show it? */
extern bool mp_plan_decides_on_ctid(PlannerInfo *root, const RelOptInfo *rel,
									List *clauses);

/*
 * Is the scan a DELETE's, and does nothing of the statement look at any other
 * field than the keys?  `filtered` is mp_plan_filtered_fields()'s.
 */
extern bool mp_plan_deletes_by_keys(PlannerInfo *root, const RelOptInfo *rel,
									const MpTable *table, uint32 filtered);

#endif							/* MP_FDW_PLAN_FIELDS_H */
