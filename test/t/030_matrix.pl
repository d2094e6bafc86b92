# What becomes of each kind of change in each way that a transaction can end:
# the exact requests, and what the API has in the end.

use strict;
use warnings;

use MixpanelTest;
use MixpanelTransaction qw(state requests backend_gone backend_waits);
use PostgreSQL::Test::Utils;
use Test::More;

# The seed: account 1 logs in.
my %seed = (accounts => 4, projects => 3, memberships_per_account => 1);
my @seeded = (
	'1 admin-bot.mp-service-account admin',
	'2 bot-2 analyst',
	'3 bot-3 consumer',
	'4 bot-4 admin',
	'1 1001 admin',
	'2 1002 analyst',
	'3 1003 consumer',
	'4 1001 admin');

my $read_two = 'GET /2/projects -> 200';

# Each change: the statement, what it asks of the API at once, what COMMIT
# sends, what a rollback sends ({id}: of the account), and the state when it
# is applied, as lines gone and lines new.  "refuse" is the request that a
# server may refuse (POST unless it says otherwise).
my @changes = (
	{
		name => 'create',
		sql => q(INSERT INTO mp.service_accounts (username, role)
			VALUES ('new', 'admin') RETURNING length(secret)),
		at_once => ['POST  {"role":"admin","username":"new"} -> 201'],
		undo => ['DELETE /{id} -> 200'],
		new => ['5 new admin'],
		refuse => 'POST',
		refused => ['POST  {"role":"admin","username":"new"} -> 403'],
	},
	{
		name => 'delete',
		sql => 'DELETE FROM mp.service_accounts WHERE id = 3',
		at_once => ['GET /3 -> 200'],
		commit => ['DELETE /3 -> 200'],
		gone => [ '3 bot-3 consumer', '3 1003 consumer' ],
		refuse => 'DELETE',
	},
	{
		name => 'add in bulk',
		sql => q(INSERT INTO mp.project_memberships
			(service_account_id, project_id, role) VALUES (2, 1003, 'owner')),
		commit => [
			'POST /add-to-project {"projects":[{"id":1003,"role":"owner"}],'
			  . '"service_account_ids":[2]} -> 200'
		],
		new => ['2 1003 owner'],
	},
	{
		name => 'add singly',
		single => 1,
		sql => q(INSERT INTO mp.project_memberships
			(service_account_id, project_id, role) VALUES (2, 1003, 'owner')),
		commit => ['POST /2/projects {"projectId":1003,"role":"owner"} -> 200'],
		new => ['2 1003 owner'],
	},
	{
		name => 'remove in bulk',
		sql => q(DELETE FROM mp.project_memberships
			WHERE service_account_id = 2 AND project_id = 1002),
		at_once => [$read_two],
		commit => [
			'POST /remove-from-project {"projects":[{"id":1002,'
			  . '"service_account_ids":[2]}]} -> 200'
		],
		gone => ['2 1002 analyst'],
	},
	{
		name => 'remove singly',
		single => 1,
		refuse => 'DELETE',
		sql => q(DELETE FROM mp.project_memberships
			WHERE service_account_id = 2 AND project_id = 1002),
		at_once => [$read_two],
		commit => ['DELETE /2/projects/1002 -> 200'],
		gone => ['2 1002 analyst'],
	},
	{
		name => 'change role in bulk',
		sql => q(UPDATE mp.project_memberships SET role = 'owner'
			WHERE service_account_id = 2 AND project_id = 1002),
		at_once => [$read_two],
		commit => [
			'POST /add-to-project {"projects":[{"id":1002,"role":"owner"}],'
			  . '"service_account_ids":[2]} -> 200'
		],
		gone => ['2 1002 analyst'],
		new => ['2 1002 owner'],
	},
	{
		name => 'change role singly',
		single => 1,
		sql => q(UPDATE mp.project_memberships SET role = 'owner'
			WHERE service_account_id = 2 AND project_id = 1002),
		at_once => [$read_two],
		commit => ['POST /2/projects {"projectId":1002,"role":"owner"} -> 200'],
		gone => ['2 1002 analyst'],
		new => ['2 1002 owner'],
	});

