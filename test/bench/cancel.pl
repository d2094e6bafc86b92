#!/usr/bin/perl
#
# Measures how long it takes to end a statement that waits for the network.
#
#	cancel.pl --table FILE [--rounds N] [--only TEXT]
#
# The script `cancel` makes what it needs.  What is measured is what a client
# sees: psql's own time is in it.

use strict;
use warnings;

# The modules below keep the one that they find for the log.
my $terminal;
BEGIN { open $terminal, '>&', \*STDERR or die "stderr: $!\n"; }

use Getopt::Long qw(GetOptions);
use MixpanelTest;
use MixpanelWait;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use constant TIMEOUT => 100;	# ms, of statement_timeout

my ($rounds, $only, $table) = (50, '');

GetOptions(
	'rounds=i' => \$rounds,
	'only=s' => \$only,
	'table=s' => \$table) && defined $table
  or die "usage: cancel.pl --table FILE [--rounds N] [--only TEXT]\n";

MixpanelWait::hang_resolver(PostgreSQL::Test::Utils::tempdir());
my $test = MixpanelTest->new('cancel', config => MixpanelWait::config());
my $wait = MixpanelWait->new($test);

sub milliseconds_since
{
	my ($start) = @_;

	return 1000 * (time() - $start);
}

# By one call of the server, which ends the statement or the session.
sub by_call
{
	my ($call, $place) = @_;
	my $session = $place->{session} //= $place->{connect}->();

	$place->{enter}->($session);
	my $start = time();
	$test->rows("SELECT $call(" . $session->pid . ')');
	my $result = $session->end;
	my $took = milliseconds_since($start);

	die "$place->{name}: not ended\n" unless $result->{code} =~ /^57/;
	delete $place->{session} if $result->{lost};
	$session->rows('ROLLBACK') unless $result->{lost};
	return $took;
}

sub by_timeout
{
	my ($place) = @_;
	my $session = $place->{session} //= $place->{connect}->();

	$place->{arm}->();
	$session->rows('SET statement_timeout = ' . TIMEOUT);
	my $start = time();
	my $result = $session->run($place->{sql});
	my $took = milliseconds_since($start) - TIMEOUT;

	die "$place->{name}: not ended\n" if $result->{code} ne '57014';
	$session->rows('ROLLBACK; RESET statement_timeout');
	return $took;
}

# What pg_ctl does; it looks for the end only ten times a second.
sub by_shutdown
{
	my ($place) = @_;
	my $session = $place->{connect}->();
	my ($postmaster) = slurp_file($test->node->data_dir . '/postmaster.pid')
	  =~ /^(\d+)/;

	$place->{enter}->($session);
	delete $place->{session};
	$test->fresh;
	my $start = time();
	kill 'INT', $postmaster;
	my $result = $session->end;
	my $took = milliseconds_since($start);

	die "$place->{name}: not ended\n" if $result->{code} ne '57P01';
	MixpanelTest::wait_until(sub { !kill 0, $postmaster })
	  or die "the server does not end\n";
	$test->node->stop('fast', fail_ok => 1);
	$test->node->start;
	return $took;
}

# Each with its title, and which part of the rounds it is worth.
my @ways = (
	[ '`pg_cancel_backend()`', sub { by_call('pg_cancel_backend', @_) }, 1 ],
	[ '`statement_timeout`', \&by_timeout, 0.4 ],
	[ '`pg_terminate_backend()`',
		sub { by_call('pg_terminate_backend', @_) }, 0.4 ],
	[ 'fast shutdown', \&by_shutdown, 0.1 ]);

# Median and maximum.
sub summary
{
	my @sorted = sort { $a <=> $b } @_;

	return sprintf '%.0f / %.0f',
	  ($sorted[ (@sorted - 1) / 2 ] + $sorted[ @sorted / 2 ]) / 2,
	  $sorted[-1];
}

sub measure
{
	my ($place) = @_;
	my @cells;

	foreach my $way (@ways)
	{
		my ($title, $code, $part) = @{$way};
		my $count = int($rounds * $part) || 1;

		# statement_timeout does not cover COMMIT
		push @cells, $code == \&by_timeout && $place->{commit}
		  ? '' : summary(map { $code->($place) } 1 .. $count);
	}
	$place->{session}->quit if $place->{session};
	return @cells;
}

# A phase, with what to do to have a session wait there.
sub place_of
{
	my ($phase) = @_;

	return {
		%{$phase},
		connect => sub { $wait->session($phase) },
		arm => sub { $wait->arm($phase) },
		enter => sub { $wait->enter($phase, $_[0]) },
	};
}

# The server alone, to compare with.
my %sleep = (
	name => 'in `pg_sleep()`, to compare',
	sql => 'SELECT pg_sleep(600)',
	connect => sub { $test->connect },
	arm => sub { },
	enter => sub {
		my ($session) = @_;

		$session->begin('SELECT pg_sleep(600)');
		MixpanelTest::wait_until(
			sub {
				$test->rows('SELECT wait_event = \'PgSleep\' '
					  . 'FROM pg_stat_activity WHERE pid = '
					  . $session->pid) eq 't';
			});
	});

$terminal->autoflush(1);
open my $out, '>', $table or die "$table: $!\n";
print $out '| ', join(' | ', 'waiting', map { $_->[0] } @ways), " |\n",
  '| --- ' x (1 + @ways), "|\n";
foreach my $place (\%sleep, map { place_of($_) } $wait->phases)
{
	next if index($place->{name}, $only) < 0;
	my $begun = time();

	print $terminal "$place->{name} ... ";
	print $out '| ', join(' | ', $place->{name}, measure($place)), " |\n";
	printf $terminal "%.0f s\n", time() - $begun;
}
close $out;
$test->stop;
ok(1, 'measured');
done_testing();
