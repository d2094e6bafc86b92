# Each of the API's calls, made from SQL with the default options, against a
# server that behaves as each of the three documents says, and as all of them.
# Where a document lacks a call, the fallback or the error.

use strict;
use warnings;

use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

# {o} stands for /organizations/123/service-accounts, {me} for the call of /me.
my $me = '/me?include_workspace_users=false';

my $create_described =
	q(INSERT INTO mp.service_accounts (username, role, expires, projects)
	VALUES ('ci', 'analyst', '2030-01-01 02:00+02', '[{"id":1001,"role":"admin"}]')
	RETURNING id, username, length(secret), organization_id);
my $described_body = '{"expires":"2030-01-01T00:00:00Z",'
  . '"projects":[{"id":1001,"role":"admin"}],"role":"analyst","username":"ci"}';

my $rectangle = '"projects":[{"id":1001,"role":"admin"},'
  . '{"id":1002,"role":"consumer"}],"service_account_ids":[2,3]';

my $no_way = qr/^Mixpanel offers no way to read project memberships$/;

# The seed: accounts 1 to 3 (1 logs in), projects 1001 to 1003, two memberships
# each.
my @seeded = (
	'1 1001 admin', '1 1002 analyst',
	'2 1002 analyst', '2 1003 consumer',
	'3 1001 admin', '3 1003 consumer',
);

