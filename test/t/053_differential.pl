# Random statements give the same on the foreign tables as on ordinary tables
# with the same rows, whatever plan is chosen: SELECTs by themselves, prepared
# and through cursors, and changes of ordinary tables that use the foreign ones.
#
# MP_STATEMENTS says how many, MP_SEED where the generator begins.

use strict;
use warnings;

use IPC::Run;
use MixpanelQuery;
use MixpanelTest;
use Test::More;

use constant STATEMENTS => $ENV{MP_STATEMENTS} // 500;
use constant SEED => $ENV{MP_SEED} // 20_260_115;
use constant BATCH => 50;             # statements of one session
use constant FIRST_ACCOUNT => 32_740; # some fit into smallint, some do not

my $test = MixpanelTest->new(
	'differential',
	accounts => 40,
	projects => 6,
	organizations => 2,
	first_account_id => FIRST_ACCOUNT,
	config => "jit = off\nstatement_timeout = '20s'");

# "mp" holds the foreign tables, "j" ordinary ones with the same rows, "o" the
# ordinary tables of either side.
$test->rows(<<'SQL');
CREATE SCHEMA j;
CREATE SCHEMA o;
CREATE DOMAIN o.big AS bigint;
CREATE DOMAIN o.nested AS o.big CHECK (VALUE IS NOT NULL);
CREATE DOMAIN o.dom4 AS int;

CREATE FOREIGN TABLE mp.domains (
	sid o.nested OPTIONS (field 'service_account_id'),
	pid o.dom4 OPTIONS (field 'project_id'), role text,
	account_name text OPTIONS (field 'username'))
	SERVER mixpanel OPTIONS (object 'project_memberships');
CREATE FOREIGN TABLE mp.narrow (
	role varchar(20), pid smallint OPTIONS (field 'project_id'),
	sid int OPTIONS (field 'service_account_id'),
	project_name varchar, account_name varchar(90) OPTIONS (field 'username'))
	SERVER mixpanel OPTIONS (object 'project_memberships');
CREATE FOREIGN TABLE mp.numbers (
	sid numeric OPTIONS (field 'service_account_id'), role text,
	pid bigint OPTIONS (field 'project_id'))
	SERVER mixpanel OPTIONS (object 'project_memberships');
CREATE TABLE mp.parts (organization_id bigint, sid bigint, pid bigint,
	role text, project_name text, account_name text)
	PARTITION BY LIST (organization_id);
CREATE TABLE mp.parts_local PARTITION OF mp.parts FOR VALUES IN (1, 2);
CREATE FOREIGN TABLE mp.parts_123 PARTITION OF mp.parts FOR VALUES IN (123)
	SERVER mixpanel OPTIONS (object 'project_memberships');
ALTER FOREIGN TABLE mp.parts_123
	ALTER sid OPTIONS (ADD field 'service_account_id'),
	ALTER pid OPTIONS (ADD field 'project_id'),
	ALTER account_name OPTIONS (ADD field 'username');
INSERT INTO mp.parts SELECT 1 + i % 2, 32740 + i, 1001 + i % 4, 'admin',
	'Project ' || 1001 + i % 3, nullif('bot-' || 32740 + i, 'bot-32742')
	FROM generate_series(0, 6) i;

CREATE TABLE j.service_accounts AS SELECT * FROM mp.service_accounts;
CREATE TABLE j.project_memberships AS SELECT * FROM mp.project_memberships;
CREATE TABLE j.domains AS SELECT * FROM mp.domains;
CREATE TABLE j.narrow AS SELECT * FROM mp.narrow;
CREATE TABLE j.numbers AS SELECT * FROM mp.numbers;
CREATE TABLE j.parts AS SELECT * FROM mp.parts;
-- names of memberships are not what a mere SELECT shows
UPDATE j.project_memberships m SET username = a.username,
	project_name = 'Project ' || project_id
	FROM j.service_accounts a WHERE a.id = m.service_account_id;
UPDATE j.domains m SET account_name = a.username
	FROM j.service_accounts a WHERE a.id = m.sid;
UPDATE j.narrow m SET account_name = a.username,
	project_name = 'Project ' || pid
	FROM j.service_accounts a WHERE a.id = m.sid;
UPDATE j.parts m SET account_name = a.username,
	project_name = 'Project ' || pid
	FROM j.service_accounts a WHERE a.id = m.sid AND m.organization_id = 123;

