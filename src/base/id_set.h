/*-------------------------------------------------------------------------
 *
 * base/id_set.h
 *		A set of ids that grows.
 *
 * At most 19 bytes an id, and half as much again for a moment when it grows.
 * No throw; memory is malloc'ed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_BASE_ID_SET_H
#define MP_BASE_ID_SET_H

#include <stddef.h>
#include <stdint.h>

/* All zero: empty.  Written by id_set.c alone. */
typedef struct MpIdSet
{
	int64_t    *places;			/* 0: free */
	size_t		size;			/* a power of two, or 0 */
	size_t		count;
} MpIdSet;

typedef enum MpIdSetResult
{
	MP_ID_SET_NEW,
	MP_ID_SET_KNOWN,
	MP_ID_SET_NO_MEMORY,
} MpIdSetResult;

/* id is not 0. */
extern MpIdSetResult mp_id_set_add(MpIdSet *set, int64_t id);

extern void mp_id_set_free(MpIdSet *set);

#endif							/* MP_BASE_ID_SET_H */
