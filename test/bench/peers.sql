-- Other ways from SQL to the API that Debian offers: PL/Python with requests,
-- and COPY FROM PROGRAM with curl and jq.  Both keep to what such code usually
-- looks like; requests keeps its connection for the session.

CREATE EXTENSION plpython3u;

CREATE TYPE bench_account AS (
	id bigint,
	username text,
	name text,
	role text,
	expires timestamptz,
	created timestamptz,
	last_used timestamptz,
	creator bigint,
	creator_name text,
	creator_email text,
	user_id bigint,
	organization_id bigint
);

CREATE TYPE bench_membership AS (
	service_account_id bigint,
	project_id bigint,
	project_name text,
	role text
);

CREATE TABLE copied_accounts OF bench_account;
CREATE TABLE copied_memberships OF bench_membership;
CREATE TABLE copied_nothing (line text);

-- The session's connection pool.
CREATE PROCEDURE py_open(login text, ca_file text) LANGUAGE plpython3u AS $$
import requests
GD['session'] = requests.Session()
GD['session'].auth = tuple(login.split(':', 1))
GD['session'].trust_env = False
if ca_file:
    GD['session'].verify = ca_file

def get(url):
    answer = GD['session'].get(url)
    answer.raise_for_status()
    return answer.json()
GD['get'] = get

def account(one):
    return (one['id'], one['username'], one['name'], one['role'],
            one['expires'], one['created'], one['last_used'], one['creator'],
            one['creator_name'], one['creator_email'], one['user'],
            one['organizationId'])
GD['account'] = account
$$;

CREATE FUNCTION py_list(url text) RETURNS SETOF bench_account
LANGUAGE plpython3u AS $$
for one in GD['get'](url)['results']:
    yield GD['account'](one)
$$;

CREATE FUNCTION py_lookup(url text, id bigint) RETURNS SETOF bench_account
LANGUAGE plpython3u AS $$
return [GD['account'](GD['get'](f'{url}/{id}'))]
$$;

CREATE FUNCTION py_memberships(url text) RETURNS SETOF bench_membership
LANGUAGE plpython3u AS $$
for one in GD['get'](url)['results']:
    for project in GD['get'](f"{url}/{one['id']}/projects")['results']:
        yield (one['id'], project['projectId'], project['projectName'],
               project['role'])
$$;

CREATE FUNCTION py_delete(url text, above bigint) RETURNS SETOF bigint
LANGUAGE plpython3u AS $$
for one in GD['get'](url)['results']:
    if one['id'] > above:
        GD['session'].delete(f"{url}/{one['id']}").raise_for_status()
        yield one['id']
$$;

-- The shell's part of COPY FROM PROGRAM; `what` is curl's arguments.
CREATE FUNCTION curl_command(login text, ca_file text, what text, filter text)
RETURNS text LANGUAGE sql AS $$
	SELECT format('curl -sS --noproxy "*" -u %s %s %s %s', login,
		CASE WHEN ca_file <> '' THEN '--cacert ' || ca_file END, what,
		CASE WHEN filter <> '' THEN format('| jq -r %L', filter) END)
$$;

CREATE FUNCTION jq_account() RETURNS text LANGUAGE sql AS $$
	SELECT '[.id, .username, .name, .role, .expires, .created, .last_used, '
		'.creator, .creator_name, .creator_email, .user, .organizationId] '
		'| @csv'
$$;

CREATE PROCEDURE curl_list(login text, ca_file text, url text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('COPY copied_accounts FROM PROGRAM %L (FORMAT csv)',
		curl_command(login, ca_file, url, '.results[] | ' || jq_account()));
END
$$;

CREATE PROCEDURE curl_lookup(login text, ca_file text, url text, id bigint)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('COPY copied_accounts FROM PROGRAM %L (FORMAT csv)',
		curl_command(login, ca_file, url || '/' || id, jq_account()));
END
$$;

-- An answer does not say whose projects it holds: they come in the order that
-- they were asked for, ids from 1 on.
CREATE PROCEDURE curl_memberships(login text, ca_file text, url text)
LANGUAGE plpgsql AS $$
DECLARE
	last bigint;
BEGIN
	CALL curl_list(login, ca_file, url);
	SELECT max(id) INTO last FROM copied_accounts;
	EXECUTE format('COPY copied_memberships FROM PROGRAM %L (FORMAT csv)',
		curl_command(login, ca_file, format('"%s/[1-%s]/projects"', url, last),
			'foreach (., inputs) as $answer (0; . + 1; . as $id '
			'| $answer.results[] | [$id, .projectId, .projectName, .role] '
			'| @csv)'));
END
$$;

CREATE PROCEDURE curl_delete(login text, ca_file text, url text, above bigint)
LANGUAGE plpgsql AS $$
DECLARE
	last bigint;
BEGIN
	CALL curl_list(login, ca_file, url);
	SELECT max(id) INTO last FROM copied_accounts;
	EXECUTE format('COPY copied_nothing FROM PROGRAM %L',
		curl_command(login, ca_file,
			format('-X DELETE "%s/[%s-%s]"', url, above + 1, last),
			'empty'));
END
$$;
