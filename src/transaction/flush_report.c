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

#define CHANGES_NAMED 20		/* of each section */
#define FATE(fate) (1u << (MP_FATE_##fate))

/* Fates that mean the same to a user. */
typedef struct Section
{
	uint32		fates;
	bool		always;			/* said even where there are none */
	const char *title;
} Section;

static const Section sections[] = {
	{FATE(APPLIED), true, "Applied"},
	{FATE(NOT_SENT) | FATE(REFUSED) | FATE(RESTORED), true, "Not applied"},
	{FATE(IN_DOUBT), false, "Sent, but whether it was applied is not known"},
	{FATE(REMOVED), false,
	"Removed to be added with another role, but not added"},
	{FATE(REPLACING), false,
	"Perhaps removed to be added with another role, and perhaps added"},
};

static void append_section(const MpFlush *flush, const Section *section,
						   StringInfo text);
static bool is_of_section(const MpFlush *flush, int final,
						  const Section *section);
static void append_change(const MpChange *change, MpChangeKind kind,
						  StringInfo text);

void
mp_flush_raise(MpFlush *flush, MpError *error)
{
	char	   *report = mp_flush_report(flush);

	Assert(!flush->reported);
	error->detail = error->detail == NULL ? report :
		psprintf("%s\n%s", error->detail, report);
	flush->reported = true;
	mp_error_throw(error);
}

char *
mp_flush_report(MpFlush *flush)
{
	StringInfoData text;

	mp_flush_give_up(flush);
	initStringInfo(&text);
	for (int i = 0; i < (int) lengthof(sections); i++)
		append_section(flush, &sections[i], &text);
	return text.data;
}

static void
append_section(const MpFlush *flush, const Section *section, StringInfo text)
{
	int			count = 0;
	int			named = 0;

	for (int i = 0; i < flush->final_count; i++)
		count += is_of_section(flush, i, section);
	if (count == 0 && !section->always)
		return;
	appendStringInfo(text, "%s%s: %d", text->len > 0 ? "\n" : "",
					 section->title, count);
	for (int i = 0; i < flush->final_count && named < CHANGES_NAMED; i++)
	{
		if (!is_of_section(flush, i, section))
			continue;
		appendStringInfoString(text, named++ == 0 ? " (" : "; ");
		append_change(mp_flush_change(flush, i), flush->finals[i].kind, text);
	}
	if (named > 0)
		appendStringInfoString(text, named < count ? "; ...)" : ")");
	appendStringInfoChar(text, '.');
}

static bool
is_of_section(const MpFlush *flush, int final, const Section *section)
{
	return (section->fates & (1u << flush->fates[final])) != 0;
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
