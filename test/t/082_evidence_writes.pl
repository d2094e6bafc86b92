# What a COMMIT says of each change is what the API has, whatever it answered:
# each call that writes, met by each status, body and order of attempt, lie and
# repetition.

use strict;
use warnings;

use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

# Account 1 logs in; accounts 2 to 6 are each in one project, 2 in 1002 as
# analyst, ...
my %seed = (accounts => 6, projects => 6, memberships_per_account => 1,
	epoch => '2024-01-15T10:30:00Z');
my $test = MixpanelTest->new('evidence_writes', %seed);
my $simulator = $test->simulator;
my $org = '/organizations/123/service-accounts';

sub insert
{
	my (@rows) = @_;

	return 'INSERT INTO mp.project_memberships '
	  . '(service_account_id, project_id, role) VALUES '
	  . join(', ', map { sprintf "(%d, %d, '%s')", split / /, $_ } @rows);
}

sub remove
{
	my (@rows) = @_;

	return 'DELETE FROM mp.project_memberships WHERE '
	  . '(service_account_id, project_id) IN ('
	  . join(', ', map { sprintf '(%d, %d)', split / /, $_ } @rows) . ')';
}

# Each call: the statement, how its requests look, the changes in the words of
# COMMIT's report, and, for each, what the state must show if it is applied.
my @calls = (
	{
		name => 'delete account',
		sql => 'DELETE FROM mp.service_accounts WHERE id = 3',
		method => 'DELETE',
		path => "$org/3\$",
		changes => { 'delete service account 3' => '!account 3' },
	},
	{
		name => 'bulk add',
		sql => insert('2 1005 owner', '3 1005 owner'),
		method => 'POST',
		path => 'add-to-project$',
		changes => {
			'service account 2 in project 1005 as owner' => '2 1005 owner',
			'service account 3 in project 1005 as owner' => '3 1005 owner',
		},
	},
	{
		name => 'single add',
		write => 'single',
		sql => insert('2 1005 owner'),
		method => 'POST',
		path => "$org/2/projects\$",
		changes =>
		  { 'service account 2 in project 1005 as owner' => '2 1005 owner' },
	},
	{
		name => 'bulk change of role',
		sql => q(UPDATE mp.project_memberships SET role = 'owner' )
		  . 'WHERE service_account_id = 2',
		method => 'POST',
		path => 'add-to-project$',
		changes =>
		  { 'service account 2 in project 1002 as owner' => '2 1002 owner' },
	},
	{
		name => 'single change of role',
		write => 'single',
		sql => q(UPDATE mp.project_memberships SET role = 'owner' )
		  . 'WHERE service_account_id = 2',
		method => 'POST',
		path => "$org/2/projects\$",
		changes =>
		  { 'service account 2 in project 1002 as owner' => '2 1002 owner' },
	},
	{
		name => 'bulk removal',
		sql => remove('2 1002', '3 1003'),
		method => 'POST',
		path => 'remove-from-project$',
		changes => {
			'service account 2 out of project 1002' => '!2 1002',
			'service account 3 out of project 1003' => '!3 1003',
		},
	},
	{
		name => 'single removal',
		write => 'single',
		sql => remove('2 1002'),
		method => 'DELETE',
		path => "$org/2/projects/1002\$",
		changes => { 'service account 2 out of project 1002' => '!2 1002' },
	});

my $page = '<html><body>gateway</body></html>';
my $no = { status => 'error', error => 'no' };

# Answers that are given in place of the real one, and their headers.
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my @lies = (
	[ 'status error', 200, { status => 'error', error => 'no' } ],
	[ 'a page', 200, $page ],
	(map { [ "$_", $_, $no ] } 400, 403, 404, 405, 408, 409, 410, 422, 499, 500),
	(map { [ "$_, a page", $_, $page ] } 403, 404, 410, 500),
	[ '404, empty', 404, undef ]);

# The same, each given once only.
my @more_lies = (
	# a success that denies itself, of one or of each
	[ 'a list of denials', 200, [ { id => 2, success => $false } ] ],
	[ 'a denial in the results', 200, { status => 'ok', results => { ok => $false } } ],
	[ 'a list of failures', 200, { results => [ { id => 2, status => 'error' } ] } ],
	[ 'false', 200, 'false' ],
	[ '206', 206, { status => 'ok' } ],
	[ '207', 207, { status => 'ok' } ],

	# what is no JSON, but looks like it at first
	[ '404, brackets', 404, '[gateway] not found' ],
	[ '403, braces', 403, '{forbidden}' ],

	# redirects: to where the outcome is, to nowhere, to somebody else
	[ '303', 303, undef, Location => '/api/app/organizations/123' ],
	[ '302, no Location', 302, undef ],
	[ '302, another host', 302, undef, Location => 'https://login.example/' ],
	[ '304', 304, undef ],

	# statuses that the API does not have
	(map { [ "$_", $_, $no ] } 402, 418, 423, 451, 460, 494, 520));

