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

#include "api/call.h"
#include "api/envelope.h"
#include "json/stream.h"

#define REASON_SIZE 512

struct MpCall
{
	MpCallKind	kind;
	uint32_t	wanted;
	int64_t		account;
	char		title[MP_CALL_TITLE_SIZE];
	MpRequest  *request;
	MpProblem	problem;
	char		message[MP_ENVELOPE_MESSAGE];
	char		reason[REASON_SIZE];
	bool		failed;
	bool		done;

	/* answers of records; lists are read as they arrive */
	MpJsonStream *stream;
	MpRecordKind record_kind;
	size_t		used;			/* peeked bytes that the last record needed */
	int			restarts;		/* of the request, when we last looked */
	int64_t		count;			/* records handed out */
	uint64_t	digest;			/* of their keys, in order */
	int64_t		skip;			/* records of a list begun anew, still to be
								 * passed over */
	uint64_t	skip_digest;	/* of those passed over so far */
	bool		checked;		/* what is no list: all of it was looked at */
	bool		brings_secret;	/* a create's answer has a new secret */

	/* the answer of /me, read whole */
	MpJsonCursor projects;		/* in its object or array of projects */
	MpJsonMember *members;		/* the cursor's; NULL before */
	bool		in_array;
	int64_t		project_number; /* how many were looked at */
	int64_t		project_total;	/* how many it says there are; -1: it does
								 * not */
};

static bool check_single(MpCall *call);
static void check_denial(MpCall *call, const MpText *element);
static void note_id(MpCall *call, const MpText *element);
static MpCallState next_element(MpCall *call, MpRecord *record);
static void begin_anew(MpCall *call);
static MpCallState take_element(MpCall *call, const MpText *element,
								MpRecord *record, bool *again);
static bool note_key(MpCall *call, int64_t key);
static MpCallState finish_elements(MpCall *call);
static bool shape_fits(MpCall *call);
static MpCallState finish_status(MpCall *call);
static MpCallState next_project(MpCall *call, MpRecord *record);
static bool load_me(MpCall *call);
static bool take_project(MpCall *call, const MpJsonString *name,
						 const MpJsonValue *project, MpRecord *record);
static bool check_envelope(MpCall *call, const char *text, size_t length);
static void blame_field(MpCall *call, const char *text, size_t length);
static bool judge_envelope(MpCall *call, const MpEnvelope *envelope);
static bool is_part(const MpEnvelope *envelope, int64_t count);
static bool judge_headers(MpCall *call);
static MpCallState fail(MpCall *call, MpProblemKind kind, const char *reason);
static void read_message(MpCall *call);

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
		return next_project(call, record);
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
		return fail(call, MP_PROBLEM_HTTP, NULL);
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
			return fail(call, MP_PROBLEM_BODY,
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
		fail(call, MP_PROBLEM_BODY, mp_json_stream_error(call->stream));
	else if (mp_json_stream_count(call->stream) > 1)
		fail(call, MP_PROBLEM_BODY, "more than one object");
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
		judge_envelope(call, &envelope);
}

