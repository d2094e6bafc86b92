# Compressed answers: whole, cut off, spoilt, in encodings that nobody asked
# for, and bombs.  Rows or an error, and memory that has a bound.

use strict;
use warnings;

use Compress::Zlib ();
use MIME::Base64 qw(encode_base64);
use MixpanelCertificates;
use MixpanelListener;
use MixpanelProxy;
use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

use constant MEGABYTE => 1024 * 1024;

my $org = '/organizations/123/service-accounts';
my $true = JSON::PP::true;

my $test = MixpanelTest->new('gzip', accounts => 4, projects => 3);
my $simulator = $test->simulator;

my $list = 'SELECT count(*), count(DISTINCT id) FROM mp.service_accounts';
my $one = 'SELECT id, username FROM mp.service_accounts WHERE id = 2';
my $records = '{"results":['
  . join(',', map { "{\"id\":$_,\"username\":\"bot-$_\"}" } 1 .. 2000) . ']}';
my $record = '{"id":2,"username":"bot-2"}';

# Each kind of call: its request, and a right answer to it.
my @calls = (
	[ 'list', $list, "GET $org", $records, '2000|2000' ],
	[ 'one account', $one, "GET $org/2", $record, '2|bot-2' ],
	[
		'projects of an account',
		'SELECT project_id, role FROM mp.project_memberships '
		  . 'WHERE service_account_id = 2',
		"GET $org/2/projects",
		'{"results":[{"projectId":7,"role":"admin"}]}',
		'7|admin'
	],
	[
		'accounts of a project',
		'SELECT service_account_id, role FROM mp.project_memberships '
		  . 'WHERE project_id = 1001',
		'GET /projects/1001/service-accounts',
		'{"results":[{"id":7,"role":"admin"}]}',
		'7|admin'
	]);

sub gzip { return Compress::Zlib::memGzip($_[0]); }

sub with_byte_changed
{
	my ($bytes, $place) = @_;

	substr($bytes, $place, 1) ^= "\x10";
	return $bytes;
}

