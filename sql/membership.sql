-- project_memberships: reading by account and by project, adding, changing and
-- removing, and what goes out at COMMIT.
\getenv port MP_SIMULATOR_PORT
\set base_url 'http://127.0.0.1:' :port '/api/app'
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=4 projects=3
SET client_min_messages = warning;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SCHEMA mp_member;
SET search_path = mp_member, public;
CREATE SERVER mp_member FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', organization_id '123');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_member
  OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_member INTO mp_member;

-- every column, by account and by project
\x on
SELECT * FROM project_memberships WHERE service_account_id = 2 AND project_id = 1002;
SELECT * FROM project_memberships WHERE project_id = 1002 AND role = 'analyst';
\x off
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
SELECT service_account_id, project_id, role, project_name, username, organization_id
FROM project_memberships ORDER BY 1, 2;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear

-- the keys in the condition decide which calls are used
SELECT count(*) FROM project_memberships WHERE service_account_id = 3;
SELECT count(*) FROM project_memberships WHERE project_id = 1001;
SELECT count(*) FROM project_memberships WHERE service_account_id = 3 AND project_id = 1001;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
SELECT count(*) FROM project_memberships WHERE service_account_id IN (2, 3);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
SELECT count(*) FROM project_memberships WHERE project_id = ANY (ARRAY(SELECT generate_series(1001, 1002)));
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
SELECT count(*) FROM project_memberships WHERE service_account_id = 3 AND service_account_id = 4;
SELECT count(*) FROM project_memberships WHERE project_id IN (1001) AND project_id IN (1002);
SELECT count(*) FROM project_memberships WHERE organization_id = 124;
SELECT count(*) FROM project_memberships WHERE service_account_id = ANY ('{}') OR project_id = NULL;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
-- an account that does not exist has no memberships, once the API has shown that
SELECT count(*) FROM project_memberships WHERE service_account_id = 4711;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
SELECT count(*) FROM project_memberships WHERE project_id = 4711;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log

-- membership_read and project_ids
ALTER SERVER mp_member OPTIONS (ADD membership_read 'project');
SELECT count(*) FROM project_memberships;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
SELECT count(*) FROM project_memberships WHERE service_account_id = 2;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
ALTER SERVER mp_member OPTIONS (ADD project_ids '1001,1003');
SELECT project_id, count(*) FROM project_memberships GROUP BY 1 ORDER BY 1;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
ALTER SERVER mp_member OPTIONS (SET membership_read 'account', DROP project_ids);
SELECT count(*) FROM project_memberships WHERE project_id = 1001;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
ALTER SERVER mp_member OPTIONS (DROP membership_read);

-- joins
SELECT username, m.project_id, m.role FROM service_accounts s JOIN project_memberships m USING (username)
WHERE s.id = 2 AND m.service_account_id = 2 ORDER BY 2;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
CREATE TABLE wanted (account bigint, project bigint, role text);
INSERT INTO wanted VALUES (2, 1001, 'admin'), (2, 1002, 'analyst'), (3, 1003, 'consumer');
ANALYZE wanted;
SELECT w.*, m.role AS has FROM wanted w LEFT JOIN project_memberships m
ON m.service_account_id = account AND m.project_id = project ORDER BY 1, 2;
SELECT s.id, (SELECT count(*) FROM project_memberships m WHERE m.service_account_id = s.id) AS memberships
FROM service_accounts s ORDER BY 1;
SELECT s.id FROM service_accounts s WHERE NOT EXISTS (
  SELECT FROM project_memberships m WHERE m.service_account_id = s.id AND m.project_id = 1001) ORDER BY 1;
SELECT s.username, m.project_name, m.role FROM service_accounts s
JOIN project_memberships m ON m.service_account_id = s.id
WHERE s.expires < '2026-01-01' ORDER BY 1, 2;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log

