# nginx beside the simulator: TLS and HTTP/2 in front of it, and long lists from
# files, which it serves faster than the simulator can write them.
#
# Owns the process, its folder and its log.
package BenchProxy;

use strict;
use warnings;

use IO::Socket::INET;
use Time::HiRes qw(sleep time);

use constant START_SECONDS => 10;
use constant LIST => '/api/app/organizations/%d/service-accounts';

# A port that is free now.
sub free_port
{
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
	  // die "no free port: $!\n";

	return $socket->sockport;
}

# Starts it in an empty folder, in front of the simulator on that port.
sub start
{
	my ($class, $program, $folder, $upstream) = @_;
	my $self = bless {
		folder => $folder,
		tls => free_port(),
		file => free_port(),
		seen => 0,
		owner => $$,
	}, $class;

	mkdir $_ or die "$_: $!\n" foreach $folder, "$folder/root";
	$self->_make_certificate;
	$self->_write("$folder/nginx.conf", $self->_configuration($upstream));
	$self->{pid} = fork() // die "fork: $!\n";
	if ($self->{pid} == 0)
	{
		exec $program, '-c', "$folder/nginx.conf", '-e', "$folder/error.log";
		die "$program: $!\n";
	}
	$self->_wait;
	return $self;
}

sub base_url
{
	my ($self, $kind) = @_;
	my $scheme = $kind eq 'tls' ? 'https' : 'http';

	return "$scheme://127.0.0.1:$self->{$kind}/api/app";
}

sub ca_file { return "$_[0]->{folder}/cert.pem"; }

# Serve this body as the list of accounts of an organization.
sub put_list
{
	my ($self, $organization, $body) = @_;
	my $path = "$self->{folder}/root";

	foreach my $part (split m!/!, sprintf(LIST, $organization))
	{
		mkdir $path;
		$path .= "/$part" if $part ne '';
	}
	$self->_write($path, $body);
	return;
}

# Forget the requests until now.
sub clear
{
	my ($self) = @_;

	$self->{seen} = $self->_lines;
	return;
}

# Requests and connections since then.  A line is written when a request is
# over, which may be a moment after its client knows: wait for so many.
sub counts
{
	my ($self, $least) = @_;
	my $end = time() + 2;
	my @lines = $self->_lines;

	while (@lines - $self->{seen} < $least && time() < $end)
	{
		sleep 0.01;
		@lines = $self->_lines;
	}
	splice @lines, 0, $self->{seen};
	my %connections = map { (split)[0] => 1 } @lines;
	return {
		requests => scalar @lines,
		connections => scalar keys %connections,
	};
}

sub _lines
{
	my ($self) = @_;

	open my $file, '<', "$self->{folder}/access.log" or return;
	my @lines = <$file>;
	return @lines;
}

sub _write
{
	my (undef, $path, $text) = @_;

	open my $file, '>', $path or die "$path: $!\n";
	print $file $text;
	close $file or die "$path: $!\n";
	return;
}

sub _make_certificate
{
	my ($self) = @_;
	my @command = (qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2),
		'-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1',
		'-keyout', "$self->{folder}/key.pem", '-out', $self->ca_file);
	my $output = "$self->{folder}/openssl.log";
	my $pid = fork() // die "fork: $!\n";

	if ($pid == 0)
	{
		open STDOUT, '>', $output or die "$output: $!\n";
		open STDERR, '>&', \*STDOUT or die "$output: $!\n";
		exec @command;
		die "openssl: $!\n";
	}
	waitpid $pid, 0;
	die "openssl failed\n" if $?;
	return;
}

sub _configuration
{
	my ($self, $upstream) = @_;
	my $folder = $self->{folder};
	my $temporary = join "\n",
	  map { "${_}_temp_path $folder/$_;" }
	  qw(client_body proxy fastcgi uwsgi scgi);
	my $lists = sprintf(LIST, 0) =~ s/0/[0-9]+/r;

	return <<"CONF";
daemon off;
pid $folder/pid;
error_log $folder/error.log;
worker_processes 1;
events { worker_connections 4096; }
http {
	$temporary
	default_type application/json;
	log_format bench '\$connection \$server_protocol';
	access_log $folder/access.log bench;
	sendfile on;
	keepalive_requests 1000000;
	upstream simulator {
		server 127.0.0.1:$upstream;
		keepalive 128;
		keepalive_requests 1000000;
	}
	proxy_http_version 1.1;
	proxy_set_header Connection "";
	server {
		listen 127.0.0.1:$self->{tls} ssl http2;
		ssl_certificate $folder/cert.pem;
		ssl_certificate_key $folder/key.pem;
		location / { proxy_pass http://simulator; }
	}
	server {
		listen 127.0.0.1:$self->{file};
		root $folder/root;
		location / { proxy_pass http://simulator; }
		location ~ ^$lists\$ { }
	}
}
CONF
}

sub _wait
{
	my ($self) = @_;
	my $end = time() + START_SECONDS;

	while (time() < $end)
	{
		return if IO::Socket::INET->new(
			PeerAddr => '127.0.0.1', PeerPort => $self->{file});
		sleep 0.02;
	}
	die "nginx does not start: see $self->{folder}/error.log\n";
}

sub DESTROY
{
	my ($self) = @_;

	return unless $self->{pid} && $self->{owner} == $$;
	local $?;
	kill 'TERM', $self->{pid};
	waitpid $self->{pid}, 0;
	return;
}

1;
