# Clients that people use: psycopg, psycopg2, JDBC, the same through PgBouncer
# in transaction mode, and another PostgreSQL through postgres_fdw.  Each does
# what an application does, prints the same lines, and makes the same requests.
#
# A client that is not installed is left out.

use strict;
use warnings;

use Cwd qw(getcwd);
use File::Spec;
use IPC::Run ();
use MixpanelDocument qw(fenced_blocks);
use MixpanelSession;
use MixpanelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Debian's, which has Debian's modules.
use constant PYTHON => '/usr/bin/python3';
use constant DRIVER => '/usr/share/java/postgresql.jar';
use constant PROGRAM_SECONDS => 60;

my $project = getcwd();
my $clients = "$project/test/clients";

# Drivers in Java know no Unix sockets.  What is read back depends on what a
# session has learnt, and a pooler's sessions serve several clients.
my $test = MixpanelTest->new(
	'clients',
	verify => 0,
	accounts => 4,
	projects => 3,
	memberships_per_account => 0,
	config => "listen_addresses = '127.0.0.1'\n");
my $simulator = $test->simulator;
my $bouncer;
my $node = $test->node;

my @lines = (
	'accounts: 1 2 3 4',
	'names: bot-2 bot-3 bot-4 bot-2 bot-3 bot-4 bot-2',
	'some: 2 3',
	'cursor: 1 2 3 4',
	'secret: 32',
	'expires: 2030-01-02T03:04:05+00:00',
	'in transaction: 1001=admin',
	'rolled back:',
	'committed: 1001=admin 1002=admin',
	'changed: 1001=analyst',
	'given id: 428C9',
	'unread secret: 55000',
	'update of a key: 0A000',
	'unknown project: 23503',
	'own account: 55006',
	'wrong secret: 28000',
	'deleted: 1');

# How often each call is made.  Of one account: seven by name, two of "some",
# its expiry, the culprit of the unknown project, the own account, and the one
# that is deleted.
my %requests = (
	'GET ' => 3,
	'GET /{id}' => 13,
	'GET /{id}/projects' => 6,
	'POST ' => 1,
	'POST /add-to-project' => 3,
	'POST /remove-from-project' => 1,
	'DELETE /{id}' => 1,
	'GET /me?include_workspace_users=false' => 1);

# ---- running clients ----

# A client's lines and requests on fresh data.
sub check_client
{
	my ($name, $environment, @command) = @_;
	my ($out, $err) = ('', '');

	subtest $name => sub {
		$simulator->reset;
		local %ENV = (%ENV, %{$environment});
		IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err,
			IPC::Run::timeout(PROGRAM_SECONDS));
		is($?, 0, 'ends well') or diag($err);
		check_outcome(split /\n/, $out =~ s/[ \t]+$//mgr);
	};
	return;
}

sub check_outcome
{
	my (@printed) = @_;

	is_deeply(\@printed, \@lines, 'prints what all clients print')
	  or diag(join "\n", @printed);
	is_deeply(requests_made(), \%requests, 'makes the same requests')
	  or diag(explain(requests_made()));
	is_deeply([ map { $_->{id} } @{ $simulator->state->{accounts} } ],
		[ 1 .. 4 ], 'leaves the accounts as they were');
	return;
}

sub requests_made
{
	my %made;

	foreach my $request ($simulator->requests)
	{
		$request =~ s!/organizations/123/service-accounts!!;
		$request =~ s!/\d+(?=$|/projects$)!/{id}!;
		$made{$request}++;
	}
	return \%made;
}

sub libpq_environment
{
	my ($host, $port, $database) = @_;

	return {
		PGHOST => $host,
		PGPORT => $port,
		PGDATABASE => $database,
		PGUSER => scalar getpwuid($<),
	};
}

# It must not outlive a test that dies.
END { $bouncer->kill_kill if defined $bouncer }

# ---- programs ----

sub has_module
{
	my ($module) = @_;

	return
	  -x PYTHON && IPC::Run::run([ PYTHON, '-c', "import $module" ],
		'<', \undef, '>', \my $out, '2>', \my $err);
}

