/*-------------------------------------------------------------------------
 *
 * http_descriptor_test.c
 *		Descriptors: all of them are asked for before they are opened, and
 *		given back; none is for programs that are executed; a lack of them is
 *		told as what it is.
 *
 *-------------------------------------------------------------------------
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "http_client.h"
#include "tap.h"

#define HIGHEST	256				/* numbers of descriptors that are looked at */
#define MANY	20

static int	taken;
static int	most;				/* 0: no limit */
static bool exceeded;			/* more was given back than was taken */

static int
count_open(bool inherited)
{
	int			count = 0;

	for (int fd = 0; fd < HIGHEST; fd++)
	{
		int			flags = fcntl(fd, F_GETFD);

		count += flags >= 0 && (!inherited || (flags & FD_CLOEXEC) == 0);
	}
	return count;
}

static bool
take(void)
{
	if (most > 0 && taken >= most)
		return false;
	taken++;
	return true;
}

static void
give_back(void)
{
	taken--;
	if (taken < 0)
		exceeded = true;
}

static void
begin(void)
{
	mp_http_count_descriptors(take, give_back);
	taken = 0;
	exceeded = false;
	client_begin();
}

/* Of the pool alone: the server has none but the one that it listens on. */
static void
test_idle(void)
{
	int			before;
	int			inherited;
	int			counted;
	MpHttp	   *pool;

	mp_http_count_descriptors(take, give_back);
	taken = 0;
	most = 0;
	pool = mp_http_create();
	mp_http_destroy(pool);		/* libcurl may keep some of its own */
	is_int(taken, 0, "a pool that is gone has none");
	before = count_open(false);
	inherited = count_open(true);
	pool = mp_http_create();
	counted = taken;
	ok(counted >= count_open(false) - before,
	   "an idle pool's are counted");
	ok(counted <= 6, "and no more than it may need");
	is_int(count_open(true), inherited, "none is inherited");
	mp_http_close_idle(pool);
	is_int(taken, counted, "as many after its connections were closed");
	is_int(count_open(true), inherited, "none is inherited then");
	mp_http_destroy(pool);
	is_int(taken, 0, "all are given back");
}

static void
test_connections(void)
{
	MpRequest  *requests[MANY];
	int			idle;

	begin();
	idle = taken;
	client_reply_always(EMPTY("200 OK"), REPLY_KEEP);
	settings.max_concurrency = MANY;
	for (int i = 0; i < MANY; i++)
		requests[i] = client_start(i % 2 ? MP_METHOD_POST : MP_METHOD_GET,
								   "/");
	client_step(0);
	is_int(taken, idle + MANY, "a socket for each");
	for (int i = 0; i < MANY; i++)
	{
		is_int(client_finish(requests[i]), MP_OUTCOME_OK, "answered");
		mp_http_free(requests[i]);
	}
	is_int(taken, idle + MANY / 2, "those of POSTs are closed");
	mp_http_close_idle(http);
	is_int(taken, idle, "and the others with the idle connections");
	ok(!exceeded, "each is given back once");
	client_end();
	is_int(taken, 0, "all are given back");
}

/* Whoever resolves names needs some too. */
static void
test_names(void)
{
	char		base_url[64];
	int			idle;

	begin();
	idle = taken;
	client_reply_always(EMPTY("200 OK"), REPLY_KEEP);
	snprintf(base_url, sizeof(base_url), "http://localhost:%d/",
			 server_port(server));
	settings.base_url = base_url;
	most = idle + 2;
	is_int(client_do(MP_METHOD_GET, "/"), MP_OUTCOME_NO_DESCRIPTOR,
		   "none to resolve a name with");
	most = idle + 3;
	is_int(client_do(MP_METHOD_GET, "/"), MP_OUTCOME_OK, "enough");
	is_int(taken, idle + 1, "a connection is left");
	most = 0;
	client_end();
	is_int(taken, 0, "all are given back");
}

/* The others wait for those that there are. */
static void
test_few(void)
{
	MpRequest  *requests[MANY];
	MpRequest  *request;

	begin();
	client_reply_always(EMPTY("200 OK"), REPLY_KEEP);
	settings.max_concurrency = MANY;
	most = taken + 3;
	for (int i = 0; i < MANY; i++)
		requests[i] = client_start(MP_METHOD_GET, "/");
	for (int i = 0; i < MANY; i++)
	{
		is_int(client_finish(requests[i]), MP_OUTCOME_OK, "answered");
		is_int(mp_http_answer(requests[i])->attempts, 1, "in one attempt");
		mp_http_free(requests[i]);
	}
	ok(server_connections(server) <= 3, "on few connections");

	/* Idle connections make room. */
	settings.server_id = 2;
	is_int(client_do(MP_METHOD_POST, "/"), MP_OUTCOME_OK, "room is made");
	most = taken;
	request = client_start(MP_METHOD_POST, "/");
	is_int(client_finish(request), MP_OUTCOME_NO_DESCRIPTOR, "none at all");
	is_int(mp_http_answer(request)->attempts, 1, "tried once");
	ok(!mp_http_may_be_done(request), "nothing was sent");
	ok(strstr(mp_http_answer(request)->detail, "descriptors") != NULL,
	   "it is said");
	mp_http_free(request);
	most = 0;
	is_int(client_do(MP_METHOD_POST, "/"), MP_OUTCOME_OK, "works again");
	client_end();
	is_int(taken, 0, "all are given back");
}

/* The process's own limit, which nobody has counted with. */
static void
test_limit(void)
{
	struct rlimit limit;
	struct rlimit low;

	begin();
	client_reply_always(EMPTY("200 OK"), REPLY_KEEP);
	getrlimit(RLIMIT_NOFILE, &limit);
	low = limit;
	low.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &low);
	is_int(client_do(MP_METHOD_GET, "/"), MP_OUTCOME_NO_DESCRIPTOR,
		   "none is left");
	setrlimit(RLIMIT_NOFILE, &limit);
	is_int(client_do(MP_METHOD_GET, "/"), MP_OUTCOME_OK, "works again");
	client_end();
	is_int(taken, 0, "all are given back");
}

int
main(void)
{
	test_idle();
	test_connections();
	test_names();
	test_few();
	test_limit();
	return done_testing();
}
