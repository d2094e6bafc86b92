/*-------------------------------------------------------------------------
 *
 * lag.c
 *	  An account that was made just now is not everywhere yet.
 *
 * Owns how long that lasts: a time, or a number of calls.  Must not know what
 * a call does.
 *
 *-------------------------------------------------------------------------
 */
#include "lag.h"

#include "clock.h"

/* Seeded accounts were always there. */
static bool
is_younger(const SimWorld *world, const SimAccount *account, int64_t ms,
		   int64_t requests)
{
	if (account->born == 0)
		return false;
	return sim_clock_monotonic() - account->born < ms * 1000 ||
		world->calls - account->born_request <= requests;
}

bool
sim_lag_hides(const SimWorld *world, const SimAccount *account)
{
	return is_younger(world, account, world->config.get_lag_ms,
					  world->config.get_lag_requests);
}

bool
sim_lag_unlists(const SimWorld *world, const SimAccount *account)
{
	return is_younger(world, account, world->config.list_lag_ms,
					  world->config.list_lag_requests);
}

bool
sim_lag_in_lists(const SimConfig *config)
{
	return config->list_lag_ms > 0 || config->list_lag_requests > 0;
}
