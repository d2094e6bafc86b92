#!/bin/bash
# The unit tests of the poller and of all that waits by it, with the kqueue that
# macOS and the BSDs have: libkqueue brings it to Linux.  Debian has libkqueue
# in experimental, so a root folder of that suite is made (test/root.sh).
#
#	test/kqueue.sh
#
# Needs root, on Debian.
set -eu

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/root.sh"

reason=$(why_no_roots)
[ -z "$reason" ] || die "no root folder can be made: $reason"
need_packages mmdebstrap
make_room
# shellcheck disable=SC2086
make_root kqueue experimental libkqueue-dev $build_packages

# shellcheck disable=SC2016
in_root kqueue "$room" timeout --kill-after=30 600 bash -euc '
	mkdir /srv/work
	tar -C /srv/project --exclude=build --exclude=./.git -c src test |
		tar -C /srv/work -x
	cd /srv/work/test/unit
	make -s -j2 CPPFLAGS="-DMP_USE_KQUEUE -isystem /usr/include/kqueue" \
		LDLIBS="-lkqueue -lcurl -ljansson -lpthread -ldl" \
		build/poller_test $(ls http_*_test.c | sed "s#\(.*\)\.c#build/\1#")
	nm -u build/poller_test | grep -q kevent
	prove --exec "" build/*_test
'
