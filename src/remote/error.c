/*-------------------------------------------------------------------------
 *
 * remote/error.c
 *		What went wrong with a call of the API -> SQLSTATE and words.
 *
 * Every message names the method and the path.  None holds a secret: what the
 * API or the network says is searched for the mapping's secret first; see
 * mask.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/timestamp.h"

#include "base/mask.h"
#include "catalog/closest.h"
#include "remote/error.h"
#include "remote/project.h"

#define MAX_WORDS 1000			/* bytes of the other side's words */
#define AUTHORIZATION "Authorization:"

/* Two names that are longer than a line. */
#define UNREACHABLE_STATE ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION
#define REDIRECTED_STATE \
	ERRCODE_SQLSERVER_REJECTED_ESTABLISHMENT_OF_SQLCONNECTION

static void describe_http(const MpCall *call, const MpSettings *settings,
						  MpError *error);
static char *unreachable_hint(const MpSettings *settings);
static void describe_status(const MpCall *call, const MpSettings *settings,
							MpError *error);
static void describe_foreign(const MpCall *call, const MpSettings *settings,
							 MpError *error);
static char *between_hint(int status);
static char *url_of(const MpCall *call, const MpSettings *settings);
static void describe_refusal(const MpCall *call, const MpSettings *settings,
							 MpError *error);
static bool sends_role(MpCallKind kind);
static char *role_hint(const char *words);
static void describe_lost_list(const MpCall *call, const MpSettings *settings,
							   MpError *error);
static bool is_of_other_region(const MpCall *call,
							   const MpSettings *settings);
static int64 project_of(const MpCall *call);
static void append_words(const MpCall *call, const MpSettings *settings,
						 MpError *error);
static void describe_rate_limit(const MpCall *call,
								const MpSettings *settings, MpError *error);
static void describe_own_limit(const MpCall *call,
							   const MpSettings *settings, MpError *error);
static const char *time_text(int64 wait);
static void describe_body(const MpCall *call, const MpSettings *settings,
						  MpError *error);
static char *api_words(const MpCall *call, const MpSettings *settings);
static char *foreign_words(const char *text, const MpSettings *settings);
static char *tries(const MpAnswer *answer);

void
mp_error_describe(const MpCall *call, const MpSettings *settings,
				  MpError *error)
{
	const MpProblem *problem = mp_call_problem(call);
	const char *title = mp_call_title(call);

	memset(error, 0, sizeof(*error));
	switch (problem->kind)
	{
		case MP_PROBLEM_HTTP:
			describe_http(call, settings, error);
			break;
		case MP_PROBLEM_BODY:
			describe_body(call, settings, error);
			break;
		case MP_PROBLEM_ERROR_BODY:
			error->sqlstate = ERRCODE_FDW_INVALID_DATA_TYPE;
			error->message = psprintf("the answer to %s has status %d but says that it is an error",
									  title, problem->answer->status);
			error->detail = api_words(call, settings);
			break;
		case MP_PROBLEM_PAGES:
			error->sqlstate = ERRCODE_FDW_INVALID_DATA_TYPE;
			error->message = psprintf("the answer to %s is only one page of several",
									  title);
			error->detail = pstrdup("The API documents no paging, and an incomplete list is never returned.");
			break;
		case MP_PROBLEM_CHANGED:
			error->sqlstate = ERRCODE_CONNECTION_FAILURE;
			error->message = psprintf("the answer to %s broke off", title);
			error->detail = pstrdup("The list was requested again, but the part already read had changed.");
			error->hint = pstrdup("Run the statement again.");
			break;
		case MP_PROBLEM_NO_MEMORY:
			error->sqlstate = ERRCODE_OUT_OF_MEMORY;
			error->message = pstrdup("out of memory");
			error->detail = psprintf("Memory ran out while reading the answer to %s.",
									 title);
			break;
	}
}

void
mp_error_throw(const MpError *error)
{
	ereport(ERROR,
			(errcode(error->sqlstate),
			 errmsg("%s", error->message),
			 error->detail != NULL ? errdetail("%s", error->detail) : 0,
			 error->hint != NULL ? errhint("%s", error->hint) : 0));
	pg_unreachable();
}

