# Runs the scripted HTTP/2 server (test/peers/http2_peer.py), and steers it.
#
# Owns the process.  Knows nothing of PostgreSQL.
package MixpanelPeer;

use strict;
use warnings;

use File::Basename qw(dirname);
use IPC::Open3;
use JSON::PP ();
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

use constant ANSWER_SECONDS => 30;
use constant STOP_SECONDS => 10;

# Debian's, which has Debian's modules.
use constant PYTHON => '/usr/bin/python3';

# Can it be run here?
sub available
{
	return -x PYTHON && system(PYTHON . ' -c "import h2" 2>/dev/null') == 0;
}

# Starts it with a certificate and its key.
sub start
{
	my ($class, $certificate, $key) = @_;
	my $script = dirname(__FILE__) . '/../peers/http2_peer.py';
	my $pid = open3(my $in, my $out, '>&STDERR', PYTHON, '-B', $script,
		$certificate, $key);
	my $self = bless { pid => $pid, in => $in, out => $out, owner => $$ },
	  $class;

	$in->autoflush(1);
	my $line = $self->_read;
	($self->{port}) = $line =~ /^listening on 127\.0\.0\.1:(\d+)$/
	  or die "the HTTP/2 peer does not start: $line\n";
	return $self;
}

# What the option base_url takes.
sub base_url { return "https://127.0.0.1:$_[0]->{port}/api/app"; }

# A new seed, and a fault; forgets what it has seen.
sub reset
{
	my ($self, %wanted) = @_;

	$self->_tell({ reset => \%wanted });
	return;
}

# What it has seen since then; see http2_peer.py.
sub report { return $_[0]->_tell({ report => {} }); }

sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid};
	my $end = time() + STOP_SECONDS;

	return unless defined $pid;
	close $self->{in};
	while (waitpid($pid, WNOHANG) == 0)
	{
		kill 'KILL', $pid if time() > $end;
		sleep 0.01;
	}
	return;
}

sub _tell
{
	my ($self, $command) = @_;

	print { $self->{in} } JSON::PP->new->encode($command), "\n";
	return JSON::PP->new->decode($self->_read);
}

sub _read
{
	my ($self) = @_;

	local $SIG{ALRM} = sub { die "the HTTP/2 peer does not answer\n" };
	alarm ANSWER_SECONDS;
	my $line = readline $self->{out};
	alarm 0;
	return $line // die "the HTTP/2 peer has ended\n";
}

sub DESTROY
{
	my ($self) = @_;

	local ($?, $@, $!);
	$self->stop if $self->{owner} == $$;
	return;
}

1;
