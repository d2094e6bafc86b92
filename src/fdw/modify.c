/*-------------------------------------------------------------------------
 *
 * fdw/modify.c
 *		INSERT, UPDATE, DELETE, COPY FROM and TRUNCATE: what is allowed, and
 *		which row is meant.
 *
 * Accounts are created at once; all else goes to the changeset, which sends
 * it at COMMIT.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "catalog/compat.h"
#include "catalog/option.h"
#include "fdw/modify.h"
#include "remote/session.h"
#include "transaction/changeset.h"

#define ID_JUNK "mixpanel_id"
#define PROJECT_JUNK "mixpanel_project_id"
#define ROW_JUNK "wholerow"		/* the name that core gives to a whole row */

static void add_key_target(PlannerInfo *root, Index rtindex, Relation rel,
						   AttrNumber attnum, const char *name);
static char *junk_name(const char *name, Relation rel, AttrNumber attnum);
static AttrNumber find_key_target(List *tlist, const MpTable *table,
								  Relation rel, MpField field);
static void check_update(const MpTable *table, List *colnos);
static bool reads_secret(const MpTable *table, Index rtindex, List *returning);
static MpModify *begin_modify(ModifyTableState *mtstate,
							  ResultRelInfo *rinfo);
static void require_secret(const MpModify *modify);
static void refuse_on_conflict(OnConflictAction action);
static MpModify *begin_row(ResultRelInfo *rinfo);
static void check_view_options(ResultRelInfo *rinfo, TupleTableSlot *slot,
							   EState *estate);
static int64 junk_id(const MpModify *modify, TupleTableSlot *planSlot,
					 AttrNumber junk, MpField field);
static void check_own_account(const MpModify *modify, int64 account);
static void check_keys(const MpModify *modify, TupleTableSlot *slot,
					   const MpChange *change);
static void store_old_row(const MpModify *modify, TupleTableSlot *planSlot,
						  TupleTableSlot *slot);

void
mixpanelAddForeignUpdateTargets(PlannerInfo *root, Index rtindex,
								RangeTblEntry *target_rte
								pg_attribute_unused(),
								Relation target_relation)
{
	MpTable    *table = mp_relation_open(target_relation);

	add_key_target(root, rtindex, target_relation,
				   mp_relation_key(table, MP_FIELD_ID), ID_JUNK);
	if (table->relation->kind == MP_RELATION_MEMBERSHIPS)
		add_key_target(root, rtindex, target_relation,
					   mp_relation_key(table, MP_FIELD_PROJECT_ID),
					   PROJECT_JUNK);
	/* a row that is not there any more can only be returned from memory */
	if (root->parse->returningList != NIL)
		add_row_identity_var(root, makeVar((int) rtindex, InvalidAttrNumber,
										   RECORDOID, -1, InvalidOid, 0),
							 rtindex, ROW_JUNK);
}

List *
mixpanelPlanForeignModify(PlannerInfo *root, ModifyTable *plan,
						  Index resultRelation, int subplan_index)
{
	RangeTblEntry *rte = planner_rt_fetch(resultRelation, root);
	Relation	rel = table_open(rte->relid, NoLock);
	MpTable    *table = mp_relation_open(rel);
	List	   *returning = NIL;

	table_close(rel, NoLock);
	refuse_on_conflict(plan->onConflictAction);
	if (plan->operation == CMD_UPDATE)
		check_update(table, list_nth(plan->updateColnosLists, subplan_index));
	if (plan->returningLists != NIL)
		returning = list_nth(plan->returningLists, subplan_index);
	return list_make1(makeInteger(reads_secret(table, resultRelation,
											   returning)));
}

void
mixpanelBeginForeignModify(ModifyTableState *mtstate, ResultRelInfo *rinfo,
						   List *fdw_private,
						   int subplan_index pg_attribute_unused(), int eflags)
{
	MpModify   *modify;
	List	   *tlist = outerPlanState(mtstate)->plan->targetlist;

	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0)
		return;
	modify = begin_modify(mtstate, rinfo);
	modify->reads_secret =
		intVal(list_nth(fdw_private, MP_MODIFY_READS_SECRET)) != 0;
	if (mtstate->operation == CMD_INSERT)
		require_secret(modify);
	else
	{
		modify->id_junk = find_key_target(tlist, modify->table,
										  rinfo->ri_RelationDesc,
										  MP_FIELD_ID);
		if (modify->table->relation->kind == MP_RELATION_MEMBERSHIPS)
			modify->project_junk = find_key_target(tlist, modify->table,
												   rinfo->ri_RelationDesc,
												   MP_FIELD_PROJECT_ID);
		modify->row_junk = ExecFindJunkAttributeInTlist(tlist, ROW_JUNK);
		modify->returning =
			((ModifyTable *) mtstate->ps.plan)->returningLists != NIL;
	}
}