void
mp_error_raise(const MpCall *call, const MpSettings *settings)
{
	MpError		error;

	mp_error_describe(call, settings, &error);
	mp_error_throw(&error);
}

int
mp_error_status(const MpCall *call)
{
	const MpProblem *problem = mp_call_problem(call);

	/* no answer: it has not failed */
	if (problem->answer == NULL || problem->kind != MP_PROBLEM_HTTP ||
		problem->answer->outcome != MP_OUTCOME_STATUS)
		return 0;
	return problem->answer->status;
}

bool
mp_error_is_foreign(const MpCall *call)
{
	return mp_error_status(call) >= 400 &&
		(mp_call_problem(call)->answer->elsewhere ||
		 mp_call_problem(call)->foreign);
}

bool
mp_error_is_redirect(const MpCall *call)
{
	const MpProblem *problem = mp_call_problem(call);

	return problem->answer != NULL && problem->kind == MP_PROBLEM_HTTP &&
		(problem->answer->outcome == MP_OUTCOME_REDIRECT_REFUSED ||
		 problem->answer->outcome == MP_OUTCOME_REDIRECT_LOOP);
}

/* Why there was no answer that could be read */
static void
describe_http(const MpCall *call, const MpSettings *settings, MpError *error)
{
	const MpAnswer *answer = mp_call_problem(call)->answer;
	const char *title = mp_call_title(call);

	switch (answer->outcome)
	{
		case MP_OUTCOME_STATUS:
			describe_status(call, settings, error);
			return;
		case MP_OUTCOME_UNREACHABLE:
			error->sqlstate = UNREACHABLE_STATE;
			error->message = psprintf("could not connect to Mixpanel for %s",
									  title);
			error->hint = unreachable_hint(settings);
			break;
		case MP_OUTCOME_LOST:
			error->sqlstate = ERRCODE_CONNECTION_FAILURE;
			error->message = psprintf("connection to Mixpanel was lost during %s",
									  title);
			break;
		case MP_OUTCOME_TIMEOUT:
			error->sqlstate = ERRCODE_CONNECTION_FAILURE;
			error->message = psprintf("Mixpanel did not answer %s in time",
									  title);
			error->detail = psprintf("No byte arrived for %d ms (option \"request_timeout\")%s.",
									 settings->request_timeout,
									 tries(answer));
			error->hint = pstrdup("Check the network, or set \"request_timeout\" higher if the answer just takes long.");
			return;
		case MP_OUTCOME_REDIRECT_REFUSED:
			error->sqlstate = REDIRECTED_STATE;
			error->message = psprintf("%s was redirected to another host",
									  title);
			error->detail = psprintf("The target is %s; credentials are sent to the scheme, host and port of the base URL only.",
									 foreign_words(answer->detail, settings));
			if (mp_call_kind(call) == MP_CALL_PROJECT_ACCOUNTS)
			{
				error->hint = mp_error_region_hint(settings,
												   project_of(call), false);
				return;
			}
			error->hint = psprintf("Check the option \"region\" or \"base_url\" of server \"%s\": an organization's data resides in us, eu or in.",
								   settings->server_name);
			return;
		case MP_OUTCOME_REDIRECT_LOOP:
			error->sqlstate = ERRCODE_FDW_UNABLE_TO_CREATE_REPLY;
			error->message = answer->detail[0] != '\0' ?
				psprintf("%s was redirected too often", title) :
				psprintf("%s was redirected to nowhere", title);
			break;
		case MP_OUTCOME_TOO_LARGE:
			error->sqlstate = ERRCODE_FDW_INVALID_DATA_TYPE;
			error->message = psprintf("the answer to %s is too large", title);
			break;
		case MP_OUTCOME_BAD_ENCODING:
			error->sqlstate = ERRCODE_FDW_INVALID_DATA_TYPE;
			error->message = psprintf("the answer to %s cannot be decompressed",
									  title);
			break;
		case MP_OUTCOME_NO_DESCRIPTOR:
			error->sqlstate = ERRCODE_INSUFFICIENT_RESOURCES;
			error->message = psprintf("no descriptor is left for a connection to Mixpanel for %s",
									  title);
			error->hint = psprintf("Set max_concurrency of server \"%s\" lower, or max_files_per_process and the limit of the operating system higher.",
								   settings->server_name);
			break;
		case MP_OUTCOME_NO_MEMORY:
		case MP_OUTCOME_PENDING:
		case MP_OUTCOME_OK:
			error->sqlstate = ERRCODE_OUT_OF_MEMORY;
			error->message = pstrdup("out of memory");
			return;
	}
	if (answer->detail[0] != '\0')
		error->detail = answer->attempts > 1 ?
			psprintf("%s. That was the outcome%s.",
					 foreign_words(answer->detail, settings),
					 tries(answer)) :
			psprintf("%s.", foreign_words(answer->detail, settings));
}

