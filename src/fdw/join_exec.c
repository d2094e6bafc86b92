/*-------------------------------------------------------------------------
 *
 * fdw/join_exec.c
 *		The executor's side of the lookup join.
 *
 * Outer rows are read into a batch, as many as work_mem holds, and ordered by
 * key; the foreign scan reads the rows of all the batch's keys; each of its
 * rows is joined with the batch's rows of the same key as it arrives.  So
 * memory holds one batch of the outer side, and none of the inner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/explain.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"

#include "catalog/array.h"
#include "catalog/compat.h"
#include "catalog/integer.h"
#include "fdw/join.h"
#include "fdw/scan.h"

typedef enum JoinPhase
{
	JOIN_LOAD,					/* a batch of the outer side */
	JOIN_PROBE,					/* rows of the inner side against it */
	JOIN_REST,					/* rows of the batch that had no match */
} JoinPhase;

/* A row of the outer side. */
typedef struct BatchRow
{
	int64		key;			/* 0: NULL, which equals nothing */
	MinimalTuple tuple;
	bool		matched;
} BatchRow;

typedef struct MpJoinState
{
	CustomScanState css;
	JoinType	type;
	PlanState  *outer;
	ForeignScanState *inner;
	const int  *sources;		/* of each attribute of the scan's slot */
	int			source_count;
	AttrNumber	inner_key;
	Oid			inner_key_base; /* its mp_integer_base() */
	ExprState  *key;
	Oid			key_base;
	ExprState  *quals;
	ExprContext *qual_context;
	TupleTableSlot *outer_slot; /* holds a row of the batch */

	JoinPhase	phase;
	bool		outer_done;
	MemoryContext batch_context;
	BatchRow   *rows;			/* ascending by key */
	int			count;
	int			size;
	int			at;				/* PROBE: next row of this key; REST: next */
	int64		inner_value;	/* the key of the inner row; 0: get another */
	TupleTableSlot *inner_slot;
} MpJoinState;

