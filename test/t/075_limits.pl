# Limits, from both sides; and servers that send without end: what they cost in
# memory, and how it ends.
#
# Nesting is counted as MP_JSON_DEPTH_LIMIT says: the outermost value is at
# depth 1, and 64 is the limit for an answer.  An element has 62 of them, so
# only one in an array in an object reaches 64.

use strict;
use warnings;

use MixpanelListener;
use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

use constant MEGABYTE => 1024 * 1024;
use constant ELEMENT_BYTES => MEGABYTE;
use constant BODY_BYTES => 16 * MEGABYTE;
use constant HEADER_BYTES => 256 * 1024;
use constant GROWTH_KB => 20 * 1024;

# A body that is kept whole, and the smaller buffer that it was moved from.
use constant WHOLE_GROWTH_KB => 48 * 1024;

# How much a server sends before it is clear that it costs nothing.
use constant MUCH => 32 * MEGABYTE;

plan skip_all => 'needs /proc' unless -r "/proc/$$/status";

my $org = '/organizations/123/service-accounts';
my $test = MixpanelTest->new('limits', verify => 0, accounts => 4, projects => 3);
my $simulator = $test->simulator;
my $sent_path = PostgreSQL::Test::Utils::tempdir() . '/sent';

append_to_file($sent_path, '');

# ---- a server that is told by its base URL what to send ----

my $ok = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
my $chunked = "${ok}Transfer-Encoding: chunked\r\n\r\n";
my $line = 'X-Much: ' . ('x' x 990) . "\r\n";

# What is sent once, then for ever; a function's pieces differ.
my %endless = (
	accounts => [ "$ok\r\n" . '{"results":[{"id":1}', \&more_accounts ],
	elements => [ "$ok\r\n" . '{"results":[{"id":1}', ',{"id":2}' ],
	'space-in-front' => [ "$ok\r\n", " \n" ],
	'space-inside' => [ "$ok\r\n" . '{"results":[{"id":1},', " \n" ],
	'space-behind' => [ "$ok\r\n" . '{"results":[{"id":1}]}', " \n" ],
	string => [ "$ok\r\n" . '{"results":[{"id":1,"name":"', 'x' ],
	escapes => [ "$ok\r\n" . '{"results":[{"id":1,"name":"', '\u00e9' ],
	name => [ "$ok\r\n" . '{"results":[{"id":1,"', 'x' ],
	number => [ "$ok\r\n" . '{"results":[{"id":', '1' ],
	members => [ "$ok\r\n" . '{"results":[{"id":1', ',"a":0' ],
	array => [ "$ok\r\n" . '{"results":[{"id":1,"a":[0', ',0' ],
	'space-in-element' => [ "$ok\r\n" . '{"results":[{"id":1,', ' ' ],
	envelope => [ "$ok\r\n" . '{"a":"', 'x' ],
	'envelope-members' => [ "$ok\r\n" . '{"a":0', ',"a":0' ],
	nesting => [ "$ok\r\n", '[' ],
	headers => [ $ok, $line ],
	header => [ "${ok}X-Much: ", 'x' ],
	'folded-header' => [ "${ok}X-Much: x", "\r\n x" ],
	'early-hints' => [ '', "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" ],
	continue => [ '', "HTTP/1.1 100 Continue\r\n\r\n" ],
	trailers => [ "${chunked}2\r\n[]\r\n0\r\n", $line ],
	refusal =>
	  [ "HTTP/1.1 400 No\r\nConnection: close\r\n\r\n" . '{"error":"', 'x' ],
	redirect => [
		"HTTP/1.1 302 Elsewhere\r\nLocation: /good$org\r\n"
		  . "Connection: close\r\n\r\n",
		'x'
	],
	'chunk-extension' => [ "${chunked}1;a=", 'x' ],
	'chunk-size' => [ $chunked, '0' ],
);

sub send_all
{
	my ($socket, $bytes) = @_;
	my $at = 0;

	while ($at < length $bytes)
	{
		my $sent = syswrite $socket, $bytes, length($bytes) - $at, $at;

		return 0 unless $sent;
		$at += $sent;
	}
	return 1;
}

my $last_account = 1;

# A thousand elements that no list has had before.
sub more_accounts
{
	my $first = $last_account + 1;

	$last_account += 1000;
	return join '', map { qq{,{"id":$_}} } $first .. $last_account;
}

