/*
 * delta_catalog.c
 *
 * The tables of schema paimon_int that say which lake tables were written to
 * here: identity and lake_table. They are ordinary heaps, read by index under
 * whatever snapshot the caller has, so what they say is a fact of that
 * snapshot; no rights are checked, as only this library gets here.
 *
 * What never changes of a lake table's row (id, place), and what only goes one
 * way (its delta heap), is read under a fresh snapshot; what decides which
 * rows a statement sees (the base) under the statement's own.
 *
 * A row is changed by few: who makes the delta heap, who publishes. They may
 * still meet; the row is locked at its newest version before it is changed, so
 * nobody fails for having been second.
 */
#include "delta_catalog.h"

#include <limits.h>
#include <stdlib.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "commands/sequence.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#define STORE_SCHEMA "paimon_int"

/* A kind of advisory lock, see delta_visibility.c. */
#define LAKE_ROW_LOCK 5

/* Columns of lake_table. */
enum
{
	LAKE_ID = 1,
	LAKE_LOCATION,
	LAKE_WAREHOUSE,
	LAKE_DATABASE,
	LAKE_TABLE,
	LAKE_BRANCH,
	LAKE_RELID,
	LAKE_DELTA,
	LAKE_SNAPSHOT_ID,
	LAKE_IDENT,
	LAKE_N,
	LAKE_ORIGIN,
	LAKE_COLUMNS = LAKE_ORIGIN
};

static HeapTuple fetch_by_location(const char *location, Snapshot snapshot);
static HeapTuple fetch_by_id(int32 id, Snapshot snapshot);
static DeltaLakeTable *remember(HeapTuple tuple);
static void insert_row(const PfdwTableRef *ref, const char *location,
					   Oid relid);
static void change_row(int32 id, const int *columns, const Datum *values,
					   int count);

/* ---- the store -------------------------------------------------------- */

Oid
pfdw_store_oid(const char *name)
{
	Oid oid = get_relname_relid(name, get_namespace_oid(STORE_SCHEMA, false));

	if (!OidIsValid(oid))
		ereport(
			ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("relation \"" STORE_SCHEMA ".%s\" does not exist", name),
			 errhint("Make extension paimon_fdw anew.")));
	return oid;
}

Relation
pfdw_store_open(const char *name, LOCKMODE mode)
{
	return table_open(pfdw_store_oid(name), mode);
}

int64
pfdw_store_next(const char *sequence)
{
	return nextval_internal(pfdw_store_oid(sequence), false);
}

Snapshot
pfdw_snapshot_newest(CommandId before)
{
	/* Workers, and a leader that has some, may not take another one. */
	Snapshot newest =
		IsInParallelMode() ? GetActiveSnapshot() : GetLatestSnapshot();
	Size xids = newest->xcnt * sizeof(TransactionId);
	Size subxids =
		newest->subxcnt > 0 ? newest->subxcnt * sizeof(TransactionId) : 0;
	Snapshot copy = palloc(sizeof(*copy) + xids + subxids);

	*copy = *newest;
	copy->regd_count = 0;
	copy->active_count = 0;
	copy->copied = false; /* who registers it makes a copy to keep */
	copy->snapXactCompletionCount = 0;
	copy->curcid = before;
	copy->xip = (TransactionId *) (copy + 1);
	copy->subxip = copy->xip + newest->xcnt;
	if (xids > 0)
		memcpy(copy->xip, newest->xip, xids);
	else
		copy->xip = NULL;
	if (subxids > 0 && (!newest->suboverflowed || newest->takenDuringRecovery))
		memcpy(copy->subxip, newest->subxip, subxids);
	else
		copy->subxip = NULL;
	return copy;
}

/* ---- finding ---------------------------------------------------------- */

char *
pfdw_lake_location(const PfdwTableRef *ref)
{
	const char *warehouse = ref->warehouse;
	char real[PATH_MAX];
	int size;

	/* However it is spelt, and through whatever link: one place. */
	if (strncmp(warehouse, "file://", 7) == 0)
		warehouse += 7;
	if (realpath(warehouse, real) != NULL)
		warehouse = real;
	size = (int) strlen(warehouse);
	while (size > 1 && warehouse[size - 1] == '/')
		size--;
	if (ref->branch != NULL)
		return psprintf("%.*s/%s.db/%s/branch/branch-%s", size, warehouse,
						ref->database, ref->table, ref->branch);
	return psprintf("%.*s/%s.db/%s", size, warehouse, ref->database,
					ref->table);
}

