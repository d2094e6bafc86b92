/*-------------------------------------------------------------------------
 *
 * http/place.c
 *		What each base URL and organization allow.
 *
 * The budget decides; see base/budget.h.  It is the keeper's, who may share it
 * with others, or the place's own.  Must not know queues and windows.
 *
 *-------------------------------------------------------------------------
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "http/http_state.h"

#define WIDEST 64				/* as many as max_concurrency may allow */

static MpHttpPlace *make_place(MpHttp *http, const MpSettings *settings);
static MpBudgetSeat *lock(MpHttpPlace *place);
static void unlock(MpHttpPlace *place);
static int	count_waiting(const MpHttp *http, const MpHttpPlace *place);

void
mp_http_set_keeper(MpHttp *http, const MpBudgetKeeper *keeper)
{
	assert(http->places == NULL);
	http->keeper = keeper;
}

MpHttpPlace *
mp_http_place_take(MpHttp *http, const MpSettings *settings)
{
	MpHttpPlace *place = http->places;

	while (place != NULL &&
		   (place->organization_id != settings->organization_id ||
			strcmp(place->base_url, settings->base_url) != 0))
		place = place->next;
	if (place != NULL)
		return place;
	place = make_place(http, settings);
	if (place == NULL)
		return NULL;
	place->next = http->places;
	http->places = place;
	return place;
}

/* NULL when out of memory. */
static MpHttpPlace *
make_place(MpHttp *http, const MpSettings *settings)
{
	size_t		size = strlen(settings->base_url) + 1;
	MpHttpPlace *place = calloc(1, sizeof(MpHttpPlace) + size);

	if (place == NULL)
		return NULL;
	place->organization_id = settings->organization_id;
	place->base_url = (char *) (place + 1);
	memcpy(place->base_url, settings->base_url, size);
	place->width = INT_MAX;
	mp_budget_init(&place->own);
	place->own_seat.budget = &place->own;
	place->own_seat.parts = &place->own_part;
	place->keeper = http->keeper;
	if (place->keeper == NULL)
		return place;
	place->kept = place->keeper->open(settings->base_url,
									  settings->organization_id);
	if (place->kept != NULL)
		return place;
	free(place);
	return NULL;
}

void
mp_http_place_free_all(MpHttp *http)
{
	MpHttpPlace *place;

	while ((place = http->places) != NULL)
	{
		assert(place->in_flight == 0 && place->queued == 0);
		http->places = place->next;
		free(place);
	}
}

bool
mp_http_place_has_room(const MpRequest *request)
{
	const MpHttpPlace *place = request->settings->place;

	return request->urgent || place->in_flight < place->width;
}

MpBudgetVerdict
mp_http_place_enter(const MpRequest *request, int64_t *wait)
{
	const MpHttpSettings *settings = request->settings;
	MpHttpPlace *place = settings->place;
	MpBudgetWish wish = {
		.limits = settings->limits,
		.urgent = request->urgent,
		.patience = (int64_t) settings->max_retry_wait * 1000,
		.now = mp_http_microseconds(),
	};
	MpBudgetVerdict verdict = mp_budget_enter(lock(place), &wish, wait);

	unlock(place);
	*wait = (*wait + 999) / 1000;
	if (verdict == MP_BUDGET_GO)
		place->in_flight++;
	else if (verdict == MP_BUDGET_HELD)
		place->width = 1;
	else
		place->asked = true;
	place->verdict = verdict;
	place->due = (wish.now + 999) / 1000 + *wait;
	return verdict;
}

void
mp_http_place_leave(MpHttpPlace *place)
{
	int64_t		now = mp_http_microseconds();

	assert(place->in_flight > 0);
	place->in_flight--;
	mp_budget_leave(lock(place), now);
	unlock(place);
}

void
mp_http_place_charge(MpHttpPlace *place)
{
	int64_t		now = mp_http_microseconds();

	mp_budget_charge(lock(place), now);
	unlock(place);
}

void
mp_http_place_note_answer(MpHttpPlace *place)
{
	mp_budget_note_answer(lock(place));
	unlock(place);
	if (place->width > WIDEST || ++place->credits < place->width)
		return;
	place->credits = 0;
	if (++place->width > WIDEST)
		place->width = INT_MAX;
}

void
mp_http_place_hold(MpHttpPlace *place, bool refused, int64_t wait)
{
	int64_t		now = mp_http_microseconds();
	MpBudgetSeat *seat;

	if (wait > MP_BUDGET_LONGEST_HOLD / 1000)
		wait = MP_BUDGET_LONGEST_HOLD / 1000;
	seat = lock(place);
	if (refused)
		mp_budget_note_refusal(seat);
	mp_budget_hold(seat, wait * 1000, refused, now);
	unlock(place);
	if (refused)
	{
		place->width = 1;
		place->credits = 0;
	}
}

int64_t
mp_http_place_answers(MpHttpPlace *place)
{
	int64_t		answers = lock(place)->budget->answers;

	unlock(place);
	return answers;
}

void
mp_http_place_ask_anew(MpHttpPlace *place)
{
	place->verdict = MP_BUDGET_GO;
}

void
mp_http_place_tell(const MpHttp *http, MpHttpPlace *place)
{
	int			count = count_waiting(http, place);
	int64_t		now;

	if (place->queued == 0)
		place->verdict = MP_BUDGET_GO;
	if (place->queued == 0 && place->asked)
	{
		place->asked = false;
		now = mp_http_microseconds();
		mp_budget_withdraw(lock(place), now);
		unlock(place);
		place->waiting = 0;
	}
	if (count == place->waiting)
		return;
	mp_budget_set_waiting(lock(place), count);
	unlock(place);
	place->waiting = count;
}

bool
mp_http_is_held(const MpHttp *http)
{
	const MpHttpPlace *place = http->places;

	if (http->on_wire.first != NULL)
		return false;
	while (place != NULL && count_waiting(http, place) == 0)
		place = place->next;
	return place != NULL;
}

/* Those that the budget does not let go, and those that were refused. */
static int
count_waiting(const MpHttp *http, const MpHttpPlace *place)
{
	int			count = place->verdict != MP_BUDGET_GO ? place->queued : 0;
	const MpRequest *request = http->backing_off.first;

	for (; request != NULL; request = request->next)
		count += request->settings->place == place &&
			request->answer.status == 429;
	return count;
}

static MpBudgetSeat *
lock(MpHttpPlace *place)
{
	if (place->kept != NULL)
		return place->keeper->lock(place->kept);
	return &place->own_seat;
}

static void
unlock(MpHttpPlace *place)
{
	if (place->kept != NULL)
		place->keeper->unlock(place->kept);
}
