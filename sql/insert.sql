-- Creating service accounts: what is sent, what comes back, what is refused
-- before anything is sent.
\getenv port MP_SIMULATOR_PORT
\set base_url 'http://127.0.0.1:' :port '/api/app'
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=3 projects=3 memberships_per_account=0
SET client_min_messages = warning;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SCHEMA mp_insert;
SET search_path = mp_insert, public;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SERVER mp_insert FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url :'base_url', organization_id '123');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_insert
  OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mp_insert INTO mp_insert;

-- RETURNING returns the new row with its secret
INSERT INTO service_accounts (username, role, expires)
VALUES ('ci-cd-bot', 'consumer', '2026-04-01 02:00:00+02')
RETURNING id, username, name, role, expires, created IS NOT NULL AS created, last_used, organization_id, projects, length(secret) AS secret_length;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
SELECT id, username, role, expires, secret FROM service_accounts WHERE id = 4;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
-- only what is given is sent
INSERT INTO service_accounts (username) VALUES ('plain') RETURNING id, role, expires, length(secret);
INSERT INTO service_accounts (name) VALUES ('Named') RETURNING id, username, name, length(secret);
INSERT INTO service_accounts (username, name) VALUES ('both', 'Both') RETURNING id, username, name, length(secret);
INSERT INTO service_accounts (username, role, expires, projects) VALUES ('nulls', NULL, NULL, NULL) RETURNING id, length(secret);
INSERT INTO service_accounts (id, username, secret, created, organization_id) VALUES (NULL, 'more-nulls', NULL, NULL, 123) RETURNING id, length(secret);
INSERT INTO service_accounts (username, role) VALUES (E'na\u00efve "bot"\\\u2603', E'Custom R\u00f4le') RETURNING id, username, length(secret);
INSERT INTO service_accounts (username, expires) VALUES ('exact', '2026-12-31 23:59:59.123456-05') RETURNING id, expires, length(secret);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- memberships that are granted with the creation
INSERT INTO service_accounts (username, projects)
VALUES ('member', '[{"id": 1001, "role": "admin"}, {"id": 1003, "role": "analyst"}]')
RETURNING id, projects, length(secret);
INSERT INTO service_accounts (username, projects) VALUES ('no-member', '[]') RETURNING id, projects, length(secret);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT state memberships

-- several rows, from a query, in a CTE
INSERT INTO service_accounts (username, expires)
VALUES ('first', '2026-02-01'), ('second', NULL) RETURNING id, username, length(secret);
INSERT INTO service_accounts (username, role)
SELECT 'gen-' || n, 'analyst' FROM generate_series(1, 3) n RETURNING id, username, length(secret);
CREATE TABLE vault (id bigint, username text, secret text);
WITH made AS (
  INSERT INTO service_accounts (username) VALUES ('kept-1'), ('kept-2') RETURNING id, username, secret)
INSERT INTO vault SELECT * FROM made;
SELECT id, username, length(secret), count(*) OVER (PARTITION BY secret) AS same FROM vault ORDER BY id;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- returning the whole row counts as reading the secret, and so does any expression
INSERT INTO service_accounts (username) VALUES ('star') RETURNING length((service_accounts).secret);
INSERT INTO service_accounts (username) VALUES ('row') RETURNING (service_accounts.*) IS NULL AS null_row;
INSERT INTO service_accounts AS a (username) VALUES ('alias') RETURNING md5(a.secret) IS NOT NULL AS hashed;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT clear log
-- through a function, a view, a prepared statement
CREATE FUNCTION make_bot(name text, OUT id bigint, OUT secret text) LANGUAGE sql AS
  'INSERT INTO mp_insert.service_accounts (username) VALUES (name) RETURNING id, secret';
