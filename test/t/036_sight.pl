# What a statement sees of its transaction's changes: the same scripts on the
# foreign tables and on ordinary ones print the same.

use strict;
use warnings;

use MixpanelTest;
use MixpanelTransaction qw(requests);
use PostgreSQL::Test::Utils;
use Test::More;

my %seed = (accounts => 6, projects => 4, memberships_per_account => 2);
my $test = MixpanelTest->new('sight', verify => 0, %seed);
my $simulator = $test->simulator;

$test->rows(<<'SQL');
CREATE SCHEMA api;
CREATE FOREIGN TABLE api.accounts (id bigint, username text, role text,
	secret text) SERVER mixpanel OPTIONS (object 'service_accounts');
CREATE FOREIGN TABLE api.members (
	account bigint OPTIONS (field 'service_account_id'),
	project bigint OPTIONS (field 'project_id'), role text)
	SERVER mixpanel OPTIONS (object 'project_memberships');
CREATE SCHEMA plain;
CREATE TABLE plain.accounts (id bigint PRIMARY KEY, username text, role text);
CREATE TABLE plain.members (account bigint REFERENCES plain.accounts
	ON DELETE CASCADE, project bigint NOT NULL, role text);
CREATE TABLE said (at serial, what text);

CREATE FUNCTION rows_now() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
	BEGIN RETURN (SELECT string_agg(m::text, ' ' ORDER BY m::text COLLATE "C")
		FROM members m WHERE account = 3); END $$;
CREATE FUNCTION rows_then() RETURNS text LANGUAGE plpgsql STABLE AS $$
	BEGIN RETURN (SELECT string_agg(m::text, ' ' ORDER BY m::text COLLATE "C")
		FROM members m WHERE account = 3); END $$;
CREATE FUNCTION add(a bigint, p bigint, r text) RETURNS text LANGUAGE plpgsql
AS $$ BEGIN INSERT INTO members (account, project, role) VALUES (a, p, r);
	RETURN rows_now(); END $$;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN INSERT INTO said (what) SELECT concat_ws(' ', TG_WHEN, TG_OP, OLD, NEW,
		'of', count(*), rows_now()) FROM members;
	RETURN coalesce(NEW, OLD); END $$;
SQL

