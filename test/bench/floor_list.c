/*-------------------------------------------------------------------------
 *
 * floor_list.c
 *		The floor of reading all accounts.
 *
 *	floor_list whole|elements
 *
 * whole: the whole answer becomes one tree of values.  elements: the results
 * are cut into elements as bytes arrive, and each becomes a tree of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "floor_client.h"
#include "floor_record.h"

#include <stdlib.h>
#include <string.h>

/* Cuts the objects at nesting 2 out of {"status": "ok", "results": [...]}. */
typedef struct Splitter
{
	FloorBody	element;
	int			depth;			/* of braces and brackets */
	bool		in_string;
	bool		escaped;
	long		rows;
	int64_t		sum;			/* of ids */
} Splitter;

static void
take_account(const json_t *value, long *rows, int64_t *sum)
{
	FloorAccount account;

	floor_account_decode(value, &account);
	++*rows;
	*sum += account.id;
}

static void
take_element(Splitter *splitter)
{
	json_t	   *value = floor_parse(splitter->element.data,
									splitter->element.length);

	take_account(value, &splitter->rows, &splitter->sum);
	json_decref(value);
	splitter->element.length = 0;
}

/* One byte on; true where an element ends with it. */
static bool
step(Splitter *splitter, char byte)
{
	if (splitter->in_string)
	{
		if (splitter->escaped)
			splitter->escaped = false;
		else if (byte == '\\')
			splitter->escaped = true;
		else if (byte == '"')
			splitter->in_string = false;
		return false;
	}
	if (byte == '"')
		splitter->in_string = true;
	else if (byte == '{' || byte == '[')
		splitter->depth++;
	else if (byte == '}' || byte == ']')
		return --splitter->depth == 2;
	return false;
}

static size_t
split(char *bytes, size_t size, size_t count, void *argument)
{
	Splitter   *splitter = argument;
	size_t		length = size * count;
	size_t		start = 0;

	for (size_t i = 0; i < length; i++)
	{
		bool		ends = step(splitter, bytes[i]);

		if (bytes[i] == '{' && splitter->depth == 3 && !splitter->in_string)
			start = i;
		if (ends)
		{
			floor_append(bytes + start, 1, i + 1 - start, &splitter->element);
			take_element(splitter);
			start = i + 1;
		}
	}
	if (splitter->depth > 2)
		floor_append(bytes + start, 1, length - start, &splitter->element);
	return length;
}

static long
read_elements(CURL *handle)
{
	Splitter	splitter = {0};

	floor_aim(handle, "GET", FLOOR_LIST);
	curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, split);
	curl_easy_setopt(handle, CURLOPT_WRITEDATA, &splitter);
	floor_check(handle, curl_easy_perform(handle));
	free(splitter.element.data);
	return splitter.rows;
}

static long
read_whole(CURL *handle)
{
	FloorBody	body = {0};
	long		rows = 0;
	int64_t		sum = 0;
	json_t	   *answer;
	const json_t *results;
	size_t		index;
	const json_t *value;

	floor_get(handle, FLOOR_LIST, &body);
	answer = floor_parse(body.data, body.length);
	results = json_object_get(answer, "results");
	json_array_foreach(results, index, value)
		take_account(value, &rows, &sum);
	json_decref(answer);
	free(body.data);
	return rows;
}

int
main(int count, char **arguments)
{
	CURL	   *handle = floor_handle();
	FloorBody	body = {0};
	long		rows;

	if (count != 2)
		floor_fail("usage: floor_list whole|elements");
	floor_get(handle, FLOOR_LIST "/1", &body);
	floor_begin();
	if (strcmp(arguments[1], "whole") == 0)
		rows = read_whole(handle);
	else
		rows = read_elements(handle);
	floor_report(rows);
	curl_easy_cleanup(handle);
	free(body.data);
	return 0;
}
