# What a transaction leaves behind when it does not come to its end:
# mixpanel_sa_fdw_unfinished() names it, nothing else, and only as long as it is
# there.  Moments are chosen here; 029_crash.pl lets chance choose them.

use strict;
use warnings;

use MixpanelTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant FOLDER => 'pgsql_tmp_mixpanel_sa_fdw';

# A disk that is full or broken, where the compiler is there to make one.
my $folder = PostgreSQL::Test::Utils::tempdir();
my $full = "$folder/disk_is_full";
my $broken = "$folder/disk_is_broken";
my $fills = -d '/proc/self/fd'
  && system('cc', '-D_GNU_SOURCE', '-shared', '-fPIC', '-o',
	"$folder/disk.so", 'test/preload/disk.c', '-ldl') == 0;
local $ENV{LD_PRELOAD} = "$folder/disk.so" if $fills;
local $ENV{MP_DISK_FULL} = $full;
local $ENV{MP_DISK_FAILS} = $broken;
local $ENV{MP_DISK_FOLDER} = FOLDER;

my $test =
  MixpanelTest->new('journal', config => "restart_after_crash = on\n"
	  . "wal_level = replica\nmax_wal_senders = 2\n");
my $simulator = $test->simulator;
my $node = $test->node;
my $journal = $node->data_dir . '/' . FOLDER;

my $unfinished = 'SELECT kind, username, service_account_id, reason '
  . "FROM mixpanel_sa_fdw_unfinished('mixpanel') ORDER BY service_account_id";

sub create
{
	my ($username) = @_;

	return 'INSERT INTO mp.service_accounts (username, role) '
	  . "VALUES ('$username', 'consumer') RETURNING id, secret";
}

sub id_of
{
	my ($username) = @_;
	my @ids = map { $_->{id} } grep { $_->{username} eq $username }
	  @{ $simulator->state->{accounts} };

	return $ids[-1];
}

# Kill a backend, and wait for the cluster to be back.
sub kill_backend
{
	my ($session) = @_;

	my $offset = -s $node->logfile;

	kill 'KILL', $session->pid;
	$session->crash;
	$test->{session}->crash if defined $test->{session};
	delete $test->{session};
	MixpanelTest::wait_until(
		sub {
			$node->log_contains('ready to accept connections', $offset);
		}) or die "the cluster does not come back\n";
	return;
}

