# A row is changed where it was read: what is queued keeps the base URL, the
# credentials and the organization that it was queued with, and what a session
# has learnt of a server counts for that server only.

use strict;
use warnings;

use MixpanelSimulator;
use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my %seed = (accounts => 6, projects => 4, memberships_per_account => 2);
my $test = MixpanelTest->new('identity', verify => 0, %seed);
my $first = $test->simulator;
my $second = MixpanelSimulator->start(%seed);

# The DELETEs and POSTs that a simulator has seen.
sub changes_at
{
	my ($simulator) = @_;

	return join ' ', map { "$_->{method} " . ($_->{path} =~ m{([^/]+)$})[0] }
	  grep { $_->{method} ne 'GET' } @{ $simulator->log };
}

sub start_over
{
	my (%settings) = @_;

	$test->start_over(%settings);
	$second->reset;
	$first->clear_log;
	$second->clear_log;
	return;
}

my $to_second =
  "ALTER SERVER mixpanel OPTIONS (SET base_url '" . $second->base_url . "')";
my $to_first =
  "ALTER SERVER mixpanel OPTIONS (SET base_url '" . $first->base_url . "')";
my ($username, $secret) = split /:/, MixpanelSimulator::LOGIN;

subtest 'the base URL changes after a change was rolled back' => sub {
	start_over();
	$test->rows(<<"SQL");
BEGIN;
SAVEPOINT a;
DELETE FROM mp.service_accounts WHERE id = 3;
ROLLBACK TO a;
$to_second;
SQL
	is($test->rows('SELECT id FROM mp.service_accounts WHERE id = 3'), '3',
		'the row of the second server is read');
	$test->rows('DELETE FROM mp.service_accounts WHERE id = 3; COMMIT');
	is(changes_at($second), 'DELETE 3', 'and deleted there');
	is(changes_at($first), '', 'nowhere else');
};

subtest 'changes before and after a change of the base URL' => sub {
	start_over();
	$test->rows(<<"SQL");
BEGIN;
DELETE FROM mp.service_accounts WHERE id IN (3, 4);
INSERT INTO mp.project_memberships (service_account_id, project_id, role) VALUES (5, 1003, 'admin');
$to_second;
SQL
	is( $test->rows(
			'SELECT count(*), count(*) FILTER (WHERE id IN (3, 4)) FROM mp.service_accounts'
		),
		'6|2',
		'what is queued for one server hides nothing of another');
	is( $test->rows(
			'SELECT count(*) FROM mp.project_memberships WHERE service_account_id = 5 AND project_id = 1003'
		),
		'0',
		'nor adds anything');
	$test->rows('DELETE FROM mp.service_accounts WHERE id = 5');
	$test->rows($to_first);
	is( $test->rows('SELECT string_agg(id::text, \' \' ORDER BY id) FROM mp.service_accounts'),
		'1 2 5 6',
		'back on the first, its changes are seen again');
	is( $test->rows(
			'SELECT count(*) FROM mixpanel_sa_fdw_pending()'), '4',
		'all are pending');
	$test->rows($to_second);
	$test->rows('COMMIT');
	is(changes_at($first), 'POST add-to-project DELETE 3 DELETE 4',
		'the first server gets what was read there')
	  or diag changes_at($first);
	is(changes_at($second), 'DELETE 5', 'and the second what was read there');
};

subtest 'an account that was created, after a change of the base URL' => sub {
	start_over();
	my $id = (split /\|/, $test->rows(<<"SQL"))[0];
BEGIN;
INSERT INTO mp.service_accounts (username) VALUES ('moved') RETURNING id, secret IS NOT NULL;
SQL
	$test->rows($to_second);
	$second->add_accounts({ id => $id + 0, username => 'not this one' });
	$test->rows('ROLLBACK');
	is(changes_at($first), "POST service-accounts DELETE $id",
		'it is deleted where it was created');
	is(changes_at($second), '', 'and nowhere else');
};