/* COPY FROM, and rows that a partitioned table sends here. */
void
mixpanelBeginForeignInsert(ModifyTableState *mtstate, ResultRelInfo *rinfo)
{
	MpModify   *modify = begin_modify(mtstate, rinfo);
	ModifyTable *plan = (ModifyTable *) mtstate->ps.plan;
	Index		rti = rinfo->ri_RangeTableIndex;

	if (plan != NULL)
		refuse_on_conflict(plan->onConflictAction);
	/* a partition's RETURNING list names the root's range table entry */
	if (rti == 0 && rinfo->ri_RootResultRelInfo != NULL)
		rti = rinfo->ri_RootResultRelInfo->ri_RangeTableIndex;
	modify->reads_secret = reads_secret(modify->table, rti,
										rinfo->ri_returningList);
	require_secret(modify);
}

TupleTableSlot *
mixpanelExecForeignInsert(EState *estate, ResultRelInfo *rinfo,
						  TupleTableSlot *slot,
						  TupleTableSlot *planSlot pg_attribute_unused())
{
	MpModify   *modify = begin_row(rinfo);
	MemoryContext old = MemoryContextSwitchTo(modify->row_context);

	mp_modify_check_row(modify, slot);
	if (modify->table->relation->kind == MP_RELATION_ACCOUNTS)
	{
		mp_modify_insert_account(modify, slot);
		check_view_options(rinfo, slot, estate);
	}
	else
		mp_modify_insert_membership(modify, slot);
	MemoryContextSwitchTo(old);
	return slot;
}

TupleTableSlot *
mixpanelExecForeignUpdate(EState *estate pg_attribute_unused(),
						  ResultRelInfo *rinfo,
						  TupleTableSlot *slot, TupleTableSlot *planSlot)
{
	MpModify   *modify = begin_row(rinfo);
	MemoryContext old = MemoryContextSwitchTo(modify->row_context);
	MpChange	change = {
		.kind = MP_CHANGE_ROLE,
		.cid = modify->cid,
		.target = (uint16) modify->target,
	};
	bool		queued;

	change.account = junk_id(modify, planSlot, modify->id_junk, MP_FIELD_ID);
	change.project = junk_id(modify, planSlot, modify->project_junk,
							 MP_FIELD_PROJECT_ID);
	check_keys(modify, slot, &change);
	change.role = mp_modify_role(modify, slot);
	if (rinfo->ri_oldTupleSlot != NULL && !TTS_EMPTY(rinfo->ri_oldTupleSlot))
		change.old_role = mp_relation_text(modify->table,
										   rinfo->ri_oldTupleSlot,
										   MP_FIELD_ROLE);
	queued = mp_changeset_queue(&change);
	MemoryContextSwitchTo(old);
	return queued ? slot : NULL;
}

TupleTableSlot *
mixpanelExecForeignDelete(EState *estate pg_attribute_unused(),
						  ResultRelInfo *rinfo,
						  TupleTableSlot *slot, TupleTableSlot *planSlot)
{
	MpModify   *modify = begin_row(rinfo);
	MemoryContext old = MemoryContextSwitchTo(modify->row_context);
	MpChange	change = {
		.kind = MP_CHANGE_DELETE,
		.cid = modify->cid,
		.target = (uint16) modify->target,
	};
	bool		queued;

	change.account = junk_id(modify, planSlot, modify->id_junk, MP_FIELD_ID);
	if (modify->table->relation->kind == MP_RELATION_MEMBERSHIPS)
	{
		change.kind = MP_CHANGE_REMOVE;
		change.project = junk_id(modify, planSlot, modify->project_junk,
								 MP_FIELD_PROJECT_ID);
	}
	else
		check_own_account(modify, change.account);
	queued = mp_changeset_queue(&change);
	if (queued && modify->returning)
		store_old_row(modify, planSlot, slot);
	MemoryContextSwitchTo(old);
	return queued ? slot : NULL;
}

