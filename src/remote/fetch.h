/*-------------------------------------------------------------------------
 *
 * remote/fetch.h
 *		A lookup -> records: which calls are made, how many at once, and what
 *		a 404 means.
 *
 * A fetch gives every row in the lookup's scope or raises: a route that the
 * server does not have is never taken for an empty table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_FETCH_H
#define MP_REMOTE_FETCH_H

#include "postgres.h"

#include "api/api.h"
#include "base/settings.h"
#include "catalog/relation.h"
#include "remote/snapshot.h"

/* A sorted set of ids that a query pins a key to. */
typedef struct MpIds
{
	bool		pinned;			/* false: any id */
	int			count;
	int64	   *ids;			/* ascending, distinct */
} MpIds;

/*
 * Which rows are asked for; a superset of what the query's conditions let
 * through, which are checked again on every row.
 */
typedef struct MpLookup
{
	MpRelationKind relation;
	bool		nothing;		/* the conditions contradict: no request */
	MpIds		accounts;
	MpIds		projects;		/* memberships only */
	bool		prefer_list;	/* accounts: read all rather than one by one */
	bool		prefer_projects;	/* memberships with both keys pinned, the
									 * accounts being the organization's: the
									 * projects are fewer */
	uint32		filtered;		/* set of MP_FIELD_BITs that something is
								 * decided on: they must be known, not only
								 * shown where known */
	bool		kept;			/* a statement's own read: above READ
								 * COMMITTED it is kept, and answered from
								 * what was */
	MpSnapshot *statement;		/* where it is kept otherwise; NULL: nowhere */
	bool		either_way;		/* memberships may be read by account or by
								 * project, whichever is cheaper; all that are
								 * asked for are the same */
	double		memberships;	/* how many ANALYZE has found; below zero: not
								 * known */
	double		repeats;		/* memberships with accounts pinned: so many
								 * lookups like this one are expected, each
								 * for others; 0: this one alone.  What is
								 * read may then be all that they ask for. */
	bool		trusted;		/* a DELETE that pins both keys and looks at
								 * nothing else: where the server cannot list
								 * memberships, they are taken to exist */
} MpLookup;

typedef enum MpFetchState
{
	MP_FETCH_ROW,
	MP_FETCH_WAIT,				/* nothing now; wait for the pool */
	MP_FETCH_DONE,
} MpFetchState;

typedef struct MpFetch MpFetch;

/*
 * Begin; the first requests are queued at once.  settings and the lookup's
 * ids must outlive the fetch, which lives in a context of its own below the
 * current one and ends with it.  Raises as mp_option_require().
 */
extern MpFetch *mp_fetch_begin(const MpSettings *settings,
							   const MpLookup *lookup, uint32 wanted);

/*
 * The next record, valid until the next call.  Memberships carry both ids,
 * and every record an organization_id.  Raises whatever ends the read.
 */
extern MpFetchState mp_fetch_next(MpFetch *fetch, const MpRecord **record);

/*
 * The same, but waits (interruptibly); false at the end.  To wait otherwise:
 * fetch_wait.h.
 */
extern bool mp_fetch_next_wait(MpFetch *fetch, const MpRecord **record);

/* Cancels what is under way and frees all. */
extern void mp_fetch_end(MpFetch *fetch);

/* Add the costs so far to *tally. */
extern void mp_fetch_add_tally(const MpFetch *fetch, MpTally *tally);

/* Does it read what all repetitions of its lookup ask for? */
extern bool mp_fetch_is_wide(const MpFetch *fetch);

/* How many answers it has taken from what others have asked for. */
extern int64 mp_fetch_shared(const MpFetch *fetch);

#endif							/* MP_REMOTE_FETCH_H */
