# Documentation whose examples run: its fenced blocks, and psql as somebody
# who copies them would use it.
#
# Owns nothing.  Knows Markdown's fences and the server's regions, for which
# the simulator stands in.
package MixpanelDocument;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run ();

our @EXPORT_OK = qw(fenced_blocks run_psql same_text);

use constant PSQL_SECONDS => 60;

# The fenced blocks of a text: {kind, info, text, line, end}.
sub fenced_blocks
{
	my ($text) = @_;
	my (@blocks, $block, $indent);
	my $line = 0;

	foreach (split /\n/, $text)
	{
		$line++;
		if (!$block && /^(\s*)```(\w*) ?(.*)$/)
		{
			$indent = $1;
			$block = { kind => $2, info => $3, text => '', line => $line };
		}
		elsif ($block && /^\s*```$/)
		{
			$block->{end} = $line;
			push @blocks, $block;
			undef $block;
		}
		elsif ($block)
		{
			s/^$indent//;
			$block->{text} .= "$_\n";
		}
	}
	die "a block that begins in line $block->{line} has no end\n" if $block;
	return @blocks;
}

# Runs SQL on a database, with a simulator in place of all regions, or one for
# each: {us => simulator, eu => simulator}.  Returns the exit status and all
# that psql printed, errors among it.
sub run_psql
{
	my ($connection, $simulator, $sql) = @_;
	my $output = '';

	$sql =~ s{\bregion '(us|eu|in)'}
		{"base_url '" . (ref $simulator eq 'HASH' ? $simulator->{$1} : $simulator)->base_url . "'"}ge;
	IPC::Run::run(
		[
			'psql', '-X', '-q', '-P', 'pager=off', '-v', 'ON_ERROR_STOP=1',
			'-d', $connection
		],
		'<', \$sql, '>', \$output, '2>&1',
		IPC::Run::timeout(PSQL_SECONDS));
	return ($? >> 8, same_text($output));
}

# What is printed and what is shown may differ in blanks at the ends of lines
# and in empty lines at the end.
sub same_text
{
	my ($text) = @_;

	$text =~ s/[ \t]+$//mg;
	$text =~ s/\n+\z/\n/;
	return $text;
}

1;
