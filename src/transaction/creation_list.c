/*-------------------------------------------------------------------------
 *
 * transaction/creation_list.c
 *		The accounts that this transaction has created or tried to create, and
 *		what is known of each.
 *
 * Owns every field of them.  What an answer proves of a create stands here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "catalog/array.h"
#include "catalog/option.h"
#include "remote/error.h"
#include "transaction/creation_state.h"

static const char *const state_names[] = {
	[MP_CREATION_NOTED] = "noted",
	[MP_CREATION_SENT] = "sent",
	[MP_CREATION_UNKNOWN] = "unknown",
	[MP_CREATION_REFUSED] = "refused",
	[MP_CREATION_MADE] = "made",
	[MP_CREATION_DELETING] = "deleting",
	[MP_CREATION_ABSENT] = "absent",
	[MP_CREATION_GONE] = "gone",
};

/* What the API answers where it has not created anything. */
static const int refusals[] = {
	400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429,
};

/* Lives in TopTransactionContext. */
static MpCreation *creations = NULL;
static int	creation_count = 0;
static int	creation_size = 0;

static void set_state(MpCreation *creation, MpCreationState state);
pg_attribute_unused() static bool is_step(MpCreationState from,
										  MpCreationState to);
static void free_calls(MpCreation *creation);
static MpCreation *find_creation(const MpSettings *settings, int64 id);
static bool is_same(const MpCreation *creation, const MpSettings *settings,
					int64 id);

MpCreation *
mp_creation_push(uint16 target, CommandId cid, const char *username)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	char	   *copy = mp_error_text(username);
	MpCreation *creation;

	if (creation_count == creation_size)
		creations = mp_array_grow(creations, &creation_size,
								  sizeof(MpCreation));
	MemoryContextSwitchTo(old);
	creation = &creations[creation_count++];
	memset(creation, 0, sizeof(*creation));
	creation->state = MP_CREATION_NOTED;
	creation->target = target;
	creation->level = GetCurrentTransactionNestLevel();
	creation->cid = cid;
	creation->statement = GetCurrentStatementStartTimestamp();
	creation->username = copy;
	creation->journal = mp_journal_note(mp_changeset_target(target),
										username);
	return creation;
}

void
mp_creation_pop(MpCreation *creation pg_attribute_unused())
{
	Assert(creation == &creations[creation_count - 1]);
	mp_creation_drop(creation_count - 1);
}

void
mp_creation_note_shown(CommandId cid)
{
	for (int i = mp_creation_count() - 1; i >= 0; i--)
	{
		MpCreation *creation = mp_creation_get(i);

		if (creation->cid != cid)
			break;
		creation->shown = true;
	}
}

int
mp_creation_count(void)
{
	return creation_count;
}

MpCreation *
mp_creation_get(int index)
{
	Assert(index >= 0 && index < creation_count);
	return &creations[index];
}

void
mp_creation_send(MpCreation *creation, MpCall *create)
{
	creation->create = mp_session_started(create);
	set_state(creation, MP_CREATION_SENT);
}

void
mp_creation_end_create(MpCreation *creation, MpCreationState state)
{
	mp_call_free(creation->create);
	creation->create = NULL;
	set_state(creation, state);
}

MpCall *
mp_creation_note_made(MpCreation *creation, int64 id)
{
	MpCall	   *create = creation->create;

	creation->create = NULL;
	creation->id = id;
	set_state(creation, MP_CREATION_MADE);
	return create;
}

void
mp_creation_delete(MpCreation *creation, MpCall *deletion)
{
	creation->deletion = deletion;
	set_state(creation, MP_CREATION_DELETING);
}

void
mp_creation_end_deletion(MpCreation *creation, MpCreationState state)
{
	mp_call_free(creation->deletion);
	creation->deletion = NULL;
	set_state(creation, state);
}

void
mp_creation_drop(int first)
{
	Assert(first >= 0);
	while (creation_count > first)
		free_calls(&creations[--creation_count]);
}

