/*-------------------------------------------------------------------------
 *
 * json/pages.c
 *		What an object says of further elements, beside those that came.
 *
 * Owns what the values say under the names that tell of pages
 * (base/paging.h); must not know whether the object is a body or a header.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/pages.h"
#include "json/value.h"
#include "json/walk.h"

#define LENGTH_OF(array)	(sizeof(array) / sizeof((array)[0]))
#define MAX_DEPTH			3	/* of objects that tell of pages */
#define MAX_DIGITS			18

typedef struct Visit
{
	MpPages    *pages;
	int			depth;
	bool		is_about_pages;
} Visit;

/* An element of a list of links. */
typedef struct Link
{
	bool		is_other;		/* to the next or the previous page */
	bool		is_empty;		/* it leads nowhere */
} Link;

static bool note_paging(void *context, const MpJsonString *name,
						const MpJsonValue *value);
static bool is_plain(const char *name);
static bool note_link(MpPages *pages, const MpJsonValue *value);
static bool note_relation(void *context, const MpJsonString *name,
						  const MpJsonValue *value);
static bool note_relation_word(void *context, const MpJsonString *name,
							   const MpJsonValue *value);
static void note_page(MpPages *pages, MpPagingName kind,
					  const MpJsonValue *value);
static void note_page_number(MpPages *pages, MpPagingName kind,
							 int64_t number);
static bool note_total_of(void *context, const MpJsonString *name,
						  const MpJsonValue *value);
static void note_more(MpPages *pages, MpPagingName kind,
					  const MpJsonValue *value);
static int64_t amount_of(const MpJsonValue *value);

void
mp_pages_begin(MpPages *pages)
{
	memset(pages, 0, sizeof(*pages));
	pages->total = -1;
	pages->page_size = -1;
}

bool
mp_pages_note(MpPages *pages, const MpJsonString *name,
			  const MpJsonValue *value)
{
	Visit		visit = {pages, 0, true};

	return note_paging(&visit, name, value);
}

/*
 * A first page of which nothing says that it is the only one may have others
 * behind it, and so may one that is full.  Some give a place to go on from
 * with the last page as well, and say that it is the last.
 */
void
mp_pages_finish(MpPages *pages)
{
	if (pages->has_cursor && !pages->is_last_page)
		pages->says_more = true;
	if (pages->is_first_page && !pages->is_last_page && pages->total < 0)
		pages->says_more = true;
	/* a limit by itself may be one of something else */
	if (pages->is_last_page || pages->has_total || !pages->is_paged)
		pages->page_size = -1;
}

bool
mp_pages_read(const char *text, size_t length, MpPages *pages)
{
	MpJsonCursor cursor;
	MpJsonMember *members = mp_walk_members(length);
	MpJsonString name;
	MpJsonValue value;
	bool		fine;

	mp_pages_begin(pages);
	if (members == NULL)
		return false;
	mp_json_cursor_open(&cursor, text, length, MP_JSON_DEPTH_LIMIT, members);
	fine = mp_json_cursor_enter(&cursor);
	while (fine && mp_json_cursor_member(&cursor, &name) &&
		   mp_json_cursor_value(&cursor, &value))
		fine = mp_pages_note(pages, &name, &value);
	fine = fine && mp_json_cursor_finish(&cursor);
	free(members);
	mp_pages_finish(pages);
	return fine;
}

bool
mp_pages_is_part(const MpPages *pages, int64_t count)
{
	return pages->total > count ||
		(pages->page_size > 0 && count >= pages->page_size);
}

