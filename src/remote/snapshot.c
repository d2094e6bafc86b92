/*-------------------------------------------------------------------------
 *
 * remote/snapshot.c
 *		What a transaction or a statement has read, kept until its end.
 *
 * Owns the memory, the temporary file and the index of what lies in them.
 * Knows neither what an element means nor which calls a read needs.
 *
 * Several answers arrive at once, so each is gathered in memory and set down
 * piece by piece: an answer is a list of segments.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "catalog/array.h"
#include "remote/session.h"
#include "remote/snapshot.h"

#define SEGMENT_SIZE 32768		/* bytes gathered before they are set down, at
								 * most; */
#define SEGMENT_MINIMUM 1024	/* at least; */
#define SEGMENT_OF_ANSWER 32	/* a long answer has longer ones, so that the
								 * list of them is short; */
#define SEGMENT_OF_MEMORY 8		/* but no longer than this part of work_mem */
#define ANSWER_COST 512			/* of memory, besides what it says */

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
	char	   *data;			/* NULL: it lies in the file */
	int			length;
	int			file;			/* as BufFileTell() gives them */
	off_t		offset;
} Segment;

struct MpKept
{
	Key			key;
	MpSnapshot *snapshot;
	MpCall	   *source;			/* the reader's that adds to it; NULL: none */
	bool		filling;		/* a read adds to it */
	bool		complete;
	bool		ahead;			/* others have added to it, from here on: */
	int			ahead_segment;
	int			ahead_at;
	int64		elements;
	Size		bytes;
	Segment    *segments;
	int			count;
	int			size;
	char	   *pending;		/* gathered and not yet set down: the segment
								 * after the last */
	int			pending_used;
	int			pending_size;
};

struct MpSnapshot
{
	dlist_node	node;			/* in `live` */
	uint64		number;
	MemoryContext query;		/* of the statement; NULL: a transaction's */
	MemoryContextCallback query_ends;
	int			readers;

	MemoryContext context;		/* all below; NULL: nothing is kept */
	MemoryContextCallback context_ends;
	HTAB	   *answers;
	int			answer_count;
	Size		segment_limit;
	Size		memory;			/* taken by segments */
	Size		memory_limit;
	bool		has[MP_CALL_COUNT]; /* an answer of such a call */
	BufFile    *file;
	int			end_file;		/* where the file ends */
	off_t		end_offset;
};

static dlist_head live = DLIST_STATIC_INIT(live);
static MpSnapshot *of_transaction = NULL;
static uint64 last_number = 0;

static MpSnapshot *make(MemoryContext parent, MemoryContext query);
static void forget_statement(void *arg);
static void close_file(void *arg);
static MpKept *look_up(MpSnapshot *snapshot, const MpSettings *settings,
					   MpCallKind call, int64 parent);
static void set_up(MpSnapshot *snapshot);
static void open_file(MpSnapshot *snapshot);
static Key	make_key(const MpSettings *settings, MpCallKind call,
					 int64 parent);
static void set_down(MpKept *kept);
static void write_segment(MpSnapshot *snapshot, Segment *segment,
						  char *data);
static const char *load_segment(MpReplay *replay);
static void *copy_of(MpReplay *replay, const char *data, Size length);

MpSnapshot *
mp_snapshot_of_transaction(void)
{
	if (!IsolationUsesXactSnapshot())
		return NULL;
	if (of_transaction == NULL)
		of_transaction = make(TopMemoryContext, NULL);
	return of_transaction;
}

void
mp_snapshot_end(void)
{
	MpSnapshot *snapshot = of_transaction;

	if (snapshot == NULL)
		return;
	of_transaction = NULL;
	dlist_delete(&snapshot->node);
	if (snapshot->context != NULL)
		MemoryContextDelete(snapshot->context);
	pfree(snapshot);
}

MpSnapshot *
mp_snapshot_of_statement(MemoryContext query)
{
	dlist_iter	iter;
	MpSnapshot *snapshot = NULL;

	dlist_foreach(iter, &live)
	{
		MpSnapshot *each = dlist_container(MpSnapshot, node, iter.cur);

		if (each->query == query)
			snapshot = each;
	}
	if (snapshot == NULL)
		snapshot = make(query, query);
	snapshot->readers++;
	return snapshot;
}

int
mp_snapshot_readers(const MpSnapshot *snapshot)
{
	return snapshot->readers;
}

