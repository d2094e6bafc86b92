/*-------------------------------------------------------------------------
 *
 * control.c
 *	  The path /control, by which a test steers and questions the simulator.
 *
 * Owns what README.md says of that path.  Needs no credentials, and appears
 * in no log.  Must not be reachable but from the loopback, which the server
 * sees to.
 *
 *-------------------------------------------------------------------------
 */
#include "control.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "render.h"
#include "schema.h"
#include "seed.h"
#include "world.h"

typedef struct Command
{
	const char *method;
	const char *path;			/* below SIM_CONTROL_PATH; * = what follows */
	void		(*run) (SimCall *call, SimAnswer *answer, const char *rest);
} Command;

static const SimField account_fields[] = {
	{"id", SIM_FIELD_ID, false, NULL},
	{"organization_id", SIM_FIELD_ID, false, NULL},
	{"username", SIM_FIELD_STRING, true, NULL},
	{"name", SIM_FIELD_STRING, false, NULL},
	{"secret", SIM_FIELD_STRING, false, NULL},
	{"role", SIM_FIELD_STRING, false, NULL},
	{"created", SIM_FIELD_TIME, false, NULL},
	{"expires", SIM_FIELD_TIME_OR_NULL, false, NULL},
	{"last_used", SIM_FIELD_TIME_OR_NULL, false, NULL},
	{"creator", SIM_FIELD_ID, false, NULL},
	{"user", SIM_FIELD_ID, false, NULL},
	{NULL, SIM_FIELD_ANY, false, NULL},
};

static const SimField membership_fields[] = {
	{"service_account_id", SIM_FIELD_ID, true, NULL},
	{"project_id", SIM_FIELD_ID, true, NULL},
	{"role", SIM_FIELD_STRING, true, NULL},
	{"target_type", SIM_FIELD_STRING, false, NULL},
	{NULL, SIM_FIELD_ANY, false, NULL},
};

static const SimField project_fields[] = {
	{"id", SIM_FIELD_ID, true, NULL},
	{"organization_id", SIM_FIELD_ID, false, NULL},
	{"domain", SIM_FIELD_STRING, false, NULL},
	{NULL, SIM_FIELD_ANY, false, NULL},
};

static void
answer_ok(SimAnswer *answer)
{
	SimText		text = {0};

	sim_text_puts(&text, "{\"status\":\"ok\"}");
	sim_answer_json(answer, 200, &text);
}

static bool
need_object(const SimCall *call, SimAnswer *answer)
{
	if (json_is_object(call->body) || call->body_size == 0)
		return true;
	sim_answer_error(answer, 400, "the body must be a JSON object");
	return false;
}

static void
start_over(SimWorld *world)
{
	sim_clock_set_skew(world->config.clock_skew_s * SIM_CLOCK_SECOND);
	memset(&world->limit, 0, sizeof(world->limit));
	sim_state_free(world->state);
	world->state = sim_seed_state(&world->config);
	world->seedings++;
	sim_fault_clear(&world->faults);
	sim_journal_clear(&world->journal);
}

/* Applies the body to a configuration, which is kept only if all is well. */
static bool
configure(SimCall *call, SimAnswer *answer, const SimConfig *from,
		  bool switches_only)
{
	SimConfig	config = *from;
	char		error[SIM_CONFIG_ERROR];

	if (!need_object(call, answer))
		return false;
	if (call->body != NULL &&
		!sim_config_set_json(&config, call->body, switches_only, error))
	{
		sim_answer_error(answer, 400, "%s", error);
		return false;
	}
	call->world->config = config;
	sim_clock_set_skew(config.clock_skew_s * SIM_CLOCK_SECOND);
	memset(&call->world->limit, 0, sizeof(call->world->limit));
	answer_ok(answer);
	return true;
}

static void
reset(SimCall *call, SimAnswer *answer, const char *rest)
{
	(void) rest;
	if (configure(call, answer, &call->world->defaults, false))
		start_over(call->world);
}

static void
set_switches(SimCall *call, SimAnswer *answer, const char *rest)
{
	(void) rest;

	/* another document spells the listings differently */
	if (configure(call, answer, &call->world->config, true))
		sim_state_touch(call->world->state);
}

static void
add_faults(SimCall *call, SimAnswer *answer, const char *rest)
{
	char		error[SIM_CONFIG_ERROR];

	(void) rest;
	if (call->body == NULL)
		sim_answer_error(answer, 400, "the body must be JSON");
	else if (sim_fault_add(&call->world->faults, call->body, error))
		answer_ok(answer);
	else
		sim_answer_error(answer, 400, "%s", error);
}

