/*-------------------------------------------------------------------------
 *
 * remote/fetch_keep.h
 *		How a fetch keeps what it reads, and reads what was kept.
 *
 * Nothing here does anything where the fetch does not keep (MpFetch.keeps).
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_FETCH_KEEP_H
#define MP_REMOTE_FETCH_KEEP_H

#include "remote/fetch_state.h"

/*
 * Of the ways to the rows, the one that has been gone already in this
 * transaction, if it gives all that the lookup asks for.
 */
extern MpWay mp_fetch_kept_way(MpFetch *fetch, MpWay way);

/*
 * A list of parents, from what was kept, from another read that is asking for
 * it, or from the API.  Its next record goes to fetch->parent_record.
 */
extern void mp_fetch_begin_list(MpFetch *fetch, MpParentList *list,
								MpCallKind kind);
extern MpCallState mp_fetch_next_parent(MpFetch *fetch, MpParentList *list,
										bool projects);

/* The list is asked for already, after another one has failed. */
extern void mp_fetch_keep_list(MpFetch *fetch, MpParentList *list,
							   MpCallKind kind);

/* It has ended well; it will not. */
extern void mp_fetch_list_whole(MpParentList *list);
extern void mp_fetch_list_broken(MpParentList *list);

/*
 * A slot that has just taken its parent: true if the answer was kept, or if
 * another read is asking for it, which may be waited for; both: no call is
 * needed.
 */
extern bool mp_fetch_slot_kept(MpFetch *fetch, MpSlot *slot);

/* What another read is asking for: DONE: it is kept by now; FAILED: it will
 * not be. */
extern MpCallState mp_fetch_follow(MpFetch *fetch, MpKept *kept);
extern bool mp_fetch_follow_ready(const MpKept *kept);

/*
 * How many accounts there are, if the session does not know and another read
 * of the statement asks for their list: that is waited for.
 */
extern void mp_fetch_learn_accounts(MpFetch *fetch);

/* The next record of a slot that reads, into fetch->record. */
extern MpCallState mp_fetch_next_child(MpFetch *fetch, MpSlot *slot);

/* The requests for what is queued are to come: raises if they are too many. */
extern void mp_fetch_expect(const MpFetch *fetch);

/* The next record of such a slot; false at the end. */
extern bool mp_fetch_next_kept(MpFetch *fetch, MpSlot *slot);

/* All was read. */
extern void mp_fetch_keep_all(MpFetch *fetch);

/* Accounts of a fetch that were asked for, and are not there. */
extern void mp_fetch_keep_absence(MpFetch *fetch, const int64 *ids, int count);

/* The fetch ends; does not throw. */
extern void mp_fetch_keep_end(MpFetch *fetch);

#endif							/* MP_REMOTE_FETCH_KEEP_H */
