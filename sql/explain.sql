-- EXPLAIN: the requests that would be made, without making one; with ANALYZE
-- what they cost.
\getenv port MP_SIMULATOR_PORT
\set base_url 'http://127.0.0.1:' :port '/api/app'
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=4 projects=3
SET client_min_messages = warning;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SCHEMA mp_explain;
SET search_path = mp_explain, public;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SERVER mp_explain FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', organization_id '123');
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_explain INTO mp_explain;

-- no user mapping is needed
EXPLAIN (COSTS OFF) SELECT * FROM service_accounts;
EXPLAIN (COSTS OFF) SELECT * FROM service_accounts WHERE id = 5;
EXPLAIN (COSTS OFF) SELECT * FROM service_accounts WHERE id IN (5, 6);
EXPLAIN (COSTS OFF) SELECT * FROM service_accounts WHERE id IN (5, 6) AND id IN (6, 7);
EXPLAIN (COSTS OFF) SELECT * FROM service_accounts WHERE id IN (5, 6) AND id IN (7, 8);
EXPLAIN (COSTS OFF) SELECT * FROM service_accounts WHERE id = ANY ('{}');
EXPLAIN (COSTS OFF) SELECT * FROM service_accounts WHERE organization_id = 124;
EXPLAIN (COSTS OFF) SELECT * FROM service_accounts WHERE username = 'x';
EXPLAIN (COSTS OFF) SELECT * FROM project_memberships;
EXPLAIN (COSTS OFF) SELECT * FROM project_memberships WHERE service_account_id = 5;
EXPLAIN (COSTS OFF) SELECT * FROM project_memberships WHERE project_id = 1001;
EXPLAIN (COSTS OFF) SELECT * FROM project_memberships WHERE project_id IN (1001, 1002);
EXPLAIN (COSTS OFF) SELECT * FROM project_memberships WHERE service_account_id = 5 AND project_id = 1001;
EXPLAIN (COSTS OFF) SELECT * FROM project_memberships WHERE project_id IN (1001) AND project_id IN (1002, 1003);
ALTER SERVER mp_explain OPTIONS (ADD membership_read 'project');
EXPLAIN (COSTS OFF) SELECT * FROM project_memberships;
EXPLAIN (COSTS OFF) SELECT * FROM project_memberships WHERE service_account_id = 5;
ALTER SERVER mp_explain OPTIONS (ADD project_ids '1001,1002');
EXPLAIN (COSTS OFF) SELECT * FROM project_memberships;
ALTER SERVER mp_explain OPTIONS (SET membership_read 'account', DROP project_ids);
EXPLAIN (COSTS OFF) SELECT * FROM project_memberships WHERE project_id = 1001;
ALTER SERVER mp_explain OPTIONS (DROP membership_read);
-- without an organization
ALTER SERVER mp_explain OPTIONS (DROP organization_id);
EXPLAIN (COSTS OFF) SELECT * FROM service_accounts;
ALTER SERVER mp_explain OPTIONS (ADD organization_id '123');

-- keys that are known only at execution
PREPARE one(bigint) AS SELECT * FROM service_accounts WHERE id = $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE one(5);
SET plan_cache_mode = force_custom_plan;
EXPLAIN (COSTS OFF) EXECUTE one(5);
RESET plan_cache_mode;
CREATE TABLE owner (account bigint PRIMARY KEY, person text);
INSERT INTO owner VALUES (2, 'ada'), (3, 'bob');
ANALYZE owner;
-- Only the lines that are ours: the rest differs between versions.
CREATE FUNCTION requests(query text, options text DEFAULT 'FORMAT TEXT') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE format('EXPLAIN (COSTS OFF, %s) %s', options, query) LOOP
    RETURN QUERY SELECT ltrim(l) FROM regexp_split_to_table(line, E'\n') l WHERE l ~ 'Mixpanel|GET /';
  END LOOP;
END $$;
SELECT requests('SELECT id FROM service_accounts WHERE id = (SELECT 5)');
SELECT requests('SELECT person, m.project_id FROM owner LEFT JOIN project_memberships m ON m.service_account_id = account WHERE account = 2');
SELECT requests('SELECT person, s.username FROM owner, LATERAL (SELECT username FROM service_accounts WHERE id = account LIMIT 1) s');

-- scans that wait together, unless async_capable is false
CREATE FOREIGN TABLE one_org (id bigint) SERVER mp_explain OPTIONS (object 'service_accounts');
CREATE FOREIGN TABLE other_org (id bigint) SERVER mp_explain OPTIONS (object 'service_accounts', organization_id '124');
EXPLAIN (COSTS OFF) SELECT id FROM one_org UNION ALL SELECT id FROM other_org;
ALTER FOREIGN TABLE other_org OPTIONS (ADD async_capable 'false');
EXPLAIN (COSTS OFF) SELECT id FROM one_org UNION ALL SELECT id FROM other_org;
ALTER SERVER mp_explain OPTIONS (ADD async_capable 'false');
ALTER FOREIGN TABLE other_org OPTIONS (SET async_capable 'true');
EXPLAIN (COSTS OFF) SELECT id FROM one_org UNION ALL SELECT id FROM other_org;
ALTER SERVER mp_explain OPTIONS (DROP async_capable);

