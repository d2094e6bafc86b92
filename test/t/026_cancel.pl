# What ends a statement that waits for the network: cancel, statement_timeout,
# termination, a client that is gone, fast shutdown.  In every phase it ends
# soon, sends nothing any more, says what became of changes, and leaves a
# session that can be used as before.

use strict;
use warnings;

use MixpanelProcess qw(can_look count_threads);
use MixpanelTest;
use MixpanelTransaction qw(backend_gone server_log);
use MixpanelWait;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use constant SOON => 30;	# seconds; what is waited for takes minutes

plan skip_all => 'needs /proc' unless can_look();

my $hangs = MixpanelWait::hang_resolver(PostgreSQL::Test::Utils::tempdir());
note('without a resolver that hangs') unless $hangs;
my $test = MixpanelTest->new('cancel', verify => 0, config => MixpanelWait::config());
my $wait = MixpanelWait->new($test);

# There is room for 32; some hold back what comes for minutes.
sub forget_quotas
{
	$test->fresh;
	$test->node->restart;
	return;
}

# A place where a session waits: what was there before, to compare with.
sub enter_all
{
	my ($prepare, @phases) = @_;

	forget_quotas();
	return map {
		my $session = $wait->session($_);

		$session->rows($prepare) if $prepare;
		$wait->enter($_, $session);
		{
			phase => $_,
			session => $session,
			requests => $_->{simulator}->counts->{requests},
			state => $_->{simulator}->state,
		}
	} @phases;
}

# Nothing was sent or changed after the end, and nothing is under way, but for
# what the phase's other session has.
sub nothing_followed
{
	my ($place, $is_down) = @_;
	my $phase = $place->{phase};
	my $simulator = $phase->{simulator};
	my $others = $phase->{stays} && !$is_down ? 1 : 0;

	ok($simulator->wait_for_in_flight($others), 'no request is left')
	  or diag(explain($simulator->counts));
	is($wait->quota($phase, 'in_flight, waiting'),
		"$others|0", 'nor in the quota')
	  if $phase->{waiting} && !$is_down;
	is($simulator->counts->{requests}, $place->{requests},
		'nothing was sent any more');
	is_deeply($simulator->state, $place->{state}, 'nothing is changed');
	return;
}

# The session in the phase's place works as any other.
sub session_works
{
	my ($place, $session) = @_;

	$wait->heal($place->{phase});
	$session->rows('ROLLBACK; SET statement_timeout = 0');
	is( $session->rows('SELECT count(*) FROM mixpanel_sa_fdw_pending()'),
		0, 'nothing is queued');
	is($session->rows('SELECT count(*) FROM service_accounts'),
		MixpanelWait::ACCOUNTS, 'a list');
	is($session->rows('SELECT count(*) FROM project_memberships'),
		2 * MixpanelWait::ACCOUNTS, 'a fan-out');
	return;
}

# What a client hears at the end: an error, and warnings.
sub end_is
{
	my ($place, $code, $message) = @_;
	my ($phase, $result) = @{$place}{qw(phase result)};
	my %wanted = (message => $message);

	$wanted{detail} = $phase->{commit}
	  if $phase->{commit} && $code eq '57014';
	MixpanelTest::error_is($result, $code, 'the error', %wanted);
	my @warnings =
	  map { $_->{message} } grep { $_->{level} eq 'WARNING' }
	  @{ $result->{notices} };
	if ($phase->{warns} && $code eq '57014')
	{
		is(scalar @warnings, 1, 'a warning');
		like($warnings[0], $phase->{warns}, 'its words');
	}
	elsif ($code eq '57014')
	{
		is_deeply(\@warnings, [], 'no warning');
	}
	return;
}

# Where nobody is there to be told, the log says what became of changes.
sub log_tells
{
	my ($log, @places) = @_;
	my @told = $log =~
	  /WARNING:  COMMIT was cut short while changes were being sent to Mixpanel\n.*?DETAIL:  (.*?)\n(?!\t)/sg;
	my @commits = grep { $_->{phase}{commit} } @places;

	s/\n\t/\n/g foreach @told;
	is(scalar @told, scalar @commits, 'each COMMIT is told of');
	foreach my $place (@commits)
	{
		my $detail = $place->{phase}{commit};
		my ($found) = grep { $told[$_] =~ $detail } 0 .. $#told;

		ok(defined $found, "what it had done $place->{phase}{name}")
		  or diag(explain(\@told));
		splice @told, $found, 1 if defined $found;
	}
	unlike($log, qr/PANIC|terminated by signal/, 'no crash');
	return;
}

