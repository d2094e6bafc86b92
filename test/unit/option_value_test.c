/*-------------------------------------------------------------------------
 *
 * option_value_test.c
 *		Texts of options -> values.
 *
 *-------------------------------------------------------------------------
 */
#include <limits.h>
#include <stdlib.h>

#include "catalog/option_value.h"
#include "tap.h"

#define COUNT(array) ((int) (sizeof(array) / sizeof((array)[0])))

static void test_ids(void);
static void test_id_lists(void);
static void test_durations(void);
static void test_rates(void);
static void test_integers(void);
static void test_base_urls(void);
static void test_proxies(void);

int
main(void)
{
	test_ids();
	test_id_lists();
	test_durations();
	test_rates();
	test_integers();
	test_base_urls();
	test_proxies();
	return done_testing();
}

static void
test_ids(void)
{
	static const char *const bad[] = {
		"", "0", "00", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x10",
		"9223372036854775808", "99999999999999999999", "1a",
	};
	int64_t		id = 0;

	ok(mp_value_parse_id("1", &id) && id == 1, "1");
	ok(mp_value_parse_id("007", &id) && id == 7, "leading zeros");
	ok(mp_value_parse_id("9223372036854775807", &id) && id == INT64_MAX,
	   "the largest id");
	for (int i = 0; i < COUNT(bad); i++)
		ok(!mp_value_parse_id(bad[i], &id), "no id: \"%s\"", bad[i]);
}

static void
test_id_lists(void)
{
	static const char *const bad[] = {
		"", ",", "1,", ",1", "1,,2", "1 2", "1;2", "1,0", "1,-2",
		"1,9223372036854775808", "1,000000000000000000000000000000001",
	};
	int64_t		ids[3] = {0, 0, 0};

	is_int(mp_value_parse_ids("5", ids, 3), 1, "one id");
	is_int(ids[0], 5, "its value");
	is_int(mp_value_parse_ids(" 1 ,\t2,3 ", ids, 3), 3, "three, with space");
	ok(ids[0] == 1 && ids[1] == 2 && ids[2] == 3, "their values");
	ids[1] = 77;
	is_int(mp_value_parse_ids("8,9,10", ids, 1), 3, "counted beyond the room");
	ok(ids[0] == 8 && ids[1] == 77, "and not written beyond it");
	is_int(mp_value_parse_ids("8,9", NULL, 0), 2, "counted without room");
	for (int i = 0; i < COUNT(bad); i++)
		is_int(mp_value_parse_ids(bad[i], ids, 3), -1, "no list: \"%s\"",
			   bad[i]);
}

static void
test_durations(void)
{
	static const struct
	{
		const char *text;
		int			milliseconds;
	}			good[] = {
		{"1", 1},
		{"250", 250},
		{"500ms", 500},
		{"500 ms", 500},
		{"30s", 30000},
		{"2min", 120000},
		{"2147483647", INT_MAX},
		{"2147483s", 2147483000},
		{"35791min", 2147460000},
	};
	static const char *const bad[] = {
		"", "0", "0s", "-1", "s", "ms", "1h", "1d", "1 m", "1S", "1.5s",
		"2147483648", "2147484s", "35792min", "99999999999", "1s ", " 1s",
		"1s2",
	};
	int			value;

	for (int i = 0; i < COUNT(good); i++)
		ok(mp_value_parse_duration(good[i].text, &value) &&
		   value == good[i].milliseconds, "\"%s\" is %d ms", good[i].text,
		   good[i].milliseconds);
	for (int i = 0; i < COUNT(bad); i++)
		ok(!mp_value_parse_duration(bad[i], &value), "no duration: \"%s\"",
		   bad[i]);
}