SELECT id, length(secret) FROM make_bot('by-function');
CREATE VIEW bots AS SELECT id, username, secret FROM service_accounts;
INSERT INTO bots (username) VALUES ('by-view') RETURNING id, username, length(secret);
PREPARE make(text) AS INSERT INTO service_accounts (username) VALUES ($1) RETURNING id, length(secret);
EXECUTE make('by-prepare-1');
EXECUTE make('by-prepare-2');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- defaults of the table, triggers before and after
ALTER FOREIGN TABLE service_accounts ALTER role SET DEFAULT 'analyst', ALTER expires SET DEFAULT '2026-06-30';
INSERT INTO service_accounts (username) VALUES ('default') RETURNING id, role, expires, length(secret);
CREATE FUNCTION lower_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.username := lower(NEW.username);
  RETURN NEW;
END $$;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE WARNING 'created % %, secret of % characters', NEW.id, NEW.username, length(NEW.secret);
  RETURN NULL;
END $$;
CREATE TRIGGER lower_name BEFORE INSERT ON service_accounts FOR EACH ROW EXECUTE FUNCTION lower_name();
CREATE TRIGGER tell AFTER INSERT ON service_accounts FOR EACH ROW EXECUTE FUNCTION tell();
INSERT INTO service_accounts (username) VALUES ('LOUD') RETURNING id, username, length(secret);
DROP TRIGGER tell ON service_accounts;
DROP TRIGGER lower_name ON service_accounts;
ALTER FOREIGN TABLE service_accounts ALTER role DROP DEFAULT, ALTER expires DROP DEFAULT;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- an INSERT that would lose the secret is refused before anything is sent
INSERT INTO service_accounts (username) VALUES ('lost');
\echo :SQLSTATE
INSERT INTO service_accounts (username) VALUES ('lost') RETURNING id;
\echo :SQLSTATE
COPY service_accounts (username) FROM STDIN;
lost
\.
\set VERBOSITY sqlstate
COPY service_accounts (username) FROM STDIN;
lost
\.
\set VERBOSITY default
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts
-- unless allow_unreturned_secret is on
SET mixpanel_sa_fdw.allow_unreturned_secret = on;
INSERT INTO service_accounts (username) VALUES ('lost-1');
INSERT INTO service_accounts (username) VALUES ('lost-2') RETURNING id;
COPY service_accounts (username, expires) FROM STDIN;
lost-3	2026-03-01
lost-4	\N
\.
INSERT INTO service_accounts (username) VALUES ('not-lost') RETURNING length(secret);
RESET mixpanel_sa_fdw.allow_unreturned_secret;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- what is refused before anything is sent: read-only columns
CREATE FUNCTION refuse(columns text, vals text, OUT state text, OUT said text)
LANGUAGE plpgsql AS $$
DECLARE
  message text;
  detail text;
  hint text;
BEGIN
  EXECUTE format('INSERT INTO mp_insert.service_accounts (%s) VALUES (%s) RETURNING secret', columns, vals);
  state := 'created';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE,
    message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
    hint = PG_EXCEPTION_HINT;
  said := concat_ws(' / ', message, nullif(detail, ''), nullif(hint, ''));
