/*-------------------------------------------------------------------------
 *
 * http/outcome.c
 *		How a transfer has ended: libcurl's code, the status and what callbacks
 *		noted, as one outcome and in words.
 *
 * Must not know what follows from it.
 *
 *-------------------------------------------------------------------------
 */
#include "http/http_state.h"

static bool is_connecting(CURLcode code);

/*
 * libcurl does not notice a compressed stream that ends early if the framing
 * around it is complete; the reader of the body does, as with any text that
 * stops in its middle.
 */
MpOutcome
mp_http_outcome(const MpHttpTransfer *transfer, CURLcode code)
{
	if (transfer->fault != MP_OUTCOME_OK)
		return transfer->fault;
	if (mp_http_is_success(transfer->status) && code == CURLE_OK)
		return MP_OUTCOME_OK;

	/* A refusal counts even if the text that explains it was cut off. */
	if (transfer->status != 0 && !mp_http_is_success(transfer->status))
		return MP_OUTCOME_STATUS;

	/* A header line beyond libcurl's own limit looks like this. */
	if (code == CURLE_OUT_OF_MEMORY && transfer->sent &&
		transfer->status == 0)
		return MP_OUTCOME_TOO_LARGE;
#if LIBCURL_VERSION_NUM >= 0x080600
	if (code == CURLE_TOO_LARGE)
		return MP_OUTCOME_TOO_LARGE;
#endif
	/* libcurl 8.20 takes it for a lack of memory */
	if (transfer->lacked && (!transfer->sent || is_connecting(code)))
		return MP_OUTCOME_NO_DESCRIPTOR;
	if (code == CURLE_OUT_OF_MEMORY)
		return MP_OUTCOME_NO_MEMORY;
	if (!transfer->sent || is_connecting(code))
		return MP_OUTCOME_UNREACHABLE;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return MP_OUTCOME_TIMEOUT;
	/* No callback has refused to write, so that it was libcurl's decoder. */
	if (code == CURLE_BAD_CONTENT_ENCODING || code == CURLE_WRITE_ERROR)
		return MP_OUTCOME_BAD_ENCODING;
	return MP_OUTCOME_LOST;
}

MpOutcome
mp_http_outcome_of_none(const MpHttpTransfer *transfer)
{
	if (transfer->lacked)
		return MP_OUTCOME_NO_DESCRIPTOR;
	return transfer->error[0] != '\0' ?
		MP_OUTCOME_UNREACHABLE : MP_OUTCOME_NO_MEMORY;
}

bool
mp_http_outcome_is_hopeless(CURLcode code)
{
	return code == CURLE_PEER_FAILED_VERIFICATION ||
		code == CURLE_SSL_CERTPROBLEM ||
		code == CURLE_SSL_CACERT_BADFILE ||
		code == CURLE_SSL_ISSUER_ERROR ||
		code == CURLE_SSL_CRL_BADFILE ||
		code == CURLE_SSL_INVALIDCERTSTATUS ||
		code == CURLE_SSL_PINNEDPUBKEYNOTMATCH ||
		code == CURLE_URL_MALFORMAT;
}

const char *
mp_http_outcome_words(const MpHttpTransfer *transfer, MpOutcome outcome,
					  CURLcode code)
{
	/* libcurl's words would be about the callback that refused the bytes. */
	if (outcome == MP_OUTCOME_TOO_LARGE &&
		(transfer->status == 0 ||
		 transfer->header_bytes > MP_HTTP_HEADER_LIMIT))
		return "the headers are too long";
	if (outcome == MP_OUTCOME_TOO_LARGE)
		return "the body is too long";
	if (outcome == MP_OUTCOME_NO_DESCRIPTOR)
		return "too many descriptors (files, sockets) are open";
	if (outcome == MP_OUTCOME_NO_MEMORY ||
		(outcome == MP_OUTCOME_STATUS && code == CURLE_WRITE_ERROR))
		return "";
	if (outcome == MP_OUTCOME_BAD_ENCODING && transfer->encodings > 1)
		return "its encoding was not asked for";
	if (outcome == MP_OUTCOME_BAD_ENCODING && code == CURLE_WRITE_ERROR)
		return "the compressed data is malformed";
	if (transfer->error[0] != '\0')
		return transfer->error;
	if (code != CURLE_OK)
		return curl_easy_strerror(code);
	return transfer->status == 0 ? "the headers are not complete" : "";
}

/*
 * Codes of an attempt to connect; they may follow a request that was sent,
 * where libcurl repeats it because a connection used before was dead.
 */
static bool
is_connecting(CURLcode code)
{
	return code == CURLE_COULDNT_RESOLVE_PROXY ||
		code == CURLE_COULDNT_RESOLVE_HOST ||
		code == CURLE_COULDNT_CONNECT ||
		code == CURLE_SSL_CONNECT_ERROR ||
		code == CURLE_PROXY ||
		mp_http_outcome_is_hopeless(code);
}
