/*-------------------------------------------------------------------------
 *
 * lag.h
 *	  An account that was made just now is not everywhere yet.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_LAG_H
#define SIM_LAG_H

#include "world.h"

/* Do calls that name the account not know of it yet? */
extern bool sim_lag_hides(const SimWorld *world, const SimAccount *account);

/* Do lists not show it yet? */
extern bool sim_lag_unlists(const SimWorld *world, const SimAccount *account);

/* May any list lag behind the state? */
extern bool sim_lag_in_lists(const SimConfig *config);

#endif							/* SIM_LAG_H */
