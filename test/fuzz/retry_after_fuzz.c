/*-------------------------------------------------------------------------
 *
 * retry_after_fuzz.c
 *		Any text as Retry-After: a wait is never negative, a number is that
 *		number, a date is the date that the C library makes of it, and each
 *		date of HTTP in each of its three forms is read.
 *
 * The first eight bytes of an input are "now" and an instant to be written as
 * a date; the rest is the text.
 *
 * Sources: http/retry.c
 * Libraries: libcurl
 * Dictionary: time
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <time.h>

#include "http/http.h"

#define HEAD		8
#define LAST_SECOND	INT64_C(253402300799)	/* 9999-12-31T23:59:59Z */

static void
check_number(const char *text, int64_t wait)
{
	int64_t		seconds = 0;

	text += strspn(text, " \t");
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(seconds, 10, &seconds) ||
			__builtin_add_overflow(seconds, *text - '0', &seconds))
		{
			/* of no other use than that it is too long for anybody */
			require(wait > INT64_C(1000) * INT32_MAX);
			return;
		}
	require(wait > INT64_C(1000) * INT32_MAX || wait == seconds * 1000);
}

/* What was read as a date is the same date in the preferred form. */
static void
check_date(int64_t wait, int64_t now)
{
	time_t		date = (time_t) (now + wait / 1000);
	char		text[64];
	struct tm	tm;

	require(wait % 1000 == 0);
	/* A leap second at the end of 9999 has no form of its own. */
	if (wait == 0 || date > LAST_SECOND)
		return;
	gmtime_r(&date, &tm);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	require(mp_http_parse_retry_after(text, now) == wait);
}

static void
check_form(const char *form, int64_t instant, int64_t now)
{
	time_t		date = (time_t) instant;
	int64_t		expected = instant > now ? (instant - now) * 1000 : 0;
	char		text[64];
	struct tm	tm;

	gmtime_r(&date, &tm);
	strftime(text, sizeof(text), form, &tm);
	require(mp_http_parse_retry_after(text, now) == expected);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t	since;
	int32_t		difference;
	int64_t		now;
	int64_t		wait;
	char	   *text;
	char	   *at;

	if (size < HEAD)
		return 0;
	memcpy(&since, data, 4);
	memcpy(&difference, data + 4, 4);
	now = since / 2;			/* 1970 to 2038 */

	check_form("%a, %d %b %Y %H:%M:%S GMT", now + difference, now);
	check_form("%a %b %e %H:%M:%S %Y", now + difference, now);
	/* two digits of a year: from 1971 to 2070 */
	check_form("%A, %d-%b-%y %H:%M:%S GMT",
			   INT64_C(31536000) + since % (98 * INT64_C(31556952)), now);

	text = copy_string(data + HEAD, size - HEAD);
	wait = mp_http_parse_retry_after(text, now);
	require(wait >= -1);
	at = text + strspn(text, " \t");
	if (wait >= 0 && *at >= '0' && *at <= '9')
		check_number(text, wait);
	else if (wait >= 0)
		check_date(wait, now);
	free(text);
	return 0;
}
