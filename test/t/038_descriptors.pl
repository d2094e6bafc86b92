# A session that may open no more files: it says so, and works on when it may
# again.

use strict;
use warnings;

use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'needs prlimit'
  if system('prlimit --pid $$ --nofile >/dev/null 2>&1') != 0;

my $test = MixpanelTest->new('descriptors', accounts => 3, projects => 2);
my $list = 'SELECT count(*) FROM mp.service_accounts';
my $create = q(INSERT INTO mp.service_accounts (username) VALUES ('new') )
  . 'RETURNING length(secret)';

# The soft limit alone: the hard one could not be raised again.
sub allow
{
	my ($limit) = @_;

	system_or_bail('prlimit', '--pid', $test->session->pid,
		"--nofile=$limit:");
	return;
}

my ($before) = map { /^Max open files\s+(\d+)/ ? $1 : () }
  split /\n/, slurp_file('/proc/' . $test->session->pid . '/limits');

# All that a statement reads of the catalogs is in memory from then on.
sub warm_up
{
	$test->rows("EXPLAIN $_") foreach $list, $create;
	return;
}

# The first request wants the pool, and before that the quota's shared memory,
# which is opened as a file.
warm_up();
allow(0);
MixpanelTest::error_is($test->run($list), '53000', 'no pool',
	message => qr/^could not (?:set up connections to Mixpanel|open shared memory)/);
MixpanelTest::error_is($test->run($create), '53000', 'nor for a create');
is(scalar $test->simulator->requests, 0, 'no request');
allow($before);
is($test->rows($list), '3', 'works on');

# Then each connection wants a socket: a session that has a pool, and none of
# whose connections could be used again, as no server was there.
$test->fresh;
$test->options(base_url => 'http://127.0.0.1:1', max_retries => 0);
MixpanelTest::error_is($test->run($list), '08001', 'no server');
$test->default_options->options(max_retries => 0);
warm_up();
allow(0);
MixpanelTest::error_is($test->run($list), '53000', 'no socket',
	message => qr/^no descriptor is left for a connection to Mixpanel/,
	detail => qr/^too many descriptors \(files, sockets\) are open\.$/);
MixpanelTest::error_is($test->run($create), '53000',
	'nor a file to note a creation in');
allow($before);
is($test->rows($create), '32', 'works on');
is(scalar(@{ $test->simulator->state->{accounts} }), 4, 'one was created');

# A file that is open when the options turn out to be wrong is closed at once,
# not at the end of the transaction.
subtest 'a check that fails again and again' => sub {
	my $file = PostgreSQL::Test::Utils::tempdir() . '/secret';
	my $check = q{SELECT ok, detail FROM mixpanel_sa_fdw_check('mixpanel')};

	append_to_file($file, "a secret\n");
	chmod 0644, $file or die;
	$test->fresh;
	$test->rows(
		"ALTER USER MAPPING FOR CURRENT_USER SERVER mixpanel OPTIONS (DROP secret, ADD secret_file '$file')"
	);
	$test->rows('BEGIN');
	my $result = $test->run(<<"SQL");
DO \$\$ BEGIN FOR i IN 1..1000 LOOP PERFORM ok FROM mixpanel_sa_fdw_check('mixpanel'); END LOOP; END \$\$
SQL
	is($result->{code}, '', '1,000 times in one transaction');
	like($test->rows($check), qr/^f\|.*can be read by everybody/, 'and once more');
	$result = $test->run('COMMIT');
	is($result->{raw} // '', '', 'nothing is left open');
	my ($secret) = MixpanelSimulator::LOGIN =~ /:(.*)/;
	$test->rows(
		"ALTER USER MAPPING FOR CURRENT_USER SERVER mixpanel OPTIONS (DROP secret_file, ADD secret '$secret')"
	);
};

# PostgreSQL keeps open as many files as it may, and must know of what else is
# open.
subtest 'many tables and many connections' => sub {
	$test->fresh;
	$test->simulator->reset(accounts => 100, projects => 2,
		memberships_per_account => 1);
	$test->options(max_concurrency => 64, max_retries => 3,
		membership_read => 'account');
	$test->rows(<<'SQL');
DO $$ BEGIN FOR i IN 1..1050 LOOP EXECUTE format('CREATE TEMP TABLE t%s (x int)', i); EXECUTE format('INSERT INTO t%s VALUES (1)', i); END LOOP; END $$
SQL
	allow(1024);
	$test->rows(<<'SQL');
DO $$ BEGIN FOR i IN 1..1050 LOOP EXECUTE format('SELECT x FROM t%s', i); END LOOP; END $$
SQL
	$test->simulator->set(latency_ms => 50);
	is($test->rows('SELECT count(*) FROM mp.project_memberships'),
		'100', '64 at once');
	is($test->rows('SELECT retries FROM mixpanel_sa_fdw_stats()'),
		'0', 'no retries');
	is($test->rows('SELECT failures FROM mixpanel_sa_fdw_stats()'),
		'0', 'no failures');
	$test->simulator->set(latency_ms => 0);
	allow($before);
};

# Programs that the server runs get none of them.
subtest 'programs' => sub {
	my $file = PostgreSQL::Test::Utils::tempdir() . '/descriptors';
	my $inherited = sub {
		$test->rows("COPY (SELECT 1) TO PROGRAM 'ls -l /proc/self/fd >$file'");
		return scalar grep { /socket:|eventpoll|timerfd|eventfd|slot/ }
		  split /\n/, slurp_file($file);
	};

	$test->options(max_concurrency => undef, membership_read => undef);
	$test->fresh;
	my $plain = $inherited->();
	$test->rows($list);
	$test->rows('BEGIN');
	$test->rows($create);
	$test->rows('DECLARE c CURSOR FOR SELECT * FROM mp.project_memberships');
	$test->rows('FETCH 1 FROM c');
	is($inherited->(), $plain, 'no socket, nothing of the pool or the journal');
	$test->rows('ROLLBACK');
};

$test->stop;
done_testing();
