/*-------------------------------------------------------------------------
 *
 * fdw/scan_async.c
 *		Scans below an Append that wait together.
 *
 * All scans of a session share one pool and its one descriptor, which a wait
 * event set takes only once.  So of an Append's scans that wait, the first
 * brings it, and the others need none, however many they are.  Whoever is told
 * runs the pool for all; before the next wait, each scan for which something
 * has come hands on its row at once, and makes the descriptor readable, so
 * that nobody waits while there are rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/execAsync.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "storage/latch.h"

#include "fdw/scan.h"
#include "remote/fetch_wait.h"
#include "remote/session.h"

static void complete(AsyncRequest *areq);
static bool is_first(const AsyncRequest *areq);
static void produce_row(AsyncRequest *areq);

void
mixpanelForeignAsyncRequest(AsyncRequest *areq)
{
	produce_row(areq);
}

void
mixpanelForeignAsyncConfigureWait(AsyncRequest *areq)
{
	ForeignScanState *node = (ForeignScanState *) areq->requestee;
	MpScan	   *scan = node->fdw_state;
	AppendState *append = (AppendState *) areq->requestor;
	int			descriptor;

	if (mp_fetch_ready(scan->fetch))
	{
		complete(areq);
		mp_session_make_readable();
	}
	Assert(!areq->callback_pending || mp_fetch_has_call(scan->fetch));
	/* also where another scan has brought it: more may have been begun */
	descriptor = mp_session_descriptor();
	if (areq->callback_pending && is_first(areq))
		AddWaitEventToSet(append->as_eventset, WL_SOCKET_READABLE,
						  descriptor, NULL, areq);
}

void
mixpanelForeignAsyncNotify(AsyncRequest *areq)
{
	mp_session_run();
	produce_row(areq);
}

/* Hand on a row without having been told of it, as postgres_fdw does. */
static void
complete(AsyncRequest *areq)
{
	areq->callback_pending = false;
	produce_row(areq);
	ExecAsyncResponse(areq);
	if (areq->requestee->instrument != NULL)
		InstrUpdateTupleCount(areq->requestee->instrument,
							  TupIsNull(areq->result) ? 0.0 : 1.0);
}

/*
 * Of those of our scans that wait below this Append?  They are configured in
 * this order, so one before that still waits has brought the descriptor.
 */
static bool
is_first(const AsyncRequest *areq)
{
	const AppendState *append = (const AppendState *) areq->requestor;
	int			i = areq->request_index;

	/* backwards: those that are done are at the beginning */
	while ((i = bms_prev_member(append->as_asyncplans, i)) >= 0)
	{
		const AsyncRequest *other = append->as_asyncrequests[i];
		const ForeignScanState *node =
			(const ForeignScanState *) other->requestee;

		if (other->callback_pending && IsA(node, ForeignScanState) &&
			node->fdwroutine->ForeignAsyncConfigureWait ==
			mixpanelForeignAsyncConfigureWait)
			return false;
	}
	return true;
}

/* ExecScan applies conditions and projection to what our iterator gives. */
static void
produce_row(AsyncRequest *areq)
{
	ForeignScanState *node = (ForeignScanState *) areq->requestee;
	MpScan	   *scan = node->fdw_state;
	TupleTableSlot *result;

	scan->async = true;
	scan->would_wait = false;
	result = node->ss.ps.ExecProcNodeReal(&node->ss.ps);
	scan->async = false;
	if (TupIsNull(result) && scan->would_wait)
		ExecAsyncRequestPending(areq);
	else
		ExecAsyncRequestDone(areq, result);
}
