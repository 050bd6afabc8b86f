/*
 * fdw_writer.c
 *
 * What one statement writes to one lake table. Rows are encoded into a batch
 * and handed to storage when the batch is full; at the end of the statement
 * storage closes its files and the commit message goes to delta/, which
 * publishes it with the transaction or discards it with a rollback.
 *
 * Invariants:
 * - All modify nodes of one statement on one table share the writer. Paimon
 *   orders rows of one key by sequence number, and one writer numbers them in
 *   the order in which they came (WITH d AS (DELETE ...) INSERT ...).
 * - New rows of a key-changing UPDATE are written after everything else of
 *   the statement: otherwise, in "SET id = id + 1", the delete of the second
 *   row would remove what the first one became.
 * - Files are closed before AFTER triggers run, so that those see the
 *   statement's rows: a hook on ExecutorFinish does it. A later row of the
 *   same statement simply opens the next file.
 * - They are also closed when another statement that runs inside this one (in
 *   a BEFORE trigger, a volatile function, or any trigger of COPY, which has
 *   no ExecutorFinish) reads or writes the lake table: it must see the rows
 *   done so far, and number its own after them. New keys of a key-changing
 *   UPDATE are then written early; what is later removed under such a key is
 *   the old row, which the new one has replaced already.
 *
 * A failed statement never comes to its end. Its open files go with the
 * transaction's handle or the savepoint's end (delta/); what the list below
 * still holds then is dropped by transaction hooks.
 */
#include "fdw_writer.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define BATCH_ROWS_MAX 4096
#define BATCH_BYTES_MAX (4 * 1024 * 1024)

/* More bytes of a statement than these are bulk, however few the rows. */
#define BUFFER_BYTES_MAX (8 * 1024 * 1024)

/* Larger rows could be written, but need not find the memory to be read. */
#define ROW_BYTES_MAX (256 * 1024 * 1024)

/* Writers of statements that run now, newest first. */
static dlist_head open_writers = DLIST_STATIC_INIT(open_writers);
static ExecutorFinish_hook_type previous_executor_finish = NULL;

static void executor_finish(QueryDesc *query);
static void subxact_callback(SubXactEvent event, SubTransactionId subid,
							 SubTransactionId parent, void *arg);
static void xact_callback(XactEvent event, void *arg);
static void writer_prepare(PfdwWriter *writer, Relation relation);
static void check_alone(const PfdwWriter *writer, Relation relation);
static void write_pending_batch(PfdwWriter *writer);
static void note_moved(PfdwWriter *writer);
static void writer_close_files(PfdwWriter *writer, Relation relation,
							   bool is_last);
static void writer_finish(PfdwWriter *writer, Relation relation);

void
pfdw_writer_init(void)
{
	previous_executor_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = executor_finish;
	RegisterSubXactCallback(subxact_callback, NULL);
	RegisterXactCallback(xact_callback, NULL);
}

PfdwWriter *
pfdw_writer_acquire(EState *estate, Relation relation, bool runs_triggers)
{
	Oid relid = RelationGetRelid(relation);
	MemoryContext context;
	MemoryContext old;
	PfdwWriter *writer;
	dlist_iter iter;

	dlist_foreach(iter, &open_writers)
	{
		writer = dlist_container(PfdwWriter, node, iter.cur);
		if (writer->estate == estate && writer->relid == relid)
		{
			writer->references++;
			writer->runs_triggers |= runs_triggers;
			return writer;
		}
	}
	pfdw_writers_flush(estate, &pfdw_options_get(relid)->ref);
	/*
	 * Not below the statement's context: the list outlives a failed
	 * statement by a little, until the transaction hooks clear it.
	 */
	context = AllocSetContextCreate(TopTransactionContext, "paimon writer",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	writer = palloc0(sizeof(*writer));
	writer->estate = estate;
	writer->relid = relid;
	writer->subid = GetCurrentSubTransactionId();
	/* COPY has none in its state. */
	writer->command = estate->es_output_cid != 0 ? estate->es_output_cid
												 : GetCurrentCommandId(true);
	writer->references = 1;
	writer->runs_triggers = runs_triggers;
	writer->snapshot = estate->es_snapshot != InvalidSnapshot
						   ? estate->es_snapshot
						   : GetActiveSnapshot();
	writer->context = context;
	writer_prepare(writer, relation);
	check_alone(writer, relation);
	dlist_push_head(&open_writers, &writer->node);
	MemoryContextSwitchTo(old);
	return writer;
}

/*
 * Two writers of one lake table in one statement would number their rows
 * apart, so that which row of a key wins would be chance.
 */
static void
check_alone(const PfdwWriter *writer, Relation relation)
{
	dlist_iter iter;

	dlist_foreach(iter, &open_writers)
	{
		PfdwWriter *other = dlist_container(PfdwWriter, node, iter.cur);

		if (other->estate == writer->estate && other->table == writer->table)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot write to foreign table \"%s\" in this "
							"statement",
							RelationGetRelationName(relation)),
					 errdetail("The statement also writes to foreign table "
							   "\"%s\", which is the same lake table.",
							   get_rel_name(other->relid))));
	}
}

