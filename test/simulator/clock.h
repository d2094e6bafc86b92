/*-------------------------------------------------------------------------
 *
 * clock.h
 *	  Time: two clocks, and RFC 3339.
 *
 * A point in time is an int64_t of microseconds since 1970 in UTC.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_CLOCK_NEVER INT64_MIN
#define SIM_CLOCK_SECOND INT64_C(1000000)
#define SIM_CLOCK_DAY (INT64_C(86400) * SIM_CLOCK_SECOND)
#define SIM_CLOCK_TEXT 80		/* room that sim_clock_format() wants */

/* Microseconds of a clock that never jumps; only differences mean anything. */
extern int64_t sim_clock_monotonic(void);

/* Now, in microseconds since 1970, by a clock that may be wrong. */
extern int64_t sim_clock_wall(void);

/* How far that clock is ahead of the true time. */
extern void sim_clock_set_skew(int64_t micros);

/*
 * Reads an RFC 3339 date-time ('T' or 't', 'Z' or an offset, any number of
 * fraction digits, of which six count).  False if it is none.
 */
extern bool sim_clock_parse(const char *text, int64_t *when);

/* Writes UTC with 'Z', and a fraction only if there is one. */
extern const char *sim_clock_format(int64_t when, char *buffer);

/* Writes the date of an HTTP header, in whole seconds. */
extern const char *sim_clock_format_http(int64_t when, char *buffer);

#endif							/* SIM_CLOCK_H */
