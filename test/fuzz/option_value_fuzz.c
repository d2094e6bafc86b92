/*-------------------------------------------------------------------------
 *
 * option_value_fuzz.c
 *		Texts of options, and Retry-After, from anybody.
 *
 * Sources: option_value.c http_retry.c
 * Libraries: libcurl
 *
 *-------------------------------------------------------------------------
 */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "option_value.h"

#define NOW INT64_C(1763750000)

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool condition)
{
	if (!condition)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = malloc(size + 1);
	int64_t		ids[4] = {1, 1, 1, 1};
	int64_t		id = 1;
	int			number = 1;

	memcpy(text, data, size);
	text[size] = '\0';
	require(!mp_value_parse_id(text, &id) || id > 0);
	if (mp_value_parse_ids(text, ids, 4) > 0)
		for (int i = 0; i < 4; i++)
			require(ids[i] > 0);
	require(!mp_value_parse_duration(text, &number) || number >= 1);
	require(!mp_value_parse_int(text, 0, 64, &number) ||
			(number >= 0 && number <= 64));
	/* no credentials and no query in a URL that passes */
	if (mp_value_check_base_url(text) != MP_URL_BAD)
		require(strpbrk(text, "@?# \t\r\n") == NULL);
	if (mp_value_check_proxy(text))
		require(strpbrk(text, "@?# \t\r\n") == NULL);
	require(mp_http_parse_retry_after(text, NOW) >= -1);
	free(text);
	return 0;
}
