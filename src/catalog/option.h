/*-------------------------------------------------------------------------
 *
 * catalog/option.h
 *		Options of servers, user mappings, tables and columns.
 *
 * The table of options, their checks when they are set, and what they resolve
 * to when they are used.  An option's name, places, privilege, type, range,
 * default and setting stand in its row of option.c's table and nowhere else.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_CATALOG_OPTION_H
#define MP_CATALOG_OPTION_H

#include "postgres.h"

#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "nodes/pg_list.h"

#include "base/settings.h"

/*
 * Check options that are about to be stored for an object of `catalog`.
 * Raises HV00D (unknown, with the closest name), 22023 (bad value) or 42501.
 */
extern void mp_option_validate(List *options, Oid catalog);

/*
 * Resolve what a table (InvalidOid: none), its server and the user's mapping
 * say, in the current context.  Secrets are wiped when that context goes.
 * `user` InvalidOid means the current user.  Raises 42704 where there is no
 * user mapping, 58xxx or 22023 where secret_file cannot be read.
 */
extern MpSettings *mp_option_resolve(Oid table, Oid server, Oid user);

/* The same without the user's mapping: for EXPLAIN and planning. */
extern MpSettings *mp_option_resolve_public(Oid table, Oid server);

/* The same of each foreign table of these servers, as a list: a table may have
 * an organization of its own. */
extern List *mp_option_resolve_tables(const List *servers);

/*
 * Before the first request: raises HV002 if organization_id (where
 * `organization` says that it is needed), username or secret are missing.
 */
extern void mp_option_require(const MpSettings *settings, bool organization);

/*
 * The same occasion: raises 42809 if ca_file is no regular file, 54000 if it
 * is too large.
 */
extern void mp_option_check_ca_file(const char *path);

/* A copy in the current context, wiped with it. */
extern MpSettings *mp_option_copy(const MpSettings *settings);

/* Do both lead to the same rows: server, base URL and organization? */
extern bool mp_option_same_place(const MpSettings *one,
								 const MpSettings *other);

/*
 * Would both send the same requests, in the same way, as the same user?  What
 * only the planner looks at does not count.
 */
extern bool mp_option_same(const MpSettings *one, const MpSettings *other);

/* The text of an option in a list of DefElems; NULL if it is not there. */
static inline const char *
mp_option_find(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *def = lfirst_node(DefElem, cell);

		if (strcmp(def->defname, name) == 0)
			return defGetString(def);
	}
	return NULL;
}

#endif							/* MP_CATALOG_OPTION_H */
