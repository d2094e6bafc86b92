/*-------------------------------------------------------------------------
 *
 * timer.c
 *	  Any number of pending moments, the next one always at hand.
 *
 * Owns a binary heap of pointers to timers, in slots 1 to n.  Must not know
 * what a timer is for.
 *
 *-------------------------------------------------------------------------
 */
#include "timer.h"

#include <limits.h>
#include <stdlib.h>

#include "clock.h"
#include "memory.h"

static SimTimer **heap;
static size_t running;
static size_t capacity;

static void
place(SimTimer *timer, size_t slot)
{
	heap[slot] = timer;
	timer->slot = slot;
}

static void
sift_up(SimTimer *timer, size_t slot)
{
	while (slot > 1 && heap[slot / 2]->due > timer->due)
	{
		place(heap[slot / 2], slot);
		slot /= 2;
	}
	place(timer, slot);
}

static void
sift_down(SimTimer *timer, size_t slot)
{
	while (slot * 2 <= running)
	{
		size_t		child = slot * 2;

		if (child < running && heap[child + 1]->due < heap[child]->due)
			child++;
		if (heap[child]->due >= timer->due)
			break;
		place(heap[child], slot);
		slot = child;
	}
	place(timer, slot);
}

void
sim_timer_start(SimTimer *timer, int64_t due)
{
	sim_timer_stop(timer);
	if (running + 1 >= capacity)
	{
		capacity = capacity == 0 ? 64 : capacity * 2;
		/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are meant */
		heap = sim_memory_resize(heap, capacity * sizeof(*heap));
	}
	timer->due = due;
	sift_up(timer, ++running);
}

void
sim_timer_stop(SimTimer *timer)
{
	size_t		slot = timer->slot;
	SimTimer   *last;

	if (slot == 0)
		return;
	timer->slot = 0;
	last = heap[running--];
	if (last == timer)
		return;
	if (slot > 1 && heap[slot / 2]->due > last->due)
		sift_up(last, slot);
	else
		sift_down(last, slot);
}

void
sim_timer_fire_due(void)
{
	int64_t		now = sim_clock_monotonic();

	while (running > 0 && heap[1]->due <= now)
	{
		SimTimer   *timer = heap[1];

		sim_timer_stop(timer);
		timer->fire(timer->owner);
	}
}

int
sim_timer_wait(void)
{
	int64_t		micros;

	if (running == 0)
		return -1;
	micros = heap[1]->due - sim_clock_monotonic();
	if (micros <= 0)
		return 0;
	if (micros / 1000 >= INT_MAX)
		return INT_MAX;
	return (int) ((micros + 999) / 1000);
}

void
sim_timer_end(void)
{
	free(heap);
	heap = NULL;
	running = 0;
	capacity = 0;
}
