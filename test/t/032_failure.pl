# Transactions that fail: what COMMIT tells, what it does not send any more,
# and how accounts that were created are got rid of.

use strict;
use warnings;

use JSON::PP ();
use MixpanelTest;
use MixpanelTransaction
  qw(state requests accounts backend_gone backend_waits server_log);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use constant SOON => 30;	# seconds; what is waited for takes minutes

# Account 1 logs in; each is in one project: 1 in 1001, 2 in 1002, ...
my %seed = (accounts => 4, projects => 4, memberships_per_account => 1);
my $test = MixpanelTest->new('failure', verify => 0, %seed);
my $simulator = $test->simulator;
my $columns = '(service_account_id, project_id, role)';
my $create =
  q(INSERT INTO mp.service_accounts (username) VALUES ('new') RETURNING length(secret));

# A new seed and a new session; returns the state.
sub start_over
{
	my (%settings) = @_;

	$test->start_over(%seed, %settings);
	return state($test);
}

sub add
{
	my ($rows) = @_;

	return "INSERT INTO mp.project_memberships $columns $rows";
}

# One request that is to be found once in the log.
sub count_requests
{
	my ($pattern) = @_;

	return scalar grep { $_ =~ $pattern } requests($test);
}

sub warnings_of
{
	my ($result) = @_;

	return [ map { "$_->{level} $_->{code} $_->{message}" }
		  grep { $_->{level} eq 'WARNING' } @{ $result->{notices} } ];
}

my $undeleted = 'service account 5 ("new") on server "mixpanel" could not be '
  . 'deleted although the transaction that created it was rolled back';
my $perhaps = 'service account "new" may have been created on server '
  . '"mixpanel" although the transaction was rolled back';

