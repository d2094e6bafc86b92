/*-------------------------------------------------------------------------
 *
 * api/envelope.h
 *		What an answer says of itself, beside its results.
 *
 * Takes a whole JSON text, of any kind, or what there is of one; checks all of
 * it and looks at the members of the outermost object only.  No tree is built:
 * a text costs at most four times its size while it is read.  No throw, no
 * server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_API_ENVELOPE_H
#define MP_API_ENVELOPE_H

#include "json/cursor.h"

#define MP_ENVELOPE_MESSAGE		512
#define MP_ENVELOPE_REASON		96

typedef struct MpEnvelope
{
	bool		no_memory;		/* it ran out: nothing else is known */
	bool		is_object;
	bool		says_error;		/* "status": "error", or an "error" */
	bool		says_more;		/* something about further pages */
	MpJsonValue projects;		/* of "results", else of the object itself;
								 * null if there are none */
	char		message[MP_ENVELOPE_MESSAGE];	/* the API's own words, UTF-8
												 * without control characters;
												 * "" if none */
	char		reason[MP_ENVELOPE_REASON]; /* why it is not valid, in words
											 * that never quote it */
	/* read's own */
	int			message_rank;	/* of the member that the message is from */
	bool		has_results;
} MpEnvelope;

/*
 * Read all of a text.  False if it is no valid JSON, nested more than
 * MP_JSON_DEPTH_LIMIT deep, or memory runs out; *envelope then has what was
 * found before.  `projects` lies in the text.
 */
extern bool mp_envelope_read(const char *text, size_t length,
							 MpEnvelope *envelope);

#endif							/* MP_API_ENVELOPE_H */
