/*
 * delta_heap_claim.c
 *
 * The delta heap being written. Whoever writes a key first makes it its own:
 * its row in the heap is locked, or inserted when there is none. The row
 * inserted is the one to be written anyway, so that the common case is one
 * insertion. That of a key which another transaction is inserting is
 * speculative, as in ON CONFLICT: two that insert at once see each other in
 * the unique index, and one of them takes its row back and waits.
 *
 * All waiting is for transactions, so that the deadlock detector, timeouts
 * and cancellation work as with any table. What such an error says of the
 * heap is turned into words about the foreign table.
 */
#include "delta_heap.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* What the index has of a key. */
typedef enum Found
{
	FOUND_NONE,
	FOUND_TUPLE,
	FOUND_WAITED, /* for another transaction; look again */
	FOUND_SKIPPED
} Found;

static Found find_tuple(PfdwDeltaHeap *heap, TupleTableSlot *row,
						LockWaitPolicy policy, ItemPointer tid);
static bool insert_row(PfdwDeltaHeap *heap, TupleTableSlot *row, char kind,
					   CommandId command, ItemPointer tid);
static TM_Result lock_row(PfdwDeltaHeap *heap, CommandId command,
						  LockWaitPolicy policy, ItemPointer tid);

static void
prepare(PfdwDeltaHeap *heap)
{
	MemoryContext old;

	if (heap->estate != NULL)
		return;
	old = MemoryContextSwitchTo(heap->context);
	heap->estate = CreateExecutorState();
	heap->rinfo = makeNode(ResultRelInfo);
	InitResultRelInfo(heap->rinfo, heap->heap, 0, NULL, 0);
	ExecOpenIndices(heap->rinfo, true);
	MemoryContextSwitchTo(old);
}

/* A row of the foreign table into heap->slot. */
static void
store_row(PfdwDeltaHeap *heap, TupleTableSlot *row, char kind)
{
	TupleTableSlot *slot = heap->slot;
	int natts = slot->tts_tupleDescriptor->natts;

	if (kind != PFDW_KIND_LOCK)
		pfdw_delta_check_columns(heap);
	slot_getallattrs(row);
	ExecClearTuple(slot);
	memset(slot->tts_values, 0, sizeof(Datum) * natts);
	memset(slot->tts_isnull, 1, sizeof(bool) * natts);
	for (int i = 0; i < heap->tupdesc->natts; i++)
	{
		AttrNumber attnum = heap->map[i];

		if (attnum == InvalidAttrNumber || kind == PFDW_KIND_LOCK)
			continue;
		slot->tts_values[attnum - 1] = row->tts_values[i];
		slot->tts_isnull[attnum - 1] = row->tts_isnull[i];
	}
	for (int k = 0; kind == PFDW_KIND_LOCK && k < heap->key_count; k++)
	{
		int i = heap->keys[k] - 1;

		slot->tts_values[heap->map[i] - 1] = row->tts_values[i];
		slot->tts_isnull[heap->map[i] - 1] = row->tts_isnull[i];
	}
	slot->tts_values[heap->kind - 1] = CharGetDatum(kind);
	slot->tts_isnull[heap->kind - 1] = false;
	ExecStoreVirtualTuple(slot);
	ExecMaterializeSlot(slot);
}

static void
pg_attribute_noreturn()
	fail_unexpected(const PfdwDeltaHeap *heap, TM_Result result)
{
	ereport(ERROR,
			(errcode(ERRCODE_INTERNAL_ERROR),
			 errmsg("row of foreign table \"%s\" can't be written", heap->name),
			 errdetail("Its version has state %d.", (int) result)));
}

