/*-------------------------------------------------------------------------
 *
 * remote/fetch_route.h
 *		Which way memberships are read, and what a 404, 405 or 410 means for a
 *		read.
 *
 * Functions that are told of an answer return what the read does next.  They
 * raise where the answer ends it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_FETCH_ROUTE_H
#define MP_REMOTE_FETCH_ROUTE_H

#include "remote/fetch_state.h"

typedef enum MpVerdict
{
	MP_VERDICT_GO_ON,			/* with what is under way, if anything is */
	MP_VERDICT_ROW,				/* fetch->record is one */
	MP_VERDICT_OTHER_WAY,		/* memberships: begin anew, the other way */
	MP_VERDICT_TRUST,			/* begin anew, without any request */
} MpVerdict;

/* The call of a slot that reads has ended well; has failed. */
extern void mp_fetch_child_done(MpFetch *fetch, MpSlot *slot);
extern void mp_fetch_replay_done(MpFetch *fetch, MpSlot *slot);
extern MpVerdict mp_fetch_child_failed(MpFetch *fetch, MpSlot *slot);

/* The call of a slot that asks has changed state. */
extern MpVerdict mp_fetch_child_asked(MpFetch *fetch, MpSlot *slot,
									  MpCallState state);

/* The list of parents has ended well; has failed, which may begin another. */
extern void mp_fetch_parents_done(MpFetch *fetch);
extern MpVerdict mp_fetch_parents_failed(MpFetch *fetch);

/*
 * All calls have ended: is what was answered 404 gone?  Where that is not
 * known, fetch->judge is begun.
 */
extern void mp_fetch_conclude(MpFetch *fetch);

/* The same of projects that no list has named, before the above. */
extern MpVerdict mp_fetch_conclude_projects(MpFetch *fetch);

/* fetch->judge has changed state. */
extern MpVerdict mp_fetch_judged(MpFetch *fetch, MpCallState state);

/* The read begins anew. */
extern void mp_fetch_forget_doubts(MpFetch *fetch);

#endif							/* MP_REMOTE_FETCH_ROUTE_H */
