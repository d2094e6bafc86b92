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