-- modifications
EXPLAIN (COSTS OFF) INSERT INTO service_accounts (username) VALUES ('x') RETURNING id, secret;
EXPLAIN (COSTS OFF) DELETE FROM service_accounts WHERE id = 5;
EXPLAIN (COSTS OFF) INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (5, 1001, 'admin');
EXPLAIN (COSTS OFF) UPDATE project_memberships SET role = 'admin' WHERE service_account_id = 5;
EXPLAIN (COSTS OFF) DELETE FROM project_memberships WHERE service_account_id = 5;
ALTER SERVER mp_explain OPTIONS (ADD membership_write 'single');
EXPLAIN (COSTS OFF) INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (5, 1001, 'admin');
EXPLAIN (COSTS OFF) UPDATE project_memberships SET role = 'admin' WHERE service_account_id = 5;
EXPLAIN (COSTS OFF) DELETE FROM project_memberships WHERE service_account_id = 5;
ALTER SERVER mp_explain OPTIONS (DROP membership_write);
-- an INSERT that would lose a secret can be explained
EXPLAIN (COSTS OFF) INSERT INTO service_accounts (username) VALUES ('x');
-- what planning refuses, EXPLAIN refuses too
EXPLAIN (COSTS OFF) UPDATE service_accounts SET role = 'admin';
\echo :SQLSTATE
EXPLAIN (COSTS OFF) INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (5, 1001, 'admin') ON CONFLICT DO NOTHING;
\echo :SQLSTATE

-- formats: several requests are a list
SELECT requests('SELECT role FROM project_memberships', 'FORMAT JSON');
SELECT requests('SELECT role FROM service_accounts WHERE id = 5', 'FORMAT JSON');
SELECT requests('SELECT role FROM project_memberships', 'FORMAT YAML');
SELECT requests('SELECT role FROM project_memberships', 'FORMAT XML');
EXPLAIN (COSTS OFF, VERBOSE) SELECT id, username FROM service_accounts WHERE id = 5 AND role = 'admin';
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts

-- ANALYZE makes the requests and tells what they cost.  What differs from one
-- run or version to another is left out.
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_explain
  OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
CREATE FUNCTION costs(query text, options text DEFAULT 'TIMING OFF') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE format('EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF, BUFFERS OFF, %s) %s', options, query) LOOP
    IF line ~ 'Mixpanel|API' THEN
      line := regexp_replace(line, 'Received: [0-9]+ kB', 'Received: N kB');
      RETURN NEXT ltrim(regexp_replace(line, 'Time: [0-9.]+ ms', 'Time: N ms'));
    END IF;
  END LOOP;
END $$;
SELECT costs('SELECT * FROM service_accounts');
SELECT costs('SELECT * FROM service_accounts', 'TIMING ON');
SELECT costs('SELECT * FROM service_accounts WHERE id IN (2, 3, 4711)');
SELECT costs('SELECT * FROM service_accounts WHERE id IN (2, 3) AND id IN (4, 5)', 'TIMING ON');
SELECT costs('SELECT * FROM project_memberships');
SELECT costs('SELECT * FROM project_memberships WHERE project_id = 1001');
SELECT costs('SELECT person, (SELECT username FROM service_accounts WHERE id = account) FROM owner');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=503
SELECT costs('SELECT * FROM service_accounts');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
SELECT costs('INSERT INTO service_accounts (username) VALUES (''x'') RETURNING id, secret');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- the rest goes out at COMMIT, after EXPLAIN
BEGIN;
SELECT costs('INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1001, ''admin'')');
SELECT costs('DELETE FROM service_accounts WHERE id = 3');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
ROLLBACK;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
-- the parts that a program reads
CREATE FUNCTION plan_of(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  plan jsonb;
BEGIN
  EXECUTE format('EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF, BUFFERS OFF, FORMAT JSON) %s', query) INTO plan;
  RETURN plan #> '{0,Plan}';
END $$;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT set latency_ms=50
SELECT p -> 'Mixpanel Request' AS request, p -> 'API Requests' AS requests,
       (p ->> 'API Bytes Received')::int > 0 AS received, (p ->> 'API Wait Time')::float > 0 AS waited
FROM plan_of('SELECT * FROM project_memberships WHERE service_account_id = 2') p;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT set latency_ms=0
-- no output contains a secret
SELECT bool_or(line ~* 'admin-secret|Authorization|Basic') AS told
FROM costs('SELECT * FROM service_accounts', 'VERBOSE') line;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear

-- the planner counts requests: a lookup by key is cheaper than a full read
CREATE FUNCTION total_cost(query text) RETURNS float LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
  RETURN plan #>> '{0,Plan,Total Cost}';
END $$;
SELECT total_cost('SELECT * FROM service_accounts WHERE id = 5') < total_cost('SELECT * FROM service_accounts') AS one_or_all,
       total_cost('SELECT * FROM project_memberships WHERE service_account_id = 5') < total_cost('SELECT * FROM project_memberships') AS account_or_all,
       total_cost('SELECT * FROM project_memberships WHERE project_id = 5') < total_cost('SELECT * FROM project_memberships') AS project_or_all,
       total_cost('SELECT * FROM service_accounts') < total_cost('SELECT * FROM project_memberships') AS list_or_fan_out;
-- fdw_startup_cost and fdw_tuple_cost
SELECT total_cost('SELECT * FROM service_accounts') AS before \gset
ALTER SERVER mp_explain OPTIONS (ADD fdw_startup_cost '5000');
SELECT total_cost('SELECT * FROM service_accounts') > :before + 4000 AS dearer;
ALTER FOREIGN TABLE service_accounts OPTIONS (ADD fdw_startup_cost '0');
SELECT total_cost('SELECT * FROM service_accounts') < :before AS table_wins;
ALTER FOREIGN TABLE service_accounts OPTIONS (ADD fdw_tuple_cost '1000');
SELECT total_cost('SELECT * FROM service_accounts') > 1000 * :before AS dearer;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts

DROP EXTENSION mixpanel_sa_fdw CASCADE;
DROP SCHEMA mp_explain CASCADE;
