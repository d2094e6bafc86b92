/*-------------------------------------------------------------------------
 *
 * index.c
 *	  An ordered set of pointers to things that have a 64-bit id.
 *
 * Owns the array, not the things.  Must not know more of a thing than its
 * id.
 *
 *-------------------------------------------------------------------------
 */
#include "index.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

static int64_t
id_of(const void *item)
{
	return *(const int64_t *) item;
}

/* The first place whose id is not below the given one. */
static size_t
lower_bound(const SimIndex *index, int64_t id)
{
	size_t		low = 0;
	size_t		high = index->size;

	if (high > 0 && id_of(index->items[high - 1]) < id)
		return high;
	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;

		if (id_of(index->items[middle]) < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void *
sim_index_find(const SimIndex *index, int64_t id)
{
	size_t		at = lower_bound(index, id);

	if (at < index->size && id_of(index->items[at]) == id)
		return index->items[at];
	return NULL;
}

void
sim_index_add(SimIndex *index, void *item)
{
	size_t		at = lower_bound(index, id_of(item));

	if (index->size == index->capacity)
	{
		index->capacity = index->capacity == 0 ? 4 : index->capacity * 2;
		index->items = sim_memory_resize(index->items,
										 index->capacity * sizeof(void *));
	}
	memmove(index->items + at + 1, index->items + at,
			(index->size - at) * sizeof(void *));
	index->items[at] = item;
	index->size++;
}

void
sim_index_remove(SimIndex *index, int64_t id)
{
	size_t		at = lower_bound(index, id);

	if (at == index->size || id_of(index->items[at]) != id)
		return;
	index->size--;
	memmove(index->items + at, index->items + at + 1,
			(index->size - at) * sizeof(void *));
}

void
sim_index_free(SimIndex *index, void (*release) (void *item))
{
	if (release != NULL)
		for (size_t i = 0; i < index->size; i++)
			release(index->items[i]);
	free(index->items);
	memset(index, 0, sizeof(*index));
}
