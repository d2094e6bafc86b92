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
#include <string.h>
#include <unistd.h>

#include "http/http_state.h"

#define FIRST_WAIT		250		/* ms */
#define MAX_DOUBLINGS	20		/* 250 ms * 2^20 is three days */
#define LAST_SECOND		INT64_C(253402300799)	/* the year 9999 ends */

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

static bool may_retry(const MpRequest *request, MpOutcome outcome);
static bool may_retry_status(const MpRequest *request);
static int64_t next_backoff(const MpRequest *request);
static uint64_t next_random(MpHttp *http);
static int64_t parse_seconds(const char *value);

/* xorshift64* stays at zero for ever if it begins there. */
void
mp_http_retry_seed(MpHttp *http, int64_t now)
{
	http->random = (uint64_t) now ^
		((uint64_t) getpid() << 32) ^ (uint64_t) (uintptr_t) http;
	http->random |= 1;
}

int64_t
mp_http_retry_wait(const MpRequest *request, MpOutcome outcome)
{
	int64_t		wait = request->answer.retry_after;

	assert(request->state == MP_HTTP_ON_WIRE);
	assert(request->answer.attempts > 0);
	assert(outcome != MP_OUTCOME_PENDING);
	if (request->answer.attempts - request->spared >
		request->settings->max_retries ||
		wait > request->settings->max_retry_wait ||
		!may_retry(request, outcome))
		return -1;
	return wait >= 0 ? wait : next_backoff(request);
}

bool
mp_http_retry_is_doubtful(const MpAnswer *answer, MpOutcome outcome)
{
	if (!answer->maybe_sent)
		return false;
	if (outcome != MP_OUTCOME_STATUS)
		return true;
	return answer->status >= 500 &&
		(answer->status != 503 || answer->retry_after < 0);
}

/*
 * May a request with this outcome be sent again?  A POST only if it was
 * certainly not carried out.
 */
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
		case MP_OUTCOME_NO_DESCRIPTOR:
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
next_backoff(const MpRequest *request)
{
	int			doublings = request->answer.attempts - request->spared - 1;
	int64_t		wait;
	int64_t		half;

	if (doublings > MAX_DOUBLINGS)
		doublings = MAX_DOUBLINGS;
	wait = (int64_t) FIRST_WAIT << doublings;
	if (wait > request->settings->max_retry_wait)
		wait = request->settings->max_retry_wait;
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
	date = (int64_t) curl_getdate(value, NULL);
	if (date == -1)
		return -1;
	/* libcurl reads years of any length */
	if (date > LAST_SECOND)
		date = LAST_SECOND;
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
