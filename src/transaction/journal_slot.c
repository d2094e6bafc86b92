/*-------------------------------------------------------------------------
 *
 * transaction/journal_slot.c
 *		Files of the journal: read, appended to, locked.
 *
 * The form is this machine's own, as that of the server's files is.  Each
 * record has a checksum, for its end may not have reached the disk.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "common/file_perm.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"

#include "transaction/journal_slot.h"

#define MAGIC "mixpanel_sa_fdw journal 2"
#define MAX_SLOT (256 * 1024 * 1024)	/* bytes that are read of a slot */

/* Whose file it is.  A copy of a data directory has the same identifier, but
 * was born later, even if it gets the inode of one that was removed; a new
 * timeline has other transactions of the same number. */
typedef struct SlotHeader
{
	char		magic[32];
	uint64		system;
	uint64		inode;
	int64		born;			/* nanoseconds; 0: the file system does not
								 * say */
	uint32		timeline;
	pg_crc32c	crc;
} SlotHeader;

typedef enum RecordType
{
	RECORD_ENTRY = 1,			/* an EntryBody, then its texts */
	RECORD_ACCOUNT,				/* value: its id */
	RECORD_STATE,				/* value: MpEntryState */
} RecordType;

typedef struct RecordHead
{
	uint32		length;			/* of all of the record */
	pg_crc32c	crc;			/* of what comes after it */
	uint32		type;
	uint32		number;			/* of the entry */
} RecordHead;

typedef struct EntryBody
{
	uint64		xid;
	uint64		top_xid;
	int64		postmaster_start;
	int64		happened;
	int64		until;
	int64		organization;
	uint32		database;
	uint32		server;
	uint32		user;
	int32		pid;
	uint32		kind;
	uint32		pad;
} EntryBody;

/* What is said of an entry; which one is told beyond doubt. */
typedef struct NoteBody
{
	uint64		xid;
	int64		happened;
	int64		value;
} NoteBody;

static char *read_all(int fd, const char *path, size_t *size);
static size_t skip_zeros(const char *data, size_t position, size_t size);
static void fill_header(SlotHeader *header);
static MpSlotVerdict judge_header(const char *data, size_t size);
static pg_crc32c checksum(const RecordHead *head);
static bool is_record(const RecordHead *head, size_t left);
static bool take_record(MpSlot *slot, const RecordHead *head);
static bool take_entry(MpSlot *slot, const RecordHead *head);
static const char *take_text(const char **position, const char *end);
static bool take_note(MpSlot *slot, const RecordHead *head);
static bool is_within(int fd, off_t end);
static off_t add_note(int fd, off_t offset, RecordType type,
					  const MpEntry *entry, int64 value);
static off_t append(int fd, off_t offset, const char *data, size_t length);

char *
mp_slot_path(int number)
{
	return psprintf("%s/slot.%d", MP_JOURNAL_FOLDER, number);
}

