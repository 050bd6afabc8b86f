/*
 * fdw_conflict_plan.c
 *
 * INSERT ... ON CONFLICT, on its way through the planner.
 *
 * Core plans the clause for tables with unique indexes and refuses it for
 * all others. A lake table's primary key is one, though the server does not
 * know it. So a planner hook takes the clause out of the query and leaves it
 * where the planner copies it along and does not look, in utilityStmt, which
 * only utility commands have. PlanForeignModify finds it there and hands it
 * over to the executor as the node's private data.
 *
 * What the planner would have done to the expressions is done here: constants
 * are folded, and columns of the row that was to be inserted (EXCLUDED)
 * become those of an inner tuple. What needs plans of its own, a sub-query,
 * is refused.
 *
 * The hook is there from the library's loading on. A session's first
 * statement on a lake table loads it too late for itself, unless it is
 * preloaded.
 */
#include "fdw_conflict.h"

#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static planner_hook_type previous_planner = NULL;

static PlannedStmt *plan_statement(Query *query, const char *text, int options,
								   ParamListInfo params);
static void take_clauses(Query *query);

void
pfdw_conflict_init(void)
{
	previous_planner = planner_hook;
	planner_hook = plan_statement;
}

static PlannedStmt *
plan_statement(Query *query, const char *text, int options,
			   ParamListInfo params)
{
	PlannedStmt *result;

	take_clauses(query);
	result = previous_planner != NULL
				 ? previous_planner(query, text, options, params)
				 : standard_planner(query, text, options, params);
	if (result->utilityStmt != NULL && IsA(result->utilityStmt, OnConflictExpr))
		result->utilityStmt = NULL;
	return result;
}

/* Of the statement and of those in its WITH, the only other place. */
static void
take_clauses(Query *query)
{
	ListCell *cell;

	foreach (cell, query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, cell);

		if (IsA(cte->ctequery, Query))
			take_clauses((Query *) cte->ctequery);
	}
	if (query->commandType == CMD_INSERT && query->onConflict != NULL)
	{
		RangeTblEntry *rte = rt_fetch(query->resultRelation, query->rtable);

		if (rte->relkind != RELKIND_FOREIGN_TABLE ||
			!pfdw_relation_is_ours(rte->relid))
			return;
		query->utilityStmt = (Node *) query->onConflict;
		query->onConflict = NULL;
	}
}

/* ---- what is asked for ------------------------------------------------ */

static void
pg_attribute_noreturn() refuse(const char *table, const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("cannot do this ON CONFLICT on foreign table \"%s\"",
						   table),
					errdetail("%s", detail)));
}

/* Number of the key's columns that the target names; -1: it names others. */
static int
count_key_columns(const OnConflictExpr *clause, Oid relid,
				  const PmnSchema *schema)
{
	Bitmapset *seen = NULL;
	ListCell *cell;

	foreach (cell, clause->arbiterElems)
	{
		InferenceElem *element = lfirst_node(InferenceElem, cell);
		Var *var = (Var *) element->expr;
		const char *name;
		bool found = false;

		if (!IsA(var, Var) || var->varattno <= 0)
			return -1;
		name = pfdw_relation_column_name(
			relid, var->varattno, get_attname(relid, var->varattno, false));
		for (uint32 k = 0; k < schema->primary_key_count; k++)
			found = found || strcmp(schema->primary_keys[k], name) == 0;
		if (!found)
			return -1;
		seen = bms_add_member(seen, var->varattno);
	}
	return bms_num_members(seen);
}

static void
check_target(const OnConflictExpr *clause, Oid relid, const PmnSchema *schema)
{
	if (clause->arbiterElems == NIL && clause->arbiterWhere == NULL &&
		clause->action == ONCONFLICT_NOTHING)
		return;
	if (clause->arbiterWhere != NULL || schema->primary_key_count == 0 ||
		count_key_columns(clause, relid, schema) !=
			(int) schema->primary_key_count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("there is no unique or exclusion constraint matching "
						"the ON CONFLICT specification"),
				 errdetail("A lake table has its primary key.")));
}

/* ---- expressions ------------------------------------------------------ */

typedef struct RewriteContext
{
	const char *table;
	Index target;
	Index excluded;
} RewriteContext;

static Node *
rewrite(Node *node, RewriteContext *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, SubLink) || IsA(node, SubPlan) ||
		(IsA(node, Param) && ((Param *) node)->paramkind != PARAM_EXTERN))
		refuse(context->table, "It has a sub-query.");
	if (IsA(node, Var))
	{
		Var *var = copyObject((Var *) node);

		if (var->varlevelsup > 0 || var->varattno < 0 ||
			((Index) var->varno != context->target &&
			 (Index) var->varno != context->excluded))
			refuse(context->table, "It reads another column than the "
								   "table's and those of EXCLUDED.");
		if ((Index) var->varno == context->excluded)
			var->varno = INNER_VAR;
		return (Node *) var;
	}
	return expression_tree_mutator(node, rewrite, context);
}

static Node *
prepare_expression(PlannerInfo *root, Node *node, RewriteContext *context)
{
	node = rewrite(node, context);
	if (node == NULL)
		return NULL;
	node = eval_const_expressions(root, node);
	fix_opfuncids(node);
	return node;
}

List *
pfdw_conflict_plan(PlannerInfo *root, Oid relid, const PmnSchema *schema)
{
	OnConflictExpr *clause = (OnConflictExpr *) root->parse->utilityStmt;
	RewriteContext context = {.table = get_rel_name(relid)};
	List *columns = NIL;
	List *values = NIL;
	Node *where;
	ListCell *cell;

	if (clause == NULL || !IsA(clause, OnConflictExpr))
		return NIL;
	check_target(clause, relid, schema);
	if (schema->primary_key_count == 0)
		return NIL; /* nothing is in conflict */
	if (!pfdw_takes_rows(schema))
		refuse(context.table, "Rows of this lake table are merged with those "
							  "of the same key by its own rules.");
	context.target = (Index) root->parse->resultRelation;
	context.excluded = (Index) clause->exclRelIndex;
	foreach (cell, clause->onConflictSet)
	{
		TargetEntry *entry = copyObject(lfirst_node(TargetEntry, cell));

		if (entry->resjunk)
			continue;
		columns = lappend_int(columns, entry->resno);
		entry->expr =
			(Expr *) prepare_expression(root, (Node *) entry->expr, &context);
		entry->resno = (AttrNumber) (list_length(values) + 1);
		values = lappend(values, entry);
	}
	where = prepare_expression(root, clause->onConflictWhere, &context);
	return list_make4(makeInteger((int) clause->action), columns, values,
					  make_ands_implicit((Expr *) where));
}
