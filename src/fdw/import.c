/*-------------------------------------------------------------------------
 *
 * fdw/import.c
 *		IMPORT FOREIGN SCHEMA: the two tables with their comments.
 *
 * Never asks the network: the tables are the same for every organization.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_proc.h"
#include "executor/spi.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "catalog/relation.h"
#include "catalog/setting.h"
#include "fdw/import.h"

#define REMOTE_SCHEMA "mixpanel"

static bool is_wanted(const ImportForeignSchemaStmt *stmt, const char *name);
static void create_table(const char *schema, const char *server,
						 const MpRelation *relation);
static void run(const char *sql);

/*
 * Core runs the commands that are returned, and takes CREATE FOREIGN TABLE
 * only.  The columns are to have comments, so the commands are run here, with
 * the same rights, and none is returned.
 */
List *
mixpanelImportForeignSchema(ImportForeignSchemaStmt *stmt, Oid serverOid)
{
	ForeignServer *server = GetForeignServer(serverOid);

	mp_setting_require();
	if (strcmp(stmt->remote_schema, REMOTE_SCHEMA) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
				 errmsg("schema \"%s\" is not present on foreign server \"%s\"",
						stmt->remote_schema, server->servername),
				 errhint("The only remote schema is \"%s\".", REMOTE_SCHEMA)));
	if (stmt->options != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("invalid option \"%s\"",
						((DefElem *) linitial(stmt->options))->defname),
				 errhint("There are no valid options in this context.")));

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI manager");
	for (int kind = 0; kind < MP_RELATION_COUNT; kind++)
	{
		const MpRelation *relation = mp_relation_get((MpRelationKind) kind);

		if (is_wanted(stmt, relation->name))
			create_table(stmt->local_schema, server->servername, relation);
	}
	SPI_finish();
	return NIL;
}

/* Does LIMIT TO or EXCEPT leave a table of this name in? */
static bool
is_wanted(const ImportForeignSchemaStmt *stmt, const char *name)
{
	bool		listed = false;
	ListCell   *cell;

	foreach(cell, stmt->table_list)
	{
		if (strcmp(((RangeVar *) lfirst(cell))->relname, name) == 0)
			listed = true;
	}
	switch (stmt->list_type)
	{
		case FDW_IMPORT_SCHEMA_LIMIT_TO:
			return listed;
		case FDW_IMPORT_SCHEMA_EXCEPT:
			return !listed;
		case FDW_IMPORT_SCHEMA_ALL:
			break;
	}
	return true;
}

/*
 * The options say what the table and its columns stand for, so that both may
 * be renamed, as after postgres_fdw's import.
 */
static void
create_table(const char *schema, const char *server,
			 const MpRelation *relation)
{
	char	   *name = quote_qualified_identifier(schema, relation->name);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE FOREIGN TABLE %s (", name);
	for (int i = 0; i < relation->column_count; i++)
	{
		const MpColumn *column = &relation->columns[i];

		appendStringInfo(&sql, "%s%s %s OPTIONS (field %s)%s",
						 i > 0 ? ", " : "", quote_identifier(column->name),
						 column->type, quote_literal_cstr(column->name),
						 column->not_null ? " NOT NULL" : "");
	}
	appendStringInfo(&sql, ") SERVER %s OPTIONS (object %s)",
					 quote_identifier(server),
					 quote_literal_cstr(relation->name));
	run(sql.data);

	resetStringInfo(&sql);
	appendStringInfo(&sql, "COMMENT ON FOREIGN TABLE %s IS %s", name,
					 quote_literal_cstr(relation->comment));
	run(sql.data);
	for (int i = 0; i < relation->column_count; i++)
	{
		const MpColumn *column = &relation->columns[i];

		resetStringInfo(&sql);
		appendStringInfo(&sql, "COMMENT ON COLUMN %s.%s IS %s", name,
						 quote_identifier(column->name),
						 quote_literal_cstr(column->comment));
		run(sql.data);
	}
}

static void
run(const char *sql)
{
	if (SPI_execute(sql, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not run \"%s\"", sql);
}

/*
 * The name alone does not tell: another library may have a handler so named.
 * It is then loaded, which it would be for any use of its tables.
 */
bool
mp_import_is_ours(Oid wrapper)
{
	Oid			handler = GetForeignDataWrapper(wrapper)->fdwhandler;
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(handler));
	Datum		source;
	bool		is_null;
	bool		named;
	char	   *symbol;

	if (!HeapTupleIsValid(tuple))
		return false;
	source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &is_null);
	Assert(!is_null);
	symbol = TextDatumGetCString(source);

	named = strcmp(symbol, "mixpanel_sa_fdw_handler") == 0;
	ReleaseSysCache(tuple);
	return named && GetFdwRoutine(handler)->ImportForeignSchema ==
		mixpanelImportForeignSchema;
}
