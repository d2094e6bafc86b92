/*-------------------------------------------------------------------------
 *
 * api/call_me.c
 *		The projects in the answer of GET /me, which is read whole.
 *
 *-------------------------------------------------------------------------
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call_state.h"

static bool load_me(MpCall *call);
static bool take_project(MpCall *call, const MpJsonString *name,
						 const MpJsonValue *project, MpRecord *record);

/*
 * The next project of GET /me, whose projects are members of an object or
 * elements of an array.
 */
MpCallState
mp_call_next_project(MpCall *call, MpRecord *record)
{
	const MpAnswer *answer = mp_http_answer(call->request);
	MpJsonString name;
	MpJsonValue project;
	bool		more;

	if (answer->outcome == MP_OUTCOME_PENDING)
		return MP_CALL_WAIT;
	if (answer->outcome != MP_OUTCOME_OK)
		return mp_call_fail(call, MP_PROBLEM_HTTP, NULL);
	if (call->members == NULL &&
		!(mp_call_judge_headers(call) && load_me(call)))
		return MP_CALL_FAILED;

	if (call->in_array)
		more = mp_json_cursor_item(&call->projects, call->project_number == 0);
	else
		more = mp_json_cursor_member(&call->projects, &name);
	/* all of it was checked before: it can only end */
	if (!more || !mp_json_cursor_value(&call->projects, &project))
	{
		if (call->project_total > call->project_number ||
			mp_pages_is_part(&answer->pages, call->project_number))
			return mp_call_fail(call, MP_PROBLEM_PAGES, NULL);
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
		mp_call_fail(call, envelope.no_memory ? MP_PROBLEM_NO_MEMORY :
					 MP_PROBLEM_BODY, envelope.reason);
		return false;
	}
	if (!mp_call_judge_envelope(call, &envelope))
		return false;
	if (envelope.projects.kind != MP_JSON_OBJECT &&
		envelope.projects.kind != MP_JSON_ARRAY)
	{
		mp_call_fail(call, MP_PROBLEM_BODY, "it has no \"projects\"");
		return false;
	}
	call->project_total = envelope.pages.has_total ? envelope.pages.total : -1;
	text = &envelope.projects.text;
	call->members = malloc(MP_JSON_MEMBERS(text->length) *
						   sizeof(MpJsonMember));
	if (call->members == NULL)
	{
		mp_call_fail(call, MP_PROBLEM_NO_MEMORY, NULL);
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
		mp_call_fail(call, MP_PROBLEM_BODY, fault->reason);
	}
	return fine;
}
