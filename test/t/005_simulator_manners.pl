# The API simulator itself: the switches that make it impolite.
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
	return $sim->api('POST', $org, {@_});
}

# Adds accounts to a project as analysts, or removes them.
sub bulk_add
{
	my ($project, @ids) = @_;
	return error_of('POST', "$org/add-to-project",
		{
			projects => [ { id => $project, role => 'analyst' } ],
			service_account_ids => \@ids
		});
}

sub bulk_remove
{
	my ($project, @ids) = @_;
	return error_of('POST', "$org/remove-from-project",
		{ projects => [ { id => $project, service_account_ids => \@ids } ] });
}

sub members_of
{
	my ($project) = @_;
	return join ', ', map { s/ $project / /r }
	  grep { / $project / } $sim->memberships;
}

subtest 'routes' => sub {
	foreach my $case (
		[ 'list_by_account', 'GET', "$org/2/projects" ],
		[ 'list_by_project', 'GET', '/projects/1001/service-accounts' ],
		[ 'me_route', 'GET', '/me' ],
		[ 'bulk_calls', 'POST', "$org/add-to-project" ],
		[ 'single_calls', 'DELETE', "$org/1/projects/1001" ])
	{
		my ($switch, @call) = @$case;

		$sim->reset($switch => JSON::PP::false);
		like(status_of(@call), qr/^40[45]$/, "without $switch");
		$sim->set(missing_route_status => 405);
		is(status_of(@call), 405, 'or always 405');
		$sim->set($switch => JSON::PP::true);
		unlike(status_of(@call), qr/^40[45]$/, "with $switch");
	}

	$sim->reset;
	is(status_of('GET', '/organizations/123/projects/'), 404, 'none');
	$sim->set(projects_route => JSON::PP::true);
	is_deeply(
		$sim->api('GET', '/organizations/123/projects/')->{json}{results}[4],
		{ id => 1005, name => 'Project 1005' },
		'the projects of an organization');
	my ($bytes) = $sim->exchange(2, 'GET', '/organizations/123/projects',
		'Connection: close');
	like(
		$bytes,
		qr{^HTTP/1.1 301 .*Location: /api/app/organizations/123/projects/\r}s,
		'with a slash only');
	$sim->set(trailing_slash_redirect => JSON::PP::true);
	is(status_of('GET', '/organizations/123/projects/'),
		200, 'also where all paths have one');
	is(status_of('GET', '/organizations/9/projects/'), 403, 'one of mine');
	is($sim->counts->{by_call}{'GET /organizations/{org}/projects/'},
		4, 'counted as such');
};

subtest 'creating' => sub {
	$sim->reset(username_suffix => JSON::PP::true);
	my $made = create(username => 'temp-bot')->{json}{results};
	like($made->{username}, qr/^temp-bot\.[0-9a-f]{6}\.mp-service-account$/,
		'a suffix');
	is($made->{name}, 'temp-bot', 'the name has none');
	$sim->reset(username_suffix => JSON::PP::true);
	is(create(username => 'temp-bot')->{json}{results}{username},
		$made->{username}, 'the same suffix again');

	foreach my $case ([ kept => '2099-01-01T00:00:00Z' ], [ ignored => undef ])
	{
		$sim->reset(expires => $case->[0]);
		$made = create(username => 'x', expires => '2099-01-01T00:00:00Z');
		is($made->{json}{results}{expires}, $case->[1], $case->[0]);
		is($sim->state->{accounts}[-1]{expires}, $case->[1], 'so it is');
	}
	$sim->reset(expires => 'capped');
	$made = create(username => 'x', expires => '2099-01-01T00:00:00Z');
	like($made->{json}{results}{expires}, qr/^20[2-8]/, 'capped');
	$made = create(username => 'y', expires => '2020-01-01T00:00:00Z');
	is($made->{json}{results}{expires}, '2020-01-01T00:00:00Z',
		'what is within the day is kept');

	foreach my $document (qw(docs nested bulk all))
	{
		my @name = $document eq 'nested' ? 'name' : 'username';

		$sim->reset(document => $document, created => 'short');
		$made = create(@name, 'x')->{json};
		$made = $made->{results} // $made;
		is_deeply(
			[ grep { !/name|token|secret/ } sort keys %$made ],
			['id'], "$document: no more than is needed");
		$sim->set(created => 'nulls');
		$made = create(@name, 'x')->{json};
		$made = $made->{results} // $made;
		my @null = grep { !defined $made->{$_} } sort keys %$made;
		is_deeply(
			\@null,
			$document eq 'nested'
			? [qw(createdAt organizationId)]
			: [qw(created creator expires last_used role user)],
			"$document: nulls");
	}

	$sim->reset(create_warning => JSON::PP::true);
	$made = create(username => 'x')->{json};
	is($made->{error}, 'warning: quota nearly used', 'a warning');
	is($made->{results}{id}, 6, 'beside the account');

	$sim->reset(account_status => JSON::PP::true);
	is($sim->api('GET', "$org/2")->{json}{status}, 'active', 'a status');
	is($sim->api('GET', $org)->{json}{results}[1]{status}, 'active', 'listed');
};

