/*-------------------------------------------------------------------------
 *
 * config.h
 *	  What can be chosen: the seed, and the switches of behaviour.
 *
 * One table in config.c names every setting; the command line, /control/reset
 * and /control/set all read it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_CONFIG_H
#define SIM_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "text.h"

/* Bits, so that a route can name the documents that have it. */
typedef enum SimDocument
{
	SIM_DOCUMENT_DOCS = 1,
	SIM_DOCUMENT_NESTED = 2,
	SIM_DOCUMENT_BULK = 4,
	SIM_DOCUMENT_ALL = 8
} SimDocument;

/* What becomes of the `expires` that a create asks for. */
typedef enum SimExpires
{
	SIM_EXPIRES_KEPT,
	SIM_EXPIRES_IGNORED,		/* the account never expires */
	SIM_EXPIRES_CAPPED			/* after a day at the latest */
} SimExpires;

/* What a create's answer tells of the account. */
typedef enum SimCreated
{
	SIM_CREATED_WHOLE,
	SIM_CREATED_NULLS,			/* null for all but id, names and secret */
	SIM_CREATED_SHORT			/* nothing but id, names and secret */
} SimCreated;

/* How a list that is cut into pages says that there is more. */
typedef enum SimPaging
{
	SIM_PAGING_TOTAL,			/* page, page_size and total, as Mixpanel */
	SIM_PAGING_COUNT,			/* total_count */
	SIM_PAGING_META,			/* "meta": {total, page} */
	SIM_PAGING_PAGINATION,		/* "pagination": {total, next} */
	SIM_PAGING_LINKS,			/* "links": {next} */
	SIM_PAGING_NEXT,			/* "next": a URL */
	SIM_PAGING_FLAG,			/* "has_more" */
	SIM_PAGING_LINK_HEADER,		/* Link: <...>; rel="next" */
	SIM_PAGING_NEXT_HEADER,		/* X-Next-Page */
	SIM_PAGING_COUNT_HEADER,	/* X-Total-Count */
	SIM_PAGING_RANGE_HEADER		/* Content-Range: items 0-2/250 */
} SimPaging;

/* The body of a refusal. */
typedef enum SimRefusal
{
	SIM_REFUSAL_ERROR,			/* {"status":"error","error":"..."} */
	SIM_REFUSAL_ARRAY,			/* ..."error":["..."] */
	SIM_REFUSAL_OBJECT,			/* ..."error":{"field":["..."]} */
	SIM_REFUSAL_MESSAGE,		/* {"message":"...","request_id":"..."} */
	SIM_REFUSAL_DETAIL,			/* {"detail":[{"loc":[...],"msg":"..."}]} */
	SIM_REFUSAL_SUCCESS,		/* {"success":false,"message":"..."} */
	SIM_REFUSAL_HTML,			/* a page */
	SIM_REFUSAL_EMPTY
} SimRefusal;

/* What a 429 says of when to come again. */
typedef enum SimRetryAfter
{
	SIM_RETRY_AFTER_SECONDS,
	SIM_RETRY_AFTER_DATE,
	SIM_RETRY_AFTER_NONE
} SimRetryAfter;

#define SIM_CONFIG_STRING 256
#define SIM_CONFIG_ERROR 512

/* Numbers and booleans are int64_t, so that the table can point at them. */
typedef struct SimConfig
{
	/* the seed */
	int64_t		accounts;		/* in each organization, admin included */
	int64_t		projects;		/* in each organization */
	int64_t		memberships_per_account;
	int64_t		organization;	/* id of the first */
	int64_t		organizations;
	int64_t		first_account_id;
	int64_t		first_project_id;
	int64_t		epoch;			/* times are relative to it; NEVER = now */
	char		username[SIM_CONFIG_STRING];
	char		secret[SIM_CONFIG_STRING];

	/* the switches */
	int64_t		document;		/* a SimDocument */
	int64_t		latency_ms;		/* before every call of the API */
	int64_t		missing_route_status;	/* 404, 405; 0 = as paths match */
	int64_t		existing_member_status; /* 200, 400, 409 */
	int64_t		absent_member_status;	/* 200, 400, 404 */
	int64_t		duplicate_username_status;	/* 200, 409 */
	int64_t		admin_everywhere;	/* in every organization */
	int64_t		custom_roles;	/* any role name is accepted */
	int64_t		trailing_slash_redirect;	/* 301 to the path with a slash */

	/* the switches: which routes there are, of those the document has */
	int64_t		list_by_account;
	int64_t		list_by_project;
	int64_t		bulk_calls;
	int64_t		single_calls;
	int64_t		me_route;
	int64_t		projects_route; /* GET /organizations/{org}/projects/ */

	/* the switches: what creating an account does and says */
	int64_t		username_suffix;	/* .123abc.mp-service-account */
	int64_t		expires;		/* a SimExpires */
	int64_t		created;		/* a SimCreated */
	int64_t		create_warning; /* "error" beside the account */
	int64_t		account_status; /* "status":"active" in each account */
	int64_t		get_lag_ms;		/* an account is not there yet: by its id */
	int64_t		get_lag_requests;
	int64_t		list_lag_ms;	/* the same in lists */
	int64_t		list_lag_requests;
	int64_t		deleted_status; /* 404, 410: of one that was deleted */
	int64_t		deleted_listed; /* it stays in the list of accounts */

	/* the switches: what a list says of itself */
	int64_t		page_size;		/* 0 = lists are whole and do not say so */
	int64_t		paging;			/* a SimPaging */

	/* the switches: what a change and its refusal do and say */
	int64_t		capital_roles;	/* lists of memberships say "Admin" */
	int64_t		existing_member_role;	/* 1 = an addition sets it */
	int64_t		bulk_existing_member_status;	/* 200, 400, 409 */
	int64_t		unknown_status; /* 400, 404, 422: of what a body names */
	int64_t		partial_refusal;	/* what stands before it is applied */
	int64_t		refusal;		/* a SimRefusal */
	int64_t		refused_status; /* 200, 207; 0 = as it should be */

	/* the switches: projects */
	int64_t		me_project_ids; /* a project in /me has an id */
	int64_t		me_own_projects;	/* /me shows only the user's projects */
	int64_t		foreign_project_status; /* of a project with a domain */

	/* the switches: limits and clock */
	int64_t		rate_limit;		/* requests in a window; 0 = any number */
	int64_t		rate_window_ms;
	int64_t		retry_after;	/* a SimRetryAfter */
	int64_t		concurrency_limit;	/* requests in flight; 0 = any number */
	int64_t		clock_skew_s;	/* this server's clock is ahead by that */
	int64_t		date_header;
} SimConfig;

extern void sim_config_default(SimConfig *config);

/*
 * Applies one setting given as text (a command line option, with - or _).
 * False with a reason in `error` (of SIM_CONFIG_ERROR bytes).
 */
extern bool sim_config_set_text(SimConfig *config, const char *name,
								const char *text, char *error);

/*
 * Applies the members of a JSON object; with `switches_only` a setting of the
 * seed is refused.  On failure `config` may be half changed: pass a copy.
 */
extern bool sim_config_set_json(SimConfig *config, json_t *members,
								bool switches_only, char *error);

/* Appends one line for each setting that the command line takes. */
extern void sim_config_describe(SimText *text);

#endif							/* SIM_CONFIG_H */
