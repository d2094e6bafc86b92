/*-------------------------------------------------------------------------
 *
 * catalog/declaration.c
 *		What the options of foreign tables refer to, remembered.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "catalog/declaration.h"

static void begin_remembering(void);
static void note_table(Datum arg, Oid relid);
static void note_options(Datum arg, int cache_id, uint32 hash_value);
static void forget_all(void);
static void forget(MpDeclaration *declaration);

static HTAB *declarations = NULL;
static bool changed = false;	/* anything, since the last recall */

const MpDeclaration *
mp_declaration_recall(Oid relid)
{
	if (declarations == NULL)
		begin_remembering();
	changed = false;
	return hash_search(declarations, &relid, HASH_FIND, NULL);
}

void
mp_declaration_remember(const MpDeclaration *declaration)
{
	Size		size = sizeof(MpColumn *) * (Size) declaration->natts;
	const MpColumn **columns;
	MpDeclaration *entry;
	bool		found;

	if (changed)
		return;
	columns = MemoryContextAlloc(CacheMemoryContext, Max(size, 1));
	memcpy(columns, declaration->columns, size);
	entry = hash_search(declarations, &declaration->relid, HASH_ENTER, &found);
	Assert(!found);
	entry->relation = declaration->relation;
	entry->natts = declaration->natts;
	entry->columns = columns;
}

static void
begin_remembering(void)
{
	HASHCTL		control = {
		.keysize = sizeof(Oid),
		.entrysize = sizeof(MpDeclaration),
		.hcxt = CacheMemoryContext,
	};

	declarations = hash_create("Mixpanel's tables", 8, &control,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(note_table, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNTABLEREL, note_options, (Datum) 0);
}

/*
 * A column's options are in pg_attribute, any change of which invalidates the
 * table.  Called wherever the catalog is read: it must not throw.
 */
static void
note_table(Datum arg pg_attribute_unused(), Oid relid)
{
	MpDeclaration *declaration;

	changed = true;
	if (!OidIsValid(relid))
	{
		forget_all();
		return;
	}
	declaration = hash_search(declarations, &relid, HASH_FIND, NULL);
	if (declaration != NULL)
		forget(declaration);
}

static void
note_options(Datum arg pg_attribute_unused(),
			 int cache_id pg_attribute_unused(),
			 uint32 hash_value pg_attribute_unused())
{
	changed = true;
	forget_all();
}

static void
forget_all(void)
{
	HASH_SEQ_STATUS scan;
	MpDeclaration *declaration;

	hash_seq_init(&scan, declarations);
	while ((declaration = hash_seq_search(&scan)) != NULL)
		forget(declaration);
}

static void
forget(MpDeclaration *declaration)
{
	pfree(declaration->columns);
	(void) hash_search(declarations, &declaration->relid, HASH_REMOVE, NULL);
}
