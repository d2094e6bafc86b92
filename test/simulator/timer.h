/*-------------------------------------------------------------------------
 *
 * timer.h
 *	  Any number of pending moments, the next one always at hand.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_TIMER_H
#define SIM_TIMER_H

#include <stddef.h>
#include <stdint.h>

/* Lives in its owner; starts zeroed but for `fire` and `owner`. */
typedef struct SimTimer
{
	void		(*fire) (void *owner);	/* called once, timer stopped */
	void	   *owner;
	int64_t		due;			/* on the monotonic clock */
	size_t		slot;			/* place in the heap; 0 = not running */
} SimTimer;

/* Runs (or moves) the timer to a moment of the monotonic clock. */
extern void sim_timer_start(SimTimer *timer, int64_t due);

/* Stops it; one that does not run is left alone. */
extern void sim_timer_stop(SimTimer *timer);

/* Fires all that are due. */
extern void sim_timer_fire_due(void);

/* Milliseconds until the next, rounded up; -1 if there is none. */
extern int	sim_timer_wait(void);

/* Frees the heap itself; no timer may run. */
extern void sim_timer_end(void);

#endif							/* SIM_TIMER_H */
