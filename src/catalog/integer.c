/*-------------------------------------------------------------------------
 *
 * catalog/integer.c
 *		Datums of the integer types, and of domains over them.
 *
 * A datum does not say how wide it is.  So a type is resolved to one of the
 * three, once, and a type that is none of them is an error, never a guess.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

#include "catalog/integer.h"

Oid
mp_integer_base(Oid type)
{
	Oid			base = OidIsValid(type) ? getBaseType(type) : InvalidOid;

	switch (base)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return base;
		default:
			return InvalidOid;
	}
}

int64
mp_integer_value(Datum datum, Oid base)
{
	switch (base)
	{
		case INT2OID:
			return DatumGetInt16(datum);
		case INT4OID:
			return DatumGetInt32(datum);
		case INT8OID:
			return DatumGetInt64(datum);
		default:
			elog(ERROR, "type %u is no integer type", base);
	}
	return 0;
}
