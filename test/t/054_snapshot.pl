# Above READ COMMITTED, what a transaction has read once is not asked again:
# its statements agree while others write, but for its own changes.

use strict;
use warnings;

use MixpanelTest;
use Test::More;

my $test = MixpanelTest->new('snapshot');
my $simulator = $test->simulator;
my $accounts = 'SELECT count(*), sum(id) FROM mp.service_accounts';
my $members = 'SELECT count(*), sum(service_account_id * project_id), '
  . 'count(username) FROM mp.project_memberships';

# Somebody else adds an account and removes another, and does so with members.
sub others_write
{
	$simulator->add_accounts({ username => 'added' });
	$simulator->add_memberships([ 4, 1001, 'owner' ]);
	$simulator->remove_account(5);
	$simulator->remove_membership(6, 1001);
	return;
}

# The statement sends nothing, and gives this.
sub is_kept
{
	my ($sql, $rows, $name) = @_;
	my $result = $test->logged($sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(MixpanelTest::describe($result), 'no error', "$name: no error");
	is($result->{rows}, $rows, "$name: rows");
	is_deeply([ $simulator->requests ], [], "$name: nothing is sent");
	return;
}

foreach my $level ('REPEATABLE READ', 'SERIALIZABLE')
{
	subtest $level => sub {
		$test->start_over(accounts => 10, projects => 5);
		$test->rows("BEGIN ISOLATION LEVEL $level");
		my $before = $test->rows($accounts);
		my $members_before = $test->rows($members);
		my $of_project =
		  $test->rows("SELECT count(*) FROM mp.project_memberships m "
			  . 'WHERE project_id + 0 = 1001');

		is($test->rows("$accounts WHERE id = 99"), '0|', 'an absent account');
		others_write();
		is_kept($accounts, $before, 'the list again');
		is_kept('SELECT id, username, expires IS NULL, attrs ? \'id\' '
			  . 'FROM mp.service_accounts WHERE id = 5',
			'5|bot-5|t|t', 'an account that is gone by now');
		is_kept("$accounts WHERE id > 10", '0|', 'one that is new');
		is_kept($members, $members_before, 'all memberships again');
		is_kept('SELECT count(*) FROM mp.project_memberships '
			  . 'WHERE project_id = 1001', $of_project, 'those of a project');
		is_kept('SELECT project_id FROM mp.project_memberships '
			  . 'WHERE service_account_id = 6 ORDER BY 1',
			"1001\n1002", 'those of an account');
		is_kept('SELECT count(DISTINCT a.id) FROM mp.service_accounts a '
			  . 'JOIN mp.project_memberships m ON m.service_account_id = a.id',
			10, 'a join');

		is_kept('INSERT INTO mp.project_memberships VALUES (7, 1001, \'owner\'); '
			  . 'DELETE FROM mp.project_memberships '
			  . 'WHERE service_account_id = 8; '
			  . 'SELECT service_account_id, role FROM mp.project_memberships '
			  . 'WHERE service_account_id IN (7, 8) ORDER BY 1, 2',
			"7|admin\n7|analyst\n7|owner", 'own changes are seen');
		$test->rows('SAVEPOINT s');
		MixpanelTest::error_is($test->run('SELECT 1 / 0'), '22012', 'an error');
		$test->rows('ROLLBACK TO s');
		is_kept($accounts, $before, 'after a savepoint');
		$test->rows('ROLLBACK');
		isnt($test->rows($accounts), $before, 'the next transaction');
	};
}

subtest 'single lookups before the list' => sub {
	$test->start_over(accounts => 10);
	$test->rows('BEGIN ISOLATION LEVEL REPEATABLE READ');
	is($test->rows('SELECT username FROM mp.service_accounts WHERE id = 3'),
		'bot-3', 'an account');
	is($test->rows("$accounts WHERE id = 11"), '0|', 'none');
	$simulator->add_accounts({ username => 'eleven' });
	is($test->rows($accounts), '10|55', 'the list: still none');
	is_kept("$accounts WHERE id = 11", '0|', 'and again');
	$test->rows('COMMIT');
	is($test->rows($accounts), '11|66', 'the next transaction');
};

subtest 'memberships by project' => sub {
	$test->start_over(accounts => 10, projects => 5, document => 'bulk');
	$test->rows('BEGIN ISOLATION LEVEL REPEATABLE READ');
	my $before = $test->rows($members);

	others_write();
	is_kept($members, $before, 'all again');
	is_kept('SELECT count(*) FROM mp.project_memberships '
		  . 'WHERE service_account_id = 5 AND project_name IS NOT NULL',
		2, 'those of an account');
	$test->rows('COMMIT');
	$simulator->reset;
};

subtest 'what is not read to its end is not kept' => sub {
	$test->start_over(accounts => 2000);
	$test->rows('BEGIN ISOLATION LEVEL REPEATABLE READ');
	is($test->rows('SELECT 1 FROM mp.service_accounts LIMIT 1'), 1, 'one row');
	is($test->rows($accounts), '2000|2001000', 'all rows');
	is_kept($accounts, '2000|2001000', 'all again');
	is_kept('SELECT count(*) FROM mp.service_accounts a '
		  . 'JOIN mp.service_accounts b USING (id)', 2000, 'twice at a time');
	$test->rows('COMMIT');
};

subtest 'READ COMMITTED asks anew' => sub {
	$test->start_over(accounts => 10);
	$test->rows('BEGIN');
	is($test->rows($accounts), '10|55', 'first');
	$simulator->add_accounts({ username => 'eleven' });
	is($test->rows($accounts), '11|66', 'then');
	$test->rows('COMMIT');
};

subtest 'a field that is wanted later' => sub {
	$test->start_over(accounts => 2);
	$simulator->fault(path => 'service-accounts$', content_type => 'application/json',
		body => { results => [ { id => 7, created => 'soon' } ] });
	$test->rows('BEGIN ISOLATION LEVEL REPEATABLE READ');
	is($test->rows('SELECT id FROM mp.service_accounts'), 7, 'not wanted');
	MixpanelTest::error_is(
		$test->run('SELECT created FROM mp.service_accounts'),
		'HV004', 'wanted',
		message => qr/read earlier in this transaction/,
		detail => qr/^Record 7, field "created": it /);
	$test->rows('ROLLBACK');
};

subtest 'memory' => sub {
	$test->start_over(accounts => 100_000, memberships_per_account => 0);
	$test->rows('BEGIN ISOLATION LEVEL REPEATABLE READ');
	is($test->rows('SELECT count(*) FROM mp.service_accounts'),
		100_000, 'a long list');
	is_kept('SELECT count(*) FROM mp.service_accounts', 100_000, 'again');
	cmp_ok(
		$test->rows('SELECT sum(total_bytes) FROM pg_backend_memory_contexts '
			  . "WHERE name LIKE 'mixpanel_sa_fdw%'"),
		'<', 4 * 1024 * 1024, 'bytes of memory');
	$test->rows('COMMIT');
};

$test->stop;
done_testing();
