#!/bin/bash
# The figures of doc/scale.md: many organizations on a simulator, a PostgreSQL
# server, and four more servers behind it, all gone afterwards.  Installs what
# is missing (Debian or a derivative), builds, installs the extension.  Prints a
# table in Markdown.
#
#	test/scale/run.sh [ORGANIZATIONS [ACCOUNTS [LATENCY]]]
#
# ORGANIZATIONS (1000; at least 100, a multiple of 4) of ACCOUNTS (1000) each;
# every call of the API takes LATENCY (50) ms before it is answered.  Times are
# given as multiples of the least that is possible: the round trips that are
# needed with so many requests at once.
set -eu

. "$(dirname "$0")/../lib.sh"

organizations=${1-1000}
accounts=${2-1000}
latency=${3-50}

case $organizations:$accounts:$latency in
	*[!0-9:]* | *::* | :* | *:) die 'usage: run.sh [ORGANIZATIONS [ACCOUNTS [LATENCY]]]' ;;
esac
if [ "$organizations" -lt 100 ] || [ $((organizations % 4)) -ne 0 ]
then
	die 'ORGANIZATIONS: at least 100, a multiple of 4'
fi

psql_in()
{
	local database=$1
	shift

	as_owner "$bindir/psql" -X -q -t -A -v ON_ERROR_STOP=1 -d "$database" "$@"
}

simctl()
{
	"$MP_SIMCTL" "$MP_SIMULATOR_PORT" "$@"
}

# The API's own count: count_of requests, count_of max_concurrent.
count_of()
{
	simctl counts --all | sed -n "s/^$1 //p"
}

row()
{
	printf '| %s | %s | %s | %s | %s | %s | %s |\n' "$@"
}

# How long, as a multiple of so many round trips: multiple MS ROUND_TRIPS.
multiple()
{
	awk "BEGIN { printf \"%.2f\", $1 / ($2 * $latency) }"
}

# Round trips for REQUESTS of which AT_ONCE are under way: trips REQUESTS
# AT_ONCE.
trips()
{
	echo $((($1 + $2 - 1) / $2))
}

# Run SQL between two looks at the clock and at the memory of the session's
# process.
watched()
{
	local database=$1 look sql=$2

	look="substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\\s+(\\d+)'),
		extract(epoch FROM clock_timestamp()) * 1000"
	psql_in "$database" -c "SELECT 'start', $look" -c "$sql" \
		-c "SELECT 'end', $look"
}

# measure WHAT DATABASE ROUND_TRIPS SQL: a row of the table.  It is the second
# run that counts, in a session of its own: the simulator is slower the first
# time.  The memory is the most that the session's process has had in use, less
# what it had at its start.
measure()
{
	local what=$1 database=$2 trips=$3 sql=$4 answer

	watched "$database" "$sql" >/dev/null
	simctl clear log
	answer=$(watched "$database" "$sql" | awk -F '|' '
		$1 == "start" { memory = $2; time = $3 }
		$1 == "rows" { rows = $2 }
		$1 == "end" {
			printf "%d %.0f %d\n", rows, $3 - time,
				($2 - memory) / 1024
		}')
	# shellcheck disable=SC2086
	set -- $answer
	row "$what" "$1" "$(count_of requests)" "$(count_of max_concurrent)" \
		"$trips" "$(multiple "$2" "$trips")" "$3 MB"
}

# Several sessions at once.
measure_sessions()
{
	local sessions=$1 start end

	simctl clear log
	echo 'SELECT count(*) FROM memberships_123;' >"$room/sessions.sql"
	start=$(date +%s%N)
	as_owner "$bindir/pgbench" -n -c "$sessions" -j 2 -t 1 \
		-f "$room/sessions.sql" postgres >/dev/null 2>&1
	end=$(date +%s%N)
	row "$sessions sessions, each the memberships of one organization" \
		"$sessions × $((2 * accounts))" "$(count_of requests)" \
		"$(count_of max_concurrent)" $((1 + $(trips "$accounts" 8))) \
		"$(multiple $(((end - start) / 1000000)) $((1 + $(trips "$accounts" 8))))" ''
}

# Four servers of their own, which the coordinator reaches by postgres_fdw: each
# has processes and a port of its own.
nodes_started=

start_nodes()
{
	local node

	for node in 1 2 3 4
	do
		quietly as_owner "$bindir/initdb" -D "$room/node_$node" -U postgres \
			-A trust --encoding=UTF8 --locale=C --no-sync
		nodes_started="$nodes_started $node"
		quietly as_owner "$bindir/pg_ctl" -D "$room/node_$node" \
			-l "$room/node_$node.log" -w -t 30 \
			-o "-k $room -p $((PGPORT + node)) -c listen_addresses= -c fsync=off" \
			start
		psql_in postgres -p $((PGPORT + node)) -v base_url="$base_url" \
			-v first=$((123 + (node - 1) * organizations / 4)) \
			-v quarter=$((organizations / 4)) -f "$room/repo/test/scale/node.sql"
	done
}

end()
{
	local node

	for node in $nodes_started
	do
		as_owner "$bindir/pg_ctl" -D "$room/node_$node" -m immediate -w -t 30 \
			stop >/dev/null 2>&1 || :
	done
	close_room
}

need_packages
find_server
build all simulator
install_extension

make_room
trap end EXIT
start_simulator --organizations "$organizations" --accounts "$accounts" \
	--projects 2 --memberships-per-account 2
start_cluster
copy_to_room test/scale
base_url=http://127.0.0.1:$MP_SIMULATOR_PORT/api/app
psql_in postgres -v base_url="$base_url" -v organizations="$organizations" \
	-v quarter=$((organizations / 4)) -v host="$room" -v port="$PGPORT" \
	-f "$room/repo/test/scale/setup.sql"
start_nodes
simctl set latency_ms="$latency"

all="SELECT 'rows', sum(n) FROM (SELECT organization_id, count(*) AS n FROM"
by='GROUP BY organization_id) s'

printf '%s organizations of %s accounts, %s ms for each call, %s\n\n' \
	"$organizations" "$accounts" "$latency" "$("$PG_CONFIG" --version)"
row what rows requests 'at once' 'round trips' '× round trips' memory
row --- --- --- --- --- --- ---
measure 'one organization' postgres 1 "$all accounts_123 $by"
measure 'one, by a condition on the partitioned table' postgres 1 \
	"$all accounts WHERE organization_id = 124 $by"
measure '50, 8 at once' postgres "$(trips 50 8)" \
	"$all accounts WHERE organization_id < 173 $by"
measure '50, one after the other (option async_capable off)' postgres 50 \
	"$all accounts_in_turn WHERE organization_id < 173 $by"
measure "$organizations, 8 at once" postgres "$(trips "$organizations" 8)" \
	"$all accounts $by"
measure "$organizations, 64 at once" postgres "$(trips "$organizations" 64)" \
	"$all accounts_wide $by"
measure "$organizations, by four servers, 8 at once each" coordinator \
	"$(trips "$organizations" 32)" "$all accounts $by"
measure 'memberships of one organization, 8 at once' postgres \
	$((1 + $(trips "$accounts" 8))) "$all memberships_123 $by"
measure 'memberships of one organization, 64 at once' postgres \
	$((1 + $(trips "$accounts" 64))) "$all memberships_wide_123 $by"
measure 'memberships of 10, 64 at once' postgres \
	$((1 + $(trips $((10 * accounts)) 64))) \
	"$all memberships_wide WHERE organization_id < 133 $by"
measure_sessions 8
