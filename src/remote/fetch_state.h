/*-------------------------------------------------------------------------
 *
 * remote/fetch_state.h
 *		What fetch.c (the calls) and fetch_route.c (what a missing route means)
 *		share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_FETCH_STATE_H
#define MP_REMOTE_FETCH_STATE_H

#include "remote/fetch.h"
#include "remote/session.h"

/* How the rows are got. */
typedef enum MpWay
{
	MP_WAY_LIST,				/* all accounts by one list */
	MP_WAY_GETS,				/* accounts one by one */
	MP_WAY_BY_ACCOUNT,			/* memberships of each account */
	MP_WAY_BY_PROJECT,			/* memberships of each project */
	MP_WAY_TRUST,				/* no request: the pinned pairs */
} MpWay;

/* What a call is made for. */
typedef struct MpParent
{
	int64		id;				/* 0 for MP_WAY_LIST */
	char	   *label;			/* username or project name in UTF-8, not
								 * terminated; NULL where not known */
	size_t		label_length;
} MpParent;

/* A place for a call under way. */
typedef struct MpSlot
{
	MpCall	   *call;			/* NULL: free */
	MpParent	parent;
	bool		verifying;		/* the call asks whether the parent exists */
	bool		exists;			/* and it does */
	int64		witness;		/* another project that exists; 0: none seen */
	bool		on_witness;		/* the call asks for that one's memberships,
								 * to learn whether the server has the route */
} MpSlot;

struct MpFetch
{
	MemoryContext context;		/* all of the fetch */
	MemoryContextCallback callback;
	const MpSettings *settings;
	MpHttp	   *http;
	MpLookup	lookup;
	uint32		wanted;
	MpWay		way;
	bool		switched;		/* the other way was tried first */

	MpCall	   *parents;		/* the list of parents while it arrives */
	bool		parents_done;
	MpIds		fixed;			/* BY_ACCOUNT, BY_PROJECT: the only parents to
								 * visit, where they are known */
	bool	   *listed;			/* of those, which the list has named; NULL:
								 * no list was asked for their names */
	MpParent   *queue;			/* parents without a call yet */
	int			queue_size;
	int			queue_used;
	int			queue_read;

	MpSlot	   *slots;
	int			slot_count;
	int			current_slot;

	MpRecord	record;			/* handed out */
	MpRecord	parent_record;
	int64		rows;			/* handed out */
	int64		trusted_pairs;	/* of them, without a request */

	int64		children_started;
	int64		children_done;
	TimestampTz next_notice;	/* when the last progress was told */
	MpTally		tally;			/* of calls that are over */
};

/* ---- fetch.c ---- */

extern void mp_fetch_restart(MpFetch *fetch, MpWay way);
extern void mp_fetch_push_rest(MpFetch *fetch);
extern void mp_fetch_drop_call(MpFetch *fetch, MpCall **call);

/* ---- fetch_route.c ---- */

extern MpWay mp_fetch_first_way(const MpSettings *settings,
								const MpLookup *lookup);

/* A call for a parent has ended well; has failed; or, while verifying, has
 * changed state. */
extern void mp_fetch_child_done(MpFetch *fetch, MpSlot *slot);
extern void mp_fetch_child_failed(MpFetch *fetch, MpSlot *slot);
extern void mp_fetch_verified(MpFetch *fetch, MpSlot *slot,
							  MpCallState state);
extern void mp_fetch_parents_failed(MpFetch *fetch);

#endif							/* MP_REMOTE_FETCH_STATE_H */
