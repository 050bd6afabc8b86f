/*
 * fdw_path.c
 *
 * Ways to scan a lake table, with their costs.
 *
 * Costs, in units of about 10 microseconds: opening a table and reading its
 * manifests is about a millisecond, decoding is cheaper than a heap page
 * (columns, compressed), a row that is only looked at inside storage a tenth
 * of a heap's, and merging doubles all that. Nearly all
 * of it is work of the processor, also the reading of pages (they are
 * decompressed), so that processes which share a scan share all of it.
 *
 * Only the path that workers share may run in workers: they are told the
 * snapshot through shared memory. A whole scan inside a worker would look up
 * the newest snapshot by itself and might see another state of the lake than
 * the leader does.
 */
#include "fdw_plan.h"

#include "miscadmin.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"

#define ROW_COST_FACTOR 0.4
#define DECODE_COST_FACTOR 0.1
#define PAGE_COST_FACTOR 0.25

/* A part is opened anew: its footer should not count beside its rows. */
#define PART_ROWS_MIN 131072
#define PART_ROWS_MAX 1048576
#define PARTS_WANTED 32

uint64_t
pfdw_part_rows(const PmnScanStats *stats)
{
	uint64_t rows = stats->row_count / PARTS_WANTED;

	return Min(Max(rows, PART_ROWS_MIN), PART_ROWS_MAX);
}

Cost
pfdw_decode_cost(const PfdwPlanInfo *info)
{
	double row_cost = cpu_tuple_cost * DECODE_COST_FACTOR;

	return info->size_bytes * info->column_share / BLCKSZ * seq_page_cost *
			   PAGE_COST_FACTOR +
		   info->physical_rows * row_cost * (info->is_merged ? 5 : 1);
}

/* Cost of reading all that the plan found, after start-up. */
static Cost
run_cost(const RelOptInfo *baserel, const PfdwPlanInfo *info)
{
	double row_cost = cpu_tuple_cost * ROW_COST_FACTOR;

	return pfdw_decode_cost(info) +
		   info->tested_rows * (row_cost + baserel->baserestrictcost.per_tuple);
}

static ForeignPath *
make_path(PlannerInfo *root, RelOptInfo *baserel, double rows, Cost startup,
		  Cost run)
{
	ForeignPath *path = create_foreignscan_path(
		root, baserel, NULL,			   /* default target */
		rows, startup, startup + run, NIL, /* no order */
		baserel->lateral_relids, NULL,
#if PG_VERSION_NUM >= 170000
		NIL,
#endif
		NIL);

	path->path.parallel_safe = false;
	return path;
}

/* As core shares the work out between workers and a leader who helps. */
static double
parallel_divisor(int workers)
{
	double leader = parallel_leader_participation ? 1.0 - 0.3 * workers : 0;

	return workers + Max(leader, 0);
}

static void
add_shared_path(PlannerInfo *root, RelOptInfo *baserel,
				const PfdwPlanInfo *info, Cost startup)
{
	ForeignPath *path;
	double divisor;
	int workers;

	if (!pfdw_enable_parallel_scan || !baserel->consider_parallel ||
		baserel->lateral_relids != NULL || info->part_count == 0)
		return;
	workers = compute_parallel_worker(baserel, baserel->pages, -1,
									  max_parallel_workers_per_gather);
	workers = Min(workers, (int) Min(info->part_count, 1024));
	if (workers <= 0)
		return;
	/* No more than one process for a part. */
	divisor = Min(parallel_divisor(workers), info->part_count);
	path = make_path(root, baserel, clamp_row_est(baserel->rows / divisor),
					 startup, run_cost(baserel, info) / divisor);
	path->path.parallel_aware = true;
	path->path.parallel_safe = true;
	path->path.parallel_workers = workers;
	add_partial_path(baserel, (Path *) path);
}

void
paimonGetForeignPaths(PlannerInfo *root, RelOptInfo *baserel,
					  Oid foreigntableid)
{
	PfdwPlanInfo *info = baserel->fdw_private;
	Cost startup = PFDW_STARTUP_COST + baserel->baserestrictcost.startup;

	add_path(baserel, (Path *) make_path(root, baserel, baserel->rows, startup,
										 run_cost(baserel, info)));
	add_shared_path(root, baserel, info, startup);
}

/*
 * Whether workers may share a scan. What this transaction has written is in
 * the leader's memory only.
 */
bool
paimonIsForeignScanParallelSafe(PlannerInfo *root, RelOptInfo *rel,
								RangeTblEntry *rte)
{
	PfdwOptions *options = pfdw_options_get(rte->relid);

	return pfdw_enable_parallel_scan &&
		   options->system_kind == PFDW_SYSTEM_NONE &&
		   !pfdw_delta_has_pending(&options->ref);
}
