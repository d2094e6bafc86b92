# One statement asks once: its scans share what they read, whatever its form;
# statements do not.

use strict;
use warnings;

use MixpanelTest;
use Test::More;

my $org = '/organizations/{org}';
my $LIST = "GET $org/service-accounts";
my $PROJECTS = "GET $org/projects/";
my $OF_ACCOUNT = "GET $org/service-accounts/{id}/projects";
my $OF_PROJECT = 'GET /projects/{project}/service-accounts';
my $test = MixpanelTest->new('share');
my $simulator = $test->simulator;

# An access review: # is the accounts, @ the memberships.
my %forms = (
	'a join' => 'SELECT a.username, m.project_id, m.role FROM # a '
	  . 'JOIN @ m ON m.service_account_id = a.id',
	'an outer join' => 'SELECT a.username, m.project_id FROM # a '
	  . 'LEFT JOIN @ m ON m.service_account_id = a.id',
	'a full join' => 'SELECT a.username, m.project_id FROM # a '
	  . 'FULL JOIN @ m ON m.service_account_id = a.id',
	'EXISTS' => 'SELECT a.username FROM # a WHERE EXISTS '
	  . '(SELECT FROM @ m WHERE m.service_account_id = a.id)',
	'NOT EXISTS' => 'SELECT a.username FROM # a WHERE NOT EXISTS '
	  . '(SELECT FROM @ m WHERE m.service_account_id = a.id)',
	'NOT IN' => 'SELECT a.username FROM # a WHERE a.id NOT IN '
	  . '(SELECT service_account_id FROM @ WHERE project_id <> 1001)',
	'IN over the list' => 'SELECT service_account_id, role FROM @ '
	  . 'WHERE service_account_id IN (SELECT id FROM #)',
	'IN and a join' =>
	  'SELECT a.username, m.role FROM # a JOIN @ m '
	  . 'ON m.service_account_id = a.id WHERE a.id IN '
	  . q{(SELECT service_account_id FROM @ WHERE role = 'admin')},
	'memberships twice' =>
	  'SELECT m.service_account_id, m.project_id, n.project_id '
	  . 'FROM @ m JOIN @ n USING (service_account_id) '
	  . 'WHERE m.project_id < n.project_id',
	'accounts twice' => 'SELECT a.id, b.id FROM # a JOIN # b '
	  . 'ON b.id = a.id + 1 JOIN @ m ON m.service_account_id = b.id',
	'UNION' => q{SELECT service_account_id FROM @ WHERE role = 'admin' }
	  . q{UNION SELECT service_account_id FROM @ WHERE role = 'analyst'},
	'UNION ALL of both' => 'SELECT project_id, count(*) FROM @ GROUP BY 1 '
	  . 'UNION ALL SELECT 0, count(*) FROM #',
	'a count for each account' => 'SELECT a.username, (SELECT count(*) '
	  . 'FROM @ m WHERE m.service_account_id = a.id) FROM # a',
	'the first for each account' =>
	  'SELECT a.username, x.role FROM # a CROSS JOIN LATERAL '
	  . '(SELECT role FROM @ m WHERE m.service_account_id = a.id '
	  . 'ORDER BY project_id LIMIT 1) x',
	'the highest of each project' =>
	  'SELECT service_account_id FROM @ m WHERE role = '
	  . '(SELECT max(role) FROM @ n WHERE n.project_id = m.project_id)',
	'a sub-select beside all' => 'SELECT count(*), '
	  . '(SELECT count(DISTINCT service_account_id) FROM @), '
	  . '(SELECT count(*) FROM #) FROM @',
	'the first row beside all' => 'SELECT count(*) FROM @ '
	  . 'WHERE (SELECT true FROM @ LIMIT 1) AND (SELECT true FROM # LIMIT 1)',
);

sub query
{
	my ($form, $accounts, $members) = @_;

	return $form =~ s/#/$accounts/gr =~ s/@/$members/gr;
}

sub foreign { return query($_[0], 'mp.service_accounts', 'mp.project_memberships'); }
sub local_ { return query($_[0], 'accounts', 'members'); }

