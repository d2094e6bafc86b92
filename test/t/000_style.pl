# The checks of the sources, each as one test: format, layers, shape, warnings,
# symbols.  That the layers are looked at is shown on copies of the sources in
# which one of them is breached.

use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

sub passes
{
	my ($name, @command) = @_;
	my $output = `@command 2>&1`;

	ok($? == 0, $name) or diag($output);
}

# A copy of the sources with lines added to the ends of files: what the check
# of the layers says of it.
sub breached
{
	my (%added) = @_;
	my $copy = tempdir(CLEANUP => 1);

	system("mkdir -p $copy/test && cp -r src *.c Makefile $copy"
		  . " && cp -r test/style $copy/test") == 0
	  or die "cannot copy the sources\n";
	foreach my $path (keys %added)
	{
		open my $file, '>>', "$copy/$path" or die "$path: $!\n";
		print $file $added{$path};
		close $file;
	}
	return qx{$copy/test/style/layers 2>&1};
}

passes('formatted as pgindent does', 'test/style/indent --check');
passes('layers', 'test/style/layers');
is(breached(), '', 'layers: nothing to say of a copy');
like(
	breached('src/base/mask.h' => "#include \"json/stream.h\"\n"),
	qr!^src/base/mask\.h:\d+: includes json/stream\.h, which stands above it$!m,
	'layers: an include of a floor above');
like(
	breached('src/api/api.c' => "#include \"http/http_state.h\"\n"),
	qr!^src/api/api\.c:\d+: includes http/http_state\.h, which is its folder's!m,
	'layers: an include of what another folder keeps to itself');
like(
	breached(
		'src/json/string.h' => "#include \"json/cursor.h\"\n",
		'src/json/cursor.h' => "#include \"json/string.h\"\n"),
	qr!^include each other in a circle: src/json/cursor\.h, src/json/string\.h$!m,
	'layers: a circle of includes');
like(
	breached(
		'src/json/string.c' =>
		  "int\nadded(void)\n{\n\treturn mp_json_cursor_position;\n}\n"),
	qr!^call each other in a circle: .*src/json/cursor\.c, .*src/json/string\.c!m,
	'layers: a circle of calls');
like(
	breached('src/base/mask.c' => "static CURL *added;\n"),
	qr!^src/base/mask\.c:\d+: CURL: only the wire speaks to libcurl$!m,
	'layers: a library that others speak to');
like(
	breached('src/misc.c' => "static int added;\n"),
	qr!^src/misc\.c: stands in no folder of test/style/layers$!m,
	'layers: a file outside the folders');
passes('shape', 'test/style/shape');
passes('cppcheck', 'test/style/analyze cppcheck');
# check.sh has built all of it with gcc, warnings as errors.
passes('no warnings under clang', 'make -s check-compilers COMPILERS=clang');
passes('no symbol that the server would catch',
	'test/style/symbols mixpanel_sa_fdw.so');

done_testing();
