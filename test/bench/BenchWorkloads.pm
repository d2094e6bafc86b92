# The workloads, as data.
#
# A workload is a hash:
#	name		what the table calls it
#	latency		ms after which the API answers
#	seed		settings of the simulator
#	via			how the API is reached: plain, tls, file (lists from files)
#	c			max_concurrency
#	before		code that prepares each run; gets the bench
#	rows		what the fdw's statement returns, where that is worth a check
#	show		"bytes": tell what was received
#	ways		see BenchWays; the first is the floor if there is one
package BenchWorkloads;

use strict;
use warnings;

use JSON::PP ();

use BenchWays qw(floor reckoned ours together table python copied http all_of);

# Runs a SELECT to its end without sending the rows anywhere.
my $explain = 'EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF)';

# All columns of service_accounts but attrs, which the others do not have.
my $columns = 'id, username, name, role, expires, created, last_used, '
  . 'creator, creator_name, creator_email, user_id, organization_id';

sub list_100
{
	return {
		name => 'list of 100 accounts',
		latency => 50,
		seed => { accounts => 100 },
		ways => [
			floor('floor_list', 'elements'),
			ours("$explain SELECT * FROM \$schema.service_accounts"),
			all_of("$explain SELECT *", q[list('$url')],
				'CALL curl_list($arguments)'),
		],
	};
}

# Lists come from files: the simulator writes no faster than a client reads.
sub long_list
{
	my ($name, $select, @others) = @_;

	return {
		name => $name,
		via => 'file',
		ways => [
			floor('floor_list', 'elements'),
			ours("$explain SELECT $select FROM \$schema.service_accounts",
				open => "SELECT count(*) FROM \$schema.service_accounts "
				  . "WHERE id = 1; $explain SELECT $select "
				  . 'FROM $schema.short_list'),
			@others,
		],
	};
}

sub long_lists
{
	my ($size) = @_;
	my $count = with_commas($size->{list});
	my $name = "list of $count accounts";
	my %whole = (%{ floor('floor_list', 'whole') }, name => 'floor, whole');

	return (
		long_list("$name, as the others read it", $columns, \%whole,
			all_of("$explain SELECT *", q[list('$url')],
				'CALL curl_list($arguments)')),
		long_list("$name, SELECT *", '*'),
		long_list("$name, two columns", 'id, expires'),
		long_list("$name, count(*)", 'count(*)'),
		{
			name => "LIMIT 10 of $count accounts",
			via => 'file',
			show => 'bytes',
			ways => [
				ours("$explain SELECT * FROM \$schema.service_accounts "
					  . 'LIMIT 10'),
			],
		});
}

sub memberships
{
	my ($size, $via, $concurrency) = @_;
	my $all = "$explain SELECT service_account_id, project_id, project_name, "
	  . 'role FROM $schema.project_memberships';
	my @others = $concurrency == 8 && $via eq 'plain'
	  ? all_of("$explain SELECT *", q[memberships('$url')],
		'CALL curl_memberships($arguments)')
	  : ();

	return {
		name => 'memberships of '
		  . with_commas($size->{fanout})
		  . " accounts, c = $concurrency"
		  . ($via eq 'tls' ? ', HTTP/2' : ''),
		latency => 50,
		via => $via,
		c => $concurrency,
		seed => { accounts => $size->{fanout}, memberships_per_account => 2 },
		ways => [
			floor('floor_fanout', 'memberships', $concurrency, 0, 0),
			ours($all), @others,
		],
	};
}

# The same where the organization lists its projects: no floor goes that way.
sub by_project
{
	my ($size) = @_;
	my $read = 'm.service_account_id, m.project_id, m.role';

	return {
		name => 'memberships of '
		  . with_commas($size->{fanout})
		  . ' accounts in 20 projects, c = 8',
		latency => 50,
		seed => {
			accounts => $size->{fanout},
			projects => 20,
			projects_route => JSON::PP::true,
		},
		ways => [
			ours("$explain SELECT $read "
				  . 'FROM $schema.project_memberships m'),
			{
				%{ ours("$explain SELECT a.username, $read "
						  . 'FROM $schema.service_accounts a '
						  . 'JOIN $schema.project_memberships m '
						  . 'ON m.service_account_id = a.id') },
				name => 'mixpanel_sa_fdw, joined to accounts',
			},
		],
	};
}

sub deletions
{
	my ($concurrency) = @_;
	my @others = $concurrency == 8
	  ? (
		python(q[SELECT count(*) FROM py_delete('$url', 20)]),
		http(q[SELECT count(*) FROM http_delete_above('$url', 20)]),
		copied('CALL curl_delete($arguments, 20)'))
	  : ();

	return {
		name => "100 of 120 accounts deleted, c = $concurrency",
		latency => 50,
		c => $concurrency,
		seed => { accounts => 120 },
		writes => 1,
		ways => [
			floor('floor_fanout', 'delete', $concurrency, 21, 100),
			ours('DELETE FROM $schema.service_accounts WHERE id > 20'),
			@others,
		],
	};
}

