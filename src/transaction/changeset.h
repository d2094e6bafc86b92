/*-------------------------------------------------------------------------
 *
 * transaction/changeset.h
 *		What this transaction has queued, and what its statements see of it.
 *
 * Deleting accounts and adding, removing and changing memberships are queued,
 * stamped with the subtransaction and the command, and sent at COMMIT.
 * ROLLBACK and ROLLBACK TO SAVEPOINT drop what they cover.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_TRANSACTION_CHANGESET_H
#define MP_TRANSACTION_CHANGESET_H

#include "postgres.h"

#include "base/settings.h"
#include "remote/fetch.h"

typedef enum MpChangeKind
{
	MP_CHANGE_ADD,
	MP_CHANGE_REMOVE,
	MP_CHANGE_ROLE,
	MP_CHANGE_DELETE,			/* of a service account */
} MpChangeKind;

/* One queued change.  A million of them must fit into memory. */
typedef struct MpChange
{
	int64		account;
	int64		project;		/* 0: DELETE */
	const char *role;			/* UTF-8; NULL: REMOVE, DELETE */
	const char *old_role;		/* of a ROLE change, where known */
	int32		previous;		/* the change of the same key before it; -1 */
	CommandId	cid;
	int32		level;			/* subtransaction nesting level */
	uint16		target;			/* index of mp_changeset_target() */
	uint8		kind;			/* MpChangeKind */
} MpChange;

/* What COMMIT would make of the changes of one key. */
typedef struct MpFinal
{
	int32		change;			/* index of the last */
	MpChangeKind kind;			/* ROLE after ADD is an ADD */
	bool		replaces;		/* an ADD or ROLE of what may be a member */
} MpFinal;

/*
 * The index under which changes with these settings are queued.  They are
 * copied, once for as long as they are the same in every respect: what is
 * queued is sent with what was set then, where it was read, whatever ALTER
 * SERVER or ALTER USER MAPPING says later in the transaction.  Raises 54000
 * after 65,535.
 */
extern uint16 mp_changeset_target_index(const MpSettings *settings);
extern const MpSettings *mp_changeset_target(uint16 index);

/*
 * Queue a change; change->previous and ->level are filled here, texts are
 * copied.  False, and nothing queued, where the same command has changed the
 * row already (a join that finds it twice), or the account is deleted already.
 * Raises 54000 where mixpanel_sa_fdw.max_deletes is passed, 23503 for a
 * membership of an account that this transaction deletes.
 */
extern bool mp_changeset_queue(const MpChange *change);

/* Raises 54000 where so many memberships more pass max_membership_changes;
 * those that were given with new accounts count. */
extern void mp_changeset_check_room(int count);

/* Changes queued, and one of them. */
extern int	mp_changeset_count(void);
extern const MpChange *mp_changeset_get(int index);

/* The last change of each key, in the order COMMIT sends them; palloc'ed. */
extern MpFinal *mp_changeset_fold(int *count);

/* The changes of subtransactions of this level and deeper become the parent's;
 * are dropped, the last first; and the end of the transaction drops all.  None
 * of the three can fail. */
extern void mp_changeset_release(int level);
extern void mp_changeset_cut(int level);
extern void mp_changeset_end(void);

/* ---- what a statement sees ---- */

typedef struct MpOverlay MpOverlay;

typedef enum MpSight
{
	MP_SIGHT_AS_IS,
	MP_SIGHT_HIDDEN,
	MP_SIGHT_ROLE,				/* the row has another role */
} MpSight;

/* A membership that the statement sees before the API has it. */
typedef struct MpAdded
{
	int64		account;
	int64		project;
	const char *role;
} MpAdded;

/*
 * How a scan with this snapshot's command id sees the rows of the settings'
 * place.  NULL where nothing of it is changed.
 */
extern MpOverlay *mp_overlay_begin(const MpSettings *settings,
								   CommandId curcid);

/* Rows as the API has them. */
extern MpSight mp_overlay_account(MpOverlay *overlay, int64 account);
extern MpSight mp_overlay_membership(MpOverlay *overlay, int64 account,
									 int64 project, const char **role);

/* After the last of them: the rows that the API does not have yet and that
 * are in the lookup's scope, one by one.  Accounts (created by an earlier
 * command): NULL after the last.  Memberships: those queued, then those that
 * were given with such accounts. */
extern const MpRecord *mp_overlay_next_created(MpOverlay *overlay,
											   const MpLookup *lookup);
extern bool mp_overlay_next_added(MpOverlay *overlay, const MpLookup *lookup,
								  MpAdded *added);

#endif							/* MP_TRANSACTION_CHANGESET_H */