/* Attribute of a lake field, or 0. */
static AttrNumber
attribute_of_field(const PfdwWriter *writer, int32 field)
{
	for (int i = 0; i < writer->column_count; i++)
	{
		if (writer->columns[i].field == field)
			return writer->columns[i].attnum;
	}
	return InvalidAttrNumber;
}

/* Columns that the lake wants NOT NULL, whatever the foreign table says. */
static void
find_required(PfdwWriter *writer, Relation relation)
{
	const PmnSchema *schema = writer->table->schema;

	for (uint32 i = 0; i < schema->field_count; i++)
	{
		const PmnField *field = &schema->fields[i];
		AttrNumber attnum = attribute_of_field(writer, (int32) i);

		if (field->type.is_nullable)
			continue;
		if (attnum == InvalidAttrNumber && field->default_value != NULL)
			continue;
		if (attnum == InvalidAttrNumber)
			ereport(ERROR,
					(errcode(ERRCODE_NOT_NULL_VIOLATION),
					 errmsg("foreign table \"%s\" has no column for \"%s\", "
							"which the lake table requires",
							RelationGetRelationName(relation), field->name)));
		if (!TupleDescAttr(writer->tupdesc, attnum - 1)->attnotnull)
			writer->required = lappend_int(writer->required, attnum);
	}
}

static void
find_key(PfdwWriter *writer)
{
	const PmnSchema *schema = writer->table->schema;

	writer->has_key = schema->primary_key_count > 0;
	writer->key_attnums =
		palloc(sizeof(AttrNumber) * (schema->primary_key_count + 1));
	for (uint32 i = 0; i < schema->primary_key_count; i++)
	{
		int32 field = pmn_schema_field_index(schema, schema->primary_keys[i]);
		AttrNumber attnum = attribute_of_field(writer, field);

		/* find_required has refused a table without its key columns. */
		Assert(attnum != InvalidAttrNumber);
		writer->key_attnums[writer->key_count++] = attnum;
	}
}

static void
writer_prepare(PfdwWriter *writer, Relation relation)
{
	PfdwOptions *options = pfdw_options_get(writer->relid);

	writer->options = options;
	if (options->travel.kind != PMN_TRAVEL_LATEST)
		ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
						errmsg("cannot write to foreign table \"%s\"",
							   RelationGetRelationName(relation)),
						errdetail("Its options name an earlier snapshot.")));
	pfdw_relation_check_write(writer->relid, options);
	writer->row_context = AllocSetContextCreate(writer->context, "paimon row",
												ALLOCSET_DEFAULT_SIZES);
	writer->tupdesc = CreateTupleDescCopy(RelationGetDescr(relation));
	/* The copy drops constraints, which NOT NULL lives in. */
	for (int i = 0; i < writer->tupdesc->natts; i++)
		TupleDescAttr(writer->tupdesc, i)->attnotnull =
			TupleDescAttr(RelationGetDescr(relation), i)->attnotnull;
	writer->table = pfdw_delta_table(&options->ref);
	pfdw_check(writer->table->env, pmn_table_check_write(writer->table->table));
	writer->columns = pfdw_columns_match(relation, writer->table->schema,
										 &writer->column_count);
	find_required(writer, relation);
	find_key(writer);
	writer->takes_rows = pfdw_takes_rows(writer->table->schema);
	if (writer->has_key && !writer->takes_rows)
		pfdw_view_lock(&options->ref, writer->table, false);
	writer->encoder = pfdw_encoder_create(
		writer->table->schema, writer->columns, writer->column_count);
}

