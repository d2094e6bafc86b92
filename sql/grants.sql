-- Grants have types: what a team or the organization gives can be read, and is
-- changed there, not here.  Times in columns without a zone.  What an answer
-- says of a new account.
\getenv port MP_SIMULATOR_PORT
\set base_url 'http://127.0.0.1:' :port '/api/app'
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=6 projects=3
SET client_min_messages = warning;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SCHEMA mp_grants;
SET search_path = mp_grants, public;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SERVER mp_grants FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', organization_id '123');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_grants
  OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_grants INTO mp_grants;
CREATE VIEW grants AS SELECT service_account_id, project_id, role, grant_type FROM project_memberships;

-- 5 is in a project by itself and through a team and the organization, 6 through the team only
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT member 5 1002 admin team
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT member 5 1002 consumer organization
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT member 6 1002 admin team
SELECT * FROM grants WHERE service_account_id IN (5, 6) ORDER BY 1, 2, 4;
SELECT * FROM grants WHERE project_id = 1002 AND service_account_id > 3 ORDER BY 1, 2, 4;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log

-- such a row is read-only, whatever condition selects it
DELETE FROM project_memberships WHERE grant_type = 'team' AND service_account_id = 6;
\echo :SQLSTATE
\set VERBOSITY sqlstate
DELETE FROM project_memberships WHERE service_account_id = 6 AND project_id = 1002;
DELETE FROM project_memberships WHERE service_account_id = 6;
DELETE FROM project_memberships WHERE project_id = 1002;
DELETE FROM grants WHERE role = 'admin' AND service_account_id = 5;
UPDATE project_memberships SET role = 'consumer' WHERE role = 'admin';
UPDATE project_memberships SET role = 'consumer' WHERE service_account_id = 5 AND grant_type = 'organization' RETURNING *;
DELETE FROM project_memberships m USING (VALUES (6)) AS v (id) WHERE m.service_account_id = v.id AND m.role = 'admin' AND m.project_id = 1002 RETURNING m.role;
WITH gone AS (DELETE FROM project_memberships WHERE service_account_id = 6 RETURNING *) SELECT count(*) FROM gone;
\set VERBOSITY default
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths | grep -v '^GET'
-- also where the table has no column grant_type
CREATE FOREIGN TABLE slim (service_account_id bigint, project_id bigint, role text) SERVER mp_grants OPTIONS (object 'project_memberships');
CREATE FOREIGN TABLE renamed (service_account_id bigint, project_id bigint, role text, "From" char(20) OPTIONS (field 'grant_type')) SERVER mp_grants OPTIONS (object 'project_memberships');
DELETE FROM slim WHERE service_account_id = 6 AND project_id = 1002;
\echo :SQLSTATE
UPDATE renamed SET role = 'x' WHERE service_account_id = 6 AND project_id = 1002;
\echo :SQLSTATE
DELETE FROM slim WHERE service_account_id = 6 AND project_id = 1003 RETURNING *;

-- the individual grant is changed and removed, the others stay
BEGIN;
UPDATE renamed SET role = 'owner' WHERE service_account_id = 5 AND "From" = 'individual' RETURNING role, "From";
SELECT * FROM grants WHERE service_account_id = 5 AND project_id = 1002 ORDER BY 4;
DELETE FROM project_memberships WHERE service_account_id = 5 AND grant_type = 'individual' RETURNING project_id, role, grant_type;
SELECT * FROM grants WHERE service_account_id = 5 AND project_id = 1002 ORDER BY 4;
SELECT change, service_account_id, project_id, role FROM mixpanel_sa_fdw_pending();
-- an individual grant can be added beside those of the team
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (6, 1002, 'analyst');
SELECT * FROM grants WHERE service_account_id = 6 AND project_id = 1002 ORDER BY 4;
COMMIT;
SELECT * FROM grants WHERE service_account_id IN (5, 6) AND project_id = 1002 ORDER BY 1, 4;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
-- an account that is deleted loses all of them
BEGIN;
DELETE FROM service_accounts WHERE id = 6;
SELECT * FROM grants WHERE service_account_id = 6;
ROLLBACK;

