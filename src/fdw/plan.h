/*-------------------------------------------------------------------------
 *
 * fdw/plan.h
 *		Conditions -> keys, costs, paths and the plan of a scan.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_FDW_PLAN_H
#define MP_FDW_PLAN_H

#include "postgres.h"

#include "foreign/fdwapi.h"
#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"

#include "catalog/relation.h"
#include "remote/fetch.h"

/*
 * ForeignScan.fdw_private, a list indexed by this enum.  ForeignScan.fdw_exprs
 * holds the expressions that pin keys; the three int lists run parallel to it.
 */
enum MpScanPrivate
{
	MP_SCAN_FIELDS,				/* IntList: MpField that is pinned */
	MP_SCAN_ARRAYS,				/* IntList: the expression is an array */
	MP_SCAN_GROUPS,				/* IntList: expressions of one group are
								 * alternatives, groups are restrictions */
	MP_SCAN_WANTED,				/* Integer: set of MP_FIELD_BIT to decode */
	MP_SCAN_TARGET,				/* Integer: MpScanTarget */
	MP_SCAN_TUPLES,				/* Integer: rows that the whole table is
								 * thought to have; of memberships, that
								 * ANALYZE has found, or -1 */
	MP_SCAN_FILTERED,			/* Integer: set of MP_FIELD_BIT that something
								 * is decided on */
	MP_SCAN_GATHERED,			/* Integer: MpField whose values a lookup join
								 * gives; -1: none */
	MP_SCAN_EXPECTED,			/* Integer: how many of these values there are
								 * thought to be; 0: not known */
	MP_SCAN_BY_KEYS,			/* Integer: a DELETE whose conditions,
								 * RETURNING and triggers look at the keys
								 * only */
	MP_SCAN_SYSTEM,				/* Integer: xmin and its kin are read */
};

/* What the scan's rows are for. */
typedef enum MpScanTarget
{
	MP_SCAN_FOR_SELECT,
	MP_SCAN_FOR_DELETE,
	MP_SCAN_FOR_UPDATE,
} MpScanTarget;

extern void mixpanelGetForeignRelSize(PlannerInfo *root, RelOptInfo *baserel,
									  Oid foreigntableid);
extern void mixpanelGetForeignPaths(PlannerInfo *root, RelOptInfo *baserel,
									Oid foreigntableid);
extern ForeignScan *mixpanelGetForeignPlan(PlannerInfo *root,
										   RelOptInfo *baserel,
										   Oid foreigntableid,
										   ForeignPath *best_path,
										   List *tlist, List *scan_clauses,
										   Plan *outer_plan);

/* Option async_capable, for Append. */
extern bool mixpanelIsForeignPathAsyncCapable(ForeignPath *path);

/*
 * What it costs to read the rows of about `count` ids of a field at once:
 * the planner's units; *startup until the first row, *total until the last.
 */
extern void mp_plan_lookup_cost(RelOptInfo *baserel, MpField field,
								double count, Cost *startup, Cost *total);

/* The foreign table behind a relation that this extension planned. */
extern const MpTable *mp_plan_table(const RelOptInfo *baserel);

/*
 * Are `count` accounts got sooner by one list of about `tuples` than one by
 * one?  The same rule for estimates and at run time.
 */
extern bool mp_plan_prefers_list(const MpSettings *settings, double count,
								 double tuples);

#endif							/* MP_FDW_PLAN_H */
