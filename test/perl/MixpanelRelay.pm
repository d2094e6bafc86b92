# A relay between the server under test and the simulator, for what only the
# other end of a connection can do: refuse it, close it while it is idle or as
# a request comes, send an answer that has no length.
#
# Owns its sockets.  Runs in the test's own process: it passes bytes on only
# while the test calls pump() or pump_while(), so nothing happens behind the
# test's back.  Knows of HTTP where requests begin, no more.
package MixpanelRelay;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);

use constant LIMIT_SECONDS => 120;
use constant BLOCK => 65536;

# Takes a port, and refuses connections until listen() is called.  The other
# end is the simulator.
sub new
{
	my ($class, $simulator) = @_;
	my $self = bless {
		simulator => $simulator,
		pairs => {},
		count => 0,
		requests => []
	}, $class;

	$self->refuse;
	return $self;
}

# What the option base_url of a foreign server takes.
sub base_url { return "http://127.0.0.1:$_[0]->{port}/api/app"; }

# Take connections from now on.
sub listen
{
	my ($self) = @_;

	$self->{socket}->listen(128) or die "cannot listen: $!\n";
	$self->{listens} = 1;
	return $self;
}

# Refuse connections from now on, and close those that are there.  The port is
# still held: nobody else can take it.
sub refuse
{
	my ($self) = @_;

	$self->drop;
	close delete $self->{socket} if $self->{socket};
	$self->{listens} = 0;
	$self->{socket} = IO::Socket::INET->new(
		Proto => 'tcp',
		LocalAddr => '127.0.0.1',
		LocalPort => $self->{port} // 0,
		ReuseAddr => 1) // die "no port: $!\n";
	$self->{port} = $self->{socket}->sockport;
	return $self;
}

# Close all connections.
sub drop
{
	my ($self) = @_;

	$self->_close($_) foreach $self->_pairs;
	return $self;
}

# What happens to what passes; undef: nothing.
#	on_request	called with how many requests came on this connection before:
#				true: close it instead of passing the request on
#	on_answer	called with some bytes of an answer: returns what to send
sub on_request { $_[0]->{on_request} = $_[1]; return $_[0]; }
sub on_answer { $_[0]->{on_answer} = $_[1]; return $_[0]; }

# The requests that were passed on, each as {connection, before, line}: how many
# came before on the same connection, and its first line.
sub requests { return @{ $_[0]->{requests} }; }
sub forget_requests { $_[0]->{requests} = []; return $_[0]; }

# Pass on what is there; waits for so many seconds at most.
sub pump
{
	my ($self, $seconds) = @_;
	my $select = IO::Select->new;

	$select->add($self->{socket}) if $self->{listens};
	$select->add($_->{near}, $_->{far}) foreach $self->_pairs;
	foreach my $socket ($select->can_read($seconds))
	{
		if ($socket == $self->{socket}) { $self->_accept; }
		elsif ($self->{pairs}{$socket}) { $self->_move($socket); }
	}
	return;
}

# Pass bytes on as long as a condition holds.
sub pump_while
{
	my ($self, $condition) = @_;
	my $end = time() + LIMIT_SECONDS;

	while ($condition->())
	{
		die 'the relay has run for ' . LIMIT_SECONDS . " s\n" if time() > $end;
		$self->pump(0.005);
	}
	return;
}

# Each pair is known by both of its sockets.
sub _pairs
{
	my ($self) = @_;
	my %pairs = map { $_->{number} => $_ } values %{ $self->{pairs} };

	return values %pairs;
}

sub _accept
{
	my ($self) = @_;
	my $near = $self->{socket}->accept // return;
	my $far = $self->{simulator}->open_socket;
	my $pair = { near => $near, far => $far, before => 0,
		number => ++$self->{count} };

	$self->{pairs}{$_} = $pair foreach $near, $far;
	return;
}

sub _move
{
	my ($self, $from) = @_;
	my $pair = $self->{pairs}{$from};
	my $is_request = $from == $pair->{near};
	my $to = $is_request ? $pair->{far} : $pair->{near};
	my $read = sysread $from, my $bytes, BLOCK;

	return $self->_close($pair) unless $read;
	if ($is_request && $bytes =~ /\A([A-Z]+ \S+) HTTP/)
	{
		return $self->_close($pair)
		  if $self->{on_request} && $self->{on_request}->($pair->{before});
		push @{ $self->{requests} },
		  { connection => $pair->{number}, line => $1,
			before => $pair->{before}++ };
	}
	$bytes = $self->{on_answer}->($bytes)
	  if !$is_request && $self->{on_answer};
	# the reader may be gone already
	local $SIG{PIPE} = 'IGNORE';
	while (length $bytes)
	{
		my $sent = syswrite $to, $bytes;

		return $self->_close($pair) unless $sent;
		substr $bytes, 0, $sent, '';
	}
	return;
}

sub _close
{
	my ($self, $pair) = @_;

	delete $self->{pairs}{$_} foreach $pair->{near}, $pair->{far};
	close $_ foreach $pair->{near}, $pair->{far};
	return;
}

1;
