/*-------------------------------------------------------------------------
 *
 * memory.h
 *	  Allocation that ends the program instead of returning NULL.
 *
 * A test tool that runs out of memory has nothing better to do than to say
 * so, and every caller is shorter for it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include <stddef.h>

/* Zeroed memory; free() releases it. */
extern void *sim_memory_new(size_t size);

/* As realloc(), never NULL. */
extern void *sim_memory_resize(void *memory, size_t size);

/* A copy of a string, which may be NULL (then so is the copy). */
extern char *sim_memory_copy(const char *string);

#endif							/* SIM_MEMORY_H */