# Begin statements, and come back when so many requests wait for an answer.
sub enter
{
	my ($sql, $count) = @_;
	my $session = $test->connect;

	$session->begin($sql);
	MixpanelTest::wait_until(
		sub { $simulator->counts->{in_flight} == ($count // 1) })
	  or die "not reached: $sql\n";
	return $session;
}

# ---- nothing ----

is($test->logged($unfinished)->{rows}, '', 'nothing is left in a new cluster');
is_deeply([ $test->calls ], [], 'and nothing is asked for');
ok(!-e $journal, 'there is no journal before the first creation');

$test->rows(create('fine'));
$test->rows('BEGIN; ' . create('undone') . '; ROLLBACK');
is($test->logged($unfinished)->{rows}, '', 'nor after COMMIT and ROLLBACK');
is_deeply([ $test->calls ], [], 'again without a request');

# ---- files ----

is((stat $journal)[2] & 07777, (stat $node->data_dir)[2] & 07777,
	'the folder is as open as the data directory');
is((stat "$journal/slot.0")[2] & 07777, 0600, 'its files are closed');

# ---- a backend is killed ----

my $session = $test->connect;

$session->rows('BEGIN; ' . create('first'));
$session->rows('SAVEPOINT a; ' . create('second'));
my $other = $test->connect;

$other->rows('BEGIN; ' . create('beside'));
is($test->rows($unfinished), '',
	'what transactions under way have created is not named');
$session->rows('COMMIT AND CHAIN; ' . create('third'));
kill_backend($session);
$other->crash;
is( $test->rows('SELECT kind, username, service_account_id '
		  . "FROM mixpanel_sa_fdw_unfinished('mixpanel') ORDER BY username"),
	join("\n", map { "account|$_|" . id_of($_) } qw(beside third)),
	'after a crash: what had not been committed is named, and nothing else');
like($test->rows($unfinished), qr/cut off before it had committed$/m,
	'with the reason');
is( $test->rows('SELECT count(*) FROM mixpanel_sa_fdw_unfinished(\'mixpanel\') '
		  . "WHERE happened BETWEEN now() - interval '5 min' AND now()"),
	2, 'and its time');

# ---- removing ----

my $remove = 'DELETE FROM mp.service_accounts WHERE id IN (SELECT '
  . "service_account_id FROM mixpanel_sa_fdw_unfinished('mixpanel'))";

$test->rows($remove);
is($test->rows($unfinished), '', 'nothing is named once it is deleted');
is(id_of('third'), undef, 'and it is');
ok(defined id_of($_), "what was committed is there: $_")
  foreach qw(fine first second);

# ---- the answer did not come ----

$simulator->fault(method => 'POST', hang => 'headers', after => \1);
kill_backend(enter(create('silent')));
is( $test->rows($unfinished),
	'account|silent|' . id_of('silent')
	  . '|it was created by a transaction that was cut off before it had '
	  . 'committed; the answer to its creation did not come, and it was found '
	  . 'by its name',
	'an account whose id was never heard of is found by its name');
$test->rows($remove);
is($test->rows($unfinished), '', 'and then removed');

$simulator->fault(method => 'POST', hang => 'headers');
kill_backend(enter(create('again')));
is($test->rows($unfinished), '', 'what was never created is not named');
$test->rows(create('again'));
$test->rows('BEGIN; ' . create('again') . '; COMMIT');
is($test->rows($unfinished), '',
	'nor is another of that name that was committed');
$session = $test->connect;
$session->rows('BEGIN; ' . create('again'));
is($test->rows($unfinished), '', 'nor one under way');
$session->rows('COMMIT');
$session->quit;
is($test->rows($unfinished), '', 'nor later');
$simulator->fault(method => 'POST', hang => 'headers', after => \1);
kill_backend(enter(create('again')));
is( $test->rows('SELECT service_account_id '
		  . "FROM mixpanel_sa_fdw_unfinished('mixpanel')"),
	id_of('again'),
	'among others of that name, it is told which one was left');
$test->rows($remove);

# A suffix, as Mixpanel gives one.
$simulator->fault(method => 'POST', hang => 'headers');
$session = enter(create('tail'));
$simulator->control('POST', 'accounts',
	[ { username => 'tail.a1b2c3.mp-service-account' },
		{ username => 'tailor.a1b2c3.mp-service-account' } ]);
kill_backend($session);
is( $test->rows('SELECT username, service_account_id '
		  . "FROM mixpanel_sa_fdw_unfinished('mixpanel')"),
	'tail|' . id_of('tail.a1b2c3.mp-service-account'),
	'a name to which Mixpanel has added');
$test->rows($remove);

# More of that name than creations.
$simulator->fault(method => 'POST', hang => 'headers');
$session = enter(create('twin'));
$simulator->control('POST', 'accounts',
	[ { username => 'twin' }, { username => 'twin' } ]);
kill_backend($session);
like($test->rows($unfinished),
	qr/^account\|twin\|\|.*it may be any of those with this name: \d+ \d+$/,
	'where it cannot be told which one it is, no id is given');
$simulator->control('DELETE', 'accounts/' . id_of('twin')) foreach 1, 2;

# ---- a ROLLBACK that cannot delete ----

$session = $test->connect;
$session->rows('BEGIN; ' . create('stays'));
$simulator->fault(method => 'DELETE', status => 403, count => 0);
$session->run('ROLLBACK');
like($test->rows($unfinished),
	qr/^account\|stays\|\d+\|.*was rolled back, and was not seen to be deleted$/,
	'an account that ROLLBACK could not delete is named by other sessions');
$session->rows('BEGIN; SAVEPOINT a; ' . create('stays too'));
$session->run('ROLLBACK TO a');
is($test->rows('SELECT count(*) FROM mixpanel_sa_fdw_unfinished(\'mixpanel\')'),
	2, 'also one of a savepoint, while the transaction goes on');
$session->rows('COMMIT');
is($test->rows('SELECT count(*) FROM mixpanel_sa_fdw_unfinished(\'mixpanel\')'),
	2, 'and after its COMMIT');
$session->quit;
$simulator->clear_faults;
$node->stop('immediate');
$node->start;
$test->fresh;
is($test->rows('SELECT count(*) FROM mixpanel_sa_fdw_unfinished(\'mixpanel\')'),
	2, 'and after a crash');
$simulator->fault(path => '/service-accounts', status => 403);
MixpanelTest::error_is($test->run($unfinished), '42501',
	'an API that does not tell is an error');
$test->rows($remove);
is($test->rows($unfinished), '', 'until they are gone');

# ---- COMMIT cut off ----

my ($account) = map { $_->{id} } grep { $_->{username} eq 'fine' }
  @{ $simulator->state->{accounts} };

$simulator->fault(method => 'POST', hang => 'headers', after => \1);
kill_backend(
	enter("BEGIN; INSERT INTO mp.project_memberships (service_account_id, "
		  . "project_id, role) VALUES ($account, 1001, 'analyst'); "
		  . "DELETE FROM mp.service_accounts WHERE id = 5; COMMIT"));
is( $test->rows($unfinished),
	'commit|||any part of these changes may have been applied: '
	  . "add membership of service account $account in project 1001 as analyst; "
	  . 'delete service account 5',
	'a COMMIT that was cut off is named with its changes');
$test->rows("INSERT INTO mp.project_memberships (service_account_id, "
	  . "project_id, role) VALUES ($account, 1001, 'analyst')");
is($test->rows('SELECT count(*) FROM mixpanel_sa_fdw_unfinished(\'mixpanel\')'),
	1, 'a COMMIT that comes to its end is not');

$session = $test->connect;
$session->rows('BEGIN; ' . create('member'));
my $member = id_of('member');

$session->rows('INSERT INTO mp.project_memberships (service_account_id, '
	  . "project_id, role) VALUES ($member, 1001, 'analyst')");
$simulator->fault(method => 'POST', hang => 'headers', after => \1);
$session->begin('COMMIT');
MixpanelTest::wait_until(sub { $simulator->counts->{in_flight} == 1 });
kill_backend($session);
is( $test->rows('SELECT kind FROM mixpanel_sa_fdw_unfinished(\'mixpanel\') '
		  . 'ORDER BY happened'),
	"commit\naccount\ncommit",
	'an account and the COMMIT that was to give it a membership');
$test->rows($remove);
is($test->rows('SELECT kind FROM mixpanel_sa_fdw_unfinished(\'mixpanel\')'),
	'commit', 'memberships of an account that is gone are of no interest');

# ---- no secret ----

unlike(slurp_file("$journal/slot.0") . slurp_file("$journal/slot.1"),
	qr/admin-secret|[0-9a-f]{32}/, 'there is no secret in the journal');

# ---- very many files ----

$session = $test->connect;
$session->rows('BEGIN; ' . create('many'));
kill_backend($session);
my ($slot) = grep { slurp_file($_) =~ /many/ } glob "$journal/slot.*";
my $bytes = slurp_file($slot);

append_to_file("$journal/slot.$_", $bytes) foreach 1000 .. 1999;
is( $test->rows('SELECT count(*), count(DISTINCT service_account_id) '
		  . "FROM mixpanel_sa_fdw_unfinished('mixpanel') "
		  . "WHERE username = 'many'"),
	'1001|1', 'a thousand files more are read');
my @readers = map { $test->connect } 1 .. 3;

$_->begin("SELECT count(*) FROM mixpanel_sa_fdw_unfinished('mixpanel') "
	  . "WHERE username = 'many'")
  foreach @readers;
is($_->end->{rows}, '1001', 'and by several at once') foreach @readers;
$_->quit foreach @readers;
unlink map { "$journal/slot.$_" } 1000 .. 1999;
$test->rows($remove);

# ---- a full disk ----

SKIP:
{
	skip 'needs /proc and a compiler', 3 unless $fills;
	append_to_file($full, '');
	MixpanelTest::error_is(
		$test->logged(create('no room')), '53100',
		'where the disk is full, no account is created',
		message => qr/^could not write to the journal .*: No space left on device$/,
		detail => qr/^Nothing has been sent to Mixpanel\.$/);
	MixpanelTest::error_is(
		$test->run('DELETE FROM mp.service_accounts WHERE id = 6'),
		'53100', 'and COMMIT sends nothing');
	is($test->count_of('POST') + $test->count_of('DELETE'),
		0, 'nothing was sent');
	unlink $full;
	$test->rows(create('room again'));
}

# ---- a disk that fails ----

sub sync_fails
{
	my ($sql, $what) = @_;

	append_to_file($broken, '');
	MixpanelTest::error_is(
		$test->logged($sql), '58030', $what,
		message =>
		  qr/^could not write to the journal .*: Input\/output error$/,
		detail => qr/^Nothing has been sent to Mixpanel\.$/);
	is($test->count_of('POST') + $test->count_of('DELETE'),
		0, 'nothing is sent');
	ok(!-e $broken, 'the disk has said so once');
	return;
}

SKIP:
{
	skip 'needs /proc and a compiler', 1 unless $fills;
	$test->fresh;
	$test->rows('ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf()');
	$test->fresh;
	$test->rows('BEGIN; ' . create('before'));
	my @open = grep { slurp_file($_) =~ /before/ } glob "$journal/slot.*";

	is(@open, 1, 'a file is in use');
	sync_fails('SAVEPOINT a; ' . create('unsynced'),
		'where the journal cannot be synced, no account is created');
	MixpanelTest::error_is(
		$test->run('ROLLBACK TO a; ' . create('again')),
		'58030', 'nor later in the transaction, though the disk is silent');
	$test->rows('ROLLBACK TO a; COMMIT');
	ok(!-e $open[0], 'the file is not used any more');
	my ($aside) = glob "$open[0].failed.*";

	like(slurp_file($aside), qr/before/, 'but kept');
	$test->rows(create('after'));
	unlike(slurp_file($aside), qr/after/,
		'the next transaction writes to another');
	unlike($test->rows($unfinished), qr/^account/m, 'all is known of it');
	sync_fails('DELETE FROM mp.service_accounts WHERE id = 6',
		'and COMMIT sends nothing');

	# the first entry of a file, and the folder
	$test->fresh;
	unlink glob "$journal/slot.*";
	sync_fails(create('folder'), 'nor where the folder cannot be synced');
	is_deeply([ glob "$journal/slot.*" ], [],
		'and no file is left that seems to be on disk');
	$test->rows(create('fine again'));
	$test->rows('ALTER SYSTEM RESET fsync; SELECT pg_reload_conf()');
	$test->fresh;
}

# ---- files that are not what they should be ----

$test->fresh;
$session = $test->connect;
$session->rows('BEGIN; ' . create('lost'));
kill_backend($session);
my $size = -s "$journal/slot.0";

system('cp', "$journal/slot.0", "$folder/slot") == 0 or die 'cp';

append_to_file("$journal/slot.0", 'spoilt');
append_to_file("$journal/slot.7", 'no slot');
mkdir "$journal/slot.8";
system('mkfifo', "$journal/slot.9") == 0 or die 'mkfifo';
my $told = $test->run($unfinished);

is_deeply(
	[ sort map { "$_->{level} $_->{code} " . $_->{message} =~ s/.*?(slot.*)/$1/r }
		  @{ $told->{notices} } ],
	[
		'WARNING 01000 slot.8" of the journal of service accounts is ignored: Is a directory',
		'WARNING 01000 slot.9" of the journal of service accounts is ignored: Invalid argument',
		'WARNING XX001 slot.0" of the journal of service accounts is damaged from byte '
		  . "$size on",
		'WARNING XX001 slot.7" of the journal of service accounts is damaged from byte 0 on',
	],
	'what is no slot is ignored with a warning') || diag($told->{raw});
like($told->{rows}, qr/^account\|lost\|/m, 'what can be read is told');
$test->rows(create('goes on'));

# Files that nobody may open do not keep others from creating.
my @closed = map { "$journal/slot.$_" } 0 .. 9;

foreach my $path (grep { !-e $_ } @closed)
{
	append_to_file($path, '');
}
chmod 0000, @closed;
$session = $test->connect;
$session->rows('BEGIN; ' . create('around'));
$simulator->fault(method => 'DELETE', status => 403, count => 0);
$session->run('ROLLBACK');
like($test->rows($unfinished), qr/^account\|around\|/m,
	'where files cannot be opened, the next one is taken');
chmod 0600, grep { -f $_ } @closed;
chmod 0700, "$journal/slot.8";

# A folder that is moved takes the files of running backends with it.
rename $journal, "$journal.moved" or die "rename: $!";
$session->rows('BEGIN; ' . create('moved'));
$session->run('ROLLBACK');
like($test->rows($unfinished), qr/^account\|moved\|/m,
	'a folder that was moved is missed');
$session->quit;
$simulator->clear_faults;
system('rm', '-r', $journal) == 0 or die 'rm';
rename "$journal.moved", $journal or die "rename: $!";
$simulator->control('DELETE', 'accounts/' . id_of($_)) foreach qw(around moved);
$test->fresh;

# ---- a cancel ----

$simulator->fault(method => 'GET', hang => 'headers');
$session = enter("SELECT * FROM mixpanel_sa_fdw_unfinished('mixpanel')");
$test->rows('SELECT pg_cancel_backend(' . $session->pid . ')');
is($session->end->{code}, '57014', 'it can be cancelled while it asks the API');
is($session->rows('SELECT 1'), '1', 'and the session goes on');
$session->quit;
$simulator->clear_faults;

# ---- another cluster ----

# Its slots come from a data directory that is not its own.
my $copy = do {
	local $ENV{MP_OWN_IDENTIFIER} = 1;

	MixpanelTest->new('copy');
};

mkdir $copy->node->data_dir . '/' . FOLDER or die "mkdir: $!";
system('cp', "$folder/slot", $copy->node->data_dir . '/' . FOLDER . '/slot.0')
  == 0
  or die 'cp';
$told = $copy->run("SELECT * FROM mixpanel_sa_fdw_unfinished('mixpanel')");
is($told->{rows}, '', 'nothing is told of slots of another cluster');
like( $told->{notices}[0]{message},
	qr/slot\.0" .* is ignored: it was written by another cluster/,
	'and a warning says so');
$copy->rows(create('own'));
ok(-e $copy->node->data_dir . '/' . FOLDER . '/slot.1',
	'they are not written to');
$copy->stop;

# A copy that takes the place of the original, and may get its inode.
my $place = MixpanelTest->new('place');
my $session_there = $place->connect;
my $data = $place->node->data_dir;

$session_there->rows('BEGIN; ' . create('copied'));
$place->node->stop('immediate');
$session_there->crash;
my $inode = (stat $data)[1];

rename $data, "$data.original" or die "rename: $!";
system('cp', '-a', "$data.original", "$data.copy") == 0 or die 'cp';
system('rm', '-r', "$data.original") == 0 or die 'rm';
my ($same) = grep { mkdir($_, 0700) && (stat $_)[1] == $inode }
  map { "$data.$_" } 1 .. 200;

note(defined $same ? 'the same inode' : 'another inode');
rename $same // "$data.1", $data or die "rename: $!";
system("mv '$data.copy'/* '$data'") == 0 or die 'mv';
$place->node->start;
$place->fresh;
$told = $place->run("SELECT * FROM mixpanel_sa_fdw_unfinished('mixpanel')");
is($told->{rows}, '', 'nor of slots of the original in a copy at its place');
like($told->{notices}[0]{message}, qr/is ignored: it was written by another/,
	'and a warning says so');
$place->stop;

# ---- an account that the API does not show ----

my $old = MixpanelTest->new('old');

# One that ROLLBACK cannot delete.
sub leave_in_old
{
	my ($username) = @_;

	$old->simulator->fault(method => 'DELETE', status => 403, count => 0);
	$old->run('BEGIN; ' . create($username) . '; ROLLBACK');
	$old->simulator->clear_faults;
	$old->fresh;
	my ($id) = map { $_->{id} } grep { $_->{username} eq $username }
	  @{ $old->simulator->state->{accounts} };
	return $id;
}

$old->options(connect_timeout => '2s', request_timeout => '6s',
	max_retry_wait => '1s', max_retries => 0);
$old->simulator->control('DELETE', 'accounts/' . leave_in_old('soon'));
ok( MixpanelTest::wait_until(
		sub {
			$old->logged($unfinished)->{rows} eq '' && !$old->calls;
		}),
	'one that is gone is forgotten, and nothing is asked for');
$old->default_options;

# Not yet.
$old->simulator->control('POST', 'set',
	{ list_lag_ms => 600_000, get_lag_ms => 600_000 });
my $late = leave_in_old('late');
my $cut = $old->connect;

$cut->rows('BEGIN; ' . create('later'));
my $later = $late + 1;
$cut->rows('INSERT INTO mp.project_memberships (service_account_id, '
	  . "project_id, role) VALUES ($later, 1001, 'analyst')");
$old->simulator->fault(
	method => 'POST',
	path => 'add-to-project',
	hang => 'headers');
$cut->begin('COMMIT');
$old->simulator->wait_for_in_flight(1) or die 'no COMMIT';
$old->node->stop('immediate');
$cut->crash;
$old->node->start;
$old->fresh;
is($old->rows($unfinished), '', 'one that is not listed is not named');
$old->simulator->control('POST', 'set', { list_lag_ms => 0, get_lag_ms => 0 });
is( $old->rows('SELECT kind, COALESCE(service_account_id::text, reason) '
		  . "FROM mixpanel_sa_fdw_unfinished('mixpanel') "
		  . 'ORDER BY kind, username'),
	"account|$late\naccount|$later\n"
	  . 'commit|any part of these changes may have been applied: '
	  . "add membership of service account $later in project 1001 as analyst",
	'and not forgotten, for it may be listed later');
$old->rows($remove);
is($old->rows($unfinished), '', 'until it is deleted');

# ---- transaction ids that the commit log does not know ----


# A creation whose transaction a crash cuts off; then the next transaction gets
# an id that the id of this one tells.
sub cut_off
{
	my ($username, $options) = @_;
	my $cut = $old->connect;

	$cut->rows('BEGIN; ' . create($username));
	my $xid = $cut->rows('SELECT pg_current_xact_id()');

	$old->node->stop('immediate');
	$cut->crash;
	$old->node->start;
	$old->fresh;
	$old->rows('VACUUM FREEZE');
	$old->node->stop;
	PostgreSQL::Test::Utils::system_or_bail('pg_resetwal', '-f',
		$options->($xid), $old->node->data_dir);
	$old->node->start;
	$old->fresh;
	return;
}

cut_off('undone', sub { return ('-x', $_[0]) });
is($old->rows($unfinished), '',
	'what has an id that the crash has undone was never sent');
$old->rows('BEGIN; SELECT pg_current_xact_id(); ROLLBACK');
is($old->rows($unfinished), '', 'whoever has the id later');

cut_off('ancient', sub { return ('-x', 2097152, '-u', 1048576) });
my ($ancient) = map { $_->{id} } grep { $_->{username} eq 'ancient' }
  @{ $old->simulator->state->{accounts} };

is( $old->rows($unfinished),
	'account|ancient||it was created by a transaction that is too old to tell '
	  . "whether it has committed: service account $ancient",
	'where nobody knows any more, the account is named, but not as one to be '
	  . 'deleted');
$old->simulator->control('DELETE', "accounts/$ancient");
is($old->rows($unfinished), '', 'until it is gone');
$old->stop;

# ---- who may ask, and whom ----

$test->rows('CREATE ROLE auditor');
$test->rows('SET ROLE auditor');
MixpanelTest::error_is($test->run($unfinished), '42501',
	'without USAGE on the server nothing is told');
$test->rows('RESET ROLE; GRANT USAGE ON FOREIGN SERVER mixpanel TO auditor; '
	  . 'SET ROLE auditor');
MixpanelTest::error_is($test->run($unfinished), '42704',
	'nor without a user mapping, where there is something to ask for');
$test->rows('RESET ROLE');
MixpanelTest::error_is(
	$test->run("SELECT mixpanel_sa_fdw_unfinished('nowhere')"),
	'42704', 'nor of a server that is not there');

# A server that takes the place of another.
$test->rows('CREATE DATABASE other');
my $database = $test->connect('other');

$database->rows(MixpanelTest::set_up_statements($simulator->base_url));
like($database->run($unfinished)->{rows},
	qr/^account\|lost\|/m, 'a server of the same organization names it');
$database->rows('ALTER SERVER mixpanel OPTIONS (SET organization_id \'124\')');
unlike($database->run($unfinished)->{rows},
	qr/lost/, 'one of another organization does not');
$database->rows('ALTER FOREIGN TABLE mp.service_accounts '
	  . 'OPTIONS (ADD organization_id \'123\')');
like($database->run($unfinished)->{rows},
	qr/^account\|lost\|/m, 'unless a table of it is of that organization');
$database->quit;
$test->rows('ALTER SERVER mixpanel OPTIONS (SET base_url \'http://127.0.0.1:1\')');
like($test->run($unfinished)->{rows},
	qr/^account\|lost\|\d+\|.*; it was not looked for, since it was created at /m,
	'a server that leads elsewhere by now names it without looking');

# ---- a standby ----

$node->backup('base');
ok(!-e $node->backup_dir . '/base/' . FOLDER,
	'a base backup leaves the journal out');
my $standby = PostgreSQL::Test::Cluster->new('standby');

$standby->init_from_backup($node, 'base');
append_to_file($standby->data_dir . '/standby.signal', '');
$standby->start;
my ($status, undef, $error) = $standby->psql('postgres', $unfinished);

isnt($status, 0, 'a standby does not tell');
like($error, qr/a standby does not know what transactions have left behind/,
	'and says so');
$standby->stop;

$test->stop;
done_testing();