static void
list_faults(SimCall *call, SimAnswer *answer, const char *rest)
{
	SimText		text = {0};

	(void) rest;
	sim_fault_write(&call->world->faults, &text);
	sim_answer_json(answer, 200, &text);
}

static void
clear_faults(SimCall *call, SimAnswer *answer, const char *rest)
{
	(void) rest;
	sim_fault_clear(&call->world->faults);
	answer_ok(answer);
}

static void
show_log(SimCall *call, SimAnswer *answer, const char *rest)
{
	SimText		text = {0};

	(void) rest;
	sim_journal_write(&call->world->journal, &text);
	sim_answer_json(answer, 200, &text);
}

static void
clear_log(SimCall *call, SimAnswer *answer, const char *rest)
{
	(void) rest;
	sim_journal_clear(&call->world->journal);
	answer_ok(answer);
}

static void
show_counts(SimCall *call, SimAnswer *answer, const char *rest)
{
	SimText		text = {0};

	(void) rest;
	sim_journal_write_counts(&call->world->journal, &text);
	sim_answer_json(answer, 200, &text);
}

static void
write_account(SimText *text, const SimAccount *account)
{
	sim_text_comma(text);
	sim_text_printf(text, "{\"id\":%lld,\"organization_id\":%lld,"
					"\"username\":", (long long) account->id,
					(long long) account->organization->id);
	sim_text_quote(text, account->username);
	sim_text_puts(text, ",\"name\":");
	sim_text_quote(text, account->name);
	sim_text_puts(text, ",\"role\":");
	sim_text_quote(text, account->role);
	sim_text_puts(text, ",\"created\":");
	sim_text_time(text, account->created);
	sim_text_puts(text, ",\"expires\":");
	sim_text_time(text, account->expires);
	sim_text_puts(text, ",\"last_used\":");
	sim_text_time(text, account->last_used);
	sim_text_printf(text, ",\"creator\":%lld,\"user\":%lld}",
					(long long) account->creator, (long long) account->user);
}

static void
write_grant(SimText *text, const SimAccount *account,
			const SimMembership *membership, SimGrant grant)
{
	if (membership->roles[grant] == NULL)
		return;
	sim_text_comma(text);
	sim_text_printf(text, "{\"service_account_id\":%lld,"
					"\"project_id\":%lld,\"role\":",
					(long long) account->id,
					(long long) membership->project_id);
	sim_text_quote(text, membership->roles[grant]);
	if (grant != SIM_GRANT_INDIVIDUAL)
	{
		sim_text_puts(text, ",\"target_type\":");
		sim_text_quote(text, sim_render_grant(grant));
	}
	sim_text_puts(text, "}");
}

static void
write_memberships(SimText *text, const SimAccount *account)
{
	for (size_t i = 0; i < account->memberships.size; i++)
		for (int grant = 0; grant < SIM_GRANTS; grant++)
			write_grant(text, account, account->memberships.items[i],
						(SimGrant) grant);
}

static void
write_each_account(SimText *text, const SimState *state,
				   void (*write) (SimText *text, const SimAccount *account))
{
	sim_text_puts(text, "[");
	for (size_t i = 0; i < state->organizations.size; i++)
	{
		const SimOrganization *organization = state->organizations.items[i];

		for (size_t j = 0; j < organization->accounts.size; j++)
			write(text, organization->accounts.items[j]);
	}
	sim_text_puts(text, "]");
}

static void
write_projects(SimText *text, const SimState *state)
{
	sim_text_puts(text, "[");
	for (size_t i = 0; i < state->projects.size; i++)
	{
		const SimProject *project = state->projects.items[i];

		sim_text_comma(text);
		sim_text_printf(text, "{\"id\":%lld,\"organization_id\":%lld,"
						"\"name\":", (long long) project->id,
						(long long) project->organization->id);
		sim_text_quote(text, project->name);
		if (project->domain != NULL)
		{
			sim_text_puts(text, ",\"domain\":");
			sim_text_quote(text, project->domain);
		}
		sim_text_puts(text, "}");
	}
	sim_text_puts(text, "]");
}

