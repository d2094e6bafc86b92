#!/bin/bash
# The figures of doc/scale.md: many organizations on a simulator, on a server
# of its own, both gone afterwards.  Installs what is missing (Debian and its
# kin), builds, installs the extension.  Prints a table in Markdown.
#
#	test/scale/run.sh [ORGANIZATIONS [ACCOUNTS [LATENCY]]]
#
# ORGANIZATIONS (1000; at least 100, a multiple of 4) of ACCOUNTS (1000) each;
# every call of the API takes LATENCY (50) ms before it is answered.
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
	printf '| %s | %s | %s | %s | %s | %s |\n' "$@"
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

# measure WHAT DATABASE SQL: a row of the table.  It is the second run that
# counts, in a session of its own: the simulator is slower the first time.  The
# memory is the most that the session's process has had in use, less what it
# had at its start.
measure()
{
	local what=$1 database=$2 sql=$3 answer

	watched "$database" "$sql" >/dev/null
	simctl clear log
	answer=$(watched "$database" "$sql" | awk -F '|' '
		$1 == "start" { memory = $2; time = $3 }
		$1 == "rows" { rows = $2 }
		$1 == "end" {
			printf "%d %.2f %d\n", rows, ($3 - time) / 1000,
				($2 - memory) / 1024
		}')
	# shellcheck disable=SC2086
	set -- $answer
	row "$what" "$1" "$(count_of requests)" "$(count_of max_concurrent)" \
		"$2 s" "$3 MB"
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
		"$(count_of max_concurrent)" \
		"$(awk "BEGIN { printf \"%.2f s\", ($end - $start) / 1e9 }")" ''
}

need_packages
find_server
build all simulator
install_extension

make_room
start_simulator --organizations "$organizations" --accounts "$accounts" \
	--projects 2 --memberships-per-account 2
start_cluster
copy_to_room test/scale/setup.sql
psql_in postgres -v base_url="http://127.0.0.1:$MP_SIMULATOR_PORT/api/app" \
	-v organizations="$organizations" -v quarter=$((organizations / 4)) \
	-v host="$room" -v port="$PGPORT" -f "$room/repo/test/scale/setup.sql"
simctl set latency_ms="$latency"

all="SELECT 'rows', sum(n) FROM (SELECT organization_id, count(*) AS n FROM"
by='GROUP BY organization_id) s'

printf '%s organizations of %s accounts, %s ms for each call, %s\n\n' \
	"$organizations" "$accounts" "$latency" "$("$PG_CONFIG" --version)"
row what rows requests 'at once' time memory
row --- --- --- --- --- ---
measure 'one organization' postgres "$all accounts_123 $by"
measure 'one, by a condition on the partitioned table' postgres \
	"$all accounts WHERE organization_id = 124 $by"
measure '50, 8 at once' postgres \
	"$all accounts WHERE organization_id < 173 $by"
measure '50, one after the other (option async_capable off)' postgres \
	"$all accounts_in_turn WHERE organization_id < 173 $by"
measure "$organizations, 8 at once" postgres "$all accounts $by"
measure "$organizations, 64 at once" postgres "$all accounts_wide $by"
measure "$organizations, by four nodes, 8 at once each" coordinator \
	"$all accounts $by"
measure 'memberships of one organization, 8 at once' postgres \
	"$all memberships_123 $by"
measure 'memberships of one organization, 64 at once' postgres \
	"$all memberships_wide_123 $by"
measure 'memberships of 10, 64 at once' postgres \
	"$all memberships_wide WHERE organization_id < 133 $by"
measure_sessions 8
