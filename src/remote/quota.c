/*-------------------------------------------------------------------------
 *
 * remote/quota.c
 *		One budget for all sessions of this cluster.
 *
 * Owns the shared memory with the budgets of up to PLACES base URLs and
 * organizations, and its lock.  Whoever comes when all are taken gets the one
 * that has been idle for longest; if none is idle, the session keeps a budget
 * of its own until one is.  Must not know what a budget holds.
 *
 * The lock is held for the arithmetic of base/budget.c and for nothing else:
 * the time is taken before, and who is to be woken is woken after.  A backend
 * gives back what it has in flight when it exits; one that is killed takes all
 * sessions and the shared memory with it, as the postmaster begins anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "catalog/compat.h"
#include "remote/quota.h"

#define SEGMENT "mixpanel_sa_fdw_quota"
#define PLACES 32
#define URL_SIZE 256			/* what is kept of a longer URL is for show */

typedef struct SharedPlace
{
	uint64		key;			/* of the whole base URL; 0: free */
	int64		organization_id;
	uint32		generation;		/* how often it has been given out */
	char		base_url[URL_SIZE];
	MpBudget	budget;
} SharedPlace;

typedef struct Shared
{
	LWLock		lock;
	int			tranche;
	int			members;		/* backends that there may be */
	SharedPlace places[PLACES];
	MpBudgetPart parts[FLEXIBLE_ARRAY_MEMBER];	/* by place, then by member */
} Shared;

/* What this session knows of a place; lives as long as the backend. */
typedef struct LocalPlace
{
	struct LocalPlace *next;
	char	   *base_url;
	int64		organization_id;
	uint64		key;
	SharedPlace *place;			/* NULL: the budget is `own` */
	uint32		generation;		/* of the place, when it was given out to us */
	bool		locked;
	MpBudget	own;
	MpBudgetPart own_part;
	MpBudgetSeat seat;
} LocalPlace;

static Shared *shared = NULL;
static LocalPlace *locals = NULL;
static shmem_request_hook_type next_request_hook = NULL;
static shmem_startup_hook_type next_startup_hook = NULL;

static void request_memory(void);
static void make_memory(void);
static Size memory_size(void);
static void begin_segment(void *memory MP_SEGMENT_ARG);
static void begin_memory(Shared *memory);
static void attach(void);
static void detach(int code, Datum arg);
static void *open_place(const char *base_url, int64_t organization_id);
static uint64 make_key(const char *base_url, int64 organization_id);
static MpBudgetSeat *lock_place(void *budget);
static void unlock_place(void *budget);
static bool is_stale(const LocalPlace *local);
static SharedPlace *find_place(const LocalPlace *local, int64 now);
static void sit_down(LocalPlace *local, SharedPlace *place);
static void describe_budget(MpQuota *quota, const MpBudget *budget,
							int64 now);

static const MpBudgetKeeper keeper = {
	open_place, lock_place, unlock_place,
};

/* ---- shared memory ---- */

void
mp_quota_init(void)
{
	if (MP_HAS_NAMED_SEGMENTS || !process_shared_preload_libraries_in_progress)
		return;
	next_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = make_memory;
}

static void
request_memory(void)
{
	if (next_request_hook != NULL)
		next_request_hook();
	RequestAddinShmemSpace(memory_size());
}

static void
make_memory(void)
{
	Shared	   *memory;
	bool		found;

	if (next_startup_hook != NULL)
		next_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	memory = ShmemInitStruct(SEGMENT, memory_size(), &found);
	if (!found)
		begin_memory(memory);
	LWLockRelease(AddinShmemInitLock);
	shared = memory;
}

static Size
memory_size(void)
{
	return add_size(offsetof(Shared, parts),
					mul_size(mul_size(PLACES, (Size) MaxBackends),
							 sizeof(MpBudgetPart)));
}

static void
begin_segment(void *memory MP_SEGMENT_ARG)
{
	begin_memory(memory);
}

static void
begin_memory(Shared *memory)
{
	memset(memory, 0, memory_size());
	memory->members = MaxBackends;
	memory->tranche = MP_NEW_TRANCHE(SEGMENT);
	LWLockInitialize(&memory->lock, memory->tranche);
}

const MpBudgetKeeper *
mp_quota_keeper(void)
{
	attach();
	return &keeper;
}

/* A backend by itself (postgres --single) has nobody to share with. */
static void
attach(void)
{
	static bool attached = false;
	bool		found;

	if (attached || !IsUnderPostmaster)
		return;
	if (MP_HAS_NAMED_SEGMENTS)
		shared = MP_NAMED_SEGMENT(SEGMENT, memory_size(), begin_segment,
								  &found);
	attached = true;
	if (shared == NULL)
		return;
	MP_NAME_TRANCHE(shared->tranche, SEGMENT);
	before_shmem_exit(detach, (Datum) 0);
}

/*
 * What is under way goes on by itself: the transaction may be rolled back only
 * after this, and an account that it created be deleted again.
 */
static void
detach(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	int64		now = mp_http_microseconds();

	for (LocalPlace *local = locals; local != NULL; local = local->next)
	{
		MpBudgetSeat *seat;

		if (local->place == NULL)
			continue;
		seat = lock_place(local);
		local->own.not_before = seat->budget->not_before;
		local->own.in_flight = seat->parts[seat->self].in_flight;
		local->own.waiting = seat->parts[seat->self].waiting;
		local->own_part.in_flight = local->own.in_flight;
		local->own_part.waiting = local->own.waiting;
		mp_budget_clear(seat, now);
		unlock_place(local);
	}
	shared = NULL;
}

bool
mp_quota_is_shared(void)
{
	attach();
	return shared != NULL;
}

