/*-------------------------------------------------------------------------
 *
 * catalog/relation_value.c
 *		Values of the API's fields <-> datums of a foreign table's columns.
 *
 * The API speaks UTF-8, the database may not: texts are converted both ways,
 * and what the database's encoding lacks is an error, never a question mark.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "api/attrs.h"
#include "catalog/relation.h"

/* What is being read or filled, for the context of an error. */
typedef struct Place
{
	const MpTable *table;
	const MpAttribute *attribute;
} Place;

static void add_context(void *arg);
static Datum read_value(MpAttribute *attribute, const MpRecord *record);
static Datum read_text(MpAttribute *attribute, const MpValue *value);
static bool is_local_time(Oid type);
static Datum read_local_time(MpAttribute *attribute, TimestampTz time);
static Datum read_secret(MpAttribute *attribute, const MpText *text);
static Datum read_attrs(MpAttribute *attribute, const MpRecord *record);
static Datum read_form(MpAttribute *attribute, char *text);
static char *to_server(const MpText *text);
static Datum without_key(Datum document, const char *key);
static Datum with_role(Datum document, const char *role);
static Datum document_value(MpAttribute *attribute, Datum document);
static Datum slot_datum(const MpTable *table, TupleTableSlot *slot,
						MpField field, MpAttribute **attribute);

void
mp_relation_fill(const MpTable *table, uint32 wanted, const MpRecord *record,
				 TupleTableSlot *slot)
{
	Place		place = {.table = table};
	ErrorContextCallback callback = {
		.previous = error_context_stack,
		.callback = add_context,
		.arg = &place,
	};

	error_context_stack = &callback;
	ExecClearTuple(slot);
	for (int i = 0; i < table->natts; i++)
	{
		MpAttribute *attribute = &table->attributes[i];
		MpField		field;

		slot->tts_isnull[i] = true;
		slot->tts_values[i] = (Datum) 0;
		if (attribute->column == NULL)
			continue;
		field = attribute->column->field;
		if ((wanted & MP_FIELD_BIT(field)) == 0)
			continue;
		if (field == MP_FIELD_ATTRS ? record->raw.data == NULL :
			!record->values[field].present)
			continue;
		slot->tts_isnull[i] = false;
		place.attribute = attribute;
		slot->tts_values[i] = read_value(attribute, record);
	}
	ExecStoreVirtualTuple(slot);
	error_context_stack = callback.previous;
}

void
mp_relation_show_system(TupleTableSlot *slot)
{
	HeapTuple	tuple;

	Assert(!TTS_EMPTY(slot));
	if (!TTS_IS_HEAPTUPLE(slot))
		return;
	slot_getallattrs(slot);
	tuple = heap_form_tuple(slot->tts_tupleDescriptor, slot->tts_values,
							slot->tts_isnull);
	/* until now the header is that of a composite datum */
	HeapTupleHeaderSetXmin(tuple->t_data, InvalidTransactionId);
	HeapTupleHeaderSetXmax(tuple->t_data, InvalidTransactionId);
	HeapTupleHeaderSetCmin(tuple->t_data, InvalidTransactionId);
	ExecStoreHeapTuple(tuple, slot, false);
}

bool
mp_relation_is_system(AttrNumber attnum)
{
	return attnum < 0 && attnum != TableOidAttributeNumber &&
		attnum != SelfItemPointerAttributeNumber;
}

static void
add_context(void *arg)
{
	const Place *place = arg;

	if (place->attribute != NULL)
		errcontext("column \"%s\" of foreign table \"%s\"",
				   place->attribute->name, place->table->name);
}

/* The field's value as a datum of the column's type */
static Datum
read_value(MpAttribute *attribute, const MpRecord *record)
{
	MpField		field = attribute->column->field;
	const MpValue *value = &record->values[field];
	char		text[MP_TIME_TEXT];

	switch (mp_record_type(field))
	{
		case MP_VALUE_INTEGER:
			if (attribute->direct)
				return Int64GetDatum(value->as.integer);
			snprintf(text, sizeof(text), INT64_FORMAT, value->as.integer);
			break;
		case MP_VALUE_TIME:
			if (attribute->direct)
				return TimestampTzGetDatum(value->as.time);
			if (is_local_time(attribute->type))
				return read_local_time(attribute, value->as.time);
			mp_record_format_time(value->as.time, text);
			break;
		case MP_VALUE_BOOLEAN:
			if (attribute->direct)
				return BoolGetDatum(value->as.boolean);
			strlcpy(text, value->as.boolean ? "true" : "false", sizeof(text));
			break;
		case MP_VALUE_TEXT:
			return read_text(attribute, value);
		case MP_VALUE_JSON:
			return read_attrs(attribute, record);
	}
	return read_form(attribute, text);
}