static void
open_write(PfdwWriter *writer)
{
	PmnTravel latest = {0};
	PmnWriteRequest request = {0};
	PfdwView view;

	/* Sequence numbers go on behind all that is committed. */
	pfdw_view_get(&writer->options->ref, writer->table, &latest, NULL, &view);
	request.base_snapshot_id = view.snapshot_id;
	request.pending = view.pending;
	request.pending_count = view.pending_count;
	request.memory_limit_bytes =
		(size_t) Max(maintenance_work_mem, 65536) * 1024;
	writer->write = pfdw_sink_open(writer->table, &writer->options->ref,
								   &request, writer->subid);
}

static void
check_size(const PfdwWriter *writer, Size bytes)
{
	if (bytes > ROW_BYTES_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("row is too large for foreign table \"%s\"",
							   get_rel_name(writer->relid)),
						errdetail("The values of a row may take %d MB.",
								  ROW_BYTES_MAX / (1024 * 1024))));
}

static void
encode(PfdwWriter *writer, TupleTableSlot *slot, PmnRowKind kind)
{
	MemoryContext old;
	size_t bytes = pfdw_encoder_bytes(writer->encoder);

	/* What an output function leaves behind goes with the next row. */
	MemoryContextReset(writer->row_context);
	old = MemoryContextSwitchTo(writer->row_context);
	pfdw_encode_slot(writer->encoder, slot, kind);
	MemoryContextSwitchTo(old);
	check_size(writer, pfdw_encoder_bytes(writer->encoder) - bytes);
}

void
pfdw_writer_add(PfdwWriter *writer, TupleTableSlot *slot, PmnRowKind kind)
{
	encode(writer, slot, kind);
	if (writer->is_bulk)
		pfdw_replace_note(writer, slot);
	if (pfdw_encoder_rows(writer->encoder) >= BATCH_ROWS_MAX ||
		pfdw_encoder_bytes(writer->encoder) >= BATCH_BYTES_MAX)
		write_pending_batch(writer);
}

/* ---- rows for the delta heap ------------------------------------------ */

TupleTableSlot *
pfdw_writer_shape(PfdwWriter *writer, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(writer->context);

	if (writer->shaper == NULL)
		writer->shaper = pfdw_shaper_create(writer);
	MemoryContextSwitchTo(old);
	slot = pfdw_shape(writer->shaper, slot, &writer->shaped_bytes);
	check_size(writer, writer->shaped_bytes);
	return slot;
}

/* What was kept as rows so far goes into files with the others. */
static void
go_bulk(PfdwWriter *writer)
{
	Relation relation = RelationIdGetRelation(writer->relid);
	TupleTableSlot *slot;

	pfdw_replace_begin(writer, relation);
	RelationClose(relation);
	while ((slot = pfdw_row_store_next(writer->buffer)) != NULL)
		pfdw_writer_add(writer, slot, PMN_INSERT);
	pfdw_row_store_end(writer->buffer);
}

/* Whether one more row, which was shaped last, makes it many. */
static bool
are_many(const PfdwWriter *writer)
{
	return !writer->has_changes &&
		   (pfdw_row_store_left(writer->buffer) + writer->row_count >=
				pfdw_bulk_threshold ||
			writer->buffered_bytes + writer->shaped_bytes > BUFFER_BYTES_MAX);
}

void
pfdw_writer_insert(PfdwWriter *writer, TupleTableSlot *slot)
{
	TupleTableSlot *shaped;

	if (!writer->takes_rows || writer->is_bulk)
	{
		pfdw_writer_add(writer, slot, PMN_INSERT);
		return;
	}
	shaped = pfdw_writer_shape(writer, slot);
	if (are_many(writer))
	{
		go_bulk(writer);
		pfdw_writer_add(writer, slot, PMN_INSERT);
		return;
	}
	if (writer->buffer == NULL)
		writer->buffer =
			pfdw_row_store_create(writer->context, writer->tupdesc);
	pfdw_row_store_put(writer->buffer, shaped);
	writer->buffered_bytes += writer->shaped_bytes;
	/* What a trigger for the next row sees must be there before its command
	 * begins: it may be a row that was written twice. */
	if (writer->runs_triggers)
	{
		Relation relation = RelationIdGetRelation(writer->relid);

		writer->row_count++;
		writer_close_files(writer, relation, false);
		RelationClose(relation);
	}
}

