/*-------------------------------------------------------------------------
 *
 * fdw/analyze.h
 *		ANALYZE of a foreign table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_FDW_ANALYZE_H
#define MP_FDW_ANALYZE_H

#include "postgres.h"

#include "foreign/fdwapi.h"

/*
 * Called once for each ANALYZE that names the table or a parent of it; never
 * by autovacuum.  Returns true, as every table can be read.  *func is called
 * by core afterwards, perhaps not at all, with the owner of the table as the
 * user; the rows that it returns are in the context that is current then.  It
 * raises what a SELECT of the whole table would.
 */
extern bool mixpanelAnalyzeForeignTable(Relation relation,
										AcquireSampleRowsFunc *func,
										BlockNumber *totalpages);

#endif							/* MP_FDW_ANALYZE_H */
