/*-------------------------------------------------------------------------
 *
 * cppcheck.h
 *		What cppcheck must know of headers that it does not read: the macros of
 *		the server that are loops or do not return, versions, and that a header
 *		is there which a source asks for.
 *
 *-------------------------------------------------------------------------
 */
#define __has_include(header) 1
#define LIBCURL_VERSION_NUM 0x080000
#define WARNING 19
#define ERROR 21

#define foreach(cell, list) \
	for (cell = list_head(list); cell != NULL; cell = lnext(list, cell))
#define ereport(level, ...) \
	do { if ((level) >= ERROR) abort(); } while (0)
#define elog(level, ...) ereport(level, 0)
