/*-------------------------------------------------------------------------
 *
 * api/attrs.c
 *		The element of an answer as the column attrs shows it.
 *
 * The text is walked once, from token to token, without a tree.  What is
 * written in place of something is never longer, so it is written over what
 * has been read.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "api/attrs.h"
#include "json/string.h"

#define MAX_BEFORE	131072		/* digits of a numeric before its point */
#define MAX_BEHIND	16383		/* and behind it */
#define MAX_EXPONENT 1000000000
#define SHORT_SECRET 4			/* bytes; one below that is all of a string,
								 * or a coincidence */
#define LONGEST_NAME 64			/* letters and digits that are looked at */

/* Parts of names, without case and punctuation. */
static const char *const telling_parts[] = {
	"secret", "password", "passwd", "passphrase", "credential",
};
static const char *const telling_ends[] = {
	"token", "tokens", "apikey", "apikeys", "accesskey", "accesskeys",
	"privatekey", "privatekeys", "authorization",
};

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

typedef struct Cleaning
{
	const char *at;				/* what is read next */
	const char *end;
	char	   *out;			/* where the next byte is written */
	const MpText *secrets;
	int			count;
	char	   *scratch;
	int			depth;
	int			hidden;			/* depth from which on all is hidden; 0: none
								 * of it */
	bool		named;			/* the next value is that of such a name */
} Cleaning;

static bool is_number_fit(const char **position, const char *end);
static bool is_number_start(char c);
static bool is_number_byte(char c);
static void clean_string(Cleaning *cleaning);
static bool is_name(const Cleaning *cleaning, const char *behind);
static bool holds_secret(const Cleaning *cleaning, const char *text,
						 size_t length);
static bool is_telling(const char *text, size_t length);
static bool ends_with(const char *text, size_t length, const char *tail);
static void clean_number(Cleaning *cleaning);
static void clean_other(Cleaning *cleaning);
static void put(Cleaning *cleaning, const char *bytes, size_t length);
static void find_string(const char *at, const char *end,
						MpJsonString *string);

bool
mp_attrs_fits(const char *text, size_t length)
{
	const char *at = text;
	const char *end = text + length;
	MpJsonString string;

	while (at < end)
	{
		if (*at == '"')
		{
			find_string(at + 1, end, &string);
			at = string.data + string.length + 1;
		}
		else if (!is_number_start(*at))
			at++;
		else if (!is_number_fit(&at, end))
			return false;
	}
	return true;
}

size_t
mp_attrs_clean(char *text, size_t length, const MpText *secrets, int count,
			   char *scratch)
{
	Cleaning	cleaning = {
		.at = text,
		.end = text + length,
		.out = text,
		.secrets = secrets,
		.count = count,
		.scratch = scratch,
	};
	MpText		known[MP_RECORD_SECRETS];
	size_t		used = 0;
	size_t		left;

	if (length == 0)
		return 0;
	/* what the secrets mean, before they are written over */
	for (int i = 0; i < count && i < MP_RECORD_SECRETS; i++)
	{
		MpJsonString string = {secrets[i].data, secrets[i].length, true};

		known[i].data = scratch + used;
		known[i].length = secrets[i].length == 0 ? 0 :
			mp_json_string_unescape(&string, scratch + used);
		used += known[i].length;
	}
	cleaning.secrets = known;
	cleaning.scratch = scratch + used;
	while (cleaning.at < cleaning.end)
	{
		if (*cleaning.at == '"')
			clean_string(&cleaning);
		else if (is_number_start(*cleaning.at))
			clean_number(&cleaning);
		else
			clean_other(&cleaning);
	}
	left = (size_t) (cleaning.out - text);
	mp_wipe(cleaning.out, length - left);
	mp_wipe(scratch, 2 * length);
	return left;
}

/* ---- numbers ---- */

/* Leaves *position behind the number. */
static bool
is_number_fit(const char **position, const char *end)
{
	const char *at = *position;
	int64_t		before = 0;		/* digits from the first that is not 0 on */
	int64_t		behind = 0;
	int64_t		zeros = 0;		/* behind the point, before any such digit */
	int64_t		exponent = 0;
	bool		point = false;
	bool		value = false;	/* a digit that is not 0 was seen */
	bool		negative = false;

	for (; at < end && is_number_byte(*at) && *at != 'e' && *at != 'E'; at++)
	{
		point |= *at == '.';
		if (*at < '0' || *at > '9')
			continue;
		value |= *at != '0';
		before += value && !point;
		behind += point;
		zeros += point && !value;
	}
	if (at < end && (*at == 'e' || *at == 'E'))
		for (at++; at < end && is_number_byte(*at); at++)
		{
			negative |= *at == '-';
			if (*at >= '0' && *at <= '9' && exponent < MAX_EXPONENT)
				exponent = 10 * exponent + (*at - '0');
		}
	*position = at;
	if (exponent >= MAX_EXPONENT)
		return false;
	exponent = negative ? -exponent : exponent;
	if (behind - exponent > MAX_BEHIND)
		return false;
	if (before == 0)
		before = -zeros;
	return !value || before + exponent <= MAX_BEFORE;
}