-- times in the session's time zone, read as they are written
CREATE DOMAIN day AS date CHECK (VALUE > '2000-01-01');
CREATE FOREIGN TABLE dated (id bigint, username text, secret text, expires day, created timestamp(0), last_used time) SERVER mp_grants OPTIONS (object 'service_accounts');
SET timezone = 'Asia/Tokyo';
INSERT INTO dated (username, expires) VALUES ('dated', '2027-01-01') RETURNING id, expires;
INSERT INTO dated (username, expires) VALUES ('dated', '2027-01-01') RETURNING expires, secret IS NOT NULL AS secret;
SELECT id, expires, created, last_used FROM dated WHERE id < 4 ORDER BY id;
SELECT expires FROM dated WHERE username = 'dated';
SELECT count(*) FROM dated WHERE expires = '2027-01-01';
SELECT expires, expires::date FROM service_accounts WHERE username = 'dated';
SET datestyle = 'SQL, DMY';
SELECT id, expires, created, last_used FROM dated WHERE id < 4 ORDER BY id;
SET timezone = 'America/New_York';
SELECT expires, created FROM dated WHERE id = 3;
SELECT expires, created FROM service_accounts WHERE id = 3;
SET datestyle = 'ISO';
SET timezone = 'UTC';
CREATE FOREIGN TABLE stamped (id bigint, username text, secret text, expires timestamp) SERVER mp_grants OPTIONS (object 'service_accounts');
SET timezone = 'Asia/Kathmandu';
INSERT INTO stamped (username, expires) VALUES ('stamped', '2027-06-01 00:00') RETURNING expires, secret IS NOT NULL AS secret;
SELECT expires FROM stamped WHERE username = 'stamped';
SET timezone = 'UTC';
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear | grep POST

-- RETURNING shows what the answer says
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT set expires=ignored
INSERT INTO service_accounts (username, expires) VALUES ('no-end', '2027-01-01') RETURNING id, secret;
\echo :SQLSTATE
SELECT count(*) FROM service_accounts WHERE username = 'no-end';
INSERT INTO service_accounts (username) VALUES ('no-end') RETURNING username, secret IS NOT NULL AS secret, expires;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT set expires=kept created=nulls
INSERT INTO service_accounts (username, role) VALUES ('nulls', 'admin') RETURNING username, role, secret IS NOT NULL AS secret;
\set VERBOSITY sqlstate
INSERT INTO service_accounts (username, expires) VALUES ('nulls', '2027-01-01') RETURNING secret;
\set VERBOSITY default
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT set created=short
INSERT INTO service_accounts (username, role, expires) VALUES ('short', 'admin', '2027-01-01') RETURNING username, role, secret IS NOT NULL AS secret, expires;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT set created=whole
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault method=POST path=/service-accounts$ status=201 body='{"id": 4711, "username": "sooner", "secret": "s", "expires": "2026-12-24T00:00:00Z"}'
INSERT INTO service_accounts (username, expires) VALUES ('sooner', '2027-01-01') RETURNING id, expires, secret;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault method=POST path=/service-accounts$ status=201 body='{"id": 4712, "username": "rounded", "secret": "s", "expires": "2027-01-01T00:00:00Z"}'
INSERT INTO service_accounts (username, expires) VALUES ('rounded', '2027-01-01 00:00:00.4567') RETURNING id, expires, secret;


-- after a rollback, a secret that was shown is no longer valid
SET client_min_messages = notice;
BEGIN;
INSERT INTO service_accounts (username) VALUES ('one'), ('two') RETURNING username, secret IS NOT NULL AS secret;
SAVEPOINT s;
INSERT INTO service_accounts (username) VALUES ('three') RETURNING secret IS NOT NULL AS secret;
ROLLBACK TO s;
ROLLBACK;
-- no NOTICE where the statement that created it fails
INSERT INTO service_accounts (username) VALUES ('four') RETURNING 1 / length(left(secret, 0));
BEGIN;
INSERT INTO service_accounts (username) VALUES ('five') RETURNING secret IS NOT NULL AS secret;
COMMIT;
-- a trigger can read the secret, which is then not lost
SET mixpanel_sa_fdw.allow_unreturned_secret = on;
INSERT INTO service_accounts (username) VALUES ('six');
CREATE TABLE vault (id bigint, secret text);
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO vault VALUES (NEW.id, NEW.secret);
  RETURN NULL;
END $$;
CREATE TRIGGER keep AFTER INSERT ON service_accounts FOR EACH ROW EXECUTE FUNCTION keep();
INSERT INTO service_accounts (username) VALUES ('seven');
SELECT count(*) FROM vault WHERE secret <> '';
ALTER FOREIGN TABLE service_accounts DISABLE TRIGGER keep;
INSERT INTO service_accounts (username) VALUES ('eight');
-- ON CONFLICT
INSERT INTO service_accounts (username) VALUES ('nine') ON CONFLICT DO NOTHING;
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1001, 'x') ON CONFLICT DO NOTHING;

SET client_min_messages = error;
DROP EXTENSION mixpanel_sa_fdw CASCADE;
DROP SCHEMA mp_grants CASCADE;
