/*-------------------------------------------------------------------------
 *
 * fdw/scan_repeat.c
 *		How often the planner expects a scan to be executed.
 *
 * A scan on the inner side of a loop, or in a sub-select that depends on the
 * row of the query around it, is executed for each of its rows.  The planner
 * knows how many there are only where it plans that query; so it is looked up
 * in the finished plan.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "optimizer/optimizer.h"

#include "fdw/scan.h"

typedef struct Search
{
	const Plan *wanted;
	const PlannedStmt *statement;
	double		rows;			/* of the plan node whose expressions are
								 * looked at */
	double		found;			/* executions; below zero: not found */
} Search;

static double repeats_below(Search *search, const Plan *plan, double part);
static double repeats_in_list(Search *search, const List *plans, double part);
static double repeats_in_expressions(Search *search, const Plan *plan,
									 double part);
static bool look_for_subplan(Node *node, void *context);
static double part_of_limit(const Plan *plan, double part);

double
mp_scan_repeats(const ForeignScanState *node)
{
	Search		search = {
		.wanted = node->ss.ps.plan,
		.statement = node->ss.ps.state->es_plannedstmt,
	};
	double		found;

	if (search.statement == NULL)
		return 1;
	found = repeats_below(&search, search.statement->planTree, 1);
	return found < 0 ? 1 : Max(found, 1);
}

/*
 * How often one execution of a plan executes the wanted one; below zero: it
 * is not part of it.  Of its rows only a part is asked for.
 */
static double
repeats_below(Search *search, const Plan *plan, double part)
{
	double		found = -1;

	if (plan == NULL)
		return -1;
	check_stack_depth();
	if (plan == search->wanted)
		return 1;
	found = repeats_in_expressions(search, plan, part);
	if (found >= 0)
		return found;
	part = part_of_limit(plan, part);
	switch ((int) nodeTag(plan))
	{
		case T_Append:
			return repeats_in_list(search,
								   ((const Append *) plan)->appendplans, part);
		case T_MergeAppend:
			return repeats_in_list(search,
								   ((const MergeAppend *) plan)->mergeplans,
								   part);
		case T_SubqueryScan:
			return repeats_below(search,
								 ((const SubqueryScan *) plan)->subplan, part);
		case T_CustomScan:
			found = repeats_in_list(search,
									((const CustomScan *) plan)->custom_plans,
									part);
			break;
		default:
			break;
	}
	if (found < 0)
		found = repeats_below(search, plan->lefttree, part);
	if (found < 0)
	{
		found = repeats_below(search, plan->righttree, part);
		if (found >= 0 && IsA(plan, NestLoop))
			found *= clamp_row_est(plan->lefttree->plan_rows * part);
	}
	return found;
}

static double
repeats_in_list(Search *search, const List *plans, double part)
{
	ListCell   *cell;
	double		found = -1;

	foreach(cell, plans)
	{
		if (found < 0)
			found = repeats_below(search, lfirst(cell), part);
	}
	return found;
}

/*
 * In the sub-selects of a node: once for each row that it makes, or of which
 * it makes one.  Those that depend on no row are executed once.
 */
static double
repeats_in_expressions(Search *search, const Plan *plan, double part)
{
	Search		inner = *search;
	ListCell   *cell;

	inner.found = -1;
	inner.rows = plan->plan_rows * part;
	foreach(cell, plan->initPlan)
	{
		const SubPlan *subplan = lfirst_node(SubPlan, cell);
		const Plan *init = list_nth(search->statement->subplans,
									subplan->plan_id - 1);
		double		found = repeats_below(search, init, 1);

		if (found >= 0)
			return found;
	}
	if (look_for_subplan((Node *) plan->targetlist, &inner) ||
		look_for_subplan((Node *) plan->qual, &inner))
		return inner.found;
	return -1;
}

/* Is the wanted plan in a sub-select of this expression? */
static bool
look_for_subplan(Node *node, void *context)
{
	Search	   *search = context;

	if (node == NULL)
		return false;
	if (IsA(node, SubPlan))
	{
		const SubPlan *subplan = (const SubPlan *) node;
		const Plan *plan = list_nth(search->statement->subplans,
									subplan->plan_id - 1);
		double		found = repeats_below(search, plan, 1);

		if (found >= 0)
		{
			search->found = subplan->parParam == NIL ? found :
				found * clamp_row_est(search->rows);
			return true;
		}
	}
	return expression_tree_walker(node, look_for_subplan, context);
}

/* Of the rows below a node: those that are needed for a part of its own. */
static double
part_of_limit(const Plan *plan, double part)
{
	const Plan *below = plan->lefttree;

	switch ((int) nodeTag(plan))
	{
		case T_Limit:
			return below->plan_rows > plan->plan_rows ?
				part * plan->plan_rows / below->plan_rows : part;
		case T_Sort:
		case T_Agg:
		case T_Group:
		case T_WindowAgg:
		case T_SetOp:
		case T_Hash:
		case T_ModifyTable:
			return 1;
		default:
			return part;
	}
}
