# What a statement costs in requests, connections and bytes.  These are exact;
# how long it takes is for test/bench to say.

use strict;
use warnings;

use MixpanelTest;
use Test::More;

my $org = '/organizations/123/service-accounts';
my $test = MixpanelTest->new('counts');
my $simulator = $test->simulator;

# A local table of the ids 1 to so many.
sub make_wanted
{
	my ($count) = @_;

	$test->rows(<<"SQL");
DROP TABLE IF EXISTS wanted;
CREATE TABLE wanted AS SELECT id FROM generate_series(1, $count) id;
ANALYZE wanted;
SQL
	return;
}

# Run a statement; returns its rows, and the simulator's counts of it.
sub measure
{
	my ($sql, $rows, $name) = @_;
	my $result = $test->logged($sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(MixpanelTest::describe($result), 'no error', "$name: no error");
	is($result->{rows}, $rows, "$name: rows");
	return $simulator->counts;
}

# At most so many at once, and the window is made use of.
sub check_window
{
	my ($counts, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	cmp_ok($counts->{max_concurrent}, '<=', 8, "$name: at most 8 at once");
	cmp_ok($counts->{max_concurrent}, '>=', 7, "$name: at least 7 at once");
	return;
}

subtest 'lookups one after another' => sub {
	$test->start_over(accounts => 200);
	my $counts = measure(
		join(";\n",
			map { "SELECT id FROM mp.service_accounts WHERE id = $_" }
			  1 .. 100),
		join("\n", 1 .. 100), '100 statements');
	is($counts->{requests}, 100, 'one request each');
	is($counts->{connections}, 1, 'one connection');
	is($test->rows('SELECT requests, connections FROM mixpanel_sa_fdw_stats()'),
		'100|1', 'and so the session counts');
};

subtest '200 ids looked up at once' => sub {
	my $select = 'SELECT count(*), count(DISTINCT m.service_account_id) '
	  . 'FROM mp.project_memberships m';
	my %form = (
		'ANY' => "$select WHERE service_account_id = "
		  . 'ANY (ARRAY(SELECT id FROM wanted))',
		'JOIN' => "$select JOIN wanted w ON m.service_account_id = w.id",
		'IN' => "$select WHERE service_account_id IN (SELECT id FROM wanted)",
	);

	# Once a session it is asked whether projects can be listed.
	$test->start_over(accounts => 400);
	make_wanted(200);
	is(measure($form{ANY}, '400|200', 'ANY at first')->{requests},
		201, '201 requests at first');
	$simulator->set(latency_ms => 20);
	foreach my $name (sort keys %form)
	{
		my $counts = measure($form{$name}, '400|200', $name);
		is($counts->{requests}, 200, "$name: 200 requests");
		check_window($counts, $name);
	}

	# A key that comes twice is asked for once.
	$test->rows('INSERT INTO wanted SELECT id FROM wanted; ANALYZE wanted');
	is(measure($form{JOIN}, '800|200', 'JOIN of each id twice')->{requests},
		200, 'JOIN of each id twice: 200 requests');
	is(measure($form{IN}, '400|200', 'IN of each id twice')->{requests},
		200, 'IN of each id twice: 200 requests');
};

subtest 'ids joined to accounts' => sub {
	my $join = 'SELECT count(*), sum(a.id) FROM mp.service_accounts a '
	  . 'JOIN wanted w ON w.id = a.id';

	$test->start_over(accounts => 300);
	foreach my $count (1, 2, 8, 20, 250)
	{
		make_wanted($count);
		my $counts = measure($join, "$count|" . $count * ($count + 1) / 2,
			"$count ids");
		my $lists = $counts->{by_call}
		  {'GET /organizations/{org}/service-accounts'} // 0;

		ok($counts->{requests} <= $count
			  && ($lists == 0 || $counts->{requests} == 1),
			"$count ids: one list, or at most a request each")
		  or diag("$counts->{requests} requests, $lists lists");
	}
	is($simulator->counts->{requests}, 1, '250 of 300 ids: one list');
};

# How many of these requests of the log were under way at one moment, at most.
sub most_at_once
{
	my (@entries) = @_;
	my $most = 0;

	foreach my $one (@entries)
	{
		my $count = grep {
			$_->{started_ms} <= $one->{started_ms}
			  && $_->{ended_ms} > $one->{started_ms}
		} @entries;
		$most = $count if $count > $most;
	}
	return $most;
}

subtest 'a list makes room for the requests that it leads to' => sub {
	$test->start_over(accounts => 2000, memberships_per_account => 1);
	# that projects cannot be listed is asked once a session
	$test->rows('SELECT FROM mp.project_memberships LIMIT 1');
	$simulator->set(latency_ms => 10);
	my $counts = measure('SELECT count(*) FROM mp.project_memberships', 2000,
		'2000 accounts');
	is($counts->{requests}, 2001, '2001 requests');
	my @children = grep { $_->{path} =~ m!/projects$! } @{ $simulator->log };
	is(most_at_once(@children[ 50 .. 550 ]), 8,
		'8 at once early on, without the list');
};

# 1,000 accounts of which ids 2 to 11 have expired.
sub seed_expired
{
	$test->start_over(accounts => 1);
	$simulator->add_accounts(
		map {
			{
				username => "bot-$_",
				expires => $_ <= 11
				? '2020-01-01T00:00:00Z'
				: '2999-01-01T00:00:00Z',
			}
		} 2 .. 1000);
	$simulator->add_memberships(map { [ $_, 1001, 'analyst' ] } 1 .. 1000);
	return;
}

subtest 'join of the two tables' => sub {
	my $on = 'ON m.service_account_id = sa.id';
	my %join = (
		inner => 'SELECT count(*), sum(sa.id) FROM mp.service_accounts sa '
		  . "JOIN mp.project_memberships m $on WHERE sa.expires < now()",
		left => 'SELECT count(m.project_id), sum(sa.id) '
		  . 'FROM mp.service_accounts sa '
		  . "LEFT JOIN mp.project_memberships m $on WHERE sa.expires < now()",
		semi => 'SELECT count(*), sum(service_account_id) '
		  . 'FROM mp.project_memberships WHERE service_account_id IN '
		  . '(SELECT id FROM mp.service_accounts WHERE expires < now())',
	);

	seed_expired();
	$simulator->set(latency_ms => 100);
	foreach my $name (sort keys %join)
	{
		my $counts = measure($join{$name}, '10|65', $name);
		is_deeply(
			$counts->{by_call},
			{
				'GET /organizations/{org}/service-accounts' => 1,
				'GET /organizations/{org}/service-accounts/{id}/projects' => 10,
			},
			"$name: 11 requests");
		check_window($counts, $name);
	}
};

# A value of EXPLAIN ANALYZE's plan, in JSON.
sub explained
{
	my ($sql, $key) = @_;
	my $json = $test->rows("EXPLAIN (ANALYZE, FORMAT JSON) $sql");

	return $json =~ /"\Q$key\E": ([0-9.]+)/ ? $1 : undef;
}

subtest 'a few rows of a long list' => sub {
	my $limit = 'SELECT * FROM mp.service_accounts LIMIT 10';

	$test->start_over(accounts => 100_000, memberships_per_account => 0);
	my $bytes = explained($limit, 'API Bytes Received');
	cmp_ok($bytes, '<=', 256, 'LIMIT 10 of 100,000, in kB');
	cmp_ok($bytes, '>', 0, 'some');
	ok($simulator->wait_for_in_flight(0), 'the rest is given up');

	$test->rows('SELECT mixpanel_sa_fdw_stats_reset()');
	is( $test->rows(
			'SELECT EXISTS (SELECT FROM mp.service_accounts WHERE id > 5)'),
		't', 'EXISTS');
	$test->rows('BEGIN; DECLARE c CURSOR FOR SELECT * FROM mp.service_accounts');
	is(scalar(my @rows = $test->row_list('FETCH 5 FROM c')), 5, 'a cursor');
	$test->rows('CLOSE c; COMMIT');
	ok($simulator->wait_for_in_flight(0), 'both are given up');
	cmp_ok(
		$test->rows(
			'SELECT bytes_received FROM mixpanel_sa_fdw_stats()'),
		'<=', 2 * 256 * 1024, 'and have read little, in bytes');
};

# A fan-out of which only the first rows are wanted: what the window holds is
# sent, and nothing after it.
subtest 'a few rows of a fan-out' => sub {
	my $one = 'SELECT 1 FROM mp.project_memberships';
	my %form = (
		'LIMIT' => "$one LIMIT 1",
		'EXISTS' => "SELECT 1 WHERE EXISTS ($one)",
		'cursor' => "BEGIN; DECLARE c CURSOR FOR $one; FETCH 1 FROM c; "
		  . 'CLOSE c; COMMIT',
	);

	$test->start_over(accounts => 500);
	$simulator->set(latency_ms => 50);
	foreach my $name (sort keys %form)
	{
		my $counts = measure($form{$name}, 1, $name);

		cmp_ok($counts->{requests}, '<=', 24,
			"$name: the list and few of 500 accounts");
		ok($simulator->wait_for_in_flight(0), "$name: the rest is given up");
		is($simulator->counts->{requests}, $counts->{requests},
			"$name: nothing is sent after the end");
	}
};

# Without Materialize and Memoize the scan itself is run again.
subtest 'a rescan with the same keys' => sub {
	my $times = 'SELECT count(a.id) FROM generate_series(1, 5) g';
	my %form = (
		'a nested loop' => "$times LEFT JOIN mp.service_accounts a "
		  . 'ON a.id <> g',
		'a sub-select of other columns' => 'SELECT sum(n) FROM (SELECT '
		  . '(SELECT count(*) FROM mp.service_accounts a '
		  . 'WHERE length(a.username) > g - 5) AS n '
		  . 'FROM generate_series(1, 5) g) s',
	);
	my %rows = (
		'a nested loop' => 95,
		'a sub-select of other columns' => 100,
	);

	$test->start_over(accounts => 20);
	foreach my $name (sort keys %form)
	{
		is(measure($form{$name}, $rows{$name}, $name)->{requests},
			1, "$name: one list");
	}
	$test->rows("SET enable_$_ = off")
	  foreach qw(material hashjoin mergejoin memoize);
	foreach my $name (sort keys %form)
	{
		is(measure($form{$name}, $rows{$name}, "$name, bare")->{requests},
			1, "$name, bare: one list");
	}
};

subtest 'memberships are written in one request, and read back' => sub {
	my $insert = 'INSERT INTO mp.project_memberships '
	  . '(service_account_id, project_id, role) SELECT a, p, \'analyst\' '
	  . 'FROM generate_series(1, 100) a, generate_series(1001, 1010) p';
	my $delete = 'DELETE FROM mp.project_memberships '
	  . 'WHERE service_account_id BETWEEN 1 AND 100';

	$test->start_over(accounts => 100, projects => 10,
		memberships_per_account => 0);
	is_deeply(
		measure($insert, '', '1,000 rows, 100 accounts in 10 projects')
		  ->{by_call},
		{
			'POST /organizations/{org}/service-accounts/add-to-project' => 1,
			'GET /projects/{project}/service-accounts' => 10,
		},
		'one request, and one for each project');
	is(scalar($simulator->memberships), 1000, 'all are there');
	$test->options(membership_verify => 'false');
	is_deeply(
		measure($insert, '', 'membership_verify off')->{by_call},
		{ 'POST /organizations/{org}/service-accounts/add-to-project' => 1 },
		'one request');
	my $calls = measure($delete, '', 'deletion')->{by_call};
	is( $calls->{
			'POST /organizations/{org}/service-accounts/remove-from-project'},
		1, 'deletion: one request to remove them');
	is(scalar($simulator->memberships), 0, 'none is left');
};

subtest 'accounts are deleted side by side' => sub {
	$test->start_over(accounts => 120);
	$simulator->set(latency_ms => 20);
	my $counts = measure('DELETE FROM mp.service_accounts WHERE id > 20', '',
		'100 of 120');

	is_deeply(
		$counts->{by_call},
		{
			'GET /organizations/{org}/service-accounts' => 1,
			'DELETE /organizations/{org}/service-accounts/{id}' => 100,
		},
		'one list, 100 deletions');
	check_window($counts, 'deletions');
	cmp_ok($counts->{connections}, '<=', 8, 'at most 8 connections');
	is(scalar @{ $simulator->state->{accounts} }, 20, '20 are left');
};

# ---- partitions, an organization each ----

# Organizations 123 to 172, each by a foreign table of its own.  The statement
# that makes the partition of $id is given by the caller.
sub make_partitions
{
	my ($statement) = @_;
	my $sql = 'DROP SCHEMA IF EXISTS parts CASCADE; CREATE SCHEMA parts; '
	  . 'CREATE TABLE parts.accounts (id bigint, username text, '
	  . 'expires timestamptz, organization_id bigint) '
	  . "PARTITION BY LIST (organization_id);\n";

	$sql .= $statement->($_) . ";\n" foreach 123 .. 172;
	$test->rows($sql);
	return;
}

sub partition
{
	my ($id, $server) = @_;

	return "CREATE FOREIGN TABLE parts.accounts_$id PARTITION OF "
	  . "parts.accounts FOR VALUES IN ($id) SERVER $server "
	  . "OPTIONS (object 'service_accounts', organization_id '$id')";
}

sub own_server
{
	my ($id) = @_;
	my $base_url = $simulator->base_url;
	my ($username, $secret) = split /:/, MixpanelSimulator::LOGIN;

	return "CREATE SERVER org_$id FOREIGN DATA WRAPPER mixpanel_sa_fdw "
	  . "OPTIONS (base_url '$base_url'); "
	  . "CREATE USER MAPPING FOR CURRENT_USER SERVER org_$id "
	  . "OPTIONS (username '$username', secret '$secret'); "
	  . partition($id, "org_$id");
}

sub check_partitions
{
	my ($least, $most) = @_;
	my $all = 'SELECT count(*), count(DISTINCT organization_id) '
	  . 'FROM parts.accounts';
	my $lists = { 'GET /organizations/{org}/service-accounts' => 50 };
	my $counts;

	$test->start_over(accounts => 3, organizations => 50);
	# All are sent before the first is answered, on a slow machine too.
	$simulator->set(latency_ms => 10 * $most);
	$counts = measure($all, '150|50', 'all');
	$simulator->set(latency_ms => 50);
	is_deeply($counts->{by_call}, $lists, 'all: a list each');
	cmp_ok($counts->{max_concurrent}, '>=', $least, "at least $least at once");
	cmp_ok($counts->{max_concurrent}, '<=', $most, "at most $most at once");

	$counts = measure("$all WHERE organization_id IN (125, 130)", '6|2',
		'two organizations');
	is_deeply([ sort $simulator->requests ],
		[ map { "GET /organizations/$_/service-accounts" } 125, 130 ],
		'two organizations: nothing is asked of the others');
	measure("PREPARE one(bigint) AS $all WHERE organization_id = \$1; "
		  . 'SET plan_cache_mode = force_generic_plan; EXECUTE one(140); '
		  . 'RESET plan_cache_mode; DEALLOCATE one', '3|1',
		'one, named at run time');
	is_deeply([ $simulator->requests ],
		['GET /organizations/140/service-accounts'],
		'one, named at run time: nothing is asked of the others');

	$simulator->fault(status => 403, path => '^/organizations/137/');
	MixpanelTest::error_is($test->run($all), '42501',
		'an organization that refuses is an error',
		message => qr/137/);
	is($test->rows($all), '150|50', 'which does not last');
	return;
}

# A plan is not a matter of a few rows more or less.  (Between one list and a
# round trip of gets it must change somewhere: with five ids of 1,000, where both
# cost about the same.)
subtest 'plans are steady' => sub {
	my %queries = (
		'a list of ids joined to accounts' =>
		  'SELECT * FROM wanted w JOIN mp.service_accounts a ON a.id = w.id',
		'ids joined to memberships' => 'SELECT * FROM wanted w '
		  . 'JOIN mp.project_memberships m ON m.service_account_id = w.id',
		'memberships of ids in a local table' =>
		  'SELECT * FROM mp.project_memberships '
		  . 'WHERE service_account_id IN (SELECT id FROM wanted)');
	my %plans;

	$simulator->reset(accounts => 400, projects => 4);
	foreach my $count (2, 3, 48 .. 52, 195 .. 205)
	{
		make_wanted($count);
		foreach my $name (keys %queries)
		{
			my $plan = $test->rows("EXPLAIN (COSTS OFF) $queries{$name}");
			my $size = $count < 10 ? 'few' : $count < 100 ? 'some' : 'many';

			$plans{"$name, $size"}{$plan}++;
		}
	}
	is(scalar keys %{ $plans{$_} }, 1, $_) foreach sort keys %plans;
};

SKIP:
{
	skip 'foreign scans are not asynchronous before PostgreSQL 15', 2
	  if $test->rows('SHOW server_version_num') < 150_000;

	subtest '50 organizations, a server each' => sub {
		make_partitions(\&own_server);
		check_partitions(45, 50);
	};

	subtest '50 organizations, one server' => sub {
		make_partitions(sub { partition($_[0], 'mixpanel') });
		check_partitions(7, 8);
	};
}

$test->stop;
done_testing();
