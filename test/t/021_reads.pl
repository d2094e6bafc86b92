# Reading: which requests a query makes and how many at once, what a 404
# means, long lists, and connections.

use strict;
use warnings;

use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $org = '/organizations/123/service-accounts';
my $me = '/me?include_workspace_users=false';
my $test = MixpanelTest->new('reads',
	accounts => 6, projects => 4, epoch => '2024-01-15T10:30:00Z');
my $simulator = $test->simulator;

# The requests that a query makes, sorted, without status and body.
sub requests_of
{
	my ($sql) = @_;

	$test->logged($sql);
	return [ sort $simulator->requests ];
}

sub check_query
{
	my ($sql, $rows, $requests, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $result = $test->logged($sql);
	is(MixpanelTest::describe($result), 'no error', "$name: no error");
	is($result->{rows}, join("\n", @{$rows}), "$name: rows");
	is_deeply([ sort $simulator->requests ], [ sort @{$requests} ],
		"$name: requests");
	return;
}

my $ids = 'SELECT id FROM mp.service_accounts WHERE';

subtest 'accounts by id' => sub {
	check_query("$ids id = 5", [5], ["GET $org/5"], 'equality');
	check_query("$ids 5 = id", [5], ["GET $org/5"], 'commuted');
	check_query("$ids id = 5::int2", [5], ["GET $org/5"], 'smallint');
	check_query("$ids id = 99", [], ["GET $org/99"], 'one that is not there');
	check_query("$ids id = 1 AND id = 2", [], [], 'a contradiction');
	check_query("$ids id = 1 AND id = ANY('{2,3}')", [], [],
		'a contradiction with a list');
	check_query("$ids id IN (1, 2) AND id IN (2, 3)", [2], ["GET $org/2"],
		'what two lists have in common');
	check_query("$ids id = NULL", [], [], 'NULL');
	check_query("$ids id = ANY('{}')", [], [], 'an empty list');
	check_query("$ids id = 5 AND organization_id = 124", [], [],
		'another organization');
	check_query("$ids id = 5 AND organization_id = 123", [5], ["GET $org/5"],
		'the organization');
	check_query("$ids id = (SELECT max(a) FROM generate_series(1, 4) a)",
		[4], ["GET $org/4"], 'a sub-select');
	check_query("$ids id = ANY(ARRAY(SELECT generate_series(6, 6)))",
		[6], ["GET $org/6"], 'an array from a sub-select');
	check_query("$ids id = 5 OR id = 5", [5], ["GET $org/5"],
		'the same id twice');
};

subtest 'accounts by a list of ids' => sub {
	my $result = $test->logged("$ids id = ANY('{1,2,3,3,2,NULL}') ORDER BY id");
	my @requests = sort $simulator->requests;

	is($result->{rows}, "1\n2\n3", 'rows');
	cmp_ok(scalar @requests, '<=', 3, 'at most three requests');
	ok("@requests" eq "GET $org"
		  || "@requests" eq "GET $org/1 GET $org/2 GET $org/3",
		'either one list or one request each')
	  or diag("@requests");

	$simulator->reset(accounts => 300);
	is(scalar @{ requests_of(
				"$ids id = ANY(ARRAY(SELECT generate_series(1, 250)))") },
		1, 'many ids: one list');
	$simulator->reset;
};

subtest 'parameters' => sub {
	my $session = $test->session;

	$session->rows("PREPARE one(bigint) AS $ids id = \$1");
	$session->rows("PREPARE several(bigint[]) AS $ids id = ANY(\$1) ORDER BY 1");
	foreach my $round (1 .. 7)
	{
		my $id = 1 + $round % 6;

		check_query("EXECUTE one($id)", [$id], ["GET $org/$id"],
			"execution $round");
	}
	check_query('EXECUTE one(NULL)', [], [], 'NULL as a parameter');
	check_query('EXECUTE several(\'{4}\')', [4], ["GET $org/4"],
		'an array as a parameter');
};

subtest 'an account that is gone is no row' => sub {
	$simulator->fault(status => 404, path => '/4$');
	check_query("$ids id = 4", [], ["GET $org/4"], 'by id');
	check_query(
		'SELECT * FROM mp.project_memberships WHERE service_account_id = 99',
		[], [ "GET $org/99/projects", "GET $org/99" ],
		'memberships of one that is not there');
};

subtest 'memberships by key' => sub {
	my $select = 'SELECT service_account_id, project_id '
	  . 'FROM mp.project_memberships WHERE';

	check_query("$select service_account_id = 2 ORDER BY 2",
		[ '2|1002', '2|1003' ], ["GET $org/2/projects"], 'account');
	check_query("$select project_id = 1004 ORDER BY 1",
		[ '3|1004', '4|1004' ],
		[ "GET $me", 'GET /projects/1004/service-accounts' ],
		'project');
	check_query("$select service_account_id = 2 AND project_id = 1003",
		['2|1003'], ["GET $org/2/projects"], 'both');
	check_query("$select service_account_id = 2 AND project_id = 1004",
		[], ["GET $org/2/projects"], 'both, and no such membership');
	check_query("$select service_account_id IN (2, 3) ORDER BY 1, 2",
		[ '2|1002', '2|1003', '3|1003', '3|1004' ],
		[ "GET $org/2/projects", "GET $org/3/projects" ],
		'several accounts');
	check_query("$select project_id IN (1001, 1004) ORDER BY 2, 1",
		[ '1|1001', '4|1001', '5|1001', '3|1004', '4|1004' ],
		[ "GET $me", map { "GET /projects/$_/service-accounts" } 1001, 1004 ],
		'several projects');
	check_query("$select project_id IN (1001, 1004) AND role = 'owner'",
		[], [ map { "GET /projects/$_/service-accounts" } 1001, 1004 ],
		'whose they are is known by now');
	check_query("$select service_account_id = 2 AND service_account_id = 3",
		[], [], 'a contradiction');
	check_query("$select project_id = 1001 AND organization_id = 5",
		[], [], 'another organization');
};

# The credentials can read projects of two organizations.
subtest 'a key widens no relation' => sub {
	my $members = 'FROM mp.project_memberships';
	my $label = "SELECT DISTINCT organization_id $members WHERE";
	my %joins = (
		join => "SELECT count(*) FROM local JOIN mp.project_memberships m "
		  . 'USING (project_id)',
		semi => "SELECT count(*) $members WHERE project_id IN "
		  . '(SELECT project_id FROM local)',
		anti => 'SELECT count(*) FROM local WHERE NOT EXISTS '
		  . "(SELECT $members m WHERE m.project_id = local.project_id)",
	);

	$test->start_over(accounts => 6, projects => 4, organizations => 2);
	check_query("SELECT count(*) $members WHERE project_id = 1005",
		[0], ["GET $me"], 'a project of another organization');
	is($test->rows("SELECT count(*) $members WHERE project_id + 0 = 1005"),
		0, 'by any way');
	is($test->rows("$label project_id IN (1004, 1005)"),
		123, 'beside one of ours');
	is( $test->rows(
			"SELECT count(*) $members WHERE username LIKE 'bot%' "
			  . 'AND project_id = 1005'),
		0, 'where names are looked up');
	$test->rows('CREATE TABLE local AS '
		  . 'SELECT project_id FROM generate_series(1003, 1006) project_id; '
		  . 'ANALYZE local');
	my %rows = (join => 5, semi => 5, anti => 2);
	foreach my $off ('', 'hashjoin', 'mergejoin', 'nestloop')
	{
		$test->rows("SET enable_$off = off") if $off;
		is($test->rows($joins{$_}), $rows{$_}, "$_, without $off")
		  foreach sort keys %joins;
	}
	$test->options(membership_read => 'project', project_ids => '1004,1005');
	is($test->rows("SELECT DISTINCT project_id $members"),
		1004, 'named by an option');

	# A session that has seen the organization's own list asks that.
	$test->start_over(accounts => 40, projects => 4, organizations => 2,
		projects_route => JSON::PP::true);
	check_query("SELECT count(*) $members", [80],
		[
			"GET $org", 'GET /organizations/123/projects/',
			map { "GET /projects/$_/service-accounts" } 1001 .. 1004
		],
		'a read by project');
	foreach (1 .. 2)
	{
		is($test->rows("SELECT count(*) $members WHERE project_id = 1005"),
			0, 'a project that the organization does not list');
		is($test->rows("$label project_id IN (1004, 1005)"),
			123, 'beside one that it lists');
	}
	is($test->rows("SELECT count(*) $members m JOIN local USING (project_id)"),
		40, 'joined');
	is($test->run("BEGIN; DELETE $members WHERE project_id = 1005 "
			  . 'RETURNING 1; ROLLBACK')->{rows}, '', 'nothing is deleted there');
	$simulator->fault(status => 403, path => '^/projects/1005/', count => 0);
	MixpanelTest::error_is(
		$test->run("SELECT count(*) $members WHERE project_id = 1005"),
		'42501', 'a refusal is not an empty table');

	# What is not known is not labelled.
	$test->start_over(accounts => 6, projects => 4, organizations => 2);
	$simulator->fault(status => 403, path => '^/me', count => 0);
	is($test->rows("$label project_id = 1004"), '', 'a label that is not known');
	is($test->rows("$label service_account_id = 4 AND project_id = 1004"),
		123, 'an account of ours');
	is($test->rows("$label project_id = 1004"), 123, 'is in a project of ours');
	$test->start_over(accounts => 6, projects => 4);
	$simulator->fault(status => 500, path => '^/me', count => 0);
	$test->options(max_retries => 0);
	MixpanelTest::error_is($test->run("$label project_id = 1004"),
		'HV00M', 'a question without an answer', message => qr!/me!);
	$test->start_over(accounts => 6, projects => 4,
		epoch => '2024-01-15T10:30:00Z');
};

subtest 'membership_read' => sub {
	my $all = 'SELECT count(*), sum(project_id) FROM mp.project_memberships';
	my $sum = 0;
	my @accounts = map { "GET $org/$_/projects" } 1 .. 6;
	my @projects = map { "GET /projects/$_/service-accounts" } 1001 .. 1004;

	$sum += (split / /)[1] foreach $simulator->memberships;
	check_query($all, ["12|$sum"], [ "GET $org", @accounts ], 'auto');

	$test->options(membership_read => 'account');
	check_query($all, ["12|$sum"], [ "GET $org", @accounts ], 'account');
	check_query("$all WHERE project_id = 1004", ['2|2008'],
		[ "GET $org", @accounts ], 'account, although the project is given');

	$test->options(membership_read => 'project');
	check_query($all, ["12|$sum"],
		[ 'GET /organizations/123/projects/', "GET $me", @projects ],
		'project');
	check_query("$all WHERE service_account_id = 2", ['2|2005'],
		[ "GET $me", @projects ], 'project, although the account is given');
	check_query("$all WHERE service_account_id = 2 AND project_id = 1003",
		['1|1003'], ['GET /projects/1003/service-accounts'],
		'project, both given');

	$test->options(project_ids => '1001, 1003');
	check_query($all, ['6|6012'], [ @projects[ 0, 2 ] ], 'project_ids');
	check_query("$all WHERE project_id = 1004", ['2|2008'], [ $projects[3] ],
		'project_ids do not stand in the way of a project that is given');
	$test->default_options;
};

subtest '/me shows projects of other organizations as well' => sub {
	$test->start_over(organizations => 2);
	$test->options(membership_read => 'project');
	check_query('SELECT count(*) FROM mp.project_memberships', [12],
		[
			'GET /organizations/123/projects/', "GET $me",
			map { "GET /projects/$_/service-accounts" } 1001 .. 1004
		],
		'only those of the table\'s organization are visited');
	$test->start_over;
};

# Each is asked once, and its rows are there once.
subtest 'a list that names one twice' => sub {
	my $count = 'SELECT count(*), count(DISTINCT '
	  . '(service_account_id, project_id)) FROM mp.project_memberships';
	my $project = '{"id": 1001, "name": "P", "organization_id": 123}';
	my @projects = map { "GET /projects/$_/service-accounts" } 1001, 1003;
	my $other = '{"id": 1003, "organization_id": 123}';
	my $lists = sub {
		$simulator->fault(path => '/organizations/123/service-accounts$', count => 0,
			body => '[{"id": 2}, {"id": 3}, {"id": 2}, {"id": 2}]');
		$simulator->fault(path => '^/me', count => 0,
			body => qq({"status": "ok", "results": {"projects": )
			  . qq({"1001": $project, "1003": $other, "again": $project}}}));
		return;
	};

	$lists->();
	check_query('SELECT id FROM mp.service_accounts', [ 2, 3 ], ["GET $org"],
		'an account is one row');
	check_query('SELECT count(*) FROM mp.service_accounts a JOIN '
		  . 'mp.project_memberships m ON m.service_account_id = a.id',
		['4'], [ "GET $org", map { "GET $org/$_/projects" } 2, 3 ],
		'of accounts, joined');
	check_query($count, ['4|4'],
		[ "GET $org", map { "GET $org/$_/projects" } 2, 3 ], 'of accounts');
	check_query("$count WHERE service_account_id = 2 AND username IS NULL",
		['2|2'], [ "GET $org", "GET $org/2/projects" ],
		'of accounts, one of them given');
	check_query("BEGIN ISOLATION LEVEL REPEATABLE READ; $count; $count; COMMIT",
		[ '4|4', '4|4' ],
		[ "GET $org", map { "GET $org/$_/projects" } 2, 3 ], 'kept');
	$test->options(membership_read => 'project');
	$simulator->clear_faults;
	$simulator->fault(path => '/projects/[0-9]*/?$', status => 404, count => 0);
	$lists->();
	check_query($count, ['6|6'],
		[ 'GET /organizations/123/projects/', "GET $me", @projects ],
		'of projects');
	check_query("$count WHERE project_id = 1001 AND project_name <> ''",
		['3|3'], [ "GET $me", $projects[0] ], 'of projects, one of them given');
	$simulator->clear_faults;
	$test->start_over;
};

# A call by id does not tell them; the list that does is read as well, lest a
# condition on them miss rows.
subtest 'conditions on names' => sub {
	my $select = 'SELECT service_account_id, project_id '
	  . 'FROM mp.project_memberships WHERE';

	check_query("$select service_account_id = 2 AND username = 'bot-2' "
		  . 'ORDER BY 2',
		[ '2|1002', '2|1003' ], [ "GET $org", "GET $org/2/projects" ],
		'the username of an account that is given');
	check_query("$select service_account_id = 2 AND username <> 'bot-2'",
		[], [ "GET $org", "GET $org/2/projects" ], 'and it alone');
	check_query("$select service_account_id = 99 AND username IS NULL",
		[], [ "GET $org", "GET $org/99/projects", "GET $org/99" ],
		'an account that is not there');
	check_query("$select project_id = 1004 AND "
		  . "project_name = 'Project 1004' ORDER BY 1",
		[ '3|1004', '4|1004' ],
		[ "GET $me", 'GET /projects/1004/service-accounts' ],
		'the name of a project that is given');
	is($test->rows('SELECT count(*) FROM (VALUES (2), (3)) v (id) '
			  . 'JOIN mp.project_memberships m '
			  . 'ON m.service_account_id = v.id '
			  . "AND m.username = 'bot-' || v.id"),
		4, 'the username in a join');

	$test->start_over(document => 'bulk');
	check_query("$select project_id = 1004 AND project_name = 'Project 1004' "
		  . 'ORDER BY 1',
		[ '3|1004', '4|1004' ],
		[ "GET $me", 'GET /projects/1004/service-accounts' ],
		'the name where only /me tells it');
	$test->start_over;
};

# ---- missing routes ----

sub check_no_way
{
	my ($sql, $name, $hint) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	MixpanelTest::error_is($test->logged($sql), 'HV00M', $name,
		message => qr/^Mixpanel offers no way to read project memberships$/,
		hint => $hint);
	return;
}

foreach my $status (404, 405)
{
	my $count = 'SELECT count(*) FROM mp.project_memberships';

	subtest "a missing route answers $status" => sub {
		$test->start_over(document => 'bulk', missing_route_status => $status);
		is($test->rows($count), 12, 'bulk: all');
		is($test->fresh->rows("$count WHERE service_account_id = 2"), 2,
			'bulk: of an account');
		is($test->fresh->rows("$count WHERE service_account_id = 99"), 0,
			'bulk: of an account that is not there');

		$test->start_over(
			document => 'nested', missing_route_status => $status);
		is($test->rows($count), 12, 'nested: all');
		is($test->fresh->rows("$count WHERE project_id = 1004"), 2,
			'nested: of a project');
		is($test->fresh->rows("$count WHERE project_id = 9999"), 0,
			'nested: of a project that is not there');

		$test->start_over(document => 'docs', missing_route_status => $status);
		check_no_way($count, 'docs: all', qr/"project_ids"/);
		check_no_way("$count WHERE service_account_id = 2",
			'docs: of an account, in the same session');
		$test->fresh;
		check_no_way("$count WHERE service_account_id = 2",
			'docs: of an account');
		$test->fresh;
		check_no_way("$count WHERE project_id = 1004", 'docs: of a project');
	};

	subtest "membership_read names a route that answers $status" => sub {
		$test->start_over(document => 'bulk', missing_route_status => $status);
		$test->options(membership_read => 'account');
		check_no_way($count, 'account', qr/"membership_read" to "auto"/);
		$test->fresh;
		check_no_way("$count WHERE service_account_id = 2",
			'account, one is given', qr/"membership_read" to "auto"/);

		$test->start_over(
			document => 'nested', missing_route_status => $status);
		$test->options(membership_read => 'project', project_ids => '1001');
		check_no_way($count, 'project', qr/"membership_read" to "auto"/);
		check_no_way("$count WHERE project_id = 1001",
			'project, one is given', qr/"membership_read" to "auto"/);
	};
}

subtest 'no accounts, no projects: an empty table' => sub {
	$test->start_over(accounts => 0, projects => 0);
	check_query('SELECT * FROM mp.service_accounts', [], ["GET $org"],
		'accounts');
	check_query('SELECT * FROM mp.project_memberships', [], ["GET $org"],
		'memberships by account');
	$test->options(membership_read => 'project');
	check_query('SELECT * FROM mp.project_memberships', [],
		[ 'GET /organizations/123/projects/', "GET $me" ],
		'memberships by project');
};

subtest 'an account vanishes between the list and its projects' => sub {
	my $count = 'SELECT count(*) FROM mp.project_memberships';

	$test->start_over;
	$simulator->fault(status => 404, path => '/3/projects$');
	$simulator->fault(status => 404, path => '/3$');
	is($test->rows($count), 10, 'its rows are left out');
	is(scalar(grep { /\/3$/ } $simulator->requests), 1,
		'only once it is known to be gone');
	# Every account vanishes: the route may be there or not, no row is lost.
	$simulator->fault(status => 404, path => '/[0-9]+/projects$', count => 0);
	$simulator->fault(status => 404, path => '/service-accounts/[0-9]+$',
		count => 0);
	is($test->fresh->rows($count), 0, 'all are gone');

	# The account is there after all: the answer is not to be trusted.
	$simulator->clear_faults;
	is($test->rows("$count WHERE service_account_id = 2"), 2, 'route is known');
	$simulator->fault(status => 404, path => '/3/projects$');
	MixpanelTest::error_is($test->run($count),
		'HV00M', 'a 404 for one of several that exist is an error',
		message => qr/service account 3\b/);
};

subtest 'a project vanishes' => sub {
	$test->start_over;
	$test->options(membership_read => 'project', project_ids => '1001,7777');
	is($test->rows('SELECT count(*) FROM mp.project_memberships'), 3,
		'a project that is not there has no rows');
};

subtest 'a project that is not there, and a route that may not be' => sub {
	my $count = 'SELECT count(*) FROM mp.project_memberships';
	my $both = "$count WHERE service_account_id = 2 AND project_id = 7777";

	$test->start_over(document => 'bulk');
	is($test->rows($both), 0, 'bulk: auto, both keys are given');
	$test->options(project_ids => '7777,1001');
	is($test->fresh->rows($count), 3, 'bulk: auto, named in project_ids');
	$test->options(membership_read => 'project', project_ids => undef);
	is($test->fresh->rows("$count WHERE project_id = 7777"), 0,
		'bulk: project, the first read of the session');

	$simulator->fault(status => 404, path => '^/projects/', count => 0);
	$test->fresh;
	check_no_way("$count WHERE project_id = 7777",
		'it cannot be told from a missing route by /me alone');
	$test->options(membership_read => undef);
	check_no_way($both, 'nor where the account-wise route is missing');
};

subtest 'without /me' => sub {
	my $count = 'SELECT count(*) FROM mp.project_memberships';

	$test->start_over(document => 'bulk');
	$simulator->fault(status => 404, path => '^/me', count => 0);
	check_no_way($count, 'there is no telling which projects',
		qr/name the projects in option "project_ids"/);
	$test->options(project_ids => '1001,1002,1003,1004');
	is($test->fresh->rows($count), 12, 'project_ids says which');
	is($test->rows("$count WHERE project_id = 1004"), 2, 'one is given');
};

# ---- fan-out ----

subtest 'memberships of 200 accounts' => sub {
	my $count = 'SELECT count(*) FROM mp.project_memberships';

	$test->start_over(accounts => 200);
	$simulator->set(latency_ms => 20);
	is($test->logged($count)->{rows}, 400, 'all memberships');
	my $counts = $simulator->counts;
	is($counts->{requests}, 202,
		'202 requests: the lists of accounts and of projects, and each account');
	cmp_ok($counts->{max_concurrent}, '<=', 8, 'at most 8 at once');
	cmp_ok($counts->{max_concurrent}, '>=', 7, 'at least 7 at once');
	cmp_ok($counts->{connections}, '<=', 8, 'at most 8 connections');

	foreach my $limit (1, 3)
	{
		$simulator->set(latency_ms => 1);
		$test->options(max_concurrency => $limit);
		is($test->fresh->logged($count)->{rows}, 400, "max_concurrency $limit");
		is($simulator->counts->{max_concurrent}, $limit,
			"$limit at once");
		cmp_ok($simulator->counts->{connections}, '<=', $limit,
			'and no more connections');
	}
};

subtest 'scans of one session share the window' => sub {
	$test->start_over(accounts => 60);
	$simulator->set(latency_ms => 10);
	my $result = $test->logged(<<'SQL');
SET enable_nestloop = off;
SELECT count(*)
FROM mp.project_memberships a
FULL JOIN mp.project_memberships b USING (service_account_id, project_id);
SQL

	is($result->{rows}, 120, 'rows');
	# the list, whether projects can be listed, and each account
	is($simulator->counts->{requests}, 62, 'two scans ask once');
	cmp_ok($simulator->counts->{max_concurrent}, '<=', 8, 'at most 8 at once');
	is( $test->rows(
			'BEGIN; DECLARE a CURSOR FOR SELECT * FROM mp.project_memberships; '
			  . 'DECLARE b CURSOR FOR SELECT * FROM mp.project_memberships; '
			  . 'MOVE 3 FROM a; MOVE 3 FROM b; MOVE 3 FROM a; '
			  . 'SELECT count(*) FROM mp.project_memberships; COMMIT'),
		120,
		'two cursors that stand still do not stop a third scan');
	cmp_ok($simulator->counts->{max_concurrent}, '<=', 8, 'still');
};

subtest 'LIMIT ends a wide fan-out early' => sub {
	$test->start_over(accounts => 2000);
	$simulator->set(latency_ms => 20);
	is( scalar(
			$test->row_list('SELECT 1 FROM mp.project_memberships LIMIT 5')),
		5, 'five rows');
	cmp_ok($simulator->counts->{requests}, '<=', 40,
		'few of 2001 requests are made');
	is($test->logged('SELECT EXISTS (SELECT FROM mp.project_memberships)')
		->{rows}, 't', 'EXISTS');
	cmp_ok($simulator->counts->{requests}, '<=', 40, 'few requests, too');
};

subtest 'progress' => sub {
	$test->start_over(accounts => 30);
	$simulator->set(latency_ms => 20);
	$test->rows('SET mixpanel_sa_fdw.progress_interval = 10');
	my $result = $test->run('SELECT count(*) FROM mp.project_memberships');
	my @notices = @{ $result->{notices} };

	is($result->{rows}, 60, 'all rows');
	cmp_ok(scalar @notices, '>=', 2, 'several notices');
	is( scalar(
			grep {
				$_->{level} eq 'NOTICE'
				  && $_->{message} =~
				  /^project_memberships: \d+ of \d+ requests done$/
			} @notices),
		scalar @notices,
		'each says how many requests are done');
	my @done = map { $_->{message} =~ /: (\d+) of/ } @notices;
	is_deeply(\@done, [ sort { $a <=> $b } @done ], 'and they go on');

	$test->rows('SET mixpanel_sa_fdw.progress_interval = 0');
	$result = $test->run('SELECT count(*) FROM mp.project_memberships');
	is(scalar @{ $result->{notices} }, 0, 'none with the setting at 0');
};

# ---- lists and connections ----

subtest 'a list of 20000 accounts' => sub {
	$test->start_over(accounts => 20000, memberships_per_account => 0);
	my $result = $test->logged(
		'SELECT count(*), count(DISTINCT id), sum(id) FROM mp.service_accounts');

	is($result->{rows}, '20000|20000|' . 20000 * 20001 / 2, 'every account');
	is($simulator->counts->{requests}, 1, 'one request');
	is($test->rows('SELECT max(a.id) FROM (SELECT id FROM mp.service_accounts '
			  . 'LIMIT 10) a'),
		10, 'the first ten');
	is( $test->rows(
			'BEGIN; DECLARE c CURSOR FOR SELECT id FROM mp.service_accounts; '
			  . 'FETCH 2 FROM c; COMMIT'),
		"1\n2",
		'a cursor that is closed early');
	is($test->rows('SELECT count(*) FROM mp.service_accounts'),
		20000, 'the session reads on');
};

subtest 'rows are handed out while the list arrives' => sub {
	$test->start_over(accounts => 2000);
	$simulator->fault(hang => 'body', path => '/service-accounts$');
	my $result = $test->run("$ids id > 0 LIMIT 10");
	is(scalar(split /\n/, $result->{rows}), 10,
		'LIMIT needs no more than half a body');
	ok($simulator->wait_for_in_flight(0), 'the connection is given up');

	$simulator->clear_faults;
	$test->options(request_timeout => '2s');
	$test->rows("BEGIN; DECLARE c CURSOR FOR $ids id > 0");
	$test->rows('FETCH 1 FROM c');
	$test->rows('SELECT pg_sleep(4)');
	is(scalar(split /\n/, $test->rows('FETCH ALL FROM c')), 1999,
		'a slow reader is not taken for a slow server');
	$test->rows('COMMIT');
};

subtest 'ANALYZE of more rows than a sample has' => sub {
	$test->start_over(accounts => 2000, memberships_per_account => 0);
	my $result = $test->run('SET default_statistics_target = 1; '
		  . 'ANALYZE VERBOSE mp.service_accounts');
	is($result->{code}, '', 'ANALYZE');
	like(join("\n", map { $_->{message} } @{ $result->{notices} }),
		qr/"service_accounts": 2000 rows read, 300 rows in sample/,
		'reads all, keeps a sample');
	is($test->count_of('GET'), 1, 'in one request');
	is( $test->rows('SELECT reltuples FROM pg_class '
			  . "WHERE oid = 'mp.service_accounts'::regclass"),
		2000, 'how many there are');
	is( $test->rows('SELECT n_distinct FROM pg_stats WHERE '
			  . "(schemaname, tablename, attname) = ('mp', 'service_accounts', 'id')"),
		-1, 'ids are distinct');
	$test->rows('RESET default_statistics_target');
};

subtest 'memory' => sub {
	my $status = '/proc/self/status';
	my $peak = sub { slurp_file($status) =~ /VmHWM:\s+(\d+)/; $1 };

	plan skip_all => 'no /proc' unless -r $status;
	$test->start_over(accounts => 60000, memberships_per_account => 0);
	$status = '/proc/' . $test->session->pid . '/status';
	$test->rows("$ids username = 'bot-2'");
	my $first = $peak->();
	$test->rows('SELECT count(attrs), count(creator_email) '
		  . 'FROM mp.service_accounts') foreach 1 .. 2;
	cmp_ok($peak->() - $first, '<', 4096, 'a long list is not kept, in kB');
};

subtest 'connections are kept' => sub {
	$test->start_over(accounts => 40);
	$test->rows("$ids id = $_") foreach 1 .. 10;
	is($simulator->counts->{requests}, 10, 'ten requests');
	is($simulator->counts->{connections}, 1, 'on one connection');
	$test->rows('SELECT count(*) FROM mp.service_accounts');
	is($simulator->counts->{connections}, 1, 'a list on the same');
	$test->rows('SELECT count(*) FROM mp.project_memberships');
	cmp_ok($simulator->counts->{connections}, '<=', 8,
		'a fan-out on as many as run side by side');
	is( $test->rows(
			'SELECT requests, retries, failures, connections <= 8 '
			  . 'FROM mixpanel_sa_fdw_stats()'),
		'53|0|0|t',
		'counted');
};

subtest 'scans under way at once do not wait for one another' => sub {
	my $sql = <<'SQL';
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT count(*), sum(m.project_id)
FROM mp.service_accounts a, LATERAL (
	SELECT project_id FROM mp.project_memberships
	WHERE service_account_id = a.id OFFSET 0) m;
SQL

	$test->start_over(accounts => 2000, memberships_per_account => 1);
	$test->options(max_concurrency => 1);
	$test->run('SET statement_timeout = \'20s\'');
	my $result = $test->run($sql);
	is(MixpanelTest::describe($result), 'no error', 'a nested loop');
	like($result->{rows}, qr/^2000\|/, 'all rows');
	is($simulator->counts->{requests}, 2002,
		'one list, whether projects can be listed, and one call each');
	is($simulator->counts->{max_concurrent}, 1, 'one at a time');

	$simulator->reset(accounts => 20000, memberships_per_account => 0);
	$test->rows("BEGIN; DECLARE c CURSOR FOR $ids id > 0; MOVE 5 FROM c");
	$result = $test->run("$ids id = 7");
	is(MixpanelTest::describe($result), 'no error',
		'a list that stands half read in a cursor');
	is($result->{rows}, 7, 'does not stop another scan');
	$result = $test->run('INSERT INTO mp.service_accounts (username) '
		  . 'VALUES (\'ci\') RETURNING id, length(secret)');
	is($result->{rows}, '20001|32', 'nor a create');
	is($test->rows('FETCH 1 FROM c'), 6, 'and goes on');
	is(scalar(split /\n/, $test->rows('FETCH ALL FROM c')), 19994,
		'to its end');
	$test->rows('COMMIT');
};

subtest 'redirects from a path to the one with a slash' => sub {
	$test->start_over(trailing_slash_redirect => 'true');
	check_query("$ids id = 5", [5], [ "GET $org/5", "GET $org/5/" ],
		'is followed');
	is($test->rows('SELECT count(*) FROM mp.project_memberships'), 12,
		'in a fan-out');
};

$test->stop;
done_testing();
