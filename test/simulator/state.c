/*-------------------------------------------------------------------------
 *
 * state.c
 *	  What the API remembers: organizations, projects, accounts, memberships.
 *
 * Owns all records.  A membership is known from both ends, its account and
 * its project, and both are changed together here.  Must not know of HTTP or
 * of who may do what.
 *
 *-------------------------------------------------------------------------
 */
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "memory.h"

#define SECRET_BYTES 16
#define USER_ID_BASE 100000

SimState *
sim_state_new(void)
{
	SimState   *state = sim_memory_new(sizeof(*state));

	state->next_id = 1;
	state->version = 1;
	return state;
}

static void
free_account(void *item)
{
	SimAccount *account = item;

	if (account == NULL)
		return;
	sim_index_free(&account->memberships, free);
	free(account->username);
	free(account->name);
	free(account->secret);
	free(account);
}

static void
free_organization(void *item)
{
	SimOrganization *organization = item;

	sim_index_free(&organization->accounts, free_account);
	sim_index_free(&organization->deleted, free_account);
	sim_payload_release(organization->list);
	free(organization);
}

static void
free_project(void *item)
{
	SimProject *project = item;

	sim_index_free(&project->members, NULL);
	free(project->name);
	free(project->domain);
	free(project);
}

void
sim_state_free(SimState *state)
{
	sim_index_free(&state->organizations, free_organization);
	sim_index_free(&state->projects, free_project);
	free_account(state->outsider);
	for (size_t i = 0; i < state->role_count; i++)
		free(state->roles[i]);
	free(state->roles);
	free(state);
}

SimOrganization *
sim_state_add_organization(SimState *state, int64_t id)
{
	SimOrganization *organization = sim_memory_new(sizeof(*organization));

	organization->id = id;
	sim_index_add(&state->organizations, organization);
	return organization;
}

SimProject *
sim_state_add_project(SimState *state, SimOrganization *organization,
					  int64_t id)
{
	SimProject *project = sim_memory_new(sizeof(*project));
	char		name[64];

	snprintf(name, sizeof(name), "Project %lld", (long long) id);
	project->id = id;
	project->name = sim_memory_copy(name);
	project->organization = organization;
	sim_index_add(&state->projects, project);
	return project;
}

void
sim_state_move_project(SimProject *project, const char *domain)
{
	free(project->domain);
	project->domain = domain == NULL ? NULL : sim_memory_copy(domain);
}

/* Roles are few and shared by many records: each is kept once. */
static const char *
keep_role(SimState *state, const char *role)
{
	for (size_t i = 0; i < state->role_count; i++)
		if (strcmp(state->roles[i], role) == 0)
			return state->roles[i];
	state->roles = sim_memory_resize(state->roles,
									 (state->role_count + 1) * sizeof(char *));
	state->roles[state->role_count] = sim_memory_copy(role);
	return state->roles[state->role_count++];
}

static char *
random_secret(void)
{
	unsigned char bytes[SECRET_BYTES];
	char	   *secret = sim_memory_new(SECRET_BYTES * 2 + 1);

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		abort();
	for (int i = 0; i < SECRET_BYTES; i++)
		snprintf(secret + i * 2, 3, "%02x", (unsigned) bytes[i]);
	return secret;
}

/* An id that is seeded anew is no longer that of an account that was. */
static void
forget_deleted(SimOrganization *organization, int64_t id)
{
	SimAccount *account = sim_index_find(&organization->deleted, id);

	if (account == NULL)
		return;
	sim_index_remove(&organization->deleted, id);
	free_account(account);
}