static Datum
read_text(MpAttribute *attribute, const MpValue *value)
{
	const MpText *text = &value->as.text;

	if (attribute->direct)
		return PointerGetDatum(cstring_to_text_with_len(text->data,
														(int) text->length));
	if (attribute->column->field == MP_FIELD_SECRET)
		return read_secret(attribute, text);
	return read_form(attribute, to_server(text));
}

/* Does a type, or what it is a domain over, tell no zone? */
static bool
is_local_time(Oid type)
{
	Oid			base = getBaseType(type);

	return base == DATEOID || base == TIMESTAMPOID || base == TIMEOID ||
		base == TIMETZOID;
}

/*
 * The day and hour that it is in the session's time zone, as a cast would
 * have it: the type's own input function does not look at a zone.  A value
 * that is written takes the same way back.
 */
static Datum
read_local_time(MpAttribute *attribute, TimestampTz time)
{
	Datum		local = DirectFunctionCall1(timestamptz_timestamp,
											TimestampTzGetDatum(time));

	return read_form(attribute,
					 DatumGetCString(DirectFunctionCall1(timestamp_out,
														 local)));
}

/* A type that does not take it would quote it in its error. */
static Datum
read_secret(MpAttribute *attribute, const MpText *text)
{
	MemoryContext context = CurrentMemoryContext;
	volatile Datum datum = (Datum) 0;

	PG_TRY();
	{
		char	   *form = to_server(text);

		datum = read_form(attribute, form);
		explicit_bzero(form, strlen(form));
	}
	PG_CATCH();
	{
		int			code;

		MemoryContextSwitchTo(context);
		code = CopyErrorData()->sqlerrcode;
		if (code == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		FlushErrorState();
		ereport(ERROR,
				(errcode(code),
				 errmsg("the secret of the new service account is not valid for column \"%s\" of type %s",
						attribute->name,
						format_type_with_typemod(attribute->type,
												 attribute->typmod)),
				 errhint("Type text can store every secret that the database's encoding can represent.")));
	}
	PG_END_TRY();
	return datum;
}

/*
 * The whole object.  A create's answer holds the secret under one of two
 * names; neither may be seen in a column that any SELECT might keep.  Secrets
 * are crossed out before anything is quoted in an error.
 */
static Datum
read_attrs(MpAttribute *attribute, const MpRecord *record)
{
	char	   *text = pnstrdup(record->raw.data, record->raw.length);
	char	   *scratch = palloc(2 * record->raw.length);
	size_t		length = mp_attrs_clean(text, record->raw.length,
										record->secrets, MP_RECORD_SECRETS,
										scratch);
	Datum		document;

	pfree(scratch);
	text[length] = '\0';
	text = pg_any_to_server(text, (int) length, PG_UTF8);
	document = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
	document = without_key(document, "token");
	document = without_key(document, "secret");
	return document_value(attribute, document);
}

/* A document as a value of the attribute's type. */
static Datum
document_value(MpAttribute *attribute, Datum document)
{
	if (attribute->direct)
		return document;
	return read_form(attribute,
					 DatumGetCString(DirectFunctionCall1(jsonb_out,
														 document)));
}

static Datum
without_key(Datum document, const char *key)
{
	JsonbValue	found;

	if (getKeyJsonValueFromContainer(&DatumGetJsonbP(document)->root, key,
									 (int) strlen(key), &found) == NULL)
		return document;
	return DirectFunctionCall2(jsonb_delete, document,
							   CStringGetTextDatum(key));
}

/* An object that has a role, with another; else as it is. */
static Datum
with_role(Datum document, const char *role)
{
	JsonbValue	found;
	StringInfoData text;
	Datum		own;

	if (getKeyJsonValueFromContainer(&DatumGetJsonbP(document)->root, "role",
									 strlen("role"), &found) == NULL)
		return document;
	initStringInfo(&text);
	appendStringInfoString(&text, "{\"role\": ");
	escape_json(&text, pg_any_to_server(role, (int) strlen(role), PG_UTF8));
	appendStringInfoChar(&text, '}');
	own = DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));
	return DirectFunctionCall2(jsonb_concat, document, own);
}

static Datum
read_form(MpAttribute *attribute, char *text)
{
	Assert(!attribute->direct);
	return InputFunctionCall(&attribute->input, text, attribute->input_param,
							 attribute->typmod);
}

/* A NUL-terminated copy in the database's encoding. */
static char *
to_server(const MpText *text)
{
	char	   *copy = pnstrdup(text->data, text->length);

	return pg_any_to_server(copy, (int) text->length, PG_UTF8);
}

