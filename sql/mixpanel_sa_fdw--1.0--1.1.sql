/* mixpanel_sa_fdw 1.0 to 1.1; a fresh install runs 1.0 and then this */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION mixpanel_sa_fdw UPDATE TO '1.1'" to load this file. \quit

CREATE FUNCTION mixpanel_sa_fdw_unfinished(
    server name,
    OUT kind text,
    OUT happened timestamptz,
    OUT username text,
    OUT service_account_id bigint,
    OUT reason text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION mixpanel_sa_fdw_unfinished(name)
IS 'accounts and changes that earlier transactions left behind without COMMIT';

CREATE FUNCTION mixpanel_sa_fdw_quota(
    OUT base_url text,
    OUT organization_id bigint,
    OUT shared boolean,
    OUT in_flight int,
    OUT waiting int,
    OUT not_before timestamptz,
    OUT tokens double precision,
    OUT requests bigint,
    OUT refused bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION mixpanel_sa_fdw_quota()
IS 'what all sessions together ask of each base URL and organization, and may ask';
