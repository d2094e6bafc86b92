/*-------------------------------------------------------------------------
 *
 * membership.c
 *	  The calls about memberships, in bulk (D, B) and one by one (N).
 *
 * Owns what those calls do.  A bulk call applies everything or nothing, for
 * which it looks at the whole body first; with the switch for it, what stands
 * before a refusal is applied.  Must not know how a record is spelled.
 *
 *-------------------------------------------------------------------------
 */
#include "membership.h"

#include "api.h"
#include "lag.h"
#include "list.h"
#include "render.h"
#include "world.h"

static int64_t
id_of(const json_t *entry, const char *name)
{
	return json_integer_value(json_object_get(entry, name));
}

/* What a body names and is not there: the status depends on the server. */
static bool
refuse_unknown(const SimCall *call, SimAnswer *answer, const char *what,
			   int64_t id)
{
	int64_t		status = call->world->config.unknown_status;

	sim_answer_error(answer, status == 0 ? 404 : (unsigned) status,
					 "%s %lld does not exist", what, (long long) id);
	return false;
}

/* The project of that id, or NULL with a refusal. */
static SimProject *
need_project(const SimCall *call, SimAnswer *answer, int64_t id)
{
	SimProject *project = sim_index_find(&call->world->state->projects, id);

	if (project == NULL || project->organization != call->organization)
		refuse_unknown(call, answer, "project", id);
	else if (!sim_api_refuse_foreign(call, answer, project))
		return project;
	return NULL;
}

static SimAccount *
need_account(const SimCall *call, SimAnswer *answer, int64_t id)
{
	SimAccount *account = sim_index_find(&call->organization->accounts, id);

	if (account != NULL && !sim_lag_hides(call->world, account))
		return account;
	refuse_unknown(call, answer, "service account", id);
	return NULL;
}

static bool
check_projects(const SimCall *call, SimAnswer *answer)
{
	const json_t *projects = json_object_get(call->body, "projects");

	for (size_t i = 0; i < json_array_size(projects); i++)
		if (need_project(call, answer,
						 id_of(json_array_get(projects, i), "id")) == NULL)
			return false;
	return true;
}

static bool
check_accounts(const SimCall *call, SimAnswer *answer, const json_t *ids)
{
	for (size_t i = 0; i < json_array_size(ids); i++)
		if (need_account(call, answer,
						 json_integer_value(json_array_get(ids, i))) == NULL)
			return false;
	return true;
}

/* Some servers refuse to add who is there already. */
static bool
check_stranger(SimAnswer *answer, const SimAccount *account,
			   const SimProject *project, int64_t status)
{
	if (status == 200 ||
		sim_state_find_role(account, project, SIM_GRANT_INDIVIDUAL) == NULL)
		return true;
	sim_answer_error(answer, (unsigned) status,
					 "service account %lld is in project %lld already",
					 (long long) account->id, (long long) project->id);
	return false;
}

/* Some servers answer well and leave the role of who is there already. */
static void
add(const SimCall *call, SimAccount *account, SimProject *project,
	const char *role)
{
	if (call->world->config.existing_member_role == 0 &&
		sim_state_find_role(account, project, SIM_GRANT_INDIVIDUAL) != NULL)
		return;
	sim_state_set_member(call->world->state, account, project, role);
}

/* Goes through a project's accounts up to the first that is refused. */
static bool
add_entry(SimCall *call, SimAnswer *answer, const json_t *entry, bool apply)
{
	const json_t *ids = json_object_get(call->body, "service_account_ids");
	const char *role = json_string_value(json_object_get(entry, "role"));
	SimProject *project = need_project(call, answer, id_of(entry, "id"));

	for (size_t i = 0; project != NULL && i < json_array_size(ids); i++)
	{
		SimAccount *account =
			need_account(call, answer,
						 json_integer_value(json_array_get(ids, i)));

		if (account == NULL ||
			!check_stranger(answer, account, project,
							call->world->config.bulk_existing_member_status))
			return false;
		if (apply)
			add(call, account, project, role);
	}
	return project != NULL;
}