# Each ending: statements ({change} is the change; {quoted} the same as a
# literal), whether the change is applied, the error's SQLSTATE.  "act" is what
# the test does to the session when the statements are done, or, where they end
# with a sleep, under way.  "again": the change is dropped, then made anew.
my @endings = (
	{ name => 'autocommit', sql => '{change}', applied => 1 },
	{ name => 'commit', sql => 'BEGIN; {change}; COMMIT', applied => 1 },
	{ name => 'rollback', sql => 'BEGIN; {change}; ROLLBACK' },
	{
		name => 'commit and chain, then rollback',
		sql => 'BEGIN; {change}; COMMIT AND CHAIN; SELECT 1; ROLLBACK',
		applied => 1,
	},
	{
		name => 'rollback to a savepoint',
		sql => 'BEGIN; SAVEPOINT a; {change}; ROLLBACK TO a; COMMIT',
	},
	{
		name => 'savepoint released',
		sql => 'BEGIN; SAVEPOINT a; {change}; RELEASE a; COMMIT',
		applied => 1,
	},
	{
		name => 'savepoint released into one that is rolled back',
		sql => 'BEGIN; SAVEPOINT a; SAVEPOINT b; {change}; RELEASE b; '
		  . 'ROLLBACK TO a; COMMIT',
	},
	{
		name => 'rollback to a savepoint after the change',
		sql => 'BEGIN; {change}; SAVEPOINT a; SELECT 1; ROLLBACK TO a; COMMIT',
		applied => 1,
	},
	{
		name => 'rolled back to a savepoint, then made again',
		sql => 'BEGIN; SAVEPOINT a; {change}; ROLLBACK TO a; {change}; COMMIT',
		applied => 1,
		again => 1,
	},
	{
		name => 'exception block that fails',
		sql => 'DO $$BEGIN BEGIN EXECUTE {quoted}; PERFORM 1 / 0; '
		  . 'EXCEPTION WHEN division_by_zero THEN NULL; END; END$$',
	},
	{
		name => 'exception block that does not fail',
		sql => 'DO $$BEGIN BEGIN EXECUTE {quoted}; '
		  . 'EXCEPTION WHEN division_by_zero THEN NULL; END; END$$',
		applied => 1,
	},
	{
		name => 'COMMIT in a DO block',
		sql => 'DO $$BEGIN EXECUTE {quoted}; COMMIT; PERFORM 1 / 0; END$$',
		applied => 1,
		error => '22012',
	},
	{
		name => 'ROLLBACK in a DO block',
		sql => 'DO $$BEGIN EXECUTE {quoted}; ROLLBACK; PERFORM 1; END$$',
	},
	{
		name => 'an error in a later statement',
		sql => 'BEGIN; {change}; SELECT 1 / 0; COMMIT',
		error => '22012',
	},
	{
		name => 'an error in the same string of statements',
		sql => '{change}\; SELECT 1 / 0',
		error => '22012',
	},
	{
		name => 'deferred constraint that fails at COMMIT',
		sql => 'BEGIN; {change}; INSERT INTO once VALUES (1), (1); COMMIT',
		error => '23505',
	},
	{
		name => 'PREPARE TRANSACTION',
		sql => "BEGIN; {change}; PREPARE TRANSACTION 'x'",
		error => '0A000',
	},
	{
		name => 'statement_timeout',
		sql => 'BEGIN; {change}; SET LOCAL statement_timeout = 20; '
		  . 'SELECT pg_sleep(60); COMMIT',
		error => '57014',
	},
	{
		name => 'cancel',
		sql => 'BEGIN; {change}; SELECT pg_sleep(60); COMMIT',
		act => sub { $_[0]->rows("SELECT pg_cancel_backend($_[1])"); },
		error => '57014',
	},
	{
		name => 'terminate',
		sql => 'BEGIN; {change}; SELECT pg_sleep(60); COMMIT',
		act => sub { $_[0]->rows("SELECT pg_terminate_backend($_[1])"); },
		error => '57P01',
		lost => 1,
	},
	{
		name => 'terminate while idle in the transaction',
		sql => 'BEGIN; {change}',
		act => sub { $_[0]->rows("SELECT pg_terminate_backend($_[1])"); },
		lost => 1,
	},
	{
		name => 'client gone',
		sql => 'BEGIN; {change}',
		act => sub { $_[2]->crash; },
		lost => 1,
	},
	{
		name => 'idle_in_transaction_session_timeout',
		sql => 'BEGIN; {change}; '
		  . 'SET LOCAL idle_in_transaction_session_timeout = 50',
		act => sub { },
		lost => 1,
	},
	{
		name => 'request refused',
		sql => 'BEGIN; {change}; COMMIT',
		refused => 1,
		error => '42501',
	},
	{
		name => 'request refused in a savepoint that is rolled back',
		sql => 'BEGIN; SAVEPOINT a; {change}; ROLLBACK TO a; COMMIT',
		refused => 1,
		only => { create => 1 },
		error => '42501',
	});

