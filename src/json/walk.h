/*-------------------------------------------------------------------------
 *
 * json/walk.h
 *		A visit to each member of an object, or element of an array, that was
 *		read and is valid.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_JSON_WALK_H
#define MP_JSON_WALK_H

#include "base/paging.h"
#include "json/cursor.h"

/* `name` is NULL for an element of an array.  False ends the walk. */
typedef bool (*MpVisit) (void *context, const MpJsonString *name,
						 const MpJsonValue *value);

/*
 * False when a visit has ended the walk, or memory ran out.  A value that is
 * neither an object nor an array has nothing to be visited.
 */
extern bool mp_walk(const MpJsonValue *container, MpVisit visit,
					void *context);

/* As much room for member names as a text of that length needs; NULL when out
 * of memory. */
extern MpJsonMember *mp_walk_members(size_t length);

/* A member's name as base/paging.h folds it; "" for what is too long. */
extern void mp_walk_fold(const MpJsonString *name,
						 char folded[MP_PAGING_NAME]);

#endif							/* MP_JSON_WALK_H */
