/*-------------------------------------------------------------------------
 *
 * limit.h
 *	  How many requests are let in, and what the others are told.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_LIMIT_H
#define SIM_LIMIT_H

#include "answer.h"
#include "call.h"

/* Starts as {0}. */
typedef struct SimLimit
{
	int64_t		window;			/* when it began, on the monotonic clock */
	int64_t		used;			/* requests let in since */
} SimLimit;

/* Is the call one too many?  Then it is answered 429. */
extern bool sim_limit_refuse(SimCall *call, SimAnswer *answer);

#endif							/* SIM_LIMIT_H */
