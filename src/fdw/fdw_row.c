/*
 * fdw_row.c
 *
 * Rows of a statement on their way into the delta heap.
 *
 * A row is written by claiming its key (delta/): no other transaction writes
 * it until this one ends. Only then is asked whether the row is still what
 * the statement read, as it may have changed in between, in the heap or, when
 * it was moved on, in the lake:
 *
 *     a row of the heap that the statement's snapshot sees   unchanged
 *     another row of the heap                                changed
 *     none, and nothing was published or bulk-loaded since   unchanged
 *     none otherwise                                         look it up
 *
 * A row that has changed is 40001 under REPEATABLE READ and above. Under READ
 * COMMITTED the statement's conditions and expressions are evaluated again
 * with it, and it is left alone when they no longer hold: by then a row that
 * only locks the key has its place. All as in a heap table.
 *
 * INSERT puts its row there unseen, unless the key must be new. What it finds
 * in the heap tells that at once; keys that it does not find there are looked
 * up in the lake together, when all of them are claimed.
 *
 * A row that this very command has inserted can only be replaced by a later
 * command, so the command counter is advanced. Which commands are ours is
 * remembered, to tell a row that was met twice from one that a trigger's
 * statement has changed under our feet.
 */
#include "fdw_modify.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* What has become of a row that a statement read. */
typedef enum RowState
{
	ROW_UNCHANGED,
	ROW_CHANGED, /* writer->current is the row now */
	ROW_GONE
} RowState;

static bool is_option_true(const PmnSchema *schema, const char *name);

/* ---- which tables ----------------------------------------------------- */

/* Whether PostgreSQL tells keys of a type apart as Paimon does. */
static bool
is_plain_key(const PmnType *type)
{
	switch (type->kind)
	{
		case PMN_TYPE_FLOAT: /* 0.0 and -0.0 */
		case PMN_TYPE_DOUBLE:
			return false;
		case PMN_TYPE_TIMESTAMP:
		case PMN_TYPE_TIMESTAMP_LTZ:
			return type->precision <= 6;
		default:
			return !pmn_type_is_nested(type);
	}
}

static bool
has_option(const PmnSchema *schema, const char *name)
{
	const char *value = pmn_schema_option(schema, name);

	return value != NULL && value[0] != '\0';
}

bool
pfdw_takes_rows(const PmnSchema *schema)
{
	const char *engine = pmn_schema_option(schema, "merge-engine");
	const char *bucket = pmn_schema_option(schema, "bucket");

	if (schema->primary_key_count == 0)
		return true;
	if (engine != NULL && pg_strcasecmp(engine, "deduplicate") != 0)
		return false;
	/* An older row may win, a row may be a deletion, or not be one. */
	if (has_option(schema, "sequence.field") ||
		has_option(schema, "rowkind.field") ||
		is_option_true(schema, "ignore-delete") ||
		is_option_true(schema, "deduplicate.ignore-delete"))
		return false;
	/* Rows of postponed buckets are seen when they have been compacted. */
	if (bucket != NULL && strcmp(bucket, "-2") == 0)
		return false;
	for (uint32 i = 0; i < schema->primary_key_count; i++)
	{
		int32 field = pmn_schema_field_index(schema, schema->primary_keys[i]);

		if (!is_plain_key(&schema->fields[field].type))
			return false;
	}
	return true;
}

static bool
is_option_true(const PmnSchema *schema, const char *name)
{
	const char *value = pmn_schema_option(schema, name);

	return value != NULL && pg_strcasecmp(value, "true") == 0;
}

/* ---- what both share -------------------------------------------------- */

bool
pfdw_rows_open(PfdwWriter *writer, Relation relation)
{
	MemoryContext old;
	const PfdwLakeTable *lake_table;

	if (writer->heap != NULL)
		return pfdw_delta_heap_fits(writer->heap);
	old = MemoryContextSwitchTo(writer->context);
	pfdw_lake_lock(&writer->options->ref, RowExclusiveLock, true);
	lake_table = pfdw_lake_table_get(&writer->options->ref, writer->relid);
	writer->heap = pfdw_delta_heap_open(relation, lake_table, true);
	if (writer->current == NULL)
		writer->current =
			MakeSingleTupleTableSlot(writer->tupdesc, &TTSOpsVirtual);
	MemoryContextSwitchTo(old);
	return pfdw_delta_heap_fits(writer->heap);
}

void
pfdw_rows_end(PfdwWriter *writer)
{
	pfdw_look_up_free(writer->newest);
	pfdw_look_up_free(writer->before);
	writer->newest = NULL;
	writer->before = NULL;
	pfdw_delta_heap_close(writer->heap);
	writer->heap = NULL;
}