void
mixpanelEndForeignModify(EState *estate pg_attribute_unused(),
						 ResultRelInfo *rinfo)
{
	MpModify   *modify = rinfo->ri_FdwState;

	if (modify != NULL)
		MemoryContextDelete(modify->row_context);
}

void
mixpanelEndForeignInsert(EState *estate, ResultRelInfo *rinfo)
{
	mixpanelEndForeignModify(estate, rinfo);
}

int
mixpanelIsForeignRelUpdatable(Relation rel)
{
	int			events = (1 << CMD_INSERT) | (1 << CMD_DELETE);

	if (!mp_option_bool(RelationGetRelid(rel), "updatable", true))
		return 0;
	if (mp_relation_open(rel)->relation->kind == MP_RELATION_MEMBERSHIPS)
		events |= 1 << CMD_UPDATE;
	return events;
}

void
mixpanelExecForeignTruncate(List *rels,
							DropBehavior behavior pg_attribute_unused(),
							bool restart_seqs pg_attribute_unused())
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot truncate foreign table \"%s\"",
					RelationGetRelationName((Relation) linitial(rels))),
			 errdetail("Mixpanel has no such call."),
			 errhint("Use DELETE.")));
}

static void
add_key_target(PlannerInfo *root, Index rtindex, Relation rel,
			   AttrNumber attnum, const char *name)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), attnum - 1);

	add_row_identity_var(root, makeVar((int) rtindex, attnum, att->atttypid,
									   att->atttypmod, att->attcollation, 0),
						 rtindex, junk_name(name, rel, attnum));
}

/* Partitions share a name only if they mean the same attribute by it. */
static char *
junk_name(const char *name, Relation rel, AttrNumber attnum)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), attnum - 1);

	return psprintf("%s_%d_%u_%d_%u", name, attnum, att->atttypid,
					att->atttypmod, att->attcollation);
}

/* Where a key stands in the subplan's rows. */
static AttrNumber
find_key_target(List *tlist, const MpTable *table, Relation rel, MpField field)
{
	const char *name = field == MP_FIELD_ID ? ID_JUNK : PROJECT_JUNK;

	return ExecFindJunkAttributeInTlist(tlist,
										junk_name(name, rel,
												  mp_relation_key(table,
																  field)));
}

/* colnos: attributes that UPDATE sets.  The API can change a role only. */
static void
check_update(const MpTable *table, List *colnos)
{
	ListCell   *cell;

	if (table->relation->kind == MP_RELATION_ACCOUNTS)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot update foreign table \"%s\"", table->name),
				 errdetail("Mixpanel has no call to change a service account."),
				 errhint("Create a new account, and delete the old one.")));
	foreach(cell, colnos)
	{
		const MpAttribute *attribute =
			&table->attributes[lfirst_int(cell) - 1];

		if (attribute->column->update)
			continue;
		if (attribute->column->insert == MP_COLUMN_READ_ONLY)
			ereport(ERROR,
					(errcode(ERRCODE_GENERATED_ALWAYS),
					 errmsg("column \"%s\" of foreign table \"%s\" can only be read",
							attribute->name, table->name)));
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot update column \"%s\" of foreign table \"%s\"",
						attribute->name, table->name),
				 errdetail("Mixpanel can change the role of a membership only."),
				 errhint("Delete the row and insert another.")));
	}
}

static bool
reads_secret(const MpTable *table, Index rtindex, List *returning)
{
	AttrNumber	attnum = mp_relation_attribute(table, MP_FIELD_SECRET);
	Bitmapset  *attrs = NULL;

	if (attnum == InvalidAttrNumber)
		return false;
	pull_varattnos((Node *) returning, rtindex, &attrs);
	return bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, attrs) ||
		bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, attrs);
}

