/*-------------------------------------------------------------------------
 *
 * base/budget.c
 *		What one base URL and organization allow: how many requests, and when.
 *
 * The bucket is kept as the time at which it would be full again (GCRA, the
 * generic cell rate algorithm): each token moves that on by an interval.  It
 * needs no refilling, and a time beyond is a reservation.
 *
 *-------------------------------------------------------------------------
 */
#include <assert.h>
#include <string.h>

#include "base/budget.h"

/*
 * How long tokens come one by one after a refusal, in periods of the rate and
 * at most; and by how much longer an interval is meanwhile, so that requests
 * which take differently long to arrive are not too many in a period of the
 * server's.
 */
#define EVEN_PERIODS	10
#define EVEN_AT_MOST	INT64_C(60000000)
#define EVEN_STRETCH	32

static MpBudgetPart *own_part(const MpBudgetSeat *seat);
static bool is_even(const MpBudget *budget, int64_t now);
static void change_rate(MpBudget *budget, const MpRate *rate, int64_t now);
static int64_t full_again(const MpBudget *budget, const MpRate *rate,
						  double since, int64_t now);
static int64_t later(int64_t one, int64_t other);
static bool is_rate(const MpRate *rate, const MpRate *other);
static double tokens_in(int64_t time, const MpRate *rate);
static int64_t even_step(const MpRate *rate);
static int64_t interval(const MpBudget *budget, int64_t now);
static int64_t reserve_token(MpBudgetSeat *seat, const MpBudgetWish *wish);
static void take_token(MpBudget *budget, int64_t now);
static bool has_slot(MpBudgetSeat *seat, const MpBudgetWish *wish);
static void join_line(MpBudgetSeat *seat, int who);
static void leave_line(MpBudgetSeat *seat, int who);
static void call_first(MpBudgetSeat *seat, int64_t now);

void
mp_budget_init(MpBudget *budget)
{
	memset(budget, 0, sizeof(*budget));
	budget->first = budget->last = MP_BUDGET_NOBODY;
}

void
mp_budget_renew(MpBudget *budget)
{
	uint32_t	holds = budget->holds;

	mp_budget_init(budget);
	budget->holds = holds + 1;
}

MpBudgetVerdict
mp_budget_enter(MpBudgetSeat *seat, const MpBudgetWish *wish, int64_t *wait)
{
	MpBudget   *budget = seat->budget;
	MpBudgetPart *part = own_part(seat);

	budget->used = wish->now;
	budget->limits = wish->limits;
	*wait = budget->not_before - wish->now;
	if (*wait > 0)
		return MP_BUDGET_HELD;
	*wait = 0;
	change_rate(budget, &wish->limits.rate, wish->now);
	if (wish->urgent)
		take_token(budget, wish->now);
	else
	{
		*wait = reserve_token(seat, wish);
		if (*wait > 0)
			return MP_BUDGET_NO_TOKEN;
		if (!has_slot(seat, wish))
		{
			*wait = MP_BUDGET_GRACE / 2;
			return MP_BUDGET_NO_SLOT;
		}
		part->reserved = 0;
	}
	part->in_flight++;
	budget->in_flight++;
	budget->requests++;
	return MP_BUDGET_GO;
}

void
mp_budget_leave(MpBudgetSeat *seat, int64_t now)
{
	MpBudgetPart *part = own_part(seat);

	assert(part->in_flight > 0 && seat->budget->in_flight > 0);
	part->in_flight--;
	seat->budget->in_flight--;
	call_first(seat, now);
}

void
mp_budget_charge(MpBudgetSeat *seat, int64_t now)
{
	take_token(seat->budget, now);
	seat->budget->requests++;
}

void
mp_budget_note_answer(MpBudgetSeat *seat)
{
	seat->budget->answers++;
}

void
mp_budget_note_refusal(MpBudgetSeat *seat)
{
	seat->budget->refused++;
}

/*
 * Where there were too many, the bucket is empty until then, and what was
 * reserved is void: else all members would come at that moment.
 */
void
mp_budget_hold(MpBudgetSeat *seat, int64_t wait, bool even, int64_t now)
{
	MpBudget   *budget = seat->budget;
	int64_t		period = (int64_t) budget->limits.rate.period * 1000;
	int64_t		until;
	int64_t		rest;

	assert(wait >= 0);
	if (wait > MP_BUDGET_LONGEST_HOLD)
		wait = MP_BUDGET_LONGEST_HOLD;
	until = now + wait;
	if (until > budget->not_before)
		budget->not_before = until;
	if (!even)
		return;
	budget->holds++;
	budget->full_at = budget->not_before;
	rest = EVEN_PERIODS * period;
	if (budget->limits.rate.number > 0)
		budget->even_until = budget->not_before +
			(rest < EVEN_AT_MOST ? rest : EVEN_AT_MOST);
}

