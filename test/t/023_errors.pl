# Every row of the table of errors: SQLSTATE, method and path in the message,
# how often the request was sent, and no secret in any word that anybody sees.

use strict;
use warnings;

use IO::Socket::INET;
use IPC::Run;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use MixpanelCertificates;
use MixpanelTest;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $org = '/organizations/123/service-accounts';
my $true = JSON::PP::true;
my $login = encode_base64(MixpanelSimulator::LOGIN, '');
my $secret = (split /:/, MixpanelSimulator::LOGIN)[1];

my $test = MixpanelTest->new(
	'errors', verify => 0,
	accounts => 4,
	projects => 3,
	epoch => '2024-01-15T10:30:00Z',
	config => "mixpanel_sa_fdw.log_requests = on\nlog_min_messages = debug2\n");
my $simulator = $test->simulator;
my $log_start = -s $test->node->logfile;

# All that a client was told, to be searched for secrets at the end.
my $told = '';

# Statements: a list, one account, a create, and changes sent at COMMIT.
my $list = 'SELECT id, username, created FROM mp.service_accounts';
my $get = "$list WHERE id = 2";
my $create = 'INSERT INTO mp.service_accounts (username) '
  . 'VALUES (\'ci\') RETURNING id, length(secret)';
my $delete = 'DELETE FROM mp.service_accounts WHERE id = 2';
my $add = 'INSERT INTO mp.project_memberships '
  . '(service_account_id, project_id, role) VALUES (3, 1002, \'admin\')';
my $remove = 'DELETE FROM mp.project_memberships '
  . 'WHERE service_account_id = 2 AND project_id = 1002';

my %title = (
	$list => "GET $org",
	$get => "GET $org/2",
	$create => "POST $org",
	$delete => "DELETE $org/2",
	$add => "POST $org/add-to-project",
	$remove => "POST $org/remove-from-project",
);

