/*-------------------------------------------------------------------------
 *
 * list.c
 *	  Lists: whole, or page by page.
 *
 * Owns what encloses the rows of a list, and every way in which an answer
 * says that there are more.  Must not know what a row shows.
 *
 *-------------------------------------------------------------------------
 */
#include "list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "world.h"

/* Rows of a list that one answer shows. */
typedef struct Page
{
	int64_t		number;			/* from 0 */
	int64_t		size;			/* rows of a full page */
	int64_t		total;			/* rows of the list */
	int64_t		first;			/* place of its first row in the list */
	int64_t		end;			/* place after its last one */
	char		next[512];		/* the URL of the next; "" = there is none */
} Page;

/* An empty row at the end of the list. */
static SimRow *
add_row(SimList *list)
{
	if (list->size == list->capacity)
	{
		list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
		list->rows = sim_memory_resize(list->rows,
									   list->capacity * sizeof(SimRow));
	}
	memset(&list->rows[list->size], 0, sizeof(SimRow));
	return &list->rows[list->size++];
}

void
sim_list_add_account(SimList *list, const SimAccount *account)
{
	add_row(list)->account = account;
}

void
sim_list_add_project(SimList *list, const SimProject *project)
{
	add_row(list)->project = project;
}

void
sim_list_add_grants(SimList *list, const SimAccount *account,
					const SimMembership *membership)
{
	for (int grant = 0; grant < SIM_GRANTS; grant++)
	{
		SimRow	   *row;

		if (membership->roles[grant] == NULL)
			continue;
		row = add_row(list);
		row->account = account;
		row->membership = membership;
		row->grant = (SimGrant) grant;
	}
}

/* Reads page and page_size, each a number or not there; else false. */
static bool
read_query(const char *query, int64_t *page, int64_t *size)
{
	*page = 0;
	*size = 0;
	while (*query != '\0')
	{
		int64_t    *place = strncmp(query, "page=", 5) == 0 ? page :
			strncmp(query, "page_size=", 10) == 0 ? size : NULL;
		char	   *end;

		if (place == NULL)
			return false;
		query = strchr(query, '=') + 1;
		*place = strtoll(query, &end, 10);
		if (end == query || *place < 0 || *place > INT64_C(1) << 40)
			return false;
		query = *end == '&' ? end + 1 : end;
	}
	return true;
}

bool
sim_list_knows_query(const SimCall *call)
{
	int64_t		page;
	int64_t		size;

	return call->world->config.page_size > 0 &&
		strcmp(call->method, "GET") == 0 &&
		read_query(call->query, &page, &size);
}

static void
choose_page(Page *page, const SimCall *call, int64_t total)
{
	int64_t		limit = call->world->config.page_size;

	memset(page, 0, sizeof(*page));
	page->total = total;
	page->size = limit;
	page->end = total;
	if (limit == 0)
		return;
	read_query(call->query, &page->number, &page->size);
	if (page->size == 0 || page->size > limit)
		page->size = limit;
	page->first = page->number * page->size;
	if (page->first > total)
		page->first = total;
	if (page->end > page->first + page->size)
		page->end = page->first + page->size;
	if (page->end < total)
		snprintf(page->next, sizeof(page->next),
				 "/api/app%s?page=%lld&page_size=%lld", call->path,
				 (long long) page->number + 1, (long long) page->size);
}

/* The members that say how much of the list this is. */
static void
write_paging(SimText *text, const SimConfig *config, const Page *page)
{
	const char *next = page->next[0] == '\0' ? NULL : page->next;
	long long	total = page->total;

	switch ((SimPaging) config->paging)
	{
		case SIM_PAGING_TOTAL:
			sim_text_printf(text, ",\"page\":%lld,\"page_size\":%lld,"
							"\"total\":%lld", (long long) page->number,
							(long long) page->size, total);
			return;
		case SIM_PAGING_COUNT:
			sim_text_printf(text, ",\"total_count\":%lld", total);
			return;
		case SIM_PAGING_META:
			sim_text_printf(text, ",\"meta\":{\"total\":%lld,\"page\":%lld}",
							total, (long long) page->number);
			return;
		case SIM_PAGING_PAGINATION:
			sim_text_printf(text, ",\"pagination\":{\"total\":%lld,"
							"\"next\":", total);
			break;
		case SIM_PAGING_LINKS:
			sim_text_puts(text, ",\"links\":{\"next\":");
			break;
		case SIM_PAGING_NEXT:
			sim_text_puts(text, ",\"next\":");
			sim_text_quote(text, next);
			return;
		case SIM_PAGING_FLAG:
			sim_text_printf(text, ",\"has_more\":%s",
							next == NULL ? "false" : "true");
			return;
		case SIM_PAGING_LINK_HEADER:
		case SIM_PAGING_NEXT_HEADER:
		case SIM_PAGING_COUNT_HEADER:
		case SIM_PAGING_RANGE_HEADER:
			return;
	}
	sim_text_quote(text, next);
	sim_text_puts(text, "}");
}

static void
add_range(SimAnswer *answer, const Page *page)
{
	char		range[128];

	if (page->first == page->end)
		snprintf(range, sizeof(range), "items */%lld",
				 (long long) page->total);
	else
		snprintf(range, sizeof(range), "items %lld-%lld/%lld",
				 (long long) page->first, (long long) page->end - 1,
				 (long long) page->total);
	sim_answer_header(answer, "Content-Range", range);
}

static void
add_headers(SimAnswer *answer, const SimConfig *config, const Page *page)
{
	char		value[600];

	if (config->paging == SIM_PAGING_RANGE_HEADER)
		add_range(answer, page);
	else if (config->paging == SIM_PAGING_COUNT_HEADER)
	{
		snprintf(value, sizeof(value), "%lld", (long long) page->total);
		sim_answer_header(answer, "X-Total-Count", value);
	}
	else if (page->next[0] == '\0')
		return;
	else if (config->paging == SIM_PAGING_LINK_HEADER)
	{
		snprintf(value, sizeof(value), "<%s>; rel=\"next\"", page->next);
		sim_answer_header(answer, "Link", value);
	}
	else if (config->paging == SIM_PAGING_NEXT_HEADER)
	{
		snprintf(value, sizeof(value), "%lld", (long long) page->number + 1);
		sim_answer_header(answer, "X-Next-Page", value);
	}
}

void
sim_list_answer(SimCall *call, SimAnswer *answer, SimList *list,
				SimRowWriter write)
{
	const SimConfig *config = &call->world->config;
	SimText		text = {0};
	Page		page;

	choose_page(&page, call, (int64_t) list->size);
	sim_text_puts(&text, config->document == SIM_DOCUMENT_NESTED ?
				  "{\"results\":[" : "{\"status\":\"ok\",\"results\":[");
	for (int64_t i = page.first; i < page.end; i++)
		write(&text, &list->rows[i], config);
	sim_text_puts(&text, "]");
	if (config->page_size > 0)
		write_paging(&text, config, &page);
	sim_text_puts(&text, "}");
	sim_answer_json(answer, 200, &text);
	if (config->page_size > 0)
		add_headers(answer, config, &page);
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
