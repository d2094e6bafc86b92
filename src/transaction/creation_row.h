/*-------------------------------------------------------------------------
 *
 * transaction/creation_row.h
 *		Rows of the accounts that this transaction has created.
 *
 * The API may take a while to show a new account; later statements of the
 * transaction see it from here until then.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_TRANSACTION_CREATION_ROW_H
#define MP_TRANSACTION_CREATION_ROW_H

#include "postgres.h"

#include "api/api.h"

/* One row; lives until it is dropped, or the transaction ends. */
typedef struct MpCreationRow
{
	uint16		target;			/* index of mp_changeset_target() */
	int			level;			/* subtransaction nesting level */
	CommandId	cid;			/* of the command that created it */
	MpRecord	record;			/* without the secret */
	const MpGrant *grants;		/* the projects that were given with it */
	int			grant_count;
} MpCreationRow;

/* Keep a copy of what RETURNING shows of a new account, all but the secret;
 * and of its projects, as MpNewAccount has them. */
extern void mp_creation_row_add(uint16 target, CommandId cid,
								const MpRecord *record, const char *projects);

/* The memberships that such projects are, and those of all rows together. */
extern int	mp_creation_row_count_grants(const char *projects);
extern int	mp_creation_row_grants(void);

/* How many there are, and one of them, in the order of their creation. */
extern int	mp_creation_row_count(void);
extern const MpCreationRow *mp_creation_row_get(int index);

/* The end of subtransactions of `level` and deeper (committed; rolled back),
 * and of the transaction. */
extern void mp_creation_row_release(int level);
extern void mp_creation_row_drop(int level);
extern void mp_creation_row_end(void);

#endif							/* MP_TRANSACTION_CREATION_ROW_H */
