/*-------------------------------------------------------------------------
 *
 * server.h
 *	  The HTTP server: requests in, answers out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "world.h"

#define SIM_SERVER_BASE "/api/app"

/* Listens on 127.0.0.1; port 0 = any free one.  False if that fails. */
extern bool sim_server_start(SimWorld *world, uint16_t port);

/* The port that it listens on. */
extern uint16_t sim_server_port(void);

/* Does what can be done without waiting. */
extern void sim_server_run(void);

/* Milliseconds that the loop may wait; -1 = until something happens. */
extern int	sim_server_wait(void);

/* Drops every connection and ends. */
extern void sim_server_stop(void);

#endif							/* SIM_SERVER_H */