/* Some servers refuse to remove who is not there. */
static bool
check_member(const SimCall *call, SimAnswer *answer,
			 const SimAccount *account, const SimProject *project)
{
	unsigned	status = (unsigned) call->world->config.absent_member_status;

	if (status == 200 ||
		sim_state_find_role(account, project, SIM_GRANT_INDIVIDUAL) != NULL)
		return true;
	sim_answer_error(answer, status,
					 "service account %lld is not in project %lld",
					 (long long) account->id, (long long) project->id);
	return false;
}

static bool
remove_entry(SimCall *call, SimAnswer *answer, const json_t *entry,
			 bool apply)
{
	const json_t *ids = json_object_get(entry, "service_account_ids");
	SimProject *project = need_project(call, answer, id_of(entry, "id"));

	for (size_t i = 0; project != NULL && i < json_array_size(ids); i++)
	{
		SimAccount *account =
			need_account(call, answer,
						 json_integer_value(json_array_get(ids, i)));

		if (account == NULL || !check_member(call, answer, account, project))
			return false;
		if (apply)
			sim_state_remove_grant(account, project, SIM_GRANT_INDIVIDUAL);
	}
	return project != NULL;
}

typedef bool (*EntryWalker) (SimCall *call, SimAnswer *answer,
							 const json_t *entry, bool apply);

static bool
walk(SimCall *call, SimAnswer *answer, EntryWalker walk_entry, bool apply)
{
	const json_t *projects = json_object_get(call->body, "projects");

	for (size_t i = 0; i < json_array_size(projects); i++)
		if (!walk_entry(call, answer, json_array_get(projects, i), apply))
			return false;
	return true;
}

static void
carry_out(SimCall *call, SimAnswer *answer, EntryWalker walk_entry)
{
	if (call->world->config.partial_refusal ||
		walk(call, answer, walk_entry, false))
	{
		if (walk(call, answer, walk_entry, true))
			sim_api_answer_done(call, answer);
	}
}

void
sim_membership_add_many(SimCall *call, SimAnswer *answer)
{
	const json_t *ids = json_object_get(call->body, "service_account_ids");

	if (call->world->config.partial_refusal ||
		(check_projects(call, answer) && check_accounts(call, answer, ids)))
		carry_out(call, answer, add_entry);
}

void
sim_membership_remove_many(SimCall *call, SimAnswer *answer)
{
	if (call->world->config.partial_refusal || check_projects(call, answer))
		carry_out(call, answer, remove_entry);
}

void
sim_membership_add_one(SimCall *call, SimAnswer *answer)
{
	const char *role = json_string_value(json_object_get(call->body, "role"));
	SimProject *project =
		need_project(call, answer, id_of(call->body, "projectId"));

	if (project == NULL ||
		!check_stranger(answer, call->account, project,
						call->world->config.existing_member_status))
		return;
	add(call, call->account, project, role);
	sim_api_answer_done(call, answer);
}

void
sim_membership_remove_one(SimCall *call, SimAnswer *answer)
{
	if (sim_state_find_role(call->account, call->project,
							SIM_GRANT_INDIVIDUAL) == NULL)
	{
		sim_answer_error(answer, 404,
						 "service account %lld is not in project %lld",
						 (long long) call->account->id,
						 (long long) call->project->id);
		return;
	}
	sim_state_remove_grant(call->account, call->project,
						   SIM_GRANT_INDIVIDUAL);
	sim_api_answer_done(call, answer);
}

void
sim_membership_list_of_account(SimCall *call, SimAnswer *answer)
{
	const SimIndex *memberships = &call->account->memberships;
	SimList		list = {0};

	for (size_t i = 0; i < memberships->size; i++)
		sim_list_add_grants(&list, call->account, memberships->items[i]);
	sim_list_answer(call, answer, &list, sim_render_project);
}

void
sim_membership_list_of_project(SimCall *call, SimAnswer *answer)
{
	const SimIndex *members = &call->project->members;
	SimList		list = {0};

	for (size_t i = 0; i < members->size; i++)
	{
		const SimAccount *account = members->items[i];

		if (!sim_lag_unlists(call->world, account))
			sim_list_add_grants(&list, account,
								sim_state_find_member(account,
													  call->project));
	}
	sim_list_answer(call, answer, &list, sim_render_member);
}
