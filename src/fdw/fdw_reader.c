/*
 * fdw_reader.c
 *
 * One lake table being read. The steps are create (options only), open
 * (lock, view, columns), plan (which files) and batches; each does nothing
 * when it is already done, so that EXPLAIN can stop before the last.
 *
 * Everything lives in one memory context, whose end closes the storage
 * handles through the bridge's reset callbacks.
 */
#include "fdw_reader.h"
#include "fdw_system.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

static void make_decoder(PfdwReader *reader);

/* A query that wants so few rows is not helped by large buffers. */
#define FEW_ROWS 1000
#define FEW_ROWS_MEMORY ((size_t) 2 << 20)

PfdwReader *
pfdw_reader_create(MemoryContext parent, Relation relation)
{
	MemoryContext context =
		AllocSetContextCreate(parent, "paimon reader", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PfdwReader *reader = palloc0(sizeof(*reader));

	reader->context = context;
	reader->relation = relation;
	reader->options = pfdw_options_get(RelationGetRelid(relation));
	MemoryContextSwitchTo(old);
	return reader;
}

/* Between two snapshots that the options name: no view of our own is asked
 * for, and nothing of this transaction is in it. */
static void
open_changes(PfdwReader *reader)
{
	const PfdwOptions *options = reader->options;

	pfdw_check(reader->env,
			   pmn_table_resolve_changes(reader->table->table,
										 &options->changes, &reader->range));
	reader->travel.kind = PMN_TRAVEL_LATEST;
	memset(&reader->view, 0, sizeof(reader->view));
	reader->view.snapshot_id = reader->range.until_id;
	reader->columns = pfdw_columns_match(
		reader->relation, reader->table->schema, &reader->column_count);
}

void
pfdw_reader_request(const PfdwOptions *options, const PmnChangeRange *range,
					PmnScanRequest *request)
{
	if (options->has_changes)
		request->changes = range;
	request->read_optimized =
		options->system_kind == PFDW_SYSTEM_READ_OPTIMIZED;
	request->pack_updates = options->system_kind == PFDW_SYSTEM_BINLOG;
	request->keep_retractions = pfdw_system_has_kinds(options->system_kind);
}

bool
pfdw_reader_takes_filter(const PfdwOptions *options)
{
	/* A binlog's columns are not those that storage has. */
	return pfdw_enable_filter_pushdown &&
		   options->system_kind != PFDW_SYSTEM_BINLOG;
}

static void
get_travel(PfdwReader *reader)
{
	if (reader->knows_travel)
		return;
	reader->knows_travel = true;
	if (!reader->ignores_as_of)
		pfdw_travel_get(reader->options, &reader->travel);
	reader->is_travel = reader->travel.kind != PMN_TRAVEL_LATEST;
}

/*
 * A search for duplicates wants all rows, a query its snapshot's. The lock
 * may have waited for another writer, whose rows the statement must see.
 */
static void
settle_snapshot(PfdwReader *reader, bool is_locked)
{
	if (reader->ignores_as_of && reader->snapshot == NULL)
		reader->snapshot = pfdw_snapshot_newest(InvalidCommandId);
	else if (reader->snapshot == NULL)
		reader->snapshot = ActiveSnapshotSet() ? GetActiveSnapshot()
											   : GetTransactionSnapshot();
	if (is_locked && !IsolationUsesXactSnapshot())
		reader->snapshot = pfdw_snapshot_newest(reader->snapshot->curcid);
}

void
pfdw_reader_open(PfdwReader *reader, bool lock)
{
	Oid relid = RelationGetRelid(reader->relation);
	bool is_newest = reader->ignores_as_of && reader->snapshot == NULL;
	MemoryContext old;

	if (reader->table != NULL)
		return;
	old = MemoryContextSwitchTo(reader->context);
	if (reader->env == NULL)
		reader->env = pfdw_env_create(reader->context, "paimon storage");
	get_travel(reader);
	reader->table = pfdw_relation_open(reader->env, relid, reader->options);
	if (reader->options->has_changes)
	{
		open_changes(reader);
		MemoryContextSwitchTo(old);
		return;
	}
	pfdw_travel_settle(reader->table, &reader->travel);
	lock = lock && pmn_table_has_primary_key(reader->table->table) &&
		   !(reader->locks_rows && pfdw_takes_rows(reader->table->schema));
	if (lock)
		pfdw_view_lock(&reader->options->ref, reader->table, true);
	settle_snapshot(reader, lock);
	pfdw_view_get(&reader->options->ref, reader->table, &reader->travel,
				  is_newest ? NULL : reader->snapshot, &reader->view);
	pfdw_relation_use_declared_schema(reader->table, reader->options);
	reader->columns = pfdw_columns_match(
		reader->relation, reader->table->schema, &reader->column_count);
	(void) pfdw_reader_open_overlay(reader);
	MemoryContextSwitchTo(old);
}

void
pfdw_reader_open_view(PfdwReader *reader, const PfdwView *view)
{
	Oid relid = RelationGetRelid(reader->relation);
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	PfdwTable *table;

	Assert(reader->table == NULL);
	reader->env = pfdw_env_create(reader->context, "paimon storage");
	get_travel(reader);
	table = pfdw_relation_open(reader->env, relid, reader->options);
	if (table->schema->id != view->schema_id)
	{
		pfdw_check(reader->env,
				   pmn_table_use_schema(table->table, view->schema_id));
		table->schema = pmn_table_schema(table->table);
	}
	reader->table = table;
	reader->view = *view;
	pfdw_view_attach(&reader->options->ref, reader->snapshot, &reader->view);
	reader->columns = pfdw_columns_match(reader->relation, table->schema,
										 &reader->column_count);
	(void) pfdw_reader_open_overlay(reader);
	MemoryContextSwitchTo(old);
}

/* ---- rows of the delta -------------------------------------------------- */

/* Travellers and system tables see the lake as it is. */
bool
pfdw_reader_open_overlay(PfdwReader *reader)
{
	const PfdwOptions *options = reader->options;

	if (reader->overlay != NULL)
		return true;
	if (reader->knows_overlay || reader->is_explain || reader->ignores_delta ||
		options->has_changes || options->system_kind != PFDW_SYSTEM_NONE)
		return false;
	get_travel(reader);
	if (reader->is_travel)
		return false;
	/* A look-up may ask the delta before anything is opened. */
	if (reader->snapshot == NULL)
		settle_snapshot(reader, false);
	reader->knows_overlay = true;
	reader->overlay = pfdw_overlay_open(reader->context, reader->relation,
										&options->ref, reader->snapshot);
	return reader->overlay != NULL;
}

static const PfdwColumn *
find_column(const PfdwColumn *columns, int count, AttrNumber attnum, int *at)
{
	for (int i = 0; i < count; i++)
	{
		*at = i;
		if (columns[i].attnum == attnum)
			return &columns[i];
	}
	return NULL;
}

bool
pfdw_reader_has_delta(PfdwReader *reader)
{
	const AttrNumber *attnums;
	PfdwColumn *keys;
	MemoryContext old;
	int count;
	int at;

	if (reader->overlay == NULL || reader->skips_delta)
		return false;
	attnums = pfdw_overlay_keys(reader->overlay, &count);
	old = MemoryContextSwitchTo(reader->context);
	keys = palloc(sizeof(PfdwColumn) * (count + 1));
	for (int k = 0; k < count; k++)
	{
		const PfdwColumn *column =
			find_column(reader->columns, reader->column_count, attnums[k], &at);

		if (column == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("foreign table \"%s\" has no column number %d",
							RelationGetRelationName(reader->relation),
							attnums[k])));
		keys[k] = *column;
	}
	MemoryContextSwitchTo(old);
	if (pfdw_overlay_load(reader->overlay, keys))
		return true;
	pfdw_overlay_close(reader->overlay);
	reader->overlay = NULL;
	return false;
}