# Run a statement.  One fault: the error, that its message has method and path,
# and how many requests of that method were made.
sub check_error
{
	my ($sql, $fault, $code, $requests, %wanted) = @_;
	my ($method, $path) = split / /, $title{$sql};
	my $name = delete $wanted{name} // "$method: "
	  . JSON::PP->new->canonical->encode($fault);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$simulator->clear_faults;
	$test->move if ($fault->{status} // 0) =~ /^(429|503)$/;
	$simulator->fault(method => $method, path => "^$path(\\?.*)?\$", %{$fault})
	  if %{$fault};
	my $result = $test->logged($sql);
	$told .= $result->{raw};
	like($result->{message} // '', qr/(^|\s)\Q$title{$sql}\E([:, ]|$)/,
		"$name: message");
	is($test->count_of($method, qr/^\Q$path\E$/), $requests,
		"$name: $requests requests");
	return MixpanelTest::error_is($result, $code, "$name: error", %wanted);
}

sub says
{
	my ($words) = @_;
	return { status => 'error', error => $words };
}

subtest 'organization_id or credentials missing' => sub {
	my $mapping = 'USER MAPPING FOR CURRENT_USER SERVER mixpanel';

	$test->start_over;
	$test->options(organization_id => undef);
	MixpanelTest::error_is($test->logged($list), 'HV002', 'organization_id',
		message => qr/organization_id/);
	is(scalar $simulator->requests, 0, 'no request');
	$test->default_options;
	foreach my $name (qw(username secret))
	{
		my ($value) =
		  $test->rows('SELECT option_value FROM pg_user_mappings, '
			  . "pg_options_to_table(umoptions) WHERE option_name = '$name'");

		$test->rows("ALTER $mapping OPTIONS (DROP $name)");
		MixpanelTest::error_is($test->logged($list), 'HV002', $name,
			message => qr/$name/);
		is(scalar $simulator->requests, 0, 'no request');
		$test->rows("ALTER $mapping OPTIONS (ADD $name '$value')");
	}
	is($test->run($list)->{code}, '', 'with them');
	$log_start = -s $test->node->logfile;	# it has the statements above
};

subtest 'refusals' => sub {
	$test->start_over;
	foreach my $status (400, 422)
	{
		check_error($_, { status => $status, body => says('no good') },
			'22023', 1, detail => qr/^Mixpanel says: no good/)
		  foreach $list, $get, $create, $add;
		check_error($list, { status => $status }, '22023', 1);
		check_error(
			$list,
			{
				status => $status,
				body => '<html>no good</html>',
				content_type => 'text/html'
			},
			'22023',
			1);
	}
	check_error($_, { status => 401 }, '28000', 1,
		message => qr/"admin-bot\.mp-service-account"/,
		hint => qr/user mapping/)
	  foreach $list, $get, $create, $delete, $add, $remove;
	check_error($_, { status => 403, body => says('forbidden') }, '42501', 1,
		detail => qr/forbidden/, hint => qr/owner or admin/)
	  foreach $list, $get, $create, $delete, $add, $remove;
	check_error($_, { status => 409, body => says('conflict') }, '23505', 1,
		detail => qr/conflict/)
	  foreach $create, $add;
	check_error($list, { status => 404 }, 'HV00M', 1,
		hint => qr/organization_id/);
	check_error($create, { status => 404 }, 'HV00M', 1);
	check_error($_, { status => 418 }, 'HV00M', 1, message => qr/418/)
	  foreach $list, $get, $delete, $add;
	# no status by which the API refuses a create
	check_error($create, { status => 418 }, '08006', 1,
		message => qr/unknown.*418/);
	check_error($list, { status => $_ }, 'HV00M', 1, message => qr/\b$_\b/)
	  foreach 303, 304, 402, 410, 501, 505;
};

subtest 'what the API itself refuses' => sub {
	$test->start_over(duplicate_username_status => 409);
	$simulator->add_accounts({ username => 'ci' });
	check_error($create, {}, '23505', 1, name => 'a username that exists');
	(my $no_account = $add) =~ s/\(3, /(99, /;
	(my $no_project = $add) =~ s/1002/9999/;
	local @title{ $no_account, $no_project } = ($title{$add}) x 2;
	check_error($no_account, {}, '23503', 1, name => 'no such account',
		detail => qr/service account 99/);
	check_error($no_project, {}, '23503', 1, name => 'no such project',
		detail => qr/project 9999/);
	is(scalar(grep { /^(99|\d+ 9999) / } $simulator->memberships), 0,
		'nothing was added');
	is($test->run($delete)->{code}, '', 'deleting an account');
	(my $other = $delete) =~ s/2$/3/;
	$test->rows("BEGIN; $other");
	$simulator->remove_account(3);
	is($test->run('COMMIT')->{code},
		'', 'one that is gone at COMMIT: no error');
};

subtest 'rate limit' => sub {
	$test->start_over;
	$test->options(max_retries => 2, max_retry_wait => '2s');
	foreach my $sql ($list, $create, $delete)
	{
		check_error(
			$sql,
			{
				status => 429,
				count => 0,
				headers => { 'Retry-After' => '0' }
			},
			'53400',
			3,
			message => qr/after 3 tries/,
			detail => qr/Retry-After/);
		check_error(
			$sql,
			{ status => 429, headers => { 'Retry-After' => '3600' } },
			'53400',
			1,
			detail => qr/Retry-After: .* 3600 s/,
			hint => qr/after 3600 s/);
	}
	my $date = strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time() + 900));
	check_error(
		$list,
		{ status => 429, headers => { 'Retry-After' => $date } },
		'53400', 1,
		name => 'a date far off',
		detail => qr/ (89\d|900) s/);
	check_error($list, { status => 429, count => 0 }, '53400', 3);

	$test->move;
	foreach my $when (
		[ '0', 'at once' ],
		[ 'Mon, 01 Jan 2024 00:00:00 GMT', 'a date that is past' ],
		[ 'soon', 'no number and no date' ])
	{
		$simulator->clear_faults;
		$simulator->fault(status => 429,
			headers => { 'Retry-After' => $when->[0] });
		is($test->logged($list)->{code}, '', $when->[1]);
		is($simulator->counts->{requests}, 2, 'a second request');
	}

	$simulator->fault(status => 429, headers => { 'Retry-After' => '1' });
	my $start = time();
	is($test->logged($list)->{code}, '', 'in a second');
	cmp_ok(time() - $start, '>=', 1, 'is waited for');
	$test->options(max_retry_wait => '500ms');
	check_error($list,
		{ status => 429, headers => { 'Retry-After' => '1' } }, '53400', 1,
		name => 'longer than max_retry_wait');
};

subtest 'server errors' => sub {
	$test->start_over;
	$test->options(max_retries => 1, max_retry_wait => '20ms');
	foreach my $status (500, 502, 503, 504)
	{
		foreach my $sql ($list, $get, $delete)
		{
			$simulator->clear_faults;
			$simulator->fault(method => (split / /, $title{$sql})[0],
				status => $status);
			is($test->logged("BEGIN; $sql; COMMIT")->{code}, '',
				"$status once: $title{$sql}");
			$simulator->reset;
		}
		check_error($_, { status => $status, count => 0 }, 'HV00M', 2,
			message => qr/status $status after 2 tries/)
		  foreach $list, $get, $delete;
		check_error($add, { status => $status, count => 0 }, 'HV00M', 1,
			detail => qr/not known/);
		check_error($create, { status => $status, count => 0 }, '08006', 1,
			message => qr/is unknown/);
	}
	$test->default_options;
	my $start = time();
	check_error($list, { status => 500, count => 0 }, 'HV00M', 4,
		name => 'the defaults',
		message => qr/after 4 tries/);
	cmp_ok(time() - $start, '>=', (250 + 500 + 1000) / 2 / 1000,
		'waits grow');
	$test->options(max_retries => 0);
	check_error($list, { status => 500, count => 0 }, 'HV00M', 1);
};

subtest 'connection lost' => sub {
	my @losses = (
		{ reset => 'before' }, { reset => 'after' }, { reset => 'mid' },
		{ close => 'before' }, { close => 'after' }, { cut => 30 },
		{ cut_chunked => 30 });

	$test->start_over;
	$test->options(max_retries => 1, max_retry_wait => '20ms');
	foreach my $loss (@losses)
	{
		# On a connection that was idle, libcurl sends a GET once more.
		$test->fresh;
		$simulator->clear_faults;
		$simulator->fault(%{$loss});
		my $result = $test->logged($list);
		is(MixpanelTest::describe($result), 'no error', 'once: ' . each %{$loss});
		is(scalar(() = $result->{rows} =~ /^\d+\|/gm), 4, 'each row once');
		is($simulator->counts->{requests}, 2, 'two requests');

		foreach my $sql ($list, $get)
		{
			$test->fresh;
			check_error($sql, { %{$loss}, count => 0 }, '08006', 2);
		}
	}
};

subtest 'no answer in time' => sub {
	$test->start_over;
	$test->options(max_retries => 1, request_timeout => '200ms');
	foreach my $where (qw(headers body))
	{
		check_error($list, { hang => $where, count => 0 }, '08006', 2,
			message => qr/in time/,
			detail => qr/200 ms .*"request_timeout".* after 2 tries/);
	}
	check_error($create, { hang => 'headers', count => 0 }, '08006', 1,
		message => qr/is unknown/);
	check_error($add, { hang => 'headers', count => 0 }, '08006', 1,
		detail => qr/not known/);
	# Bytes that go on coming are no timeout.
	$simulator->clear_faults;
	$test->options(request_timeout => '1s');
	$simulator->fault(drip_ms => 10);
	is($test->logged("$get")->{code}, '', 'a slow answer');
	is($simulator->counts->{requests}, 1, 'one request');
};

# ---- connections ----

# A port that nobody listens on.
sub closed_port
{
	my $socket = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1',
		Listen => 1) // die "no socket: $!";
	return $socket->sockport;
}

