/*-------------------------------------------------------------------------
 *
 * floor_record.c
 *		Answers to structs, with jansson's tree of values.
 *
 *-------------------------------------------------------------------------
 */
#include "floor_record.h"

#include "floor_client.h"

#include <string.h>

#define DAYS_TO_2000	10957	/* from 1970 */

/* A fixed number of digits. */
static int
number_at(const char *text, int digits)
{
	int			number = 0;

	for (int i = 0; i < digits; i++)
		number = number * 10 + (text[i] - '0');
	return number;
}

/* Days since 1970, by the Gregorian calendar counted from March. */
static int64_t
days_of(int year, int month, int day)
{
	int			from_march = (month + 9) % 12;
	int64_t		years = year - (month < 3);

	return years * 365 + years / 4 - years / 100 + years / 400 +
		(153 * from_march + 2) / 5 + day - 1 - 719468;
}

/* ".595778" to microseconds; "Z" is 0. */
static int64_t
fraction_of(const char *text)
{
	int64_t		fraction = 0;
	int64_t		unit = 100000;

	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10)
			fraction += unit * (*text - '0');
	if (strcmp(text, "Z") != 0)
		floor_fail("bad time");
	return fraction;
}

/* "2024-01-15T10:30:00.5Z", the form that the simulator gives. */
static int64_t
time_of(const json_t *value)
{
	const char *text = json_string_value(value);
	int64_t		days;
	int64_t		seconds;

	if (text == NULL)
		return FLOOR_NEVER;
	if (json_string_length(value) < 20)
		floor_fail("bad time: %s", text);
	days = days_of(number_at(text, 4), number_at(text + 5, 2),
				   number_at(text + 8, 2));
	seconds = number_at(text + 11, 2) * 3600 + number_at(text + 14, 2) * 60 +
		number_at(text + 17, 2);
	return ((days - DAYS_TO_2000) * 86400 + seconds) * 1000000 +
		fraction_of(text + 19);
}

static int64_t
integer_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static const char *
text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

void
floor_account_decode(const json_t *value, FloorAccount *account)
{
	account->id = integer_of(value, "id");
	account->username = text_of(value, "username");
	account->name = text_of(value, "name");
	account->role = text_of(value, "role");
	account->expires = time_of(json_object_get(value, "expires"));
	account->created = time_of(json_object_get(value, "created"));
	account->last_used = time_of(json_object_get(value, "last_used"));
	account->creator = integer_of(value, "creator");
	account->creator_name = text_of(value, "creator_name");
	account->creator_email = text_of(value, "creator_email");
	account->user = integer_of(value, "user");
	account->organization = integer_of(value, "organizationId");
	if (account->id <= 0 || account->username == NULL)
		floor_fail("an account without id or username");
}

void
floor_membership_decode(const json_t *value, FloorMembership *membership)
{
	membership->project = integer_of(value, "projectId");
	membership->project_name = text_of(value, "projectName");
	membership->role = text_of(value, "role");
	if (membership->project <= 0 || membership->role == NULL)
		floor_fail("a membership without project or role");
}

json_t *
floor_parse(const char *text, size_t length)
{
	json_error_t error;
	json_t	   *value = json_loadb(text, length, JSON_REJECT_DUPLICATES,
								   &error);

	if (value == NULL)
		floor_fail("bad answer: %s", error.text);
	return value;
}