subtest 'the plans are those that are meant' => sub {
	foreach my $phase (grep { $_->{plan} } $wait->phases)
	{
		like($wait->session($phase)->rows("EXPLAIN $phase->{sql}"),
			$phase->{plan}, $phase->{name});
	}
};

subtest 'cancel' => sub {
	foreach my $place (enter_all('', $wait->phases))
	{
		my $session = $place->{session};

		subtest $place->{phase}{name} => sub {
			my $start = time();

			$test->rows('SELECT pg_cancel_backend(' . $session->pid . ')');
			$place->{result} = $session->end;
			cmp_ok(time() - $start, '<', SOON, 'it ends soon');
			end_is($place, '57014', qr/due to user request$/);
			nothing_followed($place);
			session_works($place, $session);
			$session->quit;
		};
	}
};

subtest 'statement_timeout' => sub {
	forget_quotas();
	# COMMIT itself is outside of it.
	my @places = map {
		my $session = $wait->session($_);

		$wait->arm($_);
		$session->rows('SET statement_timeout = \'400ms\'');
		$session->begin($_->{sql});
		{ phase => $_, session => $session };
	} grep { !$_->{commit} } $wait->phases;
	my $start = time();

	$_->{result} = $_->{session}->end foreach @places;
	cmp_ok(time() - $start, '<', SOON, 'all end soon');
	foreach my $place (@places)
	{
		subtest $place->{phase}{name} => sub {
			my $simulator = $place->{phase}{simulator};

			MixpanelTest::error_is($place->{result}, '57014', 'the error',
				message => qr/due to statement timeout$/);
			my $others = $place->{phase}{stays} ? 1 : 0;
			ok($simulator->wait_for_in_flight($others), 'no request is left');
			session_works($place, $place->{session});
			$place->{session}->quit;
		};
	}
};

subtest 'termination' => sub {
	my @places = enter_all('', $wait->phases);
	my $offset = -s $test->node->logfile;

	foreach my $place (@places)
	{
		my $session = $place->{session};

		subtest $place->{phase}{name} => sub {
			my $start = time();

			$test->rows('SELECT pg_terminate_backend(' . $session->pid . ')');
			$place->{result} = $session->end;
			ok(backend_gone($test, $session->pid), 'the backend ends');
			cmp_ok(time() - $start, '<', SOON, 'it ends soon');
			end_is($place, '57P01', qr/administrator command$/);
			ok($place->{result}{lost}, 'the session is gone');
			nothing_followed($place);
		};
	}
	log_tells(server_log($test, $offset), @places);
};

subtest 'a client that is gone' => sub {
	my $check = 'SET client_connection_check_interval = 50';
	my $possible = $test->run($check)->{code} eq '';

	$test->rows('RESET client_connection_check_interval') if $possible;
	plan skip_all => 'this server does not look for it' unless $possible;
	my @places = enter_all($check, $wait->phases);
	my $offset = -s $test->node->logfile;
	my $start = time();

	$_->{session}->crash foreach @places;
	ok(backend_gone($test, $_->{session}->pid), $_->{phase}{name})
	  foreach @places;
	cmp_ok(time() - $start, '<', SOON, 'they end soon');
	nothing_followed($_) foreach @places;
	my $log = server_log($test, $offset);
	my @lost = $log =~ /FATAL:  connection to client lost/g;
	is(scalar @lost, scalar @places, 'each connection is missed');
	log_tells($log, @places);
};

subtest 'fast shutdown' => sub {
	my @places = enter_all('', $wait->phases);
	my $offset = -s $test->node->logfile;

	$test->fresh;
	my $start = time();
	$test->node->stop('fast');
	cmp_ok(time() - $start, '<', SOON, 'the server ends soon');
	foreach my $place (@places)
	{
		subtest $place->{phase}{name} => sub {
			$place->{result} = $place->{session}->end;
			end_is($place, '57P01', qr/administrator command$/);
			nothing_followed($place, 1);
		};
	}
	log_tells(server_log($test, $offset), @places);
	$test->node->start;
	session_works($places[0], $wait->session($places[0]{phase}));
};