# The bytes as the answer to each request but the one that tells whose a project
# is, with this Content-Encoding.
sub answer_with
{
	my ($bytes, $encoding, %more) = @_;

	$simulator->clear_faults;
	$simulator->fault(
		raw => encode_base64($bytes, ''),
		content_type => 'application/json',
		headers => { 'Content-Encoding' => $encoding // 'gzip' },
		path => 'service-accounts',
		count => 0,
		%more);
	return;
}

sub gives
{
	my ($name, $sql, $rows) = @_;
	my $result = $test->logged($sql);

	is(MixpanelTest::describe($result), 'no error', "$name: no error");
	is($result->{rows}, $rows, "$name: rows");
	return;
}

# It is not asked for again, as the same would come.
sub is_refused
{
	my ($name, $sql, %wanted) = @_;

	MixpanelTest::error_is($test->logged($sql), 'HV004', "$name: error",
		%wanted);
	is($simulator->counts->{requests}, 1, "$name: one request");
	return;
}

# ---- reads ----

sub whole
{
	foreach my $call (@calls)
	{
		my ($name, $sql, undef, $body, $rows) = @{$call};

		foreach my $encoding ('gzip', 'x-gzip', 'GZip', 'gzip, identity')
		{
			answer_with(gzip($body), $encoding);
			gives("$name, $encoding", $sql, $rows);
		}
		answer_with($body, 'identity');
		gives("$name, as it is", $sql, $rows);

		# Only the check of the sum is missing, and none of the rows.
		answer_with(substr gzip($body), 0, -8);
		gives("$name, without its end", $sql, $rows);
	}
	return;
}

sub damaged
{
	foreach my $call (@calls)
	{
		my ($name, $sql, $title, $body) = @{$call};
		my $bytes = gzip($body);
		my %damage = (
			'cut off in the header' => substr($bytes, 0, 5),
			'nothing but a header' => substr($bytes, 0, 10),
			'cut off in the middle' => substr($bytes, 0, length($bytes) / 2),
			'cut off shortly before the end' => substr($bytes, 0, -12),
			'another sum' => with_byte_changed($bytes, -6),
			'another length' => with_byte_changed($bytes, -2),
			'another beginning' => with_byte_changed($bytes, 0),
			'another byte' => with_byte_changed($bytes, length($bytes) / 2),
			'something behind it' => "${bytes}more",
			'two in a row' => $bytes . $bytes,
			'not compressed' => $body);

		foreach my $damage (sort keys %damage)
		{
			answer_with($damage{$damage});
			is_refused("$name, $damage", $sql, message => qr/ \Q$title\E /);
		}
	}
	return;
}

sub encodings
{
	my $twice = gzip(gzip($record));

	foreach my $case (
		(map { [ $record, $_ ] } qw(br zstd deflate compress foo none *)),
		[ Compress::Zlib::compress($record), 'deflate' ],
		[ $twice, 'gzip, gzip' ],
		[ $twice, 'gzip,x-gzip' ],
		[ gzip($record), 'gzip, foo' ],
		[ gzip($record), 'identity, gzip, br' ])
	{
		my ($bytes, $encoding) = @{$case};

		answer_with($bytes, $encoding);
		is_refused("encoding $encoding", $one,
			message => qr/cannot be decompressed$/,
			detail => qr/^its encoding was not asked for\.$/);
	}

	# A refusal says what it says.
	answer_with($record, 'br', status => 403);
	MixpanelTest::error_is($test->logged($one), '42501', 'of a refusal');
	return;
}

# ---- bombs ----

# The most memory that the session's backend has ever had, in kB.
sub peak
{
	my $status = slurp_file('/proc/' . $test->session->pid . '/status');

	return $status =~ /^VmHWM:\s+(\d+) kB$/m ? $1 : die 'no VmHWM';
}

# Run the check with these bytes as the answer; the memory that it took.
sub takes_less
{
	my ($limit, $name, $bytes, $check) = @_;

	$test->fresh;
	$simulator->clear_faults;
	$test->rows("$list; $one");
	answer_with($bytes);
	my $before = peak();
	$check->();
	my $growth = peak() - $before;
	cmp_ok($growth, '<', $limit * 1024, "$name: $growth kB of memory");
	return;
}

sub bombs
{
	my $blanks = ' ' x (65 * MEGABYTE);
	my $many = '[' . join(
		',',
		map { "{\"id\":$_,\"username\":\"" . ('y' x 2000) . '"}' }
		  1 .. 34_000) . ']';
	my $long = gzip("[{\"id\":2,\"username\":\"$blanks\"}]");

	cmp_ok(length $many, '>', 64 * MEGABYTE, 'it is long');

	# A few reads of 16 kB, each up to 16 MiB of the body, are unpacked before
	# libcurl pauses; it keeps 64 MB at most.
	takes_less(96, 'many records', gzip($many),
		sub { gives('many records', $list, '34000|34000') });
	takes_less(
		96,
		'a long record',
		$long,
		sub {
			is_refused('a long record', $list, detail => qr/1048576 bytes/);
		});
	takes_less(96, 'blanks',
		gzip('[' . (' ' x (20 * MEGABYTE)) . "$record]"),
		sub { gives('blanks', $list, '1|1') });

	# A body that is kept whole may have 16 MiB.
	takes_less(64, 'almost too long',
		gzip($record . (' ' x (15 * MEGABYTE))),
		sub { gives('almost too long', $one, '2|bot-2') });
	takes_less(64, 'too long', $long, sub { is_refused('too long', $one) });
	takes_less(64, 'too long behind it', gzip($record . $blanks),
		sub { is_refused('too long behind it', $one) });

	# A few bytes for all of that.
	my $tiny = gzip($long);
	cmp_ok(length $tiny, '<', 1000, 'a tiny one');
	foreach my $sql ($list, $one)
	{
		takes_less(
			4, 'a tiny one', $tiny,
			sub {
				answer_with($tiny, 'gzip, gzip');
				is_refused('a tiny one', $sql, detail => qr/encoding/);
			});
	}
	return;
}

# ---- writes ----

sub writes
{
	my $new = gzip('{"id":9,"username":"new","secret":"' . ('st' x 16) . '"}');
	my $create = 'INSERT INTO mp.service_accounts (username) '
	  . 'VALUES (\'new\') RETURNING id, length(secret)';
	my $add = 'INSERT INTO mp.project_memberships '
	  . '(service_account_id, project_id, role) VALUES (3, 1003, \'x\')';
	my $remove = 'DELETE FROM mp.project_memberships '
	  . 'WHERE service_account_id = 2 AND project_id = 1002';
	my $delete = 'DELETE FROM mp.service_accounts WHERE id = 4';
	my %damage = (
		'cut off' => [ substr($new, 0, 20) ],
		'another byte' => [ with_byte_changed($new, 20) ],
		'too long' => [ gzip(' ' x (20 * MEGABYTE)) ],
		'another encoding' => [ $new, 'br' ]);

	answer_with($new, 'gzip', method => 'POST');
	gives('create', $create, '9|32');
	foreach my $damage (sort keys %damage)
	{
		my ($bytes, $encoding) = @{ $damage{$damage} };
		my %wanted = $damage eq 'cut off' ? () : (detail => qr/not known: 1 /);

		$simulator->reset;
		answer_with($bytes, $encoding, method => 'POST', after => $true);
		MixpanelTest::error_is($test->logged($create), 'HV004',
			"create, $damage: error",
			detail => qr/Service account 5 .* has appeared/);
		is($test->count_of('POST'), 1, "create, $damage: sent once");
		is( scalar(grep { $_->{username} eq 'new' }
				  @{ $simulator->state->{accounts} }),
			1,
			"create, $damage: created once");

		foreach my $sql ($add, $remove, $delete)
		{
			my ($method) = $sql eq $delete ? 'DELETE' : 'POST';

			$simulator->reset;
			answer_with($bytes, $encoding, method => $method, after => $true);
			my $result = $test->logged($sql);
			MixpanelTest::error_is($result, 'HV004', "$sql, $damage: error",
				%wanted)
			  if $damage ne 'cut off';
			like($result->{code}, qr/^(HV004)?$/, "$sql, $damage");
			is($test->count_of($method), 1, "$sql, $damage: sent once");
		}
	}
	$simulator->reset;
	return;
}

# Both headers undo what they name.
sub transfer_encoding
{
	my $body = gzip(gzip($record));
	my $listener = MixpanelListener->start(
		sub {
			MixpanelListener::hear($_[0]);
			syswrite $_[0], join "\r\n", 'HTTP/1.1 200 OK',
			  'Content-Encoding: gzip', 'Transfer-Encoding: gzip, chunked',
			  'Content-Type: application/json', '',
			  sprintf('%x', length $body), $body, '0', '', '';
		});

	$test->options(
		base_url => 'http://127.0.0.1:' . $listener->port . '/api/app');
	MixpanelTest::error_is($test->run($one), 'HV004', 'two headers',
		detail => qr/encoding/i);
	is($listener->connections(1), 1, 'one request');
	return;
}

# Over TLS, HTTP/2 carries what is kept whole.
sub all_of_it
{
	subtest 'whole' => \&whole;
	subtest 'damaged' => \&damaged;
	subtest 'encodings' => \&encodings;
	return;
}

$test->options(max_retries => 2, max_retry_wait => '20ms');
subtest 'directly' => \&all_of_it;
subtest 'writes' => \&writes;
subtest 'in another header' => \&transfer_encoding;

SKIP:
{
	skip 'no nginx or openssl', 1
	  unless MixpanelProxy::program() && MixpanelCertificates::available();
	my $authority = MixpanelCertificates->new;
	my $nginx = MixpanelProxy->start(
		good => {
			upstream => $simulator->port,
			tls => [ $authority->issue('127.0.0.1') ]
		});

	$test->options(
		base_url => $nginx->base_url('good'),
		ca_file => $authority->ca_file);
	subtest 'by HTTP/2 and TLS' => \&all_of_it;
	$test->options(base_url => $simulator->base_url);
}
$test->options(base_url => $simulator->base_url);
subtest 'bombs' => \&bombs;

$test->stop;
done_testing();