void
mp_budget_set_waiting(MpBudgetSeat *seat, int count)
{
	MpBudgetPart *part = own_part(seat);

	seat->budget->waiting += count - part->waiting;
	part->waiting = count;
	assert(seat->budget->waiting >= 0);
}

void
mp_budget_withdraw(MpBudgetSeat *seat, int64_t now)
{
	MpBudget   *budget = seat->budget;
	MpBudgetPart *part = own_part(seat);

	mp_budget_set_waiting(seat, 0);
	if (part->in_line)
	{
		leave_line(seat, seat->self);
		call_first(seat, now);
	}
	if (part->reserved != 0 && part->holds == budget->holds &&
		part->reserved_end == budget->full_at)
		budget->full_at -= part->reserved_step;
	part->reserved = 0;
}

void
mp_budget_clear(MpBudgetSeat *seat, int64_t now)
{
	MpBudgetPart *part = own_part(seat);

	mp_budget_withdraw(seat, now);
	seat->budget->in_flight -= part->in_flight;
	part->in_flight = 0;
	assert(seat->budget->in_flight >= 0);
	call_first(seat, now);
}

bool
mp_budget_is_idle(const MpBudget *budget, int64_t now)
{
	return budget->in_flight == 0 && budget->waiting == 0 &&
		budget->first == MP_BUDGET_NOBODY && budget->not_before <= now &&
		budget->full_at <= now;
}

double
mp_budget_tokens(const MpBudget *budget, int64_t now)
{
	const MpRate *rate = &budget->limits.rate;
	int64_t		lacking = budget->full_at > now ? budget->full_at - now : 0;
	int			size = is_even(budget, now) ? 1 : rate->number;
	double		tokens;

	if (rate->number == 0)
		return -1;
	tokens = size - (double) lacking / (double) interval(budget, now);
	return tokens > 0 ? tokens : 0;
}

static MpBudgetPart *
own_part(const MpBudgetSeat *seat)
{
	assert(seat->self >= 0);
	return &seat->parts[seat->self];
}

/* ---- tokens ---- */

static bool
is_even(const MpBudget *budget, int64_t now)
{
	return now < budget->even_until;
}

/*
 * What was taken at another rate takes the time of this one to come back, and
 * no longer than a bucket that is empty.  So a small bucket forgets how much a
 * large one lacks; where two members take turns at two rates, each bucket
 * lacks at least what it lacked before, and what was taken since.
 */
static void
change_rate(MpBudget *budget, const MpRate *rate, int64_t now)
{
	double		taken = 0;
	double		since = 0;
	int64_t		full_at;

	if (rate->number == 0 || is_rate(rate, &budget->rate))
		return;
	if (budget->rate.number > 0)
	{
		taken = tokens_in(budget->full_at - now, &budget->rate);
		since = tokens_in(budget->full_at - budget->full_changed,
						  &budget->rate);
	}
	if (taken > rate->number)
		taken = rate->number;
	if (since > taken)
		since = taken;
	full_at = now + (int64_t) (taken * (double) even_step(rate));
	if (is_rate(rate, &budget->rate_before))
		full_at = later(full_at, full_again(budget, rate, since, now));
	budget->rate_before = budget->rate;
	budget->full_before = budget->full_at;
	budget->rate = *rate;
	budget->full_at = budget->full_changed = full_at;
}

/*
 * When the bucket of the rate before, to which it is changed back, would be
 * full again, so many tokens having been taken since.  Those do not make it
 * emptier than empty; only what was reserved before may be beyond.
 */
static int64_t
full_again(const MpBudget *budget, const MpRate *rate, double since,
		   int64_t now)
{
	int64_t		step = even_step(rate);
	int64_t		before = later(budget->full_before, now);
	int64_t		empty = later(before, now + rate->number * step);
	int64_t		full_at = before + (int64_t) (since * (double) step);

	return full_at < empty ? full_at : empty;
}

static int64_t
later(int64_t one, int64_t other)
{
	return one > other ? one : other;
}

static bool
is_rate(const MpRate *rate, const MpRate *other)
{
	return rate->number == other->number && rate->period == other->period;
}

/* So many come in this time; 0: none. */
static double
tokens_in(int64_t time, const MpRate *rate)
{
	return time > 0 ? (double) time / (double) even_step(rate) : 0;
}

