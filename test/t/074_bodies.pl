# Bodies that no API should send, through SQL: the right rows, or HV004 that
# names the record and the field, one request, and a session that works on; what
# is left behind by a create or a change that was answered so.
#
# Which bodies are good and which are not is tested in
# test/unit/api_answer_test.c and api_change_test.c, case by case; here is one of
# each kind.

use strict;
use warnings;

use Encode ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use MixpanelTest;
use Test::More;

my $org = '/organizations/123/service-accounts';
my $true = JSON::PP::true;
my $test = MixpanelTest->new('bodies', verify => 0, accounts => 4, projects => 3,
	epoch => '2024-01-15T10:30:00Z');
my $simulator = $test->simulator;

my $list = 'SELECT id, username, created FROM mp.service_accounts';
my $four_rows = 'SELECT count(*) FROM mp.service_accounts';

# ---- the calls that read ----

# The members of an element in order; "pick" says what a good answer gives for
# it.
sub element
{
	my ($members, %changed) = @_;
	my @members = @{$members};
	my @texts;

	while (my ($name, $value) = splice @members, 0, 2)
	{
		$value = delete $changed{$name} if exists $changed{$name};
		push @texts, "\"$name\":$value" if defined $value;
	}
	push @texts, "\"$_\":$changed{$_}" foreach sort keys %changed;
	return '{' . join(',', @texts) . '}';
}

sub as_list { return '{"status":"ok","results":[' . join(',', @_) . ']}'; }

sub as_projects
{
	my $number = 1000;

	return '{"status":"ok","results":{"projects":{'
	  . join(',', map { '"' . ++$number . "\":$_" } @_) . '}}}';
}

my @account = (
	id => '2', username => '"bot-2"', created => '"2024-01-01T00:00:00Z"',
	creator => '7', user => '8');
my %reads = (
	'the list of accounts' => {
		path => $org,
		columns => 'id, username, created, expires, last_used, creator, '
		  . 'user_id, attrs',
		table => 'mp.service_accounts',
		pick => 'id, username',
		picked => '2|bot-2',
		members => \@account,
		wrap => \&as_list,
		list => 1,
		id => 'id',
		text => 'username',
	},
	'one account' => {
		path => "$org/2",
		columns => '*',
		table => 'mp.service_accounts WHERE id = 2',
		pick => 'id, username',
		picked => '2|bot-2',
		members => \@account,
		wrap => sub { '{"status":"ok","results":' . $_[0] . '}' },
		id => 'id',
		text => 'username',
	},
	'one account, bare' => {
		path => "$org/2",
		columns => '*',
		table => 'mp.service_accounts WHERE id = 2',
		pick => 'id, username',
		picked => '2|bot-2',
		members => \@account,
		wrap => sub { $_[0] },
		bare => 1,
		id => 'id',
		text => 'username',
	},
	'projects of an account' => {
		path => "$org/2/projects",
		columns => '*',
		table => 'mp.project_memberships WHERE service_account_id = 2',
		pick => 'project_id, role',
		picked => '2|admin',
		members =>
		  [ projectId => '2', role => '"admin"', projectName => '"P"' ],
		wrap => \&as_list,
		list => 1,
		id => 'projectId',
		text => 'role',
	},
	'accounts of a project' => {
		path => '/projects/1002/service-accounts',
		columns => '*',
		table => 'mp.project_memberships WHERE project_id = 1002',
		pick => 'service_account_id, role',
		picked => '2|admin',
		members => [
			id => '2', username => '"bot-2"', role => '"admin"',
			hasSensitiveAccess => 'true'
		],
		wrap => \&as_list,
		list => 1,
		id => 'id',
		text => 'role',
	},
	'/me' => {
		path => '/me',
		columns => 'project_id, project_name',
		table => 'mp.project_memberships',
		pick => 'DISTINCT project_id, project_name',
		picked => '1002|P',
		members => [ id => '1002', name => '"P"', organization_id => '123' ],
		wrap => \&as_projects,
		list => 1,
		id => 'id',
		text => 'name',
		me => 1,
	});