END $$;
\pset format unaligned
SELECT columns, vals, r.* FROM (VALUES
  ('username, id', '''x'', 5'),
  ('username, created', '''x'', now()'),
  ('username, last_used', '''x'', now()'),
  ('username, creator', '''x'', 1'),
  ('username, creator_name', '''x'', ''me'''),
  ('username, creator_email', '''x'', ''me@example.com'''),
  ('username, user_id', '''x'', 1'),
  ('username, secret', '''x'', ''mine'''),
  ('username, attrs', '''x'', ''{}'''),
  -- another organization
  ('username, organization_id', '''x'', 124'),
  ('username, organization_id', '''x'', 0'),
  -- neither username nor name, empty ones
  ('role', '''analyst'''),
  ('username, name', 'NULL, NULL'),
  ('username', ''''''),
  ('name', ''''''),
  ('username, role', '''x'', '''''),
  -- times that RFC 3339 cannot say
  ('username, expires', '''x'', ''infinity'''),
  ('username, expires', '''x'', ''-infinity'''),
  ('username, expires', '''x'', ''10000-01-01 UTC'''),
  ('username, expires', '''x'', ''0044-03-15 BC'''),
  ('username, expires', '''x'', ''soon'''),
  -- projects of another shape
  ('username, projects', '''x'', ''{}'''),
  ('username, projects', '''x'', ''[456]'''),
  ('username, projects', '''x'', ''[{"id": 456}]'''),
  ('username, projects', '''x'', ''[{"role": "admin"}]'''),
  ('username, projects', '''x'', ''[{"id": "456", "role": "admin"}]'''),
  ('username, projects', '''x'', ''[{"id": 0, "role": "admin"}]'''),
  ('username, projects', '''x'', ''[{"id": 4.5, "role": "admin"}]'''),
  ('username, projects', '''x'', ''[{"id": 456, "role": null}]'''),
  ('username, projects', '''x'', ''[{"id": 456, "role": ""}]'''),
  ('username, projects', '''x'', ''[{"id": 456, "role": "admin", "more": 1}]'''),
  ('username, projects', '''x'', ''null'''),
  ('username, projects', '''x'', ''"admin"'''),
  ('username, projects', '''x'', ''not json'''),
  -- columns that are not there
  ('username, password', '''x'', ''y''')
) AS c(columns, vals), LATERAL refuse(columns, vals) r;
\pset format aligned
INSERT INTO service_accounts (username) VALUES ('x') ON CONFLICT DO NOTHING RETURNING secret;
\echo :SQLSTATE
UPDATE service_accounts SET role = 'admin' WHERE id = 2;
\echo :SQLSTATE
TRUNCATE service_accounts;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts

-- what Mixpanel refuses
INSERT INTO service_accounts (username, projects) VALUES ('x', '[{"id": 1001, "role": "admin"}, {"id": 1001, "role": "analyst"}]') RETURNING secret;
\echo :SQLSTATE
INSERT INTO service_accounts (username, projects) VALUES ('x', '[{"id": 4711, "role": "admin"}]') RETURNING secret;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT set duplicate_username_status=409
INSERT INTO service_accounts (username) VALUES ('bot-2') RETURNING secret;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
-- when a row cannot be created, those before it are deleted again
INSERT INTO service_accounts (username) VALUES ('before'), ('bot-2'), ('after') RETURNING secret;
\echo :SQLSTATE
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- each document's server
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=2 document=docs
INSERT INTO service_accounts (username, role) VALUES ('d', 'analyst') RETURNING id, username, name, role, length(secret);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=2 document=nested
INSERT INTO service_accounts (name) VALUES ('n') RETURNING id, username, name, role, length(secret);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z accounts=2 document=bulk
INSERT INTO service_accounts (username, role) VALUES ('b', 'analyst') RETURNING id, username, name, role, length(secret);
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- updatable
ALTER FOREIGN TABLE service_accounts OPTIONS (ADD updatable 'false');
INSERT INTO service_accounts (username) VALUES ('x') RETURNING secret;
\echo :SQLSTATE
DELETE FROM service_accounts WHERE id = 2;
\echo :SQLSTATE
SELECT is_insertable_into FROM information_schema.tables WHERE table_schema = 'mp_insert' AND table_name = 'service_accounts';
ALTER SERVER mp_insert OPTIONS (ADD updatable 'false');
ALTER FOREIGN TABLE service_accounts OPTIONS (SET updatable 'true');
INSERT INTO service_accounts (username) VALUES ('table-wins') RETURNING id, length(secret);
INSERT INTO project_memberships (service_account_id, project_id, role) VALUES (2, 1001, 'admin');
\echo :SQLSTATE
UPDATE project_memberships SET role = 'admin' WHERE service_account_id = 2;
\echo :SQLSTATE
SELECT count(*) FROM project_memberships WHERE service_account_id = 2;
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear | LC_ALL=C sort

DROP EXTENSION mixpanel_sa_fdw CASCADE;
DROP SCHEMA mp_insert CASCADE;
