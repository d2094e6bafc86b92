/*-------------------------------------------------------------------------
 *
 * seed.h
 *	  The state that a simulator starts with, the same for the same settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_SEED_H
#define SIM_SEED_H

#include "config.h"
#include "state.h"

/* A new state as the configuration's seed settings describe it. */
extern SimState *sim_seed_state(const SimConfig *config);

#endif							/* SIM_SEED_H */
