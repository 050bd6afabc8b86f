/*
 * fdw_lock.c
 *
 * SELECT ... FOR UPDATE and its kin. The scan returns rows unlocked, and the
 * LockRows node above it, which may stand above a Sort or a Limit, asks for
 * each row that it really wants. It hands over nothing but a ctid; so the scan
 * notes the rows it returns, and their ctid is a number in that list. Rows are
 * kept in memory up to work_mem, then in a file.
 *
 * To lock a row is to claim its key in the delta heap: its row there is
 * locked, or one of kind 'L' that says nothing but the key is put in its
 * place. When somebody has written the row since it was read, what is there
 * now is handed back, and core evaluates the query for it again; or it is
 * 40001 under REPEATABLE READ and above. All as for a heap table, but that
 * there is one strength of lock: FOR SHARE locks like FOR UPDATE.
 */
#include "fdw_lock.h"
#include "fdw_writer.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* Numbers of a block; what a ctid can carry otherwise does not matter. */
#define ROWS_PER_BLOCK 1024

/* Where a row is: in memory, or at a place in the file. */
typedef struct NotedRow
{
	MinimalTuple tuple; /* NULL: in the file */
	int file;
	off_t offset;
} NotedRow;

struct PfdwRowLocks
{
	struct PfdwRowLocks *next; /* of other scans that are open */
	MemoryContext context;
	MemoryContextCallback callback;
	EState *estate;
	Index rti;
	PfdwReader *reader;
	NotedRow *rows;
	uint64 count;
	uint64 capacity;
	Size memory;
	BufFile *file;

	/* From the first lock on. */
	PfdwDeltaHeap *heap;
	TupleTableSlot *row;
	TupleTableSlot *current;
	PfdwLookUp *newest;
};

static PfdwRowLocks *open_locks = NULL;

static void forget(void *arg);

PfdwRowLocks *
pfdw_locks_create(EState *estate, Index rti, PfdwReader *reader)
{
	MemoryContext context = AllocSetContextCreate(
		reader->context, "paimon row locks", ALLOCSET_DEFAULT_SIZES);
	PfdwRowLocks *locks = MemoryContextAllocZero(context, sizeof(*locks));

	locks->context = context;
	locks->estate = estate;
	locks->rti = rti;
	locks->reader = reader;
	locks->next = open_locks;
	open_locks = locks;
	/* Also after an error. */
	locks->callback.func = forget;
	locks->callback.arg = locks;
	MemoryContextRegisterResetCallback(context, &locks->callback);
	return locks;
}

static void
forget(void *arg)
{
	PfdwRowLocks **at = &open_locks;

	while (*at != NULL && *at != arg)
		at = &(*at)->next;
	if (*at != NULL)
		*at = (*at)->next;
}

void
pfdw_locks_free(PfdwRowLocks *locks)
{
	if (locks == NULL)
		return;
	pfdw_look_up_free(locks->newest);
	pfdw_delta_heap_close(locks->heap);
	if (locks->row != NULL)
		ExecDropSingleTupleTableSlot(locks->row);
	if (locks->current != NULL)
		ExecDropSingleTupleTableSlot(locks->current);
	if (locks->file != NULL)
		BufFileClose(locks->file);
	MemoryContextDelete(locks->context);
}

static PfdwRowLocks *
find_locks(const EState *estate, Index rti)
{
	for (PfdwRowLocks *locks = open_locks; locks; locks = locks->next)
	{
		if (locks->estate == estate && locks->rti == rti)
			return locks;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INTERNAL_ERROR),
			 errmsg_internal("rows to be locked come from no scan of ours")));
}

/* ---- the list ----------------------------------------------------------- */

static void
make_room(PfdwRowLocks *locks)
{
	if (locks->count < locks->capacity)
		return;
	locks->capacity = Max(locks->capacity * 2, 64);
	locks->rows =
		locks->rows == NULL
			? MemoryContextAlloc(locks->context,
								 sizeof(NotedRow) * locks->capacity)
			: repalloc_huge(locks->rows, sizeof(NotedRow) * locks->capacity);
}

void
pfdw_locks_note(PfdwRowLocks *locks, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(locks->context);
	uint64 number = locks->count;
	NotedRow *row;
	MinimalTuple tuple;

	make_room(locks);
	row = &locks->rows[locks->count++];
	slot_getallattrs(slot);
	tuple = heap_form_minimal_tuple(slot->tts_tupleDescriptor, slot->tts_values,
									slot->tts_isnull);
	locks->memory += GetMemoryChunkSpace(tuple);
	row->tuple = tuple;
	if (locks->memory > (Size) work_mem * 1024)
	{
		if (locks->file == NULL)
			locks->file = BufFileCreateTemp(false);
		else if (BufFileSeek(locks->file, 0, 0, SEEK_END) != 0)
			ereport(ERROR, (errcode_for_file_access(),
							errmsg("could not seek in temporary file")));
		BufFileTell(locks->file, &row->file, &row->offset);
		BufFileWrite(locks->file, tuple, tuple->t_len);
		locks->memory -= GetMemoryChunkSpace(tuple);
		pfree(tuple);
		row->tuple = NULL;
	}
	ItemPointerSet(&slot->tts_tid, (BlockNumber) (number / ROWS_PER_BLOCK),
				   (OffsetNumber) (number % ROWS_PER_BLOCK + 1));
	MemoryContextSwitchTo(old);
}

static void
read_file(PfdwRowLocks *locks, void *to, Size size)
{
	if (BufFileRead(locks->file, to, size) != size)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not read from temporary file")));
}

