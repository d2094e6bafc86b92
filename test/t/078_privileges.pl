# Who may do what, and with whose credentials: roles and their mappings, servers
# made by those who are no superusers, views and functions, files with secrets,
# what others see, and privileges on the tables.

use strict;
use warnings;

use IO::Socket::UNIX;
use MIME::Base64 qw(encode_base64);
use MixpanelSimulator;
use MixpanelTest;
use PostgreSQL::Test::Utils;
use POSIX ();
use Test::More;

my $test = MixpanelTest->new('privileges', accounts => 12, projects => 4);
my $simulator = $test->simulator;
my $org = '/organizations/123/service-accounts';
my $list = 'SELECT count(*) FROM mp.service_accounts';
my $create = q(INSERT INTO mp.service_accounts (username) VALUES ('ci') RETURNING length(secret));
my $add = q(INSERT INTO mp.project_memberships (service_account_id, project_id, role) VALUES (%d, 1004, 'analyst'));

# Alice and Bob are admins of the organization by mappings of their own, Carol
# has none, Mallory makes servers.  A superuser made the rest.
$test->rows(<<'SQL');
CREATE ROLE alice;
CREATE ROLE bob;
CREATE ROLE carol;
CREATE ROLE mallory;
CREATE ROLE files IN ROLE pg_read_server_files;
CREATE ROLE heir NOINHERIT IN ROLE files;
GRANT CREATE, USAGE ON SCHEMA public TO alice, bob, carol, mallory;
GRANT USAGE ON SCHEMA mp TO alice, bob, carol, mallory;
GRANT ALL ON ALL TABLES IN SCHEMA mp TO alice, bob, carol, mallory;
GRANT USAGE ON FOREIGN SERVER mixpanel TO alice, bob;
CREATE USER MAPPING FOR alice SERVER mixpanel OPTIONS (username 'bot-4', secret 'secret-4');
CREATE USER MAPPING FOR bob SERVER mixpanel OPTIONS (username 'bot-10', secret 'secret-10');
SQL

# Run statements as a role.
sub as
{
	my ($role, $sql) = @_;

	$simulator->clear_log;
	$test->rows("SET ROLE $role");
	my $result = $test->run($sql);
	$test->rows('ROLLBACK; RESET ROLE');
	return $result;
}

