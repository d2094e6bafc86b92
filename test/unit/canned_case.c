/*-------------------------------------------------------------------------
 *
 * canned_case.c
 *		What the tests of answers share: the calls that read, good answers to
 *		them, and bodies under construction.
 *
 * Owns what a good answer looks like.  Must not know which bodies are bad.
 *
 *-------------------------------------------------------------------------
 */
#include "canned_case.h"

#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST "{\"status\":\"ok\",\"results\":["
#define ACCOUNT "\"id\":2,\"username\":\"bot-2\"," \
	"\"created\":\"2024-01-01T00:00:00Z\",\"creator\":7,\"user\":8"

const Read	reads[READS] = {
	{"the list of accounts",
		{MP_CALL_LIST_ACCOUNTS, MP_RECORD_ACCOUNT, MP_FIELD_USERNAME, true},
	LIST, "]}", ACCOUNT, "id", "username", "bot-2", true, false, false},
	{"one account",
		{MP_CALL_GET_ACCOUNT, MP_RECORD_ACCOUNT, MP_FIELD_USERNAME, false},
		"{\"status\":\"ok\",\"results\":", "}", ACCOUNT,
	"id", "username", "bot-2", false, false, false},
	{"one account, bare",
		{MP_CALL_GET_ACCOUNT, MP_RECORD_ACCOUNT, MP_FIELD_USERNAME, false},
	"", "", ACCOUNT, "id", "username", "bot-2", false, true, false},
	{"projects of an account",
		{MP_CALL_ACCOUNT_PROJECTS, MP_RECORD_ACCOUNT_PROJECT, MP_FIELD_ROLE,
		true},
		LIST, "]}",
		"\"projectId\":2,\"role\":\"admin\",\"projectName\":\"P\"",
	"projectId", "role", "admin", true, false, false},
	{"accounts of a project",
		{MP_CALL_PROJECT_ACCOUNTS, MP_RECORD_PROJECT_ACCOUNT, MP_FIELD_ROLE,
		true},
		LIST, "]}",
		"\"id\":2,\"username\":\"bot-2\",\"role\":\"admin\","
		"\"hasSensitiveAccess\":true",
	"id", "role", "admin", true, false, false},
	{"projects of the organization",
		{MP_CALL_ORGANIZATION_PROJECTS, MP_RECORD_PROJECT,
		MP_FIELD_PROJECT_NAME, true},
		LIST, "]}",
		"\"id\":2,\"name\":\"P\"",
	"id", "name", "P", true, false, false},
	{"/me",
		{MP_CALL_ME, MP_RECORD_PROJECT, MP_FIELD_PROJECT_NAME, false},
		"{\"status\":\"ok\",\"results\":{\"projects\":{\"1001\":", "}}}",
		"\"id\":2,\"name\":\"P\",\"organization_id\":123",
	"id", "name", "P", true, false, true},
};

const Read *current;

void
body_add_bytes(Body *body, const char *bytes, size_t size)
{
	body->data = realloc(body->data, body->size + size + 1);
	if (body->data == NULL)
		abort();
	memcpy(body->data + body->size, bytes, size);
	body->size += size;
	body->data[body->size] = '\0';
}

void
body_add(Body *body, const char *text)
{
	body_add_bytes(body, text, strlen(text));
}

void
body_repeat(Body *body, const char *text, size_t times)
{
	size_t		length = strlen(text);

	body->data = realloc(body->data, body->size + times * length + 1);
	if (body->data == NULL)
		abort();
	for (size_t i = 0; i < times; i++)
		memcpy(body->data + body->size + i * length, text, length);
	body->size += times * length;
	body->data[body->size] = '\0';
}

void
body_drop(Body *body)
{
	free(body->data);
	memset(body, 0, sizeof(*body));
}

/* The members with one changed, added at the end, or left out (NULL). */
void
body_add_element(Body *body, const char *members, const char *name,
				 const char *value)
{
	char		quoted[400];
	const char *place;
	size_t		rest;

	snprintf(quoted, sizeof(quoted), "\"%s\":", name);
	place = name[0] == '\0' ? NULL : strstr(members, quoted);
	body_add(body, "{");
	if (place == NULL)
	{
		body_add(body, members);
		if (name[0] != '\0')
		{
			body_add(body, ",");
			body_add(body, quoted);
			body_add(body, value);
		}
		body_add(body, "}");
		return;
	}
	rest = strcspn(place, ",");
	body_add_bytes(body, members, (size_t) (place - members));
	if (value != NULL)
	{
		body_add(body, quoted);
		body_add(body, value);
	}
	else if (place[rest] == ',')
		rest++;
	body_add(body, place + rest);
	body_add(body, "}");
}

/* A good answer, with one member of its element changed. */
Body
body_answer_with(const char *name, const char *value)
{
	Body		body = {0};

	body_add(&body, current->before);
	body_add_element(&body, current->members, name, value);
	body_add(&body, current->after);
	return body;
}

Body
body_good_answer(void)
{
	return body_answer_with("", NULL);
}

static bool
matches(const char *text, const char *pattern)
{
	regex_t		compiled;
	bool		result;

	if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		abort();
	result = regexec(&compiled, text, 0, NULL, 0) == 0;
	regfree(&compiled);
	return result;
}

/* What was read instead of what should have been. */
static const char *
describe(const Reading *reading, const char *wanted, const Body *body)
{
	static char text[2400];

	snprintf(text, sizeof(text), "%s%" PRId64 " records, the last \"%.80s\";"
			 " \"%.800s\", wanted %.200s, of \"%.200s\"",
			 reading->is_steady ? "" : "not the same in pieces; ",
			 reading->count,
			 reading->shown.length > 0 ? reading->shown.data : "",
			 reading->detail, wanted, body->data != NULL ? body->data : "");
	return text;
}

const char *
case_refused(Body body, const char *pattern)
{
	Reading		reading = canned_read(&current->asking, body.data, body.size);
	const char *fault = NULL;

	if (reading.state != MP_CALL_FAILED || reading.kind == MP_PROBLEM_HTTP ||
		!reading.is_steady || !matches(reading.detail, pattern))
		fault = describe(&reading, pattern, &body);
	canned_release(&reading);
	body_drop(&body);
	return fault;
}

const char *
case_given(Body body, int64_t count, const char *shown)
{
	Reading		reading = canned_read(&current->asking, body.data, body.size);
	bool		fine = reading.state == MP_CALL_DONE &&
		reading.count == count && reading.is_steady;
	const char *fault = NULL;

	if (fine && shown != NULL)
		fine = reading.shown.length > 0 &&
			strcmp(reading.shown.data, shown) == 0;
	if (!fine)
		fault = describe(&reading, shown != NULL ? shown : "any", &body);
	canned_release(&reading);
	body_drop(&body);
	return fault;
}
