/*-------------------------------------------------------------------------
 *
 * mixpanel_sa_fdw.c
 *		The front door: module magic, settings, the handler and the validator.
 *
 * What each callback does stands in src/; see doc/architecture.md for the
 * rooms and what may include what.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "fmgr.h"
#include "foreign/fdwapi.h"
#include "utils/guc.h"

#include "base/version.h"
#include "catalog/compat.h"
#include "catalog/option.h"
#include "catalog/setting.h"
#include "fdw/analyze.h"
#include "fdw/explain.h"
#include "fdw/import.h"
#include "fdw/join.h"
#include "fdw/modify.h"
#include "fdw/plan.h"
#include "fdw/scan.h"
#include "remote/quota.h"
#include "remote/session.h"
#include "transaction/callback.h"

MP_MODULE_MAGIC("mixpanel_sa_fdw", MP_VERSION);

PG_FUNCTION_INFO_V1(mixpanel_sa_fdw_handler);
PG_FUNCTION_INFO_V1(mixpanel_sa_fdw_validator);

bool		mp_log_requests = false;
int			mp_max_deletes = -1;
int			mp_max_membership_changes = -1;
int			mp_max_requests = -1;
bool		mp_allow_unreturned_secret = false;
int			mp_progress_interval = 0;

#define NUMBER(variable, least)	.number = &(variable), .min = (least)
#define FLAG(variable)			.flag = &(variable)

/* In the order of SETTING_... */
static MpSetting settings[] = {
	{"mixpanel_sa_fdw.max_deletes", NUMBER(mp_max_deletes, -1)},
	{"mixpanel_sa_fdw.max_membership_changes",
	NUMBER(mp_max_membership_changes, -1)},
	{"mixpanel_sa_fdw.max_requests", NUMBER(mp_max_requests, -1)},
	{"mixpanel_sa_fdw.allow_unreturned_secret",
	FLAG(mp_allow_unreturned_secret)},
	{"mixpanel_sa_fdw.progress_interval",
	NUMBER(mp_progress_interval, 0),.unit = GUC_UNIT_MS},
	{"mixpanel_sa_fdw.log_requests", FLAG(mp_log_requests)},
};

enum
{
	SETTING_MAX_DELETES,
	SETTING_MAX_MEMBERSHIP_CHANGES,
	SETTING_MAX_REQUESTS,
	SETTING_ALLOW_UNRETURNED_SECRET,
	SETTING_PROGRESS_INTERVAL,
	SETTING_LOG_REQUESTS,
};

/* PostgreSQL does not tell a hook which setting it is called for. */
#define SETTING_HOOKS(name, index) \
static bool \
check_##name(char **text, void **extra, GucSource source) \
{ \
	return mp_setting_check(&settings[index], text, extra, source); \
} \
static void \
assign_##name(const char *text pg_attribute_unused(), void *extra) \
{ \
	mp_setting_assign(&settings[index], extra); \
}

SETTING_HOOKS(max_deletes, SETTING_MAX_DELETES)
SETTING_HOOKS(max_membership_changes, SETTING_MAX_MEMBERSHIP_CHANGES)
SETTING_HOOKS(max_requests, SETTING_MAX_REQUESTS)
SETTING_HOOKS(allow_unreturned_secret, SETTING_ALLOW_UNRETURNED_SECRET)
SETTING_HOOKS(progress_interval, SETTING_PROGRESS_INTERVAL)
SETTING_HOOKS(log_requests, SETTING_LOG_REQUESTS)

void		_PG_init(void);

