/*-------------------------------------------------------------------------
 *
 * freed.h
 *		Looks into the memory that our files give back, for secrets.
 *
 * To be linked with --wrap=malloc,--wrap=free.  Who includes it defines
 * secrets[], an array of texts, before.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TEST_UNIT_FREED_H
#define TEST_UNIT_FREED_H

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

/* Volatile, as a compiler takes it that free() touches none of them. */
static __thread volatile bool watching; /* by this thread: the server's memory
										 * is its own affair */
static volatile int found;		/* secrets */
static volatile int freed;		/* looks */

extern void __real_free(void *memory);
extern void __wrap_free(void *memory);
extern void *__wrap_malloc(size_t size);

static void
look_into(void *memory)
{
	for (size_t i = 0; memory != NULL && watching &&
		 i < sizeof(secrets) / sizeof(secrets[0]); i++)
	{
		freed++;
		if (memmem(memory, malloc_usable_size(memory), secrets[i],
				   strlen(secrets[i])) == NULL)
			continue;
		found++;
		diag("freed with \"%s\"", secrets[i]);
	}
}

void
__wrap_free(void *memory)
{
	look_into(memory);
	__real_free(memory);
}

/* Memory that libcurl has given back may hold what we had put nowhere. */
void *
__wrap_malloc(size_t size)
{
	void	   *memory = calloc(1, size);

	if (memory != NULL)
		memset(memory, 0, malloc_usable_size(memory));
	return memory;
}

#endif							/* TEST_UNIT_FREED_H */
