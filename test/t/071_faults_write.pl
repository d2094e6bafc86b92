# Every call that writes, met by every fault of the table, once and for ever:
# the SQLSTATE of the interface, as many requests as the rules of retrying
# allow, and an API whose state is what the error says.  No create is sent
# again that may have been carried out.

use strict;
use warnings;

use MixpanelFaults qw(faults is_for_all is_sent_again may_be_done sqlstate);
use MixpanelRelay;
use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

# Organizations 123 to 125 with accounts 1-20, 21-40, 41-60 and projects
# 1001-1003, 1004-1006, 1007-1009.
my %seed = (accounts => 20, organizations => 3, projects => 3,
	memberships_per_account => 1, epoch => '2024-01-15T10:30:00Z');
my $test = MixpanelTest->new('faults_write', verify => 0, %seed,
	config => "mixpanel_sa_fdw.log_requests = on\n");
my $simulator = $test->simulator;
my $matrix = MixpanelFaults->new($test);
my %common = (base_url => $simulator->base_url, max_retries => 2,
	max_retry_wait => '20ms', request_timeout => '60s');

$matrix->add_server('single', %common, organization_id => 123,
	membership_write => 'single');
$matrix->add_server('bulk', %common, organization_id => 124,
	membership_write => 'bulk');
$matrix->add_server('roles', %common, organization_id => 125,
	membership_write => 'bulk');
$matrix->add_server('auto_bulk', %common, organization_id => 124);
$matrix->add_server('auto_roles', %common, organization_id => 125);

my $org = '/organizations/%d/service-accounts';

