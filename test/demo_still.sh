#!/bin/bash
# The picture of the demo in README.md: runs test/demo.sh on a terminal and
# draws a part of what it prints.
#
#	test/demo_still.sh >doc/demo.svg
set -eu

here=$(dirname "$0")
output=$(mktemp)
trap 'rm -f "$output"' EXIT

script --quiet --return --command "$here/demo.sh" "$output" >/dev/null </dev/null

# From the first creation to the first refusal.
sed -e '1d;$d' "$output" | tr -d '\r' | awk '
	/== Create one/ { shown = 1 }
	/== Who answers/ { shown = 0 }
	/== A new account cannot wait/ { shown = 1 }
	/== Refused: more/ { shown = 0 }
	shown' | perl "$here/still" 'test/demo.sh'
