# A client that is gone before it could have the secret of the account that its
# statement creates: with the server's own settings the account is deleted
# again, whatever the statement is a part of.

use strict;
use warnings;

use MixpanelTest;
use MixpanelTransaction qw(backend_gone);
use Test::More;

my $test = MixpanelTest->new('lost_client');
my $simulator = $test->simulator;

is($test->rows('SHOW client_connection_check_interval'),
	'0', 'the server itself does not look for its clients');

my $create = 'INSERT INTO mp.service_accounts (username, role) '
  . "VALUES ('unread', 'consumer') RETURNING id, secret";

$test->rows(<<'SQL');
CREATE TABLE kept (id bigint, secret text);
CREATE PROCEDURE make() LANGUAGE plpgsql AS $$
BEGIN
	WITH c AS (INSERT INTO mp.service_accounts (username, role)
		VALUES ('unread', 'consumer') RETURNING id, secret)
	INSERT INTO kept SELECT * FROM c;
	COMMIT;
END $$;
SQL

# The client goes while the request waits; is the answer given then?
sub client_goes
{
	my ($name, $sql, %fault) = @_;

	$test->start_over;
	my $before = $simulator->state;
	my $session = $test->connect;
	my $pid = $session->pid;

	$simulator->fault(method => 'POST', %fault);
	$session->begin($sql);
	ok( MixpanelTest::wait_until(
			sub { $simulator->counts->{in_flight} == 1 }),
		"$name: the request waits");
	$session->crash;
	ok(backend_gone($test, $pid), "$name: the session ends");
	is_deeply($simulator->state, $before, "$name: nothing is changed");
	is($test->count_of('DELETE', qr/service-accounts/),
		1, "$name: the account was deleted again");
	is($test->rows("SELECT count(*) FROM mixpanel_sa_fdw_unfinished('mixpanel')"),
		0, "$name: nothing is left behind");
	return;
}

client_goes('an INSERT', $create, delay_ms => 300);
client_goes('an INSERT that takes long', $create, delay_ms => 2500);
client_goes('in a block', "BEGIN; SELECT 1; $create; SELECT 2",
	delay_ms => 300);
client_goes('with its COMMIT', "BEGIN; $create; COMMIT", delay_ms => 300);
client_goes('in a procedure', 'CALL make()', delay_ms => 300);

# ---- between the answer and the commit ----

$test->start_over;
$test->rows('CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS '
	  . '$$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$; '
	  . 'CREATE CONSTRAINT TRIGGER nap AFTER INSERT ON kept DEFERRABLE '
	  . 'INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION nap()');
my $before = $simulator->state;
my $session = $test->connect;
my $pid = $session->pid;

$session->begin("WITH c AS ($create) INSERT INTO kept SELECT * FROM c RETURNING *");
ok( MixpanelTest::wait_until(
		sub { @{ $simulator->state->{accounts} } == 11 }),
	'before the commit: the account is made');
$session->crash;
ok(backend_gone($test, $pid), 'before the commit: the session ends');
is_deeply($simulator->state, $before, 'before the commit: nothing is changed');
is($test->rows('SELECT count(*) FROM kept'), 0, 'here neither');

# ---- a client that has had the secret ----

$test->start_over;
$session = $test->connect;
$pid = $session->pid;
$session->rows("BEGIN; $create");
$simulator->fault(path => '/add-to-project', delay_ms => 500);
$session->begin('INSERT INTO mp.project_memberships (service_account_id, '
	  . "project_id, role) SELECT id, 1001, 'analyst' FROM "
	  . "mp.service_accounts WHERE username = 'unread'; COMMIT");
ok( MixpanelTest::wait_until(
		sub { $simulator->counts->{in_flight} == 1 }),
	'a client that has the secret sends its COMMIT');
$session->crash;
ok(backend_gone($test, $pid), 'and goes: the session ends');
is(scalar @{ $simulator->state->{accounts} }, 11, 'and the account stays');

$test->stop;
done_testing();
