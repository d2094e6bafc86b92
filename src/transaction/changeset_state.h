/*-------------------------------------------------------------------------
 *
 * transaction/changeset_state.h
 *		What changeset.c (the queue) and overlay.c (what is seen of it) share.
 *
 * A place is a server, its base URL and an organization, whoever the user is:
 * all users' changes of a place are seen together.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_TRANSACTION_CHANGESET_STATE_H
#define MP_TRANSACTION_CHANGESET_STATE_H

#include "transaction/changeset.h"

/* The place of settings; -1 where it has no changes. */
extern int	mp_changeset_place(const MpSettings *settings);
extern int	mp_changeset_place_of(const MpChange *change);

/* Index of the last change of a key (project 0: of the account); -1: none. */
extern int32 mp_changeset_last(int place, int64 account, int64 project);

#endif							/* MP_TRANSACTION_CHANGESET_STATE_H */
