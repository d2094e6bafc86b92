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

#include "utils/timestamp.h"

#include "remote/error.h"
#include "remote/session.h"
#include "transaction/changeset.h"
#include "transaction/flush.h"

/* What is known of one change. */
typedef enum MpFate
{
	MP_FATE_NOT_SENT,
	MP_FATE_REFUSED,			/* answered: it was not carried out */
	MP_FATE_ACCEPTED,			/* answered: it was, but of an addition only a
								 * read tells */
	MP_FATE_APPLIED,			/* it was */
	MP_FATE_PARTLY,				/* sent with others and refused: a part may
								 * have been carried out; or to be removed and
								 * not found.  A read tells. */
	MP_FATE_IN_DOUBT,			/* sent, and no usable answer came */
	MP_FATE_REMOVED,			/* a member to be added anew with another
								 * role: removed, not added yet */
	MP_FATE_REPLACING,			/* the same, but one of the two was sent, and
								 * no usable answer came */
	MP_FATE_RESTORED,			/* removed, then given the old role again */
	MP_FATE_SEEN_UNDONE,		/* sent; a read showed that it is not so */
} MpFate;

#define MP_FATE_COUNT (MP_FATE_SEEN_UNDONE + 1)

/* What an answer, or the lack of one, tells of a change. */
typedef enum MpEvidence
{
	MP_EVIDENCE_ACCEPTED,		/* an addition was answered well: a read may
								 * show that it was not carried out */
	MP_EVIDENCE_APPLIED,		/* it was carried out */
	MP_EVIDENCE_REFUSED,		/* this attempt was not */
	MP_EVIDENCE_PARTLY,			/* this attempt was answered, but the answer
								 * does not tell */
	MP_EVIDENCE_LOST,			/* this attempt may have been, or may yet be */
	MP_EVIDENCE_REMOVED,		/* the member to be replaced was removed */
	MP_EVIDENCE_REMOVAL_LOST,	/* or may have been */
	MP_EVIDENCE_RESTORED,		/* and was given its old role again */
	MP_EVIDENCE_SEEN_RESTORED,	/* and a read shows it with its old role */
	MP_EVIDENCE_SEEN_DONE,		/* a read shows what the change asks for */
	MP_EVIDENCE_SEEN_UNDONE,	/* or something else */
} MpEvidence;

#define MP_EVIDENCE_COUNT (MP_EVIDENCE_SEEN_UNDONE + 1)

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

/* What a read has shown of the pair of a change. */
typedef enum MpSeen
{
	MP_SEEN_NOTHING,			/* the server cannot list memberships */
	MP_SEEN_ABSENT,
	MP_SEEN_OTHER_ROLE,			/* a member, but not as the change asks */
	MP_SEEN_MEMBER,
} MpSeen;

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

	TimestampTz lag_end;		/* how long accounts of this transaction may
								 * stay unseen; 0: none was */

	/* written by flush_look.c alone */
	const char **roles;			/* of each final that a read has shown as a
								 * member; NULL: none was read yet */

	/* written by flush_replace.c alone */
	bool		replaced;		/* a member was removed and added again */

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

/* RUNNING or REFUSED -> DONE: its changes are accepted. */
extern void mp_flush_accept_unit(MpFlush *flush, MpUnit *unit);

/* RUNNING -> REFUSED or FAILED; notes what the call's failure tells.  The call
 * stays, to be described. */
extern void mp_flush_refuse_unit(MpFlush *flush, MpUnit *unit);
extern void mp_flush_fail_unit(MpFlush *flush, MpUnit *unit);

/* RUNNING -> WAITING: given up before its answer came. */
extern void mp_flush_withdraw_unit(MpFlush *flush, MpUnit *unit);

/* WAITING or REFUSED -> DONE: other calls do its work, or a read has shown
 * that there is nothing to do. */
extern void mp_flush_replace_unit(MpUnit *unit);

/* Whatever is under way will not be awaited. */
extern void mp_flush_give_up(MpFlush *flush);

/* The only ways to change fates; the second of what was answered well. */
extern void mp_flush_note(MpFlush *flush, const int *finals, int count,
						  MpEvidence evidence);
extern void mp_flush_note_accepted(MpFlush *flush, const int *finals,
								   int count);

