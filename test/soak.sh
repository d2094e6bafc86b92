#!/bin/bash
# Clients that read and write for a long time while the API fails all along, on
# a simulator and a server of its own, both gone afterwards.  Installs what is
# missing (Debian or a derivative), builds, installs the extension.
#
#	test/soak.sh [MINUTES [RATE [OPTION...]]]
#
# MINUTES (30); RATE (40) is how many transactions a second are begun, by eight
# clients of pgbench; OPTIONs are the simulator's, with which it is not polite:
# --partial-refusal true --existing-member-status 409.  Usernames are compared,
# and get no suffix.  Fails unless the API's state at the end is the model's,
# every read and every error told the truth, no session crashed or grew.
set -eu

. "$(dirname "$0")/lib.sh"

clients=8
minutes=${1-30}
rate=${2-40}

case $minutes:$rate in
	*[!0-9:]* | :* | *: | 0:* | *:0) die 'usage: soak.sh [MINUTES [RATE [OPTION...]]]' ;;
esac
options=("${@:3}")
seconds=$((minutes * 60))

need_packages
find_server
build all simulator
install_extension

make_room
start_simulator --accounts 1 --projects 6 --memberships-per-account 0 \
	--username-suffix false "${options[@]}"
start_cluster
[ -e "$("$PG_CONFIG" --sharedir)/extension/dblink.control" ] ||
	die 'the extension dblink is not there (Debian: postgresql-contrib)'
copy_to_room test/soak
as_owner "$bindir/psql" -X -q -v ON_ERROR_STOP=1 \
	-v base_url="http://127.0.0.1:$MP_SIMULATOR_PORT/api/app" \
	-f "$room/repo/test/soak/setup.sql" postgres

as_owner "$room/repo/test/soak/watch" faults "$room/over" "$room/samples" &
watcher=$!
failed=0
as_owner "$bindir/pgbench" -n -c "$clients" -j 1 -T "$seconds" -R "$rate" \
	-f "$room/repo/test/soak/step.sql" postgres || failed=1
as_owner touch "$room/over"
wait "$watcher" || failed=1
as_owner "$room/repo/test/soak/watch" judge "$room/samples" \
	"$room/server.log" || failed=1
if [ "$failed" -ne 0 ]
then
	mkdir -p "$repo/test/log/soak"
	cp "$room/server.log" "$room/samples" "$repo/test/log/soak"
	echo 'logs: test/log/soak' >&2
fi
exit "$failed"
