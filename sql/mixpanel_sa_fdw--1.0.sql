/* mixpanel_sa_fdw 1.0 */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION mixpanel_sa_fdw" to load this file. \quit

CREATE FUNCTION mixpanel_sa_fdw_handler()
RETURNS fdw_handler
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT;

CREATE FUNCTION mixpanel_sa_fdw_validator(text[], oid)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT;

CREATE FOREIGN DATA WRAPPER mixpanel_sa_fdw
  HANDLER mixpanel_sa_fdw_handler
  VALIDATOR mixpanel_sa_fdw_validator;

COMMENT ON FOREIGN DATA WRAPPER mixpanel_sa_fdw
IS 'service accounts and project memberships of a Mixpanel organization';

CREATE FUNCTION mixpanel_sa_fdw_version()
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION mixpanel_sa_fdw_version()
IS 'versions of the extension, libcurl and jansson';

CREATE FUNCTION mixpanel_sa_fdw_pending(
    OUT server name,
    OUT change text,
    OUT service_account_id bigint,
    OUT project_id bigint,
    OUT role text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION mixpanel_sa_fdw_pending()
IS 'what COMMIT of this transaction would send to Mixpanel, in order';

CREATE FUNCTION mixpanel_sa_fdw_stats(
    OUT server name,
    OUT requests bigint,
    OUT retries bigint,
    OUT failures bigint,
    OUT connections bigint,
    OUT bytes_received bigint,
    OUT wait_ms double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION mixpanel_sa_fdw_stats()
IS 'what the requests of this session have cost, a row for each server';

CREATE FUNCTION mixpanel_sa_fdw_stats_reset()
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION mixpanel_sa_fdw_stats_reset()
IS 'sets the counters of mixpanel_sa_fdw_stats() to zero';

CREATE FUNCTION mixpanel_sa_fdw_check(
    server name,
    OUT item text,
    OUT ok boolean,
    OUT detail text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION mixpanel_sa_fdw_check(name)
IS 'tries a server with the mapping of the current user and says what to change';
