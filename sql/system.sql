-- System columns: no transaction and no command of this server has made a row
-- of Mixpanel's, and no row has a place.
\getenv port MP_SIMULATOR_PORT
\set base_url 'http://127.0.0.1:' :port '/api/app'
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=4 projects=3
SET client_min_messages = warning;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SCHEMA mp_system;
SET search_path = mp_system, public;
CREATE SERVER mp_system FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', organization_id '123');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_system
  OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
CREATE FOREIGN TABLE members (service_account_id bigint, project_id bigint, role text, attrs jsonb)
  SERVER mp_system OPTIONS (object 'project_memberships');
CREATE FOREIGN TABLE accounts (id bigint, username text, secret text)
  SERVER mp_system OPTIONS (object 'service_accounts');
CREATE TABLE wanted (id bigint, word text);
INSERT INTO wanted SELECT i % 5, 'w' || i FROM generate_series(1, 20) i;
ANALYZE wanted;

-- shown, alone and with others; in conditions
SELECT xmin, xmax, cmin, cmax, ctid, tableoid::regclass, role FROM members WHERE service_account_id = 2 ORDER BY project_id;
SELECT xmin FROM members WHERE service_account_id = 2;
SELECT cmax, a FROM accounts a ORDER BY id;
SELECT count(*) FROM members WHERE xmin = '0' AND xmax = '0' AND cmin = '0' AND cmax = '0';
SELECT count(*) FROM members WHERE xmin <> '0';
SELECT xmin::text, count(*), max(role) FROM members GROUP BY 1;
SELECT xmin, role FROM members WHERE service_account_id = 2 ORDER BY project_id FOR UPDATE;
CREATE VIEW seen AS SELECT xmin AS x, tableoid::regclass AS t, * FROM members;
SELECT x, t, project_id FROM seen WHERE service_account_id = 2 ORDER BY 3;
COPY (SELECT xmin, id FROM accounts ORDER BY id) TO STDOUT;

-- rows that are read again: a cursor, a sub-select for each row
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT xmin, cmax, service_account_id FROM members WHERE service_account_id = 2;
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
COMMIT;
SELECT w.id, (SELECT string_agg(m.xmin::text, ' ') FROM members m WHERE m.service_account_id = w.id OFFSET 0) AS xmins
FROM wanted w WHERE w.id < 3 ORDER BY 1;

-- a lookup join
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
EXPLAIN (COSTS OFF) SELECT m.xmin, m.tableoid::regclass, m.role, w.word FROM wanted w LEFT JOIN members m ON m.service_account_id = w.id AND m.xmin <> '7';
SELECT m.xmin, m.cmax, m.tableoid::regclass, m.ctid, m.role, w.word FROM wanted w LEFT JOIN members m ON m.service_account_id = w.id AND m.xmin <> '7' WHERE w.word IN ('w4', 'w5') ORDER BY 5;
SELECT count(*) FROM wanted w JOIN members m ON m.service_account_id = w.id AND m.xmin::text <> w.word;
SELECT count(*) FROM wanted w WHERE NOT EXISTS (SELECT FROM members m WHERE m.service_account_id = w.id AND m.cmin::text < w.word);
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;

-- rows that are written, also with attrs made new
BEGIN;
INSERT INTO members VALUES (4, 1003, 'admin') RETURNING xmin, xmax, cmin, cmax, ctid, tableoid::regclass;
INSERT INTO members VALUES (2, 1001, 'admin') RETURNING xmin, role, members;
UPDATE members SET role = 'owner' WHERE service_account_id = 2 AND project_id = 1002 RETURNING xmin, xmax, cmin, cmax, ctid, tableoid::regclass, *;
UPDATE members m SET role = 'admin' FROM accounts a WHERE a.id = m.service_account_id AND a.xmin = '0' AND a.id = 3 RETURNING m.xmin, a.xmin, a.username, m.role;
DELETE FROM members WHERE service_account_id = 3 RETURNING xmin, xmax, cmin, cmax, ctid, tableoid::regclass, role;
WITH gone AS (DELETE FROM members WHERE service_account_id = 4 AND xmin = '0' RETURNING xmin, *) SELECT xmin, project_id, role FROM gone ORDER BY project_id;
INSERT INTO accounts (username) VALUES ('new') RETURNING xmin, cmax, tableoid::regclass, username, secret IS NOT NULL AS has_secret;
DELETE FROM accounts WHERE id = 3 RETURNING cmin, id;
ROLLBACK;