# ---- what is not ended at once, so that it can be undone ----

my $simulator = $test->simulator;
my $create = q(INSERT INTO mp.service_accounts (username) VALUES ('new') )
  . 'RETURNING length(secret)';
my $copy = 'COPY mp.service_accounts (username) FROM STDIN;' . "\nnew\n\\.\n"
  . 'SELECT 1';
my $add = 'INSERT INTO mp.project_memberships '
  . '(service_account_id, project_id, role) VALUES (%d, 1001, \'admin\')';

# Wait until the log has so many requests of a method, answered or not.
sub has_come
{
	my ($method, $count) = @_;

	return MixpanelTest::wait_until(
		sub { $test->count_of($method) == $count });
}

subtest 'a COPY FROM that creates' => sub {
	$test->start_over;
	my $before = $simulator->state;
	$simulator->fault(method => 'POST', delay_ms => 1000);
	my $session = $test->connect;
	$session->rows('SET mixpanel_sa_fdw.allow_unreturned_secret = on');
	$session->begin($copy);
	ok(has_come('POST', 1), 'a create is under way');
	$test->rows('SELECT pg_cancel_backend(' . $session->pid . ')');
	my $result = $session->end;
	is($result->{code}, '57014', 'cancelled');
	is_deeply([ grep { $_->{level} eq 'WARNING' } @{ $result->{notices} } ], [], 'no warning');
	is_deeply([ map { s! .* -> ! !r } $test->calls ],
		[ 'POST 201', 'DELETE 200' ], 'created, and deleted again');
	is_deeply($simulator->state, $before, 'nothing is changed');
	is($session->rows('SELECT count(*) FROM mp.service_accounts'), 10, 'a list');
	$session->quit;
};

subtest 'deleting what was created is not cut short' => sub {
	$test->start_over;
	my $before = $simulator->state;
	my $session = $test->connect;
	$session->rows("BEGIN; $create");
	$simulator->fault(method => 'DELETE', delay_ms => 1000);
	$session->begin('ROLLBACK');
	ok(has_come('DELETE', 1), 'it is under way');
	$test->rows('SELECT pg_cancel_backend(' . $session->pid . ')');
	my $result = $session->end;
	is_deeply([ grep { $_->{level} eq 'WARNING' } @{ $result->{notices} } ], [], 'no warning');
	is_deeply($simulator->state, $before, 'nothing is changed');
	is($session->rows('SELECT count(*) FROM mp.service_accounts'), 10, 'a list');
	$session->quit;
};

# What the whole cluster may send is used up; an undo goes before all else.
foreach my $call ('pg_cancel_backend', 'pg_terminate_backend')
{
	foreach my $limit ('rate_limit', 'shared_concurrency')
	{
		subtest "$call: what was created is deleted, $limit or not" => sub {
			$test->start_over->move;
			my $before = $simulator->state;
			my $other = $test->connect;
			my $session = $test->connect;

			$test->options(max_retry_wait => '120min',
				$limit => $limit eq 'rate_limit' ? '2/h' : 1);
			$session->rows("BEGIN; $create");
			$simulator->fault(method => 'GET', hang => 'headers');
			$other->begin('TABLE mp.service_accounts');
			ok($simulator->wait_for_in_flight(1), 'another has the last');
			$session->begin('TABLE mp.service_accounts');
			ok( MixpanelTest::wait_until(
					sub {
						$test->rows('SELECT sum(waiting) '
							  . 'FROM mixpanel_sa_fdw_quota()') eq '1';
					}),
				'it waits for the quota');
			$test->rows("SELECT $call(" . $session->pid . ')');
			is_deeply(
				[
					grep { $_->{level} eq 'WARNING' }
					  @{ $session->end->{notices} }
				],
				[],
				'no warning');
			ok(backend_gone($test, $session->pid), 'the backend ends')
			  if $call eq 'pg_terminate_backend';
			is_deeply($simulator->state, $before, 'nothing is changed');
			is( $test->rows('SELECT sum(waiting), sum(in_flight) '
					  . 'FROM mixpanel_sa_fdw_quota()'),
				'0|1', 'nothing is left but what the other has');
			$test->rows('SELECT pg_cancel_backend(' . $other->pid . ')');
			is($other->end->{code}, '57014', 'the other');
			$_->quit foreach $session, $other;
		};
	}
}

