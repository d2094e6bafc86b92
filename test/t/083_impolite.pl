# Servers that are different, or not polite: what SQL says of a change or a
# creation is what such a server has afterwards.

use strict;
use warnings;

use MixpanelTest;
use MixpanelTransaction qw(state requests accounts);
use PostgreSQL::Test::Utils;
use Test::More;

# Account 1 logs in; account N is in project 1000+N, 2 as analyst, 3 as
# consumer, 4 as admin, ...
my %seed = (accounts => 6, projects => 6, memberships_per_account => 1,
	epoch => '2024-01-15T10:30:00Z');
my $test = MixpanelTest->new('impolite', %seed);
my $simulator = $test->simulator;
my $columns = '(service_account_id, project_id, role)';

sub world
{
	my (%switches) = @_;

	$test->start_over(%seed);
	$test->options(max_retries => 1, max_retry_wait => '10ms');
	$simulator->set(%switches) if %switches;
	$simulator->clear_log;
	return;
}

sub add
{
	return "INSERT INTO mp.project_memberships $columns VALUES $_[0]";
}

sub members
{
	return [ $simulator->memberships ];
}

sub is_member
{
	my ($account, $project, $role) = @_;

	return scalar grep { $_->{service_account_id} == $account
		  && $_->{project_id} == $project
		  && (!defined $role || $_->{role} eq $role) }
	  @{ $simulator->state->{memberships} };
}

