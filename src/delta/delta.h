/*
 * delta.h
 *
 * What was written and is not in the lake yet, and the view that statements
 * read: a lake snapshot, and commit messages of data files on top of it. A
 * transaction's own messages are kept here by subtransaction; when it commits
 * they are rows of the outbox, and are published later (delta_store.h).
 */
#ifndef PFDW_DELTA_H
#define PFDW_DELTA_H

#include "../bridge/bridge.h"
#include "utils/snapshot.h"

/* ---- in delta_xact.c -------------------------------------------------- */

extern void pfdw_delta_init(void); /* from _PG_init */

/*
 * pfdw_delta_table -- the transaction's own handle of a lake table, opened
 * on first use, alive until the transaction ends. Writers are opened on it,
 * as the messages they finish with must live that long.
 */
extern PfdwTable *pfdw_delta_table(const PfdwTableRef *ref);

/* Who finished a write. */
typedef struct PfdwWriteOrigin
{
	SubTransactionId subid; /* whose rollback discards it */
	CommandId command;		/* of the statement: later ones see the rows */
	Oid relid;				/* the foreign table */
} PfdwWriteOrigin;

/*
 * pfdw_delta_add -- remember a finished write; takes message over. A rollback
 * discards its files, a commit puts it into the outbox. (Not sooner: files
 * may be closed inside a subtransaction of a statement that began outside,
 * and a row must not vanish with the former.)
 */
extern void pfdw_delta_add(const PfdwTableRef *ref, PmnMessage *message,
						   const PfdwWriteOrigin *origin);

/*
 * pfdw_delta_created -- this transaction made the lake table; a rollback of
 * the (sub)transaction removes it.
 */
extern void pfdw_delta_created(const PfdwTableRef *ref);

/* Whether the lake table has messages of this transaction. */
extern bool pfdw_delta_has_pending(const PfdwTableRef *ref);

/* Whether two references name one lake table. */
extern bool pfdw_ref_equal(const PfdwTableRef *a, const PfdwTableRef *b);

/* ---- in delta_publish.c ------------------------------------------------ */

/*
 * pfdw_publish -- commit a compaction to the lake, at once and under a commit
 * user of its own. An error whose commit got through all the same counts as
 * done. After another one, *may_discard says whether the messages' files are
 * surely nobody's.
 */
extern PmnCode pfdw_publish(PfdwTable *table, PmnCommitRequest *request,
							PmnCommitResult *result, bool *may_discard);

/* Whether a commit user of a snapshot is one of ours. */
extern bool pfdw_is_commit_user(const char *commit_user);

/* ---- in delta_visibility.c -------------------------------------------- */

/* paimon_fdw.fresh: whether statements read what other engines have committed
 * since we last published. */
typedef enum PfdwFresh
{
	PFDW_FRESH_REGISTERED,
	PFDW_FRESH_LATEST
} PfdwFresh;
extern int pfdw_fresh;

/* What a statement reads of one table. */
typedef struct PfdwView
{
	int64 snapshot_id; /* 0: no snapshot yet */
	int64 schema_id;
	const char *tag; /* time travel by tag, else NULL */
	const PmnMessage **pending;
	uint32 pending_count;
	uint32 own_count; /* of those, this transaction's: the last ones */

	/* What it was made of; not of time travel. */
	const PfdwTableRef *ref; /* NULL: time travel */
	int32 lake_table;		 /* 0: nothing was ever written here */
	int64 own_ident;		 /* newest of ours in the lake snapshot */
	int64 base_ident;
	const int64 *outbox; /* n of the visible rows, ascending */
	uint32 outbox_count;
} PfdwView;

/*
 * pfdw_view_get -- what a statement with this server snapshot reads: the
 * newest lake snapshot with nothing of ours that the snapshot does not see,
 * and the messages it sees, this transaction's of commands before the
 * snapshot's, too. Under READ COMMITTED the lake is looked at when the
 * statement first touches the table, under REPEATABLE READ and above when the
 * transaction does. snapshot NULL: all that is committed now, and all of this
 * transaction. travel other than LATEST reads the lake only.
 */
extern void pfdw_view_get(const PfdwTableRef *ref, PfdwTable *table,
						  const PmnTravel *travel, Snapshot snapshot,
						  PfdwView *out);

/* In a parallel worker: the messages of a view whose other members the leader
 * has handed over. */
extern void pfdw_view_attach(const PfdwTableRef *ref, Snapshot snapshot,
							 PfdwView *view);

/*
 * pfdw_view_lock -- take the lock of who writes data files of a keyed table
 * for the rest of the transaction, before the view is got. has_read: rows are
 * computed from rows; under REPEATABLE READ and above, 40001 when others have
 * changed the table since the transaction's snapshot.
 */
extern void pfdw_view_lock(const PfdwTableRef *ref, PfdwTable *table,
						   bool has_read);

/*
 * pfdw_compaction_lock -- wait until nobody else compacts the table here; for
 * the rest of the transaction. Writers neither take nor want it.
 */
extern void pfdw_compaction_lock(const PfdwTableRef *ref);

#endif /* PFDW_DELTA_H */
