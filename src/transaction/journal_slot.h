/*-------------------------------------------------------------------------
 *
 * transaction/journal_slot.h
 *		Files of the journal: their form, and who may write them.
 *
 * A slot is a log of records: an account that is about to be created or a
 * COMMIT about to be sent (an entry), an entry's account once it is known, and
 * an entry's state.  Nothing is written over, so that what is synced stays.
 * Zeros between records are room that was made for others.
 *
 * One backend owns a slot and holds an exclusive lock on it, which ends with
 * the process, however that ends.  Readers hold a shared lock for as long as
 * they read: where they get it, the slot has no owner.  A slot without an
 * owner is taken over by the next backend that needs one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_TRANSACTION_JOURNAL_SLOT_H
#define MP_TRANSACTION_JOURNAL_SLOT_H

#include "postgres.h"

#include "utils/timestamp.h"

/* Below the data directory.  pg_basebackup and pg_rewind leave out what has
 * this prefix: a copy's commit log does not know how these transactions
 * end. */
#define MP_JOURNAL_FOLDER "pgsql_tmp_mixpanel_sa_fdw"

typedef enum MpEntryKind
{
	MP_ENTRY_ACCOUNT = 1,		/* text: the username */
	MP_ENTRY_COMMIT,			/* text: the changes */
} MpEntryKind;

/* Values are stored. */
typedef enum MpEntryState
{
	MP_ENTRY_OPEN,				/* the commit log tells */
	MP_ENTRY_COMMITTED,			/* kept for a while: see journal.c */
	MP_ENTRY_GONE,				/* nothing is left of it */
	MP_ENTRY_KEPT,				/* rolled back, not seen to be gone */
	MP_ENTRY_CUT_OFF,			/* by a crash */
	MP_ENTRY_UNKNOWN,			/* the commit log cannot tell any more */
} MpEntryState;

/* One entry.  Texts are UTF-8. */
typedef struct MpEntry
{
	uint32		number;			/* within its slot, from 1 */
	MpEntryKind kind;
	MpEntryState state;
	uint64		xid;			/* of the subtransaction */
	uint64		top_xid;
	TimestampTz postmaster_start;
	TimestampTz happened;
	TimestampTz until;			/* after that nothing comes of the request */
	Oid			database;
	Oid			server;
	Oid			user;
	int32		pid;
	int64		organization;
	int64		account;		/* 0: not known */
	const char *text;
	const char *server_name;
	const char *base_url;
} MpEntry;

typedef enum MpSlotVerdict
{
	MP_SLOT_FINE,
	MP_SLOT_FOREIGN,			/* of another cluster, or a copy of this one */
	MP_SLOT_DAMAGED,			/* what came before is read */
} MpSlotVerdict;

/* A slot as it is read; palloc'ed. */
typedef struct MpSlot
{
	MpSlotVerdict verdict;
	off_t		size;			/* where the next record goes; or the damage
								 * begins */
	MpEntry    *entries;
	int			count;
	int			room;			/* of the array */
	uint32		last_number;
} MpSlot;

/* The path of the slot with a number, from 0; palloc'ed. */
extern char *mp_slot_path(int number);

/*
 * Open a file of the journal, without ever waiting for it.  -1 and errno where
 * that fails; also EINVAL where it is no regular file.
 */
extern int	mp_slot_open(const char *path, int flags);

/* Lock it for the owner, or for a reader.  False and errno: EWOULDBLOCK where
 * it has an owner (for the owner: or a reader). */
extern bool mp_slot_lock(int fd, bool owner);

/* Read all of it; raises 58030 where that fails. */
extern void mp_slot_read(int fd, const char *path, MpSlot *slot);

/*
 * Append a record: the owner at `offset`, a reader (MP_SLOT_END) at the end of
 * a file that it has opened with O_APPEND.  A slot that is empty gets its
 * header before its first entry.  They return the new size (MP_SLOT_END: 0),
 * or -1 and errno, and then the file is as it was.
 */
#define MP_SLOT_END ((off_t) -1)

/* Where the file must grow for it, by `room` bytes more, which makes it
 * cheaper to sync those that come later. */
extern off_t mp_slot_add_entry(int fd, off_t offset, const MpEntry *entry,
							   int room);

/* These two must not fail otherwise: they are called within an abort. */
extern off_t mp_slot_add_account(int fd, off_t offset, const MpEntry *entry,
								 int64 account);
extern off_t mp_slot_add_state(int fd, off_t offset, const MpEntry *entry,
							   MpEntryState state);

#endif							/* MP_TRANSACTION_JOURNAL_SLOT_H */
