# The SQL tests once more, with the extension built with UBSan in a server of
# its own (test/variant.sh).

use strict;
use warnings;

use Test::More;

my $compiler = 'echo "int main(void) { return 0; }" | '
  . '${CC:-cc} -fsanitize=undefined -x c - -o "$TESTDIR/ubsan" 2>&1';

plan skip_all => 'the compiler has no UBSan' if `$compiler` ne '' || $? != 0;

my $output = `test/variant.sh ubsan 010_regress 2>&1 </dev/null`;

ok($? == 0, 'the SQL tests pass') or diag($output);
like($output, qr/^processes with findings: 0$/m, 'UBSan finds nothing');

done_testing();
