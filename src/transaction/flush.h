/*-------------------------------------------------------------------------
 *
 * transaction/flush.h
 *		Sends what a transaction has queued, at COMMIT.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_TRANSACTION_FLUSH_H
#define MP_TRANSACTION_FLUSH_H

/*
 * Send the folded queue: membership changes first, then account deletions, in
 * as few requests as the API allows, several at once.  Raises at the first
 * final failure, after the requests under way have ended; nothing is sent
 * after it, and the error's detail says what was applied and what was not.
 */
extern void mp_flush_send(void);

/* The transaction has committed. */
extern void mp_flush_end(void);

/*
 * In an abort: say what had been applied if sending was cut short by something
 * that could not carry a detail (the end of the process), or if the server
 * failed to commit after all was sent.
 */
extern void mp_flush_abort(void);

#endif							/* MP_TRANSACTION_FLUSH_H */
