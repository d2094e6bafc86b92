# nginx in front of the simulator: TLS, HTTP/2 and gzip, as in front of the
# real API.
#
# Owns the process, its folder and its log.  Knows nothing of PostgreSQL.
package MixpanelProxy;

use strict;
use warnings;

use File::Spec;
use POSIX qw(:sys_wait_h);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils ();
use Time::HiRes qw(sleep time);

use constant START_SECONDS => 20;
use constant STOP_SECONDS  => 10;
use constant LOG_SECONDS   => 20;
use constant START_TRIES   => 5;

# Where the program is, or undef.
sub program
{
	foreach my $folder (File::Spec->path, qw(/usr/sbin /usr/local/sbin))
	{
		return "$folder/nginx" if -x "$folder/nginx";
	}
	return;
}

# Starts it.  The sites are a hash of name => options:
#	upstream	port that requests go to
#	tls			[certificate, key]; without it, plain HTTP
#	more		further directives
sub start
{
	my ($class, %sites) = @_;
	my $self = bless {
		folder => PostgreSQL::Test::Utils::tempdir(),
		sites => \%sites,
		seen => 0,
		owner => $$,
	}, $class;

	# A port that is free may be taken before nginx takes it.
	foreach (1 .. START_TRIES)
	{
		$self->{port}{$_} = PostgreSQL::Test::Cluster::get_free_port()
		  foreach sort keys %sites;
		return $self if $self->start_again;
	}
	die "nginx does not start:\n" . $self->errors;
}

# On the same ports as before; false if it does not start.
sub start_again
{
	my ($self) = @_;
	my $folder = $self->{folder};
	my $end = time() + START_SECONDS;

	_write("$folder/nginx.conf", $self->_configuration);
	unlink "$folder/pid";
	$self->{pid} = fork() // die "fork: $!\n";
	if ($self->{pid} == 0)
	{
		open STDOUT, '>>', "$folder/output";
		open STDERR, '>&', \*STDOUT;
		# It ends with the test, however that ends.
		exec(qw(setpriv --pdeathsig TERM --), program(), '-p', $folder,
			'-c', "$folder/nginx.conf", '-e', "$folder/error.log")
		  or POSIX::_exit(127);
	}

	# Its sockets are there before its pid is written.
	until (-s "$folder/pid")
	{
		if (waitpid($self->{pid}, WNOHANG) != 0)
		{
			delete $self->{pid};
			return 0;
		}
		if (time() > $end)
		{
			$self->stop;
			return 0;
		}
		sleep 0.01;
	}
	return 1;
}

sub port { return $_[0]->{port}{ $_[1] }; }

# What the option base_url takes to get to a site.
sub base_url
{
	my ($self, $site) = @_;
	my $scheme = $self->{sites}{$site}{tls} ? 'https' : 'http';

	return "$scheme://127.0.0.1:$self->{port}{$site}/api/app";
}

# What it had to say about itself.
sub errors
{
	my ($self) = @_;

	return join '', map { _lines("$self->{folder}/$_") } qw(error.log output);
}

# Forget the requests until now; they must have been waited for.
sub clear
{
	my ($self) = @_;

	$self->{seen} = () = _lines("$self->{folder}/access.log");
	return;
}

# The requests since then: {site, method, path, protocol, status, encoding,
# bytes (of the body, as sent), connection, number (on its connection)}.  A line
# is written when a request is over, which may be a moment after its client
# knows: waits until there are so many.
sub requests
{
	my ($self, $least) = @_;
	my @names =
	  qw(site method path protocol status encoding bytes connection number);
	my $end = time() + LOG_SECONDS;
	my @lines;

	for (;;)
	{
		@lines = _lines("$self->{folder}/access.log");
		splice @lines, 0, $self->{seen};
		last if @lines >= $least;
		die "nginx has seen less than $least requests:\n@lines"
		  if time() > $end;
		sleep 0.01;
	}
	return map { my %entry; @entry{@names} = split; \%entry } @lines;
}

# Ends the process by its pid.
sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid};
	my $end = time() + STOP_SECONDS;

	return unless defined $pid;
	kill 'TERM', $pid;
	while (waitpid($pid, WNOHANG) == 0)
	{
		kill 'KILL', $pid if time() > $end;
		sleep 0.01;
	}
	return;
}

sub DESTROY
{
	my ($self) = @_;

	local ($?, $@, $!);
	$self->stop if defined $self->{owner} && $self->{owner} == $$;
	return;
}

# One process, so that its end is the end of all of it.
sub _configuration
{
	my ($self) = @_;
	my $sites = join '', map { $self->_site($_) } sort keys %{ $self->{sites} };
	my $paths = join "\n", map { "\t${_}_temp_path $self->{folder}/$_;" }
	  qw(client_body proxy fastcgi uwsgi scgi);

	return <<"END";
daemon off;
master_process off;
pid $self->{folder}/pid;
events {
	worker_connections 512;
}
http {
	log_format line '\$server_name \$request_method \$uri \$server_protocol '
		'\$status "\$sent_http_content_encoding" \$body_bytes_sent '
		'\$connection \$connection_requests';
	access_log $self->{folder}/access.log line;
$paths
	gzip on;
	gzip_min_length 1;
	gzip_proxied any;
	gzip_types application/json;
	proxy_redirect off;
	proxy_next_upstream off;
$sites}
END
}

sub _site
{
	my ($self, $name) = @_;
	my %site = %{ $self->{sites}{$name} };
	my $more = $site{more} // '';
	my $listen = "listen 127.0.0.1:$self->{port}{$name}";

	if ($site{tls})
	{
		# From 1.25.1 on HTTP/2 is a directive of its own.
		my $own = _version() >= 1_025_001;

		$listen .= $own ? ' ssl; http2 on;' : ' ssl http2;';
		$listen .= "\n\t\tssl_certificate $site{tls}[0];"
		  . "\n\t\tssl_certificate_key $site{tls}[1];";
	}
	else
	{
		$listen .= ';';
	}
	return <<"END";
	server {
		$listen
		server_name $name;
		$more
		location / {
			proxy_pass http://127.0.0.1:$site{upstream};
		}
	}
END
}

# 1022001 for 1.22.1
sub _version
{
	my $program = program();
	my ($major, $minor, $patch) =
	  `$program -v 2>&1` =~ m!nginx/(\d+)\.(\d+)\.(\d+)!
	  or die "which version of nginx is $program?\n";

	return ($major * 1000 + $minor) * 1000 + $patch;
}

sub _lines
{
	my ($path) = @_;

	open my $file, '<', $path or return;
	my @lines = <$file>;
	return @lines;
}

sub _write
{
	my ($path, $text) = @_;

	open my $file, '>', $path or die "$path: $!\n";
	print $file $text;
	close $file or die "$path: $!\n";
	return;
}

1;
