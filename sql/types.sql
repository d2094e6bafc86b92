-- Tables written by hand: any columns, other names, other types; tables that
-- lack what a statement needs; partitions and inheritance.
\getenv port MP_SIMULATOR_PORT
\set base_url 'http://127.0.0.1:' :port '/api/app'
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=4 projects=3 organizations=2
SET client_min_messages = warning;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SCHEMA mp_types;
SET search_path = mp_types, public;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SERVER mp_types FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', organization_id '123');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_types
  OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');

-- a few columns, in another order, under other names
CREATE FOREIGN TABLE bots (
  expiry timestamptz OPTIONS (field 'expires'),
  "Bot Name" text OPTIONS (field 'username'),
  number int OPTIONS (field 'id'),
  password text OPTIONS (field 'secret')
) SERVER mp_types OPTIONS (object 'service_accounts');
\d bots
SELECT * FROM bots WHERE number = 3;
INSERT INTO bots ("Bot Name", expiry) VALUES ('new', '2026-05-01') RETURNING number, "Bot Name", expiry, length(password);
DELETE FROM bots WHERE number = 9 RETURNING "Bot Name";
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- messages use the table's column names
INSERT INTO bots (number, "Bot Name") VALUES (7, 'x') RETURNING password;
\echo :SQLSTATE
INSERT INTO bots ("Bot Name", expiry) VALUES ('x', 'infinity') RETURNING password;
\echo :SQLSTATE
INSERT INTO bots ("Bot Name") VALUES ('') RETURNING password;
\echo :SQLSTATE
INSERT INTO bots ("Bot Name") VALUES ('x') RETURNING number;
\echo :SQLSTATE
-- a dropped column
ALTER FOREIGN TABLE bots DROP COLUMN expiry;
SELECT * FROM bots WHERE number = 3;
INSERT INTO bots ("Bot Name") VALUES ('new') RETURNING number, "Bot Name", length(password);
ALTER FOREIGN TABLE bots ADD COLUMN role varchar(4);
SELECT number, role FROM bots WHERE number = 3;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log

-- every field in other types
CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);
CREATE TYPE role_type AS ENUM ('owner', 'admin', 'analyst', 'consumer');
CREATE FOREIGN TABLE odd (
  id numeric,
  username varchar(100),
  name char(10),
  role role_type,
  expires date,
  created timestamp,
  last_used text,
  creator positive,
  creator_name name,
  user_id int,
  organization_id smallint,
  attrs json
) SERVER mp_types OPTIONS (object 'service_accounts');
\x on
SELECT * FROM odd WHERE id = 3;
\x off
SELECT id, attrs ->> 'username' AS username, pg_typeof(id), pg_typeof(role) FROM odd WHERE role = 'analyst' ORDER BY id;
-- equality of a type other than integer does not choose requests
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
CREATE FOREIGN TABLE small (id smallint, username text) SERVER mp_types OPTIONS (object 'service_accounts');
SELECT * FROM small WHERE id = 2;
SELECT * FROM small WHERE id = 2::bigint;
SELECT * FROM small WHERE id = 70000;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- writing through such tables
SET mixpanel_sa_fdw.allow_unreturned_secret = on;
INSERT INTO odd (username, role, expires) VALUES ('odd', 'admin', '2026-03-04') RETURNING id IS NOT NULL AS made, username, role, expires;
SET timezone = 'America/New_York';
INSERT INTO odd (username, expires) VALUES ('odd2', '2026-03-04') RETURNING username, expires;
SET timezone = 'UTC';
INSERT INTO odd (username, expires) VALUES ('x', 'infinity');
\echo :SQLSTATE
RESET mixpanel_sa_fdw.allow_unreturned_secret;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- values that the type refuses
CREATE FOREIGN TABLE narrow (id bigint, username varchar(3)) SERVER mp_types OPTIONS (object 'service_accounts');
SELECT * FROM narrow WHERE id = 2;
\echo :SQLSTATE
CREATE TYPE few_roles AS ENUM ('admin', 'analyst');
CREATE FOREIGN TABLE few (id bigint, role few_roles) SERVER mp_types OPTIONS (object 'service_accounts');
SELECT * FROM few WHERE id = 2;
SELECT * FROM few WHERE id = 3;
\echo :SQLSTATE
CREATE FOREIGN TABLE wrong (id bigint, username int) SERVER mp_types OPTIONS (object 'service_accounts');
SELECT id FROM wrong WHERE id = 2;
SELECT * FROM wrong WHERE id = 2;
\echo :SQLSTATE
CREATE FOREIGN TABLE textual (id text, username text) SERVER mp_types OPTIONS (object 'service_accounts');
SELECT * FROM textual WHERE id = '3';
DELETE FROM textual WHERE username = 'odd' RETURNING username;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
-- a domain's check
CREATE DOMAIN small_id AS bigint CHECK (VALUE < 3);
CREATE FOREIGN TABLE checked (id small_id) SERVER mp_types OPTIONS (object 'service_accounts');
SELECT * FROM checked WHERE id = 2;
SELECT * FROM checked WHERE id = 3;
\echo :SQLSTATE
-- a default that is sent
CREATE FOREIGN TABLE generated (id bigint, username text, role text DEFAULT 'analyst', secret text)
  SERVER mp_types OPTIONS (object 'service_accounts');
