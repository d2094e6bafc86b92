/*-------------------------------------------------------------------------
 *
 * json/pages.h
 *		What an object says of further elements, beside those that came.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_JSON_PAGES_H
#define MP_JSON_PAGES_H

#include "json/cursor.h"

typedef struct MpPages
{
	bool		says_more;		/* there are further elements */
	int64_t		total;			/* how many elements there are in all; -1: it
								 * does not say */
	int64_t		page_size;		/* as many elements fill a page that nothing
								 * says is the last; -1: there is none */
	bool		has_total;		/* a total that counts all elements */
	/* pages.c's own */
	bool		has_cursor;		/* where to go on */
	bool		is_first_page;	/* "page": 1 */
	bool		is_paged;		/* a page or an offset is named */
	bool		is_last_page;	/* "pages": 1, "next": null, "has_more": false */
} MpPages;

extern void mp_pages_begin(MpPages *pages);

/* One member of the object.  False if there is no memory. */
extern bool mp_pages_note(MpPages *pages, const MpJsonString *name,
						  const MpJsonValue *value);

/* After the last member: judge. */
extern void mp_pages_finish(MpPages *pages);

/* All of an object, from the beginning to the judgement.  False if it is none,
 * no valid JSON, or there is no memory. */
extern bool mp_pages_read(const char *text, size_t length, MpPages *pages);

/* Of so many elements: is there a total above, or is the page full? */
extern bool mp_pages_is_part(const MpPages *pages, int64_t count);

#endif							/* MP_JSON_PAGES_H */