static char *
unreachable_hint(const MpSettings *settings)
{
	if (settings->proxy != NULL)
		return psprintf("The base URL of server \"%s\" is %s, through the proxy %s; check these options, the network, and certificates.",
						settings->server_name, settings->base_url,
						settings->proxy);
	return psprintf("The base URL of server \"%s\" is %s; check its options, the network, and certificates.",
					settings->server_name, settings->base_url);
}

/* What an answer's status means */
static void
describe_status(const MpCall *call, const MpSettings *settings,
				MpError *error)
{
	const char *title = mp_call_title(call);
	const MpAnswer *answer = mp_call_problem(call)->answer;
	int			status = answer->status;

	error->message = psprintf("Mixpanel refused %s with status %d", title,
							  status);
	error->detail = api_words(call, settings);
	if (answer->held == MP_BUDGET_NO_TOKEN)
		describe_own_limit(call, settings, error);
	else if (status == 429)
		describe_rate_limit(call, settings, error);
	else if (status >= 400 && status < 500)
		describe_refusal(call, settings, error);
	else
	{
		error->sqlstate = ERRCODE_FDW_UNABLE_TO_CREATE_REPLY;
		error->message = psprintf("Mixpanel answered %s with status %d%s",
								  title, status, tries(answer));
		if (error->detail == NULL)
			error->detail = pstrdup("The answer gives no reason.");
		if (status >= 500)
			error->hint = pstrdup("The problem is at Mixpanel, or between Mixpanel and the database server. Run the statement again later.");
	}
	if (mp_error_is_foreign(call))
		describe_foreign(call, settings, error);
}

/*
 * The SQLSTATE is the status's; but nothing that the API would have meant by
 * the status is said.
 */
static void
describe_foreign(const MpCall *call, const MpSettings *settings,
				 MpError *error)
{
	const MpAnswer *answer = mp_call_problem(call)->answer;

	error->message = psprintf("something other than Mixpanel's API answered %s with status %d%s",
							  mp_call_title(call), answer->status,
							  tries(answer));
	error->detail = psprintf(answer->elsewhere ?
							 "A redirect led to another path. The URL was %s." :
							 "The body of the answer is not JSON. The URL was %s.",
							 url_of(call, settings));
	error->hint = between_hint(answer->status);
	if (error->hint == NULL)
		error->hint = psprintf("A gateway, proxy or firewall on the way has probably answered, or option \"base_url\" of server \"%s\" leads elsewhere (it normally ends in /api/app).",
							   settings->server_name);
}

/* Statuses that come from something in between; NULL: another. */
static char *
between_hint(int status)
{
	switch (status)
	{
		case 407:
			return pstrdup("The proxy requires a login, which option \"proxy\" does not support. Use a proxy that requires none for Mixpanel's host.");
		case 511:
			return pstrdup("The network of the database server requires a login (captive portal) before it lets requests through.");
	}
	return NULL;
}

/* What was asked, without the query. */
static char *
url_of(const MpCall *call, const MpSettings *settings)
{
	const char *path = strchr(mp_call_title(call), '/');

	return psprintf("%s%s", settings->base_url, path != NULL ? path : "");
}

