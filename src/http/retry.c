/*-------------------------------------------------------------------------
 *
 * http/retry.c
 *		What is sent again, and when.
 *
 * The only place that decides it; the rules are in http.h.  A POST is sent
 * again only where it was certainly not carried out.  Must not touch the wire.
 *
 *-------------------------------------------------------------------------
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http/http_state.h"

#define FIRST_WAIT		250		/* ms */
#define MAX_DOUBLINGS	20		/* 250 ms * 2^20 is three days */

/* What happens to an answer's status. */
typedef struct StatusRule
{
	int			status;
	bool		for_post;		/* a POST too is sent again */
	bool		needs_retry_after;	/* ... if the answer says when */
} StatusRule;

static const StatusRule status_rules[] = {
	{429, true, false},
	{500, false, false},
	{502, false, false},
	{503, true, true},
	{504, false, false},
};

static bool is_doubtful(const MpAnswer *answer, MpOutcome outcome);
static bool may_retry(const MpRequest *request, MpOutcome outcome);
static bool may_retry_status(const MpRequest *request);
static int64_t next_backoff(MpRequest *request);
static uint64_t next_random(MpHttp *http);
static int64_t parse_seconds(const char *value);
static bool parse_date(const char *value, int64_t now, int64_t *date);
static int	month_of(const char *name);
static int64_t days_since_1970(int year, int month, int day);

int64_t
mp_http_retry_wait(MpRequest *request, MpOutcome outcome)
{
	int64_t		wait = request->answer.retry_after;

	if (request->answer.attempts > request->max_retries ||
		wait > request->max_retry_wait || !may_retry(request, outcome))
		return -1;
	request->doubtful |= is_doubtful(&request->answer, outcome);
	return wait >= 0 ? wait : next_backoff(request);
}

bool
mp_http_may_be_done(const MpRequest *request)
{
	const MpAnswer *answer = &request->answer;

	switch (request->state)
	{
		case MP_HTTP_ON_WIRE:
			return request->doubtful || answer->maybe_sent;
		case MP_HTTP_DONE:
			return request->doubtful || is_doubtful(answer, answer->outcome);
		case MP_HTTP_QUEUED:
		case MP_HTTP_BACKING_OFF:
			break;
	}
	return request->doubtful;
}

/* May an attempt that ended so have been carried out? */
static bool
is_doubtful(const MpAnswer *answer, MpOutcome outcome)
{
	if (!answer->maybe_sent || outcome == MP_OUTCOME_REDIRECT_REFUSED ||
		outcome == MP_OUTCOME_REDIRECT_LOOP)
		return false;
	if (outcome != MP_OUTCOME_STATUS)
		return true;
	return answer->status >= 500 &&
		(answer->status != 503 || answer->retry_after < 0);
}

static bool
may_retry(const MpRequest *request, MpOutcome outcome)
{
	bool		post = request->method == MP_METHOD_POST;

	switch (outcome)
	{
		case MP_OUTCOME_UNREACHABLE:
			return !request->hopeless &&
				!(post && request->answer.maybe_sent);
		case MP_OUTCOME_LOST:
		case MP_OUTCOME_TIMEOUT:
			return !post;
		case MP_OUTCOME_STATUS:
			return may_retry_status(request);
		case MP_OUTCOME_PENDING:
		case MP_OUTCOME_OK:
		case MP_OUTCOME_REDIRECT_REFUSED:
		case MP_OUTCOME_REDIRECT_LOOP:
		case MP_OUTCOME_TOO_LARGE:
		case MP_OUTCOME_BAD_ENCODING:
		case MP_OUTCOME_NO_MEMORY:
			break;
	}
	return false;
}

static bool
may_retry_status(const MpRequest *request)
{
	const StatusRule *rule = status_rules;
	const StatusRule *end = rule + sizeof(status_rules) / sizeof(*rule);

	while (rule < end && rule->status != request->answer.status)
		rule++;
	if (rule == end)
		return false;
	if (request->method != MP_METHOD_POST)
		return true;
	return rule->for_post &&
		(!rule->needs_retry_after || request->answer.retry_after >= 0);
}

