/*-------------------------------------------------------------------------
 *
 * remote/fetch_wait.h
 *		What a read waits for, and whether it need not.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_FETCH_WAIT_H
#define MP_REMOTE_FETCH_WAIT_H

#include "remote/fetch.h"

/* After WAIT: wait, interruptibly, until it is worth asking again. */
extern void mp_fetch_wait(MpFetch *fetch);

/* After WAIT: is it worth asking again, without a wait? */
extern bool mp_fetch_ready(const MpFetch *fetch);

/* Is anything under way whose end or next bytes would wake a reader?  After
 * WAIT there is, unless it is ready. */
extern bool mp_fetch_has_call(const MpFetch *fetch);

#endif							/* MP_REMOTE_FETCH_WAIT_H */