INSERT INTO generated (username) VALUES ('by-default') RETURNING username, role, length(secret);
-- a collation of the column's own
CREATE FOREIGN TABLE collated (id bigint, username text COLLATE "C") SERVER mp_types OPTIONS (object 'service_accounts');
SELECT username FROM collated WHERE username < 'bot-3' ORDER BY username;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- memberships
CREATE FOREIGN TABLE access (
  who int OPTIONS (field 'service_account_id'),
  what varchar OPTIONS (field 'project_id'),
  how role_type OPTIONS (field 'role')
) SERVER mp_types OPTIONS (object 'project_memberships');
SELECT * FROM access WHERE who = 2 ORDER BY 2;
INSERT INTO access VALUES (2, '1001', 'owner') RETURNING *;
UPDATE access SET how = 'admin' WHERE who = 2 AND what = '1001' RETURNING *;
DELETE FROM access WHERE who = 2 AND what = '1001' RETURNING *;
INSERT INTO access VALUES (2, 'many', 'owner');
\echo :SQLSTATE
INSERT INTO access VALUES (NULL, '1001', 'owner');
\echo :SQLSTATE
INSERT INTO access VALUES (2, '1001', NULL);
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- what the table lacks
CREATE FOREIGN TABLE no_key (username text, role text, secret text) SERVER mp_types OPTIONS (object 'service_accounts');
SELECT * FROM no_key WHERE username = 'bot-2';
INSERT INTO no_key (username) VALUES ('no-key') RETURNING username, length(secret);
DELETE FROM no_key WHERE username = 'no-key';
\echo :SQLSTATE
CREATE FOREIGN TABLE no_secret (id bigint, username text) SERVER mp_types OPTIONS (object 'service_accounts');
INSERT INTO no_secret (username) VALUES ('x') RETURNING *;
\echo :SQLSTATE
CREATE FOREIGN TABLE no_name (id bigint, secret text) SERVER mp_types OPTIONS (object 'service_accounts');
INSERT INTO no_name DEFAULT VALUES RETURNING id, secret;
\echo :SQLSTATE
CREATE FOREIGN TABLE no_column () SERVER mp_types OPTIONS (object 'service_accounts');
SELECT count(*) FROM no_column;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
CREATE FOREIGN TABLE no_project (service_account_id bigint, role text) SERVER mp_types OPTIONS (object 'project_memberships');
SELECT * FROM no_project WHERE service_account_id = 2;
INSERT INTO no_project VALUES (2, 'admin');
\echo :SQLSTATE
UPDATE no_project SET role = 'admin';
\echo :SQLSTATE
DELETE FROM no_project;
\echo :SQLSTATE
CREATE FOREIGN TABLE no_role (service_account_id bigint, project_id bigint) SERVER mp_types OPTIONS (object 'project_memberships');
INSERT INTO no_role VALUES (2, 1001);
\echo :SQLSTATE
DELETE FROM no_role WHERE service_account_id = 4 AND project_id = 1001;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- unknown columns and tables: refused at first use, before any request
CREATE FOREIGN TABLE unknown_column (id bigint, password text) SERVER mp_types OPTIONS (object 'service_accounts');
SELECT id FROM unknown_column;
\echo :SQLSTATE
INSERT INTO unknown_column (password) VALUES ('x');
\echo :SQLSTATE
DELETE FROM unknown_column;
\echo :SQLSTATE
ALTER FOREIGN TABLE unknown_column ALTER password OPTIONS (ADD field 'project_name');
SELECT id FROM unknown_column;
\echo :SQLSTATE
ALTER FOREIGN TABLE unknown_column ALTER password OPTIONS (SET field 'username');
CREATE FOREIGN TABLE unknown_member (service_account_id bigint, id bigint) SERVER mp_types OPTIONS (object 'project_memberships');
SELECT * FROM unknown_member;
\echo :SQLSTATE
CREATE FOREIGN TABLE unknown_table (id bigint) SERVER mp_types;
SELECT * FROM unknown_table;
\echo :SQLSTATE
ALTER FOREIGN TABLE unknown_table RENAME TO service_acounts;
SELECT * FROM service_acounts;
CREATE FOREIGN TABLE misspelt_column (id bigint, usrname text) SERVER mp_types OPTIONS (object 'service_accounts');
SELECT * FROM misspelt_column;
ALTER FOREIGN TABLE service_acounts RENAME TO service_accounts;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
SELECT count(*) FROM service_accounts WHERE id = 2;
SELECT id, password FROM unknown_column WHERE id = 2;
DROP FOREIGN TABLE service_accounts;
-- two columns with the same field
CREATE FOREIGN TABLE twice (id bigint, a text OPTIONS (field 'username'), b varchar OPTIONS (field 'username'), secret text)
  SERVER mp_types OPTIONS (object 'service_accounts');