# Scripts; each is run in a transaction that it ends itself.
my @scripts = (
	'a statement does not see its own changes' => <<'SQL',
BEGIN;
INSERT INTO members (account, project, role)
	SELECT account, 1004, 'x' || count(*) OVER () FROM members WHERE project = 1003 AND account <> 3;
INSERT INTO members (account, project, role)
	SELECT account, project + 10, role FROM members WHERE role LIKE 'x%';
SELECT * FROM members ORDER BY 1, 2;
UPDATE members SET role = role || (SELECT count(*) FROM members WHERE role = 'x2')
	WHERE role LIKE 'x%';
DELETE FROM members WHERE project IN (SELECT project FROM members WHERE role LIKE 'x%');
SELECT * FROM members ORDER BY 1, 2;
ROLLBACK;
SQL
	'CTEs that modify' => <<'SQL',
BEGIN;
WITH gone AS (DELETE FROM members WHERE account = 3 RETURNING *),
	new AS (INSERT INTO members (account, project, role)
		SELECT account, 1001, role FROM gone WHERE role = 'consumer' RETURNING *)
SELECT (SELECT count(*) FROM members), (SELECT count(*) FROM gone),
	(SELECT count(*) FROM new);
SELECT * FROM members ORDER BY 1, 2;
WITH one AS (UPDATE members SET role = 'u' WHERE account = 4 RETURNING account)
DELETE FROM members WHERE account = 4;
SELECT * FROM members ORDER BY 1, 2;
WITH one AS (DELETE FROM members WHERE account = 5)
UPDATE members SET role = 'u' WHERE account = 5;
SELECT * FROM members ORDER BY 1, 2;
WITH a AS (DELETE FROM accounts WHERE id = 6 RETURNING id)
SELECT count(*), (SELECT count(*) FROM members) FROM accounts, a;
SELECT count(*), (SELECT count(*) FROM members) FROM accounts;
COMMIT;
SQL
	'a join that finds a row twice' => <<'SQL',
BEGIN;
DELETE FROM members m USING generate_series(1, 3) WHERE account = 3;
\echo :ROW_COUNT
UPDATE members SET role = 'y' FROM generate_series(1, 3) WHERE account = 4;
\echo :ROW_COUNT
DELETE FROM accounts USING generate_series(1, 3) WHERE id = 5;
\echo :ROW_COUNT
DELETE FROM accounts WHERE id = 5;
\echo :ROW_COUNT
SELECT * FROM members ORDER BY 1, 2;
COMMIT;
SQL
	'cursors keep what they saw' => <<'SQL',
BEGIN;
DECLARE early CURSOR FOR SELECT * FROM members ORDER BY 1, 2;
DECLARE started SCROLL CURSOR FOR SELECT * FROM members ORDER BY 1, 2;
DECLARE plain_scan CURSOR FOR SELECT * FROM members WHERE account = 3;
FETCH 1 FROM plain_scan;
FETCH 2 FROM started;
DELETE FROM members WHERE account = 3;
DECLARE middle CURSOR FOR SELECT * FROM members ORDER BY 1, 2;
UPDATE members SET role = 'z' WHERE account = 4;
INSERT INTO members (account, project, role) VALUES (3, 1001, 'new');
SAVEPOINT a;
DELETE FROM members;
DELETE FROM accounts WHERE id = 2;
DECLARE late CURSOR FOR SELECT * FROM members ORDER BY 1, 2;
FETCH ALL FROM late;
FETCH 2 FROM middle;
ROLLBACK TO a;
INSERT INTO members (account, project, role) VALUES (2, 1001, 'newer');
FETCH ALL FROM early;
FETCH ALL FROM started;
MOVE BACKWARD ALL FROM started;
FETCH ALL FROM started;
FETCH ALL FROM middle;
FETCH ALL FROM plain_scan;
SELECT * FROM members ORDER BY 1, 2;
COMMIT;
SQL
	'cursors WITH HOLD' => <<'SQL',
BEGIN;
DECLARE early CURSOR WITH HOLD FOR SELECT * FROM members ORDER BY 1, 2;
DECLARE started CURSOR WITH HOLD FOR SELECT * FROM members ORDER BY 1, 2;
FETCH 1 FROM started;
DELETE FROM members WHERE account IN (3, 4);
INSERT INTO members (account, project, role) VALUES (3, 1001, 'held');
DECLARE late CURSOR WITH HOLD FOR SELECT * FROM members ORDER BY 1, 2;
DECLARE few CURSOR WITH HOLD FOR SELECT account, count(*) FROM members GROUP BY 1 ORDER BY 1;
DELETE FROM accounts WHERE id = 5;
COMMIT;
FETCH ALL FROM early;
FETCH ALL FROM started;
FETCH ALL FROM late;
BEGIN;
DELETE FROM members;
FETCH 2 FROM few;
ROLLBACK;
FETCH ALL FROM few;
CLOSE ALL;
SQL
	'functions called by the statement' => <<'SQL',
BEGIN;
SELECT add(3, 1001 + i, 'f' || i), rows_then() FROM generate_series(4, 6) i;
SELECT rows_now() = rows_then();
INSERT INTO members (account, project, role)
	SELECT 3, 2000 + i, 'g' FROM generate_series(1, 2) i
	RETURNING project, rows_then(), rows_now();
DELETE FROM members WHERE account = 3 AND role = 'g'
	RETURNING project, rows_then(), rows_now();
UPDATE members SET role = 'h' WHERE account = 3 RETURNING role, rows_then();
SELECT account, project, (SELECT add(4, 3000 + project, 'loop') IS NULL)
	FROM members WHERE account = 4 ORDER BY project;
SELECT * FROM members ORDER BY 1, 2;
ROLLBACK;
SQL
	'triggers that read the table' => <<'SQL',
CREATE TRIGGER after AFTER INSERT OR UPDATE OR DELETE ON members
	FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER before BEFORE INSERT OR UPDATE OR DELETE ON members
	FOR EACH ROW EXECUTE FUNCTION note();
BEGIN;
INSERT INTO members (account, project, role) VALUES (3, 1001, 'a'), (3, 1002, 'b');
SAVEPOINT s;
UPDATE members SET role = 'c' WHERE account = 3 AND project = 1001;
DELETE FROM members WHERE account = 3 AND project = 1002;
SELECT what FROM said ORDER BY at;
ROLLBACK TO s;
DELETE FROM members WHERE account = 2 AND project = 1002;
SELECT what FROM said ORDER BY at;
SELECT * FROM members ORDER BY 1, 2;
COMMIT;
SQL
	'savepoints in nests' => <<'SQL',
BEGIN;
DELETE FROM members WHERE project = 1001;
SAVEPOINT a;
INSERT INTO members (account, project, role) VALUES (2, 1001, 'a');
SAVEPOINT b;
UPDATE members SET role = 'b' WHERE account = 2;
SAVEPOINT c;
DELETE FROM accounts WHERE id IN (2, 3);
SELECT count(*), (SELECT count(*) FROM accounts) FROM members;
RELEASE c;
SELECT count(*), (SELECT count(*) FROM accounts) FROM members;
ROLLBACK TO b;
SELECT * FROM members ORDER BY 1, 2;
SAVEPOINT c;
DELETE FROM members WHERE account = 2;
RELEASE b;
SELECT * FROM members ORDER BY 1, 2;
DO $$ BEGIN
	FOR i IN 1 .. 6 LOOP
		BEGIN
			UPDATE members SET role = 'loop ' || i WHERE account = 4;
			BEGIN
				DELETE FROM members WHERE account = i;
				IF i % 2 = 0 THEN PERFORM 1 / 0; END IF;
			EXCEPTION WHEN division_by_zero THEN NULL;
			END;
			IF i = 5 THEN RAISE no_data_found; END IF;
		EXCEPTION WHEN no_data_found THEN NULL;
		END;
	END LOOP;
END $$;
SELECT * FROM members ORDER BY 1, 2;
SAVEPOINT d;
SELECT 1 / 0;
ROLLBACK TO a;
SELECT * FROM members ORDER BY 1, 2;
SAVEPOINT a;
DELETE FROM members WHERE project = 1004;
ROLLBACK TO a;
RELEASE a;
ROLLBACK TO a;
UPDATE members SET role = 'end' WHERE account = 6;
COMMIT;
SQL
	'COPY' => <<'SQL',
BEGIN;
INSERT INTO members (account, project, role) VALUES (3, 1001, 'before');
DECLARE early CURSOR FOR SELECT * FROM members ORDER BY 1, 2;
SAVEPOINT a;
COPY members (account, project, role) FROM PROGRAM 'printf "5,1004,copy\n5,1003,copy\n"' (FORMAT csv);
FETCH ALL FROM early;
SELECT * FROM members ORDER BY 1, 2;
UPDATE members SET role = 'after' WHERE role IN ('copy', 'before');
SELECT * FROM members ORDER BY 1, 2;
ROLLBACK TO a;
SELECT * FROM members ORDER BY 1, 2;
COPY members (account, project, role) FROM PROGRAM 'printf "6,1001,copy\n"' (FORMAT csv);
SELECT * FROM members ORDER BY 1, 2;
COMMIT;
SQL
	'deferred triggers, which run at COMMIT' => <<'SQL',
CREATE TABLE asked (account bigint, project bigint);
CREATE FUNCTION grant_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO members (account, project, role) VALUES (NEW.account, NEW.project, 'asked');
	DELETE FROM members WHERE account = NEW.account AND role <> 'asked';
	RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON asked INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION grant_it();
BEGIN;
INSERT INTO asked VALUES (3, 1001), (3, 1002);
SELECT * FROM members ORDER BY 1, 2;
COMMIT;
SELECT * FROM members ORDER BY 1, 2;
BEGIN;
INSERT INTO asked VALUES (4, 1003), (5, NULL);
COMMIT;
DROP TABLE asked;
DROP FUNCTION grant_it;
SQL
	'procedures that commit in a loop' => <<'SQL',
DO $$ DECLARE m record; BEGIN
	FOR m IN SELECT * FROM members WHERE account > 1 ORDER BY 1, 2 LOOP
		UPDATE members SET role = m.role || '+' WHERE account = m.account AND project = m.project;
		IF m.project = 1002 THEN ROLLBACK; ELSE COMMIT; END IF;
	END LOOP;
END $$;
SELECT * FROM members ORDER BY 1, 2;
SQL
	'joins, groups, and the two ways to read' => <<'SQL',
BEGIN;
DELETE FROM accounts WHERE id = 3;
UPDATE members SET role = 'admin' WHERE project = 1003;
INSERT INTO members (account, project, role) VALUES (2, 1001, 'admin'), (6, 1004, 'q');
SELECT a.id, m.project, m.role FROM accounts a LEFT JOIN members m ON m.account = a.id ORDER BY 1, 2;
SELECT project, role, count(*) FROM members GROUP BY 1, 2 ORDER BY 1, 2;
SELECT account, role FROM members WHERE project = 1003 ORDER BY 1;
SELECT account, role FROM members WHERE project = ANY ('{1001,1004}') AND role = 'admin' ORDER BY 1;
SELECT project, role FROM members WHERE account = 2 ORDER BY 1;
SELECT * FROM members WHERE account = 3 OR account = 2 ORDER BY 1, 2;
SELECT * FROM members WHERE account = 3 AND project = 1003;
SELECT * FROM members WHERE account = 2 AND project = 1001;
SELECT id FROM accounts WHERE id IN (2, 3, 4) ORDER BY 1;
SELECT id FROM accounts WHERE id = 3;
SELECT EXISTS (SELECT FROM members WHERE account = 3), count(*) FROM accounts;
SELECT count(*) FROM accounts a WHERE EXISTS (SELECT FROM members m WHERE m.account = a.id AND m.role = 'admin');
SELECT * FROM members WHERE account = 2 LIMIT 0;
COMMIT;
SQL
);

