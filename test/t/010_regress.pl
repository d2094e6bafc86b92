# The SQL tests of sql/ and expected/, through pg_regress, on a cluster and a
# simulator of their own.

use strict;
use warnings;

use Cwd qw(getcwd);
use File::Basename qw(basename);

use MixpanelSimulator;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $project = getcwd();
my $output = PostgreSQL::Test::Utils::tempdir();

# Install scripts have "--" in their names.
my @tests = map { basename($_, '.sql') } grep { !/--/ } sort glob('sql/*.sql');

plan skip_all => 'no SQL tests' unless @tests;

my $simulator = MixpanelSimulator->start;
my $node = PostgreSQL::Test::Cluster->new('regress');

$node->init;
$node->start;

local $ENV{MP_SIMULATOR_PORT} = $simulator->port;
local $ENV{MP_SIMULATOR} //= "$project/test/simulator/simulator";
local $ENV{MP_SIMCTL} //= "$project/test/simulator/simctl";

my $status = system($ENV{PG_REGRESS}, "--inputdir=$project",
	"--outputdir=$output", '--bindir=', '--host=' . $node->host,
	'--port=' . $node->port, '--dbname=regress', '--no-locale',
	'--encoding=UTF8', @tests);

ok($status == 0, 'pg_regress: ' . join(' ', @tests))
  or diag(-e "$output/regression.diffs"
	? slurp_file("$output/regression.diffs")
	: 'pg_regress left no differences');

$node->stop;
$simulator->stop;
done_testing();
