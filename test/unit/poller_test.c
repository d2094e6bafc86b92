/*-------------------------------------------------------------------------
 *
 * poller_test.c
 *		Sockets and timer behind one descriptor.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http/poller.h"
#include "tap.h"

static MpPoller *poller;
static int	pair[2];

/* Is the poller's descriptor readable within so many ms? */
static bool
readable(int timeout)
{
	struct pollfd watched = {
		.fd = mp_poller_descriptor(poller),.events = POLLIN,
	};

	return poll(&watched, 1, timeout) == 1;
}

static int64_t
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t) time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Take one event; its bits, or -1 if none or not of this descriptor. */
static int
take(int fd)
{
	MpPollerEvent events[4];

	if (mp_poller_take(poller, events, 4) != 1 || events[0].fd != fd)
		return -1;
	return events[0].events;
}

static void
test_sockets(void)
{
	MpPollerEvent events[4];

	ok(!readable(0), "nothing watched: not readable");
	is_int(mp_poller_take(poller, events, 4), 0, "and nothing to take");
	is_int(mp_poller_take(poller, events, 0), 0, "room for none takes none");

	ok(mp_poller_watch(poller, pair[0], MP_POLLER_READ), "watch for read");
	ok(!readable(0), "no data: not readable");
	ok(write(pair[1], "x", 1) == 1 && readable(1000), "data: readable");
	is_int(take(pair[0]), MP_POLLER_READ, "reported as read");
	is_int(take(pair[0]), MP_POLLER_READ, "level-triggered: again");

	ok(mp_poller_watch(poller, pair[0], MP_POLLER_WRITE), "replaced: write");
	is_int(take(pair[0]), MP_POLLER_WRITE, "reported as write");
	ok(mp_poller_watch(poller, pair[0], 0), "stop watching");
	ok(!readable(0), "not readable any more");
	ok(mp_poller_watch(poller, pair[0], 0), "stopping twice is no error");
}

static void
test_closed_descriptor(void)
{
	int			again;

	ok(mp_poller_watch(poller, pair[0], MP_POLLER_READ), "watch again");
	close(pair[0]);
	ok(!readable(0), "a closed descriptor is not reported");
	ok(mp_poller_watch(poller, pair[0], 0), "stop watching a closed one");
	again = dup(pair[1]);
	is_int(again, pair[0], "its number is used again");
	ok(mp_poller_watch(poller, again, MP_POLLER_WRITE), "and can be watched");
	is_int(take(again) & MP_POLLER_WRITE, MP_POLLER_WRITE, "and is reported");
	/* The other descriptor of the same socket keeps it in an epoll set. */
	ok(mp_poller_watch(poller, again, 0), "stop watching it");
	close(again);
	ok(!mp_poller_watch(poller, again, MP_POLLER_READ),
	   "watching a closed descriptor fails");
	is_int(errno, EBADF, "with the system's reason");
}

static void
test_timer(void)
{
	int64_t		began;

	ok(mp_poller_set_timer(poller, 0), "timer at once");
	ok(readable(1000), "readable");
	is_int(take(-1), 0, "reported as the timer");
	ok(!readable(0), "once only");

	began = now();
	ok(mp_poller_set_timer(poller, 60000), "timer far away");
	ok(mp_poller_set_timer(poller, 30), "replaced by a near one");
	ok(readable(5000), "runs out");
	ok(now() - began >= 29, "not early");
	is_int(take(-1), 0, "reported");

	ok(mp_poller_set_timer(poller, 0), "timer at once again");
	ok(mp_poller_set_timer(poller, -1), "disarmed");
	ok(!readable(5), "stays silent");
	ok(mp_poller_set_timer(poller, -1), "disarming twice is no error");
}

static void
test_many(void)
{
	enum
	{
		MANY = 100
	};
	int			ends[MANY][2];
	MpPollerEvent events[2 * MANY];
	int			i;
	bool		watched = true;

	for (i = 0; i < MANY; i++)
		watched = watched && pipe(ends[i]) == 0 &&
			mp_poller_watch(poller, ends[i][1], MP_POLLER_WRITE);
	ok(watched, "a hundred descriptors watched");
	i = mp_poller_take(poller, events, 2 * MANY);
	ok(i > 1 && i <= MANY, "several are taken at once");
	for (i = 0; i < MANY; i++)
	{
		close(ends[i][0]);
		close(ends[i][1]);
	}
}

int
main(void)
{
	poller = mp_poller_create();
	ok(poller != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0,
	   "created");
	test_sockets();
	test_closed_descriptor();
	test_timer();
	test_many();
	close(pair[1]);
	mp_poller_destroy(poller);
	mp_poller_destroy(NULL);
	return done_testing();
}
