/*-------------------------------------------------------------------------
 *
 * remote/attempt.h
 *		Something that may fail without the statement failing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_ATTEMPT_H
#define MP_REMOTE_ATTEMPT_H

#include "postgres.h"

/*
 * Run `action` in a subtransaction: where it fails, all that it has taken
 * (files, locks, memory, calls under way) is given back.  NULL where it
 * succeeds, else its error, in the current context.  A cancel is raised.
 *
 * What it allocates is freed with the current context, where it succeeds.
 */
extern ErrorData *mp_attempt(void (*action) (void *arg), void *arg);

#endif							/* MP_REMOTE_ATTEMPT_H */
