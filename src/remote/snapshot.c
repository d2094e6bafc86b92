/*-------------------------------------------------------------------------
 *
 * remote/snapshot.c
 *		What a transaction has read, kept until its end.
 *
 * Owns the temporary file and the index of what lies in it.  Knows neither
 * what an element means nor which calls a read needs.
 *
 * Several answers arrive at once, so each is gathered in memory and written
 * piece by piece: an answer is a list of segments of the file.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "storage/buffile.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "catalog/array.h"
#include "remote/session.h"
#include "remote/snapshot.h"

#define SEGMENT_SIZE 32768		/* bytes gathered before they are written */

/* What a call was made with, and for. */
typedef struct Key
{
	const MpRoutes *place;		/* server, base URL, organization */
	int64		parent;
	uint32		mapping;
	uint32		user;			/* hash of the name that authenticates */
	uint32		call;			/* MpCallKind */
	uint32		unused;			/* zero */
} Key;

typedef struct Segment
{
	int			file;			/* as BufFileTell() gives them */
	int			length;
	off_t		offset;
} Segment;

struct MpKept
{
	Key			key;
	bool		filling;		/* a read adds to it */
	bool		complete;
	Segment    *segments;
	int			count;
	int			size;
	char	   *pending;		/* gathered and not yet written */
	int			pending_used;
	int			pending_size;
};

static MemoryContext context = NULL;	/* all below; NULL: nothing is kept */
static HTAB *answers = NULL;
static BufFile *file = NULL;
static int	end_file;			/* where the file ends */
static off_t end_offset;
static uint64 epoch = 0;
static bool has[MP_CALL_COUNT]; /* an answer of such a call */

static void set_up(void);
static void open_file(void);
static Key	make_key(const MpSettings *settings, MpCallKind call,
					 int64 parent);
static void write_segment(MpKept *kept);
static void load_segment(MpReplay *replay);

bool
mp_snapshot_is_on(void)
{
	return IsolationUsesXactSnapshot();
}

uint64
mp_snapshot_epoch(void)
{
	return epoch;
}

void
mp_snapshot_end(void)
{
	epoch++;
	if (file != NULL)
		BufFileClose(file);
	file = NULL;
	answers = NULL;
	memset(has, 0, sizeof(has));
	if (context != NULL)
		MemoryContextDelete(context);
	context = NULL;
}

MpKept *
mp_snapshot_find(const MpSettings *settings, MpCallKind call, int64 parent)
{
	Key			key;
	MpKept	   *kept;

	if (answers == NULL)
		return NULL;
	key = make_key(settings, call, parent);
	kept = hash_search(answers, &key, HASH_FIND, NULL);
	return kept != NULL && kept->complete ? kept : NULL;
}

bool
mp_snapshot_has(MpCallKind call)
{
	return has[call];
}

MpKept *
mp_snapshot_begin(const MpSettings *settings, MpCallKind call, int64 parent)
{
	Key			key;
	MpKept	   *kept;
	bool		found;

	if (answers == NULL)
		set_up();
	key = make_key(settings, call, parent);
	kept = hash_search(answers, &key, HASH_ENTER, &found);
	if (found && (kept->complete || kept->filling))
		return NULL;
	memset((char *) kept + sizeof(Key), 0, sizeof(MpKept) - sizeof(Key));
	kept->filling = true;
	return kept;
}

void
mp_snapshot_add(MpKept *kept, const char *data, Size length)
{
	MemoryContext old;
	int			size = (int) length;
	int			needed;

	if (kept == NULL)
		return;
	Assert(kept->filling && !kept->complete);
	old = MemoryContextSwitchTo(context);
	needed = kept->pending_used + (int) sizeof(int) + size;
	if (kept->pending == NULL)
	{
		kept->pending_size = Max(needed, 1024);
		kept->pending = palloc((Size) kept->pending_size);
	}
	else if (needed > kept->pending_size)
	{
		kept->pending_size = Max(needed, 2 * kept->pending_size);
		kept->pending = repalloc(kept->pending, (Size) kept->pending_size);
	}
	memcpy(kept->pending + kept->pending_used, &size, sizeof(int));
	memcpy(kept->pending + kept->pending_used + sizeof(int), data, length);
	kept->pending_used = needed;
	if (needed >= SEGMENT_SIZE)
		write_segment(kept);
	MemoryContextSwitchTo(old);
}