# Changes of one transaction, as "ACCOUNT PROJECT ROLE", "ACCOUNT PROJECT" and
# account ids, and the SQL for them.
sub sql_of
{
	my ($server, %changes) = @_;
	my $members = "$server.project_memberships";
	my @sql = ('BEGIN');
	my @add = map { sprintf "(%d, %d, '%s')", split / / }
	  @{ $changes{add} // [] };

	push @sql, "INSERT INTO $members (service_account_id, project_id, role) "
	  . 'VALUES ' . join(', ', @add)
	  if @add;
	push @sql, "DELETE FROM $members WHERE (service_account_id, project_id) "
	  . "IN (($_))"
	  foreach map { tr/ /,/r } @{ $changes{remove} // [] };
	push @sql, sprintf("UPDATE $members SET role = '%3\$s' "
		  . 'WHERE service_account_id = %1$d AND project_id = %2$d', split / /)
	  foreach @{ $changes{role} // [] };
	push @sql, "DELETE FROM $server.service_accounts WHERE id = $_"
	  foreach @{ $changes{drop} // [] };
	return join '; ', @sql;
}

# Each has paths of its own.  `changes` are those of the call that meets the
# fault; `others` those of the same transaction that come after it, or, for the
# deletion, before it.
my @calls = (
	{
		name => 'create',
		kind => 'create',
		method => 'POST',
		path => sprintf($org, 123),
		changes => {},
		others => {},
	},
	{
		name => 'delete account',
		kind => 'delete',
		method => 'DELETE',
		path => sprintf($org, 123) . '/5',
		server => 'single',
		changes => { drop => [5] },
		others => { add => ['7 1002 owner'] },
		first => 1,
	},
	{
		name => 'bulk add',
		kind => 'add',
		method => 'POST',
		path => sprintf($org, 124) . '/add-to-project',
		server => 'bulk',
		changes => { add => [ '22 1004 owner', '23 1004 owner' ] },
		others => { drop => [31] },
	},
	{
		name => 'bulk remove',
		kind => 'remove',
		method => 'POST',
		path => sprintf($org, 124) . '/remove-from-project',
		server => 'bulk',
		changes => { remove => [ '24 1004', '25 1005' ] },
		others => { drop => [32] },
	},
	{
		name => 'single add',
		kind => 'add',
		method => 'POST',
		path => sprintf($org, 123) . '/8/projects',
		server => 'single',
		changes => { add => ['8 1003 owner'] },
		others => { drop => [11] },
	},
	{
		name => 'single remove',
		kind => 'remove',
		method => 'DELETE',
		path => sprintf($org, 123) . '/9/projects/1003',
		server => 'single',
		changes => { remove => ['9 1003'] },
		others => { drop => [12] },
	},
	{
		name => 'role change, bulk',
		kind => 'add',
		method => 'POST',
		path => sprintf($org, 125) . '/add-to-project',
		server => 'roles',
		changes => { role => ['42 1008 owner'] },
		others => { drop => [51] },
	},
	{
		name => 'role change, single',
		kind => 'add',
		method => 'POST',
		path => sprintf($org, 123) . '/10/projects',
		server => 'single',
		changes => { role => ['10 1001 owner'] },
		others => { drop => [13] },
	});
my ($create, @commits) = @calls;

foreach my $call (@commits)
{
	my %all = (%{ $call->{changes} }, %{ $call->{others} });

	$call->{queue} = sql_of($call->{server}, %all);
	$call->{commit} = 'COMMIT';
	$call->{sql} = "$call->{queue}; COMMIT";
	$call->{warm_up} = "SELECT count(*) FROM $call->{server}.service_accounts";
	$call->{size} = map { @{$_} } values %{ $call->{changes} };
	$call->{answer} = '{"status":"ok"}';
}
$create->{sql} = 'INSERT INTO single.service_accounts (username) '
  . "VALUES ('ci') RETURNING id, length(secret)";
$create->{warm_up} = 'SELECT count(*) FROM single.service_accounts';
$create->{queue} = 'SELECT 1';
$create->{commit} = $create->{sql};
$create->{size} = 0;
$create->{answer} =
  '{"status":"ok","results":{"id":61,"username":"ci","token":"lost"}}';

# ---- a model of the state ----

# {"account 5" => 1, "5 1001" => role}; one that a create has made has no
# number: {"account ci" => how many}.
sub model_of_state
{
	my $state = $simulator->state;
	my %model;

	foreach my $account (@{ $state->{accounts} })
	{
		$model{ 'account '
			  . ($account->{username} eq 'ci' ? 'ci' : $account->{id}) }++;
	}
	$model{"$_->{service_account_id} $_->{project_id}"} = $_->{role}
	  foreach @{ $state->{memberships} };
	return \%model;
}

sub apply
{
	my ($model, $changes) = @_;

	foreach (@{ $changes->{add} // [] }, @{ $changes->{role} // [] })
	{
		my ($account, $project, $role) = split / /;

		$model->{"$account $project"} = $role;
	}
	delete $model->{$_} foreach @{ $changes->{remove} // [] };
	foreach my $account (@{ $changes->{drop} // [] })
	{
		delete @{$model}{ grep { /^(account $account|$account \d+)$/ }
			  keys %{$model} };
	}
	return;
}

sub apply_call
{
	my ($model, $call) = @_;

	$model->{'account ci'}++ if $call->{kind} eq 'create';
	apply($model, $call->{changes});
	return;
}

# ---- what COMMIT says ----

# The parts of an error's detail: how many changes had which fate, and their
# names.
sub report_of
{
	my ($detail) = @_;
	my %titles = (
		'Applied' => 'applied',
		'Not applied' => 'not applied',
		'Sent, but whether it was applied is not known' => 'unknown',
		'Removed to be added with another role, but not added' => 'removed');
	my %report;

	foreach (split /\n/, $detail // '')
	{
		next unless /^(.+?): (\d+)(?: \((.*)\))?\.$/ && $titles{$1};
		$report{ $titles{$1} } = { count => $2, names => [ split /; /, $3 // '' ] };
	}
	return \%report;
}

# Is a change of the report there in the API?
sub is_there
{
	my ($model, $name) = @_;

	return ($model->{"$1 $2"} // '') eq $3
	  if $name =~ /^service account (\d+) in project (\d+) as (\S+)$/;
	return !exists $model->{"$1 $2"}
	  if $name =~ /^service account (\d+) out of project (\d+)$/;
	return !exists $model->{"account $1"}
	  if $name =~ /^delete service account (\d+)$/;
	die "what is \"$name\"?";
}

# Reports that do not agree with the state, and creates that were sent again
# or done twice.
my @untrue;
my @doubled;

sub check_report
{
	my ($call, $result, $fate, $model, $name) = @_;
	my $report = report_of($result->{detail});
	my $others = map { @{$_} } values %{ $call->{others} };
	my %wanted = ($fate => $call->{size});

	$wanted{ $call->{first} && $fate ne 'all' ? 'applied' : 'not applied' } +=
	  $others;
	$wanted{'not applied'} += delete $wanted{all} if $wanted{all};
	$wanted{$_} //= 0 foreach 'applied', 'not applied';
	is_deeply({ map { $_ => $report->{$_}{count} } keys %{$report} },
		\%wanted, 'how many were applied')
	  or diag($result->{detail});
	foreach (@{ $report->{applied}{names} })
	{
		push @untrue, "$name: $_ is applied" unless is_there($model, $_);
	}
	foreach (@{ $report->{'not applied'}{names} }, @{ $report->{removed}{names} })
	{
		push @untrue, "$name: $_ is not applied" if is_there($model, $_);
	}
	return;
}

# ---- the rules ----

# What the interface has for a refused membership call beyond an error: a set
# to be removed is halved, for one of it may be gone; a member may have to be
# removed before it is added with another role.
sub expectation
{
	my ($call, $fault, $count, $tries) = @_;
	my $again = is_sent_again($call, $fault);
	my $status = $fault->{ends} eq 'status' ? $fault->{status} : 0;
	my %wanted = (sent => 1, code => sqlstate($call, $fault), fate => 'not applied');

	if ($again)
	{
		$wanted{sent} = $count ? 2 : $tries;
		$wanted{code} = '' if $count;
	}
	# what comes with a 2xx may be said of a part
	$wanted{fate} = 'unknown'
	  if may_be_done($fault)
	  || ($fault->{ends} eq 'error body' && $call->{kind} ne 'create');
	if ($call->{name} eq 'bulk remove' && $status =~ /^(400|404|409)$/)
	{
		$wanted{sent} = 3;
		$wanted{code} = '' if $count;
	}
	if ($call->{name} =~ /^role change/ && $status =~ /^(400|409)$/)
	{
		$wanted{sent} = $count ? 2 : 3;
		$wanted{code} = '' if $count;
		$wanted{fate} = 'removed';
	}
	return \%wanted;
}

# How the model changes: by what is known to have been done.
sub apply_expected
{
	my ($model, $call, $fault, $wanted) = @_;
	apply_call($model, $call) if $wanted->{code} eq '' || $fault->{done};
	apply($model, { remove => [ map { s/ \w+$//r } @{ $call->{changes}{role} } ] })
	  if $wanted->{code} ne '' && $wanted->{fate} eq 'removed';
	apply($model, $call->{others})
	  if $wanted->{code} eq '' || ($call->{first} && $wanted->{fate} ne 'all');
	return;
}

sub check_result
{
	my ($call, $result, $sent, $wanted, $model, $name) = @_;

	MixpanelTest::error_is($result, $wanted->{code}, "$call->{name}: $name");
	is($sent, $wanted->{sent}, 'requests');
	if ($call->{kind} eq 'create')
	{
		like($result->{rows}, $wanted->{code} eq '' ? qr/^61\|32$/ : qr/^$/,
			'the row');
		check_unknown($result, $model, $name) if $wanted->{fate} eq 'unknown'
		  && $wanted->{code} =~ /^(08006|HV004)$/;
	}
	elsif ($wanted->{code} ne '')
	{
		check_report($call, $result, $wanted->{fate}, $model,
			"$call->{name}: $name");
	}
	return;
}

# Each answer to a create but the last says that nothing was done.
sub check_creates
{
	my ($name) = @_;
	my @posts = grep {
		$_->{method} eq 'POST' && $_->{path} eq $create->{path}
	} @{ $simulator->log };
	my $made = grep { $_->{username} eq 'ci' } @{ $simulator->state->{accounts} };

	pop @posts;
	push @doubled, "$name: sent again after " . ($_->{status} // 'none')
	  foreach grep { ($_->{status} // 0) !~ /^(429|503)$/ } @posts;
	push @doubled, "$name: $made accounts" if $made > 1;
	return;
}

my $before = model_of_state();

# An account of an unknown outcome is named if it is there.
sub check_unknown
{
	my ($result, $model, $name) = @_;
	my $wanted =
	  $model->{'account ci'}
	  ? qr/^Service account 61 .* has appeared: .* its secret is lost/m
	  : qr/none with the name "ci" has appeared/;

	push @untrue, "$name: $result->{detail}"
	  unless $result->{detail} =~ $wanted;
	return;
}

# All calls, or those given, meet a fault.
sub check_fault
{
	my ($fault, $count, $tries, @some) = @_;
	my $name = "$fault->{name}, " . ($count ? 'once' : 'for ever');

	# It would hold back the others as well, and whatever comes afterwards.
	if (is_for_all($fault) && @some > 1)
	{
		check_fault($fault, $count, $tries, $_) foreach @some;
		$matrix->move;
		return;
	}
	my %expected = map {
		$_->{name} => expectation($_, $fault, $count, $tries) } @some;

	$matrix->move if is_for_all($fault);
	$simulator->reset;
	$matrix->cause($fault, $count, @some);
	my $results = $matrix->run('sql', @some);
	check_round($fault, \%expected, $results, $name, @some);
	return;
}

# What has come of a round: the results, the requests, and the state.
sub check_round
{
	my ($fault, $expected, $results, $name, @some) = @_;
	my $sent = $matrix->sent(@some);
	my $state = model_of_state();
	my %model = %{$before};

	foreach my $call (@some)
	{
		my $key = $call->{name};

		check_result($call, $results->{$key}, $sent->{$key}, $expected->{$key},
			$state, $name);
		apply_expected(\%model, $call, $fault, $expected->{$key});
	}
	is_deeply($state, \%model, "$name: the state");
	check_creates($name);
	return;
}

my @faults = faults(1);
# what these mean depends on what a session knows of the calls there are
my @missing = grep { ($_->{status} // 0) =~ /^40[45]$/ } @faults;
my @others = grep { ($_->{status} // 0) !~ /^40[45]$/ } @faults;

foreach my $fault (grep { !$_->{slow} && $_->{wait} ne 'soon' } @others)
{
	subtest $fault->{name} => sub {
		check_fault($fault, $_, MixpanelFaults::TRIES, @calls) foreach 1, 0;
	};
}

# Long enough for a machine that is slow to answer what is well.
$matrix->set(request_timeout => '1s', max_retries => 0);
foreach my $fault (grep { $_->{slow} } @others)
{
	subtest $fault->{name} => sub { check_fault($fault, 0, 1, @calls) };
}
$matrix->set(max_retries => 1);
foreach my $fault (grep { $_->{slow} && $_->{name} =~ /in place/ } @others)
{
	subtest "$fault->{name}, with a retry" => sub {
		check_fault($fault, $_, 2, @calls) foreach 1, 0;
	};
}
$matrix->set(request_timeout => '60s', max_retry_wait => '2s');
foreach my $fault (grep { $_->{name} =~ /503.*to come/ } @others)
{
	subtest $fault->{name} => sub { check_fault($fault, 1, 2, @calls) };
}
$matrix->set(max_retries => 2, max_retry_wait => '20ms');

foreach my $fault (@missing)
{
	subtest $fault->{name} => sub {
		foreach (1, 0)
		{
			$matrix->fresh;
			check_fault($fault, $_, 1, @calls);
		}
	};
}

subtest 'no bulk calls' => sub {
	my %auto = (bulk => 'auto_bulk', roles => 'auto_roles');
	my @bulk = map {
		{ %{$_}, sql => $_->{sql} =~ s/\b(bulk|roles)\./$auto{$1}./gr }
	} grep { exists $auto{ $_->{server} // '' } } @calls;
	my %expected =
	  map { $_->{name} => { sent => 1, code => '', fate => 'applied' } } @bulk;

	foreach my $fault (@missing)
	{
		foreach my $count (1, 0)
		{
			my $name = "$fault->{name}, " . ($count ? 'once' : 'for ever');

			$matrix->fresh;
			$simulator->reset;
			$matrix->cause($fault, $count, @bulk);
			my $results = $matrix->run('sql', @bulk);
			check_round($fault, \%expected, $results, $name, @bulk);
		}
	}
};

# ---- connections ----

my $relay = MixpanelRelay->new($simulator);
my $well = as_expected('', 1, 'applied');
my $no_fault = { name => 'none', ends => 'whole', done => 0, wait => 'none' };

sub as_expected
{
	my ($code, $sent, $fate) = @_;

	return {
		map {
			$_->{name} => { code => $code, sent => $sent, fate => $fate }
		} @calls
	};
}

# Let the changes be queued by way of the relay; the connections of each session
# are idle then: those of lists, which a POST might use, and others.  Or there
# are none.
sub queue_changes
{
	my ($none_kept) = @_;

	$simulator->reset;
	$matrix->cause($no_fault, 0) if $none_kept;
	$relay->drop->listen;
	$matrix->run_through($relay, 'warm_up', @calls);
	$matrix->run_through($relay, 'queue', @calls);
	$relay->forget_requests;
	return;
}

# How many calls have had their first try, and no answer.
sub refused_calls
{
	my ($offset) = @_;
	my $log = slurp_file($test->node->logfile, $offset);
	my %seen;

	$seen{$1}++ while $log =~ /: ((?:POST|DELETE) \S+), .* status 0, attempt 1,/g;
	return scalar keys %seen;
}

$matrix->set(base_url => $relay->base_url);

subtest 'connection refused' => sub {
	# A request that went out on a connection just closed may have been done.
	queue_changes('none kept');
	$relay->refuse;
	my $results = $matrix->run('commit', @calls);
	check_round({ %{$no_fault}, ends => 'refused' },
		as_expected('08001', 0, 'all'), $results, 'for ever', @calls);
	like($results->{$_}{detail}, qr/after 3 tries/, "$_: tries")
	  foreach sort keys %{$results};

	$matrix->set(max_retries => 10, max_retry_wait => '30s');
	queue_changes('none kept');
	$relay->refuse;
	my $offset = -s $test->node->logfile;
	$matrix->begin('commit', @calls);
	ok( MixpanelTest::wait_until(
			sub { refused_calls($offset) >= @calls }), 'all are refused');
	$relay->listen;
	$results = $matrix->end_through($relay, @calls);
	check_round($no_fault, $well, $results, 'at first', @calls);
	$matrix->set(max_retries => 2, max_retry_wait => '20ms');
};

# A POST never goes out on a connection that was used before: what is lost there
# before the first byte of an answer, libcurl sends again of itself.
sub check_kept_connections
{
	my @kept = grep { $_->{before} > 0 } $relay->requests;

	is_deeply([ grep { /^POST/ } map { $_->{line} } @kept ],
		[], 'no POST on a connection that was kept');
	return scalar @kept;
}

subtest 'connections are kept' => sub {
	queue_changes();
	my $results = $matrix->run_through($relay, 'commit', @calls);
	check_round($no_fault, $well, $results, 'no fault', @calls);
	cmp_ok(check_kept_connections(), '>', 0, 'but others are');
};

subtest 'idle connections that the server has closed' => sub {
	queue_changes();
	$relay->drop;
	my $results = $matrix->run_through($relay, 'commit', @calls);
	check_round($no_fault, $well, $results, 'closed meanwhile', @calls);
	check_kept_connections();
};

subtest 'idle connections that the server closes as a request comes' => sub {
	my $closed = 0;

	queue_changes();
	# The server does not see these requests.
	$relay->on_request(sub { my $kept = $_[0] > 0; $closed += $kept; $kept });
	my $results = $matrix->run_through($relay, 'commit', @calls);
	$relay->on_request(undef);
	check_round($no_fault, $well, $results, 'closed just then', @calls);
	cmp_ok($closed, '>', 0, 'connections were closed');
};

# A DELETE is sent once more, and hears that all is done; a POST is not.
subtest 'kept connections that the server closes in place of an answer' => sub {
	foreach my $how ({ close => 'after' }, { reset => 'before' })
	{
		my $fault = { ends => 'lost', done => $how->{close} ? 1 : 0,
			wait => 'none' };
		my %expected = map {
			$_->{name} => expectation($_, $fault, 1, MixpanelFaults::TRIES) }
		  @calls;

		queue_changes();
		$simulator->control('POST', 'faults',
			[ map { { %{$how}, method => $_->{method}, path => "^$_->{path}\$" } }
				  @calls ]);
		my $results = $matrix->run_through($relay, 'commit', @calls);
		check_round($fault, \%expected, $results, join(' ', %{$how}), @calls);
	}
};

# The connection's end is the body's end: only the JSON tells whether it came
# whole.
subtest 'a body without a length' => sub {
	my $cut = { name => 'truncated', ends => 'no JSON', wait => 'none', done => 1,
		how => MixpanelFaults::with_answer(cut => \&MixpanelFaults::half) };
	my $whole = { %{$no_fault}, how => {} };

	foreach my $fault ($cut, $whole)
	{
		my %expected =
		  map { $_->{name} => expectation($_, $fault, 0, 1) } @calls;

		queue_changes();
		$matrix->cause($fault, 0, @calls);
		$relay->on_answer(sub { $_[0] =~ s/^Content-Length:.*\r\n//mir });
		my $results = $matrix->run_through($relay, 'commit', @calls);
		$relay->on_answer(undef);
		check_round($fault, \%expected, $results, $fault->{name}, @calls);
	}
};

is_deeply(\@untrue, [], 'no error said what is not true');
is_deeply(\@doubled, [], 'no create was sent again');
$relay->drop;
$matrix->stop;
done_testing();
