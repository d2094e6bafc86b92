# The API simulator itself: its faults, its delays, and how much it bears.
# Needs no PostgreSQL.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use MixpanelSimulator;
use Test::More;
use Time::HiRes qw(time);

my $org = '/organizations/123/service-accounts';
my $sim = MixpanelSimulator->start(accounts => 5);

# Status of a call, for the shortest of assertions.
sub status_of
{
	return $sim->api(@_)->{status};
}

sub create
{
	my ($body) = @_;
	return $sim->api('POST', $org, $body);
}

subtest 'faults: which requests' => sub {
	$sim->reset;
	$sim->fault(status => 500, method => 'GET', path => '/[0-9]+$');
	$sim->fault(status => 503, count => 2);
	$sim->fault(status => 429, path => '^/me\?inc', count => 0);
	is(status_of('GET', $org), 503, 'the second fits');
	is(status_of('GET', "$org/2"), 500, 'the first goes first');
	is(status_of('GET', "$org/2"), 503, 'and is gone');
	is(status_of('GET', "$org/2"), 200, 'both are');
	is(status_of('GET', '/me?include_workspace_users=true'),
		429, 'for ever')
	  foreach 1 .. 3;
	is(status_of('GET', '/me'), 200, 'the query is matched');
	is(scalar @{ $sim->faults }, 1, 'one is left');
	$sim->clear_faults;
	is(status_of('GET', '/me?include_workspace_users=true'),
		200, 'until cleared');

	$sim->fault(status => 500, nth => 3, count => 2);
	is(join(' ', map { status_of('GET', $org) } 1 .. 5),
		'200 200 500 500 200', 'the third and fourth');
	$sim->control('POST', 'faults', [ { status => 501 }, { status => 502 } ]);
	is(join(' ', map { status_of('GET', $org) } 1 .. 3),
		'501 502 200', 'a sequence');
};

subtest 'faults: answers' => sub {
	$sim->reset;
	$sim->fault(
		status => 429,
		headers => { 'Retry-After' => '7' },
		body => '{"status":"error","error":"slow down"}');
	my $answer = $sim->api('GET', $org);
	is("$answer->{status} $answer->{headers}{'retry-after'}",
		'429 7', 'status and header');
	is($answer->{json}{error}, 'slow down', 'body');

	$sim->fault(body => { results => [] });
	is($sim->api('GET', $org)->{content}, '{"results":[]}', 'a JSON body');
	$sim->fault(
		raw => encode_base64("\0\xff\n", ''),
		content_type => 'text/html');
	$answer = $sim->api('GET', $org);
	is($answer->{content}, "\0\xff\n", 'exact bytes');
	is($answer->{headers}{'content-type'}, 'text/html', 'content type');
	$sim->fault(headers => { 'X-Note' => 'a' });
	$answer = $sim->api('GET', "$org/2");
	is("$answer->{status} $answer->{headers}{'x-note'}",
		'200 a', 'a header on the real answer');
	is($answer->{json}{id}, 2, 'which is real');

	$sim->fault(status => 500);
	is(create({ username => 'x' })->{status}, 500, 'not processed');
	is(scalar @{ $sim->state->{accounts} }, 5, 'so not created');
	$sim->fault(status => 500, after => JSON::PP::true);
	is(create({ username => 'x' })->{status}, 500, 'processed');
	is(scalar @{ $sim->state->{accounts} }, 6, 'so created');
	is($sim->log->[-1]{status}, 500, 'the log has what was answered');
};

