# Settings fail closed: what was set before the library was loaded, or comes
# with the connection, and cannot be read or does not exist, stops statements,
# not connections; and how many changes and requests a guard lets through.

use strict;
use warnings;

use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $test = MixpanelTest->new('guards', accounts => 8, projects => 3);
my $simulator = $test->simulator;
my $list = 'SELECT count(*) FROM mp.service_accounts';
my $delete = 'DELETE FROM mp.service_accounts WHERE id > 4';

# A session whose connection brings these options.
sub connect_with
{
	my ($options) = @_;

	local $ENV{PGOPTIONS} = $options;
	return $test->connect;
}

sub refused
{
	my ($session, $sql, $code, %said) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$simulator->clear_log;
	MixpanelTest::error_is($session->run($sql), $code, "$code: $sql", %said);
	is($simulator->counts->{requests}, 0, '... and nothing is sent');
	return;
}

my @uses = (
	$list, $delete,
	"INSERT INTO mp.service_accounts (username) VALUES ('new') RETURNING secret",
	'DELETE FROM mp.project_memberships',
	"INSERT INTO mp.project_memberships VALUES (2, 1001, 'admin')",
	'ANALYZE mp.service_accounts',
	'IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mixpanel INTO public',
	'EXPLAIN ' . $list,
	'SELECT mixpanel_sa_fdw_version()',
	'SELECT * FROM mixpanel_sa_fdw_pending()',
	'SELECT * FROM mixpanel_sa_fdw_stats()',
	'SELECT mixpanel_sa_fdw_stats_reset()',
	"SELECT * FROM mixpanel_sa_fdw_check('mixpanel')");

subtest 'set before the library is loaded' => sub {
	foreach my $case (
		[ q(max_deletes = 'one'), '22023' ], [ q(max_deletes = ''), '22023' ],
		[ 'max_deletes = -2', '22023' ],
		[ 'max_deletes = 99999999999', '22023' ],
		[ q(max_membership_changes = 'few'), '22023' ],
		[ q(max_requests = 'x'), '22023' ],
		[ q(allow_unreturned_secret = 'perhaps'), '22023' ],
		[ q(progress_interval = '2 parsecs'), '22023' ],
		[ q(log_requests = 'y/n'), '22023' ], [ 'max_delets = 1', '42704' ])
	{
		my ($setting, $code) = @$case;
		my ($name) = $setting =~ /^(\w+)/;
		my $session = $test->connect;

		$session->rows("SET mixpanel_sa_fdw.$setting");
		refused($session, $delete, $code, message => qr/mixpanel_sa_fdw\.$name/);
		refused($session, $delete, $code);
		$session->rows("RESET mixpanel_sa_fdw.$name");
		is($session->rows($list), 8, "$setting: RESET mends it");
		$session->quit;
	}
};

subtest 'every use fails, until it is mended' => sub {
	my $session = $test->connect;

	$session->rows(q(SET mixpanel_sa_fdw.max_deletes = 'one'));
	refused($session, $_, '22023') foreach @uses;
	is($session->rows('SELECT 1'), 1, 'others run');
	$session->rows('SET mixpanel_sa_fdw.max_deletes = 2');
	is($session->rows($list), 8, 'the right value mends it');
	MixpanelTest::error_is($session->run($delete), '54000', 'and guards');
	$session->quit;

	$session = $test->connect;
	$session->rows(q(SET mixpanel_sa_fdw.max_deletes = 'one'));
	refused($session, $list, '22023');
	$session->rows('DISCARD ALL');
	is($session->rows($list), 8, 'DISCARD ALL mends it');
	$session->quit;

	$session = $test->connect;
	$session->rows(
		q(BEGIN; SET LOCAL mixpanel_sa_fdw.max_deletes = 'one'; SET LOCAL mixpanel_sa_fdw.no_such = 1)
	);
	refused($session, $list, '22023');
	$session->rows('ROLLBACK');
	is($session->rows($list), 8, 'the end of the transaction mends it');
	$session->quit;
};

