# Random transactions.  The same changes are made to the foreign tables and to
# ordinary ones: what a transaction sees, and what the API has after each
# COMMIT and each ROLLBACK, is what the ordinary tables say.

use strict;
use warnings;

use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

use constant TRANSACTIONS => 600;    # of each style
use constant SEED => 20260115;
use constant PROJECTS => 4;

my %seed = (accounts => 6, projects => PROJECTS, memberships_per_account => 2);
my @roles = qw(admin analyst consumer owner custom);

# Errors that the transactions provoke.
my %provoked = map { $_ => 1 } qw(22012 23505 25P02 34000 3B001);

my $test = MixpanelTest->new('random', %seed);
my %seen;

$test->rows(<<'SQL');
CREATE TABLE once (i int UNIQUE DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE accounts (id bigint PRIMARY KEY, username text, role text);
CREATE TABLE members (account bigint, project bigint, role text,
	PRIMARY KEY (account, project));

-- one of the accounts, without the one that logs in
CREATE FUNCTION pick(number int) RETURNS bigint STABLE LANGUAGE sql AS $$
	SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place,
		count(*) OVER () AS size FROM accounts WHERE id > 1) AS a
	WHERE place = number % size
$$;
SQL

sub chance { return rand() < $_[0]; }
sub any { return $_[ int rand @_ ]; }
sub project { return 1001 + int rand PROJECTS; }
sub account { return 'pick(' . int(rand 30) . ')'; }
sub role { return "'" . any(@roles) . "'"; }

# ---- changes: the same on both sides ----

# A condition on memberships, {a}, {p} and {r} being account, project and role.
sub condition
{
	my @conditions = (
		'{a} = ' . account() . ' AND {p} = ' . project(),
		'{a} = ' . account(),
		'{p} = ' . project(),
		'{p} = ' . project() . ' AND {r} = ' . role(),
		'{a} IN (' . account() . ', ' . account() . ') AND {p} <> ' . project(),
		'{r} = ' . role());

	return any(@conditions);
}

# A condition in the names of the foreign table, and of the ordinary one.
sub both_sides
{
	my ($condition) = @_;
	my $foreign = $condition =~ s/\{a\}/service_account_id/gr;
	my $model = $condition =~ s/\{a\}/account/gr;

	s/\{p\}/project_id/g, s/\{r\}/role/g foreach $foreign;
	s/\{p\}/project/g, s/\{r\}/role/g foreach $model;
	return ($foreign, $model);
}

sub add
{
	my $rows = chance(0.7)
	  ? 'SELECT ' . join(', ', account(), project(), role())
	  : 'SELECT a.id, p, ' . role() . ' FROM accounts a, generate_series('
	  . join(', ', sort(project(), project())) . ') AS p WHERE a.id % 2 = '
	  . int(rand 2);

	return (
		"INSERT INTO mp.project_memberships "
		  . "(service_account_id, project_id, role) $rows",
		"INSERT INTO members $rows "
		  . 'ON CONFLICT (account, project) DO UPDATE SET role = excluded.role');
}

sub remove
{
	my ($foreign, $model) = both_sides(condition());

	return ("DELETE FROM mp.project_memberships WHERE $foreign",
		"DELETE FROM members WHERE $model");
}

sub change_role
{
	my ($foreign, $model) = both_sides(condition());
	my $role = chance(0.8) ? role() : q(CASE role WHEN 'admin' THEN 'owner'
		ELSE 'admin' END);

	return ("UPDATE mp.project_memberships SET role = $role WHERE $foreign",
		"UPDATE members SET role = $role WHERE $model");
}

# Two changes in one statement, of different rows.
sub change_two
{
	my ($one, $other) = (1001, 1002);
	my ($as, $account) = (role(), account());

	return (
		"WITH gone AS (DELETE FROM mp.project_memberships "
		  . "WHERE project_id = $one AND service_account_id = $account "
		  . "RETURNING service_account_id AS id) "
		  . 'INSERT INTO mp.project_memberships '
		  . "(service_account_id, project_id, role) "
		  . "SELECT id, $other, $as FROM gone",
		"WITH gone AS (DELETE FROM members WHERE project = $one "
		  . "AND account = $account RETURNING account AS id) "
		  . "INSERT INTO members SELECT id, $other, $as FROM gone "
		  . 'ON CONFLICT (account, project) DO UPDATE SET role = excluded.role');
}

# A few always stay.
sub delete_account
{
	my $account = account() . ' AND (SELECT count(*) FROM accounts) > 4';

	return ("DELETE FROM mp.service_accounts WHERE id = $account",
		"DELETE FROM members WHERE account = $account",
		"DELETE FROM accounts WHERE id = $account");
}

