/*-------------------------------------------------------------------------
 *
 * base/paging.h
 *		What a name says of pages, in a body or in a header.
 *
 * Names are compared without regard to case and to what stands between their
 * words: "nextPage", "next_page" and "@odata.next-page" say the same.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_BASE_PAGING_H
#define MP_BASE_PAGING_H

#include <stdbool.h>
#include <stddef.h>

#define MP_PAGING_NAME	48		/* more of a name is not looked at */

typedef enum MpPagingName
{
	MP_PAGING_NOTHING,
	MP_PAGING_MORE,				/* a value that does not deny it: there is
								 * more, or something is missing */
	MP_PAGING_MISSING,			/* the same, but a denial does not say that
								 * nothing else comes */
	MP_PAGING_CURSOR,			/* the same of a text: where to go on */
	MP_PAGING_BEFORE,			/* a value that does not deny it: something
								 * comes before */
	MP_PAGING_BEGIN,			/* the same of false */
	MP_PAGING_END,				/* false: there is more; true: there is not */
	MP_PAGING_TOTAL,			/* how many elements there are in all */
	MP_PAGING_COUNT,			/* the same, or how many came */
	MP_PAGING_PAGES,			/* how many pages there are, or the last */
	MP_PAGING_PAGE,				/* which of them it is, from 0 or from 1 */
	MP_PAGING_OFFSET,			/* how many elements come before it */
	MP_PAGING_SIZE,				/* how many elements it can hold */
	MP_PAGING_LIMIT,			/* the same, or a limit of something else */
	MP_PAGING_REST,				/* how many elements are missing */
} MpPagingName;

/* Letters and digits in lower case, as much as there is room for. */
extern void mp_paging_fold(const char *name, size_t length,
						   char folded[MP_PAGING_NAME]);

extern MpPagingName mp_paging_name(const char *folded);

/* The same of a header, which may be about anything else as well. */
extern MpPagingName mp_paging_header(const char *folded);

/* Is a header's value, which begins so, an object or pairs about pages? */
extern bool mp_paging_header_has_object(const char *folded, char first);

/* Is what is called so about pages?  Else only what says next counts in it. */
extern bool mp_paging_is_object(const char *folded);

#endif							/* MP_BASE_PAGING_H */
