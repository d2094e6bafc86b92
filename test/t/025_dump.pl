# pg_dump and restore of a database with the foreign tables: without the
# network, and the copy equals the original.

use strict;
use warnings;

use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $test = MixpanelTest->new('dump', accounts => 4,
	epoch => '2024-01-15T10:30:00Z');
my $simulator = $test->simulator;
my $node = $test->node;
my $folder = PostgreSQL::Test::Utils::tempdir();

$test->rows(<<'SQL');
ALTER SERVER mixpanel OPTIONS (max_concurrency '4', connect_timeout '5s',
	membership_read 'account', project_ids '1001,1002', updatable 'true');
CREATE SERVER eu FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (region 'eu');
CREATE USER MAPPING FOR PUBLIC SERVER eu
	OPTIONS (username 'o''neil', secret 'it''s "quoted" \ too');
CREATE TABLE everywhere (id bigint, organization_id bigint, username text)
	PARTITION BY LIST (organization_id);
CREATE FOREIGN TABLE here PARTITION OF everywhere
	FOR VALUES IN (123) SERVER mixpanel OPTIONS (object 'service_accounts');
ALTER FOREIGN TABLE here ALTER username OPTIONS (field 'name');
CREATE FOREIGN TABLE by_hand (
	account integer OPTIONS (field 'service_account_id') NOT NULL,
	project numeric OPTIONS (field 'project_id') NOT NULL,
	role varchar(40) DEFAULT 'consumer',
	CHECK (role <> '')
) SERVER eu OPTIONS (object 'project_memberships', organization_id '456',
	updatable 'false', fdw_startup_cost '10');
COMMENT ON FOREIGN TABLE by_hand IS 'who may do what';
CREATE VIEW mp.expired AS
	SELECT id FROM mp.service_accounts WHERE expires < '2025-01-01';
CREATE TABLE owner (account bigint PRIMARY KEY, person text);
INSERT INTO owner VALUES (2, 'Ada');
CREATE MATERIALIZED VIEW later AS SELECT count(*) FROM mp.service_accounts
	WITH NO DATA;
SQL

$simulator->clear_log;
my @source = ('--dbname', $node->connstr('postgres'));
my @target = ('--dbname', $node->connstr('copy'));

# No restrict key: it would differ from dump to dump.
sub plain_dump
{
	my ($database, $path) = @_;

	command_ok(
		[ 'pg_dump', '--file', $path, '--dbname', $node->connstr($database) ],
		"pg_dump of $database");
	return slurp_file($path) =~ s/^\\(un)?restrict .*\n//gmr;
}

my $original = plain_dump('postgres', "$folder/original.sql");
like($original, qr/CREATE EXTENSION .*mixpanel_sa_fdw/, 'the extension');
unlike($original, qr/CREATE FUNCTION public\.mixpanel_sa_fdw/,
	'not what belongs to it');

foreach my $format (qw(plain custom directory))
{
	my $path = "$folder/$format";

	command_ok([ 'pg_dump', '--format', $format, '--file', $path, @source ],
		"pg_dump, $format");
	$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE template0');
	if ($format eq 'plain')
	{
		command_ok(
			[
				'psql', '--no-psqlrc', '--quiet',
				'--set=ON_ERROR_STOP=1', '--file', $path, @target
			],
			"restore, $format");
	}
	else
	{
		command_ok([ 'pg_restore', '--exit-on-error', @target, $path ],
			"restore, $format");
	}
	is(plain_dump('copy', "$folder/$format-copy.sql"),
		$original, "the copy equals the original, $format");
	$node->safe_psql('postgres', 'DROP DATABASE copy') if $format ne 'directory';
}
is(scalar $simulator->requests, 0, 'no request was made');
is($simulator->counts->{connections}, 0, 'nor a connection');

# The copy works.
my $session = $test->connect('copy');
is($session->rows('SELECT id, person FROM mp.service_accounts '
		  . 'JOIN owner ON account = id'),
	'2|Ada', 'a query on the copy');
is($session->rows('SELECT count(*) FROM mp.expired'), 2, 'a view on the copy');
is($session->rows('SELECT username FROM everywhere WHERE id = 3 '
		  . 'AND organization_id = 123'),
	'Bot 3', 'a partition on the copy');
is($session->rows('SELECT mixpanel_sa_fdw_version() <> \'\''), 't',
	'a function on the copy');
$session->quit;

# The rows of foreign tables are dumped only on request.
unlike($original, qr/bot-2/, 'no foreign rows');
command_ok(
	[
		'pg_dump', '--include-foreign-data=mixpanel', '--data-only',
		'--file', "$folder/data.sql", @source
	],
	'with foreign rows');
like(slurp_file("$folder/data.sql"), qr/^2\tbot-2\t/m, 'they are there');
unlike(slurp_file("$folder/data.sql"), qr/secret-2/, 'without secrets');

$test->stop;
done_testing();