subtest 'no connection' => sub {
	my $port = closed_port();

	$test->start_over;
	$test->options(base_url => "http://127.0.0.1:$port/api/app",
		max_retries => 1);
	check_error($list, {}, '08001', 0,
		name => 'nobody listens',
		detail => qr/after 2 tries/,
		hint => qr|http://127\.0\.0\.1:$port/api/app|);
	check_error($create, {}, '08001', 0,
		name => 'for a POST as well',
		detail => qr/after 2 tries/);

	(my $tls = $simulator->base_url) =~ s/^http:/https:/;
	$test->options(base_url => $tls, max_retries => 0);
	check_error($list, {}, '08001', 0, name => 'no TLS on this port');

	# A listener whose queue is full never answers.
	my $listener = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1',
		Listen => 1) // die "no socket: $!";
	my @queue = map {
		IO::Socket::INET->new(
			PeerAddr => '127.0.0.1',
			PeerPort => $listener->sockport,
			Blocking => 0)
	} 1 .. 8;
	$test->options(
		base_url => 'http://127.0.0.1:' . $listener->sockport,
		connect_timeout => '300ms');
	my $start = time();
	check_error($list, {}, '08001', 0, name => 'connect_timeout');
	cmp_ok(time() - $start, '<', 9, 'ends it before the 10 s of the default');
};