bool
mp_snapshot_is_binding(const MpSnapshot *snapshot)
{
	return snapshot->query == NULL;
}

uint64
mp_snapshot_number(const MpSnapshot *snapshot)
{
	return snapshot->number;
}

bool
mp_snapshot_lives(const MpSnapshot *snapshot, uint64 number)
{
	dlist_iter	iter;

	dlist_foreach(iter, &live)
	{
		const MpSnapshot *each = dlist_container(MpSnapshot, node, iter.cur);

		if (each == snapshot)
			return each->number == number;
	}
	return false;
}

MpKept *
mp_snapshot_find(MpSnapshot *snapshot, const MpSettings *settings,
				 MpCallKind call, int64 parent)
{
	MpKept	   *kept = look_up(snapshot, settings, call, parent);

	return kept != NULL && kept->complete ? kept : NULL;
}

MpKept *
mp_snapshot_find_filling(MpSnapshot *snapshot, const MpSettings *settings,
						 MpCallKind call, int64 parent)
{
	MpKept	   *kept = look_up(snapshot, settings, call, parent);

	return kept != NULL && kept->filling && kept->source != NULL ? kept : NULL;
}

bool
mp_snapshot_has(const MpSnapshot *snapshot, MpCallKind call)
{
	return snapshot->has[call];
}

MpKept *
mp_snapshot_begin(MpSnapshot *snapshot, const MpSettings *settings,
				  MpCallKind call, int64 parent)
{
	Key			key;
	MpKept	   *kept;
	bool		found;

	if (snapshot->query != NULL &&
		(Size) snapshot->answer_count * ANSWER_COST >= snapshot->memory_limit)
		return NULL;
	if (snapshot->context == NULL)
		set_up(snapshot);
	key = make_key(settings, call, parent);
	kept = hash_search(snapshot->answers, &key, HASH_ENTER, &found);
	if (found && (kept->complete || kept->filling))
		return NULL;
	memset((char *) kept + sizeof(Key), 0, sizeof(MpKept) - sizeof(Key));
	if (!found)
		snapshot->answer_count++;
	kept->snapshot = snapshot;
	kept->filling = true;
	return kept;
}

void
mp_snapshot_set_source(MpKept *kept, MpCall *source)
{
	if (kept == NULL)
		return;
	Assert(kept->filling && (kept->source == NULL || source == NULL));
	kept->source = source;
}

MpCall *
mp_snapshot_source(const MpKept *kept)
{
	return kept->source;
}

void
mp_snapshot_add(MpKept *kept, const char *data, Size length)
{
	MemoryContext old;
	int			size = (int) length;
	int			used;
	int			needed;

	if (kept == NULL)
		return;
	used = kept->pending_used;
	Assert(kept->filling && !kept->complete);
	old = MemoryContextSwitchTo(kept->snapshot->context);
	needed = used + (int) sizeof(int) + size;
	if (kept->pending == NULL)
	{
		kept->pending_size = Max(needed, SEGMENT_MINIMUM / 2);
		kept->pending = palloc((Size) kept->pending_size);
	}
	else if (needed > kept->pending_size)
	{
		kept->pending_size = Max(needed, 2 * kept->pending_size);
		kept->pending = repalloc(kept->pending, (Size) kept->pending_size);
	}
	memcpy(kept->pending + used, &size, sizeof(int));
	memcpy(kept->pending + used + sizeof(int), data, length);
	kept->pending_used = needed;
	kept->elements++;
	kept->bytes += (Size) needed - (Size) used;
	if ((Size) needed >= Min(kept->snapshot->segment_limit,
							 Max(kept->bytes / SEGMENT_OF_ANSWER,
								 SEGMENT_MINIMUM)))
		set_down(kept);
	MemoryContextSwitchTo(old);
}

void
mp_snapshot_complete(MpKept *kept)
{
	MemoryContext old;

	if (kept == NULL || kept->complete)
		return;
	Assert(kept->filling);
	old = MemoryContextSwitchTo(kept->snapshot->context);
	if (kept->pending_used > 0)
		set_down(kept);
	if (kept->pending != NULL)
		pfree(kept->pending);
	kept->pending = NULL;
	kept->pending_size = 0;
	kept->source = NULL;
	kept->filling = false;
	kept->complete = true;
	kept->snapshot->has[kept->key.call] = true;
	MemoryContextSwitchTo(old);
}

