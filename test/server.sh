# Servers for tests on other builds than what is installed here: a private copy
# of a server's tree with a build of the extension of its own, and servers with
# assertions.  To be sourced by bash after lib.sh and root.sh.

original=$repo # the project; repo is its copy, once there is one

# PostgreSQL finds its other folders by where its programs are, so that a copy
# of the three trees that has the same paths below another root is a server of
# its own: what is installed by its pg_config goes into it, and only its
# programs see it.  Headers are only read: links will do.
copy_server()
{
	local folder
	local copied="--bindir --pkglibdir --sharedir"
	local linked="--includedir --includedir-server"

	for folder in $copied
	do
		folder=$("$PG_CONFIG" "$folder")
		mkdir -p "$room/tree$(dirname "$folder")"
		[ -e "$room/tree$folder" ] || cp -a "$folder" "$room/tree$folder"
	done
	for folder in $linked
	do
		folder=$("$PG_CONFIG" "$folder")
		mkdir -p "$room/tree$(dirname "$folder")"
		[ -e "$room/tree$folder" ] || ln -s "$folder" "$room/tree$folder"
	done
	PG_CONFIG=$room/tree$("$PG_CONFIG" --bindir)/pg_config
	find_server
	case $("$PG_CONFIG" --pkglibdir) in
		"$room/tree"/*) ;;
		*) die "this server's tree cannot be moved: $PG_CONFIG" ;;
	esac
}

# The project without what is to be built anew: the extension, and what is
# named.
copy_project()
{
	local exclude=(--no-wildcards-match-slash --exclude=./.git
		--exclude=./test/log --exclude='./*.[os]*' --exclude='./src/*/*.[ob]*')
	local path

	for path
	do
		exclude+=("--exclude=./$path")
	done
	mkdir "$room/project"
	tar -C "$original" "${exclude[@]}" -c . | tar -C "$room/project" -x
	repo=$room/project
}

# Build the extension with flags of one's own.  check.sh then finds it up to
# date, and installed.
build_with()
{
	build COPT="$*" all
	quietly make -C "$repo" -s --no-print-directory with_llvm=no \
		PG_CONFIG="$PG_CONFIG" install
}

# ---- servers with assertions ----
#
# What Debian installs is built without.  A server is built of Debian's source
# once for a major version and kept in a cache folder: the source, built, which
# PostgreSQL's own tests need, in source-VERSION, and what it installs in
# postgresql-VERSION.  To have it built anew, remove built-VERSION.

server_cache=$HOME/.cache
[ "$(id -u)" -ne 0 ] || server_cache=/var/cache # open to user postgres
server_cache=${XDG_CACHE_HOME:-$server_cache}/mixpanel_sa_fdw-servers

# What unpacks and builds the source, beside what builds the extension.
server_packages='dpkg-dev bison flex libreadline-dev zlib1g-dev libssl-dev
	libicu-dev libxml2-dev'

# With assertions come freed memory that is overwritten and memory contexts that
# look for writes beyond a block's end.  The others: each plan is copied, and
# written out and read again, and an entry of a cache goes with its last user,
# so that a pointer that is kept too long is found.
server_cppflags='-DCOPY_PARSE_PLAN_TREES -DWRITE_READ_PARSE_PLAN_TREES
	-DRELCACHE_FORCE_RELEASE -DCATCACHE_FORCE_RELEASE'

# apt-get with the sources of a version's suite, and lists of its own:
# source_apt VERSION ARGUMENT...
source_apt()
{
	local folder=$server_cache/apt-$1
	shift

	apt-get -qq -o "Dir::Etc::SourceList=$folder/sources.list" \
		-o Dir::Etc::SourceParts=/dev/null \
		-o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache" \
		-o Acquire::Check-Valid-Until=false -o APT::Sandbox::User= "$@"
}

fetch_source()
{
	local version=$1 folder=$server_cache/apt-$1 mirror suite

	suite=$(suite_of "$version") || die "no suite is known for $version"
	mirror=$(find_mirror)
	[ -n "$mirror" ] || die 'no apt source of Debian to take PostgreSQL from'
	rm -rf "$folder" "$server_cache/source-$version"
	mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" \
		"$folder/source"
	printf 'deb-src [signed-by=%s] %s %s main\n' \
		/usr/share/keyrings/debian-archive-keyring.gpg "$mirror" "$suite" \
		>"$folder/sources.list"
	source_apt "$version" update &&
		cd "$folder/source" &&
		source_apt "$version" source "postgresql-$version" &&
		mv "postgresql-$version-"*/ "$server_cache/source-$version" &&
		rm -rf "$folder"
}

build_source()
{
	local make="nice make -s -j2 --no-print-directory"
	local tree=$server_cache/postgresql-$1

	# shellcheck disable=SC2086
	cd "$server_cache/source-$1" &&
		nice ./configure --quiet --prefix="$tree" --enable-cassert \
			--enable-debug --enable-tap-tests \
			--with-icu --with-openssl --with-libxml \
			--with-system-tzdata=/usr/share/zoneinfo \
			CFLAGS='-O1 -g -fno-omit-frame-pointer' \
			CPPFLAGS="$(echo $server_cppflags)" &&
		$make && $make -C contrib && $make -C src/test/regress &&
		rm -rf "$tree" &&
		$make install && $make -C contrib install
}

# The major version of the server that PG_CONFIG chooses.
server_version()
{
	"$PG_CONFIG" --version | sed 's/^[^0-9]*//; s/[^0-9].*//'
}

# Have the server of a version built, unless it is there, and choose it by
# PG_CONFIG.  Two callers build it once.
make_server()
{
	local version=$1

	mkdir -p "$server_cache"
	(
		flock 9
		[ ! -e "$server_cache/built-$version" ] || exit 0
		# shellcheck disable=SC2086
		need_packages $server_packages
		echo "building PostgreSQL $version with assertions"
		(fetch_source "$version" && build_source "$version") \
			>"$server_cache/log-$version" 2>&1 </dev/null ||
			{
				tail -n 40 "$server_cache/log-$version" >&2
				die "PostgreSQL $version cannot be built"
			}
		touch "$server_cache/built-$version"
	) 9>"$server_cache/lock-$version" || exit
	PG_CONFIG=$server_cache/postgresql-$version/bin/pg_config
	find_server
}
