#!/bin/bash
# Build, warnings as errors, and test with several versions of PostgreSQL, each
# in a root folder of the Debian suite that has it (test/root.sh): 15 bookworm,
# 17 trixie, 18 sid, 19 experimental on sid, which also brings its compiler,
# libcurl and jansson.
#
#	test/matrix.sh [--if-possible] [--short] [--report FILE] [VERSION...]
#
# Needs root, on Debian.  With --if-possible, a version whose root folder cannot
# be made here is left out; without, that is a failure.  With --short, only the
# SQL tests, each API call and upgrades are tried.  FILE gets a line a version:
# "passed", "failed" or "skipped", the version, and what there is to say.
#
# The logs of a failed version are left in test/log.  MP_CHECK_SECONDS is how
# long each version may take.
set -eu

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/root.sh"

time_limit=${MP_CHECK_SECONDS:-1500} # seconds for one version
if_possible=
short=
report=/dev/null
versions=

while [ $# -gt 0 ]
do
	case $1 in
		--if-possible) if_possible=yes ;;
		--short) short=yes ;;
		--report)
			[ $# -gt 1 ] || die '--report needs a file'
			report=$2
			shift
			;;
		[0-9]*)
			suite_of "$1" >/dev/null ||
				die "no suite of Debian is known to have PostgreSQL $1"
			versions="$versions $1"
			;;
		*) die "usage: matrix.sh [--if-possible] [--short]" \
			'[--report FILE] [VERSION...]' ;;
	esac
	shift
done

passed=0
failed=0
skipped=0

# One version's outcome: tell OUTCOME VERSION WORDS...
tell()
{
	local outcome=$1 version=$2
	shift 2

	eval "$outcome=\$(($outcome + 1))"
	printf '%s\n' "$outcome $version $*" >>"$report"
	printf '%s\n' "PostgreSQL $version: $outcome, $*"
}

# A version that cannot be tried here.
give_up()
{
	if [ -n "$if_possible" ]
	then
		tell skipped "$@"
	else
		tell failed "$@"
	fi
}

# The tests of a version: check.sh's names.  The checks of the sources and of
# the releases are the same everywhere.
names_of_tests()
{
	local path

	if [ -n "$short" ]
	then
		echo 010_regress 020_calls 080_upgrade
		return
	fi
	echo _test
	for path in "$repo"/test/t/*.pl
	do
		case ${path##*/} in
			*_style.pl | *_release.pl | *_versions.pl) ;;
			*) echo "${path##*/}" ;;
		esac
	done
}

# What runs in the root folder: the project without what was built elsewhere,
# and its own check.
# shellcheck disable=SC2016
try_version='
	mkdir /srv/work
	tar -C /srv/project --exclude=./.git --exclude=./test/log \
		--exclude=./doc/installed \
		--exclude=build --exclude=build-sanitized \
		--exclude=test/simulator/simulator --exclude=test/simulator/simctl \
		--exclude="*.o" --exclude="*.so" --exclude="*.bc" \
		-c . | tar -C /srv/work -x
	cd /srv/work
	export MP_FUZZ_SECONDS=0 # one version has fuzzed for all
	export MP_CHECK_SECONDS=$1
	shift
	status=0
	test/check.sh "$@" || status=$?
	cp -R test/log /srv/shared/ 2>/dev/null || :
	exit "$status"
'

# Versions of all that a root folder brings, in one line.
# shellcheck disable=SC2016
describe_system='
	version()
	{
		dpkg-query -W -f "\${Version}" "$1" | sed "s/^[0-9]*://; s/[-+~].*//"
	}
	printf "PostgreSQL %s, libcurl %s, jansson %s, gcc %s" \
		"$(version "postgresql-$1")" \
		"$(version libcurl4-openssl-dev)" "$(version libjansson-dev)" \
		"$(gcc -dumpfullversion)"
'

try()
{
	local version=$1 root=$2 system summary
	local output=$room/$version/output status=0
	local kept=$repo/test/log/postgresql-$version

	mkdir -p "$room/$version"
	rm -rf "$kept"
	system="$(suite_of "$version"): $(in_root "$root" "$room/$version" \
		bash -euc "$describe_system" system "$version")"
	# shellcheck disable=SC2046
	in_root "$root" "$room/$version" timeout --kill-after=30 "$time_limit" \
		bash -euc "$try_version" try "$time_limit" $(names_of_tests) \
		>"$output" 2>&1 </dev/null || status=$?
	if [ "$status" -eq 0 ]
	then
		summary=$(sed -n 's/^Files=\([0-9]*\), Tests=\([0-9]*\),.*/\1 \2/p' \
			"$output" | awk '{ files += $1; tests += $2 }
				END { if (NR > 0) printf "Files=%d, Tests=%d", files, tests }')
		tell passed "$version" "${summary:+$summary; }$system"
		return
	fi
	mkdir -p "$repo/test/log"
	cp -R "$room/$version" "$kept"
	tail -n 60 "$output" >&2
	tell failed "$version" "status $status, see ${kept#"$repo/"}; $system"
}

# shellcheck disable=SC2046,SC2086
make_version()
{
	make_root "postgresql-$1" "$(suite_of "$1")" \
		"$no_bitcode" $(packages_for "$1") $test_packages
}

: >"$report"
reason=$(why_no_roots)
make_room
[ -n "$reason" ] || need_packages mmdebstrap

# Two at once, as most of it is waiting for the mirror and unpacking.
for version in ${versions:-15 17 18 19}
do
	[ -z "$reason" ] || break
	make_version "$version" >"$room/$version.made" 2>&1 &
	eval "maker_$version=$!"
done

for version in ${versions:-15 17 18 19}
do
	if [ -n "$reason" ]
	then
		give_up "$version" "no root folder can be made: $reason"
	elif eval "wait \$maker_$version"
	then
		try "$version" "postgresql-$version"
	else
		cat "$room/$version.made" >&2
		give_up "$version" "mmdebstrap made no $(suite_of "$version")"
	fi
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
