/*-------------------------------------------------------------------------
 *
 * remote/session.c
 *		This backend's pool of connections: made, waited for, watched.
 *
 * Owns the one MpHttp, the wait on its descriptor together with the latch, and
 * what was learnt of each server.  Must not know tables or transactions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "catalog/compat.h"
#include "remote/quota.h"
#include "remote/session.h"

#define CLIENT_CHECK 1000		/* ms between looks at the client */
#define MAX_ABORT_NAP 1000		/* ms between looks at the clock */

/* A place that this session has dealt with.  All live as long as the backend:
 * a callback of the catalog's caches walks over them. */
typedef struct Place
{
	struct Place *next;
	uint32		server_id;
	uint32		server_hash;	/* as the catalog's cache names the server */
	int64		organization_id;
	char	   *base_url;
	bool		doubtful;		/* the server was altered since */
	MpRoutes	routes;
} Place;

/* A user mapping that this session has made requests with. */
typedef struct Mapping
{
	struct Mapping *next;
	uint32		id;
	uint32		hash;			/* as the catalog's cache names it */
} Mapping;

/* The requests of the statement that runs. */
static struct
{
	TimestampTz statement;		/* when it began, which tells it from others */
	int			requests;
	bool		commit;			/* COMMIT has been let through */
}			counted;

static MpHttp *pool = NULL;
static WaitEventSet *pool_events = NULL;	/* descriptor, latch, death */
static Place *places = NULL;
static Mapping *mappings = NULL;
static bool connections_doubtful = false;
static uint32 wait_event = 0;
static uint32 quota_wait_event = 0;
static TimestampTz client_checked = 0;

static bool take_descriptor(void);
static void note_change(Datum arg, int cache_id, uint32 hash_value);
static void apply_change(void);
static Place *find_place(const MpSettings *settings);
static void note_mapping(uint32 id);
static void wait_for_call(MpCall *call, long timeout);
static void write_reports(void);
static uint32 wait_for_pool(long timeout);
static uint32 pool_wait_event(void);
static bool is_allowed(int count);
static void begin_counting(void);

void
mp_session_init(void)
{
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, note_change, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, note_change, (Datum) 0);
}

/*
 * As postgres_fdw does it for each connection, but one is always left: Append
 * makes a set of events whenever it waits for asynchronous scans, and fails
 * without a descriptor for it.  Throws nothing.
 */
static bool
take_descriptor(void)
{
	bool		is_left;

	if (!AcquireExternalFD())
		return false;
	is_left = AcquireExternalFD();
	ReleaseExternalFD();
	return is_left;
}

MpHttp *
mp_session_http(void)
{
	apply_change();
	if (pool == NULL)
	{
		const MpBudgetKeeper *keeper = mp_quota_keeper();

		mp_http_count_descriptors(take_descriptor, ReleaseExternalFD);
		pool = mp_http_create();
		if (pool == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("could not set up connections to Mixpanel: %m")));
		mp_http_set_keeper(pool, keeper);
	}
	mp_http_keep_reports(pool, mp_log_requests);
	return pool;
}

MpHttp *
mp_session_http_if_any(void)
{
	return pool;
}

void
mp_session_expect(int count)
{
	if (!is_allowed(count))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("statement would send more than %d requests to Mixpanel",
						mp_max_requests),
				 errdetail("Requests sent so far: %d.", counted.requests),
				 errhint("Check the statement's condition, or set mixpanel_sa_fdw.max_requests higher.")));
}

void
mp_session_expect_commit(int count)
{
	begin_counting();
	counted.requests = 0;
	counted.commit = false;
	if (mp_max_requests >= 0 && count > mp_max_requests)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("COMMIT would send %d requests to Mixpanel, and no more than %d are allowed",
						count, mp_max_requests),
				 errdetail("Nothing has been sent."),
				 errhint("Set mixpanel_sa_fdw.max_requests higher.")));
	counted.commit = true;
}

