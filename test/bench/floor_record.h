/*-------------------------------------------------------------------------
 *
 * floor_record.h
 *		Answers to structs, with jansson's tree of values.
 *
 * Every field is converted, as a SELECT * does, timestamps to microseconds
 * since 2000.
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLOOR_RECORD_H
#define FLOOR_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define FLOOR_NEVER		INT64_MIN	/* a time that is null */

/* Texts belong to the tree of values; NULL where null or absent. */
typedef struct FloorAccount
{
	int64_t		id;
	const char *username;
	const char *name;
	const char *role;
	int64_t		expires;
	int64_t		created;
	int64_t		last_used;
	int64_t		creator;
	const char *creator_name;
	const char *creator_email;
	int64_t		user;
	int64_t		organization;
} FloorAccount;

typedef struct FloorMembership
{
	int64_t		project;
	const char *project_name;
	const char *role;
} FloorMembership;

extern void floor_account_decode(const json_t *value, FloorAccount *account);
extern void floor_membership_decode(const json_t *value,
									FloorMembership *membership);

/* The tree of a text, which the caller frees; fails where it is no JSON. */
extern json_t *floor_parse(const char *text, size_t length);

#endif							/* FLOOR_RECORD_H */
