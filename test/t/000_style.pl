# The checks of the sources, each as one test: format, layers, shape, warnings,
# symbols.

use strict;
use warnings;

use Test::More;

sub passes
{
	my ($name, @command) = @_;
	my $output = `@command 2>&1`;

	ok($? == 0, $name) or diag($output);
}

passes('formatted as pgindent does', 'test/style/indent --check');
passes('layers', 'test/style/layers');
passes('shape', 'test/style/shape');
passes('cppcheck', 'test/style/analyze cppcheck');
passes('no warnings under gcc and clang', 'make -s check-compilers');
passes('no symbol that the server would catch',
	'test/style/symbols mixpanel_sa_fdw.so');

done_testing();
