/*-------------------------------------------------------------------------
 *
 * catalog/setting.c
 *		Settings (GUCs) that fail closed.
 *
 * A bad value stays in PostgreSQL's own stacks of values, so that RESET, the
 * end of a transaction and DISCARD ALL do with it what they do with any other.
 * A name that does not exist stays a placeholder: the prefix is reserved,
 * which would remove it, only while there is no such name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/parallel.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc_tables.h"

#include "catalog/closest.h"
#include "catalog/compat.h"
#include "catalog/setting.h"

#define PREFIX "mixpanel_sa_fdw"

/* What a value was read as; PostgreSQL keeps it beside the text. */
typedef struct Reading
{
	bool		valid;
	int			number;
	bool		flag;
} Reading;

static MpSetting *known;
static int	known_count;
static bool defining;			/* placeholders are being taken over */
static bool reserved;			/* an unknown name is an error of SET itself */

static bool read_text(const MpSetting *setting, const char *text,
					  Reading *reading);
static bool read_number(const MpSetting *setting, const char *text,
						Reading *reading);
static bool is_interactive(GucSource source);
static void require_readable(const MpSetting *setting);
static const char *find_unknown(void);
static bool is_unknown(const struct config_generic *variable);
static void refuse_unknown(const char *name);

void
mp_setting_begin(MpSetting *settings, int count)
{
	known = settings;
	known_count = count;
	defining = true;
}

/* In the postmaster, what sessions will set is not known yet. */
void
mp_setting_end(void)
{
	defining = false;
	if (process_shared_preload_libraries_in_progress ||
		find_unknown() != NULL)
		return;
	MarkGUCPrefixReserved(PREFIX);
	reserved = true;
}

/*
 * SET, ALTER ROLE and the like refuse what cannot be read.  What was set
 * before the library was loaded, or comes with the connection, is kept, as no
 * connection should fail for it.
 */
bool
mp_setting_check(MpSetting *setting, char **text, void **extra,
				 GucSource source)
{
	Reading		reading = {0};
	Reading    *kept;

	reading.valid = *text != NULL && read_text(setting, *text, &reading);
	if (!reading.valid && is_interactive(source))
		return false;
	kept = MP_GUC_MALLOC(sizeof(Reading));
	if (kept == NULL)
		return false;
	*kept = reading;
	*extra = kept;
	return true;
}

void
mp_setting_assign(MpSetting *setting, void *extra)
{
	const Reading *reading = extra;

	setting->valid = reading->valid;
	if (!reading->valid)
		return;
	if (setting->number != NULL)
		*setting->number = reading->number;
	else
		*setting->flag = reading->flag;
}

void
mp_setting_require(void)
{
	const char *unknown;

	for (int i = 0; i < known_count; i++)
		require_readable(&known[i]);
	if (reserved)
		return;
	unknown = find_unknown();
	if (unknown != NULL)
		refuse_unknown(unknown);
}

static bool
read_text(const MpSetting *setting, const char *text, Reading *reading)
{
	Assert((setting->number == NULL) != (setting->flag == NULL));
	if (setting->number != NULL)
		return read_number(setting, text, reading);
	if (parse_bool(text, &reading->flag))
		return true;
	GUC_check_errmsg("parameter \"%s\" requires a Boolean value",
					 setting->name);
	return false;
}

static bool
read_number(const MpSetting *setting, const char *text, Reading *reading)
{
	const char *hint = NULL;

	if (!parse_int(text, &reading->number, setting->unit, &hint))
	{
		if (hint != NULL)
			GUC_check_errhint("%s", _(hint));
		return false;
	}
	if (reading->number >= setting->min)
		return true;
	GUC_check_errmsg("%d is outside the valid range for parameter \"%s\" (%d .. %d)",
					 reading->number, setting->name, setting->min, INT_MAX);
	return false;
}

/* A parallel worker takes over what its leader has. */
static bool
is_interactive(GucSource source)
{
	return !defining && !InitializingParallelWorker &&
		source >= PGC_S_INTERACTIVE;
}

static void
require_readable(const MpSetting *setting)
{
	if (setting->valid)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for parameter \"%s\": \"%s\"",
					setting->name, setting->text),
			 errdetail("It was set before mixpanel_sa_fdw was loaded, or for the role or the database. Statements cannot use mixpanel_sa_fdw until it is corrected."),
			 setting->flag != NULL ?
			 errhint("Use SET to set it to \"on\" or \"off\", or RESET.") :
			 errhint("Use SET to set it to an integer from %d to %d, or RESET.",
					 setting->min, INT_MAX)));
}

/* A setting of our family that somebody made and that does not exist. */
static const char *
find_unknown(void)
{
	int			count;
	struct config_generic **variables = MP_GUC_VARIABLES(&count);
	const char *found = NULL;

	for (int i = 0; i < count && found == NULL; i++)
		if (is_unknown(variables[i]))
			found = variables[i]->name;
	return found;
}

/* One that was reset again is as if it had not been set. */
static bool
is_unknown(const struct config_generic *variable)
{
	return (variable->flags & GUC_CUSTOM_PLACEHOLDER) != 0 &&
		variable->source != PGC_S_DEFAULT &&
		pg_strncasecmp(variable->name, PREFIX ".", strlen(PREFIX ".")) == 0;
}

static void
refuse_unknown(const char *name)
{
	MpClosest	closest;

	mp_closest_init(&closest, name);
	for (int i = 0; i < known_count; i++)
		mp_closest_try(&closest, known[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("unrecognized configuration parameter \"%s\"", name),
			 errdetail("It was set before mixpanel_sa_fdw was loaded. Statements cannot use mixpanel_sa_fdw while it is set."),
			 closest.best != NULL ?
			 errhint("Perhaps you meant \"%s\". Use RESET %s, or a new session without it.",
					 closest.best, name) :
			 errhint("Use RESET %s, or a new session without it.", name)));
}
