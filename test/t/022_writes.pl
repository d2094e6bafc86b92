# Writing: how often a POST is sent whatever becomes of it, how few calls a set
# of memberships takes, and that no call grants or takes what was not asked for.

use strict;
use warnings;

use JSON::PP ();
use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $org = '/organizations/123/service-accounts';
my $test = MixpanelTest->new('writes', verify => 0,
	accounts => 6, projects => 4, epoch => '2024-01-15T10:30:00Z');
my $simulator = $test->simulator;
my $true = JSON::PP::true;

# How often each kind of call is in the log, as one string.
sub tally
{
	my %count;

	foreach my $entry (@{ $simulator->log })
	{
		(my $path = $entry->{path}) =~ s|^\Q$org\E||;
		$path =~ s|/\d+|/N|g;
		$count{"$entry->{method} $path"}++;
	}
	return join ', ', map { "$_: $count{$_}" } sort keys %count;
}


sub count_named
{
	my ($name) = @_;

	return scalar grep { $_->{username} eq $name }
	  @{ $simulator->state->{accounts} };
}

# ---- one POST for one account ----

my $insert = 'INSERT INTO mp.service_accounts (username, role) '
  . 'VALUES (\'ci\', \'analyst\') RETURNING id, secret';

subtest 'one account, one POST' => sub {
	$test->start_over;
	like($test->logged($insert)->{rows}, qr/^7\|[0-9a-f]{32}$/, 'id and secret');
	is(tally(), 'POST : 1', 'one POST');
	is(count_named('ci'), 1, 'one account');
};

# What happens to the answer, and whether the account exists then.
my @losses = (
	[ 'status 500', 0, status => 500 ],
	[ 'status 502', 0, status => 502 ],
	[ 'status 503 without Retry-After', 0, status => 503 ],
	[ 'status 504', 0, status => 504 ],
	[ 'status 500 after all', 1, status => 500, after => $true ],
	[ 'no answer, connection closed', 0, close => 'before' ],
	[ 'no answer after all', 1, close => 'after' ],
	[ 'reset before', 0, reset => 'before' ],
	[ 'reset after', 1, reset => 'after' ],
	[ 'reset in the answer', 1, reset => 'mid' ],
	[ 'answer cut', 1, cut => 20 ],
	[ 'chunked answer cut', 1, cut_chunked => 20 ],
	[ 'no answer in time', 0, hang => 'headers' ],
	[ 'no answer in time after all', 1, hang => 'headers', after => $true ],
	[ 'half an answer in time', 1, hang => 'body', after => $true ],
	[ 'an answer that is no JSON', 1, body => 'done', after => $true ],
	[ 'an answer without an id', 1, body => { status => 'ok' }, after => $true ],
);

# Long enough for the answers that come, on a slow machine; nothing but a fault
# that hangs needs it.
sub give_up_what_hangs
{
	my (%fault) = @_;

	$test->options(request_timeout => '1s') if $fault{hang};
	return;
}