/* SQLSTATE and hint for a status from 400 to 499 */
static void
describe_refusal(const MpCall *call, const MpSettings *settings,
				 MpError *error)
{
	MpCallKind	kind = mp_call_kind(call);
	int			status = mp_call_problem(call)->answer->status;

	error->sqlstate = ERRCODE_FDW_UNABLE_TO_CREATE_REPLY;
	switch (status)
	{
		case 400:
		case 422:
			error->sqlstate = ERRCODE_INVALID_PARAMETER_VALUE;
			if (sends_role(kind) && error->detail != NULL)
				error->hint = role_hint(error->detail);
			break;
		case 401:
			error->sqlstate = ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION;
			error->message = psprintf("Mixpanel rejected the credentials of service account \"%s\" for %s",
									  mp_error_text(settings->username),
									  mp_call_title(call));
			error->hint = psprintf("Check username and secret in the user mapping for server \"%s\", whether the account has expired, and that the server's region is the organization's.",
								   settings->server_name);
			break;
		case 403:
			error->sqlstate = ERRCODE_INSUFFICIENT_PRIVILEGE;
			error->hint = psprintf("Service account \"%s\" must be an owner or admin of the organization, and organization_id must be its organization's.",
								   mp_error_text(settings->username));
			break;
		case 404:
			if (kind == MP_CALL_ADD_MEMBERSHIP ||
				kind == MP_CALL_ADD_MEMBERSHIPS)
				error->sqlstate = ERRCODE_FOREIGN_KEY_VIOLATION;
			else if (kind == MP_CALL_LIST_ACCOUNTS ||
					 kind == MP_CALL_CREATE_ACCOUNT)
				describe_lost_list(call, settings, error);
			break;
		case 409:
			error->sqlstate = ERRCODE_UNIQUE_VIOLATION;
			break;
		case 423:
			error->hint = pstrdup("The account or project is locked. Run the statement again later.");
			break;
		default:
			error->hint = between_hint(status);
			break;
	}
	if (is_of_other_region(call, settings))
		error->hint = mp_error_region_hint(settings, project_of(call),
										   mp_error_is_region(call));
	if (kind == MP_CALL_ADD_MEMBERSHIP || kind == MP_CALL_ADD_MEMBERSHIPS)
		append_words(call, settings, error);
}

static bool
sends_role(MpCallKind kind)
{
	return kind == MP_CALL_CREATE_ACCOUNT ||
		kind == MP_CALL_ADD_MEMBERSHIP || kind == MP_CALL_ADD_MEMBERSHIPS;
}

/*
 * Which role was meant, if the API complains of one: each of its words is
 * compared.  NULL if it does not.
 */
static char *
role_hint(const char *words)
{
	static const char *const roles[] = {"owner", "admin", "analyst", "consumer"};
	static const char separators[] = " \t\n\"'`.,:;()[]{}<>";
	char	   *copy = pstrdup(words);
	bool		about_role = false;
	const char *meant = NULL;
	char	   *rest;

	for (char *word = strtok_r(copy, separators, &rest); word != NULL;
		 word = strtok_r(NULL, separators, &rest))
	{
		MpClosest	closest;

		if (pg_strcasecmp(word, "role") == 0 ||
			pg_strcasecmp(word, "roles") == 0)
			about_role = true;
		mp_closest_init(&closest, word);
		for (int i = 0; i < (int) lengthof(roles); i++)
			mp_closest_try(&closest, roles[i]);
		/* one that is spelt right is not what the API complains of */
		if (closest.best != NULL && closest.distance > 0 &&
			closest.distance * 3 <= (int) strlen(word))
			meant = closest.best;
	}
	if (!about_role)
		return NULL;
	return psprintf("%s%s%sValid roles: owner, admin, analyst, consumer, and the organization's custom roles.",
					meant != NULL ? "Perhaps you meant \"" : "",
					meant != NULL ? meant : "", meant != NULL ? "\". " : "");
}

/* The organization's accounts are at no such URL. */
static void
describe_lost_list(const MpCall *call, const MpSettings *settings,
				   MpError *error)
{
	char	   *url = psprintf("The URL was %s.", url_of(call, settings));

	error->detail = error->detail == NULL ? url :
		psprintf("%s\n%s", error->detail, url);
	error->hint = psprintf("Check the options \"organization_id\", \"region\" and \"base_url\" of server \"%s\"; a base_url normally ends in /api/app.",
						   settings->server_name);
}

