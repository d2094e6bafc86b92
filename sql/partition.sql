-- Foreign tables as partitions and children: which row goes where, what moves,
-- and what triggers may do to it.
\getenv port MP_SIMULATOR_PORT
\set base_url 'http://127.0.0.1:' :port '/api/app'
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=4 projects=3
SET client_min_messages = warning;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SCHEMA mp_partition;
SET search_path = mp_partition, public;
CREATE SERVER mp_partition FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', organization_id '123');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_partition
  OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');

-- a row that UPDATE moves into a foreign partition
CREATE TABLE members (service_account_id bigint, project_id bigint, role text) PARTITION BY LIST (role);
CREATE TABLE members_wanted PARTITION OF members FOR VALUES IN ('wanted', 'later');
CREATE FOREIGN TABLE members_there PARTITION OF members DEFAULT SERVER mp_partition OPTIONS (object 'project_memberships');
INSERT INTO members VALUES (2, 1001, 'wanted'), (3, 1001, 'later');
UPDATE members SET role = 'analyst' WHERE role = 'wanted' RETURNING *, tableoid::regclass;
-- this is refused where the partition is a target of the same UPDATE
UPDATE members SET role = 'consumer' WHERE service_account_id = 3;
\echo :SQLSTATE
UPDATE members SET role = 'consumer' WHERE service_account_id = 3 RETURNING *;
\echo :SQLSTATE
PREPARE move AS UPDATE members SET role = 'consumer' WHERE service_account_id = $1;
EXECUTE move (3);
\echo :SQLSTATE
EXECUTE move (4);
-- a generic plan has the partition as a target, which matters where it has a row
SET plan_cache_mode = force_generic_plan;
PREPARE rekey AS UPDATE members SET project_id = $2 WHERE service_account_id = $1 AND role = $3 RETURNING *, tableoid::regclass;
EXECUTE rekey (3, 1002, 'later');
EXECUTE rekey (3, 1001, 'later');
EXECUTE rekey (4711, 1001, 'analyst');
EXECUTE rekey (2, 1002, 'analyst');
\echo :SQLSTATE
RESET plan_cache_mode;
WITH moved AS (UPDATE members SET role = 'consumer' WHERE service_account_id = 3 RETURNING *) SELECT * FROM moved;
\echo :SQLSTATE
SELECT * FROM members WHERE service_account_id = 3 ORDER BY 2, 3;
-- a row stays where it was read, whatever its new role
UPDATE members SET role = 'later' WHERE service_account_id = 2 AND role = 'analyst' AND project_id = 1001 RETURNING *, tableoid::regclass;
BEGIN;
UPDATE members SET role = 'admin' WHERE service_account_id = 2;
SELECT * FROM members WHERE service_account_id = 2 ORDER BY 2;
ROLLBACK;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
DELETE FROM members WHERE service_account_id = 2 RETURNING *, tableoid::regclass;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- MERGE: rows that move into the foreign partition, or are inserted there, where
-- that is not a target of the MERGE
MERGE INTO members USING (VALUES (3, 1001), (4, 1003)) v (account, project) ON service_account_id = account AND role IN ('wanted', 'later')
WHEN MATCHED THEN UPDATE SET role = 'consumer' WHEN NOT MATCHED THEN INSERT VALUES (account, project, 'admin');
MERGE INTO members USING (VALUES (3)) v (account) ON service_account_id = account WHEN MATCHED THEN UPDATE SET role = 'admin';
\echo :SQLSTATE
SELECT *, tableoid::regclass FROM members WHERE (service_account_id, project_id) IN ((3, 1001), (4, 1003)) ORDER BY 1;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
DELETE FROM members WHERE (service_account_id, project_id) IN ((3, 1001), (4, 1003));
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
-- INSERT, COPY and defaults
ALTER TABLE members ALTER role SET DEFAULT 'consumer';
INSERT INTO members VALUES (2, 1001, DEFAULT), (2, 1002, 'wanted'), (2, 1003, 'owner') RETURNING *, tableoid::regclass;
COPY members FROM STDIN;
4	1001	wanted
4	1002	admin
\.
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
SELECT *, tableoid::regclass FROM members WHERE service_account_id IN (2, 4) ORDER BY 1, 2, 3;
DELETE FROM members WHERE role IN ('wanted', 'later');
-- row triggers of the parent fire for the foreign partition as well
CREATE FUNCTION raise_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.role := 'owner';
  RETURN NEW;
END $$;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE WARNING '% % % on %: % -> %', TG_NAME, TG_WHEN, TG_OP, TG_TABLE_NAME, OLD, NEW;
  RETURN NULL;