const PfdwLakeTable *
pfdw_lake_table_find(const PfdwTableRef *ref)
{
	char *location = pfdw_lake_location(ref);
	Snapshot snapshot = pfdw_snapshot_newest(InvalidCommandId);
	HeapTuple tuple = fetch_by_location(location, snapshot);
	const PfdwLakeTable *found = NULL;

	/* The active snapshot may be old. */
	if (tuple == NULL && IsInParallelMode())
		tuple = fetch_by_location(location, SnapshotSelf);
	if (tuple != NULL)
	{
		found = &remember(tuple)->base;
		heap_freetuple(tuple);
	}
	pfree(snapshot);
	pfree(location);
	return found;
}

const PfdwLakeTable *
pfdw_lake_table_by_id(int32 id)
{
	Snapshot snapshot = pfdw_snapshot_newest(InvalidCommandId);
	HeapTuple tuple = fetch_by_id(id, snapshot);
	const PfdwLakeTable *found = NULL;

	if (tuple != NULL)
	{
		found = &remember(tuple)->base;
		heap_freetuple(tuple);
	}
	pfree(snapshot);
	return found;
}

int64
pfdw_lake_table_origin(const PfdwLakeTable *lake_table)
{
	return ((const DeltaLakeTable *) lake_table)->origin;
}

/* A copy of the row, or NULL. */
static HeapTuple
fetch(const char *index, ScanKey key, Snapshot snapshot)
{
	Relation relation = pfdw_store_open("lake_table", AccessShareLock);
	SysScanDesc scan = systable_beginscan(relation, pfdw_store_oid(index), true,
										  snapshot, 1, key);
	HeapTuple tuple = systable_getnext(scan);

	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return tuple;
}

static HeapTuple
fetch_by_location(const char *location, Snapshot snapshot)
{
	ScanKeyData key;

	ScanKeyInit(&key, LAKE_LOCATION, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(location));
	return fetch("lake_table_location_key", &key, snapshot);
}

static HeapTuple
fetch_by_id(int32 id, Snapshot snapshot)
{
	ScanKeyData key;

	ScanKeyInit(&key, LAKE_ID, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(id));
	return fetch("lake_table_pkey", &key, snapshot);
}

/* ---- what is cached --------------------------------------------------- */

static char *
copy_text(Datum value)
{
	return TextDatumGetCString(value);
}

static void
read_ref(const Datum *values, const bool *nulls, PfdwTableRef *ref)
{
	ref->warehouse = copy_text(values[LAKE_WAREHOUSE - 1]);
	ref->database = copy_text(values[LAKE_DATABASE - 1]);
	ref->table = copy_text(values[LAKE_TABLE - 1]);
	ref->branch =
		nulls[LAKE_BRANCH - 1] ? NULL : copy_text(values[LAKE_BRANCH - 1]);
}

/* A row as the transaction keeps it: one for each id, up to date. */
static DeltaLakeTable *
remember(HeapTuple tuple)
{
	Relation relation = pfdw_store_open("lake_table", AccessShareLock);
	Datum values[LAKE_COLUMNS];
	bool nulls[LAKE_COLUMNS];
	DeltaLakeTable *kept;

	heap_deform_tuple(tuple, RelationGetDescr(relation), values, nulls);
	kept = pfdw_delta_lake_table(DatumGetInt32(values[LAKE_ID - 1]));
	if (kept->base.ref.warehouse == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(kept));

		read_ref(values, nulls, &kept->base.ref);
		MemoryContextSwitchTo(old);
	}
	kept->base.relid = DatumGetObjectId(values[LAKE_RELID - 1]);
	kept->base.delta = DatumGetObjectId(values[LAKE_DELTA - 1]);
	kept->origin = DatumGetInt64(values[LAKE_ORIGIN - 1]);
	/* It went with its foreign table. */
	if (OidIsValid(kept->base.delta) &&
		!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(kept->base.delta)))
		kept->base.delta = InvalidOid;
	table_close(relation, AccessShareLock);
	return kept;
}

/* ---- making and changing ---------------------------------------------- */

/* Who wants to make a table's row, one at a time to the transaction's end. */
static void
lock_location(const char *location)
{
	uint64 hash = hash_bytes_extended((const unsigned char *) location,
									  (int) strlen(location), 0);
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32),
						 (uint32) hash, LAKE_ROW_LOCK);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

