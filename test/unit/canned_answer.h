/*-------------------------------------------------------------------------
 *
 * canned_answer.h
 *		Calls of the API that are given an answer, and what is read of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_CANNED_ANSWER_H
#define MP_CANNED_ANSWER_H

#include "api/api.h"

/* The account and the project that a call of one is about. */
#define CANNED_ACCOUNT	2
#define CANNED_PROJECT	1002

/* What is read of an answer. */
typedef struct Reading
{
	MpCallState state;			/* DONE or FAILED */
	MpProblemKind kind;			/* of a failure */
	bool		is_steady;		/* the same however it arrives */
	int64_t		count;			/* records */
	int64_t		sum;			/* of their keys */
	MpBuffer	shown;			/* the last record's field; terminated */
	char		detail[1400];	/* of a failure, as an error's detail */
} Reading;

/* How an answer is asked for. */
typedef struct Asking
{
	MpCallKind	kind;
	MpRecordKind record;		/* whose key is summed */
	MpField		shown;			/* what is shown of a record */
	bool		broken_off;		/* the answer begins anew, once */
} Asking;

/* Start any call of the API: about the account and project above. */
extern MpCall *canned_start(MpHttp *http, MpCallKind kind, uint32_t wanted);

/* What status and headers of the answers say; the tests set it. */
typedef struct CannedHead
{
	int			status;			/* 200 at first */
	bool		says_more;
	int64_t		total;			/* 0: nothing */
} CannedHead;

extern CannedHead canned_head;

/*
 * Ask for all fields and give a body as the answer, with that head: at once,
 * and if it is short, once more in small pieces.  Release the reading.
 */
extern Reading canned_read(const Asking *asking, const char *body,
						   size_t length);
extern void canned_release(Reading *reading);

#endif							/* MP_CANNED_ANSWER_H */
