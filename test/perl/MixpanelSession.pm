# One session of psql, kept open: runs statements one after another, or begins
# some and lets the test do something meanwhile.
#
# Owns the process.  A result is a hash: rows (as psql prints them unaligned),
# code (SQLSTATE of the last error, '' if none), message, detail, hint, context,
# notices (of any level below ERROR, each a hash of level, code, message, detail,
# hint), raw (all that psql wrote to its error output), lost (the connection is
# gone).
package MixpanelSession;

use strict;
use warnings;

use IPC::Run;

use constant LIMIT_SECONDS => 120;

sub new
{
	my ($class, $connection) = @_;
	my $self = bless { in => '', out => '', err => '', number => 0 }, $class;
	my @command = ('psql', '--no-psqlrc', '--no-align', '--tuples-only',
		'--quiet', '--set=VERBOSITY=verbose', '--set=SHOW_CONTEXT=errors',
		"--dbname=$connection");

	$self->{process} = IPC::Run::start(\@command, '<', \$self->{in},
		'>', \$self->{out}, '2>', \$self->{err},
		$self->{limit} = IPC::Run::timeout(LIMIT_SECONDS));
	$self->{pid} = $self->rows('SELECT pg_backend_pid()');
	return $self;
}

# The backend's process id.
sub pid { return $_[0]->{pid}; }

# Send statements without waiting for them.
sub begin
{
	my ($self, $sql) = @_;
	my $mark = 'done ' . ++$self->{number};

	$self->{mark} = $mark;
	$self->{limit}->start(LIMIT_SECONDS);
	$self->{in} .= "$sql\n;\n\\echo '$mark'\n\\warn '$mark'\n";
	$self->{process}->pump_nb;
	return $self;
}

# Wait for what was begun.
sub end
{
	my ($self) = @_;
	my $mark = qr/^\Q$self->{mark}\E\n/m;

	while ($self->{out} !~ $mark || $self->{err} !~ $mark)
	{
		last unless eval { $self->{process}->pump; 1 };
	}
	die "a statement took more than " . LIMIT_SECONDS . " s\n"
	  if $self->{limit}->is_expired;
	return $self->_result($mark);
}

# Is what was begun still under way?
sub is_busy
{
	my ($self) = @_;
	my $mark = qr/^\Q$self->{mark}\E\n/m;

	eval { $self->{process}->pump_nb };
	return $self->{out} !~ $mark;
}

sub run
{
	my ($self, $sql) = @_;

	return $self->begin($sql)->end;
}

# The rows; dies if there is an error.
sub rows
{
	my ($self, $sql) = @_;
	my $result = $self->run($sql);

	die "$sql\n$result->{raw}" if $result->{code} || $result->{lost};
	return $result->{rows};
}

sub quit
{
	my ($self) = @_;

	$self->{in} .= "\\q\n";
	eval { $self->{process}->finish };
	return;
}

# End psql without a good-bye, as a client that crashes does.
sub crash
{
	my ($self) = @_;

	$self->{process}->kill_kill;
	return;
}

sub _result
{
	my ($self, $mark) = @_;
	my $lost = $self->{out} !~ $mark;
	my ($out, $err) = ($self->{out}, $self->{err});

	($self->{out}, $self->{err}) = ('', '');
	s/$mark// foreach ($out, $err);
	chomp $out;
	my %result = (code => '', rows => $out, raw => $err, lost => $lost,
		notices => []);
	foreach my $report (_reports($err))
	{
		if ($report->{level} =~ /^(ERROR|FATAL|PANIC)$/)
		{
			@result{qw(code message detail hint context)} =
			  @{$report}{qw(code message detail hint context)};
		}
		else
		{
			push @{ $result{notices} }, $report;
		}
	}
	return \%result;
}

# psql's verbose reports.
sub _reports
{
	my ($text) = @_;
	my @reports;
	my $part;

	foreach my $line (split /\n/, $text)
	{
		if ($line =~ /^([A-Z]+\d?):  ([0-9A-Z]{5}): (.*)$/)
		{
			push @reports, { level => $1, code => $2, message => $3 };
			$part = 'message';
		}
		elsif (@reports && $line =~ /^(DETAIL|HINT|LOCATION|CONTEXT):  (.*)$/)
		{
			$part = lc $1;
			$reports[-1]{$part} = $2;
		}
		elsif (@reports)
		{
			$reports[-1]{$part} .= "\n$line";
		}
	}
	return @reports;
}

1;
