/*-------------------------------------------------------------------------
 *
 * answer.c
 *	  What is sent back: status, headers, body.
 *
 * Owns the shape of an error's body.  Must not know how an answer is sent.
 *
 *-------------------------------------------------------------------------
 */
#include "answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
sim_answer_payload(SimAnswer *answer, unsigned status, SimPayload *payload)
{
	answer->status = status;
	answer->payload = sim_payload_hold(payload);
	sim_answer_header(answer, "Content-Type", "application/json");
}

void
sim_answer_json(SimAnswer *answer, unsigned status, SimText *text)
{
	SimPayload *payload = sim_payload_new(text);

	sim_answer_payload(answer, status, payload);
	sim_payload_release(payload);
}

void
sim_answer_empty(SimAnswer *answer, unsigned status)
{
	answer->status = status;
}

void
sim_answer_error(SimAnswer *answer, unsigned status, const char *format,...)
{
	SimText		text = {0};
	va_list		args;

	va_start(args, format);
	vsnprintf(answer->error, sizeof(answer->error), format, args);
	va_end(args);
	sim_text_puts(&text, "{\"status\":\"error\",\"error\":");
	sim_text_quote(&text, answer->error);
	sim_text_puts(&text, "}");
	sim_answer_json(answer, status, &text);
}

void
sim_answer_header(SimAnswer *answer, const char *name, const char *value)
{
	if (answer->headers == NULL)
		answer->headers = json_pack("{}");
	json_object_set_new(answer->headers, name, json_string(value));
}

void
sim_answer_clear(SimAnswer *answer)
{
	sim_payload_release(answer->payload);
	json_decref(answer->headers);
	memset(answer, 0, sizeof(*answer));
}
