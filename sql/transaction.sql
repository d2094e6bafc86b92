-- Transactions: what is sent when, what a rollback takes back, what a
-- transaction sees of its own changes, and mixpanel_sa_fdw_pending().
\getenv port MP_SIMULATOR_PORT
\set base_url 'http://127.0.0.1:' :port '/api/app'
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=5 projects=3 memberships_per_account=1
SET client_min_messages = warning;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SCHEMA mp_transaction;
SET search_path = mp_transaction, public;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SERVER mp_transaction FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', organization_id '123');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_transaction
  OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_transaction INTO mp_transaction;
CREATE VIEW members AS SELECT service_account_id AS account, project_id AS project, role FROM project_memberships;
CREATE VIEW pending AS SELECT change, service_account_id AS account, project_id AS project, role FROM mixpanel_sa_fdw_pending();
SELECT * FROM members ORDER BY 1, 2;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log

-- a transaction sees its own changes, in both tables and by every way; the
-- server does not, until COMMIT
BEGIN;
SELECT * FROM pending;
INSERT INTO members VALUES (2, 1001, 'analyst');
UPDATE members SET role = 'admin' WHERE account = 3;
DELETE FROM members WHERE account = 4;
DELETE FROM service_accounts WHERE id = 5;
SELECT id FROM service_accounts ORDER BY 1;
SELECT id FROM service_accounts WHERE id = 5;
SELECT count(*) FROM service_accounts WHERE id IN (4, 5);
SELECT * FROM members ORDER BY 1, 2;
SELECT * FROM members WHERE account = 2 ORDER BY 2;
SELECT * FROM members WHERE project = 1001 ORDER BY 1;
SELECT * FROM members WHERE account = 2 AND project = 1001;
SELECT * FROM members WHERE account = 4;
SELECT role, count(*) FROM members GROUP BY 1 ORDER BY 1;
SELECT username, project FROM service_accounts LEFT JOIN members ON account = id WHERE id > 1 ORDER BY 1, 2;
SELECT EXISTS (SELECT FROM members WHERE account = 5) AS has_five;
SELECT * FROM pending;
SELECT DISTINCT server FROM mixpanel_sa_fdw_pending();
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
COMMIT;
SELECT * FROM pending;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear | LC_ALL=C sort
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state

-- ROLLBACK: nothing was sent
BEGIN;
INSERT INTO members VALUES (4, 1001, 'analyst'), (4, 1002, 'analyst');
DELETE FROM members WHERE account = 2;
DELETE FROM service_accounts WHERE id = 3;
SELECT * FROM pending;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
ROLLBACK;
SELECT * FROM pending;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
SELECT * FROM members ORDER BY 1, 2;
-- the same where a later statement fails
BEGIN;
INSERT INTO members VALUES (4, 1001, 'analyst');
SELECT 1 / 0;
COMMIT;
SELECT * FROM members WHERE account = 4;

-- the last change of each pair counts
BEGIN;
INSERT INTO members VALUES (4, 1001, 'analyst');
INSERT INTO members VALUES (4, 1001, 'consumer');
UPDATE members SET role = 'admin' WHERE account = 4;
SELECT * FROM pending;
DELETE FROM members WHERE account = 4;
SELECT * FROM pending;
INSERT INTO members VALUES (4, 1001, 'owner');
SELECT * FROM pending;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
COMMIT;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- memberships of a deleted account go with it; it gets no new ones
BEGIN;
INSERT INTO members VALUES (4, 1002, 'analyst');
DELETE FROM service_accounts WHERE id = 4;
SELECT * FROM pending;
SELECT * FROM members WHERE account = 4;
SAVEPOINT s;
INSERT INTO members VALUES (4, 1003, 'analyst');
\echo :SQLSTATE
ROLLBACK TO s;
ROLLBACK;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log

-- a statement does not see its own changes
BEGIN;
WITH added AS (INSERT INTO members VALUES (4, 1003, 'analyst') RETURNING *)
SELECT (SELECT count(*) FROM members WHERE account = 4) AS before, (SELECT count(*) FROM added) AS added;
SELECT count(*) FROM members WHERE account = 4;
INSERT INTO members SELECT account, 1002, role FROM members WHERE account = 4;
SELECT * FROM members WHERE account = 4 ORDER BY 2;
-- a cursor sees what there was when it was opened
DECLARE c CURSOR FOR SELECT * FROM members WHERE account = 4 ORDER BY 2;
DELETE FROM members WHERE account = 4 AND project = 1002;
FETCH ALL FROM c;
SELECT * FROM members WHERE account = 4 ORDER BY 2;
-- a VOLATILE function sees what a STABLE one does not
CREATE FUNCTION count_stable() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM mp_transaction.members WHERE account = 4';
CREATE FUNCTION count_volatile() RETURNS bigint LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN (SELECT count(*) FROM mp_transaction.members WHERE account = 4); END';
WITH gone AS (DELETE FROM members WHERE account = 4 RETURNING project)
SELECT project, count_stable() FROM gone ORDER BY 1;
SELECT count_stable(), count_volatile();
ROLLBACK;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log

