/*
 * fdw_replace.c
 *
 * INSERT of many rows into a table whose rows otherwise go to a delta heap:
 * they become data files at once.
 *
 * What the heap has of a key is newer than any file. So nobody else may write
 * rows meanwhile, and rows of the heap that have one in the files are taken
 * away, in the same transaction: a snapshot sees either the one or the other.
 * The heap is small; its keys are read once when the bulk begins. Where rows
 * are only added, none of this is needed.
 */
#include "fdw_writer.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

typedef void (*VisitRow)(PfdwWriter *writer, PfdwDeltaHeap *heap,
						 TupleTableSlot *row, ItemPointer tid,
						 CommandId command);

/* All rows of the heap, also those that only lock a key. */
static void
visit_heap(PfdwWriter *writer, Relation relation, VisitRow visit,
		   CommandId command)
{
	const PfdwLakeTable *lake_table =
		pfdw_lake_table_find(&writer->options->ref);
	PfdwDeltaHeap *heap;
	PfdwDeltaScan *scan;
	TupleTableSlot *row;
	Snapshot snapshot;
	ItemPointerData tid;
	char kind;

	if (lake_table == NULL)
		return;
	heap = pfdw_delta_heap_open(relation, lake_table, false);
	if (heap == NULL)
		return;
	snapshot = RegisterSnapshot(pfdw_snapshot_newest(InvalidCommandId));
	row = MakeSingleTupleTableSlot(writer->tupdesc, &TTSOpsVirtual);
	scan = pfdw_delta_scan_begin(heap, snapshot, true);
	while (pfdw_delta_scan_next(scan, row, &kind, &tid))
		visit(writer, heap, row, &tid, command);
	pfdw_delta_scan_end(scan);
	ExecDropSingleTupleTableSlot(row);
	pfdw_delta_heap_close(heap);
	UnregisterSnapshot(snapshot);
}

static PfdwKeySet *
make_keyset(PfdwWriter *writer)
{
	return pfdw_keyset_create(writer->context, writer->tupdesc,
							  writer->key_attnums, writer->key_count);
}

static void
remember_key(PfdwWriter *writer, PfdwDeltaHeap *heap, TupleTableSlot *row,
			 ItemPointer tid, CommandId command)
{
	if (writer->delta_keys == NULL)
		writer->delta_keys = make_keyset(writer);
	(void) pfdw_keyset_add(writer->delta_keys, row);
}

static void
delete_replaced(PfdwWriter *writer, PfdwDeltaHeap *heap, TupleTableSlot *row,
				ItemPointer tid, CommandId command)
{
	if (pfdw_keyset_has(writer->replaced, row))
		pfdw_delta_delete(heap, tid, command);
}

void
pfdw_replace_begin(PfdwWriter *writer, Relation relation)
{
	MemoryContext old;

	writer->is_bulk = true;
	if (!writer->has_key)
		return;
	old = MemoryContextSwitchTo(writer->context);
	pfdw_view_lock(&writer->options->ref, writer->table, false);
	visit_heap(writer, relation, remember_key, writer->command);
	MemoryContextSwitchTo(old);
}

void
pfdw_replace_note(PfdwWriter *writer, TupleTableSlot *slot)
{
	if (writer->delta_keys == NULL ||
		!pfdw_keyset_has(writer->delta_keys, slot))
		return;
	if (writer->replaced == NULL)
		writer->replaced = make_keyset(writer);
	(void) pfdw_keyset_add(writer->replaced, slot);
}

bool
pfdw_replace_end(PfdwWriter *writer, Relation relation)
{
	CommandId command = writer->command;

	if (writer->replaced == NULL)
		return false;
	/* Rows that the statement itself had written before there were many. */
	if (writer->has_written)
	{
		CommandCounterIncrement();
		command = GetCurrentCommandId(true);
	}
	visit_heap(writer, relation, delete_replaced, command);
	pfdw_keyset_free(writer->replaced);
	writer->replaced = NULL;
	return true;
}
