/*-------------------------------------------------------------------------
 *
 * api/call.c
 *		One call of the API under way: its answer, read record by record.
 *
 * Owns the request, the decoding of its answer and the words for what is
 * wrong with it.  Must not know paths, bodies of requests or the executor.
 *
 *-------------------------------------------------------------------------
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call_state.h"

static bool check_single(MpCall *call);
static void check_denial(MpCall *call, const MpText *element);
static void note_id(MpCall *call, const MpText *element);
static MpCallState next_element(MpCall *call, MpRecord *record);
static void begin_anew(MpCall *call);
static MpCallState take_element(MpCall *call, const MpText *element,
								MpRecord *record, bool *again);
static MpCallState take_once(MpCall *call, int64_t key, bool *again);
static bool note_key(MpCall *call, int64_t key);
static MpCallState finish_elements(MpCall *call);
static bool shape_fits(MpCall *call);
static MpCallState finish_status(MpCall *call);

MpCall *
mp_call_start(MpHttp *http, const MpSettings *settings,
			  const MpCallSpec *spec)
{
	MpCall	   *call = calloc(1, sizeof(MpCall));
	MpRequestSpec request = {
		.settings = settings,
		.method = spec->method,
		.path = spec->path,
		.body = spec->body,
		.body_length = spec->body != NULL ? strlen(spec->body) : 0,
		.streamed = mp_call_is_long(spec->kind),
	};

	if (call == NULL)
		return NULL;
	call->kind = spec->kind;
	call->wanted = spec->wanted;
	call->account = spec->account;
	call->record_kind = mp_call_record_kind(spec->kind);
	snprintf(call->title, sizeof(call->title), "%s %.*s",
			 mp_http_method_name(spec->method),
			 (int) strcspn(spec->path, "?"), spec->path);
	if (mp_call_has_records(spec->kind))
		call->stream = mp_json_stream_create();
	if (call->stream != NULL || !mp_call_has_records(spec->kind))
		call->request = mp_http_start(http, &request);
	if (call->request != NULL)
		return call;
	mp_call_free(call);
	return NULL;
}

void
mp_call_free(MpCall *call)
{
	if (call == NULL)
		return;
	/* the API may have repeated what it was sent */
	mp_wipe(call->message, sizeof(call->message));
	mp_http_free(call->request);
	mp_json_stream_free(call->stream);
	mp_id_set_free(&call->accounts);
	free(call->members);
	free(call);
}

MpCallState
mp_call_next(MpCall *call, MpRecord *record)
{
	assert(!(call->failed && call->done));
	if (call->failed)
		return MP_CALL_FAILED;
	if (call->done)
		return MP_CALL_DONE;
	if (call->kind == MP_CALL_ME)
		return mp_call_next_project(call, record);
	if (mp_call_has_records(call->kind))
		return next_element(call, record);
	return finish_status(call);
}

const MpProblem *
mp_call_problem(const MpCall *call)
{
	return &call->problem;
}

const MpTally *
mp_call_tally(const MpCall *call)
{
	return mp_http_tally(call->request);
}

/* An answer that is read whole is of no use before its end. */
bool
mp_call_ready(const MpCall *call)
{
	const char *bytes;

	if (mp_http_answer(call->request)->outcome != MP_OUTCOME_PENDING)
		return true;
	return mp_call_is_list(call->kind) &&
		mp_http_peek(call->request, &bytes) > call->used;
}

MpRequest *
mp_call_request(const MpCall *call)
{
	return call->request;
}

MpCallKind
mp_call_kind(const MpCall *call)
{
	return call->kind;
}

const char *
mp_call_title(const MpCall *call)
{
	return call->title;
}

/* /me gives records too, but from a body of its own shape. */
/*
 * The bytes that the last record lay in are given back to the request only
 * now: its texts were promised to live until this call.
 */
