/*-------------------------------------------------------------------------
 *
 * canned_case.h
 *		What the tests of answers share: the calls that read, good answers to
 *		them, and bodies under construction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_CANNED_CASE_H
#define MP_CANNED_CASE_H

#include "canned_answer.h"

/* A call that reads, and what a good answer to it is made of. */
typedef struct Read
{
	const char *name;
	Asking		asking;
	const char *before;			/* what stands around an element */
	const char *after;
	const char *members;		/* of an element; its id is 2 */
	const char *id;				/* the id's spelling */
	const char *text;			/* a member that is a text */
	const char *good_text;
	bool		is_list;
	bool		is_bare;		/* one object without an envelope */
	bool		is_me;
} Read;

#define READS	7

extern const Read reads[READS];

/* The call that is tested. */
extern const Read *current;

/* A body under construction; starts as {0}. */
typedef struct Body
{
	char	   *data;			/* terminated */
	size_t		size;
} Body;

extern void body_add_bytes(Body *body, const char *bytes, size_t size);
extern void body_add(Body *body, const char *text);
extern void body_repeat(Body *body, const char *text, size_t times);
extern void body_drop(Body *body);

/* The members with one changed, added at the end, or left out (NULL). */
extern void body_add_element(Body *body, const char *members,
							 const char *name, const char *value);

/* A good answer, with one member of its element changed. */
extern Body body_answer_with(const char *name, const char *value);
extern Body body_good_answer(void);

/*
 * Is the body refused with a detail that the pattern matches?  NULL if so,
 * else what happened instead.  Frees the body.
 */
extern const char *case_refused(Body body, const char *pattern);

/*
 * Does the body give so many records, the last of which shows that (NULL:
 * anything)?  NULL if so, else what happened instead.  Frees the body.
 */
extern const char *case_given(Body body, int64_t count, const char *shown);

#endif							/* MP_CANNED_CASE_H */
