-- The extension pgsql-http, where it is installed.

CREATE EXTENSION http;

CREATE PROCEDURE http_open(login text, ca_file text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM http_reset_curlopt();
	PERFORM http_set_curlopt('CURLOPT_USERPWD', login);
	PERFORM http_set_curlopt('CURLOPT_TCP_KEEPALIVE', '1');
	PERFORM http_set_curlopt('CURLOPT_TIMEOUT', '60');
	IF ca_file <> '' THEN
		PERFORM http_set_curlopt('CURLOPT_CAINFO', ca_file);
	END IF;
END
$$;

CREATE FUNCTION http_content(url text) RETURNS jsonb
LANGUAGE sql AS $$
	SELECT content::jsonb FROM http_get(url)
$$;

CREATE FUNCTION http_list(url text) RETURNS SETOF bench_account
LANGUAGE sql AS $$
	SELECT id, username, name, role, expires, created, last_used, creator,
		creator_name, creator_email, "user", "organizationId"
	FROM jsonb_to_recordset(http_content(url)->'results') AS (
		id bigint, username text, name text, role text, expires timestamptz,
		created timestamptz, last_used timestamptz, creator bigint,
		creator_name text, creator_email text, "user" bigint,
		"organizationId" bigint)
$$;

CREATE FUNCTION http_lookup(url text, id bigint) RETURNS SETOF bench_account
LANGUAGE sql AS $$
	SELECT a.id, username, name, role, expires, created, last_used, creator,
		creator_name, creator_email, "user", "organizationId"
	FROM jsonb_to_record(http_content(url || '/' || $2)) AS a (
		id bigint, username text, name text, role text, expires timestamptz,
		created timestamptz, last_used timestamptz, creator bigint,
		creator_name text, creator_email text, "user" bigint,
		"organizationId" bigint)
$$;

CREATE FUNCTION http_memberships(url text) RETURNS SETOF bench_membership
LANGUAGE sql AS $$
	SELECT (a->>'id')::bigint, (m->>'projectId')::bigint, m->>'projectName',
		m->>'role'
	FROM jsonb_array_elements(http_content(url)->'results') a,
		jsonb_array_elements(http_content(
			url || '/' || (a->>'id') || '/projects')->'results') m
$$;

CREATE FUNCTION http_delete_above(url text, above bigint) RETURNS SETOF bigint
LANGUAGE sql AS $$
	SELECT (a->>'id')::bigint
	FROM jsonb_array_elements(http_content(url)->'results') a,
		http_delete(url || '/' || (a->>'id')) answer
	WHERE (a->>'id')::bigint > above AND answer.status = 200
$$;
