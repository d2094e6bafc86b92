/*-------------------------------------------------------------------------
 *
 * fdw/plan_fields.c
 *		Which fields of its records a scan reads, and what for.
 *
 * The difference matters where the API does not give a field: it may be shown
 * as NULL, but nothing may be decided on that NULL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "parser/parsetree.h"
#include "utils/rel.h"

#include "catalog/compat.h"
#include "fdw/plan_fields.h"

#define WHOLE_ROW InvalidAttrNumber

/* All that names a membership. */
#define KEY_FIELDS (MP_FIELD_BIT(MP_FIELD_ID) | \
					MP_FIELD_BIT(MP_FIELD_PROJECT_ID) | \
					MP_FIELD_BIT(MP_FIELD_ORGANIZATION_ID))

static bool has_attribute(const Bitmapset *attrs, AttrNumber attnum);
static bool is_decided_on(PlannerInfo *root, const RelOptInfo *rel,
						  AttrNumber attnum);
static Bitmapset *list_decisions(PlannerInfo *root, Index relid);
static Bitmapset *row_decisions(PlannerInfo *root, const RelOptInfo *rel);
static bool only_shows(const PlannerInfo *root, const TargetEntry *entry,
					   bool written);
static bool parent_decides(PlannerInfo *root, const RelOptInfo *rel,
						   AttrNumber attnum);
static uint32 fields_of(const MpTable *table, Bitmapset *attrs);
static bool has_delete_trigger(Index relid, PlannerInfo *root);

uint32
mp_plan_wanted_fields(const RelOptInfo *rel, const MpTable *table,
					  List *clauses)
{
	Bitmapset  *attrs = NULL;
	uint32		wanted;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &attrs);
	pull_varattnos((Node *) clauses, rel->relid, &attrs);
	wanted = fields_of(table, attrs);
	wanted |= MP_FIELD_BIT(MP_FIELD_ID) | MP_FIELD_BIT(MP_FIELD_PROJECT_ID);
	/* a SELECT never has them */
	wanted &= ~(MP_FIELD_BIT(MP_FIELD_SECRET) |
				MP_FIELD_BIT(MP_FIELD_PROJECTS));
	return wanted;
}

bool
mp_plan_wants_system(const RelOptInfo *rel, List *clauses)
{
	Bitmapset  *attrs = NULL;
	int			member = -1;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &attrs);
	pull_varattnos((Node *) clauses, rel->relid, &attrs);
	while ((member = bms_next_member(attrs, member)) >= 0)
	{
		int			attnum = member + FirstLowInvalidHeapAttributeNumber;

		if (mp_relation_is_system((AttrNumber) attnum))
			return true;
	}
	return false;
}

bool
mp_plan_decides_on_ctid(PlannerInfo *root, const RelOptInfo *rel,
						List *clauses)
{
	Bitmapset  *attrs = NULL;
	Bitmapset  *shown = NULL;

	pull_varattnos((Node *) clauses, rel->relid, &attrs);
	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &shown);
	return has_attribute(attrs, SelfItemPointerAttributeNumber) ||
		(has_attribute(shown, SelfItemPointerAttributeNumber) &&
		 is_decided_on(root, rel, SelfItemPointerAttributeNumber));
}

uint32
mp_plan_filtered_fields(PlannerInfo *root, const RelOptInfo *rel,
						const MpTable *table, List *clauses)
{
	Bitmapset  *attrs = NULL;
	Bitmapset  *shown = NULL;
	int			member = -1;

	pull_varattnos((Node *) clauses, rel->relid, &attrs);
	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &shown);
	while ((member = bms_next_member(shown, member)) >= 0)
	{
		int			attnum = member + FirstLowInvalidHeapAttributeNumber;

		if (is_decided_on(root, rel, (AttrNumber) attnum))
			attrs = bms_add_member(attrs, member);
	}
	if (has_attribute(shown, WHOLE_ROW))
		attrs = bms_add_members(attrs, row_decisions(root, rel));
	return fields_of(table, attrs);
}

/*
 * The whole row that is fetched for RETURNING or for a trigger is not looked
 * at by anything else.  The RETURNING list names the statement's table; what a
 * partition reads of it is not worth knowing.
 */
bool
mp_plan_deletes_by_keys(PlannerInfo *root, const RelOptInfo *rel,
						const MpTable *table, uint32 filtered)
{
	const Query *query = root->parse;
	Bitmapset  *returned = NULL;

	if (query->commandType != CMD_DELETE ||
		!bms_is_member((int) rel->relid, root->all_result_relids) ||
		has_delete_trigger(rel->relid, root))
		return false;
	if (query->returningList != NIL &&
		(int) rel->relid != query->resultRelation)
		return false;
	pull_varattnos((Node *) query->returningList, rel->relid, &returned);
	return ((filtered | fields_of(table, returned)) & ~KEY_FIELDS) == 0;
}

/*
 * Is an attribute needed by a condition, or used by the final target list,
 * which the planner writes as relation 0, for more than to show it?
 */
