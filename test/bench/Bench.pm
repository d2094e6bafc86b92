# Everything a workload runs on: simulator, proxy, database, and the measuring
# of one run of one way.
#
# Owns the simulator and the proxy.  The database is the one that libpq's
# environment names, and empty.
package Bench;

use strict;
use warnings;

use Time::HiRes qw(time);

use MixpanelSession;
use MixpanelSimulator;

use BenchProxy;

# An organization of its own for the list that is short.
use constant SHORT => 124;

# So many statements' worth of seconds for one way.
use constant PATIENCE => 60;

sub new
{
	my ($class, %options) = @_;
	my $self = bless {%options}, $class;
	my $simulator = $self->{simulator} = MixpanelSimulator->start;

	$self->{proxy} = BenchProxy->start($options{nginx}, $options{folder},
		$simulator->port);
	$self->{base_url} = {
		plain => $simulator->base_url,
		map { $_ => $self->{proxy}->base_url($_) } qw(tls file),
	};
	$self->{session} = MixpanelSession->new('');
	$self->_put_lists($options{list});
	$self->_set_up;
	return $self;
}

# Is this extension there to be created?
sub offers
{
	my ($self, $extension) = @_;

	return $self->{session}->rows('SELECT count(*) FROM '
		  . "pg_available_extensions WHERE name = '$extension'");
}

sub _put_lists
{
	my ($self, $long) = @_;
	my $simulator = $self->{simulator};
	my %size = (123 => $long, SHORT() => 100);

	foreach my $organization (sort keys %size)
	{
		$simulator->reset(organization => $organization,
			accounts => $size{$organization}, memberships_per_account => 0);
		my $path = "/organizations/$organization/service-accounts";
		my $answer = $simulator->api('GET', $path);

		die "no list: $answer->{status}\n" unless $answer->{success};
		$self->{proxy}->put_list($organization, $answer->{content});
	}
	$simulator->reset;
	return;
}

sub _set_up
{
	my ($self) = @_;
	my $session = $self->{session};
	my $run = sub { $session->rows($_[0]) };

	$run->('CREATE EXTENSION mixpanel_sa_fdw; CREATE SCHEMA work;'
		  . 'ALTER DATABASE postgres SET search_path = public, work;'
		  . 'SET search_path = public, work');
	foreach my $via (qw(plain tls file))
	{
		$run->("CREATE SCHEMA $via");
		$run->($self->_server($via, $via, 'organization_id \'123\'')
			  . "; IMPORT FOREIGN SCHEMA mixpanel FROM SERVER $via INTO $via");
	}
	$run->('ALTER SERVER tls OPTIONS (ADD ca_file \''
		  . $self->{proxy}->ca_file . '\')');
	$run->('IMPORT FOREIGN SCHEMA mixpanel LIMIT TO (service_accounts) '
		  . 'FROM SERVER file INTO work; '
		  . 'ALTER FOREIGN TABLE work.service_accounts OPTIONS '
		  . '(ADD organization_id \''
		  . SHORT . '\'); ALTER FOREIGN TABLE work.service_accounts '
		  . 'RENAME TO short_list; '
		  . 'ALTER FOREIGN TABLE work.short_list SET SCHEMA file');
	$run->('CREATE TABLE wanted AS SELECT id FROM generate_series(1, 200) id;'
		  . 'CREATE TABLE local_accounts (LIKE plain.service_accounts);'
		  . 'ALTER TABLE local_accounts ADD PRIMARY KEY (id);'
		  . 'INSERT INTO local_accounts SELECT * FROM file.short_list;'
		  . 'ANALYZE wanted, local_accounts');
	$run->($self->_partitions('shared', sub { 'plain' })
		  . $self->_partitions('apart', sub { "org_$_[0]" }));
	foreach my $peer (qw(plpython3u http))
	{
		my $file = $peer eq 'http' ? 'peers_http.sql' : 'peers.sql';

		next unless $self->{offers}{$peer} = $self->offers($peer);
		$run->("\\i $self->{home}/$file");
	}
	return;
}

