/*-------------------------------------------------------------------------
 *
 * remote/project.h
 *		Whose a project is, as far as this session has been told.
 *
 * A project's path does not name an organization, and its list of members does
 * not either: credentials that can read projects of several organizations get
 * members of each of them.  What tells is GET /me, the organization's own list
 * of projects, and the memberships of an account, whose path names it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_PROJECT_H
#define MP_REMOTE_PROJECT_H

#include "postgres.h"

#include "api/record.h"
#include "base/settings.h"

typedef enum MpProjectOwner
{
	MP_PROJECT_NOT_ASKED,		/* nothing was asked that could tell */
	MP_PROJECT_OURS,			/* it is the organization's of the settings */
	MP_PROJECT_NOT_TOLD,		/* what was asked does not tell */
	MP_PROJECT_OTHERS,			/* it is another organization's */
} MpProjectOwner;

/*
 * What is known of a project.  OTHERS is never remembered: a project may come
 * to the organization, and is asked for again.
 */
extern MpProjectOwner mp_project_owner(const MpSettings *settings,
									   int64 project);

/* Note what an answer tells. */
extern void mp_project_note(const MpSettings *settings, int64 project,
							MpProjectOwner owner);

/*
 * A list of projects tells the host of the project's region; it is noted if it
 * is not that of the base URL.
 */
extern void mp_project_note_domain(const MpSettings *settings, int64 project,
								   const MpValue *domain);

/* The host, where it is another; else NULL, also where no list has named a
 * project of the server's own region. */
extern const char *mp_project_domain(const MpSettings *settings,
									 int64 project);

#endif							/* MP_REMOTE_PROJECT_H */
