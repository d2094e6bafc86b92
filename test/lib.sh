# Set-up shared by demo.sh, check.sh and with_simulator.sh: packages, build,
# an unprivileged user, a private cluster, a simulator of the API.  To be
# sourced by bash under "set -eu"; defines functions and a few variables, and
# does nothing by itself.
#
# initdb and postgres refuse to run as root.  As root, all that needs a server
# runs as user postgres in a temporary folder which that user owns, on copies,
# because the project's own folder may be closed to it (/root).

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

room= # temporary folder, removed at the end
simulator_pid=
cluster_started=

die()
{
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# Run a command without its output, unless it fails.
quietly()
{
	local output status

	output=$("$@" 2>&1 </dev/null) && return
	status=$?
	printf '%s\n' "$output" >&2
	printf '%s: failed (%s): %s\n' "$(basename "$0")" "$status" "$*" >&2
	return "$status"
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]
	then
		"$@"
	elif command -v sudo >/dev/null
	then
		sudo "$@"
	else
		die "neither root nor sudo is there to run: $*"
	fi
}

# ---- packages ----

# What builds the extension and the simulator, beside the server's packages.
build_packages='gcc libc6-dev make perl pkg-config ca-certificates
	libcurl4-openssl-dev libjansson-dev libmicrohttpd-dev'

# What the tests need beside it.
# shellcheck disable=SC2034
test_packages=libipc-run-perl

is_installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" \
		= installed ]
}

# The packages among the arguments that are not installed.
missing_of()
{
	local package

	for package
	do
		is_installed "$package" || printf '%s\n' "$package"
	done
}

apt()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq \
		-o DPkg::Lock::Timeout=120 "$@"
}

# Newest major version that has the given file in its folder of programs.
newest_with()
{
	local newest

	newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/"$1" | sort -V | tail -n 1)
	[ -e "$newest" ] || return 0
	newest=${newest#/usr/lib/postgresql/}
	printf '%s\n' "${newest%%/*}"
}

# What the distribution calls its PostgreSQL.
default_version()
{
	apt-cache depends postgresql 2>/dev/null |
		sed -n 's/^ *Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1
}

# Install packages, keeping the server's package from making and starting a
# cluster of its own, which nobody asked for.
install_packages()
{
	local rule=/etc/postgresql-common/createcluster.d/mixpanel_sa_fdw.conf
	local status=0

	if ! is_installed postgresql-common
	then
		as_root mkdir -p "${rule%/*}"
		echo 'create_main_cluster = false' | as_root tee "$rule" >/dev/null
	else
		rule=
	fi
	quietly apt install --no-install-recommends "$@" || status=$?
	if [ -n "$rule" ]
	then
		as_root rm -f "$rule"
		as_root rmdir --ignore-fail-on-non-empty "${rule%/*}"
	fi
	return "$status"
}

# What builds and runs the extension and the simulator with a version of the
# server.
packages_for()
{
	printf '%s\n' "postgresql-$1" "postgresql-server-dev-$1" $build_packages
}

# Everything to build and run the extension and the simulator, and the packages
# named.  Elsewhere than on Debian and its kin, all must be there already.
need_packages()
{
	local version missing

	command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || return 0

	if [ -z "${PG_CONFIG-}" ]
	then
		version=$(newest_with postgres)
		if [ -z "$version" ]
		then
			version=$(default_version)
			[ -n "$version" ] || quietly apt update
			version=${version:-$(default_version)}
			[ -n "$version" ] || die 'apt knows no package postgresql'
		fi
		# shellcheck disable=SC2046
		set -- $(packages_for "$version") "$@"
	else
		# shellcheck disable=SC2086
		set -- $build_packages "$@"
	fi

	missing=$(missing_of "$@")
	[ -n "$missing" ] || return 0
	quietly apt update
	# shellcheck disable=SC2086
	echo "installing:" $missing "$(size_of $missing)"
	# shellcheck disable=SC2086
	install_packages $missing
}

# What apt says that packages cost, with all that they need; nothing if it says
# nothing.
size_of()
{
	LC_ALL=C apt-get --assume-no --no-install-recommends install "$@" 2>/dev/null |
		sed -n -e 's/^Need to get \(.*\) of archives\.$/(\1 to fetch,/p' \
			-e 's/^After this operation, \(.*\) of additional .*/\1 on disk)/p' |
		tr '\n' ' '
}

# ---- build ----

