/*
 * delta_store.h
 *
 * What the server keeps of a lake table until it is in the lake: the lake
 * table's row (which snapshot is known to hold what), the outbox (commit
 * messages of data files) and the delta heap (rows). All three are ordinary
 * WAL-logged tables in schema paimon_int, read and written by C code under
 * whatever snapshot the caller has.
 */
#ifndef PFDW_DELTA_STORE_H
#define PFDW_DELTA_STORE_H

#include "delta.h"

#include "executor/tuptable.h"
#include "nodes/lockoptions.h"
#include "storage/itemptr.h"
#include "storage/lock.h"
#include "utils/relcache.h"

/* ---- in delta_catalog.c ----------------------------------------------- */

/* A lake table that something was written to here. */
typedef struct PfdwLakeTable
{
	int32 id;
	PfdwTableRef ref;
	Oid relid; /* the foreign table it came from */
	Oid delta; /* its delta heap; InvalidOid: none yet */
} PfdwLakeTable;

/* NULL when nothing was ever written here. What it returns is cached and valid
 * until the transaction ends. Sees what this transaction has made. */
extern const PfdwLakeTable *pfdw_lake_table_find(const PfdwTableRef *ref);
extern const PfdwLakeTable *pfdw_lake_table_by_id(int32 id);
/* The same, made when missing; concurrent makers wait for each other. */
extern const PfdwLakeTable *pfdw_lake_table_get(const PfdwTableRef *ref,
												Oid relid);
/* Note the delta heap that was made for it. */
extern void pfdw_lake_table_set_delta(int32 id, Oid delta);

/* What changes of the row: under a snapshot. false: not visible in it. */
typedef struct PfdwLakeBase
{
	int64 snapshot_id; /* 0: none */
	int64 ident;	   /* newest published one of ours; 0: none */
	int64 n;		   /* newest published outbox row; 0: none */
} PfdwLakeBase;
extern bool pfdw_lake_base_read(int32 id, Snapshot snapshot, PfdwLakeBase *out);
extern void pfdw_lake_base_write(int32 id, const PfdwLakeBase *base);

/* The commit user of all that this database publishes; made when missing. */
extern const char *pfdw_commit_user(void);

/* ---- in delta_outbox.c ------------------------------------------------ */

typedef struct PfdwOutboxRow
{
	int64 n;
	int64 ident; /* 0: not sealed */
	ItemPointerData tid;
	bytea *message; /* of pmn_message_serialize; palloc'd */
} PfdwOutboxRow;

/* Put a message into the outbox, in this transaction; the row's n. */
extern int64 pfdw_outbox_add(int32 lake_table, PmnMessage *message);
/* Rows visible in snapshot, in order of n; a List of PfdwOutboxRow *. */
extern List *pfdw_outbox_read(int32 lake_table, Snapshot snapshot,
							  bool with_messages);
extern void pfdw_outbox_seal(PfdwOutboxRow *row, int64 ident);
extern void pfdw_outbox_delete(PfdwOutboxRow *row);

/* ---- in delta_visibility.c -------------------------------------------- */

/*
 * pfdw_lake_lock -- lock the lake table's place to the end of the transaction:
 * RowExclusiveLock who writes rows to the delta, ShareUpdateExclusiveLock who
 * moves them, ExclusiveLock who writes data files of a keyed table. false:
 * not to be had without waiting, and wait is false.
 */
extern bool pfdw_lake_lock(const PfdwTableRef *ref, LOCKMODE mode, bool wait);
/* At XACT_EVENT_COMMIT: give all of them back before waiting for workers.
 * Done at the beginning of that event, before other callbacks of ours. */
extern void pfdw_lake_locks_release(void);

/* A copy of a fresh snapshot, with what this transaction's commands before
 * the given one did (InvalidCommandId: all); palloc'd, not registered. The
 * active one in parallel mode, where none may be taken. */
extern Snapshot pfdw_snapshot_newest(CommandId before);

/* Whether base row and outbox are, under a fresh snapshot, what the view was
 * made of (own outbox rows of this transaction included). */
extern bool pfdw_view_is_current(const PfdwView *view);

/* ---- in delta_heap.c -------------------------------------------------- */

#define PFDW_KIND_ROW 'I'
#define PFDW_KIND_UPDATED 'U' /* a row that replaces one of the lake */
#define PFDW_KIND_DELETED 'D'
#define PFDW_KIND_LOCK 'L'
static inline bool
pfdw_kind_is_row(char kind)
{
	return kind == PFDW_KIND_ROW || kind == PFDW_KIND_UPDATED;
}

/* Delta heap of a foreign table's lake table, opened with a lock to the end
 * of the transaction; made when missing and make. NULL: none. */
typedef struct PfdwDeltaHeap PfdwDeltaHeap;
extern PfdwDeltaHeap *pfdw_delta_heap_open(Relation foreign,
										   const PfdwLakeTable *lake_table,
										   bool make);
