/*-------------------------------------------------------------------------
 *
 * remote/fetch_scope.h
 *		Which parents and records of a read are the organization's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_FETCH_SCOPE_H
#define MP_REMOTE_FETCH_SCOPE_H

#include "remote/fetch_state.h"

extern bool mp_fetch_needs_owners(const MpFetch *fetch);
extern void mp_fetch_take_listed(MpFetch *fetch);

/* Fill in what an element does not say because its request said it. */
extern void mp_fetch_complete_record(MpFetch *fetch, const MpParent *parent);
extern bool mp_fetch_is_in_scope(const MpFetch *fetch);

/* The next of every pair of the pinned accounts and projects, without a
 * request: ROW or DONE. */
extern MpFetchState mp_fetch_next_trusted(MpFetch *fetch);

#endif							/* MP_REMOTE_FETCH_SCOPE_H */
