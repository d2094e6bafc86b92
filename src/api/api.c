/*-------------------------------------------------------------------------
 *
 * api/api.c
 *		The calls of the API: paths and bodies.
 *
 * Owns every path and the JSON of every request.  What comes back is
 * api/call.c's.
 *
 * jansson is used here without json_object(): the server exports a function
 * of that name, which the dynamic linker would bind to instead, and the
 * backend would crash.  An empty object is json_pack("{}").
 *
 *-------------------------------------------------------------------------
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "api/call.h"

#define PATH_SIZE 160

typedef struct Endpoint
{
	MpMethod	method;
	const char *path;			/* {org}, {id} and {project} are filled in */
	const char *query;
} Endpoint;

static const Endpoint endpoints[MP_CALL_COUNT] = {
	[MP_CALL_LIST_ACCOUNTS] = {
		MP_METHOD_GET, "/organizations/{org}/service-accounts", "",
	},
	[MP_CALL_GET_ACCOUNT] = {
		MP_METHOD_GET, "/organizations/{org}/service-accounts/{id}", "",
	},
	[MP_CALL_ACCOUNT_PROJECTS] = {
		MP_METHOD_GET, "/organizations/{org}/service-accounts/{id}/projects", "",
	},
	[MP_CALL_PROJECT_ACCOUNTS] = {
		MP_METHOD_GET, "/projects/{project}/service-accounts", "",
	},
	[MP_CALL_ORGANIZATION_PROJECTS] = {
		MP_METHOD_GET, "/organizations/{org}/projects/", "",
	},
	[MP_CALL_ME] = {
		MP_METHOD_GET, "/me", "?include_workspace_users=false",
	},
	[MP_CALL_CREATE_ACCOUNT] = {
		MP_METHOD_POST, "/organizations/{org}/service-accounts", "",
	},
	[MP_CALL_DELETE_ACCOUNT] = {
		MP_METHOD_DELETE, "/organizations/{org}/service-accounts/{id}", "",
	},
	[MP_CALL_ADD_MEMBERSHIPS] = {
		MP_METHOD_POST,
		"/organizations/{org}/service-accounts/add-to-project", "",
	},
	[MP_CALL_ADD_MEMBERSHIP] = {
		MP_METHOD_POST,
		"/organizations/{org}/service-accounts/{id}/projects", "",
	},
	[MP_CALL_REMOVE_MEMBERSHIPS] = {
		MP_METHOD_POST,
		"/organizations/{org}/service-accounts/remove-from-project", "",
	},
	[MP_CALL_REMOVE_MEMBERSHIP] = {
		MP_METHOD_DELETE,
		"/organizations/{org}/service-accounts/{id}/projects/{project}", "",
	},
};

static void expand_path(const char *path, int64_t organization,
						const MpPair *ids, char *buffer);
static MpCall *start_call(MpHttp *http, const MpSettings *settings,
						  MpCallSpec *spec);
static MpCall *start_call_with(MpHttp *http, const MpSettings *settings,
							   MpCallSpec *spec, json_t *body);
static int	set_text(json_t *object, const char *key, const char *text);
static json_t *pack_account(const MpNewAccount *account);
static json_t *pack_ids(const int64_t *ids, size_t count);
static json_t *pack_grants(const MpGrant *grants, size_t count);
static json_t *pack_removals(const MpPair *pairs, size_t count);
static const char *check_grant(const json_t *grant);

MpCall *
mp_api_start(MpHttp *http, const MpSettings *settings, MpCallKind kind,
			 const MpPair *ids, uint32_t wanted)
{
	MpCallSpec	spec = {
		.kind = kind,
		.account = ids->account,
		.project = ids->project,
		.wanted = wanted,
	};

	assert(kind < MP_CALL_COUNT && endpoints[kind].path != NULL);
	assert(endpoints[kind].method != MP_METHOD_POST);
	return start_call(http, settings, &spec);
}

MpCall *
mp_api_create_account(MpHttp *http, const MpSettings *settings,
					  const MpNewAccount *account)
{
	MpCallSpec	spec = {
		.kind = MP_CALL_CREATE_ACCOUNT,
		.wanted = MP_FIELD_ALL,
	};

	return start_call_with(http, settings, &spec, pack_account(account));
}

