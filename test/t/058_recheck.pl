# A row that somebody else has changed meanwhile is checked again with the rows
# of the foreign tables that it was joined with: the same as with ordinary
# tables, whatever was changed, for UPDATE, DELETE, MERGE and row locks.

use strict;
use warnings;

use MixpanelTest;
use Test::More;

my $test = MixpanelTest->new('recheck', accounts => 6, projects => 3);

# "mp" has the foreign tables, "j" ordinary ones with the same rows.  Each
# statement changes or locks rows of "plain" or of the local partition of "p".
$test->rows(<<'SQL');
CREATE SCHEMA j;
CREATE FOREIGN TABLE mp.members (sid bigint OPTIONS (field 'service_account_id'),
	pid bigint OPTIONS (field 'project_id'), role text,
	account text OPTIONS (field 'username'))
	SERVER mixpanel OPTIONS (object 'project_memberships');
CREATE TABLE mp.p (sid bigint, pid bigint, role text, account text)
	PARTITION BY LIST (pid);
CREATE TABLE mp.p_here PARTITION OF mp.p FOR VALUES IN (1);
CREATE FOREIGN TABLE mp.p_there PARTITION OF mp.p DEFAULT
	SERVER mixpanel OPTIONS (object 'project_memberships');
ALTER FOREIGN TABLE mp.p_there ALTER sid OPTIONS (ADD field 'service_account_id'),
	ALTER pid OPTIONS (ADD field 'project_id'),
	ALTER account OPTIONS (ADD field 'username');
CREATE TABLE j.members AS SELECT sid, pid, role, account || '' AS account
	FROM mp.members;
CREATE TABLE j.service_accounts AS SELECT * FROM mp.service_accounts;
CREATE TABLE j.p (LIKE mp.p) PARTITION BY LIST (pid);
CREATE TABLE j.p_here PARTITION OF j.p FOR VALUES IN (1);
CREATE TABLE j.p_there PARTITION OF j.p DEFAULT;
INSERT INTO j.p_there SELECT * FROM j.members;
CREATE TABLE plain (id bigint PRIMARY KEY, pid bigint, word text, n int);
CREATE TABLE want (id bigint, word text);
INSERT INTO want SELECT i, 'w' || i % 3 FROM generate_series(1, 8) i;
ANALYZE;
SQL

my $reset = <<'SQL';
TRUNCATE plain, mp.p_here, j.p_here;
INSERT INTO plain SELECT i, 1001 + i % 3, 'w' || i % 3, 0 FROM generate_series(1, 8) i;
INSERT INTO mp.p_here VALUES (2, 1, 'here', 'x'), (3, 1, 'here', 'bot-3');
INSERT INTO j.p_here SELECT * FROM mp.p_here;
SQL

# What the other session does to row 2 in the meantime.
my @meanwhile = (
	'UPDATE plain SET n = 10 WHERE id = 2',
	'UPDATE plain SET word = \'w0\' WHERE id = 2',
	'UPDATE plain SET pid = pid + 1 WHERE id = 2',
	'UPDATE plain SET id = 20 WHERE id = 2',
	'DELETE FROM plain WHERE id = 2',
);

