/*-------------------------------------------------------------------------
 *
 * api_change_test.c
 *		Answers to what changes something, and what an answer says of itself
 *		beside its results: errors, further pages.
 *
 * A change that was answered with something else than the API's success may
 * have been made or not: the failure must say in which way the answer is bad,
 * because what is done next depends on it.
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include <stdlib.h>

#include "canned_answer.h"

#define NEW		"\"id\":5,\"username\":\"ci\",\"token\":\"seen-once\""
#define ERROR	"\"status\":\"error\",\"error\":\"no good\""

static const MpCallKind changes[] = {
	MP_CALL_DELETE_ACCOUNT, MP_CALL_ADD_MEMBERSHIPS, MP_CALL_ADD_MEMBERSHIP,
	MP_CALL_REMOVE_MEMBERSHIPS, MP_CALL_REMOVE_MEMBERSHIP,
};

#define CHANGES (sizeof(changes) / sizeof(changes[0]))

static const Asking create = {
	MP_CALL_CREATE_ACCOUNT, MP_RECORD_ACCOUNT, MP_FIELD_SECRET, false,
};

static const Asking list = {
	MP_CALL_LIST_ACCOUNTS, MP_RECORD_ACCOUNT, MP_FIELD_USERNAME, true,
};

/* The answer fails in that way, with these words. */
static void
fails(const Asking *asking, const char *body, MpProblemKind kind,
	  const char *words)
{
	Reading		reading = canned_read(asking, body, strlen(body));

	if (!ok(reading.state == MP_CALL_FAILED && reading.kind == kind &&
			reading.is_steady &&
			strncmp(reading.detail, words, strlen(words)) == 0,
			"call %d: refused: %.60s", (int) asking->kind, body))
		diag("state %d, kind %d, \"%s\"", (int) reading.state,
			 (int) reading.kind, reading.detail);
	ok(strstr(reading.detail, "seen-once") == NULL, "... without a secret");
	canned_release(&reading);
}

/* The answer is a success, with so many records. */
static void
succeeds(const Asking *asking, const char *body, int64_t count)
{
	Reading		reading = canned_read(asking, body, strlen(body));

	if (!ok(reading.state == MP_CALL_DONE && reading.count == count &&
			reading.is_steady,
			"call %d: success: %.60s", (int) asking->kind, body))
		diag("state %d, kind %d, \"%s\"", (int) reading.state,
			 (int) reading.kind, reading.detail);
	canned_release(&reading);
}

static Asking
asking_of(MpCallKind kind)
{
	Asking		asking = list;

	asking.kind = kind;
	asking.broken_off = false;
	return asking;
}

static void
test_changes(void)
{
	static const char *const bad[] = {
		"done", "<html>Sign in</html>", "{\"status\":\"ok\"} x",
		"{\"status\":\"ok\",}", "{\"status\":NaN}", "{'status':'ok'}",
		"\xef\xbb\xbf{\"status\":\"ok\"}", "{\"status\":\"ok\"",
		"{\"a\":\"\xff\"}", "{\"a\":\"\\ud800\"}", "\"\\u0000\"",
		"{\"status\":\"ok\",\"status\":\"ok\"}", "[}", "{", "1 2",
	};
	static const char *const good[] = {
		"", " \n", "{}", "[]", "null", "true", "7", "1e400", "\"done\"",
		"{\"status\":\"ok\"}", "{\"results\":null}", "{\"results\":[1]}",
		"{\"took\":1e400}", "{\"error\":null}", "{\"errors\":[]}",
	};
	static const char *const refusing[] = {
		"{" ERROR "}", "{\"results\":[],\"error\":{\"message\":\"no good\"}}",
		" \n{\"took\":1e400,\"error\":\"no good\"}",
	};

	for (size_t i = 0; i < CHANGES; i++)
	{
		Asking		asking = asking_of(changes[i]);

		for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++)
			fails(&asking, bad[j], MP_PROBLEM_BODY,
				  "Body: it is not valid JSON: ");
		for (size_t j = 0; j < sizeof(good) / sizeof(good[0]); j++)
			succeeds(&asking, good[j], 0);
		for (size_t j = 0; j < sizeof(refusing) / sizeof(refusing[0]); j++)
			fails(&asking, refusing[j], MP_PROBLEM_ERROR_BODY,
				  "Mixpanel says: no good");
	}
}