/*
 * Exponential, half of it random: clients that failed together do not come
 * back together, and none comes back at once.
 */
static int64_t
next_backoff(MpRequest *request)
{
	int			doublings = request->answer.attempts - 1;
	int64_t		wait;
	int64_t		half;

	if (doublings > MAX_DOUBLINGS)
		doublings = MAX_DOUBLINGS;
	wait = (int64_t) FIRST_WAIT << doublings;
	if (wait > request->max_retry_wait)
		wait = request->max_retry_wait;
	half = wait / 2;
	return wait - half +
		(int64_t) (next_random(request->http) % (uint64_t) (half + 1));
}

/* xorshift64*: good enough to spread clients out. */
static uint64_t
next_random(MpHttp *http)
{
	uint64_t	x = http->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	http->random = x;
	return (x * UINT64_C(2685821657736338717)) >> 16;
}

int64_t
mp_http_parse_retry_after(const char *value, int64_t now)
{
	int64_t		date;

	value += strspn(value, " \t");
	if (isdigit((unsigned char) *value))
		return parse_seconds(value);
	if (!parse_date(value, now, &date))
		return -1;
	return date > now ? (date - now) * 1000 : 0;
}

/* Digits only; a number beyond all sense is a very long wait. */
static int64_t
parse_seconds(const char *value)
{
	int64_t		seconds = 0;

	for (; isdigit((unsigned char) *value); value++)
	{
		if (seconds < INT64_MAX / 100000)
			seconds = seconds * 10 + (*value - '0');
	}
	if (value[strspn(value, " \t")] != '\0')
		return -1;
	return seconds * 1000;
}

/*
 * The three forms of an HTTP date (RFC 9110, 5.6.7), in seconds since 1970.
 */
static bool
parse_date(const char *value, int64_t now, int64_t *date)
{
	char		name[4] = "";
	int			year = 0;
	int			day = 0;
	int			hour = -1;
	int			minute = -1;
	int			second = -1;
	int			length = 0;
	int			month;

	/* Widths keep numbers small; what was read is checked below. */
	/* NOLINTBEGIN(cert-err34-c) */
	sscanf(value, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n",
		   &day, name, &year, &hour, &minute, &second, &length);
	if (length == 0)
	{
		sscanf(value, "%*[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n",
			   &day, name, &year, &hour, &minute, &second, &length);
		/* Two digits of a year mean the one closest to now. */
		if (length > 0)
			year += year + 2000 > 1970 + now / 31556952 + 50 ? 1900 : 2000;
	}
	if (length == 0)
		sscanf(value, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n",
			   name, &day, &hour, &minute, &second, &year, &length);
	/* NOLINTEND(cert-err34-c) */

	month = month_of(name);
	if (length == 0 || value[length + strspn(value + length, " \t")] != '\0' ||
		month == 0 || year < 1900 || day < 1 || day > 31 ||
		hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
		second < 0 || second > 60)
		return false;
	*date = days_since_1970(year, month, day) * 86400 +
		hour * 3600 + minute * 60 + second;
	return true;
}

/* 1 to 12; 0 if it is none. */
static int
month_of(const char *name)
{
	static const char names[][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
	};
	int			i;

	for (i = 0; i < 12; i++)
	{
		if (strcasecmp(name, names[i]) == 0)
			return i + 1;
	}
	return 0;
}

/* Of the Gregorian calendar; years from 1 on. */
static int64_t
days_since_1970(int year, int month, int day)
{
	/* A year that begins in March has its leap day at the end. */
	int			y = month > 2 ? year : year - 1;
	int			m = month > 2 ? month - 3 : month + 9;

	return INT64_C(365) * y + y / 4 - y / 100 + y / 400 +
		(153 * m + 2) / 5 + day - 1 - 719468;
}
