/*-------------------------------------------------------------------------
 *
 * api/call_state.h
 *		What the files that read a call's answer share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_API_CALL_STATE_H
#define MP_API_CALL_STATE_H

#include "api/call.h"
#include "api/envelope.h"
#include "base/id_set.h"
#include "json/stream.h"

#define MP_CALL_REASON_SIZE 512

/* Written by call.c, but for what call_judge.c finds wrong, and what is said
 * to be call_me.c's. */
struct MpCall
{
	MpCallKind	kind;
	uint32_t	wanted;
	int64_t		account;
	char		title[MP_CALL_TITLE_SIZE];
	MpRequest  *request;
	MpProblem	problem;
	char		message[MP_ENVELOPE_MESSAGE];
	char		reason[MP_CALL_REASON_SIZE];
	bool		failed;
	bool		done;

	/* answers of records; lists are read as they arrive */
	MpJsonStream *stream;
	MpRecordKind record_kind;
	size_t		used;			/* peeked bytes that the last record needed */
	int			restarts;		/* of the request, when we last looked */
	int64_t		count;			/* records handed out */
	uint64_t	digest;			/* of their keys, in order */
	int64_t		skip;			/* records of a list begun anew, still to be
								 * passed over */
	uint64_t	skip_digest;	/* of those passed over so far */
	MpIdSet		accounts;		/* that the list of accounts has named */
	bool		checked;		/* what is no list: all of it was looked at */
	bool		brings_secret;	/* a create's answer has a new secret */

	/* the answer of /me, read whole: call_me.c */
	MpJsonCursor projects;		/* in its object or array of projects */
	MpJsonMember *members;		/* the cursor's; NULL before */
	bool		in_array;
	int64_t		project_number; /* how many were looked at */
	int64_t		project_total;	/* how many there are, as it says; or -1 */
};

/* ---- call_judge.c: what an answer says of itself ---- */

/* Note why the call failed, and what the API said about it; gives FAILED.  The
 * first failure is the one that is told. */
extern MpCallState mp_call_fail(MpCall *call, MpProblemKind kind,
								const char *reason);

/*
 * What stands around the results: an object that does not say "error", and,
 * for a list or /me, nothing about further pages: part of a list is never
 * passed off as the list.  A call without results may be answered by any JSON.
 * False where the call fails by it.
 */
extern bool mp_call_check_envelope(MpCall *call, const char *text,
								   size_t length);
extern bool mp_call_judge_envelope(MpCall *call, const MpEnvelope *envelope);

/*
 * What the status and the headers of a success say: that it is a success in
 * part only, or that there are further elements.
 */
extern bool mp_call_judge_headers(MpCall *call);

/* ---- call_me.c ---- */

/* The next project of GET /me. */
extern MpCallState mp_call_next_project(MpCall *call, MpRecord *record);

#endif							/* MP_API_CALL_STATE_H */