-- savepoints
BEGIN;
INSERT INTO members VALUES (2, 1002, 'one');
SAVEPOINT a;
INSERT INTO members VALUES (2, 1003, 'two');
UPDATE members SET role = 'three' WHERE account = 2 AND project = 1002;
SAVEPOINT b;
DELETE FROM members WHERE account = 2;
SELECT * FROM pending;
ROLLBACK TO b;
SELECT * FROM pending;
SELECT * FROM members WHERE account = 2 ORDER BY 2;
DELETE FROM members WHERE account = 2 AND project = 1003;
RELEASE b;
SELECT * FROM pending;
ROLLBACK TO a;
SELECT * FROM pending;
SELECT * FROM members WHERE account = 2 ORDER BY 2;
RELEASE a;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
COMMIT;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- exception blocks, nested
DO $$
BEGIN
  INSERT INTO members VALUES (3, 1002, 'kept');
  BEGIN
    INSERT INTO members VALUES (3, 1003, 'dropped');
    BEGIN
      DELETE FROM members WHERE account = 3;
      RAISE EXCEPTION 'inner';
    EXCEPTION WHEN raise_exception THEN
      NULL;
    END;
    IF (SELECT count(*) FROM pending) <> 2 THEN
      RAISE WARNING 'the inner block left something';
    END IF;
    RAISE EXCEPTION 'outer';
  EXCEPTION WHEN raise_exception THEN
    INSERT INTO members VALUES (3, 1001, 'instead');
  END;
END $$;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
-- procedures that commit by themselves
CREATE PROCEDURE in_two() LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM mp_transaction.members WHERE account = 3 AND project = 1001;
  COMMIT;
  DELETE FROM mp_transaction.members WHERE account = 3;
  ROLLBACK;
END $$;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
CALL in_two();
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- an account is created at once, and a rollback deletes it again
BEGIN;
INSERT INTO service_accounts (username) VALUES ('a') RETURNING id, length(secret);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
SELECT id, username FROM service_accounts WHERE username = 'a';
SELECT * FROM pending;
ROLLBACK;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
BEGIN;
INSERT INTO service_accounts (username) VALUES ('b') RETURNING id, length(secret);
SAVEPOINT s;
INSERT INTO service_accounts (username) VALUES ('c') RETURNING id, length(secret);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
ROLLBACK TO s;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
SAVEPOINT t;
INSERT INTO service_accounts (username) VALUES ('d') RETURNING id, length(secret);
RELEASE t;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
COMMIT;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
DO $$
DECLARE
  account record;
BEGIN
  INSERT INTO service_accounts (username) VALUES ('e') RETURNING id, secret INTO account;
  INSERT INTO members VALUES (account.id, 1001, 'admin');
  RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
  RAISE WARNING 'undone %, %', account.id, (SELECT count(*) FROM pending);
END $$;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- a new account and its memberships in one transaction
BEGIN;
INSERT INTO service_accounts (username) VALUES ('f') RETURNING id AS new_id, length(secret) \gset
INSERT INTO members VALUES (:new_id, 1001, 'admin'), (:new_id, 1002, 'admin');
SELECT id - :new_id AS id, project FROM service_accounts JOIN members ON account = id WHERE id = :new_id ORDER BY 2;
COMMIT;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
-- an account that cannot be deleted again is named
BEGIN;
INSERT INTO service_accounts (username) VALUES ('g') RETURNING id, length(secret);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault method=DELETE status=403 count=0
ROLLBACK;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear

-- COMMIT fails: what was applied and what was not
BEGIN;
INSERT INTO members VALUES (2, 1003, 'admin'), (2, 4711, 'analyst');
DELETE FROM service_accounts WHERE id = 3;
COMMIT;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state
SELECT * FROM pending;
BEGIN;
INSERT INTO service_accounts (username) VALUES ('h') RETURNING length(secret);
INSERT INTO members VALUES (2, 4711, 'admin');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
COMMIT;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
-- an error of a deferred trigger at COMMIT: nothing was sent
CREATE TABLE checked (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
BEGIN;
INSERT INTO members VALUES (2, 1003, 'owner');
INSERT INTO checked VALUES (1), (1);
COMMIT;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
SELECT * FROM members WHERE account = 2 ORDER BY 2;

-- a dry run
BEGIN;
DELETE FROM service_accounts WHERE username ~ '^[b-f]$';
SELECT change, count(*) FROM pending GROUP BY 1;
ROLLBACK;
-- READ ONLY
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
BEGIN READ ONLY;
SELECT count(*) FROM service_accounts WHERE id = 2;
INSERT INTO members VALUES (2, 1001, 'admin');
\echo :SQLSTATE
ROLLBACK;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- PREPARE TRANSACTION
BEGIN;
INSERT INTO members VALUES (2, 1001, 'admin');
PREPARE TRANSACTION 'mp';
\echo :SQLSTATE
SELECT * FROM pending;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts

-- two servers in one transaction
CREATE SERVER mp_transaction2 FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', organization_id '123');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_transaction2
  OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
CREATE FOREIGN TABLE members2 (service_account_id bigint, project_id bigint, role text)
  SERVER mp_transaction2 OPTIONS (object 'project_memberships');
BEGIN;
INSERT INTO members VALUES (2, 1001, 'admin');
INSERT INTO members2 VALUES (3, 1001, 'admin');
SELECT * FROM mixpanel_sa_fdw_pending();
SELECT count(*) FROM members2 WHERE service_account_id = 2 AND project_id = 1001;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
COMMIT;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear | LC_ALL=C sort

DROP EXTENSION mixpanel_sa_fdw CASCADE;
DROP SCHEMA mp_transaction CASCADE;