/* Too deep is not what is deep. */
static void
test_depth(void)
{
	for (size_t i = 0; i < CHANGES; i++)
	{
		Asking		asking = asking_of(changes[i]);
		char		deep[133];

		memset(deep, '[', 64);
		memset(deep + 64, ']', 64);
		deep[128] = '\0';
		succeeds(&asking, deep, 0);
		memset(deep, '[', 65);
		memset(deep + 65, ']', 65);
		deep[130] = '\0';
		fails(&asking, deep, MP_PROBLEM_BODY, "Body: ");
	}
}

static void
test_created(void)
{
	static const char *const good[] = {
		"{" NEW "}", "[{" NEW "}]", "{\"results\":{" NEW "}}",
		"{\"results\":[{" NEW "}]}", "{\"took\":1e400,\"results\":{" NEW "}}",
		"{" NEW ",\"zzz\":1e400}",
	};
	static const char *const bad_body[] = {
		"", "null", "7", "\"x\"", "[]", "{\"results\":null}",
		"{\"results\":[]}", "{\"results\":\"seen-once\"}",
		"[{" NEW "},{" NEW "}]", "{" NEW, "{\"results\":{" NEW "}",
	};
	static const char *const bad_record[] = {
		"{}", "[null]", "[\"seen-once\"]", "[[]]", "{\"id\":null," "\"x\":1}",
		"{\"id\":0}", "{\"id\":-1}", "{\"id\":\"5\"}", "{\"id\":5.0}",
		"{\"id\":5e0}", "{\"id\":9223372036854775808}", "{\"id\":[]}",
		"{" NEW ",\"created\":true}", "{" NEW ",\"expires\":5}",
		"{" NEW ",\"created\":\"2024-02-30T00:00:00Z\"}",
		"{" NEW ",\"last_used\":\"never\"}", "{" NEW ",\"creator\":\"x\"}",
		"{\"id\":5,\"username\":7}", "{\"id\":5,\"token\":[\"seen-once\"]}",
		"{\"id\":5,\"username\":\"\xff\",\"token\":\"seen-once\"}",
		"{\"id\":5,\"username\":\"\\u0000\"}",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		succeeds(&create, good[i], 1);
	for (size_t i = 0; i < sizeof(bad_body) / sizeof(bad_body[0]); i++)
		fails(&create, bad_body[i], MP_PROBLEM_BODY, "Body: ");
	for (size_t i = 0; i < sizeof(bad_record) / sizeof(bad_record[0]); i++)
		fails(&create, bad_record[i], MP_PROBLEM_BODY, "Record 1");
	fails(&create, "{" ERROR "}", MP_PROBLEM_ERROR_BODY, "Mixpanel says: no");
}

/* A member in front of the results and one behind them. */
static void
list_with(const char *member, bool is_whole)
{
	char		body[400];

	for (int behind = 0; behind < 2; behind++)
	{
		if (behind)
			snprintf(body, sizeof(body), "{\"results\":[{\"id\":2}],%s}",
					 member);
		else
			snprintf(body, sizeof(body), "{%s,\"results\":[{\"id\":2}]}",
					 member);
		if (is_whole)
			succeeds(&list, body, 1);
		else
			fails(&list, body, MP_PROBLEM_PAGES, "");
	}
}

/* What says that there is more, and what does not. */
static const char *const more[] = {
	"\"next\":\"/2\"", "\"next_page\":2", "\"nextPage\":\"/2\"",
	"\"next_url\":\"/2\"", "\"nextUrl\":\"/2\"", "\"next_cursor\":\"x\"",
	"\"nextCursor\":\"x\"", "\"next_page_token\":\"x\"",
	"\"nextPageToken\":\"x\"", "\"n\\u0065xt\":\"/2\"",
	"\"has_more\":true", "\"hasMore\":1", "\"has_next\":true",
	"\"hasNext\":true", "\"next\":0.1", "\"links\":{\"next\":\"/2\"}",
	"\"_links\":{\"self\":1,\"next\":{\"href\":\"/2\"}}",
	"\"page\":0,\"page_size\":1,\"total\":250", "\"total\":2",
	"\"total_count\":2", "\"totalCount\":\"250\"", "\"count\":2",
	"\"total\":{\"value\":250,\"relation\":\"eq\"}",
	"\"meta\":{\"total\":250}", "\"meta\":{\"page\":{\"total\":2}}",
	"\"meta\":{\"pagination\":{\"total_pages\":2}}",
	"\"pagination\":{\"next\":\"/2\"}", "\"page\":2",
	"\"pagination\":{\"next_url\":\"/2\"}", "\"page\":1",
	"\"result_info\":{\"page\":1,\"total_pages\":84}",
	"\"result_info\":{\"total_count\":250}", "\"offset\":3",
	"\"paging\":{\"next\":{\"after\":\"x\"}}", "\"nextLink\":\"/2\"",
	"\"@odata.nextLink\":\"/2\"", "\"@odata.count\":250",
	"\"truncated\":true", "\"isTruncated\":\"true\"", "\"partial\":1",
	"\"is_partial\":true", "\"incomplete_results\":true",
	"\"meta\":{\"has_more\":true}", "\"more\":true",
	"\"links\":[{\"rel\":\"self\"},{\"rel\":\"next\",\"href\":\"/2\"}]",
	"\"response_metadata\":{\"next_cursor\":\"x\"}", "\"cursor\":\"x\"",
	"\"pageInfo\":{\"hasNextPage\":true}", "\"next\":[\"/2\"]",

	/* numbers in other forms, and names of other words */
	"\"total\":2.0", "\"total\":2.5e2", "\"total\":\"250.0\"",
	"\"total\":\"1,250\"", "\"total\":\"250+\"", "\"total\":\">250\"",
	"\"Total\":\" 250 \"", "\"total\":1e400", "\"total-results\":2",
	"\"numResults\":2", "\"total_service_accounts\":2",
	"\"fullCount\":2", "\"totalNumberOfItems\":2", "\"recordsTotal\":2",
	"\"recordsFiltered\":2", "\"hitsTotal\":2", "\"totals\":{\"count\":2}",
	"\"counts\":{\"total\":2}", "\"total\":{\"count\":2.0}",
	"\"paginator\":{\"total\":2}", "\"_meta\":{\"totalItems\":2}",
	"\"search_metadata\":{\"total\":2}", "\"summary\":{\"total\":2}",
	"\"page\":{\"number\":0,\"size\":1,\"totalElements\":2}",
	"\"page\":{\"number\":0,\"totalPages\":2}", "\"page_count\":2.0",
	"\"pagination\":{\"current_page\":1,\"last_page\":84}",

	/* next, at another place */
	"\"user\":{\"links\":{\"next\":\"/2\"}}", "\"api\":{\"next\":\"/2\"}",
	"\"meta\":[{\"next\":\"/2\"}]", "\"more_results_available\":true",
	"\"links\":[{\"href\":\"/2\",\"rel\":\"Next\"}]", "\"next\":true",
	"\"continuation\":\"x\"", "\"continuationToken\":\"x\"",
	"\"LastEvaluatedKey\":{\"id\":3}", "\"page_token\":\"x\"",
	"\"metadata\":{\"continue\":\"x\",\"remainingItemCount\":247}",
	"\"remaining_items\":247", "\"meta\":{\"remaining\":247}",

	/* that it is the end is denied */
	"\"last\":false", "\"done\":false", "\"is_last_page\":false",
	"\"complete\":false", "\"isComplete\":\"false\"", "\"eof\":false",
	"\"meta\":{\"is_last\":false}", "\"list_complete\":false",

	/* something comes before */
	"\"previous\":\"/1\"", "\"next\":null,\"previous\":\"/1\"", "\"prev_page\":1",
	"\"links\":{\"prev\":\"/1\",\"next\":null}", "\"first\":false",
	"\"pageInfo\":{\"hasNextPage\":false,\"hasPreviousPage\":true}",
	"\"links\":[{\"rel\":\"prev\",\"href\":\"/1\"}]", "\"last_page\":false",

	/* links and places to go on from, as others write them */
	"\"links\":[{\"relation\":\"next\",\"url\":\"/2\"}]",
	"\"link\":[{\"rel\":[\"self\",\"next\"],\"href\":\"/2\"}]",
	"\"result_info\":{\"cursors\":{\"after\":\"x\"}}", "\"Marker\":\"x\"",
	"\"search_after\":\"x\"", "\"bookmark\":\"x\"",
	"\"hydra:totalItems\":2", "\"hydra:view\":{\"hydra:next\":\"/2\"}",
	"\"opensearch:totalResults\":\"2\"", "\"totalSetSize\":\"2\"",
	"\"nbHits\":2", "\"nbPages\":2", "\"range\":{\"from\":0,\"total\":2}",

	/* something is missing */
	"\"moreToCome\":true", "\"hasAdditionalResults\":true",
	"\"exceededTransferLimit\":true", "\"limit_reached\":true",
	"\"timed_out\":true", "\"unreachable\":[\"region-a\"]",
	"\"page\":0,\"page_size\":1,\"timed_out\":false",

	/* a full page, of which nothing says that it is the last */
	"\"page\":0,\"page_size\":1", "\"page\":0,\"per_page\":1,\"count\":1",
	"\"offset\":0,\"limit\":1", "\"page_size\":1",
	"\"pagination\":{\"page\":0,\"limit\":1}",
};
static const char *const whole[] = {
	"\"next\":null", "\"next\":\"\"", "\"has_more\":false", "\"page\":0",
	"\"links\":{}", "\"links\":{\"next\":null}", "\"links\":[]",
	"\"total\":1", "\"error\":null", "\"error\":\"\"", "\"error\":false",
	"\"status\":\"ok\"", "\"status\":\"OK\"", "\"status\":\"Success\"",
	"\"status\":200", "\"status\":\"200\"", "\"status\":null",
	"\"page\":1,\"total\":1", "\"page\":0,\"page_size\":100,\"total\":1",
	"\"page\":1,\"pages\":1", "\"count\":1", "\"count\":0",
	"\"meta\":{\"page\":1,\"total\":1,\"next\":null}", "\"offset\":0",
	"\"pagination\":{\"next\":null,\"total\":1}", "\"errors\":[]",
	"\"result_info\":{\"page\":1,\"total_pages\":1,\"count\":1}",
	"\"next\":{}", "\"next\":{\"href\":null}", "\"truncated\":false",
	"\"isTruncated\":\"false\"", "\"errors\":{}", "\"success\":true",
	"\"ok\":true", "\"partial\":false", "\"code\":200", "\"code\":0",
	"\"context\":{\"text\":\"x\"}", "\"total_time_ms\":35",
	"\"learn_more\":\"https://x\"", "\"pageInfo\":{\"hasNextPage\":false}",
	"\"links\":[{\"rel\":\"self\",\"href\":\"/1\"}]", "\"took\":12",
	"\"total\":1.0", "\"total\":\"1\"", "\"total\":-1", "\"total\":null",
	"\"total\":\"\"", "\"total\":\"many\"", "\"total\":{}",
	"\"page\":1,\"page_size\":1,\"total\":1", "\"page\":0,\"page_size\":2",
	"\"page\":0,\"page_size\":1,\"next\":null", "\"page\":1,\"next\":\"\"",
	"\"page\":0,\"page_size\":1,\"has_more\":false", "\"limit\":1",
	"\"page\":1,\"page_size\":1,\"total_pages\":1", "\"last\":true",
	"\"offset\":0,\"limit\":1,\"total\":1", "\"last\":null",
	"\"page\":{\"number\":0,\"size\":20,\"totalElements\":1,\"totalPages\":1}",
	"\"first\":true,\"last\":true,\"numberOfElements\":1", "\"done\":true",
	"\"previous\":null,\"next\":null,\"count\":1", "\"prev_page\":\"\"",
	"\"has_previous\":false", "\"first\":\"/1\"", "\"previous_cursor\":0",
	"\"next\":\"null\"", "\"next\":\"None\"", "\"next\":0", "\"next\":[]",
	"\"next\":false", "\"next_page\":null,\"page\":1", "\"cursor\":null",
	"\"links\":[{\"rel\":\"next\",\"href\":null}]", "\"continue\":\"\"",
	"\"metadata\":{\"continue\":\"\",\"remainingItemCount\":0}",
	"\"organization\":{\"id\":9,\"total\":500,\"next_invoice\":\"x\"}",
	"\"account_limit\":1", "\"project_count\":7", "\"members_count\":7",
	"\"links\":{\"self\":\"/1\",\"first\":\"/1\",\"last\":\"/1\",\"next\":null}",
	"\"pagination\":{\"page\":1,\"per_page\":50,\"total\":1,\"has_next\":false}",
	"\"totalTimeMs\":250", "\"total_duration\":250", "\"errors\":null",
	"\"status\":\"SUCCESS\"", "\"status\":\" ok \"", "\"request_id\":\"next\"",
	"\"cursor\":\"x\",\"has_more\":false", "\"next_page\":-1",
	"\"paging\":{\"cursors\":{\"after\":\"x\"},\"next\":null}",
	"\"timed_out\":false", "\"unreachable\":[]", "\"nbHits\":1",
	"\"links\":[{\"rel\":[\"self\"],\"href\":\"/1\"}]",
	"\"warnings\":[]", "\"code\":200,\"message\":\"ok\"", "\"failed\":0",
	"\"error_code\":0,\"error_message\":\"\"", "\"has_errors\":false",
};

static void
test_pages(void)
{
	/* an account that is named twice is one */
	succeeds(&list, "[{\"id\":2},{\"id\":3},{\"id\":2}]", 2);
	succeeds(&list, "{\"total\":2,\"results\":[{\"id\":2},{\"id\":3},{\"id\":2}]}",
			 2);
	fails(&list, "{\"total\":3,\"results\":[{\"id\":2},{\"id\":3},{\"id\":2}]}",
		  MP_PROBLEM_PAGES, "");
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		list_with(more[i], false);
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		list_with(whole[i], true);
}

/* The projects of /me, whose answer tells of itself within the results too. */
static void
test_pages_of_me(void)
{
	static const char *const members[] = {
		"\"next\":\"/2\"", "\"total_projects\":250", "\"has_more\":true",
		"\"pagination\":{\"total\":2}", "\"truncated\":true",
	};
	static const char *const fine[] = {
		"\"next\":null", "\"total_projects\":1", "\"user_id\":7",
		"\"organizations\":{\"123\":{\"id\":123,\"total\":9}}",
		"\"workspaces\":{\"5\":{\"id\":5,\"is_global\":true}}",
	};
	const Asking me = {
		MP_CALL_ME, MP_RECORD_PROJECT, MP_FIELD_PROJECT_NAME, false,
	};
	static const char projects[] =
		"\"projects\":{\"1001\":{\"id\":1001,\"name\":\"P\"}}";
	char		body[400];

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
	{
		snprintf(body, sizeof(body), "{\"results\":{%s,%s}}", members[i],
				 projects);
		fails(&me, body, MP_PROBLEM_PAGES, "");
		snprintf(body, sizeof(body), "{\"results\":{%s},%s}", projects,
				 members[i]);
		fails(&me, body, MP_PROBLEM_PAGES, "");
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
	{
		snprintf(body, sizeof(body), "{\"results\":{%s,%s}}", fine[i],
				 projects);
		succeeds(&me, body, 1);
	}
	snprintf(body, sizeof(body), "{\"results\":{%s}}", projects);
	canned_head.total = 2;
	fails(&me, body, MP_PROBLEM_PAGES, "");
	canned_head.total = 0;
}

/* What status and headers say of a list, and of a change. */
static void
test_heads(void)
{
	static const char *const body = "{\"results\":[{\"id\":2}]}";
	Asking		change = asking_of(MP_CALL_DELETE_ACCOUNT);

	canned_head.says_more = true;
	fails(&list, body, MP_PROBLEM_PAGES, "");
	fails(&list, "[{\"id\":2}]", MP_PROBLEM_PAGES, "");
	succeeds(&change, "", 0);
	canned_head.says_more = false;
	canned_head.total = 2;
	fails(&list, body, MP_PROBLEM_PAGES, "");
	fails(&list, "[{\"id\":2}]", MP_PROBLEM_PAGES, "");
	succeeds(&change, "", 0);
	canned_head.total = 1;
	succeeds(&list, body, 1);
	canned_head.total = 0;
	for (canned_head.status = 206; canned_head.status <= 207;
		 canned_head.status++)
	{
		fails(&list, body, MP_PROBLEM_BODY, "Body: it ");
		fails(&create, "{" NEW "}", MP_PROBLEM_BODY, "Body: it ");
		for (size_t i = 0; i < CHANGES; i++)
		{
			change = asking_of(changes[i]);
			fails(&change, "{}", MP_PROBLEM_BODY, "Body: it ");
			fails(&change, "", MP_PROBLEM_BODY, "Body: it ");
		}
	}
	canned_head.status = 202;
	succeeds(&change, "", 0);
	canned_head.status = 200;
}

/* Members of a success that deny it. */
static const char *const denials[] = {
	"\"success\":false", "\"ok\":false", "\"success\":0",
	"\"status\":\"fail\"", "\"status\":\"FAILED\"", "\"status\":0",
	"\"code\":400,\"status\":\"Bad Request\"", "\"status\":false",
	"\"status\":\"ok\",\"errors\":[{\"id\":5}]", "\"status\":404",
	"\"status\":\"error\"", "\"status\":\"pending\"", "\"status\":\"\"",
	"\"code\":500", "\"errors\":{\"role\":[\"bad\"]}", "\"error\":7",
	"\"Success\":\"False\"", "\"is_success\":false", "\"error\":true",
	"\"ok\":\"no\"", "\"ok\":0", "\"status\":\"ERROR\"", "\"status\":500",
	"\"status\":\"404\"", "\"status\":{\"code\":400}", "\"status\":[]",
	"\"status\":\"partial\"", "\"status\":-1", "\"status\":1",
	"\"statusCode\":403", "\"code\":\"404\"", "\"error\":[\"no\"]",
	"\"error\":{\"code\":7}", "\"errors\":\"bad\"", "\"error_code\":7",
	"\"errorMessage\":\"bad\"", "\"failed\":[5]", "\"result\":\"error\"",
	"\"result\":false", "\"data\":{\"success\":false}",
	"\"response\":{\"status\":\"error\"}", "\"status\":true,\"ok\":false",
	"\"err\":\"denied\"", "\"errno\":13", "\"errcode\":40013",
	"\"fault\":{\"faultstring\":\"x\"}", "\"FailedEntryCount\":1",
	"\"unprocessed_ids\":[5]", "\"invalid_ids\":[5]",
	"\"code\":\"PERMISSION_DENIED\"", "\"state\":\"failed\"",
	"\"outcome\":\"failure\"", "\"meta\":{\"status\":403}",
	"\"meta\":{\"error\":\"x\"}", "\"5\":{\"status\":\"error\"}",
	"\"responses\":[{\"id\":\"1\",\"status\":404}]",
};

/* A success that denies itself. */
static void
test_denials(void)
{
	char		body[400];

	for (size_t i = 0; i < sizeof(denials) / sizeof(denials[0]); i++)
	{
		snprintf(body, sizeof(body), "{%s}", denials[i]);
		for (size_t j = 0; j < CHANGES; j++)
		{
			Asking		change = asking_of(changes[j]);

			fails(&change, body, MP_PROBLEM_ERROR_BODY, "");
		}
		snprintf(body, sizeof(body), "{%s,\"results\":[]}", denials[i]);
		fails(&list, body, MP_PROBLEM_ERROR_BODY, "");
		snprintf(body, sizeof(body), "{\"results\":{" NEW "},%s}",
				 denials[i]);
		fails(&create, body, MP_PROBLEM_ERROR_BODY, "");
	}

	/* of each of several, or within the results */
	static const char *const inner[] = {
		"[{\"id\":2,\"success\":false}]", "[{\"error\":\"no\"}]", "false",
		"{\"results\":[{\"id\":2,\"status\":\"error\"}]}", "\"error\"",
		"{\"status\":\"ok\",\"results\":{\"success\":false}}",
		"{\"results\":{\"added\":[],\"failed\":[5]}}", "[[{\"ok\":false}]]",
		"{\"results\":false}", "{\"status\":\"ok\",\"data\":[{\"ok\":false}]}",
		"\"Failed\"", "{\"deleted\":false}", "{\"acknowledged\":false}",
		"{\"results\":{\"5\":{\"ok\":false}}}", "{\"5\":false}",
		"{\"results\":{\"5\":\"error\"}}",
	};
	static const char *const fine[] = {
		"[{\"id\":2,\"status\":\"active\"}]", "{\"results\":[{\"id\":2}]}",
		"{\"results\":{\"id\":2,\"status\":\"added\",\"error\":null}}",
		"[]", "\"ok\"", "\"removed\"", "{\"results\":{\"failed\":[]}}",
		"{\"deleted\":true}", "{\"errno\":0,\"errcode\":0,\"err\":null}",
		"{\"5\":{\"status\":\"ok\"}}", "{\"results\":{\"5\":\"added\"}}",
		"{\"meta\":{\"status\":200}}", "{\"code\":\"OK\",\"state\":\"done\"}",
		"{\"failed_ids\":[],\"unprocessed\":[],\"FailedEntryCount\":0}",
	};

	for (size_t j = 0; j < CHANGES; j++)
	{
		Asking		change = asking_of(changes[j]);

		for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++)
			fails(&change, inner[i], MP_PROBLEM_ERROR_BODY, "");
		for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
			succeeds(&change, fine[i], 0);
	}
	fails(&create, "{\"results\":{" NEW ",\"error\":\"quota\"}}",
		  MP_PROBLEM_ERROR_BODY, "Mixpanel says: quota");
	fails(&create, "[{" NEW ",\"errors\":[\"quota\"]}]",
		  MP_PROBLEM_ERROR_BODY, "Mixpanel says: quota");
	succeeds(&create, "{\"results\":{" NEW ",\"error\":null}}", 1);

	/* what a list may say of itself or of an element */
	succeeds(&list, "{\"deleted\":false,\"results\":[{\"id\":2}]}", 1);
	succeeds(&list, "[{\"id\":2,\"deleted\":false,\"state\":\"failed\"}]", 1);

	/* what an account may have, and an answer may not */
	succeeds(&create, "{" NEW ",\"failures\":2,\"failed\":true}", 1);
	succeeds(&create, "{\"results\":{" NEW ",\"failures\":2}}", 1);
	fails(&create, "{\"results\":{" NEW "},\"failures\":[5]}",
		  MP_PROBLEM_ERROR_BODY, "");

	/* a status of the account's own, and one that is no account's */
	succeeds(&create, "{" NEW ",\"status\":\"active\"}", 1);
	succeeds(&create, "{" NEW ",\"status\":0}", 1);
	fails(&create, "{" NEW ",\"status\":\"failed\"}", MP_PROBLEM_ERROR_BODY,
		  "");
	fails(&create, "{" NEW ",\"error\":\"quota\"}", MP_PROBLEM_ERROR_BODY,
		  "Mixpanel says: quota");
}

/* Words in every shape. */
static void
test_words(void)
{
	static const char *const words[][2] = {
		{"\"error\":[\"one\",\"two\"]", "one; two"},
		{"\"errors\":[{\"message\":\"one\"},{\"msg\":\"two\"}]", "one; two"},
		{"\"error\":{\"code\":7,\"message\":\"one\"}", "one"},
		{"\"error\":{\"role\":[\"not valid\"]}", "role: not valid"},
		{"\"error\":true,\"detail\":[{\"loc\":[\"body\",\"role\"],"
			"\"msg\":\"field required\",\"type\":\"x\"}]",
		"body: role: field required"},
		{"\"error\":{\"error\":{\"message\":\"deep\"}}", "deep"},
		{"\"error\":\"one\",\"request_id\":\"r-7\"",
		"one (request id r-7)"},
		{"\"request_id\":\"r-7\",\"error\":{\"message\":\"o\\u006ee\"}",
		"one (request id r-7)"},
		{"\"error\":{\"message\":\"one\",\"requestId\":\"r-7\"}",
		"one (request id r-7)"},
		{"\"errors\":[{\"field\":\"role\",\"description\":\"bad\"}]", "bad"},
		{"\"error\":{\"Message\":\"one\"}", "one"},
		{"\"ERROR\":\"one\",\"X-Request-ID\":\"r-7\"", "one"},
		{"\"ok\":false,\"Message\":\"one\",\"RequestId\":\"r-7\"",
		"one (request id r-7)"},
		{"\"ok\":false,\"errorMessages\":[\"one\",\"two\"],\"errors\":{}",
		"one; two"},
		{"\"ok\":false,\"fault\":{\"faultstring\":\"one\",\"detail\":{}}", "one"},
		{"\"ok\":false,\"type\":\"about:blank\",\"title\":\"two\","
		"\"detail\":\"one\"", "one"},
		{"\"error\":\"a\\nb\\u009bc\"", "a\nb\302\233c"},
	};
	char		body[400];
	char		wanted[400];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		Asking		change = asking_of(MP_CALL_DELETE_ACCOUNT);

		snprintf(body, sizeof(body), "{%s}", words[i][0]);
		snprintf(wanted, sizeof(wanted), "Mixpanel says: %s", words[i][1]);
		fails(&change, body, MP_PROBLEM_ERROR_BODY, wanted);
	}
}

static void
test_errors_of_a_list(void)
{
	static const char *const members[] = {
		ERROR, "\"error\":{\"message\":\"no good\"}",
		"\"status\":\"error\",\"message\":\"no g\\u006fod\"",
		"\"status\":\"error\",\"detail\":\"no good\"",
		"\"message\":\"second\",\"error\":\"no good\"",
	};
	char		body[400];

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
	{
		snprintf(body, sizeof(body), "{%s}", members[i]);
		fails(&list, body, MP_PROBLEM_ERROR_BODY, "Mixpanel says: no good");
		snprintf(body, sizeof(body), "{%s,\"results\":[]}", members[i]);
		fails(&list, body, MP_PROBLEM_ERROR_BODY, "Mixpanel says: no good");
		snprintf(body, sizeof(body), "{\"results\":[],%s}", members[i]);
		fails(&list, body, MP_PROBLEM_ERROR_BODY, "Mixpanel says: no good");
	}
}

int
main(void)
{
	test_changes();
	test_depth();
	test_created();
	test_pages();
	test_pages_of_me();
	test_heads();
	test_denials();
	test_words();
	test_errors_of_a_list();
	return done_testing();
}