static MpCallState
next_element(MpCall *call, MpRecord *record)
{
	const MpAnswer *answer = mp_http_answer(call->request);
	const char *bytes;
	size_t		length;

	if (call->restarts != mp_http_restarts(call->request))
		begin_anew(call);
	mp_http_consume(call->request, call->used);
	call->used = 0;

	if (answer->outcome != MP_OUTCOME_PENDING &&
		answer->outcome != MP_OUTCOME_OK)
		return mp_call_fail(call, MP_PROBLEM_HTTP, NULL);
	if (!mp_call_is_list(call->kind) && answer->outcome == MP_OUTCOME_PENDING)
		return MP_CALL_WAIT;
	if (!mp_call_is_list(call->kind) && !call->checked && !check_single(call))
		return MP_CALL_FAILED;

	length = mp_http_peek(call->request, &bytes);
	while (length > 0)
	{
		const char *start = bytes;
		MpText		element;
		MpJsonEvent event = mp_json_stream_next(call->stream, &bytes, &length,
												&element.data,
												&element.length);
		bool		again = false;
		MpCallState state;

		call->used += (size_t) (bytes - start);
		if (event == MP_JSON_BAD)
			return mp_call_fail(call, MP_PROBLEM_BODY,
								mp_json_stream_error(call->stream));
		if (event == MP_JSON_MORE)
			break;
		state = take_element(call, &element, record, &again);
		if (!again)
			return state;
	}
	mp_http_consume(call->request, call->used);
	call->used = 0;
	if (answer->outcome == MP_OUTCOME_OK &&
		mp_http_peek(call->request, &bytes) == 0)
		return finish_elements(call);
	return MP_CALL_WAIT;
}

/*
 * An answer of one object is handed out only if all of it is as it should be:
 * nobody may read on once the object is there.
 */
static bool
check_single(MpCall *call)
{
	const char *bytes;
	size_t		length = mp_http_peek(call->request, &bytes);
	MpText		element;
	MpJsonEvent event;

	while ((event = mp_json_stream_next(call->stream, &bytes, &length,
										&element.data, &element.length)) ==
		   MP_JSON_ELEMENT)
	{
		if (call->kind == MP_CALL_CREATE_ACCOUNT)
			note_id(call, &element);
		check_denial(call, &element);
	}
	if (call->failed)
		return false;
	if (event == MP_JSON_BAD)
		mp_call_fail(call, MP_PROBLEM_BODY,
					 mp_json_stream_error(call->stream));
	else if (mp_json_stream_count(call->stream) > 1)
		mp_call_fail(call, MP_PROBLEM_BODY, "more than one object");
	else
		finish_elements(call);
	call->done = false;
	call->checked = true;
	mp_json_stream_reset(call->stream);
	return !call->failed;
}

/* An account that comes with an error within its own object. */
static void
check_denial(MpCall *call, const MpText *element)
{
	MpEnvelope	envelope;

	if (!call->failed &&
		mp_envelope_read(element->data, element->length, &envelope) &&
		envelope.says_error && envelope.id != 0)
		mp_call_judge_envelope(call, &envelope);
}

/* The new account's, which counts whatever else the answer says. */
static void
note_id(MpCall *call, const MpText *element)
{
	MpRecord	record;

	mp_record_init(&record);
	if (mp_record_decode(call->record_kind, 0, element, &record,
						 &call->problem.fault))
		call->problem.fault.id = mp_record_key(call->record_kind, &record);
	if (mp_record_decode(call->record_kind, MP_FIELD_BIT(MP_FIELD_SECRET),
						 element, &record, &call->problem.fault))
		call->brings_secret = mp_call_brings_secret(&record);
	mp_record_release(&record);
}

/*
 * The request is sent again after part of its answer was read.  What was
 * handed out cannot be taken back, so the new answer must begin with it.
 */
static void
begin_anew(MpCall *call)
{
	call->restarts = mp_http_restarts(call->request);
	call->used = 0;
	call->skip = call->count;
	call->skip_digest = 0;
	mp_json_stream_reset(call->stream);
}

/* *again: nothing to hand out, look for the next. */
static MpCallState
take_element(MpCall *call, const MpText *element, MpRecord *record,
			 bool *again)
{
	MpJsonShape shape = mp_json_stream_shape(call->stream);
	MpProblem  *problem = &call->problem;
	int64_t		number = mp_json_stream_count(call->stream);

	/* A bare object may be an error or the first page of something. */
	if (shape == MP_JSON_SHAPE_OBJECT &&
		!mp_call_check_envelope(call, element->data, element->length))
		return MP_CALL_FAILED;
	if (!shape_fits(call))
		return MP_CALL_FAILED;
	if (!mp_record_decode(call->record_kind, call->wanted, element, record,
						  &problem->fault))
	{
		problem->record = number;
		return mp_call_fail(call, MP_PROBLEM_BODY, problem->fault.reason);
	}
	if (call->kind == MP_CALL_GET_ACCOUNT &&
		mp_record_key(call->record_kind, record) != call->account)
		return mp_call_fail(call, MP_PROBLEM_BODY, "it is about another account");
	if (!note_key(call, mp_record_key(call->record_kind, record)))
		return mp_call_fail(call, MP_PROBLEM_CHANGED, NULL);
	if (number <= call->skip)
	{
		*again = true;
		return MP_CALL_WAIT;
	}
	assert(number == call->count + 1);
	call->count = number;
	return take_once(call, mp_record_key(call->record_kind, record), again);
}

