/*
 * delta_heap.c
 *
 * The delta heap being opened and read. It is an ordinary table of schema
 * paimon_int, named after the lake table's number, with a column for each
 * column of the foreign table that wrote first and one for the kind of row.
 *
 * Columns are matched by their name in the lake, so that two foreign tables
 * which show one lake table share the heap whatever their columns' order and
 * names are. The key is what the unique index is on: opening a heap asks
 * nothing of the lake. There is no index, and no key, where rows are only
 * added.
 *
 * Rows given out point into a buffer that is pinned until the next row.
 */
#include "delta_heap.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

struct PfdwDeltaScan
{
	PfdwDeltaHeap *heap;
	TableScanDesc scan;
	bool with_locks;
};

static void match_columns(PfdwDeltaHeap *heap, Relation foreign);
static void find_key(PfdwDeltaHeap *heap);

/*
 * Lake names may be longer than the server's, or be what the server or we
 * call columns of our own.
 */
void
pfdw_delta_column(const char *lake_name, NameData *out)
{
	char *name = pfdw_name_from_lake(lake_name);
	int size = (int) strlen(name);

	if (size < NAMEDATALEN && strcmp(name, DELTA_KIND_COLUMN) != 0 &&
		SystemAttributeByName(name) == NULL)
	{
		namestrcpy(out, name);
		return;
	}
	size = pg_mbcliplen(name, size, NAMEDATALEN - 10);
	memset(out, 0, sizeof(*out));
	snprintf(
		NameStr(*out), NAMEDATALEN, "%.*s_%08x", size, name,
		hash_bytes((const unsigned char *) lake_name, (int) strlen(lake_name)));
}

PfdwDeltaHeap *
pfdw_delta_heap_open(Relation foreign, const PfdwLakeTable *lake_table,
					 bool make)
{
	LOCKMODE mode = make ? RowExclusiveLock : AccessShareLock;
	char name[NAMEDATALEN];
	MemoryContext context;
	MemoryContext old;
	PfdwDeltaHeap *heap;
	List *indexes;
	Oid oid;

	/* By name: what the row says may not be visible yet, or no more. */
	pfdw_delta_heap_name(lake_table, name);
	oid = get_relname_relid(name, get_namespace_oid(DELTA_SCHEMA, false));
	if (!OidIsValid(oid) && !make)
		return NULL;
	if (!OidIsValid(oid))
		oid = pfdw_delta_heap_create(foreign, lake_table);

	context = AllocSetContextCreate(CurrentMemoryContext, "paimon delta heap",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	heap = palloc0(sizeof(*heap));
	heap->context = context;
	heap->lake_table = lake_table->id;
	heap->name = pstrdup(RelationGetRelationName(foreign));
	heap->tupdesc = RelationGetDescr(foreign);
	heap->heap = table_open(oid, mode);
	indexes = RelationGetIndexList(heap->heap);
	if (indexes != NIL)
		heap->index = index_open(linitial_oid(indexes), mode);
	match_columns(heap, foreign);
	find_key(heap);
	heap->slot = table_slot_create(heap->heap, NULL);
	MemoryContextSwitchTo(old);
	return heap;
}

/* Locks stay until the transaction ends. */
void
pfdw_delta_heap_close(PfdwDeltaHeap *heap)
{
	if (heap == NULL)
		return;
	ExecDropSingleTupleTableSlot(heap->slot);
	if (heap->rinfo != NULL)
		ExecCloseIndices(heap->rinfo);
	if (heap->estate != NULL)
		FreeExecutorState(heap->estate);
	if (heap->index != NULL)
		index_close(heap->index, NoLock);
	table_close(heap->heap, NoLock);
	MemoryContextDelete(heap->context);
}

const AttrNumber *
pfdw_delta_heap_keys(const PfdwDeltaHeap *heap, int *count)
{
	*count = heap->key_count;
	return heap->keys;
}

/* Attribute of that name, or 0. */
static AttrNumber
find_attribute(TupleDesc tupdesc, const char *name)
{
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);

		if (!attribute->attisdropped &&
			strcmp(NameStr(attribute->attname), name) == 0)
			return attribute->attnum;
	}
	return InvalidAttrNumber;
}

