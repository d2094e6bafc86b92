# Many organizations as partitions of one table: all are asked at the same
# time, within the window, however few files the server may open.

use strict;
use warnings;

use IPC::Run ();
use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $organizations = 150;
my $accounts = 4;

# Fewer files than partitions, and than a full window needs beside the server's
# own: some are left for the events that an Append waits for.
my $test = MixpanelTest->new(
	'partitions',
	organizations => $organizations,
	accounts => $accounts,
	projects => 1,
	memberships_per_account => 1,
	config => "max_files_per_process = 64\n");
my $simulator = $test->simulator;
my $all = $organizations * $accounts;

$test->rows(<<"SQL");
CREATE TABLE accounts (organization_id bigint, id bigint, username text)
	PARTITION BY LIST (organization_id);
CREATE TABLE memberships (organization_id bigint, service_account_id bigint, role text)
	PARTITION BY LIST (organization_id);
DO \$\$
BEGIN
	FOR organization IN 123 .. 122 + $organizations LOOP
		EXECUTE format('CREATE FOREIGN TABLE accounts_%s PARTITION OF accounts '
			'FOR VALUES IN (%1\$s) SERVER mixpanel '
			'OPTIONS (object ''service_accounts'', organization_id ''%1\$s'')', organization);
		EXECUTE format('CREATE FOREIGN TABLE memberships_%s PARTITION OF memberships '
			'FOR VALUES IN (%1\$s) SERVER mixpanel '
			'OPTIONS (object ''project_memberships'', organization_id ''%1\$s'')', organization);
	END LOOP;
END \$\$;
CREATE TABLE here (organization_id bigint, id bigint, username text);
INSERT INTO here VALUES (1, 1, 'local');
SQL

# A read of all partitions, on a new log: its result.
sub read_all
{
	my ($sql) = @_;
	my $result = $test->logged($sql);

	is($result->{code}, '', $sql) or diag($result->{raw});
	return $result->{rows};
}

subtest 'side by side' => sub {
	$simulator->set(latency_ms => 5);
	is(read_all('SELECT count(*), count(DISTINCT id), '
			  . 'count(DISTINCT organization_id) FROM accounts'),
		"$all|$all|$organizations", 'every row once');
	is(scalar @{ $simulator->log }, $organizations, 'a request for each');
	my $at_once = $simulator->counts->{max_concurrent};

	ok($at_once > 1 && $at_once <= 8, 'several at once, as many as files allow')
	  or diag($at_once);
	$simulator->set(latency_ms => 0);
};

subtest 'what is wanted of them' => sub {
	is(read_all('SELECT count(*) FROM accounts WHERE username = \'nobody\''),
		0, 'no row of any');
	is(read_all('SELECT count(*) FROM accounts WHERE organization_id < 223'),
		100 * $accounts, 'a hundred');
	is(scalar @{ $simulator->log }, 100, 'which are asked alone');
	is(read_all('SELECT count(*) FROM (SELECT FROM accounts LIMIT 3) s'),
		3, 'a few rows');
	is(read_all('SELECT username FROM accounts WHERE id = 599 '
			  . 'AND organization_id = 272'),
		'bot-599', 'one');
	is_deeply(
		[ map { s!/organizations/272!!r } $simulator->requests ],
		['GET /service-accounts/599'],
		'which is asked alone');
};

subtest 'together with others' => sub {
	is(read_all('SELECT count(*) FROM (SELECT * FROM accounts '
			  . 'UNION ALL SELECT * FROM here) s'),
		$all + 1, 'a local table');
	is(read_all('SELECT count(*) FROM accounts a JOIN accounts b USING (id)'),
		$all, 'themselves, joined');
	is(read_all('SELECT count(*) FROM memberships'),
		$all, 'scans of many requests each');
	is(scalar @{ $simulator->log }, $organizations + $all, '... and all of them');
	is(read_all('SELECT sum((SELECT count(*) FROM accounts a '
			  . 'WHERE a.organization_id = h.n)) '
			  . 'FROM (VALUES (123), (124)) AS h (n)'),
		2 * $accounts, 'again and again');
};

subtest 'EXPLAIN' => sub {
	my $plan =
	  read_all('EXPLAIN (ANALYZE, COSTS OFF) SELECT username FROM accounts');

	is(scalar(() = $plan =~ /Async Foreign Scan on \w+ .*rows=$accounts\b/g),
		$organizations, 'each is told its own rows');
	is(scalar(() = $plan =~ /API Requests: 1$/mg),
		$organizations, 'and its own request');
};

subtest 'failure and cancel' => sub {
	$simulator->fault(path => '/organizations/200/', status => 403);
	MixpanelTest::error_is($test->run('SELECT count(*) FROM accounts'),
		'42501', 'one is refused', message => qr{/organizations/200/});
	$simulator->fault(path => '/organizations/201/', hang => 'body');
	MixpanelTest::error_is(
		$test->run('SET statement_timeout = 500; SELECT count(*) FROM accounts'),
		'57014', 'one hangs');
	$test->rows('RESET statement_timeout');
	is(read_all('SELECT count(*) FROM accounts'), $all, 'afterwards all is well');
};

# Without a postmaster, whose death core would wait for as well.
subtest 'a single-user backend' => sub {
	my $node = $test->node;
	my $sql = "SELECT count(*) AS found FROM accounts\n";
	my ($out, $err);

	$node->stop;
	IPC::Run::run([ 'postgres', '--single', '-D', $node->data_dir, 'postgres' ],
		'<', \$sql, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
	like($out, qr/found = "$all"/, 'reads all partitions') or diag($err);
};

$test->stop;
done_testing();
