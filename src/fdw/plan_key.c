/*-------------------------------------------------------------------------
 *
 * fdw/plan_key.c
 *		Which conditions pin a key of a foreign table.
 *
 * Only integer equality is recognized (operators of btree's integer_ops): it
 * is the one whose meaning the API shares.  Everything else is left to the
 * executor.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_opfamily.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "catalog/integer.h"
#include "fdw/plan_key.h"

#define DEFAULT_ARRAY_LENGTH 10

/* A relation whose keys are looked for. */
typedef struct KeySearch
{
	PlannerInfo *root;
	RelOptInfo *rel;
	const MpTable *table;
	int			group;
} KeySearch;

static List *match_clause(const KeySearch *search, Expr *clause);
static List *match_operator(const KeySearch *search, OpExpr *clause);
static List *match_array(const KeySearch *search, ScalarArrayOpExpr *clause);
static List *match_or(const KeySearch *search, BoolExpr *clause);
static List *make_key(const KeySearch *search, Node *column, Node *value,
					  bool array);
static bool key_field(const KeySearch *search, Node *node, MpField *field);

List *
mp_plan_match_keys(PlannerInfo *root, RelOptInfo *baserel,
				   const MpTable *table, Expr *clause, int group)
{
	KeySearch	search = {root, baserel, table, group};

	return match_clause(&search, clause);
}

double
mp_plan_array_length(PlannerInfo *root pg_attribute_unused(), Expr *array)
{
	Node	   *node = strip_implicit_coercions((Node *) array);

	if (IsA(node, Const) && !((Const *) node)->constisnull)
	{
		ArrayType  *value = DatumGetArrayTypeP(((Const *) node)->constvalue);

		return ArrayGetNItems(ARR_NDIM(value), ARR_DIMS(value));
	}
	if (IsA(node, ArrayExpr) && !((ArrayExpr *) node)->multidims)
		return list_length(((ArrayExpr *) node)->elements);
	return DEFAULT_ARRAY_LENGTH;
}

static List *
match_clause(const KeySearch *search, Expr *clause)
{
	if (IsA(clause, OpExpr))
		return match_operator(search, (OpExpr *) clause);
	if (IsA(clause, ScalarArrayOpExpr))
		return match_array(search, (ScalarArrayOpExpr *) clause);
	if (IsA(clause, BoolExpr) && ((BoolExpr *) clause)->boolop == OR_EXPR)
		return match_or(search, (BoolExpr *) clause);
	return NIL;
}

static List *
match_operator(const KeySearch *search, OpExpr *clause)
{
	List	   *key;

	if (list_length(clause->args) != 2 ||
		get_op_opfamily_strategy(clause->opno, INTEGER_BTREE_FAM_OID) !=
		BTEqualStrategyNumber)
		return NIL;
	key = make_key(search, linitial(clause->args), lsecond(clause->args),
				   false);
	if (key == NIL)
		key = make_key(search, lsecond(clause->args), linitial(clause->args),
					   false);
	return key;
}

static List *
match_array(const KeySearch *search, ScalarArrayOpExpr *clause)
{
	if (!clause->useOr ||
		get_op_opfamily_strategy(clause->opno, INTEGER_BTREE_FAM_OID) !=
		BTEqualStrategyNumber)
		return NIL;
	return make_key(search, linitial(clause->args), lsecond(clause->args),
					true);
}

/* All arms must pin the same column. */
static List *
match_or(const KeySearch *search, BoolExpr *clause)
{
	List	   *keys = NIL;
	ListCell   *cell;

	foreach(cell, clause->args)
	{
		Expr	   *arm = lfirst(cell);
		List	   *more;

		/* a join clause's arms may be wrapped */
		if (IsA(arm, RestrictInfo))
			arm = ((RestrictInfo *) arm)->clause;
		more = match_clause(search, arm);
		if (more == NIL)
			return NIL;
		keys = list_concat(keys, more);
		if (((MpKey *) linitial(keys))->field !=
			((MpKey *) llast(keys))->field)
			return NIL;
	}
	return keys;
}

/* NIL if `column` is no key, or `value` cannot be known before the scan. */
static List *
make_key(const KeySearch *search, Node *column, Node *value, bool array)
{
	Oid			type = array ?
		get_base_element_type(exprType(value)) : exprType(value);
	MpField		field;
	MpKey	   *key;

	if (!key_field(search, column, &field) ||
		!OidIsValid(mp_integer_base(type)) ||
		bms_is_member((int) search->rel->relid,
					  pull_varnos(search->root, value)) ||
		contain_volatile_functions(value))
		return NIL;
	key = palloc(sizeof(MpKey));
	key->field = field;
	key->array = array;
	key->group = search->group;
	key->value = (Expr *) value;
	return list_make1(key);
}

/* Is the node a key column of the relation? */
static bool
key_field(const KeySearch *search, Node *node, MpField *field)
{
	Var		   *var = (Var *) strip_implicit_coercions(node);
	const MpColumn *column;

	/*
	 * What is stripped is a domain, or a step to a wider integer; a column of
	 * another type may have come here through a cast that somebody made, and
	 * which need not keep its value.
	 */
	if (!IsA(var, Var) || var->varno != (int) search->rel->relid ||
		var->varlevelsup != 0 || var->varattno <= 0 ||
		var->varattno > search->table->natts ||
		!OidIsValid(mp_integer_base(var->vartype)))
		return false;
	column = search->table->attributes[var->varattno - 1].column;
	if (column == NULL)
		return false;
	*field = column->field;
	return *field == MP_FIELD_ID || *field == MP_FIELD_PROJECT_ID ||
		*field == MP_FIELD_ORGANIZATION_ID;
}
