/*-------------------------------------------------------------------------
 *
 * transaction/flush_plan.c
 *		Folded changes -> units, one call of the API each.
 *
 * As few as the API allows: removals of any set, adds as full rectangles.
 * Sends nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/rectangle.h"
#include "transaction/flush_state.h"

#define REMOVALS_PER_CALL 1000
#define NAMES_PER_CALL 10000	/* accounts and grants of one add-to-project */

/* Indexes into MpFlush.finals. */
typedef struct FinalList
{
	int		   *finals;
	int			count;
} FinalList;

static void plan_target(MpFlush *flush, uint16 target, const FinalList *adds,
						const FinalList *removes);
static void plan_additions(MpFlush *flush, uint16 target,
						   const FinalList *adds);
static void plan_adds(MpFlush *flush, const MpUnit *like,
					  const FinalList *adds);
static void plan_rectangle(MpFlush *flush, const MpUnit *like,
						   const MpCell *cells, int count);
static void plan_removals(MpFlush *flush, const MpUnit *like,
						  const FinalList *removes);
static void plan_singles(MpFlush *flush, const MpUnit *like,
						 const FinalList *list);
static bool is_single(const MpSettings *settings, MpRoute bulk);
static int	compare_removals(const void *a, const void *b, void *arg);

void
mp_flush_plan_memberships(MpFlush *flush)
{
	Size		size = sizeof(int) * (Size) (flush->final_count + 1);
	FinalList	adds = {palloc_extended(size, MCXT_ALLOC_HUGE), 0};
	FinalList	removes = {palloc_extended(size, MCXT_ALLOC_HUGE), 0};
	int			target_end = -1;

	for (int i = 0; i < flush->final_count; i++)
		target_end = Max(target_end, mp_flush_change(flush, i)->target);
	for (int target = 0; target <= target_end; target++)
	{
		adds.count = removes.count = 0;
		for (int i = 0; i < flush->final_count; i++)
		{
			MpChangeKind kind = flush->finals[i].kind;
			FinalList  *list = kind == MP_CHANGE_REMOVE ? &removes : &adds;

			if (mp_flush_change(flush, i)->target == target &&
				kind != MP_CHANGE_DELETE)
				list->finals[list->count++] = i;
		}
		plan_target(flush, (uint16) target, &adds, &removes);
	}
	pfree(adds.finals);
	pfree(removes.finals);
}

void
mp_flush_plan_additions(MpFlush *flush, uint16 target, const int *finals,
						int count)
{
	int		   *copy = palloc_extended(sizeof(int) * (Size) count,
									   MCXT_ALLOC_HUGE);
	FinalList	adds = {memcpy(copy, finals, sizeof(int) * (Size) count),
	count};

	plan_additions(flush, target, &adds);
	pfree(copy);
}

void
mp_flush_plan_deletions(MpFlush *flush)
{
	for (int i = 0; i < flush->final_count; i++)
	{
		MpUnit		like = {
			.kind = MP_CALL_DELETE_ACCOUNT,
			.target = mp_flush_change(flush, i)->target,
		};

		if (flush->finals[i].kind == MP_CHANGE_DELETE)
			mp_flush_add_unit(flush, &like, &i, 1);
	}
}

static void
plan_target(MpFlush *flush, uint16 target, const FinalList *adds,
			const FinalList *removes)
{
	const MpSettings *settings = mp_changeset_target(target);
	const MpRoutes *routes = mp_session_routes(settings);
	MpUnit		like = {.origin = MP_ORIGIN_PLAN,.target = target};
	bool		single = is_single(settings, routes->bulk_remove);

	like.kind = single ?
		MP_CALL_REMOVE_MEMBERSHIP : MP_CALL_REMOVE_MEMBERSHIPS;
	if (single)
		plan_singles(flush, &like, removes);
	else
		plan_removals(flush, &like, removes);
	plan_additions(flush, target, adds);
}

static void
plan_additions(MpFlush *flush, uint16 target, const FinalList *adds)
{
	const MpSettings *settings = mp_changeset_target(target);
	const MpRoutes *routes = mp_session_routes(settings);
	bool		single = is_single(settings, routes->bulk_add);
	MpUnit		like = {.origin = MP_ORIGIN_PLAN,.target = target};

	like.kind = single ? MP_CALL_ADD_MEMBERSHIP : MP_CALL_ADD_MEMBERSHIPS;
	if (single)
		plan_singles(flush, &like, adds);
	else
		plan_adds(flush, &like, adds);
}

static bool
is_single(const MpSettings *settings, MpRoute bulk)
{
	if (settings->membership_write == MP_MEMBERSHIP_WRITE_AUTO)
		return bulk == MP_ROUTE_MISSING;
	return settings->membership_write == MP_MEMBERSHIP_WRITE_SINGLE;
}

/*
 * Cut additions into the fewest bulk calls that grant no pair which was not
 * asked for.
 */
static void
plan_adds(MpFlush *flush, const MpUnit *like, const FinalList *adds)
{
	int			count = adds->count;
	MpCell	   *cells = palloc_extended(sizeof(MpCell) * (Size) (count + 1),
										MCXT_ALLOC_HUGE);
	int			first = 0;

	for (int i = 0; i < count; i++)
	{
		const MpChange *change = mp_flush_change(flush, adds->finals[i]);

		cells[i].account = change->account;
		cells[i].project = change->project;
		cells[i].role = change->role;
		cells[i].index = adds->finals[i];
	}
	if (mp_rectangle_cut(cells, count) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	for (int i = 1; i <= count; i++)
	{
		if (i < count && cells[i].rectangle == cells[first].rectangle)
			continue;
		plan_rectangle(flush, like, &cells[first], i - first);
		first = i;
	}
	pfree(cells);
}

/* A rectangle too large for one call is cut by accounts. */
static void
plan_rectangle(MpFlush *flush, const MpUnit *like, const MpCell *cells,
			   int count)
{
	int		   *finals = palloc_extended(sizeof(int) * (Size) count,
										 MCXT_ALLOC_HUGE);
	int			grants = 0;
	int			step;

	for (int i = 0; i < count; i++)
	{
		finals[i] = cells[i].index;
		grants += cells[i].account == cells[0].account;
	}
	Assert(grants > 0 && count % grants == 0);
	step = grants * Max(1, NAMES_PER_CALL - grants);
	for (int at = 0; at < count; at += step)
		mp_flush_add_unit(flush, like, &finals[at], Min(step, count - at));
	pfree(finals);
}

static void
plan_removals(MpFlush *flush, const MpUnit *like, const FinalList *removes)
{
	qsort_arg(removes->finals, (size_t) removes->count, sizeof(int),
			  compare_removals, flush);
	for (int at = 0; at < removes->count; at += REMOVALS_PER_CALL)
		mp_flush_add_unit(flush, like, &removes->finals[at],
						  Min(REMOVALS_PER_CALL, removes->count - at));
}

static int
compare_removals(const void *a, const void *b, void *arg)
{
	const MpChange *one = mp_flush_change(arg, *(const int *) a);
	const MpChange *other = mp_flush_change(arg, *(const int *) b);
	MpPair		pair = {one->account, one->project};
	MpPair		other_pair = {other->account, other->project};

	return mp_flush_compare_pairs(&pair, &other_pair);
}

static void
plan_singles(MpFlush *flush, const MpUnit *like, const FinalList *list)
{
	for (int i = 0; i < list->count; i++)
		mp_flush_add_unit(flush, like, &list->finals[i], 1);
}