# Which of them; by default all.
sub reads
{
	my ($wanted) = @_;

	return grep { !$wanted || $wanted->($reads{$_}) } sort keys %reads;
}

sub begin_read
{
	my ($read) = @_;

	$test->start_over;
	$test->options(membership_read => 'project') if $read->{me};
	$test->rows('SET timezone = \'UTC\'; SET extra_float_digits = 0');
	return;
}

sub answer_with
{
	my ($method, $path, $body, %more) = @_;

	$simulator->clear_faults;
	$simulator->fault(
		method => $method,
		path => "^$path(\\?.*)?\$",
		content_type => 'application/json',
		$body eq '' ? (status => 200) : (raw => encode_base64($body, '')),
		%more);
	# What /me leads to says nothing of the project itself.
	$simulator->fault(path => '^/projects/', count => 0,
		body => { results => [ { id => 2, role => 'admin' } ] })
	  if $path eq '/me';
	return;
}

sub shown
{
	my ($body) = @_;

	return substr($body =~ s/[^ -~]/?/gr, 0, 70)
	  . (length $body > 70 ? '...' : '');
}

# A read is refused: the error, its detail, one request.
sub refused
{
	my ($read, $body, $detail, $name) = @_;

	answer_with('GET', $read->{path}, $body);
	my $result =
	  $test->logged("SELECT $read->{columns} FROM $read->{table}");
	my $requests = $test->count_of('GET', qr/^\Q$read->{path}\E$/);
	my $fine = $result->{code} eq 'HV004'
	  && ($result->{message} // '') =~ /GET \Q$read->{path}\E( |$)/
	  && ($result->{detail} // '') =~ $detail
	  && $requests == 1
	  && $result->{rows} eq '';

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($fine, 'refused: ' . ($name // shown($body)))
	  || diag("wanted $detail, got $result->{rows} "
		  . MixpanelTest::describe($result) . ", $requests requests");
}

# A read gives these rows.
sub gives
{
	my ($read, $body, $rows, $name, $what) = @_;

	answer_with('GET', $read->{path}, $body);
	my $result = $test->run('SELECT ' . ($what // $read->{pick})
		  . " FROM $read->{table}");

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(
		$result->{code} eq ''
		? $result->{rows}
		: MixpanelTest::describe($result),
		$rows,
		'read: ' . ($name // shown($body)));
}

sub works_on
{
	$simulator->clear_faults;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($test->rows($four_rows), 4, 'the session works on');
}

# ---- what is no JSON text ----

# Of a good body, bodies that are none: name => body.
sub broken
{
	my ($good) = @_;

	return (
		'nothing' => '',
		'HTML' => '<html><body>Sign in</body></html>',
		'garbage behind' => "$good x",
		'UTF-16 with a BOM' => Encode::encode('UTF-16', $good),
		'NUL behind' => "$good\0",
		'half' => substr($good, 0, length($good) / 2),
		'arrays in arrays' => '[' x 100_000,
	);
}

foreach my $name (reads())
{
	subtest "$name: no JSON" => sub {
		my $read = $reads{$name};
		my $good = $read->{wrap}->(element($read->{members}));
		my %broken = broken($good);
		begin_read($read);
		# What breaks within a bare account is told by the record.
		my $detail = $read->{bare} ? qr/^(Body|Record 1)\b/ : qr/^Body: \S/;
		refused($read, $broken{$_}, $detail, $_) foreach sort keys %broken;
		gives($read, $good, $read->{picked});
		gives($read, " \r\n\t$good\n ", $read->{picked}, 'in white space');
		works_on();
	};
}

# ---- JSON that is not what was asked for ----

foreach my $name (reads())
{
	subtest "$name: another shape" => sub {
		my $read = $reads{$name};
		my $good = $read->{wrap}->(element($read->{members}));
		my $record = "Record 1 \\(id $read->{members}[1]\\), field";
		my $with = sub { $read->{wrap}->(element($read->{members}, @_)) };

		begin_read($read);
		refused($read, $_, qr/^Body: \S/) foreach 'null', '7', '{"results":1}';
		refused($read, $with->($read->{id} => '"2"'),
			qr/^Record 1, field "$read->{id}": is not an integer/);
		refused($read, $with->($read->{id} => '9223372036854775808'),
			qr/^Record 1, field "$read->{id}": is out of range/);
		refused($read, $with->($read->{text} => '7'),
			qr/^$record "$read->{text}": is not a string/);
		refused($read, $with->(zzz => "[\"a\xff\"]"),
			$read->{me} ? qr/^Body: it is not valid JSON: \S.* at byte \d/
			: qr/^$record "zzz": is not valid JSON: \S/);
		refused($read, $with->("a\0" => '1'), qr/at byte \d/, 'NUL in a name');
		refused($read, '{"status":"error","error":"no good"}',
			qr/^Mixpanel says: no good$/);
		refused($read, $good =~ s/^\{/{"next":"\/2",/r, qr/paging/)
		  if $read->{list};
		gives($read, $with->(zzz => '1e400'), $read->{picked});
		gives($read, $good =~ s/^\{/{"yyy":[{}],/r, $read->{picked});
		works_on();
	};
}

subtest 'fields of other types' => sub {
	my $accounts = $reads{'the list of accounts'};
	my $members = $reads{'accounts of a project'};
	my $answer = sub { $accounts->{wrap}->(element([ id => 2 ], @_)) };

	begin_read($members);
	refused(
		$members,
		as_list(element($members->{members}, hasSensitiveAccess => '1')),
		qr/^Record 1 \(id 2\), field "hasSensitiveAccess": is not a boolean/);
	gives(
		$members,
		as_list(element($members->{members}, hasSensitiveAccess => $_->[0])),
		$_->[1],
		$_->[0],
		'has_sensitive_access')
	  foreach [ 'true', 't' ], [ 'false', 'f' ], [ 'null', '' ];

	begin_read($accounts);
	foreach my $field (qw(created createdAt created_at))
	{
		refused($accounts, $answer->($field, '"2024-02-30T00:00:00Z"'),
			qr/^Record 1 \(id 2\), field "$field": is not an RFC 3339/);
		gives(
			$accounts,
			$answer->($field, '"2024-01-15T10:30:00.1234567+23:59"'),
			'2024-01-14 10:31:00.123457+00',
			undef, 'created');
	}
	gives($accounts, $answer->(username => '"\u0041\ud83d\ude00"'),
		"A\xf0\x9f\x98\x80", undef, 'username');
	gives($accounts, $answer->(zzz => $_), 't', undef,
		"attrs -> 'zzz' = '$_'::jsonb")
	  foreach 'null', '-1e-7', '1e400', '"\ud83d\ude00"', '[[{"a":[null]}]]';
	works_on();
};

subtest 'numbers beyond numeric' => sub {
	my %fields = ('the list of accounts' => 'username',
		'projects of an account' => 'role');

	foreach my $name (sort keys %fields)
	{
		my $read = $reads{$name};
		my $body =
		  $read->{wrap}->(element($read->{members}, zzz => '1e200000'));

		begin_read($read);
		gives($read, $body, $read->{picked}, 'is not asked for');
		answer_with('GET', $read->{path}, $body);
		MixpanelTest::error_is(
			$test->run("SELECT attrs FROM $read->{table}"),
			'HV004', 'in attrs',
			message => qr!^the answer to GET /!,
			detail => qr/ 2\), field "attrs": holds a number that is out/);
	}
	works_on();
};

# ---- much of it ----

subtest 'a list of 200000' => sub {
	my $read = $reads{'the list of accounts'};
	my $elements = join ',', map { "{\"id\":$_}" } 1 .. 200_000;

	begin_read($read);
	gives($read, "{\"results\":[$elements]}", '200000|20000100000',
		'results', 'count(*), sum(id)');
	refused(
		$read,
		"[$elements,{\"id\":0}]",
		qr/^Record 200001, field "id": is out of range/,
		'the last one bad');
	works_on();
};

subtest 'long strings and much white space' => sub {
	my $read = $reads{'the list of accounts'};
	my $space = " \t\r\n" x (5 * 1024 * 256);
	my $good = $read->{wrap}->(element($read->{members}));
	my $long = 'x' x 1_000_000;

	begin_read($read);
	gives($read, $good =~ s/\[/$space\[$space/r . $space,
		$read->{picked}, 'white space everywhere');
	refused($read, "$good${space}x", qr/^Body: .*something after/,
		'something behind it');
	gives(
		$read,
		$read->{wrap}->(element($read->{members}, username => "\"$long\"")),
		1_000_000,
		'a million letters',
		'max(length(username))');
	works_on();
};

# ---- answers to changes ----

my %changes = (
	'add, bulk' => [
		"POST $org/add-to-project", 'bulk',
		'INSERT INTO mp.project_memberships '
		  . '(service_account_id, project_id, role) VALUES (4, 1003, \'admin\')',
		sub { grep { $_ eq '4 1003 admin' } $simulator->memberships }
	],
	'add, single' => [
		"POST $org/4/projects", 'single',
		'INSERT INTO mp.project_memberships '
		  . '(service_account_id, project_id, role) VALUES (4, 1003, \'admin\')',
		sub { grep { $_ eq '4 1003 admin' } $simulator->memberships }
	],
	'remove, bulk' => [
		"POST $org/remove-from-project", 'bulk',
		'DELETE FROM mp.project_memberships '
		  . 'WHERE service_account_id = 2 AND project_id = 1002',
		sub { !grep { /^2 1002 / } $simulator->memberships }
	],
	'remove, single' => [
		"DELETE $org/2/projects/1002", 'single',
		'DELETE FROM mp.project_memberships '
		  . 'WHERE service_account_id = 2 AND project_id = 1002',
		sub { !grep { /^2 1002 / } $simulator->memberships }
	],
	'delete' => [
		"DELETE $org/3", 'bulk',
		'DELETE FROM mp.service_accounts WHERE id = 3',
		sub { !grep { $_->{id} == 3 } @{ $simulator->state->{accounts} } }
	]);

sub change_answered
{
	my ($change, $body, $done) = @_;
	my ($call, $way, $sql) = @{$change};
	my ($method, $path) = split / /, $call;

	answer_with($method, $path, $body, $done ? (after => $true) : ());
	my $result = $test->logged($sql);
	return ($result, $test->count_of($method, qr/^\Q$path\E$/));
}

foreach my $name (sort keys %changes)
{
	subtest "$name: an answer that is no JSON" => sub {
		my $change = $changes{$name};
		my %bodies = (broken('{"status":"ok"}'),
			'two members of a name' => '{"status":"ok","status":"ok"}');

		delete $bodies{nothing};
		foreach my $done (0, 1)
		{
			$test->start_over;
			$test->options(membership_write => $change->[1]);
			foreach my $case (sort keys %bodies)
			{
				my ($result, $requests) =
				  change_answered($change, $bodies{$case}, $done);

				MixpanelTest::error_is(
					$result, 'HV004', $case,
					message => qr/\Q$change->[0]\E is not what/,
					detail => qr/^Body: it is not valid JSON: .*\.\nApplied: 0\.\nNot applied: 0\.\nSent, but whether it was applied is not known: 1 \(/);
				is($requests, 1, '... sent once');
				last if $done;	# and so it was
			}
			is(!!$change->[3]->(), !!$done, 'what is said is true');
			works_on() unless $name eq 'delete';
		}
	};

	subtest "$name: an answer that says error" => sub {
		my $change = $changes{$name};

		$test->start_over;
		$test->options(membership_write => $change->[1]);
		foreach my $body ('{"status":"error","error":"no good"}',
			'{"results":[],"error":{"message":"no good"}}')
		{
			my ($result, $requests) = change_answered($change, $body, 0);

			MixpanelTest::error_is(
				$result, 'HV004', $body,
				message => qr/\Q$change->[0]\E has status 200 but says/,
				detail => qr/^Mixpanel says: no good\n/);
			is($requests, 1, '... sent once');
		}
		ok(!$change->[3]->(), 'it was not done');
	};

	subtest "$name: an answer without results" => sub {
		my $change = $changes{$name};

		$test->start_over;
		$test->options(membership_write => $change->[1]);
		foreach my $body ('', ' ' x 5_000, 'null', '{"results":[1]}',
			('[' x 64) . (']' x 64))
		{
			$simulator->reset;
			my ($result, $requests) = change_answered($change, $body, 1);

			is(MixpanelTest::describe($result), 'no error',
				'answered ' . shown($body));
			is($requests, 1, '... sent once');
			ok($change->[3]->(), '... and done');
		}
	};
}

# ---- answers to a create ----

my $create = 'INSERT INTO mp.service_accounts (username) VALUES (\'ci\') '
  . 'RETURNING id, secret';

sub created
{
	return scalar grep { $_->{username} eq 'ci' }
	  @{ $simulator->state->{accounts} };
}

# The account exists, and the answer does not say which it is: it stays, and
# the error says so and how to remove it.
sub create_unknown
{
	my ($body, $detail, $name) = @_;

	$simulator->reset;
	answer_with('POST', $org, $body, after => $true);
	my $result = $test->logged("BEGIN; $create; ROLLBACK");

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	MixpanelTest::error_is(
		$result, 'HV004', 'answered ' . ($name // shown($body)),
		message => qr/^the outcome of POST \Q$org\E is unknown: /,
		detail => qr/$detail.*\nService account 5 with the name "ci" has appeared: .* its secret is lost\.$/s,
		hint => qr/DELETE FROM mp\.service_accounts WHERE id = 5;/);
	is($test->count_of('POST'), 1, '... sent once');
	unlike($result->{raw}, qr/seen-once/, '... no secret is shown');
	is(created(), 1, '... the account is there, as is said');
	$test->rows('DELETE FROM mp.service_accounts WHERE id = 5');
	is(created(), 0, '... until it is removed so');
	return;
}

# The answer says which it is: it is deleted again.
sub create_undone
{
	my ($body, $detail, $name) = @_;

	$simulator->reset;
	answer_with('POST', $org, $body, after => $true);
	my $result = $test->logged($create);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	MixpanelTest::error_is(
		$result, 'HV004', 'answered ' . ($name // shown($body)),
		message => qr/^the answer to POST \Q$org\E is not what/,
		detail => qr/^$detail.*is deleted again\.$/s);
	is_deeply([ grep { $_->{level} eq 'WARNING' } @{ $result->{notices} } ], [], '... without a warning');
	is($test->count_of('POST'), 1, '... sent once');
	unlike($result->{raw}, qr/seen-once/, '... no secret is shown');
	is(created(), 0, '... and so it is');
	return;
}

my @new = (id => '5', username => '"ci"', token => '"seen-once"');

subtest 'create: an answer that is no JSON' => sub {
	my $good = '{"status":"ok","results":' . element(\@new) . '}';
	my %broken = broken($good);

	$test->start_over;
	foreach my $case (sort keys %broken)
	{
		# what is whole up to its end names the account
		($case =~ / behind$/ ? \&create_undone : \&create_unknown)->(
			$broken{$case}, qr/^(Body|Record 1): \S/, $case);
	}
	create_unknown($_, qr/^Body: \S/) foreach '[]', '{"results":"seen-once"}';
	create_undone('[' . element(\@new) . ',' . element(\@new) . ']',
		qr/^Body: \S/);
	works_on();
};

subtest 'create: an account that is none' => sub {
	$test->start_over;
	create_unknown(element(\@new, id => $_), qr/^Record 1, field "id": \S/)
	  foreach undef, qw(0 "5" []);
	create_unknown("{\"results\":$_}", qr/^Record 1\b/)
	  foreach '{}', '["seen-once"]';
	# Sound, but for somebody else.
	create_unknown(
		element(\@new, id => 2, created => 'true'),
		qr/^Record 1 \(id 2\), field "created": \S/);
	works_on();
};

subtest 'create: a field that is none' => sub {
	$test->start_over;
	foreach my $case (
		[ created => '"2024-02-30T00:00:00Z"' ], [ expires => '5' ],
		[ token => '["seen-once"]' ])
	{
		my ($field, $value) = @{$case};

		create_undone(
			"{\"results\":" . element(\@new, $field => $value) . '}',
			qr/Record 1 \(id 5\), field "$field": /);
		create_undone(element(\@new, $field => $value),
			qr/Record 1 \(id 5\), field "$field": /);
	}
	create_undone(element(\@new, username => "\"$_\""),
		qr/Record 1 \(id 5\), field "username": /, 'a bad string')
	  foreach "a\xffb", 'a\u0000b', '\ude00';
	create_undone(element(\@new, token => $_),
		qr/Record 1 \(id 5\), field "(secret|token)": /, 'no secret')
	  foreach undef, 'null', '""';
	works_on();
};

subtest 'create: an answer that says error' => sub {
	$test->start_over;
	my $denied = '{"status":"error","error":"no good"}';

	# The look finds nothing; nothing says that it was not created.
	answer_with('POST', $org, $denied);
	MixpanelTest::error_is($test->logged($create), 'HV004', $denied,
		message => qr/^the outcome of POST \Q$org\E is unknown: /,
		detail => qr/^Mixpanel says: no good\n.*has appeared so far/s);
	is($test->count_of('POST'), 1, '... sent once');
	is(created(), 0, '... nothing was created');

	# An account beside the error is named and deleted again.
	foreach my $body (
		'{"status":"error","error":"no good","results":' . element(\@new) . '}',
		'{"results":' . element(\@new) . ',"status":"error","error":"no good"}',
		element(\@new, error => '"no good"'))
	{
		$simulator->reset;
		answer_with('POST', $org, $body, after => $true);
		my $result = $test->logged($create);

		MixpanelTest::error_is($result, 'HV004', shown($body),
			detail => qr/^Mixpanel says: no good\n.*account 5; it is deleted again\.$/s);
		is($test->count_of('POST'), 1, '... sent once');
		unlike($result->{raw}, qr/seen-once/, '... no secret is shown');
		is(created(), 0, '... and so it is');
	}

	# One without a secret is not what was created: it stays.
	my @old = (id => '3', username => '"bot-3"');

	foreach my $body (
		'{"status":"error","error":"taken","results":' . element(\@old) . '}',
		element(\@old, error => '"taken"'), '{"id":3,"error":"taken"}')
	{
		$simulator->reset;
		answer_with('POST', $org, $body);
		MixpanelTest::error_is($test->logged($create), 'HV004', shown($body),
			message => qr/is unknown: /,
			detail => qr/^Mixpanel says: taken\n.*has appeared so far/s);
		is($test->count_of('DELETE'), 0, '... nothing is deleted');
	}
	works_on();
};

subtest 'create: what is read all the same' => sub {
	my $good = element(\@new);

	foreach my $body ($good, "[$good]", "{\"results\":[$good]}",
		$good . ' ' x 5_000_000,
		element(\@new, zzz => '1e400'), element(\@new, username => '"other"'))
	{
		$test->start_over;
		answer_with('POST', $org, $body, after => $true);
		is($test->logged($create)->{rows}, '5|seen-once', shown($body));
		is($test->count_of('POST'), 1, '... sent once');
		is(created(), 1, '... one account');
	}
};

$test->stop;
done_testing();
