/*-------------------------------------------------------------------------
 *
 * api/envelope.h
 *		What an answer says of itself, beside its results.
 *
 * Takes a whole JSON text, of any kind, or what there is of one; checks all of
 * it and looks at the members of the outermost object, and at those of the
 * objects that tell of pages.  No tree is built: a text costs at most four
 * times its size while it is read.  No throw, no server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_API_ENVELOPE_H
#define MP_API_ENVELOPE_H

#include "api/words.h"
#include "json/pages.h"

#define MP_ENVELOPE_MESSAGE		MP_WORDS_SIZE
#define MP_ENVELOPE_REASON		96

typedef struct MpEnvelope
{
	bool		no_memory;		/* it ran out: nothing else is known */
	bool		is_container;	/* an object or array */
	bool		is_cut;			/* no valid JSON, but it may be the beginning
								 * of an object or array, or memory ran out */
	bool		says_error;		/* it denies what its status tells */
	MpPages		pages;			/* are there further elements? */
	bool		affirms;		/* it says that it is a success */
	int64_t		id;				/* of the object, or of its results; 0: none */
	MpJsonValue projects;		/* of "results", else of the object itself;
								 * null if there are none */
	MpWords		words;			/* the API's own */
	char		reason[MP_ENVELOPE_REASON]; /* why it is not valid, in words
											 * that never quote it */
	/* envelope.c's own */
	bool		has_results;
	bool		denies;			/* an error, whatever the status says */
	bool		has_failed;		/* the same, but an account may have such
								 * members: failures, for one */
	bool		is_undone;		/* "deleted": false; of a list, which asked
								 * for nothing to be done, it is no failure */
	bool		is_no_success;	/* a status that is not ok */
	bool		is_failure;		/* a status that is a failure's */
} MpEnvelope;

/*
 * Read all of a text.  False if it is no valid JSON, nested more than
 * MP_JSON_DEPTH_LIMIT deep, or memory runs out; *envelope then has what was
 * found before.  `projects` lies in the text.
 */
extern bool mp_envelope_read(const char *text, size_t length,
							 MpEnvelope *envelope);

#endif							/* MP_API_ENVELOPE_H */
