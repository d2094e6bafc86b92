# One quota for all sessions: what the server asks of one holds back all, what
# the options allow is never exceeded, and nobody is left without.

use strict;
use warnings;

use JSON::PP ();
use MixpanelSimulator;
use MixpanelTest;
use Test::More;

use constant SESSIONS => 8;
use constant LOOKUPS => 48;

my $test = MixpanelTest->new('quota',
	accounts => 450,
	config => "shared_preload_libraries = 'mixpanel_sa_fdw'\n"
	  . "restart_after_crash = on\n");
my $simulator = $test->simulator;
my $check = 'SELECT detail FROM mixpanel_sa_fdw_check(\'mixpanel\') '
  . 'WHERE item = \'options\'';
my $number = 0;

# A quota lives as long as the cluster, so each case has an organization of its
# own, in which nothing has happened.
sub limited_place
{
	my ($settings, %options) = @_;

	$number++;
	$test->start_over(accounts => 450, organization => 1000 + $number,
		%$settings);
	$test->options(organization_id => 1000 + $number, %options);
	return;
}

# The row of mixpanel_sa_fdw_quota() for it.
sub quota
{
	my ($columns, $session) = @_;

	return ($session // $test)->rows("SELECT $columns "
		  . 'FROM mixpanel_sa_fdw_quota() '
		  . "WHERE organization_id = 1000 + $number");
}

# So many lookups, each a request.
sub lookups
{
	my ($first, $count) = @_;

	return 'SELECT count(DISTINCT service_account_id) FROM mp.project_memberships WHERE service_account_id = ANY (ARRAY['
	  . join(',', $first .. $first + $count - 1) . '])';
}

# Sessions that look up at once; what failed.
sub load
{
	my ($sessions, $count) = @_;
	my @sessions = map { $test->connect } 1 .. $sessions;
	my @failures;

	$sessions[$_]->begin('SET enable_seqscan = on; '
		  . lookups(2 + $_ * $count, $count))
	  foreach 0 .. $#sessions;
	foreach my $session (@sessions)
	{
		my $result = $session->end;

		push @failures, MixpanelTest::describe($result) if $result->{code};
		push @failures, "rows: $result->{rows}"
		  unless $result->{code} || $result->{rows} == $count;
		$session->quit;
	}
	return \@failures;
}

