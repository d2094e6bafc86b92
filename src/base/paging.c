/*-------------------------------------------------------------------------
 *
 * base/paging.c
 *		What a name says of pages, in a body or in a header.
 *
 * Names are taken apart into words, so that what nobody has thought of is
 * understood as well: "total_count", "numResults", "totalServiceAccounts".
 * Must not know what their values are.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "base/paging.h"

#define LENGTH_OF(array)	(sizeof(array) / sizeof((array)[0]))

/* What stands in front of a name that is about a list. */
static const char *const prefixes[] = {
	"pagination", "paging", "page", "list", "collection", "results",
	"response", "odata", "meta", "cursor", "hydra", "opensearch",
};

/* Makers whose names stand in front of those of their headers. */
static const char *const makers[] = {"wp", "ms"};

/*
 * Words of a number of elements.  Of two that begin alike, the longer goes
 * first.
 */
static const char *const total_words[] = {"total", "overall", "grand"};
static const char *const count_words[] = {
	"count", "number", "num", "nb", "found", "filtered", "size",
};
static const char *const element_words[] = {
	"results", "result", "items", "item", "records", "record", "elements",
	"element", "entries", "entry", "rows", "row", "hits", "objects", "object",
	"matches", "matching", "available", "service", "accounts",
	"account", "of", "in", "all", "the", "resources", "resource",
	"documents", "list", "full", "set",
};

/* The same, but a mere count of them may be that of something else. */
static const char *const other_words[] = {
	"memberships", "members", "member", "projects",
};

/* Names that say what they say as a whole. */
typedef struct PagingRule
{
	const char *name;
	MpPagingName kind;
} PagingRule;