/* Additions of this target are worth a read, whatever they are answered. */
extern bool mp_flush_is_verified(uint16 target);

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


/* REFUSED -> DONE, and a new unit for the same changes a little later: the API
 * may not show an account yet that this transaction has created.
 * False, and nothing done, once it has been waited for long enough. */
extern bool mp_flush_try_later(MpFlush *flush, MpUnit *unit);

/* May a call that failed, or was given up, have been carried out? */
extern bool mp_flush_may_be_applied(const MpCall *call);

/* MpPairs by project, then by account; for qsort(). */
extern int	mp_flush_compare_pairs(const void *a, const void *b);

/* ---- flush_plan.c: grouping ---- */

extern void mp_flush_plan_memberships(MpFlush *flush);
extern void mp_flush_plan_deletions(MpFlush *flush);

/* Some additions of one target. */
extern void mp_flush_plan_additions(MpFlush *flush, uint16 target,
									const int *finals, int count);

/* ---- flush_settle.c: refusals ---- */

/* Find a remedy for a REFUSED unit (new units, or DONE), or raise. */
extern void mp_flush_settle(MpFlush *flush, MpUnit *unit);

/* The same for those of these units that delete accounts, all at once. */
extern void mp_flush_settle_deletions(MpFlush *flush, int from, int to);

/* ---- flush_replace.c: members that must be removed before ---- */

/* The changes of a unit whose members may be there already; returns how
 * many. */
extern int	mp_flush_find_replaced(const MpFlush *flush, const MpUnit *unit,
								   int *finals);

/*
 * Remove these members, changes of the unit, then make the unit's additions;
 * raises where that fails, after those that were removed have their old roles
 * again.
 */
extern void mp_flush_replace_members(MpFlush *flush, MpUnit *unit,
									 const int *finals, int count);

/* ---- flush_verify.c: additions that were accepted ---- */

/* Read back all additions of the COMMIT; mends or raises where they were not
 * carried out, warns where that cannot be seen. */
extern void mp_flush_verify_additions(MpFlush *flush);

/* ---- flush_look.c: reading what is there ---- */

/*
 * Which of these pairs, all of one target, are members now?  seen[i] is told
 * of finals[i].  By the account or by the project, whichever are fewer.  False
 * where the read fails; *why is the error's message.
 */
extern bool mp_flush_look(MpFlush *flush, const int *finals, int count,
						  MpSeen *seen, char **why);

/* The role that a change of role found; NULL: not known. */
extern const char *mp_flush_role_before(const MpChange *change);

/* The same for accounts: there[i] tells whether that of finals[i] is. */
extern bool mp_flush_look_accounts(MpFlush *flush, const int *finals,
								   int count, bool *there, char **why);

/* The failure of a call is about to end the COMMIT: does the server answer, so
 * that it can be asked what became of other changes? */
extern bool mp_flush_is_answering(const MpCall *call);

/* Note what a read shows of those changes of one target that only a read can
 * tell of. */
extern void mp_flush_read_back(MpFlush *flush, uint16 target);

/* ---- flush_culprit.c: who is not there ---- */

typedef struct MpCulprits
{
	int			account;		/* a final whose account is not there; -1 */
	int			project;		/* the same of projects */
	bool		own_account;	/* an account is not there that this
								 * transaction has created */
	bool		unreadable;		/* the server has the calls that would tell,
								 * but one of them failed */
} MpCulprits;

/* Look for what a unit names and is not there.  Raises nothing but 57014. */
extern void mp_flush_find_culprits(MpFlush *flush, const MpUnit *unit,
								   MpCulprits *culprits);

/* ---- flush_report.c: words ---- */

/* Raise with what was applied added to the detail. */
MP_NORETURN extern void mp_flush_raise(MpFlush *flush, MpError *error);

/* "Applied: ...", palloc'ed; takes calls under way for given up. */
extern char *mp_flush_report(MpFlush *flush);

/* "service account 5 in project 7 as admin; ...": some changes, the first of
 * them by name. */
extern char *mp_flush_name_changes(const MpFlush *flush, const int *finals,
								   int count);

#endif							/* MP_TRANSACTION_FLUSH_STATE_H */
