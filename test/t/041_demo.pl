# The tour of test/demo.sh: what it shows is what its titles say, it fits a
# terminal, says what it does while one waits, and can be ended at any time.

use strict;
use warnings;

use IPC::Run ();
use Test::More;

plan skip_all => 'needs PG_CONFIG, which test/check.sh sets'
  unless $ENV{PG_CONFIG};

delete $ENV{$_} foreach qw(PGHOST PGPORT PGDATABASE MP_SIMULATOR_PORT);

# A tour with a terminal's usual variables; returns output and exit status.
sub tour
{
	my ($input, @options) = @_;
	my $output;

	IPC::Run::run([ 'test/demo.sh', @options ],
		'<', \$input, '>', \$output, '2>&1');
	return ($output, $? >> 8);
}

# The part of the output below a title.
sub block
{
	my ($output, $title) = @_;

	return $output =~ /^== \Q$title\E.*?\n(.*?)(?=^== |\z)/ms ? $1 : '';
}

my ($output, $status) = tour('');
is($status, 0, 'the tour ends well');
is(join("\n", grep { length > 80 } split /\n/, $output), '', 'fits a terminal');
like($output, qr/^0:\d\d  building .*^\d:\d\d  ready$/ms, 'says what it does');
like(
	block($output, 'Create one'),
	qr/^ +9 \| ci-cd-bot\.[0-9a-f]{6}\.mp-service-account \| [0-9a-f]{32}$/m,
	'a creation, with a suffix');
like(block($output, 'Let it into'),
	qr/^API: POST .*add-to-project/m, 'a grant by the id');
unlike(block($output, 'Let it into'), qr/ERROR/, 'which is there');
like(
	block($output, 'Access review'),
	qr/1001 \| analyst +\| ci-cd-bot$/m,
	'and in the review');
like(block($output, 'Changes wait'),
	qr/delete service account \| +2\n.*delete service account \| +7\n/,
	'what is queued');
like(
	block($output, 'A new account cannot wait'),
	qr/^ +0\n.*^API: DELETE .*-> 200$/ms,
	'a rollback that deletes');
foreach my $refused (
	[ 'an account whose secret', qr/RETURNING id, secret/ ],
	[ 'more deletions', qr/more than 1 service accounts/ ],
	[ 'a project that is not there', qr/project 4711 does not exist/ ])
{
	my ($title, $pattern) = @{$refused};
	my $block = block($output, "Refused: $title");

	like($block, qr/^ERROR: /m, "refused: $title");
	like($block, $pattern, 'with words');
}
is(() = $output =~ /^ERROR: /mg, 3, 'and nothing else');
like(block($output, 'What will a query ask'),
	qr/Mixpanel Request: GET .*API Requests: 2/s, 'plans');
like(block($output, 'What to do next'),
	qr/--psql.*"make\s+uninstall"/s, 'what is next, and what stays');

($output, $status) = tour("SELECT count(*) FROM service_accounts;\n", '--psql');
is($status, 0, '--psql');
like(block($output, 'Your turn'), qr/search_path.*log --clear/s, 'explains');
like(block($output, 'Your turn'), qr/^ +7\n\(1 row\)/m, 'finds the tables');

($output, $status) = tour('', '--help');
is($status, 0, '--help');
like($output, qr/make uninstall/, 'says what stays');
(undef, $status) = tour('', '--nonsense');
is($status, 2, 'a misspelt option');

# Ctrl-C goes to all that belong to the terminal.
$output = '';
my $tour = IPC::Run::start(
	[ 'setsid', 'test/demo.sh' ],
	'<', \undef, '>', \$output, '2>&1',
	my $limit = IPC::Run::timer(120));
$tour->pump until $output =~ /^== Which service/m || $limit->is_expired;
kill 'INT', -$tour->{KIDS}[0]{PID};
$tour->finish;
is($tour->result(0), 0, 'Ctrl-C ends it');
like($output, qr/^Ended; /m, 'and says so');
unlike($output, qr/What to do next/, 'at once');

done_testing();