static void begin_join(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec_join(CustomScanState *node);
static void end_join(CustomScanState *node);
static void rescan_join(CustomScanState *node);
static void explain_join(CustomScanState *node, List *ancestors,
						 ExplainState *es);
static Oid	key_base(Oid type);
static TupleTableSlot *next_pair(MpJoinState *state);
static void load_batch(MpJoinState *state);
static void push_row(MpJoinState *state, TupleTableSlot *slot);
static int64 evaluate_key(MpJoinState *state);
static void begin_probe(MpJoinState *state);
static int	compare_rows(const void *a, const void *b);
static bool probe(MpJoinState *state);
static bool next_inner_row(MpJoinState *state);
static int	first_of_key(const MpJoinState *state, int64 key);
static bool is_match(MpJoinState *state, BatchRow *row);
static bool next_unmatched(MpJoinState *state);
static void form_pair(MpJoinState *state, TupleTableSlot *outer,
					  TupleTableSlot *inner);

static const CustomExecMethods exec_methods = {
	.CustomName = "MixpanelLookupJoin",
	.BeginCustomScan = begin_join,
	.ExecCustomScan = exec_join,
	.EndCustomScan = end_join,
	.ReScanCustomScan = rescan_join,
	.ExplainCustomScan = explain_join,
};

Node *
mp_join_create_state(CustomScan *plan)
{
	MpJoinState *state = palloc0(sizeof(MpJoinState));

	state->css.ss.ps.type = T_CustomScanState;
	state->css.flags = plan->flags;
	state->css.methods = &exec_methods;
	return (Node *) state;
}

/* Start the outer plan and the foreign scan, and prepare key and quals */
static void
begin_join(CustomScanState *node, EState *estate, int eflags)
{
	MpJoinState *state = (MpJoinState *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	List	   *sources = list_nth(plan->custom_private, MP_JOIN_SOURCES);
	int		   *array = palloc(sizeof(int) * (Size) list_length(sources));

	state->type = (JoinType) intVal(list_nth(plan->custom_private,
											 MP_JOIN_TYPE));
	state->inner_key = (AttrNumber) intVal(list_nth(plan->custom_private,
													MP_JOIN_KEY));
	for (int i = 0; i < list_length(sources); i++)
		array[i] = list_nth_int(sources, i);
	state->sources = array;
	state->source_count = list_length(sources);

	Assert(state->source_count == list_length(plan->custom_scan_tlist));
	Assert(state->inner_key != InvalidAttrNumber);

	state->outer = ExecInitNode(linitial(plan->custom_plans), estate, eflags);
	state->inner = (ForeignScanState *)
		ExecInitNode(lsecond(plan->custom_plans), estate, eflags);
	Assert(IsA(state->inner, ForeignScanState));
	node->custom_ps = list_make2(state->outer, state->inner);
	state->inner_key_base =
		key_base(TupleDescAttr(ExecGetResultType(&state->inner->ss.ps),
							   state->inner_key - 1)->atttypid);
	state->key = ExecInitExpr(linitial(plan->custom_exprs), &node->ss.ps);
	state->key_base = key_base(exprType(linitial(plan->custom_exprs)));
	state->quals = ExecInitQual(list_copy_tail(plan->custom_exprs, 1),
								&node->ss.ps);
	state->qual_context = CreateExprContext(estate);
	state->outer_slot = ExecInitExtraTupleSlot(estate,
											   ExecGetResultType(state->outer),
											   &TTSOpsMinimalTuple);
	state->batch_context = AllocSetContextCreate(estate->es_query_cxt,
												 "mixpanel_sa_fdw join",
												 ALLOCSET_DEFAULT_SIZES);
}

/* The planner takes no other keys: plan_key.c. */
static Oid
key_base(Oid type)
{
	Oid			base = mp_integer_base(type);

	if (!OidIsValid(base))
		elog(ERROR, "key of a lookup join has type %u", type);
	return base;
}

/*
 * As ExecScan() does, but for EvalPlanQual: while it checks a row again it
 * takes every scan that stands for a join to be part of the plan that it
 * checks.  This one never is (join_plan.c); below a sub-select of that plan it
 * is run as ever.
 */
static TupleTableSlot *
exec_join(CustomScanState *node)
{
	MpJoinState *state = (MpJoinState *) node;
	PlanState  *ps = &node->ss.ps;
	ExprContext *context = ps->ps_ExprContext;

	for (;;)
	{
		TupleTableSlot *slot;

		ResetExprContext(context);
		slot = next_pair(state);
		if (slot == NULL)
			return ExecClearTuple(ps->ps_ProjInfo != NULL ?
								  ps->ps_ProjInfo->pi_state.resultslot :
								  node->ss.ss_ScanTupleSlot);
		context->ecxt_scantuple = slot;
		if (ExecQual(ps->qual, context))
			return ps->ps_ProjInfo != NULL ?
				ExecProject(ps->ps_ProjInfo) : slot;
		InstrCountFiltered1(node, 1);
	}
}

static void
end_join(CustomScanState *node)
{
	MpJoinState *state = (MpJoinState *) node;

	ExecEndNode(state->outer);
	ExecEndNode(&state->inner->ss.ps);
	MemoryContextDelete(state->batch_context);
}

/* Start over, with other parameters perhaps */
static void
rescan_join(CustomScanState *node)
{
	MpJoinState *state = (MpJoinState *) node;
	ListCell   *cell;

	foreach(cell, node->custom_ps)
	{
		PlanState  *child = lfirst(cell);

		if (node->ss.ps.chgParam != NULL)
			UpdateChangedParamSet(child, node->ss.ps.chgParam);
	}
	/* the inner side is scanned anew for each batch anyway */
	if (state->outer->chgParam == NULL)
		ExecReScan(state->outer);
	ExecClearTuple(node->ss.ss_ScanTupleSlot);
	MemoryContextReset(state->batch_context);
	state->rows = NULL;
	state->count = state->size = 0;
	state->phase = JOIN_LOAD;
	state->outer_done = false;
}

static void
explain_join(CustomScanState *node, List *ancestors, ExplainState *es)
{
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	List	   *context = set_deparse_context_plan(es->deparse_cxt,
												   &plan->scan.plan,
												   ancestors);
	bool		prefix = list_length(es->rtable) > 1 || es->verbose;
	List	   *clauses = list_copy_tail(plan->custom_exprs, 1);
	Node	   *quals = (Node *) make_ands_explicit(clauses);

	ExplainPropertyText("Lookup Key",
						deparse_expression(linitial(plan->custom_exprs),
										   context, prefix, false), es);
	ExplainPropertyText("Join Cond",
						deparse_expression(quals, context, prefix, false), es);
}

/* The next joined row into the scan's slot; NULL at the end.  Goes through the
 * phases of one batch after the other. */
static TupleTableSlot *
next_pair(MpJoinState *state)
{
	TupleTableSlot *pair = state->css.ss.ss_ScanTupleSlot;

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		switch (state->phase)
		{
			case JOIN_LOAD:
				if (state->outer_done)
					return NULL;
				load_batch(state);
				begin_probe(state);
				break;
			case JOIN_PROBE:
				if (probe(state))
					return pair;
				state->at = 0;
				state->phase = JOIN_REST;
				break;
			case JOIN_REST:
				if (next_unmatched(state))
					return pair;
				state->phase = JOIN_LOAD;
				break;
		}
	}
}

/* Read outer rows up to work_mem and sort them by key */
static void
load_batch(MpJoinState *state)
{
	Size		limit = (Size) work_mem * 1024;

	MemoryContextReset(state->batch_context);
	state->rows = NULL;
	state->count = state->size = 0;
	while (MemoryContextMemAllocated(state->batch_context, false) < limit)
	{
		TupleTableSlot *slot = ExecProcNode(state->outer);

		if (TupIsNull(slot))
		{
			state->outer_done = true;
			break;
		}
		push_row(state, slot);
	}
	if (state->count > 0)
		qsort(state->rows, (size_t) state->count, sizeof(BatchRow),
			  compare_rows);
}

static void
push_row(MpJoinState *state, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(state->batch_context);
	BatchRow   *row;

	if (state->count == state->size)
		state->rows = mp_array_grow(state->rows, &state->size,
									sizeof(BatchRow));
	row = &state->rows[state->count++];
	row->tuple = ExecCopySlotMinimalTuple(slot);
	row->matched = false;
	MemoryContextSwitchTo(old);

	form_pair(state, slot, NULL);
	row->key = evaluate_key(state);
}

/* Of the outer row in the scan's slot. */
static int64
evaluate_key(MpJoinState *state)
{
	bool		isnull;
	Datum		value;

	ResetExprContext(state->qual_context);
	state->qual_context->ecxt_scantuple = state->css.ss.ss_ScanTupleSlot;
	value = ExecEvalExprSwitchContext(state->key, state->qual_context,
									  &isnull);
	return isnull ? 0 : mp_integer_value(value, state->key_base);
}

/*
 * Have the inner side read the batch's keys: ascending and distinct, as
 * mp_scan_gather() wants them.  A key below one equals no id of Mixpanel's.
 */
static void
begin_probe(MpJoinState *state)
{
	int64	   *ids = MemoryContextAllocHuge(state->batch_context,
											 sizeof(int64) *
											 (Size) Max(state->count, 1));
	int			count = 0;

	for (int i = 0; i < state->count; i++)
	{
		int64		key = state->rows[i].key;

		Assert(i == 0 || state->rows[i - 1].key <= key);
		if (key > 0 && (count == 0 || ids[count - 1] != key))
			ids[count++] = key;
	}
	mp_scan_gather(state->inner, ids, count);
	ExecReScan(&state->inner->ss.ps);
	state->inner_value = 0;
	state->phase = count > 0 ? JOIN_PROBE : JOIN_REST;
	state->at = 0;
}

static int
compare_rows(const void *a, const void *b)
{
	int64		one = ((const BatchRow *) a)->key;
	int64		other = ((const BatchRow *) b)->key;

	return (one > other) - (one < other);
}

/*
 * True with a pair in the scan's slot.  Of an outer row that SEMI or ANTI has
 * found a match for, no further match is of interest; INNER and LEFT give all.
 */
static bool
probe(MpJoinState *state)
{
	while (state->inner_value != 0 || next_inner_row(state))
	{
		while (state->at < state->count &&
			   state->rows[state->at].key == state->inner_value)
		{
			BatchRow   *row = &state->rows[state->at++];
			bool		once = state->type == JOIN_SEMI ||
				state->type == JOIN_ANTI;

			if ((once && row->matched) || !is_match(state, row))
				continue;
			row->matched = true;
			if (state->type == JOIN_ANTI)
				continue;
			return true;
		}
		state->inner_value = 0;
	}
	return false;
}

static bool
next_inner_row(MpJoinState *state)
{
	bool		isnull;
	Datum		value;

	state->inner_slot = ExecProcNode(&state->inner->ss.ps);
	if (TupIsNull(state->inner_slot))
		return false;
	value = slot_getattr(state->inner_slot, state->inner_key, &isnull);
	state->inner_value = isnull ? 0 :
		mp_integer_value(value, state->inner_key_base);
	state->at = first_of_key(state, state->inner_value);
	return true;
}

static int
first_of_key(const MpJoinState *state, int64 key)
{
	int			low = 0;
	int			high = state->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (state->rows[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
is_match(MpJoinState *state, BatchRow *row)
{
	ExecForceStoreMinimalTuple(row->tuple, state->outer_slot, false);
	form_pair(state, state->outer_slot, state->inner_slot);
	ResetExprContext(state->qual_context);
	state->qual_context->ecxt_scantuple = state->css.ss.ss_ScanTupleSlot;
	return ExecQual(state->quals, state->qual_context);
}

static bool
next_unmatched(MpJoinState *state)
{
	if (state->type != JOIN_LEFT && state->type != JOIN_ANTI)
		return false;
	while (state->at < state->count)
	{
		BatchRow   *row = &state->rows[state->at++];

		if (row->matched)
			continue;
		ExecForceStoreMinimalTuple(row->tuple, state->outer_slot, false);
		form_pair(state, state->outer_slot, NULL);
		return true;
	}
	return false;
}

/* A row of both sides into the scan's slot; no inner row: NULLs. */
static void
form_pair(MpJoinState *state, TupleTableSlot *outer, TupleTableSlot *inner)
{
	TupleTableSlot *pair = state->css.ss.ss_ScanTupleSlot;

	ExecClearTuple(pair);
	slot_getallattrs(outer);
	if (inner != NULL)
		slot_getallattrs(inner);
	for (int i = 0; i < state->source_count; i++)
	{
		int			source = state->sources[i];
		TupleTableSlot *from = source > 0 ? outer : inner;
		int			at = (source > 0 ? source : -source) - 1;

		pair->tts_isnull[i] = from == NULL || from->tts_isnull[at];
		pair->tts_values[i] = pair->tts_isnull[i] ?
			(Datum) 0 : from->tts_values[at];
	}
	ExecStoreVirtualTuple(pair);
}