/* Also for the elements of a list of links, which have no name. */
static bool
note_paging(void *context, const MpJsonString *name,
			const MpJsonValue *value)
{
	Visit	   *visit = context;
	Visit		inner = {visit->pages, visit->depth + 1, false};
	MpPages    *pages = visit->pages;
	char		folded[MP_PAGING_NAME];
	MpPagingName kind;

	if (name == NULL)
	{
		inner.is_about_pages = true;
		return note_link(pages, value) &&
			(value->kind != MP_JSON_OBJECT || inner.depth > MAX_DEPTH ||
			 mp_walk(value, note_paging, &inner));
	}
	mp_walk_fold(name, folded);
	kind = mp_paging_name(folded);
	if (visit->is_about_pages || (kind == MP_PAGING_MORE && is_plain(folded)))
		note_page(pages, kind, value);
	if (inner.depth > MAX_DEPTH ||
		(value->kind != MP_JSON_OBJECT && value->kind != MP_JSON_ARRAY) ||
		strcmp(folded, "results") == 0 || strcmp(folded, "projects") == 0)
		return true;
	if (kind == MP_PAGING_TOTAL || kind == MP_PAGING_COUNT)
		return mp_walk(value, note_total_of, pages);
	inner.is_about_pages = visit->is_about_pages &&
		mp_paging_is_object(folded);
	if (value->kind == MP_JSON_ARRAY && !inner.is_about_pages)
		return true;
	return mp_walk(value, note_paging, &inner);
}

/* Says next or more, and nothing else: in whatever object. */
static bool
is_plain(const char *name)
{
	static const char *const names[] = {
		"next", "nextpage", "nexturl", "nextlink", "nextcursor", "nexttoken",
		"nextpagetoken", "nextpageurl", "hasnext", "hasnextpage", "hasmore",
		"truncated", "istruncated", "incompleteresults",
	};

	return mp_value_is_any_of(name, names, LENGTH_OF(names));
}

/* {"rel": "next", "href": …}; what has a previous page is a part as well. */
static bool
note_link(MpPages *pages, const MpJsonValue *value)
{
	Link		link = {false, false};

	if (value->kind != MP_JSON_OBJECT)
		return true;
	if (!mp_walk(value, note_relation, &link))
		return false;
	pages->says_more |= link.is_other && !link.is_empty;
	return true;
}

static bool
note_relation(void *context, const MpJsonString *name,
			  const MpJsonValue *value)
{
	Link	   *link = context;
	char		folded[MP_PAGING_NAME];

	mp_walk_fold(name, folded);
	if (strcmp(folded, "href") == 0 || strcmp(folded, "url") == 0 ||
		strcmp(folded, "uri") == 0)
		link->is_empty = !mp_value_is_something(value);
	else if (strcmp(folded, "rel") == 0 || strcmp(folded, "relation") == 0)
		return note_relation_word(link, NULL, value);
	return true;
}

/* One relation, or an array of them. */
static bool
note_relation_word(void *context, const MpJsonString *name,
				   const MpJsonValue *value)
{
	static const char *const others[] = {"next", "prev", "previous"};
	Link	   *link = context;
	char		folded[MP_PAGING_NAME];

	(void) name;
	if (value->kind != MP_JSON_STRING)
		return value->kind != MP_JSON_ARRAY ||
			mp_walk(value, note_relation_word, link);
	mp_walk_fold(&value->text, folded);
	link->is_other |= mp_value_is_any_of(folded, others, LENGTH_OF(others));
	return true;
}

/* What a value says under a name about pages. */
static void
note_page(MpPages *pages, MpPagingName kind, const MpJsonValue *value)
{
	int64_t		number = amount_of(value);

	switch (kind)
	{
		case MP_PAGING_NOTHING:
			break;
		case MP_PAGING_MORE:
		case MP_PAGING_MISSING:
		case MP_PAGING_CURSOR:
		case MP_PAGING_END:
		case MP_PAGING_BEFORE:
		case MP_PAGING_BEGIN:
			note_more(pages, kind, value);
			break;
		case MP_PAGING_TOTAL:
		case MP_PAGING_COUNT:
			pages->has_total |= kind == MP_PAGING_TOTAL && number >= 0;
			if (number > pages->total)
				pages->total = number;
			break;
		case MP_PAGING_PAGES:
		case MP_PAGING_PAGE:
		case MP_PAGING_OFFSET:
		case MP_PAGING_SIZE:
		case MP_PAGING_LIMIT:
		case MP_PAGING_REST:
			note_page_number(pages, kind, number);
			/* "last_page" */
			pages->says_more |= kind == MP_PAGING_PAGES &&
				value->kind == MP_JSON_FALSE;
			break;
	}
}

