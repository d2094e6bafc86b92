-- What goes wrong, and what is said of it: missing options, each status of the
-- API, broken connections, answers of another shape, bad input.
\getenv port MP_SIMULATOR_PORT
\set base_url 'http://127.0.0.1:' :port '/api/app'
\set second_url 'http://127.0.0.1:' :port '/2/../api/app'
\set third_url 'http://127.0.0.1:' :port '/3/../api/app'
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=3 projects=2 memberships_per_account=1
SET client_min_messages = warning;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SCHEMA mp_errors;
SET search_path = mp_errors, public;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SERVER mp_errors FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', max_retries '0');
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_errors INTO mp_errors;

-- what is needed before the first request
\set VERBOSITY sqlstate
SELECT * FROM service_accounts;
\set VERBOSITY default
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_errors;
SELECT * FROM service_accounts;
\echo :SQLSTATE
ALTER SERVER mp_errors OPTIONS (ADD organization_id '123');
ALTER USER MAPPING FOR CURRENT_USER SERVER mp_errors OPTIONS (ADD secret 'admin-secret');
CREATE FUNCTION masked(text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE $1;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE || ': ' || replace(SQLERRM, quote_ident(CURRENT_USER), 'me');
END $$;
SELECT masked('SELECT FROM service_accounts');
SELECT masked('INSERT INTO service_accounts (username) VALUES (''x'') RETURNING secret');
SELECT masked('INSERT INTO project_memberships VALUES (1, 1001, ''admin'')');
SELECT masked('DELETE FROM project_memberships');
ALTER USER MAPPING FOR CURRENT_USER SERVER mp_errors OPTIONS (ADD username 'admin-bot.mp-service-account', DROP secret);
SELECT masked('SELECT FROM service_accounts');
SELECT masked('SELECT FROM project_memberships WHERE service_account_id = 1');
ALTER USER MAPPING FOR CURRENT_USER SERVER mp_errors OPTIONS (ADD secret 'admin-secret');
ALTER SERVER mp_errors OPTIONS (DROP organization_id);
SELECT masked('INSERT INTO project_memberships VALUES (1, 1001, ''admin'')');
-- a scan that cannot return rows sends no request
SELECT count(*) FROM service_accounts WHERE id = NULL;
-- EXPLAIN sends no request
EXPLAIN (COSTS OFF) SELECT id FROM service_accounts WHERE id = 1;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
ALTER SERVER mp_errors OPTIONS (ADD organization_id '123');

-- HTTP statuses
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=400 body='{"status":"error","error":"that is wrong"}'
SELECT id FROM service_accounts WHERE id = 2;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=422 body='{"error":{"message":"cannot be processed"}}'
SELECT id FROM service_accounts;
\echo :SQLSTATE
-- a role that the API does not know
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=400 method=POST body='{"error":"\"analist\" is not a valid role"}'
INSERT INTO service_accounts (username, role) VALUES ('x', 'analist') RETURNING id, secret;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=422 method=POST body='{"error":{"role":["no such role"]}}'
INSERT INTO service_accounts (username, role) VALUES ('x', 'boss') RETURNING id, secret;
ALTER USER MAPPING FOR CURRENT_USER SERVER mp_errors OPTIONS (SET secret 'Wr0ng-Secret');
SELECT id FROM service_accounts;
\echo :SQLSTATE
-- credentials in an error message are masked
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=400 body='{"error":"secret Wr0ng-Secret is bad, Authorization: Basic YWRtaW4="}'
SELECT id FROM service_accounts;
\echo :SQLSTATE
ALTER USER MAPPING FOR CURRENT_USER SERVER mp_errors OPTIONS (SET secret 'admin-secret');
ALTER SERVER mp_errors OPTIONS (SET organization_id '321');
SELECT id FROM service_accounts;
\echo :SQLSTATE
ALTER SERVER mp_errors OPTIONS (SET organization_id '123');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=404
\set VERBOSITY terse
SELECT id FROM service_accounts;
\set VERBOSITY default
\echo :SQLSTATE
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 4711, 'admin');
\echo :SQLSTATE
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (4711, 1001, 'admin');
\echo :SQLSTATE
ALTER SERVER mp_errors OPTIONS (ADD membership_write 'single');
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (4711, 1001, 'admin');
\echo :SQLSTATE
ALTER SERVER mp_errors OPTIONS (DROP membership_write);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=409 method=POST body='{"error":"it exists"}'
INSERT INTO service_accounts (username) VALUES ('x') RETURNING secret;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=429 headers.Retry-After=7
SELECT id FROM service_accounts;
\echo :SQLSTATE
-- Retry-After holds for all requests to that server, also through another server name
ALTER SERVER mp_errors OPTIONS (SET base_url :'second_url');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=429
SELECT id FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=500 body='{"error":"oops"}'
SELECT id FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=418
SELECT id FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear

