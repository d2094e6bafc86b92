/*-------------------------------------------------------------------------
 *
 * remote/routes.h
 *		What was learnt at one place: a server, its base URL, an organization.
 *
 * Servers differ in the calls that they have, and organizations in size.
 * Whoever meets a proper answer notes here what it shows; nobody else writes
 * these fields, so that what is learnt is traced (DEBUG1), and is not unlearnt
 * by one answer that differs from those before.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_ROUTES_H
#define MP_REMOTE_ROUTES_H

#include "postgres.h"

/* What this session knows of a call that some servers lack. */
typedef enum MpRoute
{
	MP_ROUTE_UNKNOWN,
	MP_ROUTE_PRESENT,
	MP_ROUTE_MISSING,
} MpRoute;

/* How many there were when they were last read whole. */
typedef struct MpNumber
{
	bool		known;
	int64		count;
} MpNumber;

/* All of it is written by routes.c; all zero, nothing is known. */
typedef struct MpRoutes
{
	bool		answered;		/* a call that names the organization has had
								 * a proper answer, so that a 404 is about
								 * what else the path names */
	MpRoute		account_projects;
	MpRoute		project_accounts;
	bool		no_way;			/* one of the two is missing, and the other
								 * has not answered a read that can do
								 * without: such reads do not try again until
								 * one of them has worked */
	MpRoute		organization_projects;
	bool		warned_of_me;	/* that /me may not show all projects */
	bool		warned_of_unlisted; /* of projects that no list shows */
	uint32		project_wise_refused;	/* user mapping whose credentials may
										 * not read all by project; 0: none */
	MpNumber	accounts;
	MpNumber	projects;		/* of the organization's own list */
	MpNumber	memberships;
	MpRoute		bulk_add;
	MpRoute		bulk_remove;
	MpRoute		single_remove;
	MpRoute		role_by_adding; /* an addition changes a member's role */
} MpRoutes;

/*
 * Note that the server has the call, or has it not; *route is one of `routes`.
 * One that was seen to work is not taken for missing.
 */
extern void mp_routes_note(MpRoutes *routes, MpRoute *route, MpRoute found);

/* A call that names the organization has had a proper answer. */
extern void mp_routes_note_answer(MpRoutes *routes);

/* *number is one of `routes`. */
extern void mp_routes_note_number(MpNumber *number, int64 count);

/* The credentials of a user mapping may not read all by project. */
extern void mp_routes_refuse_projects(MpRoutes *routes, uint32 mapping);

/* True the first time: somebody is to be warned of what /me shows. */
extern bool mp_routes_warn_of_me(MpRoutes *routes);

/* The same: of projects that no list shows. */
extern bool mp_routes_warn_of_unlisted(MpRoutes *routes);

/*
 * Memberships could be read by neither way.  Where the read can do without, it
 * is noted; where it cannot, what was learnt of the two is not believed any
 * more.
 */
extern void mp_routes_note_no_way(MpRoutes *routes);
extern void mp_routes_forget_ways(MpRoutes *routes);

/* The server was altered: forget all.  A user mapping was: it may be the one
 * that was refused. */
extern void mp_routes_forget(MpRoutes *routes);
extern void mp_routes_forget_refusal(MpRoutes *routes);

#endif							/* MP_REMOTE_ROUTES_H */
