# The cookbook: every recipe runs on the same organization, gives what is
# shown and makes the requests that it says.
#
# In doc/cookbook.md, where each heading "## ..." begins a recipe
#	```sql			is run by psql in a session of its own
#	```sql fails	must end in an error
#	```sql pg_cron	is run if the server has pg_cron
#	```sql no-run	is left alone
#	```sql regions	is run with two simulators, one for each region
#	```python NAME	is run if Python has that module
#	```text			right after a block is what it prints
#	Requests:		up to the next block, lists the block's requests; a block
#					without one makes none

use strict;
use warnings;
use utf8;

use Cwd qw(getcwd);
use Encode ();
use File::Copy qw(copy);
use IPC::Run ();
use MixpanelDocument qw(fenced_blocks run_psql same_text);
use MixpanelSimulator;
use POSIX qw(strftime);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Debian's, which has Debian's modules.
use constant PYTHON => '/usr/bin/python3';
use constant DAY => 86400;
use constant PROGRAM_SECONDS => 60;

my $project = getcwd();
my $file = 'doc/cookbook.md';
my $simulator = MixpanelSimulator->start(
	organizations => 2,
	accounts => 1,
	projects => 3,
	first_project_id => 456,
	memberships_per_account => 0,
	username_suffix => 'true',
	secret => 'the-secret');

# The other region, for what needs two: the same accounts, other projects.
my $europe = MixpanelSimulator->start(
	accounts => 1,
	projects => 3,
	first_project_id => 456,
	memberships_per_account => 0,
	secret => 'the-secret');
my $node = PostgreSQL::Test::Cluster->new('cookbook');
my $has_cron = -e (`pg_config --pkglibdir` =~ s/\n//r) . '/pg_cron.so';

# Days from now on that an account expires and was created, was last used.
my @accounts = (
	[ 11, 'ci-deploy', undef, -300, -1 ],
	[ 12, 'nightly-export', 7, -300, -2 ],
	[ 13, 'old-dashboard', -1, -400, -100 ],
	[ 14, 'warehouse-sync', 20, -60, -3 ],
	[ 15, 'forgotten-bot', undef, -200, undef ],
	[ 16, 'etl-legacy', -40, -500, -120 ],
	[ 17, 'report-bot', 365, -80, undef ],
);
my @memberships = (
	[ 11, 456, 'admin' ], [ 11, 457, 'admin' ],
	[ 12, 456, 'analyst' ], [ 12, 457, 'analyst' ],
	[ 13, 456, 'admin' ],
	[ 14, 457, 'analyst' ], [ 14, 458, 'analyst' ],
	[ 15, 458, 'admin' ],
	[ 16, 457, 'consumer' ],
	[ 17, 456, 'consumer' ]);

sub moment
{
	my ($days) = @_;

	return undef unless defined $days;
	return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time() + $days * DAY));
}

sub begin_recipe
{
	$simulator->reset;
	$simulator->add_accounts(
		map {
			{
				id => $_->[0],
				username => $_->[1],
				role => 'consumer',
				expires => moment($_->[2]),
				created => moment($_->[3]),
				last_used => moment($_->[4]),
			}
		} @accounts);
	$simulator->add_accounts(
		{ id => 21, username => 'eu-export', organization_id => 124 });
	$simulator->add_memberships(@memberships);
	begin_region($europe, 'eu', 458);
	return;
}

# Of all that there is, a region has the accounts and its own projects.
sub begin_region
{
	my ($region, $name, @own) = @_;
	my %own = map { $_ => 1 } @own;
	my $home = $name eq 'eu' ? 'mixpanel.com' : 'eu.mixpanel.com';

	if ($name eq 'eu')
	{
		$region->reset;
		$region->add_accounts(map { { id => $_->[0], username => $_->[1] } } @accounts);
		$region->add_memberships(grep { $own{ $_->[1] } } @memberships);
	}
	$region->control('POST', 'projects',
		[ map { { id => $_, domain => $home } } grep { !$own{$_} } 456 .. 458 ]);
	return;
}

# What was asked, as the page writes it: {call => how often}.
sub requests_made
{
	my %made;

	foreach my $request ($simulator->requests, $europe->requests)
	{
		$request =~ s!/organizations/\d+/service-accounts!…!;
		$request =~ s!(…|/projects)/\d+!$1/{id}!g;
		$request =~ s!/projects/\d+$!/projects/{id}!;
		$made{$request}++;
	}
	return \%made;
}

