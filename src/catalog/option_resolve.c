/*-------------------------------------------------------------------------
 *
 * catalog/option_resolve.c
 *		What stored options mean when they are used.
 *
 * Values were checked when they were set; they are taken at their word here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands/defrem.h"
#include "lib/qunique.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "catalog/option.h"
#include "catalog/option_value.h"

#define DEFAULT_CONNECT_TIMEOUT 10000	/* ms */
#define DEFAULT_REQUEST_TIMEOUT 150000
#define DEFAULT_MAX_RETRIES 3
#define DEFAULT_MAX_RETRY_WAIT 30000
#define DEFAULT_MAX_CONCURRENCY 8
#define SECRET_LINE 4096		/* longest first line of secret_file, bytes */

static void require_mapping(const MpSettings *settings);
static MpSettings *make_settings(void);
static void wipe_settings(void *arg);
static void wipe(const char *text);
static void wipe_secret_option(List *options);
static void apply_options(MpSettings *settings, List *options);
static void apply_option(MpSettings *settings, const char *name,
						 const char *value);
static void apply_limit(MpSettings *settings, const char *name,
						const char *value);
static void apply_ids(MpSettings *settings, const char *value);
static int	compare_ids(const void *a, const void *b);
static const char *region_url(const char *region);
static char *without_slash(const char *url);
static char *to_api(const char *text);
static char *read_secret(const char *path);
static int	errcode_for_secret_file(void);
static void check_secret_file(int fd, const char *path);
static bool same_text(const char *one, const char *other);
static bool same_projects(const MpSettings *one, const MpSettings *other);
static const char *find_text(Oid table, const char *name);

MpSettings *
mp_option_resolve(Oid table, Oid server, Oid user)
{
	MpSettings *settings = mp_option_resolve_public(table, server);
	UserMapping *mapping;

	settings->user_id = OidIsValid(user) ? user : GetUserId();
	require_mapping(settings);
	mapping = GetUserMapping(settings->user_id, settings->server_id);
	settings->mapping_id = mapping->umid;
	apply_options(settings, mapping->options);
	wipe_secret_option(mapping->options);
	return settings;
}

MpSettings *
mp_option_resolve_public(Oid table, Oid server)
{
	MpSettings *settings = make_settings();
	ForeignTable *ftable = OidIsValid(table) ? GetForeignTable(table) : NULL;
	ForeignServer *fserver = GetForeignServer(ftable != NULL ?
											  ftable->serverid : server);

	settings->server_id = fserver->serverid;
	settings->server_name = pstrdup(fserver->servername);
	settings->base_url = region_url("us");
	apply_options(settings, fserver->options);
	if (ftable != NULL)
		apply_options(settings, ftable->options);
	return settings;
}

/* GetUserMapping() would say it without a hint. */
static void
require_mapping(const MpSettings *settings)
{
	const char *user = GetUserNameFromId(settings->user_id, false);

	if (SearchSysCacheExists2(USERMAPPINGUSERSERVER,
							  ObjectIdGetDatum(settings->user_id),
							  ObjectIdGetDatum(settings->server_id)) ||
		SearchSysCacheExists2(USERMAPPINGUSERSERVER,
							  ObjectIdGetDatum(InvalidOid),
							  ObjectIdGetDatum(settings->server_id)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("user mapping not found for user \"%s\", server \"%s\"",
					user, settings->server_name),
			 errhint("Create one: CREATE USER MAPPING FOR %s SERVER %s OPTIONS (username '...', secret '...').",
					 quote_identifier(user),
					 quote_identifier(settings->server_name))));
}

void
mp_option_require(const MpSettings *settings, bool organization)
{
	if (organization && settings->organization_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("option \"%s\" is not set for server \"%s\"",
						"organization_id", settings->server_name),
				 errhint("Use ALTER SERVER or ALTER FOREIGN TABLE to set it; Mixpanel shows it under Organization Settings.")));
	if (settings->username == NULL || settings->secret == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("option \"%s\" is not set in the user mapping of \"%s\" for server \"%s\"",
						settings->username == NULL ? "username" : "secret",
						GetUserNameFromId(settings->user_id, true),
						settings->server_name),
				 errhint("Use ALTER USER MAPPING to set it to the username or the secret of a Mixpanel service account.")));
}

MpSettings *
mp_option_copy(const MpSettings *settings)
{
	MpSettings *copy = make_settings();

	*copy = *settings;
	copy->server_name = pstrdup(settings->server_name);
	copy->base_url = pstrdup(settings->base_url);
	copy->project_ids = NULL;
	if (settings->project_count > 0)
	{
		Size		size = settings->project_count * sizeof(int64_t);

		copy->project_ids = memcpy(palloc(size), settings->project_ids, size);
	}
	if (settings->ca_file != NULL)
		copy->ca_file = pstrdup(settings->ca_file);
	if (settings->proxy != NULL)
		copy->proxy = pstrdup(settings->proxy);
	if (settings->username != NULL)
		copy->username = pstrdup(settings->username);
	if (settings->secret != NULL)
		copy->secret = pstrdup(settings->secret);
	return copy;
}

