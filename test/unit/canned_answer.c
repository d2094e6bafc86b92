/*-------------------------------------------------------------------------
 *
 * canned_answer.c
 *		Calls of the API that are given an answer, and what is read of it.
 *
 * Owns the words in which a reading tells of a failure: those that
 * remote/error.c makes of a problem.  Must not know which bodies are good.
 *
 *-------------------------------------------------------------------------
 */
#include "canned_answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "canned_http.h"

#define SHORT	4096			/* bytes of a body that is cut into pieces */
#define PIECE	7

static const MpSettings settings = {
	.server_id = 1,
	.server_name = "canned",
	.organization_id = 123,
	.base_url = "https://localhost",
};

MpCall *
canned_start(MpHttp *http, MpCallKind kind, uint32_t wanted)
{
	static const MpNewAccount account = {.username = "ci"};
	static const int64_t ids[] = {CANNED_ACCOUNT};
	static const MpGrant grant = {CANNED_PROJECT, "admin"};
	static const MpBlock block = {ids, 1, &grant, 1};
	static const MpPair pair = {CANNED_ACCOUNT, CANNED_PROJECT};

	switch (kind)
	{
		case MP_CALL_LIST_ACCOUNTS:
			return mp_api_list_accounts(http, &settings, wanted);
		case MP_CALL_GET_ACCOUNT:
			return mp_api_get_account(http, &settings, pair.account, wanted);
		case MP_CALL_ACCOUNT_PROJECTS:
			return mp_api_account_projects(http, &settings, pair.account,
										   wanted);
		case MP_CALL_PROJECT_ACCOUNTS:
			return mp_api_project_accounts(http, &settings, pair.project,
										   wanted);
		case MP_CALL_ORGANIZATION_PROJECTS:
			return mp_api_organization_projects(http, &settings);
		case MP_CALL_ME:
			return mp_api_me(http, &settings);
		case MP_CALL_CREATE_ACCOUNT:
			return mp_api_create_account(http, &settings, &account);
		case MP_CALL_DELETE_ACCOUNT:
			return mp_api_delete_account(http, &settings, pair.account);
		case MP_CALL_ADD_MEMBERSHIPS:
			return mp_api_add_memberships(http, &settings, &block);
		case MP_CALL_ADD_MEMBERSHIP:
			return mp_api_add_membership(http, &settings, pair.account,
										 &grant);
		case MP_CALL_REMOVE_MEMBERSHIPS:
			return mp_api_remove_memberships(http, &settings, &pair, 1);
		case MP_CALL_REMOVE_MEMBERSHIP:
			return mp_api_remove_membership(http, &settings, &pair);
		case MP_CALL_COUNT:
			break;
	}
	return NULL;
}

static void
show(Reading *reading, const MpRecord *record, MpField field)
{
	const MpValue *value = &record->values[field];
	char		number[32];

	mp_buffer_wipe(&reading->shown);
	mp_buffer_free(&reading->shown);
	memset(&reading->shown, 0, sizeof(reading->shown));
	if (!value->present)
		snprintf(number, sizeof(number), "null");
	else if (mp_record_type(field) == MP_VALUE_TIME)
		mp_record_format_time(value->as.time, number);
	else if (mp_record_type(field) == MP_VALUE_BOOLEAN)
		snprintf(number, sizeof(number), "%d", value->as.boolean);
	else if (mp_record_type(field) == MP_VALUE_INTEGER)
		snprintf(number, sizeof(number), "%" PRId64, value->as.integer);
	else
		snprintf(number, sizeof(number), "%s", "");
	if (value->present && mp_record_type(field) == MP_VALUE_TEXT)
		mp_buffer_append(&reading->shown, value->as.text.data,
						 value->as.text.length);
	if (value->present && mp_record_type(field) == MP_VALUE_JSON)
		mp_buffer_append(&reading->shown, record->raw.data,
						 record->raw.length);
	mp_buffer_append(&reading->shown, number, strlen(number) + 1);
}

static void
tell_body(Reading *reading, const MpProblem *problem)
{
	char	   *to = reading->detail;
	size_t		size = sizeof(reading->detail);
	char		id[48] = "";
	char		field[96] = "";

	if (problem->record == 0)
	{
		snprintf(to, size, "Body: %s.", problem->reason);
		return;
	}
	if (problem->fault.id != 0)
		snprintf(id, sizeof(id), " (id %" PRId64 ")", problem->fault.id);
	if (problem->fault.field[0] != '\0')
		snprintf(field, sizeof(field), ", field \"%s\"",
				 problem->fault.field);
	snprintf(to, size, "Record %" PRId64 "%s%s: %s.", problem->record, id,
			 field, problem->reason);
}

static void
tell(Reading *reading, const MpProblem *problem)
{
	reading->kind = problem->kind;
	if (problem->kind == MP_PROBLEM_BODY)
		tell_body(reading, problem);
	else if (problem->message[0] != '\0')
		snprintf(reading->detail, sizeof(reading->detail),
				 "Mixpanel says: %s", problem->message);
}

CannedHead	canned_head = {.status = 200};

static Reading
read_once(const Asking *asking, const Delivery *delivery)
{
	MpHttp		http = {0};
	MpRecord	record;
	Reading		reading = {0};
	MpCall	   *call = canned_start(&http, asking->kind, MP_FIELD_ALL);

	if (call == NULL)
		abort();
	mp_record_init(&record);
	canned_set(mp_call_request(call), delivery);
	while ((reading.state = mp_call_next(call, &record)) == MP_CALL_WAIT ||
		   reading.state == MP_CALL_RECORD)
	{
		if (reading.state == MP_CALL_WAIT)
		{
			if (!canned_arrive(mp_call_request(call)))
				abort();
			continue;
		}
		reading.count++;
		reading.sum += mp_record_key(asking->record, &record);
		show(&reading, &record, asking->shown);
	}
	if (reading.state == MP_CALL_FAILED)
		tell(&reading, mp_call_problem(call));
	mp_record_release(&record);
	mp_call_free(call);
	canned_clear(&http);
	return reading;
}

static bool
is_same(const Reading *one, const Reading *other)
{
	if (one->state != other->state || one->kind != other->kind ||
		strcmp(one->detail, other->detail) != 0)
		return false;
	return one->count == other->count && one->sum == other->sum &&
		one->shown.length == other->shown.length &&
		(one->shown.length == 0 ||
		 memcmp(one->shown.data, other->shown.data,
				one->shown.length) == 0);
}

Reading
canned_read(const Asking *asking, const char *body, size_t length)
{
	Delivery	delivery = {0};
	Reading		whole;
	Reading		pieces;

	delivery.body = body;
	delivery.size = length;
	delivery.first = length;
	delivery.outcome = MP_OUTCOME_OK;
	delivery.status = canned_head.status;
	delivery.says_more = canned_head.says_more;
	delivery.total = canned_head.total;
	whole = read_once(asking, &delivery);
	whole.is_steady = true;
	if (length > SHORT)
		return whole;
	delivery.first = 1;
	delivery.step = PIECE;
	if (asking->broken_off)
		delivery.break_at = length / 2 + 1;
	pieces = read_once(asking, &delivery);
	whole.is_steady = is_same(&whole, &pieces);
	canned_release(&pieces);
	return whole;
}

void
canned_release(Reading *reading)
{
	mp_buffer_free(&reading->shown);
}
