-- Options: each with good and bad values, who may set it, and what is said of
-- an unknown one.  Nothing here makes a request but the last part.
\getenv port MP_SIMULATOR_PORT
\set base_url 'http://127.0.0.1:' :port '/api/app'
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT reset epoch=2026-01-01T00:00:00Z
SET client_min_messages = warning;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SCHEMA mp_options;
SET search_path = mp_options, public;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SERVER mp_options FOREIGN DATA WRAPPER mixpanel_sa_fdw;
CREATE ROLE mp_plain;
CREATE ROLE mp_reader IN ROLE pg_read_server_files;
GRANT USAGE ON FOREIGN DATA WRAPPER mixpanel_sa_fdw TO mp_plain, mp_reader;
GRANT USAGE ON SCHEMA mp_options TO mp_plain, mp_reader;

-- Runs a command and undoes it again; says how it went.
CREATE FUNCTION attempt(command text, OUT state text, OUT said text)
LANGUAGE plpgsql AS $$
DECLARE
  message text;
  detail text;
  hint text;
BEGIN
  EXECUTE command;
  RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZ000';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE,
    message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
    hint = PG_EXCEPTION_HINT;
  IF state = 'ZZ000' THEN
    state := 'ok';
  ELSE
    said := concat_ws(' / ', message, nullif(detail, ''), nullif(hint, ''));
  END IF;
END $$;
CREATE FUNCTION on_server(name text, value text, OUT state text, OUT said text)
LANGUAGE sql AS $$
  SELECT * FROM attempt(format('CREATE SERVER probe FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (%I %L)', name, value))
$$;
CREATE FUNCTION on_mapping(name text, value text, OUT state text, OUT said text)
LANGUAGE sql AS $$
  SELECT * FROM attempt(format('CREATE USER MAPPING FOR CURRENT_USER SERVER mp_options OPTIONS (%I %L)', name, value))
$$;
CREATE FUNCTION on_table(name text, value text, OUT state text, OUT said text)
LANGUAGE sql AS $$
  SELECT * FROM attempt(format('CREATE FOREIGN TABLE mp_options.probe (id bigint) SERVER mp_options OPTIONS (%I %L)', name, value))
$$;
CREATE FUNCTION on_column(name text, value text, OUT state text, OUT said text)
LANGUAGE sql AS $$
  SELECT * FROM attempt(format('CREATE FOREIGN TABLE mp_options.probe (id bigint OPTIONS (%I %L)) SERVER mp_options', name, value))
$$;
\pset format unaligned

-- server: values
SELECT name, value, t.* FROM (VALUES
  ('organization_id', '123'),
  ('organization_id', '9223372036854775807'),
  ('organization_id', '9223372036854775808'),
  ('organization_id', '0'),
  ('organization_id', '-1'),
  ('organization_id', '1.5'),
  ('organization_id', 'acme'),
  ('organization_id', ''),
  ('region', 'us'),
  ('region', 'eu'),
  ('region', 'in'),
  ('region', 'US'),
  ('region', 'mars'),
  ('membership_read', 'auto'),
  ('membership_read', 'account'),
  ('membership_read', 'project'),
  ('membership_read', 'both'),
  ('membership_write', 'auto'),
  ('membership_write', 'bulk'),
  ('membership_write', 'single'),
  ('membership_write', 'double'),
  ('membership_verify', 'off'),
  ('membership_verify', 'sometimes'),
  ('project_ids', '456'),
  ('project_ids', '456,789, 1001'),
  ('project_ids', ''),
  ('project_ids', '456,'),
  ('project_ids', '456,,789'),
  ('project_ids', '456;789'),
  ('project_ids', '0'),
  ('connect_timeout', '10s'),
  ('connect_timeout', 'soon'),
  ('request_timeout', '500ms'),
  ('request_timeout', '30s'),
  ('request_timeout', '2min'),
  ('request_timeout', '1500'),
  ('request_timeout', '0'),
  ('request_timeout', '-5s'),
  ('request_timeout', '5 parsecs'),
  ('request_timeout', ''),
  ('max_retries', '0'),
  ('max_retries', '10'),
  ('max_retries', '11'),
  ('max_retries', '-1'),
  ('max_retries', 'many'),
  ('max_retry_wait', '30s'),
  ('max_retry_wait', 'forever'),
  ('max_concurrency', '1'),
  ('max_concurrency', '64'),
  ('max_concurrency', '0'),
  ('max_concurrency', '65'),
  ('max_concurrency', '8x'),
  ('rate_limit', '60/h'),
  ('rate_limit', '100/min'),
  ('rate_limit', '5/s'),
  ('rate_limit', '0/s'),
  ('rate_limit', '5'),
  ('rate_limit', '5/day'),
  ('shared_concurrency', '1024'),
  ('shared_concurrency', '0'),
  ('shared_concurrency', '1025'),
  ('ca_file', '/etc/ssl/certs/ca-certificates.crt'),
  ('ca_file', 'certs.pem'),
  ('proxy', 'http://proxy.example.com:3128'),
  ('proxy', 'socks5h://127.0.0.1:1080'),
  ('proxy', 'http://me:mine@proxy.example.com'),
  ('proxy', 'ftp://proxy.example.com'),
  ('proxy', ''),
  ('allow_insecure_http', 'true'),
  ('allow_insecure_http', 'perhaps'),
  ('updatable', 'false'),
  ('updatable', 'maybe'),
  ('async_capable', 'off'),
  ('async_capable', '2'),
  ('fdw_startup_cost', '250.5'),
  ('fdw_startup_cost', '-1'),
  ('fdw_startup_cost', 'NaN'),
  ('fdw_startup_cost', 'Infinity'),
  ('fdw_tuple_cost', '0'),
  ('fdw_tuple_cost', 'cheap')
) AS o(name, value), LATERAL on_server(name, value) t;

