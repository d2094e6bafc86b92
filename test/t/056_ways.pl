# Memberships by account or by project: whichever is cheaper, and the same rows
# by either way.

use strict;
use warnings;

use MixpanelTest;
use Test::More;

my $org = '/organizations/{org}';
my $LIST = "GET $org/service-accounts";
my $PROJECTS = "GET $org/projects/";
my $OF_ACCOUNT = "GET $org/service-accounts/{id}/projects";
my $OF_PROJECT = 'GET /projects/{project}/service-accounts';
my $test = MixpanelTest->new('ways');
my $simulator = $test->simulator;
my $all = 'SELECT service_account_id, project_id, role, project_name, '
  . 'username FROM mp.project_memberships';

# Begin in a session that has learnt nothing.
sub begin
{
	$test->fresh->start_over(projects_route => JSON::PP::true, @_);
	return;
}

# Run a statement; its rows in order, and the requests by call.
sub measure
{
	my ($sql) = @_;
	my $result = $test->logged($sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(MixpanelTest::describe($result), 'no error', 'no error');
	return (join("\n", sort split /\n/, $result->{rows}), $simulator->counts);
}

sub calls_are
{
	my ($sql, $calls, $name) = @_;
	my ($rows, $counts) = measure($sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_deeply($counts->{by_call}, $calls, $name);
	return $rows;
}

# The same rows as if the organization's projects could not be listed.
sub same_rows
{
	my ($sql, $calls, $name) = @_;
	my $rows = calls_are($sql, $calls, $name);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$test->options(membership_read => 'account');
	is($rows, (measure($sql))[0], "$name: the same as by account");
	$test->options(membership_read => undef);
	return $rows;
}

subtest '1,000 accounts in 20 projects' => sub {
	begin(accounts => 1000, projects => 20);
	$simulator->set(latency_ms => 200);
	my ($rows, $counts) = measure("SELECT count(*) FROM ($all) m");
	is($rows, 2000, 'rows');
	is_deeply($counts->{by_call},
		{ $PROJECTS => 1, $LIST => 1, $OF_PROJECT => 20 }, '22 requests');
	cmp_ok($counts->{max_concurrent}, '<=', 8, 'at most 8 at once');
	# 20 requests in three round trips
	cmp_ok($counts->{max_concurrent}, '>=', 7, 'the window is made use of');

	calls_are($all, { $PROJECTS => 1, $OF_PROJECT => 20 },
		'once that is known, 21');
	like($test->rows("EXPLAIN (COSTS OFF) $all"),
		qr!Request: GET /organizations/123/projects/\n.*Request: GET /projects/!,
		'EXPLAIN says so');
	$simulator->set(latency_ms => 0);
	same_rows($all, { $PROJECTS => 1, $OF_PROJECT => 20 }, 'all');
};

# The requests of a statement's first round trip: none of them is answered.
sub first_round
{
	my ($sql, $count) = @_;

	$simulator->set(latency_ms => 600_000);
	$simulator->clear_log;
	$test->session->begin($sql);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($simulator->wait_for_in_flight($count), "$count at once");
	my $calls = $simulator->counts->{by_call};
	$test->node->safe_psql('postgres',
		'SELECT pg_cancel_backend(' . $test->session->pid . ')');
	MixpanelTest::error_is($test->session->end, '57014', 'cancelled');
	$simulator->set(latency_ms => 0);
	return $calls;
}

subtest 'both lists at once' => sub {
	begin(accounts => 40, projects => 3);
	$test->rows('ANALYZE mp.project_memberships');
	$test->fresh;
	is_deeply(first_round($all, 2), { $LIST => 1, $PROJECTS => 1 },
		'many memberships were found by ANALYZE');
	same_rows($all, { $LIST => 1, $PROJECTS => 1, $OF_PROJECT => 3 },
		'after the cancel');

	begin(accounts => 10, projects => 3, memberships_per_account => 1);
	$test->rows('ANALYZE mp.project_memberships');
	$test->fresh;
	calls_are($all, { $LIST => 1, $OF_ACCOUNT => 10 },
		'few: the list of projects is not asked for');
	$test->node->safe_psql('postgres',
		'UPDATE pg_class SET reltuples = -1 '
		  . q(WHERE oid = 'mp.project_memberships'::regclass));
	$test->fresh;
	is_deeply(first_round($all, 1), { $LIST => 1 },
		'not analyzed: the list of accounts comes first');
};

# ---- the same rows, whatever the server has ----

my $random = $ENV{MP_SEED} // 20_261_128;
srand $random;
note("MP_SEED=$random");

# Memberships that no rule made, some of them by team and organization.
sub seed_at_random
{
	my ($accounts, $projects) = @_;
	my %seen;
	my @members;

	foreach (1 .. 3 * $accounts)
	{
		my ($account, $project) =
		  (1 + int(rand $accounts), 1001 + int(rand $projects));
		my $type = (undef, undef, undef, 'team', 'organization')[ rand 5 ];

		next if $seen{"$account $project " . ($type // '')}++;
		push @members,
		  [ $account, $project, (qw(admin analyst consumer owner))[ rand 4 ],
			$type ];
	}
	$simulator->add_memberships(@members);
	my @rows = map { my @m = split / /; "($m[0], $m[1], '$m[2]')" }
	  $simulator->memberships;
	$test->rows(<<"SQL");
DROP TABLE IF EXISTS members, wanted;
CREATE TABLE members (service_account_id bigint, project_id bigint, role text);
INSERT INTO members VALUES @{[ join ', ', @rows ]};
CREATE TABLE wanted AS SELECT id FROM generate_series(2, $accounts, 2) id;
ANALYZE wanted;
SQL
	return;
}

my %queries = (
	'all' => 'SELECT @ FROM #',
	'a list of accounts' =>
	  'SELECT @ FROM # WHERE service_account_id = ANY (ARRAY(SELECT id FROM wanted))',
	'a join' => 'SELECT @ FROM # m JOIN wanted w ON w.id = m.service_account_id',
	'a semi-join' =>
	  'SELECT @ FROM # WHERE service_account_id IN (SELECT id FROM wanted)',
	'accounts and projects' =>
	  'SELECT @ FROM # WHERE project_id IN (1001, 1003) '
	  . 'AND service_account_id = ANY (ARRAY(SELECT id FROM wanted))',
	'a role' => q(SELECT @ FROM # WHERE role = 'admin'),
);

sub query_of
{
	my ($name, $table) = @_;

	return $queries{$name} =~ s/@/service_account_id, project_id, role/r
	  =~ s/#/$table/r;
}

foreach my $document (qw(nested bulk all))
{
	subtest "random memberships, document $document" => sub {
		foreach my $projects (3, 12)
		{
			begin(accounts => 60, projects => $projects,
				document => $document, memberships_per_account => 0);
			seed_at_random(60, $projects);
			foreach my $name (sort keys %queries)
			{
				my ($rows) = measure(query_of($name, 'mp.project_memberships'));
				my ($local) = measure(query_of($name, 'members'));

				is($rows, $local, "$projects projects: $name");
			}
		}
	};
}

subtest 'own changes' => sub {
	begin(accounts => 60, projects => 4, memberships_per_account => 0);
	seed_at_random(60, 4);
	my %grants;
	push @{ $grants{ (split / /)[0] } }, (split / /)[3] // ''
	  foreach grep { / 1001 / } $simulator->memberships;
	my $single = join ', ', grep { "@{ $grants{$_} }" eq '' } sort keys %grants;
	my $change = <<"SQL";
BEGIN;
INSERT INTO mp.project_memberships (service_account_id, project_id, role)
	SELECT id, 1002, 'new' FROM wanted WHERE id < 20;
DELETE FROM mp.project_memberships WHERE project_id = 1001
	AND service_account_id IN ($single);
DELETE FROM mp.service_accounts WHERE id IN (3, 5);
INSERT INTO mp.service_accounts (username) VALUES ('young') RETURNING length(secret);
INSERT INTO mp.project_memberships (service_account_id, project_id, role)
	SELECT max(id), 1003, 'mine' FROM mp.service_accounts;
SQL
	my %by;
	foreach my $way (undef, 'account')
	{
		foreach my $lag (0, 1)
		{
			$test->options(membership_read => $way);
			$simulator->set(list_lag_requests => $lag * 1000);
			$test->rows($change);
			my ($rows, $counts) = measure(
				query_of('all', 'mp.project_memberships'));
			$by{$lag}{ $way // 'auto' } = $rows =~ s/^\d+\|1003\|mine$/mine/mr;
			is($counts->{by_call}{$OF_PROJECT} // 0, defined $way ? 0 : 4,
				'which way it is');
			$test->rows('ROLLBACK');
			$simulator->set(list_lag_requests => 0);
		}
	}
	is($by{$_}{auto}, $by{$_}{account}, "the same by either way, lag $_")
	  foreach 0, 1;
	like($by{1}{auto}, qr/^mine$/m, 'the young account is seen');
	unlike($by{0}{auto}, qr/^[35]\|/m, 'those deleted are not');
};

# ---- what stands in the way ----

subtest 'no list of projects' => sub {
	my $body = { results => [ { id => 1001, name => 'one' } ], next => '/2' };
	my %fault = (
		'404' => { status => 404 },
		'405' => { status => 405 },
		'403' => { status => 403 },
		'400' => { status => 400 },
		'further pages' => { content_type => 'application/json',
			body => $body },
		'no JSON' => { body => 'oops' },
		'another shape' => { content_type => 'application/json',
			body => { results => [ { name => 'one' } ] } },
	);

	foreach my $name (sort keys %fault)
	{
		begin(accounts => 30, projects => 3);
		$simulator->fault(path => '/projects/$', %{ $fault{$name} },
			count => 0);
		calls_are($all, { $PROJECTS => 1, $LIST => 1, $OF_ACCOUNT => 30 },
			"$name: by account");
		calls_are($all, { $LIST => 1, $OF_ACCOUNT => 30 },
			"$name: which is remembered");
	}
	begin(accounts => 30, projects => 3);
	$simulator->fault(path => '/projects/$', status => 500, count => 0);
	$test->options(max_retries => 0);
	calls_are($all, { $PROJECTS => 1, $LIST => 1, $OF_ACCOUNT => 30 },
		'500: by account');
	begin(accounts => 30, projects => 3);
	$simulator->fault(path => '/projects/$', status => 401, count => 0);
	MixpanelTest::error_is($test->run($all), '28000',
		'credentials that are refused');
};

subtest 'a project that is refused' => sub {
	foreach my $status (400, 401, 403)
	{
		# before any row, and after some of them
		foreach my $late (0, 1)
		{
			begin(accounts => 60, projects => 5);
			my $whole = (measure($all))[0];

			$test->fresh;
			$test->options(max_concurrency => 1) if $late;
			$simulator->fault(path => '^/projects/'
				  . ($late ? 1004 : 1001) . '/', status => $status,
				count => 0);
			my ($rows, $counts) = measure($all);
			is($rows, $whole, "$status, late $late: all rows");
			is($counts->{by_call}{$OF_ACCOUNT}, 60, 'by account in the end');
			($rows, $counts) = measure($all);
			is($rows, $whole, 'and again');
			is($counts->{by_call}{$OF_PROJECT} // 0, 0,
				'which was remembered');
			$test->options(max_concurrency => undef);
		}
	}
};

subtest 'a project that is gone in the meantime' => sub {
	foreach my $project (1001, 1004)
	{
		begin(accounts => 60, projects => 5);
		$test->options(max_concurrency => 1);
		my ($whole) = measure("$all WHERE project_id <> $project");

		$test->fresh;
		$simulator->fault(path => '/projects/$', nth => 2,
			content_type => 'application/json',
			body => { results => [
					map { { id => $_, name => "Project $_" } }
					grep { $_ != $project } 1001 .. 1005 ] });
		$simulator->fault(path => "^/projects/$project/", status => 404,
			count => 0);
		my ($rows, $counts) = measure($all);
		is($rows, $whole, "$project: the others' rows");
		is($counts->{by_call}{$OF_ACCOUNT} // 0, 0, 'by project');
	}
};

subtest 'what may not be decided by projects' => sub {
	begin(accounts => 60, projects => 3);
	$test->rows("SELECT count(*) FROM ($all) m");
	calls_are("$all WHERE service_account_id = 5", { $OF_ACCOUNT => 1 },
		'one account');
	calls_are("$all WHERE service_account_id IN (5, 6) AND project_id = 1001",
		{ $OF_ACCOUNT => 2 }, 'a few of one project');
	calls_are("$all WHERE username = 'bot-5'", { $LIST => 1,
			$OF_ACCOUNT => 60 }, 'a name');
	$test->options(project_ids => '1001');
	is((measure("SELECT count(*) FROM ($all) m"))[0], 120,
		'project_ids is for those who read by project only');
};

subtest 'a long list of accounts' => sub {
	my $some = 'SELECT count(*) FROM mp.project_memberships '
	  . 'WHERE service_account_id BETWEEN 0 AND 500 AND '
	  . 'service_account_id = ANY (ARRAY(SELECT generate_series(1, 200)))';

	begin(accounts => 300, projects => 5);
	my ($rows, $counts) = measure($some);
	is($rows, 400, 'rows');
	is_deeply($counts->{by_call}, { $PROJECTS => 1, $OF_PROJECT => 5 },
		'by project');
	$test->options(max_concurrency => 1);
	$test->rows('SET mixpanel_sa_fdw.max_requests = 10');
	is((measure($some))[0], 400, 'within the limit of requests');
	$test->rows('RESET mixpanel_sa_fdw.max_requests');
	$simulator->set(projects_route => JSON::PP::false);
};

subtest 'a statement of REPEATABLE READ after another' => sub {
	begin(accounts => 60, projects => 3);
	$test->rows('BEGIN ISOLATION LEVEL REPEATABLE READ');
	my ($first) = measure($all);
	$simulator->add_memberships([ 7, 1003, 'owner' ]);
	is_deeply([ measure($all) ]->[0], $first, 'the same');
	calls_are("$all WHERE service_account_id = 7", {}, 'nothing is asked');
	$test->rows('COMMIT');

	$test->rows('BEGIN ISOLATION LEVEL REPEATABLE READ');
	my ($seven) = measure("$all WHERE service_account_id = 7");
	$simulator->add_memberships([ 7, 1001, 'owner' ]);
	my ($rows) = measure($all);
	is(scalar(grep { /^7\|/ } split /\n/, $rows),
		scalar(split /\n/, $seven), 'what was read by account stays');
	$test->rows('COMMIT');
};

subtest 'names in REPEATABLE READ' => sub {
	begin(accounts => 30, projects => 1);
	# a project's list that leaves the names out
	$simulator->fault(path => '^/projects/1001/', count => 0,
		content_type => 'application/json',
		body => { results => [ map { { id => $_, role => 'admin' } } 2 .. 30 ] });
	$test->rows('BEGIN ISOLATION LEVEL REPEATABLE READ');
	calls_are($all, { $LIST => 1, $PROJECTS => 1, $OF_PROJECT => 1 },
		'by project');
	is((measure("$all WHERE username = 'bot-5'"))[0] =~ /^5\|/, 1,
		'a name is looked for in the list of accounts');
	$test->rows('COMMIT');
};

$test->stop;
done_testing();
