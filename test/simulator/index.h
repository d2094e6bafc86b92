/*-------------------------------------------------------------------------
 *
 * index.h
 *	  An ordered set of pointers to things that have a 64-bit id.
 *
 * The id is the first member of each thing, an int64_t.  Adding ids in
 * ascending order is cheap, which is how they come.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_INDEX_H
#define SIM_INDEX_H

#include <stddef.h>
#include <stdint.h>

/* Starts as {0}; the items are read directly, in the order of their ids. */
typedef struct SimIndex
{
	void	  **items;
	size_t		size;
	size_t		capacity;
} SimIndex;

/* The item with that id, or NULL. */
extern void *sim_index_find(const SimIndex *index, int64_t id);

/* Adds an item whose id is not there yet. */
extern void sim_index_add(SimIndex *index, void *item);

/* Takes the item with that id out, if it is there, without freeing it. */
extern void sim_index_remove(SimIndex *index, int64_t id);

/* Frees the set, and each item with `release` unless that is NULL. */
extern void sim_index_free(SimIndex *index, void (*release) (void *item));

#endif							/* SIM_INDEX_H */