# What is asked, and by document: calls (sorted), rows, and error if there is
# one.  "loose" where several calls run side by side and some may be given up:
# ids are left out and equal calls are counted once.  "state" is what the API
# has stored as memberships afterwards.
my @scenarios = (
	{
		name => 'list accounts',
		sql => 'SELECT id, username, name, role, expires AT TIME ZONE \'UTC\', '
		  . 'creator, creator_email, user_id, organization_id, secret '
		  . 'FROM mp.service_accounts WHERE username = \'bot-2\'',
		docs => { rows => '2|bot-2|||2024-01-14 10:30:00|7002||100002|123|' },
		nested => { rows => '2|bot-2|Bot 2||||||123|' },
		bulk => { rows => '2|bot-2|||2024-01-14 10:30:00|7002||100002|123|' },
		all => {
			rows => '2|bot-2|Bot 2|analyst|2024-01-14 10:30:00|7002'
			  . '|user-7002@example.com|100002|123|'
		},
		calls => ['GET {o} -> 200'],
	},
	{
		name => 'get account',
		sql => 'SELECT id, username, created AT TIME ZONE \'UTC\' '
		  . 'FROM mp.service_accounts WHERE id = 3',
		rows => '3|bot-3|2023-12-14 10:30:00',
		calls => ['GET {o}/3 -> 200'],
	},
	{
		name => 'create account, as the docs page and the bulk document do',
		sql => $create_described,
		rows => '4|ci|32|123',
		docs => { calls => ["POST {o} $described_body -> 200"] },
		bulk => { calls => ["POST {o} $described_body -> 201"] },
		all => { calls => ["POST {o} $described_body -> 201"] },
		nested => {
			calls => ["POST {o} $described_body -> 400"],
			error => '22023',
			message => qr|^Mixpanel refused POST /organizations/123/service-accounts with status 400$|,
			rows => '',
		},
	},
	{
		name => 'create account, as the nested document does',
		sql => 'INSERT INTO mp.service_accounts (name) VALUES (\'ci\') '
		  . 'RETURNING id, name, length(secret)',
		nested => {
			rows => '4|ci|32',
			calls => ['POST {o} {"name":"ci"} -> 200'],
		},
		all => {
			rows => '4|ci|32',
			calls => ['POST {o} {"name":"ci"} -> 201'],
		},
		calls => ['POST {o} {"name":"ci"} -> 400'],
		rows => '',
		error => '22023',
		detail => qr/^Mixpanel says: field "name" is not known$/,
	},
	{
		name => 'delete account',
		sql => 'DELETE FROM mp.service_accounts WHERE id = 3',
		rows => '',
		calls => [ 'DELETE {o}/3 -> 200', 'GET {o}/3 -> 200' ],
		state => [ grep { !/^3 / } @seeded ],
	},
	{
		name => 'an account\'s projects',
		sql => 'SELECT service_account_id, project_id, role, organization_id '
		  . 'FROM mp.project_memberships WHERE service_account_id = 2 ORDER BY 2',
		rows => "2|1002|analyst|123\n2|1003|consumer|123",
		calls => ['GET {o}/2/projects -> 200'],
		bulk => {
			calls => [
				"GET $me -> 200",
				'GET /projects/1001/service-accounts -> 200',
				'GET /projects/1002/service-accounts -> 200',
				'GET /projects/1003/service-accounts -> 200',
				'GET {o}/2 -> 200',
				'GET {o}/2/projects -> 404',
			],
		},
		docs => {
			calls => [
				"GET $me -> 404",
				'GET {o}/2 -> 200',
				'GET {o}/2/projects -> 404',
			],
			rows => '',
			error => 'HV00M',
			message => $no_way,
		},
	},
	{
		name => 'a project\'s accounts',
		sql => 'SELECT service_account_id, project_id, role, username, '
		  . 'grant_type, has_sensitive_access, organization_id '
		  . 'FROM mp.project_memberships WHERE project_id = 1003 ORDER BY 1',
		rows => "2|1003|consumer|bot-2|individual|f|123\n"
		  . '3|1003|consumer|bot-3|individual|t|123',
		calls => [
			"GET $me -> 200",
			'GET /projects/1003/service-accounts -> 200',
		],
		nested => {
			calls => [
				"GET $me -> 404",
				"GET $me -> 404",
				'GET /projects/1003/service-accounts -> 404',
				'GET {o} -> 200',
				'GET {o}/1/projects -> 200',
				'GET {o}/2/projects -> 200',
				'GET {o}/3/projects -> 200',
			],
			rows => "2|1003|consumer|bot-2|||123\n3|1003|consumer|bot-3|||123",
		},
		docs => {
			loose => 1,
			calls => [
				"GET $me -> 404",
				'GET /projects/{project}/service-accounts -> 404',
				'GET {o} -> 200',
				'GET {o}/{id} -> 200',
				'GET {o}/{id}/projects -> 404',
			],
			rows => '',
			error => 'HV00M',
			message => $no_way,
		},
	},
	{
		name => 'all memberships',
		sql => 'SELECT service_account_id, project_id, role, username '
		  . 'FROM mp.project_memberships ORDER BY 1, 2',
		rows => join("\n",
			'1|1001|admin|admin-bot.mp-service-account',
			'1|1002|analyst|admin-bot.mp-service-account',
			'2|1002|analyst|bot-2',
			'2|1003|consumer|bot-2',
			'3|1001|admin|bot-3',
			'3|1003|consumer|bot-3'),
		calls => [
			'GET {o} -> 200',
			'GET {o}/1/projects -> 200',
			'GET {o}/2/projects -> 200',
			'GET {o}/3/projects -> 200',
		],
		bulk => {
			loose => 1,
			calls => [
				"GET $me -> 200",
				'GET /projects/{project}/service-accounts -> 200',
				'GET {o} -> 200',
				'GET {o}/{id} -> 200',
				'GET {o}/{id}/projects -> 404',
			],
		},
		docs => {
			loose => 1,
			calls => [
				"GET $me -> 404",
				'GET {o} -> 200',
				'GET {o}/{id} -> 200',
				'GET {o}/{id}/projects -> 404',
			],
			rows => '',
			error => 'HV00M',
			message => $no_way,
		},
	},
	{
		name => 'add memberships',
		sql => 'INSERT INTO mp.project_memberships '
		  . '(service_account_id, project_id, role) '
		  . 'VALUES (2, 1001, \'admin\'), (2, 1002, \'consumer\'), '
		  . '(3, 1001, \'admin\'), (3, 1002, \'consumer\')',
		rows => '',
		calls => ["POST {o}/add-to-project {$rectangle} -> 200"],
		nested => {
			calls => [
				'POST {o}/2/projects {"projectId":1001,"role":"admin"} -> 200',
				'POST {o}/2/projects {"projectId":1002,"role":"consumer"} -> 200',
				'POST {o}/3/projects {"projectId":1001,"role":"admin"} -> 200',
				'POST {o}/3/projects {"projectId":1002,"role":"consumer"} -> 200',
				"POST {o}/add-to-project {$rectangle} -> 405",
			],
		},
		state => [
			'1 1001 admin', '1 1002 analyst',
			'2 1001 admin', '2 1002 consumer', '2 1003 consumer',
			'3 1001 admin', '3 1002 consumer', '3 1003 consumer',
		],
	},
	{
		name => 'add one membership',
		sql => 'INSERT INTO mp.project_memberships '
		  . '(service_account_id, project_id, role) '
		  . 'VALUES (3, 1002, \'custom role\')',
		rows => '',
		calls => [
			'POST {o}/add-to-project '
			  . '{"projects":[{"id":1002,"role":"custom role"}],'
			  . '"service_account_ids":[3]} -> 200'
		],
		nested => {
			calls => [
				'POST {o}/3/projects {"projectId":1002,"role":"custom role"} -> 200',
				'POST {o}/add-to-project '
				  . '{"projects":[{"id":1002,"role":"custom role"}],'
				  . '"service_account_ids":[3]} -> 405',
			],
		},
		state => [ sort @seeded, '3 1002 custom role' ],
	},
	{
		name => 'remove memberships',
		sql => 'DELETE FROM mp.project_memberships '
		  . 'WHERE service_account_id IN (2, 3) AND project_id IN (1001, 1003)',
		rows => '',
		calls => [
			'GET {o}/2/projects -> 200',
			'GET {o}/3/projects -> 200',
			'POST {o}/remove-from-project {"projects":'
			  . '[{"id":1001,"service_account_ids":[3]},'
			  . '{"id":1003,"service_account_ids":[2,3]}]} -> 200',
		],
		nested => {
			calls => [
				'DELETE {o}/2/projects/1003 -> 200',
				'DELETE {o}/3/projects/1001 -> 200',
				'DELETE {o}/3/projects/1003 -> 200',
				'GET {o}/2/projects -> 200',
				'GET {o}/3/projects -> 200',
				'POST {o}/remove-from-project {"projects":'
				  . '[{"id":1001,"service_account_ids":[3]},'
				  . '{"id":1003,"service_account_ids":[2,3]}]} -> 405',
			],
		},
		bulk => {
			loose => 1,
			calls => [
				"GET $me -> 200",
				'GET /projects/{project}/service-accounts -> 200',
				'GET {o}/{id} -> 200',
				'GET {o}/{id}/projects -> 404',
				'POST {o}/remove-from-project {"projects":'
				  . '[{"id":1001,"service_account_ids":[3]},'
				  . '{"id":1003,"service_account_ids":[2,3]}]} -> 200',
			],
		},
		# Nothing can be read, and both keys are given: taken to be there.
		docs => {
			loose => 1,
			calls => [
				"GET $me -> 404",
				'GET /projects/{project}/service-accounts -> 404',
				'GET {o}/{id} -> 200',
				'GET {o}/{id}/projects -> 404',
				'POST {o}/remove-from-project {"projects":'
				  . '[{"id":1001,"service_account_ids":[2,3]},'
				  . '{"id":1003,"service_account_ids":[2,3]}]} -> 200',
			],
		},
		state => [ '1 1001 admin', '1 1002 analyst', '2 1002 analyst' ],
	},
	{
		name => 'remove one membership',
		sql => 'DELETE FROM mp.project_memberships '
		  . 'WHERE service_account_id = 2 AND project_id = 1002',
		rows => '',
		calls => [
			'GET {o}/2/projects -> 200',
			'POST {o}/remove-from-project {"projects":'
			  . '[{"id":1002,"service_account_ids":[2]}]} -> 200',
		],
		nested => {
			calls => [
				'DELETE {o}/2/projects/1002 -> 200',
				'GET {o}/2/projects -> 200',
				'POST {o}/remove-from-project {"projects":'
				  . '[{"id":1002,"service_account_ids":[2]}]} -> 405',
			],
		},
		bulk => {
			calls => [
				"GET $me -> 200",
				'GET /projects/1002/service-accounts -> 200',
				'GET {o}/2 -> 200',
				'GET {o}/2/projects -> 404',
				'POST {o}/remove-from-project {"projects":'
				  . '[{"id":1002,"service_account_ids":[2]}]} -> 200',
			],
		},
		docs => {
			calls => [
				"GET $me -> 404",
				"GET $me -> 404",
				'GET /projects/1002/service-accounts -> 404',
				'GET {o}/2 -> 200',
				'GET {o}/2/projects -> 404',
				'POST {o}/remove-from-project {"projects":'
				  . '[{"id":1002,"service_account_ids":[2]}]} -> 200',
			],
		},
		state => [ grep { $_ ne '2 1002 analyst' } @seeded ],
	},
	{
		name => 'change a role',
		sql => 'UPDATE mp.project_memberships SET role = \'admin\' '
		  . 'WHERE service_account_id = 3 AND project_id = 1003',
		rows => '',
		calls => [
			'GET {o}/3/projects -> 200',
			'POST {o}/add-to-project {"projects":[{"id":1003,"role":"admin"}],'
			  . '"service_account_ids":[3]} -> 200',
		],
		nested => {
			calls => [
				'GET {o}/3/projects -> 200',
				'POST {o}/3/projects {"projectId":1003,"role":"admin"} -> 200',
				'POST {o}/add-to-project '
				  . '{"projects":[{"id":1003,"role":"admin"}],'
				  . '"service_account_ids":[3]} -> 405',
			],
		},
		bulk => {
			calls => [
				"GET $me -> 200",
				'GET /projects/1003/service-accounts -> 200',
				'GET {o}/3 -> 200',
				'GET {o}/3/projects -> 404',
				'POST {o}/add-to-project '
				  . '{"projects":[{"id":1003,"role":"admin"}],'
				  . '"service_account_ids":[3]} -> 200',
			],
		},
		docs => {
			calls => [
				"GET $me -> 404",
				"GET $me -> 404",
				'GET /projects/1003/service-accounts -> 404',
				'GET {o}/3 -> 200',
				'GET {o}/3/projects -> 404',
			],
			error => 'HV00M',
			message => $no_way,
			state => \@seeded,
		},
		state => [
			map { $_ eq '3 1003 consumer' ? '3 1003 admin' : $_ } @seeded
		],
	},
);

