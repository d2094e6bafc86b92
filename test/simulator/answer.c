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

static void
write_refusal(SimText *text, const char *error, SimRefusal refusal)
{
	static const struct
	{
		const char *before;
		const char *after;
	}			forms[] = {
		[SIM_REFUSAL_ERROR] = {"{\"status\":\"error\",\"error\":", "}"},
		[SIM_REFUSAL_ARRAY] = {"{\"status\":\"error\",\"error\":[", "]}"},
		[SIM_REFUSAL_OBJECT] =
		{"{\"status\":\"error\",\"error\":{\"field\":[", "]}}"},
		[SIM_REFUSAL_MESSAGE] =
		{"{\"request_id\":\"5d2f8a\",\"message\":", "}"},
		[SIM_REFUSAL_DETAIL] =
		{"{\"detail\":[{\"loc\":[\"body\",\"field\"],\"msg\":", "}]}"},
		[SIM_REFUSAL_SUCCESS] = {"{\"success\":false,\"message\":", "}"},
	};

	sim_text_puts(text, forms[refusal].before);
	sim_text_quote(text, error);
	sim_text_puts(text, forms[refusal].after);
}

static void
drop_body(SimAnswer *answer)
{
	sim_payload_release(answer->payload);
	answer->payload = NULL;
	json_object_del(answer->headers, "Content-Type");
}

void
sim_answer_dress(SimAnswer *answer, SimRefusal refusal)
{
	SimText		text = {0};

	drop_body(answer);
	if (refusal == SIM_REFUSAL_EMPTY)
		return;
	if (refusal == SIM_REFUSAL_HTML)
	{
		sim_answer_html(answer, answer->status);
		return;
	}
	write_refusal(&text, answer->error, refusal);
	sim_answer_json(answer, answer->status, &text);
}

void
sim_answer_html(SimAnswer *answer, unsigned status)
{
	SimText		text = {0};

	sim_text_printf(&text, "<html>\r\n<head><title>%u</title></head>\r\n"
					"<body>\r\n<center><h1>%u</h1></center>\r\n"
					"<hr><center>gateway</center>\r\n</body>\r\n</html>\r\n",
					status, status);
	sim_answer_json(answer, status, &text);
	sim_answer_header(answer, "Content-Type", "text/html");
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
