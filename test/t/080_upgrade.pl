# ALTER EXTENSION UPDATE: from each released version to the default one the
# catalogs become those of a fresh install, and what was built on the extension
# goes on, before the update, with the new library under the old functions, as
# well as after it.

use strict;
use warnings;

use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

# Oldest first; a release adds itself.
my @released = ('1.0', '1.1');

my $test = MixpanelTest->new('upgrade');
my $node = $test->node;
my $base_url = $test->simulator->base_url;

# What users build on the extension.
my $objects = <<'SQL';
CREATE ROLE auditor;
GRANT USAGE ON FOREIGN DATA WRAPPER mixpanel_sa_fdw TO auditor;
GRANT USAGE ON FOREIGN SERVER mixpanel TO auditor;
CREATE VIEW mp.expiring AS
	SELECT id, username, expires FROM mp.service_accounts WHERE expires < now();
CREATE FUNCTION mp.queued() RETURNS bigint LANGUAGE sql
	AS 'SELECT count(*) FROM mixpanel_sa_fdw_pending()';
CREATE VIEW mp.load AS SELECT * FROM mixpanel_sa_fdw_stats();
CREATE MATERIALIZED VIEW mp.snapshot AS
	SELECT id, username FROM mp.service_accounts;
-- as the import of 1.0 made them: their names are what they stand for
CREATE SCHEMA early;
CREATE FOREIGN TABLE early.service_accounts (
	id bigint NOT NULL, username text, name text, role text,
	expires timestamptz, created timestamptz, last_used timestamptz,
	creator bigint, creator_name text, creator_email text, user_id bigint,
	organization_id bigint, projects jsonb, secret text, attrs jsonb)
	SERVER mixpanel;
CREATE FOREIGN TABLE early.project_memberships (
	service_account_id bigint NOT NULL, project_id bigint NOT NULL, role text,
	project_name text, username text, grant_type text,
	has_sensitive_access boolean, organization_id bigint, attrs jsonb)
	SERVER mixpanel;
CREATE TABLE kept (id bigint PRIMARY KEY, username text, secret text);
SQL

# Rows that users write by way of it and keep.
my $write = <<'SQL';
WITH created AS (
	INSERT INTO early.service_accounts (username, role)
		VALUES ('rotated', 'consumer') RETURNING id, username, secret)
INSERT INTO kept SELECT * FROM created;
INSERT INTO early.project_memberships (service_account_id, project_id, role)
	SELECT id, 1001, 'analyst' FROM kept;
SQL

# The role of each account kept, by tables of either kind.
my $read = <<'SQL';
SELECT k.username, k.secret IS NOT NULL, e.role, m.role
FROM kept k
	JOIN early.project_memberships e ON e.service_account_id = k.id
	LEFT JOIN mp.project_memberships m ON m.service_account_id = k.id
SQL

my $remove = <<'SQL';
DELETE FROM early.service_accounts WHERE id IN (SELECT id FROM kept);
SQL

# One line for each member of the extension: what kind, which, and all that its
# catalog row says, without OIDs and without what was granted to the auditor;
# then its comment.
my %definitions = (
	pg_proc => q{(SELECT pg_get_functiondef(p.oid)
		|| format(' probin %s cost %s rows %s strict %s leakproof %s acl %s',
			probin, procost, prorows, proisstrict, proleakproof, proacl)
		FROM pg_proc p WHERE p.oid = objid)},
	pg_foreign_data_wrapper => q{(SELECT format(
			'handler %s validator %s options %s acl %s',
			fdwhandler::regproc, fdwvalidator::regproc, fdwoptions,
			(SELECT array_agg(a ORDER BY a::text)
			FROM unnest(COALESCE(fdwacl, acldefault('F', fdwowner))) a
			WHERE a::text NOT LIKE 'auditor=%'))
		FROM pg_foreign_data_wrapper f WHERE f.oid = objid)},
	pg_class => q{(SELECT format('kind %s options %s acl %s columns %s view %s',
			relkind, reloptions, relacl,
			(SELECT string_agg(format('%s %s %s %s', attname,
				format_type(atttypid, atttypmod), attnotnull, attacl), ', '
				ORDER BY attnum)
			FROM pg_attribute a WHERE a.attrelid = c.oid AND attnum > 0
				AND NOT attisdropped),
			CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END)
		FROM pg_class c WHERE c.oid = objid)},
);

my $members = 'SELECT classid::regclass::text AS class, '
  . 'i.type || \' \' || i.identity AS member, '
  . 'obj_description(objid, classid::regclass::text) AS comment, CASE '
  . join(' ',
	map { "WHEN classid = '$_'::regclass THEN $definitions{$_}" }
	  sort keys %definitions)
  . ' END AS definition FROM pg_depend, '
  . 'pg_identify_object(classid, objid, objsubid) i '
  . q{WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
	AND refobjid = (SELECT oid FROM pg_extension
		WHERE extname = 'mixpanel_sa_fdw')};

# The catalogs of a database as lines, its version first.
sub catalogs
{
	my ($database) = @_;

	return $node->safe_psql($database,
		'SELECT extversion, extrelocatable, extconfig FROM pg_extension '
		  . "WHERE extname = 'mixpanel_sa_fdw'") . "\n"
	  . $node->safe_psql($database, 'SELECT member, definition, comment '
		  . "FROM ($members) m ORDER BY member");
}

