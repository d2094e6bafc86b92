/*-------------------------------------------------------------------------
 *
 * transaction/flush_state.h
 *		What flush.c (sending), flush_plan.c (grouping), flush_settle.c
 *		(refusals) and flush_report.c (what was applied) share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_TRANSACTION_FLUSH_STATE_H
#define MP_TRANSACTION_FLUSH_STATE_H

#include "postgres.h"

#include "remote/error.h"
#include "remote/session.h"
#include "transaction/changeset.h"
#include "transaction/flush.h"

/* What is known of one change. */
typedef enum MpFate
{
	MP_FATE_NOT_APPLIED,
	MP_FATE_APPLIED,
	MP_FATE_UNKNOWN,			/* sent, and no usable answer came */
	MP_FATE_REMOVED,			/* to be added anew with another role:
								 * removed, then not added */
	MP_FATE_REPLACING,			/* the same, but one of the two was sent, and
								 * no usable answer came */
} MpFate;

typedef enum MpUnitState
{
	MP_UNIT_WAITING,
	MP_UNIT_RUNNING,
	MP_UNIT_DONE,
	MP_UNIT_REFUSED,			/* by a 4xx that may have a remedy */
	MP_UNIT_FAILED,
} MpUnitState;

/* Changes that one call carries. */
typedef struct MpUnit
{
	MpCallKind	kind;
	MpUnitState state;
	uint16		target;
	bool		fallback;		/* single calls in place of a bulk call that
								 * the server seems to lack */
	bool		probed;			/* a single call did not tell whether the
								 * server has the bulk call */
	int		   *finals;			/* indexes into MpFlush.finals */
	int			count;
	MpCall	   *call;			/* RUNNING, REFUSED, FAILED */
} MpUnit;

/* One COMMIT; in a context of its own. */
typedef struct MpFlush
{
	MemoryContext context;
	MemoryContextCallback callback;
	MpFinal    *finals;
	uint8	   *fates;			/* MpFate of each final */
	int			final_count;
	MpUnit	  **units;
	int			unit_count;
	int			unit_size;
	int			next_unit;		/* the first that is still WAITING */
	bool		complete;		/* all was sent and applied */
	bool		reported;		/* the error that ends it has the report */
	MpCall	   *side_call;		/* of settling a refusal */
	MpRecord	side_record;	/* of its answer */
} MpFlush;

/* ---- flush.c ---- */

extern const MpChange *mp_flush_change(const MpFlush *flush, int final);
extern MpUnit *mp_flush_add_unit(MpFlush *flush, MpCallKind kind,
								 const MpUnit *like, const int *finals,
								 int count);
extern MpCall *mp_flush_start_call(MpFlush *flush, MpCallKind kind,
								   uint16 target, const int *finals,
								   int count);
extern void mp_flush_set_fates(MpFlush *flush, const int *finals, int count,
							   MpFate fate);
extern bool mp_flush_may_be_applied(const MpCall *call);

/* ---- flush_plan.c ---- */

extern void mp_flush_plan_memberships(MpFlush *flush);
extern void mp_flush_plan_deletions(MpFlush *flush);

/* MpPairs by project, then by account; for qsort(). */
extern int	mp_flush_compare_pairs(const void *a, const void *b);

/* ---- flush_settle.c ---- */

/* Find a remedy for a REFUSED unit (new units, or DONE), or raise. */
extern void mp_flush_settle(MpFlush *flush, MpUnit *unit);

/* ---- flush_culprit.c: looking by reading ---- */

/* A final of the unit whose account, or project, is not there; -1: none is
 * missing, or it cannot be told.  *unreadable: the server has the call that
 * would tell, but it failed. */
extern int	mp_flush_missing_account(const MpFlush *flush,
									 const MpUnit *unit);
extern int	mp_flush_missing_project(MpFlush *flush, const MpUnit *unit,
									 bool *unreadable);

/* Is the unit's first change about a member that is there now?  *known: false
 * where the server cannot list memberships. */
extern bool mp_flush_is_member(const MpFlush *flush, const MpUnit *unit,
							   bool *known);

/* ---- flush_report.c ---- */

/* Raise with what was applied added to the detail. */
MP_NORETURN extern void mp_flush_raise(MpFlush *flush, MpError *error);

/* "Applied: ...", palloc'ed; takes calls under way for given up. */
extern char *mp_flush_report(MpFlush *flush);

#endif							/* MP_TRANSACTION_FLUSH_STATE_H */
