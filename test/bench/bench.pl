#!/usr/bin/perl
#
# Runs the workloads and prints a line of CSV for each way to do each.
#
#	bench.pl [--quick] [--only TEXT]
#
# run.sh makes what it needs: the database of libpq's environment, the floor
# programs in build/, MP_SIMULATOR, and BENCH_NGINX.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Getopt::Long qw(GetOptions);
use List::Util qw(sum0);
use Time::HiRes qw(time);

use Bench;
use BenchWorkloads;

my @columns = qw(workload way runs median_ms ratio requests connections
  growth_kb round_trips kb refused);
my ($quick, $only);

GetOptions('quick' => \$quick, 'only=s' => \$only)
  or die "usage: bench.pl [--quick] [--only TEXT]\n";

my $runs = $quick ? 1 : 5;
my $size =
  $quick
  ? { list => 10_000, fanout => 100 }
  : { list => 100_000, fanout => 1000 };
my $bench = Bench->new(
	home => dirname(abs_path(__FILE__)),
	folder => tempdir(CLEANUP => 1) . '/nginx',
	nginx => $ENV{BENCH_NGINX},
	list => $size->{list});

sub median
{
	my @sorted = sort { $a <=> $b } grep { defined } @_;

	return undef unless @sorted;
	return ($sorted[ (@sorted - 1) / 2 ] + $sorted[ @sorted / 2 ]) / 2;
}

# Five runs of each way, in turn, so that all see the same machine; of a way
# that takes long, as many as there is patience for.
sub measure
{
	my ($workload, @ways) = @_;
	my %results;

	foreach my $run (1 .. $runs)
	{
		foreach my $way (@ways)
		{
			my $done = $results{ $way->{name} } //= [];

			next if @$done && sum0(map { $_->{ms} } @$done) * (@$done + 1) /
			  @$done > 1000 * Bench::PATIENCE;
			push @$done, $bench->run($workload, $way);
		}
	}
	return \%results;
}

# All ways read the same.
sub check_rows
{
	my ($workload, $results) = @_;
	my %rows;

	foreach my $way (keys %{$results})
	{
		$rows{ $_->{rows} } .= " $way;"
		  foreach grep { defined $_->{rows} } @{ $results->{$way} };
	}
	return if keys %rows <= 1;
	die "$workload->{name}: rows differ:"
	  . join('', map { " $_:$rows{$_}" } sort keys %rows) . "\n";
}

sub quoted
{
	my ($value) = @_;

	return '' unless defined $value;
	return $value unless $value =~ /[",]/;
	return '"' . ($value =~ s/"/""/gr) . '"';
}

sub report
{
	my ($workload, $way, $results, $floor) = @_;
	my %figure = map {
		my $key = $_;
		$key => median(map { $_->{$key} } @{$results});
	} qw(ms requests connections growth round_trips bytes refused);
	my $number = sub { defined $_[1] ? sprintf $_[0], $_[1] : undef };

	print join(',',
		map { quoted($_) } (
			$workload->{name},
			$way->{name},
			scalar @{$results},
			sprintf('%.2f', $figure{ms}),
			$number->('%.2f', $floor ? $figure{ms} / $floor : undef),
			@figure{qw(requests connections growth)},
			$number->('%.1f', $figure{round_trips}),
			$number->('%.0f',
				defined $figure{bytes} ? $figure{bytes} / 1024 : undef),
			$figure{refused})),
	  "\n";
	return;
}

$| = 1;
print join(',', @columns), "\n";
foreach my $workload (BenchWorkloads::all($size))
{
	next if defined $only && index($workload->{name}, $only) < 0;
	my @ways =
	  grep { !$_->{needs} || $bench->{offers}{ $_->{needs} } }
	  @{ $workload->{ways} };
	my $begun = time();

	print STDERR "$workload->{name} ... ";
	$bench->prepare($workload);
	my $results = measure($workload, @ways);
	check_rows($workload, $results);
	my $floor = $ways[0]{program} || $ways[0]{known}
	  ? median(map { $_->{ms} } @{ $results->{ $ways[0]{name} } })
	  : undef;
	report($workload, $_, $results->{ $_->{name} }, $floor) foreach @ways;
	printf STDERR "%.0f s\n", time() - $begun;
}