const PfdwLakeTable *
pfdw_lake_table_get(const PfdwTableRef *ref, Oid relid)
{
	const PfdwLakeTable *found = pfdw_lake_table_find(ref);
	char *location;

	(void) pfdw_commit_user(); /* not in a copied database */
	if (found == NULL)
	{
		location = pfdw_lake_location(ref);
		lock_location(location);
		found = pfdw_lake_table_find(ref);
		if (found == NULL)
			insert_row(ref, location, relid);
		pfree(location);
		if (found == NULL)
			return pfdw_lake_table_find(ref);
	}
	if (found->relid != relid &&
		!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(found->relid)))
	{
		const int column = LAKE_RELID;
		Datum value = ObjectIdGetDatum(relid);

		change_row(found->id, &column, &value, 1);
		return pfdw_lake_table_find(ref);
	}
	return found;
}

static void
insert_row(const PfdwTableRef *ref, const char *location, Oid relid)
{
	Relation relation = pfdw_store_open("lake_table", RowExclusiveLock);
	Datum values[LAKE_COLUMNS] = {0};
	bool nulls[LAKE_COLUMNS] = {0};
	int64 newest = pfdw_delta_newest(ref);
	HeapTuple tuple;

	values[LAKE_ID - 1] =
		Int32GetDatum((int32) pfdw_store_next("lake_table_id"));
	values[LAKE_LOCATION - 1] = CStringGetTextDatum(location);
	values[LAKE_WAREHOUSE - 1] = CStringGetTextDatum(ref->warehouse);
	values[LAKE_DATABASE - 1] = CStringGetTextDatum(ref->database);
	values[LAKE_TABLE - 1] = CStringGetTextDatum(ref->table);
	if (ref->branch == NULL)
		nulls[LAKE_BRANCH - 1] = true;
	else
		values[LAKE_BRANCH - 1] = CStringGetTextDatum(ref->branch);
	values[LAKE_RELID - 1] = ObjectIdGetDatum(relid);
	values[LAKE_DELTA - 1] = ObjectIdGetDatum(InvalidOid);
	values[LAKE_SNAPSHOT_ID - 1] = Int64GetDatum(newest);
	values[LAKE_IDENT - 1] = Int64GetDatum(0);
	values[LAKE_N - 1] = Int64GetDatum(0);
	values[LAKE_ORIGIN - 1] = Int64GetDatum(newest);
	tuple = heap_form_tuple(RelationGetDescr(relation), values, nulls);
	CatalogTupleInsert(relation, tuple);
	heap_freetuple(tuple);
	table_close(relation, NoLock);
	/* It may be changed by this command, too. */
	CommandCounterIncrement();
}

/* Lock the newest version of a row; the slot holds it. */
static void
lock_row(Relation relation, ItemPointer tid, int32 id, TupleTableSlot *slot)
{
	Snapshot snapshot = pfdw_snapshot_newest(InvalidCommandId);
	TM_FailureData failure;
	TM_Result result = table_tuple_lock(
		relation, tid, snapshot, slot, GetCurrentCommandId(true),
		LockTupleNoKeyExclusive, LockWaitBlock,
		TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);

	if (result != TM_Ok)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("row of lake table %d cannot be changed: %d", id,
							   (int) result)));
	pfree(snapshot);
}

static void
change_row(int32 id, const int *columns, const Datum *values, int count)
{
	Relation relation = pfdw_store_open("lake_table", RowExclusiveLock);
	Snapshot snapshot = pfdw_snapshot_newest(InvalidCommandId);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	Datum replacements[LAKE_COLUMNS] = {0};
	bool nulls[LAKE_COLUMNS] = {0};
	bool replaced[LAKE_COLUMNS] = {0};
	HeapTuple old = fetch_by_id(id, snapshot);
	HeapTuple tuple;

	if (old == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("lake table %d is not known any more", id)));
	lock_row(relation, &old->t_self, id, slot);
	heap_freetuple(old);
	old = ExecFetchSlotHeapTuple(slot, true, NULL);
	for (int i = 0; i < count; i++)
	{
		replacements[columns[i] - 1] = values[i];
		replaced[columns[i] - 1] = true;
	}
	tuple = heap_modify_tuple(old, RelationGetDescr(relation), replacements,
							  nulls, replaced);
	CatalogTupleUpdate(relation, &slot->tts_tid, tuple);
	ExecDropSingleTupleTableSlot(slot);
	heap_freetuple(tuple);
	pfree(snapshot);
	table_close(relation, NoLock);
	CommandCounterIncrement();
}

