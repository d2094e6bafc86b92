/*-------------------------------------------------------------------------
 *
 * fdw/stats.c
 *		Functions that tell of this session: version, costs, pending changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "base/version.h"
#include "catalog/setting.h"
#include "remote/session.h"
#include "transaction/changeset.h"

PG_FUNCTION_INFO_V1(mixpanel_sa_fdw_version);
PG_FUNCTION_INFO_V1(mixpanel_sa_fdw_pending);
PG_FUNCTION_INFO_V1(mixpanel_sa_fdw_stats);
PG_FUNCTION_INFO_V1(mixpanel_sa_fdw_stats_reset);

#define PENDING_COLUMNS 5
#define STATS_COLUMNS 7

static Datum name_datum(const char *name);
static Datum text_datum(const char *text);
static const char *change_words(MpChangeKind kind);

/* The extension's version and those of the libraries it runs with. */
Datum
mixpanel_sa_fdw_version(PG_FUNCTION_ARGS pg_attribute_unused())
{
	char	   *text = psprintf("mixpanel_sa_fdw %s, libcurl %s, jansson %s",
								MP_VERSION, mp_http_library_version(),
								mp_api_library_version());

	mp_setting_require();
	PG_RETURN_TEXT_P(cstring_to_text(text));
}

/* What COMMIT would send, in order. */
Datum
mixpanel_sa_fdw_pending(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			count;
	MpFinal    *finals;

	mp_setting_require();
	InitMaterializedSRF(fcinfo, 0);
	finals = mp_changeset_fold(&count);
	for (int i = 0; i < count; i++)
	{
		const MpChange *change = mp_changeset_get(finals[i].change);
		const MpSettings *settings = mp_changeset_target(change->target);
		Datum		values[PENDING_COLUMNS] = {0};
		bool		nulls[PENDING_COLUMNS] = {false};

		values[0] = name_datum(settings->server_name);
		values[1] = CStringGetTextDatum(change_words(finals[i].kind));
		values[2] = Int64GetDatum(change->account);
		values[3] = Int64GetDatum(change->project);
		nulls[3] = change->project == 0;
		nulls[4] = change->role == NULL;
		if (change->role != NULL)
			values[4] = text_datum(change->role);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
	pfree(finals);
	return (Datum) 0;
}

/* What this session's requests have cost, a row for each server. */
Datum
mixpanel_sa_fdw_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MpHttp	   *http = mp_session_http_if_any();
	const MpTally *tally;
	const char *name;

	mp_setting_require();
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; http != NULL &&
		 (tally = mp_http_server_tally(http, i, &name)) != NULL; i++)
	{
		Datum		values[STATS_COLUMNS];
		bool		nulls[STATS_COLUMNS] = {false};

		values[0] = name_datum(name);
		values[1] = Int64GetDatum(tally->requests);
		values[2] = Int64GetDatum(tally->retries);
		values[3] = Int64GetDatum(tally->failures);
		values[4] = Int64GetDatum(tally->connections);
		values[5] = Int64GetDatum(tally->bytes_received);
		values[6] = Float8GetDatum(tally->wait_ms);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
	return (Datum) 0;
}

Datum
mixpanel_sa_fdw_stats_reset(PG_FUNCTION_ARGS pg_attribute_unused())
{
	mp_setting_require();
	if (mp_session_http_if_any() != NULL)
		mp_http_reset_tallies(mp_session_http_if_any());
	PG_RETURN_VOID();
}

static Datum
name_datum(const char *name)
{
	return DirectFunctionCall1(namein, CStringGetDatum(name));
}

/* A role as it was queued, from UTF-8. */
static Datum
text_datum(const char *text)
{
	char	   *copy = pstrdup(text);

	return CStringGetTextDatum(pg_any_to_server(copy, (int) strlen(copy),
												PG_UTF8));
}

static const char *
change_words(MpChangeKind kind)
{
	switch (kind)
	{
		case MP_CHANGE_ADD:
			return "add membership";
		case MP_CHANGE_REMOVE:
			return "remove membership";
		case MP_CHANGE_ROLE:
			return "change role";
		case MP_CHANGE_DELETE:
			return "delete service account";
	}
	return NULL;
}
