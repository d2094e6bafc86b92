# A psql that is kept running, for one session after another: to start one
# costs more than all that most sessions do.
#
# Owns the processes, and those that wait for their next session.  Knows nothing
# of what is sent and what it means.
package MixpanelPsql;

use strict;
use warnings;

use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::UNIX;
use IPC::Run;
use Time::HiRes qw(sleep time);

use constant LIMIT_SECONDS => 120;

# Where psql looks for a server of port 5432.
use constant SOCKET => '.s.PGSQL.5432';

# What a server says to a client that it lets in: that it wants no password,
# three settings that psql looks at, and that it waits for a query.
my $welcome = join '',
  pack('a N N', 'R', 8, 0),
  (map { pack('a N a*', 'S', 4 + length, $_) } "server_version\0" . "15.0\0",
	"client_encoding\0UTF8\0", "standard_conforming_strings\0on\0"),
  pack('a N a', 'Z', 5, 'I');

# Those that wait, where they do, and the process that this is: one that it has
# forked must leave them alone.
my @waiting;
my ($folder, $listener);
my $owner = $$;

# One with a connection, and the backend's process id; undef for that if there
# is no connection.
sub connect
{
	my ($class, $connection) = @_;
	my $environment = _environment();
	my ($self) = $owner == $$
	  ? grep { $_->{environment} eq $environment } @waiting
	  : ();

	if (defined $self)
	{
		@waiting = grep { $_ != $self } @waiting;
		$self->_await_backend(2);
		(my $quoted = $connection) =~ s/(['\\])/$1$1/g;
		my $pid = $self->_ask_pid("\\connect -reuse-previous=off '$quoted'\n");
		delete $self->{seat};
		return ($self, $pid) if defined $pid;
		$self->finish;
	}
	$self = $class->_start($connection, $environment);
	return ($self, $self->_ask_pid(''));
}

# What psql and libpq have taken from the environment when psql started.
sub _environment
{
	return join "\0", map { "$_=$ENV{$_}" } grep { /^(?:PG|LC_|LANG)/ }
	  sort keys %ENV;
}

sub _start
{
	my ($class, $connection, $environment) = @_;
	my $self = bless {
		environment => $environment,
		in => '',
		out => '',
		err => '',
		number => 0
	}, $class;
	my @command = ('psql', '--no-psqlrc', '--no-align', '--tuples-only',
		'--quiet', '--set=VERBOSITY=verbose', '--set=SHOW_CONTEXT=errors',
		"--dbname=$connection");

	$self->{process} = IPC::Run::start(\@command, '<', \$self->{in},
		'>', \$self->{out}, '2>', \$self->{err},
		$self->{limit} = IPC::Run::timeout(LIMIT_SECONDS));
	return $self;
}

sub _ask_pid
{
	my ($self, $before) = @_;

	$self->begin($before . 'SELECT pg_backend_pid()');
	my ($out, $err, $is_gone) = $self->end;
	$self->{is_changed} = 0;
	$self->{pid} =
	  $err eq '' && !$is_gone && $out =~ /^(\d+)$/ ? $1 : undef;
	return $self->{pid};
}

# A backend ends some time after its client has gone, and holds its locks until
# then; what has become of the session before should not be a matter of luck.
# Not for long: it may have to wait for the API.
sub _await_backend
{
	my ($self, $seconds) = @_;
	my $end = time() + $seconds;

	sleep 0.002 while time() < $end && kill 0, $self->{pid};
	return;
}

# Send statements without waiting for them.  A backslash may change psql itself.
sub begin
{
	my ($self, $sql) = @_;

	$self->{is_changed} = 1 if $sql =~ /\\/;
	$self->_send("$sql\n;\n");
	return;
}

# Lines, and what will tell that they are done.
sub _send
{
	my ($self, $lines) = @_;
	my $mark = 'done ' . ++$self->{number};

	$self->{mark} = qr/^\Q$mark\E\n/m;
	$self->{limit}->start(LIMIT_SECONDS);
	$self->{in} .= "$lines\\echo '$mark'\n\\warn '$mark'\n";
	eval { $self->{process}->pump_nb };
	return;
}

sub _is_done
{
	my ($self) = @_;

	return $self->{out} =~ $self->{mark} && $self->{err} =~ $self->{mark};
}

# Wait for what was begun.  Returns what psql wrote to its output and to its
# error output, and whether it has ended.
sub end
{
	my ($self) = @_;

	until ($self->_is_done)
	{
		last unless eval { $self->{process}->pump; 1 };
	}
	die "a statement took more than " . LIMIT_SECONDS . " s\n"
	  if $self->{limit}->is_expired;
	my $is_gone = $self->{out} !~ $self->{mark};
	my ($out, $err) = ($self->{out}, $self->{err});

	($self->{out}, $self->{err}) = ('', '');
	s/$self->{mark}// foreach ($out, $err);
	chomp $out;
	return ($out, $err, $is_gone);
}

# Is what was begun still under way?
sub is_busy
{
	my ($self) = @_;

	eval { $self->{process}->pump_nb };
	return $self->{out} !~ $self->{mark};
}

# Ends its session, and lets it wait for another.
sub let_go
{
	my ($self) = @_;

	return $self->finish
	  if $owner != $$ || $self->{is_changed} || !$self->_take_seat;
	$self->_await_backend(0.2);
	push @waiting, $self;
	return;
}

# A psql that has no connection ends, unless its input is a terminal.  So it
# waits with one to this process, which welcomes it and then says nothing.
# False if it has ended.
sub _take_seat
{
	my ($self) = @_;

	$folder //= tempdir(CLEANUP => 1);
	$listener //= IO::Socket::UNIX->new(
		Local => "$folder/" . SOCKET,
		Listen => 1) // die "no socket: $!\n";
	my $select = IO::Select->new($listener);

	$self->_send("\\connect -reuse-previous=off "
		  . "'host=$folder port=5432 user=nobody dbname=none'\n");
	until ($select->can_read(0.01))
	{
		return 0 unless eval { $self->{process}->pump_nb; 1 };
		return 0
		  unless $self->{process}->pumpable && !$self->{limit}->is_expired;
	}
	$self->{seat} = $listener->accept // return 0;
	sysread $self->{seat}, my $request, 4096;
	syswrite $self->{seat}, $welcome;
	my ($out, $err, $is_gone) = $self->end;
	return !$is_gone;
}

# Ends psql, when it has done what it was told.
sub finish
{
	my ($self) = @_;

	$self->{in} .= "\\q\n";
	eval { $self->{process}->finish };
	return;
}

# Ends psql without a good-bye, as a client that crashes does.
sub crash
{
	my ($self) = @_;

	$self->{process}->kill_kill;
	return;
}

END
{
	local ($?, $@, $!);
	if ($owner == $$)
	{
		$_->{process}->kill_kill foreach @waiting;
	}
}

1;
