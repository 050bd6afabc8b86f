/*
 * fdw_plan.c
 *
 * Size, cost and plan of a scan. The size comes from the manifests: a plan of
 * what a statement would see now says how many rows the files hold that the
 * constant quals leave. The table handle made for that is closed at once, as a plan
 * may be kept for days and its memory with it.
 *
 * Quals are a hint for storage and are all checked again by the executor:
 * that keeps them where EvalPlanQual and EXPLAIN look for them, and a scan
 * builds its predicate from plan.qual when it starts, when parameters have
 * values. Storage has dropped the other rows by then, so the second test is
 * paid for few.
 */
#include "fdw_aggregate.h"
#include "fdw_plan.h"
#include "fdw_reader.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include <math.h>

#define SYSTEM_TABLE_ROWS 100

/* What storage reads to find one row by its key. */
#define LOOK_UP_ROWS 10000.0
#define LOOK_UP_PAGES 8.0

/* Columns and their types, for as long as the query is planned. */
static void
keep_columns(PfdwPlanInfo *info, const PfdwColumn *columns, int count,
			 MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	PmnType *types = palloc(sizeof(PmnType) * Max(count, 1));

	info->columns = palloc(sizeof(PfdwColumn) * Max(count, 1));
	info->column_count = count;
	for (int i = 0; i < count; i++)
	{
		types[i] = *columns[i].type;
		info->columns[i] = columns[i];
		info->columns[i].type = &types[i];
		info->columns[i].name = NULL;
	}
	MemoryContextSwitchTo(old);
}

static bool
has_name(const char *const *names, uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++)
	{
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* Partition columns, and the column that a keyed table's files are sorted by
 * first. */
static void
keep_keys(PfdwPlanInfo *info, const PmnSchema *schema, MemoryContext context)
{
	const char *const *partitions =
		(const char *const *) schema->partition_keys;
	uint32_t partition_count = schema->partition_key_count;
	MemoryContext old = MemoryContextSwitchTo(context);
	const char *first = NULL;

	for (uint32_t i = 0; first == NULL && i < schema->primary_key_count; i++)
	{
		if (!has_name(partitions, partition_count, schema->primary_keys[i]))
			first = schema->primary_keys[i];
	}
	for (int i = 0; i < info->column_count; i++)
	{
		int32 field = info->columns[i].field;
		const char *name;

		if (field < 0)
			continue; /* a row kind or such */
		name = schema->fields[field].name;
		if (has_name(partitions, partition_count, name) ||
			(first != NULL && strcmp(first, name) == 0))
			info->key_attnums =
				bms_add_member(info->key_attnums, info->columns[i].attnum);
	}
	MemoryContextSwitchTo(old);
}

static void
keep_orders(PfdwPlanInfo *info, const PmnScan *scan, Relation relation,
			const PmnSchema *schema, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	if (info->is_data)
		info->orders = pfdw_orders_find(scan, relation, schema, info->columns,
										info->column_count);
	MemoryContextSwitchTo(old);
}

/* Attributes that the query uses, by number: FirstLowInvalidHeapAttributeNumber
 * is 0. */
static Bitmapset *
used_attributes(const RelOptInfo *baserel)
{
	Bitmapset *used = NULL;
	ListCell *cell;

	pull_varattnos((Node *) baserel->reltarget->exprs, baserel->relid, &used);
	foreach (cell, baserel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, cell)->clause,
					   baserel->relid, &used);
	return used;
}

/* How much of the files is read, as far as widths of columns tell. */
static double
column_share(const RelOptInfo *baserel)
{
	Bitmapset *used = used_attributes(baserel);
	int whole = 0 - FirstLowInvalidHeapAttributeNumber;
	double all = 0;
	double read = 0;

	if (bms_is_member(whole, used))
		return 1;
	for (int attnum = 1; attnum <= baserel->max_attr; attnum++)
	{
		int32 width = baserel->attr_widths[attnum - baserel->min_attr];

		/* Of columns that are not used the planner has no width. */
		width = width > 0 ? width : 8;
		all += width;
		if (bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, used))
			read += width;
	}
	return all > 0 ? Max(read / all, 0.02) : 1;
}

/* Rows of the delta heap, unless there are files: beside them it is small, and
 * its pages are full of rows that have been moved to them. */
