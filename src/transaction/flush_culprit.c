/*-------------------------------------------------------------------------
 *
 * transaction/flush_culprit.c
 *		Which account or project a refused call was refused for.
 *
 * Only reads; a read that fails tells nothing, and is no error of the COMMIT.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/ids.h"
#include "remote/attempt.h"
#include "remote/project.h"
#include "transaction/creation.h"
#include "transaction/flush_state.h"

/* Projects that are looked for, and which were found. */
typedef struct Search
{
	MpFlush    *flush;
	const MpUnit *unit;
	int64	   *ids;			/* ascending, distinct */
	bool	   *found;
	int			count;
	bool		told;			/* the list is complete */
} Search;

static void find_account(MpFlush *flush, const MpUnit *unit,
						 MpCulprits *culprits);
static void find_project(MpFlush *flush, const MpUnit *unit,
						 MpCulprits *culprits);
static void begin_search(Search *search, MpFlush *flush, const MpUnit *unit);
static void read_projects(void *arg);
static int	first_missing(const Search *search);

void
mp_flush_find_culprits(MpFlush *flush, const MpUnit *unit,
					   MpCulprits *culprits)
{
	culprits->account = culprits->project = -1;
	culprits->own_account = culprits->unreadable = false;
	find_account(flush, unit, culprits);
	find_project(flush, unit, culprits);
}

/* Which account of a refused unit does not exist? */
static void
find_account(MpFlush *flush, const MpUnit *unit, MpCulprits *culprits)
{
	const MpSettings *settings = mp_changeset_target(unit->target);
	char	   *why;
	bool	   *there = palloc_extended(sizeof(bool) * (Size) unit->count,
										MCXT_ALLOC_HUGE);

	if (!mp_flush_look_accounts(flush, unit->finals, unit->count, there,
								&why))
	{
		culprits->unreadable = true;
		return;
	}
	for (int i = 0; i < unit->count; i++)
	{
		int64		account =
			mp_flush_change(flush, unit->finals[i])->account;

		if (there[i])
			continue;
		if (mp_creation_is_own(settings, account))
			culprits->own_account = true;
		else if (culprits->account < 0)
			culprits->account = unit->finals[i];
	}
	pfree(there);
}

/* Where /me cannot be read there is no telling. */
static void
find_project(MpFlush *flush, const MpUnit *unit, MpCulprits *culprits)
{
	Search		search;

	begin_search(&search, flush, unit);
	if (mp_attempt(read_projects, &search) != NULL)
		culprits->unreadable = true;
	else if (search.told)
		culprits->project = first_missing(&search);
	mp_record_release(&flush->side_record);
}

static void
begin_search(Search *search, MpFlush *flush, const MpUnit *unit)
{
	Size		count = (Size) unit->count;

	search->flush = flush;
	search->unit = unit;
	search->told = false;
	search->ids = palloc_extended(sizeof(int64) * count, MCXT_ALLOC_HUGE);
	search->found = palloc_extended(sizeof(bool) * count,
									MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < unit->count; i++)
		search->ids[i] = mp_flush_change(flush, unit->finals[i])->project;
	search->count = mp_ids_sort(search->ids, unit->count);
}

/* A Search *.  Raises where the server has the call but it fails. */
static void
read_projects(void *arg)
{
	Search	   *search = arg;
	MpFlush    *flush = search->flush;
	const MpSettings *settings = mp_changeset_target(search->unit->target);
	MpRecord   *record = &flush->side_record;
	MpCallState state;

	mp_flush_begin_read(flush, mp_api_me(mp_session_http(), settings));
	while ((state = mp_call_next(flush->side_call, record)) == MP_CALL_WAIT ||
		   state == MP_CALL_RECORD)
	{
		int			at;

		if (state == MP_CALL_WAIT)
		{
			mp_session_wait(flush->side_call);
			continue;
		}
		mp_project_note_domain(settings,
							   record->values[MP_FIELD_PROJECT_ID].as.integer,
							   &record->values[MP_FIELD_DOMAIN]);
		at = mp_ids_find(search->ids, search->count,
						 record->values[MP_FIELD_PROJECT_ID].as.integer);
		if (at >= 0)
			search->found[at] = true;
	}
	search->told = state == MP_CALL_DONE;
	if (state == MP_CALL_FAILED &&
		mp_error_status(flush->side_call) != 404 &&
		mp_error_status(flush->side_call) != 405)
		mp_error_raise(flush->side_call, settings);
}

static int
first_missing(const Search *search)
{
	const MpUnit *unit = search->unit;

	for (int i = 0; i < unit->count; i++)
	{
		int64		id = mp_flush_change(search->flush,
										 unit->finals[i])->project;
		int			at = mp_ids_find(search->ids, search->count, id);

		Assert(at >= 0);
		if (!search->found[at])
			return unit->finals[i];
	}
	return -1;
}
