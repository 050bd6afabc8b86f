/*
 * fdw_aggregate_run.c
 *
 * The executor's side of aggregates that the scan computes. All that is
 * needed stands in the plan's fdw_scan_tlist: the aggregates, then the
 * columns that the quals use, which the scan's slot has at the same places.
 *
 * What metadata tells for certain is not read. For the rest each batch is
 * folded column by column; rows are only looked at one by one where storage
 * could not evaluate the whole filter.
 *
 * Rows of the delta heap come last. They are always tested, as storage has
 * not seen them, and become vectors of their own. Of an append table what
 * metadata tells of the lake still holds, and they are added to it; of a
 * keyed one they may replace rows that metadata counts.
 */
#include "fdw_aggregate.h"
#include "fdw_plan.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

struct PfdwAggregateState
{
	PfdwAggregate *aggregates; /* first columns of the slot */
	int aggregate_count;
	AttrNumber *filter_attnums; /* the slot's columns after them */
	int filter_count;
	PfdwColumn *filter_columns; /* the same: attnum is the slot's */
	int *filter_batch_columns;
	List *quals;
	ExprState *qual_state;		/* made when rows must be tested */
	PfdwDecoder *delta_decoder; /* of rows of the delta: all columns */
	uint32 *rows;				/* those of a batch that pass */
	uint32 row_capacity;
	MemoryContext fold_context;
	bool is_done;
};

void
pfdw_aggregate_begin(ForeignScanState *node)
{
	PfdwScanState *scan = node->fdw_state;
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	struct PfdwAggregateState *state = palloc0(sizeof(*state));
	int count = list_length(plan->fdw_scan_tlist);
	ListCell *cell;

	scan->aggregate = state;
	state->quals = plan->fdw_exprs;
	state->aggregates = pfdw_alloc_aligned(sizeof(PfdwAggregate) * count);
	state->filter_attnums = palloc0(sizeof(AttrNumber) * count);
	state->fold_context = AllocSetContextCreate(
		CurrentMemoryContext, "paimon aggregate", ALLOCSET_SMALL_SIZES);
	foreach (cell, plan->fdw_scan_tlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		PfdwAggregate *aggregate = &state->aggregates[state->aggregate_count];
		Var *argument;

		if (IsA(entry->expr, Var))
		{
			state->filter_attnums[state->filter_count++] =
				((Var *) entry->expr)->varattno;
			continue;
		}
		if (!pfdw_aggregate_recognise((Aggref *) entry->expr, &aggregate->op,
									  &argument))
			ereport(ERROR,
					(errcode(ERRCODE_FDW_UNABLE_TO_CREATE_EXECUTION),
					 errmsg("a foreign scan has an aggregate that it can't "
							"compute")));
		aggregate->result_type = ((Aggref *) entry->expr)->aggtype;
		aggregate->attnum = argument == NULL ? 0 : argument->varattno;
		state->aggregate_count++;
	}
}

static const PfdwColumn *
column_of(const PfdwReader *reader, AttrNumber attnum)
{
	for (int i = 0; i < reader->column_count; i++)
	{
		if (reader->columns[i].attnum == attnum)
			return &reader->columns[i];
	}
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("foreign table \"%s\" has no column number %d",
						   RelationGetRelationName(reader->relation), attnum)));
}

static const PfdwColumn *
column_of_field(const PfdwReader *reader, int32 field)
{
	for (int i = 0; i < reader->column_count; i++)
	{
		if (reader->columns[i].field == field)
			return &reader->columns[i];
	}
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("foreign table \"%s\" has no column for field %d",
						   RelationGetRelationName(reader->relation), field)));
}

static void
match_columns(ForeignScanState *node)
{
	PfdwScanState *scan = node->fdw_state;
	struct PfdwAggregateState *state = scan->aggregate;

	if (state->filter_columns != NULL)
		return;
	for (int i = 0; i < state->aggregate_count; i++)
	{
		PfdwAggregate *aggregate = &state->aggregates[i];

		if (aggregate->op != PFDW_COUNT_ROWS)
			aggregate->column = *column_of(scan->reader, aggregate->attnum);
	}
	state->filter_columns = MemoryContextAllocZero(
		scan->reader->context, sizeof(PfdwColumn) * (state->filter_count + 1));
	for (int i = 0; i < state->filter_count; i++)
	{
		state->filter_columns[i] =
			*column_of(scan->reader, state->filter_attnums[i]);
		state->filter_columns[i].attnum = state->aggregate_count + i + 1;
	}
}

