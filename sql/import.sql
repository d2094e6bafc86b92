-- IMPORT FOREIGN SCHEMA: both tables, with every column, comment and NOT NULL,
-- and without a single request.
\getenv port MP_SIMULATOR_PORT
\set base_url 'http://127.0.0.1:' :port '/api/app'
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z
SET client_min_messages = warning;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SCHEMA mp_import;
SET search_path = mp_import, public;
CREATE SERVER mp_import FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url');

-- neither credentials nor an organization are needed
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_import INTO mp_import;
\d service_accounts
\d project_memberships
SELECT c.relname, obj_description(c.oid, 'pg_class') AS comment
FROM pg_class c WHERE c.relnamespace = 'mp_import'::regnamespace ORDER BY 1;
\pset format unaligned
SELECT c.relname, a.attname, a.atttypid::regtype, a.attnotnull, col_description(c.oid, a.attnum) AS comment
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'mp_import'::regnamespace ORDER BY c.relname DESC, a.attnum;
SELECT table_name, column_name, ordinal_position, is_nullable, data_type, is_updatable
FROM information_schema.columns WHERE table_schema = 'mp_import' ORDER BY table_name DESC, ordinal_position;
SELECT table_name, table_type, is_insertable_into FROM information_schema.tables WHERE table_schema = 'mp_import' ORDER BY 1;
SELECT foreign_table_name, foreign_server_name FROM information_schema.foreign_tables WHERE foreign_table_schema = 'mp_import' ORDER BY 1;
\pset format aligned

-- the tables exist already
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_import INTO mp_import;
\echo :SQLSTATE
DROP FOREIGN TABLE service_accounts, project_memberships;

-- LIMIT TO and EXCEPT
IMPORT FOREIGN SCHEMA mixpanel LIMIT TO (project_memberships) FROM SERVER mp_import INTO mp_import;
\det mp_import.*
DROP FOREIGN TABLE project_memberships;
IMPORT FOREIGN SCHEMA mixpanel EXCEPT (project_memberships) FROM SERVER mp_import INTO mp_import;
\det mp_import.*
DROP FOREIGN TABLE service_accounts;
IMPORT FOREIGN SCHEMA mixpanel LIMIT TO (service_accounts, project_memberships, projects) FROM SERVER mp_import INTO mp_import;
\det mp_import.*
DROP FOREIGN TABLE service_accounts, project_memberships;
IMPORT FOREIGN SCHEMA mixpanel LIMIT TO (projects) FROM SERVER mp_import INTO mp_import;
IMPORT FOREIGN SCHEMA mixpanel EXCEPT (service_accounts, project_memberships) FROM SERVER mp_import INTO mp_import;
\det mp_import.*

-- what is refused
IMPORT FOREIGN SCHEMA public FROM SERVER mp_import INTO mp_import;
\echo :SQLSTATE
IMPORT FOREIGN SCHEMA "Mixpanel" FROM SERVER mp_import INTO mp_import;
\echo :SQLSTATE
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_import INTO mp_import OPTIONS (import_not_null 'true');
\echo :SQLSTATE
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_import INTO no_such_schema;
\echo :SQLSTATE
\det mp_import.*

-- names that need quoting
CREATE SCHEMA "mp Import";
CREATE SERVER "mp Import" FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', organization_id '123');
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER "mp Import" INTO "mp Import";
\det "mp Import".*
CREATE USER MAPPING FOR CURRENT_USER SERVER "mp Import" OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');

-- a role needs USAGE on the server, CREATE in the schema, and nothing else
CREATE ROLE mp_plain;
SET ROLE mp_plain;
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_import INTO mp_import;
\echo :SQLSTATE
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER mp_import TO mp_plain;
GRANT USAGE ON SCHEMA mp_import TO mp_plain;
SET ROLE mp_plain;
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_import INTO mp_import;
\echo :SQLSTATE
RESET ROLE;
GRANT CREATE ON SCHEMA mp_import TO mp_plain;
SET ROLE mp_plain;
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_import INTO mp_import;
RESET ROLE;
SELECT relname, relowner::regrole FROM pg_class WHERE relnamespace = 'mp_import'::regnamespace ORDER BY 1;

-- none of these statements sent a request; the tables work
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
SELECT count(*) FROM "mp Import".service_accounts;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- both tables work after they are renamed, and messages use the new names
ALTER FOREIGN TABLE "mp Import".service_accounts RENAME TO bots;
ALTER FOREIGN TABLE "mp Import".project_memberships RENAME TO members;
SET search_path = "mp Import", public;
ALTER FOREIGN TABLE bots RENAME id TO "Bot";
ALTER FOREIGN TABLE bots RENAME username TO login;
ALTER FOREIGN TABLE members RENAME service_account_id TO bot;
ALTER FOREIGN TABLE members RENAME role TO duty;
SELECT "Bot", login FROM bots WHERE "Bot" = 2;
UPDATE members SET duty = 'admin' WHERE bot = 2 AND project_id = 1002 RETURNING bot, project_id, duty;
INSERT INTO bots (login) VALUES ('renamed') RETURNING "Bot", secret IS NOT NULL AS secret;
INSERT INTO bots (login) VALUES ('renamed');
DELETE FROM bots WHERE login = 'renamed' RETURNING "Bot";
DELETE FROM bots WHERE "Bot" = 1;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- a field name that is not used can be the name of another column
ALTER FOREIGN TABLE bots DROP COLUMN creator, ADD COLUMN id bigint OPTIONS (field 'creator');
SELECT "Bot", id FROM bots WHERE "Bot" = 2;
ALTER FOREIGN TABLE bots ADD COLUMN name2 text OPTIONS (field 'name');
SELECT FROM bots;
\echo :SQLSTATE

DROP EXTENSION mixpanel_sa_fdw CASCADE;
DROP SCHEMA mp_import CASCADE;
DROP SCHEMA "mp Import" CASCADE;
DROP ROLE mp_plain;
