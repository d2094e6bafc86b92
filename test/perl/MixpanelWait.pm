# Statements that wait for the network, in every phase in which one can: how
# each wait is brought about, and how one tells that it is reached.
#
# Owns a simulator, a foreign server and a schema of the same name for each
# phase, so that sessions can wait in all of them at the same time.  Nothing
# that is waited for comes within minutes.  Knows nothing of how a wait ends.
package MixpanelWait;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use MixpanelProcess qw(count_threads count_sockets);
use MixpanelSimulator;
use MixpanelTest;

use constant ACCOUNTS => 50;
use constant HANGING_NAME => 'resolves-never.test';

my $list = 'SELECT count(*) FROM service_accounts';
my $fan_out = 'SELECT count(*) FROM project_memberships';
my $add = 'INSERT INTO project_memberships '
  . '(service_account_id, project_id, role) VALUES (9, 1001, \'admin\')';
my $create = q(INSERT INTO service_accounts (username) VALUES ('new') )
  . 'RETURNING length(secret)';

my %patience = map { $_ => '10min' }
  qw(connect_timeout request_timeout max_retry_wait);
my %later = (headers => { 'Retry-After' => '500' });
my $hang = { hang => 'headers' };
my $hang_each = { path => '/projects$', count => 0, hang => 'headers' };
my $hang_post = { method => 'POST', hang => 'headers' };

# The quota has nothing to give, because of another session.
my %bucket = (
	limits => { rate_limit => '1/h', max_retry_wait => '120min' },
	other => $list,
	until => 'tokens < 1',
);
my %slot = (
	limits => { shared_concurrency => 1 },
	fault => $hang,
	other => $list,
	until => 'in_flight = 1',
	stays => 1,
);
my %held = (
	fault => { status => 503, %later },
	other => $list,
	until => 'not_before > now()',
);

my $not_sent = qr/^Applied: 0\.\nNot applied: \d+ \(.*\)\.$/;
my $not_known = qr/^Applied: 0\.\nNot applied: 0\.\nSent, but whether it was applied is not known: \d+ \(.*\)\.$/;

