# Where secrets are not: every kind of statement and every failure, with all
# that the server can be told to log and show, and then a search for the
# mapping's secret and each secret that was ever created.  The one is where
# PostgreSQL puts the text of CREATE USER MAPPING, the others in the row of
# RETURNING and where the user stores them; nowhere else.

use strict;
use warnings;

use Encode ();
use File::Find ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use MixpanelSecrets;
use MixpanelTest;
use MixpanelTransaction qw(server_log backend_waits);
use PostgreSQL::Test::Utils;
use Test::More;

my $library = `pg_config --pkglibdir`;
chomp $library;
plan skip_all => 'needs auto_explain and pg_stat_statements'
  unless -e "$library/auto_explain.so" && -e "$library/pg_stat_statements.so";

# With all that has a form of its own in a URL, in base64 and in LATIN1.
my $username = 'admin-bot.mp-service-account';
my $secret = Encode::encode('UTF-8', "m4p/P1ng+S3cr%41t ?\xe9>&~end");
my $login = "$username:$secret";
my $basic = encode_base64($login, '');
my $org = '/organizations/123/service-accounts';
my $true = JSON::PP::true;

# client_min_messages and the like are each session's: they stand here so that
# no session is without.
my $test = MixpanelTest->new(
	'secrets',
	accounts => 6,
	projects => 3,
	secret => $secret,
	config => <<'CONF');
shared_preload_libraries = 'pg_stat_statements, auto_explain'
log_statement = all
log_duration = on
log_min_messages = debug5
log_min_error_statement = debug5
log_error_verbosity = verbose
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
log_executor_stats = on
log_lock_waits = on
log_temp_files = 0
debug_print_parse = on
debug_print_rewritten = on
debug_print_plan = on
track_activities = on
track_io_timing = on
track_functions = all
auto_explain.log_min_duration = 0
auto_explain.log_analyze = on
auto_explain.log_verbose = on
auto_explain.log_buffers = on
auto_explain.log_triggers = on
auto_explain.log_settings = on
auto_explain.log_nested_statements = on
auto_explain.log_level = log
pg_stat_statements.track = all
mixpanel_sa_fdw.log_requests = on
mixpanel_sa_fdw.progress_interval = 1
CONF
my $simulator = $test->simulator;
my $node = $test->node;

# What was shown to clients, what was created, and what of it was stored.
my $shown = '';
my (@created, @stored);

# Sees all that happens to the other session; what it is shown counts too.
my $watcher = $test->connect;

my $loud = 'SET client_min_messages = debug5; SET log_statement_stats = off';

# ---- the one place where the mapping's secret is logged ----

my $log_start = -s $node->logfile;
$test->rows(<<"SQL");
DROP USER MAPPING FOR CURRENT_USER SERVER mixpanel;
CREATE USER MAPPING FOR CURRENT_USER SERVER mixpanel
	OPTIONS (username '$username', secret '$secret');
CREATE EXTENSION pg_stat_statements;
CREATE ROLE other;
CREATE USER MAPPING FOR other SERVER mixpanel
	OPTIONS (username 'bot-4', secret 'secret-4');
CREATE ROLE nobody;
GRANT USAGE ON FOREIGN SERVER mixpanel TO other;
GRANT USAGE ON SCHEMA mp TO other, nobody;
GRANT ALL ON ALL TABLES IN SCHEMA mp TO other, nobody;
SQL
$node->safe_psql('postgres', 'CREATE DATABASE latin ENCODING LATIN1 '
	  . 'LC_COLLATE \'C\' LC_CTYPE \'C\' TEMPLATE template0');
my $latin = $test->connect('latin');
$latin->rows("SET client_encoding = 'UTF8'; "
	  . MixpanelTest::set_up_statements($simulator->base_url)
	  . "; ALTER USER MAPPING FOR CURRENT_USER SERVER mixpanel OPTIONS (SET secret '$secret')");

my $secrets = MixpanelSecrets->new($login, 'bot-4:secret-4');
is_deeply([ $secrets->found_in(server_log($test, $log_start)) ],
	[ $login, 'bot-4:secret-4' ],
	'PostgreSQL itself logs the text of CREATE USER MAPPING');
is_deeply(
	[ $secrets->found_in(
			$test->rows('SELECT query FROM pg_stat_statements(true)')) ],
	[ $login, 'bot-4:secret-4' ],
	'and pg_stat_statements shows it');
