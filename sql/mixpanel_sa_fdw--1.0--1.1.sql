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
