/*-------------------------------------------------------------------------
 *
 * base/rectangle.c
 *		A set of grants -> full rectangles.
 *
 * Accounts with the same set of (project, role) pairs form a rectangle; so do
 * pairs with the same set of accounts.  Both cuts are tried, the one with
 * fewer rectangles is taken.
 *
 *-------------------------------------------------------------------------
 */
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/rectangle.h"

/* The cells of one account, or of one (project, role): a row of the cut. */
typedef struct Run
{
	const MpCell *cells;
	int			count;
	bool		by_account;
} Run;

static int	cut(MpCell *cells, int count, bool by_account);
static int	collect_runs(const MpCell *cells, int count, bool by_account,
						 Run *runs);
static bool same_row(const MpCell *a, const MpCell *b, bool by_account);
static int	compare_runs(const void *a, const void *b);
static int	compare_accounts(const void *a, const void *b);
static int	compare_grants(const void *a, const void *b);
static int	compare_rectangles(const void *a, const void *b);
static int	by_integer(int64_t a, int64_t b);
static int	by_grant(const MpCell *a, const MpCell *b);

int
mp_rectangle_cut(MpCell *cells, int count)
{
	int			by_accounts = cut(cells, count, true);
	int			best = by_accounts;

	/* a single rectangle cannot be beaten */
	if (by_accounts > 1)
	{
		best = cut(cells, count, false);
		if (best > by_accounts)
			best = cut(cells, count, true);
	}
	if (best >= 0)
		qsort(cells, (size_t) count, sizeof(MpCell), compare_rectangles);
	return best;
}

/*
 * Order the cells by row, so that the runs lie side by side, and the runs by
 * what they hold, so that equal ones do.
 */
static int
cut(MpCell *cells, int count, bool by_account)
{
	Run		   *runs = malloc(sizeof(Run) * ((size_t) count + 1));
	int			run_count;
	int			rectangles = 0;

	if (runs == NULL)
		return -1;
	qsort(cells, (size_t) count, sizeof(MpCell),
		  by_account ? compare_accounts : compare_grants);
	run_count = collect_runs(cells, count, by_account, runs);
	qsort(runs, (size_t) run_count, sizeof(Run), compare_runs);
	for (int i = 0; i < run_count; i++)
	{
		MpCell	   *first = &cells[runs[i].cells - cells];

		if (i > 0 && compare_runs(&runs[i - 1], &runs[i]) != 0)
			rectangles++;
		assert(first >= cells && first + runs[i].count <= cells + count);
		for (int j = 0; j < runs[i].count; j++)
			first[j].rectangle = rectangles;
	}
	free(runs);
	return run_count > 0 ? rectangles + 1 : 0;
}

/* Cut sorted cells into runs of one row, or of one column */
static int
collect_runs(const MpCell *cells, int count, bool by_account, Run *runs)
{
	int			used = 0;

	for (int i = 0; i < count; i++)
	{
		if (i > 0 && same_row(&cells[i - 1], &cells[i], by_account))
			runs[used - 1].count++;
		else
		{
			runs[used].cells = &cells[i];
			runs[used].count = 1;
			runs[used].by_account = by_account;
			used++;
		}
	}
	assert(used <= count);
	return used;
}

static bool
same_row(const MpCell *a, const MpCell *b, bool by_account)
{
	return by_account ? a->account == b->account : by_grant(a, b) == 0;
}

/* By the other dimension of their cells. */
static int
compare_runs(const void *a, const void *b)
{
	const Run  *one = a;
	const Run  *other = b;
	int			order = by_integer(one->count, other->count);

	for (int i = 0; i < one->count && order == 0; i++)
		order = one->by_account ?
			by_grant(&one->cells[i], &other->cells[i]) :
			by_integer(one->cells[i].account, other->cells[i].account);
	return order;
}

static int
compare_accounts(const void *a, const void *b)
{
	const MpCell *one = a;
	const MpCell *other = b;
	int			order = by_integer(one->account, other->account);

	return order != 0 ? order : by_grant(one, other);
}

static int
compare_grants(const void *a, const void *b)
{
	const MpCell *one = a;
	const MpCell *other = b;
	int			order = by_grant(one, other);

	return order != 0 ? order : by_integer(one->account, other->account);
}

static int
compare_rectangles(const void *a, const void *b)
{
	const MpCell *one = a;
	const MpCell *other = b;
	int			order = by_integer(one->rectangle, other->rectangle);

	return order != 0 ? order : compare_accounts(a, b);
}

static int
by_integer(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int
by_grant(const MpCell *a, const MpCell *b)
{
	int			order = by_integer(a->project, b->project);

	return order != 0 ? order : strcmp(a->role, b->role);
}
