/*-------------------------------------------------------------------------
 *
 * transaction/journal.c
 *		This backend's slot of the journal: taken, written, freed.
 *
 * An account that was committed stays noted for a while.  Where a backend dies
 * before it has learnt the id of an account, the account is looked for by its
 * name, and then those that others have created under that name, and have
 * committed, must be known.
 *
 * So a slot is cut back when it has grown, its last commit is long past, and
 * nothing in it is left to be told.  No file is ever removed: there are as
 * many as backends that have created accounts at the same time.
 *
 * What a creation costs is two syncs, one before its request and one at COMMIT
 * (doc/reliability.md, Crashes).  Before the request, its entry and its
 * transaction's id are synced at the same time.  That id must be on disk
 * before anything is sent, else a crash could give it to another transaction,
 * whose commit would be taken for this one's.  An entry alone on disk does no
 * harm: then nothing was sent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "common/file_perm.h"
#include "miscadmin.h"
#include "replication/message.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#include "catalog/compat.h"
#include "transaction/journal.h"
#include "transaction/journal_left.h"
#include "transaction/journal_slot.h"
#include "transaction/journal_sync.h"

#define MAX_SLOTS 100000
#define FULL_SLOT (1024 * 1024) /* bytes; then another slot is taken */
#define LARGE_SLOT (16 * 1024)	/* bytes; then it is cut back, if it can be */
#define ROOM (8 * 1024)			/* bytes that a slot grows by */

/* The slot that this backend owns; -1: none yet. */
static int	slot_fd = -1;
static int	slot_number = 0;
static bool slot_failed = false;	/* it could not be synced */
static off_t slot_size = 0;
static uint32 slot_last_number = 0;
static TimestampTz slot_last_commit = 0;
static bool slot_has_rest = false;	/* entries to be told of */

/* This transaction's entries; MpJournalEntry is an index, from 1.  Only their
 * numbers, xids, times, kinds and states count. */
static MpEntry *own = NULL;
static int	own_count = 0;
static int	own_room = 0;

static uint64 durable_xid = 0;	/* the last one that is in the log on disk */

static int	add_entry(MpEntry *entry, const MpSettings *settings);
static bool make_durable(uint64 xid);
MP_NORETURN static void refuse_entry(void);
static void need_slot(void);
static bool is_slot_usable(int fd, const char *path);
static void take_slot(void);
static void make_folder(void);
static int	open_slot(const char *path);
static bool adopt_slot(int fd, const char *path);
static void sync_names(const char *path);
static bool sync_folder(const char *path);
static bool settle_slot(int fd, MpSlot *slot);
static void set_aside(void);
static void close_slot(void);
static void cut_slot(int fd);
static void set_state(MpEntry *entry, MpEntryState state);
static MpEntry *get_own(MpJournalEntry entry);
static TimestampTz last_moment(const MpSettings *settings, TimestampTz now);

MpJournalEntry
mp_journal_note(const MpSettings *settings, const char *username)
{
	MpEntry		entry = {.kind = MP_ENTRY_ACCOUNT,.text = username};

	return add_entry(&entry, settings);
}

void
mp_journal_note_commit(const MpSettings *settings, const char *changes)
{
	MpEntry		entry = {.kind = MP_ENTRY_COMMIT,.text = changes};

	add_entry(&entry, settings);
}

void
mp_journal_answered(MpJournalEntry entry, int64 account)
{
	off_t		size;

	if (entry == 0)
		return;
	size = mp_slot_add_account(slot_fd, slot_size, get_own(entry), account);
	if (size >= 0)
		slot_size = size;
	else
		elog(DEBUG1, "could not write to the journal: %m");
}

void
mp_journal_gone(MpJournalEntry entry)
{
	if (entry != 0)
		set_state(get_own(entry), MP_ENTRY_GONE);
}

void
mp_journal_kept(MpJournalEntry entry)
{
	if (entry != 0)
		set_state(get_own(entry), MP_ENTRY_KEPT);
}

void
mp_journal_end(bool committed)
{
	for (int i = 0; i < own_count; i++)
	{
		MpEntry    *entry = &own[i];
		TransactionId xid = (TransactionId) entry->xid;

		if (entry->state != MP_ENTRY_OPEN)
			continue;
		if (entry->kind == MP_ENTRY_COMMIT)
			set_state(entry, MP_ENTRY_GONE);	/* or the client was told */
		else if (committed && TransactionIdDidCommit(xid))
			set_state(entry, MP_ENTRY_COMMITTED);
		else
			set_state(entry, MP_ENTRY_KEPT);
	}
	own_count = 0;
}

