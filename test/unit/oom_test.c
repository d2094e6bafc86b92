/*-------------------------------------------------------------------------
 *
 * oom_test.c
 *		Memory runs out at each place where the layers below the server ask
 *		for some: nothing crashes, leaks or hangs, and nothing is told but the
 *		truth or a failure.
 *
 * A scenario is run again and again: its first request for memory fails, then
 * its second, and so on, until none is left that could; once with that one
 * alone, once with all that follow it.  The linker leads the requests of our
 * files here (--wrap); libcurl and jansson are given functions of this file.
 * While libcurl is at work on its sockets and timers, its own requests do not
 * fail: 7.88 divides by zero then.
 *
 *-------------------------------------------------------------------------
 */
#include <curl/curl.h>
#include <jansson.h>
#include <stdlib.h>

#include "api/api.h"
#include "http_client.h"
#include "tap.h"

#define MOST_REQUESTS	20000	/* for memory, of one scenario */
#define PATIENCE		10000.0 /* ms, of one run */
#define MOST_REPLIES	2

typedef enum Result
{
	RIGHT,
	FAILED,
	WRONG,						/* an end, and another than it should be */
	ENDLESS,
} Result;

/* One call and what is read of it. */
typedef struct Scenario
{
	const char *name;
	MpCall	   *(*start) (void);
	const char *replies[MOST_REPLIES];	/* the last one stays */
	int			records;
	const char *text;			/* of the last record, its `field` */
	MpField		field;
} Scenario;

/* Each thread has its own: the server's memory is its own affair. */
static __thread volatile bool counting;
static __thread volatile bool transferring; /* libcurl works */
static __thread volatile long allowed;	/* requests until one fails */
static __thread volatile bool for_good; /* and all that follow */
static __thread volatile long failures;
static __thread volatile long live; /* blocks that are not freed yet */

extern void *__real_malloc(size_t size);
extern void *__real_calloc(size_t count, size_t size);
extern void *__real_realloc(void *block, size_t size);
extern char *__real_strdup(const char *text);
extern void __real_free(void *block);
extern void *__wrap_malloc(size_t size);
extern void *__wrap_calloc(size_t count, size_t size);
extern void *__wrap_realloc(void *block, size_t size);
extern char *__wrap_strdup(const char *text);
extern void __wrap_free(void *block);
extern CURLMcode __real_curl_multi_socket_action(CURLM *multi,
												 curl_socket_t socket,
												 int events, int *running);
extern CURLMcode __wrap_curl_multi_socket_action(CURLM *multi,
												 curl_socket_t socket,
												 int events, int *running);

/* ---- memory ---- */

static bool
fails(void)
{
	if (!counting || allowed-- > 0)
		return false;
	if (allowed < -1 && !for_good)
		return false;
	failures++;
	return true;
}

static void *
noted(void *block)
{
	live += counting && block != NULL;
	return block;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : noted(__real_malloc(size));
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : noted(__real_calloc(count, size));
}

void *
__wrap_realloc(void *block, size_t size)
{
	if (block == NULL)
		return __wrap_malloc(size);
	return fails() ? NULL : __real_realloc(block, size);
}

char *
__wrap_strdup(const char *text)
{
	return fails() ? NULL : noted(__real_strdup(text));
}

void
__wrap_free(void *block)
{
	live -= counting && block != NULL;
	__real_free(block);
}

static void *
curl_malloc(size_t size)
{
	return transferring ? noted(__real_malloc(size)) : __wrap_malloc(size);
}

static void *
curl_calloc(size_t count, size_t size)
{
	return transferring ? noted(__real_calloc(count, size)) :
		__wrap_calloc(count, size);
}

static void *
curl_realloc(void *block, size_t size)
{
	if (block == NULL)
		return curl_malloc(size);
	return transferring ? __real_realloc(block, size) :
		__wrap_realloc(block, size);
}

static char *
curl_strdup(const char *text)
{
	return transferring ? noted(__real_strdup(text)) : __wrap_strdup(text);
}

CURLMcode
__wrap_curl_multi_socket_action(CURLM *multi, curl_socket_t socket,
								int events, int *running)
{
	CURLMcode	code;

	transferring = true;
	code = __real_curl_multi_socket_action(multi, socket, events, running);
	transferring = false;
	return code;
}

/* ---- scenarios ---- */

static MpCall *
start_list(void)
{
	return mp_api_list_accounts(http, &settings, MP_FIELD_ALL);
}

static MpCall *
start_get(void)
{
	return mp_api_get_account(http, &settings, 5, MP_FIELD_ALL);
}

static MpCall *
start_projects(void)
{
	return mp_api_account_projects(http, &settings, 5, MP_FIELD_ALL);
}

