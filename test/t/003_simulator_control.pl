# The API simulator itself: its control path, its log, simctl, and how it starts
# and ends.  Needs no PostgreSQL.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use IPC::Open3;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use MixpanelSimulator;
use Test::More;

my $org = '/organizations/123/service-accounts';
my $basic = encode_base64(MixpanelSimulator::LOGIN, '');
my $simctl = $ENV{MP_SIMCTL} // "$FindBin::RealBin/../simulator/simctl";
my $sim = MixpanelSimulator->start(
	epoch => '2024-01-15T10:30:00Z',
	accounts => 5);

# Status of a call, for the shortest of assertions.
sub status_of
{
	return $sim->api(@_)->{status};
}

subtest 'control' => sub {
	$sim->reset(
		accounts => 3,
		first_account_id => 500,
		organization => 7,
		organizations => 2,
		projects => 2,
		first_project_id => 30,
		memberships_per_account => 1,
		username => 'me',
		secret => 'pw');
	is_deeply(
		[ map { "$_->{id} $_->{organization_id} $_->{username}" }
			  @{ $sim->state->{accounts} } ],
		[
			'500 7 me',
			'501 7 bot-501',
			'502 7 bot-502',
			'503 8 bot-503',
			'504 8 bot-504',
			'505 8 bot-505'
		],
		'a seed');
	is_deeply(
		[ $sim->memberships ],
		[
			'500 30 admin',
			'501 31 analyst',
			'502 30 consumer',
			'503 32 admin',
			'504 33 analyst',
			'505 32 consumer'
		],
		'its memberships');
	is(
		$sim->api(
			'GET', '/organizations/7/service-accounts', undef,
			login => 'me:pw')->{status},
		200,
		'its admin');
	my $first = $sim->state;
	$sim->reset;
	is(scalar @{ $sim->state->{accounts} }, 5, 'reset goes to the start');

	foreach my $case (
		[ 'POST', 'reset', { acounts => 1 }, 'unknown setting "acounts"' ],
		[
			'POST', 'reset',
			{ document => 'x' },
			'bad value "x" for "document"'
		],
		[
			'POST', 'set',
			{ accounts => 1 },
			'"accounts" belongs to the seed: use reset'
		],
		[ 'POST', 'set', { latency_ms => [] }, '"latency_ms" must be a scalar' ],
		[ 'POST', 'set', [], 'the body must be a JSON object' ],
		[ 'GET', 'nonsense', undef, 'no command GET /control/nonsense' ],
		[
			'POST', 'faults',
			{ statsu => 1 },
			'fault: field "statsu" is not known'
		],
		[
			'POST', 'faults',
			{ status => 700 },
			'fault: "status" is from 200 to 599'
		],
		[ 'POST', 'faults', { raw => '?' }, 'fault: "raw" is no base64' ],
		[
			'POST', 'faults',
			{ path => '(' },
			'fault: "path" is no regular expression'
		],
		[
			'POST', 'memberships',
			[ { service_account_id => 1, project_id => 9, role => 'x' } ],
			'there is no such account or project'
		],
		[
			'POST', 'accounts',
			[ { id => 1, username => 'x' } ],
			'service account 1 exists'
		],
		[ 'DELETE', 'accounts/99', undef, 'no such service account' ],
		[ 'DELETE', 'memberships/1/1003', undef, 'no such membership' ])
	{
		my ($method, $path, $body, $reason) = @$case;
		is(eval { $sim->control($method, $path, $body); 1 },
			undef, "$method $path is refused");
		is($@, "simulator: $reason\n", 'with a reason');
	}
	like(
		eval { $sim->fault(hang => 'x') } // $@,
		qr/"hang" is headers or body/,
		'unknown way');
	like(
		eval { $sim->fault(cut => 1, drip_ms => 1) } // $@,
		qr/only one of/,
		'two ways');

	$sim->add_memberships([ 3, 1001, 'analyst' ]);
	ok((grep { $_ eq '3 1001 analyst' } $sim->memberships), 'a membership');
	$sim->remove_membership(3, 1001);
	ok(!(grep { /^3 1001/ } $sim->memberships), 'taken away');
	$sim->remove_account(3);
	is(status_of('GET', "$org/3"), 404, 'an account taken away');
	is($first->{accounts}[1]{expires}, '2024-01-14T10:30:00Z', 'expired');
	is($first->{accounts}[2]{expires}, '2024-01-22T10:30:00Z', 'soon');
};

