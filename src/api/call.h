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

/* ---- what a call of a kind answers ---- */

static inline bool
mp_call_is_list(MpCallKind kind)
{
	return kind == MP_CALL_LIST_ACCOUNTS || kind == MP_CALL_ACCOUNT_PROJECTS ||
		kind == MP_CALL_PROJECT_ACCOUNTS ||
		kind == MP_CALL_ORGANIZATION_PROJECTS;
}

static inline bool
mp_call_is_of_several(MpCallKind kind)
{
	return mp_call_is_list(kind) || kind == MP_CALL_ME;
}

static inline bool
mp_call_has_records(MpCallKind kind)
{
	return mp_call_is_list(kind) || kind == MP_CALL_GET_ACCOUNT ||
		kind == MP_CALL_CREATE_ACCOUNT;
}

/*
 * Lists of accounts have no bound.  The projects of one account are few, and
 * many accounts' are read at once: kept whole, their answers can share one
 * HTTP/2 connection, which http.c does not do for a body that may pause.
 */
static inline bool
mp_call_is_long(MpCallKind kind)
{
	return kind == MP_CALL_LIST_ACCOUNTS || kind == MP_CALL_PROJECT_ACCOUNTS;
}

static inline MpRecordKind
mp_call_record_kind(MpCallKind kind)
{
	if (kind == MP_CALL_ACCOUNT_PROJECTS)
		return MP_RECORD_ACCOUNT_PROJECT;
	if (kind == MP_CALL_PROJECT_ACCOUNTS)
		return MP_RECORD_PROJECT_ACCOUNT;
	if (kind == MP_CALL_ORGANIZATION_PROJECTS)
		return MP_RECORD_PROJECT;
	return MP_RECORD_ACCOUNT;
}

#endif							/* MP_API_CALL_H */