static MpCall *
start_accounts(void)
{
	return mp_api_project_accounts(http, &settings, 5, MP_FIELD_ALL);
}

static MpCall *
start_me(void)
{
	return mp_api_me(http, &settings);
}

static MpCall *
start_create(void)
{
	MpNewAccount account = {
		.username = "new",
		.name = "New",
		.role = "admin",
		.expires = "2030-01-01T00:00:00Z",
		.projects = "[{\"id\":1,\"role\":\"admin\"}]",
	};

	if (mp_api_check_projects(account.projects) != NULL)
		return NULL;
	return mp_api_create_account(http, &settings, &account);
}

static MpCall *
start_delete(void)
{
	return mp_api_delete_account(http, &settings, 5);
}

static MpCall *
start_add(void)
{
	static const int64_t accounts[] = {5, 6};
	static const MpGrant grants[] = {{1, "admin"}, {2, "analyst"}};
	MpBlock		block = {accounts, 2, grants, 2};

	return mp_api_add_memberships(http, &settings, &block);
}

static MpCall *
start_add_one(void)
{
	MpGrant		grant = {1, "admin"};

	return mp_api_add_membership(http, &settings, 5, &grant);
}

static MpCall *
start_remove(void)
{
	static const MpPair pairs[] = {{5, 1}, {6, 1}, {5, 2}};

	return mp_api_remove_memberships(http, &settings, pairs, 3);
}

static MpCall *
start_remove_one(void)
{
	MpPair		pair = {5, 1};

	return mp_api_remove_membership(http, &settings, &pair);
}

#define CUT_OFF \
	"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" \
	"{\"results\":[{\"id\":5,\"username\":\"f\\u0069ve\"}"

static const Scenario scenarios[] = {
	{
		.name = "list",
		.start = start_list,
		.replies = {"{\"status\":\"ok\",\"results\":[{\"id\":4},"
		"{\"id\":5,\"username\":\"f\\u0069ve\",\"a\":[1]}]}"},
		.records = 2,
		.text = "five",
		.field = MP_FIELD_USERNAME,
	},
	{
		.name = "list, cut off and sent again",
		.start = start_list,
		.replies = {CUT_OFF,
		"{\"results\":[{\"id\":5,\"username\":\"f\\u0069ve\"}]}"},
		.records = 1,
		.text = "five",
		.field = MP_FIELD_USERNAME,
	},
	{
		.name = "account",
		.start = start_get,
		.replies = {"{\"results\":{\"id\":5,\"username\":\"\\u00e9\"}}"},
		.records = 1,
		.text = "\303\251",
		.field = MP_FIELD_USERNAME,
	},
	{
		.name = "account, redirected",
		.start = start_get,
		.replies = {EMPTY_WITH("307 Go", "Location: /elsewhere"),
		"{\"id\":5,\"username\":\"\\u0061\"}"},
		.records = 1,
		.text = "a",
		.field = MP_FIELD_USERNAME,
	},
	{
		.name = "projects of an account",
		.start = start_projects,
		.replies = {"{\"results\":[{\"id\":1,\"name\":\"\\u0061bc\"}]}"},
		.records = 1,
		.text = "abc",
		.field = MP_FIELD_PROJECT_NAME,
	},
	{
		.name = "accounts of a project",
		.start = start_accounts,
		.replies = {"{\"results\":[{\"id\":1,\"username\":\"\\u0061\"}]}"},
		.records = 1,
		.text = "a",
		.field = MP_FIELD_USERNAME,
	},
	{
		.name = "me",
		.start = start_me,
		.replies = {"{\"results\":{\"projects\":{\"1\":{\"id\":1,"
		"\"name\":\"\\u0061bc\"}}}}"},
		.records = 1,
		.text = "abc",
		.field = MP_FIELD_PROJECT_NAME,
	},
	{
		.name = "create",
		.start = start_create,
		.replies = {EMPTY_WITH("429 Later", "Retry-After: 0"),
		"{\"results\":{\"id\":9,\"token\":\"s\\u0065cret\"}}"},
		.records = 1,
		.text = "secret",
		.field = MP_FIELD_SECRET,
	},
	{
		.name = "delete",
		.start = start_delete,
		.replies = {EMPTY("503 No"), EMPTY("204 Done")},
	},
	{
		.name = "add",
		.start = start_add,
		.replies = {"{\"status\":\"ok\"}"},
	},
	{
		.name = "add one",
		.start = start_add_one,
		.replies = {EMPTY("200 OK")},
	},
	{
		.name = "remove",
		.start = start_remove,
		.replies = {EMPTY("200 OK")},
	},
	{
		.name = "remove one",
		.start = start_remove_one,
		.replies = {EMPTY("200 OK")},
	},
};

