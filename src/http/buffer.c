/*-------------------------------------------------------------------------
 *
 * http/buffer.c
 *		Bytes that are wiped before their memory is given back.
 *
 * An answer may hold a secret that exists nowhere else, so realloc, which
 * frees the old copy as it is, is not used.  Must not know what the bytes
 * mean.
 *
 *-------------------------------------------------------------------------
 */
#ifdef __APPLE__
#define __STDC_WANT_LIB_EXT1__ 1
#endif
#include <stdlib.h>
#include <string.h>

#include "http/http_state.h"

#define FIRST_SIZE	4096

static bool make_room(MpHttpBuffer *buffer, size_t length);

void
mp_http_wipe(void *bytes, size_t length)
{
#ifdef __APPLE__
	(void) memset_s(bytes, length, 0, length);
#else
	explicit_bzero(bytes, length);
#endif
}

void
mp_http_wipe_string(char *text)
{
	if (text == NULL)
		return;
	mp_http_wipe(text, strlen(text));
	free(text);
}

bool
mp_http_buffer_append(MpHttpBuffer *buffer, const char *bytes, size_t length)
{
	if (length == 0)
		return true;
	if (length > buffer->size - buffer->end && !make_room(buffer, length))
		return false;
	memcpy(buffer->data + buffer->end, bytes, length);
	buffer->end += length;
	return true;
}

size_t
mp_http_buffer_length(const MpHttpBuffer *buffer)
{
	return buffer->end - buffer->start;
}

void
mp_http_buffer_consume(MpHttpBuffer *buffer, size_t length)
{
	if (length > mp_http_buffer_length(buffer))
		length = mp_http_buffer_length(buffer);
	buffer->start += length;
	if (buffer->start == buffer->end)
		buffer->start = buffer->end = 0;
}

void
mp_http_buffer_clear(MpHttpBuffer *buffer)
{
	static const MpHttpBuffer empty;

	if (buffer->data != NULL)
		mp_http_wipe(buffer->data, buffer->size);
	free(buffer->data);
	*buffer = empty;
}

/*
 * Room for so many bytes more.  Unread bytes are moved to the front only if
 * they are no more than the read ones before them: so each byte is moved at
 * most once on average.
 */
static bool
make_room(MpHttpBuffer *buffer, size_t length)
{
	MpHttpBuffer grown = {NULL, 0, mp_http_buffer_length(buffer), FIRST_SIZE};

	if (length > SIZE_MAX / 4 - grown.end)
		return false;
	if (grown.end <= buffer->start && length <= buffer->size - grown.end)
	{
		memmove(buffer->data, buffer->data + buffer->start, grown.end);
		buffer->start = 0;
		buffer->end = grown.end;
		return true;
	}

	while (grown.size < grown.end + length)
		grown.size *= 2;
	grown.data = malloc(grown.size);
	if (grown.data == NULL)
		return false;
	if (grown.end > 0)
		memcpy(grown.data, buffer->data + buffer->start, grown.end);
	mp_http_buffer_clear(buffer);
	*buffer = grown;
	return true;
}