subtest 'a fast shutdown waits for both' => sub {
	$test->start_over;
	my $before = $simulator->state;
	my @sessions = map { $test->connect } 1 .. 3;
	my $offset = -s $test->node->logfile;

	$sessions[0]->rows("BEGIN; $create");
	$simulator->fault(method => 'DELETE', delay_ms => 1500);
	$simulator->fault(method => 'POST', count => 2, delay_ms => 1500);
	$sessions[2]->rows('SET mixpanel_sa_fdw.allow_unreturned_secret = on');
	$sessions[0]->begin('ROLLBACK');
	$sessions[1]->begin($create);
	$sessions[2]->begin($copy);
	ok(has_come('POST', 3) && has_come('DELETE', 1), 'all are under way');
	$test->fresh;
	my $start = time();
	$test->node->stop('fast');
	cmp_ok(time() - $start, '<', SOON, 'the server ends soon');
	$_->end foreach @sessions;
	is($test->count_of('DELETE'), 3, 'what was created is deleted');
	is_deeply($simulator->state, $before, 'nothing is changed');
	unlike(server_log($test, $offset), qr/WARNING/, 'nothing to warn of');
	$test->node->start;
};

subtest 'a client that is gone during a create' => sub {
	$test->start_over;
	my $before = $simulator->state;
	$simulator->fault(method => 'POST', delay_ms => 1000);
	my $session = $test->connect;
	plan skip_all => 'this server does not look for it'
	  if $session->run('SET client_connection_check_interval = 50')->{code};
	$session->begin($create);
	ok(has_come('POST', 1), 'it is under way');
	$session->crash;
	ok(backend_gone($test, $session->pid), 'the backend ends');
	is($test->count_of('DELETE'), 1, 'what was created is deleted');
	is_deeply($simulator->state, $before, 'nothing is changed');
};

# ---- other ends ----

subtest 'what a cancelled COMMIT says' => sub {
	$test->start_over;
	$test->options(membership_write => 'single', max_concurrency => 1);
	$simulator->fault(method => 'POST', nth => 3, hang => 'headers');
	my $session = $test->connect;
	$session->begin(
		join '; ', 'BEGIN', map({ sprintf $add, $_ } 5 .. 9), 'COMMIT');
	ok(has_come('POST', 3), 'the third hangs');
	$test->rows('SELECT pg_cancel_backend(' . $session->pid . ')');
	MixpanelTest::error_is(
		$session->end, '57014', 'error',
		detail => qr/^Applied: 2 \(service account 5 in project 1001 as admin; service account 6 in project 1001 as admin\)\.\nNot applied: 2 \(.*\)\.\nSent, but whether it was applied is not known: 1 \(service account 7 in project 1001 as admin\)\.$/);
	$simulator->clear_faults;
	is($session->rows('SELECT count(*) FROM mixpanel_sa_fdw_pending()'), 0,
		'nothing is queued any more');
	$session->quit;
};

subtest 'a cancel that is caught' => sub {
	$test->start_over;
	$simulator->fault(path => '/projects$', count => 0, hang => 'headers');
	my $session = $test->connect->begin(sprintf <<'SQL', sprintf $add, 9);
DO $$
BEGIN
	%s;
	BEGIN
		PERFORM count(*) FROM mp.project_memberships;
	EXCEPTION WHEN query_canceled THEN
		RAISE NOTICE 'caught';
	END;
	RAISE NOTICE '%% accounts', (SELECT count(*) FROM mp.service_accounts);
END $$
SQL
	ok($simulator->wait_for_in_flight(8), 'a fan-out is under way');
	$test->rows('SELECT pg_cancel_backend(' . $session->pid . ')');
	my $result = $session->end;
	is($result->{code}, '', 'no error');
	is_deeply([ map { $_->{message} } @{ $result->{notices} } ],
		[ 'caught', '10 accounts' ], 'the transaction goes on');
	ok($simulator->wait_for_in_flight(0), 'no request is left');
	ok((grep { $_ eq '9 1001 admin' } $simulator->memberships),
		'what it had queued is sent');
	$session->quit;
};

