# Random transactions against servers that are not polite: refusals after a part
# was applied, answers that are lost, 404s that lie, accounts that are not there
# yet, roles that are kept, routes that are missing.
#
# What SQL says afterwards, by a success or by the report of a COMMIT that
# failed, is compared with what the API has: what it calls applied is so, what it
# calls not applied is not, and what it does not name is as it was.  No account
# is created twice, and none is left that nobody was told of.
#
# MP_IMPOLITE is the number of transactions of each style, MP_IMPOLITE_SEED what
# is added to their numbers to have their seeds, MP_IMPOLITE_STYLE a regular
# expression for the styles' names.  By default, seeds 1 to 15 of every style.

use strict;
use warnings;

use JSON::PP ();
use MixpanelTest;
use Test::More;

use constant PROJECTS => 4;
use constant ACCOUNTS => 8;

my $count = $ENV{MP_IMPOLITE} // 15;
my $seed = $ENV{MP_IMPOLITE_SEED} // 0;
my $wanted = $ENV{MP_IMPOLITE_STYLE} // '.';
my ($true, $false) = (JSON::PP::true, JSON::PP::false);

my @roles = qw(admin analyst consumer owner);
my %seen = map { $_ => 0 } qw(committed reported refused undone doubtful);

my $test = MixpanelTest->new('impolite');
my $simulator = $test->simulator;

sub chance { return rand() < $_[0]; }
sub any { return $_[ int rand @_ ]; }

# ---- styles ----

# Faults of a transaction.  Each acts once, on some request soon after.
my %lost = (count => 1, after => $true);
my %faults = (
	doubt => sub {
		return { %lost, method => any(qw(POST DELETE)), nth => 1 + int rand 3,
			any([ status => 500 ], [ reset => 'after' ], [ close => 'after' ],
				[ status => 408 ], [ status => 502 ])->@* };
	},
	refusal => sub {
		return { count => 1, method => any(qw(POST DELETE GET)),
			nth => 1 + int rand 4, status => any(400, 403, 405, 422, 429) };
	},
	lie => sub {
		return { count => any(1, 1, 2), gateway => $true, status => 404,
			nth => 1 + int rand 5,
			any([], [ method => 'DELETE' ], [ method => 'GET' ],
				[ path => '/[0-9]+$' ], [ path => '/projects' ])->@* };
	},
	# a redirect to a login page on the same host
	login => sub {
		return ({ count => any(1, 1, 2), status => 302, nth => 1 + int rand 5,
				headers => { Location => '/api/app/login' },
				any([], [ method => 'DELETE' ], [ method => 'GET' ],
					[ path => '/[0-9]+$' ], [ path => '/projects' ])->@* },
			{ count => 2, path => '^/login', status => any(200, 404, 404) });
	},
	denial => sub {
		return { count => 1, nth => 1 + int rand 4, status => 200,
			method => any(qw(POST DELETE)),
			body => any({ success => $false }, { status => 'fail' },
				{ errors => ['no'] }, { code => 400, status => 'Bad Request' }) };
	});

