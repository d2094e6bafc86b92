# Ten thousand statements that are cancelled or fail, of every kind, in one
# session: it keeps no descriptor, no connection, no thread and no memory of
# them.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use MixpanelProcess
  qw(can_look count_descriptors count_served count_sockets count_threads
  private_kb);
use MixpanelTest;
use MixpanelWait;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	ROUNDS => 100,
	WARM => 20,			# rounds, after which nothing may grow
	ACCOUNTS => 30,
	MEMORY_KB => 4096,
	IDLE => 64,			# connections that are kept for the next request
};

plan skip_all => 'needs /proc' unless can_look();

my $folder = PostgreSQL::Test::Utils::tempdir();
my $hangs = MixpanelWait::hang_resolver($folder);
MixpanelWait::release_resolver() if $hangs;

my $test = MixpanelTest->new(
	'leaks',
	accounts => ACCOUNTS,
	organizations => 40,
	latency_ms => 0);
my $simulator = $test->simulator;
my $slow = MixpanelSimulator->start(accounts => ACCOUNTS, latency_ms => 40);
my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 50)
  // die "no socket: $!";
my $closed = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
  // die "no socket: $!";
my $nobody = $closed->sockport;
close $closed;

# ---- what fails, and with which SQLSTATE ----

my $list = 'SELECT count(*) FROM %s.service_accounts';
my $fan_out = 'SELECT count(*) FROM %s.project_memberships';
my $lookup = 'SELECT count(*) FROM %s.service_accounts '
  . 'WHERE id IN (2, 3, 4, 5)';
my $join = 'SELECT count(*) FROM wanted JOIN %s.project_memberships '
  . 'ON service_account_id = id';
my $append = 'SELECT count(*) FROM (TABLE %1$s.service_accounts UNION ALL '
  . 'TABLE wanted_too.service_accounts UNION ALL TABLE %1$s.service_accounts) a';
my $create = 'INSERT INTO %s.service_accounts (username) VALUES (\'new\') '
  . 'RETURNING length(secret)';
my $add = 'INSERT INTO %s.project_memberships '
  . '(service_account_id, project_id, role) VALUES (2, 1003, \'owner\')';
my $delete = 'DELETE FROM %s.service_accounts WHERE expires < now()';

# Failures of every read, by what the API does: a fault, an SQLSTATE.
my @faults = (
	[ { status => 400 }, '22023' ],
	[ { status => 401 }, '28000' ],
	[ { status => 403 }, '42501' ],
	[ { status => 409 }, '23505' ],
	[ { status => 429, headers => { 'Retry-After' => '500' } }, '53400' ],
	[ { status => 500 }, 'HV00M' ],
	[ { status => 503, body => 'x' x 100_000 }, 'HV00M' ],
	[ { body => '<html>' }, 'HV004' ],
	[ { body => '[{"id": 1}, {"id": "x"}]' }, 'HV004' ],
	[ { headers => { 'Content-Encoding' => 'gzip' }, body => 'no' }, 'HV004' ],
	[ { status => 302, headers => { Location => 'https://elsewhere.test/' } },
		'08004' ],
	[ { reset => 'before' }, '08006' ],
	[ { reset => 'after' }, '08006' ],
	[ { close => 'after' }, '08006' ],
	[ { cut => 200 }, '08006' ],
	[ { cut_chunked => 200 }, '08006' ]);

# Statements that fail by themselves: in a block with an exception handler.
my @failures;

# Those that fail at COMMIT, each its own transaction.
my @commits;

# Those that wait for what does not come soon: each has 1 to 3 ms.
my @waits = (
	map({ sprintf $_, 'slow' } $list, $fan_out, $lookup, $join, $append),
	sprintf($fan_out, 'silent'),
	sprintf($list, 'silent_tls'));

# ---- servers, tables, faults ----

# A server with both tables, in a schema of its name.
sub add_server
{
	my ($name, $base_url, %options) = @_;

	$test->rows(MixpanelWait::server_statements($name, $base_url, \%options)
		  . "IMPORT FOREIGN SCHEMA mixpanel FROM SERVER $name INTO $name");
	return $name;
}

my $next_organization = 124;

# One that leads to an organization of its own, for which each request with such
# a path has such a fault.
sub add_faulty
{
	my ($fault, $path, %options) = @_;
	my $id = $next_organization++;

	$path //= '';
	$simulator->fault(
		path => "/organizations/$id/.*$path", count => 0, %{$fault});
	return add_server("org_$id", $simulator->base_url,
		organization_id => $id, %options);
}

