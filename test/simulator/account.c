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

#include <string.h>

#include "api.h"
#include "clock.h"
#include "render.h"
#include "world.h"

#define DEFAULT_ROLE "consumer"

static SimPayload *
render_list(const SimCall *call)
{
	const SimIndex *accounts = &call->organization->accounts;
	int64_t		document = call->world->config.document;
	SimText		text = {0};

	sim_text_puts(&text, document == SIM_DOCUMENT_NESTED ?
				  "{\"results\":[" : "{\"status\":\"ok\",\"results\":[");
	for (size_t i = 0; i < accounts->size; i++)
		sim_render_account(&text, accounts->items[i], document, false);
	sim_text_puts(&text, "]}");
	return sim_payload_new(&text);
}

void
sim_account_list(SimCall *call, SimAnswer *answer)
{
	SimOrganization *organization = call->organization;
	uint64_t	version = call->world->state->version;

	if (organization->list == NULL || organization->list_version != version)
	{
		sim_payload_release(organization->list);
		organization->list = render_list(call);
		organization->list_version = version;
	}
	sim_answer_payload(answer, 200, organization->list);
}

/* Bare, as every document shows it. */
void
sim_account_get(SimCall *call, SimAnswer *answer)
{
	SimText		text = {0};

	sim_render_account(&text, call->account, call->world->config.document,
					   false);
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

		if (project != NULL && project->organization == call->organization)
			continue;
		sim_answer_error(answer, 400, "project %lld does not exist",
						 (long long) id);
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

static SimAccount *
create_account(SimCall *call, const char *username, const char *name)
{
	const char *expires = string_field(call, "expires");
	const char *role = string_field(call, "role");
	SimAccountDraft draft;

	memset(&draft, 0, sizeof(draft));
	draft.username = username;
	draft.name = name;
	draft.role = role != NULL ? role : DEFAULT_ROLE;
	draft.created = sim_clock_wall();
	draft.created -= draft.created % SIM_CLOCK_SECOND;
	draft.expires = SIM_CLOCK_NEVER;
	if (expires != NULL)
		sim_clock_parse(expires, &draft.expires);
	draft.last_used = SIM_CLOCK_NEVER;
	draft.creator = call->user->user;
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

static void
answer_created(const SimCall *call, SimAnswer *answer,
			   const SimAccount *account)
{
	int64_t		document = call->world->config.document;
	bool		is_created = document == SIM_DOCUMENT_BULK ||
		document == SIM_DOCUMENT_ALL;
	SimText		text = {0};

	if (document != SIM_DOCUMENT_NESTED)
		sim_text_puts(&text, "{\"status\":\"ok\",\"results\":");
	sim_render_account(&text, account, document, true);
	if (document != SIM_DOCUMENT_NESTED)
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

static void
list_my_projects(const SimCall *call, SimText *text)
{
	const SimIndex *all = &call->world->state->projects;

	for (size_t i = 0; i < all->size; i++)
	{
		const SimProject *project = all->items[i];

		if (!sim_api_may_enter(call, project->organization))
			continue;
		sim_text_comma(text);
		sim_text_printf(text, "\"%lld\":{\"id\":%lld,\"name\":",
						(long long) project->id, (long long) project->id);
		sim_text_quote(text, project->name);
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
