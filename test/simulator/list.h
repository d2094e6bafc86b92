/*-------------------------------------------------------------------------
 *
 * list.h
 *	  Lists: whole, or page by page.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_LIST_H
#define SIM_LIST_H

#include "answer.h"
#include "call.h"

/* What one element of a list shows; NULL where it shows nothing of that. */
typedef struct SimRow
{
	const SimAccount *account;
	const SimMembership *membership;
	const SimProject *project;
	SimGrant	grant;			/* of the membership */
} SimRow;

/* Starts as {0}. */
typedef struct SimList
{
	SimRow	   *rows;
	size_t		size;
	size_t		capacity;
} SimList;

typedef void (*SimRowWriter) (SimText *text, const SimRow *row,
							  const SimConfig *config);

extern void sim_list_add_account(SimList *list, const SimAccount *account);
extern void sim_list_add_project(SimList *list, const SimProject *project);

/* Adds a row for each grant of the membership. */
extern void sim_list_add_grants(SimList *list, const SimAccount *account,
								const SimMembership *membership);

/* Answers with the rows, or the page of them that was asked for; frees it. */
extern void sim_list_answer(SimCall *call, SimAnswer *answer, SimList *list,
							SimRowWriter write);

/* Is the query one of a page, and do lists have pages? */
extern bool sim_list_knows_query(const SimCall *call);

#endif							/* SIM_LIST_H */
