/*-------------------------------------------------------------------------
 *
 * catalog/option_type.c
 *		The types of options: which texts are values, and what they mean.
 *
 * A type checks a value when it is set and reads it when it is used, by one
 * function, so that both agree.  The grammar of values that are worth testing
 * alone is option_value.c's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>

#include "lib/qunique.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "catalog/closest.h"
#include "catalog/option_state.h"
#include "catalog/option_value.h"
#include "catalog/relation.h"

static bool parse_id(const MpOption *option, const char *text,
					 MpSettings *settings);
static bool parse_ids(const MpOption *option, const char *text,
					  MpSettings *settings);
static int	compare_ids(const void *a, const void *b);
static bool parse_word(const MpOption *option, const char *text,
					   MpSettings *settings);
static bool parse_boolean(const MpOption *option, const char *text,
						  MpSettings *settings);
static bool parse_integer(const MpOption *option, const char *text,
						  MpSettings *settings);
static bool parse_duration(const MpOption *option, const char *text,
						   MpSettings *settings);
static bool parse_rate(const MpOption *option, const char *text,
					   MpSettings *settings);
static bool parse_cost(const MpOption *option, const char *text,
					   MpSettings *settings);
static bool parse_base_url(const MpOption *option, const char *text,
						   MpSettings *settings);
static bool parse_proxy(const MpOption *option, const char *text,
						MpSettings *settings);
static bool parse_file(const MpOption *option, const char *text,
					   MpSettings *settings);
static bool parse_login_name(const MpOption *option, const char *text,
							 MpSettings *settings);
static bool parse_secret(const MpOption *option, const char *text,
						 MpSettings *settings);
static bool parse_secret_file(const MpOption *option, const char *text,
							  MpSettings *settings);
static bool parse_name(const MpOption *option, const char *text,
					   MpSettings *settings);
static const char *nth_word(const MpOption *option, int i);
static const char *nth_object(const MpOption *option, int i);
static const char *nth_field(const MpOption *option, int i);
static void put_text(const MpOption *option, MpSettings *settings,
					 char *text);
static char *to_api(const char *text);
static void append_valid(StringInfo hint, const MpOption *option,
						 MpClosest *closest);

const MpOptionType mp_option_id = {
	MP_OPTION_INT64, parse_id, "positive integers", NULL,
};
const MpOptionType mp_option_ids = {
	MP_OPTION_ID_ARRAY, parse_ids,
	"positive integers separated by commas",
	NULL,
};
const MpOptionType mp_option_word = {
	MP_OPTION_INT, parse_word, NULL, nth_word,
};
const MpOptionType mp_option_word_text = {
	MP_OPTION_TEXT, parse_word, NULL, nth_word,
};
const MpOptionType mp_option_boolean = {
	MP_OPTION_BOOL, parse_boolean, "\"true\", \"false\"", NULL,
};
const MpOptionType mp_option_integer = {
	MP_OPTION_INT, parse_integer, NULL, NULL,
};
const MpOptionType mp_option_duration = {
	MP_OPTION_INT, parse_duration,
	"durations from 1 ms to 24 days, such as \"500ms\", \"30s\", \"2min\", or a bare number of milliseconds",
	NULL,
};
const MpOptionType mp_option_rate = {
	MP_OPTION_RATE, parse_rate,
	"a number from 1 to 1000000 and a unit of time, such as \"5/s\", \"100/min\", \"60/h\"",
	NULL,
};
const MpOptionType mp_option_cost = {
	MP_OPTION_DOUBLE, parse_cost, "numbers of zero or more", NULL,
};
const MpOptionType mp_option_base_url = {
	MP_OPTION_TEXT, parse_base_url,
	"URLs such as \"https://mixpanel.com/api/app\": https, or http to a loopback host, without user info, query or fragment",
	NULL,
};
const MpOptionType mp_option_proxy = {
	MP_OPTION_TEXT, parse_proxy,
	"URLs such as \"http://proxy.example.com:3128\", with the scheme http, https, socks4, socks4a, socks5 or socks5h and without user info",
	NULL,
};
const MpOptionType mp_option_file = {
	MP_OPTION_TEXT, parse_file,
	"absolute paths of files on the database server",
	NULL,
};
const MpOptionType mp_option_login_name = {
	MP_OPTION_TEXT, parse_login_name,
	"names that are not empty and have no colon and no control character",
	NULL,
};
const MpOptionType mp_option_secret = {
	MP_OPTION_TEXT, parse_secret,
	"texts that are not empty and have no control character",
	NULL,
};
const MpOptionType mp_option_secret_file = {
	MP_OPTION_TEXT, parse_secret_file,
	"absolute paths of files on the database server",
	NULL,
};
const MpOptionType mp_option_object = {
	MP_OPTION_TEXT, parse_name, NULL, nth_object,
};
const MpOptionType mp_option_field = {
	MP_OPTION_TEXT, parse_name, NULL, nth_field,
};

static bool
parse_id(const MpOption *option, const char *text, MpSettings *settings)
{
	int64_t		id;

	if (!mp_value_parse_id(text, &id))
		return false;
	if (settings != NULL)
		*(int64_t *) mp_option_target(option, settings) = id;
	return true;
}

/* An id that is listed twice is one id: each project is read once. */
static bool
parse_ids(const MpOption *option, const char *text, MpSettings *settings)
{
	int			count = mp_value_parse_ids(text, NULL, 0);
	int64_t    *ids;

	if (count <= 0)
		return false;
	if (settings == NULL)
		return true;
	ids = palloc((Size) count * sizeof(int64_t));
	(void) mp_value_parse_ids(text, ids, count);
	qsort(ids, (size_t) count, sizeof(int64_t), compare_ids);
	*(const int64_t **) mp_option_target(option, settings) = ids;
	*(size_t *) ((char *) settings + option->count_setting) =
		qunique(ids, (size_t) count, sizeof(int64_t), compare_ids);
	return true;
}