/*
 * The API says "invalid project id for cluster", or nothing that tells; for a
 * project, a 401, 403 or 404 may mean that.
 */
static bool
is_of_other_region(const MpCall *call, const MpSettings *settings)
{
	int			status = mp_error_status(call);

	return mp_error_is_region(call) ||
		((status == 401 || status == 403 || status == 404) &&
		 (mp_call_kind(call) == MP_CALL_PROJECT_ACCOUNTS ||
		  mp_project_domain(settings, project_of(call)) != NULL));
}

bool
mp_error_is_region(const MpCall *call)
{
	const char *words = mp_call_problem(call)->message;

	return mp_error_status(call) == 400 && !mp_error_is_foreign(call) &&
		(strcasestr(words, "cluster") || strcasestr(words, "region"));
}

char *
mp_error_region_hint(const MpSettings *settings, int64 project, bool said)
{
	const char *domain = mp_project_domain(settings, project);

	return psprintf("%s %s in another region%s than server \"%s\": create a server with that \"region\" and name its projects in the option \"project_ids\" there; or, to leave it out here, name the others in \"project_ids\" of this server.",
					project == 0 ? "A project that it names" :
					psprintf("Project " INT64_FORMAT, project),
					said || domain != NULL ? "lies" : "may lie",
					domain == NULL ? "" :
					psprintf(" (%s)", mp_error_text(domain)),
					settings->server_name);
}

/* The project that the path names; 0: none. */
static int64
project_of(const MpCall *call)
{
	static const char before[] = "/projects/";
	const char *at = strstr(mp_call_title(call), before);

	return at == NULL ? 0 :
		(int64) strtoll(at + strlen(before), NULL, 10);
}

/* Who keeps the primary message only, such as a queue of jobs, is to know
 * which account or project it is about. */
static void
append_words(const MpCall *call, const MpSettings *settings, MpError *error)
{
	const char *words = mp_call_problem(call)->message;

	if (words[0] != '\0')
		error->message = psprintf("%s: %s", error->message,
								  foreign_words(words, settings));
}

/*
 * The API allows no more requests for now: why the statement does not wait
 * longer, and when to run it again.
 */
static void
describe_rate_limit(const MpCall *call, const MpSettings *settings,
					MpError *error)
{
	const MpAnswer *answer = mp_call_problem(call)->answer;

	error->sqlstate = ERRCODE_CONFIGURATION_LIMIT_EXCEEDED;
	error->message = psprintf("Mixpanel's rate limit stopped %s%s",
							  mp_call_title(call), tries(answer));
	if (answer->retry_after < 0)
	{
		error->detail = pstrdup("The server does not say when to come again.");
		error->hint = psprintf("Run the statement again later. If Mixpanel's limit is known, set it as option \"rate_limit\" of server \"%s\", such as '60/h'; else set \"max_concurrency\" lower or \"max_retries\" higher.",
							   settings->server_name);
		return;
	}
	if (answer->held == MP_BUDGET_HELD)
		error->detail = psprintf("Retry-After: the server has asked all requests to wait until %s, for " INT64_FORMAT " s more; option \"max_retry_wait\" allows %d ms. The request was not sent.",
								 time_text(answer->retry_after),
								 (answer->retry_after + 999) / 1000,
								 settings->max_retry_wait);
	else if (answer->retry_after > settings->max_retry_wait)
		error->detail = psprintf("Retry-After: the server asks to wait " INT64_FORMAT " s; option \"max_retry_wait\" allows %d ms.",
								 (answer->retry_after + 999) / 1000,
								 settings->max_retry_wait);
	else
		error->detail = psprintf("Retry-After: the server asks to wait " INT64_FORMAT " s; it has refused each try that option \"max_retries\" allows.",
								 (answer->retry_after + 999) / 1000);
	error->hint = psprintf("Run the statement again after " INT64_FORMAT " s. If Mixpanel's limit is known, set it as option \"rate_limit\" of server \"%s\"; else set \"max_concurrency\" lower.",
						   (answer->retry_after + 999) / 1000,
						   settings->server_name);
}

