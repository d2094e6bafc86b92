/*-------------------------------------------------------------------------
 *
 * delivery.c
 *	  Sending an answer: whole, or in one of the ways that go wrong.
 *
 * Owns what each SimDelivery does to a connection.  Must not know what the
 * answer says.
 *
 *-------------------------------------------------------------------------
 */
#include "delivery.h"

#include <string.h>

#include "clock.h"
#include "world.h"

#define BLOCK_SIZE 16384

/*
 * Time between half a body and its RST: an RST makes the client's kernel
 * forget what the client has not read yet.
 */
#define PAUSE_MICROS 50000

static SimDelivery
delivery_of(const SimRequest *request)
{
	return request->fault == NULL ?
		SIM_DELIVERY_WHOLE : request->fault->delivery;
}

static void
release_payload(void *payload)
{
	sim_payload_release(payload);
}

/* libmicrohttpd's names do not fit a line as they stand. */
#define respond_from_buffer \
	MHD_create_response_from_buffer_with_free_callback_cls

static struct MHD_Response *
respond_whole(SimRequest *request)
{
	SimPayload *payload = sim_payload_hold(request->answer.payload);

	if (payload == NULL)
		return MHD_create_response_from_buffer(0, NULL,
											   MHD_RESPMEM_PERSISTENT);
	return respond_from_buffer(payload->size, payload->data, release_payload,
							   payload);
}

/* The place in the body at which something happens. */
static uint64_t
turning_point(const SimRequest *request)
{
	uint64_t	size = request->answer.payload->size;
	uint64_t	amount = (uint64_t) request->fault->amount;
	SimDelivery delivery = delivery_of(request);

	if (delivery == SIM_DELIVERY_CUT || delivery == SIM_DELIVERY_CUT_CHUNKED)
		return amount < size ? amount : size;
	if (delivery == SIM_DELIVERY_RESET_MID ||
		delivery == SIM_DELIVERY_HANG_BODY)
		return size / 2;
	return size;
}

/* The most bytes that may go out at once. */
static size_t
step_size(const SimRequest *request)
{
	if (delivery_of(request) == SIM_DELIVERY_DRIP)
		return 1;
	if (delivery_of(request) == SIM_DELIVERY_CHUNKED)
		return (size_t) request->fault->amount;
	return BLOCK_SIZE;
}

/*
 * One more byte for a socket that is closed: MHD fails to send it and closes
 * the connection.  To tell MHD of an error would not do: it then closes the
 * connection no sooner than the client does.
 */
static ssize_t
feed_closed(char *buffer)
{
	buffer[0] = 0;
	return 1;
}

static ssize_t
close_body(SimRequest *request, char *buffer)
{
	sim_request_finish(request);
	return feed_closed(buffer);
}

static ssize_t
abort_body(SimRequest *request, char *buffer)
{
	if (!request->paused)
	{
		request->paused = true;
		sim_request_sleep(request, PAUSE_MICROS);
		return 0;
	}
	sim_request_abort(request);
	return feed_closed(buffer);
}

static ssize_t
turn(SimRequest *request, char *buffer)
{
	SimDelivery delivery = delivery_of(request);

	if (delivery == SIM_DELIVERY_HANG_BODY)
	{
		sim_request_hang(request);
		return 0;
	}
	if (delivery == SIM_DELIVERY_RESET_MID)
		return abort_body(request, buffer);
	if (delivery == SIM_DELIVERY_CUT || delivery == SIM_DELIVERY_CUT_CHUNKED)
		return close_body(request, buffer);
	return MHD_CONTENT_READER_END_OF_STREAM;
}

/* Must the next byte wait?  Each position waits once. */
static bool
must_wait(SimRequest *request, uint64_t position)
{
	if (delivery_of(request) != SIM_DELIVERY_DRIP ||
		position == 0 || request->dripped == position)
		return false;
	request->dripped = position;
	sim_request_sleep(request, request->fault->amount * 1000);
	return true;
}

static ssize_t
read_body(void *cls, uint64_t position, char *buffer, size_t room)
{
	SimRequest *request = cls;
	uint64_t	end = turning_point(request);
	size_t		size = step_size(request);

	if (request->state == SIM_REQUEST_DROPPED)
		return close_body(request, buffer);
	if (position >= end)
		return turn(request, buffer);
	if (must_wait(request, position))
		return 0;
	if (size > room)
		size = room;
	if (size > end - position)
		size = end - position;
	memcpy(buffer, request->answer.payload->data + position, size);
	return (ssize_t) size;
}

static struct MHD_Response *
respond_piecemeal(SimRequest *request)
{
	SimDelivery delivery = delivery_of(request);
	uint64_t	size = request->answer.payload->size;

	if (delivery == SIM_DELIVERY_CUT_CHUNKED ||
		delivery == SIM_DELIVERY_CHUNKED)
		size = MHD_SIZE_UNKNOWN;
	return MHD_create_response_from_callback(size, BLOCK_SIZE, read_body,
											 request, NULL);
}

static void
add_headers(struct MHD_Response *response, json_t *headers)
{
	const char *name;
	json_t	   *value;

	json_object_foreach(headers, name, value)
	{
		MHD_add_response_header(response, name, json_string_value(value));
	}
}

/* The server's own date, unless the answer has one or there is to be none. */
static void
add_date(struct MHD_Response *response, const SimRequest *request)
{
	char		date[SIM_CLOCK_TEXT];

	if (!request->call.world->config.date_header ||
		json_object_get(request->answer.headers, "Date") != NULL)
		return;
	sim_clock_format_http(sim_clock_wall(), date);
	MHD_add_response_header(response, "Date", date);
}

static enum MHD_Result
send_answer(SimRequest *request, bool whole)
{
	struct MHD_Response *response;
	enum MHD_Result done;

	response = whole ? respond_whole(request) : respond_piecemeal(request);
	add_headers(response, request->answer.headers);
	add_date(response, request);
	request->state = SIM_REQUEST_ANSWERED;
	if (request->entry != NULL)
		request->entry->status = request->answer.status;
	done = MHD_queue_response(request->connection, request->answer.status,
							  response);
	MHD_destroy_response(response);
	return done;
}

static enum MHD_Result
hang(SimRequest *request)
{
	request->state = SIM_REQUEST_HUNG;
	sim_request_hang(request);
	return MHD_YES;
}

enum MHD_Result
sim_delivery_send(SimRequest *request)
{
	bool		empty = request->answer.payload == NULL ||
		request->answer.payload->size == 0;

	switch (delivery_of(request))
	{
		case SIM_DELIVERY_WHOLE:
			return send_answer(request, true);
		case SIM_DELIVERY_RESET_BEFORE:
		case SIM_DELIVERY_RESET_AFTER:
			sim_request_abort(request);
			return MHD_NO;
		case SIM_DELIVERY_CLOSE_BEFORE:
		case SIM_DELIVERY_CLOSE_AFTER:
			sim_request_finish(request);
			return MHD_NO;
		case SIM_DELIVERY_HANG_HEADERS:
			return hang(request);
		case SIM_DELIVERY_RESET_MID:
		case SIM_DELIVERY_CUT:
		case SIM_DELIVERY_CUT_CHUNKED:
		case SIM_DELIVERY_CHUNKED:
		case SIM_DELIVERY_HANG_BODY:
		case SIM_DELIVERY_DRIP:
			return send_answer(request, empty);
	}
	return MHD_NO;
}
