/*-------------------------------------------------------------------------
 *
 * base/buffer.h
 *		Bytes that are wiped before their memory is given up.
 *
 * For what may hold a secret.  Knows nothing of what is in it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_BASE_BUFFER_H
#define MP_BASE_BUFFER_H

#ifdef __APPLE__
#define __STDC_WANT_LIB_EXT1__ 1	/* memset_s() */
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MP_BUFFER_FIRST_CAPACITY	1024

/* All zero is an empty buffer.  Behind `length` there is nothing to wipe. */
typedef struct MpBuffer
{
	char	   *data;
	size_t		length;
	size_t		capacity;
} MpBuffer;

/* Empty it; its memory stays. */
static inline void
mp_buffer_wipe(MpBuffer *buffer)
{
	if (buffer->length > 0)
#ifdef __APPLE__
		(void) memset_s(buffer->data, buffer->length, 0, buffer->length);
#else
		explicit_bzero(buffer->data, buffer->length);
#endif
	buffer->length = 0;
}

static inline void
mp_buffer_free(MpBuffer *buffer)
{
	mp_buffer_wipe(buffer);
	free(buffer->data);
	buffer->data = NULL;
	buffer->capacity = 0;
}

/*
 * Make room for more bytes; false when out of memory.  Not by realloc(), which
 * would leave the old bytes in freed memory.
 */
static inline bool
mp_buffer_reserve(MpBuffer *buffer, size_t more)
{
	MpBuffer	grown = {NULL, buffer->length, buffer->capacity};

	if (more <= buffer->capacity - buffer->length)
		return true;
	if (grown.capacity == 0)
		grown.capacity = MP_BUFFER_FIRST_CAPACITY;
	while (grown.capacity - grown.length < more)
		grown.capacity *= 2;
	grown.data = malloc(grown.capacity);
	if (grown.data == NULL)
		return false;
	if (buffer->length > 0)
		memcpy(grown.data, buffer->data, buffer->length);
	mp_buffer_free(buffer);
	*buffer = grown;
	return true;
}

/* Add bytes at the end; false when out of memory. */
static inline bool
mp_buffer_append(MpBuffer *buffer, const char *bytes, size_t length)
{
	if (!mp_buffer_reserve(buffer, length))
		return false;
	if (length > 0)
		memcpy(buffer->data + buffer->length, bytes, length);
	buffer->length += length;
	return true;
}

#endif							/* MP_BASE_BUFFER_H */
