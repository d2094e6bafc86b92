/*-------------------------------------------------------------------------
 *
 * transaction/flush_look.c
 *		Reads that tell what became of changes.
 *
 * A read that fails tells nothing, and is no error of the COMMIT.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/ids.h"
#include "remote/attempt.h"
#include "remote/fetch.h"
#include "transaction/flush_state.h"

/* One look at changes of one target. */
typedef struct Look
{
	MpFlush    *flush;
	const int  *finals;
	int			count;
	int		   *order;			/* indexes of finals, ascending by pair */
	MpIds		accounts;
	MpIds		projects;
	MpSeen	   *seen;			/* of memberships */
	bool	   *shown;			/* of accounts */
} Look;

static void read_back(MpFlush *flush, const int *finals, int count);
static bool attempt(void (*read) (void *), Look *look, char **why);
static void begin_look(Look *look, MpFlush *flush, const int *finals,
					   int count);
static const MpSettings *look_settings(const Look *look);
static int	compare_finals(const void *a, const void *b, void *arg);
static void read_members(void *arg);
static void note_member(Look *look, const MpRecord *record);
static bool is_individual(const MpRecord *record);
static void note_role(Look *look, int i, const MpValue *role);
static int	find_pair(const Look *look, int64 account, int64 project);
static void read_accounts(void *arg);
static void note_account(Look *look, int64 account);

bool
mp_flush_look(MpFlush *flush, const int *finals, int count, MpSeen *seen,
			  char **why)
{
	Look		look;

	begin_look(&look, flush, finals, count);
	look.seen = seen;
	if (flush->roles == NULL)
		flush->roles = MemoryContextAllocExtended(flush->context,
												  sizeof(char *) *
												  (Size) flush->final_count,
												  MCXT_ALLOC_HUGE |
												  MCXT_ALLOC_ZERO);
	for (int i = 0; i < count; i++)
		seen[i] = MP_SEEN_ABSENT;
	return attempt(read_members, &look, why);
}