-- retries: the last answer is reported; a wait that is too long is not begun
ALTER SERVER mp_errors OPTIONS (SET max_retries '1');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=503
SELECT count(*) FROM service_accounts;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=502 count=2
SELECT count(*) FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
ALTER SERVER mp_errors OPTIONS (ADD max_retry_wait '1s');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=429 headers.Retry-After=60
SELECT count(*) FROM service_accounts;
\echo :SQLSTATE
ALTER SERVER mp_errors OPTIONS (SET base_url :'third_url');
ALTER SERVER mp_errors OPTIONS (SET max_retries '0', DROP max_retry_wait);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- connections; the details are libcurl's words
\set VERBOSITY terse
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault reset=before
SELECT count(*) FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault cut=20
SELECT count(*) FROM service_accounts;
\echo :SQLSTATE
\set VERBOSITY default
ALTER SERVER mp_errors OPTIONS (ADD request_timeout '200ms');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault hang=headers
SELECT count(*) FROM service_accounts;
\echo :SQLSTATE
ALTER SERVER mp_errors OPTIONS (DROP request_timeout);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=302 headers.Location=https://mixpanel.example.com/api/app/x
SELECT count(*) FROM service_accounts;
\echo :SQLSTATE
\set VERBOSITY terse
CREATE SERVER mp_nowhere FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url 'http://127.0.0.1:1/api/app', organization_id '123', max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_nowhere OPTIONS (username 'u', secret 's');
CREATE FOREIGN TABLE nowhere (id bigint) SERVER mp_nowhere OPTIONS (object 'service_accounts');
SELECT * FROM nowhere;
\echo :SQLSTATE
\set VERBOSITY default
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear

-- answers of another shape
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault body='not json'
SELECT id FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault body='{"results":[{"id":1},{"id":2'
SELECT id FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault body='{"results":[{"id":1},{"name":"no id"}]}'
SELECT id FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault body='{"results":[{"id":99999999999999999999}]}'
SELECT id FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault body='{"results":[{"id":5,"expires":"tomorrow"}]}'
SELECT id, expires FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault body='{"results":[{"id":5,"username":["x"]}]}'
SELECT id, username FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault body='{"results":[{"id":5,"username":"a\u0000b"}]}'
SELECT id, username FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault body='{"results":[{"id":5}],"next":"/page/2"}'
SELECT id FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault body='{"status":"error","error":"not really fine"}'
SELECT id FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault body='{"status":"ok"}'
SELECT id FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault body='[1, 2]'
SELECT id FROM service_accounts;
\echo :SQLSTATE
-- fields that are not read are not checked
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault body='{"results":[{"id":5,"expires":"tomorrow"}]}'
SELECT id FROM service_accounts;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear

-- a session goes on after an error; a transaction does not
SELECT count(*) FROM service_accounts;
BEGIN;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=500
SELECT id FROM service_accounts;
\echo :SQLSTATE
SELECT id FROM service_accounts;
\echo :SQLSTATE
ROLLBACK;
DO $$
BEGIN
  PERFORM FROM service_accounts WHERE organization_id = 123 AND id = 4711 / (id - id);
EXCEPTION WHEN division_by_zero THEN
  RAISE WARNING 'caught %', SQLSTATE;
END $$;
SET statement_timeout = '300ms';
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault hang=headers
SELECT count(*) FROM service_accounts;
\echo :SQLSTATE
RESET statement_timeout;
SELECT count(*) FROM service_accounts;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear

