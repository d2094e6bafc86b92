# What a process holds, as Linux tells it in /proc: threads, descriptors,
# sockets, memory.
#
# Knows nothing of PostgreSQL.
package MixpanelProcess;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(can_look count_threads count_descriptors count_sockets
  resident_kb);

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

sub count_descriptors
{
	my ($pid) = @_;

	return scalar _numbers("/proc/$pid/fd");
}

# Its connections to a port of this machine, in that state or in any.
sub count_sockets
{
	my ($pid, $port, $state) = @_;
	my $to = sprintf ':%04X', $port;
	my %own;

	foreach my $fd (_numbers("/proc/$pid/fd"))
	{
		my $what = readlink("/proc/$pid/fd/$fd") // '';

		$own{$1} = 1 if $what =~ /^socket:\[(\d+)\]$/;
	}
	return scalar grep {
		my ($remote, $its_state, $inode) = (split)[ 2, 3, 9 ];

		$remote =~ /$to$/
		  && $own{$inode}
		  && (!defined $state || $its_state eq $states{$state})
	} split /\n/, _text('/proc/net/tcp');
}

sub resident_kb
{
	my ($pid) = @_;

	return _text("/proc/$pid/status") =~ /^VmRSS:\s+(\d+) kB$/m ? $1 : 0;
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