-- base_url
SELECT value, t.* FROM (VALUES
  ('https://mixpanel.com/api/app'),
  ('https://mixpanel.com/api/app/'),
  ('https://mixpanel.com:8443'),
  ('HTTPS://eu.mixpanel.com/api/app'),
  ('http://127.0.0.1:8080/api/app'),
  ('http://localhost/api/app'),
  ('http://[::1]:8080/api/app'),
  ('http://mixpanel.com/api/app'),
  ('http://127.0.0.1.example.com/api/app'),
  ('http://localhost.example.com/api/app'),
  ('http://10.0.0.1/api/app'),
  ('https://user:password@mixpanel.com/api/app'),
  ('https://mixpanel.com@example.com/api/app'),
  ('https://mixpanel.com/api/app?x=1'),
  ('https://mixpanel.com/api/app#x'),
  ('https://'),
  ('https:///api/app'),
  ('https://mixpanel.com:port/api/app'),
  ('https://mixpanel.com:99999/api/app'),
  ('https://mixpanel.com/api app'),
  ('mixpanel.com/api/app'),
  ('ftp://mixpanel.com/api/app'),
  ('file:///etc/passwd'),
  ('')
) AS o(value), LATERAL on_server('base_url', value) t;

-- options that exclude or allow one another
SELECT options, t.* FROM (VALUES
  ($$region 'eu', base_url 'https://mixpanel.com/api/app'$$),
  ($$base_url 'http://mixpanel.test/api/app', allow_insecure_http 'true'$$),
  ($$base_url 'http://mixpanel.test/api/app', allow_insecure_http 'false'$$),
  ($$region 'eu', organization_id '7', membership_read 'project', project_ids '1,2', max_retries '2'$$)
) AS o(options), LATERAL attempt(format('CREATE SERVER probe FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (%s)', options)) t;
CREATE SERVER probe FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (region 'eu');
ALTER SERVER probe OPTIONS (ADD base_url 'https://mixpanel.com/api/app');
\echo :SQLSTATE
ALTER SERVER probe OPTIONS (DROP region, ADD base_url 'https://mixpanel.com/api/app');
ALTER SERVER probe OPTIONS (SET base_url 'http://mixpanel.com/api/app');
\echo :SQLSTATE
DROP SERVER probe;

-- user mapping: values; what was given is never repeated
SELECT name, t.* FROM (VALUES
  ('username', 'admin-bot.mp-service-account'),
  ('username', ''),
  ('username', 'admin:bot'),
  ('username', E'admin\nbot'),
  ('secret', 'top-secret'),
  ('secret', ''),
  ('secret', E'top-secret\n'),
  ('secret_file', '/run/credentials/mixpanel'),
  ('secret_file', 'top-secret')
) AS o(name, value), LATERAL on_mapping(name, value) t;
SELECT * FROM attempt($$CREATE USER MAPPING FOR CURRENT_USER SERVER mp_options OPTIONS (secret 'top-secret', secret_file '/run/credentials/mixpanel')$$);

