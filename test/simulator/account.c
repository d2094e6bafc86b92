/*-------------------------------------------------------------------------
 *
 * account.c
 *	  The calls about service accounts.
 *
 * Owns what creating, listing and deleting an account does and what encloses
 * an account in an answer.  Must not know how a record is spelled.
 *
 *-------------------------------------------------------------------------
 */
#include "account.h"

#include <stdio.h>
#include <string.h>

#include "api.h"
#include "clock.h"
#include "lag.h"
#include "render.h"
#include "world.h"

#define DEFAULT_ROLE "consumer"
#define MAX_USERNAME 1024

/* Whoever was deleted stays in the list if the switch says so. */
static void
list_deleted(const SimCall *call, SimList *list)
{
	const SimIndex *deleted = &call->organization->deleted;

	for (size_t i = 0; i < deleted->size; i++)
		sim_list_add_account(list, deleted->items[i]);
}

static void
list_accounts(SimCall *call, SimAnswer *answer)
{
	const SimIndex *accounts = &call->organization->accounts;
	SimList		list = {0};

	for (size_t i = 0; i < accounts->size; i++)
		if (!sim_lag_unlists(call->world, accounts->items[i]))
			sim_list_add_account(&list, accounts->items[i]);
	if (call->world->config.deleted_listed)
		list_deleted(call, &list);
	sim_list_answer(call, answer, &list, sim_render_listed);
}

/* A list that is always the same until something changes is kept. */
void
sim_account_list(SimCall *call, SimAnswer *answer)
{
	SimOrganization *organization = call->organization;
	uint64_t	version = call->world->state->version;

	if (call->world->config.page_size > 0 ||
		sim_lag_in_lists(&call->world->config))
		list_accounts(call, answer);
	else if (organization->list != NULL &&
			 organization->list_version == version)
		sim_answer_payload(answer, 200, organization->list);
	else
	{
		list_accounts(call, answer);
		sim_payload_release(organization->list);
		organization->list = sim_payload_hold(answer->payload);
		organization->list_version = version;
	}
}

/* Bare, as every document shows it. */
void
sim_account_get(SimCall *call, SimAnswer *answer)
{
	SimText		text = {0};

	sim_render_account(&text, call->account, &call->world->config, false);
	sim_answer_json(answer, 200, &text);
}

void
sim_account_delete(SimCall *call, SimAnswer *answer)
{
	sim_state_remove_account(call->world->state, call->account);

	/* the user's own account may be the one that is gone */
	call->account = NULL;
	call->user = NULL;
	sim_api_answer_done(call, answer);
}

static const char *
string_field(const SimCall *call, const char *name)
{
	return json_string_value(json_object_get(call->body, name));
}

/* Every project must be of the organization; nothing is created otherwise. */
static bool
check_projects(const SimCall *call, SimAnswer *answer)
{
	const json_t *projects = json_object_get(call->body, "projects");

	for (size_t i = 0; i < json_array_size(projects); i++)
	{
		const json_t *entry = json_array_get(projects, i);
		int64_t		id = json_integer_value(json_object_get(entry, "id"));
		const SimProject *project =
			sim_index_find(&call->world->state->projects, id);
		int64_t		status = call->world->config.unknown_status;

		if (project != NULL && project->organization == call->organization)
			continue;
		sim_answer_error(answer, status == 0 ? 400 : (unsigned) status,
						 "project %lld does not exist", (long long) id);
		return false;
	}
	return true;
}

static bool
check_username(const SimCall *call, SimAnswer *answer, const char *username)
{
	if (username == NULL)
		sim_answer_error(answer, 400,
						 "one of \"username\" and \"name\" is required");
	else if (call->world->config.duplicate_username_status != 200 &&
			 sim_state_find_username(call->organization, username) != NULL)
		sim_answer_error(answer, 409, "username \"%s\" is taken", username);
	else
		return true;
	return false;
}

static int64_t
choose_expiry(const SimCall *call, int64_t created)
{
	const char *asked = string_field(call, "expires");
	int64_t		expires = SIM_CLOCK_NEVER;

	if (asked != NULL && call->world->config.expires != SIM_EXPIRES_IGNORED)
		sim_clock_parse(asked, &expires);
	if (call->world->config.expires == SIM_EXPIRES_CAPPED &&
		expires > created + SIM_CLOCK_DAY)
		expires = created + SIM_CLOCK_DAY;
	return expires;
}

/* What is made of a username: the same of the same account, for tests. */
static const char *
add_suffix(const SimState *state, const char *username, char *suffixed)
{
	unsigned	mark = (unsigned) state->next_id * 0x9e3779b1U;

	snprintf(suffixed, MAX_USERNAME, "%.*s.%06x.mp-service-account",
			 MAX_USERNAME - 40, username, mark >> 8);
	return suffixed;
}

