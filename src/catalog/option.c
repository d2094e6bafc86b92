/*-------------------------------------------------------------------------
 *
 * catalog/option.c
 *		The options there are, and their checks when they are set.
 *
 * What they resolve to when they are used is option_resolve.c's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>

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
#include "utils/varlena.h"

#include "catalog/option.h"
#include "catalog/option_value.h"
#include "catalog/relation.h"

/* Where an option may stand. */
#define ON_SERVER	1
#define ON_TABLE	2
#define ON_MAPPING	4
#define ON_COLUMN	8

typedef enum Privilege
{
	ANYBODY,
	FILE_READER,				/* superuser or pg_read_server_files */
	SUPERUSER,
} Privilege;

typedef struct OptionRow
{
	const char *name;
	int			places;
	Privilege	privilege;
	bool		(*check) (const char *value);
	const char *accepts;		/* what the check accepts, a sentence */
} OptionRow;

static bool check_id(const char *value);
static bool check_ids(const char *value);
static bool check_region(const char *value);
static bool check_base_url(const char *value);
static bool check_proxy(const char *value);
static bool check_bool(const char *value);
static bool check_read(const char *value);
static bool check_write(const char *value);
static bool check_duration(const char *value);
static bool check_retries(const char *value);
static bool check_concurrency(const char *value);
static bool check_cost(const char *value);
static bool check_path(const char *value);
static bool check_username(const char *value);
static bool check_nonempty(const char *value);
static bool check_object(const char *value);
static bool check_field(const char *value);

#define A_DURATION "Accepted are durations from 1 ms to 24 days, such as \"500ms\", \"30s\", \"2min\", or a bare number of milliseconds."
#define A_BOOLEAN "Accepted are \"true\" and \"false\"."
#define A_COST "Accepted are numbers of zero or more."
#define A_PATH "Accepted are absolute paths of files on the database server."

static const OptionRow option_rows[] = {
	{"organization_id", ON_SERVER | ON_TABLE, ANYBODY, check_id,
	"Accepted are positive integers."},
	{"region", ON_SERVER, ANYBODY, check_region,
	"Accepted are \"us\", \"eu\" and \"in\"."},
	{"base_url", ON_SERVER, ANYBODY, check_base_url,
	"Accepted are URLs such as \"https://mixpanel.com/api/app\": https, or http to a loopback host, without user info, query or fragment."},
	{"allow_insecure_http", ON_SERVER, SUPERUSER, check_bool, A_BOOLEAN},
	{"membership_read", ON_SERVER, ANYBODY, check_read,
	"Accepted are \"auto\", \"account\" and \"project\"."},
	{"membership_write", ON_SERVER, ANYBODY, check_write,
	"Accepted are \"auto\", \"bulk\" and \"single\"."},
	{"membership_verify", ON_SERVER, ANYBODY, check_bool, A_BOOLEAN},
	{"project_ids", ON_SERVER, ANYBODY, check_ids,
	"Accepted are positive integers separated by commas."},
	{"connect_timeout", ON_SERVER, ANYBODY, check_duration, A_DURATION},
	{"request_timeout", ON_SERVER, ANYBODY, check_duration, A_DURATION},
	{"max_retries", ON_SERVER, ANYBODY, check_retries,
	"Accepted are integers from 0 to 10."},
	{"max_retry_wait", ON_SERVER, ANYBODY, check_duration, A_DURATION},
	{"max_concurrency", ON_SERVER, ANYBODY, check_concurrency,
	"Accepted are integers from 1 to 64."},
	{"ca_file", ON_SERVER, FILE_READER, check_path, A_PATH},
	{"proxy", ON_SERVER, ANYBODY, check_proxy,
	"Accepted are URLs such as \"http://proxy.example.com:3128\", with the scheme http, https, socks4, socks4a, socks5 or socks5h and without user info."},
	{"updatable", ON_SERVER | ON_TABLE, ANYBODY, check_bool, A_BOOLEAN},
	{"async_capable", ON_SERVER | ON_TABLE, ANYBODY, check_bool, A_BOOLEAN},
	{"fdw_startup_cost", ON_SERVER | ON_TABLE, ANYBODY, check_cost, A_COST},
	{"fdw_tuple_cost", ON_SERVER | ON_TABLE, ANYBODY, check_cost, A_COST},
	{"username", ON_MAPPING, ANYBODY, check_username,
	"Accepted are names that are not empty and have no colon and no control character."},
	{"secret", ON_MAPPING, ANYBODY, check_nonempty,
	"Accepted are texts that are not empty and have no control character."},
	{"secret_file", ON_MAPPING, FILE_READER, check_path, A_PATH},
	{"object", ON_TABLE, ANYBODY, check_object,
	"Accepted are \"service_accounts\" and \"project_memberships\"."},
	{"field", ON_COLUMN, ANYBODY, check_field,
	"Accepted are the names of the columns that IMPORT FOREIGN SCHEMA makes."},
};