subtest 'credentials that are mended in the transaction' => sub {
	start_over();
	$test->rows('BEGIN');
	$test->rows('DELETE FROM mp.service_accounts WHERE id = 3');
	$test->rows('SAVEPOINT a');
	$test->rows(
		"ALTER USER MAPPING FOR CURRENT_USER SERVER mixpanel OPTIONS (SET secret 'wrong')"
	);
	MixpanelTest::error_is($test->run('SELECT * FROM mp.service_accounts'),
		'28000', 'a wrong secret counts for what is read later');
	$test->rows('ROLLBACK TO a');
	$test->rows(
		"ALTER USER MAPPING FOR CURRENT_USER SERVER mixpanel OPTIONS (SET username 'bot-4', SET secret 'secret-4')"
	);
	$test->rows('DELETE FROM mp.service_accounts WHERE id = 5');
	$first->clear_log;
	$test->rows('COMMIT');
	is( join(' ', map { "$_->{user} $_->{path}" =~ s{/organizations/123}{}r }
			  sort { $a->{path} cmp $b->{path} }
			  grep { $_->{method} eq 'DELETE' } @{ $first->log }),
		"$username /service-accounts/3 bot-4 /service-accounts/5",
		'each change is sent as the user that queued it');
	$test->rows(
		"ALTER USER MAPPING FOR CURRENT_USER SERVER mixpanel OPTIONS (SET username '$username', SET secret '$secret')"
	);
};

subtest 'a secret that was wrong when the first change was queued' => sub {
	start_over();
	$test->rows(
		"ALTER USER MAPPING FOR CURRENT_USER SERVER mixpanel OPTIONS (SET secret 'wrong')"
	);
	$test->rows('BEGIN; SAVEPOINT a');
	$test->rows(
		"INSERT INTO mp.project_memberships (service_account_id, project_id, role) VALUES (5, 1002, 'admin')"
	);
	$test->rows('ROLLBACK TO a');
	$test->rows(
		"ALTER USER MAPPING FOR CURRENT_USER SERVER mixpanel OPTIONS (SET secret '$secret')"
	);
	$test->rows(
		"INSERT INTO mp.project_memberships (service_account_id, project_id, role) VALUES (5, 1002, 'admin')"
	);
	MixpanelTest::error_is($test->run('COMMIT'), '',
		'what is queued after it was mended is sent with the right one');
	is(changes_at($first), 'POST add-to-project', 'once');
};

# ---- what a session has learnt ----

subtest 'routes are learnt for a base URL' => sub {
	start_over(document => 'bulk');
	my $by_key =
	  'SELECT count(*) FROM mp.project_memberships WHERE service_account_id = 5';

	is($test->rows($by_key), '2', 'a server without the route by account');
	$test->rows($to_second);
	$second->clear_log;
	is($test->rows($by_key), '2', 'another');
	is(join(' ', map { $_->{path} } @{ $second->log }),
		'/organizations/123/service-accounts/5/projects',
		'which is asked by account');
	$test->rows($to_first);
};

