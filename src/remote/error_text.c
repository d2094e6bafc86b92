/*-------------------------------------------------------------------------
 *
 * remote/error_text.c
 *		Texts of the API, fit for a message of this database.
 *
 * What the database's encoding has is converted; all else is shown as an
 * escape.  Nothing is raised: an error about an error helps nobody.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "remote/error.h"

/* What converts from UTF-8 to the database's encoding; fn_oid InvalidOid:
 * nothing does, or it is not known yet. */
static FmgrInfo converter;

static void find_converter(void);
static int	legal_length(const char *at, int left);
static void append_character(StringInfo out, const char *at, int length);
static bool convert_character(const char *at, int length, char *converted);

char *
mp_error_text(const char *text)
{
	StringInfoData out;
	int			left = (int) strlen(text);

	find_converter();
	initStringInfo(&out);
	while (left > 0)
	{
		int			length = legal_length(text, left);

		if (length > 0)
			append_character(&out, text, length);
		else
			appendStringInfo(&out, "\\x%02x", (unsigned char) *text);
		length = Max(length, 1);
		text += length;
		left -= length;
	}
	return out.data;
}

/* An abort cannot read the catalogs, but what is found lasts. */
static void
find_converter(void)
{
	Oid			function;

	if (OidIsValid(converter.fn_oid) || GetDatabaseEncoding() == PG_UTF8 ||
		GetDatabaseEncoding() == PG_SQL_ASCII || !IsTransactionState())
		return;
	function = FindDefaultConversionProc(PG_UTF8, GetDatabaseEncoding());
	if (OidIsValid(function))
		fmgr_info_cxt(function, &converter, TopMemoryContext);
}

/* Of the character of UTF-8 that begins here; 0: there is none. */
static int
legal_length(const char *at, int left)
{
	const unsigned char *bytes = (const unsigned char *) at;
	int			length = pg_utf_mblen(bytes);

	return length <= left && pg_utf8_islegal(bytes, length) ? length : 0;
}

static void
append_character(StringInfo out, const char *at, int length)
{
	char		converted[MAX_MULTIBYTE_CHAR_LEN * MAX_CONVERSION_GROWTH];

	if (length == 1 || GetDatabaseEncoding() == PG_UTF8)
		appendBinaryStringInfo(out, at, length);
	else if (convert_character(at, length, converted))
		appendStringInfoString(out, converted);
	else
	{
		pg_wchar	code = utf8_to_unicode((const unsigned char *) at);

		appendStringInfo(out, code <= 0xFFFF ? "\\u%04x" : "\\U%08x", code);
	}
}

static bool
convert_character(const char *at, int length, char *converted)
{
	char		source[MAX_MULTIBYTE_CHAR_LEN + 1];

	if (!OidIsValid(converter.fn_oid))
		return false;
	memcpy(source, at, (size_t) length);
	source[length] = '\0';
	converted[0] = '\0';
	return DatumGetInt32(FunctionCall6(&converter, Int32GetDatum(PG_UTF8),
									   Int32GetDatum(GetDatabaseEncoding()),
									   CStringGetDatum(source),
									   CStringGetDatum(converted),
									   Int32GetDatum(length),
									   BoolGetDatum(true))) == length;
}
