/*-------------------------------------------------------------------------
 *
 * json/string.c
 *		What stands between two quotes of a JSON text.
 *
 * Owns escapes and UTF-8.  Knows nothing of objects and arrays.
 *
 *-------------------------------------------------------------------------
 */
#include "json/string.h"

#include <assert.h>
#include <string.h>

#define ONES				(UINT64_MAX / 255)	/* 1 in each byte */

#define IS_HIGH_SURROGATE(code)	((code) >= 0xD800 && (code) <= 0xDBFF)
#define IS_LOW_SURROGATE(code)	((code) >= 0xDC00 && (code) <= 0xDFFF)

static inline const char *skip_plain(const char *at, const char *end);
static inline uint64_t load_word(const char *at);
static size_t utf8_length(const char *at, const char *end);
static bool is_continuation(const char *at);
static size_t read_escape(const char *at, const char *end, uint32_t *code,
						  const char **error);
static bool read_hex(const char *at, const char *end, uint32_t *code);
static int32_t next_code(const char **at, const char *end, bool escaped);
static size_t put_code(uint32_t code, char *buffer);

const char *
mp_json_string_check(const char *at, const char *end, MpJsonString *string,
					 const char **error)
{
	string->data = at;
	string->escaped = false;
	*error = NULL;
	while ((at = skip_plain(at, end)) < end && *at != '"')
	{
		size_t		length = 0;
		uint32_t	code;

		if (*at == '\\')
		{
			string->escaped = true;
			length = read_escape(at, end, &code, error);
		}
		else if ((unsigned char) *at < 0x20)
			*error = "a control character in a string";
		else if ((length = utf8_length(at, end)) == 0)
			*error = "invalid UTF-8";
		if (length == 0)
			return at;
		at += length;
	}
	string->length = (size_t) (at - string->data);
	return at;
}

const char *
mp_json_string_skip(const char *at, const char *end)
{
	at = skip_plain(at, end);
	while (at < end && (unsigned char) *at >= 0x80)
		at = skip_plain(at + 1, end);
	return at;
}

int
mp_json_string_compare(const MpJsonString *one, const MpJsonString *other)
{
	const char *at_one = one->data;
	const char *at_other = other->data;
	int32_t		code_one;
	int32_t		code_other;

	do
	{
		code_one = next_code(&at_one, one->data + one->length, one->escaped);
		code_other = next_code(&at_other, other->data + other->length,
							   other->escaped);
	} while (code_one == code_other && code_one >= 0);
	return (code_one > code_other) - (code_one < code_other);
}

bool
mp_json_string_equals(const MpJsonString *string, const char *text,
					  size_t length)
{
	const MpJsonString plain = {text, length, false};

	if (string->escaped)
		return mp_json_string_compare(string, &plain) == 0;
	return string->length == length &&
		memcmp(string->data, text, length) == 0;
}

size_t
mp_json_string_unescape(const MpJsonString *string, char *buffer)
{
	const char *at = string->data;
	const char *end = at + string->length;
	char	   *to = buffer;

	while (at < end)
	{
		const char *backslash = memchr(at, '\\', (size_t) (end - at));
		size_t		plain;

		plain = (size_t) ((backslash != NULL ? backslash : end) - at);
		memcpy(to, at, plain);
		to += plain;
		at += plain;
		if (backslash != NULL)
			to += put_code((uint32_t) next_code(&at, end, true), to);
	}
	/* Unescaped text is never longer: the buffer was made for the escaped. */
	assert((size_t) (to - buffer) <= string->length);
	return (size_t) (to - buffer);
}

/*
 * The first byte from `at` that is a quote, a backslash, a control character
 * or no ASCII; `end` if there is none.
 *
 * Eight bytes at a time.  The high bit of a byte of `special` is set if the
 * byte is below 0x20, a quote, a backslash or above 0x7F.  A borrow may set
 * it for a byte after such a one as well, never for one before the first.
 */
static inline const char *
skip_plain(const char *at, const char *end)
{
	while (end - at >= 8)
	{
		uint64_t	word = load_word(at);
		uint64_t	special = word;

		special |= word - ONES * 0x20;
		special |= (word ^ (ONES * '"')) - ONES;
		special |= (word ^ (ONES * '\\')) - ONES;
		special &= ONES * 0x80;
		if (special != 0)
			return at + __builtin_ctzll(special) / 8;
		at += 8;
	}
	while (at < end && (unsigned char) *at >= 0x20 &&
		   (unsigned char) *at < 0x80 && *at != '"' && *at != '\\')
		at++;
	return at;
}

