/*-------------------------------------------------------------------------
 *
 * fdw/plan.c
 *		Conditions -> keys, costs, paths and the plan of a scan.
 *
 * Requests are the cost: a round trip costs as much as a local scan of many
 * pages, and max_concurrency requests share one.  A condition on a key only
 * chooses requests; every condition is checked again on every row, so a
 * choice that reads too much is slow but never wrong.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "access/table.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "catalog/compat.h"
#include "catalog/option.h"
#include "catalog/setting.h"
#include "fdw/plan.h"
#include "fdw/plan_fields.h"
#include "fdw/plan_key.h"
#include "remote/way.h"

/* RelOptInfo.fdw_private; lives as long as the planner's context. */
typedef struct MpPlanInfo
{
	MpTable    *table;
	MpSettings *settings;		/* without credentials */
	List	   *keys;			/* MpKey, from the relation's own conditions */
	double		analyzed;		/* rows that ANALYZE has found; below zero:
								 * never analyzed */
	uint32		filtered;		/* MP_FIELD_BITs that is decided on */
} MpPlanInfo;

static List *relation_keys(PlannerInfo *root, RelOptInfo *baserel,
						   List *clauses, int group);
static double pinned_count(PlannerInfo *root, List *keys, MpField field);
static void estimate_cost(PlannerInfo *root, RelOptInfo *baserel, List *keys,
						  MpWayCost *cost);
static void estimate_accounts(const MpPlanInfo *info, double tuples,
							  double pinned, MpWayCost *cost);
static void estimate_memberships(const MpPlanInfo *info, double accounts,
								 double projects, MpWayCost *cost);
static void price_scan(const RelOptInfo *baserel, const MpWayCost *cost,
					   Cost *startup, Cost *total);
static void add_scan_path(PlannerInfo *root, RelOptInfo *baserel,
						  ParamPathInfo *param);
static List *join_parameters(PlannerInfo *root, RelOptInfo *baserel);
static List *class_clauses(PlannerInfo *root, RelOptInfo *baserel);
static bool is_key_member(PlannerInfo *root, RelOptInfo *rel,
						  EquivalenceClass *ec, EquivalenceMember *em,
						  void *arg);
static void refuse_ctid(PlannerInfo *root, const RelOptInfo *baserel,
						Oid foreigntableid, List *clauses);
static int	kept_size(const RelOptInfo *baserel);
static MpScanTarget scan_target(PlannerInfo *root, RelOptInfo *baserel);

void
mixpanelGetForeignRelSize(PlannerInfo *root, RelOptInfo *baserel,
						  Oid foreigntableid)
{
	MpPlanInfo *info = palloc0(sizeof(MpPlanInfo));
	Relation	rel = table_open(foreigntableid, NoLock);
	double		accounts;
	double		projects;
	List	   *clauses;

	mp_setting_require();
	info->table = mp_relation_open(rel);
	table_close(rel, NoLock);
	info->settings = mp_option_resolve_public(foreigntableid, InvalidOid);
	baserel->fdw_private = info;
	info->keys = relation_keys(root, baserel, baserel->baserestrictinfo, 0);

	info->analyzed = baserel->tuples;
	clauses = extract_actual_clauses(baserel->baserestrictinfo, false);
	info->filtered = mp_plan_filtered_fields(root, baserel, info->table,
											 clauses);
	baserel->tuples = mp_way_table_size(info->settings,
										info->table->relation->kind,
										info->analyzed);
	set_baserel_size_estimates(root, baserel);

	/* keys are unique, which the planner cannot know of a foreign table */
	accounts = pinned_count(root, info->keys, MP_FIELD_ID);
	projects = pinned_count(root, info->keys, MP_FIELD_PROJECT_ID);
	if (info->table->relation->kind == MP_RELATION_ACCOUNTS && accounts >= 0)
		baserel->rows = Min(baserel->rows, accounts);
	else if (accounts >= 0 && projects >= 0)
		baserel->rows = Min(baserel->rows, accounts * projects);
	baserel->rows = clamp_row_est(baserel->rows);
}