$test->rows('SELECT pg_stat_statements_reset()');
# psql was told the rest of this session in the same words
$_->rows('SELECT 1') foreach ($test->session, $watcher, $latin);
$log_start = -s $node->logfile;
$test->fresh;
$test->rows($loud);
$watcher->rows($loud);
$latin->rows($loud);

# Run statements in a session.  So many created secrets are in their rows;
# everything else that the client is told is kept for the search.
sub look
{
	my ($sql, $creates, $session) = @_;
	my $result = ($session // $test->session)->run($sql);
	my $rows = $result->{rows};
	my @new = $rows =~ /\b([0-9a-f]{32})\b/g;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(scalar @new, $creates // 0, 'secrets in rows: ' . substr $sql, 0, 60)
	  || diag($result->{raw} =~ /^(ERROR: .*)/ms);
	push @created, @new;
	$rows =~ s/\b[0-9a-f]{32}\b//g;
	$shown .= "$rows\n$result->{raw}";
	note(MixpanelTest::describe($result), "\n", $result->{context} // '')
	  if $result->{code};
	return $result;
}

# The same, and there must be no error.
sub look_well
{
	my ($sql, @more) = @_;
	my $result = look($sql, @more);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($result->{code}, '', 'no error: ' . substr $sql, 0, 60)
	  || diag($result->{message});
	return $result;
}

# ---- statements ----

my $create = q(INSERT INTO mp.service_accounts (username, role) VALUES ('ci', 'consumer') RETURNING id, secret);
my $add = q(INSERT INTO mp.project_memberships (service_account_id, project_id, role) VALUES (3, 1003, 'admin'));

subtest 'reads' => sub {
	look_well($_) foreach (
		'SELECT * FROM mp.service_accounts',
		'SELECT a FROM mp.service_accounts a WHERE id = 2',
		'SELECT attrs, secret FROM mp.service_accounts WHERE id IN (1, 2, 3)',
		'SELECT * FROM mp.project_memberships',
		'SELECT * FROM mp.project_memberships WHERE service_account_id = 2',
		'SELECT * FROM mp.project_memberships WHERE project_id = 1001',
		'SELECT * FROM mp.service_accounts a JOIN mp.project_memberships m ON m.service_account_id = a.id WHERE a.expires < now()',
		'CREATE TABLE owners (account bigint, owner text); INSERT INTO owners VALUES (2, \'Ada\'); ANALYZE owners',
		'SELECT * FROM owners o JOIN mp.project_memberships m ON m.service_account_id = o.account',
		'BEGIN; DECLARE c CURSOR FOR SELECT * FROM mp.service_accounts; FETCH 2 FROM c; SELECT * FROM pg_cursors; COMMIT',
		'DECLARE held CURSOR WITH HOLD FOR SELECT * FROM mp.service_accounts; FETCH ALL FROM held',
		'PREPARE one(bigint) AS SELECT * FROM mp.service_accounts WHERE id = $1; EXECUTE one(3); SELECT * FROM pg_prepared_statements',
		'COPY (SELECT * FROM mp.service_accounts) TO STDOUT',
		'CREATE TABLE copied AS SELECT * FROM mp.service_accounts',
		'CREATE MATERIALIZED VIEW kept AS SELECT * FROM mp.service_accounts',
		'REFRESH MATERIALIZED VIEW kept',
		'ANALYZE VERBOSE mp.service_accounts; ANALYZE VERBOSE mp.project_memberships',
		'SELECT * FROM pg_stats WHERE schemaname = \'mp\'',
		'CREATE SCHEMA again; IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mixpanel INTO again',
		'SELECT mixpanel_sa_fdw_version()',
		'SELECT * FROM mixpanel_sa_fdw_check(\'mixpanel\')',
		'SELECT * FROM mixpanel_sa_fdw_stats(); SELECT mixpanel_sa_fdw_stats_reset()',
		'SELECT * FROM pg_settings WHERE name LIKE \'mixpanel%\'');
	look_well('SELECT * FROM mp.service_accounts', 0, $latin);
};

$test->rows(<<'SQL');
CREATE TABLE vault (id bigint, secret text);
CREATE VIEW bots AS SELECT id, username, role, secret FROM mp.service_accounts;
CREATE VIEW consumers AS SELECT * FROM mp.service_accounts WHERE role = 'consumer' WITH CHECK OPTION;
CREATE VIEW ruled AS SELECT 'x'::text AS username, 'x'::text AS secret;
CREATE RULE ruled AS ON INSERT TO ruled DO INSTEAD
	INSERT INTO mp.service_accounts (username) VALUES (NEW.username) RETURNING username, secret;
CREATE VIEW triggered AS SELECT 'x'::text AS username, 'x'::text AS secret;
CREATE FUNCTION create_for_view() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO mp.service_accounts (username) VALUES (NEW.username) RETURNING secret INTO NEW.secret;
	RETURN NEW;
END $$;
CREATE TRIGGER create_for_view INSTEAD OF INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION create_for_view();
CREATE FUNCTION after_create() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'account %', NEW.id;
	RETURN NULL;
END $$;
CREATE FOREIGN TABLE noisy (id bigint, username text, secret text) SERVER mixpanel OPTIONS (object 'service_accounts');
CREATE TRIGGER after_create AFTER INSERT ON noisy FOR EACH ROW EXECUTE FUNCTION after_create();
CREATE FUNCTION create_account(name text, OUT id bigint, OUT secret text) LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO mp.service_accounts AS a (username) VALUES (name) RETURNING a.id, a.secret INTO id, secret;
END $$;
CREATE FUNCTION create_in_sql(text) RETURNS text LANGUAGE sql AS
	'INSERT INTO mp.service_accounts (username) VALUES ($1) RETURNING secret';
CREATE FOREIGN TABLE other_types (
	number integer OPTIONS (field 'id'),
	name varchar(40) OPTIONS (field 'username'),
	password varchar(64) OPTIONS (field 'secret'),
	whole text OPTIONS (field 'attrs')) SERVER mixpanel OPTIONS (object 'service_accounts');
CREATE TABLE parts (id bigint, username text, secret text, organization_id bigint) PARTITION BY LIST (organization_id);
CREATE FOREIGN TABLE part PARTITION OF parts FOR VALUES IN (123) SERVER mixpanel OPTIONS (object 'service_accounts');
CREATE FOREIGN TABLE numbers (id bigint, username text, secret integer) SERVER mixpanel OPTIONS (object 'service_accounts');
CREATE FOREIGN TABLE places (id bigint, username text, secret tid) SERVER mixpanel OPTIONS (object 'service_accounts');
CREATE DOMAIN short AS text CHECK (length(VALUE) < 10);
CREATE FOREIGN TABLE shorts (id bigint, username text, secret short) SERVER mixpanel OPTIONS (object 'service_accounts');
SQL

subtest 'creates' => sub {
	look_well($create, 1);
	look_well(q(INSERT INTO mp.service_accounts (username, name, expires, projects) VALUES ('ci', 'CI', now() + interval '1 day', '[{"id":1001,"role":"admin"}]') RETURNING *), 1);
	look_well('INSERT INTO mp.service_accounts (username) SELECT \'ci\' || i FROM generate_series(1, 3) i RETURNING id, secret, attrs', 3);
	look_well('INSERT INTO mp.service_accounts AS a (username) VALUES (\'ci\') RETURNING row_to_json(a)', 1);
	look_well('PREPARE make(text) AS INSERT INTO mp.service_accounts (username) VALUES ($1) RETURNING id, secret; EXECUTE make(\'ci\'); SELECT * FROM pg_prepared_statements', 1);
	look_well('INSERT INTO bots (username) VALUES (\'ci\') RETURNING *', 1);
	look_well('INSERT INTO consumers (username, role) VALUES (\'ci\', \'consumer\') RETURNING id, secret', 1);
	look_well('INSERT INTO ruled (username) VALUES (\'ci\') RETURNING secret', 1);
	look_well('INSERT INTO triggered (username) VALUES (\'ci\') RETURNING secret', 1);
	look_well('INSERT INTO noisy (username) VALUES (\'ci\') RETURNING id, secret', 1);
	look_well('INSERT INTO other_types (name) VALUES (\'ci\') RETURNING *', 1);
	look_well('INSERT INTO parts (username, organization_id) VALUES (\'ci\', 123) RETURNING secret', 1);
	look_well('SELECT * FROM create_account(\'ci\')', 1);
	look_well('SELECT create_in_sql(\'ci\')', 1);
	look_well("BEGIN; SAVEPOINT a; $create; ROLLBACK TO a; $create; RELEASE a; COMMIT", 2);
	look_well("BEGIN; $create; ROLLBACK", 1);
	look_well("SET ROLE other; $create; RESET ROLE", 1);
	look_well("SET mixpanel_sa_fdw.allow_unreturned_secret = on; INSERT INTO mp.service_accounts (username) VALUES ('lost'); COPY mp.service_accounts (username) FROM PROGRAM 'echo copied'; RESET mixpanel_sa_fdw.allow_unreturned_secret");
	look_well('DO $$ DECLARE s text; BEGIN INSERT INTO mp.service_accounts (username) VALUES (\'ci\') RETURNING secret INTO s; END $$');
	look_well($create, 1, $latin);
};

subtest 'creates that the user stores' => sub {
	look_well('WITH new AS (INSERT INTO mp.service_accounts (username) VALUES (\'ci\') RETURNING id, secret) INSERT INTO vault SELECT * FROM new');
	look_well('INSERT INTO vault SELECT * FROM create_account(\'ci\')');
	my $before = @created;
	look_well('SELECT secret FROM vault', 2);
	@stored = splice @created, $before;
};

subtest 'changes' => sub {
	look_well($_) foreach (
		$add,
		'INSERT INTO mp.project_memberships (service_account_id, project_id, role) VALUES (4, 1003, \'admin\') RETURNING *',
		'UPDATE mp.project_memberships SET role = \'analyst\' WHERE service_account_id = 3',
		"BEGIN; DELETE FROM mp.project_memberships WHERE service_account_id = 3; SELECT * FROM mixpanel_sa_fdw_pending(); COMMIT",
		'COPY mp.project_memberships (service_account_id, project_id, role) FROM PROGRAM \'printf "3\t1001\tadmin\n"\'',
		'BEGIN; DELETE FROM mp.service_accounts WHERE username = \'ci1\' RETURNING *; COMMIT');
};

subtest 'EXPLAIN in every format' => sub {
	my @plans = (
		'SELECT * FROM mp.service_accounts',
		'SELECT * FROM owners o JOIN mp.project_memberships m ON m.service_account_id = o.account',
		$create, $add,
		'INSERT INTO consumers (username, role) VALUES (\'ci\', \'consumer\') RETURNING *',
		'WITH new AS (INSERT INTO mp.service_accounts (username) VALUES (\'ci\') RETURNING id, secret) INSERT INTO vault SELECT * FROM new',
		'UPDATE mp.project_memberships SET role = \'owner\' WHERE service_account_id = 2',
		'DELETE FROM mp.service_accounts WHERE id = 5',
		'EXECUTE make(\'ci\')');

	foreach my $format (qw(TEXT XML JSON YAML))
	{
		look_well("SET auto_explain.log_format = $format");
		foreach my $sql (@plans)
		{
			look_well("BEGIN; EXPLAIN (FORMAT $format, VERBOSE) $sql; "
				  . "EXPLAIN (FORMAT $format, ANALYZE, VERBOSE, BUFFERS, SETTINGS, WAL) $sql; ROLLBACK");
		}
		look_well("BEGIN; $create; SELECT create_in_sql('ci'); SELECT * FROM mp.project_memberships; ROLLBACK", 2);
	}
};

# ---- failures ----

sub says
{
	my ($words) = @_;
	return { status => 'error', error => $words };
}

# What is wrong, the statement, its SQLSTATE.
sub failing
{
	my ($fault, $sql, $code, $session) = @_;
	my $name = ref $fault ? JSON::PP->new->canonical->encode($fault) : $fault;

	$simulator->clear_faults;
	$simulator->fault(%{$fault}) if ref $fault;
	$session //= $test->session;
	my $result = look($sql, 0, $session);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($result->{code}, $code, "$code: $sql: " . substr $name, 0, 200)
	  || diag(MixpanelTest::describe($result));
	$session->rows('ROLLBACK');
	return $result;
}

my $list = 'SELECT * FROM mp.service_accounts';
my $delete = 'DELETE FROM mp.service_accounts WHERE id = 5';
my @kinds = ([ $list, 'GET' ], [ $create, 'POST' ], [ $add, 'POST' ],
	[ $delete, 'DELETE' ]);

subtest 'every SQLSTATE' => sub {
	$test->options(max_retries => 1, max_retry_wait => '20ms',
		connect_timeout => '5s');

	foreach my $case (
		[ { status => 400 }, '22023' ], [ { status => 422 }, '22023' ],
		[ { status => 401 }, '28000' ], [ { status => 403 }, '42501' ],
		[ { status => 429 }, '53400' ],
		[ { status => 302, headers => { Location => 'http://127.0.0.2/' } },
			'08004' ])
	{
		my ($fault, $code) = @{$case};

		failing({ %{$fault}, method => $_->[1], count => 0 }, $_->[0], $code)
		  foreach @kinds;
	}
	# a status that no API's refusal has says nothing of what was done
	failing({ method => $_->[1], status => 418, count => 0 }, $_->[0],
		$_->[0] eq $create ? '08006' : 'HV00M')
	  foreach @kinds;
	failing({ method => 'POST', status => 409 }, $_, '23505') foreach $create, $add;
	failing('no such account',
		$add =~ s/\(3,/(9999,/r, '23503');
	failing({ status => 500, count => 0 }, $list, 'HV00M');
	failing({ method => 'POST', status => 500, count => 0 }, $add, 'HV00M');
	failing({ method => 'POST', status => 503, count => 0 }, $create, '08006');
	failing({ reset => 'mid', count => 0 }, $list, '08006');
	# Only what hangs may be given up: a slow server must not lose the rest.
	$test->options(request_timeout => '300ms');
	failing({ hang => 'headers', count => 0 }, $list, '08006');
	$test->options(request_timeout => undef);
	failing({ body => 'no JSON' }, $list, 'HV004');
	failing('unknown column', 'SELECT nonesuch FROM mp.service_accounts', '42703');
	failing('read-only', q(INSERT INTO mp.service_accounts (username, secret) VALUES ('ci', 'mine') RETURNING secret), '428C9');
	failing('other organization', q(INSERT INTO mp.service_accounts (username, organization_id) VALUES ('ci', 9) RETURNING secret), '23514');
	failing('no name', q(INSERT INTO mp.service_accounts (role) VALUES ('admin') RETURNING secret), '23502');
	failing('unread', q(INSERT INTO mp.service_accounts (username) VALUES ('ci')), '55000');
	failing('COPY', 'COPY mp.service_accounts (username) FROM PROGRAM \'echo ci\'', '55000');
	failing('own account', 'DELETE FROM mp.service_accounts WHERE id = 1', '55006');
	failing('too many', 'SET LOCAL mixpanel_sa_fdw.max_deletes = 0; SET mixpanel_sa_fdw.max_deletes = 0; ' . $delete, '54000');
	look_well('RESET mixpanel_sa_fdw.max_deletes');
	failing('UPDATE', 'UPDATE mp.service_accounts SET role = \'admin\'', '0A000');
	failing('TRUNCATE', 'TRUNCATE mp.service_accounts', '0A000');
	failing('no mapping', "SET ROLE nobody; $list", '42704');
	look_well('RESET ROLE');
	failing('option', 'ALTER USER MAPPING FOR CURRENT_USER SERVER mixpanel OPTIONS (ADD passwort \'x\')', 'HV00D');
	failing('both', 'ALTER USER MAPPING FOR CURRENT_USER SERVER mixpanel OPTIONS (ADD secret_file \'/x\')', '22023');
	failing('schema', 'IMPORT FOREIGN SCHEMA nonesuch FROM SERVER mixpanel INTO again', 'HV00Q');
	failing('prepared', "BEGIN; $add; PREPARE TRANSACTION 'x'", '0A000');
	failing({ status => 500, count => 0 }, "SELECT * FROM mixpanel_sa_fdw_check('mixpanel')", '');

	# Nobody listens; no TLS there; our credentials are not the API's.
	$test->options(base_url => 'http://127.0.0.1:1/api/app');
	failing('nobody there', $_->[0], '08001') foreach @kinds[ 0, 1, 2 ];
	$test->options(base_url => $simulator->base_url =~ s/^http/https/r);
	failing('no TLS there', $_->[0], '08001') foreach @kinds[ 0, 1, 2 ];
	$test->options(base_url => $simulator->base_url);
	$test->options(organization_id => undef);
	failing('no organization', $list, 'HV002');
	$test->options(organization_id => 123);
	$simulator->reset(secret => 'another');
	failing('wrong secret', $_->[0], '28000') foreach @kinds[ 0, 1, 2 ];
	failing('wrong secret', "SELECT * FROM mixpanel_sa_fdw_check('mixpanel')", '');
	$simulator->reset;
};

# The other side repeats what it was sent, in any form, place and status.
my $bare = $basic =~ s/=+\z//r;
my ($escaped) = (MixpanelSecrets::forms($secret))[1];
my @echoes = (
	$secret, $basic, $bare, "Authorization: Basic $basic", "Basic $basic",
	$escaped, $escaped =~ s/(%..)/\L$1/gr,
	encode_base64($secret, ''), encode_base64("x$secret", ''),
	encode_base64("secret=$secret&x=1", ''),
	$basic =~ tr{+/}{-_}r,
	"$secret$secret", "?login=$escaped&b=$bare", "\"$secret\"", "<b>$secret</b>");

subtest 'credentials that the other side repeats' => sub {
	foreach my $echo (@echoes)
	{
		my $words = Encode::decode('UTF-8', $echo);

		failing({ status => 400, body => says("you said $words"), method => 'GET' },
			$list, '22023');
		is($test->session->rows('SELECT 1'), '1', 'the session lives');
	}
	foreach my $status (400, 401, 403, 404, 409, 418, 429, 500)
	{
		my %wanted = (400 => '22023', 401 => '28000', 403 => '42501',
			409 => '23505', 429 => '53400');
		my $words = Encode::decode('UTF-8', "$secret $basic $escaped");
		my $echo = { status => $status, body => says($words), count => 0 };

		foreach my $kind (@kinds)
		{
			my ($sql, $method) = @{$kind};
			my $code = $wanted{$status} // 'HV00M';

			$code = '08006'
			  if $sql eq $create && ($status == 418 || $status == 500);
			$code = '23503' if $status == 404 && $sql eq $add;
			failing({ %{$echo}, method => $method }, $sql, $code);
		}
		failing($echo, "SELECT * FROM mixpanel_sa_fdw_check('mixpanel')", '');
	}

	# Where a message is cut off.
	my $words = Encode::decode('UTF-8', $secret);
	foreach my $before (480 .. 512)
	{
		foreach my $echo ($words, $bare)
		{
			my $result = failing(
				{ status => 400, body => says(('x' x $before) . " $echo") },
				$list, '22023');

			unlike($result->{detail}, qr/x \Q@{[substr $echo, 0, 4]}\E/,
				'not even its beginning');
		}
	}

	# In other places.
	my $url = $simulator->base_url;
	foreach my $echo ($bare, $escaped, encode_base64($secret, '') =~ s/=+$//r)
	{
		failing({ status => 302, count => 0, headers => { Location => $_->[0] } },
			$list, $_->[1])
		  foreach ([ "http://mixpanel.example/$echo?x=$echo", '08004' ],
			[ "http://$echo\@mixpanel.example/", '08004' ],
			[ "https://x/$echo#$echo", '08004' ],
			[ "$url/$echo/$echo?a=$echo", 'HV00M' ],
			[ "/$echo", 'HV00M' ], [ "gopher://x/$echo", '08004' ],
			[ "http://[$echo", 'HV00M' ]);
		# followed, and there it goes well
		failing({ status => 301, headers => {
					Location => "$url$org?echo=$echo" } }, $list, '22023');
		failing({ status => $_, headers => {
					'X-Echo' => $echo,
					'WWW-Authenticate' => "Basic realm=\"$echo\"",
					'Retry-After' => $echo,
					'Set-Cookie' => "a=$echo" }, count => 0,
				content_type => "text/$echo" }, $list,
			{ 200 => 'HV004', 401 => '28000', 429 => '53400', 503 => 'HV00M' }->{$_})
		  foreach 200, 401, 429, 503;
		failing({ status => 200, body => $echo,
				headers => { 'Content-Encoding' => $echo } }, $list, 'HV004');
		failing({ status => $_, content_type => 'text/html',
				raw => encode_base64("<html><body>Authorization: Basic $basic $echo</body>", '') },
			$list, { 200 => 'HV004', 500 => 'HV00M', 403 => '42501' }->{$_})
		  foreach 200, 403;
		failing({ raw => encode_base64($_, ''), content_type => 'application/json' },
			$list, 'HV004')
		  foreach ("[{\"id\":2,\"$echo\":}]", "[{\"id\":\"$echo\"}]",
			"[{\"id\":2,\"username\":{\"$echo\":1}}]", "{\"$echo\":1}", $echo,
			"{\"status\":\"error\",\"message\":\"$echo\"}",
			"{\"results\":[],\"next\":\"$echo\"}",
			"[{\"id\":2,\"expires\":\"$echo\"}]", "[\"$echo\"]");
	}
	# as a field's name, which a message tells if it is a word
	$test->rows('SET ROLE other');
	failing({ raw => encode_base64("[{\"id\":2,\"$_\":\"\\ud800\"}]", ''),
			content_type => 'application/json' }, $list, 'HV004')
	  foreach 'token', encode_base64('bot-4:secret-4', '') =~ s/=+\z//r,
	  encode_base64('bot-4:secret-4', '') =~ s/=+\z//r . 'x' x 60;
	$test->rows('RESET ROLE');
	failing({ raw => encode_base64("HTTP/0.9 $secret", '') }, $list, 'HV004');

	# In another encoding than the API's.
	failing({ status => 400, body => says('you said ' . Encode::decode('UTF-8', $_)) },
		$list, '22023', $latin)
	  foreach $secret, $escaped, $basic;
};

# Answers to creations that go wrong, with secrets that we know.
my $known = 0;

sub known_secret
{
	my $new = sprintf '%032x', 0xfeed0000 + ++$known;

	push @created, $new;
	return $new;
}

sub answer
{
	my ($text) = @_;

	return { method => 'POST', after => $true,
		raw => encode_base64(Encode::encode('UTF-8', $text), ''),
		content_type => 'application/json' };
}

subtest 'new secrets that do not arrive' => sub {
	my @forms = (
		'{"id":7001,"username":"ci","token":"%s"', '{"id":"x","token":"%s"}',
		'{"token":"%s"}', '{"id":7001,"token":"%s","token":"%1$s"}',
		'{"id":7001,"token":"%s","role":5}', '[{"secret":"%s"},{}]',
		'{"results":{"id":7001,"token":"%s","expires":"%1$s"}}',
		'{"id":7001,"token":"%s","%1$s":}', 'token %s',
		'{"status":"error","token":"%s","error":"no"}',
		'{"id":7001,"token":{"value":"%s"}}');

	foreach my $form (@forms)
	{
		my $result =
		  look_answer(sprintf($form, known_secret()), $create, undef);
		isnt($result->{code}, '', "an error: $form");
	}

	# The type of the column does not take it; that of attrs cannot show it.
	foreach my $table (qw(numbers places shorts))
	{
		my $result = look_answer('{"id":7001,"username":"ci","token":"'
			  . known_secret() . '"}',
			"INSERT INTO $table (username) VALUES ('ci') RETURNING id, secret",
			undef);
		isnt($result->{code}, '', "$table: an error");
		like($result->{message}, qr/^the secret of the new service account is not valid for column "secret"/,
			'that says why');
	}
	foreach my $form ('{"id":7001,"token":"%s","role":"\u20ac"}',
		'{"id":7001,"role":"\u20ac","secret":"%s"}',
		'{"id":7001,"token":"%s","x":1e200000}',
		'{"id":7001,"token":"%s","x":"\u20ac"}',
		'{"id":7001,"x":"\u20ac","secret":"%s"}',
		"{\"id\":7001,\"token\":\"%s\",\"role\":\"\x{20ac}\"}")
	{
		look_answer(sprintf($form, known_secret()), $create =~ s/id, secret/id, attrs, length(secret)/r, $_)
		  foreach undef, $latin;
	}
	# one that LATIN1 does not have
	look_answer('{"id":7001,"token":"' . known_secret() . "\x{20ac}\"}", $create, $latin);

	# Cut short in the answer.
	foreach my $cut (20, 40, 60)
	{
		$simulator->clear_faults;
		$simulator->fault(method => 'POST', after => $true, cut => $cut,
			body => { id => 7001, token => known_secret(), username => 'ci' });
		is(look($create)->{code}, '08006', "cut after $cut bytes");
	}
};

sub look_answer
{
	my ($text, $sql, $session) = @_;

	$simulator->clear_faults;
	$simulator->fault(%{ answer($text) });
	return look($sql, 0, $session);
}

subtest 'a secret in the way of a rule of the user' => sub {
	$simulator->clear_faults;
	my $result = look(q(INSERT INTO consumers (username, role) VALUES ('ci', 'admin') RETURNING id, secret));
	is($result->{code}, '44000', 'WITH CHECK OPTION');
	$result = look(q(INSERT INTO vault SELECT id, NULL FROM create_account('ci')));
	is($result->{code}, '', 'stored without');
};

subtest 'compensation, cancel' => sub {
	$simulator->reset;
	$simulator->fault(method => 'DELETE', status => 403, count => 0,
		body => says(Encode::decode('UTF-8', $secret)));
	my $result = look("BEGIN; $create; ROLLBACK", 1);
	like($result->{raw}, qr/WARNING:  08006: service account \d+/, 'a warning');

	foreach my $method (qw(GET POST))
	{
		my $sql = $method eq 'GET' ? $list : $create;

		$simulator->reset;
		$simulator->fault(method => $method, hang => 'headers', after => $true);
		my $session = $test->session->begin($sql);
		ok($simulator->wait_for_in_flight(1), "$method hangs");
		my $pid = $session->pid;

		# What others see of it meanwhile.
		$shown .= $watcher->rows($_)
		  foreach ('SELECT * FROM pg_stat_activity',
			'SELECT * FROM pg_stat_get_activity(NULL)',
			"SELECT pg_log_backend_memory_contexts($pid)",
			'SELECT * FROM pg_locks', 'SELECT * FROM pg_stat_progress_analyze');
		foreach my $file (qw(cmdline environ status))
		{
			$shown .= slurp_file("/proc/$pid/$file")
			  if -r "/proc/$pid/$file";
		}
		$watcher->rows("SELECT pg_cancel_backend($pid)")
		  while $session->is_busy && sleep_a_bit();
		$result = $session->end;
		$shown .= $result->{raw};
		is($result->{code}, '57014', 'cancelled');
	}
	$simulator->reset;
};

sub sleep_a_bit
{
	select undef, undef, undef, 0.05;
	return 1;
}

# ---- the search ----

subtest 'what the sessions show of themselves' => sub {
	foreach my $view (
		qw(pg_stat_activity pg_stat_statements pg_prepared_statements pg_cursors
		pg_stats pg_backend_memory_contexts pg_settings pg_foreign_server
		pg_foreign_table pg_foreign_data_wrapper pg_views pg_rules
		mixpanel_sa_fdw_stats() mixpanel_sa_fdw_pending()))
	{
		$shown .= $test->rows("SELECT * FROM $view");
	}
	$shown .= $watcher->rows('SET ROLE nobody; SELECT * FROM pg_user_mappings; '
		  . 'SELECT * FROM information_schema.user_mapping_options; RESET ROLE');
	ok(1, 'shown');
};

cmp_ok(scalar @created, '>', 50, 'there are secrets to look for');
my %distinct = map { $_ => 1 } @created, @stored;
is(scalar keys %distinct, @created + @stored, 'each was seen once');
$secrets->add(@created, @stored);

$_->quit foreach ($watcher, $latin);
$test->fresh;
my $log = server_log($test, $log_start);
like($log, qr/LOG: .* GET \Q$org\E, server "mixpanel", status 200/, 'the log has requests');
like($log, qr/Query Text: /, 'and plans');
like($log, qr/:targetList/, 'and trees');
is(join(' ', $secrets->found_in($log)), '', 'the server log has no secret')
  || diag($secrets->around($log));
is(join(' ', $secrets->found_in($shown)), '', 'no client was shown one')
  || diag($secrets->around($shown));
# Among them those that nobody was given.
is(join(' ', $log =~ /\b([0-9a-f]{32})\b/g), '', 'nor what looks like one');
is(join(' ', $shown =~ /\b([0-9a-f]{32})\b/g), '', 'here and there');
cmp_ok(length $shown, '>', 1_000_000, 'and it was shown much');

# The data directory.  The mapping's secret is in its catalog, created ones are
# in the user's table, and each of these in the write-ahead log.
my %allowed;
foreach my $database (qw(postgres latin))
{
	my $path = $node->safe_psql($database,
		'SELECT pg_relation_filepath(\'pg_user_mapping\')');
	$allowed{$path} = { map { $_ => 1 } $login, 'bot-4:secret-4' };
}
$allowed{ $node->safe_psql('postgres', 'SELECT pg_relation_filepath(\'vault\')') } =
  { map { $_ => 1 } @stored };
$node->safe_psql('postgres', 'CHECKPOINT');
$node->stop;

my (@leaks, $in_place);
File::Find::find(
	{
		no_chdir => 1,
		wanted => sub {
			return unless -f $_;
			(my $path = $_) =~ s!^\Q@{[$node->data_dir]}\E/!!;
			foreach my $one ($secrets->found_in(slurp_file($_)))
			{
				my $fine = $path =~ m!^pg_wal/!
				  ? { map { %{$_} } values %allowed }
				  : $allowed{$path};

				push @leaks, "$path: $one" unless $fine->{$one};
				$in_place++ if $fine->{$one};
			}
		}
	},
	$node->data_dir);
is(join("\n", @leaks), '', 'no file of the cluster has one that it should not');
cmp_ok($in_place, '>=', 2, 'those that should were found');

$simulator->stop;
done_testing();
