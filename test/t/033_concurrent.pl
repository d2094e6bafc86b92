# Sessions that change the same rows at the same time.

use strict;
use warnings;

use MixpanelTest;
use MixpanelTransaction qw(requests accounts);
use PostgreSQL::Test::Utils;
use Test::More;

my $test = MixpanelTest->new('concurrent', verify => 0, accounts => 21, projects => 4);
my $simulator = $test->simulator;
my $columns = '(service_account_id, project_id, role)';
my @sessions = map { $test->connect } 1 .. 2;

# Statements in both sessions, each before either COMMIT; the results of the
# COMMITs, which run at the same time.
sub race
{
	my ($settings, @statements) = @_;

	$simulator->reset(%$settings);
	foreach my $i (0, 1)
	{
		$sessions[$i]->rows("BEGIN; $statements[$i]");
	}
	$simulator->clear_log;
	$_->begin('COMMIT') foreach @sessions;
	return map { $_->end } @sessions;
}

sub codes
{
	return [ map { $_->{code} . scalar @{ $_->{notices} } } @_ ];
}

sub other_sees
{
	my ($sql) = @_;

	return $sessions[1]->rows($sql);
}

subtest 'the same accounts are deleted' => sub {
	my $delete = 'DELETE FROM mp.service_accounts WHERE id > 1';
	my @results = race({ latency_ms => 20 }, $delete, $delete);
	my %statuses;

	is_deeply(codes(@results), [ '0', '0' ], 'both succeed');
	is_deeply([ accounts($test) ],
		['1 admin-bot.mp-service-account admin'], 'all are gone');
	foreach my $request (requests($test))
	{
		push @{ $statuses{$1} }, $2 if $request =~ /^DELETE (\S+) -> (\d+)$/;
	}
	is_deeply([ sort { $a cmp $b } keys %statuses ],
		[ sort { $a cmp $b } map { "/$_" } 2 .. 21 ], 'each is asked for');
	is_deeply(
		[ grep { join(' ', sort @{ $statuses{$_} }) ne '200 404' }
			  keys %statuses ],
		[], 'and deleted once');
};

subtest 'the same memberships are removed' => sub {
	foreach my $absent (200, 404)
	{
		my $delete =
		  'DELETE FROM mp.project_memberships WHERE project_id < 1004';
		my @results = race(
			{ latency_ms => 20, absent_member_status => $absent },
			$delete, $delete);

		is_deeply(codes(@results), [ '0', '0' ], "$absent: both succeed");
		is_deeply([ grep { !/ 1004 / } $simulator->memberships ],
			[], 'all are gone');
		isnt(scalar($simulator->memberships), 0, 'the others are there');
	}
};

