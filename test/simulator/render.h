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
#include "state.h"

/* An account; with its secret only if `with_secret`. */
extern void sim_render_account(SimText *text, const SimAccount *account,
							   int64_t document, bool with_secret);

/* A membership as an account's list of projects has it (N). */
extern void sim_render_project(SimText *text,
							   const SimMembership *membership);

/* A membership as a project's list of accounts has it (B). */
extern void sim_render_member(SimText *text, const SimAccount *account,
							  const SimMembership *membership,
							  int64_t document);

#endif							/* SIM_RENDER_H */
