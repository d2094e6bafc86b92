/*-------------------------------------------------------------------------
 *
 * remote/snapshot.h
 *		What a transaction or a statement has read, kept until its end.
 *
 * Above READ COMMITTED the statements of a transaction must agree.  Mixpanel
 * has no snapshots, so what was read once is not asked for again: the answer
 * of each call is kept, element by element.  The same is done for one
 * execution of a statement that reads a table more than once.
 *
 * A statement keeps its answers in a part of work_mem and what is beyond in
 * a temporary file; a transaction keeps all in a temporary file.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_SNAPSHOT_H
#define MP_REMOTE_SNAPSHOT_H

#include "postgres.h"

#include "api/api.h"

/* Where answers are kept. */
typedef struct MpSnapshot MpSnapshot;

/* The kept answer of one call; lives as long as the snapshot. */
typedef struct MpKept MpKept;

/* A reader of a kept answer; the caller's, zeroed but for `kept`.  Its buffer
 * is palloc'ed in the context that is current at the first read. */
typedef struct MpReplay
{
	MpKept	   *kept;
	int			segment;		/* that is being read */
	int			loaded;			/* its number plus one, once it is in the
								 * buffer */
	char	   *buffer;
	Size		buffer_size;
	Size		at;				/* in the segment */
} MpReplay;

/* The present transaction's; NULL: it does not keep what it reads. */
extern MpSnapshot *mp_snapshot_of_transaction(void);

/* The transaction ends: nothing is kept any more. */
extern void mp_snapshot_end(void);

/*
 * That of the statement whose execution has this memory context, for one more
 * reader; it ends with the context.
 */
extern MpSnapshot *mp_snapshot_of_statement(MemoryContext query);
extern int	mp_snapshot_readers(const MpSnapshot *snapshot);

/* Is it a transaction's, so that what was read must not be asked for again? */
extern bool mp_snapshot_is_binding(const MpSnapshot *snapshot);

/* Tells snapshots apart. */
extern uint64 mp_snapshot_number(const MpSnapshot *snapshot);

/* Has the snapshot that had this number not ended yet? */
extern bool mp_snapshot_lives(const MpSnapshot *snapshot, uint64 number);

/*
 * The answer of a call for `parent` (0: none) that was made with these
 * settings, if all of it is kept; if it is being kept by another reader (it
 * has a source); else NULL.
 */
extern MpKept *mp_snapshot_find(MpSnapshot *snapshot,
								const MpSettings *settings, MpCallKind call,
								int64 parent);
extern MpKept *mp_snapshot_find_filling(MpSnapshot *snapshot,
										const MpSettings *settings,
										MpCallKind call, int64 parent);

/* Was any answer of such a call kept? */
extern bool mp_snapshot_has(const MpSnapshot *snapshot, MpCallKind call);

/*
 * Begin to keep an answer.  NULL where it is kept already, or being kept by
 * another read, or where a statement has too little memory; the functions
 * below take that for "do not keep".
 */
extern MpKept *mp_snapshot_begin(MpSnapshot *snapshot,
								 const MpSettings *settings, MpCallKind call,
								 int64 parent);

/* The call whose answer it is, so that other readers can read on in it; NULL:
 * they cannot. */
extern void mp_snapshot_set_source(MpKept *kept, MpCall *source);
extern MpCall *mp_snapshot_source(const MpKept *kept);

/* The next element; it is copied.  Raises what temporary files raise. */
extern void mp_snapshot_add(MpKept *kept, const char *data, Size length);

/* All of the answer was added. */
extern void mp_snapshot_complete(MpKept *kept);
extern bool mp_snapshot_is_complete(const MpKept *kept);

/* How many elements it has. */
extern int64 mp_snapshot_count(const MpKept *kept);

/* Its reader goes: what is not complete will not be; forget it.  Does not
 * throw. */
extern void mp_snapshot_abandon(MpKept *kept);

/*
 * Another reader reads on in the source.  The one whose call it is finds what
 * the other has added by `replay`, beginning where the first such reader began
 * to add.
 */
extern void mp_snapshot_read_ahead(MpKept *kept);
extern void mp_snapshot_catch_up(MpKept *kept, MpReplay *replay);

/* Have others added what this reader has not read yet? */
extern bool mp_snapshot_is_behind(const MpKept *kept, const MpReplay *replay);

/* Pass over all that was added. */
extern void mp_snapshot_skip(MpReplay *replay);

/* The next element, valid until the next call; false at the end of what was
 * added so far. */
extern bool mp_snapshot_read(MpReplay *replay, MpText *element);

#endif							/* MP_REMOTE_SNAPSHOT_H */
