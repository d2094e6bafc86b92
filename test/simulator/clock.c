/*-------------------------------------------------------------------------
 *
 * clock.c
 *	  Time: two clocks, and RFC 3339.
 *
 * Owns how far the wall clock is wrong; must not know who asks.
 *
 *-------------------------------------------------------------------------
 */
#include "clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t skew;			/* microseconds that the wall is ahead */

static int64_t
read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t) now.tv_sec * SIM_CLOCK_SECOND + now.tv_nsec / 1000;
}

int64_t
sim_clock_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t
sim_clock_wall(void)
{
	return read_clock(CLOCK_REALTIME) + skew;
}

void
sim_clock_set_skew(int64_t micros)
{
	skew = micros;
}

/* Exactly `digits` digits at *text, which moves past them; -1 if not. */
static int
take_number(const char **text, int digits)
{
	int			value = 0;

	while (digits-- > 0)
	{
		if (**text < '0' || **text > '9')
			return -1;
		value = value * 10 + (*(*text)++ - '0');
	}
	return value;
}

static bool
take_character(const char **text, const char *accepted)
{
	if (**text == '\0' || strchr(accepted, **text) == NULL)
		return false;
	(*text)++;
	return true;
}

static bool
take_date_time(const char **text, struct tm *tm)
{
	tm->tm_year = take_number(text, 4) - 1900;
	if (!take_character(text, "-"))
		return false;
	tm->tm_mon = take_number(text, 2) - 1;
	if (!take_character(text, "-"))
		return false;
	tm->tm_mday = take_number(text, 2);
	if (!take_character(text, "Tt"))
		return false;
	tm->tm_hour = take_number(text, 2);
	if (!take_character(text, ":"))
		return false;
	tm->tm_min = take_number(text, 2);
	if (!take_character(text, ":"))
		return false;
	tm->tm_sec = take_number(text, 2);
	return tm->tm_sec >= 0;
}

static bool
take_fraction(const char **text, int64_t *micros)
{
	int64_t		unit = SIM_CLOCK_SECOND / 10;

	*micros = 0;
	if (!take_character(text, "."))
		return true;
	if (**text < '0' || **text > '9')
		return false;
	while (**text >= '0' && **text <= '9')
	{
		*micros += (*(*text)++ - '0') * unit;
		unit /= 10;
	}
	return true;
}

static bool
take_offset(const char **text, int64_t *seconds)
{
	int			sign = **text == '-' ? -1 : 1;
	int			hours;
	int			minutes;

	*seconds = 0;
	if (take_character(text, "Zz"))
		return true;
	if (!take_character(text, "+-"))
		return false;
	hours = take_number(text, 2);
	if (!take_character(text, ":"))
		return false;
	minutes = take_number(text, 2);
	*seconds = sign * (hours * 3600 + minutes * 60);
	return hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
}

/* timegm() accepts 31 February; a date that it had to mend is none. */
static bool
to_seconds(const struct tm *given, int64_t *seconds)
{
	struct tm	mended = *given;

	*seconds = (int64_t) timegm(&mended);
	return mended.tm_year == given->tm_year &&
		mended.tm_mon == given->tm_mon &&
		mended.tm_mday == given->tm_mday &&
		mended.tm_hour == given->tm_hour &&
		mended.tm_min == given->tm_min &&
		mended.tm_sec == given->tm_sec;
}

bool
sim_clock_parse(const char *text, int64_t *when)
{
	struct tm	tm;
	int64_t		seconds;
	int64_t		micros;
	int64_t		offset;

	memset(&tm, 0, sizeof(tm));
	if (!take_date_time(&text, &tm) ||
		!take_fraction(&text, &micros) ||
		!take_offset(&text, &offset) ||
		*text != '\0' ||
		!to_seconds(&tm, &seconds))
		return false;
	*when = (seconds - offset) * SIM_CLOCK_SECOND + micros;
	return true;
}

const char *
sim_clock_format(int64_t when, char *buffer)
{
	int64_t		micros = when % SIM_CLOCK_SECOND;
	time_t		seconds = (time_t) (when / SIM_CLOCK_SECOND);
	struct tm	tm;
	size_t		length;

	if (micros < 0)
	{
		micros += SIM_CLOCK_SECOND;
		seconds--;
	}
	gmtime_r(&seconds, &tm);
	length = strftime(buffer, SIM_CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	if (micros != 0)
		snprintf(buffer + length, SIM_CLOCK_TEXT - length, ".%06dZ",
				 (int) micros);
	else
		snprintf(buffer + length, SIM_CLOCK_TEXT - length, "Z");
	return buffer;
}

const char *
sim_clock_format_http(int64_t when, char *buffer)
{
	static const char *const days[] = {
		"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat",
	};
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
	};
	time_t		seconds = (time_t) (when / SIM_CLOCK_SECOND);
	struct tm	tm;

	gmtime_r(&seconds, &tm);
	snprintf(buffer, SIM_CLOCK_TEXT, "%s, %02d %s %04d %02d:%02d:%02d GMT",
			 days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
			 tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return buffer;
}