# A TLS server with a certificate for the name; serves the files of a folder as
# whole answers.
sub start_tls
{
	my ($authority, $name) = @_;
	my ($certificate, $key) = $authority->issue($name);
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my $path = "$folder/api/app/organizations/123";
	my $out = '';

	system('mkdir', '-p', $path);
	append_to_file("$path/service-accounts",
		"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
		  . '{"results":[{"id":5,"username":"tls"}]}');
	my $server = IPC::Run::start(
		[
			qw(openssl s_server -accept 127.0.0.1:0 -HTTP -naccept 20),
			'-cert', $certificate, '-key', $key
		],
		'<', \undef, '>', \$out, '2>&1',
		init => sub { chdir $folder },
		my $limit = IPC::Run::timeout(30));
	$server->pump until $out =~ /^ACCEPT \S+:(\d+)$/m;
	return ($server, $1);
}

subtest 'certificates' => sub {
	plan skip_all => 'no openssl' unless MixpanelCertificates::available();
	$test->start_over;
	$test->options(max_retries => 1);

	my $authority = MixpanelCertificates->new;
	my ($server, $port) = start_tls($authority, '127.0.0.1');
	$test->options(base_url => "https://127.0.0.1:$port/api/app");
	check_error($list, {}, '08001', 0, name => 'not trusted',
		detail => qr/certificate/i);
	unlike($test->run($list)->{detail}, qr/tries/, 'is final at once');
	$test->options(ca_file => $authority->ca_file);
	is($test->run("SELECT id, username FROM mp.service_accounts")->{rows},
		'5|tls', 'trusted through ca_file');
	$server->kill_kill;

	($server, $port) = start_tls($authority, 'mixpanel.example');
	$test->options(
		base_url => "https://127.0.0.1:$port/api/app",
		ca_file => $authority->ca_file);
	check_error($list, {}, '08001', 0, name => 'of another host');
	$server->kill_kill;

	$test->options(ca_file => '/nonexistent.pem');
	check_error($list, {}, '08001', 0, name => 'ca_file is not there');
};

subtest 'redirects' => sub {
	my $port = $simulator->port;
	my $other = MixpanelSimulator->start;
	my $elsewhere = $other->base_url . $org;

	$test->start_over;
	foreach my $status (301, 302, 307, 308)
	{
		foreach my $sql ($list, $create, $add)
		{
			check_error($sql,
				{ status => $status, headers => { Location => $elsewhere } },
				'08004', 1, detail => qr|^The target is \Q$elsewhere\E|);
		}
		check_error($list, { status => $status, headers => { Location => $_ } },
			'08004', 1)
		  foreach "https://127.0.0.1:$port/api/app$org",
		  "http://localhost:$port/api/app$org", '//mixpanel.example/',
		  "http://x:y\@127.0.0.1:$port/api/app$org";
	}
	is($other->counts->{requests}, 0, 'nobody else was asked');
	is($other->counts->{connections}, 0, 'or connected to');
	$other->stop;

	check_error(
		$list,
		{
			status => 302,
			count => 0,
			headers => { Location => "/api/app$org" }
		},
		'HV00M',
		6,
		message => qr/redirected too often/);
	check_error($list, { status => 302 }, 'HV00M', 1,
		message => qr/redirected to nowhere/);

	# To the same host, with method and body.
	foreach my $status (301, 302, 307, 308)
	{
		$test->start_over;
		$simulator->fault(method => 'POST', status => $status,
			headers => { Location => "/api/app$org" });
		is($test->logged($create)->{rows}, '5|32', "$status: created");
		is_deeply(
			[ $test->calls ],
			[
				"POST $org {\"username\":\"ci\"} -> $status",
				"POST $org {\"username\":\"ci\"} -> 201"
			],
			"$status: method and body are kept");
	}
};

# ---- answers ----

