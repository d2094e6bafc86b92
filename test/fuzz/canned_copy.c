/*-------------------------------------------------------------------------
 *
 * canned_copy.c
 *		What http/redirect.c takes from http/http_state.c, without what that
 *		takes from the rest of the wire.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "http/http_state.h"

char *
mp_http_copy(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}
