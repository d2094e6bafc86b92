/*-------------------------------------------------------------------------
 *
 * fdw/join_plan.c
 *		The planner's side of the lookup join.
 *
 * A path is offered where the inner side is one of our tables and a join
 * condition gives one of its keys.  Every join condition is checked again on
 * every pair of rows; the key only chooses what is read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "foreign/fdwapi.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "optimizer/tlist.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

#include "catalog/compat.h"
#include "fdw/join.h"
#include "fdw/plan.h"
#include "fdw/plan_key.h"

/* A join of ours, in a SELECT. */
typedef struct JoinSearch
{
	PlannerInfo *root;
	RelOptInfo *joinrel;
	RelOptInfo *inner;
	Path	   *outer;			/* the path whose rows give the keys */
	JoinType	type;			/* INNER, SEMI, LEFT or ANTI */
	int			outer_join;		/* MP_OUTER_JOIN() */
	List	   *clauses;		/* RestrictInfos */
} JoinSearch;

/* CustomPath.custom_private. */
enum PathPrivate
{
	PATH_TYPE,					/* Integer: JoinType */
	PATH_FIELD,					/* Integer: MpField of the key */
	PATH_VALUE,					/* the key's value, of outer columns */
	PATH_CLAUSES,				/* RestrictInfos */
	PATH_OUTER_JOIN,			/* Integer: MP_OUTER_JOIN() */
	PATH_COUNT,					/* Integer: keys that are expected */
};

static void mixpanelJoinPathlist(PlannerInfo *root, RelOptInfo *joinrel,
								 RelOptInfo *outerrel, RelOptInfo *innerrel,
								 JoinType jointype, JoinPathExtraData *extra);
static bool is_ours(const PlannerInfo *root, const RelOptInfo *inner);
static bool is_our_table(const RelOptInfo *rel);
static bool begin_search(JoinSearch *search, RelOptInfo *outerrel,
						 JoinType jointype, JoinPathExtraData *extra);
static bool is_candidate(const JoinSearch *search);
static bool has_pseudoconstant(List *clauses);
static bool compares_names(const JoinSearch *search);
static bool is_nullable(const JoinSearch *search);
static MpKey *find_key(const JoinSearch *search);
static Path *plain_path(const RelOptInfo *rel);
static void add_join_path(const JoinSearch *search, MpKey *key);
static double price_join(const JoinSearch *search, const MpKey *key,
						 Path *path);
static Plan *mixpanelPlanLookupJoin(PlannerInfo *root, RelOptInfo *rel,
									CustomPath *best_path, List *tlist,
									List *clauses, List *custom_plans);
static List *put_outer_first(PlannerInfo *root, List *clauses, Relids inner);
static List *add_entry(List *tlist, Expr *expr);
static List *scan_tlist(List *outer, List *inner, List **sources);
static AttrNumber inner_attribute(List *tlist, AttrNumber attnum);

static const CustomPathMethods path_methods = {
	.CustomName = "MixpanelLookupJoin",
	.PlanCustomPath = mixpanelPlanLookupJoin,
};

static const CustomScanMethods scan_methods = {
	.CustomName = "MixpanelLookupJoin",
	.CreateCustomScanState = mp_join_create_state,
};

static set_join_pathlist_hook_type previous_hook = NULL;

void
mp_join_init(void)
{
	previous_hook = set_join_pathlist_hook;
	set_join_pathlist_hook = mixpanelJoinPathlist;
	RegisterCustomScanMethods(&scan_methods);
}

/*
 * Called for every join of every query of the session, most of which have
 * nothing to do with this extension: nothing of the join is looked at before
 * it is known to be ours.
 */
static void
mixpanelJoinPathlist(PlannerInfo *root, RelOptInfo *joinrel,
					 RelOptInfo *outerrel, RelOptInfo *innerrel,
					 JoinType jointype,
					 JoinPathExtraData *extra)
{
	JoinSearch	search = {
		.root = root,
		.joinrel = joinrel,
		.inner = innerrel,
	};
	MpKey	   *key;

	if (previous_hook != NULL)
		previous_hook(root, joinrel, outerrel, innerrel, jointype, extra);
	if (!is_ours(root, innerrel) ||
		!begin_search(&search, outerrel, jointype, extra) ||
		!is_candidate(&search))
		return;
	key = find_key(&search);
	if (key != NULL)
		add_join_path(&search, key);
}