sub set_up
{
	$test->rows('CREATE TABLE wanted AS '
		  . 'SELECT id FROM generate_series(1, 20) id; ANALYZE wanted');
	add_server('slow', $slow->base_url);
	add_server('wanted_too', $slow->base_url);
	add_server('refused', "http://127.0.0.1:$nobody", max_retries => 0);
	add_server('no_tls', 'https://127.0.0.1:' . $simulator->port,
		max_retries => 0);
	add_server('silent', 'http://127.0.0.1:' . $silent->sockport);
	add_server('silent_tls', 'https://127.0.0.1:' . $silent->sockport);
	add_server('hasty', 'http://127.0.0.1:' . $silent->sockport,
		max_retries => 0, request_timeout => 5);
	add_server('nameless', 'https://' . MixpanelWait::HANGING_NAME,
		max_retries => 0);
	my %once = (max_retries => 0);
	push @failures,
	  map { [ sprintf($list, add_faulty($_->[0], '', %once)), $_->[1] ] }
	  @faults;
	push @failures,
	  [ sprintf($list, 'refused'), '08001' ],
	  [ sprintf($list, 'no_tls'), '08001' ],
	  [ sprintf($list, 'hasty'), '08006' ],
	  [ 'SELECT 1 / (id - 20) FROM mp.service_accounts', '22012' ],
	  [ 'SELECT 1 / (project_id - 1004) FROM mp.project_memberships', '22012' ],
	  [ sprintf($fan_out, add_faulty({ status => 403 }, '/[0-9]*7/projects$')),
		'42501' ],
	  [ 'SELECT create_and_fail()', 'P0001' ],
	  [ 'SELECT queue_and_fail()', 'P0001' ];
	if ($hangs)
	{
		push @failures, [ sprintf($list, 'nameless'), '08001' ];
		push @waits, sprintf($list, 'nameless');
	}
	foreach my $case ([ 422, '22023' ], [ 409, '23505' ], [ 500, '08006' ])
	{
		my $server = add_faulty(
			{ method => 'POST', status => $case->[0] }, '', %once);

		push @failures, [ sprintf($create, $server), $case->[1] ];
	}
	foreach my $case ([ 403, '42501' ], [ 500, 'HV00M' ])
	{
		my ($status, $code) = @{$case};
		my $post = add_faulty({ method => 'POST', status => $status }, '/add', %once);
		my $gone = add_faulty({ method => 'DELETE', status => $status }, '', %once);

		push @commits, [ sprintf($add, $post), $code ],
		  [ sprintf($delete, $gone), $code ],
		  [ sprintf("BEGIN; $create; $add; COMMIT", $post, $post), $code ];
	}
	foreach my $fault (
		{ hang => 'body' },
		{ status => 503, headers => { 'Retry-After' => '20' } },
		{ drip_ms => 100 })
	{
		push @waits, sprintf $list, add_faulty($fault);
	}
	$test->rows(<<"SQL");
CREATE FUNCTION create_and_fail() RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM mp_new();
	RAISE 'undo this';
END \$\$;
CREATE FUNCTION mp_new() RETURNS int LANGUAGE sql AS
	\$\$ @{[ sprintf $create, 'mp' ]} \$\$;
CREATE FUNCTION queue_and_fail() RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN
	INSERT INTO mp.project_memberships (service_account_id, project_id, role)
		SELECT i, 1001, 'analyst' FROM generate_series(1, 50) i;
	RAISE 'undo this';
END \$\$;
CREATE TABLE failures (sql text, code text);
-- All of them, each undone to a savepoint: what ends in another way.
CREATE FUNCTION fail_all(OUT failed bigint, OUT wrong text) LANGUAGE plpgsql AS \$\$
DECLARE
	this failures;
BEGIN
	failed := 0;
	FOR this IN TABLE failures LOOP
		BEGIN
			EXECUTE this.sql;
			wrong := concat_ws(E'\\n', wrong, this.sql || ': no error');
		EXCEPTION WHEN OTHERS THEN
			failed := failed + 1;
			IF SQLSTATE <> this.code THEN
				wrong := concat_ws(E'\\n', wrong,
					this.sql || ': ' || SQLSTATE || ' ' || SQLERRM);
			END IF;
		END;
	END LOOP;
END \$\$;
SQL
	foreach my $case (@failures)
	{
		my ($sql, $code) = map { s/'/''/gr } @{$case};

		$test->rows("INSERT INTO failures VALUES ('$sql', '$code')");
	}
	return;
}

set_up();

# ---- a round of all of them ----

my $session = $test->connect;
my $statements = 0;
my @wrong;

# One after another, as a script; the SQLSTATEs that are wanted, in order.  A
# name is waited for only once where libcurl remembers that there is none.
sub run_cases
{
	my (@cases) = @_;
	my $result = $session->run(join ";\n", map { $_->[0] } @cases);
	my @codes = $result->{raw} =~ /^ERROR:  (\w{5}):/mg;
	my @wanted =
	  map { $_->[0] =~ /nameless/ ? '(?:57014|08001)' : $_->[1] } @cases;

	$statements += @codes;
	push @wrong, "wanted @wanted\n   got @codes\n$result->{raw}"
	  if "@codes" !~ /^@wanted$/;
	return;
}

sub run_round
{
	# Only the statement itself is to be cut off, not what sets the time.
	run_cases(
		map {
			my $set = "SET LOCAL statement_timeout = $_";

			map { [ "BEGIN; $set; $_; ROLLBACK", '57014' ] } @waits
		} 1, 1, 2, 3);
	run_cases(@commits);
	foreach my $time (1, 2)
	{
		my ($failed, $wrong) = split /\|/,
		  $session->rows('SELECT * FROM fail_all()'), 2;

		$statements += $failed;
		push @wrong, $wrong if $wrong ne '';
	}
	# The silent listener's queue is short.
	1 while IO::Select->new($silent)->can_read(0) && $silent->accept;
	return;
}

# ---- what the session holds ----

my @servers = ($simulator, $slow);

sub connections
{
	my $count = 0;

	$count += count_sockets($session->pid, $_->port) foreach @servers;
	return $count;
}

# The server's own books.
sub contexts
{
	my ($what, $name) = @_;

	return $session->rows("SELECT coalesce(sum($what), 0) "
		  . "FROM pg_backend_memory_contexts WHERE name ~ '$name'");
}

# The idle connections that the last statements have left are no leak: a change
# of a server makes the session close them.
sub holdings
{
	$session->rows('ALTER SERVER slow OPTIONS (SET organization_id \'123\')');
	$session->rows(sprintf $list, 'mp');
	MixpanelTest::wait_until(sub { count_threads($session->pid) == 1 });
	return {
		descriptors => count_descriptors($session->pid),
		others => count_descriptors($session->pid, 1),
		connections => connections(),
		threads => count_threads($session->pid),
		memory => private_kb($session->pid),
		contexts => contexts('1', 'mixpanel'),
		bytes => contexts('total_bytes', '.'),
	};
}

my %at;
my $most_descriptors = 0;

foreach my $number (1 .. ROUNDS)
{
	run_round();
	my $descriptors = count_descriptors($session->pid);

	$most_descriptors = $descriptors if $descriptors > $most_descriptors;
	$at{$number} = holdings() if $number == 1 || $number == WARM;
	last if @wrong;
}
my $before = $at{ WARM() } // {};
my $after = holdings();

is(join("\n", @wrong), '', 'each ended as it should');
cmp_ok($statements, '>=', 10_000, "$statements statements");
note(join "\n", map { "$_: $at{1}{$_}, $before->{$_}, $after->{$_}" }
	  sort keys %{$after});
is($after->{threads}, 1, 'one thread');
is($after->{connections}, 1, 'one connection');
cmp_ok($after->{others}, '<=', $at{1}{others},
	'descriptors other than of files: as after the first round');
# The server keeps files of its tables open.
cmp_ok($after->{descriptors}, '<=', ($before->{descriptors} // 0) + 4,
	'all descriptors');
cmp_ok($most_descriptors, '<=', $after->{descriptors} + 2 * IDLE,
	"never more than $most_descriptors");
is($after->{contexts}, $at{1}{contexts}, 'memory contexts of ours');
cmp_ok($after->{bytes} - ($before->{bytes} // 0), '<', 256 * 1024,
	'memory contexts in all, bytes');
cmp_ok($after->{memory} - ($before->{memory} // 0), '<', MEMORY_KB,
	'memory of the process, kB');
ok($_->wait_for_in_flight(0), 'no request is left') foreach @servers;
is($session->rows('SELECT count(*) FROM mixpanel_sa_fdw_pending()'), 0,
	'nothing is queued');
is($session->rows(sprintf $fan_out, 'mp'), 2 * ACCOUNTS, 'a fan-out');
is(scalar(grep { $_->{username} eq 'new' } @{ $simulator->state->{accounts} }),
	0, 'no account is left');

$session->quit;
ok( MixpanelTest::wait_until(
		sub {
			!grep { count_served($_->pid, $_->port) } @servers;
		}),
	'the API has no connection any more');
$test->stop;
$slow->stop;
done_testing();
