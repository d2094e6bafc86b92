# What the style checks have in common: which files are the project's sources,
# and their text.  Paths are relative to the project's folder, which is the
# current one.
package SourceTree;

use strict;
use warnings;

use Exporter 'import';
use File::Find qw(find);

our @EXPORT_OK =
  qw(c_sources script_sources read_file write_file without_comments);

my @c_roots = qw(src test/simulator test/unit test/fuzz test/bench);
my @script_roots = qw(Makefile .ci sql test debian);

sub files_below
{
	my ($wanted, @roots) = @_;
	my @files;

	find(
		{
			no_chdir => 1,
			wanted => sub {
				$File::Find::prune = 1 if m!/(?:build|corpus|log)$!;
				push @files, $_ if -f && $wanted->($_);
			}
		},
		grep { -e } @roots);
	return sort @files;
}

sub c_sources
{
	return files_below(sub { $_[0] =~ /\.[ch]$/ }, glob('*.c'), @c_roots);
}

# Shell, Perl, SQL and make files, the checks themselves excepted.
sub script_sources
{
	return files_below(
		sub { $_[0] !~ /\.[cho]$/ && $_[0] !~ m!^test/style/! && -T $_[0] },
		@script_roots);
}

sub read_file
{
	my ($path) = @_;

	open my $file, '<', $path or die "cannot read $path: $!\n";
	local $/;
	my $text = <$file>;
	return $text // '';
}

sub write_file
{
	my ($path, $text) = @_;

	open my $file, '>', $path or die "cannot write $path: $!\n";
	print $file $text;
	close $file or die "cannot write $path: $!\n";
}

# C with comments and the insides of literals blanked; lines stay where they
# are.
sub without_comments
{
	my ($text) = @_;

	$text =~ s{(/\*.*?\*/|//[^\n]*)|"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'}
	  {defined $1 ? $1 =~ s/[^\n]+/ /gr : defined $2 ? '""' : "''"}gse;
	return $text;
}

1;
