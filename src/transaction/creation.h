/*-------------------------------------------------------------------------
 *
 * transaction/creation.h
 *		Service accounts that this transaction has created.
 *
 * Creating cannot wait for COMMIT: the secret exists only in the answer.  So
 * it happens at once, and is undone where the (sub)transaction is rolled back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_TRANSACTION_CREATION_H
#define MP_TRANSACTION_CREATION_H

#include "postgres.h"

#include "api/api.h"

/*
 * Create an account and wait for the answer, which holds the secret and is the
 * caller's to change until mp_creation_forget_answer().  `table` is the quoted
 * name to put into hints.  Raises what error.c says of a refusal.  Where the
 * outcome is unknown, looks for the account among all and raises 08006; or
 * HV004, where there was an answer, but none that can be used.
 *
 * The caller must be in a transaction whose end calls the functions below.
 */
extern MpRecord *mp_creation_create(uint16 target, CommandId cid,
									const MpNewAccount *account,
									const char *table);

/* A command has ended that gave the secrets of what it created away: should
 * the transaction not commit, a NOTICE says that they are worth nothing. */
extern void mp_creation_note_shown(CommandId cid);

/* Wipe the last answer; its costs are added to *tally, which may be NULL. */
extern void mp_creation_forget_answer(MpTally *tally);

/* Was it created by a command of this transaction that is not before
 * `curcid`?  Such a row is not seen by the command itself. */
extern bool mp_creation_is_later(const MpSettings *settings, int64 account,
								 CommandId curcid);

/* Any created in this transaction?  Is this one? */
extern bool mp_creation_any(void);
extern bool mp_creation_is_own(const MpSettings *settings, int64 id);

/* An account is deleted; where this transaction has created it, there is
 * nothing left to undo. */
extern void mp_creation_note_gone(const MpSettings *settings, int64 id);

/* Was the last one created by the message of the client that is being worked
 * off?  Then the client has not had its secret yet. */
extern bool mp_creation_is_unanswered(void);

/* The end of subtransactions of `level` and deeper, and of the transaction.
 * Undoing deletes what was created under them, in ten seconds at most, and
 * warns of what may be left; it does not raise. */
extern void mp_creation_release(int level);
extern void mp_creation_undo(int level);
extern void mp_creation_end(void);

#endif							/* MP_TRANSACTION_CREATION_H */
