/*-------------------------------------------------------------------------
 *
 * transaction/changeset.c
 *		The queue of changes of this transaction: savepoints, folding, and the
 *		transaction's callbacks.
 *
 * The queue is an array in the order of the statements.  A subtransaction's
 * changes are its end, so rolling back is cutting it off.  A hash finds the
 * last change of a key, and each change knows the one before it.
 *
 * What statements see of the queue is overlay.c's; what COMMIT sends,
 * flush.c's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "catalog/array.h"
#include "catalog/option.h"
#include "remote/session.h"
#include "transaction/changeset_state.h"
#include "transaction/creation_row.h"

#define FIRST_SIZE 64			/* keys */
#define MAX_TARGETS UINT16_MAX

typedef struct ChangeKey
{
	int64		account;
	int64		project;
	int64		place;
} ChangeKey;

typedef struct KeyEntry
{
	ChangeKey	key;
	int32		last;			/* index of the key's last change */
} KeyEntry;

typedef struct Target
{
	MpSettings *settings;
	int			place;			/* index of the first target that leads to the
								 * same rows: mp_option_same_place() */
} Target;

/* All of a transaction's; in `context`, which ends with it. */
static MemoryContext context = NULL;
static Target *targets = NULL;
static int	target_count = 0;
static int	target_size = 0;
static MpChange *changes = NULL;
static int	change_count = 0;
static int	change_size = 0;
static int	delete_count = 0;	/* DELETEs among them; the others are of
								 * memberships */
static HTAB *keys = NULL;
static List *roles = NIL;		/* distinct roles, char * */

static void begin_queue(void);
static int	find_place(const MpSettings *settings);
static void push_change(const MpChange *change);
static const char *intern_role(const char *role);
static bool is_repeated(const MpChange *change);
static void check_change(const MpChange *change);
static void set_last(const MpChange *change, int32 last);
static ChangeKey change_key(const MpChange *change);
static void fold_change(int index, MpFinal *final);

uint16
mp_changeset_target_index(const MpSettings *settings)
{
	MemoryContext old;
	Target	   *target;

	begin_queue();
	(void) mp_session_routes(settings);
	for (int i = 0; i < target_count; i++)
	{
		if (mp_option_same(targets[i].settings, settings))
			return (uint16) i;
	}
	if (target_count == MAX_TARGETS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many organizations or settings in one transaction that changes them")));
	old = MemoryContextSwitchTo(context);
	if (target_count == target_size)
		targets = mp_array_grow(targets, &target_size, sizeof(Target));
	target = &targets[target_count];
	target->settings = mp_option_copy(settings);
	target->place = find_place(settings);
	MemoryContextSwitchTo(old);
	return (uint16) target_count++;
}

const MpSettings *
mp_changeset_target(uint16 index)
{
	Assert(index < target_count);
	return targets[index].settings;
}

bool
mp_changeset_queue(const MpChange *change)
{
	MpChange	own = *change;

	Assert(context != NULL);	/* change->target was made in it */
	Assert(change->account > 0);
	Assert((change->project == 0) == (change->kind == MP_CHANGE_DELETE));
	Assert((change->role == NULL) == (change->kind == MP_CHANGE_REMOVE ||
									  change->kind == MP_CHANGE_DELETE));
	own.previous = mp_changeset_last(targets[own.target].place, own.account,
									 own.project);
	own.level = GetCurrentTransactionNestLevel();
	if (is_repeated(&own))
		return false;
	check_change(&own);
	own.role = intern_role(change->role);
	own.old_role = intern_role(change->old_role);
	push_change(&own);
	return true;
}

int
mp_changeset_count(void)
{
	return change_count;
}

const MpChange *
mp_changeset_get(int index)
{
	Assert(index >= 0 && index < change_count);
	return &changes[index];
}

int
mp_changeset_place(const MpSettings *settings)
{
	for (int i = 0; i < target_count; i++)
		if (mp_option_same_place(targets[i].settings, settings))
			return targets[i].place;
	return -1;
}

int
mp_changeset_place_of(const MpChange *change)
{
	return targets[change->target].place;
}

int32
mp_changeset_last(int place, int64 account, int64 project)
{
	ChangeKey	key = {account, project, place};
	KeyEntry   *entry = keys != NULL ?
		hash_search(keys, &key, HASH_FIND, NULL) : NULL;

	return entry != NULL ? entry->last : -1;
}

/*
 * Membership changes of accounts that are deleted in the end are left out:
 * the deletion takes the memberships along.
 */
MpFinal *
mp_changeset_fold(int *count)
{
	MpFinal    *finals = palloc_extended(sizeof(MpFinal) *
										 (Size) Max(change_count, 1),
										 MCXT_ALLOC_HUGE);
	int			used = 0;

	for (int pass = 0; pass < 2; pass++)
	{
		for (int i = 0; i < change_count; i++)
		{
			const MpChange *change = &changes[i];
			int			place = targets[change->target].place;

			if ((change->kind == MP_CHANGE_DELETE) != (pass == 1) ||
				mp_changeset_last(place, change->account,
								  change->project) != i)
				continue;
			if (pass == 0 &&
				mp_changeset_last(place, change->account, 0) >= 0)
				continue;
			fold_change(i, &finals[used++]);
		}
	}
	Assert(used <= change_count);
	*count = used;
	return finals;
}

void
mp_changeset_release(int level)
{
	for (int i = change_count - 1; i >= 0 && changes[i].level >= level; i--)
		changes[i].level = level - 1;
}

void
mp_changeset_cut(int level)
{
	while (change_count > 0 && changes[change_count - 1].level >= level)
	{
		const MpChange *change = &changes[--change_count];

		/* the last of its key goes first, and the one before is the last */
		Assert(change->previous < change_count);
		set_last(change, change->previous);
		if (change->kind == MP_CHANGE_DELETE)
			delete_count--;
	}
}

/* The memory goes with the transaction's; the secrets in it are wiped now. */
void
mp_changeset_end(void)
{
	MemoryContext old = context;

	context = NULL;
	targets = NULL;
	changes = NULL;
	keys = NULL;
	roles = NIL;
	target_count = target_size = 0;
	change_count = change_size = 0;
	delete_count = 0;
	if (old != NULL)
		MemoryContextDelete(old);
}

static void
begin_queue(void)
{
	HASHCTL		control = {
		.keysize = sizeof(ChangeKey),
		.entrysize = sizeof(KeyEntry),
	};
	MemoryContext fresh;

	if (context != NULL)
		return;
	fresh = AllocSetContextCreate(TopTransactionContext,
								  "mixpanel_sa_fdw changes",
								  ALLOCSET_DEFAULT_SIZES);
	control.hcxt = fresh;
	keys = hash_create("mixpanel_sa_fdw changes", FIRST_SIZE, &control,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	context = fresh;
}

static int
find_place(const MpSettings *settings)
{
	int			place = mp_changeset_place(settings);

	return place >= 0 ? place : target_count;
}

static void
push_change(const MpChange *change)
{
	if (change_count == change_size)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		changes = mp_array_grow(changes, &change_size, sizeof(MpChange));
		MemoryContextSwitchTo(old);
	}
	Assert(change_count < change_size);
	/* those of a level stand behind those of the levels around it */
	Assert(change_count == 0 ||
		   changes[change_count - 1].level <= change->level);
	set_last(change, change_count);
	changes[change_count++] = *change;
	if (change->kind == MP_CHANGE_DELETE)
		delete_count++;
}

/* Roles are few and changes may be many. */
static const char *
intern_role(const char *role)
{
	MemoryContext old;
	char	   *copy;
	ListCell   *cell;

	if (role == NULL)
		return NULL;
	foreach(cell, roles)
	{
		if (strcmp(lfirst(cell), role) == 0)
			return lfirst(cell);
	}
	old = MemoryContextSwitchTo(context);
	copy = pstrdup(role);
	roles = lappend(roles, copy);
	MemoryContextSwitchTo(old);
	return copy;
}

/* As a row of an ordinary table, one is changed once by a command. */
static bool
is_repeated(const MpChange *change)
{
	const MpChange *last;

	if (change->previous < 0 || change->kind == MP_CHANGE_ADD)
		return false;
	last = &changes[change->previous];
	return change->kind == MP_CHANGE_DELETE ||
		(last->cid == change->cid && last->kind != MP_CHANGE_ADD);
}

void
mp_changeset_check_room(int count)
{
	int			given = mp_creation_row_grants();
	int64		all = (int64) change_count - delete_count + given + count;

	if (mp_max_membership_changes < 0 || all <= mp_max_membership_changes)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("transaction would change more than %d memberships",
					mp_max_membership_changes),
			 given == 0 ? errdetail("No membership has been changed.") :
			 errdetail("Memberships given with new service accounts: %d. No other has been changed.",
					   given),
			 errhint("Check the statement's condition, or set mixpanel_sa_fdw.max_membership_changes higher.")));
}

