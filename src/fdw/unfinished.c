/*-------------------------------------------------------------------------
 *
 * fdw/unfinished.c
 *		mixpanel_sa_fdw_unfinished(server): what transactions that did not
 *		commit have left behind, as far as the API still has it.
 *
 * The journal tells of accounts by id or, where the answer to the creation
 * never came, by name alone.  An account that is found by its name must not be
 * one that somebody else has created and committed meanwhile.  So the journal
 * is read once more after the API was asked: an account that was listed had
 * been noted by then.
 *
 * Nothing is deleted here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/tuplestore.h"

#include "catalog/option.h"
#include "catalog/setting.h"
#include "fdw/check.h"
#include "remote/error.h"
#include "remote/fetch.h"
#include "transaction/journal_commit.h"
#include "transaction/journal_left.h"

PG_FUNCTION_INFO_V1(mixpanel_sa_fdw_unfinished);

#define UNFINISHED_COLUMNS 5
#define CLOCK_SKEW (60 * USECS_PER_SEC) /* that the API's clock may differ */
#define COMMIT_MEMORY (INT64CONST(30) * USECS_PER_DAY)

/* An account that the journal names by its id, itself or in a change. */
typedef struct KnownKey
{
	int64		organization;
	int64		account;
} KnownKey;

typedef struct Known
{
	KnownKey	key;
	bool		exists;			/* the API has it */
} Known;

/* An account of the API that may be one of a group. */
typedef struct Found
{
	int64		id;
	bool		dated;			/* the API says when it was created */
} Found;

/* Accounts that are known by their names alone, of one name and
 * organization. */
typedef struct NameGroup
{
	const MpEntry *like;		/* the first */
	List	   *left;			/* of MpLeft */
	List	   *found;			/* of Found */
} NameGroup;

typedef struct Search
{
	ReturnSetInfo *result;
	Oid			server;
	const char *base_url;
	MpSettings *settings;		/* with the caller's credentials; NULL: not
								 * needed yet */
	int64		organization;	/* of the server; */
	List	   *tables;			/* of MpSettings: those of its tables */
	List	   *left;			/* of MpLeft: to be told of the server */
	HTAB	   *known;			/* of Known: of those that are asked for */
	List	   *groups;			/* of NameGroup: likewise */
	List	   *gone;			/* of MpLeft: to be forgotten */
} Search;

static void select_left(Search *search, List *all);
static bool is_left(const MpEntry *entry);
static bool belongs(const Search *search, const MpEntry *entry);
static bool is_asked(const Search *search, const MpEntry *entry);
static void note_known(Search *search, const MpEntry *entry);
static void add_known(Search *search, int64 organization, int64 account);
static void add_to_group(Search *search, MpLeft *left);
static bool is_like(const MpEntry *a, const MpEntry *b);
static void ask_all(Search *search);
static void ask(Search *search, int64 organization);
static void take_record(Search *search, const MpRecord *record,
						int64 organization);
static bool is_of_group(const MpRecord *record, const NameGroup *group);
static bool has_name(const MpRecord *record, const char *text);
static bool is_dated(const MpRecord *record, const MpEntry *entry);
static bool exists(const Search *search, int64 organization, int64 account);
static void report_account(Search *search, MpLeft *left);
static char *account_words(const Search *search, const MpEntry *entry);
static void report_commit(Search *search, MpLeft *left);
static bool is_settled(const Search *search, const MpEntry *entry);
static char *commit_words(const MpEntry *entry);
static void report_groups(Search *search);
static List *list_matches(const NameGroup *group, List *all, bool *sure);
static bool is_known(const MpEntry *like, int64 id, List *all);
static bool is_under_way(const MpEntry *like, List *all);
static void report_group(Search *search, const NameGroup *group, List *matches,
						 bool sure);
static void add_row(Search *search, const MpEntry *entry, int64 account,
					const char *reason);

