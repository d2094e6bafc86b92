# A certification authority to throw away, and certificates by it that are good
# or bad in a chosen way.
#
# Owns the files.  Knows nothing of who shows them to whom.
package MixpanelCertificates;

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Utils ();

# Is there an openssl to make any?
sub available
{
	return eval { IPC::Run::run([qw(openssl version)], '>', \my $out) };
}

# An authority of its own; any number may be made.
sub new
{
	my ($class) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my $self = bless { folder => $folder, issued => 0 }, $class;

	PostgreSQL::Test::Utils::append_to_file("$folder/index", '');
	PostgreSQL::Test::Utils::append_to_file(
		"$folder/request.cnf", <<'END');
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
END
	_openssl(
		qw(req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes
		  -days 2 -extensions authority -config), "$folder/request.cnf",
		'-subj', '/CN=Tests ' . int(rand 1e9),
		'-keyout', "$folder/ca.key", '-out', "$folder/ca.pem");
	return $self;
}

# What a client trusts to trust all that this one issues.
sub ca_file { return "$_[0]->{folder}/ca.pem"; }

# A certificate for a host name or an IPv4 address.  Options: from and until,
# as YYYYMMDDHHMMSSZ; a day about now unless given.  Returns the files
# (certificate, key).
sub issue
{
	my ($self, $host, %when) = @_;
	my $base = "$self->{folder}/" . ++$self->{issued};
	my $kind = $host =~ /^[\d.]+$/ ? 'IP' : 'DNS';

	$when{from} //= _moment(time() - 43200);
	$when{until} //= _moment(time() + 43200);
	PostgreSQL::Test::Utils::append_to_file("$base.cnf", <<"END");
[ca]
default_ca = authority
[authority]
database = $self->{folder}/index
new_certs_dir = $self->{folder}
certificate = $self->{folder}/ca.pem
private_key = $self->{folder}/ca.key
default_md = sha256
policy = names
rand_serial = yes
unique_subject = no
x509_extensions = server
[names]
commonName = supplied
[server]
basicConstraints = CA:false
subjectAltName = $kind:$host
END
	_openssl(
		qw(req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config),
		"$self->{folder}/request.cnf", '-subj', "/CN=$host",
		'-keyout', "$base.key", '-out', "$base.request");
	_openssl(
		qw(ca -batch -notext -config), "$base.cnf",
		'-startdate', $when{from}, '-enddate', $when{until},
		'-in', "$base.request", '-out', "$base.pem");
	return ("$base.pem", "$base.key");
}

sub _moment
{
	my ($time) = @_;
	my ($second, $minute, $hour, $day, $month, $year) = gmtime $time;

	return sprintf '%04d%02d%02d%02d%02d%02dZ', $year + 1900, $month + 1,
	  $day, $hour, $minute, $second;
}

sub _openssl
{
	my @arguments = @_;
	my $out;

	IPC::Run::run([ 'openssl', @arguments ], '<', \undef, '>', \$out, '2>&1')
	  or die "openssl @arguments: $out";
	return;
}

1;
