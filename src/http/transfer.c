/*-------------------------------------------------------------------------
 *
 * http/transfer.c
 *		One HTTP request on one libcurl handle.
 *
 * Owns the easy handle with its options and callbacks.  A callback only copies
 * bytes and notes failures; what follows is decided once libcurl has returned.
 * Must not know of windows, retries or redirects.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http_state.h"

/* Read of the body of an answer other than 2xx: enough for its message. */
#define ERROR_BODY_LIMIT	(64 * 1024)

#define CONNECT_GRACE	100		/* ms, so that libcurl tells the reason */

static MpHttpLane *choose_lane(const MpRequest *request);
static bool is_multiplexed(const MpRequest *request);
static bool set_options(MpRequest *request);
static bool set_address(MpRequest *request, CURL *easy);
static bool set_method(const MpRequest *request, CURL *easy);
static bool set_callbacks(MpRequest *request, CURL *easy);
static void set_connection(const MpRequest *request, CURL *easy);
static int	on_resolve(void *resolver, void *reserved, void *context);
static curl_socket_t on_open(void *context, curlsocktype purpose,
							 struct curl_sockaddr *address);
static bool put_aside(MpHttpTransfer *transfer, int count);
static int	on_ready(void *context, char *remote, char *local,
					 int remote_port, int local_port);
static void begin_anew(MpRequest *request);
static size_t on_header(char *bytes, size_t size, size_t count,
						void *context);
static size_t on_body(char *bytes, size_t size, size_t count, void *context);
static bool keep_body(MpRequest *request, const char *bytes, size_t length);
static bool must_pause(const MpRequest *request, size_t length);
static void read_headers(MpRequest *request);
static void drop(MpRequest *request);
static void clean_up(MpHttpTransfer *transfer);

void
mp_http_transfer_init(MpRequest *request)
{
	request->answer.retry_after = -1;
	mp_pages_begin(&request->answer.pages);
}

void
mp_http_transfer_refuse(MpRequest *request, int status, int64_t retry_after)
{
	assert(request->transfer.easy == NULL);
	request->answer.status = status;
	request->answer.retry_after = retry_after;
	request->answer.maybe_sent = false;
}

bool
mp_http_transfer_begin(MpRequest *request)
{
	static const MpHttpTransfer fresh;
	MpHttpTransfer *transfer = &request->transfer;

	assert(request->state == MP_HTTP_ON_WIRE);
	assert(transfer->easy == NULL);
	request->answer.status = 0;
	request->answer.maybe_sent = false;
	request->answer.retry_after = -1;
	*transfer = fresh;
	transfer->fault = MP_OUTCOME_OK;
	transfer->began = mp_http_microseconds();
	transfer->lane = choose_lane(request);
	transfer->easy = curl_easy_init();
	if (transfer->easy == NULL)
	{
		transfer->lacked = !mp_http_descriptor_is_left(request->http);
		return false;
	}
	if (set_options(request) && mp_http_lane_add(transfer->lane, request))
		return true;
	transfer->lacked = transfer->lacked ||
		!mp_http_descriptor_is_left(request->http);
	clean_up(transfer);
	return false;
}

MpOutcome
mp_http_transfer_end(MpRequest *request, CURLcode code)
{
	MpHttpTransfer *transfer = &request->transfer;
	MpOutcome	outcome;

	assert(transfer->easy != NULL);
	if (code != CURLE_OK && !mp_http_descriptor_is_left(request->http))
		transfer->lacked = true;
	outcome = mp_http_outcome(transfer, code);
	request->answer.status = transfer->status;
	request->answer.maybe_sent = transfer->sent;
	request->hopeless = mp_http_outcome_is_hopeless(code);
	read_headers(request);
	mp_http_explain(request,
					mp_http_outcome_words(transfer, outcome, code));
	mp_http_transfer_account(request);
	mp_http_tally_report(request);
	drop(request);
	return outcome;
}

void
mp_http_transfer_cancel(MpRequest *request)
{
	if (request->transfer.easy == NULL)
		return;
	mp_http_transfer_account(request);
	if (request->transfer.sent)
		mp_http_tally_report(request);
	drop(request);
}

void
mp_http_transfer_discard(MpRequest *request)
{
	MpHttpTransfer *transfer = &request->transfer;

	if (mp_http_is_success(transfer->status) && transfer->body_bytes > 0)
		request->restarts++;
	mp_buffer_free(&request->unread);
}

/*
 * A paused transfer is resumed by the next run, not here: libcurl would
 * deliver bytes, and call others of its callbacks, within this call.
 */