/*
 * Is it a SELECT's join (that of INSERT ... SELECT may stand in the INSERT
 * itself) with one of our tables as its inner side?
 *
 * In UPDATE, DELETE and MERGE the planner works with variables that belong to
 * no relation (ROWID_VAR), and rows may have to be checked again by
 * EvalPlanQual, as they may below FOR UPDATE; that would need a plan for a
 * single row.
 */
static bool
is_ours(const PlannerInfo *root, const RelOptInfo *inner)
{
	CmdType		command = root->parse->commandType;

	return (command == CMD_SELECT || command == CMD_INSERT) &&
		root->rowMarks == NIL &&
		is_our_table(inner);
}

/* One that can have no row (WHERE false) is none: it was never planned. */
static bool
is_our_table(const RelOptInfo *rel)
{
	return rel->fdwroutine != NULL &&
		rel->fdwroutine->GetForeignPlan == mixpanelGetForeignPlan &&
		rel->fdw_private != NULL &&
		(rel->reloptkind == RELOPT_BASEREL ||
		 rel->reloptkind == RELOPT_OTHER_MEMBER_REL);
}

/*
 * Fill in the join's type and the outer path.  False where the type is none
 * of those that the executor knows:
 *
 * INNER gives each pair that matches; it takes no advantage of a side that is
 * known to be unique, so it presupposes nothing.  SEMI and ANTI look at each
 * outer row by itself, and so does LEFT, whose inner columns must be marked as
 * the join marks them.  UNIQUE_OUTER is made as core makes it: the outer rows
 * are made unique first, by all the columns that the IN compares, and then
 * joined as INNER; the join's own conditions may cover a part of those columns
 * only, so that it could not do it by itself.  RIGHT, FULL and their kin would
 * have to give inner rows that match nothing, which are never read here.
 */
static bool
begin_search(JoinSearch *search, RelOptInfo *outerrel, JoinType jointype,
			 JoinPathExtraData *extra)
{
	search->type = jointype;
	search->outer = plain_path(outerrel);
	search->outer_join = MP_OUTER_JOIN(extra->sjinfo);
	search->clauses = extra->restrictlist;
	if (search->outer == NULL)
		return false;
	if (jointype == JOIN_UNIQUE_OUTER)
	{
		search->type = JOIN_INNER;
		search->outer = MP_UNIQUE_PATH(search->root, outerrel, search->outer,
									   extra->sjinfo);
		return search->outer != NULL;
	}
	return jointype == JOIN_INNER || jointype == JOIN_SEMI ||
		jointype == JOIN_LEFT || jointype == JOIN_ANTI;
}

static bool
is_candidate(const JoinSearch *search)
{
	if (IS_OUTER_JOIN(search->type) && !is_nullable(search))
		return false;
	return bms_is_empty(search->joinrel->lateral_relids) &&
		!has_pseudoconstant(search->clauses) &&
		!compares_names(search) &&
		!has_pseudoconstant(search->inner->baserestrictinfo);
}

/* Such conditions would put a node of their own above a plan. */
static bool
has_pseudoconstant(List *clauses)
{
	ListCell   *cell;

	foreach(cell, clauses)
	{
		if (lfirst_node(RestrictInfo, cell)->pseudoconstant)
			return true;
	}
	return false;
}

/*
 * Does a join condition look at an account's username or a project's name?  A
 * lookup by id does not learn them.
 */
static bool
compares_names(const JoinSearch *search)
{
	const MpTable *table = mp_plan_table(search->inner);
	Bitmapset  *attrs = NULL;
	ListCell   *cell;

	if (table->relation->kind != MP_RELATION_MEMBERSHIPS)
		return false;
	foreach(cell, search->clauses)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, cell)->clause,
					   search->inner->relid, &attrs);
	return !bms_is_empty(attrs) &&
		(mp_relation_wanted(table, attrs) &
		 (MP_FIELD_BIT(MP_FIELD_USERNAME) |
		  MP_FIELD_BIT(MP_FIELD_PROJECT_NAME))) != 0;
}

/*
 * Can the inner side's columns be made NULL by this join alone?  Where joins
 * were reordered they may be marked otherwise; such a join is left to core.
 */
