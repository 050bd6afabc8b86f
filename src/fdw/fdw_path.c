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

#include "access/htup_details.h"
#include "catalog/pg_statistic.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include <limits.h>
#include <math.h>

#define ROW_COST_FACTOR 0.4
#define DECODE_COST_FACTOR 0.1
#define PAGE_COST_FACTOR 0.25

/* A part is opened anew: its footer should not count beside its rows. */
#define PART_ROWS_MIN 131072
#define PART_ROWS_MAX 1048576
#define PARTS_WANTED 32

/* Another scan of a table whose metadata is there, and the rows it decodes
 * for one. */
#define LOOK_UP_COST 30.0
#define LOOK_UP_ROWS 10000.0

/* Half a row group lies before a wanted row, and its pages are passed by. */
#define LOOK_UP_BYTES (8.0 * 1024 * 1024)

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

/*
 * How many rows the query can want of this relation, if no other one and no
 * sort is in between; 0 when that is not known.
 */
static int
row_limit(PlannerInfo *root, const RelOptInfo *baserel,
		  const PfdwPlanInfo *info, List *pathkeys)
{
	if (!pfdw_enable_limit_pushdown || !info->is_data || !info->is_exact ||
		root->limit_tuples < 1 || root->limit_tuples > INT_MAX ||
		!pathkeys_contained_in(root->sort_pathkeys, pathkeys) ||
		(root->parse->sortClause != NIL && pathkeys == NIL) ||
		root->parse->setOperations != NULL ||
		!bms_equal(baserel->relids, root->all_baserels))
		return 0;
	return (int) root->limit_tuples;
}

static ForeignPath *
make_path(PlannerInfo *root, RelOptInfo *baserel, double rows, Cost startup,
		  Cost run, List *pathkeys, List *order, Relids required_outer)
{
	const PfdwPlanInfo *info = baserel->fdw_private;
	int limit = row_limit(root, baserel, info, pathkeys);
	List *private = list_make2(makeInteger(limit), order);
	ForeignPath *path = create_foreignscan_path(
		root, baserel, NULL, /* default target */
		rows, startup, startup + run, pathkeys, required_outer, NULL,
#if PG_VERSION_NUM >= 170000
		NIL,
#endif
		private);

	path->path.parallel_safe = false;
	return path;
}

void
pfdw_add_path_in_order(PlannerInfo *root, RelOptInfo *baserel, Cost startup,
					   Cost run, List *pathkeys, List *attnums)
{
	add_path(baserel,
			 (Path *) make_path(root, baserel, baserel->rows, startup, run,
								pathkeys, attnums, baserel->lateral_relids));
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
	path =
		make_path(root, baserel, clamp_row_est(baserel->rows / divisor),
				  startup, run_cost(baserel, info) / divisor, NIL, NIL, NULL);
	path->path.parallel_aware = true;
	path->path.parallel_safe = true;
	path->path.parallel_workers = workers;
	add_partial_path(baserel, (Path *) path);
}

/* ---- keys of other relations' rows ---------------------------------------- */

/* What a search for join clauses carries around. */
typedef struct KeySearch
{
	const RelOptInfo *baserel;
	const PfdwPlanInfo *info;
	AttrNumber attnum; /* the column whose equalities are wanted */
} KeySearch;

/* Whether files are laid out such that the column's values tell where to look:
 * keys are; in other tables statistics of the server know. */
static bool
is_clustered(PlannerInfo *root, const RelOptInfo *baserel,
			 const PfdwPlanInfo *info, AttrNumber attnum)
{
	Oid relid = planner_rt_fetch(baserel->relid, root)->relid;
	HeapTuple tuple;
	AttStatsSlot slot;
	bool result = false;

	if (bms_is_member(attnum, info->key_attnums))
		return true;
	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relid),
							Int16GetDatum(attnum), BoolGetDatum(false));
	if (!HeapTupleIsValid(tuple))
		return false;
	if (get_attstatsslot(&slot, tuple, STATISTIC_KIND_CORRELATION, InvalidOid,
						 ATTSTATSSLOT_NUMBERS))
	{
		result = slot.nnumbers == 1 && fabs(slot.numbers[0]) > 0.8;
		free_attstatsslot(&slot);
	}
	ReleaseSysCache(tuple);
	return result;
}

static bool
is_column_member(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *ec,
				 EquivalenceMember *em, void *arg)
{
	KeySearch *search = arg;
	Expr *expr = em->em_expr;

	while (IsA(expr, RelabelType))
		expr = ((RelabelType *) expr)->arg;
	return IsA(expr, Var) && ((Var *) expr)->varno == (int) rel->relid &&
		   ((Var *) expr)->varattno == search->attnum &&
		   ((Var *) expr)->varlevelsup == 0;
}

