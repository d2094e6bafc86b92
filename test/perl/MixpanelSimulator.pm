# Runs the API simulator (test/simulator) for a test, and steers it.
#
# Owns the process and the calls of its control path.  Knows nothing of
# PostgreSQL; core modules only.
package MixpanelSimulator;

use strict;
use warnings;

use Errno qw(ECONNRESET);
use File::Basename qw(dirname);
use File::Spec;
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use IPC::Open3;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use POSIX ':sys_wait_h';
use Time::HiRes qw(sleep time);

use constant LOGIN => 'admin-bot.mp-service-account:admin-secret';
use constant START_SECONDS => 20;
use constant STOP_SECONDS  => 10;

# Where the program is: MP_SIMULATOR, or beside this module's folder.
sub program
{
	return $ENV{MP_SIMULATOR} if $ENV{MP_SIMULATOR};
	return File::Spec->rel2abs(dirname(__FILE__) . '/../simulator/simulator');
}

# Starts a simulator.  The arguments are its options without the dashes, with
# - or _: start(document => 'nested', accounts => 100).  Usernames are as they
# were asked for, without the suffix that a real server adds, unless an option
# says otherwise: most tests are about something else.
sub start
{
	my ($class, %options) = @_;
	my @command = (program(), '--die-with-stdin');

	$options{username_suffix} //= 'false';

	foreach my $name (sort keys %options)
	{
		(my $option = $name) =~ tr/_/-/;
		push @command, "--$option", $options{$name};
	}
	push @command, '--port', 0 unless exists $options{port};

	# The simulator ends when this pipe closes, even if the test is killed.
	my $pid = open3(my $in, my $out, '>&STDERR', @command);
	my $self = bless { pid => $pid, in => $in, out => $out,
		owner => $$ }, $class;
	$self->_connect($self->_read_port);
	return $self;
}

# Steers a simulator that runs already.
sub attach
{
	my ($class, $port) = @_;
	my $self = bless {}, $class;

	$self->_connect($port);
	return $self;
}

sub _read_port
{
	my ($self) = @_;
	my $line = eval {
		local $SIG{ALRM} = sub { die "timeout\n" };
		alarm START_SECONDS;
		my $read = readline $self->{out};
		alarm 0;
		$read;
	};

	alarm 0;
	if (defined $line && $line =~ /^listening on 127\.0\.0\.1:(\d+)$/)
	{
		return $1;
	}
	$self->stop;
	die 'the simulator (' . program() . ") does not start\n";
}

sub _connect
{
	my ($self, $port) = @_;

	$self->{port} = $port;
	# HTTP::Tiny writes head and body apart.  On a connection that is kept, the
	# body then waits 40 ms for a delayed acknowledgement.
	my %options = (timeout => 60, proxy => undef, http_proxy => undef);
	$self->{http} = HTTP::Tiny->new(%options, keep_alive => 1);
	$self->{control} = HTTP::Tiny->new(%options, keep_alive => 0);
	return;
}

sub port
{
	my ($self) = @_;
	return $self->{port};
}

sub pid
{
	my ($self) = @_;
	return $self->{pid};
}

# What the option base_url of a foreign server takes.
sub base_url
{
	my ($self) = @_;
	return "http://127.0.0.1:$self->{port}/api/app";
}

# Each time another one that leads to the same place.  What the server has asked
# of all requests is remembered by base URL, and longer than a session lives.
sub another_url
{
	my ($self) = @_;
	my $number = ++$self->{urls};

	return "http://127.0.0.1:$self->{port}/$number/../api/app";
}

# One call of the control path; dies with the simulator's own words.
sub control
{
	my ($self, $method, $path, $body) = @_;
	my %request;

	if (defined $body)
	{
		$request{content} = JSON::PP->new->utf8->encode($body);
		$request{headers} = { 'Content-Type' => 'application/json' };
	}
	my $url = "http://127.0.0.1:$self->{port}/control/$path";
	my $answer = $self->{control}->request($method, $url, \%request);
	my $value = eval { JSON::PP->new->utf8->decode($answer->{content}) };

	return $value if $answer->{success};
	my $reason = ref $value eq 'HASH' ? $value->{error} : $answer->{content};
	die "simulator: $reason\n";
}

