/*-------------------------------------------------------------------------
 *
 * http/poller.c
 *		epoll with a timerfd: Linux.
 *
 * Owns the kernel's descriptors and nothing else: what is watched is known to
 * the kernel alone, so there is no table that could disagree with it.  Must
 * not know who watches or why.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "http/poller.h"

#define TIMER_EVENT		(-1)	/* MpPollerEvent.fd of the timer */
#define EVENTS_AT_ONCE	64		/* taken by one call of the kernel */

struct MpPoller
{
	int			descriptor;
	int			timer;			/* a timerfd, watched by descriptor */
};

static bool open_kernel(MpPoller *poller);
static void close_kernel(MpPoller *poller);
static int	take_some(MpPoller *poller, MpPollerEvent *events, int max);

MpPoller *
mp_poller_create(void)
{
	MpPoller   *poller = malloc(sizeof(MpPoller));
	int			saved_errno;

	if (poller == NULL)
		return NULL;
	if (!open_kernel(poller))
	{
		saved_errno = errno;
		free(poller);
		errno = saved_errno;
		return NULL;
	}
	return poller;
}

void
mp_poller_destroy(MpPoller *poller)
{
	if (poller == NULL)
		return;
	close_kernel(poller);
	free(poller);
}

int
mp_poller_descriptor(const MpPoller *poller)
{
	return poller->descriptor;
}

int
mp_poller_take(MpPoller *poller, MpPollerEvent *events, int max)
{
	if (max > EVENTS_AT_ONCE)
		max = EVENTS_AT_ONCE;
	if (max <= 0)
		return 0;
	return take_some(poller, events, max);
}

/*
 * Open an epoll descriptor with a timer in it; false, with errno, if that
 * fails.
 */
static bool
open_kernel(MpPoller *poller)
{
	struct epoll_event event = {.events = EPOLLIN,.data.fd = TIMER_EVENT};
	int			saved_errno;

	poller->timer = -1;
	poller->descriptor = epoll_create1(EPOLL_CLOEXEC);
	if (poller->descriptor < 0)
		return false;
	poller->timer = timerfd_create(CLOCK_MONOTONIC,
								   TFD_NONBLOCK | TFD_CLOEXEC);
	if (poller->timer >= 0 &&
		epoll_ctl(poller->descriptor, EPOLL_CTL_ADD, poller->timer,
				  &event) == 0)
		return true;

	saved_errno = errno;
	close_kernel(poller);
	errno = saved_errno;
	return false;
}

static void
close_kernel(MpPoller *poller)
{
	close(poller->descriptor);
	if (poller->timer >= 0)
		close(poller->timer);
}

bool
mp_poller_watch(MpPoller *poller, int fd, int events)
{
	struct epoll_event event = {.data.fd = fd};

	if (events == 0)
	{
		epoll_ctl(poller->descriptor, EPOLL_CTL_DEL, fd, &event);
		return true;
	}
	if (events & MP_POLLER_READ)
		event.events |= EPOLLIN;
	if (events & MP_POLLER_WRITE)
		event.events |= EPOLLOUT;

	/* A descriptor that was closed has left the set: its number may be new. */
	if (epoll_ctl(poller->descriptor, EPOLL_CTL_MOD, fd, &event) == 0)
		return true;
	if (errno != ENOENT)
		return false;
	return epoll_ctl(poller->descriptor, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool
mp_poller_set_timer(MpPoller *poller, int64_t delay)
{
	struct itimerspec when = {{0, 0}, {0, 0}};

	/* All zero disarms, so "at once" is a nanosecond. */
	if (delay == 0)
		when.it_value.tv_nsec = 1;
	else if (delay > 0)
	{
		when.it_value.tv_sec = (time_t) (delay / 1000);
		when.it_value.tv_nsec = (long) (delay % 1000) * 1000000;
	}
	return timerfd_settime(poller->timer, 0, &when, NULL) == 0;
}

/* MP_POLLER_* bits of what epoll reports. */
static int
translate(uint32_t reported)
{
	int			events = 0;

	if (reported & EPOLLIN)
		events |= MP_POLLER_READ;
	if (reported & EPOLLOUT)
		events |= MP_POLLER_WRITE;
	if (reported & (EPOLLERR | EPOLLHUP))
		events |= MP_POLLER_ERROR;
	return events;
}

/* Take up to max events without waiting */
static int
take_some(MpPoller *poller, MpPollerEvent *events, int max)
{
	struct epoll_event ready[EVENTS_AT_ONCE];
	int			count;
	int			i;
	uint64_t	expirations;

	count = epoll_wait(poller->descriptor, ready, max, 0);
	if (count < 0)
		return 0;
	for (i = 0; i < count; i++)
	{
		events[i].fd = ready[i].data.fd;
		events[i].events = translate(ready[i].events);
		if (events[i].fd != TIMER_EVENT)
			continue;
		events[i].events = 0;
		/* Nothing to read: set anew meanwhile, it will report again. */
		if (read(poller->timer, &expirations, sizeof(expirations)) < 0)
			continue;
	}
	return count;
}
