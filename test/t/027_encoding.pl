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

# Messages that name the mapping's username, or a new account's.
sub check_messages
{
	my ($test, $hex, $shown, $name) = @_;
	my $simulator = $test->simulator;
	my $text = "convert_from('\\x$hex'::bytea, getdatabaseencoding())";
	my $check = q(SELECT item, ok, detail FROM mixpanel_sa_fdw_check('mixpanel'));
	my $own = sub {
		$test->rows("DO \$\$ BEGIN EXECUTE format('ALTER USER MAPPING FOR "
			  . 'CURRENT_USER SERVER mixpanel OPTIONS (SET username %L, SET secret %L)\', '
			  . "$_[0], '$_[1]'); END \$\$");
	};

	$own->("'b' || $text || 'd'", 'wrong');
	MixpanelTest::error_is($test->run("$username 1"), '28000',
		"$name: 401", message => qr/"b${shown}d"/);
	like($test->rows($check), qr/"b${shown}d"/, "$name: check()");
	$own->("'b' || $text || 'd'", 'right');
	$test->options(max_retries => 0);
	$simulator->fault(status => 403, body => { error => 'no' });
	MixpanelTest::error_is($test->run("$username 1"), '42501',
		"$name: 403", hint => qr/"b${shown}d"/);
	my ($user, $secret) = split /:/, MixpanelSimulator::LOGIN;
	$own->("'$user'", $secret);

	# An undo that fails.
	$test->rows('BEGIN');
	$test->rows("INSERT INTO mp.service_accounts (username) VALUES ('n' || $text || 'm') RETURNING secret");
	$simulator->fault(method => 'DELETE', status => 400, count => 3,
		body => { error => 'no' });
	like($test->run('ROLLBACK')->{raw}, qr/WARNING.*"n${shown}m"/,
		"$name: a warning");
	$simulator->clear_faults;
	like($test->rows(q(SELECT username FROM mixpanel_sa_fdw_unfinished('mixpanel'))),
		qr/^n${shown}m$/, "$name: unfinished()");
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
		'an error keeps what it can',
		detail => qr/^Mixpanel says: caf\xe9 \\u0416$/);
	check_messages($test, 'e9', qr/\xe9/, 'LATIN1');
	$test->stop;
};

subtest 'EUC_JP' => sub {
	my $test = start('EUC_JP');

	# E9 is no letter of it; C6FC is the sun.
	check_messages($test, 'c6fc', qr/\xc6\xfc/, 'EUC_JP');
	$test->simulator->fault(status => 400,
		body => { error => "\x{65e5} \x{416} \x{1f600} \x{e0}" });
	MixpanelTest::error_is($test->run("$username 3"), '22023',
		'an error keeps what it can',
		detail => qr/^Mixpanel says: \xc6\xfc \xa7\xa8 \\U0001f600 \S+$/);
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

# The journal is one for all databases of a cluster.
subtest 'a journal of several encodings' => sub {
	my $test = start('UTF8');
	my $latin;

	$test->rows('BEGIN');
	$test->rows(q(INSERT INTO mp.service_accounts (username) VALUES (U&'n\00e9\0416') RETURNING secret));
	$test->simulator->fault(method => 'DELETE', status => 400, count => 3,
		body => { error => 'no' });
	$test->rows('ROLLBACK');
	$test->simulator->clear_faults;
	$test->rows(q(CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0));
	$latin = $test->connect('latin');
	$latin->rows(MixpanelTest::set_up_statements($test->simulator->base_url));
	is( $latin->rows(
			q(SELECT encode(convert_to(username, 'LATIN1'), 'hex') FROM mixpanel_sa_fdw_unfinished('mixpanel'))
		),
		unpack('H*', "n\xe9\\u0416"),
		'another database tells of it');
	$latin->quit;
	$test->stop;
};

done_testing();