# name => [switches of the simulator, options of the server, kinds of faults]
my %styles = (
	'parts, bulk' => [
		{ partial_refusal => $true, unknown_status => 400 },
		{ membership_write => 'bulk' }, [qw(doubt)]
	],
	'parts, members are refused' => [
		{
			partial_refusal => $true,
			bulk_existing_member_status => 409,
			absent_member_status => 404
		},
		{}, []
	],
	'doubt, bulk' => [ {}, { membership_write => 'bulk' }, [qw(doubt refusal)] ],
	'doubt, single' =>
	  [ {}, { membership_write => 'single' }, [qw(doubt refusal)] ],
	'doubt, members are refused' => [
		{ existing_member_status => 409, bulk_calls => $false },
		{}, [qw(doubt refusal)]
	],
	'lies, bulk' => [ {}, { membership_write => 'bulk' }, [qw(lie)] ],
	'lies, single' => [ {}, { membership_write => 'single' }, [qw(lie)] ],
	'lies, by project' => [
		{ list_by_account => $false, single_calls => $false },
		{}, [qw(lie doubt)]
	],
	'lies, by account' => [
		{ list_by_project => $false, bulk_calls => $false, me_route => $false },
		{}, [qw(lie doubt)]
	],
	'denials' => [ {}, {}, [qw(denial)] ],
	'denials of all refusals' =>
	  [ { refused_status => 200, refusal => 'success' }, {}, [qw(doubt)] ],
	'logins' => [ {}, {}, [qw(login)] ],
	'logins, single' => [
		{ list_by_project => $false },
		{ membership_write => 'single' }, [qw(login doubt)]
	],
	'lags' => [
		{
			get_lag_requests => 3,
			list_lag_requests => 2,
			username_suffix => $true
		},
		{}, [qw(doubt)]
	],
	'roles are kept, bulk' => [
		{ existing_member_role => 'kept' },
		{ membership_write => 'bulk' }, [qw(doubt refusal)]
	],
	'roles are kept, single' => [
		{ existing_member_role => 'kept', bulk_calls => $false },
		{}, [qw(doubt)]
	],
	'no lists' => [
		{ list_by_account => $false, list_by_project => $false },
		{}, [qw(doubt refusal)]
	],
	'the docs page' => [ { document => 'docs' }, {}, [qw(doubt lie)] ],
	'the nested document' => [ { document => 'nested' }, {}, [qw(doubt lie)] ],
	'everything' => [
		{
			username_suffix => $true,
			existing_member_role => 'kept',
			partial_refusal => $true,
			unknown_status => 422,
			deleted_status => 410,
			deleted_listed => $true,
			refusal => 'detail',
			created => 'short'
		},
		{}, [qw(doubt refusal lie denial)]
	]);

# ---- the API's state ----

# {members}{"ACCOUNT PROJECT"} is a role, {accounts}{ID} a username.
sub api_state
{
	my $state = $simulator->state;

	return {
		members => {
			map { ("$_->{service_account_id} $_->{project_id}" => $_->{role}) }
			  @{ $state->{memberships} }
		},
		accounts =>
		  { map { ($_->{id} => $_->{username}) } @{ $state->{accounts} } },
	};
}

# ---- transactions ----

# A change is {pair, role, sql} of a membership, role undef meaning none, or
# {account, sql} of an account to be deleted; what it should lead to.
sub member_change
{
	my ($before, $account, $project) = @_;
	my $pair = "$account $project";
	my $role = any(@roles);
	my $where = "service_account_id = $account AND project_id = $project";
	my $number = rand();

	if ($number < 0.5)
	{
		return { pair => $pair, role => $role,
			sql => 'INSERT INTO mp.project_memberships (service_account_id, '
			  . "project_id, role) VALUES ($account, $project, '$role')" };
	}
	if ($number < 0.75)
	{
		return { pair => $pair, role => undef,
			sql => "DELETE FROM mp.project_memberships WHERE $where" };
	}
	return { pair => $pair,
		role => defined $before->{members}{$pair} ? $role : undef,
		sql => "UPDATE mp.project_memberships SET role = '$role' WHERE $where" };
}

# Distinct pairs, and accounts that nothing else is done with.
sub changes
{
	my ($before) = @_;
	my @accounts = grep { $_ > 1 } sort { $a <=> $b } keys %{ $before->{accounts} };
	my (@changes, %used);

	if (@accounts > ACCOUNTS - 3 && chance(0.3))
	{
		my $account = splice @accounts, int rand @accounts, 1;
		push @changes, { account => $account,
			sql => "DELETE FROM mp.service_accounts WHERE id = $account" };
	}
	foreach (1 .. 1 + int rand 6)
	{
		my ($account, $project) = (any(@accounts), 1001 + int rand PROJECTS);

		# What is not there is refused.
		$account = 999 if chance(0.04);
		$project = 9 if chance(0.03);
		push @changes, member_change($before, $account, $project)
		  unless $used{"$account $project"}++;
	}
	return @changes;
}

