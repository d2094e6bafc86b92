/*-------------------------------------------------------------------------
 *
 * catalog/closest.c
 *		Which of several names a misspelt one was probably meant to be.
 *
 * PostgreSQL has ClosestMatchState for this, but only from version 16 on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/varlena.h"

#include "catalog/closest.h"

#define MAX_DISTANCE 4			/* edits */

void
mp_closest_init(MpClosest *closest, const char *given)
{
	closest->given = given;
	closest->best = NULL;
	closest->distance = MAX_DISTANCE + 1;
}

/* A name of which half would have to be changed was not meant. */
void
mp_closest_try(MpClosest *closest, const char *name)
{
	int			length = (int) strlen(closest->given);
	int			distance;

	/* varstr_levenshtein() raises an error for long texts */
	if (length == 0 || length > NAMEDATALEN)
		return;
	if (pg_strcasecmp(closest->given, name) == 0)
		distance = 0;
	else
		distance = varstr_levenshtein_less_equal(closest->given, length,
												 name, (int) strlen(name),
												 1, 1, 1,
												 closest->distance - 1, true);
	if (distance < closest->distance && distance <= length / 2)
	{
		closest->distance = distance;
		closest->best = name;
	}
}