CREATE TABLE o.want AS
	SELECT i % 4 AS team, nullif(32735 + i * 7 % 50, 32750)::bigint AS sid,
		(1001 + i % 9)::int AS pid,
		(ARRAY['admin', 'analyst', NULL])[1 + i % 3] AS role
	FROM generate_series(1, 60) i;
CREATE TABLE o.event AS
	SELECT i % 5 AS team, 'k' || i % 3 AS kind, 32730 + i AS sid
	FROM generate_series(1, 25) i;
CREATE TABLE o.hist AS
	SELECT (32745 + i % 30)::bigint AS sid, (i % 3)::smallint AS team
	FROM generate_series(1, 1500) i;
CREATE TABLE o.types (team smallint, i4 int, i8 bigint, n numeric, dom o.big,
	dom4 o.dom4, nested o.nested, p2 smallint, p8 bigint, word text,
	v int DEFAULT 0);
INSERT INTO o.types SELECT i % 3, 32740 + i, 32740 + i * 3 % 40,
	32740 + i * 5 % 41, 32740 + i * 7 % 45, 32739 + i, 32740 + i % 35,
	1000 + i % 11, 1001 + i % 8, (ARRAY['admin', 'consumer', 'k1'])[1 + i % 3]
	FROM generate_series(1, 40) i;
INSERT INTO o.types SELECT 1, NULL, -5, NULL, 0, NULL, 32741, NULL, 0, NULL
	FROM generate_series(1, 2) i;
CREATE TABLE o.split (team int, sid bigint, pid bigint, role text)
	PARTITION BY RANGE (sid);
CREATE TABLE o.split_low PARTITION OF o.split
	FOR VALUES FROM (MINVALUE) TO (32768);
CREATE TABLE o.split_rest PARTITION OF o.split DEFAULT;
INSERT INTO o.split SELECT i % 4, 32738 + i % 45, 1001 + i % 8, 'analyst'
	FROM generate_series(1, 70) i;
CREATE TABLE o.log (row text);

-- how many rows a query gives, and a sum that does not depend on their order
CREATE FUNCTION o.through_cursor(query text, OUT rows bigint, OUT sum numeric)
LANGUAGE plpgsql AS $$
DECLARE
	c refcursor;
	r record;
BEGIN
	rows := 0;
	sum := 0;
	OPEN c SCROLL FOR EXECUTE query;
	MOVE FORWARD 3 FROM c;
	MOVE BACKWARD ALL FROM c;
	LOOP
		FETCH c INTO r;
		EXIT WHEN NOT FOUND;
		rows := rows + 1;
		sum := sum + hashtextextended(r::text, 0);
	END LOOP;
END $$;
ANALYZE;
SQL

my $summary = 'count(*), sum(hashtextextended(q::text, 0)::numeric)';
my @changed = map { "SELECT '$_', $summary FROM $_ q;" }
  qw(o.want o.event o.types o.split o.log);

# Planner settings of one statement.
sub settings
{
	my @off = grep { MixpanelQuery::chance(0.25) }
	  qw(hashjoin mergejoin nestloop hashagg sort material memoize);
	my @set = map { "SET enable_$_ = off;" } @off;

	push @set, "SET work_mem = '64kB';" if MixpanelQuery::chance(0.4);
	push @set, 'SET enable_partitionwise_join = on;'
	  if MixpanelQuery::chance(0.2);
	push @set, 'SET join_collapse_limit = 1; SET from_collapse_limit = 1;'
	  if MixpanelQuery::chance(0.1);
	push @set, 'SET geqo_threshold = 2;' if MixpanelQuery::chance(0.1);
	return join(' ', @set);
}

