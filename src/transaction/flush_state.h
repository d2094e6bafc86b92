/*-------------------------------------------------------------------------
 *
 * transaction/flush_state.h
 *		What the files of one COMMIT share.
 *
 * flush_unit.c owns what is known: the units, each with its call, and the fate
 * of each change.  The others read it here and change it by the functions
 * below, which assert that a step is allowed and trace it at DEBUG2.
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
	MP_FATE_NOT_SENT,
	MP_FATE_REFUSED,			/* answered: it was not carried out */
	MP_FATE_APPLIED,			/* answered: it was */
	MP_FATE_IN_DOUBT,			/* sent, and no usable answer came */
	MP_FATE_REMOVED,			/* a member to be added anew with another
								 * role: removed, not added yet */
	MP_FATE_REPLACING,			/* the same, but one of the two was sent, and
								 * no usable answer came */
	MP_FATE_RESTORED,			/* removed, then given the old role again */
} MpFate;

#define MP_FATE_COUNT (MP_FATE_RESTORED + 1)

/* What an answer, or the lack of one, tells of a change. */
typedef enum MpEvidence
{
	MP_EVIDENCE_ACCEPTED,		/* it was carried out */
	MP_EVIDENCE_REFUSED,		/* this attempt was not */
	MP_EVIDENCE_LOST,			/* this attempt may have been */
	MP_EVIDENCE_REMOVED,		/* the member to be replaced was removed */
	MP_EVIDENCE_REMOVAL_LOST,	/* or may have been */
	MP_EVIDENCE_RESTORED,		/* and has its old role again */
} MpEvidence;

#define MP_EVIDENCE_COUNT (MP_EVIDENCE_RESTORED + 1)

typedef enum MpUnitState
{
	MP_UNIT_WAITING,			/* to be sent */
	MP_UNIT_RUNNING,			/* has a call under way */
	MP_UNIT_DONE,				/* accepted, or other units do its work */
	MP_UNIT_REFUSED,			/* by a 4xx that may have a remedy */
	MP_UNIT_FAILED,				/* ends the COMMIT */
} MpUnitState;

/* Why there is a unit. */
typedef enum MpUnitOrigin
{
	MP_ORIGIN_PLAN,				/* made by flush_plan.c, or part of such */
	MP_ORIGIN_PROBED,			/* part of a set that was refused: a single
								 * call has not told whether the server has
								 * the bulk call */
	MP_ORIGIN_FALLBACK,			/* a single call in place of a bulk call that
								 * the server seems to lack */
} MpUnitOrigin;

/* Changes that one call carries.  Written by flush_unit.c alone. */
typedef struct MpUnit
{
	MpCallKind	kind;
	MpUnitOrigin origin;
	MpUnitState state;
	uint16		target;
	const int  *finals;			/* indexes into MpFlush.finals */
	int			count;
	MpCall	   *call;			/* RUNNING, REFUSED, FAILED; else NULL */
} MpUnit;

/* One COMMIT; in a context of its own. */
typedef struct MpFlush
{
	/* written by flush_unit.c alone */
	MemoryContext context;
	MemoryContextCallback callback;
	MpFinal    *finals;
	uint8	   *fates;			/* MpFate of each final */
	int			final_count;
	MpUnit	  **units;
	int			unit_count;
	int			unit_size;
	MpCall	   *side_call;		/* made while no unit has a call under way */
	const int  *side_finals;	/* what it changes, while it is under way;
								 * NULL: nothing */
	int			side_count;
	MpEvidence	side_loss;		/* what its loss would tell */

	/* written by flush.c alone */
	int			next_unit;		/* the first that is still WAITING */
	bool		complete;		/* all was sent and applied */

	/* written by flush_culprit.c alone */
	MpRecord	side_record;	/* of the answer to a call that reads */

	/* written by flush_report.c alone */
	bool		reported;		/* the error that ends it has the report */
} MpFlush;

/* ---- flush_unit.c: units, fates, calls ---- */

