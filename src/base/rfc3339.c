/*-------------------------------------------------------------------------
 *
 * base/rfc3339.c
 *		Timestamps of the API: RFC 3339 text <-> PostgreSQL's microseconds.
 *
 * Owns the calendar.  Knows nothing of JSON or of fields.  Written out here
 * because strptime() and the server's datetime code both accept much more than
 * RFC 3339 does, the one by locale and the other by setting.
 *
 *-------------------------------------------------------------------------
 */
#include "base/rfc3339.h"

#include <inttypes.h>
#include <stdio.h>

#define MICROS_PER_SECOND	INT64_C(1000000)
#define SECONDS_PER_MINUTE	60
#define SECONDS_PER_DAY		86400
#define MICROS_PER_DAY		(SECONDS_PER_DAY * MICROS_PER_SECOND)

#define DATE_TIME_LENGTH	19	/* "2025-12-31T23:59:59" */
#define OFFSET_LENGTH		6	/* "+02:00" */
#define FRACTION_DIGITS		6	/* of a microsecond */

#define DAYS_PER_ERA		146097	/* 400 years */
#define DAYS_TO_EPOCH		730425	/* from 0000-03-01 to 2000-01-01 */

/* 0001-01-01 and 10000-01-01, in days from 2000-01-01 */
#define FIRST_DAY			(-730119)
#define END_DAY				2921940

typedef struct Clock
{
	int			year;
	int			month;			/* 1 to 12 */
	int			day;			/* 1 to 31 */
	int			hour;
	int			minute;
	int			second;			/* 60 is a leap second */
	int64_t		micros;			/* 1000000 where rounding carries */
	int			offset;			/* minutes east of UTC */
} Clock;

static bool read_date_time(const char *text, Clock *clock);
static int	read_digits(const char *text, int count);
static int	days_in_month(int year, int month);
static bool read_fraction(const char **at, const char *end, Clock *clock);
static bool read_offset(const char *at, const char *end, Clock *clock);
static int64_t days_from_date(int year, int month, int day);
static void date_from_days(int64_t days, Clock *clock);
static int64_t floor_divide(int64_t number, int64_t by);

bool
mp_rfc3339_parse(const char *text, size_t length, int64_t *time)
{
	const char *end = text + length;
	const char *at;
	Clock		clock;
	int64_t		seconds;

	if (length <= DATE_TIME_LENGTH || !read_date_time(text, &clock))
		return false;
	at = text + DATE_TIME_LENGTH;
	if (!read_fraction(&at, end, &clock) || !read_offset(at, end, &clock))
		return false;

	seconds = days_from_date(clock.year, clock.month, clock.day);
	seconds = seconds * 24 + clock.hour;
	seconds = seconds * 60 + clock.minute - clock.offset;
	seconds = seconds * 60 + clock.second;
	*time = seconds * MICROS_PER_SECOND + clock.micros;
	return *time >= FIRST_DAY * MICROS_PER_DAY &&
		*time < END_DAY * MICROS_PER_DAY;
}

bool
mp_rfc3339_format(int64_t time, char *buffer)
{
	int64_t		days = floor_divide(time, MICROS_PER_DAY);
	int64_t		micros;
	int			seconds;
	Clock		clock;
	int			used;

	buffer[0] = '\0';
	if (days < FIRST_DAY || days >= END_DAY)
		return false;
	date_from_days(days, &clock);
	micros = time - days * MICROS_PER_DAY;
	seconds = (int) (micros / MICROS_PER_SECOND);
	micros %= MICROS_PER_SECOND;
	used = snprintf(buffer, MP_RFC3339_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d",
					clock.year, clock.month, clock.day,
					seconds / 3600, seconds / 60 % 60, seconds % 60);
	if (micros != 0)
		used += snprintf(buffer + used, MP_RFC3339_TEXT - (size_t) used,
						 ".%06" PRId64, micros);
	buffer[used] = 'Z';
	buffer[used + 1] = '\0';
	return true;
}

