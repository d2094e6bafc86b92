/*-------------------------------------------------------------------------
 *
 * membership.h
 *	  The calls about memberships, in bulk (D, B) and one by one (N).
 *
 * Each is a SimHandler: the call has passed the checks of api.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_MEMBERSHIP_H
#define SIM_MEMBERSHIP_H

#include "answer.h"
#include "call.h"

extern void sim_membership_add_many(SimCall *call, SimAnswer *answer);
extern void sim_membership_remove_many(SimCall *call, SimAnswer *answer);
extern void sim_membership_add_one(SimCall *call, SimAnswer *answer);
extern void sim_membership_remove_one(SimCall *call, SimAnswer *answer);
extern void sim_membership_list_of_account(SimCall *call, SimAnswer *answer);
extern void sim_membership_list_of_project(SimCall *call, SimAnswer *answer);

#endif							/* SIM_MEMBERSHIP_H */