PfdwClaim
pfdw_delta_claim(PfdwDeltaHeap *heap, TupleTableSlot *row, char *kind,
				 Snapshot snapshot, CommandId command, LockWaitPolicy policy,
				 TupleTableSlot *current, ItemPointer tid)
{
	TM_Result result;
	PfdwClaim claim;

	Assert(heap->index != NULL);
	prepare(heap);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		switch (find_tuple(heap, row, policy, tid))
		{
			case FOUND_SKIPPED:
				return PFDW_CLAIM_SKIPPED;
			case FOUND_WAITED:
				continue;
			case FOUND_NONE:
				if (insert_row(heap, row, *kind, command, tid))
					return PFDW_CLAIM_NEW;
				continue;
			case FOUND_TUPLE:
				break;
		}
		result = lock_row(heap, command, policy, tid);
		if (result == TM_Deleted || result == TM_Updated)
			continue; /* it was moved to a file; look again */
		break;
	}
	switch (result)
	{
		case TM_Ok:
			claim =
				table_tuple_satisfies_snapshot(heap->heap, heap->slot, snapshot)
					? PFDW_CLAIM_SEEN
					: PFDW_CLAIM_CHANGED;
			break;
		case TM_Invisible:
		case TM_SelfModified:
			claim = PFDW_CLAIM_SELF;
			break;
		case TM_WouldBlock:
			ExecClearTuple(heap->slot);
			return PFDW_CLAIM_SKIPPED;
		default:
			fail_unexpected(heap, result);
	}
	*tid = heap->slot->tts_tid;
	pfdw_delta_row(heap, current, kind);
	/* The slot is for the next row now. */
	ExecMaterializeSlot(current);
	ExecClearTuple(heap->slot);
	return claim;
}

static void
fail_locked(const PfdwDeltaHeap *heap)
{
	ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					errmsg("could not obtain lock on row in relation \"%s\"",
						   heap->name)));
}

/*
 * A row that is there for anybody, even if its transaction still runs. One
 * whose inserter runs is waited for; a deleter is met when it is locked.
 */
static Found
find_tuple(PfdwDeltaHeap *heap, TupleTableSlot *row, LockWaitPolicy policy,
		   ItemPointer tid)
{
	SnapshotData dirty;
	IndexScanDesc scan;
	bool found;

	for (int k = 0; k < heap->key_count; k++)
	{
		bool is_null;

		heap->scan_keys[k].sk_argument =
			slot_getattr(row, heap->keys[k], &is_null);
		Assert(!is_null);
	}
	InitDirtySnapshot(dirty);
	scan = index_beginscan(heap->heap, heap->index, &dirty, heap->key_count, 0);
	index_rescan(scan, heap->scan_keys, heap->key_count, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, heap->slot);
	*tid = heap->slot->tts_tid;
	index_endscan(scan);
	ExecClearTuple(heap->slot);
	if (!found)
		return FOUND_NONE;
	if (!TransactionIdIsValid(dirty.xmin))
		return FOUND_TUPLE;
	if (policy == LockWaitSkip)
		return FOUND_SKIPPED;
	if (policy == LockWaitError)
		fail_locked(heap);
	if (dirty.speculativeToken != 0)
		SpeculativeInsertionWait(dirty.xmin, dirty.speculativeToken);
	else
		XactLockTableWait(dirty.xmin, NULL, NULL, XLTW_None);
	return FOUND_WAITED;
}

/* ---- errors ----------------------------------------------------------- */

/* The heap's name, and its index's, become the foreign table's. */
static char *
rename_heap(const PfdwDeltaHeap *heap, char *text)
{
	const char *const suffixes[] = {"", "_key"};
	StringInfoData out;

	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < lengthof(suffixes); i++)
	{
		char *name = psprintf("\"%s%s\"", RelationGetRelationName(heap->heap),
							  suffixes[i]);
		char *at = strstr(text, name);

		if (at == NULL)
			continue;
		initStringInfo(&out);
		appendBinaryStringInfo(&out, text, (int) (at - text));
		appendStringInfo(&out, "\"%s\"%s", heap->name, at + strlen(name));
		text = out.data;
	}
	return text;
}

/* In PG_CATCH, with the memory context of before. */
static void
pg_attribute_noreturn()
	rethrow(const PfdwDeltaHeap *heap, MemoryContext context)
{
	ErrorData *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	error->message = rename_heap(heap, error->message);
	error->detail = rename_heap(heap, error->detail);
	error->context = rename_heap(heap, error->context);
	ReThrowError(error);
}

/* ---- tuples ----------------------------------------------------------- */

