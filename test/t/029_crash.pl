# Backends and clusters that die at moments that chance chooses, while accounts
# are created in transactions with savepoints: afterwards exactly those that no
# committed transaction has made are named.
#
# MP_CRASH_POINTS is how many moments, 20 if not set, and MP_CRASH_SEED the seed
# of chance.

use strict;
use warnings;

use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use constant CLIENTS => 3;
use constant SEEDED => 10;		# accounts that the simulator has at first

my $points = $ENV{MP_CRASH_POINTS} || 20;
my $seed = $ENV{MP_CRASH_SEED} // 12;

srand $seed;
note("seed $seed, $points moments");

my $test = MixpanelTest->new('crash', config => "restart_after_crash = on\n");
my $simulator = $test->simulator;
my $node = $test->node;

$test->rows('CREATE TABLE made (id bigint)');

# One account, noted in an ordinary table in the same transaction.  Names come
# again, as those of accounts that are rotated do.
sub creation
{
	my $name = 'bot ' . int rand 5;

	return 'WITH c AS (INSERT INTO mp.service_accounts (username, role) '
	  . "VALUES ('$name', 'consumer') RETURNING id, secret) "
	  . 'INSERT INTO made SELECT id FROM c';
}

# One to five of them, some under savepoints that may be rolled back.
sub transaction
{
	my @statements = ('BEGIN');

	foreach my $i (1 .. 1 + int rand 5)
	{
		my $chance = rand;

		push @statements, "SAVEPOINT s$i" if $chance < 0.4;
		push @statements, creation();
		push @statements, "ROLLBACK TO s$i" if $chance < 0.15;
		push @statements, "RELEASE s$i" if $chance > 0.15 && $chance < 0.3;
	}
	return join('; ', @statements, rand() < 0.85 ? 'COMMIT' : 'ROLLBACK');
}

# Whatever is left of a cluster whose postmaster is no more must not go on.
sub kill_cluster
{
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my @children = split /\s+/, `pgrep -P $postmaster`;

	kill 'KILL', $postmaster, @children;
	MixpanelTest::wait_until(
		sub { !grep { kill 0, $_ } $postmaster, @children });
	$node->{_pid} = undef;
	$node->start;
	return;
}

sub kill_backend
{
	my ($pid) = @_;
	my $offset = -s $node->logfile;

	# it may have ended
	return unless kill 'KILL', $pid;
	MixpanelTest::wait_until(
		sub { $node->log_contains('ready to accept connections', $offset) })
	  or die "the cluster does not come back\n";
	return;
}

# What is left, as the API and the table of what was committed say.
sub wanted
{
	my %made = map { $_ => 1 } $test->row_list('SELECT id FROM made');

	return sort { $a <=> $b } grep { $_ > SEEDED && !$made{$_} }
	  map { $_->{id} } @{ $simulator->state->{accounts} };
}

my $named = 'SELECT COALESCE(service_account_id::text, reason) '
  . "FROM mixpanel_sa_fdw_unfinished('mixpanel') ORDER BY service_account_id";
my %count = (accounts => 0, backend => 0, immediate => 0, postmaster => 0);

foreach my $point (1 .. $points)
{
	my $way = (qw(backend immediate postmaster))[ rand 3 ];
	my @sessions = map { $test->connect } 1 .. CLIENTS;

	$test->fresh;
	$simulator->control('POST', 'set', { latency_ms => int rand 40 });
	$_->begin(join '; ', map { transaction() } 1 .. 4) foreach @sessions;
	sleep rand 0.6;
	if ($way eq 'backend')
	{
		kill_backend($sessions[0]->pid);
	}
	elsif ($way eq 'immediate')
	{
		$node->stop('immediate');
		$node->start;
	}
	else
	{
		kill_cluster();
	}
	$_->crash foreach @sessions;
	$simulator->control('POST', 'set', { latency_ms => 0 });
	$simulator->wait_for_in_flight(0);

	my @wanted = wanted();

	$count{$way}++;
	$count{accounts} += @wanted;
	is($test->rows($named), join("\n", @wanted),
		"moment $point ($way): " . @wanted . ' accounts are named')
	  or last;
	$test->rows('DELETE FROM mp.service_accounts WHERE id IN (SELECT '
		  . "service_account_id FROM mixpanel_sa_fdw_unfinished('mixpanel'))");
	is($test->rows($named), '', '... and none once they are deleted') or last;
}
note(join ', ', map { "$_ $count{$_}" } sort keys %count);
cmp_ok($count{accounts}, '>', 0, 'accounts were left behind');
$test->stop;
done_testing();