subtest 'the detail, and nothing after the failure' => sub {
	start_over();
	$test->options(membership_write => 'single', max_concurrency => 1);
	$simulator->fault(method => 'POST', status => 403, nth => 2, count => 0,
		body => { status => 'error', error => 'no' });
	my $result = $test->run('BEGIN; '
		  . add("SELECT a, 1001, 'admin' FROM generate_series(2, 4) a")
		  . ';' . add("VALUES (2, 1003, 'owner')")
		  . '; DELETE FROM mp.project_memberships WHERE service_account_id = 3;'
		  . 'DELETE FROM mp.service_accounts WHERE id = 4; COMMIT');
	MixpanelTest::error_is($result, '42501', 'the error',
		message => qr{^Mixpanel refused POST /organizations/123/service-accounts/2/projects with status 403: no$});
	is($result->{detail}, <<'END' =~ s/\n\z//r, 'its detail');
Mixpanel says: no
Applied: 3 (service account 2 in project 1001 as admin; service account 3 out of project 1003; service account 3 out of project 1001).
Not applied: 2 (service account 2 in project 1003 as owner; delete service account 4).
END
	is_deeply(
		[ requests($test) ],
		[
			'GET /3/projects -> 200',
			'GET /4 -> 200',
			'DELETE /3/projects/1003 -> 200',
			'DELETE /3/projects/1001 -> 404',
			'GET /3/projects -> 200',
			'POST /2/projects {"projectId":1001,"role":"admin"} -> 200',
			'POST /2/projects {"projectId":1003,"role":"owner"} -> 403',
		],
		'the requests');
};

subtest 'requests at the same time: none follows the first failure' => sub {
	start_over(accounts => 41);
	$simulator->set(latency_ms => 100);
	$simulator->fault(method => 'DELETE', status => 403, nth => 1);
	my $result =
	  $test->run('DELETE FROM mp.service_accounts WHERE id > 1');
	MixpanelTest::error_is($result, '42501', 'the error',
		detail => qr/Applied: 7 \(.*\nNot applied: 33 \(/);
	is($test->count_of('DELETE'), 8, 'only what was under way');
	is(scalar(accounts($test)), 34, 'accounts are left');
	$simulator->set(latency_ms => 0);

	# One that waits to be tried again is not tried again.
	start_over();
	$simulator->fault(method => 'DELETE', path => '/2$', status => 429,
		headers => { 'Retry-After' => '5' }, count => 0);
	$simulator->fault(method => 'DELETE', path => '/3$', status => 403,
		delay_ms => 300);
	$result = $test->run('DELETE FROM mp.service_accounts WHERE id IN (2, 3)');
	MixpanelTest::error_is($result, '42501', 'another error',
		detail => qr/^Applied: 0\.\nNot applied: 2 \(/);
	is($test->count_of('DELETE'), 2, 'each was sent once');
};

subtest 'the first 20 of each' => sub {
	foreach my $size (20, 21)
	{
		my $names = join '; ',
		  map { "service account 2 in project $_ as admin" } 3001 .. 3020;
		my $rest = $size > 20 ? '; ...' : '';

		start_over();
		$test->options(membership_write => 'single', max_concurrency => 1);
		$simulator->fault(method => 'POST', status => 403);
		my $result = $test->run(
			add("SELECT 2, 3000 + i, 'admin' FROM generate_series(1, $size) i"));
		is($result->{detail},
			"Applied: 0.\nNot applied: $size ($names$rest).", "of $size");
		is($test->count_of('POST'), 1, 'one request');
	}
};

subtest 'a refused bulk add names who is to blame, by reading' => sub {
	my $before = start_over();
	my $result = $test->run(add("VALUES (2, 1001, 'admin'), (99, 1001, 'admin'),
		(3, 1001, 'admin')"));
	MixpanelTest::error_is($result, '23503', 'an account',
		message => qr{^Mixpanel refused POST \S+/add-to-project with status 404\b},
		hint => qr/^Service account 99 does not exist\.$/,
		detail => qr/\nApplied: 0\.\nNot applied: 3 \(/);
	is_deeply(
		[ sort { $a cmp $b } requests($test) ],
		[
			'GET /2 -> 200', 'GET /3 -> 200', 'GET /99 -> 404',
			'GET /me?include_workspace_users=false -> 200',
			'GET /projects/1001/service-accounts -> 200',
			'POST /add-to-project {"projects":[{"id":1001,"role":"admin"}],'
			  . '"service_account_ids":[2,3,99]} -> 404'
		],
		'no halves');
	is_deeply(state($test), $before, 'nothing is changed');

	start_over();
	$result = $test->run(add("VALUES (2, 1003, 'admin'), (2, 77, 'owner')"));
	MixpanelTest::error_is($result, '23503', 'a project',
		hint => qr/^Project 77 does not exist, or service account "admin-bot\.mp-service-account" cannot see it\.$/);
	is_deeply(
		[ requests($test) ],
		[
			'POST /add-to-project {"projects":[{"id":77,"role":"owner"},'
			  . '{"id":1003,"role":"admin"}],"service_account_ids":[2]} -> 404',
			'GET /2 -> 200',
			'GET /me?include_workspace_users=false -> 200',
			'GET /2/projects -> 200'
		],
		'no halves');
	is_deeply(state($test), $before, 'nothing is changed');

	# Many accounts are looked for in the list.
	start_over(accounts => 30);
	$result = $test->run(add("SELECT i, 1001, 'admin' FROM generate_series(2, 31) i"));
	MixpanelTest::error_is($result, '23503', 'one of many',
		hint => qr/^Service account 31 does not exist\.$/);
	is(count_requests(qr/^GET {2}-> 200$/), 1, 'one list');
	is(count_requests(qr/^POST/), 1, 'one add');

	# Nobody to be found.
	$before = start_over();
	$simulator->fault(method => 'POST', status => 400,
		body => { status => 'error', error => 'role is not known' });
	$result = $test->run(add("VALUES (2, 1003, 'bogus')"));
	MixpanelTest::error_is($result, '22023', 'none of them',
		detail => qr/^Mixpanel says: role is not known\nApplied: 0\./);
	is(count_requests(qr/^POST/), 1, 'one add');
	is_deeply(state($test), $before, 'nothing is changed');
};

subtest 'a refused bulk removal is split' => sub {
	foreach my $status (400, 404)
	{
		foreach my $write (undef, 'bulk')
		{
			my $name = "$status, " . ($write // 'auto');

			start_over(accounts => 9, memberships_per_account => 4,
				absent_member_status => $status);
			$test->options(membership_write => $write);
			$test->rows('DELETE FROM mp.project_memberships '
				  . 'WHERE service_account_id = 9 AND project_id = 1001');
			$test->rows('BEGIN; DELETE FROM mp.project_memberships '
				  . 'WHERE service_account_id > 1');
			$simulator->remove_membership(5, 1002);
			$simulator->remove_membership(7, 1004);
			$simulator->clear_log;
			my $result = $test->run('COMMIT');
			is($result->{code}, '', "$name: no error") or diag($result->{raw});
			is_deeply([ map { /^(\d+)/ } $simulator->memberships ],
				[ 1, 1, 1, 1 ], "$name: all are removed");
			is(count_requests(qr/^DELETE/), 0, "$name: in bulk");
			cmp_ok(count_requests(qr/^POST/), '<', 20, "$name: few requests");
		}
	}

	# The account itself is gone.
	start_over();
	$test->rows('BEGIN; DELETE FROM mp.project_memberships WHERE project_id > 1');
	$simulator->remove_account(3);
	is($test->run('COMMIT')->{code}, '', 'an account that is gone');
	is_deeply([ $simulator->memberships ], [], 'the others are removed');
};

subtest 'whether it was applied is not known' => sub {
	foreach my $case (
		[ { reset => 'after' }, '08006', 'unknown' ],
		[ { reset => 'before' }, '08006', 'unknown' ],
		[ { close => 'after' }, '08006', 'unknown' ],
		[ { status => 500 }, 'HV00M', 'unknown' ],
		[ { status => 503 }, 'HV00M', 'unknown' ],
		[ { status => 503, headers => { 'Retry-After' => '99' } }, 'HV00M', 'not' ],
		[ { status => 429, headers => { 'Retry-After' => '99' } }, '53400', 'not' ],
		[ { status => 401 }, '28000', 'not' ],
		[ { status => 422 }, '22023', 'not' ])
	{
		my ($fault, $code, $fate) = @$case;
		my $name = join ' ', map { ref $fault->{$_} ? () : "$_ $fault->{$_}" }
		  sort keys %$fault;
		my $detail = $fate eq 'not'
		  ? qr/^Not applied: 1 \(service account 2 in project 1003 as owner\)\.$/m
		  : qr/^Applied: 0\.\nNot applied: 0\.\nSent, but whether it was applied is not known: 1 \(service account 2 in project 1003 as owner\)\.$/m;

		start_over();
		$test->move if $fault->{headers}; # all sessions would wait
		$simulator->fault(method => 'POST', count => 0, %$fault);
		MixpanelTest::error_is($test->run(add("VALUES (2, 1003, 'owner')")),
			$code, "POST: $name", detail => $detail);
		is($test->count_of('POST'), 1, 'sent once');
	}

	# A DELETE is tried again: an earlier try may have been carried out.
	foreach my $case ([ 500, 'is not known: 1' ], [ 429, 'Not applied: 1' ])
	{
		my ($status, $words) = @$case;

		start_over();
		$test->options(max_retries => 1);
		$simulator->fault(method => 'DELETE', status => $status);
		$simulator->fault(method => 'DELETE', status => 403);
		MixpanelTest::error_is(
			$test->run('DELETE FROM mp.service_accounts WHERE id = 3'),
			'42501', "DELETE: $status, then 403",
			detail => qr/\Q$words\E \(delete service account 3\)/);
		is($test->count_of('DELETE'), 2, 'two tries');
	}

	# libcurl itself repeats it where a connection used before is closed.
	start_over();
	$test->options(max_retries => 0, max_concurrency => 1);
	$simulator->fault(method => 'DELETE', close => 'after');
	$simulator->fault(method => 'DELETE', status => 429);
	MixpanelTest::error_is(
		$test->run('DELETE FROM mp.service_accounts WHERE id = 3'),
		'53400', 'DELETE: closed without an answer, then 429',
		detail => qr/is not known: 1 \(delete service account 3\)/);
	is($test->count_of('DELETE'), 2, 'sent twice');
	is_deeply([ map { /^(\d+)/ } accounts($test) ], [ 1, 2, 4 ], 'it was deleted');
};

# Looking for the culprit reads; that a read fails changes nothing.  A refusal
# may have words like ours.
subtest 'the report, whatever the API says' => sub {
	start_over();
	$test->options(max_retries => 0);
	$simulator->fault(
		method => 'POST',
		status => 400,
		body => { status => 'error', error => 'Applied: 7, Not applied: 0' });
	$simulator->fault(method => 'GET', status => 500);
	MixpanelTest::error_is($test->run(add("VALUES (2, 1003, 'owner')")),
		'22023', 'a read fails',
		detail => qr/^Mixpanel says: Applied: 7, Not applied: 0\nApplied: 0\.\nNot applied: 1 \(/);
	is($test->count_of('POST'), 1, 'sent once');
};

# A refused call is applied to nothing: not even a removal that was to make
# room for the same member with another role.
subtest 'a member who can be neither replaced nor removed' => sub {
	foreach my $write (qw(bulk single))
	{
		my $before = start_over(existing_member_status => 400);
		$test->options(membership_write => $write);
		# the bulk call changes roles of itself
		$simulator->fault(path => 'add-to-project$', status => 400, count => 0);
		$simulator->fault(
			$write eq 'bulk'
			? (path => 'remove-from-project$')
			: (method => 'DELETE'),
			status => 400);
		MixpanelTest::error_is(
			$test->run(q(UPDATE mp.project_memberships SET role = 'owner' WHERE
				service_account_id = 2 AND project_id = 1002)),
			'22023', "$write: refused",
			detail => qr/^(?:Mixpanel says: .*\n)?Applied: 0\.\nNot applied: 1 \(service account 2 in project 1002 as owner\)\.$/);
		is_deeply(state($test), $before, 'nothing is changed');
	}

	# Two, whose removal is refused at first: one by one, and given back.
	my $before = start_over(memberships_per_account => 2);
	$simulator->fault(path => 'add-to-project$', status => 400, count => 2);
	$simulator->fault(path => 'remove-from-project$', status => 400);
	MixpanelTest::error_is(
		$test->run(q(UPDATE mp.project_memberships SET role = 'owner' WHERE
			service_account_id = 3)),
		'22023', 'two: refused',
		detail => qr/^Applied: 0\.\nNot applied: 2 \(/m);
	is( scalar(grep { m!remove-from-project! } map { $_->{path} } @{ $simulator->log }),
		3, 'together, then one by one');
	is_deeply(state($test), $before, 'given back');
};

subtest 'a role that the API does not change' => sub {
	my $update = q(UPDATE mp.project_memberships SET role = '%s' WHERE
		service_account_id = 2 AND project_id = 1002);
	my @reads = ('GET /2 -> 200', 'GET /me?include_workspace_users=false -> 200');
	my $post = sub {
		return "POST /2/projects {\"projectId\":1002,\"role\":\"$_[0]\"} -> $_[1]";
	};
	my $delete = 'DELETE /2/projects/1002 -> 200';

	foreach my $status (409, 400)
	{
		my @look = $status == 400 ? @reads : ();

		start_over(existing_member_status => $status);
		$test->options(membership_write => 'single');
		$test->rows(sprintf $update, 'owner');
		is_deeply([ requests($test) ],
			[ 'GET /2/projects -> 200', $post->('owner', $status), @look,
				$delete, $post->('owner', 200) ],
			"$status: removed and added again");
		ok((grep { $_ eq '2 1002 owner' } $simulator->memberships),
			'with its new role');

		# The second step fails: the role of before the transaction.
		my $before = start_over(existing_member_status => $status);
		$test->options(membership_write => 'single');
		$simulator->fault(method => 'POST', status => 403, nth => 2);
		my $result = $test->run('BEGIN;'
			  . sprintf($update, 'consumer') . ';' . sprintf($update, 'owner')
			  . '; COMMIT');
		MixpanelTest::error_is($result, '42501', "$status: refused",
			detail => qr/^Applied: 0\.\nNot applied: 1 \(service account 2 in project 1002 as owner\)\.$/);
		is((requests($test))[-1], $post->('analyst', 200), 'restored');
		is_deeply(state($test), $before, 'nothing is changed');

		# So does giving the role back.
		start_over(existing_member_status => $status);
		$test->options(membership_write => 'single');
		$simulator->fault(method => 'POST', status => 403, nth => 2, count => 0);
		MixpanelTest::error_is($test->run(sprintf $update, 'owner'),
			'42501', "$status: not restored",
			detail => qr/^Removed to be added with another role, but not added: 1 \(service account 2 in project 1002 as owner\)\.$/m);
	}
	# Neither answer comes: the member may have its old role, none, or the new.
	foreach my $fault (
		{ method => 'POST', status => 500, nth => 2 },
		{ method => 'DELETE', status => 500, count => 0, after => 1 })
	{
		start_over(existing_member_status => 409);
		$test->options(membership_write => 'single', max_retries => 0);
		$simulator->fault(%$fault,
			exists $fault->{after} ? (after => JSON::PP::true) : ());
		MixpanelTest::error_is($test->run(sprintf $update, 'owner'),
			'HV00M', "$fault->{method}: no usable answer",
			detail => qr/^The answer gives no reason\.\nApplied: 0\.\nNot applied: 0\.\nPerhaps removed to be added with another role, and perhaps added: 1 \(service account 2 in project 1002 as owner\)\.$/);
		ok(!(grep { /^2 1002 / } $simulator->memberships), 'it is removed');
	}

	# Nobody is removed for another's fault.
	my $before = start_over(existing_member_status => 400);
	$test->options(membership_write => 'single');
	$test->rows('BEGIN;' . sprintf $update, 'owner');
	$simulator->remove_account(2);
	MixpanelTest::error_is($test->run('COMMIT'), '23503', 'the account is gone');
	is($test->count_of('DELETE'), 0, 'nothing is removed');
};

subtest 'an account that cannot be deleted again' => sub {
	start_over();
	$simulator->fault(method => 'DELETE', status => 403, count => 0);
	my $offset = -s $test->node->logfile;
	my $result = $test->run("BEGIN; $create; ROLLBACK");
	is_deeply(warnings_of($result), ["WARNING 08006 $undeleted"],
		'a warning');
	is($result->{notices}[0]{hint},
		'Delete the row with id 5 from the foreign table of service accounts.',
		'with a hint');
	like(server_log($test, $offset), qr/WARNING:  \Q$undeleted\E/, 'in the log');
	is_deeply([ (accounts($test))[-1] ], ['5 new consumer'], 'it is there');

	# A 404 does not tell an account that is gone from one that is not shown
	# yet: it is asked for again, and named in the end.
	start_over();
	$test->rows("BEGIN; $create");
	$simulator->remove_account(5);
	$simulator->clear_log;
	$result = $test->run('ROLLBACK');
	is_deeply(warnings_of($result), ["WARNING 08006 $undeleted"],
		'gone: a warning');
	like($result->{notices}[0]{detail},
		qr/^Each attempt was answered with status 404/, 'which says why');
	cmp_ok($test->count_of('DELETE'), '>', 4, 'after some attempts');

	# Nobody is there to be warned.
	start_over();
	$simulator->fault(method => 'DELETE', status => 403, count => 0);
	$offset = -s $test->node->logfile;
	my $session = $test->connect;
	$session->rows("BEGIN; $create");
	$session->crash;
	ok(backend_gone($test, $session->pid), 'the client is gone');
	like(server_log($test, $offset), qr/WARNING:  \Q$undeleted\E/, 'in the log');
};

subtest 'an API that hangs does not hold up an abort for long' => sub {
	start_over();
	my $offset = -s $test->node->logfile;
	my @sessions = map { $test->connect } 1 .. 2;

	# An account in each of three nested transactions, and a plain rollback.
	$sessions[0]->rows("BEGIN; $create; SAVEPOINT a; $create; SAVEPOINT b; $create");
	$sessions[1]->rows("BEGIN; $create");
	$simulator->fault(method => 'DELETE', hang => 'headers', count => 0);
	my $start = time();
	$test->rows('SELECT pg_terminate_backend(' . $sessions[0]->pid . ')');
	my $result = $sessions[1]->run('ROLLBACK');
	my $took = time() - $start;
	cmp_ok($took, '>', 9.5, 'ROLLBACK waits');
	# Each account by itself would take 10 s, an answer minutes.
	cmp_ok($took, '<', 19, 'for ten seconds');
	is_deeply(warnings_of($result), [ 'WARNING 08006 ' . $undeleted =~ s/5/8/r ],
		'and warns');
	ok(backend_gone($test, $sessions[0]->pid), 'the other backend ends');
	cmp_ok(time() - $start, '<', 25, 'as soon');
	my $log = server_log($test, $offset);
	like($log, qr/WARNING:  service account $_ \("new"\)/, "account $_")
	  foreach 5 .. 8;
	$sessions[1]->quit;
};

subtest 'many creates' => sub {
	my $many = q(INSERT INTO mp.service_accounts (username)
		SELECT 'new' FROM generate_series(1, %d) RETURNING length(secret));

	my $before = start_over();
	$test->rows('BEGIN');
	is($test->row_list(sprintf $many, 20), 20, 'twenty');
	$simulator->clear_log;
	$simulator->set(latency_ms => 300);
	is_deeply(warnings_of($test->run('ROLLBACK')), [], 'no warning');
	is($test->count_of('DELETE'), 20, 'all are deleted');
	is($simulator->counts->{max_concurrent}, 8, 'eight at a time');
	is_deeply(state($test), $before, 'nothing is changed');

	# The third is refused, the first two were there.
	$simulator->reset(%seed, latency_ms => 0);
	$simulator->fault(method => 'POST', nth => 3, status => 403);
	is($test->run(sprintf $many, 5)->{code}, '42501', 'one is refused');
	is_deeply(
		[ sort(grep { /^DELETE/ } requests($test)) ],
		[ 'DELETE /5 -> 200', 'DELETE /6 -> 200' ], 'the others are deleted');
	is($test->count_of('POST'), 3, 'and no more are made');
	is_deeply(state($test), $before, 'nothing is changed');

	# Only what cannot be deleted is warned of.
	$simulator->reset(%seed);
	$simulator->fault(method => 'DELETE', path => '/6$', status => 403);
	$test->rows('BEGIN; ' . sprintf $many, 3);
	is_deeply(warnings_of($test->run('ROLLBACK')),
		[ 'WARNING 08006 ' . $undeleted =~ s/5/6/r ], 'one is left');
	is_deeply([ map { /^(\d+)/ } accounts($test) ], [ 1 .. 4, 6 ], 'that one');

	# A passing failure is tried again.
	$simulator->reset(%seed);
	$simulator->fault(method => 'DELETE', status => 503);
	$test->rows("BEGIN; $create");
	is_deeply(warnings_of($test->run('ROLLBACK')), [], 'no warning');
	is_deeply(state($test), $before, 'nothing is changed');
};

subtest 'the way is cleared for deletions' => sub {
	start_over();
	$test->rows('CREATE FUNCTION look() RETURNS bigint LANGUAGE plpgsql AS $$
		DECLARE found bigint; BEGIN
		SELECT count(*) INTO found FROM mp.project_memberships; RETURN found;
		END $$');
	$simulator->fault(method => 'GET', path => '/projects$', hang => 'headers',
		count => 0);
	$test->options(max_concurrency => 2);
	foreach my $begin ('BEGIN', 'BEGIN; SAVEPOINT a')
	{
		$simulator->clear_log;
		my $session = $test->session->begin("$begin; $create; SELECT look()");
		ok($simulator->wait_for_in_flight(2), "$begin: reads hang");
		my $start = time();
		$test->connect->rows(
			'SELECT pg_cancel_backend(' . $session->pid . ')');
		my $result = $session->end;
		is($result->{code}, '57014', 'cancelled');
		cmp_ok(time() - $start, '<', SOON, 'at once');
		is_deeply([ grep { $_->{level} eq 'WARNING' } @{ $result->{notices} } ], [], 'no warning');
		like((requests($test))[-1], qr/^DELETE .* 200$/,
			'the account is deleted');
		$test->rows('ROLLBACK');
	}
	is(scalar(accounts($test)), 4, 'accounts are as before');
};

subtest 'cancel and terminate during COMMIT' => sub {
	my $change = "BEGIN; $create; " . add("VALUES (2, 1003, 'owner')")
	  . '; DELETE FROM mp.project_memberships WHERE service_account_id = 3; '
	  . 'DELETE FROM mp.service_accounts WHERE id = 4; COMMIT';
	my $told = <<'END' =~ s/\n\z//r;
Applied: 1 (service account 3 out of project 1003).
Not applied: 1 (delete service account 4).
Sent, but whether it was applied is not known: 1 (service account 2 in project 1003 as owner).
END

	foreach my $way ('cancel', 'terminate')
	{
		start_over();
		my $other = $test->connect;
		$test->options(max_concurrency => 1);
		$simulator->fault(method => 'POST', path => '/add-to-project$',
			hang => 'headers');
		my $offset = -s $test->node->logfile;
		my $session = $test->session->begin($change);
		ok(MixpanelTest::wait_until(
				sub { grep { m!/add-to-project.* none! } requests($test) }),
			"$way: it hangs");
		$other->rows("SELECT pg_${way}_backend(" . $session->pid . ')');
		my $result = $session->end;
		if ($way eq 'cancel')
		{
			MixpanelTest::error_is($result, '57014', 'cancelled');
			is($result->{detail}, $told, 'the detail');
		}
		else
		{
			is($result->{code}, '57P01', 'terminated');
			ok(MixpanelTest::wait_until(
					sub {
						$other->rows('SELECT count(*) FROM pg_stat_activity '
							  . 'WHERE pid = ' . $session->pid) eq '0';
					}),
				'the backend has ended');
			my $log = server_log($test, $offset) =~ s/\n\t/\n/gr;
			like($log, qr/WARNING:  COMMIT was cut short while changes were being sent to Mixpanel\n.*DETAIL:  \Q$told\E/,
				'in the log');
		}
		is(scalar(grep { /DELETE/ } requests($test)), 1, 'one deletion');
		is((requests($test))[-1], 'DELETE /5 -> 200',
			'that of the account created');
		is_deeply([ map { /^(\d+)/ } accounts($test) ], [ 1 .. 4 ], 'accounts');
		$other->quit;
		$test->fresh;
	}
};

subtest 'a failure after all was sent' => sub {
	start_over();
	my ($one, $two) = ($test->connect, $test->connect);
	$one->rows('CREATE TABLE skew (i int)');
	$_->rows('BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT sum(i) FROM skew; '
		  . 'INSERT INTO skew VALUES (1)')
	  foreach ($one, $two);
	$one->rows($create);
	$one->rows(add("VALUES (2, 1003, 'owner')"));
	$two->rows('COMMIT');
	my $result = $one->run('COMMIT');
	is($result->{code}, '40001', 'not serializable');
	is_deeply(
		warnings_of($result),
		['WARNING 01000 the transaction was rolled back after its changes had been sent to Mixpanel'],
		'a warning');
	is($result->{notices}[0]{detail},
		"Applied: 1 (service account 2 in project 1003 as owner).\nNot applied: 0.",
		'what was applied');
	is((requests($test))[-1], 'DELETE /5 -> 200', 'the account is deleted again');
	is_deeply($one->run('SELECT 1')->{notices}, [], 'told once');
	$_->quit foreach ($one, $two);
};

subtest 'a create that is under way' => sub {
	my $before = start_over();

	foreach my $way ('cancel', 'terminate', 'statement_timeout')
	{
		my $session = $test->connect;

		$simulator->reset(%seed);
		$simulator->fault(method => 'POST', delay_ms => 3000);
		$session->rows('SET statement_timeout = 1500')
		  if $way eq 'statement_timeout';
		$session->begin($create);
		ok($simulator->wait_for_in_flight(1), "$way: under way");
		$test->rows("SELECT pg_${way}_backend(" . $session->pid . ')')
		  if $way ne 'statement_timeout';
		my $result = $session->end;
		is($result->{code}, $way eq 'terminate' ? '57P01' : '57014', $way);
		ok(backend_gone($test, $session->pid), 'the backend ends')
		  if $way eq 'terminate';
		is_deeply([ grep { $_->{level} eq 'WARNING' } @{ $result->{notices} } ], [], 'no warning');
		is_deeply([ requests($test) ],
			[ 'POST  {"username":"new"} -> 201', 'DELETE /5 -> 200' ],
			'the account is deleted again');
		is_deeply(state($test), $before, 'nothing is changed');
		$session->quit unless $way eq 'terminate';
	}

	# No answer ever: a second cancel ends the wait for it.
	foreach my $after (0, 1)
	{
		$simulator->reset(%seed);
		$simulator->fault(method => 'POST', hang => 'headers',
			$after ? (after => JSON::PP::true()) : ());
		my $session = $test->connect->begin($create);
		my $cancel = 'SELECT pg_cancel_backend(' . $session->pid . ')';
		ok($simulator->wait_for_in_flight(1), 'it hangs');
		my $start = time();
		$test->rows($cancel)
		  while $session->is_busy && time() < $start + SOON;
		my $result = $session->end;
		cmp_ok(time() - $start, '<', SOON, 'the wait ends');
		is($result->{code}, '57014', 'cancelled');
		is_deeply(warnings_of($result), ["WARNING 08006 $perhaps"], 'a warning');
		$session->quit;
	}

	# Waiting to be sent again: it is not sent again.
	$simulator->reset(%seed);
	$simulator->fault(method => 'POST', status => 429,
		headers => { 'Retry-After' => '2' });
	my $session = $test->connect->begin($create);
	ok(MixpanelTest::wait_until(
			sub { grep { / -> 429$/ } requests($test) }), 'it backs off');
	$test->rows('SELECT pg_cancel_backend(' . $session->pid . ')');
	my $result = $session->end;
	is($result->{code}, '57014', 'cancelled');
	is_deeply([ grep { $_->{level} eq 'WARNING' } @{ $result->{notices} } ], [], 'no warning');
	is_deeply([ requests($test) ], ['POST  {"username":"new"} -> 429'],
		'sent once');
	$session->quit;

	# Cut short while looking for what became of it.
	$simulator->reset(%seed);
	$simulator->fault(method => 'POST', status => 500);
	$simulator->fault(method => 'GET', hang => 'headers');
	$session = $test->connect->begin($create);
	ok(MixpanelTest::wait_until(
			sub { grep { /^GET/ } requests($test) }), 'the list hangs');
	$test->rows('SELECT pg_cancel_backend(' . $session->pid . ')');
	$result = $session->end;
	is($result->{code}, '57014', 'cancelled');
	is_deeply(warnings_of($result), ["WARNING 08006 $perhaps"], 'a warning');
	$session->quit;
};

$test->stop;
done_testing();
