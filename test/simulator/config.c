/*-------------------------------------------------------------------------
 *
 * config.c
 *	  What can be chosen: the seed, and the switches of behaviour.
 *
 * Owns the table of settings with their defaults and checks.  Must not know
 * what the settings do.
 *
 *-------------------------------------------------------------------------
 */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#define MAX_ACCOUNTS 5000000
#define MAX_SKEW (INT64_C(100) * 366 * 86400)
#define MAX_ID (INT64_C(1) << 53)

typedef enum Kind
{
	KIND_NUMBER,				/* of a range */
	KIND_CHOICE,				/* a name of choices[], or a number of it */
	KIND_BOOLEAN,
	KIND_TIME,
	KIND_STRING
} Kind;

typedef struct Choice
{
	const char *name;
	int64_t		value;
} Choice;

typedef struct Setting
{
	const char *name;
	Kind		kind;
	bool		is_switch;		/* may be changed without a new seed */
	size_t		offset;			/* in SimConfig */
	int64_t		minimum;
	int64_t		maximum;
	const Choice *choices;		/* ends with a NULL name */
	const char *initial;
} Setting;

static const Choice documents[] = {
	{"docs", SIM_DOCUMENT_DOCS},
	{"nested", SIM_DOCUMENT_NESTED},
	{"bulk", SIM_DOCUMENT_BULK},
	{"all", SIM_DOCUMENT_ALL},
	{NULL, 0},
};

static const Choice missing_route[] = {
	{"natural", 0}, {"404", 404}, {"405", 405}, {NULL, 0},
};

static const Choice existing_member[] = {
	{"200", 200}, {"400", 400}, {"409", 409}, {NULL, 0},
};

static const Choice absent_member[] = {
	{"200", 200}, {"400", 400}, {"404", 404}, {NULL, 0},
};

static const Choice duplicate_username[] = {
	{"200", 200}, {"409", 409}, {NULL, 0},
};

static const Choice expires[] = {
	{"kept", SIM_EXPIRES_KEPT},
	{"ignored", SIM_EXPIRES_IGNORED},
	{"capped", SIM_EXPIRES_CAPPED},
	{NULL, 0},
};

static const Choice created[] = {
	{"whole", SIM_CREATED_WHOLE},
	{"nulls", SIM_CREATED_NULLS},
	{"short", SIM_CREATED_SHORT},
	{NULL, 0},
};

static const Choice deleted_account[] = {
	{"404", 404}, {"410", 410}, {NULL, 0},
};

static const Choice paging[] = {
	{"total", SIM_PAGING_TOTAL},
	{"count", SIM_PAGING_COUNT},
	{"meta", SIM_PAGING_META},
	{"pagination", SIM_PAGING_PAGINATION},
	{"links", SIM_PAGING_LINKS},
	{"next", SIM_PAGING_NEXT},
	{"flag", SIM_PAGING_FLAG},
	{"link_header", SIM_PAGING_LINK_HEADER},
	{"next_header", SIM_PAGING_NEXT_HEADER},
	{"count_header", SIM_PAGING_COUNT_HEADER},
	{"range_header", SIM_PAGING_RANGE_HEADER},
	{NULL, 0},
};

static const Choice member_role[] = {
	{"set", 1}, {"kept", 0}, {NULL, 0},
};

static const Choice unknown_named[] = {
	{"natural", 0}, {"400", 400}, {"404", 404}, {"422", 422}, {NULL, 0},
};

static const Choice refusal[] = {
	{"error", SIM_REFUSAL_ERROR},
	{"array", SIM_REFUSAL_ARRAY},
	{"object", SIM_REFUSAL_OBJECT},
	{"message", SIM_REFUSAL_MESSAGE},
	{"detail", SIM_REFUSAL_DETAIL},
	{"success", SIM_REFUSAL_SUCCESS},
	{"html", SIM_REFUSAL_HTML},
	{"empty", SIM_REFUSAL_EMPTY},
	{NULL, 0},
};