/* A nullable column counts by the null counts that manifests have. */
static bool
count_from_metadata(PmnScan *scan, PfdwAggregate *aggregate)
{
	PmnValue min;
	PmnValue max;
	uint64_t rows;
	uint64_t nulls = 0;

	if (!pmn_scan_exact_count(scan, &rows))
		return false;
	if (aggregate->op == PFDW_COUNT && aggregate->column.type->is_nullable &&
		rows > 0 &&
		(!pmn_scan_column_stats(scan, aggregate->column.field, &min, &max,
								&nulls) ||
		 nulls > rows))
		return false;
	aggregate->count = rows - nulls;
	return true;
}

static bool
best_from_metadata(PmnScan *scan, PfdwAggregate *aggregate)
{
	PmnValue min;
	PmnValue max;

	if (!pmn_scan_exact_min_max(scan, aggregate->column.field, &min, &max))
		return false;
	aggregate->best = aggregate->op == PFDW_MIN ? min : max;
	aggregate->has_best = !aggregate->best.is_null;
	return true;
}

/* Whether metadata counts rows that are no longer what the table has. */
static bool
is_replaced(PfdwReader *reader)
{
	int key_count;

	if (!pfdw_reader_has_delta(reader))
		return false;
	(void) pfdw_overlay_keys(reader->overlay, &key_count);
	return key_count > 0;
}

void
pfdw_aggregate_open(ForeignScanState *node, bool is_explain)
{
	PfdwScanState *scan = node->fdw_state;
	struct PfdwAggregateState *state = scan->aggregate;
	PfdwReader *reader = scan->reader;
	bool use_metadata;

	match_columns(node);
	pfdw_reader_plan(reader, state->quals, INDEX_VAR, state->filter_columns,
					 state->filter_count,
					 is_explain ? NULL : node->ss.ps.ps_ExprContext);
	use_metadata = !is_replaced(reader) && reader->is_exact;
	for (int i = 0; i < state->aggregate_count; i++)
	{
		PfdwAggregate *aggregate = &state->aggregates[i];

		pfdw_aggregate_reset(aggregate);
		if (!use_metadata)
			continue;
		if (aggregate->op == PFDW_COUNT_ROWS || aggregate->op == PFDW_COUNT)
			aggregate->is_known = count_from_metadata(reader->scan, aggregate);
		else if (aggregate->op == PFDW_MIN || aggregate->op == PFDW_MAX)
			aggregate->is_known = best_from_metadata(reader->scan, aggregate);
	}
}

bool
pfdw_aggregate_is_known(const ForeignScanState *node)
{
	const PfdwScanState *scan = node->fdw_state;
	bool known = true;

	for (int i = 0; i < scan->aggregate->aggregate_count; i++)
		known &= scan->aggregate->aggregates[i].is_known;
	return known;
}

/* Position of a column in the batches, added when it is missing. */
static int
batch_column(PfdwReader *reader, const PfdwColumn *column)
{
	for (int i = 0; i < reader->needed_count; i++)
	{
		if (reader->needed[i].field == column->field)
			return i;
	}
	reader->needed[reader->needed_count] = *column;
	return reader->needed_count++;
}

/* Read the arguments of what is unknown, and what the quals need. */
static void
choose_columns(PfdwScanState *scan)
{
	struct PfdwAggregateState *state = scan->aggregate;
	PfdwReader *reader = scan->reader;
	bool has_delta = reader->overlay != NULL;
	int count =
		state->aggregate_count + state->filter_count + reader->column_count + 1;
	MemoryContext old = MemoryContextSwitchTo(reader->context);

	reader->needed = palloc0(sizeof(PfdwColumn) * count);
	reader->needed_count = 0;
	state->filter_batch_columns = palloc0(sizeof(int) * count);
	for (int i = 0; (!reader->is_exact || has_delta) && i < state->filter_count;
		 i++)
		state->filter_batch_columns[i] =
			batch_column(reader, &state->filter_columns[i]);
	reader->decoder = NULL;
	if (!reader->is_exact)
		reader->decoder =
			pfdw_decoder_create(reader->needed, reader->needed_count);
	for (int i = 0; i < state->aggregate_count; i++)
	{
		PfdwAggregate *aggregate = &state->aggregates[i];

		if (aggregate->op != PFDW_COUNT_ROWS &&
			(!aggregate->is_known || has_delta))
			aggregate->batch_column = batch_column(reader, &aggregate->column);
	}
	if (has_delta)
	{
		/* Attributes of the filter's columns are the slot's; the delta's
		 * rows come by those of the table. */
		PfdwColumn *columns = palloc(sizeof(PfdwColumn) * count);

		pfdw_reader_need_keys(reader);
		for (int i = 0; i < reader->needed_count; i++)
			columns[i] = *column_of_field(reader, reader->needed[i].field);
		state->delta_decoder =
			pfdw_decoder_create(columns, reader->needed_count);
	}
	MemoryContextSwitchTo(old);
}

