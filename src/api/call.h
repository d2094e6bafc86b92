/*-------------------------------------------------------------------------
 *
 * api/call.h
 *		What api.c (requests) and api/call.c (answers) share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_API_CALL_H
#define MP_API_CALL_H

#include "api/api.h"

#define MP_CALL_TITLE_SIZE 160

/* What api.c says of a new call.  Everything is copied. */
typedef struct MpCallSpec
{
	MpCallKind	kind;
	uint32_t	wanted;
	int64_t		account;		/* 0: none in the path */
	int64_t		project;
	MpMethod	method;
	const char *path;			/* with the query */
	const char *body;			/* NULL: none */
} MpCallSpec;

/* Start the request; NULL when out of memory. */
extern MpCall *mp_call_start(MpHttp *http, const MpSettings *settings,
							 const MpCallSpec *spec);

#endif							/* MP_API_CALL_H */
