# Every call that reads, met by every fault of the table, once and for ever: the
# right rows or the SQLSTATE of the interface, as many requests as the rules of
# retrying allow, and never a part of a list.

use strict;
use warnings;

use MixpanelFaults qw(faults is_for_all is_sent_again sqlstate);
use MixpanelRelay;
use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

# Organizations 123 to 126 with accounts 1-3, 4-6, 7-9, 10-12 and projects
# 1001-1002, 1003-1004, 1005-1006, 1007-1008.
my $test = MixpanelTest->new('faults_read', accounts => 3, organizations => 4,
	projects => 2, memberships_per_account => 2,
	config => "mixpanel_sa_fdw.log_requests = on\n");
my $simulator = $test->simulator;
my $matrix = MixpanelFaults->new($test);
my %common = (base_url => $simulator->base_url, max_retries => 2,
	max_retry_wait => '20ms', request_timeout => '60s');

$matrix->add_server('by_account', %common, organization_id => 123,
	membership_read => 'account');
$matrix->add_server('by_project', %common, organization_id => 123,
	membership_read => 'project');
$matrix->add_server('two_ways', %common, organization_id => 123);
$matrix->add_server('projects', %common, organization_id => 124,
	membership_read => 'project');
$matrix->add_server('parents', %common, organization_id => 125,
	membership_read => 'account');
$matrix->add_server('children', %common, organization_id => 126,
	membership_read => 'account');

my $accounts = '/organizations/%d/service-accounts';
my $members = 'SELECT service_account_id, project_id, role '
  . 'FROM %s.project_memberships';

# The rows that belong there, from the simulator's own state.
sub account_rows
{
	my ($organization, $id) = @_;

	return join "\n", map { "$_->{id}|$_->{username}|$_->{role}" }
	  grep { $_->{organization_id} == $organization
		  && (!$id || $_->{id} == $id) } @{ $simulator->state->{accounts} };
}

sub member_rows
{
	my (%only) = @_;

	return join "\n", map { tr/ /|/r }
	  grep {
		my ($account, $project) = split / /;
		(!$only{accounts} || grep { $_ == $account } @{ $only{accounts} })
		  && (!$only{project} || $only{project} == $project)
	  } $simulator->memberships;
}

# Paths of their own, so that each can be told in the log: the last three read
# all memberships of an organization, in many requests.
my @calls = (
	{
		name => 'a list of accounts',
		kind => 'list',
		path => sprintf($accounts, 123),
		sql => 'SELECT id, username, role FROM by_account.service_accounts '
		  . 'ORDER BY 1',
		rows => account_rows(123),
	},
	{
		name => 'one account',
		kind => 'get',
		path => sprintf($accounts, 123) . '/2',
		sql => 'SELECT id, username, role FROM by_account.service_accounts '
		  . 'WHERE id = 2',
		rows => account_rows(123, 2),
	},
	{
		name => 'projects of an account',
		kind => 'members',
		path => sprintf($accounts, 123) . '/3/projects',
		sql => sprintf("$members WHERE service_account_id = 3 ORDER BY 1, 2",
			'by_account'),
		rows => member_rows(accounts => [3]),
	},
	{
		name => 'accounts of a project',
		kind => 'members',
		path => '/projects/1002/service-accounts',
		sql => sprintf("$members WHERE project_id = 1002 ORDER BY 1, 2",
			'by_project'),
		rows => member_rows(project => 1002),
	},
	{
		name => 'the list of projects',
		kind => 'me',
		path => '/me',
		sql => sprintf("$members ORDER BY 1, 2", 'projects'),
		rows => member_rows(accounts => [ 4 .. 6 ]),
	},
	{
		name => 'a list whose items are asked for',
		kind => 'list',
		path => sprintf($accounts, 125),
		sql => sprintf("$members ORDER BY 1, 2", 'parents'),
		rows => member_rows(accounts => [ 7 .. 9 ]),
	},
	{
		name => 'one of many',
		kind => 'members',
		path => sprintf($accounts, 126) . '/11/projects',
		sql => sprintf("$members ORDER BY 1, 2", 'children'),
		rows => member_rows(accounts => [ 10 .. 12 ]),
	});

foreach my $call (@calls)
{
	my $answer = $simulator->api('GET', $call->{path});

	$call->{method} = 'GET';
	$call->{answer} = $answer->{content};
	die "$call->{path}: $answer->{status}" unless $answer->{success};
	die "$call->{name}: no rows" unless $call->{rows} =~ /\n|^2\|/;
}

# Results without an error that do not have all rows; requests that change
# something.
my @short;
my @writes;