void
_PG_init(void)
{
	mp_setting_begin(settings, lengthof(settings));
	DefineCustomStringVariable("mixpanel_sa_fdw.max_deletes",
							   "The most service accounts that one transaction may delete.",
							   "-1 means no limit.",
							   &settings[SETTING_MAX_DELETES].text, "-1",
							   PGC_USERSET, 0, check_max_deletes,
							   assign_max_deletes, NULL);
	DefineCustomStringVariable("mixpanel_sa_fdw.max_membership_changes",
							   "The most memberships that one transaction may add, remove or change.",
							   "-1 means no limit.",
							   &settings[SETTING_MAX_MEMBERSHIP_CHANGES].text,
							   "-1", PGC_USERSET, 0,
							   check_max_membership_changes,
							   assign_max_membership_changes, NULL);
	DefineCustomStringVariable("mixpanel_sa_fdw.max_requests",
							   "The most requests that one statement may send.",
							   "-1 means no limit; COMMIT counts by itself.",
							   &settings[SETTING_MAX_REQUESTS].text, "-1",
							   PGC_USERSET, 0, check_max_requests,
							   assign_max_requests, NULL);
	DefineCustomStringVariable("mixpanel_sa_fdw.allow_unreturned_secret",
							   "Lets INSERT create a service account whose secret nobody reads.",
							   NULL,
							   &settings[SETTING_ALLOW_UNRETURNED_SECRET].text,
							   "off", PGC_USERSET, 0,
							   check_allow_unreturned_secret,
							   assign_allow_unreturned_secret, NULL);
	DefineCustomStringVariable("mixpanel_sa_fdw.progress_interval",
							   "Time between notices during a read of many requests.",
							   "0 means no notices.",
							   &settings[SETTING_PROGRESS_INTERVAL].text, "0",
							   PGC_USERSET, 0, check_progress_interval,
							   assign_progress_interval, NULL);
	DefineCustomStringVariable("mixpanel_sa_fdw.log_requests",
							   "Logs each request: method, path, status, attempt, time and bytes.",
							   "Never a header, a body or a secret.",
							   &settings[SETTING_LOG_REQUESTS].text, "off",
							   PGC_SUSET, 0, check_log_requests,
							   assign_log_requests, NULL);
	mp_setting_end();
	mp_quota_init();
	mp_session_init();
	mp_callback_init();
	mp_join_init();
	mp_modify_init();
}

Datum
mixpanel_sa_fdw_handler(PG_FUNCTION_ARGS pg_attribute_unused())
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	/* scans */
	routine->GetForeignRelSize = mixpanelGetForeignRelSize;
	routine->GetForeignPaths = mixpanelGetForeignPaths;
	routine->GetForeignPlan = mixpanelGetForeignPlan;
	routine->BeginForeignScan = mixpanelBeginForeignScan;
	routine->IterateForeignScan = mixpanelIterateForeignScan;
	routine->ReScanForeignScan = mixpanelReScanForeignScan;
	routine->EndForeignScan = mixpanelEndForeignScan;

	routine->IsForeignPathAsyncCapable = mixpanelIsForeignPathAsyncCapable;
	routine->ForeignAsyncRequest = mixpanelForeignAsyncRequest;
	routine->ForeignAsyncConfigureWait = mixpanelForeignAsyncConfigureWait;
	routine->ForeignAsyncNotify = mixpanelForeignAsyncNotify;

	/* modifications */
	routine->AddForeignUpdateTargets = mixpanelAddForeignUpdateTargets;
	routine->PlanForeignModify = mixpanelPlanForeignModify;
	routine->BeginForeignModify = mixpanelBeginForeignModify;
	routine->ExecForeignInsert = mixpanelExecForeignInsert;
	routine->ExecForeignUpdate = mixpanelExecForeignUpdate;
	routine->ExecForeignDelete = mixpanelExecForeignDelete;
	routine->EndForeignModify = mixpanelEndForeignModify;
	routine->BeginForeignInsert = mixpanelBeginForeignInsert;
	routine->EndForeignInsert = mixpanelEndForeignInsert;
	routine->IsForeignRelUpdatable = mixpanelIsForeignRelUpdatable;
	routine->ExecForeignTruncate = mixpanelExecForeignTruncate;

	/* the rest */
	routine->ExplainForeignScan = mixpanelExplainForeignScan;
	routine->ExplainForeignModify = mixpanelExplainForeignModify;
	routine->AnalyzeForeignTable = mixpanelAnalyzeForeignTable;
	routine->ImportForeignSchema = mixpanelImportForeignSchema;

	PG_RETURN_POINTER(routine);
}

Datum
mixpanel_sa_fdw_validator(PG_FUNCTION_ARGS)
{
	mp_option_validate(untransformRelOptions(PG_GETARG_DATUM(0)),
					   PG_GETARG_OID(1));
	PG_RETURN_VOID();
}
