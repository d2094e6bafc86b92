/*-------------------------------------------------------------------------
 *
 * route.h
 *	  Which calls there are, in which document, and who answers them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_ROUTE_H
#define SIM_ROUTE_H

#include "answer.h"
#include "call.h"
#include "schema.h"

typedef void (*SimHandler) (SimCall *call, SimAnswer *answer);

typedef struct SimRoute
{
	const char *method;
	const char *path;			/* {org}, {id}, {project} stand for ids */
	unsigned	documents;		/* SimDocument bits */
	const SimField *fields;		/* of the body; NULL = no body is allowed */
	SimHandler	handler;
	size_t		feature;		/* its switch in SimConfig; 0 = it has none */
} SimRoute;

/*
 * Finds the call's route in the document that is served and reads the ids of
 * its path into the call.  Returns 0, or the status (404, 405) to refuse it
 * with; `allow` (of SIM_ROUTE_ALLOW bytes) then names the methods there are.
 */
#define SIM_ROUTE_ALLOW 64
extern unsigned sim_route_find(SimCall *call, char *allow);

/*
 * The path of the route that a path belongs to, or NULL: of the routes that
 * are served, or of all that there may be if `config` is NULL.
 */
extern const char *sim_route_label(const char *path, const SimConfig *config);

#endif							/* SIM_ROUTE_H */