# Until the other side goes.  How much it was is the size of a file.
sub send_endlessly
{
	my ($socket, $first, $piece) = @_;
	my $block = ref $piece ? '' : $piece x (65536 / length($piece) + 1);
	my ($sent, $noted) = (0, 0);

	return unless send_all($socket, $first);
	while (send_all($socket, $block))
	{
		$block = $piece->() if ref $piece;
		$sent += length $block;
		next if $sent - $noted < MEGABYTE;
		$noted = $sent;
		truncate $sent_path, $noted;
	}
	return;
}

# A head of so many bytes, in lines that are short enough for libcurl.
sub head_of
{
	my ($bytes) = @_;
	my $text = $ok;
	my $left = $bytes - length("$text\r\n");

	while ($left > 0)
	{
		my $length = $left > 66_000 ? 60_000 : $left;

		$text .= 'X-Much: ' . ('x' x ($length - 10)) . "\r\n";
		$left -= $length;
	}
	return "$text\r\n";
}

# A good element for any call that reads, with something in it.
sub element_with
{
	my ($json) = @_;
	return '{"id":2,"projectId":2,"x":' . $json . '}';
}

sub element_of
{
	my ($bytes) = @_;
	return element_with(
		'"' . ('x' x ($bytes - length element_with('""'))) . '"');
}

sub nested
{
	my ($depth) = @_;
	return ('[' x $depth) . (']' x $depth);
}

# What a good answer to the call has around an element; "" for a change.
sub around
{
	my ($method, $path) = @_;

	return ('', '') if $method ne 'GET';
	return ('{"results":{"projects":{"2":', '}}}') if $path =~ m!/me$!;
	return ('{"results":', '}') if $path =~ m!accounts/\d+$!;
	return ('{"results":[', ']}');
}

# Such an answer with nothing in it, and white space up to so many bytes.
sub body_of
{
	my ($method, $path, $bytes) = @_;
	my $body = $method ne 'GET' ? '{}' : '[]';

	$body = '{"projects":{}}' if $path =~ m!/me$!;
	$body = '{"id":2}' if $method eq 'GET' && $path =~ m!accounts/\d+$!;
	return $body . (' ' x ($bytes - length $body));
}

# The answer to a request below /KIND or /KIND.SIZE.
sub answer
{
	my ($method, $kind, $size, $path) = @_;
	my ($before, $after) = around($method, $path);

	return head_of($size) . body_of($method, $path, 2) if $kind eq 'head';
	return "$ok\r\n" . $before . element_of($size) . $after
	  if $kind eq 'element';
	return "$ok\r\n" . element_of($size) if $kind eq 'bare';
	return "$ok\r\n" . body_of($method, $path, $size) if $kind eq 'body';
	return "${ok}Content-Length: $size\r\n\r\n"
	  . body_of($method, $path, $size)
	  if $kind eq 'sized';
	return "$ok\r\n" . ($before eq '' ? nested($size) :
		  $before . element_with(nested($size)) . $after)
	  if $kind eq 'nested';
	return "$ok\r\n" . element_with(nested($size)) if $kind eq 'nested-bare';
	return "$ok\r\n" . '[' . element_with(nested($size)) . ']'
	  if $kind eq 'nested-array';
	# The envelope is kept without white space, its results being null in it.
	return "$ok\r\n"
	  . '{"x":"'
	  . ('x' x ($size - length '{"x":"","results":null}'))
	  . '","results":[]}'
	  if $kind eq 'envelope';
	return "$ok\r\n" . body_of($method, $path, 2);
}

# "/endless.KIND" never ends, "/create.KIND" for a POST alone.
sub serve
{
	my ($socket) = @_;
	my $request = MixpanelListener::hear($socket);
	my ($method, $kind, $size, $path) =
	  $request =~ m!^(\w+) /([a-z-]+)\.?([\w-]*)(/[^ ?]*)! or return;

	# whose a project is tells nobody, but where it is the read under test
	if ($path =~ m!/organizations/\d+/projects/$! || $path eq '/plain/me')
	{
		send_all($socket, "HTTP/1.1 404 Not Found\r\n"
			  . "Content-Type: application/json\r\nContent-Length: 2\r\n"
			  . "Connection: close\r\n\r\n{}");
		return;
	}
	if ($kind eq 'endless' || ($kind eq 'create' && $method eq 'POST'))
	{
		send_endlessly($socket, @{ $endless{$size} });
	}
	else
	{
		send_all($socket, answer($method, $kind, $size || 0, $path));
	}
	return;
}

my $listener = MixpanelListener->start(\&serve);

# ---- statements ----