static const Choice refused[] = {
	{"natural", 0}, {"200", 200}, {"207", 207}, {NULL, 0},
};

static const Choice foreign_project[] = {
	{"302", 302}, {"400", 400}, {"401", 401}, {"403", 403}, {"404", 404},
	{NULL, 0},
};

static const Choice retry_after[] = {
	{"seconds", SIM_RETRY_AFTER_SECONDS},
	{"date", SIM_RETRY_AFTER_DATE},
	{"none", SIM_RETRY_AFTER_NONE},
	{NULL, 0},
};

#define SEED(name) #name, KIND_NUMBER, false, offsetof(SimConfig, name)
#define SEED_STRING(name) #name, KIND_STRING, false, offsetof(SimConfig, name)
#define SWITCH(kind, name) #name, kind, true, offsetof(SimConfig, name)

static const Setting settings[] = {
	{SEED(accounts), 0, MAX_ACCOUNTS, NULL, "10"},
	{SEED(projects), 0, MAX_ACCOUNTS, NULL, "5"},
	{SEED(memberships_per_account), 0, 10000, NULL, "2"},
	{SEED(organization), 1, MAX_ID, NULL, "123"},
	{SEED(organizations), 1, 1000, NULL, "1"},
	{SEED(first_account_id), 1, MAX_ID, NULL, "1"},
	{SEED(first_project_id), 1, MAX_ID, NULL, "1001"},
	{"epoch", KIND_TIME, false, offsetof(SimConfig, epoch), 0, 0, NULL, "now"},
	{SEED_STRING(username), 0, 0, NULL, "admin-bot.mp-service-account"},
	{SEED_STRING(secret), 0, 0, NULL, "admin-secret"},
	{SWITCH(KIND_CHOICE, document), 0, 0, documents, "all"},
	{SWITCH(KIND_NUMBER, latency_ms), 0, 600000, NULL, "0"},
	{SWITCH(KIND_CHOICE, missing_route_status), 0, 0, missing_route,
	"natural"},
	{SWITCH(KIND_CHOICE, existing_member_status), 0, 0, existing_member,
	"200"},
	{SWITCH(KIND_CHOICE, absent_member_status), 0, 0, absent_member, "200"},
	{SWITCH(KIND_CHOICE, duplicate_username_status), 0, 0, duplicate_username,
	"200"},
	{SWITCH(KIND_BOOLEAN, admin_everywhere), 0, 0, NULL, "true"},
	{SWITCH(KIND_BOOLEAN, custom_roles), 0, 0, NULL, "true"},
	{SWITCH(KIND_BOOLEAN, trailing_slash_redirect), 0, 0, NULL, "false"},
	{SWITCH(KIND_BOOLEAN, list_by_account), 0, 0, NULL, "true"},
	{SWITCH(KIND_BOOLEAN, list_by_project), 0, 0, NULL, "true"},
	{SWITCH(KIND_BOOLEAN, bulk_calls), 0, 0, NULL, "true"},
	{SWITCH(KIND_BOOLEAN, single_calls), 0, 0, NULL, "true"},
	{SWITCH(KIND_BOOLEAN, me_route), 0, 0, NULL, "true"},
	{SWITCH(KIND_BOOLEAN, projects_route), 0, 0, NULL, "false"},
	{SWITCH(KIND_BOOLEAN, username_suffix), 0, 0, NULL, "true"},
	{SWITCH(KIND_CHOICE, expires), 0, 0, expires, "kept"},
	{SWITCH(KIND_CHOICE, created), 0, 0, created, "whole"},
	{SWITCH(KIND_BOOLEAN, create_warning), 0, 0, NULL, "false"},
	{SWITCH(KIND_BOOLEAN, account_status), 0, 0, NULL, "false"},
	{SWITCH(KIND_NUMBER, get_lag_ms), 0, 600000, NULL, "0"},
	{SWITCH(KIND_NUMBER, get_lag_requests), 0, 1000000, NULL, "0"},
	{SWITCH(KIND_NUMBER, list_lag_ms), 0, 600000, NULL, "0"},
	{SWITCH(KIND_NUMBER, list_lag_requests), 0, 1000000, NULL, "0"},
	{SWITCH(KIND_CHOICE, deleted_status), 0, 0, deleted_account, "404"},
	{SWITCH(KIND_BOOLEAN, deleted_listed), 0, 0, NULL, "false"},
	{SWITCH(KIND_NUMBER, page_size), 0, MAX_ACCOUNTS, NULL, "0"},
	{SWITCH(KIND_CHOICE, paging), 0, 0, paging, "total"},
	{SWITCH(KIND_BOOLEAN, capital_roles), 0, 0, NULL, "false"},
	{SWITCH(KIND_CHOICE, existing_member_role), 0, 0, member_role, "set"},
	{SWITCH(KIND_CHOICE, bulk_existing_member_status), 0, 0, existing_member,
	"200"},
	{SWITCH(KIND_CHOICE, unknown_status), 0, 0, unknown_named, "natural"},
	{SWITCH(KIND_BOOLEAN, partial_refusal), 0, 0, NULL, "false"},
	{SWITCH(KIND_CHOICE, refusal), 0, 0, refusal, "error"},
	{SWITCH(KIND_CHOICE, refused_status), 0, 0, refused, "natural"},
	{SWITCH(KIND_BOOLEAN, me_project_ids), 0, 0, NULL, "true"},
	{SWITCH(KIND_BOOLEAN, me_own_projects), 0, 0, NULL, "false"},
	{SWITCH(KIND_CHOICE, foreign_project_status), 0, 0, foreign_project,
	"400"},
	{SWITCH(KIND_NUMBER, rate_limit), 0, 1000000, NULL, "0"},
	{SWITCH(KIND_NUMBER, rate_window_ms), 1, 86400000, NULL, "1000"},
	{SWITCH(KIND_CHOICE, retry_after), 0, 0, retry_after, "seconds"},
	{SWITCH(KIND_NUMBER, concurrency_limit), 0, 1000000, NULL, "0"},
	{SWITCH(KIND_NUMBER, clock_skew_s), -MAX_SKEW, MAX_SKEW, NULL, "0"},
	{SWITCH(KIND_BOOLEAN, date_header), 0, 0, NULL, "true"},
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static int64_t *
number_in(SimConfig *config, const Setting *setting)
{
	return (int64_t *) (void *) ((char *) config + setting->offset);
}

static bool
set_number(int64_t *place, const Setting *setting, const char *text)
{
	char	   *end;
	long long	value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 ||
		value < setting->minimum || value > setting->maximum)
		return false;
	*place = value;
	return true;
}