/* Not Mixpanel's limit, but the one that was set here. */
static void
describe_own_limit(const MpCall *call, const MpSettings *settings,
				   MpError *error)
{
	const MpAnswer *answer = mp_call_problem(call)->answer;

	error->sqlstate = ERRCODE_CONFIGURATION_LIMIT_EXCEEDED;
	error->message = psprintf("option \"rate_limit\" of server \"%s\" stopped %s",
							  settings->server_name, mp_call_title(call));
	error->detail = psprintf("It may be sent at %s, in " INT64_FORMAT " s; option \"max_retry_wait\" allows %d ms.",
							 time_text(answer->retry_after),
							 (answer->retry_after + 999) / 1000,
							 settings->max_retry_wait);
	error->hint = pstrdup("Run the statement again then, or set \"max_retry_wait\" higher.");
}

/* The moment that is so many milliseconds from now. */
static const char *
time_text(int64 wait)
{
	TimestampTz when = GetCurrentTimestamp() + wait * 1000;

	return pstrdup(timestamptz_to_str(when));
}

/* Which record and field of an answer cannot be read, and why */
static void
describe_body(const MpCall *call, const MpSettings *settings, MpError *error)
{
	const MpProblem *problem = mp_call_problem(call);
	StringInfoData detail;

	error->sqlstate = ERRCODE_FDW_INVALID_DATA_TYPE;
	error->message = psprintf("the answer to %s is not what the API documents",
							  mp_call_title(call));
	initStringInfo(&detail);
	if (problem->record == 0)
	{
		appendStringInfo(&detail, "Body: %s.", problem->reason);
		error->hint = psprintf("If something else than Mixpanel's API has answered, check the options \"base_url\" and \"proxy\" of server \"%s\".",
							   settings->server_name);
	}
	else
	{
		appendStringInfo(&detail, "Record " INT64_FORMAT, problem->record);
		if (problem->fault.id != 0)
			appendStringInfo(&detail, " (id " INT64_FORMAT ")",
							 problem->fault.id);
		if (problem->fault.field[0] != '\0')
			appendStringInfo(&detail, ", field \"%s\"",
							 foreign_words(problem->fault.field, settings));
		appendStringInfo(&detail, ": %s.", problem->reason);
	}
	error->detail = detail.data;
}

/* NULL if it said nothing. */
static char *
api_words(const MpCall *call, const MpSettings *settings)
{
	const char *message = mp_call_problem(call)->message;

	if (message[0] == '\0')
		return NULL;
	return psprintf("Mixpanel says: %s",
					foreign_words(message, settings));
}

/*
 * A text from outside, fit for a message: without the credentials, should the
 * other side repeat them.
 */
static char *
foreign_words(const char *text, const MpSettings *settings)
{
	char	   *words = pstrdup(text);
	char	   *header = strcasestr(words, AUTHORIZATION);

	if (header != NULL)
	{
		header += strlen(AUTHORIZATION);
		strlcpy(header, " ***", strlen(header) + 1);
	}
	if (settings->username != NULL && settings->secret != NULL)
	{
		Size		size = strlen(settings->username) +
			strlen(settings->secret) + 2;
		char	   *login = palloc(size);

		snprintf(login, size, "%s:%s", settings->username, settings->secret);
		mp_mask_login(words, login);
		explicit_bzero(login, size);
		pfree(login);
	}
	/* only now: neither would the secret be found among blanks */
	mp_mask_deceivers(words);
	if (strlen(words) > MAX_WORDS)
		strcpy(words + pg_encoding_mbcliplen(PG_UTF8, words,
											 (int) strlen(words), MAX_WORDS),
			   "...");
	return mp_error_text(words);
}

/* " after 4 tries", or nothing after one. */
static char *
tries(const MpAnswer *answer)
{
	if (answer->attempts <= 1)
		return pstrdup("");
	return psprintf(" after %d tries", answer->attempts);
}