static int	place_of(Oid catalog);
static const OptionRow *find_row(const char *name, int place);
static void check_value(const OptionRow *row, const char *value);
static void check_privilege(const OptionRow *row);
static void check_together(List *options);
static const char *find_value(List *options, const char *name);
static void refuse_unknown(const char *name, int place);
static void refuse_pair(const char *one, const char *other);

void
mp_option_validate(List *options, Oid catalog)
{
	int			place = place_of(catalog);
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *def = lfirst_node(DefElem, cell);
		const OptionRow *row = find_row(def->defname, place);

		if (row == NULL)
			refuse_unknown(def->defname, place);
		else
		{
			check_value(row, defGetString(def));
			check_privilege(row);
		}
	}
	check_together(options);
}

static int
place_of(Oid catalog)
{
	switch (catalog)
	{
		case ForeignServerRelationId:
			return ON_SERVER;
		case ForeignTableRelationId:
			return ON_TABLE;
		case UserMappingRelationId:
			return ON_MAPPING;
		case AttributeRelationId:
			return ON_COLUMN;
		default:
			return 0;			/* the wrapper itself takes none */
	}
}

static const OptionRow *
find_row(const char *name, int place)
{
	for (size_t i = 0; i < lengthof(option_rows); i++)
		if ((option_rows[i].places & place) != 0 &&
			strcmp(option_rows[i].name, name) == 0)
			return &option_rows[i];
	return NULL;
}

/* The value of a secret is never repeated, nor is a URL that may hold one. */
static void
check_value(const OptionRow *row, const char *value)
{
	if (row->check(value))
		return;
	if (row->places == ON_MAPPING || strchr(value, '@') != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for option \"%s\"", row->name),
				 errhint("%s", row->accepts)));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for option \"%s\": \"%s\"", row->name,
					value),
			 errhint("%s", row->accepts)));
}

static void
check_privilege(const OptionRow *row)
{
	if (row->privilege == ANYBODY || superuser())
		return;
	if (row->privilege == FILE_READER &&
		has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to set option \"%s\"", row->name),
			 row->privilege == SUPERUSER ?
			 errhint("Only a superuser may set it.") :
			 errhint("Only a superuser or a member of pg_read_server_files may set it.")));
}

/* What one value says of another. */
static void
check_together(List *options)
{
	const char *base_url = find_value(options, "base_url");
	const char *insecure = find_value(options, "allow_insecure_http");
	bool		allowed = false;

	if (base_url != NULL && find_value(options, "region") != NULL)
		refuse_pair("base_url", "region");
	if (find_value(options, "secret") != NULL &&
		find_value(options, "secret_file") != NULL)
		refuse_pair("secret", "secret_file");
	if (insecure != NULL)
		(void) parse_bool(insecure, &allowed);
	if (base_url != NULL && !allowed &&
		mp_value_check_base_url(base_url) == MP_URL_INSECURE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", "base_url",
						base_url),
				 errdetail("Over http the credentials could be read on the way."),
				 errhint("Use https, or let a superuser set \"allow_insecure_http\".")));
}