-- a name is read wherever the query does more with it than show it
SELECT count(username), min(username), max(username) FROM project_memberships WHERE service_account_id = 2;
SELECT username, count(*) FROM project_memberships WHERE service_account_id IN (2, 3) GROUP BY 1 ORDER BY 1;
SELECT service_account_id FROM project_memberships WHERE service_account_id = 2 GROUP BY 1 HAVING max(username) IS NULL;
SELECT project_id, username IS NULL AS nameless, coalesce(username, 'none') FROM project_memberships WHERE service_account_id = 2 ORDER BY 1;
SELECT DISTINCT username FROM project_memberships WHERE service_account_id IN (2, 3) ORDER BY 1;
SELECT project_id FROM project_memberships WHERE service_account_id IN (2, 3) ORDER BY username DESC, 1 LIMIT 1;
SELECT count(*) FROM (SELECT username FROM project_memberships WHERE service_account_id = 2 OFFSET 0) s WHERE username IS NULL;
WITH s AS MATERIALIZED (SELECT * FROM project_memberships WHERE project_id = 1001) SELECT count(*) FROM s WHERE project_name IS NULL;
SELECT id FROM service_accounts s WHERE (SELECT max(m.username) FROM project_memberships m WHERE m.service_account_id = s.id) IS NULL;
SELECT a.id, coalesce(m.username, 'none') AS name FROM generate_series(2, 3) a (id) LEFT JOIN project_memberships m ON m.service_account_id = a.id ORDER BY 1, m.project_id;
SELECT count(*) FROM (SELECT username FROM project_memberships WHERE service_account_id = 2
UNION ALL SELECT coalesce(username, 'none') FROM project_memberships WHERE service_account_id = 3 UNION ALL SELECT NULL) s WHERE username IS NULL OR username = 'none';
SELECT coalesce(username, 'none') AS name FROM project_memberships WHERE service_account_id = 2 UNION ALL SELECT 'x' ORDER BY 1;
SELECT (m).username FROM (SELECT m FROM project_memberships m WHERE service_account_id = 2 OFFSET 0) s;
BEGIN;
UPDATE project_memberships SET role = username WHERE service_account_id = 2 RETURNING role, username IS NULL AS nameless;
DELETE FROM project_memberships WHERE service_account_id = 3 RETURNING project_id, coalesce(username, 'none') AS name;
WITH d AS (DELETE FROM project_memberships WHERE service_account_id = 2 RETURNING *) SELECT count(*) FROM d WHERE username IS NULL;
CREATE TEMPORARY TABLE kept (project_id bigint, username text);
INSERT INTO kept SELECT project_id, username FROM project_memberships WHERE service_account_id = 4 RETURNING *;
ROLLBACK;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
-- one that is only shown makes no request of its own
SELECT project_id, username FROM project_memberships WHERE service_account_id = 2 ORDER BY 1;
SELECT count(*) FROM (SELECT * FROM project_memberships WHERE service_account_id = 2 OFFSET 0) s WHERE role IS NULL;
BEGIN;
SELECT project_id, username FROM project_memberships WHERE service_account_id = 2 AND project_id = 1002 FOR UPDATE;
DELETE FROM project_memberships WHERE service_account_id = 2 RETURNING project_id, username;
ROLLBACK;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear

-- adding: one call, at COMMIT
BEGIN;
INSERT INTO project_memberships (service_account_id, project_id, role)
VALUES (2, 1001, 'analyst'), (3, 1001, 'analyst') RETURNING *;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
COMMIT;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
-- changing the role: by INSERT of an existing membership, and by UPDATE
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1001, 'consumer');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
UPDATE project_memberships SET role = 'admin' WHERE service_account_id = 2 AND project_id = 1001
RETURNING service_account_id, project_id, role;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
UPDATE project_memberships SET role = 'custom role' WHERE project_id = 1001 AND role = 'analyst';
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
UPDATE project_memberships m SET role = w.role FROM wanted w
WHERE m.service_account_id = w.account AND m.project_id = w.project AND m.role <> w.role;
UPDATE project_memberships SET role = 'admin' WHERE service_account_id = 4711;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
-- removing
DELETE FROM project_memberships WHERE service_account_id = 2 AND project_id = 1001
RETURNING service_account_id, project_id, role, username;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
DELETE FROM project_memberships WHERE project_id = 1001;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
DELETE FROM project_memberships WHERE service_account_id = 4711;
DELETE FROM project_memberships WHERE service_account_id = 1 AND service_account_id = 2;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log

