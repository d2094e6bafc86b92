/*-------------------------------------------------------------------------
 *
 * text.h
 *	  A growing run of bytes, and JSON written into it.
 *
 * Lists of 100,000 records are written straight into a SimText: building
 * them as jansson values first costs ten times as long.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_TEXT_H
#define SIM_TEXT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Starts as {0}; `data` is NULL while nothing was ever appended. */
typedef struct SimText
{
	char	   *data;			/* not terminated */
	size_t		size;			/* bytes in use */
	size_t		capacity;		/* bytes allocated */
} SimText;

extern void sim_text_append(SimText *text, const void *bytes, size_t size);
extern void sim_text_puts(SimText *text, const char *string);
extern void sim_text_printf(SimText *text, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* A JSON string with its quotes, or null for NULL; expects valid UTF-8. */
extern void sim_text_quote(SimText *text, const char *string);

/* A JSON string with an RFC 3339 time, or null for SIM_CLOCK_NEVER. */
extern void sim_text_time(SimText *text, int64_t when);

/* Any JSON value in compact form, null for NULL. */
extern void sim_text_json(SimText *text, const json_t *value);

/* Puts a comma unless the text is empty or ends in '[', '{' or ':'. */
extern void sim_text_comma(SimText *text);

extern void sim_text_free(SimText *text);

#endif							/* SIM_TEXT_H */
