/*
 * fdw_scan.c
 *
 * The executor's side of a scan: one slot per row out of decoded batches.
 *
 * Begin fixes the view, as a cursor must not see what is written after it
 * was declared. Rows that the statement changes or locks are claimed later,
 * one by one (fdw_row.c, fdw_lock.c). Files are chosen at the first row, when
 * run-time keys have values. EXPLAIN alone neither locks nor reads data.
 *
 * A scan for one key may be answered by the delta alone: see fdw_probe.c.
 *
 * The loop is the hot path: the slot's arrays are preset with nulls once and
 * then only the attributes that the plan needs are stored, from arrays that
 * the bridge filled a column at a time.
 */
#include "fdw_aggregate.h"
#include "fdw_plan.h"
#include "fdw_writer.h"

#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "utils/memutils.h"
#include "utils/rel.h"

static void attach(ForeignScanState *node);
static bool probe_at_begin(ForeignScanState *node);
static bool is_answered(ForeignScanState *node);
static bool has_param_walker(Node *node, void *context);
static bool is_modified(EState *estate, Index scanrelid);
static bool is_locked(EState *estate, Index scanrelid);
static void preset_slot(TupleTableSlot *slot);

void
paimonBeginForeignScan(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	PfdwScanState *state = palloc0(sizeof(*state));
	Index rti = plan->scan.scanrelid > 0
					? plan->scan.scanrelid
					: (Index) bms_singleton_member(plan->fs_relids);
	Relation relation = ExecGetRangeTableRelation(node->ss.ps.state, rti);
	PfdwOptions *options = pfdw_options_get(RelationGetRelid(relation));
	ListCell *cell;

	if (options->system != NULL)
	{
		state->system = pfdw_system_begin(relation, options);
		node->fdw_state = state;
		return;
	}
	state->rti = rti;
	state->reader = pfdw_reader_create(CurrentMemoryContext, relation);
	state->reader->snapshot = node->ss.ps.state->es_snapshot;
	state->reader->is_explain = (eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0;
	state->quals = plan->scan.plan.qual;
	foreach (cell, (List *) linitial(plan->fdw_private))
	{
		if (lfirst_int(cell) == 0)
			state->needs_all = true;
		else
			state->attnums = bms_add_member(state->attnums, lfirst_int(cell));
	}
	node->fdw_state = state;
	if (plan->scan.scanrelid == 0)
	{
		state->quals = plan->fdw_exprs;
		pfdw_aggregate_begin(node);
	}
	if (list_length(plan->fdw_private) > PFDW_PLAN_LIMIT)
		state->reader->rows_wanted =
			(uint64) intVal(list_nth(plan->fdw_private, PFDW_PLAN_LIMIT));
	if (list_length(plan->fdw_private) > PFDW_PLAN_ORDER)
		state->order = list_nth(plan->fdw_private, PFDW_PLAN_ORDER);
	state->has_param = has_param_walker((Node *) state->quals, NULL);
	state->reader->is_look_up = state->has_param && plan->scan.scanrelid > 0 &&
								plan->scan.plan.plan_rows <= 10;
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
	{
		state->is_target = is_modified(node->ss.ps.state, state->rti);
		state->is_locked = is_locked(node->ss.ps.state, state->rti);
	}
	if (state->is_locked && node->ss.ps.state->es_epq_active == NULL)
	{
		/* Whether a row has changed is told by all of it. */
		state->needs_all = true;
		state->locks =
			pfdw_locks_create(node->ss.ps.state, state->rti, state->reader);
	}
	/* A worker waits for what the leader sees. */
	if (plan->scan.plan.parallel_aware && IsParallelWorker())
		return;
	/* EvalPlanQual starts the node only to feed it the row to test. */
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0 &&
		node->ss.ps.state->es_epq_active == NULL && !probe_at_begin(node))
		attach(node);
}

/* Whether the delta has the only row that the scan can return, or says that
 * there is none: then the lake need not be opened. */
