/*-------------------------------------------------------------------------
 *
 * api/attrs.h
 *		The element of an answer as the column attrs shows it: without secrets,
 *		and with numbers that the database can hold.
 *
 * Both functions take JSON that mp_record_decode() has checked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_API_ATTRS_H
#define MP_API_ATTRS_H

#include "api/record.h"

/*
 * Are all numbers of a size that PostgreSQL's type numeric has: at most 131072
 * digits before the point, and 16383 behind it?
 */
extern bool mp_attrs_fits(const char *text, size_t length);

/*
 * Take secrets out of `text`, in place; returns its new length, and wipes what
 * is behind that.  Three asterisks stand for
 *		each string that holds one of `secrets` (as they stand in JSON, without
 *		quotes; those of length 0 are passed over)
 *		each string in a member whose name is that of a secret, at any depth
 * and a number in such a member becomes 0.  `scratch` has 2 * length bytes;
 * it is wiped.
 */
extern size_t mp_attrs_clean(char *text, size_t length,
							 const MpText *secrets, int count, char *scratch);

#endif							/* MP_API_ATTRS_H */
