/*-------------------------------------------------------------------------
 *
 * remote/quota.h
 *		One budget for all sessions of this cluster.
 *
 * Each base URL and organization has a budget (base/budget.h), which all
 * sessions share where there is shared memory to be had: always from
 * PostgreSQL 17 on, in 15 and 16 if the library is preloaded.  Else it is this
 * session's alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_REMOTE_QUOTA_H
#define MP_REMOTE_QUOTA_H

#include "postgres.h"

#include "utils/timestamp.h"

#include "http/http.h"

/* A row of mixpanel_sa_fdw_quota(). */
typedef struct MpQuota
{
	char	   *base_url;		/* in the current context */
	int64		organization_id;	/* 0: none */
	bool		shared;
	int			in_flight;
	int			waiting;
	TimestampTz not_before;		/* 0: the server has asked for no wait */
	double		tokens;			/* below 0: there is no rate */
	int64		requests;
	int64		refused;
} MpQuota;

/* Once, when the library is loaded: asks for shared memory if it can. */
extern void mp_quota_init(void);

/*
 * Who keeps this session's budgets.  The first call attaches to the shared
 * ones; it may raise what making shared memory raises.
 */
extern const MpBudgetKeeper *mp_quota_keeper(void);

/* Are budgets shared with other sessions? */
extern bool mp_quota_is_shared(void);

/* All that this session can see, palloc'ed, and how many. */
extern MpQuota *mp_quota_list(int *count);

/* Is it the quota of this base URL?  Of a long one, a part is kept. */
extern bool mp_quota_is_of(const MpQuota *quota, const char *base_url);

/* Does this process hold the lock?  It never does when it waits. */
extern bool mp_quota_is_locked(void);

#endif							/* MP_REMOTE_QUOTA_H */
