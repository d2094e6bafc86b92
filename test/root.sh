# Root folders of Debian's suites, for tests on versions of PostgreSQL other
# than this machine's.  To be sourced by bash after lib.sh; as root.
#
# A root folder is made once and kept in a cache; nothing is ever written into
# it afterwards.  What runs in it sees it through an overlay in memory, in name
# spaces of its own: when the command ends, its processes, its mounts and what
# it wrote are gone.

root_cache=${XDG_CACHE_HOME:-/var/cache}/mixpanel_sa_fdw-matrix
root_days=7 # how long a root folder is as good as new

# The suite that brings a version of PostgreSQL.
suite_of()
{
	case $1 in
		15) echo bookworm ;;
		17) echo trixie ;;
		18) echo sid ;;
		19) echo experimental ;;
		*) return 1 ;;
	esac
}

# The mirror that this machine's own apt takes Debian from, whichever way its
# sources are written; nothing if there is none.
find_mirror()
{
	(
		. /etc/os-release
		[ "${ID-}" = debian ] || return 0
		apt-get indextargets --format '$(COMPONENT) $(RELEASE) $(REPO_URI)' \
			'Created-By: Packages' 2>/dev/null |
			sed -n "s/^main ${VERSION_CODENAME-} //p" | head -n 1
	)
}

# Why no root folder can be made or used here; nothing if it can.
why_no_roots()
{
	if [ "$(id -u)" -ne 0 ]
	then
		echo 'not root'
	elif ! command -v apt-get >/dev/null || [ -z "$(find_mirror)" ]
	then
		echo 'no apt source of Debian'
	elif ! unshare --mount --pid --fork true 2>/dev/null
	then
		echo 'no name spaces may be made here'
	elif ! try_overlay 2>/dev/null
	then
		echo 'no overlay may be mounted here'
	fi
}

try_overlay()
{
	# shellcheck disable=SC2016
	unshare --mount bash -euc 'mount -t tmpfs tmpfs /mnt
		mkdir /mnt/upper /mnt/work /mnt/root
		mount -t overlay overlay /mnt/root \
			-o lowerdir=/usr,upperdir=/mnt/upper,workdir=/mnt/work'
}

# What a root folder was made of; another wish makes another folder.
describe_root()
{
	printf '%s\n' "$@"
}

is_fresh()
{
	local root=$1
	shift

	[ -n "$(find "$root.made-of" -mtime "-$root_days" 2>/dev/null)" ] &&
		describe_root "$@" | cmp -s - "$root.made-of"
}

# Make the root folder NAME of a suite with the packages named, unless it is
# there: make_root NAME SUITE PACKAGE...  Its path is $root_cache/NAME.  Where
# an old one cannot be replaced, it has to do.  Two callers make it once.
make_root()
{
	local root=$root_cache/$1
	local suite=$2
	shift 2

	mkdir -p "$root_cache"
	is_fresh "$root" "$suite" "$@" && return
	(
		flock 9
		is_fresh "$root" "$suite" "$@" && exit
		build_root "$root" "$suite" "$@" && exit
		describe_root "$suite" "$@" | cmp -s - "$root.made-of"
	) 9>"$root.lock"
}

# Experimental is no whole suite: what it has is added to sid, and apt takes
# from it only what is asked for.
experimental_preferences='Package: src:postgresql-19
Pin: release a=experimental
Pin-Priority: 900'

# The headers of PostgreSQL want clang and LLVM, for bitcode, which the tests do
# not build: two thirds of what would be fetched and unpacked.  Where this
# package is wanted, it stands in for them, whatever their version.
no_bitcode=mixpanel-no-bitcode

# A repository in a folder that has nothing but that package.
make_stand_in()
{
	local folder=$1 version names=

	for version in {14..40}
	do
		names="$names, clang-$version, llvm-$version-dev"
	done
	mkdir -p "$folder/package/DEBIAN"
	cat >"$folder/package/DEBIAN/control" <<END
Package: $no_bitcode
Version: 1
Architecture: all
Maintainer: nobody <nobody@localhost>
Provides: ${names#, }
Description: stands in for the compiler of bitcode
END
	dpkg-deb --build "$folder/package" "$folder/$no_bitcode.deb" >/dev/null
	{
		cat "$folder/package/DEBIAN/control"
		echo "Filename: ./$no_bitcode.deb"
		echo "Size: $(stat -c %s "$folder/$no_bitcode.deb")"
		echo "SHA256: $(sha256sum <"$folder/$no_bitcode.deb" | cut -d ' ' -f 1)"
	} >"$folder/Packages"
}

# A private mount name space leaves no mount behind, even if this is killed.
build_root()
{
	local root=$1 suite=$2 mirror target options=()
	shift 2

	mirror=$(find_mirror)
	target=("$suite" "$root.new" "$mirror")
	if [ "$suite" = experimental ]
	then
		# shellcheck disable=SC2016
		options=(--setup-hook='mkdir -p "$1/etc/apt/preferences.d"
			echo "$PREFERENCES" >"$1/etc/apt/preferences.d/experimental"')
		target=(sid "$root.new" "deb $mirror sid main"
			"deb $mirror experimental main")
	fi
	rm -rf --one-file-system "$root.new" "$root.stand-in"
	case " $* " in *" $no_bitcode "*)
		make_stand_in "$root.stand-in"
		target+=("deb [trusted=yes] copy:$root.stand-in ./")
		;;
	esac
	PREFERENCES=$experimental_preferences unshare --mount \
		mmdebstrap --quiet --variant=minbase --format=directory \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--dpkgopt=force-unsafe-io \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		"${options[@]}" --include="$(IFS=,; echo "$*")" "${target[@]}" || return
	rm -rf --one-file-system "$root" "$root.stand-in"
	mv "$root.new" "$root"
	describe_root "$suite" "$@" >"$root.made-of"
}

# Run a command as root in a root folder: in_root NAME SHARED COMMAND...  The
# project is in /srv/project and the folder SHARED in /srv/shared; the project
# is read-only, SHARED is not.
in_root()
{
	local root=$root_cache/$1 shared=$2
	shift 2

	(
		flock --shared 9
		unshare --mount --pid --fork --kill-child bash -euc "$enter_root" \
			in_root "$root" "$repo" "$shared" "$@"
	) 9>"$root.lock"
}

# shellcheck disable=SC2016
enter_root='
	lower=$1 project=$2 shared=$3
	shift 3
	top=$(mktemp -d) # on the host; empty once the mounts have gone
	trap "umount -l \"$top\"; rmdir \"$top\"" EXIT
	mount -t tmpfs -o mode=755 tmpfs "$top"
	root=$top/root
	mkdir "$top/upper" "$top/work" "$root"
	mount -t overlay overlay "$root" \
		-o "lowerdir=$lower,upperdir=$top/upper,workdir=$top/work"
	mount -t proc proc "$root/proc"
	mount --rbind /dev "$root/dev"
	cp -L /etc/hosts /etc/resolv.conf "$root/etc/"
	mkdir "$root/srv/project" "$root/srv/shared"
	mount --bind "$project" "$root/srv/project"
	mount -o remount,bind,ro "$root/srv/project"
	mount --bind "$shared" "$root/srv/shared"
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
		chroot "$root" "$@"
'
