/*
 * A disk that is full, for LD_PRELOAD: while the file named in MP_DISK_FULL is
 * there, files below the folder named in MP_DISK_FOLDER cannot grow.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef ssize_t (*Writer) (int fd, const void *data, size_t size,
						   off_t offset);

static int
is_full(int fd)
{
	const char *file = getenv("MP_DISK_FULL");
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
	if (is_full(fd))
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
