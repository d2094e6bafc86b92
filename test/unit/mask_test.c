/*-------------------------------------------------------------------------
 *
 * mask_test.c
 *		Tests of mask.c: every form that a secret may be repeated in.
 *
 * The forms are made here by an encoder of base64 that writes them down whole,
 * unlike mask.c.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "base/mask.h"
#include "tap.h"

#define LOGIN "bot:s3c/r3t+%7E z"

static uint64_t random_state = 20260115;

/* xorshift64*: the same numbers in every run */
static unsigned
any(unsigned below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (unsigned) ((random_state * UINT64_C(2685821657736338717) >> 33) %
					   below);
}

static void
test_texts(void)
{
	static const struct
	{
		const char *login;
		const char *text;
		const char *masked;
	}			cases[] = {
		{LOGIN, "", ""},
		{LOGIN, "nothing here", "nothing here"},
		{LOGIN, "you said s3c/r3t+%7E z, no", "you said *, no"},
		{LOGIN, "s3c/r3t+%7E z", "*"},
		{LOGIN, "s3c/r3t+%7E zs3c/r3t+%7E z!", "**!"},
		{LOGIN, "s3c/r3t+%7E", "*"},	/* cut off */
		{LOGIN, "it is s3c/", "it is *"},
		{LOGIN, "it is s3c", "it is s3c"},
		{LOGIN, "s3c/r3t+%7E!", "s3c/r3t+%7E!"},
		{LOGIN, "s3c%2Fr3t%2B%257E%20z.", "*."},
		{LOGIN, "s3c%2fr3t%2b%257e+z.", "s3c%2fr3t%2b%257e+z."},	/* not E */
		{LOGIN, "s3c%2fr3t%2b%257E+z.", "*."},
		{LOGIN, "%73%33%63%2F%72%33%74%2B%25%37%45%20%7A", "*"},
		{LOGIN, "key=s3c%2Fr3t&x", "key=s3c%2Fr3t&x"},
		/* bot:s3c/r3t+%7E z */
		{LOGIN, "Basic Ym90OnMzYy9yM3QrJTdFIHo=.", "Basic *."},
		{LOGIN, "Basic Ym90OnMzYy9yM3QrJTdFIHo", "Basic *"},
		{LOGIN, "Basic Ym90OnMzYy9yM3Q", "Basic *"},
		/* s3c/r3t+%7E z behind nothing, x, xy */
		{LOGIN, "<czNjL3IzdCslN0Ugeg==>", "<*>"},
		{LOGIN, "<eHMzYy9yM3QrJTdFIHo=>", "<eH*>"},
		{LOGIN, "<eHlzM2MvcjN0KyU3RSB6>", "<eHl*>"},
		/* and before something */
		{LOGIN, "<czNjL3IzdCslN0UgejphZnRlcg==>", "<*>"},
		{"bot:\xfb\xff\xfe\xfb\xff\xfe", "a +//++//+ b", "a * b"},
		{"bot:\xfb\xff\xfe\xfb\xff\xfe", "a -__--__- b", "a * b"},
		{"bot:\xfb\xff\xfe\xfb\xff\xfe", "a %2B//%2b+%2F/+ b", "a * b"},
		{"bot:%25x", "a %25x b", "a * b"},
		{"bot:%25x", "a %2525x b", "a * b"},
		{"bot:aab", "aaab aab b", "aaab * b"},
		{"bot:a", "a bad ad", "* bad ad"},
		{"bot:*", "***", "***"},
		{"bot:a:b", "b a:b a", "b * a"},
		{"bot:", "bot: Ym90Og==", "bot: *"},
		{"bot:\xc3\xa9t\xc3\xa9", "un \xc3\xa9t\xc3\xa9 %C3%a9t\xc3\xa9", "un * *"},
	};
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		text[100];

		strcpy(text, cases[i].text);
		mp_mask_login(text, cases[i].login);
		is_str(text, cases[i].masked, "\"%s\" without \"%s\"", cases[i].text,
			   cases[i].login);
	}
}

/* RFC 4648, 4; the NUL as well. */
static void
encode_base64(char *out, const char *in, size_t length)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t		i;

	for (i = 0; i < length * 8; i += 6)
	{
		int			value = 0;
		size_t		bit;

		for (bit = i; bit < i + 6; bit++)
			value = value * 2 + (bit < length * 8 &&
								 (in[bit / 8] >> (7 - bit % 8) & 1));
		*out++ = digits[value];
	}
	for (; i % 24 != 0; i += 6)
		*out++ = '=';
	*out = '\0';
}

/* In base64, between other bytes; nothing of it is left but its edges. */
static void
test_random(void)
{
	int			wrong = 0;
	int			round;

	for (round = 0; round < 20000; round++)
	{
		char		login[64] = "bot:";
		char		around[64] = "";
		char		text[160] = "<";
		size_t		length = 6 + any(20);
		size_t		before = any(9);
		size_t		after = any(9);
		size_t		i;

		for (i = 0; i < before; i++)
			strcat(around, "x");
		for (i = 0; i < length; i++)
			login[4 + i] = (char) (1 + any(255));
		login[4 + length] = '\0';
		strcat(around, login + 4);
		for (i = 0; i < after; i++)
			strcat(around, "y");
		encode_base64(text + 1, around, strlen(around));
		strcat(text, ">");
		mp_mask_login(text, login);
		/* digits of the bytes before, one shared digit, and the mark */
		if (strlen(text) > before * 8 / 6 + 4 || strchr(text, '*') == NULL ||
			text[strlen(text) - 1] != '>')
			wrong++;
	}
	is_int(wrong, 0, "20000 secrets in base64");
}

static void
test_deceivers(void)
{
	static const struct
	{
		const char *text;
		const char *blanked;
	}			cases[] = {
		{"", ""},
		{"plain, \xc3\xa9t\xc3\xa9, \xe2\x82\xac", "plain, \xc3\xa9t\xc3\xa9, \xe2\x82\xac"},
		{"a\tb\nc\x7f" "d", "a b c d"},
		{"a\xc2\x9b" "b\xc2\xa0", "a  b\xc2\xa0"},
		{"a\xe2\x80\xae" "b", "a   b"}, /* U+202E */
		{"a\xe2\x80\xa8" "b", "a   b"}, /* U+2028 */
		{"a\xe2\x80\x8b" "b", "a   b"}, /* U+200B */
		{"a\xe2\x81\xa6" "b", "a   b"}, /* U+2066 */
		{"\xef\xbb\xbf" "b", "   b"},	/* U+FEFF */
		{"a\xf3\xa0\x81\x81", "a    "}, /* U+E0041 */
		{"a\xe2\x80\x94" "b", "a\xe2\x80\x94" "b"}, /* a dash */
		{"cut \xe2\x80", "cut \xe2\x80"},
	};
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		text[100];

		snprintf(text, sizeof(text), "%s", cases[i].text);
		mp_mask_deceivers(text);
		is_str(text, cases[i].blanked, "deceivers of case %d", (int) i);
	}
}

int
main(void)
{
	test_texts();
	test_deceivers();
	test_random();
	return done_testing();
}