bool
mp_quota_is_locked(void)
{
	return shared != NULL && LWLockHeldByMe(&shared->lock);
}

/* ---- for http/: nothing here throws ---- */

/* What this session keeps of a place; http/ asks for it once. */
static void *
open_place(const char *base_url, int64_t organization_id)
{
	Size		length = strlen(base_url) + 1;
	LocalPlace *local;

	local = MemoryContextAllocExtended(TopMemoryContext,
									   sizeof(LocalPlace) + length,
									   MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	if (local == NULL)
		return NULL;
	local->base_url = (char *) (local + 1);
	memcpy(local->base_url, base_url, length);
	local->organization_id = organization_id;
	local->key = make_key(base_url, organization_id);
	mp_budget_init(&local->own);
	local->next = locals;
	locals = local;
	return local;
}

static uint64
make_key(const char *base_url, int64 organization_id)
{
	uint64		key =
		hash_bytes_extended((const unsigned char *) base_url,
							(int) strlen(base_url), (uint64) organization_id);

	return key != 0 ? key : 1;
}

/* The seat at the budget that counts now, locked if that is shared. */
static MpBudgetSeat *
lock_place(void *budget)
{
	LocalPlace *local = budget;

	int64		now = mp_http_microseconds();

	Assert(!local->locked);
	local->locked = shared != NULL;
	if (local->locked)
	{
		LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
		if (is_stale(local))
			sit_down(local, find_place(local, now));
	}
	else
		sit_down(local, NULL);
	local->seat.wake = MP_BUDGET_NOBODY;
	return &local->seat;
}

static void
unlock_place(void *budget)
{
	LocalPlace *local = budget;
	int			wake = local->seat.wake;

	if (!local->locked)
		return;
	local->locked = false;
	LWLockRelease(&shared->lock);
	if (local->place != NULL && wake != MP_BUDGET_NOBODY)
		SetLatch(&GetPGProcByNumber(wake)->procLatch);
}

/*
 * Others may have been given our place, as long as we had nothing there.  One
 * that is used by a budget of our own is given up as soon as that is idle.
 */
static bool
is_stale(const LocalPlace *local)
{
	if (local->place != NULL)
		return local->place->generation != local->generation;
	return local->own_part.in_flight == 0 && local->own_part.waiting == 0;
}

/* The place of this base URL and organization, made if need be; or NULL. */
static SharedPlace *
find_place(const LocalPlace *local, int64 now)
{
	SharedPlace *best = NULL;

	for (int i = 0; i < PLACES; i++)
	{
		SharedPlace *place = &shared->places[i];

		if (place->key == local->key &&
			place->organization_id == local->organization_id)
			return place;
		if (place->key != 0 && !mp_budget_is_idle(&place->budget, now))
			continue;
		if (best == NULL || place->key == 0 ||
			(best->key != 0 && place->budget.used < best->budget.used))
			best = place;
	}
	if (best == NULL)
		return NULL;
	best->key = local->key;
	best->organization_id = local->organization_id;
	best->generation++;
	strlcpy(best->base_url, local->base_url, URL_SIZE);
	mp_budget_renew(&best->budget);
	return best;
}

/* NULL: at the session's own. */
static void
sit_down(LocalPlace *local, SharedPlace *place)
{
	local->place = place;
	local->seat.budget = &local->own;
	local->seat.parts = &local->own_part;
	local->seat.self = 0;
	if (place == NULL)
		return;
	local->generation = place->generation;
	local->seat.budget = &place->budget;
	local->seat.parts = &shared->parts[(place - shared->places) *
									   shared->members];
	local->seat.self = MP_OWN_NUMBER;
	Assert(local->seat.self < shared->members);
}

/* ---- for SQL ---- */

MpQuota *
mp_quota_list(int *count)
{
	SharedPlace *places = palloc0(sizeof(SharedPlace) * PLACES);
	int			most = PLACES;
	int			n = 0;
	int64		now = mp_http_microseconds();
	MpQuota    *list;

	attach();
	if (shared != NULL)
	{
		LWLockAcquire(&shared->lock, LW_SHARED);
		memcpy(places, shared->places, sizeof(SharedPlace) * PLACES);
		LWLockRelease(&shared->lock);
	}
	for (const LocalPlace *local = locals; local != NULL;
		 local = local->next)
		most++;
	list = palloc0(sizeof(MpQuota) * (Size) most);
	for (int i = 0; i < PLACES; i++)
	{
		if (places[i].key == 0)
			continue;
		list[n].base_url = pstrdup(places[i].base_url);
		list[n].organization_id = places[i].organization_id;
		list[n].shared = true;
		describe_budget(&list[n++], &places[i].budget, now);
	}
	for (const LocalPlace *local = locals; local != NULL;
		 local = local->next)
	{
		if (local->place != NULL)
			continue;
		list[n].base_url = pstrdup(local->base_url);
		list[n].organization_id = local->organization_id;
		describe_budget(&list[n++], &local->own, now);
	}
	*count = n;
	pfree(places);
	return list;
}

bool
mp_quota_is_of(const MpQuota *quota, const char *base_url)
{
	if (strlen(quota->base_url) == URL_SIZE - 1)
		return strncmp(quota->base_url, base_url, URL_SIZE - 1) == 0;
	return strcmp(quota->base_url, base_url) == 0;
}

/* The end of a hold is shown by the calendar. */
static void
describe_budget(MpQuota *quota, const MpBudget *budget, int64 now)
{
	quota->in_flight = budget->in_flight;
	quota->waiting = budget->waiting;
	quota->tokens = mp_budget_tokens(budget, now);
	quota->requests = budget->requests;
	quota->refused = budget->refused;
	if (budget->not_before > now)
		quota->not_before = GetCurrentTimestamp() +
			(budget->not_before - now);
}
