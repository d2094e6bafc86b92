/*-------------------------------------------------------------------------
 *
 * catalog/option_value.h
 *		The text of an option -> its value.  Plain C, no throw.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_CATALOG_OPTION_VALUE_H
#define MP_CATALOG_OPTION_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/settings.h"

/* A decimal integer from 1 to 2^63-1, without sign or white space. */
extern bool mp_value_parse_id(const char *text, int64_t *id);

/*
 * Ids between commas, white space around each allowed.  Writes at most `max`
 * of them and returns how many there are; -1 if the text is not such a list.
 */
extern int	mp_value_parse_ids(const char *text, int64_t *ids, int max);

/* "500ms", "30s", "2min" or bare milliseconds, 1 ms to 24 days. */
extern bool mp_value_parse_duration(const char *text, int *milliseconds);

/* "60/h", "100/min", "5/s"; a number from 1 to 1000000. */
extern bool mp_value_parse_rate(const char *text, MpRate *rate);

/* A decimal integer from min to max. */
extern bool mp_value_parse_int(const char *text, int min, int max, int *value);

typedef enum MpUrlFault
{
	MP_URL_FINE,
	MP_URL_INSECURE,			/* fine, but http to a host that is not
								 * loopback */
	MP_URL_BAD,
} MpUrlFault;

/*
 * An https or http URL with a host and, if any, a port and a path; no user
 * info, query, fragment, white space or control character.
 */
extern MpUrlFault mp_value_check_base_url(const char *url);

/* The same for a proxy: http, https, socks4, socks4a, socks5, socks5h; no
 * path but "/". */
extern bool mp_value_check_proxy(const char *url);

#endif							/* MP_CATALOG_OPTION_VALUE_H */