/* Between two tokens that come evenly. */
static int64_t
even_step(const MpRate *rate)
{
	int64_t		time;

	assert(rate->number > 0);
	time = (int64_t) rate->period * 1000 / rate->number;
	return time > 0 ? time : 1;
}

/* Between two tokens, where there is a rate. */
static int64_t
interval(const MpBudget *budget, int64_t now)
{
	int64_t		time = even_step(&budget->limits.rate);

	if (is_even(budget, now))
		time += time / EVEN_STRETCH;
	return time;
}

/* How long until the member's token comes; 0: it is there. */
static int64_t
reserve_token(MpBudgetSeat *seat, const MpBudgetWish *wish)
{
	MpBudget   *budget = seat->budget;
	MpBudgetPart *part = own_part(seat);
	int64_t		step;
	int64_t		burst;
	int64_t		base = budget->full_at;
	int64_t		when;

	if (wish->limits.rate.number == 0)
		return 0;
	if (part->reserved != 0 && part->holds == budget->holds)
		return part->reserved > wish->now ? part->reserved - wish->now : 0;

	step = interval(budget, wish->now);
	burst = is_even(budget, wish->now) ? 0 :
		step * (wish->limits.rate.number - 1);
	if (base < wish->now)
		base = wish->now;
	when = base - burst > wish->now ? base - burst : wish->now;
	if (when - wish->now > wish->patience)
		return when - wish->now;
	/* While tokens are waited for, nobody has stopped asking for too many. */
	if (when > wish->now && is_even(budget, wish->now))
	{
		int64_t		rest = budget->even_until - wish->now;
		int64_t		enough = (int64_t) wish->limits.rate.period * 1000;

		if (rest < enough && enough < EVEN_AT_MOST)
			budget->even_until = wish->now + enough;
	}
	budget->full_at = base + step;
	part->reserved = when;
	part->reserved_end = budget->full_at;
	part->reserved_step = step;
	part->holds = budget->holds;
	return when - wish->now;
}

/* In advance, if there is none. */
static void
take_token(MpBudget *budget, int64_t now)
{
	if (budget->limits.rate.number == 0)
		return;
	if (budget->full_at < now)
		budget->full_at = now;
	budget->full_at += interval(budget, now);
}

/* ---- slots ---- */

/* Is there a slot, and nobody before the member?  Else it is in the line. */
static bool
has_slot(MpBudgetSeat *seat, const MpBudgetWish *wish)
{
	MpBudget   *budget = seat->budget;
	MpBudgetPart *part = own_part(seat);
	bool		room = wish->limits.concurrency == 0 ||
		budget->in_flight < wish->limits.concurrency;

	/* It was called and has not come: it may be at something else. */
	if (room && budget->first != MP_BUDGET_NOBODY &&
		budget->first != seat->self &&
		wish->now - budget->called > MP_BUDGET_GRACE)
		leave_line(seat, budget->first);
	if (room && (budget->first == MP_BUDGET_NOBODY ||
				 budget->first == seat->self ||
				 wish->limits.concurrency == 0))
	{
		if (part->in_line)
			leave_line(seat, seat->self);
		call_first(seat, wish->now);
		return true;
	}
	if (!part->in_line)
		join_line(seat, seat->self);
	return false;
}

static void
join_line(MpBudgetSeat *seat, int who)
{
	MpBudget   *budget = seat->budget;
	MpBudgetPart *part = &seat->parts[who];

	assert(!part->in_line);
	part->in_line = true;
	part->previous = budget->last;
	part->next = MP_BUDGET_NOBODY;
	if (budget->last == MP_BUDGET_NOBODY)
		budget->first = who;
	else
		seat->parts[budget->last].next = who;
	budget->last = who;
}

static void
leave_line(MpBudgetSeat *seat, int who)
{
	MpBudget   *budget = seat->budget;
	MpBudgetPart *part = &seat->parts[who];

	assert(part->in_line);
	part->in_line = false;
	if (part->previous == MP_BUDGET_NOBODY)
		budget->first = part->next;
	else
		seat->parts[part->previous].next = part->next;
	if (part->next == MP_BUDGET_NOBODY)
		budget->last = part->previous;
	else
		seat->parts[part->next].previous = part->previous;
}

/* There may be a slot for the first in the line. */
static void
call_first(MpBudgetSeat *seat, int64_t now)
{
	MpBudget   *budget = seat->budget;

	if (budget->first == MP_BUDGET_NOBODY)
		return;
	budget->called = now;
	seat->wake = budget->first;
}