# A query as a prepared statement that is executed with several values, in place
# of a number or a name that it has; undef if it has none.
sub prepared
{
	my ($query) = @_;
	my $mode = MixpanelQuery::any(qw(force_generic_plan auto));
	my ($type, @values);

	if (MixpanelQuery::chance(0.3) && $query =~ s/'(bot-|Project )(\d+)'/\$1/)
	{
		$type = MixpanelQuery::any(qw(text varchar));
		@values = ("'$1$2'", "'$1" . ($2 + 1) . "'", 'NULL', "'x'", "'$1$2'");
	}
	elsif ($query =~
		s/(?<!bot-)(?<!Project )\b(32[78]\d\d|100\d|101\d)\b/\$1/)
	{
		$type = MixpanelQuery::any(qw(int int bigint numeric o.big));
		@values = ($1, $1 + 1, 'NULL', $1 + 20, $1);
	}
	else
	{
		return undef;
	}
	$query =~ s/ARRAY\[[^\]]*\$1/ARRAY[\$1/;
	return join("\n",
		"SET plan_cache_mode = $mode;",
		"PREPARE p($type) AS $query;",
		(map { "EXECUTE p($_);" } @values),
		'DEALLOCATE p;');
}

# One statement for both sides: its text, and what runs it ("S." stands for the
# schema).
sub statement
{
	if (MixpanelQuery::chance(0.25))
	{
		my $change = MixpanelQuery::change();

		return ($change, join("\n", 'BEGIN;', "$change;", @changed, 'ROLLBACK;'));
	}
	my ($query) = MixpanelQuery::select();
	my $whole = "SELECT $summary FROM ($query) q";

	if (MixpanelQuery::chance(0.1))
	{
		$query = "SELECT q::text FROM ($query) q"
		  if MixpanelQuery::has_names($query);
		return ($query, "SELECT * FROM o.through_cursor(\$\$$query\$\$);");
	}
	if (MixpanelQuery::chance(0.1))
	{
		my ($other) = MixpanelQuery::select();

		return (
			$query,
			join("\n",
				'BEGIN ISOLATION LEVEL REPEATABLE READ;',
				"SELECT $summary FROM ($other) q;",
				"$whole;", 'COMMIT;'));
	}
	return ($query, prepared($whole) // "$whole;")
	  if MixpanelQuery::chance(0.25);
	return ($query, "$whole;");
}

# The lines that run a statement on one side, each followed by its SQLSTATE.
sub side
{
	my ($i, $sql, $schema) = @_;
	my $lines = $sql =~ s/\bS\./$schema./gr =~ s/;$/;\n\\echo :SQLSTATE/gmr;

	return "\\echo #$i $schema\n$lines\nRESET ALL;\n";
}

# What a batch of statements prints, by number and side.
sub run_batch
{
	my (@statements) = @_;
	my $script = '';
	my %printed;

	foreach my $i (0 .. $#statements)
	{
		my ($query, $sql, $settings) = @{ $statements[$i] };

		$script .= "\\echo #$i plan\n$settings\n"
		  . "EXPLAIN (COSTS OFF) $query;\n" =~ s/\bS\./mp./gr
		  . side($i, $sql, 'mp')
		  . side($i, $sql, 'j');
	}
	IPC::Run::run(
		[
			'psql', '--no-psqlrc', '--quiet', '--no-align', '--tuples-only',
			'--dbname=' . $test->node->connstr('postgres')
		],
		'<', \$script, '>', \my $out, '2>', \my $errors);
	foreach my $part (split /^#(?=\d+ \w+$)/m, $out)
	{
		my ($name, $text) = split /\n/, $part, 2;

		$printed{$name} = $text if defined $name;
	}
	return (\%printed, $errors);
}

srand SEED;
my ($done, $lookups, $failed, $different) = (0, 0, 0, 0);

while ($done < STATEMENTS)
{
	my @statements = map { [ statement(), settings() ] } 1 .. BATCH;

	# each way of reading all memberships
	$test->simulator->set(projects_route => MixpanelQuery::chance(0.5) ?
		  JSON::PP::true : JSON::PP::false);
	my ($printed, $errors) = run_batch(@statements);

	foreach my $i (0 .. $#statements)
	{
		my ($ours, $other) = @{$printed}{ "$i mp", "$i j" };

		$lookups++ if ($printed->{"$i plan"} // '') =~ /MixpanelLookupJoin/;
		$failed++ if ($other // '') =~ /^(?!00000)[0-9A-Z]{5}$/m;
		next if defined $ours && defined $other && $ours eq $other;
		$different++;
		diag("statement " . ($done + $i) . ": $statements[$i][2]\n"
			  . "$statements[$i][1]\nforeign: $ours\nordinary: $other\n"
			  . $printed->{"$i plan"})
		  if $different <= 10;
	}
	diag($errors) if $different > 0 && $different <= 10;
	$done += BATCH;
}
is($different, 0, "$done statements: no difference");
cmp_ok($lookups, '>', $done / 8, 'many of them have lookup joins')
  or diag($lookups);
cmp_ok($failed, '<', $done / 20, 'few of them fail on either side')
  or diag($failed);

$test->stop;
done_testing();
