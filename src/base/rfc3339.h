/*-------------------------------------------------------------------------
 *
 * base/rfc3339.h
 *		Timestamps of the API: RFC 3339 text <-> PostgreSQL's microseconds.
 *
 * An instant is counted as timestamptz counts it: microseconds since
 * 2000-01-01 00:00 UTC in the proleptic Gregorian calendar.  No floating
 * point, no locale, no time zone data, no memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_BASE_RFC3339_H
#define MP_BASE_RFC3339_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A buffer that holds any text mp_rfc3339_format() makes. */
#define MP_RFC3339_TEXT 40

/*
 * RFC 3339 date-time -> instant.  The offset is required; 'T', 't' or a space
 * between date and time; any number of fraction digits, rounded half up to
 * microseconds; second 60 is the next minute.  False if the text is anything
 * else, or the instant lies outside the years 1 to 9999 UTC.
 */
extern bool mp_rfc3339_parse(const char *text, size_t length, int64_t *time);

/*
 * Instant -> "2025-12-31T23:59:59Z", or with ".ffffff" if it is no whole
 * second.  `buffer` has MP_RFC3339_TEXT bytes.  False, and an empty text, if
 * the year is not 1 to 9999.
 */
extern bool mp_rfc3339_format(int64_t time, char *buffer);

#endif							/* MP_BASE_RFC3339_H */
