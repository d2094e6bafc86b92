/*-------------------------------------------------------------------------
 *
 * base/file.c
 *		A file that somebody has named: read without waiting for anybody.
 *
 * To open a FIFO waits for another process, and to open a device may do
 * something.  So what the name means is looked at before and after the file is
 * opened, as it may come to mean something else, and opening does not wait.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"

#define CHUNK	(64 * 1024)		/* bytes read at once */

static MpFileVerdict read_some(int fd, size_t limit, MpBuffer *buffer);

MpFileVerdict
mp_file_read(const char *path, MpFileOpener opener, size_t limit,
			 MpBuffer *buffer, struct stat *status)
{
	MpFileVerdict verdict = MP_FILE_NOT_REGULAR;
	int			saved_errno;
	int			fd;

	if (stat(path, status) != 0)
		return MP_FILE_NOT_OPENED;
	if (!S_ISREG(status->st_mode))
		return MP_FILE_NOT_REGULAR;
	fd = opener(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENXIO ? MP_FILE_NOT_REGULAR : MP_FILE_NOT_OPENED;
	if (fstat(fd, status) != 0)
		verdict = MP_FILE_UNREADABLE;
	else if (S_ISREG(status->st_mode))
		verdict = read_some(fd, limit, buffer);
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return verdict;
}

/* Append what the file holds, up to limit bytes */
static MpFileVerdict
read_some(int fd, size_t limit, MpBuffer *buffer)
{
	while (limit > 0)
	{
		size_t		size = limit < CHUNK ? limit : CHUNK;
		ssize_t		count;

		if (!mp_buffer_reserve(buffer, size))
			return MP_FILE_NO_MEMORY;
		count = read(fd, buffer->data + buffer->length, size);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return MP_FILE_UNREADABLE;
		if (count == 0)
			break;
		buffer->length += (size_t) count;
		limit -= (size_t) count;
	}
	return MP_FILE_READ;
}
