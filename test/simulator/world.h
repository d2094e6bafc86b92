/*-------------------------------------------------------------------------
 *
 * world.h
 *	  Everything that one simulator is at the moment.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "config.h"
#include "fault.h"
#include "journal.h"
#include "limit.h"
#include "state.h"

typedef struct SimWorld
{
	SimConfig	defaults;		/* as the command line left it */
	SimConfig	config;
	SimState   *state;
	SimFaultList faults;
	SimJournal	journal;
	unsigned	seedings;		/* how often there was a new seed */
	int64_t		calls;			/* of the API that were processed */
	SimLimit	limit;
} SimWorld;

#endif							/* SIM_WORLD_H */
