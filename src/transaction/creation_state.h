/*-------------------------------------------------------------------------
 *
 * transaction/creation_state.h
 *		What the files about created accounts share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_TRANSACTION_CREATION_STATE_H
#define MP_TRANSACTION_CREATION_STATE_H

#include "utils/timestamp.h"

#include "catalog/compat.h"
#include "remote/error.h"
#include "remote/session.h"
#include "transaction/changeset.h"
#include "transaction/creation.h"
#include "transaction/journal.h"

/* What is known of an account to be created. */
typedef enum MpCreationState
{
	MP_CREATION_NOTED,			/* no request yet */
	MP_CREATION_SENT,			/* the answer is awaited */
	MP_CREATION_UNKNOWN,		/* no answer told whether it was made */
	MP_CREATION_REFUSED,		/* it was certainly not made */
	MP_CREATION_MADE,			/* it exists; its id is known */
	MP_CREATION_DELETING,		/* its deletion is under way */
	MP_CREATION_ABSENT,			/* its deletion was answered 404: it is gone,
								 * or the API does not show it yet */
	MP_CREATION_GONE,			/* it was deleted */
} MpCreationState;

/* Written by creation_list.c alone. */
typedef struct MpCreation
{
	MpCreationState state;
	uint16		target;
	int			level;			/* of the subtransaction */
	CommandId	cid;
	TimestampTz statement;		/* when the client's message came */
	char	   *username;		/* or name, for messages */
	int64		id;				/* MADE and after; else 0 */
	MpCall	   *create;			/* SENT; else NULL */
	MpCall	   *deletion;		/* DELETING; else NULL */
	bool		shown;			/* a statement that ended well has given its
								 * secret away */
	MpJournalEntry journal;		/* what the disk knows of it */
} MpCreation;

/* ---- creation_list.c: what is known of each ---- */

/* A new one, NOTED, at the current level.  It comes before the request, so
 * that nothing can be created that is not noted, here and in the journal.
 * Raises as mp_journal_note(). */
extern MpCreation *mp_creation_push(uint16 target, CommandId cid,
									const char *username);

/* Forget the last one: the error that is to come says all of it. */
extern void mp_creation_pop(MpCreation *creation);

/* How many there are, and one of them, in the order of their creation: those
 * of a level stand behind those of the levels around it. */
extern int	mp_creation_count(void);
extern MpCreation *mp_creation_get(int index);

/* NOTED -> SENT; takes the call, or raises 53200 where that is NULL. */
extern void mp_creation_send(MpCreation *creation, MpCall *create);

/* SENT -> UNKNOWN or REFUSED, as the call has ended or is given up. */
extern void mp_creation_end_create(MpCreation *creation,
								   MpCreationState state);

/* SENT or UNKNOWN -> MADE; returns the call, which is the caller's now. */
extern MpCall *mp_creation_note_made(MpCreation *creation, int64 id);

/* MADE or ABSENT -> DELETING, and back or -> GONE. */
extern void mp_creation_delete(MpCreation *creation, MpCall *deletion);
extern void mp_creation_end_deletion(MpCreation *creation,
									 MpCreationState state);

/* Free what is under way, in whatever state, and forget those from `first`
 * on. */
extern void mp_creation_drop(int first);

/* Does a failed create say that the account was certainly not made?  Only the
 * API's own refusal does, or a request that was never sent. */
extern bool mp_creation_is_refusal(const MpCall *create);

/* ---- creation_look.c: outcomes that nobody told ---- */

/* An account that may have been made. */
typedef struct MpCreationSought
{
	const MpNewAccount *account;
	const char *table;			/* as in mp_creation_create() */
	TimestampTz start;			/* of the request */
	int64		named;			/* by an answer that is otherwise of no use;
								 * 0: none */
} MpCreationSought;

/*
 * The create went out at `start`, and no usable answer came.  Look for the
 * account among all and raise 08006 or HV004 with what was found.
 */
MP_NORETURN extern void mp_creation_raise_unknown(MpCreation *creation,
												  MpCreationSought *sought);

/* The same of an answer that was read, with what is wrong with it. */
MP_NORETURN extern void mp_creation_raise_unsure(MpCreation *creation,
												 MpCreationSought *sought,
												 MpError *error);

#endif							/* MP_TRANSACTION_CREATION_STATE_H */
