-- Reading service_accounts: every column, what becomes a request and what does
-- not, joins, cursors, prepared statements, functions.
\getenv port MP_SIMULATOR_PORT
\set base_url 'http://127.0.0.1:' :port '/api/app'
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z organizations=2
SET client_min_messages = warning;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SCHEMA mp_select;
SET search_path = mp_select, public;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SERVER mp_select FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', organization_id '123');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_select
  OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_select INTO mp_select;

-- every column
\x on
SELECT * FROM service_accounts WHERE id IN (1, 3) ORDER BY id;
\x off
SELECT id, username, name, role FROM service_accounts ORDER BY id;
SELECT id, expires, created, last_used FROM service_accounts ORDER BY id;
SELECT count(*), count(secret) AS secrets, count(projects) AS projects,
       bool_and(organization_id = 123) AS ours,
       bool_or(attrs::text ~* 'secret') AS told
FROM service_accounts;
SELECT tableoid::regclass, id FROM service_accounts WHERE id = 2;
SELECT sa FROM (SELECT id, username FROM service_accounts WHERE id = 2) sa;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear

-- one account is one GET, in whatever form the condition is written
SELECT id FROM service_accounts WHERE id = 5;
SELECT id FROM service_accounts WHERE 5 = id;
SELECT id FROM service_accounts WHERE id = 5::smallint;
SELECT id FROM service_accounts WHERE id = 5::bigint;
SELECT id FROM service_accounts WHERE id = (SELECT 5);
SELECT id FROM service_accounts WHERE id = 2 + 3;
SELECT id FROM service_accounts WHERE id = 5 AND id = 5;
SELECT id FROM service_accounts WHERE id = 5 AND username = 'bot-5';
SELECT id FROM service_accounts WHERE id = 5 AND username = 'bot-6';
SELECT id FROM service_accounts WHERE id = 5 AND organization_id = 123;
SELECT id FROM service_accounts WHERE id = ANY ('{5}');
SELECT id FROM service_accounts WHERE id IN (5, 5, NULL);
SELECT id FROM service_accounts WHERE id IN (4, 5) AND id IN (5, 6);
SELECT id FROM service_accounts WHERE id = ANY (ARRAY(SELECT 5));
SELECT id FROM service_accounts WHERE id = 5 OR id = 5;
SELECT id FROM service_accounts WHERE NOT id <> 5;
SELECT id FROM service_accounts WHERE id BETWEEN 5 AND 5 AND id = 5;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- several accounts are several GETs
SELECT id FROM service_accounts WHERE id = ANY ('{1,2,3}') ORDER BY id;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
SELECT id FROM service_accounts WHERE id IN (3, 2, 2, 4) ORDER BY id;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
SELECT id FROM service_accounts WHERE id = 2 OR id = 4 ORDER BY id;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
SELECT id FROM service_accounts WHERE id = 2 OR id = ANY ('{4,6}'::int[]) ORDER BY id;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
SELECT id FROM service_accounts WHERE id = ANY (ARRAY(SELECT generate_series(2, 4))) ORDER BY id;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
SELECT id FROM service_accounts WHERE id = ANY ('{7,8}'::smallint[]) ORDER BY id;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
-- an account that does not exist returns no row
SELECT id FROM service_accounts WHERE id = 4711;
SELECT id FROM service_accounts WHERE id = 9223372036854775807;
SELECT id FROM service_accounts WHERE id IN (2, 4711);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
-- nor does one of another organization
SELECT id FROM service_accounts WHERE id = 11;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- many accounts are a list
ALTER SERVER mp_select OPTIONS (ADD max_concurrency '2');
ANALYZE service_accounts;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
SELECT count(*) FROM service_accounts WHERE id = ANY (ARRAY(SELECT generate_series(1, 9)));
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
ALTER SERVER mp_select OPTIONS (DROP max_concurrency);

-- no request is sent where no row can match
SELECT id FROM service_accounts WHERE id = 1 AND id = 2;
SELECT id FROM service_accounts WHERE id IN (1, 2) AND id IN (3, 4);
SELECT id FROM service_accounts WHERE id = NULL;
SELECT id FROM service_accounts WHERE id = (SELECT NULL::bigint);
SELECT id FROM service_accounts WHERE id = ANY ('{}');
SELECT id FROM service_accounts WHERE id = ANY (NULL::bigint[]);
SELECT id FROM service_accounts WHERE id = ANY (ARRAY(SELECT 1 WHERE false));
SELECT id FROM service_accounts WHERE id = 0;
SELECT id FROM service_accounts WHERE id = -5;
SELECT id FROM service_accounts WHERE organization_id = 124;
SELECT id FROM service_accounts WHERE organization_id = 124 AND id = 5;
SELECT id FROM service_accounts WHERE organization_id = (SELECT 124);
SELECT id FROM service_accounts WHERE false;
SELECT id FROM service_accounts LIMIT 0;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts

-- other conditions are checked by the executor, after a list
SELECT id FROM service_accounts WHERE id > 8 ORDER BY id;
SELECT id FROM service_accounts WHERE id <> ALL ('{1,2,3,4,5,6,7,8}') ORDER BY id;
SELECT id FROM service_accounts WHERE id = 2 OR username = 'bot-4' ORDER BY id;
SELECT id FROM service_accounts WHERE id::text = '5';
SELECT id FROM service_accounts WHERE id = 5::numeric;
SELECT id FROM service_accounts WHERE id = creator + 4 - creator + 1;
SELECT id FROM service_accounts WHERE username IS NULL;
SELECT id FROM service_accounts WHERE expires < '2026-01-02' ORDER BY id;
SELECT id FROM service_accounts WHERE organization_id = 123 AND last_used IS NULL ORDER BY id;
SELECT id FROM service_accounts WHERE username LIKE 'bot-1%' ORDER BY id;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- aggregates, grouping, windows, LIMIT, DISTINCT, set operations, CTEs
SELECT role, count(*), min(expires) FROM service_accounts GROUP BY role ORDER BY role;
SELECT count(*) FILTER (WHERE expires < '2026-01-01') AS expired FROM service_accounts;
SELECT id, rank() OVER (PARTITION BY role ORDER BY id) FROM service_accounts WHERE id < 5 ORDER BY id;
SELECT count(*) FROM (SELECT 1 FROM service_accounts LIMIT 3) x;
SELECT id FROM service_accounts ORDER BY id DESC OFFSET 1 LIMIT 2;
SELECT DISTINCT role FROM service_accounts ORDER BY 1;
SELECT id FROM service_accounts WHERE id = 2 UNION ALL SELECT id FROM service_accounts WHERE id = 3 ORDER BY 1;
WITH old AS MATERIALIZED (SELECT id FROM service_accounts WHERE expires < '2026-02-01')
SELECT count(*), min(id) FROM old;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- joins with a local table
CREATE TABLE owner (account int, person text);
INSERT INTO owner VALUES (2, 'ada'), (3, 'bob'), (4711, 'eve');
ANALYZE owner;
SELECT person, username FROM owner JOIN service_accounts ON id = account ORDER BY 1;
SELECT person, username FROM owner LEFT JOIN service_accounts ON id = account ORDER BY 1;
SELECT id FROM service_accounts WHERE id NOT IN (SELECT account FROM owner) AND id < 5 ORDER BY id;
SELECT id FROM service_accounts s WHERE EXISTS (SELECT FROM owner WHERE account = s.id) ORDER BY id;
SELECT id FROM service_accounts s WHERE NOT EXISTS (SELECT FROM owner WHERE account = s.id) AND id < 5 ORDER BY id;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
-- one GET for each row, where no other plan is possible
SELECT person, s.username FROM owner, LATERAL (SELECT username FROM service_accounts WHERE id = account LIMIT 1) s ORDER BY 1;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
SELECT person, (SELECT username FROM service_accounts WHERE id = account) FROM owner ORDER BY 1;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- a self-join
SELECT a.id, b.id FROM service_accounts a JOIN service_accounts b ON b.id = a.id + 1 WHERE a.id = 5;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log

-- a view is read with its owner's mapping
CREATE VIEW expiring AS SELECT id, username, expires FROM service_accounts WHERE expires IS NOT NULL;
CREATE ROLE mp_viewer;
GRANT USAGE ON SCHEMA mp_select TO mp_viewer;
GRANT SELECT ON expiring, owner TO mp_viewer;
SET ROLE mp_viewer;
SELECT username FROM expiring WHERE id = 2;
SELECT username FROM service_accounts WHERE id = 2;
\echo :SQLSTATE
RESET ROLE;
GRANT SELECT ON service_accounts TO mp_viewer;
SET ROLE mp_viewer;
\set VERBOSITY sqlstate
SELECT username FROM service_accounts WHERE id = 2;
\set VERBOSITY default
RESET ROLE;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- so are the rows that a SECURITY DEFINER function reads
CREATE FUNCTION name_of(bigint) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = mp_select AS 'SELECT username FROM service_accounts WHERE id = $1';
SET ROLE mp_viewer;
SELECT mp_select.name_of(3);
RESET ROLE;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- prepared statements: custom plans, then the generic one
PREPARE one(bigint) AS SELECT id, username FROM service_accounts WHERE id = $1;
EXECUTE one(1);
EXECUTE one(2);
EXECUTE one(3);
EXECUTE one(4);
EXECUTE one(5);
EXECUTE one(6);
EXECUTE one(NULL);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
SET plan_cache_mode = force_generic_plan;
PREPARE several(int[]) AS SELECT id FROM service_accounts WHERE id = ANY ($1) ORDER BY id;
EXECUTE several('{2,3}');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
EXECUTE several('{}');
EXECUTE several(NULL);
PREPARE two(smallint, int) AS SELECT id FROM service_accounts WHERE id = $1 AND id = $2;
EXECUTE two(2, 3);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
EXECUTE two(3, 3);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
RESET plan_cache_mode;
-- a cached plan uses changed options
ALTER SERVER mp_select OPTIONS (SET organization_id '124');
EXECUTE one(12);
ALTER SERVER mp_select OPTIONS (SET organization_id '123');
EXECUTE one(2);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- PL/pgSQL: variables are parameters
DO $$
DECLARE
  account record;
  found text := '';