# Is that so in the API?
sub holds
{
	my ($what, $state) = @_;
	my $negated = $what =~ s/^!//;
	my $found =
	  $what =~ /^account (\d+)$/
	  ? grep { $_->{id} == $1 } @{ $state->{accounts} }
	  : grep {
		index("$_->{service_account_id} $_->{project_id} $_->{role}", $what)
		  == 0
	  } @{ $state->{memberships} };

	return $negated ? !$found : !!$found;
}

# What the outcome of a transaction says of a change.
sub claim
{
	my ($result, $change) = @_;
	my $quoted = quotemeta $change;
	my @warnings = map { $_->{detail} // '' }
	  grep { $_->{message} =~ /could not be read back/ }
	  @{ $result->{notices} };

	return (grep { /$quoted/ } @warnings) ? 'unknown' : 'applied'
	  unless $result->{code};
	foreach my $line (split /\n/, $result->{detail} // '')
	{
		next unless $line =~ /^([^:]+): \d+ \(.*$quoted/;
		return
			$1 eq 'Applied' ? 'applied'
		  : $1 eq 'Not applied' ? 'not applied'
		  : 'unknown';
	}
	return 'unsaid';
}

# Is all that a transaction says true?  "" or what is not.
sub untruths
{
	my ($call, $result) = @_;
	my $state = $simulator->state;
	my @wrong;

	foreach my $change (sort keys %{ $call->{changes} })
	{
		my $claim = claim($result, $change);
		my $holds = holds($call->{changes}{$change}, $state);

		next if $claim eq 'unknown' || $claim eq ($holds ? 'applied' : 'not applied');
		push @wrong, "$change: said to be $claim, is "
		  . ($holds ? 'applied' : 'not applied');
	}
	return join '; ', @wrong;
}

my $cases = 0;

sub prepare
{
	my ($call, %settings) = @_;

	$test->start_over(%seed, %settings);
	$test->options(
		max_retries => 1,
		max_retry_wait => '10ms',
		defined $call->{write} ? (membership_write => $call->{write}) : ());
	return;
}

sub check_case
{
	my ($call, $name) = @_;
	my $result = $test->run($call->{sql});
	my $wrong = untruths($call, $result);

	$cases++;
	diag("$call->{name}, $name: $wrong\n   "
		  . MixpanelTest::describe($result)
		  . join("\n   ", '', $test->calls))
	  if $wrong ne '';
	return $wrong eq '';
}

# The API's own refusal of a call about one row is believed, and its 410.
sub is_believed
{
	my ($call, $status, $body, $after) = @_;

	return 0 if defined $body && !ref $body;
	return $status == 410 if $call->{method} eq 'DELETE' && !$after;
	return 0
	  if !$after
	  || keys %{ $call->{changes} } > 1
	  || !grep { $_ == $status } 400, 403, 404, 405, 409, 410, 422;
	return $call->{method} ne 'DELETE' || $status !~ /^(404|410)$/;
}

foreach my $call (@calls)
{
	my $fine = 1;

	foreach my $lie (@lies, @more_lies)
	{
		my ($name, $status, $body, %headers) = @$lie;
		my $once = grep { $_ == $lie } @more_lies;

		foreach my $after (0, 1)
		{
			next if is_believed($call, $status, $body, $after);
			foreach my $count ($once ? 1 : (1, 0))
			{
				prepare($call);
				$simulator->fault(
					method => $call->{method},
					path => $call->{path},
					status => $status,
					defined $body ? (body => $body) : (),
					ref $body ? () : (content_type => 'text/html'),
					%headers ? (headers => \%headers) : (),
					after => $after ? JSON::PP::true : JSON::PP::false,
					count => $count);
				$fine &= check_case($call,
					"$name, "
					  . ($after ? 'carried out' : 'not carried out')
					  . ($count ? ' once' : ''));
			}
		}
	}
	ok($fine, "$call->{name}: what is said is true");
}

# ---- a gateway's page, mostly where memberships cannot be listed ----

sub pair
{
	my ($account, $project) = @_;

	return "service_account_id = $account AND project_id = $project";
}

sub removals
{
	return join ";\n", 'BEGIN',
	  (map { 'DELETE FROM mp.project_memberships WHERE ' . pair(split / /) } @_),
	  'COMMIT';
}

# An UPDATE needs a list; this is sent as one, too.
sub change_role
{
	my ($account, $project) = @_;

	return join ";\n", 'BEGIN',
	  'DELETE FROM mp.project_memberships WHERE ' . pair($account, $project),
	  insert("$account $project owner"), 'COMMIT';
}

sub update
{
	return q(UPDATE mp.project_memberships SET role = 'owner' WHERE ) . pair(@_);
}

# Neither the docs page nor this server has a list of memberships.
my %docs = (document => 'docs');
my %unlisted = (
	list_by_account => $false,
	list_by_project => $false,
	me_route => $false);

# As above.  "before" shows that the call works; "keeps": nobody is removed.
my @gateway_calls = (
	{
		name => 'bulk removal of one',
		settings => \%docs,
		before => removals('4 1004'),
		sql => removals('2 1002'),
		method => 'POST',
		path => 'remove-from-project$',
		changes => { 'service account 2 out of project 1002' => '!2 1002' },
	},
	{
		name => 'bulk removal of two',
		settings => \%docs,
		before => removals('4 1004'),
		sql => removals('2 1002', '3 1003'),
		method => 'POST',
		path => 'remove-from-project$',
		changes => {
			'service account 2 out of project 1002' => '!2 1002',
			'service account 3 out of project 1003' => '!3 1003',
		},
		count => 2,
	},
	{
		name => 'single removal',
		write => 'single',
		settings => \%unlisted,
		before => removals('4 1004'),
		sql => removals('2 1002'),
		method => 'DELETE',
		path => "$org/2/projects/1002\$",
		changes => { 'service account 2 out of project 1002' => '!2 1002' },
	},
	{
		name => 'change of role',
		settings => \%docs,
		before => change_role(4, 1004),
		sql => change_role(2, 1002),
		method => 'POST',
		path => 'add-to-project$',
		changes =>
		  { 'service account 2 in project 1002 as owner' => '2 1002 owner' },
		keeps => 1,
	},
	{
		name => 'UPDATE of a role, with lists',
		settings => {},
		before => update(4, 1004),
		sql => update(2, 1002),
		method => 'POST',
		path => 'add-to-project$',
		changes =>
		  { 'service account 2 in project 1002 as owner' => '2 1002 owner' },
		keeps => 1,
	},
	{
		name => 'single change of role',
		write => 'single',
		settings => \%unlisted,
		before => change_role(4, 1004),
		sql => change_role(2, 1002),
		method => 'POST',
		path => "$org/2/projects\$",
		changes =>
		  { 'service account 2 in project 1002 as owner' => '2 1002 owner' },
		keeps => 1,
	},
	{
		name => 'removal of a member who is to have another role',
		settings => { %docs, bulk_existing_member_status => 409 },
		before => change_role(4, 1004),
		sql => change_role(2, 1002),
		method => 'POST',
		path => 'remove-from-project$',
		changes =>
		  { 'service account 2 in project 1002 as owner' => '2 1002 owner' },
	});

# A gateway's page, once, or for a set and its first half: nothing but a call
# that the API answers may stand for the one that it did not.
sub gateway_case
{
	my ($call, $status, $after) = @_;
	my $name = "$status, " . ($after ? 'carried out' : 'not carried out');

	prepare($call, %{ $call->{settings} });
	my $before = $test->run($call->{before});
	is(MixpanelTest::describe($before), 'no error',
		"$call->{name}: the call works")
	  if $before->{code};
	$simulator->clear_log;
	$simulator->fault(
		method => $call->{method},
		path => $call->{path},
		status => $status,
		gateway => $true,
		count => $call->{count} // 1,
		after => $after);
	my $fine = check_case($call, $name);
	my @removals =
	  grep { /^POST .*remove-from-project|^DELETE / } $test->calls;

	return $fine unless $call->{keeps} && @removals;
	diag("$call->{name}, $name: a member is removed: @removals");
	return 0;
}

foreach my $call (@gateway_calls)
{
	my $fine = 1;

	foreach my $status (400, 403, 404, 405, 409, 410, 422)
	{
		$fine &= gateway_case($call, $status, $_) foreach $false, $true;
	}
	ok($fine, "$call->{name}: a gateway's page proves nothing");
}

note "$cases cases";
$test->stop;
done_testing();