SELECT id, a, b FROM twice WHERE id = 2;
\echo :SQLSTATE
INSERT INTO twice (a, b) VALUES ('one', 'other') RETURNING id, secret;
\echo :SQLSTATE
\set VERBOSITY sqlstate
DELETE FROM twice;
EXPLAIN SELECT FROM twice;
ANALYZE twice;
COPY twice (a, b) FROM STDIN;
one	other
\.
CREATE FOREIGN TABLE twice_key (service_account_id bigint, project_id bigint, role text, project bigint OPTIONS (field 'project_id'))
  SERVER mp_types OPTIONS (object 'project_memberships');
INSERT INTO twice_key VALUES (2, 1001, 'admin', 1002);
UPDATE twice_key SET role = 'admin';
\set VERBOSITY default
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- a table that is declared wrongly is an error where it is used, and nowhere
-- else: it may be listed, described, granted, commented, altered and dropped
CREATE VIEW over_twice AS SELECT * FROM twice;
CREATE VIEW over_unknown AS SELECT id FROM unknown_column;
ALTER FOREIGN TABLE unknown_column ADD COLUMN oops text;
CREATE FOREIGN TABLE nothing (id bigint) SERVER mp_types;
CREATE FOREIGN TABLE no_columns () SERVER mp_types OPTIONS (object 'service_accounts');
\pset format unaligned
SELECT table_name, table_type, is_insertable_into FROM information_schema.tables WHERE table_schema = 'mp_types' AND table_name ~ 'twice|unknown|no' ORDER BY 1;
SELECT table_name, column_name, is_updatable FROM information_schema.columns WHERE table_schema = 'mp_types' AND table_name ~ 'twice|unknown|no' ORDER BY 1, 2;
SELECT table_name, is_updatable, is_insertable_into FROM information_schema.views WHERE table_schema = 'mp_types' ORDER BY 1;
SELECT relname, pg_relation_is_updatable(oid, true) AS events, pg_column_is_updatable(oid, 1::smallint, true) AS first
FROM pg_class WHERE relnamespace = 'mp_types'::regnamespace AND relname ~ 'twice|unknown|no' AND relkind IN ('f', 'v') ORDER BY 1;
\pset format aligned
\d twice
\d nothing
\d no_columns
GRANT SELECT ON nothing, twice TO PUBLIC;
COMMENT ON FOREIGN TABLE nothing IS 'nothing';
\set VERBOSITY sqlstate
SELECT FROM no_columns;
SELECT FROM nothing;
INSERT INTO nothing VALUES (1);
COPY nothing FROM STDIN;
1
\.
INSERT INTO over_twice VALUES (1, 'a', 'b');
SELECT * FROM over_unknown;
\set VERBOSITY default
ALTER FOREIGN TABLE twice ALTER b OPTIONS (SET field 'name');
SELECT id, a, b FROM over_twice WHERE id = 2;
DROP VIEW over_twice, over_unknown;
DROP FOREIGN TABLE twice, twice_key, nothing, no_columns;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- one partition for each organization
CREATE TABLE all_bots (id bigint, username text, role text, expires timestamptz, organization_id bigint, secret text)
  PARTITION BY LIST (organization_id);
