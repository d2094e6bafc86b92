/*-------------------------------------------------------------------------
 *
 * http/attempt.c
 *		What follows from how a transfer ended.
 *
 * An attempt is a transfer and those that redirects make of it.  It ends with
 * the answer, or with a wait before the next attempt.  Must not know how a
 * transfer gets on the wire, nor what may be sent again.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "http/http_state.h"

#define STARVED_WAIT	100		/* ms between looks whether there is a
								 * descriptor again */

/* A request that is refused so often is not let off for others any more. */
#define SPARED_AT_MOST	100

static void fail_to_begin(MpRequest *request);
static bool make_do(MpRequest *request);
static void spare_retry(MpRequest *request);
static void tell_place(const MpRequest *request, MpOutcome outcome,
					   int64_t wait);
static void finish(MpRequest *request, MpOutcome outcome);
static bool has_lacked_runs(const MpRequest *request, MpOutcome outcome,
							CURLcode code);
static MpOutcome follow_redirect(MpRequest *request, bool *followed);

void
mp_http_attempt_begin(MpRequest *request)
{
	assert(request->state == MP_HTTP_QUEUED);
	assert(request->answer.outcome == MP_OUTCOME_PENDING);
	/* what the others had may do for all */
	if (request->server->in_flight == 0)
		request->server->narrow = 0;
	mp_http_set_state(request, MP_HTTP_ON_WIRE, 0);
	request->answer.attempts++;
	if (request->answer.attempts > 1)
		mp_http_tally_retry(request);
	request->hops = 0;
	request->answer.elsewhere = false;
	free(request->hop_url);
	request->hop_url = NULL;
	if (!mp_http_transfer_begin(request))
		fail_to_begin(request);
}

void
mp_http_attempt_end(MpRequest *request, CURLcode code)
{
	MpOutcome	outcome;
	bool		followed = false;
	int64_t		wait;

	assert(request->state == MP_HTTP_ON_WIRE);
	outcome = mp_http_transfer_end(request, code);
	assert(outcome != MP_OUTCOME_PENDING);
	request->lost |= outcome == MP_OUTCOME_LOST;
	request->doubtful |= request->transfer.repeated;

	if (has_lacked_runs(request, outcome, code) &&
		mp_http_transfer_begin(request))
		return;
	if (outcome == MP_OUTCOME_NO_DESCRIPTOR && make_do(request))
		return;
	if (outcome == MP_OUTCOME_STATUS &&
		mp_http_redirect_applies(request->answer.status))
		outcome = follow_redirect(request, &followed);
	if (followed)
		return;
	if (outcome == MP_OUTCOME_STATUS && request->answer.status == 429)
		spare_retry(request);
	wait = mp_http_retry_wait(request, outcome);
	tell_place(request, outcome, wait);
	if (wait < 0)
	{
		finish(request, outcome);
		return;
	}
	request->doubtful |= mp_http_retry_is_doubtful(&request->answer, outcome);
	mp_http_transfer_discard(request);
	mp_http_set_state(request, MP_HTTP_BACKING_OFF, mp_http_now() + wait);
}

/*
 * A refusal uses up no retry where the server has answered others since the
 * last one: there is something to be had, and it will come to the request.
 */
static void
spare_retry(MpRequest *request)
{
	int64_t		answers = mp_http_place_answers(request->settings->place);

	if (request->refusals++ > 0 && answers != request->answers &&
		request->settings->max_retries > 0 &&
		request->spared < SPARED_AT_MOST)
		request->spared++;
	request->answers = answers;
}

/*
 * What is said to one request is meant for all of its place, also where it is
 * too long a wait for this one.
 */
static void
tell_place(const MpRequest *request, MpOutcome outcome, int64_t wait)
{
	MpHttpPlace *place = request->settings->place;
	const MpAnswer *answer = &request->answer;
	bool		refused = answer->status == 429;

	if (outcome == MP_OUTCOME_STATUS &&
		(refused || (answer->status == 503 && answer->retry_after >= 0)))
	{
		if (wait < answer->retry_after)
			wait = answer->retry_after;
		mp_http_place_hold(place, refused, wait > 0 ? wait : 0);
	}
	else if (outcome == MP_OUTCOME_STATUS || outcome == MP_OUTCOME_OK)
		mp_http_place_note_answer(place);
}

void
mp_http_attempt_refuse(MpRequest *request, MpBudgetVerdict verdict,
					   int64_t wait)
{
	assert(request->state == MP_HTTP_QUEUED);
	assert(verdict != MP_BUDGET_GO);
	request->answer.held = verdict;
	mp_http_transfer_refuse(request, 429, wait);
	finish(request, MP_OUTCOME_STATUS);
}

