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
	MP_MODIFY_REFUSED,			/* List of int: attributes that UPDATE sets,
								 * where its first row is refused for them */
	MP_MODIFY_READS_SYSTEM,		/* Integer: RETURNING or a view's condition
								 * takes xmin or its kin */
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
	List	   *refused;		/* MP_MODIFY_REFUSED */
	bool		triggers_read;	/* AFTER ROW triggers get new rows */
	bool		returning;		/* the row is needed after a DELETE */
	bool		system;			/* written rows have xmin and its kin */
	ForeignScanState *scan;		/* of the rows to be changed; NULL: INSERT, or
								 * a plan that is known to give none */
	AttrNumber	id_junk;		/* in the subplan's rows */
	AttrNumber	project_junk;
	AttrNumber	grant_junk;		/* where the table has the column */
	AttrNumber	row_junk;
	MpTally		tally;			/* of creations; the rest is sent at COMMIT */
	MemoryContext row_context;	/* the row being written; reset by the next */
} MpModify;

/*
 * The callbacks, as core calls them:
 *
 * AddForeignUpdateTargets, once for each target of an UPDATE or DELETE while
 * it is planned, children included; only adds columns to the subplan's rows.
 * PlanForeignModify, once for each target of a plan, which may be executed
 * many times or never; returns what BeginForeignModify needs, in nodes that
 * can be copied.  Both may raise errors, and ask nobody.
 *
 * BeginForeignModify, once for each target of an execution, before any row,
 * also under EXPLAIN, where it makes no state.  It makes the state of a target
 * that the plan names.  BeginForeignInsert, without a plan of ours and only
 * when the first row comes: for COPY FROM, and for a partition that a row is
 * routed to.  It makes the state of a target that the plan does not name;
 * where the plan names it, as UPDATE may, there is a state already, and the
 * call is refused.  Each state belongs to its ResultRelInfo and is in the
 * context that was current, which lasts as long as the executor (COPY: the
 * command).
 *
 * ExecForeignInsert, ExecForeignUpdate and ExecForeignDelete, once for each
 * row, after BEFORE triggers and before AFTER triggers and RETURNING.  The
 * slot that is returned holds the row as it is now; its values may be in the
 * state's row_context, until the next row.  NULL: nothing was done, and no
 * AFTER trigger fires.
 *
 * EndForeignModify and EndForeignInsert, when all has gone well; after an
 * error, neither.  A target may get both, in either order, so either may come
 * when the state is gone.  What must be freed after an error is not theirs.
 *
 * IsForeignRelUpdatable, for any table at any time, also by functions that
 * list tables; must not raise anything.  ExecForeignTruncate, once for all
 * tables of one server.
 */
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

/* Does an expression take a system column that only a heap tuple has? */
extern bool mp_modify_reads_system(Node *node);

/* colnos: attributes that UPDATE sets.  The API can change a role only. */
extern void mp_modify_check_update(const MpTable *table, List *colnos);

/* Raise 428C9 for a column that is read-only, 0A000 for another that UPDATE
 * cannot change. */
MP_NORETURN extern void mp_modify_refuse_update(const MpTable *table,
												const MpAttribute *attribute);

/* Install the hook that has a hint for 42P10; from _PG_init. */
extern void mp_modify_init(void);

/* Raise 0A000 for any ON CONFLICT. */
extern void mp_modify_refuse_on_conflict(Relation rel,
										 OnConflictAction action);

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