static const PagingRule rules[] = {
	{"more", MP_PAGING_MORE},
	{"moreresults", MP_PAGING_MORE},
	{"moreresultsavailable", MP_PAGING_MORE},
	{"moreavailable", MP_PAGING_MORE},
	{"moreitems", MP_PAGING_MORE},
	{"morerecords", MP_PAGING_MORE},
	{"morepages", MP_PAGING_MORE},
	{"moredata", MP_PAGING_MORE},
	{"morerows", MP_PAGING_MORE},
	{"moreentries", MP_PAGING_MORE},
	{"morecount", MP_PAGING_MORE},
	{"moretocome", MP_PAGING_MORE},
	{"moretofollow", MP_PAGING_MORE},
	{"lastevaluatedkey", MP_PAGING_MORE},
	{"limitreached", MP_PAGING_MISSING},
	{"limitexceeded", MP_PAGING_MISSING},
	{"exceededtransferlimit", MP_PAGING_MISSING},
	{"capped", MP_PAGING_MISSING},
	{"iscapped", MP_PAGING_MISSING},
	{"timedout", MP_PAGING_MISSING},
	{"unreachable", MP_PAGING_MISSING},
	{"cursor", MP_PAGING_CURSOR},
	{"paging", MP_PAGING_CURSOR},
	{"pagination", MP_PAGING_CURSOR},
	{"continue", MP_PAGING_CURSOR},
	{"scrollid", MP_PAGING_CURSOR},
	{"pagetoken", MP_PAGING_CURSOR},
	{"resumetoken", MP_PAGING_CURSOR},
	{"lastkey", MP_PAGING_CURSOR},
	{"after", MP_PAGING_CURSOR},
	{"searchafter", MP_PAGING_CURSOR},
	{"marker", MP_PAGING_CURSOR},
	{"bookmark", MP_PAGING_CURSOR},
	{"prev", MP_PAGING_BEFORE},
	{"previous", MP_PAGING_BEFORE},
	{"prevpage", MP_PAGING_BEFORE},
	{"previouspage", MP_PAGING_BEFORE},
	{"prevurl", MP_PAGING_BEFORE},
	{"previousurl", MP_PAGING_BEFORE},
	{"prevlink", MP_PAGING_BEFORE},
	{"previouslink", MP_PAGING_BEFORE},
	{"prevcursor", MP_PAGING_BEFORE},
	{"previouscursor", MP_PAGING_BEFORE},
	{"prevtoken", MP_PAGING_BEFORE},
	{"previoustoken", MP_PAGING_BEFORE},
	{"hasprev", MP_PAGING_BEFORE},
	{"hasprevious", MP_PAGING_BEFORE},
	{"hasprevpage", MP_PAGING_BEFORE},
	{"haspreviouspage", MP_PAGING_BEFORE},
	{"first", MP_PAGING_BEGIN},
	{"isfirst", MP_PAGING_BEGIN},
	{"isfirstpage", MP_PAGING_BEGIN},
	{"last", MP_PAGING_END},
	{"islast", MP_PAGING_END},
	{"islastpage", MP_PAGING_END},
	{"isfinal", MP_PAGING_END},
	{"complete", MP_PAGING_END},
	{"iscomplete", MP_PAGING_END},
	{"completed", MP_PAGING_END},
	{"done", MP_PAGING_END},
	{"finished", MP_PAGING_END},
	{"isfinished", MP_PAGING_END},
	{"exhausted", MP_PAGING_END},
	{"isexhausted", MP_PAGING_END},
	{"endoflist", MP_PAGING_END},
	{"endofresults", MP_PAGING_END},
	{"isend", MP_PAGING_END},
	{"iswhole", MP_PAGING_END},
	{"eof", MP_PAGING_END},
	{"totalpages", MP_PAGING_PAGES},
	{"pagecount", MP_PAGING_PAGES},
	{"numpages", MP_PAGING_PAGES},
	{"nbpages", MP_PAGING_PAGES},
	{"numberofpages", MP_PAGING_PAGES},
	{"pages", MP_PAGING_PAGES},
	{"pagescount", MP_PAGING_PAGES},
	{"pagestotal", MP_PAGING_PAGES},
	{"totalpagecount", MP_PAGING_PAGES},
	{"lastpage", MP_PAGING_PAGES},
	{"lastpagenumber", MP_PAGING_PAGES},
	{"maxpage", MP_PAGING_PAGES},
	{"pagetotal", MP_PAGING_PAGES},
	{"page", MP_PAGING_PAGE},
	{"currentpage", MP_PAGING_PAGE},
	{"pagenumber", MP_PAGING_PAGE},
	{"pageno", MP_PAGING_PAGE},
	{"pagenum", MP_PAGING_PAGE},
	{"pageindex", MP_PAGING_PAGE},
	{"number", MP_PAGING_PAGE},
	{"startindex", MP_PAGING_PAGE},
	{"offset", MP_PAGING_OFFSET},
	{"skip", MP_PAGING_OFFSET},
	{"startat", MP_PAGING_OFFSET},
	{"pagesize", MP_PAGING_SIZE},
	{"perpage", MP_PAGING_SIZE},
	{"limit", MP_PAGING_LIMIT},
	{"pagelimit", MP_PAGING_SIZE},
	{"itemsperpage", MP_PAGING_SIZE},
	{"resultsperpage", MP_PAGING_SIZE},
	{"maxresults", MP_PAGING_LIMIT},
	{"remainingitemcount", MP_PAGING_REST},
	{"remainingitems", MP_PAGING_REST},
	{"remainingcount", MP_PAGING_REST},
	{"remainingresults", MP_PAGING_REST},
	{"remainingpages", MP_PAGING_REST},
	{"remaining", MP_PAGING_REST},
	{"omitted", MP_PAGING_REST},
	{"omittedcount", MP_PAGING_REST},
	{"skippedcount", MP_PAGING_REST},
};

/* Parts of a name that say that more is to come, or that something is
 * missing. */
static const char *const more_parts[] = {
	"next", "hasmore", "hasadditional", "truncated", "partial", "incomplete",
	"continuation",
};

/* Parts of the name of an object that is about pages. */
static const char *const object_parts[] = {
	"page", "paging", "pagination", "paginator", "meta", "link", "cursor",
	"result", "response", "list", "collection", "navigation", "info", "count",
	"total", "summary", "search", "set", "stats", "range", "hydra",
};

static bool contains_any(const char *name, const char *const *parts,
						 size_t count);
static bool skip_any(const char **name, const char *const *words,
					 size_t count);
static MpPagingName number_name(const char *name);

