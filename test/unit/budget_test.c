/*-------------------------------------------------------------------------
 *
 * budget_test.c
 *		Tests of budget.c on a clock of their own.
 *
 * The time is a number here, so that an hour takes as long as it takes to
 * count to it.
 *
 *-------------------------------------------------------------------------
 */
#include "base/budget.h"
#include "tap.h"

#define MEMBERS 8
#define SECOND INT64_C(1000000)

static MpBudget budget;
static MpBudgetPart parts[MEMBERS];
static MpBudgetLimits limits;
static int64_t now;
static int64_t wait;			/* as the last enter() has told it */
static int64_t patience;

static void
begin(int number, int period, int concurrency)
{
	static const MpBudgetPart none;

	mp_budget_init(&budget);
	for (int i = 0; i < MEMBERS; i++)
		parts[i] = none;
	limits.rate.number = number;
	limits.rate.period = period;
	limits.concurrency = concurrency;
	now = 1000 * SECOND;
	patience = 30 * SECOND;
}

static MpBudgetSeat *
seat(int member)
{
	static MpBudgetSeat place;

	place.budget = &budget;
	place.parts = parts;
	place.self = member;
	place.wake = MP_BUDGET_NOBODY;
	return &place;
}

static MpBudgetVerdict
ask(int member, bool urgent)
{
	MpBudgetWish wish = {limits, urgent, patience, now};

	return mp_budget_enter(seat(member), &wish, &wait);
}

/* A request that is answered at once. */
static MpBudgetVerdict
pass(int member)
{
	MpBudgetVerdict verdict = ask(member, false);

	if (verdict == MP_BUDGET_GO)
	{
		mp_budget_note_answer(seat(member));
		mp_budget_leave(seat(member), now);
	}
	return verdict;
}

static int
burst(int member, int most)
{
	int			count = 0;

	while (count < most && pass(member) == MP_BUDGET_GO)
		count++;
	return count;
}

static void
test_no_limit(void)
{
	begin(0, 0, 0);
	is_int(burst(0, 1000), 1000, "without limits all pass");
	ok(mp_budget_tokens(&budget, now) < 0, "and there are no tokens");
	is_int(budget.requests, 1000, "they are counted");
	is_int(budget.in_flight, 0, "none is in flight");
	ok(mp_budget_is_idle(&budget, now), "it is idle");
}

static void
test_bucket(void)
{
	begin(60, 3600000, 0);
	is_int(burst(0, 1000), 60, "a full bucket");
	is_int(ask(0, false), MP_BUDGET_NO_TOKEN, "then none");
	is_int(wait, 60 * SECOND, "for a minute");
	is_int(ask(1, false), MP_BUDGET_NO_TOKEN, "for others neither");
	is_int(wait, 60 * SECOND, "as nobody waits so long");
	ok(mp_budget_tokens(&budget, now) < 0.001, "it is empty");
	now += 90 * SECOND;
	ok(mp_budget_tokens(&budget, now) > 1.49 &&
	   mp_budget_tokens(&budget, now) < 1.51, "one and a half");
	is_int(burst(0, 1000), 1, "one passes");
	is_int(burst(0, 1000), 0, "the next has 30 s to wait");
	is_int(wait, 30 * SECOND, "which it does");
	is_int(ask(1, false), MP_BUDGET_NO_TOKEN, "the one behind it");
	is_int(wait, 90 * SECOND, "would have 90");
	now += 10000 * SECOND;
	ok(mp_budget_tokens(&budget, now) > 59.99, "full again, and no fuller");
	ok(mp_budget_is_idle(&budget, now), "it is idle");
}

/* Members that always want more, one of them with one request at a time. */
static void
test_fairness(void)
{
	int			passed[MEMBERS] = {0};
	int			least = 1000;

	begin(30, 1000, 0);
	for (int64_t end = now + 30 * SECOND; now < end; now += 1000)
		for (int i = 0; i < MEMBERS; i++)
			passed[i] += burst(i, i == 0 ? 1 : 8);
	for (int i = 0; i < MEMBERS; i++)
		if (passed[i] < least)
			least = passed[i];
	ok(budget.requests >= 900 && budget.requests <= 931,
	   "%d in 30 s", (int) budget.requests);
	ok(least >= 30 * 30 / MEMBERS / 2,
	   "nobody has less than half of a share: %d", least);
}

