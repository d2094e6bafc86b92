/*-------------------------------------------------------------------------
 *
 * transaction/flush_culprit.c
 *		Which account or project a refused call was refused for.
 *
 * Only reads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/ids.h"
#include "remote/fetch.h"
#include "transaction/flush_state.h"

/* Ids that are looked for, and which were found. */
typedef struct Search
{
	int64	   *ids;			/* ascending, distinct */
	bool	   *found;
	int			count;
} Search;

static void begin_search(Search *search, const MpFlush *flush,
						 const MpUnit *unit, bool projects);
static int64 wanted_id(const MpFlush *flush, int final, bool project);
static bool *find_id(const Search *search, int64 id);
static int	first_missing(const Search *search, const MpFlush *flush,
						  const MpUnit *unit, bool projects);

int
mp_flush_missing_account(const MpFlush *flush, const MpUnit *unit)
{
	const MpSettings *settings = mp_changeset_target(unit->target);
	MpLookup	lookup = {.relation = MP_RELATION_ACCOUNTS};
	Search		search;
	MpFetch    *fetch;
	const MpRecord *record;

	begin_search(&search, flush, unit, false);
	lookup.accounts.pinned = true;
	lookup.accounts.ids = search.ids;
	lookup.accounts.count = search.count;
	lookup.prefer_list = search.count > settings->max_concurrency;
	fetch = mp_fetch_begin(settings, &lookup, MP_FIELD_BIT(MP_FIELD_ID));
	while (mp_fetch_next_wait(fetch, &record))
	{
		bool	   *found = find_id(&search,
									record->values[MP_FIELD_ID].as.integer);

		if (found != NULL)
			*found = true;
	}
	mp_fetch_end(fetch);
	return first_missing(&search, flush, unit, false);
}

/* Where /me cannot be read there is no telling. */
int
mp_flush_missing_project(MpFlush *flush, const MpUnit *unit,
						 bool *unreadable)
{
	const MpSettings *settings = mp_changeset_target(unit->target);
	MpRecord   *record = &flush->side_record;
	Search		search;
	MpCallState state;

	begin_search(&search, flush, unit, true);
	mp_flush_begin_read(flush, mp_api_me(mp_session_http(), settings));
	while ((state = mp_call_next(flush->side_call, record)) == MP_CALL_WAIT ||
		   state == MP_CALL_RECORD)
	{
		bool	   *found;

		if (state == MP_CALL_WAIT)
		{
			mp_session_wait(flush->side_call);
			continue;
		}
		found = find_id(&search,
						record->values[MP_FIELD_PROJECT_ID].as.integer);
		if (found != NULL)
			*found = true;
	}
	if (state == MP_CALL_FAILED)
	{
		int			status = mp_error_status(flush->side_call);

		*unreadable = status != 404 && status != 405;
	}
	mp_record_release(record);
	if (state == MP_CALL_FAILED)
		return -1;
	return first_missing(&search, flush, unit, true);
}

/* A row without a body was not read: mp_fetch_begin() took it on trust, which
 * tells nothing. */
bool
mp_flush_is_member(const MpFlush *flush, const MpUnit *unit, bool *known)
{
	const MpChange *change = mp_flush_change(flush, unit->finals[0]);
	int64		account = change->account;
	int64		project = change->project;
	MpLookup	lookup = {
		.relation = MP_RELATION_MEMBERSHIPS,
		.accounts = {.pinned = true,.count = 1,.ids = &account},
		.projects = {.pinned = true,.count = 1,.ids = &project},
		.trusted = true,
	};
	MpFetch    *fetch = mp_fetch_begin(mp_changeset_target(unit->target),
									   &lookup, MP_FIELD_BIT(MP_FIELD_ID) |
									   MP_FIELD_BIT(MP_FIELD_PROJECT_ID));
	const MpRecord *record;
	bool		member = false;

	*known = true;
	while (mp_fetch_next_wait(fetch, &record))
	{
		if (record->raw.data == NULL)
			*known = false;
		else if (record->values[MP_FIELD_ID].as.integer == account &&
				 record->values[MP_FIELD_PROJECT_ID].as.integer == project)
			member = true;
	}
	mp_fetch_end(fetch);
	return member;
}

static void
begin_search(Search *search, const MpFlush *flush, const MpUnit *unit,
			 bool projects)
{
	search->ids = palloc(sizeof(int64) * (Size) unit->count);
	search->found = palloc0(sizeof(bool) * (Size) unit->count);
	for (int i = 0; i < unit->count; i++)
		search->ids[i] = wanted_id(flush, unit->finals[i], projects);
	search->count = mp_ids_sort(search->ids, unit->count);
}

static int64
wanted_id(const MpFlush *flush, int final, bool project)
{
	const MpChange *change = mp_flush_change(flush, final);

	return project ? change->project : change->account;
}

static bool *
find_id(const Search *search, int64 id)
{
	int			at = mp_ids_find(search->ids, search->count, id);

	return at >= 0 ? &search->found[at] : NULL;
}

static int
first_missing(const Search *search, const MpFlush *flush, const MpUnit *unit,
			  bool projects)
{
	for (int i = 0; i < unit->count; i++)
	{
		int			final = unit->finals[i];

		Assert(find_id(search, wanted_id(flush, final, projects)) != NULL);
		if (!*find_id(search, wanted_id(flush, final, projects)))
			return final;
	}
	return -1;
}
