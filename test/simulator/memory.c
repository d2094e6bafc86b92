/*-------------------------------------------------------------------------
 *
 * memory.c
 *	  Allocation that ends the program instead of returning NULL.
 *
 * Owns nothing; must not know what the memory is for.
 *
 *-------------------------------------------------------------------------
 */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
insist(void *memory)
{
	if (memory == NULL)
	{
		fputs("simulator: out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *
sim_memory_new(size_t size)
{
	return insist(calloc(1, size));
}

void *
sim_memory_resize(void *memory, size_t size)
{
	return insist(realloc(memory, size));
}

char *
sim_memory_copy(const char *string)
{
	return string == NULL ? NULL : insist(strdup(string));
}