my $memberships = 'SELECT count(*) FROM mp.project_memberships';
my %reads = (
	'the list' => 'SELECT count(*) FROM mp.service_accounts',
	'one account' => 'SELECT count(*) FROM mp.service_accounts WHERE id = 2',
	'projects of an account' => "$memberships WHERE service_account_id = 2",
	'accounts of a project' => "$memberships WHERE project_id = 2",
	'/me' => $memberships);
my %changes = (
	'delete' => 'DELETE FROM mp.service_accounts WHERE id = 3',
	'add' => 'INSERT INTO mp.project_memberships '
	  . '(service_account_id, project_id, role) VALUES (4, 1003, \'admin\')');
my $create = 'INSERT INTO mp.service_accounts (username) VALUES (\'ci\') '
  . 'RETURNING id, secret';

our $request_timeout = '60s';

# The next answers are of that kind.
sub ask_for
{
	my ($kind, %options) = @_;
	my $room = ($options{membership_read} // '') eq 'project' ? '' : '/plain';

	$test->options(
		base_url => 'http://127.0.0.1:' . $listener->port . "/$kind$room",
		max_retries => 0,
		request_timeout => $request_timeout,
		%options);
	return;
}

sub ask_for_read
{
	my ($kind, $name) = @_;

	ask_for($kind, membership_read => $name eq '/me' ? 'project' : 'auto');
	return;
}

sub works_on
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$test->default_options;
	is($test->rows($reads{'the list'}), 4, 'the session works on');
	return;
}

