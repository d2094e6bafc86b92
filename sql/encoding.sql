-- A database in another encoding than UTF-8: texts are converted both ways,
-- and what the encoding lacks is an error that names the column.
\getenv port MP_SIMULATOR_PORT
\set base_url 'http://127.0.0.1:' :port '/api/app'
\set home :DBNAME
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=1 projects=2 memberships_per_account=0
SET client_min_messages = warning;
DROP DATABASE IF EXISTS mp_latin1;
CREATE DATABASE mp_latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C';
\c mp_latin1
SET client_encoding = 'UTF8';
SET client_min_messages = warning;
SHOW server_encoding;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SERVER mp_latin1 FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', organization_id '123');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_latin1
  OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_latin1 INTO public;
-- output
INSERT INTO service_accounts (username, role) VALUES ('na' || chr(239) || 've', 'R' || chr(244) || 'le')
RETURNING id, username, role, length(username), length(secret);
BEGIN;
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1001, chr(252) || 'ber');
SELECT role, octet_length(role) FROM mixpanel_sa_fdw_pending();
SELECT role, octet_length(role) FROM project_memberships WHERE service_account_id = 2;
COMMIT;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- input
SELECT id, username, octet_length(username), attrs ->> 'role' AS role FROM service_accounts WHERE id = 2;
SELECT role, octet_length(role) FROM project_memberships WHERE service_account_id = 2;
SELECT id FROM service_accounts WHERE username = 'na' || chr(239) || 've';
-- a character that the encoding lacks
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault body='{"results":[{"id":5,"username":"snow\u2603man"}]}'
SELECT id, username FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault body='{"results":[{"id":5,"username":"snow\u2603man"}]}'
SELECT id FROM service_accounts;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault body='{"results":[{"id":5,"username":"snow\u2603man"}]}'
\set VERBOSITY sqlstate
SELECT attrs FROM service_accounts;
\set VERBOSITY default
-- the API's own messages are shown all the same
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT fault status=400 body='{"error":"no \u2603 today"}'
SELECT id FROM service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear
DROP EXTENSION mixpanel_sa_fdw CASCADE;
\c :home
SET client_min_messages = warning;
-- without an encoding (SQL_ASCII), bytes pass if they are UTF-8
DROP DATABASE mp_latin1;
CREATE DATABASE mp_ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C';
\c mp_ascii
SET client_min_messages = warning;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SERVER mp_ascii FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', organization_id '123');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_ascii
  OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_ascii INTO public;
SELECT id, encode(username::bytea, 'hex') FROM service_accounts WHERE id = 2;
INSERT INTO service_accounts (username) VALUES (convert_from('\x6ec3af', 'SQL_ASCII')) RETURNING id, length(secret);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
INSERT INTO service_accounts (username) VALUES (convert_from('\x6eef', 'SQL_ASCII')) RETURNING id, length(secret);
\echo :SQLSTATE
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1001, convert_from('\x6eef', 'SQL_ASCII'));
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
DROP EXTENSION mixpanel_sa_fdw CASCADE;
\c :home
DROP DATABASE mp_ascii;