static void
prepare_test(ForeignScanState *node)
{
	PfdwScanState *scan = node->fdw_state;
	struct PfdwAggregateState *state = scan->aggregate;
	MemoryContext old;

	if (state->qual_state != NULL)
		return;
	old = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	state->qual_state = ExecInitQual(state->quals, &node->ss.ps);
	state->rows = NULL;
	MemoryContextSwitchTo(old);
}

/* Leave those of the batch's rows, which the decoder has, that pass the
 * quals. */
static void
test_rows(ForeignScanState *node, PfdwDecoder *decoder, PmnBatch *batch)
{
	PfdwScanState *scan = node->fdw_state;
	struct PfdwAggregateState *state = scan->aggregate;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	ExprContext *econtext = node->ss.ps.ps_ExprContext;
	uint32 kept = 0;

	if (state->row_capacity < batch->selected_count)
	{
		state->row_capacity = Max(batch->selected_count, PMN_BATCH_ROWS);
		state->rows = MemoryContextAlloc(scan->reader->context,
										 sizeof(uint32) * state->row_capacity);
	}
	ExecClearTuple(slot);
	memset(slot->tts_isnull, 1,
		   sizeof(bool) * slot->tts_tupleDescriptor->natts);
	ExecStoreVirtualTuple(slot);
	econtext->ecxt_scantuple = slot;
	for (uint32 n = 0; n < batch->selected_count; n++)
	{
		uint32 row = batch->selection == NULL ? n : batch->selection[n];

		for (int i = 0; i < state->filter_count; i++)
		{
			int at = state->aggregate_count + i;
			int column = state->filter_batch_columns[i];

			slot->tts_values[at] = decoder->values[column][row];
			slot->tts_isnull[at] = decoder->nulls[column][row];
		}
		if (ExecQual(state->qual_state, econtext))
			state->rows[kept++] = row;
		ResetExprContext(econtext);
	}
	batch->selection = state->rows;
	batch->selected_count = kept;
}

static void
fold_lake(ForeignScanState *node)
{
	PfdwScanState *scan = node->fdw_state;
	struct PfdwAggregateState *state = scan->aggregate;
	PfdwReader *reader = scan->reader;
	PmnBatch batch;

	while (pfdw_reader_next_lake(reader, &batch))
	{
		MemoryContext old;

		if (!reader->is_exact)
		{
			pfdw_decode_batch(reader->decoder, &batch);
			test_rows(node, reader->decoder, &batch);
		}
		if (batch.selected_count == 0)
			continue;
		old = MemoryContextSwitchTo(state->fold_context);
		for (int i = 0; i < state->aggregate_count; i++)
		{
			if (!state->aggregates[i].is_known)
				pfdw_aggregate_fold(&state->aggregates[i], &batch);
		}
		MemoryContextSwitchTo(old);
	}
}

/* ---- rows of the delta -------------------------------------------------- */

static void
put_value(PmnVector *vector, uint32 row, const PmnValue *value)
{
	switch (vector->kind)
	{
		case PMN_VECTOR_BOOL:
			((uint8 *) vector->values)[row] = (uint8) value->as.i64;
			return;
		case PMN_VECTOR_I32:
			((int32 *) vector->values)[row] = (int32) value->as.i64;
			return;
		case PMN_VECTOR_I64:
			((int64 *) vector->values)[row] = value->as.i64;
			return;
		case PMN_VECTOR_F32:
			((float *) vector->values)[row] = (float) value->as.f64;
			return;
		case PMN_VECTOR_F64:
			((double *) vector->values)[row] = value->as.f64;
			return;
		case PMN_VECTOR_DEC128:
			((PmnInt128 *) vector->values)[row] = value->as.dec128;
			return;
		case PMN_VECTOR_TS96:
			((PmnTimestamp *) vector->values)[row] = value->as.ts96;
			return;
		case PMN_VECTOR_BYTES:
			((PmnBytes *) vector->values)[row] = value->as.bytes;
			return;
		case PMN_VECTOR_NONE:
			Assert(false);
	}
}

