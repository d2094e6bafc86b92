/*-------------------------------------------------------------------------
 *
 * remote/fetch_state.h
 *		A fetch: its parents, its slots, and what is in doubt.
 *
 * A parent is what a call is made for: an account, a project, or nothing for
 * the one list of all accounts.  A slot holds a call for a parent.
 *
 * Who writes a field stands beside it: fetch.c (the calls and the order of
 * things), fetch_state.c, or the file that is named after what it decides.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_FETCH_STATE_H
#define MP_REMOTE_FETCH_STATE_H

#include "postgres.h"

#include "utils/hsearch.h"

#include "remote/fetch.h"
#include "remote/session.h"
#include "remote/snapshot.h"
#include "remote/way.h"

typedef struct MpParent
{
	int64		id;				/* 0 for MP_WAY_LIST */
	char	   *label;			/* username or project name in UTF-8, not
								 * terminated; NULL where not known */
	size_t		label_length;
} MpParent;

/* A list of parents, while it arrives. */
typedef struct MpParentList
{
	MpCall	   *call;			/* NULL: it is over, or read from what was
								 * kept */
	MpReplay	replay;			/* kept NULL: it is not read from there;
								 * fetch_keep.c */
	MpKept	   *kept;			/* where it is kept; fetch_keep.c begins it */
	MpKept	   *follows;		/* another read is asking for it, which is
								 * waited for; fetch_keep.c */
	MpCallKind	kind;			/* which list it is; fetch_keep.c, and
								 * fetch_route.c where it is replaced */
	int64		count;			/* named so far */
} MpParentList;

/* Parents without a call yet. */
typedef struct MpParentQueue
{
	MpParent   *parents;
	int			size;
	int			used;
	int			read;
} MpParentQueue;

/*
 * What the call of a slot is for.  Reading is first; a 404 leads to one of the
 * questions; each of them ends with the slot free.
 */
typedef enum MpSlotState
{
	MP_SLOT_FREE,				/* no call */
	MP_SLOT_READING,			/* the parent's rows */
	MP_SLOT_FOLLOWING,			/* the same, which another read is asking for:
								 * no call */
	MP_SLOT_REPLAYING,			/* the same, as they were kept: no call */
	MP_SLOT_ASKING_PARENT,		/* whether the parent exists */
	MP_SLOT_ASKING_WITNESS,		/* memberships of another project that exists:
								 * whether the server has the route */
} MpSlotState;

/* All of it is written by fetch_state.c, but for what is marked. */
typedef struct MpSlot
{
	MpSlotState state;
	MpCall	   *call;			/* NULL: free */
	MpParent	parent;
	MpKept	   *kept;			/* READING: where the rows are kept; NULL:
								 * not; begun by fetch_keep.c */
	MpReplay	replay;			/* FOLLOWING, REPLAYING; READING: what others
								 * have read ahead of it; fetch_keep.c */
	int64		records;		/* read of the parent; fetch.c */
	bool		exists;			/* the parent was seen; fetch_route.c */
	bool		foreign;		/* the 404 that it is asked for because of was
								 * not the API's; fetch_route.c */
	int64		witness;		/* another project that was seen, 0: none;
								 * fetch_route.c */
} MpSlot;

/* Projects that were answered 404, and that no list has named. */
typedef struct MpUnlisted
{
	int64	   *ids;
	int			count;
	int			size;
	int64		foreign;		/* one of them, whose 404 was not the API's;
								 * 0: none */
} MpUnlisted;

struct MpFetch
{
	/* set by mp_fetch_begin() */
	MemoryContext context;		/* all of the fetch */
	MemoryContextCallback callback;
	const MpSettings *settings;
	MpHttp	   *http;
	MpLookup	lookup;
	uint32		wanted;
	int			slot_count;
	MpSlot	   *slots;
	MpSnapshot *snapshot;		/* where answers are kept, and read again;
								 * NULL: nowhere */
	uint64		snapshot_number;	/* its, as the fetch may outlive it */

	/* fetch.c */
	bool		switched;		/* the other way was tried first */
	MpParentList list;			/* of parents; fetch_route.c ends or replaces
								 * its call */
	bool		parents_done;
	bool		owners_only;	/* the list of parents is read only to learn
								 * whose the fixed ones are */
	int			current_slot;
	MpRecord	record;			/* handed out */
	MpRecord	parent_record;
	int64		rows;			/* handed out */
	int64		records;		/* read of all parents */
	int64		trusted_pairs;	/* of them, without a request */
	TimestampTz next_notice;	/* when the last progress was told */

