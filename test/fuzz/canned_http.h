/*-------------------------------------------------------------------------
 *
 * canned_http.h
 *		http.h with an answer out of a can, for what stands upon it.
 *
 * One request at a time.  Its body arrives in the pieces that the target
 * chooses, may break off and begin anew, and lies in memory of exactly its
 * size, which is given back as soon as http.h allows it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_CANNED_HTTP_H
#define MP_CANNED_HTTP_H

#include "http/http.h"

struct MpHttp
{
	/* what was asked by the last request; owned */
	MpMethod	method;
	char	   *path;
	char	   *body;			/* NULL: none */
	size_t		body_length;
};

/* How a body arrives. */
typedef struct Delivery
{
	const char *body;			/* outlives the request */
	size_t		size;
	size_t		first;			/* bytes that come at first */
	size_t		step;			/* and then each time */
	size_t		break_at;		/* it begins anew, once, when so many bytes
								 * have come; 0: never */
	MpOutcome	outcome;		/* when all has come */
	int			status;
	bool		says_more;		/* as headers tell */
	int64_t		total;			/* 0: they tell none */
} Delivery;

/* Set the answer of a request that has just begun. */
extern void canned_set(MpRequest *request, const Delivery *delivery);

/* Something more arrives, or the answer becomes final; false: it was. */
extern bool canned_arrive(MpRequest *request);

/* Free what was asked. */
extern void canned_clear(MpHttp *http);

#endif							/* MP_CANNED_HTTP_H */