static void
estimate_delta(const PfdwPlanInfo *info, const PfdwOptions *options,
			   const PmnScanStats *stats, double *pages, double *rows)
{
	*pages = 0;
	*rows = 0;
	if (info->is_data && !options->has_changes && stats->files_total == 0)
		pfdw_overlay_estimate(&options->ref, pages, rows);
}

/* What the options, and as_of, say is to be read; range is what request may
 * point to. */
static void
find_snapshot(PfdwTable *table, const PfdwOptions *options,
			  PmnChangeRange *range, PmnScanRequest *request)
{
	PmnTravel travel;
	PfdwView view;

	pfdw_reader_request(options, range, request);
	if (options->has_changes)
	{
		pfdw_check(table->env, pmn_table_resolve_changes(
								   table->table, &options->changes, range));
		return;
	}
	pfdw_travel_get(options, &travel);
	pfdw_travel_settle(table, &travel);
	pfdw_view_get(&options->ref, table, &travel,
				  ActiveSnapshotSet() ? GetActiveSnapshot() : NULL, &view);
	request->snapshot_id = view.snapshot_id;
	request->tag = view.tag;
	request->pending = view.pending;
	request->pending_count = view.pending_count;
	pfdw_relation_use_declared_schema(table, options);
}

static void
estimate_from_files(PlannerInfo *root, RelOptInfo *baserel, Oid relid,
					PfdwPlanInfo *info)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "paimon plan", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PfdwEnv *env = pfdw_env_create(context, "paimon plan storage");
	PfdwOptions *options = pfdw_options_get(relid);
	Relation relation = table_open(relid, NoLock);
	PfdwTable *table = pfdw_relation_open(env, relid, options);
	PmnScanRequest request = {0};
	const PmnScanStats *stats;
	PmnScan *scan;
	PfdwColumn *columns;
	int column_count;
	PmnChangeRange range = {0};
	List *quals = extract_actual_clauses(baserel->baserestrictinfo, false);
	uint64_t exact_count;
	List *pushed = NIL;
	double rows;
	double delta_pages;
	double delta_rows;

	find_snapshot(table, options, &range, &request);
	columns = pfdw_columns_match(relation, table->schema, &column_count);
	info->is_exact = quals == NIL;
	if (pfdw_reader_takes_filter(options))
		request.filter =
			pfdw_predicate_build(quals, baserel->relid, columns, column_count,
								 NULL, &pushed, &info->is_exact);
	scan = pfdw_scan_plan(table, &request);
	stats = pmn_scan_stats(scan);
	if (baserel->consider_parallel)
		pfdw_check(env, pmn_scan_divide(scan, pfdw_part_rows(stats),
										&info->part_count));

	estimate_delta(info, options, stats, &delta_pages, &delta_rows);
	rows = (double) stats->row_count - (double) stats->delete_row_count +
		   delta_rows;
	info->physical_rows = (double) stats->row_count + delta_rows;
	info->size_bytes = (double) stats->size_bytes;
	info->file_bytes = info->size_bytes / (double) Max(stats->files_read, 1);
	info->size_bytes += delta_pages * BLCKSZ;
	info->is_merged = stats->merge_engine != NULL;
	info->has_exact_count = info->is_exact && delta_rows == 0 &&
							list_length(pushed) == list_length(quals) &&
							pmn_scan_exact_count(scan, &exact_count);
	info->column_share = column_share(baserel);
	pfdw_key_hint_set(relid, table->schema, columns, column_count);
	keep_columns(info, columns, column_count, old);
	keep_keys(info, table->schema, old);
	keep_orders(info, scan, relation, table->schema, old);
	/* What the pruned files would hold, if they are like the others. */
	baserel->pages = (BlockNumber) Min(info->size_bytes / BLCKSZ + 1,
									   (double) MaxBlockNumber);
	if (stats->files_read == 0)
		baserel->tuples = Max(baserel->tuples, delta_rows);
	else if (baserel->tuples <= 0 || !info->is_merged)
		baserel->tuples = Max(rows, 1) * (double) stats->files_total /
						  (double) stats->files_read;
	baserel->rows = clamp_row_est(
		Min(Max(rows, 0), baserel->tuples * clauselist_selectivity(
												root, baserel->baserestrictinfo,
												0, JOIN_INNER, NULL)));
	info->tested_rows = baserel->rows;
	if (!info->is_exact)
		info->tested_rows = pushed == NIL
								? info->physical_rows
								: sqrt(info->physical_rows * baserel->rows);
	table_close(relation, NoLock);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* Metadata is counted when it is read; it is little. */
