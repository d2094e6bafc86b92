/*-------------------------------------------------------------------------
 *
 * answer.h
 *	  What is sent back: status, headers, body.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_ANSWER_H
#define SIM_ANSWER_H

#include "config.h"
#include "payload.h"

#define SIM_ANSWER_ERROR 400

/* Starts as {0}. */
typedef struct SimAnswer
{
	unsigned	status;			/* 0 = there is no answer yet */
	SimPayload *payload;		/* NULL = an empty body */
	json_t	   *headers;		/* object of strings, or NULL */
	char		error[SIM_ANSWER_ERROR];	/* for the log; "" = none */
} SimAnswer;

/* Answers with the text as JSON, and takes the text over. */
extern void sim_answer_json(SimAnswer *answer, unsigned status,
							SimText *text);

/* Answers with a payload as JSON, of which the answer becomes a holder. */
extern void sim_answer_payload(SimAnswer *answer, unsigned status,
							   SimPayload *payload);

/* Answers without a body. */
extern void sim_answer_empty(SimAnswer *answer, unsigned status);

/*
 * Answers {"status":"error","error":...}; the log keeps the reason even if
 * the body is dropped afterwards.
 */
extern void sim_answer_error(SimAnswer *answer, unsigned status,
							 const char *format,...)
			__attribute__((format(printf, 3, 4)));

/* Gives a refusal another body with the same words. */
extern void sim_answer_dress(SimAnswer *answer, SimRefusal refusal);

/* Answers with a page as something between client and server makes it. */
extern void sim_answer_html(SimAnswer *answer, unsigned status);

/* Sets a header; it replaces one of the same name. */
extern void sim_answer_header(SimAnswer *answer, const char *name,
							  const char *value);

/* Frees what the answer holds and empties it. */
extern void sim_answer_clear(SimAnswer *answer);

#endif							/* SIM_ANSWER_H */
