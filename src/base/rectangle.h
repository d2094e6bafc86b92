/*-------------------------------------------------------------------------
 *
 * base/rectangle.h
 *		A set of grants -> full rectangles of accounts by (project, role).
 *
 * The API's add-to-project gives every account named every project named, so
 * a set of grants is cut into rectangles that hold nothing else.  One full
 * rectangle is found as one; there are never more than there are distinct
 * accounts, nor than distinct (project, role) pairs.
 *
 * Plain C; memory is malloc'ed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_BASE_RECTANGLE_H
#define MP_BASE_RECTANGLE_H

#include <stdint.h>

typedef struct MpCell
{
	int64_t		account;
	int64_t		project;
	const char *role;
	int			index;			/* the caller's */
	int			rectangle;		/* result, from 0 */
} MpCell;

/*
 * Give each cell its rectangle, and order the cells by rectangle, account,
 * project and role.  No cell may be there twice.  Returns the number of
 * rectangles; -1 when out of memory.
 */
extern int	mp_rectangle_cut(MpCell *cells, int count);

#endif							/* MP_BASE_RECTANGLE_H */