static void
fetch_row(PfdwRowLocks *locks, ItemPointer tid, TupleTableSlot *slot)
{
	uint64 number =
		(uint64) ItemPointerGetBlockNumberNoCheck(tid) * ROWS_PER_BLOCK +
		ItemPointerGetOffsetNumberNoCheck(tid) - 1;
	const NotedRow *row;
	MinimalTuple tuple;
	uint32 size;

	if (number >= locks->count)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg_internal("there is no row number " UINT64_FORMAT
										" to be locked",
										number)));
	row = &locks->rows[number];
	if (row->tuple != NULL)
	{
		ExecForceStoreMinimalTuple(row->tuple, slot, false);
		return;
	}
	if (BufFileSeek(locks->file, row->file, row->offset, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not seek in temporary file")));
	read_file(locks, &size, sizeof(size));
	tuple = palloc(size);
	tuple->t_len = size;
	read_file(locks, (char *) tuple + sizeof(size), size - sizeof(size));
	ExecForceStoreMinimalTuple(tuple, slot, true);
}

/* ---- locking ------------------------------------------------------------ */

/* What has become of a row. */
typedef enum RowState
{
	ROW_UNCHANGED,
	ROW_CHANGED, /* locks->current is the row now */
	ROW_GONE,
	ROW_SKIPPED
} RowState;

static void
fail_locked(const PfdwRowLocks *locks)
{
	ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					errmsg("could not obtain lock on row in relation \"%s\"",
						   RelationGetRelationName(locks->reader->relation))));
}

/* false: a bulk writer has the table, and nobody waits for it. */
static bool
prepare(PfdwRowLocks *locks, LockWaitPolicy policy)
{
	PfdwReader *reader = locks->reader;
	Relation relation = reader->relation;
	const PfdwTableRef *ref = &reader->options->ref;
	MemoryContext old;

	if (locks->heap != NULL)
		return true;
	if (!pfdw_lake_lock(ref, RowExclusiveLock, policy == LockWaitBlock))
	{
		if (policy == LockWaitError)
			fail_locked(locks);
		return false;
	}
	old = MemoryContextSwitchTo(locks->context);
	locks->row =
		MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsVirtual);
	locks->current =
		MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsVirtual);
	locks->heap = pfdw_delta_heap_open(
		relation, pfdw_lake_table_get(ref, RelationGetRelid(relation)), true);
	MemoryContextSwitchTo(old);
	return true;
}

/* The row as the lake and the outbox have it now. */
static RowState
compare_newest(PfdwRowLocks *locks)
{
	PfdwReader *reader = locks->reader;

	if (reader->table != NULL && pfdw_view_is_current(&reader->view))
		return ROW_UNCHANGED;
	if (locks->newest == NULL)
	{
		int count;
		const AttrNumber *attnums = pfdw_delta_heap_keys(locks->heap, &count);

		locks->newest = pfdw_look_up_create(locks->context, reader->relation,
											attnums, count, NULL);
	}
	if (!pfdw_look_up_find(locks->newest, locks->row, locks->current))
		return ROW_GONE;
	return pfdw_row_is_same(locks->row, locks->current) ? ROW_UNCHANGED
														: ROW_CHANGED;
}

/* Lock locks->row. */
static RowState
lock_row(PfdwRowLocks *locks, LockWaitPolicy policy)
{
	ItemPointerData tid;
	char kind = PFDW_KIND_LOCK;
	PfdwClaim claim;

	claim = pfdw_delta_claim(
		locks->heap, locks->row, &kind, locks->estate->es_snapshot,
		locks->estate->es_output_cid, policy, locks->current, &tid);
	if (claim == PFDW_CLAIM_SKIPPED)
		return ROW_SKIPPED;
	if (claim == PFDW_CLAIM_NEW || kind == PFDW_KIND_LOCK)
		return compare_newest(locks);
	/* Another part of this very statement has written it. */
	if (claim == PFDW_CLAIM_SELF)
		return ROW_SKIPPED;
	if (kind == PFDW_KIND_DELETED)
		return ROW_GONE;
	return claim == PFDW_CLAIM_SEEN ? ROW_UNCHANGED : ROW_CHANGED;
}

RowMarkType
paimonGetForeignRowMarkType(RangeTblEntry *rte, LockClauseStrength strength)
{
	switch (strength)
	{
		case LCS_FORKEYSHARE:
			return ROW_MARK_KEYSHARE;
		case LCS_FORSHARE:
			return ROW_MARK_SHARE;
		case LCS_FORNOKEYUPDATE:
			return ROW_MARK_NOKEYEXCLUSIVE;
		case LCS_FORUPDATE:
			return ROW_MARK_EXCLUSIVE;
		case LCS_NONE:
			break;
	}
	return ROW_MARK_COPY;
}

void
paimonRefetchForeignRow(EState *estate, ExecRowMark *mark, Datum rowid,
						TupleTableSlot *slot, bool *updated)
{
	PfdwRowLocks *locks = find_locks(estate, mark->rti);
	RowState state = ROW_SKIPPED;

	ExecClearTuple(slot);
	if (prepare(locks, mark->waitPolicy))
	{
		fetch_row(locks, (ItemPointer) DatumGetPointer(rowid), locks->row);
		state = lock_row(locks, mark->waitPolicy);
	}
	if ((state == ROW_CHANGED || state == ROW_GONE) &&
		IsolationUsesXactSnapshot())
		ereport(
			ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg(state == ROW_CHANGED
						? "could not serialize access due to concurrent update"
						: "could not serialize access due to concurrent "
						  "delete")));
	if (state == ROW_GONE || state == ROW_SKIPPED)
		return;
	ExecCopySlot(slot, state == ROW_CHANGED ? locks->current : locks->row);
	slot->tts_tableOid = RelationGetRelid(locks->reader->relation);
	*updated = state == ROW_CHANGED;
}
