/*-------------------------------------------------------------------------
 *
 * fdw/plan_key.h
 *		Which conditions pin a key of a foreign table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_FDW_PLAN_KEY_H
#define MP_FDW_PLAN_KEY_H

#include "postgres.h"

#include "nodes/pathnodes.h"

#include "catalog/relation.h"

/* A field that a condition pins to the value of an expression. */
typedef struct MpKey
{
	MpField		field;			/* id, project_id or organization_id */
	bool		array;			/* to any element of an array */
	int			group;			/* keys of a group are alternatives */
	Expr	   *value;			/* free of the relation's own columns */
} MpKey;

/*
 * The keys (MpKey, all of `group`) that a condition pins; NIL if it pins none:
 * column = value, column = ANY (array), or such conditions on one column
 * joined by OR.  Values are of an integer type and not volatile.
 */
extern List *mp_plan_match_keys(PlannerInfo *root, RelOptInfo *baserel,
								const MpTable *table, Expr *clause,
								int group);

/* About how many elements an array expression has. */
extern double mp_plan_array_length(PlannerInfo *root, Expr *array);

#endif							/* MP_FDW_PLAN_KEY_H */