static void
test_rates(void)
{
	static const char *const bad[] = {
		"", "5", "/s", "0/s", "-1/s", "+5/s", "5 /s", "5/ s", "5/sec", "5/m",
		"5/d", "5/S", "5/h ", "1000001/h", "10000000/h", "4294967297/s",
		"1.5/s", "s/5", "5/s/s",
	};
	MpRate		rate;

	ok(mp_value_parse_rate("60/h", &rate) && rate.number == 60 &&
	   rate.period == 3600000, "60/h");
	ok(mp_value_parse_rate("100/min", &rate) && rate.number == 100 &&
	   rate.period == 60000, "100/min");
	ok(mp_value_parse_rate("5/s", &rate) && rate.number == 5 &&
	   rate.period == 1000, "5/s");
	ok(mp_value_parse_rate("1000000/s", &rate) && rate.number == 1000000,
	   "the most");
	for (int i = 0; i < COUNT(bad); i++)
		ok(!mp_value_parse_rate(bad[i], &rate), "no rate: \"%s\"", bad[i]);
}

static void
test_integers(void)
{
	int			value = -1;

	ok(mp_value_parse_int("0", 0, 10, &value) && value == 0, "0 from 0 to 10");
	ok(mp_value_parse_int("10", 0, 10, &value) && value == 10,
	   "10 from 0 to 10");
	ok(!mp_value_parse_int("11", 0, 10, &value), "11 is above");
	ok(!mp_value_parse_int("0", 1, 64, &value), "0 is below");
	ok(!mp_value_parse_int("-1", 0, 10, &value), "-1 is not taken");
	ok(!mp_value_parse_int("", 0, 10, &value), "nothing is not taken");
	ok(!mp_value_parse_int("4294967296", 0, 10, &value), "2^32 is not 0");
}

static void
test_base_urls(void)
{
	static const char *const fine[] = {
		"https://mixpanel.com/api/app", "https://eu.mixpanel.com/api/app/",
		"HTTPS://mixpanel.com", "https://mixpanel.com:8443/x",
		"http://127.0.0.1:8080/api/app", "http://127.9.9.9",
		"http://localhost/api", "http://[::1]:80/api", "https://[2001:db8::1]",
	};
	static const char *const insecure[] = {
		"http://mixpanel.com/api/app", "http://10.0.0.1",
		"http://127.0.0.1.example.org/", "http://localhost.example.org",
		"http://[2001:db8::1]/", "http://127.1/", "http://0.0.0.0/",
	};
	static const char *const bad[] = {
		"", "mixpanel.com", "ftp://mixpanel.com", "file:///etc/passwd",
		"https://", "https:///api", "https://user@mixpanel.com/",
		"https://user:word@mixpanel.com/", "https://mixpanel.com/?a=b",
		"https://mixpanel.com/#x", "https://mixpanel.com:0/",
		"https://mixpanel.com:65536/", "https://mixpanel.com:/",
		"https://mixpanel.com:80a/", "https://[::1", "https://[::1]x/",
		"https://[1.2.3.4]/", "https://a b/", "https://a\tb/", "https://a\\b/",
		"https://m\xc3\xbcnchen.de/", "://x", "https:/mixpanel.com",
		"https://::1/", "javascript://x",
	};

	for (int i = 0; i < COUNT(fine); i++)
		is_int(mp_value_check_base_url(fine[i]), MP_URL_FINE, "fine: %s",
			   fine[i]);
	for (int i = 0; i < COUNT(insecure); i++)
		is_int(mp_value_check_base_url(insecure[i]), MP_URL_INSECURE,
			   "insecure: %s", insecure[i]);
	for (int i = 0; i < COUNT(bad); i++)
		is_int(mp_value_check_base_url(bad[i]), MP_URL_BAD, "bad: base URL %d",
			   i);
}

static void
test_proxies(void)
{
	static const char *const good[] = {
		"http://proxy:3128", "https://proxy.example.org/", "socks4://p:1080",
		"socks4a://p", "socks5://[::1]:1080", "socks5h://127.0.0.1:9050",
	};
	static const char *const bad[] = {
		"", "proxy:3128", "ftp://proxy", "http://user:word@proxy:3128",
		"http://proxy/path", "http://proxy:3128?x", "socks6://proxy",
	};

	for (int i = 0; i < COUNT(good); i++)
		ok(mp_value_check_proxy(good[i]), "a proxy: %s", good[i]);
	for (int i = 0; i < COUNT(bad); i++)
		ok(!mp_value_check_proxy(bad[i]), "no proxy: %d", i);
}
