/*-------------------------------------------------------------------------
 *
 * payload.h
 *	  The bytes of an answer's body, shared by whoever still sends them.
 *
 * The cached list of an organization is one payload; it may be replaced
 * while slow readers are still in the middle of the old one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_PAYLOAD_H
#define SIM_PAYLOAD_H

#include "text.h"

typedef struct SimPayload
{
	char	   *data;
	size_t		size;
	unsigned	holders;		/* freed when the last one lets go */
} SimPayload;

/* Takes the text's bytes over and leaves it empty; the caller holds it. */
extern SimPayload *sim_payload_new(SimText *text);

/* One more holder; returns its argument, which may be NULL. */
extern SimPayload *sim_payload_hold(SimPayload *payload);

/* One holder less; NULL is ignored. */
extern void sim_payload_release(SimPayload *payload);

#endif							/* SIM_PAYLOAD_H */
