/*-------------------------------------------------------------------------
 *
 * render.h
 *	  Records as JSON, in the spelling of each document.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_RENDER_H
#define SIM_RENDER_H

#include "config.h"
#include "list.h"
#include "state.h"

/* An account; with its secret only if `with_secret`. */
extern void sim_render_account(SimText *text, const SimAccount *account,
							   const SimConfig *config, bool with_secret);

/* An account that was made just now, or as much of it as is told. */
extern void sim_render_created(SimText *text, const SimAccount *account,
							   const SimConfig *config);

/* A row of a list of accounts. */
extern void sim_render_listed(SimText *text, const SimRow *row,
							  const SimConfig *config);

/* A membership as an account's list of projects has it (N). */
extern void sim_render_project(SimText *text, const SimRow *row,
							   const SimConfig *config);

/* A membership as a project's list of accounts has it (B). */
extern void sim_render_member(SimText *text, const SimRow *row,
							  const SimConfig *config);

/* A grant's target_type. */
extern const char *sim_render_grant(SimGrant grant);

#endif							/* SIM_RENDER_H */