void
pfdw_reader_need_keys(PfdwReader *reader)
{
	const AttrNumber *attnums;
	int count;

	if (reader->overlay == NULL)
		return;
	attnums = pfdw_overlay_keys(reader->overlay, &count);
	reader->key_positions =
		MemoryContextAlloc(reader->context, sizeof(int) * (count + 1));
	for (int k = 0; k < count; k++)
	{
		int at;
		const PfdwColumn *key =
			find_column(reader->columns, reader->column_count, attnums[k], &at);

		/* By field: attributes of what is needed may be another slot's. */
		for (at = 0; at < reader->needed_count; at++)
		{
			if (reader->needed[at].field == key->field)
				break;
		}
		if (at == reader->needed_count)
			reader->needed[reader->needed_count++] = *key;
		reader->key_positions[k] = at;
	}
}

bool
pfdw_reader_next_delta(PfdwReader *reader)
{
	if (reader->overlay == NULL || reader->skips_delta || reader->at_end)
		return false;
	if (reader->decoder == NULL)
		make_decoder(reader);
	reader->row = 0;
	reader->rows = NULL;
	reader->row_count = 0;
	if (reader->takes_delta == NULL ||
		reader->takes_delta(reader->delta_context))
		reader->row_count = pfdw_overlay_next(reader->overlay, reader->decoder);
	reader->at_end = reader->row_count == 0;
	reader->delta_rows += reader->row_count;
	return !reader->at_end;
}

/* ---- columns and plan --------------------------------------------------- */

void
pfdw_reader_project(PfdwReader *reader, const Bitmapset *attnums, bool all)
{
	Assert(reader->table != NULL);
	Assert(reader->read == NULL);
	if (reader->needed != NULL)
		return;
	reader->needed = MemoryContextAllocZero(
		reader->context, sizeof(PfdwColumn) * (reader->column_count + 1));
	for (int i = 0; i < reader->column_count; i++)
	{
		if (all || bms_is_member(reader->columns[i].attnum, attnums))
			reader->needed[reader->needed_count++] = reader->columns[i];
	}
	if (pfdw_reader_has_delta(reader))
		pfdw_reader_need_keys(reader);
}

