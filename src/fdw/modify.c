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

#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "catalog/compat.h"
#include "catalog/option.h"
#include "catalog/setting.h"
#include "fdw/modify.h"
#include "fdw/scan.h"
#include "remote/session.h"
#include "transaction/changeset.h"
#include "transaction/creation.h"

/* What find_scan() looks for and finds. */
typedef struct ScanSearch
{
	Index		rti;			/* of the table that is read */
	ForeignScanState *scan;
} ScanSearch;

static Index returning_varno(const ModifyTableState *mtstate,
							 const ResultRelInfo *rinfo);
static bool find_scan(PlanState *node, void *arg);
static MpModify *begin_modify(ModifyTableState *mtstate,
							  ResultRelInfo *rinfo);
static bool has_row_readers(const TriggerDesc *triggers);
static bool has_conditions(const TriggerDesc *triggers);
static void require_secret(const MpModify *modify);
static const char *quoted_name(const MpTable *table, MpField field);
static MpModify *begin_row(ResultRelInfo *rinfo);
static void check_view_options(ResultRelInfo *rinfo, TupleTableSlot *slot,
							   EState *estate);
static int64 junk_id(const MpModify *modify, TupleTableSlot *planSlot,
					 AttrNumber junk, MpField field);
static void check_grant(const MpModify *modify, TupleTableSlot *planSlot,
						const MpChange *change);
static bool is_individual(const MpModify *modify, TupleTableSlot *planSlot);
static void check_own_account(const MpModify *modify, int64 account);
static void check_keys(const MpModify *modify, TupleTableSlot *slot,
					   const MpChange *change);
static void check_unchanged(const MpModify *modify, TupleTableSlot *old,
							TupleTableSlot *slot);
static void store_old_row(const MpModify *modify, TupleTableSlot *planSlot,
						  TupleTableSlot *slot);

void
mixpanelBeginForeignModify(ModifyTableState *mtstate, ResultRelInfo *rinfo,
						   List *fdw_private,
						   int subplan_index pg_attribute_unused(), int eflags)
{
	MpModify   *modify;
	List	   *tlist = outerPlanState(mtstate)->plan->targetlist;

	mp_setting_require();
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0)
		return;
	Assert(rinfo->ri_FdwState == NULL);
	modify = begin_modify(mtstate, rinfo);
	modify->reads_secret =
		intVal(list_nth(fdw_private, MP_MODIFY_READS_SECRET)) != 0;
	modify->refused = list_nth(fdw_private, MP_MODIFY_REFUSED);
	modify->system |=
		intVal(list_nth(fdw_private, MP_MODIFY_READS_SYSTEM)) != 0;
	if (mtstate->operation == CMD_INSERT)
		require_secret(modify);
	else
	{
		ScanSearch	search = {.rti = rinfo->ri_RangeTableIndex};

		find_scan(outerPlanState(mtstate), &search);
		modify->scan = search.scan;
		modify->id_junk = mp_modify_key_target(tlist, modify->table,
											   rinfo->ri_RelationDesc,
											   MP_FIELD_ID);
		if (modify->table->relation->kind == MP_RELATION_MEMBERSHIPS)
		{
			modify->grant_junk = mp_modify_key_target(tlist, modify->table,
													  rinfo->ri_RelationDesc,
													  MP_FIELD_GRANT_TYPE);
			modify->project_junk = mp_modify_key_target(tlist, modify->table,
														rinfo->ri_RelationDesc,
														MP_FIELD_PROJECT_ID);
		}
		modify->row_junk =
			ExecFindJunkAttributeInTlist(tlist, MP_MODIFY_ROW_JUNK);
		modify->returning =
			((ModifyTable *) mtstate->ps.plan)->returningLists != NIL;
	}
}

/*
 * COPY FROM, and rows that a partitioned table sends here: those of INSERT,
 * and those that UPDATE moves.  The latter may come to a partition that is
 * itself a target of the UPDATE.  What it is changing could meet what it moves
 * here, so it is refused, as postgres_fdw does; and the state that the UPDATE
 * needs stays where it is.
 */