-- membership_write 'single': one call for each membership
ALTER SERVER mp_member OPTIONS (ADD membership_write 'single');
INSERT INTO project_memberships (service_account_id, project_id, role)
VALUES (2, 1001, 'analyst'), (3, 1001, 'admin');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
UPDATE project_memberships SET role = 'consumer' WHERE service_account_id = 2 AND project_id = 1001;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
DELETE FROM project_memberships WHERE project_id = 1001;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
-- 'bulk' never sends a single call
ALTER SERVER mp_member OPTIONS (SET membership_write 'bulk');
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1001, 'analyst');
DELETE FROM project_memberships WHERE project_id = 1001;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
ALTER SERVER mp_member OPTIONS (DROP membership_write);

-- a full rectangle is one call; no other pair is granted
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=11 projects=20 memberships_per_account=0
INSERT INTO project_memberships (service_account_id, project_id, role)
SELECT a, p, 'analyst' FROM generate_series(2, 11) a, generate_series(1001, 1020) p;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
SELECT count(*) FROM project_memberships;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
DELETE FROM project_memberships;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
INSERT INTO project_memberships (service_account_id, project_id, role)
VALUES (2, 1001, 'analyst'), (2, 1002, 'analyst'), (3, 1002, 'analyst'), (4, 1003, 'admin'), (4, 1001, 'analyst');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log

-- COPY FROM
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=4 projects=3 memberships_per_account=0
COPY project_memberships (service_account_id, project_id, role) FROM STDIN;
2	1001	analyst
3	1001	analyst
2	1002	analyst
3	1002	analyst
\.
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
COPY project_memberships (project_id, service_account_id, role) FROM STDIN (FORMAT csv, HEADER);
project_id,service_account_id,role
1003,4,"custom, ""quoted"""
\.
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
COPY project_memberships (service_account_id, project_id, role) FROM STDIN;
4	1001	analyst
4	1002	\N
\.
\set VERBOSITY sqlstate
COPY project_memberships (service_account_id, project_id, role) FROM STDIN;
4	1001	analyst
4	1002	\N
\.
COPY project_memberships (service_account_id, project_id, role) FROM STDIN;
4	1001	analyst
4	many	analyst
\.
\set VERBOSITY default
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships

-- INSERT ... SELECT from a local table, from itself, with defaults
INSERT INTO project_memberships (service_account_id, project_id, role)
SELECT account, project, role FROM wanted WHERE project > 1001;
INSERT INTO project_memberships (service_account_id, project_id, role)
SELECT 4, project_id, role FROM project_memberships WHERE service_account_id = 2;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
ALTER FOREIGN TABLE project_memberships ALTER role SET DEFAULT 'consumer';
INSERT INTO project_memberships (service_account_id, project_id) VALUES (2, 1003) RETURNING role;
INSERT INTO project_memberships VALUES (3, 1003, DEFAULT) RETURNING role;
INSERT INTO project_memberships (service_account_id, project_id, organization_id) VALUES (4, 1003, 123) RETURNING *;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
WITH gone AS (DELETE FROM project_memberships WHERE service_account_id = 4 RETURNING *)
INSERT INTO project_memberships (service_account_id, project_id, role)
SELECT 1, project_id, role FROM gone RETURNING service_account_id, project_id;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log

