/*-------------------------------------------------------------------------
 *
 * fdw/import.h
 *		IMPORT FOREIGN SCHEMA.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_FDW_IMPORT_H
#define MP_FDW_IMPORT_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/*
 * Called once for an IMPORT FOREIGN SCHEMA, with the caller's rights, who has
 * USAGE on the server.  Core would run the commands that are returned; the
 * list is empty, as they have been run.  Raises HV00Q for another schema,
 * HV00D for any option, and what CREATE FOREIGN TABLE raises.
 */
extern List *mixpanelImportForeignSchema(ImportForeignSchemaStmt *stmt,
										 Oid serverOid);

/*
 * Is this foreign data wrapper ours, whatever its name?  The handlers of
 * others are not called: their libraries would be loaded, and one that is
 * missing would be our error.
 */
extern bool mp_import_is_ours(Oid wrapper);

#endif							/* MP_FDW_IMPORT_H */