/* The first DATE_TIME_LENGTH bytes, which are there. */
static bool
read_date_time(const char *text, Clock *clock)
{
	clock->year = read_digits(text, 4);
	clock->month = read_digits(text + 5, 2);
	clock->day = read_digits(text + 8, 2);
	clock->hour = read_digits(text + 11, 2);
	clock->minute = read_digits(text + 14, 2);
	clock->second = read_digits(text + 17, 2);

	if (text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':')
		return false;
	if (text[10] != 'T' && text[10] != 't' && text[10] != ' ')
		return false;
	if (clock->year < 1 || clock->month < 1 || clock->month > 12)
		return false;
	if (clock->day < 1 ||
		clock->day > days_in_month(clock->year, clock->month))
		return false;
	return clock->hour >= 0 && clock->hour <= 23 &&
		clock->minute >= 0 && clock->minute <= 59 &&
		clock->second >= 0 && clock->second <= 60;
}

/* -1 unless all are digits. */
static int
read_digits(const char *text, int count)
{
	int			number = 0;

	for (int i = 0; i < count; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return -1;
		number = number * 10 + (text[i] - '0');
	}
	return number;
}

static int
days_in_month(int year, int month)
{
	static const int days[] =
	{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* "" or "." and digits; the seventh digit alone decides the rounding. */
static bool
read_fraction(const char **at, const char *end, Clock *clock)
{
	int64_t		unit = MICROS_PER_SECOND;
	int			digits = 0;

	clock->micros = 0;
	if (**at != '.')
		return true;
	for ((*at)++; *at < end && **at >= '0' && **at <= '9'; (*at)++)
	{
		int			digit = **at - '0';

		unit /= 10;
		clock->micros += digit * unit;
		if (digits == FRACTION_DIGITS && digit >= 5)
			clock->micros++;
		if (digits <= FRACTION_DIGITS)
			digits++;
	}
	return digits > 0;
}

/* "Z" or "+hh:mm", and nothing after it; "-00:00" is UTC as well. */
static bool
read_offset(const char *at, const char *end, Clock *clock)
{
	int			hours;
	int			minutes;

	clock->offset = 0;
	if (end - at == 1)
		return *at == 'Z' || *at == 'z';
	if (end - at != OFFSET_LENGTH || (*at != '+' && *at != '-') ||
		at[3] != ':')
		return false;
	hours = read_digits(at + 1, 2);
	minutes = read_digits(at + 4, 2);
	if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return false;
	clock->offset = hours * 60 + minutes;
	if (*at == '-')
		clock->offset = -clock->offset;
	return true;
}

/*
 * Days from 2000-01-01.  The year is counted from March, so that the leap day
 * is its last: the months then begin at (153 m + 2) / 5, m = 0 for March.
 */
static int64_t
days_from_date(int year, int month, int day)
{
	int			years = month > 2 ? year : year - 1;
	int			months = month > 2 ? month - 3 : month + 9;

	return years * 365 + years / 4 - years / 100 + years / 400 +
		(153 * months + 2) / 5 + day - 1 - DAYS_TO_EPOCH;
}

/* The reverse, for the days of the years 1 to 9999. */
static void
date_from_days(int64_t days, Clock *clock)
{
	int			from_march = (int) days + DAYS_TO_EPOCH;
	int			era = from_march / DAYS_PER_ERA;
	int			in_era = from_march % DAYS_PER_ERA;
	int			year_in_era;
	int			in_year;
	int			months;

	year_in_era = (in_era - in_era / 1460 + in_era / 36524 -
				   in_era / 146096) / 365;
	in_year = in_era -
		(365 * year_in_era + year_in_era / 4 - year_in_era / 100);
	months = (5 * in_year + 2) / 153;
	clock->day = in_year - (153 * months + 2) / 5 + 1;
	clock->month = months < 10 ? months + 3 : months - 9;
	clock->year = era * 400 + year_in_era + (clock->month <= 2);
}

static int64_t
floor_divide(int64_t number, int64_t by)
{
	return number / by - (number % by < 0);
}