bool
mp_option_same_place(const MpSettings *one, const MpSettings *other)
{
	return one->server_id == other->server_id &&
		one->organization_id == other->organization_id &&
		strcmp(one->base_url, other->base_url) == 0;
}

/*
 * The server's name is for messages; it may have changed.  What is no pointer
 * is compared at once, so that no field is forgotten: one that is, or padding
 * that differs, makes two settings different, which costs a copy only.
 */
bool
mp_option_same(const MpSettings *one, const MpSettings *other)
{
	MpSettings	values[2];

	memcpy(&values[0], one, sizeof(MpSettings));
	memcpy(&values[1], other, sizeof(MpSettings));
	for (int i = 0; i < 2; i++)
	{
		values[i].server_name = values[i].base_url = NULL;
		values[i].ca_file = values[i].proxy = NULL;
		values[i].username = values[i].secret = NULL;
		values[i].project_ids = NULL;
	}
	return memcmp(&values[0], &values[1], sizeof(MpSettings)) == 0 &&
		mp_option_same_place(one, other) &&
		same_projects(one, other) &&
		same_text(one->ca_file, other->ca_file) &&
		same_text(one->proxy, other->proxy) &&
		same_text(one->username, other->username) &&
		same_text(one->secret, other->secret);
}

/* NULL is the same as NULL only. */
static bool
same_text(const char *one, const char *other)
{
	if (one == NULL || other == NULL)
		return one == other;
	return strcmp(one, other) == 0;
}

static bool
same_projects(const MpSettings *one, const MpSettings *other)
{
	if (one->project_count != other->project_count)
		return false;
	for (size_t i = 0; i < one->project_count; i++)
		if (one->project_ids[i] != other->project_ids[i])
			return false;
	return true;
}

bool
mp_option_bool(Oid table, const char *name, bool fallback)
{
	const char *text = find_text(table, name);
	bool		value;

	return text != NULL && parse_bool(text, &value) ? value : fallback;
}

double
mp_option_number(Oid table, const char *name, double fallback)
{
	const char *text = find_text(table, name);

	return text != NULL ? strtod(text, NULL) : fallback;
}

/* The table's word counts, then the server's; NULL if neither says. */
static const char *
find_text(Oid table, const char *name)
{
	ForeignTable *ftable = GetForeignTable(table);
	List	   *lists[2];

	lists[0] = ftable->options;
	lists[1] = GetForeignServer(ftable->serverid)->options;
	for (int i = 0; i < 2; i++)
	{
		ListCell   *cell;

		foreach(cell, lists[i])
		{
			DefElem    *def = lfirst_node(DefElem, cell);

			if (strcmp(def->defname, name) == 0)
				return defGetString(def);
		}
	}
	return NULL;
}

static MpSettings *
make_settings(void)
{
	MpSettings *settings = palloc0(sizeof(MpSettings));
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));

	settings->connect_timeout = DEFAULT_CONNECT_TIMEOUT;
	settings->request_timeout = DEFAULT_REQUEST_TIMEOUT;
	settings->max_retries = DEFAULT_MAX_RETRIES;
	settings->max_retry_wait = DEFAULT_MAX_RETRY_WAIT;
	settings->max_concurrency = DEFAULT_MAX_CONCURRENCY;
	settings->membership_verify = true;
	callback->func = wipe_settings;
	callback->arg = settings;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return settings;
}

static void
wipe_settings(void *arg)
{
	MpSettings *settings = arg;

	wipe(settings->secret);
	settings->secret = NULL;
}

static void
wipe(const char *text)
{
	/* by way of an integer: the text is ours, though settings are const */
	if (text != NULL)
		explicit_bzero((void *) (uintptr_t) text, strlen(text));
}

/* The catalog's copy that GetUserMapping() made for us. */
static void
wipe_secret_option(List *options)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *def = lfirst_node(DefElem, cell);

		if (strcmp(def->defname, "secret") == 0)
			wipe(defGetString(def));
	}
}

static void
apply_options(MpSettings *settings, List *options)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *def = lfirst_node(DefElem, cell);

		apply_option(settings, def->defname, defGetString(def));
	}
}

