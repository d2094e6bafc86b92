# Bodies that no API should send, for every call that reads one: the right rows,
# or HV004 that names the record and the field, one request, and a session that
# works on.
#
# A body that is no JSON is told by the byte; an element by its id where that
# can be read, else by its place.

use strict;
use warnings;

use Encode ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use MixpanelTest;
use Test::More;

my $org = '/organizations/123/service-accounts';
my $true = JSON::PP::true;
my $test = MixpanelTest->new('bodies', accounts => 4, projects => 3,
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

# Of one account, the bare object is the same account once more.
sub is_wrapped { return !$_[0]{bare}; }

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
	my $bom = "\xef\xbb\xbf";

	return (
		'nothing' => '',
		'white space' => " \t\r\n ",
		'a form feed' => "\f$good",
		'a no-break space' => "\xc2\xa0$good",
		'HTML' => '<html><body>Sign in</body></html>',
		'a word' => 'done',
		'garbage behind' => "$good x",
		'a bracket behind' => "$good]",
		'a comma behind' => "$good,",
		'two documents' => "$good$good",
		'two documents, a line each' => "$good\n$good\n",
		'a comment in front' => "/* all */$good",
		'a comment behind' => "$good // all",
		'a comment inside' => ($good =~ s/:/: \/* x *\/ /r),
		'NaN' => ($good =~ s/"ok"/NaN/r),
		'Infinity' => ($good =~ s/"ok"/-Infinity/r),
		'a word for a value' => ($good =~ s/"ok"/True/r),
		'single quotes' => ($good =~ tr/"/'/r),
		'a name without quotes' => ($good =~ s/"(\w+)":/$1:/r),
		'a comma too many' => ($good =~ s/\}$/,}/r),
		'no colon' => ($good =~ s/:/ /r),
		'a BOM' => "$bom$good",
		'UTF-16LE' => Encode::encode('UTF-16LE', $good),
		'UTF-16BE' => Encode::encode('UTF-16BE', $good),
		'UTF-16 with a BOM' => Encode::encode('UTF-16', $good),
		'UTF-32' => Encode::encode('UTF-32LE', $good),
		'NUL in front' => "\0$good",
		'NUL behind' => "$good\0",
		'NUL inside' => ($good =~ s/:/:\0/r),
		'NUL in the place of a body' => "\0",
		'one byte too few' => substr($good, 0, -1),
		'half' => substr($good, 0, length($good) / 2),
		'its first byte' => substr($good, 0, 1),
		'arrays in arrays' => '[' x 100_000,
		'objects in objects' => '{"a":' x 100_000,
		'a brace that closes a bracket' => '[}',
	);
}

foreach my $name (reads())
{
	subtest "$name: no JSON" => sub {
		my $read = $reads{$name};
		my $good = $read->{wrap}->(element($read->{members}));
		my %broken = broken($good);

		delete @broken{ 'NaN', 'Infinity', 'a word for a value' }
		  if $good !~ /"ok"/;
		begin_read($read);
		# What breaks within a bare account is told by the record.
		my $detail = $read->{bare} ? qr/^(Body|Record 1)\b/ : qr/^Body: \S/;
		refused($read, $broken{$_}, $detail, $_) foreach sort keys %broken;
		gives($read, $good, $read->{picked});
		gives($read, " \r\n\t$good\n ", $read->{picked}, 'in white space');
		works_on();
	};
}

# ---- JSON of another shape ----

foreach my $name (reads())
{
	subtest "$name: another shape" => sub {
		my $read = $reads{$name};
		my $good = element($read->{members});

		begin_read($read);
		refused($read, $_, qr/^Body: \S/) foreach 'null', 'true', '7', '"x"';
		if ($read->{me})
		{
			refused($read, $_, qr/^Body: it has no "projects"/)
			  foreach '{}', '[]', "[$good]", '{"results":null}',
			  '{"results":[]}', '{"results":"x"}', '{"results":1}',
			  '{"results":{}}',
			  map { "{\"results\":{\"projects\":$_}}" }
			  qw(null true 1 "x");
			gives($read, "{\"projects\":[$good]}", '1002|P');
			gives($read, "{\"results\":{\"projects\":[$good]}}", '1002|P');
			gives($read, '{"results":{"projects":[]}}', '');
			gives($read, '{"results":{"projects":{}}}', '');
		}
		elsif ($read->{list})
		{
			refused($read, $_, qr/^Body: "results" is not an array/)
			  foreach map { "{\"results\":$_}" } qw(null true 1 "x" {}), $good;
			refused($read, $_, qr/^Body: it has no "results"/)
			  foreach '{}', '{"status":"ok"}', '{"Results":[]}', $good;
			refused(
				$read,
				"{\"results\":[$good],\"results\":[$good]}",
				qr/^Body: a second "results"/);
			gives($read, '[]', '');
			gives($read, '{"results":[]}', '');
			gives($read, "[$good]", $read->{picked});
		}
		else
		{
			refused($read, $_, qr/^Body: \S/)
			  foreach map { "{\"results\":$_}" } qw(null true 1 "x" []),
			  "[$good,$good]";
			refused($read, $_, qr/^Record 1, field "id": is missing/)
			  foreach '{}', '{"results":{}}', '{"status":"ok"}', '[{}]';
			refused($read, "[$_]", qr/^Record 1: is not an object/)
			  foreach qw(null 7 "x" []);
			gives($read, "[$good]", $read->{picked});
			gives($read, "{\"results\":[$good]}", $read->{picked});
		}
		works_on();
	};
}

foreach my $name (reads(sub { $_[0]{list} }))
{
	subtest "$name: items" => sub {
		my $read = $reads{$name};
		my $good = element($read->{members});
		my $last = $read->{me} ? 'Body' : 'Record 2';

		begin_read($read);
		refused(
			$read,
			$read->{wrap}->($good, $_),
			qr/^Record 2: is not an object/) foreach qw(null true 7 -1.5 "x" []),
		  "[$good]", '"{\"id\":3}"', '""';
		refused($read, $read->{wrap}->($good, '{}'),
			qr/^Record 2, field "(id|project_id)": is missing/);
		# Twice the same member, plain, escaped and deep inside.
		my $id = $read->{id};
		refused($read, $read->{wrap}->($good, $_), qr/^$last\b.*second member/)
		  foreach "{\"$id\":3,\"$id\":3}",
		  "{\"$id\":3,\"" . ($id =~ s/(.)/sprintf '\\u%04x', ord $1/er)
		  . "\":3}", element($read->{members}, x => '[{"a":1,"a":1}]');
		refused($read,
			$read->{wrap}->($good) =~ s/"status":"ok"/"a":1,"a":1/r,
			qr/^Body: .*second member/);
		works_on();
	};
}

# ---- ids and other numbers ----

my $digits = '1' . ('0' x 399);
my %bad_integers = (
	'is not an integer' => [
		'"2"', '""', '"x"', 'true', 'false', '[]', '[2]', '{}', '{"id":2}',
		'1.0', '1.5', '1e3', '1E+2', '2e0', '1e400', '1e-400', '-1.5', '0.0',
		"$digits.5"
	],
	'is out of range' => [
		'-1', '9223372036854775808', '18446744073709551618', '-9223372036854775808',
		'-9223372036854775809', $digits, "-$digits"
	],
	'is not valid JSON' =>
	  [ '01', '2.', '1e', '1e+', '1.e1', '--1', '1-1', '-', '00' ]);

sub bad_integers
{
	my ($read, $field, $record) = @_;

	foreach my $reason (sort keys %bad_integers)
	{
		my $where = qr/^\Q$record\E, field "$field": /;

		# Behind a number that ends too early, it is nobody's field.
		$where = $read->{me} ? qr/^Body: it / : qr/^Record 1\b.*: /
		  if $reason eq 'is not valid JSON';

		refused(
			$read,
			$read->{wrap}->(element($read->{members}, $field => $_)),
			qr/$where\Q$reason\E/,
			"$field $reason: " . substr $_, 0, 30)
		  foreach @{ $bad_integers{$reason} };
	}
	# What can begin no value is no JSON whatever it is part of.
	refused(
		$read,
		$read->{wrap}->(element($read->{members}, $field => $_)),
		qr/^(Body|Record 1)\b/,
		"$field: $_") foreach '+2', '.5', 'NaN', 'Infinity', '0x2', '2a';
	return;
}

foreach my $name (reads(\&is_wrapped))
{
	subtest "$name: the id" => sub {
		my $read = $reads{$name};
		my $id = $read->{id};
		my $called = $id eq 'projectId' ? 'project_id' : $id;

		begin_read($read);
		bad_integers($read, $id, 'Record 1');
		refused(
			$read,
			$read->{wrap}->(element($read->{members}, $id => $_)),
			qr/^Record 1, field "$id": is out of range/,
			"$id: $_") foreach '0', '-0';
		refused(
			$read,
			$read->{wrap}->(element($read->{members}, $id => $_)),
			qr/^Record 1, field "$called": is missing/,
			'id: ' . ($_ // 'missing')) foreach undef, 'null';
		gives(
			$read,
			$read->{wrap}->(
				element($read->{members}, $id => '9223372036854775807')),
			$read->{picked} =~ s/^\d+/9223372036854775807/r)
		  if $read->{list} && !$read->{me};
		works_on();
	};
}

foreach my $name (reads(sub { is_wrapped(@_) && $_[0]{table} !~ /_memberships / }))
{
	subtest "$name: other integers" => sub {
		my $read = $reads{$name};
		my @fields = $read->{me} ? 'organization_id' : qw(creator user);
		my $record = "Record 1 (id $reads{$name}{members}[1])";

		begin_read($read);
		bad_integers($read, $_, $record) foreach @fields;
		gives($read, $read->{wrap}->(element($read->{members}, $_ => 'null')),
			$read->{picked})
		  foreach @fields;
		works_on();
	};
}

# ---- strings ----

my %bad_strings = (
	'NUL' => "a\0b",
	'NUL, escaped' => 'a\u0000b',
	'a control character' => "a\x1fb",
	'a line feed' => "a\nb",
	'an overlong slash' => "\xc0\xaf",
	'an overlong NUL' => "\xc0\x80",
	'an overlong form of three bytes' => "\xe0\x80\xaf",
	'an overlong form of four bytes' => "\xf0\x80\x80\xaf",
	'two bytes, truncated' => "a\xc3",
	'three bytes, truncated' => "\xe2\x82",
	'four bytes, truncated' => "\xf0\x9f\x98",
	'truncated, then a letter' => "\xe2\x82a",
	'a lone continuation' => "a\x80b",
	'bytes of a high surrogate' => "\xed\xa0\x80",
	'bytes of a low surrogate' => "\xed\xbf\xbf",
	'bytes of a pair of surrogates' => "\xed\xa0\xbd\xed\xb8\x80",
	'beyond U+10FFFF' => "\xf4\x90\x80\x80",
	'five bytes' => "\xf8\x88\x80\x80\x80",
	'0xFF' => "a\xffb",
	'Latin-1' => "caf\xe9 ",
	'a lone high surrogate' => '\ud83d',
	'a lone low surrogate' => '\ude00',
	'a high surrogate and a letter' => '\ud83dx',
	'a high surrogate and a line feed' => '\ud83d\n',
	'two high surrogates' => '\ud83d\ud83d',
	'surrogates the wrong way round' => '\ude00\ud83d',
	'an escape that is none' => 'a\x41',
	'an escaped quote of another kind' => '\\\'',
	'an escape cut off' => '\u12',
	'an escape with a letter too far' => '\u12g4');

foreach my $name (reads())
{
	subtest "$name: strings" => sub {
		my $read = $reads{$name};
		my $members = $read->{members};
		my $record = "Record 1 \\(id $members->[1]\\), field";

		begin_read($read);
		foreach my $case (sort keys %bad_strings)
		{
			my $bad = "\"$bad_strings{$case}\"";
			my %places = (
				$read->{text} => $bad,		# a field
				zzz => "[{\"a\":$bad}]",	# what nobody asked for
			);

			foreach my $place (sort keys %places)
			{
				refused(
					$read,
					$read->{wrap}->(
						element($members, $place => $places{$place})),
					$read->{me} ? qr/^Body: it is not valid JSON: \S.* at byte \d/
					: qr/^$record "$place": is not valid JSON: \S/,
					"$case, in $place");
			}
			# The name of a member is no word to be shown.
			refused(
				$read,
				$read->{wrap}->(element($members, "a$bad_strings{$case}" => 1)),
				qr/^(Record 1 \(id $members->[1]\)|Body): .*at byte \d/,
				"$case, in a name");
		}
		foreach my $bad (qw(7 1.5 true false [] {} ["x"]))
		{
			refused(
				$read,
				$read->{wrap}->(element($members, $read->{text} => $bad)),
				qr/^$record "$read->{text}": is not a string/,
				"$read->{text}: $bad");
		}
		(my $row = $read->{picked}) =~ s/\|.*//;
		gives($read,
			$read->{wrap}->(element($members, $read->{text} => $_->[0])),
			"$row|$_->[1]")
		  foreach [ '""', '' ],
		  [ '"\u0041\"\\\\\/ \ud83d\ude00"', "A\"\\/ \xf0\x9f\x98\x80" ],
		  [ "\"\xf4\x8f\xbf\xbd\xed\x9f\xbf\xc2\x80\"",
			"\xf4\x8f\xbf\xbd\xed\x9f\xbf\xc2\x80" ],
		  [ "\"a\x7fb\"", "a\x7fb" ];
		works_on();
	};
}

subtest 'what stands around the results' => sub {
	begin_read($reads{'the list of accounts'});
	foreach my $case (sort keys %bad_strings)
	{
		refused($reads{'the list of accounts'}, $_, qr/^Body: \S/, $case)
		  foreach "{\"a\":\"$bad_strings{$case}\",\"results\":[]}",
		  "{\"results\":[],\"a\":[\"$bad_strings{$case}\"]}";
	}
	works_on();
};

subtest 'booleans' => sub {
	my $read = $reads{'accounts of a project'};

	begin_read($read);
	refused(
		$read,
		as_list(element($read->{members}, hasSensitiveAccess => $_)),
		qr/^Record 1 \(id 2\), field "hasSensitiveAccess": is not a boolean/,
		$_) foreach qw(0 1 "true" "" [] {});
	refused($read, as_list(element($read->{members}, hasSensitiveAccess => $_)),
		qr/^(Body|Record 1)\b/, $_)
	  foreach qw(True yes tru);
	gives(
		$read,
		as_list(element($read->{members}, hasSensitiveAccess => $_->[0])),
		$_->[1],
		"$_->[0]",
		'has_sensitive_access')
	  foreach [ 'true', 't' ], [ 'false', 'f' ], [ 'null', '' ];
	works_on();
};

# ---- timestamps ----

my @bad_times = (
	'', ' ', 'yesterday', 'now', 'infinity', '-infinity', 'epoch', '0',
	'1705314600', '2024-01-15', '10:30:00', '2024-01-15T10:30:00',
	'2024-01-15T10:30Z', '2024-01-15T10:30:00+01', '2024-01-15T10:30:00+0100',
	'2024-01-15T10:30:00 UTC', '2024-01-15T10:30:00Europe/Berlin',
	'2024-01-15T10:30:00Z ', ' 2024-01-15T10:30:00Z', '2024-01-15T10:30:00ZZ',
	'2024-02-30T00:00:00Z', '2023-02-29T00:00:00Z', '1900-02-29T00:00:00Z',
	'2024-04-31T00:00:00Z', '2024-13-01T00:00:00Z', '2024-00-01T00:00:00Z',
	'2024-01-00T00:00:00Z', '2024-01-32T00:00:00Z', '2024-01-15T24:00:00Z',
	'2024-01-15T25:00:00Z', '2024-01-15T10:60:00Z', '2024-01-15T10:30:61Z',
	'2024-01-15T10:30:00+24:00', '2024-01-15T10:30:00+01:60',
	'2024-01-15T10:30:00.Z', '2024-01-15T10:30:00,5Z', '2024-1-15T10:30:00Z',
	'24-01-15T10:30:00Z', '2024/01/15T10:30:00Z', '2024-01-15_10:30:00Z',
	'0000-01-01T00:00:00Z', '-0001-01-01T00:00:00Z', '-2024-01-15T10:30:00Z',
	'+2024-01-15T10:30:00Z', '10000-01-01T00:00:00Z',
	'294277-01-01T00:00:00Z', '999999-12-31T23:59:59Z',
	'0001-01-01T00:00:00+00:01', '9999-12-31T23:59:59-00:01',
	'9999-12-31T23:59:60Z', '2024-01-15T10:30:00Z BC',
	"2024-01-15T10:30:\xd9\xa0\xd9\xa0Z", '2024-W03-1T10:30:00Z');
my @good_times = (
	[ '2024-01-15T10:30:00Z', '2024-01-15 10:30:00+00' ],
	[ '2024-01-15t10:30:00z', '2024-01-15 10:30:00+00' ],
	[ '2024-01-15 10:30:00Z', '2024-01-15 10:30:00+00' ],
	[ '2024-01-15T10:30:00-00:00', '2024-01-15 10:30:00+00' ],
	[ '2024-01-15T10:30:00+23:59', '2024-01-14 10:31:00+00' ],
	[ '2024-01-15T10:30:00.1234567890123Z', '2024-01-15 10:30:00.123457+00' ],
	[ '2024-12-31T23:59:59.9999999Z', '2025-01-01 00:00:00+00' ],
	[ '2016-12-31T23:59:60Z', '2017-01-01 00:00:00+00' ],
	[ '2024-02-29T00:00:00Z', '2024-02-29 00:00:00+00' ],
	[ '0001-01-01T00:00:00Z', '0001-01-01 00:00:00+00' ],
	[ '9999-12-31T23:59:59Z', '9999-12-31 23:59:59+00' ],
	[ '2024\u002d01-15T10:30:00\u005a', '2024-01-15 10:30:00+00' ]);

# The spellings of a field; its column is named by the first of them.
my %time_fields = (
	created => [ 'created', 'createdAt', 'created_at' ],
	expires => [ 'expires', 'expiresAt', 'expires_at' ],
	last_used => [ 'last_used', 'lastUsed', 'last_used_at' ]);

foreach my $name ('the list of accounts', 'one account')
{
	subtest "$name: timestamps" => sub {
		my $read = $reads{$name};
		my $answer = sub {
			my ($field, $value) = @_;
			return $read->{wrap}->(element([ id => 2 ], $field => $value));
		};
		my $said = sub {
			return qr/^Record 1 \(id 2\), field "$_[0]": is not $_[1]/;
		};

		begin_read($read);
		refused($read, $answer->('created', "\"$_\""),
			$said->('created', 'an RFC 3339 timestamp'), "created: '$_'")
		  foreach @bad_times;
		gives($read, $answer->('created', "\"$_->[0]\""),
			$_->[1], $_->[0], 'created')
		  foreach @good_times;
		foreach my $column (sort keys %time_fields)
		{
			foreach my $field (@{ $time_fields{$column} })
			{
				refused($read, $answer->($field, '"2024-02-30T00:00:00Z"'),
					$said->($field, 'an RFC 3339 timestamp'));
				refused($read, $answer->($field, $_),
					$said->($field, 'a string'))
				  foreach qw(1705314600 1.5 true false [] {});
				gives($read, $answer->($field, 'null'), '', undef, $column);
				gives(
					$read,
					$answer->($field, '"2024-01-15T10:30:00Z"'),
					'2024-01-15 10:30:00+00',
					undef, $column);
			}
		}
		works_on();
	};
}

# ---- what is not asked for ----

my @values = ('null', 'true', 'false', '0', '-0', '1.5', '-1e-7', '1e400',
	$digits, '"s"', '""', '"\ud83d\ude00"', '[]', '{}', '[[{"a":[null]}]]',
	'{"id":"x","username":7}');

foreach my $name (reads())
{
	subtest "$name: unknown members" => sub {
		my $read = $reads{$name};
		my $first = (split / /, $read->{pick})[-1];

		begin_read($read);
		foreach my $value (@values)
		{
			my $body =
			  $read->{wrap}->(element($read->{members}, zzz => $value));

			gives($read, $body, $read->{picked}, 'with ' . substr $value, 0, 30);
			gives($read, $body, 't', 'and it is in attrs',
				"attrs -> 'zzz' = '$value'::jsonb")
			  unless $read->{me};
			# Around the results.
			gives($read, $body =~ s/^\{/{"yyy":$value,/r, $read->{picked});
			gives($read, $body =~ s/\}$/,"yyy":$value}/r, $read->{picked});
		}
		works_on();
	};
}

subtest 'numbers beyond numeric' => sub {
	my %fields = ('the list of accounts' => 'username',
		'projects of an account' => 'role');

	foreach my $name (sort keys %fields)
	{
		my $read = $reads{$name};

		begin_read($read);
		foreach my $number ('1e200000', '-1E+999999999999', '1e2147483648')
		{
			my $body =
			  $read->{wrap}->(element($read->{members}, zzz => $number));

			gives($read, $body, $read->{picked}, "$number is not asked for");
			answer_with('GET', $read->{path}, $body);
			MixpanelTest::error_is(
				$test->run("SELECT attrs FROM $read->{table}"),
				'HV004', "$number in attrs",
				detail => qr/ 2, field "attrs": it holds a number that is out/,
				context => qr/column "attrs"/);
		}
	}
	works_on();
};

# ---- what an answer says of itself ----

foreach my $name (reads(sub { $_[0]{list} }))
{
	subtest "$name: pages" => sub {
		my $read = $reads{$name};
		my $good = $read->{wrap}->(element($read->{members}));
		my $refused = sub {
			my ($member) = @_;
			refused($read, $good =~ s/^\{/{$member,/r, qr/pages/, $member);
			refused($read, $good =~ s/\}$/,$member}/r, qr/pages/, $member);
		};

		begin_read($read);
		$refused->("\"$_\":\"/page/2\"")
		  foreach qw(next next_page nextPage next_url nextUrl next_cursor
		  nextCursor next_page_token nextPageToken cursor page paging
		  pagination), 'n\u0065xt';
		$refused->($_)
		  foreach '"has_more":true', '"hasMore":1', '"has_next":true',
		  '"hasNext":true',
		  '"page":{"number":1,"of":2}', '"page":1e400', '"next":0.1',
		  '"links":{"next":"/2"}', '"_links":{"self":1,"next":{"href":"/2"}}';
		gives($read, $good =~ s/^\{/{$_,/r, $read->{picked}, "no page: $_")
		  foreach '"next":null', '"next":""', '"has_more":false', '"page":0',
		  '"page":0e5', '"page":-0.00', '"links":{}', '"links":{"next":null}',
		  '"links":[]', '"total":1';
		works_on();
	};
}

foreach my $name (reads())
{
	subtest "$name: status error" => sub {
		my $read = $reads{$name};
		my $good = $read->{wrap}->(element($read->{members}));

		begin_read($read);
		foreach my $case (
			[ '"status":"error","error":"no good"', qr/^Mixpanel says: no good$/ ],
			[ '"error":{"message":"no good"}', qr/^Mixpanel says: no good$/ ],
			[ '"status":"error","message":"no \u0067ood"', qr/: no good$/ ],
			[ '"status":"error","detail":"no\ngood"', qr/: no good$/ ],
			[ '"message":"second","error":"first"', qr/: first$/ ],
			[ '"status":"error"', qr/^$/ ],
			[ '"error":["x"]', qr/^$/ ],
			[ '"error":1', qr/^$/ ],
			[ '"error":true', qr/^$/ ])
		{
			my ($member, $detail) = @{$case};

			(my $rest = $good) =~ s/"status":"ok",//;
			foreach my $body ("{$member}", $rest =~ s/^\{/{$member,/r,
				$rest =~ s/\}$/,$member}/r)
			{
				refused($read, $body, $detail);
			}
		}
		gives($read, $good =~ s/^\{/{$_,/r, $read->{picked}, $_)
		  foreach '"error":null', '"error":""', '"error":false', '"error":0',
		  '"message":"fine"';
		gives($read, $good =~ s/^\{/{"status":"Error",/r, $read->{picked})
		  if $read->{bare};
		works_on();
	};
}

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

foreach my $name (reads())
{
	subtest "$name: 5 MB of white space" => sub {
		my $read = $reads{$name};
		my $all = " \t\r\n" x (5 * 1024 * 256);
		my $part = substr $all, 0, length($all) / 4;
		my $good = $read->{wrap}->(element($read->{members}));
		my $spread = $good =~ s/^\{(.*)\}$/$part\{$part$1$part\}$part/r;

		begin_read($read);
		gives($read, $spread, $read->{picked}, 'everywhere');
		refused($read, $good . $part . 'x', qr/^Body: .*something after/,
			'something behind it');
		if ($name eq 'the list of accounts')
		{
			gives($read, "$all$good", $read->{picked}, 'in front');
			gives($read, $good =~ s/\[/[$all/r, $read->{picked}, 'inside');
			gives($read, "$good$all", $read->{picked}, 'behind');
		}
		works_on();
	};
}

subtest 'long strings' => sub {
	foreach my $name (reads())
	{
		my $length = $name eq 'the list of accounts' ? 1_000_000 : 100_000;
		my $long = 'x' x $length;
		my $read = $reads{$name};
		my $text = (split /, /, $read->{pick})[-1];

		begin_read($read);
		gives(
			$read,
			$read->{wrap}->(element($read->{members}, $read->{text} => "\"$long\"")),
			$length,
			"$name: $length letters",
			"max(length($text))");
		gives(
			$read,
			$read->{wrap}->(
				element($read->{members}, $read->{text} => '"' . '\u00e9' x 20_000 . '"')),
			20_000,
			"$name: all escaped",
			"max(length($text))");
	}
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
			'two members of a name' => '{"status":"ok","status":"ok"}',
			'invalid UTF-8' => "{\"a\":\"\xff\"}",
			'a lone surrogate' => '{"a":"\ud800"}',
			'an escaped NUL' => '"\u0000"');

		delete @bodies{ 'nothing', 'white space' };
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
			'{"results":[],"error":{"message":"no good"}}',
			" \n{\"took\":1e400,\"error\":\"no good\"}")
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
		my $much = $name eq 'add, bulk' ? 5_000_000 : 5_000;

		$test->start_over;
		$test->options(membership_write => $change->[1]);
		foreach my $body ('', " \n", ' ' x $much, '{}', '[]', 'null', 'true',
			'7', '1e400', '"done"', '{"status":"ok"}', '{"results":null}',
			'{"results":[1]}', '{"next":"/2"}', ('[' x 64) . (']' x 64),
			"{\"took\":$digits,\"of\":1e400}")
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
	is_deeply($result->{notices}, [], '... without a warning');
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
		create_unknown($broken{$case}, qr/^(Body|Record 1): \S/, $case);
	}
	create_unknown($_, qr/^Body: \S/) foreach 'null', '7', '"x"', '[]',
	  '{"results":null}', '{"results":[]}', '{"results":"seen-once"}',
	  '[' . element(\@new) . ',' . element(\@new) . ']';
	works_on();
};

subtest 'create: an account that is none' => sub {
	$test->start_over;
	create_unknown(element(\@new, id => $_), qr/^Record 1, field "id": \S/)
	  foreach undef, qw(null 0 -1 "5" 5.0 5e0 9223372036854775808 [] {});
	create_unknown("{\"results\":$_}", qr/^Record 1\b/)
	  foreach '{}', '[null]', '["seen-once"]', '[[]]';
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
		[ username => '7' ], [ token => '7' ], [ token => '["seen-once"]' ],
		[ creator => '"x"' ], [ last_used => '"never"' ])
	{
		my ($field, $value) = @{$case};

		create_undone(
			"{\"results\":" . element(\@new, $field => $value) . '}',
			qr/Record 1 \(id 5\), field "$field": /);
		create_undone(element(\@new, $field => $value),
			qr/Record 1 \(id 5\), field "$field": /);
	}
	foreach my $case (sort keys %bad_strings)
	{
		my $bad = "\"$bad_strings{$case}\"";

		create_undone(
			'{"results":[' . element(\@new, username => $bad) . ']}',
			qr/Record 1 \(id 5\), field "username": /, "$case in results");
	}
	create_undone(element(\@new, username => "\"$bad_strings{$_}\""),
		qr/Record 1 \(id 5\), field "username": /, "$_, bare")
	  foreach 'NUL', 'NUL, escaped', '0xFF', 'a lone low surrogate';
	create_undone(element(\@new, token => $_),
		qr/Record 1 \(id 5\), field "(secret|token)": /, 'no secret')
	  foreach undef, 'null', '""';
	works_on();
};

subtest 'create: an answer that says error' => sub {
	$test->start_over;
	foreach my $body ('{"status":"error","error":"no good"}',
		'{"status":"error","error":"no good","results":' . element(\@new) . '}',
		'{"results":' . element(\@new) . ',"status":"error","error":"no good"}',
		element(\@new, error => '"no good"'))
	{
		answer_with('POST', $org, $body);
		my $result = $test->logged($create);

		MixpanelTest::error_is($result, 'HV004', shown($body),
			detail => qr/^Mixpanel says: no good$/);
		is_deeply([ $simulator->requests ], ["POST $org"],
			'... sent once, nothing else');
		is(created(), 0, '... nothing was created');
	}
	works_on();
};

subtest 'create: what is read all the same' => sub {
	my $good = element(\@new);

	foreach my $body ($good, "[$good]", "{\"results\":$good}",
		"{\"results\":[$good]}", "{\"took\":1e400,\"results\":$good}",
		"{\"results\":$good,\"next\":\"/2\"}", $good . ' ' x 5_000_000,
		element(\@new, zzz => $digits), element(\@new, username => '"other"'))
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
