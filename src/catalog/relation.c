/*-------------------------------------------------------------------------
 *
 * catalog/relation.c
 *		The two foreign tables: their columns, and how a table in the catalog
 *		maps to them.
 *
 * Owns what a column is called, its type and whether it may be written.
 * Conversion of values is relation_value.c's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "catalog/closest.h"
#include "catalog/compat.h"
#include "catalog/declaration.h"
#include "catalog/option.h"
#include "catalog/relation.h"

static const MpColumn account_columns[] = {
	{"id", MP_FIELD_ID, "bigint", true, MP_COLUMN_READ_ONLY, false,
	"The account's id, assigned by Mixpanel"},
	{"username", MP_FIELD_USERNAME, "text", false, MP_COLUMN_OPTIONAL, false,
	"The name to authenticate with; INSERT needs username or name"},
	{"name", MP_FIELD_NAME, "text", false, MP_COLUMN_OPTIONAL, false,
	"The display name, where the API has one"},
	{"role", MP_FIELD_ROLE, "text", false, MP_COLUMN_OPTIONAL, false,
	"Role in the organization: owner, admin, analyst, consumer or a custom one"},
	{"expires", MP_FIELD_EXPIRES, "timestamptz", false, MP_COLUMN_OPTIONAL,
	false, "When the account expires; NULL: never"},
	{"created", MP_FIELD_CREATED, "timestamptz", false, MP_COLUMN_READ_ONLY,
	false, "When the account was created"},
	{"last_used", MP_FIELD_LAST_USED, "timestamptz", false,
		MP_COLUMN_READ_ONLY, false,
	"When the account last authenticated; NULL: never"},
	{"creator", MP_FIELD_CREATOR, "bigint", false, MP_COLUMN_READ_ONLY, false,
	"Id of the Mixpanel user who created the account"},
	{"creator_name", MP_FIELD_CREATOR_NAME, "text", false,
	MP_COLUMN_READ_ONLY, false, "That user's name, where the API returns it"},
	{"creator_email", MP_FIELD_CREATOR_EMAIL, "text", false,
		MP_COLUMN_READ_ONLY, false,
	"That user's e-mail address, where the API returns it"},
	{"user_id", MP_FIELD_USER_ID, "bigint", false, MP_COLUMN_READ_ONLY, false,
	"Id of the Mixpanel user that the account stands for"},
	{"organization_id", MP_FIELD_ORGANIZATION_ID, "bigint", false,
		MP_COLUMN_OPTIONAL, false,
	"The organization; a value supplied must equal the table's"},
	{"projects", MP_FIELD_PROJECTS, "jsonb", false, MP_COLUMN_OPTIONAL, false,
		"For INSERT only: the first memberships, [{\"id\":456,\"role\":\"admin\"}]; "
	"NULL in SELECT"},
	{"secret", MP_FIELD_SECRET, "text", false, MP_COLUMN_READ_ONLY, false,
		"For INSERT ... RETURNING only: the new secret, shown once; NULL in "
	"SELECT"},
	{"attrs", MP_FIELD_ATTRS, "jsonb", false, MP_COLUMN_READ_ONLY, false,
	"The API's whole object, without any secret"},
};

static const MpColumn membership_columns[] = {
	{"service_account_id", MP_FIELD_ID, "bigint", true, MP_COLUMN_REQUIRED,
	false, "The member: service_accounts.id"},
	{"project_id", MP_FIELD_PROJECT_ID, "bigint", true, MP_COLUMN_REQUIRED,
	false, "The project"},
	{"role", MP_FIELD_ROLE, "text", false, MP_COLUMN_REQUIRED, true,
	"Role in the project: owner, admin, analyst, consumer or a custom one"},
	{"project_name", MP_FIELD_PROJECT_NAME, "text", false,
	MP_COLUMN_READ_ONLY, false, "The project's name, where known"},
	{"username", MP_FIELD_USERNAME, "text", false, MP_COLUMN_READ_ONLY, false,
	"The account's username, where known"},
	{"grant_type", MP_FIELD_GRANT_TYPE, "text", false, MP_COLUMN_READ_ONLY,
	false, "Where the membership comes from: individual, team, organization"},
	{"has_sensitive_access", MP_FIELD_HAS_SENSITIVE_ACCESS, "boolean", false,
		MP_COLUMN_READ_ONLY, false,
	"Whether the account may read classified data, where returned"},
	{"organization_id", MP_FIELD_ORGANIZATION_ID, "bigint", false,
		MP_COLUMN_OPTIONAL, false,
	"The organization; a value supplied must equal the table's"},
	{"attrs", MP_FIELD_ATTRS, "jsonb", false, MP_COLUMN_READ_ONLY, false,
	"The API's whole object, without any secret"},
};

static const MpRelation relations[MP_RELATION_COUNT] = {
	[MP_RELATION_ACCOUNTS] = {
		MP_RELATION_ACCOUNTS, "service_accounts",
		"Service accounts of a Mixpanel organization",
		account_columns, lengthof(account_columns),
	},
	[MP_RELATION_MEMBERSHIPS] = {
		MP_RELATION_MEMBERSHIPS, "project_memberships",
		"Which service account has which role in which Mixpanel project",
		membership_columns, lengthof(membership_columns),
	},
};

static void take_declaration(MpTable *table,
							 const MpDeclaration *declaration);
static void find_declaration(MpTable *table, Relation rel);
static const char *object_of(Relation rel);
static const MpRelation *find_relation(Relation rel);
static bool is_computed(Relation rel, Form_pg_attribute att);
static const MpColumn *find_column(const MpRelation *relation, Relation rel,
								   AttrNumber attnum);
static void refuse_twin(const MpTable *table, int index);
static void open_attribute(MpAttribute *attribute, Form_pg_attribute att);
static bool is_direct(MpField field, Oid type, int32 typmod);

const MpRelation *
mp_relation_get(MpRelationKind kind)
{
	return &relations[kind];
}

const MpRelation *
mp_relation_find(const char *name)
{
	for (int i = 0; i < MP_RELATION_COUNT; i++)
		if (strcmp(relations[i].name, name) == 0)
			return &relations[i];
	return NULL;
}

const MpColumn *
mp_relation_column(const MpRelation *relation, const char *name)
{
	for (int i = 0; i < relation->column_count; i++)
		if (strcmp(relation->columns[i].name, name) == 0)
			return &relation->columns[i];
	return NULL;
}

MpTable *
mp_relation_open(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	MpTable    *table = palloc0(sizeof(MpTable));
	const MpDeclaration *known =
		mp_declaration_recall(RelationGetRelid(rel));

	table->name = pstrdup(RelationGetRelationName(rel));
	table->natts = desc->natts;
	table->attributes = palloc0(sizeof(MpAttribute) * (Size) desc->natts);
	for (int i = 0; i < desc->natts; i++)
		table->attributes[i].name =
			pstrdup(NameStr(TupleDescAttr(desc, i)->attname));
	if (known != NULL)
		take_declaration(table, known);
	else
		find_declaration(table, rel);

	for (int i = 0; i < desc->natts; i++)
		if (table->attributes[i].column != NULL)
			open_attribute(&table->attributes[i], TupleDescAttr(desc, i));
	return table;
}

static void
take_declaration(MpTable *table, const MpDeclaration *declaration)
{
	Assert(table->natts == declaration->natts);
	table->relation = declaration->relation;
	for (int i = 0; i < table->natts; i++)
		table->attributes[i].column = declaration->columns[i];
}

/* As the catalog has it; remembered if nothing is wrong with it. */
static void
find_declaration(MpTable *table, Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	MpDeclaration found = {
		.relid = RelationGetRelid(rel),
		.natts = table->natts,
	};

	table->relation = find_relation(rel);
	found.relation = table->relation;
	found.columns = palloc0(sizeof(MpColumn *) * (Size) table->natts);
	for (int i = 0; i < table->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || is_computed(rel, att))
			continue;
		table->attributes[i].column =
			find_column(table->relation, rel, att->attnum);
		refuse_twin(table, i);
		found.columns[i] = table->attributes[i].column;
	}
	mp_declaration_remember(&found);
	pfree(found.columns);
}