sub create_account
{
	my ($role, $project) = (role(), project());
	my $projects = chance(0.3) ? qq('[{"id":$project,"role":"admin"}]') : 'NULL';

	return <<"SQL";
WITH new AS (INSERT INTO mp.service_accounts (username, role, projects)
	VALUES ('made', $role, $projects)
	RETURNING id, username, role, projects, secret),
  account AS (INSERT INTO accounts SELECT id, username, role FROM new)
INSERT INTO members SELECT id, (e ->> 'id')::bigint, e ->> 'role'
FROM new, jsonb_array_elements(projects) AS e
SQL
}

# Both sides as one text: nothing may come between them.
sub change
{
	my $number = rand();

	my @statements =
		$number < 0.06 ? create_account()
	  : $number < 0.14 ? delete_account()
	  : $number < 0.45 ? add()
	  : $number < 0.67 ? remove()
	  : $number < 0.92 ? change_role()
	  : change_two();

	return join ";\n", @statements;
}

# ---- looking ----

# What both sides give for the same question, the foreign one first.
sub question
{
	my $account = account();
	my $project = project();
	my $foreign = 'SELECT service_account_id AS a, project_id AS p, role AS r '
	  . 'FROM mp.project_memberships';
	my $model = 'SELECT account AS a, project AS p, role AS r FROM members';
	my @questions = (
		[ accounts => 'SELECT id, username, role FROM mp.service_accounts',
			'SELECT * FROM accounts' ],
		[ account => "SELECT id, role FROM mp.service_accounts WHERE id = $account",
			"SELECT id, role FROM accounts WHERE id = $account" ],
		[ memberships => $foreign, $model ],
		[ 'account-wise' => "$foreign WHERE service_account_id = $account",
			"$model WHERE account = $account" ],
		[ 'project-wise' => "$foreign WHERE project_id = $project",
			"$model WHERE project = $project" ],
		[ counted => "SELECT p, r, count(*) FROM ($foreign) f GROUP BY p, r",
			"SELECT p, r, count(*) FROM ($model) m GROUP BY p, r" ],
		[ joined => 'SELECT f.*, s.username, s.role FROM mp.service_accounts s '
			  . "JOIN ($foreign) f ON f.a = s.id WHERE s.id <> $account",
			'SELECT m.*, s.username, s.role FROM accounts s '
			  . "JOIN ($model) m ON m.a = s.id WHERE s.id <> $account" ],
		[ lateral => "SELECT s.id, f.* FROM accounts s, LATERAL ($foreign "
			  . "WHERE service_account_id = s.id AND project_id = $project) f",
			"SELECT s.id, m.* FROM accounts s, LATERAL ($model "
			  . "WHERE account = s.id AND project = $project) m" ],
		[ 'counted all' => "SELECT count(*) FROM ($foreign) f",
			"SELECT count(*) FROM ($model) m" ]);

	return @{ any(@questions) };
}

# A statement that prints "same", or what differs.
sub look
{
	my ($kind, $foreign, $model) = question();

	return <<"SQL";
WITH f AS MATERIALIZED ($foreign), m AS MATERIALIZED ($model)
SELECT coalesce('DIFFERS: ' || string_agg(d::text, ' '), 'same $kind')
FROM ((SELECT 'foreign', f.* FROM f EXCEPT ALL SELECT 'foreign', m.* FROM m)
	UNION ALL (SELECT 'model', m.* FROM m EXCEPT ALL SELECT 'model', f.* FROM f)) AS d
SQL
}

# Cursors opened now, and what a later comparison of them takes.
sub open_cursors
{
	my ($number) = @_;
	my ($kind, $foreign, $model) = question();

	return ("DECLARE f$number CURSOR FOR SELECT q::text FROM ($foreign) q "
		  . 'ORDER BY q::text COLLATE "C"',
		"DECLARE m$number CURSOR FOR SELECT q::text FROM ($model) q "
		  . 'ORDER BY q::text COLLATE "C"');
}

sub read_cursors
{
	my ($number) = @_;

	return (
		"\\echo cursor", "FETCH ALL FROM f$number",
		"\\echo other", "FETCH ALL FROM m$number",
		"\\echo end");
}

# ---- transactions ----

# Statements of a part of a transaction; savepoints nest.
sub steps
{
	my ($length, $depth) = @_;
	my @steps;

	foreach (1 .. $length)
	{
		my $number = rand();

		if ($number < 0.5)
		{
			push @steps, change();
		}
		elsif ($number < 0.72)
		{
			push @steps, look();
		}
		elsif ($number < 0.82)
		{
			my $body = join '; ', (map { change() } 1 .. 2),
			  chance(0.5) ? 'PERFORM 1 / 0' : 'PERFORM 1';
			push @steps, "DO \$\$BEGIN BEGIN $body; "
			  . 'EXCEPTION WHEN division_by_zero THEN NULL; END; END$$';
		}
		elsif ($depth < 3)
		{
			my $name = "s$depth";

			push @steps, "SAVEPOINT $name", steps(1 + int rand 3, $depth + 1),
			  chance(0.2) ? 'SELECT 1 / 0' : ();
			push @steps, any("ROLLBACK TO $name", "RELEASE $name",
				"ROLLBACK TO $name; RELEASE $name", 'SELECT 2 WHERE false');
		}
	}
	return @steps;
}

