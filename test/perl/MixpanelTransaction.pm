# What the tests of transactions share: the API's state and requests as short
# lines, and waiting for a backend's end.
#
# Knows MixpanelTest's objects.  Knows nothing of what is tested.
package MixpanelTransaction;

use strict;
use warnings;

use Exporter 'import';
use MixpanelTest;

our @EXPORT_OK = qw(accounts state requests backend_gone backend_waits
  server_log);

# "ID USERNAME ROLE" of each account, by id.
sub accounts
{
	my ($test) = @_;

	return map { "$_->{id} $_->{username} $_->{role}" }
	  @{ $test->simulator->state->{accounts} };
}

# All that the API has stored: its accounts, then its memberships.
sub state
{
	my ($test) = @_;

	return [ accounts($test), $test->simulator->memberships ];
}

# The log as "METHOD path body -> status"; the path is what follows
# /organizations/123/service-accounts.
sub requests
{
	my ($test) = @_;

	return map { s!/organizations/123/service-accounts!!r } $test->calls;
}

# Wait until a backend has ended, with all that its end does.
sub backend_gone
{
	my ($test, $pid) = @_;

	return MixpanelTest::wait_until(
		sub {
			$test->rows(
				"SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") eq
			  '0';
		});
}

# Wait until a backend is in such a state ("idle in transaction"), or waits
# for such an event ("PgSleep").
sub backend_waits
{
	my ($test, $pid, $for) = @_;

	return MixpanelTest::wait_until(
		sub {
			$test->rows('SELECT count(*) FROM pg_stat_activity '
				  . "WHERE pid = $pid AND '$for' IN (state, wait_event)") eq
			  '1';
		});
}

# What the server has logged from an offset on.
sub server_log
{
	my ($test, $offset) = @_;

	return PostgreSQL::Test::Utils::slurp_file($test->node->logfile,
		$offset // 0);
}

1;
