/*-------------------------------------------------------------------------
 *
 * loop.h
 *	  Waiting for descriptors.
 *
 * What is called when a descriptor is ready must not free a watch: later
 * events of the same round may still point to it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_LOOP_H
#define SIM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* Lives in its owner until it is removed. */
typedef struct SimWatch
{
	void		(*ready) (void *owner, uint32_t events);
	void	   *owner;
	int			fd;
	bool		active;
} SimWatch;

extern bool sim_loop_start(void);

/* Watches `watch->fd` for epoll events; false if it cannot be watched. */
extern bool sim_loop_add(SimWatch *watch, uint32_t events);

/* Stops watching; one that is not active is left alone. */
extern void sim_loop_remove(SimWatch *watch);

/* Waits at most that long (-1 = for ever) and reports what is ready. */
extern void sim_loop_wait(int timeout_ms);

extern void sim_loop_end(void);

#endif							/* SIM_LOOP_H */
