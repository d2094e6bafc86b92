# What a 404, 405 or 410 proves for a read: that a row is not there is never
# said on one ambiguous answer, and a call that has worked is not thought to be
# missing because of one.

use strict;
use warnings;

use JSON::PP ();
use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my %seed = (accounts => 6, projects => 4, memberships_per_account => 2);
my $test = MixpanelTest->new('absence', %seed);
my $simulator = $test->simulator;
my $a = 'mp.service_accounts';
my $m = 'mp.project_memberships';
my $list = 'GET /organizations/123/service-accounts';
my ($username, $secret) = split /:/, MixpanelSimulator::LOGIN;

sub start_over
{
	$test->start_over(@_);
	return;
}

# The requests of a statement, and its rows.
sub check
{
	my ($sql, $rows, $requests, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $result = $test->logged($sql);
	is($result->{code} || $result->{rows}, $rows, $name)
	  || diag(MixpanelTest::describe($result));
	is_deeply([ $simulator->requests ], $requests, "requests: $name")
	  if defined $requests;
	return;
}

# ---- accounts ----

subtest 'an account that is not there' => sub {
	start_over();
	check("SELECT id FROM $a WHERE id = 99",
		'', [ "$list/99", $list ],
		'before the place has answered, the list decides');
	check("SELECT id FROM $a WHERE id = 99",
		'', ["$list/99"], 'then a 404 is enough');
	$test->fresh;
	check("SELECT id FROM $a WHERE id = 2", '2', ["$list/2"], 'one that is');
	check("SELECT id FROM $a WHERE id = 98",
		'', ["$list/98"], 'has shown that the call works');
	$test->fresh;
	check("SELECT count(*) FROM $a WHERE id IN (2, 98, 99)",
		'1', undef, 'one that is, beside others');
	is(scalar(grep { $_ eq $list } $simulator->requests), 0,
		'has shown it in the same statement');
	$test->fresh;
	check("DELETE FROM $a WHERE id = 99 RETURNING id", '', undef, 'DELETE');
	check("SELECT id FROM $a WHERE id = 99 OR id = 98",
		'', undef, 'two');
};

subtest 'a list that has what a lookup does not have' => sub {
	start_over();
	$simulator->fault(status => 404, path => '/service-accounts/3$',
		count => 0);
	check("SELECT id, username FROM $a WHERE id = 3",
		'3|bot-3', [ "$list/3", $list ], 'before the place has answered');
	start_over();
	$simulator->fault(
		gateway => JSON::PP::true,
		status => 404, path => '/service-accounts/[34]$',
		count => 0);
	check("SELECT id FROM $a WHERE id = 2", '2', undef, 'it has answered');
	check("SELECT id, username FROM $a WHERE id IN (2, 3, 99) ORDER BY id",
		"2|bot-2\n3|bot-3", undef, 'a page of a gateway is no proof then');
	is(scalar(grep { $_ eq $list } $simulator->requests), 1,
		'the list is asked once');
	check("SELECT id, username FROM $a WHERE id = 3",
		'3|bot-3', [ "$list/3", $list ], 'nor later');
	check("BEGIN; DELETE FROM $a WHERE id = 3 RETURNING username; ROLLBACK",
		'bot-3', undef, 'DELETE finds it');
};

subtest 'a base URL that leads elsewhere' => sub {
	start_over();
	(my $wrong = $simulator->base_url) =~ s!/api/app!/wrong/path!;
	$test->options(base_url => $wrong);
	foreach my $sql (
		"SELECT * FROM $a",
		"SELECT * FROM $a WHERE id = 3",
		"DELETE FROM $a WHERE id = 3",
		"SELECT * FROM $m",
		"SELECT * FROM $m WHERE service_account_id = 3",
		"SELECT * FROM $m WHERE project_id = 1003",
		"SELECT * FROM $m WHERE service_account_id = 3 AND project_id = 1003",
		"UPDATE $m SET role = 'admin' WHERE service_account_id = 3 AND project_id = 1003",
		"DELETE FROM $m WHERE service_account_id = 3 AND role = 'admin'")
	{
		MixpanelTest::error_is($test->fresh->run($sql), 'HV00M', $sql);
	}
	$test->options(base_url => $simulator->base_url);
};

# What a redirect on the same host leads to need not be the API: a login page.
# An empty body is one that the API's nested document has.
subtest 'a redirect to another path that answers 404' => sub {
	my @login = ([
			{ status => 302, count => 0, headers => { Location => '/api/app/login' },
				path => '^/(organizations|projects|me)' },
			{ status => 404, count => 0, path => '^/login' }
		]);

	foreach my $sql (
		"SELECT * FROM $a",
		"SELECT * FROM $a WHERE id = 3",
		"DELETE FROM $a WHERE id = 3",
		"SELECT * FROM $m WHERE service_account_id = 3",
		"DELETE FROM $m WHERE service_account_id = 3 AND project_id = 1003")
	{
		foreach my $answered (0, 1)
		{
			start_over();
			$test->rows("SELECT count(*) FROM $a") if $answered;
			$simulator->fault(%{$_}) foreach @{ $login[0] };
			my $result = $test->run($sql);
			MixpanelTest::error_is($result, 'HV00M',
				"$sql, " . ($answered ? 'it has answered' : 'fresh'),
				message => qr/^something other than Mixpanel's API answered/,
				detail => qr/^A redirect led to another path\./);
		}
	}

	# A slash more is no other path.
	start_over(trailing_slash_redirect => JSON::PP::true);
	$test->rows("SELECT count(*) FROM $a");
	check("SELECT id FROM $a WHERE id = 98",
		'', [ "$list/98", "$list/98/" ], 'a slash more is no other path');
};

# What looks like JSON at first, and scalars, are not what the API writes.
subtest 'a 404 whose body is not quite JSON' => sub {
	foreach my $body ('[gateway] not found', '{not found}', '"not found"', '404')
	{
		start_over();
		$test->rows("SELECT count(*) FROM $a");
		$simulator->fault(status => 404, path => '/service-accounts/3$',
			body => $body, count => 0);
		check("SELECT id FROM $a WHERE id = 3", '3', [ "$list/3", $list ], "body: $body");
		$simulator->clear_faults;
	}
	# an answer that is cut off in the middle is one of the API's all the same
	start_over();
	$test->rows("SELECT count(*) FROM $a");
	$simulator->fault(status => 404, path => '/service-accounts/98$',
		body => '{"status": "error", "err', count => 0);
	check("SELECT id FROM $a WHERE id = 98", '', ["$list/98"], 'cut off');
};

subtest 'wrong credentials are noticed' => sub {
	start_over();
	$test->rows(
		"ALTER USER MAPPING FOR CURRENT_USER SERVER mixpanel OPTIONS (SET secret 'wrong')"
	);
	# as a server that looks for the account first
	$simulator->fault(status => 404, path => '/service-accounts/3', count => 0);
	MixpanelTest::error_is(
		$test->run("SELECT * FROM $a WHERE id = 3"),
		'28000', 'an account');
	MixpanelTest::error_is(
		$test->run("SELECT * FROM $m WHERE service_account_id = 3"),
		'28000', 'memberships');
	$test->rows(
		"ALTER USER MAPPING FOR CURRENT_USER SERVER mixpanel OPTIONS (SET secret '$secret')"
	);
};

subtest 'a deleted account that is answered 410' => sub {
	start_over(deleted_status => 410, deleted_listed => JSON::PP::true);
	$test->rows("DELETE FROM $a WHERE id = 4");
	check("SELECT id FROM $a WHERE id = 4", '', ["$list/4"],
		'an account is gone');
	$test->fresh;
	check("SELECT id FROM $a WHERE id = 4", '', ["$list/4"],
		'which needs no list');
	check("SELECT count(*) FROM $m", '10', undef,
		'and does not stop a read of all memberships');
	check("SELECT count(*) FROM $m WHERE service_account_id = 4",
		'0', undef, 'nor one of its own');
	$simulator->fault(
		gateway => JSON::PP::true,
		status => 410, path => '/service-accounts/3$');
	MixpanelTest::error_is($test->run("SELECT * FROM $a WHERE id = 3"),
		'HV00M', 'a page of a gateway is no proof');
};

# ---- memberships ----

subtest 'an account that a lookup does not have, and its memberships' => sub {
	start_over();
	check("SELECT count(*) FROM $m WHERE service_account_id IN (98, 99)",
		'0', undef, 'two that are not there');
	is(scalar(grep { $_ eq $list } $simulator->requests), 1,
		'the list is asked once for both');
	start_over();
	$simulator->fault(status => 404, path => '/service-accounts/3(/projects)?$',
		count => 0);
	check("SELECT count(*) FROM $m WHERE service_account_id = 3",
		'2', undef, 'one that is listed is read in another way');
};

subtest 'one 405 after a success' => sub {
	start_over();
	check("SELECT count(*) FROM $m", '12', undef, 'the call works');
	$simulator->fault(status => 405, path => '/service-accounts/3/projects$');
	MixpanelTest::error_is($test->run("SELECT * FROM $m"),
		'HV00M', 'is an error', message => qr/service account 3\b.*405/);
	check("SELECT count(*) FROM $m", '12', undef, 'and forgotten');
	is(scalar(grep { m{^GET /projects/|/me} } $simulator->requests),
		0, 'the way is the same');
};

subtest 'one 404 or 405 on a server with one way' => sub {
	foreach my $status (404, 405)
	{
		foreach my $document (qw(nested bulk))
		{
			my $path = $document eq 'bulk' ?
			  '^/projects/' : '/service-accounts/[0-9]+/projects$';

			start_over(document => $document);
			$simulator->fault(status => $status, path => $path);
			$test->run("SELECT count(*) FROM $m");
			check("SELECT count(*) FROM $m", '12', undef,
				"$document, $status at first: the next read works");
			$simulator->fault(status => $status, path => $path);
			$test->run("SELECT count(*) FROM $m");
			check("SELECT count(*) FROM $m", '12', undef,
				"$document, $status later: the next read works");
		}
	}
};

# ---- projects ----

subtest 'the list of projects' => sub {
	my $all = 'GET /organizations/123/projects/';
	my $me = 'GET /me?include_workspace_users=false';
	my @of_me = (me_own_projects => JSON::PP::true);
	my $result;

	start_over(projects_route => JSON::PP::true, @of_me);
	$test->options(membership_read => 'project');
	$result = $test->logged("SELECT count(*) FROM $m");
	is($result->{rows}, '12', 'the organization\'s own is whole');
	is_deeply($result->{notices}, [], 'without a warning');
	is(scalar(grep { $_ eq $me } $simulator->requests), 0, 'or /me');

	start_over(@of_me);
	$test->options(membership_read => 'project');
	$result = $test->logged("SELECT count(*) FROM $m");
	is(scalar @{ $result->{notices} }, 1, '/me may not be: one warning');
	like($result->{notices}[0]{message}, qr/GET \/me/, 'which says so');
	like($result->{notices}[0]{hint}, qr/"project_ids"/, 'and what to do');
	$result = $test->logged("SELECT count(*) FROM $m");
	is_deeply($result->{notices}, [], 'once a session');
	is(scalar(grep { $_ eq $all } $simulator->requests),
		0, 'the call that is missing is asked for once');

	start_over(me_project_ids => JSON::PP::false);
	$test->options(membership_read => 'project');
	is($test->rows("SELECT count(*) FROM $m"),
		'12', 'projects of /me without an id');
};

subtest 'a project in another region' => sub {
	foreach my $status (302, 400, 401, 403, 404)
	{
		start_over(foreign_project_status => $status);
		$simulator->control('POST', 'projects',
			[ { id => 1004, domain => 'eu.mixpanel.com' } ]);
		$test->options(membership_read => 'project');
		my $result = $test->run("SELECT count(*) FROM $m");
		isnt($result->{code}, '', "$status is an error");
		like($result->{hint} // '',
			qr/^Project 1004 lies in another region \(eu\.mixpanel\.com\) .*"project_ids"/,
			"$status says which project, and what to do")
		  || diag(MixpanelTest::describe($result));
	}
};

# A 404 and no list: what other projects are answered tells of the call.
subtest 'a project that no list shows' => sub {
	my $false = JSON::PP::false;
	my $by_project = qr{^GET /projects/};

	foreach my $me (JSON::PP::true, $false)
	{
		foreach my $late (qw(1001 7777))
		{
			my $name = ($me ? 'not shown by /me' : 'no /me') . ", $late last";

			start_over(me_route => $me);
			$test->options(membership_read => 'project', project_ids => '1001,7777');
			$simulator->fault(delay_ms => 300, path => "^/projects/$late/");
			my $result = $test->run("SELECT count(*) FROM $m");
			is($result->{code} || $result->{rows}, '3', "$name: the rows of the other")
			  || diag(MixpanelTest::describe($result));
			is(scalar @{ $result->{notices} }, 1, "$name: one warning");
			like($result->{notices}[0]{message},
				qr/^no memberships are read of project 7777$/, 'which names it');
			like($result->{notices}[0]{hint},
				qr/Project 7777 may lie in another region.*"project_ids"/,
				'and says what to do');
			$result = $test->run("SELECT count(*) FROM $m");
			is_deeply($result->{notices}, [], "$name: once a session");
		}
	}

	# whoever asks for it by its id has not said that it is there
	$test->fresh;
	my $result = $test->run("SELECT count(*) FROM $m WHERE project_id IN (1001, 7777)");
	is("$result->{rows} @{ $result->{notices} }", '3 ', 'a condition');

	# one that is not there does not show that the call is missing
	start_over(me_route => $false);
	check("SELECT count(*) FROM $m WHERE project_id = 7777", '0', undef,
		'the first read');
	check("SELECT count(*) FROM $m WHERE project_id = 1001", '3',
		['GET /projects/1001/service-accounts'], 'the next is by project');

	# one that has members does
	start_over(me_route => $false, list_by_project => $false);
	check("SELECT count(*) FROM $m WHERE project_id = 1001", '3', undef,
		'the call is missing');
	$test->logged("SELECT count(*) FROM $m WHERE project_id = 1002");
	is(scalar(grep { $_ =~ $by_project } $simulator->requests), 0,
		'which is learnt');
};

# There every domain differs from the host, wherever the projects lie.
subtest 'a gateway in front of the region' => sub {
	start_over(foreign_project_status => 403);
	$simulator->control('POST', 'projects',
		[ map { { id => $_, domain => 'mixpanel.com' } } 1001 .. 1004 ]);
	$test->options(membership_read => 'project');
	my $result = $test->run("SELECT count(*) FROM $m");
	isnt($result->{code}, '', 'a refusal is an error');
	like($result->{hint} // '', qr/^Project \d+ may lie in another region than/,
		'but no region is named')
	  || diag(MixpanelTest::describe($result));
};

subtest 'a change of a project in another region' => sub {
	my $hint = qr/^Project 1004 lies in another region .*"project_ids"/;
	my $columns = '(service_account_id, project_id, role)';

	foreach my $write (qw(bulk single))
	{
		foreach my $rows ("(2, 1004, 'admin')",
			"(2, 1001, 'admin'), (2, 1004, 'admin')")
		{
			start_over();
			$test->options(membership_write => $write, max_concurrency => 1);
			$simulator->control('POST', 'projects',
				[ { id => 1004, domain => 'eu.mixpanel.com' } ]);
			MixpanelTest::error_is(
				$test->run("INSERT INTO $m $columns VALUES $rows"),
				'22023', "$write: $rows", detail => qr/cluster/, hint => $hint);

			# without a number in the API's words, the list of projects tells
			start_over();
			$test->options(membership_write => $write, max_concurrency => 1);
			$simulator->control('POST', 'projects',
				[ { id => 1004, domain => 'eu.mixpanel.com' } ]);
			$simulator->fault(method => 'POST', nth => $write eq 'bulk' ? 1 : $rows =~ tr/(//,
				status => 400, body => { error => 'invalid project id for cluster' });
			MixpanelTest::error_is(
				$test->run("INSERT INTO $m $columns VALUES $rows"),
				'22023', "$write, no number: $rows", hint => $hint);
		}
	}
	start_over();
	$simulator->control('POST', 'projects',
		[ { id => 1004, domain => 'eu.mixpanel.com' } ]);
	MixpanelTest::error_is(
		$test->run("DELETE FROM $m WHERE service_account_id = 4 AND project_id = 1004"),
		'22023', 'a removal', hint => $hint);
};

# ---- in between ----

subtest 'pages of something in between' => sub {
	my $check = q{SELECT item, ok FROM mixpanel_sa_fdw_check('mixpanel')};

	foreach my $case ([ 401, '28000' ], [ 403, '42501' ], [ 404, 'HV00M' ],
		[ 407, 'HV00M', qr/login/ ], [ 511, 'HV00M', qr/login/ ])
	{
		my ($status, $code, $hint) = @$case;

		start_over();
		$simulator->fault(
			gateway => JSON::PP::true,
			status => $status, count => 0);
		MixpanelTest::error_is($test->run("SELECT * FROM $a"),
			$code, "status $status",
			message => qr/^something other than Mixpanel's API answered GET /,
			detail => qr/not JSON.* URL was http:/,
			hint => $hint // qr/gateway/);
		is( $test->rows($check),
			join("\n",
				'options|t', 'connection|f', 'credentials|', 'organization|',
				'projects|', 'memberships by account|',
				'memberships by project|'),
			"$status proves nothing to a check");
	}
	start_over();
	$simulator->fault(status => 404, count => 0);
	MixpanelTest::error_is($test->run("SELECT * FROM $a"),
		'HV00M', 'a list that is not there',
		detail => qr!^The URL was http://127.*/organizations/123/service-accounts\.$!,
		hint => qr!base_url normally ends in /api/app!);
	like($test->rows($check), qr/^connection\|t\ncredentials\|\norganization\|f$/m,
		'is no proof of credentials');
};

$test->stop;
done_testing();
