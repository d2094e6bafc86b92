/*-------------------------------------------------------------------------
 *
 * api.h
 *	  Answering a call of the API.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_API_H
#define SIM_API_H

#include "answer.h"
#include "call.h"

/* Processes the call: checks it, carries it out, and answers. */
extern void sim_api_answer(SimCall *call, SimAnswer *answer);

/* May the call's user see that organization (which may be NULL) at all? */
extern bool sim_api_may_enter(const SimCall *call,
							  const SimOrganization *organization);

/*
 * Is the project one of another region?  Then the call is refused as such a
 * server does.
 */
extern bool sim_api_refuse_foreign(const SimCall *call, SimAnswer *answer,
								   const SimProject *project);

/*
 * Answers a write that has nothing to tell: {"status":"ok"}, or nothing where
 * the nested document is served.
 */
extern void sim_api_answer_done(const SimCall *call, SimAnswer *answer);

#endif							/* SIM_API_H */