-- table and column: values
SELECT name, value, t.* FROM (VALUES
  ('object', 'service_accounts'),
  ('object', 'project_memberships'),
  ('object', 'projects'),
  ('object', 'service_acounts'),
  ('object', ''),
  ('organization_id', '124'),
  ('organization_id', 'none'),
  ('updatable', 'off'),
  ('updatable', 'now and then'),
  ('async_capable', 'true'),
  ('async_capable', 'x'),
  ('fdw_startup_cost', '0'),
  ('fdw_startup_cost', '1e'),
  ('fdw_tuple_cost', '1e3'),
  ('fdw_tuple_cost', '-0.5')
) AS o(name, value), LATERAL on_table(name, value) t;
SELECT name, value, t.* FROM (VALUES
  ('field', 'id'),
  ('field', 'service_account_id'),
  ('field', 'has_sensitive_access'),
  ('field', 'password'),
  ('field', 'Usernam'),
  ('field', '')
) AS o(name, value), LATERAL on_column(name, value) t;

-- unknown options, and options in the wrong place
SELECT place, name, t.* FROM (VALUES
  ('server', 'organisation_id'),
  ('server', 'base-url'),
  ('server', 'timeout'),
  ('server', 'username'),
  ('server', 'x'),
  ('server', repeat('x', 100))
) AS o(place, name), LATERAL on_server(name, '1') t;
SELECT place, name, t.* FROM (VALUES
  ('mapping', 'user_name'),
  ('mapping', 'secretfile'),
  ('mapping', 'password'),
  ('mapping', 'region')
) AS o(place, name), LATERAL on_mapping(name, '1') t;
SELECT place, name, t.* FROM (VALUES
  ('table', 'objects'),
  ('table', 'organizationid'),
  ('table', 'table_name'),
  ('table', 'membership_read'),
  ('table', 'secret')
) AS o(place, name), LATERAL on_table(name, '1') t;
SELECT place, name, t.* FROM (VALUES
  ('column', 'fields'),
  ('column', 'column_name'),
  ('column', 'object'),
  ('column', 'updatable')
) AS o(place, name), LATERAL on_column(name, '1') t;
ALTER FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (ADD region 'us');
\echo :SQLSTATE
ALTER FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (ADD colour 'red');
\echo :SQLSTATE

-- who may set what
SET ROLE mp_plain;
SELECT name, t.* FROM (VALUES
  ('organization_id', '123'),
  ('base_url', 'https://mixpanel.com/api/app'),
  ('proxy', 'http://proxy.example.com:3128'),
  ('allow_insecure_http', 'false'),
  ('ca_file', '/etc/ssl/certs/ca-certificates.crt')
) AS o(name, value), LATERAL on_server(name, value) t;
SET ROLE mp_reader;
SELECT name, t.* FROM (VALUES
  ('allow_insecure_http', 'true'),
  ('ca_file', '/etc/ssl/certs/ca-certificates.crt')
) AS o(name, value), LATERAL on_server(name, value) t;
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER mp_options TO mp_plain, mp_reader;
SET ROLE mp_plain;
SELECT name, t.* FROM (VALUES
  ('username', 'me'),
  ('secret', 'mine'),
  ('secret_file', '/run/credentials/mixpanel')
) AS o(name, value), LATERAL on_mapping(name, value) t;
SET ROLE mp_reader;
SELECT * FROM on_mapping('secret_file', '/run/credentials/mixpanel');
RESET ROLE;

-- settings
SHOW mixpanel_sa_fdw.max_deletes;
SHOW mixpanel_sa_fdw.allow_unreturned_secret;
SHOW mixpanel_sa_fdw.progress_interval;
SHOW mixpanel_sa_fdw.log_requests;
SET mixpanel_sa_fdw.max_deletes = -2;
\echo :SQLSTATE
SET mixpanel_sa_fdw.max_deletes = 'all';
\echo :SQLSTATE
SET mixpanel_sa_fdw.allow_unreturned_secret = 'perhaps';
\echo :SQLSTATE
\set VERBOSITY sqlstate
SET mixpanel_sa_fdw.progress_interval = -1;
\set VERBOSITY default
SET mixpanel_sa_fdw.no_such_setting = 1;
\echo :SQLSTATE
SET ROLE mp_plain;
SET mixpanel_sa_fdw.max_deletes = 5;
SET mixpanel_sa_fdw.allow_unreturned_secret = on;
SET mixpanel_sa_fdw.progress_interval = '2s';
SHOW mixpanel_sa_fdw.progress_interval;
SET mixpanel_sa_fdw.log_requests = on;
\echo :SQLSTATE
RESET ROLE;
RESET ALL;
SET search_path = mp_options, public;
SET client_min_messages = warning;

