# Twenty sessions at once, reading and writing: nothing is lost, and there is
# no error.

use strict;
use warnings;

use IPC::Run;
use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $sessions = 20;
my $rounds = 10;
my $test = MixpanelTest->new(
	'sessions',
	accounts => $sessions + 1,
	projects => $rounds,
	memberships_per_account => 0,
	config => "max_connections = 50\n");
my $simulator = $test->simulator;

# What one session does in one round, on an account of its own: every statement
# that finds other than it should fails on a division by zero.
my $script = PostgreSQL::Test::Utils::tempdir() . '/round.sql';
append_to_file($script, <<'SQL');
\set i :i + 1
\set account 2 + :client_id
\set project 1000 + :i
INSERT INTO mp.project_memberships (service_account_id, project_id, role)
	VALUES (:account, :project, 'admin');
SELECT 1 / (count(*) = 1)::int FROM mp.project_memberships
	WHERE service_account_id = :account AND project_id = :project
	AND role = 'admin';
BEGIN;
UPDATE mp.project_memberships SET role = 'analyst'
	WHERE service_account_id = :account AND project_id = :project;
SELECT 1 / (count(*) = 1)::int FROM mp.project_memberships
	WHERE project_id = :project AND service_account_id = :account
	AND role = 'analyst';
COMMIT;
INSERT INTO mp.service_accounts (username)
	VALUES ('session-' || :client_id || '-' || :i)
	RETURNING id AS new, length(secret) AS secret_length \gset
SELECT 1 / (:secret_length = 32)::int;
SELECT 1 / (username = 'session-' || :client_id || '-' || :i)::int
	FROM mp.service_accounts WHERE id = :new;
SELECT 1 / (count(*) >= (:i + 1) / 2)::int FROM mp.project_memberships;
DELETE FROM mp.service_accounts WHERE id = :new;
DELETE FROM mp.project_memberships
	WHERE service_account_id = :account AND project_id = :project
	AND :i % 2 = 0;
SQL

foreach my $mode (
	[ all => {} ], [ bulk => {} ], [ nested => {} ],
	[ all => { membership_write => 'single', membership_read => 'project' } ])
{
	my ($document, $options) = @{$mode};
	my $name = join ' ', $document, map { "$_=$options->{$_}" }
	  sort keys %{$options};

	subtest $name => sub {
		my ($out, $err) = ('', '');

		$test->start_over(document => $document, latency_ms => 5);
		$test->options(%{$options});
		# The nested document's create takes a name only.
		my $text = slurp_file($script);
		my $own = PostgreSQL::Test::Utils::tempdir() . '/own.sql';
		$text =~ s/\(username\)/(name)/ if $document eq 'nested';
		$text =~ s/\(username = /(name = / if $document eq 'nested';
		append_to_file($own, $text);
		IPC::Run::run(
			[
				'pgbench', '--no-vacuum', '--client', $sessions,
				'--jobs', 2, '--transactions', $rounds,
				'--define', 'i=0', '--file', $own,
				$test->node->connstr('postgres')
			],
			'<', \undef, '>', \$out, '2>', \$err,
			IPC::Run::timeout(300));
		is($?, 0, 'pgbench') or diag($err);
		my $all = $sessions * $rounds;
		like($out, qr|actually processed: $all/$all\b|, 'every transaction');
		unlike($err, qr/error|aborted/i, 'no error') or diag($err);

		my @wanted;
		foreach my $account (2 .. $sessions + 1)
		{
			push @wanted, map { "$account " . (1000 + $_) . ' analyst' }
			  grep { $_ % 2 } 1 .. $rounds;
		}
		is_deeply([ $simulator->memberships ], \@wanted, 'memberships');
		is_deeply([ map { $_->{id} } @{ $simulator->state->{accounts} } ],
			[ 1 .. $sessions + 1 ], 'accounts');
		my @log = @{ $simulator->log };
		is( scalar(
				grep {
					$_->{method} eq 'POST'
					  && $_->{path} =~ m|/service-accounts$|
				} @log),
			$all,
			'one POST for each account created');
		is(scalar(grep { !defined $_->{status} || $_->{status} >= 500 } @log),
			0, 'no request was given up');
		cmp_ok($simulator->counts->{max_concurrent}, '>', 1,
			'requests ran side by side');
	};
}

$test->stop;
done_testing();