# A phase:
#	name
#	sql			in a session whose search_path is the phase's schema
#	setup		statements run once in that schema
#	fault		of the simulator: one or several
#	url			where the server leads instead of to the simulator
#	options		of the server
#	limits		options that it has while the phase is armed
#	other		what another session of the server has sent before
#	until		what the quota shows then
#	stays		that session goes on until the phase is healed
#	waiting		the quota shows that so many requests wait for it
#	in_flight	requests that the simulator has not answered, 0 if not given
#	requests	that it has seen, where in_flight does not tell enough
#	least		the same, at least
#	waits		what the backend waits for, 'Extension' if not given
#	commit		what is told of the changes: it waits at COMMIT
#	warns		a warning that comes with the end
my @reads = (
	{ name => 'resolving a name', url => 'hanging_name', sql => $list },
	{ name => 'connecting', url => 'full', sql => $list },
	{ name => 'in a TLS handshake', url => 'silent_tls', sql => $list },
	{ name => 'waiting for the first byte', url => 'silent', sql => $list },
	{
		name => 'waiting for headers',
		fault => $hang,
		sql => $list,
		in_flight => 1,
	},
	{
		name => 'in the middle of a body',
		fault => { hang => 'body' },
		sql => $list,
		in_flight => 1,
	},
	{
		name => 'while a body comes byte by byte',
		fault => { drip_ms => 200 },
		sql => $list,
		in_flight => 1,
	},
	{
		name => 'in backoff',
		fault => { status => 503, %later },
		sql => $list,
		requests => 1,
	},
	{
		name => 'in a fan-out',
		fault => $hang_each,
		sql => $fan_out,
		in_flight => 8,
	},
	{
		name => 'in a fan-out that backs off',
		# The first answer holds back what has not been sent by then.
		fault => {
			path => '/projects$',
			count => 0,
			status => 503,
			delay_ms => 1000,
			%later
		},
		sql => $fan_out,
		least => 1 + 2,
	},
	{
		name => 'for a token of the quota',
		%bucket,
		sql => $list,
		waiting => 1,
	},
	{
		name => 'for a slot of the quota',
		%slot,
		sql => $list,
		waiting => 1,
		in_flight => 1,
	},
	{
		name => 'where another session was told to come later',
		%held,
		sql => $list,
		waiting => 1,
	},
	{
		name => 'in a fan-out, for a token of the quota',
		%bucket,
		sql => "$fan_out WHERE service_account_id BETWEEN 2 AND 4 "
		  . 'AND service_account_id IN (2, 3, 4)',
		waiting => 3,
	},
	{
		name => 'in a create that has no slot yet',
		%slot,
		sql => $create,
		waiting => 1,
		in_flight => 1,
	},
	{
		name => 'in a FETCH',
		fault => { %{$hang_each}, nth => 3 },
		sql => 'BEGIN; DECLARE c CURSOR FOR SELECT * FROM '
		  . 'project_memberships; FETCH 4 FROM c; FETCH 1 FROM c',
		in_flight => 8,
	},
	{
		name => 'in a lookup join',
		setup => 'CREATE TABLE wanted AS SELECT id FROM generate_series(1, 20) id; '
		  . 'ANALYZE wanted',
		fault => $hang_each,
		sql => 'SELECT count(*) FROM wanted JOIN project_memberships '
		  . 'ON service_account_id = id',
		plan => qr/MixpanelLookupJoin/,
		in_flight => 8,
	},
	{
		name => 'in an append of several servers',
		setup => \&_make_partitions,
		fault => { %{$hang}, count => 0 },
		sql => 'SELECT count(*) FROM everywhere',
		plan => qr/(?:Async Foreign Scan.*){3}/s,
		in_flight => 3,
		waits => 'IPC',
	},
	{
		name => 'in COPY TO',
		fault => { hang => 'body' },
		sql => "COPY ($list) TO STDOUT",
		in_flight => 1,
	},
	{
		name => 'in CREATE TABLE AS',
		fault => $hang_each,
		sql => 'CREATE TABLE copied AS SELECT * FROM project_memberships',
		in_flight => 8,
	},
	{
		name => 'in EXPLAIN ANALYZE',
		fault => $hang_each,
		sql => "EXPLAIN ANALYZE $fan_out",
		in_flight => 8,
	},
	{
		name => 'in ANALYZE',
		fault => { hang => 'body' },
		sql => 'ANALYZE service_accounts',
		in_flight => 1,
	},
	{
		name => 'in mixpanel_sa_fdw_check()',
		fault => { path => '/projects$', %{$hang} },
		sql => 'SELECT count(*) FROM mixpanel_sa_fdw_check(current_schema())',
		in_flight => 1,
	},
	{
		name => 'in the read of a DELETE',
		fault => $hang,
		sql => 'DELETE FROM service_accounts WHERE id = 7',
		in_flight => 1,
	},
	{
		name => 'in the read of an UPDATE',
		fault => $hang,
		sql => 'UPDATE project_memberships SET role = \'owner\' '
		  . 'WHERE service_account_id = 7',
		in_flight => 1,
	},
	{
		name => 'in a create that is to be sent again',
		fault => { method => 'POST', status => 503, %later },
		sql => $create,
		requests => 1,
	},
	{
		name => 'looking for what became of a create',
		fault => [ { method => 'POST', status => 500 }, $hang ],
		sql => $create,
		in_flight => 1,
		warns => qr/^service account "new" may have been created on server /,
	},
);