# The calls in the log, sorted, in the spelling of the table above.
sub sorted_calls
{
	my ($test, $loose) = @_;
	my %seen;
	my @calls = map { s|/organizations/123/service-accounts|{o}|r } $test->calls;

	if ($loose)
	{
		s|\{o\}/\d+|{o}/{id}|, s|/projects/\d+|/projects/{project}|
		  foreach @calls;
		@calls = grep { !$seen{$_}++ } @calls;
	}
	return [ sort @calls ];
}

# A scenario's own words for a document win over those for all.
sub wanted_of
{
	my ($scenario, $document) = @_;
	my $own = $scenario->{$document};
	my %wanted = %{$scenario};

	delete @wanted{qw(error message detail)} if defined $own;
	return { %wanted, %{ $own // {} } };
}

sub check_scenario
{
	my ($test, $wanted) = @_;
	my $result = $test->logged($wanted->{sql});

	# no document has the list of projects, which may be asked for before /me
	my @calls = grep { !m!^GET /organizations/123/projects/ -> 404$! }
	  @{ sorted_calls($test, $wanted->{loose}) };

	is_deeply(\@calls, $wanted->{calls}, 'calls')
	  or diag(explain(sorted_calls($test, $wanted->{loose})));
	MixpanelTest::error_is(
		$result,
		$wanted->{error} // '',
		'outcome',
		map { defined $wanted->{$_} ? ($_ => $wanted->{$_}) : () }
		  qw(message detail));
	is($result->{rows}, $wanted->{rows}, 'rows');
	is_deeply([ $test->simulator->memberships ], $wanted->{state}, 'state')
	  if defined $wanted->{state};
	return;
}

my $test = MixpanelTest->new('calls', verify => 0,
	accounts => 3, projects => 3, epoch => '2024-01-15T10:30:00Z');

foreach my $document (qw(docs nested bulk all))
{
	foreach my $scenario (@scenarios)
	{
		subtest "$document: $scenario->{name}" => sub {
			$test->start_over(document => $document);
			check_scenario($test, wanted_of($scenario, $document));
		};
	}
}

# What is learnt of missing calls is remembered in the session, and forgotten
# when the server's options change.
subtest 'a missing call is asked for once in a session' => sub {
	my $count = 'SELECT count(*) FROM mp.project_memberships '
	  . 'WHERE service_account_id = 2';
	my @by_project = map { "GET /projects/$_/service-accounts -> 200" }
	  1001 .. 1003;

	$test->start_over(document => 'bulk');
	is($test->rows($count), 2, 'read by project after all');
	is($test->logged($count)->{rows}, 2, 'read by project at once');
	is_deeply(sorted_calls($test), [ sort "GET $me -> 200", @by_project ],
		'without asking again for the account\'s projects');
	$test->options(max_retries => 2);
	is($test->logged($count)->{rows}, 2, 'after a change of options');
	is_deeply(
		sorted_calls($test),
		[
			sort "GET $me -> 200", @by_project,
			'GET /organizations/123/projects/ -> 404',
			'GET {o}/2 -> 200', 'GET {o}/2/projects -> 404'
		],
		'everything is found out anew');
};

subtest 'a missing bulk call is tried once in a session' => sub {
	my $insert = 'INSERT INTO mp.project_memberships '
	  . '(service_account_id, project_id, role) VALUES (%d, 1001, \'admin\')';

	$test->start_over(document => 'nested');
	$test->rows(sprintf $insert, 2);
	$test->logged(sprintf $insert, 3);
	is_deeply(
		sorted_calls($test),
		['POST {o}/3/projects {"projectId":1001,"role":"admin"} -> 200'],
		'the second change goes the single way at once');
};

$test->stop;
done_testing();