static bool
is_number_start(char c)
{
	return (c >= '0' && c <= '9') || c == '-';
}

static bool
is_number_byte(char c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' ||
		c == 'e' || c == 'E';
}

/* ---- secrets ---- */

/* A name or a value, read and written. */
static void
clean_string(Cleaning *cleaning)
{
	MpJsonString string;
	const char *behind;
	char	   *text = cleaning->scratch;
	size_t		length;
	bool		name;
	bool		hide;

	find_string(cleaning->at + 1, cleaning->end, &string);
	behind = string.data + string.length + 1;
	length = mp_json_string_unescape(&string, text);
	name = is_name(cleaning, behind);
	hide = holds_secret(cleaning, text, length) ||
		(!name && (cleaning->named || cleaning->hidden > 0));
	put(cleaning, "\"", 1);
	if (hide)
		put(cleaning, "***", string.length < 3 ? string.length : 3);
	else
		put(cleaning, string.data, string.length);
	put(cleaning, "\"", 1);
	cleaning->named = name && is_telling(text, length);
	cleaning->at = behind;
}

/* Of a member, as a colon follows? */
static bool
is_name(const Cleaning *cleaning, const char *behind)
{
	while (behind < cleaning->end && strchr(" \t\r\n", *behind) != NULL)
		behind++;
	return behind < cleaning->end && *behind == ':';
}

static bool
holds_secret(const Cleaning *cleaning, const char *text, size_t length)
{
	for (int i = 0; i < cleaning->count; i++)
	{
		const MpText *secret = &cleaning->secrets[i];

		if (secret->length == 0 || secret->length > length)
			continue;
		if (secret->length < SHORT_SECRET ?
			length == secret->length &&
			memcmp(text, secret->data, length) == 0 :
			memmem(text, length, secret->data, secret->length) != NULL)
			return true;
	}
	return false;
}

/* Is it what something is called that is to be kept secret? */
static bool
is_telling(const char *text, size_t length)
{
	char		name[LONGEST_NAME + 1];
	size_t		used = 0;

	for (size_t i = 0; i < length && used < LONGEST_NAME; i++)
	{
		char		c = text[i];

		if (c >= 'A' && c <= 'Z')
			c = (char) (c - 'A' + 'a');
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			name[used++] = c;
	}
	name[used] = '\0';
	for (size_t i = 0; i < LENGTH_OF(telling_parts); i++)
		if (strstr(name, telling_parts[i]) != NULL)
			return true;
	for (size_t i = 0; i < LENGTH_OF(telling_ends); i++)
		if (ends_with(name, used, telling_ends[i]))
			return true;
	return false;
}

static bool
ends_with(const char *text, size_t length, const char *tail)
{
	size_t		size = strlen(tail);

	return length >= size && memcmp(text + length - size, tail, size) == 0;
}

static void
clean_number(Cleaning *cleaning)
{
	const char *start = cleaning->at;

	while (cleaning->at < cleaning->end && is_number_byte(*cleaning->at))
		cleaning->at++;
	if (cleaning->named || cleaning->hidden > 0)
		put(cleaning, "0", 1);
	else
		put(cleaning, start, (size_t) (cleaning->at - start));
	cleaning->named = false;
}

/* Brackets, blanks, commas and colons; true, false and null, which tell
 * nothing. */
static void
clean_other(Cleaning *cleaning)
{
	char		c = *cleaning->at;
	size_t		length = 1;

	if (c == '{' || c == '[')
	{
		cleaning->depth++;
		if (cleaning->named && cleaning->hidden == 0)
			cleaning->hidden = cleaning->depth;
		cleaning->named = false;
	}
	else if (c == '}' || c == ']')
	{
		if (cleaning->hidden == cleaning->depth)
			cleaning->hidden = 0;
		cleaning->depth--;
	}
	else if (c == 't' || c == 'n' || c == 'f')
	{
		length = c == 'f' ? 5 : 4;
		cleaning->named = false;
	}
	put(cleaning, cleaning->at, length);
	cleaning->at += length;
}

static void
put(Cleaning *cleaning, const char *bytes, size_t length)
{
	assert(cleaning->out + length <= cleaning->end);
	memmove(cleaning->out, bytes, length);
	cleaning->out += length;
}

/* The string that begins at `at`, behind its quote. */
static void
find_string(const char *at, const char *end, MpJsonString *string)
{
	string->data = at;
	string->escaped = false;
	while ((at = mp_json_string_skip(at, end)) < end && *at == '\\')
	{
		string->escaped = true;
		at += 2;
	}
	string->length = (size_t) (at - string->data);
}