END $$;
CREATE TRIGGER raise_role BEFORE INSERT OR UPDATE ON members FOR EACH ROW EXECUTE FUNCTION raise_role();
CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON members FOR EACH ROW EXECUTE FUNCTION tell();
INSERT INTO members VALUES (4, 1001, 'analyst');
UPDATE members SET role = 'admin' WHERE service_account_id = 4 AND project_id = 1001 AND role <> 'wanted' RETURNING *;
DELETE FROM members WHERE service_account_id = 4 AND project_id = 1001;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
DROP TRIGGER raise_role ON members;
DROP TRIGGER tell ON members;
-- out of the foreign partition and into it in one statement
WITH gone AS (DELETE FROM members WHERE service_account_id = 2 AND role = 'owner' RETURNING *)
INSERT INTO members SELECT 3, project_id, 'analyst' FROM gone RETURNING *;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- accounts: the secret of a row that moves here is read by the UPDATE
CREATE TABLE bots (id bigint, username text, secret text) PARTITION BY LIST (username);
CREATE TABLE bots_planned PARTITION OF bots FOR VALUES IN ('plan 1');
CREATE TABLE bots_more PARTITION OF bots FOR VALUES IN ('plan 2');
CREATE FOREIGN TABLE bots_there (secret text, username text, id bigint) SERVER mp_partition OPTIONS (object 'service_accounts');
ALTER TABLE bots ATTACH PARTITION bots_there DEFAULT;
INSERT INTO bots (username) VALUES ('plan 1'), ('plan 2');
UPDATE bots SET username = 'mover' WHERE username = 'plan 1' RETURNING id, username, length(secret), tableoid::regclass;
UPDATE bots SET username = 'mover' WHERE username = 'plan 2';
\echo :SQLSTATE
UPDATE bots SET username = 'mover' WHERE username IN ('plan 1', 'plan 2') RETURNING id;
\echo :SQLSTATE
UPDATE bots SET username = 'whole row' WHERE username IN ('plan 1', 'plan 2') RETURNING (bots).id, (bots).secret <> '' AS secret;
INSERT INTO bots (username) VALUES ('plan 1');
UPDATE bots b SET username = v.name FROM (VALUES ('plan 1', 'from a join')) AS v (old, name) WHERE username IN ('plan 1', 'plan 2') AND username = old
RETURNING b.id, v.name, length(b.secret);
INSERT INTO bots (username) VALUES ('plan 2'), ('direct') RETURNING username, secret IS NOT NULL AS secret, tableoid::regclass;
INSERT INTO bots (username) VALUES ('direct') RETURNING id, username;
\echo :SQLSTATE
MERGE INTO bots USING (VALUES ('merged')) v (name) ON username = 'plan 1' WHEN NOT MATCHED THEN INSERT (username) VALUES (name);
\echo :SQLSTATE
UPDATE bots SET username = 'x' WHERE id = 5;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- an account whose row cannot be returned is deleted again
UPDATE bots SET username = 'gone' WHERE username = 'plan 2' RETURNING id, 1 / length(left(secret, 0));
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
SELECT id, username, secret FROM bots WHERE id IS NULL OR id > 4 ORDER BY 1;

\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=4 projects=3
-- a BEFORE trigger can set what the statement can, and no more
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_partition INTO mp_partition;
CREATE FUNCTION set_column() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW := jsonb_populate_record(NEW, TG_ARGV[0]::jsonb);
  RETURN NEW;
END $$;
CREATE FUNCTION refuse(given jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  state text := 'no error';
BEGIN
  EXECUTE format('CREATE TRIGGER t BEFORE UPDATE ON project_memberships FOR EACH ROW EXECUTE FUNCTION set_column(%L)', given);
  BEGIN
    UPDATE project_memberships SET role = 'owner' WHERE service_account_id = 2 AND project_id = 1002;
  EXCEPTION WHEN OTHERS THEN
    state := SQLSTATE || ' ' || SQLERRM;
  END;
  DROP TRIGGER t ON project_memberships;
  RETURN state;
END $$;
BEGIN;
SELECT refuse(given), given FROM jsonb_array_elements('[{"project_name": "x"}, {"project_name": null}, {"username": "x"}, {"grant_type": "x"},
  {"has_sensitive_access": true}, {"attrs": {"role": "x"}}, {"organization_id": 5}, {"organization_id": null}, {"project_id": 1003},
  {"service_account_id": 3}, {"role": null}, {"role": ""}, {"role": "admin"}, {"organization_id": 123}]') AS given;
ROLLBACK;
CREATE TRIGGER t BEFORE UPDATE ON project_memberships FOR EACH ROW EXECUTE FUNCTION set_column('{"username": "liar"}');
UPDATE project_memberships SET role = 'owner' WHERE service_account_id = 2 AND project_id = 1002 RETURNING *;
\echo :SQLSTATE
DROP TRIGGER t ON project_memberships;
-- on INSERT
CREATE TRIGGER t BEFORE INSERT ON project_memberships FOR EACH ROW EXECUTE FUNCTION set_column('{"username": "liar"}');
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (4, 1001, 'admin');
\echo :SQLSTATE
DROP TRIGGER t ON project_memberships;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log

-- after a change of role, a row says one thing everywhere
CREATE FOREIGN TABLE as_text (service_account_id bigint, project_id bigint, role varchar, attrs text)
  SERVER mp_partition OPTIONS (object 'project_memberships');
CREATE TRIGGER tell AFTER UPDATE ON as_text FOR EACH ROW EXECUTE FUNCTION tell();
BEGIN;
UPDATE project_memberships SET role = 'custom "role" \ é' WHERE service_account_id = 2 RETURNING role, attrs;
SELECT role, attrs->>'role' AS in_attrs FROM project_memberships WHERE service_account_id = 2;
UPDATE as_text SET role = 'owner' WHERE service_account_id = 2 AND project_id = 1002 RETURNING role, attrs;
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1003, 'admin'), (2, 1001, 'admin') RETURNING role, attrs;
SELECT project_id, role, attrs FROM as_text WHERE service_account_id = 2 ORDER BY 1;
SELECT project_id FROM project_memberships WHERE attrs->>'role' = 'owner' AND service_account_id = 2;
SELECT project_id, role, attrs FROM project_memberships m WHERE project_id = 1002 AND role = 'owner';
ROLLBACK;

SET client_min_messages = error;
DROP EXTENSION mixpanel_sa_fdw CASCADE;
DROP SCHEMA mp_partition CASCADE;
