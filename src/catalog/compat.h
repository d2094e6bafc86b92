/*-------------------------------------------------------------------------
 *
 * catalog/compat.h
 *		What differs between PostgreSQL versions; every PG_VERSION_NUM of the
 *		project stands here, and each macro is named after what it does.
 *
 * Include after postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_CATALOG_COMPAT_H
#define MP_CATALOG_COMPAT_H

#include "catalog/pg_attribute.h"
#include "commands/explain.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "optimizer/cost.h"
#include "optimizer/pathnode.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM >= 160000
#include "rewrite/rewriteManip.h"
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 170000
#include "storage/dsm_registry.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* Module magic with a name and a version, shown by pg_get_loaded_modules(). */
#if PG_VERSION_NUM >= 180000
#define MP_MODULE_MAGIC(module, its_version) \
	PG_MODULE_MAGIC_EXT(.name = module, .version = its_version)
#else
#define MP_MODULE_MAGIC(module, its_version) PG_MODULE_MAGIC
#endif

/* A variable of RETURNING that names the row before the change. */
#if PG_VERSION_NUM >= 180000
#define MP_IS_OLD(var) ((var)->varreturningtype == VAR_RETURNING_OLD)
#else
#define MP_IS_OLD(var) ((void) (var), false)
#endif

#if PG_VERSION_NUM >= 150000
#define MP_IS_MERGE(query) ((query)->commandType == CMD_MERGE)
#else
#define MP_IS_MERGE(query) ((void) (query), false)
#endif