-- bad input is refused before any request: wrong types
SELECT id FROM service_accounts WHERE id = 'five';
\echo :SQLSTATE
SELECT id FROM service_accounts WHERE id = 99999999999999999999::text::bigint;
\echo :SQLSTATE
SELECT password FROM service_accounts;
\echo :SQLSTATE
PREPARE by_id(int) AS SELECT id FROM service_accounts WHERE id = $1;
EXECUTE by_id('five');
\echo :SQLSTATE
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES ('two', 1001, 'admin');
\echo :SQLSTATE
-- memberships: NULLs, impossible ids, values that cannot be set
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1001, NULL);
\echo :SQLSTATE
INSERT INTO project_memberships (service_account_id, project_id) VALUES (2, 1001);
\echo :SQLSTATE
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1001, '');
\echo :SQLSTATE
INSERT INTO project_memberships (project_id, role) VALUES (1001, 'admin');
\echo :SQLSTATE
INSERT INTO project_memberships (service_account_id, role) VALUES (2, 'admin');
\echo :SQLSTATE
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (0, 1001, 'admin');
\echo :SQLSTATE
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, -1, 'admin');
\echo :SQLSTATE
INSERT INTO project_memberships (service_account_id, project_id, role, organization_id) VALUES (2, 1001, 'admin', 124);
\echo :SQLSTATE
INSERT INTO project_memberships (service_account_id, project_id, role, project_name) VALUES (2, 1001, 'admin', 'P');
\echo :SQLSTATE
INSERT INTO project_memberships (service_account_id, project_id, role, username) VALUES (2, 1001, 'admin', 'U');
\echo :SQLSTATE
INSERT INTO project_memberships (service_account_id, project_id, role, grant_type) VALUES (2, 1001, 'admin', 'team');
\echo :SQLSTATE
INSERT INTO project_memberships (service_account_id, project_id, role, has_sensitive_access) VALUES (2, 1001, 'admin', false);
\echo :SQLSTATE
INSERT INTO project_memberships (service_account_id, project_id, role, attrs) VALUES (2, 1001, 'admin', '{}');
\echo :SQLSTATE
-- changes for which the API has no call
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1001, 'admin') ON CONFLICT DO NOTHING;
\echo :SQLSTATE
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1001, 'admin')
ON CONFLICT (service_account_id, project_id) DO UPDATE SET role = excluded.role;
\echo :SQLSTATE
INSERT INTO service_accounts (username) VALUES ('x') ON CONFLICT (username) DO NOTHING RETURNING id, secret;
\echo :SQLSTATE
-- the same in a part of a statement, and in a plan that is not executed
WITH w AS (INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1001, 'admin')
	ON CONFLICT ((service_account_id + 0)) DO NOTHING RETURNING 1) SELECT count(*) FROM w;
\echo :SQLSTATE
EXPLAIN INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1001, 'admin')
ON CONFLICT (project_id) DO NOTHING;
\echo :SQLSTATE
UPDATE project_memberships SET project_id = 1002 WHERE service_account_id = 2;
\echo :SQLSTATE
UPDATE project_memberships SET service_account_id = 3, role = 'admin' WHERE service_account_id = 2;
\echo :SQLSTATE
UPDATE project_memberships SET organization_id = 124 WHERE service_account_id = 2;
\echo :SQLSTATE
UPDATE project_memberships SET username = 'x' WHERE service_account_id = 2;
\echo :SQLSTATE
UPDATE project_memberships SET attrs = NULL WHERE service_account_id = 2;
\echo :SQLSTATE
UPDATE service_accounts SET username = 'x' WHERE id = 2;
\echo :SQLSTATE
UPDATE service_accounts SET expires = now() WHERE false;
\echo :SQLSTATE
TRUNCATE project_memberships;
\echo :SQLSTATE
TRUNCATE service_accounts, project_memberships;
\echo :SQLSTATE
CREATE INDEX ON service_accounts (id);
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
-- a role that becomes NULL or empty is refused once there is a row
UPDATE project_memberships SET role = NULL WHERE service_account_id = 2;
\echo :SQLSTATE
UPDATE project_memberships SET role = '' WHERE service_account_id = 2;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships

-- rows of the same statement that are fine are not sent either
INSERT INTO project_memberships (service_account_id, project_id, role)
VALUES (2, 1001, 'admin'), (2, 1002, NULL);
\echo :SQLSTATE
BEGIN;
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1001, 'admin');
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1002, NULL);
\echo :SQLSTATE
COMMIT;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts

DROP EXTENSION mixpanel_sa_fdw CASCADE;
DROP SCHEMA mp_errors CASCADE;
