/*-------------------------------------------------------------------------
 *
 * catalog/option_file.c
 *		Files that options name.
 *
 * They are looked at here, and read by base/file.c: a file is regular, or it
 * is not opened.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/stat.h>
#include <unistd.h>

#include "mb/pg_wchar.h"
#include "storage/fd.h"

#include "base/file.h"
#include "catalog/compat.h"
#include "catalog/option.h"
#include "catalog/option_state.h"
#include "http/http.h"

#define SECRET_LINE 4096		/* longest first line of secret_file, bytes */

MP_NORETURN static void refuse_irregular(const char *option, const char *path);
static void refuse_secret_file(const char *path, const struct stat *status,
							   MpFileVerdict verdict);
static int	errcode_for_option_file(void);
static const char *read_line(char *line, size_t length);
static bool has_control(const char *text);

/* The first line of secret_file, without what an editor may add to it. */
char *
mp_option_read_secret(const char *path)
{
	char		line[SECRET_LINE + 1];
	MpBuffer	buffer = {0};
	struct stat status;
	const char *wrong;
	char	   *secret = NULL;
	size_t		length;
	MpFileVerdict verdict = mp_file_read(path, BasicOpenFile, SECRET_LINE,
										 &buffer, &status);
	int			error = errno;

	length = buffer.length;
	memcpy(line, length > 0 ? buffer.data : "", length);
	mp_buffer_free(&buffer);
	if (verdict != MP_FILE_READ || (status.st_mode & S_IRWXO) != 0)
	{
		explicit_bzero(line, sizeof(line));
		errno = error;
		refuse_secret_file(path, &status, verdict);
	}
	wrong = read_line(line, length);
	if (wrong == NULL)
		secret = pstrdup(line);
	explicit_bzero(line, sizeof(line));
	if (secret == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("secret_file \"%s\" does not contain a secret", path),
				 errdetail("Its first line %s.", wrong)));
	return secret;
}

/*
 * It is read when a connection is made (http/authority.c), which tells of one
 * that is missing or that may not be read.
 */
void
mp_option_check_ca_file(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0 || access(path, R_OK) != 0)
		return;
	if (!S_ISREG(status.st_mode))
		refuse_irregular("ca_file", path);
	if (status.st_size > MP_HTTP_CA_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("ca_file \"%s\" is too large", path),
				 errdetail("It has more than %d bytes.", MP_HTTP_CA_LIMIT)));
}

static void
refuse_irregular(const char *option, const char *path)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("%s \"%s\" is not a regular file", option, path)));
}

/* One that was not read, or that others may read. */
static void
refuse_secret_file(const char *path, const struct stat *status,
				   MpFileVerdict verdict)
{
	if (verdict == MP_FILE_NOT_REGULAR)
		refuse_irregular("secret_file", path);
	if (verdict == MP_FILE_NOT_OPENED)
		ereport(ERROR,
				(errcode_for_option_file(),
				 errmsg("could not open secret_file \"%s\": %m", path)));
	if ((status->st_mode & S_IRWXO) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("secret_file \"%s\" can be read by everybody", path),
				 errhint("Make it readable by the database server alone, as with chmod 600.")));
	if (verdict == MP_FILE_UNREADABLE)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read secret_file \"%s\": %m", path)));
	if (verdict == MP_FILE_NO_MEMORY)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
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
read_line(char *line, size_t length)
{
	static const char utf8_mark[] = {'\xef', '\xbb', '\xbf'};
	char	   *text = line;
	size_t		used;

	Assert(length <= SECRET_LINE);
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