/* Write an entry and its transaction id to disk, before anything is sent */
static MpJournalEntry
add_entry(MpEntry *entry, const MpSettings *settings)
{
	off_t		size;

	if (own_count == own_room)
	{
		int			room = Max(16, 2 * own_room);

		own = own == NULL ?
			MemoryContextAlloc(TopMemoryContext,
							   sizeof(MpEntry) * (Size) room) :
			repalloc_huge(own, sizeof(MpEntry) * (Size) room);
		own_room = room;
	}
	ForceSyncCommit();
	entry->xid = U64FromFullTransactionId(GetCurrentFullTransactionId());
	entry->top_xid = U64FromFullTransactionId(GetTopFullTransactionId());
	need_slot();
	entry->number = slot_last_number + 1;
	entry->state = MP_ENTRY_OPEN;
	entry->postmaster_start = PgStartTime;
	entry->happened = GetCurrentTimestamp();
	entry->until = last_moment(settings, entry->happened);
	entry->database = MyDatabaseId;
	entry->server = settings->server_id;
	entry->user = settings->user_id;
	entry->pid = MyProcPid;
	entry->organization = settings->organization_id;
	entry->server_name = settings->server_name;
	entry->base_url = settings->base_url;
	size = mp_slot_add_entry(slot_fd, slot_size, entry, ROOM);
	if (size < 0)
		refuse_entry();
	slot_size = size;
	slot_last_number = entry->number;
	if (!make_durable(entry->xid))
	{
		set_aside();
		refuse_entry();
	}
	own[own_count] = *entry;
	return ++own_count;
}

/*
 * Sync the entry, and the id of its transaction.  An id alone is not durable:
 * after a crash it could be given out again, to a transaction that commits.
 */
static bool
make_durable(uint64 xid)
{
	mp_journal_sync_begin(slot_fd);
	if (xid != durable_xid)
		XLogFlush(MP_LOG_MESSAGE("mixpanel_sa_fdw"));
	durable_xid = xid;
	return mp_journal_sync_end(slot_fd);
}

/* By errno.  Where the entry could not be synced, it need not go: the API will
 * not know of what it names. */
static void
refuse_entry(void)
{
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not write to the journal of service accounts in \"%s\": %m",
					MP_JOURNAL_FOLDER),
			 errdetail("Nothing has been sent to Mixpanel.")));
}

/* Only where the transaction has no entries yet may the slot be another. */
static void
need_slot(void)
{
	if (slot_failed && own_count > 0)
	{
		errno = EIO;
		refuse_entry();
	}
	if (own_count == 0 && slot_fd >= 0)
	{
		char	   *path = mp_slot_path(slot_number);

		if (!slot_failed)
			cut_slot(slot_fd);
		if (slot_failed || slot_size > FULL_SLOT ||
			!is_slot_usable(slot_fd, path))
			close_slot();
		pfree(path);
	}
	if (slot_fd < 0)
		take_slot();
}

/* Somebody may have removed the file, or moved it or its folder to where
 * nobody looks. */
static bool
is_slot_usable(int fd, const char *path)
{
	struct stat opened;
	struct stat found;

	return fstat(fd, &opened) == 0 && lstat(path, &found) == 0 &&
		opened.st_ino == found.st_ino && opened.st_dev == found.st_dev;
}

/* Take the first slot file that no running backend owns */
static void
take_slot(void)
{
	make_folder();
	for (int i = 0; i < MAX_SLOTS; i++)
	{
		char	   *path = mp_slot_path(i);
		int			fd = open_slot(path);

		if (fd >= 0 && adopt_slot(fd, path))
		{
			slot_fd = fd;
			slot_number = i;
			ReserveExternalFD();
			return;
		}
		if (fd >= 0)
			close(fd);
		pfree(path);
	}
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("there are too many files in \"%s\"", MP_JOURNAL_FOLDER)));
}

static void
make_folder(void)
{
	if (MakePGDirectory(MP_JOURNAL_FOLDER) != 0 && errno != EEXIST)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create directory \"%s\": %m",
						MP_JOURNAL_FOLDER)));
}

/*
 * -1 where it has an owner, or something is there that cannot be opened: no
 * file, or one that is not ours.  It raises what keeps a new file from being
 * made.
 */
static int
open_slot(const char *path)
{
	int			fd = mp_slot_open(path, O_RDWR | O_CREAT);
	int			failure = errno;
	struct stat status;

	if (fd < 0 && lstat(path, &status) != 0)
	{
		errno = failure;
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\": %m", path)));
	}
	if (fd >= 0 && !mp_slot_lock(fd, true))
	{
		int			error = errno;

		close(fd);
		errno = error;
		if (errno != EWOULDBLOCK)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not lock file \"%s\": %m", path)));
		fd = -1;
	}
	return fd;
}

/* Take over what is there.  False where it is damaged, or another cluster's:
 * somebody may want to look at it. */