subtest 'accounts that are not there yet' => sub {
	$sim->reset(get_lag_requests => 2, list_lag_requests => 1);
	create(username => 'x');
	is(status_of('GET', "$org/6"), 404, 'not yet');
	is(scalar @{ $sim->api('GET', $org)->{json}{results} }, 6, 'in the list');
	is(status_of('GET', "$org/6"), 200, 'now it is');
	create(username => 'y');
	is(bulk_add(1001, 7), '404 service account 7 does not exist', 'unknown');
	is(status_of('DELETE', "$org/7"), 404, 'cannot be deleted');
	is(status_of('DELETE', "$org/7"), 200, 'yet');
	create(username => 'z');
	is(scalar @{ $sim->api('GET', $org)->{json}{results} }, 6, 'not listed');
	is(scalar @{ $sim->api('GET', $org)->{json}{results} }, 7, 'yet');

	$sim->reset(get_lag_ms => 600000, list_lag_ms => 600000);
	create(username => 'x');
	is(status_of('GET', "$org/6"), 404, 'not for ten minutes');
	is(status_of('GET', "$org/2"), 200, 'what was seeded is there');
	is(scalar @{ $sim->api('GET', $org)->{json}{results} }, 5, 'not listed');
	$sim->add_memberships([ 6, 1001, 'admin' ]);
	unlike(
		$sim->api('GET', '/projects/1001/service-accounts')->{content},
		qr/"id":6,/, 'nor as a member');
	$sim->set(get_lag_ms => 0, list_lag_ms => 0);
	is(status_of('GET', "$org/6"), 200, 'unless switched off');
};

subtest 'accounts that were' => sub {
	$sim->reset;
	$sim->api('DELETE', "$org/3");
	is(status_of('GET', "$org/3"), 404, 'gone');
	$sim->set(deleted_status => 410, deleted_listed => JSON::PP::true);
	is(error_of('GET', "$org/3"), '410 service account 3 was deleted', 'said');
	is(status_of('GET', "$org/3/projects"), 410, 'for its projects');
	is(status_of('DELETE', "$org/3"), 410, 'for its deletion');
	is(status_of('GET', "$org/99"), 404, 'never there');
	is(join(' ', map { $_->{id} } @{ $sim->api('GET', $org)->{json}{results} }),
		'1 2 4 5 3', 'still listed');
	is(scalar @{ $sim->state->{accounts} }, 4, 'but gone');
	is(status_of('GET', $org, undef, login => 'bot-3:secret-3'),
		401, 'may not log in');
	$sim->add_accounts({ id => 3, username => 'again' });
	is(status_of('GET', "$org/3"), 200, 'seeded anew');
};

