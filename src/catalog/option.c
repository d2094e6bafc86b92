/*-------------------------------------------------------------------------
 *
 * catalog/option.c
 *		The table of options, and their checks when they are set.
 *
 * All that is said of an option stands in its row.  What values a type takes
 * is option_type.c's, what options resolve to when they are used is
 * option_resolve.c's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "catalog/closest.h"
#include "catalog/option.h"
#include "catalog/option_state.h"
#include "catalog/option_value.h"

/* What follows the default in a row. */
#define KEPT_IN(field)	.setting = offsetof(MpSettings, field)
#define COUNT_IN(field)	.count_setting = offsetof(MpSettings, field)
#define NOT_KEPT		.setting = MP_OPTION_NOT_KEPT
#define RANGE(lowest, highest)	.min = (lowest), .max = (highest)
#define LOCAL			.local = true
#define WORDS(list)		.words = (list)

static const MpOptionWord regions[] = {
	{"us", 0, "https://mixpanel.com/api/app"},
	{"eu", 0, "https://eu.mixpanel.com/api/app"},
	{"in", 0, "https://in.mixpanel.com/api/app"},
	{NULL, 0, NULL},
};

static const MpOptionWord ways_to_read[] = {
	{"auto", MP_MEMBERSHIP_READ_AUTO, NULL},
	{"account", MP_MEMBERSHIP_READ_ACCOUNT, NULL},
	{"project", MP_MEMBERSHIP_READ_PROJECT, NULL},
	{NULL, 0, NULL},
};

static const MpOptionWord ways_to_write[] = {
	{"auto", MP_MEMBERSHIP_WRITE_AUTO, NULL},
	{"bulk", MP_MEMBERSHIP_WRITE_BULK, NULL},
	{"single", MP_MEMBERSHIP_WRITE_SINGLE, NULL},
	{NULL, 0, NULL},
};

/*
 * Name, places, privilege, type, default, setting.  Of two options of one
 * place that go to the same setting, only one may be given.
 */
const MpOption mp_options[] = {
	{"organization_id", MP_ON_SERVER | MP_ON_TABLE, MP_OPTION_ANYBODY,
	&mp_option_id, NULL, KEPT_IN(organization_id)},
	{"region", MP_ON_SERVER, MP_OPTION_ANYBODY,
	&mp_option_word_text, "us", KEPT_IN(base_url), WORDS(regions)},
	{"base_url", MP_ON_SERVER, MP_OPTION_ANYBODY,
	&mp_option_base_url, NULL, KEPT_IN(base_url)},
	{"allow_insecure_http", MP_ON_SERVER, MP_OPTION_SUPERUSER,
	&mp_option_boolean, "false", NOT_KEPT},
	{"membership_read", MP_ON_SERVER, MP_OPTION_ANYBODY,
		&mp_option_word, "auto", KEPT_IN(membership_read),
	WORDS(ways_to_read)},
	{"membership_write", MP_ON_SERVER, MP_OPTION_ANYBODY,
		&mp_option_word, "auto", KEPT_IN(membership_write),
	WORDS(ways_to_write)},
	{"membership_verify", MP_ON_SERVER, MP_OPTION_ANYBODY,
	&mp_option_boolean, "true", KEPT_IN(membership_verify)},
	{"project_ids", MP_ON_SERVER, MP_OPTION_ANYBODY,
	&mp_option_ids, NULL, KEPT_IN(project_ids), COUNT_IN(project_count)},
	{"connect_timeout", MP_ON_SERVER, MP_OPTION_ANYBODY,
	&mp_option_duration, "10s", KEPT_IN(connect_timeout)},
	{"request_timeout", MP_ON_SERVER, MP_OPTION_ANYBODY,
	&mp_option_duration, "150s", KEPT_IN(request_timeout)},
	{"max_retries", MP_ON_SERVER, MP_OPTION_ANYBODY,
	&mp_option_integer, "3", KEPT_IN(max_retries), RANGE(0, 10)},
	{"max_retry_wait", MP_ON_SERVER, MP_OPTION_ANYBODY,
	&mp_option_duration, "30s", KEPT_IN(max_retry_wait)},
	{"max_concurrency", MP_ON_SERVER, MP_OPTION_ANYBODY,
	&mp_option_integer, "8", KEPT_IN(max_concurrency), RANGE(1, 64)},
	{"rate_limit", MP_ON_SERVER, MP_OPTION_ANYBODY,
	&mp_option_rate, NULL, KEPT_IN(rate_limit)},
	{"shared_concurrency", MP_ON_SERVER, MP_OPTION_ANYBODY,
	&mp_option_integer, NULL, KEPT_IN(shared_concurrency), RANGE(1, 1024)},
	{"ca_file", MP_ON_SERVER, MP_OPTION_FILE_READER,
	&mp_option_file, NULL, KEPT_IN(ca_file)},
	{"proxy", MP_ON_SERVER, MP_OPTION_ANYBODY,
	&mp_option_proxy, NULL, KEPT_IN(proxy)},
	{"updatable", MP_ON_SERVER | MP_ON_TABLE, MP_OPTION_ANYBODY,
	&mp_option_boolean, "true", KEPT_IN(updatable), LOCAL},
	{"async_capable", MP_ON_SERVER | MP_ON_TABLE, MP_OPTION_ANYBODY,
	&mp_option_boolean, "true", KEPT_IN(async_capable), LOCAL},
	{"fdw_startup_cost", MP_ON_SERVER | MP_ON_TABLE, MP_OPTION_ANYBODY,
	&mp_option_cost, "100", KEPT_IN(round_trip_cost), LOCAL},
	{"fdw_tuple_cost", MP_ON_SERVER | MP_ON_TABLE, MP_OPTION_ANYBODY,
	&mp_option_cost, "0.01", KEPT_IN(tuple_cost), LOCAL},
	{"username", MP_ON_MAPPING, MP_OPTION_ANYBODY,
	&mp_option_login_name, NULL, KEPT_IN(username)},
	{"secret", MP_ON_MAPPING, MP_OPTION_ANYBODY,
	&mp_option_secret, NULL, KEPT_IN(secret)},
	{"secret_file", MP_ON_MAPPING, MP_OPTION_FILE_READER,
	&mp_option_secret_file, NULL, KEPT_IN(secret)},
	{"object", MP_ON_TABLE, MP_OPTION_ANYBODY,
	&mp_option_object, NULL, NOT_KEPT},
	{"field", MP_ON_COLUMN, MP_OPTION_ANYBODY,
	&mp_option_field, NULL, NOT_KEPT},
	{.name = NULL},
};

