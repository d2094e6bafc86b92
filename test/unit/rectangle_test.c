/*-------------------------------------------------------------------------
 *
 * rectangle_test.c
 *		Tests of rectangle.c: every small set, and large ones at random.
 *
 * What a cut must be is checked cell by cell, with nothing of rectangle.c: all
 * cells are there once, each rectangle is full, there are not too many.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <time.h>

#include "base/rectangle.h"
#include "tap.h"

#define MAX_SIDE	64			/* accounts, and grants, of a tested set */
#define SMALL_SIDE	3

/* A set of cells: accounts by grants. */
typedef struct Grid
{
	int			accounts;
	int			grants;
	bool		has[MAX_SIDE][MAX_SIDE];
} Grid;

static const char *const roles[] = {"admin", "analyst", "consumer"};

static uint64_t random_state = 20260115;

static const char *wrong;		/* what is, with the last cut */

/* xorshift64*: the same numbers in every run */
static int
any(int below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (int) ((random_state * UINT64_C(2685821657736338717) >> 33) %
				  (uint64_t) below);
}

/* Ids that are in no order; equal roles are not always the same pointer. */
static MpCell
make_cell(int account, int grant)
{
	static char copies[3][16];
	int			role = grant % 3;
	MpCell		cell = {
		.account = (account * 7919) % 1009 + 1,
		.project = (grant / 2 * 104729) % 1013 + 1,
		.index = account * MAX_SIDE + grant,
		.rectangle = -1,
	};

	strcpy(copies[role], roles[role]);
	cell.role = any(2) == 0 ? roles[role] : copies[role];
	return cell;
}

/* The set's cells, shuffled. */
static int
fill_cells(const Grid *grid, MpCell *cells)
{
	int			count = 0;

	for (int a = 0; a < grid->accounts; a++)
		for (int g = 0; g < grid->grants; g++)
			if (grid->has[a][g])
				cells[count++] = make_cell(a, g);
	for (int i = count - 1; i > 0; i--)
	{
		int			other = any(i + 1);
		MpCell		cell = cells[i];

		cells[i] = cells[other];
		cells[other] = cell;
	}
	return count;
}

/* Distinct accounts or grants in the set, whichever are fewer. */
static int
upper_bound(const Grid *grid)
{
	int			accounts = 0;
	int			grants = 0;

	for (int a = 0; a < grid->accounts; a++)
	{
		bool		used = false;

		for (int g = 0; g < grid->grants; g++)
			used = used || grid->has[a][g];
		accounts += used;
	}
	for (int g = 0; g < grid->grants; g++)
	{
		bool		used = false;

		for (int a = 0; a < grid->accounts; a++)
			used = used || grid->has[a][g];
		grants += used;
	}
	return accounts < grants ? accounts : grants;
}

/* Are the cells first to end - 1, all of one rectangle, all of it? */
static bool
is_full(const MpCell *cells, int first, int end)
{
	bool		accounts[MAX_SIDE] = {false};
	bool		grants[MAX_SIDE] = {false};
	int			wide = 0;
	int			high = 0;

	for (int i = first; i < end; i++)
	{
		int			account = cells[i].index / MAX_SIDE;
		int			grant = cells[i].index % MAX_SIDE;

		wide += !grants[grant];
		high += !accounts[account];
		grants[grant] = accounts[account] = true;
	}
	return wide * high == end - first;
}

/* Account, project, role: the order within a rectangle. */
static bool
is_ordered(const MpCell *a, const MpCell *b)
{
	if (a->account != b->account)
		return a->account < b->account;
	if (a->project != b->project)
		return a->project < b->project;
	return strcmp(a->role, b->role) < 0;
}

