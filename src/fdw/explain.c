/*-------------------------------------------------------------------------
 *
 * fdw/explain.c
 *		What EXPLAIN shows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/rel.h"

#include "catalog/option.h"
#include "fdw/explain.h"
#include "fdw/modify.h"
#include "fdw/scan.h"
#include "remote/way.h"

#define TEMPLATE_SIZE 256
#define REQUEST_LABEL "Mixpanel Request"

static void show_requests(List *requests, ExplainState *es);
static void show_way(const MpScan *scan, const MpLookup *lookup,
					 ExplainState *es);
static char *way_cost(const MpScan *scan, const MpLookup *lookup, MpWay way);
static void show_tally(const MpTally *tally, ExplainState *es);
static char *call_template(MpCallKind kind, const MpSettings *settings,
						   const MpLookup *lookup);
static MpCallKind modify_call(CmdType operation, MpRelationKind relation,
							  bool single);

void
mixpanelExplainForeignScan(ForeignScanState *node, ExplainState *es)
{
	MpScan	   *scan = node->fdw_state;
	MpLookup	lookup;
	MpCallKind	calls[MP_WAY_CALLS];
	List	   *requests = NIL;

	mp_scan_make_lookup(node, &lookup, true);
	/* what a lookup join will gather */
	if (scan->gathered_field == MP_FIELD_ID && lookup.accounts.ids == NULL)
		lookup.accounts.count = scan->expected;
	if (lookup.nothing)
		requests = list_make1(pstrdup("none"));
	else
	{
		int			count = mp_way_calls(scan->settings, &lookup, calls);

		for (int i = 0; i < count; i++)
			requests = lappend(requests, call_template(calls[i],
													   scan->settings,
													   &lookup));
	}
	show_requests(requests, es);
	show_way(scan, &lookup, es);
	if (es->analyze)
	{
		MpTally		tally;

		mp_scan_tally(scan, &tally);
		show_tally(&tally, es);
		if (mp_scan_shared(scan) > 0)
			ExplainPropertyInteger("API Answers Reused", NULL,
								   mp_scan_shared(scan), es);
	}
}

void
mixpanelExplainForeignModify(ModifyTableState *mtstate, ResultRelInfo *rinfo,
							 List *fdw_private pg_attribute_unused(),
							 int subplan_index pg_attribute_unused(),
							 ExplainState *es)
{
	Oid			relid = RelationGetRelid(rinfo->ri_RelationDesc);
	MpTable    *table = mp_relation_open(rinfo->ri_RelationDesc);
	MpSettings *settings = mp_option_resolve_public(relid, InvalidOid);
	MpModify   *modify = rinfo->ri_FdwState;
	MpLookup	lookup = {.relation = table->relation->kind};
	bool		single =
		settings->membership_write == MP_MEMBERSHIP_WRITE_SINGLE;
	MpCallKind	call = modify_call(mtstate->operation, lookup.relation,
								   single);

	show_requests(list_make1(call_template(call, settings, &lookup)), es);
	if (es->analyze && modify != NULL && call == MP_CALL_CREATE_ACCOUNT)
		show_tally(&modify->tally, es);
}

static void
show_requests(List *requests, ExplainState *es)
{
	ListCell   *cell;

	if (es->format != EXPLAIN_FORMAT_TEXT && list_length(requests) > 1)
		ExplainPropertyList(REQUEST_LABEL, requests, es);
	else
	{
		foreach(cell, requests)
			ExplainPropertyText(REQUEST_LABEL, lfirst(cell), es);
	}
}

/*
 * Whether memberships are read by account or by project, where both are open,
 * and why; VERBOSE: what each would cost.
 */
static void
show_way(const MpScan *scan, const MpLookup *lookup, ExplainState *es)
{
	MpWayReason reason;
	MpWay		way = mp_way_expected(scan->settings, lookup, &reason);
	bool		by_project = way == MP_WAY_BY_PROJECT;
	const char *why = NULL;

	switch (reason)
	{
		case MP_WAY_ONLY:
			return;
		case MP_WAY_UNLISTED:
			why = "by account, as the organization's projects cannot be listed";
			break;
		case MP_WAY_CHEAPER:
			why = by_project ?
				"by project, which is cheaper than by account" :
				"by account, which is cheaper than by project";
			break;
		case MP_WAY_TO_BE_SEEN:
			why = by_project ?
				"by project, if the lists show that it is cheaper" :
				"by account, unless the lists show that it is dearer";
			break;
	}
	/* by account is what one expects */
	if (!by_project && !es->verbose)
		return;
	ExplainPropertyText("Mixpanel Way", why, es);
	if (!es->verbose || reason == MP_WAY_UNLISTED)
		return;
	ExplainPropertyText("Cost By Account",
						way_cost(scan, lookup, MP_WAY_BY_ACCOUNT), es);
	ExplainPropertyText("Cost By Project",
						way_cost(scan, lookup, MP_WAY_BY_PROJECT), es);
}

static char *
way_cost(const MpScan *scan, const MpLookup *lookup, MpWay way)
{
	MpSizes		sizes;
	MpWayCost	cost;

	mp_way_sizes(scan->settings, lookup->memberships, &sizes);
	mp_way_cost(scan->settings, lookup, way, &sizes, &cost);
	return psprintf("%.0f requests, %.0f round trips", cost.requests,
					cost.round_trips);
}

static void
show_tally(const MpTally *tally, ExplainState *es)
{
	ExplainPropertyInteger("API Requests", NULL, tally->requests, es);
	if (tally->retries > 0)
		ExplainPropertyInteger("API Retries", NULL, tally->retries, es);
	ExplainPropertyInteger("API Bytes Received", "kB",
						   (tally->bytes_received + 1023) / 1024, es);
	if (es->timing)
	{
		ExplainPropertyFloat("API Wait Time", "ms", tally->wait_ms, 3, es);
		if (tally->quota_ms > 0)
			ExplainPropertyFloat("API Quota Wait Time", "ms",
								 tally->quota_ms, 3, es);
	}
}

/* {id} where there is not just one, or it is known only at run time. */
static char *
call_template(MpCallKind kind, const MpSettings *settings,
			  const MpLookup *lookup)
{
	char	   *text = palloc(TEMPLATE_SIZE);
	MpPair		ids = {0, 0};

	if (lookup->accounts.count == 1 && lookup->accounts.ids != NULL)
		ids.account = lookup->accounts.ids[0];
	if (lookup->projects.count == 1 && lookup->projects.ids != NULL)
		ids.project = lookup->projects.ids[0];
	mp_api_template(kind, settings->organization_id, &ids, text,
					TEMPLATE_SIZE);
	return text;
}

static MpCallKind
modify_call(CmdType operation, MpRelationKind relation, bool single)
{
	if (relation == MP_RELATION_ACCOUNTS)
		return operation == CMD_INSERT ?
			MP_CALL_CREATE_ACCOUNT : MP_CALL_DELETE_ACCOUNT;
	if (operation == CMD_DELETE)
		return single ?
			MP_CALL_REMOVE_MEMBERSHIP : MP_CALL_REMOVE_MEMBERSHIPS;
	return single ? MP_CALL_ADD_MEMBERSHIP : MP_CALL_ADD_MEMBERSHIPS;
}
