-- Deleting service accounts: which ones, when, and which not.
\getenv port MP_SIMULATOR_PORT
\set base_url 'http://127.0.0.1:' :port '/api/app'
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=14 projects=2 memberships_per_account=1
SET client_min_messages = warning;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SCHEMA mp_delete;
SET search_path = mp_delete, public;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SERVER mp_delete FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', organization_id '123');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_delete
  OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_delete INTO mp_delete;

-- one account: it is read, and deleted at COMMIT
BEGIN;
DELETE FROM service_accounts WHERE id = 2;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
COMMIT;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- the expired accounts; RETURNING returns the row as it was
DELETE FROM service_accounts WHERE expires < '2026-01-01' RETURNING id, username, role, expires, secret;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
DELETE FROM service_accounts WHERE id IN (3, 4711) RETURNING service_accounts;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
-- no account
DELETE FROM service_accounts WHERE id = 4711;
DELETE FROM service_accounts WHERE expires < '2000-01-01';
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
DELETE FROM service_accounts WHERE id = 4 AND id = 5;
DELETE FROM service_accounts WHERE organization_id = 124;
DELETE FROM service_accounts WHERE false;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
-- with a local table, in a CTE, through a view, by a prepared statement
CREATE TABLE leaver (account int);
INSERT INTO leaver VALUES (4), (4), (5), (4711);
ANALYZE leaver;
DELETE FROM service_accounts USING leaver WHERE id = account RETURNING id;
WITH gone AS (DELETE FROM service_accounts WHERE id = 6 RETURNING id, username)
INSERT INTO leaver SELECT id FROM gone RETURNING account;
CREATE VIEW bots AS SELECT id, username FROM service_accounts WHERE username LIKE 'bot-%';
DELETE FROM bots WHERE id = 1;
DELETE FROM bots WHERE id = 8 RETURNING *;
PREPARE drop_bot(bigint) AS DELETE FROM service_accounts WHERE id = $1 RETURNING id;
EXECUTE drop_bot(9);
EXECUTE drop_bot(9);
DELETE FROM service_accounts WHERE id = (SELECT max(id) FROM service_accounts WHERE username <> 'x') RETURNING id;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
-- a BEFORE trigger may keep a row
CREATE FUNCTION keep_eleven() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.id = 11 THEN RETURN NULL; END IF;
  RETURN OLD;
END $$;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE WARNING 'deleted % %', OLD.id, OLD.username;
  RETURN NULL;
END $$;
CREATE TRIGGER keep_eleven BEFORE DELETE ON service_accounts FOR EACH ROW EXECUTE FUNCTION keep_eleven();
CREATE TRIGGER tell AFTER DELETE ON service_accounts FOR EACH ROW EXECUTE FUNCTION tell();
DELETE FROM service_accounts WHERE id IN (10, 11);
DROP TRIGGER keep_eleven ON service_accounts;
DROP TRIGGER tell ON service_accounts;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
-- WHERE CURRENT OF
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM service_accounts WHERE id = 13 FOR UPDATE;
FETCH c;
DELETE FROM service_accounts WHERE CURRENT OF c;
\echo :SQLSTATE
ROLLBACK;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log

-- the account of the user mapping cannot be deleted
DELETE FROM service_accounts WHERE id = 1;
\echo :SQLSTATE
DELETE FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state accounts
-- a condition can exclude it
DELETE FROM service_accounts WHERE username <> 'admin-bot.mp-service-account' RETURNING id;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear

-- max_deletes counts the deletions of the whole transaction
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=12
SET mixpanel_sa_fdw.max_deletes = 2;
DELETE FROM service_accounts WHERE id IN (2, 3, 4);
\echo :SQLSTATE
BEGIN;
DELETE FROM service_accounts WHERE id IN (2, 3);
SAVEPOINT s;
DELETE FROM service_accounts WHERE id = 4;
\echo :SQLSTATE
ROLLBACK TO s;
COMMIT;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
BEGIN;
DELETE FROM service_accounts WHERE id IN (5, 6);
DELETE FROM service_accounts WHERE id = 5;
SAVEPOINT s;
ROLLBACK TO s;
ROLLBACK;
BEGIN;
SAVEPOINT s;
DELETE FROM service_accounts WHERE id IN (7, 8);
ROLLBACK TO s;
DELETE FROM service_accounts WHERE id IN (9, 10);
ROLLBACK;
SET mixpanel_sa_fdw.max_deletes = 0;
DELETE FROM service_accounts WHERE id = 4;
\echo :SQLSTATE
DELETE FROM service_accounts WHERE id = 4711;
SET mixpanel_sa_fdw.max_deletes = -1;
DELETE FROM service_accounts WHERE id = 4;
RESET mixpanel_sa_fdw.max_deletes;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state accounts

-- an account that is gone before COMMIT deletes it is not an error
BEGIN;
DELETE FROM service_accounts WHERE id IN (5, 6);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT remove 5
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
COMMIT;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
-- an account that is created and deleted in one transaction
BEGIN;
INSERT INTO service_accounts (username) VALUES ('short-lived') RETURNING id, length(secret);
DELETE FROM service_accounts WHERE username = 'short-lived' RETURNING id;
COMMIT;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- each document's server
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=3 document=docs
DELETE FROM service_accounts WHERE id = 2;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=3 document=nested
DELETE FROM service_accounts WHERE id = 2;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=3 document=bulk
DELETE FROM service_accounts WHERE id = 2;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

DROP EXTENSION mixpanel_sa_fdw CASCADE;
DROP SCHEMA mp_delete CASCADE;