subtest 'lock_timeout' => sub {
	$test->start_over;
	my $before = $simulator->state;
	$test->rows('CREATE TABLE locked (); BEGIN; LOCK TABLE locked');
	my $session = $test->connect;
	$session->rows('SET lock_timeout = 50');
	$simulator->fault(delay_ms => 200);
	$session->rows('BEGIN; ' . sprintf $add, 9);
	is($session->rows('SELECT count(*) FROM mp.service_accounts'), 10,
		'is not about waits for the API');
	is($session->run('LOCK TABLE locked')->{code}, '55P03', 'the error');
	$session->rows('ROLLBACK');
	is($test->count_of('POST'), 0, 'nothing was sent');
	is_deeply($simulator->state, $before, 'nothing is changed');
	$session->quit;
};

subtest 'idle_in_transaction_session_timeout' => sub {
	$test->start_over;
	my $before = $simulator->state;
	$simulator->fault(path => '/projects$', nth => 3, count => 0,
		hang => 'headers');
	my $session = $test->connect;
	$session->rows("BEGIN; $create; " . sprintf($add, 9)
		  . '; DECLARE c CURSOR FOR SELECT * FROM mp.project_memberships '
		  . 'WHERE service_account_id < 11');
	$session->rows('FETCH 2 FROM c');
	# In an idle session nothing takes the place of what has been answered.
	ok(MixpanelTest::wait_until(
			sub { $simulator->counts->{in_flight} >= 6 }),
		'a fan-out is under way');
	$session->rows('SET idle_in_transaction_session_timeout = 50');
	ok(backend_gone($test, $session->pid), 'the backend ends');
	my $result = $session->run('SELECT 1');
	is($result->{code}, '25P03', 'the error');
	ok($result->{lost}, 'the session is gone');
	ok($simulator->wait_for_in_flight(0), 'no request is left');
	is_deeply([ grep { !/^GET/ } map { s! .* -> ! !r } $test->calls ],
		[ 'POST 201', 'DELETE 200' ], 'created, and deleted again');
	is_deeply($simulator->state, $before, 'nothing is changed');
};

subtest 'transaction_timeout' => sub {
	plan skip_all => 'this server does not know it'
	  if $test->rows('SELECT count(*) FROM pg_settings '
		  . 'WHERE name = \'transaction_timeout\'') == 0;
	$test->start_over;
	$simulator->fault(hang => 'headers');
	my $session = $test->connect;
	$session->rows('SET transaction_timeout = 200');
	my $result = $session->run('SELECT count(*) FROM mp.service_accounts');
	is($result->{code}, '25P04', 'the error');
	ok(backend_gone($test, $session->pid), 'the backend ends');
	ok($simulator->wait_for_in_flight(0), 'no request is left');
};

subtest 'a thread that resolves a name outlives the statement' => sub {
	my ($phase) =
	  grep { ($_->{url} // '') eq 'hanging_name' } $wait->phases;
	plan skip_all => 'needs cc and LD_PRELOAD' unless $phase;
	my $session = $wait->session($phase);
	my $before = count_threads($session->pid);
	my $file = PostgreSQL::Test::Utils::tempdir() . '/descriptors';
	my $inherited = sub {
		$session->rows("COPY (SELECT 1) TO PROGRAM 'ls -l /proc/self/fd >$file'");
		return scalar grep { /socket:/ } split /\n/, slurp_file($file);
	};
	my $plain = $inherited->();

	foreach my $round (1 .. 3)
	{
		$wait->enter($phase, $session);
		$test->rows('SELECT pg_cancel_backend(' . $session->pid . ')');
		is($session->end->{code}, '57014', 'cancelled');
	}
	$wait->heal($phase);
	is($session->rows('SELECT count(*) FROM service_accounts'),
		MixpanelWait::ACCOUNTS, 'a list');
	cmp_ok(count_threads($session->pid), '>', $before, 'threads are left');
	is($inherited->(), $plain, 'programs do not get their sockets');
	MixpanelWait::release_resolver();
	ok( MixpanelTest::wait_until(
			sub { count_threads($session->pid) == $before }),
		'until the resolver has answered');
	is($session->rows('SELECT count(*) FROM service_accounts'),
		MixpanelWait::ACCOUNTS, 'a list afterwards');
	$session->quit;
};

$test->stop;
done_testing();
