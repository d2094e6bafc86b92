# Backends and clusters that die while COMMIT sends changes, at moments that
# chance chooses: afterwards each COMMIT of which something was applied, and
# which PostgreSQL knows nothing of, is named, and none that it knows of.
#
# MP_CRASH_POINTS is how many moments, 10 if not set, and MP_CRASH_SEED the seed
# of chance.

use strict;
use warnings;

use MixpanelTest;
use Test::More;
use Time::HiRes qw(sleep);

use constant CLIENTS => 3;
use constant TRANSACTIONS => 6;		# of a client

my $points = $ENV{MP_CRASH_POINTS} || 10;
my $seed = $ENV{MP_CRASH_SEED} // 12;

srand $seed;
note("seed $seed, $points moments");

my $test = MixpanelTest->new('crash_commit',
	accounts => 10 + 2 * CLIENTS * TRANSACTIONS * $points,
	projects => 2,
	memberships_per_account => 0,
	config => "restart_after_crash = on\n");
my $simulator = $test->simulator;
my $node = $test->node;
my $last = 1;		# account that a transaction has used

$test->rows('CREATE TABLE done (account bigint)');

# Two memberships of an account, the end of another, and a row of an ordinary
# table, which tells whether it was committed.
sub transaction
{
	my ($member, $gone) = ($last + 1, $last + 2);

	$last += 2;
	return { member => $member, gone => $gone,
		sql => 'BEGIN; INSERT INTO mp.project_memberships '
		  . '(service_account_id, project_id, role) VALUES '
		  . "($member, 1001, 'admin'), ($member, 1002, 'analyst'); "
		  . "INSERT INTO done VALUES ($member); "
		  . "DELETE FROM mp.service_accounts WHERE id = $gone; COMMIT" };
}

sub crash
{
	my ($way, $pid) = @_;
	my $offset = -s $node->logfile;

	if ($way eq 'immediate')
	{
		$node->stop('immediate');
		$node->start;
	}
	elsif (kill 'KILL', $pid)
	{
		MixpanelTest::wait_until(
			sub { $node->log_contains('ready to accept connections', $offset) })
		  or die "the cluster does not come back\n";
	}
	return;
}

# How many of its three changes the API has.
sub count_applied
{
	my ($state, $transaction) = @_;
	my $there = grep { $_->{id} == $transaction->{gone} }
	  @{ $state->{accounts} };

	return (1 - $there)
	  + grep { $_->{service_account_id} == $transaction->{member} }
	  @{ $state->{memberships} };
}

# Its changes, as they are named.
sub is_named
{
	my ($reasons, $transaction) = @_;
	my ($member, $gone) = @{$transaction}{qw(member gone)};

	my $words = "add membership of service account $member in project 1001 as "
	  . "admin; add membership of service account $member in project 1002 as "
	  . "analyst; delete service account $gone";

	return scalar grep { /: \Q$words\E$/ } @{$reasons};
}

my %count = (cut_off => 0, in_part => 0, backend => 0, immediate => 0);

foreach my $point (1 .. $points)
{
	my $way = (qw(backend immediate))[ rand 2 ];
	my @sessions = map { $test->connect } 1 .. CLIENTS;
	my @begun;

	$test->fresh;
	$simulator->control('POST', 'set', { latency_ms => int rand 40 });
	foreach my $session (@sessions)
	{
		my @own = map { transaction() } 1 .. TRANSACTIONS;

		$session->begin(join '; ', map { $_->{sql} } @own);
		push @begun, @own;
	}
	sleep rand 0.8;
	crash($way, $sessions[0]->pid);
	$_->crash foreach @sessions;
	$simulator->control('POST', 'set', { latency_ms => 0 });
	$simulator->wait_for_in_flight(0);

	my $state = $simulator->state;
	my %done = map { $_ => 1 } $test->row_list('SELECT account FROM done');
	my $reasons = [ $test->row_list('SELECT reason '
			  . "FROM mixpanel_sa_fdw_unfinished('mixpanel') "
			  . 'WHERE kind = \'commit\'') ];
	my @wrong;

	$count{$way}++;
	foreach my $transaction (@begun)
	{
		my $applied = count_applied($state, $transaction);
		my $done = $done{ $transaction->{member} };
		my $named = is_named($reasons, $transaction);

		$count{cut_off}++ if $applied && !$done;
		$count{in_part}++ if $applied && $applied < 3;
		push @wrong, "$transaction->{member}: $applied applied, committed: "
		  . ($done ? 'yes' : 'no') . ", named: $named"
		  if $done ? $named || $applied < 3 : $applied && !$named;
	}
	is_deeply(\@wrong, [], "moment $point ($way)")
	  or diag(explain($reasons)), last;
}
note(join ', ', map { "$_ $count{$_}" } sort keys %count);
cmp_ok($count{cut_off}, '>', 0, 'a COMMIT was cut off');
$test->stop;
done_testing();
