/*-------------------------------------------------------------------------
 *
 * rfc3339_fuzz.c
 *		Any bytes as a timestamp: one that is read is the instant that the C
 *		library makes of it, and is written so that it is read as the same.
 *
 * Sources: base/rfc3339.c
 * Dictionary: time
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <time.h>

#include "base/rfc3339.h"

#define MICROS	INT64_C(1000000)
#define EPOCH	INT64_C(946684800)	/* of PostgreSQL, in seconds since 1970 */

static int
number(const char *digits, int count)
{
	int			value = 0;

	for (int i = 0; i < count; i++)
		value = value * 10 + (digits[i] - '0');
	return value;
}

/* Microseconds of ".d...", rounded; 0 if there is none. */
static int64_t
fraction(const char *at, size_t length)
{
	int64_t		micros = 0;
	size_t		digits;

	if (at[0] != '.')
		return 0;
	digits = strspn(at + 1, "0123456789");
	require(digits < length);
	for (size_t i = 1; i <= 7; i++)
		micros = micros * 10 + (i <= digits ? at[i] - '0' : 0);
	return (micros + 5) / 10;
}

/* A text that was read stands in the places of RFC 3339: count it again. */
static void
check_parsed(const char *text, size_t length, int64_t time)
{
	struct tm	tm = {
		.tm_year = number(text, 4) - 1900,
		.tm_mon = number(text + 5, 2) - 1,
		.tm_mday = number(text + 8, 2),
		.tm_hour = number(text + 11, 2),
		.tm_min = number(text + 14, 2),
		.tm_sec = number(text + 17, 2),
	};
	int			day = tm.tm_mday;
	int64_t		instant = (int64_t) timegm(&tm) - EPOCH;

	/* a day that the month does not have would be one of the next */
	require(tm.tm_mday == day || number(text + 17, 2) == 60);
	if (text[length - 1] != 'Z' && text[length - 1] != 'z')
	{
		const char *offset = text + length - 6;
		int			seconds = number(offset + 1, 2) * 3600 +
			number(offset + 4, 2) * 60;

		instant -= offset[0] == '-' ? -seconds : seconds;
	}
	require(time == instant * MICROS + fraction(text + 19, length - 19));
}

static void
check_formatted(const char *text, int64_t time)
{
	int64_t		micros = ((time % MICROS) + MICROS) % MICROS;
	time_t		seconds = (time_t) ((time - micros) / MICROS + EPOCH);
	struct tm	tm;
	char		expected[64];

	require(gmtime_r(&seconds, &tm) != NULL);
	snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d",
			 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
			 tm.tm_min, tm.tm_sec);
	if (micros != 0)
		snprintf(expected + strlen(expected), 16, ".%06d", (int) micros);
	strcat(expected, "Z");
	require(strcmp(text, expected) == 0);
}

/* Eight bytes are an instant as well. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char		text[MP_RFC3339_TEXT];
	char	   *input;
	int64_t		time;
	int64_t		same;

	if (size == sizeof(time))
		memcpy(&time, data, size);
	else
	{
		bool		read;

		input = copy_bytes(data, size);
		read = mp_rfc3339_parse(input, size, &time);
		require(!read || size >= sizeof("2024-01-15T10:30:00Z") - 1);
		if (read)
			check_parsed(input, size, time);
		free(input);
		if (!read)
			return 0;
	}

	if (!mp_rfc3339_format(time, text))
	{
		require(size == sizeof(time) && text[0] == '\0');
		return 0;
	}
	check_formatted(text, time);
	require(mp_rfc3339_parse(text, strlen(text), &same));
	require(same == time);
	return 0;
}
