#!/bin/bash
# Make the packages of a release from what is committed, and use them as a
# stranger would, each in a fresh root folder of the Debian suite that has the
# version of PostgreSQL (test/root.sh):
#
#	deb	dpkg-buildpackage with its tests; lintian
#	smoke	the .deb installed by apt where nothing was installed before
#	autopkg	the package's own test, run by autopkgtest
#	pgxn	the archive of "make dist" installed by pgxnclient, and removed
#	make	make install, installcheck, uninstall
#	image	the contents of a container image; from PostgreSQL 18 on
#
#	test/package.sh [VERSION [STEP...]]
#
# Needs root, Debian and git.  VERSION is 15 unless told otherwise; the steps are
# those above, in that order.  What was made is left in test/log/package.
set -eu

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/root.sh"

time_limit=1200 # seconds for one step
version=${1:-15}
[ $# -eq 0 ] || shift
steps=${*:-deb smoke autopkg pgxn make image}
suite=$(suite_of "$version") ||
	die "no suite of Debian is known to have PostgreSQL $version"
reason=$(why_no_roots)
[ -z "$reason" ] || die "no root folder can be made: $reason"
need_packages mmdebstrap git zip

make_room
shared=$room/shared
kept=$repo/test/log/package
mkdir "$shared"

# The names in Build-Depends.
build_dependencies()
{
	sed -n '/^Build-Depends:/,/^[^ ]/s/^ \([a-z0-9.+-]*\).*/\1/p' \
		"$repo/debian/control.in" | sed 's/^debhelper-compat$/debhelper/'
}

# The root folder of a step, made where it is not there.
# shellcheck disable=SC2046
root_for()
{
	case $1 in
		smoke | autopkg)
			quietly make_root "bare-$version" "$suite" apt-utils
			echo "bare-$version"
			;;
		image)
			quietly make_root "postgresql-$version" "$suite" \
				$(packages_for "$version") $test_packages
			echo "postgresql-$version"
			;;
		*)
			quietly make_root "package-$version" "$suite" \
				$(build_dependencies) build-essential fakeroot lintian \
				pgxnclient unzip
			echo "package-$version"
			;;
	esac
}

# The release: its archive for PGXN and Debian's source of it.
export_release()
{
	local name changes

	changes=$repo/debian/changelog
	name=$(sed -n '1s/ (\(.*\)-[^-]*).*/_\1/p' "$changes")
	git -C "$repo" archive --format tar --prefix "source/" HEAD |
		tar -C "$shared" -x
	quietly make -C "$repo" --no-print-directory dist DISTDIR="$shared"
	tar -C "$shared" --exclude=source/debian -czf \
		"$shared/$name.orig.tar.gz" source
}

passed=0
failed=0

# step NAME ROOT: run test/package/NAME in a fresh root folder.
step()
{
	local name=$1 root=$2

	if in_root "$root" "$shared" timeout --kill-after=30 "$time_limit" \
		"/srv/shared/source/test/package/$name" "$version" \
		>"$shared/$name.log" 2>&1 </dev/null
	then
		passed=$((passed + 1))
		echo "$name: passed"
	else
		failed=$((failed + 1))
		tail -n 40 "$shared/$name.log" >&2
		echo "$name: failed, see test/log/package/$name.log"
	fi
}

export_release
for name in $steps
do
	[ -x "$repo/test/package/$name" ] || die "there is no step $name"
	# Earlier versions find an extension in their own folders only.
	[ "$name" != image ] || [ "$version" -ge 18 ] || continue
	step "$name" "$(root_for "$name")"
done

rm -rf "$kept"
mkdir -p "$kept"
find "$shared" -maxdepth 1 -type f -exec cp {} "$kept" \;
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
