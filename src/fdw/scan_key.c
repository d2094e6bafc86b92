/*-------------------------------------------------------------------------
 *
 * fdw/scan_key.c
 *		The values of a scan's keys -> the lookup.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "base/ids.h"
#include "catalog/array.h"
#include "catalog/integer.h"
#include "fdw/plan.h"
#include "fdw/scan.h"
#include "remote/way.h"

/* Ids of one group, as they are found. */
typedef struct IdList
{
	int64	   *ids;
	int			count;
	int			size;
	bool		unknown;		/* an expression was not looked at */
} IdList;

static void add_group(ForeignScanState *node, int first, bool only_constants,
					  IdList *list);
static void add_array(IdList *list, Datum value, Oid type);
static void push_id(IdList *list, int64 id);
static void restrict_lookup(MpScan *scan, MpLookup *lookup, MpField field,
							IdList *list);
static void intersect(MpIds *ids, IdList *list);

void
mp_scan_make_lookup(ForeignScanState *node, MpLookup *lookup,
					bool only_constants)
{
	MpScan	   *scan = node->fdw_state;
	int			count = list_length(scan->fields);
	int			at = 0;

	memset(lookup, 0, sizeof(*lookup));
	lookup->relation = scan->table->relation->kind;
	lookup->filtered = scan->filtered;
	lookup->kept = true;
	if (scan->statement != NULL &&
		(mp_snapshot_readers(scan->statement) > 1 ||
		 !bms_is_empty(node->ss.ps.plan->extParam)))
		lookup->statement = scan->statement;
	lookup->either_way = true;
	lookup->memberships = scan->tuples;
	while (at < count)
	{
		IdList		list = {0};
		int			group = list_nth_int(scan->groups, at);

		add_group(node, at, only_constants, &list);
		restrict_lookup(scan, lookup, (MpField) list_nth_int(scan->fields, at),
						&list);
		while (at < count && list_nth_int(scan->groups, at) == group)
			at++;
	}
	if (scan->gathered_field >= 0)
	{
		IdList		list = {.unknown = only_constants};

		/* the lookup cuts its ids in place: those are the join's */
		for (int i = 0; i < scan->gathered.count && !only_constants; i++)
			push_id(&list, scan->gathered.ids[i]);
		restrict_lookup(scan, lookup, (MpField) scan->gathered_field, &list);
	}
	if (lookup->relation == MP_RELATION_ACCOUNTS)
		lookup->prefer_list = lookup->accounts.pinned &&
			mp_plan_prefers_list(scan->settings, lookup->accounts.count,
								 scan->tuples);
	else if (lookup->accounts.pinned && scan->gathered_field < 0 &&
			 scan->target == MP_SCAN_FOR_SELECT &&
			 !bms_is_empty(node->ss.ps.plan->extParam))
	{
		if (scan->repeats == 0)
			scan->repeats = mp_scan_repeats(node);
		if (scan->repeats > MP_WAY_FEW_ACCOUNTS)
			lookup->repeats = scan->repeats;
	}
	lookup->trusted = scan->by_keys && lookup->accounts.pinned &&
		lookup->projects.pinned;
}

/* The union of a group's values. */
static void
add_group(ForeignScanState *node, int first, bool only_constants,
		  IdList *list)
{
	MpScan	   *scan = node->fdw_state;
	ExprContext *econtext = node->ss.ps.ps_ExprContext;
	int			group = list_nth_int(scan->groups, first);

	for (int i = first; i < list_length(scan->groups) &&
		 list_nth_int(scan->groups, i) == group; i++)
	{
		Node	   *expr = list_nth(scan->key_exprs, i);
		bool		isnull;
		Datum		value;

		if (only_constants && !IsA(expr, Const))
		{
			list->unknown = true;
			continue;
		}
		/* NULL equals nothing */
		value = ExecEvalExprSwitchContext(list_nth(scan->key_states, i),
										  econtext, &isnull);
		if (isnull)
			continue;
		if (list_nth_int(scan->arrays, i))
			add_array(list, value, exprType(expr));
		else
			push_id(list, mp_integer_value(value,
										   mp_integer_base(exprType(expr))));
	}
	list->count = mp_ids_sort(list->ids, list->count);
}

/* A NULL among the elements equals nothing. */
static void
add_array(IdList *list, Datum value, Oid type)
{
	Oid			element = get_base_element_type(type);
	Oid			base = mp_integer_base(element);
	int16		length;
	bool		by_value;
	char		align;
	Datum	   *datums;
	bool	   *nulls;
	int			count;

	get_typlenbyvalalign(element, &length, &by_value, &align);
	deconstruct_array(DatumGetArrayTypeP(value), element, length, by_value,
					  align, &datums, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			push_id(list, mp_integer_value(datums[i], base));
}

/* Mixpanel has no ids below one: such a value cannot equal any. */
static void
push_id(IdList *list, int64 id)
{
	if (id <= 0)
		return;
	if (list->count == list->size)
		list->ids = mp_array_grow(list->ids, &list->size, sizeof(int64));
	list->ids[list->count++] = id;
}

/* The organization is fixed by the options: another has no rows here. */
static void
restrict_lookup(MpScan *scan, MpLookup *lookup, MpField field, IdList *list)
{
	if (field == MP_FIELD_ORGANIZATION_ID)
	{
		MpIds		ours = {
			.pinned = true,
			.count = 1,
			.ids = &scan->settings->organization_id,
		};

		if (list->unknown || scan->settings->organization_id == 0)
			return;
		intersect(&ours, list);
		lookup->nothing |= ours.count == 0;
	}
	else
	{
		MpIds	   *ids = field == MP_FIELD_ID ?
			&lookup->accounts : &lookup->projects;

		if (!list->unknown)
			intersect(ids, list);
		ids->pinned = true;
		lookup->nothing |= !list->unknown && ids->count == 0;
	}
}

/* Both ascending. */
static void
intersect(MpIds *ids, IdList *list)
{
	int			kept = 0;
	int			at = 0;

	if (!ids->pinned || ids->ids == NULL)
	{
		ids->ids = list->ids;
		ids->count = list->count;
		return;
	}
	for (int i = 0; i < ids->count; i++)
	{
		while (at < list->count && list->ids[at] < ids->ids[i])
			at++;
		if (at < list->count && list->ids[at] == ids->ids[i])
			ids->ids[kept++] = ids->ids[i];
	}
	ids->count = kept;
}