/*
 * "page": 2 is not the first, which may be 0 or 1; an "offset" is where a part
 * begins.
 */
static void
note_page_number(MpPages *pages, MpPagingName kind, int64_t number)
{
	if (number < 0)
		return;
	pages->is_paged |= kind != MP_PAGING_REST && kind != MP_PAGING_LIMIT;
	if (kind == MP_PAGING_SIZE || kind == MP_PAGING_LIMIT)
	{
		pages->page_size = number > 0 ? number : -1;
		return;
	}
	if (kind == MP_PAGING_PAGES)
		pages->is_last_page |= number == 1;
	pages->is_first_page |= kind == MP_PAGING_PAGE && number == 1;
	pages->says_more |= number >
		(kind == MP_PAGING_PAGE || kind == MP_PAGING_PAGES ? 1 : 0);
}

/* {"value": 250, "relation": "eq"} */
static bool
note_total_of(void *context, const MpJsonString *name,
			  const MpJsonValue *value)
{
	char		folded[MP_PAGING_NAME];
	MpPagingName kind;

	if (name == NULL)
		return true;
	mp_walk_fold(name, folded);
	kind = strcmp(folded, "value") == 0 ? MP_PAGING_TOTAL :
		mp_paging_name(folded);
	if (kind == MP_PAGING_TOTAL || kind == MP_PAGING_COUNT)
		note_page(context, kind, value);
	return true;
}

/*
 * A name that says next, more, or that something is missing, and a value that
 * does not deny it; or one that says that this is the end, and is false.
 */
static void
note_more(MpPages *pages, MpPagingName kind, const MpJsonValue *value)
{
	bool		says_no = !mp_value_is_something(value) ||
		mp_value_is_false(value) ||
		(value->kind == MP_JSON_NUMBER && *value->text.data == '-');

	if (kind == MP_PAGING_CURSOR)
		pages->has_cursor |= value->kind == MP_JSON_STRING && !says_no;
	else if (kind == MP_PAGING_BEFORE || kind == MP_PAGING_MISSING)
		pages->says_more |= !says_no;
	else if (kind == MP_PAGING_BEGIN)
		pages->says_more |= value->kind == MP_JSON_FALSE;
	else if (kind == MP_PAGING_MORE)
	{
		pages->says_more |= !says_no;
		pages->is_last_page |= says_no;
	}
	else if (value->kind == MP_JSON_FALSE ||
			 (value->kind == MP_JSON_STRING && mp_value_is_false(value)))
		pages->says_more = true;
	else if (value->kind == MP_JSON_TRUE)
		pages->is_last_page = true;
}

/*
 * A number of elements or pages, however it is written; else -1: 250.0,
 * "1,250", "250+".  A fraction counts as one more.
 */
static int64_t
amount_of(const MpJsonValue *value)
{
	const char *text = value->text.data;
	const char *end = text + value->text.length;
	char		plain[MAX_DIGITS + 8];
	size_t		used = 0;
	double		amount;

	if (value->kind != MP_JSON_NUMBER && value->kind != MP_JSON_STRING)
		return -1;
	for (; text < end && used < sizeof(plain) - 1; text++)
	{
		bool		digit = *text >= '0' && *text <= '9';

		if (digit || (used > 0 && strchr(".eE+-", *text) != NULL) ||
			*text == '-')
			plain[used++] = *text;
		else if (strchr(" ,_'<>=~", *text) == NULL)
			break;
	}
	plain[used] = '\0';
	if (used == 0 || plain[0] == '-')
		return -1;
	amount = strtod(plain, NULL);
	if (!(amount < 1e18))
		return INT64_MAX;
	return (int64_t) amount + ((double) (int64_t) amount < amount);
}
