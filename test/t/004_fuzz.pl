# Everything that reads what a stranger wrote, with any bytes: the fuzz targets
# of test/fuzz, each for MP_FUZZ_SECONDS.  With 0, or where there is no clang
# with libFuzzer, their seeds alone.

use strict;
use warnings;

use Test::More;

my $seconds = $ENV{MP_FUZZ_SECONDS} // 5;

my @targets = map { m!/(\w+)_fuzz\.c$! } glob('test/fuzz/*_fuzz.c');
my @lines = split /\n/, `test/fuzz/run.sh $seconds`;
my %seen;

is($?, 0, 'run.sh');
foreach my $line (@lines)
{
	if ($line =~ /^(not )?ok - (\w+): (.*)/)
	{
		ok(!$1, "$2: $3");
		$seen{$2} = 1;
	}
	diag($line);
}
is_deeply([ sort keys %seen ], [ sort @targets ], 'every target has run');

done_testing();