void
mp_paging_fold(const char *name, size_t length, char folded[MP_PAGING_NAME])
{
	size_t		used = 0;

	for (size_t i = 0; i < length && used < MP_PAGING_NAME - 1; i++)
	{
		char		byte = name[i];

		if (byte >= 'A' && byte <= 'Z')
			byte = (char) (byte - 'A' + 'a');
		if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9'))
			folded[used++] = byte;
	}
	folded[used] = '\0';
}

MpPagingName
mp_paging_name(const char *folded)
{
	for (size_t i = 0; i < LENGTH_OF(rules); i++)
		if (*folded == *rules[i].name && strcmp(folded, rules[i].name) == 0)
			return rules[i].kind;
	if (contains_any(folded, more_parts, LENGTH_OF(more_parts)))
		return MP_PAGING_MORE;
	if (skip_any(&folded, prefixes, LENGTH_OF(prefixes)) && *folded != '\0' &&
		strncmp(folded, "size", 4) != 0)
		return mp_paging_name(folded);
	return number_name(folded);
}

/*
 * "X-" and what is about lists in front of it; then it must begin with what it
 * says.  The headers of Next.js are about something else.
 */
MpPagingName
mp_paging_header(const char *folded)
{
	MpPagingName kind;

	if (*folded == 'x')
		folded++;
	(void) skip_any(&folded, makers, LENGTH_OF(makers));
	kind = mp_paging_name(folded);
	/* what remains may be requests; a number, anything */
	if (strcmp(folded, "number") == 0 || strcmp(folded, "remaining") == 0 ||
		strcmp(folded, "remainingcount") == 0)
		return MP_PAGING_NOTHING;
	if (kind != MP_PAGING_MORE)
		return kind;
	while (skip_any(&folded, prefixes, LENGTH_OF(prefixes)))
		continue;
	if (strncmp(folded, "has", 3) == 0)
		folded += 3;
	else if (strncmp(folded, "is", 2) == 0)
		folded += 2;
	if (strncmp(folded, "nextjs", 6) == 0)
		return MP_PAGING_NOTHING;
	if (strncmp(folded, "more", 4) == 0)
		return kind;
	for (size_t i = 0; i < LENGTH_OF(more_parts); i++)
		if (strncmp(folded, more_parts[i], strlen(more_parts[i])) == 0)
			return kind;
	return MP_PAGING_NOTHING;
}

/*
 * "X-Pagination: {", "Paging-Headers: {", but also "X-Pagination: page=1".
 * Others have objects about reports and usage.
 */
bool
mp_paging_header_has_object(const char *folded, char first)
{
	bool		is_pagination = strstr(folded, "pagination") != NULL ||
		strstr(folded, "paging") != NULL;

	if (*folded == 'x')
		folded++;
	if (first == '{')
		return is_pagination ||
			skip_any(&folded, prefixes, LENGTH_OF(prefixes));
	return strcmp(folded, "pagination") == 0 || strcmp(folded, "paging") == 0;
}

bool
mp_paging_is_object(const char *folded)
{
	return contains_any(folded, object_parts, LENGTH_OF(object_parts));
}

static bool
contains_any(const char *name, const char *const *parts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strstr(name, parts[i]) != NULL)
			return true;
	return false;
}

static bool
skip_any(const char **name, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		size_t		length;

		if (**name != *words[i])
			continue;
		length = strlen(words[i]);
		if (strncmp(*name, words[i], length) == 0)
		{
			*name += length;
			return true;
		}
	}
	return false;
}

/* Made of nothing but words of a number of elements: "total_results",
 * "count". */
static MpPagingName
number_name(const char *name)
{
	bool		total = false;
	bool		count = false;
	bool		other = false;
	bool		whole = strstr(name, "all") != NULL;

	if (strcmp(name, "size") == 0)
		return MP_PAGING_NOTHING;
	while (*name != '\0')
	{
		if (skip_any(&name, total_words, LENGTH_OF(total_words)))
			total = true;
		else if (skip_any(&name, count_words, LENGTH_OF(count_words)))
			count = true;
		else if (skip_any(&name, other_words, LENGTH_OF(other_words)))
			other = true;
		else if (!skip_any(&name, element_words, LENGTH_OF(element_words)))
			return MP_PAGING_NOTHING;
	}
	if (total || (count && whole))
		return MP_PAGING_TOTAL;
	return count && !other ? MP_PAGING_COUNT : MP_PAGING_NOTHING;
}
