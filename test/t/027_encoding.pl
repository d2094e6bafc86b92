# Databases in other encodings than UTF-8: texts are converted on both ways,
# and what cannot be converted is an error that says so, before any request
# where it is on the way out.

use strict;
use warnings;

use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $org = '/organizations/123/service-accounts';
my $columns = '(service_account_id, project_id, role)';

# Account 3 has e acute, which LATIN1 has; account 4 a Cyrillic letter, which
# it has not; account 5 is plain.
sub start
{
	my ($encoding) = @_;
	my $test = MixpanelTest->new(lc $encoding, encoding => $encoding,
		accounts => 2, epoch => '2024-01-15T10:30:00Z');

	is($test->rows('SHOW server_encoding'), $encoding, "a $encoding database");
	$test->simulator->add_accounts({ username => "caf\x{e9}" },
		{ username => "\x{416}uk" }, { username => 'plain' });
	$test->simulator->add_memberships([ 3, 1001, "r\x{f4}le" ],
		[ 4, 1001, "r\x{416}" ]);
	return $test;
}

# The roles of an account as the API has them.
sub roles
{
	my ($test, $account) = @_;

	return map { (split / /, $_, 3)[2] }
	  grep { /^$account / } $test->simulator->memberships;
}

# A query of bytes: they pass any client encoding.
sub hex_is
{
	my ($test, $sql, $wanted, $name) = @_;
	my $result = $test->logged($sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(MixpanelTest::describe($result), 'no error', "$name: no error");
	is($result->{rows}, $wanted, $name);
	return;
}

my $username = 'SELECT encode(username::bytea, \'hex\') '
  . 'FROM mp.service_accounts WHERE id =';

# What texts of the database become in the API, and back.  E9 is e acute in
# LATIN1, C3A9 in UTF-8.
sub check_round_trip
{
	my ($test, $hex, $name) = @_;
	my $text = "convert_from('\\x$hex'::bytea, getdatabaseencoding())";

	hex_is(
		$test,
		"INSERT INTO mp.service_accounts (username, role) VALUES ('n' || $text, $text) "
		  . 'RETURNING encode(username::bytea, \'hex\'), length(secret)',
		"6e$hex|32",
		"$name: create");
	is($test->simulator->log->[0]{body}{username}, "n\x{e9}",
		"$name: sent as UTF-8");
	hex_is($test, "$username 6", "6e$hex", "$name: and read back");
	hex_is($test, 'SELECT id FROM mp.service_accounts '
		  . "WHERE id IN (3, 6) AND username LIKE '%' || $text",
		"3\n6", "$name: compared in the database");
	hex_is($test, 'SELECT encode((attrs ->> \'username\')::bytea, \'hex\') '
		  . 'FROM mp.service_accounts WHERE id = 3',
		"636166$hex", "$name: in attrs");

	hex_is(
		$test,
		join('; ',
			'BEGIN',
			"INSERT INTO mp.project_memberships $columns VALUES (5, 1002, 'r' || $text)",
			'SELECT encode(role::bytea, \'hex\') FROM mp.project_memberships '
			  . 'WHERE service_account_id = 5',
			'SELECT encode(role::bytea, \'hex\') FROM mixpanel_sa_fdw_pending()',
			'COMMIT'),
		"72$hex\n72$hex",
		"$name: a queued role is seen");
	is_deeply([ roles($test, 5) ], ["r\x{e9}"], "$name: and sent");
	hex_is($test, "UPDATE mp.project_memberships SET role = $text "
		  . 'WHERE service_account_id = 5 RETURNING encode(role::bytea, \'hex\')',
		$hex, "$name: change of a role");
	is_deeply([ roles($test, 5) ], ["\x{e9}"], "$name: is sent");

	$test->simulator->add_accounts(
		{ id => 50, username => "b\x{e9}", secret => "s\x{e9}", role => 'admin' });
	$test->rows("DO \$\$ BEGIN EXECUTE format('ALTER USER MAPPING FOR "
		  . 'CURRENT_USER SERVER mixpanel OPTIONS (SET username %L, SET secret %L)\', '
		  . "'b' || $text, 's' || $text); END \$\$");
	hex_is($test, "$username 50", "62$hex", "$name: credentials");
	MixpanelTest::error_is(
		$test->logged('DELETE FROM mp.service_accounts WHERE id = 50'),
		'55006', "$name: one's own account is known");
	return;
}

subtest 'LATIN1' => sub {
	my $test = start('LATIN1');
	my $simulator = $test->simulator;

	check_round_trip($test, 'e9', 'LATIN1');

	# What LATIN1 lacks.
	MixpanelTest::error_is($test->logged("$username 4"), '22P05',
		'a letter that LATIN1 lacks',
		message => qr/0xd0 0x96.*no equivalent in encoding "LATIN1"/,
		context => qr/column "username" of foreign table "service_accounts"/);
	MixpanelTest::error_is(
		$test->logged('SELECT attrs FROM mp.service_accounts WHERE id = 4'),
		'22P05', 'the same in attrs', context => qr/column "attrs"/);
	MixpanelTest::error_is(
		$test->logged('SELECT * FROM mp.project_memberships '
			  . 'WHERE service_account_id = 4'),
		'22P05', 'a role', context => qr/column "role"/);
	is($test->rows('SELECT id, created IS NOT NULL FROM mp.service_accounts '
			  . 'WHERE id = 4'),
		'4|t', 'what is not read stands in nobody\'s way');
	is($test->run('DELETE FROM mp.service_accounts WHERE id = 4')->{code},
		'', 'nor in that of a deletion');
	is($test->count_of('DELETE', qr|/4$|), 1, 'which is made');

	$simulator->fault(status => 400,
		body => { error => "caf\x{e9} \x{416}" });
	MixpanelTest::error_is($test->run("$username 3"), '22023',
		'an error keeps what it can', detail => qr/^Mixpanel says: caf.* /);
	$test->stop;
};

subtest 'SQL_ASCII' => sub {
	my $test = start('SQL_ASCII');

	# No conversion is known: UTF-8 goes both ways as it is.
	check_round_trip($test, 'c3a9', 'SQL_ASCII');
	hex_is($test, "$username 4", 'd096756b', 'any letter is read');
	hex_is($test, 'SELECT encode((attrs ->> \'username\')::bytea, \'hex\') '
		  . 'FROM mp.service_accounts WHERE id = 4',
		'd096756b', 'in attrs as well');

	# Bytes that are no UTF-8 have no meaning for the API.
	my $broken = 'convert_from(\'\xe9\'::bytea, \'SQL_ASCII\')';
	MixpanelTest::error_is(
		$test->logged("INSERT INTO mp.service_accounts (username) "
			  . "VALUES ('n' || $broken) RETURNING secret"),
		'22021', 'a username that is no UTF-8',
		message => qr/invalid byte sequence for encoding "UTF8": 0xe9/,
		context => qr/column "username"/);
	is(scalar $test->simulator->requests, 0, 'no request');
	MixpanelTest::error_is(
		$test->logged("INSERT INTO mp.project_memberships $columns "
			  . "VALUES (2, 1001, $broken)"),
		'22021', 'a role that is no UTF-8', context => qr/column "role"/);
	is(scalar $test->simulator->requests, 0, 'no request');
	$test->run("DO \$\$ BEGIN EXECUTE format('ALTER USER MAPPING FOR "
		  . 'CURRENT_USER SERVER mixpanel OPTIONS (SET secret %L)\', '
		  . "$broken); END \$\$");
	my $result = $test->logged($username . ' 3');
	isnt($result->{code}, '', 'a secret that is no UTF-8');
	is(scalar $test->simulator->requests, 0, 'no request');
	$test->stop;
};

done_testing();