static int	place_of(Oid catalog);
static void check_privilege(const MpOption *option);
static void check_pairs(List *options, int place);
static void check_insecure(List *options);
static void refuse_name(const char *name, int place);
static const char *describe_places(int places);

void
mp_option_validate(List *options, Oid catalog)
{
	int			place = place_of(catalog);
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *def = lfirst_node(DefElem, cell);
		const MpOption *option = mp_option_row(def->defname, place);

		if (option == NULL)
			refuse_name(def->defname, place);
		else
		{
			if (!option->type->parse(option, defGetString(def), NULL))
				mp_option_refuse_value(option, defGetString(def));
			check_privilege(option);
		}
	}
	check_pairs(options, place);
	check_insecure(options);
}

const MpOption *
mp_option_row(const char *name, int place)
{
	for (const MpOption *option = mp_options; option->name != NULL; option++)
		if ((option->places & place) != 0 && strcmp(option->name, name) == 0)
			return option;
	return NULL;
}

static int
place_of(Oid catalog)
{
	switch (catalog)
	{
		case ForeignServerRelationId:
			return MP_ON_SERVER;
		case ForeignTableRelationId:
			return MP_ON_TABLE;
		case UserMappingRelationId:
			return MP_ON_MAPPING;
		case AttributeRelationId:
			return MP_ON_COLUMN;
		default:
			return 0;			/* the wrapper itself takes none */
	}
}

static void
check_privilege(const MpOption *option)
{
	if (option->privilege == MP_OPTION_ANYBODY || superuser())
		return;
	if (option->privilege == MP_OPTION_FILE_READER &&
		has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to set option \"%s\"", option->name),
			 option->privilege == MP_OPTION_SUPERUSER ?
			 errhint("Only a superuser may set it.") :
			 errhint("Only a superuser or a member of pg_read_server_files may set it.")));
}

/* Options that would overwrite each other's setting. */
static void
check_pairs(List *options, int place)
{
	for (const MpOption *one = mp_options; one->name != NULL; one++)
		for (const MpOption *other = one + 1; other->name != NULL; other++)
			if (one->setting == other->setting &&
				one->setting != MP_OPTION_NOT_KEPT &&
				(one->places & other->places & place) != 0 &&
				mp_option_find(options, one->name) != NULL &&
				mp_option_find(options, other->name) != NULL)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("options \"%s\" and \"%s\" cannot be used together",
								one->name, other->name),
						 errhint("Drop one of them.")));
}

/* Is plain http to a host elsewhere allowed? */
static void
check_insecure(List *options)
{
	const char *base_url = mp_option_find(options, "base_url");
	const char *insecure = mp_option_find(options, "allow_insecure_http");
	bool		allowed = false;

	if (insecure != NULL)
		(void) parse_bool(insecure, &allowed);
	if (base_url != NULL && !allowed &&
		mp_value_check_base_url(base_url) == MP_URL_INSECURE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", "base_url",
						base_url),
				 errdetail("Credentials that are sent by http can be read on the network."),
				 errhint("Use https, or let a superuser set \"allow_insecure_http\".")));
}

/* Where the option belongs, or the closest name, or all that there are. */
static void
refuse_name(const char *name, int place)
{
	const MpOption *elsewhere = mp_option_row(name, MP_ON_ANY);
	StringInfoData all;
	MpClosest	closest;

	initStringInfo(&all);
	mp_closest_init(&closest, name);
	for (const MpOption *option = mp_options; option->name != NULL; option++)
	{
		if ((option->places & place) == 0)
			continue;
		appendStringInfo(&all, "%s%s", all.len > 0 ? ", " : "", option->name);
		mp_closest_try(&closest, option->name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\"", name),
			 elsewhere != NULL ?
			 errhint("The option \"%s\" belongs to the %s.", name,
					 describe_places(elsewhere->places)) :
			 closest.best != NULL ?
			 errhint("Perhaps you meant the option \"%s\".", closest.best) :
			 all.len > 0 ?
			 errhint("Valid options in this context are: %s.", all.data) :
			 errhint("There are no valid options in this context.")));
}

static const char *
describe_places(int places)
{
	switch (places)
	{
		case MP_ON_SERVER:
			return "server";
		case MP_ON_TABLE:
			return "foreign table";
		case MP_ON_MAPPING:
			return "user mapping";
		case MP_ON_COLUMN:
			return "columns of a foreign table";
		default:
			Assert(places == (MP_ON_SERVER | MP_ON_TABLE));
			return "server or the foreign table";
	}
}