sub refused
{
	return scalar grep { ($_->{status} // 0) == 429 } @{ $simulator->log };
}

sub sent { return scalar @{ $simulator->log }; }

# While all of the sessions of load() want something: the fewest answers that
# one of them was given, and an equal share.
sub least_share
{
	my ($sessions, $count) = @_;
	my @lookups = map {
		{ session => int(($_->{path} =~ m{/service-accounts/(\d+)/}
				  ? $1 - 2 : -1) / $count), status => $_->{status} // 0 }
	} grep { $_->{path} =~ m{/service-accounts/\d+/} }
	  sort { $a->{started_ms} <=> $b->{started_ms} } @{ $simulator->log };
	my (%begun, %given, $total);

	foreach my $lookup (@lookups)
	{
		my $all = keys %begun == $sessions;

		$begun{ $lookup->{session} } = 1;
		next unless $all && $lookup->{status} == 200;
		$total++;
		$given{ $lookup->{session} }++;
		last if $given{ $lookup->{session} } == $count / 2;
	}
	my ($least) = sort { $a <=> $b }
	  map { $given{$_} // 0 } 0 .. $sessions - 1;
	return ($least, $total / $sessions);
}

subtest 'eight sessions, the server gives 30 a second' => sub {
	limited_place({ rate_limit => 30 });
	is_deeply(load(SESSIONS, LOOKUPS), [], 'no statement fails');
	limited_place({ rate_limit => 30 }, rate_limit => '30/s');
	is_deeply(load(SESSIONS, LOOKUPS), [], 'nor with the option');
	cmp_ok(refused(), '<=', 8, 'and hardly a request is refused');
	is(quota('shared, in_flight, waiting, requests, refused'),
		join('|', 't', 0, 0, sent(), refused()), 'it is counted');

	my ($least, $share) = least_share(SESSIONS, LOOKUPS);
	cmp_ok($share, '>=', LOOKUPS / 4, 'the sessions want something together');
	cmp_ok($least, '>=', $share / 2, 'none gets less than half of its share');
	note "$least of $share";
};

subtest 'one session, the server gives 5 a second' => sub {
	limited_place({ rate_limit => 5, accounts => 60 });
	my $result = $test->run('SELECT count(DISTINCT service_account_id) '
		  . 'FROM mp.project_memberships');

	is(MixpanelTest::describe($result) . " $result->{rows}", 'no error 60',
		'all 60 accounts, by the defaults');

	# Where it never gives anything, the retries are used up.
	limited_place({}, max_retries => 2);
	$simulator->fault(status => 429, count => 0);
	MixpanelTest::error_is($test->run('TABLE mp.service_accounts'), '53400',
		'without a word of when to come again',
		message => qr/after 3 tries/, hint => qr/"rate_limit"/);
	is(sent(), 3, 'it is sent three times');
};

subtest 'Retry-After holds back all sessions' => sub {
	foreach my $status (429, 503)
	{
		limited_place({});
		$simulator->fault(status => $status, headers => { 'Retry-After' => '2' });
		my @sessions = map { $test->connect } 1 .. 3;

		$sessions[0]->begin(lookups(2, 20));
		MixpanelTest::wait_until(
			sub { grep { ($_->{status} // 0) == $status } @{ $simulator->log } });
		MixpanelTest::wait_until(sub { quota('not_before IS NOT NULL') eq 't' });
		$_->begin(lookups(2, 20)) foreach @sessions[ 1, 2 ];
		is($_->end->{rows}, 20, "$status: rows") foreach @sessions;
		$_->quit foreach @sessions;

		my ($first) =
		  grep { ($_->{status} // 0) == $status } @{ $simulator->log };
		# The end is noted when the client may have had the answer for a while,
		# so two seconds are counted from the beginning.  Requests of its own
		# were on their way already.
		my @after = grep { $_->{started_ms} > $first->{started_ms} + 1000 }
		  @{ $simulator->log };
		my @early =
		  grep { $_->{started_ms} < $first->{started_ms} + 2000 } @after;

		cmp_ok(@after, '>=', 40, 'the others were sent afterwards');
		is(@early, 0, 'none before the time had come');
	}
};

subtest 'a long Retry-After is remembered' => sub {
	limited_place({});
	$simulator->fault(status => 429, headers => { 'Retry-After' => '3600' });
	MixpanelTest::error_is($test->run(lookups(2, 1)), '53400', 'refused');
	my $count = sent();

	foreach my $session ($test->session, $test->connect)
	{
		MixpanelTest::error_is($session->run(lookups(3, 20)), '53400',
			'the next as well', detail => qr/wait until .* for 3[56]\d\d s more/);
	}
	is(sent(), $count, 'without being sent');
	is(quota('not_before > now() + interval \'50 min\''), 't', 'it is shown');
	$test->move;
	is($test->rows(lookups(3, 2)), 2, 'another base URL is another quota');
};

subtest 'rate_limit' => sub {
	limited_place({}, rate_limit => '60/h');
	my $sql = 'SELECT count(*) FROM mp.service_accounts';

	is($test->rows($sql), 450, 'a request') foreach 1 .. 60;
	my $result = $test->run($sql);
	MixpanelTest::error_is($result, '53400', 'one more',
		message => qr/^option "rate_limit" of server "mixpanel" stopped GET /,
		detail => qr/^It may be sent at \d{4}-.*, in \d\d s; option "max_retry_wait" allows 30000 ms\.$/);
	is(sent(), 60, 'is not sent');
	is(quota('floor(tokens), requests, refused'), '0|60|0', 'it is shown');
	MixpanelTest::error_is($test->connect->run($sql), '53400',
		'nor by another session');

	# A higher one counts at once, for all.
	$test->options(rate_limit => '1000/s');
	is($test->rows($sql), 450, 'where the limit is raised, it is sent');
	is($test->connect->run($sql)->{rows}, 450, 'by others too');

	# What was created is deleted again all the same.
	limited_place({}, rate_limit => '1/h');
	$result = $test->run('BEGIN; INSERT INTO mp.service_accounts (username) '
		  . 'VALUES (\'new\') RETURNING id, secret; ROLLBACK');
	is($test->count_of('DELETE'), 1, 'an undo waits for no token');
	is_deeply([ grep { $_->{level} eq 'WARNING' } @{ $result->{notices} } ],
		[], 'and succeeds');

	# The number of COMMIT's requests is what counts there.
	limited_place({}, rate_limit => '4/h');
	$result = $test->run('DELETE FROM mp.service_accounts WHERE id IN (2, 3, 4)');
	MixpanelTest::error_is($result, '53400', 'a COMMIT that is stopped',
		detail => qr/Not applied: /);
};

subtest 'a wait can be cancelled, and is named' => sub {
	my $event = $test->node->pg_version >= 17 ? 'MixpanelQuota' : 'Extension';

	limited_place({}, rate_limit => '1/min', max_retry_wait => '2min');
	$test->rows('SELECT count(*) FROM mp.service_accounts');
	my $session = $test->connect;
	my $pid = $session->pid;

	$session->begin('SELECT count(*) FROM mp.service_accounts');
	ok( MixpanelTest::wait_until(
			sub {
				quota('waiting') eq '1' && $test->rows('SELECT wait_event '
					  . "FROM pg_stat_activity WHERE pid = $pid") eq $event;
			}),
		'it waits for the quota');

	# Meanwhile somebody asks who has no rate_limit.
	$test->options(rate_limit => undef);
	is($test->rows('SELECT count(*) FROM mp.service_accounts'), 450,
		'without the option nobody waits');
	$test->rows("SELECT pg_cancel_backend($pid)");
	MixpanelTest::error_is($session->end, '57014', 'cancelled');
	is(quota('waiting, in_flight'), '0|0', 'nobody waits any more');
	is(sent(), 2, 'it was not sent');

	$test->options(rate_limit => '1/min');
	$session->begin('SELECT count(*) FROM mp.service_accounts');
	ok(MixpanelTest::wait_until(sub { quota('waiting') eq '1' }), 'once more');
	$test->rows("SELECT pg_terminate_backend($pid)");
	$session->end;
	ok(MixpanelTest::wait_until(sub { quota('waiting') eq '0' }),
		'a session that ends waits no more');
};

subtest 'shared_concurrency' => sub {
	limited_place({ latency_ms => 20, concurrency_limit => 3 },
		shared_concurrency => 3);
	is_deeply(load(6, 20), [], 'no statement fails');
	is(refused(), 0, 'and no request is refused');
	is(quota('in_flight, waiting'), '0|0', 'nothing is left');

	# A list that nobody reads on keeps its slot; its own session needs another.
	limited_place({ accounts => 450 }, shared_concurrency => 1);
	is($test->rows('SELECT count(*) FROM mp.service_accounts a, LATERAL ('
			  . 'SELECT 1 FROM mp.service_accounts b WHERE b.id = a.id '
			  . 'OFFSET 0) b WHERE a.id < 10'),
		9, 'a nested loop with one slot');
	is(quota('in_flight, waiting'), '0|0', 'nothing is left');
};

subtest 'a backend that is killed keeps nothing' => sub {
	limited_place({}, shared_concurrency => 2);
	$simulator->fault(hang => 'headers', path => '/projects$', count => 0);
	my $session = $test->connect;

	$session->begin(lookups(2, 20));
	ok(MixpanelTest::wait_until(sub { quota('in_flight') eq '2' }),
		'two in flight');
	$test->rows('SELECT pg_terminate_backend(' . $session->pid . ')');
	$session->end;
	ok(MixpanelTest::wait_until(sub { quota('in_flight, waiting') eq '0|0' }),
		'SIGTERM');

	$session = $test->connect;
	$session->begin(lookups(2, 20));
	ok(MixpanelTest::wait_until(sub { quota('in_flight') eq '2' }),
		'two in flight');
	kill 'KILL', $session->pid;
	$session->end;
	$simulator->clear_faults;
	$test->fresh;
	ok(MixpanelTest::wait_until(
			sub { ($test->node->psql('postgres', 'SELECT 1'))[0] == 0 }),
		'SIGKILL: the server begins anew');
	is($test->rows(lookups(2, 10)), 10, 'with all slots');
};

subtest 'what is said of it' => sub {
	limited_place({}, rate_limit => '1/s');
	my $plan = $test->rows('EXPLAIN (ANALYZE, COSTS OFF) '
		  . 'SELECT * FROM mp.project_memberships '
		  . 'WHERE service_account_id IN (2, 3)');
	like($plan, qr/API Quota Wait Time: \d+\.\d+ ms/, 'EXPLAIN');
	like($test->rows($check), qr/; the quota is shared by all sessions/, 'check');

	# Whose quota one may see.  Other wrappers have no part in it, should their
	# library be gone.
	$test->rows(<<'SQL');
CREATE FUNCTION gone() RETURNS fdw_handler
	AS '$libdir/mixpanel_sa_fdw', 'mixpanel_sa_fdw_version' LANGUAGE C;
CREATE FOREIGN DATA WRAPPER gone HANDLER gone;
CREATE SERVER gone FOREIGN DATA WRAPPER gone;
GRANT USAGE ON FOREIGN SERVER gone TO PUBLIC;
SET allow_system_table_mods = on;
UPDATE pg_proc SET probin = '$libdir/gone' WHERE proname = 'gone';
RESET allow_system_table_mods;
CREATE ROLE plain;
CREATE ROLE monitor IN ROLE pg_monitor;
SQL
	my $mine = "SELECT count(*) FROM mixpanel_sa_fdw_quota() "
	  . "WHERE organization_id = 1000 + $number";
	is($test->rows("SET ROLE plain; $mine; RESET ROLE"), 0, 'not a stranger');
	is($test->rows("SET ROLE monitor; $mine; RESET ROLE"), 1, 'pg_monitor');
	$test->rows('GRANT USAGE ON FOREIGN SERVER mixpanel TO plain');
	is($test->rows("SET ROLE plain; $mine; RESET ROLE"), 1, 'USAGE');
	is($test->rows('SET ROLE plain; SELECT count(*) FROM '
			  . 'mixpanel_sa_fdw_quota(); RESET ROLE'),
		1, 'and no other');
	$test->rows('CREATE FOREIGN TABLE of_another (id bigint) SERVER mixpanel '
		  . 'OPTIONS (object \'service_accounts\', organization_id \'1001\')');
	# whatever comes of it
	$test->run('TABLE of_another');
	is($test->rows('SET ROLE plain; SELECT count(*) FROM '
			  . 'mixpanel_sa_fdw_quota(); RESET ROLE'),
		2, 'but for those of its tables');
};

# More places than there is room for: the idle ones make room.
subtest 'many places' => sub {
	limited_place({});
	foreach my $i (1 .. 40)
	{
		$test->move;
		$test->rows(lookups(2, 1));
	}
	is($test->rows('SELECT count(*) BETWEEN 30 AND 32, bool_and(shared) '
			  . 'FROM mixpanel_sa_fdw_quota()'),
		't|t', 'the oldest go');
};

# Without the library preloaded: before 17 each session is by itself.
subtest 'not preloaded' => sub {
	my $shared = $test->node->pg_version >= 17 ? 't' : 'f';

	$test->fresh;
	$test->node->adjust_conf('postgresql.conf', 'shared_preload_libraries', '\'\'');
	$test->node->restart;
	limited_place({});
	like($test->rows($check),
		$shared eq 't' ? qr/; the quota is shared/ : qr/; the quota is not shared/,
		'check');
	is(quota('shared'), $shared, 'shared');
	limited_place({ rate_limit => 5, accounts => 60 }, rate_limit => '5/s');
	is($test->rows('SELECT count(DISTINCT service_account_id) '
			  . 'FROM mp.project_memberships'),
		60, 'a session keeps its own');
	cmp_ok(refused(), '<=', 4, 'and hardly a request is refused');
};

$test->stop;
done_testing;