static void
match_columns(PfdwDeltaHeap *heap, Relation foreign)
{
	TupleDesc columns = RelationGetDescr(heap->heap);

	heap->kind = find_attribute(columns, DELTA_KIND_COLUMN);
	if (heap->kind == InvalidAttrNumber)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("relation \"%s\" is no delta heap",
							   RelationGetRelationName(heap->heap))));
	heap->map = palloc0(sizeof(AttrNumber) * (heap->tupdesc->natts + 1));
	for (int i = 0; i < heap->tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(heap->tupdesc, i);
		NameData name;
		AttrNumber attnum;

		if (attribute->attisdropped)
			continue;
		pfdw_delta_column(pfdw_relation_column_name(
							  RelationGetRelid(foreign), attribute->attnum,
							  NameStr(attribute->attname)),
						  &name);
		attnum = find_attribute(columns, NameStr(name));
		if (attnum == InvalidAttrNumber ||
			TupleDescAttr(columns, attnum - 1)->atttypid != attribute->atttypid)
			heap->misfit = attribute->attnum;
		else
			heap->map[i] = attnum;
	}
}

bool
pfdw_delta_heap_fits(const PfdwDeltaHeap *heap)
{
	return heap->misfit == InvalidAttrNumber;
}

void
pfdw_delta_check_columns(const PfdwDeltaHeap *heap)
{
	if (heap->misfit == InvalidAttrNumber)
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		 errmsg(
			 "column \"%s\" of foreign table \"%s\" does not fit rows "
			 "that are not in the lake yet",
			 NameStr(TupleDescAttr(heap->tupdesc, heap->misfit - 1)->attname),
			 heap->name),
		 errdetail("They were written through another foreign table for "
				   "the same lake table, which has not this column or "
				   "declares another type."),
		 errhint("Function paimon.flush brings them to the lake.")));
}

/* The key as the index has it, and how to look one up. */
static void
find_key(PfdwDeltaHeap *heap)
{
	Form_pg_index form;

	if (heap->index == NULL)
		return;
	form = heap->index->rd_index;
	heap->key_count = form->indnkeyatts;
	heap->keys = palloc0(sizeof(AttrNumber) * heap->key_count);
	heap->scan_keys = palloc0(sizeof(ScanKeyData) * heap->key_count);
	for (int k = 0; k < heap->key_count; k++)
	{
		Oid type = heap->index->rd_opcintype[k];
		Oid equality = get_opfamily_member(heap->index->rd_opfamily[k], type,
										   type, BTEqualStrategyNumber);

		for (int i = 0; i < heap->tupdesc->natts; i++)
		{
			if (heap->map[i] == form->indkey.values[k])
				heap->keys[k] = (AttrNumber) (i + 1);
		}
		if (heap->keys[k] == InvalidAttrNumber)
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							errmsg("foreign table \"%s\" lacks a column of the "
								   "primary key",
								   heap->name)));
		ScanKeyEntryInitialize(&heap->scan_keys[k], 0, (AttrNumber) (k + 1),
							   BTEqualStrategyNumber, type,
							   heap->index->rd_indcollation[k],
							   get_opcode(equality), (Datum) 0);
	}
}

void
pfdw_delta_row(PfdwDeltaHeap *heap, TupleTableSlot *out, char *kind)
{
	TupleTableSlot *slot = heap->slot;

	slot_getallattrs(slot);
	*kind = DatumGetChar(slot->tts_values[heap->kind - 1]);
	if (pfdw_kind_is_row(*kind))
		pfdw_delta_check_columns(heap);
	ExecClearTuple(out);
	for (int i = 0; i < heap->tupdesc->natts; i++)
	{
		AttrNumber attnum = heap->map[i];

		out->tts_isnull[i] = attnum == 0 || slot->tts_isnull[attnum - 1];
		out->tts_values[i] =
			out->tts_isnull[i] ? (Datum) 0 : slot->tts_values[attnum - 1];
	}
	ExecStoreVirtualTuple(out);
}

PfdwDeltaScan *
pfdw_delta_scan_begin(PfdwDeltaHeap *heap, Snapshot snapshot, bool with_locks)
{
	PfdwDeltaScan *scan = palloc0(sizeof(*scan));

	scan->heap = heap;
	scan->with_locks = with_locks;
	scan->scan = table_beginscan(heap->heap, snapshot, 0, NULL);
	return scan;
}

/* Of a crashed server's rows nobody else will tell. */
static void
note_seen(PfdwDeltaHeap *heap)
{
	if (heap->is_noted)
		return;
	heap->is_noted = true;
	pfdw_delta_seen(heap->lake_table);
}