static bool
is_allowed(int count)
{
	begin_counting();
	return mp_max_requests < 0 || counted.commit ||
		count <= mp_max_requests - counted.requests;
}

/* A statement is what the client sends at once. */
static void
begin_counting(void)
{
	TimestampTz statement = GetCurrentStatementStartTimestamp();

	if (counted.statement == statement)
		return;
	counted.statement = statement;
	counted.requests = 0;
	counted.commit = false;
}

/* What one call too many asks for is not sent before the next wait. */
MpCall *
mp_session_started(MpCall *call)
{
	if (call != NULL && !is_allowed(1))
		mp_call_free(call);
	mp_session_expect(1);
	counted.requests++;
	if (call == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("A request to Mixpanel could not be made.")));
	return call;
}

void
mp_session_wait(MpCall *call)
{
	wait_for_call(call, -1);
}

void
mp_session_wait_for_client(MpCall *call)
{
	wait_for_call(call, CLIENT_CHECK);
	if (GetCurrentTimestamp() >=
		TimestampTzPlusMilliseconds(client_checked, CLIENT_CHECK))
		mp_session_check_client();
}

/* As the server does it where client_connection_check_interval is set. */
void
mp_session_check_client(void)
{
	client_checked = GetCurrentTimestamp();
	if (MyProcPort == NULL || whereToSendOutput != DestRemote ||
		!WaitEventSetCanReportClosed())
		return;
	if (!pq_check_connection())
	{
		ClientConnectionLost = true;
		InterruptPending = true;
	}
	CHECK_FOR_INTERRUPTS();
}

/*
 * Wait until something happens to a request, at most timeout ms (-1: without
 * limit), and let the pool act on it.
 */
static void
wait_for_call(MpCall *call, long timeout)
{
	instr_time	start;
	instr_time	end;
	uint32		events;

	INSTR_TIME_SET_CURRENT(start);
	events = wait_for_pool(timeout);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	if (call != NULL)
		mp_http_add_wait(mp_call_request(call),
						 INSTR_TIME_GET_MILLISEC(end));
	if ((events & WL_LATCH_SET) != 0)
	{
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	mp_session_run();
}

void
mp_session_nap(TimestampTz until)
{
	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();
		long		left = TimestampDifferenceMilliseconds(now, until);

		if (left <= 0)
			return;
		if ((wait_for_pool(left) & WL_LATCH_SET) != 0)
		{
			ResetLatch(MyLatch);
			CHECK_FOR_INTERRUPTS();
		}
		mp_session_run();
	}
}

/*
 * In an abort interrupts are held, so a set latch is only put down again.
 */
bool
mp_session_wait_until(TimestampTz deadline)
{
	long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
													   deadline);
	uint32		events;

	if (left <= 0)
		return false;
	events = wait_for_pool(Min(left, MAX_ABORT_NAP));
	if ((events & WL_LATCH_SET) != 0)
		ResetLatch(MyLatch);
	mp_session_run();
	return true;
}

int
mp_session_descriptor(void)
{
	return mp_http_descriptor(mp_session_http());
}

void
mp_session_run(void)
{
	mp_http_run(pool);
	if (mp_log_requests)
		write_reports();
}

void
mp_session_make_readable(void)
{
	mp_http_wake(pool);
}

MpRoutes *
mp_session_routes(const MpSettings *settings)
{
	apply_change();
	note_mapping(settings->mapping_id);
	return &find_place(settings)->routes;
}

/*
 * Called while the catalogs are being read: only note it.  hash_value 0: all
 * of them may have changed.
 */
static void
note_change(Datum arg pg_attribute_unused(), int cache_id, uint32 hash_value)
{
	if (cache_id == FOREIGNSERVEROID)
		for (Place *place = places; place != NULL; place = place->next)
		{
			if (hash_value != 0 && hash_value != place->server_hash)
				continue;
			place->doubtful = true;
			connections_doubtful = true;
		}
	else
		for (Mapping *mapping = mappings; mapping != NULL;
			 mapping = mapping->next)
			if (hash_value == 0 || hash_value == mapping->hash)
				connections_doubtful = true;
}

