/*-------------------------------------------------------------------------
 *
 * transaction/callback.c
 *		The ends of transactions and subtransactions.
 *
 * COMMIT sends the queue before the transaction is final, so that a failure
 * fails the transaction.  An abort says what had been sent, then deletes the
 * accounts that were created.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"

#include "remote/session.h"
#include "remote/snapshot.h"
#include "transaction/callback.h"
#include "transaction/changeset.h"
#include "transaction/creation.h"
#include "transaction/creation_row.h"
#include "transaction/flush.h"
#include "transaction/journal.h"

static void end_transaction(XactEvent event, void *arg);
static void end_subtransaction(SubXactEvent event, SubTransactionId mine,
							   SubTransactionId parent, void *arg);
static void refuse_prepare(void);

void
mp_callback_init(void)
{
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
}

/*
 * The one order in which a transaction's end reaches the modules: send before
 * COMMIT, then undo what must not stay, then forget.
 */
static void
end_transaction(XactEvent event, void *arg pg_attribute_unused())
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			if (mp_creation_is_unanswered())
				mp_session_check_client();
			if (mp_changeset_count() > 0)
				mp_flush_send();
			break;
		case XACT_EVENT_PRE_PREPARE:
			refuse_prepare();
			break;
		case XACT_EVENT_ABORT:
			mp_flush_abort();
			mp_snapshot_end();
			mp_creation_forget_answer(NULL);
			mp_creation_undo(0);
			mp_creation_end();
			mp_creation_row_end();
			mp_journal_end(false);
			mp_changeset_end();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
			mp_flush_end();
			mp_snapshot_end();
			mp_creation_forget_answer(NULL);
			mp_creation_end();
			mp_creation_row_end();
			mp_journal_end(true);
			mp_changeset_end();
			break;
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			break;
	}
}

static void
end_subtransaction(SubXactEvent event,
				   SubTransactionId mine pg_attribute_unused(),
				   SubTransactionId parent pg_attribute_unused(),
				   void *arg pg_attribute_unused())
{
	int			level = GetCurrentTransactionNestLevel();

	if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		mp_changeset_release(level);
		mp_creation_release(level);
		mp_creation_row_release(level);
	}
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		mp_changeset_cut(level);
		mp_creation_forget_answer(NULL);
		mp_creation_row_drop(level);
		mp_creation_undo(level);
	}
}

static void
refuse_prepare(void)
{
	if (mp_changeset_count() > 0 || mp_creation_any())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has changed Mixpanel service accounts or memberships"),
				 errhint("Use COMMIT.")));
}
