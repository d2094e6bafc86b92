/*-------------------------------------------------------------------------
 *
 * api.c
 *	  Answering a call of the API.
 *
 * Owns the checks that all calls share and their order: route, credentials,
 * organization, rights, what the path names, query, body.  Must not know
 * what a call does.
 *
 *-------------------------------------------------------------------------
 */
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base64.h"
#include "clock.h"
#include "lag.h"
#include "list.h"
#include "memory.h"
#include "route.h"
#include "world.h"

#define JSON_TYPE "application/json"

/* The roles of the documents, for when no custom ones are accepted. */
static const char *const described_roles[] = {
	"owner", "admin", "analyst", "consumer", NULL,
};
static const char *const nested_roles[] = {
	"admin", "analyst", "consumer", NULL,
};

static bool
find_route(SimCall *call, SimAnswer *answer)
{
	char		allow[SIM_ROUTE_ALLOW];
	unsigned	status = call->below_base ? sim_route_find(call, allow) : 404;

	if (status == 0)
		return true;
	sim_answer_error(answer, status, "no route for %s %s",
					 call->method, call->path);
	if (status == 405)
		sim_answer_header(answer, "Allow", allow);
	return false;
}

/* The real path is the one with a slash at the end. */
static void
redirect(const SimCall *call, SimAnswer *answer, const char *path)
{
	SimText		location = {0};

	sim_text_printf(&location, "/api/app%s/%s%s", path,
					call->query[0] == '\0' ? "" : "?", call->query);
	sim_text_append(&location, "", 1);
	sim_answer_empty(answer, 301);
	sim_answer_header(answer, "Location", location.data);
	sim_text_free(&location);
}

/* The account that a Basic header's credentials belong to, or NULL. */
static const SimAccount *
login(const SimState *state, const char *header)
{
	const SimAccount *account = NULL;
	SimText		credentials = {0};
	char	   *colon;

	if (header == NULL || strncasecmp(header, "Basic ", 6) != 0)
		return NULL;
	if (sim_base64_decode(header + 6, &credentials))
	{
		sim_text_append(&credentials, "", 1);
		colon = strchr(credentials.data, ':');
		if (colon != NULL)
		{
			*colon = '\0';
			account = sim_state_login(state, credentials.data, colon + 1);
		}
	}
	sim_text_free(&credentials);
	return account;
}

static bool
authenticate(SimCall *call, SimAnswer *answer)
{
	const SimAccount *user = login(call->world->state, call->authorization);

	if (user == NULL)
		sim_answer_error(answer, 401, "no valid credentials");
	else if (user->expires != SIM_CLOCK_NEVER &&
			 user->expires <= sim_clock_wall())
		sim_answer_error(answer, 401, "the service account has expired");
	else
	{
		call->user = user;
		snprintf(call->username, sizeof(call->username), "%s",
				 user->username);
		return true;
	}
	sim_answer_header(answer, "WWW-Authenticate", "Basic realm=\"simulator\"");
	return false;
}

static bool
is_admin(const SimAccount *user)
{
	return strcmp(user->role, "admin") == 0 || strcmp(user->role, "owner") == 0;
}

bool
sim_api_may_enter(const SimCall *call, const SimOrganization *organization)
{
	if (organization == NULL)
		return false;
	if (is_admin(call->user) && call->world->config.admin_everywhere)
		return true;
	if (call->user->organization == NULL)
		return organization == call->world->state->organizations.items[0];
	return call->user->organization == organization;
}

static bool
refuse_missing(SimAnswer *answer, const char *what, int64_t id)
{
	sim_answer_error(answer, 404, "%s %lld does not exist",
					 what, (long long) id);
	return false;
}

static bool
find_organization(SimCall *call, SimAnswer *answer)
{
	int64_t		id = call->organization_id;

	if (call->organization_id < 0 || call->account_id < 0 ||
		call->project_id < 0)
	{
		sim_answer_error(answer, 404, "an id in the path is no integer");
		return false;
	}
	if (id == 0)
		return true;
	call->organization =
		sim_index_find(&call->world->state->organizations, id);
	if (sim_api_may_enter(call, call->organization))
		return true;
	sim_answer_error(answer, 403, "no access to organization %lld",
					 (long long) id);
	return false;
}

static bool
check_rights(const SimCall *call, SimAnswer *answer)
{
	if (strcmp(call->method, "GET") == 0 || is_admin(call->user))
		return true;
	sim_answer_error(answer, 403, "only an owner or admin may do this");
	return false;
}

static bool
find_account(SimCall *call, SimAnswer *answer)
{
	if (call->account_id == 0)
		return true;
	call->account = sim_index_find(&call->organization->accounts,
								   call->account_id);
	if (call->account != NULL && !sim_lag_hides(call->world, call->account))
		return true;
	if (call->world->config.deleted_status != 410 ||
		sim_index_find(&call->organization->deleted,
					   call->account_id) == NULL)
		return refuse_missing(answer, "service account", call->account_id);
	sim_answer_error(answer, 410, "service account %lld was deleted",
					 (long long) call->account_id);
	return false;
}

bool
sim_api_refuse_foreign(const SimCall *call, SimAnswer *answer,
					   const SimProject *project)
{
	int64_t		status = call->world->config.foreign_project_status;
	SimText		location = {0};

	if (project->domain == NULL)
		return false;
	sim_answer_error(answer, (unsigned) status, status == 404 ?
					 "project %lld does not exist" : status == 403 ?
					 "no access to project %lld" :
					 "invalid project id for cluster: %lld",
					 (long long) project->id);
	if (status == 302)
	{
		sim_text_printf(&location, "https://%s/api/app%s", project->domain,
						call->path);
		sim_text_append(&location, "", 1);
		sim_answer_header(answer, "Location", location.data);
		sim_text_free(&location);
	}
	return true;
}

