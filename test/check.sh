#!/bin/bash
# Every test of the project; what it does is said by usage() below.
#
# The tests run side by side, twice as many at once as there are processors:
# each has a cluster and a simulator of its own, and waits half of its time.  The
# other versions of PostgreSQL are tried beside all of this; what came of them
# is looked at in the end.
set -eu

. "$(dirname "$0")/lib.sh"

# For all tests: one that hangs must not hang CI.
time_limit=${MP_CHECK_SECONDS:-1800}

usage()
{
	cat <<'END'
usage: test/check.sh [NAME...]

Builds the extension, installs it into the PostgreSQL that it was built for,
and runs every test; with NAMEs, those whose path contains one of them, such
as 050_counts, 07 or _test.  test/t/README.md says what the numbers mean.

On Debian and its derivatives it first installs the packages that are missing:
compilers, PostgreSQL with its headers, libraries, and what some tests try the
extension with (nginx, psycopg, JDBC, pg_cron).  It names them and their size.
What cannot be installed is left out, with the tests that need it.

Afterwards these stay: the packages, the extension in the server's folders
("make uninstall" removes it), what was built in this folder ("make clean"),
and the logs of a failed run in test/log.  No server is left running, and the
clusters of this machine are not touched.

Environment:
  PG_CONFIG         chooses the server; default: the newest that is installed
  MP_JOBS           tests that run side by side; default: two a processor
  MP_CHECK_SECONDS  that all of it may take; default 1800
  MP_FUZZ_SECONDS   for each fuzz target; default 5, 0: its seeds alone
  PROVE_FLAGS       more arguments for prove, such as --verbose
END
}

case ${1-} in
	-h | --help)
		usage
		exit 0
		;;
	-*)
		usage >&2
		exit 2
		;;
esac

# Does a path contain one of the names?  Without names, every path does.
is_wanted()
{
	local path=$1 name
	shift

	[ $# -gt 0 ] || return 0
	for name
	do
		case $path in *"$name"*) return ;; esac
	done
	return 1
}

count_packages()
{
	{ dpkg-query -W -f '${Package}\n' 2>/dev/null || :; } | wc -l
}

packages_before=$(count_packages)

# What is there now that may not have been before.  CI reads prove's last line.
say_what_stays()
{
	local installed

	[ -z "${CI-}" ] || return 0
	installed=$(($(count_packages) - packages_before))
	{
		echo
		echo "What stays: the extension in $("$PG_CONFIG" --pkglibdir)"
		echo '(make uninstall removes it), and what was built here (make clean).'
		[ "$installed" -eq 0 ] || echo "$installed packages were installed."
	} >&2
}

# shellcheck disable=SC2086
need_packages $test_packages
find_server

# Install what can be installed: a test leaves out the clients and servers that
# are not there.  No service is started for it, which nobody asked for.
offer_packages()
{
	local missing

	command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || return 0
	missing=$(missing_of "$@")
	[ -n "$missing" ] || return 0
	apt update >/dev/null 2>&1 || :
	# shellcheck disable=SC2086
	(install_offered $missing)
}

policy=/usr/sbin/policy-rc.d # asked by packages that would start a service

install_offered()
{
	local package

	if [ ! -e "$policy" ]
	then
		trap 'as_root rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
		as_root chmod 755 "$policy"
	fi
	for package
	do
		echo "installing: $package"
		install_packages "$package" >/dev/null 2>&1 ||
			echo "cannot be installed: $package"
		case $package in pgbouncer | nginx)
			[ ! -d /run/systemd/system ] ||
				as_root systemctl disable --now "$package" >/dev/null 2>&1 || :
			;;
		esac
	done
}

if is_wanted test/t/034_cron.pl "$@" || is_wanted test/t/060_cookbook.pl "$@"
then
	offer_packages "postgresql-$("$PG_CONFIG" --version |
		sed 's/[^0-9]*\([0-9]*\).*/\1/')-cron"
fi
if is_wanted test/t/060_cookbook.pl "$@" || is_wanted test/t/061_clients.pl "$@"
then
	offer_packages python3-psycopg python3-psycopg2 python3-sqlalchemy \
		pgbouncer libpostgresql-jdbc-java
	command -v javac >/dev/null || offer_packages default-jdk-headless
fi
if is_wanted test/t/072_faults_tls.pl "$@" ||
	is_wanted test/t/073_faults_http2.pl "$@" ||
	is_wanted test/t/079_faults_gzip.pl "$@"
then
	offer_packages openssl nginx python3-h2
fi
if [ "${MP_FUZZ_SECONDS-}" != 0 ] && is_wanted test/t/004_fuzz.pl "$@"
then
	offer_packages clang libclang-rt-dev
fi
if is_wanted test/t/000_style.pl "$@"
then
	need_packages clang universal-ctags cppcheck
	# From 16 on it comes with the server.
	[ -x "$bindir/pg_bsd_indent" ] || need_packages pg-bsd-indent
fi
make_room

