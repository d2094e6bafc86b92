/*-------------------------------------------------------------------------
 *
 * json/value.h
 *		What a JSON value says where a yes, a no or a number is expected.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_JSON_VALUE_H
#define MP_JSON_VALUE_H

#include "json/cursor.h"

/* false, 0, or a text that says so. */
extern bool mp_value_is_false(const MpJsonValue *value);

/* Neither absent nor null, false, "", zero, nor a container of such. */
extern bool mp_value_is_something(const MpJsonValue *value);

/* A number without a sign, fraction or exponent, also as a text; else -1. */
extern int64_t mp_value_number(const MpJsonValue *value);

/* Is a name, folded as base/paging.h folds it, one of these? */
extern bool mp_value_is_any_of(const char *name, const char *const *names,
							   size_t count);

#endif							/* MP_JSON_VALUE_H */
