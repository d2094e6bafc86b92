#!/bin/bash
# PostgreSQL's own tests with the library preloaded in each session give what
# they give without it: src/test/regress and contrib/postgres_fdw, on a server
# with assertions (test/server.sh), run twice and compared file by file.
#
#	test/server_regress.sh [VERSION...]
#
# VERSIONs are 15, 17 and 18, all of them if none is named.  Needs Debian.
# Differences are left in test/log/server_regress.
set -eu

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/root.sh"
. "$(dirname "$0")/server.sh"

time_limit=3600 # seconds for one run of one suite
failed=0

[ $# -gt 0 ] || set -- 15 17 18
for version
do
	suite_of "$version" >/dev/null || die 'usage: server_regress.sh [VERSION...]'
done

# pg_regress on a suite, in a server of its own with the settings given:
# run_suite SUITE FOLDER SETTINGS ARGUMENT...  What is in FOLDER/results then
# is all that counts; whether it is as expected, PostgreSQL's tests say.
run_suite()
{
	local input=$source/$1 folder=$2 settings=$3
	shift 3

	as_owner mkdir -p "$folder"
	as_owner sh -c 'echo "$1" >"$2"' sh "$settings" "$folder/settings"
	as_owner env PATH="$bindir:$PATH" LC_ALL=C timeout "$time_limit" nice \
		"$source/src/test/regress/pg_regress" --bindir="$bindir" \
		--temp-instance="$folder/data" --temp-config="$folder/settings" \
		--inputdir="$input" --outputdir="$folder" \
		--dlpath="$source/src/test/regress" --encoding=UTF8 \
		--max-concurrent-tests=20 "$@" >"$folder/output" 2>&1 </dev/null || :
	rm -rf "$folder/data"
	[ -n "$(ls -A "$folder/results" 2>/dev/null)" ] || {
		tail -n 40 "$folder/output" >&2
		die "pg_regress has not run: $input"
	}
}

# How many tests of a run have other output than PostgreSQL expects.
count_unexpected()
{
	cat "$1/regression.diffs" 2>/dev/null | grep -c '^diff ' || :
}

# Run a suite without and with the library, and say what differs: compare_suite
# SUITE ARGUMENT...
compare_suite()
{
	local suite=$1 name=postgresql-$version-${1##*/} plain preloaded file
	local count=0 differing=
	shift

	plain=$room/$name/plain
	preloaded=$room/$name/preloaded
	run_suite "$suite" "$plain" '' "$@"
	run_suite "$suite" "$preloaded" \
		"session_preload_libraries = 'mixpanel_sa_fdw'" "$@"
	for file in "$plain"/results/*.out
	do
		count=$((count + 1))
		cmp -s "$file" "$preloaded/results/${file##*/}" ||
			differing="$differing $(basename "$file" .out)"
	done
	echo "PostgreSQL $version, $suite: $count tests;" \
		"not as expected without the library $(count_unexpected "$plain")," \
		"with it $(count_unexpected "$preloaded");" \
		"differing:${differing:- none}"
	[ -n "$differing" ] || return 0
	failed=1
	diff -U3 "$plain/results" "$preloaded/results" >"$results/$name.diff" || :
	cp "$plain/output" "$results/$name.plain"
	cp "$preloaded/output" "$results/$name.preloaded"
}

compare_version()
{
	local version=$1 source=$server_cache/source-$1 tests

	make_server "$version"
	copy_server
	rm -rf "$room/project"
	copy_project
	build_with -O1 -fno-omit-frame-pointer
	compare_suite src/test/regress \
		--schedule="$source/src/test/regress/parallel_schedule"
	tests=$(sed -n 's/^REGRESS = //p' "$source/contrib/postgres_fdw/Makefile")
	# shellcheck disable=SC2086
	compare_suite contrib/postgres_fdw --dbname=contrib_regression $tests
}

results=$original/test/log/server_regress
rm -rf "$results"
mkdir -p "$results"
make_room
for version
do
	compare_version "$version"
done
exit "$failed"