void
mp_relation_show_role(const MpTable *table, TupleTableSlot *slot,
					  const char *role)
{
	AttrNumber	attnum = mp_relation_attribute(table, MP_FIELD_ATTRS);
	TupleDesc	desc = slot->tts_tupleDescriptor;
	MpAttribute *attribute;
	Datum	   *values;
	Datum		document;
	char	   *text;

	if (attnum == InvalidAttrNumber || slot_attisnull(slot, attnum))
		return;
	slot_getallattrs(slot);
	attribute = &table->attributes[attnum - 1];
	values = palloc(sizeof(Datum) * (Size) desc->natts);
	memcpy(values, slot->tts_values, sizeof(Datum) * (Size) desc->natts);
	document = values[attnum - 1];
	if (!attribute->direct)
	{
		text = mp_relation_form(attribute, document);
		document = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
	}
	values[attnum - 1] = document_value(attribute,
										with_role(document, role));
	/* the values may lie in the tuple that the slot has now */
	ExecForceStoreHeapTuple(heap_form_tuple(desc, values, slot->tts_isnull),
							slot, false);
}

int64
mp_relation_integer(const MpTable *table, AttrNumber attnum, Datum datum)
{
	MpAttribute *attribute = &table->attributes[attnum - 1];
	char	   *text;

	if (attribute->type == INT8OID)
		return DatumGetInt64(datum);
	text = mp_relation_form(attribute, datum);
	return DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(text)));
}

int64
mp_relation_id(const MpTable *table, TupleTableSlot *slot, MpField field)
{
	AttrNumber	attnum = mp_relation_key(table, field);
	const char *name = mp_relation_attribute_name(table, field);
	bool		isnull;
	Datum		datum = slot_getattr(slot, attnum, &isnull);
	int64		id;

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("null value in column \"%s\" of foreign table \"%s\"",
						name, table->name)));
	id = mp_relation_integer(table, attnum, datum);
	if (id <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid %s: " INT64_FORMAT, name, id),
				 errdetail("Mixpanel's ids are positive integers.")));
	return id;
}

char *
mp_relation_text(const MpTable *table, TupleTableSlot *slot, MpField field)
{
	MpAttribute *attribute;
	Datum		datum = slot_datum(table, slot, field, &attribute);
	Place		place = {.table = table,.attribute = attribute};
	ErrorContextCallback callback = {
		.previous = error_context_stack,
		.callback = add_context,
		.arg = &place,
	};
	char	   *text;

	if (attribute == NULL)
		return NULL;
	error_context_stack = &callback;
	text = mp_relation_form(attribute, datum);
	text = pg_server_to_any(text, (int) strlen(text), PG_UTF8);
	error_context_stack = callback.previous;
	return text;
}

char *
mp_relation_time(const MpTable *table, TupleTableSlot *slot, MpField field)
{
	MpAttribute *attribute;
	Datum		datum = slot_datum(table, slot, field, &attribute);
	char	   *text = palloc(MP_TIME_TEXT);
	TimestampTz time;

	if (attribute == NULL)
		return NULL;
	if (attribute->type != TIMESTAMPTZOID)
		datum = DirectFunctionCall3(timestamptz_in,
									CStringGetDatum(mp_relation_form(attribute,
																	 datum)),
									ObjectIdGetDatum(InvalidOid),
									Int32GetDatum(-1));
	time = DatumGetTimestampTz(datum);
	if (TIMESTAMP_NOT_FINITE(time))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_FIELD_OVERFLOW),
				 errmsg("column \"%s\" cannot be infinite",
						attribute->name),
				 errhint("Use NULL for an account that never expires.")));
	if (!mp_record_format_time(time, text))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_FIELD_OVERFLOW),
				 errmsg("column \"%s\" is out of range",
						attribute->name),
				 errdetail("The API accepts the years 1 to 9999.")));
	return text;
}

/*
 * The output function is looked up each time: only rows that are written need
 * it, each of which costs far more.
 */
char *
mp_relation_form(const MpAttribute *attribute, Datum datum)
{
	Oid			function;
	bool		varlena;

	getTypeOutputInfo(attribute->type, &function, &varlena);
	return OidOutputFunctionCall(function, datum);
}

/* *attribute is NULL where the value is NULL or the table lacks the field. */
static Datum
slot_datum(const MpTable *table, TupleTableSlot *slot, MpField field,
		   MpAttribute **attribute)
{
	AttrNumber	attnum = mp_relation_attribute(table, field);
	bool		isnull = true;
	Datum		datum = (Datum) 0;

	if (attnum != InvalidAttrNumber)
		datum = slot_getattr(slot, attnum, &isnull);
	*attribute = isnull ? NULL : &table->attributes[attnum - 1];
	return datum;
}