static void
insert_stored(PfdwWriter *writer, Relation relation, PfdwRowStore *store)
{
	TupleTableSlot *slot;

	pfdw_row_store_begin(store, writer->subid);
	while ((slot = pfdw_row_store_next(store)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		pfdw_row_insert(writer, relation, slot);
		writer->has_written = true;
		/* A row from a file is in the memory that is reset. */
		ExecClearTuple(slot);
		MemoryContextReset(writer->row_context);
	}
	pfdw_row_store_end(store);
}

/*
 * Claim and write what is kept. A heap that was opened for it is closed
 * again, as we may be inside another statement, which ends sooner.
 */
static void
write_rows(PfdwWriter *writer, Relation relation, bool is_last, bool was_open)
{
	MemoryContext old = MemoryContextSwitchTo(writer->row_context);

	if (writer->options->insert_mode == PFDW_INSERT_STRICT && writer->has_key)
		writer->unseen =
			pfdw_keyset_create(writer->context, writer->tupdesc,
							   writer->key_attnums, writer->key_count);
	insert_stored(writer, relation, writer->buffer);
	if (!is_last)
		note_moved(writer);
	insert_stored(writer, relation, writer->deferred);
	MemoryContextSwitchTo(old);
	if (writer->unseen != NULL)
	{
		pfdw_strict_check(writer, relation, writer->unseen, false);
		pfdw_keyset_free(writer->unseen);
		writer->unseen = NULL;
	}
	if (!was_open)
		pfdw_rows_end(writer);
}

static void
write_pending_batch(PfdwWriter *writer)
{
	MemoryContext old;
	const PmnBatch *batch;
	const uint8_t *kinds;

	if (pfdw_encoder_rows(writer->encoder) == 0)
		return;
	old = MemoryContextSwitchTo(writer->context);
	if (writer->write == NULL)
		open_write(writer);
	batch = pfdw_encoder_batch(writer->encoder, &kinds);
	pfdw_sink_batch(writer->write, batch, kinds);
	pfdw_encoder_reset(writer->encoder);
	MemoryContextSwitchTo(old);
}

void
pfdw_writer_defer(PfdwWriter *writer, TupleTableSlot *slot)
{
	if (writer->deferred == NULL)
		writer->deferred =
			pfdw_row_store_create(writer->context, writer->tupdesc);
	pfdw_row_store_put(writer->deferred, slot);
}

void
pfdw_writer_remove(PfdwWriter *writer, TupleTableSlot *old)
{
	if (writer->moved == NULL || !pfdw_keyset_has(writer->moved, old))
		pfdw_writer_add(writer, old, PMN_DELETE);
}

/* Rows of deferred whose old row a later one may still be about to meet. */
static void
note_moved(PfdwWriter *writer)
{
	int64 left = pfdw_row_store_left(writer->deferred);
	TupleTableSlot *slot;

	if (left == 0)
		return;
	if (writer->moved == NULL)
		writer->moved =
			pfdw_keyset_create(writer->context, writer->tupdesc,
							   writer->key_attnums, writer->key_count);
	while ((slot = pfdw_row_store_next(writer->deferred)) != NULL)
		(void) pfdw_keyset_add(writer->moved, slot);
	pfdw_row_store_again(writer->deferred, left);
}

static void
write_deferred(PfdwWriter *writer, bool is_last)
{
	TupleTableSlot *slot;

	if (!is_last)
		note_moved(writer);
	while ((slot = pfdw_row_store_next(writer->deferred)) != NULL)
		pfdw_writer_add(writer, slot, PMN_INSERT);
	pfdw_row_store_end(writer->deferred);
}

/* Close the files and give the message to the transaction. */
static void
write_files(PfdwWriter *writer, Relation relation, bool is_last)
{
	PfdwWriteOrigin origin = {writer->subid, writer->command, writer->relid};
	PmnMessage *message = NULL;

	write_deferred(writer, is_last);
	write_pending_batch(writer);
	if (writer->write == NULL)
		return;
	message = pfdw_sink_finish(writer->write);
	writer->write = NULL;
	if (message != NULL)
		pfdw_delta_add(&writer->options->ref, message, &origin);
	/* A rollback of what runs inside would bring rows of the heap back. */
	if (pfdw_replace_end(writer, relation) &&
		GetCurrentSubTransactionId() != writer->subid)
		writer->inner_subid = GetCurrentSubTransactionId();
}

/* Whether something is kept for the heap. */
static bool
has_rows(const PfdwWriter *writer)
{
	return writer->takes_rows && !writer->is_bulk &&
		   (pfdw_row_store_left(writer->buffer) > 0 ||
			pfdw_row_store_left(writer->deferred) > 0);
}

/* Write all that came so far. */
static void
writer_close_files(PfdwWriter *writer, Relation relation, bool is_last)
{
	bool was_open = writer->heap != NULL;

	/* A trigger's exception block may have caught the failure, but not what
	 * it left undone. */
	if (writer->is_closing)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot write to foreign table \"%s\" after a failure "
						"in the same statement",
						RelationGetRelationName(relation))));
	writer->is_closing = true;
	if (has_rows(writer) && !pfdw_rows_open(writer, relation) &&
		!writer->has_changes)
	{
		pfdw_rows_end(writer);
		go_bulk(writer);
	}
	if (writer->inserted != NULL)
	{
		if (!writer->takes_rows || writer->is_bulk)
			pfdw_strict_check(writer, relation, writer->inserted, true);
		/* What comes later meets these keys in the table itself. */
		pfdw_keyset_free(writer->inserted);
		writer->inserted = NULL;
	}
	if (has_rows(writer))
		write_rows(writer, relation, is_last, was_open);
	else
		write_files(writer, relation, is_last);
	writer->buffered_bytes = 0;
	writer->is_closing = false;
}

