/*-------------------------------------------------------------------------
 *
 * option_value_fuzz.c
 *		Any text as a number, a list of ids and a duration: what is read is
 *		what the C library reads.
 *
 * Sources: catalog/option_value.c
 * Dictionary: time
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <errno.h>
#include <limits.h>

#include "catalog/option_value.h"

#define SPACE		" \t\r\n"
#define IDS			16

static bool
all_digits(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* Digits only, and of a value that strtoll() has. */
static bool
is_number(const char *text, int64_t *value)
{
	errno = 0;
	*value = strtoll(text, NULL, 10);
	return all_digits(text) && errno == 0;
}

static void
check_numbers(const char *text)
{
	int64_t		id = -1;
	int64_t		value;
	int			number = -1;
	bool		good = is_number(text, &value);

	require(mp_value_parse_id(text, &id) == (good && value > 0));
	require(id == value || !good || value == 0);
	if (mp_value_parse_int(text, 0, 64, &number))
		require(good && value == number && number >= 0 && number <= 64);
	else
		require(!good || value > 64 || (value == 0 && text[1] != '\0'));
}

/* The same list, by way of commas. */
static int
count_ids(char *text, int64_t *ids)
{
	int			count = 0;

	for (;;)
	{
		char	   *comma = strchr(text, ',');
		size_t		length;

		if (comma != NULL)
			*comma = '\0';
		text += strspn(text, SPACE);
		length = strlen(text);
		while (length > 0 && strchr(SPACE, text[length - 1]) != NULL)
			text[--length] = '\0';
		/* one with so many zeros in front that it fills a line is refused */
		if (length >= 24 || !is_number(text, &ids[count % IDS]) ||
			ids[count % IDS] == 0)
			return -1;
		count++;
		if (comma == NULL)
			return count;
		text = comma + 1;
	}
}

static void
check_ids(const char *text)
{
	char	   *copy = copy_string(text, strlen(text));
	int64_t		expected[IDS];
	int64_t    *ids = calloc(IDS, sizeof(int64_t));
	int			count = mp_value_parse_ids(text, ids, IDS);

	require(count == count_ids(copy, expected));
	if (count > 0 && count <= IDS)
		require(memcmp(ids, expected, (size_t) count * sizeof(int64_t)) == 0);
	require(mp_value_parse_ids(text, NULL, 0) == count);
	free(ids);
	free(copy);
}

static void
check_duration(const char *text)
{
	static const struct
	{
		const char *unit;
		int64_t		factor;
	}			units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"min", 60000}};
	int			milliseconds = -1;
	bool		good = mp_value_parse_duration(text, &milliseconds);
	size_t		digits = strspn(text, "0123456789");
	int64_t		value = strtoll(text, NULL, 10);
	const char *unit = text + digits + strspn(text + digits, SPACE);
	bool		expected = false;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (digits > 0 && digits <= 10 && strcmp(unit, units[i].unit) == 0 &&
			value >= 1 && value * units[i].factor <= INT_MAX)
		{
			expected = true;
			require(milliseconds == value * units[i].factor);
		}
	require(good == expected);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = copy_string(data, size);

	check_numbers(text);
	check_ids(text);
	check_duration(text);
	free(text);
	return 0;
}