/* The last version of *tid, which becomes its own; into heap->slot. */
static TM_Result
lock_row(PfdwDeltaHeap *heap, CommandId command, LockWaitPolicy policy,
		 ItemPointer tid)
{
	MemoryContext context = CurrentMemoryContext;
	TM_FailureData failure;
	TM_Result result = TM_Ok;

	PG_TRY();
	{
		result = table_tuple_lock(heap->heap, tid, SnapshotAny, heap->slot,
								  command, LockTupleExclusive,
								  policy == LockWaitBlock ? LockWaitBlock
														  : LockWaitSkip,
								  TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
	}
	PG_CATCH();
	{
		rethrow(heap, context);
	}
	PG_END_TRY();
	if (result == TM_WouldBlock && policy == LockWaitError)
		fail_locked(heap);
	if (result == TM_Invisible)
		heap->self_command = HeapTupleHeaderGetCmin(
			((HeapTupleTableSlot *) heap->slot)->tuple->t_data);
	return result;
}

/* Of the row just written, in heap->slot. */
static void
note_written(PfdwDeltaHeap *heap)
{
	HeapTuple tuple = ((HeapTupleTableSlot *) heap->slot)->tuple;

	pfdw_delta_wrote(heap->lake_table, tuple == NULL ? 0 : tuple->t_len);
}

/* false: somebody else was faster. */
static bool
insert_row(PfdwDeltaHeap *heap, TupleTableSlot *row, char kind,
		   CommandId command, ItemPointer tid)
{
	MemoryContext context = CurrentMemoryContext;
	bool conflict = false;

	store_row(heap, row, kind);
	PG_TRY();
	{
		uint32 token =
			SpeculativeInsertionLockAcquire(GetCurrentTransactionId());

		table_tuple_insert_speculative(heap->heap, heap->slot, command, 0, NULL,
									   token);
		(void) ExecInsertIndexTuples(heap->rinfo, heap->slot, heap->estate,
									 false, true, &conflict, NIL);
		table_tuple_complete_speculative(heap->heap, heap->slot, token,
										 !conflict);
		SpeculativeInsertionLockRelease(GetCurrentTransactionId());
	}
	PG_CATCH();
	{
		rethrow(heap, context);
	}
	PG_END_TRY();
	ResetPerTupleExprContext(heap->estate);
	*tid = heap->slot->tts_tid;
	if (!conflict)
		note_written(heap);
	ExecClearTuple(heap->slot);
	return !conflict;
}

CommandId
pfdw_delta_self_command(const PfdwDeltaHeap *heap)
{
	return heap->self_command;
}

void
pfdw_delta_write(PfdwDeltaHeap *heap, ItemPointer tid, TupleTableSlot *row,
				 char kind, CommandId command)
{
	MemoryContext context = CurrentMemoryContext;
	TM_FailureData failure;
	LockTupleMode mode;
	bool updates_index = false;
	TM_Result result = TM_Ok;

	prepare(heap);
	store_row(heap, row, kind);
	PG_TRY();
	{
		result = table_tuple_update(heap->heap, tid, heap->slot, command,
									SnapshotAny, InvalidSnapshot, true,
									&failure, &mode, &updates_index);
		if (result == TM_Ok && updates_index)
			(void) ExecInsertIndexTuples(heap->rinfo, heap->slot, heap->estate,
										 true, false, NULL, NIL);
	}
	PG_CATCH();
	{
		rethrow(heap, context);
	}
	PG_END_TRY();
	if (result != TM_Ok)
		fail_unexpected(heap, result);
	ResetPerTupleExprContext(heap->estate);
	*tid = heap->slot->tts_tid;
	note_written(heap);
	ExecClearTuple(heap->slot);
}

void
pfdw_delta_insert(PfdwDeltaHeap *heap, TupleTableSlot *row, CommandId command)
{
	Assert(heap->index == NULL);
	store_row(heap, row, PFDW_KIND_ROW);
	table_tuple_insert(heap->heap, heap->slot, command, 0, NULL);
	note_written(heap);
	ExecClearTuple(heap->slot);
}

bool
pfdw_delta_delete_quietly(PfdwDeltaHeap *heap, ItemPointer tid,
						  Snapshot snapshot)
{
	TM_FailureData failure;

	return table_tuple_delete(heap->heap, tid, GetCurrentCommandId(true),
							  snapshot, InvalidSnapshot, false, &failure,
							  false) == TM_Ok;
}

void
pfdw_delta_delete(PfdwDeltaHeap *heap, ItemPointer tid, CommandId command)
{
	TM_FailureData failure;
	TM_Result result =
		table_tuple_delete(heap->heap, tid, command, SnapshotAny,
						   InvalidSnapshot, true, &failure, false);

	if (result != TM_Ok)
		fail_unexpected(heap, result);
}
