/*-------------------------------------------------------------------------
 *
 * transaction/callback.h
 *		The ends of transactions and subtransactions.
 *
 * The only place that registers transaction callbacks: what happens first, and
 * what then, is seen here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MP_TRANSACTION_CALLBACK_H
#define MP_TRANSACTION_CALLBACK_H

/* Once, when the library is loaded. */
extern void mp_callback_init(void);

#endif							/* MP_TRANSACTION_CALLBACK_H */
