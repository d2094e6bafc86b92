# What a process holds, as Linux tells it in /proc: threads, descriptors,
# sockets, memory.
#
# Knows nothing of PostgreSQL.
package MixpanelProcess;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(can_look count_descriptors count_served count_sockets
  count_threads private_kb);

# The kernel's numbers of them.
my %states = (ESTABLISHED => '01', SYN_SENT => '02');

# Is there such a /proc?
sub can_look
{
	return -r "/proc/$$/status" && -r '/proc/net/tcp';
}

sub count_threads
{
	my ($pid) = @_;

	return scalar _numbers("/proc/$pid/task");
}

# All, or without those of files.
sub count_descriptors
{
	my ($pid, $without_files) = @_;

	return scalar grep { !$without_files || !m!^/! } _descriptors($pid);
}

# Its connections to a port of this machine, in that state or in any.
sub count_sockets
{
	my ($pid, $port, $state) = @_;

	return scalar grep {
		$_->{to} == $port
		  && (!defined $state || $_->{state} eq $states{$state})
	} _sockets($pid);
}

# The connections that it has taken on a port of its own.
sub count_served
{
	my ($pid, $port) = @_;

	return scalar grep { $_->{from} == $port && $_->{to} != 0 } _sockets($pid);
}

# The memory that is its own: without files, and without what processes share,
# as those of a database server do.
sub private_kb
{
	my ($pid) = @_;

	return _text("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB$/m ? $1 : 0;
}

# Its sockets of TCP: the ports from and to which they are, and their state.
sub _sockets
{
	my ($pid) = @_;
	my (%own, @sockets);

	foreach (_descriptors($pid))
	{
		$own{$1} = 1 if /^socket:\[(\d+)\]$/;
	}
	foreach my $line (split /\n/, _text('/proc/net/tcp'))
	{
		my ($from, $to, $state, $inode) = (split ' ', $line)[ 1, 2, 3, 9 ];

		push @sockets,
		  { from => _port($from), to => _port($to), state => $state }
		  if $own{$inode};
	}
	return @sockets;
}

# What its descriptors lead to.
sub _descriptors
{
	my ($pid) = @_;

	return map { readlink("/proc/$pid/fd/$_") // () } _numbers("/proc/$pid/fd");
}

sub _port
{
	my ($address) = @_;

	return hex $address =~ s/.*://r;
}

sub _numbers
{
	my ($path) = @_;

	opendir my $folder, $path or return ();
	my @numbers = grep { /^\d+$/ } readdir $folder;
	closedir $folder;
	return @numbers;
}

sub _text
{
	my ($path) = @_;

	open my $file, '<', $path or return '';
	local $/ = undef;
	my $text = <$file>;
	close $file;
	return $text // '';
}

1;