# A kind of object that %definitions does not know would be compared by its
# name alone.
sub unknown_kinds
{
	my ($database) = @_;

	return $node->safe_psql($database,
		    "SELECT DISTINCT class FROM ($members) m "
		  . 'WHERE definition IS NULL');
}

sub make_database
{
	my ($name, $create) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, $create);
	return $name;
}

my $fresh = make_database('fresh', 'CREATE EXTENSION mixpanel_sa_fdw');
my $wanted = catalogs($fresh);
my $default = $node->safe_psql('postgres',
	'SELECT default_version FROM pg_available_extensions '
	  . "WHERE name = 'mixpanel_sa_fdw'");

is(unknown_kinds($fresh), '', 'each kind of object is compared');
like($wanted, qr/^\Q$default\E\|t\|$/m, 'a fresh install is of the default version');
like($wanted, qr/^foreign-data wrapper mixpanel_sa_fdw\|handler mixpanel_sa_fdw_handler/m,
	'and the wrapper is a member of it');
ok((grep { $_ eq $default } @released), 'the default version is released');

foreach my $version (@released)
{
	(my $name = "from_$version") =~ tr/./_/;
	my $database = make_database($name,
		MixpanelTest::set_up_statements($base_url)
		  =~ s/(CREATE EXTENSION mixpanel_sa_fdw)/$1 VERSION '$version'/r);

	$node->safe_psql($database, $objects);
	$node->safe_psql($database, $_) foreach split /(?<=;)\n(?=INSERT)/, $write;
	is($node->safe_psql($database, $read),
		'rotated|t|analyst|analyst',
		"$version: rows are written and read before the update");
	$node->safe_psql($database, 'ALTER EXTENSION mixpanel_sa_fdw UPDATE');
	is(unknown_kinds($database), '', "$version: each kind is compared");
	is(catalogs($database), $wanted,
		"$version: updated, its catalogs are those of a fresh install");

	is( $node->safe_psql($database,
			    'SELECT count(*) > 0, (SELECT mp.queued()), '
			  . '(SELECT count(*) FROM mp.load) FROM mp.expiring'),
		't|0|1',
		"$version: views and functions on it go on");
	is( $node->safe_psql($database,
			    'REFRESH MATERIALIZED VIEW mp.snapshot; '
			  . 'SELECT count(*) FROM mp.snapshot'),
		'11',
		"$version: and foreign tables");
	is($node->safe_psql($database, $read),
		'rotated|t|analyst|analyst',
		"$version: and the rows written before");
	$node->safe_psql($database, $remove);
	is( $node->safe_psql($database,
			"SELECT count(*) FROM mp.service_accounts WHERE username = 'rotated'"),
		'0',
		"$version: and can be removed");
	is( $node->safe_psql($database,
			    'SELECT has_foreign_data_wrapper_privilege('
			  . q{'auditor', 'mixpanel_sa_fdw', 'USAGE')}),
		't',
		"$version: and rights are kept");
	$node->safe_psql($database, 'DROP OWNED BY auditor; DROP ROLE auditor');
}

# Each thing that an update script could forget or get wrong is seen.
my %mistakes = (
	'a function missing' =>
	  'ALTER EXTENSION mixpanel_sa_fdw DROP FUNCTION mixpanel_sa_fdw_version()',
	'a function too many' => 'CREATE FUNCTION mixpanel_sa_fdw_other() '
	  . "RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER EXTENSION "
	  . 'mixpanel_sa_fdw ADD FUNCTION mixpanel_sa_fdw_other()',
	'volatility' => 'ALTER FUNCTION mixpanel_sa_fdw_pending() STABLE',
	'parallel safety' =>
	  'ALTER FUNCTION mixpanel_sa_fdw_version() PARALLEL UNSAFE',
	'strictness' =>
	  'ALTER FUNCTION mixpanel_sa_fdw_check(name) CALLED ON NULL INPUT',
	'rows' => 'ALTER FUNCTION mixpanel_sa_fdw_stats() ROWS 7',
	'rights' => 'REVOKE EXECUTE ON FUNCTION mixpanel_sa_fdw_stats_reset() '
	  . 'FROM PUBLIC',
	'a comment' => 'COMMENT ON FUNCTION mixpanel_sa_fdw_stats() IS NULL',
	'the wrapper\'s validator' =>
	  'ALTER FOREIGN DATA WRAPPER mixpanel_sa_fdw NO VALIDATOR',
);

foreach my $mistake (sort keys %mistakes)
{
	$node->safe_psql($fresh, $mistakes{$mistake});
	isnt(catalogs($fresh), $wanted, "a difference is seen: $mistake");
	$node->safe_psql($fresh,
		    'DROP EXTENSION mixpanel_sa_fdw; '
		  . 'DROP FUNCTION IF EXISTS mixpanel_sa_fdw_version(); '
		  . 'CREATE EXTENSION mixpanel_sa_fdw');
}
is(catalogs($fresh), $wanted, 'a fresh install after all that has none');

$test->stop;
done_testing();