sub check_result
{
	my ($call, $result, $sent, $code, $wanted_sent, $name) = @_;
	my $rows = $code eq '' ? $call->{rows} : '';

	# one account that is not there, once the session has seen that the call
	# works; before, the list has it
	$rows = '' if $name =~ /\b404, for ever/ && $call->{kind} eq 'get';
	push @short, "$name: $call->{name}"
	  if $result->{code} eq '' && $result->{rows} ne $rows;
	MixpanelTest::error_is($result, $code, "$call->{name}: $name");
	is($result->{rows}, $rows, 'the rows');
	return unless defined $wanted_sent;
	# a refusal uses up no try where the others were answered meanwhile
	if ($call->{name} eq 'one of many' && $name =~ /\b429\b.*for ever/)
	{
		ok($sent >= $wanted_sent && $sent <= $wanted_sent + 2, 'requests')
		  || diag("got $sent");
		return;
	}
	is($sent, $wanted_sent, 'requests');
	return;
}

# How often a path is asked for by new sessions.  /me also tells the one that
# reads a project for the first time whose it is.
sub first_requests
{
	my ($call) = @_;

	return $call->{path} =~ m{^/me} ? 2 : 1;
}

sub check_log
{
	push @writes, grep { !/^GET / } $simulator->requests;
	$simulator->clear_faults;
	$simulator->clear_log;
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
		# what the sessions knew of the servers before
		$matrix->move->run('sql', @some);
		$simulator->clear_log;
		return;
	}
	$matrix->move if is_for_all($fault);

	$matrix->cause($fault, $count, @some);
	my $results = $matrix->run('sql', @some);
	my $sent = $matrix->sent(@some);
	foreach my $call (@some)
	{
		my $again = is_sent_again($call, $fault);

		check_result(
			$call,
			$results->{ $call->{name} },
			$sent->{ $call->{name} },
			$count && $again ? '' : sqlstate($call, $fault),
			!$again ? 1 : $count ? 2 : $tries,
			$name);
	}
	check_log();
	return;
}

subtest 'no fault' => sub {
	$simulator->clear_log;
	my $results = $matrix->run('sql', @calls);
	my $sent = $matrix->sent(@calls);

	check_result($_, $results->{ $_->{name} }, $sent->{ $_->{name} }, '',
		first_requests($_), 'no fault')
	  foreach @calls;
	check_log();
};