# Has the API what the change should lead to?  Or what was before?
sub is_done
{
	my ($change, $state) = @_;

	return !exists $state->{accounts}{ $change->{account} }
	  if exists $change->{account};
	return ($state->{members}{ $change->{pair} } // '') eq
	  ($change->{role} // '');
}

sub is_untouched
{
	my ($change, $before, $after) = @_;

	return exists $after->{accounts}{ $change->{account} }
	  if exists $change->{account};
	return ($after->{members}{ $change->{pair} } // '') eq
	  ($before->{members}{ $change->{pair} } // '');
}

# ---- what SQL says ----

# The section of a COMMIT's report for each of its changes, as it names them.
sub report
{
	my ($detail) = @_;
	my %sections = (
		'Applied' => 'applied',
		'Not applied' => 'not applied',
		'Sent, but whether it was applied is not known' => 'unknown',
		'Removed to be added with another role, but not added' => 'removed',
		'Perhaps removed to be added with another role, and perhaps added' =>
		  'unknown');
	my %named;

	foreach my $title (keys %sections)
	{
		next unless $detail =~ /^\Q$title\E: \d+ \((.*)\)\.$/m;
		$named{$_} = $sections{$title} foreach split /; /, $1;
	}
	# these are among the applied, but nothing was seen of them
	if ($detail =~ /^Accepted, but not read back: \d+ \((.*)\)\.$/m)
	{
		$named{$_} = 'unknown' foreach split /; /, $1;
	}
	return \%named;
}

# How a report names a change.
sub name_of
{
	my ($change) = @_;

	return "delete service account $change->{account}"
	  if exists $change->{account};
	my ($account, $project) = split / /, $change->{pair};
	return "service account $account "
	  . (defined $change->{role}
		? "in project $project as $change->{role}"
		: "out of project $project");
}

# Whatever no change is about must be as it was.
sub others
{
	my ($before, $after, $changes, $new) = @_;
	my %mine = map { ($_->{pair} // '' => 1) } @{$changes};
	my %deleted = map { ($_->{account} // 0 => 1) } @{$changes};
	my @faults;

	foreach my $pair (sort keys %{ { %{ $before->{members} }, %{ $after->{members} } } })
	{
		my ($account) = split / /, $pair;
		my ($was, $is) =
		  map { $_->{members}{$pair} // 'none' } $before, $after;

		next if $mine{$pair} || $deleted{$account} || $new->{$account};
		push @faults, "$pair was $was and is $is" if $was ne $is;
	}
	foreach my $id (sort keys %{ $before->{accounts} })
	{
		push @faults, "account $id is gone"
		  unless $deleted{$id} || exists $after->{accounts}{$id};
	}
	return @faults;
}

# After a success: all is done.
sub success_faults
{
	my ($changes, $after, $result) = @_;
	my @unseen = grep { $_->{message} =~ /read back|could not be (?:seen|read)/ }
	  @{ $result->{notices} };

	return if @unseen;
	return map { 'not done: ' . name_of($_) }
	  grep { !is_done($_, $after) } @{$changes};
}

# After a report: each change is as it says.
sub report_faults
{
	my ($changes, $before, $after, $result) = @_;
	my $named = report($result->{detail});
	my @faults;

	foreach my $change (@{$changes})
	{
		my $name = name_of($change);
		my $said = delete $named->{$name} // 'nothing';

		$seen{doubtful}++ if $said eq 'unknown';
		push @faults, "$name is said to be $said"
		  if ($said eq 'applied' && !is_done($change, $after))
		  || ($said eq 'removed'
			&& exists $after->{members}{ $change->{pair} })
		  || ( $said =~ /not applied|nothing/
			&& !is_untouched($change, $before, $after));
	}
	return (@faults, map { "nobody asked for $_" } sort keys %{$named});
}

# The account that the transaction made, if it did, and whether it may be there.
sub creation_faults
{
	my ($name, $before, $after, $result, $committed) = @_;
	my @made = grep { $after->{accounts}{$_} =~ /^\Q$name\E(\.|$)/ }
	  sort keys %{ $after->{accounts} };
	my ($returned) = $result->{rows} =~ /^made (\d+) /m;

	return "$name was created " . @made . ' times' if @made > 1;
	return 'committed, but not there'
	  if $committed && defined $returned && !@made;
	return "$returned was returned, $made[0] is there"
	  if $committed && @made && ($returned // '') ne $made[0];
	return if $committed || !@made;
	return "account $made[0] ($name) is left, and nobody was told"
	  unless $result->{raw} =~ /\b$made[0]\b|\Q$name\E/;
	return;
}

# ---- running ----

sub judge
{
	my ($changes, $name, $before, $after, $result) = @_;
	my $has_report = ($result->{detail} // '') =~ /^Applied: \d/m;
	my $committed = $result->{code} eq '' && !$result->{lost};
	my %new = map { ($_ => 1) }
	  grep { !exists $before->{accounts}{$_} } keys %{ $after->{accounts} };
	my @faults = others($before, $after, $changes, \%new);

	push @faults, 'the session is lost' if $result->{lost};
	if ($committed)
	{
		$seen{committed}++;
		push @faults, success_faults($changes, $after, $result);
	}
	elsif ($has_report)
	{
		$seen{reported}++;
		push @faults, report_faults($changes, $before, $after, $result);
	}
	else
	{
		$seen{refused}++;
		push @faults, map { 'done: ' . name_of($_) }
		  grep { !is_untouched($_, $before, $after) } @{$changes};
	}
	push @faults,
	  creation_faults($name, $before, $after, $result, $committed)
	  if defined $name;
	return @faults;
}

sub transaction
{
	my ($number, $kinds) = @_;
	my $before = api_state();
	my @changes = changes($before);
	my @statements = map { $_->{sql} } @changes;
	my ($name, $ends) = (undef, 'COMMIT');

	if (chance(0.25))
	{
		$name = "made$number-" . int rand 1000000;
		my $projects = chance(0.3) ? '[{"id": 1001, "role": "admin"}]' : '[]';

		splice @statements, int rand(@statements + 1), 0,
		  'INSERT INTO mp.service_accounts (username, projects) '
		  . "VALUES ('$name', '$projects') RETURNING 'made', id, username, secret <> ''";
		$ends = 'ROLLBACK' if chance(0.3);
	}
	foreach my $kind (@{$kinds})
	{
		next unless chance(0.6);
		$simulator->fault(%{$_}) foreach $faults{$kind}->();
	}
	$simulator->clear_log;
	my $sql = join ";\n", 'BEGIN', @statements, "$ends;\n";
	my $result = $test->run('\pset fieldsep \' \'' . "\n" . $sql . 'ROLLBACK;');
	$simulator->clear_faults;
	my $after = api_state();
	if ($ends eq 'ROLLBACK')
	{
		$seen{undone}++;
		$result->{code} ||= 'rolled back';
	}
	my @faults = judge(\@changes, $name, $before, $after, $result);
	return '' unless @faults;
	return join "\n", @faults, $sql, $result->{raw}, $result->{rows},
	  $test->calls;
}

sub seed_style
{
	my ($style) = @_;
	my ($switches, $options) = @{ $styles{$style} };

	$test->start_over(
		accounts => ACCOUNTS,
		projects => PROJECTS,
		memberships_per_account => 2,
		%{$switches});
	$test->options(max_retries => 1, max_retry_wait => '20ms', %{$options});
	return;
}

# An account is shown when its time has come; that a transaction does not see
# what another made before that is no fault.
sub let_time_pass
{
	my ($style) = @_;

	$test->rows('SELECT count(*) FROM mp.service_accounts')
	  foreach 1 .. ($styles{$style}[0]{get_lag_requests} // 0);
	return;
}

# Each transaction has a seed of its own, with which it can be had again.
sub run_style
{
	my ($style) = @_;
	my $good = 0;

	foreach my $number (1 .. $count)
	{
		seed_style($style) if $number % 25 == 1;
		srand $seed + $number;
		my $fault = transaction($number, $styles{$style}[2]);

		let_time_pass($style);

		if ($fault ne '')
		{
			diag("$style, seed @{[ $seed + $number ]}: $fault");
			next;
		}
		$good++;
	}
	is($good, $count, "$style: $good transactions");
	return;
}

run_style($_) foreach grep { /$wanted/ } sort keys %styles;

# That it was worth the while.
if (!defined $ENV{MP_IMPOLITE_STYLE})
{
	cmp_ok($seen{$_}, '>', 0, "$_: $seen{$_}")
	  foreach sort keys %seen;
}

$test->stop;
done_testing();
