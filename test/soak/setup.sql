-- What the soak's clients do.  A client is a session of pgbench that has a
-- session of its own through dblink, the worker, so that the error of a COMMIT
-- can be caught and judged.  The worker changes the foreign tables and the
-- model in one transaction; where that fails, the client reads what became of
-- it and holds it against what the error said.
--
-- Variable: base_url.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION dblink;
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SERVER mixpanel FOREIGN DATA WRAPPER mixpanel_sa_fdw
	OPTIONS (base_url :'base_url', organization_id '123', max_concurrency '4',
		max_retries '2', max_retry_wait '1s', connect_timeout '2s', request_timeout '2s');
CREATE USER MAPPING FOR CURRENT_USER SERVER mixpanel
	OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
CREATE SCHEMA mp;
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mixpanel INTO mp;

-- The model: each client's accounts and their memberships.
CREATE TABLE account (client int, id bigint PRIMARY KEY, username text UNIQUE);
CREATE TABLE member (account bigint REFERENCES account ON DELETE CASCADE, project bigint, role text,
	PRIMARY KEY (account, project));

CREATE TABLE worker (client int PRIMARY KEY, pid int);
-- How statements ended; what was wrong; accounts that a rollback left behind.
CREATE UNLOGGED TABLE outcome (what text, state text);
CREATE TABLE violation (at timestamptz DEFAULT clock_timestamp(), client int, what text);
CREATE TABLE leftover (id bigint, username text);
CREATE SEQUENCE usernames;

CREATE FUNCTION any_of(VARIADIC choices text[]) RETURNS text LANGUAGE sql AS $$
	SELECT choices[1 + floor(random() * cardinality(choices))::int]
$$;

-- What a statement of the worker came to; state '' is success.
CREATE TYPE told AS (state text, message text, detail text, value text);

-- Run a statement in the worker.
CREATE FUNCTION try(what text, sql text) RETURNS told LANGUAGE plpgsql AS $$
DECLARE
	t told;
BEGIN
	PERFORM dblink_exec('worker', sql);
	t.state := '';
	INSERT INTO outcome VALUES (what, '');
	RETURN t;
EXCEPTION WHEN query_canceled OR OTHERS THEN
	GET STACKED DIAGNOSTICS t.state = RETURNED_SQLSTATE, t.message = MESSAGE_TEXT, t.detail = PG_EXCEPTION_DETAIL;
	INSERT INTO outcome VALUES (what, t.state);
	RETURN t;
END $$;

-- The same for a query of one value.
CREATE FUNCTION try_value(what text, sql text) RETURNS told LANGUAGE plpgsql AS $$
DECLARE
	t told;
BEGIN
	SELECT v INTO t.value FROM dblink('worker', sql) AS d(v text);
	t.state := '';
	INSERT INTO outcome VALUES (what, '');
	RETURN t;
EXCEPTION WHEN query_canceled OR OTHERS THEN
	GET STACKED DIAGNOSTICS t.state = RETURNED_SQLSTATE, t.message = MESSAGE_TEXT, t.detail = PG_EXCEPTION_DETAIL;
	INSERT INTO outcome VALUES (what, t.state);
	RETURN t;
END $$;