static void
show_state(SimCall *call, SimAnswer *answer, const char *rest)
{
	const SimState *state = call->world->state;
	SimText		text = {0};

	(void) rest;
	sim_text_puts(&text, "{\"accounts\":");
	write_each_account(&text, state, write_account);
	sim_text_puts(&text, ",\"memberships\":");
	write_each_account(&text, state, write_memberships);
	sim_text_puts(&text, ",\"projects\":");
	write_projects(&text, state);
	sim_text_puts(&text, "}");
	sim_answer_json(answer, 200, &text);
}

static int64_t
number_field(const json_t *record, const char *name)
{
	return json_integer_value(json_object_get(record, name));
}

static const char *
string_field(const json_t *record, const char *name)
{
	return json_string_value(json_object_get(record, name));
}

static int64_t
time_field(const json_t *record, const char *name, int64_t otherwise)
{
	const char *text = string_field(record, name);
	int64_t		when = otherwise;

	if (text != NULL)
		sim_clock_parse(text, &when);
	return when;
}

static void
read_draft(SimAccountDraft *draft, const json_t *record)
{
	memset(draft, 0, sizeof(*draft));
	draft->id = number_field(record, "id");
	draft->username = string_field(record, "username");
	draft->name = string_field(record, "name");
	draft->secret = string_field(record, "secret");
	draft->role = string_field(record, "role");
	draft->created = time_field(record, "created", sim_clock_wall());
	draft->expires = time_field(record, "expires", SIM_CLOCK_NEVER);
	draft->last_used = time_field(record, "last_used", SIM_CLOCK_NEVER);
	draft->creator = number_field(record, "creator");
	draft->user = number_field(record, "user");
	if (draft->name == NULL)
		draft->name = draft->username;
	if (draft->role == NULL)
		draft->role = "consumer";
	if (draft->creator == 0)
		draft->creator = 1;
}

static bool
seed_account(SimCall *call, SimAnswer *answer, const json_t *record)
{
	SimState   *state = call->world->state;
	SimOrganization *organization = state->organizations.items[0];
	int64_t		organization_id = number_field(record, "organization_id");
	SimAccountDraft draft;

	read_draft(&draft, record);
	if (organization_id != 0)
		organization = sim_index_find(&state->organizations, organization_id);
	if (organization == NULL)
		sim_answer_error(answer, 400, "organization %lld does not exist",
						 (long long) organization_id);
	else if (sim_state_find_account(state, draft.id) != NULL)
		sim_answer_error(answer, 400, "service account %lld exists",
						 (long long) draft.id);
	else
		return sim_state_add_account(state, organization, &draft) != NULL;
	return false;
}

/* The kind of grant that the text names, an individual one for NULL. */
static bool
read_grant(SimAnswer *answer, const char *name, SimGrant *grant)
{
	for (int i = 0; i < SIM_GRANTS; i++)
	{
		*grant = (SimGrant) i;
		if (name == NULL || strcmp(name, sim_render_grant(*grant)) == 0)
			return true;
	}
	sim_answer_error(answer, 400, "\"target_type\" is individual, team or"
					 " organization");
	return false;
}

static bool
seed_membership(SimCall *call, SimAnswer *answer, const json_t *record)
{
	SimState   *state = call->world->state;
	int64_t		account_id = number_field(record, "service_account_id");
	int64_t		project_id = number_field(record, "project_id");
	SimAccount *account = sim_state_find_account(state, account_id);
	SimProject *project = sim_index_find(&state->projects, project_id);
	SimGrant	grant;

	if (!read_grant(answer, string_field(record, "target_type"), &grant))
		return false;
	if (account == NULL || project == NULL ||
		account->organization != project->organization)
	{
		sim_answer_error(answer, 400, "there is no such account or project");
		return false;
	}
	sim_state_set_grant(state, account, project, grant,
						string_field(record, "role"));
	return true;
}

/* A new project, or another region for one that is there. */
static bool
seed_project(SimCall *call, SimAnswer *answer, const json_t *record)
{
	SimState   *state = call->world->state;
	SimOrganization *organization = state->organizations.items[0];
	int64_t		id = number_field(record, "id");
	int64_t		organization_id = number_field(record, "organization_id");
	SimProject *project = sim_index_find(&state->projects, id);

	if (organization_id != 0)
		organization = sim_index_find(&state->organizations, organization_id);
	if (organization == NULL ||
		(project != NULL && organization_id != 0 &&
		 project->organization != organization))
	{
		sim_answer_error(answer, 400,
						 "project %lld is not of organization %lld",
						 (long long) id, (long long) organization_id);
		return false;
	}
	if (project == NULL)
		project = sim_state_add_project(state, organization, id);
	sim_state_move_project(project, string_field(record, "domain"));
	return true;
}

