# Clean-up jobs under pg_cron: what its log shows of success and of failure.
# Both ways of running a job, side by side: pg_cron looks at its jobs at the
# turn of a minute only.

use strict;
use warnings;

use MixpanelTest;
use MixpanelTransaction qw(requests accounts);
use PostgreSQL::Test::Utils;
use Test::More;

my $library = `pg_config --pkglibdir`;
chomp $library;
plan skip_all => 'pg_cron is not installed (Debian: postgresql-NN-cron)'
  unless -e "$library/pg_cron.so";

# Among the 11 seeded accounts 2 and 7 have expired.
my %jobs = (
	expired => 'DELETE FROM mp.service_accounts WHERE expires < now()',
	refused => 'DELETE FROM mp.service_accounts WHERE id = 4',
	credentials => 'DELETE FROM wrong.service_accounts WHERE expires < now()',
	limit => 'SET mixpanel_sa_fdw.max_deletes = 2; '
	  . 'DELETE FROM mp.service_accounts WHERE id IN (9, 10, 11)',
);

# How their first runs end.
my %outcomes = (
	expired => qr/^succeeded\|DELETE 2$/,
	refused => qr{^failed\|ERROR: +Mixpanel refused DELETE /organizations/123/service-accounts/4 with status 403
DETAIL: +Applied: 0\.
Not applied: 1 \(delete service account 4\)\.
HINT: },
	credentials => qr{^failed\|ERROR: +Mixpanel rejected the credentials of service account "admin-bot\.mp-service-account" for GET /organizations/123/service-accounts
DETAIL: },
	limit => qr/^failed\|ERROR: +transaction would delete more than 2 service accounts
DETAIL: +Nothing has been deleted\.
HINT: /,
);

sub start
{
	my ($name, $workers) = @_;
	my $test = MixpanelTest->new(
		$name,
		accounts => 11,
		config => "shared_preload_libraries = 'pg_cron'\n"
		  . "cron.database_name = 'postgres'\n"
		  . "cron.use_background_workers = $workers\n"
		  . "max_worker_processes = 20\n");
	my $base_url = $test->simulator->base_url;

	$test->node->append_conf('postgresql.conf',
		"cron.host = '" . $test->node->host . "'\n");
	$test->fresh->node->restart;
	$test->rows(<<"SQL");
CREATE EXTENSION pg_cron;
CREATE SERVER wrong FOREIGN DATA WRAPPER mixpanel_sa_fdw
	OPTIONS (base_url '$base_url', organization_id '123');
CREATE USER MAPPING FOR CURRENT_USER SERVER wrong
	OPTIONS (username 'admin-bot.mp-service-account', secret 'wrong');
CREATE SCHEMA wrong;
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER wrong INTO wrong
SQL
	$test->simulator->fault(method => 'DELETE', path => '/4$', status => 403,
		count => 0);
	foreach my $job (sort keys %jobs)
	{
		$test->rows(
			"SELECT cron.schedule('$job', '* * * * *', \$sql\$$jobs{$job}\$sql\$)");
	}
	return $test;
}

# The first run of a job, as its log shows it.
sub first_run
{
	my ($test, $job) = @_;

	return $test->rows(
		'SELECT status, return_message FROM cron.job_run_details '
		  . "JOIN cron.job USING (jobid) WHERE jobname = '$job' "
		  . 'ORDER BY runid LIMIT 1');
}

my %tests = (
	'background worker' => start('cron_worker', 'on'),
	'connection' => start('cron_connection', 'off'));

foreach my $way (sort keys %tests)
{
	my $test = $tests{$way};
	my $in = "in a $way";

	ok( $test->node->poll_query_until(
			'postgres',
			'SELECT count(DISTINCT jobid) = ' . keys(%jobs)
			  . ' FROM cron.job_run_details '
			  . "WHERE status IN ('succeeded', 'failed')"),
		"the jobs have run $in");
	foreach my $job (sort keys %jobs)
	{
		like(first_run($test, $job), $outcomes{$job}, "$job $in");
	}
	my @deletes = sort grep { /^DELETE/ && !m!/4 ! } requests($test);
	is_deeply(\@deletes, [ 'DELETE /2 -> 200', 'DELETE /7 -> 200' ],
		"what was deleted $in");
	is_deeply([ map { /^(\d+)/ } accounts($test) ],
		[ 1, 3 .. 6, 8 .. 11 ], "what is left $in");
	unlike(
		$test->rows('SELECT string_agg(d::text, \'\') FROM cron.job_run_details d'),
		qr/admin-secret|'wrong'/, "no secret is shown $in");
}
$_->stop foreach values %tests;
done_testing();
