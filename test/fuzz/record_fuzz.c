/*-------------------------------------------------------------------------
 *
 * record_fuzz.c
 *		Any bytes as an element: a record made of it holds what jansson reads.
 *
 * The first byte of an input is the kind of element, the next three which
 * fields are wanted, the rest is the element.
 *
 * Sources: api/attrs.c api/record.c base/rfc3339.c json/cursor.c json/string.c
 * Libraries: jansson
 * Dictionary: json
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <jansson.h>

#include "api/record.h"

#define NOT_JSON	"is not valid JSON: "
#define TOO_DEEP	NOT_JSON "too deep a nesting"

/* A text lies whole in the element or in the record's own buffer. */
static void
check_text(const MpRecord *record, const MpText *text)
{
	const MpText *raw = &record->raw;
	const MpBuffer *buffer = &record->buffer;
	bool		in_raw = text->data >= raw->data &&
		text->data + text->length <= raw->data + raw->length;
	bool		in_buffer = buffer->data != NULL &&
		text->data >= buffer->data &&
		text->data + text->length <= buffer->data + buffer->length;

	require(in_raw || in_buffer);
	require(memchr(text->data, '\0', text->length) == NULL);
}

static void
check_values(const MpRecord *record, uint32_t wanted)
{
	for (int field = 0; field < MP_FIELD_COUNT; field++)
	{
		const MpValue *value = &record->values[field];
		char		text[MP_TIME_TEXT];

		if (!value->present)
			continue;
		require((wanted & MP_FIELD_BIT(field)) != 0);
		switch (mp_record_type((MpField) field))
		{
			case MP_VALUE_TEXT:
				check_text(record, &value->as.text);
				break;
			case MP_VALUE_TIME:
				require(mp_record_format_time(value->as.time, text));
				break;
			case MP_VALUE_INTEGER:
				require(value->as.integer >= 0);
				break;
			case MP_VALUE_BOOLEAN:
				break;
			case MP_VALUE_JSON:
				require(field == MP_FIELD_ATTRS);
				break;
		}
	}
}

/* Fields that have one spelling in every kind. */
static void
check_tree(MpRecordKind kind, const MpRecord *record, const json_t *tree)
{
	const MpValue *role = &record->values[MP_FIELD_ROLE];
	const json_t *text = json_object_get(tree, "role");
	const json_t *id = json_object_get(tree, "id");

	if (role->present)
		require(json_string_length(text) == role->as.text.length &&
				memcmp(json_string_value(text), role->as.text.data,
					   role->as.text.length) == 0);
	require(mp_record_key(kind, record) > 0);
	if (kind == MP_RECORD_ACCOUNT)
		require(json_integer_value(id) == mp_record_key(kind, record));
}

static void
check_fault(const MpFault *fault, const json_t *tree)
{
	require(memchr(fault->field, '\0', sizeof(fault->field)) != NULL);
	require(memchr(fault->reason, '\0', sizeof(fault->reason)) != NULL);
	require(fault->id >= 0);
	if (tree != NULL &&
		strncmp(fault->reason, NOT_JSON, strlen(NOT_JSON)) == 0)
		require(strncmp(fault->reason, TOO_DEEP, strlen(TOO_DEEP)) == 0);
}

/* A record that was used before reads the same as a new one. */
static void
compare(const MpRecord *one, const MpRecord *other)
{
	for (int field = 0; field < MP_FIELD_COUNT; field++)
	{
		const MpValue *a = &one->values[field];
		const MpValue *b = &other->values[field];

		require(a->present == b->present);
		if (!a->present)
			continue;
		if (mp_record_type((MpField) field) == MP_VALUE_TEXT)
			require(a->as.text.length == b->as.text.length &&
					memcmp(a->as.text.data, b->as.text.data,
						   a->as.text.length) == 0);
		else if (mp_record_type((MpField) field) != MP_VALUE_JSON)
			require(a->as.integer == b->as.integer);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static MpRecord used;
	MpRecord	record;
	MpFault		fault;
	MpFault		used_fault;
	char	   *element;
	MpRecordKind kind;
	uint32_t	wanted;
	json_error_t error;
	json_t	   *tree;
	MpText		text;
	bool		valid;

	if (size < 4)
		return 0;
	size -= 4;
	element = copy_bytes(data + 4, size);
	kind = (MpRecordKind) (data[0] % 3);
	wanted = data[1] | (uint32_t) data[2] << 8 | (uint32_t) data[3] << 16;
	tree = json_loadb(element, size, JSON_REJECT_DUPLICATES, &error);
	mp_record_init(&record);
	text.data = element;
	text.length = size;
	valid = mp_record_decode(kind, wanted, &text, &record, &fault);
	require(valid == mp_record_decode(kind, wanted, &text, &used,
									  &used_fault));
	if (valid)
	{
		require(tree != NULL ||
				json_error_code(&error) == json_error_numeric_overflow);
		check_values(&record, wanted);
		compare(&record, &used);
		if (tree != NULL)
			check_tree(kind, &record, tree);
	}
	else if (memchr(element, '\0', size) == NULL)
		check_fault(&fault, tree);
	json_decref(tree);
	mp_record_release(&record);
	free(element);
	return 0;
}