static bool
set_choice(int64_t *place, const Setting *setting, const char *text)
{
	for (const Choice *choice = setting->choices; choice->name; choice++)
	{
		if (strcmp(choice->name, text) != 0)
			continue;
		*place = choice->value;
		return true;
	}
	return false;
}

static bool
set_boolean(int64_t *place, const char *text)
{
	bool		on = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
	bool		off = strcmp(text, "false") == 0 || strcmp(text, "0") == 0;

	*place = on;
	return on || off;
}

static bool
set_time(int64_t *place, const char *text)
{
	char	   *end;
	long long	seconds;

	if (strcmp(text, "now") == 0)
	{
		*place = SIM_CLOCK_NEVER;
		return true;
	}
	if (sim_clock_parse(text, place))
		return true;
	seconds = strtoll(text, &end, 10);
	if (end == text || *end != '\0' ||
		seconds < 0 || seconds > INT64_MAX / SIM_CLOCK_SECOND)
		return false;
	*place = seconds * SIM_CLOCK_SECOND;
	return true;
}

static bool
set_string(char *place, const char *text)
{
	if (strlen(text) == 0 || strlen(text) >= SIM_CONFIG_STRING)
		return false;
	strcpy(place, text);
	return true;
}

static bool
set_value(SimConfig *config, const Setting *setting, const char *text)
{
	switch (setting->kind)
	{
		case KIND_NUMBER:
			return set_number(number_in(config, setting), setting, text);
		case KIND_CHOICE:
			return set_choice(number_in(config, setting), setting, text);
		case KIND_BOOLEAN:
			return set_boolean(number_in(config, setting), text);
		case KIND_TIME:
			return set_time(number_in(config, setting), text);
		case KIND_STRING:
			return set_string((char *) config + setting->offset, text);
	}
	return false;
}