void
mp_http_transfer_consume(MpRequest *request, size_t length)
{
	MpHttpTransfer *transfer = &request->transfer;

	mp_buffer_consume(&request->unread, length);
	if (!transfer->paused ||
		mp_buffer_unread(&request->unread) >= MP_HTTP_BACKLOG / 2)
		return;
	transfer->resume = true;
	mp_http_wake(request->http);
}

void
mp_http_transfer_unbound(MpRequest *request)
{
	request->boundless = true;
	request->transfer.resume = true;
}

void
mp_http_transfer_resume(MpRequest *request)
{
	MpHttpTransfer *transfer = &request->transfer;

	assert(request->state == MP_HTTP_ON_WIRE);
	assert(transfer->easy != NULL);
	transfer->paused = false;
	transfer->resume = false;
	/* While it was paused, no byte could come. */
	transfer->last_byte = mp_http_now();
	(void) curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
}

void
mp_http_transfer_account(MpRequest *request)
{
	MpHttpTransfer *transfer = &request->transfer;
	curl_off_t	body = 0;
	long		headers = 0;
	long		connections = 0;
	int64_t		bytes;

	assert(transfer->easy != NULL);
	curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &body);
	curl_easy_getinfo(transfer->easy, CURLINFO_HEADER_SIZE, &headers);
	curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &connections);

	/* Where libcurl begins anew by itself, its counts do too. */
	bytes = (int64_t) body + headers;
	if (bytes < transfer->counted_bytes)
		transfer->counted_bytes = 0;
	/* Compressed bytes may come for long before a callback sees any. */
	if (bytes > transfer->counted_bytes)
		transfer->last_byte = mp_http_now();
	if (connections < transfer->counted_connections)
		transfer->counted_connections = 0;
	mp_http_tally_traffic(request, bytes - transfer->counted_bytes,
						  connections - transfer->counted_connections);
	transfer->counted_bytes = bytes;
	transfer->counted_connections = connections;
}

void
mp_http_transfer_time_out(MpRequest *request)
{
	MpHttpTransfer *transfer = &request->transfer;

	if (transfer->sent)
		snprintf(transfer->error, sizeof(transfer->error),
				 "no byte was received for %d ms", request->settings->request_timeout);
	else
		snprintf(transfer->error, sizeof(transfer->error),
				 "no connection within %d ms", request->settings->connect_timeout);
}

/*
 * libcurl shows a header line only when it is complete.  On a connection that
 * carries many requests there is no telling whose bytes came.
 */
void
mp_http_transfer_note_readable(MpRequest *request, int fd)
{
	MpHttpTransfer *transfer = &request->transfer;

	if (transfer->sent && transfer->status == 0 && request->socket == fd &&
		!is_multiplexed(request))
		transfer->last_byte = mp_http_now();
}

/*
 * libcurl watches connect_timeout, but not for a request that waits to see
 * whether another one's connection will carry it.  Once it is sent, a byte has
 * to come now and then; while it is paused, nobody waits for one.
 */
int64_t
mp_http_transfer_deadline(const MpRequest *request)
{
	const MpHttpTransfer *transfer = &request->transfer;

	assert(request->state == MP_HTTP_ON_WIRE);
	if (transfer->paused)
		return MP_HTTP_NEVER;
	if (!transfer->sent)
		return transfer->began / 1000 + request->settings->connect_timeout +
			CONNECT_GRACE;
	return transfer->last_byte + request->settings->request_timeout;
}

void
mp_http_transfer_free(MpRequest *request)
{
	assert(request->transfer.easy == NULL);
	mp_buffer_free(&request->unread);
	free(request->location);
}

/* ---- what libcurl is told ---- */

/* The reasons are in http/lane.c; without TLS there is no HTTP/2. */
static MpHttpLane *
choose_lane(const MpRequest *request)
{
	if (request->method == MP_METHOD_POST ||
		(request->streamed && mp_http_uses_tls(request)))
		return &request->http->lanes[MP_HTTP_LANE_SINGLE];
	return &request->http->lanes[MP_HTTP_LANE_SHARED];
}

/* May it share its connection with others? */
static bool
is_multiplexed(const MpRequest *request)
{
	return mp_http_uses_tls(request) && request->transfer.lane ==
		&request->http->lanes[MP_HTTP_LANE_SHARED];
}

/* False when out of memory. */
static bool
set_options(MpRequest *request)
{
	CURL	   *easy = request->transfer.easy;

	if (!set_address(request, easy) || !set_method(request, easy) ||
		!set_callbacks(request, easy))
		return false;
	set_connection(request, easy);
	return true;
}

