/*
 * worker_move.c
 *
 * Moving committed rows of a delta heap to data files. All rows that one
 * snapshot sees become files of one commit message, which goes to the outbox;
 * the same transaction deletes the rows. Whatever happens, a row is thus in
 * one of the two, and what readers of the lake see is a state that the
 * database has had.
 *
 * Rows that somebody has changed since, or has locked, stay: for a keyed table
 * what is in the delta is newer than any file. Nobody waits for the mover, and
 * the mover waits for nobody. The heap is read twice, once for the files
 * and once for the deletes, so that no list of rows is kept in memory;
 * storage bounds its own.
 */
#include "worker_shared.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define BATCH_ROWS_MAX 4096
#define BATCH_BYTES_MAX (4 * 1024 * 1024)

typedef struct Move
{
	const PfdwLakeTable *lake_table;
	Relation foreign;
	PfdwDeltaHeap *heap;
	Snapshot snapshot;
	TupleTableSlot *slot;
	MemoryContext row_context;
	/* From the first row on. */
	PfdwTable *table;
	PfdwEncoder *encoder;
	PmnWrite *write;
	int64 rows;
} Move;

static void
open_lake(Move *move)
{
	const PfdwTableRef *ref = &move->lake_table->ref;
	PmnTravel latest = {.kind = PMN_TRAVEL_LATEST};
	PmnWriteRequest request = {0};
	PfdwColumn *columns;
	PfdwView view;
	int count;

	pfdw_warehouse_check(ref->warehouse,
						 pfdw_relation_owner(RelationGetRelid(move->foreign)),
						 true);
	move->table = pfdw_delta_table(ref);
	columns = pfdw_columns_match(move->foreign, move->table->schema, &count);
	move->encoder = pfdw_encoder_create(move->table->schema, columns, count);
	/* Sequence numbers and buckets follow on all that is there. */
	pfdw_view_get(ref, move->table, &latest, NULL, &view);
	request.base_snapshot_id = view.snapshot_id;
	request.pending = view.pending;
	request.pending_count = view.pending_count;
	request.memory_limit_bytes =
		(size_t) Max(maintenance_work_mem, 65536) * 1024;
	move->write =
		pfdw_write_open(move->table, &request, GetCurrentSubTransactionId());
}

static void
write_batch(Move *move)
{
	const PmnBatch *batch;
	const uint8_t *kinds;

	if (pfdw_encoder_rows(move->encoder) == 0)
		return;
	batch = pfdw_encoder_batch(move->encoder, &kinds);
	pfdw_check(move->table->env, pmn_write_batch(move->write, batch, kinds));
	pfdw_encoder_reset(move->encoder);
}

static void
add_row(Move *move, char kind)
{
	MemoryContext old;

	if (move->write == NULL)
		open_lake(move);
	MemoryContextReset(move->row_context);
	old = MemoryContextSwitchTo(move->row_context);
	pfdw_encode_slot(move->encoder, move->slot,
					 kind == PFDW_KIND_DELETED	 ? PMN_DELETE
					 : kind == PFDW_KIND_UPDATED ? PMN_UPDATE_AFTER
												 : PMN_INSERT);
	MemoryContextSwitchTo(old);
	move->rows++;
	if (pfdw_encoder_rows(move->encoder) < BATCH_ROWS_MAX &&
		pfdw_encoder_bytes(move->encoder) < BATCH_BYTES_MAX)
		return;
	write_batch(move);
	pfdw_worker_progress(move->rows);
}

static void
write_rows(Move *move)
{
	PfdwDeltaScan *scan =
		pfdw_delta_scan_begin(move->heap, move->snapshot, false);
	PmnMessage *message = NULL;
	PfdwWriteOrigin origin = {.subid = GetCurrentSubTransactionId(),
							  .command = GetCurrentCommandId(true),
							  .relid = move->lake_table->relid};
	ItemPointerData tid;
	char kind;

	while (pfdw_delta_scan_next(scan, move->slot, &kind, &tid))
	{
		CHECK_FOR_INTERRUPTS();
		add_row(move, kind);
	}
	pfdw_delta_scan_end(scan);
	if (move->write == NULL)
		return;
	write_batch(move);
	pfdw_check(move->table->env, pmn_write_finish(move->write, &message));
	pfdw_write_close(move->table->env, move->write);
	/* A rollback removes the files; a commit puts them into the outbox. */
	if (message != NULL)
		pfdw_delta_add(&move->lake_table->ref, message, &origin);
}

/* Rows of append tables are never changed, so all of them can go. */
static void
delete_rows(Move *move)
{
	PfdwDeltaScan *scan =
		pfdw_delta_scan_begin(move->heap, move->snapshot, true);
	bool is_keyed =
		move->table == NULL || pmn_table_has_primary_key(move->table->table);
	ItemPointerData tid;
	char kind;

	while (pfdw_delta_scan_next(scan, move->slot, &kind, &tid))
	{
		CHECK_FOR_INTERRUPTS();
		if (pfdw_delta_delete_quietly(move->heap, &tid, move->snapshot) ||
			is_keyed)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not move the rows of lake table \"%s\".\"%s\"",
						pfdw_name_from_lake(move->lake_table->ref.database),
						pfdw_name_from_lake(move->lake_table->ref.table)),
				 errdetail("One of them has been changed at the same time.")));
	}
	pfdw_delta_scan_end(scan);
}

int64
pfdw_worker_move(const PfdwLakeTable *lake_table, bool wait)
{
	Move move = {.lake_table = lake_table};

	if (!OidIsValid(lake_table->delta))
		return 0;
	move.foreign = try_relation_open(lake_table->relid, AccessShareLock);
	if (move.foreign == NULL)
		return 0;
	if (!pfdw_lake_lock(&lake_table->ref, ShareUpdateExclusiveLock, wait))
	{
		relation_close(move.foreign, NoLock);
		return -1;
	}
	move.heap = pfdw_delta_heap_open(move.foreign, lake_table, false);
	if (move.heap != NULL)
	{
		/* Also under REPEATABLE READ: all rows that are there must go. */
		move.snapshot = RegisterSnapshot(GetLatestSnapshot());
		move.row_context = AllocSetContextCreate(
			CurrentMemoryContext, "paimon moved row", ALLOCSET_DEFAULT_SIZES);
		move.slot = MakeSingleTupleTableSlot(RelationGetDescr(move.foreign),
											 &TTSOpsVirtual);
		write_rows(&move);
		delete_rows(&move);
		ExecDropSingleTupleTableSlot(move.slot);
		MemoryContextDelete(move.row_context);
		UnregisterSnapshot(move.snapshot);
		pfdw_delta_heap_close(move.heap);
	}
	relation_close(move.foreign, NoLock);
	return move.rows;
}
