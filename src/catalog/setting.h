/*-------------------------------------------------------------------------
 *
 * catalog/setting.h
 *		Settings (GUCs) that fail closed.
 *
 * PostgreSQL knows a setting of an extension from the time on that its library
 * is loaded.  What was set before, with SET, PGOPTIONS, ALTER ROLE or ALTER
 * DATABASE, it drops with a WARNING if it cannot be read.  Some settings are
 * guards, and a guard that is dropped guards nothing.  Ours are texts, so that
 * a value which cannot be read is kept; statements that use the extension fail
 * until it is mended.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_CATALOG_SETTING_H
#define MP_CATALOG_SETTING_H

#include "postgres.h"

#include "utils/guc.h"

/* One setting; exactly one of `number` and `flag` is not NULL. */
typedef struct MpSetting
{
	const char *name;
	int		   *number;			/* where its value goes */
	bool	   *flag;
	int			min;			/* of a number, whose maximum is INT_MAX */
	int			unit;			/* GUC_UNIT_MS or 0 */
	char	   *text;			/* as it was set */
	bool		valid;
} MpSetting;

/*
 * Before the settings are defined, and after; once, when the library is
 * loaded.  The array lives as long as the process.
 */
extern void mp_setting_begin(MpSetting *settings, int count);
extern void mp_setting_end(void);

/* What the hooks of a setting call. */
extern bool mp_setting_check(MpSetting *setting, char **text, void **extra,
							 GucSource source);
extern void mp_setting_assign(MpSetting *setting, void *extra);

/*
 * First thing in each statement that uses the extension: raises 22023 if one
 * of the settings cannot be read, 42704 if one was made that does not exist.
 */
extern void mp_setting_require(void);

#endif							/* MP_CATALOG_SETTING_H */