/* Does something with each record of the body, up to the first bad one. */
static void
seed_each(SimCall *call, SimAnswer *answer, const SimField *fields,
		  bool (*seed) (SimCall *call, SimAnswer *answer,
						const json_t *record))
{
	SimSchema	schema = {0};

	if (!json_is_array(call->body))
	{
		sim_answer_error(answer, 400, "the body must be a JSON array");
		return;
	}
	schema.fields = fields;
	for (size_t i = 0; i < json_array_size(call->body); i++)
	{
		json_t	   *record = json_array_get(call->body, i);

		if (!sim_schema_check(&schema, record))
		{
			sim_answer_error(answer, 400, "record %zu: %s", i, schema.error);
			return;
		}
		if (!seed(call, answer, record))
			return;
	}
	answer_ok(answer);
}

static void
seed_accounts(SimCall *call, SimAnswer *answer, const char *rest)
{
	(void) rest;
	seed_each(call, answer, account_fields, seed_account);
}

static void
seed_memberships(SimCall *call, SimAnswer *answer, const char *rest)
{
	(void) rest;
	seed_each(call, answer, membership_fields, seed_membership);
}

static void
seed_projects(SimCall *call, SimAnswer *answer, const char *rest)
{
	(void) rest;
	seed_each(call, answer, project_fields, seed_project);
}

static void
remove_account(SimCall *call, SimAnswer *answer, const char *rest)
{
	SimState   *state = call->world->state;
	SimAccount *account =
		sim_state_find_account(state, strtoll(rest, NULL, 10));

	if (account == NULL)
	{
		sim_answer_error(answer, 404, "no such service account");
		return;
	}
	sim_state_remove_account(state, account);
	answer_ok(answer);
}

/* The rest of the path is ACCOUNT/PROJECT or ACCOUNT/PROJECT/TARGET_TYPE. */
static void
remove_membership(SimCall *call, SimAnswer *answer, const char *rest)
{
	SimState   *state = call->world->state;
	char	   *end;
	SimAccount *account =
		sim_state_find_account(state, strtoll(rest, &end, 10));
	SimProject *project = *end != '/' ? NULL :
		sim_index_find(&state->projects, strtoll(end + 1, &end, 10));
	SimGrant	grant;

	if (!read_grant(answer, *end == '/' ? end + 1 : NULL, &grant))
		return;
	if (account == NULL || project == NULL ||
		sim_state_find_role(account, project, grant) == NULL)
	{
		sim_answer_error(answer, 404, "no such membership");
		return;
	}
	sim_state_remove_grant(account, project, grant);
	answer_ok(answer);
}

static const Command commands[] = {
	{"POST", "reset", reset},
	{"POST", "set", set_switches},
	{"POST", "faults", add_faults},
	{"GET", "faults", list_faults},
	{"DELETE", "faults", clear_faults},
	{"GET", "log", show_log},
	{"DELETE", "log", clear_log},
	{"GET", "counts", show_counts},
	{"GET", "state", show_state},
	{"POST", "accounts", seed_accounts},
	{"DELETE", "accounts/*", remove_account},
	{"POST", "memberships", seed_memberships},
	{"DELETE", "memberships/*", remove_membership},
	{"POST", "projects", seed_projects},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* What follows the command's path in the given one; NULL = another path. */
static const char *
match_rest(const char *pattern, const char *path)
{
	size_t		length = strcspn(pattern, "*");

	if (strncmp(pattern, path, length) != 0)
		return NULL;
	if (pattern[length] == '\0' && path[length] != '\0')
		return NULL;
	return path + length;
}

void
sim_control_answer(SimCall *call, SimAnswer *answer)
{
	const char *path = call->path + strlen(SIM_CONTROL_PATH);

	if (call->body_error[0] != '\0')
	{
		sim_answer_error(answer, 400, "%s", call->body_error);
		return;
	}
	for (size_t i = 0; i < COMMANDS; i++)
	{
		const char *rest = match_rest(commands[i].path, path);

		if (rest == NULL || strcmp(commands[i].method, call->method) != 0)
			continue;
		commands[i].run(call, answer, rest);
		return;
	}
	sim_answer_error(answer, 404, "no command %s %s", call->method,
					 call->path);
}
