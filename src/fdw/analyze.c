/*-------------------------------------------------------------------------
 *
 * fdw/analyze.c
 *		ANALYZE: reads the whole table once and keeps a random sample.
 *
 * The API cannot give a sample; all rows come anyway.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "executor/tuptable.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/sampling.h"

#include "catalog/option.h"
#include "catalog/relation.h"
#include "catalog/setting.h"
#include "fdw/analyze.h"
#include "remote/fetch.h"

#define ROW_BYTES 200			/* about what an answer spends on a row */

/* Reservoir sampling (Vitter's algorithm Z), as the server's own tables. */
typedef struct Sample
{
	HeapTuple  *rows;
	int			count;
	int			target;
	double		seen;
	double		to_skip;		/* below zero: not determined yet */
	ReservoirStateData state;
} Sample;

static int	mixpanelAcquireSampleRows(Relation relation, int elevel,
									  HeapTuple *rows,
									  int targrows, double *totalrows,
									  double *totaldeadrows);
static int	choose_place(Sample *sample);

bool
mixpanelAnalyzeForeignTable(Relation relation, AcquireSampleRowsFunc *func,
							BlockNumber *totalpages)
{
	double		rows = Max(relation->rd_rel->reltuples, 1000);

	mp_setting_require();
	*func = mixpanelAcquireSampleRows;
	*totalpages = (BlockNumber) ceil(rows * ROW_BYTES / BLCKSZ);
	return true;
}

/*
 * Read the whole table and keep a random sample of it, as ANALYZE does for
 * local tables.
 */
static int
mixpanelAcquireSampleRows(Relation relation, int elevel, HeapTuple *rows,
						  int targrows,
						  double *totalrows, double *totaldeadrows)
{
	Sample		sample = {.rows = rows,.target = targrows,.to_skip = -1};
	MpTable    *table = mp_relation_open(relation);
	MpSettings *settings = mp_option_resolve(RelationGetRelid(relation),
											 InvalidOid,
											 relation->rd_rel->relowner);
	MpLookup	lookup = {
		.relation = table->relation->kind,
		.either_way = true,
		.memberships = -1,
	};
	uint32		wanted = mp_relation_wanted(table, NULL) &
		~(MP_FIELD_BIT(MP_FIELD_SECRET) | MP_FIELD_BIT(MP_FIELD_PROJECTS));
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(relation),
													&TTSOpsVirtual);
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext,
													  "mixpanel_sa_fdw sample",
													  ALLOCSET_SMALL_SIZES);
	MpFetch    *fetch = mp_fetch_begin(settings, &lookup, wanted);
	const MpRecord *record;

	reservoir_init_selection_state(&sample.state, targrows);
	while (mp_fetch_next_wait(fetch, &record))
	{
		int			place = choose_place(&sample);
		MemoryContext old;

		if (place < 0)
			continue;
		old = MemoryContextSwitchTo(row_context);
		mp_relation_fill(table, wanted, record, slot);
		MemoryContextSwitchTo(old);
		if (place < sample.count)
			heap_freetuple(rows[place]);
		else
			sample.count++;
		rows[place] = ExecCopySlotHeapTuple(slot);
		ExecClearTuple(slot);
		MemoryContextReset(row_context);
	}
	mp_fetch_end(fetch);
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(row_context);

	*totalrows = sample.seen;
	*totaldeadrows = 0;
	ereport(elevel,
			(errmsg("\"%s\": %.0f rows read, %d rows in sample",
					RelationGetRelationName(relation), sample.seen,
					sample.count)));
	return sample.count;
}

/* Where the next row goes; -1: it is not taken. */
static int
choose_place(Sample *sample)
{
	double		seen = sample->seen++;

	if (sample->count < sample->target)
		return sample->count;
	if (sample->to_skip < 0)
		sample->to_skip = reservoir_get_next_S(&sample->state, seen,
											   sample->target);
	if (sample->to_skip-- > 0)
		return -1;
	return (int) (sample->target *
				  sampler_random_fract(&sample->state.randstate));
}
