/*-------------------------------------------------------------------------
 *
 * http/lane.c
 *		A libcurl multi handle with its connections.
 *
 * Two lanes keep apart what must not share a connection.  In the shared lane
 * one HTTP/2 connection carries many requests.  In the single lane each
 * connection carries one request at a time, over HTTP/1.1; it is for
 *	- a POST: libcurl sends a request again by itself when a connection that
 *	  another request has used or joined dies before the first byte of the
 *	  answer;
 *	- a streamed body: several releases of libcurl let a paused HTTP/2 stream
 *	  hold up the others on its connection, or never resume it.
 *
 * Must not know of retries or windows.
 *
 *-------------------------------------------------------------------------
 */
#include "http/http_state.h"

/* Idle connections kept: as many as the widest window leaves behind. */
#define IDLE_CONNECTIONS	64L

#define MULTI_DESCRIPTORS	2	/* of a multi handle itself, to wake it with */

static bool replace_multi(MpHttpLane *lane);
static CURLM *open_multi(const MpHttpLane *lane);
static int	on_socket(CURL *easy, curl_socket_t socket, int what,
					  void *context, void *socket_context);

bool
mp_http_lane_open(MpHttpLane *lane, MpPoller *poller)
{
	lane->poller = poller;
	return replace_multi(lane);
}

void
mp_http_lane_close(MpHttpLane *lane)
{
	assert(lane->active == 0);
	if (lane->multi == NULL)
		return;
	curl_multi_cleanup(lane->multi);
	lane->multi = NULL;
	mp_http_descriptor_give_back(MULTI_DESCRIPTORS);
}

bool
mp_http_lane_add(MpHttpLane *lane, MpRequest *request)
{
	request->socket = -1;
	if (lane->multi == NULL && !replace_multi(lane))
		return false;
	if (curl_multi_add_handle(lane->multi, request->transfer.easy)
		!= CURLM_OK)
		return false;
	lane->active++;
	return true;
}

void
mp_http_lane_remove(MpHttpLane *lane, MpRequest *request)
{
	assert(lane->active > 0);
	curl_multi_remove_handle(lane->multi, request->transfer.easy);
	lane->active--;
	if (lane->renew && lane->active == 0)
		lane->renew = !replace_multi(lane);
}

void
mp_http_lane_act_on_socket(MpHttpLane *lane, const MpPollerEvent *event)
{
	int			running;
	int			mask = 0;

	if (event->events & MP_POLLER_READ)
		mask |= CURL_CSELECT_IN;
	if (event->events & MP_POLLER_WRITE)
		mask |= CURL_CSELECT_OUT;

	/* Told to read and write, libcurl finds the system's reason by itself. */
	if (event->events & MP_POLLER_ERROR)
		mask |= CURL_CSELECT_IN | CURL_CSELECT_OUT;

	/* A socket of the other lane is unknown here, and passed over. */
	curl_multi_socket_action(lane->multi, event->fd, mask, &running);
}

void
mp_http_lane_act_on_timer(MpHttpLane *lane)
{
	int			running;

	curl_multi_socket_action(lane->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

/*
 * Asked afresh each time rather than noted by CURLMOPT_TIMERFUNCTION: that
 * callback is not repeated when the timer runs out a moment too early.
 */
int64_t
mp_http_lane_due(const MpHttpLane *lane, int64_t now)
{
	long		wait = -1;

	curl_multi_timeout(lane->multi, &wait);
	return wait < 0 ? MP_HTTP_NEVER : now + wait;
}

CURL *
mp_http_lane_ended(MpHttpLane *lane, CURLcode *code)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(lane->multi, &left)) != NULL)
	{
		if (message->msg != CURLMSG_DONE)
			continue;
		*code = message->data.result;
		return message->easy_handle;
	}
	return NULL;
}

/*
 * libcurl cannot be told to close idle connections, so the multi handle goes
 * with them.  While transfers are under way on it, new ones take new
 * connections (http/transfer.c looks at `renew`).
 */
void
mp_http_lane_renew(MpHttpLane *lane)
{
	lane->renew = lane->active > 0 || !replace_multi(lane);
}

/*
 * A new multi handle in place of the old, whose descriptors it may need.  If
 * there is none, the next request tries again; meanwhile libcurl has nothing
 * to tell of NULL.
 */
static bool
replace_multi(MpHttpLane *lane)
{
	CURLM	   *multi;

	mp_http_lane_close(lane);
	multi = open_multi(lane);
	if (multi == NULL)
		return false;
	lane->multi = multi;
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, lane);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long) CURLPIPE_MULTIPLEX);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS);
#if LIBCURL_VERSION_NUM >= 0x081400
	/* Else cleaning up waits for the threads that resolve names. */
	curl_multi_setopt(multi, CURLMOPT_QUICK_EXIT, 1L);
#endif
	return true;
}

/* NULL when out of memory or descriptors. */
static CURLM *
open_multi(const MpHttpLane *lane)
{
	int			numbers[MULTI_DESCRIPTORS];
	CURLM	   *multi;

	if (!mp_http_descriptor_take(MULTI_DESCRIPTORS))
		return NULL;
	mp_http_descriptor_foresee(lane->poller, numbers, MULTI_DESCRIPTORS);
	multi = curl_multi_init();
	if (multi != NULL)
		mp_http_descriptor_do_not_inherit(numbers, MULTI_DESCRIPTORS);
	else
		mp_http_descriptor_give_back(MULTI_DESCRIPTORS);
	return multi;
}

/*
 * libcurl wants a socket watched.  A refusal by the kernel is not passed on,
 * as libcurl would give up all transfers of the lane for it: the one concerned
 * ends by its timeout.
 */
static int
on_socket(CURL *easy, curl_socket_t socket, int what, void *context,
		  void *socket_context)
{
	MpHttpLane *lane = context;
	MpRequest  *request = NULL;
	int			events = 0;

	(void) socket_context;
	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &request);
	if (what != CURL_POLL_REMOVE && request != NULL)
		request->socket = socket;
	/* the first that is watched is the resolver's: then its pair is open */
	if (request != NULL && request->transfer.set_aside > 0)
		mp_http_descriptor_do_not_inherit(request->transfer.resolver,
										  request->transfer.set_aside);
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= MP_POLLER_READ;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= MP_POLLER_WRITE;
	(void) mp_poller_watch(lane->poller, socket, events);
	return 0;
}