void
mixpanelGetForeignPaths(PlannerInfo *root, RelOptInfo *baserel,
						Oid foreigntableid pg_attribute_unused())
{
	ListCell   *cell;

	add_scan_path(root, baserel, NULL);
	foreach(cell, join_parameters(root, baserel))
		add_scan_path(root, baserel, lfirst(cell));
}

ForeignScan *
mixpanelGetForeignPlan(PlannerInfo *root, RelOptInfo *baserel,
					   Oid foreigntableid,
					   ForeignPath *best_path pg_attribute_unused(),
					   List *tlist, List *scan_clauses, Plan *outer_plan)
{
	MpPlanInfo *info = baserel->fdw_private;
	MpScanTarget target = scan_target(root, baserel);
	List	   *keys = relation_keys(root, baserel, scan_clauses, 0);
	List	   *exprs = NIL;
	List	   *fields = NIL;
	List	   *arrays = NIL;
	List	   *groups = NIL;
	List	   *private;
	List	   *clauses = extract_actual_clauses(scan_clauses, false);
	uint32		wanted = mp_plan_wanted_fields(baserel, info->table, clauses);
	uint32		filtered = mp_plan_filtered_fields(root, baserel, info->table,
												   clauses);
	ListCell   *cell;

	refuse_ctid(root, baserel, foreigntableid, clauses);
	foreach(cell, keys)
	{
		MpKey	   *key = lfirst(cell);

		exprs = lappend(exprs, key->value);
		fields = lappend_int(fields, (int) key->field);
		arrays = lappend_int(arrays, key->array);
		groups = lappend_int(groups, key->group);
	}
	private = list_make5(fields, arrays, groups, makeInteger((int) wanted),
						 makeInteger((int) target));
	private = lappend(private, makeInteger(kept_size(baserel)));
	private = lappend(private, makeInteger((int) filtered));
	private = lappend(private, makeInteger(-1));
	private = lappend(private, makeInteger(0));
	private = lappend(private,
					  makeInteger(mp_plan_deletes_by_keys(root, baserel,
														  info->table,
														  filtered)));
	private = lappend(private,
					  makeInteger(mp_plan_wants_system(baserel, clauses)));
	return make_foreignscan(tlist, clauses, baserel->relid, exprs, private,
							NIL, NIL, outer_plan);
}

bool
mixpanelIsForeignPathAsyncCapable(ForeignPath *path)
{
	const MpPlanInfo *info = path->path.parent->fdw_private;

	/*
	 * core waits for the postmaster's death as well, which a single-user
	 * backend does not have
	 */
	return info->settings->async_capable && IsUnderPostmaster;
}

void
mp_plan_lookup_cost(RelOptInfo *baserel, MpField field, double count,
					Cost *startup, Cost *total)
{
	const MpPlanInfo *info = baserel->fdw_private;
	MpWayCost	cost;

	if (info->table->relation->kind == MP_RELATION_ACCOUNTS)
		estimate_accounts(info, baserel->tuples, count, &cost);
	else
		estimate_memberships(info,
							 field == MP_FIELD_ID ? count : -1,
							 field == MP_FIELD_PROJECT_ID ? count : -1,
							 &cost);
	price_scan(baserel, &cost, startup, total);
}

const MpTable *
mp_plan_table(const RelOptInfo *baserel)
{
	return ((const MpPlanInfo *) baserel->fdw_private)->table;
}

bool
mp_plan_prefers_list(const MpSettings *settings, double count, double tuples)
{
	double		gets = ceil(count / settings->max_concurrency) *
		settings->round_trip_cost + count * MP_REQUEST_COST;
	double		list = settings->round_trip_cost + MP_REQUEST_COST +
		tuples * settings->tuple_cost;

	return gets > list && count > settings->max_concurrency;
}

/* The keys that clauses (RestrictInfos) pin; groups count from `group`. */
static List *
relation_keys(PlannerInfo *root, RelOptInfo *baserel, List *clauses,
			  int group)
{
	const MpPlanInfo *info = baserel->fdw_private;
	List	   *keys = NIL;
	ListCell   *cell;

	foreach(cell, clauses)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, cell);

		if (rinfo->pseudoconstant)
			continue;
		keys = list_concat(keys,
						   mp_plan_match_keys(root, baserel, info->table,
											  rinfo->clause, group++));
	}
	return keys;
}