/* Is this a cut of the set into so many rectangles?  Else `wrong` says why. */
static bool
is_cut(const Grid *grid, const MpCell *cells, int count, int rectangles)
{
	static bool seen[MAX_SIDE * MAX_SIDE];
	int			first = 0;

	wrong = NULL;
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < count; i++)
	{
		int			index = cells[i].index;
		MpCell		made = make_cell(index / MAX_SIDE, index % MAX_SIDE);

		if (seen[index] || !grid->has[index / MAX_SIDE][index % MAX_SIDE])
			wrong = "a cell is there twice, or was not asked for";
		if (made.account != cells[i].account ||
			made.project != cells[i].project ||
			strcmp(made.role, cells[i].role) != 0)
			wrong = "a cell has changed";
		seen[index] = true;
	}
	for (int i = 1; i <= count; i++)
	{
		if (i < count && cells[i].rectangle == cells[first].rectangle)
		{
			if (!is_ordered(&cells[i - 1], &cells[i]))
				wrong = "the cells of a rectangle are out of order";
			continue;
		}
		if (!is_full(cells, first, i))
			wrong = "a rectangle is not full";
		if (i < count && cells[i].rectangle != cells[first].rectangle + 1)
			wrong = "rectangles are not numbered in order";
		first = i;
	}
	if (count > 0 && (cells[0].rectangle != 0 ||
					  cells[count - 1].rectangle != rectangles - 1))
		wrong = "the number of rectangles is not what is said";
	if (rectangles > upper_bound(grid))
		wrong = "too many rectangles";
	return wrong == NULL;
}

/* Cut a set; -1 if the result is none. */
static int
cut(const Grid *grid)
{
	static MpCell cells[MAX_SIDE * MAX_SIDE];
	int			count = fill_cells(grid, cells);
	int			rectangles = mp_rectangle_cut(cells, count);

	return is_cut(grid, cells, count, rectangles) ? rectangles : -1;
}

/* The set whose cells are the bits of a number, row by row. */
static Grid
grid_of_bits(int accounts, int grants, unsigned bits)
{
	Grid		grid = {.accounts = accounts,.grants = grants};

	for (int i = 0; i < accounts * grants; i++)
		grid.has[i / grants][i % grants] = (bits >> i & 1) != 0;
	return grid;
}

/* ---- the oracle: the fewest rectangles, by trying all ---- */

static unsigned all_rectangles[1 << (2 * SMALL_SIDE)];
static int	rectangle_count;
static int	fewest[1 << (SMALL_SIDE * SMALL_SIDE)];

static void
list_rectangles(void)
{
	for (unsigned rows = 1; rows < 1 << SMALL_SIDE; rows++)
		for (unsigned columns = 1; columns < 1 << SMALL_SIDE; columns++)
		{
			unsigned	bits = 0;

			for (int a = 0; a < SMALL_SIDE; a++)
				if ((rows >> a & 1) != 0)
					bits |= columns << (a * SMALL_SIDE);
			all_rectangles[rectangle_count++] = bits;
		}
}

/* Each set from smaller ones: what is left when one rectangle is taken out. */
static void
find_fewest(void)
{
	list_rectangles();
	for (unsigned bits = 1; bits < 1 << (SMALL_SIDE * SMALL_SIDE); bits++)
	{
		fewest[bits] = SMALL_SIDE * SMALL_SIDE;
		for (int i = 0; i < rectangle_count; i++)
		{
			unsigned	rectangle = all_rectangles[i];

			if ((bits & rectangle) == rectangle &&
				fewest[bits & ~rectangle] + 1 < fewest[bits])
				fewest[bits] = fewest[bits & ~rectangle] + 1;
		}
	}
}

static void
test_small_sets(void)
{
	int			below = 0;
	int			missed = 0;
	int			more = 0;
	int			sets = 1 << (SMALL_SIDE * SMALL_SIDE);

	find_fewest();
	for (int bits = 1; bits < sets; bits++)
	{
		Grid		grid = grid_of_bits(SMALL_SIDE, SMALL_SIDE,
										(unsigned) bits);
		int			rectangles = cut(&grid);

		below += rectangles < fewest[bits];
		missed += fewest[bits] == 1 && rectangles != 1;
		more += rectangles > fewest[bits] + 1;
	}
	is_int(below, 0, "%d sets: cut, and never into fewer than can be", sets);
	is_int(missed, 0, "one rectangle is found as one");
	is_int(more, 0, "never two more than the fewest");
}

