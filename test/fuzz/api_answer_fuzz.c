/*-------------------------------------------------------------------------
 *
 * api_answer_fuzz.c
 *		Any bytes as the answer to any call: what is read of it does not depend
 *		on how it arrives, is what jansson finds in it, and whatever the server
 *		says in its own words can be shown.
 *
 * The first six bytes of an input are the call, the wanted fields, the status
 * and how the body arrives; the rest is the body.
 *
 * Sources: api/api.c api/call.c api/call_judge.c api/call_me.c api/envelope.c
 * Sources: api/attrs.c api/record.c base/id_set.c base/paging.c
 * Sources: base/rfc3339.c
 * Sources: api/words.c json/pages.c json/value.c json/walk.c base/mask.c
 * Sources: json/stream.c json/cursor.c json/string.c canned_http.c
 * Libraries: jansson
 * Dictionary: json
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <jansson.h>

#include "api/api.h"
#include "api/words.h"
#include "base/mask.h"
#include "canned_http.h"

#define HEAD	6				/* bytes of an input before the body */
#define ACCOUNT	12345			/* that a single account's call is about */

/* What was read of an answer. */
typedef struct Outcome
{
	MpCallState state;			/* DONE or FAILED */
	MpBuffer	records;		/* as text */
	int64_t		count;
	MpProblem	problem;		/* without what belongs to the call */
	char		message[1024];
	char		reason[1024];
} Outcome;

static const MpSettings settings = {
	.server_id = 1,
	.server_name = "fuzz",
	.organization_id = 3,
	.base_url = "https://localhost",
};

static MpCall *
start(MpHttp *http, MpCallKind kind, uint32_t wanted)
{
	static const MpNewAccount account = {.username = "robot"};
	static const int64_t ids[] = {ACCOUNT};
	static const MpGrant grant = {456, "admin"};
	static const MpBlock block = {ids, 1, &grant, 1};
	static const MpPair pair = {ACCOUNT, 456};

	switch (kind)
	{
		case MP_CALL_LIST_ACCOUNTS:
			return mp_api_list_accounts(http, &settings, wanted);
		case MP_CALL_GET_ACCOUNT:
			return mp_api_get_account(http, &settings, ACCOUNT, wanted);
		case MP_CALL_ACCOUNT_PROJECTS:
			return mp_api_account_projects(http, &settings, ACCOUNT, wanted);
		case MP_CALL_PROJECT_ACCOUNTS:
			return mp_api_project_accounts(http, &settings, 456, wanted);
		case MP_CALL_ORGANIZATION_PROJECTS:
			return mp_api_organization_projects(http, &settings);
		case MP_CALL_ME:
			return mp_api_me(http, &settings);
		case MP_CALL_CREATE_ACCOUNT:
			return mp_api_create_account(http, &settings, &account);
		case MP_CALL_DELETE_ACCOUNT:
			return mp_api_delete_account(http, &settings, ACCOUNT);
		case MP_CALL_ADD_MEMBERSHIPS:
			return mp_api_add_memberships(http, &settings, &block);
		case MP_CALL_ADD_MEMBERSHIP:
			return mp_api_add_membership(http, &settings, ACCOUNT, &grant);
		case MP_CALL_REMOVE_MEMBERSHIPS:
			return mp_api_remove_memberships(http, &settings, &pair, 1);
		case MP_CALL_REMOVE_MEMBERSHIP:
			return mp_api_remove_membership(http, &settings, &pair);
		case MP_CALL_COUNT:
			break;
	}
	return NULL;
}

static bool
is_list(MpCallKind kind)
{
	return kind == MP_CALL_LIST_ACCOUNTS || kind == MP_CALL_ACCOUNT_PROJECTS ||
		kind == MP_CALL_PROJECT_ACCOUNTS ||
		kind == MP_CALL_ORGANIZATION_PROJECTS;
}

static bool
is_single(MpCallKind kind)
{
	return kind == MP_CALL_GET_ACCOUNT || kind == MP_CALL_CREATE_ACCOUNT;
}

static void
note(Outcome *outcome, const MpRecord *record)
{
	for (int field = 0; field < MP_FIELD_COUNT; field++)
	{
		const MpValue *value = &record->values[field];
		char		number[32];

		if (!value->present)
			continue;
		snprintf(number, sizeof(number), "\n%d ", field);
		mp_buffer_append(&outcome->records, number, strlen(number));
		switch (mp_record_type((MpField) field))
		{
			case MP_VALUE_TEXT:
				mp_buffer_append(&outcome->records, value->as.text.data,
								 value->as.text.length);
				continue;
			case MP_VALUE_JSON:
				mp_buffer_append(&outcome->records, record->raw.data,
								 record->raw.length);
				continue;
			case MP_VALUE_BOOLEAN:
				snprintf(number, sizeof(number), "%d", value->as.boolean);
				break;
			case MP_VALUE_INTEGER:
			case MP_VALUE_TIME:
				snprintf(number, sizeof(number), "%lld",
						 (long long) value->as.integer);
				break;
		}
		mp_buffer_append(&outcome->records, number, strlen(number));
	}
	outcome->count++;
}

static void
note_problem(Outcome *outcome, const MpCall *call)
{
	const MpProblem *problem = mp_call_problem(call);

	require(problem->answer == mp_http_answer(mp_call_request(call)));
	require(problem->call == mp_call_kind(call));
	outcome->problem = *problem;
	snprintf(outcome->message, sizeof(outcome->message), "%s",
			 problem->message);
	snprintf(outcome->reason, sizeof(outcome->reason), "%s",
			 problem->reason);
	if (problem->kind == MP_PROBLEM_BODY)
		require(outcome->reason[0] != '\0');
}

