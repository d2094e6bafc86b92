/*-------------------------------------------------------------------------
 *
 * fdw/join.h
 *		A join that looks up the keys of many rows at once.
 *
 * Core joins by rescanning the inner side for one outer row after the other,
 * which costs a round trip each.  The lookup join reads the outer side first,
 * gathers its keys, and has the foreign table read for all of them together:
 * max_concurrency requests share a round trip, and equal keys a request.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_FDW_JOIN_H
#define MP_FDW_JOIN_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "nodes/extensible.h"

/* CustomScan.custom_private, a list indexed by this enum. */
enum MpJoinPrivate
{
	MP_JOIN_TYPE,				/* Integer: JoinType */
	MP_JOIN_SOURCES,			/* IntList, parallel to custom_scan_tlist:
								 * attribute of the outer side, or minus that
								 * of the inner */
	MP_JOIN_KEY,				/* Integer: the inner side's key attribute */
};

/* Once, when the library is loaded: planner hook and executor methods. */
extern void mp_join_init(void);

/* CreateCustomScanState; join_exec.c. */
extern Node *mp_join_create_state(CustomScan *plan);

#endif							/* MP_FDW_JOIN_H */
