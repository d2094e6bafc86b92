/*-------------------------------------------------------------------------
 *
 * transaction/journal_commit.c
 *		The changes of a COMMIT as the journal has them: a line each, kind,
 *		account, project and role.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "transaction/journal.h"
#include "transaction/journal_commit.h"

#define CHANGES_NOTED 1000		/* of a COMMIT; of others, how many */
#define MORE (-1)				/* kind of the line that says how many */

static void note_place(const MpFinal *finals, int count, int first);
static bool same_place(const MpFinal *a, const MpFinal *b);
static void append_change(StringInfo text, const MpFinal *final);

void
mp_journal_note_changes(const MpFinal *finals, int count)
{
	for (int i = 0; i < count; i++)
	{
		bool		noted = false;

		/* places are few */
		for (int j = 0; j < i && !noted; j++)
			noted = same_place(&finals[i], &finals[j]);
		if (!noted)
			note_place(finals, count, i);
	}
}

bool
mp_journal_next_change(const char **position, MpNotedChange *change,
					   int *more)
{
	const char *line = *position;
	const char *end = strchr(line, '\n');
	char	   *rest;
	long		kind;

	*more = 0;
	if (end == NULL)
		return false;
	kind = strtol(line, &rest, 10);
	change->account = strtoll(rest, &rest, 10);
	if (kind == MORE)
	{
		*more = (int) change->account;
		return false;
	}
	change->kind = (MpChangeKind) kind;
	change->project = strtoll(rest, &rest, 10);
	if (*rest == ' ')
		rest++;
	change->role = pnstrdup(rest, (Size) (end - rest));
	*position = end + 1;
	return true;
}

/*
 * Note what this COMMIT is about to change in one place (server, user and
 * organization).
 */
static void
note_place(const MpFinal *finals, int count, int first)
{
	const MpChange *change = mp_changeset_get(finals[first].change);
	StringInfoData text;
	int			more = 0;
	int			noted = 0;

	initStringInfo(&text);
	for (int i = first; i < count; i++)
	{
		if (!same_place(&finals[i], &finals[first]))
			continue;
		if (noted++ < CHANGES_NOTED)
			append_change(&text, &finals[i]);
		else
			more++;
	}
	if (more > 0)
		appendStringInfo(&text, "%d %d\n", MORE, more);
	mp_journal_note_commit(mp_changeset_target(change->target), text.data);
	pfree(text.data);
}

static bool
same_place(const MpFinal *a, const MpFinal *b)
{
	const MpSettings *one =
		mp_changeset_target(mp_changeset_get(a->change)->target);
	const MpSettings *other =
		mp_changeset_target(mp_changeset_get(b->change)->target);

	return one->server_id == other->server_id &&
		one->organization_id == other->organization_id &&
		strcmp(one->base_url, other->base_url) == 0;
}

/* A role is one line. */
static void
append_change(StringInfo text, const MpFinal *final)
{
	const MpChange *change = mp_changeset_get(final->change);

	appendStringInfo(text, "%d " INT64_FORMAT " " INT64_FORMAT " ",
					 (int) final->kind, change->account, change->project);
	for (const char *c = change->role; c != NULL && *c != '\0'; c++)
		appendStringInfoChar(text, (unsigned char) *c < ' ' ? ' ' : *c);
	appendStringInfoChar(text, '\n');
}