static bool
is_decided_on(PlannerInfo *root, const RelOptInfo *rel, AttrNumber attnum)
{
	Relids		needed;
	bool		decided;

	if (rel->reloptkind == RELOPT_OTHER_MEMBER_REL)
		return parent_decides(root, rel, attnum);
	if (rel->reloptkind != RELOPT_BASEREL ||
		attnum < rel->min_attr || attnum > rel->max_attr)
		return true;
	needed = bms_del_member(bms_copy(rel->attr_needed[attnum - rel->min_attr]),
							0);
	decided = !bms_is_empty(needed) ||
		has_attribute(list_decisions(root, rel->relid), attnum);
	bms_free(needed);
	return decided;
}

/*
 * The attributes that the query's lists do more with than show them: compute,
 * aggregate, group or sort by them, or hand them to the query above, which may
 * do any of that.
 */
static Bitmapset *
list_decisions(PlannerInfo *root, Index relid)
{
	CmdType		command = root->parse->commandType;
	bool		stored = command == CMD_UPDATE || command == CMD_INSERT;
	Bitmapset  *attrs = NULL;
	ListCell   *cell;

	pull_varattnos(root->parse->havingQual, relid, &attrs);
	foreach(cell, root->processed_tlist)
	{
		if (!only_shows(root, lfirst(cell), stored))
			pull_varattnos(lfirst(cell), relid, &attrs);
	}
	foreach(cell, root->parse->returningList)
	{
		if (!only_shows(root, lfirst(cell), false))
			pull_varattnos(lfirst(cell), relid, &attrs);
	}
	return attrs;
}

/*
 * What RETURNING does more with than show it, of a row that was read as a
 * whole.  It names the statement's table; of a partition or a child the whole
 * row is taken.
 */
static Bitmapset *
row_decisions(PlannerInfo *root, const RelOptInfo *rel)
{
	Index		relid = rel->relid;
	Bitmapset  *attrs;

	while (root->append_rel_array != NULL &&
		   root->append_rel_array[relid] != NULL)
		relid = root->append_rel_array[relid]->parent_relid;
	attrs = list_decisions(root, relid);
	if (relid == rel->relid || bms_is_empty(attrs))
		return attrs;
	return bms_make_singleton(WHOLE_ROW - FirstLowInvalidHeapAttributeNumber);
}

/*
 * Nobody sees a junk column that nothing is sorted or grouped by: it is for
 * row locks, or for RETURNING, which is looked at by itself; or it is for the
 * actions of MERGE, which decide, and has no name.  `written`: what the others
 * hold is stored.
 */
static bool
only_shows(const PlannerInfo *root, const TargetEntry *entry, bool written)
{
	if (!IsA(entry->expr, Var) || entry->ressortgroupref != 0)
		return false;
	if (entry->resjunk)
		return !MP_IS_MERGE(root->parse) || entry->resname != NULL;
	return root->parent_root == NULL && !written;
}

/*
 * The same for a partition, a child table, or an arm of UNION ALL: the planner
 * has it noted for the parent's attributes.
 */
static bool
parent_decides(PlannerInfo *root, const RelOptInfo *rel, AttrNumber attnum)
{
	const AppendRelInfo *info = root->append_rel_array[rel->relid];
	const RelOptInfo *parent = find_base_rel(root, (int) info->parent_relid);
	AttrNumber	at = 0;
	ListCell   *cell;

	/* an arm of UNION ALL gives its system columns as others */
	if (attnum < 0 &&
		planner_rt_fetch(info->parent_relid, root)->rtekind == RTE_RELATION)
		return is_decided_on(root, parent, attnum);
	if (is_decided_on(root, parent, WHOLE_ROW))
		return true;
	foreach(cell, info->translated_vars)
	{
		Bitmapset  *attrs = NULL;

		at++;
		pull_varattnos(lfirst(cell), rel->relid, &attrs);
		if (has_attribute(attrs, attnum) && !IsA(lfirst(cell), Var))
			return true;
		if ((has_attribute(attrs, attnum) ||
			 has_attribute(attrs, WHOLE_ROW) || attnum == WHOLE_ROW) &&
			is_decided_on(root, parent, at))
			return true;
	}
	return false;
}

static bool
has_attribute(const Bitmapset *attrs, AttrNumber attnum)
{
	return bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, attrs);
}

/* mp_relation_wanted() takes an empty set for all. */
static uint32
fields_of(const MpTable *table, Bitmapset *attrs)
{
	return bms_is_empty(attrs) ? 0 : mp_relation_wanted(table, attrs);
}

/* It would be given the row. */
static bool
has_delete_trigger(Index relid, PlannerInfo *root)
{
	Relation	rel = table_open(planner_rt_fetch(relid, root)->relid, NoLock);
	const TriggerDesc *triggers = rel->trigdesc;
	bool		found = triggers != NULL &&
		(triggers->trig_delete_after_row || triggers->trig_delete_before_row);

	table_close(rel, NoLock);
	return found;
}
