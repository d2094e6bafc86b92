/*-------------------------------------------------------------------------
 *
 * transaction/flush_report.c
 *		What of a COMMIT was applied and what was not, in words.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "transaction/flush_state.h"

#define CHANGES_NAMED 20		/* of each fate */

static void note_given_up(MpFlush *flush);
static void append_fate(const MpFlush *flush, MpFate fate, const char *title,
						StringInfo text);
static void append_change(const MpChange *change, MpChangeKind kind,
						  StringInfo text);

void
mp_flush_raise(MpFlush *flush, MpError *error)
{
	char	   *report = mp_flush_report(flush);

	error->detail = error->detail == NULL ? report :
		psprintf("%s\n%s", error->detail, report);
	flush->reported = true;
	mp_error_throw(error);
}

char *
mp_flush_report(MpFlush *flush)
{
	StringInfoData text;

	note_given_up(flush);
	initStringInfo(&text);
	append_fate(flush, MP_FATE_APPLIED, "Applied", &text);
	append_fate(flush, MP_FATE_NOT_APPLIED, "Not applied", &text);
	append_fate(flush, MP_FATE_UNKNOWN,
				"Sent, but whether it was applied is not known", &text);
	append_fate(flush, MP_FATE_REMOVED,
				"Removed to be added with another role, but not added", &text);
	append_fate(flush, MP_FATE_REPLACING,
				"Perhaps removed to be added with another role, and perhaps added",
				&text);
	return text.data;
}

/* Calls still under way, when something else ended the COMMIT. */
static void
note_given_up(MpFlush *flush)
{
	for (int i = 0; i < flush->unit_count; i++)
	{
		const MpUnit *unit = flush->units[i];

		if (unit->state == MP_UNIT_RUNNING &&
			mp_flush_may_be_applied(unit->call))
			mp_flush_set_fates(flush, unit->finals, unit->count,
							   MP_FATE_UNKNOWN);
	}
}

/* The two that everybody asks for are told even where there are none. */
static void
append_fate(const MpFlush *flush, MpFate fate, const char *title,
			StringInfo text)
{
	int			count = 0;
	int			named = 0;

	for (int i = 0; i < flush->final_count; i++)
		count += flush->fates[i] == (uint8) fate;
	if (count == 0 && fate != MP_FATE_APPLIED && fate != MP_FATE_NOT_APPLIED)
		return;
	appendStringInfo(text, "%s%s: %d", text->len > 0 ? "\n" : "", title,
					 count);
	for (int i = 0; i < flush->final_count && named < CHANGES_NAMED; i++)
	{
		if (flush->fates[i] != (uint8) fate)
			continue;
		appendStringInfoString(text, named++ == 0 ? " (" : "; ");
		append_change(mp_flush_change(flush, i), flush->finals[i].kind, text);
	}
	if (named > 0)
		appendStringInfoString(text, named < count ? "; ...)" : ")");
	appendStringInfoChar(text, '.');
}

static void
append_change(const MpChange *change, MpChangeKind kind, StringInfo text)
{
	switch (kind)
	{
		case MP_CHANGE_ADD:
		case MP_CHANGE_ROLE:
			appendStringInfo(text,
							 "service account " INT64_FORMAT " in project " INT64_FORMAT " as %s",
							 change->account, change->project,
							 mp_error_text(change->role));
			break;
		case MP_CHANGE_REMOVE:
			appendStringInfo(text,
							 "service account " INT64_FORMAT " out of project " INT64_FORMAT,
							 change->account, change->project);
			break;
		case MP_CHANGE_DELETE:
			appendStringInfo(text, "delete service account " INT64_FORMAT,
							 change->account);
			break;
	}
}