my @commits = (
	{
		name => 'at COMMIT of an addition',
		fault => $hang_post,
		sql => $add,
		in_flight => 1,
		commit => $not_known,
	},
	{
		name => 'at COMMIT of a removal',
		fault => $hang_post,
		sql => 'BEGIN; DELETE FROM project_memberships '
		  . 'WHERE service_account_id = 5; COMMIT',
		in_flight => 1,
		commit => $not_known,
	},
	{
		name => 'at COMMIT of a change of role',
		fault => $hang_post,
		sql => 'BEGIN; UPDATE project_memberships SET role = \'owner\' '
		  . 'WHERE service_account_id = 5; COMMIT',
		in_flight => 1,
		commit => $not_known,
	},
	{
		name => 'at COMMIT of single additions',
		options => { membership_write => 'single' },
		fault => { %{$hang_post}, count => 0 },
		sql => 'INSERT INTO project_memberships '
		  . '(service_account_id, project_id, role) '
		  . 'SELECT i, 1001, \'admin\' FROM generate_series(11, 30) i',
		in_flight => 8,
		commit =>
		  qr/^Applied: 0\.\nNot applied: 12 \(.*\)\.\nSent, but .*: 8 \(.*\)\.$/,
	},
	{
		name => 'at COMMIT of deletions',
		fault => { method => 'DELETE', count => 0, hang => 'headers' },
		sql => 'BEGIN; DELETE FROM service_accounts '
		  . 'WHERE id BETWEEN 31 AND 45; COMMIT',
		in_flight => 8,
		commit =>
		  qr/^Applied: 0\.\nNot applied: 7 \(.*\)\.\nSent, but .*: 8 \(.*\)\.$/,
	},
	{
		name => 'at COMMIT, in backoff',
		fault => { method => 'DELETE', status => 503, %later },
		sql => 'DELETE FROM service_accounts WHERE id = 7',
		requests => 2,
		commit => $not_sent,
	},
	{
		name => 'at COMMIT, for a token of the quota',
		%bucket,
		sql => $add,
		waiting => 1,
		commit => $not_sent,
	},
	{
		name => 'at COMMIT, for a slot of the quota',
		%slot,
		sql => $add,
		waiting => 1,
		in_flight => 1,
		commit => $not_sent,
	},
	{
		name => 'at COMMIT, where another session was told to come later',
		%held,
		sql => $add,
		waiting => 1,
		commit => $not_sent,
	},
	{
		name => 'at COMMIT, looking for who is to blame',
		fault => [ { method => 'POST', status => 404 }, $hang ],
		sql => $add,
		in_flight => 1,
		commit => $not_sent,
	},
	{
		name => 'at COMMIT, resolving a name',
		url => 'hanging_name',
		sql => $add,
		commit => $not_sent,
	},
	{
		name => 'at COMMIT, connecting',
		url => 'full',
		sql => $add,
		commit => $not_sent,
	},
	{
		name => 'at COMMIT, in a TLS handshake',
		url => 'silent_tls',
		sql => $add,
		commit => $not_sent,
	},
	{
		name => 'at COMMIT of a COPY FROM',
		fault => $hang_post,
		sql => 'COPY project_memberships (service_account_id, project_id, role) '
		  . "FROM STDIN;\n9\t1001\tadmin\n\\.\nSELECT 1",
		in_flight => 1,
		commit => $not_known,
	},
	{
		name => 'at COMMIT in a procedure',
		setup => 'CREATE PROCEDURE work() LANGUAGE plpgsql AS '
		  . "\$\$ BEGIN $add; COMMIT; END \$\$",
		fault => $hang_post,
		sql => 'CALL work()',
		in_flight => 1,
		commit => $not_known,
	},
);

# What the test's cluster needs in its postgresql.conf.
sub config
{
	return 'max_connections = ' . (@reads + @commits + 30) . "\n"
	  . "shared_preload_libraries = 'mixpanel_sa_fdw'\n";
}

# Builds a resolver that hangs, in a folder, and puts it into the environment
# of what is started from now on; false where that cannot be done.
sub hang_resolver
{
	my ($folder) = @_;
	my $library = "$folder/resolver.so";
	my $file = "$folder/resolver_hangs";

	return 0 unless -d '/proc/self/task';
	system(
		'cc', '-D_GNU_SOURCE', '-shared', '-fPIC', '-o', $library,
		'test/preload/resolver.c', '-ldl') == 0 or return 0;
	open my $handle, '>', $file or die "$file: $!";
	close $handle;
	$ENV{LD_PRELOAD} = $library;
	$ENV{MP_HANGING_NAME} = HANGING_NAME;
	$ENV{MP_HANGING_WHILE} = $file;
	return 1;
}

# Lets it find that there is no such name.
sub release_resolver
{
	unlink $ENV{MP_HANGING_WHILE};
	return;
}

