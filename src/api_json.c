/*-------------------------------------------------------------------------
 *
 * api_json.c
 *		Documents read by jansson, whose memory is wiped when it is freed.
 *
 * jansson's functions for memory are the process's: they are put in for the
 * time of one call and then given back, as another library may use jansson.
 *
 *-------------------------------------------------------------------------
 */
#ifdef __APPLE__
#define __STDC_WANT_LIB_EXT1__ 1	/* memset_s() */
#endif
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api_json.h"

/* What stands before each block; the block is aligned for any type. */
typedef union BlockHead
{
	size_t		size;			/* of the block, without this */
	long long	number;
	long double wide;
	void	   *pointer;
} BlockHead;

/* The functions that were there. */
typedef struct Memory
{
	json_malloc_t allocate;
	json_free_t release;
} Memory;

static Memory put_in(void);
static void put_back(Memory memory);
static void *allocate(size_t size);
static void wipe_and_free(void *block);
static void wipe(void *bytes, size_t length);

/* Out of memory, jansson may have no words; those it has may quote the
 * text. */
json_t *
mp_api_json_load(const char *text, size_t length, size_t flags,
				 bool *no_memory)
{
	Memory		memory = put_in();
	json_error_t error;
	json_t	   *document = json_loadb(text, length, flags, &error);

	put_back(memory);
	if (no_memory != NULL)
		*no_memory = document == NULL && error.text[0] == '\0';
	wipe(&error, sizeof(error));
	return document;
}

void
mp_api_json_free(json_t *document)
{
	Memory		memory = put_in();

	json_decref(document);
	put_back(memory);
}

static Memory
put_in(void)
{
	Memory		memory;

	json_get_alloc_funcs(&memory.allocate, &memory.release);
	json_set_alloc_funcs(allocate, wipe_and_free);
	return memory;
}

static void
put_back(Memory memory)
{
	json_set_alloc_funcs(memory.allocate, memory.release);
}

static void *
allocate(size_t size)
{
	BlockHead  *head;

	if (size > SIZE_MAX - sizeof(BlockHead))
		return NULL;
	head = malloc(sizeof(BlockHead) + size);
	if (head == NULL)
		return NULL;
	head->size = size;
	return head + 1;
}

static void
wipe_and_free(void *block)
{
	BlockHead  *head = block;

	if (head == NULL)
		return;
	head--;
	wipe(block, head->size);
	free(head);
}

static void
wipe(void *bytes, size_t length)
{
#ifdef __APPLE__
	(void) memset_s(bytes, length, 0, length);
#else
	explicit_bzero(bytes, length);
#endif
}