/* The new account's, which counts whatever else the answer says. */
static void
note_id(MpCall *call, const MpText *element)
{
	MpRecord	record;
	const MpValue *secret = &record.values[MP_FIELD_SECRET];

	mp_record_init(&record);
	if (mp_record_decode(call->record_kind, 0, element, &record,
						 &call->problem.fault))
		call->problem.fault.id = mp_record_key(call->record_kind, &record);
	if (mp_record_decode(call->record_kind, MP_FIELD_BIT(MP_FIELD_SECRET),
						 element, &record, &call->problem.fault))
		call->brings_secret = secret->present && secret->as.text.length > 0;
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
		!check_envelope(call, element->data, element->length))
		return MP_CALL_FAILED;
	if (!shape_fits(call))
		return MP_CALL_FAILED;
	if (!mp_record_decode(call->record_kind, call->wanted, element, record,
						  &problem->fault))
	{
		problem->record = number;
		return fail(call, MP_PROBLEM_BODY, problem->fault.reason);
	}
	if (call->kind == MP_CALL_GET_ACCOUNT &&
		mp_record_key(call->record_kind, record) != call->account)
		return fail(call, MP_PROBLEM_BODY, "it is about another account");
	if (!note_key(call, mp_record_key(call->record_kind, record)))
		return fail(call, MP_PROBLEM_CHANGED, NULL);
	if (number <= call->skip)
	{
		*again = true;
		return MP_CALL_WAIT;
	}
	assert(number == call->count + 1);
	call->count = number;
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

	if (!judge_headers(call))
		return MP_CALL_FAILED;
	if (!mp_json_stream_finish(call->stream))
		return fail(call, MP_PROBLEM_BODY, mp_json_stream_error(call->stream));
	envelope = mp_json_stream_envelope(call->stream, &length);
	if (length > 0 && !check_envelope(call, envelope, length))
		return MP_CALL_FAILED;
	if (!shape_fits(call))
		return MP_CALL_FAILED;
	if (mp_json_stream_count(call->stream) < call->skip)
		return fail(call, MP_PROBLEM_CHANGED, NULL);
	if (!mp_call_is_list(call->kind) &&
		mp_json_stream_count(call->stream) == 0)
		return fail(call, MP_PROBLEM_BODY, "it holds no service account");
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
		fail(call, MP_PROBLEM_BODY, shape == MP_JSON_SHAPE_OBJECT ?
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
		return fail(call, MP_PROBLEM_HTTP, NULL);
	if (!judge_headers(call))
		return MP_CALL_FAILED;
	length = mp_http_peek(call->request, &bytes);
	for (; length > 0 && memchr(" \t\r\n", *bytes, 4) != NULL; length--)
		bytes++;
	if (length == 0 && answer->elsewhere)
		return fail(call, MP_PROBLEM_BODY,
					"it is empty, and came from another path, to which a redirect led");
	if (length > 0 && !check_envelope(call, bytes, length))
		return MP_CALL_FAILED;
	call->done = true;
	return MP_CALL_DONE;
}

/*
 * The next project of GET /me, whose projects are members of an object or
 * elements of an array.
 */
static MpCallState
next_project(MpCall *call, MpRecord *record)
{
	const MpAnswer *answer = mp_http_answer(call->request);
	MpJsonString name;
	MpJsonValue project;
	bool		more;

	if (answer->outcome == MP_OUTCOME_PENDING)
		return MP_CALL_WAIT;
	if (answer->outcome != MP_OUTCOME_OK)
		return fail(call, MP_PROBLEM_HTTP, NULL);
	if (call->members == NULL && !(judge_headers(call) && load_me(call)))
		return MP_CALL_FAILED;

	if (call->in_array)
		more = mp_json_cursor_item(&call->projects, call->project_number == 0);
	else
		more = mp_json_cursor_member(&call->projects, &name);
	/* all of it was checked before: it can only end */
	if (!more || !mp_json_cursor_value(&call->projects, &project))
	{
		if (call->project_total > call->project_number ||
			answer->total > call->project_number)
			return fail(call, MP_PROBLEM_PAGES, NULL);
		call->done = true;
		return MP_CALL_DONE;
	}
	call->project_number++;
	return take_project(call, call->in_array ? NULL : &name, &project,
						record) ? MP_CALL_RECORD : MP_CALL_FAILED;
}

/* results.projects: an object keyed by id; an array is accepted as well. */
static bool
load_me(MpCall *call)
{
	const char *bytes;
	size_t		length = mp_http_peek(call->request, &bytes);
	const MpJsonString *text;
	MpEnvelope	envelope;

	if (!mp_envelope_read(bytes, length, &envelope))
	{
		fail(call, envelope.no_memory ? MP_PROBLEM_NO_MEMORY :
			 MP_PROBLEM_BODY, envelope.reason);
		return false;
	}
	if (!judge_envelope(call, &envelope))
		return false;
	if (envelope.projects.kind != MP_JSON_OBJECT &&
		envelope.projects.kind != MP_JSON_ARRAY)
	{
		fail(call, MP_PROBLEM_BODY, "it has no \"projects\"");
		return false;
	}
	call->project_total = envelope.has_total ? envelope.total : -1;
	text = &envelope.projects.text;
	call->members = malloc(MP_JSON_MEMBERS(text->length) *
						   sizeof(MpJsonMember));
	if (call->members == NULL)
	{
		fail(call, MP_PROBLEM_NO_MEMORY, NULL);
		return false;
	}
	mp_json_cursor_open(&call->projects, text->data, text->length,
						MP_JSON_DEPTH_LIMIT, call->members);
	call->in_array = envelope.projects.kind == MP_JSON_ARRAY;
	return call->in_array ? mp_json_cursor_enter_array(&call->projects) :
		mp_json_cursor_enter(&call->projects);
}