static int
compare_ids(const void *a, const void *b)
{
	int64_t		one = *(const int64_t *) a;
	int64_t		other = *(const int64_t *) b;

	return (one > other) - (one < other);
}

/* A setting that is an enum is stored as the int that it is. */
static bool
parse_word(const MpOption *option, const char *text, MpSettings *settings)
{
	const MpOptionWord *word = option->words;

	StaticAssertStmt(sizeof(MpMembershipRead) == sizeof(int) &&
					 sizeof(MpMembershipWrite) == sizeof(int),
					 "enums of settings must have the size of int");
	while (word->word != NULL && strcmp(word->word, text) != 0)
		word++;
	if (word->word == NULL)
		return false;
	if (settings != NULL && option->type->form == MP_OPTION_TEXT)
		put_text(option, settings, pstrdup(word->text));
	else if (settings != NULL)
		*(int *) mp_option_target(option, settings) = word->value;
	return true;
}

static bool
parse_boolean(const MpOption *option, const char *text, MpSettings *settings)
{
	bool		value;

	if (!parse_bool(text, &value))
		return false;
	if (settings != NULL)
		*(bool *) mp_option_target(option, settings) = value;
	return true;
}

static bool
parse_integer(const MpOption *option, const char *text, MpSettings *settings)
{
	int			value;

	Assert(option->min < option->max);
	if (!mp_value_parse_int(text, option->min, option->max, &value))
		return false;
	if (settings != NULL)
		*(int *) mp_option_target(option, settings) = value;
	return true;
}

static bool
parse_duration(const MpOption *option, const char *text, MpSettings *settings)
{
	int			milliseconds;

	if (!mp_value_parse_duration(text, &milliseconds))
		return false;
	if (settings != NULL)
		*(int *) mp_option_target(option, settings) = milliseconds;
	return true;
}

static bool
parse_rate(const MpOption *option, const char *text, MpSettings *settings)
{
	MpRate		rate;

	if (!mp_value_parse_rate(text, &rate))
		return false;
	if (settings != NULL)
		*(MpRate *) mp_option_target(option, settings) = rate;
	return true;
}

static bool
parse_cost(const MpOption *option, const char *text, MpSettings *settings)
{
	char	   *end;
	double		cost = strtod(text, &end);

	/* what is not a number is not above 0 */
	if (end == text || *end != '\0' || !(cost >= 0 && cost <= DBL_MAX))
		return false;
	if (settings != NULL)
		*(double *) mp_option_target(option, settings) = cost;
	return true;
}

/* Whether plain http is allowed depends on another option: see option.c. */
static bool
parse_base_url(const MpOption *option, const char *text, MpSettings *settings)
{
	size_t		length = strlen(text);

	if (mp_value_check_base_url(text) == MP_URL_BAD)
		return false;
	while (length > 0 && text[length - 1] == '/')
		length--;
	if (settings != NULL)
		put_text(option, settings, pnstrdup(text, length));
	return true;
}

