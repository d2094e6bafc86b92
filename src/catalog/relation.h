/*-------------------------------------------------------------------------
 *
 * catalog/relation.h
 *		The two foreign tables and their columns, as data.
 *
 * A column's name, type, comment and rights stand in relation.c and nowhere
 * else; how the API spells it, record.c knows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_CATALOG_RELATION_H
#define MP_CATALOG_RELATION_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "fmgr.h"
#include "utils/rel.h"

#include "api/record.h"

typedef enum MpRelationKind
{
	MP_RELATION_ACCOUNTS,
	MP_RELATION_MEMBERSHIPS,
	MP_RELATION_COUNT,
} MpRelationKind;

/* What an INSERT may say of a column. */
typedef enum MpColumnUse
{
	MP_COLUMN_READ_ONLY,		/* a value is refused (428C9) */
	MP_COLUMN_OPTIONAL,
	MP_COLUMN_REQUIRED,			/* NULL is refused (23502) */
} MpColumnUse;

typedef struct MpColumn
{
	const char *name;
	MpField		field;
	const char *type;			/* as IMPORT FOREIGN SCHEMA writes it */
	bool		not_null;
	MpColumnUse insert;
	bool		update;			/* UPDATE may change it */
	const char *comment;
} MpColumn;

typedef struct MpRelation
{
	MpRelationKind kind;
	const char *name;
	const char *comment;
	const MpColumn *columns;
	int			column_count;
} MpRelation;

/* How one attribute of a foreign table is read and written. */
typedef struct MpAttribute
{
	const MpColumn *column;		/* NULL: a dropped attribute, or one that
								 * PostgreSQL computes when it is read */
	const char *name;			/* as the foreign table calls it */
	Oid			type;
	int32		typmod;
	bool		direct;			/* the type is the field's own: no detour over
								 * its text form */
	FmgrInfo	input;			/* of one that is not direct */
	Oid			input_param;
} MpAttribute;

/* A foreign table as this extension sees it; lives in the context it was made
 * in. */
typedef struct MpTable
{
	const MpRelation *relation;
	const char *name;			/* of the foreign table, for messages */
	int			natts;
	MpAttribute *attributes;	/* [attnum - 1] */
} MpTable;

/* By kind, and by name (NULL if there is none). */
extern const MpRelation *mp_relation_get(MpRelationKind kind);
extern const MpRelation *mp_relation_find(const char *name);

/* By name among a relation's columns; NULL if there is none. */
extern const MpColumn *mp_relation_column(const MpRelation *relation,
										  const char *name);

/*
 * Resolve a foreign table that is about to be used: its object option, and
 * each attribute's field option.  Raises HV00R for an unknown object, HV005
 * for an unknown column, 42701 for two columns with one field.
 */
extern MpTable *mp_relation_open(Relation rel);

/*
 * What a foreign table that is merely looked at claims to be; NULL for what
 * Mixpanel does not have.  Raises nothing, whatever its columns are.
 */
extern const MpRelation *mp_relation_declared(Relation rel);

/* The attribute that shows a field; InvalidAttrNumber if none does. */
extern AttrNumber mp_relation_attribute(const MpTable *table, MpField field);

/* The same, but raises HV005 where the table lacks it. */
extern AttrNumber mp_relation_key(const MpTable *table, MpField field);

/* The set of MP_FIELD_BITs behind attributes; attrs as pull_varattnos() gives
 * them, NULL for every attribute. */
extern uint32 mp_relation_wanted(const MpTable *table, Bitmapset *attrs);

/*
 * Fill a virtual tuple from a record: only the fields in `wanted` are
 * converted, the others are NULL.  Results are palloc'ed in the current
 * context.  Raises 22P05 for text that the database's encoding lacks.
 */
extern void mp_relation_fill(const MpTable *table, uint32 wanted,
							 const MpRecord *record, TupleTableSlot *slot);

/*
 * Give the row in a slot the system columns that a row of postgres_fdw has: no
 * transaction and no command has made it.  A virtual tuple has none of them.
 * The tuple is palloc'ed in the current context and is the caller's.  The slot
 * of a partitioned table, which a routed row may come in, cannot hold it and
 * stays as it is: its rows have none of these columns, whatever the partition.
 */
extern void mp_relation_show_system(TupleTableSlot *slot);

/* Is it one of these columns?  tableoid and ctid are the slot's own. */
extern bool mp_relation_is_system(AttrNumber attnum);

/* ---- values of a row that is to be written ---- */

/* A datum of the attribute's type -> int64.  Raises 22P02, 22003. */
extern int64 mp_relation_integer(const MpTable *table, AttrNumber attnum,
								 Datum datum);

/* As above from a slot; raises 23502 for NULL, 22023 for zero and less. */
extern int64 mp_relation_id(const MpTable *table, TupleTableSlot *slot,
							MpField field);

/* Text in UTF-8, palloc'ed; NULL for NULL. */
extern char *mp_relation_text(const MpTable *table, TupleTableSlot *slot,
							  MpField field);

/* RFC 3339, palloc'ed; NULL for NULL.  Raises 22008 for infinity and for
 * years that RFC 3339 cannot write. */
extern char *mp_relation_time(const MpTable *table, TupleTableSlot *slot,
							  MpField field);

/*
 * Make the column `attrs` of a row agree with a role that the row has been
 * given since the API sent it: where the API's object has a role, it is
 * replaced.  The slot may be of any kind; its new tuple is palloc'ed in the
 * current context.  `role` is UTF-8.
 */
extern void mp_relation_show_role(const MpTable *table, TupleTableSlot *slot,
								  const char *role);

/* A datum's text form in the database's encoding, palloc'ed. */
extern char *mp_relation_form(const MpAttribute *attribute, Datum datum);

/* What the foreign table calls a field, for messages; our own name for it
 * where no attribute shows it. */
extern const char *mp_relation_attribute_name(const MpTable *table,
											  MpField field);

#endif							/* MP_CATALOG_RELATION_H */