subtest 'a name that does not exist' => sub {
	my $session = $test->connect;

	$session->rows('SET mixpanel_sa_fdw.max_delets = 1');
	refused($session, $delete, '42704',
		hint => qr/Perhaps you meant "mixpanel_sa_fdw\.max_deletes"/);
	$session->rows('RESET ALL');
	is($session->rows($list), 8, 'RESET ALL mends it');
	$session->quit;

	$session = $test->connect;
	$session->rows($list);
	is($session->run('SET mixpanel_sa_fdw.max_delets = 1')->{code},
		'42602', 'is refused by SET once the library is loaded');
	MixpanelTest::error_is($session->run('SET mixpanel_sa_fdw.max_deletes = one'),
		'22023', 'as is a bad value');
	is($session->rows($list), 8, '... which changes nothing');
	$session->quit;
};

# The same by way of the connection, whenever the library is loaded.
sub check_connection
{
	my ($how, $code, $options) = @_;
	my $session = connect_with($options);

	is($session->rows('SELECT 1'), 1, "$how: connecting does not fail");
	refused($session, $delete, $code);
	$session->quit;
	return;
}

foreach my $preload ('', 'session_preload_libraries',
	'shared_preload_libraries')
{
	subtest 'with the connection, ' . ($preload || 'not preloaded') => sub {
		my $node = $test->node;

		if ($preload)
		{
			$test->session->quit;
			$node->append_conf('postgresql.conf', "$preload = 'mixpanel_sa_fdw'");
			$node->restart;
		}
		check_connection('PGOPTIONS', '22023',
			'-c mixpanel_sa_fdw.max_deletes=one');
		check_connection('PGOPTIONS, empty', '22023',
			'-c mixpanel_sa_fdw.max_deletes=');
		check_connection('PGOPTIONS, unknown', '42704',
			'-c mixpanel_sa_fdw.max_delets=1');
		foreach my $of ('ROLE CURRENT_USER', 'DATABASE postgres')
		{
			my $session = $test->connect;

			$session->rows("ALTER $of SET mixpanel_sa_fdw.max_deletes = '3'");
			# a bad value is refused once the library is known
			$session->rows(
				qq(UPDATE pg_db_role_setting SET setconfig = ARRAY['mixpanel_sa_fdw.max_deletes=three']; SET allow_system_table_mods = off)
			);
			check_connection($of, '22023', '');
			my $mending = $test->connect;
			$mending->rows('SET mixpanel_sa_fdw.max_deletes = 3');
			MixpanelTest::error_is($mending->run($delete), '54000',
				'SET mends it for the session');
			$mending->rows('RESET mixpanel_sa_fdw.max_deletes');
			refused($mending, $delete, '22023');
			$mending->rows("ALTER $of RESET ALL");
			$mending->quit;
			$session->quit;
		}
		my $fine = connect_with('-c mixpanel_sa_fdw.max_deletes=3');
		MixpanelTest::error_is($fine->run($delete), '54000', 'a good one guards');
		$fine->quit;
		$node->append_conf('postgresql.conf', "$preload = ''") if $preload;
	};
}

subtest 'a parallel worker takes a bad value over' => sub {
	my $session = connect_with('-c mixpanel_sa_fdw.max_deletes=one');

	refused($session, $list, '22023');
	$session->rows(
		'CREATE TABLE numbers AS SELECT g FROM generate_series(1, 10000) g;'
		  . 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;'
		  . 'SET min_parallel_table_scan_size = 0');
	is($session->rows('SELECT count(*) FROM numbers'), 10000, 'it counts');
	$session->quit;
};

