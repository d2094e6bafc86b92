/*-------------------------------------------------------------------------
 *
 * catalog/option_file.c
 *		Files that options name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/fd.h"

#include "catalog/option_state.h"

#define SECRET_LINE 4096		/* longest first line of secret_file, bytes */

static int	errcode_for_secret_file(void);
static void check_secret_file(int fd, const char *path);

/*
 * The first line of secret_file.  A FIFO must not block the backend, and a
 * file that everybody may read is no place for a secret.
 */
char *
mp_option_read_secret(const char *path)
{
	char		line[SECRET_LINE + 1];
	char	   *secret = NULL;
	ssize_t		length;
	int			fd = OpenTransientFile(path,
									   O_RDONLY | O_NONBLOCK | PG_BINARY);

	if (fd < 0)
		ereport(ERROR,
				(errcode_for_secret_file(),
				 errmsg("could not open secret_file \"%s\": %m", path)));
	check_secret_file(fd, path);
	length = read(fd, line, SECRET_LINE);
	if (length < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read secret_file \"%s\": %m", path)));
	CloseTransientFile(fd);
	line[length] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	if (line[0] != '\0' && strlen(line) < SECRET_LINE)
		secret = pstrdup(line);
	explicit_bzero(line, sizeof(line));
	if (secret == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("secret_file \"%s\" holds no secret", path),
				 errdetail("Its first line is empty or longer than %d bytes.",
						   SECRET_LINE - 1)));
	return secret;
}

/* A socket and links in a circle, which are internal errors to the server. */
static int
errcode_for_secret_file(void)
{
	if (errno == ENXIO || errno == ELOOP)
		return errcode(ERRCODE_WRONG_OBJECT_TYPE);
	return errcode_for_file_access();
}

static void
check_secret_file(int fd, const char *path)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat secret_file \"%s\": %m", path)));
	if (!S_ISREG(status.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("secret_file \"%s\" is not a regular file", path)));
	if ((status.st_mode & S_IRWXO) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("secret_file \"%s\" can be read by everybody", path),
				 errhint("Make it readable by the database server alone, as with chmod 600.")));
}
