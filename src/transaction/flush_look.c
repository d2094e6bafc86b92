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

#include "lib/qunique.h"

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
	const char **wanted;		/* roles that additions ask for, sorted, each
								 * once */
	bool	   *spelt;			/* of each: some member has just this one */
	int			wanted_count;
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
static void collect_roles(Look *look);
static int	compare_roles(const void *a, const void *b);
static int	find_role(const Look *look, const char *role);
static void note_spelling(Look *look, const MpValue *role);
static MpSeen compare_role(const Look *look, int i);
static bool is_same_word(const char *one, const char *other);
static bool is_kept(const MpChange *change, const char *role);
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
	collect_roles(&look);
	for (int i = 0; i < count; i++)
		seen[i] = MP_SEEN_ABSENT;
	if (!attempt(read_members, &look, why))
		return false;
	for (int i = 0; i < count; i++)
		if (seen[i] == MP_SEEN_MEMBER)
			seen[i] = compare_role(&look, i);
	return true;
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
	int			i = find_pair(look, values[MP_FIELD_ID].as.integer,
							  values[MP_FIELD_PROJECT_ID].as.integer);

	note_spelling(look, &values[MP_FIELD_ROLE]);
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
	look->seen[i] = MP_SEEN_MEMBER;
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

/* Those that the additions ask for, each once. */
static void
collect_roles(Look *look)
{
	Size		size = (Size) look->count;

	look->wanted = palloc_extended(sizeof(char *) * size, MCXT_ALLOC_HUGE);
	for (int i = 0; i < look->count; i++)
	{
		const MpChange *change = mp_flush_change(look->flush, look->finals[i]);

		if (change->role != NULL)
			look->wanted[look->wanted_count++] = change->role;
	}
	qsort(look->wanted, (Size) look->wanted_count, sizeof(char *),
		  compare_roles);
	look->wanted_count = (int) qunique(look->wanted,
									   (Size) look->wanted_count,
									   sizeof(char *), compare_roles);
	look->spelt = palloc_extended(sizeof(bool) * size,
								  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* const char ** */
static int
compare_roles(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Index of the roles that are wanted; -1: none. */
static int
find_role(const Look *look, const char *role)
{
	const char **found = bsearch(&role, look->wanted,
								 (Size) look->wanted_count, sizeof(char *),
								 compare_roles);

	return found == NULL ? -1 : (int) (found - look->wanted);
}

/* Of whomever the answer names. */
static void
note_spelling(Look *look, const MpValue *role)
{
	int			found;
	char	   *text;

	if (!role->present)
		return;
	text = pnstrdup(role->as.text.data, role->as.text.length);
	found = find_role(look, text);
	if (found >= 0)
		look->spelt[found] = true;
	pfree(text);
}

/*
 * Has a member the role that was asked for?  A server may list "admin" as
 * "Admin".  They are two roles only where another member has just the one that
 * was asked for, or where the other is what the member had before.
 */
static MpSeen
compare_role(const Look *look, int i)
{
	const MpChange *change = mp_flush_change(look->flush, look->finals[i]);
	const char *role = look->flush->roles[look->finals[i]];

	if (change->role == NULL || role == NULL ||
		strcmp(change->role, role) == 0)
		return MP_SEEN_MEMBER;
	if (!is_same_word(change->role, role) || is_kept(change, role) ||
		look->spelt[find_role(look, change->role)])
		return MP_SEEN_OTHER_ROLE;
	elog(DEBUG1, "mixpanel_sa_fdw: role \"%s\" is taken for \"%s\"", role,
		 change->role);
	return MP_SEEN_MEMBER;
}

/* But for the case of its ASCII letters. */
static bool
is_same_word(const char *one, const char *other)
{
	while (*one != '\0' && pg_ascii_tolower((unsigned char) *one) ==
		   pg_ascii_tolower((unsigned char) *other))
	{
		one++;
		other++;
	}
	return *one == *other;
}

/* Is it the role that an UPDATE was to change? */
static bool
is_kept(const MpChange *change, const char *role)
{
	const char *before = mp_flush_role_before(change);

	return before != NULL && strcmp(before, role) == 0;
}

const char *
mp_flush_role_before(const MpChange *change)
{
	while (change->previous >= 0 && change->kind == MP_CHANGE_ROLE)
		change = mp_changeset_get(change->previous);
	return change->kind == MP_CHANGE_ROLE ? change->old_role : NULL;
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
