/*-------------------------------------------------------------------------
 *
 * id_set_test.c
 *		A set of ids that grows: each is new once, whatever they are, and
 *		memory is what the header says.
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include "base/id_set.h"

#define MANY	100000

/* Ids of one series, each added twice. */
static void
test_series(const char *name, int64_t first, int64_t step)
{
	MpIdSet		set = {0};
	int			fresh = 0;
	int			known = 0;

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < MANY; i++)
		{
			MpIdSetResult result = mp_id_set_add(&set, first + step * i);

			fresh += result == MP_ID_SET_NEW;
			known += result == MP_ID_SET_KNOWN;
		}
	is_int(fresh, MANY, "%s: each is new", name);
	is_int(known, MANY, "%s: once", name);
	is_int((int64_t) set.count, MANY, "%s: so many", name);
	ok(set.size * sizeof(int64_t) <= MANY * 19, "%s: %zu kB", name,
	   set.size * sizeof(int64_t) / 1024);
	mp_id_set_free(&set);
}

int
main(void)
{
	MpIdSet		set = {0};

	test_series("ascending", 1, 1);
	test_series("descending", MANY, -1);
	test_series("far apart", 7, INT64_C(1) << 40);
	test_series("wide", INT64_MAX, -INT64_C(92233720368547));
	test_series("by 65536", 1, 65536);
	is_int(mp_id_set_add(&set, 5), MP_ID_SET_NEW, "one");
	is_int(mp_id_set_add(&set, 5), MP_ID_SET_KNOWN, "again");
	mp_id_set_free(&set);
	is_int(mp_id_set_add(&set, 5), MP_ID_SET_NEW, "usable when freed");
	mp_id_set_free(&set);
	return done_testing();
}
