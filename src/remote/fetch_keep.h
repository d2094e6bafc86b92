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
 * A list of parents: true if it was kept, and is read from there.  Its next
 * record goes to fetch->parent_record; what has come of it may then be kept.
 */
extern bool mp_fetch_list_kept(MpFetch *fetch, MpParentList *list,
							   MpCallKind call);
extern MpCallState mp_fetch_next_parent(MpFetch *fetch, MpParentList *list,
										bool projects);
extern void mp_fetch_keep_parent(MpFetch *fetch, MpParentList *list,
								 bool projects);

/* It has ended well; it will not. */
extern void mp_fetch_list_whole(MpParentList *list);
extern void mp_fetch_list_broken(MpParentList *list);

/* A slot that has just taken its parent: true if the answer was kept. */
extern bool mp_fetch_slot_kept(MpFetch *fetch, MpSlot *slot);

/* The next record of such a slot; false at the end. */
extern bool mp_fetch_next_kept(MpFetch *fetch, MpSlot *slot);

/*
 * A record that has come for a slot.  False where the same account was read by
 * itself before, and was not there; if it was, the record is what it was then.
 */
extern bool mp_fetch_keep_record(MpFetch *fetch, MpSlot *slot);

/* All was read. */
extern void mp_fetch_keep_all(MpFetch *fetch);

/* Accounts of a fetch that were asked for, and are not there. */
extern void mp_fetch_keep_absence(MpFetch *fetch, const int64 *ids, int count);

/* The fetch ends; does not throw. */
extern void mp_fetch_keep_end(MpFetch *fetch);

#endif							/* MP_REMOTE_FETCH_KEEP_H */