bool
mp_flush_look_accounts(MpFlush *flush, const int *finals, int count,
					   bool *there, char **why)
{
	Look		look;

	begin_look(&look, flush, finals, count);
	look.shown = palloc_extended(sizeof(bool) * (Size) count,
								 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (!attempt(read_accounts, &look, why))
		return false;
	for (int i = 0; i < count; i++)
	{
		int64		account = mp_flush_change(flush, finals[i])->account;

		there[i] = look.shown[mp_ids_find(look.accounts.ids,
										  look.accounts.count, account)];
	}
	return true;
}

/* A server that asks for patience, or is not reached in time, is not asked for
 * more. */
bool
mp_flush_is_answering(const MpCall *call)
{
	const MpProblem *problem = mp_call_problem(call);

	if (problem->kind == MP_PROBLEM_HTTP &&
		problem->answer->outcome != MP_OUTCOME_STATUS)
		return problem->answer->outcome == MP_OUTCOME_LOST;
	return mp_error_status(call) != 429;
}

void
mp_flush_read_back(MpFlush *flush, uint16 target)
{
	int		   *finals =
		palloc_extended(sizeof(int) * (Size) flush->final_count,
						MCXT_ALLOC_HUGE);
	int			count = 0;

	for (int i = 0; i < flush->final_count; i++)
		if ((flush->fates[i] == MP_FATE_PARTLY ||
			 flush->fates[i] == MP_FATE_ACCEPTED) &&
			flush->finals[i].kind != MP_CHANGE_DELETE &&
			mp_flush_change(flush, i)->target == target)
			finals[count++] = i;
	if (count > 0)
		read_back(flush, finals, count);
	pfree(finals);
}

/*
 * Read what a refused request may have changed in part, and note what is
 * seen.
 */
static void
read_back(MpFlush *flush, const int *finals, int count)
{
	MpSeen	   *seen = palloc_extended(sizeof(MpSeen) * (Size) count,
									   MCXT_ALLOC_HUGE);
	char	   *why;

	if (!mp_flush_look(flush, finals, count, seen, &why))
	{
		elog(DEBUG1, "mixpanel_sa_fdw: what became of a refused set cannot be read: %s",
			 why);
		return;
	}
	for (int i = 0; i < count; i++)
	{
		bool		removal =
			flush->finals[finals[i]].kind == MP_CHANGE_REMOVE;

		if (seen[i] == MP_SEEN_NOTHING)
		{
			if (flush->fates[finals[i]] == MP_FATE_ACCEPTED)
				mp_flush_note(flush, &finals[i], 1, MP_EVIDENCE_APPLIED);
			continue;
		}
		mp_flush_note(flush, &finals[i], 1,
					  seen[i] == (removal ? MP_SEEN_ABSENT : MP_SEEN_MEMBER) ?
					  MP_EVIDENCE_SEEN_DONE : MP_EVIDENCE_SEEN_UNDONE);
	}
	pfree(seen);
}

/* False, and why, where it fails. */
static bool
attempt(void (*read) (void *), Look *look, char **why)
{
	ErrorData  *error = mp_attempt(read, look);

	if (error != NULL)
		*why = error->message;
	return error == NULL;
}

/*
 * Collect the accounts and the projects of some changes, and sort the changes
 * so that a record finds its own.
 */
static void
begin_look(Look *look, MpFlush *flush, const int *finals, int count)
{
	Size		size = (Size) count;

	Assert(count > 0);
	memset(look, 0, sizeof(*look));
	look->flush = flush;
	look->finals = finals;
	look->count = count;
	look->order = palloc_extended(sizeof(int) * size, MCXT_ALLOC_HUGE);
	look->accounts.ids = palloc_extended(sizeof(int64) * size,
										 MCXT_ALLOC_HUGE);
	look->projects.ids = palloc_extended(sizeof(int64) * size,
										 MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
	{
		const MpChange *change = mp_flush_change(flush, finals[i]);

		look->order[i] = i;
		look->accounts.ids[i] = change->account;
		look->projects.ids[i] = change->project;
	}
	qsort_arg(look->order, size, sizeof(int), compare_finals, look);
	look->accounts.pinned = look->projects.pinned = true;
	look->accounts.count = mp_ids_sort(look->accounts.ids, count);
	look->projects.count = mp_ids_sort(look->projects.ids, count);
}

static const MpSettings *
look_settings(const Look *look)
{
	return mp_changeset_target(mp_flush_change(look->flush,
											   look->finals[0])->target);
}

static int
compare_finals(const void *a, const void *b, void *arg)
{
	const Look *look = arg;
	const MpChange *one = mp_flush_change(look->flush,
										  look->finals[*(const int *) a]);
	const MpChange *other = mp_flush_change(look->flush,
											look->finals[*(const int *) b]);
	MpPair		pair = {one->account, one->project};
	MpPair		other_pair = {other->account, other->project};

	return mp_flush_compare_pairs(&pair, &other_pair);
}

/* A Look *. */
static void
read_members(void *arg)
{
	Look	   *look = arg;
	MpLookup	lookup = {
		.relation = MP_RELATION_MEMBERSHIPS,
		.accounts = look->accounts,
		.projects = look->projects,
		.prefer_projects = look->projects.count < look->accounts.count,
		.trusted = true,
	};
	MpFetch    *fetch = mp_fetch_begin(look_settings(look), &lookup,
									   MP_FIELD_BIT(MP_FIELD_ID) |
									   MP_FIELD_BIT(MP_FIELD_PROJECT_ID) |
									   MP_FIELD_BIT(MP_FIELD_ROLE) |
									   MP_FIELD_BIT(MP_FIELD_GRANT_TYPE));
	const MpRecord *record;

	while (mp_fetch_next_wait(fetch, &record))
		note_member(look, record);
	mp_fetch_end(fetch);
}

/* A row without an element was not read: the server cannot list memberships,
 * and the fetch takes those that are pinned to exist. */
static void
note_member(Look *look, const MpRecord *record)
{
	const MpValue *values = record->values;
	const MpChange *change;
	int			i = find_pair(look, values[MP_FIELD_ID].as.integer,
							  values[MP_FIELD_PROJECT_ID].as.integer);

	if (i < 0)
		return;
	if (record->raw.data == NULL)
	{
		look->seen[i] = MP_SEEN_NOTHING;
		return;
	}
	if (!is_individual(record))
		return;
	note_role(look, i, &values[MP_FIELD_ROLE]);
	change = mp_flush_change(look->flush, look->finals[i]);
	look->seen[i] = change->role == NULL ||
		look->flush->roles[look->finals[i]] == NULL ||
		strcmp(change->role, look->flush->roles[look->finals[i]]) == 0 ?
		MP_SEEN_MEMBER : MP_SEEN_OTHER_ROLE;
}

/* By itself, not through a team or the organization. */
static bool
is_individual(const MpRecord *record)
{
	const MpValue *type = &record->values[MP_FIELD_GRANT_TYPE];

	return !type->present ||
		(type->as.text.length == strlen("individual") &&
		 memcmp(type->as.text.data, "individual", type->as.text.length) == 0);
}

/* For messages, and to be given back. */
static void
note_role(Look *look, int i, const MpValue *role)
{
	char	   *copy;

	if (!role->present)
		return;
	copy = MemoryContextAlloc(look->flush->context, role->as.text.length + 1);
	memcpy(copy, role->as.text.data, role->as.text.length);
	copy[role->as.text.length] = '\0';
	look->flush->roles[look->finals[i]] = copy;
}

/* Index of finals; -1: a pair that nobody looks for. */
static int
find_pair(const Look *look, int64 account, int64 project)
{
	MpPair		key = {account, project};
	int			low = 0;
	int			high = look->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		int			i = look->order[middle];
		const MpChange *change = mp_flush_change(look->flush,
												 look->finals[i]);
		MpPair		pair = {change->account, change->project};
		int			side = mp_flush_compare_pairs(&pair, &key);

		if (side == 0)
			return i;
		if (side < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

/* A Look *. */
static void
read_accounts(void *arg)
{
	Look	   *look = arg;
	const MpSettings *settings = look_settings(look);
	MpLookup	lookup = {
		.relation = MP_RELATION_ACCOUNTS,
		.accounts = look->accounts,
		.prefer_list = look->accounts.count > settings->max_concurrency,
	};
	MpFetch    *fetch = mp_fetch_begin(settings, &lookup,
									   MP_FIELD_BIT(MP_FIELD_ID));
	const MpRecord *record;

	while (mp_fetch_next_wait(fetch, &record))
		note_account(look, record->values[MP_FIELD_ID].as.integer);
	mp_fetch_end(fetch);
}

/* Of all changes of it. */
static void
note_account(Look *look, int64 account)
{
	int			at = mp_ids_find(look->accounts.ids, look->accounts.count,
								 account);

	if (at >= 0)
		look->shown[at] = true;
}
