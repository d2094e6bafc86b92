#!/bin/bash
# The tests on an instrumented build, in a private copy of the server's tree:
# the installed server and this folder stay as they are.
#
#	test/variant.sh assert|ubsan|coverage|valgrind [NAME...]
#
#	assert		a server with assertions, built from Debian's source when it is
#				first wanted (test/server.sh); without NAMEs, all tests that run
#				the extension.
#	ubsan		the extension under UBSan, in the server; without NAMEs, the SQL
#				tests.  Any finding fails.
#	coverage	which lines of the extension the tests run, and which reports of
#				errors none of them raises; without NAMEs, all tests that run it.
#				The unit tests count, the simulator does not.
#	valgrind	the server under memcheck; without NAMEs, the SQL tests.  Fails
#				for an error or a definite leak with the extension in its stack.
#
# NAMEs are check.sh's, PG_CONFIG chooses the server that is copied (for assert,
# its major version), and PROVE_FLAGS adds to prove's arguments.  What was found
# is left in test/log/KIND.
set -eu

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/root.sh"
. "$(dirname "$0")/server.sh"

usage()
{
	die 'usage: variant.sh assert|ubsan|coverage|valgrind [NAME...]'
}

[ $# -gt 0 ] || usage
kind=$1
shift
case $kind in
	assert | ubsan | coverage | valgrind) ;;
	*) usage ;;
esac

failed=0

# The tests that run the extension: not those of the sources, of the releases,
# of the simulator alone, and of other builds.
names_of_tests()
{
	local path

	for path in "$repo"/test/unit/*_test.c
	do
		echo "unit/build/$(basename "$path" .c)"
	done
	for path in "$repo"/test/t/*.pl
	do
		case ${path##*/} in
			00*.pl | *_ubsan.pl | *_release.pl | *_versions.pl) ;;
			*) echo "${path##*/}" ;;
		esac
	done
}

# Not as a part of the make, or of the test, that has started this script.
run_check()
{
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS "$repo/test/check.sh" "$@" ||
		failed=1
	[ ! -d "$repo/test/log" ] || cp -R "$repo/test/log" "$results/tests"
}

# ---- assert ----

# A failed assertion ends all sessions of the server, and stands in its log,
# where check.sh finds it, should no test have noticed.
test_assert()
{
	copy_project
	build_with -O1 -fno-omit-frame-pointer
	# shellcheck disable=SC2046
	[ $# -gt 0 ] || set -- $(names_of_tests)
	MP_CHECK_SECONDS=${MP_CHECK_SECONDS:-7200} run_check "$@"
}

# ---- ubsan ----

# Findings go to files, a file a process: a server's log may be full, or read
# by nobody.  The options cannot come by the environment, which the server has
# overwritten with its title when UBSan looks for them: the library gives them.
# Sums that overflow are findings as well, although PostgreSQL's flags define
# them.
test_ubsan()
{
	local found

	copy_project
	cat >>"$repo/mixpanel_sa_fdw.c" <<END
extern PGDLLEXPORT const char *__ubsan_default_options(void);
const char *
__ubsan_default_options(void)
{
	return "print_stacktrace=1:log_path=$room/found/report";
}
END
	build_with -O1 -fno-omit-frame-pointer -fno-wrapv \
		-fsanitize=undefined,float-cast-overflow,float-divide-by-zero
	[ $# -gt 0 ] || set -- 010_regress
	run_check "$@"
	found=$(find "$room/found" -type f | wc -l)
	if [ "$found" -gt 0 ]
	then
		cat "$room/found"/* >"$results/findings"
		grep 'runtime error' "$results/findings" | sort -u
		failed=1
	fi
	echo "processes with findings: $found"
}

# ---- coverage ----

# Each process adds its counts at its end to the files beside the objects.
test_coverage()
{
	local flags='-O0 -g -U_FORTIFY_SOURCE --coverage -fprofile-update=atomic'

	copy_project 'test/unit/build/*.[do]' 'test/unit/build/*_test'
	# shellcheck disable=SC2086
	build_with $flags
	build -C test/unit WARNINGS= CFLAGS="$flags"
	[ "$(id -u)" -ne 0 ] || chown -R postgres: "$repo"
	# shellcheck disable=SC2046
	[ $# -gt 0 ] || set -- $(names_of_tests)
	run_check "$@"
	"$repo/test/coverage/report" "$repo" | tee "$results/report"
}

# ---- valgrind ----

# In place of the server's program: itself under memcheck.  Neither initdb's
# runs nor the question for its version are of interest, and take long.  With
# no JIT, whose compiler is as large as the server.
wrap_server()
{
	mv "$bindir/postgres" "$bindir/postgres.bare"
	rm -f "$("$PG_CONFIG" --pkglibdir)/llvmjit.so"
	cat >"$bindir/postgres" <<END
#!/bin/sh
case " \$* " in
	*' --boot '* | *' --single '* | *' -V '* | *' -C '* | *' --check '*)
		exec "$bindir/postgres.bare" "\$@"
		;;
esac
exec valgrind --quiet --leak-check=full --show-leak-kinds=definite \\
	--errors-for-leak-kinds=definite --track-origins=yes --num-callers=40 \\
	--fullpath-after= --gen-suppressions=all \\
	--suppressions="$repo/test/valgrind.supp" \\
	--log-file="$room/found/%p" "$bindir/postgres.bare" "\$@"
END
	chmod 755 "$bindir/postgres"
}

test_valgrind()
{
	local reports

	copy_project
	build_with -O1 -fno-omit-frame-pointer -fno-inline
	wrap_server
	[ $# -gt 0 ] || set -- 010_regress
	run_check "$@"
	echo "processes under memcheck: $(find "$room/found" -type f | wc -l)"
	cat "$room/found"/* >"$results/all"
	"$repo/test/valgrind_reports" "$repo" "$room/found"/* \
		>"$results/findings"
	reports=$(grep -c '^report ' "$results/findings") || :
	cat "$results/findings"
	echo "reports with the extension in their stack: $reports"
	[ "$reports" -eq 0 ] || failed=1
}

find_server
[ "$kind" != assert ] || make_server "$(server_version)"
[ "$kind" != valgrind ] || need_packages valgrind
make_room
results=$original/test/log/$kind
rm -rf "$results"
mkdir -p "$results"
mkdir -m 1777 "$room/found"
copy_server
"test_$kind" "$@"
exit "$failed"