sub is_fine
{
	my ($sql, $name) = @_;
	my $result = $test->run($sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(MixpanelTest::describe($result), 'no error', $name);
}

# ---- sizes ----

foreach my $name (sort keys %reads)
{
	subtest "$name: one element" => sub {
		# A project of /me has no limit of its own.
		my $limit = $name eq '/me' ? 2 * ELEMENT_BYTES : ELEMENT_BYTES;

		$test->start_over;
		ask_for_read("element.$limit", $name);
		if ($name eq '/me')
		{
			# The project is good; its accounts are one element too.
			MixpanelTest::error_is($test->run($reads{$name}), 'HV004', 'two MiB',
				message => qr!/projects/2/service-accounts!);
			return works_on();
		}
		is_fine($reads{$name}, 'of a MiB');
		ask_for_read('element.' . ($limit + 1), $name);
		MixpanelTest::error_is($test->run($reads{$name}), 'HV004',
			'a byte more',
			detail => qr/^Body: an element of more than 1048576 bytes/);
		works_on();
	};
}

subtest 'what is around elements' => sub {
	$test->start_over;
	ask_for('bare.' . ELEMENT_BYTES);
	is_fine($reads{'one account'}, 'a bare account of a MiB');
	ask_for('bare.' . (ELEMENT_BYTES + 1));
	MixpanelTest::error_is($test->run($reads{'one account'}), 'HV004',
		'a byte more', detail => qr/^Body: more than 1048576 bytes around/);
	ask_for('envelope.' . ELEMENT_BYTES);
	is_fine($reads{'the list'}, 'an envelope of a MiB');
	ask_for('envelope.' . (ELEMENT_BYTES + 1));
	MixpanelTest::error_is($test->run($reads{'the list'}), 'HV004',
		'a byte more', detail => qr/^Body: more than 1048576 bytes around/);
	works_on();
};

# Arrays in an element that reach the limit, for each way of answering: the
# depth that is left to them.
subtest 'nesting' => sub {
	my @cases = (
		[ 'nested', 64 - 3, 'the list' ],
		[ 'nested', 64 - 3, 'projects of an account' ],
		[ 'nested', 64 - 3, 'accounts of a project' ],
		[ 'nested', 62 - 1, 'one account' ],
		[ 'nested-bare', 62 - 1, 'one account' ],
		[ 'nested-array', 62 - 1, 'the list' ],
		[ 'nested', 64 - 4, '/me' ]);

	$test->start_over;
	foreach my $case (@cases)
	{
		my ($kind, $depth, $name) = @{$case};

		ask_for_read("$kind.$depth", $name);
		is_fine($reads{$name}, "$name, $kind: just deep enough");
		ask_for_read($kind . '.' . ($depth + 1), $name);
		MixpanelTest::error_is($test->run($reads{$name}), 'HV004',
			'one level more',
			detail => qr/^(Body|Record 1 \(id 2\), field "x"): .*too deep a nesting/);
	}
	ask_for('nested.64');
	is_fine($changes{add}, 'a change: 64 levels');
	ask_for('nested.65');
	MixpanelTest::error_is($test->run($changes{add}), 'HV004', '65 levels',
		detail => qr/^Body: .*too deep a nesting/);
	works_on();
};

subtest 'whole bodies' => sub {
	$test->start_over;
	foreach my $kind ('body', 'sized')
	{
		foreach my $name ('/me', 'one account', 'projects of an account')
		{
			ask_for_read("$kind." . BODY_BYTES, $name);
			is_fine($reads{$name}, "$name, $kind: 16 MiB");
			ask_for_read("$kind." . (BODY_BYTES + 1), $name);
			MixpanelTest::error_is($test->run($reads{$name}), 'HV004',
				'a byte more',
				message => qr/is too large/,
				detail => qr/^the body is too long/);
		}
	}
	foreach my $name ('the list', 'accounts of a project')
	{
		ask_for_read('body.' . (BODY_BYTES + 1), $name);
		is_fine($reads{$name}, "$name is read while it arrives: no limit");
	}
	ask_for('body.' . BODY_BYTES);
	is_fine($changes{add}, 'a change answered with 16 MiB');
	ask_for('body.' . (BODY_BYTES + 1));
	MixpanelTest::error_is($test->run($changes{add}), 'HV004', 'a byte more',
		message => qr/is too large/, detail => qr/is not known: 1 \(/);
	works_on();
};

subtest 'headers' => sub {
	$test->start_over;
	foreach my $sql ($reads{'the list'}, $reads{'one account'}, $changes{add})
	{
		my $name = substr $sql, 0, 70;

		ask_for('head.' . HEADER_BYTES);
		is_fine($sql, "256 kB: $name");
		ask_for('head.' . (HEADER_BYTES + 1));
		MixpanelTest::error_is($test->run($sql), 'HV004', 'a byte more',
			message => qr/is too large/, detail => qr/^the headers are too long/);
	}
	works_on();
};

subtest 'redirects' => sub {
	my @cases = (
		[ 'GET', $org, $reads{'the list'} ],
		[ 'GET', "$org/2", $reads{'one account'} ],
		[ 'POST', "$org/add-to-project", $changes{add} ],
		[ 'DELETE', "$org/3", $changes{delete} ],
		[ 'POST', $org, $create ]);

	foreach my $case (@cases)
	{
		my ($method, $path, $sql) = @{$case};

		foreach my $hops (5, 6)
		{
			$test->start_over;
			$simulator->fault(
				method => $method, path => "^$path\$", count => $hops,
				status => 307, headers => { Location => "/api/app$path" });
			my $result = $test->logged($sql);

			is($test->count_of($method, qr/^\Q$path\E$/),
				6, "$method $path: $hops redirects, 6 requests");
			if ($hops == 5)
			{
				is(MixpanelTest::describe($result), 'no error', '... pass');
				next;
			}
			MixpanelTest::error_is($result, 'HV00M', '... fail',
				message => qr/redirected too often/);
			# What was redirected may have been carried out: a creation is
			# looked for.
			is($test->count_of('GET', qr/^\Q$org\E$/),
				$path ne $org ? 0 : $method eq 'GET' ? 6 : 1,
				'... and only a creation is looked for');
		}
	}
	works_on();
};

# ---- without end ----

# The most memory that the session's backend has ever had, in kB.
sub peak
{
	my $status = slurp_file('/proc/' . $test->session->pid . '/status');

	return $status =~ /^VmHWM:\s+(\d+) kB$/m ? $1 : die 'no VmHWM';
}

# Runs a statement in a session that has read something before; gives the
# result, and checks what the statement has cost.
sub costs
{
	my ($kind, $name, $limit, $run) = @_;

	$test->fresh;
	ask_for_read('good', $name);
	$test->rows($reads{'the list'});
	$test->run($changes{add});
	ask_for_read($kind, $name);
	truncate $sent_path, 0;
	my $before = peak();
	my $result = $run->();
	my $growth = peak() - $before;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	cmp_ok($growth, '<', $limit, "$kind, $name: $growth kB more");
	return $result;
}

# A list has no limit, and may go on for ever.
sub ends_by_cancel
{
	my ($kind, $name) = @_;
	my $result = costs(
		"endless.$kind",
		$name,
		GROWTH_KB,
		sub {
			my $session = $test->session;

			$session->begin($reads{$name});
			ok(MixpanelTest::wait_until(sub { -s $sent_path >= MUCH }),
				"$kind, $name: it goes on");
			$test->node->safe_psql('postgres',
				'SELECT pg_cancel_backend(' . $session->pid . ')');
			$session->end;
		});

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	MixpanelTest::error_is($result, '57014', '... until it is cancelled');
	works_on();
	return;
}

sub ends_by_limit
{
	my ($kind, $name, $limit, $code, %wanted) = @_;
	my $sql = $reads{$name} // $changes{$name};
	my $result = costs("endless.$kind", $name, $limit,
		sub { $test->run($sql) });

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	MixpanelTest::error_is($result, $code, '... and ends by itself', %wanted);
	works_on();
	return;
}

subtest 'a list that never ends' => sub {
	$test->start_over;
	ends_by_cancel($_, 'the list')
	  foreach qw(elements space-in-front space-inside space-behind);
	ends_by_cancel('elements', 'accounts of a project');
	# Its records are read while they arrive, but all of it has a limit.
	ends_by_limit('elements', 'projects of an account', GROWTH_KB, 'HV004',
		message => qr/is too large/);
	my $result = costs('endless.accounts', 'the list', GROWTH_KB,
		sub { $test->run('SELECT id FROM mp.service_accounts LIMIT 100000') });
	is(scalar(() = $result->{rows} =~ /^\d+$/mg), 100_000,
		'... LIMIT ends it as well');
	works_on();
};

subtest 'an element that never ends' => sub {
	$test->start_over;
	ends_by_limit($_, 'the list', GROWTH_KB, 'HV004',
		detail => qr/^Body: an element of more than 1048576 bytes/)
	  foreach qw(string escapes name number members array space-in-element);
	ends_by_limit($_, 'the list', GROWTH_KB, 'HV004',
		detail => qr/^Body: more than 1048576 bytes around/)
	  foreach qw(envelope envelope-members);
	ends_by_limit('nesting', 'the list', GROWTH_KB, 'HV004',
		detail => qr/^Body: too deep a nesting at byte 65\b/);
	ends_by_limit('string', 'accounts of a project', GROWTH_KB, 'HV004');
	ends_by_limit('string', 'projects of an account', GROWTH_KB, 'HV004');
};

subtest 'headers that never end' => sub {
	$test->start_over;
	foreach my $name ('the list', 'one account', 'add')
	{
		ends_by_limit($_, $name, GROWTH_KB, 'HV004',
			message => qr/is too large/, detail => qr/^the headers are too long/)
		  foreach qw(headers header folded-header early-hints continue);
	}
	ends_by_limit('trailers', 'the list', GROWTH_KB, 'HV004',
		message => qr/is too large/);
};

subtest 'a body that never ends' => sub {
	$test->start_over;
	foreach my $name ('one account', '/me', 'add')
	{
		ends_by_limit($_, $name, WHOLE_GROWTH_KB, 'HV004',
			message => qr/is too large/, detail => qr/^the body is too long/)
		  foreach qw(string space-in-front elements);
	}
	foreach my $name ('the list', 'one account', '/me', 'add')
	{
		ends_by_limit('refusal', $name, GROWTH_KB, '22023',
			message => qr/with status 400/);
	}
	costs('endless.redirect', 'the list', GROWTH_KB,
		sub { is_fine($reads{'the list'}, 'a redirect is followed') });
	works_on();
};

# Nothing of these is ever of use, so that no byte counts as received.
subtest 'framing that never ends' => sub {
	$test->start_over;
	foreach my $name ('the list', 'one account', 'add')
	{
		local $request_timeout = '300ms';
		ends_by_limit($_, $name, GROWTH_KB, '08006')
		  foreach qw(chunk-extension chunk-size);
	}
};

subtest 'an answer to a create that never ends' => sub {
	$test->start_over;
	foreach my $case (
		[ 'string', 'HV004', WHOLE_GROWTH_KB ],
		[ 'headers', 'HV004', GROWTH_KB ],
		[ 'refusal', '22023', GROWTH_KB ])
	{
		my ($kind, $code, $limit) = @{$case};
		my $connections;
		my $result = costs(
			"create.$kind",
			'the list', $limit,
			sub {
				$connections = $listener->connections(0);
				$test->run($create);
			});
		# The POST, and the list where it must be looked for.
		my $wanted = $connections + ($code eq 'HV004' ? 2 : 1);

		MixpanelTest::error_is($result, $code, '... and ends by itself',
			$code eq 'HV004'
			? (
				message => qr/is unknown: .* is too large/,
				detail => qr/none with the name "ci" has appeared/
			  )
			: ());
		is($listener->connections($wanted), $wanted, '... sent once');
		is_deeply([ grep { $_->{level} eq 'WARNING' } @{ $result->{notices} } ], [], '... with nothing to undo');
		works_on();
	}
};

$test->stop;
done_testing();
