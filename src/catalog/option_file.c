/*-------------------------------------------------------------------------
 *
 * catalog/option_file.c
 *		Files that options name.
 *
 * All of them are opened and checked here.  A file is regular, or it is not
 * opened: opening a FIFO or a device may block, and may do something.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mb/pg_wchar.h"
#include "storage/fd.h"

#include "catalog/option.h"
#include "catalog/option_state.h"

#define SECRET_LINE 4096		/* longest first line of secret_file, bytes */
#define LARGEST_CA_FILE (16 * 1024 * 1024)	/* bytes */

static int	open_regular(const char *option, const char *path,
						 struct stat *status);
static int	errcode_for_option_file(void);
static const char *read_line(char *line, ssize_t length);
static bool has_control(const char *text);

/* The first line of secret_file, without what an editor may add to it. */
char *
mp_option_read_secret(const char *path)
{
	char		line[SECRET_LINE + 1];
	struct stat status;
	const char *wrong;
	char	   *secret = NULL;
	ssize_t		length;
	int			fd = open_regular("secret_file", path, &status);

	if ((status.st_mode & S_IRWXO) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("secret_file \"%s\" can be read by everybody", path),
				 errhint("Make it readable by the database server alone, as with chmod 600.")));
	length = read(fd, line, SECRET_LINE);
	if (length < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read secret_file \"%s\": %m", path)));
	CloseTransientFile(fd);
	wrong = read_line(line, length);
	if (wrong == NULL)
		secret = pstrdup(line);
	explicit_bzero(line, sizeof(line));
	if (secret == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("secret_file \"%s\" holds no secret", path),
				 errdetail("Its first line %s.", wrong)));
	return secret;
}

/*
 * libcurl opens the file itself, while signals are blocked, so it must be one
 * that can be opened and read to its end.  One that is missing or that may not
 * be read is libcurl's to tell.
 */
void
mp_option_check_ca_file(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0 || access(path, R_OK) != 0)
		return;
	CloseTransientFile(open_regular("ca_file", path, &status));
	if (status.st_size > LARGEST_CA_FILE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("ca_file \"%s\" is too large", path),
				 errdetail("It has more than %d bytes.", LARGEST_CA_FILE)));
}

/*
 * What it is is looked at before and after it is opened, and opening does not
 * wait for another process: the name may come to mean something else.
 */
static int
open_regular(const char *option, const char *path, struct stat *status)
{
	int			fd = -1;

	if (stat(path, status) == 0)
	{
		if (S_ISREG(status->st_mode))
			fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | PG_BINARY);
		else
			errno = ENXIO;
	}
	if (fd < 0 && errno != ENXIO)
		ereport(ERROR,
				(errcode_for_option_file(),
				 errmsg("could not open %s \"%s\": %m", option, path)));
	if (fd >= 0 && fstat(fd, status) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat %s \"%s\": %m", option, path)));
	if (fd < 0 || !S_ISREG(status->st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s \"%s\" is not a regular file", option, path)));
	return fd;
}

/* Links in a circle are an internal error to the server. */
static int
errcode_for_option_file(void)
{
	if (errno == ELOOP)
		return errcode(ERRCODE_WRONG_OBJECT_TYPE);
	return errcode_for_file_access();
}

/*
 * Leaves the secret in `line`, or returns what is wrong.  Editors of other
 * systems begin a file with a byte order mark, and blanks at a line's end are
 * not seen.
 */
static const char *
read_line(char *line, ssize_t length)
{
	static const char utf8_mark[] = {'\xef', '\xbb', '\xbf'};
	char	   *text = line;
	size_t		used;

	Assert(length >= 0 && length <= SECRET_LINE);
	line[length] = '\0';
	if (length >= 2 && (memcmp(line, "\xff\xfe", 2) == 0 ||
						memcmp(line, "\xfe\xff", 2) == 0))
		return "is in UTF-16, and UTF-8 is needed";
	if (length >= 3 && memcmp(line, utf8_mark, 3) == 0)
		text += 3;
	used = strcspn(text, "\r\n");
	if (text + used == line + SECRET_LINE)
		return psprintf("is longer than %d bytes", SECRET_LINE - 1);
	if (text[used] == '\0' && text + used < line + length)
		return "has a NUL byte";
	while (used > 0 && (text[used - 1] == ' ' || text[used - 1] == '\t'))
		used--;
	memmove(line, text, used);
	line[used] = '\0';
	if (used == 0)
		return "is empty";
	if (has_control(line))
		return "has a control character";
	if (pg_verify_mbstr(PG_UTF8, line, (int) used, true) == false)
		return "is not valid UTF-8";
	return NULL;
}

static bool
has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char) *text < 0x20 || *text == 0x7f)
			return true;
	return false;
}
