#!/bin/bash
# A tour of the extension on a simulator of Mixpanel's API and a PostgreSQL
# server of its own, both gone afterwards.  Installs what is missing (Debian
# and its kin), builds and installs the extension.
#
#	test/demo.sh [--psql]
#
# --psql ends in an interactive psql.  PG_CONFIG chooses the server.
set -eu

. "$(dirname "$0")/lib.sh"

case $# in
	0) interactive= ;;
	1) interactive=$1 ;;
	*) interactive=wrong ;;
esac
case $interactive in
	'' | --psql) ;;
	*) die 'usage: test/demo.sh [--psql]' ;;
esac

if [ -t 1 ]
then
	title_on=$'\e[1;32m' sql_on=$'\e[36m' calls_on=$'\e[2m' colour_off=$'\e[0m'
else
	title_on='' sql_on='' calls_on='' colour_off=''
fi

run_psql()
{
	as_owner "$bindir/psql" -X -v ON_ERROR_STOP=1 -P pager=off \
		-v base_url="$base_url" "$@"
}

# The requests since the last call: equal ones once, with their number.
show_calls()
{
	"$MP_SIMCTL" "$MP_SIMULATOR_PORT" log --clear |
		sed -E 's|/service-accounts/[0-9]+|/service-accounts/{id}|' |
		awk -v on="$calls_on" -v off="$colour_off" '
			!seen[$0]++ { order[++lines] = $0 }
			END {
				for (i = 1; i <= lines; i++) {
					times = seen[order[i]] > 1 ? seen[order[i]] " x " : ""
					print on "API: " times order[i] off
				}
			}'
}

# Print a block's title, its statements and what they give.
show_block()
{
	local title=${1%%$'\n'*}
	local sql=${1#*$'\n'}

	case $sql in
		--*) return ;;
	esac
	printf '\n%s== %s%s\n' "$title_on" "${title#-- }" "$colour_off"
	printf '%s%s%s' "$sql_on" "${sql//":'base_url'"/"'$base_url'"}" "$colour_off"
	printf '%s' "$sql" | run_psql -f -
	show_calls
}

tour()
{
	local line block=

	while IFS= read -r line
	do
		if [ -n "$line" ]
		then
			block+=$line$'\n'
		elif [ -n "$block" ]
		then
			show_block "$block"
			block=
		fi
	done < <(cat "$repo/test/demo.sql" && echo)
}

need_packages
find_server
build all simulator
install_extension

make_room
start_simulator --accounts 8 --projects 3
start_cluster
base_url=http://127.0.0.1:$MP_SIMULATOR_PORT/api/app

tour
if [ -n "$interactive" ]
then
	printf '\n%sThe tables are in the schema mixpanel; \\q ends it all.%s\n' \
		"$title_on" "$colour_off"
	run_psql -v ON_ERROR_STOP=0
fi