extern void pfdw_delta_heap_close(PfdwDeltaHeap *heap);
/* Whether it can hold the foreign table's columns: the one whose rows came
 * first may have had others. If not, meeting a row is an error. */
extern bool pfdw_delta_heap_fits(const PfdwDeltaHeap *heap);
/* The foreign table's attributes that are the primary key, in its order;
 * NULL and 0 of an append table. (For scans; delta_heap.c.) */
extern const AttrNumber *pfdw_delta_heap_keys(const PfdwDeltaHeap *heap,
											  int *count);

/* All visible rows but locks, in no order. out is a virtual slot of the
 * foreign table's row type; what it points to is valid until the next call. */
typedef struct PfdwDeltaScan PfdwDeltaScan;
extern PfdwDeltaScan *pfdw_delta_scan_begin(PfdwDeltaHeap *heap,
											Snapshot snapshot, bool with_locks);
extern bool pfdw_delta_scan_next(PfdwDeltaScan *scan, TupleTableSlot *out,
								 char *kind, ItemPointer tid);
extern void pfdw_delta_scan_end(PfdwDeltaScan *scan);

/* The visible row of a key (values in primary-key order); false: none. */
extern bool pfdw_delta_probe(PfdwDeltaHeap *heap, Snapshot snapshot,
							 const Datum *key, TupleTableSlot *out, char *kind);
/* Delete a row if nobody has changed or locked it since; never waits. */
extern bool pfdw_delta_delete_quietly(PfdwDeltaHeap *heap, ItemPointer tid,
									  Snapshot snapshot);
/* Delete a row that nobody else can be writing. */
extern void pfdw_delta_delete(PfdwDeltaHeap *heap, ItemPointer tid,
							  CommandId command);

/* How a claim found a key. */
typedef enum PfdwClaim
{
	PFDW_CLAIM_NEW,		/* no tuple was there: ours holds the row given */
	PFDW_CLAIM_SEEN,	/* a tuple that the snapshot saw, now locked */
	PFDW_CLAIM_CHANGED, /* a tuple that the snapshot did not see, locked */
	PFDW_CLAIM_SELF,	/* changed by this very command */
	PFDW_CLAIM_SKIPPED	/* locked by another, and policy is LockWaitSkip */
} PfdwClaim;

/*
 * pfdw_delta_claim -- make this transaction the only writer of the key of
 * row. When there is no tuple, row is inserted with kind. Otherwise *kind and
 * current (a slot of the foreign table's row type) are the tuple's.
 * *tid is the tuple to be written by pfdw_delta_write.
 */
extern PfdwClaim pfdw_delta_claim(PfdwDeltaHeap *heap, TupleTableSlot *row,
								  char *kind, Snapshot snapshot,
								  CommandId command, LockWaitPolicy policy,
								  TupleTableSlot *current, ItemPointer tid);
/* After PFDW_CLAIM_SELF: the command that wrote the tuple. */
extern CommandId pfdw_delta_self_command(const PfdwDeltaHeap *heap);
/* Replace the claimed tuple; *tid becomes the new one's. A tuple that the
 * running command inserted needs a later command. */
extern void pfdw_delta_write(PfdwDeltaHeap *heap, ItemPointer tid,
							 TupleTableSlot *row, char kind, CommandId command);
/* Insert into the delta of an append table. */
extern void pfdw_delta_insert(PfdwDeltaHeap *heap, TupleTableSlot *row,
							  CommandId command);

/* ---- in delta_notice.c ------------------------------------------------ */

/* What a transaction leaves to workers. */
typedef struct PfdwNotice
{
	int32 lake_table;
	bool wrote; /* else it only saw what others have left */
	uint64 bytes;
} PfdwNotice;

/*
 * pfdw_delta_wrote -- to be called by everything that puts a row into a delta
 * heap or the outbox: when the transaction has committed, workers are
 * told. bytes is the row's size, 0 when it is not known.
 */
extern void pfdw_delta_wrote(int32 lake_table, Size bytes);
/* To be called by readers that find rows or messages not yet in the lake;
 * those of a crashed server have nobody else to see to them. */
extern void pfdw_delta_seen(int32 lake_table);
/* For workers: what was noted, a List of PfdwNotice *. */
extern List *pfdw_delta_notices(void);
extern void pfdw_delta_notices_forget(void);

/* ---- in delta_publish.c ----------------------------------------------- */

/*
 * The steps of publishing a lake table, each in a transaction of its own; the
 * caller holds the table's session lock.
 */
/* Give the rows without one an identifier, if there are; true: some are
 * sealed now. */
extern bool pfdw_publish_seal(int32 lake_table);
/* After a WAL flush: make the snapshots of sealed rows that the lake does not
 * have, then delete the rows and advance the base. Returns the newest
 * snapshot id. */
extern int64 pfdw_publish_sealed(int32 lake_table);

#endif /* PFDW_DELTA_STORE_H */
