/*-------------------------------------------------------------------------
 *
 * journal.h
 *	  Which requests came, in order, and how many.
 *
 * Only requests of the API are noted, not those of the control path.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_JOURNAL_H
#define SIM_JOURNAL_H

#include "call.h"

/* Held by the journal until it is cleared and by the request while it runs. */
typedef struct SimEntry
{
	unsigned	holders;
	int64_t		number;			/* from 1, in order of arrival */
	char	   *method;
	char	   *path;
	char	   *query;
	json_t	   *body;			/* secrets masked; NULL if there was none */
	unsigned	status;			/* 0 = no answer (yet) */
	char	   *user;			/* who asked; NULL if not authenticated */
	char	   *error;			/* what the simulator objected to, or NULL */
	int64_t		started;		/* microseconds, monotonic */
	int64_t		ended;			/* 0 = not yet */
} SimEntry;

typedef struct SimJournal
{
	SimEntry  **entries;
	size_t		size;
	size_t		capacity;
	json_t	   *by_call;		/* "METHOD /route": number of requests */
	int64_t		requests;
	int64_t		in_flight;
	int64_t		max_concurrent;
	int64_t		connections;
	unsigned	generation;		/* grows when the counts are cleared */
	int64_t		origin;			/* when the simulator started */
} SimJournal;

extern void sim_journal_start(SimJournal *journal);

/*
 * Notes a request as it arrives.  `label` is its route, NULL if it has none.
 * `seen`, which belongs to the connection and starts as 0, tells whether the
 * connection has been counted already.
 */
extern SimEntry *sim_journal_begin(SimJournal *journal, const SimCall *call,
								   const char *label, unsigned *seen);

/* Sets the body, with every secret in it masked. */
extern void sim_journal_body(SimEntry *entry, const json_t *body);

/* Notes that the request is over, and lets its entry go. */
extern void sim_journal_end(SimJournal *journal, SimEntry *entry);

/* Forgets all entries and counts; requests in flight stay in flight. */
extern void sim_journal_clear(SimJournal *journal);

extern void sim_journal_write(const SimJournal *journal, SimText *text);
extern void sim_journal_write_counts(const SimJournal *journal,
									 SimText *text);

/* Frees everything. */
extern void sim_journal_stop(SimJournal *journal);

#endif							/* SIM_JOURNAL_H */
