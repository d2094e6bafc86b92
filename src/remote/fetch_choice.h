/*-------------------------------------------------------------------------
 *
 * remote/fetch_choice.h
 *		Memberships by account or by project: the lists tell which.
 *
 * While a fetch's way is MP_WAY_CHOICE nothing is read but the list of
 * projects and, where it is wanted too, that of accounts (fetch->list).
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_FETCH_CHOICE_H
#define MP_REMOTE_FETCH_CHOICE_H

#include "remote/fetch_state.h"

/* Ask for the list of projects.  The caller asks for that of accounts. */
extern void mp_fetch_choice_begin(MpFetch *fetch);

/*
 * Take what has come of the list of projects.  Raises what ends the read; a
 * list that cannot be had ends only the choice.
 */
extern void mp_fetch_choice_read(MpFetch *fetch);

/* Which way it is by now; MP_WAY_CHOICE: not known yet. */
extern MpWay mp_fetch_choice_made(const MpFetch *fetch);

/* Only the number of accounts is missing: they are to be read on, however
 * many there are already. */
extern bool mp_fetch_choice_counts(const MpFetch *fetch);

/* The read begins anew: nothing is left to choose from. */
extern void mp_fetch_choice_end(MpFetch *fetch);

/* It is by project: these are the parents. */
extern void mp_fetch_choose_projects(MpFetch *fetch);

/* It is by account. */
extern void mp_fetch_choose_accounts(MpFetch *fetch);

/* By project: read on in the list of accounts, of which nothing is wanted but
 * how many they are.  True: it is over, or nobody waits for its end. */
extern bool mp_fetch_choice_read_rest(MpFetch *fetch);

/*
 * Is this a refusal that concerns reading by project, so that it is left for
 * the other way?
 */
extern bool mp_fetch_is_left_for(const MpCall *call);

/* Those who may not read all by project are not made to try again. */
extern void mp_fetch_note_refused(const MpFetch *fetch);

#endif							/* MP_REMOTE_FETCH_CHOICE_H */