sub no_error
{
	my ($result, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(MixpanelTest::describe($result), 'no error', $name);
	is_deeply([ map { "$_->{level} $_->{message}" } @{ $result->{notices} } ],
		[], "$name: no warning");
	return;
}

my %yes = (true => JSON::PP::true, false => JSON::PP::false);

subtest 'removal: no bulk call, no list of memberships' => sub {
	world(bulk_calls => $yes{false}, list_by_account => $yes{false},
		list_by_project => $yes{false}, me_route => $yes{false});
	no_error($test->run('DELETE FROM mp.project_memberships '
			  . 'WHERE service_account_id = 2 AND project_id = 1002'),
		'auto');
	ok(!is_member(2, 1002), 'the member is gone');

	foreach my $write (qw(bulk single))
	{
		world($write eq 'bulk' ? (bulk_calls => $yes{false}) : (single_calls => $yes{false}),
			list_by_account => $yes{false}, list_by_project => $yes{false});
		$test->options(membership_write => $write);
		MixpanelTest::error_is(
			$test->run('DELETE FROM mp.project_memberships '
				  . 'WHERE service_account_id = 2 AND project_id = 1002'),
			'HV00M', "membership_write $write on a server that lacks it");
		ok(is_member(2, 1002), 'the member is there');
	}
};

subtest 'removal: a list that cannot be read at the wrong moment' => sub {
	foreach my $status (404, 405, 500)
	{
		world();
		$test->rows('SELECT count(*) FROM mp.project_memberships');
		$simulator->fault(method => 'POST', path => 'remove-from-project$',
			status => 404, count => 0);
		$simulator->fault(method => 'DELETE', path => '/2/projects/1002$',
			status => 404, count => 0);
		$simulator->fault(method => 'GET', path => '/projects$',
			status => $status, nth => 2, count => 0);
		my $result = $test->run('DELETE FROM mp.project_memberships '
			  . 'WHERE service_account_id = 2 AND project_id = 1002');
		ok($result->{code} ne '', "$status: COMMIT fails")
		  or diag(join "\n", $test->calls);
		ok(is_member(2, 1002), "$status: the member is there");
	}
};

# A login page on the same host: whatever it answers says nothing of the change.
subtest 'a change that is redirected to another path' => sub {
	foreach my $status (200, 404)
	{
		foreach my $case (
			[ 'DELETE FROM mp.service_accounts WHERE id = 3', 'DELETE', '/3$' ],
			[ 'DELETE FROM mp.project_memberships WHERE service_account_id = 2 '
				  . 'AND project_id = 1002', '', 'remove-from-project$' ],
			[ add(q((2, 1005, 'owner'))), '', 'add-to-project$' ])
		{
			my ($sql, $method, $path) = @$case;

			world();
			$simulator->fault(status => 302, count => 0, path => $path,
				($method ne '' ? (method => $method) : ()),
				headers => { Location => '/api/app/login' });
			$simulator->fault(status => $status, count => 0, path => '^/login');
			my $result = $test->run($sql);
			my $done = !is_member(2, 1002) || is_member(2, 1005) ||
			  !grep { $_->{id} == 3 } @{ $simulator->state->{accounts} };

			# a single call may have done what the bulk call did not
			like($result->{code}, $status == 404 && $method eq '' ? qr/^$/ : qr/^HV00[4M]$/,
				"$status: $sql")
			  or diag(MixpanelTest::describe($result));
			unlike($result->{detail} // '', qr/^Applied: 1/m, 'nothing is said to be done');
			is(!!$done, $result->{code} eq '', 'what is said is so');
		}
	}
};

# What was accepted before something else failed is read back, too.
subtest 'a role that is kept, and a COMMIT that fails' => sub {
	my $sql = q(BEGIN; UPDATE mp.project_memberships SET role = 'owner' WHERE service_account_id = 4; )
	  . add(q((999, 1001, 'admin'))) . '; COMMIT';
	my $name = 'service account 4 in project 1004 as owner';

	foreach my $write (qw(bulk single))
	{
		world(existing_member_role => 'kept');
		$test->options(membership_write => $write);
		my $result = $test->run($sql);
		MixpanelTest::error_is($result, '23503', "$write: it fails",
			detail => qr/^Applied: 0\.\nNot applied: 2 \(.*\Q$name\E/m);
		world(existing_member_role => 'set');
		$test->options(membership_write => $write);
		MixpanelTest::error_is($test->run($sql), '23503', "$write: it fails",
			detail => qr/^Applied: 1 \(\Q$name\E\)\.\nNot applied: 1 \(/m);
		# the first read finds the row
		world(existing_member_role => 'kept');
		$test->options(membership_write => $write);
		$simulator->fault(method => 'GET', path => '/4/projects$', status => 500,
			nth => 2, count => 0);
		MixpanelTest::error_is($test->run($sql), '23503', "$write: nor can it be read",
			detail => qr/^Applied: 1 \(\Q$name\E\)\.\nNot applied: 1 \(.*\)\.\nAccepted, but not read back: 1 \(\Q$name\E\)\.$/m);
	}

	# Given back its old role, but the addition that no answer told of was
	# carried out, and is kept.
	world(existing_member_role => 'kept');
	$test->options(membership_write => 'single');
	$simulator->fault(method => 'POST', path => '/4/projects$', status => 408,
		nth => 2, after => $yes{true});
	my $result = $test->run(
		q(UPDATE mp.project_memberships SET role = 'owner' WHERE service_account_id = 4));
	ok(is_member(4, 1004, 'owner'), 'the role is changed');
	MixpanelTest::error_is($result, 'HV00M', 'and the error says so',
		detail => qr/^Applied: 1 \(\Q$name\E\)\.\nNot applied: 0\.$/m);
};

subtest 'a role that is kept' => sub {
	foreach my $write (qw(bulk single))
	{
		world(existing_member_role => 'kept');
		$test->options(membership_write => $write);
		my $result = $test->run(q(UPDATE mp.project_memberships SET role = 'owner' )
			  . 'WHERE service_account_id IN (2, 3) RETURNING role');
		no_error($result, "$write: UPDATE");
		ok(is_member(2, 1002, 'owner') && is_member(3, 1003, 'owner'),
			"$write: the roles are changed") or diag(explain(members()));
		no_error($test->run(add(q((4, 1004, 'owner'), (4, 1001, 'owner')))),
			"$write: INSERT of a member");
		ok(is_member(4, 1004, 'owner') && is_member(4, 1001, 'owner'),
			"$write: the roles are those of the INSERT");
	}

	# The server does not take the addition after the removal.
	world(existing_member_role => 'kept');
	$simulator->fault(method => 'POST', path => 'add-to-project$', nth => 2,
		status => 403, body => { status => 'error', error => 'no' });
	my $result = $test->run(q(UPDATE mp.project_memberships SET role = 'owner' )
		  . 'WHERE service_account_id = 2');
	MixpanelTest::error_is($result, '42501', 'the addition is refused',
		detail => qr/Applied: 0\.\nNot applied: 1 /);
	ok(is_member(2, 1002, 'analyst'), 'the old role is back');

	# Nor does removing help.
	world(existing_member_role => 'kept');
	$simulator->fault(method => 'POST', path => 'remove-from-project$',
		status => 200, body => { status => 'ok' }, count => 0);
	$result = $test->run(q(UPDATE mp.project_memberships SET role = 'owner' )
		  . 'WHERE service_account_id = 2');
	MixpanelTest::error_is($result, 'HV00M', 'nor does a removal help',
		message => qr/^Mixpanel accepted service account 2 in project 1002 as owner, but did not carry it out$/,
		detail => qr/the role is analyst\.\nApplied: 0\.\nNot applied: 1 /);
};

# What is read may be behind what was done.
subtest 'a list that is behind' => sub {
	my $behind = { status => 'ok', results => [] };
	my $old = { status => 'ok', results => [ { projectId => 1002, role => 'analyst' } ] };

	foreach my $case (
		[ add(q((2, 1005, 'admin'))), $behind, 1005, 'admin' ],
		[ q(UPDATE mp.project_memberships SET role = 'owner' WHERE service_account_id = 2),
			$old, 1002, 'owner' ])
	{
		my ($sql, $body, $project, $role) = @$case;

		# the reads of the UPDATE itself, of the first look, and three more
		world();
		$simulator->fault(method => 'GET', path => '/2/projects$', body => $body,
			count => $project == 1002 ? 4 : 3);
		no_error($test->run($sql), $sql);
		ok(is_member(2, $project, $role), 'it is done');
	}
};

# A server that lists "Admin" for what was added as "admin" has done it.
subtest 'a role in another case' => sub {
	my $update = q(UPDATE mp.project_memberships SET role = 'owner' )
	  . 'WHERE service_account_id = 2';

	world(capital_roles => $yes{true});
	no_error($test->run(add(q((2, 1005, 'admin'), (3, 1005, 'admin')))), 'INSERT');
	is($test->count_of('POST'), 1, 'one addition');
	is($test->count_of('GET'), 1, 'one read');
	ok(is_member(2, 1005, 'admin') && is_member(3, 1005, 'admin'), 'it is done');
	$simulator->clear_log;
	no_error($test->run($update), 'UPDATE');
	is($test->count_of('POST'), 1, 'nobody is removed');
	ok(is_member(2, 1002, 'owner') && is_member(2, 1005, 'owner'), 'it is done');

	# Two roles: another member has the one that is asked for.
	world(existing_member_role => 'kept');
	$simulator->add_memberships([ 2, 1005, 'owner' ], [ 2, 1006, 'Owner' ]);
	no_error($test->run(add(q((2, 1006, 'owner')))), 'INSERT over another role');
	ok(is_member(2, 1006, 'owner'), 'the role is the one that was asked for');

	# Two roles: the other is what the UPDATE found.
	world(existing_member_role => 'kept');
	$simulator->add_memberships([ 2, 1006, 'Owner' ]);
	no_error($test->run("$update AND project_id = 1006"), 'UPDATE of another role');
	ok(is_member(2, 1006, 'owner'), 'the role is the one that was asked for');
};

subtest 'when additions are read back' => sub {
	world();
	no_error($test->run(add(q((2, 1001, 'owner'), (3, 1001, 'owner')))), 'INSERT');
	is_deeply([ requests($test) ], [
			'POST /add-to-project {"projects":[{"id":1001,"role":"owner"}],"service_account_ids":[2,3]} -> 200',
			'GET /projects/1001/service-accounts -> 200',
		], 'by the project, which is the only one');

	world();
	$test->options(membership_verify => 'false');
	no_error($test->run(add(q((2, 1001, 'owner')))), 'membership_verify off');
	is($test->count_of('GET'), 0, 'nothing is read');

	world();
	no_error($test->run(q(UPDATE mp.project_memberships SET role = 'owner' WHERE service_account_id = 2)), 'UPDATE');
	$simulator->clear_log;
	no_error($test->run(add(q((2, 1001, 'owner')))), 'a server that changes roles by additions');
	is($test->count_of('GET'), 0, 'nothing is read any more');

	world();
	no_error($test->run(<<'SQL'), 'accounts of the transaction itself');
BEGIN;
INSERT INTO mp.service_accounts (username) VALUES ('new') RETURNING length(secret);
INSERT INTO mp.project_memberships (service_account_id, project_id, role) VALUES (7, 1001, 'owner');
COMMIT;
SQL
	is($test->count_of('GET'), 0, 'nothing is read');
	ok(is_member(7, 1001, 'owner'), 'and it is a member');

	world(list_by_account => $yes{false}, list_by_project => $yes{false});
	no_error($test->run(add(q((2, 1001, 'owner')))), 'memberships cannot be listed');

	world();
	$simulator->fault(method => 'GET', path => 'service-accounts', status => 500, count => 0);
	my $result = $test->run(add(q((2, 1001, 'owner'))));
	is($result->{code}, '', 'the read fails: COMMIT succeeds');
	like($result->{notices}[0]{message}, qr/^memberships were added on server "mixpanel", but could not be read back$/, 'with a warning');
	like($result->{notices}[0]{detail}, qr/^Not seen: service account 2 in project 1001 as owner\.\nThe read failed: Mixpanel answered GET .* with status 500/, 'that names what was not seen');

	# An addition that was said to be done.
	world();
	$simulator->fault(method => 'POST', path => 'add-to-project$', status => 200, body => { status => 'ok' });
	no_error($test->run(add(q((2, 1001, 'owner')))), 'not carried out: made again');
	ok(is_member(2, 1001, 'owner'), 'it is there then');
	world();
	$simulator->fault(method => 'POST', path => 'add-to-project$', status => 200, body => { status => 'ok' }, count => 0);
	MixpanelTest::error_is($test->run(add(q((2, 1001, 'owner')))), 'HV00M', 'never carried out', detail => qr/it is not a member\.\nApplied: 0\.\nNot applied: 1 /);
};

subtest 'a set that is refused after a part was applied' => sub {
	world(partial_refusal => $yes{true}, unknown_status => 400);
	my $result = $test->run(add(q((5, 1001, 'owner'), (999, 1001, 'owner'))));
	MixpanelTest::error_is($result, '22023', 'an unknown account',
		detail => qr/Applied: 1 \(service account 5 in project 1001 as owner\)\.\nNot applied: 1 \(service account 999 /,
		hint => qr/^Service account 999 does not exist\.$/);
	ok(is_member(5, 1001, 'owner'), 'the other is a member');

	world(partial_refusal => $yes{true}, unknown_status => 400);
	$simulator->fault(method => 'GET', status => 500, count => 0);
	$result = $test->run(add(q((5, 1001, 'owner'), (999, 1001, 'owner'))));
	MixpanelTest::error_is($result, '22023', 'it cannot be read back',
		detail => qr/^Mixpanel says: .*\nApplied: 0\.\nNot applied: 0\.\n.*not known: 2 /s);
};

subtest 'a refusal keeps its words' => sub {
	foreach my $status (429, 500, 404)
	{
		world(custom_roles => $yes{false});
		$simulator->fault(method => 'GET', status => $status, count => 0);
		MixpanelTest::error_is($test->run(add(q((2, 1001, 'superuser')))),
			'22023', "the read that looks for the culprit: $status",
			message => qr/status 400\b/, detail => qr/^Mixpanel says: .*role/);
	}
	world();
	MixpanelTest::error_is($test->run(add(q((999, 91003, 'owner')))), '23503',
		'neither account nor project is there',
		detail => qr/Service account 999 does not exist\. Project 91003 does not exist/,
		hint => qr/Service account 999 does not exist\. Project 91003 does not exist/);
};

subtest 'doubt stays' => sub {
	# applied and lost, its repetition 404, and another call fails for good
	world();
	$test->options(membership_write => 'single', max_concurrency => 1);
	$simulator->fault(method => 'DELETE', path => '/2/projects/1002$', reset => 'after');
	$simulator->fault(method => 'GET', path => '/2/projects$', nth => 2, status => 403, count => 0);
	my $result = $test->run('DELETE FROM mp.project_memberships '
		  . 'WHERE service_account_id = 2 AND project_id = 1002');
	MixpanelTest::error_is($result, 'HV00M', 'the read that should tell fails',
		detail => qr/Not applied: 0\.\n.*not known: 1 /);
	ok(!is_member(2, 1002), 'it was removed');

	# the same, and the read tells
	world();
	$test->options(membership_write => 'single');
	$simulator->fault(method => 'DELETE', path => '/2/projects/1002$', status => 500, after => $yes{true});
	no_error($test->run('DELETE FROM mp.project_memberships '
		  . 'WHERE service_account_id = 2 AND project_id = 1002'), 'the read tells');

	# a change of role on a server that refuses members
	world(existing_member_status => 409, single_calls => $yes{true});
	$test->options(membership_write => 'single');
	$simulator->fault(method => 'DELETE', path => '/2/projects/1002$', status => 500, after => $yes{true});
	$simulator->fault(method => 'POST', path => '/2/projects$', nth => 2, status => 403,
		body => { status => 'error', error => 'no' });
	$result = $test->run(q(UPDATE mp.project_memberships SET role = 'owner' )
		  . 'WHERE service_account_id = 2');
	MixpanelTest::error_is($result, '42501', 'a member to be replaced whose removal is lost',
		detail => qr/Applied: 0\.\nNot applied: 1 /);
	ok(is_member(2, 1002, 'analyst'), 'has the old role') or diag(join "\n", $test->calls);

	# the probing removal is applied, then COMMIT is cancelled
	world(bulk_calls => $yes{false}, missing_route_status => 404);
	$simulator->fault(method => 'DELETE', path => '/2/projects/1002$', after => $yes{true}, hang => 'headers');
	$test->rows('SELECT count(*) FROM mp.project_memberships');
	$test->session->begin('DELETE FROM mp.project_memberships WHERE service_account_id IN (2, 3)');
	ok(MixpanelTest::wait_until(sub { $test->count_of('DELETE') }), 'it probes');
	$test->connect->rows('SELECT pg_cancel_backend(' . $test->session->pid . ')');
	$result = $test->session->end;
	MixpanelTest::error_is($result, '57014', 'cancelled while it probes',
		detail => qr/Applied: 0\.\nNot applied: 0\.\n.*not known: 2 \(.* 2 /);
};

subtest 'deletions that are answered 404' => sub {
	world();
	$simulator->fault(method => 'DELETE', status => 404, body => '<html></html>', content_type => 'text/html', count => 0);
	MixpanelTest::error_is($test->run('DELETE FROM mp.service_accounts WHERE id IN (3, 4)'),
		'HV00M', 'they are still there', detail => qr/is still there\.\nApplied: 0\.\nNot applied: 2 /);
	is(scalar(accounts($test)), 6, 'all accounts');

	world();
	$simulator->fault(method => 'DELETE', path => '/3$', status => 500, after => $yes{true});
	no_error($test->run('DELETE FROM mp.service_accounts WHERE id = 3'), 'gone by the first attempt');
	is($test->count_of('GET', qr!/3$!), 2, 'which one read tells');
};

# A login page on the same host may answer 200, and with JSON.
subtest 'a redirect to another path that answers 200' => sub {
	foreach my $case ([ '{}', 0 ], [ '{"login":"/login"}', 0 ], [ 'null', 0 ],
		[ '', 0 ], [ '[]', 0 ], [ '{"status":"ok"}', 1 ], [ '{"success":true}', 1 ])
	{
		my ($body, $believed) = @$case;

		world();
		$simulator->fault(status => 302, headers => { Location => '/api/app/login' },
			method => 'DELETE', after => $yes{true});
		$simulator->fault(path => '^/login', status => 200, body => $body);
		my $result = $test->run('DELETE FROM mp.service_accounts WHERE id = 3');

		is($result->{code}, $believed ? '' : 'HV004', "200, $body");
		like($result->{detail}, qr/redirect led\.\n.*not known: 1 /s, 'it is not known')
		  unless $believed;
	}
};

subtest 'accounts that the API does not show yet' => sub {
	my $create = q(INSERT INTO mp.service_accounts (username) VALUES ('new') RETURNING id);

	world(get_lag_ms => 700);
	my $result = $test->run("SET mixpanel_sa_fdw.allow_unreturned_secret = on; BEGIN; $create; ROLLBACK");
	is_deeply([ grep { /could not/ } map { $_->{message} } @{ $result->{notices} } ], [], 'ROLLBACK: no warning');
	is(scalar(accounts($test)), 6, 'the account is deleted again');

	world(get_lag_requests => 2, list_lag_requests => 50);
	$result = $test->run("SET mixpanel_sa_fdw.allow_unreturned_secret = on; BEGIN; $create; "
		  . add(q((7, 1001, 'owner'))) . '; COMMIT');
	is(MixpanelTest::describe($result), 'no error', 'a grant to it');
	ok(is_member(7, 1001, 'owner'), 'is made');

	world(get_lag_ms => 700, list_lag_ms => 700);
	$result = $test->run("SET mixpanel_sa_fdw.allow_unreturned_secret = on; BEGIN; $create; DELETE FROM mp.service_accounts WHERE username = 'new'; COMMIT");
	is(MixpanelTest::describe($result), 'no error', 'its deletion');
	is(scalar(accounts($test)), 6, 'is made');

	# deleted by the COMMIT that then fails: the rollback knows
	world();
	$simulator->fault(method => 'DELETE', path => '/3$', status => 403);
	$test->options(max_concurrency => 1);
	my $start = time;
	$result = $test->run("SET mixpanel_sa_fdw.allow_unreturned_secret = on; BEGIN; $create; DELETE FROM mp.service_accounts WHERE id = 7; DELETE FROM mp.service_accounts WHERE id = 3; COMMIT");
	is($result->{code}, '42501', 'a COMMIT that fails after its deletion');
	is_deeply([ grep { /could not/ } map { $_->{message} } @{ $result->{notices} } ], [], 'no warning');
	cmp_ok(time - $start, '<', 8, 'at once');
};

# What was given on create is seen, whether the API shows it or not.
subtest 'memberships that are given with an account' => sub {
	my $create = q(SET mixpanel_sa_fdw.allow_unreturned_secret = on; BEGIN; )
	  . q(INSERT INTO mp.service_accounts (username, projects) VALUES )
	  . q(('new', '[{"id": 1001, "role": "admin"}, {"id": 1002, "role": "analyst"}]'); );
	my $select = 'SELECT project_id, role FROM mp.project_memberships '
	  . 'WHERE service_account_id = 7 ORDER BY project_id; ';
	my $both = "1001|admin\n1002|analyst";

	foreach my $lag ({}, { get_lag_requests => 50, list_lag_requests => 50 },
		{ list_lag_requests => 50 })
	{
		my $name = join(', ', sort keys %$lag) || 'no lag';

		world(%$lag);
		is($test->run("$create $select ROLLBACK")->{rows}, $both, $name);
		world(%$lag);
		is($test->run("$create SELECT role FROM mp.project_memberships "
				. 'WHERE project_id = 1002 AND service_account_id > 2; ROLLBACK')->{rows},
			'analyst', "$name: by project");
		world(%$lag);
		is($test->run("$create SELECT count(*) FROM mp.project_memberships; ROLLBACK")->{rows},
			8, "$name: all");
		world(%$lag);
		is($test->run("$create DELETE FROM mp.project_memberships "
				. "WHERE service_account_id = 7 AND role = 'admin'; $select "
				. 'UPDATE mp.project_memberships SET role = $$owner$$ '
				. "WHERE service_account_id = 7; $select ROLLBACK")->{rows},
			"1002|analyst\n1002|owner", "$name: changed");
		world(%$lag);
		is($test->run("$create DELETE FROM mp.service_accounts WHERE id = 7; $select"
				. 'ROLLBACK')->{rows}, '', "$name: deleted");
		world(%$lag);
		is($test->run("BEGIN; SAVEPOINT a; $create ROLLBACK TO a; $select"
				. 'ROLLBACK')->{rows}, '', "$name: rolled back");
	}

	foreach my $write (qw(bulk single))
	{
		world(get_lag_requests => 2, list_lag_requests => 2);
		$test->options(membership_write => $write);
		my $result = $test->run("$create DELETE FROM mp.project_memberships "
			. q(WHERE service_account_id = 7 AND role = 'admin'; )
			. q(UPDATE mp.project_memberships SET role = 'owner' WHERE service_account_id = 7; COMMIT));
		is(MixpanelTest::describe($result), 'no error', "$write: changed at COMMIT");
		ok(!is_member(7, 1001) && is_member(7, 1002, 'owner'), 'as was asked');
	}
};

subtest 'creates' => sub {
	my $create = q(INSERT INTO mp.service_accounts (username) VALUES ('temp-bot') RETURNING id, length(secret));

	foreach my $fault ({ reset => 'after' }, { status => 408, after => $yes{true} },
		{ status => 425, after => $yes{true} }, { status => 499, after => $yes{true} },
		{ status => 503, after => $yes{true} },
		{ status => 403, body => '<html></html>', content_type => 'text/html', after => $yes{true} })
	{
		my $what = join ' ', map { "$_ $fault->{$_}" } sort keys %$fault;

		world(username_suffix => $yes{true});
		$simulator->fault(method => 'POST', %$fault);
		MixpanelTest::error_is($test->run($create), '08006', "$what: unknown, and looked for",
			detail => qr/^Service account 7 with the name "temp-bot" has appeared/,
			hint => qr/WHERE id = 7;$/);
	}
	foreach my $status (400, 401, 403, 404, 405, 409, 410, 413, 415, 422)
	{
		world();
		$simulator->fault(method => 'POST', status => $status, body => { status => 'error', error => 'no' });
		my $result = $test->run($create);
		unlike($result->{message}, qr/unknown/, "$status: refused");
		is($test->count_of('GET'), 0, "$status: nothing is looked for");
	}

	world();
	$simulator->fault(method => 'POST', status => 504);
	MixpanelTest::error_is($test->run($create), '08006', 'not made',
		detail => qr/none with the name "temp-bot" has appeared so far/,
		hint => qr/WHERE starts_with\(username, 'temp-bot'\);$/);

	# A redirect is no refusal: something may have been made before it.
	foreach my $location ('https://login.example/', undef)
	{
		my @case = (method => 'POST', status => 302, count => 0,
			defined $location ? (headers => { Location => $location }) : ());
		my $code = defined $location ? '08004' : 'HV00M';

		world();
		$simulator->fault(@case, after => $yes{true});
		MixpanelTest::error_is($test->run($create), $code, 'made, then redirected',
			message => qr/^the outcome of POST .* is unknown: /,
			detail => qr/Service account 7 with the name "temp-bot" has appeared/,
			hint => qr/WHERE id = 7;$/);
		world();
		$simulator->fault(@case);
		MixpanelTest::error_is($test->run($create), $code, 'redirected',
			detail => qr/none with the name "temp-bot" has appeared so far/);
	}
	world();
	$simulator->fault(count => 0, status => 302, headers => { Location => 'https://eu.example/' });
	MixpanelTest::error_is($test->run($create), '08004', 'all is redirected',
		detail => qr/could not be listed/, hint => qr/"region"/);

	# An account that was there before, and that an answer names.
	foreach my $body ({ id => 3, username => 'bot-3' },
		{ results => { id => 3, username => 'temp-bot', token => undef } },
		{ results => [ { id => 3, token => '' } ] },
		{ results => { id => 3, token => '********' } })
	{
		world();
		$simulator->fault(method => 'POST', body => $body);
		MixpanelTest::error_is($test->run("BEGIN; $create; ROLLBACK"), 'HV004',
			'an answer without a secret', message => qr/is unknown/,
			detail => qr/^Record 1 \(id 3\), field "secret": is m(?:issing|asked).*\n.*has appeared so far/);
		is($test->count_of('DELETE'), 0, 'nothing is deleted');
		is(scalar(accounts($test)), 6, 'all accounts are there');
	}

	world();
	$simulator->fault(method => 'POST',
		body => { status => 'ok', results => { id => 3, token => '********', error => 'quota' } });
	like($test->run($create)->{code}, qr/^HV00/, 'an error beside a mask');
	is($test->count_of('DELETE'), 0, 'nothing is deleted');

	# A secret that nobody can read.
	foreach my $mask ('*', '********', "\x{2022}" x 3, "\x{25cf}" x 32)
	{
		foreach my $name (qw(token secret))
		{
			world();
			$simulator->fault(method => 'POST', after => $yes{true},
				body => { status => 'ok', results => { id => 7, $name => $mask } });
			MixpanelTest::error_is($test->run($create), 'HV004',
				sprintf('%s: %vd', $name, $mask),
				detail => qr/^Record 1 \(id 7\), field "secret": is masked\.\n.*; it is deleted again\.$/);
			is(scalar(accounts($test)), 6, 'it is deleted again');
		}
	}
	foreach my $secret ('x', 'xxxxxxxx', '*x*x*x*x', '***x', "\x{2022}a\x{2022}")
	{
		world();
		$simulator->fault(method => 'POST', after => $yes{true},
			body => { status => 'ok', results => { id => 7, token => $secret } });
		my $result = $test->run($create);
		is(MixpanelTest::describe($result), 'no error', sprintf 'a secret: %vd', $secret);
		is(scalar(accounts($test)), 7, 'the account stays');
	}

	# An error within the account's own object.
	world();
	$simulator->fault(method => 'POST', after => $yes{true},
		body => { status => 'ok', results => { id => 7, token => 'x', error => 'quota' } });
	MixpanelTest::error_is($test->run($create), 'HV004', 'an account that says error',
		detail => qr/quota\nThe answer also holds the new service account 7; it is deleted again\.$/);
	is(scalar(accounts($test)), 6, 'it is deleted again');

	world(create_warning => $yes{true});
	MixpanelTest::error_is($test->run($create), 'HV004', 'an account and an error',
		detail => qr/quota.*\nThe answer also holds the new service account 7; it is deleted again\.$/);
	is(scalar(accounts($test)), 6, 'it is deleted again');
};

$test->stop;
done_testing();