static bool
probe_at_begin(ForeignScanState *node)
{
	PfdwScanState *state = node->fdw_state;
	PfdwReader *reader = state->reader;
	const AttrNumber *attnums;
	int count;

	if (state->aggregate != NULL || node->ss.ps.plan->parallel_aware ||
		!pfdw_reader_open_overlay(reader))
		return false;
	attnums = pfdw_overlay_keys(reader->overlay, &count);
	state->probe = pfdw_probe_create(node, attnums, count);
	if (state->probe == NULL || pfdw_probe_has_run_time_key(state->probe))
		return false;
	pfdw_relation_check_read(RelationGetRelid(reader->relation),
							 reader->options);
	pfdw_writers_flush(node->ss.ps.state, &reader->options->ref);
	state->answer = pfdw_probe_run(node);
	return state->answer != PFDW_ANSWER_LAKE;
}

/* Whether the delta's index has answered: the slot has the row, or nothing. */
static bool
is_answered(ForeignScanState *node)
{
	PfdwScanState *state = node->fdw_state;

	if (state->answer == PFDW_ANSWER_UNKNOWN)
		state->answer = pfdw_probe_run(node);
	state->is_preset = false;
	switch (state->answer)
	{
		case PFDW_ANSWER_ROW:
			state->answer = PFDW_ANSWER_NONE;
			return true;
		case PFDW_ANSWER_NONE:
			ExecClearTuple(node->ss.ss_ScanTupleSlot);
			return true;
		default:
			break;
	}
	/* No row of the delta can be the one that is wanted. */
	state->reader->skips_delta = true;
	if (state->reader->table == NULL)
		attach(node);
	return false;
}

/* Fix what the scan will see, after taking the lock that it needs. */
static void
attach(ForeignScanState *node)
{
	PfdwScanState *state = node->fdw_state;
	PfdwReader *reader = state->reader;
	bool changes = state->is_target || state->is_locked;

	if (changes && (reader->options->has_changes ||
					reader->options->system_kind != PFDW_SYSTEM_NONE))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot lock rows of foreign table \"%s\"",
							   RelationGetRelationName(reader->relation)),
						errdetail("It does not show the lake table itself.")));
	pfdw_writers_flush(node->ss.ps.state, &reader->options->ref);
	reader->locks_rows = true;
	pfdw_reader_open(reader, state->is_target);
	if (state->is_locked && (!pmn_table_has_primary_key(reader->table->table) ||
							 !pfdw_takes_rows(reader->table->schema)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot lock rows of foreign table \"%s\"",
						RelationGetRelationName(reader->relation)),
				 errdetail(pmn_table_has_primary_key(reader->table->table)
							   ? "A row of the lake table is not the last one "
								 "that was written with its key."
							   : "The lake table has no primary key.")));
	if (changes && reader->travel.kind != PMN_TRAVEL_LATEST)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot change or lock rows of foreign table \"%s\" "
						"as of an earlier snapshot",
						RelationGetRelationName(reader->relation))));
}

void
pfdw_scan_open(ForeignScanState *node, bool is_explain)
{
	PfdwScanState *state = node->fdw_state;
	PfdwReader *reader = state->reader;

	if (reader->scan != NULL)
		return;
	pfdw_reader_open(reader, false); /* for EXPLAIN; else attach did */
	if (state->aggregate != NULL)
	{
		pfdw_aggregate_open(node, is_explain);
		return;
	}
	pfdw_reader_project(reader, state->attnums, state->needs_all);
	pfdw_reader_plan(reader, state->quals, state->rti, reader->columns,
					 reader->column_count,
					 is_explain ? NULL : node->ss.ps.ps_ExprContext);
	if (state->order != NIL)
		pfdw_scan_order(state);
	if (state->shared != NULL && !is_explain)
		pfdw_scan_share(state);
}

