/*-------------------------------------------------------------------------
 *
 * api_request_fuzz.c
 *		Any text in a request: what is sent is the JSON that says it, to a path
 *		of the API.
 *
 * Lines of an input: the projects of a new account, its username, its role;
 * the rest are bytes that make ids.
 *
 * Sources: api/api.c api/call.c api/call_judge.c api/call_me.c api/envelope.c
 * Sources: api/attrs.c api/record.c base/id_set.c base/paging.c
 * Sources: base/rfc3339.c
 * Sources: api/words.c json/pages.c json/value.c json/walk.c
 * Sources: json/stream.c json/cursor.c json/string.c canned_http.c
 * Libraries: jansson
 * Dictionary: json
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <jansson.h>

#include "api/api.h"
#include "canned_http.h"

#define IDS		6

static MpHttp http;
static const MpSettings settings = {
	.organization_id = INT64_MAX,
	.base_url = "https://localhost",
};

/* What was sent, as a tree; the call is over. */
static json_t *
sent(MpCall *call, const char *path)
{
	json_t	   *tree = json_loadb(http.body, http.body_length,
								  JSON_REJECT_DUPLICATES, NULL);

	require(tree != NULL);
	require(http.method == MP_METHOD_POST);
	require(strcmp(http.path, path) == 0);
	require(strcmp(mp_call_title(call) + strlen("POST "), path) == 0);
	mp_call_free(call);
	return tree;
}

/* Is it text, or else nothing that can be sent? */
static bool
is_text(const char *text)
{
	json_t	   *string = json_string(text);

	json_decref(string);
	return string != NULL;
}

static void
require_text(const json_t *tree, const char *key, const char *text)
{
	const json_t *value = json_object_get(tree, key);

	require(json_string_length(value) == strlen(text));
	require(strcmp(json_string_value(value), text) == 0);
}

/* The documented form, and nothing else, is let through. */
static void
check_projects(const char *text)
{
	json_t	   *tree = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	size_t		i;
	json_t	   *grant;
	json_int_t	id;
	const char *role;
	bool		good = json_is_array(tree);

	json_array_foreach(tree, i, grant)
	{
		good &= json_unpack(grant, "{s:I, s:s!}", "id", &id, "role", &role)
			== 0 && id > 0 && role[0] != '\0';
	}
	require((mp_api_check_projects(text) == NULL) == good);
	json_decref(tree);
}

static void
check_account(const MpNewAccount *account)
{
	MpCall	   *call = mp_api_create_account(&http, &settings, account);
	json_t	   *tree;
	json_t	   *projects;

	if (call == NULL)
	{
		require(!is_text(account->username) || !is_text(account->role));
		return;
	}
	tree = sent(call, "/organizations/9223372036854775807/service-accounts");
	require_text(tree, "username", account->username);
	require_text(tree, "role", account->role);
	require(json_object_size(tree) == 2 + (account->projects != NULL));
	if (account->projects != NULL)
	{
		projects = json_loads(account->projects, 0, NULL);
		require(json_equal(json_object_get(tree, "projects"), projects));
		json_decref(projects);
	}
	json_decref(tree);
}

static void
check_adding(const int64_t *ids, const char *role)
{
	const MpGrant grants[] = {{ids[0], role}, {ids[1], "admin"}};
	const MpBlock block = {ids + 2, IDS - 2, grants, 2};
	MpCall	   *call = mp_api_add_memberships(&http, &settings, &block);
	json_t	   *tree;
	json_t	   *list;

	require((call != NULL) == is_text(role));
	if (call == NULL)
		return;
	tree = sent(call, "/organizations/9223372036854775807/service-accounts/"
				"add-to-project");
	require(json_object_size(tree) == 2);
	list = json_object_get(tree, "projects");
	require(json_array_size(list) == 2);
	require_text(json_array_get(list, 0), "role", role);
	for (size_t i = 0; i < 2; i++)
		require(json_integer_value(json_object_get(json_array_get(list, i),
												   "id")) == ids[i]);
	list = json_object_get(tree, "service_account_ids");
	require(json_array_size(list) == IDS - 2);
	for (size_t i = 0; i < IDS - 2; i++)
		require(json_integer_value(json_array_get(list, i)) == ids[2 + i]);
	json_decref(tree);
}

/* Each pair is sent once, at its project. */
static void
check_removing(const int64_t *ids)
{
	MpPair		pairs[IDS];
	MpCall	   *call;
	json_t	   *tree;
	json_t	   *project;
	size_t		i;
	size_t		seen = 0;

	for (i = 0; i < IDS; i++)
	{
		pairs[i].account = ids[i];
		pairs[i].project = (int64_t) i / (1 + ids[0] % IDS) + 1;
	}
	call = mp_api_remove_memberships(&http, &settings, pairs, IDS);
	tree = sent(call, "/organizations/9223372036854775807/service-accounts/"
				"remove-from-project");
	json_array_foreach(json_object_get(tree, "projects"), i, project)
	{
		json_t	   *accounts = json_object_get(project,
											   "service_account_ids");

		require(json_array_size(accounts) > 0);
		for (size_t j = 0; j < json_array_size(accounts); j++, seen++)
		{
			require(seen < IDS);
			require(json_integer_value(json_object_get(project, "id"))
					== pairs[seen].project);
			require(json_integer_value(json_array_get(accounts, j))
					== pairs[seen].account);
		}
	}
	require(seen == IDS);
	json_decref(tree);
}

/* The longest paths there are. */
static void
check_paths(int64_t account, int64_t project)
{
	const MpPair pair = {account, project};
	char		expected[200];
	char		shown[200];
	MpCall	   *call = mp_api_remove_membership(&http, &settings, &pair);

	snprintf(expected, sizeof(expected),
			 "/organizations/9223372036854775807/service-accounts/%lld"
			 "/projects/%lld", (long long) account, (long long) project);
	require(strcmp(http.path, expected) == 0);
	require(strcmp(mp_call_title(call) + strlen("DELETE "), expected) == 0);
	mp_call_free(call);
	for (int kind = 0; kind < MP_CALL_COUNT; kind++)
	{
		mp_api_template((MpCallKind) kind, account, &pair, shown,
						sizeof(shown));
		require(strchr(shown, '{') == NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *projects = take_line(&data, &size);
	char	   *username = take_line(&data, &size);
	char	   *role = take_line(&data, &size);
	int64_t		ids[IDS];
	MpNewAccount account = {.username = username,.role = role};

	for (size_t i = 0; i < IDS; i++)
	{
		ids[i] = INT64_MAX - (int64_t) i;
		if (size > i)
			ids[i] = (INT64_C(1) << data[i] % 63) + data[i];
	}
	check_projects(projects);
	if (mp_api_check_projects(projects) == NULL)
		account.projects = projects;
	check_account(&account);
	check_adding(ids, role);
	check_removing(ids);
	check_paths(ids[0], ids[1]);
	canned_clear(&http);
	free(projects);
	free(username);
	free(role);
	return 0;
}