# 404 and 405 have tests of their own: what they mean is found out by reading,
# in ways that the other calls would cross.
my @faults = faults(1);
my @others = grep {
	($_->{status} // 0) !~ /^40[45]$/
	  # to a reader as silent as one that was processed
	  && !($_->{slow} && !$_->{done})
} @faults;

foreach my $fault (grep { !$_->{slow} && $_->{wait} ne 'soon' } @others)
{
	subtest $fault->{name} => sub {
		check_fault($fault, $_, MixpanelFaults::TRIES, @calls) foreach 1, 0;
	};
}

# Long enough for a machine that is slow to answer what is well.
$matrix->set(request_timeout => '1s', max_retries => 1);
foreach my $fault (grep { $_->{slow} } @others)
{
	subtest $fault->{name} => sub {
		check_fault($fault, $_, 2, @calls) foreach 1, 0;
	};
}
$matrix->set(request_timeout => '60s', max_retry_wait => '2s');
foreach my $fault (grep { $_->{wait} eq 'soon' && $_->{status} == 429 } @others)
{
	subtest $fault->{name} => sub { check_fault($fault, 1, 2, @calls) };
}
$matrix->set(max_retries => 2, max_retry_wait => '20ms');

subtest 'no such call, where there is one way' => sub {
	foreach my $fault (grep { ($_->{status} // 0) =~ /^40[45]$/ } @faults)
	{
		foreach my $call (@calls)
		{
			$matrix->fresh;
			check_fault($fault, $_, 1, $call) foreach 1, 0;
		}
	}
};

subtest 'no such call, where there is another way' => sub {
	foreach my $fault (grep { ($_->{status} // 0) =~ /^40[45]$/ } @faults)
	{
		foreach my $call (@calls[ 2, 3 ])
		{
			my %both = (%{$call},
				sql => $call->{sql} =~ s/by_(account|project)/two_ways/r);

			foreach my $count (1, 0)
			{
				$matrix->fresh;
				$matrix->cause($fault, $count, \%both);
				check_result(\%both,
					$matrix->run('sql', \%both)->{ $both{name} },
					$matrix->sent(\%both)->{ $both{name} },
					'', 1, $fault->{name} =~ s/404/the other way/r);
				check_log();
			}
		}
	}
};

# ---- connections ----

my $relay = MixpanelRelay->new($simulator);

# The lines of the server's log about first tries that got no answer.
sub refused_tries
{
	my ($offset) = @_;
	my $log = slurp_file($test->node->logfile, $offset);

	return scalar(() = $log =~ / GET .*status 0, attempt 1,/g);
}

$matrix->fresh->set(base_url => $relay->base_url);

subtest 'connection refused' => sub {
	my $refused = { name => 'refused', ends => 'refused', wait => 'none' };
	my $results = $matrix->run('sql', @calls);

	foreach my $call (@calls)
	{
		check_result($call, $results->{ $call->{name} }, 0,
			sqlstate($call, $refused), 0, 'for ever');
		like($results->{ $call->{name} }{detail}, qr/after 3 tries/, 'tries');
	}
	is($simulator->counts->{requests}, 0, 'no request');

	my $offset = -s $test->node->logfile;
	$matrix->set(max_retries => 10, max_retry_wait => '30s');
	$matrix->begin('sql', @calls);
	ok( MixpanelTest::wait_until(
			sub { refused_tries($offset) >= @calls }), 'all are refused');
	$relay->listen;
	$results = $matrix->end_through($relay, @calls);
	my $sent = $matrix->sent(@calls);
	check_result($_, $results->{ $_->{name} }, $sent->{ $_->{name} }, '',
		first_requests($_), 'at first')
	  foreach @calls;
	check_log();
	$matrix->set(max_retries => 2, max_retry_wait => '20ms');
};

# The connection's end is the body's end: only the JSON tells whether it came
# whole.
subtest 'a body without a length' => sub {
	my $cut = { name => 'truncated', ends => 'no JSON', wait => 'none',
		how => MixpanelFaults::with_answer(cut => \&MixpanelFaults::half) };
	my $fine = { name => 'whole', ends => 'whole', wait => 'none',
		how => {} };

	$relay->drop;
	$relay->on_answer(sub { $_[0] =~ s/^Content-Length:.*\r\n//mir });
	foreach my $fault ($cut, $fine)
	{
		$matrix->cause($fault, 0, @calls);
		my $results = $matrix->run_through($relay, 'sql', @calls);
		my $sent = $matrix->sent(@calls);
		check_result($_, $results->{ $_->{name} }, $sent->{ $_->{name} },
			sqlstate($_, $fault), 1, $fault->{name})
		  foreach @calls;
		check_log();
	}
	$relay->on_answer(undef);
};

# Each session has connections now, all idle.
sub warm_up
{
	$matrix->run_through($relay, 'sql', @calls);
	check_log();
	$relay->forget_requests;
	return;
}

subtest 'idle connections that the server has closed' => sub {
	warm_up();
	$relay->drop;
	my $results = $matrix->run_through($relay, 'sql', @calls);
	my $sent = $matrix->sent(@calls);
	check_result($_, $results->{ $_->{name} }, $sent->{ $_->{name} }, '', 1,
		'closed meanwhile')
	  foreach @calls;
	check_log();
};

subtest 'idle connections that the server closes as a request comes' => sub {
	my $closed = 0;

	warm_up();
	# The server does not see these requests.
	$relay->on_request(sub { my $kept = $_[0] > 0; $closed += $kept; $kept });
	my $results = $matrix->run_through($relay, 'sql', @calls);
	my $sent = $matrix->sent(@calls);
	check_result($_, $results->{ $_->{name} }, $sent->{ $_->{name} }, '', 1,
		'closed just then')
	  foreach @calls;
	$relay->on_request(undef);
	cmp_ok($closed, '>=', scalar @calls, 'connections were closed');
	check_log();
};

# The server has seen the request: it is sent once more on another connection.
# Such a loss is no try, as RFC 9112, 9.3.1 has it; so where every connection is
# lost there is one request more than tries.
subtest 'kept connections that the server closes in place of an answer' => sub {
	my @single = grep { $_->{name} !~ /of many|projects$|items/ } @calls;

	foreach my $how ({ close => 'after' }, { reset => 'before' })
	{
		foreach my $count (1, 0)
		{
			my @some = $count ? @calls : @single;

			$matrix->fresh;
			warm_up();
			$simulator->control('POST', 'faults',
				[ map { { %{$how}, path => "^$_->{path}(\\?.*)?\$",
							count => $count } } @some ]);
			my $results = $matrix->run_through($relay, 'sql', @some);
			my $sent = $matrix->sent(@some);
			check_result(
				$_,
				$results->{ $_->{name} },
				$sent->{ $_->{name} },
				$count ? '' : '08006',
				$count ? 2 : MixpanelFaults::TRIES + 1,
				join(' ', %{$how}))
			  foreach @some;
			check_log();
		}
	}
};

is_deeply(\@short, [], 'no list was ever short');
is_deeply(\@writes, [], 'nothing but GET was sent');
$relay->drop;
$matrix->stop;
done_testing();
