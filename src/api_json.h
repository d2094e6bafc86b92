/*-------------------------------------------------------------------------
 *
 * api_json.h
 *		Documents read by jansson, whose memory is wiped when it is freed.
 *
 * jansson copies each text several times, and an answer may hold a secret.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_API_JSON_H
#define MP_API_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

/*
 * As json_loadb(); NULL if it is no JSON, or if there was no memory to find
 * out (*no_memory, unless that is NULL).  To be read only, and to be freed by
 * mp_api_json_free() alone, which takes NULL as well.
 */
extern json_t *mp_api_json_load(const char *text, size_t length, size_t flags,
								bool *no_memory);
extern void mp_api_json_free(json_t *document);

#endif							/* MP_API_JSON_H */