int
mp_slot_open(const char *path, int flags)
{
	struct stat status;
	int			fd = open(path, flags | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC,
						  pg_file_create_mode);

	if (fd < 0)
		return -1;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

bool
mp_slot_lock(int fd, bool owner)
{
	return flock(fd, (owner ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0;
}

void
mp_slot_read(int fd, const char *path, MpSlot *slot)
{
	size_t		size;
	char	   *data = read_all(fd, path, &size);
	size_t		position = sizeof(SlotHeader);

	memset(slot, 0, sizeof(*slot));
	if (skip_zeros(data, 0, size) == size)
		return;
	slot->verdict = judge_header(data, size);
	if (slot->verdict == MP_SLOT_DAMAGED)
		return;
	slot->size = (off_t) position;
	while ((position = skip_zeros(data, position, size)) < size)
	{
		const RecordHead *head = (const RecordHead *) (data + position);

		if (!is_record(head, size - position) || !take_record(slot, head))
		{
			if (slot->verdict == MP_SLOT_FINE)
				slot->verdict = MP_SLOT_DAMAGED;
			slot->size = (off_t) position;
			break;
		}
		position += head->length;
		slot->size = (off_t) position;
	}
}

off_t
mp_slot_add_entry(int fd, off_t offset, const MpEntry *entry, int room)
{
	const char *texts[] = {entry->text, entry->server_name, entry->base_url};
	EntryBody	body = {
		.xid = entry->xid,
		.top_xid = entry->top_xid,
		.postmaster_start = entry->postmaster_start,
		.happened = entry->happened,
		.until = entry->until,
		.organization = entry->organization,
		.database = entry->database,
		.server = entry->server,
		.user = entry->user,
		.pid = entry->pid,
		.kind = entry->kind,
	};
	StringInfoData data;
	RecordHead *head;
	size_t		start = offset == 0 ? sizeof(SlotHeader) : 0;
	int			length;

	initStringInfo(&data);
	if (offset == 0)
	{
		SlotHeader	header;

		fill_header(&header);
		appendBinaryStringInfo(&data, (char *) &header, sizeof(header));
	}
	appendStringInfoSpaces(&data, sizeof(RecordHead));
	appendBinaryStringInfo(&data, (char *) &body, sizeof(body));
	for (size_t i = 0; i < lengthof(texts); i++)
		appendBinaryStringInfo(&data, texts[i], (int) strlen(texts[i]) + 1);
	while (data.len % MAXIMUM_ALIGNOF != 0)
		appendStringInfoChar(&data, '\0');
	length = data.len;
	head = (RecordHead *) (data.data + start);
	head->length = (uint32) ((size_t) length - start);
	head->type = RECORD_ENTRY;
	head->number = entry->number;
	head->crc = checksum(head);
	if (room > 0 && !is_within(fd, offset + length))
	{
		enlargeStringInfo(&data, room);
		memset(data.data + length, 0, (size_t) room);
		data.len += room;
	}
	if (append(fd, offset, data.data, (size_t) data.len) < 0)
		offset = -1;
	else
		offset += length;
	pfree(data.data);
	return offset;
}

off_t
mp_slot_add_account(int fd, off_t offset, const MpEntry *entry, int64 account)
{
	return add_note(fd, offset, RECORD_ACCOUNT, entry, account);
}

off_t
mp_slot_add_state(int fd, off_t offset, const MpEntry *entry,
				  MpEntryState state)
{
	return add_note(fd, offset, RECORD_STATE, entry, state);
}

/* ---- reading ---- */

/* Where the next record begins: between them may be room that was not
 * used. */
static size_t
skip_zeros(const char *data, size_t position, size_t size)
{
	while (position < size && data[position] == 0)
		position++;
	/* a record's first byte, of its length, may be 0 as well */
	return position == size ? size : TYPEALIGN_DOWN(MAXIMUM_ALIGNOF, position);
}

/* As one buffer, aligned as records are.  A file that grows while it is read
 * may end amid a record. */
static char *
read_all(int fd, const char *path, size_t *size)
{
	struct stat status;
	size_t		room;
	char	   *data;

	if (fstat(fd, &status) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat file \"%s\": %m", path)));
	room = (size_t) Min(status.st_size, MAX_SLOT);
	data = palloc(room + 1);
	*size = 0;
	while (*size < room)
	{
		ssize_t		count = pread(fd, data + *size, room - *size,
								  (off_t) *size);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read file \"%s\": %m", path)));
		if (count == 0)
			break;
		*size += (size_t) count;
	}
	return data;
}

static void
fill_header(SlotHeader *header)
{
	static struct statx status = {0};

	if (status.stx_ino == 0)
		(void) statx(AT_FDCWD, ".", 0, STATX_INO | STATX_BTIME, &status);
	memset(header, 0, sizeof(*header));
	strlcpy(header->magic, MAGIC, sizeof(header->magic));
	header->system = GetSystemIdentifier();
	header->inode = status.stx_ino;
	if ((status.stx_mask & STATX_BTIME) != 0)
		header->born = status.stx_btime.tv_sec * INT64CONST(1000000000) +
			status.stx_btime.tv_nsec;
	header->timeline = GetWALInsertionTimeLine();
	INIT_CRC32C(header->crc);
	COMP_CRC32C(header->crc, header, offsetof(SlotHeader, crc));
	FIN_CRC32C(header->crc);
}

/* Is this a slot, and of this cluster? */
static MpSlotVerdict
judge_header(const char *data, size_t size)
{
	SlotHeader	header;
	SlotHeader	own;
	pg_crc32c	crc;

	if (size < sizeof(SlotHeader))
		return MP_SLOT_DAMAGED;
	memcpy(&header, data, sizeof(header));
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, &header, offsetof(SlotHeader, crc));
	FIN_CRC32C(crc);
	fill_header(&own);
	if (memcmp(header.magic, own.magic, sizeof(own.magic)) != 0 ||
		!EQ_CRC32C(header.crc, crc))
		return MP_SLOT_DAMAGED;
	return memcmp(&header, &own, sizeof(own)) == 0 ?
		MP_SLOT_FINE : MP_SLOT_FOREIGN;
}

static pg_crc32c
checksum(const RecordHead *head)
{
	const size_t skipped = offsetof(RecordHead, type);
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, (const char *) head + skipped, head->length - skipped);
	FIN_CRC32C(crc);
	return crc;
}