/*
 * A server or a user mapping that this session uses has changed: connections
 * may lead to the wrong host, and what was learnt of the server's routes may
 * be wrong.
 */
static void
apply_change(void)
{
	if (!connections_doubtful)
		return;
	connections_doubtful = false;
	if (pool != NULL)
		mp_http_close_idle(pool);
	for (Place *place = places; place != NULL; place = place->next)
	{
		if (place->doubtful)
			mp_routes_forget(&place->routes);
		/* it may be the mapping that has changed */
		mp_routes_forget_refusal(&place->routes);
		place->doubtful = false;
	}
}

/* Made if need be. */
static Place *
find_place(const MpSettings *settings)
{
	Place	   *place = places;

	while (place != NULL &&
		   (place->server_id != settings->server_id ||
			place->organization_id != settings->organization_id ||
			strcmp(place->base_url, settings->base_url) != 0))
		place = place->next;
	if (place != NULL)
		return place;
	place = MemoryContextAllocZero(TopMemoryContext, sizeof(Place));
	place->base_url = MemoryContextStrdup(TopMemoryContext,
										  settings->base_url);
	place->server_id = settings->server_id;
	place->server_hash =
		GetSysCacheHashValue1(FOREIGNSERVEROID,
							  ObjectIdGetDatum(settings->server_id));
	place->organization_id = settings->organization_id;
	place->next = places;
	places = place;
	return place;
}

static void
note_mapping(uint32 id)
{
	Mapping    *mapping = mappings;

	while (mapping != NULL && mapping->id != id)
		mapping = mapping->next;
	if (mapping != NULL || !OidIsValid(id))
		return;
	mapping = MemoryContextAllocZero(TopMemoryContext, sizeof(Mapping));
	mapping->id = id;
	mapping->hash = GetSysCacheHashValue1(USERMAPPINGOID,
										  ObjectIdGetDatum(id));
	mapping->next = mappings;
	mappings = mapping;
}

/* Paths hold ids only; headers and bodies are never logged. */
static void
write_reports(void)
{
	MpReport	report;

	while (mp_http_next_report(pool, &report))
		ereport(LOG,
				(errmsg("mixpanel_sa_fdw: %s %s, server \"%s\", status %d, attempt %d, %.1f ms, " INT64_FORMAT " bytes",
						mp_http_method_name(report.method), report.path,
						report.server_name, report.status, report.attempt,
						report.elapsed_ms, report.bytes_received),
				 errhidestmt(true), errhidecontext(true)));
}

/*
 * As WaitLatchOrSocket(), whose set of events is made and unmade in each call:
 * with a quick server that takes as long as the wait.
 */
static uint32
wait_for_pool(long timeout)
{
	WaitEvent	event;
	int			descriptor = mp_http_descriptor(pool);

	Assert(!mp_quota_is_locked());

	if (pool_events == NULL)
	{
		WaitEventSet *set = MP_NEW_WAIT_SET(3);

		AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
		/* a backend by itself (postgres --single) has no postmaster */
		if (IsUnderPostmaster)
			AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET,
							  NULL, NULL);
		AddWaitEventToSet(set, WL_SOCKET_READABLE, descriptor, NULL, NULL);
		pool_events = set;
	}
	if (WaitEventSetWait(pool_events, timeout, &event, 1,
						 pool_wait_event()) == 0)
		return 0;
	return event.events;
}

/* What is waited for: an answer, or nothing but the quota. */
static uint32
pool_wait_event(void)
{
	if (wait_event == 0)
	{
		wait_event = MP_NEW_WAIT_EVENT("MixpanelRequest");
		quota_wait_event = MP_NEW_WAIT_EVENT("MixpanelQuota");
	}
	return mp_http_is_held(pool) ? quota_wait_event : wait_event;
}