bool
mp_creation_is_refusal(const MpCall *call)
{
	const MpProblem *problem = mp_call_problem(call);
	int			status = mp_error_status(call);

	if (problem->kind != MP_PROBLEM_HTTP)
		return false;
	/* a 503 that says when to come again is as good as a 429 */
	if (status == 0 || status == 503)
		return !mp_http_may_be_done(mp_call_request(call));
	for (int i = 0; i < (int) lengthof(refusals); i++)
		if (refusals[i] == status)
			return !mp_error_is_foreign(call);
	return false;
}

bool
mp_creation_is_later(const MpSettings *settings, int64 account,
					 CommandId curcid)
{
	/* a function's command may stand before that of its caller */
	for (int i = creation_count - 1; i >= 0; i--)
		if (is_same(&creations[i], settings, account) &&
			creations[i].cid >= curcid)
			return true;
	return false;
}

bool
mp_creation_is_own(const MpSettings *settings, int64 id)
{
	return find_creation(settings, id) != NULL;
}

void
mp_creation_note_gone(const MpSettings *settings, int64 id)
{
	MpCreation *creation = find_creation(settings, id);

	if (creation != NULL && creation->state == MP_CREATION_MADE)
		set_state(creation, MP_CREATION_GONE);
}

bool
mp_creation_any(void)
{
	return creation_count > 0;
}

bool
mp_creation_is_unanswered(void)
{
	return creation_count > 0 &&
		creations[creation_count - 1].statement ==
		GetCurrentStatementStartTimestamp();
}

void
mp_creation_release(int level)
{
	int			i = creation_count;

	while (i > 0 && creations[i - 1].level >= level)
		creations[--i].level = level - 1;
}

/* The memory goes with the transaction's. */
void
mp_creation_end(void)
{
	mp_creation_drop(0);
	creations = NULL;
	creation_size = 0;
}

/* The only place that changes a creation's state. */
static void
set_state(MpCreation *creation, MpCreationState state)
{
	Assert(is_step(creation->state, state));
	Assert((creation->create != NULL) == (state == MP_CREATION_SENT));
	Assert((creation->deletion != NULL) == (state == MP_CREATION_DELETING));
	Assert((creation->id != 0) == (state >= MP_CREATION_MADE));
	elog(DEBUG2, "mixpanel_sa_fdw: creation of \"%s\" (id " INT64_FORMAT "): %s -> %s",
		 creation->username, creation->id, state_names[creation->state],
		 state_names[state]);
	creation->state = state;
	if (state == MP_CREATION_REFUSED || state == MP_CREATION_GONE)
		mp_journal_gone(creation->journal);
	else if (state == MP_CREATION_MADE)
		mp_journal_answered(creation->journal, creation->id);
}

/* The steps that a creation may take */
static bool
is_step(MpCreationState from, MpCreationState to)
{
	switch (from)
	{
		case MP_CREATION_NOTED:
			return to == MP_CREATION_SENT;
		case MP_CREATION_SENT:
			return to == MP_CREATION_UNKNOWN || to == MP_CREATION_REFUSED ||
				to == MP_CREATION_MADE;
		case MP_CREATION_UNKNOWN:
			return to == MP_CREATION_MADE;
		case MP_CREATION_MADE:
			return to == MP_CREATION_DELETING || to == MP_CREATION_GONE;
		case MP_CREATION_DELETING:
			return to == MP_CREATION_MADE || to == MP_CREATION_ABSENT ||
				to == MP_CREATION_GONE;
		case MP_CREATION_ABSENT:
			return to == MP_CREATION_DELETING;
		case MP_CREATION_REFUSED:
		case MP_CREATION_GONE:
			break;
	}
	return false;
}

static void
free_calls(MpCreation *creation)
{
	mp_call_free(creation->create);
	mp_call_free(creation->deletion);
	creation->create = creation->deletion = NULL;
}

/* NULL: none of this transaction. */
static MpCreation *
find_creation(const MpSettings *settings, int64 id)
{
	for (int i = 0; i < creation_count; i++)
		if (is_same(&creations[i], settings, id))
			return &creations[i];
	return NULL;
}

static bool
is_same(const MpCreation *creation, const MpSettings *settings, int64 id)
{
	return creation->id == id &&
		mp_option_same_place(mp_changeset_target(creation->target), settings);
}
