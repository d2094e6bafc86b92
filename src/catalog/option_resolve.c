/*-------------------------------------------------------------------------
 *
 * catalog/option_resolve.c
 *		What stored options mean when they are used.
 *
 * Values were checked when they were set, but perhaps by another version.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_foreign_table.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "catalog/option.h"
#include "catalog/option_state.h"

static void require_mapping(const MpSettings *settings);
static const char *mapping_owner(const MpSettings *settings);
static MpSettings *make_settings(void);
static void wipe_settings(void *arg);
static void wipe(const char *text);
static void wipe_secret_option(List *options);
static void apply_defaults(MpSettings *settings);
static void apply_options(MpSettings *settings, List *options, int place);
static void apply_option(MpSettings *settings, const MpOption *option,
						 const char *value);
static bool same_value(const MpSettings *one, const MpSettings *other,
					   const MpOption *option);
static bool same_rate(const MpRate *one, const MpRate *other);
static bool same_text(const char *one, const char *other);
static void copy_value(MpSettings *copy, const MpSettings *settings,
					   const MpOption *option);

MpSettings *
mp_option_resolve(Oid table, Oid server, Oid user)
{
	MpSettings *settings = mp_option_resolve_public(table, server);
	UserMapping *mapping;

	settings->user_id = OidIsValid(user) ? user : GetUserId();
	require_mapping(settings);
	mapping = GetUserMapping(settings->user_id, settings->server_id);
	settings->mapping_id = mapping->umid;
	apply_options(settings, mapping->options, MP_ON_MAPPING);
	wipe_secret_option(mapping->options);
	return settings;
}

MpSettings *
mp_option_resolve_public(Oid table, Oid server)
{
	MpSettings *settings = make_settings();
	ForeignTable *ftable = OidIsValid(table) ? GetForeignTable(table) : NULL;
	ForeignServer *fserver = GetForeignServer(ftable != NULL ?
											  ftable->serverid : server);

	apply_defaults(settings);
	settings->server_id = fserver->serverid;
	settings->server_name = pstrdup(fserver->servername);
	apply_options(settings, fserver->options, MP_ON_SERVER);
	if (ftable != NULL)
		apply_options(settings, ftable->options, MP_ON_TABLE);
	return settings;
}

List *
mp_option_resolve_tables(const List *servers)
{
	Relation	catalog = table_open(ForeignTableRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0,
										  NULL);
	List	   *found = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_foreign_table table = (Form_pg_foreign_table) GETSTRUCT(tuple);

		if (list_member_oid(servers, table->ftserver))
			found = lappend(found, mp_option_resolve_public(table->ftrelid,
															InvalidOid));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

/* GetUserMapping() would say it without a hint. */
static void
require_mapping(const MpSettings *settings)
{
	const char *user = GetUserNameFromId(settings->user_id, false);

	if (SearchSysCacheExists2(USERMAPPINGUSERSERVER,
							  ObjectIdGetDatum(settings->user_id),
							  ObjectIdGetDatum(settings->server_id)) ||
		SearchSysCacheExists2(USERMAPPINGUSERSERVER,
							  ObjectIdGetDatum(InvalidOid),
							  ObjectIdGetDatum(settings->server_id)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("user mapping not found for user \"%s\", server \"%s\"",
					user, settings->server_name),
			 errhint("Create one: CREATE USER MAPPING FOR %s SERVER %s OPTIONS (username '...', secret '...').",
					 quote_identifier(user),
					 quote_identifier(settings->server_name))));
}

void
mp_option_require(const MpSettings *settings, bool organization)
{
	if (organization && settings->organization_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("option \"%s\" is not set for server \"%s\"",
						"organization_id", settings->server_name),
				 errhint("Use ALTER SERVER or ALTER FOREIGN TABLE to set it; Mixpanel shows it under Organization Settings.")));
	if (settings->ca_file != NULL)
		mp_option_check_ca_file(settings->ca_file);
	if (settings->username == NULL || settings->secret == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("option \"%s\" is not set in the user mapping of \"%s\" for server \"%s\"",
						settings->username == NULL ? "username" : "secret",
						GetUserNameFromId(settings->user_id, true),
						settings->server_name),
				 errhint("Set it: ALTER USER MAPPING FOR %s SERVER %s OPTIONS (ADD %s '...');",
						 mapping_owner(settings),
						 quote_identifier(settings->server_name),
						 settings->username == NULL ? "username" : "secret")));
}

/* Whose the mapping is that applies to the user, as SQL writes it. */
static const char *
mapping_owner(const MpSettings *settings)
{
	if (!SearchSysCacheExists2(USERMAPPINGUSERSERVER,
							   ObjectIdGetDatum(settings->user_id),
							   ObjectIdGetDatum(settings->server_id)))
		return "PUBLIC";
	return quote_identifier(GetUserNameFromId(settings->user_id, false));
}

