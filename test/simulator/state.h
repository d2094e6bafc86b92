/*-------------------------------------------------------------------------
 *
 * state.h
 *	  What the API remembers: organizations, projects, accounts, memberships.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_STATE_H
#define SIM_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "index.h"
#include "payload.h"

/* In each of these the id comes first, because a SimIndex looks there. */
typedef struct SimOrganization
{
	int64_t		id;
	SimIndex	accounts;		/* SimAccount */
	SimIndex	deleted;		/* SimAccount that were, without memberships */
	SimPayload *list;			/* the listing as it was last sent, or NULL */
	uint64_t	list_version;	/* the state's version that it shows */
} SimOrganization;

typedef struct SimProject
{
	int64_t		id;
	char	   *name;
	char	   *domain;			/* of its region; NULL = the region served */
	SimOrganization *organization;
	SimIndex	members;		/* SimAccount, owned by the organization */
} SimProject;

typedef struct SimAccount
{
	int64_t		id;
	SimOrganization *organization;
	char	   *username;
	char	   *name;
	char	   *secret;
	const char *role;			/* of SimState.roles */
	int64_t		created;		/* times: microseconds, SIM_CLOCK_NEVER */
	int64_t		expires;
	int64_t		last_used;
	int64_t		creator;		/* a user's id */
	int64_t		user;			/* a user's id */
	int64_t		born;			/* by a call, on the monotonic clock; or 0 */
	int64_t		born_request;	/* which call of the API that was */
	SimIndex	memberships;	/* SimMembership */
} SimAccount;

/* How an account comes to be in a project; it may be so in several ways. */
typedef enum SimGrant
{
	SIM_GRANT_INDIVIDUAL,
	SIM_GRANT_TEAM,
	SIM_GRANT_ORGANIZATION
} SimGrant;

#define SIM_GRANTS 3

typedef struct SimMembership
{
	int64_t		project_id;
	SimProject *project;
	const char *roles[SIM_GRANTS];	/* of SimState.roles; NULL = no grant */
} SimMembership;

typedef struct SimState
{
	SimIndex	organizations;	/* SimOrganization */
	SimIndex	projects;		/* SimProject, of all organizations */
	SimAccount *outsider;		/* may log in, is in no listing; or NULL */
	int64_t		next_id;		/* of the next account; never used twice */
	uint64_t	version;		/* grows with every change */
	char	  **roles;			/* every role name that was ever used */
	size_t		role_count;
} SimState;

/* What a new account is made of; the strings are copied. */
typedef struct SimAccountDraft
{
	int64_t		id;				/* 0 = the next free one */
	const char *username;
	const char *name;
	const char *secret;			/* NULL = a random one */
	const char *role;
	int64_t		created;
	int64_t		expires;
	int64_t		last_used;
	int64_t		creator;
	int64_t		user;			/* 0 = made from the id */
	int64_t		born;			/* see SimAccount */
	int64_t		born_request;
} SimAccountDraft;

/* An empty state, and its end. */
extern SimState *sim_state_new(void);
extern void sim_state_free(SimState *state);

extern SimOrganization *sim_state_add_organization(SimState *state,
												   int64_t id);
extern SimProject *sim_state_add_project(SimState *state,
										 SimOrganization *organization,
										 int64_t id);

/* Moves a project to the region with that domain, NULL = the one served. */
extern void sim_state_move_project(SimProject *project, const char *domain);

/* With no organization the account is the outsider. */
extern SimAccount *sim_state_add_account(SimState *state,
										 SimOrganization *organization,
										 const SimAccountDraft *draft);

/*
 * Removes an account and its memberships.  The account itself is kept, for
 * those who ask for one that was.
 */
extern void sim_state_remove_account(SimState *state, SimAccount *account);

/* The account with that id in any organization, or NULL. */
extern SimAccount *sim_state_find_account(const SimState *state, int64_t id);

/* The first account with that username in an organization, or NULL. */
extern SimAccount *sim_state_find_username(const SimOrganization *organization,
										   const char *username);

/* The account that these credentials belong to, or NULL. */
extern SimAccount *sim_state_login(const SimState *state,
								   const char *username, const char *secret);

/* The role that an account has in a project by such a grant, or NULL. */
extern const char *sim_state_find_role(const SimAccount *account,
									   const SimProject *project,
									   SimGrant grant);

/* All grants of an account in a project, or NULL if it has none. */
extern SimMembership *sim_state_find_member(const SimAccount *account,
											const SimProject *project);

/* Adds an individual grant, or sets the role of the one that is there. */
extern void sim_state_set_member(SimState *state, SimAccount *account,
								 SimProject *project, const char *role);

/* The same for a grant of any kind. */
extern void sim_state_set_grant(SimState *state, SimAccount *account,
								SimProject *project, SimGrant grant,
								const char *role);

/* Removes one grant, if it is there. */
extern void sim_state_remove_grant(SimAccount *account, SimProject *project,
								   SimGrant grant);

/* Forgets every cached listing, as any change does. */
extern void sim_state_touch(SimState *state);

#endif							/* SIM_STATE_H */
