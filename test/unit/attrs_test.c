/*-------------------------------------------------------------------------
 *
 * attrs_test.c
 *		What the column attrs shows of an element: secrets are blanked wherever
 *		they stand, and numbers that the database cannot hold are found.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/attrs.h"
#include "tap.h"

/* In memory of just that size, so that a sanitizer sees what is beyond. */
static void
cleans_to(const char *text, const char *secret, const char *wanted)
{
	size_t		length = strlen(text);
	char	   *copy = malloc(length);
	char	   *scratch = malloc(2 * length);
	const char *at = secret == NULL ? NULL : strstr(text, secret);
	MpText		known[MP_RECORD_SECRETS] = {{NULL, 0}, {NULL, 0}};
	size_t		left;

	if (at != NULL)
	{
		known[1].data = at;
		known[1].length = strlen(secret);
	}
	memcpy(copy, text, length);
	left = mp_attrs_clean(copy, length, known, MP_RECORD_SECRETS, scratch);
	ok(left == strlen(wanted) && memcmp(copy, wanted, left) == 0, "%s", text);
	if (left != strlen(wanted) || memcmp(copy, wanted, left) != 0)
		diag("got %.*s", (int) left, copy);
	ok(left == length || copy[length - 1] == '\0', "the rest is wiped");
	free(copy);
	free(scratch);
}

static void
test_names(void)
{
	static const char *const same[] = {
		"{}", "{\"id\":1,\"name\":\"bot\",\"x\":[true,false,null,-1.5e+3]}",
		"{\"tokens_left\":5,\"token_type\":\"bearer\",\"has_token\":true}",
		"{\"a\":{\"b\":[{\"c\":\"d\"},\"e\"]}, \"f\" : \"\\\"{[\\\\\"}",
		"{\"secret\":null,\"password\":true}",
	};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		cleans_to(same[i], NULL, same[i]);
	cleans_to("{\"secret\":\"abcdef\",\"id\":1}", NULL,
			  "{\"secret\":\"***\",\"id\":1}");
	cleans_to("{\"Token\":\"abcdef\",\"id\":1}", NULL,
			  "{\"Token\":\"***\",\"id\":1}");
	cleans_to("{\"apiSecret\" : \"abcdef\", \"id\" : \"x\"}", NULL,
			  "{\"apiSecret\" : \"***\", \"id\" : \"x\"}");
	cleans_to("{\"X-Api-Key\":\"abcdef\"}", NULL, "{\"X-Api-Key\":\"***\"}");
	cleans_to("{\"pass\\u0077ord\":\"a\"}", NULL,
			  "{\"pass\\u0077ord\":\"*\"}");
	cleans_to("{\"\\u0054OKEN\":\"\"}", NULL, "{\"\\u0054OKEN\":\"\"}");
	cleans_to("{\"credentials\":{\"secret\":\"abcdef\"},\"id\":1}", NULL,
			  "{\"credentials\":{\"secret\":\"***\"},\"id\":1}");
	cleans_to("{\"a\":[[{\"token\":\"abcdef\",\"b\":\"c\"}]],\"d\":\"e\"}",
			  NULL, "{\"a\":[[{\"token\":\"***\",\"b\":\"c\"}]],\"d\":\"e\"}");
	cleans_to("{\"secrets\":[\"abcdef\",{\"v\":\"abc\",\"n\":-12.5},7],"
			  "\"d\":\"e\",\"n\":12}", NULL,
			  "{\"secrets\":[\"***\",{\"v\":\"***\",\"n\":0},0],"
			  "\"d\":\"e\",\"n\":12}");
	cleans_to("{\"token\":123456,\"id\":123456}", NULL,
			  "{\"token\":0,\"id\":123456}");
	cleans_to("{\"secret\":{},\"a\":\"b\",\"token\":[],\"c\":\"d\"}", NULL,
			  "{\"secret\":{},\"a\":\"b\",\"token\":[],\"c\":\"d\"}");
	cleans_to("{\"secret\":[{\"secret\":[1]},\"x\"],\"a\":\"b\"}", NULL,
			  "{\"secret\":[{\"secret\":[0]},\"*\"],\"a\":\"b\"}");
}

/* One that is known is found in other members, however it is spelt. */
static void
test_values(void)
{
	cleans_to("{\"secret\":\"s3cr3t\",\"note\":\"s3cr3t\",\"a\":\"s3cr\"}",
			  "s3cr3t",
			  "{\"secret\":\"***\",\"note\":\"***\",\"a\":\"s3cr\"}");
	cleans_to("{\"secret\":\"s3cr3t\",\"url\":[\"http://x?s3cr3t&y\"]}",
			  "s3cr3t", "{\"secret\":\"***\",\"url\":[\"***\"]}");
	cleans_to("{\"secret\":\"s3cr3t\",\"note\":\"s\\u0033cr3t\"}",
			  "s3cr3t", "{\"secret\":\"***\",\"note\":\"***\"}");
	cleans_to("{\"secret\":\"s3\\/r3t\",\"note\":\"s3/r3t\"}",
			  "s3\\/r3t", "{\"secret\":\"***\",\"note\":\"***\"}");
	cleans_to("{\"secret\":\"s3cr3t\",\"by\":{\"s3cr3t\":1}}",
			  "s3cr3t", "{\"secret\":\"***\",\"by\":{\"***\":1}}");
	cleans_to("{\"secret\":\"q\",\"note\":\"q\",\"more\":\"qq\"}",
			  "q", "{\"secret\":\"*\",\"note\":\"*\",\"more\":\"qq\"}");
}

static void
fits(const char *text, bool wanted)
{
	ok(mp_attrs_fits(text, strlen(text)) == wanted, "%s", text);
}

/* The limits are those of PostgreSQL; 027_attrs of the server's tests asks
 * the server. */
static void
test_numbers(void)
{
	char	   *digits = malloc(200000);

	fits("{}", true);
	fits("{\"a\":[0,-0,1.5,1e10,1E-10,1e+5,true,false,null]}", true);
	fits("{\"1e400000\":\"1e400000\",\"\\\"1e400000\":2}", true);
	fits("[1e131071]", true);
	fits("[1e131072]", false);
	fits("[-1e131072]", false);
	fits("[12e131071]", false);
	fits("[0.1e131072]", true);
	fits("[0.01e131073]", true);
	fits("[0.1e131073]", false);
	fits("[0e131072]", true);
	fits("[0e999999999]", true);
	fits("[0e9999999999]", false);
	fits("[1e-16383]", true);
	fits("[1e-16384]", false);
	fits("[0e-16384]", false);
	fits("[1.5e-16383]", false);
	fits("[1e-20000]", false);
	fits("[1e400000]", false);
	fits("[1e99999999999999999999]", false);
	fits("[1e-99999999999999999999]", false);
	fits("{\"a\":1,\"b\":{\"c\":[1e-20000]}}", false);
	memset(digits, '1', 200000);
	digits[0] = '[';
	digits[131073] = ']';
	ok(mp_attrs_fits(digits, 131074), "131072 digits");
	digits[131073] = '1';
	digits[131074] = ']';
	ok(!mp_attrs_fits(digits, 131075), "131073 digits");
	digits[2] = '.';
	ok(!mp_attrs_fits(digits, 131075), "as many behind the point");
	digits[16386] = ']';
	ok(mp_attrs_fits(digits, 16387), "16383 behind the point");
	free(digits);
}

int
main(void)
{
	test_names();
	test_values();
	test_numbers();
	return done_testing();
}
