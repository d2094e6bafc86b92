/*-------------------------------------------------------------------------
 *
 * limit.c
 *	  How many requests are let in, and what the others are told.
 *
 * Owns the window of time in which requests are counted.  Must not know what
 * they ask for.
 *
 *-------------------------------------------------------------------------
 */
#include "limit.h"

#include <stdio.h>

#include "clock.h"
#include "world.h"

static void
say_when(const SimConfig *config, SimAnswer *answer, int64_t micros)
{
	char		text[SIM_CLOCK_TEXT];
	int64_t		seconds = (micros + SIM_CLOCK_SECOND - 1) / SIM_CLOCK_SECOND;

	if (config->retry_after == SIM_RETRY_AFTER_NONE)
		return;
	if (config->retry_after == SIM_RETRY_AFTER_DATE)
		sim_clock_format_http(sim_clock_wall() + seconds * SIM_CLOCK_SECOND,
							  text);
	else
		snprintf(text, sizeof(text), "%lld", (long long) seconds);
	sim_answer_header(answer, "Retry-After", text);
}

/* A request that is refused does not count: the next window is free again. */
static bool
is_over_rate(SimCall *call, SimAnswer *answer)
{
	const SimConfig *config = &call->world->config;
	SimLimit   *limit = &call->world->limit;
	int64_t		length = config->rate_window_ms * 1000;
	int64_t		now = sim_clock_monotonic();

	if (config->rate_limit == 0)
		return false;
	if (now - limit->window >= length)
	{
		limit->window = now;
		limit->used = 0;
	}
	if (limit->used++ < config->rate_limit)
		return false;
	sim_answer_error(answer, 429, "rate limit exceeded");
	say_when(config, answer, limit->window + length - now);
	return true;
}

static bool
is_over_concurrency(const SimCall *call, SimAnswer *answer)
{
	const SimConfig *config = &call->world->config;

	if (config->concurrency_limit == 0 ||
		call->world->journal.in_flight <= config->concurrency_limit)
		return false;
	sim_answer_error(answer, 429, "too many requests at once");
	say_when(config, answer, SIM_CLOCK_SECOND);
	return true;
}

bool
sim_limit_refuse(SimCall *call, SimAnswer *answer)
{
	return is_over_concurrency(call, answer) || is_over_rate(call, answer);
}
