-- Functions: version, stats, check, pending, and who may call them.
\getenv port MP_SIMULATOR_PORT
\set base_url 'http://127.0.0.1:' :port '/api/app'
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=4 projects=3 latency_ms=20
SET client_min_messages = warning;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SCHEMA mp_functions;
SET search_path = mp_functions, public;
SELECT extversion, extrelocatable, obj_description(oid, 'pg_extension') AS comment FROM pg_extension WHERE extname = 'mixpanel_sa_fdw';
SELECT p.oid::regprocedure AS function, pg_get_function_result(p.oid) AS result, provolatile, proparallel, proisstrict
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid WHERE extname = 'mixpanel_sa_fdw' ORDER BY p.proname;
SELECT fdwhandler::regproc, fdwvalidator::regproc FROM pg_foreign_data_wrapper WHERE fdwname = 'mixpanel_sa_fdw';

-- version: the extension's and the libraries'
SELECT regexp_replace(mixpanel_sa_fdw_version(), '(libcurl|jansson) [0-9]+(\.[0-9]+)+', '\1 N', 'g') AS version;
SELECT mixpanel_sa_fdw_version() LIKE '%fdw ' || extversion || '.%' OR mixpanel_sa_fdw_version() LIKE '%fdw ' || extversion || ',%' AS same
FROM pg_extension WHERE extname = 'mixpanel_sa_fdw';

-- no requests yet
SELECT * FROM mixpanel_sa_fdw_pending();
SELECT * FROM mixpanel_sa_fdw_stats();
SELECT mixpanel_sa_fdw_stats_reset();

-- stats: a row for each server
CREATE SERVER mp_one FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', organization_id '123');
CREATE SERVER mp_two FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', organization_id '123', max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_one OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_two OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_one INTO mp_functions;
CREATE FOREIGN TABLE two (id bigint, username text) SERVER mp_two OPTIONS (object 'service_accounts');
CREATE VIEW stats AS SELECT server, requests, retries, failures,
  bytes_received > 0 AS received, wait_ms > 0 AS waited FROM mixpanel_sa_fdw_stats() ORDER BY server;
SELECT count(*) FROM service_accounts;
SELECT server, requests, connections FROM mixpanel_sa_fdw_stats();
SELECT count(*) FROM service_accounts WHERE id IN (2, 3);
SELECT * FROM stats;
SELECT count(*) FROM two;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=503
SELECT count(*) FROM service_accounts;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=500
SELECT count(*) FROM two;
\echo :SQLSTATE
-- a row that does not exist is not a failure
SELECT count(*) FROM two WHERE id = 4711;
SELECT * FROM stats;
-- changes count too, but not rows that were never requested
SELECT requests AS before FROM stats WHERE server = 'mp_one' \gset
SELECT count(*) FROM service_accounts WHERE id = 2 AND id = 3;
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1001, 'admin');
SELECT requests - :before AS more FROM stats WHERE server = 'mp_one';
SELECT mixpanel_sa_fdw_stats_reset();
SELECT * FROM stats;
SELECT count(*) FROM two;
SELECT * FROM stats;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear

-- check: all items are true
CREATE FUNCTION look(server name, OUT item text, OUT ok boolean, OUT detail text) RETURNS SETOF record LANGUAGE sql AS
  $$SELECT item, ok, regexp_replace(regexp_replace(detail, '127\.0\.0\.1:[0-9]+', 'HOST:PORT'), '; the quota is .*', '') FROM mixpanel_sa_fdw_check(server)$$;
\pset format unaligned
SELECT * FROM look('mp_one');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- the row of a failing item says what to change
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z document=docs
SELECT * FROM look('mp_two');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z document=nested
SELECT * FROM look('mp_two');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z document=bulk
SELECT * FROM look('mp_two');
ALTER SERVER mp_two OPTIONS (ADD project_ids '1002');
SELECT * FROM look('mp_two') WHERE item ~ 'project';
ALTER SERVER mp_two OPTIONS (DROP project_ids);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=0
SELECT * FROM look('mp_two');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z
ALTER SERVER mp_two OPTIONS (SET organization_id '999');
SELECT * FROM look('mp_two');
ALTER USER MAPPING FOR CURRENT_USER SERVER mp_two OPTIONS (SET secret 'wrong-secret');
SELECT * FROM look('mp_two');
ALTER USER MAPPING FOR CURRENT_USER SERVER mp_two OPTIONS (DROP secret);
SELECT item, ok, replace(detail, quote_ident(CURRENT_USER), 'me') FROM look('mp_two');
ALTER SERVER mp_two OPTIONS (DROP organization_id);
SELECT * FROM look('mp_two');
DROP USER MAPPING FOR CURRENT_USER SERVER mp_two;
SELECT item, ok, detail ~ '^user mapping not found' AS said FROM look('mp_two');
CREATE SERVER mp_nowhere FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url 'http://127.0.0.1:1/api/app', organization_id '123', max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_nowhere OPTIONS (username 'u', secret 's');
SELECT item, ok, split_part(detail, ': ', 1) AS detail FROM look('mp_nowhere');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=500 count=0
SELECT * FROM look('mp_one');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear
-- a server of another wrapper is an error
SELECT * FROM mixpanel_sa_fdw_check('no_such_server');
\echo :SQLSTATE
CREATE FOREIGN DATA WRAPPER mp_other;
CREATE SERVER mp_other FOREIGN DATA WRAPPER mp_other OPTIONS (host 'example.com');
SELECT * FROM mixpanel_sa_fdw_check('mp_other');
\echo :SQLSTATE
SELECT * FROM mixpanel_sa_fdw_check(NULL);
-- only for servers on which the user has USAGE
CREATE ROLE mp_plain;
CREATE USER MAPPING FOR PUBLIC SERVER mp_one OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
GRANT USAGE ON SCHEMA mp_functions TO mp_plain;
SET ROLE mp_plain;
SELECT * FROM mixpanel_sa_fdw_check('mp_one');
\echo :SQLSTATE
SELECT regexp_replace(mixpanel_sa_fdw_version(), ' .*', '');
SELECT count(*) FROM mixpanel_sa_fdw_pending();
SELECT count(*) FROM mixpanel_sa_fdw_stats();
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER mp_one TO mp_plain;
SET ROLE mp_plain;
SELECT bool_and(ok) FROM mixpanel_sa_fdw_check('mp_one');
RESET ROLE;
\pset format aligned

-- dropping and creating the extension again in one session
DROP EXTENSION mixpanel_sa_fdw CASCADE;
CREATE EXTENSION mixpanel_sa_fdw SCHEMA mp_functions;
SELECT count(*) FROM mp_functions.mixpanel_sa_fdw_pending();

DROP EXTENSION mixpanel_sa_fdw CASCADE;
DROP FOREIGN DATA WRAPPER mp_other CASCADE;
DROP SCHEMA mp_functions CASCADE;
DROP ROLE mp_plain;