subtest 'faults: connections' => sub {
	my $length = length $sim->api('GET', "$org/2")->{content};
	my $half = int($length / 2);

	foreach my $case (
		[ reset => 'before', 'reset', 5 ],
		[ reset => 'after', 'reset', 6 ],
		[ close => 'before', 'eof', 5 ],
		[ close => 'after', 'eof', 6 ])
	{
		my ($way, $when, $how, $accounts) = @$case;
		my $body = '{"username":"x"}';

		$sim->reset;
		$sim->fault(method => 'POST', $way => $when);
		my $socket = $sim->open_socket;
		syswrite $socket,
		  $sim->request_text(
			'POST', $org,
			'Content-Type: application/json',
			'Content-Length: ' . length $body) . $body;
		my ($bytes, $end) = MixpanelSimulator::read_all($socket);
		is("$bytes$end", $how, "$way $when");
		is(scalar @{ $sim->state->{accounts} }, $accounts, 'processed');
		is($sim->log->[0]{status}, undef, 'no answer');
		ok($sim->log->[0]{ended_ms}, 'but an end');
		is_deeply($sim->log->[0]{body}, { username => 'x' }, 'and a body');
	}

	$sim->reset;
	$sim->fault(reset => 'mid');
	my ($bytes, $end) = $sim->exchange(5, 'GET', "$org/2");
	is($end, 'reset', 'reset in mid-body');
	is(length MixpanelSimulator::body_of($bytes), $half, 'after half of it');

	$sim->fault(cut => 10);
	($bytes, $end) = $sim->exchange(5, 'GET', "$org/2");
	is($end, 'eof', 'cut');
	like($bytes, qr/^Content-Length: $length\r$/m, 'full length said');
	is(length MixpanelSimulator::body_of($bytes), 10, 'ten bytes sent');

	$sim->fault(cut => 0);
	($bytes, $end) = $sim->exchange(5, 'GET', "$org/2");
	is($end . MixpanelSimulator::body_of($bytes), 'eof', 'cut at once');

	$sim->fault(cut_chunked => 10);
	($bytes, $end) = $sim->exchange(5, 'GET', "$org/2");
	is($end, 'eof', 'cut in chunks');
	like($bytes, qr/^Transfer-Encoding: chunked\r$/m, 'chunked');
	like(MixpanelSimulator::body_of($bytes), qr/^A\r\n.{10}\r\n\z/s, 'no last chunk');

	$sim->fault(chunk => 7);
	my $answer = $sim->api('GET', "$org/2");
	is($answer->{headers}{'transfer-encoding'}, 'chunked', 'whole in chunks');
	is($answer->{json}{id}, 2, 'and complete');
	$sim->fault(chunk => 7);
	($bytes) = $sim->exchange(5, 'GET', "$org/2", 'Connection: close');
	like(MixpanelSimulator::body_of($bytes), qr/^7\r\n.{7}\r\n7\r\n.*\r\n0\r\n\r\n\z/s,
		'of the size wanted');

	$sim->fault(drip_ms => 5, body => 'x' x 40);
	my ($dripped, $how, @moments) =
	  $sim->exchange(5, 'GET', "$org/2", 'Connection: close');
	is(MixpanelSimulator::body_of($dripped), 'x' x 40, 'drip');
	cmp_ok(scalar @moments, '>=', 20, 'in many pieces');
	cmp_ok($moments[-1] - $moments[0], '>', 0.19, 'slowly');

	$sim->fault(delay_ms => 150, status => 418);
	my $start = time();
	is(status_of('GET', $org), 418, 'delayed');
	cmp_ok(time() - $start, '>', 0.149, 'by as much');
};