static Outcome *
run(MpCallKind kind, uint32_t wanted, const Delivery *delivery)
{
	static MpRecord record;		/* used before: as good as new */
	MpHttp		http = {0};
	Outcome    *outcome = calloc(1, sizeof(Outcome));
	MpCall	   *call = start(&http, kind, wanted);

	require(call != NULL);
	require(strchr(mp_call_title(call), '?') == NULL);
	canned_set(mp_call_request(call), delivery);
	while ((outcome->state = mp_call_next(call, &record)) == MP_CALL_WAIT ||
		   outcome->state == MP_CALL_RECORD)
	{
		if (outcome->state == MP_CALL_RECORD)
		{
			note(outcome, &record);
			continue;
		}
		/* Whoever waits now is told that there is nothing to wait for. */
		require(!mp_call_ready(call));
		require(canned_arrive(mp_call_request(call)));
	}
	if (outcome->state == MP_CALL_FAILED)
		note_problem(outcome, call);
	require(mp_call_next(call, &record) == outcome->state);
	mp_call_free(call);
	canned_clear(&http);
	return outcome;
}

static void
discard(Outcome *outcome)
{
	mp_buffer_free(&outcome->records);
	free(outcome);
}

static void
compare(const Outcome *one, const Outcome *other)
{
	require(one->state == other->state);
	require(one->count == other->count);
	require(one->records.length == other->records.length);
	if (one->records.length > 0)
		require(memcmp(one->records.data, other->records.data,
					   one->records.length) == 0);
	if (one->state == MP_CALL_DONE)
		return;
	require(one->problem.kind == other->problem.kind);
	require(one->problem.record == other->problem.record);
	require(one->problem.fault.id == other->problem.fault.id);
	require(strcmp(one->problem.fault.field, other->problem.fault.field) == 0);
	require(strcmp(one->reason, other->reason) == 0);
	require(strcmp(one->message, other->message) == 0);
}

/* UTF-8; once blanked, without what a terminal or a log would obey. */
static void
check_words(const char *words)
{
	char		shown[MP_WORDS_SIZE];
	const unsigned char *at = (const unsigned char *) shown;
	json_t	   *text = json_string(words);

	require(text != NULL);
	json_decref(text);
	require(strlen(words) < sizeof(shown));
	strcpy(shown, words);
	mp_mask_deceivers(shown);
	for (; *at != '\0'; at++)
		require(*at >= 0x20 && *at != 0x7f &&
				!(*at == 0xc2 && at[1] < 0xa0));
}

static bool
is_something(const json_t *value)
{
	return value != NULL && !json_is_null(value) && !json_is_false(value) &&
		!(json_is_string(value) && json_string_length(value) == 0) &&
		!(json_is_number(value) && json_number_value(value) == 0);
}

/* All was read: so it was all there, and no part of something longer. */
static void
check_done(MpCallKind kind, const Outcome *outcome, const json_t *tree)
{
	const json_t *results = json_object_get(tree, "results");
	const json_t *list = json_is_array(tree) ? tree : results;

	require(!is_something(json_object_get(tree, "error")));
	if (is_list(kind))
	{
		require(json_is_array(list));
		require((size_t) outcome->count == json_array_size(list));
		require(!is_something(json_object_get(tree, "next")));
		require(!is_something(json_object_get(tree, "has_more")));
	}
	else if (is_single(kind))
		require(outcome->count == 1);
	else if (kind == MP_CALL_ME)
	{
		const json_t *projects = json_object_get(results != NULL ?
												 results : tree, "projects");

		require((size_t) outcome->count ==
				(json_is_array(projects) ?
				 json_array_size(projects) : json_object_size(projects)));
	}
	else
		require(outcome->count == 0);
}

static void
check_tree(MpCallKind kind, const Outcome *outcome, const Delivery *delivery)
{
	json_error_t error;
	json_t	   *tree = json_loadb(delivery->body, delivery->size,
								  JSON_REJECT_DUPLICATES, &error);

	if (outcome->state == MP_CALL_DONE)
	{
		require(delivery->outcome == MP_OUTCOME_OK);
		if (tree != NULL)
			check_done(kind, outcome, tree);
		else if (is_list(kind) || is_single(kind) || kind == MP_CALL_ME)
			require(json_error_code(&error) == json_error_numeric_overflow);
	}
	else if (delivery->outcome != MP_OUTCOME_OK)
		require(outcome->problem.kind == MP_PROBLEM_HTTP);
	json_decref(tree);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {200, 200, 200, 206, 400, 404, 429, 500};
	MpCallKind	kind;
	uint32_t	wanted;
	Delivery	delivery;
	Outcome    *whole;
	Outcome    *cut;

	if (size < HEAD)
		return 0;
	kind = (MpCallKind) (data[0] % MP_CALL_COUNT);
	wanted = data[1] % 2 != 0 ? MP_FIELD_ALL :
		(uint32_t) data[1] << 11 | data[2];
	memset(&delivery, 0, sizeof(delivery));
	delivery.status = statuses[data[3] % 8];
	delivery.outcome = delivery.status < 300 ?
		MP_OUTCOME_OK : MP_OUTCOME_STATUS;
	delivery.body = (const char *) data + HEAD;
	delivery.size = size - HEAD;
	delivery.first = delivery.size;
	whole = run(kind, wanted, &delivery);
	check_words(whole->message);
	check_words(whole->problem.fault.field);
	check_tree(kind, whole, &delivery);

	delivery.first = data[4];
	delivery.step = 1 + data[4] % 16;
	if (data[5] % 2 != 0 && delivery.outcome == MP_OUTCOME_OK)
		delivery.break_at = 1 + data[5] * (delivery.size / 256 + 1);
	cut = run(kind, wanted, &delivery);
	compare(whole, cut);
	discard(whole);
	discard(cut);
	return 0;
}
