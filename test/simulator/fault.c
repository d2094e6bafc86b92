/*-------------------------------------------------------------------------
 *
 * fault.c
 *	  What is to go wrong, with which requests, and how often.
 *
 * Owns the list of faults and their JSON form.  Must not know how a fault is
 * done to a connection.
 *
 *-------------------------------------------------------------------------
 */
#include "fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "memory.h"
#include "schema.h"

static const SimField fields[] = {
	{"method", SIM_FIELD_STRING, false, NULL},
	{"path", SIM_FIELD_STRING, false, NULL},
	{"nth", SIM_FIELD_ID, false, NULL},
	{"count", SIM_FIELD_COUNT, false, NULL},
	{"every", SIM_FIELD_ID, false, NULL},
	{"delay_ms", SIM_FIELD_COUNT, false, NULL},
	{"status", SIM_FIELD_ID, false, NULL},
	{"headers", SIM_FIELD_STRINGS, false, NULL},
	{"body", SIM_FIELD_ANY, false, NULL},
	{"raw", SIM_FIELD_STRING, false, NULL},
	{"content_type", SIM_FIELD_STRING, false, NULL},
	{"gateway", SIM_FIELD_BOOLEAN, false, NULL},
	{"after", SIM_FIELD_BOOLEAN, false, NULL},
	{"reset", SIM_FIELD_STRING, false, NULL},
	{"close", SIM_FIELD_STRING, false, NULL},
	{"cut", SIM_FIELD_COUNT, false, NULL},
	{"cut_chunked", SIM_FIELD_COUNT, false, NULL},
	{"chunk", SIM_FIELD_ID, false, NULL},
	{"hang", SIM_FIELD_STRING, false, NULL},
	{"drip_ms", SIM_FIELD_COUNT, false, NULL},
	{NULL, SIM_FIELD_ANY, false, NULL},
};

typedef struct Way
{
	const char *field;
	const char *value;			/* NULL = a number */
	SimDelivery delivery;
} Way;