-- none of these statements sent a request
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT counts

-- options at work: the table's organization wins over the server's
ALTER SERVER mp_options OPTIONS (ADD base_url :'base_url', ADD organization_id '999');
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_options
  OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
CREATE FOREIGN TABLE accounts (id bigint, organization_id bigint) SERVER mp_options
  OPTIONS (object 'service_accounts', organization_id '123');
SELECT * FROM accounts WHERE id = 3;
ALTER FOREIGN TABLE accounts OPTIONS (DROP organization_id);
SELECT * FROM accounts WHERE id = 3;
\echo :SQLSTATE
ALTER FOREIGN TABLE accounts OPTIONS (ADD organization_id '123');
-- for a missing option, the hint has the statement that sets it
ALTER USER MAPPING FOR CURRENT_USER SERVER mp_options OPTIONS (DROP username);
SELECT replace(said, quote_ident(CURRENT_USER), 'me') AS said FROM attempt('SELECT * FROM accounts');
ALTER USER MAPPING FOR CURRENT_USER SERVER mp_options OPTIONS (ADD username 'admin-bot.mp-service-account', DROP secret);
SELECT replace(said, quote_ident(CURRENT_USER), 'me') AS said FROM attempt('SELECT * FROM accounts');
DROP USER MAPPING FOR CURRENT_USER SERVER mp_options;
CREATE USER MAPPING FOR PUBLIC SERVER mp_options OPTIONS (secret 'admin-secret');
SELECT replace(said, quote_ident(CURRENT_USER), 'me') AS said FROM attempt('SELECT * FROM accounts');
DROP USER MAPPING FOR PUBLIC SERVER mp_options;
CREATE USER MAPPING FOR CURRENT_USER SERVER mp_options
  OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
-- a slash at the end of base_url changes nothing
\set base_url_slash :base_url '/'
ALTER SERVER mp_options OPTIONS (SET base_url :'base_url_slash');
SELECT * FROM accounts WHERE id = 3;
ALTER SERVER mp_options OPTIONS (SET base_url :'base_url');
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

-- secret_file: its first line is the secret, and others may not read it
SELECT current_setting('data_directory') || '/mp_secret' AS secret_file \gset
ALTER USER MAPPING FOR CURRENT_USER SERVER mp_options
  OPTIONS (DROP secret, ADD secret_file :'secret_file');
COPY (SELECT unnest(ARRAY['admin-secret', 'the next line'])) TO PROGRAM 'umask 077; cat > mp_secret';
SELECT * FROM accounts WHERE id = 4;
-- the file is read again for each connection
COPY (SELECT 'wrong-secret') TO PROGRAM 'cat > mp_secret';
\c
SET search_path = mp_options, public;
SET client_min_messages = warning;
\set VERBOSITY terse
SELECT * FROM accounts WHERE id = 4;
\echo :SQLSTATE
\set VERBOSITY sqlstate
COPY (SELECT '') TO PROGRAM 'cat > mp_secret';
SELECT * FROM accounts WHERE id = 4;
COPY (SELECT 'admin-secret') TO PROGRAM 'cat > mp_secret; chmod 644 mp_secret';
SELECT * FROM accounts WHERE id = 4;
COPY (SELECT 'x') TO PROGRAM 'cat > /dev/null; rm mp_secret; mkdir mp_secret';
SELECT * FROM accounts WHERE id = 4;
COPY (SELECT 'x') TO PROGRAM 'cat > /dev/null; rmdir mp_secret';
SELECT * FROM accounts WHERE id = 4;
\set VERBOSITY default
\! "$MP_SIMCTL" $MP_SIMULATOR_PORT log --clear

DROP EXTENSION mixpanel_sa_fdw CASCADE;
DROP SCHEMA mp_options CASCADE;
DROP ROLE mp_plain, mp_reader;