/*
 * Whether nothing was published or bulk-loaded since the statement's
 * snapshot. What the server has of the view depends on the snapshot alone, so
 * it may be asked for as late as here.
 */
static bool
lake_is_unchanged(PfdwWriter *writer)
{
	PmnTravel latest = {.kind = PMN_TRAVEL_LATEST};
	MemoryContext old;

	if (!writer->has_view)
	{
		old = MemoryContextSwitchTo(writer->context);
		pfdw_view_get(&writer->options->ref, writer->table, &latest,
					  writer->snapshot, &writer->view);
		writer->has_view = true;
		MemoryContextSwitchTo(old);
	}
	return pfdw_view_is_current(&writer->view);
}

/* Write over a row that this command has inserted. */
static void
write_again(PfdwWriter *writer, ItemPointer tid, TupleTableSlot *row, char kind)
{
	MemoryContext old = MemoryContextSwitchTo(writer->context);
	CommandId command;

	CommandCounterIncrement();
	command = GetCurrentCommandId(true);
	writer->commands = lappend_int(writer->commands, (int) command);
	MemoryContextSwitchTo(old);
	pfdw_delta_write(writer->heap, tid, row, kind, command);
}

/* Whether the row met was written by the statement itself. */
static bool
is_own(const PfdwWriter *writer)
{
	CommandId command = pfdw_delta_self_command(writer->heap);

	return command == writer->command ||
		   list_member_int(writer->commands, (int) command);
}

static void
pg_attribute_noreturn() fail_concurrent(bool is_gone, bool by_trigger)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
		 is_gone
			 ? errmsg("could not serialize access due to concurrent delete")
			 : errmsg("could not serialize access due to concurrent update"),
		 by_trigger ? errdetail("The row has changed after a row trigger was "
								"given it.")
					: 0));
}

/* The row of a key in the lake and the outbox now, into writer->current. */
static bool
find_newest(PfdwWriter *writer, Relation relation, TupleTableSlot *key)
{
	if (writer->newest == NULL)
		writer->newest =
			pfdw_look_up_create(writer->context, relation, writer->key_attnums,
								writer->key_count, NULL);
	return pfdw_look_up_find(writer->newest, key, writer->current);
}

/* By image: a change of spelling counts as one, which is always right. */
bool
pfdw_key_is_changed(const PfdwWriter *writer, TupleTableSlot *old,
					TupleTableSlot *new)
{
	for (int i = 0; i < writer->key_count; i++)
	{
		AttrNumber attnum = writer->key_attnums[i];
		Form_pg_attribute attribute =
			TupleDescAttr(writer->tupdesc, attnum - 1);
		bool old_null;
		bool new_null;
		Datum old_value = slot_getattr(old, attnum, &old_null);
		Datum new_value = slot_getattr(new, attnum, &new_null);

		if (old_null || new_null)
			return true;
		if (!datum_image_eq(old_value, new_value, attribute->attbyval,
							attribute->attlen))
			return true;
	}
	return false;
}

/* ---- UPDATE and DELETE ------------------------------------------------ */

static RowState
judge(PfdwRowChange *change, PfdwClaim claim, char kind)
{
	PfdwWriter *writer = change->writer;

	if (claim != PFDW_CLAIM_NEW && kind == PFDW_KIND_DELETED)
		return ROW_GONE;
	if (claim != PFDW_CLAIM_NEW && pfdw_kind_is_row(kind))
		return claim == PFDW_CLAIM_SEEN ? ROW_UNCHANGED : ROW_CHANGED;
	if (lake_is_unchanged(writer))
		return ROW_UNCHANGED;
	if (!find_newest(writer, change->rinfo->ri_RelationDesc, change->old))
		return ROW_GONE;
	return pfdw_row_is_same(change->old, writer->current) ? ROW_UNCHANGED
														  : ROW_CHANGED;
}

/*
 * Evaluate the statement again with writer->current as the row. false: it is
 * none of the statement's rows any more. Sets the change's old and new row.
 */
