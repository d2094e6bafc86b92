/*-------------------------------------------------------------------------
 *
 * api_envelope.h
 *		What stands around the results of an answer: whether it says "error",
 *		in which words, and whether there are further pages.
 *
 * Any JSON will do, NULL as well: what is no object says nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_API_ENVELOPE_H
#define MP_API_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

extern bool mp_envelope_is_error(const json_t *envelope);

/* Does it lead to further pages, by any of the names that paged APIs give to
 * the way there? */
extern bool mp_envelope_has_more(const json_t *envelope);

/*
 * The API's own words for an error, as one line of UTF-8 that fits `size`;
 * message is left as it is if there are none.
 */
extern void mp_envelope_message(const json_t *envelope, char *message,
								size_t size);

#endif							/* MP_API_ENVELOPE_H */