sub _server
{
	my ($self, $name, $via, $options) = @_;
	my ($username, $secret) = split /:/, MixpanelSimulator::LOGIN;

	return "CREATE SERVER $name FOREIGN DATA WRAPPER mixpanel_sa_fdw "
	  . "OPTIONS (base_url '$self->{base_url}{$via}', $options); "
	  . "CREATE USER MAPPING FOR CURRENT_USER SERVER $name "
	  . "OPTIONS (username '$username', secret '$secret')";
}

# A table of 50 organizations, each on the server that is named by the code.
sub _partitions
{
	my ($self, $table, $server) = @_;
	my $sql = "CREATE TABLE $table (id bigint, username text, "
	  . 'expires timestamptz, organization_id bigint) '
	  . "PARTITION BY LIST (organization_id);\n";

	foreach my $id (123 .. 172)
	{
		my $name = $server->($id);

		$sql .= $self->_server($name, 'plain', "organization_id '$id'") . ";\n"
		  if $name ne 'plain';
		$sql .= "CREATE FOREIGN TABLE work.${table}_$id "
		  . "PARTITION OF $table FOR VALUES IN ($id) SERVER $name "
		  . "OPTIONS (object 'service_accounts', organization_id '$id');\n";
	}
	return $sql;
}

# So many accounts, of which ids 2 to 11 have expired, with one membership each.
sub seed_expired
{
	my ($self, $count) = @_;

	$self->{simulator}->add_accounts(
		map {
			{
				username => "bot-$_",
				expires => $_ <= 11
				? '2020-01-01T00:00:00Z'
				: '2999-01-01T00:00:00Z',
				id => $_,
			}
		} 2 .. $count);
	$self->{simulator}
	  ->add_memberships(map { [ $_, 1001, 'analyst' ] } 2 .. $count);
	return;
}