CREATE FOREIGN TABLE bots_123 PARTITION OF all_bots FOR VALUES IN (123) SERVER mp_types OPTIONS (object 'service_accounts');
CREATE FOREIGN TABLE bots_124 PARTITION OF all_bots FOR VALUES IN (124) SERVER mp_types OPTIONS (object 'service_accounts', organization_id '124');
SELECT organization_id, count(*) FROM all_bots GROUP BY 1 ORDER BY 1;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
SELECT tableoid::regclass, id, username FROM all_bots WHERE organization_id = 124 ORDER BY id LIMIT 2;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --paths --clear
INSERT INTO all_bots (username, organization_id) VALUES ('in-123', 123), ('in-124', 124)
RETURNING tableoid::regclass, username, organization_id, length(secret);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
INSERT INTO all_bots (username, organization_id) VALUES ('nowhere', 125) RETURNING secret;
\echo :SQLSTATE
INSERT INTO all_bots (username, organization_id) VALUES ('lost', 124) RETURNING id;
\echo :SQLSTATE
INSERT INTO bots_124 (username, organization_id) VALUES ('wrong', 123) RETURNING secret;
\echo :SQLSTATE
COPY all_bots (username, organization_id) FROM STDIN;
lost	124
\.
\set VERBOSITY sqlstate
COPY all_bots (username, organization_id) FROM STDIN;
lost	124
\.
\set VERBOSITY default
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
WITH gone AS (DELETE FROM all_bots WHERE username LIKE 'in-%' RETURNING tableoid::regclass, username)
SELECT * FROM gone ORDER BY username;
DELETE FROM all_bots WHERE username = 'admin-bot.mp-service-account';
\echo :SQLSTATE
UPDATE all_bots SET role = 'admin' WHERE id = 2;
\echo :SQLSTATE
TRUNCATE all_bots;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log

CREATE TABLE all_access (service_account_id bigint, project_id bigint, role text, organization_id bigint)
  PARTITION BY LIST (organization_id);
CREATE FOREIGN TABLE access_123 PARTITION OF all_access FOR VALUES IN (123) SERVER mp_types OPTIONS (object 'project_memberships');
CREATE FOREIGN TABLE access_124 (organization_id bigint, role text, project_id bigint, service_account_id bigint)
  SERVER mp_types OPTIONS (object 'project_memberships', organization_id '124');
ALTER TABLE all_access ATTACH PARTITION access_124 FOR VALUES IN (124);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=2 projects=2 organizations=2 memberships_per_account=1
SELECT * FROM all_access ORDER BY 1, 2;
INSERT INTO all_access VALUES (2, 1001, 'admin', 123), (3, 1004, 'admin', 124);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
COPY all_access FROM STDIN;
2	1002	consumer	123
4	1003	consumer	124
\.
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
WITH changed AS (UPDATE all_access SET role = 'analyst' WHERE service_account_id = 4 RETURNING tableoid::regclass, *)
SELECT * FROM changed ORDER BY project_id;
UPDATE all_access SET organization_id = 124 WHERE service_account_id = 2;
\echo :SQLSTATE
WITH gone AS (DELETE FROM all_access WHERE role = 'analyst' RETURNING tableoid::regclass, *)
SELECT * FROM gone ORDER BY service_account_id, project_id;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
DELETE FROM all_access WHERE organization_id = 123 AND service_account_id = 2 AND project_id = 1001;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
BEGIN;
INSERT INTO all_access VALUES (2, 1001, 'admin', 123), (4, 1004, 'admin', 124);
SELECT * FROM all_access ORDER BY 1, 2;
SELECT * FROM access_124 ORDER BY 4, 3;
ROLLBACK;

-- inheritance
CREATE TABLE base (id bigint, username text);
INSERT INTO base VALUES (0, 'local');
CREATE FOREIGN TABLE derived (role text) INHERITS (base) SERVER mp_types OPTIONS (object 'service_accounts');
SELECT tableoid::regclass, * FROM base ORDER BY id;
SELECT * FROM ONLY base;
SELECT * FROM base WHERE id = 2;
WITH gone AS (DELETE FROM base WHERE id IN (0, 2) RETURNING id)
SELECT * FROM gone ORDER BY id;
SELECT * FROM base ORDER BY id;

DROP EXTENSION mixpanel_sa_fdw CASCADE;
DROP SCHEMA mp_types CASCADE;