# The rows of a statement, in order.
sub sorted
{
	my ($sql) = @_;
	my $result = $test->logged($sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(MixpanelTest::describe($result), 'no error', 'no error');
	return join "\n", sort split /\n/, $result->{rows};
}

# A session that has learnt nothing, and the same rows in local tables.
sub begin
{
	my (%settings) = @_;

	$test->start_over(projects_route => JSON::PP::true, %settings);
	$test->rows(<<'SQL');
DROP TABLE IF EXISTS accounts, members;
CREATE TABLE accounts AS SELECT id, username FROM mp.service_accounts;
CREATE TABLE members AS SELECT service_account_id, project_id, role
	FROM mp.project_memberships;
SQL
	$test->fresh;
	return;
}

subtest '1,000 accounts in 20 projects' => sub {
	foreach my $document (qw(all bulk))
	{
		begin(accounts => 1000, projects => 20, document => $document);
		foreach my $name (sort keys %forms)
		{
			my $rows = sorted(foreign($forms{$name}));
			my $counts = $simulator->counts;

			cmp_ok($counts->{requests}, '<=', 22, "$document, $name: requests")
			  or diag(explain($counts->{by_call}));
			is($rows, sorted(local_($forms{$name})), "$document, $name: rows");
			$test->fresh;
		}
	}
};

# Where members can be read by account only: each is asked for once.
subtest 'by account' => sub {
	foreach my $settings (
		{ document => 'nested' },
		{ document => 'nested', projects_route => JSON::PP::false },
		{ document => 'all', projects_route => JSON::PP::false })
	{
		begin(accounts => 40, projects => 3, %{$settings});
		foreach my $name (sort keys %forms)
		{
			my $rows = sorted(foreign($forms{$name}));
			my $calls = $simulator->counts->{by_call};

			is($calls->{$LIST}, 1, "$name: one list of accounts");
			cmp_ok($calls->{$OF_ACCOUNT}, '<=', 40, 'each account once')
			  if $name ne 'the highest of each project';
			is($rows, sorted(local_($forms{$name})), "$name: rows");
			$test->fresh;
		}
	}
};

subtest 'a few of many' => sub {
	begin(accounts => 300, projects => 20);
	my %few = (
		'of two accounts' =>
		  [ foreign("$forms{'a count for each account'} WHERE a.id IN (3, 4)"),
			{ "GET $org/service-accounts/{id}" => 2, $OF_ACCOUNT => 2 } ],
		'of the first three' =>
		  [ foreign("$forms{'a count for each account'} LIMIT 3"),
			{ $LIST => 1, $OF_ACCOUNT => 3 } ],
	);

	foreach my $name (sort keys %few)
	{
		$test->logged($few{$name}[0]);
		is_deeply($simulator->counts->{by_call}, $few{$name}[1], $name);
		$test->fresh;
	}
	begin(accounts => 10, projects => 20);
	$test->logged(foreign($forms{'a count for each account'}));
	is_deeply($simulator->counts->{by_call}, { $LIST => 1, $OF_ACCOUNT => 10 },
		'of a small organization');
};

# ---- where sharing would be wrong ----

my $both = 'SELECT (SELECT count(*) FROM mp.service_accounts), count(*) '
  . 'FROM mp.service_accounts a FULL JOIN mp.service_accounts b USING (id)';
my $members = 'SELECT count(*) FROM mp.project_memberships m '
  . 'FULL JOIN mp.project_memberships n USING (service_account_id, project_id)';

subtest 'each statement sees its own moment' => sub {
	begin(accounts => 30, projects => 3);
	$test->rows('BEGIN');
	is($test->rows($both), '30|30', 'one');
	is($test->rows($members), 60, 'one of memberships');
	$simulator->add_accounts({ username => 'added' });
	$simulator->add_memberships([ 31, 1001, 'owner' ]);
	is($test->rows($both), '31|31', 'another');
	is($test->rows($members), 61, 'another of memberships');
	$test->rows('PREPARE again AS ' . $members);
	is($test->rows('EXECUTE again'), 61, 'prepared');
	$simulator->remove_membership(31, 1001);
	is($test->rows('EXECUTE again'), 60, 'prepared, once more');
	$test->rows('COMMIT');
};

subtest 'functions, triggers and changes in the statement' => sub {
	begin(accounts => 30, projects => 3);
	$test->rows(<<'SQL');
CREATE OR REPLACE FUNCTION add_one() RETURNS bigint VOLATILE
LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	INSERT INTO mp.service_accounts (username) VALUES ('made') RETURNING id, secret
		INTO made;
	INSERT INTO mp.project_memberships (service_account_id, project_id, role)
		VALUES (made, 1002, 'admin');
	RETURN (SELECT count(*) FROM mp.service_accounts a
		JOIN mp.service_accounts b USING (id));
END $$;
CREATE OR REPLACE FUNCTION count_all() RETURNS bigint VOLATILE
LANGUAGE sql AS $$ SELECT count(*) FROM mp.project_memberships $$;
SQL
	$test->rows('BEGIN');
	is( $test->rows('SELECT (SELECT count(*) FROM mp.service_accounts), '
			  . 'add_one(), (SELECT count(*) FROM mp.service_accounts), '
			  . '(SELECT count(*) FROM mp.project_memberships), count_all() '
			  . 'FROM mp.service_accounts LIMIT 1'),
		'30|31|30|60|61', 'a function sees what it does, the statement does not');
	is($test->rows($both), '31|31', 'the next statement does');
	is( $test->rows(
			'WITH gone AS (DELETE FROM mp.project_memberships '
			  . 'WHERE service_account_id = 7 RETURNING project_id) '
			  . 'SELECT (SELECT count(*) FROM gone), count(*) '
			  . 'FROM mp.project_memberships m JOIN mp.project_memberships n '
			  . 'USING (service_account_id, project_id)'),
		'2|61', 'a change in the statement');
	is($test->rows($members), 59, 'which later ones see');
	is( $test->rows(foreign($forms{'a count for each account'})
			  . q( WHERE username LIKE 'made%' OR a.id = 7 ORDER BY a.id))
		  =~ s/^[^|]*\|//mgr,
		"0\n1", 'also of a single account');
	is( $test->rows('SELECT sum(c) FROM ('
			  . foreign($forms{'a count for each account'}) . ') x (u, c)'),
		59, 'and of each');
	$test->rows('ROLLBACK');
	$test->logged($both);
	is_deeply($simulator->counts->{by_call}, { $LIST => 1 },
		'after the transaction');
};

subtest 'cursors' => sub {
	begin(accounts => 30, projects => 3);
	my $query = 'SELECT m.service_account_id, n.project_id '
	  . 'FROM mp.project_memberships m JOIN mp.project_memberships n '
	  . 'USING (service_account_id, project_id)';

	$test->rows("BEGIN; DECLARE c CURSOR WITH HOLD FOR $query; "
		  . "DECLARE d CURSOR FOR $query");
	my @first = $test->row_list('FETCH 5 FROM c');
	$test->rows('FETCH 5 FROM d');
	$test->rows('DELETE FROM mp.project_memberships '
		  . 'WHERE service_account_id BETWEEN 10 AND 19');
	is($test->rows($members), 40, 'a statement sees the deletion');
	my @rest = $test->row_list('FETCH ALL FROM d');
	is(@rest + 5, 60, 'the cursor does not');
	$test->rows('SAVEPOINT s');
	MixpanelTest::error_is($test->run('SELECT 1 / 0'), '22012', 'an error');
	$test->rows('ROLLBACK TO s');
	$test->rows('COMMIT');
	@rest = $test->row_list('FETCH ALL FROM c');
	is(@first + @rest, 60, 'nor one that is held over COMMIT');
	is($test->rows("CLOSE c; $members"), 40, 'after COMMIT');
};

# ---- what goes wrong ----

subtest 'a project that is refused' => sub {
	foreach my $project (1001, 1004)
	{
		foreach my $name ('memberships twice', 'a count for each account',
			'UNION')
		{
			begin(accounts => 60, projects => 5);
			$test->options(max_concurrency => 1);
			$simulator->fault(path => "^/projects/$project/", status => 403,
				count => 0);
			is(sorted(foreign($forms{$name})), sorted(local_($forms{$name})),
				"$project: $name");
		}
	}
};

subtest 'a list that fails' => sub {
	begin(accounts => 60, projects => 5);
	$test->options(max_retries => 0);
	foreach my $path ('/service-accounts$', '^/projects/1003/')
	{
		$simulator->fault(path => $path, status => 500, count => 0);
		MixpanelTest::error_is($test->run($members), 'HV00M', "$path: $_")
		  foreach 1 .. 2;
		$simulator->clear_faults;
		is($test->rows($members), 120, 'and then it works');
	}
	$simulator->fault(path => '^/projects/1003/', hang => 'body', count => 1);
	$test->session->begin($members);
	ok($simulator->wait_for_in_flight(1), 'one hangs');
	$test->node->safe_psql('postgres',
		'SELECT pg_cancel_backend(' . $test->session->pid . ')');
	MixpanelTest::error_is($test->session->end, '57014', 'cancelled');
	is($test->rows($members), 120, 'and then it works');
};

# ---- memory, and what EXPLAIN tells ----

# The session knows how many accounts there are, so it asks for the list of
# projects alone; that is missing, and the list of accounts is what an earlier
# statement has read.  Nothing is on its way then that would wake an Append.
subtest 'no list of projects, and the accounts were read' => sub {
	my @forms = (
		'SELECT count(*) FROM mp.project_memberships',
		q{SELECT count(*) FROM (SELECT role FROM mp.project_memberships
			UNION ALL SELECT username FROM accounts LIMIT 80) u},
	);

	begin(accounts => 40, projects => 6, projects_route => JSON::PP::false);
	foreach my $form (@forms)
	{
		foreach my $level ('READ COMMITTED', 'REPEATABLE READ')
		{
			my $result = $test->fresh->run(<<"SQL");
SET statement_timeout = '60s';
BEGIN ISOLATION LEVEL $level;
SELECT count(*) FROM mp.service_accounts;
$form;
COMMIT;
SQL
			is(MixpanelTest::describe($result), 'no error', "$level: $form");
			is($result->{rows}, "40\n80", 'all rows');
		}
	}
};

subtest 'memory' => sub {
	begin(accounts => 20_000, memberships_per_account => 1, projects => 3);
	foreach my $work_mem (64, 4096)
	{
		$test->rows("SET work_mem = $work_mem");
		foreach my $name ('accounts twice', 'memberships twice', 'UNION')
		{
			is( $test->rows('SELECT count(*) FROM ('
					  . foreign($forms{$name}) . ') x (a)'),
				$test->rows('SELECT count(*) FROM ('
					  . local_($forms{$name}) . ') x (a)'),
				"$work_mem kB: $name");
		}
		$test->rows('BEGIN; DECLARE c CURSOR FOR '
			  . foreign($forms{'accounts twice'})
			  . '; FETCH 1 FROM c');
		cmp_ok(
			$test->rows(
				'SELECT coalesce(sum(total_bytes), 0) FROM '
				  . 'pg_backend_memory_contexts '
				  . q(WHERE name = 'mixpanel_sa_fdw snapshot')),
			'<=', ($work_mem + 64) * 1024, "$work_mem kB: what is shared fits");
		$test->rows('COMMIT');
	}
	$test->rows('RESET work_mem');
};

subtest 'EXPLAIN' => sub {
	begin(accounts => 100, projects => 5);
	foreach my $name (sort keys %forms)
	{
		my $result = $test->logged('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) '
			  . foreign($forms{$name}));
		my $told = 0;

		$told += $1 while $result->{rows} =~ /API Requests: (\d+)/g;
		is($told, $simulator->counts->{requests}, "$name: all are counted");
		$test->fresh;
	}
	like(
		$test->rows('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) '
			  . foreign($forms{'memberships twice'})),
		qr/API Answers Reused: \d$/m,
		'what is taken from the other scan is shown');
	like(
		$test->rows('EXPLAIN (COSTS OFF) '
			  . foreign($forms{'a count for each account'})),
		qr!Mixpanel Request: GET /organizations/123/projects/\n.*Request: GET /projects/!,
		'lookups that are many');
};

$test->stop;
done_testing();
