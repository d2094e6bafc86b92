# Where the API cannot list memberships, a DELETE by both keys is taken at its
# word; but nothing is ever decided on a value that the API did not give.

use strict;
use warnings;

use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $test = MixpanelTest->new(
	'trust',
	accounts                => 6,
	projects                => 4,
	memberships_per_account => 2);
my $simulator = $test->simulator;
my $m = 'mp.project_memberships';
my $key = "service_account_id = 2 AND project_id = 1002";
my $no_way = qr/^Mixpanel offers no way to read project memberships$/;

$test->rows(<<'SQL');
CREATE TABLE wanted (account bigint, project bigint, role text);
INSERT INTO wanted VALUES (2, 1002, 'analyst');
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN RAISE NOTICE '%', OLD.role; RETURN OLD; END $$;
CREATE TABLE parent (service_account_id bigint NOT NULL, project_id bigint NOT NULL, role text)
	PARTITION BY LIST (service_account_id);
CREATE FOREIGN TABLE child PARTITION OF parent DEFAULT
	SERVER mixpanel OPTIONS (object 'project_memberships');
SQL

sub start_over
{
	$test->start_over(document => 'docs');
	return;
}

# Each is refused, and nothing is sent at COMMIT.
my %refused = (
	'a condition' => "DELETE FROM $m WHERE $key AND role = 'analyst'",
	'a negative condition' =>
	  "DELETE FROM $m WHERE $key AND role IS DISTINCT FROM 'admin'",
	'a condition on NULL' => "DELETE FROM $m WHERE $key AND username IS NULL",
	'a condition on the whole row' =>
	  "DELETE FROM $m t WHERE $key AND t IS DISTINCT FROM NULL",
	'a function of the whole row' =>
	  "DELETE FROM $m t WHERE $key AND row_to_json(t)->>'role' IS NULL",
	'a join condition' =>
	  "DELETE FROM $m t USING wanted w WHERE $key AND t.role = w.role",
	'a negative join condition' =>
	  "DELETE FROM $m t USING wanted w WHERE $key AND t.role IS DISTINCT FROM w.role",
	'NOT EXISTS' =>
	  "DELETE FROM $m t WHERE $key AND NOT EXISTS (SELECT FROM wanted w WHERE w.role = t.role)",
	'a sub-select' =>
	  "DELETE FROM $m t WHERE $key AND (SELECT count(*) FROM wanted w WHERE w.role = t.role) = 0",
	'RETURNING a column' => "DELETE FROM $m WHERE $key RETURNING role",
	'RETURNING all' => "DELETE FROM $m WHERE $key RETURNING *",
	'RETURNING the row' => "DELETE FROM $m t WHERE $key RETURNING t",
	'a partition, and a condition' =>
	  "DELETE FROM parent WHERE $key AND role IS NULL",
	'a partition, RETURNING' => "DELETE FROM parent WHERE $key RETURNING *",
	'UPDATE' => "UPDATE $m SET role = 'admin' WHERE $key",
	'one key' => "DELETE FROM $m WHERE service_account_id = 2",
);

foreach my $name (sort keys %refused)
{
	start_over();
	$test->rows('BEGIN');
	$simulator->clear_log;
	MixpanelTest::error_is($test->run($refused{$name}),
		'HV00M', "refused: $name", message => $no_way);
	$test->run('COMMIT');
	is($test->count_of('POST') + $test->count_of('DELETE'),
		0, "nothing is sent: $name");
}

my %trusted = (
	'keys alone' => "DELETE FROM $m WHERE $key",
	'RETURNING the keys' =>
	  "DELETE FROM $m WHERE $key RETURNING service_account_id, project_id",
	'RETURNING what is no column' =>
	  "DELETE FROM $m WHERE $key RETURNING 1, organization_id",
	'a join by the keys' =>
	  "DELETE FROM $m t USING wanted w WHERE t.service_account_id = 2 AND t.project_id = 1002 AND w.project = t.project_id",
	'a partition' => "DELETE FROM parent WHERE $key",
);

foreach my $name (sort keys %trusted)
{
	start_over();
	MixpanelTest::error_is($test->run($trusted{$name}),
		'', "taken at its word: $name");
	is( join(', ', grep { /^2 / } $simulator->memberships),
		'2 1003 consumer',
		"the membership is gone: $name");
}

subtest 'a trigger would be given the row' => sub {
	start_over();
	$test->rows(
		"CREATE TRIGGER see BEFORE DELETE ON $m FOR EACH ROW EXECUTE FUNCTION see()"
	);
	MixpanelTest::error_is($test->run("DELETE FROM $m WHERE $key"),
		'HV00M', 'refused', message => $no_way);
	$test->rows("DROP TRIGGER see ON $m");
};

# ---- names, which only a list tells ----

subtest 'joins and sub-selects look at names that a lookup does not give' =>
  sub {
	$test->start_over(document => 'nested');
	my $count =
	  "SELECT count(*) FROM $m t, wanted w WHERE t.service_account_id = 2";

	is( $test->rows(
			"$count AND t.username || 'x' = 'bot-2' || left(w.role, 0) || 'x'"),
		'2',
		'a join condition');
	is( $test->rows(
			"SELECT count(*) FROM $m t WHERE service_account_id = 2 AND NOT EXISTS (SELECT FROM wanted w WHERE 'bot-' || w.account = t.username)"
		),
		'0',
		'NOT EXISTS');
	is( $test->rows(
			"SELECT count(*) FROM wanted w LEFT JOIN $m t ON t.service_account_id = 2 AND t.username = 'bot-' || w.account"
		),
		'2',
		'an outer join');
};

$test->stop;
done_testing();
