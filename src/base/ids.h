/*-------------------------------------------------------------------------
 *
 * base/ids.h
 *		Sorted sets of ids in plain arrays.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_BASE_IDS_H
#define MP_BASE_IDS_H

#include <stdint.h>

/* Sort, and drop what is there twice; returns how many are left. */
extern int	mp_ids_sort(int64_t *ids, int count);

/* The index of an id among ascending ones; -1: it is not there. */
extern int	mp_ids_find(const int64_t *ids, int count, int64_t id);

#endif							/* MP_BASE_IDS_H */