my $good = '{"id":2,"username":"bot-2","created":"2024-01-01T00:00:00Z"}';
my @bodies = (
	[ '', qr/^Body: nothing in it/ ],
	[ '<html><body>Sign in</body></html>', qr/^Body: .* at byte 1\./ ],
	[ 'null', qr/^Body: / ],
	[ '{', qr/^Body: .*end after 1 bytes/ ],
	[ "[$good", qr/^Body: .*end after/ ],
	[ "[$good,]", qr/^Body: / ],
	[ "{\"results\":[$good]} x", qr/^Body: something after its end/ ],
	[ '{}', qr/"results"/ ],
	[ '{"results":null}', qr/"results" is not an array/ ],
	[ '{"results":{}}', qr/"results" is not an array/ ],
	[ '{"results":[7]}', qr/^Record 1: is not an object/ ],
	[ '[{}]', qr/^Record 1, field "id": is missing/ ],
	[ '[{"id":null}]', qr/^Record 1, field "id": is missing/ ],
	[ '[{"id":"5"}]', qr/^Record 1, field "id": is not an integer/ ],
	[ '[{"id":5.5}]', qr/^Record 1, field "id": is not an integer/ ],
	[ '[{"id":-5}]', qr/^Record 1, field "id": is out of range/ ],
	[ '[{"id":0}]', qr/^Record 1, field "id": is out of range/ ],
	[
		'[{"id":9223372036854775808}]',
		qr/^Record 1, field "id": is out of range/
	],
	[
		"[$good,{\"id\":3,\"username\":7}]",
		qr/^Record 2 \(id 3\), field "username": is not a string/
	],
	[
		"[$good,{\"id\":3,\"created\":\"yesterday\"}]",
		qr/^Record 2 \(id 3\), field "created": is not an RFC 3339 timestamp/
	],
	[
		'[{"id":3,"created":"2024-02-30T00:00:00Z"}]',
		qr/^Record 1 \(id 3\), field "created"/
	],
	[ '[{"id":3,"createdAt":5}]', qr/^Record 1 \(id 3\), field "createdAt"/ ],
	[
		'[{"id":3,"username":"a\u0000b"}]',
		qr/^Record 1 \(id 3\), field "username": .*NUL/
	],
	[
		'[{"id":3,"username":"\ud800"}]',
		qr/^Record 1 \(id 3\), field "username": .*surrogate/
	],
	[
		"[{\"id\":3,\"username\":\"\xff\"}]",
		qr/^Record 1 \(id 3\), field "username": .*UTF-8/
	],
	[ '{"results":[],"next":"/2"}', qr/no paging/, qr/only one page/ ],
	[ "{\"results\":[$good],\"page\":2}", qr/no paging/, qr/only one page/ ],
	[
		'{"status":"error","error":"no good"}',
		qr/^Mixpanel says: no good/,
		qr/says that it is an error/
	],
	[
		"{\"results\":[$good],\"status\":\"error\",\"error\":\"too late\"}",
		qr/^Mixpanel says: too late/,
		qr/says that it is an error/
	],
	[ ('[' x 70) . (']' x 70), qr/nesting/ ],
	[ '[{"id":3,"username":"' . ('x' x 1_100_000) . '"}]', qr/1048576 bytes/ ],
);

sub answer_of
{
	my ($body) = @_;

	return { content_type => 'application/json',
		$body eq '' ? (status => 200) : (raw => encode_base64($body, '')) };
}

subtest 'answers that are not what they should be' => sub {
	$test->start_over;
	foreach my $case (@bodies)
	{
		my ($body, $detail, $message) = @{$case};

		check_error($list, answer_of($body), 'HV004', 1,
			name => substr($body =~ s/[^ -~]/?/gr, 0, 60),
			detail => $detail,
			$message ? (message => $message) : ());
	}
	check_error($get, answer_of('[]'), 'HV004', 1, name => 'no account');
	check_error($get, answer_of("[$good,$good]"), 'HV004', 1,
		name => 'two accounts', detail => qr/more than one/);
	check_error($get, answer_of('{"id":3,"username":"bot-3"}'), 'HV004', 1,
		name => 'another account', detail => qr/another account/);
	check_error($get, answer_of('{"status":"ok"}'), 'HV004', 1,
		name => 'an account without an id', detail => qr/field "id"/);
};