# Choose the server: PG_CONFIG if set, else the newest one that is there with
# what an extension needs.
find_server()
{
	local version

	if [ -z "${PG_CONFIG-}" ]
	then
		version=$(newest_with postgres)
		PG_CONFIG=/usr/lib/postgresql/$version/bin/pg_config
		[ -x "$PG_CONFIG" ] || PG_CONFIG=$(command -v pg_config) ||
			die 'no pg_config found: set PG_CONFIG'
	fi
	export PG_CONFIG
	bindir=$("$PG_CONFIG" --bindir)
	[ -x "$bindir/initdb" ] || die "no server in $bindir: set PG_CONFIG"
}

# make, silent unless something goes wrong.  Without bitcode: nothing here
# inlines across the library's border, and it costs a second compiler.
build()
{
	quietly make -C "$repo" -j2 --no-print-directory with_llvm=no "$@"
}

is_current()
{
	local file share

	share=$("$PG_CONFIG" --sharedir)/extension
	cmp -s "$repo/mixpanel_sa_fdw.so" \
		"$("$PG_CONFIG" --pkglibdir)/mixpanel_sa_fdw.so" || return 1
	for file in "$repo"/mixpanel_sa_fdw.control "$repo"/sql/*--*.sql
	do
		cmp -s "$file" "$share/${file##*/}" || return 1
	done
}

# Nothing to do, and no password to ask for, when it is installed already.
install_extension()
{
	is_current || quietly as_root make -C "$repo" -s --no-print-directory \
		with_llvm=no PG_CONFIG="$PG_CONFIG" install
}

# ---- the unprivileged user and the temporary folder ----

# Run a command as the user who owns the room, in the room.  setpriv opens no
# login session and stands in no signal's way.
as_owner()
{
	if [ "$(id -u)" -eq 0 ]
	then
		(cd "$room" && exec setpriv --reuid=postgres --regid=postgres \
			--init-groups env HOME="$room" TMPDIR="$room" \
			USER=postgres LOGNAME=postgres "$@")
	else
		(cd "$room" && exec env TMPDIR="$room" "$@")
	fi
}

# Sockets live in the room, and a socket's path is short: so is the room's.
make_room()
{
	local parent=${TMPDIR:-/tmp}

	[ "$(id -u)" -ne 0 ] && [ "${#parent}" -lt 50 ] || parent=/tmp
	room=$(mktemp -d "$parent/mixpanel_sa_fdw.XXXXXX")
	trap close_room EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	if [ "$(id -u)" -eq 0 ]
	then
		chown postgres: "$room"
	fi
}

close_room()
{
	stop_cluster
	stop_simulator
	cd /
	rm -rf "$room"
}

# Copy files and folders of the project into the room, paths kept.
copy_to_room()
{
	local path

	for path
	do
		[ -e "$repo/$path" ] || continue
		mkdir -p "$room/repo/$(dirname "$path")"
		cp -a "$repo/$path" "$room/repo/$path"
	done
	[ "$(id -u)" -ne 0 ] || chown -R postgres: "$room/repo"
}

# ---- the simulator ----

# Start it with the given options; sets MP_SIMULATOR_PORT, MP_SIMULATOR and
# MP_SIMCTL.  It ends with its standard input, hence with this shell, however
# that ends.
start_simulator()
{
	local line

	copy_to_room test/simulator/simulator test/simulator/simctl
	export MP_SIMULATOR=$room/repo/test/simulator/simulator
	export MP_SIMCTL=$room/repo/test/simulator/simctl
	coproc SIMULATOR {
		as_owner "$MP_SIMULATOR" --port 0 --die-with-stdin "$@"
	}
	simulator_pid=$SIMULATOR_PID
	read -r -t 60 line <&"${SIMULATOR[0]}" || die 'the simulator did not start'
	export MP_SIMULATOR_PORT=${line##*:}
}

stop_simulator()
{
	[ -n "$simulator_pid" ] || return 0
	# Bash forgets the descriptor of one that has ended.
	[ -z "${SIMULATOR[1]-}" ] || eval "exec ${SIMULATOR[1]}>&-"
	wait "$simulator_pid" 2>/dev/null || :
	simulator_pid=
}

# ---- the cluster ----

# A server of its own in the room, reachable through a socket there only, with
# the given options of postgres.
start_cluster()
{
	quietly as_owner "$bindir/initdb" -D "$room/data" -U postgres -A trust \
		--encoding=UTF8 --locale=C --no-sync
	cluster_started=yes
	quietly as_owner "$bindir/pg_ctl" -D "$room/data" -l "$room/server.log" \
		-w -t 30 -o "-k $room -c listen_addresses= -c fsync=off $*" start
	export PGHOST=$room PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
	unset PGSERVICE PGOPTIONS PGPASSFILE
}

stop_cluster()
{
	[ -n "$cluster_started" ] || return 0
	as_owner "$bindir/pg_ctl" -D "$room/data" -m immediate -w -t 30 stop \
		>/dev/null 2>&1 || :
	cluster_started=
}
