/*-------------------------------------------------------------------------
 *
 * fuzz.h
 *		What the fuzz targets share.
 *
 * A target is one NAME_fuzz.c that includes this header once.  Its box says
 * what it links besides itself ("Sources:", of src/ or of this folder, and
 * "Libraries:", as pkg-config knows them) and which words of dictionary/ help
 * ("Dictionary:").
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_FUZZ_H
#define MP_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_UNUSED __attribute__((unused))

/* What must hold whatever the input is. */
#define require(condition) \
	do { \
		if (!(condition)) \
		{ \
			fprintf(stderr, "%s:%d: does not hold: %s\n", \
					__FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory of exactly that size, for ASan to guard. */
static FUZZ_UNUSED char *
copy_bytes(const void *bytes, size_t length)
{
	char	   *copy = malloc(length + (length == 0));

	if (length > 0)
		memcpy(copy, bytes, length);
	return copy;
}

/* With a NUL behind; the input may hold others. */
static FUZZ_UNUSED char *
copy_string(const void *bytes, size_t length)
{
	char	   *copy = malloc(length + 1);

	if (length > 0)
		memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

/* The next line of an input as a string of its own; "" at its end. */
static FUZZ_UNUSED char *
take_line(const uint8_t **data, size_t *size)
{
	const uint8_t *end = *size > 0 ? memchr(*data, '\n', *size) : NULL;
	size_t		length = end != NULL ? (size_t) (end - *data) : *size;
	char	   *line = copy_string(*data, length);

	length += end != NULL;
	*data += length;
	*size -= length;
	return line;
}

#endif							/* MP_FUZZ_H */
