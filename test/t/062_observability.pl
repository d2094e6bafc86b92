# What can be seen of the extension at work: EXPLAIN in every format,
# statistics, the log of requests, the wait event, progress, and the check.

use strict;
use warnings;

use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use MixpanelTest;
use MixpanelTransaction qw(server_log);
use PostgreSQL::Test::Utils;
use Test::More;

my $test = MixpanelTest->new('observability', verify => 0, accounts => 6, projects => 3);
my $simulator = $test->simulator;
my $org = '/organizations/123/service-accounts';
my ($username, $secret) = split /:/, MixpanelSimulator::LOGIN;
my $json = JSON::PP->new;

# All that anybody was shown, to be searched for secrets at the end.
my $shown = '';

# ---- EXPLAIN ----

# What EXPLAIN prints.
sub explained
{
	my ($options, $sql) = @_;
	my $text = $test->rows("EXPLAIN ($options) $sql");

	$shown .= $text;
	return $text;
}

# The nodes of a plan, from the top.
sub nodes
{
	my ($node) = @_;

	return ($node, map { nodes($_) } @{ $node->{Plans} // [] });
}

# The node of that type in EXPLAIN's JSON.
sub node_of
{
	my ($type, $options, $sql) = @_;
	my $plan = $json->decode(explained("FORMAT JSON, $options", $sql));

	return (grep { $_->{'Node Type'} eq $type } nodes($plan->[0]{Plan}))[0];
}

# Its keys that are ours.
sub our_keys
{
	my ($node) = @_;

	return [ sort grep { /^(?:API|Mixpanel|Lookup)/ } keys %{$node} ];
}

my @counted = (
	'API Bytes Received',
	'API Requests',
	'API Wait Time',
	'Mixpanel Request');

my $list = "GET $org";
my $projects = "GET $org/{id}/projects";

subtest 'EXPLAIN of reads' => sub {
	my %reads = (
		'SELECT * FROM mp.service_accounts' => [$list],
		'SELECT * FROM mp.service_accounts WHERE id = 3' => ["$list/3"],
		'SELECT * FROM mp.service_accounts WHERE id IN (2, 3)' =>
		  ["$list/{id}"],
		'SELECT * FROM mp.project_memberships' => [ $list, $projects ],
		'SELECT * FROM mp.project_memberships WHERE project_id = 1001' =>
		  ['GET /projects/1001/service-accounts'],
		'SELECT * FROM mp.service_accounts WHERE id IN (2, 3) AND id IN (4, 5)' =>
		  ['none']
	);

	# An answer that is there before anybody waits for it costs no wait.
	$simulator->set(latency_ms => 30);
	foreach my $sql (sort keys %reads)
	{
		my @requests = @{ $reads{$sql} };
		my $shape = @requests > 1 ? \@requests : $requests[0];
		my $node = node_of('Foreign Scan', 'COSTS OFF', $sql);

		is_deeply($node->{'Mixpanel Request'}, $shape, "JSON: $sql");
		is_deeply(our_keys($node), ['Mixpanel Request'],
			'... and nothing that only ANALYZE knows');
		$simulator->clear_log;
		$node = node_of('Foreign Scan', 'ANALYZE', $sql);
		is($node->{'API Requests'}, scalar @{ $simulator->log },
			'... with ANALYZE, the requests that the API has seen');
		is_deeply(our_keys($node), \@counted, '... and the other figures');
		next if $requests[0] eq 'none';
		cmp_ok($node->{'API Bytes Received'}, '>', 0, '... bytes');
		cmp_ok($node->{'API Wait Time'}, '>', 0, '... time');
	}
	$simulator->set(latency_ms => 0);
};

subtest 'EXPLAIN as text and YAML' => sub {
	my $sql = 'SELECT role FROM mp.project_memberships';
	my $text = explained('ANALYZE, VERBOSE', $sql);
	my $yaml = explained('ANALYZE, VERBOSE, FORMAT YAML', $sql);

	like($text, qr/^ *Output: /m, 'VERBOSE');
	like(
		$text,
		qr/^\ +Mixpanel\ Request:\ \Q$list\E\n
			\ +Mixpanel\ Request:\ \Q$projects\E\n
			\ +Mixpanel\ Way:\ by\ account,[^\n]*\n
			\ +Cost\ By\ Account:[^\n]*\n
			\ +Cost\ By\ Project:[^\n]*\n
			\ +API\ Requests:\ 7\n
			\ +API\ Bytes\ Received:\ [1-9]\d*\ kB\n
			\ +API\ Wait\ Time:\ \d+\.\d{3}\ ms$/mx,
		'text: a line for each request, units');
	like(
		$yaml,
		qr/^\ +Mixpanel\ Request:\ *\n
			\ +-\ "\Q$list\E"\n
			\ +-\ "\Q$projects\E"\n
			\ +Mixpanel\ Way:\ "by\ account,[^\n]*\n
			\ +Cost\ By\ Account:[^\n]*\n
			\ +Cost\ By\ Project:[^\n]*\n
			\ +API\ Requests:\ 7\n
			\ +API\ Bytes\ Received:\ [1-9]\d*\n
			\ +API\ Wait\ Time:\ \d+\.\d{3}\ *$/mx,
		'YAML: a list, no units');
	unlike(explained('ANALYZE, TIMING OFF', $sql),
		qr/API Wait Time/, 'no time without TIMING');
	unlike($text, qr/API Retries/, 'no retries, no line');
	$simulator->fault(status => 503, path => "/3/projects\$", count => 2);
	like(
		explained('ANALYZE', $sql),
		qr/^ +API Requests: 9\n +API Retries: 2\n/m,
		'retries, which count as requests');
};

subtest 'EXPLAIN of a join' => sub {
	my $sql = 'SELECT o.person, m.project_id FROM owner o '
	  . 'JOIN mp.project_memberships m ON m.service_account_id = o.account';

	$test->rows('CREATE TABLE owner AS SELECT i::bigint AS account, '
		  . "'p' || i AS person FROM generate_series(2, 5) i; ANALYZE owner");
	my $join = node_of('Custom Scan', 'VERBOSE, COSTS OFF', $sql);
	my ($scan) = grep { $_->{'Node Type'} eq 'Foreign Scan' } nodes($join);

	is($join->{'Custom Plan Provider'}, 'MixpanelLookupJoin', 'its name');
	is($join->{'Lookup Key'}, 'o.account', 'what is looked up');
	is($scan->{'Mixpanel Request'}, $projects, 'how');
	$simulator->clear_log;
	my $text = explained('ANALYZE, VERBOSE', $sql);
	like($text, qr/Custom Scan \(MixpanelLookupJoin\).*rows=8/, 'its rows');
	like($text, qr/^ +Lookup Key: o\.account$/m, 'text: what is looked up');
	like($text, qr/^ +API Requests: 4$/m, 'one request for each row');
	is(scalar @{ $simulator->log }, 4, 'which the API has seen');
	like(
		explained('ANALYZE, FORMAT YAML', $sql),
		qr/Custom Plan Provider: "MixpanelLookupJoin"/,
		'YAML');
};

subtest 'EXPLAIN of changes' => sub {
	my $create = 'INSERT INTO mp.service_accounts (username) '
	  . "VALUES ('seen') RETURNING id, secret";
	my %changes = (
		$create => "POST $org",
		'DELETE FROM mp.service_accounts WHERE id = 4' =>
		  "DELETE $org/{id}",
		'INSERT INTO mp.project_memberships (service_account_id, project_id, role) '
		  . "VALUES (2, 1001, 'admin')" => "POST $org/add-to-project",
		'UPDATE mp.project_memberships SET role = \'admin\' '
		  . 'WHERE service_account_id = 2' => "POST $org/add-to-project",
		'DELETE FROM mp.project_memberships WHERE service_account_id = 2' =>
		  "POST $org/remove-from-project");

	foreach my $sql (sort keys %changes)
	{
		$simulator->clear_log;
		is( node_of('ModifyTable', 'VERBOSE, COSTS OFF', $sql)
			  ->{'Mixpanel Request'},
			$changes{$sql}, "JSON: $sql");
		like(
			explained('VERBOSE, COSTS OFF', $sql),
			qr/^  Mixpanel Request: \Q$changes{$sql}\E$/m, '... text');
		like(
			explained('COSTS OFF, FORMAT YAML', $sql),
			qr/^ +Mixpanel Request: "\Q$changes{$sql}\E"/m, '... YAML');
		is(scalar @{ $simulator->log }, 0, '... and nothing is sent');
	}
	$test->rows('BEGIN');
	$simulator->set(latency_ms => 30);
	my $node = node_of('ModifyTable', 'ANALYZE', $create);
	$simulator->set(latency_ms => 0);
	is($node->{'API Requests'}, 1, 'ANALYZE creates');
	cmp_ok($node->{'API Wait Time'}, '>', 0, '... and tells the time');
	is($test->count_of('POST'), 1, 'in one request');
	$test->rows('ROLLBACK');
	is($test->count_of('DELETE'), 1, 'which ROLLBACK undoes');
};

# ---- statistics ----

subtest 'statistics' => sub {
	my $figures = 'SELECT requests, retries, failures FROM '
	  . "mixpanel_sa_fdw_stats() WHERE server = 'mixpanel'";

	$test->fresh;
	is($test->rows('SELECT count(*) FROM mixpanel_sa_fdw_stats()'),
		0, 'a new session has none');
	$simulator->set(latency_ms => 30);
	$test->logged('SELECT count(*) FROM mp.project_memberships');
	$simulator->set(latency_ms => 0);
	is($test->rows($figures), '7|0|0', 'a fan-out');
	is(scalar @{ $simulator->log }, 7, '... as the API has counted');
	is( $test->rows(
			'SELECT connections, bytes_received > 1000, wait_ms > 0 '
			  . 'FROM mixpanel_sa_fdw_stats()'),
		$simulator->counts->{connections} . '|t|t',
		'connections as the API has counted, bytes, time')
	  if $simulator->counts->{connections} > 0;
	$simulator->fault(status => 503);
	$test->rows('SELECT count(*) FROM mp.service_accounts');
	is($test->rows($figures), '9|1|0', 'a retry');
	$simulator->fault(status => 400);
	$test->run('SELECT count(*) FROM mp.service_accounts');
	is($test->rows($figures), '10|1|1', 'a failure');
	my $other = $test->connect;
	is($other->rows('SELECT count(*) FROM mixpanel_sa_fdw_stats()'),
		0, 'another session has its own');
	$other->quit;
	$test->rows('SELECT mixpanel_sa_fdw_stats_reset()');
	is($test->rows('SELECT coalesce(sum(requests + failures + bytes_received), 0) '
			  . 'FROM mixpanel_sa_fdw_stats()'),
		0, 'reset');
};

# ---- the log ----

subtest 'log_requests' => sub {
	my $line = qr{
		\ LOG:\ \ mixpanel_sa_fdw:\ (\S+)\ (\S+),\ server\ "mixpanel",
		\ status\ (\d+),\ attempt\ (\d+),\ \d+\.\d\ ms,\ (\d+)\ bytes$}mx;
	my $start = -s $test->node->logfile;
	my $lines = sub {
		my $log = server_log($test, $start);
		my @lines;

		push @lines, "$1 $2 $3 $4" . ($5 > 0 ? ' answered' : '')
		  while $log =~ /$line/g;
		$start = -s $test->node->logfile;
		$shown .= $log;
		return \@lines;
	};

	$test->rows('SELECT count(*) FROM mp.service_accounts');
	is_deeply($lines->(), [], 'off at first');
	$test->rows('SET mixpanel_sa_fdw.log_requests = on');
	$simulator->fault(status => 503);
	$test->rows('SELECT count(*) FROM mp.service_accounts');
	$test->options(base_url => 'http://127.0.0.1:1/api/app',
		max_retries => 1);
	$test->run('SELECT count(*) FROM mp.service_accounts WHERE id = 3');
	$test->default_options;
	is_deeply(
		$lines->(),
		[
			"GET $org 503 1 answered",
			"GET $org 200 2 answered",
			"GET $org/3 0 1",
			"GET $org/3 0 2",
		],
		'a line for each attempt');
	my $new = $test->rows('INSERT INTO mp.service_accounts (username) '
		  . "VALUES ('logged') RETURNING secret");
	$test->rows('DELETE FROM mp.service_accounts WHERE username = \'logged\'');
	is_deeply([ map { s!/\d+ !/{id} !r } grep { !/^GET/ } @{ $lines->() } ],
		[ "POST $org 201 1 answered", "DELETE $org/{id} 200 1 answered" ],
		'changes');
	like($new, qr/^[0-9a-f]{32}$/, 'a new secret was read');
	unlike(server_log($test), qr/\Q$new\E/, '... which is not in the log');
	$test->rows('CREATE ROLE plain; SET ROLE plain');
	is($test->run('SET mixpanel_sa_fdw.log_requests = off')->{code},
		'42501', 'only a superuser may set it');
	$test->rows('RESET ROLE; SET mixpanel_sa_fdw.log_requests = off');
};

# ---- waiting ----

subtest 'wait event' => sub {
	my $version = $test->rows('SHOW server_version_num');
	my $event = $version >= 170000 ? 'MixpanelRequest' : 'Extension';
	my $other = $test->connect;
	my $pid = $test->session->pid;
	my $seen = '';

	$simulator->fault(hang => 'headers');
	$test->session->begin('SELECT count(*) FROM mp.service_accounts');
	ok( MixpanelTest::wait_until(
			sub {
				$seen = $other->rows(
					'SELECT wait_event_type, wait_event, state '
					  . "FROM pg_stat_activity WHERE pid = $pid");
				return $seen eq "Extension|$event|active";
			}),
		"pg_stat_activity shows $event") or diag($seen);
	$other->rows("SELECT pg_cancel_backend($pid)");
	is($test->session->end->{code}, '57014', 'cancelled');
	is($other->rows('SELECT count(*) FROM pg_stat_activity '
				  . "WHERE pid = $pid AND wait_event = '$event'"),
		0, 'it waits no more');
	$other->quit;
};

subtest 'progress' => sub {
	$simulator->set(latency_ms => 20);
	$test->rows('SET mixpanel_sa_fdw.progress_interval = 10; '
		  . 'ALTER SERVER mixpanel OPTIONS (ADD max_concurrency \'2\')');
	my $result = $test->run('SELECT count(*) FROM owner o '
		  . 'JOIN mp.project_memberships m ON m.service_account_id = o.account');
	my @messages = map { $_->{message} } @{ $result->{notices} };

	cmp_ok(scalar @messages, '>=', 1, 'a join tells how far it is');
	is( scalar(
			grep { /^project_memberships: [0-4] of 4 requests done$/ }
			  @messages),
		scalar @messages,
		'in requests') or diag(join "\n", @messages);
	$simulator->set(latency_ms => 0);
	$test->rows('RESET mixpanel_sa_fdw.progress_interval; '
		  . 'ALTER SERVER mixpanel OPTIONS (DROP max_concurrency)');
};

# ---- the check ----

# The outcome: items that failed, and all details as "item: detail".
sub check
{
	my @failed;
	my @details;

	foreach my $row ($test->row_list(
			"SELECT item, ok, detail FROM mixpanel_sa_fdw_check('mixpanel')"))
	{
		my ($item, $ok, $detail) = split /\|/, $row, 3;

		push @failed, $item if $ok eq 'f';
		push @details, "$item: $detail";
		$shown .= $detail;
	}
	return (join(', ', @failed), join "\n", @details);
}

sub check_is
{
	my ($name, $wanted, @details) = @_;
	my ($failed, $details) = check();

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($failed, $wanted, "$name: what fails");
	like($details, $_, "$name: what it says") foreach @details;
	return;
}

subtest 'check' => sub {
	my $base_url = $simulator->base_url;
	my $mapping = 'USER MAPPING FOR CURRENT_USER SERVER mixpanel';
	my %quick = (max_retries => 0, connect_timeout => '5s');

	$test->start_over;
	check_is('all is well', '', qr/^organization: 6 service accounts$/m);

	$test->rows("ALTER $mapping OPTIONS (SET secret 'mistyped')");
	check_is(
		'wrong password',
		'credentials',
		qr/^connection: Mixpanel answers$/m,
		qr/^credentials: Mixpanel rejected the credentials .*Check username and secret in the user mapping for server "mixpanel"/m
	);
	$test->rows("ALTER $mapping OPTIONS (SET secret '$secret')");

	$simulator->add_accounts(
		{
			id => 20,
			username => 'reader',
			secret => 'reader-secret',
			role => 'consumer'
		});
	$test->rows("ALTER $mapping OPTIONS "
		  . "(SET username 'reader', SET secret 'reader-secret')");
	check_is('no admin, reading allowed', '',
		qr/^organization: 7 service accounts; service account "reader" is consumer of the organization: it can read, but only an owner or admin can change anything$/m
	);
	$simulator->fault(status => 403);
	check_is('no admin, refused', 'organization',
		qr/^credentials: Mixpanel accepts them$/m,
		qr/^organization: .* status 403.*"reader" must be an owner or admin of the organization/m
	);
	$test->rows("ALTER $mapping OPTIONS "
		  . "(SET username '$username', SET secret '$secret')");

	$test->options(organization_id => 999);
	check_is('wrong organization', 'organization',
		qr/^organization: .*organization_id must be its organization's/m);
	$test->default_options;

	$simulator->fault(status => 302,
		headers => { Location => "https://eu.mixpanel.com/api/app$org" });
	check_is('wrong region', 'connection',
		qr/^connection: .*redirected to another host.*option "region"/m);

	$test->options(%quick, base_url => 'https://mixpanel.invalid/api/app');
	check_is('DNS', 'connection',
		qr/^connection: could not connect .*resolve.*mixpanel\.invalid/m);
	(my $tls = $base_url) =~ s/^http:/https:/;
	$test->options(base_url => $tls);
	check_is('TLS', 'connection',
		qr/^connection: could not connect .*(?:SSL|TLS).*certificates/m);
	$test->options(base_url => $base_url, proxy => 'http://127.0.0.1:1');
	check_is('proxy', 'connection',
		qr{^connection: could not connect .*through the proxy http://127\.0\.0\.1:1;}m
	);
	$test->default_options;

	$test->rows("DROP $mapping");
	check_is('no user mapping', 'options',
		qr/^options: user mapping not found .*CREATE USER MAPPING FOR/m);
	$test->rows("CREATE $mapping OPTIONS "
		  . "(username '$username', secret '$secret')");

	my $missing = qr/the server does not have this call; "membership_read" auto uses the other, if that is there/;
	$simulator->reset(accounts => 6, projects => 3, document => 'docs');
	$test->options(project_ids => '1001');
	check_is(
		'docs',
		'memberships by account, memberships by project',
		qr/^memberships by account: $missing$/m,
		qr/^memberships by project: $missing$/m);
	$simulator->reset(accounts => 6, projects => 3, document => 'bulk');
	check_is(
		'bulk',
		'memberships by account',
		qr/^memberships by project: the server has this call$/m);
	$test->default_options;
	$simulator->reset(accounts => 6, projects => 3, document => 'nested');
	check_is('nested', 'projects');
	$simulator->reset(accounts => 6, projects => 3);
	foreach my $route (
		[ 'memberships by account', '/service-accounts/\d+/projects$' ],
		[ 'memberships by project', '^/projects/\d+/service-accounts$' ])
	{
		my ($item, $path) = @{$route};

		foreach my $status (404, 405)
		{
			$simulator->clear_faults;
			$simulator->fault(path => $path =~ s/\\d/[0-9]/r,
				status => $status, count => 0);
			check_is("$item, $status", $item, qr/^$item: $missing$/m);
		}
	}
	$simulator->clear_faults;
	check_is('all is well again', '');
};

# ---- and no secret anywhere ----

my $login = encode_base64(MixpanelSimulator::LOGIN, '') =~ s/=+$//r;
cmp_ok(length $shown, '>', 10_000, 'much was shown');
unlike($shown, qr/\Q$secret\E|\Q$login\E|reader-secret|mistyped|Authorization|Basic /,
	'and no secret');

$test->stop;
done_testing();
