/*-------------------------------------------------------------------------
 *
 * fault.h
 *	  What is to go wrong, with which requests, and how often.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include <regex.h>

#include "answer.h"
#include "config.h"

/* How an answer goes out. */
typedef enum SimDelivery
{
	SIM_DELIVERY_WHOLE,
	SIM_DELIVERY_RESET_BEFORE,	/* RST instead of processing */
	SIM_DELIVERY_RESET_AFTER,	/* RST instead of the answer */
	SIM_DELIVERY_RESET_MID,		/* RST after half the body */
	SIM_DELIVERY_CLOSE_BEFORE,	/* FIN instead of processing */
	SIM_DELIVERY_CLOSE_AFTER,	/* FIN instead of the answer */
	SIM_DELIVERY_CUT,			/* FIN within a body of known length */
	SIM_DELIVERY_CUT_CHUNKED,	/* FIN within a chunked body */
	SIM_DELIVERY_CHUNKED,		/* whole, in chunks */
	SIM_DELIVERY_HANG_HEADERS,	/* nothing, until the client goes */
	SIM_DELIVERY_HANG_BODY,		/* half the body, until the client goes */
	SIM_DELIVERY_DRIP			/* whole, byte by byte */
} SimDelivery;

/* Held by its list until it is used up, and by each request it acts on. */
typedef struct SimFault
{
	unsigned	holders;
	char	   *method;			/* NULL = any */
	char	   *path;			/* the pattern as given; NULL = any */
	regex_t		pattern;		/* compiled from it */
	int64_t		nth;			/* first matching request that it acts on */
	int64_t		every;			/* of those, each so-many-th only */
	int64_t		count;			/* number of requests; 0 = for ever */
	int64_t		seen;			/* matching requests so far */
	int64_t		used;			/* requests acted on so far */
	int64_t		delay_ms;		/* before processing */
	SimAnswer	answer;			/* headers are always added; see below */
	bool		has_answer;		/* status and body replace the real ones */
	bool		after;			/* process although the answer is replaced */
	SimDelivery delivery;
	int64_t		amount;			/* bytes, or milliseconds between bytes */
} SimFault;

/* Starts as {0}. */
typedef struct SimFaultList
{
	SimFault  **items;
	size_t		size;
} SimFaultList;

/*
 * Adds what a JSON object or an array of such describes; false with a reason
 * in `error` (of SIM_CONFIG_ERROR bytes).
 */
extern bool sim_fault_add(SimFaultList *list, json_t *described,
						  char *error);

/*
 * The fault that acts on this request, which the caller then holds, or NULL.
 * The first in the list that is due acts; the later ones do not count it.
 */
extern SimFault *sim_fault_match(SimFaultList *list, const char *method,
								 const char *path);

/* One holder less; NULL is ignored. */
extern void sim_fault_release(SimFault *fault);

extern void sim_fault_clear(SimFaultList *list);

/* Writes what is left of them, as a JSON array. */
extern void sim_fault_write(const SimFaultList *list, SimText *text);

#endif							/* SIM_FAULT_H */
