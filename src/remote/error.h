/*-------------------------------------------------------------------------
 *
 * remote/error.h
 *		What went wrong with a call of the API -> SQLSTATE and words.
 *
 * The only place that maps outcomes to SQLSTATEs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_ERROR_H
#define MP_REMOTE_ERROR_H

#include "postgres.h"

#include "api/api.h"
#include "catalog/compat.h"

/* An error not yet raised; strings are palloc'ed, in the server's encoding,
 * and hold no secret.  detail and hint may be NULL. */
typedef struct MpError
{
	int			sqlstate;
	char	   *message;
	char	   *detail;
	char	   *hint;
} MpError;

/* Describe why a call failed (mp_call_next() gave FAILED). */
extern void mp_error_describe(const MpCall *call, const MpSettings *settings,
							  MpError *error);

/* Raise it. */
MP_NORETURN extern void mp_error_throw(const MpError *error);

/* Both. */
MP_NORETURN extern void mp_error_raise(const MpCall *call,
									   const MpSettings *settings);

/* A copy of a UTF-8 text for a message; palloc'ed, never fails on a character
 * that the server's encoding lacks. */
extern char *mp_error_text(const char *text);

/*
 * Has something in between answered, such as a gateway?  A status from 400 on
 * with a body that is no JSON says nothing about what was asked; nor does one
 * that another path gave, to which a redirect led.  An empty body is one that
 * the API's nested document has.
 */
extern bool mp_error_is_foreign(const MpCall *call);

/* Did it end with a redirect that was not followed? */
extern bool mp_error_is_redirect(const MpCall *call);

/*
 * Was it refused because a project that it names lies in another region?  And
 * what to do about it: `said` tells that the API has said so; project 0: which
 * is not known.
 */
extern bool mp_error_is_region(const MpCall *call);
extern char *mp_error_region_hint(const MpSettings *settings, int64 project,
								  bool said);

/* The final HTTP status of a failed call; 0 where it failed otherwise. */
extern int	mp_error_status(const MpCall *call);

#endif							/* MP_REMOTE_ERROR_H */
