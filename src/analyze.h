/*-------------------------------------------------------------------------
 *
 * analyze.h
 *		ANALYZE of a foreign table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_ANALYZE_H
#define MP_ANALYZE_H

#include "postgres.h"

#include "foreign/fdwapi.h"

extern bool mixpanelAnalyzeForeignTable(Relation relation,
										AcquireSampleRowsFunc *func,
										BlockNumber *totalpages);

#endif							/* MP_ANALYZE_H */
