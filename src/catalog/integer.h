/*-------------------------------------------------------------------------
 *
 * catalog/integer.h
 *		Datums of the integer types, and of domains over them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_CATALOG_INTEGER_H
#define MP_CATALOG_INTEGER_H

#include "postgres.h"

/*
 * The integer type (smallint, integer or bigint) behind a type, which may be a
 * domain over it or a domain over that; InvalidOid for any other type, and for
 * InvalidOid.
 */
extern Oid	mp_integer_base(Oid type);

/*
 * A datum -> int64.  `base` is what mp_integer_base() gave for its type;
 * raises XX000 for anything else.
 */
extern int64 mp_integer_value(Datum datum, Oid base);

#endif							/* MP_CATALOG_INTEGER_H */