void
pfdw_reader_plan(PfdwReader *reader, List *quals, Index varno,
				 const PfdwColumn *columns, int column_count,
				 ExprContext *econtext)
{
	const PmnPredicate *predicate = NULL;
	MemoryContext old;

	if (reader->scan != NULL)
		return;
	if (reader->plan_context == NULL)
		reader->plan_context = AllocSetContextCreate(
			reader->context, "paimon reader plan", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(reader->plan_context);
	reader->pushed = NIL;
	reader->is_exact = quals == NIL;
	if (pfdw_reader_takes_filter(reader->options))
		predicate =
			pfdw_predicate_build(quals, varno, columns, column_count, econtext,
								 &reader->pushed, &reader->is_exact);
	pfdw_reader_plan_predicate(reader, predicate);
	MemoryContextSwitchTo(old);
}

void
pfdw_reader_plan_predicate(PfdwReader *reader, const PmnPredicate *predicate)
{
	PmnScanRequest request = {0};
	MemoryContext old = MemoryContextSwitchTo(reader->context);

	Assert(reader->table != NULL && reader->scan == NULL);
	request.snapshot_id = reader->view.snapshot_id;
	request.tag = reader->view.tag;
	request.filter = predicate;
	pfdw_reader_request(reader->options, &reader->range, &request);
	request.pending = reader->view.pending;
	request.pending_count = reader->view.pending_count;
	request.memory_limit_bytes = (size_t) Max(work_mem, 65536) * 1024;
	/* Little memory makes short batches and little read-ahead. */
	if (reader->is_look_up ||
		(reader->rows_wanted > 0 && reader->rows_wanted <= FEW_ROWS))
		request.memory_limit_bytes = FEW_ROWS_MEMORY;
	reader->scan = pfdw_scan_plan(reader->table, &request);
	MemoryContextSwitchTo(old);
}

void
pfdw_reader_start(PfdwReader *reader)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	int32_t *projection = palloc(sizeof(int32_t) * (reader->needed_count + 1));

	for (int i = 0; i < reader->needed_count; i++)
		projection[i] = reader->needed[i].field;
	reader->read =
		pfdw_read_open_ordered(reader->table, reader->scan, projection,
							   (uint32_t) reader->needed_count, reader->order,
							   (uint32_t) reader->order_count);
	if (reader->part_source != NULL)
		pmn_read_by_parts(reader->read, reader->part_source,
						  reader->part_context);
	pfree(projection);
	MemoryContextSwitchTo(old);
}

static void
make_decoder(PfdwReader *reader)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);

	reader->decoder = pfdw_decoder_create(reader->needed, reader->needed_count);
	MemoryContextSwitchTo(old);
}

bool
pfdw_reader_next_lake(PfdwReader *reader, PmnBatch *batch)
{
	if (reader->is_past_lake)
		return false;
	if (reader->read == NULL)
		pfdw_reader_start(reader);
	for (;;)
	{
		PmnBatch *next;

		CHECK_FOR_INTERRUPTS();
		pfdw_check(reader->env, pmn_read_next(reader->read, &next));
		if (next == NULL)
			break;
		*batch = *next;
		if (reader->overlay != NULL && !reader->skips_delta)
			pfdw_overlay_filter(reader->overlay, batch, reader->key_positions);
		if (batch->selected_count > 0)
			return true;
	}
	reader->is_past_lake = true;
	return false;
}

bool
pfdw_reader_next_batch(PfdwReader *reader)
{
	PmnBatch batch;

	if (reader->at_end)
		return false;
	if (pfdw_reader_next_lake(reader, &batch))
	{
		if (reader->decoder == NULL)
			make_decoder(reader);
		reader->row = 0;
		reader->rows = batch.selection;
		reader->row_count = batch.selected_count;
		pfdw_decode_batch(reader->decoder, &batch);
		return true;
	}
	if (!reader->is_delta_apart && pfdw_reader_next_delta(reader))
		return true;
	reader->row = 0;
	reader->row_count = 0;
	reader->at_end = true;
	return false;
}

/* Nothing is read yet, of the lake or of the delta. */
static void
start_over(PfdwReader *reader)
{
	reader->row = 0;
	reader->row_count = 0;
	reader->at_end = false;
	reader->is_past_lake = false;
	reader->is_delta_apart = false;
	if (reader->overlay != NULL)
		pfdw_overlay_rewind(reader->overlay);
}

void
pfdw_reader_rewind(PfdwReader *reader)
{
	start_over(reader);
	if (reader->read != NULL)
		pfdw_check(reader->env, pmn_read_rewind(reader->read));
}

void
pfdw_reader_unplan(PfdwReader *reader)
{
	start_over(reader);
	if (reader->read != NULL)
		pfdw_read_close(reader->env, reader->read);
	reader->read = NULL;
	if (reader->scan != NULL)
		pfdw_scan_close(reader->env, reader->scan);
	reader->scan = NULL;
	reader->pushed = NIL;
	if (reader->plan_context != NULL)
		MemoryContextReset(reader->plan_context);
}

void
pfdw_reader_close(PfdwReader *reader)
{
	if (reader == NULL)
		return;
	pfdw_overlay_close(reader->overlay);
	MemoryContextDelete(reader->context);
}
