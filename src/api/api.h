/*-------------------------------------------------------------------------
 *
 * api/api.h
 *		The calls of Mixpanel's service accounts API, one function a call.
 *
 * Builds requests and decodes answers into records.  The only place that
 * knows paths and bodies.  Knows nothing of the executor; builds and is tested
 * without the server.  Nothing blocks or throws; memory is malloc'ed.
 *
 * The API is known from three documents that disagree: the docs page (bulk
 * membership calls, snake_case, the secret is "token"), an OpenAPI document
 * with nested membership calls (camelCase, "secret"), and Mixpanel's own
 * OpenAPI document (as the docs page, and a listing by project).  Answers of
 * each of them are understood, in any mix.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_API_H
#define MP_API_H

#include "api/record.h"
#include "base/settings.h"
#include "http/http.h"

typedef enum MpCallKind
{
	MP_CALL_LIST_ACCOUNTS,
	MP_CALL_GET_ACCOUNT,
	MP_CALL_ACCOUNT_PROJECTS,	/* memberships of one account */
	MP_CALL_PROJECT_ACCOUNTS,	/* memberships of one project */
	MP_CALL_ORGANIZATION_PROJECTS,	/* all projects of the organization */
	MP_CALL_ME,					/* projects that the credentials see */
	MP_CALL_CREATE_ACCOUNT,
	MP_CALL_DELETE_ACCOUNT,
	MP_CALL_ADD_MEMBERSHIPS,	/* bulk: add-to-project */
	MP_CALL_ADD_MEMBERSHIP,		/* single */
	MP_CALL_REMOVE_MEMBERSHIPS, /* bulk: remove-from-project */
	MP_CALL_REMOVE_MEMBERSHIP,	/* single */
	MP_CALL_COUNT,
} MpCallKind;

typedef struct MpCall MpCall;

typedef enum MpCallState
{
	MP_CALL_WAIT,				/* nothing to read now */
	MP_CALL_RECORD,				/* a record was read */
	MP_CALL_DONE,				/* all was read; the answer was complete */
	MP_CALL_FAILED,				/* see mp_call_problem() */
} MpCallState;

typedef enum MpProblemKind
{
	MP_PROBLEM_HTTP,			/* the request's own outcome: see answer */
	MP_PROBLEM_BODY,			/* a 2xx whose body is not what was expected */
	MP_PROBLEM_ERROR_BODY,		/* a 2xx that says "status": "error" */
	MP_PROBLEM_PAGES,			/* the list says that it has further pages */
	MP_PROBLEM_CHANGED,			/* a list broke off and began anew otherwise */
	MP_PROBLEM_NO_MEMORY,
} MpProblemKind;

/* Why a call failed.  Strings belong to the call. */
typedef struct MpProblem
{
	MpProblemKind kind;
	MpCallKind	call;
	const MpAnswer *answer;
	const char *message;		/* the API's own words, UTF-8 without control
								 * characters; "" if none */
	const char *reason;			/* BODY: what is wrong, in words */
	bool		foreign;		/* HTTP, a status: the answer's body is
								 * neither empty nor a JSON object or array */
	MpFault		fault;			/* BODY: field "" and id 0 where unknown;
								 * ERROR_BODY of a create: the id of the
								 * account that came with it, or 0 */
	int64_t		record;			/* BODY: which element, from 1; 0: none */
} MpProblem;

/* A service account to be created.  NULL and false: not given. */
typedef struct MpNewAccount
{
	const char *username;
	const char *name;
	const char *role;
	const char *expires;		/* RFC 3339 */
	const char *projects;		/* JSON: [{"id":1,"role":"admin"}]; checked
								 * with mp_api_check_projects() */
} MpNewAccount;

/* A project and a role in it. */
typedef struct MpGrant
{
	int64_t		project;
	const char *role;
} MpGrant;

/* Accounts, and what each of them is granted. */
typedef struct MpBlock
{
	const int64_t *accounts;
	size_t		account_count;
	const MpGrant *grants;
	size_t		grant_count;
} MpBlock;

/* An account's membership of a project. */
typedef struct MpPair
{
	int64_t		account;
	int64_t		project;
} MpPair;

/*
 * Every function below starts one call and returns it, or NULL when out of
 * memory.  The caller frees it.  settings need not outlive the function.
 * `wanted` is the set of MP_FIELD_BITs that records must carry.
 */

/* One that has no body; of `ids`, what its path does not name is 0. */
extern MpCall *mp_api_start(MpHttp *http, const MpSettings *settings,
							MpCallKind kind, const MpPair *ids,
							uint32_t wanted);

static inline MpCall *
mp_api_list_accounts(MpHttp *http, const MpSettings *settings,
					 uint32_t wanted)
{
	const MpPair ids = {0, 0};

	return mp_api_start(http, settings, MP_CALL_LIST_ACCOUNTS, &ids, wanted);
}