-- a view's condition, and those of triggers
CREATE VIEW checked AS SELECT * FROM members WHERE xmin = '0' AND role <> 'none' WITH CHECK OPTION;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE WARNING '% % % -> %', TG_NAME, TG_OP, OLD.role, NEW.role;
  RETURN NULL;
END $$;
CREATE TRIGGER new_row AFTER INSERT OR UPDATE ON members FOR EACH ROW WHEN (NEW.xmin = '0' AND NEW.cmax = '0') EXECUTE FUNCTION tell();
CREATE TRIGGER old_row AFTER DELETE ON members FOR EACH ROW WHEN (OLD.tableoid <> 0) EXECUTE FUNCTION tell();
BEGIN;
INSERT INTO checked VALUES (4, 1003, 'admin');
UPDATE checked SET role = 'analyst' WHERE service_account_id = 4;
DELETE FROM checked WHERE service_account_id = 4;
UPDATE checked SET role = 'none' WHERE service_account_id = 2;
\echo :SQLSTATE
ROLLBACK;
DROP TRIGGER new_row ON members;
DROP TRIGGER old_row ON members;

-- partitions: a row that is routed has no system columns of its own, wherever it goes
CREATE TABLE parent (service_account_id bigint, project_id bigint, role text, attrs jsonb) PARTITION BY LIST (role);
CREATE TABLE parent_here PARTITION OF parent FOR VALUES IN ('planned');
ALTER TABLE parent ATTACH PARTITION members DEFAULT;
INSERT INTO parent VALUES (9, 9, 'planned');
SELECT tableoid::regclass, xmin = '0' AS x, cmax, service_account_id FROM parent WHERE service_account_id IN (2, 9) ORDER BY 1, 2, 4;
SELECT tableoid::regclass, count(*) FROM parent WHERE xmin = '0' GROUP BY 1;
BEGIN;
INSERT INTO parent VALUES (4, 1003, 'admin') RETURNING tableoid::regclass, role;
UPDATE parent SET role = 'owner' WHERE service_account_id = 2 RETURNING tableoid::regclass, xmin, cmin, project_id;
DELETE FROM parent WHERE project_id IN (1003, 9) RETURNING tableoid::regclass, xmin = '0' AS x, service_account_id, project_id;
ROLLBACK;
INSERT INTO parent VALUES (4, 1003, 'admin') RETURNING xmin;
\echo :SQLSTATE
INSERT INTO parent VALUES (4, 1003, 'planned') RETURNING xmin;
\echo :SQLSTATE

-- every row shows the same ctid, so nothing is found, joined, sorted or counted by it
SELECT count(*) FROM members WHERE ctid = '(0,1)';
\echo :SQLSTATE
DELETE FROM members WHERE ctid IN (SELECT ctid FROM members LIMIT 1);
\echo :SQLSTATE
DELETE FROM members WHERE ctid = ANY (ARRAY(SELECT ctid FROM members LIMIT 1));
\echo :SQLSTATE
DELETE FROM members WHERE ctid IN (SELECT ctid FROM (SELECT ctid, row_number() OVER (PARTITION BY service_account_id) AS n FROM members) s WHERE n > 1);
\echo :SQLSTATE
DELETE FROM accounts a USING accounts b WHERE a.ctid = b.ctid AND b.id = 3;
\echo :SQLSTATE
DELETE FROM parent WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM parent WHERE service_account_id = 2 LIMIT 1);
\echo :SQLSTATE
SELECT count(*) FROM members a JOIN members b ON a.ctid = b.ctid;
\echo :SQLSTATE
SELECT count(DISTINCT ctid) FROM members;
\echo :SQLSTATE
SELECT role FROM members ORDER BY ctid;
\echo :SQLSTATE
-- locks of local partitions are by ctid, which is not looked at here
BEGIN;
SELECT p.role FROM wanted w JOIN parent p ON p.service_account_id = w.id WHERE w.word = 'w2' ORDER BY 1 FOR UPDATE;
UPDATE wanted w SET word = p.role FROM parent p WHERE p.service_account_id = w.id AND p.project_id = 1002 AND w.word = 'w2' RETURNING w.*;
MERGE INTO wanted w USING parent p ON w.id = p.service_account_id + 100 WHEN NOT MATCHED AND p.project_id = 1001 THEN INSERT VALUES (p.service_account_id, p.role);
ROLLBACK;

SET client_min_messages = error;
DROP EXTENSION mixpanel_sa_fdw CASCADE;
DROP SCHEMA mp_system CASCADE;