void
mp_snapshot_complete(MpKept *kept)
{
	MemoryContext old;

	if (kept == NULL)
		return;
	Assert(kept->filling && !kept->complete);
	old = MemoryContextSwitchTo(context);
	if (kept->pending_used > 0)
		write_segment(kept);
	if (kept->pending != NULL)
		pfree(kept->pending);
	kept->pending = NULL;
	kept->pending_size = 0;
	kept->filling = false;
	kept->complete = true;
	has[kept->key.call] = true;
	MemoryContextSwitchTo(old);
}

/* What it has written stays in the file, to no use. */
void
mp_snapshot_abandon(MpKept *kept)
{
	if (kept == NULL)
		return;
	Assert(!kept->complete);
	if (kept->pending != NULL)
		pfree(kept->pending);
	if (kept->segments != NULL)
		pfree(kept->segments);
	memset((char *) kept + sizeof(Key), 0, sizeof(MpKept) - sizeof(Key));
}

bool
mp_snapshot_read(MpReplay *replay, MpText *element)
{
	int			size;

	Assert(replay->kept->complete);
	if (replay->at == replay->length)
	{
		if (replay->segment == replay->kept->count)
			return false;
		load_segment(replay);
	}
	Assert(replay->at + sizeof(int) <= replay->length);
	memcpy(&size, replay->buffer + replay->at, sizeof(int));
	element->data = replay->buffer + replay->at + sizeof(int);
	element->length = (size_t) size;
	replay->at += sizeof(int) + (Size) size;
	Assert(replay->at <= replay->length);
	return true;
}

static void
set_up(void)
{
	HASHCTL		control = {
		.keysize = sizeof(Key),
		.entrysize = sizeof(MpKept),
	};

	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext,
										"mixpanel_sa_fdw snapshot",
										ALLOCSET_DEFAULT_SIZES);
	control.hcxt = context;
	answers = hash_create("mixpanel_sa_fdw answers", 256, &control,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	elog(DEBUG1, "what is read is kept until the end of the transaction");
}

/*
 * The file outlives subtransactions, so it belongs to none of them: it is
 * closed at the end of the transaction, whatever ends it.
 */
static void
open_file(void)
{
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext old = MemoryContextSwitchTo(context);

	CurrentResourceOwner = TopTransactionResourceOwner;
	PG_TRY();
	{
		file = BufFileCreateTemp(true);
	}
	PG_FINALLY();
	{
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();
	end_file = 0;
	end_offset = 0;
	MemoryContextSwitchTo(old);
}

static Key
make_key(const MpSettings *settings, MpCallKind call, int64 parent)
{
	Key			key;
	const char *user = settings->username;

	/* its bytes are hashed */
	memset(&key, 0, sizeof(key));
	key.place = mp_session_routes(settings);
	key.parent = parent;
	key.mapping = settings->mapping_id;
	if (user != NULL)
		key.user = hash_bytes((const unsigned char *) user,
							  (int) strlen(user));
	key.call = (uint32) call;
	return key;
}

/* Append what was gathered to the file. */
static void
write_segment(MpKept *kept)
{
	Segment    *segment;

	if (file == NULL)
		open_file();
	if (kept->count == kept->size)
		kept->segments = mp_array_grow(kept->segments, &kept->size,
									   sizeof(Segment));
	if (BufFileSeek(file, end_file, end_offset, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in a temporary file: %m")));
	BufFileWrite(file, kept->pending, (size_t) kept->pending_used);
	segment = &kept->segments[kept->count++];
	segment->file = end_file;
	segment->offset = end_offset;
	segment->length = kept->pending_used;
	kept->pending_used = 0;
	BufFileTell(file, &end_file, &end_offset);
}

/* Read the next piece of what was kept into the buffer */
static void
load_segment(MpReplay *replay)
{
	const Segment *segment = &replay->kept->segments[replay->segment++];
	Size		length = (Size) segment->length;

	if (length > replay->buffer_size)
	{
		if (replay->buffer != NULL)
			pfree(replay->buffer);
		replay->buffer = palloc(length);
		replay->buffer_size = length;
	}
	if (BufFileSeek(file, segment->file, segment->offset, SEEK_SET) != 0 ||
		BufFileRead(file, replay->buffer, length) != length)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read a temporary file: %m")));
	replay->length = length;
	replay->at = 0;
}
