/*-------------------------------------------------------------------------
 *
 * membership.c
 *	  The calls about memberships, in bulk (D, B) and one by one (N).
 *
 * Owns what those calls do.  A bulk call applies everything or nothing: it
 * looks at the whole body first.  Must not know how a record is spelled.
 *
 *-------------------------------------------------------------------------
 */
#include "membership.h"

#include "api.h"
#include "render.h"
#include "world.h"

static int64_t
id_of(const json_t *entry, const char *name)
{
	return json_integer_value(json_object_get(entry, name));
}

static SimProject *
find_project(const SimCall *call, int64_t id)
{
	SimProject *project = sim_index_find(&call->world->state->projects, id);

	if (project == NULL || project->organization != call->organization)
		return NULL;
	return project;
}

static SimAccount *
find_account(const SimCall *call, const json_t *id)
{
	return sim_index_find(&call->organization->accounts,
						  json_integer_value(id));
}

static bool
check_projects(const SimCall *call, SimAnswer *answer)
{
	const json_t *projects = json_object_get(call->body, "projects");

	for (size_t i = 0; i < json_array_size(projects); i++)
	{
		int64_t		id = id_of(json_array_get(projects, i), "id");

		if (find_project(call, id) != NULL)
			continue;
		sim_answer_error(answer, 404, "project %lld does not exist",
						 (long long) id);
		return false;
	}
	return true;
}

static bool
check_accounts(const SimCall *call, SimAnswer *answer, const json_t *ids)
{
	for (size_t i = 0; i < json_array_size(ids); i++)
	{
		const json_t *id = json_array_get(ids, i);

		if (find_account(call, id) != NULL)
			continue;
		sim_answer_error(answer, 404, "service account %lld does not exist",
						 (long long) json_integer_value(id));
		return false;
	}
	return true;
}

static void
add_all(SimCall *call, const json_t *entry, const json_t *ids)
{
	SimProject *project = find_project(call, id_of(entry, "id"));
	const char *role = json_string_value(json_object_get(entry, "role"));

	for (size_t i = 0; i < json_array_size(ids); i++)
		sim_state_set_member(call->world->state,
							 find_account(call, json_array_get(ids, i)),
							 project, role);
}

void
sim_membership_add_many(SimCall *call, SimAnswer *answer)
{
	const json_t *projects = json_object_get(call->body, "projects");
	const json_t *ids = json_object_get(call->body, "service_account_ids");

	if (!check_projects(call, answer) || !check_accounts(call, answer, ids))
		return;
	for (size_t i = 0; i < json_array_size(projects); i++)
		add_all(call, json_array_get(projects, i), ids);
	sim_api_answer_done(call, answer);
}

/* Is every account named a member, or may one be none? */
static bool
check_members(const SimCall *call, SimAnswer *answer, const json_t *entry)
{
	const json_t *ids = json_object_get(entry, "service_account_ids");
	const SimProject *project = find_project(call, id_of(entry, "id"));
	unsigned	status = (unsigned) call->world->config.absent_member_status;

	for (size_t i = 0; status != 200 && i < json_array_size(ids); i++)
	{
		const SimAccount *account = find_account(call, json_array_get(ids, i));

		if (sim_state_find_member(account, project) != NULL)
			continue;
		sim_answer_error(answer, status,
						 "service account %lld is not in project %lld",
						 (long long) account->id, (long long) project->id);
		return false;
	}
	return true;
}

static bool
check_removals(const SimCall *call, SimAnswer *answer, const json_t *projects)
{
	for (size_t i = 0; i < json_array_size(projects); i++)
	{
		const json_t *entry = json_array_get(projects, i);
		const json_t *ids = json_object_get(entry, "service_account_ids");

		if (!check_accounts(call, answer, ids) ||
			!check_members(call, answer, entry))
			return false;
	}
	return true;
}

static void
remove_all(SimCall *call, const json_t *entry)
{
	const json_t *ids = json_object_get(entry, "service_account_ids");
	SimProject *project = find_project(call, id_of(entry, "id"));

	for (size_t i = 0; i < json_array_size(ids); i++)
		sim_state_remove_member(find_account(call, json_array_get(ids, i)),
								project);
}

void
sim_membership_remove_many(SimCall *call, SimAnswer *answer)
{
	const json_t *projects = json_object_get(call->body, "projects");

	if (!check_projects(call, answer) ||
		!check_removals(call, answer, projects))
		return;
	for (size_t i = 0; i < json_array_size(projects); i++)
		remove_all(call, json_array_get(projects, i));
	sim_api_answer_done(call, answer);
}

void
sim_membership_add_one(SimCall *call, SimAnswer *answer)
{
	int64_t		id = id_of(call->body, "projectId");
	const char *role = json_string_value(json_object_get(call->body, "role"));
	SimProject *project = find_project(call, id);
	unsigned	status = (unsigned) call->world->config.existing_member_status;

	if (project == NULL)
		sim_answer_error(answer, 404, "project %lld does not exist",
						 (long long) id);
	else if (status != 200 &&
			 sim_state_find_member(call->account, project) != NULL)
		sim_answer_error(answer, status,
						 "service account %lld is in project %lld already",
						 (long long) call->account->id, (long long) id);
	else
	{
		sim_state_set_member(call->world->state, call->account, project,
							 role);
		sim_api_answer_done(call, answer);
	}
}

void
sim_membership_remove_one(SimCall *call, SimAnswer *answer)
{
	if (sim_state_find_member(call->account, call->project) == NULL)
	{
		sim_answer_error(answer, 404,
						 "service account %lld is not in project %lld",
						 (long long) call->account->id,
						 (long long) call->project->id);
		return;
	}
	sim_state_remove_member(call->account, call->project);
	sim_api_answer_done(call, answer);
}

void
sim_membership_list_of_account(SimCall *call, SimAnswer *answer)
{
	const SimIndex *memberships = &call->account->memberships;
	SimText		text = {0};

	sim_text_puts(&text,
				  call->world->config.document == SIM_DOCUMENT_NESTED ?
				  "{\"results\":[" : "{\"status\":\"ok\",\"results\":[");
	for (size_t i = 0; i < memberships->size; i++)
		sim_render_project(&text, memberships->items[i]);
	sim_text_puts(&text, "]}");
	sim_answer_json(answer, 200, &text);
}

void
sim_membership_list_of_project(SimCall *call, SimAnswer *answer)
{
	const SimIndex *members = &call->project->members;
	SimText		text = {0};

	sim_text_puts(&text, "{\"status\":\"ok\",\"results\":[");
	for (size_t i = 0; i < members->size; i++)
	{
		const SimAccount *account = members->items[i];

		sim_render_member(&text, account,
						  sim_state_find_member(account, call->project),
						  call->world->config.document);
	}
	sim_text_puts(&text, "]}");
	sim_answer_json(answer, 200, &text);
}
