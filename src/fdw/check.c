/*-------------------------------------------------------------------------
 *
 * fdw/check.c
 *		mixpanel_sa_fdw_check(server): tells a newcomer what works, what does
 *		not, and what to change.
 *
 * A failing item is a row, not an error; only what stops the check itself
 * (an unknown server, a cancel) is raised.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_foreign_server.h"
#include "fmgr.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "catalog/compat.h"
#include "catalog/option.h"
#include "catalog/setting.h"
#include "fdw/check.h"
#include "fdw/import.h"
#include "remote/attempt.h"
#include "remote/error.h"
#include "remote/quota.h"
#include "remote/session.h"

PG_FUNCTION_INFO_V1(mixpanel_sa_fdw_check);

#define CHECK_COLUMNS 3

/* In this order; one that fails leaves those behind it untried. */
static const char *const items[] = {
	"options", "connection", "credentials", "organization", "projects",
	"memberships by account", "memberships by project",
};

typedef enum Verdict
{
	NOT_TRIED,					/* ok is NULL */
	FAILED,
	FINE,
} Verdict;

typedef struct Check
{
	ReturnSetInfo *result;
	Oid			server;
	MpSettings *settings;
	MpCall	   *call;			/* of the item under way */
	MpRecord	record;			/* of its answer */
	MemoryContextCallback callback;
	int64		account;		/* any one, to try its memberships; 0: none */
	int64		project;
	int64		accounts;		/* how many were listed */
	int64		projects;
	char	   *role;			/* in the organization, of the account that
								 * authenticates; NULL: not seen */
} Check;

static void free_answer(void *arg);
static void add_row(Check *check, const char *item, Verdict verdict,
					const char *detail);
static void skip_items(Check *check, const char *after);
static void resolve_options(void *arg);
static bool check_options(Check *check);
static void check_calls(Check *check);
static bool check_list(Check *check);
static void check_failed_list(Check *check);
static char *list_words(const Check *check);
static void check_projects(Check *check);
static void check_route(Check *check, const char *item, MpCall *call,
						int64 parent);
static const char *quota_words(void);
static bool run_call(Check *check, MpCall *call, int64 *first, int64 *count);
static void note_role(Check *check, const MpRecord *record);
static char *failure_words(const Check *check);

Datum
mixpanel_sa_fdw_check(PG_FUNCTION_ARGS)
{
	ForeignServer *server =
		GetForeignServerByName(NameStr(*PG_GETARG_NAME(0)), false);
	Check	   *check;

	mp_setting_require();
	mp_check_server(server);
	InitMaterializedSRF(fcinfo, 0);
	check = palloc0(sizeof(Check));
	check->result = (ReturnSetInfo *) fcinfo->resultinfo;
	check->callback.func = free_answer;
	check->callback.arg = check;
	MemoryContextRegisterResetCallback(CurrentMemoryContext,
									   &check->callback);
	check->server = server->serverid;
	if (check_options(check))
		check_calls(check);
	else
		skip_items(check, "options");
	free_answer(check);
	return (Datum) 0;
}

/* A mapping for PUBLIC would do for the rest. */
void
mp_check_server(const ForeignServer *server)
{
	AclResult	allowed = MP_SERVER_ACLCHECK(server->serverid, GetUserId());

	if (allowed != ACLCHECK_OK)
		aclcheck_error(allowed, OBJECT_FOREIGN_SERVER, server->servername);
	if (GetFdwRoutineByServerId(server->serverid)->ImportForeignSchema !=
		mixpanelImportForeignSchema)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("server \"%s\" is not a Mixpanel server",
						server->servername),
				 errhint("Name a server of the foreign-data wrapper mixpanel_sa_fdw.")));
}

/* Runs when the context goes, on ERROR as well: must not throw. */
static void
free_answer(void *arg)
{
	Check	   *check = arg;

	mp_record_release(&check->record);
	mp_call_free(check->call);
	check->call = NULL;
}