subtest 'max_membership_changes' => sub {
	my $session = $test->connect;
	my $add =
	  q(INSERT INTO mp.project_memberships (service_account_id, project_id, role) SELECT g, 1001, 'analyst' FROM generate_series(2, %d) g);

	$test->start_over(accounts => 8, projects => 3,
		memberships_per_account => 0);
	$session->rows('SET mixpanel_sa_fdw.max_membership_changes = 3');
	MixpanelTest::error_is($session->run(sprintf $add, 5), '54000', 'adding 4',
		message => qr/^transaction would change more than 3 memberships$/);
	is(scalar $simulator->memberships, 0, 'nothing was added');
	$session->rows(sprintf $add, 4);
	is(scalar $simulator->memberships, 3, 'adding 3');
	$session->rows('BEGIN; DELETE FROM mp.project_memberships; SAVEPOINT a');
	MixpanelTest::error_is($session->run(sprintf $add, 2),
		'54000', 'the transaction counts');
	$session->rows('ROLLBACK');
	$session->rows('SET mixpanel_sa_fdw.max_membership_changes = 2');
	foreach my $sql ('DELETE FROM mp.project_memberships',
		q(UPDATE mp.project_memberships SET role = 'consumer'))
	{
		MixpanelTest::error_is($session->run($sql), '54000', $sql);
	}
	is(scalar $simulator->memberships, 3, 'nothing was removed');
	$session->rows(
		'BEGIN; SAVEPOINT a; DELETE FROM mp.project_memberships WHERE service_account_id < 4; ROLLBACK TO a; DELETE FROM mp.project_memberships WHERE service_account_id > 2; COMMIT'
	);
	is(scalar $simulator->memberships, 1, 'what was rolled back does not count');

	# Those that a new account is given.
	my $create = q(INSERT INTO mp.service_accounts (username, projects) VALUES ('new', '[%s]') RETURNING length(secret));
	my ($one, $two, $three) =
	  map { my $last = $_; join ',', map { qq({"id":$_,"role":"admin"}) } 1001 .. $last }
	  1001 .. 1003;

	refused($session, sprintf($create, $three), '54000',
		detail => qr/^No membership has been changed\.$/);
	$session->rows('BEGIN; SAVEPOINT a; ' . sprintf($create, $two)
		  . '; ROLLBACK TO a; ' . sprintf($create, $one) . '; SAVEPOINT b');
	refused($session, sprintf($create, $two), '54000',
		detail =>
		  qr/^Memberships given with new service accounts: 1\. No other has been changed\.$/);
	$session->rows('ROLLBACK TO b; ' . sprintf $add, 2);
	MixpanelTest::error_is(
		$session->run(q(UPDATE mp.project_memberships SET role = 'consumer')),
		'54000', 'they count with others');
	$session->rows('ROLLBACK');
	is(scalar $simulator->memberships, 1, 'nothing was added');
	$session->quit;
};

subtest 'max_requests' => sub {
	my $session = $test->connect;
	my $some =
	  'SELECT count(*) FROM mp.project_memberships WHERE service_account_id IN (%s)';

	$test->start_over(accounts => 8, projects => 3, memberships_per_account => 1);
	$session->rows('SET mixpanel_sa_fdw.max_requests = 3');
	is($session->rows(sprintf $some, '2, 3, 4'), 3, 'three requests');
	is($session->rows(sprintf $some, '2, 3, 4'), 3, 'three more');
	refused($session, sprintf($some, '2, 3, 4, 5'), '54000',
		message => qr/^statement would send more than 3 requests to Mixpanel$/);
	$simulator->clear_log;
	MixpanelTest::error_is(
		$session->run('SELECT count(*) FROM mp.project_memberships'),
		'54000', 'a number that is known only later');
	cmp_ok($simulator->counts->{requests}, '<=', 3, 'no more than three are sent');
	$session->rows('BEGIN');
	$session->rows('DELETE FROM mp.service_accounts WHERE id IN (6, 7, 8)');
	$session->rows('SET mixpanel_sa_fdw.max_requests = 2');
	$simulator->clear_log;
	MixpanelTest::error_is($session->run('COMMIT'), '54000', 'COMMIT',
		message =>
		  qr/^COMMIT would send 3 requests to Mixpanel, and no more than 2 are allowed$/
	);
	is($simulator->counts->{requests}, 0, 'nothing was sent');
	$session->rows('SET mixpanel_sa_fdw.max_requests = 2');
	$session->rows('DELETE FROM mp.service_accounts WHERE id IN (7, 8)');
	is($session->rows($list), 6, 'COMMIT counts by itself');
	$session->rows('SET mixpanel_sa_fdw.max_requests = 0');
	refused($session, $list, '54000');
	$session->quit;
};

$test->stop;
done_testing();
