/*-------------------------------------------------------------------------
 *
 * request.c
 *	  How a request waits, and how its connection ends badly.
 *
 * Owns the pairing of MHD's suspend and resume with timers and watches.  Must
 * not know why a request waits.
 *
 *-------------------------------------------------------------------------
 */
#include "request.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include "clock.h"

static bool resumed;			/* since sim_request_take_resumed() */

static int
socket_of(SimRequest *request)
{
	const union MHD_ConnectionInfo *info;

	info = MHD_get_connection_info(request->connection,
								   MHD_CONNECTION_INFO_CONNECTION_FD);
	return info->connect_fd;
}

static void
suspend(SimRequest *request)
{
	if (request->suspended)
		return;
	request->suspended = true;
	MHD_suspend_connection(request->connection);
}

static void
wake_owner(void *owner)
{
	sim_request_wake(owner);
}

void
sim_request_sleep(SimRequest *request, int64_t micros)
{
	request->timer.fire = wake_owner;
	request->timer.owner = request;
	sim_timer_start(&request->timer, sim_clock_monotonic() + micros);
	suspend(request);
}

static void
drop_owner(void *owner, uint32_t events)
{
	SimRequest *request = owner;

	(void) events;
	sim_loop_remove(&request->watch);
	request->state = SIM_REQUEST_DROPPED;
	sim_request_wake(request);
}

void
sim_request_hang(SimRequest *request)
{
	/* MHD does not look at a suspended connection's socket: we must */
	request->watch.fd = socket_of(request);
	request->watch.ready = drop_owner;
	request->watch.owner = request;
	sim_loop_add(&request->watch, EPOLLRDHUP);
	suspend(request);
}

void
sim_request_wake(SimRequest *request)
{
	if (!request->suspended)
		return;
	request->suspended = false;
	resumed = true;
	MHD_resume_connection(request->connection);
}

bool
sim_request_take_resumed(void)
{
	bool		result = resumed;

	resumed = false;
	return result;
}

/* To connect to nowhere is Linux's way to break a TCP connection off. */
void
sim_request_abort(SimRequest *request)
{
	struct sockaddr nowhere = {0};

	nowhere.sa_family = AF_UNSPEC;
	(void) connect(socket_of(request), &nowhere, sizeof(nowhere));
}

void
sim_request_finish(SimRequest *request)
{
	shutdown(socket_of(request), SHUT_RDWR);
}
