/*-------------------------------------------------------------------------
 *
 * api/words.h
 *		The API's own words for an error, in whatever shape they come.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_API_WORDS_H
#define MP_API_WORDS_H

#include "json/cursor.h"

#define MP_WORDS_SIZE	512

/* Starts as all zero. */
typedef struct MpWords
{
	char		text[MP_WORDS_SIZE];	/* UTF-8 as it came: to be masked,
										 * then blanked (mask.h) before it is
										 * shown; "" if there are none */
	/* words.c's own */
	int			rank;			/* of the member that the text is from, from
								 * 1; 0: none yet */
	char		request[64];	/* the request's id, "" if none */
} MpWords;

/* Take from a member of the outermost object what it says.  False when out of
 * memory. */
extern bool mp_words_note(MpWords *words, const MpJsonString *name,
						  const MpJsonValue *value);

/* All members were noted: add the request's id to what was said. */
extern void mp_words_finish(MpWords *words);

#endif							/* MP_API_WORDS_H */