/* Windows of the server's own, each from its first request on. */
static void
test_even(void)
{
	int64_t		window = 0;
	int			used = 0;
	int			refused = 0;
	int			sent = 0;
	int64_t		began;

	begin(30, 1000, 0);
	began = now;
	for (; sent - refused < 384; now += 1000)
		for (int i = 0; i < MEMBERS; i++)
		{
			if (pass(i) != MP_BUDGET_GO)
				continue;
			sent++;
			if (now - window >= SECOND)
			{
				window = now;
				used = 0;
			}
			if (used++ < 30)
				continue;
			refused++;
			mp_budget_note_refusal(seat(i));
			mp_budget_hold(seat(i), SECOND, true, now);
		}
	ok(refused <= 2, "%d refused by a server with windows", refused);
	is_int(budget.refused, refused, "they are counted");
	ok(now - began <= 384 * SECOND / 30 * 115 / 100, "all in %d ms",
	   (int) ((now - began) / 1000));
	for (int i = 0; i < MEMBERS; i++)
		mp_budget_withdraw(seat(i), now);
	now += 100 * SECOND;
	is_int(burst(0, 1000), 30, "long after, the bucket is full again");
}

static void
test_hold(void)
{
	begin(0, 0, 0);
	mp_budget_hold(seat(0), 5 * SECOND, true, now);
	is_int(ask(1, false), MP_BUDGET_HELD, "all are held");
	is_int(wait, 5 * SECOND, "for so long");
	is_int(ask(1, true), MP_BUDGET_HELD, "even what is urgent");
	mp_budget_hold(seat(0), 1 * SECOND, true, now);
	now += 5 * SECOND - 1;
	is_int(ask(1, false), MP_BUDGET_HELD, "a shorter one changes nothing");
	ok(!mp_budget_is_idle(&budget, now), "it is not idle");
	now++;
	is_int(pass(1), MP_BUDGET_GO, "then it has ended");
	mp_budget_hold(seat(0), INT64_MAX / 2, false, now);
	(void) ask(1, false);
	is_int(wait, MP_BUDGET_LONGEST_HOLD, "no hold is for ever");
}

static void
test_slots(void)
{
	begin(0, 0, 2);
	is_int(ask(0, false), MP_BUDGET_GO, "first slot");
	is_int(ask(0, false), MP_BUDGET_GO, "second slot");
	is_int(ask(1, false), MP_BUDGET_NO_SLOT, "no third");
	is_int(ask(2, false), MP_BUDGET_NO_SLOT, "for nobody");
	is_int(ask(3, true), MP_BUDGET_GO, "but for what is urgent");
	mp_budget_leave(seat(3), now);

	mp_budget_leave(seat(0), now);
	is_int(seat(0)->budget->first, 1, "who came first is the first");
	is_int(ask(0, false), MP_BUDGET_NO_SLOT, "who had one stands behind");
	is_int(ask(1, false), MP_BUDGET_GO, "the first gets it");
	mp_budget_leave(seat(1), now);
	now += MP_BUDGET_GRACE + 1;
	is_int(ask(0, false), MP_BUDGET_GO, "who does not come is passed over");
	mp_budget_withdraw(seat(2), now);
	is_int(budget.first, MP_BUDGET_NOBODY, "nobody waits");

	mp_budget_set_waiting(seat(0), 3);
	is_int(budget.waiting, 3, "requests that wait");
	mp_budget_clear(seat(0), now);
	is_int(budget.in_flight, 0, "a member that goes leaks no slot");
	is_int(budget.waiting, 0, "nor what waits");
	ok(mp_budget_is_idle(&budget, now), "it is idle");
}

/* What is in line and leaves it, in any order. */
static void
test_line(void)
{
	static const int orders[][3] = {
		{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1},
	};

	for (int i = 0; i < 6; i++)
	{
		begin(0, 0, 1);
		(void) ask(0, false);
		for (int member = 1; member <= 3; member++)
			(void) ask(member, false);
		for (int j = 0; j < 3; j++)
			mp_budget_withdraw(seat(orders[i][j]), now);
		ok(budget.first == MP_BUDGET_NOBODY && budget.last == MP_BUDGET_NOBODY,
		   "order %d: the line is empty", i);
	}
}