BEGIN
  FOR i IN 1..7 LOOP
    SELECT id, username INTO account FROM service_accounts WHERE id = i;
    found := concat_ws(' ', found, account.username);
  END LOOP;
  RAISE WARNING 'found%', found;
  FOR account IN SELECT id FROM service_accounts WHERE id = ANY (ARRAY[9, 8]) ORDER BY id LOOP
    RAISE WARNING 'account %', account.id;
  END LOOP;
END $$;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear

-- cursors: forwards, backwards, closed early
BEGIN;
DECLARE forwards NO SCROLL CURSOR FOR SELECT id FROM service_accounts;
FETCH 2 FROM forwards;
MOVE 3 IN forwards;
FETCH ALL FROM forwards;
CLOSE forwards;
DECLARE early CURSOR FOR SELECT id FROM service_accounts;
FETCH 1 FROM early;
CLOSE early;
DECLARE back SCROLL CURSOR FOR SELECT id, username FROM service_accounts;
FETCH 3 FROM back;
FETCH BACKWARD 2 FROM back;
FETCH LAST FROM back;
FETCH FIRST FROM back;
FETCH ABSOLUTE 5 FROM back;
FETCH RELATIVE -1 FROM back;
COMMIT;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- a cursor WITH HOLD outlives its transaction
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM service_accounts WHERE id = 3;
COMMIT;
FETCH ALL FROM held;
CLOSE held;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- copies: COPY, CREATE TABLE AS, materialized views, ANALYZE
COPY (SELECT id, username FROM service_accounts WHERE id < 3 ORDER BY id) TO STDOUT;
COPY service_accounts TO STDOUT;
\echo :SQLSTATE
CREATE TABLE kept AS SELECT id, username, attrs FROM service_accounts;
SELECT count(*) FROM kept;
CREATE MATERIALIZED VIEW seen AS SELECT role, count(*) FROM service_accounts GROUP BY role;
REFRESH MATERIALIZED VIEW seen;
SELECT * FROM seen ORDER BY 1;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
ANALYZE service_accounts;
SELECT reltuples FROM pg_class WHERE oid = 'service_accounts'::regclass;
SELECT attname, n_distinct, null_frac FROM pg_stats
WHERE schemaname = 'mp_select' AND tablename = 'service_accounts' AND attname IN ('id', 'role', 'secret') ORDER BY 1;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- MERGE reads it, and does not write it
MERGE INTO owner USING service_accounts s ON s.id = account
WHEN MATCHED THEN UPDATE SET person = s.username
WHEN NOT MATCHED AND s.id = 4 THEN INSERT VALUES (s.id, s.username);
SELECT * FROM owner ORDER BY account;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
MERGE INTO service_accounts s USING owner ON s.id = account WHEN MATCHED THEN DELETE;
\echo :SQLSTATE
-- row locks lock nothing, but are not an error
SELECT id FROM service_accounts WHERE id = 2 FOR UPDATE;
SELECT s.id, person FROM service_accounts s JOIN owner ON id = account WHERE id = 3 FOR SHARE;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear

-- the other documents use other names for what they return
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z document=docs
\x on
SELECT * FROM service_accounts WHERE id = 3;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z document=nested
SELECT * FROM service_accounts WHERE id = 3;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z document=bulk
SELECT * FROM service_accounts WHERE id = 3;
\x off
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- an organization without accounts
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=0
SELECT * FROM service_accounts;
SELECT id FROM service_accounts WHERE id = 1;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

DROP EXTENSION mixpanel_sa_fdw CASCADE;
DROP SCHEMA mp_select CASCADE;
DROP ROLE mp_viewer;