static void
writer_finish(PfdwWriter *writer, Relation relation)
{
	writer_close_files(writer, relation, true);
}

void
pfdw_writers_flush(const EState *estate, const PfdwTableRef *ref)
{
	dlist_iter iter;

	dlist_foreach(iter, &open_writers)
	{
		PfdwWriter *writer = dlist_container(PfdwWriter, node, iter.cur);
		Relation relation;

		if (writer->estate == estate ||
			!pfdw_ref_equal(&writer->options->ref, ref))
			continue;
		relation = RelationIdGetRelation(writer->relid);
		writer_close_files(writer, relation, false);
		RelationClose(relation);
	}
}

static void
writer_free(PfdwWriter *writer)
{
	dlist_delete(&writer->node);
	pfdw_row_store_free(writer->deferred);
	pfdw_row_store_free(writer->buffer);
	if (writer->current != NULL)
		ExecDropSingleTupleTableSlot(writer->current);
	pfdw_shaper_free(writer->shaper);
	MemoryContextDelete(writer->context);
}

void
pfdw_writer_release(PfdwWriter *writer, Relation relation)
{
	Assert(writer->references > 0);
	if (--writer->references > 0)
		return;
	writer_finish(writer, relation);
	pfdw_rows_end(writer);
	writer_free(writer);
}

/* ---- hooks ------------------------------------------------------------ */

static void
executor_finish(QueryDesc *query)
{
	dlist_iter iter;

	dlist_foreach(iter, &open_writers)
	{
		PfdwWriter *writer = dlist_container(PfdwWriter, node, iter.cur);
		Relation relation;

		if (writer->estate != query->estate)
			continue;
		relation = RelationIdGetRelation(writer->relid);
		writer_finish(writer, relation);
		RelationClose(relation);
	}
	if (previous_executor_finish != NULL)
		previous_executor_finish(query);
	else
		standard_ExecutorFinish(query);
}

/* No error may be thrown here, and nothing that reads tables be called. */
static void
subxact_callback(SubXactEvent event, SubTransactionId subid,
				 SubTransactionId parent, void *arg)
{
	dlist_mutable_iter iter;
	bool is_abort = event == SUBXACT_EVENT_ABORT_SUB;

	if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	dlist_foreach_modify(iter, &open_writers)
	{
		PfdwWriter *writer = dlist_container(PfdwWriter, node, iter.cur);

		pfdw_row_store_subxact(writer->buffer, is_abort, subid, parent,
							   writer->subid);
		pfdw_row_store_subxact(writer->deferred, is_abort, subid, parent,
							   writer->subid);
		if (writer->inner_subid == subid)
		{
			if (is_abort)
				writer->is_closing = true;
			writer->inner_subid =
				event == SUBXACT_EVENT_COMMIT_SUB && parent != writer->subid
					? parent
					: InvalidSubTransactionId;
		}
		if (writer->subid != subid)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
		{
			writer->subid = parent;
			continue;
		}
		/*
		 * delta/ closes the storage writer, and a tuplestore's files belong
		 * to the resource owner; what is left is memory.
		 */
		dlist_delete(&writer->node);
		MemoryContextDelete(writer->context);
	}
}

/* Handles and memory go with the transaction; forget the pointers. */
static void
xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			dlist_init(&open_writers);
			break;
		default:
			break;
	}
}