subtest 'faults: hanging' => sub {
	$sim->reset;
	$sim->fault(hang => 'headers', path => '/2$');
	$sim->fault(hang => 'body', path => '/3$');
	$sim->fault(hang => 'headers', method => 'POST', after => JSON::PP::true);

	my $body = '{"username":"x"}';
	my @sockets = map { $sim->open_socket } 1 .. 3;
	syswrite $sockets[0], $sim->request_text('GET', "$org/2");
	syswrite $sockets[1], $sim->request_text('GET', "$org/3");
	syswrite $sockets[2],
	  $sim->request_text(
		'POST', $org,
		'Content-Type: application/json',
		'Content-Length: ' . length $body) . $body;
	is(join(' ', (MixpanelSimulator::read_all($sockets[0], 0.3))[ 0, 1 ]),
		' timeout', 'nothing comes');
	my ($bytes, $end) = MixpanelSimulator::read_all($sockets[1], 0.3);
	is($end, 'timeout', 'half comes');
	like($bytes, qr/ 200 OK.*"id":3,/s, 'with headers and body');
	is(join(' ', (MixpanelSimulator::read_all($sockets[2], 0.1))[ 0, 1 ]),
		' timeout', 'nothing comes here either');
	is(scalar @{ $sim->state->{accounts} }, 6, 'but it was processed');
	is($sim->counts->{in_flight}, 3, 'three in flight');
	close $_ foreach @sockets;
	ok($sim->wait_for_in_flight(0), 'until the clients go');
	is(status_of('GET', "$org/2"), 200, 'all is well again');

	$sim->fault(hang => 'headers');
	my $socket = $sim->open_socket;
	syswrite $socket, $sim->request_text('GET', $org);
	ok($sim->wait_for_in_flight(1), 'one is in flight');
	$sim->reset;
	is((MixpanelSimulator::read_all($socket))[1], 'eof', 'reset drops it');
	ok($sim->wait_for_in_flight(0), 'none is in flight');
	is_deeply($sim->log, [], 'an old request is not in the new log');

	$sim->fault(delay_ms => 60000, method => 'DELETE');
	$socket = $sim->open_socket;
	syswrite $socket, $sim->request_text('DELETE', "$org/2");
	ok($sim->wait_for_in_flight(1), 'a write is delayed');
	$sim->reset;
	is((MixpanelSimulator::read_all($socket))[1],
		'eof', 'reset drops it, too');
	is(status_of('GET', "$org/2"), 200, 'and it is not carried out');
};

subtest 'many connections and latency' => sub {
	$sim->reset(latency_ms => 300);
	my $start = time();
	my @sockets = map { $sim->open_socket } 1 .. 500;
	syswrite $_, $sim->request_text('GET', "$org/2", 'Connection: close')
	  foreach @sockets;
	my $last = time();
	my $good = grep { (MixpanelSimulator::read_all($_))[0] =~ /^HTTP\S+ 200 .*"id":2,/s } @sockets;
	my $took = time() - $start;

	is($good, 500, 'all are answered');
	cmp_ok($took, '>', 0.299, 'none too soon');
	# One after the other would take 150 s.
	cmp_ok($took - ($last - $start), '<', 30, 'none much too late');
	cmp_ok($sim->counts->{max_concurrent}, '>', 100, 'side by side');
	is($sim->counts->{connections}, 500, 'as many connections');

	my @early = grep { $_->{ended_ms} - $_->{started_ms} < 300 }
	  @{ $sim->log };
	is(scalar @early, 0, 'by the log, too');
	$sim->set(latency_ms => 60_000);
	$sim->set(latency_ms => 0);
	$start = time();
	$sim->api('GET', $org);
	cmp_ok(time() - $start, '<', 30, 'set takes it back');
};

subtest 'a long list' => sub {
	$sim->reset(accounts => 100000, projects => 100);

	# Not decoded: JSON::PP takes longer than all other tests together.
	my $fetch = sub {
		my ($bytes) =
		  $sim->exchange(60, 'GET', $_[0], 'Connection: close');
		return MixpanelSimulator::body_of($bytes);
	};
	my $first = $fetch->($org);
	my $count = () = $first =~ /"id":/g;
	is($count, 100000, 'all of it');
	like($first, qr/^\{"status":"ok".*\}\]\}\z/s, 'to the end');

	my $start = time();
	ok($fetch->($org) eq $first, 'the same again');
	cmp_ok(time() - $start, '<', 30, 'served from memory');
	create({ username => 'another' });
	cmp_ok(length $fetch->($org), '>', length $first, 'a change shows');

	$count = () = $fetch->('/projects/1050/service-accounts') =~ /"id":/g;
	is($count, 2000, 'members of one of the projects');
};

subtest 'a thousand connections at once' => sub {
	plan skip_all => 'too few descriptors'
	  if `sh -c 'ulimit -n'` < 1300;
	$sim->reset(latency_ms => 1500);
	my @sockets = map { $sim->open_socket } 1 .. 1200;
	syswrite $_, $sim->request_text('GET', $org, 'Connection: close')
	  foreach @sockets;
	my $good =
	  grep { (MixpanelSimulator::read_all($_, 20))[0] =~ /\]\}\z/ } @sockets;

	is($good, 1200, 'all are answered');
	cmp_ok($sim->counts->{max_concurrent}, '>', 1000, 'side by side');
};

done_testing();
