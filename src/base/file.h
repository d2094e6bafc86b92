/*-------------------------------------------------------------------------
 *
 * base/file.h
 *		A file that somebody has named: read without waiting for anybody.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_BASE_FILE_H
#define MP_BASE_FILE_H

#include <sys/stat.h>

#include "base/buffer.h"

typedef enum MpFileVerdict
{
	MP_FILE_READ,
	MP_FILE_NOT_OPENED,			/* errno says why */
	MP_FILE_NOT_REGULAR,
	MP_FILE_UNREADABLE,			/* errno says why */
	MP_FILE_NO_MEMORY,
} MpFileVerdict;

/* open(2), or what the program has in its place; it must not throw. */
typedef int (*MpFileOpener) (const char *path, int flags);

/*
 * Append at most `limit` bytes of a regular file to *buffer.  *status is that
 * of the file, unless it was not opened.  Nothing else than a regular file is
 * opened.
 */
extern MpFileVerdict mp_file_read(const char *path, MpFileOpener opener,
								  size_t limit, MpBuffer *buffer,
								  struct stat *status);

#endif							/* MP_BASE_FILE_H */