/* A generated column that is not stored but computed where it is read. */
#if PG_VERSION_NUM >= 180000
#define MP_IS_VIRTUAL(att) \
	((att)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
#else
#define MP_IS_VIRTUAL(att) ((void) (att), false)
#endif

/* A function that does not return; before the declaration's type. */
#if PG_VERSION_NUM >= 180000
#define MP_NORETURN pg_noreturn
#else
#define MP_NORETURN pg_attribute_noreturn()
#endif

/* Memory that a check hook hands to PostgreSQL; NULL: there is none. */
#if PG_VERSION_NUM >= 160000
#define MP_GUC_MALLOC(size) guc_malloc(LOG, size)
#else
#define MP_GUC_MALLOC(size) malloc(size)
#endif

/* All settings, and in *count how many there are. */
#if PG_VERSION_NUM >= 160000
#define MP_GUC_VARIABLES(count) get_guc_variables(count)
#else
#define MP_GUC_VARIABLES(count) \
	(*(count) = GetNumConfigOptions(), get_guc_variables())
#endif

/* libpq/libpq.h has it, which needs the headers of GSSAPI where the server was
 * built with it. */
extern bool pq_check_connection(void);

/*
 * Write a message of this transaction to the log, and with it the id of the
 * (sub)transaction; its position.  Needs replication/message.h.
 */
#if PG_VERSION_NUM >= 170000
#define MP_LOG_MESSAGE(prefix) LogLogicalMessage(prefix, "", 0, true, false)
#else
#define MP_LOG_MESSAGE(prefix) LogLogicalMessage(prefix, "", 0, true)
#endif

/* A custom wait event, 0 before it is made. */
#if PG_VERSION_NUM >= 170000
#define MP_NEW_WAIT_EVENT(name) WaitEventExtensionNew(name)
#else
#define MP_NEW_WAIT_EVENT(name) PG_WAIT_EXTENSION
#endif

/*
 * Shared memory that any backend makes by its name; begin(memory) fills it.
 * Before 17 there is none, and the macro is not reached.
 */
#if PG_VERSION_NUM >= 190000
#define MP_HAS_NAMED_SEGMENTS true
#define MP_NAMED_SEGMENT(name, size, begin, found) \
	GetNamedDSMSegment(name, size, begin, found, NULL)
#define MP_SEGMENT_ARG , void *arg pg_attribute_unused()
#elif PG_VERSION_NUM >= 170000
#define MP_HAS_NAMED_SEGMENTS true
#define MP_NAMED_SEGMENT(name, size, begin, found) \
	GetNamedDSMSegment(name, size, begin, found)
#define MP_SEGMENT_ARG
#else
#define MP_HAS_NAMED_SEGMENTS false
#define MP_NAMED_SEGMENT(name, size, begin, found) \
	((void) (begin), (void) (found), NULL)
#define MP_SEGMENT_ARG
#endif

/* A tranche of locks; a name for it, which every process gives. */
#if PG_VERSION_NUM >= 190000
#define MP_NEW_TRANCHE(name) LWLockNewTrancheId(name)
#define MP_NAME_TRANCHE(tranche, name) ((void) (tranche))
#else
#define MP_NEW_TRANCHE(name) LWLockNewTrancheId()
#define MP_NAME_TRANCHE(tranche, name) LWLockRegisterTranche(tranche, name)
#endif

/* Which of all backends that there may be is this one: from 0. */
#if PG_VERSION_NUM >= 170000
#define MP_OWN_NUMBER MyProcNumber
#else
#define MP_OWN_NUMBER MyProc->pgprocno
#endif

/* A set of so many events to wait for, which lasts as long as the process. */
#if PG_VERSION_NUM >= 170000
#define MP_NEW_WAIT_SET(count) CreateWaitEventSet(NULL, count)
#else
#define MP_NEW_WAIT_SET(count) CreateWaitEventSet(TopMemoryContext, count)
#endif

/* A path that scans one base relation, without pathkeys or outer path. */
#if PG_VERSION_NUM >= 180000
#define MP_FOREIGN_PATH(root, rel, rows, startup, total, outer) \
	create_foreignscan_path(root, rel, NULL, rows, 0, startup, total, NIL, \
							outer, NULL, NIL, NIL)
#elif PG_VERSION_NUM >= 170000
#define MP_FOREIGN_PATH(root, rel, rows, startup, total, outer) \
	create_foreignscan_path(root, rel, NULL, rows, startup, total, NIL, \
							outer, NULL, NIL, NIL)
#else
#define MP_FOREIGN_PATH(root, rel, rows, startup, total, outer) \
	create_foreignscan_path(root, rel, NULL, rows, startup, total, NIL, \
							outer, NULL, NIL)
#endif

/*
 * For JOIN_UNIQUE_OUTER: a path that gives the outer relation's rows without
 * duplicates; NULL if there is none.  `path` is its cheapest one.  From 19 on
 * the relation itself is the one without duplicates.
 *
 * Before, core sorts two rows and hashes three.  A plan should not depend on
 * one row more or less, so they are hashed where they can be, at the cost of
 * sorting, which is about the same for so few.
 */
#if PG_VERSION_NUM >= 190000
#define MP_UNIQUE_PATH(root, rel, path, sjinfo) (path)
#else
#define MP_UNIQUE_PATH(root, rel, path, sjinfo) \
	mp_unique_path(root, rel, path, sjinfo)
static inline Path *
mp_unique_path(PlannerInfo *root, RelOptInfo *rel, Path *path,
			   SpecialJoinInfo *sjinfo)
{
	UniquePath *unique = create_unique_path(root, rel, path, sjinfo);
	UniquePath *hashed;

	if (unique == NULL || unique->umethod != UNIQUE_PATH_SORT ||
		!sjinfo->semi_can_hash || !enable_hashagg)
		return (Path *) unique;
	hashed = makeNode(UniquePath);
	*hashed = *unique;
	hashed->umethod = UNIQUE_PATH_HASH;
	hashed->path.pathkeys = NIL;
	return (Path *) hashed;
}
#endif

/*
 * From 16 on a variable says which outer joins may have made it NULL.  The
 * join that does so (0: none, or an older server), a copy of an expression
 * with the variables of `relids` marked by it, and whether a variable is
 * marked by it alone.
 */
#if PG_VERSION_NUM >= 160000
#define MP_OUTER_JOIN(sjinfo) ((int) (sjinfo)->ojrelid)
#define MP_MARK_NULLABLE(node, relids, join) \
	((join) == 0 ? (Node *) copyObject(node) : \
	 add_nulling_relids((Node *) copyObject(node), relids, \
						bms_make_singleton(join)))
#define MP_IS_MARKED(var, join) \
	((join) == 0 ? bms_is_empty((var)->varnullingrels) : \
	 bms_is_member(join, (var)->varnullingrels) && \
	 bms_membership((var)->varnullingrels) == BMS_SINGLETON)
#else
#define MP_OUTER_JOIN(sjinfo) ((void) (sjinfo), 0)
#define MP_MARK_NULLABLE(node, relids, join) \
	((void) (relids), (void) (join), (Node *) copyObject(node))
#define MP_IS_MARKED(var, join) ((void) (var), (void) (join), true)
#endif

/* Whether a role may use a foreign server; needs catalog/pg_foreign_server.h
 * and utils/acl.h. */
#if PG_VERSION_NUM >= 160000
#define MP_SERVER_ACLCHECK(server, role) \
	object_aclcheck(ForeignServerRelationId, server, role, ACL_USAGE)
#else
#define MP_SERVER_ACLCHECK(server, role) \
	pg_foreign_server_aclcheck(server, role, ACL_USAGE)
#endif

/* The role whose rights a scan is checked with; InvalidOid: the current. */
#if PG_VERSION_NUM >= 160000
#define MP_SCAN_USER(node) \
	(((ForeignScan *) (node)->ss.ps.plan)->checkAsUser)
#else
#define MP_SCAN_USER(node) \
	(exec_rt_fetch(((ForeignScan *) (node)->ss.ps.plan)->scan.scanrelid, \
				   (node)->ss.ps.state)->checkAsUser)
#endif

/* The same for the target of a modification. */
#if PG_VERSION_NUM >= 160000
#define MP_TARGET_USER(rri, estate) ExecGetResultRelCheckAsUser(rri, estate)
#else
#define MP_TARGET_USER(rri, estate) mp_target_user(rri, estate)
static inline Oid
mp_target_user(ResultRelInfo *rri, EState *estate)
{
	Index		rti = rri->ri_RangeTableIndex;

	/* a partition that routing opened has no entry of its own */
	if (rti == 0 && rri->ri_RootResultRelInfo != NULL)
		rti = rri->ri_RootResultRelInfo->ri_RangeTableIndex;
	if (rti == 0)
		return InvalidOid;
	return ((RangeTblEntry *) list_nth(estate->es_range_table,
									   (int) rti - 1))->checkAsUser;
}
#endif

#endif							/* MP_CATALOG_COMPAT_H */