sub start_over
{
	$test->start_over(%seed);
	$test->rows(<<'SQL');
DROP TRIGGER IF EXISTS after ON api.members;
DROP TRIGGER IF EXISTS before ON api.members;
DROP TRIGGER IF EXISTS after ON plain.members;
DROP TRIGGER IF EXISTS before ON plain.members;
TRUNCATE plain.accounts CASCADE;
INSERT INTO plain.accounts SELECT id, username, role FROM api.accounts;
INSERT INTO plain.members SELECT * FROM api.members;
SQL
	return;
}

sub run_script
{
	my ($schema, $sql) = @_;

	$test->rows("TRUNCATE said RESTART IDENTITY; SET search_path = $schema, public");
	my $result = $test->run($sql);
	$test->rows('RESET search_path');
	return ($result->{rows}, [ $result->{raw} =~ /^ERROR:  (\w{5})/mg ]);
}

while (my ($name, $sql) = splice @scripts, 0, 2)
{
	start_over();
	my ($seen, $errors) = run_script('api', $sql);
	my ($wanted, $wanted_errors) = run_script('plain', $sql);

	is($seen, $wanted, $name);
	is_deeply($errors, $wanted_errors, "$name: errors");
	isnt($seen, '', "$name: something is seen");
	is(join(', ', $simulator->memberships),
		$test->rows("SELECT string_agg(concat_ws(' ', account, project, role), "
			  . "', ' ORDER BY account, project) FROM plain.members"),
		"$name: in the end");
}

