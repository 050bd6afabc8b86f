/*
 * fdw_scan_sort.c
 *
 * A scan whose plan counts on the key's order. Storage reads in that order
 * where the files allow it. Where they no longer do (a compaction, many new
 * buckets, another table of that name since the plan was made), the scan
 * sorts its rows itself, in work_mem and temporary files: right in any case,
 * and as slow as the Sort that the plan left out. Rows
 * of the delta heap are sorted in any case; they are few, and are merged with
 * those of the files.
 */
#include "fdw_plan.h"
#include "fdw_scan_state.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/typcache.h"

/* The order in terms of the lake's fields; false if storage can't have it. */
static bool
find_fields(PfdwReader *reader, List *order)
{
	ListCell *cell;

	reader->order_count = 0;
	if (reader->order == NULL)
		reader->order = MemoryContextAlloc(
			reader->context, sizeof(int32_t) * list_length(order));
	foreach (cell, order)
	{
		const PfdwColumn *found = NULL;

		for (int i = 0; found == NULL && i < reader->column_count; i++)
		{
			if (reader->columns[i].attnum == lfirst_int(cell))
				found = &reader->columns[i];
		}
		if (found == NULL || !pfdw_order_is_kept(reader->relation, found))
			return false;
		reader->order[reader->order_count++] = found->field;
	}
	return pmn_scan_has_order(reader->scan, reader->order,
							  (uint32_t) reader->order_count);
}

void
pfdw_scan_order(PfdwScanState *state)
{
	bool has_order = find_fields(state->reader, state->order);

	state->must_merge = has_order && pfdw_reader_has_delta(state->reader);
	state->must_sort = !has_order;
	if (state->must_sort)
		state->reader->order_count = 0;
}

static void copy_row(TupleTableSlot *from, TupleTableSlot *to);

static void
begin_sort(ForeignScanState *node)
{
	PfdwScanState *state = node->fdw_state;
	TupleDesc desc = node->ss.ss_ScanTupleSlot->tts_tupleDescriptor;
	int count = list_length(state->order);
	AttrNumber *attnums = palloc(sizeof(AttrNumber) * count);
	Oid *operators = palloc(sizeof(Oid) * count);
	Oid *collations = palloc(sizeof(Oid) * count);
	bool *nulls_first = palloc0(sizeof(bool) * count);
	MemoryContext old;

	for (int i = 0; i < count; i++)
	{
		Form_pg_attribute attribute;

		attnums[i] = (AttrNumber) list_nth_int(state->order, i);
		attribute = TupleDescAttr(desc, attnums[i] - 1);
		operators[i] =
			lookup_type_cache(attribute->atttypid, TYPECACHE_LT_OPR)->lt_opr;
		collations[i] = attribute->attcollation;
	}
	old = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	if (state->sorted == NULL)
		state->sorted = ExecInitExtraTupleSlot(node->ss.ps.state, desc,
											   &TTSOpsMinimalTuple);
	state->sort =
		tuplesort_begin_heap(desc, count, attnums, operators, collations,
							 nulls_first, work_mem, NULL, false);
	MemoryContextSwitchTo(old);
}

TupleTableSlot *
pfdw_scan_sorted_next(ForeignScanState *node)
{
	PfdwScanState *state = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	if (state->sort == NULL)
	{
		begin_sort(node);
		for (;;)
		{
			(void) pfdw_scan_next_row(node);
			if (TupIsNull(slot))
				break;
			tuplesort_puttupleslot(state->sort, slot);
		}
		tuplesort_performsort(state->sort);
	}
	if (!tuplesort_gettupleslot(state->sort, true, false, state->sorted, NULL))
		return ExecClearTuple(slot);
	copy_row(state->sorted, slot);
	return slot;
}

void
pfdw_scan_sort_end(PfdwScanState *state)
{
	if (state->sort == NULL)
		return;
	ExecClearTuple(state->sorted);
	tuplesort_end(state->sort);
	state->sort = NULL;
	state->has_lake_row = false;
	state->has_delta_row = false;
}

/* ---- rows of the lake and of the delta ---------------------------------- */

/* Sort the delta's rows; the lake's come after, from their beginning. */
static void
begin_merge(ForeignScanState *node)
{
	PfdwScanState *state = node->fdw_state;
	PfdwReader *reader = state->reader;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	int count = list_length(state->order);
	MemoryContext old;

	begin_sort(node);
	while (pfdw_reader_next_delta(reader))
	{
		while (reader->row < reader->row_count)
		{
			(void) pfdw_scan_next_row(node);
			tuplesort_puttupleslot(state->sort, slot);
		}
	}
	tuplesort_performsort(state->sort);
	reader->at_end = false;
	reader->is_delta_apart = true;
	if (state->keys != NULL)
		return;
	old = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	state->lake = ExecInitExtraTupleSlot(
		node->ss.ps.state, slot->tts_tupleDescriptor, &TTSOpsVirtual);
	state->keys = palloc0(sizeof(SortSupportData) * count);
	for (int i = 0; i < count; i++)
	{
		SortSupport key = &state->keys[i];
		Form_pg_attribute attribute;

		key->ssup_cxt = CurrentMemoryContext;
		key->ssup_attno = (AttrNumber) list_nth_int(state->order, i);
		attribute =
			TupleDescAttr(slot->tts_tupleDescriptor, key->ssup_attno - 1);
		key->ssup_collation = attribute->attcollation;
		PrepareSortSupportFromOrderingOp(
			lookup_type_cache(attribute->atttypid, TYPECACHE_LT_OPR)->lt_opr,
			key);
	}
	MemoryContextSwitchTo(old);
}

static void
copy_row(TupleTableSlot *from, TupleTableSlot *to)
{
	size_t count = to->tts_tupleDescriptor->natts;

	slot_getallattrs(from);
	ExecClearTuple(to);
	memcpy(to->tts_values, from->tts_values, count * sizeof(Datum));
	memcpy(to->tts_isnull, from->tts_isnull, count * sizeof(bool));
	ExecStoreVirtualTuple(to);
}

/* Whether the lake's row goes before the delta's. */
static bool
is_lake_first(const PfdwScanState *state)
{
	int count = list_length(state->order);

	for (int i = 0; i < count; i++)
	{
		SortSupport key = &state->keys[i];
		int at = key->ssup_attno - 1;
		int order = ApplySortComparator(
			state->lake->tts_values[at], state->lake->tts_isnull[at],
			state->sorted->tts_values[at], state->sorted->tts_isnull[at], key);

		if (order != 0)
			return order < 0;
	}
	return true;
}

/* The values of a lake's row stay where the reader has them until the next
 * one is asked for. */
TupleTableSlot *
pfdw_scan_merged_next(ForeignScanState *node)
{
	PfdwScanState *state = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	if (state->sort == NULL)
		begin_merge(node);
	if (!state->has_lake_row)
	{
		(void) pfdw_scan_next_row(node);
		state->has_lake_row = !TupIsNull(slot);
		if (state->has_lake_row)
			copy_row(slot, state->lake);
	}
	if (!state->has_delta_row &&
		tuplesort_gettupleslot(state->sort, true, false, state->sorted, NULL))
	{
		slot_getallattrs(state->sorted);
		state->has_delta_row = true;
	}
	if (state->has_lake_row && (!state->has_delta_row || is_lake_first(state)))
	{
		copy_row(state->lake, slot);
		state->has_lake_row = false;
		return slot;
	}
	if (!state->has_delta_row)
		return ExecClearTuple(slot);
	copy_row(state->sorted, slot);
	state->has_delta_row = false;
	return slot;
}