/* Eight bytes, the first one lowest. */
static inline uint64_t
load_word(const char *at)
{
	uint64_t	word;

	memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/*
 * Bytes of the character at `at`, which is not ASCII; 0 if it is invalid:
 * overlong, a surrogate, above U+10FFFF, or cut off.
 */
static size_t
utf8_length(const char *at, const char *end)
{
	unsigned char first = (unsigned char) at[0];
	unsigned char second;
	unsigned char lowest = 0x80;
	unsigned char highest = 0xBF;
	size_t		length = 2 + (first >= 0xE0) + (first >= 0xF0);

	if (first < 0xC2 || first > 0xF4 || (size_t) (end - at) < length)
		return 0;
	if (first == 0xE0)
		lowest = 0xA0;
	else if (first == 0xED)
		highest = 0x9F;
	else if (first == 0xF0)
		lowest = 0x90;
	else if (first == 0xF4)
		highest = 0x8F;
	second = (unsigned char) at[1];
	if (second < lowest || second > highest)
		return 0;
	if (length > 2 && !is_continuation(at + 2))
		return 0;
	if (length > 3 && !is_continuation(at + 3))
		return 0;
	return length;
}

static bool
is_continuation(const char *at)
{
	return ((unsigned char) *at & 0xC0) == 0x80;
}

/*
 * The escape at `at`: its bytes, with *code set; 0 with *error set if it is
 * invalid.  The two escapes of a surrogate pair count as one.
 */
static size_t
read_escape(const char *at, const char *end, uint32_t *code,
			const char **error)
{
	static const char names[] = "\"\\/bfnrt";
	static const char codes[] = "\"\\/\b\f\n\r\t";
	const char *name = NULL;
	uint32_t	low;

	if (end - at >= 2)
		name = memchr(names, at[1], sizeof(names) - 1);
	if (name != NULL)
	{
		*code = (unsigned char) codes[name - names];
		return 2;
	}
	if (!read_hex(at, end, code))
		*error = "an invalid escape";
	else if (*code == 0)
		*error = "an escaped NUL";
	else if (!IS_HIGH_SURROGATE(*code) && !IS_LOW_SURROGATE(*code))
		return 6;
	else if (IS_LOW_SURROGATE(*code) || !read_hex(at + 6, end, &low) ||
			 !IS_LOW_SURROGATE(low))
		*error = "a lone surrogate";
	else
	{
		*code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
		return 12;
	}
	return 0;
}

/* "\uXXXX" */
static bool
read_hex(const char *at, const char *end, uint32_t *code)
{
	if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
		return false;
	*code = 0;
	for (int i = 2; i < 6; i++)
	{
		char		lower = at[i] | 0x20;
		uint32_t	digit;

		if (at[i] >= '0' && at[i] <= '9')
			digit = (uint32_t) (at[i] - '0');
		else if (lower >= 'a' && lower <= 'f')
			digit = (uint32_t) (lower - 'a' + 10);
		else
			return false;
		*code = *code << 4 | digit;
	}
	return true;
}

/* The next character of a checked string, and past it; -1 at its end. */
static int32_t
next_code(const char **at, const char *end, bool escaped)
{
	unsigned char first;
	uint32_t	code = 0;
	const char *error;
	size_t		length;

	if (*at == end)
		return -1;
	first = (unsigned char) **at;
	if (first == '\\' && escaped)
		length = read_escape(*at, end, &code, &error);
	else if (first < 0x80)
	{
		length = 1;
		code = first;
	}
	else
	{
		length = 2 + (first >= 0xE0) + (first >= 0xF0);
		code = first & (0xFFu >> (length + 1));
		for (size_t i = 1; i < length; i++)
			code = code << 6 | ((unsigned char) (*at)[i] & 0x3F);
	}
	*at += length;
	return (int32_t) code;
}

/* As UTF-8; returns the bytes written, at most 4. */
static size_t
put_code(uint32_t code, char *buffer)
{
	size_t		length;

	if (code < 0x80)
	{
		buffer[0] = (char) code;
		return 1;
	}
	length = 2 + (code >= 0x800) + (code >= 0x10000);
	for (size_t i = length - 1; i > 0; i--)
	{
		buffer[i] = (char) (0x80 | (code & 0x3F));
		code >>= 6;
	}
	buffer[0] = (char) ((0xF00u >> length) | code);
	return length;
}
