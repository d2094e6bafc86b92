/*-------------------------------------------------------------------------
 *
 * render.c
 *	  Records as JSON, in the spelling of each document.
 *
 * Owns every field name of an answer.  Must not know which call is answered
 * or what encloses the record.
 *
 *-------------------------------------------------------------------------
 */
#include "render.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void
put_name(SimText *text, const char *name)
{
	sim_text_comma(text);
	sim_text_printf(text, "\"%s\":", name);
}

static void
put_string(SimText *text, const char *name, const char *value)
{
	put_name(text, name);
	sim_text_quote(text, value);
}

static void
put_number(SimText *text, const char *name, int64_t value)
{
	put_name(text, name);
	sim_text_printf(text, "%lld", (long long) value);
}

static void
put_time(SimText *text, const char *name, int64_t value)
{
	put_name(text, name);
	sim_text_time(text, value);
}

static void
put_described(SimText *text, const SimAccount *account, const char *secret)
{
	put_number(text, "id", account->id);
	put_string(text, "username", account->username);
	if (secret != NULL)
		put_string(text, "token", secret);
	put_time(text, "last_used", account->last_used);
	put_time(text, "expires", account->expires);
	put_number(text, "creator", account->creator);
	put_time(text, "created", account->created);
	put_number(text, "user", account->user);
}

static void
put_nested(SimText *text, const SimAccount *account, const char *secret)
{
	put_number(text, "id", account->id);
	put_string(text, "name", account->name);
	put_string(text, "username", account->username);
	put_number(text, "organizationId", account->organization->id);
	put_time(text, "createdAt", account->created);
	if (secret != NULL)
		put_string(text, "secret", secret);
}

/* What some deployments return besides the documented fields. */
static void
put_extras(SimText *text, const SimAccount *account)
{
	long long	creator = account->creator;

	put_string(text, "name", account->name);
	put_string(text, "role", account->role);
	put_number(text, "organizationId", account->organization->id);
	sim_text_printf(text, ",\"creator_name\":\"User %lld\","
					"\"creator_email\":\"user-%lld@example.com\"",
					creator, creator);
}

static void
put_account(SimText *text, const SimAccount *account, int64_t document,
			const char *secret)
{
	if (document == SIM_DOCUMENT_NESTED)
		put_nested(text, account, secret);
	else
		put_described(text, account, secret);
}

void
sim_render_account(SimText *text, const SimAccount *account,
				   const SimConfig *config, bool with_secret)
{
	sim_text_comma(text);
	sim_text_puts(text, "{");
	put_account(text, account, config->document,
				with_secret ? account->secret : NULL);
	if (config->document == SIM_DOCUMENT_ALL)
		put_extras(text, account);
	if (config->account_status)
		put_string(text, "status", "active");
	sim_text_puts(text, "}");
}

static void
put_nulls(SimText *text, const SimConfig *config)
{
	static const char *const described[] = {
		"last_used", "expires", "creator", "created", "user", "role", NULL,
	};
	static const char *const nested[] = {"organizationId", "createdAt", NULL};
	const char *const *names = described;

	if (config->document == SIM_DOCUMENT_NESTED)
		names = nested;
	for (; *names != NULL; names++)
	{
		put_name(text, *names);
		sim_text_puts(text, "null");
	}
}

void
sim_render_created(SimText *text, const SimAccount *account,
				   const SimConfig *config)
{
	bool		is_nested = config->document == SIM_DOCUMENT_NESTED;

	if (config->created == SIM_CREATED_WHOLE)
	{
		sim_render_account(text, account, config, true);
		return;
	}
	sim_text_puts(text, "{");
	put_number(text, "id", account->id);
	put_string(text, "username", account->username);
	if (is_nested || config->document == SIM_DOCUMENT_ALL)
		put_string(text, "name", account->name);
	put_string(text, is_nested ? "secret" : "token", account->secret);
	if (config->created == SIM_CREATED_NULLS)
		put_nulls(text, config);
	sim_text_puts(text, "}");
}

void
sim_render_listed(SimText *text, const SimRow *row, const SimConfig *config)
{
	sim_render_account(text, row->account, config, false);
}

const char *
sim_render_grant(SimGrant grant)
{
	static const char *const names[] = {"individual", "team", "organization"};

	return names[grant];
}

static void
put_role(SimText *text, const char *role, const SimConfig *config)
{
	char		shown[256];

	snprintf(shown, sizeof(shown), "%s", role);
	if (config->capital_roles)
		shown[0] = (char) toupper((unsigned char) shown[0]);
	put_string(text, "role", config->capital_roles ? shown : role);
}

/* The nested document has no types: they are told where one is needed. */
void
sim_render_project(SimText *text, const SimRow *row, const SimConfig *config)
{
	const SimMembership *membership = row->membership;

	sim_text_comma(text);
	sim_text_puts(text, "{");
	put_number(text, "projectId", membership->project_id);
	put_string(text, "projectName", membership->project->name);
	put_role(text, membership->roles[row->grant], config);
	if (config->document == SIM_DOCUMENT_ALL &&
		(membership->roles[SIM_GRANT_TEAM] != NULL ||
		 membership->roles[SIM_GRANT_ORGANIZATION] != NULL))
		put_string(text, "target_type", sim_render_grant(row->grant));
	sim_text_puts(text, "}");
}

static int64_t
role_order(const char *role)
{
	static const char *const order[] = {
		"owner", "admin", "analyst", "consumer",
	};
	int64_t		place = 0;

	while (place < 4 && strcmp(order[place], role) != 0)
		place++;
	return place + 1;
}

void
sim_render_member(SimText *text, const SimRow *row, const SimConfig *config)
{
	const SimAccount *account = row->account;
	const SimMembership *membership = row->membership;
	const char *role = membership->roles[row->grant];
	bool		sensitive = (account->id + membership->project_id) % 2 == 0;

	sim_text_comma(text);
	sim_text_puts(text, "{");
	put_account(text, account, config->document, NULL);
	put_name(text, "hasSensitiveAccess");
	sim_text_puts(text, sensitive ? "true" : "false");
	put_role(text, role, config);
	put_number(text, "role_order", role_order(role));
	put_string(text, "target_type", sim_render_grant(row->grant));
	sim_text_printf(text, ",\"email\":\"account-%lld@example.com\"",
					(long long) account->id);
	if (config->document == SIM_DOCUMENT_ALL)
	{
		put_string(text, "name", account->name);
		put_string(text, "projectName", membership->project->name);
	}
	sim_text_puts(text, "}");
}