static SimAccount *
create_account(SimCall *call, const char *username, const char *name)
{
	const char *role = string_field(call, "role");
	char		suffixed[MAX_USERNAME];
	SimAccountDraft draft;

	memset(&draft, 0, sizeof(draft));
	draft.username = username;
	if (call->world->config.username_suffix)
		draft.username = add_suffix(call->world->state, username, suffixed);
	draft.name = name;
	draft.role = role != NULL ? role : DEFAULT_ROLE;
	draft.created = sim_clock_wall();
	draft.created -= draft.created % SIM_CLOCK_SECOND;
	draft.expires = choose_expiry(call, draft.created);
	draft.last_used = SIM_CLOCK_NEVER;
	draft.creator = call->user->user;
	draft.born = sim_clock_monotonic();
	draft.born_request = call->world->calls;
	return sim_state_add_account(call->world->state, call->organization,
								 &draft);
}

static void
join_projects(SimCall *call, SimAccount *account)
{
	const json_t *projects = json_object_get(call->body, "projects");

	for (size_t i = 0; i < json_array_size(projects); i++)
	{
		const json_t *entry = json_array_get(projects, i);
		int64_t		id = json_integer_value(json_object_get(entry, "id"));
		const char *role = json_string_value(json_object_get(entry, "role"));

		sim_state_set_member(call->world->state, account,
							 sim_index_find(&call->world->state->projects, id),
							 role != NULL ? role : DEFAULT_ROLE);
	}
}

/* A warning needs an envelope to stand in. */
static void
answer_created(const SimCall *call, SimAnswer *answer,
			   const SimAccount *account)
{
	const SimConfig *config = &call->world->config;
	int64_t		document = config->document;
	bool		is_created = document == SIM_DOCUMENT_BULK ||
		document == SIM_DOCUMENT_ALL;
	bool		is_bare = document == SIM_DOCUMENT_NESTED &&
		!config->create_warning;
	SimText		text = {0};

	if (!is_bare)
		sim_text_puts(&text, "{\"status\":\"ok\",");
	if (config->create_warning)
		sim_text_puts(&text, "\"error\":\"warning: quota nearly used\",");
	if (!is_bare)
		sim_text_puts(&text, "\"results\":");
	sim_render_created(&text, account, config);
	if (!is_bare)
		sim_text_puts(&text, "}");
	sim_answer_json(answer, is_created ? 201 : 200, &text);
}

/* Each of username and name stands for the other where that is missing. */
void
sim_account_create(SimCall *call, SimAnswer *answer)
{
	const char *username = string_field(call, "username");
	const char *name = string_field(call, "name");
	SimAccount *account;

	if (username == NULL)
		username = name;
	if (name == NULL)
		name = username;
	if (!check_username(call, answer, username) ||
		!check_projects(call, answer))
		return;
	account = create_account(call, username, name);
	join_projects(call, account);
	answer_created(call, answer, account);
}

static void
list_my_organizations(const SimCall *call, SimText *text)
{
	const SimIndex *all = &call->world->state->organizations;

	for (size_t i = 0; i < all->size; i++)
	{
		const SimOrganization *organization = all->items[i];
		long long	id = organization->id;

		if (!sim_api_may_enter(call, organization))
			continue;
		sim_text_comma(text);
		sim_text_printf(text, "\"%lld\":{\"id\":%lld,"
						"\"name\":\"Organization %lld\",\"role\":",
						id, id, id);
		sim_text_quote(text, call->user->role);
		sim_text_puts(text, "}");
	}
}

/* One's own projects are those that one is in, however that came about. */
static bool
is_mine(const SimCall *call, const SimProject *project)
{
	if (!sim_api_may_enter(call, project->organization))
		return false;
	return !call->world->config.me_own_projects ||
		sim_state_find_member(call->user, project) != NULL;
}

static void
list_my_projects(const SimCall *call, SimText *text)
{
	const SimIndex *all = &call->world->state->projects;

	for (size_t i = 0; i < all->size; i++)
	{
		const SimProject *project = all->items[i];
		long long	id = project->id;

		if (!is_mine(call, project))
			continue;
		sim_text_comma(text);
		sim_text_printf(text, "\"%lld\":{", id);
		if (call->world->config.me_project_ids)
			sim_text_printf(text, "\"id\":%lld,", id);
		sim_text_puts(text, "\"name\":");
		sim_text_quote(text, project->name);
		if (project->domain != NULL)
		{
			sim_text_puts(text, ",\"domain\":");
			sim_text_quote(text, project->domain);
		}
		sim_text_printf(text, ",\"organization_id\":%lld}",
						(long long) project->organization->id);
	}
}

void
sim_account_me(SimCall *call, SimAnswer *answer)
{
	SimText		text = {0};

	sim_text_puts(&text, "{\"status\":\"ok\",\"results\":{\"user_id\":");
	sim_text_printf(&text, "%lld,\"user_name\":",
					(long long) call->user->user);
	sim_text_quote(&text, call->user->username);
	sim_text_puts(&text, ",\"organizations\":{");
	list_my_organizations(call, &text);
	sim_text_puts(&text, "},\"projects\":{");
	list_my_projects(call, &text);
	sim_text_puts(&text, "}}}");
	sim_answer_json(answer, 200, &text);
}
