#!/bin/bash
# A tour of the extension on a simulator of Mixpanel's API and a PostgreSQL
# server of its own, both gone afterwards.  Installs what is missing (on Debian
# or a derivative), builds and installs the extension.
set -eu

. "$(dirname "$0")/lib.sh"

usage()
{
	cat <<'END'
usage: test/demo.sh [--psql]

Shows what the extension does, on a simulator of Mixpanel's API and a PostgreSQL
server of its own.  Nothing leaves this machine.  --psql ends in a psql session
to experiment in.  PG_CONFIG chooses the server.

On Debian or a derivative it first installs the packages that are missing, and
names them and their size.  Afterwards these stay: the packages, the extension
in the server's folders ("make uninstall" removes it), and what was built in
this folder ("make clean").  No server is left running.
END
}

interactive=
case $#:${1-} in
	0:) ;;
	1:--psql) interactive=yes ;;
	1:-h | 1:--help)
		usage
		exit 0
		;;
	*)
		usage >&2
		exit 2
		;;
esac

if [ -t 1 ]
then
	title_on=$'\e[1;32m' sql_on=$'\e[36m' calls_on=$'\e[2m' colour_off=$'\e[0m'
else
	title_on='' sql_on='' calls_on='' colour_off=''
fi

# Whoever has seen enough ends it, which is no failure.  The first to notice may
# be the shell, or a command that it waits for.
end()
{
	local status=$?

	trap '' INT
	close_room
	[ "$status" -eq 130 ] || return "$status"
	printf '\n%s\n' 'Ended; the servers of the tour are stopped.'
	exit 0
}

# Told by the signal, and once more by a command that it has ended.
interrupt()
{
	trap '' INT
	exit 130
}
trap end EXIT
trap interrupt INT

# A line for each step, with the time since the start.
step()
{
	printf '%d:%02d  %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*" | wrap
}

wrap()
{
	fold -s -w 79
}

# Errors are part of the tour, in the order in which they come.
run_psql()
{
	as_owner "$bindir/psql" -X -q -P pager=off -v base_url="$base_url" "$@"
}

# The requests since the last call: equal ones once, with their number.
show_calls()
{
	"$MP_SIMCTL" "$MP_SIMULATOR_PORT" log --clear |
		sed -E -e 's|/service-accounts/[0-9]+|/service-accounts/{id}|' \
			-e 's|/organizations/[0-9]+|/organizations/{org}|' -e 's/,"/, "/g' |
		awk '
			!seen[$0]++ { order[++lines] = $0 }
			END {
				for (i = 1; i <= lines; i++) {
					times = seen[order[i]] > 1 ? seen[order[i]] " x " : ""
					print "API: " times order[i]
				}
			}' | fold -s -w 74 | sed -e '/^API: /!s/^/     /' \
				-e "s/.*/$calls_on&$colour_off/"
}

# Print a block's title, its statements and what they give.  Only a block that
# says that it is refused may fail.
show_block()
{
	local title=${1%%$'\n'*}
	local sql=${1#*$'\n'}
	local status

	case $sql in
		--*) return ;;
	esac
	printf '\n%s== %s%s\n' "$title_on" "${title#-- }" "$colour_off"
	printf '%s%s%s' "$sql_on" "${sql//":'base_url'"/"'$base_url'"}" "$colour_off"
	printf '%s' "$sql" | run_psql -v ON_ERROR_STOP=1 2>&1 | wrap
	status=${PIPESTATUS[1]}
	case $title:$status in
		'-- Refused'*:3 | *:0) ;;
		*:130) exit 130 ;;
		*) die "psql has ended with status $status" ;;
	esac
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

# What somebody may want to do in psql, and how to see what came of it.
experiment()
{
	cat <<END

${title_on}== Your turn$colour_off
The tables service_accounts and project_memberships are in your search_path,
and the API is the simulator.  Try, for example:

  SELECT * FROM service_accounts;
  INSERT INTO service_accounts (username) VALUES ('mine') RETURNING id, secret;
  EXPLAIN (ANALYZE) SELECT * FROM project_memberships;
  SELECT * FROM mixpanel_sa_fdw_check('mixpanel');
  \\! \$MP_SIMCTL \$MP_SIMULATOR_PORT log --clear    -- the requests so far
  \\! \$MP_SIMCTL \$MP_SIMULATOR_PORT fault status=503 count=2
                                                   -- how the next ones fare
\\q ends it all.

END
	PGOPTIONS='-c search_path=mixpanel,public' run_psql
}

show_next()
{
	cat <<END

${title_on}== What to do next$colour_off
- Experiment on the simulator: test/demo.sh --psql
- Connect to your own organization: README.md, "Connect".  The extension is
  installed in $("$PG_CONFIG" --pkglibdir),
  so CREATE EXTENSION works in every database of that PostgreSQL.
- Recipes (rotation of secrets, access reviews, desired state): doc/cookbook.md
- Every column, option, setting and error: doc/mixpanel_sa_fdw.md

The simulator and the server of this tour stop now.  The extension stays
until "make uninstall", what was built in this folder until "make clean".
END
}

packages_before=
! command -v dpkg-query >/dev/null ||
	packages_before=$(dpkg-query -W -f '.' 2>/dev/null | wc -c)

step 'looking for what is needed to build'
need_packages
find_server
step 'building the extension and a simulator of the API'
build all simulator
is_current || step "installing the extension into $("$PG_CONFIG" --pkglibdir)"
install_extension
step 'starting the simulator, and a PostgreSQL server of its own'
make_room
trap end EXIT
trap interrupt INT
start_simulator --accounts 8 --projects 3
start_cluster
base_url=http://127.0.0.1:$MP_SIMULATOR_PORT/api/app
step 'ready'

tour
[ -z "$interactive" ] || experiment
show_next
! command -v dpkg-query >/dev/null ||
	[ "$(dpkg-query -W -f '.' 2>/dev/null | wc -c)" = "$packages_before" ] ||
	echo 'The packages that were installed for it stay, too.'
