#!/bin/sh
#
# Fuzz the layers that build without the server.
#
#	test/fuzz/run.sh SECONDS [NAME...]
#
# Builds every NAME_fuzz.c of this folder with clang's libFuzzer, ASan and
# UBSan into build/, runs each for SECONDS from the seeds in corpus/NAME, and
# prints how many inputs it has executed.  A finding is left in build/NAME/,
# and makes this script fail.  What a target links besides itself is said in
# its box: "Sources:", of src/, and "Libraries:", as pkg-config knows them.

set -eu

usage()
{
	echo "usage: $0 SECONDS [NAME...]" >&2
	exit 2
}

[ $# -ge 1 ] || usage
seconds=$1
shift
case $seconds in
	'' | *[!0-9]* | 0) usage ;;
esac

cd "$(dirname "$0")"
CLANG=${CLANG:-clang}
command -v "$CLANG" >/dev/null || {
	echo "$0: clang with libFuzzer is needed (Debian: apt install clang)" >&2
	exit 2
}

# The value of a line of the box of a target.
box_line()
{
	sed -n "s/^ \* $2: //p" "$1_fuzz.c"
}

build()
{
	sources=$(box_line "$1" Sources | sed 's!\([^ ]*\)!../../src/\1!g')
	libraries=$(box_line "$1" Libraries)
	flags=
	[ -z "$libraries" ] || flags=$(pkg-config --cflags --libs "$libraries")

	mkdir -p "build/$1/corpus" "corpus/$1"
	# shellcheck disable=SC2086
	"$CLANG" -std=gnu99 -O1 -g -I../../src \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-o "build/$1/target" "$1_fuzz.c" $sources $flags
}

# New inputs go to build/, so that the seeds stay few.
run()
{
	log=build/$1/log
	if "build/$1/target" -max_total_time="$seconds" -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="build/$1/" \
		"build/$1/corpus" "corpus/$1" >"$log" 2>&1
	then
		executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		echo "ok - $1: $executions executions"
	else
		tail -n 40 "$log" >&2
		echo "not ok - $1: a finding, see test/fuzz/build/$1/"
		return 1
	fi
}

if [ $# -eq 0 ]
then
	for file in *_fuzz.c
	do
		set -- "$@" "${file%_fuzz.c}"
	done
fi
failed=0
for name
do
	build "$name"
	run "$name" || failed=1
done
exit $failed