subtest 'a new account is not seen too early' => sub {
	start_over();
	my $create = q(INSERT INTO api.accounts (username) VALUES ('new'));
	my $count = 'SELECT count(*) FROM api.accounts';

	is($test->rows("WITH new AS ($create RETURNING id, secret) "
			  . "SELECT id, ($count) FROM new"), '7|6', 'by the statement itself');
	is($test->rows($count), '7', 'but by the next');
	is($test->rows("BEGIN; DECLARE c CURSOR FOR $count;"
			  . "$create RETURNING id, secret IS NULL; FETCH c; $count; ROLLBACK"),
		"8|f\n7\n8", 'by a cursor that was opened before it');
	is($test->rows($count), '7', 'nor after ROLLBACK');
};

subtest 'max_deletes' => sub {
	my $delete = 'DELETE FROM api.accounts WHERE id = ';
	my $limit = qr/^transaction would delete more than 2 service accounts$/;

	start_over();
	$test->rows('SET mixpanel_sa_fdw.max_deletes = 2');
	$simulator->clear_log;
	MixpanelTest::error_is($test->run('DELETE FROM api.accounts WHERE id > 3'),
		'54000', 'one statement', message => $limit);
	is($test->rows("BEGIN; $delete 2; SAVEPOINT a; $delete 3; SAVEPOINT b;"
			  . "$delete 3; SELECT count(*) FROM mixpanel_sa_fdw_pending()"),
		'2', 'up to the limit; a repetition does not count');
	MixpanelTest::error_is($test->run("$delete 4"), '54000', 'beyond',
		message => $limit);
	$test->rows("ROLLBACK TO a; $delete 4");
	MixpanelTest::error_is($test->run("$delete 5"), '54000', 'beyond, again');
	is($test->count_of('DELETE'), 0, 'nothing was sent');
	$test->rows('ROLLBACK TO a; COMMIT');
	is_deeply([ map { $_->{id} } @{ $simulator->state->{accounts} } ],
		[ 1, 3 .. 6 ], 'what was within the limit');
	$test->rows('SET mixpanel_sa_fdw.max_deletes = 0');
	MixpanelTest::error_is($test->run("$delete 5"), '54000', 'none at all');
	is($test->run("BEGIN; INSERT INTO api.accounts (username) VALUES ('x') "
			  . 'RETURNING length(secret); ROLLBACK')->{code},
		'', 'undoing a create is no deletion');
};