# One call of the API, as the seeded admin unless told otherwise.  Returns
# HTTP::Tiny's answer with the decoded JSON as {json}.
sub api
{
	my ($self, $method, $path, $body, %more) = @_;
	my $login = $more{login} // LOGIN;
	my %request = (headers =>
		  { Authorization => 'Basic ' . encode_base64($login, '') });

	if (defined $body)
	{
		$request{content} =
		  ref $body ? JSON::PP->new->utf8->encode($body) : $body;
		$request{headers}{'Content-Type'} = 'application/json';
	}
	%{ $request{headers} } = (%{ $request{headers} }, %{ $more{headers} })
	  if $more{headers};
	delete $request{headers}{$_} foreach @{ $more{without} // [] };
	my $answer =
	  $self->{http}->request($method, $self->base_url . $path, \%request);
	$answer->{json} =
	  eval { JSON::PP->new->utf8->decode($answer->{content}) };
	return $answer;
}

# A bare connection, for what HTTP::Tiny cannot say or see.
sub open_socket
{
	my ($self) = @_;
	return IO::Socket::INET->new(
		PeerAddr => '127.0.0.1',
		PeerPort => $self->{port},
		Timeout => 10) // die "no connection: $!\n";
}

# The head of a request as the seeded admin.
sub request_text
{
	my ($self, $method, $path, @headers) = @_;

	return join "\r\n", "$method /api/app$path HTTP/1.1",
	  'Host: 127.0.0.1', 'Authorization: Basic ' . encode_base64(LOGIN, ''),
	  @headers, '', '';
}

# Reads to the end or for so many seconds.  Returns the bytes, how it ended
# (eof, reset, timeout), and when each piece came.
sub read_all
{
	my ($socket, $seconds) = @_;
	my ($bytes, @moments) = ('');
	my $end = time() + ($seconds // 5);
	my $select = IO::Select->new($socket);

	while ((my $left = $end - time()) > 0)
	{
		next unless $select->can_read($left);
		my $read = sysread $socket, $bytes, 65536, length $bytes;
		return ($bytes, $! == ECONNRESET ? 'reset' : "error $!", @moments)
		  unless defined $read;
		return ($bytes, 'eof', @moments) if $read == 0;
		push @moments, time();
	}
	return ($bytes, 'timeout', @moments);
}

# One request on a connection of its own, read for so many seconds.
sub exchange
{
	my ($self, $seconds, @request) = @_;
	my $socket = $self->open_socket;

	syswrite $socket, $self->request_text(@request);
	return read_all($socket, $seconds);
}

# The part of an answer's bytes after the headers.
sub body_of
{
	my ($bytes) = @_;
	return (split /\r\n\r\n/, $bytes, 2)[1];
}

# A new seed; settings that are not named are as the simulator was started.
sub reset
{
	my ($self, %settings) = @_;
	$self->control('POST', 'reset', \%settings);
	return;
}

# Changes switches and leaves the state alone.
sub set
{
	my ($self, %switches) = @_;
	$self->control('POST', 'set', \%switches);
	return;
}

sub fault
{
	my ($self, %fault) = @_;
	$self->control('POST', 'faults', \%fault);
	return;
}

# What is left of the faults.
sub faults
{
	my ($self) = @_;
	return $self->control('GET', 'faults');
}

sub clear_faults
{
	my ($self) = @_;
	$self->control('DELETE', 'faults');
	return;
}

# The requests in order of arrival: a reference to an array of hashes.
sub log
{
	my ($self) = @_;
	return $self->control('GET', 'log');
}

sub clear_log
{
	my ($self) = @_;
	$self->control('DELETE', 'log');
	return;
}

# The requests in order of arrival, as a list of "METHOD /path?query".
sub requests
{
	my ($self) = @_;
	return map { "$_->{method} " . target($_) } @{ $self->log };
}

# A log entry's path with its query.
sub target
{
	my ($entry) = @_;
	return $entry->{path} . ($entry->{query} eq '' ? '' : "?$entry->{query}");
}

sub counts
{
	my ($self) = @_;
	return $self->control('GET', 'counts');
}

sub state
{
	my ($self) = @_;
	return $self->control('GET', 'state');
}

# All memberships as a list of "ACCOUNT PROJECT ROLE", by account and project,
# with the target type of one that is not individual.
sub memberships
{
	my ($self) = @_;
	return
	  map {
		join ' ', @$_{qw(service_account_id project_id role)},
		  $_->{target_type} // ()
	  } @{ $self->state->{memberships} };
}

# Seeds memberships, each given as [ACCOUNT, PROJECT, ROLE] or
# [ACCOUNT, PROJECT, ROLE, TARGET_TYPE].
sub add_memberships
{
	my ($self, @memberships) = @_;
	my @records = map {
		{
			service_account_id => $_->[0] + 0,
			project_id => $_->[1] + 0,
			role => "$_->[2]",
			(defined $_->[3] ? (target_type => "$_->[3]") : ()),
		}
	} @memberships;

	$self->control('POST', 'memberships', \@records);
	return;
}

sub remove_membership
{
	my ($self, $account, $project) = @_;
	$self->control('DELETE', "memberships/$account/$project");
	return;
}

# Seeds accounts, each given as a hash of fields.
sub add_accounts
{
	my ($self, @accounts) = @_;
	$self->control('POST', 'accounts', \@accounts);
	return;
}

# Seeds projects, or moves some to another region (domain => 'eu.mixpanel.com').
sub add_projects
{
	my ($self, @projects) = @_;
	$self->control('POST', 'projects', \@projects);
	return;
}

# Removes an account behind the back of the session under test.
sub remove_account
{
	my ($self, $id) = @_;
	$self->control('DELETE', "accounts/$id");
	return;
}

# Waits until that many requests are in flight; false after so many seconds.
sub wait_for_in_flight
{
	my ($self, $wanted, $seconds) = @_;
	my $end = time() + ($seconds // 10);

	while (time() < $end)
	{
		return 1 if $self->counts->{in_flight} == $wanted;
		sleep 0.01;
	}
	return 0;
}

# Ends the process by its pid and returns its exit status.
sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid};

	return unless defined $pid;
	kill 'TERM', $pid;
	my $end = time() + STOP_SECONDS;
	while (waitpid($pid, WNOHANG) == 0)
	{
		kill 'KILL', $pid if time() > $end;
		sleep 0.01;
	}
	return $?;
}

sub DESTROY
{
	my ($self) = @_;

	# A forked child's copy must not end its parent's simulator, nor may the
	# wait for it change the exit status of a test that ends.
	local ($?, $@, $!);
	$self->stop if defined $self->{owner} && $self->{owner} == $$;
	return;
}

1;