sub find_program
{
	my ($program) = @_;

	return (grep { -x } map { "$_/$program" } File::Spec->path, '/usr/sbin')[0];
}

# Why there is no JDBC; '' if there is.
sub jdbc_is_missing
{
	return 'no JDK (Debian: default-jdk-headless)'
	  unless find_program('java') && find_program('javac');
	return -r DRIVER ? '' : 'no driver (Debian: libpostgresql-jdbc-java)';
}

sub check_python
{
	my ($name, $module, $environment) = @_;

  SKIP:
	{
		skip "$name: Python has no $module (Debian: python3-$module)", 1
		  unless has_module($module);
		check_client($name, $environment, PYTHON,
			"$clients/python_client.py", $module);
	}
	return;
}

sub check_jdbc
{
	my ($name, $port, $database, $more) = @_;
	my $user = getpwuid($<);

  SKIP:
	{
		my $reason = jdbc_is_missing();

		skip "$name: $reason", 1 if $reason;
		check_client(
			$name, {}, 'java', '-Xshare:auto', '-XX:TieredStopAtLevel=1',
			'-cp', DRIVER, "$clients/JdbcClient.java",
			"jdbc:postgresql://127.0.0.1:$port/$database?user=$user$more");
	}
	return;
}

# ---- PgBouncer ----

# Starts it as the cookbook says, but here, and with one connection to the
# server, so that all clients share it.
sub start_bouncer
{
	my ($port) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my ($block) = grep { $_->{kind} eq 'ini' }
	  fenced_blocks(slurp_file("$project/doc/cookbook.md"));
	my $text = $block->{text};
	my ($host, $server_port) = ($node->host, $node->port);
	my $output = '';

	$text =~ s/^app = .*$/app = host=$host port=$server_port dbname=postgres/m;
	$text =~ s/^listen_port = .*$/listen_port = $port\nunix_socket_dir =/m;
	$text =~ s/^auth_type = .*$/auth_type = trust/m;
	$text =~ s/^auth_file = .*$/auth_file = $folder\/users/m;
	$text =~ s/^default_pool_size = .*$/default_pool_size = 1/m;
	append_to_file("$folder/users", '"' . getpwuid($<) . "\" \"\"\n");
	append_to_file("$folder/pgbouncer.ini", $text);
	$bouncer =
	  IPC::Run::start([ find_program('pgbouncer'), "$folder/pgbouncer.ini" ],
		'<', \undef, '>&', \$output);
	MixpanelTest::wait_until(
		sub {
			$bouncer->pump_nb;
			return $output =~ /process up/;
		}) or die "PgBouncer does not start:\n$output";
	return;
}

# A client that goes in the middle of a transaction.
sub check_crash
{
	my ($port) = @_;
	my $session =
	  MixpanelSession->new("host=127.0.0.1 port=$port dbname=app");

	$simulator->reset;
	is( $session->rows(
			'BEGIN; INSERT INTO mp.service_accounts (username) '
			  . "VALUES ('half') RETURNING username, length(secret)"),
		'half|32', 'an account is created through PgBouncer');
	is(scalar @{ $simulator->state->{accounts} }, 5, 'it is there');
	$session->crash;
	ok( MixpanelTest::wait_until(
			sub { @{ $simulator->state->{accounts} } == 4 }),
		'it is deleted again when the client goes');

	$simulator->reset;
	$simulator->fault(method => 'POST', delay_ms => 500);
	$session =
	  MixpanelSession->new("host=127.0.0.1 port=$port dbname=app");
	$session->begin('INSERT INTO mp.service_accounts (username) '
		  . "VALUES ('unread') RETURNING secret");
	MixpanelTest::wait_until(sub { $simulator->counts->{in_flight} == 1 });
	$session->crash;
	ok( MixpanelTest::wait_until(
			sub {
				$simulator->counts->{in_flight} == 0
				  && $simulator->counts->{requests} == 2;
			}),
		'one whose client goes while it is created');
	is(scalar @{ $simulator->state->{accounts} }, 4, 'is deleted again');
	return;
}

