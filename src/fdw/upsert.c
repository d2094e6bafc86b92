/*-------------------------------------------------------------------------
 *
 * fdw/upsert.c
 *		What to do in place of INSERT ... ON CONFLICT.
 *
 * With columns named, the planner looks for a unique index before it asks a
 * foreign data wrapper anything, and says that there is none.  A hook that
 * runs a moment earlier says the same, and what to do.  In a session that has
 * not loaded the library yet, the planner's own words stand.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "foreign/foreign.h"
#include "nodes/pathnodes.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "access/table.h"
#include "catalog/relation.h"
#include "fdw/import.h"
#include "fdw/modify.h"

static void mixpanelUpperPaths(PlannerInfo *root, UpperRelationKind stage,
							   RelOptInfo *input, RelOptInfo *output,
							   void *extra);
static bool is_upsert(const Query *query);
static bool is_our_table(Oid relid);
static const char *advice(const MpRelation *relation);

static create_upper_paths_hook_type previous_hook = NULL;

void
mp_modify_init(void)
{
	previous_hook = create_upper_paths_hook;
	create_upper_paths_hook = mixpanelUpperPaths;
}

/*
 * Called several times for every query of the session: nothing is looked at
 * before it is known to be an upsert into one of our tables.
 */
static void
mixpanelUpperPaths(PlannerInfo *root, UpperRelationKind stage,
				   RelOptInfo *input, RelOptInfo *output, void *extra)
{
	Oid			relid;
	Relation	rel;
	const MpRelation *relation;

	if (previous_hook != NULL)
		previous_hook(root, stage, input, output, extra);
	if (stage != UPPERREL_FINAL || !is_upsert(root->parse))
		return;
	relid = planner_rt_fetch(root->parse->resultRelation, root)->relid;
	if (!is_our_table(relid))
		return;

	/* the parser has locked the target */
	rel = table_open(relid, NoLock);
	relation = mp_relation_declared(rel);
	table_close(rel, NoLock);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
			 errmsg("there is no unique or exclusion constraint matching the ON CONFLICT specification"),
			 errhint("%s", advice(relation))));
}

/* An INSERT whose ON CONFLICT names columns? */
static bool
is_upsert(const Query *query)
{
	return query->commandType == CMD_INSERT && query->onConflict != NULL &&
		query->onConflict->arbiterElems != NIL;
}

static bool
is_our_table(Oid relid)
{
	Oid			server;

	if (get_rel_relkind(relid) != RELKIND_FOREIGN_TABLE)
		return false;
	server = GetForeignTable(relid)->serverid;
	return mp_import_is_ours(GetForeignServer(server)->fdwid);
}

/* Without columns the planner asks us. */
void
mp_modify_refuse_on_conflict(Relation rel, OnConflictAction action)
{
	if (action == ONCONFLICT_NONE)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("INSERT with ON CONFLICT is not supported on Mixpanel's tables"),
			 errhint("%s", advice(mp_relation_declared(rel)))));
}

/* `relation` is NULL for a table that is declared wrongly. */
static const char *
advice(const MpRelation *relation)
{
	if (relation != NULL && relation->kind == MP_RELATION_ACCOUNTS)
		return "Look for the username first; a plain INSERT creates another account.";
	return "Use a plain INSERT: adding a membership that exists sets its role.";
}