bool
mp_snapshot_is_complete(const MpKept *kept)
{
	return kept->complete;
}

int64
mp_snapshot_count(const MpKept *kept)
{
	return kept->elements;
}

/* What it has written stays in the file, to no use. */
void
mp_snapshot_abandon(MpKept *kept)
{
	if (kept == NULL)
		return;
	if (kept->complete)
		return;
	if (kept->pending != NULL)
		pfree(kept->pending);
	for (int i = 0; i < kept->count; i++)
	{
		if (kept->segments[i].data == NULL)
			continue;
		kept->snapshot->memory -= (Size) kept->segments[i].length;
		pfree(kept->segments[i].data);
	}
	if (kept->segments != NULL)
		pfree(kept->segments);
	memset((char *) kept + sizeof(Key), 0, sizeof(MpKept) - sizeof(Key));
}

void
mp_snapshot_read_ahead(MpKept *kept)
{
	if (kept->ahead)
		return;
	kept->ahead = true;
	kept->ahead_segment = kept->count;
	kept->ahead_at = kept->pending_used;
}

void
mp_snapshot_catch_up(MpKept *kept, MpReplay *replay)
{
	if (kept == NULL || !kept->ahead || replay->kept == kept)
		return;
	replay->kept = kept;
	replay->segment = kept->ahead_segment;
	replay->loaded = 0;
	replay->at = (Size) kept->ahead_at;
}

bool
mp_snapshot_is_behind(const MpKept *kept, const MpReplay *replay)
{
	if (kept == NULL || !kept->ahead)
		return false;
	if (replay->kept != kept)
		return kept->complete || kept->ahead_segment != kept->count ||
			kept->ahead_at != kept->pending_used;
	return kept->complete || replay->segment < kept->count ||
		replay->at != (Size) kept->pending_used;
}

void
mp_snapshot_skip(MpReplay *replay)
{
	if (replay->kept == NULL)
		return;
	replay->segment = replay->kept->count;
	replay->at = (Size) replay->kept->pending_used;
}

/* A reader may be in the pending segment when that is set down: it then has
 * the same number, and the reader's place in it is the same. */
bool
mp_snapshot_read(MpReplay *replay, MpText *element)
{
	const MpKept *kept = replay->kept;
	const char *data;
	int			size;

	while (replay->segment < kept->count &&
		   replay->at == (Size) kept->segments[replay->segment].length)
	{
		replay->segment++;
		replay->at = 0;
	}
	if (replay->segment == kept->count &&
		replay->at == (Size) kept->pending_used)
		return false;
	data = replay->segment == kept->count ? kept->pending :
		load_segment(replay);
	memcpy(&size, data + replay->at, sizeof(int));
	data += replay->at + sizeof(int);
	/* what is pending moves when it grows */
	element->data = replay->segment == kept->count ?
		copy_of(replay, data, (Size) size) : data;
	element->length = (size_t) size;
	replay->at += sizeof(int) + (Size) size;
	return true;
}

static MpSnapshot *
make(MemoryContext parent, MemoryContext query)
{
	MpSnapshot *snapshot = MemoryContextAllocZero(parent, sizeof(MpSnapshot));

	snapshot->number = ++last_number;
	snapshot->query = query;
	snapshot->memory_limit = query != NULL ? (Size) work_mem * 1024 / 4 : 0;
	dlist_push_head(&live, &snapshot->node);
	if (query != NULL)
	{
		snapshot->query_ends.func = forget_statement;
		snapshot->query_ends.arg = snapshot;
		MemoryContextRegisterResetCallback(query, &snapshot->query_ends);
	}
	return snapshot;
}

/* Its own context, a child, is no more by then. */
static void
forget_statement(void *arg)
{
	MpSnapshot *snapshot = arg;

	dlist_delete(&snapshot->node);
}

/* Runs while the context still has all that the file needs. */
static void
close_file(void *arg)
{
	MpSnapshot *snapshot = arg;

	if (snapshot->file != NULL)
		BufFileClose(snapshot->file);
	snapshot->file = NULL;
	snapshot->answers = NULL;
	snapshot->context = NULL;
	snapshot->number = 0;
}

static MpKept *
look_up(MpSnapshot *snapshot, const MpSettings *settings, MpCallKind call,
		int64 parent)
{
	Key			key;

	if (snapshot->context == NULL)
		return NULL;
	key = make_key(settings, call, parent);
	return hash_search(snapshot->answers, &key, HASH_FIND, NULL);
}

