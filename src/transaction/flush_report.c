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
	{FATE(APPLIED) | FATE(ACCEPTED), true, "Applied"},
	{FATE(NOT_SENT) | FATE(REFUSED) | FATE(RESTORED) | FATE(SEEN_UNDONE),
	true, "Not applied"},
	{FATE(PARTLY) | FATE(IN_DOUBT), false, "Sent, but whether it was applied is not known"},
	{FATE(REMOVED), false,
	"Removed to be added with another role, but not added"},
	{FATE(REPLACING), false,
	"Perhaps removed to be added with another role, and perhaps added"},
	{FATE(ACCEPTED), false, "Accepted, but not read back"},
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

/* One line of the report, such as "Applied: 2 (...)" */
static void
append_section(const MpFlush *flush, const Section *section, StringInfo text)
{
	int		   *finals = palloc_extended(sizeof(int) *
										 (Size) (flush->final_count + 1),
										 MCXT_ALLOC_HUGE);
	int			count = 0;

	for (int i = 0; i < flush->final_count; i++)
		if (is_of_section(flush, i, section))
			finals[count++] = i;
	if (count > 0 || section->always)
		appendStringInfo(text, "%s%s: %d", text->len > 0 ? "\n" : "",
						 section->title, count);
	if (count > 0)
		appendStringInfo(text, " (%s)",
						 mp_flush_name_changes(flush, finals, count));
	if (count > 0 || section->always)
		appendStringInfoChar(text, '.');
	pfree(finals);
}

static bool
is_of_section(const MpFlush *flush, int final, const Section *section)
{
	return (section->fates & (1u << flush->fates[final])) != 0;
}

char *
mp_flush_name_changes(const MpFlush *flush, const int *finals, int count)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < count && i < CHANGES_NAMED; i++)
	{
		if (i > 0)
			appendStringInfoString(&text, "; ");
		append_change(mp_flush_change(flush, finals[i]),
					  flush->finals[finals[i]].kind, &text);
	}
	if (count > CHANGES_NAMED)
		appendStringInfoString(&text, "; ...");
	return text.data;
}

/* A change in words */
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