const MpRelation *
mp_relation_declared(Relation rel)
{
	return mp_relation_find(object_of(rel));
}

AttrNumber
mp_relation_attribute(const MpTable *table, MpField field)
{
	for (int i = 0; i < table->natts; i++)
		if (table->attributes[i].column != NULL &&
			table->attributes[i].column->field == field)
			return (AttrNumber) (i + 1);
	return InvalidAttrNumber;
}

AttrNumber
mp_relation_key(const MpTable *table, MpField field)
{
	AttrNumber	attnum = mp_relation_attribute(table, field);

	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
				 errmsg("foreign table \"%s\" has no column for \"%s\"",
						table->name,
						mp_relation_attribute_name(table, field)),
				 errdetail("The statement needs it to identify its rows."),
				 errhint("Add the column, or name an existing one with the column option \"field\".")));
	return attnum;
}

uint32
mp_relation_wanted(const MpTable *table, Bitmapset *attrs)
{
	uint32		wanted = 0;
	bool		all = attrs == NULL ||
		bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, attrs);

	for (int i = 0; i < table->natts; i++)
	{
		if (table->attributes[i].column == NULL)
			continue;
		if (all ||
			bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, attrs))
			wanted |= MP_FIELD_BIT(table->attributes[i].column->field);
	}
	return wanted;
}

const char *
mp_relation_attribute_name(const MpTable *table, MpField field)
{
	AttrNumber	attnum = mp_relation_attribute(table, field);

	if (attnum != InvalidAttrNumber)
		return table->attributes[attnum - 1].name;
	for (int i = 0; i < table->relation->column_count; i++)
		if (table->relation->columns[i].field == field)
			return table->relation->columns[i].name;
	return "";
}

