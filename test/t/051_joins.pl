# Joins give the same rows as joins of ordinary tables with the same rows,
# whatever plan is chosen: the lookup join with one batch and with many, and the
# plans of the server.

use strict;
use warnings;

use MixpanelTest;
use Test::More;

my $test = MixpanelTest->new('joins',
	accounts => 300, projects => 12, memberships_per_account => 3);

# S is the schema of the tables; k holds keys, some of which nobody has.
my @queries = grep { /\S/ } split /\n/, <<'SQL';
select k.n, a.username from jl.k join S.service_accounts a on a.id=k.k
select k.n, a.username from jl.k join S.service_accounts a on a.id=k.k and a.role='admin' where k.g>1
select k.n, a.username from jl.k left join S.service_accounts a on a.id=k.k
select k.n, a.username from jl.k left join S.service_accounts a on a.id=k.k and a.role<>'admin' where a.id is null or a.id%2=0
select k.n, m.role, m.project_id from jl.k join S.project_memberships m on m.service_account_id=k.k
select k.n, m.role, m.project_id from jl.k join S.project_memberships m on m.service_account_id=k.k and m.project_id=k.p
select k.n, m.role, m.service_account_id from jl.k join S.project_memberships m on m.project_id=k.p
select k.n, m.role, m.service_account_id from jl.k left join S.project_memberships m on m.project_id=k.p and m.role='admin' where k.g=3
select m.role, m.service_account_id from S.project_memberships m where m.service_account_id in (select k from jl.k where g=2)
select m.role, m.service_account_id from S.project_memberships m where m.project_id in (select p from jl.k where g=2)
select m.role, m.service_account_id from S.project_memberships m where m.project_id not in (select p from jl.k where g=2 and p is not null)
select k.* from jl.k where exists (select 1 from S.project_memberships m where m.service_account_id=k.k and m.role='admin')
select k.* from jl.k where not exists (select 1 from S.project_memberships m where m.service_account_id=k.k and m.role='admin')
select k.* from jl.k where not exists (select 1 from S.project_memberships m where m.service_account_id=k.k and m.project_id=k.p)
select a.id, a.username, m.project_id from S.service_accounts a join S.project_memberships m on m.service_account_id=a.id where a.expires<now()
select a.id, a.username, m.project_id from S.service_accounts a left join S.project_memberships m on m.service_account_id=a.id and m.role='admin' where a.id%3=0
select a.id from S.service_accounts a where exists (select 1 from S.project_memberships m where m.service_account_id=a.id and m.role='analyst')
select a.id, count(m.project_id), max(m.role) from S.service_accounts a left join S.project_memberships m on m.service_account_id=a.id where a.role='admin' group by a.id
select k.n, a.username, m.project_id, k2.n from jl.k join S.service_accounts a on a.id=k.k join S.project_memberships m on m.service_account_id=a.id left join jl.k k2 on k2.p=m.project_id and k2.g=1 where k.g<2
select k.n, x.c from jl.k left join lateral (select count(*) c from S.project_memberships m where m.service_account_id=k.k) x on true
select k.n, x.c from jl.k, lateral (select count(*) c from jl.k k2 join S.project_memberships m on m.service_account_id=k2.k where k2.n=k.n and k2.g<3) x where k.g=2 and k.p<1004
select k.n, x.c from jl.k, lateral (select max(a.username) c from jl.k k2 left join S.service_accounts a on a.id=k2.k and a.id<>k.k where k2.p=k.p and k2.g=1) x where k.g=3 and k.p<1006
select k.n, a.username from jl.k left join (select * from S.service_accounts where null::int <> 1) a on a.id=k.k
select k.n from jl.k where not exists (select 1 from S.project_memberships m where m.service_account_id=k.k and null::int <> 1)
select k.n, coalesce(m.role,'-'), coalesce(a.username,'?') from jl.k left join (S.project_memberships m join S.service_accounts a on a.id=m.service_account_id) on m.service_account_id=k.k where k.g=4
select k.n from jl.k where k.k = any (select service_account_id from S.project_memberships where role='admin') and k.g in (1,2)
select k.n, (select max(role) from S.project_memberships m where m.service_account_id=k.k) from jl.k where g=0
select k.n, m.role from jl.k right join S.project_memberships m on m.service_account_id=k.k where m.project_id=1003
select k.n, m.role from jl.k full join S.project_memberships m on m.service_account_id=k.k where m.project_id=1003 or k.g=1
select a.id, b.id from S.service_accounts a join S.service_accounts b on b.id=a.id+1 where a.id<20
select k.n, a.username from (select distinct k, n from jl.k) k join S.service_accounts a on a.id=k.k order by 1,2 limit 7
select k.n, m.role from jl.k join S.project_memberships m on m.service_account_id=k.k or m.project_id=k.p where k.g=2
SQL

$test->rows(<<'SQL');
CREATE SCHEMA jl;
CREATE TABLE jl.service_accounts AS SELECT * FROM mp.service_accounts;
CREATE TABLE jl.project_memberships AS SELECT * FROM mp.project_memberships;
CREATE TABLE jl.k AS
  SELECT (i * 7) % 350 AS k, i % 5 AS g, 'n' || (i % 40) AS n,
    CASE WHEN i % 9 = 0 THEN NULL ELSE 1001 + (i % 14) END AS p
  FROM generate_series(1, 120) i;
INSERT INTO jl.k VALUES (NULL, 1, 'x', 1001), (-5, 2, 'y', 1002),
  (0, 2, 'z', 1003);
