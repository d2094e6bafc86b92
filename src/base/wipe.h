/*-------------------------------------------------------------------------
 *
 * base/wipe.h
 *		Zeros over bytes that may be secret.
 *
 * Not memset(), which a compiler leaves out where nobody reads the bytes
 * again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_BASE_WIPE_H
#define MP_BASE_WIPE_H

#ifdef __APPLE__
#define __STDC_WANT_LIB_EXT1__ 1	/* memset_s() */
#endif
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static inline void
mp_wipe(void *bytes, size_t length)
{
#ifdef __APPLE__
	(void) memset_s(bytes, length, 0, length);
#else
	explicit_bzero(bytes, length);
#endif
}

/* Wipe and free a string; NULL is allowed. */
static inline void
mp_wipe_string(char *text)
{
	if (text != NULL)
		mp_wipe(text, strlen(text));
	free(text);
}

#endif							/* MP_BASE_WIPE_H */
