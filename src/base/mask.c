/*-------------------------------------------------------------------------
 *
 * base/mask.c
 *		Credentials taken out of a text that is to be shown.
 *
 * No form of the secret is ever written down to be compared with: its symbols
 * are made one by one while the text is read.
 *
 *-------------------------------------------------------------------------
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/mask.h"

#define LEAST 4					/* symbols that are worth masking, where fewer
								 * would be found in any text */

/* One way to write bytes down: as they are, or in base64. */
typedef struct Form
{
	const char *bytes;
	size_t		length;
	bool		base64;
	size_t		lead;			/* bytes before them, which are not known */
} Form;

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t deceiver(const unsigned char *at);
static void mask_form(char *text, const Form *form);
static size_t match(const char *at, const Form *form, bool escapes);
static size_t first_symbol(const Form *form);
static size_t end_of_symbols(const Form *form);
static unsigned char symbol_of(const Form *form, size_t i);
static unsigned char byte_of(const Form *form, size_t i);
static size_t match_symbol(const char *at, unsigned char symbol,
						   const Form *form, bool escapes);
static int	hex_value(char digit);
static bool is_word(char symbol);
static size_t base64_run(const char *at);

void
mp_mask_login(char *text, const char *login)
{
	const char *colon = strchr(login, ':');
	const char *secret = colon != NULL ? colon + 1 : login;
	Form		whole = {login, strlen(login), true, 0};
	Form		part = {secret, strlen(secret), false, 0};

	mask_form(text, &part);
	/* before its part, or the name's digits would be left */
	mask_form(text, &whole);
	part.base64 = true;
	for (; part.lead < 3; part.lead++)
		mask_form(text, &part);
}

void
mp_mask_deceivers(char *text)
{
	while (*text != '\0')
	{
		size_t		length = deceiver((const unsigned char *) text);

		if (length == 0)
			text++;
		for (; length > 0; length--)
			*text++ = ' ';
	}
}

/* The length of one that stands here in UTF-8; 0: another character does. */
static size_t
deceiver(const unsigned char *at)
{
	if (at[0] < 0x20 || at[0] == 0x7f)
		return at[0] != '\0';
	if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
		return 2;				/* C1 */
	if (at[0] == 0xd8 && at[1] == 0x9c)
		return 2;				/* U+061C */
	if (at[0] == 0xe2 && at[1] == 0x80 &&
		((at[2] >= 0x8b && at[2] <= 0x8f) || (at[2] >= 0xa8 && at[2] <= 0xae)))
		return 3;				/* U+200B to 200F, 2028 to 202E */
	if (at[0] == 0xe2 && at[1] == 0x81 && at[2] >= 0xa0 && at[2] <= 0xaf)
		return 3;				/* U+2060 to 206F */
	if (at[0] == 0xef && at[1] == 0xbb && at[2] == 0xbf)
		return 3;				/* U+FEFF */
	if (at[0] == 0xf3 && at[1] == 0xa0 && at[2] >= 0x80 && at[2] <= 0x81 &&
		at[3] != '\0')
		return 4;				/* tags, U+E0000 to E007F */
	return 0;
}

/* Replace each occurrence of one form of the secret with an asterisk */
static void
mask_form(char *text, const Form *form)
{
	const char *start = text;
	bool		word = !form->base64 && form->length < LEAST;

	if (form->length == 0 ||
		(form->base64 && end_of_symbols(form) < first_symbol(form) + LEAST))
		return;
	for (; *text != '\0'; text++)
	{
		size_t		plain = match(text, form, false);
		size_t		escaped = match(text, form, true);
		size_t		length = plain > escaped ? plain : escaped;

		/* in the midst of a word it says nothing, and is everywhere */
		if (length == 0 ||
			(word && ((text > start && is_word(text[-1])) ||
					  is_word(text[length]))))
			continue;
		if (form->base64)
			length += base64_run(text + length);
		*text = '*';
		memmove(text + 1, text + length, strlen(text + length) + 1);
	}
}

/* How many characters of the text are the form, or its beginning where the
 * text ends. */
static size_t
match(const char *at, const Form *form, bool escapes)
{
	size_t		first = first_symbol(form);
	size_t		end = end_of_symbols(form);
	size_t		used = 0;
	size_t		i;

	for (i = first; i < end; i++)
	{
		size_t		length = match_symbol(at + used, symbol_of(form, i), form,
										  escapes);

		if (length == 0)
			break;
		used += length;
	}
	if (i == end || (at[used] == '\0' && i >= first + LEAST))
		return used;
	return 0;
}

/* The first one of which all bits are known. */
static size_t
first_symbol(const Form *form)
{
	return form->base64 ? (form->lead * 8 + 5) / 6 : 0;
}

static size_t
end_of_symbols(const Form *form)
{
	return form->base64 ? (form->lead + form->length) * 8 / 6 : form->length;
}

static unsigned char
symbol_of(const Form *form, size_t i)
{
	size_t		byte = i * 6 / 8;
	size_t		shift = 10 - i * 6 % 8;
	unsigned	bits;

	if (!form->base64)
		return (unsigned char) form->bytes[i];
	bits = (unsigned) byte_of(form, byte) << 8 | byte_of(form, byte + 1);
	return (unsigned char) base64_digits[bits >> shift & 63];
}

/*
 * The i-th byte that the form encodes.  Neighbours that are not known count as
 * 0: none of their bits is part of a symbol that is compared.
 */
static unsigned char
byte_of(const Form *form, size_t i)
{
	if (i < form->lead || i >= form->lead + form->length)
		return 0;
	return (unsigned char) form->bytes[i - form->lead];
}

/* How many characters of the text stand for this symbol; 0: they do not. */
static size_t
match_symbol(const char *at, unsigned char symbol, const Form *form,
			 bool escapes)
{
	unsigned char found = (unsigned char) *at;

	if (escapes && found == '%' && hex_value(at[1]) >= 0 &&
		hex_value(at[2]) >= 0 &&
		hex_value(at[1]) * 16 + hex_value(at[2]) == symbol)
		return 3;
	/* as forms of web pages write it */
	if (escapes && !form->base64 && symbol == ' ' && found == '+')
		return 1;
	/* the alphabet for file names and URLs (RFC 4648, 5) */
	if (form->base64 && ((symbol == '+' && found == '-') ||
						 (symbol == '/' && found == '_')))
		return 1;
	return found == symbol;
}

static int
hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

static bool
is_word(char symbol)
{
	return (symbol >='0' && symbol <='9') ||
		(symbol >='a' && symbol <='z') ||
		(symbol >='A' && symbol <='Z') ||(symbol &0x80) !=0;
}

static size_t
base64_run(const char *at)
{
	return strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789+/-_=");
}
