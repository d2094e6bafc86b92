/*-------------------------------------------------------------------------
 *
 * http/poller.c
 *		epoll with a timerfd: Linux.
 *
 * Owns the kernel's descriptors.  Which sockets are watched is known to the
 * kernel alone, so there is no table that could disagree with it; what is
 * known here is which of them are in the kernel's set for nothing.  Must not
 * know who watches or why.
 *
 *-------------------------------------------------------------------------
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "http/poller.h"

#define TIMER_EVENT		(-1)	/* in the kernel's set, stands for the timer */
#define EVENTS_AT_ONCE	64		/* taken by one call of the kernel */
#define IDLE_AT_MOST	32

struct MpPoller
{
	int			descriptor;
	int			timer;			/* a timerfd, watched by descriptor */
	int64_t		due;			/* ms: when the timer is to run out */
	int64_t		armed;			/* ms: when the kernel's will, not after due
								 * once somebody waits */
	int			idle[IDLE_AT_MOST]; /* in the kernel's set, not watched */
	int			idle_count;
	bool		may_write;
};

static bool open_kernel(MpPoller *poller);
static void close_kernel(MpPoller *poller);
static void leave(MpPoller *poller, int fd);
static bool forget_idle(MpPoller *poller, int fd);
static int	take_some(MpPoller *poller, MpPollerEvent *events, int max);
static int	take_ready(MpPoller *poller, MpPollerEvent *events, int max,
					   int *taken);
static void acknowledge_timer(MpPoller *poller);

MpPoller *
mp_poller_create(void)
{
	MpPoller   *poller = malloc(sizeof(MpPoller));
	int			saved_errno;

	if (poller == NULL)
		return NULL;
	poller->due = MP_POLLER_NEVER;
	poller->armed = MP_POLLER_NEVER;
	poller->idle_count = 0;
	poller->may_write = false;
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

bool
mp_poller_may_write(const MpPoller *poller)
{
	return poller->may_write;
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

	(void) forget_idle(poller, fd);
	if (events == 0)
	{
		leave(poller, fd);
		return true;
	}
	if (events & MP_POLLER_READ)
		event.events |= EPOLLIN;
	if (events & MP_POLLER_WRITE)
	{
		event.events |= EPOLLOUT;
		poller->may_write = true;
	}

	/* A descriptor that was closed has left the set: its number may be new. */
	if (epoll_ctl(poller->descriptor, EPOLL_CTL_MOD, fd, &event) == 0)
		return true;
	if (errno != ENOENT)
		return false;
	return epoll_ctl(poller->descriptor, EPOLL_CTL_ADD, fd, &event) == 0;
}

/*
 * Nobody watches the socket any more.  Where there is no room to note that it
 * stays in the kernel's set, it is taken out.
 */
static void
leave(MpPoller *poller, int fd)
{
	struct epoll_event none = {0};

	if (poller->idle_count < IDLE_AT_MOST)
		poller->idle[poller->idle_count++] = fd;
	else
		epoll_ctl(poller->descriptor, EPOLL_CTL_DEL, fd, &none);
}

/* False if it is not one of those that nobody watches. */
static bool
forget_idle(MpPoller *poller, int fd)
{
	int			i;

	for (i = 0; i < poller->idle_count; i++)
	{
		if (poller->idle[i] != fd)
			continue;
		poller->idle[i] = poller->idle[--poller->idle_count];
		return true;
	}
	return false;
}

void
mp_poller_set_timer(MpPoller *poller, int64_t due)
{
	assert(due >= 0);
	poller->due = due;
}

/* Where the kernel's timer runs out sooner, one wait ends for nothing. */
bool
mp_poller_arm(MpPoller *poller)
{
	struct itimerspec when = {{0, 0}, {0, 0}};

	if (poller->armed <= poller->due)
		return true;
	when.it_value.tv_sec = (time_t) (poller->due / 1000);
	when.it_value.tv_nsec = (long) (poller->due % 1000) * 1000000;
	/* all zero would disarm it */
	if (poller->due == 0)
		when.it_value.tv_nsec = 1;
	if (timerfd_settime(poller->timer, TFD_TIMER_ABSTIME, &when, NULL) != 0)
		return false;
	poller->armed = poller->due;
	return true;
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

/*
 * Take up to max events without waiting.  Fewer than max mean that no other
 * socket is ready, so what is no event takes no place.
 */
static int
take_some(MpPoller *poller, MpPollerEvent *events, int max)
{
	int			taken = 0;
	int			room;

	poller->may_write = false;
	do
		room = max - taken;
	while (take_ready(poller, events, room, &taken) == room && taken < max);
	return taken;
}

/* Once; returns how many the kernel has told of, which may be no events. */
static int
take_ready(MpPoller *poller, MpPollerEvent *events, int max, int *taken)
{
	struct epoll_event ready[EVENTS_AT_ONCE];
	int			count = epoll_wait(poller->descriptor, ready, max, 0);
	int			i;

	for (i = 0; i < count; i++)
	{
		int			fd = ready[i].data.fd;

		if (fd == TIMER_EVENT)
			acknowledge_timer(poller);
		else if (forget_idle(poller, fd))
			epoll_ctl(poller->descriptor, EPOLL_CTL_DEL, fd, &ready[i]);
		else
		{
			events[*taken].fd = fd;
			events[(*taken)++].events = translate(ready[i].events);
		}
	}
	return count;
}

/* The kernel's timer has run out: it is silent until it is armed again. */
static void
acknowledge_timer(MpPoller *poller)
{
	uint64_t	expirations;

	if (read(poller->timer, &expirations, sizeof(expirations)) > 0)
		poller->armed = MP_POLLER_NEVER;
}