/* The name of what a foreign table stands for: its option, or its own name. */
static const char *
object_of(Relation rel)
{
	ForeignTable *ftable = GetForeignTable(RelationGetRelid(rel));
	const char *object = mp_option_find(ftable->options, "object");

	return object != NULL ? object : RelationGetRelationName(rel);
}

/* What a foreign table stands for; raises HV00R if Mixpanel has no such. */
static const MpRelation *
find_relation(Relation rel)
{
	const char *object = object_of(rel);
	const MpRelation *relation = mp_relation_find(object);
	MpClosest	closest;

	if (relation != NULL)
		return relation;
	mp_closest_init(&closest, object);
	for (int i = 0; i < MP_RELATION_COUNT; i++)
		mp_closest_try(&closest, relations[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
			 errmsg("foreign table \"%s\" refers to unknown object \"%s\"",
					RelationGetRelationName(rel), object),
			 closest.best != NULL ?
			 errhint("Perhaps you meant \"%s\": set the table option \"object\" to it.",
					 closest.best) :
			 errhint("Set the table option \"object\" to \"%s\" or \"%s\".",
					 relations[MP_RELATION_ACCOUNTS].name,
					 relations[MP_RELATION_MEMBERSHIPS].name)));
	return NULL;
}

/*
 * A column that PostgreSQL computes of the others wherever it is read: it has
 * no value here and none in Mixpanel, whatever its name is.
 */
static bool
is_computed(Relation rel, Form_pg_attribute att)
{
	List	   *options;

	if (!MP_IS_VIRTUAL(att))
		return false;
	options = GetForeignColumnOptions(RelationGetRelid(rel), att->attnum);
	if (mp_option_find(options, "field") != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("virtual generated column \"%s\" of foreign table \"%s\" cannot have the option \"field\"",
						NameStr(att->attname), RelationGetRelationName(rel)),
				 errdetail("PostgreSQL computes it of the other columns, and Mixpanel has no part in it."),
				 errhint("Drop the option.")));
	return true;
}

/* The field behind an attribute: its option, or its own name. */
static const MpColumn *
find_column(const MpRelation *relation, Relation rel, AttrNumber attnum)
{
	const char *name = NameStr(TupleDescAttr(RelationGetDescr(rel),
											 attnum - 1)->attname);
	Oid			relid = RelationGetRelid(rel);
	const char *field = mp_option_find(GetForeignColumnOptions(relid, attnum),
									   "field");
	const MpColumn *column;
	StringInfoData known;
	MpClosest	closest;

	if (field == NULL)
		field = name;
	column = mp_relation_column(relation, field);
	if (column != NULL)
		return column;

	initStringInfo(&known);
	mp_closest_init(&closest, field);
	for (int i = 0; i < relation->column_count; i++)
	{
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "",
						 relation->columns[i].name);
		mp_closest_try(&closest, relation->columns[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
			 errmsg("column \"%s\" of foreign table \"%s\" refers to unknown field \"%s\" of \"%s\"",
					name, RelationGetRelationName(rel), field,
					relation->name),
			 closest.best != NULL ?
			 errhint("Perhaps you meant \"%s\": set the column's option \"field\" to it.",
					 closest.best) :
			 errhint("Drop the column, or set its option \"field\" to one of: %s.",
					 known.data)));
	return NULL;
}

/*
 * Two columns for one field: SELECT could show it twice, but a row to be
 * written could have two values of it.
 */
static void
refuse_twin(const MpTable *table, int index)
{
	const MpAttribute *attribute = &table->attributes[index];

	for (int i = 0; i < index; i++)
	{
		const MpAttribute *other = &table->attributes[i];

		if (other->column != attribute->column)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_COLUMN),
				 errmsg("columns \"%s\" and \"%s\" of foreign table \"%s\" refer to the same field \"%s\"",
						other->name, attribute->name, table->name,
						attribute->column->name),
				 errhint("Drop one of them, or set its column option \"field\" to another field.")));
	}
}

static void
open_attribute(MpAttribute *attribute, Form_pg_attribute att)
{
	Oid			function;

	attribute->type = att->atttypid;
	attribute->typmod = att->atttypmod;
	attribute->direct = is_direct(attribute->column->field, att->atttypid,
								  att->atttypmod);
	if (attribute->direct)
		return;
	getTypeInputInfo(att->atttypid, &function, &attribute->input_param);
	fmgr_info(function, &attribute->input);
}

/*
 * Can a column of this type take the field's value as it is, without its
 * type's input function?
 */
static bool
is_direct(MpField field, Oid type, int32 typmod)
{
	if (typmod >= 0)
		return false;
	switch (mp_record_type(field))
	{
		case MP_VALUE_INTEGER:
			return type == INT8OID;
		case MP_VALUE_TEXT:
			return (type == TEXTOID || type == VARCHAROID) &&
				GetDatabaseEncoding() == PG_UTF8;
		case MP_VALUE_TIME:
			return type == TIMESTAMPTZOID;
		case MP_VALUE_BOOLEAN:
			return type == BOOLOID;
		case MP_VALUE_JSON:
			return type == JSONBOID;
	}
	return false;
}