-- Ask until there is an answer: faults do not last.  A 429 that says when to
-- come again holds back all requests until then.
CREATE FUNCTION ask(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer told;
BEGIN
	FOR i IN 1 .. 200 LOOP
		answer := try_value('look', sql);
		IF answer.state = '' THEN
			RETURN answer.value;
		END IF;
		PERFORM pg_sleep(0.1) WHERE answer.state = '53400';
	END LOOP;
	RAISE EXCEPTION 'no answer to %: % %', sql, answer.state, answer.message;
END $$;

-- What must work: it touches ordinary tables alone.
CREATE FUNCTION put(sql text, VARIADIC arguments text[] DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM dblink_exec('worker', format(sql, VARIADIC arguments));
END $$;

CREATE FUNCTION complain(client int, what text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO violation (client, what) VALUES (client, what)
$$;

-- How many of a client's rows differ between the API and the model; of as many
-- accounts as are named, or of all.  For the worker: it sees its own changes.
CREATE FUNCTION differences(client int, way text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	accounts text := coalesce((SELECT string_agg(id::text, ',') FROM account a WHERE a.client = $1), '0');
	difference text;
BEGIN
	IF way = 'accounts' THEN
		EXECUTE format($q$
			SELECT string_agg(coalesce(f, m)::text, '; ')
			FROM (SELECT id, username FROM mp.service_accounts WHERE username LIKE 'soak-%1$s-%%') f
			FULL JOIN (SELECT id, username FROM account WHERE client = %1$s) m USING (id)
			WHERE f.username IS DISTINCT FROM m.username$q$, client) INTO difference;
	ELSE
		EXECUTE format($q$
			SELECT string_agg(coalesce(f, m)::text, '; ')
			FROM (SELECT service_account_id AS account, project_id AS project, role
				FROM mp.project_memberships WHERE %2$s) f
			FULL JOIN (SELECT account, project, role FROM member JOIN account ON id = account
				WHERE client = %1$s AND %3$s) m USING (account, project)
			WHERE f.role IS DISTINCT FROM m.role$q$, client,
			CASE way WHEN 'by account' THEN 'service_account_id IN (' || accounts || ')'
			WHEN 'by project' THEN 'project_id = 1002 AND service_account_id IN (' || accounts || ')'
			ELSE 'service_account_id + 0 IN (' || accounts || ')' END,
			CASE way WHEN 'by project' THEN 'project = 1002' ELSE 'true' END) INTO difference;
	END IF;
	RETURN difference;
END $$;

-- ---- what an error says ----

-- Changes of one line of a report: those that it names.
CREATE FUNCTION named(detail text, title text, OUT account bigint, OUT project bigint, OUT role text)
RETURNS SETOF record LANGUAGE sql AS $$
	SELECT coalesce(m[1], m[4], m[6])::bigint, coalesce(m[2], m[5])::bigint, m[3]
	FROM regexp_matches((SELECT line FROM regexp_split_to_table(detail, E'\n') line WHERE line LIKE title || ': %'),
		'service account (\d+) in project (\d+) as (\w+)|service account (\d+) out of project (\d+)|delete service account (\d+)', 'g') m
$$;

-- Make the model follow: a role, no role (NULL), or no account (project NULL).
CREATE FUNCTION follow(the_account bigint, the_project bigint, the_role text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF the_project IS NULL THEN
		PERFORM put('DELETE FROM account WHERE id = %s', the_account::text);
	ELSIF the_role IS NULL THEN
		PERFORM put('DELETE FROM member WHERE account = %s AND project = %s', the_account::text, the_project::text);
	ELSIF EXISTS (SELECT FROM account WHERE id = the_account) THEN
		PERFORM put('INSERT INTO member VALUES (%s, %s, %L) ON CONFLICT (account, project) DO UPDATE SET role = excluded.role',
			the_account::text, the_project::text, the_role);
	END IF;
END $$;

CREATE FUNCTION role_now(a bigint, p bigint) RETURNS text LANGUAGE sql AS $$
	SELECT ask(format('SELECT max(role) FROM mp.project_memberships WHERE service_account_id = %s AND project_id = %s', a, p))
$$;

-- What may have been applied either was or was not; nothing else, unless it may
-- have been removed for that.
CREATE FUNCTION look_after(client int, a bigint, p bigint, r text, removable boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	found text;
	before text;
BEGIN
	IF NOT EXISTS (SELECT FROM account WHERE id = a) THEN
		RETURN;
	ELSIF p IS NULL THEN
		IF ask(format('SELECT count(*) FROM mp.service_accounts WHERE id = %s', a)) = '0' THEN
			PERFORM follow(a, NULL, NULL);
		END IF;
		RETURN;
	END IF;
	found := role_now(a, p);
	SELECT role INTO before FROM member WHERE account = a AND project = p;
	IF found IS DISTINCT FROM before AND found IS DISTINCT FROM r AND NOT (found IS NULL AND removable) THEN
		PERFORM complain(client, format('account %s in project %s: was %s, perhaps became %s, is %s', a, p, before, r, found));
	END IF;
	PERFORM follow(a, p, found);
END $$;

-- The changes that a failed COMMIT names.
CREATE FUNCTION take_report(client int, report text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	-- these are among the applied, but nobody has seen them
	PERFORM look_after(client, account, project, role, false)
	FROM named(report, 'Accepted, but not read back');
	PERFORM follow(account, project, role)
	FROM (SELECT * FROM named(report, 'Applied') EXCEPT SELECT * FROM named(report, 'Accepted, but not read back')) applied;
	PERFORM follow(account, project, NULL)
	FROM named(report, 'Removed to be added with another role, but not added');
	PERFORM look_after(client, account, project, role, false)
	FROM named(report, 'Sent, but whether it was applied is not known');
	PERFORM look_after(client, account, project, role, true)
	FROM named(report, 'Perhaps removed to be added with another role, and perhaps added');
END $$;

-- An account that a transaction wanted to create, and that did not commit.
-- What the error says of it must be true.  If it is there, it is the client's
-- from now on; where the error does not say so, a warning must.
CREATE FUNCTION look_for(client int, wanted text, said text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	found bigint := ask(format('SELECT max(id) FROM mp.service_accounts WHERE username = %L', wanted));
	told bigint := substring(said FROM 'Service account (\d+) with the name');
BEGIN
	IF told IS DISTINCT FROM found AND (told IS NOT NULL OR said LIKE '%none with the name%') THEN
		PERFORM complain(client, format('%s: found %s, said: %s', wanted, found, said));
	END IF;
	IF found IS NULL THEN
		RETURN;
	END IF;
	PERFORM put('INSERT INTO account VALUES (%s, %s, %L)', client::text, found::text, wanted);
	IF told IS NULL AND coalesce(said, '') NOT LIKE '%could not be listed%' THEN
		PERFORM put('INSERT INTO leftover VALUES (%s, %L)', found::text, wanted);
	END IF;
	-- it may have got memberships before the transaction failed
	PERFORM follow(found, p, role_now(found, p)) FROM generate_series(1001, 1006) p;
END $$;

-- ---- a client's transactions ----

CREATE FUNCTION account_of(the_client int) RETURNS bigint LANGUAGE sql AS $$
	SELECT id FROM account WHERE client = the_client ORDER BY random() LIMIT 1
$$;

-- One change in the worker's transaction, and the like of it on the model.
CREATE FUNCTION change_membership(client int) RETURNS told LANGUAGE plpgsql AS $$
DECLARE
	t told;
	a bigint := account_of(client);
	p int := 1001 + floor(random() * 6);
	r text := any_of('admin', 'analyst', 'consumer');
	sql text;
	its_like text;
BEGIN
	CASE any_of('add', 'add', 'add', 'remove', 'role', 'clear')
	WHEN 'add' THEN
		sql := format('INSERT INTO mp.project_memberships (service_account_id, project_id, role) VALUES (%s, %s, %L)', a, p, r);
		its_like := format('INSERT INTO member VALUES (%s, %s, %L) '
			'ON CONFLICT (account, project) DO UPDATE SET role = excluded.role', a, p, r);
	WHEN 'remove' THEN
		sql := format('DELETE FROM mp.project_memberships WHERE service_account_id = %s AND project_id = %s', a, p);
		its_like := format('DELETE FROM member WHERE account = %s AND project = %s', a, p);
	WHEN 'role' THEN
		sql := format('UPDATE mp.project_memberships SET role = %L WHERE service_account_id = %s', r, a);
		its_like := format('UPDATE member SET role = %L WHERE account = %s', r, a);
	WHEN 'clear' THEN
		sql := format('DELETE FROM mp.project_memberships WHERE service_account_id = %s', a);
		its_like := format('DELETE FROM member WHERE account = %s', a);
	END CASE;
	t := try('change', sql);
	IF t.state = '' THEN
		PERFORM put('%s', its_like);
	END IF;
	RETURN t;
END $$;

-- Several, some of them undone by a savepoint, and perhaps an account deleted.
CREATE FUNCTION change_some(client int) RETURNS told LANGUAGE plpgsql AS $$
DECLARE
	t told;
	a bigint := account_of(client);
	undone boolean;
BEGIN
	FOR i IN 1 .. 1 + floor(random() * 4)::int LOOP
		undone := random() < 0.15;
		IF undone THEN
			PERFORM put('SAVEPOINT s');
		END IF;
		t := change_membership(client);
		IF t.state <> '' THEN
			RETURN t;
		END IF;
		IF undone THEN
			PERFORM put('ROLLBACK TO s');
		END IF;
	END LOOP;
	IF random() < 0.15 THEN
		t := try('delete', format('DELETE FROM mp.service_accounts WHERE id = %s', a));
		IF t.state = '' THEN
			PERFORM put('DELETE FROM account WHERE id = %s', a::text);
		END IF;
	END IF;
	RETURN t;
END $$;

-- A new account, now and then one that a savepoint undoes.
CREATE FUNCTION create_account(client int, wanted text) RETURNS told LANGUAGE plpgsql AS $$
DECLARE
	t told;
BEGIN
	PERFORM put('SAVEPOINT s');
	t := try_value('create', format('INSERT INTO mp.service_accounts (username) VALUES (%L) RETURNING id || left(secret, 0)', wanted));
	IF t.state = '' AND random() < 0.2 THEN
		PERFORM put('ROLLBACK TO s');
		t.message := 'undone';
	ELSIF t.state = '' THEN
		PERFORM put('INSERT INTO account VALUES (%s, %s, %L)', client::text, t.value, wanted);
	END IF;
	RETURN t;
END $$;

-- Does what the worker sees differ from the model, which it sees as well?
CREATE FUNCTION look(client int) RETURNS told LANGUAGE plpgsql AS $$
DECLARE
	way text := any_of('accounts', 'by account', 'by project', 'all');
	t told;
BEGIN
	t := try_value('read ' || way, format('SELECT differences(%s, %L)', client, way));
	IF t.value IS NOT NULL THEN
		PERFORM complain(client, format('reading %s: %s', way, t.value));
	END IF;
	RETURN t;
END $$;

CREATE FUNCTION limit_time() RETURNS void LANGUAGE sql AS $$
	SELECT put('SET statement_timeout = %s', CASE WHEN random() < 0.1 THEN 1 + floor(random() * 100) ELSE 0 END::text)
$$;

CREATE FUNCTION change(client int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	accounts int := (SELECT count(*) FROM account x WHERE x.client = $1);
	wanted text;
	undone boolean := false;
	t told := ROW('', NULL, NULL, NULL);
BEGIN
	PERFORM put('BEGIN');
	IF accounts < 4 OR accounts < 12 AND random() < 0.3 THEN
		wanted := format('soak-%s-%s', client, nextval('usernames'));
		t := create_account(client, wanted);
		undone := t.message IS NOT NULL;
	END IF;
	IF t.state = '' AND accounts > 0 THEN
		t := change_some(client);
	END IF;
	-- an account that could not be deleted again is seen, as it has to be
	IF t.state = '' AND NOT undone AND random() < 0.3 THEN
		t := look(client);
	END IF;
	IF t.state = '' AND random() < 0.85 THEN
		PERFORM limit_time();
		t := try('commit', 'COMMIT');
		PERFORM put('RESET statement_timeout');
	ELSE
		PERFORM put('ROLLBACK');
	END IF;
	IF wanted IS NOT NULL AND NOT EXISTS (SELECT FROM account WHERE username = wanted) THEN
		PERFORM look_for(client, wanted, t.detail);
	END IF;
	PERFORM take_report(client, t.detail);
END $$;

-- What pgbench calls.
CREATE FUNCTION step(client int, connection text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF dblink_get_connections() IS NULL THEN
		PERFORM dblink_connect('worker', connection);
		PERFORM put('INSERT INTO worker VALUES (%s, pg_backend_pid())', client::text);
	END IF;
	IF random() < 0.5 THEN
		PERFORM change(client);
	ELSE
		PERFORM limit_time();
		PERFORM look(client);
		PERFORM put('RESET statement_timeout');
	END IF;
END $$;