/* Join clauses that give a key, each a reason for a path of its own. */
static List *
find_key_clauses(PlannerInfo *root, RelOptInfo *baserel,
				 const PfdwPlanInfo *info)
{
	KeySearch search = {baserel, info, 0};
	List *found = NIL;
	ListCell *cell;

	foreach (cell, baserel->joininfo)
	{
		RestrictInfo *clause = lfirst_node(RestrictInfo, cell);

		if (join_clause_is_movable_to(clause, baserel))
			found = lappend(found, clause);
	}
	if (!baserel->has_eclass_joins)
		return found;
	for (int i = 0; i < info->column_count; i++)
	{
		search.attnum = info->columns[i].attnum;
		found = list_concat(found, generate_implied_equalities_for_column(
									   root, baserel, is_column_member, &search,
									   baserel->lateral_referencers));
	}
	return found;
}

/* The share of the files that a scan by these clauses reads. */
static double
read_share(PlannerInfo *root, const RelOptInfo *baserel,
		   const PfdwPlanInfo *info, const ParamPathInfo *param)
{
	double share = 1;
	ListCell *cell;

	/* Asked with varRelid: else the clause would remember the answer. */
	foreach (cell, param->ppi_clauses)
	{
		RestrictInfo *clause = lfirst_node(RestrictInfo, cell);
		AttrNumber attnum;
		bool is_equality;

		if (pfdw_predicate_is_key(clause->clause, baserel->relid, info->columns,
								  info->column_count, &is_equality, &attnum) &&
			is_clustered(root, baserel, info, attnum))
			share *= clause_selectivity(root, (Node *) clause,
										(int) baserel->relid, JOIN_INNER, NULL);
	}
	/* Pages are read, not rows; and each look opens a file. */
	return Min(1, share + LOOK_UP_ROWS / Max(info->physical_rows, 1));
}

/* What a look-up costs beside its rows. */
static Cost
look_up_cost(const PfdwPlanInfo *info)
{
	double bytes = Min(info->file_bytes / 2, LOOK_UP_BYTES);

	return LOOK_UP_COST + bytes * info->column_share / BLCKSZ * seq_page_cost *
							  PAGE_COST_FACTOR;
}

static void
add_parameterized_paths(PlannerInfo *root, RelOptInfo *baserel,
						const PfdwPlanInfo *info)
{
	List *clauses = find_key_clauses(root, baserel, info);
	List *done = NIL;
	ListCell *cell;

	foreach (cell, clauses)
	{
		RestrictInfo *clause = lfirst_node(RestrictInfo, cell);
		Relids outer =
			bms_union(clause->clause_relids, baserel->lateral_relids);
		ParamPathInfo *param;
		AttrNumber attnum;
		bool is_equality;
		double share;

		outer = bms_del_member(outer, baserel->relid);
		if (bms_is_empty(outer) ||
			!pfdw_predicate_is_key(clause->clause, baserel->relid,
								   info->columns, info->column_count,
								   &is_equality, &attnum))
			continue;
		param = get_baserel_parampathinfo(root, baserel, outer);
		if (list_member_ptr(done, param))
			continue;
		done = lappend(done, param);
		share = read_share(root, baserel, info, param);
		add_path(baserel, (Path *) make_path(root, baserel, param->ppi_rows,
											 look_up_cost(info),
											 run_cost(baserel, info) * share,
											 NIL, NIL, outer));
	}
}

void
paimonGetForeignPaths(PlannerInfo *root, RelOptInfo *baserel,
					  Oid foreigntableid)
{
	PfdwPlanInfo *info = baserel->fdw_private;
	Cost startup = PFDW_STARTUP_COST + baserel->baserestrictcost.startup;

	add_path(baserel, (Path *) make_path(root, baserel, baserel->rows, startup,
										 run_cost(baserel, info), NIL, NIL,
										 baserel->lateral_relids));
	pfdw_add_ordered_paths(root, baserel, info, startup,
						   run_cost(baserel, info));
	add_shared_path(root, baserel, info, startup);
	if (pfdw_enable_parameterized_scan && pfdw_enable_filter_pushdown &&
		info->is_data)
		add_parameterized_paths(root, baserel, info);
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
		   options->system_kind == PFDW_SYSTEM_NONE && !options->has_changes &&
		   !pfdw_delta_has_pending(&options->ref);
}
