/*-------------------------------------------------------------------------
 *
 * canned_copy.c
 *		What http_redirect.c takes from http_request.c, without what that takes
 *		from the rest of the wire.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "http_internal.h"

char *
mp_http_copy(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}