void
mixpanelBeginForeignInsert(ModifyTableState *mtstate, ResultRelInfo *rinfo)
{
	MpModify   *modify;
	ModifyTable *plan = (ModifyTable *) mtstate->ps.plan;
	Index		varno;

	mp_setting_require();
	if (rinfo->ri_FdwState != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot route tuples into foreign table to be updated \"%s\"",
						RelationGetRelationName(rinfo->ri_RelationDesc)),
				 errhint("Write a condition that leaves its rows out, or delete the rows and insert them anew.")));
	if (plan != NULL)
		mp_modify_refuse_on_conflict(rinfo->ri_RelationDesc,
									 plan->onConflictAction);
	modify = begin_modify(mtstate, rinfo);
	varno = returning_varno(mtstate, rinfo);
	modify->reads_secret = mp_modify_reads_secret(modify->table, varno,
												  rinfo->ri_returningList);
	modify->system |=
		mp_modify_reads_system((Node *) rinfo->ri_returningList) ||
		mp_modify_reads_system((Node *) rinfo->ri_WithCheckOptions);
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
	if (modify->system)
		mp_relation_show_system(slot);
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

	if (modify->refused != NIL)
		mp_modify_check_update(modify->table, modify->refused);
	Assert(modify->table->relation->kind == MP_RELATION_MEMBERSHIPS);
	change.account = junk_id(modify, planSlot, modify->id_junk, MP_FIELD_ID);
	change.project = junk_id(modify, planSlot, modify->project_junk,
							 MP_FIELD_PROJECT_ID);
	check_grant(modify, planSlot, &change);
	check_keys(modify, slot, &change);
	change.role = mp_modify_role(modify, slot);
	if (rinfo->ri_oldTupleSlot != NULL && !TTS_EMPTY(rinfo->ri_oldTupleSlot))
	{
		check_unchanged(modify, rinfo->ri_oldTupleSlot, slot);
		change.old_role = mp_relation_text(modify->table,
										   rinfo->ri_oldTupleSlot,
										   MP_FIELD_ROLE);
	}
	queued = mp_changeset_queue(&change);
	if (queued)
		mp_relation_show_role(modify->table, slot, change.role);
	if (queued && modify->system)
		mp_relation_show_system(slot);
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
		check_grant(modify, planSlot, &change);
	}
	else
		check_own_account(modify, change.account);
	queued = mp_changeset_queue(&change);
	if (queued && modify->returning)
	{
		store_old_row(modify, planSlot, slot);
		if (modify->system)
			mp_relation_show_system(slot);
	}
	MemoryContextSwitchTo(old);
	return queued ? slot : NULL;
}

void
mixpanelEndForeignModify(EState *estate pg_attribute_unused(),
						 ResultRelInfo *rinfo)
{
	MpModify   *modify = rinfo->ri_FdwState;

	/* not where the statement has failed: nobody may have got them */
	if (modify != NULL && (modify->reads_secret || modify->triggers_read))
		mp_creation_note_shown(modify->cid);
	/* core may end a target by both of its roles */
	rinfo->ri_FdwState = NULL;
	if (modify != NULL)
		MemoryContextDelete(modify->row_context);
}

void
mixpanelEndForeignInsert(EState *estate, ResultRelInfo *rinfo)
{
	mixpanelEndForeignModify(estate, rinfo);
}

/*
 * The range table entry that the variables of a target's RETURNING list carry.
 * A partition that routing opened has none of its own; its list was made from
 * that of the statement's first target, which for UPDATE is another partition.
 */
static Index
returning_varno(const ModifyTableState *mtstate, const ResultRelInfo *rinfo)
{
	if (rinfo->ri_RangeTableIndex != 0)
		return rinfo->ri_RangeTableIndex;
	return mtstate->resultRelInfo[0].ri_RangeTableIndex;
}

/* The scan that gives the rows of a target. */
static bool
find_scan(PlanState *node, void *arg)
{
	ScanSearch *search = arg;

	if (node == NULL)
		return false;
	if (IsA(node, ForeignScanState) &&
		((ForeignScan *) node->plan)->scan.scanrelid == search->rti)
	{
		search->scan = (ForeignScanState *) node;
		return true;
	}
	return planstate_tree_walker(node, find_scan, arg);
}

/* What both roles of a target need; becomes the target's state. */
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
	modify->triggers_read = has_row_readers(rinfo->ri_TrigDesc);
	modify->system = has_conditions(rinfo->ri_TrigDesc);
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

/* Is there an AFTER trigger that will be given each new row? */
static bool
has_row_readers(const TriggerDesc *triggers)
{
	char		disabled = SessionReplicationRole ==
		SESSION_REPLICATION_ROLE_REPLICA ?
		TRIGGER_FIRES_ON_ORIGIN : TRIGGER_FIRES_ON_REPLICA;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (TRIGGER_TYPE_MATCHES(trigger->tgtype, TRIGGER_TYPE_ROW,
								 TRIGGER_TYPE_AFTER, TRIGGER_TYPE_INSERT) &&
			trigger->tgenabled != TRIGGER_DISABLED &&
			trigger->tgenabled != disabled)
			return true;
	}
	return false;
}

/* Conditions of AFTER triggers may look at a new row's system columns. */
static bool
has_conditions(const TriggerDesc *triggers)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		if (triggers->triggers[i].tgqual != NULL)
			return true;
	}
	return false;
}

/* A credential that nobody can ever use is worse than none. */
static void
require_secret(const MpModify *modify)
{
	const MpTable *table = modify->table;
	bool		has_column = mp_relation_attribute(table, MP_FIELD_SECRET) !=
		InvalidAttrNumber;

	if (table->relation->kind != MP_RELATION_ACCOUNTS ||
		modify->reads_secret || mp_allow_unreturned_secret)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("INSERT into foreign table \"%s\" would lose the new account's secret",
					modify->table->name),
			 errdetail("Mixpanel shows the secret once, in the answer to the creation, and this statement does not read it."),
			 has_column ?
			 errhint("Add RETURNING %s, %s; or set mixpanel_sa_fdw.allow_unreturned_secret.",
					 quoted_name(table, MP_FIELD_ID),
					 quoted_name(table, MP_FIELD_SECRET)) :
			 errhint("Add a column \"secret\" to the table, and RETURNING id, secret to the statement; or set mixpanel_sa_fdw.allow_unreturned_secret.")));
}

