/*-------------------------------------------------------------------------
 *
 * text.c
 *	  A growing run of bytes, and JSON written into it.
 *
 * Owns the bytes until a SimPayload takes them over.  Must not know what
 * the JSON means.
 *
 *-------------------------------------------------------------------------
 */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "memory.h"

static void
reserve(SimText *text, size_t more)
{
	size_t		capacity = text->capacity > 0 ? text->capacity : 256;

	while (capacity < text->size + more)
		capacity *= 2;
	if (capacity == text->capacity)
		return;
	text->data = sim_memory_resize(text->data, capacity);
	text->capacity = capacity;
}

void
sim_text_append(SimText *text, const void *bytes, size_t size)
{
	if (size == 0)
		return;
	reserve(text, size);
	memcpy(text->data + text->size, bytes, size);
	text->size += size;
}

void
sim_text_puts(SimText *text, const char *string)
{
	sim_text_append(text, string, strlen(string));
}

void
sim_text_printf(SimText *text, const char *format,...)
{
	va_list		args;
	int			need;

	va_start(args, format);
	need = vsnprintf(NULL, 0, format, args);
	va_end(args);

	/* vsnprintf wants a place for its terminator */
	reserve(text, (size_t) need + 1);
	va_start(args, format);
	vsnprintf(text->data + text->size, (size_t) need + 1, format, args);
	va_end(args);
	text->size += (size_t) need;
}

void
sim_text_quote(SimText *text, const char *string)
{
	if (string == NULL)
	{
		sim_text_puts(text, "null");
		return;
	}
	sim_text_puts(text, "\"");
	while (*string != '\0')
	{
		size_t		plain = 0;

		while ((unsigned char) string[plain] >= 0x20 &&
			   string[plain] != '"' && string[plain] != '\\')
			plain++;
		sim_text_append(text, string, plain);
		string += plain;
		if (*string == '"' || *string == '\\')
			sim_text_printf(text, "\\%c", *string++);
		else if (*string != '\0')
			sim_text_printf(text, "\\u%04x", (unsigned) *string++);
	}
	sim_text_puts(text, "\"");
}

void
sim_text_time(SimText *text, int64_t when)
{
	char		buffer[SIM_CLOCK_TEXT];

	if (when == SIM_CLOCK_NEVER)
		sim_text_quote(text, NULL);
	else
		sim_text_quote(text, sim_clock_format(when, buffer));
}

static int
append_dump(const char *bytes, size_t size, void *text)
{
	sim_text_append(text, bytes, size);
	return 0;
}

void
sim_text_json(SimText *text, const json_t *value)
{
	if (value == NULL)
		sim_text_puts(text, "null");
	else
		json_dump_callback(value, append_dump, text,
						   JSON_COMPACT | JSON_ENCODE_ANY);
}

void
sim_text_comma(SimText *text)
{
	if (text->size > 0 &&
		memchr("[{:", text->data[text->size - 1], 3) == NULL)
		sim_text_puts(text, ",");
}

void
sim_text_free(SimText *text)
{
	free(text->data);
	memset(text, 0, sizeof(*text));
}
