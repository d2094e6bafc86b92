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

extern List *mixpanelImportForeignSchema(ImportForeignSchemaStmt *stmt,
										 Oid serverOid);

#endif							/* MP_FDW_IMPORT_H */
