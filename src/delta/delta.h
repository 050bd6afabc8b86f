/*
 * delta.h
 *
 * What a transaction has written and not yet published, and the view its
 * statements read. In this version a statement's rows are data files at its
 * end, kept here as commit messages by subtransaction, and published as
 * snapshots before the transaction commits. (The WAL-logged delta heap and
 * the outbox will live behind the same functions.)
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
	/* The rows were computed from rows read (UPDATE, DELETE), so another
	 * engine's change of their buckets is a conflict (40001). */
	bool from_read;
	bool is_last; /* the statement writes no more */
} PfdwWriteOrigin;

/*
 * pfdw_delta_add -- remember a finished write; takes message over. A rollback
 * discards its files, commit publishes it.
 */
extern void pfdw_delta_add(const PfdwTableRef *ref, PmnMessage *message,
						   const PfdwWriteOrigin *origin);

/*
 * pfdw_delta_created -- this transaction made the lake table; a rollback of
 * the (sub)transaction removes it.
 */
extern void pfdw_delta_created(const PfdwTableRef *ref);

/* Whether the lake table has unpublished messages of this transaction. */
extern bool pfdw_delta_has_pending(const PfdwTableRef *ref);

/* Whether this transaction has published rows, at its pre-commit. */
extern bool pfdw_delta_has_published(void);

/* Whether two references name one lake table. */
extern bool pfdw_ref_equal(const PfdwTableRef *a, const PfdwTableRef *b);

/* ---- in delta_publish.c ------------------------------------------------ */

/*
 * pfdw_publish -- commit to the lake under a fresh commit user. An error whose
 * commit got through all the same counts as done. After another one,
 * *may_discard says whether the messages' files are surely nobody's.
 */
extern PmnCode pfdw_publish(PfdwTable *table, PmnCommitRequest *request,
							PmnCommitResult *result, bool *may_discard);

/* Whether a commit user of a snapshot is one of ours. */
extern bool pfdw_is_commit_user(const char *commit_user);

/* ---- in delta_visibility.c -------------------------------------------- */

/* What a statement reads of one table. */
typedef struct PfdwView
{
	int64 snapshot_id; /* 0: no snapshot yet */
	int64 schema_id;
	const char *tag; /* time travel by tag, else NULL */
	const PmnMessage **pending;
	uint32 pending_count;
} PfdwView;

/*
 * pfdw_view_get -- the view for a statement: under READ COMMITTED the newest
 * lake snapshot when a statement first touches the table, later the same
 * for all its scans; under REPEATABLE READ and above that of the
 * transaction's first touch; always with the transaction's own messages of
 * commands before the given one (InvalidCommandId: all of them). travel other
 * than LATEST reads that snapshot without them.
 */
extern void pfdw_view_get(const PfdwTableRef *ref, PfdwTable *table,
						  const PmnTravel *travel, CommandId before,
						  PfdwView *out);

/*
 * pfdw_view_lock -- take the table's write lock for the rest of the
 * transaction (keyed tables: one writer at a time), before the view is got.
 * Under REPEATABLE READ and above a newer lake snapshot that changed rows
 * raises 40001.
 */
extern void pfdw_view_lock(const PfdwTableRef *ref, PfdwTable *table);

/*
 * pfdw_compaction_lock -- wait until nobody else compacts the table here; for
 * the rest of the transaction. Writers neither take nor want it.
 */
extern void pfdw_compaction_lock(const PfdwTableRef *ref);

#endif /* PFDW_DELTA_H */
