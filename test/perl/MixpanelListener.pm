# A listener that treats every connection in a way of its own, and tells how
# many came: for what no real server does.
#
# Owns its process.  Knows nothing of HTTP or PostgreSQL.
package MixpanelListener;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(sleep time);

use constant CONNECTION_SECONDS => 20;
use constant WAIT_SECONDS => 20;

# Starts one.  For each connection, the function is called with its socket, in
# another process, one connection after another; then the socket is closed.
sub start
{
	my ($class, $treat) = @_;
	my $listener = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1',
		Listen => 50) // die "no socket: $!\n";

	# The one that nobody writes to ends the process when the test ends.
	pipe my $count, my $tell or die "pipe: $!\n";
	pipe my $alive, my $hold or die "pipe: $!\n";
	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0)
	{
		close $hold;
		close $count;
		_serve($listener, $alive, $tell, $treat);
		POSIX::_exit(0);
	}
	close $tell;
	close $alive;
	$count->blocking(0);
	return bless {
		pid => $pid,
		port => $listener->sockport,
		count => $count,
		hold => $hold,
		connections => 0,
		owner => $$,
	}, $class;
}

sub port { return $_[0]->{port}; }

# How many connections have come, once there are so many.
sub connections
{
	my ($self, $least) = @_;
	my $end = time() + WAIT_SECONDS;

	for (;;)
	{
		my $read = sysread $self->{count}, my $bytes, 4096;
		$self->{connections} += $read // 0;
		return $self->{connections}
		  if $self->{connections} >= $least || time() > $end;
		sleep 0.01;
	}
}

# What there is to read; waits for some.
sub hear
{
	my ($socket) = @_;

	return '' unless IO::Select->new($socket)->can_read(CONNECTION_SECONDS);
	sysread $socket, my $bytes, 65536;
	return $bytes // '';
}

# Closing it will be a reset.
sub will_reset
{
	my ($socket) = @_;

	setsockopt $socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)
	  or die "setsockopt: $!\n";
	return;
}

sub _serve
{
	my ($listener, $alive, $tell, $treat) = @_;
	my $select = IO::Select->new($listener, $alive);

	local $SIG{PIPE} = 'IGNORE';
	for (;;)
	{
		my %ready = map { $_ => 1 } $select->can_read;
		return if $ready{$alive};
		my $socket = $listener->accept // next;
		syswrite $tell, 'c';
		eval { $treat->($socket) };
		close $socket;
	}
	return;
}

sub DESTROY
{
	my ($self) = @_;

	local ($?, $@, $!);
	return unless $self->{owner} == $$;
	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
	return;
}

1;
