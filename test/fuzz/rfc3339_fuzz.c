/*-------------------------------------------------------------------------
 *
 * rfc3339_fuzz.c
 *		Any bytes as a timestamp: one that is read is written so that it is
 *		read as the same instant.
 *
 * Sources: rfc3339.c
 *
 *-------------------------------------------------------------------------
 */
#include "rfc3339.h"

#include <stdlib.h>
#include <string.h>

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool condition)
{
	if (!condition)
		abort();
}

/* Eight bytes are an instant as well. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char		text[MP_RFC3339_TEXT];
	char		again[MP_RFC3339_TEXT];
	int64_t		time;
	int64_t		same;

	if (size == sizeof(time))
		memcpy(&time, data, size);
	else if (!mp_rfc3339_parse((const char *) data, size, &time))
		return 0;

	if (!mp_rfc3339_format(time, text))
	{
		require(size == sizeof(time));
		return 0;
	}
	require(mp_rfc3339_parse(text, strlen(text), &same));
	require(same == time);
	require(mp_rfc3339_format(same, again) && strcmp(again, text) == 0);
	return 0;
}
