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

extern bool mixpanelAnalyzeForeignTable(Relation relation,
										AcquireSampleRowsFunc *func,
										BlockNumber *totalpages);

#endif							/* MP_FDW_ANALYZE_H */