static TupleTableSlot *
next_row(ForeignScanState *node)
{
	PfdwScanState *state = node->fdw_state;

	if (state->system != NULL)
		return pfdw_system_next(state->system, node->ss.ss_ScanTupleSlot);
	if (unlikely(state->aggregate != NULL))
		return pfdw_aggregate_iterate(node);
	if (state->probe != NULL && !state->reader->skips_delta &&
		is_answered(node))
		return node->ss.ss_ScanTupleSlot;
	if (unlikely(state->reader->scan == NULL))
		pfdw_scan_open(node, false);
	if (unlikely(state->must_sort))
		return pfdw_scan_sorted_next(node);
	if (unlikely(state->must_merge))
		return pfdw_scan_merged_next(node);
	return pfdw_scan_next_row(node);
}

TupleTableSlot *
paimonIterateForeignScan(ForeignScanState *node)
{
	PfdwScanState *state = node->fdw_state;
	TupleTableSlot *slot = next_row(node);

	if (unlikely(state->locks != NULL) && !TupIsNull(slot))
		pfdw_locks_note(state->locks, slot);
	return slot;
}

TupleTableSlot *
pfdw_scan_next_row(ForeignScanState *node)
{
	PfdwScanState *state = node->fdw_state;
	PfdwReader *reader = state->reader;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	const PfdwColumn *needed;
	uint32 row;

	ExecClearTuple(slot);
	if (unlikely(reader->row >= reader->row_count))
	{
		if (!pfdw_reader_next_batch(reader))
			return slot;
	}
	if (unlikely(!state->is_preset))
	{
		preset_slot(slot);
		state->is_preset = true;
	}
	row = pfdw_reader_row(reader, reader->row++);
	needed = reader->needed;
	for (int i = 0; i < reader->needed_count; i++)
	{
		int at = needed[i].attnum - 1;

		slot->tts_values[at] = reader->decoder->values[i][row];
		slot->tts_isnull[at] = reader->decoder->nulls[i][row];
	}
	return ExecStoreVirtualTuple(slot);
}

static void
preset_slot(TupleTableSlot *slot)
{
	int count = slot->tts_tupleDescriptor->natts;

	memset(slot->tts_values, 0, sizeof(Datum) * count);
	memset(slot->tts_isnull, 1, sizeof(bool) * count);
}

void
paimonReScanForeignScan(ForeignScanState *node)
{
	PfdwScanState *state = node->fdw_state;

	if (state->system != NULL)
	{
		pfdw_system_rescan(state->system);
		return;
	}
	state->is_preset = false;
	state->answer = PFDW_ANSWER_UNKNOWN;
	if (state->probe != NULL)
		state->reader->skips_delta = false;
	pfdw_scan_sort_end(state);
	if (state->aggregate != NULL)
		pfdw_aggregate_rescan(node);
	else if (state->has_param && node->ss.ps.chgParam != NULL)
		pfdw_reader_unplan(state->reader);
	else
		pfdw_reader_rewind(state->reader);
}

void
paimonEndForeignScan(ForeignScanState *node)
{
	PfdwScanState *state = node->fdw_state;

	if (state == NULL)
		return;
	if (state->system != NULL)
		pfdw_system_end(state->system);
	else
	{
		pfdw_scan_sort_end(state);
		pfdw_locks_free(state->locks);
		pfdw_reader_close(state->reader);
	}
	if (state->segment != NULL)
		dsm_detach(state->segment);
	node->fdw_state = NULL;
}

static bool
has_param_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return true;
	return expression_tree_walker(node, has_param_walker, context);
}

/* Whether the statement updates or deletes from this scan's relation. */
static bool
is_modified(EState *estate, Index scanrelid)
{
	if (estate->es_plannedstmt == NULL)
		return false;
	return list_member_int(estate->es_plannedstmt->resultRelations,
						   (int) scanrelid);
}

static bool
is_locked(EState *estate, Index scanrelid)
{
	ListCell *cell;

	if (estate->es_plannedstmt == NULL)
		return false;
	foreach (cell, estate->es_plannedstmt->rowMarks)
	{
		PlanRowMark *mark = lfirst_node(PlanRowMark, cell);

		if (mark->rti == scanrelid && mark->strength != LCS_NONE)
			return true;
	}
	return false;
}