static bool
recheck(PfdwRowChange *change)
{
	PfdwWriter *writer = change->writer;
	ResultRelInfo *rinfo = change->rinfo;
	Relation relation = rinfo->ri_RelationDesc;
	EPQState *epq = &change->mtstate->mt_epqstate;
	TupleTableSlot *input;
	TupleTableSlot *output;

	input = EvalPlanQualSlot(epq, relation, rinfo->ri_RangeTableIndex);
	ExecCopySlot(input, writer->current);
	input->tts_tableOid = RelationGetRelid(relation);
	output = EvalPlanQual(epq, relation, rinfo->ri_RangeTableIndex, input);
	if (TupIsNull(output))
		return false;
	change->old = writer->current;
	if (change->new == NULL)
		return true;
	ExecCopySlot(rinfo->ri_oldTupleSlot, writer->current);
	change->new = ExecGetUpdateNewTuple(rinfo, output, rinfo->ri_oldTupleSlot);
	if (RelationGetDescr(relation)->constr != NULL &&
		RelationGetDescr(relation)->constr->has_generated_stored)
		ExecComputeStoredGenerated(rinfo, change->estate, change->new,
								   CMD_UPDATE);
	pfdw_modify_check(change);
	return true;
}

/* Met a second time in one statement, or changed by a trigger's. */
static bool
is_moved_there(PfdwRowChange *change)
{
	PfdwWriter *writer = change->writer;

	if (!is_own(writer))
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg(change->new == NULL
							? "tuple to be deleted was already modified by an "
							  "operation triggered by the current command"
							: "tuple to be updated was already modified by an "
							  "operation triggered by the current command"),
				 errhint("Consider using an AFTER trigger instead of a BEFORE "
						 "trigger to propagate changes to other rows.")));
	return writer->moved != NULL && pfdw_keyset_has(writer->moved, change->old);
}

static bool
has_row_triggers(const PfdwRowChange *change)
{
	const TriggerDesc *triggers = change->rinfo->ri_TrigDesc;

	if (triggers == NULL)
		return false;
	return change->new == NULL ? triggers->trig_delete_before_row ||
									 triggers->trig_delete_after_row
							   : triggers->trig_update_before_row ||
									 triggers->trig_update_after_row;
}

/*
 * What to write under the row's key: the new row where the key stays, else
 * that it is gone; it is then the old one that is kept, for its columns.
 */
static TupleTableSlot *
row_to_write(const PfdwRowChange *change, char *kind)
{
	*kind = PFDW_KIND_DELETED;
	if (change->new == NULL ||
		pfdw_key_is_changed(change->writer, change->old, change->new))
		return change->old;
	*kind = PFDW_KIND_UPDATED;
	return pfdw_writer_shape(change->writer, change->new);
}

bool
pfdw_row_change(PfdwRowChange *change)
{
	PfdwWriter *writer = change->writer;
	ItemPointerData tid;
	PfdwClaim claim;
	RowState state;
	char target;
	char kind;
	TupleTableSlot *row = row_to_write(change, &target);

	(void) pfdw_rows_open(writer, change->rinfo->ri_RelationDesc);
	kind = target;
	claim =
		pfdw_delta_claim(writer->heap, row, &kind, writer->snapshot,
						 writer->command, LockWaitBlock, writer->current, &tid);
	/* A row that this statement has locked is not one that it has written. */
	if (claim == PFDW_CLAIM_SELF && kind != PFDW_KIND_LOCK)
		return is_moved_there(change);
	state = judge(change, claim, kind);
	if (state != ROW_UNCHANGED && IsolationUsesXactSnapshot())
		fail_concurrent(state == ROW_GONE, false);
	if (state == ROW_CHANGED && has_row_triggers(change))
		fail_concurrent(false, true);
	if (state == ROW_GONE || (state == ROW_CHANGED && !recheck(change)))
	{
		if (claim == PFDW_CLAIM_NEW)
			write_again(writer, &tid, change->old, PFDW_KIND_LOCK);
		return false;
	}
	if (state == ROW_CHANGED)
		row = row_to_write(change, &target);
	/* The lake has not seen the row yet. */
	if (kind == PFDW_KIND_ROW && target == PFDW_KIND_UPDATED)
		target = PFDW_KIND_ROW;
	if (claim != PFDW_CLAIM_NEW && claim != PFDW_CLAIM_SELF)
		pfdw_delta_write(writer->heap, &tid, row, target, writer->command);
	else if (claim == PFDW_CLAIM_SELF || state == ROW_CHANGED)
		write_again(writer, &tid, row, target);
	return true;
}

/* ---- INSERT ----------------------------------------------------------- */

