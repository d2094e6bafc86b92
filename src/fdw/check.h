/*-------------------------------------------------------------------------
 *
 * fdw/check.h
 *		What functions that take a server's name look at first.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_FDW_CHECK_H
#define MP_FDW_CHECK_H

#include "postgres.h"

#include "foreign/foreign.h"

/* It must be one of ours (42809) and one that the current role may use
 * (42501). */
extern void mp_check_server(const ForeignServer *server);

#endif							/* MP_FDW_CHECK_H */