subtest 'log and counts' => sub {
	$sim->reset;
	$sim->api('POST', $org,
		{ username => 'x', token => 'hush', projects => [ { secret => 1 } ] });
	$sim->api('GET', "$org/4");
	$sim->api('GET', '/me?include_workspace_users=false');
	$sim->api('GET', $org, undef, login => 'a:b');
	$sim->api('POST', $org, '{');

	my $log = $sim->log;
	is_deeply(
		[ map { "$_->{n} $_->{method} $_->{path} $_->{status}" } @$log ],
		[
			"1 POST $org 400",
			"2 GET $org/4 200",
			"3 GET /me 200",
			"4 GET $org 401",
			"5 POST $org 400"
		],
		'in order');
	is_deeply(
		$log->[0]{body},
		{
			username => 'x',
			token => '***',
			projects => [ { secret => '***' } ]
		},
		'secrets are masked');
	is($log->[2]{query}, 'include_workspace_users=false', 'the query');
	is($log->[1]{user}, 'admin-bot.mp-service-account', 'who asked');
	is($log->[3]{user}, undef, 'nobody');
	ok($log->[1]{started_ms} <= $log->[1]{ended_ms}
		  && $log->[1]{ended_ms} <= $log->[2]{started_ms}, 'times');
	is(
		join(' ', $sim->requests),
		"POST $org GET $org/4 GET /me?include_workspace_users=false"
		  . " GET $org POST $org",
		'requests()');
	unlike(JSON::PP->new->encode($log), qr/admin-secret|hush|\Q$basic\E/,
		'no secret');

	my $counts = $sim->counts;
	is($counts->{requests}, 5, 'requests');
	is($counts->{connections}, 1, 'one connection was kept alive');
	is($counts->{max_concurrent}, 1, 'one after the other');
	is_deeply(
		$counts->{by_call},
		{
			'GET /me' => 1,
			'GET /organizations/{org}/service-accounts' => 1,
			'GET /organizations/{org}/service-accounts/{id}' => 1,
			'POST /organizations/{org}/service-accounts' => 2,
		},
		'by call');
	$sim->clear_log;
	is_deeply($sim->log, [], 'cleared');
	is_deeply($sim->counts->{by_call}, {}, 'with the counts');
	$sim->api('GET', "$org/nonsense/x");
	is($sim->counts->{by_call}{'GET other'}, 1, 'other calls');
	is($sim->counts->{connections}, 1, 'the connection counts again');
};

# Runs simctl and returns its output, or that of its complaint.
sub simctl
{
	my $pid = open3(my $in, my $out, undef, $simctl, $sim->port, @_);
	my $text = do { local $/; readline $out };

	waitpid $pid, 0;
	return $text;
}

subtest 'simctl' => sub {
	is(simctl('reset', 'accounts=2', 'memberships_per_account=1'), '', 'reset');
	is(simctl('state'), <<'END', 'state');
account 1 admin-bot.mp-service-account admin
account 2 bot-2 analyst
member 1 1001 admin
member 2 1002 analyst
END
	simctl('account', 'username=007', 'id=70', 'expires=null');
	simctl('member', 70, 1001, 'consumer');
	simctl('unmember', 1, 1001);
	simctl('remove', 2);
	is(simctl('state', 'accounts'),
		"account 1 admin-bot.mp-service-account admin\n"
		  . "account 70 007 consumer\n", 'accounts');
	is(simctl('state', 'memberships'),
		"member 70 1001 consumer\n", 'memberships');

	is(simctl('fault', 'method=POST', 'status=503', 'count=3',
			'headers.Retry-After=1'), '', 'fault');
	is(simctl('fault', 'close=before', 'path=/70$'), '', 'another');
	my $answer = $sim->api('POST', "$org/add-to-project", { b => 1, a => 2 });
	is($answer->{headers}{'retry-after'}, 1, 'acts');
	is(simctl('faults'), <<'END', 'faults');
POST any seen 1 used 1 of 3
any /70$ seen 0 used 0 of 1
END
	$sim->exchange(2, 'GET', "$org/70");
	$sim->api('GET', '/me?include_workspace_users=false');
	is(simctl('log'), <<"END", 'log');
POST $org/add-to-project {"a":2,"b":1} -> 503
GET $org/70 -> none
GET /me?include_workspace_users=false -> 200
END
	is(simctl('counts'), <<'END', 'counts');
requests 3
1 GET /me
1 GET /organizations/{org}/service-accounts/{id}
1 POST /organizations/{org}/service-accounts/add-to-project
END
	like(simctl('counts', '--all'), qr/^max_concurrent 1$/m, 'counts --all');
	is(simctl('log', '--paths', '--clear'), <<"END", 'log --paths --clear');
GET /me?include_workspace_users=false -> 200
GET $org/70 -> none
POST $org/add-to-project -> 503
END
	is(simctl('log'), '', 'cleared');
	simctl('clear');
	is(simctl('faults'), '', 'clear');
	is(simctl('set', 'document=nested'), '', 'set');
	is(simctl('set', 'accounts=3'),
		"simctl: simulator: \"accounts\" belongs to the seed: use reset\n",
		'a complaint');
	like(simctl('nonsense'), qr/^usage/, 'usage');
};

subtest 'how it starts and ends' => sub {
	my $program = MixpanelSimulator::program();
	my $pid = open3(my $in, my $out, undef,
		$program, '--die-with-stdin', '--document=bulk', '--port', '0');

	like(scalar readline $out, qr/^listening on 127\.0\.0\.1:\d+\n$/, 'line');
	close $in;
	is(scalar(readline $out), undef, 'nothing else');
	waitpid $pid, 0;
	is($?, 0, 'ends with its input');

	$pid = open3($in, $out, undef, $program, '--acounts', '3');
	like(scalar readline $out, qr/unknown setting "acounts"/, 'bad option');
	my @rest = readline $out;
	waitpid $pid, 0;
	is($? >> 8, 2, 'is refused');
	ok((grep { /--memberships-per-account VALUE/ } @rest), 'with the usage');

	# A hanging request must not keep it from ending.
	$sim->reset;
	$sim->fault(hang => 'headers', count => 0);
	$sim->fault(hang => 'body', count => 0);
	my $socket = $sim->open_socket;
	syswrite $socket, $sim->request_text('GET', $org);
	ok($sim->wait_for_in_flight(1), 'a request hangs');
	is($sim->stop, 0, 'ends on SIGTERM');
	is((MixpanelSimulator::read_all($socket))[0], '', 'the request ends without an answer');
};

done_testing();