ANALYZE jl.k;
SQL

sub rows_of
{
	my ($query, $schema) = @_;

	$query =~ s/\bS\./$schema./g;
	return $test->rows("SELECT count(*), "
		  . "md5(string_agg(t::text, ',' ORDER BY t::text)) FROM ($query) t");
}

# Returns how many of the plans hold a lookup join.
sub compare
{
	my ($name) = @_;
	my $lookups = 0;

	foreach my $query (@queries)
	{
		my $plan = $test->rows('EXPLAIN (COSTS OFF) ' . $query =~ s/\bS\./mp./gr);

		is(rows_of($query, 'mp'), rows_of($query, 'jl'), "$name: $query");
		$lookups++ if $plan =~ /MixpanelLookupJoin/;
	}
	return $lookups;
}

cmp_ok(compare('one batch'), '>=', 15, 'many of them are lookup joins');

$test->rows("SET work_mem = '64kB'");
compare('little memory');
$test->rows('RESET work_mem');

$test->rows("SET enable_$_ = off") foreach qw(hashjoin mergejoin nestloop);
cmp_ok(compare('nothing else'), '>=', 20, 'most can be lookup joins');
$test->rows("RESET enable_$_") foreach qw(hashjoin mergejoin nestloop);

# A row that another session has changed meanwhile is checked again, with what
# stands below a sub-select of the condition.
subtest 'a row is checked again' => sub {
	my $others = $test->connect;
	my $update = 'UPDATE jl.target SET v = v + 100 WHERE id NOT IN '
	  . '(SELECT m.service_account_id FROM jl.k '
	  . 'JOIN mp.project_memberships m ON m.service_account_id = k.k)';

	$test->rows('CREATE TABLE jl.target AS SELECT 7000 AS id, 1 AS v');
	like($test->rows("EXPLAIN $update"),
		qr/MixpanelLookupJoin/, 'the sub-select is a lookup join');
	$others->rows('BEGIN; UPDATE jl.target SET id = 7');
	$test->session->begin($update);
	ok( MixpanelTest::wait_until(
			sub {
				return $others->rows('SELECT count(*) FROM pg_stat_activity '
					  . "WHERE wait_event_type = 'Lock'") == 1;
			}),
		'it waits for the row');
	$others->rows('COMMIT');
	is(MixpanelTest::describe($test->session->end),
		'no error', 'it goes on');
	is($test->rows('SELECT id, v FROM jl.target'),
		'7|1', 'the row no longer meets the condition');
	$others->quit;
};

# Outer rows of a semi-join that are made unique first: by more columns than
# the join compares, and more rows than a batch holds; a key of a domain, with
# values that do not fit into smallint.
subtest 'what a lookup join presupposes' => sub {
	my %pairs = (
		'a join on a part of the columns' =>
		  'SELECT count(*) FROM jl.event e, S.project_memberships m '
		  . 'WHERE (e.team, m.service_account_id) IN '
		  . '(SELECT team, sid FROM jl.want)',
		'more duplicates than a batch holds' =>
		  'SELECT count(*) FROM S.project_memberships m '
		  . 'WHERE service_account_id IN (SELECT sid FROM jl.hist)',
		'a domain, joined' =>
		  'SELECT count(*) FROM jl.hist h JOIN S.dom d ON d.sid = h.sid + 70000',
		'a domain, anti-joined' => 'SELECT count(*) FROM jl.hist h '
		  . 'WHERE NOT EXISTS (SELECT FROM S.dom d WHERE d.sid = h.sid + 70000)',
		'a domain on both sides' => 'SELECT count(*) FROM jl.domains k '
		  . 'LEFT JOIN S.dom d ON d.sid = k.sid WHERE d.role IS NULL',
		'domains, compared with a list' => 'SELECT count(*) FROM S.dom '
		  . 'WHERE sid = ANY (ARRAY(SELECT sid FROM jl.domains))',
	);

	$test->simulator->reset(accounts => 40, first_account_id => 70_001);
	$test->rows(<<'SQL');
CREATE DOMAIN jl.big AS bigint;
CREATE DOMAIN jl.positive AS jl.big CHECK (VALUE > 0);
CREATE FOREIGN TABLE mp.dom (sid jl.positive OPTIONS (field 'service_account_id'),
	role text) SERVER mixpanel OPTIONS (object 'project_memberships');
DROP TABLE jl.project_memberships;
CREATE TABLE jl.project_memberships AS SELECT * FROM mp.project_memberships;
CREATE TABLE jl.dom AS SELECT * FROM mp.dom;
CREATE TABLE jl.event AS SELECT i % 4 AS team FROM generate_series(1, 90) i;
CREATE TABLE jl.want AS SELECT i % 4 AS team, 70001 + i % 20 AS sid
  FROM generate_series(1, 60) i;
CREATE TABLE jl.hist AS SELECT i % 30 AS sid FROM generate_series(1, 5000) i;
CREATE TABLE jl.domains AS SELECT (70000 + i % 60)::jl.positive AS sid
  FROM generate_series(1, 100) i;
SET work_mem = '64kB';
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_nestloop = off;
SQL
	foreach my $name (sort keys %pairs)
	{
		my $query = $pairs{$name};

		is(rows_of($query, 'mp'), rows_of($query, 'jl'), $name);
		like(
			$test->rows('EXPLAIN ' . $query =~ s/\bS\./mp./gr),
			qr/MixpanelLookupJoin/,
			"$name: by a lookup join") if $name !~ /list/;
	}
};

$test->stop;
done_testing();
