/*-------------------------------------------------------------------------
 *
 * schema.h
 *	  Strict reading of JSON: every field known, of the right type, in place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_SCHEMA_H
#define SIM_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>

#define SIM_SCHEMA_ERROR 256

typedef enum SimFieldKind
{
	SIM_FIELD_STRING,			/* not empty */
	SIM_FIELD_ROLE,				/* a string; see SimSchema.roles */
	SIM_FIELD_TIME,				/* RFC 3339 */
	SIM_FIELD_TIME_OR_NULL,
	SIM_FIELD_ID,				/* integer > 0 */
	SIM_FIELD_COUNT,			/* integer >= 0 */
	SIM_FIELD_BOOLEAN,
	SIM_FIELD_IDS,				/* array of distinct ids, not empty */
	SIM_FIELD_RECORDS,			/* array of objects, distinct by id */
	SIM_FIELD_STRINGS,			/* object of strings */
	SIM_FIELD_ANY
} SimFieldKind;

/* A table of fields ends with a NULL name. */
typedef struct SimField
{
	const char *name;
	SimFieldKind kind;
	bool		required;
	const struct SimField *items;	/* of SIM_FIELD_RECORDS */
} SimField;

typedef struct SimSchema
{
	const SimField *fields;
	const char *const *roles;	/* the only roles accepted; NULL = any */
	char		error[SIM_SCHEMA_ERROR];	/* set when the check fails */
} SimSchema;

/* Is the value an object with just these fields?  Else `error` says why. */
extern bool sim_schema_check(SimSchema *schema, json_t *value);

#endif							/* SIM_SCHEMA_H */