# The phases, on a test's cluster.
sub new
{
	my ($class, $test) = @_;
	my $self = bless { test => $test, number => 0 }, $class;

	# Connecting to it never ends: its queue is full.
	$self->{full} = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
		Listen => 1) // die "no socket: $!";
	$self->{queue} = [
		map {
			IO::Socket::INET->new(PeerAddr => '127.0.0.1',
				PeerPort => $self->{full}->sockport, Blocking => 0)
		} 1 .. 8
	];
	# It takes connections and says nothing.
	$self->{silent} = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
		Listen => 50) // die "no socket: $!";

	my ($full, $silent) = map { $self->{$_}->sockport } qw(full silent);
	$self->{urls} = {
		full => "http://127.0.0.1:$full",
		silent => "http://127.0.0.1:$silent",
		silent_tls => "https://127.0.0.1:$silent",
	};
	$self->{urls}{hanging_name} = 'https://' . HANGING_NAME
	  if $ENV{MP_HANGING_WHILE};
	$self->{phases} = [
		map { $self->_add({ %{$_} }) }
		grep { !$_->{url} || $self->{urls}{ $_->{url} } }
		# Those that share a quota take theirs while there are any.
		sort { !$a->{other} <=> !$b->{other} } @reads, @commits
	];
	return $self;
}

# Each a hash as above, with more that is known here.
sub phases { return @{ $_[0]->{phases} }; }