sub check_bouncer
{
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $environment = {
		%{ libpq_environment('127.0.0.1', $port, 'app') },
		NO_PREPARE => 1
	};

	start_bouncer($port);
	check_python('psycopg through PgBouncer', 'psycopg', $environment);
	check_python('psycopg2 through PgBouncer', 'psycopg2', $environment);
	check_jdbc('JDBC through PgBouncer', $port, 'app', '&prepareThreshold=0');
	check_crash($port);
	$bouncer->kill_kill;
	undef $bouncer;
	return;
}

# ---- postgres_fdw ----

# A second server without the extension and without credentials.
sub start_second
{
	my $second = PostgreSQL::Test::Cluster->new('second');
	my ($host, $port, $user) = ($node->host, $node->port, scalar getpwuid($<));

	$second->init;
	$second->start;
	$second->safe_psql('postgres', <<"SQL");
CREATE EXTENSION postgres_fdw;
CREATE SERVER gateway FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host '$host', port '$port', dbname 'postgres');
CREATE USER MAPPING FOR CURRENT_USER SERVER gateway OPTIONS (user '$user');
CREATE SCHEMA mp;
CREATE SCHEMA wrong;
IMPORT FOREIGN SCHEMA mp FROM SERVER gateway INTO mp;
IMPORT FOREIGN SCHEMA wrong FROM SERVER gateway INTO wrong;
SQL
	return $second;
}

sub words
{
	my ($session, $sql) = @_;
	return join ' ', split /\n/, $session->rows($sql);
}

sub members
{
	my ($session, $account) = @_;

	return words($session,
		"SELECT project_id || '=' || role FROM mp.project_memberships "
		  . "WHERE service_account_id = $account ORDER BY project_id");
}

# The lines of the other clients, by psql.
sub psql_lines
{
	my ($session) = @_;
	my $add = 'INSERT INTO mp.project_memberships '
	  . '(service_account_id, project_id, role) VALUES';
	my $ids = 'SELECT id FROM mp.service_accounts';
	my @lines = ('accounts: ' . words($session, "$ids ORDER BY id"));

	$session->rows('PREPARE by_id (bigint) AS '
		  . 'SELECT username FROM mp.service_accounts WHERE id = $1');
	push @lines, 'names: ' . join ' ',
	  map { $session->rows("EXECUTE by_id ($_)") } 2, 3, 4, 2, 3, 4, 2;
	push @lines,
	  'some: ' . words($session, "$ids WHERE id = ANY ('{2,3}') ORDER BY id");
	push @lines,
	  'cursor: '
	  . words($session,
		"BEGIN; DECLARE c CURSOR FOR $ids ORDER BY id; "
		  . 'FETCH 2 FROM c; FETCH ALL FROM c; COMMIT');
	my ($account, $length) = split /\|/,
	  $session->rows('INSERT INTO mp.service_accounts (username, expires) '
		  . "VALUES ('client-bot', '2030-01-02 03:04:05+00') "
		  . 'RETURNING id, length(secret)');
	push @lines, "secret: $length";
	push @lines,
	  'expires: '
	  . $session->rows("SELECT to_char(expires AT TIME ZONE 'UTC', "
		  . "'YYYY-MM-DD\"T\"HH24:MI:SS+00:00') "
		  . "FROM mp.service_accounts WHERE id = $account");
	$session->rows("BEGIN; $add ($account, 1001, 'admin')");
	push @lines, 'in transaction: ' . members($session, $account);
	$session->rows('ROLLBACK');
	push @lines, 'rolled back:' . members($session, $account);
	$session->rows(
		"BEGIN; $add ($account, 1001, 'admin'), ($account, 1002, 'admin'); COMMIT");
	push @lines, 'committed: ' . members($session, $account);
	my $of = "WHERE service_account_id = $account AND project_id =";
	$session->rows(
		"BEGIN; UPDATE mp.project_memberships SET role = 'analyst' $of 1001; "
		  . "DELETE FROM mp.project_memberships $of 1002; COMMIT");
	push @lines, 'changed: ' . members($session, $account);
	push @lines, psql_errors($session, $add);
	push @lines,
	  'deleted: '
	  . words($session,
		"DELETE FROM mp.service_accounts WHERE id = $account RETURNING 1");
	return @lines;
}