static bool
is_nullable(const JoinSearch *search)
{
	ListCell   *cell;

	foreach(cell, search->inner->reltarget->exprs)
	{
		if (!IsA(lfirst(cell), Var))
			return false;
	}
	foreach(cell, search->joinrel->reltarget->exprs)
	{
		Var		   *var = lfirst(cell);

		if (!IsA(var, Var))
			return false;
		if (bms_is_member(var->varno, search->inner->relids) &&
			!MP_IS_MARKED(var, search->outer_join))
			return false;
	}
	return true;
}

/*
 * A condition that pins a key of the inner side to a value of the outer; the
 * account's id is the better one.  A condition above an outer join does not
 * restrict what it joins.
 */
static MpKey *
find_key(const JoinSearch *search)
{
	const MpTable *table = mp_plan_table(search->inner);
	MpKey	   *best = NULL;
	ListCell   *cell;

	foreach(cell, search->clauses)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, cell);
		List	   *keys;
		MpKey	   *key;
		Relids		relids;

		if (IS_OUTER_JOIN(search->type) &&
			RINFO_IS_PUSHED_DOWN(rinfo, search->joinrel->relids))
			continue;
		keys = mp_plan_match_keys(search->root, search->inner, table,
								  rinfo->clause, 0);
		if (list_length(keys) != 1)
			continue;
		key = linitial(keys);
		relids = pull_varnos(search->root, (Node *) key->value);
		if (key->array || key->field == MP_FIELD_ORGANIZATION_ID ||
			bms_is_empty(relids) ||
			!bms_is_subset(relids, search->outer->parent->relids))
			continue;
		if (best == NULL || key->field == MP_FIELD_ID)
			best = key;
	}
	return best;
}

/* The cheapest path that needs nothing from other relations. */
static Path *
plain_path(const RelOptInfo *rel)
{
	Path	   *path = rel->cheapest_total_path;

	if (path == NULL || path->param_info != NULL)
		return NULL;
	return path;
}

/*
 * Offer a join that looks the outer rows' keys up, if the inner side gives
 * its key.
 */
static void
add_join_path(const JoinSearch *search, MpKey *key)
{
	Path	   *inner = plain_path(search->inner);
	AttrNumber	attnum = mp_relation_attribute(mp_plan_table(search->inner),
											   key->field);
	List	   *columns = search->inner->reltarget->exprs;
	CustomPath *path;
	ListCell   *cell;
	bool		found = false;
	double		count;

	/* the key must be among what the inner side gives */
	foreach(cell, columns)
	{
		Var		   *var = lfirst(cell);

		found |= IsA(var, Var) && var->varattno == attnum;
	}
	if (inner == NULL || !IsA(inner, ForeignPath) || !found)
		return;
	path = makeNode(CustomPath);
	path->path.pathtype = T_CustomScan;
	path->path.parent = search->joinrel;
	path->path.pathtarget = search->joinrel->reltarget;
	path->path.rows = search->joinrel->rows;
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_paths = list_make2(search->outer, inner);
	path->custom_private = list_make5(makeInteger((int) search->type),
									  makeInteger((int) key->field),
									  key->value, search->clauses,
									  makeInteger(search->outer_join));
	path->methods = &path_methods;
	count = price_join(search, key, &path->path);
	path->custom_private = lappend(path->custom_private,
								   makeInteger((int) Min(count, INT_MAX)));
	add_path(search->joinrel, &path->path);
}

/* The outer side is read to its end before anything is looked up.  Returns how
 * many keys are expected. */
static double
price_join(const JoinSearch *search, const MpKey *key, Path *path)
{
	const Path *outer = search->outer;
	double		count = estimate_num_groups(search->root,
											list_make1(key->value),
											outer->rows, NULL, NULL);
	Cost		startup;
	Cost		total;

	mp_plan_lookup_cost(search->inner, key->field, clamp_row_est(count),
						&startup, &total);
	path->startup_cost = outer->total_cost + startup;
	path->total_cost = outer->total_cost + total +
		outer->rows * cpu_operator_cost * 2 +
		path->rows * (cpu_tuple_cost +
					  cpu_operator_cost * list_length(search->clauses));
	return clamp_row_est(count);
}

/*
 * The chosen path as a plan: its clauses, what it gives, and where each
 * column of that comes from.
 */
