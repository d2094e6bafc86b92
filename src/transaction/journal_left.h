/*-------------------------------------------------------------------------
 *
 * transaction/journal_left.h
 *		What the journal of all backends says, those included that are no more.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_TRANSACTION_JOURNAL_LEFT_H
#define MP_TRANSACTION_JOURNAL_LEFT_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "transaction/journal_slot.h"

/* How long an account that was committed is remembered at least, so that it is
 * not taken for one that a dead backend has left: longer than the API's clock
 * may differ. */
#define MP_JOURNAL_MEMORY (INT64CONST(600) * USECS_PER_SEC)

/*
 * The state of an OPEN entry whose backend is no more: COMMITTED, CUT_OFF, or
 * UNKNOWN; GONE where nothing was sent; OPEN if it cannot be told yet.
 */
extern MpEntryState mp_journal_state_of(const MpEntry *entry);

/* An entry and where it stands. */
typedef struct MpLeft
{
	MpEntry		entry;
	const char *path;
} MpLeft;

/*
 * All entries of all slots, as a List of MpLeft, but those that are GONE.  An
 * OPEN one is of a transaction under way.  Slots of other clusters and slots
 * that cannot be read are left out, with a WARNING where `warn` says so.
 */
extern List *mp_journal_read(bool warn);

/* Is there an account whose id is not known, of any transaction that is under
 * way or did not commit? */
extern bool mp_journal_has_nameless(void);

/* These were seen to be gone.  Those of slots that have an owner stay.  Sorts
 * the list. */
extern void mp_journal_forget(List *left);

#endif							/* MP_TRANSACTION_JOURNAL_LEFT_H */