/* Where the request goes, through which proxy, and as whom */
static bool
set_address(MpRequest *request, CURL *easy)
{
	const char *proxy = request->settings->proxy != NULL ? request->settings->proxy : "";
	struct curl_slist *headers = &request->authorization_header;

	if (headers->data == NULL)
		headers = headers->next;

	/* Empty, not unset: http_proxy of the process must not count. */
	if (curl_easy_setopt(easy, CURLOPT_PROXY, proxy) != CURLE_OK ||
		curl_easy_setopt(easy, CURLOPT_NOPROXY, "") != CURLE_OK ||
		curl_easy_setopt(easy, CURLOPT_URL, mp_http_url(request))
		!= CURLE_OK ||
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) != CURLE_OK ||
		curl_easy_setopt(easy, CURLOPT_USERAGENT, "mixpanel_sa_fdw")
		!= CURLE_OK ||
		!mp_http_encoding_ask(easy) ||
		curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https")
		!= CURLE_OK)
		return false;
	return mp_http_authority_set(request, easy);
}

static bool
set_method(const MpRequest *request, CURL *easy)
{
	const char *body = request->body != NULL ? request->body : "";

	if (request->body != NULL || request->method == MP_METHOD_POST)
	{
		/* Not copied by libcurl; the size first, as it decides that. */
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
						 (curl_off_t) request->body_length);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	}
	if (request->method == MP_METHOD_POST)
		return true;
	return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST,
							mp_http_method_name(request->method)) == CURLE_OK;
}

/* The functions of ours that libcurl calls during the transfer */
static bool
set_callbacks(MpRequest *request, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->transfer.error);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_ready);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, request);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, on_resolve);
	curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, request);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, request);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION,
					 mp_http_descriptor_close_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, NULL);
	return curl_easy_setopt(easy, CURLOPT_SHARE, request->http->share)
		== CURLE_OK;
}

/* Which connection the request may use, and how it is opened */
static void
set_connection(const MpRequest *request, CURL *easy)
{
	bool		alone = request->method == MP_METHOD_POST;
	long		version = CURL_HTTP_VERSION_1_1;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* Else ending a transfer waits for the thread that resolves its name. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
					 (long) request->settings->connect_timeout);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);

	/*
	 * A request waits to see whether the connection that another one is
	 * opening speaks HTTP/2.  Without TLS that would be known only when the
	 * other one has been answered.
	 */
	if (is_multiplexed(request))
	{
		version = CURL_HTTP_VERSION_2TLS;
		curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	}
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version);

	/* libcurl 8.23 keeps a connection that was closed amid the headers. */
	if (alone || request->lost || request->transfer.lane->renew)
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	/* Nobody would use it again: the next POST has its own. */
	if (alone)
		curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
}

/* ---- what libcurl tells ---- */

/* A name is about to be resolved, in a thread. */
static int
on_resolve(void *resolver, void *reserved, void *context)
{
	MpRequest  *request = context;

	(void) resolver;
	(void) reserved;
	mp_http_mask_run(request->http);
	if (!put_aside(&request->transfer, MP_RESOLVER_DESCRIPTORS))
		return 1;
	mp_http_descriptor_foresee(request->http->poller,
							   request->transfer.resolver,
							   MP_RESOLVER_DESCRIPTORS);
	return 0;
}

/* A connection is about to be made; what its name took is free. */
static curl_socket_t
on_open(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	MpRequest  *request = context;
	int			fd;

	(void) purpose;
	(void) put_aside(&request->transfer, 0);
	fd = mp_http_descriptor_open_socket(address->family, address->socktype,
										address->protocol);
	if (fd >= 0)
		return fd;
	request->transfer.lacked |= mp_http_descriptor_is_lack(errno);
	return CURL_SOCKET_BAD;
}

/* So many descriptors, in place of those that were set aside before. */
static bool
put_aside(MpHttpTransfer *transfer, int count)
{
	mp_http_descriptor_give_back(transfer->set_aside);
	transfer->set_aside = 0;
	if (!mp_http_descriptor_take(count))
	{
		transfer->lacked = true;
		return false;
	}
	transfer->set_aside = count;
	return true;
}

/*
 * The connection stands and the request is about to go out; called again if
 * libcurl repeats it because a connection used before turned out to be dead.
 */
static int
on_ready(void *context, char *remote, char *local, int remote_port,
		 int local_port)
{
	MpRequest  *request = context;

	assert(request->state == MP_HTTP_ON_WIRE);
	(void) remote;
	(void) local;
	(void) remote_port;
	(void) local_port;
	if (request->transfer.sent)
		begin_anew(request);
	request->transfer.sent = true;
	request->answer.maybe_sent = true;
	request->transfer.last_byte = mp_http_now();
	mp_http_tally_sent(request);
	return CURL_PREREQFUNC_OK;
}