/* Now that something is to be kept. */
static void
set_up(MpSnapshot *snapshot)
{
	bool		statement = snapshot->query != NULL;
	Size		memory = (Size) work_mem * 1024;
	MemoryContext context;
	HASHCTL		control = {
		.keysize = sizeof(Key),
		.entrysize = sizeof(MpKept),
	};

	context = AllocSetContextCreate(statement ? snapshot->query :
									TopMemoryContext,
									"mixpanel_sa_fdw snapshot",
									ALLOCSET_DEFAULT_SIZES);
	snapshot->context_ends.func = close_file;
	snapshot->context_ends.arg = snapshot;
	MemoryContextRegisterResetCallback(context, &snapshot->context_ends);
	control.hcxt = context;
	snapshot->answers = hash_create("mixpanel_sa_fdw answers",
									statement ? 32 : 256, &control,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	snapshot->segment_limit = Min(SEGMENT_SIZE, memory / SEGMENT_OF_MEMORY);
	snapshot->context = context;
	elog(DEBUG1, "what is read is kept until the end of the %s",
		 statement ? "statement" : "transaction");
}

/*
 * The file outlives subtransactions, so it belongs to none of them: it is
 * closed with the snapshot's context, whatever ends that.
 */
static void
open_file(MpSnapshot *snapshot)
{
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext old = MemoryContextSwitchTo(snapshot->context);

	CurrentResourceOwner = TopTransactionResourceOwner;
	PG_TRY();
	{
		snapshot->file = BufFileCreateTemp(true);
	}
	PG_FINALLY();
	{
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();
	snapshot->end_file = 0;
	snapshot->end_offset = 0;
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

/* What was gathered becomes a segment, in memory if there is room. */
static void
set_down(MpKept *kept)
{
	MpSnapshot *snapshot = kept->snapshot;
	Size		length = (Size) kept->pending_used;
	Segment    *segment;

	if (kept->count == kept->size)
		kept->segments = mp_array_grow(kept->segments, &kept->size,
									   sizeof(Segment));
	segment = &kept->segments[kept->count];
	memset(segment, 0, sizeof(*segment));
	segment->length = kept->pending_used;
	if (snapshot->memory + length <= snapshot->memory_limit)
	{
		segment->data = repalloc(kept->pending, length);
		kept->pending = NULL;
		kept->pending_size = 0;
		snapshot->memory += length;
	}
	else
		write_segment(snapshot, segment, kept->pending);
	kept->count++;
	kept->pending_used = 0;
}

/* Append it to the file. */
static void
write_segment(MpSnapshot *snapshot, Segment *segment, char *data)
{
	if (snapshot->file == NULL)
		open_file(snapshot);
	if (BufFileSeek(snapshot->file, snapshot->end_file, snapshot->end_offset,
					SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in a temporary file: %m")));
	segment->file = snapshot->end_file;
	segment->offset = snapshot->end_offset;
	BufFileWrite(snapshot->file, data, (size_t) segment->length);
	BufFileTell(snapshot->file, &snapshot->end_file, &snapshot->end_offset);
}

/* The segment that is to be read, from the file into the buffer. */
static const char *
load_segment(MpReplay *replay)
{
	const Segment *segment = &replay->kept->segments[replay->segment];
	BufFile    *file = replay->kept->snapshot->file;
	Size		length = (Size) segment->length;

	if (segment->data != NULL)
		return segment->data;
	if (replay->loaded == replay->segment + 1)
		return replay->buffer;
	(void) copy_of(replay, NULL, length);
	if (BufFileSeek(file, segment->file, segment->offset, SEEK_SET) != 0 ||
		BufFileRead(file, replay->buffer, length) != length)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read a temporary file: %m")));
	replay->loaded = replay->segment + 1;
	return replay->buffer;
}

/* Make room in the reader's buffer, and put this there; NULL: nothing. */
static void *
copy_of(MpReplay *replay, const char *data, Size length)
{
	replay->loaded = 0;
	if (length > replay->buffer_size)
	{
		if (replay->buffer != NULL)
			pfree(replay->buffer);
		replay->buffer = palloc(length);
		replay->buffer_size = length;
	}
	if (data != NULL && length > 0)
		memcpy(replay->buffer, data, length);
	return replay->buffer;
}
