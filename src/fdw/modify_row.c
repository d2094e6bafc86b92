/*-------------------------------------------------------------------------
 *
 * fdw/modify_row.c
 *		One row to be inserted: checked, then created or queued.
 *
 * All checks come before anything is sent or queued.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "utils/datum.h"
#include "utils/rel.h"

#include "fdw/modify.h"
#include "remote/session.h"
#include "transaction/changeset.h"
#include "transaction/creation.h"
#include "transaction/creation_row.h"

static bool is_of_organization(const MpModify *modify, TupleTableSlot *slot);
static void read_account(const MpModify *modify, TupleTableSlot *slot,
						 MpNewAccount *account);
static void refuse_empty(const MpTable *table, MpField field,
						 const char *text);
static void check_expires(const MpModify *modify, const MpRecord *record,
						  const char *asked);
static void keep_given(MpRecord *record, const MpNewAccount *account);
static void keep_text(MpRecord *record, MpField field, const char *text);
static void fill_account(const MpModify *modify, const MpRecord *record,
						 TupleTableSlot *slot);

void
mp_modify_check_row(const MpModify *modify, TupleTableSlot *slot)
{
	const MpTable *table = modify->table;

	for (int i = 0; i < table->natts; i++)
	{
		const MpAttribute *attribute = &table->attributes[i];
		const MpColumn *column = attribute->column;

		if (column != NULL && column->insert == MP_COLUMN_READ_ONLY &&
			!slot_attisnull(slot, i + 1))
			ereport(ERROR,
					(errcode(ERRCODE_GENERATED_ALWAYS),
					 errmsg("cannot insert a value into column \"%s\" of foreign table \"%s\"",
							attribute->name, table->name),
					 table->relation->kind == MP_RELATION_ACCOUNTS ?
					 errdetail("Mixpanel assigns it.") :
					 errdetail("It is read-only: it describes the project, the account or the grant."),
					 errhint("Leave the column out, or use NULL.")));
	}
	if (!is_of_organization(modify, slot))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("new row for foreign table \"%s\" belongs to another organization",
						table->name),
				 errdetail("The table's organization_id is " INT64_FORMAT ".",
						   modify->settings->organization_id)));
}

void
mp_modify_insert_account(MpModify *modify,
						 TupleTableSlot *slot)
{
	MpNewAccount account = {0};
	MpRecord   *record;
	int64		id;
	int			grants;

	read_account(modify, slot, &account);
	grants = mp_creation_row_count_grants(account.projects);
	if (grants > 0)
		mp_changeset_check_room(grants);
	record = mp_creation_create((uint16) modify->target, modify->cid,
								&account, modify->quoted_name);
	id = record->values[MP_FIELD_ID].as.integer;
	Assert(id > 0);
	check_expires(modify, record, account.expires);
	keep_given(record, &account);
	if (!record->values[MP_FIELD_ORGANIZATION_ID].present)
		mp_record_set_integer(record, MP_FIELD_ORGANIZATION_ID,
							  modify->settings->organization_id);
	mp_creation_row_add((uint16) modify->target, modify->cid, record,
						account.projects);
	fill_account(modify, record, slot);
	mp_creation_forget_answer(&modify->tally);
	if (!modify->reads_secret && modify->triggers_read)
		ereport(NOTICE,
				(errmsg("the secret of new service account " INT64_FORMAT " was passed only to triggers of foreign table \"%s\"",
						id, modify->table->name)));
	else if (!modify->reads_secret)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("the secret of new service account " INT64_FORMAT " was not read and is lost",
						id)));
}

void
mp_modify_insert_membership(MpModify *modify,
							TupleTableSlot *slot)
{
	MpRecord	record = {0};
	MpChange	change = {
		.kind = MP_CHANGE_ADD,
		.cid = modify->cid,
		.target = (uint16) modify->target,
	};

	change.account = mp_relation_id(modify->table, slot, MP_FIELD_ID);
	change.project = mp_relation_id(modify->table, slot, MP_FIELD_PROJECT_ID);
	change.role = mp_modify_role(modify, slot);
	mp_changeset_queue(&change);

	mp_record_set_integer(&record, MP_FIELD_ID, change.account);
	mp_record_set_integer(&record, MP_FIELD_PROJECT_ID, change.project);
	mp_record_set_integer(&record, MP_FIELD_ORGANIZATION_ID,
						  modify->settings->organization_id);
	keep_text(&record, MP_FIELD_ROLE, change.role);
	mp_relation_fill(modify->table, MP_FIELD_ALL, &record, slot);
}

char *
mp_modify_role(const MpModify *modify, TupleTableSlot *slot)
{
	char	   *role = mp_relation_text(modify->table, slot, MP_FIELD_ROLE);

	if (role == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("null value in column \"%s\" of foreign table \"%s\"",
						mp_relation_attribute_name(modify->table,
												   MP_FIELD_ROLE),
						modify->table->name),
				 errhint("Roles are owner, admin, analyst, consumer, or a custom one.")));
	refuse_empty(modify->table, MP_FIELD_ROLE, role);
	return role;
}

/* NULL stands for the table's own. */
static bool
is_of_organization(const MpModify *modify, TupleTableSlot *slot)
{
	AttrNumber	attnum = mp_relation_attribute(modify->table,
											   MP_FIELD_ORGANIZATION_ID);
	bool		isnull;
	Datum		datum;

	if (attnum == InvalidAttrNumber)
		return true;
	datum = slot_getattr(slot, attnum, &isnull);
	return isnull || mp_relation_integer(modify->table, attnum, datum) ==
		modify->settings->organization_id;
}

