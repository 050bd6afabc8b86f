/*
 * fdw_scan_sort.c
 *
 * A scan whose plan counts on the key's order. Storage reads in that order
 * where the files allow it. Where they no longer do (a compaction, many new
 * buckets, another table of that name since the plan was made), the scan
 * sorts its rows itself, in work_mem and temporary files: right in any case,
 * and as slow as the Sort that the plan left out.
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
	state->must_sort = pfdw_reader_has_delta(state->reader) ||
					   !find_fields(state->reader, state->order);
	if (state->must_sort)
		state->reader->order_count = 0;
}

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
	size_t count = slot->tts_tupleDescriptor->natts;

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
	ExecClearTuple(slot);
	if (!tuplesort_gettupleslot(state->sort, true, false, state->sorted, NULL))
		return slot;
	slot_getallattrs(state->sorted);
	memcpy(slot->tts_values, state->sorted->tts_values, count * sizeof(Datum));
	memcpy(slot->tts_isnull, state->sorted->tts_isnull, count * sizeof(bool));
	return ExecStoreVirtualTuple(slot);
}

void
pfdw_scan_sort_end(PfdwScanState *state)
{
	if (state->sort == NULL)
		return;
	ExecClearTuple(state->sorted);
	tuplesort_end(state->sort);
	state->sort = NULL;
}