# The id is that of the account that appears, if one does.
sub check_loss
{
	my ($id, $code) = @_;
	my $before = count_named('ci');
	my $result = $test->logged($insert);

	is($test->count_of('POST'), 1, 'one POST');
	is(count_named('ci') - $before, defined $id ? 1 : 0, 'what became of it');
	if (!defined $id)
	{
		MixpanelTest::error_is($result, '08006', 'error',
			message => qr|POST $org is unknown|,
			detail => qr/none with the name "ci" has appeared/,
			hint => qr/WHERE starts_with\(username, 'ci'\)/);
		return;
	}
	MixpanelTest::error_is($result, $code, 'error',
		message => qr|POST $org is unknown|,
		detail => qr/^Service account $id .* its secret is lost/m);
	my ($delete) = ($result->{hint} // '') =~ /(DELETE FROM .* WHERE id = \d+;)/;
	is($delete, "DELETE FROM mp.service_accounts WHERE id = $id;",
		'the hint is a statement');
	$test->rows($delete);
	is(count_named('ci'), $before, 'that removes it');
	return;
}

foreach my $loss (@losses)
{
	my ($name, $exists, %fault) = @{$loss};
	my $code = exists $fault{body} ? 'HV004' : '08006';

	subtest "$name, first request of a session" => sub {
		$test->start_over;
		give_up_what_hangs(%fault);
		$simulator->fault(method => 'POST', %fault);
		check_loss($exists ? 7 : undef, $code);
	};
	subtest "$name, with an idle connection and an old namesake" => sub {
		$test->start_over;
		give_up_what_hangs(%fault);
		$simulator->add_accounts(
			{ username => 'ci', created => '2024-01-01T00:00:00Z' });
		$test->rows('SELECT count(*) FROM mp.service_accounts');
		$simulator->fault(method => 'POST', %fault);
		check_loss($exists ? 8 : undef, $code);
	};
}

# Whoever cannot use an account that was created is left with none.
subtest 'an answer with an id that cannot be used' => sub {
	my %answers = (
		'without a secret' =>
		  [ { id => 7 }, qr/^Record 1 \(id 7\), field "secret": is missing/ ],
		'with an empty secret' => [
			{ id => 7, token => '' },
			qr/^Record 1 \(id 7\), field "secret": is missing/
		],
		'with a bad timestamp' => [
			{ id => 7, token => 'seen-once', created => 'yesterday' },
			qr/^Record 1 \(id 7\), field "created": is not an RFC 3339 timestamp/
		]);

	foreach my $name (sort keys %answers)
	{
		my ($body, $detail) = @{ $answers{$name} };

		$test->start_over;
		$simulator->fault(method => 'POST', body => $body, after => $true);
		my $result = $test->logged($insert);
		MixpanelTest::error_is($result, 'HV004', $name,
			message => qr|^the answer to POST $org is not what|,
			detail => $detail);
		like($result->{detail}, qr/is deleted again\.$/, '... is undone');
		unlike(join(' ', map { $_ // '' } %{$result}), qr/seen-once/,
			'... and shows no secret');
		is(count_named('ci'), 0, '... for certain');
		is($test->count_of('POST'), 1, '... sent once');
	}

	# One that names an account which was there before is not believed.
	$test->start_over;
	$simulator->fault(
		method => 'POST', after => $true,
		body => { id => 3, token => 'x', created => 'yesterday' });
	MixpanelTest::error_is($test->logged($insert), 'HV004', 'a wrong id',
		message => qr/is unknown: the answer to POST/,
		detail => qr/field "created".*\nService account 7 .* its secret is lost/,
		hint => qr/DELETE FROM mp\.service_accounts WHERE id = 7;/);
	is(scalar @{ $simulator->state->{accounts} }, 7, '... deletes nobody');
};

subtest 'idle connections that the server has closed meanwhile' => sub {
	$test->start_over;
	$test->rows('SELECT count(*) FROM mp.project_memberships');
	# The next answer on each idle connection never comes.
	$simulator->fault(method => 'GET', reset => 'before', count => 2);
	is($test->rows('SELECT count(*) FROM mp.service_accounts'), 6,
		'a GET is sent again');
	like($test->rows($insert), qr/^7\|/, 'a POST is not lost on one');
	is($test->count_of('POST'), 1, 'one POST');
};

subtest 'the list fails as well' => sub {
	$test->start_over;
	$test->options(max_retries => 0);
	$simulator->fault(method => 'POST', reset => 'after');
	$simulator->fault(method => 'GET', status => 500, count => 0);
	MixpanelTest::error_is(
		$test->logged($insert), '08006', 'error',
		detail => qr/could not be listed/,
		hint => qr/SELECT id, username, created FROM mp\.service_accounts WHERE starts_with\(username, 'ci'\)/);
	is(tally(), 'GET : 1, POST : 1', 'one POST, one list');
};

subtest 'several of the name have appeared' => sub {
	$test->start_over;
	$simulator->fault(method => 'POST', reset => 'after');
	$simulator->add_accounts({ username => 'ci' });
	MixpanelTest::error_is($test->logged($insert),
		'08006', 'no id is guessed',
		detail => qr/^2 service accounts with the name "ci" have appeared/,
		hint => qr/SELECT id, username, created/);
};

subtest 'a POST that was certainly not carried out is sent again' => sub {
	foreach my $case (
		[ 'status 503 with Retry-After', 503, { 'Retry-After' => '0' } ],
		[ 'status 429 with Retry-After', 429, { 'Retry-After' => '0' } ],
		[ 'status 429 without', 429, {} ])
	{
		my ($name, $status, $headers) = @{$case};

		$test->start_over;
		$simulator->fault(
			method => 'POST', status => $status, headers => $headers);
		like($test->logged($insert)->{rows}, qr/^7\|/, $name);
		is(tally(), 'POST : 2', 'two POSTs');
		is(count_named('ci'), 1, 'one account');
	}

	$test->start_over;
	$test->options(max_retries => 2);
	$simulator->fault(method => 'POST', status => 503, count => 0,
		headers => { 'Retry-After' => '0' });
	MixpanelTest::error_is($test->logged($insert), 'HV00M',
		'503 with Retry-After for ever',
		message => qr/status 503 after 3 tries/);
	is(tally(), 'POST : 3', 'three POSTs, and no list');
};

subtest 'a bulk call whose outcome is unknown is sent once' => sub {
	my $add = 'INSERT INTO mp.project_memberships '
	  . '(service_account_id, project_id, role) VALUES (5, 1003, \'admin\')';

	foreach my $case (
		[ 'HV00M', 'status 500', status => 500 ],
		[ '08006', 'reset before', reset => 'before' ],
		[ '08006', 'reset after', reset => 'after' ],
		[ '08006', 'no answer in time', hang => 'headers' ])
	{
		my ($code, $name, %fault) = @{$case};

		$test->start_over;
		give_up_what_hangs(%fault);
		$test->rows('SELECT count(*) FROM mp.service_accounts');
		$simulator->fault(method => 'POST', %fault);
		MixpanelTest::error_is($test->logged($add), $code, $name,
			message => qr|POST $org/add-to-project|,
			detail => qr/not known: 1 \(service account 5 in project 1003/);
		is(tally(), 'POST /add-to-project: 1', 'one POST');
	}
};

# ---- rectangles ----

my $columns = '(service_account_id, project_id, role)';

subtest '10 accounts in 20 projects' => sub {
	$test->start_over(
		accounts => 12, projects => 20, memberships_per_account => 0);
	$test->logged("INSERT INTO mp.project_memberships $columns "
		  . 'SELECT a, p, \'analyst\' FROM generate_series(2, 11) a, '
		  . 'generate_series(1001, 1020) p ORDER BY a * p % 17');
	is(tally(), 'POST /add-to-project: 1', 'one call adds them');
	is_deeply([ $simulator->memberships ],
		[ map { my $a = $_; map { "$a $_ analyst" } 1001 .. 1020 } 2 .. 11 ],
		'and nothing else');
	$test->logged('DELETE FROM mp.project_memberships '
		  . 'WHERE service_account_id = ANY(ARRAY(SELECT generate_series(2, 11)))');
	is(tally(), 'GET /N/projects: 10, POST /remove-from-project: 1',
		'one call removes them');
	is_deeply([ $simulator->memberships ], [], 'all of them');
};

subtest 'sets that are no rectangle' => sub {
	my @cases = (
		[ 2, 'a corner is missing', [ 2, 1001, 'admin' ], [ 2, 1002, 'admin' ],
			[ 3, 1001, 'admin' ] ],
		[ 2, 'a diagonal', [ 2, 1001, 'admin' ], [ 3, 1002, 'admin' ] ],
		[ 2, 'two roles', [ 2, 1001, 'admin' ], [ 3, 1001, 'analyst' ] ],
		[ 1, 'roles by project', [ 2, 1001, 'admin' ], [ 2, 1002, 'analyst' ],
			[ 3, 1001, 'admin' ], [ 3, 1002, 'analyst' ] ],
		[ 2, 'roles by account', [ 2, 1001, 'admin' ], [ 2, 1002, 'admin' ],
			[ 3, 1001, 'analyst' ], [ 3, 1002, 'analyst' ] ],
		[ 1, 'the last of a pair wins', [ 2, 1001, 'admin' ],
			[ 2, 1001, 'analyst' ] ],
	);

	foreach my $case (@cases)
	{
		my ($calls, $name, @rows) = @{$case};
		my %wanted = map { ("$_->[0] $_->[1]" => $_->[2]) } @rows;

		$test->start_over(memberships_per_account => 0);
		$test->logged("INSERT INTO mp.project_memberships $columns VALUES "
			  . join(', ', map { "($_->[0], $_->[1], '$_->[2]')" } @rows));
		is(tally(), "POST /add-to-project: $calls", "$name: calls");
		is_deeply([ $simulator->memberships ],
			[ sort map { "$_ $wanted{$_}" } keys %wanted ],
			"$name: exactly these");
	}
};

subtest 'deletions run side by side' => sub {
	$test->start_over(accounts => 41);
	$simulator->set(latency_ms => 20);
	my $result =
	  $test->logged('DELETE FROM mp.service_accounts WHERE id > 1');

	is(MixpanelTest::describe($result), 'no error', 'no error');
	is(tally(), 'DELETE /N: 40, GET : 1', 'one list, one call for each');
	is_deeply([ map { $_->{id} } @{ $simulator->state->{accounts} } ],
		[1], 'all but one\'s own are gone');
	my $most = $simulator->counts->{max_concurrent};
	cmp_ok($most, '<=', 8, 'at most 8 at once');
	cmp_ok($most, '>=', 7, 'at least 7 at once');
};

# ---- random sets ----

my @accounts = (2 .. 9);
my @projects = (1001 .. 1008);
my @roles = qw(admin analyst consumer);

sub pick
{
	my ($from) = @_;
	return $from->[ int(rand(@{$from})) ];
}

# {"ACCOUNT PROJECT" => role}: sparse, dense, or made of blocks.
sub random_set
{
	my %set;
	my $kind = int(rand(3));

	if ($kind == 2)
	{
		foreach (1 .. 3)
		{
			my $role = pick(\@roles);
			my @some = grep { rand() < 0.5 } @projects;

			foreach my $account (grep { rand() < 0.5 } @accounts)
			{
				$set{"$account $_"} = $role foreach @some;
			}
		}
		return \%set;
	}
	foreach my $account (@accounts)
	{
		foreach my $project (@projects)
		{
			$set{"$account $project"} = pick(\@roles)
			  if rand() < ($kind ? 0.8 : 0.15);
		}
	}
	return \%set;
}

sub distinct
{
	my %seen;
	return scalar grep { !$seen{$_}++ } @_;
}

# No more calls than distinct accounts, nor than distinct (project, role).
sub call_limit
{
	my ($set) = @_;
	my $by_account = distinct(map { (split / /)[0] } keys %{$set});
	my $by_grant = distinct(map { (split / /)[1] . $set->{$_} } keys %{$set});

	return $by_account < $by_grant ? $by_account : $by_grant;
}

sub listed
{
	my ($set) = @_;
	return [ sort map { "$_ $set->{$_}" } keys %{$set} ];
}

sub check_random_adds
{
	my ($state, $mode) = @_;
	my $set = random_set();
	my @pairs = keys %{$set};

	return unless @pairs;
	my $result = $test->logged("INSERT INTO mp.project_memberships $columns "
		  . 'VALUES '
		  . join(', ', map { s/ /, /r =~ s/^.*$/($&, '$set->{$_}')/r } @pairs));
	my @calls = map { "$_->{method} " . ($_->{path} =~ s|.*/||r) }
	  @{ $simulator->log };

	%{$state} = (%{$state}, %{$set});
	is($result->{code}, '', scalar(@pairs) . ' adds')
	  or diag(MixpanelTest::describe($result));
	is_deeply([ sort $simulator->memberships ], listed($state),
		'state equals the asked set');
	if ($mode eq 'bulk')
	{
		cmp_ok(scalar @calls, '<=', call_limit($set), 'no more calls than due');
		is_deeply([ grep { $_ ne 'POST add-to-project' } @calls ], [],
			'all bulk');
	}
	else
	{
		is_deeply(\@calls, [ ('POST projects') x @pairs ], 'one call for each');
	}
	return;
}

sub check_random_removals
{
	my ($state, $mode) = @_;
	my @pairs = grep { rand() < 0.4 } sort keys %{$state};

	return unless @pairs;
	my $result = $test->logged('DELETE FROM mp.project_memberships '
		  . 'WHERE (service_account_id, project_id) IN ('
		  . join(', ', map { '(' . s/ /, /r . ')' } @pairs) . ')');
	my @calls = grep { !/^GET/ } map { "$_->{method} $_->{path}" }
	  @{ $simulator->log };

	delete @{$state}{@pairs};
	is($result->{code}, '', scalar(@pairs) . ' removals')
	  or diag(MixpanelTest::describe($result));
	is_deeply([ sort $simulator->memberships ], listed($state),
		'state equals what is left');
	is(scalar @calls, $mode eq 'bulk' ? 1 : scalar @pairs,
		$mode eq 'bulk' ? 'one call' : 'one call for each');
	return;
}

foreach my $mode (qw(bulk single))
{
	subtest "random sets, $mode" => sub {
		my %state;

		srand(20240115);
		$test->start_over(
			accounts => 9, projects => 8, memberships_per_account => 0);
		$test->options(membership_write => $mode);
		foreach my $round (1 .. 20)
		{
			check_random_adds(\%state, $mode);
			check_random_removals(\%state, $mode);
		}
	};
}

# ---- guards and fallbacks ----

subtest 'one\'s own account is not deleted' => sub {
	my @statements = (
		'DELETE FROM mp.service_accounts WHERE id = 1',
		'DELETE FROM mp.service_accounts',
		'DELETE FROM mp.service_accounts WHERE created < now() RETURNING id',
		'DELETE FROM bare WHERE key = 1',
		'DELETE FROM bare WHERE key = 1 AND changes_server()',
	);

	$test->rows(<<'SQL');
CREATE FOREIGN TABLE bare (key bigint OPTIONS (field 'id'))
	SERVER mixpanel OPTIONS (object 'service_accounts');
CREATE FUNCTION changes_server() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	ALTER SERVER mixpanel OPTIONS (SET max_retries '1');
	RETURN true;
END
$$;
SQL
	foreach my $document (qw(docs nested bulk all))
	{
		foreach my $statement (@statements)
		{
			$test->start_over(document => $document);
			$test->options(max_retries => 2);
			MixpanelTest::error_is($test->logged($statement),
				'55006', "$document: $statement",
				message => qr/service account 1\b/);
			is($test->count_of('DELETE'), 0, 'nothing is deleted');
		}
	}
	MixpanelTest::error_is($test->run('DELETE FROM bare'), '55006', 'the hint',
		hint => qr/WHERE key <> 1\b/);
	$test->rows('DROP FOREIGN TABLE bare');

	# Each user's own: two views, whose owners have mappings of their own, in
	# one statement.
	$test->start_over(accounts => 10);
	$test->rows(<<'SQL');
CREATE ROLE other;
GRANT USAGE ON FOREIGN SERVER mixpanel TO other;
GRANT USAGE ON SCHEMA mp TO other;
GRANT SELECT, DELETE ON mp.service_accounts TO other;
CREATE USER MAPPING FOR other SERVER mixpanel
	OPTIONS (username 'bot-10', secret 'secret-10');
CREATE VIEW mine AS SELECT * FROM mp.service_accounts;
CREATE VIEW theirs AS SELECT * FROM mp.service_accounts;
ALTER VIEW theirs OWNER TO other;
SQL
	foreach my $first ('mine', 'theirs')
	{
		my ($second, $own) =
		  $first eq 'mine' ? ('theirs', 1) : ('mine', 10);

		MixpanelTest::error_is(
			$test->logged("WITH d AS (DELETE FROM $first WHERE id IN (2, $own) "
				  . "RETURNING id) DELETE FROM $second WHERE id IN (3, 5) "
				  . 'AND (SELECT count(*) FROM d) > 0'),
			'55006', "$first: one's own, whoever reads beside",
			message => qr/service account $own\b/);
		is($test->count_of('DELETE'), 0, 'nothing is deleted');
	}
	$test->rows('DROP VIEW mine, theirs; DROP OWNED BY other; DROP ROLE other');

	# The guard knows when the mapping changes.
	$test->start_over(accounts => 10);
	$test->run('DELETE FROM mp.service_accounts WHERE id = 1');
	$test->rows('ALTER USER MAPPING FOR CURRENT_USER SERVER mixpanel '
		  . 'OPTIONS (SET username \'bot-10\', SET secret \'secret-10\')');
	MixpanelTest::error_is(
		$test->logged('DELETE FROM mp.service_accounts WHERE id = 10'),
		'55006', 'now it is another');
	is($test->logged('DELETE FROM mp.service_accounts WHERE id = 1 '
				  . 'RETURNING id')->{rows}, 1, 'and the first may be deleted');
	my ($username, $secret) = split /:/, MixpanelSimulator::LOGIN;
	$test->rows('ALTER USER MAPPING FOR CURRENT_USER SERVER mixpanel '
		  . "OPTIONS (SET username '$username', SET secret '$secret')");
};

subtest 'membership_write names calls that the server lacks' => sub {
	my $add = "INSERT INTO mp.project_memberships $columns "
	  . 'VALUES (3, 1002, \'admin\')';
	my $remove = 'DELETE FROM mp.project_memberships '
	  . 'WHERE service_account_id = 3 AND project_id = 1003';

	$test->start_over(document => 'nested');
	$test->options(membership_write => 'bulk');
	my @before = $simulator->memberships;
	MixpanelTest::error_is($test->logged($add), 'HV00M', 'bulk add',
		message => qr|POST $org/add-to-project with status 405|);
	is($test->count_of('POST'), 1, 'no single call');
	MixpanelTest::error_is($test->logged($remove), 'HV00M', 'bulk removal',
		message => qr|POST $org/remove-from-project with status 405|);

	$simulator->set(document => 'bulk');
	$test->options(membership_write => 'single');
	MixpanelTest::error_is($test->logged($add), '23503', 'single add',
		message => qr|POST $org/3/projects with status 404|);
	my $result = $test->logged($remove);
	isnt($result->{code}, '', 'single removal');
	is_deeply([ $simulator->memberships ], \@before, 'nothing has changed');
};

foreach my $status (404, 405)
{
	subtest "no bulk calls, said with $status" => sub {
		$test->start_over(
			document => 'nested', missing_route_status => $status);
		my @before = $simulator->memberships;
		my $result = $test->logged("INSERT INTO mp.project_memberships $columns "
			  . 'VALUES (5, 1001, \'admin\'), (5, 1002, \'analyst\')');
		is(MixpanelTest::describe($result), 'no error', 'adds');
		my %state = map { /^(\d+ \d+) (.*)/ } @before;
		$state{'5 1001'} = 'admin';
		$state{'5 1002'} = 'analyst';
		is_deeply([ $simulator->memberships ], listed(\%state), 'are made');

		$result = $test->logged('DELETE FROM mp.project_memberships '
			  . 'WHERE service_account_id IN (5, 6)');
		is(MixpanelTest::describe($result), 'no error', 'removals');
		is_deeply([ $simulator->memberships ],
			[ grep { !/^[56] / } @{ listed(\%state) } ], 'are made');

		$test->logged("INSERT INTO mp.project_memberships $columns "
			  . 'VALUES (6, 1001, \'admin\')');
		is(tally(), 'POST /N/projects: 1', 'remembered for adds');
		$test->logged('DELETE FROM mp.project_memberships '
			  . 'WHERE service_account_id = 6');
		is(tally(), 'DELETE /N/projects/N: 1, GET /N/projects: 1',
			'and for removals');
	};
}

foreach my $status (400, 409)
{
	my $change = 'UPDATE mp.project_memberships SET role = \'owner\' '
	  . 'WHERE service_account_id = 3 AND project_id = 1003';

	subtest "a member is not added again: $status" => sub {
		foreach my $mode (qw(auto single))
		{
			$test->start_over(
				document => 'nested', existing_member_status => $status);
			$test->options(membership_write => $mode);
			my %state = map { /^(\d+ \d+) (.*)/ } $simulator->memberships;
			my $result = $test->logged($change);

			$state{'3 1003'} = 'owner';
			is(MixpanelTest::describe($result), 'no error', "$mode: no error");
			is_deeply([ $simulator->memberships ], listed(\%state),
				"$mode: the role is changed");
			is($test->count_of('DELETE'), 1, "$mode: removed and added");
		}
	};

	subtest "the second step fails: $status" => sub {
		$test->start_over(
			document => 'nested', existing_member_status => $status);
		$test->options(membership_write => 'single');
		my @before = $simulator->memberships;

		$simulator->fault(method => 'POST', path => '/3/projects$', nth => 2,
			status => 403);
		MixpanelTest::error_is($test->logged($change), '42501', 'error',
			message => qr|POST $org/3/projects with status 403|);
		is_deeply([ $simulator->memberships ], \@before, 'the old role is back');
	};
}

# Single calls would carry out a part of what was refused as a whole.
subtest 'a refused set is not sent in parts where /me only fails' => sub {
	$test->start_over;
	$simulator->fault(path => '^/me', status => 403);
	my $before = scalar @{ $simulator->state->{memberships} };
	my $result = $test->logged(
		'INSERT INTO mp.project_memberships '
		  . '(service_account_id, project_id, role) '
		  . "VALUES (2, 1001, 'admin'), (2, 9999, 'admin')");

	MixpanelTest::error_is($result, '23503', 'the refusal is the error');
	is(scalar(grep { /^POST/ } $simulator->requests), 1, 'one POST');
	is(scalar @{ $simulator->state->{memberships} }, $before,
		'nothing was applied');
};

$test->stop;
done_testing();
