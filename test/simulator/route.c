/*-------------------------------------------------------------------------
 *
 * route.c
 *	  Which calls there are, in which document, and who answers them.
 *
 * Owns every path of the API and the fields of every body.  Must not know
 * what a call does.
 *
 *-------------------------------------------------------------------------
 */
#include "route.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "account.h"
#include "membership.h"
#include "project.h"
#include "world.h"

#define DOCS SIM_DOCUMENT_DOCS
#define NESTED SIM_DOCUMENT_NESTED
#define BULK SIM_DOCUMENT_BULK
#define ALL SIM_DOCUMENT_ALL

static const SimField create_projects[] = {
	{"id", SIM_FIELD_ID, true, NULL},
	{"role", SIM_FIELD_ROLE, false, NULL},
	{NULL, SIM_FIELD_ANY, false, NULL},
};

/* D and B */
static const SimField create_described[] = {
	{"username", SIM_FIELD_STRING, true, NULL},
	{"role", SIM_FIELD_ROLE, false, NULL},
	{"expires", SIM_FIELD_TIME, false, NULL},
	{"projects", SIM_FIELD_RECORDS, false, create_projects},
	{NULL, SIM_FIELD_ANY, false, NULL},
};

/* N */
static const SimField create_named[] = {
	{"name", SIM_FIELD_STRING, true, NULL},
	{NULL, SIM_FIELD_ANY, false, NULL},
};

static const SimField create_union[] = {
	{"username", SIM_FIELD_STRING, false, NULL},
	{"name", SIM_FIELD_STRING, false, NULL},
	{"role", SIM_FIELD_ROLE, false, NULL},
	{"expires", SIM_FIELD_TIME, false, NULL},
	{"projects", SIM_FIELD_RECORDS, false, create_projects},
	{NULL, SIM_FIELD_ANY, false, NULL},
};

static const SimField add_projects[] = {
	{"id", SIM_FIELD_ID, true, NULL},
	{"role", SIM_FIELD_ROLE, true, NULL},
	{NULL, SIM_FIELD_ANY, false, NULL},
};

static const SimField add_many[] = {
	{"projects", SIM_FIELD_RECORDS, true, add_projects},
	{"service_account_ids", SIM_FIELD_IDS, true, NULL},
	{NULL, SIM_FIELD_ANY, false, NULL},
};

static const SimField remove_projects[] = {
	{"id", SIM_FIELD_ID, true, NULL},
	{"service_account_ids", SIM_FIELD_IDS, true, NULL},
	{NULL, SIM_FIELD_ANY, false, NULL},
};

static const SimField remove_many[] = {
	{"projects", SIM_FIELD_RECORDS, true, remove_projects},
	{NULL, SIM_FIELD_ANY, false, NULL},
};

static const SimField add_one[] = {
	{"projectId", SIM_FIELD_ID, true, NULL},
	{"role", SIM_FIELD_ROLE, true, NULL},
	{NULL, SIM_FIELD_ANY, false, NULL},
};

#define ACCOUNTS "/organizations/{org}/service-accounts"

#define EVERY (DOCS | NESTED | BULK | ALL)
#define FEATURE(name) offsetof(SimConfig, name)

/* A literal path stands before a pattern that it would match, too. */
static const SimRoute routes[] = {
	{"GET", ACCOUNTS, EVERY, NULL, sim_account_list, 0},
	{"POST", ACCOUNTS, DOCS | BULK, create_described, sim_account_create, 0},
	{"POST", ACCOUNTS, NESTED, create_named, sim_account_create, 0},
	{"POST", ACCOUNTS, ALL, create_union, sim_account_create, 0},
	{"POST", ACCOUNTS "/add-to-project", DOCS | BULK | ALL, add_many,
	sim_membership_add_many, FEATURE(bulk_calls)},
	{"POST", ACCOUNTS "/remove-from-project", DOCS | BULK | ALL, remove_many,
	sim_membership_remove_many, FEATURE(bulk_calls)},
	{"GET", ACCOUNTS "/{id}", EVERY, NULL, sim_account_get, 0},
	{"DELETE", ACCOUNTS "/{id}", EVERY, NULL, sim_account_delete, 0},
	{"GET", ACCOUNTS "/{id}/projects", NESTED | ALL, NULL,
	sim_membership_list_of_account, FEATURE(list_by_account)},
	{"POST", ACCOUNTS "/{id}/projects", NESTED | ALL, add_one,
	sim_membership_add_one, FEATURE(single_calls)},
	{"DELETE", ACCOUNTS "/{id}/projects/{project}", NESTED | ALL, NULL,
	sim_membership_remove_one, FEATURE(single_calls)},
	{"GET", "/projects/{project}/service-accounts", BULK | ALL, NULL,
	sim_membership_list_of_project, FEATURE(list_by_project)},
	{"GET", "/organizations/{org}/projects/", EVERY, NULL, sim_project_list,
	FEATURE(projects_route)},
	{"GET", "/me", BULK | ALL, NULL, sim_account_me, FEATURE(me_route)},
};