subtest 'pages' => sub {
	my %says = (
		total => sub { "$_[0]{json}{page}/$_[0]{json}{page_size}"
			  . " of $_[0]{json}{total}" },
		count => sub { $_[0]{json}{total_count} },
		meta => sub { "$_[0]{json}{meta}{page} of $_[0]{json}{meta}{total}" },
		pagination => sub { $_[0]{json}{pagination}{next} // 'none' },
		links => sub { $_[0]{json}{links}{next} // 'none' },
		next => sub { $_[0]{json}{next} // 'none' },
		flag => sub { $_[0]{json}{has_more} ? 'more' : 'none' },
		link_header => sub { $_[0]{headers}{link} // 'none' },
		next_header => sub { $_[0]{headers}{'x-next-page'} // 'none' },
		count_header => sub { $_[0]{headers}{'x-total-count'} },
		range_header => sub { $_[0]{headers}{'content-range'} });
	my $url = "/api/app$org?page=1&page_size=3";
	my %expected = (
		total => [ '0/3 of 5', '1/3 of 5' ],
		count => [ 5, 5 ],
		meta => [ '0 of 5', '1 of 5' ],
		pagination => [ $url, 'none' ],
		links => [ $url, 'none' ],
		next => [ $url, 'none' ],
		flag => [ 'more', 'none' ],
		link_header => [ "<$url>; rel=\"next\"", 'none' ],
		next_header => [ 1, 'none' ],
		count_header => [ 5, 5 ],
		range_header => [ 'items 0-2/5', 'items 3-4/5' ]);

	foreach my $paging (sort keys %says)
	{
		$sim->reset(page_size => 3, paging => $paging);
		my @pages = map { $sim->api('GET', "$org$_") } '', '?page=1';
		is_deeply([ map { scalar @{ $_->{json}{results} } } @pages ],
			[ 3, 2 ], "$paging: a part");
		is_deeply([ map { $says{$paging}->($_) } @pages ],
			$expected{$paging}, 'and how it says so');
	}
	is_deeply(
		[ map { $_->{id} } @{ $sim->api('GET', "$org?page=2&page_size=2")
				  ->{json}{results} } ],
		[5], 'a smaller page');
	is(scalar @{ $sim->api('GET', "$org?page=9")->{json}{results} },
		0, 'beyond the end');
	$sim->set(paging => 'range_header');
	is($sim->api('GET', "$org?page=9")->{headers}{'content-range'},
		'items */5', 'as it says');
	is(status_of('GET', "$org?page=x"), 400, 'no number');
	is(status_of('GET', "$org?limit=2"), 400, 'another word');
	$sim->set(paging => 'total', page_size => 1);
	is($sim->api('GET', "$org/2/projects")->{json}{total}, 2, 'memberships');
	is($sim->api('GET', '/projects/1001/service-accounts')->{json}{total},
		2, 'members');
	$sim->set(page_size => 0);
	is(status_of('GET', "$org?page=1"), 400, 'no pages, no query');
};

subtest 'changes' => sub {
	$sim->reset(existing_member_role => 'kept');
	is(bulk_add(1001, 1, 4), '200 ', 'an addition');
	is(members_of(1001), '1 admin, 4 analyst, 5 consumer', 'keeps a role');
	$sim->api('POST', "$org/1/projects",
		{ projectId => 1001, role => 'consumer' });
	is(members_of(1001), '1 admin, 4 analyst, 5 consumer', 'one by one, too');

	$sim->reset(bulk_existing_member_status => 409);
	is(bulk_add(1001, 2, 1),
		'409 service account 1 is in project 1001 already', 'a member');
	is(members_of(1001), '1 admin, 5 consumer', 'nothing is applied');
	$sim->set(partial_refusal => JSON::PP::true);
	like(bulk_add(1001, 2, 1), qr/^409/, 'with parts');
	is(members_of(1001), '1 admin, 2 analyst, 5 consumer', 'one is applied');

	foreach my $status (400, 422)
	{
		$sim->reset(
			unknown_status => $status,
			partial_refusal => JSON::PP::true);
		is(bulk_add(1002, 5, 999, 4),
			"$status service account 999 does not exist", 'an unknown one');
		is(members_of(1002), '1 analyst, 2 analyst, 5 analyst',
			'the one before it');
		is(bulk_remove(1002, 1, 999, 2),
			"$status service account 999 does not exist", 'removing');
		is(members_of(1002), '2 analyst, 5 analyst', 'the one before it');
		is(bulk_add(9, 1), "$status project 9 does not exist", 'a project');
		is(create(username => 'x', projects => [ { id => 9 } ])->{status},
			$status, 'of a new account');
	}
};

subtest 'refusals' => sub {
	my $reason = 'service account 99 does not exist';
	my %bodies = (
		error => { status => 'error', error => $reason },
		array => { status => 'error', error => [$reason] },
		object => { status => 'error', error => { field => [$reason] } },
		message => { request_id => '5d2f8a', message => $reason },
		detail =>
		  { detail => [ { loc => [ 'body', 'field' ], msg => $reason } ] },
		success => { success => JSON::PP::false, message => $reason });

	foreach my $refusal (sort keys %bodies)
	{
		$sim->reset(refusal => $refusal);
		my $answer = $sim->api('DELETE', "$org/99");
		is_deeply($answer->{json}, $bodies{$refusal}, $refusal);
		is($answer->{status}, 404, 'the status');
	}
	$sim->set(refusal => 'empty');
	is($sim->api('DELETE', "$org/99")->{content}, '', 'empty');
	$sim->set(refusal => 'html');
	my $answer = $sim->api('DELETE', "$org/99");
	is($answer->{headers}{'content-type'}, 'text/html', 'a page');
	like($answer->{content}, qr/^<html>.*404/s, 'that names the status');

	$sim->reset(refusal => 'success', refused_status => 200);
	$answer = $sim->api('DELETE', "$org/99");
	is("$answer->{status} $answer->{json}{message}",
		"200 $reason", 'a write that fails well');
	is(status_of('GET', "$org/99"), 404, 'no read does');
	is(status_of('DELETE', "$org/99", undef, login => 'a:b'),
		401, 'nor bad credentials');
	is(status_of('DELETE', "$org/2"), 200, 'what is done is done');
	is($sim->api('GET', $org)->{status}, 200, 'lists');
	$sim->set(refused_status => 207);
	is(status_of('DELETE', "$org/99"), 207, 'or in part');

	$sim->reset;
	$sim->fault(gateway => JSON::PP::true, status => 404, path => '/2$');
	$answer = $sim->api('DELETE', "$org/2");
	is("$answer->{status} $answer->{headers}{'content-type'}",
		'404 text/html', 'a 404 that lies');
	is(status_of('GET', "$org/2"), 200, 'as one can see');
	$sim->fault(status => 502, nth => 2, every => 3, count => 0);
	is(join(' ', map { status_of('GET', $org) } 1 .. 9),
		'200 502 200 200 502 200 200 502 200', 'every third');
};

subtest 'grants' => sub {
	$sim->reset;
	$sim->add_memberships([ 5, 1001, 'admin', 'team' ],
		[ 4, 1001, 'owner', 'organization' ]);
	is(members_of(1001), '1 admin, 4 owner organization, 5 consumer,'
		  . ' 5 admin team', 'two for one account');
	is_deeply(
		[ map { "$_->{id} $_->{role} $_->{target_type}" }
			  @{ $sim->api('GET', '/projects/1001/service-accounts')
				  ->{json}{results} } ],
		[
			'1 admin individual',
			'4 owner organization',
			'5 consumer individual',
			'5 admin team'
		],
		'a row for each');
	is_deeply(
		[ map { "$_->{projectId} $_->{role} " . ($_->{target_type} // '') }
			  @{ $sim->api('GET', "$org/5/projects")->{json}{results} } ],
		[ '1001 consumer individual', '1001 admin team', '1005 analyst ' ],
		'also by account');
	is(bulk_remove(1001, 5, 4), '200 ', 'removed');
	is(members_of(1001), '1 admin, 4 owner organization, 5 admin team',
		'the individual one only');
	is(status_of('DELETE', "$org/5/projects/1001"), 404, 'there is no other');
	bulk_add(1001, 4);
	is(members_of(1001),
		'1 admin, 4 analyst, 4 owner organization, 5 admin team', 'added');
	$sim->control('DELETE', 'memberships/5/1001/team');
	is(members_of(1001), '1 admin, 4 analyst, 4 owner organization', 'unseeded');
	is(eval { $sim->add_memberships([ 1, 1001, 'x', 'crew' ]); 1 },
		undef, 'another type');
	like($@, qr/"target_type" is individual, team or organization/, 'is none');
};

subtest 'projects' => sub {
	$sim->reset(me_project_ids => JSON::PP::false);
	my $me = $sim->api('GET', '/me')->{json}{results};
	is_deeply(
		$me->{projects}{1001},
		{ name => 'Project 1001', organization_id => 123 },
		'no id');
	$sim->set(me_own_projects => JSON::PP::true);
	$me = $sim->api('GET', '/me')->{json}{results};
	is(join(' ', sort keys %{ $me->{projects} }), '1001 1002', 'my own');

	$sim->reset;
	$sim->add_projects({ id => 1001, domain => 'eu.mixpanel.com' },
		{ id => 2000 });
	is($sim->api('GET', '/me')->{json}{results}{projects}{1001}{domain},
		'eu.mixpanel.com', 'its region');
	is(error_of('GET', '/projects/1001/service-accounts'),
		'400 invalid project id for cluster: 1001', 'not here');
	is(bulk_add(1001, 1), '400 invalid project id for cluster: 1001',
		'nor in a body');
	is(bulk_add(2000, 1), '200 ', 'a new project');
	foreach my $status (401, 403, 404)
	{
		$sim->set(foreign_project_status => $status);
		is(status_of('GET', '/projects/1001/service-accounts'),
			$status, "or $status");
	}
	$sim->set(foreign_project_status => 302);
	my ($bytes) = $sim->exchange(2, 'GET', '/projects/1001/service-accounts',
		'Connection: close');
	like(
		$bytes,
		qr{^HTTP/1.1 302 .*Location: https://eu.mixpanel.com/api/app/projects/1001/service-accounts\r}s,
		'or its own host');
	$sim->add_projects({ id => 1001 });
	is(status_of('GET', '/projects/1001/service-accounts'), 200, 'moved back');
	is(eval { $sim->add_projects({ id => 1, organization_id => 9 }); 1 },
		undef, 'of no organization');
	like($@, qr/project 1 is not of organization 9/, 'is refused');
};

subtest 'limits' => sub {
	$sim->reset(rate_limit => 3, rate_window_ms => 600000);
	is(join(' ', map { status_of('GET', $org) } 1 .. 5),
		'200 200 200 429 429', 'too many');
	my $answer = $sim->api('GET', $org);
	like($answer->{headers}{'retry-after'}, qr/^(?:59\d|600)$/, 'seconds');
	is($answer->{json}{error}, 'rate limit exceeded', 'why');
	$sim->set(rate_limit => 1, retry_after => 'date');
	$sim->api('GET', $org);
	like($sim->api('GET', $org)->{headers}{'retry-after'},
		qr/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/, 'a date');
	$sim->set(retry_after => 'none');
	$sim->api('GET', $org);
	is($sim->api('GET', $org)->{headers}{'retry-after'}, undef, 'nothing');
	$sim->set(rate_window_ms => 1);
	is(join(' ', map { select undef, undef, undef, 0.002;
				status_of('GET', $org) } 1 .. 3),
		'200 200 200', 'windows pass');

	$sim->reset(concurrency_limit => 1);
	$sim->fault(hang => 'headers', path => '/2$');
	my $socket = $sim->open_socket;
	syswrite $socket, $sim->request_text('GET', "$org/2");
	ok($sim->wait_for_in_flight(1), 'one is there');
	is(error_of('GET', $org), '429 too many requests at once', 'two are not');
	close $socket;
	ok($sim->wait_for_in_flight(0), 'it goes');
	is(status_of('GET', $org), 200, 'one at a time');
};

subtest 'the clock' => sub {
	$sim->reset(clock_skew_s => -864000, expires => 'kept');
	my $made = create(username => 'x')->{json}{results};
	my $answer = $sim->api('GET', $org);
	my @now = gmtime(time() - 864000);
	my $month = (qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec))[$now[4]];

	like($answer->{headers}{date},
		qr/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/, 'a date');
	like($answer->{headers}{date}, qr/, \d\d $month /, 'ten days ago');
	is(ref $answer->{headers}{date}, '', 'just one');
	like($made->{created}, qr/^\d{4}-0?@{[ $now[4] + 1 ]}-/, 'for all');
	$sim->set(date_header => JSON::PP::false);
	is($sim->api('GET', $org)->{headers}{date}, undef, 'no date');
	$sim->reset;
	ok(defined $sim->api('GET', $org)->{headers}{date}, 'as it was');
};

done_testing();