static bool
parse_proxy(const MpOption *option, const char *text, MpSettings *settings)
{
	if (!mp_value_check_proxy(text))
		return false;
	if (settings != NULL)
		put_text(option, settings, pstrdup(text));
	return true;
}

static bool
parse_file(const MpOption *option, const char *text, MpSettings *settings)
{
	if (!is_absolute_path(text))
		return false;
	if (settings != NULL)
		put_text(option, settings, pstrdup(text));
	return true;
}

/* Basic authentication (RFC 7617) cannot carry a colon in the name. */
static bool
parse_login_name(const MpOption *option, const char *text,
				 MpSettings *settings)
{
	return strchr(text, ':') == NULL && parse_secret(option, text, settings);
}

static bool
parse_secret(const MpOption *option, const char *text, MpSettings *settings)
{
	if (*text == '\0')
		return false;
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char) *p < 0x20 || *p == 0x7f)
			return false;
	if (settings != NULL)
		put_text(option, settings, to_api(text));
	return true;
}

static bool
parse_secret_file(const MpOption *option, const char *text,
				  MpSettings *settings)
{
	if (!is_absolute_path(text))
		return false;
	if (settings != NULL)
		put_text(option, settings, mp_option_read_secret(text));
	return true;
}

/* One of the names that the type has, looked up by its user. */
static bool
parse_name(const MpOption *option, const char *text,
		   MpSettings *settings pg_attribute_unused())
{
	const char *name;

	for (int i = 0; (name = option->type->name(option, i)) != NULL; i++)
		if (strcmp(name, text) == 0)
			return true;
	return false;
}

/* ---- names ---- */

static const char *
nth_word(const MpOption *option, int i)
{
	return option->words[i].word;
}

static const char *
nth_object(const MpOption *option pg_attribute_unused(), int i)
{
	return i < MP_RELATION_COUNT ? mp_relation_get(i)->name : NULL;
}

/* A name that both tables have is counted once. */
static const char *
nth_field(const MpOption *option pg_attribute_unused(), int i)
{
	for (int kind = 0; kind < MP_RELATION_COUNT; kind++)
	{
		const MpRelation *relation = mp_relation_get(kind);

		for (int j = 0; j < relation->column_count; j++)
		{
			const char *name = relation->columns[j].name;
			bool		known = false;

			for (int k = 0; k < kind && !known; k++)
				known = mp_relation_column(mp_relation_get(k), name) != NULL;
			if (!known && i-- == 0)
				return name;
		}
	}
	return NULL;
}

/* ---- values ---- */

static void
put_text(const MpOption *option, MpSettings *settings, char *text)
{
	Assert(option->type->form == MP_OPTION_TEXT);
	*(const char **) mp_option_target(option, settings) = text;
}

/* A copy in UTF-8, which is what the API takes. */
static char *
to_api(const char *text)
{
	char	   *copy = pstrdup(text);
	char	   *converted;

	converted = pg_server_to_any(copy, (int) strlen(copy), PG_UTF8);
	if (converted != copy)
		explicit_bzero(copy, strlen(copy));
	return converted;
}

/* ---- refusals ---- */

void
mp_option_refuse_value(const MpOption *option, const char *value)
{
	bool		quoted = option->places != MP_ON_MAPPING &&
		strchr(value, '@') == NULL;
	StringInfoData hint;
	MpClosest	closest;

	initStringInfo(&hint);
	mp_closest_init(&closest, value);
	append_valid(&hint, option, &closest);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 quoted ?
			 errmsg("invalid value for option \"%s\": \"%s\"", option->name,
					value) :
			 errmsg("invalid value for option \"%s\"", option->name),
			 closest.best != NULL ?
			 errhint("Perhaps you meant \"%s\". Valid values: %s.",
					 closest.best, hint.data) :
			 errhint("Valid values: %s.", hint.data)));
}

static void
append_valid(StringInfo hint, const MpOption *option, MpClosest *closest)
{
	const MpOptionType *type = option->type;
	const char *name;

	if (type->valid != NULL)
		appendStringInfoString(hint, type->valid);
	else if (type->name == NULL)
		appendStringInfo(hint, "integers from %d to %d", option->min,
						 option->max);
	else
		for (int i = 0; (name = type->name(option, i)) != NULL; i++)
		{
			appendStringInfo(hint, "%s\"%s\"", i > 0 ? ", " : "", name);
			mp_closest_try(closest, name);
		}
}
