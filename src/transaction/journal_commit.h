/*-------------------------------------------------------------------------
 *
 * transaction/journal_commit.h
 *		The changes of a COMMIT as the journal has them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_TRANSACTION_JOURNAL_COMMIT_H
#define MP_TRANSACTION_JOURNAL_COMMIT_H

#include "postgres.h"

#include "transaction/changeset.h"

/* Note what COMMIT is about to send, an entry for each server and
 * organization.  Raises as mp_journal_note_commit() does. */
extern void mp_journal_note_changes(const MpFinal *finals, int count);

/* A noted change. */
typedef struct MpNotedChange
{
	MpChangeKind kind;
	int64		account;
	int64		project;
	const char *role;			/* UTF-8; "" where there is none */
} MpNotedChange;

/*
 * Read the changes of an entry one by one; *position is its text at first.
 * False at the end; then *more is how many there were beyond those noted.
 */
extern bool mp_journal_next_change(const char **position,
								   MpNotedChange *change, int *more);

#endif							/* MP_TRANSACTION_JOURNAL_COMMIT_H */