/* What the table calls a field, as it is written in a statement. */
static const char *
quoted_name(const MpTable *table, MpField field)
{
	return quote_identifier(mp_relation_attribute_name(table, field));
}

static MpModify *
begin_row(ResultRelInfo *rinfo)
{
	MpModify   *modify = rinfo->ri_FdwState;

	Assert(modify->row_context != NULL);
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
	Datum		datum;

	Assert(junk != InvalidAttrNumber);
	datum = ExecGetJunkAttribute(planSlot, junk, &isnull);
	if (isnull)
		elog(ERROR, "key of foreign table \"%s\" is NULL",
			 modify->table->name);
	return mp_relation_integer(modify->table,
							   mp_relation_key(modify->table, field), datum);
}

/*
 * A row that a team or the organization gives cannot be changed by a call that
 * names the account and the project: that would change another row, the
 * account's own.  Where a pair has such a row, the column tells which is
 * meant; without the column, nothing does.
 */
static void
check_grant(const MpModify *modify, TupleTableSlot *planSlot,
			const MpChange *change)
{
	const MpTable *table = modify->table;
	bool		has_column = modify->grant_junk != InvalidAttrNumber;

	if (modify->scan == NULL ||
		!mp_scan_has_other_grant(modify->scan, change->account,
								 change->project) ||
		(has_column && is_individual(modify, planSlot)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot change a membership of service account " INT64_FORMAT " in project " INT64_FORMAT " that is not an individual grant",
					change->account, change->project),
			 errdetail("It comes from a team or from the organization."),
			 has_column ?
			 errhint("Change the team or the organization in Mixpanel. To leave such rows out, add the condition %s = 'individual'.",
					 quoted_name(table, MP_FIELD_GRANT_TYPE)) :
			 errhint("Change the team or the organization in Mixpanel. To leave such rows out, add a column \"grant_type\" to the foreign table and the condition grant_type = 'individual'.")));
}

/* What the row itself says; NULL is how individual ones are told as well. */
static bool
is_individual(const MpModify *modify, TupleTableSlot *planSlot)
{
	AttrNumber	attnum = mp_relation_attribute(modify->table,
											   MP_FIELD_GRANT_TYPE);
	MpAttribute *attribute = &modify->table->attributes[attnum - 1];
	bool		isnull;
	Datum		datum = ExecGetJunkAttribute(planSlot, modify->grant_junk,
											 &isnull);
	char	   *type;

	if (isnull)
		return true;
	type = mp_relation_form(attribute, datum);
	type[strcspn(type, " ")] = '\0';	/* of char(n) */
	return strcmp(type, "individual") == 0;
}

/*
 * Refuse to delete the account that the statement's own requests authenticate
 * with.
 */
static void
check_own_account(const MpModify *modify, int64 account)
{
	const MpTable *table = modify->table;
	bool		named = mp_relation_attribute(table, MP_FIELD_USERNAME) !=
		InvalidAttrNumber;
	char	   *username;

	if (modify->scan == NULL || !mp_scan_is_own_account(modify->scan, account))
		return;
	/* it came from the catalog, so the database's encoding has it */
	username = pstrdup(modify->settings->username);
	username = pg_any_to_server(username, (int) strlen(username), PG_UTF8);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("cannot delete service account " INT64_FORMAT ", which this connection authenticates with",
					account),
			 named ?
			 errhint("Use the user mapping of another account, or exclude the row: WHERE %s <> %s.",
					 quoted_name(table, MP_FIELD_USERNAME),
					 quote_literal_cstr(username)) :
			 errhint("Use the user mapping of another account, or exclude the row: WHERE %s <> " INT64_FORMAT ".",
					 quoted_name(table, MP_FIELD_ID),
					 account)));
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

/*
 * A trigger may also have set what the statement could not; the row that is
 * returned must not show it.
 */
static void
check_unchanged(const MpModify *modify, TupleTableSlot *old,
				TupleTableSlot *slot)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;

	Assert(desc->natts == modify->table->natts);
	slot_getallattrs(old);
	slot_getallattrs(slot);
	for (int i = 0; i < modify->table->natts; i++)
	{
		const MpAttribute *attribute = &modify->table->attributes[i];
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (attribute->column == NULL || attribute->column->update ||
			(old->tts_isnull[i] && slot->tts_isnull[i]))
			continue;
		if (old->tts_isnull[i] || slot->tts_isnull[i] ||
			!datum_image_eq(old->tts_values[i], slot->tts_values[i],
							att->attbyval, att->attlen))
			mp_modify_refuse_update(modify->table, attribute);
	}
}

/* What RETURNING shows of a row that is deleted. */
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
