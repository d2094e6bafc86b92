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

#include <stddef.h>
#include <jansson.h>

/*
 * As json_loadb(); NULL if it is no JSON or out of memory.  To be read only,
 * and to be freed by mp_api_json_free() alone, which takes NULL as well.
 */
extern json_t *mp_api_json_load(const char *text, size_t length, size_t flags);
extern void mp_api_json_free(json_t *document);

#endif							/* MP_API_JSON_H */
