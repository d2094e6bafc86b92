/*-------------------------------------------------------------------------
 *
 * remote/fetch_unlisted.h
 *		Projects that were answered 404, and that no list has named.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_FETCH_UNLISTED_H
#define MP_REMOTE_FETCH_UNLISTED_H

#include "remote/fetch_state.h"

/* Note one, the parent of a slot. */
extern void mp_fetch_note_unlisted(MpFetch *fetch, const MpSlot *slot);

/* A membership was read by account, fetch->record: is it one of theirs? */
extern void mp_fetch_learn_of_unlisted(const MpFetch *fetch);

/* They are left out of a read that is over: of those that option project_ids
 * names, warn. */
extern void mp_fetch_warn_of_unlisted(MpFetch *fetch);

#endif							/* MP_REMOTE_FETCH_UNLISTED_H */
