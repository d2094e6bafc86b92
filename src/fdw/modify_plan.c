/*-------------------------------------------------------------------------
 *
 * fdw/modify_plan.c
 *		What a statement may change, and what its rows must bring along.
 *
 * The planner's half of a modification, and the refusals that both halves
 * have.  Nothing here is kept from one callback to the next.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/appendinfo.h"
#include "parser/parsetree.h"
#include "utils/rel.h"

#include "catalog/compat.h"
#include "catalog/option.h"
#include "fdw/modify.h"

#define ID_JUNK "mixpanel_id"
#define PROJECT_JUNK "mixpanel_project_id"
#define GRANT_JUNK "mixpanel_grant_type"

/* What reads_attribute() looks for. */
typedef struct AttributeSearch
{
	Index		varno;
	AttrNumber	attnum;
} AttributeSearch;

static void add_key_target(PlannerInfo *root, Index rtindex, Relation rel,
						   AttrNumber attnum, const char *name);
static char *junk_name(const char *name, Relation rel, AttrNumber attnum);
static bool may_be_pruned(const PlannerInfo *root, Index rtindex);
static bool has_parameter(Node *node, void *arg);
static bool reads_attribute(Node *node, void *arg);
static bool reads_system(Node *node, void *arg);

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
	{
		AttrNumber	grant = mp_relation_attribute(table, MP_FIELD_GRANT_TYPE);

		add_key_target(root, rtindex, target_relation,
					   mp_relation_key(table, MP_FIELD_PROJECT_ID),
					   PROJECT_JUNK);
		if (grant != InvalidAttrNumber)
			add_key_target(root, rtindex, target_relation, grant, GRANT_JUNK);
	}
	/* a row that is not there any more can only be returned from memory */
	if (root->parse->returningList != NIL)
		add_row_identity_var(root, makeVar((int) rtindex, InvalidAttrNumber,
										   RECORDOID, -1, InvalidOid, 0),
							 rtindex, MP_MODIFY_ROW_JUNK);
}

List *
mixpanelPlanForeignModify(PlannerInfo *root, ModifyTable *plan,
						  Index resultRelation, int subplan_index)
{
	RangeTblEntry *rte = planner_rt_fetch(resultRelation, root);
	Relation	rel = table_open(rte->relid, NoLock);
	MpTable    *table = mp_relation_open(rel);
	List	   *returning = NIL;
	List	   *options = NIL;
	List	   *refused = NIL;

	mp_modify_refuse_on_conflict(rel, plan->onConflictAction);
	table_close(rel, NoLock);
	if (plan->operation == CMD_UPDATE)
	{
		List	   *colnos = list_nth(plan->updateColnosLists, subplan_index);

		if (may_be_pruned(root, resultRelation))
			refused = colnos;
		else
			mp_modify_check_update(table, colnos);
	}
	if (plan->returningLists != NIL)
		returning = list_nth(plan->returningLists, subplan_index);
	if (plan->withCheckOptionLists != NIL)
		options = list_nth(plan->withCheckOptionLists, subplan_index);
	return list_make3(makeInteger(mp_modify_reads_secret(table, resultRelation,
														 returning)),
					  refused,
					  makeInteger(mp_modify_reads_system((Node *) returning) ||
								  mp_modify_reads_system((Node *) options)));
}

/*
 * information_schema and psql ask this of every foreign table, whoever
 * declared it and however wrongly: it must not raise anything.  Of a table
 * that is nothing Mixpanel has, all is allowed here: its use says what is
 * wrong with it.
 */
int
mixpanelIsForeignRelUpdatable(Relation rel)
{
	int			events = (1 << CMD_INSERT) | (1 << CMD_DELETE);
	const MpRelation *relation = mp_relation_declared(rel);

	if (!mp_option_resolve_public(RelationGetRelid(rel),
								  InvalidOid)->updatable)
		return 0;
	if (relation == NULL || relation->kind == MP_RELATION_MEMBERSHIPS)
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

AttrNumber
mp_modify_key_target(List *tlist, const MpTable *table, Relation rel,
					 MpField field)
{
	AttrNumber	attnum = mp_relation_attribute(table, field);
	const char *name = field == MP_FIELD_ID ? ID_JUNK :
		field == MP_FIELD_PROJECT_ID ? PROJECT_JUNK : GRANT_JUNK;

	if (attnum == InvalidAttrNumber)
		return InvalidAttrNumber;
	return ExecFindJunkAttributeInTlist(tlist, junk_name(name, rel, attnum));
}

bool
mp_modify_reads_secret(const MpTable *table, Index rtindex, List *returning)
{
	AttributeSearch search = {
		.varno = rtindex,
		.attnum = mp_relation_attribute(table, MP_FIELD_SECRET),
	};

	return search.attnum != InvalidAttrNumber &&
		reads_attribute((Node *) returning, &search);
}

/* Whose column it is does not matter: the row costs a little more. */
bool
mp_modify_reads_system(Node *node)
{
	return reads_system(node, NULL);
}

void
mp_modify_refuse_update(const MpTable *table, const MpAttribute *attribute)
{
	if (attribute->column->insert == MP_COLUMN_READ_ONLY)
		ereport(ERROR,
				(errcode(ERRCODE_GENERATED_ALWAYS),
				 errmsg("column \"%s\" of foreign table \"%s\" is read-only",
						attribute->name, table->name)));
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot update column \"%s\" of foreign table \"%s\"",
					attribute->name, table->name),
			 errdetail("Mixpanel can change the role of a membership only."),
			 errhint("Delete the row and insert another.")));
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

void
mp_modify_check_update(const MpTable *table, List *colnos)
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

		if (!attribute->column->update)
			mp_modify_refuse_update(table, attribute);
	}
}

/*
 * Is the target a partition or a child that the values of parameters may leave
 * out?  A generic plan has it nevertheless.  A prepared statement that has
 * worked must not fail where the planner turns to that, so it is refused only
 * where there is a row.
 */
static bool
may_be_pruned(const PlannerInfo *root, Index rtindex)
{
	return (int) rtindex != root->parse->resultRelation &&
		has_parameter((Node *) root->parse->jointree, NULL);
}

static bool
has_parameter(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return ((const Param *) node)->paramkind == PARAM_EXTERN;
	return expression_tree_walker(node, has_parameter, arg);
}

/* OLD, which a RETURNING list may name, is no row of an INSERT. */
static bool
reads_attribute(Node *node, void *arg)
{
	const AttributeSearch *search = arg;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		const Var  *var = (const Var *) node;

		return var->varno == (int) search->varno && !MP_IS_OLD(var) &&
			(var->varattno == search->attnum ||
			 var->varattno == InvalidAttrNumber);
	}
	return expression_tree_walker(node, reads_attribute, arg);
}

static bool
reads_system(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return mp_relation_is_system(((const Var *) node)->varattno);
	return expression_tree_walker(node, reads_system, arg);
}
