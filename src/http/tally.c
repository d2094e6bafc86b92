/*-------------------------------------------------------------------------
 *
 * http/tally.c
 *		Counters of requests and servers, and the reports for a log.
 *
 * Every count goes to the request and to its server at once.  Must not know
 * why something is counted.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "base/mask.h"
#include "http/http_state.h"

static void drop_reports(MpHttp *http);
static const char *path_of(const MpRequest *request);
static void free_record(MpHttpRecord *record);

void
mp_http_tally_free(MpHttp *http)
{
	drop_reports(http);
	free_record(&http->taken);
}

void
mp_http_tally_sent(MpRequest *request)
{
	request->tally.requests++;
	request->server->tally.requests++;
}

void
mp_http_tally_retry(MpRequest *request)
{
	request->tally.retries++;
	request->server->tally.retries++;
}

void
mp_http_tally_failure(MpRequest *request)
{
	request->tally.failures++;
	request->server->tally.failures++;
}

void
mp_http_tally_traffic(MpRequest *request, int64_t bytes, int64_t connections)
{
	request->tally.bytes_received += bytes;
	request->tally.connections += connections;
	request->server->tally.bytes_received += bytes;
	request->server->tally.connections += connections;
}

void
mp_http_add_tally(MpTally *sum, const MpTally *tally)
{
	sum->requests += tally->requests;
	sum->retries += tally->retries;
	sum->failures += tally->failures;
	sum->connections += tally->connections;
	sum->bytes_received += tally->bytes_received;
	sum->wait_ms += tally->wait_ms;
	sum->quota_ms += tally->quota_ms;
}

void
mp_http_add_wait(MpRequest *request, double ms)
{
	request->tally.wait_ms += ms;
	request->server->tally.wait_ms += ms;
	if (request->settings->place->waiting > 0)
		request->tally.quota_ms += ms;
}

const MpTally *
mp_http_tally(const MpRequest *request)
{
	return &request->tally;
}

const MpTally *
mp_http_server_tally(const MpHttp *http, int i, const char **name)
{
	const MpHttpServer *server = http->servers;

	for (; server != NULL && i > 0; i--)
		server = server->next;
	if (server == NULL)
		return NULL;
	*name = server->name;
	return &server->tally;
}

void
mp_http_reset_tallies(MpHttp *http)
{
	static const MpTally zero;
	MpHttpServer *server;

	for (server = http->servers; server != NULL; server = server->next)
		server->tally = zero;
}

/* ---- reports ---- */

void
mp_http_keep_reports(MpHttp *http, bool keep)
{
	http->keep_reports = keep;
	if (!keep)
		drop_reports(http);
}

static void
drop_reports(MpHttp *http)
{
	while (http->report_count > 0)
	{
		free_record(&http->reports[http->first_report]);
		http->first_report = (http->first_report + 1) % MP_HTTP_REPORTS;
		http->report_count--;
	}
	free(http->reports);
	http->reports = NULL;
	http->first_report = 0;
}

/* Both strings go to one block.  A report for which there is no memory is
 * left out. */
void
mp_http_tally_report(MpRequest *request)
{
	MpHttp	   *http = request->http;
	size_t		name_size = strlen(request->server->name) + 1;
	size_t		path_size = strlen(path_of(request)) + 1;
	MpHttpRecord *record;
	char	   *strings;

	if (!http->keep_reports)
		return;
	if (http->reports == NULL)
		http->reports = calloc(MP_HTTP_REPORTS, sizeof(MpHttpRecord));
	strings = malloc(name_size + path_size);
	if (http->reports == NULL || strings == NULL)
	{
		free(strings);
		return;
	}
	memcpy(strings, request->server->name, name_size);
	memcpy(strings + name_size, path_of(request), path_size);
	/* a redirect may lead to a path that repeats the credentials */
	if (request->hops > 0 && request->settings->login != NULL)
		mp_mask_login(strings + name_size, request->settings->login);

	assert(http->report_count <= MP_HTTP_REPORTS);
	if (http->report_count == MP_HTTP_REPORTS)
	{
		free_record(&http->reports[http->first_report]);
		http->first_report = (http->first_report + 1) % MP_HTTP_REPORTS;
		http->report_count--;
	}
	record = &http->reports[(http->first_report + http->report_count) %
							MP_HTTP_REPORTS];
	http->report_count++;
	record->strings = strings;
	record->report.server_name = strings;
	record->report.path = strings + name_size;
	record->report.method = request->method;
	record->report.status = request->transfer.status;
	record->report.attempt = request->answer.attempts;
	record->report.elapsed_ms = (double)
		(mp_http_microseconds() - request->transfer.began) / 1000.0;
	record->report.bytes_received = request->transfer.counted_bytes;
}

/* As asked: without base_url, where the address begins with it. */
static const char *
path_of(const MpRequest *request)
{
	const char *url = mp_http_url(request);
	size_t		length = strlen(request->settings->base_url);

	if (strncmp(url, request->settings->base_url, length) == 0)
		return url + length;
	return url + mp_http_redirect_origin(url);
}

bool
mp_http_next_report(MpHttp *http, MpReport *report)
{
	static const MpHttpRecord none;
	MpHttpRecord *record;

	free_record(&http->taken);
	if (http->report_count == 0)
		return false;
	record = &http->reports[http->first_report];
	http->taken = *record;
	*record = none;
	http->first_report = (http->first_report + 1) % MP_HTTP_REPORTS;
	http->report_count--;
	*report = http->taken.report;
	return true;
}

static void
free_record(MpHttpRecord *record)
{
	static const MpHttpRecord none;

	free(record->strings);
	*record = none;
}
