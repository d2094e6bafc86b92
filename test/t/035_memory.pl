# A million queued changes: what they cost, and that a rollback sends nothing;
# and that the search for a culprit gives its memory back.

use strict;
use warnings;

use MixpanelTest;
use MixpanelTransaction qw(requests);
use PostgreSQL::Test::Utils;
use Test::More;

use constant CHANGES => 1_000_000;
use constant LIMIT_KB => 200 * 1024;

plan skip_all => 'needs /proc' unless -r "/proc/$$/status";

my $test = MixpanelTest->new('memory', accounts => 3, projects => 1);
my $insert = 'INSERT INTO mp.project_memberships '
  . '(service_account_id, project_id, role) SELECT %s FROM generate_series(1, '
  . CHANGES . ') i';

# The most memory that the session's backend has ever had, in kB.
sub peak
{
	my ($session) = @_;
	my ($size) = slurp_file('/proc/' . $session->pid . '/status') =~
	  /^VmHWM:\s+(\d+) kB$/m;

	return $size;
}

sub memory_is_bounded
{
	my ($name, $columns, $savepoint) = @_;
	my $session = $test->connect;

	# What every session has: connections, the catalogs' caches.
	$session->rows('SELECT count(*) FROM mp.project_memberships');
	$session->rows(
		'BEGIN; ' . sprintf($insert, "i, i, 'x'") . ' LIMIT 1; ROLLBACK');
	$test->simulator->clear_log;
	my $before = peak($session);
	$session->rows('BEGIN');
	$session->rows('SAVEPOINT a') if $savepoint;
	$session->rows(sprintf $insert, $columns);
	$session->rows('RELEASE a') if $savepoint;
	my $growth = peak($session) - $before;
	cmp_ok($growth, '<', LIMIT_KB, "$name: $growth kB more");
	cmp_ok($growth, '>', CHANGES / 1024 * 16,
		"$name: which is no mistake in measuring");
	$session->rows('ROLLBACK');
	is_deeply([ requests($test) ], [], "$name: nothing was sent");
	is($session->rows('SELECT count(*) FROM mixpanel_sa_fdw_pending()'),
		'0', "$name: nothing is left");
	cmp_ok(peak($session) - $before, '<', LIMIT_KB, "$name: nor by ROLLBACK");
	$session->quit;
	return;
}

memory_is_bounded('a million memberships',
	"i % 1000 + 1, i / 1000 + 1, 'analyst'");
memory_is_bounded('with some roles, in a savepoint that is released',
	"i, 1, 'role ' || i % 20", 1);

# What it has allocated, touched or not, in kB.
sub allocated
{
	my ($session) = @_;
	my ($size) = slurp_file('/proc/' . $session->pid . '/status') =~
	  /^VmData:\s+(\d+) kB$/m;

	return $size;
}

subtest 'a COMMIT that is refused, and a project of many bytes' => sub {
	my $session = $test->connect;
	my $add = q(INSERT INTO mp.project_memberships
		(service_account_id, project_id, role) VALUES (2, 1001, 'admin'));
	my $before;

	$test->simulator->fault(method => 'POST', status => 400, count => 0);
	$test->simulator->fault(path => '^/me', count => 0, body => {
			results => {
				projects => { 1001 => { id => 1001, more => 'x' x 500_000 } }
			}
		});
	foreach my $round (1 .. 25)
	{
		MixpanelTest::error_is($session->run($add), '22023', "round $round");
		$before = allocated($session) if $round == 5;
	}
	cmp_ok(allocated($session) - $before, '<', 8 * 1024,
		'what is read to find the culprit is given back');
	$session->quit;
};

$test->stop;
done_testing();