# A whole transaction, as text.
sub transaction
{
	my ($number) = @_;
	my @steps = steps(1 + int rand 6, 0);
	my $cursors = chance(0.25);
	my $end = rand();

	if ($cursors)
	{
		splice @steps, int rand(@steps + 1) / 2, 0, open_cursors($number);
		push @steps, read_cursors($number);
	}
	push @steps, 'INSERT INTO once VALUES (1), (1)' if $end < 0.07;
	push @steps, 'SELECT 1 / 0' if $end > 0.95;
	return join "\n", 'BEGIN;',
	  (map { /^\\/ ? $_ : "$_;" } @steps),
	  $end > 0.75 ? 'ROLLBACK;' : 'COMMIT;', '';
}

# What the ordinary tables say, in one line each.
my $tell = <<'SQL';
SELECT 'accounts: ' || coalesce(string_agg(concat_ws(' ', id, username, role),
	', ' ORDER BY id), '') FROM accounts;
SELECT 'members: ' || coalesce(string_agg(concat_ws(' ', account, project, role),
	', ' ORDER BY account, project), '') FROM members;
SELECT 'pending: ' || count(*) FROM mixpanel_sa_fdw_pending()
SQL

sub api_state
{
	my $state = $test->simulator->state;

	return (
		'accounts: '
		  . join(', ', map { "$_->{id} $_->{username} $_->{role}" }
			  @{ $state->{accounts} }),
		'members: ' . join(', ',
			map { "$_->{service_account_id} $_->{project_id} $_->{role}" }
			  @{ $state->{memberships} }),
		'pending: 0');
}

# What is wrong with the result of a transaction; '' if nothing is.
sub fault_of
{
	my ($result) = @_;
	my @lines = split /\n/, $result->{rows};
	my @told = splice @lines, -3;
	my @state = api_state();

	while ($result->{raw} =~ /^ERROR:  (\w{5}):/mg)
	{
		return "error $1" unless $provoked{$1};
		$seen{"error $1"}++;
	}
	return 'the session is lost' if $result->{lost};
	foreach my $line (@lines)
	{
		return $line if $line =~ /^DIFFERS/;
		$seen{$line}++ if $line =~ /^same/;
	}
	my $rows = join "\n", @lines;
	while ($rows =~ /^cursor\n(.*?)^other\n(.*?)^end$/msg)
	{
		return "cursors differ:\n$1---\n$2" if $1 ne $2;
		$seen{'cursors with rows'}++ if $1 ne '';
	}
	return '' if "@state" eq "@told";
	return join "\n", 'the API has', @state, 'the tables have', @told;
}

sub run_style
{
	my ($style, $read) = @_;
	my $good = 0;

	srand SEED;
	$test->start_over(%seed);
	$test->options(membership_write => $style, membership_read => $read);
	$test->rows('TRUNCATE once, accounts, members;
		INSERT INTO accounts SELECT id, username, role FROM mp.service_accounts;
		INSERT INTO members SELECT service_account_id, project_id, role
		FROM mp.project_memberships');
	foreach my $number (1 .. TRANSACTIONS)
	{
		my $sql = transaction($number);
		my $result = $test->run($sql . $tell);
		my $fault = fault_of($result);

		if ($fault ne '')
		{
			diag("$style, transaction $number: $fault\n$sql\n$result->{raw}");
			last;
		}
		$seen{committed}++ if $sql =~ /COMMIT;\n\z/ && !$result->{code};
		$good++;
		$test->simulator->clear_log if $number % 100 == 0;
	}
	is($good, TRANSACTIONS, "$style: $good transactions");
	return;
}

run_style('bulk', 'auto');
run_style('single', 'project');

# That it was worth the while.
foreach my $kind ('accounts', 'account', 'memberships', 'account-wise',
	'project-wise', 'counted', 'joined', 'lateral', 'counted all')
{
	cmp_ok($seen{"same $kind"} // 0, '>', 50, "looked: $kind");
}
cmp_ok($seen{"error $_"} // 0, '>', 1, "provoked $_") foreach sort keys %provoked;
cmp_ok($seen{'cursors with rows'} // 0, '>', 50, 'cursors');
cmp_ok($seen{committed} // 0, '>', TRANSACTIONS, 'committed');

$test->stop;
done_testing();