/* Others may wait for its slot. */
void
mp_http_attempt_give_up(MpRequest *request)
{
	sigset_t	saved;

	if (request->state == MP_HTTP_ON_WIRE)
	{
		mp_http_block_signals(&saved);
		mp_http_transfer_cancel(request);
		mp_http_unblock_signals(&saved);
		mp_http_wake(request->http);
	}
	if (request->state != MP_HTTP_NEW && request->state != MP_HTTP_DONE)
	{
		mp_http_set_state(request, MP_HTTP_DONE, 0);
		mp_http_place_tell(request->http, request->settings->place);
	}
	free(request->hop_url);
	request->hop_url = NULL;
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
			return request->doubtful ||
				mp_http_retry_is_doubtful(answer, answer->outcome);
		case MP_HTTP_NEW:
		case MP_HTTP_QUEUED:
		case MP_HTTP_BACKING_OFF:
		case MP_HTTP_STATE_COUNT:
			break;
	}
	return request->doubtful;
}

/* Nothing was put on the wire. */
static void
fail_to_begin(MpRequest *request)
{
	MpOutcome	outcome = mp_http_outcome_of_none(&request->transfer);

	mp_http_explain(request, mp_http_outcome_words(&request->transfer, outcome,
												   CURLE_OK));
	if (outcome != MP_OUTCOME_NO_DESCRIPTOR || !make_do(request))
		finish(request, outcome);
}

/*
 * No descriptor could be had.  Those of requests that are on the wire will do
 * once they have ended; where there are none, those of idle connections.  The
 * try does not count.  False: it has to fail.
 */
static bool
make_do(MpRequest *request)
{
	MpHttp	   *http = request->http;
	bool		alone = http->on_wire.first == request &&
		request->next == NULL;

	assert(request->state == MP_HTTP_ON_WIRE);
	if (request->answer.maybe_sent || (alone && request->starved))
		return false;
	request->answer.attempts--;
	mp_http_set_state(request, MP_HTTP_BACKING_OFF,
					  mp_http_now() + (alone ? 0 : STARVED_WAIT));
	if (!alone)
	{
		mp_http_server_narrow(request->server);
		return true;
	}
	request->starved = true;
	for (int i = 0; i < MP_HTTP_LANE_COUNT; i++)
		mp_http_lane_renew(&http->lanes[i]);
	return true;
}

static void
finish(MpRequest *request, MpOutcome outcome)
{
	bool		not_found = outcome == MP_OUTCOME_STATUS &&
		request->answer.status == 404;

	mp_http_set_state(request, MP_HTTP_DONE, 0);
	request->answer.outcome = outcome;
	if (outcome != MP_OUTCOME_OK && !not_found)
		mp_http_tally_failure(request);
}

/*
 * Between connecting and sending, libcurl needs to be run: if the caller did
 * not, it is nobody's failure.
 */
static bool
has_lacked_runs(const MpRequest *request, MpOutcome outcome, CURLcode code)
{
	return outcome == MP_OUTCOME_UNREACHABLE && request->http->late &&
		code == CURLE_OPERATION_TIMEDOUT && !request->answer.maybe_sent;
}

/* *followed: the next hop is under way, in the same slot; else how it ends. */
static MpOutcome
follow_redirect(MpRequest *request, bool *followed)
{
	MpHttpRedirect verdict = MP_HTTP_REDIRECT_NOWHERE;
	MpOutcome	outcome = MP_OUTCOME_REDIRECT_LOOP;
	char	   *target = NULL;
	char	   *shown = NULL;

	if (request->location != NULL)
		verdict = mp_http_redirect_resolve(request->settings->base_url,
										   mp_http_url(request),
										   request->location,
										   &target, &shown);
	mp_http_explain(request, shown != NULL ? shown : "");
	free(shown);
	if (verdict == MP_HTTP_REDIRECT_REFUSE)
		outcome = MP_OUTCOME_REDIRECT_REFUSED;
	else if (verdict == MP_HTTP_REDIRECT_NO_MEMORY)
		outcome = MP_OUTCOME_NO_MEMORY;
	else if (verdict == MP_HTTP_REDIRECT_FOLLOW &&
			 ++request->hops <= MP_HTTP_REDIRECTS)
	{
		request->answer.elsewhere |=
			mp_http_redirect_leads_away(mp_http_url(request), target);
		free(request->hop_url);
		request->hop_url = target;
		mp_http_transfer_discard(request);
		mp_http_place_charge(request->settings->place);
		*followed = mp_http_transfer_begin(request);
		return mp_http_outcome_of_none(&request->transfer);
	}
	free(target);
	return outcome;
}
