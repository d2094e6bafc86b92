/*-------------------------------------------------------------------------
 *
 * remote/way.h
 *		The ways to the rows of a lookup: what each costs, and which one a
 *		read goes.
 *
 * The planner and the read itself decide by the same rule.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_WAY_H
#define MP_REMOTE_WAY_H

#include "remote/fetch.h"

#define MP_REQUEST_COST 5.0		/* of each request beyond its round trip, in
								 * the planner's units */
/*
 * Where nothing is known of the sizes, so many accounts are seen before the
 * list of projects is asked for: for fewer it would save little, and a server
 * that has no such list would be asked in vain.
 */
#define MP_WAY_FEW_ACCOUNTS 25

#define MP_WAY_CALLS 3			/* that a read begins with, at most */

/* How the rows are got. */
typedef enum MpWay
{
	MP_WAY_LIST,				/* all accounts by one list */
	MP_WAY_GETS,				/* accounts one by one */
	MP_WAY_BY_ACCOUNT,			/* memberships of each account */
	MP_WAY_BY_PROJECT,			/* memberships of each project */
	MP_WAY_CHOICE,				/* by account or by project: the list of
								 * projects tells which */
	MP_WAY_TRUST,				/* no request: the pinned pairs */
} MpWay;

/* How many there are of each, or are thought to be. */
typedef struct MpSizes
{
	double		accounts;
	double		projects;
	double		memberships;
} MpSizes;

/* What a read costs. */
typedef struct MpWayCost
{
	double		first;			/* round trips before the first row */
	double		round_trips;	/* in all */
	double		requests;
	double		tuples;			/* received */
} MpWayCost;

/* Why a read of memberships goes by account or by project. */
typedef enum MpWayReason
{
	MP_WAY_ONLY,				/* there is nothing to choose */
	MP_WAY_UNLISTED,			/* the projects cannot be listed */
	MP_WAY_CHEAPER,				/* by what is known or thought of the sizes */
	MP_WAY_TO_BE_SEEN,			/* the lists will tell */
} MpWayReason;

/* How a read begins.  Of ids only the count is looked at. */
extern MpWay mp_way_first(const MpSettings *settings, const MpLookup *lookup);

/* The same, and of a choice the way that is expected. */
extern MpWay mp_way_expected(const MpSettings *settings,
							 const MpLookup *lookup, MpWayReason *reason);

/* Is there no sign yet that the list of projects would save much? */
extern bool mp_way_seems_small(const MpSettings *settings,
							   const MpLookup *lookup);

/* In words, for the trace. */
extern const char *mp_way_name(MpWay way);

/*
 * The calls that a lookup begins with, in order, for EXPLAIN; of a choice,
 * those of the way that is expected.  Returns how many.
 */
extern int	mp_way_calls(const MpSettings *settings, const MpLookup *lookup,
						 MpCallKind calls[MP_WAY_CALLS]);

/* Must the list of parents be read for their names? */
extern bool mp_way_needs_names(MpWay way, const MpLookup *lookup);

/*
 * The call that lists projects: those of the organization, else /me, which may
 * not show all.  all: it matters that none is left out, so the server is asked
 * whether it has the first.
 */
extern MpCallKind mp_way_project_list(const MpSettings *settings, bool all);

/* Is the call for memberships of a way known to be missing? */
extern bool mp_way_is_missing(MpWay way, const MpSettings *settings);

/* Below zero: `analyzed` is not known.  What the session has learnt counts
 * for more, as it is later. */
extern void mp_way_sizes(const MpSettings *settings, double analyzed,
						 MpSizes *sizes);
extern double mp_way_table_size(const MpSettings *settings,
								MpRelationKind relation, double analyzed);

/* A read of memberships by account or by project, at these sizes. */
extern void mp_way_cost(const MpSettings *settings, const MpLookup *lookup,
						MpWay way, const MpSizes *sizes, MpWayCost *cost);

/* In the planner's units; `row` is what one that is received costs. */
extern double mp_way_price(const MpSettings *settings, const MpWayCost *cost,
						   double row);

/*
 * Is it cheaper to read all memberships of all projects, and leave out what is
 * not asked for, than those of each account?
 */
extern bool mp_way_prefers_projects(const MpSettings *settings,
									const MpLookup *lookup,
									const MpSizes *sizes);

/* Are both the account-wise and the project-wise way open to a choice? */
extern bool mp_way_is_free(const MpSettings *settings,
						   const MpLookup *lookup);

/* Should the list of accounts be asked for together with that of projects? */
extern bool mp_way_lists_accounts(const MpSettings *settings,
								  const MpLookup *lookup);

#endif							/* MP_REMOTE_WAY_H */
