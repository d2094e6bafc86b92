# The other versions of PostgreSQL: what test/matrix.sh finds beside the other
# tests, which needs more rights than a test has; test/check.sh starts it, and
# tells when the report is whole.  A line of its report is "passed",
# "failed" or "skipped", the version, and what there is to say.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use constant WAIT_SECONDS => 7200;	# check.sh ends what takes too long

plan skip_all => 'no report: test/check.sh makes it, with test/matrix.sh'
  unless defined $ENV{MP_VERSIONS_REPORT};

my $end = time() + WAIT_SECONDS;

sleep 1
  until -e "$ENV{MP_VERSIONS_REPORT}.whole" || time() > $end;
my @lines = split /\n/, slurp_file($ENV{MP_VERSIONS_REPORT});

# One reason that keeps every version out is said once, where prove shows it.
my %reasons = map { /^skipped \d+ (.*)/ ? ($1 => 1) : ('' => 1) } @lines;
plan skip_all => (keys %reasons)[0]
  if keys %reasons == 1 && !exists $reasons{''};

ok(@lines > 0, 'there are other versions');
foreach my $line (@lines)
{
	my ($outcome, $version, $words) = $line =~ /^(\w+) (\d+) (.*)$/
	  or die "a strange line in the report: $line\n";

  SKIP:
	{
		skip "PostgreSQL $version: $words", 1 if $outcome eq 'skipped';
		ok($outcome eq 'passed', "PostgreSQL $version: $words");
	}
}

done_testing();
