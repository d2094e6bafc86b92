/*-------------------------------------------------------------------------
 *
 * json/string.h
 *		What stands between two quotes of a JSON text.
 *
 * Strings are RFC 8259 in valid UTF-8 (RFC 3629), without NUL and without lone
 * surrogates, neither raw nor as an escape.  Knows nothing of objects and
 * arrays.  No memory is allocated.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_JSON_STRING_H
#define MP_JSON_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct MpJsonString
{
	const char *data;			/* as it stands in the text, without quotes */
	size_t		length;			/* bytes */
	bool		escaped;		/* has a backslash */
} MpJsonString;

/*
 * Check the string that begins at `at`, after its quote.  Returns its closing
 * quote; where it is wrong, with *error in words; or `end`, with *error NULL,
 * if it is not closed.
 */
extern const char *mp_json_string_check(const char *at, const char *end,
										MpJsonString *string,
										const char **error);

/*
 * Without checking: the first quote, backslash or control character from `at`
 * in a string; `end` if there is none.
 */
extern const char *mp_json_string_skip(const char *at, const char *end);

/* Order of two checked strings by code point; 0 if they mean the same. */
extern int	mp_json_string_compare(const MpJsonString *one,
								   const MpJsonString *other);

/* Is the checked string, unescaped, this text? */
extern bool mp_json_string_equals(const MpJsonString *string,
								  const char *text, size_t length);

/*
 * Unescape a checked string into `buffer` of string->length bytes; it never
 * gets longer.  Returns the bytes written.
 */
extern size_t mp_json_string_unescape(const MpJsonString *string,
									  char *buffer);

#endif							/* MP_JSON_STRING_H */
