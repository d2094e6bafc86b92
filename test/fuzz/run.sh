#!/bin/sh
#
# Fuzz the layers that build without the server.
#
#	test/fuzz/run.sh SECONDS [NAME...]
#
# Builds every NAME_fuzz.c of this folder with clang's libFuzzer, ASan and
# UBSan into build/, runs each for SECONDS from the seeds in corpus/NAME, two
# at once where there are two processors (MP_FUZZ_JOBS=1: one), and prints how many inputs it has
# executed.  A finding is left in build/NAME/, and makes this script fail; one
# that was mended goes to corpus/NAME, which every run begins with.  What a
# target links besides itself is said in its box: see fuzz.h.
#
# With 0 for SECONDS, or without libFuzzer, the seeds alone are executed, which
# any compiler builds.

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
	'' | *[!0-9]*) usage ;;
esac

cd "$(dirname "$0")"
CLANG=${CLANG:-clang}
CC=${CC:-cc}
sanitizers=address,undefined
mkdir -p build

# Does a compiler know these sanitizers, and the program run?
try()
{
	"$1" -fsanitize="$2" -o build/try -x c - 2>build/try.log &&
		build/try -runs=1 >>build/try.log 2>&1
}

explain()
{
	echo "# $*"
	sed -n 's/^==[0-9]*==/#   /p; /error/s/^/#   /p' build/try.log | head -n 1
}

# The search for leaks stops all threads as a debugger does, which a container
# may forbid.
compiler=$CLANG
[ "$seconds" -gt 0 ] && command -v "$compiler" >/dev/null || compiler=$CC
if ! try "$compiler" address <<'END'
int
main(void)
{
	return 0;
}
END
then
	explain 'memory leaks are not looked for'
	ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
	export ASAN_OPTIONS
fi

if [ "$compiler" = "$CLANG" ] && ! try "$CLANG" "fuzzer,$sanitizers" <<'END'
#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return data == NULL && size > 0;
}
END
then
	compiler=$CC
	explain 'clang has no libFuzzer'
fi
if [ "$compiler" != "$CLANG" ] && [ "$seconds" -gt 0 ]
then
	echo '# seeds alone: clang with libFuzzer is missing' \
		'(Debian: clang, libclang-rt-dev)'
fi

# The value of a line of the box of a target.
box_line()
{
	sed -n "s/^ \* $2: //p" "$1_fuzz.c"
}

# Several targets link the same sources: each is compiled once in a run.
rm -rf build/objects
mkdir -p build/objects

# Not position-independent: where the kernel spreads addresses wide, such a
# program may lie where ASan's allocator wants to.
# shellcheck disable=SC2086
compile()
{
	object=build/objects/$(echo "$1" | tr / -).o
	[ ! -e "$object" ] || return 0
	fuzzer=
	[ "$compiler" != "$CLANG" ] || fuzzer=fuzzer-no-link,
	"$compiler" -std=gnu99 -D_GNU_SOURCE -O2 -g -I. -I../../src \
		-fno-pie -fsanitize="$fuzzer$sanitizers" -fno-sanitize-recover=all \
		-c -o "$object.$2" "$1" $flags &&
		mv "$object.$2" "$object"
}

# Sources stand in this folder or in src/.
build()
{
	libraries=$(box_line "$1" Libraries)
	flags=
	links=
	# shellcheck disable=SC2086
	[ -z "$libraries" ] || {
		flags=$(pkg-config --cflags $libraries)
		links=$(pkg-config --libs $libraries)
	}

	mkdir -p "build/$1/corpus"
	sources=$1_fuzz.c
	[ "$compiler" = "$CLANG" ] || sources="$sources replay.c"
	objects=
	for source in $sources $(box_line "$1" Sources)
	do
		[ -e "$source" ] || source=../../src/$source
		compile "$source" "$1" || return
		objects="$objects $object"
	done
	fuzzer=
	[ "$compiler" != "$CLANG" ] || fuzzer=fuzzer,
	# shellcheck disable=SC2086
	"$compiler" -no-pie -fsanitize="$fuzzer$sanitizers" \
		-o "build/$1/target" $objects $links
}

# New inputs go to build/, so that the seeds stay few.
fuzz()
{
	dictionary=$(box_line "$1" Dictionary)
	"build/$1/target" -max_total_time="$seconds" -timeout=20 \
		-rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="build/$1/" \
		${dictionary:+-dict="dictionary/$dictionary"} \
		"build/$1/corpus" "corpus/$1"
}

replay()
{
	"build/$1/target" "corpus/$1"/*
}

execute()
{
	log=build/$1/log
	if [ "$compiler" = "$CLANG" ] && fuzz "$1" >"$log" 2>&1
	then
		executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		echo "ok - $1: $executions executions"
	elif [ "$compiler" != "$CLANG" ] && replay "$1" >"$log" 2>&1
	then
		echo "ok - $1: $(grep -c ^corpus/ "$log") seeds"
	else
		grep -v '^#[0-9]' "$log" | tail -n 60 >&2
		echo "not ok - $1: a finding, see test/fuzz/build/$1/"
		return 1
	fi
}

# One after the other.
run()
{
	failed=0
	for name
	do
		if ! { build "$name" && execute "$name"; }
		then
			failed=1
		fi
	done
	return $failed
}

if [ $# -eq 0 ]
then
	for file in *_fuzz.c
	do
		set -- "$@" "${file%_fuzz.c}"
	done
fi

failed=0
if [ $# -gt 1 ] && [ "${MP_FUZZ_JOBS:-$(getconf _NPROCESSORS_ONLN)}" -gt 1 ]
then
	odd=
	even=
	for name
	do
		odd="$odd $name"
		rest=$odd
		odd=$even
		even=$rest
	done
	# shellcheck disable=SC2086
	run $odd &
	# shellcheck disable=SC2086
	run $even || failed=1
	wait $! || failed=1
else
	run "$@" || failed=1
fi
exit $failed
