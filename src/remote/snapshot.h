/*-------------------------------------------------------------------------
 *
 * remote/snapshot.h
 *		What a transaction has read, kept until its end.
 *
 * Above READ COMMITTED the statements of a transaction must agree.  Mixpanel
 * has no snapshots, so what was read once is not asked for again: the answer
 * of each call is kept, element by element, in one temporary file.  Memory
 * holds only where in the file the answers lie.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_SNAPSHOT_H
#define MP_REMOTE_SNAPSHOT_H

#include "postgres.h"

#include "api/api.h"

/* The kept answer of one call; lives as long as the transaction. */
typedef struct MpKept MpKept;

/* A reader of a kept answer; the caller's, zeroed but for `kept`.  Its buffer
 * is palloc'ed in the context that is current at the first read. */
typedef struct MpReplay
{
	MpKept	   *kept;
	int			segment;		/* next to be loaded */
	char	   *buffer;
	Size		buffer_size;
	Size		length;			/* of what is loaded */
	Size		at;
} MpReplay;

/* Does the present transaction keep what it reads? */
extern bool mp_snapshot_is_on(void);

/* Tells transactions apart: what was kept in another one is no more. */
extern uint64 mp_snapshot_epoch(void);

/* The transaction ends: nothing is kept any more. */
extern void mp_snapshot_end(void);

/*
 * The whole answer of a call for `parent` (0: none) that was made with these
 * settings; NULL: it was not kept.
 */
extern MpKept *mp_snapshot_find(const MpSettings *settings, MpCallKind call,
								int64 parent);

/* Was any answer of such a call kept? */
extern bool mp_snapshot_has(MpCallKind call);

/*
 * Begin to keep an answer.  NULL where it is kept already, or being kept by
 * another read; the functions below take that for "do not keep".
 */
extern MpKept *mp_snapshot_begin(const MpSettings *settings, MpCallKind call,
								 int64 parent);

/* The next element; it is copied.  Raises what temporary files raise. */
extern void mp_snapshot_add(MpKept *kept, const char *data, Size length);

/* All of the answer was added. */
extern void mp_snapshot_complete(MpKept *kept);

/* It will not be complete: forget it.  Does not throw. */
extern void mp_snapshot_abandon(MpKept *kept);

/* The next element, valid until the next call; false at the end. */
extern bool mp_snapshot_read(MpReplay *replay, MpText *element);

#endif							/* MP_REMOTE_SNAPSHOT_H */