static Plan *
mixpanelPlanLookupJoin(PlannerInfo *root,
					   RelOptInfo *rel, CustomPath *best_path, List *tlist,
					   List *clauses pg_attribute_unused(), List *custom_plans)
{
	List	   *private = best_path->custom_private;
	JoinType	type = (JoinType) intVal(list_nth(private, PATH_TYPE));
	MpField		field = (MpField) intVal(list_nth(private, PATH_FIELD));
	List	   *restrictions = list_nth(private, PATH_CLAUSES);
	Plan	   *outer = linitial(custom_plans);
	ForeignScan *inner = lsecond(custom_plans);
	Path	   *inner_path = lsecond(best_path->custom_paths);
	AttrNumber	attnum =
		mp_relation_attribute(mp_plan_table(inner_path->parent), field);
	CustomScan *scan = makeNode(CustomScan);
	List	   *join_clauses;
	List	   *other_clauses = NIL;
	List	   *sources = NIL;
	int			join = IS_OUTER_JOIN(type) ?
		intVal(list_nth(private, PATH_OUTER_JOIN)) : 0;
	Relids		nullable = inner_path->parent->relids;

	if (IS_OUTER_JOIN(type))
		extract_actual_join_clauses(restrictions, rel->relids, &join_clauses,
									&other_clauses);
	else
		join_clauses = extract_actual_clauses(restrictions, false);
	join_clauses = put_outer_first(root, join_clauses, nullable);

	/* marked as they are above the join, lest setrefs.c miss them */
	join_clauses = (List *) MP_MARK_NULLABLE(join_clauses, nullable, join);
	scan->custom_scan_tlist =
		scan_tlist(outer->targetlist,
				   (List *) MP_MARK_NULLABLE(inner->scan.plan.targetlist,
											 nullable, join), &sources);
	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = other_clauses;
	scan->scan.scanrelid = 0;
	scan->flags = best_path->flags;
	scan->custom_plans = custom_plans;
	scan->custom_exprs = lcons(list_nth(private, PATH_VALUE), join_clauses);
	scan->custom_private =
		list_make3(makeInteger((int) type), sources,
				   makeInteger(inner_attribute(inner->scan.plan.targetlist,
											   attnum)));
	scan->methods = &scan_methods;

	lfirst(list_nth_cell(inner->fdw_private, MP_SCAN_GATHERED)) =
		makeInteger((int) field);
	lfirst(list_nth_cell(inner->fdw_private, MP_SCAN_EXPECTED)) =
		list_nth(private, PATH_COUNT);
	return &scan->scan.plan;
}

/*
 * The outer side of an operator on the left, as the core's joins have it: the
 * order in which a condition comes differs between versions of the server.
 */
static List *
put_outer_first(PlannerInfo *root, List *clauses, Relids inner)
{
	List	   *ordered = NIL;
	ListCell   *cell;

	foreach(cell, clauses)
	{
		OpExpr	   *clause = lfirst(cell);

		if (is_opclause(clause) && list_length(clause->args) == 2 &&
			OidIsValid(get_commutator(clause->opno)) &&
			bms_equal(pull_varnos(root, linitial(clause->args)), inner) &&
			!bms_overlap(pull_varnos(root, lsecond(clause->args)), inner))
		{
			clause = copyObject(clause);
			CommuteOpExpr(clause);
		}
		ordered = lappend(ordered, clause);
	}
	return ordered;
}

static List *
add_entry(List *tlist, Expr *expr)
{
	AttrNumber	resno = (AttrNumber) (list_length(tlist) + 1);

	return lappend(tlist, makeTargetEntry(copyObject(expr), resno, NULL,
										  false));
}

/* The columns of both sides, one after the other. */
static List *
scan_tlist(List *outer, List *inner, List **sources)
{
	List	   *tlist = NIL;
	ListCell   *cell;

	foreach(cell, outer)
	{
		TargetEntry *entry = lfirst(cell);

		tlist = add_entry(tlist, entry->expr);
		*sources = lappend_int(*sources, entry->resno);
	}
	foreach(cell, inner)
	{
		TargetEntry *entry = lfirst(cell);

		tlist = add_entry(tlist, entry->expr);
		*sources = lappend_int(*sources, -entry->resno);
	}
	return tlist;
}

/* Where a column stands in the inner side's rows. */
static AttrNumber
inner_attribute(List *tlist, AttrNumber attnum)
{
	ListCell   *cell;

	foreach(cell, tlist)
	{
		TargetEntry *entry = lfirst(cell);
		Var		   *var = (Var *) entry->expr;

		if (IsA(var, Var) && var->varattno == attnum)
			return entry->resno;
	}
	return InvalidAttrNumber;
}