/* Refuse a change that a guard forbids, or that contradicts an earlier one */
static void
check_change(const MpChange *change)
{
	if (change->kind == MP_CHANGE_DELETE)
	{
		if (mp_max_deletes >= 0 && delete_count >= mp_max_deletes)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("transaction would delete more than %d service accounts",
							mp_max_deletes),
					 errdetail("Nothing has been deleted."),
					 errhint("Check the statement's condition, or set mixpanel_sa_fdw.max_deletes higher.")));
		return;
	}
	mp_changeset_check_room(1);
	if (change->kind != MP_CHANGE_REMOVE &&
		mp_changeset_last(targets[change->target].place,
						  change->account, 0) >= 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("service account " INT64_FORMAT " is deleted by this transaction",
						change->account),
				 errdetail("It cannot become a member of project " INT64_FORMAT ".",
						   change->project)));
}

/* -1 removes the key.  Must not fail when it only goes back. */
static void
set_last(const MpChange *change, int32 last)
{
	ChangeKey	key = change_key(change);
	KeyEntry   *entry = hash_search(keys, &key,
									last < 0 ? HASH_REMOVE : HASH_ENTER, NULL);

	Assert(entry != NULL);
	if (last >= 0)
		entry->last = last;
}

static ChangeKey
change_key(const MpChange *change)
{
	ChangeKey	key = {
		change->account, change->project, targets[change->target].place,
	};

	return key;
}

/*
 * A change of role counts as the ADD it follows.  The pair may be a member
 * already where a REMOVE or a change of role says that it was.
 */
static void
fold_change(int index, MpFinal *final)
{
	final->change = index;
	final->kind = (MpChangeKind) changes[index].kind;
	final->replaces = final->kind == MP_CHANGE_ROLE;
	if (final->kind == MP_CHANGE_REMOVE || final->kind == MP_CHANGE_DELETE)
		return;
	for (int i = index; i >= 0; i = changes[i].previous)
	{
		if (changes[i].kind == MP_CHANGE_REMOVE)
		{
			final->replaces = true;
			return;
		}
		if (changes[i].kind == MP_CHANGE_ADD)
		{
			final->kind = MP_CHANGE_ADD;
			final->replaces = false;
		}
	}
}