static inline MpCall *
mp_api_get_account(MpHttp *http, const MpSettings *settings,
				   int64_t account, uint32_t wanted)
{
	const MpPair ids = {account, 0};

	return mp_api_start(http, settings, MP_CALL_GET_ACCOUNT, &ids, wanted);
}

static inline MpCall *
mp_api_account_projects(MpHttp *http, const MpSettings *settings,
						int64_t account, uint32_t wanted)
{
	const MpPair ids = {account, 0};

	return mp_api_start(http, settings, MP_CALL_ACCOUNT_PROJECTS, &ids,
						wanted);
}

static inline MpCall *
mp_api_project_accounts(MpHttp *http, const MpSettings *settings,
						int64_t project, uint32_t wanted)
{
	const MpPair ids = {0, project};

	return mp_api_start(http, settings, MP_CALL_PROJECT_ACCOUNTS, &ids,
						wanted);
}

/*
 * Two calls that list projects; records carry project_id, project_name and,
 * where the answer has it, organization_id.  The first is in none of the API's
 * documents, and names all projects of the organization; /me those that the
 * credentials see.
 */
static inline MpCall *
mp_api_organization_projects(MpHttp *http, const MpSettings *settings)
{
	const MpPair ids = {0, 0};

	return mp_api_start(http, settings, MP_CALL_ORGANIZATION_PROJECTS, &ids,
						MP_FIELD_MEMBERS);
}

static inline MpCall *
mp_api_me(MpHttp *http, const MpSettings *settings)
{
	const MpPair ids = {0, 0};

	return mp_api_start(http, settings, MP_CALL_ME, &ids, 0);
}

/* The next two give no record. */
static inline MpCall *
mp_api_delete_account(MpHttp *http, const MpSettings *settings,
					  int64_t account)
{
	const MpPair ids = {account, 0};

	return mp_api_start(http, settings, MP_CALL_DELETE_ACCOUNT, &ids, 0);
}

static inline MpCall *
mp_api_remove_membership(MpHttp *http, const MpSettings *settings,
						 const MpPair *pair)
{
	return mp_api_start(http, settings, MP_CALL_REMOVE_MEMBERSHIP, pair, 0);
}

/* Gives one record; its secret is wiped with the call. */
extern MpCall *mp_api_create_account(MpHttp *http, const MpSettings *settings,
									 const MpNewAccount *account);

/* The calls below give no record.  Every account of the block gets every grant
 * of it. */
extern MpCall *mp_api_add_memberships(MpHttp *http, const MpSettings *settings,
									  const MpBlock *block);
extern MpCall *mp_api_add_membership(MpHttp *http, const MpSettings *settings,
									 int64_t account, const MpGrant *grant);

/* pairs ordered by project. */
extern MpCall *mp_api_remove_memberships(MpHttp *http,
										 const MpSettings *settings,
										 const MpPair *pairs, size_t count);

/*
 * Read on.  RECORD: *record is filled (its texts live until the next call or
 * mp_http_run()).  The record is the caller's (mp_record_init()).
 *
 * A list that broke off and is sent again by http.c begins anew; the elements
 * that were handed out before are skipped, if they are the same in the same
 * order, else the call fails (MP_PROBLEM_CHANGED).
 */
extern MpCallState mp_call_next(MpCall *call, MpRecord *record);

/* Frees all; cancels what is under way.  NULL is allowed. */
extern void mp_call_free(MpCall *call);

/*
 * Does the answer to a create bring a new secret?  A mask in its place, such
 * as ********, is none.
 */
extern bool mp_call_brings_secret(const MpRecord *record);

extern const MpProblem *mp_call_problem(const MpCall *call);
extern const MpTally *mp_call_tally(const MpCall *call);
extern MpCallKind mp_call_kind(const MpCall *call);

/* After WAIT: has something come since? */
extern bool mp_call_ready(const MpCall *call);

/* The request below the call, for mp_http_add_wait(). */
extern MpRequest *mp_call_request(const MpCall *call);

/* "GET /organizations/123/service-accounts/5", for messages. */
extern const char *mp_call_title(const MpCall *call);

/*
 * The same before there is a call: `account` and `project` 0 leave {id} as it
 * stands.  Writes at most `size` bytes.
 */
extern void mp_api_template(MpCallKind kind, int64_t organization,
							const MpPair *ids, char *buffer, size_t size);

/* jansson's version, as it runs. */
extern const char *mp_api_library_version(void);

/*
 * Is this the JSON that create accepts for projects?  NULL if so, else what is
 * wrong with it.
 */
extern const char *mp_api_check_projects(const char *json);

/*
 * The grants of such JSON; returns how many.  There is room for
 * MP_API_GRANTS(strlen(json)) in `grants`, and for strlen(json) bytes in
 * `texts`, to which the roles go.
 */
extern size_t mp_api_read_grants(const char *json, MpGrant *grants,
								 char *texts);

/* The shortest grant: {"id":1,"role":"a"} */
#define MP_API_GRANTS(length) ((length) / 19 + 1)

#endif							/* MP_API_H */