static void
apply_option(MpSettings *settings, const char *name, const char *value)
{
	if (strcmp(name, "organization_id") == 0)
		mp_value_parse_id(value, &settings->organization_id);
	else if (strcmp(name, "region") == 0)
		settings->base_url = region_url(value);
	else if (strcmp(name, "base_url") == 0)
		settings->base_url = without_slash(value);
	else if (strcmp(name, "membership_read") == 0)
		settings->membership_read =
			value[0] == 'p' ? MP_MEMBERSHIP_READ_PROJECT :
			strcmp(value, "account") == 0 ? MP_MEMBERSHIP_READ_ACCOUNT :
			MP_MEMBERSHIP_READ_AUTO;
	else if (strcmp(name, "membership_write") == 0)
		settings->membership_write =
			value[0] == 'b' ? MP_MEMBERSHIP_WRITE_BULK :
			value[0] == 's' ? MP_MEMBERSHIP_WRITE_SINGLE :
			MP_MEMBERSHIP_WRITE_AUTO;
	else if (strcmp(name, "membership_verify") == 0)
		(void) parse_bool(value, &settings->membership_verify);
	else if (strcmp(name, "project_ids") == 0)
		apply_ids(settings, value);
	else if (strcmp(name, "ca_file") == 0)
		settings->ca_file = pstrdup(value);
	else if (strcmp(name, "proxy") == 0)
		settings->proxy = pstrdup(value);
	else if (strcmp(name, "username") == 0)
		settings->username = to_api(value);
	else if (strcmp(name, "secret") == 0)
		settings->secret = to_api(value);
	else if (strcmp(name, "secret_file") == 0)
		settings->secret = read_secret(value);
	else
		apply_limit(settings, name, value);
}

static void
apply_limit(MpSettings *settings, const char *name, const char *value)
{
	if (strcmp(name, "connect_timeout") == 0)
		mp_value_parse_duration(value, &settings->connect_timeout);
	else if (strcmp(name, "request_timeout") == 0)
		mp_value_parse_duration(value, &settings->request_timeout);
	else if (strcmp(name, "max_retries") == 0)
		mp_value_parse_int(value, 0, 10, &settings->max_retries);
	else if (strcmp(name, "max_retry_wait") == 0)
		mp_value_parse_duration(value, &settings->max_retry_wait);
	else if (strcmp(name, "max_concurrency") == 0)
		mp_value_parse_int(value, 1, 64, &settings->max_concurrency);
}

/* An id that is listed twice is one id: each project is read once. */
static void
apply_ids(MpSettings *settings, const char *value)
{
	int			count = mp_value_parse_ids(value, NULL, 0);
	int64_t    *ids;

	if (count <= 0)
		return;
	ids = palloc((Size) count * sizeof(int64_t));
	count = mp_value_parse_ids(value, ids, count);
	qsort(ids, (size_t) count, sizeof(int64_t), compare_ids);
	settings->project_count =
		qunique(ids, (size_t) count, sizeof(int64_t), compare_ids);
	settings->project_ids = ids;
}

static int
compare_ids(const void *a, const void *b)
{
	int64_t		one = *(const int64_t *) a;
	int64_t		other = *(const int64_t *) b;

	return (one > other) - (one < other);
}

/* Mixpanel's data residencies. */
static const char *
region_url(const char *region)
{
	if (strcmp(region, "eu") == 0)
		return "https://eu.mixpanel.com/api/app";
	if (strcmp(region, "in") == 0)
		return "https://in.mixpanel.com/api/app";
	return "https://mixpanel.com/api/app";
}

static char *
without_slash(const char *url)
{
	char	   *copy = pstrdup(url);
	size_t		length = strlen(copy);

	while (length > 0 && copy[length - 1] == '/')
		copy[--length] = '\0';
	return copy;
}

/* A copy in UTF-8, which is what the API takes. */
static char *
to_api(const char *text)
{
	char	   *copy = pstrdup(text);
	char	   *converted;

	converted = pg_server_to_any(copy, (int) strlen(copy), PG_UTF8);
	if (converted != copy)
		wipe(copy);
	return converted;
}

/*
 * The first line of secret_file.  A FIFO must not block the backend, and a
 * file that everybody may read is no place for a secret.
 */
static char *
read_secret(const char *path)
{
	char		line[SECRET_LINE + 1];
	char	   *secret = NULL;
	ssize_t		length;
	int			fd = OpenTransientFile(path,
									   O_RDONLY | O_NONBLOCK | PG_BINARY);

	if (fd < 0)
		ereport(ERROR,
				(errcode_for_secret_file(),
				 errmsg("could not open secret_file \"%s\": %m", path)));
	check_secret_file(fd, path);
	length = read(fd, line, SECRET_LINE);
	if (length < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read secret_file \"%s\": %m", path)));
	CloseTransientFile(fd);
	line[length] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	if (line[0] != '\0' && strlen(line) < SECRET_LINE)
		secret = pstrdup(line);
	explicit_bzero(line, sizeof(line));
	if (secret == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("secret_file \"%s\" holds no secret", path),
				 errdetail("Its first line is empty or longer than %d bytes.",
						   SECRET_LINE - 1)));
	return secret;
}

/* A socket and links in a circle, which are internal errors to the server. */
static int
errcode_for_secret_file(void)
{
	if (errno == ENXIO || errno == ELOOP)
		return errcode(ERRCODE_WRONG_OBJECT_TYPE);
	return errcode_for_file_access();
}

static void
check_secret_file(int fd, const char *path)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat secret_file \"%s\": %m", path)));
	if (!S_ISREG(status.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("secret_file \"%s\" is not a regular file", path)));
	if ((status.st_mode & S_IRWXO) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("secret_file \"%s\" can be read by everybody", path),
				 errhint("Make it readable by the database server alone, as with chmod 600.")));
}
