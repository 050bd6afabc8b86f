/*
 * fdw_probe.c
 *
 * A scan whose conditions fix the whole primary key asks the delta's index
 * first. A row there is the answer, a tombstone says that there is none, and
 * in both cases the lake is not even opened. Only a key that the delta does
 * not have is looked for in the lake, and then no other row of the delta
 * matters.
 *
 * The answer is known when the scan begins if the key's values are, so that a
 * cursor's rows are fixed then; keys that come from other rows of the query
 * are looked up one by one, and such a scan opens the lake at its begin.
 *
 * The row still passes the executor's test of all conditions. What must hold
 * is that no other row can: so only types are looked up whose equality is the
 * same here, in the index and in the lake (no float's -0.0, no char(n)'s
 * blanks; keys of nanoseconds have no delta).
 */
#include "fdw_plan.h"
#include "fdw_scan_state.h"

#include "access/stratnum.h"
#include "catalog/pg_type_d.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

struct PfdwProbe
{
	int count;
	ExprState **values; /* of the key's columns */
	Oid *from;			/* types of the values */
	Oid *to;			/* and of the columns */
	Datum *key;
	bool has_run_time_key;
};

static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

static bool
has_one_equality(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case TEXTOID:
		case VARCHAROID:
		case BYTEAOID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return true;
		default:
			return false;
	}
}

static Node *
strip(Node *node)
{
	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node;
}

static bool
is_column(Node *node, Index rti, AttrNumber attnum)
{
	return node != NULL && IsA(node, Var) && ((Var *) node)->varno == rti &&
		   ((Var *) node)->varattno == attnum &&
		   ((Var *) node)->varlevelsup == 0;
}

/* Whether a value of one type is a key of another as it stands. */
static bool
is_key_type(Oid from, Oid to)
{
	bool is_text = from == TEXTOID || from == VARCHAROID;

	return from == to || (is_integer(from) && is_integer(to)) ||
		   (is_text && (to == TEXTOID || to == VARCHAROID));
}

Expr *
pfdw_fixed_value(Node *qual, Index rti, AttrNumber attnum, Oid type)
{
	OpExpr *op = (OpExpr *) qual;
	Node *left;
	Node *right;
	Oid family;

	if (!has_one_equality(type) || !IsA(qual, OpExpr) ||
		list_length(op->args) != 2)
		return NULL;
	family = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
	if (get_op_opfamily_strategy(op->opno, family) != BTEqualStrategyNumber ||
		(OidIsValid(op->inputcollid) &&
		 !get_collation_isdeterministic(op->inputcollid)))
		return NULL;
	left = strip(linitial(op->args));
	right = strip(lsecond(op->args));
	if (!is_column(left, rti, attnum))
	{
		Node *other = left;

		left = right;
		right = other;
	}
	if (!is_column(left, rti, attnum) || contain_var_clause(right) ||
		contain_volatile_functions(right) || contain_subplans(right) ||
		!is_key_type(getBaseType(exprType(right)), type))
		return NULL;
	return (Expr *) right;
}

static bool
has_run_time_key(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind != PARAM_EXTERN)
		return true;
	return expression_tree_walker(node, has_run_time_key, context);
}

PfdwProbe *
pfdw_probe_create(ForeignScanState *node, const AttrNumber *attnums, int count)
{
	PfdwScanState *state = node->fdw_state;
	TupleDesc tupdesc = RelationGetDescr(state->reader->relation);
	PfdwProbe *probe;

	if (count == 0 || list_length(state->quals) < count)
		return NULL;
	probe = palloc0(sizeof(*probe));
	probe->count = count;
	probe->values = palloc0(sizeof(ExprState *) * count);
	probe->from = palloc0(sizeof(Oid) * count);
	probe->to = palloc0(sizeof(Oid) * count);
	probe->key = palloc0(sizeof(Datum) * count);
	for (int k = 0; k < count; k++)
	{
		Oid type =
			getBaseType(TupleDescAttr(tupdesc, attnums[k] - 1)->atttypid);
		Expr *value = NULL;
		ListCell *cell;

		foreach (cell, state->quals)
		{
			value =
				pfdw_fixed_value(lfirst(cell), state->rti, attnums[k], type);
			if (value != NULL)
				break;
		}
		if (value == NULL)
			return NULL;
		probe->from[k] = getBaseType(exprType((Node *) value));
		probe->to[k] = type;
		probe->has_run_time_key |= has_run_time_key((Node *) value, NULL);
		probe->values[k] = ExecInitExpr(value, &node->ss.ps);
	}
	return probe;
}

bool
pfdw_probe_has_run_time_key(const PfdwProbe *probe)
{
	return probe->has_run_time_key;
}

/* Between the integer types; false: out of range. */
static bool
convert_integer(Oid from, Oid to, Datum *value)
{
	int64 number;

	if (from == to || !is_integer(from))
		return true;
	number = from == INT2OID   ? DatumGetInt16(*value)
			 : from == INT4OID ? DatumGetInt32(*value)
							   : DatumGetInt64(*value);
	if (to == INT8OID)
		*value = Int64GetDatum(number);
	else if (to == INT4OID)
		*value = Int32GetDatum((int32) number);
	else
		*value = Int16GetDatum((int16) number);
	return to == INT8OID || (to == INT4OID && number == (int32) number) ||
		   (to == INT2OID && number == (int16) number);
}

PfdwAnswer
pfdw_probe_run(ForeignScanState *node)
{
	PfdwScanState *state = node->fdw_state;
	PfdwProbe *probe = state->probe;
	ExprContext *econtext = node->ss.ps.ps_ExprContext;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	bool is_deleted;
	MemoryContext old;

	old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
	for (int k = 0; k < probe->count; k++)
	{
		bool is_null;

		probe->key[k] = ExecEvalExpr(probe->values[k], econtext, &is_null);
		if (is_null ||
			!convert_integer(probe->from[k], probe->to[k], &probe->key[k]))
		{
			MemoryContextSwitchTo(old);
			return PFDW_ANSWER_NONE;
		}
	}
	MemoryContextSwitchTo(old);
	if (!pfdw_overlay_probe(state->reader->overlay, probe->key, slot,
							&is_deleted))
		return PFDW_ANSWER_LAKE;
	if (is_deleted)
	{
		ExecClearTuple(slot);
		return PFDW_ANSWER_NONE;
	}
	/* What it points to is the index scan's. */
	ExecMaterializeSlot(slot);
	state->reader->delta_rows++;
	return PFDW_ANSWER_ROW;
}