Datum
mixpanel_sa_fdw_unfinished(PG_FUNCTION_ARGS)
{
	ForeignServer *server =
		GetForeignServerByName(NameStr(*PG_GETARG_NAME(0)), false);
	MpSettings *settings;
	Search		search = {.server = server->serverid};
	ListCell   *cell;

	mp_setting_require();
	mp_check_server(server);
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a standby does not know what transactions have left behind"),
				 errhint("Ask the primary.")));
	InitMaterializedSRF(fcinfo, 0);
	search.result = (ReturnSetInfo *) fcinfo->resultinfo;
	settings = mp_option_resolve_public(InvalidOid, server->serverid);
	search.base_url = settings->base_url;
	search.organization = settings->organization_id;

	select_left(&search, mp_journal_read(true));
	ask_all(&search);
	foreach(cell, search.left)
	{
		MpLeft	   *left = lfirst(cell);

		if (left->entry.kind == MP_ENTRY_COMMIT)
			report_commit(&search, left);
		else if (left->entry.account != 0 ||
				 !is_asked(&search, &left->entry))
			report_account(&search, left);
	}
	report_groups(&search);
	mp_journal_forget(search.gone);
	return (Datum) 0;
}

/* What is to be told, and what is to be asked for. */
static void
select_left(Search *search, List *all)
{
	HASHCTL		control = {
		.keysize = sizeof(KnownKey),
		.entrysize = sizeof(Known),
		.hcxt = CurrentMemoryContext,
	};
	ListCell   *cell;

	if (all != NIL)
		search->tables =
			mp_option_resolve_tables(list_make1_oid(search->server));
	search->known = hash_create("mixpanel_sa_fdw accounts", 64, &control,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach(cell, all)
	{
		MpLeft	   *left = lfirst(cell);

		if (!is_left(&left->entry) || !belongs(search, &left->entry))
			continue;
		search->left = lappend(search->left, left);
		if (!is_asked(search, &left->entry))
			continue;
		if (left->entry.kind == MP_ENTRY_ACCOUNT && left->entry.account == 0)
			add_to_group(search, left);
		else
			note_known(search, &left->entry);
	}
}

static bool
is_left(const MpEntry *entry)
{
	return entry->state == MP_ENTRY_KEPT || entry->state == MP_ENTRY_CUT_OFF ||
		entry->state == MP_ENTRY_UNKNOWN;
}

/*
 * Noted under this server, or for an organization of it or of its tables under
 * another: a server or a database that was dropped is told of by the one that
 * takes its place.
 */
static bool
belongs(const Search *search, const MpEntry *entry)
{
	ListCell   *cell;

	if (entry->database == MyDatabaseId && entry->server == search->server)
		return true;
	if (!is_asked(search, entry))
		return false;
	foreach(cell, search->tables)
	{
		const MpSettings *table = lfirst(cell);

		if (table->organization_id == entry->organization)
			return true;
	}
	return entry->organization == search->organization;
}

/* Another API than it was created with knows nothing of an account. */
static bool
is_asked(const Search *search, const MpEntry *entry)
{
	return strcmp(entry->base_url, search->base_url) == 0;
}

static void
note_known(Search *search, const MpEntry *entry)
{
	const char *position = entry->text;
	MpNotedChange change;
	int			more;

	if (entry->kind == MP_ENTRY_ACCOUNT)
	{
		add_known(search, entry->organization, entry->account);
		return;
	}
	while (mp_journal_next_change(&position, &change, &more))
		add_known(search, entry->organization, change.account);
}

static void
add_known(Search *search, int64 organization, int64 account)
{
	KnownKey	key = {organization, account};
	bool		again;
	Known	   *known = hash_search(search->known, &key, HASH_ENTER, &again);

	if (!again)
		known->exists = false;
}

/* Add an entry to those of its name, or begin a group with it */
static void
add_to_group(Search *search, MpLeft *left)
{
	NameGroup  *group;
	ListCell   *cell;

	foreach(cell, search->groups)
	{
		group = lfirst(cell);
		if (is_like(&left->entry, group->like))
		{
			group->left = lappend(group->left, left);
			return;
		}
	}
	group = palloc0(sizeof(NameGroup));
	group->like = &left->entry;
	group->left = list_make1(left);
	search->groups = lappend(search->groups, group);
}

static bool
is_like(const MpEntry *a, const MpEntry *b)
{
	return a->kind == b->kind && a->organization == b->organization &&
		strcmp(a->text, b->text) == 0 && strcmp(a->base_url, b->base_url) == 0;
}

/* ---- what the API has ---- */

/* Each organization once.  Where nothing was left behind, no request is sent
 * and no user mapping needed. */
static void
ask_all(Search *search)
{
	ListCell   *cell;
	List	   *asked = NIL;

	foreach(cell, search->left)
	{
		const MpEntry *entry = &((MpLeft *) lfirst(cell))->entry;
		bool		again = false;
		ListCell   *before;

		foreach(before, asked)
			again = again || ((MpLeft *) lfirst(before))->entry.organization ==
			entry->organization;
		if (again || !is_asked(search, entry))
			continue;
		asked = lappend(asked, lfirst(cell));
		ask(search, entry->organization);
	}
	list_free(asked);
}

/* List the organization's accounts, to learn which of the noted ones exist */
static void
ask(Search *search, int64 organization)
{
	MpLookup	lookup = {.relation = MP_RELATION_ACCOUNTS};
	const MpRecord *record;
	MpFetch    *fetch;

	if (search->settings == NULL)
		search->settings = mp_option_resolve(InvalidOid, search->server,
											 InvalidOid);
	search->settings->organization_id = organization;
	mp_option_require(search->settings, true);
	fetch = mp_fetch_begin(search->settings, &lookup,
						   MP_FIELD_BIT(MP_FIELD_ID) |
						   MP_FIELD_BIT(MP_FIELD_USERNAME) |
						   MP_FIELD_BIT(MP_FIELD_NAME) |
						   MP_FIELD_BIT(MP_FIELD_CREATED));
	while (mp_fetch_next_wait(fetch, &record))
		take_record(search, record, organization);
	mp_fetch_end(fetch);
}

/* Note that an account is there, or may be one known by its name alone. */
static void
take_record(Search *search, const MpRecord *record, int64 organization)
{
	KnownKey	key = {organization, record->values[MP_FIELD_ID].as.integer};
	Known	   *known = hash_search(search->known, &key, HASH_FIND, NULL);
	ListCell   *cell;

	if (known != NULL)
		known->exists = true;
	foreach(cell, search->groups)
	{
		NameGroup  *group = lfirst(cell);
		Found	   *found;

		if (group->like->organization != organization ||
			!is_of_group(record, group))
			continue;
		found = palloc(sizeof(Found));
		found->id = key.account;
		found->dated = record->values[MP_FIELD_CREATED].present;
		group->found = lappend(group->found, found);
	}
}

/* By its name, and the time of its creation as far as the API tells it. */
static bool
is_of_group(const MpRecord *record, const NameGroup *group)
{
	ListCell   *cell;

	if (!has_name(record, group->like->text))
		return false;
	foreach(cell, group->left)
	{
		if (is_dated(record, &((MpLeft *) lfirst(cell))->entry))
			return true;
	}
	return false;
}

static bool
has_name(const MpRecord *record, const char *text)
{
	return mp_record_is_username(&record->values[MP_FIELD_USERNAME], text) ||
		mp_record_is_text(&record->values[MP_FIELD_NAME], text);
}

static bool
is_dated(const MpRecord *record, const MpEntry *entry)
{
	const MpValue *created = &record->values[MP_FIELD_CREATED];

	return !created->present ||
		(created->as.time >= entry->happened - CLOCK_SKEW &&
		 created->as.time <= entry->until + CLOCK_SKEW);
}

static bool
exists(const Search *search, int64 organization, int64 account)
{
	KnownKey	key = {organization, account};
	const Known *known = hash_search(search->known, &key, HASH_FIND, NULL);

	return known != NULL && known->exists;
}

/* ---- accounts whose id is known ---- */

/*
 * An id is given only of an account that certainly was left behind.  One that
 * the API does not list may be one that it does not list yet.
 */
static void
report_account(Search *search, MpLeft *left)
{
	const MpEntry *entry = &left->entry;
	const char *words = account_words(search, entry);

	if (is_asked(search, entry) &&
		!exists(search, entry->organization, entry->account))
	{
		if (GetCurrentTimestamp() > entry->until)
			search->gone = lappend(search->gone, left);
	}
	else if (entry->state == MP_ENTRY_UNKNOWN)
		add_row(search, entry, 0, psprintf("%s: service account " INT64_FORMAT,
										   words, entry->account));
	else
		add_row(search, entry, entry->account, words);
}

static char *
account_words(const Search *search, const MpEntry *entry)
{
	const char *words = entry->state == MP_ENTRY_KEPT ?
		"it was created by a transaction that was rolled back, and was not seen to be deleted" :
		entry->state == MP_ENTRY_UNKNOWN ?
		"it was created by a transaction that is too old to tell whether it has committed" :
		"it was created by a transaction that was cut off before it had committed";

	if (is_asked(search, entry))
		return pstrdup(words);
	return psprintf("%s; it was not looked for, since it was created at %s in organization " INT64_FORMAT,
					words, mp_error_text(entry->base_url),
					entry->organization);
}

/* ---- a COMMIT ---- */

static void
report_commit(Search *search, MpLeft *left)
{
	const MpEntry *entry = &left->entry;
	TimestampTz now = GetCurrentTimestamp();
	bool		settled = is_settled(search, entry);

	if (now > (settled ? entry->until : entry->happened + COMMIT_MEMORY))
		search->gone = lappend(search->gone, left);
	else if (!settled)
		add_row(search, entry, 0, commit_words(entry));
}

/* Memberships of accounts that are gone are of no interest any more. */
static bool
is_settled(const Search *search, const MpEntry *entry)
{
	const char *position = entry->text;
	MpNotedChange change;
	int			more;

	if (!is_asked(search, entry))
		return false;
	while (mp_journal_next_change(&position, &change, &more))
	{
		if (change.kind == MP_CHANGE_DELETE ||
			exists(search, entry->organization, change.account))
			return false;
	}
	return more == 0;
}

/* What a COMMIT that was cut off may have changed */
static char *
commit_words(const MpEntry *entry)
{
	const char *position = entry->text;
	MpNotedChange change;
	StringInfoData words;
	const char *separator = "";
	int			more;

	initStringInfo(&words);
	appendStringInfoString(&words, "any part of these changes may have been applied: ");
	while (mp_journal_next_change(&position, &change, &more))
	{
		appendStringInfo(&words, "%s%s " INT64_FORMAT, separator,
						 change.kind == MP_CHANGE_DELETE ?
						 "delete service account" :
						 change.kind == MP_CHANGE_ADD ?
						 "add membership of service account" :
						 change.kind == MP_CHANGE_ROLE ?
						 "change role of service account" :
						 "remove membership of service account",
						 change.account);
		if (change.kind != MP_CHANGE_DELETE)
			appendStringInfo(&words, " in project " INT64_FORMAT,
							 change.project);
		if (change.role[0] != '\0')
			appendStringInfo(&words, " as %s", mp_error_text(change.role));
		separator = "; ";
	}
	if (more > 0)
		appendStringInfo(&words, "; and %d more", more);
	return words.data;
}

/* ---- accounts that are known by their names alone ---- */

static void
report_groups(Search *search)
{
	List	   *all = search->groups == NIL ? NIL : mp_journal_read(false);
	ListCell   *cell;

	foreach(cell, search->groups)
	{
		const NameGroup *group = lfirst(cell);
		List	   *matches;
		bool		sure;

		if (is_under_way(group->like, all))
			continue;
		matches = list_matches(group, all, &sure);
		report_group(search, group, matches,
					 sure && list_length(matches) <= list_length(group->left));
	}
}

/*
 * Accounts of that name that no other entry is about.  *sure: the API has said
 * of each when it was created, and the creations certainly did not commit.
 */
static List *
list_matches(const NameGroup *group, List *all, bool *sure)
{
	List	   *matches = NIL;
	ListCell   *cell;

	*sure = true;
	foreach(cell, group->left)
		* sure = *sure &&
		((MpLeft *) lfirst(cell))->entry.state != MP_ENTRY_UNKNOWN;
	foreach(cell, group->found)
	{
		const Found *found = lfirst(cell);

		if (is_known(group->like, found->id, all))
			continue;
		matches = lappend(matches, lfirst(cell));
		*sure = *sure && found->dated;
	}
	return matches;
}

static bool
is_known(const MpEntry *like, int64 id, List *all)
{
	ListCell   *cell;

	foreach(cell, all)
	{
		const MpEntry *entry = &((MpLeft *) lfirst(cell))->entry;

		if (entry->kind == MP_ENTRY_ACCOUNT && entry->account == id &&
			entry->organization == like->organization &&
			strcmp(entry->base_url, like->base_url) == 0)
			return true;
	}
	return false;
}

/* One of that name that is being created would be taken for one that was
 * left: a later call can tell. */
static bool
is_under_way(const MpEntry *like, List *all)
{
	ListCell   *cell;

	foreach(cell, all)
	{
		const MpEntry *entry = &((MpLeft *) lfirst(cell))->entry;

		if (entry->state == MP_ENTRY_OPEN && entry->account == 0 &&
			is_like(entry, like))
			return true;
	}
	return false;
}

/*
 * No more accounts than creations: each is one of them.  An account that does
 * not show is forgotten once it can appear no more.
 */
static void
report_group(Search *search, const NameGroup *group, List *matches, bool sure)
{
	int			count = list_length(matches);

	for (int i = 0; i < list_length(group->left); i++)
	{
		MpLeft	   *left = list_nth(group->left, i);
		const MpEntry *entry = &left->entry;
		StringInfoData words;

		if (i >= count)
		{
			if (GetCurrentTimestamp() > entry->until + CLOCK_SKEW)
				search->gone = lappend(search->gone, left);
			continue;
		}
		initStringInfo(&words);
		appendStringInfo(&words, "%s; the answer to its creation did not come",
						 account_words(search, entry));
		if (sure)
		{
			appendStringInfoString(&words, ", and it was found by its name");
			add_row(search, entry, ((Found *) list_nth(matches, i))->id,
					words.data);
			continue;
		}
		appendStringInfoString(&words, ", and it may be any of those with this name:");
		for (int j = 0; j < count; j++)
			appendStringInfo(&words, " " INT64_FORMAT,
							 ((Found *) list_nth(matches, j))->id);
		add_row(search, entry, 0, words.data);
	}
}

static void
add_row(Search *search, const MpEntry *entry, int64 account,
		const char *reason)
{
	Datum		values[UNFINISHED_COLUMNS] = {0};
	bool		nulls[UNFINISHED_COLUMNS] = {false};
	bool		is_account = entry->kind == MP_ENTRY_ACCOUNT;

	values[0] = CStringGetTextDatum(is_account ? "account" : "commit");
	values[1] = TimestampTzGetDatum(entry->happened);
	if (is_account)
		values[2] = CStringGetTextDatum(mp_error_text(entry->text));
	nulls[2] = !is_account;
	values[3] = Int64GetDatum(account);
	nulls[3] = account == 0;
	values[4] = CStringGetTextDatum(reason);
	tuplestore_putvalues(search->result->setResult, search->result->setDesc,
						 values, nulls);
}
