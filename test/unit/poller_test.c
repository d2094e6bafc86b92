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

	ok(!mp_poller_may_write(poller), "none may be written to");
	ok(mp_poller_watch(poller, pair[0], MP_POLLER_WRITE), "replaced: write");
	ok(mp_poller_may_write(poller), "one may be");
	is_int(take(pair[0]), MP_POLLER_WRITE, "reported as write");
	ok(mp_poller_watch(poller, pair[0], 0), "stop watching");
	is_int(mp_poller_take(poller, events, 4), 0, "not reported any more");
	ok(!mp_poller_may_write(poller), "none may be written to any more");
	ok(!readable(0), "nor is the descriptor readable after that");
	ok(mp_poller_watch(poller, pair[0], 0), "stopping twice is no error");
	ok(mp_poller_watch(poller, pair[0], MP_POLLER_READ), "watched again");
	is_int(take(pair[0]), MP_POLLER_READ, "reported again");
	ok(mp_poller_watch(poller, pair[0], 0) &&
	   mp_poller_watch(poller, pair[0], MP_POLLER_READ),
	   "watched again before it was ready");
	is_int(take(pair[0]), MP_POLLER_READ, "reported");
	ok(mp_poller_watch(poller, pair[0], 0), "stop watching");
	is_int(mp_poller_take(poller, events, 4), 0, "not reported");
}

static void
test_closed_descriptor(void)
{
	int			fresh[2];

	ok(mp_poller_watch(poller, pair[0], MP_POLLER_READ), "watch again");
	close(pair[0]);
	ok(!readable(0), "a closed descriptor is not reported");
	ok(mp_poller_watch(poller, pair[0], 0), "stop watching a closed one");
	ok(pipe(fresh) == 0 && fresh[0] == pair[0], "its number is used again");
	ok(write(fresh[1], "x", 1) == 1 && !readable(0),
	   "and is not watched by itself");
	ok(mp_poller_watch(poller, fresh[0], MP_POLLER_READ), "it can be watched");
	is_int(take(fresh[0]), MP_POLLER_READ, "and is reported");
	ok(mp_poller_watch(poller, fresh[0], 0), "stop watching it");
	close(fresh[0]);
	close(fresh[1]);
	ok(!readable(0), "closed, it is not reported");
	ok(!mp_poller_watch(poller, fresh[0], MP_POLLER_READ),
	   "watching a closed descriptor fails");
	is_int(errno, EBADF, "with the system's reason");
}

static void
test_timer(void)
{
	MpPollerEvent events[4];
	int64_t		began = now();

	mp_poller_set_timer(poller, 0);
	ok(mp_poller_arm(poller) && readable(1000), "at once: readable");
	is_int(mp_poller_take(poller, events, 4), 0, "no event of a socket");
	ok(!readable(0), "silent until it is armed again");
	ok(mp_poller_arm(poller) && readable(1000), "still due: readable again");
	is_int(mp_poller_take(poller, events, 4), 0, "taken");

	mp_poller_set_timer(poller, began + 60000);
	ok(mp_poller_arm(poller) && !readable(0), "far away: not readable");
	mp_poller_set_timer(poller, began + 30);
	ok(mp_poller_arm(poller) && readable(5000), "replaced by a near one");
	ok(now() - began >= 30, "not early");
	is_int(mp_poller_take(poller, events, 4), 0, "taken");

	mp_poller_set_timer(poller, 0);
	mp_poller_set_timer(poller, MP_POLLER_NEVER);
	ok(mp_poller_arm(poller) && !readable(5), "taken back: silent");

	/* the kernel keeps the sooner of two, for nothing */
	mp_poller_set_timer(poller, now() + 20);
	ok(mp_poller_arm(poller), "armed");
	mp_poller_set_timer(poller, MP_POLLER_NEVER);
	ok(mp_poller_arm(poller) && readable(5000), "one wait ends for nothing");
	is_int(mp_poller_take(poller, events, 4), 0, "with no event");
	ok(mp_poller_arm(poller) && !readable(30), "and no other does");
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
	mp_poller_set_timer(poller, 0);
	for (i = 0; i < 10; i++)
		watched = watched && mp_poller_watch(poller, ends[i][1], 0);
	ok(watched && mp_poller_arm(poller), "ten are left, and the timer is due");
	is_int(mp_poller_take(poller, events, 64), 64,
		   "as many as there is room for, none of them for nothing");
	mp_poller_set_timer(poller, MP_POLLER_NEVER);
	for (i = 0; i < MANY; i++)
		watched = watched && mp_poller_watch(poller, ends[i][1], 0);
	ok(watched, "and left");
	is_int(mp_poller_take(poller, events, 2 * MANY), 0, "none is reported");
	ok(!readable(0), "nothing is left");
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
