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

#include <limits.h>

#include "access/reloptions.h"
#include "fmgr.h"
#include "foreign/fdwapi.h"
#include "utils/guc.h"

#include "base/version.h"
#include "catalog/compat.h"
#include "catalog/option.h"
#include "fdw/analyze.h"
#include "fdw/explain.h"
#include "fdw/import.h"
#include "fdw/join.h"
#include "fdw/modify.h"
#include "fdw/plan.h"
#include "fdw/scan.h"
#include "remote/session.h"
#include "transaction/callback.h"

MP_MODULE_MAGIC("mixpanel_sa_fdw", MP_VERSION);

PG_FUNCTION_INFO_V1(mixpanel_sa_fdw_handler);
PG_FUNCTION_INFO_V1(mixpanel_sa_fdw_validator);

bool		mp_log_requests = false;
int			mp_max_deletes = -1;
bool		mp_allow_unreturned_secret = false;
int			mp_progress_interval = 0;

void		_PG_init(void);

void
_PG_init(void)
{
	DefineCustomIntVariable("mixpanel_sa_fdw.max_deletes",
							"The most service accounts that one transaction may delete.",
							"-1 means no limit.",
							&mp_max_deletes, -1, -1, INT_MAX, PGC_USERSET, 0,
							NULL, NULL, NULL);
	DefineCustomBoolVariable("mixpanel_sa_fdw.allow_unreturned_secret",
							 "Lets INSERT create a service account whose secret nobody reads.",
							 NULL,
							 &mp_allow_unreturned_secret, false, PGC_USERSET,
							 0, NULL, NULL, NULL);
	DefineCustomIntVariable("mixpanel_sa_fdw.progress_interval",
							"Time between notices during a read of many requests.",
							"0 means no notices.",
							&mp_progress_interval, 0, 0, INT_MAX, PGC_USERSET,
							GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomBoolVariable("mixpanel_sa_fdw.log_requests",
							 "Logs each request: method, path, status, attempt, time and bytes.",
							 "Never a header, a body or a secret.",
							 &mp_log_requests, false, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	MarkGUCPrefixReserved("mixpanel_sa_fdw");
	mp_session_init();
	mp_callback_init();
	mp_join_init();
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