/* Read a call to its end. */
static Result
read_call(MpCall *call, const Scenario *scenario)
{
	double		deadline = client_ms() + PATIENCE;
	MpRecord	record;
	MpCallState state;
	int			records = 0;
	bool		same = true;

	mp_record_init(&record);
	while ((state = mp_call_next(call, &record)) != MP_CALL_DONE &&
		   state != MP_CALL_FAILED && client_ms() < deadline)
	{
		if (state == MP_CALL_WAIT)
			client_step(1000);
		else if (++records == scenario->records)
		{
			const MpValue *value = &record.values[scenario->field];

			same = value->present &&
				value->as.text.length == strlen(scenario->text) &&
				memcmp(value->as.text.data, scenario->text,
					   value->as.text.length) == 0;
		}
	}
	mp_record_release(&record);
	if (state == MP_CALL_FAILED)
		return FAILED;
	if (state != MP_CALL_DONE)
		return ENDLESS;
	return same && records == scenario->records ? RIGHT : WRONG;
}

static Result
run_scenario(const Scenario *scenario)
{
	Result		result = FAILED;
	MpCall	   *call;

	http = mp_http_create();
	if (http == NULL)
		return FAILED;
	mp_http_keep_reports(http, true);
	call = scenario->start();
	if (call != NULL)
	{
		MpReport	report;

		result = read_call(call, scenario);
		while (mp_http_next_report(http, &report))
			continue;
	}
	mp_call_free(call);
	mp_http_destroy(http);
	http = NULL;
	return result;
}

/* The next reply, for good if none follows: bytes, or a body alone. */
static void
push_reply(const char *reply)
{
	static char bytes[3][512];
	static int	used;
	char	   *copy = bytes[used++ % 3];

	if (strncmp(reply, "HTTP/", 5) == 0)
		snprintf(copy, sizeof(bytes[0]), "%s", reply);
	else
		snprintf(copy, sizeof(bytes[0]),
				 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
				 strlen(reply), reply);
	client_reply(copy, strcmp(reply, CUT_OFF) == 0 ? REPLY_CLOSE : REPLY_KEEP);
	client_reply_always(copy, REPLY_KEEP);
}

/* With a server of its own, as a run may leave replies that nobody took. */
static Result
run_served(const Scenario *scenario)
{
	char		base_url[64];
	Result		result;
	size_t		i;

	server = server_start();
	if (server == NULL)
		return WRONG;
	snprintf(base_url, sizeof(base_url), "http://127.0.0.1:%d/api",
			 server_port(server));
	settings.base_url = base_url;
	for (i = 0; i < MOST_REPLIES && scenario->replies[i] != NULL; i++)
		push_reply(scenario->replies[i]);
	counting = true;
	result = run_scenario(scenario);
	counting = false;
	server_stop(server);
	return result;
}

static void
test_scenario(const Scenario *scenario, bool all_that_follow)
{
	const char *mode = all_that_follow ? "all that follow" : "one";
	long		place = 0;
	long		wrong = 0;
	Result		result = FAILED;

	for_good = all_that_follow;
	do
	{
		allowed = place;
		failures = 0;
		live = 0;
		result = run_served(scenario);
		if (result != FAILED && result != RIGHT)
		{
			wrong++;
			diag("%s, %s, place %ld: %s", scenario->name, mode, place,
				 result == WRONG ? "not the truth" : "no end");
		}
		if (live != 0)
		{
			wrong++;
			diag("%s, %s, place %ld: %ld blocks are left", scenario->name,
				 mode, place, live);
		}
	} while (failures > 0 && ++place < MOST_REQUESTS);
	is_int(result, RIGHT, "%s: right with all memory", scenario->name);
	is_int(wrong, 0, "%s, %s failing, at each of %ld places", scenario->name,
		   mode, place);
}

int
main(void)
{
	static const MpSettings plain = {
		.server_id = 1,
		.server_name = "first",
		.organization_id = 123,
		.connect_timeout = 5000,
		.request_timeout = 5000,
		.max_retries = 2,
		.max_retry_wait = 1,
		.max_concurrency = 8,
		.username = "robot",
		.secret = "s3cr3t",
	};
	size_t		i;

	settings = plain;
	json_set_alloc_funcs(__wrap_malloc, __wrap_free);
	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc, __wrap_free,
							 curl_realloc, curl_strdup,
							 curl_calloc) != CURLE_OK)
		return 2;
	for (i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
	{
		test_scenario(&scenarios[i], false);
		test_scenario(&scenarios[i], true);
	}
	return done_testing();
}
