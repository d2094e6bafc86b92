/*-------------------------------------------------------------------------
 *
 * http/descriptor.c
 *		The descriptors of a pool: asked for, opened, counted, closed.
 *
 * The program that has called mp_http_count_descriptors() knows of each of
 * them before it is opened, and can make room.  None is inherited by programs
 * that are executed.  Must not know what a descriptor is for.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/http_state.h"

static MpHttpTake take_one = NULL;
static MpHttpGiveBack give_back_one = NULL;

/* Twice as many as the widest windows and the idle connections take. */
#define SOCKETS_KNOWN 512

/*
 * A socket that is counted.  libcurl (7.88, for one) closes one whose
 * connection is still being made without calling us, so the number alone does
 * not tell whether it is open: the inode does.
 */
typedef struct Counted
{
	int			fd;
	dev_t		device;
	ino_t		inode;
} Counted;

/* Those beyond are counted too, and found only if libcurl tells. */
static Counted counted[SOCKETS_KNOWN];
static size_t counted_count = 0;

static void note_socket(int fd);
static void forget_socket(size_t i);
static size_t find_socket(int fd);
static bool recount(void);

void
mp_http_count_descriptors(MpHttpTake take, MpHttpGiveBack give_back)
{
	assert((take == NULL) == (give_back == NULL));
	take_one = take;
	give_back_one = give_back;
}

bool
mp_http_descriptor_take(int count)
{
	for (int i = 0; i < count; i++)
	{
		if (take_one == NULL || take_one() || (recount() && take_one()))
			continue;
		mp_http_descriptor_give_back(i);
		errno = EMFILE;
		return false;
	}
	return true;
}

void
mp_http_descriptor_give_back(int count)
{
	int			saved_errno = errno;

	for (int i = 0; i < count; i++)
	{
		if (give_back_one != NULL)
			give_back_one();
	}
	errno = saved_errno;
}

int
mp_http_descriptor_open_socket(int family, int type, int protocol)
{
	int			fd;

	if (!mp_http_descriptor_take(1))
		return -1;
#ifdef SOCK_CLOEXEC
	fd = socket(family, type | SOCK_CLOEXEC, protocol);
#else
	fd = socket(family, type, protocol);
	if (fd >= 0)
		(void) fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
	if (fd >= 0)
		note_socket(fd);
	else
		mp_http_descriptor_give_back(1);
	return fd;
}

/* One that is known by that number has been closed unnoticed. */
static void
note_socket(int fd)
{
	struct stat status;
	size_t		i = find_socket(fd);
	Counted    *socket;

	if (i < counted_count)
	{
		forget_socket(i);
		mp_http_descriptor_give_back(1);
	}
	if (counted_count == SOCKETS_KNOWN || fstat(fd, &status) != 0)
		return;
	socket = &counted[counted_count++];
	socket->fd = fd;
	socket->device = status.st_dev;
	socket->inode = status.st_ino;
}

static void
forget_socket(size_t i)
{
	assert(i < counted_count);
	counted[i] = counted[--counted_count];
}

/* counted_count: it is not there. */
static size_t
find_socket(int fd)
{
	size_t		i = 0;

	while (i < counted_count && counted[i].fd != fd)
		i++;
	return i;
}

/* Give back those that were closed unnoticed; were there any? */
static bool
recount(void)
{
	size_t		before = counted_count;
	struct stat status;

	for (size_t i = counted_count; i-- > 0;)
	{
		if (fstat(counted[i].fd, &status) == 0 &&
			status.st_dev == counted[i].device &&
			status.st_ino == counted[i].inode)
			continue;
		forget_socket(i);
		mp_http_descriptor_give_back(1);
	}
	return counted_count < before;
}

int
mp_http_descriptor_close_socket(void *context, curl_socket_t fd)
{
	size_t		i = find_socket((int) fd);
	int			result = close(fd);

	(void) context;
	if (i < counted_count)
		forget_socket(i);
	mp_http_descriptor_give_back(1);
	return result;
}

bool
mp_http_descriptor_is_lack(int error)
{
	return error == EMFILE || error == ENFILE;
}

/* libcurl does not always say that this is the reason for a failure. */
bool
mp_http_descriptor_is_left(const MpHttp *http)
{
	int			fd = fcntl(mp_poller_descriptor(http->poller),
						   F_DUPFD_CLOEXEC, 0);

	/* it is invalid to ask for number 0 where none at all is allowed */
	if (fd < 0)
		return !mp_http_descriptor_is_lack(errno) && errno != EINVAL;
	close(fd);
	return true;
}

/*
 * A new descriptor gets the lowest number that is free, so those that libcurl
 * is about to open, and does not tell of, are known by their numbers.
 */
void
mp_http_descriptor_foresee(const MpPoller *poller, int *numbers, int count)
{
	int			any = mp_poller_descriptor(poller);

	for (int i = 0; i < count; i++)
		numbers[i] = fcntl(any, F_DUPFD_CLOEXEC, 0);
	for (int i = 0; i < count; i++)
	{
		if (numbers[i] >= 0)
			close(numbers[i]);
	}
}

void
mp_http_descriptor_do_not_inherit(const int *numbers, int count)
{
	for (int i = 0; i < count; i++)
	{
		int			flags = numbers[i] < 0 ? -1 : fcntl(numbers[i], F_GETFD);

		if (flags >= 0)
			(void) fcntl(numbers[i], F_SETFD, flags | FD_CLOEXEC);
	}
}
