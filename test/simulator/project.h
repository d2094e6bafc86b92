/*-------------------------------------------------------------------------
 *
 * project.h
 *	  The call about projects themselves.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_PROJECT_H
#define SIM_PROJECT_H

#include "answer.h"
#include "call.h"

/* All projects of the organization, whoever is in them. */
extern void sim_project_list(SimCall *call, SimAnswer *answer);

#endif							/* SIM_PROJECT_H */