static void
add_row(Check *check, const char *item, Verdict verdict, const char *detail)
{
	Datum		values[CHECK_COLUMNS];
	bool		nulls[CHECK_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(item);
	values[1] = BoolGetDatum(verdict == FINE);
	nulls[1] = verdict == NOT_TRIED;
	values[2] = CStringGetTextDatum(detail);
	tuplestore_putvalues(check->result->setResult, check->result->setDesc,
						 values, nulls);
}

/* What was not tried is not said to work. */
static void
skip_items(Check *check, const char *after)
{
	size_t		i = 0;

	while (strcmp(items[i], after) != 0)
		i++;
	for (i++; i < lengthof(items); i++)
		add_row(check, items[i], NOT_TRIED,
				psprintf("not tried: \"%s\" comes first", after));
}

/* For mp_attempt(): a secret_file may be open when it fails. */
static void
resolve_options(void *arg)
{
	Check	   *check = arg;

	check->settings = mp_option_resolve(InvalidOid, check->server,
										InvalidOid);
	mp_option_require(check->settings, true);
}

/* Whose the quota is: Retry-After, rate_limit and shared_concurrency. */
static const char *
quota_words(void)
{
	return mp_quota_is_shared() ?
		"the quota is shared by all sessions of this cluster" :
		"the quota is not shared with other sessions; before PostgreSQL 17, sharing it needs mixpanel_sa_fdw in shared_preload_libraries";
}

/* What cannot be resolved is told in the words of the error that it raises. */
static bool
check_options(Check *check)
{
	const ErrorData *error = mp_attempt(resolve_options, check);

	if (error == NULL)
		add_row(check, "options", FINE,
				psprintf("%s, organization " INT64_FORMAT ", service account \"%s\"; %s",
						 check->settings->base_url,
						 check->settings->organization_id,
						 mp_error_text(check->settings->username),
						 quota_words()));
	else if (error->hint != NULL)
		add_row(check, "options", FAILED,
				psprintf("%s. %s", error->message, error->hint));
	else
		add_row(check, "options", FAILED, error->message);
	return error == NULL;
}

static void
check_calls(Check *check)
{
	MpHttp	   *http = mp_session_http();

	if (!check_list(check))
		return;
	check_projects(check);
	check_route(check, "memberships by account", check->account == 0 ? NULL :
				mp_api_account_projects(http, check->settings, check->account,
										0), check->account);
	check_route(check, "memberships by project", check->project == 0 ? NULL :
				mp_api_project_accounts(http, check->settings, check->project,
										0), check->project);
}

/* The list tells of connection, credentials and organization at once. */
static bool
check_list(Check *check)
{
	MpCall	   *call = mp_api_list_accounts(mp_session_http(),
											check->settings,
											MP_FIELD_BIT(MP_FIELD_ID) |
											MP_FIELD_BIT(MP_FIELD_USERNAME) |
											MP_FIELD_BIT(MP_FIELD_ROLE));

	if (!run_call(check, call, &check->account, &check->accounts))
	{
		check_failed_list(check);
		return false;
	}
	add_row(check, "connection", FINE, "Mixpanel answers");
	add_row(check, "credentials", FINE, "Mixpanel accepts them");
	add_row(check, "organization", FINE, list_words(check));
	return true;
}

/*
 * Of a refusal, only 401 and 403 tell of the credentials; and a page of
 * something in between tells of nothing but itself.
 */
static void
check_failed_list(Check *check)
{
	int			status = mp_error_status(check->call);
	const char *failed = "organization";

	if (status == 0 || status >= 500 || mp_error_is_foreign(check->call))
		failed = "connection";
	else
	{
		add_row(check, "connection", FINE, "Mixpanel answers");
		if (status == 401)
			failed = "credentials";
		else if (status == 403)
			add_row(check, "credentials", FINE, "Mixpanel accepts them");
		else
			add_row(check, "credentials", NOT_TRIED,
					psprintf("not known: status %d does not tell", status));
	}
	add_row(check, failed, FAILED, failure_words(check));
	skip_items(check, failed);
}

/* An account of a custom role may be allowed anything. */
static char *
list_words(const Check *check)
{
	char	   *words = psprintf(INT64_FORMAT " service accounts",
								 check->accounts);

	if (check->role == NULL || (strcmp(check->role, "analyst") != 0 &&
								strcmp(check->role, "consumer") != 0))
		return words;
	return psprintf("%s; service account \"%s\" is %s of the organization: it can read, but only an owner or admin can change anything",
					words, mp_error_text(check->settings->username),
					check->role);
}

/* Projects are needed only to read memberships by project. */
static void
check_projects(Check *check)
{
	MpHttp	   *http = mp_session_http();
	const MpSettings *settings = check->settings;

	if (settings->project_count > 0)
	{
		check->project = settings->project_ids[0];
		add_row(check, "projects", FINE,
				psprintf("%zu in option \"project_ids\"",
						 settings->project_count));
	}
	else if (run_call(check, mp_api_organization_projects(http, settings),
					  &check->project, &check->projects))
		add_row(check, "projects", FINE,
				psprintf(INT64_FORMAT " in the organization",
						 check->projects));
	else if (run_call(check, mp_api_me(http, settings),
					  &check->project, &check->projects))
		add_row(check, "projects", FINE,
				psprintf(INT64_FORMAT " are visible to service account \"%s\"; the organization may have more",
						 check->projects,
						 mp_error_text(settings->username)));
	else
		add_row(check, "projects", FAILED,
				psprintf("%s; without GET /me, memberships are read by account, or name the projects in option \"project_ids\"",
						 failure_words(check)));
}

static void
check_route(Check *check, const char *item, MpCall *call, int64 parent)
{
	int64		first;
	int64		count;

	if (parent == 0)
		add_row(check, item, NOT_TRIED,
				"not tried: there is nothing to try it with");
	else if (run_call(check, mp_session_started(call), &first, &count))
		add_row(check, item, FINE, "the server has this call");
	else if (mp_error_status(check->call) == 404 ||
			 mp_error_status(check->call) == 405)
		add_row(check, item, FAILED,
				"the server does not have this call; \"membership_read\" auto uses the other, if that is there");
	else
		add_row(check, item, FAILED, failure_words(check));
}

/* True if the call succeeds; *first: an id from its records. */
static bool
run_call(Check *check, MpCall *call, int64 *first, int64 *count)
{
	MpRecord   *record = &check->record;
	MpCallState state;

	mp_call_free(check->call);
	check->call = mp_session_started(call);
	*first = *count = 0;
	while ((state = mp_call_next(check->call, record)) == MP_CALL_WAIT ||
		   state == MP_CALL_RECORD)
	{
		MpField		key = mp_call_kind(call) == MP_CALL_LIST_ACCOUNTS ?
			MP_FIELD_ID : MP_FIELD_PROJECT_ID;

		if (state == MP_CALL_WAIT)
			mp_session_wait(check->call);
		else if ((*count)++ == 0)
			*first = record->values[key].as.integer;
		if (state == MP_CALL_RECORD)
			note_role(check, record);
	}
	return state == MP_CALL_DONE;
}

/* Is this the account that authenticates? */
static void
note_role(Check *check, const MpRecord *record)
{
	const MpValue *username = &record->values[MP_FIELD_USERNAME];
	const MpValue *role = &record->values[MP_FIELD_ROLE];
	const char *own = check->settings->username;

	if (mp_call_kind(check->call) == MP_CALL_LIST_ACCOUNTS &&
		username->present && role->present &&
		username->as.text.length == strlen(own) &&
		memcmp(username->as.text.data, own, strlen(own)) == 0)
		check->role = mp_error_text(pnstrdup(role->as.text.data,
											 role->as.text.length));
}

static char *
failure_words(const Check *check)
{
	StringInfoData words;
	MpError		error;

	mp_error_describe(check->call, check->settings, &error);
	initStringInfo(&words);
	appendStringInfoString(&words, error.message);
	if (error.detail != NULL)
		appendStringInfo(&words, ": %s", error.detail);
	if (error.hint != NULL)
		appendStringInfo(&words, "%s %s",
						 words.data[words.len - 1] == '.' ? "" : ".",
						 error.hint);
	return words.data;
}
