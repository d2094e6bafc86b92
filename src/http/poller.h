/*-------------------------------------------------------------------------
 *
 * http/poller.h
 *		Many sockets and one timer behind one pollable descriptor.
 *
 * epoll with a timerfd, so Linux only.  Knows nothing
 * of libcurl, HTTP or PostgreSQL.  No function blocks or throws.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_HTTP_POLLER_H
#define MP_HTTP_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#define MP_POLLER_READ	1
#define MP_POLLER_WRITE 2
#define MP_POLLER_ERROR 4		/* reported, never asked for */

typedef struct MpPoller MpPoller;

typedef struct MpPollerEvent
{
	int			fd;				/* -1: the timer has run out */
	int			events;			/* MP_POLLER_* bits */
} MpPollerEvent;

/* A new poller, or NULL with errno set.  The caller destroys it. */
extern MpPoller *mp_poller_create(void);

/* Closes the descriptor; watched sockets stay open.  NULL is allowed. */
extern void mp_poller_destroy(MpPoller *poller);

/*
 * The descriptor that is readable while any watched socket is ready or the
 * timer has run out.  It stays the poller's and never changes.
 */
extern int	mp_poller_descriptor(const MpPoller *poller);

/*
 * Watch fd for MP_POLLER_READ and/or MP_POLLER_WRITE, level-triggered;
 * replaces what was asked before; 0 stops watching (no error if it was not
 * watched or is closed already).  False with errno set if the kernel refuses.
 */
extern bool mp_poller_watch(MpPoller *poller, int fd, int events);

/*
 * Let the timer run out once, `delay` milliseconds from now (0: at once);
 * replaces the earlier setting; -1 disarms.  False with errno set on failure.
 */
extern bool mp_poller_set_timer(MpPoller *poller, int64_t delay);

/*
 * Up to `max` events that are there now; returns how many.  An expired timer
 * is reported once and acknowledged.
 */
extern int	mp_poller_take(MpPoller *poller, MpPollerEvent *events, int max);

#endif							/* MP_HTTP_POLLER_H */