/* An aggregate's argument as a vector; count(x) looks at nulls only. */
static void
make_vector(const PfdwAggregate *aggregate, const PfdwDecoder *decoder,
			const PmnBatch *batch, PmnVector *vector)
{
	const PfdwColumn *column = &aggregate->column;
	const Datum *values = decoder->values[aggregate->batch_column];
	const bool *nulls = decoder->nulls[aggregate->batch_column];

	StaticAssertStmt(sizeof(bool) == sizeof(uint8), "nulls are bytes");
	vector->kind = pmn_type_vector_kind(column->type);
	vector->nulls = (uint8 *) unconstify(bool *, nulls);
	if (aggregate->op == PFDW_COUNT || vector->values != NULL)
		return;
	vector->values =
		pfdw_alloc_aligned(pmn_vector_width(vector->kind) * batch->row_count);
	for (uint32 n = 0; n < batch->selected_count; n++)
	{
		uint32 row = batch->selection[n];
		PmnValue value;

		if (nulls[row])
			continue;
		if (!pfdw_value_from_datum(column->type, column->typid, values[row],
								   &value))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("a value of column \"%s\" has no form in the lake",
							column->name)));
		put_value(vector, row, &value);
	}
}

static void
fold_delta(ForeignScanState *node)
{
	PfdwScanState *scan = node->fdw_state;
	struct PfdwAggregateState *state = scan->aggregate;
	PfdwReader *reader = scan->reader;
	PfdwDecoder *decoder = state->delta_decoder;

	reader->decoder = decoder;
	while (pfdw_reader_next_delta(reader))
	{
		MemoryContext old;
		PmnBatch batch = {.row_count = reader->row_count,
						  .column_count = (uint32) reader->needed_count,
						  .selected_count = reader->row_count};

		test_rows(node, decoder, &batch);
		if (batch.selected_count == 0)
			continue;
		old = MemoryContextSwitchTo(decoder->batch_context);
		batch.columns = palloc0(sizeof(PmnVector) * (batch.column_count + 1));
		for (int i = 0; i < state->aggregate_count; i++)
		{
			const PfdwAggregate *aggregate = &state->aggregates[i];

			if (aggregate->op != PFDW_COUNT_ROWS)
				make_vector(aggregate, decoder, &batch,
							&batch.columns[aggregate->batch_column]);
		}
		MemoryContextSwitchTo(state->fold_context);
		for (int i = 0; i < state->aggregate_count; i++)
			pfdw_aggregate_fold(&state->aggregates[i], &batch);
		MemoryContextSwitchTo(old);
	}
}

static void
fold_all(ForeignScanState *node)
{
	PfdwScanState *scan = node->fdw_state;
	PfdwReader *reader = scan->reader;

	choose_columns(scan);
	if (!reader->is_exact || reader->overlay != NULL)
		prepare_test(node);
	if (!pfdw_aggregate_is_known(node))
		fold_lake(node);
	if (reader->overlay != NULL)
		fold_delta(node);
}

TupleTableSlot *
pfdw_aggregate_iterate(ForeignScanState *node)
{
	PfdwScanState *scan = node->fdw_state;
	struct PfdwAggregateState *state = scan->aggregate;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	ExecClearTuple(slot);
	if (state->is_done)
		return slot;
	state->is_done = true;
	if (scan->reader->scan == NULL)
		pfdw_scan_open(node, false);
	if (!pfdw_aggregate_is_known(node) || scan->reader->overlay != NULL)
		fold_all(node);
	ExecClearTuple(slot);
	memset(slot->tts_isnull, 1,
		   sizeof(bool) * slot->tts_tupleDescriptor->natts);
	for (int i = 0; i < state->aggregate_count; i++)
		slot->tts_values[i] =
			pfdw_aggregate_result(&state->aggregates[i], &slot->tts_isnull[i]);
	return ExecStoreVirtualTuple(slot);
}

/* Known or not, a second pass begins with the choice of files. */
void
pfdw_aggregate_rescan(ForeignScanState *node)
{
	PfdwScanState *scan = node->fdw_state;

	scan->aggregate->is_done = false;
	pfdw_reader_unplan(scan->reader);
}