static void
estimate_system_table(PlannerInfo *root, RelOptInfo *baserel)
{
	baserel->pages = 1;
	baserel->tuples = SYSTEM_TABLE_ROWS;
	baserel->rows =
		clamp_row_est(baserel->tuples *
					  clauselist_selectivity(root, baserel->baserestrictinfo, 0,
											 JOIN_INNER, NULL));
}

/* Whether the conditions name one row by its key. */
static bool
is_look_up(const RelOptInfo *baserel, Oid relid)
{
	const Bitmapset *key;
	int attnum = -1;

	if (!pfdw_key_hint(relid, &key) || key == NULL ||
		list_length(baserel->baserestrictinfo) < bms_num_members(key))
		return false;
	while ((attnum = bms_next_member(key, attnum)) >= 0)
	{
		Oid type = getBaseType(get_atttype(relid, (AttrNumber) attnum));
		bool is_fixed = false;
		ListCell *cell;

		foreach (cell, baserel->baserestrictinfo)
			is_fixed |= pfdw_fixed_value(
							(Node *) lfirst_node(RestrictInfo, cell)->clause,
							baserel->relid, (AttrNumber) attnum, type) != NULL;
		if (!is_fixed)
			return false;
	}
	return true;
}

/*
 * One row, whatever is in the lake: nothing need be opened to plan that, and
 * with parameters the plan is as good as with their values.
 */
static void
estimate_look_up(RelOptInfo *baserel, PfdwPlanInfo *info)
{
	baserel->rows = 1;
	baserel->tuples = Max(baserel->tuples, 1);
	baserel->pages = Max(baserel->pages, 1);
	info->physical_rows = LOOK_UP_ROWS;
	info->size_bytes = LOOK_UP_PAGES * BLCKSZ;
	info->file_bytes = info->size_bytes;
	info->is_exact = true;
	info->tested_rows = 1;
	info->column_share = 1;
}

void
paimonGetForeignRelSize(PlannerInfo *root, RelOptInfo *baserel,
						Oid foreigntableid)
{
	PfdwPlanInfo *info = palloc0(sizeof(*info));

	baserel->fdw_private = info;
	if (pfdw_options_get(foreigntableid)->system != NULL)
	{
		estimate_system_table(root, baserel);
		return;
	}
	info->is_data =
		pfdw_options_get(foreigntableid)->system_kind == PFDW_SYSTEM_NONE;
	if (info->is_data && !pfdw_options_get(foreigntableid)->has_changes &&
		pfdw_enable_filter_pushdown && is_look_up(baserel, foreigntableid))
		estimate_look_up(baserel, info);
	else
		estimate_from_files(root, baserel, foreigntableid, info);
}

ForeignScan *
paimonGetForeignPlan(PlannerInfo *root, RelOptInfo *baserel, Oid foreigntableid,
					 ForeignPath *best_path, List *tlist, List *scan_clauses,
					 Plan *outer_plan)
{
	Bitmapset *used = NULL;
	List *attnums = NIL;
	int member = -1;
	List *order = NIL;
	ListCell *cell;
	int limit = 0;

	if (IS_UPPER_REL(baserel))
		return pfdw_aggregate_plan(root, baserel, best_path, tlist, outer_plan);
	if (best_path->fdw_private != NIL)
	{
		limit = intVal(linitial(best_path->fdw_private));
		order = lsecond(best_path->fdw_private);
	}
	scan_clauses = extract_actual_clauses(scan_clauses, false);
	pull_varattnos((Node *) baserel->reltarget->exprs, baserel->relid, &used);
	pull_varattnos((Node *) scan_clauses, baserel->relid, &used);
	foreach (cell, order)
		used = bms_add_member(used, lfirst_int(cell) -
										FirstLowInvalidHeapAttributeNumber);
	/* A 0 in the list stands for the whole row. */
	while ((member = bms_next_member(used, member)) >= 0)
	{
		int attnum = member + FirstLowInvalidHeapAttributeNumber;

		if (attnum >= 0)
			attnums = lappend_int(attnums, attnum);
	}
	return make_foreignscan(tlist, scan_clauses, baserel->relid, NIL,
							list_make3(attnums, makeInteger(limit), order), NIL,
							NIL, outer_plan);
}