/*
 * About how many values a field is pinned to; -1: it is not pinned.  The
 * smallest group counts.
 */
static double
pinned_count(PlannerInfo *root, List *keys, MpField field)
{
	double		best = -1;
	double		sum = 0;
	int			group = -1;
	ListCell   *cell;

	foreach(cell, keys)
	{
		MpKey	   *key = lfirst(cell);

		if (key->field != field)
			continue;
		if (key->group != group)
			sum = 0;
		group = key->group;
		sum += key->array ? mp_plan_array_length(root, key->value) : 1;
		/* the last of a group has its whole sum */
		if (lnext(keys, cell) == NULL ||
			((MpKey *) lfirst(lnext(keys, cell)))->group != group)
			best = best < 0 ? sum : Min(best, sum);
	}
	return best;
}

static void
estimate_cost(PlannerInfo *root, RelOptInfo *baserel, List *keys,
			  MpWayCost *cost)
{
	const MpPlanInfo *info = baserel->fdw_private;
	double		accounts = pinned_count(root, keys, MP_FIELD_ID);
	double		projects = pinned_count(root, keys, MP_FIELD_PROJECT_ID);

	if (info->table->relation->kind == MP_RELATION_ACCOUNTS)
		estimate_accounts(info, baserel->tuples, accounts, cost);
	else
		estimate_memberships(info, accounts, projects, cost);
}

static void
estimate_accounts(const MpPlanInfo *info, double tuples, double pinned,
				  MpWayCost *cost)
{
	bool		list = pinned < 0 ||
		mp_plan_prefers_list(info->settings, pinned, tuples);

	cost->first = 1;
	cost->requests = list ? 1 : pinned;
	cost->round_trips = list ? 1 :
		ceil(pinned / info->settings->max_concurrency);
	cost->tuples = list ? tuples : pinned;
}

/*
 * What a scan of memberships costs, where so many accounts and projects are
 * pinned (below 0: none are).
 */
static void
estimate_memberships(const MpPlanInfo *info, double accounts, double projects,
					 MpWayCost *cost)
{
	MpLookup	lookup = {
		.relation = MP_RELATION_MEMBERSHIPS,
		.accounts.pinned = accounts >= 0,
		.accounts.count = (int) Min(Max(accounts, 0), INT_MAX),
		.projects.pinned = projects >= 0,
		.projects.count = (int) Min(Max(projects, 0), INT_MAX),
		.filtered = info->filtered,
		.either_way = true,
		.memberships = info->analyzed,
	};
	MpWayReason reason;
	MpWay		way = mp_way_expected(info->settings, &lookup, &reason);
	MpSizes		sizes;

	mp_way_sizes(info->settings, info->analyzed, &sizes);
	mp_way_cost(info->settings, &lookup, way, &sizes, cost);
}

/*
 * Offer a scan, with the keys that the parameters add to those of the
 * relation's own conditions.
 */
static void
add_scan_path(PlannerInfo *root, RelOptInfo *baserel, ParamPathInfo *param)
{
	MpPlanInfo *info = baserel->fdw_private;
	List	   *keys = info->keys;
	int			own_clauses = list_length(baserel->baserestrictinfo);
	double		rows = param != NULL ? param->ppi_rows : baserel->rows;
	MpWayCost	cost;
	Cost		startup;
	Cost		total;

	if (param != NULL)
		keys = list_concat(relation_keys(root, baserel, param->ppi_clauses,
										 own_clauses), keys);
	estimate_cost(root, baserel, keys, &cost);
	price_scan(baserel, &cost, &startup, &total);
	add_path(baserel, (Path *)
			 MP_FOREIGN_PATH(root, baserel, rows, startup, total,
							 param != NULL ? param->ppi_req_outer :
							 baserel->lateral_relids));
}

static void
price_scan(const RelOptInfo *baserel, const MpWayCost *cost, Cost *startup,
		   Cost *total)
{
	const MpPlanInfo *info = baserel->fdw_private;

	*startup = cost->first * info->settings->round_trip_cost +
		baserel->baserestrictcost.startup;
	*total = *startup +
		(cost->round_trips - cost->first) * info->settings->round_trip_cost +
		cost->requests * MP_REQUEST_COST +
		cost->tuples * (info->settings->tuple_cost + cpu_tuple_cost +
						baserel->baserestrictcost.per_tuple);
	*total = Max(*total, *startup);
}