static bool
is_lock(PfdwDeltaHeap *heap)
{
	bool is_null;

	return DatumGetChar(slot_getattr(heap->slot, heap->kind, &is_null)) ==
		   PFDW_KIND_LOCK;
}

/*
 * Whether the row in heap->slot may have a successor that the snapshot sees as
 * well: it was moved to the lake after the snapshot was taken, and this
 * transaction has then written its key, which was not there any more.
 */
static bool
may_be_succeeded(PfdwDeltaHeap *heap)
{
	HeapTupleHeader header =
		ExecFetchSlotHeapTuple(heap->slot, false, NULL)->t_data;

	return heap->index != NULL &&
		   (header->t_infomask & HEAP_XMAX_INVALID) == 0 &&
		   !HEAP_XMAX_IS_LOCKED_ONLY(header->t_infomask) &&
		   TransactionIdIsValid(GetTopTransactionIdIfAny()) &&
		   !TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(header));
}

/* This transaction's own row of the key in heap->scan_keys. */
static bool
find_own(PfdwDeltaHeap *heap, Snapshot snapshot, ItemPointer tid)
{
	TupleTableSlot *slot = table_slot_create(heap->heap, NULL);
	IndexScanDesc scan =
		index_beginscan(heap->heap, heap->index, snapshot, heap->key_count, 0);
	bool found = false;

	index_rescan(scan, heap->scan_keys, heap->key_count, NULL, 0);
	while (!found && index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		HeapTuple tuple = ExecFetchSlotHeapTuple(slot, false, NULL);
		bool is_null;

		found = TransactionIdIsCurrentTransactionId(
					HeapTupleHeaderGetXmin(tuple->t_data)) &&
				DatumGetChar(slot_getattr(slot, heap->kind, &is_null)) !=
					PFDW_KIND_LOCK;
		*tid = slot->tts_tid;
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	return found;
}

static bool
is_succeeded(PfdwDeltaHeap *heap, Snapshot snapshot)
{
	ItemPointerData own;
	bool is_null;

	if (!may_be_succeeded(heap))
		return false;
	for (int k = 0; k < heap->key_count; k++)
		heap->scan_keys[k].sk_argument =
			slot_getattr(heap->slot, heap->keys[k], &is_null);
	return find_own(heap, snapshot, &own);
}

bool
pfdw_delta_scan_next(PfdwDeltaScan *scan, TupleTableSlot *out, char *kind,
					 ItemPointer tid)
{
	PfdwDeltaHeap *heap = scan->heap;

	while (table_scan_getnextslot(scan->scan, ForwardScanDirection, heap->slot))
	{
		bool is_null;

		CHECK_FOR_INTERRUPTS();
		*kind = DatumGetChar(slot_getattr(heap->slot, heap->kind, &is_null));
		if (*kind == PFDW_KIND_LOCK && !scan->with_locks)
			continue;
		if (is_succeeded(heap, scan->scan->rs_snapshot))
			continue;
		note_seen(heap);
		pfdw_delta_row(heap, out, kind);
		if (tid != NULL)
			*tid = heap->slot->tts_tid;
		return true;
	}
	ExecClearTuple(out);
	return false;
}

void
pfdw_delta_scan_end(PfdwDeltaScan *scan)
{
	table_endscan(scan->scan);
	ExecClearTuple(scan->heap->slot);
	pfree(scan);
}

bool
pfdw_delta_probe(PfdwDeltaHeap *heap, Snapshot snapshot, const Datum *key,
				 TupleTableSlot *out, char *kind)
{
	IndexScanDesc scan;
	ItemPointerData own;
	bool found;

	Assert(heap->index != NULL);
	for (int k = 0; k < heap->key_count; k++)
		heap->scan_keys[k].sk_argument = key[k];
	scan =
		index_beginscan(heap->heap, heap->index, snapshot, heap->key_count, 0);
	index_rescan(scan, heap->scan_keys, heap->key_count, NULL, 0);
	do
	{
		/* A lock of ours may stand beside the row that it is for. */
		found = index_getnext_slot(scan, ForwardScanDirection, heap->slot);
	} while (found && is_lock(heap));
	if (found && may_be_succeeded(heap) && find_own(heap, snapshot, &own))
		found = table_tuple_fetch_row_version(heap->heap, &own, snapshot,
											  heap->slot);
	if (found)
	{
		note_seen(heap);
		pfdw_delta_row(heap, out, kind);
	}
	index_endscan(scan);
	return found;
}