sub psql_errors
{
	my ($session, $add) = @_;
	my $insert = 'INSERT INTO mp.service_accounts';
	my @statements = (
		'given id',
		"$insert (id, username) VALUES (99, 'x') RETURNING id, secret",
		'unread secret',
		"$insert (username) VALUES ('x')",
		'update of a key',
		'UPDATE mp.project_memberships SET project_id = 1 '
		  . 'WHERE service_account_id = 2',
		'unknown project',
		"$add (2, 9999, 'admin')",
		'own account',
		'DELETE FROM mp.service_accounts WHERE id = 1',
		'wrong secret',
		'SELECT * FROM wrong.service_accounts');
	my @lines;

	while (my ($name, $sql) = splice @statements, 0, 2)
	{
		push @lines, "$name: " . $session->run($sql)->{code};
	}
	return @lines;
}

# What cannot be sent as a whole, postgres_fdw does row by row, by a ctid that
# is the same for all rows: it would change them all.
sub check_unsendable
{
	my ($session) = @_;
	my @before = @{ $simulator->state->{accounts} };

	$simulator->add_memberships([ 2, 1001, 'analyst' ]);
	$simulator->clear_log;
	foreach my $change (
		'DELETE FROM mp.service_accounts WHERE id = 4 AND random() >= 0',
		'DELETE FROM mp.project_memberships '
		. 'WHERE service_account_id = 2 AND random() >= 0',
		'UPDATE mp.project_memberships SET role = \'admin\' '
		. 'WHERE service_account_id = 2 AND random() >= 0')
	{
		MixpanelTest::error_is(
			$session->run($change),
			'0A000', $change,
			message => qr/^cannot find rows of foreign table "\w+" by ctid$/,
			hint => qr/postgres_fdw/);
	}
	is_deeply([ $simulator->state->{accounts}, $simulator->memberships ],
		[ \@before, '2 1001 analyst' ], '... and nothing is changed');
	$session->rows('DELETE FROM mp.service_accounts '
		  . 'WHERE id = ANY (ARRAY(SELECT 4::bigint WHERE random() >= 0))');
	is_deeply([ map { $_->{id} } @{ $simulator->state->{accounts} } ],
		[ 1, 2, 3 ], 'ids that are collected first are sent');
	return;
}

# ---- the tests ----

my $base_url = $simulator->base_url;
$test->rows(<<"SQL");
CREATE SERVER wrong FOREIGN DATA WRAPPER mixpanel_sa_fdw
	OPTIONS (base_url '$base_url', organization_id '123');
CREATE USER MAPPING FOR CURRENT_USER SERVER wrong
	OPTIONS (username 'admin-bot.mp-service-account', secret 'wrong');
CREATE SCHEMA wrong;
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER wrong INTO wrong;
SQL

my $direct = libpq_environment($node->host, $node->port, 'postgres');
check_python('psycopg', 'psycopg', $direct);
check_python('psycopg2', 'psycopg2', $direct);
check_jdbc('JDBC', $node->port, 'postgres', '');
SKIP:
{
	skip 'no PgBouncer (Debian: pgbouncer)', 1 unless find_program('pgbouncer');
	check_bouncer();
}

subtest 'postgres_fdw' => sub {
	plan skip_all => 'the server has no postgres_fdw (contrib)'
	  if $test->rows('SELECT count(*) FROM pg_available_extensions '
		  . "WHERE name = 'postgres_fdw'") == 0;
	my $second = start_second();
	my $session = MixpanelSession->new($second->connstr('postgres'));

	$simulator->reset;
	# Its transactions are REPEATABLE READ there: one read is not repeated.
	local $requests{'GET /{id}/projects'} = 5;
	check_outcome(psql_lines($session));
	check_unsendable($session);
	is($session->rows('SELECT count(*) FROM pg_extension '
			  . "WHERE extname LIKE 'mixpanel%'"),
		0, 'the second server has no extension of ours');
	$session->quit;
	$second->stop;
};

$test->stop;
done_testing();
