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
#include <unistd.h>

#include "http/http_state.h"

static MpHttpTake take_one = NULL;
static MpHttpGiveBack give_back_one = NULL;

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
		if (take_one == NULL || take_one())
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
	if (fd < 0)
		mp_http_descriptor_give_back(1);
	return fd;
}

int
mp_http_descriptor_close_socket(void *context, curl_socket_t fd)
{
	int			result = close(fd);

	(void) context;
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

	if (fd < 0)
		return !mp_http_descriptor_is_lack(errno);
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
