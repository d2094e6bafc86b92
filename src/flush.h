/*-------------------------------------------------------------------------
 *
 * flush.h
 *		Sends what a transaction has queued, at COMMIT.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_FLUSH_H
#define MP_FLUSH_H

/*
 * Send the folded queue: membership changes first, then account deletions, in
 * as few requests as the API allows, several at once.  Raises at the first
 * final failure, after the requests under way have ended; nothing is sent
 * after it, and the error's detail says what was applied and what was not.
 */
extern void mp_flush_send(void);

/*
 * In an abort: if sending was cut short by something that could not carry a
 * detail (the end of the process), say what had been applied.
 */
extern void mp_flush_abort(void);

#endif							/* MP_FLUSH_H */
