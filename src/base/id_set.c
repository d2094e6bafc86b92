/*-------------------------------------------------------------------------
 *
 * base/id_set.c
 *		A set of ids that grows.
 *
 * A table with open addressing, which has no pointers and no entries of their
 * own: lists of accounts have no bound.
 *
 *-------------------------------------------------------------------------
 */
#include <assert.h>
#include <stdlib.h>

#include "base/id_set.h"

#define FIRST_SIZE		64

static size_t find_place(const MpIdSet *set, int64_t id);
static int	grow(MpIdSet *set);

MpIdSetResult
mp_id_set_add(MpIdSet *set, int64_t id)
{
	size_t		place;

	assert(id != 0);
	/* seven eighths full at most */
	if (set->count >= set->size - set->size / 8 && !grow(set))
		return MP_ID_SET_NO_MEMORY;
	place = find_place(set, id);
	if (set->places[place] == id)
		return MP_ID_SET_KNOWN;
	set->places[place] = id;
	set->count++;
	return MP_ID_SET_NEW;
}

void
mp_id_set_free(MpIdSet *set)
{
	free(set->places);
	set->places = NULL;
	set->size = set->count = 0;
}

/* Where it is, or the free place where it belongs. */
static size_t
find_place(const MpIdSet *set, int64_t id)
{
	uint64_t	hash = (uint64_t) id * UINT64_C(0x9e3779b97f4a7c15);
	size_t		place = (size_t) (hash >> 32) & (set->size - 1);

	while (set->places[place] != 0 && set->places[place] != id)
		place = (place + 1) & (set->size - 1);
	return place;
}

static int
grow(MpIdSet *set)
{
	MpIdSet		larger = {
		.size = set->size == 0 ? FIRST_SIZE : set->size * 2,
		.count = set->count,
	};

	larger.places = calloc(larger.size, sizeof(int64_t));
	if (larger.places == NULL)
		return 0;
	for (size_t i = 0; i < set->size; i++)
		if (set->places[i] != 0)
			larger.places[find_place(&larger, set->places[i])] =
				set->places[i];
	free(set->places);
	*set = larger;
	return 1;
}