static void
fail_duplicate(PfdwWriter *writer, TupleTableSlot *slot)
{
	Datum *values = palloc(sizeof(Datum) * writer->key_count);
	bool *nulls = palloc(sizeof(bool) * writer->key_count);
	PfdwKeySet *keys =
		pfdw_keyset_create(writer->context, writer->tupdesc,
						   writer->key_attnums, writer->key_count);

	for (int k = 0; k < writer->key_count; k++)
		values[k] = slot_getattr(slot, writer->key_attnums[k], &nulls[k]);
	pfdw_strict_fail(writer, keys, values, nulls);
}

/*
 * Under REPEATABLE READ and above nobody may replace a row that another
 * transaction has written since the snapshot, even without having read it.
 */
static void
check_unchanged(PfdwWriter *writer, Relation relation, TupleTableSlot *slot)
{
	TupleTableSlot *before;
	bool had;
	bool has;
	bool is_same;

	if (lake_is_unchanged(writer))
		return;
	if (writer->before == NULL)
		writer->before =
			pfdw_look_up_create(writer->context, relation, writer->key_attnums,
								writer->key_count, writer->snapshot);
	before = MakeSingleTupleTableSlot(writer->tupdesc, &TTSOpsVirtual);
	had = pfdw_look_up_find(writer->before, slot, before);
	has = find_newest(writer, relation, slot);
	is_same = had == has && (!had || pfdw_row_is_same(before, writer->current));
	ExecDropSingleTupleTableSlot(before);
	if (!is_same)
		fail_concurrent(false, false);
}

void
pfdw_row_insert(PfdwWriter *writer, Relation relation, TupleTableSlot *slot)
{
	bool is_strict = writer->options->insert_mode == PFDW_INSERT_STRICT;
	char kind = PFDW_KIND_ROW;
	ItemPointerData tid;
	PfdwClaim claim;

	if (!writer->has_key)
	{
		pfdw_delta_insert(writer->heap, slot, writer->command);
		return;
	}
	claim =
		pfdw_delta_claim(writer->heap, slot, &kind, writer->snapshot,
						 writer->command, LockWaitBlock, writer->current, &tid);
	if (is_strict && claim != PFDW_CLAIM_NEW && pfdw_kind_is_row(kind))
		fail_duplicate(writer, slot);
	if (claim == PFDW_CLAIM_CHANGED && kind != PFDW_KIND_LOCK && !is_strict &&
		IsolationUsesXactSnapshot())
		fail_concurrent(false, false);
	if (claim == PFDW_CLAIM_NEW || kind == PFDW_KIND_LOCK)
	{
		if (is_strict)
			(void) pfdw_keyset_add(writer->unseen, slot);
		else if (IsolationUsesXactSnapshot())
			check_unchanged(writer, relation, slot);
	}
	if (claim == PFDW_CLAIM_SELF)
		write_again(writer, &tid, slot, PFDW_KIND_ROW);
	else if (claim != PFDW_CLAIM_NEW)
		pfdw_delta_write(writer->heap, &tid, slot, PFDW_KIND_ROW,
						 writer->command);
}

/* ---- ON CONFLICT ------------------------------------------------------ */

void
pfdw_row_claim(PfdwWriter *writer, Relation relation, TupleTableSlot *row,
			   PfdwFoundRow *found)
{
	(void) pfdw_rows_open(writer, relation);
	found->kind = PFDW_KIND_ROW;
	found->claim =
		pfdw_delta_claim(writer->heap, pfdw_writer_shape(writer, row),
						 &found->kind, writer->snapshot, writer->command,
						 LockWaitBlock, writer->current, &found->tid);
	if (found->claim == PFDW_CLAIM_NEW || found->kind == PFDW_KIND_LOCK)
		found->exists = find_newest(writer, relation, row);
	else
		found->exists = pfdw_kind_is_row(found->kind);
	if (!found->exists || !IsolationUsesXactSnapshot() ||
		found->claim == PFDW_CLAIM_SELF)
		return;
	if (found->claim == PFDW_CLAIM_NEW || found->kind == PFDW_KIND_LOCK)
		check_unchanged(writer, relation, row);
	else if (found->claim == PFDW_CLAIM_CHANGED)
		fail_concurrent(false, false);
}

void
pfdw_row_put(PfdwWriter *writer, PfdwFoundRow *found, TupleTableSlot *row,
			 char kind)
{
	if (kind != PFDW_KIND_LOCK)
		row = pfdw_writer_shape(writer, row);
	if (found->claim == PFDW_CLAIM_NEW && !found->exists)
		return;
	if (found->claim == PFDW_CLAIM_NEW || found->claim == PFDW_CLAIM_SELF)
		write_again(writer, &found->tid, row, kind);
	else
		pfdw_delta_write(writer->heap, &found->tid, row, kind, writer->command);
}
