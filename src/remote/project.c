/*-------------------------------------------------------------------------
 *
 * remote/project.c
 *		Whose a project is, as far as this session has been told.
 *
 * Owns what was told; asks nothing by itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"

#include "remote/project.h"
#include "remote/session.h"

/* A place (MpRoutes have one address for each, as long as the backend lives)
 * and a project that it can be asked for. */
typedef struct Key
{
	const MpRoutes *place;
	int64		project;
} Key;

typedef struct Entry
{
	Key			key;
	MpProjectOwner owner;		/* OURS or NOT_TOLD */
} Entry;

/*
 * A project of another region.  With project 0: what is known of the server's
 * own region.  Behind a gateway a domain differs from the server's host
 * wherever the project lies; it tells something only where another project of
 * the place has none, or has the server's host.
 */
typedef struct Elsewhere
{
	Key			key;
	char		domain[64];		/* cut off if long; of the server: "" */
} Elsewhere;

static HTAB *entries = NULL;
static HTAB *elsewhere = NULL;

static bool is_own_host(const char *base_url, const MpText *domain);

MpProjectOwner
mp_project_owner(const MpSettings *settings, int64 project)
{
	Key			key = {mp_session_routes(settings), project};
	const Entry *entry = NULL;

	if (entries != NULL)
		entry = hash_search(entries, &key, HASH_FIND, NULL);
	return entry == NULL ? MP_PROJECT_NOT_ASKED : entry->owner;
}

void
mp_project_note(const MpSettings *settings, int64 project,
				MpProjectOwner owner)
{
	Key			key = {mp_session_routes(settings), project};
	Entry	   *entry;
	bool		found;

	if (entries == NULL)
	{
		HASHCTL		control = {
			.keysize = sizeof(Key),
			.entrysize = sizeof(Entry),
		};

		entries = hash_create("mixpanel_sa_fdw projects", 64, &control,
							  HASH_ELEM | HASH_BLOBS);
	}
	if (owner == MP_PROJECT_OTHERS)
	{
		hash_search(entries, &key, HASH_REMOVE, NULL);
		elog(DEBUG1, "project " INT64_FORMAT " is another organization's",
			 project);
		return;
	}
	Assert(owner == MP_PROJECT_OURS || owner == MP_PROJECT_NOT_TOLD);
	entry = hash_search(entries, &key, HASH_ENTER, &found);
	/* that something else does not tell takes nothing away */
	if (!found || owner == MP_PROJECT_OURS)
		entry->owner = owner;
}

void
mp_project_note_domain(const MpSettings *settings, int64 project,
					   const MpValue *domain)
{
	Key			key = {mp_session_routes(settings), project};
	Elsewhere  *entry;
	bool		is_own = !domain->present || domain->as.text.length == 0 ||
		is_own_host(settings->base_url, &domain->as.text);

	if (elsewhere == NULL)
	{
		HASHCTL		control = {
			.keysize = sizeof(Key),
			.entrysize = sizeof(Elsewhere),
		};

		elsewhere = hash_create("mixpanel_sa_fdw projects elsewhere", 16,
								&control, HASH_ELEM | HASH_BLOBS);
	}
	if (is_own)
	{
		(void) hash_search(elsewhere, &key, HASH_REMOVE, NULL);
		key.project = 0;
	}
	entry = hash_search(elsewhere, &key, HASH_ENTER, NULL);
	entry->domain[0] = '\0';
	if (!is_own)
		snprintf(entry->domain, sizeof(entry->domain), "%.*s",
				 (int) Min(domain->as.text.length, sizeof(entry->domain) - 1),
				 domain->as.text.data);
}

const char *
mp_project_domain(const MpSettings *settings, int64 project)
{
	Key			key = {mp_session_routes(settings), project};
	Key			own = {mp_session_routes(settings), 0};
	const Elsewhere *entry;

	if (elsewhere == NULL || project == 0 ||
		hash_search(elsewhere, &own, HASH_FIND, NULL) == NULL)
		return NULL;
	entry = hash_search(elsewhere, &key, HASH_FIND, NULL);
	return entry == NULL ? NULL : entry->domain;
}

/* Without regard to scheme, port and path. */
static bool
is_own_host(const char *base_url, const MpText *domain)
{
	const char *host = strstr(base_url, "://");
	size_t		length;

	host = host == NULL ? base_url : host + 3;
	length = strcspn(host, ":/");
	return length == domain->length &&
		pg_strncasecmp(host, domain->data, length) == 0;
}