sub _add
{
	my ($self, $phase) = @_;
	my $simulator = $phase->{simulator} =
	  MixpanelSimulator->start(accounts => ACCOUNTS);
	my $name = $phase->{schema} = 'p' . ++$self->{number};
	my $sql = server_statements($name, $simulator->base_url,
		{ %patience, %{ $phase->{options} // {} } })
	  . "IMPORT FOREIGN SCHEMA mixpanel FROM SERVER $name INTO $name; "
	  . "SET search_path = $name; "
	  . (ref $phase->{setup} ? $phase->{setup}->($self, $phase)
		: $phase->{setup} // '') . '; RESET search_path';

	$self->{test}->rows($sql);
	return $phase;
}

# Statements that make a server of that name and a schema for its tables.
sub server_statements
{
	my ($name, $base_url, $options) = @_;
	my ($username, $secret) = split /:/, MixpanelSimulator::LOGIN;
	my %options = (
		base_url => $base_url,
		organization_id => 123,
		%{ $options // {} });

	return "CREATE SERVER $name FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS ("
	  . join(', ', map { "$_ '$options{$_}'" } sort keys %options) . '); '
	  . "CREATE USER MAPPING FOR CURRENT_USER SERVER $name "
	  . "OPTIONS (username '$username', secret '$secret'); "
	  . "CREATE SCHEMA $name; ";
}

sub _make_partitions
{
	my ($self, $phase) = @_;
	my $sql = 'CREATE TABLE everywhere (id bigint, organization_id bigint) '
	  . 'PARTITION BY LIST (organization_id);';

	foreach my $i (1 .. 3)
	{
		my $name = "$phase->{schema}_$i";

		$sql .= server_statements($name, $phase->{simulator}->base_url,
			\%patience)
		  . "CREATE FOREIGN TABLE everywhere_$i PARTITION OF everywhere "
		  . "FOR VALUES IN ($i) SERVER $name "
		  . 'OPTIONS (object \'service_accounts\');';
	}
	return $sql;
}

# A new session for a phase.
sub session
{
	my ($self, $phase) = @_;
	my $session = $self->{test}->connect;

	$session->rows("SET search_path = $phase->{schema}, public");
	return $session;
}

# Have what the phase's statement asks for not come.
sub arm
{
	my ($self, $phase) = @_;
	my $fault = $phase->{fault} // [];

	$self->_take_connections;
	$self->_unlimit($phase);
	$phase->{simulator}->reset;
	$phase->{simulator}->fault(%{$_})
	  foreach ref $fault eq 'ARRAY' ? @{$fault} : $fault;
	$self->_lead($phase, $self->{urls}{ $phase->{url} }) if $phase->{url};
	$self->_lead($phase, $phase->{limited_url} // $phase->{simulator}->another_url)
	  unless $phase->{url};
	$self->_limit($phase) if $phase->{other};
	return;
}

# Have another session use up what the quota gives.  A phase's quota stays its
# own, for there are not many of them.
sub _limit
{
	my ($self, $phase) = @_;
	my $is_so = sub { $self->quota($phase, $phase->{until}) eq 't' };

	$phase->{limited_url} = $phase->{leads_to};
	$self->{test}->rows(_options($phase, 'ADD')) if $phase->{limits};
	$phase->{limited} = 1;
	return if $is_so->();
	$phase->{other_session} = $self->session($phase)->begin($phase->{other});
	MixpanelTest::wait_until($is_so)
	  or die "$phase->{name}: not $phase->{until}\n";
	$self->_end_other($phase) unless $phase->{stays};
	return;
}

sub _unlimit
{
	my ($self, $phase) = @_;

	return unless delete $phase->{limited};
	$self->_end_other($phase);
	$self->{test}->rows(_options($phase, 'DROP')) if $phase->{limits};
	return;
}

# What it has in flight goes with its statement.
sub _end_other
{
	my ($self, $phase) = @_;
	my $other = delete $phase->{other_session} // return;

	$self->{test}->rows('SELECT pg_cancel_backend(' . $other->pid . ')');
	$other->end;
	$other->quit;
	return;
}

# Add the phase's limits to its server, or drop them; max_retry_wait is there
# already.
sub _options
{
	my ($phase, $action) = @_;
	my %limits = %{ $phase->{limits} };
	my $longest = delete $limits{max_retry_wait};
	my @changes = map { "$action $_" . ($action eq 'ADD' ? " '$limits{$_}'" : '') }
	  sort keys %limits;

	push @changes, 'SET max_retry_wait \''
	  . ($action eq 'ADD' ? $longest : $patience{max_retry_wait}) . '\''
	  if $longest;
	return "ALTER SERVER $phase->{schema} OPTIONS (" . join(', ', @changes)
	  . ')';
}

# A row of mixpanel_sa_fdw_quota() of the phase.
sub quota
{
	my ($self, $phase, $columns) = @_;

	return $self->{test}->rows("SELECT $columns FROM mixpanel_sa_fdw_quota() "
		  . "WHERE base_url = '$phase->{leads_to}'");
}

# Those of the silent listener would fill its queue; forget the ones that the
# client has closed.
sub _take_connections
{
	my ($self) = @_;
	my $taken = $self->{taken} //= IO::Select->new;

	$taken->add(scalar $self->{silent}->accept)
	  while IO::Select->new($self->{silent})->can_read(0);
	foreach my $socket ($taken->can_read(0))
	{
		$taken->remove($socket) unless sysread $socket, my $bytes, 65536;
	}
	return;
}

# Everything answers again.
sub heal
{
	my ($self, $phase) = @_;

	$self->_unlimit($phase);
	$phase->{simulator}->clear_faults;
	$self->_lead($phase, $phase->{simulator}->another_url);
	return;
}

sub _lead
{
	my ($self, $phase, $url) = @_;

	$phase->{leads_to} = $url;
	$self->{test}->rows(
		"ALTER SERVER $phase->{schema} OPTIONS (SET base_url '$url')");
	return;
}

# Begins the phase's statement in a session, and comes back when it waits there.
sub enter
{
	my ($self, $phase, $session) = @_;

	$self->arm($phase);
	$session->begin($phase->{sql});
	my $reached = 0;
	MixpanelTest::wait_until(
		sub {
			$reached = $self->is_there($phase, $session->pid);
			$reached || !$session->is_busy;
		});
	die "$phase->{name}: not reached\n"
	  . ($session->is_busy ? '' : $session->end->{raw})
	  unless $reached;
	return;
}

# Does a backend wait where the phase says?
sub is_there
{
	my ($self, $phase, $pid) = @_;
	my $url = $phase->{url} // '';
	my $waits = $phase->{waits} // 'Extension';

	if ($url eq 'hanging_name')
	{
		return 0 if count_threads($pid) < 2;
	}
	elsif ($url)
	{
		my ($socket, $state) =
		  $url eq 'full' ? ('full', 'SYN_SENT') : ('silent', 'ESTABLISHED');

		return 0
		  unless count_sockets($pid, $self->{$socket}->sockport, $state);
	}
	my $counts = $phase->{simulator}->counts;
	return 0 if ($phase->{in_flight} // 0) != $counts->{in_flight};
	return 0
	  if defined $phase->{requests}
	  && $phase->{requests} != $counts->{requests};
	return 0 if $counts->{requests} < ($phase->{least} // 0);
	return 0
	  if $phase->{waiting}
	  && $self->quota($phase, 'waiting') ne $phase->{waiting};
	return $self->{test}->rows("SELECT wait_event_type = '$waits' "
		  . "FROM pg_stat_activity WHERE pid = $pid") eq 't';
}

1;