subtest 'one adds what the other removes' => sub {
	my @results = race(
		{ memberships_per_account => 1 },
		"INSERT INTO mp.project_memberships $columns "
		  . "SELECT i, 1001, 'owner' FROM generate_series(2, 9) i",
		'DELETE FROM mp.project_memberships WHERE project_id = 1002');

	is_deeply(codes(@results), [ '0', '0' ], 'both succeed');
	is_deeply([ grep { /^[2-9] 1001 / } $simulator->memberships ],
		[ map { "$_ 1001 owner" } 2 .. 9 ], 'added');
	is_deeply([ grep { / 1002 / } $simulator->memberships ], [], 'removed');

	# Of the same pair, the one that comes last stands.
	foreach my $last (0, 1)
	{
		$simulator->reset(accounts => 3, memberships_per_account => 0);
		$simulator->add_memberships([ 2, 1001, 'admin' ]);
		$sessions[0]->rows("BEGIN; INSERT INTO mp.project_memberships $columns
			VALUES (2, 1001, 'owner')");
		$sessions[1]->rows('BEGIN; DELETE FROM mp.project_memberships '
			  . 'WHERE service_account_id = 2');
		$sessions[$_]->rows('COMMIT') foreach (1 - $last, $last);
		is_deeply([ $simulator->memberships ],
			[ $last == 0 ? '2 1001 owner' : () ],
			$last == 0 ? 'added last' : 'removed last');
	}
};

subtest 'an account is deleted under the other session' => sub {
	my ($first, $second) = race(
		{ memberships_per_account => 1 },
		"INSERT INTO mp.project_memberships $columns VALUES (3, 1001, 'owner'), "
		  . "(4, 1001, 'owner')",
		'SELECT 1');

	is($first->{code} . $second->{code}, '', 'both commit');
	$sessions[0]->rows("BEGIN; INSERT INTO mp.project_memberships $columns
		VALUES (5, 1001, 'owner'), (6, 1001, 'owner')");
	$sessions[1]->rows('DELETE FROM mp.service_accounts WHERE id = 6');
	MixpanelTest::error_is($sessions[0]->run('COMMIT'), '23503',
		'adding it fails', hint => qr/^Service account 6 does not exist\.$/,
		detail => qr/Applied: 0\.\nNot applied: 2/);

	# Changing what is gone.
	$sessions[0]->rows('BEGIN; DELETE FROM mp.project_memberships '
		  . 'WHERE service_account_id IN (7, 8)');
	$sessions[1]->rows('DELETE FROM mp.service_accounts WHERE id = 8');
	is_deeply(codes($sessions[0]->run('COMMIT')), ['0'],
		'removing it is no error');
	is_deeply([ grep { /^[78] / } $simulator->memberships ], [], 'all removed');
};

subtest 'what is queued is seen by nobody else' => sub {
	$simulator->reset;
	$sessions[0]->rows('BEGIN; DELETE FROM mp.service_accounts WHERE id = 2;'
		  . 'DELETE FROM mp.project_memberships WHERE service_account_id = 3;'
		  . "INSERT INTO mp.project_memberships $columns VALUES (4, 1002, 'x')");
	is(other_sees('SELECT count(*) FROM mp.service_accounts'), '21', 'accounts');
	is(other_sees('SELECT count(*) FROM mp.project_memberships '
			  . "WHERE service_account_id = 3 OR role = 'x'"),
		'2', 'memberships');
	is(other_sees('SELECT count(*) FROM mixpanel_sa_fdw_pending()'), '0',
		'pending()');
	$sessions[0]->rows('COMMIT');
	is(other_sees('SELECT count(*) FROM mp.service_accounts'), '20',
		'accounts, after COMMIT');
	is(other_sees('SELECT string_agg(role, \',\') FROM mp.project_memberships '
			  . "WHERE service_account_id = 3 OR role = 'x'"),
		'x', 'memberships, after COMMIT');
};

# Sessions that create, add, remove and delete for a while; each account and
# project has one session that changes it, so that the end is known.
subtest 'six sessions at once' => sub {
	$simulator->reset(accounts => 61, projects => 3, memberships_per_account => 1);
	my @writers = map { $test->connect } 1 .. 6;
	my @before = grep { /^1 / } $simulator->memberships;

	foreach my $i (0 .. 5)
	{
		my $low = 2 + 10 * $i;
		my $high = $low + 9;
		my $mine = "BETWEEN $low AND $high";

		$writers[$i]->begin(<<"SQL");
DELETE FROM mp.project_memberships WHERE service_account_id $mine;
BEGIN;
INSERT INTO mp.project_memberships $columns
	SELECT a, p, 'admin' FROM generate_series($low, $high) a, generate_series(1001, 1003) p;
UPDATE mp.project_memberships SET role = 'owner'
	WHERE service_account_id $mine AND project_id = 1002;
SAVEPOINT a;
DELETE FROM mp.service_accounts WHERE id $mine;
ROLLBACK TO a;
DELETE FROM mp.project_memberships WHERE service_account_id = $low;
COMMIT;
DELETE FROM mp.service_accounts WHERE id = $high
SQL
	}
	is_deeply(codes(map { $_->end } @writers), [ ('0') x 6 ], 'no error');
	my @expected = @before;
	foreach my $account (2 .. 61)
	{
		my $place = ($account - 2) % 10;

		next if $place == 0 || $place == 9;
		push @expected, "$account 1001 admin", "$account 1002 owner",
		  "$account 1003 admin";
	}
	is_deeply([ $simulator->memberships ], \@expected, 'nothing is lost');
	is(scalar(accounts($test)), 55, 'accounts');
	$_->quit foreach @writers;
};

$_->quit foreach @sessions;
$test->stop;
done_testing();
