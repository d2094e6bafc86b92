/*-------------------------------------------------------------------------
 *
 * transaction/journal.h
 *		What this backend's transaction is about to do to Mixpanel, noted on
 *		disk, so that it is not forgotten, whatever ends the backend.
 *
 * An entry is on disk, and the id of its transaction is in the write-ahead
 * log, before the request is sent.  After a crash the commit log tells whether
 * that transaction has committed; what is to be told of the others,
 * journal_left.h says.  An entry never holds a secret.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_TRANSACTION_JOURNAL_H
#define MP_TRANSACTION_JOURNAL_H

#include "postgres.h"

#include "base/settings.h"

/* An entry of this transaction; 0: none. */
typedef int MpJournalEntry;

/*
 * Note an account that is about to be created.  Raises 53100 where the disk is
 * full, and what else errno says, and then nothing is noted.  The transaction
 * gets an id, and its commit will be waited for.
 */
extern MpJournalEntry mp_journal_note(const MpSettings *settings,
									  const char *username);

/* Note the changes that COMMIT is about to send to one server; as above. */
extern void mp_journal_note_commit(const MpSettings *settings,
								   const char *changes);

/*
 * What becomes of an entry.  These do not raise: what cannot be written, the
 * commit log tells.
 */
extern void mp_journal_answered(MpJournalEntry entry, int64 account);

/* Nothing was created, or it was seen to be deleted. */
extern void mp_journal_gone(MpJournalEntry entry);

/* It was rolled back and may still be there. */
extern void mp_journal_kept(MpJournalEntry entry);

/*
 * The end of the transaction, after its commit or abort.  Of what was not
 * settled by then, accounts of subtransactions that have committed stay;
 * others are kept.
 */
extern void mp_journal_end(bool committed);

#endif							/* MP_TRANSACTION_JOURNAL_H */
