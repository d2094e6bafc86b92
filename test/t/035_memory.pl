# A million queued changes: what they cost, and that a rollback sends nothing.

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

$test->stop;
done_testing();