-- row triggers see and change rows; a NULL from a BEFORE trigger skips one
CREATE TABLE journal (n serial, said text);
CREATE FUNCTION before_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO journal (said) VALUES (format('%s %s: %s', TG_WHEN, TG_OP, CASE TG_OP WHEN 'DELETE' THEN OLD.role ELSE NEW.role END));
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  IF NEW.role = 'skip' THEN RETURN NULL; END IF;
  NEW.role := lower(NEW.role);
  RETURN NEW;
END $$;
CREATE FUNCTION after_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO journal (said) VALUES (format('%s %s: %s -> %s', TG_WHEN, TG_OP,
    CASE WHEN TG_OP <> 'INSERT' THEN OLD.role END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.role END));
  RETURN NULL;
END $$;
CREATE TRIGGER before_row BEFORE INSERT OR UPDATE OR DELETE ON project_memberships FOR EACH ROW EXECUTE FUNCTION before_row();
CREATE TRIGGER after_row AFTER INSERT OR UPDATE OR DELETE ON project_memberships FOR EACH ROW EXECUTE FUNCTION after_row();
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (4, 1001, 'ANALYST'), (4, 1002, 'skip');
UPDATE project_memberships SET role = 'Admin' WHERE service_account_id = 4;
DELETE FROM project_memberships WHERE service_account_id = 4;
SELECT said FROM journal ORDER BY n;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- a trigger cannot move a row to another key
CREATE FUNCTION move_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.project_id := 1003;
  RETURN NEW;
END $$;
CREATE TRIGGER move_row BEFORE UPDATE ON project_memberships FOR EACH ROW EXECUTE FUNCTION move_row();
UPDATE project_memberships SET role = 'admin' WHERE service_account_id = 2 AND project_id = 1001;
\echo :SQLSTATE
DROP TRIGGER move_row ON project_memberships;
DROP TRIGGER before_row ON project_memberships;
DROP TRIGGER after_row ON project_memberships;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log

-- an updatable view
CREATE VIEW analysts AS SELECT service_account_id, project_id, role FROM project_memberships WHERE role = 'analyst' WITH CHECK OPTION;
INSERT INTO analysts VALUES (4, 1001, 'analyst');
INSERT INTO analysts VALUES (4, 1002, 'admin');
\echo :SQLSTATE
UPDATE analysts SET role = 'admin' WHERE service_account_id = 4;
\echo :SQLSTATE
DELETE FROM analysts WHERE service_account_id = 4;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- each document's server is read and written with the same options
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=3 projects=2 document=bulk
\c
SET search_path = mp_member, public;
ALTER FOREIGN TABLE project_memberships ALTER role DROP DEFAULT;
SELECT service_account_id, project_id, role FROM project_memberships WHERE service_account_id = 2 ORDER BY 2;
SELECT service_account_id, project_id, role FROM project_memberships WHERE project_id = 1002 ORDER BY 1;
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (3, 1002, 'admin');
DELETE FROM project_memberships WHERE service_account_id = 2 AND project_id = 1001;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear | LC_ALL=C sort
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=3 projects=2 document=nested
\c
SET search_path = mp_member, public;
SELECT service_account_id, project_id, role FROM project_memberships WHERE service_account_id = 2 ORDER BY 2;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
SELECT service_account_id, project_id, role FROM project_memberships WHERE project_id = 1002 ORDER BY 1;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (3, 1002, 'admin');
DELETE FROM project_memberships WHERE service_account_id = 2 AND project_id = 1001;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear | LC_ALL=C sort
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=3 projects=2 document=docs
\c
SET search_path = mp_member, public;
SELECT service_account_id, project_id, role FROM project_memberships WHERE service_account_id = 2 ORDER BY 2;
SELECT service_account_id, project_id, role FROM project_memberships WHERE project_id = 1002 ORDER BY 1;
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (3, 1002, 'admin');
DELETE FROM project_memberships WHERE service_account_id = 2 AND project_id = 1001;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear | LC_ALL=C sort -u
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships

SET client_min_messages = warning;
DROP EXTENSION mixpanel_sa_fdw CASCADE;
DROP SCHEMA mp_member CASCADE;