# The versions that are not this server's, where their root folders can be made;
# beside everything else, of which nothing needs so long as to fetch them.
test_versions()
{
	local version own

	own=$("$PG_CONFIG" --version | sed 's/^[^0-9]*//; s/[^0-9].*//')
	set --
	for version in 15 17 18 19
	do
		[ "$version" = "$own" ] || set -- "$@" "$version"
	done
	# shellcheck disable=SC2016
	setsid bash -c '"$0" "$@"; : >"$MP_VERSIONS_REPORT.whole"' \
		"$repo/test/matrix.sh" --if-possible --short \
		--report "$MP_VERSIONS_REPORT" "$@" >/dev/null </dev/null &
	versions_pid=$!
}

# Ended early, nothing goes on.
end()
{
	[ -z "$versions_pid" ] || kill -TERM -- "-$versions_pid" 2>/dev/null || :
	close_room
}

export MP_VERSIONS_REPORT=$room/versions
versions_pid=
trap end EXIT
rm -rf "$repo/test/log"
! is_wanted test/t/090_versions.pl "$@" || test_versions

# Paths of the unit tests that the names choose, in a folder of programs.
list_unit_tests()
{
	local folder=$1 source path
	shift

	for source in "$repo"/test/unit/*_test.c
	do
		path=$folder/$(basename "$source" .c)
		! is_wanted "$path" "$@" || printf '%s\n' "$path"
	done
}

unit_tests=$(list_unit_tests test/unit/build "$@")
sanitized_tests=$(list_unit_tests test/unit/build/sanitize "$@")
build WERROR=1 all simulator ${unit_tests:+unit} \
	${sanitized_tests:+unit-sanitized}
install_extension

# The search for leaks stops a program's threads as a debugger does, which a
# container may forbid.
if [ -n "$sanitized_tests" ] &&
	"$repo/test/unit/build/sanitize/option_value_test" 2>&1 |
	grep -q 'LeakSanitizer has encountered a fatal error'
then
	echo 'memory leaks are not looked for: LeakSanitizer may not trace'
	export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
fi

copy_to_room Makefile mixpanel_sa_fdw.control mixpanel_sa_fdw.c \
	mixpanel_sa_fdw.so sql expected src test doc README.md \
	CHANGELOG.md CONTRIBUTING.md LICENSE MAINTAINER META.json debian

mkdir "$room/bin"
ln -s "$room/repo/test/initdb" "$room/bin/initdb"
as_owner chmod 755 "$room/bin" 2>/dev/null || :

# Paths of the TAP tests that the names choose.
list_tests()
{
	local path

	for path in test/t/*.pl
	do
		! is_wanted "$path" "$@" || printf '%s\n' "$path"
	done
}

# The longest first, lest one of them is what all wait for in the end; and last
# the one that waits for test_versions.
by_length()
{
	local name

	for name in 004_fuzz 011_ubsan 000_style 026_cancel 032_failure 053_diff \
		077_secrets 073_faults 030_matrix 070_faults 071_faults 055_quota \
		041_demo 029_crash 010_regress 028_journal 060_cookbook 022_writes \
		052_guest 024_sessions 031_random 037_impolite /t/ test/unit
	do
		printf '%s\n' "$@" | grep "$name" || :
	done | grep -v 090_versions | awk '!seen[$0]++'
	printf '%s\n' "$@" | grep 090_versions || :
}

tests="$unit_tests $sanitized_tests $(cd "$room/repo" && list_tests "$@")"
[ -n "${tests// /}" ] || die "no test matches: $*"
# shellcheck disable=SC2086
tests=$(by_length $tests)

jobs=${MP_JOBS:-$(($(getconf _NPROCESSORS_ONLN) * 2))}

# shellcheck disable=SC2086
run_tests()
{
	local pgxs

	pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")/..
	as_owner env -C "$room/repo" PATH="$room/bin:$bindir:$PATH" \
		MP_INITDB="$bindir/initdb" MP_INITDB_TEMPLATES="$room/templates" \
		PERL5LIB="$pgxs/test/perl:$room/repo/test/perl" \
		PG_REGRESS="$pgxs/test/regress/pg_regress" \
		PG_TEST_PORT_DIR="$room/ports" \
		MP_SIMULATOR="$room/repo/test/simulator/simulator" \
		MP_SIMCTL="$room/repo/test/simulator/simctl" \
		MP_FUZZ_JOBS="${MP_FUZZ_JOBS:-$((jobs > 1 ? 1 : 2))}" \
		PGCTLTIMEOUT="${PGCTLTIMEOUT:-300}" \
		TESTDIR="$room" TESTDATADIR="$room/tmp_check" \
		TESTLOGDIR="$room/tmp_check/log" \
		LC_ALL=C \
		timeout --kill-after=10 "$time_limit" \
		prove --timer --jobs "$jobs" ${PROVE_FLAGS-} $tests
}

# A server with assertions may have died when a test had seen all it wanted.
has_trapped()
{
	grep -rh '^TRAP: ' "$room/tmp_check/log" 2>/dev/null
}

if ! run_tests || has_trapped
then
	if [ -d "$room/tmp_check/log" ]
	then
		mkdir -p "$repo/test/log"
		cp -R "$room/tmp_check/log/." "$repo/test/log"
		echo "logs: test/log" >&2
	fi
	say_what_stays
	exit 1
fi
say_what_stays
