#!/bin/bash
# The tests on an instrumented build, in a private copy of the server's tree:
# the installed server and this folder stay as they are.
#
#	test/variant.sh ubsan|coverage|valgrind [NAME...]
#
#	ubsan		the extension under UBSan, in the server; without NAMEs, the SQL
#				tests.  Any finding fails.
#	coverage	which lines of the extension the tests run, and which reports of
#				errors none of them raises; without NAMEs, all tests that run it.
#				The unit tests count, the simulator does not.
#	valgrind	the server under memcheck; without NAMEs, the SQL tests.  Fails
#				for an error or a definite leak with the extension in its stack.
#
# NAMEs are check.sh's, PG_CONFIG chooses the server that is copied, and
# PROVE_FLAGS adds to prove's arguments.  What was found is left in
# test/log/KIND.
set -eu

. "$(dirname "$0")/lib.sh"

usage()
{
	die 'usage: variant.sh ubsan|coverage|valgrind [NAME...]'
}

[ $# -gt 0 ] || usage
kind=$1
shift
case $kind in
	ubsan | coverage | valgrind) ;;
	*) usage ;;
esac

original=$repo
failed=0

# PostgreSQL finds its other folders by where its programs are, so that a copy
# of the three trees that has the same paths below another root is a server of
# its own: what is installed by its pg_config goes into it, and only its
# programs see it.  Headers are only read: links will do.
copy_server()
{
	local folder
	local copied="--bindir --pkglibdir --sharedir"
	local linked="--includedir --includedir-server"

	for folder in $copied
	do
		folder=$("$PG_CONFIG" "$folder")
		mkdir -p "$room/tree$(dirname "$folder")"
		[ -e "$room/tree$folder" ] || cp -a "$folder" "$room/tree$folder"
	done
	for folder in $linked
	do
		folder=$("$PG_CONFIG" "$folder")
		mkdir -p "$room/tree$(dirname "$folder")"
		[ -e "$room/tree$folder" ] || ln -s "$folder" "$room/tree$folder"
	done
	PG_CONFIG=$room/tree$("$PG_CONFIG" --bindir)/pg_config
	find_server
	case $("$PG_CONFIG" --pkglibdir) in
		"$room/tree"/*) ;;
		*) die "this server's tree cannot be moved: $PG_CONFIG" ;;
	esac
}

# The project without what is to be built anew: the extension, and what is
# named.
copy_project()
{
	local exclude=(--no-wildcards-match-slash --exclude=./.git
		--exclude=./test/log --exclude='./*.[os]*' --exclude='./src/*/*.[ob]*')
	local path

	for path
	do
		exclude+=("--exclude=./$path")
	done
	mkdir "$room/project"
	tar -C "$original" "${exclude[@]}" -c . | tar -C "$room/project" -x
	repo=$room/project
}

# Build the extension with flags of one's own.  check.sh then finds it up to
# date, and installed.
build_with()
{
	build COPT="$*" all
	quietly make -C "$repo" -s --no-print-directory with_llvm=no \
		PG_CONFIG="$PG_CONFIG" install
}

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
[ "$kind" != valgrind ] || need_packages valgrind
make_room
results=$original/test/log/$kind
rm -rf "$results"
mkdir -p "$results"
mkdir -m 1777 "$room/found"
copy_server
"test_$kind" "$@"
exit "$failed"
