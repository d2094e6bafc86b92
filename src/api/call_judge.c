/*-------------------------------------------------------------------------
 *
 * api/call_judge.c
 *		What an answer says of itself: a success, and a whole one?
 *
 * Owns the words for what is wrong with an answer as a whole.
 *
 *-------------------------------------------------------------------------
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call_state.h"

static bool is_mask(const MpText *text);
static void blame_field(MpCall *call, const char *text, size_t length);
static int64_t count_of(const MpCall *call);
static void read_message(MpCall *call);

/*
 * What stands around the results: an object that does not say "error", and,
 * for a list or /me, nothing about further pages: part of a list is never
 * passed off as the list.  A call without results may be answered by any JSON.
 */
bool
mp_call_check_envelope(MpCall *call, const char *text, size_t length)
{
	MpEnvelope	envelope;

	if (mp_envelope_read(text, length, &envelope))
		return mp_call_judge_envelope(call, &envelope);
	if (!envelope.no_memory &&
		call->stream != NULL && !mp_call_is_list(call->kind) &&
		mp_json_stream_shape(call->stream) == MP_JSON_SHAPE_OBJECT)
		blame_field(call, text, length);
	if (!call->failed)
		mp_call_fail(call, envelope.no_memory ? MP_PROBLEM_NO_MEMORY :
					 MP_PROBLEM_BODY, envelope.reason);
	return false;
}

/* A bare account that is no valid JSON: decoding it tells where. */
static void
blame_field(MpCall *call, const char *text, size_t length)
{
	const MpText element = {text, length};
	MpRecord	record;

	mp_record_init(&record);
	if (!mp_record_decode(call->record_kind, 0, &element, &record,
						  &call->problem.fault))
	{
		call->problem.record = 1;
		mp_call_fail(call, MP_PROBLEM_BODY, call->problem.fault.reason);
	}
	mp_record_release(&record);
}

/*
 * A total of a list that is still arriving counts when the list has ended.  An
 * answer that denies success may still name what it has made, which is to be
 * deleted again: it has a secret then.  An id beside an error alone may be
 * that of an account which was there before, or of nothing.
 */
bool
mp_call_judge_envelope(MpCall *call, const MpEnvelope *envelope)
{
	bool		of_several = mp_call_is_of_several(call->kind);

	if (envelope->says_error)
	{
		memcpy(call->message, envelope->words.text, sizeof(call->message));
		if (!call->brings_secret)
			call->problem.fault.id = 0;
		mp_call_fail(call, MP_PROBLEM_ERROR_BODY, NULL);
	}
	else if (!of_several && !mp_call_has_records(call->kind) &&
			 mp_http_answer(call->request)->elsewhere && !envelope->affirms)
		mp_call_fail(call, MP_PROBLEM_BODY,
					 "it does not say that it is a success, and came from another path, to which a redirect led");
	else if (of_several && envelope->pages.says_more)
		mp_call_fail(call, MP_PROBLEM_PAGES, NULL);
	else if (mp_call_is_list(call->kind) &&
			 mp_pages_is_part(&envelope->pages, count_of(call)))
		mp_call_fail(call, MP_PROBLEM_PAGES, NULL);
	return !call->failed;
}

/*
 * What the status and the headers of a success say: that it is a success in
 * part only, or that there are further elements.
 */
bool
mp_call_judge_headers(MpCall *call)
{
	const MpAnswer *answer = mp_http_answer(call->request);
	bool		of_several = mp_call_is_of_several(call->kind);

	/* nobody asked for a part */
	if (answer->status == 206)
		mp_call_fail(call, MP_PROBLEM_BODY, "it is only a part (status 206)");
	else if (answer->status == 207)
		mp_call_fail(call, MP_PROBLEM_BODY,
					 "it may hold several outcomes (status 207)");
	else if (of_several && answer->pages.says_more)
		mp_call_fail(call, MP_PROBLEM_PAGES, NULL);
	else if (mp_call_is_list(call->kind) &&
			 mp_pages_is_part(&answer->pages, count_of(call)))
		mp_call_fail(call, MP_PROBLEM_PAGES, NULL);
	return !call->failed;
}

/* Note why the call failed and what the API said about it */
MpCallState
mp_call_fail(MpCall *call, MpProblemKind kind, const char *reason)
{
	const MpAnswer *answer = mp_http_answer(call->request);

	/* The first failure is the one that is told. */
	assert(!call->failed);
	call->failed = true;
	call->done = false;
	call->problem.kind = kind;
	call->problem.call = call->kind;
	call->problem.answer = answer;
	if (kind == MP_PROBLEM_HTTP && answer->outcome == MP_OUTCOME_STATUS)
		read_message(call);
	snprintf(call->reason, sizeof(call->reason), "%s",
			 reason != NULL ? reason : "");
	call->problem.message = call->message;
	call->problem.reason = call->reason;
	return MP_CALL_FAILED;
}

/* The API's own words in an error body; none if it is no JSON object. */
static void
read_message(MpCall *call)
{
	const char *bytes;
	size_t		length = mp_http_peek(call->request, &bytes);
	MpEnvelope	envelope;

	for (; length > 0 && memchr(" \t\r\n", *bytes, 4) != NULL; length--)
		bytes++;
	if (length == 0)
		return;
	if (mp_envelope_read(bytes, length, &envelope))
		call->problem.foreign = !envelope.is_container;
	else
		call->problem.foreign = !envelope.is_cut;
	memcpy(call->message, envelope.words.text, sizeof(call->message));
}

bool
mp_call_brings_secret(const MpRecord *record)
{
	const MpValue *secret = &record->values[MP_FIELD_SECRET];

	return secret->present && secret->as.text.length > 0 &&
		!is_mask(&secret->as.text);
}

/* What is shown where a secret was: asterisks or bullets, however many. */
static bool
is_mask(const MpText *text)
{
	static const char *const signs[] = {"*", "\xE2\x80\xA2", "\xE2\x97\x8F"};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
	{
		size_t		width = strlen(signs[i]);

		/* it begins with the sign, and goes on as it began */
		if (text->length >= width && memcmp(text->data, signs[i], width) == 0)
			return memcmp(text->data, text->data + width,
						  text->length - width) == 0;
	}
	return false;
}

/* Elements of a list, each account once. */
static int64_t
count_of(const MpCall *call)
{
	return call->kind == MP_CALL_LIST_ACCOUNTS ?
		(int64_t) call->accounts.count : mp_json_stream_count(call->stream);
}