/*
 * An account that the list names again is one, as where the list moved while
 * the server put it together.  Lists of memberships have a row for each grant.
 */
static MpCallState
take_once(MpCall *call, int64_t key, bool *again)
{
	if (call->kind != MP_CALL_LIST_ACCOUNTS)
		return MP_CALL_RECORD;
	switch (mp_id_set_add(&call->accounts, key))
	{
		case MP_ID_SET_NEW:
			break;
		case MP_ID_SET_KNOWN:
			*again = true;
			return MP_CALL_WAIT;
		case MP_ID_SET_NO_MEMORY:
			return mp_call_fail(call, MP_PROBLEM_NO_MEMORY, NULL);
	}
	return MP_CALL_RECORD;
}

/*
 * Take the key into the digest of the records in order (FNV-1a over 64-bit
 * words).  While records are passed over, compare at the last of them.
 */
static bool
note_key(MpCall *call, int64_t key)
{
	int64_t		number = mp_json_stream_count(call->stream);
	uint64_t   *digest = number <= call->skip ?
		&call->skip_digest : &call->digest;

	*digest = (*digest ^ (uint64_t) key) * UINT64_C(0x100000001b3) + 1;
	return number != call->skip || call->skip_digest == call->digest;
}

/* The body has ended: is it a whole answer that holds what was asked for? */
static MpCallState
finish_elements(MpCall *call)
{
	size_t		length;
	const char *envelope;

	if (!mp_call_judge_headers(call))
		return MP_CALL_FAILED;
	if (!mp_json_stream_finish(call->stream))
		return mp_call_fail(call, MP_PROBLEM_BODY,
							mp_json_stream_error(call->stream));
	envelope = mp_json_stream_envelope(call->stream, &length);
	/* an answer of one object is read twice, and says the same */
	if (!call->checked && length > 0 &&
		!mp_call_check_envelope(call, envelope, length))
		return MP_CALL_FAILED;
	if (!shape_fits(call))
		return MP_CALL_FAILED;
	if (mp_json_stream_count(call->stream) < call->skip)
		return mp_call_fail(call, MP_PROBLEM_CHANGED, NULL);
	if (!mp_call_is_list(call->kind) &&
		mp_json_stream_count(call->stream) == 0)
		return mp_call_fail(call, MP_PROBLEM_BODY, "it holds no service account");
	call->done = true;
	return MP_CALL_DONE;
}

/* A list must be an array; a single account may come in any form. */
static bool
shape_fits(MpCall *call)
{
	MpJsonShape shape = mp_json_stream_shape(call->stream);

	if (shape == MP_JSON_SHAPE_ARRAY || shape == MP_JSON_SHAPE_RESULTS_ARRAY)
		return true;
	if (shape == MP_JSON_SHAPE_RESULTS_OTHER || mp_call_is_list(call->kind))
	{
		mp_call_fail(call, MP_PROBLEM_BODY, shape == MP_JSON_SHAPE_OBJECT ?
					 "it has no \"results\"" : "\"results\" is not an array");
		return false;
	}
	return true;
}

/*
 * A call that only succeeds or fails.  Any 2xx will do, with or without a
 * body; but a body that says "error" is believed, and one that is no JSON was
 * not written by the API: who wrote it may have done nothing.  Neither was an
 * empty one that comes from somewhere else than was asked.
 */
static MpCallState
finish_status(MpCall *call)
{
	const MpAnswer *answer = mp_http_answer(call->request);
	const char *bytes;
	size_t		length;

	if (answer->outcome == MP_OUTCOME_PENDING)
		return MP_CALL_WAIT;
	if (answer->outcome != MP_OUTCOME_OK)
		return mp_call_fail(call, MP_PROBLEM_HTTP, NULL);
	if (!mp_call_judge_headers(call))
		return MP_CALL_FAILED;
	length = mp_http_peek(call->request, &bytes);
	for (; length > 0 && memchr(" \t\r\n", *bytes, 4) != NULL; length--)
		bytes++;
	if (length == 0 && answer->elsewhere)
		return mp_call_fail(call, MP_PROBLEM_BODY,
							"it is empty, and came from another path, to which a redirect led");
	if (length > 0 && !mp_call_check_envelope(call, bytes, length))
		return MP_CALL_FAILED;
	call->done = true;
	return MP_CALL_DONE;
}
