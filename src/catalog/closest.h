/*-------------------------------------------------------------------------
 *
 * catalog/closest.h
 *		Which of several names a misspelt one was probably meant to be.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_CATALOG_CLOSEST_H
#define MP_CATALOG_CLOSEST_H

#include "postgres.h"

typedef struct MpClosest
{
	const char *given;
	const char *best;			/* NULL: none is close enough */
	int			distance;
} MpClosest;

extern void mp_closest_init(MpClosest *closest, const char *given);

/* Compare with one more name; it must live as long as the struct. */
extern void mp_closest_try(MpClosest *closest, const char *name);

#endif							/* MP_CATALOG_CLOSEST_H */
