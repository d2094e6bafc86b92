/*
 * A bad disk, for LD_PRELOAD: while the file named in MP_DISK_FULL is there,
 * files below the folder named in MP_DISK_FOLDER cannot be written; while the
 * file named in MP_DISK_FAILS is there, they cannot be synced, and each file
 * says so once, as Linux does.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/aio_abi.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef ssize_t (*Writer) (int fd, const void *data, size_t size,
						   off_t offset);

typedef int (*Syncer) (int fd);
typedef long (*Caller) (long number,...);

static int	submitted = -1;		/* a file that is synced asynchronously */

/* Is the file below the folder, and the file there that the variable names? */
static int
is_bad(int fd, const char *variable)
{
	const char *file = getenv(variable);
	const char *folder = getenv("MP_DISK_FOLDER");
	char		link[64];
	char		path[4096];
	ssize_t		length;

	if (file == NULL || folder == NULL || access(file, F_OK) != 0)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return 0;
	path[length] = '\0';
	return strstr(path, folder) != NULL;
}

ssize_t
pwrite(int fd, const void *data, size_t size, off_t offset)
{
	void	   *symbol = dlsym(RTLD_NEXT, "pwrite");
	Writer		system_pwrite;

	memcpy(&system_pwrite, &symbol, sizeof(symbol));
	if (is_bad(fd, "MP_DISK_FULL"))
	{
		errno = ENOSPC;
		return -1;
	}
	return system_pwrite(fd, data, size, offset);
}

ssize_t
pwrite64(int fd, const void *data, size_t size, off_t offset)
{
	return pwrite(fd, data, size, offset);
}

/* Once for each time that the file of MP_DISK_FAILS is made. */
static int
fails(int fd)
{
	if (!is_bad(fd, "MP_DISK_FAILS"))
		return 0;
	unlink(getenv("MP_DISK_FAILS"));
	return 1;
}

int
fdatasync(int fd)
{
	void	   *symbol = dlsym(RTLD_NEXT, "fdatasync");
	Syncer		system_fdatasync;

	memcpy(&system_fdatasync, &symbol, sizeof(symbol));
	if (fails(fd))
	{
		errno = EIO;
		return -1;
	}
	return system_fdatasync(fd);
}

int
fsync(int fd)
{
	void	   *symbol = dlsym(RTLD_NEXT, "fsync");
	Syncer		system_fsync;

	memcpy(&system_fsync, &symbol, sizeof(symbol));
	if (fails(fd))
	{
		errno = EIO;
		return -1;
	}
	return system_fsync(fd);
}

/* The same of io_submit(2) and io_getevents(2). */
long
syscall(long number,...)
{
	void	   *symbol = dlsym(RTLD_NEXT, "syscall");
	Caller		system_syscall;
	long		arguments[6];
	long		result;
	va_list		list;

	memcpy(&system_syscall, &symbol, sizeof(symbol));
	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_io_submit)
		submitted = (int) (*(struct iocb **) arguments[2])->aio_fildes;
	result = system_syscall(number, arguments[0], arguments[1], arguments[2],
							arguments[3], arguments[4], arguments[5]);
	if (number == SYS_io_getevents && result == 1 && fails(submitted))
		((struct io_event *) arguments[3])->res = -EIO;
	return result;
}
