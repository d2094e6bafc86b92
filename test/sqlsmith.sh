#!/bin/bash
# Random queries by sqlsmith on the foreign tables, on views of them and on an
# ordinary table, with a simulator and a server of its own, both gone
# afterwards.  Installs what is missing (Debian or a derivative), builds, installs
# the extension.
#
#	test/sqlsmith.sh [QUERIES [SEED]]
#
# QUERIES (20000).  Each runs in a transaction that is rolled back, for at most
# a second.  Fails for a crash, and for an internal error (XX000) from a
# function of the extension; those of the server's own functions, whose
# arguments are random, are listed.
set -eu

. "$(dirname "$0")/lib.sh"

queries=${1-20000}
seed=${2-1}

case $queries:$seed in
	*[!0-9:]* | :* | *:) die 'usage: sqlsmith.sh [QUERIES [SEED]]' ;;
esac

need_packages sqlsmith
find_server
build all simulator
install_extension

make_room
start_simulator --accounts 5 --projects 3
start_cluster
as_owner "$bindir/psql" -X -q -v ON_ERROR_STOP=1 postgres <<END
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SERVER mixpanel FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (
	base_url 'http://127.0.0.1:$MP_SIMULATOR_PORT/api/app', organization_id '123',
	max_retries '0', request_timeout '5s');
CREATE ROLE smith LOGIN;
GRANT USAGE ON FOREIGN SERVER mixpanel TO smith;
GRANT CREATE ON SCHEMA public TO smith;
CREATE USER MAPPING FOR smith SERVER mixpanel OPTIONS (
	username 'admin-bot.mp-service-account', secret 'admin-secret');
ALTER SYSTEM SET log_error_verbosity = verbose;
ALTER SYSTEM SET log_min_messages = warning;
ALTER ROLE smith SET mixpanel_sa_fdw.allow_unreturned_secret = on;
SELECT pg_reload_conf();
SET ROLE smith;
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mixpanel INTO public;
CREATE TABLE ordinary AS SELECT * FROM service_accounts;
CREATE VIEW expiring AS
	SELECT id, username, expires, attrs FROM service_accounts
	WHERE expires IS NOT NULL;
CREATE VIEW members AS
	SELECT a.id, a.username, m.project_id, m.role, m.attrs, o.name
	FROM service_accounts a
	JOIN project_memberships m ON m.service_account_id = a.id
	LEFT JOIN ordinary o USING (id);
END

# The simulator's log would grow for ever.
(
	while sleep 5
	do
		"$MP_SIMCTL" "$MP_SIMULATOR_PORT" counts 2>/dev/null | head -n 1 || exit 0
		"$MP_SIMCTL" "$MP_SIMULATOR_PORT" clear log 2>/dev/null || exit 0
	done
) >"$room/counts" &
clearer=$!
status=0
as_owner sqlsmith --exclude-catalog --verbose --seed="$seed" \
	--max-queries="$queries" \
	--target="host=$room port=$PGPORT dbname=postgres user=smith" \
	>"$room/sqlsmith" 2>&1 || status=$?
kill "$clearer" 2>/dev/null || :
wait "$clearer" 2>/dev/null || :

# SQLSTATEs; then internal errors by the place that raised them.
log=$room/server.log
requests=$(awk '/^requests/ { sum += $2 } END { print sum + 0 }' "$room/counts")
echo "queries: $queries (seed $seed), requests of the API: $requests"
echo 'errors by SQLSTATE:'
sed -n 's/.* ERROR:  \([0-9A-Z]\{5\}\): .*/\1/p' "$log" | sort | uniq -c |
	sort -rn
echo 'internal errors by place:'
awk '/ ERROR:  XX000: / { internal = 1; text = $0; sub(/.*XX000: /, "", text) }
	internal && /LOCATION:  / {
		sub(/.*LOCATION:  /, ""); print $0 " (" substr(text, 1, 60) ")"
		internal = 0
	}' "$log" | sort | uniq -c | sort -rn | tee "$room/internal"

failed=0
if grep -E 'terminated by signal|PANIC|TRAP' "$log"
then
	echo 'a server process crashed'
	failed=1
fi
while read -r _ place _
do
	place=${place%,}
	if grep -q "^$place(" "$repo"/src/*/*.c "$repo/mixpanel_sa_fdw.c"
	then
		echo "internal error of the extension: $place"
		failed=1
	fi
done <"$room/internal"
if [ "$status" -ne 0 ]
then
	tail -n 5 "$room/sqlsmith"
	echo "sqlsmith ended with status $status"
	failed=1
fi
if [ "$failed" -ne 0 ]
then
	mkdir -p "$repo/test/log/sqlsmith"
	cp "$log" "$room/sqlsmith" "$repo/test/log/sqlsmith"
	echo 'logs: test/log/sqlsmith' >&2
fi
exit "$failed"
