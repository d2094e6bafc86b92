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
				   int64_t document, bool with_secret)
{
	sim_text_comma(text);
	sim_text_puts(text, "{");
	put_account(text, account, document,
				with_secret ? account->secret : NULL);
	if (document == SIM_DOCUMENT_ALL)
		put_extras(text, account);
	sim_text_puts(text, "}");
}

void
sim_render_project(SimText *text, const SimMembership *membership)
{
	sim_text_comma(text);
	sim_text_puts(text, "{");
	put_number(text, "projectId", membership->project_id);
	put_string(text, "projectName", membership->project->name);
	put_string(text, "role", membership->role);
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
sim_render_member(SimText *text, const SimAccount *account,
				  const SimMembership *membership, int64_t document)
{
	bool		sensitive = (account->id + membership->project_id) % 2 == 0;

	sim_text_comma(text);
	sim_text_puts(text, "{");
	put_account(text, account, document, NULL);
	put_name(text, "hasSensitiveAccess");
	sim_text_puts(text, sensitive ? "true" : "false");
	put_string(text, "role", membership->role);
	put_number(text, "role_order", role_order(membership->role));
	put_string(text, "target_type", "individual");
	sim_text_printf(text, ",\"email\":\"account-%lld@example.com\"",
					(long long) account->id);
	if (document == SIM_DOCUMENT_ALL)
	{
		put_string(text, "name", account->name);
		put_string(text, "projectName", membership->project->name);
	}
	sim_text_puts(text, "}");
}
