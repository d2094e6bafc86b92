/*-------------------------------------------------------------------------
 *
 * transaction/journal_left.c
 *		Reads the journal of all backends, and asks the commit log.
 *
 * Any number of readers may be at it at once.  What one finds out of a slot
 * without an owner it adds there, for the commit log forgets.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "access/transam.h"
#include "access/xlog.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "transaction/journal_left.h"

static int	compare_slots(const ListCell *a, const ListCell *b);
static void forget_some(const List *left, int first, int end);
static void forget_entry(int fd, const MpSlot *slot, const MpLeft *left);
static List *read_slot(List *found, const char *path, bool warn);
static List *take_entries(List *found, const char *path, int fd, bool warn);
static bool has_rest(const MpSlot *slot);
static void settle_entry(int fd, MpEntry *entry);
static bool is_same(const MpEntry *a, const MpEntry *b);

/*
 * As pg_xact_status() says it, which asks in the order that leaves no gap
 * between a transaction under way and one in the commit log.
 */
MpEntryState
mp_journal_state_of(const MpEntry *entry)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum		result;
	char	   *status;

	/* a crash has undone it, so it was not on disk yet, so nothing was sent */
	if (entry->xid >= U64FromFullTransactionId(ReadNextFullTransactionId()))
		return MP_ENTRY_GONE;
	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = UInt64GetDatum(entry->xid);
	fcinfo->args[0].isnull = false;
	result = pg_xact_status(fcinfo);
	if (fcinfo->isnull)
		return MP_ENTRY_UNKNOWN;
	status = TextDatumGetCString(result);
	if (strcmp(status, "committed") == 0)
		return MP_ENTRY_COMMITTED;
	return strcmp(status, "aborted") == 0 ? MP_ENTRY_CUT_OFF : MP_ENTRY_OPEN;
}

List *
mp_journal_read(bool warn)
{
	List	   *found = NIL;
	DIR		   *folder = AllocateDir(MP_JOURNAL_FOLDER);
	struct dirent *file;

	if (folder == NULL && errno == ENOENT)
		return NIL;
	while ((file = ReadDir(folder, MP_JOURNAL_FOLDER)) != NULL)
	{
		if (strcmp(file->d_name, ".") != 0 && strcmp(file->d_name, "..") != 0)
			found = read_slot(found, psprintf("%s/%s", MP_JOURNAL_FOLDER,
											  file->d_name), warn);
	}
	FreeDir(folder);
	return found;
}

bool
mp_journal_has_nameless(void)
{
	ListCell   *cell;

	foreach(cell, mp_journal_read(false))
	{
		const MpEntry *entry = &((MpLeft *) lfirst(cell))->entry;

		if (entry->kind == MP_ENTRY_ACCOUNT && entry->account == 0 &&
			entry->state != MP_ENTRY_COMMITTED)
			return true;
	}
	return false;
}

/* Each slot is read once. */
void
mp_journal_forget(List *left)
{
	int			first = 0;

	list_sort(left, compare_slots);
	for (int i = 1; i <= list_length(left); i++)
	{
		if (i < list_length(left) &&
			compare_slots(list_nth_cell(left, i - 1),
						  list_nth_cell(left, i)) == 0)
			continue;
		forget_some(left, first, i);
		first = i;
	}
}

/* Entries of one file have one path, not merely an equal one. */
static int
compare_slots(const ListCell *a, const ListCell *b)
{
	uintptr_t	one = (uintptr_t) ((MpLeft *) lfirst(a))->path;
	uintptr_t	other = (uintptr_t) ((MpLeft *) lfirst(b))->path;

	return one < other ? -1 : one > other;
}

/*
 * Forget those of the list from `first` to before `end`, which are of one
 * slot.  It may have an owner by now, or have had one, and begin anew.
 */
static void
forget_some(const List *left, int first, int end)
{
	const char *path = ((MpLeft *) list_nth(left, first))->path;
	int			fd = mp_slot_open(path, O_RDWR | O_APPEND);
	MpSlot		slot;

	if (fd < 0)
		return;
	PG_TRY();
	{
		if (mp_slot_lock(fd, false))
		{
			mp_slot_read(fd, path, &slot);
			if (slot.verdict != MP_SLOT_FINE)
				end = first;
			for (int i = first; i < end; i++)
				forget_entry(fd, &slot, list_nth(left, i));
		}
	}
	PG_FINALLY();
	{
		close(fd);
	}
	PG_END_TRY();
}

static void
forget_entry(int fd, const MpSlot *slot, const MpLeft *left)
{
	for (int i = 0; i < slot->count; i++)
	{
		if (is_same(&slot->entries[i], &left->entry))
			mp_slot_add_state(fd, MP_SLOT_END, &left->entry, MP_ENTRY_GONE);
	}
}

/*
 * Add what a slot file names to the list; the file is closed whatever
 * happens.
 */
static List *
read_slot(List *found, const char *path, bool warn)
{
	List	   *volatile result = found;
	int			fd = mp_slot_open(path, O_RDWR | O_APPEND);

	if (fd < 0)
	{
		if (warn && errno != ENOENT)
			ereport(WARNING,
					(errcode(ERRCODE_WARNING),
					 errmsg("file \"%s\" of the journal of service accounts is ignored: %m",
							path)));
		return found;
	}
	PG_TRY();
	{
		result = take_entries(found, path, fd, warn);
	}
	PG_FINALLY();
	{
		close(fd);
	}
	PG_END_TRY();
	return result;
}

/*
 * Add the entries of a slot to the list, but those that are GONE.
 */
static List *
take_entries(List *found, const char *path, int fd, bool warn)
{
	bool		owned = !mp_slot_lock(fd, false);
	MpSlot		slot;

	mp_slot_read(fd, path, &slot);
	if (slot.verdict == MP_SLOT_FOREIGN)
	{
		if (warn && has_rest(&slot))
			ereport(WARNING,
					(errcode(ERRCODE_WARNING),
					 errmsg("file \"%s\" of the journal of service accounts is ignored: it was written by another cluster, or before the data directory was copied or restored",
							path)));
		return found;
	}
	/* the owner may be amid a record */
	if (slot.verdict == MP_SLOT_DAMAGED && warn && !owned)
		ereport(WARNING,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("file \"%s\" of the journal of service accounts is damaged from byte %lld on",
						path, (long long) slot.size)));
	for (int i = 0; i < slot.count; i++)
	{
		MpEntry    *entry = &slot.entries[i];
		MpLeft	   *left;

		if (entry->state == MP_ENTRY_OPEN && !owned)
			settle_entry(slot.verdict == MP_SLOT_FINE ? fd : -1, entry);
		if (entry->state == MP_ENTRY_GONE)
			continue;
		left = palloc(sizeof(MpLeft));
		left->entry = *entry;
		left->path = path;
		found = lappend(found, left);
	}
	return found;
}

static bool
has_rest(const MpSlot *slot)
{
	for (int i = 0; i < slot->count; i++)
	{
		if (slot->entries[i].state != MP_ENTRY_COMMITTED &&
			slot->entries[i].state != MP_ENTRY_GONE)
			return true;
	}
	return false;
}

static void
settle_entry(int fd, MpEntry *entry)
{
	entry->state = mp_journal_state_of(entry);
	if (entry->state != MP_ENTRY_OPEN && fd >= 0)
		mp_slot_add_state(fd, MP_SLOT_END, entry, entry->state);
}

static bool
is_same(const MpEntry *a, const MpEntry *b)
{
	return a->number == b->number && a->xid == b->xid &&
		a->happened == b->happened;
}