subtest 'memberships that are not what they should be' => sub {
	my %sql = (
		"GET $org/2/projects" => 'SELECT project_id, role, project_name '
		  . 'FROM mp.project_memberships WHERE service_account_id = 2',
		'GET /projects/1002/service-accounts' =>
		  'SELECT service_account_id, role, has_sensitive_access '
		  . 'FROM mp.project_memberships WHERE project_id = 1002',
	);
	my @cases = (
		[ "GET $org/2/projects", '[{"projectId":"x"}]', qr/"projectId": is not an integer/ ],
		[ "GET $org/2/projects", '[{"role":"admin"}]', qr/^Record 1, field/ ],
		[ "GET $org/2/projects", '[{"projectId":7,"role":5}]',
			qr/^Record 1 \(id 7\), field "role": is not a string/ ],
		[ "GET $org/2/projects", '{"results":[],"next":"/2"}', qr/no paging/ ],
		[ 'GET /projects/1002/service-accounts', '[{"id":[]}]',
			qr/^Record 1, field "id"/ ],
		[ 'GET /projects/1002/service-accounts',
			'[{"id":7,"role":"a","hasSensitiveAccess":"no"}]',
			qr/^Record 1 \(id 7\), field "hasSensitiveAccess"/ ],
	);

	$test->start_over;
	@title{ values %sql } = keys %sql;
	check_error($sql{ $_->[0] }, answer_of($_->[1]), 'HV004', 1,
		name => $_->[1], detail => $_->[2])
	  foreach @cases;

	$test->options(membership_read => 'project');
	my $all = 'SELECT * FROM mp.project_memberships';
	$title{$all} = 'GET /me';
	check_error($all, answer_of($_), 'HV004', 1, name => $_)
	  foreach '[]', '{}', '{"results":{}}', '{"results":{"projects":5}}',
	  '{"results":{"projects":{"1001":{"id":"x"}}}}',
	  '{"status":"error","error":"no"}';
};

subtest 'an answer to a write' => sub {
	$test->start_over;
	check_error($add, answer_of('{"status":"error","error":"no good"}'),
		'HV004', 1, name => 'status error with 200', detail => qr/no good/);
	# A proxy that answers for the API: nobody knows what was done.
	check_error($_, answer_of('<html>Sign in</html>'), 'HV004', 1,
		name => 'no JSON',
		detail => qr/^Body: it is not valid JSON: [^\n]*\.\n.*is not known: 1/s)
	  foreach $add, $delete;
	foreach my $body (
		'', ' ' x 4096, '{"status":"ok"}', '{"results":[]}', '[]', '"done"')
	{
		$simulator->fault(method => 'DELETE', %{ answer_of($body) });
		is($test->run($delete)->{code}, '',
			'DELETE answers ' . substr("'$body'", 0, 40));
	}
	check_error($create, answer_of('{"status":"error","error":"no good"}'),
		'HV004', 1, name => 'status error with 200', detail => qr/no good/);
	# What comes after the account counts as well.
	my $made = '{"id":9,"username":"ci","token":"new-token-1"}';
	check_error($create, answer_of($_->[0]), 'HV004', 1, name => $_->[1],
		detail => $_->[2])
	  foreach [ "{\"results\":$made} x", 'more', qr/after its end/ ],
	  [ "{\"results\":$made", 'less', qr/end after/ ],
	  [ "[$made,$made]", 'two accounts', qr/more than one/ ],
	  [ "{\"results\":$made,\"status\":\"error\",\"error\":\"too late\"}",
		'status error at the end', qr/too late/ ];
};

# ---- secrets ----

subtest 'secrets that the other side repeats' => sub {
	(my $bare = $login) =~ s/=+$//;

	$test->start_over;
	check_error($list, { status => 400, body => says("you said $_") },
		'22023', 1, detail => qr/^Mixpanel says: you said/)
	  foreach "$secret", "Authorization: Basic $login", "Basic $login",
	  $login, $bare, "$secret$secret$login";
	check_error(
		$list,
		{
			status => 302,
			headers => { Location => "http://mixpanel.example/$_/" }
		},
		'08004',
		1)
	  foreach $secret, $login, $bare;
	check_error(
		$create,
		{
			status => 200,
			after => $true,
			body => { id => 'x', username => 'ci', token => 'new-token-1' }
		},
		'HV004',
		1);
	check_error($list,
		answer_of('[{"id":"x","token":"new-token-1","secret":"new-token-1"}]'),
		'HV004', 1);
};

$test->fresh;
my $log = substr(slurp_file($test->node->logfile), $log_start);
(my $bare_login = $login) =~ s/=+$//;
like($log, qr/LOG:.*GET \Q$org\E, server "mixpanel", status 200/,
	'requests are logged');
foreach my $word ($secret, $bare_login, 'new-token-1', 'Authorization: Basic')
{
	ok(index($told, $word) < 0, 'no client is told a secret')
	  or diag($word);
	ok(index($log, $word) < 0, 'the log holds no secret')
	  or diag($log =~ /^(.*\Q$word\E.*)$/m);
}

$test->stop;
done_testing();