void
pfdw_lake_table_set_delta(int32 id, Oid delta)
{
	const int column = LAKE_DELTA;
	Datum value = ObjectIdGetDatum(delta);

	change_row(id, &column, &value, 1);
	(void) pfdw_lake_table_by_id(id); /* what is cached follows */
}

void
pfdw_lake_table_forget(const PfdwTableRef *ref)
{
	const PfdwLakeTable *found = pfdw_lake_table_find(ref);
	Snapshot snapshot;
	HeapTuple tuple;
	Relation relation;
	ListCell *cell;

	if (found == NULL)
		return;
	snapshot = pfdw_snapshot_newest(InvalidCommandId);
	foreach (cell, pfdw_outbox_read(found->id, snapshot, false))
		pfdw_outbox_delete(lfirst(cell));
	tuple = fetch_by_id(found->id, snapshot);
	/* Backends remember by the heap which lake table a foreign table has. */
	if (OidIsValid(found->delta))
		CacheInvalidateRelcacheByRelid(found->delta);
	relation = pfdw_store_open("lake_table", RowExclusiveLock);
	if (tuple != NULL)
		CatalogTupleDelete(relation, &tuple->t_self);
	table_close(relation, NoLock);
	CommandCounterIncrement();
}

/* ---- the base --------------------------------------------------------- */

bool
pfdw_lake_base_read(int32 id, Snapshot snapshot, PfdwLakeBase *out)
{
	HeapTuple tuple = fetch_by_id(id, snapshot);
	Relation relation;
	Datum values[LAKE_COLUMNS];
	bool nulls[LAKE_COLUMNS];

	memset(out, 0, sizeof(*out));
	if (tuple == NULL)
		return false;
	relation = pfdw_store_open("lake_table", AccessShareLock);
	heap_deform_tuple(tuple, RelationGetDescr(relation), values, nulls);
	out->snapshot_id = DatumGetInt64(values[LAKE_SNAPSHOT_ID - 1]);
	out->ident = DatumGetInt64(values[LAKE_IDENT - 1]);
	out->n = DatumGetInt64(values[LAKE_N - 1]);
	table_close(relation, AccessShareLock);
	heap_freetuple(tuple);
	return true;
}

void
pfdw_lake_base_write(int32 id, const PfdwLakeBase *base)
{
	const int columns[] = {LAKE_SNAPSHOT_ID, LAKE_IDENT, LAKE_N};
	Datum values[] = {Int64GetDatum(base->snapshot_id),
					  Int64GetDatum(base->ident), Int64GetDatum(base->n)};

	change_row(id, columns, values, lengthof(columns));
}

/* ---- identity --------------------------------------------------------- */

/*
 * Rows of the outbox and of delta heaps in a copy are the original's, which
 * will publish them.
 */
static void
check_original(Oid database)
{
	if (database == MyDatabaseId)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("this database is a copy of one that writes to lake "
					"tables"),
			 errhint("Empty the tables of schema paimon_int here, and put a "
					 "new name and this database's OID into "
					 "paimon_int.identity.")));
}

/* The extension's script has made it. It never changes, so each process reads
 * it once for each time that the extension is made. */
const char *
pfdw_commit_user(void)
{
	static char user[NAMEDATALEN * 2];
	static Oid read_from = InvalidOid;
	Oid oid = pfdw_store_oid("identity");
	Relation relation;
	Snapshot snapshot;
	SysScanDesc scan;
	HeapTuple tuple;
	Datum values[2];
	bool nulls[2];

	if (read_from == oid)
		return user;
	relation = table_open(oid, AccessShareLock);
	snapshot = pfdw_snapshot_newest(InvalidCommandId);
	scan = systable_beginscan(relation, InvalidOid, false, snapshot, 0, NULL);
	tuple = systable_getnext(scan);
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("paimon_int.identity has no row")));
	heap_deform_tuple(tuple, RelationGetDescr(relation), values, nulls);
	check_original(DatumGetObjectId(values[1]));
	strlcpy(user, TextDatumGetCString(values[0]), sizeof(user));
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	pfree(snapshot);
	read_from = oid;
	return user;
}