static bool
find_project(SimCall *call, SimAnswer *answer)
{
	SimProject *project;

	if (call->project_id == 0)
		return true;
	project = sim_index_find(&call->world->state->projects, call->project_id);
	call->project = project;
	if (project == NULL ||
		(call->organization != NULL &&
		 call->organization != project->organization))
		return refuse_missing(answer, "project", call->project_id);
	if (sim_api_may_enter(call, project->organization))
		return !sim_api_refuse_foreign(call, answer, project);
	sim_answer_error(answer, 403, "no access to project %lld",
					 (long long) call->project_id);
	return false;
}

static bool
check_query(const SimCall *call, SimAnswer *answer)
{
	bool		is_me = strcmp(call->route->path, "/me") == 0;

	if (call->query[0] == '\0' ||
		(is_me && strcmp(call->query, "include_workspace_users=false") == 0) ||
		(is_me && strcmp(call->query, "include_workspace_users=true") == 0) ||
		(!is_me && sim_list_knows_query(call)))
		return true;
	sim_answer_error(answer, 400, "query \"%s\" is not known", call->query);
	return false;
}

static bool
is_json_type(const char *content_type)
{
	size_t		length = strlen(JSON_TYPE);

	return content_type != NULL &&
		strncasecmp(content_type, JSON_TYPE, length) == 0 &&
		(content_type[length] == '\0' || content_type[length] == ';');
}

static bool
check_fields(const SimCall *call, SimAnswer *answer)
{
	const SimConfig *config = &call->world->config;
	SimSchema	schema = {0};

	schema.fields = call->route->fields;
	if (!config->custom_roles)
		schema.roles = config->document == SIM_DOCUMENT_NESTED ?
			nested_roles : described_roles;
	if (sim_schema_check(&schema, call->body))
		return true;
	sim_answer_error(answer, 400, "%s", schema.error);
	return false;
}

static bool
check_body(const SimCall *call, SimAnswer *answer)
{
	if (call->route->fields == NULL)
	{
		if (call->body_size == 0)
			return true;
		sim_answer_error(answer, 400, "%s takes no body", call->method);
		return false;
	}
	if (!is_json_type(call->content_type))
		sim_answer_error(answer, 400, "Content-Type must be " JSON_TYPE);
	else if (call->body == NULL)
		sim_answer_error(answer, 400, "the body is no valid JSON: %s",
						 call->body_error);
	else
		return check_fields(call, answer);
	return false;
}

static bool
check_call(SimCall *call, SimAnswer *answer)
{
	return find_route(call, answer) &&
		authenticate(call, answer) &&
		find_organization(call, answer) &&
		check_rights(call, answer) &&
		find_account(call, answer) &&
		find_project(call, answer) &&
		check_query(call, answer) &&
		check_body(call, answer);
}

/* Is there, or would there be, a call at the path with a slash at its end? */
static bool
lacks_slash(const SimCall *call)
{
	char	   *slashed;
	bool		result;

	if (call->world->config.trailing_slash_redirect &&
		sim_route_label(call->path, NULL) != NULL)
		return call->path[strlen(call->path) - 1] != '/';
	slashed = sim_memory_new(strlen(call->path) + 2);
	strcpy(slashed, call->path);
	strcat(slashed, "/");
	result = sim_route_label(slashed, &call->world->config) != NULL;
	free(slashed);
	return result;
}

/* Takes the slash at the end away, if the path is only redirected to it. */
static char *
plain_path(const SimCall *call)
{
	char	   *path = sim_memory_copy(call->path);
	size_t		length = strlen(path);

	if (call->world->config.trailing_slash_redirect && length > 1 &&
		path[length - 1] == '/' && sim_route_label(path, NULL) == NULL)
		path[length - 1] = '\0';
	return path;
}

/* What a write refuses may be said as if it went well. */
static void
disguise(const SimCall *call, SimAnswer *answer)
{
	const SimConfig *config = &call->world->config;

	if (config->refused_status == 0 || call->route == NULL ||
		call->user == NULL || strcmp(call->method, "GET") == 0 ||
		answer->status < 400)
		return;
	answer->status = (unsigned) config->refused_status;
}

/* Gives a refusal the body that this server gives it. */
static void
dress(const SimCall *call, SimAnswer *answer)
{
	const SimConfig *config = &call->world->config;
	SimRefusal	refusal = (SimRefusal) config->refusal;

	if (answer->error[0] == '\0')
		return;

	/* the nested document's errors have no body */
	if (config->document == SIM_DOCUMENT_NESTED &&
		refusal == SIM_REFUSAL_ERROR)
		refusal = SIM_REFUSAL_EMPTY;
	disguise(call, answer);
	sim_answer_dress(answer, refusal);
}

static void
answer_at(SimCall *call, SimAnswer *answer, const char *path)
{
	const char *given = call->path;

	call->path = path;
	if (check_call(call, answer))
		call->route->handler(call, answer);
	call->path = given;
}

void
sim_api_answer(SimCall *call, SimAnswer *answer)
{
	char	   *path;

	call->world->calls++;
	if (!sim_limit_refuse(call, answer))
	{
		path = plain_path(call);
		if (lacks_slash(call))
			redirect(call, answer, call->path);
		else
			answer_at(call, answer, path);
		free(path);
	}
	dress(call, answer);
}

void
sim_api_answer_done(const SimCall *call, SimAnswer *answer)
{
	SimText		text = {0};

	if (call->world->config.document == SIM_DOCUMENT_NESTED)
	{
		sim_answer_empty(answer, 200);
		return;
	}
	sim_text_puts(&text, "{\"status\":\"ok\"}");
	sim_answer_json(answer, 200, &text);
}