subtest 'changes of other servers and mappings' => sub {
	start_over(document => 'bulk');
	my $other = $test->connect;
	my $by_key =
	  'SELECT count(*) FROM mp.project_memberships WHERE service_account_id = 5';
	my $opened =
	  "SELECT connections FROM mixpanel_sa_fdw_stats() WHERE server = 'mixpanel'";

	$test->rows($by_key);
	my $requests = scalar @{ $first->log };
	$first->clear_log;
	$test->rows($by_key);
	my $known = scalar @{ $first->log };
	cmp_ok($known, '<', $requests, 'the session has learnt the way');

	# one request at a time needs one connection
	my $one = 'SELECT count(*) FROM mp.service_accounts WHERE id = 3';
	$test->rows($one);
	my $connections = $test->rows($opened);
	$other->rows(<<'SQL');
CREATE ROLE stranger;
CREATE SERVER other FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (organization_id '9');
CREATE USER MAPPING FOR stranger SERVER mixpanel OPTIONS (username 'u', secret 's');
CREATE USER MAPPING FOR stranger SERVER other OPTIONS (username 'u', secret 's');
ALTER USER MAPPING FOR stranger SERVER mixpanel OPTIONS (SET secret 't');
ALTER SERVER other OPTIONS (SET organization_id '10');
DROP SERVER other CASCADE;
SQL
	$test->rows($one);
	is($test->rows($opened), $connections, 'it keeps its connections');
	$first->clear_log;
	$test->rows($by_key);
	is(scalar @{ $first->log }, $known, 'and still knows the way');
	$connections = $test->rows($opened);

	$other->rows(
		"ALTER USER MAPPING FOR CURRENT_USER SERVER mixpanel OPTIONS (SET secret '$secret')"
	);
	$first->clear_log;
	$test->rows($by_key);
	is(scalar @{ $first->log }, $known,
		'a change of its own mapping says nothing of routes');
	cmp_ok($test->rows($opened), '>', $connections,
		'but closes the connections');

	$connections = $test->rows($opened);
	$other->rows("ALTER SERVER mixpanel OPTIONS (ADD max_retries '1')");
	$first->clear_log;
	$test->rows($by_key);
	cmp_ok(scalar @{ $first->log }, '>', $known,
		'a change of the server makes it look again');
	cmp_ok($test->rows($opened), '>', $connections, 'by a new connection');
	$other->rows('ALTER SERVER mixpanel OPTIONS (DROP max_retries)');
	$other->quit;
};

# What the options of a table and of its columns say is remembered by a
# session, not beyond a change of it, whoever makes it and whether it lasts.
subtest 'a table is declared anew' => sub {
	my $other = $test->connect;
	my $read = 'SELECT seen FROM remembered WHERE id = 2';
	my $alter = 'ALTER FOREIGN TABLE remembered';
	my $name = $test->rows('SELECT username FROM mp.service_accounts WHERE id = 2');

	start_over();
	$test->rows("CREATE FOREIGN TABLE remembered (id bigint, seen text OPTIONS (field 'username')) "
		  . "SERVER mixpanel OPTIONS (object 'service_accounts')");
	is($test->rows($read), $name, 'as it was declared');
	is($other->rows($read), $name, 'in another session too');
	$other->rows("$alter ALTER seen OPTIONS (SET field 'organization_id')");
	is($test->rows($read), '123', 'the field, changed by another session');
	is($test->rows("BEGIN; $alter ALTER seen OPTIONS (SET field 'username'); $read"),
		$name, 'changed in the transaction');
	is($test->rows("SAVEPOINT a; $alter ALTER seen OPTIONS (SET field 'user_id'); "
			  . "$read; ROLLBACK TO a; $read") =~ s/^.*\n//sr,
		$name, 'a savepoint that was rolled back');
	$test->rows('ROLLBACK');
	is($test->rows($read), '123', 'the transaction rolled back');

	$other->rows("$alter DROP COLUMN seen; $alter ADD COLUMN seen text OPTIONS (field 'username')");
	is($test->rows($read), $name, 'a column dropped, another added');
	$other->rows("DROP FOREIGN TABLE remembered; CREATE FOREIGN TABLE remembered "
		  . "(seen text OPTIONS (field 'role'), id bigint OPTIONS (field 'service_account_id'), "
		  . "project_id bigint) SERVER mixpanel OPTIONS (object 'project_memberships')");
	is($test->rows("SELECT count(*), min(seen) <> '' FROM remembered WHERE id = 2"),
		'2|t', 'another table of the same name');
	$other->rows("$alter OPTIONS (SET object 'service_accounts')");
	MixpanelTest::error_is($test->run($read), 'HV005',
		'an object that lacks the fields',
		message => qr/unknown field "service_account_id"/);
	$other->rows("$alter OPTIONS (SET object 'project_memberships')");
	is($test->rows('SELECT count(*) FROM remembered WHERE id = 2'), '2',
		'and mended');
	$test->rows('DROP FOREIGN TABLE remembered');
	$other->quit;
};

$second->stop;
$test->stop;
done_testing();