/*
 * The sets of other relations that could give a key: for each, the parameters
 * of a path that is run anew for each of their rows.
 */
static List *
join_parameters(PlannerInfo *root, RelOptInfo *baserel)
{
	MpPlanInfo *info = baserel->fdw_private;
	List	   *clauses = list_concat_copy(baserel->joininfo,
										   class_clauses(root, baserel));
	List	   *params = NIL;
	ListCell   *cell;

	foreach(cell, clauses)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, cell);
		Relids		outer;

		if (!join_clause_is_movable_to(rinfo, baserel) ||
			mp_plan_match_keys(root, baserel, info->table, rinfo->clause,
							   0) == NIL)
			continue;
		outer = bms_union(rinfo->clause_relids, baserel->lateral_relids);
		outer = bms_del_member(outer, (int) baserel->relid);
		if (bms_is_empty(outer))
			continue;
		params = list_append_unique_ptr(params,
										get_baserel_parampathinfo(root,
																  baserel,
																  outer));
	}
	return params;
}

/* Join clauses that equivalence classes imply for the keys. */
static List *
class_clauses(PlannerInfo *root, RelOptInfo *baserel)
{
	static const MpField keys[] = {MP_FIELD_ID, MP_FIELD_PROJECT_ID};
	MpPlanInfo *info = baserel->fdw_private;
	Relids		referencers = baserel->lateral_referencers;
	List	   *clauses = NIL;

	if (!baserel->has_eclass_joins)
		return NIL;
	for (size_t i = 0; i < lengthof(keys); i++)
	{
		AttrNumber	attnum = mp_relation_attribute(info->table, keys[i]);
		List	   *implied;

		if (attnum == InvalidAttrNumber)
			continue;
		implied =
			generate_implied_equalities_for_column(root, baserel,
												   is_key_member, &attnum,
												   referencers);
		clauses = list_concat(clauses, implied);
	}
	return clauses;
}

static bool
is_key_member(PlannerInfo *root pg_attribute_unused(), RelOptInfo *rel,
			  EquivalenceClass *ec pg_attribute_unused(),
			  EquivalenceMember *em, void *arg)
{
	Node	   *node = strip_implicit_coercions((Node *) em->em_expr);

	return IsA(node, Var) && ((Var *) node)->varno == (int) rel->relid &&
		((Var *) node)->varattno == *(AttrNumber *) arg;
}

/*
 * Every row of a foreign table shows the same ctid, so a condition on it holds
 * for all or for none: DELETE ... WHERE ctid IN (SELECT ctid ... LIMIT 10)
 * would delete every account.  Where postgres_fdw on another server cannot
 * send a DELETE or an UPDATE as a whole, it finds each of the rows by ctid.
 */
static void
refuse_ctid(PlannerInfo *root, const RelOptInfo *baserel, Oid foreigntableid,
			List *clauses)
{
	if (mp_plan_decides_on_ctid(root, baserel, clauses))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot find rows of foreign table \"%s\" by ctid",
						get_rel_name(foreigntableid)),
				 errdetail("Mixpanel's rows have no ctid."),
				 errhint("Use the keys. Through postgres_fdw, write conditions that it can send to this server.")));
}

/*
 * The size of the table that the execution goes by; of memberships, of which
 * the session may know more by then, what ANALYZE has found.
 */
static int
kept_size(const RelOptInfo *baserel)
{
	const MpPlanInfo *info = baserel->fdw_private;

	return (int) Min(info->table->relation->kind == MP_RELATION_ACCOUNTS ?
					 baserel->tuples : info->analyzed, INT_MAX);
}

static MpScanTarget
scan_target(PlannerInfo *root, RelOptInfo *baserel)
{
	if (!bms_is_member((int) baserel->relid, root->all_result_relids))
		return MP_SCAN_FOR_SELECT;
	return root->parse->commandType == CMD_DELETE ?
		MP_SCAN_FOR_DELETE : MP_SCAN_FOR_UPDATE;
}
