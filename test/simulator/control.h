/*-------------------------------------------------------------------------
 *
 * control.h
 *	  The path /control, by which a test steers and questions the simulator.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "answer.h"
#include "call.h"

#define SIM_CONTROL_PATH "/control/"

/* Answers a call whose path starts with SIM_CONTROL_PATH. */
extern void sim_control_answer(SimCall *call, SimAnswer *answer);

#endif							/* SIM_CONTROL_H */
