/*-------------------------------------------------------------------------
 *
 * floor_fanout.c
 *		The floor of work that is many requests, side by side.
 *
 *	floor_fanout WORK CONCURRENCY FIRST COUNT
 *
 * WORK is one of
 *		memberships		list the accounts, then read the projects of each
 *		expired			the same for those that have expired
 *		delete			list the accounts, then delete COUNT, from id FIRST on
 *		projects		read the projects of COUNT accounts, from id FIRST on
 *		organizations	list the accounts of COUNT organizations, from FIRST on
 * FIRST and COUNT are 0 where they are not named.  Lists are of
 * FLOOR_LIST but for the last.
 *
 *-------------------------------------------------------------------------
 */
#include "floor_client.h"
#include "floor_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct Ids
{
	long	   *ids;
	size_t		count;
	size_t		size;
} Ids;

/* What is asked of each id, and whether the ids come from a list. */
typedef struct Work
{
	const char *name;
	bool		lists;
	bool		expired;		/* only those of the list that have expired */
	bool		memberships;	/* the answers hold memberships */
	const char *method;
	const char *path;			/* of an id */
} Work;

static const Work works[] = {
	{"memberships", true, false, true, "GET", FLOOR_LIST "/%ld/projects"},
	{"expired", true, true, true, "GET", FLOOR_LIST "/%ld/projects"},
	{"delete", true, false, false, "DELETE", FLOOR_LIST "/%ld"},
	{"projects", false, false, true, "GET", FLOOR_LIST "/%ld/projects"},
	{"organizations", false, false, false, "GET",
	"/organizations/%ld/service-accounts"},
};

/* One handle and what it receives. */
typedef struct Lane
{
	CURL	   *handle;
	FloorBody	body;
} Lane;

typedef struct Fanout
{
	const Work *work;
	const Ids  *ids;
	size_t		next;			/* id to ask for */
	size_t		busy;			/* lanes under way */
	long		rows;
	CURLM	   *multi;
} Fanout;

static void
push_id(Ids *ids, long id)
{
	if (ids->count == ids->size)
	{
		ids->size = ids->size == 0 ? 64 : 2 * ids->size;
		ids->ids = realloc(ids->ids, ids->size * sizeof(long));
		if (ids->ids == NULL)
			floor_fail("out of memory");
	}
	ids->ids[ids->count++] = id;
}

/* The floor's time counts from 2000. */
static int64_t
now_us(void)
{
	return ((int64_t) time(NULL) - INT64_C(946684800)) * 1000000;
}

static void
read_list(CURL *handle, const Work *work, Ids *ids)
{
	FloorBody	body = {0};
	int64_t		now = now_us();
	json_t	   *answer;
	const json_t *value;
	size_t		index;

	floor_get(handle, FLOOR_LIST, &body);
	answer = floor_parse(body.data, body.length);
	json_array_foreach(json_object_get(answer, "results"), index, value)
	{
		FloorAccount account;

		floor_account_decode(value, &account);
		if (!work->expired ||
			(account.expires != FLOOR_NEVER && account.expires < now))
			push_id(ids, (long) account.id);
	}
	json_decref(answer);
	free(body.data);
}

static void
start_next(Fanout *fanout, Lane *lane)
{
	char		path[128];
	const Work *work = fanout->work;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(path, sizeof(path), work->path, fanout->ids->ids[fanout->next]);
#pragma GCC diagnostic pop
	fanout->next++;
	fanout->busy++;
	lane->body.length = 0;
	floor_aim(lane->handle, work->method, path);
	curl_easy_setopt(lane->handle, CURLOPT_WRITEFUNCTION, floor_append);
	curl_easy_setopt(lane->handle, CURLOPT_WRITEDATA, &lane->body);
	curl_easy_setopt(lane->handle, CURLOPT_PRIVATE, lane);
	curl_multi_add_handle(fanout->multi, lane->handle);
}

static void
take_record(Fanout *fanout, const json_t *value)
{
	FloorAccount account;
	FloorMembership membership;

	if (fanout->work->memberships)
		floor_membership_decode(value, &membership);
	else
		floor_account_decode(value, &account);
	fanout->rows++;
}

static void
take_answer(Fanout *fanout, const Lane *lane)
{
	json_t	   *answer;
	const json_t *results;
	const json_t *value;
	size_t		index;

	if (strcmp(fanout->work->method, "DELETE") == 0)
	{
		fanout->rows++;
		return;
	}
	answer = floor_parse(lane->body.data, lane->body.length);
	results = json_object_get(answer, "results");
	json_array_foreach(results, index, value)
		take_record(fanout, value);
	json_decref(answer);
}

static void
take_finished(Fanout *fanout)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(fanout->multi, &left)) != NULL)
	{
		Lane	   *lane;

		if (message->msg != CURLMSG_DONE)
			continue;
		floor_check(message->easy_handle, message->data.result);
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &lane);
		curl_multi_remove_handle(fanout->multi, lane->handle);
		fanout->busy--;
		take_answer(fanout, lane);
		if (fanout->next < fanout->ids->count)
			start_next(fanout, lane);
	}
}

static void
run(Fanout *fanout, size_t concurrency)
{
	Lane	   *lanes = calloc(concurrency, sizeof(Lane));
	int			running;

	if (lanes == NULL)
		floor_fail("out of memory");
	for (size_t i = 0; i < concurrency; i++)
	{
		lanes[i].handle = floor_handle();
		if (fanout->next < fanout->ids->count)
			start_next(fanout, &lanes[i]);
	}
	while (fanout->busy > 0)
	{
		curl_multi_perform(fanout->multi, &running);
		take_finished(fanout);
		if (fanout->busy > 0)
			curl_multi_poll(fanout->multi, NULL, 0, 1000, NULL);
	}
	for (size_t i = 0; i < concurrency; i++)
	{
		curl_easy_cleanup(lanes[i].handle);
		free(lanes[i].body.data);
	}
	free(lanes);
}

static const Work *
find_work(const char *name)
{
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++)
		if (strcmp(works[i].name, name) == 0)
			return &works[i];
	floor_fail("no such work: %s", name);
}

int
main(int count, char **arguments)
{
	Fanout		fanout = {0};
	Ids			ids = {0};
	CURL	   *handle = floor_handle();
	FloorBody	body = {0};
	long		first;
	long		wanted;

	if (count != 5)
		floor_fail("usage: floor_fanout WORK CONCURRENCY FIRST COUNT");
	first = strtol(arguments[3], NULL, 10);
	wanted = strtol(arguments[4], NULL, 10);
	fanout.work = find_work(arguments[1]);
	fanout.ids = &ids;
	fanout.multi = curl_multi_init();
	floor_get(handle, FLOOR_LIST "/1", &body);
	floor_begin();
	if (fanout.work->lists)
		read_list(handle, fanout.work, &ids);
	if (wanted > 0)
	{
		ids.count = 0;
		for (long id = first; id < first + wanted; id++)
			push_id(&ids, id);
	}
	run(&fanout, (size_t) strtol(arguments[2], NULL, 10));
	floor_report(fanout.rows);
	curl_multi_cleanup(fanout.multi);
	curl_easy_cleanup(handle);
	free(ids.ids);
	free(body.data);
	return 0;
}