/*
 * The new account that a row describes, checked as far as that is possible
 * before it is sent.
 */
static void
read_account(const MpModify *modify, TupleTableSlot *slot,
			 MpNewAccount *account)
{
	const MpTable *table = modify->table;
	const char *wrong;

	account->username = mp_relation_text(table, slot, MP_FIELD_USERNAME);
	account->name = mp_relation_text(table, slot, MP_FIELD_NAME);
	account->role = mp_relation_text(table, slot, MP_FIELD_ROLE);
	account->expires = mp_relation_time(table, slot, MP_FIELD_EXPIRES);
	account->projects = mp_relation_text(table, slot, MP_FIELD_PROJECTS);
	if (account->username == NULL && account->name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a new service account needs a value for \"username\" or \"name\"")));
	refuse_empty(table, MP_FIELD_USERNAME, account->username);
	refuse_empty(table, MP_FIELD_NAME, account->name);
	refuse_empty(table, MP_FIELD_ROLE, account->role);
	if (account->projects == NULL)
		return;
	wrong = mp_api_check_projects(account->projects);
	if (wrong != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for column \"%s\": %s",
						mp_relation_attribute_name(table,
												   MP_FIELD_PROJECTS), wrong),
				 errhint("Use a value such as '[{\"id\": 456, \"role\": \"admin\"}]'.")));
	if (strcmp(account->projects, "[]") == 0)
		account->projects = NULL;
}

static void
refuse_empty(const MpTable *table, MpField field, const char *text)
{
	if (text != NULL && *text == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" cannot be empty",
						mp_relation_attribute_name(table, field))));
}

/*
 * An account that lives longer than was asked for is not what was asked for.
 * An answer that rounds to seconds repeats what it was sent.
 */
static void
check_expires(const MpModify *modify, const MpRecord *record,
			  const char *asked)
{
	const MpValue *expires = &record->values[MP_FIELD_EXPIRES];
	int64		id = record->values[MP_FIELD_ID].as.integer;
	char		answered[MP_TIME_TEXT];
	int64_t		wanted;

	if (asked == NULL)
		return;
	if ((record->nulls & MP_FIELD_BIT(MP_FIELD_EXPIRES)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
				 errmsg("new service account " INT64_FORMAT " would never expire, although \"%s\" was set to %s",
						id, mp_relation_attribute_name(modify->table,
													   MP_FIELD_EXPIRES),
						asked),
				 errdetail("Mixpanel's answer has null for it. The service account is deleted again.")));
	if (!expires->present ||
		!mp_record_parse_time(asked, strlen(asked), &wanted) ||
		(expires->as.time > wanted - USECS_PER_SEC &&
		 expires->as.time < wanted + USECS_PER_SEC))
		return;
	mp_record_format_time(expires->as.time, answered);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("new service account " INT64_FORMAT " expires at %s, although %s was requested",
					id, answered, asked)));
}

/*
 * What was given and the answer does not mention.  A null is the answer's own
 * word.
 */
static void
keep_given(MpRecord *record, const MpNewAccount *account)
{
	MpValue    *expires = &record->values[MP_FIELD_EXPIRES];

	keep_text(record, MP_FIELD_USERNAME, account->username);
	keep_text(record, MP_FIELD_NAME, account->name);
	keep_text(record, MP_FIELD_ROLE, account->role);
	if (!expires->present && account->expires != NULL)
		expires->present = mp_record_parse_time(account->expires,
												strlen(account->expires),
												&expires->as.time);
}

static void
keep_text(MpRecord *record, MpField field, const char *text)
{
	if (!record->values[field].present && text != NULL &&
		(record->nulls & MP_FIELD_BIT(field)) == 0)
		mp_record_set_text(record, field, text, strlen(text));
}

/* The column projects is only ever what was given. */
static void
fill_account(const MpModify *modify, const MpRecord *record,
			 TupleTableSlot *slot)
{
	AttrNumber	attnum = mp_relation_attribute(modify->table,
											   MP_FIELD_PROJECTS);
	Datum		projects = (Datum) 0;
	bool		isnull = true;

	if (attnum != InvalidAttrNumber)
	{
		Form_pg_attribute att = TupleDescAttr(slot->tts_tupleDescriptor,
											  attnum - 1);

		projects = slot_getattr(slot, attnum, &isnull);
		if (!isnull)
			projects = datumCopy(projects, att->attbyval, att->attlen);
	}
	mp_relation_fill(modify->table, MP_FIELD_ALL, record, slot);
	if (!isnull)
	{
		slot->tts_values[attnum - 1] = projects;
		slot->tts_isnull[attnum - 1] = false;
	}
}
