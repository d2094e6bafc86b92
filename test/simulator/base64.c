/*-------------------------------------------------------------------------
 *
 * base64.c
 *	  Reading base64 (RFC 4648): credentials and the bytes of raw answers.
 *
 * Owns nothing; must not know what the bytes are.
 *
 *-------------------------------------------------------------------------
 */
#include "base64.h"

#include <string.h>

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Four characters to at most three bytes; the number of bytes, or 0. */
static size_t
decode_group(const char *group, unsigned char *bytes)
{
	unsigned	bits = 0;
	size_t		padding = 0;

	for (int i = 0; i < 4; i++)
	{
		const char *place;

		if (group[i] == '\0')
			return 0;
		place = strchr(alphabet, group[i]);
		if (group[i] == '=' && i >= 2)
			padding++;
		else if (place == NULL || padding > 0)
			return 0;
		bits = bits << 6 | (place != NULL ? (unsigned) (place - alphabet) : 0);
	}
	bytes[0] = (unsigned char) (bits >> 16 & 0xff);
	bytes[1] = (unsigned char) (bits >> 8 & 0xff);
	bytes[2] = (unsigned char) (bits & 0xff);
	return 3 - padding;
}

bool
sim_base64_decode(const char *encoded, SimText *bytes)
{
	while (*encoded != '\0')
	{
		unsigned char group[3];
		size_t		size = decode_group(encoded, group);

		if (size == 0)
			return false;
		sim_text_append(bytes, group, size);
		encoded += 4;
		if (size < 3)
			return *encoded == '\0';
	}
	return true;
}
