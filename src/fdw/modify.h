/*-------------------------------------------------------------------------
 *
 * fdw/modify.h
 *		INSERT, UPDATE, DELETE, COPY FROM and TRUNCATE.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_FDW_MODIFY_H
#define MP_FDW_MODIFY_H

#include "postgres.h"

#include "foreign/fdwapi.h"
#include "nodes/execnodes.h"
#include "nodes/plannodes.h"

#include "base/settings.h"
#include "catalog/compat.h"
#include "catalog/relation.h"
#include "http/http.h"

/* The private list of a modification, indexed by this enum. */
enum MpModifyPrivate
{
	MP_MODIFY_READS_SECRET,		/* Integer: RETURNING takes the secret */
};

/*
 * ResultRelInfo.ri_FdwState.  One executor's target has one state, made by
 * BeginForeignModify or by BeginForeignInsert, never by both: see there.  It
 * lives in the query's context (COPY: the command's).
 */
typedef struct MpModify
{
	MpTable    *table;
	MpSettings *settings;
	int			target;			/* mp_changeset_target_index(); -1: not yet */
	CommandId	cid;			/* of the command */
	char	   *quoted_name;	/* of the table, for hints */
	bool		reads_secret;
	bool		triggers_read;	/* AFTER ROW triggers get new rows */
	bool		returning;		/* the row is needed after a DELETE */
	ForeignScanState *scan;		/* of the rows to be changed; NULL: INSERT, or
								 * a plan that is known to give none */
	AttrNumber	id_junk;		/* in the subplan's rows */
	AttrNumber	project_junk;
	AttrNumber	grant_junk;		/* where the table has the column */
	AttrNumber	row_junk;
	MpTally		tally;			/* of creations; the rest is sent at COMMIT */
	MemoryContext row_context;	/* the row being written; reset by the next */
} MpModify;

extern void mixpanelAddForeignUpdateTargets(PlannerInfo *root, Index rtindex,
											RangeTblEntry *target_rte,
											Relation target_relation);
extern List *mixpanelPlanForeignModify(PlannerInfo *root, ModifyTable *plan,
									   Index resultRelation,
									   int subplan_index);
extern void mixpanelBeginForeignModify(ModifyTableState *mtstate,
									   ResultRelInfo *rinfo,
									   List *fdw_private, int subplan_index,
									   int eflags);
extern TupleTableSlot *mixpanelExecForeignInsert(EState *estate,
												 ResultRelInfo *rinfo,
												 TupleTableSlot *slot,
												 TupleTableSlot *planSlot);
extern TupleTableSlot *mixpanelExecForeignUpdate(EState *estate,
												 ResultRelInfo *rinfo,
												 TupleTableSlot *slot,
												 TupleTableSlot *planSlot);
extern TupleTableSlot *mixpanelExecForeignDelete(EState *estate,
												 ResultRelInfo *rinfo,
												 TupleTableSlot *slot,
												 TupleTableSlot *planSlot);
extern void mixpanelEndForeignModify(EState *estate, ResultRelInfo *rinfo);
extern void mixpanelBeginForeignInsert(ModifyTableState *mtstate,
									   ResultRelInfo *rinfo);
extern void mixpanelEndForeignInsert(EState *estate, ResultRelInfo *rinfo);
extern int	mixpanelIsForeignRelUpdatable(Relation rel);
extern void mixpanelExecForeignTruncate(List *rels, DropBehavior behavior,
										bool restart_seqs);

/* The name that core gives to a whole row among a subplan's columns. */
#define MP_MODIFY_ROW_JUNK "wholerow"

/* Where a key (MP_FIELD_ID, MP_FIELD_PROJECT_ID) or MP_FIELD_GRANT_TYPE is in
 * a subplan's rows; InvalidAttrNumber where it is not. */
extern AttrNumber mp_modify_key_target(List *tlist, const MpTable *table,
									   Relation rel, MpField field);

/* Does a RETURNING list whose variables carry `varno` take the new secret? */
extern bool mp_modify_reads_secret(const MpTable *table, Index varno,
								   List *returning);

/* Raise 428C9 for a column that is read-only, 0A000 for another that UPDATE
 * cannot change. */
MP_NORETURN extern void mp_modify_refuse_update(const MpTable *table,
												const MpAttribute *attribute);

/* Raise 0A000 for any ON CONFLICT. */
extern void mp_modify_refuse_on_conflict(OnConflictAction action);

/* Write one row of each kind; modify_row.c. */
extern void mp_modify_insert_account(MpModify *modify,
									 TupleTableSlot *slot);
extern void mp_modify_insert_membership(MpModify *modify,
										TupleTableSlot *slot);

/* The role of a row to be written, in UTF-8; raises 23502 for NULL, 22023 for
 * an empty one. */
extern char *mp_modify_role(const MpModify *modify, TupleTableSlot *slot);

/* Refuse a value for a column that may not be given one. */
extern void mp_modify_check_row(const MpModify *modify, TupleTableSlot *slot);

#endif							/* MP_FDW_MODIFY_H */
