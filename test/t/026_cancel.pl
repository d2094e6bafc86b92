# pg_cancel_backend, statement_timeout and pg_terminate_backend while a
# statement waits for the network, in every phase: it ends soon, and the
# session can be used as before.

use strict;
use warnings;

use IO::Socket::INET;
use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use constant SOON => 3;		# seconds; what is waited for takes 20 or more

my $test = MixpanelTest->new('cancel', accounts => 50);
my $simulator = $test->simulator;
my $watcher = $test->connect;

# A listener whose queue is full: connecting to it never ends.
my $full = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
  // die "no socket: $!";
my @queue = map {
	IO::Socket::INET->new(
		PeerAddr => '127.0.0.1',
		PeerPort => $full->sockport,
		Blocking => 0)
} 1 .. 8;

# One that takes connections and says nothing.
my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 50)
  // die "no socket: $!";

my $list = 'SELECT count(*) FROM mp.service_accounts';
my $fan_out = 'SELECT count(*) FROM mp.project_memberships';
my $add = 'INSERT INTO mp.project_memberships '
  . '(service_account_id, project_id, role) VALUES (%d, 1001, \'admin\')';

# What is waited for: how to bring it about, a statement, and what tells that
# it waits there.
my @phases = (
	{
		name => 'waiting for headers',
		fault => { hang => 'headers' },
		sql => $list,
		in_flight => 1,
	},
	{
		name => 'in the middle of a body',
		fault => { hang => 'body' },
		sql => $list,
		in_flight => 1,
	},
	{
		name => 'in backoff',
		fault => { status => 503, headers => { 'Retry-After' => '25' } },
		sql => $list,
		requests => 1,
	},
	{
		name => 'in a fan-out',
		fault => { path => '/projects$', count => 0, hang => 'headers' },
		sql => $fan_out,
		in_flight => 8,
	},
	{
		name => 'in a scan with a cursor',
		fault => { path => '/projects$', count => 0, hang => 'headers' },
		sql => "BEGIN; DECLARE c CURSOR FOR SELECT * FROM "
		  . 'mp.project_memberships; FETCH 1 FROM c',
		in_flight => 8,
	},
	{
		name => 'connecting',
		base_url => 'http://127.0.0.1:' . $full->sockport,
		sql => $list,
	},
	{
		name => 'in a TLS handshake',
		base_url => 'https://127.0.0.1:' . $silent->sockport,
		sql => $list,
	},
	{
		name => 'waiting for the first byte',
		base_url => 'http://127.0.0.1:' . $silent->sockport,
		sql => $list,
	},
	{
		name => 'at COMMIT',
		fault => { method => 'POST', hang => 'headers' },
		sql => sprintf($add, 9),
		in_flight => 1,
		commit => 1,
	},
	{
		name => 'at an explicit COMMIT of deletions',
		fault => { method => 'DELETE', count => 0, hang => 'headers' },
		sql => 'BEGIN; DELETE FROM mp.service_accounts '
		  . 'WHERE id BETWEEN 31 AND 45; COMMIT',
		in_flight => 8,
		commit => 1,
	},
	{
		name => 'in the read of a DELETE',
		fault => { hang => 'headers' },
		sql => 'DELETE FROM mp.service_accounts WHERE id = 7',
		in_flight => 1,
	},
	{
		name => 'in ANALYZE',
		fault => { hang => 'body' },
		sql => 'ANALYZE mp.service_accounts',
		in_flight => 1,
	},
	{
		name => 'in mixpanel_sa_fdw_check()',
		fault => { hang => 'headers' },
		sql => 'SELECT count(*) FROM mixpanel_sa_fdw_check(\'mixpanel\')',
		in_flight => 1,
	},
);

# What ends it, and what the session hears.
my %ways = (
	cancel => { code => '57014', message => qr/user request/ },
	timeout => { code => '57014', message => qr/statement timeout/ },
	terminate => { code => '57P01', message => qr/administrator command/ },
);