/*
 * libcurl sends the request once more by itself.  What went out before may
 * have been carried out, and what came of an answer is not part of the next:
 * a stream may be refused in the middle of its body (HTTP_1_1_REQUIRED).
 */
static void
begin_anew(MpRequest *request)
{
	MpHttpTransfer *transfer = &request->transfer;

	transfer->repeated = true;
	mp_http_transfer_discard(request);
	transfer->status = 0;
	transfer->header_bytes = 0;
	transfer->body_bytes = 0;
	transfer->paused = false;
	transfer->resume = false;
}

/* One header line: of an answer, of a 1xx before it, or a trailer. */
static size_t
on_header(char *bytes, size_t size, size_t count, void *context)
{
	MpRequest  *request = context;
	MpHttpTransfer *transfer = &request->transfer;
	size_t		length = size * count;
	long		status = 0;

	transfer->last_byte = mp_http_now();
	transfer->header_bytes += length;
	if (transfer->header_bytes > MP_HTTP_HEADER_LIMIT)
	{
		transfer->fault = MP_OUTCOME_TOO_LARGE;
		return 0;
	}
	transfer->encodings = mp_http_encoding_count(transfer->encodings,
												 bytes, length);
	if (bytes[0] != '\r' && bytes[0] != '\n')
		return length;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200)
		transfer->status = (int) status;
	if (transfer->status == 0 || transfer->encodings <= 1)
		return length;
	/* Of a refusal the status says enough. */
	if (mp_http_is_success(transfer->status))
		transfer->fault = MP_OUTCOME_BAD_ENCODING;
	return 0;
}

static size_t
on_body(char *bytes, size_t size, size_t count, void *context)
{
	MpRequest  *request = context;
	MpHttpTransfer *transfer = &request->transfer;
	size_t		length = size * count;

	transfer->last_byte = mp_http_now();
	if (must_pause(request, length))
	{
		transfer->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	return keep_body(request, bytes, length) ? length : 0;
}

/* False ends the transfer: with the fault noted, or as its status says. */
static bool
keep_body(MpRequest *request, const char *bytes, size_t length)
{
	MpHttpTransfer *transfer = &request->transfer;
	bool		success = mp_http_is_success(transfer->status);
	bool		enough = false;

	assert(success || transfer->body_bytes <= ERROR_BODY_LIMIT);
	if (!success && length > ERROR_BODY_LIMIT - transfer->body_bytes)
	{
		length = ERROR_BODY_LIMIT - transfer->body_bytes;
		enough = true;
	}
	if (success && !request->streamed &&
		length > MP_HTTP_BODY_LIMIT - transfer->body_bytes)
	{
		transfer->fault = MP_OUTCOME_TOO_LARGE;
		return false;
	}
	if (!mp_buffer_append(&request->unread, bytes, length))
	{
		transfer->fault = MP_OUTCOME_NO_MEMORY;
		return false;
	}
	transfer->body_bytes += length;
	return !enough;
}

static bool
must_pause(const MpRequest *request, size_t length)
{
	size_t		unread = mp_buffer_unread(&request->unread);

	return request->streamed && !request->boundless && unread > 0 &&
		unread + length > MP_HTTP_BACKLOG &&
		mp_http_is_success(request->transfer.status);
}

/* ---- how it ended ---- */

/* Retry-After and Location of the answer. */
static void
read_headers(MpRequest *request)
{
	CURL	   *easy = request->transfer.easy;
	struct curl_header *header;
	int64_t		now = 0;

	request->answer.retry_after = -1;
	mp_pages_begin(&request->answer.pages);
	free(request->location);
	request->location = NULL;
	if (request->transfer.status == 0)
		return;
	/* A date is one of the server's clock, whatever ours shows. */
	if (curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1,
						 &header) == CURLHE_OK)
		now = (int64_t) curl_getdate(header->value, NULL);
	if (now <= 0)
		now = (int64_t) time(NULL);
	if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1,
						 &header) == CURLHE_OK)
		request->answer.retry_after =
			mp_http_parse_retry_after(header->value, now);
	if (curl_easy_header(easy, "Location", 0, CURLH_HEADER, -1,
						 &header) == CURLHE_OK)
		request->location = mp_http_copy(header->value);
	mp_http_paging_read(easy, &request->answer);
}

static void
drop(MpRequest *request)
{
	MpHttpTransfer *transfer = &request->transfer;

	mp_http_lane_remove(transfer->lane, request);
	clean_up(transfer);
	transfer->paused = false;
	transfer->resume = false;
}

static void
clean_up(MpHttpTransfer *transfer)
{
	curl_easy_cleanup(transfer->easy);
	transfer->easy = NULL;
	(void) put_aside(transfer, 0);
	mp_http_authority_release(transfer->bundle);
	transfer->bundle = NULL;
}