# Functions of another role change the same memberships with that role's
# credentials.
subtest 'two users' => sub {
	start_over();
	$test->rows(<<'SQL');
CREATE ROLE other;
CREATE USER MAPPING FOR other SERVER mixpanel OPTIONS (username 'bot-4', secret 'secret-4');
GRANT USAGE ON SCHEMA api TO other;
GRANT ALL ON ALL TABLES IN SCHEMA api TO other;
CREATE FUNCTION other_adds(a bigint, p bigint, r text) RETURNS void
	LANGUAGE sql SECURITY DEFINER AS
	'INSERT INTO api.members (account, project, role) VALUES (a, p, r)';
CREATE FUNCTION other_removes(a bigint, p bigint) RETURNS void
	LANGUAGE sql SECURITY DEFINER AS
	'DELETE FROM api.members WHERE account = a AND project = p';
CREATE FUNCTION other_sees(a bigint) RETURNS text
	LANGUAGE sql SECURITY DEFINER AS
	$$SELECT string_agg(project || role, ' ' ORDER BY project) FROM api.members WHERE account = a$$;
ALTER FUNCTION other_adds OWNER TO other;
ALTER FUNCTION other_removes OWNER TO other;
ALTER FUNCTION other_sees OWNER TO other;
SQL
	my $writers = sub {
		return [ map { "$_->{user}: $_->{method} "
				  . MixpanelSimulator::target($_) =~ s!.*/!!r }
			  grep { $_->{method} ne 'GET' } @{ $simulator->log } ];
	};

	$simulator->clear_log;
	is($test->rows("BEGIN; INSERT INTO api.members (account, project, role)
			VALUES (2, 1001, 'mine'), (3, 1001, 'mine');
			SELECT other_sees(2)"),
		'1001mine 1002analyst 1003consumer', 'one sees what the other queued');
	is($test->rows("SELECT other_adds(2, 1001, 'theirs'), other_removes(3, 1001);
			SELECT string_agg(account || role, ' ') FROM api.members WHERE project = 1001
			AND account IN (2, 3)"),
		"|\n2theirs", 'and changes it');
	is($test->rows('SELECT change, service_account_id, project_id, role '
			  . 'FROM mixpanel_sa_fdw_pending()'),
		"add membership|2|1001|theirs\nremove membership|3|1001|",
		'the last change stands');
	$test->rows('COMMIT');
	is_deeply([ sort @{ $writers->() } ],
		[ 'bot-4: POST add-to-project', 'bot-4: POST remove-from-project' ],
		'sent as the one who made it');
	is_deeply([ grep { /^[23] 1001/ } $simulator->memberships ],
		['2 1001 theirs'], 'applied');

	$simulator->clear_log;
	$test->rows("BEGIN; SELECT other_adds(5, 1003, 'theirs');
		UPDATE api.members SET role = 'mine' WHERE account = 5 AND project = 1003;
		INSERT INTO api.members (account, project, role) VALUES (6, 1004, 'mine');
		SELECT other_removes(6, 1002);
		SAVEPOINT a; SELECT other_removes(5, 1003); ROLLBACK TO a; COMMIT");
	is_deeply([ sort @{ $writers->() } ],
		[
			'admin-bot.mp-service-account: POST add-to-project',
			'admin-bot.mp-service-account: POST add-to-project',
			'bot-4: POST remove-from-project'
		],
		'each change as its maker');
	is_deeply([ grep { /^5 1003|^6 100[24]/ } $simulator->memberships ],
		[ '5 1003 mine', '6 1004 mine' ], 'applied');
};

subtest 'accounts that were created and that the API does not show yet' => sub {
	$test->start_over(%seed);
	my $list = $simulator->api('GET', '/organizations/123/service-accounts');
	my $all = 'SELECT string_agg(id::text, \' \' ORDER BY id) FROM api.accounts';

	# what was there before is all that the API shows
	$simulator->fault(
		method => 'GET',
		path => '/service-accounts$',
		body => $list->{content},
		content_type => 'application/json',
		count => 0);
	$simulator->fault(
		method => 'GET',
		path => '/service-accounts/[789]$',
		status => 404,
		count => 0);
	$test->rows(<<'SQL');
CREATE FOREIGN TABLE api.whole (id bigint, username text, name text, role text, expires timestamptz,
	created timestamptz, creator bigint, organization_id bigint, projects jsonb, secret text, attrs jsonb)
	SERVER mixpanel OPTIONS (object 'service_accounts');
CREATE FUNCTION created_now() RETURNS text LANGUAGE sql VOLATILE AS
	$$SELECT string_agg(id::text, ' ' ORDER BY id) FROM api.accounts WHERE id > 6$$;
SQL
	$test->rows('BEGIN');
	my $returned = $test->rows(<<'SQL');
INSERT INTO api.whole (username, role, expires) VALUES ('late', 'analyst', '2030-01-01 00:00Z')
	RETURNING secret, id, username, name, role, expires, created, creator, organization_id
SQL
	my ($secret, $rest) = split /\|/, $returned, 2;
	is($test->rows($all), '1 2 3 4 5 6 7', 'a list has it');
	is( $test->rows(
			'SELECT id, username, name, role, expires, created, creator, organization_id FROM api.whole WHERE id = 7'
		),
		$rest,
		'and a lookup, with the same values');
	is( $test->rows(
			q{SELECT secret IS NULL, projects IS NULL, attrs ? 'id', attrs ? 'token', attrs ? 'secret',
			strpos(w::text, '} . $secret . q{') FROM api.whole w WHERE id = 7}),
		't|t|t|f|f|0',
		'less the secret');
	is($test->rows('SELECT id FROM api.accounts WHERE id IN (2, 7, 9) ORDER BY 1'),
		"2\n7", 'among others');
	is($test->rows(q{SELECT id FROM api.accounts WHERE username = 'late'}),
		'7', 'by its name');
	is($test->rows('SELECT id FROM api.accounts WHERE id = 9'), '',
		'and no other');
	is( $test->rows(
			q{INSERT INTO api.accounts (username) SELECT 'two' FROM api.accounts WHERE id = 7
			RETURNING id, secret IS NOT NULL, created_now(), (SELECT count(*) FROM api.accounts)}),
		'8|t|7 8|7',
		'the command itself does not see it, a function that it calls does');
	$test->rows('SAVEPOINT a');
	$test->rows(
		q{INSERT INTO api.accounts (username) VALUES ('three') RETURNING secret});
	is($test->rows($all), '1 2 3 4 5 6 7 8 9', 'under a savepoint');
	$test->rows('ROLLBACK TO a');
	is($test->rows($all), '1 2 3 4 5 6 7 8', 'that is rolled back');
	is($test->rows('DELETE FROM api.accounts WHERE id = 8 RETURNING username'),
		'two', 'one is deleted again');
	is($test->rows($all), '1 2 3 4 5 6 7', 'and is gone');
	$test->rows(
		q{INSERT INTO api.members (account, project, role) VALUES (7, 1001, 'admin')}
	);
	$simulator->clear_faults;
	is($test->rows($all), '1 2 3 4 5 6 7',
		'once where the API shows it at last');
	$simulator->clear_log;
	$test->rows('COMMIT');
	is( join(' ', map { "$_->{method} " . $_->{path} =~ s!.*/!!r }
			  grep { $_->{method} ne 'GET' } @{ $simulator->log }),
		'POST add-to-project DELETE 8',
		'what COMMIT sends');
	is($test->rows($all), '1 2 3 4 5 6 7', 'and after it');
};

$test->stop;
done_testing();
