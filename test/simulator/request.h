/*-------------------------------------------------------------------------
 *
 * request.h
 *	  One request on its way through the server, and how it waits.
 *
 * A suspended connection costs nothing but memory, so that thousands of slow
 * answers need one thread.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_REQUEST_H
#define SIM_REQUEST_H

#include <microhttpd.h>

#include "answer.h"
#include "call.h"
#include "fault.h"
#include "journal.h"
#include "loop.h"
#include "timer.h"

typedef enum SimRequestState
{
	SIM_REQUEST_RECEIVING,
	SIM_REQUEST_DELAYED,		/* complete, not processed yet */
	SIM_REQUEST_ANSWERED,		/* the answer is on its way */
	SIM_REQUEST_HUNG,			/* no answer will come */
	SIM_REQUEST_DROPPED			/* the connection is to be closed */
} SimRequestState;

/* Lives from the request line until MHD says that the request is over. */
typedef struct SimRequest
{
	struct MHD_Connection *connection;
	SimRequestState state;
	bool		suspended;
	bool		is_control;
	char	   *uri;			/* as it came */
	char	   *path;			/* of it, without the query */
	SimText		body;
	SimCall		call;
	SimEntry   *entry;			/* NULL for the control path */
	SimFault   *fault;			/* what is to go wrong, or NULL */
	SimAnswer	answer;
	bool		paused;			/* before the RST in mid-body */
	uint64_t	dripped;		/* position whose waiting time is over */
	SimTimer	timer;
	SimWatch	watch;			/* of the socket, for the client's end */
	struct SimRequest *previous;	/* list of all requests */
	struct SimRequest *next;
} SimRequest;

/* Suspends the connection for that long. */
extern void sim_request_sleep(SimRequest *request, int64_t micros);

/* Suspends the connection until the client goes. */
extern void sim_request_hang(SimRequest *request);

/* Goes on with a suspended connection, in the next run of MHD. */
extern void sim_request_wake(SimRequest *request);

/* Has any been woken since this was last asked? */
extern bool sim_request_take_resumed(void);

/* Says RST at once; MHD finds out when it next sends. */
extern void sim_request_abort(SimRequest *request);

/* Says FIN at once; MHD finds out when it next sends. */
extern void sim_request_finish(SimRequest *request);

#endif							/* SIM_REQUEST_H */
