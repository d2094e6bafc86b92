/*-------------------------------------------------------------------------
 *
 * import.h
 *		IMPORT FOREIGN SCHEMA.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_IMPORT_H
#define MP_IMPORT_H

#include "postgres.h"

#include "nodes/parsenodes.h"

extern List *mixpanelImportForeignSchema(ImportForeignSchemaStmt *stmt,
										 Oid serverOid);

#endif							/* MP_IMPORT_H */