static bool
adopt_slot(int fd, const char *path)
{
	MpSlot		slot;
	bool		fine = false;

	PG_TRY();
	{
		mp_slot_read(fd, path, &slot);
		if (slot.verdict == MP_SLOT_FINE && slot.size == 0)
			sync_names(path);
		fine = slot.verdict == MP_SLOT_FINE && is_slot_usable(fd, path) &&
			settle_slot(fd, &slot);
	}
	PG_CATCH();
	{
		close(fd);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return fine;
}

/*
 * The names of a slot and of its folder.  A slot that something was written to
 * had them synced before that.  Where it fails, the file goes, so that nobody
 * takes it for such a one.
 */
static void
sync_names(const char *path)
{
	if (!sync_folder(MP_JOURNAL_FOLDER) || !sync_folder("."))
	{
		int			error = errno;

		unlink(path);
		errno = error;
		refuse_entry();
	}
}

static bool
sync_folder(const char *path)
{
	int			fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int			error = 0;

	if (fd < 0)
		return false;
	if (pg_fsync(fd) != 0)
		error = errno;
	close(fd);
	errno = error;
	return error == 0;
}

/* What was left open by the last owner is known by now. */
static bool
settle_slot(int fd, MpSlot *slot)
{
	slot_size = slot->size;
	slot_last_number = slot->last_number;
	slot_last_commit = 0;
	slot_has_rest = false;
	for (int i = 0; i < slot->count; i++)
	{
		MpEntry    *entry = &slot->entries[i];

		if (entry->state == MP_ENTRY_OPEN)
		{
			off_t		size;

			entry->state = mp_journal_state_of(entry);
			size = mp_slot_add_state(fd, slot_size, entry, entry->state);
			slot_size = size < 0 ? slot_size : size;
		}
		if (entry->state == MP_ENTRY_COMMITTED)
			slot_last_commit = Max(slot_last_commit, entry->happened);
		else if (entry->state != MP_ENTRY_GONE)
			slot_has_rest = true;
	}
	cut_slot(fd);
	return slot_size <= FULL_SLOT;
}

/*
 * A slot that could not be synced is good for no other entry: the kernel
 * forgets the failure once it has told of it, and what was written before may
 * be missing on the disk.  Under another name the file is still read, but no
 * backend will own it.  Keeps errno.
 */
static void
set_aside(void)
{
	int			error = errno;
	char	   *path = mp_slot_path(slot_number);
	char	   *aside = psprintf("%s.failed." INT64_FORMAT, path,
								 GetCurrentTimestamp());

	slot_failed = true;
	if (rename(path, aside) != 0)
		elog(DEBUG1, "could not rename file \"%s\": %m", path);
	pfree(path);
	pfree(aside);
	errno = error;
}

/*
 * Forget what is in the slot, where all of it was committed or is gone, long
 * enough ago, and nobody is looked for by a name.
 */
static void
cut_slot(int fd)
{
	TimestampTz now = GetCurrentTimestamp();

	if (slot_size < LARGE_SLOT || slot_has_rest ||
		now < slot_last_commit + MP_JOURNAL_MEMORY)
		return;
	if (slot_last_commit > 0 && mp_journal_has_nameless())
		slot_last_commit = now;
	else if (ftruncate(fd, 0) == 0)
		slot_size = 0;
}

/* Its lock ends with it. */
static void
close_slot(void)
{
	close(slot_fd);
	slot_fd = -1;
	slot_failed = false;
	ReleaseExternalFD();
}

/* In an abort as well: must not fail. */
static void
set_state(MpEntry *entry, MpEntryState state)
{
	off_t		size;

	if (entry->state == state)
		return;
	Assert(entry->state == MP_ENTRY_OPEN || entry->state == MP_ENTRY_KEPT);
	entry->state = state;
	if (state == MP_ENTRY_COMMITTED)
		slot_last_commit = GetCurrentTimestamp();
	else if (state == MP_ENTRY_KEPT)
		slot_has_rest = true;
	if (slot_fd < 0)
		return;
	size = mp_slot_add_state(slot_fd, slot_size, entry, state);
	if (size >= 0)
		slot_size = size;
	else
		elog(DEBUG1, "could not write to the journal: %m");
}

static MpEntry *
get_own(MpJournalEntry entry)
{
	Assert(entry > 0 && entry <= own_count);
	return &own[entry - 1];
}

/* By then a request that is sent now has been carried out or never will be,
 * as far as one can say. */
static TimestampTz
last_moment(const MpSettings *settings, TimestampTz now)
{
	int64		each = (int64) settings->connect_timeout +
		settings->request_timeout + settings->max_retry_wait;

	return now + each * (settings->max_retries + 1) * 1000;
}
