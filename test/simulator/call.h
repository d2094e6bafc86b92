/*-------------------------------------------------------------------------
 *
 * call.h
 *	  One request, as those who answer it see it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_CALL_H
#define SIM_CALL_H

#include "config.h"
#include "state.h"

struct SimRoute;
struct SimWorld;

/* Strings live as long as the request; NULL means that it has none. */
typedef struct SimCall
{
	/* what was asked */
	const char *method;
	const char *path;			/* below the base path, without the query */
	bool		below_base;		/* else `path` is the whole path */
	const char *query;			/* without '?', "" if there is none */
	const char *authorization;	/* the header */
	const char *content_type;	/* the header */
	size_t		body_size;
	json_t	   *body;			/* parsed; NULL if empty or no JSON */
	char		body_error[SIM_CONFIG_ERROR];	/* why it is no JSON */

	/* whom it is asked of */
	struct SimWorld *world;

	/* found out on the way */
	const struct SimRoute *route;
	const SimAccount *user;
	char		username[SIM_CONFIG_STRING];	/* outlives the account */
	int64_t		organization_id;	/* the path's; 0 = it has none */
	int64_t		account_id;
	int64_t		project_id;
	SimOrganization *organization;
	SimAccount *account;
	SimProject *project;
} SimCall;

#endif							/* SIM_CALL_H */