SimAccount *
sim_state_add_account(SimState *state, SimOrganization *organization,
					  const SimAccountDraft *draft)
{
	SimAccount *account = sim_memory_new(sizeof(*account));

	if (organization != NULL)
		forget_deleted(organization, draft->id);
	account->id = draft->id != 0 ? draft->id : state->next_id;
	account->organization = organization;
	account->username = sim_memory_copy(draft->username);
	account->name = sim_memory_copy(draft->name);
	account->secret = draft->secret != NULL ?
		sim_memory_copy(draft->secret) : random_secret();
	account->role = keep_role(state, draft->role);
	account->created = draft->created;
	account->expires = draft->expires;
	account->last_used = draft->last_used;
	account->creator = draft->creator;
	account->user = draft->user != 0 ?
		draft->user : USER_ID_BASE + account->id;
	account->born = draft->born;
	account->born_request = draft->born_request;
	if (organization == NULL)
		state->outsider = account;
	else
		sim_index_add(&organization->accounts, account);
	if (account->id >= state->next_id)
		state->next_id = account->id + 1;
	sim_state_touch(state);
	return account;
}

void
sim_state_remove_account(SimState *state, SimAccount *account)
{
	for (size_t i = 0; i < account->memberships.size; i++)
	{
		SimMembership *membership = account->memberships.items[i];

		sim_index_remove(&membership->project->members, account->id);
	}
	sim_index_free(&account->memberships, free);
	sim_index_remove(&account->organization->accounts, account->id);
	sim_index_add(&account->organization->deleted, account);
	sim_state_touch(state);
}

SimAccount *
sim_state_find_account(const SimState *state, int64_t id)
{
	for (size_t i = 0; i < state->organizations.size; i++)
	{
		SimOrganization *organization = state->organizations.items[i];
		SimAccount *account = sim_index_find(&organization->accounts, id);

		if (account != NULL)
			return account;
	}
	return NULL;
}

SimAccount *
sim_state_find_username(const SimOrganization *organization,
						const char *username)
{
	for (size_t i = 0; i < organization->accounts.size; i++)
	{
		SimAccount *account = organization->accounts.items[i];

		if (strcmp(account->username, username) == 0)
			return account;
	}
	return NULL;
}

static bool
is_login(const SimAccount *account, const char *username, const char *secret)
{
	return account != NULL &&
		strcmp(account->username, username) == 0 &&
		strcmp(account->secret, secret) == 0;
}

/* The admin is the first account of all, so the usual search is short. */
SimAccount *
sim_state_login(const SimState *state, const char *username,
				const char *secret)
{
	if (is_login(state->outsider, username, secret))
		return state->outsider;
	for (size_t i = 0; i < state->organizations.size; i++)
	{
		SimOrganization *organization = state->organizations.items[i];

		for (size_t j = 0; j < organization->accounts.size; j++)
		{
			SimAccount *account = organization->accounts.items[j];

			if (is_login(account, username, secret))
				return account;
		}
	}
	return NULL;
}

SimMembership *
sim_state_find_member(const SimAccount *account, const SimProject *project)
{
	return sim_index_find(&account->memberships, project->id);
}

const char *
sim_state_find_role(const SimAccount *account, const SimProject *project,
					SimGrant grant)
{
	const SimMembership *membership = sim_state_find_member(account, project);

	return membership == NULL ? NULL : membership->roles[grant];
}

void
sim_state_set_member(SimState *state, SimAccount *account,
					 SimProject *project, const char *role)
{
	sim_state_set_grant(state, account, project, SIM_GRANT_INDIVIDUAL, role);
}

void
sim_state_set_grant(SimState *state, SimAccount *account,
					SimProject *project, SimGrant grant, const char *role)
{
	SimMembership *membership = sim_state_find_member(account, project);

	if (membership == NULL)
	{
		membership = sim_memory_new(sizeof(*membership));
		membership->project_id = project->id;
		membership->project = project;
		sim_index_add(&account->memberships, membership);
		sim_index_add(&project->members, account);
	}
	membership->roles[grant] = keep_role(state, role);
}

void
sim_state_remove_grant(SimAccount *account, SimProject *project,
					   SimGrant grant)
{
	SimMembership *membership = sim_state_find_member(account, project);

	if (membership == NULL)
		return;
	membership->roles[grant] = NULL;
	for (size_t i = 0; i < SIM_GRANTS; i++)
		if (membership->roles[i] != NULL)
			return;
	sim_index_remove(&account->memberships, project->id);
	sim_index_remove(&project->members, account->id);
	free(membership);
}

void
sim_state_touch(SimState *state)
{
	state->version++;
}
