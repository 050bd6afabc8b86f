/*
 * delta_outbox.c
 *
 * The outbox: commit messages of data files whose transaction has committed
 * and that the lake does not have yet. A row is put in by the transaction that
 * wrote the files and commits or vanishes with it; that is the only decision.
 * Everything later (seal, publish, delete) may be done again after a crash.
 *
 * n comes from a sequence. Of keyed tables it ascends in the order of commits,
 * as their writers of files are one at a time; of append tables order does
 * not matter.
 */
#include "delta_catalog.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

/* Columns of outbox. */
enum
{
	OUTBOX_LAKE_TABLE = 1,
	OUTBOX_N,
	OUTBOX_XID,
	OUTBOX_IDENT,
	OUTBOX_ROW_COUNT,
	OUTBOX_MESSAGE,
	OUTBOX_COLUMNS = OUTBOX_MESSAGE
};

static bytea *message_bytes(PfdwTable *table, const PmnMessage *message);
static PfdwOutboxRow *read_row(HeapTuple tuple, TupleDesc desc,
							   bool with_message);

int64
pfdw_outbox_add(int32 lake_table, PmnMessage *message)
{
	const PfdwLakeTable *lake = pfdw_lake_table_by_id(lake_table);
	Relation relation = pfdw_store_open("outbox", RowExclusiveLock);
	int64 n = pfdw_store_next("outbox_n");
	Datum values[OUTBOX_COLUMNS] = {0};
	bool nulls[OUTBOX_COLUMNS] = {0};
	bytea *bytes;
	HeapTuple tuple;

	if (lake == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("lake table %d is not known any more", lake_table)));
	bytes = message_bytes(pfdw_delta_table(&lake->ref), message);
	values[OUTBOX_LAKE_TABLE - 1] = Int32GetDatum(lake_table);
	values[OUTBOX_N - 1] = Int64GetDatum(n);
	values[OUTBOX_XID - 1] =
		FullTransactionIdGetDatum(GetTopFullTransactionId());
	nulls[OUTBOX_IDENT - 1] = true;
	values[OUTBOX_ROW_COUNT - 1] =
		Int64GetDatum((int64) pmn_message_row_count(message));
	values[OUTBOX_MESSAGE - 1] = PointerGetDatum(bytes);
	tuple = heap_form_tuple(RelationGetDescr(relation), values, nulls);
	CatalogTupleInsert(relation, tuple);
	heap_freetuple(tuple);
	pfree(bytes);
	table_close(relation, NoLock);
	return n;
}

static bytea *
message_bytes(PfdwTable *table, const PmnMessage *message)
{
	PmnBytes bytes;
	bytea *copy;

	pfdw_check(table->env,
			   pmn_message_serialize(table->table, message, &bytes));
	copy = palloc(VARHDRSZ + bytes.size);
	SET_VARSIZE(copy, VARHDRSZ + bytes.size);
	memcpy(VARDATA(copy), bytes.data, bytes.size);
	pmn_message_bytes_free(table->table, &bytes);
	return copy;
}

PmnMessage *
pfdw_outbox_message(PfdwTable *table, const PfdwOutboxRow *row)
{
	PmnBytes bytes = {(const uint8_t *) VARDATA(row->message),
					  VARSIZE(row->message) - VARHDRSZ};
	PmnMessage *message = NULL;

	pfdw_check(table->env,
			   pmn_message_deserialize(table->table, bytes, &message));
	return message;
}

List *
pfdw_outbox_read(int32 lake_table, Snapshot snapshot, bool with_messages)
{
	Relation relation = pfdw_store_open("outbox", AccessShareLock);
	Relation index = index_open(pfdw_store_oid("outbox_pkey"), AccessShareLock);
	List *rows = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, OUTBOX_LAKE_TABLE, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(lake_table));
	scan = systable_beginscan_ordered(relation, index, snapshot, 1, &key);
	while (HeapTupleIsValid(
		tuple = systable_getnext_ordered(scan, ForwardScanDirection)))
		rows = lappend(
			rows, read_row(tuple, RelationGetDescr(relation), with_messages));
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(relation, AccessShareLock);
	return rows;
}

static PfdwOutboxRow *
read_row(HeapTuple tuple, TupleDesc desc, bool with_message)
{
	PfdwOutboxRow *row = palloc0(sizeof(*row));
	Datum values[OUTBOX_COLUMNS];
	bool nulls[OUTBOX_COLUMNS];

	heap_deform_tuple(tuple, desc, values, nulls);
	row->n = DatumGetInt64(values[OUTBOX_N - 1]);
	row->ident =
		nulls[OUTBOX_IDENT - 1] ? 0 : DatumGetInt64(values[OUTBOX_IDENT - 1]);
	row->tid = tuple->t_self;
	if (with_message)
		row->message = DatumGetByteaPCopy(values[OUTBOX_MESSAGE - 1]);
	return row;
}

void
pfdw_outbox_fetch(PfdwOutboxRow *row, Snapshot snapshot)
{
	Relation relation = pfdw_store_open("outbox", AccessShareLock);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	Datum value;
	bool is_null;

	if (!table_tuple_fetch_row_version(relation, &row->tid, snapshot, slot))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("row %lld of the outbox is gone", (long long) row->n)));
	value = slot_getattr(slot, OUTBOX_MESSAGE, &is_null);
	row->message = DatumGetByteaPCopy(value);
	ExecDropSingleTupleTableSlot(slot);
	table_close(relation, AccessShareLock);
}

/* Only who holds the table's session lock changes or deletes rows. */
void
pfdw_outbox_seal(PfdwOutboxRow *row, int64 ident)
{
	Relation relation = pfdw_store_open("outbox", RowExclusiveLock);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	Datum values[OUTBOX_COLUMNS] = {0};
	bool nulls[OUTBOX_COLUMNS] = {0};
	bool replaced[OUTBOX_COLUMNS] = {0};
	HeapTuple old;
	HeapTuple tuple;

	if (!table_tuple_fetch_row_version(relation, &row->tid, SnapshotSelf, slot))
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("row %lld of the outbox has changed",
							   (long long) row->n)));
	old = ExecFetchSlotHeapTuple(slot, true, NULL);
	values[OUTBOX_IDENT - 1] = Int64GetDatum(ident);
	replaced[OUTBOX_IDENT - 1] = true;
	tuple = heap_modify_tuple(old, RelationGetDescr(relation), values, nulls,
							  replaced);
	CatalogTupleUpdate(relation, &row->tid, tuple);
	row->tid = tuple->t_self;
	row->ident = ident;
	heap_freetuple(tuple);
	ExecDropSingleTupleTableSlot(slot);
	table_close(relation, NoLock);
}

void
pfdw_outbox_delete(PfdwOutboxRow *row)
{
	Relation relation = pfdw_store_open("outbox", RowExclusiveLock);

	CatalogTupleDelete(relation, &row->tid);
	table_close(relation, NoLock);
}
