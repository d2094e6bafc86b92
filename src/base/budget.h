/*-------------------------------------------------------------------------
 *
 * base/budget.h
 *		What one base URL and organization allow: how many requests, and when.
 *
 * Arithmetic only: no clock, no lock, no waiting.  A budget and the parts of
 * its members hold no pointers, so that they may lie in shared memory; who
 * calls these functions has locked them.  Times are microseconds of a clock
 * that all members share.
 *
 * Three things hold a request back:
 *	 a hold			the server has said when to come again (Retry-After)
 *	 a token		of a bucket as large as the number of the rate, full at
 *					first, which gets that many in each period; where the rate
 *					is another than before, as many have been taken
 *	 a slot			of the requests that may be in flight at once
 *
 * Fairness: a member has one token reserved at most, and stands once at most
 * in the line for slots; after each request it stands behind all others.  So
 * members that always want more get equally much, however many requests each
 * of them has waiting.  Nobody waits for a member that does not come: a token
 * that is reserved passes with its time, and a member that does not take its
 * slot loses its place in the line.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_BASE_BUDGET_H
#define MP_BASE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/settings.h"

#define MP_BUDGET_NOBODY	(-1)

/* How long a member of the line may take to come for a slot. */
#define MP_BUDGET_GRACE		INT64_C(100000)

/* A server may ask all to wait so long, and no longer. */
#define MP_BUDGET_LONGEST_HOLD	(INT64_C(86400) * 1000000)

/* What a request may take. */
typedef struct MpBudgetLimits
{
	MpRate		rate;			/* number 0: any number */
	int			concurrency;	/* 0: any number */
} MpBudgetLimits;

typedef struct MpBudget
{
	int64_t		not_before;		/* end of the hold */
	uint32_t	holds;			/* how often it was moved on */
	int64_t		full_at;		/* when the bucket would be full again, */
	MpRate		rate;			/* at this rate: the last that asked for one */
	int64_t		full_changed;	/* full_at, as the change to it left it */
	MpRate		rate_before;	/* the rate before that, */
	int64_t		full_before;	/* at which it would be full then */
	int64_t		even_until;		/* tokens come one by one: the server has
								 * refused what a full bucket let pass */
	int64_t		requests;		/* let pass */
	int64_t		refused;		/* of them, by the server for their number */
	int64_t		answers;		/* of them, answered otherwise */
	int32_t		in_flight;
	int32_t		waiting;
	int32_t		first;			/* the line for slots */
	int32_t		last;
	int64_t		called;			/* when its first was called */
	int64_t		used;			/* when it was last asked */
	MpBudgetLimits limits;		/* of the last that asked */
} MpBudget;

/* A member's. */
typedef struct MpBudgetPart
{
	int32_t		in_flight;
	int32_t		waiting;
	bool		in_line;
	int32_t		previous;
	int32_t		next;
	uint32_t	holds;			/* as the budget's when the token was taken */
	int64_t		reserved;		/* the time of a token; 0: none */
	int64_t		reserved_end;	/* full_at, as that has left it */
	int64_t		reserved_step;	/* by how much that has moved it on */
} MpBudgetPart;

/* One member's place at a budget. */
typedef struct MpBudgetSeat
{
	MpBudget   *budget;
	MpBudgetPart *parts;		/* of all members */
	int			self;			/* index among them */
	int			wake;			/* whom to wake, now that there is something
								 * for him; or NOBODY */
} MpBudgetSeat;

typedef struct MpBudgetWish
{
	MpBudgetLimits limits;
	bool		urgent;			/* takes a token in advance, and a slot beyond
								 * the number */
	int64_t		patience;		/* no token is reserved that comes later */
	int64_t		now;
} MpBudgetWish;

typedef enum MpBudgetVerdict
{
	MP_BUDGET_GO,				/* it is in flight */
	MP_BUDGET_HELD,				/* by the server */
	MP_BUDGET_NO_TOKEN,
	MP_BUDGET_NO_SLOT,			/* *wait: ask again then, if not woken */
} MpBudgetVerdict;

/* A budget that nobody has used; parts of its members are zeros. */
extern void mp_budget_init(MpBudget *budget);

/* One that is idle, and that its members may still have a token of. */
extern void mp_budget_renew(MpBudget *budget);

/* May a request be sent?  *wait: how long not. */
extern MpBudgetVerdict mp_budget_enter(MpBudgetSeat *seat,
									   const MpBudgetWish *wish,
									   int64_t *wait);

/* One of the member's requests is not in flight any more. */
extern void mp_budget_leave(MpBudgetSeat *seat, int64_t now);

/* A request more within one that is in flight: it was redirected. */
extern void mp_budget_charge(MpBudgetSeat *seat, int64_t now);

/* The server has answered a request, but for its number. */
extern void mp_budget_note_answer(MpBudgetSeat *seat);

/* It has refused one for its number. */
extern void mp_budget_note_refusal(MpBudgetSeat *seat);

/* It has asked all to wait so long; `even`: because of their number. */
extern void mp_budget_hold(MpBudgetSeat *seat, int64_t wait, bool even,
						   int64_t now);

/* So many of the member's requests wait for the budget. */
extern void mp_budget_set_waiting(MpBudgetSeat *seat, int count);

/* None of them does: out of the line, and a token that was reserved last is
 * given back. */
extern void mp_budget_withdraw(MpBudgetSeat *seat, int64_t now);

/* The member goes for good, with all that it had. */
extern void mp_budget_clear(MpBudgetSeat *seat, int64_t now);

/* Would nobody miss it? */
extern bool mp_budget_is_idle(const MpBudget *budget, int64_t now);

/* Tokens in the bucket, 0 or more; -1: there is no rate. */
extern double mp_budget_tokens(const MpBudget *budget, int64_t now);

#endif							/* MP_BASE_BUDGET_H */