/* name: the member's, where the projects are members of an object. */
static bool
take_project(MpCall *call, const MpJsonString *name,
			 const MpJsonValue *project, MpRecord *record)
{
	MpText		element = {project->text.data, project->text.length};
	MpFault    *fault = &call->problem.fault;
	bool		fine;
	int64_t		id;

	/* of a string, the text lacks the quotes: it may look like an object */
	if (project->kind == MP_JSON_STRING)
		element.length = 0;
	fine = mp_record_decode(name != NULL ? MP_RECORD_NAMED_PROJECT :
							MP_RECORD_PROJECT, MP_FIELD_MEMBERS, &element,
							record, fault);
	if (fine && !record->values[MP_FIELD_PROJECT_ID].present)
	{
		fine = mp_record_parse_id(name->data, name->length, &id);
		if (fine)
			mp_record_set_integer(record, MP_FIELD_PROJECT_ID, id);
		else
		{
			memset(fault, 0, sizeof(*fault));
			snprintf(fault->field, sizeof(fault->field), "id");
			snprintf(fault->reason, sizeof(fault->reason),
					 "is missing, and the member's name is no id");
		}
	}
	if (!fine)
	{
		call->problem.record = call->project_number;
		fail(call, MP_PROBLEM_BODY, fault->reason);
	}
	return fine;
}

/*
 * What stands around the results: an object that does not say "error", and,
 * for a list or /me, nothing about further pages: part of a list is never
 * passed off as the list.  A call without results may be answered by any JSON.
 */
static bool
check_envelope(MpCall *call, const char *text, size_t length)
{
	MpEnvelope	envelope;

	if (mp_envelope_read(text, length, &envelope))
		return judge_envelope(call, &envelope);
	if (!envelope.no_memory &&
		call->stream != NULL && !mp_call_is_list(call->kind) &&
		mp_json_stream_shape(call->stream) == MP_JSON_SHAPE_OBJECT)
		blame_field(call, text, length);
	if (!call->failed)
		fail(call, envelope.no_memory ? MP_PROBLEM_NO_MEMORY :
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
		fail(call, MP_PROBLEM_BODY, call->problem.fault.reason);
	}
	mp_record_release(&record);
}

/*
 * A total of a list that is still arriving counts when the list has ended.  An
 * answer that denies success may still name what it has made, which is to be
 * deleted again: it has a secret then.  An id beside an error alone may be
 * that of an account which was there before, or of nothing.
 */
static bool
judge_envelope(MpCall *call, const MpEnvelope *envelope)
{
	bool		of_several = mp_call_is_of_several(call->kind);

	if (envelope->says_error)
	{
		memcpy(call->message, envelope->words.text, sizeof(call->message));
		if (!call->brings_secret)
			call->problem.fault.id = 0;
		fail(call, MP_PROBLEM_ERROR_BODY, NULL);
	}
	else if (!of_several && !mp_call_has_records(call->kind) &&
			 mp_http_answer(call->request)->elsewhere && !envelope->affirms)
		fail(call, MP_PROBLEM_BODY,
			 "it does not say that it is a success, and came from another path, to which a redirect led");
	else if (of_several && envelope->says_more)
		fail(call, MP_PROBLEM_PAGES, NULL);
	else if (mp_call_is_list(call->kind) &&
			 is_part(envelope, mp_json_stream_count(call->stream)))
		fail(call, MP_PROBLEM_PAGES, NULL);
	return !call->failed;
}

/* Of so many elements: is there a total above, or is the page full? */
static bool
is_part(const MpEnvelope *envelope, int64_t count)
{
	return envelope->total > count ||
		(envelope->page_size > 0 && count >= envelope->page_size);
}

/*
 * What the status and the headers of a success say: that it is a success in
 * part only, or that there are further elements.
 */
static bool
judge_headers(MpCall *call)
{
	const MpAnswer *answer = mp_http_answer(call->request);
	bool		of_several = mp_call_is_of_several(call->kind);

	/* nobody asked for a part */
	if (answer->status == 206)
		fail(call, MP_PROBLEM_BODY, "it is only a part (status 206)");
	else if (answer->status == 207)
		fail(call, MP_PROBLEM_BODY,
			 "it may hold several outcomes (status 207)");
	else if (of_several && answer->says_more)
		fail(call, MP_PROBLEM_PAGES, NULL);
	else if (mp_call_is_list(call->kind) &&
			 answer->total > mp_json_stream_count(call->stream))
		fail(call, MP_PROBLEM_PAGES, NULL);
	return !call->failed;
}

/* Note why the call failed and what the API said about it */
static MpCallState
fail(MpCall *call, MpProblemKind kind, const char *reason)
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
