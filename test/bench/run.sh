#!/bin/bash
# The benchmark: the extension beside programs without a database (the floor)
# and beside other ways from SQL to the same API.  Installs what is missing
# (Debian or a derivative), builds, installs the extension, and runs every workload
# on a server and a simulator of its own, which are gone afterwards.
#
#	test/bench/run.sh [--quick] [--only TEXT] [--csv FILE] [--picture FILE]
#
# --quick	one run each, of smaller sizes
# --only	the workloads whose name contains TEXT
# --csv		writes the table to FILE as well
# --picture	writes the picture of the table to FILE, an SVG
#
# It judges nothing: what must hold is tested in test/t.  PG_CONFIG chooses the
# server.
set -eu

. "$(dirname "$0")/../lib.sh"

usage='usage: test/bench/run.sh [--quick] [--only TEXT] [--csv FILE]
	[--picture FILE]'
csv='' picture='' options=()
while [ $# -gt 0 ]
do
	case $1 in
		--quick) options+=("$1") ;;
		--only) options+=("$1" "${2?$usage}") && shift ;;
		--csv) csv=${2?$usage} && shift ;;
		--picture) picture=${2?$usage} && shift ;;
		*) die "$usage" ;;
	esac
	shift
done

# The proxy for TLS and HTTP/2, and for long lists.
find_nginx()
{
	PATH=$PATH:/usr/sbin command -v nginx
}

# shellcheck disable=SC2086
need_packages $test_packages
find_server
version=$("$PG_CONFIG" --version | sed 's/^[^0-9]*//; s/[^0-9].*//')
need_packages "postgresql-plpython3-$version" python3-requests curl jq openssl
find_nginx >/dev/null || need_packages nginx-light
build all simulator
quietly make -C "$repo/test/bench"
install_extension

make_room
copy_to_room test/bench test/perl test/simulator/simulator
start_cluster -c shared_preload_libraries=mixpanel_sa_fdw

# The rows, one for each way to do a workload, come in CSV; the rest is for
# whoever watches.
as_owner env PATH="$bindir:$PATH" BENCH_NGINX="$(find_nginx)" \
	MP_SIMULATOR="$room/repo/test/simulator/simulator" \
	PERL5LIB="$room/repo/test/perl:$room/repo/test/bench" LC_ALL=C \
	perl "$room/repo/test/bench/bench.pl" "${options[@]}" >"$room/result.csv"

perl "$repo/test/bench/table" <"$room/result.csv" | tee "$room/table"
[ -z "$csv" ] || cp "$room/result.csv" "$csv"
[ -z "$picture" ] || perl "$repo/test/bench/chart" <"$room/table" >"$picture"
