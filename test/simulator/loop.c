/*-------------------------------------------------------------------------
 *
 * loop.c
 *	  Waiting for descriptors.
 *
 * Owns one epoll descriptor.  Must not know what the descriptors are.
 *
 *-------------------------------------------------------------------------
 */
#include "loop.h"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_PER_ROUND 64

static int	epoll_fd = -1;

bool
sim_loop_start(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return epoll_fd >= 0;
}

bool
sim_loop_add(SimWatch *watch, uint32_t events)
{
	struct epoll_event event;

	memset(&event, 0, sizeof(event));
	event.events = events;
	event.data.ptr = watch;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) != 0)
		return false;
	watch->active = true;
	return true;
}

void
sim_loop_remove(SimWatch *watch)
{
	if (!watch->active)
		return;
	watch->active = false;
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
}

void
sim_loop_wait(int timeout_ms)
{
	struct epoll_event events[EVENTS_PER_ROUND];
	int			count;

	count = epoll_wait(epoll_fd, events, EVENTS_PER_ROUND, timeout_ms);
	for (int i = 0; i < count; i++)
	{
		SimWatch   *watch = events[i].data.ptr;

		if (watch->active)
			watch->ready(watch->owner, events[i].events);
	}
}

void
sim_loop_end(void)
{
	close(epoll_fd);
	epoll_fd = -1;
}