static void
test_reservations(void)
{
	begin(1, 1000, 0);
	is_int(pass(0), MP_BUDGET_GO, "the only token");
	is_int(ask(1, false), MP_BUDGET_NO_TOKEN, "one is reserved");
	is_int(ask(2, false), MP_BUDGET_NO_TOKEN, "and one more");
	is_int(wait, 2 * SECOND, "behind it");
	mp_budget_withdraw(seat(2), now);
	is_int(ask(3, false), MP_BUDGET_NO_TOKEN, "one that was given back");
	is_int(wait, 2 * SECOND, "is there for the next");
	is_int(ask(3, false), MP_BUDGET_NO_TOKEN, "who asks again");
	is_int(wait, 2 * SECOND, "has the same");
	is_int(ask(4, true), MP_BUDGET_GO, "what is urgent waits for none");
	is_int(ask(5, false), MP_BUDGET_NO_TOKEN, "but takes one");
	is_int(wait, 4 * SECOND, "from those behind it");
	mp_budget_hold(seat(0), 10 * SECOND, true, now);
	now += 10 * SECOND;
	is_int(pass(3) == MP_BUDGET_GO, 1, "after a hold the first");
	is_int(pass(1), MP_BUDGET_NO_TOKEN, "gets it: what was reserved is void");

	/* the limits are those of whoever asks */
	begin(1, 1000, 0);
	(void) pass(0);
	is_int(ask(1, false), MP_BUDGET_NO_TOKEN, "reserved at a rate");
	limits.rate.number = 0;
	is_int(pass(2), MP_BUDGET_GO, "another has none");
	mp_budget_withdraw(seat(1), now);
	limits.rate.number = 1;
	is_int(ask(3, false), MP_BUDGET_NO_TOKEN, "and what was given back");
	is_int(wait, SECOND, "is there for the next");

	begin(2, 1000, 0);
	(void) pass(0);
	mp_budget_charge(seat(0), now);
	is_int(pass(1), MP_BUDGET_NO_TOKEN, "a redirect takes one");
	is_int(budget.requests, 2, "and is counted");
	mp_budget_renew(&budget);
	is_int(pass(2), MP_BUDGET_GO, "a new one is full");
}

/* Another rate than before: as many tokens have been taken. */
static void
test_changed_rate(void)
{
	begin(60, 3600000, 0);
	is_int(burst(0, 1000), 60, "an hour's tokens");
	is_int(pass(1), MP_BUDGET_NO_TOKEN, "none is left");
	limits.rate.number = 1000;
	limits.rate.period = 1000;
	is_int(burst(1, 1000), 940, "a higher rate counts at once");
	limits.rate.number = 2;
	limits.rate.period = 3600000;
	is_int(pass(2), MP_BUDGET_NO_TOKEN, "so does a lower one");
	is_int(wait, 1800 * SECOND, "of which the bucket is empty");
	limits.rate.number = 0;
	is_int(pass(3), MP_BUDGET_GO, "without a rate all pass");
	limits.rate.number = 2;
	is_int(pass(2), MP_BUDGET_NO_TOKEN, "which gives nothing back");
	now += 1800 * SECOND;
	is_int(pass(2), MP_BUDGET_GO, "the time does");
}

/* Two servers for the same place: neither rate gives the other's tokens. */
static void
test_two_rates(void)
{
	int			large = 0;
	int			small = 0;

	begin(100, 60000, 0);
	for (int64_t end = now + 60 * SECOND; now < end; now += SECOND / 10)
	{
		limits.rate.number = 100;
		large += burst(0, 1000);
		limits.rate.number = 10;
		small += burst(1, 1000);
	}
	ok(large >= 180 && large <= 201, "a minute of 100/min, from full: %d",
	   large);
	ok(small >= 9 && small <= 20, "of 10/min in the same minute: %d", small);

	/* it is full again, whoever has taken tokens meanwhile */
	for (int i = 0; i < 60; i++)
	{
		now += 6 * SECOND;
		small = burst(1, 1000);
	}
	limits.rate.number = 100;
	large = burst(0, 1000);
	ok(large >= 89 && large <= 100, "and most of the large one is back: %d",
	   large);
}

int
main(void)
{
	test_no_limit();
	test_bucket();
	test_fairness();
	test_even();
	test_hold();
	test_slots();
	test_line();
	test_reservations();
	test_changed_rate();
	test_two_rates();
	return done_testing();
}
