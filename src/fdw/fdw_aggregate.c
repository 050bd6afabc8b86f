/*
 * fdw_aggregate.c
 *
 * Planning of aggregates that the scan itself computes: count, min, max, sum
 * and avg of plain columns, over one lake table, without GROUP BY. The scan
 * then gives a single row.
 *
 * The quals need not be ones that storage understands. fdw_scan_tlist holds
 * the aggregates, and after them the columns that the quals use; so a qual's
 * columns are columns of the scan's own slot, and what storage cannot test is
 * tested here, row by row, before a batch is folded. The quals travel in
 * fdw_exprs, where the planner finds their parameters.
 */
#include "fdw_aggregate.h"
#include "fdw_plan.h"

#include "catalog/pg_aggregate_d.h"
#include "catalog/pg_namespace_d.h"
#include "catalog/pg_type_d.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "optimizer/tlist.h"
#include "utils/lsyscache.h"

bool
pfdw_aggregate_recognise(const Aggref *aggref, PfdwAggregateOp *op,
						 Var **argument)
{
	static const struct
	{
		const char *name;
		PfdwAggregateOp op;
	} known[] = {
		{"count", PFDW_COUNT}, {"min", PFDW_MIN}, {"max", PFDW_MAX},
		{"sum", PFDW_SUM},	   {"avg", PFDW_AVG},
	};
	const char *name = get_func_name(aggref->aggfnoid);
	Node *node;
	int i = 0;

	*argument = NULL;
	if (name == NULL ||
		get_func_namespace(aggref->aggfnoid) != PG_CATALOG_NAMESPACE ||
		aggref->aggkind != AGGKIND_NORMAL || aggref->aggdistinct != NIL ||
		aggref->aggorder != NIL || aggref->aggfilter != NULL ||
		aggref->aggdirectargs != NIL || aggref->agglevelsup != 0 ||
		aggref->aggsplit != AGGSPLIT_SIMPLE)
		return false;
	while (i < lengthof(known) && strcmp(known[i].name, name) != 0)
		i++;
	if (i == lengthof(known))
		return false;
	*op = known[i].op;
	if (aggref->aggstar)
	{
		*op = PFDW_COUNT_ROWS;
		return true;
	}
	if (list_length(aggref->args) != 1)
		return false;
	node = (Node *) linitial_node(TargetEntry, aggref->args)->expr;
	/* varchar to text. */
	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	if (!IsA(node, Var) || ((Var *) node)->varattno <= 0)
		return false;
	*argument = (Var *) node;
	return true;
}

static const PfdwColumn *
find_column(const PfdwPlanInfo *info, AttrNumber attnum)
{
	for (int i = 0; i < info->column_count; i++)
	{
		if (info->columns[i].attnum == attnum)
			return &info->columns[i];
	}
	return NULL;
}

static bool
can_push_aggregate(const PfdwPlanInfo *info, const RelOptInfo *baserel,
				   const Aggref *aggref)
{
	PfdwAggregateOp op;
	Var *argument;
	const PfdwColumn *column;

	if (!pfdw_aggregate_recognise(aggref, &op, &argument))
		return false;
	if (argument == NULL)
		return true;
	column = find_column(info, argument->varattno);
	return argument->varno == (int) baserel->relid &&
		   argument->varlevelsup == 0 && column != NULL &&
		   pfdw_aggregate_can_fold(op, column, aggref->inputcollid);
}

/* The quals of the scan; false when they can't go along. */
static bool
collect_quals(const RelOptInfo *baserel, List **quals)
{
	List *vars;
	ListCell *cell;

	*quals = NIL;
	foreach (cell, baserel->baserestrictinfo)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, cell);

		if (info->pseudoconstant || contain_subplans((Node *) info->clause) ||
			contain_volatile_functions((Node *) info->clause))
			return false;
		*quals = lappend(*quals, info->clause);
	}
	vars = pull_var_clause((Node *) *quals, PVC_INCLUDE_PLACEHOLDERS);
	foreach (cell, vars)
	{
		Var *var = lfirst(cell);

		if (!IsA(var, Var) || var->varattno <= 0)
			return false;
	}
	return true;
}

/* The aggregates of a target list, as one to scan; NIL when some can't. */
static List *
collect_aggregates(const PfdwPlanInfo *info, const RelOptInfo *baserel,
				   const PathTarget *target)
{
	List *found =
		pull_var_clause((Node *) target->exprs,
						PVC_INCLUDE_AGGREGATES | PVC_INCLUDE_PLACEHOLDERS);
	ListCell *cell;

	foreach (cell, found)
	{
		Node *node = lfirst(cell);

		if (!IsA(node, Aggref) ||
			!can_push_aggregate(info, baserel, (Aggref *) node))
			return NIL;
	}
	return add_to_flat_tlist(NIL, found);
}

/* A fold costs a fraction of an operator, a tested row a whole one. */
static Cost
aggregate_cost(const PfdwPlanInfo *info, int aggregate_count)
{
	if (info->has_exact_count && aggregate_count == 1)
		return cpu_tuple_cost;
	return pfdw_decode_cost(info) + info->tested_rows * cpu_operator_cost *
										(0.1 + 0.1 * aggregate_count);
}

void
paimonGetForeignUpperPaths(PlannerInfo *root, UpperRelationKind stage,
						   RelOptInfo *input_rel, RelOptInfo *output_rel,
						   void *extra)
{
	PfdwPlanInfo *info = input_rel->fdw_private;
	const Query *parse = root->parse;
	List *quals;
	List *tlist;
	Cost startup;
	Cost total;

	if (stage != UPPERREL_GROUP_AGG || !pfdw_enable_aggregate_pushdown ||
		info == NULL || !info->is_data || output_rel->fdw_private != NULL ||
		input_rel->reloptkind != RELOPT_BASEREL || !parse->hasAggs ||
		parse->groupClause != NIL || parse->groupingSets != NIL ||
		((GroupPathExtraData *) extra)->havingQual != NULL ||
		input_rel->lateral_relids != NULL)
		return;
	if (!collect_quals(input_rel, &quals))
		return;
	tlist = collect_aggregates(info, input_rel, output_rel->reltarget);
	if (tlist == NIL)
		return;
	output_rel->fdw_private = info;
	startup = PFDW_STARTUP_COST + input_rel->baserestrictcost.startup;
	if (!info->is_exact)
		startup += info->tested_rows * input_rel->baserestrictcost.per_tuple;
	startup += aggregate_cost(info, list_length(tlist));
	total = startup + cpu_tuple_cost;
	add_path(output_rel, (Path *) create_foreign_upper_path(
							 root, output_rel, output_rel->reltarget, 1,
							 startup, total, NIL, NULL,
#if PG_VERSION_NUM >= 170000
							 NIL,
#endif
							 list_make2(tlist, quals)));
}

ForeignScan *
pfdw_aggregate_plan(PlannerInfo *root, RelOptInfo *rel, ForeignPath *path,
					List *tlist, Plan *outer_plan)
{
	List *scan_tlist = copyObject(linitial(path->fdw_private));
	List *quals = copyObject(lsecond(path->fdw_private));
	List *vars = pull_var_clause((Node *) quals, 0);

	scan_tlist = add_to_flat_tlist(scan_tlist, vars);
	return make_foreignscan(tlist, NIL, 0, quals, list_make1(NIL), scan_tlist,
							NIL, outer_plan);
}