# Does the session wait where the phase says?
sub is_there
{
	my ($phase, $pid) = @_;
	my $counts = $simulator->counts;

	return 0 if ($phase->{in_flight} // 0) != $counts->{in_flight};
	return 0
	  if defined $phase->{requests}
	  && $phase->{requests} != $counts->{requests};
	return $watcher->rows('SELECT wait_event_type = \'Extension\' '
		  . "FROM pg_stat_activity WHERE pid = $pid") eq 't';
}

# Brings the phase about in a session, ends it in one of the ways, and returns
# the result and the seconds that the ending took.
sub end_in
{
	my ($phase, $way, $session) = @_;

	$simulator->fault(%{ $phase->{fault} }) if $phase->{fault};
	$session->rows('SET statement_timeout = \'300ms\'') if $way eq 'timeout';
	my $start = time() + 0.3;
	$session->begin($phase->{sql});
	if ($way ne 'timeout')
	{
		MixpanelTest::wait_until(sub { is_there($phase, $session->pid) })
		  or die "$phase->{name}: not reached\n";
		$start = time();
		$watcher->rows("SELECT pg_${way}_backend(" . $session->pid . ')');
	}
	my $result = $session->end;
	return ($result, time() - $start);
}

sub check_phase
{
	my ($phase, $way) = @_;

	$test->start_over;
	$test->options(base_url => $phase->{base_url}) if $phase->{base_url};
	my $session = $test->connect;
	my ($result, $seconds) = end_in($phase, $way, $session);

	MixpanelTest::error_is($result, $ways{$way}{code}, 'error',
		message => $ways{$way}{message});
	cmp_ok($seconds, '<', SOON, 'it ends soon');
	ok($simulator->wait_for_in_flight(0), 'no request is left')
	  or diag(explain($simulator->counts));
	$simulator->clear_faults;
	$test->default_options if $phase->{base_url};
	if ($way eq 'terminate')
	{
		ok($result->{lost}, 'the session is gone');
		$session = $test->connect;
	}
	$session->rows('ROLLBACK; SET statement_timeout = 0');
	is($session->rows($list), 50, 'a list in the session');
	is($session->rows($fan_out), 100, 'a fan-out in the session');
	$session->quit;
	return;
}

foreach my $phase (@phases)
{
	foreach my $way (sort keys %ways)
	{
		# COMMIT itself is outside of statement_timeout.
		next if $way eq 'timeout' && $phase->{commit};
		subtest "$phase->{name}: $way" => sub { check_phase($phase, $way) };
	}
}

subtest 'what a cancelled COMMIT says' => sub {
	my %phase = (
		name => 'commit',
		fault => { method => 'POST', nth => 3, hang => 'headers' },
		sql => join('; ', 'BEGIN', map({ sprintf $add, $_ } 5 .. 9), 'COMMIT'),
		in_flight => 1,
	);

	$test->start_over;
	$test->options(membership_write => 'single', max_concurrency => 1);
	my ($result) = end_in(\%phase, 'cancel', $test->session);
	MixpanelTest::error_is(
		$result, '57014', 'error',
		detail => qr/^Applied: 2 \(service account 5 in project 1001 as admin; service account 6 in project 1001 as admin\)\.\nNot applied: 2 \(.*\)\.\nSent, but whether it was applied is not known: 1 \(service account 7 in project 1001 as admin\)\.$/);
	$simulator->clear_faults;
	is($test->rows('SELECT count(*) FROM mixpanel_sa_fdw_pending()'), 0,
		'nothing is queued any more');
};

subtest 'a session that ends leaves nothing behind' => sub {
	$test->start_over;
	$simulator->fault(path => '/projects$', count => 0, hang => 'headers');
	my $session = $test->connect;
	my $pid = $session->pid;

	$session->begin($fan_out);
	ok($simulator->wait_for_in_flight(8), 'a fan-out is under way');
	$session->crash;
	# The server looks for a lost client only where it is told to.
	$watcher->rows("SELECT pg_terminate_backend($pid)");
	ok($simulator->wait_for_in_flight(0), 'its requests are given up');
	ok( MixpanelTest::wait_until(
			sub {
				$watcher->rows('SELECT count(*) FROM pg_stat_activity '
					  . "WHERE pid = $pid") eq '0';
			}),
		'and its process ends');
};

# ---- leaks ----

sub descriptors
{
	my ($pid) = @_;

	opendir(my $folder, "/proc/$pid/fd") or die "/proc/$pid/fd: $!";
	my $count = grep { /^\d+$/ } readdir $folder;
	closedir $folder;
	return $count;
}

sub resident_kb
{
	my ($pid) = @_;

	return slurp_file("/proc/$pid/status") =~ /VmRSS:\s+(\d+)/ ? $1 : 0;
}

subtest '200 cancelled statements leave no descriptor and no memory' => sub {
	plan skip_all => 'no /proc' unless -d '/proc/self/fd';
	$test->start_over;
	$simulator->set(latency_ms => 8);
	my $session = $test->session;
	my $cancelled = 0;
	my $round = sub {
		my ($count) = @_;
		my $result = $session->run(join '; ',
			'SET statement_timeout = \'20ms\'',
			($fan_out) x $count,
			'SET statement_timeout = 0');

		$cancelled += () = $result->{raw} =~ /^ERROR:  57014/mg;
	};

	$round->(50);
	my ($first_files, $first_memory) =
	  (descriptors($session->pid), resident_kb($session->pid));
	$cancelled = 0;
	$round->(200);
	is($cancelled, 200, 'all were cancelled');
	cmp_ok(descriptors($session->pid), '<=', $first_files + 8,
		'descriptors: no more than a connection for each request at once');
	cmp_ok(resident_kb($session->pid) - $first_memory, '<', 2048,
		'memory, in kB');
	is($session->rows($fan_out), 100, 'the session can be used');
};

$watcher->quit;
$test->stop;
done_testing();
