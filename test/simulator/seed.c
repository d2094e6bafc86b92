/*-------------------------------------------------------------------------
 *
 * seed.c
 *	  The state that a simulator starts with, the same for the same settings.
 *
 * Owns the rules by which seeded values are chosen, which README.md tells to
 * those who write tests.  Must not know of HTTP.
 *
 *-------------------------------------------------------------------------
 */
#include "seed.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"

#define CREATOR_BASE 7001
#define CREATORS 3

static const char *const roles[] = {"admin", "analyst", "consumer"};

#define ROLES (sizeof(roles) / sizeof(roles[0]))

/* One account in five has expired and one will within a week. */
static int64_t
choose_expiry(int64_t epoch, int64_t position)
{
	switch (position % 5)
	{
		case 1:
			return epoch - SIM_CLOCK_DAY;
		case 2:
			return epoch + 7 * SIM_CLOCK_DAY;
		case 3:
			return epoch + 365 * SIM_CLOCK_DAY;
		default:
			return SIM_CLOCK_NEVER;
	}
}

static int64_t
choose_last_use(int64_t epoch, int64_t position)
{
	if (position % 3 == 0)
		return SIM_CLOCK_NEVER;
	return epoch - (position % 720) * 3600 * SIM_CLOCK_SECOND;
}

/* The account at a place of its organization, the first being the admin. */
static void
seed_account(SimState *state, SimOrganization *organization,
			 const SimConfig *config, int64_t position)
{
	SimAccountDraft draft;
	char		username[64];
	char		name[64];
	char		secret[64];
	long long	id = state->next_id;

	snprintf(username, sizeof(username), "bot-%lld", id);
	snprintf(name, sizeof(name), "Bot %lld", id);
	snprintf(secret, sizeof(secret), "secret-%lld", id);
	memset(&draft, 0, sizeof(draft));
	draft.username = username;
	draft.name = name;
	draft.secret = secret;
	draft.role = roles[(size_t) position % ROLES];
	draft.created = config->epoch - (30 + position % 365) * SIM_CLOCK_DAY;
	draft.expires = choose_expiry(config->epoch, position);
	draft.last_used = choose_last_use(config->epoch, position);
	draft.creator = CREATOR_BASE + position % CREATORS;
	sim_state_add_account(state, organization, &draft);
}

static void
seed_admin(SimState *state, SimOrganization *organization,
		   const SimConfig *config)
{
	SimAccountDraft draft;

	memset(&draft, 0, sizeof(draft));
	draft.username = config->username;
	draft.name = "Admin Bot";
	draft.secret = config->secret;
	draft.role = roles[0];
	draft.created = config->epoch - 30 * SIM_CLOCK_DAY;
	draft.expires = SIM_CLOCK_NEVER;
	draft.last_used = SIM_CLOCK_NEVER;
	draft.creator = CREATOR_BASE;
	sim_state_add_account(state, organization, &draft);
}

/* The account at a place is in the projects from that place on, in a ring. */
static void
seed_memberships(SimState *state, SimAccount *account, int64_t position,
				 const SimConfig *config)
{
	int64_t		count = config->memberships_per_account;
	int64_t		first = config->first_project_id +
		(account->organization->id - config->organization) * config->projects;

	if (count > config->projects)
		count = config->projects;
	for (int64_t i = 0; i < count; i++)
	{
		int64_t		id = first + (position + i) % config->projects;
		SimProject *project = sim_index_find(&state->projects, id);

		sim_state_set_member(state, account, project,
							 roles[(size_t) (position + i) % ROLES]);
	}
}

static void
seed_organization(SimState *state, const SimConfig *config, int64_t number)
{
	SimOrganization *organization =
		sim_state_add_organization(state, config->organization + number);
	int64_t		first = config->first_project_id + number * config->projects;

	for (int64_t i = 0; i < config->projects; i++)
		sim_state_add_project(state, organization, first + i);
	for (int64_t i = 0; i < config->accounts; i++)
	{
		if (number == 0 && i == 0)
			seed_admin(state, organization, config);
		else
			seed_account(state, organization, config, i);
	}
	for (int64_t i = 0; i < config->accounts; i++)
		seed_memberships(state, organization->accounts.items[i], i, config);
}

SimState *
sim_seed_state(const SimConfig *config)
{
	SimState   *state = sim_state_new();
	SimConfig	dated = *config;

	/* whole seconds: the answers' times are then short and exact */
	if (dated.epoch == SIM_CLOCK_NEVER)
		dated.epoch = sim_clock_wall();
	dated.epoch -= dated.epoch % SIM_CLOCK_SECOND;
	state->next_id = config->first_account_id;
	if (config->accounts == 0)
	{
		seed_admin(state, NULL, &dated);
		state->next_id = config->first_account_id;
	}
	for (int64_t i = 0; i < config->organizations; i++)
		seed_organization(state, &dated, i);
	return state;
}
