/*-------------------------------------------------------------------------
 *
 * transaction/journal_sync.h
 *		Syncs a file while this process does something else.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_TRANSACTION_JOURNAL_SYNC_H
#define MP_TRANSACTION_JOURNAL_SYNC_H

#include "postgres.h"

/* Begin to sync what has been written to a file; one at a time.  Where the
 * kernel cannot do that, it is done at the end. */
extern void mp_journal_sync_begin(int fd);

/* Wait until it is on disk.  False and errno where that failed; then what has
 * been written to the file since the last sync may or may not be there, and
 * another sync would not tell. */
extern bool mp_journal_sync_end(int fd);

#endif							/* MP_TRANSACTION_JOURNAL_SYNC_H */