static const Way ways[] = {
	{"reset", "before", SIM_DELIVERY_RESET_BEFORE},
	{"reset", "after", SIM_DELIVERY_RESET_AFTER},
	{"reset", "mid", SIM_DELIVERY_RESET_MID},
	{"close", "before", SIM_DELIVERY_CLOSE_BEFORE},
	{"close", "after", SIM_DELIVERY_CLOSE_AFTER},
	{"cut", NULL, SIM_DELIVERY_CUT},
	{"cut_chunked", NULL, SIM_DELIVERY_CUT_CHUNKED},
	{"chunk", NULL, SIM_DELIVERY_CHUNKED},
	{"hang", "headers", SIM_DELIVERY_HANG_HEADERS},
	{"hang", "body", SIM_DELIVERY_HANG_BODY},
	{"drip_ms", NULL, SIM_DELIVERY_DRIP},
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static bool
refuse(char *error, const char *reason)
{
	snprintf(error, SIM_CONFIG_ERROR, "fault: %s", reason);
	return false;
}

static int64_t
number_field(const json_t *described, const char *name, int64_t otherwise)
{
	const json_t *value = json_object_get(described, name);

	return value == NULL ? otherwise : json_integer_value(value);
}

static const char *
string_field(const json_t *described, const char *name)
{
	return json_string_value(json_object_get(described, name));
}

static bool
is_way(const Way *way, const json_t *described)
{
	const json_t *value = json_object_get(described, way->field);

	if (value == NULL)
		return false;
	return way->value == NULL ||
		strcmp(way->value, json_string_value(value)) == 0;
}

static bool
read_delivery(SimFault *fault, const json_t *described, char *error)
{
	size_t		wanted = 0;
	size_t		found = 0;

	for (size_t i = 0; i < WAYS; i++)
	{
		if (i == 0 || strcmp(ways[i].field, ways[i - 1].field) != 0)
			wanted += json_object_get(described, ways[i].field) != NULL;
		if (!is_way(&ways[i], described))
			continue;
		found++;
		fault->delivery = ways[i].delivery;
		fault->amount = number_field(described, ways[i].field, 0);
	}
	if (found != wanted)
		return refuse(error, "\"reset\" is before, after or mid, \"close\""
					  " is before or after, \"hang\" is headers or body");
	if (found > 1)
		return refuse(error, "only one of reset, close, cut, cut_chunked,"
					  " chunk, hang and drip_ms");
	return true;
}

/* The bytes of the replaced body: exact, a string's, or a JSON value's. */
static bool
read_body(SimText *text, const json_t *described, char *error)
{
	const char *raw = string_field(described, "raw");
	const json_t *body = json_object_get(described, "body");

	if (raw != NULL && !sim_base64_decode(raw, text))
		return refuse(error, "\"raw\" is no base64");
	if (json_is_string(body))
		sim_text_append(text, json_string_value(body),
						json_string_length(body));
	else if (body != NULL)
		sim_text_json(text, body);
	return true;
}

static bool
read_answer(SimFault *fault, json_t *described, char *error)
{
	SimText		text = {0};
	const char *type = string_field(described, "content_type");
	int64_t		status = number_field(described, "status", 200);
	const char *name;
	json_t	   *value;

	if (status < 200 || status > 599)
		return refuse(error, "\"status\" is from 200 to 599");
	fault->has_answer = json_object_get(described, "status") != NULL ||
		json_is_true(json_object_get(described, "gateway")) ||
		json_object_get(described, "body") != NULL ||
		json_object_get(described, "raw") != NULL;
	if (!read_body(&text, described, error))
	{
		sim_text_free(&text);
		return false;
	}
	fault->answer.status = (unsigned) status;
	if (json_is_true(json_object_get(described, "gateway")))
	{
		sim_text_free(&text);
		sim_answer_html(&fault->answer, (unsigned) status);
	}
	else if (text.size > 0)
		sim_answer_json(&fault->answer, (unsigned) status, &text);
	if (type != NULL)
		sim_answer_header(&fault->answer, "Content-Type", type);
	json_object_foreach(json_object_get(described, "headers"), name, value)
	{
		sim_answer_header(&fault->answer, name, json_string_value(value));
	}
	return true;
}

static bool
read_match(SimFault *fault, const json_t *described, char *error)
{
	const char *path = string_field(described, "path");

	fault->method = sim_memory_copy(string_field(described, "method"));
	fault->nth = number_field(described, "nth", 1);
	fault->count = number_field(described, "count", 1);
	fault->every = number_field(described, "every", 1);
	fault->delay_ms = number_field(described, "delay_ms", 0);
	fault->after = json_is_true(json_object_get(described, "after"));
	if (path == NULL)
		return true;
	if (regcomp(&fault->pattern, path, REG_EXTENDED | REG_NOSUB) != 0)
		return refuse(error, "\"path\" is no regular expression");
	fault->path = sim_memory_copy(path);
	return true;
}

static void
append(SimFaultList *list, SimFault *fault)
{
	list->items = sim_memory_resize(list->items,
									(list->size + 1) * sizeof(SimFault *));
	list->items[list->size++] = fault;
}

static bool
add_one(SimFaultList *list, json_t *described, char *error)
{
	SimSchema	schema = {0};
	SimFault   *fault;

	schema.fields = fields;
	if (!sim_schema_check(&schema, described))
		return refuse(error, schema.error);
	fault = sim_memory_new(sizeof(*fault));
	fault->holders = 1;
	if (read_match(fault, described, error) &&
		read_answer(fault, described, error) &&
		read_delivery(fault, described, error))
	{
		append(list, fault);
		return true;
	}
	sim_fault_release(fault);
	return false;
}

bool
sim_fault_add(SimFaultList *list, json_t *described, char *error)
{
	if (!json_is_array(described))
		return add_one(list, described, error);
	for (size_t i = 0; i < json_array_size(described); i++)
		if (!add_one(list, json_array_get(described, i), error))
			return false;
	return true;
}

static bool
is_for(const SimFault *fault, const char *method, const char *path)
{
	if (fault->method != NULL && strcmp(fault->method, method) != 0)
		return false;
	return fault->path == NULL ||
		regexec(&fault->pattern, path, 0, NULL, 0) == 0;
}

/* Counts one more request that the fault is for. */
static bool
is_due(SimFault *fault)
{
	return ++fault->seen >= fault->nth &&
		(fault->seen - fault->nth) % fault->every == 0;
}

static void
drop_at(SimFaultList *list, size_t at)
{
	sim_fault_release(list->items[at]);
	list->size--;
	memmove(list->items + at, list->items + at + 1,
			(list->size - at) * sizeof(SimFault *));
}

SimFault *
sim_fault_match(SimFaultList *list, const char *method, const char *path)
{
	for (size_t i = 0; i < list->size; i++)
	{
		SimFault   *fault = list->items[i];

		if (!is_for(fault, method, path) || !is_due(fault))
			continue;
		fault->holders++;
		if (++fault->used == fault->count)
			drop_at(list, i);
		/* still held, by the caller */
		return fault;			/* NOLINT(clang-analyzer-unix.Malloc) */
	}
	return NULL;
}

void
sim_fault_release(SimFault *fault)
{
	if (fault == NULL || --fault->holders > 0)
		return;
	if (fault->path != NULL)
		regfree(&fault->pattern);
	free(fault->path);
	free(fault->method);
	sim_answer_clear(&fault->answer);
	free(fault);
}

void
sim_fault_clear(SimFaultList *list)
{
	while (list->size > 0)
		drop_at(list, list->size - 1);
	free(list->items);
	list->items = NULL;
}

void
sim_fault_write(const SimFaultList *list, SimText *text)
{
	sim_text_puts(text, "[");
	for (size_t i = 0; i < list->size; i++)
	{
		const SimFault *fault = list->items[i];

		sim_text_comma(text);
		sim_text_puts(text, "{\"method\":");
		sim_text_quote(text, fault->method);
		sim_text_puts(text, ",\"path\":");
		sim_text_quote(text, fault->path);
		sim_text_printf(text, ",\"nth\":%lld,\"count\":%lld,\"seen\":%lld,"
						"\"used\":%lld}",
						(long long) fault->nth, (long long) fault->count,
						(long long) fault->seen, (long long) fault->used);
	}
	sim_text_puts(text, "]");
}
