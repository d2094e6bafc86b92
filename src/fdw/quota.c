/*-------------------------------------------------------------------------
 *
 * fdw/quota.c
 *		mixpanel_sa_fdw_quota(): what the sessions of this cluster may ask for,
 *		a row for each base URL and organization.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "catalog/compat.h"
#include "catalog/option.h"
#include "catalog/setting.h"
#include "fdw/import.h"
#include "remote/quota.h"

PG_FUNCTION_INFO_V1(mixpanel_sa_fdw_quota);

#define QUOTA_COLUMNS 9

/* A base URL and an organization that the user may ask about. */
typedef struct Visible
{
	const char *base_url;
	int64		organization_id;
} Visible;

static List *visible_places(void);
static List *add_place(List *places, const MpSettings *settings);
static bool is_visible(const MpQuota *quota, List *places);
static void put_row(ReturnSetInfo *result, const MpQuota *quota);

Datum
mixpanel_sa_fdw_quota(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		all = has_privs_of_role(GetUserId(), ROLE_PG_MONITOR);
	List	   *places;
	MpQuota    *quotas;
	int			count;

	mp_setting_require();
	InitMaterializedSRF(fcinfo, 0);
	places = all ? NIL : visible_places();
	quotas = mp_quota_list(&count);
	for (int i = 0; i < count; i++)
		if (all || is_visible(&quotas[i], places))
			put_row(result, &quotas[i]);
	return (Datum) 0;
}

/* Those of the servers that the user may use, and of their tables. */
static List *
visible_places(void)
{
	Relation	catalog = table_open(ForeignServerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0,
										  NULL);
	List	   *servers = NIL;
	List	   *places = NIL;
	HeapTuple	tuple;
	ListCell   *cell;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_foreign_server server =
			(Form_pg_foreign_server) GETSTRUCT(tuple);

		if (MP_SERVER_ACLCHECK(server->oid, GetUserId()) != ACLCHECK_OK ||
			!mp_import_is_ours(server->srvfdw))
			continue;
		servers = lappend_oid(servers, server->oid);
		places = add_place(places, mp_option_resolve_public(InvalidOid,
															server->oid));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	foreach(cell, mp_option_resolve_tables(servers))
		places = add_place(places, lfirst(cell));
	return places;
}

static List *
add_place(List *places, const MpSettings *settings)
{
	Visible    *place = palloc(sizeof(Visible));

	place->base_url = settings->base_url;
	place->organization_id = settings->organization_id;
	return lappend(places, place);
}

static bool
is_visible(const MpQuota *quota, List *places)
{
	ListCell   *cell;

	foreach(cell, places)
	{
		const Visible *place = lfirst(cell);

		if (place->organization_id == quota->organization_id &&
			mp_quota_is_of(quota, place->base_url))
			return true;
	}
	return false;
}

/* What there is not is NULL. */
static void
put_row(ReturnSetInfo *result, const MpQuota *quota)
{
	Datum		values[QUOTA_COLUMNS] = {0};
	bool		nulls[QUOTA_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(quota->base_url);
	values[1] = Int64GetDatum(quota->organization_id);
	nulls[1] = quota->organization_id == 0;
	values[2] = BoolGetDatum(quota->shared);
	values[3] = Int32GetDatum(quota->in_flight);
	values[4] = Int32GetDatum(quota->waiting);
	values[5] = TimestampTzGetDatum(quota->not_before);
	nulls[5] = quota->not_before == 0;
	values[6] = Float8GetDatum(quota->tokens);
	nulls[6] = quota->tokens < 0;
	values[7] = Int64GetDatum(quota->requests);
	values[8] = Int64GetDatum(quota->refused);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}
