/*-------------------------------------------------------------------------
 *
 * base/buffer.h
 *		Bytes that are wiped before their memory is given up.
 *
 * For what may hold a secret.  realloc() is not used, as it would leave the
 * old bytes in freed memory.  Knows nothing of what is in a buffer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_BASE_BUFFER_H
#define MP_BASE_BUFFER_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"

#define MP_BUFFER_FIRST_CAPACITY	1024

/*
 * All zero is an empty buffer.  Bytes data[start .. length) are unread; behind
 * `length` there is nothing to wipe.
 */
typedef struct MpBuffer
{
	char	   *data;
	size_t		length;
	size_t		capacity;
	size_t		start;			/* 0 where nobody calls mp_buffer_consume() */
} MpBuffer;

/* Empty it; its memory stays. */
static inline void
mp_buffer_wipe(MpBuffer *buffer)
{
	assert(buffer->start <= buffer->length);
	assert(buffer->length <= buffer->capacity);
	if (buffer->length > 0)
		mp_wipe(buffer->data, buffer->length);
	buffer->length = 0;
	buffer->start = 0;
}

static inline void
mp_buffer_free(MpBuffer *buffer)
{
	mp_buffer_wipe(buffer);
	free(buffer->data);
	buffer->data = NULL;
	buffer->capacity = 0;
}

static inline size_t
mp_buffer_unread(const MpBuffer *buffer)
{
	assert(buffer->start <= buffer->length);
	return buffer->length - buffer->start;
}

/*
 * Move unread bytes to the front where they are no more than the read ones
 * before them: so each byte is moved at most once on average.
 */
static inline void
mp_buffer_close_gap(MpBuffer *buffer)
{
	size_t		unread = mp_buffer_unread(buffer);

	if (buffer->start == 0 || unread > buffer->start)
		return;
	memmove(buffer->data, buffer->data + buffer->start, unread);
	mp_wipe(buffer->data + unread, buffer->length - unread);
	buffer->length = unread;
	buffer->start = 0;
}

/* Make room for more bytes; false when out of memory. */
static inline bool
mp_buffer_reserve(MpBuffer *buffer, size_t more)
{
	MpBuffer	grown = {NULL, 0, buffer->capacity, 0};

	assert(buffer->length <= buffer->capacity);
	if (more > buffer->capacity - buffer->length)
		mp_buffer_close_gap(buffer);
	if (more <= buffer->capacity - buffer->length)
		return true;
	grown.length = mp_buffer_unread(buffer);
	if (more > SIZE_MAX / 4 - grown.length)
		return false;
	if (grown.capacity == 0)
		grown.capacity = MP_BUFFER_FIRST_CAPACITY;
	while (grown.capacity - grown.length < more)
		grown.capacity *= 2;
	grown.data = malloc(grown.capacity);
	if (grown.data == NULL)
		return false;
	if (grown.length > 0)
		memcpy(grown.data, buffer->data + buffer->start, grown.length);
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

/* Mark unread bytes as read: as many as there are, at most `length`. */
static inline void
mp_buffer_consume(MpBuffer *buffer, size_t length)
{
	if (length < mp_buffer_unread(buffer))
		buffer->start += length;
	else
		mp_buffer_wipe(buffer);
}

#endif							/* MP_BASE_BUFFER_H */
