/*-------------------------------------------------------------------------
 *
 * api_secret_test.c
 *		From the request to the record: no memory is given back with the new
 *		account's secret in it.
 *
 * The linker lets every free() of our files come by here first (--wrap=free).
 * jansson, which reads no answer so far, is given a function of this file.
 *
 *-------------------------------------------------------------------------
 */
#include <jansson.h>

#include "api/api.h"
#include "http_client.h"
#include "tap.h"

#define LONG 40000				/* more than one read of libcurl gives */

static const char *const secrets[] = {
	"s3cr3t", "cm9ib3Q6czNjcjN0", "received-token",
};

#include "freed.h"

static void
free_of_jansson(void *memory)
{
	look_into(memory);
	__real_free(memory);
}

/* The secret that a create's answer gives; NULL: none. */
static const char *
create(char *secret, size_t size)
{
	MpNewAccount account = {.username = "bot"};
	MpRecord	record;
	MpCallState state;
	MpCall	   *call;
	const char *result = NULL;

	watching = true;
	mp_record_init(&record);
	call = mp_api_create_account(http, &settings, &account);
	while ((state = mp_call_next(call, &record)) == MP_CALL_WAIT)
		client_step(1000);
	if (state == MP_CALL_RECORD && record.values[MP_FIELD_SECRET].present)
	{
		MpText		text = record.values[MP_FIELD_SECRET].as.text;

		snprintf(secret, size, "%.*s", (int) text.length, text.data);
		result = secret;
	}
	/* to the end, where what stands around the record is read */
	while (mp_call_next(call, &record) == MP_CALL_WAIT)
		client_step(1000);
	mp_record_release(&record);
	mp_call_free(call);
	watching = false;
	return result;
}

static void
test_answers(void)
{
	static const struct
	{
		const char *before;
		const char *after;
		bool		given;
	}			answers[] = {
		{"{\"id\":7,\"token\":\"received-token\",\"x\":\"", "\"}", true},
		{"[{\"id\":7,\"x\":\"", "\",\"secret\":\"received-token\"}]", true},
		{"{\"status\":\"ok\",\"results\":{\"token\":\"received-token\",\"x\":\"",
		"\",\"id\":7}}", true},
		{"{\"results\":[{\"token\":\"received-token\",\"id\":7}],\"x\":\"",
		"\"}", true},
		/* unescaped into a buffer of the record */
		{"{\"id\":7,\"token\":\"received-t\\u006fken\",\"x\":\"", "\"}", true},
		/* refused, at whatever place */
		{"{\"token\":\"received-token\",\"x\":\"", "\"}", false},
		{"{\"status\":\"error\",\"error\":\"received-token\",\"x\":\"", "\"}",
		false},
		{"{\"id\":7,\"token\":\"received-token\",\"x\":\"", "\"", false},
		{"{\"id\":7,\"token\":\"received-token\",\"token\":\"", "\"}", false},
	};
	static char texts[32][LONG + 512];	/* the server sends them when it can */
	char		secret[64];
	size_t		i;

	client_begin();
	for (i = 0; i < 2 * sizeof(answers) / sizeof(answers[0]); i++)
	{
		const char *before = answers[i / 2].before;
		const char *after = answers[i / 2].after;
		int			filler = i % 2 == 0 ? 10 : LONG;
		const char *given;

		snprintf(texts[i], sizeof(texts[i]),
				 "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%s%0*d%s",
				 before, filler, 0, after);
		client_reply(texts[i], REPLY_CLOSE);
		given = create(secret, sizeof(secret));
		is_str(given, answers[i / 2].given ? "received-token" : NULL,
			   "%s...%d...%s", before, filler, after);
	}
	client_end();
	is_int(found, 0, "no secret is left in what is freed");
	ok(freed > 0, "and there was something to look at");
}

static void
test_refusal(void)
{
	char		secret[64];

	client_begin();
	client_reply("HTTP/1.1 400 No\r\nContent-Length: 26\r\n\r\n"
				 "{\"error\":\"received-token\"}", REPLY_KEEP);
	is_str(create(secret, sizeof(secret)), NULL, "a refusal with a body");
	client_end();
	is_int(found, 0, "no secret is left in what is freed");
}

/* Cut short while the answer is arriving. */
static void
test_cancel(void)
{
	MpNewAccount account = {.username = "bot"};
	MpRecord	record;
	MpCall	   *call;
	const char *bytes;

	client_begin();
	client_reply("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
				 "{\"id\":7,\"token\":\"received-token\",", REPLY_HANG);
	watching = true;
	mp_record_init(&record);
	call = mp_api_create_account(http, &settings, &account);
	while (mp_http_peek(mp_call_request(call), &bytes) == 0 ||
		   mp_call_next(call, &record) != MP_CALL_WAIT)
		client_step(1000);
	mp_record_release(&record);
	mp_call_free(call);
	watching = false;
	client_end();
	is_int(found, 0, "no secret is left in what is freed");
}

static void
test_watch(void)
{
	json_t	   *text;

	json_set_alloc_funcs(malloc, free_of_jansson);
	text = json_loads("[\"received-token\"]", 0, NULL);
	watching = true;
	json_decref(text);
	watching = false;
	ok(found > 0, "a secret is found in what jansson frees");
	found = freed = 0;

	test_answers();
	test_refusal();
	test_cancel();
}

int
main(void)
{
	test_watch();
	return done_testing();
}