MpSettings *
mp_option_copy(const MpSettings *settings)
{
	MpSettings *copy = make_settings();

	*copy = *settings;
	copy->server_name = pstrdup(settings->server_name);
	for (const MpOption *option = mp_options; option->name != NULL; option++)
		if (option->setting != MP_OPTION_NOT_KEPT)
			copy_value(copy, settings, option);
	return copy;
}

/* Give the copy a value of its own, where it still has the original's. */
static void
copy_value(MpSettings *copy, const MpSettings *settings,
		   const MpOption *option)
{
	void	   *target = mp_option_target(option, copy);
	const void *source = mp_option_source(option, settings);

	if (option->type->form == MP_OPTION_TEXT)
	{
		const char *text = *(const char *const *) source;

		/* two options that exclude each other have one setting */
		if (text != NULL && *(const char **) target == text)
			*(const char **) target = pstrdup(text);
	}
	else if (option->type->form == MP_OPTION_ID_ARRAY)
	{
		const int64_t *ids = *(const int64_t *const *) source;
		Size		size = mp_option_count(option, copy) * sizeof(int64_t);

		if (ids != NULL)
			*(const int64_t **) target = memcpy(palloc(size), ids, size);
	}
}

bool
mp_option_same_place(const MpSettings *one, const MpSettings *other)
{
	return one->server_id == other->server_id &&
		one->organization_id == other->organization_id &&
		strcmp(one->base_url, other->base_url) == 0;
}

/* The server's name is for messages; it may have changed. */
bool
mp_option_same(const MpSettings *one, const MpSettings *other)
{
	if (one->server_id != other->server_id || one->user_id != other->user_id)
		return false;
	for (const MpOption *option = mp_options; option->name != NULL; option++)
		if (option->setting != MP_OPTION_NOT_KEPT && !option->local &&
			!same_value(one, other, option))
			return false;
	return true;
}

/* Do two settings give an option the same value? */
static bool
same_value(const MpSettings *one, const MpSettings *other,
		   const MpOption *option)
{
	const void *a = mp_option_source(option, one);
	const void *b = mp_option_source(option, other);

	switch (option->type->form)
	{
		case MP_OPTION_BOOL:
			return *(const bool *) a == *(const bool *) b;
		case MP_OPTION_INT:
			return *(const int *) a == *(const int *) b;
		case MP_OPTION_INT64:
			return *(const int64_t *) a == *(const int64_t *) b;
		case MP_OPTION_DOUBLE:
			return *(const double *) a == *(const double *) b;
		case MP_OPTION_RATE:
			return same_rate(a, b);
		case MP_OPTION_TEXT:
			return same_text(*(const char *const *) a,
							 *(const char *const *) b);
		case MP_OPTION_ID_ARRAY:
			{
				size_t		count = mp_option_count(option, one);

				return count == mp_option_count(option, other) &&
					(count == 0 ||
					 memcmp(*(const int64_t *const *) a,
							*(const int64_t *const *) b,
							count * sizeof(int64_t)) == 0);
			}
	}
	return false;
}

static bool
same_rate(const MpRate *one, const MpRate *other)
{
	return one->number == other->number && one->period == other->period;
}

/* NULL is the same as NULL only. */
static bool
same_text(const char *one, const char *other)
{
	if (one == NULL || other == NULL)
		return one == other;
	return strcmp(one, other) == 0;
}

static MpSettings *
make_settings(void)
{
	MpSettings *settings = palloc0(sizeof(MpSettings));
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));

	callback->func = wipe_settings;
	callback->arg = settings;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return settings;
}

static void
wipe_settings(void *arg)
{
	MpSettings *settings = arg;

	wipe(settings->secret);
	settings->secret = NULL;
}

static void
wipe(const char *text)
{
	/* by way of an integer: the text is ours, though settings are const */
	if (text != NULL)
		explicit_bzero((void *) (uintptr_t) text, strlen(text));
}

/* The catalog's copy that GetUserMapping() made for us. */
static void
wipe_secret_option(List *options)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *def = lfirst_node(DefElem, cell);
		const MpOption *option = mp_option_row(def->defname, MP_ON_MAPPING);

		if (option != NULL && option->type == &mp_option_secret)
			wipe(defGetString(def));
	}
}

static void
apply_defaults(MpSettings *settings)
{
	for (const MpOption *option = mp_options; option->name != NULL; option++)
		if (option->fallback != NULL)
			apply_option(settings, option, option->fallback);
}

static void
apply_options(MpSettings *settings, List *options, int place)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *def = lfirst_node(DefElem, cell);
		const MpOption *option = mp_option_row(def->defname, place);

		if (option != NULL)
			apply_option(settings, option, defGetString(def));
	}
}

static void
apply_option(MpSettings *settings, const MpOption *option, const char *value)
{
	bool		kept = option->setting != MP_OPTION_NOT_KEPT;

	if (!option->type->parse(option, value, kept ? settings : NULL))
		mp_option_refuse_value(option, value);
}
