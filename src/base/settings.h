/*-------------------------------------------------------------------------
 *
 * base/settings.h
 *		What one foreign table, its server and one user's mapping resolve to.
 *
 * Ground floor: plain C, read by every room, filled by option_resolve.c.  The
 * lower rooms (API, wire) take all they know of options from here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_BASE_SETTINGS_H
#define MP_BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Server option membership_read. */
typedef enum MpMembershipRead
{
	MP_MEMBERSHIP_READ_AUTO,
	MP_MEMBERSHIP_READ_ACCOUNT, /* GET .../service-accounts/{id}/projects */
	MP_MEMBERSHIP_READ_PROJECT, /* GET /projects/{id}/service-accounts */
} MpMembershipRead;

/* Server option membership_write. */
typedef enum MpMembershipWrite
{
	MP_MEMBERSHIP_WRITE_AUTO,
	MP_MEMBERSHIP_WRITE_BULK,	/* add-to-project, remove-from-project */
	MP_MEMBERSHIP_WRITE_SINGLE, /* one call for each membership */
} MpMembershipWrite;

/* Server option rate_limit: so many requests in a period; 0: any number. */
typedef struct MpRate
{
	int			number;
	int			period;
} MpRate;

/*
 * Strings are NUL-terminated UTF-8 and live as long as the struct; NULL means
 * that the option is not set.  Durations are milliseconds.
 */
typedef struct MpSettings
{
	uint32_t	server_id;		/* oid: names window and counters */
	uint32_t	user_id;		/* the role whose user mapping this is */
	uint32_t	mapping_id;		/* oid of that mapping, or of PUBLIC's; 0: not
								 * resolved with one */
	const char *server_name;

	int64_t		organization_id;	/* 0: not set */
	const char *base_url;		/* no trailing slash */
	MpMembershipRead membership_read;
	MpMembershipWrite membership_write;
	bool		membership_verify;	/* additions are read back */
	const int64_t *project_ids; /* option project_ids; NULL: not set */
	size_t		project_count;

	int			connect_timeout;
	int			request_timeout;
	int			max_retries;
	int			max_retry_wait;
	int			max_concurrency;
	MpRate		rate_limit;
	int			shared_concurrency; /* 0: any number */
	const char *ca_file;
	const char *proxy;

	bool		updatable;
	bool		async_capable;
	double		round_trip_cost;	/* options fdw_startup_cost and */
	double		tuple_cost;		/* fdw_tuple_cost: the planner's units */

	const char *username;
	const char *secret;			/* wiped when the struct's owner goes */
} MpSettings;

#endif							/* MP_BASE_SETTINGS_H */
