/*-------------------------------------------------------------------------
 *
 * payload.c
 *	  The bytes of an answer's body, shared by whoever still sends them.
 *
 * Owns the bytes and the count of holders.  Must not know what they say.
 *
 *-------------------------------------------------------------------------
 */
#include "payload.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

SimPayload *
sim_payload_new(SimText *text)
{
	SimPayload *payload = sim_memory_new(sizeof(*payload));

	payload->data = text->data;
	payload->size = text->size;
	payload->holders = 1;
	memset(text, 0, sizeof(*text));
	return payload;
}

SimPayload *
sim_payload_hold(SimPayload *payload)
{
	if (payload != NULL)
		payload->holders++;
	return payload;
}

void
sim_payload_release(SimPayload *payload)
{
	if (payload == NULL || --payload->holders > 0)
		return;
	free(payload->data);
	free(payload);
}