	/* fetch_state.c */
	MpWay		way;
	bool		chosen;			/* BY_PROJECT, though BY_ACCOUNT is open too */
	MpIds		fixed;			/* BY_ACCOUNT, BY_PROJECT: the only parents to
								 * visit, where they are known */
	bool	   *listed;			/* of those, which the list has named; NULL:
								 * no list was asked for them */
	HTAB	   *named;			/* parents that the list has named, where it
								 * alone says which there are; NULL: none */
	MpParentQueue queue;
	int64		children_started;
	int64		children_done;
	int64		shared;			/* answers that others have asked for */
	MpTally		tally;			/* of calls that are over */

	/* fetch_choice.c */
	MpParentList rival;			/* CHOICE: the list of projects, beside that
								 * of accounts; BY_PROJECT: what is left of
								 * the list of accounts */
	bool		rival_deferred; /* CHOICE: it is not asked for yet */
	bool		rival_arrives;	/* its end is not there yet */
	bool		accounts_listed;	/* CHOICE: `list` is that of accounts */
	MpParentQueue rivals;		/* CHOICE: the projects */

	/* fetch_route.c */
	bool		widened;		/* what the repeated lookups ask for is read;
								 * fetch.c */
	bool		left;			/* BY_PROJECT was given up after some projects
								 * were read */
	MpIds		read_projects;	/* those; ascending once all is left */
	int			read_projects_size;
	int64	   *doubtful;		/* accounts that were answered 404, which
								 * proves nothing yet */
	int			doubtful_count;
	int			doubtful_size;
	bool		doubt_stays;	/* for one of them no proper answer to another
								 * call can tell: only the list can */
	MpCall	   *judge;			/* the list of accounts that decides */
	bool		judge_found;	/* it has named one of them */

	/* fetch_unlisted.c */
	MpUnlisted	unlisted;
};

/* ---- the way ---- */

/* The only function that changes the way.  `chosen`: see above. */
extern void mp_fetch_set_way(MpFetch *fetch, MpWay way, bool chosen);

/* ---- parents ---- */

/* The parents that are known without a list: what the query pins, else what
 * option project_ids says, which is for those who read by project only. */
extern void mp_fetch_set_fixed(MpFetch *fetch, bool by_project);

/* A list will tell of the fixed parents what is not known of them. */
extern void mp_fetch_expect_names(MpFetch *fetch);

/* Is a parent that a list has named to be visited?  Notes that it was named:
 * the next time it is not to be. */
extern bool mp_fetch_is_to_visit(MpFetch *fetch, int64 id);

/* Queue a parent; the label is copied.  NULL: not known. */
extern void mp_fetch_push_parent(MpParentQueue *queue, int64 id,
								 const MpValue *label);

/* Queue the fixed parents that the list did not name: it may not show all
 * that there are.  Whose such a project is was not told. */
extern void mp_fetch_push_rest(MpFetch *fetch);

/* How many are queued. */
extern int	mp_fetch_queued(const MpFetch *fetch);

/* Ask for a list of parents. */
extern void mp_fetch_ask_list(MpFetch *fetch, MpParentList *list,
							  MpCallKind kind);

/* ---- slots ---- */

/* Give a free slot the next parent; its call is made by the caller. */
extern void mp_fetch_take_parent(MpFetch *fetch, MpSlot *slot);

/* Put a new call (NULL raises 53200) in place of the slot's. */
extern void mp_fetch_set_slot(MpFetch *fetch, MpSlot *slot,
							  MpSlotState state, MpCall *call);

/* Another read is asking for the slot's rows; they were kept: there is no
 * call. */
extern void mp_fetch_set_following(MpFetch *fetch, MpSlot *slot);
extern void mp_fetch_set_replay(MpFetch *fetch, MpSlot *slot);

/* All that the slot's parent has was read. */
extern void mp_fetch_finish_slot(MpFetch *fetch, MpSlot *slot);

/* Free a call, its costs added to the fetch's; *call may be NULL. */
extern void mp_fetch_drop_call(MpFetch *fetch, MpCall **call);

/* Cancel what is under way and forget all parents. */
extern void mp_fetch_clear(MpFetch *fetch);

/* ---- progress ---- */

/* Are there no parents left, and no slot that reads? */
extern bool mp_fetch_is_all_read(const MpFetch *fetch);

/* Tell the client how far a read of many requests is, if it is time to. */
extern void mp_fetch_report(MpFetch *fetch);

#endif							/* MP_REMOTE_FETCH_STATE_H */
