/*-------------------------------------------------------------------------
 *
 * transaction/creation_row.c
 *		Rows of the accounts that this transaction has created.
 *
 * Owns copies of the answers to its creates, less their secrets.  What is
 * seen of them is overlay.c's; whether an account exists, creation.c's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "catalog/array.h"
#include "transaction/creation_row.h"

/* In creation order, so that a subtransaction's are at the end; lives in
 * TopTransactionContext, as do the texts of the records. */
static MpCreationRow *rows = NULL;
static int	row_count = 0;
static int	row_size = 0;
static int	grants_of_all = 0;

static void copy_record(MpRecord *copy, const MpRecord *record);
static void copy_text(MpText *text);
static void copy_grants(MpCreationRow *row, const char *projects);
static int	read_grants(const char *projects, MpGrant **grants);

void
mp_creation_row_add(uint16 target, CommandId cid, const MpRecord *record,
					const char *projects)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	MpCreationRow *row;

	if (row_count == row_size)
		rows = mp_array_grow(rows, &row_size, sizeof(MpCreationRow));
	row = &rows[row_count];
	row->target = target;
	row->level = GetCurrentTransactionNestLevel();
	row->cid = cid;
	copy_record(&row->record, record);
	copy_grants(row, projects);
	grants_of_all += row->grant_count;
	row_count++;
	MemoryContextSwitchTo(old);
}

int
mp_creation_row_count_grants(const char *projects)
{
	MpGrant    *grants;

	return projects != NULL ? read_grants(projects, &grants) : 0;
}

int
mp_creation_row_grants(void)
{
	return grants_of_all;
}

int
mp_creation_row_count(void)
{
	return row_count;
}

const MpCreationRow *
mp_creation_row_get(int index)
{
	Assert(index >= 0 && index < row_count);
	return &rows[index];
}

void
mp_creation_row_release(int level)
{
	for (int i = row_count - 1; i >= 0 && rows[i].level >= level; i--)
		rows[i].level = level - 1;
}

/* The memory goes with the transaction's. */
void
mp_creation_row_drop(int level)
{
	while (row_count > 0 && rows[row_count - 1].level >= level)
		grants_of_all -= rows[--row_count].grant_count;
	Assert(grants_of_all >= 0);
}

void
mp_creation_row_end(void)
{
	rows = NULL;
	row_count = row_size = grants_of_all = 0;
}

/*
 * In the current context.  The secret is crossed out in the copy of the
 * element before anything else can read it.
 */
static void
copy_record(MpRecord *copy, const MpRecord *record)
{
	mp_record_init(copy);
	memcpy(copy->values, record->values, sizeof(copy->values));
	copy->values[MP_FIELD_SECRET].present = false;
	for (int i = 0; i < MP_FIELD_COUNT; i++)
		if (copy->values[i].present &&
			mp_record_type((MpField) i) == MP_VALUE_TEXT)
			copy_text(&copy->values[i].as.text);
	copy->raw = record->raw;
	if (copy->raw.data != NULL)
		copy_text(&copy->raw);
	for (int i = 0; i < MP_RECORD_SECRETS; i++)
	{
		if (record->secrets[i].length > 0)
			memset((char *) (uintptr_t) copy->raw.data +
				   (record->secrets[i].data - record->raw.data), '*',
				   record->secrets[i].length);
		copy->secrets[i].length = 0;
	}
}

static void
copy_text(MpText *text)
{
	char	   *bytes = palloc(text->length + 1);

	if (text->length > 0)
		memcpy(bytes, text->data, text->length);
	bytes[text->length] = '\0';
	text->data = bytes;
}

static void
copy_grants(MpCreationRow *row, const char *projects)
{
	MpGrant    *grants;

	row->grants = NULL;
	row->grant_count = 0;
	if (projects == NULL)
		return;
	row->grant_count = read_grants(projects, &grants);
	row->grants = grants;
}

static int
read_grants(const char *projects, MpGrant **grants)
{
	Size		length = strlen(projects);

	*grants = palloc_extended(sizeof(MpGrant) * MP_API_GRANTS(length),
							  MCXT_ALLOC_HUGE);
	return (int) mp_api_read_grants(projects, *grants,
									palloc_extended(length, MCXT_ALLOC_HUGE));
}
