/*-------------------------------------------------------------------------
 *
 * account.h
 *	  The calls about service accounts.
 *
 * Each is a SimHandler: the call has passed the checks of api.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_ACCOUNT_H
#define SIM_ACCOUNT_H

#include "answer.h"
#include "call.h"

extern void sim_account_list(SimCall *call, SimAnswer *answer);
extern void sim_account_create(SimCall *call, SimAnswer *answer);
extern void sim_account_get(SimCall *call, SimAnswer *answer);
extern void sim_account_delete(SimCall *call, SimAnswer *answer);
extern void sim_account_me(SimCall *call, SimAnswer *answer);

#endif							/* SIM_ACCOUNT_H */