my $test = MixpanelTest->new(
	'matrix', verify => 0, %seed,
	config => "max_prepared_transactions = 2\n");
my $scenarios = 0;

$test->rows('CREATE TABLE once (i int UNIQUE DEFERRABLE INITIALLY DEFERRED)');

# The requests of a scenario, in order.
sub expected_requests
{
	my ($change, $ending) = @_;
	my @at_once = @{ $change->{at_once} // [] };
	my @commit = @{ $change->{commit} // [] };
	my $undo = sub {
		map { s/\{id\}/$_[0]/r } @{ $change->{undo} // [] };
	};

	# A refusal of what is sent at once leaves nothing to undo.
	if ($ending->{refused})
	{
		return @{ $change->{refused} } if $change->{undo};
		return (@at_once, map { s/ 200$/ 403/r } @commit);
	}
	return (@at_once, $undo->(5), @at_once, @commit) if $ending->{again};
	return (@at_once, $ending->{applied} ? @commit : $undo->(5));
}

# What the API has in the end.
sub expected_state
{
	my ($change, $ending) = @_;
	my %gone = map { $_ => 1 } @{ $change->{gone} // [] };
	my @new = @{ $change->{new} // [] };
	my (@accounts, @memberships);

	return [@seeded] unless $ending->{applied};

	# An id is never used twice.
	@new = map { s/^5 new/6 new/r } @new if $ending->{again};
	foreach my $line ((grep { !$gone{$_} } @seeded), @new)
	{
		push @{ $line =~ /^\d+ \d+ / ? \@memberships : \@accounts }, $line;
	}
	return [ sort(@accounts), sort(@memberships) ];
}

sub run_scenario
{
	my ($change, $ending) = @_;
	my $sql = $ending->{sql} =~ s/\{change\}/$change->{sql}/gr;
	my $quoted = "'" . ($change->{sql} =~ s/'/''/gr) . "'";
	my $session = $test->connect;
	my $result;

	$sql =~ s/\{quoted\}/$quoted/;
	$test->simulator->fault(status => 403, count => 0,
		method => $change->{refuse} // 'POST')
	  if $ending->{refused};
	if (!$ending->{act})
	{
		$result = $session->run($sql);
	}
	elsif ($sql =~ /pg_sleep/)
	{
		$session->begin($sql);
		backend_waits($test, $session->pid, 'PgSleep')
		  or die "no sleep in: $sql\n";
		$ending->{act}->($test, $session->pid, $session);
		$result = $session->end;
	}
	else
	{
		$result = $session->run($sql);
		is($result->{code}, '', 'no error before the end');
		$ending->{act}->($test, $session->pid, $session);
	}
	ok(backend_gone($test, $session->pid), 'the backend has ended')
	  if $ending->{lost};
	$session->quit unless $ending->{lost};
	return $result;
}

sub test_scenario
{
	my ($change, $ending) = @_;
	my $simulator = $test->simulator;

	$scenarios++;
	$simulator->reset(%seed);
	my $result = run_scenario($change, $ending);
	is($result->{code}, $ending->{error} // '', 'error')
	  or diag($result->{raw});
	is_deeply([ requests($test) ],
		[ expected_requests($change, $ending) ], 'requests');
	is_deeply(state($test), expected_state($change, $ending), 'state');
	is_deeply([ grep { $_->{level} eq 'WARNING' } @{ $result->{notices} } ], [], 'no warning');
	is($test->rows('SELECT count(*) FROM once'), '0', 'nothing local');
	return;
}

foreach my $change (@changes)
{
	$test->options(membership_write => $change->{single} ? 'single' : undef);
	foreach my $ending (@endings)
	{
		next if $ending->{only} && !$ending->{only}{ $change->{name} };
		subtest "$change->{name}: $ending->{name}" =>
		  sub { test_scenario($change, $ending); };
	}
}
cmp_ok($scenarios, '>=', 60, "$scenarios scenarios");

$test->stop;
done_testing();
