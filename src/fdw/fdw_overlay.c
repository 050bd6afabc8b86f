/*
 * fdw_overlay.c
 *
 * The rows of a delta heap laid over what storage reads of a lake table.
 *
 * Of a keyed table the delta has the newest version of each of its keys, be it
 * a row or a tombstone. So rows of the lake whose keys are in the delta are
 * left out, and the delta's rows follow when the lake is at its end. Rows of
 * an append table only follow.
 *
 * Everything is read under one snapshot of the server, that of the statement,
 * which is held until the end: the set of keys and the rows that follow are
 * one state, however much is written or moved meanwhile.
 *
 * Only the keys are kept in memory. When they need more than work_mem gives,
 * each row of the lake is looked up in the delta's index instead: slower, but
 * right, and in no more memory.
 *
 * A heap without visible rows costs one look at it.
 */
#include "fdw_overlay.h"
#include "../delta/delta_heap.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "storage/bufmgr.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Rows that are handed over together, and bytes of them. */
#define OVERLAY_ROWS 1024
#define OVERLAY_BYTES ((Size) 1 << 20)

struct PfdwOverlay
{
	MemoryContext context;
	Relation relation;
	PfdwDeltaHeap *heap;
	Snapshot snapshot;
	const AttrNumber *key_attnums;
	int key_count;
	TupleTableSlot *slot;
	PfdwDeltaScan *scan; /* rows that follow; NULL: not begun */
	bool at_end;
	bool is_loaded;
	bool has_rows;
	const PfdwColumn *key_columns;
	PfdwLakeKeys *keys;	  /* NULL: too many, the index is asked */
	PfdwDecoder *decoder; /* of keys, then */
	Datum *key;
	uint32 *selection;
	uint32 selection_capacity;
};

PfdwOverlay *
pfdw_overlay_open(MemoryContext parent, Relation relation,
				  const PfdwTableRef *ref, Snapshot snapshot)
{
	Oid relid = RelationGetRelid(relation);
	PfdwLakeTable known = {.id = pfdw_lake_table_hint(relid)};
	const PfdwLakeTable *lake_table = &known;
	PfdwDeltaHeap *heap;
	MemoryContext context;
	MemoryContext old;
	PfdwOverlay *overlay;

	if (known.id == 0)
		lake_table = pfdw_lake_table_find(ref);
	if (lake_table == NULL)
		return NULL;
	context =
		AllocSetContextCreate(parent, "paimon overlay", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	heap = pfdw_delta_heap_open(relation, lake_table, false);
	if (heap == NULL)
	{
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		return NULL;
	}
	if (known.id == 0)
		pfdw_lake_table_hint_set(relid, lake_table->id,
								 RelationGetRelid(heap->heap));
	overlay = palloc0(sizeof(*overlay));
	overlay->context = context;
	overlay->relation = relation;
	overlay->heap = heap;
	overlay->snapshot = RegisterSnapshot(snapshot);
	overlay->key_attnums = pfdw_delta_heap_keys(heap, &overlay->key_count);
	overlay->key = palloc(sizeof(Datum) * (overlay->key_count + 1));
	overlay->slot =
		MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsVirtual);
	MemoryContextSwitchTo(old);
	return overlay;
}

void
pfdw_overlay_close(PfdwOverlay *overlay)
{
	if (overlay == NULL)
		return;
	pfdw_overlay_rewind(overlay);
	ExecDropSingleTupleTableSlot(overlay->slot);
	pfdw_delta_heap_close(overlay->heap);
	UnregisterSnapshot(overlay->snapshot);
	MemoryContextDelete(overlay->context);
}

const AttrNumber *
pfdw_overlay_keys(const PfdwOverlay *overlay, int *count)
{
	*count = overlay->key_count;
	return overlay->key_attnums;
}

/* ---- what is there ------------------------------------------------------ */

static PfdwDeltaScan *
begin_scan(PfdwOverlay *overlay)
{
	MemoryContext old = MemoryContextSwitchTo(overlay->context);
	PfdwDeltaScan *scan =
		pfdw_delta_scan_begin(overlay->heap, overlay->snapshot, false);

	MemoryContextSwitchTo(old);
	return scan;
}

/* Too many keys: from now on the index is asked. */
static void
use_index(PfdwOverlay *overlay)
{
	MemoryContext old = MemoryContextSwitchTo(overlay->context);

	pfdw_lake_keys_free(overlay->keys);
	overlay->keys = NULL;
	overlay->decoder =
		pfdw_decoder_create(overlay->key_columns, overlay->key_count);
	MemoryContextSwitchTo(old);
}

static void
add_key(PfdwOverlay *overlay)
{
	for (int k = 0; k < overlay->key_count; k++)
		overlay->key[k] =
			overlay->slot->tts_values[overlay->key_attnums[k] - 1];
	pfdw_lake_keys_add(overlay->keys, overlay->key);
}

bool
pfdw_overlay_load(PfdwOverlay *overlay, const PfdwColumn *keys)
{
	Size limit = (Size) (work_mem * hash_mem_multiplier * 1024);
	PfdwDeltaScan *scan;
	ItemPointerData tid;
	char kind;

	if (overlay->is_loaded)
		return overlay->has_rows;
	overlay->is_loaded = true;
	scan = begin_scan(overlay);
	while (pfdw_delta_scan_next(scan, overlay->slot, &kind, &tid))
	{
		overlay->has_rows = true;
		if (overlay->key_count == 0)
			break;
		if (overlay->keys == NULL)
		{
			overlay->key_columns = keys;
			overlay->keys = pfdw_lake_keys_create(overlay->context, keys,
												  overlay->key_count);
		}
		add_key(overlay);
		CHECK_FOR_INTERRUPTS();
		if (pfdw_lake_keys_memory(overlay->keys) > limit)
		{
			use_index(overlay);
			break;
		}
	}
	pfdw_delta_scan_end(scan);
	return overlay->has_rows;
}

