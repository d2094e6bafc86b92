/*-------------------------------------------------------------------------
 *
 * api/record.h
 *		One JSON element of an answer -> a record of typed fields.
 *
 * The only place that knows how the API spells a field.  Accepts every
 * spelling of the API's three documents, in any mix.  No throw, no server;
 * memory is malloc'ed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_API_RECORD_H
#define MP_API_RECORD_H

#include "base/buffer.h"
#include "base/rfc3339.h"

#include <stdint.h>

typedef enum MpField
{
	MP_FIELD_ID,				/* of a service account */
	MP_FIELD_USERNAME,
	MP_FIELD_NAME,
	MP_FIELD_ROLE,
	MP_FIELD_EXPIRES,
	MP_FIELD_CREATED,
	MP_FIELD_LAST_USED,
	MP_FIELD_CREATOR,
	MP_FIELD_CREATOR_NAME,
	MP_FIELD_CREATOR_EMAIL,
	MP_FIELD_USER_ID,
	MP_FIELD_ORGANIZATION_ID,
	MP_FIELD_SECRET,
	MP_FIELD_PROJECT_ID,
	MP_FIELD_PROJECT_NAME,
	MP_FIELD_GRANT_TYPE,
	MP_FIELD_HAS_SENSITIVE_ACCESS,
	MP_FIELD_DOMAIN,			/* of a project: its region's host */
	/* the two that are not a member of the element */
	MP_FIELD_PROJECTS,			/* sent on create, never read */
	MP_FIELD_ATTRS,				/* the element itself */
	MP_FIELD_COUNT,
} MpField;

#define MP_FIELD_BIT(field)		(UINT32_C(1) << (field))
#define MP_FIELD_ALL			UINT32_MAX
#define MP_FIELD_MEMBERS		(~MP_FIELD_BIT(MP_FIELD_ATTRS))

/* What kind of element: which members it has and which are required. */
typedef enum MpRecordKind
{
	MP_RECORD_ACCOUNT,			/* a service account; id required */
	MP_RECORD_ACCOUNT_PROJECT,	/* a project of an account; project_id
								 * required */
	MP_RECORD_PROJECT_ACCOUNT,	/* an account of a project; id required */
	MP_RECORD_PROJECT,			/* a project of a list; project_id required */
	MP_RECORD_NAMED_PROJECT,	/* a project of /me that stands in an object:
								 * the member's name may be all there is of
								 * its id */
} MpRecordKind;

typedef enum MpValueType
{
	MP_VALUE_INTEGER,
	MP_VALUE_TEXT,
	MP_VALUE_TIME,
	MP_VALUE_BOOLEAN,
	MP_VALUE_JSON,				/* no member of the union: see MpRecord.raw */
} MpValueType;

typedef struct MpText
{
	const char *data;			/* UTF-8 without NUL, not terminated */
	size_t		length;			/* bytes */
} MpText;

typedef struct MpValue
{
	bool		present;		/* false: absent, null or not wanted */
	union
	{
		int64_t		integer;
		int64_t		time;		/* microseconds since 2000-01-01 00:00 UTC, as
								 * timestamptz counts */
		bool		boolean;
		MpText		text;
	}			as;
} MpValue;

#define MP_RECORD_GUESSES	24
#define MP_RECORD_SECRETS	2	/* spellings of MP_FIELD_SECRET */

/*
 * A decoded element.  Texts lie in the element's bytes or in the record's own
 * buffer, and live until either changes.
 */
typedef struct MpRecord
{
	MpValue		values[MP_FIELD_COUNT];
	uint32_t	nulls;			/* set of MP_FIELD_BIT: fields that the
								 * element has as null and in no other way */
	MpText		raw;			/* the element as it came; may hold a secret */
	MpText		secrets[MP_RECORD_SECRETS]; /* what lies in raw between the
											 * quotes of a secret; length 0:
											 * nothing */

	/* decode's own */
	MpBuffer	buffer;			/* unescaped texts */
	struct MpJsonMember *members;	/* names seen: see json/cursor.h */
	size_t		member_places;
	uint8_t		guesses[MP_RECORD_GUESSES]; /* how the last element spelled
											 * its first, second, ... member */
} MpRecord;

/* What is wrong with an element.  Never quotes a value. */
typedef struct MpFault
{
	char		field[64];		/* the member as the answer spells it, cut off
								 * if long; "" if unknown or no plain word */
	char		reason[160];	/* "is not an integer" */
	int64_t		id;				/* the element's id where it could be read,
								 * else 0 */
} MpFault;

/*
 * Nesting of an element: an answer's MP_JSON_DEPTH_LIMIT less the envelope and
 * the array around it.
 */
#define MP_RECORD_DEPTH_LIMIT	62

extern MpValueType mp_record_type(MpField field);

/* Set up an empty record; free what decode allocated (wipes its buffer). */
extern void mp_record_init(MpRecord *record);
extern void mp_record_release(MpRecord *record);

/* Give a record a value that no element said; text is not copied. */
extern void mp_record_set_integer(MpRecord *record, MpField field,
								  int64_t integer);
extern void mp_record_set_text(MpRecord *record, MpField field,
							   const char *data, size_t length);

/*
 * Decode one element.  `wanted` is a set of MP_FIELD_BIT; other fields are not
 * converted, but the element's JSON and its required id are always checked
 * (RFC 8259, UTF-8, no NUL, no lone surrogate, no duplicate member at any
 * depth, MP_RECORD_DEPTH_LIMIT).  False with *fault filled, and *record not to
 * be read, on anything that is not as follows:
 *		null is as good as absent
 *		of several spellings of a field, the first in the order of record.c's
 *		table that is not null is the field; the others are not converted
 *		ids of accounts and projects are integers from 1 to 2^63-1, the others
 *		from 0; an integer has neither fraction nor exponent
 *		times are what mp_rfc3339_parse() reads
 *		texts are strings, and booleans are true or false
 * MP_FIELD_ATTRS is present if wanted.
 */
extern bool mp_record_decode(MpRecordKind kind, uint32_t wanted,
							 const MpText *element, MpRecord *record,
							 MpFault *fault);

/*
 * The id that names the element within its list: the account's, or the
 * project's for those that are no accounts.  Valid after
 * decode, whatever was wanted.
 */
extern int64_t mp_record_key(MpRecordKind kind, const MpRecord *record);

/*
 * Is a membership a grant to the account itself?  One that comes from a team
 * or the whole organization says so; of what says nothing it is assumed.
 */
extern bool mp_record_is_individual(const MpRecord *record);

/* Is the value this text? */
extern bool mp_record_is_text(const MpValue *value, const char *text);

/*
 * Is it a username that an account may have that was created under `name`: the
 * same, or with what Mixpanel adds, as in bot.a1b2c3.mp-service-account?
 */
extern bool mp_record_is_username(const MpValue *value, const char *name);

/* A text that is an id: digits alone, from 1 to 2^63-1. */
extern bool mp_record_parse_id(const char *text, size_t length, int64_t *id);

/* As in rfc3339.h, for those who have records only. */
#define MP_TIME_TEXT	MP_RFC3339_TEXT
extern bool mp_record_parse_time(const char *text, size_t length,
								 int64_t *time);
extern bool mp_record_format_time(int64_t time, char *buffer);

#endif							/* MP_API_RECORD_H */