MpCall *
mp_api_add_memberships(MpHttp *http, const MpSettings *settings,
					   const MpBlock *block)
{
	MpCallSpec	spec = {.kind = MP_CALL_ADD_MEMBERSHIPS};
	json_t	   *body = json_pack("{s:o*, s:o*}",
								 "projects",
								 pack_grants(block->grants,
											 block->grant_count),
								 "service_account_ids",
								 pack_ids(block->accounts,
										  block->account_count));

	if (json_object_size(body) != 2)
	{
		json_decref(body);
		return NULL;
	}
	return start_call_with(http, settings, &spec, body);
}

MpCall *
mp_api_add_membership(MpHttp *http, const MpSettings *settings,
					  int64_t account, const MpGrant *grant)
{
	MpCallSpec	spec = {.kind = MP_CALL_ADD_MEMBERSHIP,.account = account};

	return start_call_with(http, settings, &spec,
						   json_pack("{s:I, s:s}",
									 "projectId", (json_int_t) grant->project,
									 "role", grant->role));
}

MpCall *
mp_api_remove_memberships(MpHttp *http, const MpSettings *settings,
						  const MpPair *pairs, size_t count)
{
	MpCallSpec	spec = {.kind = MP_CALL_REMOVE_MEMBERSHIPS};
	json_t	   *removals = pack_removals(pairs, count);

	if (removals == NULL)
		return NULL;
	return start_call_with(http, settings, &spec,
						   json_pack("{s:o}", "projects", removals));
}

void
mp_api_template(MpCallKind kind, int64_t organization, const MpPair *ids,
				char *buffer, size_t size)
{
	char		path[PATH_SIZE];

	expand_path(endpoints[kind].path, organization, ids, path);
	snprintf(buffer, size, "%s %s",
			 mp_http_method_name(endpoints[kind].method), path);
}

const char *
mp_api_library_version(void)
{
	return jansson_version_str();
}

/*
 * The shape that the API documents for the projects of a new account: an
 * array of objects with an integer id and a role.
 */
const char *
mp_api_check_projects(const char *json)
{
	json_t	   *projects = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	const char *wrong = NULL;
	size_t		i;
	json_t	   *grant;

	if (!json_is_array(projects))
		wrong = "it is not an array";
	else
		json_array_foreach(projects, i, grant)
		if (wrong == NULL)
		wrong = check_grant(grant);
	json_decref(projects);
	return wrong;
}

size_t
mp_api_read_grants(const char *json, MpGrant *grants, char *texts)
{
	json_t	   *projects = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	char	   *next = texts;
	size_t		i;
	json_t	   *grant;

	json_array_foreach(projects, i, grant)
	{
		const json_t *role = json_object_get(grant, "role");

		assert(i < MP_API_GRANTS(strlen(json)));
		grants[i].project = json_integer_value(json_object_get(grant, "id"));
		grants[i].role = next;
		memcpy(next, json_string_value(role), json_string_length(role) + 1);
		next += json_string_length(role) + 1;
	}
	i = json_array_size(projects);
	json_decref(projects);
	return i;
}

static const char *
check_grant(const json_t *grant)
{
	const json_t *id = json_object_get(grant, "id");
	const json_t *role = json_object_get(grant, "role");

	if (!json_is_object(grant))
		return "an element is not an object";
	if (!json_is_integer(id) || json_integer_value(id) <= 0)
		return "an element has no \"id\" that is a positive integer";
	if (!json_is_string(role) || json_string_length(role) == 0)
		return "an element has no \"role\" that is a string";
	if (json_object_size(grant) != 2)
		return "an element has members other than \"id\" and \"role\"";
	return NULL;
}

/*
 * buffer of PATH_SIZE: the longest path has 53 bytes of words and three
 * numbers of at most 19 digits.
 */