static void
test_every_set_of(int accounts, int grants)
{
	int			bad = 0;

	for (unsigned bits = 1; bits < 1U << (accounts * grants); bits++)
	{
		Grid		grid = grid_of_bits(accounts, grants, bits);

		if (cut(&grid) < 0 && bad++ == 0)
			diag("set %x: %s", bits, wrong);
	}
	is_int(bad, 0, "every set of %d accounts by %d grants", accounts, grants);
}

static void
test_full(void)
{
	int			bad = 0;

	for (int accounts = 1; accounts <= MAX_SIDE; accounts += 7)
		for (int grants = 1; grants <= MAX_SIDE; grants += 7)
		{
			Grid		grid = {.accounts = accounts,.grants = grants};

			for (int a = 0; a < accounts; a++)
				for (int g = 0; g < grants; g++)
					grid.has[a][g] = true;
			bad += cut(&grid) != 1;
		}
	is_int(bad, 0, "full rectangles of all sizes are one");
}

static void
test_shapes(void)
{
	Grid		diagonal = {.accounts = 20,.grants = 20};
	Grid		blocks = {.accounts = 30,.grants = 30};
	Grid		triangle = {.accounts = 10,.grants = 10};
	Grid		tall = {.accounts = 50,.grants = 4};
	Grid		empty = {.accounts = 3,.grants = 3};

	for (int a = 0; a < 30; a++)
		for (int g = 0; g < 30; g++)
		{
			if (a < 20 && g < 20)
				diagonal.has[a][g] = a == g;
			blocks.has[a][g] = a / 10 == g / 10;
			if (a < 10 && g < 10)
				triangle.has[a][g] = a <= g;
		}
	for (int a = 0; a < 50; a++)
		for (int g = 0; g < 4; g++)
			tall.has[a][g] = g <= a % 4;
	is_int(cut(&diagonal), 20, "a diagonal");
	is_int(cut(&blocks), 3, "three blocks");
	is_int(cut(&triangle), 10, "a triangle");
	is_int(cut(&tall), 4, "many accounts, few kinds of them");
	is_int(cut(&empty), 0, "nothing");
}

static void
test_random(void)
{
	int			bad = 0;

	for (int round = 0; round < 3000; round++)
	{
		Grid		grid = {
			.accounts = 1 + any(MAX_SIDE),
			.grants = 1 + any(MAX_SIDE),
		};
		int			patterns = 1 + any(6);
		int			density = 1 + any(10);
		bool		pattern[6][MAX_SIDE];

		for (int p = 0; p < 6; p++)
			for (int g = 0; g < MAX_SIDE; g++)
				pattern[p][g] = any(10) < density;
		for (int a = 0; a < grid.accounts; a++)
			memcpy(grid.has[a], pattern[any(patterns)], sizeof(grid.has[a]));
		/* and some that disturb */
		for (int i = any(4); i > 0; i--)
			grid.has[any(grid.accounts)][any(grid.grants)] ^= true;
		if (cut(&grid) < 0 && bad++ == 0)
			diag("round %d: %s", round, wrong);
	}
	is_int(bad, 0, "sets at random");
}

/* A million cells: a full rectangle, and one with holes. */
static void
test_large(void)
{
	int			count = 1000 * 1000;
	MpCell	   *cells = malloc(sizeof(MpCell) * (size_t) count);
	clock_t		start = clock();

	for (int holes = 0; holes < 2; holes++)
	{
		int			used = 0;

		for (int i = 0; i < count; i++)
		{
			MpCell		cell = {i % 1000, i / 1000, roles[i / 1000 % 3], i, 0};

			if (holes == 0 || i % 7 != 0)
				cells[used++] = cell;
		}
		is_int(mp_rectangle_cut(cells, used), holes == 0 ? 1 : 7,
			   holes == 0 ? "a million cells" : "with holes");
	}
	ok((clock() - start) / CLOCKS_PER_SEC < 30, "in reasonable time");
	free(cells);
}

int
main(void)
{
	test_small_sets();
	test_every_set_of(4, 4);
	test_every_set_of(2, 7);
	test_every_set_of(7, 2);
	test_full();
	test_shapes();
	test_random();
	test_large();
	return done_testing();
}