# One test: the SQLSTATE, and whether anything was sent.
sub refused
{
	my ($role, $sql, $code, %wanted) = @_;
	my $result = as($role, $sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($simulator->counts->{requests}, 0, "nothing is sent: $sql");
	return MixpanelTest::error_is($result, $code, "$role, $code: $sql",
		%wanted);
}

sub allowed
{
	my ($role, $sql, $rows) = @_;
	my $result = as($role, $sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(MixpanelTest::describe($result), 'no error', "$role may: $sql");
	is($result->{rows}, $rows, 'with this result') if defined $rows;
	return;
}

# Who has authenticated since the log was cleared: each account once.
sub callers
{
	my ($from) = @_;
	my %seen = map { $_->{user} // 'nobody' => 1 }
	  @{ ($from // $simulator)->log };

	return join ' ', sort keys %seen;
}

# One test: statements run as a role make their calls with these accounts.
sub calls_as
{
	my ($role, $sql, $callers) = @_;
	my $result = as($role, $sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($result->{code}, '', "$role: $sql")
	  || diag(MixpanelTest::describe($result));
	return is(callers(), $callers, "as $callers");
}

subtest 'no mapping' => sub {
	my %words = (
		message => qr/^user mapping not found for user "carol", server "mixpanel"$/,
		hint => qr/^Create one: CREATE USER MAPPING FOR carol SERVER mixpanel/);

	refused('carol', $_, '42704', %words) foreach (
		$list, 'SELECT * FROM mp.project_memberships', $create,
		sprintf($add, 3), 'DELETE FROM mp.service_accounts WHERE id = 3',
		'UPDATE mp.project_memberships SET role = \'admin\'',
		"EXPLAIN ANALYZE $list");
	allowed('carol', "EXPLAIN $list");
	refused('carol', 'SELECT * FROM mixpanel_sa_fdw_check(\'mixpanel\')', '42501');
	$test->rows('GRANT USAGE ON FOREIGN SERVER mixpanel TO carol');
	allowed('carol', 'SELECT item, ok FROM mixpanel_sa_fdw_check(\'mixpanel\')',
		join "\n", 'options|f', map { "$_|" } 'connection', 'credentials',
		'organization', 'projects', 'memberships by account',
		'memberships by project');
	allowed('carol', 'IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mixpanel INTO public; DROP FOREIGN TABLE public.service_accounts, public.project_memberships');

	# Half of one.
	allowed('carol', 'CREATE USER MAPPING FOR carol SERVER mixpanel');
	refused('carol', $list, 'HV002', message => qr/"username"/);
	allowed('carol', 'ALTER USER MAPPING FOR carol SERVER mixpanel OPTIONS (ADD username \'bot-4\')');
	refused('carol', $list, 'HV002', message => qr/"secret"/);
	allowed('carol', 'DROP USER MAPPING FOR carol SERVER mixpanel');
	$test->rows('REVOKE USAGE ON FOREIGN SERVER mixpanel FROM carol');
};

subtest 'mappings of one\'s own and for PUBLIC' => sub {
	calls_as('alice', $list, 'bot-4');
	calls_as('bob', $list, 'bot-10');
	$test->rows('CREATE USER MAPPING FOR PUBLIC SERVER mixpanel OPTIONS (username \'bot-5\', secret \'secret-5\')');
	calls_as('carol', $list, 'bot-5');
	calls_as('alice', $list, 'bot-4');
	refused('alice', $_, '42501') foreach (
		'CREATE USER MAPPING FOR carol SERVER mixpanel OPTIONS (username \'bot-4\', secret \'x\')',
		'ALTER USER MAPPING FOR bob SERVER mixpanel OPTIONS (SET username \'bot-4\')',
		'DROP USER MAPPING FOR bob SERVER mixpanel',
		'ALTER USER MAPPING FOR PUBLIC SERVER mixpanel OPTIONS (SET username \'bot-4\')',
		'ALTER SERVER mixpanel OPTIONS (SET base_url \'https://elsewhere.example\')',
		'ALTER FOREIGN TABLE mp.service_accounts OPTIONS (ADD organization_id \'124\')');
	refused('mallory', 'CREATE USER MAPPING FOR mallory SERVER mixpanel OPTIONS (username \'bot-4\', secret \'x\')', '42501');
};

# ---- credentials of views and functions ----

$test->rows(<<'SQL');
SET ROLE alice;
CREATE VIEW alices AS SELECT * FROM mp.service_accounts;
CREATE VIEW alices_members AS SELECT * FROM mp.project_memberships;
CREATE VIEW callers WITH (security_invoker) AS SELECT * FROM mp.service_accounts;
CREATE VIEW callers_members WITH (security_invoker) AS SELECT * FROM mp.project_memberships;
CREATE VIEW of_a_view AS SELECT * FROM callers;
CREATE FUNCTION look_as_owner() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM mp.service_accounts';
CREATE FUNCTION look_as_caller() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM mp.service_accounts';
CREATE FUNCTION make_as_owner() RETURNS integer LANGUAGE sql SECURITY DEFINER AS
	'INSERT INTO mp.service_accounts (username) VALUES (''ci'') RETURNING length(secret)';
CREATE FUNCTION add_as_owner(bigint) RETURNS void LANGUAGE sql SECURITY DEFINER AS
	'INSERT INTO mp.project_memberships (service_account_id, project_id, role) VALUES ($1, 1004, ''analyst'')';
CREATE FUNCTION remove_as_owner(bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS
	$$ BEGIN DELETE FROM mp.service_accounts WHERE id = $1; END $$;
GRANT ALL ON alices, alices_members, callers, callers_members, of_a_view TO bob, carol;
RESET ROLE;
SET ROLE bob;
CREATE FUNCTION through_view() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM callers';
RESET ROLE;
SQL

subtest 'views and functions' => sub {
	$test->rows('DROP USER MAPPING FOR PUBLIC SERVER mixpanel');
	calls_as($_, 'SELECT count(*) FROM alices', 'bot-4') foreach qw(alice bob carol);
	calls_as('bob', 'SELECT count(*) FROM callers', 'bot-10');
	refused('carol', 'SELECT count(*) FROM callers', '42704');
	calls_as('alice', 'SELECT count(*) FROM of_a_view', 'bot-4');
	# the inner view is as if named in the query itself, says PostgreSQL
	calls_as('bob', 'SELECT count(*) FROM of_a_view', 'bot-10');
	calls_as('bob', 'SELECT count(*) FROM alices a JOIN mp.project_memberships m ON m.service_account_id = a.id', 'bot-10 bot-4');
	calls_as('bob', 'SELECT look_as_owner()', 'bot-4');
	calls_as('bob', 'SELECT look_as_caller()', 'bot-10');
	calls_as('carol', 'SELECT look_as_owner()', 'bot-4');
	refused('carol', 'SELECT look_as_caller()', '42704');
	calls_as('alice', 'SELECT through_view()', 'bot-10');

	# Writing: at once, at COMMIT, and what ROLLBACK undoes.
	calls_as('carol', 'INSERT INTO alices (username) VALUES (\'ci\') RETURNING length(secret)', 'bot-4');
	calls_as('bob', 'INSERT INTO callers (username) VALUES (\'ci\') RETURNING length(secret)', 'bot-10');
	calls_as('carol', 'SELECT make_as_owner()', 'bot-4');
	foreach my $sql ('BEGIN; SELECT make_as_owner(); ROLLBACK',
		'BEGIN; INSERT INTO alices (username) VALUES (\'ci\') RETURNING length(secret); ROLLBACK')
	{
		calls_as('bob', $sql, 'bot-4');
		is($test->count_of('DELETE'), 1, 'and the account is deleted again');
	}
	calls_as('carol', 'BEGIN; INSERT INTO alices_members (service_account_id, project_id, role) VALUES (3, 1004, \'analyst\'); COMMIT', 'bot-4');
	calls_as('bob', 'BEGIN; UPDATE callers_members SET role = \'admin\' WHERE service_account_id = 3; COMMIT', 'bot-10');
	calls_as('carol', 'BEGIN; SELECT add_as_owner(5); COMMIT', 'bot-4');
	calls_as('carol', 'BEGIN; DELETE FROM alices_members WHERE service_account_id = 5; COMMIT', 'bot-4');
	calls_as('carol', 'BEGIN; SELECT remove_as_owner(6); COMMIT', 'bot-4');
	# one's own account is that of the mapping in use
	refused_after('bob', 'SELECT remove_as_owner(4)', '55006');
	refused_after('bob', 'DELETE FROM mp.service_accounts WHERE id = 10', '55006');

	# Each change of a transaction goes out as who made it.
	$simulator->clear_log;
	$test->rows('BEGIN; SET LOCAL ROLE alice; ' . sprintf($add, 7)
		  . '; SET LOCAL ROLE bob; ' . sprintf($add, 8) . '; COMMIT');
	is_deeply([ sort map { "$_->{user} $_->{body}{service_account_ids}[0]" } @{ $simulator->log } ],
		[ 'bot-10 8', 'bot-4 7' ], 'changes of two roles')
	  || diag(explain($simulator->log));
};

sub refused_after
{
	my ($role, $sql, $code) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	MixpanelTest::error_is(as($role, $sql), $code, "$role, $code: $sql");
	return is($test->count_of('DELETE'), 0, 'nothing is deleted');
}

subtest 'a role that changes meanwhile' => sub {
	$test->rows('PREPARE look AS SELECT count(*) FROM mp.service_accounts');
	# six times: by then the plan may be one for any parameters
	foreach my $i (1 .. 6)
	{
		calls_as('alice', 'EXECUTE look', 'bot-4');
		calls_as('bob', 'EXECUTE look', 'bot-10');
	}
	refused('carol', 'EXECUTE look', '42704');
	# Rights were checked, and the mapping chosen, when it was opened.
	calls_as('alice', 'BEGIN; DECLARE c CURSOR FOR SELECT id FROM mp.service_accounts; SET LOCAL ROLE bob; FETCH 1 FROM c; COMMIT', 'bot-4');
	# A mapping that changes counts from the next statement on.
	$test->rows('ALTER USER MAPPING FOR alice SERVER mixpanel OPTIONS (SET username \'bot-1\', SET secret \'x\')');
	is(as('alice', 'EXECUTE look')->{code}, '28000', 'another secret');
	$test->rows('ALTER USER MAPPING FOR alice SERVER mixpanel OPTIONS (SET username \'bot-4\', SET secret \'secret-4\')');
	calls_as('alice', 'EXECUTE look', 'bot-4');
	$test->rows('DEALLOCATE look');
};

# ---- servers of those who are no superusers ----

# What setting an option gives: to superusers, members of
# pg_read_server_files, others.
my @server_options = (
	[ 'base_url', 'https://elsewhere.example/api', '', '', '' ],
	[ 'base_url', 'http://127.0.0.1:1/api', '', '', '' ],
	[ 'base_url', 'http://[::1]:1/api', '', '', '' ],
	[ 'base_url', 'http://localhost/api', '', '', '' ],
	[ 'base_url', 'http://10.0.0.1/api', '22023', '22023', '22023' ],
	[ 'base_url', 'http://169.254.169.254/latest', '22023', '22023', '22023' ],
	[ 'base_url', 'http://127.0.0.1.example/api', '22023', '22023', '22023' ],
	[ 'base_url', 'http://2130706433/api', '22023', '22023', '22023' ],
	[ 'base_url', 'file:///etc/passwd', '22023', '22023', '22023' ],
	[ 'base_url', 'https://me:mine@elsewhere.example', '22023', '22023', '22023' ],
	[ 'allow_insecure_http', 'true', '', '42501', '42501' ],
	[ 'allow_insecure_http', 'false', '', '42501', '42501' ],
	[ 'ca_file', '/etc/ssl/certs/x.pem', '', '', '42501' ],
	[ 'ca_file', 'x.pem', '22023', '22023', '22023' ],
	[ 'proxy', 'http://127.0.0.1:1', '', '', '' ],
	[ 'proxy', 'http://me:mine@127.0.0.1:1', '22023', '22023', '22023' ],
	[ 'organization_id', '7', '', '', '' ],
	[ 'max_retries', '1', '', '', '' ]);

sub code_of
{
	my ($role, $sql) = @_;

	return as($role, "BEGIN; $sql")->{code};
}

subtest 'options of a server' => sub {
	my $wrapper = 'FOREIGN DATA WRAPPER mixpanel_sa_fdw';

	is(code_of('mallory', "CREATE SERVER s $wrapper"), '42501', 'it takes USAGE on the wrapper');
	$test->rows("GRANT USAGE ON $wrapper TO mallory, files, heir");
	is(code_of('mallory', "CREATE SERVER s $wrapper"), '', 'with that one may');
	foreach my $role (qw(postgres files mallory))
	{
		$test->rows("SET ROLE $role; CREATE SERVER of_$role $wrapper; RESET ROLE");
	}
	foreach my $option (@server_options)
	{
		my ($name, $value, @codes) = @{$option};

		foreach my $role (qw(postgres files mallory))
		{
			my $code = shift @codes;

			is(code_of($role, "CREATE SERVER s $wrapper OPTIONS ($name '$value')"),
				$code, "CREATE SERVER, $role: $name '$value'");
			is(code_of($role, "ALTER SERVER of_$role OPTIONS (ADD $name '$value')"),
				$code, "ALTER SERVER, $role: $name '$value'");
			is(code_of($role, "CREATE SERVER s $wrapper; CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (secret_file '/x')"),
				$role eq 'mallory' ? '42501' : '', "secret_file, $role")
			  if $name eq 'max_retries';
		}
	}
	MixpanelTest::error_is(as('mallory', "ALTER SERVER of_mallory OPTIONS (ADD allow_insecure_http 'true')"),
		'42501', 'who may', message => qr/"allow_insecure_http"/, hint => qr/superuser/);

	# Rights that are not used are none; a function may lend its owner's.
	my $with_file = "CREATE SERVER s $wrapper OPTIONS (ca_file '/x')";
	is(code_of('heir', $with_file), '42501', 'a right that is not inherited');
	is(code_of('heir', "SET LOCAL ROLE files; $with_file"), '', 'but taken on');
	is(code_of('mallory', "SET SESSION AUTHORIZATION mallory; $with_file"), '42501', 'session user');
	$test->rows('RESET SESSION AUTHORIZATION');
	$test->rows(<<"SQL");
CREATE FUNCTION lend(text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN EXECUTE \$1; END';
CREATE FUNCTION try(text) RETURNS void LANGUAGE plpgsql AS 'BEGIN EXECUTE \$1; END';
SQL
	is(code_of('mallory', "SELECT lend(\$\$$with_file\$\$)"), '', 'by a superuser\'s function');
	is(code_of('mallory', "SELECT try(\$\$$with_file\$\$)"), '42501', 'not by another');
	is(code_of('mallory', "SELECT mixpanel_sa_fdw_validator(ARRAY['ca_file=/x'], 'pg_foreign_server'::regclass)"),
		'42501', 'nor by the validator');
};

subtest 'options that the owner of a server may not set' => sub {
	$test->rows(<<'SQL');
ALTER SERVER of_postgres OPTIONS (ADD ca_file '/etc/ssl/x.pem', ADD base_url 'http://10.0.0.1/api', ADD allow_insecure_http 'true');
ALTER SERVER of_postgres OWNER TO mallory;
SQL
	# As with postgres_fdw, all options of the object are checked again.
	my $alter = 'ALTER SERVER of_postgres OPTIONS';
	foreach my $case (
		[ '(ADD max_retries \'1\')', '42501' ],
		[ '(SET base_url \'http://10.0.0.2/api\')', '42501' ],
		[ '(SET base_url \'https://elsewhere.example/api\')', '42501' ],
		[ '(SET ca_file \'/other\')', '42501' ],
		[ '(DROP ca_file)', '42501' ],
		[ '(DROP ca_file, DROP allow_insecure_http)', '22023' ],
		[ '(DROP ca_file, DROP allow_insecure_http, SET base_url \'http://10.0.0.2/api\')', '22023' ],
		[ '(DROP ca_file, DROP allow_insecure_http, SET base_url \'https://elsewhere.example/api\')', '' ],
		[ '(DROP ca_file, DROP allow_insecure_http, DROP base_url, ADD max_retries \'1\')', '' ])
	{
		is(code_of('mallory', "$alter $case->[0]"), $case->[1],
			"$case->[1]: $case->[0]");
	}
	is(code_of('mallory', 'ALTER SERVER of_mallory OWNER TO alice'), '42501',
		'a server is not given to just anybody');
};

subtest 'the owner of a server decides where credentials go' => sub {
	my $other = MixpanelSimulator->start(accounts => 12);
	my ($here, $there) = ($simulator->base_url, $other->base_url);

	$test->rows(<<"SQL");
CREATE SCHEMA mallory AUTHORIZATION mallory;
SET ROLE mallory;
ALTER SERVER of_mallory OPTIONS (ADD base_url '$here', ADD organization_id '123');
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER of_mallory INTO mallory;
GRANT USAGE ON SCHEMA mallory TO alice;
GRANT SELECT ON ALL TABLES IN SCHEMA mallory TO alice;
GRANT USAGE ON FOREIGN SERVER of_mallory TO alice;
SET ROLE alice;
CREATE USER MAPPING FOR alice SERVER of_mallory OPTIONS (username 'bot-4', secret 'secret-4');
RESET ROLE;
SQL
	calls_as('alice', 'SELECT count(*) FROM mallory.service_accounts', 'bot-4');
	is(as('alice', "ALTER SERVER of_mallory OPTIONS (SET base_url '$there')")->{code},
		'42501', 'the mapped user does not');
	is(as('bob', "ALTER SERVER of_mallory OPTIONS (SET base_url '$there')")->{code},
		'42501', 'nor another');
	allowed('mallory', 'SELECT umoptions IS NULL FROM pg_user_mappings WHERE srvname = \'of_mallory\'', 't');
	allowed('mallory', "ALTER SERVER of_mallory OPTIONS (SET base_url '$there')");
	is(as('alice', 'SELECT count(*) FROM mallory.service_accounts')->{code}, '',
		'the same statement');
	is($simulator->counts->{requests}, 0, 'goes no more to the one');
	is(callers($other), 'bot-4', 'but to the other');

	# What mallory may not have the server do: follow to a third.
	$other->fault(status => 302, headers => { Location => "$here$org" });
	is(as('alice', 'SELECT count(*) FROM mallory.service_accounts')->{code}, '08004',
		'nobody is led on');
	is($simulator->counts->{requests}, 0, 'to a third');
	$other->stop;
};

subtest 'who sees the options of a mapping' => sub {
	my $see = 'SELECT usename, umoptions IS NOT NULL FROM pg_user_mappings WHERE srvname = \'mixpanel\' ORDER BY usename';

	allowed('alice', $see, "alice|t\nbob|f\npostgres|f");
	allowed('bob', $see, "alice|f\nbob|t\npostgres|f");
	allowed('carol', $see, "alice|f\nbob|f\npostgres|f");
	allowed('postgres', $see, "alice|t\nbob|t\npostgres|t");
	refused('alice', 'SELECT * FROM pg_user_mapping', '42501');
	allowed('carol', 'SELECT count(*) FROM information_schema.user_mapping_options WHERE option_value IS NOT NULL', '0');
	$test->rows('REVOKE USAGE ON FOREIGN SERVER mixpanel FROM alice');
	allowed('alice', $see, "alice|f\nbob|f\npostgres|f");
	calls_as('alice', $list, 'bot-4');
	$test->rows('GRANT USAGE ON FOREIGN SERVER mixpanel TO alice');
};

# ---- secret_file ----

my $folder = PostgreSQL::Test::Utils::tempdir();
my $file = "$folder/secret";
my $shown = '';

sub write_file
{
	my ($name, $bytes, $mode) = @_;

	open my $out, '>:raw', $name or die "$name: $!\n";
	print $out $bytes;
	close $out or die "$name: $!\n";
	chmod $mode // 0600, $name or die "$name: $!\n";
	return $name;
}

# A file of so many bytes, which takes no room.
sub truncate_file
{
	my ($name, $size) = @_;

	truncate write_file($name, ''), $size or die "$name: $!\n";
	return;
}

sub use_file
{
	my ($path) = @_;

	$test->rows("ALTER USER MAPPING FOR bob SERVER mixpanel OPTIONS (SET secret_file '$path')");
	return;
}

sub file_is
{
	my ($path, $code, $name, %wanted) = @_;

	use_file($path);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	if ($code eq '')
	{
		calls_as('bob', $list, 'bot-10');
		return;
	}
	my $result = as('bob', $list);
	$shown .= $result->{raw};
	is($simulator->counts->{requests}, $code eq '28000' ? 1 : 0, "$name: requests");
	return MixpanelTest::error_is($result, $code, $name, %wanted);
}

subtest 'a file with the secret' => sub {
	my $good = 'secret-10';

	$test->rows("ALTER USER MAPPING FOR bob SERVER mixpanel OPTIONS (DROP secret, ADD secret_file '/none')");
	file_is(write_file("$folder/f$_->[0]", $_->[1], $_->[2]), $_->[3], $_->[0], @{ $_->[4] // [] })
	  foreach (
		[ 'plain', "$good\n", 0600, '' ], [ 'no end of line', $good, 0600, '' ],
		[ 'CRLF', "$good\r\n", 0600, '' ], [ 'for the group', "$good\n", 0640, '' ],
		[ 'read-only', "$good\n", 0400, '' ],
		[ 'more lines', "$good\nand-more-secrets\n", 0600, '' ],
		[ 'a large file', "$good\n" . ("x" x 100_000), 0600, '' ],
		[ 'a blank at the end', "$good \t\n", 0600, '' ],
		[ 'a byte order mark', "\xef\xbb\xbf$good\n", 0600, '' ],
		[ 'UTF-16, little end first', "\xff\xfes\0e\0", 0600, '22023', [ detail => qr/is in UTF-16/ ] ],
		[ 'UTF-16, big end first', "\xfe\xff\0s\0e", 0600, '22023', [ detail => qr/is in UTF-16/ ] ],
		[ 'NUL within', "$good\0\n", 0600, '22023', [ detail => qr/has a NUL byte/ ] ],
		[ 'NUL in the second line', "$good\n\0", 0600, '' ],
		[ 'a control character', "sec\x01ret-10\n", 0600, '22023', [ detail => qr/has a control character/ ] ],
		[ 'Latin-1', "s\xe9cret-10\n", 0600, '22023', [ detail => qr/is not valid UTF-8/ ] ],
		[ 'blanks only', "  \n", 0600, '22023', [ detail => qr/is empty/ ] ],
		[ 'empty', '', 0600, '22023' ],
		[ 'an empty line', "\n$good\n", 0600, '22023' ],
		[ 'an empty line with CRLF', "\r\n$good\n", 0600, '22023' ],
		[ 'begins with NUL', "\0$good\n", 0600, '22023' ],
		[ '4095 bytes', ('hush' x 1023) . 'hus', 0600, '28000' ],
		[ '4096 bytes', 'hush' x 1024, 0600, '22023' ],
		[ 'a long line', 'hush' x 10_000, 0600, '22023' ],
		[ 'for everybody', "$good\n", 0644, '42501' ],
		[ 'for others alone', "$good\n", 0604, '42501' ],
		[ 'others may write', "$good\n", 0602, '42501' ],
		[ 'for nobody', "$good\n", 0000, '42501' ]);

	write_file($file, "$good\n");
	symlink $file, "$folder/link" or die;
	symlink "$folder/ffor everybody", "$folder/open link" or die;
	symlink "$folder/nowhere", "$folder/dangling" or die;
	mkdir "$folder/folder", 0700 or die;
	symlink "$folder/circle", "$folder/circle" or die;
	POSIX::mkfifo("$folder/fifo", 0600) or die;
	my $socket = IO::Socket::UNIX->new(Local => "$folder/socket", Listen => 1)
	  or die "no socket: $!\n";
	file_is("$folder/link", '', 'a link');
	file_is("$folder/open link", '42501', 'a link to an open file');
	file_is("$folder/dangling", '58P01', 'a link to nothing');
	file_is("$folder/nowhere", '58P01', 'nothing',
		message => qr/^could not open secret_file "\Q$folder\E\/nowhere": /);
	file_is("$folder/folder", '42809', 'a folder', message => qr/is not a regular file/);
	file_is("$folder/secret/x", '42809', 'below a file');
	file_is("$folder/fifo", '42809', 'a FIFO', message => qr/is not a regular file/);
	file_is("$folder/socket", '42809', 'a socket');
	file_is("$folder/circle", '42809', 'a link to itself');
	file_is('/dev/zero', '42809', 'a device');
	file_is('/dev/null', '42809', 'another');
	SKIP:
	{
		skip 'no file of root\'s that is closed to us', 2
		  unless -e '/etc/shadow' && !-r '/etc/shadow';
		file_is('/etc/shadow', '42501', 'a file of root\'s');
	}
	SKIP:
	{
		skip 'no file of another user that is open to us', 2
		  unless -r '/etc/passwd' && (stat _)[4] != $>;
		file_is('/etc/passwd', '42501', 'that all may read');
	}

	# What ca_file names is not opened either, unless it is regular.
	foreach my $case ([ 'fifo', '42809' ], [ 'folder', '42809' ], [ 'socket', '42809' ])
	{
		my ($name, $code) = @$case;

		use_file($file);
		$test->options(ca_file => "$folder/$name");
		MixpanelTest::error_is(as('bob', $list), $code, "ca_file: $name",
			message => qr/^ca_file ".*" is not a regular file$/);
	}
	$test->options(ca_file => '/dev/zero');
	MixpanelTest::error_is(as('bob', $list), '42809', 'ca_file: a device');
	truncate_file("$folder/large", 17 * 1024 * 1024);
	$test->options(ca_file => "$folder/large");
	MixpanelTest::error_is(as('bob', $list), '54000', 'ca_file: too large');
	$test->options(ca_file => undef);

	# Each statement reads it again, connections or not.
	use_file($file);
	calls_as('bob', $list, 'bot-10');
	write_file($file, "changed\n");
	is(as('bob', $list)->{code}, '28000', 'it has changed');
	write_file($file, "$good\n");
	calls_as('bob', $list, 'bot-10');
	calls_as('bob', "SELECT count(*) FROM callers", 'bot-10');
	# a transaction goes on with the secret that it has begun with
	$simulator->clear_log;
	$test->rows('BEGIN; SET LOCAL ROLE bob; ' . sprintf($add, 9));
	write_file($file, "changed\n");
	is($test->run('COMMIT')->{code}, '', 'COMMIT');
	is(callers(), 'bot-10', 'as bot-10');
	write_file($file, "$good\n");

	unlike($shown, qr/secret-10|hush|and-more|root:|changed$/,
		'no error shows what is in a file');
};

subtest 'a file that a superuser chose for another' => sub {
	my $alter = 'ALTER USER MAPPING FOR bob SERVER mixpanel OPTIONS';

	use_file($file);
	calls_as('bob', $list, 'bot-10');
	is(code_of('bob', "$alter ($_->[0])"), $_->[1], "$_->[1]: $_->[0]") foreach (
		[ 'SET secret_file \'/etc/passwd\'', '42501' ],
		[ 'SET username \'bot-4\'', '42501' ],
		[ 'ADD secret \'mine\'', '42501' ],
		[ 'DROP secret_file', '' ],
		[ 'DROP secret_file, ADD secret \'mine\'', '' ]);
	is(code_of('bob', "$alter (DROP secret_file); $alter (ADD secret_file '$file')"),
		'42501', 'what is dropped cannot be had again');
	is(code_of('bob', 'DROP USER MAPPING FOR bob SERVER mixpanel'), '', 'it may be dropped');
	$test->rows("$alter (DROP secret_file, ADD secret 'secret-10')");
};

# ---- what others see, and privileges on tables and functions ----

subtest 'what is one session\'s alone' => sub {
	my $other = $test->connect;
	$test->fresh;

	$test->rows('BEGIN; SET LOCAL ROLE alice; ' . sprintf($add, 11));
	is($test->rows('SELECT service_account_id FROM mixpanel_sa_fdw_pending()'), '11', 'its own changes');
	is($test->rows('SET LOCAL ROLE carol; SELECT service_account_id FROM mixpanel_sa_fdw_pending()'), '11',
		'also in another role');
	is($other->rows('SELECT * FROM mixpanel_sa_fdw_pending()'), '', 'another session\'s are not seen');
	is($other->rows('SELECT * FROM mixpanel_sa_fdw_stats()'), '', 'nor is its traffic');
	$test->rows('ROLLBACK');
	$other->rows($list);
	is($other->rows('SELECT server, requests FROM mixpanel_sa_fdw_stats()'), 'mixpanel|1', 'only one\'s own');
	$other->quit;

	# The check is made with the mapping of who asks; a call that the server
	# lacks is nobody's.
	calls_as('alice', 'SELECT bool_and(ok) FROM mixpanel_sa_fdw_check(\'mixpanel\')', 'bot-4 nobody');
	refused('carol', 'SELECT * FROM mixpanel_sa_fdw_check(\'mixpanel\')', '42501');
	refused('mallory', 'SELECT * FROM mixpanel_sa_fdw_check(\'mixpanel\')', '42501');
};

subtest 'columns' => sub {
	$test->rows(<<'SQL');
REVOKE ALL ON ALL TABLES IN SCHEMA mp FROM bob;
GRANT SELECT (id, username) ON mp.service_accounts TO bob;
SQL
	calls_as('bob', 'SELECT id, username FROM mp.service_accounts WHERE id = 3', 'bot-10');
	calls_as('bob', $list, 'bot-10');
	refused('bob', $_, '42501') foreach (
		'SELECT * FROM mp.service_accounts', 'SELECT secret FROM mp.service_accounts',
		'SELECT attrs FROM mp.service_accounts', 'SELECT a FROM mp.service_accounts a',
		'SELECT id FROM mp.service_accounts WHERE attrs IS NULL',
		'SELECT id FROM mp.service_accounts ORDER BY created',
		'COPY (SELECT role FROM mp.service_accounts) TO STDOUT',
		$create, 'DELETE FROM mp.service_accounts WHERE id = 3',
		'SELECT * FROM mp.project_memberships', 'TRUNCATE mp.service_accounts',
		'INSERT INTO mp.service_accounts (username) VALUES (\'ci\')');
	$test->rows('GRANT INSERT (username) ON mp.service_accounts TO bob');
	refused('bob', $_, '42501') foreach (
		$create, 'INSERT INTO mp.service_accounts (username) VALUES (\'ci\') RETURNING *',
		'INSERT INTO mp.service_accounts (username, role) VALUES (\'ci\', \'admin\') RETURNING id');
	refused('bob', 'INSERT INTO mp.service_accounts (username) VALUES (\'ci\') RETURNING id', '55000');
	$test->rows('GRANT SELECT (secret) ON mp.service_accounts TO bob');
	calls_as('bob', $create, 'bot-10');
	refused('bob', 'DELETE FROM mp.service_accounts WHERE id = 3', '42501');
	$test->rows('GRANT DELETE ON mp.service_accounts TO bob');
	calls_as('bob', 'DELETE FROM mp.service_accounts WHERE id = 3', 'bot-10');
	refused('bob', 'DELETE FROM mp.service_accounts WHERE id = 5 RETURNING role', '42501');

	# Statistics show values to those who may read the column.
	$test->rows('ANALYZE mp.service_accounts');
	allowed('bob', 'SELECT attname FROM pg_stats WHERE tablename = \'service_accounts\' AND attname IN (\'username\', \'creator_email\', \'attrs\')', 'username');
	allowed('postgres', 'SELECT null_frac FROM pg_stats WHERE tablename = \'service_accounts\' AND attname = \'secret\'', '1');
};

subtest 'functions, settings and the extension' => sub {
	allowed('carol', "SELECT count(*) FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e' "
		  . "JOIN pg_extension e ON e.oid = d.refobjid WHERE e.extname = 'mixpanel_sa_fdw' "
		  . "AND has_function_privilege('carol', p.oid, 'EXECUTE') AND NOT p.prosecdef", '9');
	allowed('carol', 'SELECT mixpanel_sa_fdw_version() IS NOT NULL, mixpanel_sa_fdw_stats_reset(); SELECT * FROM mixpanel_sa_fdw_pending()');
	allowed('carol', "SET mixpanel_sa_fdw.$_") foreach
	  'max_deletes = 1', 'allow_unreturned_secret = on', 'progress_interval = 5';
	refused('carol', 'SET mixpanel_sa_fdw.log_requests = on', '42501');
	$test->rows('RESET ALL');

	is($test->rows('SELECT DISTINCT superuser, trusted FROM pg_available_extension_versions WHERE name = \'mixpanel_sa_fdw\''),
		't|f', 'not trusted');
	$test->node->safe_psql('postgres', 'CREATE DATABASE plain; GRANT CREATE ON DATABASE plain TO carol');
	my $plain = $test->connect('plain');
	$plain->rows('SET ROLE carol');
	is($plain->run('CREATE EXTENSION mixpanel_sa_fdw')->{code}, '42501', 'it takes a superuser');
	$plain->quit;
};

$test->stop;
done_testing();