static MpModify *
begin_modify(ModifyTableState *mtstate, ResultRelInfo *rinfo)
{
	Relation	rel = rinfo->ri_RelationDesc;
	MpModify   *modify = palloc0(sizeof(MpModify));
	char	   *schema;

	modify->table = mp_relation_open(rel);
	modify->settings = mp_option_resolve(RelationGetRelid(rel), InvalidOid,
										 MP_TARGET_USER(rinfo,
														mtstate->ps.state));
	mp_option_require(modify->settings, true);
	modify->target = -1;
	/* COPY has no plan, and does not tell its command's id */
	modify->cid = mtstate->ps.plan != NULL ?
		mtstate->ps.state->es_output_cid : GetCurrentCommandId(true);
	schema = get_namespace_name(RelationGetNamespace(rel));
	modify->quoted_name =
		quote_qualified_identifier(schema, RelationGetRelationName(rel));
	modify->row_context = AllocSetContextCreate(CurrentMemoryContext,
												"mixpanel_sa_fdw row",
												ALLOCSET_SMALL_SIZES);
	rinfo->ri_FdwState = modify;
	return modify;
}

/* A credential that nobody can ever use is worse than none. */
static void
require_secret(const MpModify *modify)
{
	if (modify->table->relation->kind != MP_RELATION_ACCOUNTS ||
		modify->reads_secret || mp_allow_unreturned_secret)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("INSERT into foreign table \"%s\" would lose the new account's secret",
					modify->table->name),
			 errdetail("Mixpanel shows the secret once, in the answer to the creation, and this statement does not read it."),
			 errhint("Add RETURNING id, secret; or set mixpanel_sa_fdw.allow_unreturned_secret.")));
}

static void
refuse_on_conflict(OnConflictAction action)
{
	if (action != ONCONFLICT_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("INSERT with ON CONFLICT is not supported on Mixpanel's tables"),
				 errhint("Adding a membership that exists sets its role.")));
}

static MpModify *
begin_row(ResultRelInfo *rinfo)
{
	MpModify   *modify = rinfo->ri_FdwState;

	MemoryContextReset(modify->row_context);
	if (modify->target < 0)
		modify->target = mp_changeset_target_index(modify->settings);
	return modify;
}

/*
 * A view's WITH CHECK OPTION is checked by the executor after this row is
 * made, and its error's detail would have the row with the new secret.  So the
 * error is raised here, without.
 */
static void
check_view_options(ResultRelInfo *rinfo, TupleTableSlot *slot,
				   EState *estate)
{
	MemoryContext context = CurrentMemoryContext;

	if (rinfo->ri_WithCheckOptions == NIL)
		return;
	slot->tts_tableOid = RelationGetRelid(rinfo->ri_RelationDesc);
	PG_TRY();
	{
		ExecWithCheckOptions(WCO_VIEW_CHECK, rinfo, slot, estate);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		if (error->sqlerrcode == ERRCODE_WITH_CHECK_OPTION_VIOLATION)
			error->detail = NULL;
		ReThrowError(error);
	}
	PG_END_TRY();
}

static int64
junk_id(const MpModify *modify, TupleTableSlot *planSlot, AttrNumber junk,
		MpField field)
{
	bool		isnull;
	Datum		datum = ExecGetJunkAttribute(planSlot, junk, &isnull);

	if (isnull)
		elog(ERROR, "key of foreign table \"%s\" is NULL",
			 modify->table->name);
	return mp_relation_integer(modify->table,
							   mp_relation_key(modify->table, field), datum);
}

static void
check_own_account(const MpModify *modify, int64 account)
{
	const MpRoutes *routes = mp_session_routes(modify->settings);

	if (routes->own_account != account ||
		routes->own_user != modify->settings->user_id)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("cannot delete service account " INT64_FORMAT ", which this connection authenticates with",
					account),
			 errhint("Use the user mapping of another account, or exclude the row: WHERE username <> %s.",
					 quote_literal_cstr(modify->settings->username))));
}

/* A trigger may have changed what the statement did not. */
static void
check_keys(const MpModify *modify, TupleTableSlot *slot,
		   const MpChange *change)
{
	if (mp_relation_id(modify->table, slot, MP_FIELD_ID) == change->account &&
		mp_relation_id(modify->table, slot, MP_FIELD_PROJECT_ID) ==
		change->project)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot change the key of a row of foreign table \"%s\"",
					modify->table->name),
			 errhint("Delete the row and insert another.")));
}

static void
store_old_row(const MpModify *modify, TupleTableSlot *planSlot,
			  TupleTableSlot *slot)
{
	bool		isnull;
	Datum		row = ExecGetJunkAttribute(planSlot, modify->row_junk,
										   &isnull);

	ExecClearTuple(slot);
	if (isnull)
		ExecStoreAllNullTuple(slot);
	else
		ExecStoreHeapTupleDatum(row, slot);
}
