/*
 * fdw_explain.c
 *
 * What EXPLAIN says about a scan. Without ANALYZE the scan is planned but
 * never locked or read. The text form joins what belongs together on one
 * line; the other formats give each figure as a property of its own type.
 */
#include "fdw_aggregate.h"

#include "commands/explain.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

static void
explain_text(const PmnScanStats *stats, ExplainState *es)
{
	StringInfoData pruned;

	ExplainPropertyText("Paimon Files",
						psprintf(UINT64_FORMAT " of " UINT64_FORMAT,
								 stats->files_read, stats->files_total),
						es);
	initStringInfo(&pruned);
	appendStringInfo(
		&pruned,
		"partitions " UINT64_FORMAT ", buckets " UINT64_FORMAT
		", statistics " UINT64_FORMAT ", file index " UINT64_FORMAT,
		stats->files_pruned_partition, stats->files_pruned_bucket,
		stats->files_pruned_statistics, stats->files_pruned_file_index);
	if (stats->files_read < stats->files_total || es->verbose)
		ExplainPropertyText("Pruned", pruned.data, es);
	ExplainPropertyText("Merge",
						stats->merge_engine == NULL
							? "none"
							: psprintf("k-way, %s", stats->merge_engine),
						es);
}

static void
explain_properties(const PmnScanStats *stats, ExplainState *es)
{
	ExplainPropertyInteger("Paimon Files Read", NULL, (int64) stats->files_read,
						   es);
	ExplainPropertyInteger("Paimon Files Total", NULL,
						   (int64) stats->files_total, es);
	ExplainPropertyInteger("Pruned by Partitions", NULL,
						   (int64) stats->files_pruned_partition, es);
	ExplainPropertyInteger("Pruned by Buckets", NULL,
						   (int64) stats->files_pruned_bucket, es);
	ExplainPropertyInteger("Pruned by Statistics", NULL,
						   (int64) stats->files_pruned_statistics, es);
	ExplainPropertyInteger("Pruned by File Index", NULL,
						   (int64) stats->files_pruned_file_index, es);
	ExplainPropertyText("Merge", stats->merge_engine == NULL ? "none" : "k-way",
						es);
	if (stats->merge_engine != NULL)
		ExplainPropertyText("Merge Engine", stats->merge_engine, es);
}

static void
explain_counters(const PmnCounters *counters, ExplainState *es)
{
	if (es->format == EXPLAIN_FORMAT_TEXT)
	{
		ExplainPropertyText(
			"Paimon Rows",
			psprintf("read " UINT64_FORMAT ", merged " UINT64_FORMAT,
					 counters->rows_decoded, counters->rows_merged),
			es);
		ExplainPropertyText(
			"Row Groups",
			psprintf("read " UINT64_FORMAT ", skipped " UINT64_FORMAT,
					 counters->row_groups_read, counters->row_groups_skipped),
			es);
		ExplainPropertyText(
			"Storage",
			psprintf("requests " UINT64_FORMAT ", bytes " UINT64_FORMAT,
					 counters->read_requests + counters->list_requests,
					 counters->read_bytes),
			es);
		return;
	}
	ExplainPropertyInteger("Rows Read", NULL, (int64) counters->rows_decoded,
						   es);
	ExplainPropertyInteger("Rows Merged", NULL, (int64) counters->rows_merged,
						   es);
	ExplainPropertyInteger("Row Groups Read", NULL,
						   (int64) counters->row_groups_read, es);
	ExplainPropertyInteger("Row Groups Skipped", NULL,
						   (int64) counters->row_groups_skipped, es);
	ExplainPropertyInteger(
		"Storage Requests", NULL,
		(int64) (counters->read_requests + counters->list_requests), es);
	ExplainPropertyInteger("Storage Bytes", NULL, (int64) counters->read_bytes,
						   es);
}

static void
explain_filter(ForeignScanState *node, List *pushed, ExplainState *es)
{
	List *context;
	bool use_prefix = es->verbose;
	Expr *filter;

	if (pushed == NIL)
		return;
	filter = list_length(pushed) == 1 ? linitial(pushed)
									  : make_andclause(copyObject(pushed));
	context = set_deparse_context_plan(es->deparse_cxt, node->ss.ps.plan, NIL);
	ExplainPropertyText(
		"Pushed Filter",
		deparse_expression((Node *) filter, context, use_prefix, false), es);
}

static void
explain_aggregate(ForeignScanState *node, ExplainState *es)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	List *context;
	List *names = NIL;
	ListCell *cell;

	context = set_deparse_context_plan(es->deparse_cxt, node->ss.ps.plan, NIL);
	foreach (cell, plan->fdw_scan_tlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);

		if (IsA(entry->expr, Aggref))
			names =
				lappend(names, deparse_expression((Node *) entry->expr, context,
												  es->verbose, false));
	}
	ExplainPropertyList("Pushed Aggregate", names, es);
	ExplainPropertyText("Answered from",
						pfdw_aggregate_is_known(node) ? "metadata" : "files",
						es);
}

void
paimonExplainForeignScan(ForeignScanState *node, ExplainState *es)
{
	PfdwScanState *state = node->fdw_state;
	PfdwReader *reader = state->reader;
	const PmnScanStats *stats;
	PmnCounters counters;
	uint64 delta_rows;

	if (state->system != NULL)
	{
		ExplainPropertyText(
			"Paimon System Table",
			pfdw_name_from_lake(
				pfdw_options_get(RelationGetRelid(node->ss.ss_currentRelation))
					->lake_name),
			es);
		return;
	}
	/* A node that never ran. */
	if (reader->scan == NULL)
		pfdw_scan_open(node, true);
	stats = pmn_scan_stats(reader->scan);
	ExplainPropertyInteger("Paimon Snapshot", NULL, stats->snapshot_id, es);
	if (es->format == EXPLAIN_FORMAT_TEXT)
		explain_text(stats, es);
	else
		explain_properties(stats, es);
	explain_filter(node, reader->pushed, es);
	if (reader->rows_wanted > 0)
		ExplainPropertyInteger("Pushed Limit", NULL,
							   (int64) reader->rows_wanted, es);
	if (state->order != NIL)
		ExplainPropertyText("Key Order",
							state->must_sort ? "by sorting" : "from files", es);
	if (state->aggregate != NULL)
		explain_aggregate(node, es);
	if (es->analyze)
	{
		pfdw_scan_counters(state, &counters, &delta_rows);
		if (reader->overlay != NULL || delta_rows > 0)
			ExplainPropertyInteger("Delta Rows", NULL, (int64) delta_rows, es);
		explain_counters(&counters, es);
	}
}

void
paimonExplainForeignModify(ModifyTableState *mtstate, ResultRelInfo *rinfo,
						   List *fdw_private, int subplan_index,
						   ExplainState *es)
{
	/* Rows go to files of the lake table at the end of the statement. */
}
