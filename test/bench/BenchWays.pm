# The ways to do a workload: how each is prepared and what it runs.
#
# A way is a hash: name; program (arguments of a floor program) or sql (what is
# timed) with open (what is not) before it, or sessions (a statement for each,
# all at once) with options of the server, or known (the result of a way that
# can be reckoned and need not be run).  Statements may say $url (of the
# list of accounts), $login, $ca and $schema, which stand for the API as the
# workload reaches it.
package BenchWays;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(floor reckoned ours together table python copied http all_of);

my $arguments = q('$login', '$ca', '$url');

# The program that needs no database.
sub floor
{
	my (@program) = @_;

	return { name => 'floor', program => \@program };
}

# The least that it can take, without a program.
sub reckoned
{
	my (%result) = @_;

	return { name => 'floor', known => \%result };
}

# This extension in several sessions at once, on a server that no session has
# used.
sub together
{
	my ($name, $options, @sessions) = @_;

	return {
		name => $name,
		options => $options,
		sessions => \@sessions,
	};
}

# This extension.  The session has read one account and, of what the workload
# reads, the plan.
sub ours
{
	my ($sql, %more) = @_;

	return {
		name => 'mixpanel_sa_fdw',
		open => 'SELECT count(*) FROM $schema.service_accounts WHERE id = 1',
		sql => $sql,
		%more,
	};
}

# The same statements on an ordinary table.
sub table
{
	my ($sql) = @_;

	return {
		name => 'local table',
		open => 'SELECT count(*) FROM local_accounts WHERE id = 1',
		sql => $sql,
	};
}

sub python
{
	my ($sql) = @_;

	return {
		name => 'plpython3u, requests',
		open => q(CALL py_open('$login', '$ca');
			SELECT count(*) FROM py_lookup('$url', 1)),
		sql => $sql,
		needs => 'plpython3u',
	};
}

sub copied
{
	my ($sql) = @_;

	$sql =~ s/\$arguments/$arguments/g;
	return {
		name => 'COPY, curl, jq',
		open => "CALL curl_lookup($arguments, 1);"
		  . 'TRUNCATE copied_accounts, copied_memberships',
		sql => $sql,
		needs => 'plpython3u',
	};
}

sub http
{
	my ($sql) = @_;

	return {
		name => 'pgsql-http',
		open => q(CALL http_open('$login', '$ca');
			SELECT count(*) FROM http_lookup('$url', 1)),
		sql => $sql,
		needs => 'http',
	};
}

# The three others, of a SELECT from a function of each.
sub all_of
{
	my ($select, $call, $copied) = @_;

	return (
		python("$select FROM py_$call"),
		http("$select FROM http_$call"),
		copied($copied));
}

1;
