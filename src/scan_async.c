/*-------------------------------------------------------------------------
 *
 * scan_async.c
 *		Scans below an Append that wait together.
 *
 * All scans of a session share one pool and its descriptor.  A wait event set
 * takes a descriptor once, so each scan brings its own copy.  Whoever is told
 * first runs the pool for all, which uses up the readiness that the others
 * would have been told of; so a scan for which something has come makes the
 * descriptor readable again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "executor/execAsync.h"
#include "executor/executor.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "scan.h"
#include "session.h"

static void produce_row(AsyncRequest *areq);
static int	copy_descriptor(ForeignScanState *node);
static void close_descriptor(void *arg);

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

	if (mp_fetch_ready(scan->fetch))
		mp_session_kick();
	AddWaitEventToSet(append->as_eventset, WL_SOCKET_READABLE,
					  copy_descriptor(node), NULL, areq);
}

void
mixpanelForeignAsyncNotify(AsyncRequest *areq)
{
	mp_session_run();
	produce_row(areq);
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

/* Made at the first wait; closed with the query, on ERROR as well. */
static int
copy_descriptor(ForeignScanState *node)
{
	MpScan	   *scan = node->fdw_state;

	if (scan->async_descriptor >= 0)
		return scan->async_descriptor;
	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too many open files for the partitions of this query"),
				 errhint("Set the option \"async_capable\" to false.")));
	scan->async_descriptor = dup(mp_session_descriptor());
	if (scan->async_descriptor < 0)
	{
		ReleaseExternalFD();
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not copy a descriptor: %m")));
	}
	scan->close_descriptor.func = close_descriptor;
	scan->close_descriptor.arg = scan;
	MemoryContextRegisterResetCallback(node->ss.ps.state->es_query_cxt,
									   &scan->close_descriptor);
	return scan->async_descriptor;
}

static void
close_descriptor(void *arg)
{
	MpScan	   *scan = arg;

	close(scan->async_descriptor);
	ReleaseExternalFD();
}