static void
expand_path(const char *path, int64_t organization, const MpPair *ids,
			char *buffer)
{
	size_t		used = 0;

	while (*path != '\0')
	{
		int64_t		number = 0;
		size_t		skip = strcspn(path, "}") + 1;

		if (strncmp(path, "{org}", 5) == 0)
			number = organization;
		else if (strncmp(path, "{id}", 4) == 0)
			number = ids->account;
		else if (strncmp(path, "{project}", 9) == 0)
			number = ids->project;

		if (number > 0)
			used += (size_t) snprintf(buffer + used, PATH_SIZE - used,
									  "%" PRId64, number);
		else if (*path == '{')
			used += (size_t) snprintf(buffer + used, PATH_SIZE - used, "%s",
									  path[1] == 'o' ?
									  "{organization_id}" : "{id}");
		else
		{
			buffer[used++] = *path;
			skip = 1;
		}
		assert(used < PATH_SIZE);
		path += skip;
	}
	buffer[used] = '\0';
}

static MpCall *
start_call(MpHttp *http, const MpSettings *settings, MpCallSpec *spec)
{
	const Endpoint *endpoint = &endpoints[spec->kind];
	const MpPair ids = {spec->account, spec->project};
	char		path[PATH_SIZE + 40];
	MpCall	   *call;

	expand_path(endpoint->path, settings->organization_id, &ids, path);
	strcat(path, endpoint->query);
	spec->method = endpoint->method;
	spec->path = path;
	call = mp_call_start(http, settings, spec);
	spec->path = NULL;			/* it does not outlive this function */
	return call;
}

/* Takes over the reference to body; NULL means that packing it failed. */
static MpCall *
start_call_with(MpHttp *http, const MpSettings *settings, MpCallSpec *spec,
				json_t *body)
{
	char	   *text;
	MpCall	   *call;

	if (body == NULL)
		return NULL;
	text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	if (text == NULL)
		return NULL;
	spec->body = text;
	call = start_call(http, settings, spec);
	free(text);
	return call;
}

/* 0 on success, also where there is nothing to set. */
static int
set_text(json_t *object, const char *key, const char *text)
{
	if (text == NULL)
		return 0;
	return json_object_set_new(object, key, json_string(text));
}

/*
 * The body of a POST that creates an account; NULL without memory.  What is
 * not given is left out, so that Mixpanel's default counts.
 */
static json_t *
pack_account(const MpNewAccount *account)
{
	json_t	   *body = json_pack("{}");
	int			failed = 0;

	if (body == NULL)
		return NULL;
	failed |= set_text(body, "username", account->username);
	failed |= set_text(body, "name", account->name);
	failed |= set_text(body, "role", account->role);
	failed |= set_text(body, "expires", account->expires);
	if (account->projects != NULL)
		failed |= json_object_set_new(body, "projects",
									  json_loads(account->projects, 0, NULL));
	if (failed == 0)
		return body;
	json_decref(body);
	return NULL;
}

static json_t *
pack_ids(const int64_t *ids, size_t count)
{
	json_t	   *array = json_array();
	size_t		i;

	for (i = 0; i < count; i++)
	{
		if (json_array_append_new(array, json_integer(ids[i])) != 0)
		{
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/*
 * The projects of a grant, each with its role, as the body's array; NULL
 * without memory.
 */
static json_t *
pack_grants(const MpGrant *grants, size_t count)
{
	json_t	   *array = json_array();
	size_t		i;

	for (i = 0; i < count; i++)
	{
		json_t	   *grant = json_pack("{s:I, s:s}",
									  "id", (json_int_t) grants[i].project,
									  "role", grants[i].role);

		if (json_array_append_new(array, grant) != 0)
		{
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* One object a project; pairs come ordered by project. */
static json_t *
pack_removals(const MpPair *pairs, size_t count)
{
	json_t	   *array = json_array();
	json_t	   *accounts = NULL;
	int			failed = 0;
	size_t		i;

	for (i = 0; i < count && failed == 0; i++)
	{
		assert(i == 0 || pairs[i].project >= pairs[i - 1].project);
		if (i == 0 || pairs[i].project != pairs[i - 1].project)
		{
			accounts = json_array();
			failed |= json_array_append_new(array, json_pack("{s:I, s:O}",
															 "id", (json_int_t) pairs[i].project,
															 "service_account_ids", accounts));
			json_decref(accounts);
		}
		if (failed == 0)
			failed |= json_array_append_new(accounts,
											json_integer(pairs[i].account));
	}
	if (failed == 0)
		return array;
	json_decref(array);
	return NULL;
}