my @statements = (
	'UPDATE plain SET word = m.role, n = n + 1 FROM S.members m WHERE m.sid = plain.id AND m.pid = plain.pid RETURNING plain.*, m.*',
	'UPDATE plain SET word = m.account, n = n + 1 FROM S.members m WHERE m.sid = plain.id AND m.pid = 1002 AND plain.word <> \'w0\' RETURNING plain.*, m',
	'UPDATE plain SET word = a.username, n = n + 1 FROM S.service_accounts a LEFT JOIN S.members m ON m.sid = a.id AND m.pid = 1003 WHERE a.id = plain.id AND m.role IS DISTINCT FROM plain.word RETURNING plain.*, m.role',
	'UPDATE plain SET n = n + 1 WHERE EXISTS (SELECT FROM S.members m WHERE m.sid = plain.id AND m.pid = plain.pid) RETURNING *',
	'UPDATE plain SET n = n + 1 WHERE NOT EXISTS (SELECT FROM S.members m WHERE m.sid = plain.id AND m.pid = plain.pid) RETURNING *',
	'UPDATE plain SET n = n + 1 WHERE (id, pid) IN (SELECT sid, pid FROM S.members WHERE role <> \'owner\') RETURNING *',
	'UPDATE plain SET n = n + 1 WHERE id NOT IN (SELECT sid FROM S.members WHERE pid = plain.pid) RETURNING *',
	'UPDATE plain SET word = (SELECT max(role || account) FROM S.members m WHERE m.sid = plain.id), n = n + 1 RETURNING *',
	'UPDATE plain SET n = n + x.c FROM (SELECT w.id, count(m.role) AS c FROM want w LEFT JOIN S.members m ON m.sid = w.id GROUP BY 1) x WHERE x.id = plain.id AND plain.word < \'w2\' RETURNING plain.*, x.*',
	'UPDATE plain SET n = n + 1 WHERE word IN (SELECT w.word FROM want w JOIN S.members m ON m.sid = w.id AND m.pid = plain.pid) RETURNING *',
	'UPDATE plain SET n = n + 1 FROM want w, LATERAL (SELECT * FROM S.members m WHERE m.sid = w.id ORDER BY pid LIMIT 1) x WHERE w.id = plain.id AND x.pid <> plain.pid RETURNING plain.*, x',
	'UPDATE plain SET n = n + 1 FROM S.p WHERE p.sid = plain.id AND p.pid <> plain.pid RETURNING plain.*, p.role',
	'DELETE FROM plain USING S.members m WHERE m.sid = plain.id AND m.pid = plain.pid RETURNING plain.*, m.*',
	'DELETE FROM plain USING S.members m, S.service_accounts a WHERE a.id = m.sid AND a.id = plain.id AND plain.word <> m.role AND m.pid = 1003 RETURNING plain.*, a.username',
	'DELETE FROM plain WHERE NOT EXISTS (SELECT FROM S.members m WHERE m.sid = plain.id AND m.account > plain.word) RETURNING *',
	'MERGE INTO plain USING S.members m ON m.sid = plain.id AND m.pid = plain.pid WHEN MATCHED AND plain.word = \'w2\' THEN UPDATE SET word = m.account, n = n + 1 WHEN MATCHED AND m.role = \'admin\' THEN DELETE WHEN MATCHED THEN UPDATE SET n = n + 2 WHEN NOT MATCHED THEN DO NOTHING',
	'MERGE INTO plain USING (SELECT DISTINCT sid FROM S.members) m ON m.sid = plain.id WHEN MATCHED THEN UPDATE SET n = n + 1 WHEN NOT MATCHED THEN INSERT VALUES (m.sid + 100, 1, \'new\', 0)',
	'SELECT plain.*, m.* FROM plain JOIN S.members m ON m.sid = plain.id AND m.pid = plain.pid ORDER BY 1, 6 FOR UPDATE OF plain',
	'SELECT plain.*, m.* FROM plain LEFT JOIN S.members m ON m.sid = plain.id AND m.pid = plain.pid AND plain.word <> \'w0\' ORDER BY 1, 6 FOR UPDATE OF plain',
	'SELECT plain.*, m.role || m.account FROM S.members m JOIN plain ON m.sid = plain.id AND plain.word <> m.role ORDER BY 1, 5 FOR NO KEY UPDATE',
	'SELECT * FROM plain WHERE EXISTS (SELECT FROM want w JOIN S.members m ON m.sid = w.id WHERE w.word = plain.word AND m.pid = plain.pid) ORDER BY 1 FOR UPDATE',
	'SELECT plain.*, (SELECT count(*) FROM S.members m WHERE m.sid = plain.id AND m.pid <> plain.pid) FROM plain WHERE n = 0 ORDER BY 1 FOR UPDATE',
	'SELECT plain.*, p.role FROM plain JOIN S.p ON p.sid = plain.id ORDER BY 1, 5 FOR UPDATE',
	'WITH done AS (UPDATE plain SET n = n + 1 FROM S.members m WHERE m.sid = plain.id AND m.pid = plain.pid RETURNING plain.id, m.role) SELECT done.*, m.pid FROM done JOIN S.members m ON m.sid = done.id',
);

# What the statement gives, and what it leaves, where the other session commits
# while it waits for row 2.
sub outcome
{
	my ($statement, $change, $schema, $settings) = @_;
	my ($one, $other) = ($test->session, $test->{other} //= $test->connect);

	$one->rows($reset);
	$other->rows("BEGIN; $change");
	$one->begin("BEGIN; $settings " . ($statement =~ s/\bS\./$schema./gr)
		  . '; COMMIT; RESET ALL; SELECT * FROM plain ORDER BY id');
	my $pid = $one->pid;
	my $waits = MixpanelTest::wait_until(
		sub {
			return !$one->is_busy || $other->rows(
				"SELECT count(*) FROM pg_locks WHERE pid = $pid AND NOT granted") > 0;
		});
	my $busy = $one->is_busy;

	$other->rows('COMMIT');
	my $result = $one->end;

	return ($busy, MixpanelTest::describe($result) . "\n"
		  . join("\n", sort split /\n/, $result->{rows}));
}

my @settings = (
	'',
	'SET enable_hashjoin = off; SET enable_mergejoin = off;',
	'SET enable_nestloop = off; SET enable_mergejoin = off;',
	'SET enable_nestloop = off; SET enable_hashjoin = off;',
);
my $waited = 0;

foreach my $i (0 .. $#statements)
{
	my $statement = $statements[$i];
	my $different;

	foreach my $j (0 .. $#meanwhile)
	{
		my @case = ($statement, $meanwhile[$j]);
		my $settings = $settings[ ($i + $j) % @settings ];
		my ($waits, $ours) = outcome(@case, 'mp', $settings);
		my (undef, $theirs) = outcome(@case, 'j', $settings);

		$waited++ if $waits;
		$different //= "$settings $meanwhile[$j]\nforeign: $ours\n"
		  . "ordinary: $theirs"
		  if $ours ne $theirs;
	}
	is($different, undef, $statement);
}
cmp_ok($waited, '>', @statements * @meanwhile / 2, 'most of them have waited');
$test->{other}->quit;
$test->stop;
done_testing();
