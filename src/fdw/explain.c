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

#define TEMPLATE_SIZE 256
#define REQUEST_LABEL "Mixpanel Request"

static void show_requests(List *requests, ExplainState *es);
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
	MpCallKind	calls[2];
	List	   *requests = NIL;

	mp_scan_make_lookup(node, &lookup, true);
	if (lookup.nothing)
		requests = list_make1(pstrdup("none"));
	else
	{
		int			count = mp_fetch_calls(scan->settings, &lookup, calls);

		for (int i = 0; i < count; i++)
			requests = lappend(requests, call_template(calls[i],
													   scan->settings,
													   &lookup));
	}
	show_requests(requests, es);
	if (es->analyze)
	{
		MpTally		tally;

		mp_scan_tally(scan, &tally);
		show_tally(&tally, es);
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

	if (lookup->accounts.count == 1)
		ids.account = lookup->accounts.ids[0];
	if (lookup->projects.count == 1)
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