/* The folded queue, nothing of it sent; in a context below the transaction's.
 * Ending it gives up what is under way. */
extern MpFlush *mp_flush_open(void);
extern void mp_flush_close(MpFlush *flush);

extern const MpChange *mp_flush_change(const MpFlush *flush, int final);

/* What is learnt of the routes of the unit's server. */
extern MpRoutes *mp_flush_routes(const MpUnit *unit);

/* A new WAITING unit with the kind, origin and target of `like`; `finals` are
 * copied. */
extern MpUnit *mp_flush_add_unit(MpFlush *flush, const MpUnit *like,
								 const int *finals, int count);

/* WAITING -> RUNNING.  Raises 53200. */
extern void mp_flush_start_unit(MpFlush *flush, MpUnit *unit);

/* RUNNING or REFUSED -> DONE: its changes are applied. */
extern void mp_flush_accept_unit(MpFlush *flush, MpUnit *unit);

/* RUNNING -> REFUSED or FAILED; the call stays, to be described. */
extern void mp_flush_refuse_unit(MpFlush *flush, MpUnit *unit);
extern void mp_flush_fail_unit(MpFlush *flush, MpUnit *unit);

/* RUNNING -> WAITING: given up before its answer came. */
extern void mp_flush_withdraw_unit(MpFlush *flush, MpUnit *unit);

/* REFUSED -> DONE: other units do its work. */
extern void mp_flush_replace_unit(MpUnit *unit);

/* Whatever is under way will not be awaited. */
extern void mp_flush_give_up(MpFlush *flush);

/* The only way to change fates. */
extern void mp_flush_note(MpFlush *flush, const int *finals, int count,
						  MpEvidence evidence);

/*
 * Make a call that is no unit's and wait for its end: the one that `unit`
 * would make, or a given one about the unit's changes.  Where it fails but may
 * have been carried out, `loss` is noted of the changes; what else it tells is
 * the caller's to note.  False: it has failed; it stays in flush->side_call
 * until the next one.  unit->finals must be palloc'ed, for they may have to be
 * read after an error.  Raises 53200, 57014.
 */
extern bool mp_flush_run_change(MpFlush *flush, const MpUnit *unit,
								MpEvidence loss);
extern bool mp_flush_run_call(MpFlush *flush, MpCall *call,
							  const MpUnit *unit, MpEvidence loss);

/* Make a call that only reads flush->side_call; the caller takes its records.
 * Raises 53200. */
extern void mp_flush_begin_read(MpFlush *flush, MpCall *call);


/* May a call that failed, or was given up, have been carried out? */
extern bool mp_flush_may_be_applied(const MpCall *call);

/* MpPairs by project, then by account; for qsort(). */
extern int	mp_flush_compare_pairs(const void *a, const void *b);

/* ---- flush_plan.c: grouping ---- */

extern void mp_flush_plan_memberships(MpFlush *flush);
extern void mp_flush_plan_deletions(MpFlush *flush);

/* ---- flush_settle.c: refusals ---- */

/* Find a remedy for a REFUSED unit (new units, or DONE), or raise. */
extern void mp_flush_settle(MpFlush *flush, MpUnit *unit);

/* ---- flush_replace.c: members that must be removed before ---- */

/* May the server refuse an addition because the member is there already? */
extern bool mp_flush_any_replaces(const MpFlush *flush, const MpUnit *unit);

/* Remove the members of a REFUSED unit, then add all of it; raises where that
 * fails, after those that were removed have their old roles again. */
extern void mp_flush_replace_members(MpFlush *flush, MpUnit *unit);

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

/* ---- flush_report.c: words ---- */

/* Raise with what was applied added to the detail. */
MP_NORETURN extern void mp_flush_raise(MpFlush *flush, MpError *error);

/* "Applied: ...", palloc'ed; takes calls under way for given up. */
extern char *mp_flush_report(MpFlush *flush);

#endif							/* MP_TRANSACTION_FLUSH_STATE_H */
