/*-------------------------------------------------------------------------
 *
 * http/list.c
 *		Requests in order, linked through themselves.
 *
 * Nothing is allocated, so nothing can fail.  Must not know what a list means.
 *
 *-------------------------------------------------------------------------
 */
#include "http/http_state.h"

void
mp_http_list_append(MpHttpList *list, MpRequest *request)
{
	assert(request->list == NULL);
	assert((list->first == NULL) == (list->last == NULL));
	request->list = list;
	request->next = NULL;
	request->previous = list->last;
	if (list->last != NULL)
		list->last->next = request;
	else
		list->first = request;
	list->last = request;
}

void
mp_http_list_insert(MpHttpList *list, MpRequest *request)
{
	MpRequest  *after = list->first;

	assert(request->list == NULL);
	if (list->last == NULL || list->last->birth < request->birth)
	{
		mp_http_list_append(list, request);
		return;
	}
	while (after->birth < request->birth)
		after = after->next;
	request->list = list;
	request->next = after;
	request->previous = after->previous;
	after->previous = request;
	if (request->previous != NULL)
		request->previous->next = request;
	else
		list->first = request;
}

void
mp_http_list_remove(MpRequest *request)
{
	MpHttpList *list = request->list;

	assert(list != NULL);
	assert((request->previous == NULL) == (list->first == request));
	assert((request->next == NULL) == (list->last == request));
	if (request->previous != NULL)
		request->previous->next = request->next;
	else
		list->first = request->next;
	if (request->next != NULL)
		request->next->previous = request->previous;
	else
		list->last = request->previous;
	request->list = NULL;
	request->previous = request->next = NULL;
}
