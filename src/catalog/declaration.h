/*-------------------------------------------------------------------------
 *
 * catalog/declaration.h
 *		What the options of a foreign table and of its columns refer to,
 *		remembered by this session until the table changes.
 *
 * A statement asks for it two or three times, and it takes a look into the
 * catalog for each column.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_CATALOG_DECLARATION_H
#define MP_CATALOG_DECLARATION_H

#include "postgres.h"

#include "catalog/relation.h"

typedef struct MpDeclaration
{
	Oid			relid;			/* hash key */
	const MpRelation *relation;
	int			natts;
	const MpColumn **columns;	/* [attnum - 1]; NULL as in MpAttribute */
} MpDeclaration;

/*
 * NULL if it is not known.  The caller holds a lock on the table, and looks at
 * the answer before anything that may read the catalog: an invalidation frees
 * it.
 */
extern const MpDeclaration *mp_declaration_recall(Oid relid);

/*
 * Keep a copy of what was found out just now.  Nothing is kept if the table
 * was invalidated since mp_declaration_recall() was last called.
 */
extern void mp_declaration_remember(const MpDeclaration *declaration);

#endif							/* MP_CATALOG_DECLARATION_H */
