/*-------------------------------------------------------------------------
 *
 * catalog/array.h
 *		Arrays that grow.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_CATALOG_ARRAY_H
#define MP_CATALOG_ARRAY_H

#include "postgres.h"

/*
 * More room for an array whose *size elements are all in use; returns it where
 * it is now.  A first one (NULL) is made in the current memory context.  *size
 * changes only once the memory is there, so an error leaves a sound array.
 */
static inline void *
mp_array_grow(void *array, int *size, Size element)
{
	int			larger = Max(16, *size + *size / 2);
	Size		bytes = element * (Size) larger;

	Assert((array == NULL) == (*size == 0));
	array = array == NULL ? palloc_extended(bytes, MCXT_ALLOC_HUGE) :
		repalloc_huge(array, bytes);
	*size = larger;
	return array;
}

#endif							/* MP_CATALOG_ARRAY_H */