#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* A positive integer without a leading zero; -1 for anything else. */
static int64_t
read_id(const char *text, size_t length)
{
	int64_t		id = 0;

	if (length == 0 || length > 18 || text[0] == '0')
		return -1;
	for (size_t i = 0; i < length; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return -1;
		id = id * 10 + (text[i] - '0');
	}
	return id;
}

static void
note_id(SimCall *call, const char *name, int64_t id)
{
	if (strncmp(name, "{org}", 5) == 0)
		call->organization_id = id;
	else if (strncmp(name, "{id}", 4) == 0)
		call->account_id = id;
	else
		call->project_id = id;
}

/*
 * Does the path match the route's?  If so and `call` is given, the ids go
 * there, -1 for one that is no integer.
 */
static bool
match_path(const char *pattern, const char *path, SimCall *call)
{
	while (*pattern == '/' && *path == '/')
	{
		size_t		wanted = strcspn(++pattern, "/");
		size_t		given = strcspn(++path, "/");

		if (*pattern == '{')
		{
			if (given == 0)
				return false;
			if (call != NULL)
				note_id(call, pattern, read_id(path, given));
		}
		else if (wanted != given || strncmp(pattern, path, wanted) != 0)
			return false;
		pattern += wanted;
		path += given;
	}
	return *pattern == '\0' && *path == '\0';
}

/* Is the route there?  Without a configuration, each of `all` is. */
static bool
is_served(const SimRoute *route, const SimConfig *config)
{
	if (config == NULL)
		return (route->documents & ALL) != 0;
	if ((route->documents & (unsigned) config->document) == 0)
		return false;
	return route->feature == 0 ||
		*(const int64_t *) (const void *)
		((const char *) config + route->feature) != 0;
}

/* The path of the first route that is there and that the path matches. */
static const char *
find_path(const char *path, const SimConfig *config)
{
	for (size_t i = 0; i < ROUTES; i++)
		if (is_served(&routes[i], config) &&
			match_path(routes[i].path, path, NULL))
			return routes[i].path;
	return NULL;
}

static const SimRoute *
find_method(const char *path, const SimConfig *config, const char *method)
{
	for (size_t i = 0; path != NULL && i < ROUTES; i++)
		if (is_served(&routes[i], config) &&
			strcmp(routes[i].path, path) == 0 &&
			strcmp(routes[i].method, method) == 0)
			return &routes[i];
	return NULL;
}

static void
list_methods(const char *path, const SimConfig *config, char *allow)
{
	allow[0] = '\0';
	for (size_t i = 0; path != NULL && i < ROUTES; i++)
	{
		if (!is_served(&routes[i], config) ||
			strcmp(routes[i].path, path) != 0)
			continue;
		if (allow[0] != '\0')
			strcat(allow, ", ");
		strcat(allow, routes[i].method);
	}
	/* an Allow header may not be empty */
	if (allow[0] == '\0')
		strcpy(allow, "OPTIONS");
}

/* Is the call one that only another document or switch has? */
static bool
is_elsewhere(const SimCall *call)
{
	const char *path = find_path(call->path, NULL);

	return find_method(path, NULL, call->method) != NULL;
}

unsigned
sim_route_find(SimCall *call, char *allow)
{
	const SimConfig *config = &call->world->config;
	const char *path = find_path(call->path, config);

	list_methods(path, config, allow);
	call->route = find_method(path, config, call->method);
	if (call->route != NULL)
	{
		match_path(path, call->path, call);
		return 0;
	}
	if (config->missing_route_status != 0 && is_elsewhere(call))
		return (unsigned) config->missing_route_status;
	return path == NULL ? 404 : 405;
}

const char *
sim_route_label(const char *path, const SimConfig *config)
{
	return find_path(path, config);
}