/* Names are equal if they differ in - and _ only. */
static bool
same_name(const char *left, const char *right)
{
	for (; *left != '\0' && *right != '\0'; left++, right++)
		if ((*left == '-' ? '_' : *left) != (*right == '-' ? '_' : *right))
			return false;
	return *left == *right;
}

static const Setting *
find_setting(const char *name)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (same_name(settings[i].name, name))
			return &settings[i];
	return NULL;
}

void
sim_config_default(SimConfig *config)
{
	memset(config, 0, sizeof(*config));
	for (size_t i = 0; i < SETTINGS; i++)
		set_value(config, &settings[i], settings[i].initial);
}

bool
sim_config_set_text(SimConfig *config, const char *name, const char *text,
					char *error)
{
	const Setting *setting = find_setting(name);

	if (setting == NULL)
		snprintf(error, SIM_CONFIG_ERROR, "unknown setting \"%s\"", name);
	else if (set_value(config, setting, text))
		return true;
	else
		snprintf(error, SIM_CONFIG_ERROR, "bad value \"%s\" for \"%s\"",
				 text, name);
	return false;
}

/* The text form of a scalar, NULL for anything else. */
static const char *
scalar_text(const json_t *value, char *buffer, size_t size)
{
	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	if (!json_is_integer(value))
		return NULL;
	snprintf(buffer, size, "%lld", (long long) json_integer_value(value));
	return buffer;
}

static bool
set_member(SimConfig *config, const char *name, const json_t *value,
		   char *error)
{
	char		buffer[32];
	const char *text = scalar_text(value, buffer, sizeof(buffer));

	if (text != NULL)
		return sim_config_set_text(config, name, text, error);
	snprintf(error, SIM_CONFIG_ERROR, "\"%s\" must be a scalar", name);
	return false;
}

bool
sim_config_set_json(SimConfig *config, json_t *members,
					bool switches_only, char *error)
{
	const char *name;
	json_t	   *value;
	bool		done = true;

	json_object_foreach(members, name, value)
	{
		const Setting *setting = find_setting(name);

		if (setting != NULL && switches_only && !setting->is_switch)
		{
			snprintf(error, SIM_CONFIG_ERROR,
					 "\"%s\" belongs to the seed: use reset", name);
			done = false;
		}
		else
			done = set_member(config, name, value, error);
		if (!done)
			break;
	}
	return done;
}

static void
describe_choices(SimText *text, const Choice *choices)
{
	sim_text_puts(text, " (");
	for (const Choice *choice = choices; choice->name != NULL; choice++)
		sim_text_printf(text, "%s%s", choice == choices ? "" : "|",
						choice->name);
	sim_text_puts(text, ")");
}

void
sim_config_describe(SimText *text)
{
	for (size_t i = 0; i < SETTINGS; i++)
	{
		sim_text_puts(text, "  --");
		for (const char *c = settings[i].name; *c != '\0'; c++)
			sim_text_append(text, *c == '_' ? "-" : c, 1);
		sim_text_printf(text, " VALUE, default %s", settings[i].initial);
		if (settings[i].choices != NULL)
			describe_choices(text, settings[i].choices);
		sim_text_puts(text, "\n");
	}
}