static bool
is_record(const RecordHead *head, size_t left)
{
	return left >= sizeof(RecordHead) &&
		head->length >= sizeof(RecordHead) && head->length <= left &&
		head->length % MAXIMUM_ALIGNOF == 0 &&
		EQ_CRC32C(head->crc, checksum(head));
}

static bool
take_record(MpSlot *slot, const RecordHead *head)
{
	switch ((RecordType) head->type)
	{
		case RECORD_ENTRY:
			return take_entry(slot, head);
		case RECORD_ACCOUNT:
		case RECORD_STATE:
			return take_note(slot, head);
	}
	return false;
}

/* Add an entry that was read to the slot's list; false if it is cut short */
static bool
take_entry(MpSlot *slot, const RecordHead *head)
{
	const EntryBody *body = (const EntryBody *) (head + 1);
	const char *text = (const char *) (body + 1);
	const char *end = (const char *) head + head->length;
	MpEntry		entry = {.number = head->number};

	if (head->length < sizeof(RecordHead) + sizeof(EntryBody))
		return false;
	entry.kind = (MpEntryKind) body->kind;
	entry.xid = body->xid;
	entry.top_xid = body->top_xid;
	entry.postmaster_start = body->postmaster_start;
	entry.happened = body->happened;
	entry.until = body->until;
	entry.organization = body->organization;
	entry.database = body->database;
	entry.server = body->server;
	entry.user = body->user;
	entry.pid = body->pid;
	entry.text = take_text(&text, end);
	entry.server_name = take_text(&text, end);
	entry.base_url = take_text(&text, end);
	if (entry.base_url == NULL)
		return false;
	if (slot->count == slot->room)
	{
		slot->room = Max(16, 2 * slot->room);
		slot->entries = slot->entries == NULL ?
			palloc(sizeof(MpEntry) * (Size) slot->room) :
			repalloc_huge(slot->entries, sizeof(MpEntry) * (Size) slot->room);
	}
	slot->entries[slot->count++] = entry;
	slot->last_number = Max(slot->last_number, head->number);
	return true;
}

/* The next of an entry's texts; NULL where there is none. */
static const char *
take_text(const char **position, const char *end)
{
	const char *text = *position;
	const char *zero = text == NULL ? NULL :
		memchr(text, '\0', (size_t) (end - text));

	*position = zero == NULL ? NULL : zero + 1;
	return zero == NULL ? NULL : text;
}

/* Of an entry that is not there any more, nothing needs to be known. */
static bool
take_note(MpSlot *slot, const RecordHead *head)
{
	const NoteBody *note = (const NoteBody *) (head + 1);

	if (head->length != sizeof(RecordHead) + sizeof(NoteBody))
		return false;
	for (int i = slot->count - 1; i >= 0; i--)
	{
		MpEntry    *entry = &slot->entries[i];

		if (entry->number != head->number || entry->xid != note->xid ||
			entry->happened != note->happened)
			continue;
		if (head->type == RECORD_ACCOUNT)
			entry->account = note->value;
		else
			entry->state = (MpEntryState) note->value;
		break;
	}
	return true;
}

/* ---- writing ---- */

/* Has the file this much already? */
static bool
is_within(int fd, off_t end)
{
	struct stat status;

	return fstat(fd, &status) == 0 && status.st_size >= end;
}

static off_t
add_note(int fd, off_t offset, RecordType type, const MpEntry *entry,
		 int64 value)
{
	struct
	{
		RecordHead	head;
		NoteBody	body;
	}			record = {
		.head = {
			.length = sizeof(record),
			.type = type,
			.number = entry->number,
		},
		.body = {entry->xid, entry->happened, value},
	};

	record.head.crc = checksum(&record.head);
	return append(fd, offset, (const char *) &record, sizeof(record));
}

/*
 * Write at offset, or at the end, all or nothing.  The new size, or 0 where it
 * was written at the end; -1 with errno if it failed.
 */
static off_t
append(int fd, off_t offset, const char *data, size_t length)
{
	off_t		start = offset == MP_SLOT_END ?
		lseek(fd, 0, SEEK_END) : offset;
	size_t		done = 0;
	int			error;

	if (start < 0)
		return -1;
	errno = 0;
	while (done < length)
	{
		ssize_t		count = pwrite(fd, data + done, length - done,
								   start + (off_t) done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break;
		done += (size_t) count;
	}
	if (done == length)
		return offset == MP_SLOT_END ? 0 : start + (off_t) length;
	error = errno != 0 ? errno : ENOSPC;
	if (done > 0 && ftruncate(fd, start) != 0)
		elog(DEBUG1, "could not truncate a file of the journal: %m");
	errno = error;
	return -1;
}