static const char *
find_value(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *def = lfirst_node(DefElem, cell);

		if (strcmp(def->defname, name) == 0)
			return defGetString(def);
	}
	return NULL;
}

/* The closest name within a distance of 4, else all there are. */
static void
refuse_unknown(const char *name, int place)
{
	StringInfoData all;
	const char *closest = NULL;
	int			distance = 5;

	initStringInfo(&all);
	for (size_t i = 0; i < lengthof(option_rows); i++)
	{
		const char *candidate = option_rows[i].name;
		int			d;

		if ((option_rows[i].places & place) == 0)
			continue;
		appendStringInfo(&all, "%s%s", all.len > 0 ? ", " : "", candidate);
		if (strlen(name) > NAMEDATALEN)
			continue;
		d = varstr_levenshtein_less_equal(name, (int) strlen(name),
										  candidate, (int) strlen(candidate),
										  1, 1, 1, distance - 1, true);
		if (d < distance && d <= (int) strlen(name) / 2)
		{
			distance = d;
			closest = candidate;
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\"", name),
			 closest != NULL ?
			 errhint("Perhaps you meant the option \"%s\".", closest) :
			 all.len > 0 ?
			 errhint("Valid options in this context are: %s.", all.data) :
			 errhint("There are no valid options in this context.")));
}

static void
refuse_pair(const char *one, const char *other)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("options \"%s\" and \"%s\" exclude each other", one,
					other),
			 errhint("Drop one of them.")));
}

/* ---- checks of single values ---- */

static bool
check_id(const char *value)
{
	int64_t		id;

	return mp_value_parse_id(value, &id);
}

static bool
check_ids(const char *value)
{
	return mp_value_parse_ids(value, NULL, 0) > 0;
}

static bool
check_region(const char *value)
{
	return strcmp(value, "us") == 0 || strcmp(value, "eu") == 0 ||
		strcmp(value, "in") == 0;
}

/* Plain http is judged in check_together(). */
static bool
check_base_url(const char *value)
{
	return mp_value_check_base_url(value) != MP_URL_BAD;
}

static bool
check_proxy(const char *value)
{
	return mp_value_check_proxy(value);
}

static bool
check_bool(const char *value)
{
	bool		result;

	return parse_bool(value, &result);
}

static bool
check_read(const char *value)
{
	return strcmp(value, "auto") == 0 || strcmp(value, "account") == 0 ||
		strcmp(value, "project") == 0;
}

static bool
check_write(const char *value)
{
	return strcmp(value, "auto") == 0 || strcmp(value, "bulk") == 0 ||
		strcmp(value, "single") == 0;
}

static bool
check_duration(const char *value)
{
	int			milliseconds;

	return mp_value_parse_duration(value, &milliseconds);
}

static bool
check_retries(const char *value)
{
	int			number;

	return mp_value_parse_int(value, 0, 10, &number);
}

static bool
check_concurrency(const char *value)
{
	int			number;

	return mp_value_parse_int(value, 1, 64, &number);
}

static bool
check_cost(const char *value)
{
	char	   *end;
	double		number = strtod(value, &end);

	return end != value && *end == '\0' && number >= 0 && number <= DBL_MAX;
}

static bool
check_path(const char *value)
{
	return is_absolute_path(value);
}

/* Basic authentication (RFC 7617) cannot carry a colon in the name. */
static bool
check_username(const char *value)
{
	return check_nonempty(value) && strchr(value, ':') == NULL;
}

static bool
check_nonempty(const char *value)
{
	if (*value == '\0')
		return false;
	for (; *value != '\0'; value++)
		if ((unsigned char) *value < 0x20 || *value == 0x7f)
			return false;
	return true;
}

static bool
check_object(const char *value)
{
	return mp_relation_find(value) != NULL;
}

static bool
check_field(const char *value)
{
	for (int kind = 0; kind < MP_RELATION_COUNT; kind++)
		if (mp_relation_column(mp_relation_get(kind), value) != NULL)
			return true;
	return false;
}
