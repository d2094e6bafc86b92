# The API simulator itself: its calls, in each document, and its strictness.
# Needs no PostgreSQL.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use JSON::PP ();
use MixpanelSimulator;
use Test::More;

my $org = '/organizations/123/service-accounts';
my $sim = MixpanelSimulator->start(
	epoch => '2024-01-15T10:30:00Z',
	accounts => 5);

# Status of a call, for the shortest of assertions.
sub status_of
{
	return $sim->api(@_)->{status};
}

sub error_of
{
	my $answer = $sim->api(@_);
	return "$answer->{status} " . ($answer->{json}{error} // '');
}

sub create
{
	my ($body) = @_;
	return $sim->api('POST', $org, $body);
}

subtest 'the docs page' => sub {
	$sim->reset(document => 'docs');

	my $list = $sim->api('GET', $org);
	is($list->{status}, 200, 'list');
	is($list->{json}{status}, 'ok', 'in an envelope');
	is(scalar @{ $list->{json}{results} }, 5, 'all accounts');
	is_deeply(
		$list->{json}{results}[1],
		{
			id => 2,
			username => 'bot-2',
			last_used => '2024-01-15T09:30:00Z',
			expires => '2024-01-14T10:30:00Z',
			creator => 7002,
			created => '2023-12-15T10:30:00Z',
			user => 100002,
		},
		'the fields of D');

	my $made = create({
			username => 'data-pipeline-bot',
			role => 'admin',
			expires => '2025-12-31T23:59:59.25+01:00',
			projects =>
			  [ { id => 1001, role => 'admin' }, { id => 1003 } ],
		});
	my $record = $made->{json}{results};
	is($made->{status}, 200, 'create');
	is($record->{id}, 6, 'the next id');
	like($record->{token}, qr/^[0-9a-f]{32}$/, 'a token');
	is($record->{expires}, '2025-12-31T22:59:59.250000Z', 'in UTC');
	is_deeply(
		[ grep { /^6 / } $sim->memberships ],
		[ '6 1001 admin', '6 1003 consumer' ],
		'created with projects');

	my $got = $sim->api('GET', "$org/6");
	is($got->{json}{username}, 'data-pipeline-bot', 'get is bare');
	ok(!exists $got->{json}{token}, 'the token is shown once');

	is(status_of('GET', "$org/6/projects"), 404, 'no list of projects');
	is(status_of('GET', '/projects/1001/service-accounts'),
		404, 'no list by project');
	is(status_of('GET', '/me'), 404, 'no /me');

	my $added = $sim->api(
		'POST',
		"$org/add-to-project",
		{
			projects => [
				{ id => 1002, role => 'analyst' },
				{ id => 1005, role => 'own-role' }
			],
			service_account_ids => [ 5, 6 ]
		});
	is($added->{content}, '{"status":"ok"}', 'add');
	is_deeply(
		[ grep { / (?:1002|1005) / } grep { /^[56] / } $sim->memberships ],
		[
			'5 1002 analyst',
			'5 1005 own-role',
			'6 1002 analyst',
			'6 1005 own-role'
		],
		'every account in every project');

	my $removed = $sim->api(
		'POST',
		"$org/remove-from-project",
		{
			projects => [
				{ id => 1002, service_account_ids => [ 5, 6 ] },
				{ id => 1005, service_account_ids => [5] }
			]
		});
	is($removed->{content}, '{"status":"ok"}', 'remove');
	is_deeply(
		[ grep { / (?:1002|1005) / } grep { /^[56] / } $sim->memberships ],
		['6 1005 own-role'], 'what was named is gone');

	my $deleted = $sim->api('DELETE', "$org/6");
	is("$deleted->{status} $deleted->{content}",
		'200 {"status":"ok"}', 'delete');
	is(scalar(grep { /^6 / } $sim->memberships), 0, 'with memberships');
	is(error_of('DELETE', "$org/6"),
		'404 service account 6 does not exist', 'gone');
	is(status_of('GET', "$org/6"), 404, 'gone for get');
	is(create({ username => 'y' })->{json}{results}{id}, 7,
		'an id is not used twice');
};

subtest 'the nested document' => sub {
	$sim->reset(document => 'nested');

	my $list = $sim->api('GET', $org);
	is_deeply([ sort keys %{ $list->{json} } ],
		['results'], 'list in results');
	is_deeply(
		$list->{json}{results}[1],
		{
			id => 2,
			name => 'Bot 2',
			username => 'bot-2',
			organizationId => 123,
			createdAt => '2023-12-15T10:30:00Z',
		},
		'the fields of N');

	my $made = create({ name => 'Reporter' });
	is($made->{status}, 200, 'create');
	is($made->{json}{username}, 'Reporter', 'the name as it is');
	like($made->{json}{secret}, qr/^[0-9a-f]{32}$/, 'a secret');
	is($sim->api('GET', "$org/6")->{json}{name}, 'Reporter', 'get is bare');

	my $added = $sim->api('POST', "$org/6/projects",
		{ projectId => 1004, role => 'analyst' });
	is("$added->{status} $added->{content}", '200 ', 'add, empty body');
	is_deeply(
		$sim->api('GET', "$org/6/projects")->{json},
		{
			results => [
				{
					projectId => 1004,
					projectName => 'Project 1004',
					role => 'analyst'
				}
			]
		},
		'list of projects');
	is(status_of('DELETE', "$org/6/projects/1004"), 200, 'remove');
	is(status_of('DELETE', "$org/6/projects/1004"), 404, 'removed');
	is(status_of('DELETE', "$org/6/projects/9"), 404, 'unknown project');

	my $bad = create({ username => 'x' });
	is("$bad->{status} $bad->{content}", '400 ', 'errors have no body');
	is($sim->log->[-1]{error}, 'field "username" is not known',
		'the log knows the reason');
	my $deleted = $sim->api('DELETE', "$org/6");
	is("$deleted->{status} $deleted->{content}", '200 ', 'delete');

	is(status_of('GET', '/projects/1001/service-accounts'),
		404, 'no list by project');
	is(status_of('GET', '/me'), 404, 'no /me');
	my $bulk = $sim->api('POST', "$org/add-to-project", {});
	is("$bulk->{status} $bulk->{headers}{allow}",
		'405 GET, DELETE', 'bulk calls meet the path of an account');
	$sim->set(missing_route_status => 404);
	is(status_of('POST', "$org/add-to-project", {}), 404, 'or none');
	$sim->set(missing_route_status => 405);
	is(status_of('GET', '/me'), 405, 'or all are 405');
	is(status_of('GET', '/nonsense'), 404, 'but for what no document has');
};

subtest "Mixpanel's own document" => sub {
	$sim->reset(document => 'bulk');

	is(create({ username => 'x' })->{status}, 201, 'create answers 201');
	is(error_of('GET', "$org/99"),
		'404 service account 99 does not exist', 'errors have a body');
	is(status_of('GET', "$org/1/projects"), 404, 'no nested calls');
	is(
		status_of(
			'POST', "$org/1/projects", { projectId => 1001, role => 'admin' }
		),
		404,
		'not even to write');

	my $members = $sim->api('GET', '/projects/1002/service-accounts');
	is($members->{json}{status}, 'ok', 'list by project');
	is_deeply([ map { $_->{id} } @{ $members->{json}{results} } ],
		[ 1, 2 ], 'its members');
	is_deeply(
		$members->{json}{results}[1],
		{
			id => 2,
			username => 'bot-2',
			last_used => '2024-01-15T09:30:00Z',
			expires => '2024-01-14T10:30:00Z',
			creator => 7002,
			created => '2023-12-15T10:30:00Z',
			user => 100002,
			hasSensitiveAccess => JSON::PP::true,
			role => 'analyst',
			role_order => 3,
			target_type => 'individual',
			email => 'account-2@example.com',
		},
		'the fields of B');
	is(status_of('GET', '/projects/9/service-accounts'), 404, 'no project');

	my $me = $sim->api('GET', '/me?include_workspace_users=false');
	is_deeply([ keys %{ $me->{json}{results}{organizations} } ],
		['123'], 'my organizations');
	is_deeply($me->{json}{results}{projects}{1002},
		{ id => 1002, name => 'Project 1002', organization_id => 123 },
		'my projects');
};

subtest 'everything at once' => sub {
	$sim->reset(document => 'all');

	my $made = create({ username => 'u', name => 'N', role => 'owner' });
	is($made->{status}, 201, 'create');
	is_deeply(
		[ @{ $made->{json}{results} }{qw(username name role organizationId)} ],
		[ 'u', 'N', 'owner', 123 ], 'all fields');
	is(create({ name => 'only' })->{json}{results}{username},
		'only', 'a name alone');
	is(
		error_of('POST', $org, { role => 'admin' }),
		'400 one of "username" and "name" is required', 'one is needed');
	is($sim->api('GET', "$org/1/projects")->{json}{status},
		'ok', 'nested calls, with envelope');
	is($sim->api('GET', '/projects/1001/service-accounts')
		  ->{json}{results}[0]{projectName},
		'Project 1001', 'project names');
	is(status_of('GET', '/me'), 200, 'and /me');
};

subtest 'routes' => sub {
	$sim->reset;

	my $answer = $sim->api('PUT', "$org/1");
	is("$answer->{status} $answer->{headers}{allow}",
		'405 GET, DELETE', 'wrong method');
	is($sim->api('GET', "$org/add-to-project")->{headers}{allow},
		'POST', 'a literal path goes before an id');
	is(status_of('GET', $_), 404, $_)
	  foreach "$org/x1", "$org/1.0", "$org/-1", "$org/01", "$org/",
	  "$org/1/", "/organizations/abc/service-accounts", '/',
	  "$org/99999999999999999999", '/organizations/123';

	my $socket = $sim->open_socket;
	syswrite $socket, "GET /me HTTP/1.0\r\n\r\n";
	like((MixpanelSimulator::read_all($socket))[0], qr/ 404 /, 'nothing outside /api/app');
	is(error_of('GET', "$org?page=2"),
		'400 query "page=2" is not known', 'unknown query');

	$sim->reset(trailing_slash_redirect => JSON::PP::true);
	my ($bytes) = $sim->exchange(1, 'GET', "$org/1", 'Connection: close');
	like($bytes, qr/ 301 /, 'redirect to the slash');
	like($bytes, qr{^Location: /api/app\Q$org\E/1/\r$}m, 'location');
	is(status_of('GET', "$org/1/"), 200, 'which is answered');
};

subtest 'who may do what' => sub {
	$sim->reset(organizations => 2);
	$sim->add_accounts(
		{ id => 50, username => 'reader', secret => 's', role => 'analyst' },
		{
			username => 'old',
			secret => 's',
			role => 'admin',
			expires => '2020-01-01T00:00:00Z'
		},
		{
			username => 'other',
			secret => 's',
			role => 'admin',
			organization_id => 124
		});

	my $none = $sim->api('GET', $org, undef, without => ['Authorization']);
	is($none->{status}, 401, 'no credentials');
	like($none->{headers}{'www-authenticate'}, qr/^Basic/, 'a challenge');
	is($sim->api('GET', $org, undef, login => $_)->{status}, 401, "login $_")
	  foreach 'admin-bot.mp-service-account:no', 'reader:', ':', 'x', 'old:s';
	is(
		$sim->api('GET', $org, undef,
			headers => { Authorization => 'Basic %%' })->{status},
		401,
		'no base64');
	is($sim->api('GET', $org, undef, login => 'bot-5:secret-5')->{status},
		200, 'a seeded account');

	my @reader = (login => 'reader:s');
	is($sim->api('GET', $org, undef, @reader)->{status}, 200, 'may read');
	is($sim->api('DELETE', "$org/2", undef, @reader)->{status},
		403, 'may not delete');
	is($sim->api('POST', $org, { username => 'x' }, @reader)->{status},
		403, 'may not create');

	my $other = '/organizations/124/service-accounts';
	is($sim->api('GET', $other)->{json}{results}[0]{id}, 6,
		'the admin is everywhere');
	is($sim->api('GET', $other, undef, @reader)->{status},
		403, 'others are not');
	is(status_of('GET', '/organizations/9/service-accounts'),
		403, 'no such organization');
	is(status_of('GET', "$other/1"), 404, 'an account of another one');
	is($sim->api('GET', '/me', undef, @reader)
		  ->{json}{results}{organizations}{124},
		undef, '/me shows one');
	$sim->set(admin_everywhere => JSON::PP::false);
	is(status_of('GET', $other), 403, 'unless switched off');
	is(status_of('GET', '/projects/1006/service-accounts'),
		403, 'nor its projects');
	is($sim->api('GET', $other, undef, login => 'other:s')->{status},
		200, 'which has its own admin');

	is(status_of('DELETE', "$org/1"), 200, 'an admin may delete itself');
	is(status_of('GET', $org), 401, 'and is gone then');

	$sim->reset(accounts => 0);
	is_deeply($sim->api('GET', $org)->{json}{results},
		[], 'an empty organization can be read');
	is(create({ username => 'first' })->{json}{results}{id}, 1, 'id 1');
};

subtest 'strictness' => sub {
	$sim->reset;

	my ($bytes) = $sim->exchange(1, 'GET', $org, 'Connection: close',
		'Content-Type: application/json', 'Content-Length: 0');
	like($bytes, qr/ 200 /, 'a content type without a body is no harm');
	is(error_of('GET', $org, {}), '400 GET takes no body', 'body on GET');
	is(error_of('DELETE', "$org/2", {}),
		'400 DELETE takes no body', 'body on DELETE');
	is(
		$sim->api('POST', $org, { username => 'x' },
			without => ['Content-Type'])->{json}{error},
		'Content-Type must be application/json',
		'no content type (HTTP::Tiny then names another)');
	is(
		$sim->api(
			'POST', $org,
			{ username => 'x' },
			headers => { 'Content-Type' => 'application/jsonp' })->{status},
		400,
		'wrong content type');
	is(
		$sim->api(
			'POST', $org,
			{ username => 'x' },
			headers => { 'Content-Type' => 'Application/JSON;charset=utf-8' })
		  ->{status},
		201,
		'with a charset');

	my %bad = (
		'{"username":"a","username":"b"}' => qr/duplicate/,
		'{"username":"a"' => qr/no valid JSON/,
		'[]' => qr/the body must be an object/,
		'"x"' => qr/the body must be an object/,
		'{}' => qr/one of "username" and "name"/,
		'{"username":1}' => qr/field "username" must be a string/,
		'{"username":""}' => qr/field "username" must not be empty/,
		'{"username":null}' => qr/field "username" must be a string/,
		'{"username":"a","id":1}' => qr/field "id" is not known/,
		'{"username":"a","role":1}' => qr/field "role" must be a string/,
		'{"username":"a","expires":"tomorrow"}' => qr/RFC 3339/,
		'{"username":"a","expires":"2024-02-30T00:00:00Z"}' => qr/RFC 3339/,
		'{"username":"a","expires":"2024-02-03 00:00:00Z"}' => qr/RFC 3339/,
		'{"username":"a","expires":"2024-02-03T00:00:00"}' => qr/RFC 3339/,
		'{"username":"a","expires":"2024-02-03T00:00:00+0100"}' =>
		  qr/RFC 3339/,
		'{"username":"a","expires":null}' => qr/"expires" must be a string/,
		'{"username":"a","projects":[]}' => qr/"projects" must not be empty/,
		'{"username":"a","projects":{}}' => qr/"projects" must be an array/,
		'{"username":"a","projects":[{"role":"admin"}]}' =>
		  qr/"projects\[0\].id" is required/,
		'{"username":"a","projects":[{"id":"1001"}]}' =>
		  qr/"projects\[0\].id" must be an integer/,
		'{"username":"a","projects":[{"id":1001,"x":1}]}' =>
		  qr/"projects\[0\].x" is not known/,
		'{"username":"a","projects":[{"id":1001},{"id":1001}]}' =>
		  qr/"projects\[1\]" is there twice/,
		'{"username":"a","projects":[{"id":9}]}' => qr/project 9 does not/,
		'' => qr/no valid JSON/,
	);
	my $before = $sim->state;

	foreach my $body (sort keys %bad)
	{
		my $answer = $sim->api('POST', $org, $body);
		is($answer->{status}, 400, $body);
		like($answer->{json}{error}, $bad{$body}, 'says why');
	}
	is_deeply($sim->state, $before, 'nothing was created');

	my $add = "$org/add-to-project";
	is(
		error_of(
			'POST', $add,
			{
				projects => [ { id => 1001 } ],
				service_account_ids => [1]
			}),
		'400 field "projects[0].role" is required',
		'role is required to add');
	is(
		error_of(
			'POST', $add,
			{
				projects => [ { id => 1001, role => 'admin' } ],
				service_account_ids => []
			}),
		'400 field "service_account_ids" must not be empty',
		'empty array');
	is(
		error_of(
			'POST', $add,
			{
				projects => [ { id => 1001, role => 'admin' } ],
				service_account_ids => [ 1, 1 ]
			}),
		'400 field "service_account_ids[1]" is there twice',
		'repeated id');
	is(
		error_of(
			'POST', "$org/remove-from-project",
			{ projects => [ { id => 1001, service_account_ids => [0] } ] }),
		'400 field "projects[0].service_account_ids[0]" is out of range',
		'id out of range');
	is(
		error_of(
			'POST', "$org/2/projects",
			{ projectId => 1001.5, role => 'admin' }),
		'400 field "projectId" must be an integer',
		'a fraction');

	$sim->set(custom_roles => JSON::PP::false);
	is(error_of('POST', $org, { username => 'a', role => 'boss' }),
		'400 field "role" is not a known role', 'custom roles switched off');
	$sim->set(document => 'nested');
	is(
		status_of(
			'POST', "$org/2/projects", { projectId => 1001, role => 'owner' }
		),
		400,
		'N knows no owner');
};

subtest 'membership rules' => sub {
	$sim->reset;
	my $before = [ $sim->memberships ];
	my $bulk_add = sub {
		my ($projects, $ids) = @_;
		return error_of(
			'POST',
			"$org/add-to-project",
			{
				projects =>
				  [ map { { id => $_, role => 'consumer' } } @$projects ],
				service_account_ids => $ids
			});
	};
	my $bulk_remove = sub {
		my (%ids) = @_;
		return error_of(
			'POST',
			"$org/remove-from-project",
			{
				projects => [
					map { { id => $_ + 0, service_account_ids => $ids{$_} } }
					sort keys %ids
				]
			});
	};

	is($bulk_add->([ 1001, 9 ], [1]), '404 project 9 does not exist',
		'add to an unknown project');
	is($bulk_add->([1001], [ 2, 99 ]),
		'404 service account 99 does not exist',
		'add an unknown account');
	is($bulk_remove->(1001 => [1], 9 => [1]),
		'404 project 9 does not exist',
		'remove from an unknown project');
	is(
		$bulk_remove->(1001 => [1], 1002 => [99]),
		'404 service account 99 does not exist',
		'remove an unknown account');
	is_deeply([ $sim->memberships ], $before, 'all or nothing');

	is($bulk_add->([1001], [1]), '200 ', 'add a member again');
	is(($sim->memberships)[0], '1 1001 consumer', 'sets the role');
	is($bulk_remove->(1001 => [ 1, 3 ]), '200 ', 'remove a stranger');
	$before = [ $sim->memberships ];
	$sim->set(absent_member_status => 404);
	is(
		$bulk_remove->(1001 => [3], 1002 => [1]),
		'404 service account 3 is not in project 1001',
		'refused if so switched');
	$sim->set(absent_member_status => 400);
	like($bulk_remove->(1002 => [1], 1001 => [3]), qr/^400/, 'or 400');
	is_deeply([ $sim->memberships ], $before, 'all or nothing');

	my $single = sub {
		return status_of('POST', "$org/2/projects",
			{ projectId => $_[0], role => 'admin' });
	};
	is($single->(1002), 200, 'add one again');
	ok((grep { $_ eq '2 1002 admin' } $sim->memberships), 'sets the role');
	is($single->(9), 404, 'add one to an unknown project');
	foreach my $status (409, 400)
	{
		$sim->set(existing_member_status => $status);
		is($single->(1002), $status, "switched to $status");
	}
	is($single->(1005), 200, 'not for a new member');

	is(create({ username => 'bot-2' })->{status}, 201, 'a username twice');
	$sim->set(duplicate_username_status => 409);
	is(create({ username => 'bot-2' })->{status}, 409, 'unless switched');
};

done_testing();