# What the lines after a block say of its requests, in the same form.
sub requests_said
{
	my (@lines) = @_;
	my ($list) = map { /^Requests: (.*)$/ ? $1 : () } @lines;
	my %said;

	$said{$2} = $1 + 0 while ($list // '') =~ /(\d+) × `([^`]+)`/g;
	return \%said;
}

# A username without what Mixpanel adds.
sub asked_for
{
	return $_[0] =~ s/\.[0-9a-f]+\.mp-service-account$//r;
}

sub run_python
{
	my ($program) = @_;
	my $out = '';

	local @ENV{qw(PGHOST PGPORT PGDATABASE PGUSER)} =
	  ($node->host, $node->port, 'cookbook', 'postgres');
	IPC::Run::run([ PYTHON, '-' ], '<', \$program, '>', \$out, '2>&1',
		IPC::Run::timeout(PROGRAM_SECONDS));
	return ($? >> 8, same_text($out));
}

sub has_module
{
	my ($module) = @_;

	return
	  -x PYTHON && IPC::Run::run([ PYTHON, '-c', "import $module" ],
		'<', \undef, '>', \my $out, '2>', \my $err);
}

# The recipe that encrypts needs pgcrypto, which contrib brings.
use constant VAULT => 'Secrets that never reach the client';
my $has_pgcrypto = -e (`pg_config --sharedir` =~ s/\n//r)
  . '/extension/pgcrypto.control';

# Why a block of a recipe is not run here; '' if it is.
sub reason_to_skip
{
	my ($block, $recipe) = @_;

	return 'the server has no pgcrypto (contrib)'
	  if $recipe eq VAULT && !$has_pgcrypto;
	return $has_cron ? '' : 'the server has no pg_cron'
	  if $block->{info} eq 'pg_cron';
	return '' if $block->{kind} ne 'python';
	return has_module($block->{info}) ? '' : "Python has no $block->{info}";
}

sub run_block
{
	my ($block) = @_;

	return run_python($block->{text}) if $block->{kind} eq 'python';
	return run_psql(
		$node->connstr('cookbook'),
		$block->{info} eq 'regions'
		? { us => $simulator, eu => $europe }
		: $simulator,
		$block->{text});
}

# Runs a block and compares what it prints with `shown`, if there is any, and
# its requests with what the lines after it say.
sub check_block
{
	my ($block, $shown, @after) = @_;
	my $where = "$file:$block->{line}";
	my $failing = $block->{info} eq 'fails' ? 3 : 0;

	$_->clear_log foreach $simulator, $europe;
	my ($status, $output) = run_block($block);

	is($status, $failing, "$where: " . ($failing ? 'fails' : 'runs'))
	  or diag($output);
	is($output, defined $shown ? same_text($shown) : '',
		"$where: gives what is shown");
	is_deeply(requests_made(), requests_said(@after),
		"$where: makes the requests that it says")
	  or diag(explain(requests_made()));
	return;
}

# The blocks of the page that are to be run, each with its recipe, what is
# shown for it, and the lines up to the next.
sub page_blocks
{
	my $text = Encode::decode('UTF-8', slurp_file("$project/$file"));
	my @lines = ('', split /\n/, $text);
	my @blocks = fenced_blocks($text);
	my @found;

	foreach my $i (0 .. $#blocks)
	{
		my ($block, $next) = @blocks[ $i, $i + 1 ];
		my ($recipe) = map { /^## (.*)/ } reverse @lines[ 0 .. $block->{line} ];
		my ($begin, $shown) = ($block->{end} + 1, undef);

		next unless $block->{kind} =~ /^(?:sql|python)$/;
		next if $block->{info} eq 'no-run';
		if ($next && $next->{kind} eq 'text' && $next->{line} - $begin <= 1)
		{
			($begin, $shown) = ($next->{end} + 1, $next->{text});
			$next = $blocks[ $i + 2 ];
		}
		my $end = $next ? $next->{line} - 1 : $#lines;
		push @found, {
			block => $block,
			recipe => $recipe // '',
			shown => $shown,
			after => [ @lines[ $begin .. $end ] ],
		};
	}
	return @found;
}

# What only one recipe needs, and what is to be seen at the API after it.
my %before = (
	'Analysts and admins' => sub {
		$simulator->add_accounts(
			{
				id => 31,
				username => 'grace-bot',
				secret => 'grace-secret',
				role => 'admin'
			});
	},
	'One organization in two regions' =>
	  sub { begin_region($simulator, 'us', 456, 457) },
);

my %after = (
	'Least privilege' => sub { memberships_are('nothing changed') },
	'Desired state' => sub { memberships_are('nothing changed') },
	'Clean-up of expired bots' => sub {
		is_deeply([ account_names() ], [ names_but('etl-legacy') ],
			'what has expired long ago is gone, and nothing else');
		check_job();
	},
	'Rotation' => sub {
		is_deeply([ account_names() ],
			[ names_but('warehouse-sync'), 'nightly-export-r2',
				'warehouse-sync-r2' ],
			'one is replaced, one not yet');
		my %id = map { asked_for($_->{username}) => $_->{id} }
		  @{ $simulator->state->{accounts} };
		memberships_are(
			'the successors have what the old ones had',
			without => [14],
			with => [
				[ $id{'nightly-export-r2'}, 456, 'analyst' ],
				[ $id{'nightly-export-r2'}, 457, 'analyst' ],
				[ $id{'warehouse-sync-r2'}, 457, 'analyst' ],
				[ $id{'warehouse-sync-r2'}, 458, 'analyst' ],
			]);
	},
	VAULT() => \&check_vault,
	'Snapshot and diff' => sub {
		memberships_are('the changes are made',
			without => [16],
			with => [ [ 17, 458, 'analyst' ], [ 14, 457, 'admin' ] ]);
	},
	'One organization in two regions' => sub {
		is_deeply([ grep { / 458 / } sort $europe->memberships ],
			[ '14 458 analyst', '15 458 admin', '17 458 analyst' ],
			'the new membership is in its region');
	},
	'Several organizations and regions' => sub {
		is_deeply([ map { "$_->{organization_id} " . asked_for($_->{username}) }
			  grep { asked_for($_->{username}) eq 'eu-bot' }
			  @{ $simulator->state->{accounts} } ],
			['124 eu-bot'], 'the new account is in its organization');
	},
	'Analysts and admins' => sub {
		is_deeply([ account_names() ],
			[ names_but('etl-legacy'), 'grace-bot' ],
			'what she deleted is gone, and nothing else');
	},
);

# The accounts of organization 123, beside the one that authenticates.
sub account_names
{
	return map { asked_for($_->{username}) }
	  grep { $_->{organization_id} == 123 && $_->{id} != 1 }
	  @{ $simulator->state->{accounts} };
}

sub names_but
{
	my ($but) = @_;

	return grep { $_ ne $but } map { $_->[1] } @accounts;
}

# One test: are the memberships those of the beginning, without those of some
# accounts, and with some set?
sub memberships_are
{
	my ($name, %change) = @_;
	my %gone = map { $_ => 1 } @{ $change{without} // [] };
	my %role = map { ("$_->[0] $_->[1]" => $_->[2]) }
	  (grep { !$gone{ $_->[0] } } @memberships), @{ $change{with} // [] };

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_deeply([ sort $simulator->memberships ],
		[ sort map { "$_ $role{$_}" } keys %role ], $name);
	return;
}

# The scheduled job is the statement that was tried, and does nothing when
# there is nothing left to do.
sub check_job
{
	return unless $has_cron;
	my $command = $node->safe_psql('cookbook', 'SELECT command FROM cron.job');

	is($command, 'CALL clean_up_bots(5)', 'the scheduled command');
	$simulator->clear_log;
	$node->safe_psql('cookbook', $command);
	is_deeply(requests_made(), { 'GET …' => 1 },
		'it has nothing to delete any more');
	return;
}

# Only the private key opens what the vault holds, and that is the secret.
sub check_vault
{
	return unless $has_pgcrypto;
	my $key = slurp_file("$project/test/clients/vault-private-key.asc");
	my $secret = $node->safe_psql('cookbook',
		"SELECT pgp_pub_decrypt(secret, dearmor('$key')) FROM vault");

	my ($login) = grep { asked_for($_) eq 'vaulted-bot' }
	  map { $_->{username} } @{ $simulator->state->{accounts} };

	like($secret, qr/^[0-9a-f]{32}$/, 'the private key opens the vault');
	is( $simulator->api('GET', '/organizations/123/service-accounts', undef,
			login => "$login:$secret")->{status},
		200, 'it holds the secret that Mixpanel knows');
	unlike($node->safe_psql('cookbook', 'SELECT * FROM vault'),
		qr/\Q$secret\E/, 'the table does not show it');
	unlike(slurp_file($node->logfile), qr/\Q$secret\E/,
		'nor does the server log');
	return;
}

$node->init;
$node->append_conf('postgresql.conf', <<'CONF') if $has_cron;
shared_preload_libraries = 'pg_cron'
cron.database_name = 'cookbook'
CONF
# Noon or so, far from the turn of a day.
$node->append_conf('postgresql.conf',
	sprintf("timezone = 'Etc/GMT%+d'\n", (gmtime)[2] - 12));
$node->append_conf('postgresql.conf', "log_statement = 'all'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE cookbook');
$node->safe_psql('cookbook', 'CREATE EXTENSION pg_cron') if $has_cron;

# psql's backticks read it from where they run.
my $folder = PostgreSQL::Test::Utils::tempdir();
copy("$project/test/clients/vault-public-key.asc", $folder);
chdir $folder;

my @blocks = page_blocks();
my %recipes;
foreach my $i (0 .. $#blocks)
{
	my ($block, $recipe) = @{ $blocks[$i] }{qw(block recipe)};

	if (!$recipes{$recipe}++)
	{
		begin_recipe();
		$before{$recipe}->() if $before{$recipe};
	}
  SKIP:
	{
		my $reason = reason_to_skip($block, $recipe);

		skip "$file:$block->{line}: $reason", 1 if $reason;
		check_block($block, $blocks[$i]{shown}, @{ $blocks[$i]{after} });
	}
	$after{$recipe}->()
	  if $after{$recipe}
	  && ($i == $#blocks || $blocks[ $i + 1 ]{recipe} ne $recipe);
}
is_deeply([ grep { !$recipes{$_} } keys %before, keys %after ],
	[], 'every recipe with a test of its own is there');
cmp_ok(scalar keys %recipes, '>=', 13, 'the recipes were found');

chdir $project;
$node->stop;
$_->stop foreach $simulator, $europe;
done_testing();
