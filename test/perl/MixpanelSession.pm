# One session of psql, kept open: runs statements one after another, or begins
# some and lets the test do something meanwhile.
#
# Owns what the answers mean.  A result is a hash: rows (as psql prints them
# unaligned), code (SQLSTATE of the last error, '' if none), message, detail,
# hint, context, notices (of any level below ERROR, each a hash of level, code,
# message, detail, hint), raw (all that psql wrote to its error output), lost
# (the connection is gone).
package MixpanelSession;

use strict;
use warnings;

use MixpanelPsql;

sub new
{
	my ($class, $connection) = @_;
	my ($psql, $pid) = MixpanelPsql->connect($connection);

	die "no connection to $connection\n" unless defined $pid;
	return bless { psql => $psql, pid => $pid }, $class;
}

# The backend's process id.
sub pid { return $_[0]->{pid}; }

# Send statements without waiting for them.
sub begin
{
	my ($self, $sql) = @_;

	$self->{psql}->begin($sql);
	return $self;
}

# Wait for what was begun.
sub end
{
	my ($self) = @_;

	return _result($self->{psql}->end);
}

# Is what was begun still under way?
sub is_busy
{
	my ($self) = @_;

	return $self->{psql}->is_busy;
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
	my $psql = delete $self->{psql};

	$psql->let_go if defined $psql;
	return;
}

# End psql without a good-bye, as a client that crashes does.
sub crash
{
	my ($self) = @_;

	(delete $self->{psql})->crash;
	return;
}

sub _result
{
	my ($out, $err, $is_gone) = @_;
	my %result = (code => '', rows => $out, raw => $err, lost => $is_gone,
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