# So many statements.
sub each_id
{
	my ($statement) = @_;

	return join ";\n", map { $statement =~ s/\$id/$_/gr } 1 .. 100;
}

sub lookups
{
	my ($via) = @_;
	my $all = "SELECT $columns FROM";

	return {
		name => '100 lookups by id, one by one'
		  . ($via eq 'tls' ? ', TLS' : ''),
		via => $via,
		seed => { accounts => 100 },
		ways => [
			floor('floor_lookup', 100),
			ours(each_id("$all \$schema.service_accounts WHERE id = \$id")),
			table(each_id("$all local_accounts WHERE id = \$id")),
			python(each_id(q[SELECT * FROM py_lookup('$url', $id)])),
			http(each_id(q[SELECT * FROM http_lookup('$url', $id)])),
			copied(each_id('CALL curl_lookup($arguments, $id)')),
		],
	};
}

sub many_ids
{
	my $select = "$explain SELECT m.* FROM \$schema.project_memberships m";
	my $way = sub {
		my ($name, $sql) = @_;
		return { %{ ours($sql) }, name => "mixpanel_sa_fdw, $name" };
	};

	return {
		name => 'memberships of 200 ids, c = 8',
		latency => 50,
		seed => { accounts => 400, memberships_per_account => 2 },
		ways => [
			floor('floor_fanout', 'projects', 8, 1, 200),
			$way->('ANY', "$select WHERE service_account_id = "
				  . 'ANY (ARRAY(SELECT id FROM wanted))'),
			$way->('JOIN',
				"$select JOIN wanted w ON m.service_account_id = w.id"),
			$way->('IN', "$select WHERE service_account_id "
				  . 'IN (SELECT id FROM wanted)'),
		],
	};
}

sub expired
{
	my ($size) = @_;

	return {
		name => '10 of '
		  . with_commas($size->{fanout})
		  . ' accounts joined to memberships',
		latency => 50,
		seed => { accounts => 1 },
		before => sub { $_[0]->seed_expired($size->{fanout}) },
		ways => [
			floor('floor_fanout', 'expired', 8, 0, 0),
			ours("$explain SELECT sa.id, m.* FROM \$schema.service_accounts sa "
				  . 'JOIN $schema.project_memberships m '
				  . 'ON m.service_account_id = sa.id WHERE sa.expires < now()'),
		],
	};
}

sub partitions
{
	my ($kind, $concurrency) = @_;

	return {
		name => "lists of 50 organizations, $kind",
		latency => 50,
		seed => { accounts => 10, organizations => 50 },
		ways => [
			floor('floor_fanout', 'organizations', $concurrency, 123, 50),
			ours("$explain SELECT * FROM "
				  . ($kind eq 'one server' ? 'shared' : 'apart')),
		],
	};
}

sub insertion
{
	return {
		name => '1,000 memberships inserted, 100 accounts x 10 projects',
		latency => 50,
		seed =>
		  { accounts => 100, projects => 10, memberships_per_account => 0 },
		writes => 1,
		ways => [
			ours('INSERT INTO $schema.project_memberships '
				  . '(service_account_id, project_id, role) '
				  . 'SELECT a, p, \'analyst\' FROM generate_series(1, 100) a, '
				  . 'generate_series(1001, 1010) p'),
		],
	};
}

# Eight sessions with so many lookups each, on an API that allows so many
# requests a second: no way can take less than the quota's own time.
sub crowd
{
	my ($sessions, $lookups, $rate) = @_;
	my $count = $sessions * $lookups;
	my @statements = map {
		my $first = 2 + $_ * $lookups;
		my $last = $first + $lookups - 1;

		"SELECT count(*) FROM \$schema.project_memberships "
		  . 'WHERE service_account_id = ANY (ARRAY(SELECT '
		  . "generate_series($first, $last)))";
	} 0 .. $sessions - 1;

	return {
		name => "$lookups lookups in each of $sessions sessions, "
		  . "$rate requests a second allowed",
		seed => { accounts => $count + 10, rate_limit => $rate },
		ways => [
			reckoned(
				ms => 1000 * $count / $rate,
				requests => $count,
				refused => 0),
			together('mixpanel_sa_fdw', '', @statements),
			together("mixpanel_sa_fdw, rate_limit",
				", rate_limit '$rate/s'", @statements),
		],
	};
}

# 100000 as "100,000".
sub with_commas
{
	my ($number) = @_;

	1 while $number =~ s/(\d)(\d{3})(?!\d)/$1,$2/;
	return $number;
}

# All of them.  The size has list and fanout: accounts in the long list and in
# the wide fan-out.
sub all
{
	my ($size) = @_;

	return (
		list_100(),
		long_lists($size),
		(map { memberships($size, 'plain', $_) } 8, 16, 64),
		(map { memberships($size, 'tls', $_) } 8, 16, 64),
		(map { deletions($_) } 8, 16, 64),
		lookups('plain'),
		lookups('tls'),
		many_ids(),
		expired($size),
		by_project($size),
		partitions('a server each', 50),
		partitions('one server', 8),
		insertion(),
		crowd(8, 48, 30));
}

1;
