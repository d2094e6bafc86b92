/*-------------------------------------------------------------------------
 *
 * base/ids.c
 *		Sorted sets of ids in plain arrays.
 *
 *-------------------------------------------------------------------------
 */
#include "base/ids.h"

#include <assert.h>
#include <stdlib.h>

static int	compare_ids(const void *a, const void *b);

int
mp_ids_sort(int64_t *ids, int count)
{
	int			kept = 0;

	assert(count >= 0);
	if (count == 0)
		return 0;
	qsort(ids, (size_t) count, sizeof(int64_t), compare_ids);
	for (int i = 0; i < count; i++)
		if (i == 0 || ids[i] != ids[i - 1])
			ids[kept++] = ids[i];
	return kept;
}

int
mp_ids_find(const int64_t *ids, int count, int64_t id)
{
	int			low = 0;
	int			high = count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (ids[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && ids[low] == id ? low : -1;
}

static int
compare_ids(const void *a, const void *b)
{
	int64_t		one = *(const int64_t *) a;
	int64_t		other = *(const int64_t *) b;

	return (one > other) - (one < other);
}
