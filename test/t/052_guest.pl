# The library is a guest in every session that has loaded it: statements on
# ordinary tables have the plans and the results that they have without it.
#
# The statements are those of sql/guest.sql.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('guest');

$node->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
$node->start;

# All that the file prints, with variables of psql set.
sub output_of
{
	my (%variables) = @_;

	$variables{merge_returns} = 1 if $node->pg_version >= 17;
	my @set = map { "--set=$_=$variables{$_}" } sort keys %variables;
	my ($out, $err) = run_command(
		[
			'psql', '--no-psqlrc', '--quiet', @set,
			'--file=sql/guest.sql',
			'--dbname=' . $node->connstr('postgres')
		]);

	return "$out\n$err";
}

# Planner settings under which each kind of join is tried.
my %settings = (
	'as it comes' => '',
	'nested loops' => '-c enable_hashjoin=off -c enable_mergejoin=off',
	'merge joins' => '-c enable_hashjoin=off -c enable_nestloop=off',
	'hash joins' => '-c enable_mergejoin=off -c enable_nestloop=off',
	'joins of partitions' => '-c enable_partitionwise_join=on',
);

foreach my $name (sort keys %settings)
{
	local $ENV{PGOPTIONS} = $settings{$name};
	my %plan = (plan => 'EXPLAIN (VERBOSE, COSTS)');
	my $results = output_of(without_library => 1);
	my $plans = output_of(without_library => 1, %plan);

	cmp_ok(scalar(() = $plans =~ /Join|Nested Loop/g),
		'>', 50, "$name: many joins");
	is(output_of(), $results, "$name: results");
	is(output_of(%plan), $plans, "$name: plans");
}

$node->stop;
done_testing();