/* ---- rows of the lake --------------------------------------------------- */

bool
pfdw_overlay_probe(PfdwOverlay *overlay, const Datum *key, TupleTableSlot *out,
				   bool *is_deleted)
{
	char kind;

	if (!pfdw_delta_probe(overlay->heap, overlay->snapshot, key, out, &kind) ||
		kind == PFDW_KIND_LOCK)
		return false;
	*is_deleted = kind == PFDW_KIND_DELETED;
	return true;
}

static uint32
exclude_by_index(PfdwOverlay *overlay, const PmnBatch *batch,
				 const int *positions, uint32 *out)
{
	PmnVector *vectors = palloc(sizeof(PmnVector) * overlay->key_count);
	PmnBatch keys = *batch;
	uint32 kept = 0;

	for (int k = 0; k < overlay->key_count; k++)
		vectors[k] = batch->columns[positions[k]];
	keys.columns = vectors;
	keys.column_count = (uint32) overlay->key_count;
	pfdw_decode_batch(overlay->decoder, &keys);
	for (uint32 n = 0; n < batch->selected_count; n++)
	{
		uint32 row = batch->selection == NULL ? n : batch->selection[n];
		bool is_deleted;

		CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < overlay->key_count; k++)
			overlay->key[k] = overlay->decoder->values[k][row];
		if (!pfdw_overlay_probe(overlay, overlay->key, overlay->slot,
								&is_deleted))
			out[kept++] = row;
	}
	pfree(vectors);
	return kept;
}

void
pfdw_overlay_filter(PfdwOverlay *overlay, PmnBatch *batch, const int *positions)
{
	if (overlay->key_count == 0)
		return;
	Assert(overlay->is_loaded);
	if (overlay->selection_capacity < batch->selected_count)
	{
		overlay->selection_capacity =
			Max(batch->selected_count, PMN_BATCH_ROWS);
		overlay->selection = MemoryContextAlloc(
			overlay->context, sizeof(uint32) * overlay->selection_capacity);
	}
	batch->selected_count =
		overlay->keys != NULL
			? pfdw_lake_keys_exclude(overlay->keys, batch, positions,
									 overlay->selection)
			: exclude_by_index(overlay, batch, positions, overlay->selection);
	batch->selection = overlay->selection;
}

/* ---- rows of the delta -------------------------------------------------- */

/* Copies what the slot has; returns how many bytes that took. */
static Size
put_row(const PfdwOverlay *overlay, PfdwDecoder *decoder, uint32 row)
{
	TupleDesc tupdesc = RelationGetDescr(overlay->relation);
	const TupleTableSlot *slot = overlay->slot;
	Size bytes = 0;

	for (int i = 0; i < decoder->column_count; i++)
	{
		int at = decoder->columns[i].attnum - 1;
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, at);
		Datum value = slot->tts_values[at];

		decoder->nulls[i][row] = slot->tts_isnull[at];
		decoder->values[i][row] = value;
		if (slot->tts_isnull[at] || attribute->attbyval)
			continue;
		decoder->values[i][row] = datumCopy(value, false, attribute->attlen);
		bytes += datumGetSize(value, false, attribute->attlen);
	}
	return bytes;
}

uint32
pfdw_overlay_next(PfdwOverlay *overlay, PfdwDecoder *decoder)
{
	uint32 count = 0;
	Size bytes = 0;
	MemoryContext old;
	ItemPointerData tid;
	char kind;

	if (overlay->at_end)
		return 0;
	if (overlay->scan == NULL)
		overlay->scan = begin_scan(overlay);
	pfdw_decoder_reserve(decoder, OVERLAY_ROWS);
	old = MemoryContextSwitchTo(decoder->batch_context);
	while (count < OVERLAY_ROWS && bytes < OVERLAY_BYTES)
	{
		CHECK_FOR_INTERRUPTS();
		if (!pfdw_delta_scan_next(overlay->scan, overlay->slot, &kind, &tid))
		{
			overlay->at_end = true;
			break;
		}
		if (pfdw_kind_is_row(kind))
			bytes += put_row(overlay, decoder, count++);
	}
	MemoryContextSwitchTo(old);
	return count;
}

void
pfdw_overlay_rewind(PfdwOverlay *overlay)
{
	if (overlay->scan != NULL)
		pfdw_delta_scan_end(overlay->scan);
	overlay->scan = NULL;
	overlay->at_end = false;
}

/* ---- planning ----------------------------------------------------------- */

void
pfdw_overlay_estimate(const PfdwTableRef *ref, double *pages, double *rows)
{
	const PfdwLakeTable *lake_table = pfdw_lake_table_find(ref);
	char name[NAMEDATALEN];
	Relation heap = NULL;
	Oid oid;
	BlockNumber there;
	BlockNumber assumed;
	double all_visible;

	*pages = 0;
	*rows = 0;
	if (lake_table == NULL)
		return;
	pfdw_delta_heap_name(lake_table, name);
	oid = get_relname_relid(name, get_namespace_oid(DELTA_SCHEMA, false));
	if (OidIsValid(oid))
		heap = try_table_open(oid, AccessShareLock);
	if (heap == NULL)
		return;
	there = RelationGetNumberOfBlocks(heap);
	if (there > 0)
	{
		/* A table that was never vacuumed counts as ten pages there. */
		estimate_rel_size(heap, NULL, &assumed, rows, &all_visible);
		*rows *= (double) there / Max(assumed, there);
		*pages = (double) there;
	}
	table_close(heap, AccessShareLock);
}