sub _seed
{
	my ($self, $workload) = @_;

	$self->{simulator}->reset(%{ $workload->{seed} // {} });
	$workload->{before}->($self) if $workload->{before};
	return;
}

# Ready for the runs of a workload.
sub prepare
{
	my ($self, $workload) = @_;
	my $via = $workload->{via} //= 'plain';
	my $limit = $workload->{c} // 8;

	$self->{session}->rows("ALTER SERVER $via OPTIONS ("
		  . ($self->{limited}{$via}++ ? 'SET' : 'ADD')
		  . " max_concurrency '$limit')");
	$self->_seed($workload);
	return;
}

# One run of one way: a hash of ms, requests, connections, growth (kB of the
# process that reads), refused (answers 429), and rows where they are known.
sub run
{
	my ($self, $workload, $way) = @_;

	$self->{simulator}->set(latency_ms => 0);
	$self->_seed($workload) if $workload->{writes};
	my $result =
		$way->{known} ? $way->{known}
	  : $way->{program} ? $self->_run_program($workload, $way)
	  : $way->{sessions} ? $self->_run_sessions($workload, $way)
	  : $self->_run_sql($workload, $way);
	$result->{round_trips} = $result->{ms} / $workload->{latency}
	  if $workload->{latency};
	return $result;
}

sub _begin
{
	my ($self, $workload) = @_;

	$self->{simulator}->set(latency_ms => $workload->{latency} // 0);
	$self->{simulator}->clear_log;
	$self->{proxy}->clear;
	return;
}

sub _counts
{
	my ($self, $workload) = @_;
	my $counts = $self->{simulator}->counts;

	return $counts if $workload->{via} eq 'plain';
	return $self->{proxy}->counts($counts->{requests} || 1);
}

# A floor program begins with a request that is not counted.
sub _run_program
{
	my ($self, $workload, $way) = @_;
	my ($program, @arguments) = @{ $way->{program} };

	local $ENV{BENCH_BASE_URL} = $self->{base_url}{ $workload->{via} };
	local $ENV{BENCH_LOGIN} = MixpanelSimulator::LOGIN;
	local $ENV{BENCH_CA_FILE} = $self->_ca_file($workload);
	$self->_begin($workload);
	open my $pipe, '-|', "$self->{home}/build/$program", @arguments
	  or die "$program: $!\n";
	my $line = <$pipe> // '';
	close $pipe or die "$program failed\n";
	my %result = $line =~ /(\w+)=(\S+)/g;
	my $counts = $self->_counts($workload);

	$result{requests} = $counts->{requests} - 1;
	$result{connections} = $counts->{connections};
	return \%result;
}

sub _run_sql
{
	my ($self, $workload, $way) = @_;
	my $session = MixpanelSession->new('');
	my $peak = q{SELECT (regexp_match(pg_read_file('/proc/self/status'), }
	  . q{'VmHWM:\s+(\d+)'))[1]};

	$session->rows($self->_fill($workload, $way->{open}));
	my $before = $session->rows($peak);
	$session->rows('SELECT mixpanel_sa_fdw_stats_reset()');
	$self->_begin($workload);
	my $out = $session->rows("\\timing on\n"
		  . $self->_fill($workload, $way->{sql})
		  . ";\n\\timing off\n");
	my $counts = $self->_counts($workload);
	my %result = (
		ms => 0,
		requests => $counts->{requests},
		connections => $counts->{connections},
		growth => $session->rows($peak) - $before,
	);

	$result{ms} += $1 while $out =~ /^Time: ([0-9.]+) ms/mg;
	$result{bytes} = $session->rows(
		'SELECT coalesce(sum(bytes_received), 0) FROM mixpanel_sa_fdw_stats()')
	  if ($workload->{show} // '') eq 'bytes';
	# an aggregate's rows are not what was read
	$result{rows} = $1
	  if $out !~ /^Aggregate/ && $out =~ /\(actual rows=(\d+)/;
	$session->quit;
	return \%result;
}

# The quota remembers what a server has answered, so each run has a server and
# an organization of its own.
sub _run_sessions
{
	my ($self, $workload, $way) = @_;
	my $organization = 2000 + ++$self->{crowds};
	my $name = "crowd_$organization";
	my @sessions = map { MixpanelSession->new('') } @{ $way->{sessions} };

	$self->{session}->rows("CREATE SCHEMA $name; "
		  . $self->_server($name, 'plain',
			"organization_id '$organization'" . ($way->{options} // ''))
		  . "; IMPORT FOREIGN SCHEMA mixpanel FROM SERVER $name INTO $name");
	$self->{simulator}
	  ->reset(%{ $workload->{seed} }, organization => $organization);
	$self->_begin($workload);
	my $begun = time();
	foreach my $i (0 .. $#sessions)
	{
		my $sql = $way->{sessions}[$i] =~ s/\$schema\b/$name/gr;

		$sessions[$i]->begin("SET search_path = $name; $sql");
	}
	foreach my $session (@sessions)
	{
		my $result = $session->end;

		die "$way->{name}: $result->{message}\n" if $result->{code};
	}
	my $ms = 1000 * (time() - $begun);
	my $counts = $self->_counts($workload);

	$_->quit foreach @sessions;
	return {
		ms => $ms,
		requests => $counts->{requests},
		connections => $counts->{connections},
		refused => scalar(grep { ($_->{status} // 0) == 429 }
			  @{ $self->{simulator}->log }),
	};
}

sub _ca_file
{
	my ($self, $workload) = @_;

	return $workload->{via} eq 'tls' ? $self->{proxy}->ca_file : '';
}

# Statements for the workload's way to the API.
sub _fill
{
	my ($self, $workload, $sql) = @_;
	my %value = (
		url => "$self->{base_url}{ $workload->{via} }"
		  . '/organizations/123/service-accounts',
		login => MixpanelSimulator::LOGIN,
		ca => $self->_ca_file($workload),
		schema => $workload->{via},
	);

	$sql =~ s/\$(url|login|ca|schema)\b/$value{$1}/g;
	return $sql;
}

1;
